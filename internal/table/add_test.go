package table_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

func (a *side) AddMember(ctx context.Context, x onboarding.Addition) error {
	defer a.gate("AddMember")()
	return a.Table.AddMember(ctx, x)
}

func (a *side) IssueCredentials(ctx context.Context, x onboarding.Issue) error {
	defer a.gate("IssueCredentials")()
	return a.Table.IssueCredentials(ctx, x)
}

func (a *side) BeginWithTemporary(ctx context.Context, o onboarding.Organization, before, after onboarding.Member,
	once onboarding.Temporary, x onboarding.Session) error {
	defer a.gate("BeginWithTemporary")()
	return a.Table.BeginWithTemporary(ctx, o, before, after, once, x)
}

func (s *stage) adding(store onboarding.AddStore) onboarding.Adding {
	return onboarding.Adding{World: s.world(), Store: store, Keys: s.keys}
}

func (s *stage) addition(address string) onboarding.AddCommand {
	return onboarding.AddCommand{Address: s.address(address), FirstName: "Ann", LastName: "Lee", RequestID: s.request()}
}

func (s *stage) addingMove(address string) move {
	cmd := s.addition(address)
	return func(a *side) error {
		_, err := s.adding(a).Add(s.t.Context(), s.admin, cmd)
		return err
	}
}

func (s *stage) resendingMove(id onboarding.MemberID) move {
	request := s.request()
	return func(a *side) error {
		_, err := s.adding(a).Resend(s.t.Context(), s.admin, id, anyMember, request)
		return err
	}
}

// added adds a member, and answers them and the one-time password that is mailed.
func (s *stage) added(address string) (onboarding.Member, string) {
	s.t.Helper()
	m, err := s.adding(s.store).Add(s.t.Context(), s.admin, s.addition(address))
	s.ok(err)
	return m, s.mailedPassword(address)
}

// mailedPassword delivers, and answers the one-time password that went to an address.
func (s *stage) mailedPassword(address string) string {
	s.t.Helper()
	for _, l := range s.mail() {
		if l.To.Value == address && l.Kind == onboarding.MessageMemberAdded {
			return l.Password
		}
	}
	s.t.Fatalf("no one-time password is mailed to %s", address)
	return ""
}

func (s *stage) signingInWith(address, secret string) move {
	return func(a *side) error {
		_, _, err := s.signingIn(a).SignIn(s.t.Context(), acme, address, secret, address)
		return err
	}
}

// counts is what the counters of acme say.
func (s *stage) counts() onboarding.Counts {
	s.t.Helper()
	c, err := s.store.ReadCounts(s.t.Context(), acme)
	s.ok(err)
	return c
}

func TestAddedTwiceAtOnceIsOneMember(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		active, mails := s.counts().Active, s.usage()
		return s.addingMove(address), s.addingMove(address), func(a, b error) error {
			s.mail()
			return errors.Join(oneWins(a, b, onboarding.IsMember), equal("members", s.membersOf(address), 1),
				equal("counted", s.counts().Active-active, 1), equal("letters", s.lettersTo(address), 1),
				equal("mails that count", s.usage()-mails, 1))
		}
	})
}

func TestAddedWhileTheInvitationIsAcceptedIsOneMember(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		token := s.invited(address)
		active := s.counts().Active
		return s.accepting(token), s.addingMove(address), func(accepted, added error) error {
			c := s.contact(address)
			err := errors.Join(equal("members", s.membersOf(address), 1), equal("counted", s.counts().Active-active, 1),
				equal("the invitation", c.Invitation.Status, onboarding.InvitationAccepted),
				equal("the invitation's member", c.Invitation.AcceptedMember, c.Member))
			if accepted == nil {
				return errors.Join(err, equal("adding", codeOf(added), onboarding.IsMember))
			}
			return errors.Join(err, added, equal("accepting", codeOf(accepted), onboarding.AlreadyAccepted))
		}
	})
}

func TestTheLastSeatIsTakenOnce(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		s.admin.Organization.Settings.Seats = s.counts().Seats + 1
		mails := s.usage()
		return s.addingMove("one-" + address), s.addingMove("two-" + address), func(a, b error) error {
			return errors.Join(oneWins(a, b, onboarding.SeatsFull), equal("seats", s.counts().Seats, s.admin.Organization.Settings.Seats),
				equal("mails that count", s.usage()-mails, 1))
		}
	})
}

func TestAOneTimePasswordUsedTwiceAtOnceBeginsOneSession(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		_, once := s.added(address)
		sessions := s.count("SESSION#")
		return s.signingInWith(address, once), s.signingInWith(address, once), func(a, b error) error {
			return errors.Join(oneWins(a, b, onboarding.WrongCredentials), equal("new sessions", s.count("SESSION#")-sessions, 1))
		}
	})
}

func TestAOneTimePasswordUsedWhileAnotherIsSentIsOneOfThem(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		m, once := s.added(address)
		s.advance(time.Minute)
		return s.signingInWith(address, once), s.resendingMove(m.ID), func(used, resent error) error {
			if used != nil && codeOf(used) != onboarding.WrongCredentials {
				return fmt.Errorf("signing in: %w", used)
			}
			_, c, err := s.store.ReadCredentials(s.t.Context(), acme, m.ID)
			next := s.mailedPassword(address)
			_, _, old := s.signIn(address, once)
			_, _, fresh := s.signIn(address, next)
			return errors.Join(err, resent, equal("used", c.Temporary.UsedAt.IsZero(), true), equal("the round", c.Temporary.Round, 2),
				equal("the one of before", codeOf(old), onboarding.WrongCredentials), fresh)
		}
	})
}

func TestCredentialsSentTwiceAtOnceAreSentOnce(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		m, _ := s.added(address)
		s.advance(time.Minute)
		mails := s.usage()
		return s.resendingMove(m.ID), s.resendingMove(m.ID), func(a, b error) error {
			_, _, err := s.signIn(address, s.mailedPassword(address))
			return errors.Join(oneWins(a, b, onboarding.TooManyAttempts), err, equal("letters", s.lettersTo(address), 2),
				equal("mails that count", s.usage()-mails, 1))
		}
	})
}

func TestAPasswordChosenWhileAnotherIsSentIsNotTakenAway(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		m, once := s.added(address)
		caller, _, err := s.signIn(address, once)
		s.ok(err)
		s.advance(time.Minute)
		change := func(a *side) error {
			_, _, err := s.signingIn(a).ChangePassword(s.t.Context(), caller, once, another)
			return err
		}
		return change, s.resendingMove(m.ID), func(changed, resent error) error {
			_, c, err := s.store.ReadCredentials(s.t.Context(), acme, m.ID)
			if changed == nil {
				return errors.Join(err, resent, equal("chosen", c.Password.Matches(another), true), equal("out", c.Temporary.Out(), false))
			}
			return errors.Join(err, resent, equal("changing", codeOf(changed), onboarding.Unauthenticated), equal("out", c.Temporary.Out(), true),
				equal("chosen", c.Password.Matches(another), false))
		}
	})
}

// Of what was read before a one-time password is used, each part counts in the write.
func TestAOneTimePasswordHoldsOnlyForWhatWasRead(t *testing.T) {
	for name, meddle := range map[string]func(*stage, onboarding.MemberID){
		"it is used": func(s *stage, id onboarding.MemberID) {
			s.poke(memberSK(id), map[string]any{"temporary_used_at": onboarding.FormatTime(s.Now())})
		},
		"it is replaced": func(s *stage, id onboarding.MemberID) {
			s.poke(memberSK(id), map[string]any{"temporary_nonce": []byte("another")})
		},
		"it ends": func(s *stage, id onboarding.MemberID) {
			s.poke(memberSK(id), map[string]any{"temporary_expires_at": onboarding.FormatTime(s.Now())})
		},
		"all sessions are ended": func(s *stage, id onboarding.MemberID) {
			s.poke(memberSK(id), map[string]any{"session_epoch": 7})
		},
		"its member is dismissed": func(s *stage, id onboarding.MemberID) { s.dismiss(id) },
		"its member is changed": func(s *stage, id onboarding.MemberID) {
			s.poke(memberSK(id), map[string]any{"version": 7})
		},
		"the address is another's": func(s *stage, _ onboarding.MemberID) {
			s.poke(contactSK(s.id("ann@example.com")), map[string]any{"member_id": s.admin.Member.ID.Key()})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			m, once := s.added("ann@example.com")
			sessions := s.count("SESSION#")
			_, _, err := s.signingIn(beforeFirstUse{s.store, func() { meddle(s, m.ID) }}).SignIn(t.Context(), acme, "ann@example.com", once, source)
			s.refused(err, onboarding.WrongCredentials)
			if n := s.count("SESSION#") - sessions; n != 0 {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

// beforeFirstUse is a store on which something happens before a one-time password is used.
type beforeFirstUse struct {
	onboarding.SignInStore
	meddle func()
}

func (b beforeFirstUse) BeginWithTemporary(ctx context.Context, o onboarding.Organization, before, after onboarding.Member,
	once onboarding.Temporary, x onboarding.Session) error {
	b.meddle()
	return b.SignInStore.BeginWithTemporary(ctx, o, before, after, once, x)
}

func TestARequestThatAddsIsRecognized(t *testing.T) {
	s := newStage(t)
	cmd := s.addition("ann@example.com")
	first, err := s.adding(s.store).Add(t.Context(), s.admin, cmd)
	s.ok(err)
	again, err := s.adding(s.store).Add(t.Context(), s.admin, cmd)
	s.ok(err)
	if again.ID != first.ID || s.membersOf("ann@example.com") != 1 || s.usage() != 1 {
		t.Errorf("%+v, and %d members and %d mails", again, s.membersOf("ann@example.com"), s.usage())
	}
}

func TestWhoeverIsThereIsNotAdded(t *testing.T) {
	s := newStage(t)
	m, _ := s.added("ann@example.com")
	_, err := s.adding(s.store).Add(t.Context(), s.admin, s.addition("ann@example.com"))
	s.refused(err, onboarding.IsMember)
	s.dismiss(m.ID)
	_, err = s.adding(s.store).Add(t.Context(), s.admin, s.addition("ann@example.com"))
	s.refused(err, onboarding.DismissedBefore)
	for _, status := range []onboarding.MemberStatus{onboarding.MemberPendingApproval, onboarding.MemberRejected} {
		s.poke(memberSK(m.ID), map[string]any{"member.status": status})
		_, err = s.adding(s.store).Add(t.Context(), s.admin, s.addition("ann@example.com"))
		s.refused(err, onboarding.IsMember)
		_, err = s.adding(s.store).Resend(t.Context(), s.admin, m.ID, anyMember, s.request())
		s.refused(err, onboarding.NotFound)
	}
	if s.usage() != 1 {
		t.Errorf("%d mails count", s.usage())
	}
}

func TestAtTheLimitOfTheDayNobodyIsAdded(t *testing.T) {
	s := newStage(t, limit(1))
	m, _ := s.added("ann@example.com")
	_, err := s.adding(s.store).Add(t.Context(), s.admin, s.addition("bob@example.com"))
	s.refused(err, onboarding.LimitReached)
	s.advance(time.Minute)
	_, err = s.adding(s.store).Resend(t.Context(), s.admin, m.ID, anyMember, s.request())
	s.refused(err, onboarding.LimitReached)
	if s.membersOf("bob@example.com") != 0 {
		t.Error("added all the same")
	}
}

// Between owing and sending, a one-time password can come to nothing.
func TestAOneTimePasswordIsNotMailedInVain(t *testing.T) {
	for name, spoil := range map[string]func(*stage, onboarding.MemberID){
		"it has ended":            func(s *stage, _ onboarding.MemberID) { s.advance(72 * time.Hour) },
		"its member is dismissed": func(s *stage, id onboarding.MemberID) { s.dismiss(id) },
		"it is used": func(s *stage, id onboarding.MemberID) {
			s.poke(memberSK(id), map[string]any{"temporary_used_at": onboarding.FormatTime(s.Now())})
		},
		"its round has passed": func(s *stage, id onboarding.MemberID) {
			s.poke(memberSK(id), map[string]any{"temporary_round": 2})
		},
		"its key has gone": func(s *stage, id onboarding.MemberID) {
			s.poke(memberSK(id), map[string]any{"temporary_key": 9})
		},
		"no passwords are mailed any more": func(s *stage, _ onboarding.MemberID) {
			_, err := s.founding().Change(s.t.Context(), acme, func(o *onboarding.Organization) { o.Settings.ForbidMailedPasswords = true })
			s.ok(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			m, err := s.adding(s.store).Add(t.Context(), s.admin, s.addition("ann@example.com"))
			s.ok(err)
			spoil(s, m.ID)
			if letters := s.mail(); len(letters) != 0 {
				t.Errorf("%+v", letters)
			}
			s.ok(s.nothingOwed())
		})
	}
}
