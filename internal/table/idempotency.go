package table

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// idempotencyKept is how long a key is remembered, and idempotencyLease how long a request that died blocks its repetition.
const (
	idempotencyKept  = 24 * time.Hour
	idempotencyLease = 45 * time.Second
)

// Replay is the stored answer to a request.
type Replay struct {
	Status int
	Body   []byte // compressed by whoever stored it
}

type idempotencyItem struct {
	RequestHash string `dynamodbav:"request_hash"`
	Attempt     string `dynamodbav:"attempt"`
	LeaseUntil  string `dynamodbav:"lease_until"`
	Status      int    `dynamodbav:"status"`
	Body        []byte `dynamodbav:"body"`
}

// BeginRequest takes an idempotency key for a request. It answers the stored answer if the same request has ended, nil if
// this one may go on, and refuses a key that another request used or that is in use now. attempt is this request's own id.
func (t *Table) BeginRequest(ctx context.Context, org onboarding.OrganizationID, caller onboarding.MemberID, name, requestHash, attempt string,
	now time.Time) (*Replay, error) {
	there, err := t.update(ctx, change{
		key: idempotencyKey(org, caller, name),
		set: "SET #request_hash = :hash, #attempt = :attempt, #lease_until = :until, #expires_at_ttl = :ttl REMOVE #status, #body",
		condition: "attribute_not_exists(#request_hash) OR #expires_at_ttl <= :now_ttl OR " +
			"(#request_hash = :hash AND attribute_not_exists(#body) AND #lease_until < :now)",
		vals: map[string]any{":hash": requestHash, ":attempt": attempt, ":until": timeText(now.Add(idempotencyLease)), ":now": timeText(now),
			":now_ttl": now.Unix(), ":ttl": now.Add(idempotencyKept).Unix()},
	}, onboarding.ErrConflict, types.ReturnValueNone)
	if !errors.Is(err, onboarding.ErrConflict) {
		return nil, err
	}
	var i idempotencyItem
	if err := decode(there, &i); err != nil {
		return nil, err
	}
	switch {
	case i.Attempt == attempt:
		return nil, nil
	case i.RequestHash != requestHash:
		return nil, onboarding.Refuse(onboarding.KeyReused, "This Idempotency-Key was used for another request.")
	case i.Body == nil:
		return nil, &onboarding.Error{Code: onboarding.InProgress, Message: "The same request is under way.", RetryAfter: time.Second}
	}
	return &Replay{i.Status, i.Body}, nil
}

// EndRequest stores the answer.
func (t *Table) EndRequest(ctx context.Context, org onboarding.OrganizationID, caller onboarding.MemberID, name, attempt string, r Replay) error {
	_, err := t.update(ctx, change{
		key:       idempotencyKey(org, caller, name),
		set:       "SET #status = :status, #body = :body",
		condition: "#attempt = :attempt",
		vals:      map[string]any{":status": r.Status, ":body": r.Body, ":attempt": attempt},
	}, nil, types.ReturnValueNone)
	return err
}

// ReleaseRequest frees the key of a request that was refused and changed nothing.
func (t *Table) ReleaseRequest(ctx context.Context, org onboarding.OrganizationID, caller onboarding.MemberID, name, attempt string) error {
	_, err := t.update(ctx, change{
		key:       idempotencyKey(org, caller, name),
		set:       "REMOVE #request_hash, #attempt",
		condition: "#attempt = :attempt AND attribute_not_exists(#body)",
		vals:      map[string]any{":attempt": attempt},
	}, nil, types.ReturnValueNone)
	return err
}
