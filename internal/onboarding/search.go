package onboarding

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	maxSortName = 200           // bytes
	maxSearch   = 100           // code points
	maxWords    = maxSearch / 2 // more can only come of letters that are whole sentences; an expression of the table ends somewhere
)

// fold makes texts alike that a person searching takes for the same: case, accents and compatibility forms are gone.
func fold(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(s))
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "ß", "ss")), " ")
}

// clip is the beginning of a text of at most n bytes, cut between two characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func searchText(parts ...string) string { return fold(strings.Join(parts, " ")) }

// ParseSearch reads what somebody looks for: words that all have to stand somewhere in the names or the addresses.
func ParseSearch(s string) (words []string, err error) {
	switch {
	case !utf8.ValidString(s):
		return nil, flaw{"invalid", "this is not valid text"}
	case utf8.RuneCountInString(s) > maxSearch:
		return nil, flaw{"too_long", "this has at most 100 characters"}
	}
	if words = strings.Fields(fold(s)); len(words) == 0 {
		return nil, flaw{"required", "this has at least one letter or digit"}
	}
	if len(words) > maxWords {
		return nil, flaw{"too_long", "this has too many words"}
	}
	return words, nil
}
