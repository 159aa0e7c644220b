package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/onboarding"
	"latchkey/internal/telemetry"

	"github.com/go-json-experiment/json"
)

const baseURL = "https://join.example.com"

// door is a Mux behind a real HTTP server.
type door struct {
	*httptest.Server
	mux     *Mux
	log     *bytes.Buffer
	metrics *bytes.Buffer
	mu      sync.Mutex
}

func (d *door) lock(w io.Writer) io.Writer { return locked{&d.mu, w} }

type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func newDoor(t *testing.T, page func(http.ResponseWriter, *http.Request, *Problem)) *door {
	t.Helper()
	d := &door{log: new(bytes.Buffer), metrics: new(bytes.Buffer)}
	d.mux = NewMux(Edge{
		Log: telemetry.NewLogger(d.lock(d.log), "browse"), Metrics: telemetry.NewMetrics(d.lock(d.metrics), "browse", "test"),
		BaseURL: baseURL, Now: time.Now, RequestID: func(context.Context) string { return "the-request-id" }, Page: page,
	})
	done := make(chan struct{}, 1)
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { done <- struct{}{} }()
		d.mux.ServeHTTP(w, r)
	}))
	t.Cleanup(d.Close)
	d.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	d.Client().Transport = waiting{d.Client().Transport, done}
	return d
}

// waiting answers when the server is done with its log line, too.
type waiting struct {
	http.RoundTripper
	done <-chan struct{}
}

func (w waiting) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := w.RoundTripper.RoundTrip(r)
	if err == nil {
		<-w.done
	}
	return res, err
}

// ask sends a request with headers given as name, value, name, value.
func (d *door) ask(t *testing.T, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, d.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	res, err := d.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func wantProblem(t *testing.T, res *http.Response, body string, status int, code string) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal([]byte(body), &p, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("%d %s: %v", res.StatusCode, body, err)
	}
	if res.StatusCode != status || p.Status != status || p.Code != code || p.Type != "urn:latchkey:problem:"+code || p.Title == "" ||
		p.RequestID != "the-request-id" || res.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("got %d %s %s, want %d %s", res.StatusCode, res.Header.Get("Content-Type"), body, status, code)
	}
	return p
}

func TestEveryCodeHasAStatus(t *testing.T) {
	files, err := filepath.Glob("../onboarding/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of the domain: %v", err)
	}
	found := 0
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "Code" {
				for _, value := range v.Values {
					code, err := strconv.Unquote(value.(*ast.BasicLit).Value)
					if _, ok := kinds[onboarding.Code(code)]; err != nil || !ok {
						t.Errorf("the code %s has no status", code)
					}
					found++
				}
			}
			return true
		})
	}
	if found < 28 {
		t.Errorf("found %d codes in the domain", found)
	}
}

func TestRefusalsBecomeProblems(t *testing.T) {
	for code, want := range map[onboarding.Code]struct {
		status  int
		headers map[string]string
	}{
		onboarding.Invalid:            {422, nil},
		malformedRequest:              {400, nil},
		onboarding.Unauthenticated:    {401, map[string]string{"Www-Authenticate": "Bearer"}},
		onboarding.WrongCredentials:   {401, map[string]string{"Www-Authenticate": "Bearer"}},
		onboarding.Forbidden:          {403, nil},
		onboarding.NotFound:           {404, nil},
		onboarding.Conflict:           {409, nil},
		onboarding.VersionMismatch:    {412, nil},
		onboarding.LinkInvalid:        {404, nil},
		onboarding.LinkExpired:        {410, nil},
		onboarding.LinkRevoked:        {410, nil},
		onboarding.AlreadyAccepted:    {409, nil},
		onboarding.AlreadyDeclined:    {410, nil},
		onboarding.OrganizationClosed: {403, nil},
		onboarding.ApprovalPending:    {403, nil},
		onboarding.RegistrationClosed: {403, nil},
		onboarding.DismissedBefore:    {403, nil},
		onboarding.IsMember:           {409, nil},
		onboarding.AlreadyJoined:      {409, nil},
		onboarding.AlreadyProcessed:   {409, nil},
		onboarding.LinkDisabled:       {410, nil},
		onboarding.LinkExhausted:      {410, nil},
		onboarding.JoinExpired:        {410, nil},
		onboarding.CodeExpired:        {410, nil},
		onboarding.LimitReached:       {429, map[string]string{"Retry-After": "3600"}},
		onboarding.TooManyAttempts:    {429, map[string]string{"Retry-After": "60"}},
		onboarding.KeyReused:          {422, nil},
		onboarding.InProgress:         {409, map[string]string{"Retry-After": "1"}},
		onboarding.Unavailable:        {503, map[string]string{"Retry-After": "5"}},
		unsupportedMediaType:          {415, nil},
		tooLarge:                      {413, nil},
	} {
		t.Run(string(code), func(t *testing.T) {
			d := newDoor(t, nil)
			d.mux.handle("GET /x", func(w http.ResponseWriter, r *http.Request) error {
				w.Header().Set("ETag", `"v1"`)
				setSession(w, "token", time.Now())
				return fmt.Errorf("for the log only: %w", onboarding.Refuse(code, "For people."))
			})
			res, body := d.ask(t, "GET", "/x", "")
			p := wantProblem(t, res, body, want.status, string(code))
			if p.Detail != "For people." || strings.Contains(body, "for the log") {
				t.Errorf("body %s", body)
			}
			for _, name := range []string{"Www-Authenticate", "Retry-After", "Etag", "Set-Cookie", "Allow"} {
				if got := res.Header.Get(name); got != want.headers[name] {
					t.Errorf("%s is %q, want %q", name, got, want.headers[name])
				}
			}
			if log := d.log.String(); !strings.Contains(log, "for the log only") || !strings.Contains(log, `"code":"`+string(code)+`"`) {
				t.Errorf("log %s", log)
			}
		})
	}
}

func TestAProblemTellsFieldsAndWhenToTryAgain(t *testing.T) {
	d := newDoor(t, nil)
	d.mux.handle("GET /x", func(http.ResponseWriter, *http.Request) error {
		return &onboarding.Error{Code: onboarding.TooManyAttempts, RetryAfter: 1500 * time.Millisecond,
			Fields: []onboarding.Field{{Pointer: "/a/0", Code: "b", Detail: "c"}}}
	})
	res, body := d.ask(t, "GET", "/x", "")
	p := wantProblem(t, res, body, 429, "too_many_attempts")
	if !reflect.DeepEqual(p.Errors, []FieldProblem{{"/a/0", "b", "c"}}) || res.Header.Get("Retry-After") != "2" {
		t.Errorf("%s, Retry-After %s", body, res.Header.Get("Retry-After"))
	}
}

func TestUnknownErrorsAndPanicsShowNothing(t *testing.T) {
	for name, c := range map[string]struct {
		h      handler
		status int
		code   string
	}{
		"an error":           {func(http.ResponseWriter, *http.Request) error { return errors.New("sesame at ann@example.com") }, 500, "internal"},
		"a panic":            {func(http.ResponseWriter, *http.Request) error { panic("sesame") }, 500, "internal"},
		"a panic of nothing": {func(http.ResponseWriter, *http.Request) error { var p *Problem; p.Status++; return nil }, 500, "internal"},
		"an abort":           {func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) }, 500, "internal"},
		"an unknown code":    {func(http.ResponseWriter, *http.Request) error { return onboarding.Refuse("sesame", "sesame") }, 500, "internal"},
		"an answer that does not marshal": {func(w http.ResponseWriter, _ *http.Request) error {
			return writeJSON(w, 200, map[string]any{"sesame": func() {}})
		}, 500, "internal"},
		"a deadline": {func(http.ResponseWriter, *http.Request) error {
			return fmt.Errorf("sesame: %w", context.DeadlineExceeded)
		}, 503, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, nil)
			d.mux.handle("GET /x", c.h)
			res, body := d.ask(t, "GET", "/x", "")
			wantProblem(t, res, body, c.status, c.code)
			log := d.log.String()
			if strings.Contains(body, "sesame") || strings.Contains(log, "ann@") {
				t.Errorf("body %s log %s", body, log)
			}
			if strings.Count(log, "\n") != 1 || !strings.Contains(log, `"level":"ERROR"`) {
				t.Errorf("log %s", log)
			}
			if panics := strings.Contains(name, "panic"); panics != strings.Contains(log, `"stack":"goroutine`) && name != "an abort" {
				t.Errorf("log %s", log)
			}
		})
	}
}

func TestTheMuxsOwnAnswersAreProblems(t *testing.T) {
	d := newDoor(t, nil)
	ok := func(w http.ResponseWriter, r *http.Request) error {
		return writeJSON(w, 200, map[string]string{"org": r.PathValue("org")})
	}
	d.mux.handle("GET /v1/{org}/x", ok)
	d.mux.handle("POST /v1/{org}/x", ok)
	d.mux.handle("GET /dir/", ok)

	res, body := d.ask(t, "GET", "/v1/acme/x", "")
	if res.StatusCode != 200 || body != `{"org":"acme"}` {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	res, body = d.ask(t, "DELETE", "/v1/acme/x", "")
	wantProblem(t, res, body, 405, "method_not_allowed")
	if got := res.Header.Get("Allow"); got != "GET, HEAD, POST" {
		t.Errorf("Allow is %q", got)
	}
	for _, path := range []string{"/", "/v1/acme", "/v1/acme/x/", "/v1//x", "/v1/../v1/acme/x", "//v1/acme/x", "/dir", "/join/acme/x"} {
		res, body := d.ask(t, "GET", path, "")
		wantProblem(t, res, body, 404, "not_found")
		if res.Header.Get("Location") != "" {
			t.Errorf("%s leads to %s", path, res.Header.Get("Location"))
		}
	}
	if n := strings.Count(d.log.String(), `"route":"none"`); n != 9 {
		t.Errorf("%d lines of no route, want 9: %s", n, d.log)
	}
	if res, _ := d.ask(t, "HEAD", "/v1/acme/x", ""); res.StatusCode != 200 {
		t.Errorf("HEAD: %d", res.StatusCode)
	}
}

func TestSecurityHeadersAreOnEveryAnswer(t *testing.T) {
	d := newDoor(t, func(w http.ResponseWriter, r *http.Request, p *Problem) { w.WriteHeader(p.Status) })
	write := func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(204); return nil }
	fail := func(http.ResponseWriter, *http.Request) error { return errors.New("x") }
	d.mux.handle("GET /ok", write)
	d.mux.handle("GET /fails", fail)
	d.mux.page("GET /join/ok", write, d.mux.edge.Page)
	d.mux.page("GET /join/fails", fail, d.mux.edge.Page)
	for path, policy := range map[string]string{
		"/ok": jsonPolicy, "/fails": jsonPolicy, "/none": jsonPolicy,
		"/join/ok": pagePolicy, "/join/fails": pagePolicy, "/join/none": pagePolicy,
	} {
		res, _ := d.ask(t, "GET", path, "")
		for name, want := range map[string]string{
			"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
			"X-Content-Type-Options": "nosniff", "X-Request-Id": "the-request-id", "Strict-Transport-Security": "max-age=63072000",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}

func TestPagesRenderTheirOwnProblems(t *testing.T) {
	page := func(w http.ResponseWriter, r *http.Request, p *Problem) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(p.Status)
		fmt.Fprintf(w, "<p>%s %s %d", p.Code, p.RequestID, p.RetryAfterSeconds())
	}
	d := newDoor(t, page)
	d.mux.page("GET /join/{org}/x", func(http.ResponseWriter, *http.Request) error {
		return onboarding.Refuse(onboarding.TooManyAttempts, "")
	}, page)
	d.mux.page("GET /join/{org}/panics", func(http.ResponseWriter, *http.Request) error { return errors.New("x") },
		func(http.ResponseWriter, *http.Request, *Problem) { panic("the template is broken") })
	for path, want := range map[string]string{
		"/join/acme/x":    "429 <p>too_many_attempts the-request-id 60",
		"/join/acme/none": "404 <p>not_found the-request-id 0",
	} {
		res, body := d.ask(t, "GET", path, "")
		if got := fmt.Sprint(res.StatusCode, " ", body); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	res, body := d.ask(t, "GET", "/join/acme/panics", "")
	wantProblem(t, res, body, 500, "internal")
	if !strings.Contains(d.log.String(), "the template is broken") {
		t.Errorf("log %s", d.log)
	}
}

func TestOneLineAndOneMetricARequest(t *testing.T) {
	d := newDoor(t, nil)
	d.mux.handle("GET /v1/{org}/links/{token}", func(w http.ResponseWriter, r *http.Request) error {
		note(r.Context(), slog.Int("count", 3), slog.String("email", "ann@example.com"))
		if requestID(r.Context()) != "the-request-id" {
			t.Error("the handler does not know the request id")
		}
		w.WriteHeader(202)
		return nil
	})
	d.ask(t, "GET", "/v1/acme/links/sesame?q=sesame", "")
	d.ask(t, "GET", "/v1/Ann@Example.com/links/sesame", "")
	d.ask(t, "GET", "/sesame", "")
	lines := strings.Split(strings.TrimSpace(d.log.String()), "\n")
	if len(lines) != 3 || strings.Contains(d.log.String(), "sesame") || strings.Contains(strings.ToLower(d.log.String()), "example") {
		t.Fatalf("log %s", d.log)
	}
	var first map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
		t.Fatal(err)
	}
	took, ok := first["duration_ms"].(float64)
	delete(first, "duration_ms")
	delete(first, "time")
	want := map[string]any{"level": "INFO", "msg": "request", "function": "browse", "request_id": "the-request-id", "status": 202.0,
		"route": "GET /v1/{org}/links/{token}", "cold_start": true, "organization": "acme", "count": 3.0}
	if !ok || took < 0 || !reflect.DeepEqual(first, want) {
		t.Errorf("got  %v\nwant %v", first, want)
	}
	if strings.Contains(lines[1], "organization") || strings.Contains(lines[1], "cold_start") {
		t.Errorf("second line %s", lines[1])
	}
	if !strings.Contains(lines[2], `"route":"none"`) || !strings.Contains(lines[2], `"code":"not_found"`) {
		t.Errorf("third line %s", lines[2])
	}
	if n := strings.Count(d.metrics.String(), `"Latency":[`); n != 3 || strings.Count(d.metrics.String(), "\n") != 3 {
		t.Errorf("metrics %s", d.metrics)
	}
}

func TestARequestWithoutAGatewayGetsAnIDOfItsOwn(t *testing.T) {
	d := newDoor(t, nil)
	d.mux.edge.RequestID = nil
	d.mux.handle("GET /x", func(w http.ResponseWriter, r *http.Request) error { w.WriteHeader(204); return nil })
	one, _ := d.ask(t, "GET", "/x", "", "X-Request-Id", "chosen-by-the-client")
	two, _ := d.ask(t, "GET", "/x", "")
	a, b := one.Header.Get("X-Request-Id"), two.Header.Get("X-Request-Id")
	if !regexp.MustCompile(`^[A-Z2-7]{26}$`).MatchString(a) || a == b {
		t.Errorf("ids %q and %q", a, b)
	}
}

func TestAnErrorAfterTheAnswerOnlyReachesTheLog(t *testing.T) {
	d := newDoor(t, nil)
	d.mux.handle("GET /x", func(w http.ResponseWriter, r *http.Request) error {
		io.WriteString(w, "answer")
		return errors.New("too late")
	})
	res, body := d.ask(t, "GET", "/x", "")
	if res.StatusCode != 200 || body != "answer" || !strings.Contains(d.log.String(), "too late") {
		t.Errorf("%d %s, log %s", res.StatusCode, body, d.log)
	}
}
