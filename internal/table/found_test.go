package table_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

func foundCommand() onboarding.FoundCommand {
	return onboarding.FoundCommand{ID: "acme", Name: "Acme", Locale: onboarding.German,
		Admin: onboarding.Invitee{Address: "Ada@Example.com", FirstName: "Ada", LastName: "Byron"}}
}

func TestFoundingMailsTheFirstAdministratorALink(t *testing.T) {
	t.Parallel()
	s := emptyStage(t)
	o, m, err := s.founding().Found(t.Context(), foundCommand())
	s.ok(err)
	stored := s.organization()
	if stored.Name != "Acme" || len(stored.Salt) != 32 || !reflect.DeepEqual(stored.Settings, o.Settings) ||
		stored.Settings.DailySendLimit != 2000 ||
		stored.Settings.WhoCanInvite != onboarding.AdminsInvite || stored.Settings.DefaultLocale != onboarding.German {
		t.Errorf("%+v", stored)
	}
	letters := s.mail()
	if len(letters) != 1 || letters[0].Kind != onboarding.MessagePasswordSet || letters[0].To.Value != "ada@example.com" ||
		letters[0].Locale != onboarding.German || !letters[0].Until.Equal(s.Now().Add(7*24*time.Hour)) {
		t.Fatalf("%+v", letters)
	}
	_, _, err = s.signIn("ada@example.com", password)
	s.refused(err, onboarding.WrongCredentials)
	pending, _, err := s.store.ListMembers(t.Context(), acme, onboarding.PeopleFilter{Status: onboarding.MemberPendingActivation}, "", 10)
	if err != nil || len(pending) != 1 {
		t.Errorf("%v, %v", pending, err)
	}
	token := tokenIn(letters[0])
	open, _, err := s.signingIn(s.store).OpenReset(t.Context(), acme, token)
	s.ok(err)
	if !open.First() {
		t.Error("it is not the first time")
	}
	s.advance(time.Hour)
	caller, session, err := s.signingIn(s.store).SetPassword(t.Context(), acme, token, password)
	s.ok(err)
	if caller.Member.ID != m.ID || caller.Member.Status != onboarding.MemberActive || !caller.Member.EmailVerified ||
		!caller.Member.JoinedAt.Equal(s.Now()) {
		t.Errorf("%+v", caller.Member)
	}
	if again, err := s.store.ReadMember(t.Context(), acme, m.ID); err != nil || !reflect.DeepEqual(again, caller.Member) {
		t.Errorf("answered %+v, stored %+v", caller.Member, again)
	}
	me, err := s.authenticate(session)
	s.ok(err)
	if !me.Rights().InviteAdmins {
		t.Error("the first administrator is none")
	}
	active, _, err := s.store.ListMembers(t.Context(), acme, onboarding.PeopleFilter{Status: onboarding.MemberActive}, "", 10)
	s.ok(err)
	if len(active) != 1 || active[0].ID != m.ID {
		t.Errorf("%+v", active)
	}
	if text(s.item(contactSK(s.id("ada@example.com")))["verified_at"]) == "" {
		t.Error("the address is not verified")
	}
}

func TestTheFirstLinkIsSentAgainOnRequest(t *testing.T) {
	t.Parallel()
	s := emptyStage(t)
	_, _, err := s.founding().Found(t.Context(), foundCommand())
	s.ok(err)
	first := s.mail()[0]
	s.advance(8 * 24 * time.Hour)
	_, _, err = s.signingIn(s.store).OpenReset(t.Context(), acme, tokenIn(first))
	s.refused(err, onboarding.LinkExpired)
	s.ok(s.signingIn(s.store).RequestReset(t.Context(), acme, "ada@example.com", source))
	l := s.mail()
	if len(l) != 1 || l[0].Kind != onboarding.MessagePasswordSet || !l[0].Until.Equal(s.Now().Add(7*24*time.Hour)) {
		t.Fatalf("%+v", l)
	}
	_, _, err = s.signingIn(s.store).SetPassword(t.Context(), acme, tokenIn(l[0]), password)
	s.ok(err)
}

func TestAnOrganizationIsFoundedOnce(t *testing.T) {
	s := newStage(t)
	other := foundCommand()
	other.Name, other.Admin.Address = "Another", "eve@evil.example"
	_, _, err := s.founding().Found(t.Context(), other)
	s.refused(err, onboarding.Conflict)
	if o := s.organization(); o.Name != "Acme" || s.count("MEMBER#") != 1 || s.count("CONTACT#") != 1 {
		t.Errorf("%s, %d members", o.Name, s.count("MEMBER#"))
	}
}

func TestWhatCannotBeFoundedIsRefused(t *testing.T) {
	t.Parallel()
	s := emptyStage(t)
	for name, edit := range map[string]func(*onboarding.FoundCommand){
		"an id in capitals":      func(c *onboarding.FoundCommand) { c.ID = "Acme" },
		"no name":                func(c *onboarding.FoundCommand) { c.Name = " " },
		"a name with a link":     func(c *onboarding.FoundCommand) { c.Name = "evil.example" },
		"no address":             func(c *onboarding.FoundCommand) { c.Admin.Address = "ada" },
		"a name that is bait":    func(c *onboarding.FoundCommand) { c.Admin.FirstName = "www.evil" },
		"less than no limit":     func(c *onboarding.FoundCommand) { c.DailySendLimit = -1 },
		"a password of its name": func(c *onboarding.FoundCommand) { c.Password = "acme ada byron 1" },
	} {
		cmd := foundCommand()
		edit(&cmd)
		if _, _, err := s.founding().Found(t.Context(), cmd); err == nil {
			t.Errorf("%s is taken", name)
		} else if strings.Contains(err.Error(), cmd.Password) && cmd.Password != "" {
			t.Errorf("%s: %v shows it", name, err)
		}
	}
	if n := len(s.items()); n != 0 {
		t.Errorf("%d items", n)
	}
}

func TestTheOperatorChangesAnOrganization(t *testing.T) {
	s := newStage(t)
	before := s.organization()
	o, err := s.founding().Change(t.Context(), acme, func(o *onboarding.Organization) {
		o.Settings.DailySendLimit, o.Closed = 7, true
	})
	s.ok(err)
	stored := s.organization()
	if !reflect.DeepEqual(stored.Settings, o.Settings) || stored.Settings.DailySendLimit != 7 || !stored.Closed ||
		string(stored.Salt) != string(before.Salt) {
		t.Errorf("%+v", stored)
	}
	if _, err := s.founding().Change(t.Context(), "nowhere", func(*onboarding.Organization) {}); err == nil {
		t.Error("an organization that is not there is changed")
	}
	if n := s.count("ORG"); n != 1 {
		t.Errorf("%d organizations", n)
	}
}

func TestSendsOfADayAreRead(t *testing.T) {
	s := newStage(t)
	for _, want := range []int{0, 1} {
		if n, err := s.store.ReadUsage(t.Context(), acme, s.Now()); err != nil || n != want {
			t.Errorf("%d, %v; want %d", n, err, want)
		}
		s.invite("ann@example.com")
	}
}
