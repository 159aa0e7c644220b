package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/rogpeppe/go-internal/testscript"

	"latchkey/internal/dynamolocal"
	"latchkey/internal/dynamolocal/dynamotest"
	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

var update = flag.Bool("update", false, "write what the stories expect anew")

func TestMain(m *testing.M) {
	testscript.Main(stopping{m}, map[string]func(){"latchkey": func() { os.Exit(start(noted)) }})
}

// stopping stops the database behind the tests; testscript.Main does not come back.
type stopping struct{ m *testing.M }

func (s stopping) Run() int {
	defer dynamotest.Stop()
	return s.m.Run()
}

// environment is what a story begins with: an account of its own, served by fakeAWS out of its folder aws, where it
// stands, and out of testdata/aws. The story's command `table` puts DynamoDB Local in the place of its DynamoDB.
func environment(aws string) map[string]string {
	env := map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
	}
	for _, service := range []string{"DYNAMODB", "SECRETS_MANAGER", "SESV2", "SNS"} {
		env["AWS_ENDPOINT_URL_"+service] = aws
	}
	return env
}

func TestStories(t *testing.T) {
	healthy, err := filepath.Abs("testdata/aws")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup: func(e *testscript.Env) error {
			t, ok := e.T().(testing.TB)
			if !ok {
				return fmt.Errorf("testscript's T is a %T", e.T())
			}
			e.Values["t"] = t
			aws := httptest.NewServer(fakeAWS{filepath.Join(e.WorkDir, "aws"), healthy})
			e.Defer(aws.Close)
			for _, name := range slices.Sorted(maps.Keys(environment(aws.URL))) {
				e.Setenv(name, environment(aws.URL)[name])
			}
			api := startAPI(t)
			e.Defer(api.Close)
			e.Values["api"] = api
			e.Setenv("API", api.URL)
			e.Setenv("HOST", api.Listener.Addr().String())
			e.Setenv("TOKEN", api.token)
			e.Setenv("WAITED", filepath.Join(e.WorkDir, "waited"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"table": makeTable, "items": listItems, "exits": exits, "used": used, "texted": texted, "signs-in": signsIn,
			"api": commandAPI, "people": writePeople, "numbers": writeNumbers, "mode": checkMode, "tally": tally, "token": writeToken,
		},
	})
}

func check(ts *testscript.TestScript, err error) {
	if err != nil {
		ts.Fatalf("%v", err)
	}
}

// makeTable makes a table for the story alone.
func makeTable(ts *testscript.TestScript, _ bool, _ []string) {
	t := ts.Value("t").(testing.TB)
	_, name := dynamotest.TableWithStream(t) // doctor looks at it
	ts.Setenv("LATCHKEY_TABLE", name)
	ts.Setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamotest.URL(t))
}

func store(ts *testscript.TestScript) (*dynamodb.Client, *table.Table) {
	db := dynamolocal.Client(ts.Getenv("AWS_ENDPOINT_URL_DYNAMODB"))
	return db, table.New(db, ts.Getenv("LATCHKEY_TABLE"))
}

// listItems writes the table's items into a file, each on a line.
func listItems(ts *testscript.TestScript, _ bool, args []string) {
	db, _ := store(ts)
	name := ts.Getenv("LATCHKEY_TABLE")
	out, err := db.Scan(context.Background(), &dynamodb.ScanInput{TableName: &name})
	check(ts, err)
	var items []map[string]any
	check(ts, attributevalue.UnmarshalListOfMaps(out.Items, &items))
	var lines bytes.Buffer
	for _, item := range items {
		line, err := json.Marshal(item)
		check(ts, err)
		lines.Write(append(line, '\n'))
	}
	check(ts, os.WriteFile(ts.MkAbs(args[0]), lines.Bytes(), 0o600))
}

// exits runs a program and compares its exit code: exits 2 latchkey doctor --nonsense.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	check(ts, err)
	code := 0
	var failed *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &failed) {
		code = failed.ExitCode()
	} else {
		check(ts, err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// used takes sends from an organization's limit: used acme 12. It takes them from tomorrow's too, for a story that is
// told at midnight.
func used(ts *testscript.TestScript, _ bool, args []string) {
	_, s := store(ts)
	n, err := strconv.Atoi(args[1])
	check(ts, err)
	now := time.Now()
	inviter := onboarding.NewMemberID(onboarding.World{Now: time.Now, Rand: rand.Reader})
	for _, day := range []time.Time{now, now.AddDate(0, 0, 1)} {
		got, err := s.ReserveSends(context.Background(), onboarding.OrganizationID(args[0]), day, inviter, n, 1_000_000)
		check(ts, err)
		if got != n {
			ts.Fatalf("took %d, want %d", got, n)
		}
	}
}

// texted pays for texts that an organization sends, each of 0.10 dollars a segment: texted acme +4915112345678. It pays for
// tomorrow's too, for a story that is told at midnight.
func texted(ts *testscript.TestScript, neg bool, args []string) {
	_, s := store(ts)
	ctx, org, now := context.Background(), onboarding.OrganizationID(args[0]), time.Now()
	o, err := s.ReadOrganization(ctx, org)
	check(ts, err)
	costs := make([]onboarding.Money, len(args)-1)
	for i := range costs {
		costs[i] = onboarding.Dollar / 5
	}
	n, err := s.ReserveTexts(ctx, org, now, onboarding.TextInvitation, costs, onboarding.TextLimits{PerDay: o.Settings.TextsPerDay, Budget: o.Settings.TextBudget})
	check(ts, err)
	spent, err := s.SpendOnTexts(ctx, now, costs, onboarding.Dollar)
	if neg && errors.Is(err, onboarding.ErrTextsStopped) {
		check(ts, s.ReturnTexts(ctx, org, now, onboarding.TextInvitation, costs))
		return
	}
	check(ts, err)
	if neg || n != len(costs) || spent != n {
		ts.Fatalf("paid for %d, and for %d of all", n, spent)
	}
}

// signsIn signs in: signs-in acme ann@acme.com PASSWORD.
func signsIn(ts *testscript.TestScript, neg bool, args []string) {
	_, s := store(ts)
	signing := onboarding.SigningIn{World: onboarding.World{Now: time.Now, Rand: rand.Reader}, Store: s}
	org := onboarding.OrganizationID(args[0])
	caller, _, err := signing.SignIn(context.Background(), org, args[1], args[2], "127.0.0.1")
	switch {
	case neg && errors.Is(err, &onboarding.Error{Code: onboarding.WrongCredentials}):
		return
	case neg && err == nil:
		ts.Fatalf("%s signed in", args[1])
	}
	check(ts, err)
	if caller.Member.Role != onboarding.RoleAdmin || caller.Member.Email != args[1] {
		ts.Fatalf("signed in as %+v", caller.Member)
	}
}

// fakeAWS answers with files, out of its first folder that has one: <Operation>=<Resource>.* or <Operation>.*.
// A file may begin with a line `!<status> <error type>`; `!hang` answers never.
type fakeAWS []string

func (f fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body) // to its end, or a caller that goes away is not noticed
	if err != nil {
		return
	}
	operation, resource := asked(r, body)
	answer, err := f.find(operation, resource)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	status := http.StatusOK
	if refusal, ok := bytes.CutPrefix(answer, []byte("!")); ok {
		line, body, _ := bytes.Cut(refusal, []byte("\n"))
		code, kind, _ := strings.Cut(string(line), " ")
		if code == "hang" {
			<-r.Context().Done()
			return
		}
		if status, err = strconv.Atoi(code); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if kind != "" {
			w.Header().Set("X-Amzn-Errortype", kind)
		}
		answer = body
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

// asked reads the operation out of a request of one of three protocols, and what it is about.
func asked(r *http.Request, body []byte) (operation, resource string) {
	if target := r.Header.Get("X-Amz-Target"); target != "" { // DynamoDB and Secrets Manager: JSON
		_, operation, _ = strings.Cut(target, ".")
		return operation, ""
	}
	if path, ok := strings.CutPrefix(r.URL.Path, "/v2/email/"); ok { // SES: REST
		kind, name, _ := strings.Cut(path, "/")
		return map[string]string{
			"account": "GetAccount", "identities": "GetEmailIdentity", "configuration-sets": "GetConfigurationSet",
		}[kind], name
	}
	form, _ := url.ParseQuery(string(body)) // SNS: Query
	return form.Get("Action"), ""
}

func (f fakeAWS) find(operation, resource string) ([]byte, error) {
	for _, folder := range f {
		for _, name := range []string{operation + "=" + resource, operation} {
			files, err := filepath.Glob(filepath.Join(folder, name+".*"))
			if err != nil {
				return nil, err
			}
			if len(files) > 0 {
				return os.ReadFile(files[0])
			}
		}
	}
	if resource != "" {
		return fmt.Appendf(nil, "!404 NotFoundException\n{\"message\":\"%s does not exist.\"}", resource), nil
	}
	return nil, fmt.Errorf("this account has no answer to %q", operation)
}

func TestOfManyFoundersAtOnceOneFounds(t *testing.T) {
	db, name := dynamotest.Table(t)
	for name, value := range environment(dynamotest.URL(t)) {
		t.Setenv(name, value)
	}
	const founders = 8
	codes := make([]int, founders)
	said := make([]bytes.Buffer, founders)
	var running sync.WaitGroup
	for i := range founders {
		running.Go(func() {
			codes[i] = run(t.Context(), []string{"organization", "create", "--table", name, "--id", "acme", "--name", "Acme",
				"--admin-email", fmt.Sprintf("admin%d@acme.com", i)}, call{out: &said[i], errs: &said[i]})
		})
	}
	running.Wait()
	founded := 0
	for i, code := range codes {
		switch {
		case code == 0:
			founded++
		case !strings.Contains(said[i].String(), "there is an organization"):
			t.Errorf("exit code %d: %s", code, &said[i])
		}
	}
	out, err := db.Scan(t.Context(), &dynamodb.ScanInput{TableName: &name})
	if err != nil {
		t.Fatal(err)
	}
	if founded != 1 || out.Count != 6 {
		t.Errorf("%d of %d founded it, and the table has %d items; want one, and an organization, a member and a contact, "+
			"the counters, the root department and who stands there",
			founded, founders, out.Count)
	}
}
