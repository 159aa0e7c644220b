package dynamotest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/dynamolocal/dynamotest"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

func TestEachTestHasATableOfItsOwn(t *testing.T) {
	db, mine := dynamotest.Table(t)
	_, other := dynamotest.Table(t)
	_, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String(mine),
		Item: map[string]types.AttributeValue{
			"PK": &types.AttributeValueMemberS{Value: "a"}, "SK": &types.AttributeValueMemberS{Value: "b"},
			"by_outbox_pk": &types.AttributeValueMemberS{Value: "c"}, "by_outbox_sk": &types.AttributeValueMemberS{Value: "d"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string]int32{mine: 1, other: 0} {
		out, err := db.Scan(t.Context(), &dynamodb.ScanInput{
			TableName: aws.String(table), IndexName: aws.String("by_outbox"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if out.Count != want {
			t.Errorf("%d items, want %d", out.Count, want)
		}
	}
}
