// Command create-invite invites people by their address, one or a thousand.
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
	"latchkey/internal/numbers"
	"latchkey/internal/onboarding"
	"latchkey/internal/table"
	"latchkey/internal/telemetry"
)

func main() {
	c, err := config.Load(config.BaseURL, config.MasterKey, config.Texting)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := masterkey.Load(context.Background(), c)
	if err != nil {
		log.Fatal(err)
	}
	world := onboarding.World{Now: time.Now, Rand: rand.Reader}
	store := table.New(dynamodb.NewFromConfig(c.AWS(config.DynamoDB), c.DynamoDBOptions), c.Table)
	texts := onboarding.Texts{World: world, Store: store, Texting: c.Texting, Numbers: numbers.Plan{}}
	edge := api.Edge{
		Log:       telemetry.NewLogger(os.Stdout, "create-invite"),
		Metrics:   telemetry.NewMetrics(os.Stdout, "create-invite", c.Stage),
		BaseURL:   c.BaseURL,
		Now:       time.Now,
		RequestID: lambdahttp.RequestID,
	}
	lambdahttp.Start(api.CreateInvite(edge, world, store, keys, texts))
}
