package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

const (
	patience  = 30 * time.Second // with all that an organization's command does
	maxSecret = 4 << 10          // more than the domain takes

	recountPatience = 10 * time.Minute // with as many members as there are
)

// open returns the store that the flags name, and the use case over it.
func (c *call) open(ctx context.Context) (*table.Table, onboarding.Founding, error) {
	if c.table == "" {
		return nil, onboarding.Founding{}, usagef("no table is named: %s", nameTable)
	}
	cfg, err := c.connect(ctx)
	if err != nil {
		return nil, onboarding.Founding{}, err
	}
	store := table.New(newDynamoDB(cfg), c.table)
	return store, onboarding.Founding{World: onboarding.World{Now: time.Now, Rand: rand.Reader}, Store: store}, nil
}

func createOrganization(ctx context.Context, c *call) error {
	var password string
	if c.passwordStdin {
		var err error
		if password, err = readSecret(c.in, "password"); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, founding, err := c.open(ctx)
	if err != nil {
		return err
	}
	o, m, err := founding.Found(ctx, onboarding.FoundCommand{
		ID: c.id, Name: c.name, Locale: cmp.Or(c.locale, onboarding.Locales[0]),
		DailySendLimit: c.dailySendLimit, Seats: seatsOf(c.seats), Country: c.country, Password: password,
		Admin: onboarding.Invitee{Address: c.adminEmail, FirstName: c.adminFirstName, LastName: c.adminLastName},
	})
	if err != nil {
		return err
	}
	page := c.baseURL + "/join/" + string(o.ID) + "/sign-in"
	if c.baseURL == "" {
		page += " below the base URL"
	}
	next := m.Email + " signs in at " + page
	if m.Status == onboarding.MemberPendingActivation {
		next = fmt.Sprintf("a mail is on its way to %s with a link to set a password.\n"+
			"\tShould that link expire, \"Forgotten your password?\" at %s sends another", m.Email, page)
	}
	w := columns(c.out)
	fmt.Fprintf(w, "organization\t%s (%s), %d invitations a day\n", o.ID, o.Name, o.Settings.DailySendLimit)
	fmt.Fprintf(w, "administrator\t%s (%s), %s\n", m.ID, m.Name(), m.Status)
	fmt.Fprintf(w, "next\t%s.\n", next)
	return w.Flush()
}

// readSecret reads the first line, without its end.
func readSecret(in io.Reader, what string) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, maxSecret)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the %s: %w", what, err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return "", fmt.Errorf("no %s: the first line of standard input is empty", what)
	}
	return line, nil
}

// limitFlags are the flags that organization limits sets something by.
var limitFlags = []string{"daily-send-limit", "seats", "country", "sms-countries", "sms-daily-limit", "sms-monthly-budget"}

func limitOrganization(ctx context.Context, c *call) error {
	if c.dailySendLimit == 0 && c.seats == nil && c.country == "" && !c.texts.given() {
		return usagef("organization limits needs one of --%s; see latchkey help organization limits", strings.Join(limitFlags, ", --"))
	}
	var was onboarding.Settings
	o, err := c.change(ctx, func(o *onboarding.Organization) {
		was = o.Settings
		if c.dailySendLimit > 0 {
			o.Settings.DailySendLimit = c.dailySendLimit
		}
		if c.seats != nil {
			o.Settings.Seats = *c.seats
		}
		if c.country != "" {
			o.Settings.Country = c.country
		}
		c.texts.set(&o.Settings)
	})
	if err != nil {
		return err
	}
	is := o.Settings
	var said strings.Builder
	if c.dailySendLimit > 0 {
		fmt.Fprintf(&said, "%s may mail %d invitations a day; it was %d.\n", o.ID, is.DailySendLimit, was.DailySendLimit)
	}
	if c.seats != nil {
		fmt.Fprintf(&said, "%s has %s seats; it had %s.\n", o.ID, seats(is), seats(was))
	}
	if c.country != "" {
		fmt.Fprintf(&said, "The country of %s is %s; it was %s.\n", o.ID, is.Country, cmp.Or(was.Country, "none"))
	}
	c.texts.tell(&said, o.ID, was, is)
	_, err = io.WriteString(c.out, said.String())
	return err
}

func closeOrganization(ctx context.Context, c *call, closed bool) error {
	var was bool
	o, err := c.change(ctx, func(o *onboarding.Organization) { was, o.Closed = o.Closed, closed })
	if err != nil {
		return err
	}
	already := ""
	if was == closed {
		already = " already"
	}
	if closed {
		_, err = fmt.Fprintf(c.out, "%s is closed%s: nobody is invited and nobody joins.\n"+
			"To undo it: latchkey organization reopen --id %[1]s\n", o.ID, already)
	} else {
		_, err = fmt.Fprintf(c.out, "%s is open%s.\n", o.ID, already)
	}
	return err
}

// change edits the organization that --id names.
func (c *call) change(ctx context.Context, edit func(*onboarding.Organization)) (onboarding.Organization, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	id, err := onboarding.ParseOrganizationID(c.id)
	if err != nil {
		return onboarding.Organization{}, err
	}
	_, founding, err := c.open(ctx)
	if err != nil {
		return onboarding.Organization{}, err
	}
	return founding.Change(ctx, id, edit)
}

func showOrganization(ctx context.Context, c *call) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	id, err := onboarding.ParseOrganizationID(c.id)
	if err != nil {
		return err
	}
	store, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	o, err := store.ReadOrganization(ctx, id)
	if errors.Is(err, onboarding.ErrNotFound) {
		return fmt.Errorf("there is no organization %q", id)
	}
	if err != nil {
		return err
	}
	now := time.Now()
	used, err := store.ReadUsage(ctx, id, now)
	if err != nil {
		return err
	}
	texted, err := store.ReadTexts(ctx, id, now, onboarding.TextInvitation)
	if err != nil {
		return err
	}
	counts, err := store.ReadCounts(ctx, id)
	if err != nil {
		return err
	}
	status := "open"
	if o.Closed {
		status = "closed"
	}
	w := columns(c.out)
	fmt.Fprintf(w, "id\t%s\n", o.ID)
	fmt.Fprintf(w, "name\t%s\n", o.Name)
	fmt.Fprintf(w, "status\t%s\n", status)
	fmt.Fprintf(w, "who can invite\t%s\n", o.Settings.WhoCanInvite)
	fmt.Fprintf(w, "invitation lifetime\t%s\n", lifetime(o.Settings.InvitationLifetime))
	fmt.Fprintf(w, "default locale\t%s\n", o.Settings.DefaultLocale)
	fmt.Fprintf(w, "daily send limit\t%d\n", o.Settings.DailySendLimit)
	fmt.Fprintf(w, "mailed today (UTC)\t%d\n", used)
	fmt.Fprintf(w, "members\t%d active, %d to be activated, %d waiting\n", counts.Active, counts.PendingActivation, counts.Waiting)
	fmt.Fprintf(w, "seats\t%d taken, of %s\n", counts.Seats, seats(o.Settings))
	fmt.Fprintf(w, "country\t%s\n", cmp.Or(o.Settings.Country, "none"))
	fmt.Fprintf(w, "sms countries\t%s\n", textedCountries(o.Settings))
	fmt.Fprintf(w, "sms daily limit\t%d\n", o.Settings.TextsPerDay)
	fmt.Fprintf(w, "texted today (UTC)\t%d\n", texted.Today)
	fmt.Fprintf(w, "sms monthly budget\t%s\n", dollars(o.Settings.TextBudget))
	fmt.Fprintf(w, "spent this month (UTC)\t%s\n", dollars(texted.Spent))
	if texted.Stopped {
		fmt.Fprintf(w, "text messages\tstopped, for every organization\n")
	}
	return w.Flush()
}

func seatsOf(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// seats is how many there are, in words.
func seats(s onboarding.Settings) string {
	if s.Seats == 0 {
		return "unlimited"
	}
	return strconv.Itoa(s.Seats)
}

func recountOrganization(ctx context.Context, c *call) error {
	ctx, cancel := context.WithTimeout(ctx, recountPatience)
	defer cancel()
	id, err := onboarding.ParseOrganizationID(c.id)
	if err != nil {
		return err
	}
	store, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	if _, err := store.ReadOrganization(ctx, id); errors.Is(err, onboarding.ErrNotFound) {
		return fmt.Errorf("there is no organization %q", id)
	} else if err != nil {
		return err
	}
	was, is, err := store.Recount(ctx, id)
	if err != nil {
		return err
	}
	if was == is {
		_, err = fmt.Fprintf(c.out, "All is counted right: %d active, %d seats taken.\n", is.Active, is.Seats)
		return err
	}
	_, err = fmt.Fprintf(c.out, "%d active, %d seats taken; it said %d active, %d seats taken.\n", is.Active, is.Seats, was.Active, was.Seats)
	return err
}

func lifetime(d time.Duration) string {
	const day = 24 * time.Hour
	if d%day != 0 {
		return d.String()
	}
	return fmt.Sprintf("%d d", d/day)
}
