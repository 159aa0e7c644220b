package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

func TestTheCounter(t *testing.T) {
	l, err := openLab(options{quick: true}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	s, err := l.site(t.Context(), memory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	for name, test := range map[string]func(*testing.T, *site){
		"single operations count as DynamoDB says":                       singleOperationsCountAsDynamoDBSays,
		"a transaction counts twice in the table and once in each index": aTransactionCountsTwiceInTheTableAndOnceInEachIndex,
		"a batch of inserts counts each of them":                         aBatchOfInsertsCountsEachOfThem,
		"what cannot be counted is an error":                             whatCannotBeCountedIsAnError,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

func number(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// member is an item with a row in both indexes, and a filling of so many bytes that by_status copies.
func member(filling int) attributes {
	return attributes{
		"PK": text("ORG#acme"), "SK": text("MEMBER#1"), "version": number("1"),
		"member":       &types.AttributeValueMemberM{Value: attributes{"first_name": text(strings.Repeat("x", filling))}},
		"by_status_pk": text("ORG#acme#member#active"), "by_status_sk": text("2026-01-01"),
		"by_outbox_pk": text("OUTBOX#1"), "by_outbox_sk": text("2026-01-01"),
		"nonce": &types.AttributeValueMemberB{Value: bytes.Repeat([]byte{1}, 700)},
	}
}

// For single operations DynamoDB Local's own figure is right, and ours must be the same.
func singleOperationsCountAsDynamoDBSays(t *testing.T, s *site) {
	c := &counter{db: s.db, schema: s.schema}
	db := s.watched("count", c.intercept)
	ctx, name, total := t.Context(), aws.String(tableName), types.ReturnConsumedCapacityTotal
	key := attributes{"PK": text("ORG#acme"), "SK": text("MEMBER#1")}

	put := func(item attributes) func() (*types.ConsumedCapacity, error) {
		return func() (*types.ConsumedCapacity, error) {
			out, err := db.PutItem(ctx, &dynamodb.PutItemInput{TableName: name, Item: item, ReturnConsumedCapacity: total})
			if err != nil {
				return nil, err
			}
			return out.ConsumedCapacity, nil
		}
	}
	update := func(expression string, values attributes) func() (*types.ConsumedCapacity, error) {
		return func() (*types.ConsumedCapacity, error) {
			out, err := db.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: name, Key: key, UpdateExpression: &expression,
				ExpressionAttributeValues: values, ReturnConsumedCapacity: total})
			if err != nil {
				return nil, err
			}
			return out.ConsumedCapacity, nil
		}
	}
	get := func(consistent bool) func() (*types.ConsumedCapacity, error) {
		return func() (*types.ConsumedCapacity, error) {
			out, err := db.GetItem(ctx, &dynamodb.GetItemInput{TableName: name, Key: key, ConsistentRead: &consistent,
				ReturnConsumedCapacity: total})
			if err != nil {
				return nil, err
			}
			return out.ConsumedCapacity, nil
		}
	}
	query := func(edit func(*dynamodb.QueryInput)) func() (*types.ConsumedCapacity, error) {
		return func() (*types.ConsumedCapacity, error) {
			in := &dynamodb.QueryInput{TableName: name, IndexName: aws.String("by_status"),
				KeyConditionExpression:    aws.String("by_status_pk = :p"),
				ExpressionAttributeValues: attributes{":p": text("ORG#acme#member#active")}, ReturnConsumedCapacity: total}
			edit(in)
			out, err := db.Query(ctx, in)
			if err != nil {
				return nil, err
			}
			return out.ConsumedCapacity, nil
		}
	}
	for _, step := range []struct {
		name string
		want float64
		do   func() (*types.ConsumedCapacity, error)
	}{
		{"a new item, in both indexes", 1 + 1 + 1, put(member(10))},
		{"the same item once more", 1, put(member(10))},
		{"what only the table holds", 1, update("SET nonce = :n", attributes{":n": text("another")})},
		{"what one index copies", 1 + 1, update("SET version = :v", attributes{":v": number("2")})},
		{"another key in one index", 1 + 2, update("SET by_outbox_sk = :s", attributes{":s": text("2026-01-02")})},
		{"out of one index", 1 + 1, update("REMOVE by_outbox_pk, by_outbox_sk", nil)},
		{"an item of four KB, back in both", 4 + 3 + 1, put(member(2500))},
		{"a read of it", 1, get(true)},
		{"an item of ten KB", 10 + 9, put(member(8500))},
		{"a read of it that must be of now", 3, get(true)},
		{"a read of it that need not", 1.5, get(false)},
		{"a list of one index", 1.5, query(func(*dynamodb.QueryInput) {})},
		{"a list whose filter lets nothing through", 1.5, query(func(in *dynamodb.QueryInput) {
			in.FilterExpression, in.ExpressionAttributeValues[":n"] = aws.String("version > :n"), number("9")
		})},
		{"a count", 1.5, query(func(in *dynamodb.QueryInput) { in.Select = types.SelectCount })},
		{"the end of it", 10 + 9 + 1, func() (*types.ConsumedCapacity, error) {
			out, err := db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: name, Key: key, ReturnConsumedCapacity: total})
			if err != nil {
				return nil, err
			}
			return out.ConsumedCapacity, nil
		}},
		{"a read of what is not there", 1, get(true)},
	} {
		before := c.n
		theirs, err := step.do()
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		ours := c.n.writes + c.n.reads - before.writes - before.reads
		if c.n.calls != before.calls+1 || ours != *theirs.CapacityUnits || ours != step.want {
			t.Errorf("%s: counted %v, wanted %v, and DynamoDB Local says %v", step.name, ours, step.want, *theirs.CapacityUnits)
		}
	}
}

// DynamoDB Local is wrong here, so the figures are worked out by hand.
func aTransactionCountsTwiceInTheTableAndOnceInEachIndex(t *testing.T, s *site) {
	c := &counter{db: s.db, schema: s.schema}
	db := s.watched("count", c.intercept)
	name, there, fresh := aws.String(tableName), member(2500), member(10)
	there["SK"], fresh["SK"] = text("MEMBER#2"), text("MEMBER#3")
	if _, err := s.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: name, Item: there}); err != nil {
		t.Fatal(err)
	}
	key := attributes{"PK": there["PK"], "SK": there["SK"]}
	put := &types.Put{TableName: name, Item: fresh}                                                            // 2, and 1 in each index
	check := &types.ConditionCheck{TableName: name, Key: key, ConditionExpression: aws.String("version = :v"), // 2 × 4
		ExpressionAttributeValues: attributes{":v": number("1")}}
	_, err := db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{
		TransactItems: []types.TransactWriteItem{{Put: put}, {ConditionCheck: check}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := (counts{calls: 1, writes: 4 + 8}); c.n != want {
		t.Errorf("counted %+v, and not %+v", c.n, want)
	}
}

func aBatchOfInsertsCountsEachOfThem(t *testing.T, s *site) {
	sixty := inviteThousandJob
	sixty.check = created(60)
	sixty.events = func(context.Context, *site, int) ([][]byte, error) { return [][]byte{s.invitation(60)}, nil }
	inputs, err := s.record(t.Context(), sixty, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{db: s.db, schema: s.schema}
	db := s.watched("count", c.intercept)
	for _, input := range inputs {
		if _, ok := input.(*dynamodb.BatchExecuteStatementInput); !ok {
			continue
		}
		fresh, err := afresh(input)
		if err != nil {
			t.Fatal(err)
		}
		if err := repeatRequest(t.Context(), db, fresh); err != nil {
			t.Fatal(err)
		}
	}
	if want := (counts{calls: 3, writes: 60 * 3}); c.n != want {
		t.Errorf("counted %+v, and not %+v", c.n, want)
	}
}

func whatCannotBeCountedIsAnError(t *testing.T, s *site) {
	c := &counter{db: s.db, schema: s.schema}
	_, err := s.watched("count", c.intercept).Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(tableName)})
	if err == nil {
		t.Error("a scan was counted as nothing")
	}
}

// What is hired at once is counted and placed as if it had come one by one.
func TestTheCrowdAddsUp(t *testing.T) {
	l, err := openLab(options{quick: true}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	s, err := l.site(t.Context(), memory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	for range 2 {
		if _, err := s.hire(t.Context(), 120); err != nil {
			t.Fatal(err)
		}
	}
	was, is, err := s.store(s.db).Recount(t.Context(), s.org.ID)
	if err != nil || was != is || is.Active != 229 || is.Dismissed != 6 || is.PendingActivation != 6 || is.Seats != 235 {
		t.Errorf("counted %+v, and then %+v, %v", was, is, err)
	}
	all, err := s.store(s.db).ReadDepartments(t.Context(), s.org.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		n := 0
		for _, status := range []onboarding.MemberStatus{onboarding.MemberActive, onboarding.MemberPendingActivation} {
			people, _, err := s.store(s.db).ListMembers(t.Context(), s.org.ID,
				onboarding.PeopleFilter{Status: status, Department: &d.ID, Sort: onboarding.ByName}, "", 200)
			if err != nil {
				t.Fatal(err)
			}
			n += len(people)
		}
		if n == 0 || n != d.Members {
			t.Errorf("%d stand in %s, and %d are counted", n, d.ID, d.Members)
		}
	}
	if len(all) != departments+1 {
		t.Errorf("%d departments", len(all))
	}
}

func TestSizesOfValues(t *testing.T) {
	for _, c := range []struct {
		value types.AttributeValue
		want  int
	}{
		{text("äb"), 3},
		{&types.AttributeValueMemberB{Value: make([]byte, 16)}, 16},
		{&types.AttributeValueMemberBOOL{Value: true}, 1},
		{&types.AttributeValueMemberN{Value: "1"}, 2},
		{&types.AttributeValueMemberN{Value: "-12"}, 3},
		{&types.AttributeValueMemberN{Value: "1795426272"}, 6},
		{&types.AttributeValueMemberM{Value: attributes{"ab": text("cd")}}, 3 + 1 + 4},
		{&types.AttributeValueMemberL{Value: []types.AttributeValue{text("cd")}}, 3 + 1 + 2},
	} {
		if got := valueSize(c.value); got != c.want {
			t.Errorf("%#v has %d bytes, and not %d", c.value, got, c.want)
		}
	}
}

func TestQuantiles(t *testing.T) {
	values := make([]time.Duration, 100)
	for i := range values {
		values[i] = time.Duration(100 - i)
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile %v of 1 to 100 is %d, and not %d", q, got, want)
		}
	}
	if got := median([]float64{3}); got != 3 {
		t.Errorf("the median of 3 alone is %v", got)
	}
}

func TestAMissedBoundIsLoudAndNoError(t *testing.T) {
	rows := []row{
		{Name: "slow", Medium: memory, Quiet: true, Bound: atMost("p50", 1.5), Figures: []figure{{"p50", 1.8, "s"}}},
		{Name: "on the line", Medium: disk, Quiet: true, Bound: atMost("p50", 1.5), Figures: []figure{{"p50", 1.5, "s"}}},
		{Name: "too few", Quiet: true, Bound: exactly("calls", 3), Figures: []figure{{"calls", 2, ""}}},
		{Name: "free", Figures: []figure{{"floor p50", 12.34, "ms"}}},
	}
	var out bytes.Buffer
	if err := show(rows, "", &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"slow         memory", "p50 ≤ 1.5 s", "held\n", "floor p50 12.3 ms", "(busy machine)",
		"MISSED: slow (memory): p50 1.80 s, and the bound is p50 ≤ 1.5 s: +20 %", "MISSED: too few",
		`"figures":{"floor_p50_ms":12.34}`, `"held":false`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, out.String())
		}
	}
	if got := len(missed(rows)); got != 2 {
		t.Errorf("%d of the bounds are missed, and not 2", got)
	}
}

func TestTheCountedRowsHoldTheirBounds(t *testing.T) {
	for _, name := range []string{"counted", "people"} {
		t.Run(name, func(t *testing.T) { countedRowsHoldTheirBounds(t, name) })
	}
}

func countedRowsHoldTheirBounds(t *testing.T, name string) {
	var out, progress bytes.Buffer
	o, err := parse(strings.Fields("-quick -run ^"+name+"$"), &progress)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := bench(context.Background(), o, &out, &progress)
	if err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	for _, r := range missed(rows) {
		t.Errorf("missed: %s: %v, %s", r.Name, r.Figures, r.bound())
	}
	lines := 0
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "{") {
			lines++
			if !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %s", line)
			}
		}
	}
	if lines != len(rows) || lines < 10 {
		t.Errorf("printed %s lines of JSON for %d rows", strconv.Itoa(lines), len(rows))
	}
}
