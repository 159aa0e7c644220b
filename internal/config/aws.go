package config

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Service is an AWS service, by the ending of the variable that moves its endpoint.
type Service string

const (
	DynamoDB       Service = "DYNAMODB"
	SES            Service = "SESV2"
	SNS            Service = "SNS"
	SecretsManager Service = "SECRETS_MANAGER"
)

func (s Service) variable() string { return "AWS_ENDPOINT_URL_" + string(s) }

// AWS is the configuration for a client of a service: the region, the credentials that Lambda gives its process, and
// AWS_ENDPOINT_URL_<service> where it is set. It is made by hand because config.LoadDefaultConfig links the whole chain
// of credential sources, of which a function needs none.
func (c Config) AWS(s Service) aws.Config {
	a := aws.Config{Region: c.region, Credentials: environmentCredentials()}
	if endpoint, ok := c.endpoints[s]; ok {
		a.BaseEndpoint = aws.String(endpoint)
	}
	return a
}

// tableAnswer is how long DynamoDB may take for the head of an answer, which takes it milliseconds. A connection that died
// while Lambda held the process frozen shows itself so, and the SDK tries another.
const tableAnswer = 8 * time.Second

// DynamoDBOptions is for dynamodb.NewFromConfig. DynamoDB Local's error replies carry no checksum, and the SDK would
// warn at each.
func (c Config) DynamoDBOptions(o *dynamodb.Options) {
	o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = tableAnswer })
	_, moved := c.endpoints[DynamoDB]
	o.DisableValidateResponseChecksum = moved
}

// environmentCredentials are those of the process. Lambda never changes them while it runs.
func environmentCredentials() aws.CredentialsProvider {
	credentials := aws.Credentials{
		AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
		Source:          "Environment",
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil })
}

func (r *reader) endpoints() map[Service]string {
	found := make(map[Service]string)
	for _, s := range []Service{DynamoDB, SES, SNS, SecretsManager} {
		v := os.Getenv(s.variable())
		if v == "" {
			continue
		}
		u, err := url.Parse(v)
		if err != nil || u.Host == "" || u.User != nil || !slices.Contains([]string{"http", "https"}, u.Scheme) {
			r.fault(s.variable() + " is not an http or https URL")
		}
		found[s] = v
	}
	return found
}
