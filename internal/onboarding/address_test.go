package onboarding_test

import (
	"net/mail"
	"strings"
	"testing"

	"latchkey/internal/onboarding"
)

func TestAnAddressHasOneForm(t *testing.T) {
	for in, want := range map[string]string{
		"ann@example.com":                           "ann@example.com",
		"Ann@Example.COM":                           "ann@example.com",
		" \tann@example.com\r\n":                    "ann@example.com",
		"o'brien+tag@sub.example.co.uk":             "o'brien+tag@sub.example.co.uk",
		"a.b-c_d@a-b.example":                       "a.b-c_d@a-b.example",
		"!#$%&'*+-/=?^_`{|}~@example.com":           "!#$%&'*+-/=?^_`{|}~@example.com",
		"ann@1.example":                             "ann@1.example",
		"ann@3com.example":                          "ann@3com.example",
		"ann@bücher.example":                        "ann@xn--bcher-kva.example",
		"ann@BÜCHER.example":                        "ann@xn--bcher-kva.example",
		"ann@xn--bcher-kva.example":                 "ann@xn--bcher-kva.example",
		"ann@XN--BCHER-KVA.EXAMPLE":                 "ann@xn--bcher-kva.example",
		"ann@faß.example":                           "ann@xn--fa-hia.example",
		"ann@例え.テスト":                                "ann@xn--r8jz45g.xn--zckzah",
		"ann@аpple.example":                         "ann@xn--pple-43d.example", // a Cyrillic а: another domain, and it shows
		strings.Repeat("a", 64) + "@a.example":      strings.Repeat("a", 64) + "@a.example",
		"a@" + strings.Repeat("b", 63) + ".example": "a@" + strings.Repeat("b", 63) + ".example",
	} {
		got, err := onboarding.ParseEmail(in)
		if err != nil || got != (onboarding.Address{Kind: onboarding.Email, Value: want}) {
			t.Errorf("%q: %+v, %v; want %s", in, got, err, want)
		}
	}
}

func TestWhatIsNotOneAddressIsRefused(t *testing.T) {
	long := strings.Repeat("b", 60)
	for name, in := range map[string]string{
		"nothing":                             "",
		"white space":                         " \t ",
		"no at sign":                          "ann",
		"no local part":                       "@example.com",
		"no domain":                           "ann@",
		"two at signs":                        "ann@@example.com",
		"two domains":                         "ann@corp.example@evil.example",
		"a quoted local part":                 `"ann"@example.com`,
		"a quoted local part with an at":      `"ann@corp.com"@evil.com`,
		"an escaped at":                       `ann\@corp.com@evil.com`,
		"a display name":                      "Ann <ann@example.com>",
		"angle brackets":                      "<ann@example.com>",
		"a comment behind the local part":     "ann(of sales)@example.com",
		"a comment before it":                 "(of sales)ann@example.com",
		"a comment in the domain":             "ann@(of sales)example.com",
		"a comment at the end":                "ann@example.com(of sales)",
		"a group":                             "staff: ann@example.com, bob@example.com;",
		"an empty group":                      "undisclosed-recipients:;",
		"a list":                              "ann@example.com,bob@example.com",
		"a list of names":                     "ann,bob@example.com",
		"a URL":                               "mailto:ann@example.com",
		"an encoded word":                     "=?utf-8?q?ann?=@example.com",
		"an encoded word in upper case":       "=?UTF-8?B?YW5u?=@example.com",
		"an encoded word with an at in it":    "=?x?q?ann=40evil.example=3e=00?=@corp.example",
		"an encoded word behind a name":       "ann=?x?q?=40evil.example?=@corp.example",
		"a header":                            "ann@example.com\r\nBcc: eve@evil.example",
		"a header in the domain":              "ann@example.com\r\nX-Header: example.com",
		"a line feed in the domain":           "ann@example.com\nexample.com",
		"a NUL in the domain":                 "ann@exam\x00ple.com",
		"a second recipient in the domain":    "ann@example.com,eve.example",
		"an angle bracket in the domain":      "ann@example.com>.example",
		"a quote in the domain":               `ann@exam"ple.com`,
		"a line feed in the local part":       "ann\n@example.com",
		"a NUL":                               "ann\x00@example.com",
		"a DEL":                               "ann\x7f@example.com",
		"a space in the local part":           "ann b@example.com",
		"a space before the at":               "ann @example.com",
		"a space in the domain":               "ann@exam ple.com",
		"a leading dot":                       ".ann@example.com",
		"a trailing dot before the at":        "ann.@example.com",
		"two dots":                            "a..b@example.com",
		"a local part of 65":                  strings.Repeat("a", 65) + "@example.com",
		"a label of 64":                       "ann@" + strings.Repeat("b", 64) + ".example",
		"255 characters":                      strings.Repeat("a", 64) + "@" + strings.Repeat(long+".", 3) + "example",
		"a book":                              strings.Repeat("a", 1<<20) + "@example.com",
		"a letter beyond ASCII":               "änn@example.com",
		"a zero-width space in the name":      "an\u200bn@example.com",
		"a zero-width joiner in the domain":   "ann@exam\u200dple.com",
		"a zero-width space in the domain":    "ann@exam\u200bple.com",
		"a soft hyphen in the domain":         "ann@exam\u00adple.com",
		"a byte order mark":                   "\ufeffann@example.com",
		"a right-to-left override":            "ann@\u202eexample.com",
		"a full-width at sign":                "ann＠example.com",
		"a full-width domain":                 "ann@ｅｘａｍｐｌｅ.com",
		"a full-width domain in upper case":   "ann@ＥＸＡＭＰＬＥ.com",
		"a full-width dot":                    "ann@example．com",
		"an ideographic dot":                  "ann@example。com",
		"a Kelvin sign for a k":               "ann@\u212aelvin.example",
		"a dotted capital I for an i":         "ann@\u0130bm.example",
		"an Angstrom sign for an å":           "ann@\u212bngstrom.example",
		"a mathematical letter":               "ann@𝐞xample.com",
		"a decomposed domain":                 "ann@bu\u0308cher.example",
		"Punycode of nothing":                 "ann@xn--corp-.com",
		"Punycode of ASCII":                   "ann@xn--corp--.com",
		"an empty Punycode label":             "ann@xn--.com",
		"Punycode that is none":               "ann@xn--99999999.com",
		"Punycode of a full-width letter":     "ann@xn--mi7c.com",
		"Punycode of a Kelvin sign":           "ann@xn--62g.com",
		"Punycode of a capital Ü":             "ann@xn--wca.com",
		"Punycode of a decomposed é":          "ann@xn--e-xbb.com",
		"Punycode of a joiner":                "ann@xn--example-i06c.com",
		"a trailing dot":                      "ann@example.com.",
		"a leading dot in the domain":         "ann@.example.com",
		"an empty label":                      "ann@example..com",
		"a host without a dot":                "ann@localhost",
		"an IPv4 literal":                     "ann@[127.0.0.1]",
		"an IPv6 literal":                     "ann@[IPv6:::1]",
		"a bare IPv4 address":                 "ann@127.0.0.1",
		"a domain that ends in a number":      "ann@example.123",
		"an underscore in the domain":         "ann@exam_ple.com",
		"a label that begins with a hyphen":   "ann@-example.com",
		"a label that ends with a hyphen":     "ann@example-.com",
		"a label with hyphens three and four": "ann@ab--cd.example",
		"a port":                              "ann@example.com:25",
		"a path":                              "ann@example.com/inbox",
		"a percent sign in the domain":        "ann@exam%70le.com",
		"bytes that are no text":              "ann@ex\xffample.com",
		"bytes that are no text in the name":  "a\xffn@example.com",
	} {
		if got, err := onboarding.ParseEmail(in); err == nil {
			t.Errorf("%s: %q is taken as %s", name, in, got.Value)
		} else if got != (onboarding.Address{}) {
			t.Errorf("%s: %q is refused beside %+v", name, in, got)
		}
	}
}

func TestAnAddressFallsIntoLocalAndDomain(t *testing.T) {
	a := mustEmail(t, "Ann.B@Sub.Example.com")
	if a.Local() != "ann.b" || a.Domain() != "sub.example.com" {
		t.Errorf("%q and %q", a.Local(), a.Domain())
	}
}

func FuzzParseEmail(f *testing.F) {
	for _, s := range []string{
		"ann@example.com", "Ann@Example.COM", "ann@bücher.example", "ann@xn--bcher-kva.example", `"ann@corp.com"@evil.com`,
		"=?utf-8?q?ann?=@example.com", "ann@xn--corp-.com", "ann@example.com.", "ann@\u212aelvin.example", "ann@faß.example",
		"ann@例え.テスト", "ann@[127.0.0.1]", "ann@exam\u200dple.com", "a@b.c", "ann@ſ.example", "ann@\u0130bm.example",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := onboarding.ParseEmail(s)
		if err != nil {
			if a != (onboarding.Address{}) {
				t.Fatalf("%q is refused beside %+v", s, a)
			}
			return
		}
		v := a.Value
		if again, err := onboarding.ParseEmail(v); err != nil || again != a {
			t.Fatalf("%q gives %q, and that gives %q, %v", s, v, again.Value, err)
		}
		if again, err := onboarding.ParseEmail(strings.ToUpper(v)); err != nil || again != a {
			t.Fatalf("%q gives %q, and that in upper case gives %q, %v", s, v, again.Value, err)
		}
		for _, c := range []byte(v) {
			if c <= ' ' || c >= 0x7f || c >= 'A' && c <= 'Z' {
				t.Fatalf("%q gives %q with a character that needs care", s, v)
			}
		}
		if len(v) > 254 || strings.Count(v, "@") != 1 || a.Local()+"@"+a.Domain() != v {
			t.Fatalf("%q gives %q", s, v)
		}
		if _, word, found := strings.Cut(v, "=?"); found && strings.Contains(word, "?=") {
			t.Fatalf("%q gives %q with an encoded word in it", s, v)
		}
		if d := a.Domain(); !strings.Contains(d, ".") || strings.HasSuffix(d, ".") || strings.HasPrefix(d, ".") {
			t.Fatalf("%q gives the domain %q", s, d)
		}
		// What is plain ASCII changes in its case and its white space, and in nothing else.
		if isASCII(s) && !strings.EqualFold(strings.TrimSpace(s), v) {
			t.Fatalf("%q gives %q", s, v)
		}
		// The local part is never anything but what was typed before the last @.
		local, _, _ := strings.Cut(strings.TrimSpace(s), "@")
		if strings.ToLower(local) != a.Local() {
			t.Fatalf("%q gives %q", s, v)
		}
		// A mail library reads the same address in it: what was checked is what is mailed.
		if m, err := mail.ParseAddress(v); err != nil || m.Address != v || m.Name != "" {
			t.Fatalf("%q gives %q, which is mailed as %+v, %v", s, v, m, err)
		}
	})
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
