package main

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// counter counts what a client asks of a table, and what DynamoDB would charge for it. DynamoDB Local's own figure is
// wrong for transactions; so the requests are read, and the items that they write before and after, on another client. For
// queries it is right, and is taken.
type counter struct {
	db     *dynamodb.Client
	schema *dynamodb.CreateTableInput

	mu sync.Mutex
	n  counts
}

type counts struct {
	calls         int
	writes, reads float64 // units
}

func (c *counter) add(n counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n.calls += n.calls
	c.n.writes += n.writes
	c.n.reads += n.reads
}

// intercept is a middleware of the SDK's first step, where a request and its answer have their types.
func (c *counter) intercept(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	out middleware.InitializeOutput, metadata middleware.Metadata, err error) {
	keys, times, err := c.written(in.Parameters)
	if err != nil {
		return out, metadata, err
	}
	before, err := c.look(ctx, keys)
	if err != nil {
		return out, metadata, err
	}
	if asked, ok := in.Parameters.(*dynamodb.QueryInput); ok {
		weighed := *asked
		weighed.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
		in.Parameters = &weighed
	}
	out, metadata, failed := next.HandleInitialize(ctx, in)
	after, err := c.look(ctx, keys)
	if err != nil {
		return out, metadata, err
	}
	n := counts{calls: 1}
	for i := range keys {
		n.writes += times * tableUnits(before[i], after[i])
		for _, index := range c.schema.GlobalSecondaryIndexes {
			n.writes += indexUnits(index, c.schema.KeySchema, before[i], after[i])
		}
	}
	if failed == nil {
		n.reads = read(in.Parameters, out.Result)
	}
	c.add(n)
	return out, metadata, failed
}

// written are the keys of the items that a request writes, or only checks in a transaction, and how many times over a
// write counts. A request that it does not know is an error: better no figure than a wrong one.
func (c *counter) written(input any) (keys []attributes, times float64, err error) {
	switch in := input.(type) {
	case *dynamodb.GetItemInput, *dynamodb.BatchGetItemInput, *dynamodb.QueryInput:
		return nil, 0, nil
	case *dynamodb.PutItemInput:
		return []attributes{c.keyOf(in.Item)}, 1, nil
	case *dynamodb.UpdateItemInput:
		return []attributes{in.Key}, 1, nil
	case *dynamodb.DeleteItemInput:
		return []attributes{in.Key}, 1, nil
	case *dynamodb.BatchExecuteStatementInput:
		for _, s := range in.Statements {
			names := inserted(aws.ToString(s.Statement))
			if len(names) != len(s.Parameters) {
				return nil, 0, fmt.Errorf("cannot count %s", aws.ToString(s.Statement))
			}
			item := attributes{}
			for i, name := range names {
				item[name] = s.Parameters[i]
			}
			keys = append(keys, c.keyOf(item))
		}
		return keys, 1, nil
	case *dynamodb.TransactWriteItemsInput:
		for _, w := range in.TransactItems {
			switch {
			case w.Put != nil:
				keys = append(keys, c.keyOf(w.Put.Item))
			case w.Update != nil:
				keys = append(keys, w.Update.Key)
			case w.Delete != nil:
				keys = append(keys, w.Delete.Key)
			case w.ConditionCheck != nil:
				keys = append(keys, w.ConditionCheck.Key)
			}
		}
		return keys, 2, nil
	}
	return nil, 0, fmt.Errorf("cannot count a %T", input)
}

func (c *counter) keyOf(item attributes) attributes {
	key := attributes{}
	for _, k := range c.schema.KeySchema {
		name := aws.ToString(k.AttributeName)
		key[name] = item[name]
	}
	return key
}

// look reads items as they are now. One that is not there is nil. No request writes more than one read takes.
func (c *counter) look(ctx context.Context, keys []attributes) ([]attributes, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	name := aws.ToString(c.schema.TableName)
	out, err := c.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		name: {Keys: keys, ConsistentRead: aws.Bool(true)},
	}})
	if err != nil {
		return nil, err
	}
	items := make([]attributes, len(keys))
	for i, key := range keys {
		for _, item := range out.Responses[name] {
			if reflect.DeepEqual(key, c.keyOf(item)) {
				items[i] = item
			}
		}
	}
	return items, nil
}

// read is what a request reads. What a get looks for in vain counts as the least that there is.
func read(input, output any) float64 {
	switch in := input.(type) {
	case *dynamodb.GetItemInput:
		return readUnits(in.ConsistentRead, output.(*dynamodb.GetItemOutput).Item)
	case *dynamodb.BatchGetItemInput:
		n := 0.0
		for table, asked := range in.RequestItems {
			found := output.(*dynamodb.BatchGetItemOutput).Responses[table]
			for _, item := range found {
				n += readUnits(asked.ConsistentRead, item)
			}
			for range len(asked.Keys) - len(found) {
				n += readUnits(asked.ConsistentRead, nil)
			}
		}
		return n
	case *dynamodb.QueryInput: // what a filter keeps back was read too, and does not stand in the answer
		return aws.ToFloat64(output.(*dynamodb.QueryOutput).ConsumedCapacity.CapacityUnits)
	}
	return 0
}

// readUnits is the cost of one read of an item.
func readUnits(consistent *bool, item map[string]types.AttributeValue) float64 {
	u := units(size(item), readUnit)
	if !aws.ToBool(consistent) {
		u /= 2
	}
	return u
}
