package table

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// The collections of by_status.
const (
	invitations = "invitation"
	members     = "member"
)

// ListInvitations answers one page of an organization's invitations of one status, the newest first, and where the next
// one begins, or nothing if there is none. The index is a moment behind.
func (t *Table) ListInvitations(ctx context.Context, org onboarding.OrganizationID, status onboarding.InvitationStatus, now time.Time,
	after string, limit int) ([]onboarding.Contact, string, error) {
	stored, condition, bound := status, "", timeText(now)
	last, _, paged := strings.Cut(after, "|")
	switch status {
	case onboarding.InvitationPending:
		if paged && last <= bound {
			return nil, "", nil // what the last page ended with has expired, and all behind it had before
		}
		condition = " AND #by_status_sk > :bound"
	case onboarding.InvitationExpired:
		if paged && last > bound {
			bound = last // the clock here is behind the one that answered the last page
		}
		stored, condition = onboarding.InvitationPending, " AND #by_status_sk <= :bound"
	}
	return list(ctx, t, org, statusPartition(org, invitations, string(stored)), condition, bound, after, limit, readContact)
}

// ListMembers answers one page of an organization's members of one status, the newest first.
func (t *Table) ListMembers(ctx context.Context, org onboarding.OrganizationID, status onboarding.MemberStatus,
	after string, limit int) ([]onboarding.Member, string, error) {
	read := func(item attributes) (onboarding.Member, error) {
		m, _, err := readMember(item)
		return m, err
	}
	return list(ctx, t, org, statusPartition(org, members, string(status)), "", "", after, limit, read)
}

// list reads one more than it answers, so that it never promises a page that is empty. The key of where a page ended is
// made anew from the organization and the partition of this request, so a cursor reaches no other list.
func list[T any](ctx context.Context, t *Table, org onboarding.OrganizationID, place, condition, bound, after string, limit int,
	read func(attributes) (T, error)) ([]T, string, error) {
	input := &dynamodb.QueryInput{
		TableName: &t.name, IndexName: aws.String(byStatus), Limit: aws.Int32(int32(limit + 1)), ScanIndexForward: aws.Bool(false),
		KeyConditionExpression:    aws.String("#by_status_pk = :partition" + condition),
		ExpressionAttributeNames:  map[string]string{"#by_status_pk": byStatusPK},
		ExpressionAttributeValues: attributes{":partition": text(place)},
	}
	if condition != "" {
		input.ExpressionAttributeNames["#by_status_sk"] = byStatusSK
		input.ExpressionAttributeValues[":bound"] = text(bound)
	}
	if after != "" {
		sort, item, _ := strings.Cut(after, "|")
		input.ExclusiveStartKey = attributes{byStatusPK: text(place), byStatusSK: text(sort), pk: text(partition(org)), sk: text(item)}
	}
	var items []attributes
	for len(items) <= limit { // a page of the index ends at 1 MB, maybe before the limit
		got, err := t.db.Query(ctx, input)
		if err != nil {
			return nil, "", fault("query "+byStatus, err)
		}
		items = append(items, got.Items...)
		if input.ExclusiveStartKey = got.LastEvaluatedKey; len(got.LastEvaluatedKey) == 0 {
			break
		}
	}
	next := ""
	if len(items) > limit {
		items = items[:limit]
		last := items[limit-1]
		next = last[byStatusSK].(*types.AttributeValueMemberS).Value + "|" + keyOf(last).SK
	}
	page := make([]T, 0, len(items))
	for _, item := range items {
		one, err := read(item)
		if err != nil {
			return nil, "", err
		}
		page = append(page, one)
	}
	return page, next, nil
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
