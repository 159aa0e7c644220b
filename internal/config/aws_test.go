package config

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
