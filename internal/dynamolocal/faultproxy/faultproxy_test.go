package faultproxy_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"latchkey/internal/dynamolocal"
	"latchkey/internal/dynamolocal/dynamotest"
	"latchkey/internal/dynamolocal/faultproxy"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

type item = map[string]types.AttributeValue

// over is a client that reaches a table of its own through a proxy, and repeats nothing.
func over(t *testing.T, rates faultproxy.Rates) (p *faultproxy.Proxy, spoiled, plain *dynamodb.Client, table string) {
	t.Helper()
	plain, table = dynamotest.Table(t)
	p = faultproxy.New(rand.NewPCG(1, 2))
	address, stop, err := p.Start(dynamotest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	p.Spoil(rates)
	return p, dynamodb.New(dynamolocal.Client(address).Options(), func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }), plain, table
}

func numbered(i int) item {
	n := &types.AttributeValueMemberS{Value: fmt.Sprint(i)}
	return item{"PK": n, "SK": n}
}

func stored(t *testing.T, db *dynamodb.Client, table string) int {
	t.Helper()
	out, err := db.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	return int(out.Count)
}

func TestWhatBecomesOfAWriteOfEachKind(t *testing.T) {
	for kind, want := range map[faultproxy.Kind]struct {
		status, stored int
		codes          []string
	}{
		faultproxy.Throttled: {400, 0, []string{"ThrottlingException", "ProvisionedThroughputExceededException",
			"RequestLimitExceeded"}},
		faultproxy.Down:       {500, 0, []string{"InternalServerError", "ServiceUnavailable"}},
		faultproxy.Conflicted: {400, 0, []string{"TransactionConflictException"}},
		faultproxy.Unarrived:  {0, 0, nil},
		faultproxy.Lost:       {0, 1, nil},
		faultproxy.Shortened:  {200, 1, nil},
	} {
		t.Run(string(kind), func(t *testing.T) {
			p, spoiled, plain, table := over(t, faultproxy.Rates{kind: 1})
			_, err := spoiled.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: numbered(0),
				ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes})
			var api smithy.APIError
			var answered *smithyhttp.ResponseError
			switch {
			case err == nil:
				t.Error("the write has not failed")
			case want.codes == nil && errors.As(err, &api):
				t.Errorf("answered: %v", err)
			case want.codes != nil && (!errors.As(err, &api) || !slices.Contains(want.codes, api.ErrorCode())):
				t.Errorf("%v, want one of %s", err, want.codes)
			case !errors.As(err, &answered) || answered.HTTPStatusCode()/100 != want.status/100:
				t.Errorf("%v, want status %d", err, want.status)
			}
			if n := stored(t, plain, table); n != want.stored {
				t.Errorf("%d items, want %d", n, want.stored)
			}
			if c := p.Counts(); c.Of(kind) != 1 || c.Faults[kind]["PutItem"] != 1 || c.Calls["PutItem"] != 1 {
				t.Errorf("counted %v", c)
			}
		})
	}
}

func TestATransactionIsCanceledWithItsReasons(t *testing.T) {
	_, spoiled, _, table := over(t, faultproxy.Rates{faultproxy.Conflicted: 1})
	write := &dynamodb.TransactWriteItemsInput{}
	for i := range 3 {
		write.TransactItems = append(write.TransactItems, types.TransactWriteItem{Put: &types.Put{TableName: &table, Item: numbered(i)}})
	}
	_, err := spoiled.TransactWriteItems(t.Context(), write)
	var canceled *types.TransactionCanceledException
	if !errors.As(err, &canceled) {
		t.Fatal(err)
	}
	codes := map[string]int{}
	for _, reason := range canceled.CancellationReasons {
		codes[aws.ToString(reason.Code)]++
	}
	if !maps.Equal(codes, map[string]int{"TransactionConflict": 1, "None": 2}) {
		t.Errorf("reasons %v", codes)
	}
}

// Every entry is written or refused, and read or handed back, and what is said of it is true.
func TestABatchIsDoneInPart(t *testing.T) {
	p, spoiled, plain, table := over(t, faultproxy.Rates{faultproxy.Partial: 0.4})
	var inserts []types.BatchStatementRequest
	var puts []types.WriteRequest
	get := types.KeysAndAttributes{ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("PK, SK")}
	for i := range 25 {
		n := numbered(i)
		inserts = append(inserts, types.BatchStatementRequest{
			Statement:  aws.String(`INSERT INTO "` + table + `" VALUE {'PK':?,'SK':?}`),
			Parameters: []types.AttributeValue{n["PK"], n["SK"]},
		})
		get.Keys = append(get.Keys, n)
		puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: numbered(100 + i)}})
	}
	out, err := spoiled.BatchExecuteStatement(t.Context(), &dynamodb.BatchExecuteStatementInput{Statements: inserts})
	if err != nil || len(out.Responses) != 25 {
		t.Fatalf("%d answers: %v", len(out.Responses), err)
	}
	refused := 0
	for i, one := range out.Responses {
		there, err := plain.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: numbered(i)})
		if err != nil {
			t.Fatal(err)
		}
		if one.Error != nil {
			refused++
		}
		if (there.Item == nil) != (one.Error != nil) {
			t.Errorf("%d: %v, and there is %v", i, one.Error, there.Item)
		}
	}
	if n := p.Counts().Of(faultproxy.Partial); n != refused || n == 0 || n == 25 {
		t.Errorf("%d refused, %d counted", refused, n)
	}
	// Those that stand there answer for themselves, each in its place.
	out, err = spoiled.BatchExecuteStatement(t.Context(), &dynamodb.BatchExecuteStatementInput{Statements: inserts})
	if err != nil || !slices.ContainsFunc(out.Responses, func(one types.BatchStatementResponse) bool {
		return one.Error != nil && one.Error.Code == types.BatchStatementErrorCodeEnumDuplicateItem
	}) {
		t.Errorf("%v", err)
	}

	before := stored(t, plain, table)
	wrote, err := spoiled.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: puts}})
	if err != nil {
		t.Fatal(err)
	}
	back := len(wrote.UnprocessedItems[table])
	if n := stored(t, plain, table) - before; n+back != 25 || back == 0 || n == 0 {
		t.Errorf("%d written, %d handed back", n, back)
	}

	read, err := spoiled.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{table: get}})
	if err != nil {
		t.Fatal(err)
	}
	rest := read.UnprocessedKeys[table]
	if len(rest.Keys) == 0 || len(read.Responses[table]) == 0 || !aws.ToBool(rest.ConsistentRead) || rest.ProjectionExpression == nil {
		t.Errorf("%d read, handed back %+v", len(read.Responses[table]), rest)
	}
	for _, key := range rest.Keys {
		if slices.ContainsFunc(read.Responses[table], func(i item) bool { return reflect.DeepEqual(i, key) }) {
			t.Errorf("%v was read, and handed back", key)
		}
	}
}

func TestTheSameSourceAndOrderGiveTheSameFaults(t *testing.T) {
	run := func(seed uint64) string {
		p := faultproxy.New(rand.NewPCG(seed, 0))
		p.Spoil(faultproxy.Mixed(0.2))
		var log strings.Builder
		for i := range 2000 {
			operation := []string{"GetItem", "UpdateItem", "BatchGetItem", "TransactWriteItems", "DescribeTable"}[i%5]
			got, err := p.Do(faultproxy.Call{
				Operation: operation, Attempt: 1,
				Body: []byte(`{"RequestItems":{"t":{"Keys":[1,2,3]}},"TransactItems":[{},{}]}`),
				Do: func(body []byte) (*http.Response, error) {
					fmt.Fprintf(&log, "%s ", body)
					return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"Responses":{}}`))}, nil
				},
			})
			if err != nil {
				fmt.Fprintln(&log, err)
				continue
			}
			text, err := io.ReadAll(got.Body)
			fmt.Fprintf(&log, "%d %s %v\n", got.StatusCode, text, err)
		}
		c := p.Counts()
		if n := c.Of(faultproxy.Conflicted); n < 20 || n > 50 {
			t.Errorf("%d of 800 writes conflicted, at one in 25", n)
		}
		if whole := c.Of(faultproxy.Throttled) + c.Of(faultproxy.Down) + c.Of(faultproxy.Unarrived) + c.Of(faultproxy.Lost) +
			c.Of(faultproxy.Shortened); whole < 250 || whole > 390 {
			t.Errorf("%d of 1600 calls were spoiled, at one in five", whole)
		}
		if c.Calls["DescribeTable"] != 0 {
			t.Error("what no function asks was spoiled")
		}
		return log.String()
	}
	first := run(1)
	if run(1) != first {
		t.Error("the same seed, and other faults")
	}
	if run(2) == first {
		t.Error("another seed, and the same faults")
	}
}

func TestWhatIsNotSpoiledGoesThroughAsItIs(t *testing.T) {
	p, spoiled, _, table := over(t, nil)
	if _, err := spoiled.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table}); err != nil {
		t.Error(err)
	}
	if _, err := spoiled.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: numbered(0)}); err != nil {
		t.Error(err)
	}
	// A fault of the caller stays theirs.
	p.Spoil(faultproxy.Rates{faultproxy.Partial: 0.5})
	_, err := spoiled.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		"nowhere": {Keys: []item{numbered(0), numbered(1)}}}})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Error(err)
	}
	p.Reset()
	if c := p.Counts(); len(c.Calls) != 0 {
		t.Errorf("%v", c)
	}
}
