package table

import (
	"context"
	"strconv"
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
	l, more := pendingOf(org, status, now, after)
	if !more {
		return nil, "", nil
	}
	l.limit = limit
	return list(ctx, t, l, readContact)
}

// pendingOf is the list of invitations of one status, of which the time makes two of what is stored as pending. It reports
// whether there is anything left of it. A suspended one that has expired is on no list.
func pendingOf(org onboarding.OrganizationID, status onboarding.InvitationStatus, now time.Time, after string) (l listing, more bool) {
	stored, condition, bound := status, "", timeText(now)
	last, _, paged := strings.Cut(after, "|")
	switch status {
	case onboarding.InvitationPending, onboarding.InvitationSuspended:
		if paged && last <= bound {
			return l, false // what the last page ended with has expired, and all behind it had before
		}
		condition = " AND #by_status_sk > :bound"
	case onboarding.InvitationExpired:
		if paged && last > bound {
			bound = last // the clock here is behind the one that answered the last page
		}
		stored, condition = onboarding.InvitationPending, " AND #by_status_sk <= :bound"
	}
	l = listing{org: org, place: statusPartition(org, invitations, string(stored)), condition: condition, after: after, vals: map[string]any{}}
	if condition != "" {
		l.vals[":bound"] = bound
	}
	return l, true
}

// ListMembers answers one page of an organization's members of one status. By their making and by their names there is an index;
// who stands in a department or group is listed there, by name. What else a filter asks for is looked for on the way.
func (t *Table) ListMembers(ctx context.Context, org onboarding.OrganizationID, f onboarding.PeopleFilter, after string, limit int) (
	[]onboarding.Member, string, error) {
	l := listing{org: org, place: statusPartition(org, members, string(f.Status)), after: after, limit: limit, oldest: f.Sort.Rising(),
		vals: map[string]any{}}
	if f.Status.Applicant() {
		l.place = statusPartition(org, requests, string(f.Status))
	}
	at := ""
	switch {
	case !f.Sort.Named():
	case f.Status.Placed() && f.Group != nil:
		at, f.Group = atGroup(*f.Group), nil
	case f.Status.Placed() && f.Department != nil:
		at, f.Department = atDepartment(*f.Department), nil
	default:
		l.index = indexByName
	}
	l.narrowPeople("#member", "#type", f)
	if at != "" {
		l.index, l.place, l.condition = index{}, partition(org), " AND begins_with(#SK, :at)"
		l.vals[":at"] = at + string(f.Status) + "#"
		return list(ctx, t, l, readPlaced)
	}
	return list(ctx, t, l, memberOf)
}

// ListInvited answers one page of an organization's pending invitations, those that expire last first, narrowed as members are.
func (t *Table) ListInvited(ctx context.Context, org onboarding.OrganizationID, f onboarding.PeopleFilter, now time.Time, after string, limit int) (
	[]onboarding.Contact, string, error) {
	l, more := pendingOf(org, onboarding.InvitationPending, now, after)
	if !more {
		return nil, "", nil
	}
	l.limit = limit
	l.narrowPeople("#invitation", "#member_type", f)
	return list(ctx, t, l, readContact)
}

// readPlaced reads a member as they stand in a place.
func readPlaced(item attributes) (onboarding.Member, error) {
	var i placedItem
	if err := decode(item, &i); err != nil {
		return onboarding.Member{}, err
	}
	return memberItem{PK: i.PK, SK: memberPrefix + i.MemberID, Member: i.Member, Version: i.Version}.member()
}

// narrowPeople adds what a filter asks for of people, whose map is called so, and their type in it.
func (l *listing) narrowPeople(of, kind string, f onboarding.PeopleFilter) {
	add := func(given bool, condition, name string, value any) {
		if given {
			l.filter = and(l.filter, condition)
			l.vals[name] = value
		}
	}
	add(f.Type != "", of+"."+kind+" = :type", ":type", f.Type)
	add(f.Role != "", of+".#role = :role", ":role", f.Role)
	if f.Department != nil {
		add(true, "contains("+of+".#departments, :department)", ":department", f.Department.Key())
	}
	if f.Group != nil {
		add(true, "contains("+of+".#groups, :group)", ":group", f.Group.Key())
	}
	if f.Link != nil {
		add(true, of+".#link_id = :link", ":link", f.Link.Key())
	}
	for i, word := range f.Words {
		name := ":word" + strconv.Itoa(i)
		add(true, "contains("+of+".#search, "+name+")", name, word)
	}
	within := ""
	for i, id := range f.Within {
		name := ":within" + strconv.Itoa(i)
		if within != "" {
			within += " OR "
		}
		within += "contains(" + of + ".#groups, " + name + ")"
		l.vals[name] = id.Key()
	}
	if within != "" {
		l.filter = and(l.filter, "("+within+")")
	}
	l.nearly = l.filter == ""
	add(!f.Current.IsZero(), "(attribute_not_exists("+of+".#ends_at) OR "+of+".#ends_at > :now)", ":now", timeText(f.Current))
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

// firstLook is how many times the length of a page is read at first where a filter lets only some through; from then on, all that
// a page of the index holds. Where one in ten fits, the first look is enough.
const firstLook = 12

// index is where a list stands, and by what it is sorted. Its zero value is the table itself.
type index struct{ name, pk, sk string }

var (
	indexByStatus = index{byStatus, byStatusPK, byStatusSK}
	indexByName   = index{byName, byNamePK, byNameSK}
)

// listing is which page of which list is asked for.
type listing struct {
	org       onboarding.OrganizationID
	index     index  // by_status, where condition names no key of the table
	place     string // the partition
	condition string // on the sort key
	filter    string // on what stands there
	nearly    bool   // whether the filter lets nearly everything through
	vals      map[string]any
	oldest    bool // whether the oldest stand first, or the smallest
	after     string
	limit     int
}

// sparse reports whether a filter may let little through.
func (l listing) sparse() bool { return l.filter != "" && !l.nearly }

// query is the request for the first page.
func (l listing) query(t *Table) (*dynamodb.QueryInput, index, error) {
	in := l.index
	switch {
	case strings.Contains(l.condition, "#"+sk):
		in.pk, in.sk = pk, sk
	case in.name == "":
		in = indexByStatus
	}
	values, err := encode(l.vals)
	if err != nil {
		return nil, in, err
	}
	if values == nil {
		values = attributes{}
	}
	values[":partition"] = text(l.place)
	q := &dynamodb.QueryInput{
		TableName: &t.name, IndexName: optional(in.name), ScanIndexForward: &l.oldest,
		KeyConditionExpression:   aws.String("#" + in.pk + " = :partition" + l.condition),
		FilterExpression:         optional(l.filter),
		ExpressionAttributeNames: change{set: "#" + in.pk + l.condition, condition: l.filter}.expressionNames(), ExpressionAttributeValues: values,
	}
	if in.name == "" {
		q.ConsistentRead = aws.Bool(true)
	}
	q.Limit = aws.Int32(int32(l.limit + 1))
	if l.sparse() {
		*q.Limit *= firstLook
	}
	switch cut := strings.LastIndexByte(l.after, '|'); { // the last: a name may hold one
	case l.after == "":
	case in.name == "":
		q.ExclusiveStartKey = key{l.place, l.after}.attributes()
	default:
		q.ExclusiveStartKey = attributes{in.pk: text(l.place), in.sk: text(l.after[:max(cut, 0)]), pk: text(partition(l.org)), sk: text(l.after[cut+1:])}
	}
	return q, in, nil
}

// where is the place of an item in a list.
func (in index) where(item attributes) string {
	if in.name == "" {
		return keyOf(item).SK
	}
	return textOf(item[in.sk]) + "|" + keyOf(item).SK
}

// list reads one more than it answers, so that it never promises a page that is empty, unless a filter lets too little through.
// The key of where a page ended is made anew from the organization and the partition of this request, so a cursor reaches no
// other list.
func list[T any](ctx context.Context, t *Table, l listing, read func(attributes) (T, error)) ([]T, string, error) {
	input, in, err := l.query(t)
	if err != nil {
		return nil, "", err
	}
	var items []attributes
	next := ""
	for pages := 1; len(items) <= l.limit; pages++ { // a page ends at 1 MB, maybe before the limit
		got, err := t.db.Query(ctx, input)
		if err != nil {
			return nil, "", fault("query "+in.name, err)
		}
		items = append(items, got.Items...)
		if input.ExclusiveStartKey = got.LastEvaluatedKey; len(got.LastEvaluatedKey) == 0 {
			break
		}
		if l.sparse() {
			input.Limit = nil
		}
		if pages == indexPages { // a filter that little fits: whoever wants more asks again
			next = in.where(got.LastEvaluatedKey)
			break
		}
	}
	if len(items) > l.limit {
		items = items[:l.limit]
		next = in.where(items[l.limit-1])
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
