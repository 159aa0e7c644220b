package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"latchkey/internal/dynamolocal"
	"latchkey/internal/dynamolocal/bulk"
	"latchkey/internal/onboarding"
)

const (
	departments = 10
	groups      = 5
	rareName    = "Quartermaine" // of one in the crowd
)

// crowd is who has been hired into the site's organization, and where they stand.
type crowd struct {
	departments []onboarding.DepartmentID
	groups      []onboarding.GroupID
	size        int
	address     string // of one who is active
	password    onboarding.PasswordHash
}

var (
	firstNames = []string{"Ada", "Björn", "Chloé", "Dmitri", "Émile", "Fatima", "Grace", "Håkon", "İpek", "Jürgen", "Keiko", "Łukasz", "María"}
	lastNames  = []string{"Abe", "Bäcker", "Čapek", "D'Arcy", "Eriksson", "Fernández", "Große", "Hopper", "Ito", "Jensen", "Kovač", "Lee",
		"Müller", "Nguyễn", "O'Neill", "Popov", "Quist", "Rossi", "Şahin", "Tanaka", "Ümit", "van der Berg", "Wójcik", "Xu", "Yılmaz", "Žižek"}
)

// client is a client of the site's database that ends a page where DynamoDB does.
func (s *site) client() *dynamodb.Client {
	o := dynamolocal.Client(s.server.URL).Options()
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("page", s.endPage), middleware.After)
	})
	return dynamodb.New(o)
}

// endPage ends the pages of a query with a filter after 1 MB of what is read. DynamoDB Local measures what the filter lets
// through, and reads on to the end.
func (s *site) endPage(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error) {
	if asked, ok := in.Parameters.(*dynamodb.QueryInput); ok && s.perPage > 0 && asked.FilterExpression != nil && asked.Limit == nil {
		ended := *asked
		ended.Limit = aws.Int32(int32(s.perPage))
		in.Parameters = &ended
	}
	return next.HandleInitialize(ctx, in)
}

// weigh looks how many members make 1 MB in an index.
func (s *site) weigh(ctx context.Context) error {
	out, err := s.db.Query(ctx, &dynamodb.QueryInput{TableName: aws.String(tableName), IndexName: aws.String("by_status"),
		KeyConditionExpression:    aws.String("by_status_pk = :partition"),
		ExpressionAttributeValues: attributes{":partition": &types.AttributeValueMemberS{Value: "ORG#" + organization + "#member#active"}}})
	if err != nil {
		return err
	}
	bytes := 0
	for _, item := range out.Items {
		bytes += size(item)
	}
	s.perPage = len(out.Items) * (1 << 20) / bytes
	return nil
}

// structure makes departments below the root, and groups that admit guests.
func (s *site) structure(ctx context.Context) error {
	caller := onboarding.Caller{Organization: s.org, Member: s.admin}
	structuring := onboarding.Structuring{World: s.world, Store: s.store(s.db)}
	for i := range departments {
		name := fmt.Sprintf("Department %02d", i)
		d, err := structuring.CreateDepartment(ctx, caller, onboarding.DepartmentChange{Name: &name}, onboarding.NewRequestID(s.world))
		if err != nil {
			return err
		}
		s.crowd.departments = append(s.crowd.departments, d.ID)
	}
	for i := range groups {
		name, kind, guests := fmt.Sprintf("Group %02d", i), onboarding.Project, true
		g, err := structuring.CreateGroup(ctx, caller, onboarding.GroupChange{Name: &name, Kind: &kind, AllowsGuests: &guests},
			onboarding.NewRequestID(s.world))
		if err != nil {
			return err
		}
		s.crowd.groups = append(s.crowd.groups, g.ID)
	}
	return nil
}

// hire adds n members by the store's own write, many at once, and answers them. What they were mailed has been sent.
func (s *site) hire(ctx context.Context, n int) ([]onboarding.Member, error) {
	if s.crowd.size == 0 {
		if err := s.structure(ctx); err != nil {
			return nil, err
		}
		chosen, err := onboarding.NewPassword(password)
		if err != nil {
			return nil, err
		}
		s.crowd.password = chosen.Hash(s.world)
	}
	w := bulk.New(s.db, sent)
	store, hired := s.store(w.Client()), make([]onboarding.Member, n)
	for i := range hired {
		m := s.person(s.crowd.size)
		login := m.Login()
		if hired[i] = m; m.Status == onboarding.MemberActive {
			s.crowd.address = login.Value
		}
		s.crowd.size++
		err := store.AddMember(ctx, onboarding.Addition{
			Member: m, Credentials: onboarding.Credentials{Password: s.crowd.password, Epoch: 1},
			Contact: onboarding.Contact{ID: onboarding.NewContactID(s.org.Salt, login), Address: login},
			Actor:   s.admin.Actor(), RequestID: onboarding.NewRequestID(s.world), Message: onboarding.Message{ID: "sent"},
		})
		if err != nil {
			return nil, err
		}
	}
	return hired, w.Write(ctx)
}

// sent takes the message out that a new item owes.
func sent(item attributes) {
	for _, name := range []string{"outbox", "outbox_wake", "by_outbox_pk", "by_outbox_sk"} {
		delete(item, name)
	}
}

// person is the i-th of a crowd, who came a minute after the one before. Of forty, four are guests, one has yet to choose a
// password, and one was dismissed. Employees stand in a department, and every third in a group; guests in a group.
func (s *site) person(i int) onboarding.Member {
	at := s.world.Instant().Add(time.Duration(i-20_000) * time.Minute)
	first, last := firstNames[i%len(firstNames)], lastNames[i/len(firstNames)%len(lastNames)]
	if i == 0 {
		last = rareName
	}
	m := onboarding.Member{
		ID: onboarding.NewMemberID(s.world), Organization: s.org.ID, Status: onboarding.MemberActive, Type: onboarding.Employee,
		Role: onboarding.RoleMember, FirstName: first, LastName: last, JobTitle: "Engineer", Email: address(), EmailVerified: true,
		Locale: onboarding.English, Entry: onboarding.Entry{Channel: onboarding.ChannelDirect, Inviter: s.admin.ID},
		CreatedAt: at, JoinedAt: at, UpdatedAt: at, Version: 1,
	}
	switch {
	case i%10 == 3:
		m.Type, m.EndsAt = onboarding.Guest, at.AddDate(1, 0, 0)
		m.Placement.Groups = []onboarding.GroupID{s.crowd.groups[i/10%groups]}
		return m
	case i%40 == 7:
		m.Status, m.JoinedAt = onboarding.MemberPendingActivation, time.Time{}
	case i%40 == 15:
		m.Status = onboarding.MemberDismissed
	}
	m.Placement.Departments = []onboarding.DepartmentID{s.crowd.departments[i/7%departments]}
	if i%3 == 0 {
		m.Placement.Groups = []onboarding.GroupID{s.crowd.groups[i/3%groups]}
	}
	return m
}
