package table

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"latchkey/internal/onboarding"
)

const (
	insertsPerBatch = 25 // what BatchExecuteStatement takes
	getsPerBatch    = 100
	batchWorkers    = 8
	usageKept       = 40 * 24 * time.Hour
)

// ReserveSends counts sends of the day in one conditional update: in all, and by inviter. Where less than want is left it
// takes what is left. A repeated update whose answer was lost counts twice, which errs on the side of sending less.
func (t *Table) ReserveSends(ctx context.Context, org onboarding.OrganizationID, day time.Time, inviter onboarding.MemberID, want, limit int) (int, error) {
	return takeUpTo(want, limit, func(n int) (int, error) {
		old, err := t.update(ctx, change{
			key:       usageKey(org, day),
			set:       "ADD #email :n, #inviter :n SET #expires_at_ttl = :ttl",
			condition: "attribute_not_exists(#email) OR #email <= :room",
			vals:      map[string]any{":n": n, ":room": limit - n, ":ttl": day.Add(usageKept).Unix()},
			names:     map[string]string{"#inviter": "by_" + inviter.Key()},
		}, onboarding.ErrLimit, types.ReturnValueNone)
		return number(old["email"]), err
	})
}

// takeUpTo takes as many of a counter as there is room for, and answers how many. take answers ErrLimit where that was too many,
// and what is used already.
func takeUpTo(want, limit int, take func(n int) (used int, err error)) (int, error) {
	for n := min(want, limit); n > 0; {
		used, err := take(n)
		switch {
		case err == nil:
			return n, nil
		case !errors.Is(err, onboarding.ErrLimit):
			return 0, err
		}
		n = min(n-1, limit-used)
	}
	return 0, nil
}

// ReturnSends gives back what was not used. It is tried once: a repeated update whose answer was lost would give it back twice.
func (t *Table) ReturnSends(ctx context.Context, org onboarding.OrganizationID, day time.Time, inviter onboarding.MemberID, unused int) error {
	_, err := t.update(ctx, change{
		key:   usageKey(org, day),
		set:   "ADD #email :n, #inviter :n",
		vals:  map[string]any{":n": -unused},
		names: map[string]string{"#inviter": "by_" + inviter.Key()},
	}, nil, types.ReturnValueNone, onlyOnce)
	return err
}

// CreateContacts writes each contact that does not exist: one by a conditional put, more by batches of inserts, each of
// which is refused on its own. For each it answers nil, or what stands there.
func (t *Table) CreateContacts(ctx context.Context, org onboarding.OrganizationID, contacts []onboarding.Contact) ([]*onboarding.Contact, error) {
	if len(contacts) == 1 {
		there, err := t.createContact(ctx, org, contacts[0])
		return []*onboarding.Contact{there}, err
	}
	refused := make([]bool, len(contacts))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(batchWorkers)
	for start := 0; start < len(contacts); start += insertsPerBatch {
		end := min(start+insertsPerBatch, len(contacts))
		group.Go(func() error { return t.insertContacts(groupCtx, org, contacts[start:end], refused[start:end]) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return t.readRefused(ctx, org, contacts, refused)
}

func (t *Table) createContact(ctx context.Context, org onboarding.OrganizationID, c onboarding.Contact) (*onboarding.Contact, error) {
	item, err := encode(newContactItem(org, c))
	if err != nil {
		return nil, err
	}
	_, err = patiently(ctx, func() (*dynamodb.PutItemOutput, error) {
		return t.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.name, Item: item,
			ConditionExpression:                 aws.String("attribute_not_exists(PK)"),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
	})
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		there, err := readContact(failed.Item)
		return &there, err
	}
	if err != nil {
		return nil, fault("put contact", err)
	}
	return nil, nil
}

// insertContacts inserts up to 25, and says which are refused because there is one. What DynamoDB could not do just now is
// tried again; what it did although its answer was lost is refused then, and recognised by its request id higher up.
func (t *Table) insertContacts(ctx context.Context, org onboarding.OrganizationID, contacts []onboarding.Contact, refused []bool) error {
	waiting := make([]int, len(contacts))
	statements := make([]types.BatchStatementRequest, len(contacts))
	for i, c := range contacts {
		waiting[i] = i
		item, err := encode(newContactItem(org, c))
		if err != nil {
			return err
		}
		statements[i] = t.insert(item)
	}
	for try := 0; len(waiting) > 0; try++ {
		if try > 0 {
			if err := pause(ctx, try); err != nil {
				return err
			}
		}
		batch := make([]types.BatchStatementRequest, len(waiting))
		for n, i := range waiting {
			batch[n] = statements[i]
		}
		got, err := t.db.BatchExecuteStatement(ctx, &dynamodb.BatchExecuteStatementInput{Statements: batch})
		if err != nil {
			return fault("batch insert", err)
		}
		var again []int
		for n, i := range waiting {
			fault := got.Responses[n].Error
			if fault == nil {
				continue
			}
			switch fault.Code {
			case types.BatchStatementErrorCodeEnumDuplicateItem, types.BatchStatementErrorCodeEnumConditionalCheckFailed:
				refused[i] = true
			case types.BatchStatementErrorCodeEnumThrottlingError, types.BatchStatementErrorCodeEnumProvisionedThroughputExceeded,
				types.BatchStatementErrorCodeEnumRequestLimitExceeded, types.BatchStatementErrorCodeEnumInternalServerError,
				types.BatchStatementErrorCodeEnumTransactionConflict:
				again = append(again, i)
			default:
				return fmt.Errorf("batch insert: %s", fault.Code)
			}
		}
		waiting = again
	}
	return nil
}

// insert is the PartiQL statement that writes an item which must not exist.
func (t *Table) insert(item attributes) types.BatchStatementRequest {
	names := make([]string, 0, len(item))
	for name := range item {
		names = append(names, name)
	}
	slices.Sort(names)
	var statement strings.Builder
	statement.WriteString(`INSERT INTO "` + t.name + `" VALUE {`)
	parameters := make([]types.AttributeValue, len(names))
	for i, name := range names {
		if i > 0 {
			statement.WriteString(",")
		}
		statement.WriteString("'" + name + "':?")
		parameters[i] = item[name]
	}
	statement.WriteString("}")
	return types.BatchStatementRequest{Statement: aws.String(statement.String()), Parameters: parameters}
}

// readRefused reads the contacts that stood in the way. One that has gone meanwhile cannot be: contacts are not removed.
func (t *Table) readRefused(ctx context.Context, org onboarding.OrganizationID, contacts []onboarding.Contact, refused []bool) ([]*onboarding.Contact, error) {
	var ids []onboarding.ContactID
	for i, c := range contacts {
		if refused[i] {
			ids = append(ids, c.ID)
		}
	}
	found, err := t.ReadContacts(ctx, org, ids)
	if err != nil {
		return nil, err
	}
	there := make([]*onboarding.Contact, len(contacts))
	for i, c := range contacts {
		if refused[i] {
			one := found[c.ID]
			there[i] = &one
		}
	}
	return there, nil
}

// ReadContacts answers those of the contacts that exist.
func (t *Table) ReadContacts(ctx context.Context, org onboarding.OrganizationID, ids []onboarding.ContactID) (
	map[onboarding.ContactID]onboarding.Contact, error) {
	contacts := make(map[onboarding.ContactID]onboarding.Contact, len(ids))
	for chunk := range slices.Chunk(ids, getsPerBatch) {
		keys := make([]key, len(chunk))
		for i, id := range chunk {
			keys[i] = contactKey(org, id)
		}
		found, err := t.batchGet(ctx, keys...)
		if err != nil {
			return nil, err
		}
		for _, item := range found {
			c, err := readContact(item)
			if err != nil {
				return nil, err
			}
			contacts[c.ID] = c
		}
	}
	return contacts, nil
}

// ReplaceOffer writes the invitation, its nonce and what it owes, on condition that the contact is still at version.
func (t *Table) ReplaceOffer(ctx context.Context, org onboarding.OrganizationID, c onboarding.Contact, version int64) error {
	i := newContactItem(org, c)
	write := offerChange(i, version)
	i.outboxItem.into(&write)
	_, err := t.update(ctx, write, onboarding.ErrConflict, types.ReturnValueNone)
	return err
}

// EditOffer is ReplaceOffer, but what the invitation owes stays as it is.
func (t *Table) EditOffer(ctx context.Context, org onboarding.OrganizationID, c onboarding.Contact, version int64) error {
	_, err := t.update(ctx, offerChange(newContactItem(org, c), version), onboarding.ErrConflict, types.ReturnValueNone)
	return err
}

// offerChange writes all of an invitation but what it owes.
func offerChange(i contactItem, version int64) change {
	return change{
		key: key{i.PK, i.SK},
		set: "SET #invitation = :invitation, #nonce = :nonce, #request_id = :request, #request_verdict = :verdict, #version = :version, " +
			"#by_status_pk = :partition, #by_status_sk = :sort",
		condition: "#version = :seen",
		vals: map[string]any{":invitation": i.Invitation, ":nonce": i.Nonce, ":request": i.RequestID, ":verdict": i.RequestVerdict, ":version": i.Version,
			":partition": i.ByStatusPK, ":sort": i.ByStatusSK, ":seen": version},
	}
}

// into makes a change write the outbox: this one, or none.
func (o outboxItem) into(c *change) {
	if len(o.Outbox) == 0 {
		c.set += " REMOVE #outbox, #outbox_wake, #by_outbox_pk, #by_outbox_sk"
		return
	}
	c.set += ", #outbox = :outbox, #outbox_wake = :wake, #by_outbox_pk = :shard, #by_outbox_sk = :due"
	c.vals[":outbox"], c.vals[":wake"], c.vals[":shard"], c.vals[":due"] = o.Outbox, o.OutboxWake, o.ByOutboxPK, o.ByOutboxSK
}

// ReadMemberStatus answers the status of each member that exists.
func (t *Table) ReadMemberStatus(ctx context.Context, org onboarding.OrganizationID, ids []onboarding.MemberID) (
	map[onboarding.MemberID]onboarding.MemberStatus, error) {
	status := map[onboarding.MemberID]onboarding.MemberStatus{}
	for chunk := range slices.Chunk(ids, getsPerBatch) {
		keys := make([]key, len(chunk))
		for i, id := range chunk {
			keys[i] = memberKey(org, id)
		}
		slices.SortFunc(keys, func(a, b key) int { return strings.Compare(a.SK, b.SK) })
		found, err := t.batchGet(ctx, slices.Compact(keys)...)
		if err != nil {
			return nil, err
		}
		for _, item := range found {
			m, _, err := readMember(item)
			if err != nil {
				return nil, err
			}
			status[m.ID] = m.Status
		}
	}
	return status, nil
}
