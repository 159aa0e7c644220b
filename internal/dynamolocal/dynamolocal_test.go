package dynamolocal_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/dynamolocal"
)

func start(t *testing.T, o dynamolocal.Options) *dynamolocal.Server {
	t.Helper()
	t.Setenv(dynamolocal.EndpointVariable, "")
	s, err := dynamolocal.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func TestWhatIsKeptInADirectoryIsThereAfterAStop(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first := start(t, dynamolocal.Options{Dir: dir})
	err := dynamolocal.CreateTable(t.Context(), dynamolocal.Client(first.URL), &dynamodb.CreateTableInput{
		TableName:            aws.String("kept"),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("PK"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("PK"), KeyType: "HASH"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	first.Stop()
	<-first.Done()

	second := start(t, dynamolocal.Options{Dir: dir})
	out, err := dynamolocal.Client(second.URL).ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.TableNames) != 1 || out.TableNames[0] != "kept" {
		t.Errorf("tables %v", out.TableNames)
	}
}

func TestTheEnvironmentNamesAnother(t *testing.T) {
	t.Setenv(dynamolocal.EndpointVariable, "http://127.0.0.1:1/")
	s, err := dynamolocal.Start(t.Context(), dynamolocal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if s.URL != "http://127.0.0.1:1" {
		t.Errorf("URL %s", s.URL)
	}
}

func TestWhatIsMissingIsNamedWithTheCommandThatInstallsIt(t *testing.T) {
	t.Setenv(dynamolocal.EndpointVariable, "")
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "go.mod"), []byte("module empty\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(empty)
	_, err := dynamolocal.Start(t.Context(), dynamolocal.Options{})
	if err == nil || !strings.Contains(err.Error(), "npm ci") {
		t.Errorf("without node_modules: %v", err)
	}
	t.Setenv("PATH", empty)
	_, err = dynamolocal.Start(t.Context(), dynamolocal.Options{})
	if err == nil || !strings.Contains(err.Error(), "apt-get install openjdk-17-jre-headless") {
		t.Errorf("without Java: %v", err)
	}
}

func TestAJavaThatIsTooOldIsNamed(t *testing.T) {
	t.Setenv(dynamolocal.EndpointVariable, "")
	bin := t.TempDir()
	old := "#!/bin/sh\necho 'java.lang.UnsupportedClassVersionError: class file version 61.0' >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(bin, "java"), []byte(old), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	_, err := dynamolocal.Start(t.Context(), dynamolocal.Options{})
	if err == nil || !strings.Contains(err.Error(), "Java 17 or later") {
		t.Errorf("got %v", err)
	}
}

func TestAStartThatIsGivenUpLeavesNothing(t *testing.T) {
	t.Setenv(dynamolocal.EndpointVariable, "")
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dynamolocal.Start(ctx, dynamolocal.Options{}); err == nil {
		t.Fatal("started in a cancelled context")
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
