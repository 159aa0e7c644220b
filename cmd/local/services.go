package main

// The services that a cloud stands on: DynamoDB and its table, the SES capture, the master key.

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/child"
	"latchkey/internal/dynamolocal"
)

// ensureTable creates the table of the template where there is none, and returns it. fresh reports whether it is new.
func ensureTable(ctx context.Context, db *dynamodb.Client, want *dynamodb.CreateTableInput) (
	table *types.TableDescription, fresh bool, err error,
) {
	describe := &dynamodb.DescribeTableInput{TableName: want.TableName}
	out, err := db.DescribeTable(ctx, describe)
	if missing := (*types.ResourceNotFoundException)(nil); errors.As(err, &missing) {
		fresh = true
		if err := dynamolocal.CreateTable(ctx, db, want); err != nil {
			return nil, false, err
		}
		out, err = db.DescribeTable(ctx, describe)
	}
	if err != nil {
		return nil, false, err
	}
	was, is := schema(out.Table.KeySchema, indexesOf(out.Table)), schema(want.KeySchema, want.GlobalSecondaryIndexes)
	if was != is {
		return nil, false, fmt.Errorf("the table %s was made from another template.yaml (it has %s, the template %s); "+
			"remove the state to begin anew", aws.ToString(want.TableName), was, is)
	}
	return out.Table, fresh, nil
}

func indexesOf(t *types.TableDescription) []types.GlobalSecondaryIndex {
	var out []types.GlobalSecondaryIndex
	for _, i := range t.GlobalSecondaryIndexes {
		out = append(out, types.GlobalSecondaryIndex{
			IndexName: i.IndexName, KeySchema: i.KeySchema, Projection: i.Projection,
		})
	}
	return out
}

// schema writes keys and indexes down, for comparison.
func schema(keys []types.KeySchemaElement, indexes []types.GlobalSecondaryIndex) string {
	names := func(keys []types.KeySchemaElement) string {
		var s []string
		for _, k := range keys {
			s = append(s, aws.ToString(k.AttributeName))
		}
		return "[" + strings.Join(s, " ") + "]"
	}
	var all []string
	for _, i := range indexes {
		attributes := slices.Sorted(slices.Values(i.Projection.NonKeyAttributes))
		all = append(all, fmt.Sprintf("%s%s %s%v",
			aws.ToString(i.IndexName), names(i.KeySchema), i.Projection.ProjectionType, attributes))
	}
	slices.Sort(all)
	return strings.Join(append([]string{names(keys)}, all...), ", ")
}

const sesReadyWithin = 20 * time.Second

// startSES starts the SES capture on a free port and returns its address once it answers.
func startSES(ctx context.Context, log io.Writer) (url string, p *child.Process, err error) {
	if _, err := exec.LookPath("node"); err != nil {
		return "", nil, errors.New("the SES capture needs Node 20, and there is no node on the path: " +
			"apt-get install nodejs npm")
	}
	root, err := dynamolocal.Root()
	if err != nil {
		return "", nil, err
	}
	program := filepath.Join(root, "node_modules/.bin/aws-ses-v2-local")
	if _, err := os.Stat(program); err != nil {
		return "", nil, fmt.Errorf("the SES capture is not installed: run npm ci in %s", root)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	cmd := exec.Command(program, "--host", "127.0.0.1", "--port", strconv.Itoa(port))
	cmd.Stdout, cmd.Stderr = log, log
	if p, err = child.Start(cmd); err != nil {
		return "", nil, fmt.Errorf("start the SES capture: %w", err)
	}
	url = fmt.Sprintf("http://127.0.0.1:%d", port)
	ctx, cancel := context.WithTimeout(ctx, sesReadyWithin)
	defer cancel()
	for {
		if healthy(ctx, url+"/health-check") {
			return url, p, nil
		}
		select {
		case <-p.Done():
			return "", nil, fmt.Errorf("the SES capture ended while starting: %v; see services.log", p.Err())
		case <-ctx.Done():
			p.Kill()
			return "", nil, fmt.Errorf("the SES capture does not answer: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func healthy(ctx context.Context, url string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

const keyLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// ensureMasterKey makes the file that stands in for the secret of the template, unless it is there.
func ensureMasterKey(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key := make([]byte, 0, 64)
	for b := make([]byte, 1); len(key) < cap(key); {
		_, _ = rand.Read(b)
		// What lies above the last whole multiple is drawn again, so that every letter is as likely.
		if n := int(b[0]); n < 256-256%len(keyLetters) {
			key = append(key, keyLetters[n%len(keyLetters)])
		}
	}
	content, err := json.Marshal(map[string]string{"current": "1", "1": string(key)})
	if err != nil {
		return err
	}
	return replaceFile(path, content)
}
