package onboarding

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const maxName = 100 // code points

// hostLike finds what a mail client would turn into a link. Names stand in mails; a name must not be bait.
// A letter has to stand behind the dot, so that "St.John" is refused and "J. R. Smith" is not; better a person who
// writes a space than a mail that advertises.
// Compiled at first use: a function that starts does not pay for it.
var hostLike = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)://|\bwww\.|[\pL\pN]\.\pL{2,}`)
})

// ParseName makes a name out of what a person typed: trimmed, runs of white space folded, NFC. An empty name is allowed;
// who needs one checks for it.
func ParseName(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", flaw{"invalid", "this is not valid text"}
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) && r != '\u200c' && r != '\u200d' {
			return "", flaw{"invalid", "this has a control or formatting character"}
		}
	}
	s = norm.NFC.String(strings.Join(strings.Fields(s), " "))
	if utf8.RuneCountInString(s) > maxName {
		return "", flaw{"too_long", "this has at most 100 characters"}
	}
	read := asRead(s)
	if read == "" && s != "" {
		return "", flaw{"invalid", "this has nothing that can be seen"}
	}
	if hostLike().MatchString(read) || strings.ContainsAny(s, "<>@") {
		return "", flaw{"invalid", "this reads like a web or mail address; put a space after a dot"}
	}
	return s, nil
}

const maxNote = 500 // code points

// ParseNote makes a note out of what an administrator typed for others of their kind. It stands in no mail.
func ParseNote(s string) (string, error) {
	s = norm.NFC.String(strings.Join(strings.Fields(s), " "))
	switch {
	case !utf8.ValidString(s):
		return "", flaw{"invalid", "this is not valid text"}
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }):
		return "", flaw{"invalid", "this has a control or formatting character"}
	case utf8.RuneCountInString(s) > maxNote:
		return "", flaw{"too_long", "this has at most 500 characters"}
	}
	return s, nil
}

// asRead is a name as a mail client may read it: compatibility forms folded, marks and what cannot be seen gone, every full
// stop a dot.
func asRead(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
			return -1
		case r == '\u3002':
			return '.'
		}
		return r
	}, norm.NFKD.String(s)))
}

// fullName joins what there is of a name.
func fullName(first, last string) string { return strings.TrimSpace(first + " " + last) }
