// Probe does what its event asks, and answers an HTTP event with the event itself.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

type order struct {
	Do      string `json:"do"`
	Value   string `json:"value"`
	Version string `json:"version"`
	Body    string `json:"body"`
}

func main() { lambda.Start(handle) }

func handle(ctx context.Context, event json.RawMessage) (any, error) {
	var o order
	if err := json.Unmarshal(event, &o); err != nil {
		return nil, err
	}
	if o.Version == "2.0" {
		// The body of a POST is the answer to give; without one, the event is.
		if o.Body != "" && json.Valid([]byte(o.Body)) {
			return json.RawMessage(o.Body), nil
		}
		return map[string]any{"statusCode": 200, "body": string(event)}, nil
	}
	switch o.Do {
	case "echo":
		fmt.Println("echo", o.Value)
		return o.Value, nil
	case "fail":
		return nil, fmt.Errorf("failed: %s", o.Value)
	case "panic":
		panic(o.Value)
	case "exit":
		os.Exit(3)
	case "hang":
		select {}
	case "wait":
		// Until somebody has written into the pipe and closed it: a test keeps an invocation busy as long as it wants.
		_, err := os.ReadFile(o.Value)
		return os.Getpid(), err
	case "environment":
		return os.Environ(), nil
	case "large":
		return string(make([]byte, 7<<20)), nil
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	db := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.DisableValidateResponseChecksum = true })
	table := aws.String(os.Getenv("LATCHKEY_TABLE"))
	key := map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: o.Value}}
	switch o.Do {
	case "put":
		_, err = db.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: key})
	case "get":
		_, err = db.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: key})
	case "text":
		_, err = sns.NewFromConfig(cfg).Publish(ctx, &sns.PublishInput{
			PhoneNumber: aws.String(o.Value), Message: aws.String("Hello"),
		})
	case "topic":
		_, err = sns.NewFromConfig(cfg).Publish(ctx, &sns.PublishInput{TopicArn: aws.String(o.Value), Message: aws.String("Hello")})
	default:
		err = fmt.Errorf("do what? %q", o.Do)
	}
	return "done", err
}
