package onboarding_test

import (
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"

	"latchkey/internal/onboarding"
)

func TestADomainHasOneForm(t *testing.T) {
	for in, want := range map[string]string{
		"corp.com":                            "corp.com",
		"CORP.Com":                            "corp.com",
		" \tcorp.com\r\n":                     "corp.com",
		"@corp.com":                           "corp.com",
		" @Corp.com ":                         "corp.com",
		"sub.corp.co.uk":                      "sub.corp.co.uk",
		"a-b.1.example":                       "a-b.1.example",
		"bücher.example":                      "xn--bcher-kva.example",
		"BÜCHER.example":                      "xn--bcher-kva.example",
		"xn--bcher-kva.example":               "xn--bcher-kva.example",
		"XN--BCHER-KVA.example":               "xn--bcher-kva.example",
		"例え.テスト":                              "xn--r8jz45g.xn--zckzah",
		"co.uk":                               "co.uk", // whom a link lets join may lie under any
		"gmail.com":                           "gmail.com",
		strings.Repeat("a", 63) + ".example":  strings.Repeat("a", 63) + ".example",
		strings.Repeat("a.", 122) + "example": strings.Repeat("a.", 122) + "example",
	} {
		for _, below := range []bool{false, true} {
			got, err := onboarding.ParseDomain(in, below)
			if err != nil || got != (onboarding.Domain{Name: want, Subdomains: below}) {
				t.Errorf("%q: %+v, %v; want %s", in, got, err, want)
			}
		}
	}
}

func TestWhatIsNotOneDomainIsRefused(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":                         "",
		"white space":                     " \t ",
		"an at sign":                      "@",
		"two at signs":                    "@@corp.com",
		"an address":                      "ann@corp.com",
		"a blank behind the at":           "@ corp.com",
		"a wildcard":                      "*.corp.com",
		"a wildcard behind an at":         "@*.corp.com",
		"a wildcard alone":                "*",
		"a wildcard in a label":           "*corp.com",
		"a wildcard in the middle":        "sub.*.corp.com",
		"a leading dot":                   ".corp.com",
		"a trailing dot":                  "corp.com.",
		"an empty label":                  "corp..com",
		"a label alone":                   "corp",
		"localhost":                       "localhost",
		"an address of a host":            "127.0.0.1",
		"an address literal":              "[127.0.0.1]",
		"a list":                          "corp.com,evil.com",
		"a list with a blank":             "corp.com evil.com",
		"a URL":                           "https://corp.com",
		"a path":                          "corp.com/",
		"a port":                          "corp.com:25",
		"Punycode of nothing":             "xn--corp-.com",
		"Punycode of ASCII":               "xn--corp--.com",
		"Punycode that is none":           "xn--99999999.com",
		"Punycode of a full-width letter": "xn--mi7c.com",
		"a full-width domain":             "ｃｏｒｐ.com",
		"a full-width dot":                "corp．com",
		"a full-width at":                 "＠corp.com",
		"an ideographic dot":              "corp。com",
		"a Kelvin sign":                   "\u212aorp.com",
		"a zero-width space":              "co\u200brp.com",
		"a joiner":                        "co\u200drp.com",
		"a soft hyphen":                   "co\u00adrp.com",
		"a byte order mark":               "\ufeffcorp.com",
		"a right-to-left override":        "\u202ecorp.com",
		"a line feed":                     "corp.com\nevil.com",
		"a NUL":                           "corp\x00.com",
		"bytes that are no text":          "corp\xff.com",
		"an underscore":                   "co_rp.com",
		"a label that begins so":          "-corp.com",
		"a label that ends so":            "corp-.com",
		"a label of 64":                   strings.Repeat("a", 64) + ".example",
		"254 characters":                  strings.Repeat("a.", 123) + "examples",
		"a book":                          strings.Repeat("a.", 1<<20) + "example",
	} {
		for _, below := range []bool{false, true} {
			if got, err := onboarding.ParseDomain(in, below); err == nil || got != (onboarding.Domain{}) {
				t.Errorf("%s: %.80q gives %+v, %v", name, in, got, err)
			}
			if got, err := onboarding.ParseExemptDomain(in, below, publicsuffix.List); err == nil || got != (onboarding.Domain{}) {
				t.Errorf("%s: %.80q is exempt as %+v, %v", name, in, got, err)
			}
		}
	}
}

func TestADomainThatEmploysPeopleCanBeExempt(t *testing.T) {
	for in, want := range map[string]string{
		"corp.com":              "corp.com",
		"@Corp.COM":             "corp.com",
		"sub.corp.co.uk":        "sub.corp.co.uk",
		"bücher.example":        "xn--bcher-kva.example",
		"acme.github.io":        "acme.github.io",
		"gmailing.com":          "gmailing.com",
		"notgmail.com":          "notgmail.com",
		"gmail.corp.com":        "gmail.corp.com", // corp.com's own
		"yahoo-fans.example":    "yahoo-fans.example",
		"city.kobe.jp":          "city.kobe.jp", // the list excepts it
		"mail.com.corp.example": "mail.com.corp.example",
	} {
		for _, below := range []bool{false, true} {
			got, err := onboarding.ParseExemptDomain(in, below, publicsuffix.List)
			if err != nil || got != (onboarding.Domain{Name: want, Subdomains: below}) {
				t.Errorf("%q: %+v, %v; want %s", in, got, err, want)
			}
		}
	}
}

func TestADomainThatIsAnybodysIsNeverExempt(t *testing.T) {
	for wantCode, names := range map[string][]string{
		"public_suffix": {"uk.com", "co.uk", "CO.UK", "@co.uk", "github.io", "xn--55qx5d.cn", "公司.cn", "x.kobe.jp", "foo.ck",
			"herokuapp.com"},
		"public_provider": {"gmail.com", "Gmail.com", "@gmail.com", "googlemail.com", "yahoo.co.uk", "yahoo.com", "mail.gmail.com",
			"a.b.gmail.com", "gmx.net", "gmx.de", "gmx.co.uk", "outlook.com", "hotmail.fr", "web.de", "t-online.de", "mail.web.de",
			"icloud.com", "live.co.uk", "proton.me", "yopmail.com", "mailinator.com", "qq.com"},
		"invalid": {"com", "uk", "io"}, // they have no dot
	} {
		for _, name := range names {
			for _, below := range []bool{false, true} {
				got, err := onboarding.ParseExemptDomain(name, below, publicsuffix.List)
				if err == nil || got != (onboarding.Domain{}) {
					t.Errorf("%s gives %+v, %v", name, got, err)
				}
				if code := flawOf(err); code != wantCode {
					t.Errorf("%s is refused as %s, want %s", name, code, wantCode)
				}
			}
		}
	}
}

// kobe.jp is a city's own, and whatever lies right below it is anybody's.
func TestADomainIsNotExemptWithWhatLiesBelowIfThatIsAnybodys(t *testing.T) {
	if _, err := onboarding.ParseExemptDomain("kobe.jp", true, publicsuffix.List); flawOf(err) != "public_suffix" {
		t.Errorf("kobe.jp with what lies below it: %v", err)
	}
	if _, err := onboarding.ParseExemptDomain("city.kobe.jp", true, publicsuffix.List); err != nil {
		t.Errorf("city.kobe.jp: %v", err)
	}
}

// flawOf tells the refusals apart by their words: the code itself is shown by the edge alone.
func flawOf(err error) string {
	for code, word := range map[string]string{
		"public_suffix": "can have a domain", "public_provider": "can have a mailbox", "invalid": "domain name",
	} {
		if err != nil && strings.Contains(err.Error(), word) {
			return code
		}
	}
	return ""
}

// admits asks the policy whether an address lies in a domain: a link that names the domain lets it in.
func admits(d onboarding.Domain, a onboarding.Address) bool {
	return onboarding.Decide(onboarding.Settings{AllowLinkRegistration: true}, onboarding.Case{Actor: onboarding.TheOrganization(),
		Channel: onboarding.ChannelInviteLink, Offer: asMember, Address: a, Proven: true,
		Terms: onboarding.Terms{Approval: onboarding.InheritApproval, Domains: []onboarding.Domain{d}}}).Stands()
}

func TestALinkLetsInOnlyItsDomains(t *testing.T) {
	alone, below := onboarding.Domain{Name: "corp.com"}, onboarding.Domain{Name: "corp.com", Subdomains: true}
	for _, c := range []struct {
		address                onboarding.Address
		wantAlone, wantToBelow bool
	}{
		{email("ann@corp.com"), true, true},
		{email("info@corp.com"), true, true}, // a role may join; it is only never exempt
		{email("ann@sub.corp.com"), false, true},
		{email("ann@a.b.corp.com"), false, true},
		{email("ann@evilcorp.com"), false, false},
		{email("ann@corp.com.evil.com"), false, false},
		{email(`"ann@corp.com"@evil.com`), false, false},
		{email("ann@com"), false, false},
		{email("ann@ｃｏｒｐ.com"), false, false},
		{email("ann@.corp.com"), false, false},
		{email("ann@CORP.com"), false, false},
		{phone("+491701234567"), false, false},
		{phone("ann@corp.com"), false, false},
	} {
		if admits(alone, c.address) != c.wantAlone || admits(below, c.address) != c.wantToBelow {
			t.Errorf("%+v: %t, with subdomains %t", c.address, admits(alone, c.address), admits(below, c.address))
		}
	}
}

func FuzzParseDomain(f *testing.F) {
	for _, s := range []string{"corp.com", "@CORP.com", "bücher.example", "xn--corp-.com", "*.corp.com", "corp.com.", "co.uk", "gmail.com",
		"例え.テスト", "\u212aelvin.example", "a..b", "ann@corp.com", "ｃｏｒｐ.com", "faß.example"} {
		f.Add(s, "ann@corp.com")
		f.Add(s, "ann@"+s)
		f.Add(s, "ann@sub."+s)
		f.Add(s, "ann@evil"+s)
	}
	f.Fuzz(func(t *testing.T, name, address string) {
		alone, err := onboarding.ParseDomain(name, false)
		below, err2 := onboarding.ParseDomain(name, true)
		if (err == nil) != (err2 == nil) || alone.Name != below.Name || alone.Subdomains || below.Subdomains != (err == nil) {
			t.Fatalf("%q gives %+v, %v and %+v, %v", name, alone, err, below, err2)
		}
		exempt, err3 := onboarding.ParseExemptDomain(name, false, publicsuffix.List)
		if err3 == nil && exempt != alone || err3 != nil && exempt != (onboarding.Domain{}) {
			t.Fatalf("%q gives %+v, and is exempt as %+v, %v", name, alone, exempt, err3)
		}
		if err != nil {
			if alone.Name != "" || err3 == nil {
				t.Fatalf("%q is refused beside %+v, and is exempt as %+v", name, alone, exempt)
			}
			return
		}
		for _, c := range []byte(alone.Name) {
			if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
				t.Fatalf("%q gives %q", name, alone.Name)
			}
		}
		for _, again := range []string{alone.Name, "@" + alone.Name, strings.ToUpper(alone.Name)} {
			if got, err := onboarding.ParseDomain(again, false); err != nil || got != alone {
				t.Fatalf("%q gives %q, and %q gives %+v, %v", name, alone.Name, again, got, err)
			}
		}
		// It takes in exactly the addresses whose domain is the same or, where it says so, lies below, label by label.
		for _, s := range []string{address, "ann@" + alone.Name, "ann@sub." + alone.Name, "ann@a.b." + alone.Name,
			"ann@evil" + alone.Name, "ann@" + alone.Name + ".evil.example"} {
			a, err := onboarding.ParseEmail(s)
			raw := email(s)
			for _, d := range []onboarding.Domain{alone, below} {
				if err == nil && admits(d, a) != lies(a, d) {
					t.Fatalf("%+v takes %s in: %t", d, a.Value, admits(d, a))
				}
				if raw != a && admits(d, raw) {
					t.Fatalf("%+v takes in %q, which no parser has made", d, s)
				}
			}
		}
	})
}
