package api

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"latchkey/internal/onboarding"
)

const (
	cursorMAC     = 16
	maxCursor     = 1024
	defaultLimit  = 50
	maxLimit      = 200
	maxNameShown  = 64
	cursorPurpose = "latchkey cursor 1" // the key serves other purposes too
	cursorVeil    = "latchkey cursor veil 1"
)

// cursorScope is what a cursor is good for: one organization's list, for one caller, under one filter.
type cursorScope struct{ Organization, Caller, Filter string }

// encodeCursor makes an opaque cursor of body, bound to its scope under key. Nobody reads the body or changes it: where a page
// ends that was looked through in vain stands somebody whom the caller may not see. The MAC is the nonce as well, as in
// RFC 5297, so a cursor has one spelling.
func encodeCursor(key []byte, s cursorScope, body []byte) string {
	mac := s.mac(key, body)
	return base64.RawURLEncoding.EncodeToString(append(veil(key, mac, body), mac...))
}

// veil hides the body of the cursor with this MAC, or shows it again.
func veil(key, mac, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(cursorVeil))
	block, err := aes.NewCipher(h.Sum(nil))
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	veiled := make([]byte, len(body), len(body)+cursorMAC)
	cipher.NewCTR(block, mac).XORKeyStream(veiled, body)
	return veiled
}

// decodeCursor answers the body of a cursor that encodeCursor made under the same key and scope.
func decodeCursor(key []byte, s cursorScope, text string) ([]byte, error) {
	invalid := onboarding.InvalidField("cursor", "invalid_cursor", "This cursor is not of this list. Start again without it.")
	if len(text) > maxCursor {
		return nil, invalid
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < cursorMAC {
		return nil, invalid
	}
	veiled, mac := b[:len(b)-cursorMAC], b[len(b)-cursorMAC:]
	body := veil(key, mac, veiled)
	// base64 passes over line ends and loose bits: only the one spelling is ours.
	if !hmac.Equal(mac, s.mac(key, body)) || base64.RawURLEncoding.EncodeToString(b) != text {
		return nil, invalid
	}
	return body, nil
}

func (s cursorScope) mac(key, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range []string{cursorPurpose, s.Organization, s.Caller, s.Filter, string(body)} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return h.Sum(nil)[:cursorMAC]
}

// query holds the parameters of a request, of which each name stands once and is known.
type query map[string]string

// readQuery reads the query, which may hold the allowed names only. It reports every fault at once.
func readQuery(r *http.Request, allowed ...string) (query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, onboarding.Refuse(malformedRequest, "The query cannot be read.")
	}
	q, refusal := make(query), onboarding.Refuse(onboarding.Invalid, "The query has a parameter that cannot be accepted.")
	fault := func(name, code, detail string) {
		refusal.Fields = append(refusal.Fields, onboarding.Field{Pointer: shownName(name), Code: code, Detail: detail})
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch v := values[name]; {
		case !slices.Contains(allowed, name):
			if len(refusal.Fields) < 20 { // enough to see what is going on
				fault(name, "unknown_parameter", "This parameter is not known here.")
			}
		case len(v) > 1:
			fault(name, "repeated_parameter", "This parameter may stand once.")
		case !utf8.ValidString(v[0]):
			fault(name, "invalid_text", "This is not valid UTF-8.")
		default:
			q[name] = v[0]
		}
	}
	if len(refusal.Fields) > 0 {
		return nil, refusal
	}
	return q, nil
}

func shownName(name string) string {
	valid := []rune(name) // what is not UTF-8 becomes U+FFFD
	if len(valid) > maxNameShown {
		return string(valid[:maxNameShown]) + "…"
	}
	return string(valid)
}

// limit is how many items a page may hold: 1 to 200, 50 where nothing is said.
func (q query) limit() (int, error) {
	text, given := q["limit"]
	if !given {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit || strconv.Itoa(n) != text {
		return 0, onboarding.InvalidField("limit", "out_of_range", "This must be a whole number from 1 to 200.")
	}
	return n, nil
}
