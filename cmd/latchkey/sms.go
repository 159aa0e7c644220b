package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/internal/numbers"
	"latchkey/internal/onboarding"
)

// textLimits are the flags that say what an organization may text. What is nil was not given.
type textLimits struct {
	countries *[]string
	perDay    *int
	budget    *onboarding.Money
}

func (l *textLimits) define(f *flag.FlagSet) {
	f.Func("sms-countries", "`CODES` of the countries whose numbers are texted, such as DE,AT; \"own\" for the organization's alone",
		func(s string) error {
			var all []string
			if s != "own" {
				for code := range strings.SplitSeq(s, ",") {
					country, err := parseCountry(strings.TrimSpace(code))
					if err != nil {
						return err
					}
					all = append(all, country)
				}
				slices.Sort(all)
				all = slices.Compact(all)
			}
			l.countries = &all
			return nil
		})
	f.Func("sms-daily-limit", "`NUMBER` of invitations that may be texted in one UTC day; 0 for none", func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return errors.New("a limit is a whole number from 0 up")
		}
		l.perDay = &n
		return nil
	})
	f.Func("sms-monthly-budget", "`USD` that text messages may cost in a calendar month (UTC); 0 for none", func(s string) error {
		m, err := onboarding.ParseMoney(s)
		if err != nil {
			return err
		}
		l.budget = &m
		return nil
	})
}

// parseCountry reads the code of a country that has phone numbers.
func parseCountry(s string) (string, error) {
	code, ok := onboarding.ParseCountry(s)
	if !ok || !(numbers.Plan{}).Knows(code) {
		return "", fmt.Errorf("%q is no country; they go by two capital letters of ISO 3166-1, such as DE or GB", s)
	}
	return code, nil
}

func (l textLimits) given() bool { return l.countries != nil || l.perDay != nil || l.budget != nil }

func (l textLimits) set(s *onboarding.Settings) {
	if l.countries != nil {
		s.TextCountries = *l.countries
	}
	if l.perDay != nil {
		s.TextsPerDay = *l.perDay
	}
	if l.budget != nil {
		s.TextBudget = *l.budget
	}
}

// tell says what has changed, and what keeps the organization from texting anybody.
func (l textLimits) tell(out io.Writer, org onboarding.OrganizationID, was, is onboarding.Settings) {
	if l.countries != nil || textedCountries(is) != textedCountries(was) {
		fmt.Fprintf(out, "%s may text numbers of: %s; it was: %s.\n", org, textedCountries(is), textedCountries(was))
	}
	if l.perDay != nil {
		fmt.Fprintf(out, "%s may text %d invitations a day; it was %d.\n", org, is.TextsPerDay, was.TextsPerDay)
	}
	if l.budget != nil {
		fmt.Fprintf(out, "%s may spend %s a month on text messages; it was %s.\n", org, dollars(is.TextBudget), onboarding.Money(was.TextBudget))
	}
	if l.given() && len(is.TextedCountries()) == 0 {
		fmt.Fprintf(out, "It texts nobody before it has a country: --country or --sms-countries.\n")
	}
}

// textedCountries names the countries whose numbers an organization may text.
func textedCountries(s onboarding.Settings) string {
	return cmp.Or(strings.Join(s.TextedCountries(), ", "), "none")
}

func stopTexts(ctx context.Context, c *call, stop bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	store, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	was, err := store.TextsStopped(ctx)
	if err != nil {
		return err
	}
	if err := store.StopTexts(ctx, time.Now(), stop); err != nil {
		return err
	}
	already := ""
	if was == stop {
		already = " already"
	}
	if stop {
		_, err = fmt.Fprintf(c.out, "Text messages are stopped%s, for every organization.\nTo undo it: latchkey sms start\n", already)
	} else {
		_, err = fmt.Fprintf(c.out, "Text messages may be sent%s, where the deployment sends any.\n", already)
	}
	return err
}

func showTexts(ctx context.Context, c *call) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	store, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	used, err := store.ReadTexts(ctx, "", time.Now(), onboarding.TextInvitation) // of no organization: of all
	if err != nil {
		return err
	}
	status := "not stopped"
	if used.Stopped {
		status = "stopped"
	}
	w := columns(c.out)
	fmt.Fprintf(w, "text messages\t%s\n", status)
	fmt.Fprintf(w, "spent this month (UTC)\t%s\n", dollars(used.All))
	return w.Flush()
}
