package api

import (
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

var (
	wireNow  = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	wireLink = onboarding.LinkID{15: 1}
)

func TestAMemberShowsHowTheyCameIn(t *testing.T) {
	for name, c := range map[string]struct {
		entry         onboarding.Entry
		channel, link string // empty: null
	}{
		"the operator made them": {onboarding.Entry{}, "", ""},
		"by invitation":          {onboarding.Entry{Channel: onboarding.ChannelInvitation}, "invitation", ""},
		"by the default link":    {onboarding.Entry{Channel: onboarding.ChannelInviteLink}, "invite_link", "default"},
		"by a link":              {onboarding.Entry{Channel: onboarding.ChannelInviteLink, Link: wireLink}, "invite_link", wireLink.String()},
	} {
		m := toMember(onboarding.Member{Entry: c.entry})
		if !same(m.Channel, c.channel) || !same(m.LinkID, c.link) {
			t.Errorf("%s: %v, %v", name, m.Channel, m.LinkID)
		}
	}
}

func same(shown *string, want string) bool {
	if shown == nil {
		return want == ""
	}
	return *shown == want && want != ""
}

func TestARequestWaitsUntilItIsDecided(t *testing.T) {
	m := onboarding.Member{Request: onboarding.Request{At: wireNow.Add(-90 * time.Minute), Rule: "approval_requested"}}
	if q := toJoinRequest(m, wireNow); q.WaitingSeconds != 5400 || q.DecidedAt != nil || q.InviterID != nil || q.Reason != nil {
		t.Errorf("%+v", q)
	}
	if q := toJoinRequest(m, m.Request.At.Add(-time.Hour)); q.WaitingSeconds != 0 { // a clock behind
		t.Errorf("waits %d s", q.WaitingSeconds)
	}
	m.Request.DecidedAt = m.Request.At.Add(time.Minute)
	if q := toJoinRequest(m, wireNow); q.WaitingSeconds != 60 || q.DecidedAt == nil {
		t.Errorf("%+v", q)
	}
}

func TestTheTagOfALinkChangesWithAllThatItShows(t *testing.T) {
	o := onboarding.Organization{Settings: onboarding.DefaultSettings()}
	l := onboarding.InviteLink{ID: wireLink, MaxUses: 2, ExpiresAt: wireNow.Add(time.Hour), Version: 3}
	seen := map[string]string{}
	tag := func(name string, o onboarding.Organization, l onboarding.InviteLink, now time.Time) {
		got := linkTag(o, l, now)
		if before, ok := seen[got]; ok {
			t.Errorf("%s has the tag of %s: %s", name, before, got)
		}
		seen[got] = name
		if p, ok := parseTags([]string{got}); !ok || !p.matches(got) {
			t.Errorf("%s is no entity tag", got)
		}
	}
	tag("at first", o, l, wireNow)
	tag("expired", o, l, l.ExpiresAt)
	l.Uses = 1
	tag("used", o, l, wireNow)
	closed := o
	closed.Settings.AllowLinkRegistration = false
	tag("stopped by the settings", closed, l, wireNow)
	l.Version = 4
	tag("changed", o, l, wireNow)
	l.Disabled = true
	tag("disabled", o, l, wireNow)
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-22T09:30:00Z":      "2026-11-22T09:30:00.000Z",
		"2026-11-22T09:30:00.1239Z": "2026-11-22T09:30:00.123Z",
		"2026-11-22T00:30:00+01:00": "2026-11-21T23:30:00.000Z",
		"":                          "",
		"never":                     "",
		"2026-11-22":                "",
		"2026-11-22 09:30:00Z":      "",
		"2026-11-22T09:30:00":       "",
		"2026-11-22T24:00:00Z":      "",
		"2026-02-30T09:30:00Z":      "",
		"0001-01-01T00:00:00Z":      "",
		"1969-12-31T23:59:59Z":      "",
		"9999-12-31T23:59:59-01:00": "",
		"2026-11-22T09:30:00Z ":     "",
	} {
		got, err := parseTime(text)
		if (err == nil) != (want != "") || err == nil && onboarding.FormatTime(got) != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	f.Add("2026-11-22T00:30:00.1239+01:00")
	f.Add("9999-12-31T23:59:59-01:00")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parseTime(text)
		if err != nil {
			return
		}
		again, err := parseTime(onboarding.FormatTime(at))
		if err != nil || !again.Equal(at) || len(onboarding.FormatTime(at)) != 24 || at.IsZero() {
			t.Errorf("%q: %v, then %v, %v", text, at, again, err)
		}
	})
}

func TestACodeHasSixDigits(t *testing.T) {
	for typed, want := range map[string]string{
		"402718": "", " 402 718\n": "", "000000": "",
		"": "/code required", " \t": "/code required",
		"40271": "/code invalid", "4027180": "/code invalid", "40271a": "/code invalid", "4a2718": "/code invalid", "-40271": "/code invalid",
		"４０２７１８": "/code invalid", "٤٠٢٧١٨": "/code invalid",
	} {
		wantFaults(t, typed, checkCode(typed), want)
	}
}

func TestOneAddressJoins(t *testing.T) {
	check := func(b joinRequest) error { _, err := b.profile(); return err }
	bodies(t, check, map[string]string{
		`{"email":"Ada@Example.com","first_name":"","last_name":"","password":""}`: "", // these are for the domain to judge
		`{}`:                                   "/email required",
		`{"email":"ada"}`:                      "/email invalid",
		`{"phone":"+4915112345678"}`:           "", // whether it can be one, the organization says
		`{"email":"a@b.example","phone":"x"}`:  "/phone not_applicable",
		`{"email":"a@b.example","locale":"x"}`: "/locale unknown",
	})
}
