package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// inProcess is an HTTP client that hands requests straight to a handler.
type inProcess struct{ h http.Handler }

func (c inProcess) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	c.h.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestTheSDKSendsATextAndUnderstandsARefusal(t *testing.T) {
	box, err := openMailbox(filepath.Join(t.TempDir(), "mailbox.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer box.close()
	client := sns.New(sns.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String("http://sns"),
		HTTPClient: inProcess{captureSMS(box, http.HandlerFunc(serveSMS))},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		}),
	})
	out, err := client.Publish(t.Context(), &sns.PublishInput{
		PhoneNumber: aws.String("+4915112345678"), Message: aws.String("Grüße"),
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := box.find("+4915112345678", "")
	if err != nil || len(found) != 1 || found[0].Channel != "sms" || found[0].Text != "Grüße" ||
		found[0].ID != aws.ToString(out.MessageId) || found[0].ID == "" {
		t.Errorf("got %+v %v", found, err)
	}
	for _, c := range []struct {
		in   sns.PublishInput
		want string
	}{
		{sns.PublishInput{PhoneNumber: aws.String("015112345678"), Message: aws.String("x")}, "not valid to publish to"},
		{sns.PublishInput{PhoneNumber: aws.String("+0123456789"), Message: aws.String("x")}, "not valid to publish to"},
		{sns.PublishInput{PhoneNumber: aws.String("+49 151 12345678"), Message: aws.String("x")}, "not valid to publish to"},
		{sns.PublishInput{PhoneNumber: aws.String("+4915112345678"), Message: aws.String("")}, "Empty message"},
		{sns.PublishInput{TopicArn: aws.String("arn:topic"), Message: aws.String("x")}, "phone numbers only"},
	} {
		_, err := client.Publish(t.Context(), &c.in)
		invalid := (*types.InvalidParameterException)(nil)
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.in, err, c.want)
		}
	}
	if found, err := box.find("", ""); err != nil || len(found) != 1 {
		t.Errorf("refused texts are in the mailbox: %v %v", found, err)
	}
}

func TestAFunctionSendsAText(t *testing.T) {
	c := startCloud(t, options{})
	text, _, err := c.invoke(t.Context(), "probe", order("text", "+4915112345678"))
	if err != nil || string(text) != `"done"` {
		t.Fatalf("%s %v", text, err)
	}
	if found, err := c.mailbox.find("+4915112345678", ""); err != nil || len(found) != 1 {
		t.Errorf("got %v %v", found, err)
	}
}
