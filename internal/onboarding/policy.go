package onboarding

// The policy is pure: it reads nothing and changes nothing. Every door asks it, and asks again when the offer is taken.

// Actor is somebody whose rights are judged.
type Actor struct {
	ID     MemberID
	Active bool
	Type   MemberType
	Role   Role
	Itself bool // the organization itself, on whose word its default link stands
}

// TheOrganization answers for what nobody in particular offers.
func TheOrganization() Actor { return Actor{Active: true, Itself: true} }

// admin reports whether the actor has an administrator's rights. A certified partner has them without the role.
func (a Actor) admin() bool {
	return a.Active && !a.Itself && (a.Role == RoleAdmin && a.Type == Employee || a.Type == Partner)
}

// Channel is the door through which somebody comes in.
type Channel string

const (
	ChannelInvitation Channel = "invitation"  // an offer to one address, mailed or copied
	ChannelInviteLink Channel = "invite_link" // a link that anybody may hold
	ChannelDirect     Channel = "direct"      // added by an administrator; no way in of a case
)

// Offer is what somebody would become.
type Offer struct {
	Type MemberType
	Role Role
}

// ApprovalRule is what an invite link says about approval.
type ApprovalRule string

const (
	InheritApproval ApprovalRule = "inherit" // as the settings say
	AlwaysApprove   ApprovalRule = "always"  // whoever joins waits, from exempt domains too
	NeverApprove    ApprovalRule = "never"   // nobody waits; counts on the word of an administrator or the organization alone
)

// ParseApprovalRule accepts one of the three.
func ParseApprovalRule(s string) (ApprovalRule, bool) {
	r := ApprovalRule(s)
	return r, r == InheritApproval || r == AlwaysApprove || r == NeverApprove
}

// Terms are what an invite link says by itself.
type Terms struct {
	Approval ApprovalRule
	Domains  []Domain // of those who may join by it; empty: anybody
}

// Case is what the policy judges: somebody who would come in, through which door and on whose word.
type Case struct {
	Actor   Actor // the inviter, or who answers for the link
	Channel Channel
	Address Address // zero while it is nobody in particular
	Proven  bool    // whether they have just shown that the address is theirs
	Offer   Offer
	Places  []Place // where they would stand; none: an employee comes to the root department
	Firm    Firm    // of a partner: whose address theirs is, by the registry as it is now
	Terms   Terms   // of an invite link
}

// Answer is what the policy says. What is none of these is a denial.
type Answer string

const (
	Allow         Answer = "allow"
	NeedsApproval Answer = "needs_approval"
	Deny          Answer = "deny"
)

// Verdict is the policy's answer, the rule that decided, and a sentence for people.
type Verdict struct {
	Answer   Answer
	Rule     string
	Sentence string
}

// Stands reports whether the offer stands: at once, or once an administrator agrees.
func (v Verdict) Stands() bool { return v.Answer == Allow || v.Answer == NeedsApproval }

func allow(rule, sentence string) Verdict { return Verdict{Allow, rule, sentence} }
func wait(rule, sentence string) Verdict  { return Verdict{NeedsApproval, rule, sentence} }
func deny(rule, sentence string) Verdict  { return Verdict{Deny, rule, sentence} }

// Decide says whether somebody comes in, waits, or stays out.
func Decide(s Settings, c Case) Verdict {
	for _, objection := range []Verdict{objectToActor(s, c), objectToLink(s, c), objectToOffer(c.Actor, c.Offer, c.Firm),
		objectToPlaces(c.Actor, c.Offer, c.Places)} {
		if objection.Answer != "" {
			return objection
		}
	}
	switch c.Channel {
	case ChannelInvitation:
		return decideInvitation(s, c)
	case ChannelInviteLink:
		return decideLink(s, c)
	}
	return deny("unknown_channel", "There is no such way in.")
}

// objectToActor says why the actor brings nobody in, or nothing.
func objectToActor(s Settings, c Case) Verdict {
	a := c.Actor
	switch {
	case !a.Active:
		return deny("inviter_inactive", "Whoever invites must be an active member.")
	case a.Itself && c.Channel == ChannelInviteLink:
		return Verdict{}
	case a.Type == Guest:
		return deny("guests_do_not_invite", "Guests invite nobody.")
	case a.Itself || a.Type != Employee && a.Type != Partner:
		return deny("unknown_inviter", "Whoever invites must be an employee or a certified partner.")
	case !a.admin() && s.WhoCanInvite != EveryoneInvite:
		return deny("admins_invite", "Only administrators can invite.")
	}
	return Verdict{}
}

// objectToLink says why nobody, or not this address, joins by the link, or nothing.
func objectToLink(s Settings, c Case) Verdict {
	switch {
	case c.Channel != ChannelInviteLink:
		return Verdict{}
	case !s.AllowLinkRegistration:
		return deny("registration_closed", "Joining by link is switched off.")
	case c.Offer.Type == Partner:
		return deny("links_make_no_partners", "A shared link never makes partners: they are invited by name.")
	case c.Offer.Role == RoleAdmin:
		return deny("links_make_members", "A shared link never makes administrators.")
	case c.Address != Address{} && !c.Terms.admit(c.Address):
		return deny("domain_not_allowed", "This link is for addresses of other domains.")
	}
	return Verdict{}
}

// objectToOffer says why the actor cannot make somebody that, or nothing. Nobody grants above themselves.
func objectToOffer(a Actor, o Offer, f Firm) Verdict {
	switch {
	case o.Role != RoleMember && o.Role != RoleAdmin:
		return deny("unknown_role", "This role is not known.")
	case o.Role == RoleAdmin && (a.Role != RoleAdmin || a.Type != Employee || a.Itself):
		return deny("role_ceiling", "Only administrators can invite administrators.")
	case o.Role == RoleAdmin && o.Type != Employee:
		return deny("admins_are_employees", "Only an employee can be an administrator.")
	case o.Type == Partner && !a.admin():
		return deny("admins_invite_partners", "Only administrators can invite partners.")
	case o.Type == Partner && f == Firm{}:
		return deny("partner_not_certified", "A partner's firm must be in the registry of certified partners.")
	case o.Type != Employee && o.Type != Guest && o.Type != Partner:
		return deny("unknown_member_type", "This type of member is not known.")
	}
	return Verdict{}
}

// objectToPlaces says why the actor cannot put somebody there, or nothing. Administrators put people anywhere, others where
// they stand themselves, or lead.
func objectToPlaces(a Actor, o Offer, places []Place) Verdict {
	groups := 0
	for _, p := range places {
		switch {
		case !a.admin() && !a.Itself && !p.Own:
			return deny("not_their_place", "Only administrators put people where they do not stand themselves.")
		case o.Type == Guest && !p.Group:
			return deny("guests_in_no_department", "A guest stands in no department.")
		case o.Type == Guest && !p.Admits:
			return deny("group_admits_no_guests", "This group admits no guests.")
		case p.Group:
			groups++
		}
	}
	if o.Type == Guest && groups == 0 {
		return deny("guest_needs_group", "A guest needs at least one group that admits guests.")
	}
	return Verdict{}
}

// decideInvitation asks no approval of whom an administrator has invited by name.
func decideInvitation(s Settings, c Case) Verdict {
	switch {
	case c.Actor.admin():
		return allow("admin", "An administrator invites.")
	case !s.RequestApproval:
		return allow("everyone", "Everybody may invite here.")
	}
	return decideAddress(s, c)
}

func decideLink(s Settings, c Case) Verdict {
	switch {
	case !c.Proven:
		return wait("unproven", "Nobody has shown yet that this address is theirs.")
	case c.Terms.Approval != InheritApproval && c.Terms.Approval != NeverApprove: // always, and what is not known
		return wait("link_asks", "Whoever joins by this link waits for an administrator.")
	case c.Terms.Approval == NeverApprove && (c.Actor.admin() || c.Actor.Itself):
		return allow("link_admits", "Nobody who joins by this link waits.")
	case !s.RequestApproval:
		return allow("approval_off", "Nobody has to wait for an administrator here.")
	}
	return decideAddress(s, c)
}

// decideAddress lets in at once whose mailbox lies on an exempt domain. Everybody else waits.
func decideAddress(s Settings, c Case) Verdict {
	if c.Proven && s.exempts(c.Address) {
		return allow("exempt_domain", "Addresses of this domain need no approval.")
	}
	return wait("approval_requested", "An administrator has to agree.")
}

// DecideRequest says whether the actor may decide on an applicant's request, and let them in as what the case says: its Actor
// decides, its Offer, Places and Firm are what the applicant would become.
func DecideRequest(applicant MemberID, c Case) Verdict {
	a, objection := c.Actor, objectToOffer(c.Actor, c.Offer, c.Firm)
	if objection.Answer == "" {
		objection = objectToPlaces(a, c.Offer, c.Places)
	}
	switch {
	case !a.admin():
		return deny("admins_decide", "Only administrators decide who joins.")
	case a.ID == applicant:
		return deny("not_on_oneself", "Nobody decides on themselves.")
	case objection.Answer != "":
		return objection
	}
	return allow("admin", "An administrator decides.")
}

// DecideMember says whether the actor may change somebody to what the case says, by its Offer, Places and Firm, dismiss them,
// or let them in again. A certified partner does none of that to an administrator, and makes none.
func DecideMember(of Actor, c Case) Verdict {
	a := c.Actor
	switch {
	case !a.admin():
		return deny("admins_manage", "Only administrators change members.")
	case a.Type == Partner && of.Type == Employee && of.Role == RoleAdmin:
		return deny("partners_do_not_rule", "A partner changes nothing about administrators.")
	}
	if objection := objectToOffer(a, c.Offer, c.Firm); objection.Answer != "" {
		return objection
	}
	if objection := objectToPlaces(a, c.Offer, c.Places); objection.Answer != "" {
		return objection
	}
	return allow("admin", "An administrator decides.")
}

// Rights are what a member may do, as their clients ask once.
type Rights struct {
	Invite       bool // somebody, as an employee
	InviteAdmins bool
	CopyLinks    bool // get an invitation's link into one's own hands
	SeeInvited   bool // the whole organization's invitations
	SeeMembers   bool // everybody in the organization; who may not sees the people of their own groups
	SeeStructure bool // departments, and everybody's groups
	Manage       bool // add, change, dismiss members; decide on departments and groups
	Approve      bool // see and decide who waits
	Configure    bool // settings, everybody's invite links, API keys
}

// RightsOf derives them from the same rules.
func RightsOf(s Settings, a Actor) Rights {
	may := func(r Role) bool {
		return Decide(s, Case{Actor: a, Channel: ChannelInvitation, Offer: Offer{Employee, r}}).Stands()
	}
	invite := may(RoleMember)
	return Rights{
		Invite:       invite,
		InviteAdmins: may(RoleAdmin),
		CopyLinks:    invite && a.admin(),
		SeeInvited:   a.admin(),
		SeeMembers:   a.Active && a.Type != Guest,
		SeeStructure: a.Active && a.Type != Guest,
		Manage:       a.admin(),
		Approve:      a.admin(),
		Configure:    a.admin(),
	}
}
