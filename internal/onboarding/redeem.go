package onboarding

import (
	"context"
	"errors"
	"time"
)

const (
	acceptAttempts  = 4
	linkRequestRest = 24 * time.Hour // between two requests for a new link of one invitation
)

// RedeemStore is what opening an invitation's link asks of the table.
type RedeemStore interface {
	// ReadOffer reads an organization and one of its contacts in one consistent read. It returns ErrNotFound if either is missing.
	ReadOffer(ctx context.Context, org OrganizationID, id ContactID) (Organization, Contact, error)
	// ReadMember returns ErrNotFound if there is none.
	ReadMember(ctx context.Context, org OrganizationID, id MemberID) (Member, error)
	// Accept makes the member out of the invitation in one transaction, which holds only if the invitation is as it was read and
	// pending in this round at a.At, the address is nobody's, and the inviter is as they were judged. It returns ErrConflict where
	// the invitation is otherwise, ErrInviterChanged where the inviter is, ErrJoinUsed where the join was used before, ErrPlaceGone where a place that the
	// member is put into is not there any more, ErrSeatsFull where there is no seat, and ErrPartnersChanged where the partners or
	// whose a partner's domain is are otherwise.
	Accept(ctx context.Context, a Acceptance) error
	// Decline ends a pending invitation of this round; ErrConflict if it is otherwise.
	Decline(ctx context.Context, org OrganizationID, c Contact, at time.Time) error
	PlaceReader
	PartnerReader
	SuspendStore
	// AskForLink owes the inviter a message, unless one was asked for since after; then ErrConflict.
	AskForLink(ctx context.Context, org OrganizationID, c Contact, m Message, after time.Time) error
}

// ErrInviterChanged is what a store answers where the inviter is no longer what the invitation says.
var ErrInviterChanged = errors.New("the inviter has changed")

// ErrPartnersChanged is what a store answers where the active partners, or the firm that a domain is of, are no longer as read.
var ErrPartnersChanged = errors.New("the partners have changed")

// Acceptance is all that changes when an invitation is accepted.
type Acceptance struct {
	Organization OrganizationID
	Contact      Contact // as it was read
	Inviter      Actor   // as they must still be
	InviterSeen  int64   // their version, where it matters where they stand; else 0
	Member       Member
	Credentials  Credentials
	Session      Session
	Notice       Message       // to the administrators, if the member waits
	Seats        int           // of the organization, if they are limited
	Partner      *PartnerEntry // of a partner: the place that they take
	Join         *Join         // by which the mailbox was proven, if it was not by the invitation's own link
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
	mailed       bool // whether the link is the one that was sent to the address, which proves it
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
	case status == InvitationSuspended:
		return errNoLongerHolds()
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

// Accept makes the holder of the link a member and signs them in; where the policy asks for approval, it lets them wait.
// Twice at once, one wins; the other is told that the invitation has been accepted. The inviter's rights are those of this
// moment.
func (u Redeeming) Accept(ctx context.Context, org OrganizationID, text string, p Profile) (Caller, SessionToken, error) {
	offer, err := u.Open(ctx, org, text)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	weighed, err := offer.weigh(ctx, u.Store, u.World.Instant(), false)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	a, token, err := u.prepare(offer, p)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	for range acceptAttempts {
		a.admit(u.World, weighed)
		err = u.Store.Accept(ctx, a)
		switch {
		case err == nil:
			a.Partner.suspendReplaced(ctx, u.World, u.Store, offer.Organization)
			return Caller{Organization: offer.Organization, Member: a.Member, Session: a.Session}, token, nil
		case errors.Is(err, ErrConflict):
			if offer, err = u.Open(ctx, org, text); err != nil {
				return Caller{}, SessionToken{}, err
			}
			a, token = offer.acceptance(u.World, a.Member.FirstName, a.Member.LastName, a.Credentials.Password)
			if weighed, err = offer.weigh(ctx, u.Store, u.World.Instant(), false); err != nil {
				return Caller{}, SessionToken{}, err
			}
		case errors.Is(err, ErrInviterChanged), errors.Is(err, ErrPlaceGone), errors.Is(err, ErrPartnersChanged):
			if weighed, err = offer.weigh(ctx, u.Store, u.World.Instant(), true); err != nil {
				return Caller{}, SessionToken{}, err
			}
		case errors.Is(err, ErrSeatsFull):
			weighed.verdict = noSeat()
		default:
			return Caller{}, SessionToken{}, err
		}
	}
	return Caller{}, SessionToken{}, Refuse(Unavailable, "Others are changing this invitation. Try again.")
}

// weighed is an offer held against the policy, with its inviter and its places as they are.
type weighed struct {
	verdict  Verdict
	inviter  Actor
	seen     int64 // the inviter's version, where it matters where they stand; else 0
	standing Standing
	partner  *PartnerEntry // of an offer to a partner
}

// noSeat makes somebody wait who has everything but a seat.
func noSeat() Verdict { return wait("seats_full", "All seats of the organization are taken.") }

// offerReader is what weighing an offer asks of the table.
type offerReader interface {
	memberReader
	PlaceReader
	PartnerReader
}

// weigh asks the policy once more. What the invitation tells of its inviter will do while it speaks for them: what is written
// holds that they are so still. Unless reread is set, they are looked up where it does not, or where it matters where they stand.
func (o OpenOffer) weigh(ctx context.Context, store offerReader, now time.Time, reread bool) (w weighed, err error) {
	i, org := o.Contact.Invitation, o.Organization.ID
	offer := Offer{i.MemberType, i.Role}
	copied := !reread && (i.Inviter.admin() || !offer.stands(i.Placement))
	inviter := i.Inviter.asMember(org)
	if !copied {
		if inviter, err = memberNow(ctx, store, org, i.Inviter.ID); err != nil {
			return w, err
		}
	}
	w.inviter = inviter.Actor()
	if offer.stands(i.Placement) && !w.inviter.admin() {
		w.seen = inviter.Version
	}
	if w.standing, err = stand(ctx, store, inviter, i.Placement); err != nil {
		return w, err
	}
	w.standing = w.standing.settled(inviter, offer, i.Placement)
	if i.MemberType == Partner {
		e, err := enterPartners(ctx, store, org, o.Contact.Address, i.Replaces)
		switch {
		case errors.Is(err, errNoPlace):
			return w, errPartnersFull()
		case errors.Is(err, errOtherFirm), err == nil && e.Firm.ID != i.Firm.ID:
			return w, errNoLongerHolds()
		case err != nil:
			return w, err
		}
		w.partner = &e
	}
	w.verdict, err = o.decide(w.inviter, w.standing, now)
	if err != nil && copied { // they may have more rights by now than when they invited
		return o.weigh(ctx, store, now, true)
	}
	return w, err
}

// decide asks the policy. A copied link, which proves nothing, counts only while who had it in their hands has an
// administrator's rights; an offer to a guest, while their time has not ended.
func (o OpenOffer) decide(inviter Actor, s Standing, now time.Time) (Verdict, error) {
	i := o.Contact.Invitation
	v := Decide(o.Organization.Settings, Case{Actor: inviter, Channel: ChannelInvitation, Address: o.Contact.Address,
		Proven: o.mailed, Offer: Offer{i.MemberType, i.Role}, Places: s.Places, Firm: i.Firm})
	ended := !i.GuestUntil.IsZero() && !now.Before(i.GuestUntil)
	if !v.Stands() || ended || !o.mailed && !inviter.admin() {
		return v, errNoLongerHolds()
	}
	return v, nil
}

func errNoLongerHolds() *Error {
	return Refuse(LinkRevoked, "This invitation no longer holds. Ask the organization for a new one.")
}

// prepare checks what was entered, and makes all that changes of it.
func (u Redeeming) prepare(offer OpenOffer, p Profile) (Acceptance, SessionToken, error) {
	first, err1 := requiredName("/first_name", p.FirstName)
	last, err2 := requiredName("/last_name", p.LastName)
	password, err3 := newPassword("/password", p.Password, offer.Organization, offer.Contact.Address.Value, p.FirstName, p.LastName)
	if err := joinFields(err1, err2, err3); err != nil {
		return Acceptance{}, SessionToken{}, err
	}
	a, token := offer.acceptance(u.World, first, last, password.Hash(u.World))
	return a, token, nil
}

// acceptance makes the member, the credentials and the session of whoever takes the offer.
func (o OpenOffer) acceptance(w World, first, last string, hash PasswordHash) (Acceptance, SessionToken) {
	now, i := w.Instant(), o.Contact.Invitation
	m := Member{
		ID: NewMemberID(w), Organization: o.Organization.ID, Type: i.MemberType, Role: i.Role,
		FirstName: first, LastName: last, JobTitle: i.JobTitle, Locale: i.Locale,
		EndsAt: i.GuestUntil, Firm: i.Firm,
		Entry: Entry{Channel: ChannelInvitation, Inviter: i.Inviter.ID}, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	m.own(o.Contact.Address, o.mailed)
	credentials := Credentials{Password: hash, Epoch: 1}
	session, token := NewSession(w, m.Organization, m.ID, credentials.Epoch)
	return Acceptance{Organization: m.Organization, Contact: o.Contact, Member: m, Credentials: credentials, Session: session,
		Notice: newNotice(w), Seats: o.Organization.Settings.Seats, At: now}, token
}

// admit makes the member what the policy said, where they are to stand.
func (a *Acceptance) admit(w World, by weighed) {
	a.At, a.Inviter, a.InviterSeen, a.Partner = w.Instant(), by.inviter, by.seen, by.partner
	a.Member.stand(by.standing)
	a.Member.enter(by.verdict, a.At)
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
		return "", InvalidValue(pointer, err)
	}
	return name, nil
}

func newPassword(pointer, s string, org Organization, avoid ...string) (Password, error) {
	p, err := NewPassword(s, append(avoid, string(org.ID), org.Name)...)
	if err != nil {
		return p, InvalidValue(pointer, err)
	}
	return p, nil
}
