package table_test

import (
	"testing"

	"latchkey/internal/onboarding"
)

// contactCode asks for a change of address, and answers the code that is mailed.
func (s *stage) contactCode(caller onboarding.Caller, address string) string {
	s.t.Helper()
	_, err := s.signingIn(s.store).ChangeContact(s.t.Context(), caller, s.address(address), "", password)
	s.ok(err)
	for _, l := range s.mail() {
		if l.To.Value == address {
			return l.Code
		}
	}
	s.t.Fatalf("no code is mailed to %s", address)
	return ""
}

// A session that ends while its request is under way begins no other one, and takes no address along.
func TestASessionThatHasEndedChangesNoAddress(t *testing.T) {
	s := newStage(t)
	thief, _, err := s.signIn("ada@example.com", password)
	s.ok(err)
	owner, _, err := s.signIn("ada@example.com", password)
	s.ok(err)
	code := s.contactCode(thief, "thief@example.com")
	_, _, err = s.signingIn(s.store).ChangePassword(t.Context(), owner, password, another)
	s.ok(err)
	_, _, err = s.signingIn(s.store).VerifyContact(t.Context(), thief, code)
	s.refused(err, onboarding.Unauthenticated)
	m, err := s.store.ReadMember(t.Context(), acme, s.admin.Member.ID)
	s.ok(err)
	if m.Email != "ada@example.com" {
		t.Errorf("the address is %s", m.Email)
	}
}

// A partner is one by their firm's mailbox, and stays with it.
func TestAPartnerKeepsToTheirFirmsDomains(t *testing.T) {
	s := newStage(t)
	s.certify()
	pam := s.joinAsPartner("pam@firm.example")
	_, err := s.signingIn(s.store).ChangeContact(t.Context(), pam, s.address("pam@elsewhere.example"), "", password)
	s.refused(err, onboarding.Invalid)
	code := s.contactCode(pam, "pamela@firm.example")
	_, _, err = s.signingIn(s.store).VerifyContact(t.Context(), pam, code)
	s.ok(err)
}

// hijacked gives ada another address of either kind, and answers her as she then is.
func (s *stage) hijacked(email onboarding.Address, phone string) onboarding.Caller {
	s.t.Helper()
	ada, _, err := s.signIn("ada@example.com", password)
	s.ok(err)
	_, err = s.signingIn(s.store).ChangeContact(s.t.Context(), ada, email, phone, password)
	s.ok(err)
	all := s.mail()
	ada, _, err = s.signingIn(s.store).VerifyContact(s.t.Context(), ada, all[len(all)-1].Code)
	s.ok(err)
	return ada
}

// Whoever has stolen a session and a password asks for whatever they can, so that its owner does not hear of it.
func TestNothingTakesAnAlertBack(t *testing.T) {
	for name, tt := range map[string]struct {
		phone string
		kind  onboarding.MessageKind
		after func(s *stage, thief onboarding.Caller) error
	}{
		"a reset": {phone, onboarding.MessagePhoneSet, func(s *stage, _ onboarding.Caller) error {
			return s.signingIn(s.store).RequestReset(t.Context(), acme, "ada@example.com", source)
		}},
		"another change": {phone, onboarding.MessagePhoneSet, func(s *stage, thief onboarding.Caller) error {
			_, err := s.signingIn(s.store).ChangeContact(t.Context(), thief, s.address("thief@example.com"), "", password)
			return err
		}},
		"an invitation": {"", onboarding.MessageContactChanged, func(s *stage, thief onboarding.Caller) error {
			r := s.inviteAs(thief, "ada@example.com")
			return equal("verdict", r.Verdict, onboarding.Reopened)
		}},
		"an invitation that is not mailed": {"", onboarding.MessageContactChanged, func(s *stage, thief onboarding.Caller) error {
			r := s.inviteAs(thief, "ada@example.com", silently)
			return equal("verdict", r.Verdict, onboarding.Reopened)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, inBritain)
			email := onboarding.Address{}
			if tt.phone == "" {
				email = s.address("thief@example.com")
			}
			s.ok(tt.after(s, s.hijacked(email, tt.phone)))
			alerts := 0
			for _, l := range s.mail() {
				if l.Kind == tt.kind && l.To.Value == "ada@example.com" {
					alerts++
				}
			}
			s.want("alerts", alerts, 1)
		})
	}
}
