package table_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

// Each race is between two moves that have both read before either writes. Then they write: both at once, the first one
// first, and the second one first. So a condition that does not hold is found in every run, and not in one of a thousand.

// side is one of the two in a race, and the store that it works through.
type side struct {
	*table.Table
	other         *side
	passes        []string // writes that are none of the race's
	arrived, done chan struct{}
	arrive, leave sync.Once
	second        bool // whether it writes only after the other has written
	holds         bool // whether it counts as done only when its whole move is
}

// gate holds a side's first write up until the other has come to its own, or will not come any more. What it answers is to
// be called behind the write.
func (a *side) gate(write string) (past func()) {
	if slices.Contains(a.passes, write) {
		return func() {}
	}
	a.arrive.Do(func() {
		close(a.arrived)
		<-a.other.arrived
		if a.second {
			<-a.other.done
		}
	})
	return func() {
		if !a.holds {
			a.past()
		}
	}
}

func (a *side) past() { a.leave.Do(func() { close(a.done) }) }

func (a *side) finish() {
	a.arrive.Do(func() { close(a.arrived) })
	a.past()
}

func (a *side) CreateContacts(ctx context.Context, org onboarding.OrganizationID,
	c []onboarding.Contact) ([]*onboarding.Contact, error) {
	defer a.gate("CreateContacts")()
	return a.Table.CreateContacts(ctx, org, c)
}

func (a *side) ReplaceOffer(ctx context.Context, org onboarding.OrganizationID, c onboarding.Contact, version int64) error {
	defer a.gate("ReplaceOffer")()
	return a.Table.ReplaceOffer(ctx, org, c, version)
}

func (a *side) Accept(ctx context.Context, x onboarding.Acceptance) error {
	defer a.gate("Accept")()
	return a.Table.Accept(ctx, x)
}

func (a *side) Decline(ctx context.Context, org onboarding.OrganizationID, c onboarding.Contact, at time.Time) error {
	defer a.gate("Decline")()
	return a.Table.Decline(ctx, org, c, at)
}

func (a *side) AskForLink(ctx context.Context, org onboarding.OrganizationID, c onboarding.Contact,
	m onboarding.Message, after time.Time) error {
	defer a.gate("AskForLink")()
	return a.Table.AskForLink(ctx, org, c, m, after)
}

func (a *side) ChangePassword(ctx context.Context, org onboarding.OrganizationID, m onboarding.MemberID,
	hash onboarding.PasswordHash, x onboarding.Session, at time.Time) error {
	defer a.gate("ChangePassword")()
	return a.Table.ChangePassword(ctx, org, m, hash, x, at)
}

func (a *side) OweReset(ctx context.Context, org onboarding.OrganizationID, m onboarding.Member,
	seen, next onboarding.Reset, msg onboarding.Message) error {
	defer a.gate("OweReset")()
	return a.Table.OweReset(ctx, org, m, seen, next, msg)
}

func (a *side) RedeemReset(ctx context.Context, o onboarding.Organization, m onboarding.Member, r onboarding.Reset,
	hash onboarding.PasswordHash, x onboarding.Session) error {
	defer a.gate("RedeemReset")()
	return a.Table.RedeemReset(ctx, o, m, r, hash, x)
}

func (a *side) Found(ctx context.Context, o onboarding.Organization, m onboarding.Member, c onboarding.Credentials,
	contact onboarding.Contact, owed []onboarding.Message) error {
	defer a.gate("Found")()
	return a.Table.Found(ctx, o, m, c, contact, owed)
}

func (a *side) UpdateOrganization(ctx context.Context, o onboarding.Organization) error {
	defer a.gate("UpdateOrganization")()
	return a.Table.UpdateOrganization(ctx, o)
}

func (a *side) Claim(ctx context.Context, o onboarding.Owed, lease string, now, until time.Time) (onboarding.Claimed, error) {
	defer a.gate("Claim")()
	return a.Table.Claim(ctx, o, lease, now, until)
}

func (a *side) Settle(ctx context.Context, o onboarding.Owed, c onboarding.Claimed, out onboarding.Outcome) error {
	defer a.gate("Settle")()
	return a.Table.Settle(ctx, o, c, out)
}

// move is what one side does, and answers.
type move func(a *side) error

// race plays three rounds. play sets one up, and answers two moves and what must hold, of their two answers and of the
// table, when both are done. The writes that pass have no gate.
func race(s *stage, play func(address string) (first, second move, holds func(first, second error) error), passes ...string) {
	s.t.Helper()
	run(s, false, play, passes)
}

// raceWhole is a race in which one move as a whole comes before the other's write.
func raceWhole(s *stage, play func(address string) (first, second move, holds func(first, second error) error), passes ...string) {
	s.t.Helper()
	run(s, true, play, passes)
}

func run(s *stage, whole bool, play func(address string) (first, second move, holds func(first, second error) error),
	passes []string) {
	s.t.Helper()
	for round, order := range []string{"the first one first", "the second one first", "at once"} {
		first, second, holds := play(fmt.Sprintf("round%d@example.com", round))
		newSide := func(last string) *side {
			return &side{Table: s.store, arrived: make(chan struct{}), done: make(chan struct{}),
				second: order == last, holds: whole, passes: passes}
		}
		a, b := newSide("the second one first"), newSide("the first one first")
		a.other, b.other = b, a
		var errs [2]error
		var group sync.WaitGroup
		group.Go(func() { defer a.finish(); errs[0] = first(a) })
		group.Go(func() { defer b.finish(); errs[1] = second(b) })
		group.Wait()
		if err := holds(errs[0], errs[1]); err != nil {
			s.t.Errorf("%s: the first got %v, the second %v: %v", order, errs[0], errs[1], err)
		}
	}
}

// oneWins checks that one of two got nil, and the other a refusal.
func oneWins(first, second error, refusal onboarding.Code) error {
	if first != nil {
		first, second = second, first
	}
	if first != nil || codeOf(second) != refusal {
		return fmt.Errorf("want one that wins, and for the other %q", refusal)
	}
	return nil
}

func equal[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: %v, want %v", what, got, want)
	}
	return nil
}

func (s *stage) accepting(token string) move {
	return func(a *side) error {
		_, _, err := s.redeeming(a).Accept(s.t.Context(), acme, token, profile())
		return err
	}
}

func (s *stage) changing(address string, do update) move {
	id, request := s.id(address), s.request()
	return func(a *side) error {
		_, err := do(s.updating(a), s.t.Context(), s.admin, id, anyVersion, request)
		return err
	}
}

// membersOf is how many members have an address, whether or not its contact knows.
func (s *stage) membersOf(address string) (n int) {
	for _, item := range s.items() {
		if m, ok := item["member"]; ok && strings.HasPrefix(text(item["SK"]), "MEMBER#") &&
			text(m.(*types.AttributeValueMemberM).Value["email"]) == address {
			n++
		}
	}
	return n
}

func TestAcceptedTwiceAtOnceMakesOneMember(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		token, sessions := s.invited(address), s.count("SESSION#")
		return s.accepting(token), s.accepting(token), func(a, b error) error {
			return errors.Join(oneWins(a, b, onboarding.AlreadyAccepted), equal("members", s.membersOf(address), 1),
				equal("new sessions", s.count("SESSION#")-sessions, 1))
		}
	})
}

func TestAcceptedAndRevokedAtOnceIsOneOfThem(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		return s.accepting(s.invited(address)), s.changing(address, revoking), func(accepted, revoked error) error {
			c := s.contact(address)
			if accepted == nil {
				return errors.Join(equal("the revocation", codeOf(revoked), onboarding.Conflict),
					equal("members", s.membersOf(address), 1),
					equal("the invitation", c.Invitation.Status, onboarding.InvitationAccepted),
					equal("has a member", c.Member.IsZero(), false))
			}
			return errors.Join(equal("the acceptance", codeOf(accepted), onboarding.LinkRevoked),
				equal("members", s.membersOf(address), 0),
				equal("the invitation", c.Invitation.Status, onboarding.InvitationRevoked), revoked)
		}
	})
}

func TestAcceptedAndDeclinedAtOnceIsOneOfThem(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		token := s.invited(address)
		decline := func(a *side) error {
			_, err := s.redeeming(a).Decline(s.t.Context(), acme, token)
			return err
		}
		return s.accepting(token), decline, func(accepted, declined error) error {
			status := s.contact(address).Invitation.Status
			if accepted == nil {
				return errors.Join(equal("the refusal", codeOf(declined), onboarding.AlreadyAccepted),
					equal("members", s.membersOf(address), 1),
					equal("the invitation", status, onboarding.InvitationAccepted))
			}
			return errors.Join(equal("the acceptance", codeOf(accepted), onboarding.AlreadyDeclined),
				equal("members", s.membersOf(address), 0),
				equal("the invitation", status, onboarding.InvitationDeclined), declined)
		}
	})
}

func TestAcceptedWhileTheInviterFallsIsDecidedAnew(t *testing.T) {
	for name, fall := range map[string]func(*stage, onboarding.MemberID){
		"demoted":   (*stage).demote,
		"dismissed": (*stage).dismiss,
		"made a guest": func(s *stage, id onboarding.MemberID) {
			s.poke(memberSK(id), map[string]any{"member.type": onboarding.Guest})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			inviter := s.join("bob@example.com", asAnAdmin)
			race(s, func(address string) (move, move, func(error, error) error) {
				s.poke(memberSK(inviter.Member.ID), map[string]any{"member.status": onboarding.MemberActive,
					"member.role": onboarding.RoleAdmin,
					"member.type": onboarding.Employee})
				s.inviteAs(inviter, address)
				var early bool // whether the inviter fell before the acceptance was written
				falling := func(a *side) error {
					defer a.gate("fall")()
					fall(s, inviter.Member.ID)
					early = !s.isAccepted(address)
					return nil
				}
				return s.accepting(s.mailedToken(address)), falling, func(accepted, _ error) error {
					if accepted == nil {
						return errors.Join(equal("the inviter fell before", early, false), equal("members", s.membersOf(address), 1))
					}
					return errors.Join(equal("the acceptance", codeOf(accepted), onboarding.LinkRevoked),
						equal("members", s.membersOf(address), 0))
				}
			})
		})
	}
}

func (s *stage) isAccepted(address string) bool {
	return s.contact(address).Invitation.Status == onboarding.InvitationAccepted
}

func (s *stage) invitingMove(verdict *onboarding.InviteVerdict, addresses []string, edits ...func(*onboarding.InviteCommand)) move {
	return func(a *side) error {
		results, err := s.inviting(a).Invite(s.t.Context(), s.admin, s.command(addresses, edits...))
		if err == nil {
			*verdict = results[0].Verdict
		}
		return err
	}
}

// oneOf checks that one of two verdicts is won, and the other that there is an invitation.
func oneOf(a, b, won onboarding.InviteVerdict) error {
	if a != won {
		a, b = b, a
	}
	if a != won || b != onboarding.AlreadyInvited {
		return fmt.Errorf("%s and %s, want one %s", a, b, won)
	}
	return nil
}

func TestOneNewAddressInvitedTwiceAtOnceIsOneInvitation(t *testing.T) {
	for name, more := range map[string]int{"each alone": 0, "each among others": 3} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			race(s, func(address string) (move, move, func(error, error) error) {
				var a, b onboarding.InviteVerdict
				addresses := []string{address}
				for i := range more {
					addresses = append(addresses, fmt.Sprintf("%d-%s", i, address))
				}
				contacts := s.count("CONTACT#")
				return s.invitingMove(&a, addresses), s.invitingMove(&b, addresses, asAnAdmin), func(first, second error) error {
					role := s.contact(address).Invitation.Role
					return errors.Join(first, second, oneOf(a, b, onboarding.Created),
						equal("contacts", s.count("CONTACT#")-contacts, len(addresses)),
						equal("the first one's offer stands", role == onboarding.RoleMember, a == onboarding.Created),
						equal("letters", len(s.mail()), len(addresses)))
				}
			})
		})
	}
}

func TestReopenedTwiceAtOnceIsOneRoundMore(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		s.invite(address)
		s.mail()
		_, err := s.update(address, revoking)
		s.ok(err)
		var a, b onboarding.InviteVerdict
		return s.invitingMove(&a, []string{address}), s.invitingMove(&b, []string{address}, asAnAdmin),
			func(first, second error) error {
				i := s.contact(address).Invitation
				return errors.Join(first, second, oneOf(a, b, onboarding.Reopened), equal("the round", i.Round, 2),
					equal("the first one's offer stands", i.Role == onboarding.RoleMember, a == onboarding.Reopened),
					equal("letters", len(s.mail()), 1))
			}
	}, "CreateContacts") // that only finds out that the address is known
}

// pendingSince invites an address, mails it, and lets an hour go by.
func (s *stage) pendingSince(address string) {
	s.invite(address)
	s.mail()
	s.advance(time.Hour)
}

// nothingOwed checks that no mail is owed, nor will be.
func (s *stage) nothingOwed() error {
	s.advance(time.Hour)
	return errors.Join(equal("owed", len(s.owed()), 0), equal("due", len(s.due()), 0))
}

func TestResentAndRevokedAtOnceIsRevoked(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		s.pendingSince(address)
		return s.changing(address, resending), s.changing(address, revoking), func(resent, revoked error) error {
			if resent != nil && codeOf(resent) != onboarding.Conflict {
				return errors.New("want it resent, or refused because it is revoked")
			}
			return errors.Join(revoked, s.nothingOwed(),
				equal("the invitation", s.contact(address).Invitation.Status, onboarding.InvitationRevoked))
		}
	})
}

func TestAcceptedAndResentAtOnceIsAccepted(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		s.pendingSince(address)
		return s.accepting(s.mailedToken(address)), s.changing(address, resending), func(accepted, resent error) error {
			if resent != nil && codeOf(resent) != onboarding.Conflict {
				return errors.New("want it resent, or refused because it is accepted")
			}
			return errors.Join(accepted, equal("accepted", s.isAccepted(address), true),
				equal("members", s.membersOf(address), 1), s.nothingOwed())
		}
	})
}

func TestDeclinedAndRevokedAtOnceIsOneOfThem(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		token := s.invited(address)
		decline := func(a *side) error {
			_, err := s.redeeming(a).Decline(s.t.Context(), acme, token)
			return err
		}
		return decline, s.changing(address, revoking), func(declined, revoked error) error {
			status, version := s.contact(address).Invitation.Status, s.contact(address).Version
			if declined == nil {
				return errors.Join(equal("the refusal", codeOf(revoked), onboarding.Conflict),
					equal("stored", status, onboarding.InvitationDeclined),
					equal("version", version, 2), s.nothingOwed())
			}
			return errors.Join(equal("the refusal", codeOf(declined), onboarding.LinkRevoked),
				equal("stored", status, onboarding.InvitationRevoked),
				equal("version", version, 2), revoked, s.nothingOwed())
		}
	})
}

func (s *stage) deliveringMove(owed []onboarding.Owed) move {
	return func(a *side) error {
		if failed := s.delivering(a).Deliver(s.t.Context(), owed); len(failed) > 0 {
			return fmt.Errorf("%d failed", len(failed))
		}
		return nil
	}
}

// lettersTo is how many letters an address got.
func (s *stage) lettersTo(address string) (n int) {
	for _, l := range s.box.all() {
		if l.To.Value == address {
			n++
		}
	}
	return n
}

func TestOneMessageDeliveredTwiceAtOnceIsSentOnce(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		s.invite(address)
		owed := s.owed()
		return s.deliveringMove(owed), s.deliveringMove(owed), func(a, b error) error {
			return errors.Join(a, b, equal("letters", s.lettersTo(address), 1),
				equal("sent", s.contact(address).Invitation.SendCount, 1), s.nothingOwed())
		}
	})
}

func TestDeliveredAndRevokedAtOnceIsRevoked(t *testing.T) {
	for name, passes := range map[string]string{"before it is sent": "Settle", "after it is sent": "Claim"} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			race(s, func(address string) (move, move, func(error, error) error) {
				token := s.invited(address)
				return s.deliveringMove(s.owed()), s.changing(address, revoking), func(delivered, revoked error) error {
					_, open := s.redeeming(s.store).Open(s.t.Context(), acme, token)
					return errors.Join(delivered, revoked, equal("the link", codeOf(open), onboarding.LinkRevoked), s.nothingOwed())
				}
			}, passes)
		})
	}
}

func TestSettledAndResentAtOnceOwesTheNewMail(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		s.invite(address)
		old := s.owed()
		s.advance(time.Hour)
		return s.deliveringMove(old), s.changing(address, resending), func(delivered, resent error) error {
			owed := s.owed()
			if codeOf(resent) == onboarding.TooManyAttempts { // it has seen that one was mailed this very moment
				return errors.Join(delivered, equal("owed", len(owed), 0), equal("letters", s.lettersTo(address), 1), s.nothingOwed())
			}
			err := errors.Join(delivered, resent, equal("owed", len(owed), 1), equal("due in the end", len(s.owed()), 1))
			s.mail()
			return errors.Join(err, equal("letters", s.lettersTo(address), 2), s.nothingOwed())
		}
	}, "Claim")
}

// caller is a member in a session of their present epoch.
func (s *stage) caller(id onboarding.MemberID) onboarding.Caller {
	s.t.Helper()
	m, c, err := s.store.ReadCredentials(s.t.Context(), acme, id)
	s.ok(err)
	session, _ := onboarding.NewSession(s.world(), acme, id, c.Epoch)
	return onboarding.Caller{Organization: s.admin.Organization, Member: m, Session: session}
}

func (s *stage) changingPassword(caller onboarding.Caller, next string) move {
	return func(a *side) error {
		_, _, err := s.signingIn(a).ChangePassword(s.t.Context(), caller, password, next)
		return err
	}
}

func (s *stage) settingPassword(token, next string) move {
	return func(a *side) error {
		_, _, err := s.signingIn(a).SetPassword(s.t.Context(), acme, token, next)
		return err
	}
}

// resetToken asks for a reset, and answers the token that is mailed.
func (s *stage) resetToken(address string) string {
	s.t.Helper()
	s.ok(s.signingIn(s.store).RequestReset(s.t.Context(), acme, address, address))
	return tokenIn(s.mail()[0])
}

// passwordIs checks that a member's password is the one of the side that won, and that one session was begun for it.
func (s *stage) passwordIs(id onboarding.MemberID, first error, mine, theirs string, sessions int) error {
	if first != nil {
		mine = theirs
	}
	_, c, err := s.store.ReadCredentials(s.t.Context(), acme, id)
	return errors.Join(err, equal("the winner's password counts", c.Password.Matches(mine), true), equal("the epoch", c.Epoch, 2),
		equal("new sessions", s.count("SESSION#")-sessions, 1))
}

func TestOneLinkSetsThePasswordOnceThoughUsedTwiceAtOnce(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		id := s.join(address).Member.ID
		token, sessions := s.resetToken(address), s.count("SESSION#")
		return s.settingPassword(token, another), s.settingPassword(token, "umbrella violin tractor"), func(a, b error) error {
			return errors.Join(oneWins(a, b, onboarding.LinkInvalid),
				s.passwordIs(id, a, another, "umbrella violin tractor", sessions))
		}
	})
}

func TestThePasswordChangedTwiceAtOnceIsChangedOnce(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		id := s.join(address).Member.ID
		caller, sessions := s.caller(id), s.count("SESSION#")
		return s.changingPassword(caller, another), s.changingPassword(caller, "umbrella violin tractor"), func(a, b error) error {
			return errors.Join(oneWins(a, b, onboarding.Unauthenticated),
				s.passwordIs(id, a, another, "umbrella violin tractor", sessions))
		}
	})
}

func TestThePasswordChangedAndSetByMailAtOnceIsChangedOnce(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		id := s.join(address).Member.ID
		token, caller, sessions := s.resetToken(address), s.caller(id), s.count("SESSION#")
		return s.changingPassword(caller, another), s.settingPassword(token, "umbrella violin tractor"), func(a, b error) error {
			refusal := onboarding.LinkInvalid
			if a != nil {
				refusal = onboarding.Unauthenticated
			}
			return errors.Join(oneWins(a, b, refusal), s.passwordIs(id, a, another, "umbrella violin tractor", sessions))
		}
	})
}

func TestAResetAskedForTwiceAtOnceMailsNoDeadLink(t *testing.T) {
	s := newStage(t)
	raceWhole(s, func(address string) (move, move, func(error, error) error) {
		s.join(address)
		s.mail()
		before := len(s.box.all())
		ask := func(a *side) error {
			err := s.signingIn(a).RequestReset(s.t.Context(), acme, address, address)
			s.delivering(s.store).Deliver(s.t.Context(), s.owed())
			return err
		}
		return ask, ask, func(a, b error) error {
			s.mail()
			letters := s.box.all()[before:]
			errs := []error{a, b, equal("letters", len(letters), 1)}
			for _, l := range letters {
				_, _, err := s.signingIn(s.store).OpenReset(s.t.Context(), acme, tokenIn(l))
				errs = append(errs, err)
			}
			return errors.Join(append(errs, s.nothingOwed())...)
		}
	})
}

func TestANewLinkAskedForTwiceAtOnceIsAskedForOnce(t *testing.T) {
	s := newStage(t)
	raceWhole(s, func(address string) (move, move, func(error, error) error) {
		token := s.invited(address)
		s.mail()
		s.advance(lifetime)
		before := len(s.box.all())
		ask := func(a *side) error {
			_, err := s.redeeming(a).RequestNewLink(s.t.Context(), acme, token)
			s.delivering(s.store).Deliver(s.t.Context(), s.owed())
			return err
		}
		return ask, ask, func(a, b error) error {
			s.mail()
			return errors.Join(a, b, equal("letters", len(s.box.all())-before, 1), s.nothingOwed())
		}
	})
}

func TestFoundedTwiceAtOnceIsFoundedOnce(t *testing.T) {
	t.Parallel()
	s := emptyStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		id, _, _ := strings.Cut(address, "@")
		found := func(admin string) move {
			return func(a *side) error {
				cmd := foundCommand()
				cmd.ID, cmd.Admin.Address = id, admin
				_, _, err := onboarding.Founding{World: s.world(), Store: a}.Found(s.t.Context(), cmd)
				return err
			}
		}
		members := s.count("MEMBER#")
		return found("a" + address), found("b" + address), func(a, b error) error {
			winner := "a" + address
			if a != nil {
				winner = "b" + address
			}
			l := s.mail()
			if len(l) != 1 {
				return fmt.Errorf("%d letters", len(l))
			}
			return errors.Join(oneWins(a, b, onboarding.Conflict), equal("the letter to", l[0].To.Value, winner),
				equal("members", s.count("MEMBER#")-members, 1))
		}
	})
}

func TestAnOrganizationChangedTwiceAtOnceKeepsBothChanges(t *testing.T) {
	s := newStage(t)
	race(s, func(string) (move, move, func(error, error) error) {
		s.poke("ORG", map[string]any{"closed": false, "settings.daily_send_limit": 2000})
		change := func(edit func(*onboarding.Organization)) move {
			return func(a *side) error {
				_, err := onboarding.Founding{World: s.world(), Store: a}.Change(s.t.Context(), acme, edit)
				return err
			}
		}
		return change(limit(7)), change(func(o *onboarding.Organization) { o.Closed = true }), func(limited, closed error) error {
			o := s.organization()
			return errors.Join(equal("the limit is set", o.Settings.DailySendLimit == 7, limited == nil),
				equal("it is closed", o.Closed, closed == nil))
		}
	})
}

// meddled is a store on which somebody else writes first, between a use case's reading and its writing.
type meddled struct {
	*table.Table
	meddle func()
}

func (m *meddled) first() {
	if meddle := m.meddle; meddle != nil {
		m.meddle = nil
		meddle()
	}
}

func (m *meddled) ReplaceOffer(ctx context.Context, org onboarding.OrganizationID, c onboarding.Contact, version int64) error {
	m.first()
	return m.Table.ReplaceOffer(ctx, org, c, version)
}

func (m *meddled) Accept(ctx context.Context, a onboarding.Acceptance) error {
	m.first()
	return m.Table.Accept(ctx, a)
}

func (m *meddled) Decline(ctx context.Context, org onboarding.OrganizationID, c onboarding.Contact, at time.Time) error {
	m.first()
	return m.Table.Decline(ctx, org, c, at)
}

func (m *meddled) AskForLink(ctx context.Context, org onboarding.OrganizationID, c onboarding.Contact,
	msg onboarding.Message, after time.Time) error {
	m.first()
	return m.Table.AskForLink(ctx, org, c, msg, after)
}

func (m *meddled) ChangePassword(ctx context.Context, org onboarding.OrganizationID, id onboarding.MemberID,
	hash onboarding.PasswordHash, session onboarding.Session, at time.Time) error {
	m.first()
	return m.Table.ChangePassword(ctx, org, id, hash, session, at)
}

func (m *meddled) OweReset(ctx context.Context, org onboarding.OrganizationID, member onboarding.Member,
	seen, next onboarding.Reset, msg onboarding.Message) error {
	m.first()
	return m.Table.OweReset(ctx, org, member, seen, next, msg)
}

func (m *meddled) RedeemReset(ctx context.Context, o onboarding.Organization, member onboarding.Member,
	r onboarding.Reset, hash onboarding.PasswordHash, session onboarding.Session) error {
	m.first()
	return m.Table.RedeemReset(ctx, o, member, r, hash, session)
}

func TestAnOfferMadeAnewIsNotTakenByTheLinkOfBefore(t *testing.T) {
	for name, take := range map[string]func(u onboarding.Redeeming, ctx context.Context, token string) error{
		"accept": func(u onboarding.Redeeming, ctx context.Context, token string) error {
			_, _, err := u.Accept(ctx, acme, token, profile())
			return err
		},
		"decline": func(u onboarding.Redeeming, ctx context.Context, token string) error {
			_, err := u.Decline(ctx, acme, token)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			token := s.invited("ann@example.com")
			store := &meddled{s.store, func() {
				_, err := s.update("ann@example.com", revoking)
				s.ok(err)
				s.invited("ann@example.com", asAnAdmin)
			}}
			s.refused(take(s.redeeming(store), t.Context(), token), onboarding.LinkInvalid)
			c := s.contact("ann@example.com")
			if c.Invitation.Status != onboarding.InvitationPending || !c.Member.IsZero() || s.count("MEMBER#") != 1 {
				t.Errorf("%+v", c)
			}
		})
	}
	t.Run("ask for a new link", func(t *testing.T) {
		s := newStage(t)
		token := s.invited("ann@example.com")
		s.advance(lifetime)
		store := &meddled{s.store, func() { s.invited("ann@example.com") }}
		_, err := s.redeeming(store).RequestNewLink(t.Context(), acme, token)
		s.ok(err)
		if l := s.mail(); len(l) != 1 || l[0].Kind != onboarding.MessageInvitation {
			t.Errorf("%+v: the new offer's mail is lost", l)
		}
	})
}

func TestTimeRunsOutBetweenReadingAndWriting(t *testing.T) {
	t.Run("of an invitation", func(t *testing.T) {
		s := newStage(t)
		token := s.invited("ann@example.com")
		offer, err := s.redeeming(s.store).Open(t.Context(), acme, token)
		s.ok(err)
		if err := s.store.Decline(t.Context(), acme, offer.Contact, s.Now().Add(lifetime)); !errors.Is(err, onboarding.ErrConflict) {
			t.Error(err)
		}
	})
	t.Run("of a reset", func(t *testing.T) {
		s := newStage(t)
		open, c, err := s.signingIn(s.store).OpenReset(t.Context(), acme, s.resetToken("ada@example.com"))
		s.ok(err)
		s.advance(time.Hour)
		session, _ := onboarding.NewSession(s.world(), acme, open.Member.ID, c.Epoch+1)
		err = s.store.RedeemReset(t.Context(), open.Organization, open.Member, c.Reset, "hash", session)
		if !errors.Is(err, onboarding.ErrConflict) {
			t.Error(err)
		}
	})
}

func TestAMemberDismissedInBetweenGetsNoPassword(t *testing.T) {
	dismissing := func(s *stage) *meddled { return &meddled{s.store, func() { s.dismiss(s.admin.Member.ID) }} }
	t.Run("by changing it", func(t *testing.T) {
		s := newStage(t)
		_, _, err := s.signingIn(dismissing(s)).ChangePassword(t.Context(), s.caller(s.admin.Member.ID), password, another)
		s.refused(err, onboarding.Unauthenticated)
	})
	t.Run("by mail", func(t *testing.T) {
		s := newStage(t)
		token := s.resetToken("ada@example.com")
		_, _, err := s.signingIn(dismissing(s)).SetPassword(t.Context(), acme, token, another)
		s.refused(err, onboarding.LinkInvalid)
		if m, err := s.store.ReadMember(t.Context(), acme, s.admin.Member.ID); err != nil || m.Status != onboarding.MemberDismissed {
			t.Errorf("%s: a reset brings the dismissed back", m.Status)
		}
	})
	t.Run("by asking for mail", func(t *testing.T) {
		s := newStage(t)
		s.ok(s.signingIn(dismissing(s)).RequestReset(t.Context(), acme, "ada@example.com", source))
		if n := len(s.owed()); n != 0 {
			t.Errorf("%d mails are owed", n)
		}
	})
}
