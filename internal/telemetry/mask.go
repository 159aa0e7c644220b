package telemetry

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// Compiled on first use: most invocations log no free text that has anything to mask.
var (
	addressPattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`("[^"]*"|[^\s"]*)(@|＠|(?i:%40))\S*`)
	})
	secretPattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`([A-Za-z0-9_-]{20,}=*)|(\+|%2[bB]|\p{Nd}|\()(\p{Nd}|[ ()./-]{1,2}\p{Nd})+`)
	})
	wordsPattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^([a-z]+([_-][a-z]+)*|[A-Z][A-Za-z]*(Exception|Error|Failed|Failure|Exceeded))$`)
	})
	uuidPattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	})
)

// Mask takes addresses, phone numbers and whatever is long enough to be a token out of a text for the log. It rather
// takes too much than too little. Error names, words and the request ids of AWS stay.
func Mask(s string) string {
	return secretPattern().ReplaceAllStringFunc(maskAddresses(s), func(found string) string {
		digits := 0
		for _, c := range found {
			if unicode.IsDigit(c) {
				digits++
			}
		}
		international := strings.HasPrefix(found, "+") || strings.HasPrefix(found, "%2")
		switch {
		case wordsPattern().MatchString(found), uuidPattern().MatchString(found):
			return found
		case digits >= 9 && phone(found), digits >= 6 && international:
			return "[number]"
		case len(found) >= 20:
			return "[token]"
		}
		return found
	})
}

func phone(s string) bool { return !strings.ContainsFunc(s, unicode.IsLetter) }

func maskAddresses(s string) string {
	if !strings.ContainsAny(s, "@＠%") {
		return s
	}
	return addressPattern().ReplaceAllString(s, "[address]")
}
