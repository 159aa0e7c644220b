package table_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// list reads all pages of a status, and checks each as it comes.
func (s *stage) list(status onboarding.InvitationStatus, limit int) (all []onboarding.Contact) {
	s.t.Helper()
	for after := ""; ; {
		page, next, err := s.store.ListInvitations(s.t.Context(), acme, status, s.Now(), after, limit)
		s.ok(err)
		if len(page) > limit || next != "" && len(page) != limit || after != "" && len(page) == 0 {
			s.t.Fatalf("a page of %d, of %d", len(page), limit)
		}
		all = append(all, page...)
		if next == "" {
			return all
		}
		after = next
	}
}

func (s *stage) listed(status onboarding.InvitationStatus) (addresses []string) {
	s.t.Helper()
	for _, c := range s.list(status, 100) {
		addresses = append(addresses, c.Address.Value)
	}
	slices.Sort(addresses)
	return addresses
}

func TestPagesLoseNobodyAndRepeatNobody(t *testing.T) {
	s := newStage(t)
	want := map[string]bool{}
	for batch := range 4 { // 30 in each millisecond
		addresses := numbered(fmt.Sprintf("b%d-%%d@example.com", batch), 30)
		_, err := s.inviting(s.store).Invite(t.Context(), s.admin, s.command(addresses))
		s.ok(err)
		for _, a := range addresses {
			want[a] = true
		}
		s.advance(time.Millisecond)
	}
	for _, limit := range []int{7, 30, 50, 119, 120, 200} {
		all := s.list(onboarding.InvitationPending, limit)
		seen := map[string]bool{}
		for i, c := range all {
			if seen[c.Address.Value] {
				t.Errorf("by %d: %s comes twice", limit, c.Address.Value)
			}
			seen[c.Address.Value] = true
			if i > 0 && c.Invitation.ExpiresAt.After(all[i-1].Invitation.ExpiresAt) {
				t.Errorf("by %d: %s is newer than the one before it", limit, c.Address.Value)
			}
		}
		if len(seen) != len(want) {
			t.Errorf("by %d: %d of %d", limit, len(seen), len(want))
		}
	}
}

func TestALastPageThatIsFullPromisesNoOther(t *testing.T) {
	s := newStage(t)
	_, err := s.inviting(s.store).Invite(t.Context(), s.admin, s.command(s.addresses(6)))
	s.ok(err)
	page, next, err := s.store.ListInvitations(t.Context(), acme, onboarding.InvitationPending, s.Now(), "", 3)
	s.ok(err)
	if len(page) != 3 || next == "" {
		t.Fatalf("%d, %q", len(page), next)
	}
	page, next, err = s.store.ListInvitations(t.Context(), acme, onboarding.InvitationPending, s.Now(), next, 3)
	s.ok(err)
	if len(page) != 3 || next != "" {
		t.Errorf("%d, %q", len(page), next)
	}
	page, next, err = s.store.ListInvitations(t.Context(), acme, onboarding.InvitationRevoked, s.Now(), "", 3)
	if err != nil || len(page) != 0 || next != "" {
		t.Errorf("%v, %q, %v", page, next, err)
	}
}

func TestEveryInvitationStandsInTheListOfItsStatus(t *testing.T) {
	s := newStage(t)
	s.invite("pending@example.com")
	s.invited("revoked@example.com")
	_, err := s.update("revoked@example.com", revoking)
	s.ok(err)
	_, err = s.redeeming(s.store).Decline(t.Context(), acme, s.invited("declined@example.com"))
	s.ok(err)
	s.join("accepted@example.com")
	want := func(when string, lists map[onboarding.InvitationStatus]string) {
		t.Helper()
		for _, status := range []onboarding.InvitationStatus{onboarding.InvitationPending, onboarding.InvitationExpired,
			onboarding.InvitationRevoked, onboarding.InvitationDeclined, onboarding.InvitationAccepted} {
			if got := fmt.Sprint(s.listed(status)); got != lists[status] {
				t.Errorf("%s: %s: %s, want %s", when, status, got, lists[status])
			}
		}
	}
	lists := map[onboarding.InvitationStatus]string{onboarding.InvitationPending: "[pending@example.com]",
		onboarding.InvitationExpired: "[]",
		onboarding.InvitationRevoked: "[revoked@example.com]", onboarding.InvitationDeclined: "[declined@example.com]",
		onboarding.InvitationAccepted: "[accepted@example.com]"}
	want("at first", lists)
	s.mail() // does not move it
	s.advance(lifetime - time.Millisecond)
	s.invite("later@example.com")
	lists[onboarding.InvitationPending] = "[later@example.com pending@example.com]"
	want("a moment before its end", lists)
	s.advance(time.Millisecond)
	lists[onboarding.InvitationPending], lists[onboarding.InvitationExpired] = "[later@example.com]", "[pending@example.com]"
	want("at its end", lists)
	s.invite("declined@example.com")
	_, err = s.update("pending@example.com", resending)
	s.ok(err)
	lists[onboarding.InvitationPending] = "[declined@example.com later@example.com pending@example.com]"
	lists[onboarding.InvitationExpired], lists[onboarding.InvitationDeclined] = "[]", "[]"
	want("opened again and resent", lists)
}

func TestAListShowsWhatTheItemHoldsAndNoSecret(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com", func(c *onboarding.InviteCommand) { c.Recipients[0].FirstName, c.JobTitle = "Ann", "Engineer" })
	s.mail()
	stored := s.contact("ann@example.com")
	got := s.list(onboarding.InvitationPending, 10)
	if len(got) != 1 || got[0].ID != stored.ID || got[0].Address != stored.Address ||
		!reflect.DeepEqual(got[0].Invitation, stored.Invitation) || got[0].Version != stored.Version {
		t.Errorf("%+v, stored %+v", got, stored)
	}
	if got[0].Nonce != nil || got[0].RequestID != "" {
		t.Error("the index holds what opens the link")
	}
	members, _, err := s.store.ListMembers(t.Context(), acme, onboarding.PeopleFilter{Status: onboarding.MemberActive}, "", 10)
	s.ok(err)
	if len(members) != 1 || !reflect.DeepEqual(members[0], s.admin.Member) {
		t.Errorf("%+v, want %+v", members, s.admin.Member)
	}
}

func TestMembersAreListedPageByPage(t *testing.T) {
	s := newStage(t)
	want := []onboarding.MemberID{s.admin.Member.ID}
	for _, a := range s.addresses(4) {
		s.advance(time.Second)
		want = append(want, s.join(a).Member.ID)
	}
	slices.Reverse(want) // newest first
	var got []onboarding.MemberID
	for after := ""; ; {
		page, next, err := s.store.ListMembers(t.Context(), acme, onboarding.PeopleFilter{Status: onboarding.MemberActive}, after, 2)
		s.ok(err)
		for _, m := range page {
			got = append(got, m.ID)
		}
		if after = next; next == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Somebody reads the first page, and time goes on before they ask for the second.
func TestTimeGoesOnBetweenTwoPages(t *testing.T) {
	s := newStage(t)
	for _, a := range s.addresses(4) {
		s.invite(a)
		s.advance(time.Minute)
	}
	page, next, err := s.store.ListInvitations(t.Context(), acme, onboarding.InvitationPending, s.Now(), "", 2)
	s.ok(err)
	if len(page) != 2 || next == "" {
		t.Fatalf("%d, %q", len(page), next)
	}
	s.advance(lifetime) // past all of them, and so past where the page ended
	page, next, err = s.store.ListInvitations(t.Context(), acme, onboarding.InvitationPending, s.Now(), next, 2)
	if err != nil || len(page) != 0 || next != "" {
		t.Errorf("%d, %q, %v", len(page), next, err)
	}
	// What has just expired ends the first page, and the second is asked of a machine whose clock is a moment behind.
	end := s.contact("ann1@example.com").Invitation.ExpiresAt
	_, next, err = s.store.ListInvitations(t.Context(), acme, onboarding.InvitationExpired, end, "", 1)
	s.ok(err)
	page, next, err = s.store.ListInvitations(t.Context(), acme, onboarding.InvitationExpired, end.Add(-time.Millisecond), next, 1)
	if err != nil || len(page) != 1 || next != "" {
		t.Errorf("%d, %q, %v", len(page), next, err)
	}
}

func TestListsOfTwoOrganizationsAreTwo(t *testing.T) {
	s := newStage(t)
	cmd := foundCommand()
	cmd.ID, cmd.Password = "acme-2", password
	o, m, err := s.founding().Found(t.Context(), cmd)
	s.ok(err)
	_, err = s.inviting(s.store).Invite(t.Context(), onboarding.Caller{Organization: o, Member: m}, s.command(s.addresses(3)))
	s.ok(err)
	s.invite("ann@example.com")
	if got := s.listed(onboarding.InvitationPending); fmt.Sprint(got) != "[ann@example.com]" {
		t.Errorf("%v", got)
	}
	theirs, next, err := s.store.ListInvitations(t.Context(), "acme-2", onboarding.InvitationPending, s.Now(), "", 1)
	s.ok(err)
	// Their cursor, in our list, leads to ours only.
	ours, _, err := s.store.ListInvitations(t.Context(), acme, onboarding.InvitationPending, s.Now(), next, 10)
	if err != nil || slices.ContainsFunc(ours, func(c onboarding.Contact) bool { return c.Address == theirs[0].Address }) {
		t.Errorf("%v, %v", ours, err)
	}
}

// Every key there is begins with its organization, so that none reaches across.
func TestEveryItemLiesUnderItsOrganization(t *testing.T) {
	s := newStage(t)
	s.join("ann@example.com")
	s.invite("bob@example.com")
	_, _, err := s.signIn("ada@example.com", password)
	s.ok(err)
	s.begin("key", "hash", "attempt")
	s.applies("mia@example.com")
	s.named(s.admin)
	s.cleans(time.Minute)
	for _, item := range s.items() {
		if text(item["PK"]) != "ORG#acme" {
			t.Errorf("%s %s", text(item["PK"]), text(item["SK"]))
		}
		if p, ok := item["by_status_pk"].(*types.AttributeValueMemberS); ok && p.Value[:9] != "ORG#acme#" {
			t.Errorf("%s in by_status", p.Value)
		}
	}
}

// A letter can be a whole sentence when it is folded.
func TestASearchOfManyWordsIsRefusedAndNoFault(t *testing.T) {
	s := newStage(t)
	for _, typed := range []string{strings.Repeat("ﷺ", 100), strings.Repeat("a ", 50)} {
		words, err := onboarding.ParseSearch(typed)
		if err != nil {
			s.refused(onboarding.InvalidValue("q", err), onboarding.Invalid)
			continue
		}
		_, _, err = s.store.ListMembers(t.Context(), acme, onboarding.PeopleFilter{Status: onboarding.MemberActive, Words: words}, "", 50)
		s.ok(err)
	}
}
