// Command cleanup brings messages that are stuck, or due to be tried again, back to deliver. It runs every minute.
package main

import (
	"context"
	"crypto/rand"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/config"
	"latchkey/internal/onboarding"
	"latchkey/internal/table"
	"latchkey/internal/telemetry"
)

// perShard bounds one run. What is left is driven by the next.
const perShard = 500

func main() {
	c, err := config.Load()
	if err != nil {
		log.Fatal(err)
	}
	logger := telemetry.NewLogger(os.Stdout, "cleanup")
	useCase := onboarding.Redriving{
		World: onboarding.World{Now: time.Now, Rand: rand.Reader},
		Store: table.New(dynamodb.NewFromConfig(c.AWS(config.DynamoDB), c.DynamoDBOptions), c.Table),
	}
	lambda.Start(func(ctx context.Context) error {
		woken, err := useCase.Redrive(ctx, perShard)
		if err != nil {
			logger.Error("redrive", "count", woken, "error", err)
		} else if woken > 0 {
			logger.Info("redrive", "count", woken)
		}
		return err
	})
}
