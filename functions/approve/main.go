// Command approve lets in, or turns away, whoever waits for an administrator: by a program or in a browser.
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
		Log:       telemetry.NewLogger(os.Stdout, "approve"),
		Metrics:   telemetry.NewMetrics(os.Stdout, "approve", c.Stage),
		BaseURL:   c.BaseURL,
		Now:       time.Now,
		RequestID: lambdahttp.RequestID,
	}
	lambdahttp.Start(api.Approve(edge, world, store))
}
