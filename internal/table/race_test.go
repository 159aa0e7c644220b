package table_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
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

func (a *side) EditOffer(ctx context.Context, org onboarding.OrganizationID, c onboarding.Contact, version int64) error {
	defer a.gate("EditOffer")()
	return a.Table.EditOffer(ctx, org, c, version)
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
	hash onboarding.PasswordHash, x onboarding.Session) error {
	defer a.gate("ChangePassword")()
	return a.Table.ChangePassword(ctx, org, m, hash, x)
}

func (a *side) OweReset(ctx context.Context, org onboarding.OrganizationID, m onboarding.Member,
	seen, next onboarding.Reset, msg onboarding.Message) error {
	defer a.gate("OweReset")()
	return a.Table.OweReset(ctx, org, m, seen, next, msg)
}

func (a *side) RedeemReset(ctx context.Context, o onboarding.Organization, before, after onboarding.Member, r onboarding.Reset,
	hash onboarding.PasswordHash, x onboarding.Session) error {
	defer a.gate("RedeemReset")()
	return a.Table.RedeemReset(ctx, o, before, after, r, hash, x)
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

func (a *side) Admit(ctx context.Context, x onboarding.Admission) error {
	defer a.gate("Admit")()
	return a.Table.Admit(ctx, x)
}

func (a *side) Readmit(ctx context.Context, x onboarding.Admission, status onboarding.MemberStatus) error {
	defer a.gate("Readmit")()
	return a.Table.Readmit(ctx, x, status)
}

func (a *side) ReplaceCode(ctx context.Context, org onboarding.OrganizationID, j, seen onboarding.Join) error {
	defer a.gate("ReplaceCode")()
	return a.Table.ReplaceCode(ctx, org, j, seen)
}

func (a *side) WriteDecision(ctx context.Context, before, after onboarding.Member, owed []onboarding.Message,
	by onboarding.Actor, seats int) error {
	defer a.gate("WriteDecision")()
	return a.Table.WriteDecision(ctx, before, after, owed, by, seats)
}

func (a *side) CreateLink(ctx context.Context, org onboarding.OrganizationID, l onboarding.InviteLink) error {
	defer a.gate("CreateLink")()
	return a.Table.CreateLink(ctx, org, l)
}

func (a *side) ReplaceLink(ctx context.Context, org onboarding.OrganizationID, l onboarding.InviteLink,
	version int64) error {
	defer a.gate("ReplaceLink")()
	return a.Table.ReplaceLink(ctx, org, l, version)
}

// guessing is a side that comes to its gate with a guess, before it proves anything.
type guessing struct{ *side }

func (a guessing) CountTry(ctx context.Context, org onboarding.OrganizationID, j onboarding.Join, limit int,
	now time.Time) error {
	defer a.gate("CountTry")()
	return a.side.CountTry(ctx, org, j, limit, now)
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
func oneWins(first, second error, refusals ...onboarding.Code) error {
	if first != nil {
		first, second = second, first
	}
	if first != nil || !slices.Contains(refusals, codeOf(second)) {
		return fmt.Errorf("want one that wins, and for the other %q", refusals)
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

func (s *stage) verifying(b attempt) move {
	return func(a *side) error {
		_, _, err := s.joining(a).Verify(s.t.Context(), acme, b.token, b.code)
		return err
	}
}

func (s *stage) acting(do linkAct, l onboarding.InviteLink) move {
	request := s.request()
	return func(a *side) error {
		_, err := do(s.configuring(a), s.t.Context(), s.admin, l.ID, anyLink, request)
		return err
	}
}

func (s *stage) deciding(id onboarding.MemberID, approve bool) move {
	request := s.request()
	return func(a *side) error {
		_, err := s.approving(a).Decide(s.t.Context(), s.admin, onboarding.Decision{Applicant: id, Approve: approve},
			anyMember, request)
		return err
	}
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

// statusOf is the status of the one member who has an address.
func (s *stage) statusOf(address string) onboarding.MemberStatus {
	s.t.Helper()
	return s.member(s.contact(address).Member).Status
}

func TestOneJoinVerifiedTwiceAtOnceMakesOneMember(t *testing.T) {
	s := newStage(t, nobodyWaits)
	race(s, func(address string) (move, move, func(error, error) error) {
		a, sessions, uses := s.attempt(s.defaultLink(), address), s.count("SESSION#"), s.defaultLink().Uses
		return s.verifying(a), s.verifying(a), func(first, second error) error {
			return errors.Join(oneWins(first, second, onboarding.AlreadyJoined), equal("members", s.membersOf(address), 1),
				equal("new sessions", s.count("SESSION#")-sessions, 1), equal("uses", s.defaultLink().Uses-uses, 1),
				equal("tries", s.stored(a).Tries, 2))
		}
	})
}

func TestTwoJoinsOfOneAddressVerifiedAtOnceMakeOneMember(t *testing.T) {
	for name, known := range map[string]bool{"an address that is new": false, "one that was invited before": true} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, nobodyWaits)
			race(s, func(address string) (move, move, func(error, error) error) {
				if known {
					s.invite(address)
					_, err := s.update(address, revoking)
					s.ok(err)
				}
				fair := s.named(s.admin)
				a := s.attempt(s.defaultLink(), address)
				b := s.attempt(fair, address, func(j *onboarding.Join) { j.FirstName = "Eve" })
				uses := s.defaultLink().Uses
				return s.verifying(a), s.verifying(b), func(first, second error) error {
					m := s.member(s.contact(address).Member)
					return errors.Join(oneWins(first, second, onboarding.JoinExpired), equal("members", s.membersOf(address), 1),
						equal("the winner's name counts", m.FirstName == "Ann", first == nil),
						equal("the winner's link counts", m.Entry.Link == onboarding.LinkID{}, first == nil),
						equal("uses", s.defaultLink().Uses-uses+s.link(fair.ID).Uses, 1))
				}
			})
		})
	}
}

func TestAnApplicantWhoJoinsAgainTwiceAtOnceGetsOneOfTheirPasswords(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		id := s.applies(address).Member.ID
		s.advance(time.Second)
		a := s.attempt(s.defaultLink(), address, func(j *onboarding.Join) { j.Password = "hash of the first" })
		b := s.attempt(s.defaultLink(), address, func(j *onboarding.Join) { j.Password = "hash of the second" })
		sessions := s.count("SESSION#")
		return s.verifying(a), s.verifying(b), func(first, second error) error {
			m, c, err := s.store.ReadCredentials(s.t.Context(), acme, id)
			return errors.Join(err, oneWins(first, second, onboarding.JoinExpired), equal("epoch", c.Epoch, 2),
				equal("version", m.Version, 2),
				equal("the winner's password counts", c.Password == "hash of the first", first == nil),
				equal("new sessions", s.count("SESSION#")-sessions, 1))
		}
	})
}

func TestAnApplicantWhoJoinsAgainWhileTheyAreDecidedOnLosesNothing(t *testing.T) {
	for name, approve := range map[string]bool{"approved": true, "rejected": false} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			race(s, func(address string) (move, move, func(error, error) error) {
				id := s.applies(address).Member.ID
				s.advance(time.Second)
				a := s.attempt(s.defaultLink(), address, func(j *onboarding.Join) {
					j.FirstName, j.Password = "Anna", "another hash"
				})
				s.mail()
				want, letter := onboarding.MemberActive, onboarding.MessageJoinApproved
				if !approve {
					want, letter = onboarding.MemberRejected, onboarding.MessageJoinRejected
				}
				return s.verifying(a), s.deciding(id, approve), func(verified, decided error) error {
					m, c, err := s.store.ReadCredentials(s.t.Context(), acme, id)
					err = errors.Join(err, decided, equal("their status", m.Status, want),
						equal("they have the new name", m.FirstName == "Anna", verified == nil),
						equal("they have the new password", c.Password == "another hash", verified == nil),
						equal("members", s.membersOf(address), 1))
					if verified != nil { // they were in before
						err = errors.Join(err, equal("the refusal", codeOf(verified), onboarding.IsMember),
							equal("approved", approve, true))
					}
					s.mail()
					return errors.Join(err, equal("the letter", s.last().Kind, letter))
				}
			})
		})
	}
}

func TestALinkLetsInAsManyAsItIsFor(t *testing.T) {
	s := newStage(t, nobodyWaits)
	link := s.named(s.admin, func(c *onboarding.LinkChange) { c.MaxUses = new(10) })
	attempts := make([]attempt, 50)
	for i := range attempts {
		attempts[i] = s.attempt(link, fmt.Sprintf("a%d@example.com", i))
	}
	errs := make([]error, len(attempts))
	var group sync.WaitGroup
	for i, a := range attempts {
		group.Go(func() { _, _, errs[i] = s.verify(a) })
	}
	group.Wait()
	in, out := 0, 0
	for _, err := range errs {
		switch codeOf(err) {
		case "":
			in++
		case onboarding.LinkExhausted:
			out++
		default:
			t.Error(err)
		}
	}
	if members := s.count("MEMBER#") - 1; in != 10 || out != 40 || members != 10 || s.link(link.ID).Uses != 10 {
		t.Errorf("%d are in, %d are not, %d members, %d uses", in, out, members, s.link(link.ID).Uses)
	}
}

func TestVerifiedAndDisabledAtOnceIsInOrNot(t *testing.T) {
	for name, l := range map[string]func(*stage) onboarding.InviteLink{
		"a link that was made": func(s *stage) onboarding.InviteLink { return s.named(s.admin) },
		"the default link that nobody has changed": func(s *stage) onboarding.InviteLink {
			s.remove(linkSK(onboarding.LinkID{}))
			return s.defaultLink()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, nobodyWaits)
			race(s, func(address string) (move, move, func(error, error) error) {
				link := l(s)
				return s.verifying(s.attempt(link, address)), s.acting(disabling, link), func(verified, disabled error) error {
					now := s.link(link.ID)
					err := errors.Join(disabled, equal("disabled", now.Disabled, true), equal("version", now.Version, link.Version+1))
					if verified == nil {
						return errors.Join(err, equal("uses", now.Uses, 1), equal("members", s.membersOf(address), 1))
					}
					return errors.Join(err, equal("the refusal", codeOf(verified), onboarding.LinkDisabled),
						equal("uses", now.Uses, 0),
						equal("members", s.membersOf(address), 0))
				}
			})
		})
	}
}

func TestVerifiedAfterItsLinkWasStoppedIsNotIn(t *testing.T) {
	for name, stop := range map[string]linkAct{"disabled": disabling, "rotated": rotating} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, nobodyWaits)
			link := s.named(s.admin)
			a := s.attempt(link, "ann@example.com")
			_, _, err := s.joining(&meddled{s.store, func() { s.doing(stop)(link) }}).Verify(t.Context(), acme, a.token, a.code)
			s.refused(err, onboarding.LinkDisabled)
			if s.count("MEMBER#") != 1 || s.count("CONTACT#") != 1 || s.link(link.ID).Uses != 0 || !s.stored(a).Member.IsZero() {
				t.Errorf("%+v", s.stored(a))
			}
		})
	}
}

func TestVerifiedAndChangedAtOnceKeepsBoth(t *testing.T) {
	for name, l := range map[string]func(*stage) onboarding.InviteLink{
		"a link that was made": func(s *stage) onboarding.InviteLink { return s.named(s.admin) },
		"the default link that nobody has changed": func(s *stage) onboarding.InviteLink {
			s.remove(linkSK(onboarding.LinkID{}))
			return s.defaultLink()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			race(s, func(address string) (move, move, func(error, error) error) {
				link := l(s)
				change := changing(func(c *onboarding.LinkChange) {
					c.Label, c.Approval = new("Spring"), new(onboarding.NeverApprove)
				})
				return s.verifying(s.attempt(link, address)), s.acting(change, link), func(verified, changed error) error {
					now := s.link(link.ID)
					return errors.Join(verified, changed, equal("the label", now.Label, "Spring"), equal("uses", now.Uses, 1),
						equal("version", now.Version, link.Version+1), equal("members", s.membersOf(address), 1))
				}
			})
		})
	}
}

func TestVerifiedAndRotatedAtOnceIsInOrNot(t *testing.T) {
	s := newStage(t, nobodyWaits)
	race(s, func(address string) (move, move, func(error, error) error) {
		link := s.named(s.admin)
		return s.verifying(s.attempt(link, address)), s.acting(rotating, link), func(verified, rotated error) error {
			now, in := s.link(link.ID), 0
			if verified == nil {
				in = 1
			} else {
				rotated = errors.Join(rotated, equal("the refusal", codeOf(verified), onboarding.LinkDisabled))
			}
			return errors.Join(rotated, equal("the round", now.Round, 2),
				equal("the link of before", s.opens(s.linkToken(link)), onboarding.LinkInvalid),
				equal("the link of now", s.opens(s.linkToken(now)), ""), equal("uses", now.Uses, in),
				equal("members", s.membersOf(address), in))
		}
	})
}

func TestVerifiedWhileTheLinksOwnerFallsIsDecidedAnew(t *testing.T) {
	const waits = onboarding.Code(onboarding.MemberPendingApproval)
	for name, c := range map[string]struct {
		settings func(*onboarding.Organization)
		fall     func(*stage, onboarding.MemberID)
		want     onboarding.Code // a refusal, or a status
	}{
		"demoted":                        {limit(2000), (*stage).demote, onboarding.LinkDisabled},
		"demoted where everyone invites": {everyoneInvites, (*stage).demote, waits},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, c.settings)
			owner := s.join("bob@example.com", asAnAdmin)
			race(s, func(address string) (move, move, func(error, error) error) {
				s.poke(memberSK(owner.Member.ID), map[string]any{"member.status": onboarding.MemberActive,
					"member.role": onboarding.RoleAdmin,
					"member.type": onboarding.Employee})
				link := s.named(owner, func(c *onboarding.LinkChange) { c.Approval = new(onboarding.NeverApprove) })
				var early bool // whether the owner fell before the admission was written
				falling := func(a *side) error {
					defer a.gate("fall")()
					c.fall(s, owner.Member.ID)
					early = s.membersOf(address) == 0
					return nil
				}
				return s.verifying(s.attempt(link, address)), falling, func(verified, _ error) error {
					got := codeOf(verified)
					if verified == nil {
						got = onboarding.Code(s.statusOf(address))
					}
					if !early && got == onboarding.Code(onboarding.MemberActive) {
						return equal("members", s.membersOf(address), 1)
					}
					// They fell before it, or between it and the look that says so.
					return equal("the outcome", got, c.want)
				}
			})
		})
	}
}

// An invitation's own link and a join are two ways to the same offer.
func TestVerifiedAndAcceptedAtOnceMakesOneMember(t *testing.T) {
	for name, c := range map[string]struct {
		purpose onboarding.Purpose
		want    onboarding.Code // for whoever joins too late
	}{
		"by the mailed link": {onboarding.PurposeMailed, onboarding.JoinExpired},
		"by the copied link": {onboarding.PurposeCopied, onboarding.IsMember},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			race(s, func(address string) (move, move, func(error, error) error) {
				s.invite(address, asAnEngineer)
				contact := s.contact(address)
				token := s.keys.Derive(c.purpose, acme, contact.ID, 1, contact.Nonce).Reveal()
				a := s.attempt(s.defaultLink(), address, func(j *onboarding.Join) { j.FirstName = "Anna" })
				sessions := s.count("SESSION#")
				return s.verifying(a), s.accepting(token), func(verified, accepted error) error {
					m := s.member(s.contact(address).Member)
					err := errors.Join(equal("members", s.membersOf(address), 1),
						equal("the invitation is accepted", s.isAccepted(address), true),
						equal("new sessions", s.count("SESSION#")-sessions, 1), equal("the title", m.JobTitle, "Engineer"),
						equal("uses", s.defaultLink().Uses, 0),
						equal("the winner's name counts", m.FirstName == "Anna", verified == nil))
					if verified == nil {
						return errors.Join(err, equal("the acceptance", codeOf(accepted), onboarding.AlreadyAccepted))
					}
					return errors.Join(err, accepted, equal("the join", codeOf(verified), c.want))
				}
			})
		})
	}
}

func TestVerifiedAndRevokedAtOnceIsInByOneOfTheTwo(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		s.invite(address, asAnEngineer)
		uses := s.defaultLink().Uses
		return s.verifying(s.attempt(s.defaultLink(), address)), s.changing(address, revoking),
			func(verified, revoked error) error {
				m := s.member(s.contact(address).Member)
				err := errors.Join(verified, equal("members", s.membersOf(address), 1))
				if revoked != nil {
					return errors.Join(err, equal("the revocation", codeOf(revoked), onboarding.Conflict),
						equal("the title", m.JobTitle, "Engineer"),
						equal("accepted", s.isAccepted(address), true), equal("uses", s.defaultLink().Uses-uses, 0))
				}
				return errors.Join(err, equal("the title", m.JobTitle, ""),
					equal("their status", m.Status, onboarding.MemberPendingApproval),
					equal("the invitation", s.contact(address).Invitation.Status, onboarding.InvitationRevoked),
					equal("uses", s.defaultLink().Uses-uses, 1))
			}
	})
}

// An offer that is made while its address is being proven is taken, or comes too late.
func TestVerifiedAndInvitedAtOnceMakesOneMember(t *testing.T) {
	for name, before := range map[string]func(*stage, string){
		"an address that is new":      func(*stage, string) {},
		"one that was invited before": func(s *stage, address string) { revokeAll([]string{address})(s) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			var passes []string
			if name == "one that was invited before" {
				passes = append(passes, "CreateContacts")
			}
			race(s, func(address string) (move, move, func(error, error) error) {
				before(s, address)
				var verdict onboarding.InviteVerdict
				return s.verifying(s.attempt(s.defaultLink(), address)), s.invitingMove(&verdict, []string{address}, asAnEngineer),
					func(verified, invited error) error {
						m := s.member(s.contact(address).Member)
						err := errors.Join(verified, invited, equal("members", s.membersOf(address), 1))
						if verdict == onboarding.AlreadyMember {
							return errors.Join(err, equal("the title", m.JobTitle, ""),
								equal("their status", m.Status, onboarding.MemberPendingApproval))
						}
						return errors.Join(err, equal("the title", m.JobTitle, "Engineer"),
							equal("their status", m.Status, onboarding.MemberActive),
							equal("accepted", s.isAccepted(address), true))
					}
			}, passes...)
		})
	}
}

func TestOfAHundredGuessesAtOnceFiveAreLookedAt(t *testing.T) {
	s := newStage(t)
	a := s.attempt(s.defaultLink(), "ann@example.com")
	errs := make([]error, 100)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { _, _, errs[i] = s.verify(a.wrong()) })
	}
	group.Wait()
	looked := 0
	for _, err := range errs {
		switch {
		case fieldOf(err) == "/code wrong":
			looked++
		case codeOf(err) != onboarding.CodeExpired:
			t.Error(err)
		}
	}
	if looked != 5 || s.stored(a).Tries != 5 {
		t.Errorf("%d were looked at, %d counted", looked, s.stored(a).Tries)
	}
	_, _, err := s.verify(a)
	s.refused(err, onboarding.CodeExpired)
}

func TestAGuessWhileTheCodeIsSentAgainGainsNoTry(t *testing.T) {
	for name, c := range map[string]struct {
		tried int
		after time.Duration
		round uint16
	}{
		"the same code":                          {3, 2 * time.Minute, 1},
		"the same code, with one try left":       {4, 2 * time.Minute, 1},
		"another code, because it is old":        {3, 6 * time.Minute, 2},
		"another code, because it was tried out": {5, 2 * time.Minute, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			race(s, func(address string) (move, move, func(error, error) error) {
				a := s.attempt(s.defaultLink(), address, func(j *onboarding.Join) { j.Tries = c.tried })
				s.mail()
				s.advance(c.after)
				guess := func(b *side) error {
					_, _, err := s.joining(guessing{b}).Verify(s.t.Context(), acme, a.token, a.wrong().code)
					return err
				}
				resend := func(b *side) error {
					_, err := s.joining(b).SendCode(s.t.Context(), acme, a.token)
					return err
				}
				return guess, resend, func(guessed, resent error) error {
					j := s.stored(a)
					err := errors.Join(resent, equal("the round", j.Round, c.round), equal("mails", j.Sent, 2))
					looked := 0
					if codeOf(guessed) == onboarding.Invalid {
						looked = 1
					} else {
						err = errors.Join(err, equal("the guess", codeOf(guessed), onboarding.CodeExpired))
					}
					if c.round == 1 {
						return errors.Join(err, equal("tries", j.Tries, c.tried+1), equal("looked at", looked, 1))
					}
					return errors.Join(err, equal("tries of the new code", j.Tries, 0),
						equal("tries of the old one are five at most", c.tried+looked <= 5, true))
				}
			})
		})
	}
}

func TestTheCodeSentAgainTwiceAtOnceIsOneMail(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		a := s.attempt(s.defaultLink(), address)
		s.mail()
		s.advance(6 * time.Minute)
		before := s.lettersTo(address)
		resend := func(later time.Duration) move { // the second one a moment after
			return func(b *side) error {
				u := s.joining(b)
				u.World.Now = func() time.Time { return s.Now().Add(later) }
				_, err := u.SendCode(s.t.Context(), acme, a.token)
				return err
			}
		}
		return resend(0), resend(time.Millisecond), func(first, second error) error {
			j := s.stored(a)
			s.advance(time.Second)
			s.mail()
			err := errors.Join(equal("letters", s.lettersTo(address)-before, 1), equal("the round", j.Round, 2),
				equal("mails", j.Sent, 2),
				equal("the code that was mailed", s.last().Code, s.attempted(j).code))
			return errors.Join(err, oneWins(first, second, onboarding.TooManyAttempts))
		}
	})
}

func TestVerifiedAndSentAgainAtOnceIsIn(t *testing.T) {
	s := newStage(t, nobodyWaits)
	race(s, func(address string) (move, move, func(error, error) error) {
		a := s.attempt(s.defaultLink(), address)
		s.mail()
		s.advance(6 * time.Minute)
		resend := func(b *side) error {
			_, err := s.joining(b).SendCode(s.t.Context(), acme, a.token)
			return err
		}
		return s.verifying(a), resend, func(verified, resent error) error {
			if resent != nil && codeOf(resent) != onboarding.AlreadyJoined {
				return errors.New("want it sent again, or refused because it is verified")
			}
			item := s.item(joinSK(a.ID))
			return errors.Join(verified, equal("members", s.membersOf(address), 1),
				equal("a password is left", item["password_hash"] != nil, false),
				equal("a mail is owed", item["outbox"] != nil, false), s.nothingOwedTo(address))
		}
	})
}

// nothingOwedTo checks that an address gets no mail any more.
func (s *stage) nothingOwedTo(address string) error {
	before := s.lettersTo(address)
	s.mail()
	return equal("letters", s.lettersTo(address)-before, 0)
}

func TestApprovedAndRejectedAtOnceIsOneOfThem(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		id := s.applies(address).Member.ID
		s.mail()
		return s.deciding(id, true), s.deciding(id, false), func(approved, rejected error) error {
			status, list, letter := onboarding.MemberActive, "member#active", onboarding.MessageJoinApproved
			if approved != nil {
				status, list, letter = onboarding.MemberRejected, "join_request#rejected", onboarding.MessageJoinRejected
			}
			s.mail()
			return errors.Join(oneWins(approved, rejected, onboarding.AlreadyProcessed),
				equal("their status", s.statusOf(address), status),
				equal("listed", s.place(id), list), equal("the letter", s.last().Kind, letter),
				equal("version", s.member(id).Version, 2),
				equal("letters", s.lettersTo(address), 1))
		}
	})
}

func TestApprovedTwiceAtOnceIsApprovedOnce(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		id := s.applies(address).Member.ID
		s.mail()
		as := func(role onboarding.Role) move {
			return func(a *side) error {
				_, err := s.approving(a).Decide(s.t.Context(), s.admin, onboarding.Decision{Applicant: id, Approve: true,
					Role: role}, anyMember, s.request())
				return err
			}
		}
		return as(onboarding.RoleAdmin), as(onboarding.RoleMember), func(a, b error) error {
			s.mail()
			return errors.Join(oneWins(a, b, onboarding.AlreadyProcessed),
				equal("the winner's role counts", s.member(id).Role == onboarding.RoleAdmin, a == nil),
				equal("version", s.member(id).Version, 2), equal("letters", s.lettersTo(address), 1))
		}
	})
}

func TestReopenedTwiceAndReopenedAndApprovedAtOnce(t *testing.T) {
	s := newStage(t)
	reopening := func(id onboarding.MemberID) move {
		return func(a *side) error {
			_, err := s.approving(a).Reopen(s.t.Context(), s.admin, id, anyMember, s.request())
			return err
		}
	}
	race(s, func(address string) (move, move, func(error, error) error) {
		id := s.applies(address).Member.ID
		s.decides(id, false)
		return reopening(id), reopening(id), func(a, b error) error {
			return errors.Join(oneWins(a, b, onboarding.AlreadyProcessed), equal("version", s.member(id).Version, 3),
				equal("listed", s.place(id), "join_request#pending_approval"))
		}
	})
	race(s, func(address string) (move, move, func(error, error) error) {
		id := s.applies("b" + address).Member.ID
		s.decides(id, false)
		return reopening(id), s.deciding(id, true), func(reopened, approved error) error {
			if approved == nil {
				return errors.Join(reopened, equal("listed", s.place(id), "member#active"))
			}
			return errors.Join(reopened, equal("the approval", codeOf(approved), onboarding.AlreadyProcessed),
				equal("listed", s.place(id), "join_request#pending_approval"))
		}
	})
}

// The request waits again, as it did when it was read, and yet is another one.
func TestADecisionOnWhatWasRejectedAndReopenedMeanwhileIsMadeAnew(t *testing.T) {
	s := newStage(t)
	id := s.applies("ann@example.com").Member.ID
	s.mail()
	between := func() { s.decides(id, false); s.reopens(id) }
	seen := s.member(id).Version
	_, err := s.approving(&meddled{s.store, between}).Decide(t.Context(), s.admin,
		onboarding.Decision{Applicant: id, Approve: true},
		func(m onboarding.Member) bool { return m.Version == seen }, s.request())
	s.refused(err, onboarding.VersionMismatch)
	m, err := s.approving(&meddled{s.store, between}).Decide(t.Context(), s.admin,
		onboarding.Decision{Applicant: id, Approve: true}, anyMember, s.request())
	s.ok(err)
	if m.Version != seen+5 || !reflect.DeepEqual(s.member(id), m) || m.Status != onboarding.MemberActive {
		t.Errorf("%+v", m)
	}
}

func TestALinkChangedTwiceAtOnceKeepsBothChanges(t *testing.T) {
	for name, l := range map[string]func(*stage) onboarding.InviteLink{
		"a link that was made": func(s *stage) onboarding.InviteLink { return s.named(s.admin) },
		"the default link that nobody has changed": func(s *stage) onboarding.InviteLink {
			s.remove(linkSK(onboarding.LinkID{}))
			return s.defaultLink()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			race(s, func(string) (move, move, func(error, error) error) {
				link := l(s)
				label := changing(func(c *onboarding.LinkChange) { c.Label = new("Spring") })
				uses := changing(func(c *onboarding.LinkChange) { c.MaxUses = new(7) })
				return s.acting(label, link), s.acting(uses, link), func(a, b error) error {
					now := s.link(link.ID)
					return errors.Join(a, b, equal("the label", now.Label, "Spring"), equal("the uses", now.MaxUses, 7),
						equal("version", now.Version, link.Version+2))
				}
			})
			race(s, func(string) (move, move, func(error, error) error) {
				link := l(s)
				return s.acting(rotating, link), s.acting(rotating, link), func(a, b error) error {
					now := s.link(link.ID)
					return errors.Join(a, b, equal("the round", now.Round, 3), equal("the link of now", s.opens(s.linkToken(now)), ""))
				}
			})
			race(s, func(string) (move, move, func(error, error) error) {
				link := l(s)
				return s.acting(rotating, link), s.acting(disabling, link), func(a, b error) error {
					now := s.link(link.ID)
					return errors.Join(a, b, equal("the round", now.Round, 2), equal("disabled", now.Disabled, true))
				}
			})
		})
	}
}

// Whoever says what they saw is told that it is not that any more, though it was when they were asked.
func TestALinkChangedInBetweenIsNotWhatWasSeen(t *testing.T) {
	s := newStage(t)
	link := s.named(s.admin)
	store := &meddled{s.store, func() { s.doing(rotating)(link) }}
	_, err := s.configuring(store).DisableLink(t.Context(), s.admin, link.ID,
		func(l onboarding.InviteLink) bool { return l.Version == 1 }, s.request())
	s.refused(err, onboarding.VersionMismatch)
	if l := s.link(link.ID); l.Disabled || l.Round != 2 {
		t.Errorf("%+v", l)
	}
}

func TestALinkMadeTwiceAtOnceByOneRequestIsOneLink(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		request, links := s.request(), s.count("LINK#")
		var made [2]onboarding.InviteLink
		create := func(n int) move {
			return func(a *side) (err error) {
				made[n], err = s.configuring(a).CreateLink(s.t.Context(), s.admin, onboarding.LinkChange{Label: new("Fair")},
					request)
				return err
			}
		}
		return create(0), create(1), func(a, b error) error {
			return errors.Join(a, b, equal("links", s.count("LINK#")-links, 1),
				equal("the token of both", s.linkToken(made[0]), s.linkToken(made[1])),
				equal("it opens", s.opens(s.linkToken(made[0])), ""))
		}
	})
}

func TestSettingsChangedTwiceAtOnceKeepBothChanges(t *testing.T) {
	s := newStage(t)
	race(s, func(string) (move, move, func(error, error) error) {
		s.configure(func(o *onboarding.Settings) { *o = onboarding.DefaultSettings() })
		change := func(match func(onboarding.Organization) bool, edit func(*onboarding.Settings)) move {
			return func(a *side) error {
				_, err := s.configuring(a).ChangeSettings(s.t.Context(), s.admin, match, edit)
				return err
			}
		}
		return change(anyOrganization, func(o *onboarding.Settings) { o.RequestApproval = false }),
			change(anyOrganization, func(o *onboarding.Settings) { o.LinkLifetime = time.Hour }), func(a, b error) error {
				o := s.organization().Settings
				return errors.Join(a, b, equal("approval", o.RequestApproval, false), equal("lifetime", o.LinkLifetime, time.Hour))
			}
	})
	race(s, func(string) (move, move, func(error, error) error) {
		s.configure(func(o *onboarding.Settings) { *o = onboarding.DefaultSettings() })
		version := s.organization().Version
		seen := func(o onboarding.Organization) bool { return o.Version == version }
		change := func(edit func(*onboarding.Settings)) move {
			return func(a *side) error {
				_, err := s.configuring(a).ChangeSettings(s.t.Context(), s.admin, seen, edit)
				return err
			}
		}
		return change(func(o *onboarding.Settings) { o.RequestApproval = false }),
			change(func(o *onboarding.Settings) { o.LinkLifetime = time.Hour }), func(a, b error) error {
				o := s.organization().Settings
				return errors.Join(oneWins(a, b, onboarding.VersionMismatch), equal("approval", o.RequestApproval, a != nil),
					equal("lifetime", o.LinkLifetime == time.Hour, b == nil))
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
	hash onboarding.PasswordHash, session onboarding.Session) error {
	m.first()
	return m.Table.ChangePassword(ctx, org, id, hash, session)
}

func (m *meddled) OweReset(ctx context.Context, org onboarding.OrganizationID, member onboarding.Member,
	seen, next onboarding.Reset, msg onboarding.Message) error {
	m.first()
	return m.Table.OweReset(ctx, org, member, seen, next, msg)
}

func (m *meddled) RedeemReset(ctx context.Context, o onboarding.Organization, before, after onboarding.Member,
	r onboarding.Reset, hash onboarding.PasswordHash, session onboarding.Session) error {
	m.first()
	return m.Table.RedeemReset(ctx, o, before, after, r, hash, session)
}

func (m *meddled) Admit(ctx context.Context, a onboarding.Admission) error {
	m.first()
	return m.Table.Admit(ctx, a)
}

func (m *meddled) Readmit(ctx context.Context, a onboarding.Admission, status onboarding.MemberStatus) error {
	m.first()
	return m.Table.Readmit(ctx, a, status)
}

func (m *meddled) ReplaceCode(ctx context.Context, org onboarding.OrganizationID, j, seen onboarding.Join) error {
	m.first()
	return m.Table.ReplaceCode(ctx, org, j, seen)
}

// meddledTry is meddled with before a try is counted, and not where what was tried is written.
type meddledTry struct{ *meddled }

func (m meddledTry) CountTry(ctx context.Context, org onboarding.OrganizationID, j onboarding.Join, limit int,
	now time.Time) error {
	m.first()
	return m.meddled.CountTry(ctx, org, j, limit, now)
}

func (m *meddled) WriteDecision(ctx context.Context, before, after onboarding.Member, owed []onboarding.Message,
	by onboarding.Actor, seats int) error {
	m.first()
	return m.Table.WriteDecision(ctx, before, after, owed, by, seats)
}

func (m *meddled) ReplaceLink(ctx context.Context, org onboarding.OrganizationID, l onboarding.InviteLink,
	version int64) error {
	m.first()
	return m.Table.ReplaceLink(ctx, org, l, version)
}

// overtaken is a store on which somebody else was always faster.
type overtaken struct{ *table.Table }

func (overtaken) Admit(context.Context, onboarding.Admission) error { return onboarding.ErrConflict }

func (overtaken) ReplaceCode(context.Context, onboarding.OrganizationID, onboarding.Join, onboarding.Join) error {
	return onboarding.ErrConflict
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

// admission is what becomes of an attempt at a time, where nobody has its address.
func (s *stage) admission(a attempt, at time.Time) onboarding.Admission {
	s.t.Helper()
	link, id := s.link(a.Link), onboarding.NewMemberID(s.world())
	session, _ := onboarding.NewSession(s.world(), acme, id, 1)
	return onboarding.Admission{Organization: acme, Join: a.Join, Link: link, Owner: link.Owner, Session: session, At: at,
		Contact: onboarding.Contact{ID: onboarding.NewContactID(founded.o.Salt, a.Address), Address: a.Address},
		Member:  onboarding.Member{ID: id, Organization: acme, Status: onboarding.MemberActive, CreatedAt: at, Version: 1}}
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
	t.Run("of a join and of its code", func(t *testing.T) {
		s := newStage(t)
		a := s.attempt(s.defaultLink(), "ann@example.com")
		if err := s.store.CountTry(t.Context(), acme, a.Join, 5, a.CodeEnds); !errors.Is(err, onboarding.ErrLimit) ||
			s.stored(a).Tries != 0 {
			t.Error(err)
		}
		s.ok(s.store.CountTry(t.Context(), acme, a.Join, 5, a.CodeEnds.Add(-time.Millisecond)))
		if err := s.store.Admit(t.Context(), s.admission(a, a.ExpiresAt)); !errors.Is(err, onboarding.ErrJoinUsed) ||
			s.count("MEMBER#") != 1 {
			t.Error(err)
		}
		s.ok(s.store.Admit(t.Context(), s.admission(a, a.ExpiresAt.Add(-time.Millisecond))))
	})
	t.Run("of an invite link", func(t *testing.T) {
		s := newStage(t)
		link := s.named(s.admin, func(c *onboarding.LinkChange) { c.ExpiresAt = new(s.Now().Add(time.Minute)) })
		a := s.attempt(link, "ann@example.com")
		if err := s.store.Admit(t.Context(), s.admission(a, link.ExpiresAt)); !errors.Is(err, onboarding.ErrLinkChanged) ||
			s.count("MEMBER#") != 1 {
			t.Error(err)
		}
		s.ok(s.store.Admit(t.Context(), s.admission(a, link.ExpiresAt.Add(-time.Millisecond))))
	})
	t.Run("of a reset", func(t *testing.T) {
		s := newStage(t)
		open, c, err := s.signingIn(s.store).OpenReset(t.Context(), acme, s.resetToken("ada@example.com"))
		s.ok(err)
		s.advance(time.Hour)
		session, _ := onboarding.NewSession(s.world(), acme, open.Member.ID, c.Epoch+1)
		err = s.store.RedeemReset(t.Context(), open.Organization, open.Member, open.Member, c.Reset, "hash", session)
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

// Each condition of these writes is met by something that happens behind the others' back.
func TestAVerifiedJoinHoldsOnlyForWhatWasRead(t *testing.T) {
	taken := func(s *stage, a attempt) {
		s.poke(contactSK(s.id("ann@example.com")), map[string]any{"member_id": s.admin.Member.ID.Key()})
	}
	for name, c := range map[string]struct {
		before func(*stage)
		meddle func(*stage, attempt)
		want   onboarding.Code // a refusal, or a status
	}{
		"the join is removed": {nil, func(s *stage, a attempt) { s.remove(joinSK(a.ID)) }, onboarding.AlreadyJoined},
		"the join is used": {nil, func(s *stage, a attempt) {
			s.poke(joinSK(a.ID), map[string]any{"member_id": s.admin.Member.ID.Key()})
		}, onboarding.AlreadyJoined},
		"the join is used, and an invitation waits": {func(s *stage) { s.invite("ann@example.com") },
			func(s *stage, a attempt) {
				s.poke(joinSK(a.ID), map[string]any{"member_id": s.admin.Member.ID.Key()})
			}, onboarding.AlreadyJoined},
		"the address is somebody's": {func(s *stage) { revokeAll([]string{"ann@example.com"})(s) }, taken,
			onboarding.IsMember},
		"the address is proven": {func(s *stage) { revokeAll([]string{"ann@example.com"})(s) }, func(s *stage, a attempt) {
			s.poke(contactSK(s.id("ann@example.com")), map[string]any{"verified_at": onboarding.FormatTime(s.Now()),
				"version": 9})
		}, onboarding.JoinExpired},
		"the address is invited": {func(s *stage) { revokeAll([]string{"ann@example.com"})(s) }, func(s *stage, _ attempt) {
			s.invite("ann@example.com")
		}, onboarding.Code(onboarding.MemberActive)},
		"the link is another's": {nil, func(s *stage, _ attempt) {
			s.changed(func(c *onboarding.LinkChange) { c.Domains = &[]onboarding.Domain{{Name: "corp.com"}} })(s.defaultLink())
		}, onboarding.LinkDisabled},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			if c.before != nil {
				c.before(s)
			}
			a := s.attempt(s.defaultLink(), "ann@example.com")
			caller, _, err := s.joining(&meddled{s.store, func() { c.meddle(s, a) }}).Verify(t.Context(), acme, a.token, a.code)
			if err == nil {
				s.want("their status", caller.Member.Status, c.want)
				return
			}
			s.want("the refusal", codeOf(err), c.want)
			if s.membersOf("ann@example.com") != 0 || s.count("SESSION#") != 0 || s.defaultLink().Uses != 0 {
				t.Error("something is written all the same")
			}
		})
	}
}

func TestJoiningAgainHoldsOnlyForWhatWasRead(t *testing.T) {
	other := func(s *stage) onboarding.MemberID { return s.admin.Member.ID }
	for name, c := range map[string]struct {
		meddle func(*stage, attempt, onboarding.MemberID)
		want   onboarding.Code // a refusal, or a status
		epoch  int64
	}{
		"nothing": {func(*stage, attempt, onboarding.MemberID) {}, onboarding.Code(onboarding.MemberPendingApproval), 2},
		"the join is used": {func(s *stage, a attempt, _ onboarding.MemberID) {
			s.poke(joinSK(a.ID), map[string]any{"member_id": other(s).Key()})
		}, onboarding.AlreadyJoined, 1},
		"the address is another's": {func(s *stage, _ attempt, _ onboarding.MemberID) {
			s.poke(contactSK(s.id("ann@example.com")), map[string]any{"member_id": other(s).Key()})
		}, onboarding.IsMember, 1},
		"the address is proven": {func(s *stage, _ attempt, _ onboarding.MemberID) {
			s.poke(contactSK(s.id("ann@example.com")), map[string]any{"verified_at": onboarding.FormatTime(s.Now()),
				"version": 9})
		}, onboarding.JoinExpired, 1},
		"they are rejected": {func(s *stage, _ attempt, id onboarding.MemberID) {
			s.poke(memberSK(id), map[string]any{"member.status": onboarding.MemberRejected})
		}, onboarding.Code(onboarding.MemberRejected), 2},
		"they are approved": {func(s *stage, _ attempt, id onboarding.MemberID) { s.decides(id, true) },
			onboarding.IsMember, 1},
		"they are dismissed": {func(s *stage, _ attempt, id onboarding.MemberID) { s.dismiss(id) },
			onboarding.DismissedBefore, 1},
		"their sessions have ended": {func(s *stage, _ attempt, id onboarding.MemberID) {
			s.poke(memberSK(id), map[string]any{"session_epoch": 7})
		}, onboarding.Code(onboarding.MemberPendingApproval), 8},
		"something else about them": {func(s *stage, _ attempt, id onboarding.MemberID) {
			s.poke(memberSK(id), map[string]any{"version": 7})
		}, onboarding.Code(onboarding.MemberPendingApproval), 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			id := s.applies("ann@example.com").Member.ID
			s.advance(time.Second)
			a := s.attempt(s.defaultLink(), "ann@example.com", func(j *onboarding.Join) { j.Password = "another hash" })
			var between int64
			store := &meddled{s.store, func() { c.meddle(s, a, id); between = s.member(id).Version }}
			caller, _, err := s.joining(store).Verify(t.Context(), acme, a.token, a.code)
			m, credentials, e := s.store.ReadCredentials(t.Context(), acme, id)
			s.ok(e)
			s.want("epoch", credentials.Epoch, c.epoch)
			if err != nil {
				s.want("the refusal", codeOf(err), c.want)
				s.want("version", m.Version, between)
				if credentials.Password == "another hash" || s.count("SESSION#") != 1 {
					t.Error("the password is another all the same, or there is a session")
				}
				return
			}
			if !reflect.DeepEqual(m, caller.Member) || m.Version != between+1 || credentials.Password != "another hash" {
				t.Errorf("answered %+v, stored %+v", caller.Member, m)
			}
			s.want("their status", m.Status, c.want)
		})
	}
}

func TestACodeIsReplacedOnlyWhereItIsAsItWasRead(t *testing.T) {
	for name, c := range map[string]struct {
		meddle func(*stage, attempt)
		want   onboarding.Code
		sent   int
	}{
		"the join is used": {func(s *stage, a attempt) {
			s.poke(joinSK(a.ID), map[string]any{"member_id": s.admin.Member.ID.Key()})
		}, onboarding.AlreadyJoined, 1},
		"another mail was sent": {func(s *stage, a attempt) {
			s.poke(joinSK(a.ID), map[string]any{"version": 2, "sent": 5})
		}, onboarding.TooManyAttempts, 5},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			a := s.attempt(s.defaultLink(), "ann@example.com")
			s.mail()
			s.advance(time.Minute)
			_, err := s.joining(&meddled{s.store, func() { c.meddle(s, a) }}).SendCode(t.Context(), acme, a.token)
			s.refused(err, c.want)
			if j := s.stored(a); j.Sent != c.sent || len(s.mail()) != 0 {
				t.Errorf("%+v", j)
			}
		})
	}
}

func TestATryIsCountedOnlyForTheCodeThatIsTried(t *testing.T) {
	for name, meddle := range map[string]func(*stage, attempt){
		"the code is another":   func(s *stage, a attempt) { s.poke(joinSK(a.ID), map[string]any{"round": 2}) },
		"the code is tried out": func(s *stage, a attempt) { s.poke(joinSK(a.ID), map[string]any{"tries": 5}) },
		"the join has been proven": func(s *stage, a attempt) {
			s.poke(joinSK(a.ID), map[string]any{"member_id": s.admin.Member.ID.Key()})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			a := s.attempt(s.defaultLink(), "ann@example.com")
			var before int
			store := meddledTry{&meddled{s.store, func() { meddle(s, a); before = s.stored(a).Tries }}}
			_, _, err := s.joining(store).Verify(t.Context(), acme, a.token, a.code)
			s.refused(err, onboarding.CodeExpired)
			s.want("tries", s.stored(a).Tries, before)
		})
	}
}

func TestADecisionHoldsOnlyForWhatWasRead(t *testing.T) {
	s := newStage(t)
	id := s.applies("ann@example.com").Member.ID
	s.mail()
	store := &meddled{s.store, func() { s.poke(memberSK(id), map[string]any{"member.status": onboarding.MemberRejected}) }}
	_, err := s.approving(store).Decide(t.Context(), s.admin, onboarding.Decision{Applicant: id, Approve: true},
		anyMember, s.request())
	s.refused(err, onboarding.AlreadyProcessed)
	if m := s.member(id); m.Status != onboarding.MemberRejected || m.Version != 1 || len(s.owed()) != 0 {
		t.Errorf("%+v", m)
	}
}

// What is there already is nobody's to make, whatever else holds.
func TestAnAdmissionReplacesNobody(t *testing.T) {
	s := newStage(t)
	_, token, err := s.signIn("ada@example.com", password)
	s.ok(err)
	me, err := s.authenticate(token)
	s.ok(err)
	before := s.items()
	for name, edit := range map[string]func(*onboarding.Admission){
		"a member":  func(a *onboarding.Admission) { a.Member.ID = s.admin.Member.ID },
		"a session": func(a *onboarding.Admission) { a.Session.Hash = me.Session.Hash },
		"an address": func(a *onboarding.Admission) {
			a.Contact = s.contact("ada@example.com")
			a.Contact.Version, a.Contact.Member = 0, onboarding.MemberID{}
		},
	} {
		a := s.attempt(s.defaultLink(), "ann@example.com")
		admission := s.admission(a, s.Now())
		edit(&admission)
		if err := s.store.Admit(t.Context(), admission); !errors.Is(err, onboarding.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
		s.remove(joinSK(a.ID))
	}
	if after := s.items(); !reflect.DeepEqual(after, before) {
		t.Errorf("%v, before %v", after, before)
	}
}
