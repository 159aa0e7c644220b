// Command sign-in begins and ends sessions, and lets people set their password.
package main

import (
	"context"
	"crypto/rand"
	"log"
	"os"
	"runtime/debug"
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
	debug.SetMemoryLimit(40 << 20) // a password's hash takes 19 MiB: the garbage of one is taken back before the next
	world := onboarding.World{Now: time.Now, Rand: rand.Reader}
	store := table.New(dynamodb.NewFromConfig(c.AWS(config.DynamoDB), c.DynamoDBOptions), c.Table)
	texts := onboarding.Texts{World: world, Store: store, Texting: c.Texting, Numbers: numbers.Plan{}}
	edge := api.Edge{
		Log:       telemetry.NewLogger(os.Stdout, "sign-in"),
		Metrics:   telemetry.NewMetrics(os.Stdout, "sign-in", c.Stage),
		BaseURL:   c.BaseURL,
		Now:       time.Now,
		RequestID: lambdahttp.RequestID,
	}
	lambdahttp.Start(api.SignIn(edge, world, store, keys, texts))
}
