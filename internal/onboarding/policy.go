package onboarding

// The policy is pure: it reads nothing and changes nothing. Every door asks it, and asks again when the offer is taken.

// Actor is somebody whose rights are judged.
type Actor struct {
	ID     MemberID
	Active bool
	Type   MemberType
	Role   Role
}

// admin reports whether the actor has an administrator's rights. A certified partner has them without the role.
func (a Actor) admin() bool {
	return a.Active && (a.Role == RoleAdmin && a.Type == Employee || a.Type == Partner)
}

// Offer is what somebody would become.
type Offer struct {
	Type MemberType
	Role Role
}

// Verdict is the policy's answer: whether the offer stands, the rule that decided, and a sentence for people.
type Verdict struct {
	Allowed  bool
	Rule     string
	Sentence string
}

// Decide says whether the actor may bring somebody in as what the offer says.
func Decide(s Settings, a Actor, o Offer) Verdict {
	switch {
	case !a.Active:
		return deny("inviter_inactive", "Whoever invites must be an active member.")
	case a.Type == Guest:
		return deny("guests_do_not_invite", "Guests invite nobody.")
	case a.Type != Employee && a.Type != Partner:
		return deny("unknown_inviter", "Whoever invites must be an employee or a certified partner.")
	case !a.admin() && s.WhoCanInvite != EveryoneInvite:
		return deny("admins_invite", "Only administrators can invite.")
	case o.Role != RoleMember && o.Role != RoleAdmin:
		return deny("unknown_role", "This role is not known.")
	case o.Role == RoleAdmin && (a.Role != RoleAdmin || a.Type != Employee):
		return deny("role_ceiling", "Only administrators can invite administrators.")
	case o.Role == RoleAdmin && o.Type != Employee:
		return deny("admins_are_employees", "Only an employee can be an administrator.")
	case o.Type == Guest:
		return deny("guest_needs_group", "A guest needs at least one group that admits guests.")
	case o.Type == Partner:
		return deny("partner_not_certified", "A partner's firm must be in the registry of certified partners.")
	case o.Type != Employee:
		return deny("unknown_member_type", "This type of member is not known.")
	case a.admin():
		return Verdict{Allowed: true, Rule: "admin", Sentence: "An administrator invites."}
	}
	return Verdict{Allowed: true, Rule: "everyone", Sentence: "Everybody may invite here."}
}

func deny(rule, sentence string) Verdict { return Verdict{Rule: rule, Sentence: sentence} }

// Rights are what a member may do, as their clients ask once.
type Rights struct {
	Invite       bool // somebody, as an employee
	InviteAdmins bool
	CopyLinks    bool // get an invitation's link into one's own hands
	SeeInvited   bool // the whole organization's invitations
	SeeMembers   bool // everybody in the organization
}

// RightsOf derives them from the same rules.
func RightsOf(s Settings, a Actor) Rights {
	invite := Decide(s, a, Offer{Employee, RoleMember}).Allowed
	return Rights{
		Invite:       invite,
		InviteAdmins: Decide(s, a, Offer{Employee, RoleAdmin}).Allowed,
		CopyLinks:    invite && a.admin(),
		SeeInvited:   a.admin(),
		SeeMembers:   a.Active && a.Type != Guest,
	}
}
