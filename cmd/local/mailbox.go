package main

// The mailbox: what was sent, kept across restarts. A message is taken down when SES or SNS has answered that it took it,
// from the request itself, so that nothing is polled and a crash loses nothing.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// message is one email to one recipient, or one SMS.
type message struct {
	ID        string    `json:"id"`
	Channel   string    `json:"channel"` // email or sms
	Recipient string    `json:"recipient"`
	Subject   string    `json:"subject"`
	Text      string    `json:"text"`
	HTML      string    `json:"html"`
	SentAt    time.Time `json:"sent_at"`
}

type mailbox struct {
	mu       sync.Mutex
	file     *os.File
	messages []message // newest last
}

// openMailbox reads the messages kept at path and appends further ones there.
func openMailbox(path string) (*mailbox, error) {
	m := &mailbox{}
	kept, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	whole := 0 // bytes; a crash can leave the last line half written
	for line := range bytes.Lines(kept) {
		var one message
		if !bytes.HasSuffix(line, []byte("\n")) || json.Unmarshal(line, &one) != nil {
			break
		}
		whole += len(line)
		m.messages = append(m.messages, one)
	}
	if m.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	if err := m.file.Truncate(int64(whole)); err != nil {
		return nil, err
	}
	_, err = m.file.Seek(int64(whole), 0)
	return m, err
}

func (m *mailbox) add(messages ...message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := bufio.NewWriter(m.file)
	enc := json.NewEncoder(w) // one line each
	for _, one := range messages {
		if err := enc.Encode(one); err != nil {
			return err
		}
	}
	m.messages = append(m.messages, messages...)
	return w.Flush()
}

// find returns the messages to a recipient, "" for all, from a moment on, or after the message of an id.
func (m *mailbox) find(recipient, since string) ([]message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := m.messages
	if since != "" {
		if i := slices.IndexFunc(from, func(one message) bool { return one.ID == since }); i >= 0 {
			from = from[i+1:]
		} else if t, err := time.Parse(time.RFC3339, since); err == nil {
			i := slices.IndexFunc(from, func(one message) bool { return !one.SentAt.Before(t) })
			if i < 0 {
				i = len(from)
			}
			from = from[i:]
		} else {
			return nil, errors.New("since is neither a time (RFC 3339) nor the id of a message")
		}
	}
	out := []message{}
	for _, one := range from {
		if recipient == "" || strings.EqualFold(one.Recipient, recipient) {
			out = append(out, one)
		}
	}
	return out, nil
}

func (m *mailbox) close() error { return m.file.Close() }

// ServeHTTP answers with JSON, and to a browser with a page.
func (m *mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	found, err := m.find(q.Get("recipient"), q.Get("since"))
	if err != nil {
		writeMessage(w, http.StatusBadRequest, err.Error())
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Vary", "Accept")
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		writeJSON(w, http.StatusOK, found)
		return
	}
	slices.Reverse(found)
	var page bytes.Buffer
	if err := mailboxPage.Execute(&page, found); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// A mail shows with its own styles and nothing else: no script, nothing from elsewhere.
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'")
	_, _ = w.Write(page.Bytes())
}

// captureMail takes down what SES accepts.
func captureMail(m *mailbox, ses http.Handler) http.Handler {
	return captured(ses, func(request, answer []byte) error {
		var in struct {
			Destination struct{ ToAddresses, CcAddresses, BccAddresses []string }
			Content     struct {
				Simple *struct {
					Subject struct{ Data string }
					Body    struct{ Text, Html struct{ Data string } }
				}
			}
		}
		var out struct{ MessageId string }
		if err := errors.Join(json.Unmarshal(request, &in), json.Unmarshal(answer, &out)); err != nil {
			return err
		}
		simple := in.Content.Simple
		if simple == nil {
			return errors.New("only mail with simple content is understood, not raw and not by template")
		}
		var all []message
		for i, to := range slices.Concat(in.Destination.ToAddresses, in.Destination.CcAddresses, in.Destination.BccAddresses) {
			one := message{
				ID: out.MessageId, Channel: "email", Recipient: to, Subject: simple.Subject.Data,
				Text: simple.Body.Text.Data, HTML: simple.Body.Html.Data, SentAt: time.Now().UTC(),
			}
			if address, err := mail.ParseAddress(to); err == nil {
				one.Recipient = address.Address
			}
			if i > 0 {
				one.ID = fmt.Sprintf("%s-%d", out.MessageId, i+1)
			}
			all = append(all, one)
		}
		return m.add(all...)
	})
}

// captureSMS takes down what SNS accepts and delivers: it accepts a message to a phone that opted out, too.
func captureSMS(m *mailbox, p *phones, sns http.Handler) http.Handler {
	return captured(sns, func(request, answer []byte) error {
		form, err := url.ParseQuery(string(request))
		if err != nil || form.Get("Action") != "Publish" || p.optedOut(form.Get("PhoneNumber")) {
			return err
		}
		id, err := snsMessageID(answer)
		if err != nil {
			return err
		}
		return m.add(message{
			ID: id, Channel: "sms", Recipient: form.Get("PhoneNumber"), Text: form.Get("Message"), SentAt: time.Now().UTC(),
		})
	})
}

// captured serves next and, where that answers 200, hands request and answer to take before the caller gets the answer.
func captured(next http.Handler, take func(request, answer []byte) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request bytes.Buffer
		if _, err := request.ReadFrom(r.Body); err != nil {
			return
		}
		r.Body = readCloser(request.Bytes())
		out := &recorder{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(out, r)
		if out.status == http.StatusOK {
			if err := take(request.Bytes(), out.body.Bytes()); err != nil {
				writeMessage(w, http.StatusNotImplemented, "the mailbox: "+err.Error())
				return
			}
		}
		w.WriteHeader(out.status)
		_, _ = w.Write(out.body.Bytes())
	})
}

// recorder holds an answer back.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// part is a part of a text: a link, or what stands between links.
type part struct {
	Text string
	Link bool
}

var webLink = regexp.MustCompile(`https?://[^\s<>"]*[^\s<>".,;:!?)]`)

// parts takes a text apart at its links, so that those of a text message can be followed.
func parts(text string) (all []part) {
	for {
		at := webLink.FindStringIndex(text)
		if at == nil {
			return append(all, part{Text: text})
		}
		all = append(all, part{Text: text[:at[0]]}, part{Text: text[at[0]:at[1]], Link: true})
		text = text[at[1]:]
	}
}

// The frame's sandbox leaves out scripts; links open in a tab of their own.
var mailboxPage = template.Must(template.New("").Funcs(template.FuncMap{
	"framed": func(html string) string { return `<base target="_blank">` + html },
	"parts":  parts,
	"length": utf8.RuneCountInString,
}).Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Mailbox</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
details { border-top: 1px solid #8886; padding: .75rem 0; }
summary { cursor: pointer; }
summary b { font-weight: 600; }
summary span, p.none { opacity: .7; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
iframe { width: 100%; height: 36rem; border: 1px solid #8886; border-radius: .5rem; background: #fff; }
</style>
<h1>Mailbox</h1>
{{range $i, $m := .}}
<details{{if eq $i 0}} open{{end}}>
<summary><b>{{if .Subject}}{{.Subject}}{{else}}SMS{{end}}</b> to {{.Recipient}}
<span>{{.SentAt.Format "2006-01-02 15:04:05"}} UTC{{if eq .Channel "sms"}}, {{length .Text}} characters{{end}}</span></summary>
{{if .HTML}}<iframe title="HTML part" sandbox="allow-popups allow-popups-to-escape-sandbox"
srcdoc="{{framed .HTML}}"></iframe>{{end}}
<pre>{{range parts .Text}}{{if .Link}}<a href="{{.Text}}" target="_blank" rel="noreferrer">{{.Text}}</a>{{else}}{{.Text}}{{end}}{{end}}</pre>
</details>
{{else}}
<p class="none">Nothing was sent yet.</p>
{{end}}
</html>
`))
