package notify

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"latchkey/internal/locale"
	"latchkey/internal/onboarding"
)

var update = flag.Bool("update", false, "write the golden files anew")

var kinds = []onboarding.MessageKind{
	onboarding.MessageInvitation, onboarding.MessagePasswordSet, onboarding.MessagePasswordReset, onboarding.MessageLinkRequest,
	onboarding.MessageJoinCode, onboarding.MessageJoinApproved, onboarding.MessageJoinRejected, onboarding.MessageJoinRequests,
	onboarding.MessageMemberAdded, onboarding.MessageRegistration, onboarding.MessageContactCode, onboarding.MessageContactChanged, onboarding.MessagePhoneSet,
}

const link = "https://join.example.com/join/acme/v1.01J9ZC7M4T8Q2K5X6Y3W.QmFzZTY0dXJsLXRva2VuLWxvb2tz?from=a&to=b"

// friendly is what a message tells on an ordinary day.
func friendly(kind onboarding.MessageKind, tag locale.Tag) Facts {
	f := Facts{
		Kind:         kind,
		Locale:       tag,
		Organization: "Bäckerei Müller & Söhne",
		Handle:       "baeckerei-mueller",
		Inviter:      "Grace O’Hara",
		Recipient:    "Ann",
		Link:         link,
		Until:        time.Date(2026, time.November, 30, 15, 0, 0, 0, time.FixedZone("CET", 3600)),
	}
	switch kind {
	case onboarding.MessageLinkRequest:
		f.Applicant = "ann@example.com"
	case onboarding.MessageMemberAdded:
		f.Password = "ga2tqm-x7rnha-b5mwyo-kd3sfe"
	case onboarding.MessageJoinCode, onboarding.MessagePasswordCode, onboarding.MessageContactCode:
		f.Code, f.Link = "048213", ""
	case onboarding.MessageJoinRejected, onboarding.MessageContactChanged, onboarding.MessagePhoneSet:
		f.Link = ""
	case onboarding.MessageJoinRequests:
		f.Count = 12
	}
	return f
}

// bare is the least that a message can tell.
func bare(kind onboarding.MessageKind, tag locale.Tag) Facts {
	f := friendly(kind, tag)
	f.Inviter, f.Recipient = "", ""
	switch kind {
	case onboarding.MessageLinkRequest:
		f.Link, f.Until = "", time.Time{}
	case onboarding.MessageJoinApproved, onboarding.MessageJoinRejected, onboarding.MessageContactChanged, onboarding.MessagePhoneSet:
		f.Until = time.Time{}
	case onboarding.MessageJoinRequests:
		f.Until, f.Count = time.Time{}, 1
	}
	return f
}

// hostile has names that no validation should have let through.
func hostile(kind onboarding.MessageKind, tag locale.Tag) Facts {
	f := friendly(kind, tag)
	f.Organization = "</title></style><script>alert(1)</script>{{.Link}} {inviter}" + strings.Repeat(" & Sons", 5)
	f.Inviter = "Eve\r\nBcc: all@example.com\r\n\r\n<img src=x onerror=alert(1)>"
	f.Recipient = "\u202eAnn\u2066\"'><a href=\"https://evil.example\">\x00\u2028{link}"
	if kind == onboarding.MessageLinkRequest {
		f.Applicant = "eve\n<b>@example.com\xff" + strings.Repeat("x", 300)
	}
	return f
}

var moods = []struct {
	name  string
	facts func(kind onboarding.MessageKind, tag locale.Tag) Facts
}{{"friendly", friendly}, {"bare", bare}, {"hostile", hostile}}

// each runs test for every kind in every language, with friendly, bare and hostile facts.
func each(t *testing.T, test func(t *testing.T, name string, f Facts)) {
	for _, mood := range moods {
		for _, kind := range kinds {
			for _, tag := range locale.Tags() {
				name := fmt.Sprintf("%s.%s.%s", kind, mood.name, tag)
				t.Run(name, func(t *testing.T) { test(t, name, mood.facts(kind, tag)) })
			}
		}
	}
}

func render(t testing.TB, f Facts) Mail {
	t.Helper()
	m, err := Render(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// goldens are the files that a test holds what is written against.
type goldens []string

// hold compares with a file, or writes it with -update.
func (g *goldens) hold(t *testing.T, path string, got []byte) {
	t.Helper()
	*g = append(*g, path)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, golden) {
		t.Errorf("%s differs; look at it, then run: go test ./internal/notify -update\ngot:\n%s", path, got)
	}
}

// all holds that no other file fits the pattern.
func (g goldens) all(t *testing.T, pattern string) {
	t.Helper()
	have, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Sort(g); !slices.Equal(have, g) {
		t.Errorf("golden files:\n%q\nwant:\n%q", have, g)
	}
}

func TestMailsReadAsInTheGoldenFiles(t *testing.T) {
	var want goldens
	each(t, func(t *testing.T, name string, f Facts) {
		m := render(t, f)
		got := fmt.Appendf(nil, "Subject: %s\n\n--- text ---\n%s\n--- html ---\n%s", m.Subject, m.Text, m.HTML)
		path := filepath.Join("testdata", name+".golden")
		want.hold(t, path, got)
	})
	want.all(t, "testdata/*.golden")
}

var (
	placeholder = regexp.MustCompile(`\{[a-z_]+\}`)
	rawKey      = regexp.MustCompile(`\bmail\.[a-z_]+`)
)

func TestNoPlaceholderAndNoKeyIsLeft(t *testing.T) {
	each(t, func(t *testing.T, _ string, f Facts) {
		m := render(t, f)
		for part, s := range map[string]string{"subject": m.Subject, "text": m.Text, "html": m.HTML} {
			// What stands in a name is data, and stays.
			s = strings.NewReplacer("{inviter}", "", "{link}", "").Replace(s)
			for _, pattern := range []*regexp.Regexp{placeholder, rawKey} {
				if left := pattern.FindString(s); left != "" {
					t.Errorf("%s still holds %q", part, left)
				}
			}
			if strings.Contains(s, "ZgotmplZ") {
				t.Errorf("html/template refused a value in %s", part)
			}
		}
	})
}

// checkShape fails unless names changed nothing but words.
func checkShape(t *testing.T, f Facts, m Mail) {
	t.Helper()
	if n := utf8.RuneCountInString(m.Subject); n == 0 || n > 150 {
		t.Errorf("subject has %d characters: %q", n, m.Subject)
	}
	broken := func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
	}
	if strings.ContainsFunc(m.Subject, broken) {
		t.Errorf("subject is not one plain line: %q", m.Subject)
	}
	plain := f
	for _, name := range []*string{&plain.Organization, &plain.Inviter, &plain.Recipient, &plain.Applicant} {
		if oneLine(*name) != "" {
			*name = "Ann"
		}
	}
	p := render(t, plain)
	if got, want := strings.Count(m.Text, "\n"), strings.Count(p.Text, "\n"); got != want {
		t.Errorf("text has %d lines, with plain names %d:\n%s", got, want, m.Text)
	}
	for part, s := range map[string]string{"text": m.Text, "html": m.HTML} {
		if strings.ContainsFunc(strings.ReplaceAll(s, "\n", ""), broken) || !utf8.ValidString(s) {
			t.Errorf("%s holds what breaks or turns a line: %q", part, s)
		}
	}
	if got, want := elements(t, m.HTML), elements(t, p.HTML); !slices.Equal(got, want) {
		t.Errorf("a name changed the elements:\n%q\nplain:\n%q", got, want)
	}
}

// elements lists tags and attributes in order, without the texts.
func elements(t testing.TB, page string) []string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			list = append(list, fmt.Sprint(n.Data, n.Attr))
		}
	}
	return list
}

func TestNamesAreData(t *testing.T) {
	each(t, func(t *testing.T, _ string, f Facts) { checkShape(t, f, render(t, f)) })
}

func FuzzNamesAreData(f *testing.F) {
	f.Add("Acme", "Grace", "Ann", "ann@example.com")
	f.Add("</p><b>", "a\r\nb", "\u202ex", "{until}")
	f.Add("{{.Link}}", "<!--", "\xff\x00", strings.Repeat("Ω", 500))
	f.Fuzz(func(t *testing.T, organization, inviter, recipient, applicant string) {
		for _, kind := range kinds {
			facts := friendly(kind, locale.German)
			facts.Organization, facts.Inviter, facts.Recipient = organization, inviter, recipient
			if kind == onboarding.MessageLinkRequest {
				facts.Applicant = applicant
			}
			m, err := Render(facts)
			if err != nil {
				if oneLine(organization) != "" && (kind != onboarding.MessageLinkRequest || oneLine(applicant) != "") {
					t.Error(err)
				}
				continue
			}
			checkShape(t, facts, m)
		}
	})
}

func TestMailHasOneButtonTheBareLinkAndNoPicture(t *testing.T) {
	each(t, func(t *testing.T, _ string, f Facts) {
		m := render(t, f)
		var targets []string
		for _, e := range elements(t, m.HTML) {
			if strings.HasPrefix(e, "a[") {
				targets = append(targets, e)
			}
			for _, forbidden := range []string{"img", "script", "link", "iframe", "form", "input", "svg"} {
				if strings.HasPrefix(e, forbidden+"[") {
					t.Errorf("mail holds %s", e)
				}
			}
		}
		if strings.Contains(m.HTML, "url(") || strings.Contains(m.HTML, "@import") {
			t.Error("the style loads something")
		}
		if f.Link == "" {
			nameless := strings.ReplaceAll(m.Text, oneLine(f.Recipient), "")
			if len(targets) != 0 || strings.Contains(nameless, "http") {
				t.Errorf("a mail without a link has one: %q", targets)
			}
			return
		}
		if len(targets) != 2 {
			t.Fatalf("want the button and the bare link, got %q", targets)
		}
		for _, target := range targets {
			if !strings.Contains(target, "{ href "+link+"}") {
				t.Errorf("%s does not lead to %s", target, link)
			}
		}
		if !strings.Contains(m.Text, "\n"+link+"\n") {
			t.Errorf("the link does not stand on a line of its own:\n%s", m.Text)
		}
	})
}

func TestMailTellsUntilWhen(t *testing.T) {
	for _, kind := range []onboarding.MessageKind{onboarding.MessageInvitation, onboarding.MessagePasswordSet,
		onboarding.MessagePasswordReset, onboarding.MessageJoinCode} {
		for tag, until := range map[locale.Tag]string{
			locale.English: "Monday, 30 November 2026, 14:00 UTC",
			locale.German:  "Montag, 30. November 2026, 14:00 UTC",
		} {
			m := render(t, friendly(kind, tag))
			if !strings.Contains(m.Text, until) || !strings.Contains(m.HTML, until) {
				t.Errorf("%s in %s does not say %s", kind, tag, until)
			}
		}
	}
}

func TestALinkWithoutAnEndNeverSaysUntilWhen(t *testing.T) {
	for _, kind := range []onboarding.MessageKind{onboarding.MessageLinkRequest, onboarding.MessageJoinApproved,
		onboarding.MessageJoinRejected, onboarding.MessageJoinRequests} {
		m := render(t, friendly(kind, locale.English))
		if strings.Contains(m.Subject+m.Text+m.HTML, "2026") {
			t.Errorf("%s says until when:\n%s", kind, m.Text)
		}
	}
}

func TestTheCodeStandsAlone(t *testing.T) {
	for _, tag := range locale.Tags() {
		m := render(t, friendly(onboarding.MessageJoinCode, tag))
		if !strings.HasPrefix(m.Subject, "048213 ") || !strings.Contains(m.Text, "\n\n048213\n\n") ||
			!strings.Contains(m.HTML, ">048213</p>") {
			t.Errorf("the code is hard to find:\n%s\n%s\n%s", m.Subject, m.Text, m.HTML)
		}
	}
}

func TestACodeGreetsNobodyByAName(t *testing.T) {
	f := friendly(onboarding.MessageJoinCode, locale.English)
	f.Recipient = "Ring 555 0100"
	if m := render(t, f); strings.Contains(m.Subject+m.Text+m.HTML, f.Recipient) {
		t.Errorf("a stranger wrote into the mail:\n%s", m.Text)
	}
}

func TestOneWhoWaitsIsCountedAsOne(t *testing.T) {
	for count, want := range map[int]string{1: "1 person waits to join Acme", 2: "2 people wait to join Acme"} {
		f := friendly(onboarding.MessageJoinRequests, locale.English)
		f.Organization, f.Count = "Acme", count
		if m := render(t, f); m.Subject != want || !strings.Contains(m.Text, "\n"+want+".\n") {
			t.Errorf("of %d it says %q:\n%s", count, m.Subject, m.Text)
		}
	}
}

func TestRenderRefusesWhatItCannotTell(t *testing.T) {
	code := func(digits, link string) func(*Facts) {
		return func(f *Facts) { f.Kind, f.Code, f.Link = onboarding.MessageJoinCode, digits, link }
	}
	for name, spoil := range map[string]func(*Facts){
		"an unknown kind":           func(f *Facts) { f.Kind = "newsletter" },
		"no organization":           func(f *Facts) { f.Organization = " \r\n" },
		"no link":                   func(f *Facts) { f.Link = "" },
		"a link without a host":     func(f *Facts) { f.Link = "/join/acme" },
		"a link that runs a script": func(f *Facts) { f.Link = "javascript:alert(1)" },
		"a link of two words":       func(f *Facts) { f.Link = "https://join.example.com/a b" },
		"a link of two lines":       func(f *Facts) { f.Link = "https://join.example.com/a\nb" },
		"no end of validity":        func(f *Facts) { f.Until = time.Time{} },
		"nobody who asks":           func(f *Facts) { f.Kind = onboarding.MessageLinkRequest },
		"no code":                   code("", ""),
		"a code of five digits":     code("48213", ""),
		"a code that is no number":  code("48 213", ""),
		"digits of another script":  code("٠٤", ""),
		"a link beside a code":      code("048213", link),
		"a code without an end":     func(f *Facts) { code("048213", "")(f); f.Until = time.Time{} },
		"approved without a link":   func(f *Facts) { f.Kind, f.Link = onboarding.MessageJoinApproved, "" },
		"rejected with a link":      func(f *Facts) { f.Kind = onboarding.MessageJoinRejected },
		"requests without a link":   func(f *Facts) { f.Kind, f.Link, f.Count = onboarding.MessageJoinRequests, "", 1 },
		"a code for a password":     func(f *Facts) { code("048213", "")(f); f.Kind = onboarding.MessagePasswordCode },
		"nobody who waits":          func(f *Facts) { f.Kind = onboarding.MessageJoinRequests },
	} {
		t.Run(name, func(t *testing.T) {
			f := friendly(onboarding.MessageInvitation, locale.English)
			spoil(&f)
			m, err := Render(f)
			if err == nil {
				t.Fatalf("rendered:\n%s", m.Text)
			}
			for _, secret := range []string{f.Link, f.Code} {
				if secret != "" && strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells a secret: %v", err)
				}
			}
		})
	}
}

func TestUnknownLanguageSpeaksEnglish(t *testing.T) {
	m := render(t, friendly(onboarding.MessageInvitation, ""))
	if !strings.HasPrefix(m.Text, "Hello Ann,") || !strings.Contains(m.HTML, `<html lang="en">`) {
		t.Errorf("got:\n%s\n%s", m.Text, m.HTML)
	}
}
