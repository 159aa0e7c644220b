// Command bare is the least that a function can be: a handler and a DynamoDB client, made as the SDK's guide says.
// The start of every function is measured against it.
package main

import (
	"context"
	"log"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func main() {
	c, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	db := dynamodb.NewFromConfig(c)
	lambda.Start(func(ctx context.Context) error {
		_, err := db.ListTables(ctx, &dynamodb.ListTablesInput{})
		return err
	})
}
