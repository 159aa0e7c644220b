package main

// What the stories do with the table by hand: they look for what is owed, let time pass, and look for secrets.

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/rogpeppe/go-internal/testscript"

	"latchkey/internal/onboarding"
)

type item = map[string]types.AttributeValue

// items are all items of an organization.
func (s *story) items(id onboarding.OrganizationID) []item {
	return s.query(id, &dynamodb.QueryInput{})
}

func (s *story) query(id onboarding.OrganizationID, in *dynamodb.QueryInput) (all []item) {
	in.TableName, in.ConsistentRead, in.KeyConditionExpression = &s.cloud.table, aws.Bool(true), aws.String("PK = :org")
	in.ExpressionAttributeValues = item{":org": &types.AttributeValueMemberS{Value: "ORG#" + string(id)}}
	pages := dynamodb.NewQueryPaginator(s.cloud.db, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, page.Items...)
	}
	return all
}

func (s *story) pass(ts *testscript.TestScript, args []string) {
	need(ts, args, 2)
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	s.rests(ts, args[1:]) // else it would write the present down afterwards
	ts.Check(s.age(onboarding.OrganizationID(args[1]), d))
}

// age makes every item of an organization older. What another process has changed meanwhile is read again.
func (s *story) age(id onboarding.OrganizationID, d time.Duration) error {
	aged := map[string]bool{}
	for clean := false; !clean; {
		clean = true
		for _, before := range s.items(id) {
			key := before["SK"].(*types.AttributeValueMemberS).Value
			if aged[key] {
				continue
			}
			after := older(&types.AttributeValueMemberM{Value: before}, d).(*types.AttributeValueMemberM).Value
			condition, values := "attribute_exists(PK)", item{}
			for _, name := range []string{"version", "by_outbox_sk", "outbox"} {
				if v, ok := before[name]; ok {
					values[":"+name] = v
					condition += " AND " + name + " = :" + name
				} else {
					condition += " AND attribute_not_exists(" + name + ")"
				}
			}
			in := &dynamodb.PutItemInput{TableName: &s.cloud.table, Item: after, ConditionExpression: &condition}
			if len(values) > 0 {
				in.ExpressionAttributeValues = values
			}
			_, err := s.cloud.db.PutItem(s.t.Context(), in)
			if refused := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &refused) {
				clean = false
				continue
			}
			if err != nil {
				return err
			}
			aged[key] = true
		}
	}
	return nil
}

// older moves every time in a value into the past. Keys stay: they are no times, even where they hold one.
func older(v types.AttributeValue, d time.Duration) types.AttributeValue {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		if at, err := time.Parse("2006-01-02T15:04:05.000Z", v.Value); err == nil {
			return &types.AttributeValueMemberS{Value: onboarding.FormatTime(at.Add(-d))}
		}
	case *types.AttributeValueMemberM:
		m := item{}
		for name, value := range v.Value {
			m[name] = older(value, d)
			if n, ok := value.(*types.AttributeValueMemberN); ok && name == "expires_at_ttl" {
				at, err := strconv.ParseInt(n.Value, 10, 64)
				if err != nil {
					panic(err)
				}
				m[name] = &types.AttributeValueMemberN{Value: strconv.FormatInt(at-int64(d.Seconds()), 10)}
			}
		}
		return &types.AttributeValueMemberM{Value: m}
	}
	return v
}

// tableHoldsNoSecret looks for every token that the story has come by in what its organizations have stored.
func (s *story) tableHoldsNoSecret() {
	for _, id := range s.ids {
		for _, stored := range s.items(id) {
			for _, text := range texts(&types.AttributeValueMemberM{Value: stored}) {
				for _, secret := range append(s.secrets, password, secret) {
					if strings.Contains(text, secret) {
						s.t.Errorf("a secret is stored in %v", stored["SK"])
					}
				}
			}
		}
	}
}

// texts are all texts in a value, unpacked.
func texts(v types.AttributeValue) (all []string) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return []string{v.Value}
	case *types.AttributeValueMemberB:
		if z, err := gzip.NewReader(bytes.NewReader(v.Value)); err == nil {
			if text, err := io.ReadAll(z); err == nil {
				return []string{string(text)}
			}
		}
		return []string{string(v.Value)}
	case *types.AttributeValueMemberM:
		for name, value := range v.Value {
			all = append(append(all, name), texts(value)...)
		}
	}
	return all
}

var secrets = regexp.MustCompile(
	`[A-Za-z0-9_.+-]@[a-z0-9-]+\.(example|com)|lk[ks]\.|[a-z2-7]{64}|[a-z2-7]{6}(?:-[a-z2-7]{6}){3}|\$argon2id|` + password + `|` + secret)

// logHoldsNoSecret looks for addresses, tokens and passwords in what the functions have printed.
func logHoldsNoSecret(t testing.TB, c *cloud) {
	text, err := os.ReadFile(filepath.Join(c.state, "functions.log"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if secrets.MatchString(line) {
			t.Errorf("the log has %s", line)
		}
	}
}
