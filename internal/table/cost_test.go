package table_test

import (
	"slices"
	"testing"
	"time"

	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

func TestAJobCostsSoManyCalls(t *testing.T) {
	s := newStage(t)
	_, session, err := s.signIn("ada@example.com", password)
	s.ok(err)
	for _, a := range s.addresses(3) {
		s.invite(a)
	}
	token := s.mailedToken("ann0@example.com")
	s.advance(time.Hour)
	s.configure(func(o *onboarding.Settings) { o.LinkLifetime = time.Hour })
	fair := s.named(s.admin)
	waiting := s.joins(fair, "waiting@example.com").Member.ID
	s.joins(fair, "again@example.com")
	var several []onboarding.Decision
	for _, a := range numbered("several%d@example.com", 3) {
		several = append(several, onboarding.Decision{Applicant: s.applies(a).Member.ID, Approve: true})
	}
	old := s.attempt(fair, "old@example.com")
	s.mail()
	s.advance(2 * time.Minute)
	_, err = s.redriving().Redrive(t.Context(), 100)
	s.ok(err)
	gathering := s.owed()
	s.invite("invited@example.com")
	begun, again := s.attempt(fair, "new@example.com"), s.attempt(fair, "again@example.com")
	invited := s.attempt(fair, "invited@example.com")
	by := func(a attempt) func(*table.Table) error {
		return func(store *table.Table) error {
			_, _, err := s.joining(store).Verify(t.Context(), acme, a.token, a.code)
			return err
		}
	}
	store, w := s.over()
	for name, c := range map[string]struct {
		do   func(*table.Table) error
		want []string
	}{
		"authenticate": {func(store *table.Table) error {
			_, err := onboarding.Authenticate(t.Context(), store, s.world(), session.Reveal())
			return err
		}, []string{"BatchGetItem"}},
		"invite one": {func(store *table.Table) error {
			_, err := s.inviting(store).Invite(t.Context(), s.admin, s.command([]string{"bob@example.com"}))
			return err
		}, []string{"UpdateItem", "PutItem"}},
		"invite one silently": {func(store *table.Table) error {
			_, err := s.inviting(store).Invite(t.Context(), s.admin, s.command([]string{"mia@example.com"}, silently))
			return err
		}, []string{"PutItem"}},
		"invite fifty": {func(store *table.Table) error {
			_, err := s.inviting(store).Invite(t.Context(), s.admin, s.command(numbered("bob%d@example.com", 50)))
			return err
		}, []string{"UpdateItem", "BatchExecuteStatement", "BatchExecuteStatement"}},
		"resend": {func(store *table.Table) error {
			_, err := s.updating(store).Resend(t.Context(), s.admin, s.id("ann1@example.com"), anyVersion, s.request())
			return err
		}, []string{"GetItem", "UpdateItem", "UpdateItem"}},
		"revoke": {func(store *table.Table) error {
			_, err := s.updating(store).Revoke(t.Context(), s.admin, s.id("ann2@example.com"), anyVersion, s.request())
			return err
		}, []string{"GetItem", "UpdateItem"}},
		"accept": {func(store *table.Table) error {
			_, _, err := s.redeeming(store).Accept(t.Context(), acme, token, profile())
			return err
		}, []string{"BatchGetItem", "TransactWriteItems"}},
		"open an invite link": {func(store *table.Table) error {
			_, err := s.joining(store).Open(t.Context(), acme, s.linkToken(fair))
			return err
		}, []string{"BatchGetItem"}},
		"begin to join": {func(store *table.Table) error {
			_, _, err := s.joining(store).Begin(t.Context(), acme, s.linkToken(fair),
				onboarding.JoinProfile{Address: s.email("begin@example.com"),
					FirstName: "Ann", LastName: "Lee", Password: password}, source)
			return err
		}, []string{"BatchGetItem", "UpdateItem", "UpdateItem", "UpdateItem", "PutItem"}},
		"look at a join": {func(store *table.Table) error {
			_, _, err := s.joining(store).Look(t.Context(), acme, old.token)
			return err
		}, []string{"BatchGetItem"}},
		"send a code again": {func(store *table.Table) error {
			_, err := s.joining(store).SendCode(t.Context(), acme, old.token)
			return err
		}, []string{"BatchGetItem", "BatchGetItem", "UpdateItem", "UpdateItem", "UpdateItem"}},
		"join": {by(begun), []string{"BatchGetItem", "UpdateItem", "UpdateItem", "UpdateItem", "BatchGetItem",
			"TransactWriteItems"}},
		"join as invited": {by(invited), []string{"BatchGetItem", "UpdateItem", "UpdateItem", "UpdateItem", "BatchGetItem",
			"TransactWriteItems"}},
		"join again": {by(again), []string{"BatchGetItem", "UpdateItem", "UpdateItem", "UpdateItem", "BatchGetItem",
			"GetItem", "TransactWriteItems"}},
		"approve": {func(store *table.Table) error {
			_, err := s.approving(store).Decide(t.Context(), s.admin, onboarding.Decision{Applicant: waiting, Approve: true},
				anyMember, s.request())
			return err
		}, []string{"GetItem", "UpdateItem"}},
		"approve three": {func(store *table.Table) error {
			_, err := s.approving(store).DecideAll(t.Context(), s.admin, several, s.request())
			return err
		}, []string{"GetItem", "GetItem", "GetItem", "UpdateItem", "UpdateItem", "UpdateItem"}},
		"list requests": {func(store *table.Table) error {
			_, _, err := store.ListJoinRequests(t.Context(), acme, onboarding.MemberPendingApproval, onboarding.RequestFilter{},
				"", 50)
			return err
		}, []string{"Query"}},
		"list the requests of a link": {func(store *table.Table) error {
			_, _, err := store.ListJoinRequests(t.Context(), acme, onboarding.MemberPendingApproval,
				onboarding.RequestFilter{Link: &fair.ID}, "", 50)
			return err
		}, []string{"Query"}},
		"list links": {func(store *table.Table) error {
			_, _, err := store.ListInviteLinks(t.Context(), s.admin.Organization, onboarding.MemberID{}, "", 50)
			return err
		}, []string{"BatchGetItem", "Query"}},
		"make a link": {func(store *table.Table) error {
			_, err := s.configuring(store).CreateLink(t.Context(), s.admin, onboarding.LinkChange{Label: new("Fair")},
				s.request())
			return err
		}, []string{"PutItem"}},
		"change a link": {func(store *table.Table) error {
			_, err := changing()(s.configuring(store), t.Context(), s.admin, fair.ID, anyLink, s.request())
			return err
		}, []string{"BatchGetItem", "UpdateItem"}},
		"change the settings": {func(store *table.Table) error {
			_, err := s.configuring(store).ChangeSettings(t.Context(), s.caller(s.admin.Member.ID), anyOrganization,
				func(*onboarding.Settings) {})
			return err
		}, []string{"UpdateItem"}},
		"gather, and tell one administrator": {func(store *table.Table) error { return s.deliverOver(store, gathering) },
			[]string{"UpdateItem", "GetItem", "Query", "Query", "UpdateItem", "UpdateItem"}},
		"list fifty": {func(store *table.Table) error {
			_, _, err := store.ListInvitations(t.Context(), acme, onboarding.InvitationPending, s.Now(), "", 50)
			return err
		}, []string{"Query"}},
	} {
		w.reset()
		s.ok(c.do(store))
		got := w.reset()
		if name == "approve three" { // several at once
			slices.Sort(got)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
