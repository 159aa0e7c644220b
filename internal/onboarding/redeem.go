package onboarding

import (
	"context"
	"errors"
	"time"
)

const (
	acceptAttempts  = 3
	linkRequestRest = 24 * time.Hour // between two requests for a new link of one invitation
)

// RedeemStore is what opening an invitation's link asks of the table.
type RedeemStore interface {
	// ReadOffer reads an organization and one of its contacts in one consistent read. It returns ErrNotFound if either is missing.
	ReadOffer(ctx context.Context, org OrganizationID, id ContactID) (Organization, Contact, error)
	// ReadMember returns ErrNotFound if there is none.
	ReadMember(ctx context.Context, org OrganizationID, id MemberID) (Member, error)
	// Accept makes the member out of the invitation in one transaction, which holds only if the invitation is pending in
	// this round at a.At, the address is nobody's, and the inviter is as the invitation says. It returns ErrConflict where
	// the invitation is otherwise, and ErrInviterChanged where the inviter is.
	Accept(ctx context.Context, a Acceptance) error
	// Decline ends a pending invitation of this round; ErrConflict if it is otherwise.
	Decline(ctx context.Context, org OrganizationID, c Contact, at time.Time) error
	// AskForLink owes the inviter a message, unless one was asked for since after; then ErrConflict.
	AskForLink(ctx context.Context, org OrganizationID, c Contact, m Message, after time.Time) error
}

// ErrInviterChanged is what a store answers where the inviter is no longer what the invitation says.
var ErrInviterChanged = errors.New("the inviter has changed")

// Acceptance is all that changes when an invitation is accepted.
type Acceptance struct {
	Organization OrganizationID
	Contact      Contact // as it was read
	Inviter      Actor   // as they must still be
	Member       Member
	Credentials  Credentials
	Session      Session
	At           time.Time
}

// Redeeming is the use case: what the holder of an invitation's link can do.
type Redeeming struct {
	World World
	Store RedeemStore
	Keys  Keys
}

// OpenOffer is an invitation that its link opens, and the organization that makes it.
type OpenOffer struct {
	Organization Organization
	Contact      Contact
	mailed       bool // whether the link is the mailed one, which proves the mailbox
}

// Open says what a link leads to. An offer that cannot be taken any more is answered beside the refusal that says why,
// so that a page can name the organization; a link that opens nothing answers nothing.
func (u Redeeming) Open(ctx context.Context, org OrganizationID, text string) (OpenOffer, error) {
	token, err := ParseToken(text)
	if err != nil || token.Purpose != PurposeMailed && token.Purpose != PurposeCopied {
		return OpenOffer{}, errLink()
	}
	o, c, err := u.Store.ReadOffer(ctx, org, token.Subject)
	if errors.Is(err, ErrNotFound) {
		return OpenOffer{}, errLink()
	}
	if err != nil {
		return OpenOffer{}, err
	}
	if !c.Invited || c.Invitation.Round != token.Round || !u.Keys.Opens(token, org, c.Nonce) {
		return OpenOffer{}, errLink()
	}
	offer := OpenOffer{Organization: o, Contact: c, mailed: token.Purpose == PurposeMailed}
	return offer, offer.state(u.World.Instant())
}

func errLink() *Error {
	return Refuse(LinkInvalid, "This link leads nowhere. It may be incomplete, or replaced by a newer one.")
}

// state is nil while the offer can be taken.
func (o OpenOffer) state(now time.Time) error {
	status := o.Contact.Invitation.Now(now)
	switch {
	case status == InvitationAccepted || !o.Contact.Member.IsZero():
		return Refuse(AlreadyAccepted, "This invitation has been accepted. Sign in instead.")
	case o.Organization.Closed:
		return errClosed()
	case status == InvitationRevoked:
		return Refuse(LinkRevoked, "This invitation was taken back.")
	case status == InvitationDeclined:
		return Refuse(AlreadyDeclined, "This invitation was declined.")
	case status == InvitationExpired:
		return Refuse(LinkExpired, "This invitation has expired. You can ask for a new link.")
	}
	return nil
}

// Profile is what somebody enters about themselves when they join.
type Profile struct {
	FirstName string
	LastName  string
	Password  string
}

// Accept makes the holder of the link a member and signs them in. Twice at once, one wins; the other is told that the
// invitation has been accepted. The inviter's rights are those of this moment.
func (u Redeeming) Accept(ctx context.Context, org OrganizationID, text string, p Profile) (Caller, SessionToken, error) {
	offer, err := u.Open(ctx, org, text)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	inviter := offer.Contact.Invitation.Inviter
	if err := offer.decide(inviter); err != nil {
		return Caller{}, SessionToken{}, err
	}
	a, token, err := u.prepare(offer, p)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	for range acceptAttempts {
		a.Inviter = inviter
		err = u.Store.Accept(ctx, a)
		switch {
		case err == nil:
			return Caller{Organization: offer.Organization, Member: a.Member, Session: a.Session}, token, nil
		case errors.Is(err, ErrConflict):
			if _, err := u.Open(ctx, org, text); err != nil {
				return Caller{}, SessionToken{}, err
			}
		case errors.Is(err, ErrInviterChanged):
			m, err := u.Store.ReadMember(ctx, org, inviter.ID)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return Caller{}, SessionToken{}, err
			}
			inviter = m.Actor()
			if err := offer.decide(inviter); err != nil {
				return Caller{}, SessionToken{}, err
			}
		default:
			return Caller{}, SessionToken{}, err
		}
	}
	return Caller{}, SessionToken{}, Refuse(Unavailable, "Others are changing this invitation. Try again.")
}

// decide asks the policy once more, with the inviter as they are.
func (o OpenOffer) decide(inviter Actor) error {
	i := o.Contact.Invitation
	if !Decide(o.Organization.Settings, inviter, Offer{i.MemberType, i.Role}).Allowed {
		return Refuse(LinkRevoked, "This invitation no longer holds. Ask the organization for a new one.")
	}
	return nil
}

// prepare checks what was entered and makes the member, the credentials and the session of it.
func (u Redeeming) prepare(offer OpenOffer, p Profile) (Acceptance, SessionToken, error) {
	first, err1 := requiredName("/first_name", p.FirstName)
	last, err2 := requiredName("/last_name", p.LastName)
	password, err3 := newPassword("/password", p.Password, offer.Organization, offer.Contact.Address.Value, p.FirstName, p.LastName)
	if err := joinFields(err1, err2, err3); err != nil {
		return Acceptance{}, SessionToken{}, err
	}
	now, i := u.World.Instant(), offer.Contact.Invitation
	m := Member{
		ID: NewMemberID(u.World), Organization: offer.Organization.ID, Status: MemberActive, Type: i.MemberType, Role: i.Role,
		FirstName: first, LastName: last, JobTitle: i.JobTitle,
		Email: offer.Contact.Address.Value, EmailVerified: offer.mailed,
		Locale: i.Locale, CreatedAt: now, JoinedAt: now, UpdatedAt: now, Version: 1,
	}
	credentials := Credentials{Password: password.Hash(u.World), Epoch: 1}
	session, token := NewSession(u.World, m.Organization, m.ID, credentials.Epoch)
	return Acceptance{Organization: m.Organization, Contact: offer.Contact, Member: m, Credentials: credentials, Session: session,
		At: u.World.Instant()}, token, nil
}

// Decline ends the offer on its holder's word. Declining twice is declining once.
func (u Redeeming) Decline(ctx context.Context, org OrganizationID, text string) (OpenOffer, error) {
	offer, err := u.Open(ctx, org, text)
	if err != nil {
		return declined(offer, err)
	}
	err = u.Store.Decline(ctx, org, offer.Contact, u.World.Instant())
	if errors.Is(err, ErrConflict) {
		return declined(u.Open(ctx, org, text))
	}
	return offer, err
}

func declined(offer OpenOffer, err error) (OpenOffer, error) {
	if errors.Is(err, &Error{Code: AlreadyDeclined}) {
		return offer, nil
	}
	return offer, err
}

// RequestNewLink tells the inviter that somebody with an expired link would still like to join. It sends nothing to the
// holder of the link, and asks at most once a day; asking again sooner is no error.
func (u Redeeming) RequestNewLink(ctx context.Context, org OrganizationID, text string) (OpenOffer, error) {
	offer, err := u.Open(ctx, org, text)
	if err == nil {
		return offer, Refuse(Conflict, "The link still works.")
	}
	if !errors.Is(err, &Error{Code: LinkExpired}) {
		return offer, err
	}
	m := newMessage(u.World, MessageLinkRequest, offer.Organization.Settings.DefaultLocale, offer.Contact.Invitation.Round)
	err = u.Store.AskForLink(ctx, org, offer.Contact, m, m.At.Add(-linkRequestRest))
	if errors.Is(err, ErrConflict) {
		err = nil
	}
	return offer, err
}

func requiredName(pointer, s string) (string, error) {
	name, err := ParseName(s)
	if err == nil && name == "" {
		return "", InvalidField(pointer, "required", "This is required.")
	}
	if err != nil {
		return "", invalid(pointer, err)
	}
	return name, nil
}

func newPassword(pointer, s string, org Organization, avoid ...string) (Password, error) {
	p, err := NewPassword(s, append(avoid, string(org.ID), org.Name)...)
	if err != nil {
		return p, invalid(pointer, err)
	}
	return p, nil
}
