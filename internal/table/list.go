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
	requests    = "join_request"
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
	l := listing{org: org, place: statusPartition(org, invitations, string(stored)), condition: condition, after: after, limit: limit}
	if condition != "" {
		l.vals = map[string]any{":bound": bound}
	}
	return list(ctx, t, l, readContact)
}

// ListMembers answers one page of an organization's members of one status, the newest first; with a link, of those who joined
// by it.
func (t *Table) ListMembers(ctx context.Context, org onboarding.OrganizationID, status onboarding.MemberStatus, link *onboarding.LinkID,
	after string, limit int) ([]onboarding.Member, string, error) {
	l := listing{org: org, place: statusPartition(org, members, string(status)), after: after, limit: limit, vals: map[string]any{}}
	l.narrow(onboarding.RequestFilter{Link: link})
	return list(ctx, t, l, memberOf)
}

// ListJoinRequests answers one page of an organization's applicants: who waits longest first, or who was rejected last.
func (t *Table) ListJoinRequests(ctx context.Context, org onboarding.OrganizationID, status onboarding.MemberStatus, f onboarding.RequestFilter,
	after string, limit int) ([]onboarding.Member, string, error) {
	l := listing{org: org, place: statusPartition(org, requests, string(status)), after: after, limit: limit, vals: map[string]any{},
		oldest: status == onboarding.MemberPendingApproval}
	l.narrow(f)
	return list(ctx, t, l, memberOf)
}

// narrow adds what a filter asks for. The index is not sorted by it: a page is read on until it is full.
func (l *listing) narrow(f onboarding.RequestFilter) {
	if f.Link != nil {
		l.filter = and(l.filter, "#member.#link_id = :link")
		l.vals[":link"] = f.Link.Key()
	}
	if f.Channel != "" {
		l.filter = and(l.filter, "#member.#channel = :channel")
		l.vals[":channel"] = f.Channel
	}
	if !f.Before.IsZero() {
		l.filter = and(l.filter, "#member.#request.#at < :before")
		l.vals[":before"] = timeText(f.Before)
	}
}

func and(a, b string) string {
	if a == "" {
		return b
	}
	return a + " AND " + b
}

func memberOf(item attributes) (onboarding.Member, error) {
	m, _, err := readMember(item)
	return m, err
}

// indexPages is how many pages of the index, of 1 MB each, one request reads at most.
const indexPages = 10

// listing is which page of which list is asked for.
type listing struct {
	org       onboarding.OrganizationID
	place     string // the partition of the index
	condition string // on its sort key
	filter    string // on what the index holds
	vals      map[string]any
	oldest    bool // whether the oldest stand first
	after     string
	limit     int
}

// list reads one more than it answers, so that it never promises a page that is empty, unless a filter lets too little through.
// The key of where a page ended is
// made anew from the organization and the partition of this request, so a cursor reaches no other list.
func list[T any](ctx context.Context, t *Table, l listing, read func(attributes) (T, error)) ([]T, string, error) {
	names := change{set: "#" + byStatusPK + l.condition, condition: l.filter}
	values, err := encode(l.vals)
	if err != nil {
		return nil, "", err
	}
	values[":partition"] = text(l.place)
	input := &dynamodb.QueryInput{
		TableName: &t.name, IndexName: aws.String(byStatus), ScanIndexForward: &l.oldest,
		KeyConditionExpression:   aws.String("#by_status_pk = :partition" + l.condition),
		FilterExpression:         optional(l.filter),
		ExpressionAttributeNames: names.expressionNames(), ExpressionAttributeValues: values,
	}
	if l.filter == "" {
		input.Limit = aws.Int32(int32(l.limit + 1))
	}
	if l.after != "" {
		sort, item, _ := strings.Cut(l.after, "|")
		input.ExclusiveStartKey = attributes{byStatusPK: text(l.place), byStatusSK: text(sort), pk: text(partition(l.org)), sk: text(item)}
	}
	var items []attributes
	next := ""
	for pages := 1; len(items) <= l.limit; pages++ { // a page of the index ends at 1 MB, maybe before the limit
		got, err := t.db.Query(ctx, input)
		if err != nil {
			return nil, "", fault("query "+byStatus, err)
		}
		items = append(items, got.Items...)
		if input.ExclusiveStartKey = got.LastEvaluatedKey; len(got.LastEvaluatedKey) == 0 {
			break
		}
		if pages == indexPages { // a filter that little fits: whoever wants more asks again
			next = textOf(got.LastEvaluatedKey[byStatusSK]) + "|" + keyOf(got.LastEvaluatedKey).SK
			break
		}
	}
	if len(items) > l.limit {
		items = items[:l.limit]
		last := items[l.limit-1]
		next = textOf(last[byStatusSK]) + "|" + keyOf(last).SK
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
