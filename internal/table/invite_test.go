package table_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

const lifetime = 7 * 24 * time.Hour // of an invitation, by default

func TestEachRecipientGetsTheVerdictThatIsTrue(t *testing.T) {
	s := newStage(t)
	want := func(r onboarding.InviteResult, verdict onboarding.InviteVerdict) {
		t.Helper()
		if r.Verdict != verdict || (r.Reason == "") != (verdict == onboarding.Created ||
			verdict == onboarding.Reopened || verdict == onboarding.Resent) {
			t.Errorf("%s: %s (%s), want %s", r.Input, r.Verdict, r.Reason, verdict)
		}
	}
	want(s.invite("ann@example.com"), onboarding.Created)
	want(s.invite("ann@example.com"), onboarding.AlreadyInvited)
	want(s.invite("ann@example.com", resend), onboarding.AlreadyInvited) // it is queued since this minute
	s.mail()
	s.advance(time.Minute)
	want(s.invite("ann@example.com", resend), onboarding.Resent)
	want(s.invite("not an address"), onboarding.InvalidAddress)
	want(s.invite("ada@example.com"), onboarding.AlreadyMember)
	member := s.join("bob@example.com")
	want(s.invite("bob@example.com"), onboarding.AlreadyMember)
	s.dismiss(member.Member.ID)
	want(s.invite("bob@example.com"), onboarding.DismissedMember)
	want(s.invite("eve@example.com", func(c *onboarding.InviteCommand) { c.Type = onboarding.Guest }), onboarding.Denied)
	want(s.invite("eve@example.com", func(c *onboarding.InviteCommand) { c.Recipients[0].FirstName = "evil.example" }), onboarding.InvalidAddress)

	results, err := s.inviting(s.store).Invite(t.Context(), s.admin,
		s.command([]string{"eve@example.com", "Eve@Example.COM", "rubbish", "mia@example.com"}))
	s.ok(err)
	for i, verdict := range []onboarding.InviteVerdict{onboarding.Created, onboarding.Duplicate,
		onboarding.InvalidAddress, onboarding.Created} {
		want(results[i], verdict)
	}
	if c := results[0].Contact; c == nil || c.Address.Value != "eve@example.com" ||
		c.Invitation.Status != onboarding.InvitationPending ||
		c.Invitation.Delivery.Status != onboarding.DeliveryQueued || c.Invitation.Inviter.ID != s.admin.Member.ID ||
		c.Invitation.Round != 1 {
		t.Errorf("%+v", c)
	}
}

func TestTwoSpellingsAreOneAddressAndOneItem(t *testing.T) {
	s := newStage(t)
	before := s.count("CONTACT#")
	created, again := s.invite("Ann@Example.COM"), s.invite("  ann@example.com ")
	if created.Verdict != onboarding.Created || again.Verdict != onboarding.AlreadyInvited || again.Contact.ID != created.Contact.ID {
		t.Errorf("%s and %s", created.Verdict, again.Verdict)
	}
	if n := s.count("CONTACT#") - before; n != 1 {
		t.Errorf("%d items", n)
	}
	if l := s.mail(); len(l) != 1 || l[0].To.Value != "ann@example.com" {
		t.Errorf("%d letters", len(l))
	}
}

func TestAnInvitationThatEndedIsOpenedAgain(t *testing.T) {
	for name, end := range map[string]func(s *stage, token string){
		"declined": func(s *stage, token string) {
			_, err := s.redeeming(s.store).Decline(s.t.Context(), acme, token)
			s.ok(err)
		},
		"revoked": func(s *stage, _ string) {
			_, err := s.updating(s.store).Revoke(s.t.Context(), s.admin, s.id("ann@example.com"), anyVersion, s.request())
			s.ok(err)
		},
		"expired": func(s *stage, _ string) { s.advance(lifetime) },
	} {
		for _, alone := range []bool{true, false} { // one is written by a put, several by a batch
			t.Run(fmt.Sprintf("%s/alone %t", name, alone), func(t *testing.T) {
				s := newStage(t)
				old := s.invited("ann@example.com")
				s.mail()
				first := s.contact("ann@example.com")
				end(s, old)
				s.advance(time.Second)
				addresses := []string{"ann@example.com"}
				if !alone {
					addresses = append(addresses, "bob@example.com")
				}
				results, err := s.inviting(s.store).Invite(t.Context(), s.admin, s.command(addresses, asAnAdmin))
				s.ok(err)
				r := results[0]
				if r.Verdict != onboarding.Reopened || r.Contact.ID != first.ID {
					t.Fatalf("%s, %v and %v", r.Verdict, r.Contact.ID, first.ID)
				}
				i := s.contact("ann@example.com").Invitation
				if i.Status != onboarding.InvitationPending || i.Round != first.Invitation.Round+1 ||
					i.Role != onboarding.RoleAdmin ||
					!i.CreatedAt.Equal(first.Invitation.CreatedAt) || i.SendCount != 1 || !i.ExpiresAt.Equal(s.Now().Add(lifetime)) {
					t.Errorf("%+v", i)
				}
				_, err = s.redeeming(s.store).Open(t.Context(), acme, old)
				s.refused(err, onboarding.LinkInvalid)
				_, _, err = s.redeeming(s.store).Accept(t.Context(), acme, old, profile())
				s.refused(err, onboarding.LinkInvalid)
				letters := s.mail()
				if len(letters) != len(addresses) {
					t.Fatalf("%d letters", len(letters))
				}
				for _, l := range letters {
					if _, err := s.redeeming(s.store).Open(t.Context(), acme, tokenIn(l)); err != nil {
						t.Errorf("the new link of %s: %v", l.To.Value, err)
					}
				}
			})
		}
	}
}

func TestInvitingAgainSendsTheSameLink(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	first := s.mail()
	s.advance(time.Minute)
	s.invite("ann@example.com", resend)
	second := s.mail()
	if len(first) != 1 || len(second) != 1 || first[0].Link != second[0].Link {
		t.Fatalf("%v and %v", first, second)
	}
	if i := s.contact("ann@example.com").Invitation; i.SendCount != 2 || i.Round != 1 || !i.ExpiresAt.Equal(s.Now().Add(lifetime)) {
		t.Errorf("%+v", i)
	}
}

func TestAThousandRecipientsGetAThousandVerdicts(t *testing.T) {
	s := newStage(t, limit(5000))
	dismissed := s.join("gone@example.com")
	s.join("member@example.com")
	s.dismiss(dismissed.Member.ID)
	pending := numbered("pending%d@example.com", 120) // more than one batch of reads holds
	_, err := s.inviting(s.store).Invite(t.Context(), s.admin, s.command(pending, silently))
	s.ok(err)
	revoked := numbered("revoked%d@example.com", 5)
	for _, a := range revoked {
		s.invite(a, silently)
		_, err := s.update(a, revoking)
		s.ok(err)
	}
	used := s.usage()

	want := map[string]onboarding.InviteVerdict{"gone@example.com": onboarding.DismissedMember,
		"member@example.com": onboarding.AlreadyMember,
		"ada@example.com":    onboarding.AlreadyMember}
	addresses := []string{"gone@example.com", "member@example.com", "ada@example.com"}
	for _, a := range pending {
		want[a] = onboarding.AlreadyInvited
	}
	for _, a := range revoked {
		want[a] = onboarding.Reopened
	}
	rubbish := numbered("rubbish %d", 40)
	for _, a := range rubbish {
		want[a] = onboarding.InvalidAddress
	}
	doubles := numbered("ANN%d@EXAMPLE.COM", 32)
	for _, a := range doubles {
		want[a] = onboarding.Duplicate
	}
	fresh := s.addresses(1000 - 3 - len(pending) - len(revoked) - len(rubbish) - len(doubles))
	for _, a := range fresh {
		want[a] = onboarding.Created
	}
	for _, more := range [][]string{fresh[:500], pending, revoked, rubbish, doubles, fresh[500:]} {
		addresses = append(addresses, more...)
	}
	if len(addresses) != onboarding.MaxRecipients {
		t.Fatalf("%d recipients", len(addresses))
	}
	results, err := s.inviting(s.store).Invite(t.Context(), s.admin, s.command(addresses))
	s.ok(err)
	for i, r := range results {
		if r.Input != addresses[i] || r.Verdict != want[r.Input] {
			t.Errorf("%d: %s for %s: %s, want %s", i, r.Input, addresses[i], r.Verdict, want[r.Input])
		}
	}
	mailed := len(fresh) + len(revoked)
	if n := s.usage() - used; n != mailed {
		t.Errorf("%d sends were counted, want %d", n, mailed)
	}
	if n := len(s.owed()); n != mailed {
		t.Errorf("%d mails are owed, want %d", n, mailed)
	}
	if n := s.count("CONTACT#"); n != 3+len(pending)+len(revoked)+len(fresh) {
		t.Errorf("%d contacts", n)
	}
}

func TestTheDailyLimitIsKept(t *testing.T) {
	s := newStage(t, limit(5))
	invite := func(addresses []string, edits ...func(*onboarding.InviteCommand)) map[onboarding.InviteVerdict]int {
		t.Helper()
		results, err := s.inviting(s.store).Invite(t.Context(), s.admin, s.command(addresses, edits...))
		s.ok(err)
		n := map[onboarding.InviteVerdict]int{}
		for _, r := range results {
			n[r.Verdict]++
		}
		return n
	}
	is := func(got map[onboarding.InviteVerdict]int, want string, used int) {
		t.Helper()
		if fmt.Sprint(got) != want || s.usage() != used {
			t.Errorf("%v and %d used, want %s and %d", got, s.usage(), want, used)
		}
	}
	is(invite(s.addresses(3)), "map[created:3]", 3)
	// Two are left for five; the three that need none go past.
	is(invite(append(s.addresses(3), "a@example.com", "b@example.com")), "map[already_invited:3 created:2]", 5)
	is(invite([]string{"c@example.com", "d@example.com"}), "map[limit_reached:2]", 5)
	is(invite([]string{"c@example.com"}, silently), "map[created:1]", 5) // nobody is mailed
	s.advance(15 * time.Hour)                                            // midnight, UTC
	is(invite([]string{"d@example.com", "c@example.com"}), "map[already_invited:1 created:1]", 1)
	is(invite(numbered("e%d@example.com", 6)), "map[created:4 limit_reached:2]", 5)
	if n := s.count("CONTACT#"); n != 12 { // and Ada
		t.Errorf("%d contacts: somebody over the limit was written", n)
	}
}

func TestTheFirstGetWhatIsLeftOfTheLimit(t *testing.T) {
	s := newStage(t, limit(3))
	results, err := s.inviting(s.store).Invite(t.Context(), s.admin,
		s.command(append([]string{"ada@example.com"}, s.addresses(5)...)))
	s.ok(err)
	for i, want := range []onboarding.InviteVerdict{onboarding.AlreadyMember, onboarding.Created, onboarding.Created,
		onboarding.Created,
		onboarding.OverLimit, onboarding.OverLimit} {
		if results[i].Verdict != want {
			t.Errorf("%s: %s, want %s", results[i].Input, results[i].Verdict, want)
		}
	}
	if s.usage() != 3 {
		t.Errorf("%d used", s.usage())
	}
}

func TestTheLimitHoldsWhereManyInviteAtOnce(t *testing.T) {
	s := newStage(t, limit(50))
	var created atomic.Int64
	var group sync.WaitGroup
	for g := range 20 {
		group.Go(func() {
			cmd := s.command(numbered(fmt.Sprintf("g%d-%%d@example.com", g), 5))
			results, err := s.inviting(s.store).Invite(context.Background(), s.admin, cmd)
			if err != nil {
				t.Error(err)
			}
			for _, r := range results {
				if r.Verdict == onboarding.Created {
					created.Add(1)
				}
			}
		})
	}
	group.Wait()
	if created.Load() != 50 || s.usage() != 50 || len(s.owed()) != 50 {
		t.Errorf("%d created, %d counted, %d owed of a limit of 50", created.Load(), s.usage(), len(s.owed()))
	}
}

func TestReservedSendsNeverPassTheLimit(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct{ want, limit int }{{1, 7}, {3, 40}, {7, 40}, {1000, 40}} {
		s.advance(24 * time.Hour) // a counter of its own
		var got atomic.Int64
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				n, err := s.store.ReserveSends(context.Background(), acme, s.Now(), s.admin.Member.ID, c.want, c.limit)
				if err != nil || n < 0 || n > c.want {
					t.Errorf("%d, %v", n, err)
				}
				got.Add(int64(n))
			})
		}
		group.Wait()
		if used := s.usage(); used != int(got.Load()) || used != c.limit {
			t.Errorf("20 want %d each of %d: %d were given, %d counted", c.want, c.limit, got.Load(), used)
		}
	}
	if n, err := s.store.ReserveSends(t.Context(), acme, s.Now(), s.admin.Member.ID, 1, 0); n != 0 || err != nil {
		t.Errorf("of a limit of zero: %d, %v", n, err)
	}
}

func TestALinkGoesOnlyToWhoMayCopyIt(t *testing.T) {
	s := newStage(t, everyoneInvites)
	member := s.join("bob@example.com")
	r := s.invite("ann@example.com", silently)
	if r.Link == nil {
		t.Fatal("an administrator gets no link")
	}
	if s.contact("ann@example.com").Invitation.Delivery.Status != onboarding.DeliveryNotRequested || len(s.owed()) != 0 {
		t.Error("somebody is to be mailed")
	}
	if _, err := s.redeeming(s.store).Open(t.Context(), acme, r.Link.Reveal()); err != nil {
		t.Error(err)
	}
	if again := s.invite("ann@example.com", silently); again.Verdict != onboarding.AlreadyInvited || again.Link != nil {
		t.Errorf("%s, link %t", again.Verdict, again.Link != nil)
	}
	if r := s.invite("mia@example.com"); r.Link != nil {
		t.Error("a mailed link is shown too")
	}
	if r := s.inviteAs(member, "eve@example.com", silently); r.Verdict != onboarding.Created || r.Link != nil {
		t.Errorf("a member: %s, link %t", r.Verdict, r.Link != nil)
	}
}

func TestInvitingAsksThePolicy(t *testing.T) {
	s := newStage(t)
	member := s.join("bob@example.com")
	for name, c := range map[string]struct {
		caller onboarding.Caller
		want   onboarding.Code
	}{
		"a member where administrators invite": {member, onboarding.Forbidden},
		"somebody dismissed": {onboarding.Caller{Organization: s.admin.Organization,
			Member: onboarding.Member{ID: s.admin.Member.ID, Status: onboarding.MemberDismissed,
				Type: onboarding.Employee, Role: onboarding.RoleAdmin}},
			onboarding.Forbidden},
		"an administrator of a closed organization": {onboarding.Caller{Member: s.admin.Member,
			Organization: onboarding.Organization{ID: acme, Closed: true}}, onboarding.OrganizationClosed},
	} {
		_, err := s.inviting(s.store).Invite(t.Context(), c.caller, s.command([]string{"eve@example.com"}))
		if codeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := s.count("CONTACT#"); n != 2 {
		t.Errorf("%d contacts", n)
	}
}

// Inviting again with on_conflict is a second door to resending, and asks the policy what the first one asks.
func TestAMemberDoesNotResendWhatTheyCouldNotOffer(t *testing.T) {
	s := newStage(t, everyoneInvites)
	member := s.join("bob@example.com")
	s.invite("ann@example.com", asAnAdmin)
	s.mail()
	before := s.contact("ann@example.com")
	s.advance(time.Hour)
	if r := s.inviteAs(member, "ann@example.com", resend); r.Verdict == onboarding.Resent {
		t.Error("a member prolongs an administrator's offer to make an administrator")
	}
	if after := s.contact("ann@example.com"); !after.Invitation.ExpiresAt.Equal(before.Invitation.ExpiresAt) || len(s.owed()) != 0 {
		t.Errorf("%v became %v", before.Invitation.ExpiresAt, after.Invitation.ExpiresAt)
	}
}

func TestAMemberIsNotShownTheInvitationsOfOthers(t *testing.T) {
	s := newStage(t, everyoneInvites)
	member := s.join("bob@example.com")
	s.invite("ann@example.com", asAnAdmin)
	r := s.inviteAs(member, "ann@example.com")
	if r.Verdict != onboarding.AlreadyInvited {
		t.Fatal(r.Verdict)
	}
	if r.Contact != nil {
		t.Errorf("a member sees who invited whom as what: %+v", r.Contact.Invitation)
	}
}

func TestWhoInvitesAgainAnswersForTheInvitation(t *testing.T) {
	s := newStage(t)
	second := s.join("bob@example.com", asAnAdmin)
	s.invite("ann@example.com")
	s.mail()
	s.advance(time.Hour)
	if r := s.inviteAs(second, "ann@example.com", resend); r.Verdict != onboarding.Resent {
		t.Fatal(r.Verdict)
	}
	s.mail()
	s.dismiss(s.admin.Member.ID)
	if _, _, err := s.redeeming(s.store).Accept(t.Context(), acme, s.mailedToken("ann@example.com"), profile()); err != nil {
		t.Errorf("the administrator who sent it again still stands for it: %v", err)
	}
}
