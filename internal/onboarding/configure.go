package onboarding

import (
	"context"
	"errors"
	"time"
)

const (
	configureAttempts = 4
	maxRound          = 1<<16 - 1
)

// ConfigureStore is what changing settings and invite links asks of the table.
type ConfigureStore interface {
	// ReadOrganization returns ErrNotFound if there is none.
	ReadOrganization(ctx context.Context, org OrganizationID) (Organization, error)
	// UpdateOrganization writes the name, the settings and whether it is closed, if the organization is still of o.Version;
	// else ErrConflict.
	UpdateOrganization(ctx context.Context, o Organization) error
	// ReadLink reads an organization and one of its links in one consistent read. It returns ErrNotFound if either is missing;
	// the default link never is.
	ReadLink(ctx context.Context, org OrganizationID, id LinkID) (Organization, InviteLink, error)
	// CreateLink writes a link that does not exist; else ErrConflict.
	CreateLink(ctx context.Context, org OrganizationID, l InviteLink) error
	// ReplaceLink writes a link anew, but for how often it was used, if it is still at version; else ErrConflict.
	ReplaceLink(ctx context.Context, org OrganizationID, l InviteLink, version int64) error
	// ReadMember returns ErrNotFound if there is none.
	ReadMember(ctx context.Context, org OrganizationID, id MemberID) (Member, error)
	PlaceReader
	PartnerReader
}

// Configuring is the use case: what an organization decides about joining.
type Configuring struct {
	World World
	Store ConfigureStore
}

// ChangeSettings lets edit change the settings. It begins again where somebody was faster, unless match then says that this
// is not what the caller saw.
func (u Configuring) ChangeSettings(ctx context.Context, caller Caller, match func(Organization) bool, edit func(*Settings)) (Organization, error) {
	if !caller.Rights().Configure {
		return Organization{}, Refuse(Forbidden, "Only administrators change the settings.")
	}
	o := caller.Organization
	for range configureAttempts {
		if !match(o) {
			return Organization{}, Refuse(VersionMismatch, "The settings have changed since you read them.")
		}
		edit(&o.Settings)
		err := u.Store.UpdateOrganization(ctx, o)
		if err == nil {
			o.Version++
			return o, nil
		}
		if !errors.Is(err, ErrConflict) {
			return Organization{}, err
		}
		if o, err = u.Store.ReadOrganization(ctx, o.ID); err != nil {
			return Organization{}, err
		}
	}
	return Organization{}, errBusy()
}

// LinkChange is what is to be different about an invite link. What is nil stays.
type LinkChange struct {
	Label     *string
	Type      *MemberType
	Approval  *ApprovalRule
	Domains   *[]Domain
	MaxUses   *int
	ExpiresAt *time.Time // zero: never

	Departments *[]DepartmentID
	Groups      *[]GroupID
}

// placement is where people of a placement stand after the change, and of that what the change names.
func (c LinkChange) placement(p Placement) (next, named Placement) {
	return changePlacement(p, c.Departments, c.Groups)
}

func changePlacement(p Placement, departments *[]DepartmentID, groups *[]GroupID) (next, named Placement) {
	if departments != nil {
		p.Departments, named.Departments = *departments, *departments
	}
	if groups != nil {
		p.Groups, named.Groups = *groups, *groups
	}
	return p, named
}

// apply changes the link, and makes the caller answer for it from then on. Places that it does not name and that have gone are
// skipped when somebody joins.
func (u Configuring) apply(ctx context.Context, c LinkChange, l InviteLink, caller Caller) (InviteLink, error) {
	now := u.World.Instant()
	if c.Label != nil {
		l.Label = *c.Label
	}
	if c.Type != nil {
		l.Offer.Type = *c.Type
	}
	if c.Approval != nil {
		l.Terms.Approval = *c.Approval
	}
	if c.Domains != nil {
		l.Terms.Domains = *c.Domains
	}
	if c.MaxUses != nil {
		l.MaxUses = *c.MaxUses
	}
	if c.ExpiresAt != nil {
		if l.ExpiresAt = *c.ExpiresAt; !l.ExpiresAt.IsZero() && !now.Before(l.ExpiresAt) {
			return l, InvalidField("/expires_at", "past", "This must be in the future, or never.")
		}
	}
	if l.Terms.Approval == NeverApprove && !caller.Member.Actor().admin() {
		return l, InvalidField("/approval", "not_allowed", "Only the link of an administrator lets people in without approval.")
	}
	next, named := c.placement(l.Placement)
	s, err := stand(ctx, u.Store, caller.Member, next)
	if err != nil {
		return l, err
	}
	if err := s.known("", named); err != nil {
		return l, err
	}
	l.Placement = next
	// A link can be made ready while joining by link is switched off.
	settings := caller.Organization.Settings
	settings.AllowLinkRegistration = true
	if v := Decide(settings, l.caseOf(caller.Member.Actor(), Address{}, caller.Member.judged(l.Offer, s.Places))); !v.Stands() {
		return l, Refuse(Forbidden, v.Sentence)
	}
	return l, nil
}

// CreateLink makes a named invite link, which the caller answers for. The id comes from the request's, so that a repeated
// request finds what it made.
func (u Configuring) CreateLink(ctx context.Context, caller Caller, c LinkChange, requestID string) (InviteLink, error) {
	if !caller.Rights().Invite {
		return InviteLink{}, Refuse(Forbidden, caller.offers(Offer{Employee, RoleMember}, nil, Firm{}).Sentence)
	}
	if c.Label == nil || *c.Label == "" {
		return InviteLink{}, InvalidField("/label", "required", "This is required.")
	}
	id, err := ParseLinkKey(requestID)
	if err != nil {
		return InviteLink{}, err
	}
	now := u.World.Instant()
	l := InviteLink{ID: id, Round: 1, Nonce: u.World.Nonce(), Offer: Offer{Employee, RoleMember}, Terms: Terms{Approval: InheritApproval},
		Owner: caller.Member.Actor(), OwnerName: caller.Member.Name(), RequestID: requestID, CreatedAt: now, UpdatedAt: now, Version: 1}
	if life := caller.Organization.Settings.LinkLifetime; life > 0 {
		l.ExpiresAt = now.Add(life)
	}
	if l, err = u.apply(ctx, c, l, caller); err != nil {
		return InviteLink{}, err
	}
	if err = u.Store.CreateLink(ctx, caller.Organization.ID, l); errors.Is(err, ErrConflict) {
		_, l, err = u.Store.ReadLink(ctx, caller.Organization.ID, id)
	}
	return l, err
}

// Link answers a link that the caller may see.
func (u Configuring) Link(ctx context.Context, caller Caller, id LinkID) (InviteLink, error) {
	_, l, err := u.Store.ReadLink(ctx, caller.Organization.ID, id)
	if errors.Is(err, ErrNotFound) || err == nil && !MaySeeLink(caller, l) {
		return InviteLink{}, errNoLink()
	}
	return l, err
}

// ChangeLink changes a link.
func (u Configuring) ChangeLink(ctx context.Context, caller Caller, id LinkID, match LinkMatch, requestID string, c LinkChange) (InviteLink, error) {
	return u.change(ctx, caller, id, match, requestID, func(l InviteLink) (InviteLink, error) {
		return u.apply(ctx, c, l, caller)
	})
}

// DisableLink stops a link until it is enabled. Disabling what is disabled changes nothing.
func (u Configuring) DisableLink(ctx context.Context, caller Caller, id LinkID, match LinkMatch, requestID string) (InviteLink, error) {
	return u.change(ctx, caller, id, match, requestID, func(l InviteLink) (InviteLink, error) {
		if l.Disabled {
			return l, errUnchanged
		}
		l.Disabled = true
		return l, nil
	})
}

// EnableLink lets a disabled link work again, on the caller's word.
func (u Configuring) EnableLink(ctx context.Context, caller Caller, id LinkID, match LinkMatch, requestID string) (InviteLink, error) {
	return u.change(ctx, caller, id, match, requestID, func(l InviteLink) (InviteLink, error) {
		if !l.Disabled {
			return l, errUnchanged
		}
		l.Disabled = false
		return u.apply(ctx, LinkChange{}, l, caller)
	})
}

// RotateLink makes another link in the place of this one, which is dead at once and for good.
func (u Configuring) RotateLink(ctx context.Context, caller Caller, id LinkID, match LinkMatch, requestID string) (InviteLink, error) {
	return u.change(ctx, caller, id, match, requestID, func(l InviteLink) (InviteLink, error) {
		if l.Round == maxRound {
			return l, Refuse(Conflict, "This link cannot be made anew any more. Make another one.")
		}
		l.Round, l.Nonce = l.Round+1, u.World.Nonce()
		return u.apply(ctx, LinkChange{}, l, caller)
	})
}

// errUnchanged ends a change that has nothing to write.
var errUnchanged = errors.New("nothing changes")

// LinkMatch reports whether a link is still as the caller saw it.
type LinkMatch func(InviteLink) bool

// change reads, decides and writes under the version that was read, and begins again where somebody was faster. Whoever
// changes a link answers for it from then on; the default link stays the organization's own.
func (u Configuring) change(ctx context.Context, caller Caller, id LinkID, match LinkMatch, requestID string,
	decide func(InviteLink) (InviteLink, error)) (InviteLink, error) {
	for range configureAttempts {
		l, err := u.Link(ctx, caller, id)
		if err != nil {
			return l, err
		}
		if !mayChangeLink(caller, l) {
			return l, Refuse(Forbidden, "Only administrators change this link.")
		}
		if l.RequestID == requestID {
			return l, nil
		}
		if !match(l) {
			return l, Refuse(VersionMismatch, "The link has changed since you read it.")
		}
		next, err := decide(l)
		if errors.Is(err, errUnchanged) {
			return l, nil
		}
		if err != nil {
			return l, err
		}
		now := u.World.Instant()
		if !id.IsDefault() {
			next.Owner, next.OwnerName = caller.Member.Actor(), caller.Member.Name()
		}
		if next.CreatedAt.IsZero() {
			next.CreatedAt = now
		}
		next.UpdatedAt, next.RequestID, next.Version = now, requestID, l.Version+1
		if err = u.Store.ReplaceLink(ctx, caller.Organization.ID, next, l.Version); !errors.Is(err, ErrConflict) {
			return next, err
		}
	}
	return InviteLink{}, errBusy()
}

// MaySeeLink reports whether the caller may see a link, and get it into their own hands: administrators every one; others
// who may invite, the organization's and their own.
func MaySeeLink(caller Caller, l InviteLink) bool {
	rights := caller.Rights()
	return rights.Configure || rights.Invite && (l.ID.IsDefault() || l.Owner.ID == caller.Member.ID)
}

func mayChangeLink(caller Caller, l InviteLink) bool {
	return caller.Rights().Configure || !l.ID.IsDefault()
}

func errNoLink() *Error { return Refuse(NotFound, "There is no such invite link.") }

// Hypothesis is somebody who might come. What is zero is left out: the inviter is the caller then, the link the default one,
// the offer that of the link, or an employee without further rights.
type Hypothesis struct {
	Channel Channel
	Address Address
	Proven  bool
	Offer   Offer
	Inviter MemberID
	Link    LinkID

	Placement Placement // of an invitation; a link has its own
}

// Evaluate says what the policy would say. It writes nothing and sends nothing.
func (u Configuring) Evaluate(ctx context.Context, caller Caller, h Hypothesis) (Verdict, error) {
	if !caller.Rights().Configure {
		return Verdict{}, Refuse(Forbidden, "Only administrators ask the policy.")
	}
	c := Case{Actor: caller.Member.Actor(), Channel: h.Channel, Address: h.Address, Proven: h.Proven, Offer: Offer{Employee, RoleMember}}
	if h.Channel == ChannelInviteLink {
		return u.evaluateLink(ctx, caller, h)
	}
	inviter := caller.Member
	if !h.Inviter.IsZero() {
		m, err := u.Store.ReadMember(ctx, caller.Organization.ID, h.Inviter)
		if errors.Is(err, ErrNotFound) {
			return Verdict{}, InvalidField("/inviter_id", "unknown", "There is no such member.")
		}
		if err != nil {
			return Verdict{}, err
		}
		c.Actor, inviter = m.Actor(), m
	}
	c.Offer = c.Offer.or(h.Offer)
	s, err := stand(ctx, u.Store, inviter, h.Placement)
	if err != nil {
		return Verdict{}, err
	}
	if err := s.known("", h.Placement); err != nil {
		return Verdict{}, err
	}
	c.Places = inviter.judged(c.Offer, s.Places)
	if h.Address.Kind == Email && c.Offer.Type == Partner {
		firms, err := u.Store.ReadFirms(ctx, []string{h.Address.Domain()})
		if err != nil {
			return Verdict{}, err
		}
		c.Firm = firms[h.Address.Domain()]
	}
	return u.judge(caller.Organization, c, nil), nil
}

func (u Configuring) evaluateLink(ctx context.Context, caller Caller, h Hypothesis) (Verdict, error) {
	o, l, err := u.Store.ReadLink(ctx, caller.Organization.ID, h.Link)
	if errors.Is(err, ErrNotFound) {
		return Verdict{}, InvalidField("/link_id", "unknown", "There is no such invite link.")
	}
	if err != nil {
		return Verdict{}, err
	}
	open := OpenLink{Organization: o, Link: l}
	if err := open.judge(ctx, u.Store, true); err != nil {
		return Verdict{}, err
	}
	c := open.caseOf(h.Address)
	c.Proven, c.Offer = h.Proven, c.Offer.or(h.Offer)
	return u.judge(o, c, l.refusal(o, u.World.Instant())), nil
}

// judge asks the policy, where nothing refuses before.
func (u Configuring) judge(o Organization, c Case, refusal error) Verdict {
	var e *Error
	switch {
	case o.Closed:
		e = errClosed()
	case !errors.As(refusal, &e):
		return Decide(o.Settings, c)
	}
	return deny(string(e.Code), e.Message)
}

// or is the offer with what the other one says in its place.
func (o Offer) or(other Offer) Offer {
	if other.Type != "" {
		o.Type = other.Type
	}
	if other.Role != "" {
		o.Role = other.Role
	}
	return o
}
