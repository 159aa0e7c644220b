package onboarding

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Passwords follow NIST SP 800-63B-4 §3.1.1: length and a block list, no rules of composition.
const (
	minPassword      = 15   // code points
	maxPasswordBytes = 1024 // checked before hashing, so that nobody makes us hash a book
	minLeftover      = 8    // code points that must remain beside the obvious words
)

// argon2id with the parameters OWASP gives as the floor for 19 MiB. They stand in every hash, so they can be raised later.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	argonKey     = 32
)

// Password is a password as typed, in NFC. It does not print.
type Password struct{ text string }

func (Password) String() string       { return "[password]" }
func (Password) GoString() string     { return "[password]" }
func (Password) LogValue() slog.Value { return slog.StringValue("[password]") }

// commonWords are what people pad a long password with. What is left without them must still be long enough.
var commonWords = []string{"password", "passwort", "kennwort", "letmein", "welcome", "willkommen", "qwertyuiop", "qwertzuiop", "qwerty",
	"qwertz", "asdfghjkl", "1234567890", "123456789", "12345678", "0123456789", "abcdefghijklmnopqrstuvwxyz", "abcdefgh", "iloveyou",
	"geheim", "secret", "admin", "changeme", "latchkey", "login", "sunshine", "football", "dragon", "monkey"}

// NewPassword judges a password that somebody chooses. avoid holds the words that lie near at hand: the organization's
// name and handle, the person's names, their address.
func NewPassword(s string, avoid ...string) (Password, error) {
	if len(s) > maxPasswordBytes {
		return Password{}, flaw{"too_long", "a password has at most 1,024 bytes"}
	}
	if !utf8.ValidString(s) {
		return Password{}, flaw{"invalid", "this is not valid text"}
	}
	s = norm.NFC.String(s)
	if utf8.RuneCountInString(s) < minPassword {
		return Password{}, flaw{"too_short", "a password has 15 characters or more"}
	}
	if guessable(strings.ToLower(s), avoid) {
		return Password{}, flaw{"too_common", "this password is easy to guess: it is made of common words, of your own names or of one pattern repeated"}
	}
	return Password{s}, nil
}

// guessable judges what is left beside the obvious words. A word covers its letters and takes nothing from another word, so
// one word more never makes a password better.
func guessable(lower string, avoid []string) bool {
	covered := make([]bool, len(lower))
	for _, words := range [][]string{avoid, commonWords} {
		for _, text := range words {
			for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(" .-_@+", r) }) {
				if utf8.RuneCountInString(w) >= 3 {
					cover(covered, lower, w)
				}
			}
		}
	}
	left, distinct := 0, map[rune]bool{}
	for at, r := range lower {
		if !covered[at] {
			left++
			distinct[r] = true
		}
	}
	return left < minLeftover || len(distinct) < 5 || repeats(lower) || sequence(lower)
}

// cover marks every place of word in s.
func cover(covered []bool, s, word string) {
	for start := 0; ; {
		at := strings.Index(s[start:], word)
		if at < 0 {
			return
		}
		for i := range len(word) {
			covered[start+at+i] = true
		}
		start += at + 1
	}
}

// repeats reports whether s is one short piece over and over.
func repeats(s string) bool {
	for n := 1; n <= len(s)/3; n++ {
		if strings.Repeat(s[:n], len(s)/n+1)[:len(s)] == s {
			return true
		}
	}
	return false
}

// sequence reports whether nearly every character follows the one before it, up or down.
func sequence(s string) bool {
	runes, steps := []rune(s), 0
	for i := 1; i < len(runes); i++ {
		if d := runes[i] - runes[i-1]; d == 1 || d == -1 {
			steps++
		}
	}
	return steps*4 >= len(runes)*3
}

// PasswordHash is an argon2id hash in PHC form, parameters and salt included. Empty means that there is no password.
type PasswordHash string

// Hash costs 19 MiB and tens of milliseconds.
func (p Password) Hash(w World) PasswordHash {
	salt := w.Nonce()
	key := argon2.IDKey([]byte(p.text), salt, argonTime, argonMemory, argonThreads, argonKey)
	return PasswordHash(fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key)))
}

// nobodysHash is compared with where there is nobody, so that a stranger's attempt costs what a member's does.
const nobodysHash PasswordHash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// Matches reports whether attempt is the password. An empty hash matches nothing and takes as long as any other.
func (h PasswordHash) Matches(attempt string) bool {
	if len(attempt) > maxPasswordBytes || !utf8.ValidString(attempt) {
		return false
	}
	known := h != ""
	if !known {
		h = nobodysHash
	}
	var version int
	var memory, time uint32
	var threads uint8
	parts := strings.Split(string(h), "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); err != nil || time == 0 || threads == 0 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) == 0 {
		return false
	}
	got := argon2.IDKey([]byte(norm.NFC.String(attempt)), salt, time, memory, threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1 && known
}
