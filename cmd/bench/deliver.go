package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

// deliver is the function deliver, but that it hands its mail to nobody.
func (s *site) deliver(store *table.Table) lambda.Handler {
	useCase := onboarding.Delivering{World: s.world, Store: store, Keys: s.keys, Sender: sender{}, BaseURL: baseURL,
		Report: func(onboarding.Owed, onboarding.Outcome, error) {}}
	return lambda.NewHandler(func(ctx context.Context, event json.RawMessage) (events.DynamoDBEventResponse, error) {
		owed, err := table.ParseStream(event)
		if err == nil && len(owed) == 0 {
			err = errors.New("nothing is owed")
		}
		if err == nil && len(useCase.Deliver(ctx, owed)) > 0 {
			err = errors.New("not delivered")
		}
		return events.DynamoDBEventResponse{}, err
	})
}

type sender struct{}

// Send is onboarding.Sender: every letter is taken.
func (sender) Send(context.Context, onboarding.Letter) error { return nil }

// owing invites n people, and makes of each what the stream would bring to deliver.
func owing(ctx context.Context, s *site, n int) ([][]byte, error) {
	puts, err := s.record(ctx, inviteJob, n)
	if err != nil {
		return nil, err
	}
	var records [][]byte
	for _, input := range puts {
		if item := itemOf(input); item != nil {
			records = append(records, streamEvent(item))
		}
	}
	if len(records) != n {
		return nil, fmt.Errorf("%d invitations wrote %d items", n, len(records))
	}
	return records, nil
}

// delivered wants no record back.
func delivered(answer []byte) error {
	var r events.DynamoDBEventResponse
	if err := json.Unmarshal(answer, &r); err != nil || len(r.BatchItemFailures) > 0 {
		return fmt.Errorf("deliver answered %s", answer)
	}
	return nil
}
