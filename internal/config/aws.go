package config

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
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

// A call is made tableTries times at the most. Between two tries it waits with full jitter: 25 ms at the most before the
// first repetition, half a second before later ones, 2.3 s in all. So it stays far below the ten seconds that a page has.
const (
	tableTries  = 9
	firstWait   = 25 * time.Millisecond
	longestWait = 500 * time.Millisecond
)

// DynamoDBOptions is for dynamodb.NewFromConfig. DynamoDB Local's error replies carry no checksum, and the SDK would
// warn at each.
func (c Config) DynamoDBOptions(o *dynamodb.Options) {
	o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = tableAnswer })
	o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts = tableTries
		s.Backoff = retry.BackoffDelayerFunc(func(tried int, _ error) (time.Duration, error) {
			return rand.N(min(firstWait<<min(max(tried-1, 0), 5), longestWait)), nil
		})
		s.Retryables = append(s.Retryables, retry.IsErrorRetryableFunc(cutOff))
	})
	_, moved := c.endpoints[DynamoDB]
	o.DisableValidateResponseChecksum = moved
}

// cutOff repeats a call whose connection broke in the middle of the answer. The SDK by itself takes that for an answer that
// cannot be read.
func cutOff(err error) aws.Ternary {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
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
