package config

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestAClientMadeFromTheEnvironmentWorks(t *testing.T) {
	var asked *http.Request
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		io.WriteString(w, `{"Item":{"PK":{"S":"there"}}}`)
	}))
	defer srv.Close()
	lambda(t, map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": srv.URL, "AWS_ENDPOINT_URL_SNS": "http://127.0.0.1:9"})
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	client := dynamodb.NewFromConfig(c.AWS(DynamoDB), c.DynamoDBOptions)
	if !client.Options().DisableValidateResponseChecksum {
		t.Error("checksums of replies are validated at a moved endpoint")
	}
	out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String("latchkey"), Key: map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: "x"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := out.Item["PK"].(*types.AttributeValueMemberS); !ok || v.Value != "there" {
		t.Errorf("item %v", out.Item)
	}
	auth := asked.Header.Get("Authorization")
	if !strings.Contains(auth, "Credential=AKIDEXAMPLE/") || !strings.Contains(auth, "/eu-central-1/dynamodb/") {
		t.Errorf("signed as %q", auth)
	}
	if asked.Header.Get("X-Amz-Security-Token") != "session-of-aws" {
		t.Error("the session token was not sent")
	}
}

// How long a call is tried is bounded: nine times, with less than 2.3 s between them all.
func TestACallIsMadeAgainWhateverHappensToIt(t *testing.T) {
	for name, spoil := range map[string]http.HandlerFunc{
		"throttled": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}`)
		},
		"down":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"unanswered": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"Item":{"PK":`)
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				spoil(w, r)
			}))
			defer srv.Close()
			lambda(t, map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": srv.URL})
			c, err := Load()
			if err != nil {
				t.Fatal(err)
			}
			client := dynamodb.NewFromConfig(c.AWS(DynamoDB), c.DynamoDBOptions)
			_, err = client.GetItem(t.Context(), &dynamodb.GetItemInput{
				TableName: aws.String("latchkey"), Key: map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: "x"}},
			})
			if n := asked.Load(); err == nil || n != tableTries {
				t.Errorf("asked %d times: %v", n, err)
			}
		})
	}
	options := dynamodb.Options{}
	Config{}.DynamoDBOptions(&options)
	longest := time.Duration(0)
	for tried := 1; tried < options.Retryer.MaxAttempts(); tried++ {
		most := time.Duration(0)
		for range 200 {
			wait, err := options.Retryer.RetryDelay(tried, io.ErrUnexpectedEOF)
			if err != nil {
				t.Fatal(err)
			}
			most = max(most, wait)
		}
		longest += most
	}
	if longest < time.Second || longest > 2300*time.Millisecond {
		t.Errorf("it waits for %v at the most", longest)
	}
}

func TestEndpointsMoveOneByOne(t *testing.T) {
	lambda(t, map[string]string{"AWS_ENDPOINT_URL_SESV2": "http://127.0.0.1:8005", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if got := c.AWS(SES).BaseEndpoint; got == nil || *got != "http://127.0.0.1:8005" {
		t.Errorf("SES is at %v", got)
	}
	if got := c.AWS(DynamoDB).BaseEndpoint; got != nil {
		t.Errorf("DynamoDB moved to %s", *got)
	}
	if dynamodb.NewFromConfig(c.AWS(DynamoDB), c.DynamoDBOptions).Options().DisableValidateResponseChecksum {
		t.Error("checksums of DynamoDB's own replies are not validated")
	}
}
