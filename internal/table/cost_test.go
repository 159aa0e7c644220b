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
		"list fifty": {func(store *table.Table) error {
			_, _, err := store.ListInvitations(t.Context(), acme, onboarding.InvitationPending, s.Now(), "", 50)
			return err
		}, []string{"Query"}},
	} {
		w.reset()
		s.ok(c.do(store))
		if got := w.reset(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
