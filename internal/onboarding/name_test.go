package onboarding_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"latchkey/internal/onboarding"
)

func TestANameIsTakenAsPeopleWriteIt(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"   ":                    "",
		"Ann":                    "Ann",
		"  Ann   Lee ":           "Ann Lee",
		"Ann\u00a0Lee":           "Ann Lee",
		"J. R. Smith":            "J. R. Smith",
		"Dr. med. Ann Lee-Smith": "Dr. med. Ann Lee-Smith",
		"O'Brien":                "O'Brien",
		"Bjo\u0308rn":            "Björn",
		"李小龍":                    "李小龍",
		"محمد":                   "محمد",
		"می\u200cخواهم":          "می\u200cخواهم", // Persian needs the non-joiner
		"ශ්\u200dරී":             "ශ්\u200dරී",    // Sinhala the joiner
		"Ann (Sales), 2nd":       "Ann (Sales), 2nd",
		"=1+1":                   "=1+1", // who writes CSV neutralises it there
		strings.Repeat("ü", 100): strings.Repeat("ü", 100),
	} {
		if got, err := onboarding.ParseName(in); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestANameIsNoBaitAndNoTrick(t *testing.T) {
	for name, in := range map[string]string{
		"a line feed":                       "Ann\nBcc: eve@evil.example",
		"a carriage return":                 "Ann\r",
		"a tab":                             "Ann\tLee",
		"a NUL":                             "Ann\x00",
		"a C1 control":                      "Ann\u0085Lee",
		"a line separator":                  "Ann\u2028Lee",
		"a paragraph separator":             "Ann\u2029Lee",
		"a right-to-left override":          "Ann\u202eeeL",
		"a bidi isolate":                    "Ann\u2066Lee",
		"a zero-width space":                "An\u200bn",
		"a byte order mark":                 "\ufeffAnn",
		"a tag character":                   "Ann\U000e0041",
		"a private-use character":           "Ann\ue000",
		"bytes that are no text":            "Ann\xff",
		"101 code points":                   strings.Repeat("ü", 101),
		"a URL":                             "https://evil.example",
		"a URL in upper case":               "HTTPS://EVIL.EXAMPLE",
		"a scheme alone":                    "foo://bar",
		"a www name":                        "www.evil",
		"a host name":                       "Win at evil.example",
		"a host name beyond ASCII":          "пример.рф",
		"a host name with digits":           "casino24.example",
		"a host name behind a joiner":       "evil\u200d.example",
		"a host name before a joiner":       "evil.\u200dexample",
		"a host name around a joiner":       "evil.ex\u200cample",
		"a host name with a selector":       "evil\ufe0f.example",
		"a host name with a combining mark": "evil\u034f.example",
		"a full-width host name":            "ｅｖｉｌ.example",
		"an address":                        "ann@localhost",
		"a tag":                             "<b>Ann</b>",
		"nothing to see but a joiner":       "\u200d",
		"nothing to see but a non-joiner":   "\u200c\u200c",
	} {
		if got, err := onboarding.ParseName(in); err == nil {
			t.Errorf("%s: %q is taken as %q", name, in, got)
		}
	}
}

func TestANoteIsTakenAsPeopleWriteIt(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		" \t\n ":                       "",
		"Not one of ours.":             "Not one of ours.",
		"  Two   blanks ":              "Two blanks",
		"Two\nlines\r\nand\ta tab":     "Two lines and a tab",
		"A line\u2028separator":        "A line separator",
		"Bjo\u0308rn knows her":        "Björn knows her",
		"See https://corp.com/hr":      "See https://corp.com/hr", // it stands in no mail
		"ann@corp.com <Ann> & others":  "ann@corp.com <Ann> & others",
		"می\u200cخواهم":                "می\u200cخواهم",
		strings.Repeat("ü", 500):       strings.Repeat("ü", 500),
		strings.Repeat("u\u0308", 500): strings.Repeat("ü", 500),
	} {
		if got, err := onboarding.ParseNote(in); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestANoteIsNoTrick(t *testing.T) {
	for name, in := range map[string]string{
		"a NUL":                    "Not\x00ours",
		"an escape":                "Not \x1b[31mours",
		"a DEL":                    "Not ours\x7f",
		"a C1 control":             "Not\u009bours",
		"a right-to-left override": "Not \u202esruo",
		"a bidi isolate":           "Not \u2066ours",
		"a right-to-left mark":     "Not \u200fours",
		"bytes that are no text":   "Not ours\xff",
		"501 code points":          strings.Repeat("ü", 501),
		"a book":                   strings.Repeat("ours ", 1<<16),
	} {
		if got, err := onboarding.ParseNote(in); err == nil || got != "" {
			t.Errorf("%s: %.80q is taken as %.80q", name, in, got)
		}
	}
}

func FuzzParseNote(f *testing.F) {
	for _, s := range []string{"Not one of ours.", " two \n lines ", "Bjo\u0308rn", "\u202e", "\xff", "\u2000x", "a\x00b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		note, err := onboarding.ParseNote(s)
		if err != nil {
			if note != "" || err.Error() == "" {
				t.Fatalf("%q is refused beside %q: %v", s, note, err)
			}
			return
		}
		if again, err := onboarding.ParseNote(note); err != nil || again != note {
			t.Fatalf("%q gives %q, and that gives %q, %v", s, note, again, err)
		}
		if !utf8.ValidString(note) || !norm.NFC.IsNormalString(note) || utf8.RuneCountInString(note) > 500 ||
			strings.TrimSpace(note) != note || strings.Contains(note, "  ") {
			t.Fatalf("%q gives %q", s, note)
		}
		for _, r := range note {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q gives %q", s, note)
			}
		}
	})
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"Ann Lee", "  Ann \u00a0 Lee ", "Bjo\u0308rn", "می\u200cخواهم", "evil.example",
		"a://b", "\u2000x", "<\u0338"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := onboarding.ParseName(s)
		if err != nil {
			if name != "" || err.Error() == "" {
				t.Fatalf("%q is refused beside %q: %v", s, name, err)
			}
			return
		}
		if again, err := onboarding.ParseName(name); err != nil || again != name {
			t.Fatalf("%q gives %q, and that gives %q, %v", s, name, again, err)
		}
		if !utf8.ValidString(name) || !norm.NFC.IsNormalString(name) || utf8.RuneCountInString(name) > 100 ||
			strings.TrimSpace(name) != name || strings.Contains(name, "  ") || strings.ContainsAny(name, "<>@") ||
			strings.Contains(name, "://") {
			t.Fatalf("%q gives %q", s, name)
		}
		for _, r := range name {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q gives %q", s, name)
			}
		}
	})
}
