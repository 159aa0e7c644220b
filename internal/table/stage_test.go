package table_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/dynamolocal/dynamotest"
	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

func TestMain(m *testing.M) {
	// The tests wait for the database more than they compute. A -parallel of the command line still counts.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	dynamotest.Main(m)
}

const (
	acme     = onboarding.OrganizationID("acme")
	password = "violin umbrella tractor"
	baseURL  = "https://join.example.com"
)

// stage is an organization with an administrator, on a table of its own, at a time that stands still until it is moved.
type stage struct {
	t     *testing.T
	db    *dynamodb.Client
	name  string
	store *table.Table
	keys  onboarding.Keys
	box   *postbox
	admin onboarding.Caller

	texting onboarding.Texting // what the operator has decided; an organization without a country is not texted all the same

	crowds int // how many there are, so that no two people of them have one address

	mu  sync.Mutex
	now time.Time
}

// founded is acme with its administrator, as the use case writes them. It is founded once, and copied to every table:
// a password takes longer to hash than most tests take.
var founded struct {
	once        sync.Once
	items       []types.WriteRequest
	o           onboarding.Organization
	admin       onboarding.Member
	credentials onboarding.Credentials
	err         error
}

func found(s *stage) {
	founded.o, founded.admin, founded.err = s.founding().Found(s.t.Context(), onboarding.FoundCommand{ID: string(acme), Name: "Acme",
		Locale: onboarding.English, Admin: onboarding.Invitee{Address: "ada@example.com", FirstName: "Ada",
			LastName: "Byron"}, Password: password})
	var err error
	_, founded.credentials, err = s.store.ReadCredentials(s.t.Context(), acme, founded.admin.ID)
	s.ok(err)
	for _, item := range s.items() {
		founded.items = append(founded.items, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
	}
}

// newStage has acme, with its settings changed by edits. The test goes on in parallel with others.
func newStage(t *testing.T, edits ...func(*onboarding.Organization)) *stage {
	t.Helper()
	t.Parallel()
	s := emptyStage(t)
	founded.once.Do(func() { found(s) })
	s.ok(founded.err)
	_, err := s.db.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{s.name: founded.items}})
	s.ok(err)
	s.admin = onboarding.Caller{Organization: founded.o, Member: founded.admin}
	if len(edits) > 0 {
		s.admin.Organization, err = s.founding().Change(t.Context(), acme, func(o *onboarding.Organization) {
			for _, edit := range edits {
				edit(o)
			}
		})
		s.ok(err)
	}
	return s
}

func emptyStage(t *testing.T) *stage {
	t.Helper()
	db, name := dynamotest.Table(t)
	keys, err := onboarding.NewKeys(1, map[byte][]byte{1: []byte("the first master key of the tests")})
	if err != nil {
		t.Fatal(err)
	}
	return &stage{t: t, db: db, name: name, store: table.New(db, name), keys: keys, box: &postbox{}, texting: texting(),
		now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
}

func limit(n int) func(*onboarding.Organization) {
	return func(o *onboarding.Organization) { o.Settings.DailySendLimit = n }
}

func everyoneInvites(o *onboarding.Organization) { o.Settings.WhoCanInvite = onboarding.EveryoneInvite }

func nobodyWaits(o *onboarding.Organization) { o.Settings.RequestApproval = false }

// exempting lets those from a domain in without approval.
func exempting(domain string) func(*onboarding.Organization) {
	return func(o *onboarding.Organization) { o.Settings.ExemptDomains = []onboarding.Domain{{Name: domain}} }
}

func (s *stage) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *stage) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *stage) world() onboarding.World { return onboarding.World{Now: s.Now, Rand: rand.Reader} }

func (s *stage) founding() onboarding.Founding {
	return onboarding.Founding{World: s.world(), Store: s.store}
}

func (s *stage) inviting(store onboarding.InviteStore) onboarding.Inviting {
	return onboarding.Inviting{World: s.world(), Store: store, Keys: s.keys, Texts: s.texts(store)}
}

func (s *stage) updating(store onboarding.UpdateStore) onboarding.Updating {
	return onboarding.Updating{World: s.world(), Store: store, Texts: s.texts(store)}
}

func (s *stage) redeeming(store onboarding.RedeemStore) onboarding.Redeeming {
	return onboarding.Redeeming{World: s.world(), Store: store, Keys: s.keys}
}

func (s *stage) joining(store onboarding.JoinStore) onboarding.Joining {
	return onboarding.Joining{World: s.world(), Store: store, Keys: s.keys, Texts: s.texts(store)}
}

func (s *stage) approving(store onboarding.ApproveStore) onboarding.Approving {
	return onboarding.Approving{World: s.world(), Store: store}
}

func (s *stage) configuring(store onboarding.ConfigureStore) onboarding.Configuring {
	return onboarding.Configuring{World: s.world(), Store: store}
}

func (s *stage) signingIn(store onboarding.SignInStore) onboarding.SigningIn {
	return onboarding.SigningIn{World: s.world(), Store: store, Keys: s.keys, Texts: s.texts(store)}
}

func (s *stage) delivering(store onboarding.OutboxStore) onboarding.Delivering {
	return onboarding.Delivering{World: s.world(), Store: store, Keys: s.keys, Sender: s.box, Texts: s.texts(store), BaseURL: baseURL,
		Report: func(onboarding.Owed, onboarding.Outcome, error) {}}
}

func (s *stage) redriving() onboarding.Redriving {
	return onboarding.Redriving{World: s.world(), Store: s.store}
}

func (s *stage) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// codeOf is the code of a refusal, "" of nil, and the text of any other error.
func codeOf(err error) onboarding.Code {
	var e *onboarding.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	}
	return onboarding.Code("no refusal: " + err.Error())
}

func (s *stage) refused(err error, want onboarding.Code) {
	s.t.Helper()
	if got := codeOf(err); got != want {
		s.t.Fatalf("%q, want the refusal %q", got, want)
	}
}

// command invites addresses as plain members, changed by edits.
func (s *stage) command(addresses []string, edits ...func(*onboarding.InviteCommand)) onboarding.InviteCommand {
	cmd := onboarding.InviteCommand{Type: onboarding.Employee, Role: onboarding.RoleMember, Notify: true,
		RequestID: onboarding.NewRequestID(s.world())}
	for _, a := range addresses {
		i := onboarding.Invitee{Address: a}
		if isPhone(a) {
			i.Kind = onboarding.Phone
		}
		cmd.Recipients = append(cmd.Recipients, i)
	}
	for _, edit := range edits {
		edit(&cmd)
	}
	return cmd
}

func resend(c *onboarding.InviteCommand)          { c.Resend = true }
func silently(c *onboarding.InviteCommand)        { c.Notify = false }
func asAnAdmin(c *onboarding.InviteCommand)       { c.Role = onboarding.RoleAdmin }
func asAnEngineer(c *onboarding.InviteCommand)    { c.JobTitle = "Engineer" }
func (s *stage) addresses(n int) []string         { return numbered("ann%d@example.com", n) }
func anyVersion(onboarding.Contact) bool          { return true }
func (s *stage) request() string                  { return onboarding.NewRequestID(s.world()) }
func (s *stage) id(a string) onboarding.ContactID { return s.contact(a).ID }

func numbered(format string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return all
}

// invite invites one address as the administrator.
func (s *stage) invite(address string, edits ...func(*onboarding.InviteCommand)) onboarding.InviteResult {
	s.t.Helper()
	return s.inviteAs(s.admin, address, edits...)
}

func (s *stage) inviteAs(caller onboarding.Caller, address string, edits ...func(*onboarding.InviteCommand)) onboarding.InviteResult {
	s.t.Helper()
	results, err := s.inviting(s.store).Invite(s.t.Context(), caller, s.command([]string{address}, edits...))
	s.ok(err)
	return results[0]
}

// invited invites one address that must be new to this round, and answers its link's token as mailed.
func (s *stage) invited(address string, edits ...func(*onboarding.InviteCommand)) string {
	s.t.Helper()
	if r := s.invite(address, edits...); r.Verdict != onboarding.Created && r.Verdict != onboarding.Reopened {
		s.t.Fatalf("%s: %s, %s", address, r.Verdict, r.Reason)
	}
	return s.mailedToken(address)
}

// mailedToken is the token of the link that an address's invitation is mailed with.
func (s *stage) mailedToken(address string) string {
	s.t.Helper()
	c := s.contact(address)
	return s.keys.Derive(onboarding.PurposeMailed, acme, c.ID, c.Invitation.Round, c.Nonce).Reveal()
}

// contact reads an address's contact.
func (s *stage) contact(address string) onboarding.Contact {
	s.t.Helper()
	c, err := s.store.ReadContact(s.t.Context(), acme, onboarding.NewContactID(s.organization().Salt, s.address(address)))
	s.ok(err)
	return c
}

func (s *stage) organization() onboarding.Organization {
	s.t.Helper()
	o, err := s.store.ReadOrganization(s.t.Context(), acme)
	s.ok(err)
	return o
}

func profile() onboarding.Profile {
	return onboarding.Profile{FirstName: "Ann", LastName: "Lee", Password: password}
}

// join invites an address and makes it a member, whose password is the administrator's: the store's write, without the wait
// for a hash.
func (s *stage) join(address string, edits ...func(*onboarding.InviteCommand)) onboarding.Caller {
	s.t.Helper()
	token, c := s.invited(address, edits...), founded.credentials
	offer, err := s.redeeming(s.store).Open(s.t.Context(), acme, token)
	s.ok(err)
	m, i := s.admin.Member, offer.Contact.Invitation
	m.ID, m.Email, m.Type, m.Role = onboarding.NewMemberID(s.world()), offer.Contact.Address.Value, i.MemberType, i.Role
	m.CreatedAt, m.JoinedAt, m.UpdatedAt = s.Now(), s.Now(), s.Now()
	session, _ := onboarding.NewSession(s.world(), acme, m.ID, c.Epoch)
	s.ok(s.store.Accept(s.t.Context(), onboarding.Acceptance{Organization: acme, Contact: offer.Contact,
		Inviter: i.Inviter, Member: m,
		Credentials: onboarding.Credentials{Password: c.Password, Epoch: c.Epoch}, Session: session, At: s.Now()}))
	return onboarding.Caller{Organization: s.admin.Organization, Member: m, Session: session}
}

// owed is what the table's stream brings to deliver, by way of the event that it is brought in.
func (s *stage) owed() []onboarding.Owed {
	s.t.Helper()
	type record = map[string]any
	var records []record
	for _, item := range s.items() {
		if text(item["outbox_wake"]) != "owed" {
			continue
		}
		messages := record{}
		for id := range item["outbox"].(*types.AttributeValueMemberM).Value {
			messages[id] = record{"M": record{}}
		}
		records = append(records, record{"eventName": "MODIFY", "dynamodb": record{"SequenceNumber": fmt.Sprint(len(records)),
			"Keys":     record{"PK": record{"S": text(item["PK"])}, "SK": record{"S": text(item["SK"])}},
			"NewImage": record{"outbox": record{"M": messages}}}})
	}
	event, err := json.Marshal(record{"Records": records})
	s.ok(err)
	owed, err := table.ParseStream(event)
	s.ok(err)
	return owed
}

// mail delivers all that the stream brings, and answers the letters of it.
func (s *stage) mail() []onboarding.Letter {
	s.t.Helper()
	before := len(s.box.all())
	if failed := s.delivering(s.store).Deliver(s.t.Context(), s.owed()); len(failed) > 0 {
		s.t.Fatalf("%v could not be settled", failed)
	}
	return s.box.all()[before:]
}

// tokenIn is the token at the end of a letter's link.
func tokenIn(l onboarding.Letter) string { return l.Link[strings.LastIndexByte(l.Link, '/')+1:] }

// items is the whole table.
func (s *stage) items() []map[string]types.AttributeValue {
	s.t.Helper()
	var all []map[string]types.AttributeValue
	pages := dynamodb.NewScanPaginator(s.db, &dynamodb.ScanInput{TableName: &s.name, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.t.Context())
		s.ok(err)
		all = append(all, page.Items...)
	}
	return all
}

// count is how many items there are whose sort key begins with prefix.
func (s *stage) count(prefix string) int {
	s.t.Helper()
	n := 0
	for _, item := range s.items() {
		if strings.HasPrefix(text(item["SK"]), prefix) {
			n++
		}
	}
	return n
}

// item reads an item of acme as it lies.
func (s *stage) item(sk string) map[string]types.AttributeValue {
	s.t.Helper()
	got, err := s.db.GetItem(s.t.Context(), &dynamodb.GetItemInput{TableName: &s.name, Key: itemKey(sk),
		ConsistentRead: aws.Bool(true)})
	s.ok(err)
	return got.Item
}

func itemKey(sk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: "ORG#" + string(acme)},
		"SK": &types.AttributeValueMemberS{Value: sk}}
}

func contactSK(id onboarding.ContactID) string { return "CONTACT#" + id.String() }
func memberSK(id onboarding.MemberID) string   { return "MEMBER#" + id.Key() }
func linkSK(id onboarding.LinkID) string       { return "LINK#" + id.Key() }
func joinSK(id onboarding.JoinID) string       { return "JOIN#" + id.Key() }

// poke writes attributes of an item past every rule. A path has its parts parted by dots.
func (s *stage) poke(sk string, attributes map[string]any) {
	s.t.Helper()
	names, values := map[string]string{}, map[string]any{}
	var sets []string
	for path, value := range attributes {
		var place []string
		for part := range strings.SplitSeq(path, ".") {
			names["#"+part] = part
			place = append(place, "#"+part)
		}
		name := ":" + strings.ReplaceAll(path, ".", "_")
		values[name] = value
		sets = append(sets, strings.Join(place, ".")+" = "+name)
	}
	encoded, err := attributevalue.MarshalMap(values)
	s.ok(err)
	_, err = s.db.UpdateItem(context.WithoutCancel(s.t.Context()), &dynamodb.UpdateItemInput{TableName: &s.name, Key: itemKey(sk),
		UpdateExpression: aws.String("SET " + strings.Join(sets, ", ")), ExpressionAttributeNames: names,
		ExpressionAttributeValues: encoded})
	s.ok(err)
}

// dismiss and demote do to a member what no use case does yet.
func (s *stage) dismiss(id onboarding.MemberID) {
	s.poke(memberSK(id), map[string]any{"member.status": onboarding.MemberDismissed})
}

func (s *stage) demote(id onboarding.MemberID) {
	s.poke(memberSK(id), map[string]any{"member.role": onboarding.RoleMember})
}

func text(v types.AttributeValue) string {
	s, ok := v.(*types.AttributeValueMemberS)
	if !ok {
		return ""
	}
	return s.Value
}

// usage is how many sends the day has counted.
func (s *stage) usage() int {
	s.t.Helper()
	var usage struct {
		Email int `dynamodbav:"email"`
	}
	s.ok(attributevalue.UnmarshalMap(s.item("USAGE#"+s.Now().Format("2006-01-02")), &usage))
	return usage.Email
}

// postbox is a sender that keeps what it is handed, unless fail says otherwise.
type postbox struct {
	mu      sync.Mutex
	letters []onboarding.Letter
	fail    func(onboarding.Letter) error
}

func (p *postbox) Send(_ context.Context, l onboarding.Letter) error {
	p.mu.Lock()
	fail := p.fail
	p.mu.Unlock()
	if fail != nil {
		if err := fail(l); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.letters = append(p.letters, l)
	return nil
}

func (p *postbox) all() []onboarding.Letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]onboarding.Letter(nil), p.letters...)
}

// failing makes each send fail in this way; with nil they succeed again.
func (p *postbox) failing(fail func(onboarding.Letter) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = fail
}

func sendError(class onboarding.SendClass) func(onboarding.Letter) error {
	return func(onboarding.Letter) error {
		return &onboarding.SendError{Class: class, Reason: "The provider says no.", Err: errors.New("no")}
	}
}
