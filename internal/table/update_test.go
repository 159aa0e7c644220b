package table_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

// update resends or revokes an address's invitation as the administrator.
type update func(u onboarding.Updating, ctx context.Context, caller onboarding.Caller, id onboarding.ContactID,
	match onboarding.Match,
	requestID string) (onboarding.Contact, error)

func (s *stage) update(address string, do update) (onboarding.Contact, error) {
	s.t.Helper()
	return do(s.updating(s.store), s.t.Context(), s.admin, s.id(address), anyVersion, s.request())
}

var (
	resending update = onboarding.Updating.Resend
	revoking  update = onboarding.Updating.Revoke
)

func TestResendingKeepsTheLinkAndGivesItsFullTime(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	first := s.mail()[0]
	s.advance(3 * 24 * time.Hour)
	c, err := s.update("ann@example.com", resending)
	s.ok(err)
	if i := c.Invitation; i.Status != onboarding.InvitationPending || i.Round != 1 || !i.ExpiresAt.Equal(s.Now().Add(lifetime)) ||
		i.Delivery.Status != onboarding.DeliveryQueued {
		t.Errorf("%+v", i)
	}
	if l := s.mail(); len(l) != 1 || l[0].Link != first.Link || !l[0].Until.Equal(s.Now().Add(lifetime)) {
		t.Errorf("%+v", l)
	}
	if c := s.contact("ann@example.com"); c.Invitation.SendCount != 2 || s.usage() != 1 {
		t.Errorf("%d sent, %d counted today", c.Invitation.SendCount, s.usage())
	}
}

func TestResendingAnExpiredInvitationMakesItPending(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	token := tokenIn(s.mail()[0])
	s.advance(lifetime)
	_, err := s.redeeming(s.store).Open(t.Context(), acme, token)
	s.refused(err, onboarding.LinkExpired)
	c, err := s.update("ann@example.com", resending)
	s.ok(err)
	if c.Invitation.Now(s.Now()) != onboarding.InvitationPending {
		t.Error(c.Invitation.Now(s.Now()))
	}
	_, err = s.redeeming(s.store).Open(t.Context(), acme, token)
	s.ok(err)
}

func TestResendingTooSoonHasToWait(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	s.advance(10 * time.Second)
	soon := func(want time.Duration) {
		t.Helper()
		_, err := s.update("ann@example.com", resending)
		s.refused(err, onboarding.TooManyAttempts)
		if e := (*onboarding.Error)(nil); !errors.As(err, &e) || e.RetryAfter != want {
			t.Errorf("again in %v, want %v", e.RetryAfter, want)
		}
	}
	soon(50 * time.Second) // queued
	s.mail()
	s.advance(30 * time.Second)
	soon(30 * time.Second) // sent
	s.advance(30 * time.Second)
	_, err := s.update("ann@example.com", resending)
	s.ok(err)
	if s.usage() != 2 {
		t.Errorf("%d counted: what was refused is counted", s.usage())
	}
}

func TestResendingCountsAgainstTheLimit(t *testing.T) {
	s := newStage(t, limit(1))
	s.invite("ann@example.com")
	s.mail()
	s.advance(time.Hour)
	_, err := s.update("ann@example.com", resending)
	s.refused(err, onboarding.LimitReached)
	if e := (*onboarding.Error)(nil); !errors.As(err, &e) || e.RetryAfter != 14*time.Hour { // to midnight, UTC
		t.Errorf("again in %v", e.RetryAfter)
	}
	if len(s.owed()) != 0 {
		t.Error("a mail is owed")
	}
}

func TestOnlyAPendingInvitationIsResent(t *testing.T) {
	for name, end := range map[string]func(*stage, string){
		"revoked": func(s *stage, a string) { _, err := s.update(a, revoking); s.ok(err) },
		"declined": func(s *stage, a string) {
			_, err := s.redeeming(s.store).Decline(s.t.Context(), acme, s.mailedToken(a))
			s.ok(err)
		},
		"accepted": func(s *stage, a string) {
			_, _, err := s.redeeming(s.store).Accept(s.t.Context(), acme, s.mailedToken(a), profile())
			s.ok(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.invite("ann@example.com")
			end(s, "ann@example.com")
			s.advance(time.Hour)
			_, err := s.update("ann@example.com", resending)
			s.refused(err, onboarding.Conflict)
			_, err = s.update("ann@example.com", revoking)
			s.refused(err, onboarding.Conflict)
			if len(s.owed()) != 0 || s.usage() != 1 {
				t.Errorf("%d owed, %d counted", len(s.owed()), s.usage())
			}
		})
	}
}

func TestRevokingKillsTheLinkAndTheMail(t *testing.T) {
	s := newStage(t)
	token := s.invited("ann@example.com")
	c, err := s.update("ann@example.com", revoking)
	s.ok(err)
	if c.Invitation.Status != onboarding.InvitationRevoked || len(s.owed()) != 0 {
		t.Errorf("%s, %d owed", c.Invitation.Status, len(s.owed()))
	}
	for _, attribute := range []string{"outbox", "outbox_wake", "by_outbox_pk", "by_outbox_sk"} {
		if _, there := s.item(contactSK(c.ID))[attribute]; there {
			t.Errorf("%s is left", attribute)
		}
	}
	_, err = s.redeeming(s.store).Open(t.Context(), acme, token)
	s.refused(err, onboarding.LinkRevoked)
	_, _, err = s.redeeming(s.store).Accept(t.Context(), acme, token, profile())
	s.refused(err, onboarding.LinkRevoked)
}

func TestAnExpiredInvitationCanBeRevoked(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	s.advance(lifetime)
	c, err := s.update("ann@example.com", revoking)
	s.ok(err)
	if c.Invitation.Now(s.Now()) != onboarding.InvitationRevoked {
		t.Error(c.Invitation.Now(s.Now()))
	}
}

func TestARepeatedRequestIsAnsweredFromItsOwnWrite(t *testing.T) {
	for name, do := range map[string]update{"resend": resending, "revoke": revoking} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.invite("ann@example.com")
			s.mail()
			s.advance(time.Hour)
			id, request := s.id("ann@example.com"), s.request()
			first, err := do(s.updating(s.store), t.Context(), s.admin, id, anyVersion, request)
			s.ok(err)
			// It even names the version of before: its own write is what changed it.
			again, err := do(s.updating(s.store), t.Context(), s.admin, id,
				func(c onboarding.Contact) bool { return c.Version == first.Version-1 }, request)
			s.ok(err)
			if again.Version != first.Version || again.Invitation.Status != first.Invitation.Status || s.usage() > 2 {
				t.Errorf("version %d and %d", first.Version, again.Version)
			}
		})
	}
}

func TestAnUpdateOfSomethingElseThanWasSeenIsRefused(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	s.mail()
	s.advance(time.Hour)
	for name, do := range map[string]update{"resend": resending, "revoke": revoking} {
		_, err := do(s.updating(s.store), t.Context(), s.admin, s.id("ann@example.com"),
			func(onboarding.Contact) bool { return false }, s.request())
		if codeOf(err) != onboarding.VersionMismatch {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c := s.contact("ann@example.com"); c.Invitation.Status != onboarding.InvitationPending || s.usage() != 1 {
		t.Errorf("%s, %d counted", c.Invitation.Status, s.usage())
	}
}

func TestOthersInvitationsAreNotThereForAMember(t *testing.T) {
	s := newStage(t, everyoneInvites)
	member := s.join("bob@example.com")
	s.invite("ann@example.com")
	s.inviteAs(member, "resend@example.com")
	s.inviteAs(member, "revoke@example.com")
	s.mail()
	s.advance(time.Hour)
	for name, do := range map[string]update{"resend": resending, "revoke": revoking} {
		for _, id := range []onboarding.ContactID{s.id("ann@example.com"), s.id("ada@example.com"), {1, 2, 3}} {
			_, err := do(s.updating(s.store), t.Context(), member, id, anyVersion, s.request())
			if codeOf(err) != onboarding.NotFound {
				t.Errorf("%s of %v: %v", name, id, err)
			}
		}
		if _, err := do(s.updating(s.store), t.Context(), member, s.id(name+"@example.com"), anyVersion, s.request()); err != nil {
			t.Errorf("%s of their own: %v", name, err)
		}
	}
}

func TestResendingAsksThePolicy(t *testing.T) {
	s := newStage(t)
	second := s.join("bob@example.com", asAnAdmin)
	if r := s.inviteAs(second, "ann@example.com", asAnAdmin); r.Verdict != onboarding.Created {
		t.Fatal(r.Verdict)
	}
	s.mail()
	s.advance(time.Hour)
	second.Organization.Settings.WhoCanInvite = onboarding.EveryoneInvite
	second.Member.Role = onboarding.RoleMember // demoted since
	_, err := s.updating(s.store).Resend(t.Context(), second, s.id("ann@example.com"), anyVersion, s.request())
	s.refused(err, onboarding.Forbidden)
	closed := s.admin
	closed.Organization.Closed = true
	_, err = s.updating(s.store).Resend(t.Context(), closed, s.id("ann@example.com"), anyVersion, s.request())
	s.refused(err, onboarding.OrganizationClosed)
}

func TestWhoResendsAnswersForTheInvitation(t *testing.T) {
	for name, conflict := range map[string]bool{"undisturbed": false, "while the first mail is settled": true} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			second := s.join("bob@example.com", asAnAdmin)
			s.invite("ann@example.com")
			s.advance(time.Hour)
			store := &meddled{Table: s.store}
			if conflict {
				store.meddle = func() { s.poke(contactSK(s.id("ann@example.com")), map[string]any{"version": 7}) }
			}
			c, err := s.updating(store).Resend(t.Context(), second, s.id("ann@example.com"), anyVersion, s.request())
			s.ok(err)
			if stored := s.contact("ann@example.com"); c.Invitation.Inviter.ID != second.Member.ID ||
				stored.Invitation.Inviter.ID != second.Member.ID || stored.Invitation.InviterName != second.Member.Name() {
				t.Errorf("answered %v, stored %v (%s), want %v", c.Invitation.Inviter.ID, stored.Invitation.Inviter.ID,
					stored.Invitation.InviterName, second.Member.ID)
			}
			if s.usage() != 2+1 { // Bob's, Ann's, and this one
				t.Errorf("%d counted", s.usage())
			}
		})
	}
}

func TestWhatIsChangedOverAndOverIsGivenUp(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	sk := contactSK(s.id("ann@example.com"))
	store := &busy{Table: s.store, meddle: func(version int64) { s.poke(sk, map[string]any{"version": version + 10}) }}
	_, err := s.updating(store).Revoke(t.Context(), s.admin, s.id("ann@example.com"), anyVersion, s.request())
	s.refused(err, onboarding.Unavailable)
}

// busy is a store on which somebody else always writes first.
type busy struct {
	*table.Table
	meddle func(version int64)
}

func (b *busy) ReplaceOffer(ctx context.Context, org onboarding.OrganizationID, c onboarding.Contact, version int64) error {
	b.meddle(version)
	return b.Table.ReplaceOffer(ctx, org, c, version)
}

func TestAcceptedWhileItIsEditedIsTakenAsItStands(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		token, id, request, plain := s.invited(address, asAnAdmin), s.id(address), s.request(), onboarding.RoleMember
		edit := func(a *side) error {
			_, err := s.updating(a).Edit(t.Context(), s.admin, id, anyVersion, request, onboarding.InvitationChange{Role: &plain})
			return err
		}
		return s.accepting(token), edit, func(accepted, edited error) error {
			c := s.contact(address)
			m, err := s.store.ReadMember(t.Context(), acme, c.Member)
			if edited != nil {
				err = errors.Join(err, equal("editing", codeOf(edited), onboarding.Conflict))
			}
			return errors.Join(err, accepted, equal("the role", m.Role, c.Invitation.Role))
		}
	})
}

// What an invitation owes when it is changed is sent all the same, on its terms of then.
func TestAnInvitationThatIsChangedBeforeItIsSentIsSent(t *testing.T) {
	for name, do := range map[string]update{
		"taken over": onboarding.Updating.TakeOver,
		"edited": func(u onboarding.Updating, ctx context.Context, caller onboarding.Caller, id onboarding.ContactID, match onboarding.Match,
			request string) (onboarding.Contact, error) {
			return u.Edit(ctx, caller, id, match, request, onboarding.InvitationChange{FirstName: new("Anna")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.invite("ann@example.com")
			_, err := s.update("ann@example.com", do)
			s.ok(err)
			s.want("letters", len(s.mail()), 1)
			s.box.failing(sendError(onboarding.SendLater))
			s.invite("bob@example.com")
			s.mail()
			_, err = s.update("bob@example.com", do)
			s.ok(err)
			s.box.failing(nil)
			s.advance(time.Hour)
			_, err = s.redriving().Redrive(t.Context(), 10)
			s.ok(err)
			s.want("letters of what is tried again", len(s.mail()), 1)
			s.ok(s.nothingOwed())
		})
	}
}
