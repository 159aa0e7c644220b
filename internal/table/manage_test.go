package table_test

import (
	"testing"

	"latchkey/internal/onboarding"
)

func (s *stage) managing(store onboarding.ManageStore) onboarding.Managing {
	return onboarding.Managing{World: s.world(), Store: store}
}

func (s *stage) edit(caller onboarding.Caller, id onboarding.MemberID, c onboarding.MemberChange) (onboarding.Member, error) {
	return s.managing(s.store).Edit(s.t.Context(), caller, id, anyMember, s.request(), c)
}

func role(r onboarding.Role) onboarding.MemberChange { return onboarding.MemberChange{Role: &r} }

// A request is under way when its administrator is demoted. Nobody else is held by its write then but they themselves.
func TestNobodyTakesTheirOwnRoleBack(t *testing.T) {
	s := newStage(t)
	bob := s.join("bob@example.com", asAnAdmin)
	_, err := s.edit(s.admin, bob.Member.ID, role(onboarding.RoleMember))
	s.ok(err)
	_, err = s.edit(bob, bob.Member.ID, role(onboarding.RoleAdmin))
	s.refused(err, onboarding.Forbidden)
	m, err := s.store.ReadMember(t.Context(), acme, bob.Member.ID)
	s.ok(err)
	if m.Role != onboarding.RoleMember {
		t.Errorf("they are %s again", m.Role)
	}
	name := "Robert"
	_, err = s.edit(bob, bob.Member.ID, onboarding.MemberChange{FirstName: &name})
	s.ok(err)
}
