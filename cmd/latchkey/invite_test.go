package main

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"latchkey/internal/api"
	"latchkey/internal/dynamolocal/dynamotest"
	"latchkey/internal/numbers"
	"latchkey/internal/onboarding"
	"latchkey/internal/openapi"
	"latchkey/internal/table"
	"latchkey/internal/telemetry"
)

// noted is a wait that takes no time: it writes into the file WAITED how long it would have been. With UNTIL_INTERRUPTED
// it ends with ctx alone.
func noted(ctx context.Context, d time.Duration) error {
	f, err := os.OpenFile(os.Getenv("WAITED"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Fprintln(f, d)
	if os.Getenv("UNTIL_INTERRUPTED") != "" {
		<-ctx.Done()
	}
	return ctx.Err()
}

var contract = sync.OnceValues(func() (*openapi.Spec, error) { return openapi.Load("../../openapi.yaml") })

// fakeAPI is the invitations of an organization, acme, behind the contract of openapi.yaml: it remembers whom it has
// invited and what it has answered, and checks what it reads and what it says. It can be told to do worse.
type fakeAPI struct {
	*httptest.Server
	t     testing.TB
	spec  *openapi.Spec
	token string
	stop  func() // for the fault interrupt

	mu     sync.Mutex
	more   *sync.Cond          // asked has one more
	asked  []string            // a line for each request
	faults map[int][]string    // by the number of a request
	status map[string]string   // of each address that is known: invited, revoked, member or dismissed
	mails  map[string]int      // to each address, and texts
	kept   map[string]keptJSON // under each Idempotency-Key
	left   limits
}

// limits are what is left of the organization's.
type limits struct {
	mails, texts int              // of today's
	budget       onboarding.Money // of the month's
}

type keptJSON struct{ body, answer []byte }

func startAPI(t testing.TB) *fakeAPI {
	spec, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	w := onboarding.World{Now: time.Now, Rand: rand.New(rand.NewSource(1))}
	f := &fakeAPI{
		t: t, spec: spec, token: onboarding.NewSessionToken(w, "acme", onboarding.NewMemberID(w)).Reveal(), left: limits{10_000, 100, 10 * onboarding.Dollar},
		faults: map[int][]string{}, status: map[string]string{}, mails: map[string]int{}, kept: map[string]keptJSON{},
	}
	f.more = sync.NewCond(&f.mu)
	f.Server = httptest.NewServer(f)
	return f
}

// reply is an answer of the API, or of the gateway before it, which knows no contract.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	gateway bool
	outcome string // for the line of asked
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body) // to its end, or a caller that goes away is not noticed
	if err != nil {
		return
	}
	if err := f.spec.CheckRequest(r.Method, r.URL.Path, r.Header, body); err != nil || len(body) > 1<<20 {
		f.t.Errorf("a request of %d bytes: %v", len(body), err)
	}
	re, fault := f.serve(r, body)
	switch fault {
	case "lost", "unheard":
		panic(http.ErrAbortHandler)
	case "held":
		<-r.Context().Done()
		return
	case "interrupt":
		f.stop()
	}
	re.header.Set("X-Request-Id", "JKJaXmPLvHcESHA=")
	if err := f.spec.CheckResponse(r.Method, r.URL.Path, re.status, re.header, re.body); err != nil && !re.gateway {
		f.t.Errorf("an answer: %v", err)
	}
	for name := range re.header {
		w.Header().Set(name, re.header.Get(name))
	}
	w.WriteHeader(re.status)
	_, _ = w.Write(re.body)
}

// serve answers a request, or does it worse, and puts it down.
func (f *fakeAPI) serve(r *http.Request, body []byte) (re reply, fault string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var asked inviteBody
	if err := json.Unmarshal(body, &asked); err != nil {
		f.t.Errorf("a request: %v", err)
	}
	words := append(f.faults[len(f.asked)+1], "", "")
	switch fault = words[0]; fault {
	case "":
		re = f.work(r, body, asked)
	case "lost", "held", "interrupt":
		re = f.work(r, body, asked)
		re.outcome = fault
	case "mixed-up": // it answers about somebody else
		re = f.work(r, body, asked)
		re.body, re.outcome = bytes.ReplaceAll(re.body, []byte("ann@"), []byte("eve@")), fault
	case "unheard":
		re.outcome = fault
	case "redirect":
		re = reply{http.StatusTemporaryRedirect, http.Header{"Location": {words[1]}}, nil, true, fault}
	case "garbage":
		re = reply{http.StatusOK, http.Header{"Content-Type": {"text/html"}}, []byte("<h1>Welcome</h1>"), true, fault}
	case "gateway":
		status, _ := strconv.Atoi(words[1])
		re = reply{status, http.Header{"Content-Type": {"application/json"}}, []byte(`{"message":"No"}`), true, fault}
		if words[2] != "" {
			re.header.Set("Retry-After", words[2])
		}
	default:
		re = refuse(fault, words[1])
	}
	what := "invite"
	if isPreview(r) {
		what = "preview"
	}
	f.asked = append(f.asked, fmt.Sprintf("%s %d: %s", what, len(asked.Recipients), re.outcome))
	f.more.Broadcast()
	return re, fault
}

func isPreview(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/preview") }

// refuse makes the problem of a code.
func refuse(code, retryAfter string) reply {
	status := map[string]int{"unauthenticated": 401, "forbidden": 403, "request_in_progress": 409, "validation_failed": 422,
		"internal": 500, "unavailable": 503}[code]
	problem := map[string]any{
		"type": "urn:latchkey:problem:" + code, "title": "No", "status": status, "detail": "This is \x1b[31mwhy\nnot.",
		"code": code, "request_id": "JKJaXmPLvHcESHA=",
	}
	h := http.Header{"Content-Type": {"application/problem+json"}}
	switch {
	case code == "unauthenticated":
		h.Set("WWW-Authenticate", "Bearer")
	case code == "validation_failed":
		problem["errors"] = []any{map[string]any{"pointer": "/role", "code": "unknown", "detail": "This is another role."}}
	case retryAfter != "":
		h.Set("Retry-After", retryAfter)
	}
	text, _ := json.Marshal(problem)
	return reply{status: status, header: h, body: text, outcome: code}
}

// work does what is asked for, once under each key.
func (f *fakeAPI) work(r *http.Request, body []byte, asked inviteBody) reply {
	if r.Header.Get("Authorization") != "Bearer "+f.token {
		return refuse("unauthenticated", "")
	}
	h := http.Header{"Content-Type": {"application/json"}}
	if isPreview(r) {
		return reply{status: http.StatusOK, header: h, body: f.answer(asked, true, false), outcome: "answered"}
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) != sha256.Size*2 {
		f.t.Errorf("Idempotency-Key %q", key)
	}
	if k, ok := f.kept[key]; ok {
		if !bytes.Equal(k.body, body) {
			f.t.Errorf("the key %s was used for another request", key)
		}
		h.Set("Idempotency-Replayed", "true")
		return reply{status: http.StatusOK, header: h, body: k.answer, outcome: "repeated"}
	}
	answer := f.answer(asked, false, !asked.Notify)
	var kept map[string]any
	_ = json.Unmarshal(answer, &kept)
	for _, result := range kept["results"].([]any) {
		delete(result.(map[string]any), "accept_url")
	}
	withoutLinks, _ := json.Marshal(kept)
	f.kept[key] = keptJSON{body, withoutLinks}
	return reply{status: http.StatusOK, header: h, body: answer, outcome: "answered"}
}

// answer invites, or says what inviting would come to. A text has two segments.
func (f *fakeAPI) answer(asked inviteBody, preview, links bool) []byte {
	before, seen, summary := f.left, map[string]bool{}, map[string]int{}
	left := before
	var results []any
	count := 0
	for _, r := range asked.Recipients {
		address := f.addressOf(r)
		verdict, reason := f.judge(r, asked, seen[address], left)
		seen[address] = true
		summary[verdict]++
		result := map[string]any{"input": address, "verdict": verdict, "reason": nil}
		if reason != "" {
			result["reason"] = reason
		}
		offered := verdict == "created" || verdict == "reopened" || verdict == "resent"
		switch {
		case !offered || !asked.Notify:
		case r.Phone != "":
			left.texts, left.budget = left.texts-1, left.budget-priceOf(r.Phone)
			count++
		default:
			left.mails--
		}
		if preview {
			result["recipient"], result["joins"] = map[string]any{"type": kindOf(r), "value": address}, nil
			if offered {
				result["joins"] = map[bool]string{true: "at_once", false: "waits"}[strings.HasSuffix(address, "@example.com")]
			}
			results = append(results, result)
			continue
		}
		result["invitation"] = nil
		if offered || verdict == "already_invited" {
			result["invitation"] = invitationOf(r, asked)
		}
		if offered && links {
			result["accept_url"] = "https://join.example.com/join/acme/" + letters(address+" link", 64)
		}
		if offered {
			f.status[address] = "invited"
		}
		if offered && asked.Notify {
			f.mails[address]++
		}
		results = append(results, result)
	}
	answer := map[string]any{"results": results, "summary": summary}
	if preview {
		answer["left_today"] = before.mails
		answer["sms"] = map[string]any{"count": count, "segments": 2 * count, "estimated_cost": (before.budget - left.budget).String(),
			"left_today": before.texts, "budget_left": before.budget.String()}
	} else {
		f.left = left
	}
	text, _ := json.Marshal(answer)
	return text
}

// addressOf answers a recipient's one address. A number comes with its country code: the organization may have another country
// than the list.
func (f *fakeAPI) addressOf(r recipient) string {
	if (r.Email == "") == (r.Phone == "") || r.Phone != "" && !strings.HasPrefix(r.Phone, "+") {
		f.t.Errorf("a recipient is %+v", r)
	}
	return r.Email + r.Phone
}

func kindOf(r recipient) string { return map[bool]string{true: "email", false: "phone"}[r.Phone == ""] }

// priceOf is what a text to a number costs.
func priceOf(phone string) onboarding.Money {
	if strings.HasPrefix(phone, "+49") {
		return 190_000
	}
	return 90_300
}

func (f *fakeAPI) judge(r recipient, asked inviteBody, twice bool, left limits) (verdict, reason string) {
	switch status := f.status[f.addressOf(r)]; {
	case twice:
		return "duplicate", "the same address stands in this request before"
	case asked.Role == "admin" && r.LastName == "Guest":
		return "denied", "=only members can be made of guests"
	case status == "member":
		return "already_member", "this person is a member already"
	case status == "dismissed":
		return "member_dismissed", "this person was dismissed; rehire them instead"
	case status == "invited" && asked.OnConflict == "skip":
		return "already_invited", "an invitation is pending"
	case asked.Notify && status == "opted_out":
		return "opted_out", "the owner of this number has asked for no text messages"
	case asked.Notify && r.Phone != "" && (left.texts == 0 || left.budget < priceOf(r.Phone)):
		return "limit_reached", "the organization's limit on text messages is reached"
	case asked.Notify && r.Phone == "" && left.mails == 0:
		return "limit_reached", "today's sending limit of the organization is reached"
	case status == "invited":
		return "resent", ""
	case status == "revoked":
		return "reopened", ""
	}
	return "created", ""
}

func invitationOf(r recipient, asked inviteBody) map[string]any {
	const at = "2026-11-23T09:31:12.482Z"
	word := func(s, otherwise string) string { return map[bool]string{true: otherwise, false: s}[s == ""] }
	return map[string]any{
		"id": "inv_" + letters(r.Email+r.Phone, 26), "organization_id": "acme",
		"recipient":   map[string]any{"type": kindOf(r), "value": r.Email + r.Phone, "first_name": r.FirstName, "last_name": r.LastName},
		"member_type": word(string(asked.MemberType), "employee"), "role": word(string(asked.Role), "member"),
		"job_title": r.JobTitle, "locale": word(string(asked.Locale), "en"), "department_ids": []string{}, "group_ids": []string{}, "guest_until": nil, "firm": nil, "replaces_member_id": nil, "status": "pending", "round": 1,
		"delivery":   map[string]any{"channel": kindOf(r), "status": "queued", "last_event_at": at, "attempts": 0, "error": nil},
		"inviter_id": "mem_01KARF7Q8X3M5N9P2R4T6V8W0Y", "inviter_name": "Grace Hopper", "accepted_member_id": nil,
		"created_at": at, "updated_at": at, "expires_at": at, "last_sent_at": nil, "link_asked_at": nil, "send_count": 0, "version": 1,
	}
}

// letters are n letters that belong to a text.
func letters(text string, n int) string {
	sum := sha256.Sum256([]byte(text))
	s := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
	return (s + s)[:n]
}

// command is the story's command api:
//
//	api is ADDRESS STATUS     an address is known already
//	api left N                so many mails are left of today's limit
//	api texts N DOLLARS       so many texts are, and so much of the month's money for them
//	api answers N FAULT…      what becomes of the N-th request from now
//	api await N               waits for the N-th
//	api asked FILE            writes what was asked since the last time
//	api mailed N              N people were mailed or texted, each once
func (f *fakeAPI) command(ts *testscript.TestScript, args []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		check(ts, err)
		return n
	}
	switch args[0] {
	case "is":
		f.status[args[1]] = args[2]
	case "left":
		f.left.mails = number(args[1])
	case "texts":
		budget, err := onboarding.ParseMoney(args[2])
		check(ts, err)
		f.left.texts, f.left.budget = number(args[1]), budget
	case "answers":
		f.faults[number(args[1])] = args[2:]
	case "await":
		for len(f.asked) < number(args[1]) {
			f.more.Wait()
		}
	case "asked":
		check(ts, os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(append(f.asked, ""), "\n")), 0o600))
		f.asked, f.faults = nil, map[int][]string{}
	case "mailed":
		for address, n := range f.mails {
			if n != 1 {
				ts.Fatalf("%s was mailed %d times", address, n)
			}
		}
		if len(f.mails) != number(args[1]) {
			ts.Fatalf("%d people were mailed, want %s", len(f.mails), args[1])
		}
	default:
		ts.Fatalf("there is no api %s", args[0])
	}
}

func commandAPI(ts *testscript.TestScript, _ bool, args []string) {
	ts.Value("api").(*fakeAPI).command(ts, args)
}

// writeNumbers writes a list of numbers of Germany, as they are written there: numbers 1500 FILE. The first is 0151 10000000.
func writeNumbers(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	check(ts, err)
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "0151 %08d\n", 10_000_000+i)
	}
	check(ts, os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o600))
}

// writePeople writes a list: people 2500 FILE. With a letter behind, it makes the names as long as they may be.
func writePeople(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	check(ts, err)
	check(ts, os.WriteFile(ts.MkAbs(args[1]), people(n, strings.Join(args[2:], "")), 0o600))
}

func people(n int, letter string) []byte {
	b := bytes.NewBufferString("email,first_name,last_name,job_title\n")
	for i := range n {
		fmt.Fprintf(b, "person%d@example.com,Ann%s,Lee%[2]s,Analyst%[2]s\n", i, strings.Repeat(letter, 90))
	}
	return b.Bytes()
}

// writeToken writes a session token of acme into a file, with a line behind it that is not read.
func writeToken(ts *testscript.TestScript, _ bool, args []string) {
	check(ts, os.WriteFile(ts.MkAbs(args[0]), []byte(ts.Getenv("TOKEN")+"\r\nviolet\n"), 0o600))
}

// tally writes how many rows of a report have which verdict and reason, in their order: tally REPORT FILE.
func tally(ts *testscript.TestScript, _ bool, args []string) {
	var order []string
	counts := map[string]int{}
	for _, row := range readReport(ts.Value("t").(testing.TB), ts.MkAbs(args[0])) {
		what := strings.TrimSuffix(row[3]+": "+row[4], ": ")
		if counts[what]++; counts[what] == 1 {
			order = append(order, what)
		}
	}
	var b strings.Builder
	for _, what := range order {
		fmt.Fprintln(&b, counts[what], what)
	}
	check(ts, os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o600))
}

// checkMode compares a file's permissions: mode 600 FILE.
func checkMode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	check(ts, err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("the mode of %s is %s, want %s", args[1], got, args[0])
	}
}

func TestCtrlCWaitsForTheRequestUnderWay(t *testing.T) {
	fake := startAPI(t)
	defer fake.Close()
	t.Setenv("LATCHKEY_TOKEN", fake.token)
	list := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(list, people(2500, ""), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	fake.faults[2], fake.stop = []string{"interrupt"}, cancel
	var out, errs bytes.Buffer
	args := []string{"invite", "--csv", list, "--url", fake.URL, "--organization", "acme", "--quiet"}
	code := run(ctx, args, call{out: &out, errs: &errs, wait: pause})
	want := "latchkey: interrupted; 2000 of 2500 are done, and the same command goes on from there\n"
	if code != 1 || errs.String() != want {
		t.Errorf("exit code %d, %q; want 1, %q", code, &errs, want)
	}
	if len(fake.asked) != 2 || len(fake.mails) != 2000 {
		t.Errorf("%d requests mailed %d people; want 2, and 2000", len(fake.asked), len(fake.mails))
	}
	rows := readReport(t, list+".report.csv")
	for i, row := range rows {
		want := map[bool]string{true: "created", false: "not_sent"}[i < 2000]
		if row[0] != strconv.Itoa(i+2) || row[3] != want {
			t.Fatalf("row %d is %q, want %s", i, row, want)
		}
	}
	if len(rows) != 2500 {
		t.Errorf("the report has %d rows, want 2500", len(rows))
	}
}

// itself is the API itself, on a table of its own, at one instant. Its organization is acme.
type itself struct {
	t        *testing.T
	store    *table.Table
	founding onboarding.Founding
	url      string
	list     string // a file
	now      time.Time
}

func startItself(t *testing.T, texting onboarding.Texting, list string) *itself {
	db, name := dynamotest.Table(t)
	now := time.Now() // one instant, of one day
	store, w := table.New(db, name), onboarding.World{Now: func() time.Time { return now }, Rand: crand.Reader}
	founding := onboarding.Founding{World: w, Store: store}
	const password = "violet harbour tuesday kite"
	_, _, err := founding.Found(t.Context(), onboarding.FoundCommand{ID: "acme", Name: "Acme", Locale: "en", DailySendLimit: 3,
		Admin: onboarding.Invitee{Address: "ann@acme.com"}, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	signing := onboarding.SigningIn{World: w, Store: store}
	_, token, err := signing.SignIn(t.Context(), "acme", "ann@acme.com", password, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := onboarding.NewKeys(1, map[byte][]byte{1: bytes.Repeat([]byte("k"), 64)})
	if err != nil {
		t.Fatal(err)
	}
	edge := api.Edge{Log: telemetry.NewLogger(io.Discard, "test"), Metrics: telemetry.NewMetrics(io.Discard, "test", "test"),
		BaseURL: "https://join.example.com", Now: w.Now}
	server := httptest.NewServer(api.CreateInvite(edge, w, store, keys,
		onboarding.Texts{World: w, Store: store, Texting: texting, Numbers: numbers.Plan{}}))
	t.Cleanup(server.Close)
	t.Setenv("LATCHKEY_TOKEN", token.Reveal())
	path := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(path, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	return &itself{t, store, founding, server.URL, path, now}
}

// invite invites the list, in which somebody cannot be invited, and compares how the summary begins.
func (a *itself) invite(want string, flags ...string) {
	a.t.Helper()
	var out, errs bytes.Buffer
	args := append([]string{"invite", "--csv", a.list, "--url", a.url, "--organization", "acme", "--quiet"}, flags...)
	code := run(a.t.Context(), args, call{out: &out, errs: &errs, wait: pause})
	got := strings.Join(strings.Fields(out.String()), " ")
	if code != 1 || errs.Len() > 0 || !strings.HasPrefix(got, want) {
		a.t.Errorf("exit code %d, %s%s; want 1, and %s", code, got, &errs, want)
	}
}

func (a *itself) change(edit func(*onboarding.Settings)) {
	a.t.Helper()
	if _, err := a.founding.Change(a.t.Context(), "acme", func(o *onboarding.Organization) { edit(&o.Settings) }); err != nil {
		a.t.Fatal(err)
	}
}

// The API itself, on a table, does what fakeAPI does: it repeats its answers, and its limit of before is asked about anew.
func TestTheAPIItselfTakesUpAList(t *testing.T) {
	a := startItself(t, onboarding.Texting{}, string(people(5, ""))+"not an address,Ed,,\n")
	const limited = "created 3 invalid 1 limit_reached 2"
	a.invite(limited+" would join 3 at once, 0 after an administrator agrees left today 3 mails", "--dry-run")
	a.invite(limited)
	a.invite(limited)
	a.change(func(s *onboarding.Settings) { s.DailySendLimit = 9 })
	a.invite("created 5 invalid 1")
	a.invite("created 5 invalid 1")
	a.invite("already_invited 5 invalid 1", "--role", "admin", "--report", a.list+".again.csv")
	a.invite("already_invited 5 invalid 1 would join 0 at once", "--dry-run")
	if used, err := a.store.ReadUsage(t.Context(), "acme", a.now); err != nil || used != 5 {
		t.Errorf("%d mails were counted, %v; want 5", used, err)
	}
}

// The organization has no country: numbers come to the API with their country code.
func TestTheAPIItselfTextsAList(t *testing.T) {
	texting := onboarding.Texting{On: true, Budget: 100 * onboarding.Dollar,
		Prices: map[string]onboarding.Money{"DE": onboarding.Dollar / 10, "GB": onboarding.Dollar / 20}}
	a := startItself(t, texting, "email,phone\nbo@example.com,\n,0151 12345670\n,0151 12345671\n,+44 7400 123456\n,0151 12345672\n"+
		",030 123456\n,+1 202 555 0123\n")
	a.change(func(s *onboarding.Settings) {
		s.TextCountries, s.TextsPerDay, s.TextBudget = []string{"DE", "GB"}, 3, onboarding.Dollar
	})
	const limited = "created 4 invalid 1 denied 1 limit_reached 1 "
	a.invite(limited+"would join 4 at once, 0 after an administrator agrees left today 3 mails, before any of these "+
		"texts 3 in at most 6 segments, for about 0.5 US dollars "+
		"left for texts 3 today and 1 US dollars this month, before any of these "+
		"line 7 invalid: this is a fixed line, which receives no text messages "+
		"line 8 denied: text messages are not sent to the country of this number (US)", "--country", "DE", "--dry-run")
	a.invite(limited, "--country", "DE")
	a.invite(limited, "--country", "DE")
	a.change(func(s *onboarding.Settings) { s.TextsPerDay = 9 })
	a.invite("created 5 invalid 1 denied 1 report", "--country", "DE")
	a.invite("created 5 invalid 1 denied 1 report", "--country", "DE")
	a.invite("already_invited 5 invalid 1 denied 1 would join 0 at once, 0 after an administrator agrees left today 2 mails, before "+
		"any of these texts none left for texts 5 today and 0.3 US dollars this month", "--country", "DE", "--dry-run")
	a.invite("created 1 already_invited 5 invalid 1 report", "--country", "DE", "--no-notify", "--report", a.list+".links.csv")
	a.invite("created 1 already_invited 5 invalid 1 report", "--country", "DE", "--no-notify", "--report", a.list+".links.csv")
	rows := readReport(t, a.list+".links.csv")
	if last := rows[len(rows)-1]; last[2] != "'+12025550123" || !strings.HasPrefix(last[6], "https://join.example.com/join/acme/") {
		t.Errorf("the last row is %q, want its number and its link", last)
	}
	if used, err := a.store.ReadTexts(t.Context(), "acme", a.now, onboarding.TextInvitation); err != nil || used.Today != 4 ||
		used.Spent != onboarding.Dollar*7/10 {
		t.Errorf("%d texts were counted, for %s, %v; want 4, for 0.7", used.Today, used.Spent, err)
	}
}

func readReport(t testing.TB, path string) [][]string {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	return rows[1:]
}

func TestACertificateThatNobodyTrustsIsNotTriedAgain(t *testing.T) {
	fake := startAPI(t)
	fake.Close()
	stranger := httptest.NewTLSServer(fake)
	defer stranger.Close()
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Setenv("LATCHKEY_TOKEN", fake.token)
	list := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(list, people(1, ""), 0o600); err != nil {
		t.Fatal(err)
	}
	wait := func(context.Context, time.Duration) error { t.Error("it waited"); return nil }
	var out, errs bytes.Buffer
	args := []string{"invite", "--csv", list, "--url", stranger.URL, "--organization", "acme", "--quiet"}
	code := run(t.Context(), args, call{out: &out, errs: &errs, wait: wait})
	if code != 1 || !strings.Contains(errs.String(), "certificate") {
		t.Errorf("exit code %d, %s", code, &errs)
	}
	if !strings.HasPrefix(out.String(), "not_sent") || len(fake.asked) > 0 {
		t.Errorf("%d requests: %s", len(fake.asked), &out)
	}
}

func TestRetryAfterIsSecondsOrATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for text, want := range map[string]time.Duration{
			"": 0, "5": 5 * time.Second, "-5": 0, "soon": 0, "99999999999": 1 << 30 * time.Second,
			time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat): 90 * time.Second,
			time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat):     0,
		} {
			if got := retryAfter(http.Header{"Retry-After": {text}}); got != want {
				t.Errorf("%q is %s, want %s", text, got, want)
			}
		}
	})
}

func TestAPauseIsAtMostAQuarterLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lengths := map[time.Duration]bool{}
		for range 20 {
			began := time.Now()
			if err := pause(t.Context(), time.Minute); err != nil {
				t.Fatal(err)
			}
			took := time.Since(began)
			if lengths[took] = true; took < time.Minute || took > 75*time.Second {
				t.Errorf("a pause of a minute took %s", took)
			}
		}
		if len(lengths) < 2 {
			t.Error("every pause was as long as the others")
		}
	})
}

func TestAPauseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := pause(ctx, time.Minute); err == nil || time.Since(began) != time.Second {
			t.Errorf("it ended after %s with %v", time.Since(began), err)
		}
	})
}

func TestATerminalHasOneLineThatIsDrawnAnew(t *testing.T) {
	var out bytes.Buffer
	began := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	now := began
	p := &progress{out: &out, terminal: true, now: func() time.Time { return now }, began: began, all: 2500}
	p.draw()
	now = now.Add(10 * time.Second)
	p.advance(1000)
	p.note("unavailable; trying again in 5s")
	p.end()
	const drawn = "[############..................] 1000 of 2500, 100 a second, 15s left"
	want := clearLine + "[..............................] 0 of 2500" + clearLine + drawn +
		clearLine + "unavailable; trying again in 5s\n" + clearLine + drawn + "\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", &out, want)
	}
}

// What a spreadsheet would compute is text in a report, and the report tells what was in the list.
func FuzzReport(f *testing.F) {
	for _, seed := range []string{"", "ann@example.com", "+4915112345678", "=1+1", "@SUM(A1)", "\tx", "a\"b,c\nd", "'=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ReplaceAll(text, "\r\n", "\n") // which encoding/csv reads as one line end
		p := &person{line: 1, input: text, recipient: recipient{Phone: text}, verdict: onboarding.InvalidAddress, reason: text, link: text}
		var out bytes.Buffer
		if err := (report{links: true}).encode(&out, []*person{p}); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%q, %v", rows, err)
		}
		row := rows[1]
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("a cell is %q", cell)
			}
		}
		for _, cell := range row[1:3] {
			if cell != text && cell != "'"+text {
				t.Errorf("the input or the address is %q, want %q", cell, text)
			}
		}
	})
}
