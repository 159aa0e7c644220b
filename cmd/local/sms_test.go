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
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"latchkey/internal/sam"
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

// capture is SNS as the local cloud has it, with the SDK's client of it and the mailbox behind it.
func capture(t *testing.T) (*sns.Client, *phones, *mailbox) {
	t.Helper()
	box, err := openMailbox(filepath.Join(t.TempDir(), "mailbox.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.close() })
	p := &phones{}
	return snsClient(captureSMS(box, p, p), "a"), p, box
}

func snsClient(h http.Handler, key string) *sns.Client {
	return sns.New(sns.Options{
		Region: sam.Region, BaseEndpoint: aws.String("http://sns"), HTTPClient: inProcess{h}, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key, SecretAccessKey: "b"}, nil
		}),
	})
}

// with is message attributes for Publish, a name and a value at a time.
func with(kind string, attributes ...string) map[string]types.MessageAttributeValue {
	all := map[string]types.MessageAttributeValue{}
	for i := 0; i < len(attributes); i += 2 {
		all[attributes[i]] = types.MessageAttributeValue{DataType: &kind, StringValue: &attributes[i+1]}
	}
	return all
}

const (
	smsType  = "AWS.SNS.SMS.SMSType"
	senderID = "AWS.SNS.SMS.SenderID"
	maxPrice = "AWS.SNS.SMS.MaxPrice"
)

func TestTheSDKSendsAText(t *testing.T) {
	client, _, box := capture(t)
	out, err := client.Publish(t.Context(), &sns.PublishInput{
		PhoneNumber: aws.String("+4915112345678"), Message: aws.String("Grüße"),
		MessageAttributes: with("String", smsType, "Transactional", senderID, "Latchkey1234"[:11]),
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := box.find("+4915112345678", "")
	if err != nil || len(found) != 1 || found[0].Channel != "sms" || found[0].Text != "Grüße" ||
		found[0].ID != aws.ToString(out.MessageId) || found[0].ID == "" {
		t.Errorf("got %+v %v", found, err)
	}
	for _, attributes := range []map[string]types.MessageAttributeValue{
		with("String", smsType, "Promotional"), with("String", senderID, "A"), with("String", senderID, "1A1"),
		with("Number", maxPrice, "0.05"), with("String", maxPrice, "1"),
	} {
		if _, err := client.Publish(t.Context(), &sns.PublishInput{
			PhoneNumber: aws.String("+4915112345678"), Message: aws.String(strings.Repeat("ü", 1600)), MessageAttributes: attributes,
		}); err != nil {
			t.Errorf("%v: %v", attributes, err)
		}
	}
}

func TestTheSDKUnderstandsARefusal(t *testing.T) {
	client, _, box := capture(t)
	number, text := aws.String("+4915112345678"), aws.String("x")
	for _, c := range []struct {
		in   sns.PublishInput
		want string
	}{
		{sns.PublishInput{PhoneNumber: aws.String("015112345678"), Message: text}, "not valid to publish to"},
		{sns.PublishInput{PhoneNumber: aws.String("+0123456789"), Message: text}, "not valid to publish to"},
		{sns.PublishInput{PhoneNumber: aws.String("+49 151 12345678"), Message: text}, "not valid to publish to"},
		{sns.PublishInput{PhoneNumber: number, Message: aws.String("")}, "Empty message"},
		{sns.PublishInput{PhoneNumber: number, Message: aws.String(strings.Repeat("x", 1601))}, "too long"},
		{sns.PublishInput{TopicArn: aws.String("arn:topic"), Message: text}, "phone numbers only"},
		{sns.PublishInput{PhoneNumber: number, Message: text, MessageAttributes: with("String", smsType, "transactional")}, smsType},
		{sns.PublishInput{PhoneNumber: number, Message: text, MessageAttributes: with("Number", smsType, "Promotional")}, "not String"},
		{sns.PublishInput{PhoneNumber: number, Message: text, MessageAttributes: with("String", senderID, "Latchkey1234")}, senderID},
		{sns.PublishInput{PhoneNumber: number, Message: text, MessageAttributes: with("String", senderID, "12345")}, senderID},
		{sns.PublishInput{PhoneNumber: number, Message: text, MessageAttributes: with("String", senderID, "Latch key")}, senderID},
		{sns.PublishInput{PhoneNumber: number, Message: text, MessageAttributes: with("String", senderID, "Ok", smsType, "x")}, smsType},
		{sns.PublishInput{PhoneNumber: number, Message: text, MessageAttributes: with("Number", maxPrice, "-1")}, maxPrice},
		{sns.PublishInput{PhoneNumber: number, Message: text, MessageAttributes: with("String", "Mine", "x")}, "does not know"},
	} {
		_, err := client.Publish(t.Context(), &c.in)
		invalid := (*types.InvalidParameterException)(nil)
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.in, err, c.want)
		}
	}
	_, err := client.ListTopics(t.Context(), &sns.ListTopicsInput{})
	if err == nil || !strings.Contains(err.Error(), "not ListTopics") {
		t.Errorf("ListTopics: %v", err)
	}
	if found, err := box.find("", ""); err != nil || len(found) != 0 {
		t.Errorf("refused texts are in the mailbox: %v %v", found, err)
	}
}

func TestAPhoneThatOptedOutGetsNothing(t *testing.T) {
	client, p, box := capture(t)
	const ann, bob = "+447700900123", "+447700900124"
	sends := func(to string, want int) {
		t.Helper()
		out, err := client.Publish(t.Context(), &sns.PublishInput{PhoneNumber: aws.String(to), Message: aws.String("x")})
		if err != nil || aws.ToString(out.MessageId) == "" {
			t.Errorf("SNS takes messages to everybody: %v", err)
		}
		if found, err := box.find(to, ""); err != nil || len(found) != want {
			t.Errorf("%d messages to %s, %v; want %d", len(found), to, err, want)
		}
	}
	isOut := func(number string, want bool) {
		t.Helper()
		out, err := client.CheckIfPhoneNumberIsOptedOut(t.Context(), &sns.CheckIfPhoneNumberIsOptedOutInput{PhoneNumber: &number})
		if err != nil || out.IsOptedOut != want {
			t.Errorf("%s: %+v %v, want %v", number, out, err, want)
		}
	}
	isOut(ann, false)
	sends(ann, 1)
	p.optOut(ann, true)
	isOut(ann, true)
	isOut(bob, false)
	sends(ann, 1)
	sends(bob, 1)
	p.optOut(ann, false)
	isOut(ann, false)
	sends(ann, 2)
	_, err := client.CheckIfPhoneNumberIsOptedOut(t.Context(), &sns.CheckIfPhoneNumberIsOptedOutInput{PhoneNumber: aws.String("0151")})
	if invalid := (*types.InvalidParameterException)(nil); !errors.As(err, &invalid) {
		t.Errorf("a number that is none: %v", err)
	}
}

// What a story makes go wrong, the SDK and whoever retries must know for what it is.
func TestTheSDKUnderstandsFaultsOfSNS(t *testing.T) {
	for _, c := range []struct {
		kind, code string
		retryable  bool
	}{
		{"throttle", "Throttling", true},
		{"fail", "InternalError", true},
		{"refuse", "InvalidParameter", false},
		{"pause", "AuthorizationError", false},
	} {
		f := &faults{}
		f.add(oneFault{function: "deliver", action: "Publish", kind: c.kind, left: 1})
		template := &sam.Template{Functions: []sam.Function{{
			Name: "deliver", Policy: []sam.Statement{{Actions: []string{"sns:Publish"}, NotResources: []string{"arn:aws:sns:*:*:*"}}},
		}}}
		e := &endpoint{
			template: template, calls: &calls{}, intercept: f.intercept(nil), services: map[string]http.Handler{"sns": &phones{}},
		}
		client := snsClient(e, "deliver")
		in := &sns.PublishInput{PhoneNumber: aws.String("+447700900123"), Message: aws.String("x")}
		_, err := client.Publish(t.Context(), in)
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != c.code {
			t.Errorf("%s: got %v, want %s", c.kind, err, c.code)
		}
		if got := retry.NewStandard().IsErrorRetryable(err); got != c.retryable {
			t.Errorf("%s: worth another try: %v", c.kind, got)
		}
		if _, err := client.Publish(t.Context(), in); err != nil || f.left() != 0 {
			t.Errorf("%s, the second time: %v", c.kind, err)
		}
	}
}

func TestAFunctionPublishesToPhonesAndToNoTopic(t *testing.T) {
	c := startCloud(t, options{})
	text, _, err := c.invoke(t.Context(), "probe", order("topic", "arn:aws:sns:eu-central-1:000000000000:alarms"))
	if err != nil || !strings.Contains(string(text), "is not authorized to perform: sns:Publish on resource: arn:aws:sns:") {
		t.Errorf("%s %v", text, err)
	}
	const number = "+447700900123"
	for _, wrong := range []string{"", "{}", `{"phone":"0770"}`, `{"phone":`} {
		if answer, _ := do(t, "POST", c.baseURL+"/_local/opt-out", wrong); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d", wrong, answer.StatusCode)
		}
	}
	for i, method := range []string{"POST", "DELETE"} {
		if answer, _ := do(t, method, c.baseURL+"/_local/opt-out", `{"phone":"`+number+`"}`); answer.StatusCode != http.StatusNoContent {
			t.Errorf("%s: %d", method, answer.StatusCode)
		}
		if text, _, err := c.invoke(t.Context(), "probe", order("text", number)); err != nil || string(text) != `"done"` {
			t.Errorf("%s %v", text, err)
		}
		if found, err := c.mailbox.find(number, ""); err != nil || len(found) != i {
			t.Errorf("after %s: %d messages, %v", method, len(found), err)
		}
	}
}

func TestACloudHasTheParametersThatItIsGiven(t *testing.T) {
	for _, c := range []struct {
		parameters map[string]string
		variable   string
		sends      bool
	}{
		{nil, "SMS=true 100 *=0.05,US=0.01 Latchkey", true},
		{map[string]string{"SmsEnabled": "false", "SmsPrices": "DE=0.1"}, "SMS=false 100 DE=0.1 Latchkey", false},
	} {
		cloud := startCloud(t, options{parameters: c.parameters})
		env, _, err := cloud.invoke(t.Context(), "probe", order("environment", ""))
		if err != nil || !strings.Contains(string(env), `"`+c.variable+`"`) {
			t.Errorf("%q is not in %s, %v", c.variable, env, err)
		}
		text, _, err := cloud.invoke(t.Context(), "probe", order("text", "+447700900123"))
		if err != nil || (string(text) == `"done"`) != c.sends || c.sends == strings.Contains(string(text), "AuthorizationError") {
			t.Errorf("%v: %s %v", c.parameters, text, err)
		}
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
