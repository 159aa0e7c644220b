// Command update-user edits, dismisses, rehires and converts members.
package main

import (
	"crypto/rand"
	"log"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/api"
	"latchkey/internal/config"
	"latchkey/internal/lambdahttp"
	"latchkey/internal/onboarding"
	"latchkey/internal/table"
	"latchkey/internal/telemetry"
)

func main() {
	c, err := config.Load(config.BaseURL)
	if err != nil {
		log.Fatal(err)
	}
	world := onboarding.World{Now: time.Now, Rand: rand.Reader}
	store := table.New(dynamodb.NewFromConfig(c.AWS(config.DynamoDB), c.DynamoDBOptions), c.Table)
	edge := api.Edge{
		Log:       telemetry.NewLogger(os.Stdout, "update-user"),
		Metrics:   telemetry.NewMetrics(os.Stdout, "update-user", c.Stage),
		BaseURL:   c.BaseURL,
		Now:       time.Now,
		RequestID: lambdahttp.RequestID,
	}
	lambdahttp.Start(api.UpdateUser(edge, world, store))
}
