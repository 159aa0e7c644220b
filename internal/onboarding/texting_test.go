package onboarding_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"latchkey/internal/onboarding"
)

func TestMoneyIsReadAndWrittenInDollars(t *testing.T) {
	for in, want := range map[string]onboarding.Money{
		"0": 0, "0.0": 0, "1": onboarding.Dollar, "0.00645": 6450, "0.000001": 1, "10.5": 10_500_000, "007": 7 * onboarding.Dollar,
		"0.100000": 100_000, "2147483647.999999": 2_147_483_647_999_999,
	} {
		if got, err := onboarding.ParseMoney(in); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", in, got, err, want)
		}
	}
	for m, want := range map[onboarding.Money]string{
		0: "0", 1: "0.000001", 6450: "0.00645", onboarding.Dollar: "1", 10_500_000: "10.5", 100 * onboarding.Dollar: "100", 1_000_001: "1.000001",
	} {
		if got := m.String(); got != want {
			t.Errorf("%d: %s, want %s", m, got, want)
		}
	}
}

func TestWhatIsNoMoneyIsRefused(t *testing.T) {
	for _, in := range []string{"", ".", "1.", ".5", "-1", "+1", "-0.5", "1,5", "1.2.3", "1..2", "0.0000001", "1e3", "0x10", "1_000", " 1", "1 ", "$1",
		"2147483648", "99999999999999999999", "0.-1", "0.+1", "１", "NaN"} {
		if got, err := onboarding.ParseMoney(in); err == nil {
			t.Errorf("%q: %d", in, got)
		}
	}
}

func FuzzParseMoney(f *testing.F) {
	for _, s := range []string{"0", "0.0095", "12.5", "2147483647.999999", "1.", "-1", "0.0000001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := onboarding.ParseMoney(s)
		if err != nil {
			return
		}
		again, err := onboarding.ParseMoney(m.String())
		if err != nil || again != m || m < 0 || m > math.MaxInt32*onboarding.Dollar+onboarding.Dollar || strings.HasSuffix(m.String(), ".") {
			t.Errorf("%q is %d, which is written %s, which is %d, %v", s, m, m, again, err)
		}
	})
}

func TestACodeIsOneSegmentAndALinkTwo(t *testing.T) {
	for kind, want := range map[onboarding.MessageKind]int{
		onboarding.MessageJoinCode: 1, onboarding.MessagePasswordCode: 1, onboarding.MessageJoinRejected: 1,
		onboarding.MessageInvitation: 2, onboarding.MessageJoinApproved: 2, "what is to come": 2,
	} {
		if got := kind.Segments(); got != want {
			t.Errorf("%s: %d segments, want %d", kind, got, want)
		}
	}
}

func TestAnOrganizationTextsWhereBothItAndTheOperatorSaySo(t *testing.T) {
	on := func() (onboarding.Texting, onboarding.Settings) {
		s := onboarding.DefaultSettings()
		s.Country = "GB"
		return onboarding.Texting{On: true}, s
	}
	for name, c := range map[string]struct {
		edit func(*onboarding.Texting, *onboarding.Settings)
		want bool
	}{
		"in its country":           {func(*onboarding.Texting, *onboarding.Settings) {}, true},
		"in others":                {func(_ *onboarding.Texting, s *onboarding.Settings) { s.Country, s.TextCountries = "", []string{"DE"} }, true},
		"switched off":             {func(g *onboarding.Texting, _ *onboarding.Settings) { g.On = false }, false},
		"in no country":            {func(_ *onboarding.Texting, s *onboarding.Settings) { s.Country = "" }, false},
		"none a day":               {func(_ *onboarding.Texting, s *onboarding.Settings) { s.TextsPerDay = 0 }, false},
		"for nothing":              {func(_ *onboarding.Texting, s *onboarding.Settings) { s.TextBudget = 0 }, false},
		"founded before there was": {func(_ *onboarding.Texting, s *onboarding.Settings) { *s = onboarding.Settings{} }, false},
	} {
		g, s := on()
		c.edit(&g, &s)
		if got := (onboarding.Texts{Texting: g}).Available(onboarding.Organization{Settings: s}); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTheCountriesThatAreTexted(t *testing.T) {
	for _, c := range []struct {
		country string
		others  []string
		want    string
	}{{"", nil, "[]"}, {"GB", nil, "[GB]"}, {"GB", []string{"DE"}, "[DE]"}, {"GB", []string{"GB", "DE"}, "[GB DE]"}, {"", []string{"DE"}, "[DE]"}} {
		if got := fmt.Sprint(onboarding.Settings{Country: c.country, TextCountries: c.others}.TextedCountries()); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
