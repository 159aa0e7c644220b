package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/child"
	"latchkey/internal/dynamolocal"
	"latchkey/internal/dynamolocal/dynamotest"
	"latchkey/internal/sam"
)

// app is the small application in testdata, on which the parts of the cloud are tested.
const app = "testdata/app"

// shared are the things that every cloud of this test process may use at once.
var shared struct {
	mu      sync.Mutex
	sesURL  string
	ses     *child.Process
	scratch string
	built   map[string]string // repository root → bootstraps
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.ses != nil {
		shared.ses.Kill()
	}
	if shared.scratch != "" {
		os.RemoveAll(shared.scratch)
	}
	dynamotest.Stop()
	os.Exit(code)
}

// startCloud starts a cloud for one test: on a free port, with a table and state of its own, without schedules. The SES capture
// and the built functions are shared, and DynamoDB Local is where it is not the product that runs. What o sets is kept.
func startCloud(t testing.TB, o options) *cloud {
	t.Helper()
	if o.root == "" {
		o.root = app
	}
	if o.state == "" {
		o.state = t.TempDir()
	}
	if o.table == "" {
		o.table = "local-" + uuid()
	}
	if o.dynamodb == "" && o.root == repository {
		o.dynamodb = ownDynamoDB(t)
	} else if o.dynamodb == "" {
		o.dynamodb = dynamotest.URL(t)
	}
	if o.ses == "" {
		o.ses = sharedSES(t)
	}
	if o.bin == "" {
		o.bin = bootstraps(t, o.root)
	}
	o.noSchedules = o.root == app || o.noStreams // what the product owes and could not send at once, cleanup drives
	c, err := start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	return c
}

// ownDynamoDB is a database of the test's own. At every write, DynamoDB Local looks through all that the streams hold of its
// tables: a crowd of one test would slow every other down.
func ownDynamoDB(t testing.TB) string {
	t.Helper()
	server, err := dynamolocal.Start(t.Context(), dynamolocal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server.URL
}

func sharedSES(t testing.TB) string {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if url := os.Getenv("AWS_ENDPOINT_URL_SESV2"); url != "" {
		return url
	}
	if shared.ses == nil {
		var err error
		if shared.sesURL, shared.ses, err = startSES(context.Background(), io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	return shared.sesURL
}

// bootstraps builds the functions of a repository, once in a test process, and returns the folder.
func bootstraps(t testing.TB, root string) string {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if dir := shared.built[root]; dir != "" {
		return dir
	}
	if shared.scratch == "" {
		var err error
		if shared.scratch, err = os.MkdirTemp("", "local-test-"); err != nil {
			t.Fatal(err)
		}
		shared.built = map[string]string{}
	}
	template, err := sam.Load(filepath.Join(root, "template.yaml"), sam.Options{Parameters: dynamotest.Parameters})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range template.Functions {
		names = append(names, f.Name)
	}
	dir := filepath.Join(shared.scratch, fmt.Sprint(len(shared.built)))
	if err := buildFunctions(context.Background(), root, dir, names); err != nil {
		t.Fatal(err)
	}
	shared.built[root] = dir
	return dir
}

// do sends a request to the cloud and returns the answer with its body.
func do(t testing.TB, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

// eventually waits until done reports true, for things that another process does in its own time.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func put(t testing.TB, c *cloud, attributes ...string) {
	t.Helper()
	item := map[string]types.AttributeValue{}
	for i := 0; i < len(attributes); i += 2 {
		item[attributes[i]] = &types.AttributeValueMemberS{Value: attributes[i+1]}
	}
	if _, err := c.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(c.table), Item: item}); err != nil {
		t.Fatal(err)
	}
}

func TestAChangeOfTheTableBecomesAMailInTheMailbox(t *testing.T) {
	c := startCloud(t, options{})
	put(t, c, "PK", "nobody")
	put(t, c, "PK", "first", "to", "ann@example.com")
	var got []message
	eventually(t, "the mail", func() bool {
		_, text := do(t, "GET", c.info.MailboxURL+"?recipient=ANN@example.com", "")
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		return len(got) > 0
	})
	want := message{
		ID: got[0].ID, Channel: "email", Recipient: "ann@example.com", Subject: "Hello first", Text: "text",
		HTML: "<p>html</p>", SentAt: got[0].SentAt,
	}
	if len(got) != 1 || got[0] != want || got[0].ID == "" || time.Since(got[0].SentAt) > time.Minute {
		t.Errorf("got %+v", got)
	}
	answer, page := do(t, "GET", c.info.MailboxURL, "", "Accept", "text/html,*/*")
	if !strings.Contains(page, "Hello first") || !strings.Contains(page, "sandbox=") ||
		!strings.Contains(answer.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("page %s", page)
	}
}

func TestAPoisonRecordEndsAloneInTheOnFailureDestination(t *testing.T) {
	c := startCloud(t, options{})
	put(t, c, "PK", "a", "to", "ann@example.com")
	put(t, c, "PK", "b", "to", "poison")
	put(t, c, "PK", "c", "to", "cat@example.com")
	eventually(t, "the mail behind the poison", func() bool {
		found, err := c.mailbox.find("cat@example.com", "")
		return err == nil && len(found) > 0
	})
	_, text := do(t, "GET", c.baseURL+"/_local/on-failure", "")
	var got []discarded
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].BatchInfo.BatchSize != 1 || got[0].RequestContext.Condition != "RetryAttemptsExhausted" ||
		got[0].RequestContext.InvokeCount != 2 {
		t.Errorf("got %s", text)
	}
}

func TestWhatWasSentAndWhereTheStreamStoodIsKeptAcrossAStart(t *testing.T) {
	o := options{state: t.TempDir(), table: "local-" + uuid()}
	seeded := 0
	o.seed = func(context.Context, *cloud) (string, string, error) {
		seeded++
		return "admin@example.com", "a password", nil
	}
	c := startCloud(t, o)
	key, err := os.ReadFile(c.masterKey)
	if err != nil {
		t.Fatal(err)
	}
	put(t, c, "PK", "a", "to", "ann@example.com")
	sent := func(to string) func() bool {
		return func() bool {
			found, err := c.mailbox.find(to, "")
			return err == nil && len(found) == 1
		}
	}
	eventually(t, "the mail", sent("ann@example.com"))
	first := c.info
	c.stop()

	c = startCloud(t, o)
	put(t, c, "PK", "b", "to", "bob@example.com")
	eventually(t, "the second mail", sent("bob@example.com"))
	if !sent("ann@example.com")() {
		t.Error("the first mail was lost, or sent again")
	}
	var info localInfo
	text, err := os.ReadFile(filepath.Join(o.state, "local.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &info); err != nil {
		t.Fatal(err)
	}
	if seeded != 1 || info.Admin != first.Admin || info.Admin.Password != "a password" {
		t.Errorf("seeded %d times; %s", seeded, text)
	}
	if info.BaseURL != c.baseURL || info.Table != o.table || info.Organization != "demo" || info.MailboxURL == "" ||
		info.DynamoDBURL != c.dynamodbURL {
		t.Errorf("local.json %s", text)
	}
	again, err := os.ReadFile(c.masterKey)
	if err != nil || !bytes.Equal(key, again) {
		t.Errorf("another master key: %v", err)
	}
	for _, name := range []string{"local.json", "master-key.json", "mailbox.jsonl"} {
		if stat, err := os.Stat(filepath.Join(o.state, name)); err != nil || stat.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, stat.Mode(), err)
		}
	}
}

func TestTheMasterKeyIsSixtyFourLettersUnderItsNumber(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.json")
	if err := ensureMasterKey(path); err != nil {
		t.Fatal(err)
	}
	var key map[string]string
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &key); err != nil {
		t.Fatal(err)
	}
	if len(key) != 2 || key["current"] != "1" || len(key["1"]) != 64 || strings.Trim(key["1"], keyLetters) != "" {
		t.Errorf("got %s", text)
	}
}

func TestATableOfAnotherTemplateIsRefused(t *testing.T) {
	o := options{table: "local-" + uuid()}
	startCloud(t, o).stop()
	o.root, o.dynamodb, o.ses, o.state, o.bin = app, dynamotest.URL(t), sharedSES(t), t.TempDir(), bootstraps(t, app)
	template, err := os.ReadFile(filepath.Join(app, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	o.root = t.TempDir()
	changed := bytes.ReplaceAll(template, []byte("AttributeName: PK"), []byte("AttributeName: ID"))
	if err := os.WriteFile(filepath.Join(o.root, "template.yaml"), changed, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "made from another template.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestAStartThatFailsHalfwayLeavesNoChild(t *testing.T) {
	root := t.TempDir()
	template, err := os.ReadFile(filepath.Join(app, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "template.yaml"), template, 0o600); err != nil {
		t.Fatal(err)
	}
	before := childrenOf(t, os.Getpid())
	_, err = start(t.Context(), options{root: root, state: t.TempDir(), inMemory: true})
	if err == nil || !strings.Contains(err.Error(), "build the functions") {
		t.Errorf("got %v", err)
	}
	if after := childrenOf(t, os.Getpid()); !slices.Equal(after, before) {
		t.Errorf("children before: %v; after: %v", before, after)
	}
}

// childrenOf lists the child processes of a process.
func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("no list of children: %v", err)
	}
	var pids []int
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, child)
		}
	}
	slices.Sort(pids)
	return pids
}

func TestAServiceThatEndsByItselfIsNoticed(t *testing.T) {
	o := options{root: app, state: t.TempDir(), dynamodb: dynamotest.URL(t), table: "local-" + uuid(),
		bin: bootstraps(t, app), noSchedules: true}
	before := childrenOf(t, os.Getpid())
	c, err := start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	for _, pid := range childrenOf(t, os.Getpid()) {
		if !slices.Contains(before, pid) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	select {
	case err := <-c.failed:
		if !strings.Contains(err.Error(), "the SES capture ended") {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("nobody noticed")
	}
}

func TestAStopDoesNotWaitForAFunctionThatHangs(t *testing.T) {
	c := startCloud(t, options{})
	put(t, c, "PK", "a", "to", "hang")
	eventually(t, "the invocation", func() bool { return len(c.functions["mailer"].pids()) > 0 })
	before := time.Now()
	c.stop()
	if took := time.Since(before); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestWhatTheSESCaptureLacksIsNamedWithTheCommandThatInstallsIt(t *testing.T) {
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "go.mod"), []byte("module empty\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(empty)
	if _, _, err := startSES(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "npm ci") {
		t.Errorf("without node_modules: %v", err)
	}
	t.Setenv("PATH", empty)
	_, _, err := startSES(t.Context(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "apt-get install nodejs npm") {
		t.Errorf("without Node: %v", err)
	}
}

func TestAServiceThatRunsElsewhereIsUsed(t *testing.T) {
	var asked string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Authorization")
		(&phones{}).ServeHTTP(w, r)
	}))
	defer elsewhere.Close()
	c := startCloud(t, options{sns: elsewhere.URL})
	text, _, err := c.invoke(t.Context(), "probe", order("text", "+4915112345678"))
	if err != nil || string(text) != `"done"` || !strings.Contains(asked, "Credential=local/") {
		t.Errorf("%s %v; signed %q", text, err, asked)
	}
	if found, err := c.mailbox.find("+4915112345678", ""); err != nil || len(found) != 1 {
		t.Errorf("got %v %v", found, err)
	}
}

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = start(t.Context(), options{root: app, state: t.TempDir(), address: l.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "LATCHKEY_PORT") {
		t.Errorf("got %v", err)
	}
}
