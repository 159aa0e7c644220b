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

type idempotencyItem struct {
	RequestHash string `dynamodbav:"request_hash"`
	RequestID   string `dynamodbav:"request_id"`
	Attempt     string `dynamodbav:"attempt"`
	LeaseUntil  string `dynamodbav:"lease_until"`
	Status      int    `dynamodbav:"status"`
	Body        []byte `dynamodbav:"body"`
}

// BeginRequest takes an idempotency key for a request. If the same request has ended it answers what was stored; if it
// died, the id under which it wrote, so that its repetition recognises its own writes; else attempt, which is this try's id.
// It refuses a key that another request used, or that is in use now.
func (t *Table) BeginRequest(ctx context.Context, org onboarding.OrganizationID, caller onboarding.MemberID, name, requestHash, attempt string,
	now time.Time) (requestID string, status int, answer []byte, err error) {
	begin := change{
		key: idempotencyKey(org, caller, name),
		set: "SET #request_hash = :hash, #request_id = :attempt, #attempt = :attempt, #lease_until = :until, #expires_at_ttl = :ttl " +
			"REMOVE #status, #body",
		condition: "attribute_not_exists(#request_hash) OR #expires_at_ttl <= :now",
		vals: map[string]any{":hash": requestHash, ":attempt": attempt, ":until": timeText(now.Add(idempotencyLease)),
			":now": now.Unix(), ":ttl": now.Add(idempotencyKept).Unix()},
	}
	there, err := t.update(ctx, begin, onboarding.ErrConflict, types.ReturnValueNone)
	if !errors.Is(err, onboarding.ErrConflict) {
		return attempt, 0, nil, err
	}
	var i idempotencyItem
	if err := decode(there, &i); err != nil {
		return "", 0, nil, err
	}
	switch {
	case i.Attempt == attempt: // the answer to this very write was lost
		return i.RequestID, 0, nil, nil
	case i.RequestHash != requestHash:
		return "", 0, nil, onboarding.Refuse(onboarding.KeyReused, "This Idempotency-Key was used for another request.")
	case i.Body != nil:
		return i.RequestID, i.Status, i.Body, nil
	case i.LeaseUntil >= timeText(now):
		return "", 0, nil, errInProgress()
	}
	_, err = t.update(ctx, change{
		key:       begin.key,
		set:       "SET #attempt = :attempt, #lease_until = :until",
		condition: "#attempt IN (:before, :attempt) AND attribute_not_exists(#body)", // ours, if the answer was lost
		vals:      map[string]any{":attempt": attempt, ":until": timeText(now.Add(idempotencyLease)), ":before": i.Attempt},
	}, errInProgress(), types.ReturnValueNone)
	return i.RequestID, 0, nil, err
}

func errInProgress() error {
	return &onboarding.Error{Code: onboarding.InProgress, Message: "The same request is under way.", RetryAfter: time.Second}
}

// EndRequest stores the answer.
func (t *Table) EndRequest(ctx context.Context, org onboarding.OrganizationID, caller onboarding.MemberID, name, attempt string, status int, answer []byte) error {
	_, err := t.update(ctx, change{
		key:       idempotencyKey(org, caller, name),
		set:       "SET #status = :status, #body = :body",
		condition: "#attempt = :attempt",
		vals:      map[string]any{":status": status, ":body": answer, ":attempt": attempt},
	}, nil, types.ReturnValueNone)
	return err
}

// ReleaseRequest lets the key be used again after a try that failed: for the same request, or, where that was refused and
// changed nothing, for any.
func (t *Table) ReleaseRequest(ctx context.Context, org onboarding.OrganizationID, caller onboarding.MemberID, name, attempt string, refused bool) error {
	release := change{
		key:       idempotencyKey(org, caller, name),
		set:       "REMOVE #lease_until",
		condition: "#attempt = :attempt AND attribute_not_exists(#body)",
		vals:      map[string]any{":attempt": attempt},
	}
	if refused {
		release.set += ", #request_hash"
	}
	_, err := t.update(ctx, release, nil, types.ReturnValueNone)
	return err
}
