// Package table keeps Latchkey's state in one DynamoDB table. Nothing above it sees an AWS type, and no request path scans.
//
// A file a feature, with the name it has in package onboarding; items.go holds the items' shapes, keys.go their keys.
//
// House rules: every write states the condition under which it holds; reads that something is decided on are consistent;
// what the SDK repeats because an answer was lost is told from a real refusal by the request id in the item.
package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// Table is the store of every use case.
type Table struct {
	db   *dynamodb.Client
	name string
}

// New makes a store on a table that exists.
func New(db *dynamodb.Client, name string) *Table { return &Table{db, name} }

type attributes = map[string]types.AttributeValue

func (k key) attributes() attributes {
	return attributes{pk: &types.AttributeValueMemberS{Value: k.PK}, sk: &types.AttributeValueMemberS{Value: k.SK}}
}

// get reads one item consistently into out, or answers ErrNotFound.
func (t *Table) get(ctx context.Context, k key, out any) error {
	got, err := t.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.name, Key: k.attributes(), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return fault("get "+k.kind(), err)
	}
	if got.Item == nil {
		return onboarding.ErrNotFound
	}
	return decode(got.Item, out)
}

// batchGet reads up to 100 items in one consistent read. Items that do not exist are absent from the answer.
func (t *Table) batchGet(ctx context.Context, keys ...key) (map[key]attributes, error) {
	request := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
	for _, k := range keys {
		request.Keys = append(request.Keys, k.attributes())
	}
	found := make(map[key]attributes, len(keys))
	for try := 0; len(request.Keys) > 0; try++ {
		if try > 0 {
			if err := pause(ctx, try); err != nil {
				return nil, err
			}
		}
		got, err := t.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{t.name: request}})
		if err != nil {
			return nil, fault("batch get", err)
		}
		for _, item := range got.Responses[t.name] {
			found[keyOf(item)] = item
		}
		request.Keys = got.UnprocessedKeys[t.name].Keys
	}
	return found, nil
}

func keyOf(item attributes) key {
	p, _ := item[pk].(*types.AttributeValueMemberS)
	s, _ := item[sk].(*types.AttributeValueMemberS)
	if p == nil || s == nil {
		return key{}
	}
	return key{p.Value, s.Value}
}

// pause waits before try number try, with full jitter: 25 ms at the most for the first, 800 ms for later ones.
func pause(ctx context.Context, try int) error {
	wait := rand.N(25 * time.Millisecond << min(try, 5))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
		return nil
	}
}

func encode(item any) (attributes, error) {
	m, err := attributevalue.MarshalMap(item)
	if err != nil {
		return nil, fmt.Errorf("encode item: %w", err)
	}
	return m, nil
}

func decode(item attributes, out any) error {
	if err := attributevalue.UnmarshalMap(item, out); err != nil {
		return fmt.Errorf("decode %s: %w", keyOf(item).kind(), err)
	}
	return nil
}

// change is a write with its condition. Every #word in it stands for the attribute of that name; vals holds the values.
type change struct {
	key       key
	set       string // an update expression; empty for a check alone
	condition string
	vals      map[string]any
	names     map[string]string // for names that are not words: message ids, counters of a member
}

// remove adds attributes to those that the change takes away. Its SET clause is complete by then.
func (c *change) remove(names ...string) {
	clause := " REMOVE "
	if strings.Contains(c.set, clause) {
		clause = ", "
	}
	c.set += clause + strings.Join(names, ", ")
}

func (c change) expressionNames() map[string]string {
	names := map[string]string{}
	for _, expression := range []string{c.set, c.condition} {
		for i := 0; i < len(expression); i++ {
			if expression[i] != '#' {
				continue
			}
			end := i + 1
			for end < len(expression) && (expression[end] == '_' || expression[end] >= 'a' && expression[end] <= 'z' || expression[end] >= 'A' && expression[end] <= 'Z') {
				end++
			}
			names[expression[i:end]] = expression[i+1 : end]
			i = end - 1
		}
	}
	for name, attribute := range c.names {
		names[name] = attribute
	}
	return names
}

func (c change) expressionValues() (attributes, error) {
	if len(c.vals) == 0 {
		return nil, nil
	}
	return encode(c.vals)
}

// busyTries is how often a write is tried while transactions are in its way.
const busyTries = 8

// patiently tries a write again while another transaction holds one of its items: nothing was written then, and the SDK
// leaves it to us.
func patiently[T any](ctx context.Context, write func() (T, error)) (T, error) {
	for try := 1; ; try++ {
		got, err := write()
		if !inTheWay(err) || try == busyTries {
			return got, err
		}
		if err := pause(ctx, try); err != nil {
			return got, err
		}
	}
}

func inTheWay(err error) bool {
	var conflict *types.TransactionConflictException
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		return errors.As(err, &conflict)
	}
	busy := false
	for _, reason := range canceled.CancellationReasons {
		switch aws.ToString(reason.Code) {
		case "ConditionalCheckFailed":
			return false
		case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			busy = true
		}
	}
	return busy
}

// repeatable are the errors that the SDK repeats a call for: throttling, faults of the server, connections that break.
var repeatable = retry.IsErrorRetryables(retry.DefaultRetryables)

// fault is what an operation's error means to those above: what passes by itself is a refusal that says so.
func fault(operation string, err error) error {
	err = fmt.Errorf("%s: %w", operation, err)
	passing := inTheWay(err) || errors.Is(err, io.ErrUnexpectedEOF) || repeatable.IsErrorRetryable(err).Bool()
	if !passing {
		return err
	}
	return errors.Join(&onboarding.Error{Code: onboarding.Unavailable, Message: "There is too much going on at this moment. Try again.",
		RetryAfter: time.Second}, err)
}

// update makes the change. Where its condition does not hold it answers refused, beside the item as it stands, if there is one.
func (t *Table) update(ctx context.Context, c change, refused error, returned types.ReturnValue, options ...func(*dynamodb.Options)) (
	attributes, error) {
	values, err := c.expressionValues()
	if err != nil {
		return nil, err
	}
	got, err := patiently(ctx, func() (*dynamodb.UpdateItemOutput, error) {
		return t.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &t.name, Key: c.key.attributes(), UpdateExpression: &c.set, ConditionExpression: optional(c.condition),
			ExpressionAttributeNames: c.expressionNames(), ExpressionAttributeValues: values,
			ReturnValues: returned, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}, options...)
	})
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		return failed.Item, refused
	}
	if err != nil {
		return nil, fault("update "+c.key.kind(), err)
	}
	return got.Attributes, nil
}

// step is one item of a transaction, and the error that its refusal means.
type step struct {
	write   types.TransactWriteItem
	refused error
}

func (t *Table) putNew(item any, refused error) (step, error) {
	attributes, err := encode(item)
	return step{types.TransactWriteItem{Put: &types.Put{TableName: &t.name, Item: attributes,
		ConditionExpression: aws.String("attribute_not_exists(PK)")}}, refused}, err
}

func (t *Table) updateStep(c change, refused error) (step, error) {
	values, err := c.expressionValues()
	return step{types.TransactWriteItem{Update: &types.Update{TableName: &t.name, Key: c.key.attributes(), UpdateExpression: &c.set,
		ConditionExpression: optional(c.condition), ExpressionAttributeNames: c.expressionNames(), ExpressionAttributeValues: values}}, refused}, err
}

func (t *Table) checkStep(c change, refused error) (step, error) {
	values, err := c.expressionValues()
	return step{types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: &t.name, Key: c.key.attributes(),
		ConditionExpression: &c.condition, ExpressionAttributeNames: c.expressionNames(), ExpressionAttributeValues: values}}, refused}, err
}

// transactAll makes the steps and writes all of them or none. The order of the steps is that in which a refusal counts.
func (t *Table) transactAll(ctx context.Context, make ...func() (step, error)) error {
	var steps []step
	for _, one := range make {
		s, err := one()
		if err != nil {
			return err
		}
		steps = append(steps, s)
	}
	return t.transact(ctx, steps...)
}

// transact writes all steps or none. The SDK gives each transaction a token, so a repeated one is not refused by itself.
func (t *Table) transact(ctx context.Context, steps ...step) error {
	input := &dynamodb.TransactWriteItemsInput{}
	for _, s := range steps {
		input.TransactItems = append(input.TransactItems, s.write)
	}
	_, err := patiently(ctx, func() (*dynamodb.TransactWriteItemsOutput, error) { return t.db.TransactWriteItems(ctx, input) })
	if err == nil {
		return nil
	}
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) {
		for i, reason := range canceled.CancellationReasons {
			if aws.ToString(reason.Code) == "ConditionalCheckFailed" {
				return steps[i].refused
			}
		}
	}
	return fault("transaction", err)
}

// textOf is the text of an attribute, or nothing.
func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// kind is the part of the key that may stand in a log.
func (k key) kind() string {
	for i, c := range k.SK {
		if c == '#' {
			return k.SK[:i]
		}
	}
	return k.SK
}
