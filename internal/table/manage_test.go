package table_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

func seats(n int) func(*onboarding.Organization) {
	return func(o *onboarding.Organization) { o.Settings.Seats = n }
}

// everybody are the members and applicants of acme.
func (s *stage) everybody() (all []onboarding.Member) {
	s.t.Helper()
	for _, status := range []onboarding.MemberStatus{onboarding.MemberActive, onboarding.MemberPendingActivation, onboarding.MemberDismissed,
		onboarding.MemberPendingApproval, onboarding.MemberRejected} {
		some, _, err := s.store.ListMembers(s.t.Context(), acme, onboarding.PeopleFilter{Status: status, Sort: onboarding.OldestFirst}, "", 1000)
		s.ok(err)
		all = append(all, some...)
	}
	return all
}

// rulers are the administrators of acme.
func (s *stage) rulers() []onboarding.Member {
	return slices.DeleteFunc(s.everybody(), func(m onboarding.Member) bool { return !m.Rules() })
}

// rivals are two administrators, and no other is left.
func (s *stage) rivals() (a, b onboarding.Caller) {
	s.t.Helper()
	two := s.crowd(2, in(onboarding.DepartmentID{}), administrator)
	a, b = s.caller(two[0].ID), s.caller(two[1].ID)
	for _, m := range s.rulers() {
		if m.ID != a.Member.ID && m.ID != b.Member.ID {
			s.ok(s.alone(s.demoting(a, m.ID)))
		}
	}
	s.admin = a // for the next round
	return a, b
}

func (s *stage) demoting(caller onboarding.Caller, id onboarding.MemberID) move {
	return s.editing(caller, id, onboarding.MemberChange{Role: new(onboarding.RoleMember)})
}

func (s *stage) converting(caller onboarding.Caller, id onboarding.MemberID, g onboarding.GroupID) move {
	request := s.request()
	return func(a *side) error {
		_, err := s.managing(a).Convert(s.t.Context(), caller, id, anyMember, request,
			onboarding.Conversion{Type: onboarding.Guest, Groups: &[]onboarding.GroupID{g}})
		return err
	}
}

func TestOneAdministratorIsAlwaysLeft(t *testing.T) {
	for name, play := range map[string]struct {
		moves   func(s *stage, a, b onboarding.Caller) (move, move)
		refusal onboarding.Code
	}{
		"each demotes the other": {func(s *stage, a, b onboarding.Caller) (move, move) {
			return s.demoting(a, b.Member.ID), s.demoting(b, a.Member.ID)
		}, onboarding.Forbidden},
		"each dismisses the other": {func(s *stage, a, b onboarding.Caller) (move, move) {
			return s.dismissing(a, b.Member.ID), s.dismissing(b, a.Member.ID)
		}, onboarding.Forbidden},
		"each makes a guest of the other": {func(s *stage, a, b onboarding.Caller) (move, move) {
			g := s.group("of "+a.Member.ID.String(), true).ID
			return s.converting(a, b.Member.ID, g), s.converting(b, a.Member.ID, g)
		}, onboarding.Forbidden},
		"one demotes and the other dismisses": {func(s *stage, a, b onboarding.Caller) (move, move) {
			return s.demoting(a, b.Member.ID), s.dismissing(b, a.Member.ID)
		}, onboarding.Forbidden},
		"both step down": {func(s *stage, a, b onboarding.Caller) (move, move) {
			return s.demoting(a, a.Member.ID), s.demoting(b, b.Member.ID)
		}, onboarding.LastAdministrator},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			race(s, func(string) (move, move, func(error, error) error) {
				a, b := s.rivals()
				first, second := play.moves(s, a, b)
				return first, second, func(first, second error) error {
					left := s.rulers()
					err := errors.Join(oneWins(first, second, play.refusal), equal("administrators", len(left), 1), s.tidy())
					if len(left) == 1 {
						s.admin = s.caller(left[0].ID)
					}
					return err
				}
			})
		})
	}
}

func TestWhoDismissesTheOtherCannotStepDownAtOnce(t *testing.T) {
	s := newStage(t)
	race(s, func(string) (move, move, func(error, error) error) {
		a, b := s.rivals()
		return s.demoting(a, a.Member.ID), s.dismissing(a, b.Member.ID), func(down, dismissed error) error {
			left := s.rulers()
			err := errors.Join(equal("administrators", len(left), 1), s.tidy())
			if len(left) == 1 {
				s.admin = s.caller(left[0].ID)
			}
			if down == nil {
				return errors.Join(err, equal("dismissing", codeOf(dismissed), onboarding.Forbidden))
			}
			return errors.Join(err, dismissed, equal("stepping down", codeOf(down), onboarding.LastAdministrator))
		}
	})
}

// Two changes of one member do not undo each other, and whoever is gone stays so.
func TestEditedWhileDismissedIsDismissed(t *testing.T) {
	s := newStage(t)
	race(s, func(string) (move, move, func(error, error) error) {
		m := s.crowd(1, in(onboarding.DepartmentID{}))[0]
		edit := s.editing(s.admin, m.ID, onboarding.MemberChange{JobTitle: new("Engineer"), LastName: new("Adams")})
		return edit, s.dismissing(s.admin, m.ID), func(edited, dismissed error) error {
			now, title := s.member(m.ID), "Engineer"
			if edited != nil {
				title, edited = "", equal("editing", codeOf(edited), onboarding.Conflict)
			}
			return errors.Join(edited, dismissed, equal("status", now.Status, onboarding.MemberDismissed), equal("title", now.JobTitle, title), s.tidy())
		}
	})
}

func TestSoManySeatsAreTakenAsThereAre(t *testing.T) {
	for name, coming := range map[string]func(s *stage, address string, d onboarding.DepartmentID) move{
		"invited": comings["invited"], "by link": comings["by link"],
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, nobodyWaits, seats(1+5))
			d := s.department("Sales", onboarding.DepartmentID{})
			moves := make([]move, 20)
			for i, address := range s.addresses(len(moves)) {
				moves[i] = coming(s, address, d.ID)
			}
			var group sync.WaitGroup
			errs := make([]error, len(moves))
			for i, do := range moves {
				group.Go(func() { errs[i] = s.alone(do) })
			}
			group.Wait()
			s.ok(errors.Join(errs...))
			stand := map[string]int{}
			for _, m := range s.everybody() {
				stand[string(m.Status)+" "+m.Request.Rule]++
			}
			s.want("came in", stand, map[string]int{"active ": 1 + 5, "pending_approval seats_full": 15})
			s.want("counted", s.counts(), onboarding.Counts{Active: 6, Waiting: 15, Seats: 6})
			s.want("people of the department", len(s.people(d.ID)), 5)
			s.ok(s.tidy())
			s.ok(s.recounted())
			if t.Failed() {
				return
			}
			waits := slices.DeleteFunc(s.everybody(), func(m onboarding.Member) bool { return m.Status != onboarding.MemberPendingApproval })[0].ID
			s.refused(s.alone(s.deciding(waits, true)), onboarding.SeatsFull)
			leaves, err := s.store.ReadPlaced(t.Context(), acme, in(d.ID), 1)
			s.ok(err)
			s.ok(s.alone(s.dismissing(s.admin, leaves[0].ID)))
			s.ok(s.alone(s.deciding(waits, true)))
			s.want("counted", s.counts(), onboarding.Counts{Active: 6, Dismissed: 1, Waiting: 14, Seats: 6})
			s.ok(s.tidy())
			s.ok(s.recounted())
		})
	}
}

func TestTheLastSeatIsTakenOnceByWhoeverComesBack(t *testing.T) {
	s := newStage(t)
	race(s, func(string) (move, move, func(error, error) error) {
		two := s.crowd(2, in(onboarding.DepartmentID{}))
		rehiring := func(id onboarding.MemberID) move {
			s.ok(s.alone(s.dismissing(s.admin, id)))
			request := s.request()
			return func(a *side) error {
				_, err := s.managing(a).Rehire(t.Context(), s.admin, id, anyMember, request, onboarding.Rehire{})
				return err
			}
		}
		first, second := rehiring(two[0].ID), rehiring(two[1].ID)
		s.admin.Organization.Settings.Seats = s.counts().Seats + 1
		return first, second, func(a, b error) error {
			seats := s.admin.Organization.Settings.Seats
			s.admin.Organization.Settings.Seats = 0
			return errors.Join(oneWins(a, b, onboarding.SeatsFull), equal("seats", s.counts().Seats, seats), s.tidy())
		}
	})
}

// noting is a side that looks around right behind its write, before the other may go on.
type noting struct {
	*side
	look func()
}

func (n noting) WriteManaged(ctx context.Context, c onboarding.MemberWrite) error {
	defer n.gate("WriteManaged")()
	defer n.look()
	return n.Table.WriteManaged(ctx, c)
}

// ListInvitedBy lets the other write first: what guards against somebody who went is not that their invitations are suspended.
func (n noting) ListInvitedBy(ctx context.Context, org onboarding.OrganizationID, inviter onboarding.MemberID, now time.Time, after string,
	limit int) ([]onboarding.Contact, string, error) {
	<-n.other.done
	return n.Table.ListInvitedBy(ctx, org, inviter, now, after, limit)
}

// inviter is an employee who has invited two others.
func (s *stage) inviter(address string) (c onboarding.Caller, others []string) {
	s.t.Helper()
	c = s.caller(s.crowd(1, in(onboarding.DepartmentID{}))[0].ID)
	others = []string{"b-" + address, "c-" + address}
	for _, a := range append([]string{address}, others...) {
		if r := s.inviteAs(c, a); r.Verdict != onboarding.Created {
			s.t.Fatalf("%s: %s, %s", a, r.Verdict, r.Reason)
		}
	}
	return c, others
}

func TestAcceptedWhileTheInviterIsDismissedIsDecidedAnew(t *testing.T) {
	s := newStage(t, everyoneInvites, nobodyWaits)
	race(s, func(address string) (move, move, func(error, error) error) {
		c, others := s.inviter(address)
		var early bool // whether the inviter went before the acceptance was written
		request := s.request()
		dismiss := func(a *side) error {
			_, err := s.managing(noting{a, func() { early = !s.isAccepted(address) }}).Dismiss(t.Context(), s.admin, c.Member.ID, anyMember, request)
			return err
		}
		return s.accepting(s.mailedToken(address)), dismiss, func(accepted, dismissed error) error {
			_, in := s.who(address)
			err := errors.Join(dismissed, s.tidy(), equal("is in", in, !early))
			for _, other := range others {
				err = errors.Join(err, equal("another one", s.contact(other).Invitation.Status, onboarding.InvitationSuspended))
			}
			if early {
				return errors.Join(err, equal("accepting", codeOf(accepted), onboarding.LinkRevoked),
					equal("the invitation", s.contact(address).Invitation.Status, onboarding.InvitationSuspended))
			}
			return errors.Join(err, accepted)
		}
	})
}

// takingOver takes an invitation over, if it is still as it was seen.
func (s *stage) takingOver(caller onboarding.Caller, address string, match onboarding.Match) move {
	id, request := s.id(address), s.request()
	return func(a *side) error {
		_, err := s.updating(a).TakeOver(s.t.Context(), caller, id, match, request)
		return err
	}
}

func TestTakenOverTwiceAtOnceIsOneInvitersOffer(t *testing.T) {
	s := newStage(t, everyoneInvites, nobodyWaits)
	race(s, func(address string) (move, move, func(error, error) error) {
		c, _ := s.inviter(address)
		token := s.mailedToken(address)
		s.ok(s.alone(s.dismissing(s.admin, c.Member.ID)))
		s.refused(s.alone(s.accepting(token)), onboarding.LinkRevoked)
		seen := s.contact(address)
		s.want("delivery", seen.Invitation.Delivery.Status, onboarding.DeliveryFailed)
		unchanged := func(c onboarding.Contact) bool { return c.Version == seen.Version }
		other := s.caller(s.crowd(1, in(onboarding.DepartmentID{}), administrator)[0].ID)
		return s.takingOver(s.admin, address, unchanged), s.takingOver(other, address, unchanged), func(first, second error) error {
			i, want := s.contact(address).Invitation, s.admin
			if first != nil {
				want = other
			}
			return errors.Join(oneWins(first, second, onboarding.VersionMismatch), equal("status", i.Status, onboarding.InvitationPending),
				equal("inviter", i.Inviter, want.Member.Actor()), equal("name", i.InviterName, want.Member.Name()), s.alone(s.accepting(token)), s.tidy())
		}
	})
}

func TestTakenOverWhileItIsSuspendedStands(t *testing.T) {
	s := newStage(t, everyoneInvites, nobodyWaits)
	race(s, func(address string) (move, move, func(error, error) error) {
		c := s.caller(s.crowd(1, in(onboarding.DepartmentID{}))[0].ID)
		s.inviteAs(c, address)
		token := s.mailedToken(address)
		return s.takingOver(s.admin, address, anyVersion), s.dismissing(s.admin, c.Member.ID), func(taken, dismissed error) error {
			i := s.contact(address).Invitation
			return errors.Join(taken, dismissed, equal("status", i.Status, onboarding.InvitationPending),
				equal("inviter", i.Inviter, s.admin.Member.Actor()), s.alone(s.accepting(token)), s.tidy())
		}
	}, "WriteManaged")
}

func TestTakenOverWhileItIsAcceptedIsAccepted(t *testing.T) {
	s := newStage(t, everyoneInvites, nobodyWaits)
	race(s, func(address string) (move, move, func(error, error) error) {
		s.inviter(address)
		return s.takingOver(s.admin, address, anyVersion), s.accepting(s.mailedToken(address)), func(taken, accepted error) error {
			if taken != nil {
				taken = equal("taking over", codeOf(taken), onboarding.Conflict)
			}
			return errors.Join(taken, accepted, equal("status", s.contact(address).Invitation.Status, onboarding.InvitationAccepted), s.tidy())
		}
	})
}

func (a *side) OweContactCode(ctx context.Context, org onboarding.OrganizationID, m onboarding.MemberID, seen uint16, c onboarding.ContactChange,
	msg onboarding.Message) error {
	defer a.gate("OweContactCode")()
	return a.Table.OweContactCode(ctx, org, m, seen, c, msg)
}

func (a *side) WriteContact(ctx context.Context, w onboarding.ContactWrite) error {
	defer a.gate("WriteContact")()
	return a.Table.WriteContact(ctx, w)
}

// claimant is a member with a session, who asked for another address: the store's writes, without the wait for hashes.
type claimant struct {
	onboarding.Caller
	old     string
	session onboarding.SessionToken
	code    string
}

func (s *stage) claimant(address string) (c claimant) {
	s.t.Helper()
	m, now := s.crowd(1, in(onboarding.DepartmentID{}))[0], s.Now()
	c.old, c.Caller = m.Email, s.caller(m.ID)
	c.Session, c.session = onboarding.NewSession(s.world(), acme, m.ID, founded.credentials.Epoch)
	s.ok(s.store.BeginSession(s.t.Context(), acme, c.Session))
	change := onboarding.ContactChange{Address: s.address(address), Nonce: s.world().Nonce(), Key: s.keys.Current(), Round: 1, SentAt: now,
		EndsAt: now.Add(10 * time.Minute)}
	s.ok(s.store.OweContactCode(s.t.Context(), acme, m.ID, 0, change, onboarding.Message{ID: s.request(), Kind: onboarding.MessageContactCode,
		Locale: onboarding.English, At: now, Round: 1}))
	c.code = s.keys.ContactCode(acme, m.ID, change).Reveal()
	return c
}

func (s *stage) claiming(c claimant) move {
	return func(a *side) error {
		_, _, err := s.signingIn(a).VerifyContact(s.t.Context(), c.Caller, c.code)
		return err
	}
}

// has says what is wrong with a claimant who has the address now, or with one who has not.
func (s *stage) has(c claimant, address string, got bool) error {
	m, want, session := s.member(c.Member.ID), c.old, onboarding.Code("")
	if got {
		want, session = address, onboarding.Unauthenticated
	}
	owner, _ := s.who(want)
	_, err := s.authenticate(c.session)
	err = errors.Join(equal("address", m.Email, want), equal("whose it is", owner.ID, m.ID), equal("the session of before", codeOf(err), session))
	if !got {
		return err
	}
	_, taken := s.who(c.old)
	return errors.Join(err, equal("the old address is taken", taken, false), equal("inviting it", s.invite(c.old).Verdict, onboarding.Reopened))
}

func TestAnAddressClaimedTwiceAtOnceIsOneMembers(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		a, b := s.claimant(address), s.claimant(address)
		return s.claiming(a), s.claiming(b), func(first, second error) error {
			return errors.Join(oneWins(first, second, onboarding.Conflict), s.has(a, address, first == nil), s.has(b, address, second == nil),
				equal("members", s.membersOf(address), 1), s.tidy())
		}
	})
}

func TestAClaimProvenTwiceAtOnceBeginsOneSession(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		c := s.claimant(address)
		sessions := s.count("SESSION#")
		return s.claiming(c), s.claiming(c), func(first, second error) error {
			return errors.Join(oneWins(first, second, onboarding.CodeExpired, onboarding.Unauthenticated), equal("new sessions", s.count("SESSION#")-sessions, 1),
				s.has(c, address, true), s.tidy())
		}
	})
}

func TestAnAddressClaimedWhileSomebodyComesWithItIsOneMembers(t *testing.T) {
	for name, coming := range comings {
		if name == "sent there" || name == "let in again" || name == "approved" { // they have had it before
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := newStage(t, nobodyWaits)
			race(s, func(address string) (move, move, func(error, error) error) {
				c := s.claimant(address)
				return coming(s, address, onboarding.DepartmentID{}), s.claiming(c), func(came, claimed error) error {
					lost := claimed
					if claimed == nil {
						lost = came
					}
					var refusal *onboarding.Error
					if (came == nil) == (claimed == nil) || !errors.As(lost, &refusal) || refusal.Code == onboarding.Unavailable {
						return fmt.Errorf("want one that wins, and a refusal for the other")
					}
					return errors.Join(equal("members", s.membersOf(address), 1), s.has(c, address, claimed == nil), s.tidy())
				}
			})
		})
	}
}

// What was sent before somebody goes opens nothing, not even when they are let in again.
func TestAnAddressClaimedWhileDismissedOpensNothing(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		c := s.claimant(address)
		var next onboarding.SessionToken
		claim := func(a *side) (err error) {
			_, next, err = s.signingIn(a).VerifyContact(t.Context(), c.Caller, c.code)
			return err
		}
		var early bool // whether they went before the address was written
		request := s.request()
		dismiss := func(a *side) error {
			_, err := s.managing(noting{a, func() { _, claimed := s.who(address); early = !claimed }}).Dismiss(t.Context(), s.admin, c.Member.ID,
				anyMember, request)
			return err
		}
		return claim, dismiss, func(claimed, dismissed error) error {
			tokens := []onboarding.SessionToken{c.session}
			if early {
				if codeOf(claimed) != onboarding.CodeExpired { // or their session has ended by then
					claimed = equal("claiming", codeOf(claimed), onboarding.Unauthenticated)
				} else {
					claimed = nil
				}
			} else {
				tokens = append(tokens, next)
			}
			err := errors.Join(claimed, dismissed, s.tidy(), equal("status", s.member(c.Member.ID).Status, onboarding.MemberDismissed))
			_, again := s.managing(s.store).Rehire(t.Context(), s.admin, c.Member.ID, anyMember, s.request(), onboarding.Rehire{})
			for _, token := range tokens {
				_, opens := s.authenticate(token)
				err = errors.Join(err, equal("a session", codeOf(opens), onboarding.Unauthenticated))
			}
			return errors.Join(err, again)
		}
	})
}

func TestAnAddressClaimedWhileAnotherIsAskedForIsOneOfThem(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		c := s.claimant(address)
		s.advance(time.Minute)
		ask := func(a *side) error {
			_, err := s.signingIn(a).ChangeContact(t.Context(), c.Caller, s.address("b-"+address), "", password)
			return err
		}
		return s.claiming(c), ask, func(claimed, asked error) error {
			_, credentials, err := s.store.ReadCredentials(t.Context(), acme, c.Member.ID)
			if claimed != nil {
				claimed = errors.Join(equal("claiming", codeOf(claimed), onboarding.CodeExpired), s.has(c, address, false))
			} else {
				claimed = s.has(c, address, true)
			}
			return errors.Join(err, claimed, asked, equal("the round", credentials.Change.Round, 2),
				equal("asked for", credentials.Change.Address.Value, "b-"+address))
		}
	})
}

func TestAnAddressClaimedWhileThePasswordIsChangedEndsTheSessionsOfBoth(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		c := s.claimant(address)
		_, before, err := s.store.ReadCredentials(t.Context(), acme, c.Member.ID)
		s.ok(err)
		return s.claiming(c), s.changingPassword(c.Caller, another), func(claimed, changed error) error {
			_, now, err := s.store.ReadCredentials(t.Context(), acme, c.Member.ID)
			n, email := int64(2), address
			switch { // whoever comes second has no session any more
			case changed != nil:
				n, changed = 1, equal("changing", codeOf(changed), onboarding.Unauthenticated)
			case claimed != nil:
				n, email, claimed = 1, c.old, equal("claiming", codeOf(claimed), onboarding.Unauthenticated)
			}
			return errors.Join(err, claimed, changed, equal("epochs", now.Epoch-before.Epoch, n), equal("address", s.member(c.Member.ID).Email, email))
		}
	})
}

func TestAnotherAddressAskedForTwiceAtOnceIsOneChange(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		c := s.caller(s.crowd(1, in(onboarding.DepartmentID{}))[0].ID)
		asking := func(address string) move {
			return func(a *side) error {
				_, err := s.signingIn(a).ChangeContact(t.Context(), c, s.address(address), "", password)
				return err
			}
		}
		return asking("a-" + address), asking("b-" + address), func(first, second error) error {
			want := "a-" + address
			if first != nil {
				want = "b-" + address
			}
			_, credentials, err := s.store.ReadCredentials(t.Context(), acme, c.Member.ID)
			s.mail()
			return errors.Join(err, oneWins(first, second, onboarding.Unavailable), equal("the address", credentials.Change.Address.Value, want),
				equal("letters", s.lettersTo("a-"+address)+s.lettersTo("b-"+address), 1), equal("to it", s.lettersTo(want), 1))
		}
	})
}
