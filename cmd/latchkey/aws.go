package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"latchkey/internal/onboarding"
)

// connect reads the ordinary AWS configuration, --region before all.
func (o *options) connect(ctx context.Context) (aws.Config, error) {
	cfg, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(o.region), awsconfig.WithLogger(logging.Nop{}))
	if err != nil {
		return cfg, err
	}
	if cfg.Region == "" {
		return cfg, usagef("no AWS region: give --region, or set AWS_REGION")
	}
	o.region = cfg.Region
	cfg.Credentials = credentials{cfg.Credentials}
	return cfg, nil
}

func newDynamoDB(cfg aws.Config) *dynamodb.Client {
	return dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		// DynamoDB Local's error replies carry no checksum, and the SDK would warn at each.
		o.DisableValidateResponseChecksum = o.BaseEndpoint != nil
	})
}

// credentials marks the error of having none, which the SDK tells by its text alone.
type credentials struct{ aws.CredentialsProvider }

func (c credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	got, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		err = credentialsError{err}
	}
	return got, err
}

type credentialsError struct{ error }

func (e credentialsError) Unwrap() error { return e.error }

const (
	signIn    = "set AWS_PROFILE, or sign in with aws sso login"
	nameTable = "name the stack's output TableName with --table or LATCHKEY_TABLE"
)

var (
	denied = []string{"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
	// Codes for credentials that AWS does not take: the services do not agree on one.
	rejected = []string{"ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId",
		"InvalidSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
		"SignatureDoesNotMatch", "UnrecognizedClientException"}
)

// explain says on one line what went wrong and, where that is known, what to do about it.
func (o *options) explain(err error) (reason, remedy string) {
	var refused *onboarding.Error
	var noCredentials credentialsError
	var noTable *types.ResourceNotFoundException
	var api smithy.APIError
	var answer *smithyhttp.ResponseError
	var network *url.Error
	switch {
	case errors.As(err, &noTable):
		return "there is no table " + o.table + " in " + o.region, nameTable
	case errors.As(err, &noCredentials):
		return "there are no AWS credentials", signIn
	case errors.Is(err, context.DeadlineExceeded):
		return "there was no answer in time", "see that the network is up and --region is right, and try again"
	case errors.Is(err, context.Canceled):
		return "interrupted", ""
	case errors.As(err, &network):
		return oneLine("cannot reach " + host(network.URL) + ": " + network.Err.Error()),
			"see that the network is up and the endpoint is right"
	case errors.As(err, &refused): // after the network: to the store, that is a refusal too
		return refusal(refused), ""
	case errors.As(err, &api) && slices.Contains(denied, api.ErrorCode()):
		return oneLine(api.ErrorMessage()), "use credentials that may do this"
	case errors.As(err, &api) && slices.Contains(rejected, api.ErrorCode()):
		return "AWS does not take these credentials (" + api.ErrorCode() + ")", signIn
	case errors.As(err, &answer) && (!errors.As(err, &api) || api.ErrorCode() == "UnknownError"):
		return fmt.Sprintf("the answer is none of AWS's (HTTP status %d)", answer.HTTPStatusCode()),
			"see that the endpoint is right; the services of the local cloud do not know everything"
	case errors.As(err, &api):
		return oneLine(api.ErrorCode() + ": " + api.ErrorMessage()), ""
	}
	return oneLine(err.Error()), ""
}

// refusal puts the domain's refusal into words for a command line.
func refusal(e *onboarding.Error) string {
	if len(e.Fields) == 0 {
		return lower(e.Message)
	}
	var faults []string
	for _, f := range e.Fields {
		faults = append(faults, strings.TrimPrefix(f.Pointer, "/")+": "+lower(f.Detail))
	}
	return strings.Join(faults, "; ")
}

// lower makes a sentence a part of one.
func lower(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(first)) + strings.TrimSuffix(s[size:], ".")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the endpoint"
	}
	return u.Host
}
