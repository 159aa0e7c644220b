package main

// The words of the stories that send requests and look at answers.

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"latchkey/internal/openapi"
)

// contract is openapi.yaml.
var contract = sync.OnceValues(func() (*openapi.Spec, error) {
	return openapi.Load(filepath.Join(repository, "openapi.yaml"))
})

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

func (s *story) request(ts *testscript.TestScript, args []string) {
	need(ts, args, 3)
	s.drafts[args[0]] = s.draft(ts, args[1:])
}

func (s *story) signIn(ts *testscript.TestScript, args []string) {
	need(ts, args, 4)
	s.call(ts, []string{"POST", "/v1/sessions", "organization=" + args[1], "login=" + args[2], "password=" + args[3]})
	s.status(ts, []string{"201"})
	s.session(ts, args[:1])
}

func (s *story) session(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	s.bear(args[0], s.text(ts, ".token"), s.text(ts, ".member.organization_id"))
}

func (s *story) key(ts *testscript.TestScript, args []string) {
	need(ts, args, 2)
	s.bear(args[0], s.text(ts, ".token"), args[1])
}

// bear keeps what commands show -as name.
func (s *story) bear(name, token, org string) {
	s.tokens[name], s.homes[name] = token, org
	s.secrets = append(s.secrets, token)
}

func (s *story) invite(ts *testscript.TestScript, args []string) {
	need(ts, args, 2)
	s.token(ts, args[0])
	type recipient struct {
		Email string `json:"email,omitempty"`
		Phone string `json:"phone,omitempty"`
	}
	var recipients []recipient
	var fields []string
	for _, arg := range args[1:] {
		if len(fields) > 0 || strings.ContainsAny(arg, "=") || strings.HasPrefix(arg, "-") {
			fields = append(fields, arg)
			continue
		}
		if strings.ContainsAny(arg[:1], "+(0123456789") {
			recipients = append(recipients, recipient{Phone: arg})
			continue
		}
		recipients = append(recipients, recipient{Email: arg})
	}
	list, err := json.Marshal(recipients)
	ts.Check(err)
	s.call(ts, append([]string{"POST", "/v1/organizations/" + s.homes[args[0]] + "/invitations", "-as", args[0],
		"recipients:=" + string(list)}, fields...))
}

// insist sends what a busy machine takes long for. What could not be done in time is done by asking again with the same key.
func (s *story) insist(ts *testscript.TestScript, request []string) {
	request = append(slices.Clone(request), "-header", "Idempotency-Key:"+rand.Text())
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		s.call(ts, request)
		if s.last.status != http.StatusServiceUnavailable && s.last.problem() != "request_in_progress" {
			break
		}
		seconds, err := strconv.Atoi(s.last.header.Get("Retry-After"))
		ts.Check(err)
		<-time.After(time.Duration(seconds) * time.Second)
	}
	s.status(ts, []string{"200"})
}

func (s *story) race(ts *testscript.TestScript, args []string) {
	need(ts, args, 3)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	answers, err := s.sendAtOnce(slices.Repeat([]draft{s.draft(ts, args[2:])}, n))
	counts := map[string]int{}
	for _, answer := range answers {
		counts[answer.String()]++
		if answer.status/100 == 2 {
			s.last = answer
		}
	}
	tell(ts, counts)
	ts.Check(err)
}

// sendAtOnce sends all requests in the same moment.
func (s *story) sendAtOnce(drafts []draft) ([]reply, error) {
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
	return answers, errors.Join(errs...)
}

// tell prints how often came which answer.
func tell(ts *testscript.TestScript, counts map[string]int) {
	for _, answer := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(ts.Stdout(), "%d x %s\n", counts[answer], answer)
	}
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

var nextPage = regexp.MustCompile(`^<https?://[^/]+(/[^>]+)>; rel="next"$`)

func (s *story) export(ts *testscript.TestScript, args []string) {
	need(ts, args, 3)
	n, file := 0, []byte{}
	for next := args[0]; next != ""; n++ {
		s.call(ts, append([]string{"GET", next}, args[1:]...))
		s.status(ts, []string{"200"})
		file, next = append(file, s.last.body...), ""
		if link := s.last.header.Get("Link"); link != "" {
			at := nextPage.FindStringSubmatch(link)
			if at == nil {
				ts.Fatalf("the next page is at %q", link)
			}
			next = at[1]
		}
	}
	rows, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	ts.Check(err)
	for _, row := range rows {
		fmt.Fprintln(ts.Stdout(), strings.Join(row[1:], " | "))
	}
	fmt.Fprintf(ts.Stdout(), "%d rows, %d pages\n", len(rows), n)
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
		want = append(want, "created")
		recipients = append(recipients, fmt.Sprintf(`{"email":"p%d@crowd.example"}`, fresh))
	}
	request := append([]string{"POST", "/v1/organizations/" + s.homes[args[3]] + "/invitations", "recipients:=[" + strings.Join(recipients, ",") + "]"}, args[2:]...)
	s.insist(ts, request)
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
