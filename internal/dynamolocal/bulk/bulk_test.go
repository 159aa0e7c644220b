package bulk_test

import (
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/dynamolocal/bulk"
	"latchkey/internal/dynamolocal/dynamotest"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

type attributes = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: strconv.Itoa(n)} }

// joining is a transaction that makes a member and counts them.
func joining(table string, i int) *dynamodb.TransactWriteItemsInput {
	return &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{TableName: &table, Item: attributes{"PK": text("acme"), "SK": text(fmt.Sprint("MEMBER#", i))},
			ConditionExpression: aws.String("attribute_not_exists(PK)")}},
		{Update: &types.Update{TableName: &table, Key: attributes{"PK": text("acme"), "SK": text("COUNTERS")},
			UpdateExpression: aws.String("ADD #members :n, #seats :two"), ConditionExpression: aws.String("attribute_not_exists(#closing)"),
			ExpressionAttributeNames:  map[string]string{"#members": "members", "#seats": "seats", "#closing": "closing"},
			ExpressionAttributeValues: attributes{":n": number(1), ":two": number(2)}}},
	}}
}

func items(t *testing.T, db *dynamodb.Client, table string) map[string]attributes {
	t.Helper()
	out, err := db.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]attributes{}
	for _, item := range out.Items {
		all[item["SK"].(*types.AttributeValueMemberS).Value] = item
	}
	return all
}

func TestWhatIsGatheredIsWhatTheTransactionsWrite(t *testing.T) {
	db, one := dynamotest.Table(t)
	_, other := dynamotest.Table(t)
	w := bulk.New(db, nil)
	gathering := w.Client()
	for i := range 60 {
		if _, err := db.TransactWriteItems(t.Context(), joining(one, i)); err != nil {
			t.Fatal(err)
		}
		if _, err := gathering.TransactWriteItems(t.Context(), joining(other, i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(items(t, db, other)); n != 0 {
		t.Errorf("%d items before they are written", n)
	}
	for range 2 { // the second time there is nothing left
		if err := w.Write(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want, got := items(t, db, one), items(t, db, other)
	if len(want) != 61 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d items, and the counters %v; want %d, and %v", len(got), got["COUNTERS"], len(want), want["COUNTERS"])
	}
}

func TestItemsAreEdited(t *testing.T) {
	db, table := dynamotest.Table(t)
	w := bulk.New(db, func(item map[string]types.AttributeValue) { item["edited"] = text("yes") })
	in := joining(table, 1)
	before := maps.Clone(in.TransactItems[0].Put.Item)
	if _, err := w.Client().TransactWriteItems(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := items(t, db, table)["MEMBER#1"]["edited"]; !reflect.DeepEqual(got, text("yes")) {
		t.Errorf("%v", got)
	}
	if !reflect.DeepEqual(in.TransactItems[0].Put.Item, before) {
		t.Error("the caller's own item is edited")
	}
}

func TestWhatCannotBeGatheredIsAnError(t *testing.T) {
	db, table := dynamotest.Table(t)
	for name, edit := range map[string]func(*types.TransactWriteItem){
		"a deletion": func(w *types.TransactWriteItem) {
			w.Delete, w.Update = &types.Delete{TableName: &table, Key: w.Update.Key}, nil
		},
		"an update that sets": func(w *types.TransactWriteItem) { w.Update.UpdateExpression = aws.String("SET #members = :n") },
		"an update that takes away": func(w *types.TransactWriteItem) {
			w.Update.UpdateExpression = aws.String("ADD #seats :n REMOVE #members")
		},
		"an update that adds to sets": func(w *types.TransactWriteItem) {
			w.Update.ExpressionAttributeValues[":n"] = &types.AttributeValueMemberSS{Value: []string{"a"}}
		},
	} {
		in := joining(table, 1)
		edit(&in.TransactItems[1])
		if _, err := bulk.New(db, nil).Client().TransactWriteItems(t.Context(), in); err == nil {
			t.Errorf("%s is gathered", name)
		}
	}
}
