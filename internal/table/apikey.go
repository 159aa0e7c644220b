package table

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

type apiKeyItem struct {
	PK, SK    string
	Name      string   `dynamodbav:"name"`
	Scopes    []string `dynamodbav:"scopes"`
	OwnerID   string   `dynamodbav:"owner_id"`
	Hash      string   `dynamodbav:"hash"`
	Epoch     int64    `dynamodbav:"epoch"`
	CreatedAt string   `dynamodbav:"created_at"`
	ExpiresAt string   `dynamodbav:"expires_at,omitempty"`
	UsedAt    string   `dynamodbav:"last_used_at,omitempty"`
}

func readAPIKey(item attributes) (k onboarding.APIKey, err error) {
	var i apiKeyItem
	if err := decode(item, &i); err != nil {
		return k, err
	}
	r := reader{}
	k = onboarding.APIKey{Name: i.Name, Owner: r.member(i.OwnerID), Hash: i.Hash, Epoch: i.Epoch, CreatedAt: r.time(i.CreatedAt),
		ExpiresAt: r.time(i.ExpiresAt), UsedAt: r.time(i.UsedAt)}
	for _, s := range i.Scopes {
		k.Scopes = append(k.Scopes, onboarding.Scope(s))
	}
	k.ID, err = onboarding.ParseAPIKeyKey(strings.TrimPrefix(i.SK, apiKeyPrefix))
	r.note("stored API key id", err)
	return k, r.err
}

// ListAPIKeys answers all keys of an organization, in the order in which they were made.
func (t *Table) ListAPIKeys(ctx context.Context, org onboarding.OrganizationID) ([]onboarding.APIKey, error) {
	return readAll(ctx, t, org, apiKeyPrefix, readAPIKey)
}

// CreateAPIKey writes a key that is not there. Where its answer was lost, the key is found with its own hash.
func (t *Table) CreateAPIKey(ctx context.Context, org onboarding.OrganizationID, k onboarding.APIKey) error {
	at := apiKeyKey(org, k.ID)
	i := apiKeyItem{PK: at.PK, SK: at.SK, Name: k.Name, OwnerID: memberText(k.Owner), Hash: k.Hash, Epoch: k.Epoch, CreatedAt: timeText(k.CreatedAt),
		ExpiresAt: timeText(k.ExpiresAt)}
	for _, s := range k.Scopes {
		i.Scopes = append(i.Scopes, string(s))
	}
	item, err := encode(i)
	if err != nil {
		return err
	}
	_, err = patiently(ctx, func() (*dynamodb.PutItemOutput, error) {
		return t.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.name, Item: item, ConditionExpression: aws.String("attribute_not_exists(PK)"),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
	})
	var failed *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &failed) && textOf(failed.Item["hash"]) == k.Hash:
		return nil
	case errors.As(err, &failed):
		return onboarding.ErrConflict
	case err != nil:
		return fault("put API key", err)
	}
	return nil
}

// DeleteAPIKey removes a key.
func (t *Table) DeleteAPIKey(ctx context.Context, org onboarding.OrganizationID, id onboarding.APIKeyID) error {
	got, err := patiently(ctx, func() (*dynamodb.DeleteItemOutput, error) {
		return t.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.name, Key: apiKeyKey(org, id).attributes(), ReturnValues: types.ReturnValueAllOld})
	})
	if err != nil {
		return fault("delete API key", err)
	}
	if len(got.Attributes) == 0 {
		return onboarding.ErrNotFound
	}
	return nil
}

// TouchAPIKey notes when a key was used. It writes that one attribute and no other: functions that only read may do so.
func (t *Table) TouchAPIKey(ctx context.Context, org onboarding.OrganizationID, id onboarding.APIKeyID, now, before time.Time) error {
	write := change{
		set:       "SET #last_used_at = :now",
		condition: "attribute_exists(#PK) AND (attribute_not_exists(#last_used_at) OR #last_used_at < :before)",
		vals:      map[string]any{":now": timeText(now), ":before": timeText(before)},
	}
	values, err := write.expressionValues()
	if err != nil {
		return err
	}
	_, err = t.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: &t.name, Key: apiKeyKey(org, id).attributes(), UpdateExpression: &write.set,
		ConditionExpression: &write.condition, ExpressionAttributeNames: write.expressionNames(), ExpressionAttributeValues: values}, onlyOnce)
	if refused := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &refused) {
		return nil
	}
	return err
}
