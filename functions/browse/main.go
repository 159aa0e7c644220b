// Command browse answers every read of what an organization's members may see. It cannot write.
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
		Log:       telemetry.NewLogger(os.Stdout, "browse"),
		Metrics:   telemetry.NewMetrics(os.Stdout, "browse", c.Stage),
		BaseURL:   c.BaseURL,
		Now:       time.Now,
		RequestID: lambdahttp.RequestID,
	}
	lambdahttp.Start(api.Browse(edge, world, store))
}
