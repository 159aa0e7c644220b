// Command deliver sends what the outbox owes, as the table's stream brings it.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"latchkey/internal/config"
	"latchkey/internal/config/masterkey"
	"latchkey/internal/notify"
	"latchkey/internal/numbers"
	"latchkey/internal/onboarding"
	"latchkey/internal/table"
	"latchkey/internal/telemetry"
)

func main() {
	c, err := config.Load(config.BaseURL, config.MasterKey, config.Sender, config.Texting, config.SMSSender)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := masterkey.Load(context.Background(), c)
	if err != nil {
		log.Fatal(err)
	}
	d := delivery{telemetry.NewLogger(os.Stdout, "deliver"), telemetry.NewMetrics(os.Stdout, "deliver", c.Stage)}
	world := onboarding.World{Now: time.Now, Rand: rand.Reader}
	store := table.New(dynamodb.NewFromConfig(c.AWS(config.DynamoDB), c.DynamoDBOptions), c.Table)
	useCase := onboarding.Delivering{
		World:   world,
		Store:   store,
		Keys:    keys,
		Sender:  mailer(c),
		Texts:   onboarding.Texts{World: world, Store: store, Texting: c.Texting, Numbers: numbers.Plan{}},
		BaseURL: c.BaseURL,
		Report:  d.report,
	}
	lambda.Start(func(ctx context.Context, event json.RawMessage) (events.DynamoDBEventResponse, error) {
		defer d.metrics.Flush()
		owed, err := table.ParseStream(event)
		if err != nil {
			return events.DynamoDBEventResponse{}, err
		}
		return failures(useCase.Deliver(ctx, owed)), nil
	})
}

func mailer(c config.Config) notify.Mailer {
	client := sesv2.NewFromConfig(c.AWS(config.SES), notify.RetryOnlyThrottles)
	m := notify.Mailer{Email: &notify.Email{Client: client, From: c.Sender, ConfigurationSet: c.ConfigurationSet}}
	if c.Texting.On {
		m.SMS = &notify.SMS{Client: sns.NewFromConfig(c.AWS(config.SNS), notify.RetryOnlyThrottledTexts), SenderID: c.SMSSenderID}
	}
	return m
}

// failures tells Lambda which records to bring again: those whose outcome could not be written down.
func failures(failed []onboarding.Owed) (r events.DynamoDBEventResponse) {
	for _, o := range failed {
		r.BatchItemFailures = append(r.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: o.Record})
	}
	return r
}

// delivery tells the log and the metrics what became of each message.
type delivery struct {
	log     *slog.Logger
	metrics *telemetry.Metrics
}

func (d delivery) report(o onboarding.Owed, out onboarding.Outcome, err error) {
	switch out.Status {
	case onboarding.DeliverySent:
		d.metrics.Count(telemetry.Sent, 1)
	case onboarding.DeliveryFailed:
		d.metrics.Count(telemetry.Failed, 1)
	}
	attrs := []any{"message_id", o.Message, "status", string(out.Status)}
	if err != nil {
		d.log.Warn("message", append(attrs, "error", err)...)
		return
	}
	d.log.Info("message", attrs...)
}
