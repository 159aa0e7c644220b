package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func ids(messages []message) []string {
	out := []string{}
	for _, m := range messages {
		out = append(out, m.ID)
	}
	return out
}

func TestTheMailboxFinds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.jsonl")
	box, err := openMailbox(path)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for i, to := range []string{"ann@example.com", "bob@example.com", "ann@example.com"} {
		m := message{ID: string(rune('a' + i)), Channel: "email", Recipient: to, SentAt: at.Add(time.Duration(i) * time.Minute)}
		if err := box.add(m); err != nil {
			t.Fatal(err)
		}
	}
	check := func(box *mailbox) {
		t.Helper()
		for _, c := range []struct {
			recipient, since string
			want             []string
		}{
			{"", "", []string{"a", "b", "c"}},
			{"Ann@Example.com", "", []string{"a", "c"}},
			{"ann@example.com", "a", []string{"c"}},
			{"", "c", []string{}},
			{"", "2026-11-22T10:01:00Z", []string{"b", "c"}},
			{"", "2026-11-22T11:01:30+01:00", []string{"c"}},
			{"", "2026-11-22T10:30:00.5Z", []string{}},
		} {
			found, err := box.find(c.recipient, c.since)
			if err != nil || !slices.Equal(ids(found), c.want) {
				t.Errorf("recipient %q since %q: %v %v", c.recipient, c.since, ids(found), err)
			}
		}
	}
	check(box)
	if _, err := box.find("", "yesterday"); err == nil {
		t.Error("yesterday is a time?")
	}
	if err := box.close(); err != nil {
		t.Fatal(err)
	}

	// A crash while writing: half a line at the end.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"id":"d","cha`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if box, err = openMailbox(path); err != nil {
		t.Fatal(err)
	}
	check(box)
	if err := box.add(message{ID: "d"}); err != nil {
		t.Fatal(err)
	}
	box.close()
	if box, err = openMailbox(path); err != nil {
		t.Fatal(err)
	}
	defer box.close()
	if found, err := box.find("", "c"); err != nil || !slices.Equal(ids(found), []string{"d"}) {
		t.Errorf("after the crash: %v %v", ids(found), err)
	}
}

func TestMailIsTakenDownAsItWasSentAndOnlyIfItWas(t *testing.T) {
	box, err := openMailbox(filepath.Join(t.TempDir(), "mailbox.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer box.close()
	status := http.StatusOK
	server := httptest.NewServer(captureMail(box, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"MessageId":"m1"}`))
	})))
	defer server.Close()
	const mail = `{"FromEmailAddress":"a@b","Destination":{"ToAddresses":["Ann <ann@example.com>","bob@example.com"]},
		"Content":{"Simple":{"Subject":{"Data":"S"},"Body":{"Text":{"Data":"T"},"Html":{"Data":"<b>H</b>"}}}}}`
	answer, text := do(t, "POST", server.URL, mail)
	if answer.StatusCode != 200 || text != `{"MessageId":"m1"}` {
		t.Errorf("%d %s", answer.StatusCode, text)
	}
	found, err := box.find("", "")
	if err != nil || !slices.Equal(ids(found), []string{"m1", "m1-2"}) ||
		found[0].Recipient != "ann@example.com" || found[1].Recipient != "bob@example.com" ||
		found[0].Subject != "S" || found[0].Text != "T" || found[0].HTML != "<b>H</b>" {
		t.Errorf("got %+v %v", found, err)
	}
	status = http.StatusTooManyRequests
	if answer, _ := do(t, "POST", server.URL, mail); answer.StatusCode != status {
		t.Errorf("%d", answer.StatusCode)
	}
	status = http.StatusOK
	answer, text = do(t, "POST", server.URL, `{"Content":{"Raw":{"Data":"eA=="}}}`)
	if answer.StatusCode != http.StatusNotImplemented || !strings.Contains(text, "only mail with simple content") {
		t.Errorf("raw mail: %d %s", answer.StatusCode, text)
	}
	if found, err := box.find("", ""); err != nil || len(found) != 2 {
		t.Errorf("got %+v %v", found, err)
	}
}

func TestTheMailboxAsJSONAndAsAPage(t *testing.T) {
	box, err := openMailbox(filepath.Join(t.TempDir(), "mailbox.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer box.close()
	server := httptest.NewServer(box)
	defer server.Close()
	if _, text := do(t, "GET", server.URL, ""); text != "[]\n" {
		t.Errorf("empty: %s", text)
	}
	if _, text := do(t, "GET", server.URL, "", "Accept", "text/html"); !strings.Contains(text, "Nothing was sent yet") {
		t.Errorf("empty: %s", text)
	}
	m := message{
		ID: "a", Channel: "email", Recipient: "ann@example.com", Subject: `<script>alert(1)</script>`, Text: "Hello & welcome",
		HTML: `<p title="x">Hello</p><script>alert(2)</script>`, SentAt: time.Date(2026, 11, 22, 10, 0, 0, 1, time.UTC),
	}
	if err := box.add(m); err != nil {
		t.Fatal(err)
	}
	_, text := do(t, "GET", server.URL+"?recipient=ann@example.com", "")
	var fields []map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil || len(fields) != 1 {
		t.Fatalf("%s %v", text, err)
	}
	for _, name := range []string{"id", "channel", "recipient", "subject", "text", "html", "sent_at"} {
		if _, ok := fields[0][name]; !ok {
			t.Errorf("%s is missing in %s", name, text)
		}
	}
	_, page := do(t, "GET", server.URL, "", "Accept", "text/html")
	if strings.Contains(page, "<script") || !strings.Contains(page, "&lt;script&gt;alert(1)") ||
		!strings.Contains(page, "Hello &amp; welcome") || !strings.Contains(page, `sandbox="allow-popups`) {
		t.Errorf("page %s", page)
	}
	if answer, _ := do(t, "GET", server.URL+"?since=yesterday", ""); answer.StatusCode != 400 {
		t.Errorf("%d", answer.StatusCode)
	}
}

func TestATextMessageIsReadableOnThePage(t *testing.T) {
	box, err := openMailbox(filepath.Join(t.TempDir(), "mailbox.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer box.close()
	server := httptest.NewServer(box)
	defer server.Close()
	if err := box.add(message{
		ID: "a", Channel: "sms", Recipient: "+447700900123", Text: "<b>Acme</b> über http://127.0.0.1:1/join/acme/x?a=1&b=2. STOP",
	}); err != nil {
		t.Fatal(err)
	}
	_, page := do(t, "GET", server.URL, "", "Accept", "text/html")
	for _, want := range []string{
		"<b>SMS</b> to &#43;447700900123", "UTC, 61 characters</span>", "&lt;b&gt;Acme&lt;/b&gt; über ",
		`<a href="http://127.0.0.1:1/join/acme/x?a=1&amp;b=2" target="_blank" rel="noreferrer">http://127.0.0.1:1/join/acme/x?a=1&amp;b=2</a>. STOP</pre>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is missing in %s", want, page)
		}
	}
}

func FuzzParts(f *testing.F) {
	f.Add("see https://a.example/b. Or http://c, and https://")
	f.Fuzz(func(t *testing.T, text string) {
		var whole strings.Builder
		for _, p := range parts(text) {
			whole.WriteString(p.Text)
			if p.Link && !strings.HasPrefix(p.Text, "http") {
				t.Errorf("%q is a link of %q", p.Text, text)
			}
		}
		if whole.String() != text {
			t.Errorf("%q became %q", text, whole.String())
		}
	})
}
