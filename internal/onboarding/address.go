package onboarding

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Kind says what an address is.
type Kind string

const (
	Email Kind = "email"
	Phone Kind = "phone"
)

// Address is one address in the one form that is checked, stored and written to. Its zero value is no address.
type Address struct {
	Kind  Kind
	Value string
}

const (
	maxLocal  = 64  // RFC 5321 §4.5.3.1.1
	maxDomain = 253 // RFC 1035 §2.3.4, without the root dot
	maxEmail  = 254 // RFC 5321 §4.5.3.1.3, erratum 1690
)

// domains turns an internationalised domain into its ASCII form. It validates and never maps: a full-width or upper-case
// twin is refused instead of becoming another name. Its error must be heeded: it comes beside a usable-looking result.
var domains = idna.New(idna.ValidateLabels(true), idna.StrictDomainName(true), idna.CheckHyphens(true),
	idna.CheckJoiners(true), idna.BidiRule(), idna.VerifyDNSLength(true))

// ParseEmail is the only way to an email address. It takes a bare addr-spec with a dot-atom before the @
// (RFC 5322 §3.2.3) and a public domain behind it, and lower-cases both. Quoted names, comments, quoted local parts,
// address literals and characters beyond ASCII before the @ are refused: what is checked is what is mailed.
func ParseEmail(s string) (Address, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return Address{}, errors.New("an email address is missing")
	}
	if len(s) > 4*maxEmail {
		return Address{}, errors.New("an email address has at most 254 characters")
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return Address{}, errors.New("an email address has an @")
	}
	local := s[:at]
	if err := checkLocal(local); err != nil {
		return Address{}, err
	}
	domain, err := parseDomain(s[at+1:])
	if err != nil {
		return Address{}, err
	}
	value := strings.ToLower(local) + "@" + domain
	if len(value) > maxEmail {
		return Address{}, errors.New("an email address has at most 254 characters")
	}
	return Address{Kind: Email, Value: value}, nil
}

func checkLocal(local string) error {
	if local == "" || len(local) > maxLocal {
		return errors.New("the part before the @ has 1 to 64 characters")
	}
	if local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return errors.New("dots before the @ stand between other characters")
	}
	if _, word, found := strings.Cut(local, "=?"); found && strings.Contains(word, "?=") {
		return errors.New("the part before the @ looks like an encoded word, which some programs would decode") // RFC 2047
	}
	for _, c := range []byte(local) {
		if !isAtext(c) && c != '.' {
			return errors.New("the part before the @ has a character that cannot be mailed")
		}
	}
	return nil
}

func isAtext(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

func parseDomain(s string) (string, error) {
	// Before lower-casing: the Kelvin and the Angstrom sign are not in normal form, and would turn into letters.
	lower := strings.ToLower(s)
	if !norm.NFC.IsNormalString(s) || !norm.NFC.IsNormalString(lower) {
		return "", errors.New("the domain is not in its normal form")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf && unicode.ToLower(r) < utf8.RuneSelf }) {
		return "", errors.New("the domain has a letter that turns into another one") // such as a capital I with a dot
	}
	ascii, err := domains.ToASCII(lower)
	if err != nil || len(ascii) > maxDomain {
		return "", errors.New("the part behind the @ is not a domain name")
	}
	// The round trip refuses labels that only pretend to be Punycode.
	if back, err := domains.ToUnicode(ascii); err != nil || (lower != ascii && back != lower) {
		return "", errors.New("the part behind the @ is not a domain name")
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if !isHostLabel(label) {
			return "", errors.New("the part behind the @ is not a domain name")
		}
	}
	top := ascii[strings.LastIndexByte(ascii, '.')+1:]
	if top == ascii {
		return "", errors.New("the domain has no dot")
	}
	if top == "" || !strings.ContainsFunc(top, func(r rune) bool { return r < '0' || r > '9' }) {
		return "", errors.New("the domain ends in something that is no top-level domain")
	}
	return ascii, nil
}

// isHostLabel reports whether a label is one of a host name, RFC 1123 §2.1. idna lets ASCII labels pass that are none.
func isHostLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for _, c := range []byte(label) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return true
}

// Domain is the ASCII domain of an email address.
func (a Address) Domain() string { return a.Value[strings.LastIndexByte(a.Value, '@')+1:] }

// Local is the part before the @.
func (a Address) Local() string { return a.Value[:strings.LastIndexByte(a.Value, '@')] }
