package onboarding

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// Nothing secret is stored. A link's token is derived from the master key and from the state of the item it opens; a
// session's token is random and only its hash is kept. Everything here is compared in constant time.

// Purpose is what a derived token is good for. A token of one purpose never serves another.
type Purpose byte

const (
	PurposeMailed   Purpose = 1 // an invitation's link as mailed: whoever has it reads that mailbox
	PurposeCopied   Purpose = 2 // an invitation's link as handed to the inviter: it proves nothing about a mailbox
	PurposePassword Purpose = 3 // setting a member's password
	PurposeLink     Purpose = 4 // an invite link: it proves nothing about anybody
	PurposeJoin     Purpose = 5 // an attempt to join, for whoever began it
)

const (
	macBytes   = 20
	tokenBytes = 1 + 16 + 2 + 1 + macBytes // purpose, subject, round, key number, MAC: 40 bytes are 64 letters, no rest
)

// Keys are the master keys by number. They never print.
type Keys struct {
	current byte
	keys    map[byte][]byte
}

// NewKeys takes the keys by number, 1 to 255, and the number that signs. A key has 32 bytes or more.
func NewKeys(current byte, keys map[byte][]byte) (Keys, error) {
	for number, key := range keys {
		if number == 0 {
			return Keys{}, errors.New("master keys are numbered from 1")
		}
		if len(key) < 32 {
			return Keys{}, fmt.Errorf("master key %d is shorter than 32 bytes", number)
		}
	}
	if _, ok := keys[current]; !ok {
		return Keys{}, fmt.Errorf("there is no master key %d, which is to be the current one", current)
	}
	return Keys{current: current, keys: keys}, nil
}

func (Keys) String() string               { return "[master keys]" }
func (Keys) GoString() string             { return "[master keys]" }
func (Keys) LogValue() slog.Value         { return slog.StringValue("[master keys]") }
func (Keys) MarshalText() ([]byte, error) { return []byte("[master keys]"), nil }

// Token is a derived secret that opens one item in one of its rounds.
type Token struct {
	Purpose Purpose
	Subject [16]byte // a ContactID, MemberID, LinkID or JoinID, as the purpose says
	Round   uint16
	key     byte
	mac     [macBytes]byte
}

// Derive makes the token for an item. The nonce is the item's own, made anew for each round, so a token dies with its
// round, and a stolen key opens nothing without the table.
func (k Keys) Derive(p Purpose, org OrganizationID, subject [16]byte, round uint16, nonce []byte) Token {
	t := Token{Purpose: p, Subject: subject, Round: round, key: k.current}
	t.mac = k.sum(t, org, nonce)
	return t
}

// Opens reports whether the token was derived for this item as it is now.
func (k Keys) Opens(t Token, org OrganizationID, nonce []byte) bool {
	if _, known := k.keys[t.key]; !known || len(nonce) == 0 {
		return false
	}
	want := k.sum(t, org, nonce)
	return subtle.ConstantTimeCompare(want[:], t.mac[:]) == 1
}

// sum covers every field with its length, so that no two inputs share one text.
func (k Keys) sum(t Token, org OrganizationID, nonce []byte) [macBytes]byte {
	mac := hmac.New(sha256.New, k.keys[t.key])
	fmt.Fprintf(mac, "latchkey token 1\x00%d:%s", len(org), org)
	mac.Write(t.head())
	mac.Write([]byte{byte(len(nonce))})
	mac.Write(nonce)
	return [macBytes]byte(mac.Sum(nil)[:macBytes])
}

func (t Token) head() []byte {
	b := make([]byte, 0, tokenBytes)
	b = append(b, byte(t.Purpose))
	b = append(b, t.Subject[:]...)
	b = binary.BigEndian.AppendUint16(b, t.Round)
	return append(b, t.key)
}

// Reveal is the token as it stands in a link: 64 letters. It has no String method, so that no log prints it by accident.
func (t Token) Reveal() string { return base32Lower.EncodeToString(append(t.head(), t.mac[:]...)) }

func (Token) String() string       { return "[token]" }
func (Token) GoString() string     { return "[token]" }
func (Token) LogValue() slog.Value { return slog.StringValue("[token]") }

// ParseToken reads a link's token. The text has one spelling only; whether it opens anything is for Opens to say.
func ParseToken(s string) (Token, error) {
	raw, err := base32Lower.DecodeString(s)
	if err != nil || len(raw) != tokenBytes {
		return Token{}, errors.New("not a token")
	}
	t := Token{Purpose: Purpose(raw[0]), Subject: [16]byte(raw[1:17]), Round: binary.BigEndian.Uint16(raw[17:19]), key: raw[19]}
	t.mac = [macBytes]byte(raw[20:])
	if t.Reveal() != s {
		return Token{}, errors.New("not a token in its one spelling")
	}
	return t, nil
}

// ProofCode is six digits that prove a mailbox, for ten minutes and five tries. It does not print.
type ProofCode struct{ digits string }

func (ProofCode) String() string       { return "[code]" }
func (ProofCode) GoString() string     { return "[code]" }
func (ProofCode) LogValue() slog.Value { return slog.StringValue("[code]") }

// Reveal is the code as it stands in the mail.
func (c ProofCode) Reveal() string { return c.digits }

// Matches reports whether somebody typed the code. Spaces are passed over: people copy them along.
func (c ProofCode) Matches(typed string) bool {
	typed = strings.Join(strings.Fields(typed), "")
	return len(c.digits) == codeDigits && subtle.ConstantTimeCompare([]byte(typed), []byte(c.digits)) == 1
}

const (
	codeDigits = 6
	codeRange  = 1_000_000
)

// ResetCode derives six digits that let a member set their password, from the key that signs now.
func (k Keys) ResetCode(org OrganizationID, m MemberID, r Reset) ProofCode {
	return k.resetCode(k.current, org, m, r)
}

// MatchesReset reports whether somebody typed the code of a reset, derived from any key that is there: one that signed while
// the code was sent opens too.
func (k Keys) MatchesReset(org OrganizationID, m MemberID, r Reset, typed string) (matches bool) {
	for number := range k.keys {
		if k.resetCode(number, org, m, r).Matches(typed) {
			matches = true
		}
	}
	return matches
}

func (k Keys) resetCode(number byte, org OrganizationID, m MemberID, r Reset) ProofCode {
	return k.digits(number, "latchkey reset code 1", org, m, r.Round, r.Nonce)
}

// OneTimePassword is mailed to a member who was added. It does not print.
type OneTimePassword struct{ text string }

func (OneTimePassword) String() string       { return "[one-time password]" }
func (OneTimePassword) GoString() string     { return "[one-time password]" }
func (OneTimePassword) LogValue() slog.Value { return slog.StringValue("[one-time password]") }

// Reveal is the password as it stands in the mail: 120 bits in four groups of letters and digits. It is empty where the key that
// it was derived from has gone.
func (p OneTimePassword) Reveal() string { return p.text }

// OneTimePassword derives it from the key that was current when it was made.
func (k Keys) OneTimePassword(org OrganizationID, m MemberID, t Temporary) OneTimePassword {
	key, known := k.keys[t.Key]
	if !known || len(t.Nonce) == 0 {
		return OneTimePassword{}
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "latchkey one-time password 1\x00%d:%s", len(org), org)
	mac.Write(m[:])
	mac.Write(binary.BigEndian.AppendUint16(nil, t.Round))
	mac.Write(t.Nonce)
	text := base32Lower.EncodeToString(mac.Sum(nil)[:15])
	return OneTimePassword{strings.Join([]string{text[:6], text[6:12], text[12:18], text[18:]}, "-")}
}

// ContactCode derives the code that proves a member's new address.
func (k Keys) ContactCode(org OrganizationID, m MemberID, c ContactChange) ProofCode {
	return k.digits(c.Key, "latchkey contact code 1", org, m, c.Round, c.Nonce)
}

// Current is the number of the key that signs.
func (k Keys) Current() byte { return k.current }

// ProofCode derives the code of a join in its present round, from the key that was current when the round began. Where that key
// has gone, the code is one that nothing matches.
func (k Keys) ProofCode(org OrganizationID, j Join) ProofCode {
	return k.digits(j.Key, "latchkey code 1", org, j.ID, j.Round, j.Nonce)
}

func (k Keys) digits(number byte, purpose string, org OrganizationID, subject [16]byte, round uint16, nonce []byte) ProofCode {
	key, known := k.keys[number]
	if !known || len(nonce) == 0 {
		return ProofCode{}
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\x00%d:%s", purpose, len(org), org)
	mac.Write(subject[:])
	mac.Write(binary.BigEndian.AppendUint16(nil, round))
	mac.Write(nonce)
	// 64 bits by a million: no digit is likelier than another by more than one in ten million million.
	return ProofCode{fmt.Sprintf("%0*d", codeDigits, binary.BigEndian.Uint64(mac.Sum(nil))%codeRange)}
}

// SessionToken is what a signed-in caller carries. It names the organization and the member, so that one read
// finds all that a request needs; its secret is random.
type SessionToken struct {
	Organization OrganizationID
	Member       MemberID
	Key          APIKeyID // of an API key; zero: of a session
	secret       [32]byte
}

const (
	sessionPrefix  = "lks"
	keyTokenPrefix = "lkk"
)

// NewSessionToken makes a token with 256 random bits.
func NewSessionToken(w World, org OrganizationID, member MemberID) SessionToken {
	t := SessionToken{Organization: org, Member: member}
	if _, err := io.ReadFull(w.Rand, t.secret[:]); err != nil {
		panic("onboarding: no randomness: " + err.Error())
	}
	return t
}

// ParseSessionToken reads lks.<organization>.<member>.<secret>, or lkk.<organization>.<owner>.<key>.<secret>, in its one
// spelling.
func ParseSessionToken(s string) (t SessionToken, err error) {
	parts := strings.Split(s, ".")
	if len(s) > 200 || len(parts) < 4 {
		return SessionToken{}, errors.New("not a session token")
	}
	if parts[0] == keyTokenPrefix {
		if t.Key, err = ParseAPIKeyKey(parts[3]); err != nil {
			return SessionToken{}, errors.New("not a session token")
		}
		parts = slices.Delete(parts, 3, 4)
		parts[0] = sessionPrefix
	}
	if len(parts) != 4 || parts[0] != sessionPrefix {
		return SessionToken{}, errors.New("not a session token")
	}
	org, err := ParseOrganizationID(parts[1])
	if err != nil {
		return SessionToken{}, errors.New("not a session token")
	}
	member, err := ParseMemberKey(parts[2])
	if err != nil {
		return SessionToken{}, errors.New("not a session token")
	}
	secret, err := base64.RawURLEncoding.DecodeString(parts[3])
	if err != nil || len(secret) != 32 {
		return SessionToken{}, errors.New("not a session token")
	}
	t.Organization, t.Member, t.secret = org, member, [32]byte(secret)
	if t.Reveal() != s {
		return SessionToken{}, errors.New("not a session token")
	}
	return t, nil
}

// Reveal is the token as its holder carries it.
func (t SessionToken) Reveal() string {
	secret := base64.RawURLEncoding.EncodeToString(t.secret[:])
	if !t.Key.IsZero() {
		return strings.Join([]string{keyTokenPrefix, string(t.Organization), t.Member.Key(), t.Key.Key(), secret}, ".")
	}
	return strings.Join([]string{sessionPrefix, string(t.Organization), t.Member.Key(), secret}, ".")
}

// Hash is all that is stored of the token: SHA-256 over the whole of it, in 52 letters. The secret has full entropy,
// so a plain hash does.
func (t SessionToken) Hash() string {
	sum := sha256.Sum256([]byte(t.Reveal()))
	return base32Lower.EncodeToString(sum[:])
}

func (SessionToken) String() string       { return "[session token]" }
func (SessionToken) GoString() string     { return "[session token]" }
func (SessionToken) LogValue() slog.Value { return slog.StringValue("[session token]") }
