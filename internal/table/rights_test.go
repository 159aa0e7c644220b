package table_test

import (
	"fmt"
	"strings"
	"testing"

	"latchkey/internal/onboarding"
)

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

// joinAsPartner invites somebody of the certified firm, who accepts.
func (s *stage) joinAsPartner(address string, edits ...func(*onboarding.InviteCommand)) onboarding.Caller {
	s.t.Helper()
	token := s.invited(address, append(edits, asAPartner)...)
	caller, _, err := s.redeeming(s.store).Accept(s.t.Context(), acme, token, profile())
	s.ok(err)
	return caller
}

func asAPartner(c *onboarding.InviteCommand) { c.Type = onboarding.Partner }

func (s *stage) certify() {
	s.t.Helper()
	s.ok(onboarding.Certifying{World: s.world(), Store: s.store}.Certify(s.t.Context(), onboarding.CertifiedFirm{
		Firm: onboarding.Firm{ID: "firm", Name: "Firm"}, Domains: []string{"firm.example"}}))
}

// Whoever hands their place on is in one transaction twice: as who answers for the other, and as who goes.
func TestAPartnerHandsTheirPlaceOn(t *testing.T) {
	s := newStage(t)
	s.certify()
	pam := s.joinAsPartner("pam@firm.example")
	r := s.inviteAs(pam, "pat@firm.example", asAPartner, func(c *onboarding.InviteCommand) { c.Replaces = pam.Member.ID })
	if r.Verdict != onboarding.Created {
		t.Fatalf("%s, %s", r.Verdict, r.Reason)
	}
	pat, _, err := s.redeeming(s.store).Accept(t.Context(), acme, s.mailedToken("pat@firm.example"), profile())
	s.ok(err)
	gone, err := s.store.ReadMember(t.Context(), acme, pam.Member.ID)
	s.ok(err)
	if gone.Status != onboarding.MemberDismissed || pat.Member.Status != onboarding.MemberActive {
		t.Errorf("%s goes, %s comes", gone.Status, pat.Member.Status)
	}
	_, err = s.managing(s.store).Rehire(t.Context(), pat, pam.Member.ID, anyMember, s.request(), onboarding.Rehire{Replaces: pat.Member.ID})
	s.ok(err)
	p, err := s.store.ReadPartners(t.Context(), acme)
	s.ok(err)
	if len(p.Members) != 1 || !p.Has(pam.Member.ID) {
		t.Errorf("%+v", p.Members)
	}
}

// Whoever names no department puts people at the root, which a member below it may not.
func TestNobodyPutsPeopleAboveThemselvesByNamingNoPlace(t *testing.T) {
	s := newStage(t, everyoneInvites)
	research, bob := s.department("Research", onboarding.DepartmentID{}), s.join("bob@example.com")
	_, err := s.edit(s.admin, bob.Member.ID, onboarding.MemberChange{Departments: &[]onboarding.DepartmentID{research.ID}})
	s.ok(err)
	bob = s.caller(bob.Member.ID)
	here := func(c *onboarding.InviteCommand) { c.Placement.Departments = []onboarding.DepartmentID{research.ID} }
	if r := s.inviteAs(bob, "ann@example.com"); r.Verdict != onboarding.Denied {
		t.Errorf("inviting: %s", r.Verdict)
	}
	if r := s.inviteAs(bob, "cat@example.com", here); r.Verdict != onboarding.Created {
		t.Errorf("inviting to their own: %s, %s", r.Verdict, r.Reason)
	}
	none := &[]onboarding.DepartmentID{}
	_, err = s.updating(s.store).Edit(t.Context(), bob, s.id("cat@example.com"), anyVersion, s.request(), onboarding.InvitationChange{Departments: none})
	s.refused(err, onboarding.Forbidden)
	label := "Fair"
	_, err = s.configuring(s.store).CreateLink(t.Context(), bob, onboarding.LinkChange{Label: &label}, s.request())
	s.refused(err, onboarding.Forbidden)
	l, err := s.configuring(s.store).CreateLink(t.Context(), bob, onboarding.LinkChange{Label: &label,
		Departments: &[]onboarding.DepartmentID{research.ID}}, s.request())
	s.ok(err)
	_, err = s.configuring(s.store).ChangeLink(t.Context(), bob, l.ID, func(onboarding.InviteLink) bool { return true }, s.request(),
		onboarding.LinkChange{Departments: none})
	s.refused(err, onboarding.Forbidden)
}

func TestAListPutsNobodyIntoMorePlacesThanThereMayBe(t *testing.T) {
	s := newStage(t)
	var all []onboarding.GroupID
	for i := range onboarding.MaxPlaces + 1 {
		all = append(all, s.group(fmt.Sprintf("Group %d", i), false).ID)
	}
	r := s.invite("ann@example.com", func(c *onboarding.InviteCommand) {
		c.Placement.Groups = all[:onboarding.MaxPlaces]
		c.Recipients[0].Listed = &onboarding.ListEntry{Input: "ann@example.com", Group: fmt.Sprintf("Group %d", onboarding.MaxPlaces)}
	})
	if r.Verdict != onboarding.Created || !strings.Contains(r.Reason, "left out") {
		t.Errorf("%s, %q", r.Verdict, r.Reason)
	}
	if n := len(s.contact("ann@example.com").Invitation.Placement.Groups); n != onboarding.MaxPlaces {
		t.Errorf("in %d groups", n)
	}
}
