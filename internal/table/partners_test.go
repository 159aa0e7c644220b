package table_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"latchkey/internal/onboarding"
)

func (a *side) WriteFirm(ctx context.Context, before, after onboarding.CertifiedFirm) error {
	defer a.gate("WriteFirm")()
	return a.Table.WriteFirm(ctx, before, after)
}

func (s *stage) certifying(store onboarding.RegistryStore) onboarding.Certifying {
	return onboarding.Certifying{World: s.world(), Store: store}
}

// certified makes certified firms of these ids, each with a domain of its own.
func (s *stage) certified(ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		s.ok(s.certifying(s.store).Certify(s.t.Context(), onboarding.CertifiedFirm{Firm: onboarding.Firm{ID: id, Name: "The " + id},
			Domains: []string{id + ".test"}}))
	}
}

func asPartner(replaces ...onboarding.MemberID) func(*onboarding.InviteCommand) {
	return func(c *onboarding.InviteCommand) {
		c.Type = onboarding.Partner
		if len(replaces) > 0 {
			c.Replaces = replaces[0]
		}
	}
}

// partners makes it n partners: those that there are, without some or with others.
func (s *stage) partners(n int, round string) (ids []onboarding.MemberID) {
	s.t.Helper()
	now, err := s.store.ReadPartners(s.t.Context(), acme)
	s.ok(err)
	for i, p := range now.Members {
		if i < n {
			ids = append(ids, p.Member)
		} else {
			s.ok(s.alone(s.dismissing(s.admin, p.Member)))
		}
	}
	for len(ids) < n {
		ids = append(ids, s.partner(fmt.Sprintf("p%d-%s@north.test", len(ids), round)))
	}
	return ids
}

// partner invites an address of the firm north, and makes it a partner: the store's write, without the wait for a hash.
func (s *stage) partner(address string) onboarding.MemberID {
	s.t.Helper()
	offer, err := s.redeeming(s.store).Open(s.t.Context(), acme, s.invited(address, asPartner()))
	s.ok(err)
	seen, err := s.store.ReadPartners(s.t.Context(), acme)
	s.ok(err)
	m, i := s.admin.Member, offer.Contact.Invitation
	m.ID, m.Email, m.Type, m.Role, m.Firm = onboarding.NewMemberID(s.world()), address, onboarding.Partner, onboarding.RoleMember, i.Firm
	m.Placement = onboarding.Placement{}
	session, _ := onboarding.NewSession(s.world(), acme, m.ID, 1)
	s.ok(s.store.Accept(s.t.Context(), onboarding.Acceptance{Organization: acme, Contact: offer.Contact, Inviter: i.Inviter, Member: m,
		Credentials: founded.credentials, Session: session, Partner: &onboarding.PartnerEntry{Seen: seen, Firm: i.Firm, Domain: "north.test"},
		At: s.Now()}))
	return m.ID
}

// partnered says what is wrong with the partners, of whom there are to be n.
func (s *stage) partnered(n int) error {
	p, err := s.store.ReadPartners(s.t.Context(), acme)
	for _, slot := range p.Members {
		err = errors.Join(err, equal("a partner's firm", s.member(slot.Member).Firm, p.Firm))
	}
	return errors.Join(err, equal("partners", len(p.Members), n), s.tidy())
}

// local is the part of a round's address that makes others of it.
func local(address string) string { return address[:len("round0")] }

func TestTheLastPlaceForAPartnerIsTakenOnce(t *testing.T) {
	s := newStage(t)
	s.certified("north")
	race(s, func(address string) (move, move, func(error, error) error) {
		s.partners(2, local(address))
		a, b := s.invited("a-"+local(address)+"@north.test", asPartner()), s.invited("b-"+local(address)+"@north.test", asPartner())
		return s.accepting(a), s.accepting(b), func(first, second error) error {
			return errors.Join(oneWins(first, second, onboarding.PartnersFull), s.partnered(3))
		}
	})
}

func TestPartnersWhoComeAtOnceAreOfOneFirm(t *testing.T) {
	s := newStage(t)
	s.certified("north", "south")
	race(s, func(address string) (move, move, func(error, error) error) {
		s.partners(0, local(address))
		a, b := s.invited(local(address)+"@north.test", asPartner()), s.invited(local(address)+"@south.test", asPartner())
		return s.accepting(a), s.accepting(b), func(first, second error) error {
			return errors.Join(oneWins(first, second, onboarding.LinkRevoked), s.partnered(1))
		}
	})
}

func TestOnePartnerReplacedTwiceAtOnceMakesRoomForOne(t *testing.T) {
	s := newStage(t)
	s.certified("north")
	race(s, func(address string) (move, move, func(error, error) error) {
		there := s.partners(3, local(address))
		a := s.invited("a-"+local(address)+"@north.test", asPartner(there[1]))
		b := s.invited("b-"+local(address)+"@north.test", asPartner(there[1]))
		return s.accepting(a), s.accepting(b), func(first, second error) error {
			return errors.Join(oneWins(first, second, onboarding.PartnersFull), s.partnered(3),
				equal("who is replaced", s.member(there[1]).Status, onboarding.MemberDismissed))
		}
	})
}

func TestTwoPartnersReplacedAtOnceMakeRoomForTwo(t *testing.T) {
	s := newStage(t)
	s.certified("north")
	race(s, func(address string) (move, move, func(error, error) error) {
		there := s.partners(3, local(address))
		a := s.invited("a-"+local(address)+"@north.test", asPartner(there[0]))
		b := s.invited("b-"+local(address)+"@north.test", asPartner(there[1]))
		return s.accepting(a), s.accepting(b), func(first, second error) error {
			return errors.Join(first, second, s.partnered(3), equal("who is replaced", s.member(there[0]).Status, onboarding.MemberDismissed),
				equal("who else is", s.member(there[1]).Status, onboarding.MemberDismissed))
		}
	})
}

func TestReplacedWhileDismissedOrChangedIsDismissedOnce(t *testing.T) {
	for name, do := range map[string]func(*stage, onboarding.MemberID) move{
		"dismissed": func(s *stage, id onboarding.MemberID) move { return s.dismissing(s.admin, id) },
		"changed": func(s *stage, id onboarding.MemberID) move {
			return s.editing(s.admin, id, onboarding.MemberChange{LastName: new("Adams")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.certified("north")
			race(s, func(address string) (move, move, func(error, error) error) {
				there := s.partners(3, local(address))
				token := s.invited("a-"+local(address)+"@north.test", asPartner(there[1]))
				return s.accepting(token), do(s, there[1]), func(accepted, done error) error {
					if name == "changed" && done != nil {
						done = equal("changing", codeOf(done), onboarding.Conflict)
					}
					return errors.Join(accepted, done, s.partnered(3), equal("status", s.member(there[1]).Status, onboarding.MemberDismissed))
				}
			})
		})
	}
}

func TestTheLastPlaceIsTakenOnceByPartnersWhoComeBack(t *testing.T) {
	s := newStage(t)
	s.certified("north")
	race(s, func(address string) (move, move, func(error, error) error) {
		gone := s.partners(2, "gone-"+local(address))
		s.partners(0, "")
		s.partners(2, local(address))
		rehiring := func(id onboarding.MemberID) move {
			request := s.request()
			return func(a *side) error {
				_, err := s.managing(a).Rehire(t.Context(), s.admin, id, anyMember, request, onboarding.Rehire{})
				return err
			}
		}
		return rehiring(gone[0]), rehiring(gone[1]), func(first, second error) error {
			return errors.Join(oneWins(first, second, onboarding.PartnersFull), s.partnered(3))
		}
	})
}

func TestAcceptedWhileTheFirmIsRevokedIsOneOfThem(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		s.certified("north")
		s.partners(1, local(address))
		token := s.invited("a-"+local(address)+"@north.test", asPartner())
		var early bool // whether the firm was revoked before the acceptance was written
		revoke := func(a *side) error {
			return s.certifying(revoker{a, func() { _, in := s.who("a-" + local(address) + "@north.test"); early = !in }}).Revoke(t.Context(), "north")
		}
		return s.accepting(token), revoke, func(accepted, revoked error) error {
			if early {
				return errors.Join(revoked, equal("accepting", codeOf(accepted), onboarding.LinkRevoked), s.partnered(1))
			}
			return errors.Join(revoked, accepted, s.partnered(2))
		}
	})
}

// revoker is a side that looks around right behind its write, before the other may go on.
type revoker struct {
	*side
	look func()
}

func (r revoker) WriteFirm(ctx context.Context, before, after onboarding.CertifiedFirm) error {
	defer r.gate("WriteFirm")()
	defer r.look()
	return r.Table.WriteFirm(ctx, before, after)
}

func TestADomainCertifiedTwiceAtOnceIsOneFirms(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		domain := local(address) + ".test"
		certifying := func(id string) move {
			return func(a *side) error {
				return s.certifying(a).Certify(t.Context(), onboarding.CertifiedFirm{Firm: onboarding.Firm{ID: id + local(address), Name: id},
					Domains: []string{domain}})
			}
		}
		return certifying("north"), certifying("south"), func(first, second error) error {
			firms, err := s.store.ListFirms(t.Context())
			owners := slices.DeleteFunc(firms, func(f onboarding.CertifiedFirm) bool { return !slices.Contains(f.Domains, domain) })
			return errors.Join(err, equal("one wins", (first == nil) != (second == nil), true), equal("firms", len(owners), 1))
		}
	})
}
