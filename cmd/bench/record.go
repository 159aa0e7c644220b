package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// The floor of a job is its own requests without the job: they are recorded once, and made again by a client alone.

type attributes = map[string]types.AttributeValue

// watched is a client for the site whose every call passes through f.
func (s *site) watched(id string, f func(context.Context, middleware.InitializeInput, middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error)) *dynamodb.Client {
	o := s.client().Options()
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc(id, f), middleware.Before)
	})
	return dynamodb.New(o)
}

// record does a job n times and answers the requests that it made of DynamoDB.
func (s *site) record(ctx context.Context, j job, n int) ([]any, error) {
	var mu sync.Mutex
	var inputs []any
	db := s.watched("record", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
		middleware.InitializeOutput, middleware.Metadata, error) {
		mu.Lock()
		inputs = append(inputs, in.Parameters)
		mu.Unlock()
		return next.HandleInitialize(ctx, in)
	})
	handler, err := s.handler(j.function, db)
	if err != nil {
		return nil, err
	}
	events, err := j.events(ctx, s, n)
	if err != nil {
		return nil, err
	}
	for _, event := range events {
		if err := j.invoke(ctx, handler, event); err != nil {
			return nil, err
		}
	}
	return inputs, nil
}

// ahead does a job n times but for its transactions, and answers the requests of each time. Making them does the job.
func (s *site) ahead(ctx context.Context, j job, n int) (requests [][]any, err error) {
	var mu sync.Mutex
	var inputs []any
	db := s.watched("ahead", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
		out middleware.InitializeOutput, metadata middleware.Metadata, err error) {
		mu.Lock()
		defer mu.Unlock()
		switch asked := in.Parameters.(type) {
		case *dynamodb.TransactWriteItemsInput:
			inputs = append(inputs, asked)
			out.Result = &dynamodb.TransactWriteItemsOutput{}
			return out, metadata, nil
		case *dynamodb.QueryInput: // whose next page is asked for by the same input
			page := *asked
			inputs = append(inputs, &page)
		default:
			inputs = append(inputs, asked)
		}
		return next.HandleInitialize(ctx, in)
	})
	handler, err := s.handler(j.function, db)
	if err != nil {
		return nil, err
	}
	events, err := j.events(ctx, s, n)
	for _, event := range events {
		if err := j.invoke(ctx, handler, event); err != nil {
			return nil, err
		}
		requests, inputs = append(requests, inputs), nil
	}
	return requests, err
}

// itemOf is the item that a request puts, or nil.
func itemOf(input any) attributes {
	if put, ok := input.(*dynamodb.PutItemInput); ok {
		return put.Item
	}
	return nil
}

// afresh is a recorded request for new items in the place of those that it made.
func afresh(input any) (any, error) {
	switch in := input.(type) {
	case *dynamodb.PutItemInput:
		next := *in
		next.Item = maps.Clone(in.Item)
		next.Item["SK"] = freshKey()
		return &next, nil
	case *dynamodb.BatchExecuteStatementInput:
		next := *in
		next.Statements = slices.Clone(in.Statements)
		for i, s := range next.Statements {
			place := slices.Index(inserted(aws.ToString(s.Statement)), "SK")
			if place < 0 {
				return nil, fmt.Errorf("a statement inserts no SK: %s", aws.ToString(s.Statement))
			}
			next.Statements[i].Parameters = slices.Clone(s.Parameters)
			next.Statements[i].Parameters[place] = freshKey()
		}
		return &next, nil
	}
	return input, nil
}

func freshKey() types.AttributeValue {
	return &types.AttributeValueMemberS{Value: "CONTACT#" + strings.ToLower(rand.Text())}
}

var parameter = regexp.MustCompile(`'([^']+)':\?`)

// inserted are the names of the attributes that a PartiQL INSERT gives its parameters to, in their order.
func inserted(statement string) []string {
	if !strings.HasPrefix(statement, "INSERT INTO ") {
		return nil
	}
	var names []string
	for _, m := range parameter.FindAllStringSubmatch(statement, -1) {
		names = append(names, m[1])
	}
	return names
}

// repeatRequest makes a recorded request once more.
func repeatRequest(ctx context.Context, db *dynamodb.Client, input any) (err error) {
	switch in := input.(type) {
	case *dynamodb.GetItemInput:
		_, err = db.GetItem(ctx, in)
	case *dynamodb.BatchGetItemInput:
		_, err = db.BatchGetItem(ctx, in)
	case *dynamodb.QueryInput:
		_, err = db.Query(ctx, in)
	case *dynamodb.TransactWriteItemsInput:
		_, err = db.TransactWriteItems(ctx, in)
	case *dynamodb.UpdateItemInput:
		_, err = db.UpdateItem(ctx, in)
	case *dynamodb.PutItemInput:
		_, err = db.PutItem(ctx, in)
	case *dynamodb.BatchExecuteStatementInput:
		var out *dynamodb.BatchExecuteStatementOutput
		if out, err = db.BatchExecuteStatement(ctx, in); err != nil {
			return err
		}
		for _, r := range out.Responses {
			if r.Error != nil {
				return fmt.Errorf("an insert was refused: %s", r.Error.Code)
			}
		}
	default:
		err = fmt.Errorf("a %T cannot be made again", input)
	}
	return err
}
