package notify

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"latchkey/internal/locale"
	"latchkey/internal/onboarding"
)

var textKinds = []onboarding.MessageKind{
	onboarding.MessageInvitation, onboarding.MessageJoinCode, onboarding.MessagePasswordCode, onboarding.MessageContactCode,
	onboarding.MessageJoinApproved, onboarding.MessageJoinRejected,
}

// eachText runs test for every kind of text message in every language, with friendly, bare and hostile facts.
func eachText(t *testing.T, test func(t *testing.T, name string, f Facts)) {
	for _, mood := range moods {
		for _, kind := range textKinds {
			for _, tag := range locale.Tags() {
				name := fmt.Sprintf("%s.%s.%s", kind, mood.name, tag)
				t.Run(name, func(t *testing.T) { test(t, name, mood.facts(kind, tag)) })
			}
		}
	}
}

func renderText(t testing.TB, f Facts) string {
	t.Helper()
	text, err := RenderText(f)
	if err != nil {
		t.Fatalf("%v, of %+v", err, f)
	}
	return text
}

func TestTextsReadAsInTheGoldenFiles(t *testing.T) {
	var want goldens
	eachText(t, func(t *testing.T, name string, f Facts) {
		text := renderText(t, f)
		got := fmt.Appendf(nil, "%s\n\n--- %d septets ---\n", text, septetsOf(t, text))
		path := filepath.Join("testdata", "texts", name+".golden")
		want.hold(t, path, got)
	})
	want.all(t, "testdata/texts/*")
}

// tappable finds what a phone makes a link of, generously.
var tappable = regexp.MustCompile(`(?i)://|www\.[^.]|[\pL\pN]\.\pL{2,}|@|[0-9]\.[0-9]+\.[0-9]|[0-9]{6}|(?:[0-9][-+ ()/.]{0,3}){7}`)

// checkText fails unless text is short and plain, and holds the code or the link and nothing else of the kind.
func checkText(t testing.TB, f Facts, text string) {
	t.Helper()
	most := map[int]int{1: 160, 2: 306}[f.Kind.Segments()]
	if n := septetsOf(t, text); n > most || most == 0 {
		t.Errorf("%d septets, at most %d: %q", n, most, text)
	}
	if n, ok := segments(text); !ok || n > f.Kind.Segments() {
		t.Errorf("%d segments, at most %d: %q", n, f.Kind.Segments(), text)
	}
	rest := text
	if f.Code != "" {
		first, after, _ := strings.Cut(text, "\n")
		if !strings.HasPrefix(first, f.Code+" ") || strings.ContainsAny(first[len(f.Code):], "0123456789") {
			t.Errorf("the code does not stand first and alone: %q", text)
		}
		if !strings.Contains(after, f.Until.UTC().Format(" 15:04 UTC")) {
			t.Errorf("does not say until when: %q", text)
		}
		rest = strings.ReplaceAll(after, f.Until.UTC().Format("15:04"), "")
	}
	if f.Link != "" {
		if !strings.HasSuffix(text, "\n"+f.Link) {
			t.Errorf("the link does not stand last, in a line of its own: %q", text)
		}
		rest = strings.TrimSuffix(text, f.Link)
	}
	if f.Kind == onboarding.MessageInvitation {
		until := f.Locale.Brief(f.Until)
		if !strings.Contains(rest, until) {
			t.Errorf("does not say until when: %q", text)
		}
		rest = strings.ReplaceAll(rest, until, "")
	}
	if found := tappable.FindString(rest); found != "" {
		t.Errorf("a phone would make a link of %q: %q", found, text)
	}
	if strings.Count(text, "\n") > 1 {
		t.Errorf("a name made a line: %q", text)
	}
}

func TestTextsTellOneThing(t *testing.T) {
	eachText(t, func(t *testing.T, _ string, f Facts) {
		text := renderText(t, f)
		checkText(t, f, text)
		for _, typed := range []string{"Grace", "Eve", "Ann"} {
			if strings.Contains(text, typed) {
				t.Errorf("tells %s, which a person typed: %q", typed, text)
			}
		}
		for _, pattern := range []*regexp.Regexp{placeholder, regexp.MustCompile(`\btext\.[a-z_]+`)} {
			if left := pattern.FindString(text); left != "" {
				t.Errorf("still holds %q", left)
			}
		}
		if !strings.Contains(text, "Bäckerei Müller & Söhne") && !strings.Contains(text, "baeckerei-mueller") {
			t.Errorf("tells no organization: %q", text)
		}
	})
}

func TestTheHandleStandsForANameThatIsNoneOnAPhone(t *testing.T) {
	for name, handle := range map[string]bool{
		"Acme":                      false,
		"J. R. Smith Inc.":          false,
		"Abitur 2026/27":            false,
		"Platz 12345":               false,
		"Web 2.0":                   false,
		"Яндекс":                    true,
		"日本語":                       true,
		"🏢":                         true,
		"...":                       true,
		"evil.com":                  true,
		"evil\u2024com":             true, // one dot leader
		"evil\u2026com":             true, // ellipsis
		"evil\uff0ecom":             true, // full-width
		"⒈com":                      true,
		"www.evil":                  true,
		"http\uff1a//evil":          true,
		"http:\u2215/evil":          true,
		"ann\uff20evil":             true,
		"a\ufe64b":                  true, // small less-than
		"Call +49 900 123456":       true,
		"Call 0900-1234567":         true,
		"Call 555.01.00":            true, // like an IP address, which Android makes a link of
		"Call 0 9 0 0 1 2 3":        true,
		"Call ⓪９⓪⓪１２３":              true,
		"Your code is 654321":       true,
		"At 10.0.0.1":               true,
		strings.Repeat("½", 40):     true, // grows beyond 100 characters
		strings.Repeat("Acme ", 20): false,
	} {
		for _, kind := range textKinds {
			f := friendly(kind, locale.English)
			f.Organization, f.Handle = name, "handle"
			text := renderText(t, f)
			checkText(t, f, text)
			if got := strings.Contains(text, "handle"); got != handle {
				t.Errorf("%q, %s: %q", name, kind, text)
			}
		}
	}
}

const token = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdEfGhIjKlMnOpQrStUvWxYz"

func TestTheLongestLinkLeavesRoom(t *testing.T) {
	handle := strings.Repeat("h", 32)
	long := "https://" + strings.Repeat("x", 96) + ".com/join/" + handle + "/" + token
	if len(long) != len("https://")+100+len("/join/")+32+1+64 {
		t.Fatal("not the longest")
	}
	for _, tag := range locale.Tags() {
		for _, kind := range []onboarding.MessageKind{onboarding.MessageInvitation, onboarding.MessageJoinApproved} {
			for _, name := range []string{"Acme", "日本語", strings.Repeat("Acme Inc ", 11), strings.Repeat("€", 98) + "xx"} {
				f := friendly(kind, tag)
				f.Organization, f.Handle, f.Link = name, handle, long
				checkText(t, f, renderText(t, f))
			}
			f := friendly(kind, tag)
			f.Link = long + strings.Repeat("x", 300-len(long))
			if text, err := RenderText(f); err == nil {
				t.Errorf("a link of 300 characters: %q", text)
			}
		}
	}
}

func TestANameGivesWayBeforeTheWords(t *testing.T) {
	name := strings.Repeat("Acme & Sons ", 8) + "End"
	for _, tag := range locale.Tags() {
		for _, kind := range textKinds {
			f := friendly(kind, tag)
			f.Organization = name
			text := renderText(t, f)
			checkText(t, f, text)
			if f.Kind.Segments() == 1 && !strings.Contains(text, "Acme & Sons Acme") {
				t.Errorf("nothing of the name is left: %q", text)
			}
			if whole := strings.Contains(text, name); whole == strings.Contains(text, "...") {
				t.Errorf("neither whole nor shortened: %q", text)
			}
			// Not a character is given away.
			if n := septetsOf(t, text); f.Kind.Segments() == 1 && n < 155 {
				t.Errorf("%d septets: %q", n, text)
			}
		}
	}
}

func TestASentenceToSpareCostsNoSegment(t *testing.T) {
	const spare = "do not pass it on"
	f := friendly(onboarding.MessageInvitation, locale.English)
	f.Link = "https://c.example/join/acme/" + token
	f.Organization = "Acm"
	if text := renderText(t, f); septetsOf(t, text) != 160 || strings.Contains(text, spare) {
		t.Errorf("%d septets: %q", septetsOf(t, text), text)
	}
	f.Link += "x"
	if text := renderText(t, f); septetsOf(t, text) < 161 || !strings.Contains(text, spare) {
		t.Errorf("%d septets: %q", septetsOf(t, text), text)
	}
}

func TestRenderTextRefusesWhatItCannotTell(t *testing.T) {
	code := func(kind onboarding.MessageKind, digits string) func(*Facts) {
		return func(f *Facts) { f.Kind, f.Code, f.Link = kind, digits, "" }
	}
	for name, spoil := range map[string]func(*Facts){
		"an unknown kind":        func(f *Facts) { f.Kind = "newsletter" },
		"no organization":        func(f *Facts) { f.Organization = " \r\n" },
		"no link":                func(f *Facts) { f.Link = "" },
		"no end of validity":     func(f *Facts) { f.Until = time.Time{} },
		"a link of two words":    func(f *Facts) { f.Link += "&x= y" },
		"a link with an umlaut":  func(f *Facts) { f.Link += "&x=ü" },
		"a link with a backtick": func(f *Facts) { f.Link += "&x=`" },
		"neither name nor handle": func(f *Facts) {
			f.Organization, f.Handle = "日本語", ""
		},
		"a handle that is none": func(f *Facts) { f.Organization, f.Handle = "日本語", "evil.com" },
		"no code":               code(onboarding.MessagePasswordCode, ""),
		"a code of five digits": code(onboarding.MessagePasswordCode, "48213"),
		"a link beside a code": func(f *Facts) {
			f.Kind, f.Code = onboarding.MessagePasswordCode, "048213"
		},
		"a link beside a code to join": func(f *Facts) { f.Kind, f.Code = onboarding.MessageJoinCode, "048213" },
		"a code without an end": func(f *Facts) {
			code(onboarding.MessagePasswordCode, "048213")(f)
			f.Until = time.Time{}
		},
		"approved without a link": func(f *Facts) { f.Kind, f.Link = onboarding.MessageJoinApproved, "" },
		"rejected with a link":    func(f *Facts) { f.Kind = onboarding.MessageJoinRejected },
		"a reset":                 func(f *Facts) { f.Kind = onboarding.MessagePasswordReset },
		"a first password":        func(f *Facts) { f.Kind = onboarding.MessagePasswordSet },
		"a request for a link":    func(f *Facts) { f.Kind, f.Applicant = onboarding.MessageLinkRequest, "Ann" },
		"requests to join":        func(f *Facts) { f.Kind, f.Count = onboarding.MessageJoinRequests, 3 },
	} {
		t.Run(name, func(t *testing.T) {
			f := friendly(onboarding.MessageInvitation, locale.English)
			spoil(&f)
			text, err := RenderText(f)
			if err == nil {
				t.Fatalf("rendered %q", text)
			}
			if strings.HasPrefix(name, "a link with") && !strings.Contains(err.Error(), "the link cannot be texted") {
				t.Errorf("refused for something else: %v", err)
			}
			for _, secret := range []string{f.Link, f.Code, f.Organization, "evil.com"} {
				if strings.TrimSpace(secret) != "" && strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells %q: %v", secret, err)
				}
			}
		})
	}
}

// Names are drawn from all of Unicode, and often enough from what is worth a trap.
func randomName(r *rand.Rand) string {
	pools := []func() rune{
		func() rune { return rune(r.IntN(utf8.MaxRune + 1)) },
		func() rune { return rune(r.IntN(0x250)) },
		func() rune { return rune(0x2000 + r.IntN(0x600)) },
		func() rune { return []rune("acmeACME 0123456789..-/:@€[]|~^\\{}")[r.IntN(34)] },
		func() rune {
			return []rune("\u2024\u2025\u2026\u3002\uff0e\uff61\uff0f\uff20⒈⒛℀㏇½ﬁ。www.")[r.IntN(19)]
		},
	}
	pool := pools[r.IntN(len(pools))]
	name := []rune("x")
	for range r.IntN(110) {
		if r.IntN(4) == 0 {
			pool = pools[r.IntN(len(pools))]
		}
		name = append(name, pool())
	}
	return string(name)
}

func TestAnyNameAndLinkMakeAText(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	letters := func(n int) string {
		s := make([]byte, n)
		for i := range s {
			s[i] = byte('a' + r.IntN(26))
		}
		return string(s)
	}
	names, handles := 0, 0
	for range 3000 {
		f := friendly(textKinds[r.IntN(len(textKinds))], locale.Tags()[r.IntN(2)])
		f.Organization, f.Handle = randomName(r), letters(3+r.IntN(30))
		f.Until = f.Until.Add(time.Duration(r.IntN(525600)) * time.Minute)
		if f.Link != "" {
			f.Link = "https://" + letters(1+r.IntN(96)) + ".com/join/" + f.Handle + "/" + token[:r.IntN(65)]
		}
		text := renderText(t, f)
		checkText(t, f, text)
		if strings.Contains(strings.TrimSuffix(text, f.Link), f.Handle[:3]) {
			handles++
		} else {
			names++
		}
		if t.Failed() {
			t.Fatalf("%+q", f.Organization)
		}
	}
	if names < 300 || handles < 300 {
		t.Errorf("%d names and %d handles: this draws from the wrong lot", names, handles)
	}
}

func FuzzTexts(f *testing.F) {
	f.Add("Acme", "acme", "join.example.com", true)
	f.Add("日本語", "nihon", "localhost", false)
	f.Add("evil\u2024com", "evil", strings.Repeat("x", 100), true)
	f.Add(strings.Repeat("€", 100), strings.Repeat("h", 32), strings.Repeat("x", 100), false)
	f.Add("Call +49 900 123456", "call", "x", true)
	f.Add("a www. b\r\n{code}{until}", "a-1", "", false)
	f.Fuzz(func(t *testing.T, name, handle, host string, german bool) {
		for _, kind := range textKinds {
			facts := friendly(kind, locale.English)
			if german {
				facts.Locale = locale.German
			}
			facts.Organization, facts.Handle = name, handle
			if facts.Link != "" {
				facts.Link = "https://" + host + "/join/" + handle + "/" + token
			}
			text, err := RenderText(facts)
			_, handleErr := onboarding.ParseOrganizationID(handle)
			fair := handleErr == nil && oneLine(name) != "" && len(host) <= 100 && host != "" &&
				strings.Trim(host, "abcdefghijklmnopqrstuvwxyz") == ""
			switch {
			case err != nil && fair:
				t.Error(err)
			case err == nil && strings.Trim(handle, "0123456789") == handle: // digits of a handle are its own
				checkText(t, facts, text)
			case err == nil:
				septetsOf(t, text)
			}
		}
	})
}
