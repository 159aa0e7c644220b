package sam_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/sam"
)

const small = `
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String }
  Origin: { Type: String, Default: "" }
Conditions:
  HasOrigin: !Not [!Equals [!Ref Origin, ""]]
  Nobody: !And [{ Condition: HasOrigin }, !Not [Condition: HasOrigin]]
Globals:
  Function:
    Runtime: provided.al2023
    Timeout: 10
    Environment: { Variables: { STAGE: !Ref Stage, SHARED: global } }
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      StreamSpecification: { StreamViewType: NEW_IMAGE }
      TimeToLiveSpecification: { AttributeName: ttl, Enabled: true }
      AttributeDefinitions:
        - { AttributeName: PK, AttributeType: S }
        - { AttributeName: by, AttributeType: N }
      KeySchema:
        - { AttributeName: PK, KeyType: HASH }
      GlobalSecondaryIndexes:
        - IndexName: by_it
          KeySchema: [{ AttributeName: by, KeyType: HASH }]
          Projection: { ProjectionType: INCLUDE, NonKeyAttributes: [a, b] }
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: !If
        - HasOrigin
        - { AllowOrigins: [!Ref Origin], AllowMethods: [GET], MaxAge: 60, AllowCredentials: true }
        - !Ref AWS::NoValue
  DoItFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/do-it/
      Role: !GetAtt DoItRole.Arn
      MemorySize: 512
      Environment:
        Variables:
          SHARED: own
          WHERE: !Sub "${AWS::Region}/${Table}/${!literal}/${Table.Arn}"
          ONLY: !If [HasOrigin, yes, !Ref AWS::NoValue]
      Events:
        Get: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: get, Path: "/a/{b}" } }
        Tick: { Type: Schedule, Properties: { Schedule: rate(1 minute), Input: "{}" } }
        Change:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Table.StreamArn
            StartingPosition: LATEST
            FilterCriteria: { Filters: [{ Pattern: '{"eventName":["INSERT"]}' }] }
            BatchSize: 7
            MaximumBatchingWindowInSeconds: 2
            MaximumRetryAttempts: 3
            MaximumRecordAgeInSeconds: -1
            BisectBatchOnFunctionError: true
            FunctionResponseTypes: [ReportBatchItemFailures]
            DestinationConfig: { OnFailure: { Type: SQS, Destination: !GetAtt Failures.Arn } }
  DoItRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {}
      Policies:
        - PolicyName: p
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - { Effect: Allow, Action: dynamodb:GetItem, Resource: !GetAtt Table.Arn }
              - Effect: Allow
                Action: [ses:SendEmail]
                Resource: ["*"]
                Condition: { StringEquals: { "ses:FromAddress": !Ref Stage } }
              - { Effect: Allow, Action: sns:Publish, NotResource: !Sub "arn:${AWS::Partition}:sns:*:*:*" }
              - !If
                - HasOrigin
                - { Effect: Allow, Action: s3:GetObject, NotResource: [a, b] }
                - !Ref AWS::NoValue
  Failures: { Type: AWS::SQS::Queue }
  Rule:
    Type: AWS::SQS::QueuePolicy
    Properties: { Queues: [!GetAtt DoItFunctionTick.Arn] }
`

var values = sam.Options{
	Parameters: map[string]string{"Stage": "local"},
	Values: map[string]string{
		"Table": "things", "Table.Arn": "arn:things", "Table.StreamArn": "arn:things/stream",
	},
}

func parse(t *testing.T, text string, o sam.Options) *sam.Template {
	t.Helper()
	got, err := sam.Parse("t.yaml", []byte(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAFunctionIsReadWhole(t *testing.T) {
	f, ok := parse(t, small, values).Function("do-it")
	if !ok {
		t.Fatal("no function do-it")
	}
	filter, err := sam.ParseFilter(`{"eventName":["INSERT"]}`)
	if err != nil {
		t.Fatal(err)
	}
	want := sam.Function{
		Name: "do-it", LogicalID: "DoItFunction", Timeout: 10 * time.Second, Memory: 512,
		Environment: map[string]string{
			"STAGE": "local", "SHARED": "own", "WHERE": "eu-central-1/things/${literal}/arn:things",
		},
		Routes:    []sam.Route{{Method: "GET", Path: "/a/{b}"}},
		Schedules: []sam.Schedule{{Name: "Tick", Expression: "rate(1 minute)", Input: "{}"}},
		Streams: []sam.Stream{{
			Name: "Change", Source: "arn:things/stream", StartingPosition: "LATEST", BatchSize: 7,
			Window: 2 * time.Second, Filters: []sam.Filter{filter}, Retries: 3, MaxAge: -1, Bisect: true,
			ReportsFailures: true, OnFailure: "arn:aws:local:eu-central-1:000000000000:Failures", Parallelization: 1,
		}},
		Policy: []sam.Statement{
			{Actions: []string{"dynamodb:GetItem"}, Resources: []string{"arn:things"}},
			{Actions: []string{"ses:SendEmail"}, Resources: []string{"*"},
				Conditions: []sam.Condition{{Key: "ses:FromAddress", Values: []string{"local"}}}},
			{Actions: []string{"sns:Publish"}, NotResources: []string{"arn:aws:sns:*:*:*"}},
		},
	}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("got  %+v\nwant %+v", f, want)
	}
}

func TestTheTableIsReadWhole(t *testing.T) {
	table := parse(t, small, values).Table
	if table.TTLAttribute != "ttl" {
		t.Errorf("TTL on %q", table.TTLAttribute)
	}
	in := table.CreateInput("mine")
	if aws.ToString(in.TableName) != "mine" || in.BillingMode != types.BillingModePayPerRequest ||
		in.StreamSpecification.StreamViewType != types.StreamViewTypeNewImage ||
		aws.ToString(in.KeySchema[0].AttributeName) != "PK" ||
		in.AttributeDefinitions[1].AttributeType != types.ScalarAttributeTypeN {
		t.Errorf("got %+v", in)
	}
	index := in.GlobalSecondaryIndexes[0]
	if aws.ToString(index.IndexName) != "by_it" || index.Projection.ProjectionType != types.ProjectionTypeInclude ||
		!slices.Equal(index.Projection.NonKeyAttributes, []string{"a", "b"}) {
		t.Errorf("index %+v", index)
	}
	if table.CreateInput("other"); aws.ToString(in.TableName) != "mine" {
		t.Error("two inputs share a name")
	}
}

func TestConditionsDecide(t *testing.T) {
	if cors := parse(t, small, values).CORS; cors != nil {
		t.Errorf("CORS without an origin: %+v", cors)
	}
	o := values
	o.Parameters = map[string]string{"Stage": "local", "Origin": "https://a.example"}
	got := parse(t, small, o)
	want := &sam.CORS{AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"GET"}, MaxAge: 60,
		AllowCredentials: true}
	if !reflect.DeepEqual(got.CORS, want) {
		t.Errorf("CORS %+v", got.CORS)
	}
	f, _ := got.Function("do-it")
	if f.Environment["ONLY"] != "yes" {
		t.Errorf("environment %v", f.Environment)
	}
	last := sam.Statement{Actions: []string{"s3:GetObject"}, NotResources: []string{"a", "b"}}
	if len(f.Policy) != 4 || !reflect.DeepEqual(f.Policy[3], last) {
		t.Errorf("policy %+v", f.Policy)
	}
	without := strings.Replace(small, "{ Type: AWS::SQS::Queue }", "{ Type: AWS::SQS::Queue, Condition: Nobody }", 1)
	parse(t, without, o)
}

func TestWhatIsNotUnderstoodIsNamedWithItsLine(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"!Sub \"${AWS::Region}", "!Join \"${AWS::Region}", "the function Join is not understood"},
		{"{ Type: AWS::SQS::Queue }", "{ Type: AWS::SQS::Queue, Properties: { A: !ImportValue x } }", "ImportValue"},
		{"{ Type: AWS::SQS::Queue }", "{ Type: AWS::EC2::Instance }", "the resource type AWS::EC2::Instance"},
		{"Type: Schedule,", "Type: ScheduleV2,", "the event type ScheduleV2 is not understood"},
		{"Type: Schedule,", "Type: S3,", "the event type S3 is not understood"},
		{"MemorySize: 512", "VpcConfig: {}", "the property VpcConfig is not understood"},
		{"Runtime: provided.al2023", "Runtime: nodejs20.x", `"nodejs20.x" is not understood`},
		{"MemorySize: 512", "MemorySize: soon", `a whole number is wanted, not "soon"`},
		{"BatchSize: 7", "TumblingWindowInSeconds: 7", "TumblingWindowInSeconds"},
		{`["INSERT"]`, `[{"suffix":"x"}]`, `the operator "suffix" is not understood`},
		{"Effect: Allow, Action: d", "Effect: Deny, Action: d", `"Deny" is not understood`},
		{"StringEquals: {", "StringLike: {", "StringLike"},
		{"Action: dynamodb:GetItem, Resource: !GetAtt Table.Arn", "Action: dynamodb:GetItem", "either Resource or NotResource"},
		{"Action: dynamodb:GetItem, ", "Action: dynamodb:GetItem, NotResource: x, ", "either Resource or NotResource"},
		{"Action: dynamodb:GetItem, ", "NotAction: dynamodb:GetItem, ", "the property NotAction is not understood"},
		{"!GetAtt Failures.Arn", "!GetAtt Missing.Arn", "there is no Missing.Arn"},
		{"STAGE: !Ref Stage", "STAGE: !Ref Nothing", "there is no Nothing"},
		{"ONLY: !If [HasOrigin", "ONLY: !If [Missing", "there is no condition Missing"},
		{"!GetAtt DoItFunctionTick.Arn", "!GetAtt DoItFunctionTock.Arn", "there is no DoItFunctionTock.Arn"},
		{"WHERE: !Sub \"", "WHERE: !Sub \"${Failures.QueueName}", "Failures.QueueName has no value here"},
		{"BillingMode: PAY_PER_REQUEST", "Tags: []", "provisioned capacity"},
		{"SHARED: own", "SHARED: own\n          SHARED: twice", "SHARED stands here twice"},
		{"CodeUri: functions/do-it/", "CodeUri: ../do-it/", "not a folder below functions/"},
		{"Role: !GetAtt DoItRole.Arn", "Role: !GetAtt Failures.Arn", "not an AWS::IAM::Role"},
		{"Globals:\n", "Mappings: {}\nGlobals:\n", "the property Mappings is not understood"},
		{"Failures: {", "Failures: &f {", ""},
	} {
		text := strings.Replace(small, c.old, c.new, 1)
		if text == small {
			t.Fatalf("%q stands nowhere", c.old)
		}
		_, err := sam.Parse("t.yaml", []byte(text), values)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.new, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "t.yaml:") {
			t.Errorf("%s: got %v, want %q and a line", c.new, err, c.want)
		}
	}
}

func TestParametersMustFit(t *testing.T) {
	_, err := sam.Parse("t.yaml", []byte(small), sam.Options{})
	if err == nil || !strings.Contains(err.Error(), "the parameter Stage has no default") {
		t.Errorf("without Stage: %v", err)
	}
	_, err = sam.Parse("t.yaml", []byte(small), sam.Options{Parameters: map[string]string{"Stage": "x", "Stag": "y"}})
	if err == nil || !strings.Contains(err.Error(), "no parameter Stag") {
		t.Errorf("a parameter too many: %v", err)
	}
}

// The repository's own template, as far as the local cloud leans on it.
func TestTheTemplateIsUnderstood(t *testing.T) {
	got, err := sam.Load("../../template.yaml", sam.Options{Parameters: map[string]string{
		"Stage": "local", "BaseUrl": "http://127.0.0.1:8080",
		"SenderIdentity": "latchkey.example", "SenderAddress": "join@latchkey.example",
	}})
	if err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob("../../functions/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) == 0 {
		t.Fatal("no functions were found")
	}
	for _, main := range folders {
		name := filepath.Base(filepath.Dir(main))
		f, ok := got.Function(name)
		if !ok {
			t.Errorf("functions/%s is not in the template", name)
			continue
		}
		if len(f.Routes)+len(f.Streams)+len(f.Schedules) == 0 {
			t.Errorf("nothing invokes %s", name)
		}
		if len(f.Policy) == 0 || f.Environment["LATCHKEY_TABLE"] == "" {
			t.Errorf("%s has no policy or no table", name)
		}
	}
	for _, f := range got.Functions {
		if _, err := os.Stat(filepath.Join("../../functions", f.Name)); err != nil {
			t.Errorf("%s: %v", f.LogicalID, err)
		}
	}
	deliver, ok := got.Function("deliver")
	if !ok || len(deliver.Streams) != 1 {
		t.Fatalf("deliver %+v", deliver)
	}
	owed := []byte(`{"eventName":"MODIFY","dynamodb":{"NewImage":{"outbox_wake":{"S":"owed"}}}}`)
	held := []byte(`{"eventName":"MODIFY","dynamodb":{"NewImage":{"outbox_wake":{"S":"held"}}}}`)
	if s := deliver.Streams[0]; !s.Wants(owed) || s.Wants(held) || !s.ReportsFailures || s.OnFailure == "" {
		t.Errorf("deliver's stream %+v", s)
	}
}
