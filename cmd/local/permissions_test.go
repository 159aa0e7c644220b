package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"latchkey/internal/sam"
)

func TestWhatACallNeeds(t *testing.T) {
	const table = "dynamodb:%s on arn:aws:dynamodb:eu-central-1:000000000000:table/"
	on := func(action, resource string) string { return strings.Replace(table, "%s", action, 1) + resource }
	for _, c := range []struct {
		service, action, body string
		want                  []string
	}{
		{"dynamodb", "GetItem", `{"TableName":"t"}`, []string{on("GetItem", "t")}},
		{"dynamodb", "Query", `{"TableName":"t"}`, []string{on("Query", "t")}},
		{"dynamodb", "Query", `{"TableName":"t","IndexName":"i"}`, []string{on("Query", "t/index/i")}},
		{"dynamodb", "BatchGetItem", `{"RequestItems":{"t":{"Keys":[]}}}`, []string{on("BatchGetItem", "t")}},
		{"dynamodb", "BatchWriteItem", `{"RequestItems":{"t":[]}}`, []string{on("BatchWriteItem", "t")}},
		{"dynamodb", "TransactGetItems", `{"TransactItems":[{"Get":{"TableName":"t"}}]}`, []string{on("GetItem", "t")}},
		{"dynamodb", "TransactWriteItems",
			`{"TransactItems":[{"Put":{"TableName":"t"}},{"Put":{"TableName":"t"}},{"Update":{"TableName":"t"}},` +
				`{"Delete":{"TableName":"u"}},{"ConditionCheck":{"TableName":"t"}}]}`,
			[]string{on("PutItem", "t"), on("UpdateItem", "t"), on("DeleteItem", "u"), on("ConditionCheckItem", "t")}},
		{"dynamodb", "BatchExecuteStatement",
			`{"Statements":[{"Statement":"INSERT INTO \"t\" VALUE {'PK': ?}"},{"Statement":"UPDATE \"t\" SET a=? WHERE PK=?"}]}`,
			[]string{on("PartiQLInsert", "t"), on("PartiQLUpdate", "t")}},
		{"dynamodb", "ExecuteStatement", `{"Statement":"select a, b from \"t-1\".\"i\" where a=?"}`,
			[]string{on("PartiQLSelect", "t-1/index/i")}},
		{"dynamodb", "ExecuteTransaction", `{"TransactStatements":[{"Statement":"\n DELETE  FROM t WHERE PK=?"}]}`,
			[]string{on("PartiQLDelete", "t")}},
		{"dynamodb", "ExecuteStatement", `{"Statement":"EXISTS(SELECT * FROM t)"}`, []string{"unknown: PartiQL statement on "}},
		{"dynamodb", "TransactWriteItems", `{"TransactItems":[]}`, []string{"unknown: TransactWriteItems on "}},
		{"dynamodb", "CreateTable", `{"TableName":"t"}`, []string{"unknown: CreateTable on "}},
		{"dynamodb", "PutItem", `[]`, []string{"unknown: PutItem on "}},
		{"ses", "SendEmail", `{"FromEmailAddress":"A <a@b.example>","ConfigurationSetName":"set"}`, []string{
			"ses:SendEmail on arn:aws:ses:eu-central-1:000000000000:identity/a@b.example or " +
				"arn:aws:ses:eu-central-1:000000000000:identity/b.example",
			"ses:SendEmail on arn:aws:ses:eu-central-1:000000000000:configuration-set/set",
		}},
		{"ses", "SendEmail", `{"FromEmailAddress":"nobody"}`,
			[]string{"unknown: SendEmail without an address to send from on "}},
		{"sns", "Publish", "PhoneNumber=%2B49", []string{"sns:Publish on *"}},
		{"sns", "Publish", "TopicArn=arn%3At", []string{"sns:Publish on arn:t"}},
		{"sns", "Publish", "TargetArn=arn%3Ae&PhoneNumber=%2B49", []string{"sns:Publish on arn:e"}},
		{"sns", "CheckIfPhoneNumberIsOptedOut", "phoneNumber=%2B49", []string{"sns:CheckIfPhoneNumberIsOptedOut on *"}},
		{"sns", "Publish", "PhoneNumber=%zz", []string{"unknown: Publish on "}},
	} {
		var got []string
		for _, p := range permissions(call{service: c.service, action: c.action, body: []byte(c.body)}, nil) {
			got = append(got, p.action+" on "+strings.Join(p.resources, " or "))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s %s:\ngot  %q\nwant %q", c.action, c.body, got, c.want)
		}
	}
}

func TestAPolicyAllows(t *testing.T) {
	policy := []sam.Statement{
		{Actions: []string{"dynamodb:GetItem", "dynamodb:Part*"}, Resources: []string{"arn:table/t"}},
		{Actions: []string{"dynamodb:Query"}, Resources: []string{"arn:table/t/index/*"}},
		{Actions: []string{"ses:SendEmail"}, Resources: []string{"*"},
			Conditions: []sam.Condition{{Key: "ses:FromAddress", Values: []string{"a@b.example"}}}},
		{Actions: []string{"s3:*"}, Resources: []string{"arn:aws:s3:::bucket?/[x]"}},
		{Actions: []string{"sns:Publish"}, NotResources: []string{"arn:aws:sns:*:*:*"}},
		{Actions: []string{"sqs:*"}, NotResources: []string{"arn:sqs:a", "arn:sqs:b*"}},
		{Actions: []string{"sqs:Send"}, NotResources: []string{"arn:sqs:b1"},
			Conditions: []sam.Condition{{Key: "ses:FromAddress", Values: []string{"a@b.example"}}}},
	}
	for _, c := range []struct {
		action, resource string
		from             string
		want             bool
	}{
		{"dynamodb:GetItem", "arn:table/t", "", true},
		{"dynamodb:getitem", "arn:table/t", "", true},
		{"dynamodb:GetItem", "arn:table/t2", "", false},
		{"dynamodb:GetItem", "arn:table/t/index/i", "", false},
		{"dynamodb:PutItem", "arn:table/t", "", false},
		{"dynamodb:PartiQLInsert", "arn:table/t", "", true},
		{"dynamodb:Query", "arn:table/t", "", false},
		{"dynamodb:Query", "arn:table/t/index/i", "", true},
		{"ses:SendEmail", "arn:any/thing", "a@b.example", true},
		{"ses:SendEmail", "arn:any/thing", "c@b.example", false},
		{"ses:SendEmail", "arn:any/thing", "", false},
		{"s3:Get", "arn:aws:s3:::bucket1/[x]", "", true},
		{"s3:Get", "arn:aws:s3:::bucket/[x]", "", false},
		{"unknown: CreateTable", "", "", false},
		// What NotResource names is left out, and everything else is in.
		{"sns:Publish", "*", "", true},
		{"sns:Publish", "arn:aws:sns:eu-central-1:000000000000:topic", "", false},
		{"sns:Publish", "arn:aws:sns:eu-central-1:000000000000:app/GCM/a/b", "", false},
		{"sns:Subscribe", "*", "", false},
		{"sqs:Send", "arn:sqs:a", "", false},
		{"sqs:Send", "arn:sqs:b1", "", false},
		{"sqs:Send", "arn:sqs:c", "", true},
		// A statement that leaves something out takes it from no other statement.
		{"sqs:Send", "arn:sqs:b2", "a@b.example", true},
	} {
		p := permission{action: c.action, resources: []string{c.resource}}
		if c.from != "" {
			p.context = map[string][]string{"ses:FromAddress": {c.from}}
		}
		if got := p.allowed(policy); got != c.want {
			t.Errorf("%s on %s from %q: %v", c.action, c.resource, c.from, got)
		}
	}
}

func TestAFunctionMayDoWhatItsPolicySaysAndNothingElse(t *testing.T) {
	c := startCloud(t, options{})
	invoke := func(do, value string) string {
		t.Helper()
		text, _, err := c.invoke(t.Context(), "probe", order(do, value))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := invoke("put", "a"); got != `"done"` {
		t.Errorf("put: %s", got)
	}
	if got := invoke("get", "a"); !strings.Contains(got, "AccessDeniedException") ||
		!strings.Contains(got, "is not authorized to perform: dynamodb:GetItem") {
		t.Errorf("get: %s", got)
	}
	_, text := do(t, "GET", c.baseURL+"/_local/calls", "")
	var counts map[string]map[string]int
	if err := json.Unmarshal([]byte(text), &counts); err != nil {
		t.Fatal(err)
	}
	if counts["probe"]["dynamodb:PutItem"] != 1 || counts["probe"]["dynamodb:GetItem"] != 1 {
		t.Errorf("calls %s", text)
	}
	if answer, _ := do(t, "POST", c.baseURL+"/_local/calls/reset", ""); answer.StatusCode != 204 {
		t.Errorf("reset: %d", answer.StatusCode)
	}
	if _, text := do(t, "GET", c.baseURL+"/_local/calls", ""); text != "{}\n" {
		t.Errorf("calls after the reset %s", text)
	}
}

func TestMailInAnothersNameIsRefused(t *testing.T) {
	c := startCloud(t, options{})
	put(t, c, "PK", "a", "to", "spoof-ann@example.com")
	put(t, c, "PK", "b", "to", "bob@example.com")
	eventually(t, "the mail behind the refused one", func() bool {
		found, err := c.mailbox.find("bob@example.com", "")
		return err == nil && len(found) == 1
	})
	found, err := c.mailbox.find("spoof-ann@example.com", "")
	if err != nil || len(found) != 0 {
		t.Errorf("sent: %v %v", found, err)
	}
}

// client is a client of the endpoint with the key of a function.
func client(t *testing.T, e http.Handler, key string) *dynamodb.Client {
	t.Helper()
	return dynamodb.New(dynamodb.Options{
		Region: sam.Region, BaseEndpoint: aws.String("http://endpoint"), DisableValidateResponseChecksum: true,
		HTTPClient: inProcess{e}, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key, SecretAccessKey: "x"}, nil
		}),
	})
}

func TestAnInterceptorSeesACallBeforeItIsHandedOn(t *testing.T) {
	template := &sam.Template{Functions: []sam.Function{{
		Name: "a-function", Policy: []sam.Statement{{Actions: []string{"dynamodb:*"}, Resources: []string{"*"}}},
	}}}
	var saw call
	e := &endpoint{
		template: template, calls: &calls{},
		services: map[string]http.Handler{"dynamodb": http.NotFoundHandler()},
		intercept: func(c call, next http.Handler) http.Handler {
			saw = c
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				refuse(w, c.service, "ProvisionedThroughputExceededException", "slow down")
			})
		},
	}
	in := &dynamodb.GetItemInput{TableName: aws.String("t"), Key: map[string]types.AttributeValue{
		"PK": &types.AttributeValueMemberS{Value: "a"},
	}}
	_, err := client(t, e, "a-function").GetItem(t.Context(), in)
	if throttled := (*types.ProvisionedThroughputExceededException)(nil); !errors.As(err, &throttled) {
		t.Errorf("got %v", err)
	}
	if saw.function != "a-function" || saw.service != "dynamodb" || saw.action != "GetItem" || len(saw.body) == 0 {
		t.Errorf("saw %+v", saw)
	}
	_, err = client(t, e, "somebody").GetItem(t.Context(), in)
	if api := smithy.APIError(nil); !errors.As(err, &api) || api.ErrorCode() != "UnrecognizedClientException" {
		t.Errorf("got %v", err)
	}
}

func TestACallThatIsNotSignedIsRefused(t *testing.T) {
	e := &endpoint{template: &sam.Template{}, calls: &calls{}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://endpoint/", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := (inProcess{e}).Do(r); err != nil || answer.StatusCode != http.StatusForbidden {
		t.Errorf("%v %v", answer, err)
	}
	r.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential=probe/20261122/eu-central-1/s3/aws4_request, SignedHeaders=host")
	if answer, err := (inProcess{e}).Do(r); err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Errorf("%v %v", answer, err)
	}
}
