package main

// Rubbish at every door. Whatever a client sends, the answer is one that it can act on: never a fault of ours, and
// always a problem document with a code and a request id, or the error page where a browser asks.

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// deep is JSON of so many objects in one another.
func deep(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }

// badBodies are refused everywhere, whatever a route takes.
var badBodies = map[string]string{
	"half an object":           `{"login":"a`,
	"an open object":           `{`,
	"a stray comma":            `{"login":"a",}`,
	"a comment":                `{/* */}`,
	"single quotes":            `{'login':'a'}`,
	"no JSON":                  `login=a&password=b`,
	"XML":                      `<?xml version="1.0"?><login/>`,
	"two documents":            `{} {}`,
	"two documents in lines":   "{}\n{}",
	"something behind":         `{}x`,
	"a byte order mark":        "\ufeff{}",
	"UTF-16":                   "\xff\xfe{\x00}\x00",
	"a list":                   `[]`,
	"a list of objects":        `[{}]`,
	"null":                     `null`,
	"a text":                   `"login"`,
	"a number":                 `1`,
	"true":                     `true`,
	"NaN":                      `NaN`,
	"NaN in a field":           `{"login":NaN}`,
	"Infinity":                 `{"login":Infinity}`,
	"a number that is none":    `{"login":01}`,
	"a huge number":            `{"login":1e999999}`,
	"a name twice":             `{"login":"a","login":"b"}`,
	"a name twice, escaped":    `{"login":"a","log\u0069n":"b"}`,
	"an unknown name":          `{"tenant":"globex"}`,
	"a name in capitals":       `{"ROLE":"admin"}`,
	"a name with a long s":     `{"passworſ":"x","paſſword":"x"}`,
	"a name of nothing":        `{"":1}`,
	"a prototype":              `{"__proto__":{"role":"admin"}}`,
	"a name not in UTF-8":      "{\"\xff\":1}",
	"a text not in UTF-8":      "{\"login\":\"\xff\xfe\"}",
	"a text overlong":          "{\"login\":\"\xc0\x80\"}",
	"a lone surrogate":         `{"login":"\ud800"}`,
	"surrogates the wrong way": `{"login":"\udc00\ud800"}`,
	"a control character":      "{\"login\":\"a\x00b\"}",
	"a bad escape":             `{"login":"\x41"}`,
	"nested too deep":          deep(33),
	"nested far too deep":      deep(100_000),
	"lists too deep":           strings.Repeat("[", 50_000),
	"more than a megabyte":     `{"login":"` + strings.Repeat("a", 1<<20) + `"}`,
	"two megabytes":            strings.Repeat(" ", 2<<20) + "{}",
	"many names":               `{"a":1` + strings.Repeat(`,"b":1`, 1000) + "}",
	"a long name":              `{"` + strings.Repeat("x", 10_000) + `":1}`,
	"a name to inject":         `{"\"}]}\r\nX-Header: 1":1}`,
	"zeroes":                   strings.Repeat("\x00", 64),
}

// badTypes are values that no field of ours takes, for each field by its name.
var badTypes = []string{`null`, `1`, `-1`, `1.5`, `{}`, `[]`, `[1]`, `{"a":1}`, `[[]]`, `[null]`, `[""]`}

// fieldsOf are the fields of each operation's body.
var fieldsOf = map[string][]string{
	"POST /v1/sessions":                                {"organization", "login", "password"},
	"POST /v1/sessions/current/password":               {"current_password", "new_password"},
	"POST /v1/public/{org}/password-resets":            {"login"},
	"POST /v1/public/{org}/password-resets/{token}":    {"password"},
	"POST /v1/public/{org}/password-resets/by-code":    {"login", "code", "password"},
	"POST /v1/public/{org}/invitations/{token}/accept": {"first_name", "last_name", "password"},
	"POST /v1/organizations/{org}/invitations": {
		"member_type", "role", "job_title", "locale", "notify", "on_conflict", "recipients",
	},
	"POST /v1/public/{org}/links/{token}/join":                {"email", "first_name", "last_name", "password", "locale"},
	"POST /v1/public/{org}/joins/{token}/verify":              {"code"},
	"PATCH /v1/organizations/{org}/settings":                  {"who_can_invite", "default_locale"},
	"POST /v1/organizations/{org}/policy/evaluate":            {"channel", "email", "member_type", "role", "inviter_id", "link_id"},
	"POST /v1/organizations/{org}/invite-links":               {"label", "member_type", "approval", "expires_at"},
	"PATCH /v1/organizations/{org}/invite-links/{id}":         {"label", "member_type", "approval", "expires_at"},
	"POST /v1/organizations/{org}/join-requests/{id}/approve": {"member_type", "role", "job_title"},
	"POST /v1/organizations/{org}/join-requests/{id}/reject":  {"reason"},

	"POST /v1/sessions/current/contact-changes":         {"email", "phone", "current_password"},
	"POST /v1/sessions/current/contact-changes/verify":  {"code"},
	"PATCH /v1/organizations/{org}/invitations/{id}":    {"job_title", "member_type", "role", "locale", "guest_until", "first_name", "last_name"},
	"POST /v1/organizations/{org}/members":              {"email", "first_name", "last_name", "job_title", "locale"},
	"PATCH /v1/organizations/{org}/members/{id}":        {"job_title", "role", "locale", "guest_until", "first_name", "last_name"},
	"POST /v1/organizations/{org}/members/{id}/rehire":  {"role", "guest_until", "replaces_member_id"},
	"POST /v1/organizations/{org}/members/{id}/convert": {"member_type", "guest_until"},
	"POST /v1/organizations/{org}/departments":          {"name", "parent_id"},
	"PATCH /v1/organizations/{org}/departments/{id}":    {"name", "parent_id"},
	"POST /v1/organizations/{org}/groups":               {"name", "kind"},
	"PATCH /v1/organizations/{org}/groups/{id}":         {"name", "kind"},
	"POST /v1/organizations/{org}/api-keys":             {"name", "expires_at"},
}

// posts are the operations that read a body.
func posts() (names []string) {
	for name := range operations {
		if strings.HasPrefix(name, "POST ") || strings.HasPrefix(name, "PATCH ") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// refused sends a request to an operation and holds that it is refused as it should be. It returns the answer.
func (w *world) refused(what, name, path string, header http.Header, body string) reply {
	w.t.Helper()
	method, _, _ := strings.Cut(name, " ")
	d := draft{method: method, url: w.cloud.baseURL + path, header: header.Clone(), body: []byte(body)}
	if d.header == nil {
		d.header = http.Header{}
	}
	if d.header.Get("Authorization") == "" && !operations[name].public {
		d.header.Set("Authorization", "Bearer "+w.admin)
	}
	answer, err := d.send(w.t.Context())
	if err != nil {
		w.t.Errorf("%s: %s: %v\n%.300s", name, what, err, answer.body)
	} else if answer.status < 400 || answer.status >= 500 || answer.problem() == "" {
		w.t.Errorf("%s: %s: %s\n%.300s", name, what, answer, answer.body)
	}
	return answer
}

var asJSON = http.Header{"Content-Type": {"application/json"}}

func TestRubbishBodiesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startCloud(t, options{root: repository})).withJoiners()
	for _, name := range posts() {
		path := w.path(name, w.acme, "", "")
		for what, body := range badBodies {
			w.refused(what, name, path, asJSON, body)
		}
		good := operations[name].body
		if good != "" {
			w.refused("nothing", name, path, asJSON, "")
			w.refused("white space", name, path, asJSON, " \r\n\t ")
			if !operations[name].loose {
				w.refused("no fields", name, path, asJSON, "{}")
			}
		} else {
			good = "{}"
		}
		for what, header := range map[string]http.Header{
			"no content type":       {},
			"a form":                {"Content-Type": {"application/x-www-form-urlencoded"}},
			"text":                  {"Content-Type": {"text/plain"}},
			"a problem":             {"Content-Type": {"application/problem+json"}},
			"JSON with a suffix":    {"Content-Type": {"application/jsonx"}},
			"rubbish":               {"Content-Type": {";;;"}},
			"Latin-1":               {"Content-Type": {"application/json; charset=iso-8859-1"}},
			"two types":             {"Content-Type": {"application/json", "text/plain"}},
			"compressed":            {"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}},
			"compressed but not so": {"Content-Type": {"application/json"}, "Content-Encoding": {"br, identity"}},
		} {
			if got := w.refused("sent as "+what, name, path, header, good); got.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s: sent as %s: %s", name, what, got)
			}
		}
		for _, field := range fieldsOf[name] {
			for _, value := range badTypes {
				w.refused(field+" "+value, name, path, asJSON, withField(name, field, value))
			}
		}
	}
	invite := "POST /v1/organizations/{org}/invitations"
	for what, recipients := range map[string]string{
		"nobody":       `[]`,
		"no list":      `{"email":"a@example.com"}`,
		"a text":       `["a@example.com"]`,
		"null":         `[null]`,
		"a list":       `[{"phone":["+12025550123"]}]`,
		"a role":       `[{"email":"a@example.com","role":"admin"}]`,
		"twice":        `[{"email":"a@example.com","email":"b@example.com"}]`,
		"in capitals":  `[{"EMAIL":"a@example.com"}]`,
		"a number":     `[{"email":1}]`,
		"too many":     "[" + strings.Repeat(`{"email":"a@example.com"},`, 1000) + `{"email":"b@example.com"}]`,
		"far too many": "[" + strings.Repeat(`{"email":"a"},`, 20000) + `{"email":"b"}]`,
	} {
		body := `{"recipients":` + recipients + `}`
		w.refused("recipients: "+what, invite, w.path(invite, w.acme, "", ""), asJSON, body)
	}
	w.blamed(invite, map[string][]string{
		"member_type": {`"Employee"`, `"EMPLOYEE"`, `"boss"`, `" employee"`, `"employee\u0000"`},
		"role":        {`"ADMIN"`, `"owner"`, `"admin "`},
		"locale":      {`"EN"`, `"en-US"`, `"fr"`, `"xx"`},
		"on_conflict": {`"Resend"`, `"replace"`},
		"notify":      {`"true"`, `0`},
		"job_title": {`"Boss\r\nBcc: evil@example.com"`, `"see https://evil.example"`, `"\u202eboss"`,
			`"` + strings.Repeat("x", 101) + `"`},
	})
	w.blamed("POST /v1/public/{org}/invitations/{token}/accept", map[string][]string{
		"first_name": {`""`, `" "`, `"Ann\nBcc: x"`, `"\u0000"`, `"www.evil.example"`, `"<script>"`, `"\u202e"`,
			`"` + strings.Repeat("é", 101) + `"`},
		"last_name": {`""`, `"\t"`, `"a@b"`, `"http://x"`},
		"password": {`""`, `"short"`, `"` + strings.Repeat("a", 5000) + `"`, `"aaaaaaaaaaaaaaaaaaaaaaaa"`,
			`"ann@example.com ann"`, `"passwordpassword"`},
	})
	settings, links := "PATCH /v1/organizations/{org}/settings", "POST /v1/organizations/{org}/invite-links"
	w.blamed(settings, map[string][]string{
		"who_can_invite": {`"Admins"`, `"nobody"`, `""`}, "default_locale": {`"fr"`, `"EN"`, `""`},
		"invitation_lifetime_days": {`0`, `-1`, `91`, `1.5`, `"7"`}, "link_lifetime_days": {`-1`, `366`, `1e9`},
		"allow_link_registration": {`1`, `"true"`}, "daily_send_limit": {`1`},
	})
	for _, list := range []string{
		`{}`, `[1]`, `[{}]`, `[{"domain":1}]`, `[{"domain":""}]`, `[{"domain":"corp"}]`, `[{"domain":"*.corp.com"}]`, `[{"domain":"com"}]`,
		`[{"domain":"gmail.com"}]`, `[{"domain":"ｃｏｒｐ.com"}]`, `[{"domain":"corp.com","include_subdomains":1}]`, `[{"domain":"a@corp.com"}]`,
		`[{"domain":"corp.com","x":1}]`, `["corp.com"]`, `[` + strings.Repeat(`{"domain":"corp.com"},`, 100) + `{"domain":"corp.com"}]`,
	} {
		w.refused("exempt_domains "+list, settings, w.path(settings, w.acme, "", ""), asJSON, `{"exempt_domains":`+list+`}`)
	}
	for _, name := range []string{links, "PATCH /v1/organizations/{org}/invite-links/{id}"} {
		w.blamed(name, map[string][]string{
			"label": {`"www.evil.example"`, `"a\nb"`, `"` + strings.Repeat("x", 101) + `"`}, "member_type": {`"boss"`}, "approval": {`"maybe"`},
			"max_uses": {`-1`, `100001`, `1.5`, `"1"`}, "expires_at": {`""`, `"tomorrow"`, `"2020-01-01T00:00:00Z"`, `"2099-01-01"`},
			"role": {`"admin"`}, "url": {`"x"`}, "use_count": {`0`},
		})
	}
	w.blamed("POST /v1/public/{org}/links/{token}/join", map[string][]string{
		"email":      {`""`, `"a"`, `"\"a@corp.com\"@evil.com"`, `"a@example.com\r\nBcc: x@example.com"`, `"a@ｅxample.com"`, `"=?utf-8?q?a?=@example.com"`},
		"first_name": {`""`, `"https://evil.example"`}, "last_name": {`""`}, "password": {`"short"`, `"annleeannleeannlee"`},
		"locale": {`"fr"`}, "phone": {`"+12025550123"`, `"x"`, `"+12025550123\u0000"`}, "role": {`"admin"`}, "member_type": {`"partner"`},
	})
	w.blamed("POST /v1/public/{org}/joins/{token}/verify", map[string][]string{"token": {`"x"`}})
	decisions := "POST /v1/organizations/{org}/join-requests/decisions"
	for _, list := range []string{
		`[]`, `{}`, `[1]`, `[{}]`, `[{"id":"` + w.applicant + `"}]`, `[{"id":"` + w.applicant + `","decision":"maybe"}]`,
		`[{"id":"` + w.applicant + `","decision":"approve","role":"owner"}]`, `[{"id":"` + w.applicant + `","decision":"reject","reason":"a\u0000b"}]`,
		`[` + strings.Repeat(`{"id":"`+w.applicant+`","decision":"approve"},`, 100) + `{"id":"` + w.applicant + `","decision":"approve"}]`,
	} {
		w.refused("decisions "+list, decisions, w.path(decisions, w.acme, "", ""), asJSON, `{"decisions":`+list+`}`)
	}
	w.blamed("POST /v1/organizations/{org}/join-requests/{id}/approve", map[string][]string{
		"role": {`"owner"`}, "member_type": {`"boss"`}, "job_title": {`"a\r\nb"`}, "status": {`"active"`},
	})
	w.blamed("POST /v1/organizations/{org}/join-requests/{id}/reject", map[string][]string{
		"reason": {`"a\u0000b"`, `"\u202eb"`, `"` + strings.Repeat("x", 501) + `"`},
	})
	// After all this, nobody was invited, nobody has joined, and who waits still does.
	if n := len(w.sent("*@example.com")); n != 5 {
		t.Errorf("%d mails", n)
	}
	for list, want := range map[string]int{"members": 2, "invitations": 1, "join-requests": 1, "invite-links": 2} {
		page := w.must(http.StatusOK, "GET", "/v1/organizations/"+string(w.acme)+"/"+list, w.admin, "")
		if n := len(page["items"].([]any)); n != want {
			t.Errorf("%d %s", n, list)
		}
	}
}

// blamed sends bad values of fields and holds that each answer points at its field.
func (w *world) blamed(name string, fields map[string][]string) {
	w.t.Helper()
	for field, values := range fields {
		for _, value := range values {
			what := field + " " + value
			got := w.refused(what, name, w.path(name, w.acme, "", ""), asJSON, withField(name, field, value))
			if got.status != http.StatusUnprocessableEntity || !strings.Contains(string(got.body), `"pointer":"/`+field+`"`) {
				w.t.Errorf("%s: %s %s", what, got, got.body)
			}
		}
	}
}

// withField is an operation's good body with another value in a field.
func withField(name, field, value string) string {
	good := map[string]string{
		"organization": `"acme"`, "login": `"a@example.com"`, "password": `"` + secret + `"`,
		"current_password": `"` + password + `"`, "new_password": `"` + secret + `"`,
		"first_name": `"Ann"`, "last_name": `"Lee"`, "recipients": `[{"email":"a@example.com"}]`,
		"email": `"b@example.com"`, "code": `"000000"`, "label": `"Fair"`, "channel": `"invite_link"`,
	}
	good[field] = value
	var fields []string
	all := fieldsOf[name]
	if !slices.Contains(all, field) {
		all = append(slices.Clone(all), field)
	}
	for _, f := range all {
		if v, ok := good[f]; ok {
			fields = append(fields, `"`+f+`":`+v)
		}
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func TestRubbishQueriesAndHeadersAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startCloud(t, options{root: repository}))
	for _, name := range []string{"GET /v1/organizations/{org}/invitations", "GET /v1/organizations/{org}/members",
		"GET /v1/organizations/{org}/join-requests"} {
		for _, query := range []string{
			"limit=", "limit=0", "limit=-1", "limit=201", "limit=1.0", "limit=1e2", "limit=%2B1", "limit=+1", "limit=0x10",
			"limit=９", "limit=99999999999999999999", "limit=50&limit=50", "limit", "limit=%", "limit=1;status=active",
			"limit[]=1", "Limit=1", "status=", "status=ACTIVE", "status=active%00", "status=active&status=active",
			"status=lost", "cursor=", "cursor=x", "cursor=%00", "cursor=%ff", "cursor=AAAA%0A", "cursor==",
			"cursor=" + strings.Repeat("A", 2000), "search=x", "=", "&=&", "%zz", "a=1&b=2&c=3", "%ff=1",
			strings.Repeat("x", 5000) + "=1",
		} {
			w.refused("?"+query, name, w.path(name, w.acme, "", "")+"?"+query, nil, "")
		}
	}
	resend := "POST /v1/organizations/{org}/invitations/{id}/resend"
	for what, header := range map[string]http.Header{
		"If-Match without quotes":      {"If-Match": {"v1"}},
		"If-Match, open":               {"If-Match": {`"v1`}},
		"If-Match of nothing":          {"If-Match": {`""`}},
		"an empty If-Match":            {"If-Match": {""}},
		"If-Match, weak":               {"If-Match": {`W/"v1"`}},
		"If-Match with a comma":        {"If-Match": {`"v1",`, `x`}},
		"If-Match of another":          {"If-Match": {`"v99", "v98"`}},
		"an empty key":                 {"Idempotency-Key": {""}},
		"a key with a space":           {"Idempotency-Key": {"a b"}},
		"a key beyond ASCII":           {"Idempotency-Key": {"schlüssel"}},
		"a key with a high byte":       {"Idempotency-Key": {"\xff"}},
		"a key with a tab":             {"Idempotency-Key": {"a\tb"}},
		"a long key":                   {"Idempotency-Key": {strings.Repeat("k", 256)}},
		"a very long If-Match":         {"If-Match": {strings.Repeat(`"v2", `, 1000) + "x"}},
		"a body in spite of all":       {"Content-Type": {"application/json"}, "If-Match": {"x"}},
		"an Authorization of nothing":  {"Authorization": {" "}},
		"an Authorization of high":     {"Authorization": {"Bearer \xff\xfe"}},
		"a long Authorization":         {"Authorization": {"Bearer " + strings.Repeat("a", 8000)}},
		"a session with odd letters":   {"Authorization": {"Bearer lks.acme.x.y"}},
		"a session of no organization": {"Authorization": {"Bearer lks.." + idOf(w.admin) + "." + strings.Repeat("A", 43)}},
	} {
		w.refused(what, resend, w.path(resend, w.acme, "", ""), header, "")
	}
	// What is not understood of other headers makes no difference.
	read := w.path("GET /v1/organizations/{org}/invitations/{id}", w.acme, "", "")
	for _, header := range [][]string{
		{"If-None-Match", "rubbish"}, {"If-None-Match", `"v1`}, {"Accept", "image/png"}, {"Accept-Language", "\xff;q=x"},
		{"Accept-Encoding", "zip"}, {"Range", "bytes=0-1"}, {"X-Forwarded-For", "rubbish"}, {"X-Forwarded-Host", "x"},
		{"Forwarded", "for=x"}, {"User-Agent", ""}, {"X-HTTP-Method-Override", "DELETE"}, {"Content-Length", "0"},
		{"Cookie", "__Host-latchkey=rubbish; =; ;;"}, {"X-Long", strings.Repeat("x", 16000)},
	} {
		if got := w.ask("GET", read, w.admin, "", header...); got.status != http.StatusOK {
			t.Errorf("%q: %s", header, got)
		}
	}
}

// pageRoutes are those for browsers.
func (w *world) pageRoutes() []string {
	join := "/join/" + string(w.acme) + "/"
	link := join + w.link
	return []string{
		"GET " + join + "sign-in", "POST " + join + "sign-in", "POST " + join + "sign-out", "GET " + join + "welcome",
		"GET " + join + "forgotten-password", "POST " + join + "forgotten-password", "POST " + join + "forgotten-password/code",
		"GET " + join + "password/" + w.reset, "POST " + join + "password/" + w.reset,
		"GET " + link, "POST " + link + "/accept", "POST " + link + "/decline", "POST " + link + "/request-new-link",
		"GET " + join + w.linkToken, "POST " + join + w.linkToken + "/join",
		"GET " + join + w.join, "POST " + join + w.join + "/verify", "POST " + join + w.join + "/resend-code",
		"GET " + join + "requests", "POST " + join + "requests/" + w.applicant + "/approve", "POST " + join + "requests/" + w.applicant + "/reject",
		"GET /assets/style.css",
	}
}

// fault says what about an answer no request may bring about; empty for nothing.
func (r reply) fault(path string) string {
	id := r.header.Get("X-Request-Id")
	page := strings.HasPrefix(r.header.Get("Content-Type"), "text/html") && bytes.Contains(r.body, []byte("</html>"))
	switch {
	case r.status < 200, r.status >= 500:
		return "our fault"
	case id == "" && r.status == http.StatusNotFound && !page && r.problem() == "":
		return "" // the gateway's own
	case id == "":
		return "no request id"
	case r.status < 400, r.problem() != "":
		return ""
	case strings.HasPrefix(path, "/v1/") || !page:
		return "neither a problem nor a page"
	}
	return ""
}

// browse sends a request as a browser would, and holds that what comes is a page or a redirect, and no fault of ours.
func (w *world) browse(what, method, path string, header http.Header, body string) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.cloud.baseURL, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	// The path goes out as it is, however odd.
	r.URL.Opaque = path
	r.Header = header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	answer, err := exchange(r, []byte(body))
	if err != nil {
		w.t.Errorf("%s %s: %s: %v", method, path, what, err)
		return answer
	}
	if fault := answer.fault(path); fault != "" {
		w.t.Errorf("%s %s: %s: %s: %s\n%v\n%.300s", method, path, what, fault, answer, answer.header, answer.body)
	}
	return answer
}

var badForms = map[string]string{
	"nothing":                "",
	"an escape that is none": "login=%zz",
	"half an escape":         "login=%",
	"not UTF-8":              "login=%ff%fe&first_name=%ff&password=%ff",
	"a field twice":          "login=a&login=b&password=x&password=y",
	"controls":               "login=a%00b&password=%00&first_name=%00&last_name=%0d%0aX",
	"a script":               "login=%3Cscript%3E&first_name=%22%3E%3Cscript%3E&last_name=%3Cscript%3E&password=x",
	"JSON":                   `{"login":"a"}`,
	"semicolons":             "login=a;password=b",
	"only ampersands":        "&&&&",
	"64 kB":                  "login=" + strings.Repeat("a", 64<<10),
	"2 MB":                   "login=" + strings.Repeat("a", 2<<20),
	"many fields":            strings.Repeat("a=1&", 10000),
	"unknown fields":         "role=admin&tenant=globex",
}

func TestRubbishInFormsIsAnsweredWithAPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startCloud(t, options{root: repository})).withJoiners()
	began := []string{"__Host-latchkey-join=" + w.join} // in this browser
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Cookie": began}
	for _, route := range w.pageRoutes() {
		method, path, _ := strings.Cut(route, " ")
		if method == "GET" {
			w.browse("a query", method, path+"?%zz&joined=1&return=//evil.example", nil, "")
			for what, header := range map[string]http.Header{
				"a rubbish cookie":  {"Cookie": {"__Host-latchkey=x"}},
				"two cookies":       {"Cookie": {"__Host-latchkey=x; __Host-latchkey=y"}},
				"rubbish languages": {"Accept-Language": {"\xff\xfe, de-;q=9, *;q=, " + strings.Repeat("x-", 3000)}},
				"another host":      {"X-Forwarded-Host": {"evil.example"}},
			} {
				w.browse(what, method, path, header, "")
			}
			continue
		}
		for what, header := range map[string]http.Header{
			"another site": {"Content-Type": form["Content-Type"], "Origin": {"https://evil.example"}},
			"nowhere":      {"Content-Type": form["Content-Type"], "Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}},
		} {
			if got := w.browse(what, method, path, header, "login=a&password=b"); got.status != http.StatusForbidden {
				t.Errorf("%s: from %s: %s", route, what, got)
			}
		}
		if readsNothing(path) {
			continue // what else it gets, it does what it is for
		}
		for what, body := range badForms {
			if got := w.browse(what, method, path, form, body); bytes.Contains(got.body, []byte("<script")) {
				t.Errorf("%s: %s: a script in the page", route, what)
			}
		}
		for _, kind := range []string{"", ";", "application/json", "multipart/form-data; boundary=x"} {
			got := w.browse("as "+kind, method, path, http.Header{"Content-Type": {kind}, "Cookie": began}, "login=a&password=b")
			if got.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s: as %q: %s", route, kind, got)
			}
		}
	}
	join := "/join/" + string(w.acme)
	for _, path := range []string{
		"/join/", "/join/x", "/join/x/y", "/join/../x", "/join//x", "/join/a%00b/x", "/join/%41cme/sign-in",
		join + "/", join + "//", join + "/%ff", join + "/%2e%2e", join + "/a%2fb", join + "/" + strings.Repeat("a", 6000),
		join + "/" + w.link + "/", join + "/" + w.link + "%0a", join + "/password/x", join + "/password/" + w.link,
		"/join/no-such-one/password/" + w.reset, "/join/no-such-one/welcome", "/join/no-such-one/sign-in",
		"/assets/", "/assets/x", "/assets/../style.css", "/assets/%2e%2e%2fgo.mod", "/assets/%00",
		"//evil.example/", "/\\evil.example", "/v1/sessions/", "/V1/sessions", "/v1//sessions", "/", "/favicon.ico", "/.env",
	} {
		w.browse("a path", "GET", path, nil, "")
		w.browse("a path", "POST", path, form, "login=a")
	}
	if got := w.standing(); got != "pending" {
		t.Errorf("the invitation is %s", got)
	}
}

// readsNothing reports whether a form posts nothing but itself to a path.
func readsNothing(path string) bool {
	end := path[strings.LastIndexByte(path, '/')+1:]
	return slices.Contains([]string{"decline", "sign-out", "request-new-link", "resend-code", "approve"}, end)
}

// TestLinksNeverFollowWhatAClientClaims: a host in a request must not get into a mail or a redirect.
func TestLinksNeverFollowWhatAClientClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startCloud(t, options{root: repository}))
	claim := func(body string) reply {
		address := w.cloud.baseURL + "/v1/organizations/" + string(w.acme) + "/invitations"
		r, err := http.NewRequestWithContext(t.Context(), "POST", address, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "evil.example"
		r.Header = http.Header{
			"Content-Type": {"application/json"}, "Authorization": {"Bearer " + w.admin},
			"X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"https"}, "Forwarded": {"host=evil.example"},
		}
		answer, err := exchange(r, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	answer := claim(`{"recipients":[{"email":"b@example.com"}]}`)
	if answer.status != http.StatusOK {
		t.Fatal(answer, string(answer.body))
	}
	w.newest("b@example.com")
	copied := claim(`{"recipients":[{"email":"c@example.com"}],"notify":false}`)
	if !bytes.Contains(copied.body, []byte(`"accept_url":"`+w.cloud.baseURL+"/join/")) {
		t.Errorf("%s", copied.body)
	}
	for _, m := range w.sent("*") {
		link := joinLink.FindString(m.Text)
		if !strings.HasPrefix(link, w.cloud.baseURL+"/join/") || strings.Contains(m.Text+m.HTML, "evil.example") {
			t.Errorf("mail with %s", link)
		}
	}
	for _, back := range []string{
		"//evil.example", "https://evil.example", "/\\evil.example", "../../evil", "%0d%0aX:%20y", w.link + "/..",
	} {
		join := "/join/" + string(w.acme)
		got := w.browse("return", "POST", join+"/sign-out?return="+back, http.Header{"Origin": {w.cloud.baseURL}}, "")
		if at := got.header.Get("Location"); got.status != http.StatusSeeOther || at != join+"/sign-in" {
			t.Errorf("return=%s: %s %s", back, got, at)
		}
	}
}

// TestNoRequestMakesUsFail throws a few hundred requests, made of good and bad parts, at all routes. Each can be made
// again by its number.
func TestNoRequestMakesUsFail(t *testing.T) {
	t.Parallel()
	const seed, requests, workers = 20261123, 600, 4
	w := newWorld(t, startCloud(t, options{root: repository})).withJoiners()
	spec, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	routes := append(spec.Operations(), w.pageRoutes()...)
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			for n := worker; n < requests; n += workers {
				w.throw(n, rand.New(rand.NewPCG(seed, uint64(n))), routes)
			}
		})
	}
	running.Wait()
}

// throw makes one request and sends it. It leaves two doors out, for the invitation and the sessions are to last.
func (w *world) throw(n int, r *rand.Rand, routes []string) {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	odd := []string{
		"", "x", "%00", "%ff", "..", "%2e%2e", "%0d%0a", "'", "*", "💥", "%F0%9F%92%A5", "-1", "null",
		strings.Repeat("a", 300),
	}
	method, path, _ := strings.Cut(pick(routes...), " ")
	path = strings.NewReplacer(
		"{org}", pick(string(w.acme), string(w.acme), string(w.acme), string(w.globex), "no-such-one", pick(odd...)),
		"{id}", pick(w.invitation, w.foreign, w.memberID, w.inviteLink, w.applicant, "default", nothings["/invitations/"],
			nothings["/members/"], nothings["/invite-links/"], pick(odd...)),
		"{token}", pick(unknownLink, w.foreignLink, w.linkToken, w.join, w.link[:60], pick(odd...)),
	).Replace(path)
	if r.IntN(8) == 0 {
		method = pick("GET", "POST", "PUT", "PATCH", "HEAD", "OPTIONS", "M")
	}
	if strings.HasSuffix(path, "/decline") || method == "DELETE" {
		return
	}
	if r.IntN(3) == 0 {
		path += "?" + pick("limit=5", "limit=x", "status=accepted", "cursor=AAAA", "a=b&a=c", "%zz", "return="+w.link,
			url.QueryEscape(pick(odd...))+"="+url.QueryEscape(pick(odd...)))
	}
	header := http.Header{}
	switch r.IntN(5) {
	case 0:
	case 1:
		header.Set("Cookie", "__Host-latchkey="+pick(w.member, "x"))
		header.Set("Origin", pick(w.cloud.baseURL, "null", "https://evil.example"))
	default:
		header.Set("Authorization", "Bearer "+pick(w.admin, w.admin, w.member, w.waiting, w.stranger, "x"))
	}
	for range r.IntN(3) {
		header.Set(
			pick("If-Match", "If-None-Match", "Idempotency-Key", "Accept-Language", "Content-Encoding", "Sec-Fetch-Site",
				"Range"),
			pick(`"v1"`, "*", "k1", "de", "gzip", "same-origin", "\xff", "a b", strings.Repeat("z", 2000)))
	}
	body := ""
	if method != "GET" && r.IntN(6) > 0 {
		header.Set("Content-Type", pick("application/json", "application/json", "application/json", "text/plain",
			"application/x-www-form-urlencoded"))
		body = someBody(r, 4)
		if r.IntN(5) == 0 {
			cut := []byte(body)
			cut[r.IntN(len(cut))] = byte(r.IntN(256))
			body = string(cut[:r.IntN(len(cut)+1)])
		}
	}
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.cloud.baseURL+path, nil)
	if err != nil {
		w.t.Errorf("request %d: %v", n, err)
		return
	}
	request.Header = header
	answer, err := exchange(request, []byte(body))
	// Two dots make a path that is no operation's, though it looks like one; nor does the gateway answer by our contract.
	ours := answer.header.Get("X-Request-Id") != "" && !strings.Contains(path, "..") && !strings.Contains(path, "%2e%2e")
	if errors.As(err, &errContract{}) && !ours {
		err = nil
	}
	if fault := answer.fault(path); err != nil || fault != "" {
		w.t.Errorf("request %d: %v %s\n%s %s\n%q\n%.300s\n%s\n%.300s",
			n, err, fault, method, path, header, body, answer, answer.body)
	}
}

// someBody is JSON, more or less, with names and values that mean something here.
func someBody(r *rand.Rand, depth int) string {
	names := []string{
		"organization", "login", "password", "current_password", "new_password", "first_name", "last_name", "recipients",
		"email", "member_type", "role", "job_title", "locale", "notify", "on_conflict", "phone", "ROLE", "",
	}
	values := []string{
		`"acme"`, `"ann@example.com"`, `"admin@acme.example"`, `"` + secret + `"`, `"Ann"`, `""`, `null`, `true`, `0`, `-1e9`,
		`"employee"`, `"admin"`, `"de"`, `"\ud83d\ude00"`, `"\u0000"`, `"` + strings.Repeat("x", 120) + `"`,
		`[{"email":"rand@example.com"}]`, `[{}]`, `[]`, `{}`,
	}
	if depth == 0 || r.IntN(4) == 0 {
		return values[r.IntN(len(values))]
	}
	if r.IntN(6) == 0 {
		return "[" + someBody(r, depth-1) + "," + someBody(r, depth-1) + "]"
	}
	var fields []string
	for range r.IntN(5) {
		fields = append(fields, `"`+names[r.IntN(len(names))]+`":`+someBody(r, depth-1))
	}
	return "{" + strings.Join(fields, ",") + "}"
}
