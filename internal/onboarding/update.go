package onboarding

import (
	"context"
	"errors"
	"time"
)

// UpdateStore is what changing an invitation asks of the table.
type UpdateStore interface {
	// ReadContact returns ErrNotFound if the address is unknown.
	ReadContact(ctx context.Context, org OrganizationID, id ContactID) (Contact, error)
	// ReplaceOffer writes a contact's invitation anew on condition that the contact is still at version;
	// else it answers ErrConflict.
	ReplaceOffer(ctx context.Context, org OrganizationID, c Contact, version int64) error
	// EditOffer is as ReplaceOffer, but what the invitation owes stays as it is.
	EditOffer(ctx context.Context, org OrganizationID, c Contact, version int64) error
	// ReserveSends takes up to want from the organization's limit of the day and answers how many it got. It fails closed.
	ReserveSends(ctx context.Context, org OrganizationID, day time.Time, inviter MemberID, want, limit int) (int, error)
	// ReturnSends gives back what was not used, at most once: less is sent then, not more.
	ReturnSends(ctx context.Context, org OrganizationID, day time.Time, inviter MemberID, unused int) error
	PlaceReader
}

// Updating is the use case: sending a pending invitation again, and taking one back.
type Updating struct {
	World World
	Store UpdateStore
	Texts Texts
}

// Match reports whether a contact is still as the caller saw it.
type Match = func(Contact) bool

// Resend sends the invitation again. A pending one keeps its link and gets its full time anew; an expired one is pending again.
func (u Updating) Resend(ctx context.Context, caller Caller, id ContactID, match Match, requestID string) (Contact, error) {
	org, today := caller.Organization, u.World.Instant()
	if org.Closed {
		return Contact{}, errClosed()
	}
	var reserved Kind // of the message that was
	sent, err := u.change(ctx, caller, id, match, requestID, func(c Contact) (Contact, error) {
		i := c.Invitation
		if err := u.mayOffer(ctx, caller, i); err != nil {
			return Contact{}, err
		}
		if i.Status != InvitationPending && i.Status != InvitationSuspended {
			return Contact{}, Refuse(Conflict, "The invitation is "+string(i.Status)+". Invite the address again instead.")
		}
		next, err := c.resend(u.World, caller)
		if err != nil || reserved != "" {
			return next, err
		}
		if err = u.reserve(ctx, caller, next, today, requestID); err == nil {
			reserved = c.Address.Kind
		}
		return next, err
	})
	if err != nil && reserved == Email {
		err = errors.Join(err, u.Store.ReturnSends(ctx, org.ID, today, caller.Member.ID, 1))
	}
	return sent, err
}

// mayOffer refuses where the caller could not make the offer themselves.
func (u Updating) mayOffer(ctx context.Context, caller Caller, i Invitation) error {
	v, err := caller.offersAgain(ctx, u.Store, i)
	if err == nil && !v.Stands() {
		err = Refuse(Forbidden, v.Sentence)
	}
	return err
}

// answer makes the caller answer for an offer from now on.
func (i *Invitation) answer(caller Caller, now time.Time) {
	i.Status, i.Inviter, i.InviterName, i.UpdatedAt = InvitationPending, caller.Member.Actor(), caller.Member.Name(), now
}

// TakeOver makes the caller answer for an offer whose inviter is gone, or for any other that they may see.
func (u Updating) TakeOver(ctx context.Context, caller Caller, id ContactID, match Match, requestID string) (Contact, error) {
	return u.change(ctx, caller, id, match, requestID, func(c Contact) (Contact, error) {
		now := u.World.Instant()
		switch status := c.Invitation.Now(now); status {
		case InvitationPending, InvitationSuspended:
		case InvitationExpired:
			return Contact{}, Refuse(Conflict, "The invitation has expired. Send it again instead.")
		default:
			return Contact{}, Refuse(Conflict, "The invitation is "+string(status)+" already.")
		}
		if err := u.mayOffer(ctx, caller, c.Invitation); err != nil {
			return Contact{}, err
		}
		c.Invitation.answer(caller, now)
		c.Version++
		return c, nil
	})
}

// InvitationChange is what is to be different about an invitation. What is nil stays.
type InvitationChange struct {
	FirstName  *string
	LastName   *string
	JobTitle   *string
	Type       *MemberType
	Role       *Role
	Locale     *Locale
	GuestUntil *time.Time // zero: never

	Departments *[]DepartmentID
	Groups      *[]GroupID
}

// apply answers the invitation as it is to be, and which places are named.
func (c InvitationChange) apply(i Invitation) (next Invitation, named Placement) {
	i.Placement, named = changePlacement(i.Placement, c.Departments, c.Groups)
	set(&i.FirstName, c.FirstName)
	set(&i.LastName, c.LastName)
	set(&i.JobTitle, c.JobTitle)
	set(&i.MemberType, c.Type)
	set(&i.Role, c.Role)
	set(&i.Locale, c.Locale)
	set(&i.GuestUntil, c.GuestUntil)
	return i, named
}

// set sets a field to what it is to be, unless it stays.
func set[T any](field, to *T) {
	if to != nil {
		*field = *to
	}
}

// Edit changes a pending invitation. Its link stays as it is, and nothing is sent. Whoever edits an offer answers for it.
func (u Updating) Edit(ctx context.Context, caller Caller, id ContactID, match Match, requestID string, change InvitationChange) (Contact, error) {
	return u.change(ctx, caller, id, match, requestID, func(c Contact) (Contact, error) {
		now := u.World.Instant()
		if status := c.Invitation.Now(now); status != InvitationPending && status != InvitationSuspended {
			return Contact{}, Refuse(Conflict, "The invitation is "+string(status)+".")
		}
		next, named := change.apply(c.Invitation)
		if next.MemberType == Partner != (c.Invitation.MemberType == Partner) {
			return Contact{}, InvalidField("/member_type", "not_applicable", "Somebody is invited as a partner, or is not. Invite them anew.")
		}
		if err := checkGuestUntil(next.MemberType, next.GuestUntil, now); err != nil {
			return Contact{}, err
		}
		s, err := stand(ctx, u.Store, caller.Member, next.Placement)
		if err != nil {
			return Contact{}, err
		}
		if err := s.known("", named); err != nil {
			return Contact{}, err
		}
		if v := caller.offers(Offer{next.MemberType, next.Role}, s.Places, next.Firm); !v.Stands() {
			return Contact{}, Refuse(Forbidden, v.Sentence)
		}
		next.Placement = s.There
		next.answer(caller, now)
		c.Invitation = next
		c.Version++
		return c, nil
	})
}

// reserve takes the message that a contact is about to owe out of the limits. A text message that is not sent after all stays
// counted.
func (u Updating) reserve(ctx context.Context, caller Caller, c Contact, today time.Time, requestID string) error {
	org, midnight := caller.Organization, today.Truncate(day).Add(day)
	if c.Address.Kind == Phone {
		err := u.Texts.reserveOne(ctx, org, TextInvitation, today, text{to: c.Address, kind: MessageInvitation, id: textID(requestID, c.Version)})
		var refusal *TextRefusal
		if errors.As(err, &refusal) {
			return refusal.toInviter()
		}
		return err
	}
	n, err := u.Store.ReserveSends(ctx, org.ID, today, caller.Member.ID, 1, org.Settings.DailySendLimit)
	if err == nil && n == 0 {
		err = &Error{Code: LimitReached, Message: "Today's sending limit of the organization is reached.", RetryAfter: midnight.Sub(today)}
	}
	return err
}

// resend owes the invitation once more. The link stays the same, so copies that are under way keep working. Whoever sends
// an offer again answers for it from then on.
func (c Contact) resend(w World, caller Caller) (Contact, error) {
	now, i := w.Instant(), c.Invitation
	last := i.LastSentAt
	if i.Delivery.Status == DeliveryQueued {
		last = i.Delivery.LastEventAt
	}
	if wait := last.Add(resendPause).Sub(now); wait > 0 {
		return Contact{}, &Error{Code: TooManyAttempts, Message: "This invitation was sent within the last minute.", RetryAfter: wait}
	}
	c.Messages = nil
	c.owe(newMessage(w, MessageInvitation, i.Locale, i.Round))
	c.Invitation.answer(caller, now)
	c.Invitation.ExpiresAt = now.Add(caller.Organization.Settings.InvitationLifetime)
	c.Invitation.LinkAskedAt = time.Time{}
	c.Version++
	return c, nil
}

// Revoke takes a pending or expired invitation back. Its link is dead at once, and what it still owes is not sent.
func (u Updating) Revoke(ctx context.Context, caller Caller, id ContactID, match Match, requestID string) (Contact, error) {
	return u.change(ctx, caller, id, match, requestID, func(c Contact) (Contact, error) {
		if c.Invitation.Status != InvitationPending && c.Invitation.Status != InvitationSuspended {
			return Contact{}, Refuse(Conflict, "The invitation is "+string(c.Invitation.Status)+" already.")
		}
		c.Invitation.Status = InvitationRevoked
		c.Invitation.UpdatedAt = u.World.Instant()
		c.Messages = nil
		c.Version++
		return c, nil
	})
}

// change reads, decides and writes under the version that was read, and begins again where somebody was faster.
// A repeated request that finds its own write answers it.
func (u Updating) change(ctx context.Context, caller Caller, id ContactID, match Match, requestID string, decide func(Contact) (Contact, error)) (Contact, error) {
	org := caller.Organization.ID
	for range inviteAttempts {
		c, err := u.Store.ReadContact(ctx, org, id)
		if errors.Is(err, ErrNotFound) || err == nil && !c.Invited {
			return Contact{}, errNoInvitation()
		}
		if err != nil {
			return Contact{}, err
		}
		if !MaySee(caller, c) {
			return Contact{}, errNoInvitation()
		}
		if c.RequestID == requestID {
			return c, nil
		}
		if !match(c) {
			return Contact{}, Refuse(VersionMismatch, "The invitation has changed since you read it.")
		}
		next, err := decide(c)
		if err != nil {
			return Contact{}, err
		}
		next.RequestID = requestID
		write := u.Store.ReplaceOffer
		if next.Invitation.Status == InvitationPending && len(next.Messages) == 0 { // it is still to be sent, if it was
			write = u.Store.EditOffer
		}
		if err = write(ctx, org, next, c.Version); err == nil {
			return next, nil
		}
		if !errors.Is(err, ErrConflict) {
			return Contact{}, err
		}
	}
	return Contact{}, Refuse(Unavailable, "Somebody else is changing the same invitation. Try again.")
}

// MaySee reports whether the caller may see an invitation: administrators every one, others their own.
func MaySee(caller Caller, c Contact) bool {
	rights := caller.Rights()
	return rights.SeeInvited || rights.Invite && c.Invitation.Inviter.ID == caller.Member.ID
}

func errNoInvitation() *Error { return Refuse(NotFound, "There is no such invitation.") }
