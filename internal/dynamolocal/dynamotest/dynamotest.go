// Package dynamotest gives tests the real table: one DynamoDB Local per test process, and a fresh table per test.
package dynamotest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/dynamolocal"
	"latchkey/internal/sam"
)

var shared struct {
	once   sync.Once
	server *dynamolocal.Server
	table  sam.Table
	err    error
}

// Main runs the tests of a package and then stops the database, if a test has started it.
// Call it from TestMain; it does not return.
func Main(m *testing.M) {
	code := m.Run()
	Stop()
	os.Exit(code)
}

// Stop stops the database, if a test has started it. It is for a TestMain that has more to clean up than Main does.
func Stop() {
	if shared.server != nil {
		shared.server.Stop()
	}
}

// URL returns the address of the process's DynamoDB, starting it if this is the first call.
func URL(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() {
		root, err := dynamolocal.Root()
		if err != nil {
			shared.err = err
			return
		}
		template, err := sam.Load(filepath.Join(root, "template.yaml"), sam.Options{Parameters: Parameters})
		if err != nil {
			shared.err = err
			return
		}
		shared.table = template.Table
		shared.server, shared.err = dynamolocal.Start(context.Background(), dynamolocal.Options{})
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server.URL
}

// Parameters are values for what the template leaves open; they are good for reading it, not for running it.
var Parameters = map[string]string{
	"Stage": "test", "BaseUrl": "https://join.example.com",
	"SenderIdentity": "example.com", "SenderAddress": "latchkey@example.com",
}

// Table creates a table with the template's schema for this test alone, and deletes it afterwards. It has no stream:
// DynamoDB Local takes the longer to write one the more there is of it.
func Table(t testing.TB) (db *dynamodb.Client, name string) {
	t.Helper()
	return create(t, func(in *dynamodb.CreateTableInput) { in.StreamSpecification = nil })
}

// TableWithStream is Table, with the template's stream.
func TableWithStream(t testing.TB) (db *dynamodb.Client, name string) {
	t.Helper()
	return create(t, func(*dynamodb.CreateTableInput) {})
}

func create(t testing.TB, edit func(*dynamodb.CreateTableInput)) (db *dynamodb.Client, name string) {
	t.Helper()
	db, name = dynamolocal.Client(URL(t)), "test-"+rand.Text()
	in := shared.table.CreateInput(name)
	edit(in)
	if err := dynamolocal.CreateTable(context.Background(), db, in); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in := &dynamodb.DeleteTableInput{TableName: aws.String(name)}
		if _, err := db.DeleteTable(context.Background(), in); err != nil {
			t.Error(fmt.Errorf("delete table: %w", err))
		}
	})
	return db, name
}
