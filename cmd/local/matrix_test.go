package main

// Who may do what, tried: every operation of openapi.yaml by everybody there can be. What each gets stands in
// docs/access.md, which this test reads, runs cell by cell, and writes anew with -update.

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write docs/access.md anew, to be read before it is committed")

// callers are the columns, in their order.
var callers = []string{"nobody", "guest", "member", "partner", "administrator", "another's administrator", "dismissed", "waiting",
	"key", "key without scope"}

// always is what a caller gets of whatever needs a session, and why.
var always = map[string]string{
	"nobody": "401 unauthenticated", "dismissed": "401 unauthenticated", "another's administrator": "403 forbidden",
	"waiting": "403 approval_pending", "key without scope": "403 insufficient_scope",
}

// aim is where a request goes, and with what. Each cell has its own: what one has done does not stand in another's way.
type aim struct{ path, body string }

// matrix is the world in which all cells are tried.
type matrix struct {
	*world
	base   string // of acme
	public string
	group  string // in which the guest stands
	other  string // group in which they do not
	made   int    // addresses so far
	scopes []string
}

func (m *matrix) address() string {
	m.made++
	return fmt.Sprintf("m%d@matrix.example", m.made)
}

// of asks as the administrator, and answers a field of what comes.
func (m *matrix) of(field, method, path, body string) string {
	m.t.Helper()
	return m.must(http.StatusOK, method, path, m.admin, body)[field].(string)
}

// offer invites somebody whom nobody writes to.
func (m *matrix) offer() (id, token string) {
	answer := m.must(http.StatusOK, "POST", m.base+"/invitations", m.admin, `{"notify":false,"recipients":[{"email":"`+m.address()+`"}]}`)
	result := answer["results"].([]any)[0].(map[string]any)
	return result["invitation"].(map[string]any)["id"].(string), path.Base(result["accept_url"].(string))
}

func (m *matrix) added() string {
	return m.of("id", "POST", m.base+"/members", `{"email":"`+m.address()+`","first_name":"Mia","last_name":"Lee","without_confirmation":false}`)
}

func (m *matrix) department() string {
	return m.of("id", "POST", m.base+"/departments", fmt.Sprintf(`{"name":"D %d"}`, m.next()))
}

func (m *matrix) newGroup(guests bool) string {
	return m.of("id", "POST", m.base+"/groups", fmt.Sprintf(`{"name":"G %d","allows_guests":%t}`, m.next(), guests))
}

func (m *matrix) next() int {
	m.made++
	return m.made
}

func (m *matrix) ownLink() string {
	return m.of("id", "POST", m.base+"/invite-links", fmt.Sprintf(`{"label":"Fair %d"}`, m.next()))
}

func (m *matrix) key(scopes ...string) (id, token string) {
	key := m.must(http.StatusOK, "POST", m.base+"/api-keys", m.admin, fmt.Sprintf(`{"name":"K %d","scopes":["%s"]}`, m.next(), strings.Join(scopes, `","`)))
	return key["id"].(string), key["token"].(string)
}

func (m *matrix) waiter() string {
	_, token := m.verified(m.address())
	return memberPrefix + idOf(token)
}

// aims are where each operation is tried. Those with a body that changes nothing may share one.
func (m *matrix) aims() map[string]func() aim {
	at := func(path, body string) func() aim { return func() aim { return aim{path, body} } }
	org, public := m.base, m.public
	person := `{"first_name":"Mia","last_name":"Lee","password":"` + secret + `"}`
	return map[string]func() aim{
		"POST /v1/sessions":                                at("/v1/sessions", signInBody(string(m.acme), "nobody@example.com", secret)),
		"GET /v1/sessions/current":                         at("/v1/sessions/current", ""),
		"DELETE /v1/sessions/current":                      at("/v1/sessions/current", ""),
		"POST /v1/sessions/current/password":               at("/v1/sessions/current/password", `{"current_password":"x","new_password":"y"}`),
		"POST /v1/sessions/current/contact-changes":        at("/v1/sessions/current/contact-changes", `{"email":"new@matrix.example","current_password":"x"}`),
		"POST /v1/sessions/current/contact-changes/verify": at("/v1/sessions/current/contact-changes/verify", `{"code":"000000"}`),

		"POST /v1/public/{org}/password-resets":         func() aim { return aim{public + "/password-resets", `{"login":"` + m.address() + `"}`} },
		"POST /v1/public/{org}/password-resets/{token}": at(public+"/password-resets/"+m.reset, `{"password":"short"}`),
		"POST /v1/public/{org}/password-resets/by-code": at(public+"/password-resets/by-code", `{"login":"(202) 555-0199","code":"000000","password":"`+secret+`"}`),
		"GET /v1/public/{org}/invitations/{token}":      at(public+"/invitations/"+m.link, ""),
		"POST /v1/public/{org}/invitations/{token}/accept": func() aim {
			_, token := m.offer()
			return aim{public + "/invitations/" + token + "/accept", person}
		},
		"POST /v1/public/{org}/invitations/{token}/decline": func() aim {
			_, token := m.offer()
			return aim{public + "/invitations/" + token + "/decline", ""}
		},
		"POST /v1/public/{org}/invitations/{token}/request-new-link": at(public+"/invitations/"+m.link+"/request-new-link", ""),
		"GET /v1/public/{org}/links/{token}":                         at(public+"/links/"+m.linkToken, ""),
		"POST /v1/public/{org}/links/{token}/join": func() aim {
			return aim{public + "/links/" + m.linkToken + "/join", `{"email":"` + m.address() + `","first_name":"Mia","last_name":"Lee","password":"` + secret + `"}`}
		},
		"GET /v1/public/{org}/joins/{token}": at(public+"/joins/"+m.join, ""),
		"POST /v1/public/{org}/joins/{token}/verify": func() aim {
			join, code := m.begun(m.address())
			return aim{public + "/joins/" + join + "/verify", `{"code":"` + code + `"}`}
		},
		"POST /v1/public/{org}/joins/{token}/resend-code": at(public+"/joins/"+unknownLink+"/resend-code", ""),

		"GET /v1/organizations/{org}/settings":         at(org+"/settings", ""),
		"PATCH /v1/organizations/{org}/settings":       at(org+"/settings", `{"default_locale":"en"}`),
		"POST /v1/organizations/{org}/policy/evaluate": at(org+"/policy/evaluate", `{"channel":"invite_link","email":"b@example.com"}`),
		"GET /v1/organizations/{org}/invite-links":     at(org+"/invite-links", ""),
		"POST /v1/organizations/{org}/invite-links":    at(org+"/invite-links", `{"label":"Fair"}`),
		"GET /v1/organizations/{org}/invite-links/{id}": func() aim {
			return aim{org + "/invite-links/" + m.inviteLink, ""}
		},
		"GET /v1/organizations/{org}/invite-links/{id}/qr":       at(org+"/invite-links/"+m.inviteLink+"/qr", ""),
		"PATCH /v1/organizations/{org}/invite-links/{id}":        func() aim { return aim{org + "/invite-links/" + m.ownLink(), `{"label":"New"}`} },
		"POST /v1/organizations/{org}/invite-links/{id}/disable": func() aim { return aim{org + "/invite-links/" + m.ownLink() + "/disable", ""} },
		"POST /v1/organizations/{org}/invite-links/{id}/enable":  func() aim { return aim{org + "/invite-links/" + m.ownLink() + "/enable", ""} },
		"POST /v1/organizations/{org}/invite-links/{id}/rotate":  func() aim { return aim{org + "/invite-links/" + m.ownLink() + "/rotate", ""} },

		"GET /v1/organizations/{org}/join-requests":      at(org+"/join-requests", ""),
		"GET /v1/organizations/{org}/join-requests/{id}": at(org+"/join-requests/"+m.applicant, ""),
		"POST /v1/organizations/{org}/join-requests/{id}/approve": func() aim {
			return aim{org + "/join-requests/" + m.waiter() + "/approve", ""}
		},
		"POST /v1/organizations/{org}/join-requests/{id}/reject": func() aim {
			return aim{org + "/join-requests/" + m.waiter() + "/reject", ""}
		},
		"POST /v1/organizations/{org}/join-requests/{id}/reopen": func() aim {
			id := m.waiter()
			m.must(http.StatusOK, "POST", org+"/join-requests/"+id+"/reject", m.admin, "")
			return aim{org + "/join-requests/" + id + "/reopen", ""}
		},
		"POST /v1/organizations/{org}/join-requests/decisions": func() aim {
			return aim{org + "/join-requests/decisions", `{"decisions":[{"id":"` + m.waiter() + `","decision":"approve"}]}`}
		},

		"GET /v1/organizations/{org}/invitations":      at(org+"/invitations", ""),
		"GET /v1/organizations/{org}/invitations/{id}": at(org+"/invitations/"+m.invitation, ""),
		"POST /v1/organizations/{org}/invitations": func() aim {
			return aim{org + "/invitations", `{"notify":false,"recipients":[{"email":"` + m.address() + `"}]}`}
		},
		"POST /v1/organizations/{org}/invitations/preview": at(org+"/invitations/preview", `{"recipients":[{"email":"b@example.com"}]}`),
		"PATCH /v1/organizations/{org}/invitations/{id}": func() aim {
			id, _ := m.offer()
			return aim{org + "/invitations/" + id, `{"job_title":"Analyst"}`}
		},
		"POST /v1/organizations/{org}/invitations/{id}/resend": func() aim {
			id, _ := m.offer()
			return aim{org + "/invitations/" + id + "/resend", ""}
		},
		"POST /v1/organizations/{org}/invitations/{id}/revoke": func() aim {
			id, _ := m.offer()
			return aim{org + "/invitations/" + id + "/revoke", ""}
		},
		"POST /v1/organizations/{org}/invitations/{id}/take-over": func() aim {
			id, _ := m.offer()
			return aim{org + "/invitations/" + id + "/take-over", ""}
		},

		"GET /v1/organizations/{org}/members":        at(org+"/members", ""),
		"GET /v1/organizations/{org}/members/counts": at(org+"/members/counts", ""),
		"GET /v1/organizations/{org}/members/export": at(org+"/members/export", ""),
		"GET /v1/organizations/{org}/members/{id}":   at(org+"/members/"+m.memberID, ""),
		"POST /v1/organizations/{org}/members": func() aim {
			return aim{org + "/members", `{"email":"` + m.address() + `","first_name":"Mia","last_name":"Lee","without_confirmation":false}`}
		},
		"PATCH /v1/organizations/{org}/members/{id}": func() aim { return aim{org + "/members/" + m.added(), `{"job_title":"Analyst"}`} },
		"POST /v1/organizations/{org}/members/{id}/dismiss": func() aim {
			return aim{org + "/members/" + m.added() + "/dismiss", ""}
		},
		"POST /v1/organizations/{org}/members/{id}/rehire": func() aim {
			id := m.added()
			m.must(http.StatusOK, "POST", org+"/members/"+id+"/dismiss", m.admin, "")
			return aim{org + "/members/" + id + "/rehire", ""}
		},
		"POST /v1/organizations/{org}/members/{id}/convert": func() aim {
			return aim{org + "/members/" + m.added() + "/convert", `{"member_type":"guest","group_ids":["` + m.group + `"]}`}
		},
		"POST /v1/organizations/{org}/members/{id}/resend-credentials": func() aim {
			id := m.added()
			if err := m.age(m.acme, time.Minute); err != nil {
				m.t.Fatal(err)
			}
			return aim{org + "/members/" + id + "/resend-credentials", ""}
		},

		"GET /v1/organizations/{org}/departments":      at(org+"/departments", ""),
		"GET /v1/organizations/{org}/departments/{id}": at(org+"/departments/root", ""),
		"POST /v1/organizations/{org}/departments":     func() aim { return aim{org + "/departments", fmt.Sprintf(`{"name":"D %d"}`, m.next())} },
		"PATCH /v1/organizations/{org}/departments/{id}": func() aim {
			return aim{org + "/departments/" + m.department(), fmt.Sprintf(`{"name":"D %d"}`, m.next())}
		},
		"DELETE /v1/organizations/{org}/departments/{id}": func() aim { return aim{org + "/departments/" + m.department(), ""} },
		"GET /v1/organizations/{org}/groups":              at(org+"/groups", ""),
		"GET /v1/organizations/{org}/groups/{id}":         at(org+"/groups/"+m.other, ""),
		"POST /v1/organizations/{org}/groups":             func() aim { return aim{org + "/groups", fmt.Sprintf(`{"name":"G %d"}`, m.next())} },
		"PATCH /v1/organizations/{org}/groups/{id}":       func() aim { return aim{org + "/groups/" + m.newGroup(false), fmt.Sprintf(`{"name":"G %d"}`, m.next())} },
		"DELETE /v1/organizations/{org}/groups/{id}":      func() aim { return aim{org + "/groups/" + m.newGroup(false), ""} },
		"GET /v1/organizations/{org}/partners":            at(org+"/partners", ""),
		"GET /v1/organizations/{org}/api-keys":            at(org+"/api-keys", ""),
		"POST /v1/organizations/{org}/api-keys": func() aim {
			return aim{org + "/api-keys", fmt.Sprintf(`{"name":"K %d","scopes":["members:read"]}`, m.next())}
		},
		"DELETE /v1/organizations/{org}/api-keys/{id}": func() aim {
			id, _ := m.key("members:read")
			return aim{org + "/api-keys/" + id, ""}
		},
	}
}

// newMatrix has somebody for every column, and returns their sessions. One that is ended is begun for that.
func newMatrix(t *testing.T) (m *matrix, session func(caller, operation string) string) {
	w := newWorld(t, startCloud(t, options{root: repository})).withJoiners()
	m = &matrix{world: w, base: "/v1/organizations/" + string(w.acme), public: "/v1/public/" + string(w.acme)}
	m.group, m.other = m.newGroup(true), m.newGroup(true)
	if err := w.cloud.operate(t.Context(), "id,name,domains\ncertified,Certified Ltd,certified.example\n", "partners", "import", "-"); err != nil {
		t.Fatal(err)
	}
	accept := func(address, offer string) {
		answer := m.must(http.StatusOK, "POST", m.base+"/invitations", m.admin, `{"notify":false,"recipients":[{"email":"`+address+`"}],`+offer+`}`)
		token := path.Base(answer["results"].([]any)[0].(map[string]any)["accept_url"].(string))
		m.must(http.StatusCreated, "POST", m.public+"/invitations/"+token+"/accept", "", `{"first_name":"Mia","last_name":"Lee","password":"`+secret+`"}`)
	}
	accept("guest@example.com", `"member_type":"guest","group_ids":["`+m.group+`"]`)
	accept("pia@certified.example", `"member_type":"partner"`)
	gone, dismissed := w.joined("gone@example.com")
	m.must(http.StatusOK, "POST", m.base+"/members/"+gone+"/dismiss", m.admin, "")
	spec, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	for operation := range m.aims() {
		if scope := spec.Scope(operation); scope != "" && !slices.Contains(m.scopes, scope) {
			m.scopes = append(m.scopes, scope)
		}
	}
	_, all := m.key(m.scopes...)
	lacking := map[string]string{"": all} // a route that is for no key is for none with every scope
	for _, scope := range m.scopes {
		_, lacking[scope] = m.key(slices.DeleteFunc(slices.Clone(m.scopes), func(s string) bool { return s == scope })...)
	}
	sign := func(login, password string) func() string {
		return func() string { return m.enter(m.acme, login, password) }
	}
	fresh := map[string]func() string{
		"guest": sign("guest@example.com", secret), "member": sign("max@example.com", secret),
		"partner": sign("pia@certified.example", secret), "administrator": sign("admin@acme.example", password),
		"another's administrator": func() string { return m.enter(m.globex, "admin@globex.example", password) },
		"waiting":                 sign("pat@example.com", secret),
	}
	kept := map[string]string{"nobody": "", "dismissed": dismissed, "key": all}
	for caller, begin := range fresh {
		kept[caller] = begin()
	}
	return m, func(caller, operation string) string {
		switch begin := fresh[caller]; {
		case caller == "key without scope":
			return lacking[spec.Scope(operation)]
		case begin != nil && operation == "DELETE /v1/sessions/current":
			return begin()
		}
		return kept[caller]
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	spec, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	m, session := newMatrix(t)
	aims := m.aims()
	if all := slices.Sorted(slices.Values(spec.Operations())); !slices.Equal(all, slices.Sorted(maps.Keys(aims))) {
		t.Fatalf("openapi.yaml has %q", all)
	}
	got := map[string][]string{}
	for operation, aimed := range aims {
		method, pattern, _ := strings.Cut(operation, " ")
		for _, caller := range callers {
			a := aimed()
			answer := m.ask(method, a.path, session(caller, operation), a.body)
			got[operation] = append(got[operation], fmt.Sprint(answer.status))
			want, fixed := always[caller], strings.Contains(pattern, "/{org}/") && !strings.Contains(pattern, "/public/")
			if caller == "key without scope" && spec.Scope(operation) == "" {
				want = "403 forbidden"
			}
			if fixed && want != "" && answer.String() != want {
				t.Errorf("%s: %s gets %s, want %s", operation, caller, answer, want)
			}
			if answer.status >= 500 {
				t.Errorf("%s: %s gets %s", operation, caller, answer)
			}
		}
	}
	file := filepath.Join(repository, "docs", "access.md")
	if *update {
		writeAccess(t, file, got)
		return
	}
	want := readAccess(t, file)
	if len(want) != len(got) {
		t.Errorf("docs/access.md has %d operations, openapi.yaml %d", len(want), len(got))
	}
	for operation, cells := range got {
		for i, cell := range cells {
			if i >= len(want[operation]) || want[operation][i] != cell {
				t.Errorf("%s: %s gets %s, want %s", operation, callers[i], cell, want[operation])
			}
		}
	}
}

const accessHead = `# Who may do what

Every operation of openapi.yaml, asked by everybody there can be, and the status that each gets. A test asks each cell and
compares. *Waiting* is somebody whose request to join waits; the *key* is an administrator's API key with all scopes, and
beside it one with all scopes but the one that is needed. A public operation looks at no session. What is aimed at is
somebody else's: an invitation, a link, a member, a group in which the caller does not stand.

`

func writeAccess(t *testing.T, file string, got map[string][]string) {
	var b strings.Builder
	b.WriteString(accessHead + "| operation | " + strings.Join(callers, " | ") + " |\n|" + strings.Repeat(" --- |", len(callers)+1) + "\n")
	for _, operation := range slices.SortedFunc(maps.Keys(got), byPath) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", operation, strings.Join(got[operation], " | "))
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// byPath sorts operations by what they are about.
func byPath(a, b string) int {
	_, pathA, _ := strings.Cut(a, " ")
	_, pathB, _ := strings.Cut(b, " ")
	return strings.Compare(pathA+" "+a, pathB+" "+b)
}

func readAccess(t *testing.T, file string) map[string][]string {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(strings.Trim(strings.TrimSpace(line), "| "), " | "); strings.HasPrefix(cells[0], "`") {
			rows[strings.Trim(cells[0], "`")] = cells[1:]
		}
	}
	return rows
}
