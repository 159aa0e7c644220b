package main

// Who may call what: every operation of openapi.yaml, tried by everybody who is not meant.

import (
	"encoding/json"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

// world is an organization with people in it, and another one beside it.
type world struct {
	*story
	acme, globex onboarding.OrganizationID

	admin, member, stranger string // session tokens; the stranger is globex's administrator

	invitation, memberID string // of acme: a pending invitation, a plain member
	foreign              string // an invitation of globex
	link, foreignLink    string // the tokens of both invitations' links
	reset                string // the token of the administrator's link to set a password

	// What withJoiners adds: an invite link and its token, a join whose code nobody has entered, and somebody who waits, with
	// their session.
	inviteLink, linkToken, join, applicant, waiting string

	department, group, apiKey string // ids
}

// nothings are ids of nothing, by how the path before them ends.
var nothings = map[string]string{
	"/invitations/":   "inv_aaaaaaaaaaaaaaaaaaaaaaaaaa",
	"/members/":       "mem_01ARZ3NDEKTSV4RRFFQ69G5FAV",
	"/join-requests/": "mem_01ARZ3NDEKTSV4RRFFQ69G5FAV",
	"/invite-links/":  "lnk_01ARZ3NDEKTSV4RRFFQ69G5FAV",
	"/departments/":   "dep_01ARZ3NDEKTSV4RRFFQ69G5FAV",
	"/groups/":        "grp_01ARZ3NDEKTSV4RRFFQ69G5FAV",
	"/api-keys/":      "key_01ARZ3NDEKTSV4RRFFQ69G5FAV",
}

// unknownOf is an id of nothing for the path of an operation.
func unknownOf(path string) string {
	before, _, _ := strings.Cut(path, "{id}")
	return nothings[before[strings.LastIndexByte(before[:len(before)-1], '/'):]]
}

var unknownLink = "a" + strings.Repeat("7", 63)

func newWorld(t *testing.T, c *cloud) *world {
	t.Helper()
	w := &world{story: newStory(t, c)}
	var err1, err2 error
	w.acme, err1 = w.found("acme", password, 0)
	w.globex, err2 = w.found("globex", password, 0)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	w.admin = w.enter(w.acme, "admin@acme.example", password)
	w.stranger = w.enter(w.globex, "admin@globex.example", password)
	w.invitation, w.link = w.invited(w.acme, w.admin, "ann@example.com")
	w.foreign, w.foreignLink = w.invited(w.globex, w.stranger, "eve@example.com")
	w.memberID, w.member = w.joined("max@example.com")
	w.must(http.StatusAccepted, "POST", "/v1/public/"+string(w.acme)+"/password-resets", "",
		`{"login":"admin@acme.example"}`)
	w.reset = w.newest("admin@acme.example")
	return w
}

// withJoiners lets people come by an invite link.
func (w *world) withJoiners() *world {
	w.t.Helper()
	link := w.must(http.StatusOK, "POST", "/v1/organizations/"+string(w.acme)+"/invite-links", w.admin, `{"label":"Fair"}`)
	w.inviteLink = link["id"].(string)
	w.linkToken = path.Base(link["url"].(string))
	w.join, _ = w.begun("joe@example.com")
	_, w.waiting = w.verified("pat@example.com")
	w.applicant = memberPrefix + idOf(w.waiting)
	made := func(what, body string) string {
		return w.must(http.StatusOK, "POST", "/v1/organizations/"+string(w.acme)+"/"+what, w.admin, body)["id"].(string)
	}
	w.department, w.group = made("departments", `{"name":"Sales"}`), made("groups", `{"name":"Website"}`)
	w.apiKey = made("api-keys", `{"name":"Payroll","scopes":["members:read"]}`)
	return w
}

const memberPrefix = "mem_"

// owner lets somebody in who signs in with a phone. Their number is not texted.
func (w *world) owner(phone string) {
	w.t.Helper()
	answer := w.must(http.StatusOK, "POST", "/v1/organizations/"+string(w.acme)+"/invitations", w.admin,
		`{"notify":false,"recipients":[{"phone":"`+phone+`"}]}`)
	link := path.Base(answer["results"].([]any)[0].(map[string]any)["accept_url"].(string))
	w.must(http.StatusCreated, "POST", "/v1/public/"+string(w.acme)+"/invitations/"+link+"/accept", "",
		`{"first_name":"Ona","last_name":"Lee","password":"`+secret+`"}`)
}

// begun begins to join by the invite link, and waits for the code.
func (w *world) begun(address string) (join, code string) {
	w.t.Helper()
	answer := w.must(http.StatusAccepted, "POST", "/v1/public/"+string(w.acme)+"/links/"+w.linkToken+"/join", "",
		`{"email":"`+address+`","first_name":"Pat","last_name":"Lee","password":"`+secret+`"}`)
	w.newest(address)
	all := w.sent(address)
	return answer["token"].(string), codeLine.FindStringSubmatch(all[len(all)-1].Text)[1]
}

// verified joins by the invite link.
func (w *world) verified(address string) (status, token string) {
	w.t.Helper()
	join, code := w.begun(address)
	session := w.must(http.StatusCreated, "POST", "/v1/public/"+string(w.acme)+"/joins/"+join+"/verify", "", `{"code":"`+code+`"}`)
	return session["member"].(map[string]any)["status"].(string), session["token"].(string)
}

// ask sends JSON, with a session unless token is empty, and holds the answer against the contract.
func (s *story) ask(method, path, token, body string, header ...string) reply {
	s.t.Helper()
	d := draft{method: method, url: s.cloud.baseURL + path, header: http.Header{}, body: []byte(body)}
	if token != "" {
		d.header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		d.header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		d.header.Add(header[i], header[i+1])
	}
	answer, err := d.send(s.t.Context())
	if err != nil {
		s.t.Errorf("%s %s: %v\n%s", method, path, err, answer.body)
	}
	return answer
}

// must is ask for what has to succeed; it returns the body.
func (s *story) must(status int, method, path, token, body string) map[string]any {
	s.t.Helper()
	answer := s.ask(method, path, token, body)
	if answer.status != status {
		s.t.Fatalf("%s %s: %s\n%s", method, path, answer, answer.body)
	}
	var fields map[string]any
	if err := json.Unmarshal(answer.body, &fields); err != nil {
		s.t.Fatal(err)
	}
	return fields
}

func (s *story) enter(org onboarding.OrganizationID, login, password string) (token string) {
	s.t.Helper()
	session := s.must(http.StatusCreated, "POST", "/v1/sessions", "", signInBody(string(org), login, password))
	return session["token"].(string)
}

func signInBody(org, login, password string) string {
	body, err := json.Marshal(map[string]string{"organization": org, "login": login, "password": password})
	if err != nil {
		panic(err) // texts always marshal
	}
	return string(body)
}

// invited invites an address and waits for the mail.
func (s *story) invited(org onboarding.OrganizationID, token, address string) (id, link string) {
	s.t.Helper()
	answer := s.must(http.StatusOK, "POST", "/v1/organizations/"+string(org)+"/invitations", token,
		`{"recipients":[{"email":"`+address+`"}]}`)
	result := answer["results"].([]any)[0].(map[string]any)
	return result["invitation"].(map[string]any)["id"].(string), s.newest(address)
}

// newest is the token in the newest mail to an address that was not asked for before.
func (s *story) newest(address string) string {
	s.t.Helper()
	var got message
	if !await(func() bool {
		all := s.sent(address)
		if len(all) == 0 || s.read[all[len(all)-1].ID] {
			return false
		}
		got = all[len(all)-1]
		return true
	}) {
		s.t.Fatalf("no mail to %s", address)
	}
	s.read[got.ID] = true
	link := joinLink.FindString(got.Text)
	return link[strings.LastIndexByte(link, '/')+1:]
}

// joined brings a plain member into acme.
func (w *world) joined(address string) (id, token string) {
	w.t.Helper()
	_, link := w.invited(w.acme, w.admin, address)
	session := w.must(http.StatusCreated, "POST", "/v1/public/"+string(w.acme)+"/invitations/"+link+"/accept", "",
		`{"first_name":"Max","last_name":"Lee","password":"`+secret+`"}`)
	return session["member"].(map[string]any)["id"].(string), session["token"].(string)
}

// standing is the status of the invitation.
func (w *world) standing() string {
	w.t.Helper()
	path := w.path("GET /v1/organizations/{org}/invitations/{id}", w.acme, "", "")
	return w.must(http.StatusOK, "GET", path, w.admin, "")["status"].(string)
}

// operation is how one operation of openapi.yaml is tried.
type operation struct {
	public bool // needs no session
	own    bool // is about the session itself, of whatever organization
	body   string
	loose  bool   // takes {} as well, and no body or one that changes nothing
	member string // what a plain member gets
}

const accept = `{"first_name":"Ann","last_name":"Lee","password":"` + secret + `"}`

// operations must be those of openapi.yaml.
var operations = map[string]operation{
	"POST /v1/sessions": {
		public: true, body: `{"organization":"acme","login":"a@example.com","password":"x"}`,
	},
	"GET /v1/sessions/current":    {own: true, member: "200"},
	"DELETE /v1/sessions/current": {own: true, member: "204"},
	"POST /v1/sessions/current/password": {
		own: true, body: `{"current_password":"x","new_password":"y"}`, member: "422 validation_failed",
	},

	"POST /v1/sessions/current/contact-changes": {
		own: true, body: `{"email":"b@example.com","current_password":"x"}`, member: "422 validation_failed",
	},
	"POST /v1/sessions/current/contact-changes/verify": {own: true, body: `{"code":"000000"}`, member: "410 code_expired"},

	"POST /v1/public/{org}/password-resets":         {public: true, body: `{"login":"a@example.com"}`},
	"POST /v1/public/{org}/password-resets/{token}": {public: true, body: `{"password":"short"}`},
	"POST /v1/public/{org}/password-resets/by-code": {
		public: true, body: `{"login":"(202) 555-0199","code":"000000","password":"` + secret + `"}`,
	},

	"GET /v1/public/{org}/invitations/{token}":                   {public: true},
	"POST /v1/public/{org}/invitations/{token}/accept":           {public: true, body: accept},
	"POST /v1/public/{org}/invitations/{token}/decline":          {public: true},
	"POST /v1/public/{org}/invitations/{token}/request-new-link": {public: true},

	"GET /v1/public/{org}/links/{token}": {public: true},
	"POST /v1/public/{org}/links/{token}/join": {
		public: true, body: `{"email":"b@example.com","first_name":"Ann","last_name":"Lee","password":"` + secret + `"}`,
	},
	"GET /v1/public/{org}/joins/{token}":              {public: true},
	"POST /v1/public/{org}/joins/{token}/verify":      {public: true, body: `{"code":"000000"}`},
	"POST /v1/public/{org}/joins/{token}/resend-code": {public: true},

	"GET /v1/organizations/{org}/settings": {member: "403 forbidden"},
	"PATCH /v1/organizations/{org}/settings": {
		body: `{"default_locale":"en"}`, loose: true, member: "403 forbidden",
	},
	"POST /v1/organizations/{org}/policy/evaluate": {
		body: `{"channel":"invite_link","email":"b@example.com"}`, member: "403 forbidden",
	},
	"GET /v1/organizations/{org}/invite-links":         {member: "403 forbidden"},
	"POST /v1/organizations/{org}/invite-links":        {body: `{"label":"Fair"}`, member: "403 forbidden"},
	"GET /v1/organizations/{org}/invite-links/{id}":    {member: "404 not_found"},
	"GET /v1/organizations/{org}/invite-links/{id}/qr": {member: "404 not_found"},
	"PATCH /v1/organizations/{org}/invite-links/{id}": {
		body: `{"label":"Fair"}`, loose: true, member: "404 not_found",
	},
	"POST /v1/organizations/{org}/invite-links/{id}/disable":  {member: "404 not_found"},
	"POST /v1/organizations/{org}/invite-links/{id}/enable":   {member: "404 not_found"},
	"POST /v1/organizations/{org}/invite-links/{id}/rotate":   {member: "404 not_found"},
	"GET /v1/organizations/{org}/join-requests":               {member: "403 forbidden"},
	"GET /v1/organizations/{org}/join-requests/{id}":          {member: "403 forbidden"},
	"POST /v1/organizations/{org}/join-requests/{id}/approve": {loose: true, member: "403 forbidden"},
	"POST /v1/organizations/{org}/join-requests/{id}/reject":  {loose: true, member: "403 forbidden"},
	"POST /v1/organizations/{org}/join-requests/{id}/reopen":  {member: "403 forbidden"},
	"POST /v1/organizations/{org}/join-requests/decisions": {
		body: `{"decisions":[{"id":"mem_01ARZ3NDEKTSV4RRFFQ69G5FAV","decision":"approve"}]}`, member: "403 forbidden",
	},

	"GET /v1/organizations/{org}/invitations":      {member: "403 forbidden"},
	"GET /v1/organizations/{org}/invitations/{id}": {member: "404 not_found"},
	"POST /v1/organizations/{org}/invitations": {
		body: `{"recipients":[{"email":"b@example.com"}]}`, member: "403 forbidden",
	},
	"POST /v1/organizations/{org}/invitations/preview": {
		body: `{"recipients":[{"email":"b@example.com"}]}`, member: "403 forbidden",
	},
	"POST /v1/organizations/{org}/invitations/{id}/resend":    {member: "404 not_found"},
	"POST /v1/organizations/{org}/invitations/{id}/revoke":    {member: "404 not_found"},
	"POST /v1/organizations/{org}/invitations/{id}/take-over": {member: "404 not_found"},
	"PATCH /v1/organizations/{org}/invitations/{id}": {
		body: `{"job_title":"Analyst"}`, loose: true, member: "404 not_found",
	},

	"GET /v1/organizations/{org}/members":        {member: "200"},
	"GET /v1/organizations/{org}/members/counts": {member: "200"},
	"GET /v1/organizations/{org}/members/export": {member: "403 forbidden"},
	"GET /v1/organizations/{org}/members/{id}":   {member: "200"},
	"POST /v1/organizations/{org}/members": {
		body: `{"email":"b@example.com","first_name":"Bo","last_name":"Lee"}`, member: "403 forbidden",
	},
	"PATCH /v1/organizations/{org}/members/{id}":        {body: `{"job_title":"Analyst"}`, loose: true, member: "403 forbidden"},
	"POST /v1/organizations/{org}/members/{id}/dismiss": {member: "403 forbidden"},
	"POST /v1/organizations/{org}/members/{id}/rehire":  {loose: true, member: "403 forbidden"},
	"POST /v1/organizations/{org}/members/{id}/convert": {
		body: `{"member_type":"guest"}`, member: "403 forbidden",
	},
	"POST /v1/organizations/{org}/members/{id}/resend-credentials": {member: "403 forbidden"},

	"GET /v1/organizations/{org}/departments":         {member: "200"},
	"GET /v1/organizations/{org}/departments/{id}":    {member: "200"},
	"POST /v1/organizations/{org}/departments":        {body: `{"name":"Legal"}`, member: "403 forbidden"},
	"PATCH /v1/organizations/{org}/departments/{id}":  {body: `{"name":"Legal"}`, loose: true, member: "403 forbidden"},
	"DELETE /v1/organizations/{org}/departments/{id}": {member: "403 forbidden"},
	"GET /v1/organizations/{org}/groups":              {member: "200"},
	"GET /v1/organizations/{org}/groups/{id}":         {member: "200"},
	"POST /v1/organizations/{org}/groups":             {body: `{"name":"Fair"}`, member: "403 forbidden"},
	"PATCH /v1/organizations/{org}/groups/{id}":       {body: `{"name":"Fair"}`, loose: true, member: "403 forbidden"},
	"DELETE /v1/organizations/{org}/groups/{id}":      {member: "403 forbidden"},
	"GET /v1/organizations/{org}/partners":            {member: "200"},
	"GET /v1/organizations/{org}/api-keys":            {member: "403 forbidden"},
	"POST /v1/organizations/{org}/api-keys": {
		body: `{"name":"Payroll","scopes":["members:read"]}`, member: "403 forbidden",
	},
	"DELETE /v1/organizations/{org}/api-keys/{id}": {member: "403 forbidden"},
}

// path fills in an operation's path.
func (w *world) path(operation string, org onboarding.OrganizationID, id, link string) string {
	_, path, _ := strings.Cut(operation, " ")
	if id == "" {
		id = w.pick(path, w.invitation, map[string]string{"/members/": w.memberID, "/join-requests/": w.applicant, "/invite-links/": w.inviteLink,
			"/departments/": w.department, "/groups/": w.group, "/api-keys/": w.apiKey})
	}
	if link == "" {
		link = w.pick(path, w.link, map[string]string{"/password-resets/": w.reset, "/links/": w.linkToken, "/joins/": w.join})
	}
	return strings.NewReplacer("{org}", string(org), "{id}", id, "{token}", link).Replace(path)
}

// pick is what belongs to a path, by a part of it.
func (w *world) pick(path, other string, parts map[string]string) string {
	for part, value := range parts {
		if strings.Contains(path, part) {
			return value
		}
	}
	return other
}

// try asks one operation and holds that the answer has what every answer has.
func (w *world) try(name string, path, token string, header ...string) reply {
	w.t.Helper()
	method, _, _ := strings.Cut(name, " ")
	answer := w.ask(method, path, token, operations[name].body, header...)
	for header, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		if got := answer.header.Get(header); got != want {
			w.t.Errorf("%s: %s: %q, want %q", name, header, got, want)
		}
	}
	return answer
}

// bare is a problem without what differs in each: the request's id.
func bare(r reply) string {
	var fields map[string]any
	if json.Unmarshal(r.body, &fields) != nil {
		return string(r.body)
	}
	delete(fields, "request_id")
	text, err := json.Marshal(fields)
	if err != nil {
		return string(r.body)
	}
	return r.String() + " " + string(text)
}

func TestEveryRouteAsksWhoIsCalling(t *testing.T) {
	t.Parallel()
	spec, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	if all := slices.Sorted(slices.Values(spec.Operations())); !slices.Equal(all, slices.Sorted(maps.Keys(operations))) {
		t.Fatalf("openapi.yaml has %q", all)
	}
	w := newWorld(t, startCloud(t, options{root: repository})).withJoiners()
	gone, dismissed := w.joined("gone@example.com")
	w.must(http.StatusOK, "POST", "/v1/organizations/"+string(w.acme)+"/members/"+gone+"/dismiss", w.admin, "")
	// An old session of somebody who still is a member: everything in their organization is made older than a session.
	late := newWorld(t, w.cloud)
	if err := late.age(late.acme, 15*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	last := w.admin[len(w.admin)-2:]
	otherEnd := w.admin[:len(w.admin)-2] + map[bool]string{true: "BA", false: "AA"}[last == "AA"]

	for name, op := range operations {
		path := w.path(name, w.acme, "", "")
		if op.public {
			// A session makes no difference where none is asked for, least of all one that is none.
			before := bare(w.try(name, w.path(name, w.acme, "", unknownLink), ""))
			for _, token := range []string{"x", dismissed, w.stranger} {
				if got := bare(w.try(name, w.path(name, w.acme, "", unknownLink), token)); got != before {
					t.Errorf("%s: with a session: %s, without: %s", name, got, before)
				}
			}
			continue
		}
		for who, header := range map[string][]string{
			"nobody":             nil,
			"rubbish":            {"Authorization", "Bearer rubbish"},
			"another scheme":     {"Authorization", "Basic " + w.admin},
			"no token":           {"Authorization", "Bearer"},
			"two tokens":         {"Authorization", "Bearer " + w.admin + " " + w.admin},
			"two headers":        {"Authorization", "Bearer " + w.admin, "Authorization", "Bearer " + w.admin},
			"another secret":     {"Authorization", "Bearer " + otherEnd},
			"another spelling":   {"Authorization", "Bearer " + w.admin + "="},
			"another member":     {"Authorization", "Bearer " + strings.Replace(w.admin, idOf(w.admin), idOf(w.member), 1)},
			"a dismissed member": {"Authorization", "Bearer " + dismissed},
			"an old session":     {"Authorization", "Bearer " + late.admin},
			"two cookies":        {"Cookie", "__Host-latchkey=" + w.admin + "; __Host-latchkey=" + w.admin},
			"rubbish over good":  {"Authorization", "Bearer rubbish", "Cookie", "__Host-latchkey=" + w.admin},
		} {
			if got := w.try(name, path, "", header...).String(); got != "401 unauthenticated" {
				t.Errorf("%s: %s gets %s", name, who, got)
			}
		}
		if op.own {
			if got := w.try(name, path, w.enter(w.acme, "max@example.com", secret)).String(); got != op.member {
				t.Errorf("%s: a member gets %s", name, got)
			}
			continue
		}
		if got := w.try(name, path, w.waiting).String(); got != "403 approval_pending" {
			t.Errorf("%s: somebody who waits gets %s", name, got)
		}
		if got := w.try(name, path, w.member).String(); got != op.member {
			t.Errorf("%s: a member gets %s", name, got)
		}
		// Whether there is another organization, nobody learns who is not in it.
		foreign := bare(w.try(name, path, w.stranger))
		absent := bare(w.try(name, w.path(name, "no-such-organization", "", ""), w.stranger))
		if foreign != absent || !strings.HasPrefix(foreign, "403 forbidden ") {
			t.Errorf("%s: a stranger gets %s, and where there is no organization %s", name, foreign, absent)
		}
	}
	if sent := w.sent("b@example.com"); len(sent) > 0 {
		t.Errorf("%d mails were sent for nobody", len(sent))
	}
}

// idOf is the member in a session token.
func idOf(token string) string { return strings.Split(token, ".")[2] }

func TestWhatIsNotThereLooksTheSameEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startCloud(t, options{root: repository})).withJoiners()
	for name, op := range operations {
		_, template, _ := strings.Cut(name, " ")
		var want string
		same := func(what, path, token string) {
			got := bare(w.try(name, path, token))
			if want == "" {
				want = got
			}
			if got != want || !strings.HasPrefix(got, "404 ") {
				t.Errorf("%s: %s: %s, want %s", name, what, got, want)
			}
		}
		if strings.Contains(template, "{id}") {
			unknown := unknownOf(template)
			kind := unknown[:4]
			real := w.path(name, w.acme, "", "")
			for what, id := range map[string]string{
				"unknown": unknown, "rubbish": "x", "empty but for the prefix": kind, "of the other kind": "xxx_" + unknown[4:],
				"another organization's": w.foreign, "with a % in it": "%25", "with a null": "%00",
				"not UTF-8": "%ff", "long": kind + strings.Repeat("a", 4000),
			} {
				same(what, w.path(name, w.acme, id, ""), w.admin)
			}
			same("in capitals", strings.Replace(real, kind, strings.ToUpper(kind), 1), w.admin)
		}
		if op.public && strings.Contains(template, "{token}") {
			other := w.reset
			if strings.Contains(template, "/password-resets/") {
				other = w.link
			}
			for what, link := range map[string]string{
				"unknown": unknownLink, "rubbish": "x", "another organization's": w.foreignLink, "cut short": w.link[:63],
				"too long": w.link + "a", "in capitals": strings.ToUpper(w.link), "not UTF-8": "%ff", "with a null": "%00",
				"for another purpose": other,
			} {
				same(what, w.path(name, w.acme, "", link), "")
			}
			same("in no organization", w.path(name, "no-such-organization", "", ""), "")
			same("in one that cannot be", w.path(name, "A%20", "", ""), "")
		}
	}

	// Signing in and asking for a reset: nobody learns who is there.
	const phone = "+12025550190"
	w.owner(phone)
	var want, wrong string
	for what, try := range map[string][3]string{
		"no such organization": {"no-such-one", "admin@acme.example", password},
		"no possible one":      {"../acme", "admin@acme.example", password},
		"no such login":        {string(w.acme), "nobody@example.com", password},
		"no possible login":    {string(w.acme), "\x00", password},
		"one who is invited":   {string(w.acme), "ann@example.com", password},
		"a wrong password":     {string(w.acme), "admin@acme.example", secret},
		"a phone's":            {string(w.acme), phone, password},
		"nobody's phone":       {string(w.acme), "(202) 555-0198", secret},
		"a long password":      {string(w.acme), "admin@acme.example", strings.Repeat("x", 2000)},
	} {
		got := bare(w.ask("POST", "/v1/sessions", "", signInBody(try[0], try[1], try[2])))
		if want == "" {
			want = got
		}
		if got != want || !strings.HasPrefix(got, "401 wrong_credentials") {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	for what, org := range map[string]string{"here": string(w.acme), "nowhere": "no-such-one", "impossible": "A%20"} {
		for _, login := range []string{"admin@acme.example", "ann@example.com", "nobody@example.com", "rubbish", phone, "(202) 555-0198"} {
			answer := w.ask("POST", "/v1/public/"+org+"/password-resets", "", `{"login":"`+login+`"}`)
			if answer.String() != "202" || string(answer.body) != "{}" {
				t.Errorf("%s, %q: %s %s", what, login, answer, answer.body)
			}
			answer = w.ask("POST", "/v1/public/"+org+"/password-resets/by-code", "", `{"login":"`+login+`","code":"000000","password":"`+secret+`"}`)
			if got := bare(answer); wrong == "" {
				wrong = got
			} else if got != wrong || !strings.HasPrefix(got, "422 validation_failed") {
				t.Errorf("%s, %q: %s, want %s", what, login, got, wrong)
			}
		}
	}
}

func TestAMethodThatAPathDoesNotHave(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startCloud(t, options{root: repository})).withJoiners()
	paths := map[string][]string{}
	for name := range operations {
		method, path, _ := strings.Cut(name, " ")
		paths[path] = append(paths[path], method)
	}
	for path, methods := range paths {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get"} {
			if slices.Contains(methods, method) {
				continue
			}
			d := draft{method: method, url: w.cloud.baseURL + w.path("? "+path, w.acme, "", ""), gateway: true,
				header: http.Header{"Authorization": {"Bearer " + w.admin}}}
			answer, err := d.send(t.Context())
			if err != nil || answer.status != http.StatusNotFound && answer.status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %v %s %s", method, path, err, answer, answer.body)
			}
		}
	}
	// Nothing has happened.
	if got := w.standing(); got != "pending" {
		t.Errorf("the invitation is %s", got)
	}
}

func TestAWriteThatACookieBearsComesFromOurOwnPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startCloud(t, options{root: repository})).withJoiners()
	for name, op := range operations {
		if op.public || strings.HasPrefix(name, "GET ") {
			continue
		}
		cookie := []string{"Cookie", "__Host-latchkey=" + w.member}
		if op.own {
			cookie[1] = "__Host-latchkey=" + w.enter(w.acme, "max@example.com", secret)
		}
		path := w.path(name, w.acme, "", "")
		for what, header := range map[string][]string{
			"another site":        {"Origin", "https://evil.example"},
			"another port":        {"Origin", "http://127.0.0.1:1"},
			"our host, encrypted": {"Origin", strings.Replace(w.cloud.baseURL, "http:", "https:", 1)},
			"nowhere":             {"Origin", "null", "Sec-Fetch-Site", "cross-site"},
			"a sister site":       {"Origin", "http://sister.example", "Sec-Fetch-Site", "same-site"},
		} {
			if got := w.try(name, path, "", append(header, cookie...)...).String(); got != "403 forbidden" {
				t.Errorf("%s: from %s: %s", name, what, got)
			}
		}
		for what, header := range map[string][]string{
			"our own page": {"Origin", w.cloud.baseURL}, "the same": {"Sec-Fetch-Site", "same-origin"},
		} {
			if op.own && strings.HasPrefix(name, "DELETE") {
				cookie[1] = "__Host-latchkey=" + w.enter(w.acme, "max@example.com", secret)
			}
			if got := w.try(name, path, "", append(header, cookie...)...).String(); got != op.member {
				t.Errorf("%s: from %s: %s", name, what, got)
			}
		}
	}
}
