package table

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// OweContactCode writes a change of address and owes its code, in the place of whatever the member was owed.
func (t *Table) OweContactCode(ctx context.Context, org onboarding.OrganizationID, m onboarding.MemberID, seen uint16, c onboarding.ContactChange,
	msg onboarding.Message) error {
	k := memberKey(org, m)
	write := change{
		key:       k,
		set:       "SET #contact_change = :change, #contact_round = :round",
		condition: "#member.#status = :active AND #contact_round = :seen",
		vals: map[string]any{":round": c.Round, ":active": onboarding.MemberActive, ":seen": seen,
			":change": contactChangeItem{Kind: string(c.Address.Kind), Value: c.Address.Value, Nonce: c.Nonce, Key: c.Key, Tries: c.Tries,
				SentAt: timeText(c.SentAt), EndsAt: timeText(c.EndsAt)}},
	}
	if seen == 0 {
		write.condition = "#member.#status = :active AND attribute_not_exists(#contact_round)"
		delete(write.vals, ":seen")
	}
	newOutboxItem(k, []onboarding.Message{msg}).into(&write)
	_, err := t.update(ctx, write, onboarding.ErrConflict, types.ReturnValueNone)
	return err
}

// CountContactTry counts a try before anybody looks at what was typed.
func (t *Table) CountContactTry(ctx context.Context, org onboarding.OrganizationID, m onboarding.MemberID, round uint16, limit int, now time.Time) error {
	_, err := t.update(ctx, change{
		key:       memberKey(org, m),
		set:       "SET #contact_change.#tries = #contact_change.#tries + :one",
		condition: "#contact_round = :round AND #contact_change.#tries < :limit AND #contact_change.#ends_at > :now",
		vals:      map[string]any{":one": 1, ":round": round, ":limit": limit, ":now": timeText(now)},
	}, onboarding.ErrLimit, types.ReturnValueNone)
	return err
}

// WriteContact gives a member their new address: member, both contacts and session change together, or not at all.
func (t *Table) WriteContact(ctx context.Context, w onboarding.ContactWrite) error {
	org, m := w.After.Organization, w.After
	session, err := t.putNew(newSessionItem(org, w.Session), onboarding.ErrConflict)
	if err != nil {
		return err
	}
	taken, err := t.takeStep(org, w.New, m.ID, w.Session.CreatedAt, true)
	if err != nil {
		return err
	}
	more := []step{taken, session}
	if w.Old != nil {
		released, err := t.releaseStep(org, *w.Old, m.ID)
		if err != nil {
			return err
		}
		more = append(more, released)
	}
	if w.Alert != nil {
		alert, err := t.alertStep(org, *w.Alert)
		if err != nil {
			return err
		}
		more = append(more, alert)
	}
	return t.writeMember(ctx, w.Before, m, 0, func(write *change) {
		write.set += ", #session_epoch = :epoch"
		write.condition += " AND #session_epoch = :before AND #contact_round = :round AND attribute_exists(#contact_change)"
		write.vals[":epoch"], write.vals[":before"], write.vals[":round"] = w.Session.Epoch, w.Session.Epoch-1, w.Change.Round
		write.remove("#contact_change", "#reset_nonce") // a link that is out was for the address of before
	}, more...)
}

// releaseStep takes an address from a member.
func (t *Table) releaseStep(org onboarding.OrganizationID, c onboarding.Contact, m onboarding.MemberID) (step, error) {
	write := change{
		key:       contactKey(org, c.ID),
		set:       "SET #version = #version + :one",
		condition: "#version = :seen AND #member_id = :member",
		vals:      map[string]any{":one": 1, ":seen": c.Version, ":member": memberText(m)},
	}
	write.remove("#member_id", "#verified_at")
	return t.updateStep(write, onboarding.ErrConflict)
}
