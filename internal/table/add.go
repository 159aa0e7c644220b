package table

import (
	"context"

	"latchkey/internal/onboarding"
)

// ReadIssued reads a member, their credentials, and the id of the request that changed them last.
func (t *Table) ReadIssued(ctx context.Context, org onboarding.OrganizationID, id onboarding.MemberID) (
	onboarding.Member, onboarding.Credentials, string, error) {
	var i memberItem
	if err := t.get(ctx, memberKey(org, id), &i); err != nil {
		return onboarding.Member{}, onboarding.Credentials{}, "", err
	}
	m, c, err := i.both()
	return m, c, i.RequestID, err
}

// AddMember writes a new member and gives them their address.
func (t *Table) AddMember(ctx context.Context, a onboarding.Addition) error {
	m := a.Member
	beside, err := t.memberSteps(a.Seats, pair{after: m})
	if err != nil {
		return err
	}
	item := newMemberItem(m, a.Credentials, []onboarding.Message{a.Message})
	item.RequestID = a.RequestID
	steps := []func() (step, error){
		func() (step, error) { return t.actorStep(m.Organization, a.Actor, 0) },
		func() (step, error) { return t.takeStep(m.Organization, a.Contact, m.ID, m.CreatedAt, false) },
		func() (step, error) { return t.putNew(item, onboarding.ErrConflict) },
	}
	for _, one := range beside {
		steps = append(steps, func() (step, error) { return one, nil })
	}
	return t.transactAll(ctx, steps...)
}

// IssueCredentials writes a member's credentials and owes the message about them.
func (t *Table) IssueCredentials(ctx context.Context, i onboarding.Issue) error {
	next := newMemberItem(i.After, i.Next, []onboarding.Message{i.Message})
	return t.writeMember(ctx, i.Before, i.After, 0, func(write *change) {
		write.set += ", #session_epoch = :epoch, #reset_round = :reset_round, #credentials_sent_at = :sent, #request_id = :request"
		write.condition += " AND #session_epoch = :before AND #reset_round = :before_round"
		write.vals[":epoch"], write.vals[":before"] = i.Next.Epoch, i.Seen.Epoch
		write.vals[":reset_round"], write.vals[":before_round"] = i.Next.Reset.Round, i.Seen.Reset.Round
		write.vals[":sent"], write.vals[":request"] = next.SentAt, i.RequestID
		var gone []string
		if next.PasswordHash != "" {
			write.set += ", #password_hash = :hash"
			write.vals[":hash"] = next.PasswordHash
		} else {
			gone = append(gone, "#password_hash")
		}
		if i.Next.Temporary.Out() {
			write.set += ", #temporary_nonce = :once, #temporary_round = :once_round, #temporary_key = :once_key, #temporary_expires_at = :once_until"
			write.vals[":once"], write.vals[":once_round"] = next.TemporaryNonce, next.TemporaryRound
			write.vals[":once_key"], write.vals[":once_until"] = next.TemporaryKey, next.TemporaryExpiresAt
			gone = append(gone, "#temporary_used_at")
		} else {
			gone = append(gone, temporary)
		}
		if len(next.ResetNonce) > 0 {
			write.set += ", #reset_nonce = :reset, #reset_expires_at = :reset_until"
			write.vals[":reset"], write.vals[":reset_until"] = next.ResetNonce, next.ResetExpiresAt
		} else {
			gone = append(gone, "#reset_nonce")
		}
		next.outboxItem.into(write)
		write.remove(gone...)
	})
}
