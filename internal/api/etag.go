package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"latchkey/internal/onboarding"
)

// etag is the strong entity tag of a version.
func etag(version int64) string { return `"v` + strconv.FormatInt(version, 10) + `"` }

// precondition is an If-Match header. The zero value, where there is none, lets every version pass.
type precondition struct {
	given, any bool
	tags       []string
}

// ifMatch reads the If-Match header, RFC 9110, section 13.1.1.
func ifMatch(r *http.Request) (precondition, error) {
	p, ok := parseTags(r.Header.Values("If-Match"))
	if !ok {
		return precondition{}, onboarding.Refuse(malformedRequest, `The If-Match header must be * or entity tags such as "v3".`)
	}
	return p, nil
}

// matches reports whether the client meant the state that has this tag. What is weak never matches: If-Match compares strongly.
func (p precondition) matches(tag string) bool {
	return !p.given || p.any || slices.Contains(p.tags, tag)
}

// writeVersioned answers v with its entity tag, or 304 to a GET whose If-None-Match knows the version already.
func writeVersioned(w http.ResponseWriter, r *http.Request, status int, version int64, v any) error {
	return writeTagged(w, r, status, etag(version), v)
}

// writeTagged is writeVersioned for what changes without a new version.
func writeTagged(w http.ResponseWriter, r *http.Request, status int, tag string, v any) error {
	w.Header().Set("ETag", tag)
	if status == http.StatusOK && notModified(r, tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return writeJSON(w, status, v)
}

// notModified compares weakly, RFC 9110, section 13.1.2. A header that cannot be read knows nothing.
func notModified(r *http.Request, tag string) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	p, ok := parseTags(r.Header.Values("If-None-Match"))
	return ok && p.given && (p.any || slices.Contains(p.tags, tag) || slices.Contains(p.tags, "W/"+tag))
}

// parseTags reads a list of entity tags, or *. Tags may hold commas. Empty places in the list are passed over.
func parseTags(values []string) (precondition, bool) {
	if len(values) == 0 {
		return precondition{}, true
	}
	p, rest := precondition{given: true}, strings.Join(values, ",")
	if strings.Trim(rest, " \t") == "*" {
		p.any = true
		return p, true
	}
	for {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			return p, len(p.tags) > 0
		}
		open := strings.TrimPrefix(rest, "W/")
		if !strings.HasPrefix(open, `"`) {
			return p, false
		}
		end := strings.IndexByte(open[1:], '"')
		if end < 0 || strings.ContainsFunc(open[1:1+end], func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			return p, false
		}
		length := len(rest) - len(open) + end + 2
		p.tags = append(p.tags, rest[:length])
		rest = strings.TrimLeft(rest[length:], " \t")
		if rest != "" && rest[0] != ',' {
			return p, false
		}
	}
}
