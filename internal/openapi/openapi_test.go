package openapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func load(t *testing.T) *Spec {
	t.Helper()
	spec, err := Load("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestOperationsAreTheJSONRoutes(t *testing.T) {
	want := []string{
		"GET /v1/organizations/{org}/api-keys",
		"POST /v1/organizations/{org}/api-keys",
		"DELETE /v1/organizations/{org}/api-keys/{id}",
		"GET /v1/organizations/{org}/departments",
		"POST /v1/organizations/{org}/departments",
		"DELETE /v1/organizations/{org}/departments/{id}",
		"GET /v1/organizations/{org}/departments/{id}",
		"PATCH /v1/organizations/{org}/departments/{id}",
		"GET /v1/organizations/{org}/groups",
		"POST /v1/organizations/{org}/groups",
		"DELETE /v1/organizations/{org}/groups/{id}",
		"GET /v1/organizations/{org}/groups/{id}",
		"PATCH /v1/organizations/{org}/groups/{id}",
		"GET /v1/organizations/{org}/invitations",
		"POST /v1/organizations/{org}/invitations",
		"POST /v1/organizations/{org}/invitations/preview",
		"GET /v1/organizations/{org}/invitations/{id}",
		"PATCH /v1/organizations/{org}/invitations/{id}",
		"POST /v1/organizations/{org}/invitations/{id}/resend",
		"POST /v1/organizations/{org}/invitations/{id}/revoke",
		"POST /v1/organizations/{org}/invitations/{id}/take-over",
		"GET /v1/organizations/{org}/invite-links",
		"POST /v1/organizations/{org}/invite-links",
		"GET /v1/organizations/{org}/invite-links/{id}",
		"PATCH /v1/organizations/{org}/invite-links/{id}",
		"POST /v1/organizations/{org}/invite-links/{id}/disable",
		"POST /v1/organizations/{org}/invite-links/{id}/enable",
		"GET /v1/organizations/{org}/invite-links/{id}/qr",
		"POST /v1/organizations/{org}/invite-links/{id}/rotate",
		"GET /v1/organizations/{org}/join-requests",
		"POST /v1/organizations/{org}/join-requests/decisions",
		"GET /v1/organizations/{org}/join-requests/{id}",
		"POST /v1/organizations/{org}/join-requests/{id}/approve",
		"POST /v1/organizations/{org}/join-requests/{id}/reject",
		"POST /v1/organizations/{org}/join-requests/{id}/reopen",
		"GET /v1/organizations/{org}/members",
		"POST /v1/organizations/{org}/members",
		"GET /v1/organizations/{org}/members/counts",
		"GET /v1/organizations/{org}/members/export",
		"GET /v1/organizations/{org}/members/{id}",
		"PATCH /v1/organizations/{org}/members/{id}",
		"POST /v1/organizations/{org}/members/{id}/convert",
		"POST /v1/organizations/{org}/members/{id}/dismiss",
		"POST /v1/organizations/{org}/members/{id}/rehire",
		"POST /v1/organizations/{org}/members/{id}/resend-credentials",
		"GET /v1/organizations/{org}/partners",
		"POST /v1/organizations/{org}/policy/evaluate",
		"GET /v1/organizations/{org}/settings",
		"PATCH /v1/organizations/{org}/settings",
		"GET /v1/public/{org}/invitations/{token}",
		"POST /v1/public/{org}/invitations/{token}/accept",
		"POST /v1/public/{org}/invitations/{token}/decline",
		"POST /v1/public/{org}/invitations/{token}/request-new-link",
		"GET /v1/public/{org}/joins/{token}",
		"POST /v1/public/{org}/joins/{token}/resend-code",
		"POST /v1/public/{org}/joins/{token}/verify",
		"GET /v1/public/{org}/links/{token}",
		"POST /v1/public/{org}/links/{token}/join",
		"POST /v1/public/{org}/password-resets",
		"POST /v1/public/{org}/password-resets/by-code",
		"POST /v1/public/{org}/password-resets/{token}",
		"POST /v1/sessions",
		"DELETE /v1/sessions/current",
		"GET /v1/sessions/current",
		"POST /v1/sessions/current/contact-changes",
		"POST /v1/sessions/current/contact-changes/verify",
		"POST /v1/sessions/current/password",
	}
	if got := load(t).Operations(); !slices.Equal(got, want) {
		t.Errorf("operations:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Load refuses a body, header or parameter without an example, so none is missing here.
func TestEveryExampleSatisfiesItsSchema(t *testing.T) {
	spec := load(t)
	if len(spec.examples) < 50 {
		t.Fatalf("only %d examples were found", len(spec.examples))
	}
	for _, e := range spec.examples {
		if err := e.schema.Validate(e.value); err != nil {
			t.Errorf("%s: %v", e.at, err)
		}
	}
}

func TestEveryAnswerNamesItsRequestAndEveryOperationFailsAlike(t *testing.T) {
	for _, op := range load(t).operations {
		for _, status := range []string{"503", "default"} {
			if op.answers[status] == nil {
				t.Errorf("%s: %s is not declared", op.name(), status)
			}
		}
		if op.request != nil {
			for _, status := range []string{"400", "413", "415", "422"} {
				if op.answers[status] == nil {
					t.Errorf("%s: takes a body, and %s is not declared", op.name(), status)
				}
			}
		}
		for status, r := range op.answers {
			required := []string{"X-Request-Id"}
			switch status {
			case "401":
				required = append(required, "WWW-Authenticate")
			case "429", "503":
				required = append(required, "Retry-After")
			}
			for _, name := range required {
				if !slices.ContainsFunc(r.headers, func(h header) bool { return h.name == name && h.required }) {
					t.Errorf("%s: %s: %s is not required", op.name(), status, name)
				}
			}
		}
	}
}

func TestEveryObjectIsClosed(t *testing.T) {
	found := 0
	var walk func(at string, value any)
	walk = func(at string, value any) {
		switch value := value.(type) {
		case map[string]any:
			// A condition on a closed object says object, too.
			if value["type"] == "object" && !strings.Contains(at, "/then/") {
				found++
				if value["additionalProperties"] != false {
					t.Errorf("%s: additionalProperties is not false", at)
				}
			}
			for key, v := range value {
				walk(at+"/"+key, v)
			}
		case []any:
			for i, v := range value {
				walk(fmt.Sprintf("%s/%d", at, i), v)
			}
		}
	}
	text, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	walk("", document)
	if found < 20 {
		t.Fatalf("only %d objects were found", found)
	}
}

const (
	memberPath = "/v1/organizations/acme/members/mem_01KARH2V5C7D9E1F3G5H7J9K1M"
	memberBody = `{"id":"mem_01KARH2V5C7D9E1F3G5H7J9K1M","organization_id":"acme","status":"active",
		"member_type":"employee","role":"member","first_name":"Ada","last_name":"Lovelace","job_title":"","department_ids":["root"],"group_ids":[],"guest_until":null,"firm":null,"skipped_place_ids":[],
		"email":"ada@example.com","phone":null,"email_verified":true,"phone_verified":false,"locale":"en","channel":"invitation","link_id":null,"created_at":"2026-11-23T09:40:03.120Z",
		"joined_at":"2026-11-23T09:40:03.120Z","updated_at":"2026-11-23T09:40:03.120Z","version":1}`
)

func problem(status int, code string) string {
	return fmt.Sprintf(`{"type":"urn:latchkey:problem:%s","title":"A title","status":%d,"detail":"A sentence.","code":%q,
		"request_id":"r1"}`, code, status, code)
}

// with is h with another value, or none.
func with(h http.Header, name string, values ...string) http.Header {
	h = h.Clone()
	h[name] = values
	return h
}

var (
	okHeader      = http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"r1"}, "Etag": {`"v1"`}}
	problemHeader = http.Header{"Content-Type": {"application/problem+json"}, "X-Request-Id": {"r1"}}
)

func TestRightAnswersPass(t *testing.T) {
	spec := load(t)
	for name, answer := range map[string]struct {
		status int
		header http.Header
		body   string
	}{
		"a member":                   {200, okHeader, memberBody},
		"with a charset":             {200, with(okHeader, "Content-Type", "application/json; charset=utf-8"), memberBody},
		"nobody's email":             {200, okHeader, strings.Replace(memberBody, `"ada@example.com"`, `null`, 1)},
		"not modified":               {304, okHeader, ""},
		"a problem":                  {404, problemHeader, problem(404, "not_found")},
		"a fault of ours":            {500, problemHeader, problem(500, "internal")},
		"unavailable, with a time":   {503, with(problemHeader, "Retry-After", "1"), problem(503, "unavailable")},
		"who must sign in, told how": {401, with(problemHeader, "Www-Authenticate", "Bearer"), problem(401, "unauthenticated")},
	} {
		if err := spec.CheckResponse("GET", memberPath, answer.status, answer.header, []byte(answer.body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWrongAnswersAreRefused(t *testing.T) {
	spec := load(t)
	member := func(from, to string) string {
		if !strings.Contains(memberBody, from) {
			t.Fatalf("%s does not stand in the member", from)
		}
		return strings.Replace(memberBody, from, to, 1)
	}
	plain := with(problemHeader, "Content-Type", "application/json")
	latin := with(okHeader, "Content-Type", "application/json; charset=latin1")
	someDay := with(problemHeader, "Retry-After", "soon")
	caused := strings.Replace(problem(500, "internal"), `"code"`, `"cause":"x","code"`, 1)

	for name, wrong := range map[string]struct {
		status int
		header http.Header
		body   string
		want   string // a part of the error
	}{
		"an undeclared property":         {200, okHeader, member(`"version"`, `"password_hash":"x","version"`), "password_hash"},
		"a missing property":             {200, okHeader, member(`"phone":null,`, ``), "phone"},
		"null where it cannot be":        {200, okHeader, member(`"Ada"`, `null`), "first_name"},
		"a value beyond the enum":        {200, okHeader, member(`"active"`, `"asleep"`), "status"},
		"a time without milliseconds":    {200, okHeader, member(`03.120Z`, `03Z`), "created_at"},
		"a time that is none":            {200, okHeader, member(`-11-23T`, `-11-31T`), "date-time"},
		"an address that is none":        {200, okHeader, member(`ada@`, `ada.`), "email"},
		"a duplicate name":               {200, okHeader, member(`"version":1`, `"version":1,"version":1`), "duplicate"},
		"a second document":              {200, okHeader, memberBody + memberBody, "one valid JSON document"},
		"no body":                        {200, okHeader, "", "one valid JSON document"},
		"a body where there is none":     {304, okHeader, "{}", "body"},
		"a success nobody declared":      {201, okHeader, memberBody, "content type"},
		"another media type":             {200, with(okHeader, "Content-Type", "text/html"), memberBody, "text/html"},
		"no media type":                  {200, with(okHeader, "Content-Type"), memberBody, "content type"},
		"another charset":                {200, latin, memberBody, "latin1"},
		"no ETag":                        {200, with(okHeader, "Etag"), memberBody, "ETag"},
		"a weak ETag":                    {200, with(okHeader, "Etag", `W/"v1"`), memberBody, "ETag"},
		"no request id":                  {200, with(okHeader, "X-Request-Id"), memberBody, "X-Request-Id"},
		"two request ids":                {200, with(okHeader, "X-Request-Id", "r1", "r2"), memberBody, "X-Request-Id"},
		"an undeclared status":           {418, problemHeader, problem(418, "internal"), "status"},
		"a conflict a read cannot have":  {409, problemHeader, problem(409, "conflict"), "status"},
		"a problem as plain JSON":        {404, plain, problem(404, "not_found"), "content type"},
		"a problem of another code":      {404, problemHeader, problem(404, "forbidden"), "code"},
		"a problem of another status":    {404, problemHeader, problem(400, "not_found"), "status"},
		"a problem of the other default": {500, problemHeader, problem(405, "method_not_allowed"), "the status 405"},
		"a problem of another request":   {404, with(problemHeader, "X-Request-Id", "r2"), problem(404, "not_found"), "request"},
		"a fault that tells its cause":   {500, problemHeader, caused, "cause"},
		"unavailable, without a time":    {503, problemHeader, problem(503, "unavailable"), "Retry-After"},
		"unavailable, some day":          {503, someDay, problem(503, "unavailable"), "Retry-After"},
	} {
		err := spec.CheckResponse("GET", memberPath, wrong.status, wrong.header, []byte(wrong.body))
		if err == nil || !strings.Contains(err.Error(), wrong.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, wrong.want)
		}
	}
	if err := spec.CheckResponse("PUT", memberPath, 200, okHeader, []byte(memberBody)); err == nil {
		t.Error("an operation that is not declared was accepted")
	}
}

func TestInvitingAnswersALinkOnlyForANewOffer(t *testing.T) {
	spec := load(t)
	header := http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"r1"}}
	checked := 0
	for _, e := range spec.examples {
		text, err := json.Marshal(e.value)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), `"accept_url"`) {
			continue
		}
		checked++
		verdicts := map[string]bool{"created": true, "reopened": true, "resent": false, "already_invited": false}
		for verdict, want := range verdicts {
			body := strings.ReplaceAll(string(text), `"created"`, `"`+verdict+`"`)
			err := spec.CheckResponse("POST", "/v1/organizations/acme/invitations", 200, header, []byte(body))
			if (err == nil) != want {
				t.Errorf("%s with a link: %v", verdict, err)
			}
		}
	}
	if checked == 0 {
		t.Fatal("there is no example with a link")
	}
}

func TestCheckRequest(t *testing.T) {
	spec := load(t)
	header := http.Header{"Content-Type": {"application/json"}}
	const invitations = "/v1/organizations/acme/invitations"
	const reset = "/v1/public/acme/password-resets/ajtwg2lknnwg23tpobyxe43uov3ho6dzpiaqcaik4r2x7m3ynb5wqvzhd6fstu4k"
	thousand := strings.Repeat(`{"email":"a@b.co"},`, 999) + `{"email":"a@b.co"}`
	for name, c := range map[string]struct {
		method, path, body string
		ok                 bool
	}{
		"an invitation":               {"POST", invitations, `{"recipients":[{"email":"ada@example.com"}]}`, true},
		"an address that is none":     {"POST", invitations, `{"recipients":[{"email":"rubbish"}]}`, true},
		"no recipients":               {"POST", invitations, `{"recipients":[]}`, false},
		"a thousand recipients":       {"POST", invitations, `{"recipients":[` + thousand + `]}`, true},
		"one more":                    {"POST", invitations, `{"recipients":[{"email":"a@b.co"},` + thousand + `]}`, false},
		"an unknown field":            {"POST", invitations, `{"recipients":[{"email":"a@b.co"}],"admin":true}`, false},
		"an unknown field further in": {"POST", invitations, `{"recipients":[{"email":"a@b.co","role":"admin"}]}`, false},
		"a name in another case":      {"POST", invitations, `{"Recipients":[{"email":"a@b.co"}]}`, false},
		"nothing":                     {"POST", invitations, ``, false},
		"a read, with its query":      {"GET", invitations + "?limit=5", ``, true},
		"a read with a body":          {"GET", invitations, `{}`, false},
		"a short password":            {"POST", reset, `{"password":"short"}`, false},
		"no such operation":           {"PATCH", invitations, `{}`, false},
	} {
		if err := spec.CheckRequest(c.method, c.path, header, []byte(c.body)); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := spec.CheckRequest("POST", "/v1/sessions", http.Header{}, []byte(`{}`)); err == nil {
		t.Error("a body of no media type was accepted")
	}
}

func TestTransportReportsWhatIsNotInTheContract(t *testing.T) {
	spec := load(t)
	var answer func(w http.ResponseWriter)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
	defer server.Close()
	write := func(status int, body string, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	right := write(200, memberBody, "X-Request-Id", "r1", "ETag", `"v1"`)

	for name, c := range map[string]struct {
		method, path string
		answer       func(http.ResponseWriter)
		reports      int
	}{
		"a right answer":             {"GET", memberPath + "?x=1", right, 0},
		"a path with an escape":      {"GET", strings.Replace(memberPath, "acme", "%61cme", 1), right, 0},
		"a path with an empty piece": {"GET", strings.Replace(memberPath, "acme", "", 1), right, 1},
		"a wrong one":                {"GET", memberPath, write(200, `{}`, "X-Request-Id", "r1", "ETag", `"v1"`), 1},
		"the gateway, rightly":       {"GET", "/v1/nothing", write(404, `{"message":"Not Found"}`), 0},
		"the gateway, wrongly":       {"GET", memberPath, write(404, `{"message":"Not Found"}`), 1},
		"a route nobody wrote down":  {"GET", "/v1/nothing", write(200, `{}`), 1},
		"a method nobody wrote down": {"PUT", memberPath, right, 1},
		"a page":                     {"GET", "/join/acme/x", write(200, `<!doctype html>`, "Content-Type", "text/html"), 0},
		"the local cloud's own":      {"POST", "/_local/invoke/cleanup", write(200, `null`), 0},
		"a preflight":                {"OPTIONS", memberPath, write(204, ``), 0},
	} {
		var reports []error
		client := &http.Client{Transport: spec.Transport(nil, func(err error) { reports = append(reports, err) })}
		answer = c.answer
		req, err := http.NewRequest(c.method, server.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		recorded := httptest.NewRecorder()
		c.answer(recorded)
		if err != nil || string(body) != recorded.Body.String() {
			t.Errorf("%s: the body did not come through: %q, %v", name, body, err)
		}
		if len(reports) != c.reports {
			t.Errorf("%s: %d reports %v, want %d", name, len(reports), reports, c.reports)
		}
	}
}

func TestALiteralSegmentIsPreferredToAVariable(t *testing.T) {
	spec := &Spec{}
	for _, path := range []string{"/v1/things/{id}", "/v1/things/preview"} {
		spec.operations = append(spec.operations, &operation{method: "POST", path: path, segments: strings.Split(path, "/")})
	}
	for path, want := range map[string]string{
		"/v1/things/preview": "/v1/things/preview",
		"/v1/things/x":       "/v1/things/{id}",
	} {
		if op := spec.find("POST", path); op == nil || op.path != want {
			t.Errorf("%s is %+v, want %s", path, op, want)
		}
	}
}

func TestLoadRefusesWhatItDoesNotUnderstand(t *testing.T) {
	const head = "openapi: 3.1.0\npaths:\n  /x:\n    get:\n      responses:\n        \"200\":\n          "
	for name, c := range map[string]struct{ text, want string }{
		"not YAML":                 {"a: [", "yaml"},
		"another version":          {"openapi: 3.0.3\npaths: {}", "3.0.3"},
		"an unknown method":        {"openapi: 3.1.0\npaths: {/x: {trace: {}}}", "trace"},
		"a reference to nothing":   {head + "$ref: '#/components/responses/No'", "there is no"},
		"a reference to elsewhere": {head + "$ref: 'other.yaml#/x'", "leads out"},
		"a body without a schema":  {head + "content: {application/json: {example: 1}}", "no schema"},
		"a body without example":   {head + "content: {application/json: {schema: {type: integer}}}", "no example"},
		"a schema that is none":    {head + "content: {application/json: {schema: {type: no}, example: 1}}", "/type"},
	} {
		if _, err := parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
	if _, err := Load("no-such-file.yaml"); err == nil {
		t.Error("a missing file was read")
	}
}

func TestADrawingIsCheckedAsAText(t *testing.T) {
	spec := load(t)
	header := http.Header{"Content-Type": {"image/svg+xml"}, "X-Request-Id": {"r1"}}
	for body, want := range map[string]bool{`<svg xmlns="x"/>`: true, `{}`: false, "": false} {
		err := spec.CheckResponse("GET", "/v1/organizations/acme/invite-links/default/qr", 200, header, []byte(body))
		if (err == nil) != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}
