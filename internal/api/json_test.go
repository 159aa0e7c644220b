package api

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"latchkey/internal/onboarding"
)

type wireAddress struct {
	Email string `json:"email"`
}

type wireBody struct {
	Role       string         `json:"role"`
	Notify     *bool          `json:"notify"`
	Count      int            `json:"count"`
	Share      float64        `json:"share"`
	At         time.Time      `json:"at"`
	Recipients []wireAddress  `json:"recipients"`
	Status     string         `json:"status"`
	Any        map[string]any `json:"any"`
}

func jsonDoor(t *testing.T) *door {
	d := newDoor(t, nil)
	d.mux.handle("POST /x", func(w http.ResponseWriter, r *http.Request) error {
		var b wireBody
		if err := readJSON(r, &b); err != nil {
			return err
		}
		return writeJSON(w, 200, map[string]any{"role": b.Role, "recipients": b.Recipients})
	})
	d.mux.handle("POST /optional", func(w http.ResponseWriter, r *http.Request) error {
		b := wireBody{Role: "none"}
		if err := readOptionalJSON(r, &b); err != nil {
			return err
		}
		return writeJSON(w, 200, b.Role)
	})
	d.mux.handle("POST /small", func(w http.ResponseWriter, r *http.Request) error {
		var b wireBody
		return readJSONLimit(r, &b, 20)
	})
	return d
}

func TestRubbishIsRefusedWithAPointer(t *testing.T) {
	d := jsonDoor(t)
	deep := func(n int) string { return strings.Repeat(`{"any":`, n) + "1" + strings.Repeat("}", n) }
	for _, c := range []struct {
		name, body string
		status     int
		pointer    string
		field      string // the field's code
		says       string
	}{
		{"nothing", ``, 400, "", "", "empty"},
		{"blanks", " \r\n\t", 400, "", "", "empty"},
		{"null", `null`, 400, "", "", "object"},
		{"a list", `[]`, 400, "", "", "object"},
		{"a text", `"role"`, 400, "", "", "object"},
		{"a number", `1`, 400, "", "", "object"},
		{"another case", `{"ROLE":"admin"}`, 422, "/ROLE", "unknown_field", "not known"},
		{"a long s", `{"ſtatus":"x"}`, 422, "/ſtatus", "unknown_field", "not known"},
		{"an escaped long s", `{"\u017ftatus":"x"}`, 422, "/ſtatus", "unknown_field", "not known"},
		{"an unknown field within", `{"recipients":[{"email":"a"},{"mail":"b"}]}`, 422, "/recipients/1/mail", "unknown_field", "not known"},
		{"a field with a slash", `{"a/b~c":1}`, 422, "/a~1b~0c", "unknown_field", "not known"},
		{"a field twice", `{"role":"member","role":"admin"}`, 400, "/role", "duplicate", "twice"},
		{"a field twice, escaped", `{"role":"member","r\u006fle":"admin"}`, 400, "/role", "duplicate", "twice"},
		{"a field twice within", `{"recipients":[{"email":"a","email":"b"}]}`, 400, "/recipients/0/email", "duplicate", "twice"},
		{"a field twice where anything goes", `{"any":{"x":1,"x":2}}`, 400, "/any/x", "duplicate", "twice"},
		{"a byte order mark", "\ufeff{}", 400, "", "", "byte order mark"},
		{"two documents", `{}{}`, 400, "", "", "at byte 2"},
		{"two documents on lines", "{}\n{\"role\":\"admin\"}", 400, "", "", "at byte 3"},
		{"a document and a comma", `{},`, 400, "", "", "at byte 2"},
		{"a missing comma", `{"role":"a" "count":1}`, 400, "", "", "at byte 12"},
		{"a comma too many", `{"role":"a",}`, 400, "", "", "byte"},
		{"a missing colon", `{"role" "a"}`, 400, "", "", "byte"},
		{"single quotes", `{'role':'a'}`, 400, "", "", "byte"},
		{"no quotes", `{role:"a"}`, 400, "", "", "byte"},
		{"a comment", `{/* */}`, 400, "", "", "byte"},
		{"broken off", `{"role":"adm`, 400, "", "", "too early"},
		{"broken off after a field", `{"role":"a"`, 400, "", "", "too early"},
		{"not a number", `{"share":NaN}`, 400, "", "", "byte"},
		{"infinity", `{"share":Infinity}`, 400, "", "", "byte"},
		{"a hexadecimal number", `{"count":0x1}`, 400, "", "", "byte"},
		{"a number that begins with 0", `{"count":01}`, 400, "", "", "byte"},
		{"a number that begins with +", `{"count":+1}`, 400, "", "", "byte"},
		{"a huge whole number", `{"count":99999999999999999999}`, 422, "/count", "out_of_range", "too large"},
		{"a huge number", `{"share":1e999}`, 422, "/share", "out_of_range", "too large"},
		{"a very long number", `{"count":` + strings.Repeat("9", 10000) + `}`, 422, "/count", "out_of_range", "too large"},
		{"a fraction", `{"count":1.5}`, 422, "/count", "wrong_type", "a whole number"},
		{"a number for a text", `{"role":1}`, 422, "/role", "wrong_type", "a text"},
		{"a list for a text", `{"role":["admin"]}`, 422, "/role", "wrong_type", "a text"},
		{"an object for a text", `{"role":{"$ne":""}}`, 422, "/role", "wrong_type", "a text"},
		{"a text for a truth", `{"notify":"true"}`, 422, "/notify", "wrong_type", "true or false"},
		{"a text for a number", `{"count":"1"}`, 422, "/count", "wrong_type", "a whole number"},
		{"a text for a list", `{"recipients":"a"}`, 422, "/recipients", "wrong_type", "a list"},
		{"a text for an object", `{"recipients":["a"]}`, 422, "/recipients/0", "wrong_type", "an object"},
		{"no time", `{"at":"yesterday"}`, 422, "/at", "wrong_type", "a time"},
		{"a lone high surrogate", `{"role":"\ud800"}`, 400, "", "", "byte"},
		{"a lone low surrogate", `{"role":"\udc00x"}`, 400, "", "", "byte"},
		{"surrogates the wrong way round", `{"role":"\udc00\ud800"}`, 400, "", "", "byte"},
		{"no UTF-8", "{\"role\":\"\xff\"}", 400, "", "", "UTF-8"},
		{"no UTF-8 in a name", "{\"ro\xffle\":\"a\"}", 400, "", "", "UTF-8"},
		{"an overlong slash", "{\"role\":\"\xc0\xaf\"}", 400, "", "", "UTF-8"},
		{"a raw line end in a text", "{\"role\":\"a\nb\"}", 400, "", "", "byte"},
		{"a raw NUL", "{\"role\":\"\x00\"}", 400, "", "", "byte"},
		{"an unknown escape", `{"role":"\x41"}`, 400, "", "", "byte"},
		{"deep objects", deep(33), 400, "", "", "levels"},
		{"very deep lists", strings.Repeat("[", 500_000), 400, "", "", "levels"},
		{"a long unknown field", `{"` + strings.Repeat("ü", 100_000) + `":1}`, 422, "", "unknown_field", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, body := d.ask(t, "POST", "/x", c.body, "Content-Type", "application/json")
			code := map[int]string{400: "malformed_request", 422: "validation_failed"}[c.status]
			p := wantProblem(t, res, body, c.status, code)
			said := p.Detail
			if c.field != "" {
				if len(p.Errors) != 1 || p.Errors[0].Code != c.field || c.pointer != "" && p.Errors[0].Pointer != c.pointer {
					t.Fatalf("errors %+v, want %s at %s", p.Errors, c.field, c.pointer)
				}
				said += p.Errors[0].Detail
			}
			if !strings.Contains(said, c.says) {
				t.Errorf("it says %q, nothing of %q", said, c.says)
			}
			if len(body) > 1000 || regexp.MustCompile(`wire|json:|jsontext|Go |struct|\bint\b|float|string\b.*type|<nil>`).MatchString(body) {
				t.Errorf("the answer is too long or shows our types: %s", body)
			}
		})
	}
}

func TestGoodBodiesAreRead(t *testing.T) {
	d := jsonDoor(t)
	for body, want := range map[string]string{
		`{}`:                                 `{"recipients":[],"role":""}`,
		" {\"role\":\"\\ud83d\\ude00\"}\r\n": `{"recipients":[],"role":"😀"}`,
		`{"role":"[[[[\"{{{{","recipients":[{"email":"a"}]}`:                `{"recipients":[{"email":"a"}],"role":"[[[[\"{{{{"}`,
		`{"any":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`: "",
	} {
		res, got := d.ask(t, "POST", "/x", body, "Content-Type", "Application/JSON; charset=UTF-8")
		if want == "" {
			if strings.Contains(got, "levels") {
				t.Errorf("%s: %s", body, got)
			}
			continue
		}
		if res.StatusCode != 200 || got != want {
			t.Errorf("%s: %d %s, want %s", body, res.StatusCode, got, want)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	d := jsonDoor(t)
	for _, headers := range [][]string{
		nil, {"Content-Type", ""}, {"Content-Type", "text/plain"}, {"Content-Type", "application/x-www-form-urlencoded"},
		{"Content-Type", "application/jsonp"}, {"Content-Type", "application/json; charset=utf-16"}, {"Content-Type", "application/json, text/plain"},
		{"Content-Type", "application/json;;"}, {"Content-Type", "text/plain", "Content-Type", "application/json"},
		{"Content-Type", "application/json", "Content-Encoding", "gzip"},
	} {
		res, body := d.ask(t, "POST", "/x", `{}`, headers...)
		wantProblem(t, res, body, 415, "unsupported_media_type")
	}
	if res, body := d.ask(t, "POST", "/x", `{}`, "Content-Type", "application/json", "Content-Encoding", "identity"); res.StatusCode != 200 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestSizeIsCheckedFirst(t *testing.T) {
	d := jsonDoor(t)
	for path, body := range map[string]string{
		"/x":     `{"role":"` + strings.Repeat("a", maxBody) + `"}`,
		"/small": `{"role":"123456789012`,
	} {
		res, got := d.ask(t, "POST", path, body, "Content-Type", "application/json")
		wantProblem(t, res, got, 413, "too_large")
	}
	// A body whose length nobody has told.
	r := httptest.NewRequest("POST", "/small", struct{ *strings.Reader }{strings.NewReader(strings.Repeat(" ", 21))})
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/json")
	var b wireBody
	if err := readJSONLimit(r, &b, 20); problemOf(err).Status != 413 {
		t.Error(err)
	}
	res, got := d.ask(t, "POST", "/small", `{"role":"123456789"}`, "Content-Type", "application/json")
	if res.StatusCode != 200 {
		t.Errorf("a body of the very limit: %d %s", res.StatusCode, got)
	}
}

func TestOptionalBody(t *testing.T) {
	d := jsonDoor(t)
	if res, body := d.ask(t, "POST", "/optional", ""); res.StatusCode != 200 || body != `"none"` {
		t.Errorf("no body: %d %s", res.StatusCode, body)
	}
	if res, body := d.ask(t, "POST", "/optional", `{"role":"a"}`, "Content-Type", "application/json"); body != `"a"` {
		t.Errorf("a body: %d %s", res.StatusCode, body)
	}
	res, body := d.ask(t, "POST", "/optional", `{"role":"a"}`)
	wantProblem(t, res, body, 415, "unsupported_media_type")
	res, body = d.ask(t, "POST", "/optional", `{"rule":"a"}`, "Content-Type", "application/json")
	wantProblem(t, res, body, 422, "validation_failed")
}

func FuzzReadJSON(f *testing.F) {
	for _, s := range []string{`{}`, `{"role":"a","ROLE":"b"}`, `{"recipients":[{"email":null}]}`, "\ufeff{}", `{"any":[[[]]]}`, `{"at":""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		var b wireBody
		err := readJSON(r, &b)
		if err == nil {
			if !utf8.ValidString(b.Role) {
				t.Errorf("read %q", b.Role)
			}
			return
		}
		if p := problemOf(err); p.Status >= 500 || p.Detail == "" || !utf8.ValidString(p.Detail) {
			t.Errorf("%q: %d %s", body, p.Status, p.Detail)
		}
		var own *onboarding.Error
		if !errors.As(err, &own) {
			t.Errorf("%q: %v", body, err)
		}
	})
}
