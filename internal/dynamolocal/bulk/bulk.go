// Package bulk writes in batches what a program would write in as many transactions, for benchmarks and tests that need a
// crowd soon. What is written is what the program itself makes, and no copy of it here that could differ.
package bulk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/sync/errgroup"
)

const (
	batchSize     = 25 // what DynamoDB takes at once
	batchesAtOnce = 4
)

type attributes = map[string]types.AttributeValue

// Writer gathers the transactions of its client, and writes all of them at once: new items in batches, and for each item
// that transactions only add numbers to, the sums in one update. No condition of a new item is looked at: whoever makes the
// transactions knows that they hold.
type Writer struct {
	db   *dynamodb.Client
	edit func(attributes)

	mu   sync.Mutex
	puts map[string][]types.WriteRequest // by table
	sums map[string]*sum
}

// sum is the first of several updates that add to an item, and what all of them add, by the name of the value.
type sum struct {
	first types.Update
	of    map[string]int
}

// New makes a writer. edit changes each new item before it is written; it may be nil.
func New(db *dynamodb.Client, edit func(item map[string]types.AttributeValue)) *Writer {
	return &Writer{db: db, edit: edit, puts: map[string][]types.WriteRequest{}, sums: map[string]*sum{}}
}

// Client is a client whose transactions are gathered, and answered as if they were written. Its other calls go through.
func (w *Writer) Client() *dynamodb.Client {
	return dynamodb.New(w.db.Options(), func(o *dynamodb.Options) {
		o.APIOptions = append(slices.Clone(o.APIOptions), func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("bulk", w.intercept), middleware.Before)
		})
	})
}

func (w *Writer) intercept(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	out middleware.InitializeOutput, metadata middleware.Metadata, err error) {
	transaction, ok := in.Parameters.(*dynamodb.TransactWriteItemsInput)
	if !ok {
		return next.HandleInitialize(ctx, in)
	}
	out.Result = &dynamodb.TransactWriteItemsOutput{}
	return out, metadata, w.gather(transaction)
}

func (w *Writer) gather(in *dynamodb.TransactWriteItemsInput) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range in.TransactItems {
		switch {
		case one.Put != nil:
			item := maps.Clone(one.Put.Item)
			if w.edit != nil {
				w.edit(item)
			}
			name := aws.ToString(one.Put.TableName)
			w.puts[name] = append(w.puts[name], types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
		case one.Update != nil:
			if err := w.add(*one.Update); err != nil {
				return err
			}
		case one.ConditionCheck == nil:
			return errors.New("bulk: a transaction that deletes cannot be gathered")
		}
	}
	return nil
}

// add adds an update to those of its kind. Only such can be summed as do nothing but add numbers.
func (w *Writer) add(u types.Update) error {
	expression := aws.ToString(u.UpdateExpression)
	words := strings.FieldsFunc(expression, func(r rune) bool { return r == ' ' || r == ',' })
	id := expression + " " + aws.ToString(u.TableName)
	for _, name := range slices.Sorted(maps.Keys(u.Key)) {
		id += fmt.Sprintf(" %#v", u.Key[name])
	}
	s := w.sums[id]
	if s == nil {
		s = &sum{u, map[string]int{}}
		w.sums[id] = s
	}
	for i, word := range words {
		if i == 0 && word == "ADD" || i%2 == 1 && word[0] == '#' {
			continue
		}
		number, ok := u.ExpressionAttributeValues[word].(*types.AttributeValueMemberN)
		if !ok {
			return fmt.Errorf("bulk: %q does more than add numbers, and cannot be gathered", expression)
		}
		n, err := strconv.Atoi(number.Value)
		if err != nil {
			return fmt.Errorf("bulk: %q: %w", expression, err)
		}
		s.of[word] += n
	}
	return nil
}

// Write writes what was gathered. It is called when the transactions have ended.
func (w *Writer) Write(ctx context.Context) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(batchesAtOnce)
	for name, puts := range w.puts {
		for batch := range slices.Chunk(puts, batchSize) {
			group.Go(func() error { return w.putAll(groupCtx, name, batch) })
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, s := range w.sums {
		values := maps.Clone(s.first.ExpressionAttributeValues)
		for name, n := range s.of {
			values[name] = &types.AttributeValueMemberN{Value: strconv.Itoa(n)}
		}
		_, err := w.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: s.first.TableName, Key: s.first.Key,
			UpdateExpression: s.first.UpdateExpression, ConditionExpression: s.first.ConditionExpression,
			ExpressionAttributeNames: s.first.ExpressionAttributeNames, ExpressionAttributeValues: values})
		if err != nil {
			return err
		}
	}
	clear(w.puts)
	clear(w.sums)
	return nil
}

func (w *Writer) putAll(ctx context.Context, name string, batch []types.WriteRequest) error {
	for len(batch) > 0 {
		out, err := w.db.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{name: batch}})
		if err != nil {
			return err
		}
		batch = out.UnprocessedItems[name]
	}
	return nil
}
