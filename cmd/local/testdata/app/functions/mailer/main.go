// Mailer mails whom a changed item names, except that poison makes it fail, and hang makes it hang.
package main

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	ses := sesv2.NewFromConfig(cfg)
	lambda.Start(func(ctx context.Context, e events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
		for _, r := range e.Records {
			to, from := r.Change.NewImage["to"].String(), "join@latchkey.example"
			if to == "hang" {
				select {}
			}
			if to == "poison" {
				return events.DynamoDBEventResponse{}, errors.New("poison")
			}
			if strings.HasPrefix(to, "spoof-") {
				from = "somebody@else.example"
			}
			_, err := ses.SendEmail(ctx, &sesv2.SendEmailInput{
				FromEmailAddress: aws.String("Latchkey <" + from + ">"),
				Destination:      &types.Destination{ToAddresses: []string{to}},
				Content: &types.EmailContent{Simple: &types.Message{
					Subject: &types.Content{Data: aws.String("Hello " + r.Change.Keys["PK"].String())},
					Body: &types.Body{
						Text: &types.Content{Data: aws.String("text")}, Html: &types.Content{Data: aws.String("<p>html</p>")},
					},
				}},
			})
			if err != nil {
				return events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{
					{ItemIdentifier: r.Change.SequenceNumber},
				}}, nil
			}
		}
		return events.DynamoDBEventResponse{}, nil
	})
}
