// Command configure changes an organization's settings and invite links, and tells what the policy would say.
package main

import (
	"context"
	"crypto/rand"
	"log"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/api"
	"latchkey/internal/config"
	"latchkey/internal/config/masterkey"
	"latchkey/internal/lambdahttp"
	"latchkey/internal/onboarding"
	"latchkey/internal/table"
	"latchkey/internal/telemetry"
)

func main() {
	c, err := config.Load(config.BaseURL, config.MasterKey)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := masterkey.Load(context.Background(), c)
	if err != nil {
		log.Fatal(err)
	}
	world := onboarding.World{Now: time.Now, Rand: rand.Reader}
	store := table.New(dynamodb.NewFromConfig(c.AWS(config.DynamoDB), c.DynamoDBOptions), c.Table)
	edge := api.Edge{
		Log:       telemetry.NewLogger(os.Stdout, "configure"),
		Metrics:   telemetry.NewMetrics(os.Stdout, "configure", c.Stage),
		BaseURL:   c.BaseURL,
		Now:       time.Now,
		RequestID: lambdahttp.RequestID,
	}
	lambdahttp.Start(api.Configure(edge, world, store, keys))
}
