package main

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"latchkey/internal/api"
	"latchkey/internal/dynamolocal"
	"latchkey/internal/lambdahttp"
	"latchkey/internal/numbers"
	"latchkey/internal/onboarding"
	"latchkey/internal/table"
	"latchkey/internal/telemetry"
)

const (
	organization = "bench"
	password     = "violet harbour engine 47" // of everybody
)

// site is a database of its own, and in it a table with one organization, whose administrator is signed in. No two
// measures share one: of a table with a stream, DynamoDB Local looks through what older streams hold at every write.
type site struct {
	*lab
	medium  medium
	server  *dynamolocal.Server
	db      *dynamodb.Client
	schema  *dynamodb.CreateTableInput
	org     onboarding.Organization
	admin   onboarding.Member
	token   string
	pending int // how many invitations pend has made
	members []string
	crowd   crowd
	perPage int // how many members DynamoDB reads before a page ends; 0 while that is not asked
}

// site starts a database on that medium and founds an organization there, in a table changed by edits. It is nil for none. The
// caller closes it.
func (l *lab) site(ctx context.Context, m medium, edits ...func(*dynamodb.CreateTableInput)) (s *site, err error) {
	if m == none {
		return nil, nil
	}
	s = &site{lab: l, medium: m}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	var o dynamolocal.Options
	if m == disk {
		if o.Dir, err = os.MkdirTemp(l.scratch, "data-"); err != nil {
			return nil, err
		}
	}
	if s.server, err = dynamolocal.Start(ctx, o); err != nil {
		return nil, err
	}
	s.db = s.client()
	template, err := l.template()
	if err != nil {
		return nil, err
	}
	s.schema = template.Table.CreateInput(tableName)
	for _, edit := range edits {
		edit(s.schema)
	}
	if err := dynamolocal.CreateTable(ctx, s.db, s.schema); err != nil {
		return nil, err
	}
	founding := onboarding.Founding{World: l.world, Store: s.store(s.db)}
	s.org, s.admin, err = founding.Found(ctx, onboarding.FoundCommand{
		ID: organization, Name: "Bench & Co", Locale: onboarding.English, Country: "US", DailySendLimit: 1 << 30, Password: password,
		Admin: onboarding.Invitee{Address: "grace@bench.example", FirstName: "Grace", LastName: "Hopper"},
	})
	if err != nil {
		return nil, err
	}
	session, token := onboarding.NewSession(l.world, s.org.ID, s.admin.ID, 1)
	s.token = token.Reveal()
	return s, s.store(s.db).BeginSession(ctx, s.org.ID, session)
}

func (s *site) close() {
	if s != nil && s.server != nil {
		s.server.Stop()
	}
}

func (s *site) store(db *dynamodb.Client) *table.Table { return table.New(db, tableName) }

// texts is the guard of a deployment that texts.
func (s *site) texts(store *table.Table) onboarding.Texts {
	return onboarding.Texts{World: s.world, Store: store, Numbers: numbers.Plan{},
		Texting: onboarding.Texting{On: true, Budget: 1_000_000 * onboarding.Dollar, Prices: map[string]onboarding.Money{"*": onboarding.Dollar / 100}}}
}

// handler is a function as its main.go puts it together, on a client of the caller's.
func (s *site) handler(function string, db *dynamodb.Client) (lambda.Handler, error) {
	store := s.store(db)
	edge := api.Edge{
		Log: telemetry.NewLogger(s.log, function), Metrics: telemetry.NewMetrics(s.log, function, "bench"),
		BaseURL: baseURL, Now: time.Now, RequestID: lambdahttp.RequestID,
	}
	switch function {
	case "create-invite":
		return lambdahttp.Handler(api.CreateInvite(edge, s.world, store, s.keys, s.texts(store))), nil
	case "update-invite":
		return lambdahttp.Handler(api.UpdateInvite(edge, s.world, store, s.texts(store))), nil
	case "redeem-link":
		return lambdahttp.Handler(api.RedeemLink(edge, s.world, store, s.keys, s.texts(store))), nil
	case "browse":
		return lambdahttp.Handler(api.Browse(edge, s.world, store)), nil
	case "approve":
		return lambdahttp.Handler(api.Approve(edge, s.world, store)), nil
	case "configure":
		return lambdahttp.Handler(api.Configure(edge, s.world, store, s.keys)), nil
	case "add-user":
		return lambdahttp.Handler(api.AddUser(edge, s.world, store, s.keys)), nil
	case "update-user":
		return lambdahttp.Handler(api.UpdateUser(edge, s.world, store)), nil
	case "sign-in":
		return lambdahttp.Handler(api.SignIn(edge, s.world, store, s.keys, s.texts(store))), nil
	case "deliver":
		return s.deliver(store), nil
	}
	return nil, fmt.Errorf("functions/%s is not known here", function)
}

// address makes the address of the next person. No two people of a process are one.
func address() string { return strings.ToLower(rand.Text()[:12]) + "@people.example" }

// phone makes the number of the next person.
func phone() string { return fmt.Sprintf("+1202%d", 2_220_000+mathrand.N(7_000_000)) }

// pend writes n invitations that were mailed some minutes ago.
func (s *site) pend(ctx context.Context, n int) ([]onboarding.Contact, error) {
	const batch = 1000
	sent := s.world.Instant().Add(-5 * time.Minute)
	contacts := make([]onboarding.Contact, n)
	for i := range contacts {
		to := onboarding.Address{Kind: onboarding.Email, Value: address()}
		contacts[i] = onboarding.Contact{
			ID: onboarding.NewContactID(s.org.Salt, to), Address: to, Invited: true,
			Nonce: s.world.Nonce(), RequestID: onboarding.NewRequestID(s.world), Version: 1,
			Invitation: onboarding.Invitation{
				Status: onboarding.InvitationPending, Round: 1, FirstName: "Ada", LastName: "Lovelace " + strconv.Itoa(i),
				MemberType: onboarding.Employee, Role: onboarding.RoleMember, Locale: onboarding.English,
				Inviter: s.admin.Actor(), InviterName: s.admin.Name(),
				Delivery:  onboarding.Delivery{Status: onboarding.DeliverySent, LastEventAt: sent, Attempts: 1},
				CreatedAt: sent, UpdatedAt: sent, LastSentAt: sent, SendCount: 1,
				ExpiresAt: sent.Add(s.org.Settings.InvitationLifetime + time.Duration(i)*time.Millisecond),
			},
		}
	}
	for some := range slices.Chunk(contacts, batch) {
		there, err := s.store(s.db).CreateContacts(ctx, s.org.ID, some)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(there, func(c *onboarding.Contact) bool { return c != nil }) {
			return nil, fmt.Errorf("an address was there already")
		}
	}
	s.pending += n
	return contacts, nil
}

// link is the token of the link that was mailed.
func (s *site) link(c onboarding.Contact) string {
	return s.keys.Derive(onboarding.PurposeMailed, s.org.ID, c.ID, c.Invitation.Round, c.Nonce).Reveal()
}

// atLeast sees to it that so many people have joined and so many invitations are pending.
func (s *site) atLeast(ctx context.Context, members, pending int) error {
	if n := pending - s.pending; n > 0 {
		if _, err := s.pend(ctx, n); err != nil {
			return err
		}
	}
	n := members - len(s.members)
	if n <= 0 {
		return nil
	}
	contacts, err := s.pend(ctx, n)
	if err != nil {
		return err
	}
	handler, err := s.handler("redeem-link", s.db)
	if err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for _, c := range contacts {
		s.members = append(s.members, c.Address.Value)
		group.Go(func() error { return acceptJob.invoke(groupCtx, handler, s.acceptance(c)) })
	}
	s.pending -= n
	return group.Wait()
}
