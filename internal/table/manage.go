package table

import (
	"context"
	"slices"
	"strings"
	"time"

	"latchkey/internal/onboarding"
)

// ReadManaged reads a member and the id of the request that changed them last.
func (t *Table) ReadManaged(ctx context.Context, org onboarding.OrganizationID, id onboarding.MemberID) (onboarding.Member, string, error) {
	m, _, request, err := t.ReadIssued(ctx, org, id)
	return m, request, err
}

// WriteManaged writes a member over the member as they were read, and holds that whoever changes them still is who they were.
func (t *Table) WriteManaged(ctx context.Context, c onboarding.MemberWrite) error {
	var more []step
	if c.Actor.ID != c.After.ID && !c.Partner.Holds(c.Actor) {
		actor, err := t.actorStep(c.After.Organization, c.Actor, 0)
		if err != nil {
			return err
		}
		more = append(more, actor)
	}
	if c.Before.Status.Placed() && !c.After.Status.Placed() && c.After.Type == onboarding.Partner {
		slot, err := t.leavePartnersStep(c.After)
		if err != nil {
			return err
		}
		more = append(more, slot)
	}
	changed := []pair{{c.Before, c.After}}
	if c.Partner != nil {
		entry, replaced, err := t.partnerSteps(*c.Partner, c.After, c.After.UpdatedAt)
		if err != nil {
			return err
		}
		more, changed = append(more, entry...), append(changed, replaced...)
	}
	member, err := t.memberStep(c.Before, c.After, func(write *change) {
		write.set += ", #request_id = :request"
		write.vals[":request"] = c.RequestID
		if c.EndSessions {
			endSessions(write)
		}
		if c.Forget {
			forget(write, c.After.UpdatedAt)
		}
	})
	if err != nil {
		return err
	}
	beside, err := t.memberSteps(c.Seats, changed...)
	if err != nil {
		return err
	}
	return t.transact(ctx, slices.Concat(more, []step{member}, beside)...)
}

// endSessions raises the epochs of a member: sessions and API keys of older ones are none.
func endSessions(write *change) {
	write.set += ", #session_epoch = #session_epoch + :one, #key_epoch = if_not_exists(#key_epoch, :none) + :one"
	write.vals[":one"], write.vals[":none"] = 1, 0
}

// forget takes away whatever else opens a session, and what is still owed about it. A one-time password counts as used: without
// its round, it would be a password like any other. The SET clause is complete by then.
func forget(write *change, at time.Time) {
	write.set += ", #temporary_used_at = :forgotten"
	write.vals[":forgotten"] = timeText(at)
	outboxItem{}.into(write)
	write.remove("#reset_nonce", "#contact_change")
}

// ListInvitedBy answers some of the pending invitations of an inviter. It reads all pending ones: it is asked where somebody goes.
func (t *Table) ListInvitedBy(ctx context.Context, org onboarding.OrganizationID, inviter onboarding.MemberID, now time.Time, after string, limit int) (
	[]onboarding.Contact, string, error) {
	if last, _, paged := strings.Cut(after, "|"); paged && last <= timeText(now) {
		return nil, "", nil
	}
	return list(ctx, t, listing{org: org, place: statusPartition(org, invitations, string(onboarding.InvitationPending)),
		condition: " AND #by_status_sk > :bound", filter: "#invitation.#inviter_id = :inviter", after: after, limit: limit,
		vals: map[string]any{":bound": timeText(now), ":inviter": inviter.Key()}}, readContact)
}
