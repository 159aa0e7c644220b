package table

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// ReadOffer reads an organization and one of its contacts in one batch.
func (t *Table) ReadOffer(ctx context.Context, org onboarding.OrganizationID, id onboarding.ContactID) (onboarding.Organization, onboarding.Contact, error) {
	ok, ck := organizationKey(org), contactKey(org, id)
	found, err := t.batchGet(ctx, ok, ck)
	if err != nil {
		return onboarding.Organization{}, onboarding.Contact{}, err
	}
	if len(found) < 2 {
		return onboarding.Organization{}, onboarding.Contact{}, onboarding.ErrNotFound
	}
	o, err := readOrganization(found[ok])
	if err != nil {
		return o, onboarding.Contact{}, err
	}
	c, err := readContact(found[ck])
	return o, c, err
}

// Accept writes member, session and contact, and checks the inviter, in one transaction; where the mailbox was proven by a
// join, that is used up first.
func (t *Table) Accept(ctx context.Context, a onboarding.Acceptance) error {
	steps := []func() (step, error){func() (step, error) { return t.acceptStep(a) }}
	if !a.Partner.Holds(a.Inviter) {
		steps = append(steps, func() (step, error) { return t.actorStep(a.Organization, a.Inviter, a.InviterSeen) })
	}
	if a.Join != nil {
		steps = slices.Insert(steps, 0, func() (step, error) { return t.joinStep(a.Organization, *a.Join, a.Member.ID, a.At) })
	}
	var replaced []pair
	if a.Partner != nil && a.Member.Status == onboarding.MemberActive {
		more, pairs, err := t.partnerSteps(*a.Partner, a.Member, a.At)
		if err != nil {
			return err
		}
		for _, one := range more {
			steps = append(steps, func() (step, error) { return one, nil })
		}
		replaced = pairs
	}
	return t.enter(ctx, a.Member, a.Credentials, a.Session, a.Notice, a.Seats, replaced, steps...)
}

// acceptStep answers the offer and gives the address to the member.
func (t *Table) acceptStep(a onboarding.Acceptance) (step, error) {
	contact := change{
		key: contactKey(a.Organization, a.Contact.ID),
		set: "SET #member_id = :member, #invitation.#status = :accepted, #invitation.#accepted_member_id = :member, " +
			"#invitation.#updated_at = :at, #by_status_pk = :partition, #by_status_sk = :at, #version = #version + :one",
		condition: "#invitation.#status = :pending AND #invitation.#round = :round AND #nonce = :nonce AND " +
			"#invitation.#expires_at > :at AND attribute_not_exists(#member_id) AND #version = :seen",
		vals: map[string]any{":member": memberText(a.Member.ID), ":accepted": onboarding.InvitationAccepted, ":at": timeText(a.At), ":one": 1,
			":seen":      a.Contact.Version,
			":partition": statusPartition(a.Organization, invitations, string(onboarding.InvitationAccepted)),
			":pending":   onboarding.InvitationPending, ":round": a.Contact.Invitation.Round, ":nonce": a.Contact.Nonce},
	}
	if a.Member.Proven() {
		contact.set += ", #verified_at = :at"
	}
	outboxItem{}.into(&contact)
	return t.updateStep(contact, onboarding.ErrConflict)
}

// Decline ends a pending invitation of this round.
func (t *Table) Decline(ctx context.Context, org onboarding.OrganizationID, c onboarding.Contact, at time.Time) error {
	write := change{
		key: contactKey(org, c.ID),
		set: "SET #invitation.#status = :declined, #invitation.#updated_at = :at, #by_status_pk = :partition, #by_status_sk = :at, " +
			"#version = #version + :one",
		condition: "#invitation.#status = :pending AND #nonce = :nonce AND #invitation.#expires_at > :at",
		vals: map[string]any{":declined": onboarding.InvitationDeclined, ":at": timeText(at), ":one": 1,
			":partition": statusPartition(org, invitations, string(onboarding.InvitationDeclined)),
			":pending":   onboarding.InvitationPending, ":nonce": c.Nonce},
	}
	outboxItem{}.into(&write)
	_, err := t.update(ctx, write, onboarding.ErrConflict, types.ReturnValueNone)
	return err
}

// AskForLink owes the inviter a message, unless one was asked for since after. Whatever the expired offer still owed is dropped.
func (t *Table) AskForLink(ctx context.Context, org onboarding.OrganizationID, c onboarding.Contact, m onboarding.Message, after time.Time) error {
	k := contactKey(org, c.ID)
	write := change{
		key: k,
		set: "SET #invitation.#link_asked_at = :at",
		condition: "#invitation.#status = :pending AND #nonce = :nonce AND #invitation.#expires_at <= :at AND " +
			"(attribute_not_exists(#invitation.#link_asked_at) OR #invitation.#link_asked_at < :after)",
		vals: map[string]any{":at": timeText(m.At), ":after": timeText(after), ":pending": onboarding.InvitationPending, ":nonce": c.Nonce},
	}
	newOutboxItem(k, []onboarding.Message{m}).into(&write)
	_, err := t.update(ctx, write, onboarding.ErrConflict, types.ReturnValueNone)
	return err
}
