package main

// The stories: what the product does, told from outside. Each script in testdata/stories is one. It speaks HTTP to the
// real gateway, bootstraps, stream and table, reads the mailbox, and every JSON answer is held against openapi.yaml.
// The map words lists the commands that the scripts are told in.

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/rogpeppe/go-internal/testscript"

	"latchkey/internal/onboarding"
	"latchkey/internal/openapi"
	"latchkey/internal/sam"
	"latchkey/internal/table"
)

// repository is the root of the product that the stories are about.
const repository = "../.."

func TestStories(t *testing.T) {
	scripts, err := filepath.Glob("testdata/stories/*.txtar")
	if err != nil || len(scripts) < 15 {
		t.Fatalf("only %d stories: %v", len(scripts), err)
	}
	c := startCloud(t, options{root: repository})
	t.Cleanup(func() { logHoldsNoSecret(t, c) })
	all := atOnce{T: t, running: &sync.WaitGroup{}, slots: make(chan struct{}, 4)}
	testscript.RunT(all, testscript.Params{
		Dir: "testdata/stories", Cmds: words, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			s := newStory(e.T().(testing.TB), c)
			e.Values[storyKey{}] = s
			e.Setenv("PASSWORD", password)
			e.Setenv("SECRET", secret)
			e.Defer(s.tableHoldsNoSecret)
			return nil
		},
	})
	all.running.Wait()
}

// atOnce runs scripts side by side. It does so by itself, because go test runs as many as there are processors, and most
// of a story is waiting.
type atOnce struct {
	*testing.T
	running *sync.WaitGroup
	slots   chan struct{}
}

func (a atOnce) Run(name string, script func(testscript.T)) {
	a.running.Go(func() {
		a.slots <- struct{}{}
		defer func() { <-a.slots }()
		a.T.Run(name, func(t *testing.T) { script(atOnce{T: t}) })
	})
}

func (atOnce) Parallel()     {}
func (atOnce) Verbose() bool { return testing.Verbose() }

// Two passwords that are good enough: one that founders have, one for people who join.
const (
	password = "nine quiet lanterns"
	secret   = "seven loud umbrellas"
)

type storyKey struct{}

// words are the commands of the scripts. Fields of a body are written name=text or name:=json, and @file is a whole body;
// $variables count in all of them.
var words = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// organization NAME [password=TEXT] [limit=N] founds an organization; $NAME is its id, admin@NAME.example its
	// administrator. With an empty password they are owed a mail to set one.
	"organization": word((*story).organization),
	// sign-in NAME ORGANIZATION LOGIN PASSWORD begins a session that later commands use -as NAME.
	"sign-in": word((*story).signIn),
	// session NAME keeps the session that the last answer began.
	"session": word((*story).session),
	// call METHOD PATH [-as NAME] [-header NAME:VALUE] [-gateway] [field ...] sends a request and prints the answer.
	// With -gateway, the answer may be one of the gateway itself, which openapi.yaml does not describe.
	"call": word((*story).call),
	// invite NAME ADDRESS... [field ...] invites, as the session of that name.
	"invite": word((*story).invite),
	// race N call ... sends the same request N times at once, and prints how often came which answer.
	"race": word((*story).race),
	// clash call ... + call ... sends two requests at once, and prints how both were answered.
	"clash": word((*story).clash),
	// until STATUS MAX call ... sends the same request until that answer comes, at most MAX times.
	"until": word((*story).until),
	// pages PATH -as NAME follows next_cursor to the end, and prints how many items and pages there are.
	"pages": word((*story).pages),
	// crowd N FILE -as NAME invites N people at once. Each line of FILE is a verdict and a recipient; the others are
	// p1@crowd.example and so on, and all new. Prints the summary.
	"crowd": word((*story).crowd),

	// status CODE [problem] is what the last answer must have.
	"status": word((*story).status),
	// [!] json PATH [VALUE] looks into the last answer: json .items[0].status active. [n] is the length of a list.
	"json": func(ts *testscript.TestScript, neg bool, args []string) { storyOf(ts).json(ts, neg, args) },
	// header NAME REGEXP is what a header of the last answer must match.
	"header": word((*story).header),
	// keep VARIABLE PATH|header:NAME takes a value out of the last answer.
	"keep": word((*story).keep),

	// mail ADDRESS waits for a mail that was not read yet, prints it, and puts its link into $LINK and $TOKEN.
	"mail": word((*story).mail),
	// link URL does the same with a link from elsewhere.
	"link": word((*story).link),
	// mails PATTERN N waits until nothing is owed. Then N mails must have gone to the addresses that match; with -each,
	// one to each of N addresses.
	"mails": word((*story).mails),
	// cleanup invokes the schedule's function until nothing is owed. cleanup once does it one time.
	"cleanup": word((*story).cleanup),

	// rests ORGANIZATION waits until deliver has put off all that is owed.
	"rests": word((*story).rests),
	// wake N DURATION ORGANIZATION lets time pass and invokes cleanup, N times over.
	"wake": word((*story).wake),
	// deliver N ORGANIZATION hands deliver the events of all that is owed, N times at once.
	"deliver": word((*story).deliver),
	// copies ORGANIZATION holds that every invitation was sent, and no oftener than attempts were made of which nobody saw
	// the end; prints how many were mailed, and how many mails there were besides.
	"copies": word((*story).copies),

	// pass DURATION ORGANIZATION lets time pass: every time in the organization's items moves into the past.
	"pass": word((*story).pass),
	// becomes ORGANIZATION LOGIN WHAT makes a member dismissed, or a plain member, or a guest.
	"becomes": word((*story).becomes),
	// operator WORDS... is the operator's command line, cmd/latchkey.
	"operator": word((*story).operator),
	// everyone-invites ORGANIZATION changes its settings.
	"everyone-invites": word((*story).everyoneInvites),
	// own-cloud gives the story a cloud that it may break.
	"own-cloud": word((*story).ownCloud),
	// fault FUNCTION ACTION KIND [N [TEXT]] makes the next N such calls to AWS, which hold that text, go wrong in one of
	// the ways that faults_test.go lists. fault none holds that all have.
	"fault": word((*story).fault),
}

// word makes a command of a method. Only json can be negated.
func word(f func(s *story, ts *testscript.TestScript, args []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command takes no !")
		}
		f(storyOf(ts), ts, args)
	}
}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

// story is what one script knows.
type story struct {
	t      testing.TB
	cloud  *cloud
	faults faults
	// tag stands in the id and in the name of each organization, and so in every mail.
	tag string
	ids []onboarding.OrganizationID

	tokens  map[string]string // of sessions
	homes   map[string]string // organizations of sessions
	read    map[string]bool   // mails
	secrets []string          // that must not be stored
	last    reply
}

func newStory(t testing.TB, c *cloud) *story {
	return &story{t: t, cloud: c, tag: strings.ToLower(rand.Text()[:10]),
		tokens: map[string]string{}, homes: map[string]string{}, read: map[string]bool{}}
}

// need ends the story where the number of arguments is wrong.
func need(ts *testscript.TestScript, args []string, n int) {
	if len(args) < n {
		ts.Fatalf("%d arguments are needed", n)
	}
}

// ---- Organizations ----

// latchkey builds the operator's command line, once in a test process.
var latchkey = sync.OnceValues(func() (string, error) {
	path := filepath.Join(shared.scratch, "latchkey")
	out, err := exec.Command("go", "build", "-o", path, "latchkey/cmd/latchkey").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build latchkey: %w\n%s", err, out)
	}
	return path, err
})

// operate runs the operator's command line on a cloud.
func (c *cloud) operate(ctx context.Context, in string, args ...string) error {
	path, err := latchkey()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = strings.NewReader(in)
	cmd.Env = []string{
		"LATCHKEY_TABLE=" + c.table, "AWS_ENDPOINT_URL_DYNAMODB=" + c.dynamodbURL, "AWS_REGION=" + sam.Region,
		"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("latchkey %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func (s *story) operator(ts *testscript.TestScript, args []string) {
	ts.Check(s.cloud.operate(s.t.Context(), "", args...))
}

// found makes an organization with the administrator admin@<name>.example.
func (s *story) found(name, password string, limit int) (onboarding.OrganizationID, error) {
	id := name + "-" + s.tag
	args := []string{"organization", "create", "--id", id, "--name", strings.ToUpper(name[:1]) + name[1:] + " " + s.tag,
		"--admin-email", "admin@" + name + ".example", "--admin-first-name", "Grace", "--admin-last-name", "Hopper"}
	if limit > 0 {
		args = append(args, "--daily-send-limit", strconv.Itoa(limit))
	}
	if password != "" {
		args = append(args, "--password-stdin")
	}
	s.ids = append(s.ids, onboarding.OrganizationID(id))
	return onboarding.OrganizationID(id), s.cloud.operate(s.t.Context(), password+"\n", args...)
}

func (s *story) organization(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	secret, limit := password, 0
	for _, option := range args[1:] {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "password":
			secret = value
		case "limit":
			var err error
			limit, err = strconv.Atoi(value)
			ts.Check(err)
		default:
			ts.Fatalf("unknown option %s", option)
		}
	}
	id, err := s.found(args[0], secret, limit)
	ts.Check(err)
	ts.Setenv(args[0], string(id))
}

// everyoneInvites changes a setting by hand: there is no use case for it yet.
func (s *story) everyoneInvites(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	founding := onboarding.Founding{Store: table.New(s.cloud.db, s.cloud.table)}
	_, err := founding.Change(s.t.Context(), onboarding.OrganizationID(args[0]), func(o *onboarding.Organization) {
		o.Settings.WhoCanInvite = onboarding.EveryoneInvite
	})
	ts.Check(err)
}

// becomes changes a member by hand: there is no use case for it yet.
func (s *story) becomes(ts *testscript.TestScript, args []string) {
	need(ts, args, 3)
	ts.Check(s.become(onboarding.OrganizationID(args[0]), args[1], args[2]))
}

func (s *story) become(org onboarding.OrganizationID, login, what string) error {
	attribute, partition := map[string]string{"dismissed": "status", "member": "role", "guest": "type"}[what], ""
	if attribute == "" {
		return fmt.Errorf("nobody can become %s", what)
	}
	store := table.New(s.cloud.db, s.cloud.table)
	o, err := store.ReadOrganization(s.t.Context(), org)
	if err != nil {
		return err
	}
	address, err := onboarding.ParseEmail(login)
	if err != nil {
		return err
	}
	contact, err := store.ReadContact(s.t.Context(), org, onboarding.NewContactID(o.Salt, address))
	if err != nil {
		return err
	}
	in := &dynamodb.UpdateItemInput{
		TableName: &s.cloud.table, Key: map[string]types.AttributeValue{
			"PK": &types.AttributeValueMemberS{Value: "ORG#" + string(org)},
			"SK": &types.AttributeValueMemberS{Value: "MEMBER#" + contact.Member.Key()},
		},
		UpdateExpression:          aws.String("SET #member.#attribute = :what"),
		ConditionExpression:       aws.String("attribute_exists(PK)"),
		ExpressionAttributeNames:  map[string]string{"#member": "member", "#attribute": attribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{":what": &types.AttributeValueMemberS{Value: what}},
	}
	if attribute == "status" {
		partition = "ORG#" + string(org) + "#member#" + what
		in.UpdateExpression = aws.String(*in.UpdateExpression + ", by_status_pk = :partition")
		in.ExpressionAttributeValues[":partition"] = &types.AttributeValueMemberS{Value: partition}
	}
	_, err = s.cloud.db.UpdateItem(s.t.Context(), in)
	return err
}

// ---- Requests and answers ----

// contract is openapi.yaml.
var contract = sync.OnceValues(func() (*openapi.Spec, error) { return openapi.Load(filepath.Join(repository, "openapi.yaml")) })

// reply is an answer, whole.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// problem is the code of a problem document, or empty.
func (r reply) problem() string {
	if !strings.HasPrefix(r.header.Get("Content-Type"), "application/problem+json") {
		return ""
	}
	var p struct{ Code string }
	if json.Unmarshal(r.body, &p) != nil {
		return ""
	}
	return p.Code
}

func (r reply) String() string { return strings.TrimSpace(fmt.Sprintf("%d %s", r.status, r.problem())) }

// errContract is what exchange returns where an answer came, but not as openapi.yaml has it.
type errContract struct{ error }

// exchange sends a request, follows no redirect, and holds the answer against the contract; where that has accepted the
// request, its body too.
func exchange(r *http.Request, body []byte) (reply, error) {
	spec, err := contract()
	if err != nil {
		return reply{}, err
	}
	r.Body, r.ContentLength = readCloser(body), int64(len(body))
	if len(body) == 0 {
		r.Body = http.NoBody
	}
	var outside []error
	client := http.Client{
		Transport:     spec.Transport(nil, func(err error) { outside = append(outside, errContract{err}) }),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return reply{}, err
	}
	path := r.URL.EscapedPath()
	if answer.StatusCode/100 == 2 && strings.HasPrefix(path, "/v1/") {
		if err := spec.CheckRequest(r.Method, path, r.Header, body); err != nil {
			outside = append(outside, errContract{fmt.Errorf("accepted, but %w", err)})
		}
	}
	return reply{answer.StatusCode, answer.Header, text}, errors.Join(outside...)
}

// draft is a request that can be sent any number of times.
type draft struct {
	method, url string
	header      http.Header
	body        []byte
	gateway     bool
}

func (d draft) send(ctx context.Context) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, d.method, d.url, nil)
	if err != nil {
		return reply{}, err
	}
	r.Header = d.header.Clone()
	answer, err := exchange(r, d.body)
	if d.gateway && errors.As(err, &errContract{}) {
		err = nil
	}
	return answer, err
}

// draft reads the arguments of call.
func (s *story) draft(ts *testscript.TestScript, args []string) draft {
	need(ts, args, 2)
	d := draft{method: args[0], url: s.cloud.baseURL + args[1], header: http.Header{}}
	fields := map[string]json.RawMessage{}
	expand := func(text string) string { return os.Expand(text, ts.Getenv) }
	for i := 2; i < len(args); i++ {
		option := args[i]
		switch {
		case option == "-gateway":
			d.gateway = true
		case option == "-as", option == "-header":
			if i++; i == len(args) {
				ts.Fatalf("%s wants a value", option)
			}
			if option == "-as" {
				d.header.Set("Authorization", "Bearer "+s.token(ts, args[i]))
				continue
			}
			name, value, _ := strings.Cut(args[i], ":")
			d.header.Add(name, strings.TrimSpace(value))
		case strings.HasPrefix(option, "@"):
			d.body = []byte(expand(ts.ReadFile(option[1:])))
		default:
			name, value, ok := strings.Cut(option, "=")
			if !ok {
				ts.Fatalf("%s is no field", option)
			}
			if raw, ok := strings.CutSuffix(name, ":"); ok {
				fields[raw] = json.RawMessage(expand(value))
				continue
			}
			text, err := json.Marshal(value)
			ts.Check(err)
			fields[name] = text
		}
	}
	if len(fields) > 0 {
		var err error
		d.body, err = json.Marshal(fields)
		ts.Check(err)
	}
	if len(d.body) > 0 && d.header.Get("Content-Type") == "" {
		d.header.Set("Content-Type", "application/json")
	}
	return d
}

func (s *story) token(ts *testscript.TestScript, name string) string {
	token := s.tokens[name]
	if token == "" {
		ts.Fatalf("nobody has signed in as %s", name)
	}
	return token
}

func (s *story) call(ts *testscript.TestScript, args []string) {
	answer, err := s.draft(ts, args).send(s.t.Context())
	s.last = answer
	fmt.Fprintf(ts.Stdout(), "%s\n%s\n", answer, answer.body)
	ts.Check(err)
}

func (s *story) signIn(ts *testscript.TestScript, args []string) {
	need(ts, args, 4)
	s.call(ts, []string{"POST", "/v1/sessions", "organization=" + args[1], "login=" + args[2], "password=" + args[3]})
	s.status(ts, []string{"201"})
	s.session(ts, args[:1])
}

func (s *story) session(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	s.tokens[args[0]], s.homes[args[0]] = s.text(ts, ".token"), s.text(ts, ".member.organization_id")
	s.secrets = append(s.secrets, s.tokens[args[0]])
}

func (s *story) invite(ts *testscript.TestScript, args []string) {
	need(ts, args, 2)
	s.token(ts, args[0])
	type recipient struct {
		Email string `json:"email"`
	}
	var recipients []recipient
	var fields []string
	for _, arg := range args[1:] {
		if len(fields) > 0 || strings.ContainsAny(arg, "=") || strings.HasPrefix(arg, "-") {
			fields = append(fields, arg)
			continue
		}
		recipients = append(recipients, recipient{arg})
	}
	list, err := json.Marshal(recipients)
	ts.Check(err)
	s.call(ts, append([]string{"POST", "/v1/organizations/" + s.homes[args[0]] + "/invitations", "-as", args[0],
		"recipients:=" + string(list)}, fields...))
}

func (s *story) race(ts *testscript.TestScript, args []string) {
	need(ts, args, 3)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	answers := s.together(ts, slices.Repeat([]draft{s.draft(ts, args[2:])}, n)...)
	counts := map[string]int{}
	for _, answer := range answers {
		counts[answer.String()]++
		if answer.status/100 == 2 {
			s.last = answer
		}
	}
	for _, answer := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(ts.Stdout(), "%d x %s\n", counts[answer], answer)
	}
}

// together sends requests at once.
func (s *story) together(ts *testscript.TestScript, drafts ...draft) []reply {
	answers, errs := make([]reply, len(drafts)), make([]error, len(drafts))
	var running sync.WaitGroup
	start := make(chan struct{})
	for i, d := range drafts {
		running.Go(func() {
			<-start
			answers[i], errs[i] = d.send(s.t.Context())
		})
	}
	close(start)
	running.Wait()
	ts.Check(errors.Join(errs...))
	return answers
}

func (s *story) clash(ts *testscript.TestScript, args []string) {
	between := slices.Index(args, "+")
	if between < 0 {
		ts.Fatalf("a + stands between two requests")
	}
	answers := s.together(ts, s.draft(ts, args[1:between]), s.draft(ts, args[between+2:]))
	fmt.Fprintf(ts.Stdout(), "%s + %s\n", answers[0], answers[1])
}

// quarter is the length of the windows in which tries are counted.
const quarter = 15 * time.Minute

func (s *story) until(ts *testscript.TestScript, args []string) {
	need(ts, args, 4)
	status, err1 := strconv.Atoi(args[0])
	most, err2 := strconv.Atoi(args[1])
	ts.Check(errors.Join(err1, err2))
	// Counters begin anew with each quarter of an hour: one that ends this moment is waited out.
	now := time.Now()
	if end := now.Truncate(quarter).Add(quarter); end.Sub(now) < 10*time.Second {
		<-time.After(end.Sub(now))
	}
	for n := 1; n <= most; n++ {
		s.call(ts, args[3:])
		if s.last.status == status {
			fmt.Fprintf(ts.Stdout(), "after %d\n", n)
			return
		}
	}
	ts.Fatalf("no %d after %d times", status, most)
}

func (s *story) pages(ts *testscript.TestScript, args []string) {
	need(ts, args, 3)
	address, seen, n := args[0], map[string]bool{}, 0
	for next := address; next != ""; n++ {
		s.call(ts, append([]string{"GET", next}, args[1:]...))
		s.status(ts, []string{"200"})
		var page struct {
			Items      []struct{ ID string }
			NextCursor *string `json:"next_cursor"`
		}
		ts.Check(json.Unmarshal(s.last.body, &page))
		for _, item := range page.Items {
			if seen[item.ID] {
				ts.Fatalf("%s stands in the list twice", item.ID)
			}
			seen[item.ID] = true
		}
		if next = ""; page.NextCursor != nil {
			if len(page.Items) == 0 {
				ts.Fatalf("an empty page has a next one")
			}
			next = address + "&cursor=" + *page.NextCursor
		}
	}
	fmt.Fprintf(ts.Stdout(), "%d items, %d pages\n", len(seen), n)
}

func (s *story) crowd(ts *testscript.TestScript, args []string) {
	need(ts, args, 3)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	type known struct{ verdict, recipient string }
	var strewn []known
	for line := range strings.Lines(os.Expand(ts.ReadFile(args[1]), ts.Getenv)) {
		verdict, recipient, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			ts.Fatalf("%s: %q is no verdict and recipient", args[1], line)
		}
		strewn = append(strewn, known{verdict, recipient})
	}
	every := n / len(strewn) // the last place of so many is a known one's
	var want, recipients []string
	for i, fresh := 0, 0; i < n; i++ {
		if i%every == every-1 && len(strewn) > 0 {
			want, recipients = append(want, strewn[0].verdict), append(recipients, strewn[0].recipient)
			strewn = strewn[1:]
			continue
		}
		fresh++
		want, recipients = append(want, "created"), append(recipients, fmt.Sprintf(`{"email":"p%d@crowd.example"}`, fresh))
	}
	// So many take a busy machine long. What could not be done in time is done by asking again with the same key.
	request := append([]string{"POST", "/v1/organizations/" + s.homes[args[3]] + "/invitations", "-header", "Idempotency-Key:" + rand.Text(),
		"recipients:=[" + strings.Join(recipients, ",") + "]"}, args[2:]...)
	for range 5 {
		if s.call(ts, request); s.last.status != http.StatusServiceUnavailable {
			break
		}
	}
	s.status(ts, []string{"200"})
	var got struct {
		Results []struct{ Input, Verdict string }
		Summary map[string]int
	}
	ts.Check(json.Unmarshal(s.last.body, &got))
	if len(got.Results) != n {
		ts.Fatalf("%d results", len(got.Results))
	}
	counted := map[string]int{}
	for i, result := range got.Results {
		counted[result.Verdict]++
		if result.Verdict != want[i] {
			ts.Fatalf("%s: %s, want %s", recipients[i], result.Verdict, want[i])
		}
	}
	if !maps.Equal(counted, got.Summary) {
		ts.Fatalf("the summary %v does not add up: %v", got.Summary, counted)
	}
	for _, verdict := range slices.Sorted(maps.Keys(counted)) {
		fmt.Fprintf(ts.Stdout(), "%d x %s\n", counted[verdict], verdict)
	}
}

// ---- What must be so ----

func (s *story) status(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	if want := strings.Join(args, " "); want != s.last.String() && want != strconv.Itoa(s.last.status) {
		ts.Fatalf("got %s, want %s", s.last, want)
	}
}

func (s *story) json(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 1)
	got, ok := s.look(ts, args[0])
	switch want := strings.Join(args[1:], " "); {
	case len(args) == 1 && ok == neg:
		ts.Fatalf("%s there: %t, %s", args[0], ok, got)
	case len(args) > 1 && (ok && got == want) == neg:
		ts.Fatalf("%s is %s", args[0], got)
	}
}

var step = regexp.MustCompile(`^(?:\.([A-Za-z_]+)|\[([0-9]+|n)\])`)

// look finds a value of the last answer: a text as it is, anything else as JSON.
func (s *story) look(ts *testscript.TestScript, path string) (string, bool) {
	decoder := json.NewDecoder(bytes.NewReader(s.last.body))
	decoder.UseNumber()
	var v any
	ts.Check(decoder.Decode(&v))
	for rest := path; rest != ""; {
		m := step.FindStringSubmatch(rest)
		if m == nil {
			ts.Fatalf("%s is no path", path)
		}
		rest = rest[len(m[0]):]
		list, _ := v.([]any)
		fields, _ := v.(map[string]any)
		at, err := strconv.Atoi(m[2])
		switch {
		case m[1] != "":
			var ok bool
			if v, ok = fields[m[1]]; !ok {
				return "", false
			}
		case m[2] == "n":
			v = len(list)
		case err != nil || at >= len(list):
			return "", false
		default:
			v = list[at]
		}
	}
	if text, ok := v.(string); ok {
		return text, true
	}
	text, err := json.Marshal(v)
	ts.Check(err)
	return string(text), true
}

func (s *story) text(ts *testscript.TestScript, path string) string {
	got, ok := s.look(ts, path)
	if !ok {
		ts.Fatalf("the answer has no %s: %s\n%s", path, s.last, s.last.body)
	}
	return got
}

func (s *story) header(ts *testscript.TestScript, args []string) {
	need(ts, args, 2)
	if got := s.last.header.Get(args[0]); !regexp.MustCompile(args[1]).MatchString(got) {
		ts.Fatalf("%s: %s", args[0], got)
	}
}

func (s *story) keep(ts *testscript.TestScript, args []string) {
	need(ts, args, 2)
	value := ""
	if name, ok := strings.CutPrefix(args[1], "header:"); ok {
		value = s.last.header.Get(name)
	} else {
		value = s.text(ts, args[1])
	}
	ts.Setenv(args[0], value)
}

// ---- Mail ----

const patience = 40 * time.Second // more than a lease of deliver

// await waits for what another process does in its own time. It leaves that process most of the machine.
func await(done func() bool) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		start := time.Now()
		if done() {
			return true
		}
		<-time.After(max(10*time.Millisecond, 4*time.Since(start)))
	}
	return false
}

// sent are the story's mails to the addresses that match, the oldest first.
func (s *story) sent(pattern string) []message {
	all, err := s.cloud.mailbox.find("", "")
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(m message) bool {
		ok, err := path.Match(pattern, m.Recipient)
		return err != nil || !ok || !strings.Contains(m.Text, s.tag)
	})
}

var joinLink = regexp.MustCompile(`https?://\S+/join/\S+`)

func (s *story) mail(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	var got message
	if !await(func() bool {
		all := s.sent(args[0])
		i := slices.IndexFunc(all, func(m message) bool { return !s.read[m.ID] })
		if i >= 0 {
			got = all[i]
		}
		return i >= 0
	}) {
		ts.Fatalf("no mail to %s", args[0])
	}
	s.read[got.ID] = true
	s.link(ts, []string{joinLink.FindString(got.Text)})
	fmt.Fprintf(ts.Stdout(), "Subject: %s\n\n%s", got.Subject, got.Text)
}

func (s *story) link(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	token := path.Base(args[0])
	ts.Setenv("LINK", args[0])
	ts.Setenv("TOKEN", token)
	if strings.Contains(args[0], "/join/") {
		s.secrets = append(s.secrets, token)
	}
}

func (s *story) mails(ts *testscript.TestScript, args []string) {
	each := len(args) > 0 && args[0] == "-each"
	if each {
		args = args[1:]
	}
	need(ts, args, 2)
	if !await(func() bool { return s.owed() == 0 }) {
		ts.Fatalf("%d items still owe something", s.owed())
	}
	all := s.sent(args[0])
	addresses := map[string]int{}
	for _, m := range all {
		addresses[m.Recipient]++
	}
	if got := len(all); strconv.Itoa(got) != args[1] || each && got != len(addresses) {
		ts.Fatalf("%d mails to %d addresses: %v", got, len(addresses), addresses)
	}
}

func (s *story) cleanup(ts *testscript.TestScript, args []string) {
	once := len(args) > 0
	if !await(func() bool {
		if s.owed() == 0 && !once {
			return true
		}
		if _, fault, err := s.cloud.invoke(s.t.Context(), "cleanup", []byte("{}")); err != nil || fault != "" {
			ts.Fatalf("cleanup: %v %s", err, fault)
		}
		return once
	}) {
		ts.Fatalf("%d items still owe something", s.owed())
	}
}

func (s *story) rests(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	if !await(func() bool { return s.resting(ts, onboarding.OrganizationID(args[0])) }) {
		ts.Fatalf("deliver does not rest")
	}
}

// resting reports whether all that is owed was tried and put off.
func (s *story) resting(ts *testscript.TestScript, id onboarding.OrganizationID) bool {
	for _, item := range s.items(id) {
		var owing struct {
			Wake   string                    `dynamodbav:"outbox_wake"`
			Outbox map[string]map[string]any `dynamodbav:"outbox"`
		}
		ts.Check(attributevalue.UnmarshalMap(item, &owing))
		for _, m := range owing.Outbox {
			if owing.Wake != "held" || m["lease"] != nil {
				return false
			}
		}
	}
	return true
}

func (s *story) wake(ts *testscript.TestScript, args []string) {
	need(ts, args, 3)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	for range n {
		s.pass(ts, args[1:])
		s.cleanup(ts, []string{"once"})
		s.rests(ts, args[2:])
	}
}

func (s *story) deliver(ts *testscript.TestScript, args []string) {
	need(ts, args, 2)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	type key struct{ S string }
	var records []any
	for _, item := range s.items(onboarding.OrganizationID(args[1])) {
		owed, ok := item["outbox"].(*types.AttributeValueMemberM)
		if !ok {
			continue
		}
		messages := map[string]any{}
		for id := range owed.Value {
			messages[id] = struct{}{}
		}
		records = append(records, map[string]any{"eventName": "MODIFY", "dynamodb": map[string]any{
			"SequenceNumber": strconv.Itoa(len(records) + 1),
			"Keys":           map[string]key{"PK": {item["PK"].(*types.AttributeValueMemberS).Value}, "SK": {item["SK"].(*types.AttributeValueMemberS).Value}},
			"NewImage":       map[string]any{"outbox": map[string]any{"M": messages}},
		}})
	}
	event, err := json.Marshal(map[string]any{"Records": records})
	ts.Check(err)
	errs := make([]error, n)
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			answer, fault, err := s.cloud.invoke(s.t.Context(), "deliver", event)
			if errs[i] = err; fault != "" || bytes.Contains(answer, []byte("itemIdentifier")) {
				errs[i] = fmt.Errorf("deliver: %s %s", fault, answer)
			}
		})
	}
	running.Wait()
	ts.Check(errors.Join(errs...))
	fmt.Fprintf(ts.Stdout(), "%d events\n", len(records))
}

func (s *story) copies(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	mailed, copies := 0, 0
	for _, item := range s.items(onboarding.OrganizationID(args[0])) {
		var contact struct {
			Value      string
			Invitation struct {
				Delivery struct {
					Status   string
					Attempts int
				}
			}
		}
		ts.Check(attributevalue.UnmarshalMap(item, &contact))
		d, n := contact.Invitation.Delivery, len(s.sent(contact.Value))
		if d.Status == "" {
			continue // nobody who was invited
		}
		// Of every attempt but the last, nobody saw the end.
		if d.Status != "sent" || n < 1 || n > d.Attempts {
			ts.Fatalf("%s: %s, %d mails, %d attempts", contact.Value, d.Status, n, d.Attempts)
		}
		mailed, copies = mailed+1, copies+n-1
	}
	fmt.Fprintf(ts.Stdout(), "%d mailed, %d copies\n", mailed, copies)
}

// owed is how many items of the story's organizations owe a message.
func (s *story) owed() (n int) {
	for _, id := range s.ids {
		n += len(s.query(id, &dynamodb.QueryInput{
			FilterExpression: aws.String("attribute_exists(outbox)"), ProjectionExpression: aws.String("SK"),
		}))
	}
	return n
}

type item = map[string]types.AttributeValue

// items are all items of an organization.
func (s *story) items(id onboarding.OrganizationID) []item {
	return s.query(id, &dynamodb.QueryInput{})
}

func (s *story) query(id onboarding.OrganizationID, in *dynamodb.QueryInput) (all []item) {
	in.TableName, in.ConsistentRead, in.KeyConditionExpression = &s.cloud.table, aws.Bool(true), aws.String("PK = :org")
	in.ExpressionAttributeValues = item{":org": &types.AttributeValueMemberS{Value: "ORG#" + string(id)}}
	pages := dynamodb.NewQueryPaginator(s.cloud.db, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, page.Items...)
	}
	return all
}

// ---- Time ----

func (s *story) pass(ts *testscript.TestScript, args []string) {
	need(ts, args, 2)
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	s.rests(ts, args[1:]) // else it would write the present down afterwards
	ts.Check(s.age(onboarding.OrganizationID(args[1]), d))
}

// age makes every item of an organization older. What another process has changed meanwhile is read again.
func (s *story) age(id onboarding.OrganizationID, d time.Duration) error {
	aged := map[string]bool{}
	for clean := false; !clean; {
		clean = true
		for _, before := range s.items(id) {
			key := before["SK"].(*types.AttributeValueMemberS).Value
			if aged[key] {
				continue
			}
			after, condition, values := older(&types.AttributeValueMemberM{Value: before}, d).(*types.AttributeValueMemberM).Value, "attribute_exists(PK)", item{}
			for _, name := range []string{"version", "by_outbox_sk", "outbox"} {
				if v, ok := before[name]; ok {
					values[":"+name] = v
					condition += " AND " + name + " = :" + name
				} else {
					condition += " AND attribute_not_exists(" + name + ")"
				}
			}
			in := &dynamodb.PutItemInput{TableName: &s.cloud.table, Item: after, ConditionExpression: &condition}
			if len(values) > 0 {
				in.ExpressionAttributeValues = values
			}
			_, err := s.cloud.db.PutItem(s.t.Context(), in)
			if refused := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &refused) {
				clean = false
				continue
			}
			if err != nil {
				return err
			}
			aged[key] = true
		}
	}
	return nil
}

// older moves every time in a value into the past. Keys stay: they are no times, even where they hold one.
func older(v types.AttributeValue, d time.Duration) types.AttributeValue {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		if at, err := time.Parse("2006-01-02T15:04:05.000Z", v.Value); err == nil {
			return &types.AttributeValueMemberS{Value: onboarding.FormatTime(at.Add(-d))}
		}
	case *types.AttributeValueMemberM:
		m := item{}
		for name, value := range v.Value {
			m[name] = older(value, d)
			if n, ok := value.(*types.AttributeValueMemberN); ok && name == "expires_at_ttl" {
				at, err := strconv.ParseInt(n.Value, 10, 64)
				if err != nil {
					panic(err)
				}
				m[name] = &types.AttributeValueMemberN{Value: strconv.FormatInt(at-int64(d.Seconds()), 10)}
			}
		}
		return &types.AttributeValueMemberM{Value: m}
	}
	return v
}

// ---- Secrets ----

// tableHoldsNoSecret looks for every token that the story has come by in what its organizations have stored.
func (s *story) tableHoldsNoSecret() {
	for _, id := range s.ids {
		for _, stored := range s.items(id) {
			for _, text := range texts(&types.AttributeValueMemberM{Value: stored}) {
				for _, secret := range append(s.secrets, password, secret) {
					if strings.Contains(text, secret) {
						s.t.Errorf("a secret is stored in %v", stored["SK"])
					}
				}
			}
		}
	}
}

// texts are all texts in a value, unpacked.
func texts(v types.AttributeValue) (all []string) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return []string{v.Value}
	case *types.AttributeValueMemberB:
		if z, err := gzip.NewReader(bytes.NewReader(v.Value)); err == nil {
			if text, err := io.ReadAll(z); err == nil {
				return []string{string(text)}
			}
		}
		return []string{string(v.Value)}
	case *types.AttributeValueMemberM:
		for name, value := range v.Value {
			all = append(append(all, name), texts(value)...)
		}
	}
	return all
}

var secrets = regexp.MustCompile(`[A-Za-z0-9_.+-]@[a-z0-9-]+\.(example|com)|lks\.|[a-z2-7]{64}|` + password + `|` + secret + `|\$argon2id`)

// logHoldsNoSecret looks for addresses, tokens and passwords in what the functions have printed.
func logHoldsNoSecret(t testing.TB, c *cloud) {
	text, err := os.ReadFile(filepath.Join(c.state, "functions.log"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if secrets.MatchString(line) {
			t.Errorf("the log has %s", line)
		}
	}
}
