package sam

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"go.yaml.in/yaml/v3"
)

// Table is the schema of the table.
type Table struct {
	TTLAttribute string // "" for none

	input dynamodb.CreateTableInput
}

// CreateInput returns the request that creates a table of this schema. TTL, recovery and deletion protection are not in
// it: DynamoDB Local does not know them, or does them wrong.
func (t Table) CreateInput(name string) *dynamodb.CreateTableInput {
	in := t.input
	in.TableName = aws.String(name)
	in.AttributeDefinitions = slices.Clone(in.AttributeDefinitions)
	in.KeySchema = slices.Clone(in.KeySchema)
	in.GlobalSecondaryIndexes = slices.Clone(in.GlobalSecondaryIndexes)
	return &in
}

func (t *reader) readTable(n *yaml.Node) (Table, error) {
	var out Table
	properties, err := t.properties(n)
	if err != nil {
		return out, err
	}
	in := &out.input
	err = t.fields(properties, "AWS::DynamoDB::Table", readers{
		"DeletionProtectionEnabled": nil, "PointInTimeRecoverySpecification": nil, "SSESpecification": nil, "Tags": nil,
		"BillingMode": func(n *yaml.Node) error {
			in.BillingMode = types.BillingModePayPerRequest
			return t.isText(string(types.BillingModePayPerRequest))(n)
		},
		"StreamSpecification": func(n *yaml.Node) error {
			var view string
			err := t.fields(n, "StreamSpecification", readers{"StreamViewType": t.text(&view)})
			in.StreamSpecification = &types.StreamSpecification{
				StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewType(view),
			}
			return err
		},
		"TimeToLiveSpecification": func(n *yaml.Node) error {
			return t.fields(n, "TimeToLiveSpecification", readers{
				"AttributeName": t.text(&out.TTLAttribute), "Enabled": t.isText("true"),
			})
		},
		"AttributeDefinitions": t.each(func(n *yaml.Node) error {
			var name, kind string
			err := t.fields(n, "AttributeDefinitions", readers{
				"AttributeName": t.text(&name), "AttributeType": t.text(&kind),
			})
			in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
				AttributeName: aws.String(name), AttributeType: types.ScalarAttributeType(kind),
			})
			return err
		}),
		"KeySchema": t.keySchema(&in.KeySchema),
		"GlobalSecondaryIndexes": t.each(func(n *yaml.Node) error {
			var name, projection string
			index := types.GlobalSecondaryIndex{Projection: &types.Projection{}}
			err := t.fields(n, "GlobalSecondaryIndexes", readers{
				"IndexName": t.text(&name),
				"KeySchema": t.keySchema(&index.KeySchema),
				"Projection": func(n *yaml.Node) error {
					return t.fields(n, "Projection", readers{
						"ProjectionType":   t.text(&projection),
						"NonKeyAttributes": t.texts(&index.Projection.NonKeyAttributes),
					})
				},
			})
			index.IndexName = aws.String(name)
			index.Projection.ProjectionType = types.ProjectionType(projection)
			in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, index)
			return err
		}),
	})
	if err == nil && in.BillingMode == "" {
		err = t.fault(n, "a table with provisioned capacity is not understood")
	}
	return out, err
}

func (t *reader) keySchema(to *[]types.KeySchemaElement) func(*yaml.Node) error {
	return t.each(func(n *yaml.Node) error {
		var name, kind string
		err := t.fields(n, "KeySchema", readers{"AttributeName": t.text(&name), "KeyType": t.text(&kind)})
		*to = append(*to, types.KeySchemaElement{AttributeName: aws.String(name), KeyType: types.KeyType(kind)})
		return err
	})
}
