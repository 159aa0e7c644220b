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
