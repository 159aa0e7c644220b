package table

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// CountAttempt adds one to a counter, or answers ErrLimit. The counter's key holds its end, so a new window is a new item.
func (t *Table) CountAttempt(ctx context.Context, org onboarding.OrganizationID, subject string, until time.Time, limit int) error {
	_, err := t.update(ctx, change{
		key:       attemptKey(org, subject, until),
		set:       "ADD #attempts :one SET #expires_at_ttl = :ttl",
		condition: "attribute_not_exists(#attempts) OR #attempts < :limit",
		vals:      map[string]any{":one": 1, ":limit": limit, ":ttl": until.Unix()},
	}, onboarding.ErrLimit, types.ReturnValueNone)
	return err
}

// ReturnAttempt takes one off a counter. It is tried once: a repeated update whose answer was lost would take off two.
func (t *Table) ReturnAttempt(ctx context.Context, org onboarding.OrganizationID, subject string, until time.Time) error {
	_, err := t.update(ctx, change{
		key:       attemptKey(org, subject, until),
		set:       "ADD #attempts :less",
		condition: "#attempts > :none",
		vals:      map[string]any{":less": -1, ":none": 0},
	}, nil, types.ReturnValueNone, onlyOnce)
	return err
}

// BeginSession writes a session. Its key is random, so a repeated write writes the same.
func (t *Table) BeginSession(ctx context.Context, org onboarding.OrganizationID, s onboarding.Session) error {
	item, err := encode(newSessionItem(org, s))
	if err != nil {
		return err
	}
	_, err = patiently(ctx, func() (*dynamodb.PutItemOutput, error) {
		return t.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.name, Item: item})
	})
	if err != nil {
		return fault("put session", err)
	}
	return nil
}

// temporary are the attributes of a one-time password that is out. Its round stays.
const temporary = "#temporary_nonce, #temporary_key, #temporary_expires_at, #temporary_used_at"

// BeginWithTemporary uses a one-time password up: session, member and address change together, or not at all.
func (t *Table) BeginWithTemporary(ctx context.Context, o onboarding.Organization, before, after onboarding.Member, once onboarding.Temporary,
	s onboarding.Session) error {
	session, err := t.putNew(newSessionItem(o.ID, s), onboarding.ErrConflict)
	if err != nil {
		return err
	}
	contact, err := t.verifiedStep(o, after, s.CreatedAt)
	if err != nil {
		return err
	}
	return t.writeMember(ctx, before, after, 0, func(write *change) {
		write.set += ", #temporary_used_at = :at"
		write.condition += " AND #temporary_nonce = :nonce AND #temporary_expires_at > :at AND attribute_not_exists(#temporary_used_at) AND " +
			"#session_epoch = :epoch"
		write.vals[":at"], write.vals[":nonce"], write.vals[":epoch"] = timeText(s.CreatedAt), once.Nonce, s.Epoch
	}, session, contact)
}

// verifiedStep notes that a member has just shown that the address they sign in with is theirs.
func (t *Table) verifiedStep(o onboarding.Organization, m onboarding.Member, at time.Time) (step, error) {
	return t.updateStep(change{
		key:       contactKey(o.ID, onboarding.NewContactID(o.Salt, m.Login())),
		set:       "SET #verified_at = :at",
		condition: "#member_id = :member",
		vals:      map[string]any{":at": timeText(at), ":member": memberText(m.ID)},
	}, onboarding.ErrConflict)
}

// EndSession removes a session.
func (t *Table) EndSession(ctx context.Context, org onboarding.OrganizationID, hash string) error {
	_, err := patiently(ctx, func() (*dynamodb.DeleteItemOutput, error) {
		return t.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.name, Key: sessionKey(org, hash).attributes()})
	})
	if err != nil {
		return fault("delete session", err)
	}
	return nil
}

// ChangePassword sets the hash and raises the epoch, which ends every session, and writes the session that goes on.
// An open reset is closed: its link was for the password of before.
func (t *Table) ChangePassword(ctx context.Context, org onboarding.OrganizationID, m onboarding.MemberID, hash onboarding.PasswordHash,
	s onboarding.Session) error {
	member, err := t.updateStep(change{
		key:       memberKey(org, m),
		set:       "SET #password_hash = :hash, #session_epoch = :epoch REMOVE #reset_nonce, " + temporary,
		condition: "#member.#status = :active AND #session_epoch = :before",
		vals: map[string]any{":hash": hash, ":epoch": s.Epoch, ":before": s.Epoch - 1,
			":active": onboarding.MemberActive},
	}, onboarding.ErrConflict)
	if err != nil {
		return err
	}
	session, err := t.putNew(newSessionItem(org, s), onboarding.ErrConflict)
	if err != nil {
		return err
	}
	return t.transact(ctx, member, session)
}

// OweReset opens a reset and owes its message. Only the newest message is owed: every one of them carries the same link.
func (t *Table) OweReset(ctx context.Context, org onboarding.OrganizationID, m onboarding.Member, seen, next onboarding.Reset, msg onboarding.Message) error {
	k := memberKey(org, m.ID)
	write := change{
		key:       k,
		set:       "SET #reset_nonce = :nonce, #reset_round = :round, #reset_expires_at = :expires",
		condition: "#member.#status = :status AND #reset_round = :seen",
		vals: map[string]any{":nonce": next.Nonce, ":round": next.Round, ":expires": timeText(next.ExpiresAt),
			":status": m.Status, ":seen": seen.Round},
	}
	newOutboxItem(k, []onboarding.Message{msg}).into(&write)
	_, err := t.update(ctx, write, onboarding.ErrConflict, types.ReturnValueNone)
	return err
}

// RedeemReset uses up the reset: hash, epoch, status and the verified address change together, or not at all.
func (t *Table) RedeemReset(ctx context.Context, o onboarding.Organization, before, after onboarding.Member, r onboarding.Reset,
	hash onboarding.PasswordHash, s onboarding.Session) error {
	at := timeText(s.CreatedAt)
	session, err := t.putNew(newSessionItem(o.ID, s), onboarding.ErrConflict)
	if err != nil {
		return err
	}
	contact, err := t.verifiedStep(o, after, s.CreatedAt)
	if err != nil {
		return err
	}
	return t.writeMember(ctx, before, after, 0, func(write *change) {
		write.set += ", #password_hash = :hash, #session_epoch = :epoch"
		write.condition += " AND #reset_nonce = :nonce AND #reset_expires_at > :at AND #session_epoch = :before"
		write.vals[":hash"], write.vals[":epoch"], write.vals[":before"] = hash, s.Epoch, s.Epoch-1
		write.vals[":nonce"], write.vals[":at"] = r.Nonce, at
		outboxItem{}.into(write)
		write.remove("#reset_nonce", temporary)
	}, session, contact)
}
