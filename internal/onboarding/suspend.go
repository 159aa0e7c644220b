package onboarding

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	suspendWorkers  = 16
	suspendAtOnce   = 200 // invitations that are read to be suspended
	suspensionRests = 5 * time.Second
)

// SuspendStore is what suspending invitations asks of the table.
type SuspendStore interface {
	// ListInvitedBy answers some of the pending invitations of an inviter, and where the next ones begin, or nothing.
	ListInvitedBy(ctx context.Context, org OrganizationID, inviter MemberID, now time.Time, after string, limit int) ([]Contact, string, error)
	// ReplaceOffer writes a contact's invitation anew on condition that the contact is still at version; else ErrConflict.
	ReplaceOffer(ctx context.Context, org OrganizationID, c Contact, version int64) error
	// ReadContact returns ErrNotFound if the address is unknown.
	ReadContact(ctx context.Context, org OrganizationID, id ContactID) (Contact, error)
}

// suspend marks the pending invitations of somebody who has lost the right to them. Nobody joins by them in any case: the policy
// is asked when they are accepted. It goes on until all are marked, or until there is little time left.
func suspend(ctx context.Context, w World, store SuspendStore, o Organization, inviter Member) error {
	after := ""
	for {
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < suspensionRests {
			return nil
		}
		sent, next, err := store.ListInvitedBy(ctx, o.ID, inviter.ID, w.Instant(), after, suspendAtOnce)
		if err != nil {
			return err
		}
		group, groupCtx := errgroup.WithContext(ctx)
		group.SetLimit(suspendWorkers)
		for _, c := range sent {
			group.Go(func() error { return suspendOne(groupCtx, w, store, o, inviter, c.ID) })
		}
		if err := group.Wait(); err != nil || next == "" {
			return err
		}
		after = next
	}
}

// suspendOne marks an invitation, if it is still theirs and they may not make it any more. Where they stand is not looked at:
// that is asked when it is accepted.
func suspendOne(ctx context.Context, w World, store SuspendStore, o Organization, inviter Member, id ContactID) error {
	for range inviteAttempts {
		c, err := store.ReadContact(ctx, o.ID, id)
		if err != nil {
			return err
		}
		i := c.Invitation
		if !c.Invited || i.Now(w.Instant()) != InvitationPending || i.Inviter.ID != inviter.ID {
			return nil
		}
		if objectToActor(o.Settings, Case{Actor: inviter.Actor(), Channel: ChannelInvitation}).Answer == "" &&
			objectToOffer(inviter.Actor(), Offer{i.MemberType, i.Role}, i.Firm).Answer == "" {
			return nil
		}
		now := w.Instant()
		c.Invitation.Status, c.Invitation.UpdatedAt = InvitationSuspended, now
		if c.Messages = nil; i.Delivery.Status == DeliveryQueued { // whoever takes it over has to know
			c.Invitation.Delivery = Delivery{Status: DeliveryFailed, LastEventAt: now, Attempts: i.Delivery.Attempts,
				Error: "Suspended before it was sent, as far as is known."}
		}
		version := c.Version
		c.Version++
		if err = store.ReplaceOffer(ctx, o.ID, c, version); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return errBusy()
}

// suspendReplaced suspends what the partner has sent whose place another has taken. What is left undone is no fault of whoever has
// just come, and is refused in any case.
func (e *PartnerEntry) suspendReplaced(ctx context.Context, w World, store SuspendStore, o Organization) {
	if e != nil && e.Replaced != nil {
		_ = suspend(ctx, w, store, o, e.Dismissed(w.Instant()))
	}
}
