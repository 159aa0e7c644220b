package onboarding_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

var (
	letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	nonce   = []byte("sixteen bytes 16")
	subject = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
)

var purposes = []onboarding.Purpose{onboarding.PurposeMailed, onboarding.PurposeCopied, onboarding.PurposePassword,
	onboarding.PurposeLink, onboarding.PurposeJoin}

const acme onboarding.OrganizationID = "acme"

func mustToken(t testing.TB, s string) onboarding.Token {
	t.Helper()
	token, err := onboarding.ParseToken(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return token
}

func TestAKeyHas32BytesAndANumber(t *testing.T) {
	long := []byte(strings.Repeat("k", 32))
	for name, c := range map[string]struct {
		current byte
		keys    map[byte][]byte
	}{
		"no key":                   {1, nil},
		"a key of 31 bytes":        {1, map[byte][]byte{1: long[:31]}},
		"an old key that is short": {1, map[byte][]byte{1: long, 2: long[:31]}},
		"a key numbered zero":      {0, map[byte][]byte{0: long}},
		"another is current":       {2, map[byte][]byte{1: long}},
	} {
		if _, err := onboarding.NewKeys(c.current, c.keys); err == nil {
			t.Errorf("%s: it is taken", name)
		} else if strings.Contains(err.Error(), "kkk") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if (onboarding.Keys{}).Opens(onboarding.Token{}, acme, nonce) {
		t.Error("no keys at all open the empty token")
	}
}

func TestATokenOpensItsItemAndPrintsBack(t *testing.T) {
	keys := testKeys(t)
	for _, p := range purposes {
		for _, round := range []uint16{0, 1, 255, 256, 65535} {
			made := keys.Derive(p, acme, subject, round, nonce)
			text := made.Reveal()
			if len(text) != 64 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz234567") != "" {
				t.Fatalf("%q is not 64 letters", text)
			}
			token := mustToken(t, text)
			if token != made || token.Reveal() != text || token.Purpose != p || token.Subject != subject || token.Round != round {
				t.Errorf("%s: %d %v %d", text, token.Purpose, token.Subject, token.Round)
			}
			if !keys.Opens(token, acme, nonce) {
				t.Errorf("purpose %d, round %d: it does not open", p, round)
			}
			if again := keys.Derive(p, acme, subject, round, nonce); again != made {
				t.Error("a token derived twice is two tokens")
			}
		}
	}
}

func TestATokenWithOneBitFlippedOpensNothing(t *testing.T) {
	keys := testKeys(t)
	text := keys.Derive(onboarding.PurposeMailed, acme, subject, 1, nonce).Reveal()
	raw, err := letters.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(raw) * 8 {
		flipped := bytes.Clone(raw)
		flipped[bit/8] ^= 1 << (bit % 8)
		if keys.Opens(mustToken(t, letters.EncodeToString(flipped)), acme, nonce) {
			t.Errorf("bit %d flipped, it still opens", bit)
		}
	}
}

func TestATokenOpensNothingElse(t *testing.T) {
	keys := testKeys(t)
	token := keys.Derive(onboarding.PurposeMailed, acme, subject, 1, nonce)
	other := token
	for name, opens := range map[string]func() bool{
		"another organization":     func() bool { return keys.Opens(token, "acme-2", nonce) },
		"no organization":          func() bool { return keys.Opens(token, "", nonce) },
		"another nonce":            func() bool { return keys.Opens(token, acme, []byte("sixteen bytes 17")) },
		"a nonce one byte longer":  func() bool { return keys.Opens(token, acme, append(bytes.Clone(nonce), 0)) },
		"a nonce one byte shorter": func() bool { return keys.Opens(token, acme, nonce[:15]) },
		"no nonce":                 func() bool { return keys.Opens(token, acme, nil) },
		"an empty nonce":           func() bool { return keys.Opens(token, acme, []byte{}) },
		"another purpose":          func() bool { o := other; o.Purpose = onboarding.PurposeCopied; return keys.Opens(o, acme, nonce) },
		"another subject":          func() bool { o := other; o.Subject[0]++; return keys.Opens(o, acme, nonce) },
		"another round":            func() bool { o := other; o.Round++; return keys.Opens(o, acme, nonce) },
		"another key of the same number": func() bool {
			return mustKeys(t, 1, map[byte][]byte{1: []byte("another master key, long enough!")}).Opens(token, acme, nonce)
		},
		"the same key of another number": func() bool {
			return mustKeys(t, 2, map[byte][]byte{2: []byte("the first master key of the tests")}).Opens(token, acme, nonce)
		},
		"the letter of another's handle": func() bool { return keys.Opens(token, "acm", append([]byte("e"), nonce...)) },
		"a token derived without a nonce": func() bool {
			return keys.Opens(keys.Derive(onboarding.PurposeMailed, acme, subject, 1, nil), acme, nil)
		},
		"a token that nobody derived": func() bool {
			return keys.Opens(onboarding.Token{Purpose: 1, Subject: subject, Round: 1}, acme, nonce)
		},
	} {
		if opens() {
			t.Errorf("%s: it opens", name)
		}
	}
}

func TestATokenOfOnePurposeServesNoOther(t *testing.T) {
	keys := testKeys(t)
	for _, made := range purposes {
		for _, used := range purposes {
			token := keys.Derive(made, acme, subject, 1, nonce)
			token.Purpose = used
			if opens := keys.Opens(mustToken(t, token.Reveal()), acme, nonce); opens != (made == used) {
				t.Errorf("a token made for %d and used for %d opens: %t", made, used, opens)
			}
		}
	}
}

// oneLink is a store with one invite link and one join that the tests' tokens open.
type oneLink struct {
	onboarding.JoinStore
	now time.Time
}

func (s oneLink) ReadLink(_ context.Context, _ onboarding.OrganizationID, id onboarding.LinkID) (
	onboarding.Organization, onboarding.InviteLink, error) {
	o := onboarding.Organization{ID: acme, Settings: onboarding.DefaultSettings()}
	l := onboarding.DefaultLink(o)
	l.ID, l.Nonce = id, nonce
	return o, l, nil
}

func (s oneLink) ReadJoin(_ context.Context, _ onboarding.OrganizationID, id onboarding.JoinID) (
	onboarding.Organization, onboarding.Join, error) {
	return onboarding.Organization{ID: acme}, onboarding.Join{ID: id, Nonce: nonce, Round: 3, ExpiresAt: s.now.Add(time.Hour)}, nil
}

// oneReset is a store with one member whose password the tests' token sets.
type oneReset struct {
	onboarding.SignInStore
	now time.Time
}

func (oneReset) ReadOrganization(context.Context, onboarding.OrganizationID) (onboarding.Organization, error) {
	return onboarding.Organization{ID: acme}, nil
}

func (s oneReset) ReadCredentials(_ context.Context, _ onboarding.OrganizationID, id onboarding.MemberID) (
	onboarding.Member, onboarding.Credentials, error) {
	return onboarding.Member{ID: id, Status: onboarding.MemberActive},
		onboarding.Credentials{Reset: onboarding.Reset{Nonce: nonce, Round: 1, ExpiresAt: s.now.Add(time.Hour)}}, nil
}

func TestEachDoorTakesItsOwnTokensAlone(t *testing.T) {
	w, keys, ctx := newClock().world(), testKeys(t), t.Context()
	for door, d := range map[string]struct {
		open  func(string) error
		takes []onboarding.Purpose
	}{
		"an invitation": {func(text string) error {
			_, err := onboarding.Redeeming{World: w, Store: oneOffer{now: w.Now()}, Keys: keys}.Open(ctx, acme, text)
			return err
		}, []onboarding.Purpose{onboarding.PurposeMailed, onboarding.PurposeCopied}},
		"a password": {func(text string) error {
			_, _, err := onboarding.SigningIn{World: w, Store: oneReset{now: w.Now()}, Keys: keys}.OpenReset(ctx, acme, text)
			return err
		}, []onboarding.Purpose{onboarding.PurposePassword}},
		"an invite link": {func(text string) error {
			_, err := onboarding.Joining{World: w, Store: oneLink{now: w.Now()}, Keys: keys}.Open(ctx, acme, text)
			return err
		}, []onboarding.Purpose{onboarding.PurposeLink}},
		"a join": {func(text string) error {
			_, _, err := onboarding.Joining{World: w, Store: oneLink{now: w.Now()}, Keys: keys}.Look(ctx, acme, text)
			return err
		}, []onboarding.Purpose{onboarding.PurposeJoin}},
	} {
		for _, p := range purposes {
			err := d.open(keys.Derive(p, acme, subject, 1, nonce).Reveal())
			if slices.Contains(d.takes, p) != (err == nil) || err != nil && codeOf(err) != onboarding.LinkInvalid {
				t.Errorf("%s, and a token of purpose %d: %v", door, p, err)
			}
			if err := d.open(keys.Derive(p, acme, subject, 2, nonce).Reveal()); codeOf(err) != onboarding.LinkInvalid {
				t.Errorf("%s, and a token of purpose %d of another round: %v", door, p, err)
			}
			err = d.open(keys.Derive(p, acme, subject, 1, []byte("another sixteen!")).Reveal())
			if codeOf(err) != onboarding.LinkInvalid {
				t.Errorf("%s, and a token of purpose %d of another nonce: %v", door, p, err)
			}
		}
	}
}

// aJoin is one that is open, in its first round.
func aJoin() onboarding.Join {
	return onboarding.Join{ID: onboarding.JoinID(subject), Nonce: nonce, Key: 1, Round: 1}
}

func TestACodeIsSixDigits(t *testing.T) {
	keys := testKeys(t)
	codes, first := map[string]bool{}, map[byte]bool{}
	for i := range 1000 {
		j := aJoin()
		j.Round = uint16(i)
		code := keys.ProofCode(acme, j).Reveal()
		if len(code) != 6 || strings.Trim(code, "0123456789") != "" {
			t.Fatalf("%q is not six digits", code)
		}
		if again := keys.ProofCode(acme, j).Reveal(); again != code {
			t.Fatalf("%s derived twice is %s", code, again)
		}
		codes[code], first[code[0]] = true, true
	}
	if len(codes) < 990 || len(first) != 10 {
		t.Errorf("of 1000 codes %d are different, and they begin with %d digits", len(codes), len(first))
	}
}

func TestACodeIsOfItsJoinAlone(t *testing.T) {
	one, two := []byte("the first master key of the tests"), []byte("the second master key of the tests")
	keys := mustKeys(t, 1, map[byte][]byte{1: one, 2: two})
	code := keys.ProofCode(acme, aJoin()).Reveal()
	with := func(edit func(*onboarding.Join)) onboarding.Join {
		j := aJoin()
		edit(&j)
		return j
	}
	for name, other := range map[string]onboarding.ProofCode{
		"another organization":           keys.ProofCode("acme-2", aJoin()),
		"another join":                   keys.ProofCode(acme, with(func(j *onboarding.Join) { j.ID[15]++ })),
		"a later round":                  keys.ProofCode(acme, with(func(j *onboarding.Join) { j.Round++ })),
		"a round 256 later":              keys.ProofCode(acme, with(func(j *onboarding.Join) { j.Round += 256 })),
		"another nonce":                  keys.ProofCode(acme, with(func(j *onboarding.Join) { j.Nonce = []byte("another sixteen!") })),
		"another key":                    keys.ProofCode(acme, with(func(j *onboarding.Join) { j.Key = 2 })),
		"another key of the same number": mustKeys(t, 1, map[byte][]byte{1: two}).ProofCode(acme, aJoin()),
	} {
		if other.Reveal() == code || other.Matches(code) || len(other.Reveal()) != 6 {
			t.Errorf("%s has the code %s too", name, other.Reveal())
		}
	}
	// A key that is no longer the current one keeps its codes, for mails are under way.
	if later := mustKeys(t, 2, map[byte][]byte{1: one, 2: two}); !later.ProofCode(acme, aJoin()).Matches(code) {
		t.Error("a new key kills the codes that are out")
	}
	if keys.Current() != 1 || mustKeys(t, 2, map[byte][]byte{1: one, 2: two}).Current() != 2 {
		t.Error("the key that signs is another")
	}
}

func TestACodeMatchesWhatPeopleType(t *testing.T) {
	code := testKeys(t).ProofCode(acme, aJoin())
	digits := code.Reveal()
	for _, typed := range []string{digits, " " + digits + "\n", digits[:3] + " " + digits[3:] + "\t", digits[:3] + "\u00a0" + digits[3:]} {
		if !code.Matches(typed) {
			t.Errorf("%q is not taken for %s", typed, digits)
		}
	}
	wrong := []byte(digits)
	wrong[5] = '0' + (wrong[5]-'0'+1)%10
	for name, typed := range map[string]string{
		"nothing": "", "white space": "  ", "five digits": digits[:5], "seven digits": digits + "0", "another last digit": string(wrong),
		"a hyphen": digits[:3] + "-" + digits[3:], "a NUL": digits + "\x00", "twice": digits + digits, "what it prints": fmt.Sprint(code),
		"full-width digits": strings.Map(func(r rune) rune { return r - '0' + '０' }, digits),
	} {
		if code.Matches(typed) {
			t.Errorf("%s: %q is taken for %s", name, typed, digits)
		}
	}
}

func TestACodeWhoseKeyHasGoneIsNone(t *testing.T) {
	keys := mustKeys(t, 2, map[byte][]byte{2: []byte("the second master key of the tests")})
	bare := aJoin()
	bare.Nonce = nil
	for name, code := range map[string]onboarding.ProofCode{
		"a key that has gone": keys.ProofCode(acme, aJoin()),
		"a join of no nonce":  testKeys(t).ProofCode(acme, bare),
		"no code":             {},
		"no keys":             onboarding.Keys{}.ProofCode(acme, onboarding.Join{Nonce: nonce}),
	} {
		if code.Reveal() != "" {
			t.Errorf("%s: its code is %s", name, code.Reveal())
		}
		for _, typed := range []string{"", " ", "0", "000000", "123456", "[code]"} {
			if code.Matches(typed) {
				t.Errorf("%s: %q is taken", name, typed)
			}
		}
	}
}

func TestACodeDoesNotPrint(t *testing.T) {
	code := testKeys(t).ProofCode(acme, aJoin())
	for name, v := range map[string]any{
		"a code": code, "a pointer to one": &code, "a list": []onboarding.ProofCode{code}, "an any": []any{code},
		"a struct": struct{ Code onboarding.ProofCode }{code}, "a map": map[string]onboarding.ProofCode{"it": code},
	} {
		for how, text := range printed(v) {
			if strings.HasPrefix(how, "slog") && name == "a code" && !strings.Contains(text, "[code]") {
				t.Errorf("%s says nothing of it: %s", how, text)
			}
			for _, s := range []string{code.Reveal(), hex.EncodeToString([]byte(code.Reveal())), strings.TrimLeft(code.Reveal(), "0")} {
				if strings.Contains(text, s) {
					t.Errorf("%s shows itself by %s: %s", name, how, text)
				}
			}
		}
	}
}

func TestKeysRotate(t *testing.T) {
	first, second := []byte("the first master key of the tests"), []byte("the second master key of the tests")
	before := mustKeys(t, 1, map[byte][]byte{1: first})
	during := mustKeys(t, 2, map[byte][]byte{1: first, 2: second})
	after := mustKeys(t, 2, map[byte][]byte{2: second})
	old := before.Derive(onboarding.PurposeMailed, acme, subject, 1, nonce)
	renewed := during.Derive(onboarding.PurposeMailed, acme, subject, 1, nonce)
	for name, c := range map[string]struct {
		keys       onboarding.Keys
		token      onboarding.Token
		wantOpened bool
	}{
		"an old token while both keys are there": {during, old, true},
		"a new token while both keys are there":  {during, renewed, true},
		"a new token after":                      {after, renewed, true},
		"an old token after":                     {after, old, false},
		"a new token where the key has not come": {before, renewed, false},
	} {
		if got := c.keys.Opens(mustToken(t, c.token.Reveal()), acme, nonce); got != c.wantOpened {
			t.Errorf("%s: opened %t", name, got)
		}
	}
	if renewed == old {
		t.Error("the new key signs what the old one signed")
	}
}

func TestATokenHasOneSpelling(t *testing.T) {
	good := testKeys(t).Derive(onboarding.PurposeMailed, acme, subject, 1, nonce).Reveal()
	for name, s := range map[string]string{
		"nothing": "", "upper case": strings.ToUpper(good), "too short": good[:63], "too long": good + "a",
		"padded":             good + "========",
		"a line feed inside": good[:20] + "\n" + good[20:], "a carriage return": good + "\r", "a blank": " " + good,
		"a digit that is none": good[:63] + "1",
		"standard letters":     base32.StdEncoding.EncodeToString(make([]byte, 40)),
		"another length":       letters.EncodeToString(make([]byte, 39)),
		"two at once":          good + good,
	} {
		if _, err := onboarding.ParseToken(s); err == nil {
			t.Errorf("%s: %q is taken", name, s)
		}
	}
}

func TestASessionTokenPrintsBack(t *testing.T) {
	w := newClock().world()
	member := onboarding.NewMemberID(w)
	token := onboarding.NewSessionToken(w, acme, member)
	text := token.Reveal()
	got, err := onboarding.ParseSessionToken(text)
	if err != nil || got != token || got.Organization != acme || got.Member != member || got.Reveal() != text ||
		got.Hash() != token.Hash() {
		t.Errorf("%q: %v", text, err)
	}
	if other := onboarding.NewSessionToken(w, acme, member); other == token || other.Hash() == token.Hash() {
		t.Error("two sessions have one token")
	}
	if strings.Contains(text, token.Hash()) || len(token.Hash()) != 52 {
		t.Errorf("hash %s", token.Hash())
	}
}

func TestASessionTokenHasOneSpelling(t *testing.T) {
	w := newClock().world()
	good := onboarding.NewSessionToken(w, acme, onboarding.NewMemberID(w)).Reveal()
	part := strings.Split(good, ".")
	with := func(n int, s string) string {
		p := strings.Split(good, ".")
		p[n] = s
		return strings.Join(p, ".")
	}
	// The last of 43 letters holds two bits that say nothing.
	other := map[byte]byte{}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range alphabet {
		other[alphabet[i]] = alphabet[i^1]
	}
	last := part[3][:42] + string(other[part[3][42]])
	for name, s := range map[string]string{
		"nothing": "", "another prefix": with(0, "lkx"), "no prefix": strings.TrimPrefix(good, "lks."),
		"an organization in capitals": with(1, "ACME"),
		"no organization":             with(1, ""), "an organization with a bar": with(1, "a|c"),
		"a member in small letters": with(2, strings.ToLower(part[2])),
		"no member":                 with(2, ""), "no secret": with(3, ""), "a short secret": with(3, part[3][:42]),
		"a long secret":         with(3, part[3]+"A"),
		"a secret with padding": with(3, part[3]+"="), "a secret with idle bits": with(3, last),
		"a line feed":     good[:50] + "\n" + good[50:],
		"a part too many": good + ".", "a blank": " " + good, "a book": good + strings.Repeat("A", 300),
	} {
		if _, err := onboarding.ParseSessionToken(s); err == nil {
			t.Errorf("%s: %q is taken", name, s)
		}
	}
}

// spellings are the ways in which bytes end up in a log.
func spellings(secret []byte) []string {
	decimal := strings.Trim(fmt.Sprint(secret), "[]")
	return []string{
		string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)), letters.EncodeToString(secret),
		base64.StdEncoding.EncodeToString(secret)[:10], base64.RawURLEncoding.EncodeToString(secret)[:10],
		decimal, strings.ReplaceAll(decimal, " ", ","), strings.ReplaceAll(decimal, " ", ", "),
		strings.Trim(fmt.Sprintf("%#v", secret), "[]byte{}"),
		new(big.Int).SetBytes(secret).String(),
	}
}

// printed is all that v becomes where somebody prints it without a thought.
func printed(v any) map[string]string {
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		out[verb] = fmt.Sprintf(verb, v)
	}
	b, err := json.Marshal(v)
	out["JSON"] = fmt.Sprint(string(b), err)
	var text, lines bytes.Buffer
	untimed := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr { // a time has six digits by chance
		if a.Key == slog.TimeKey && len(groups) == 0 {
			return slog.Attr{}
		}
		return a
	}}
	slog.New(slog.NewTextHandler(&text, untimed)).Info("said", "it", v)
	slog.New(slog.NewJSONHandler(&lines, untimed)).Info("said", "it", v)
	out["slog text"], out["slog JSON"] = text.String(), lines.String()
	out["an error"] = fmt.Errorf("failed with %v", v).Error()
	return out
}

func TestNoSecretPrints(t *testing.T) {
	w := newClock().world()
	key := []byte("the first master key of the tests")
	keys := mustKeys(t, 1, map[byte][]byte{1: key})
	token := keys.Derive(onboarding.PurposeMailed, acme, subject, 1, nonce)
	raw, err := letters.DecodeString(token.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	session := onboarding.NewSessionToken(w, acme, onboarding.NewMemberID(w))
	random, err := base64.RawURLEncoding.DecodeString(session.Reveal()[strings.LastIndexByte(session.Reveal(), '.')+1:])
	if err != nil {
		t.Fatal(err)
	}
	typed := "violin umbrella tractor"
	password := mustPassword(t, typed)
	offer, err := onboarding.Redeeming{World: w, Store: oneOffer{now: w.Now()}, Keys: keys}.Open(t.Context(), acme, token.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	mac := raw[len(raw)-20:]
	for name, c := range map[string]struct {
		value  any
		secret []byte
	}{
		"keys":                    {keys, key},
		"a pointer to keys":       {&keys, key},
		"keys in a use case":      {onboarding.Redeeming{Keys: keys}, key},
		"keys in another":         {onboarding.Joining{Keys: keys}, key},
		"keys in deliver":         {onboarding.Delivering{Keys: keys}, key},
		"a pointer to a use case": {&onboarding.Inviting{Keys: keys}, key},
		"a list of keys":          {[]onboarding.Keys{keys}, key},
		"a token":                 {token, mac},
		"a pointer to a token":    {&token, mac},
		"a token in a result":     {onboarding.InviteResult{Link: &token}, mac},
		"a list of tokens":        {[]onboarding.Token{token}, mac},
		"an offer that is open":   {offer, mac},
		"a pointer to an offer":   {&offer, mac},
		"a session token":         {session, random},
		"a pointer to one":        {&session, random},
		"a map of session tokens": {map[string]onboarding.SessionToken{"it": session}, random},
		"a password":              {password, []byte(typed)},
		"a pointer to a password": {&password, []byte(typed)},
		"a password in a struct":  {struct{ P onboarding.Password }{password}, []byte(typed)},
		"a password in an any":    {[]any{password}, []byte(typed)},
	} {
		for how, text := range printed(c.value) {
			for _, s := range spellings(c.secret) {
				if strings.Contains(text, s) {
					t.Errorf("%s shows its secret by %s", name, how)
					break
				}
			}
		}
	}
}

// oneOffer is a store with one invitation that the tests' token opens.
type oneOffer struct {
	onboarding.SuspendStore
	now time.Time
}

func (s oneOffer) ReadOffer(context.Context, onboarding.OrganizationID, onboarding.ContactID) (
	onboarding.Organization, onboarding.Contact, error) {
	return onboarding.Organization{ID: acme}, onboarding.Contact{ID: subject, Invited: true, Nonce: nonce,
		Invitation: onboarding.Invitation{Status: onboarding.InvitationPending, Round: 1, ExpiresAt: s.now.Add(time.Hour)}}, nil
}

func (oneOffer) ReadMember(context.Context, onboarding.OrganizationID, onboarding.MemberID) (onboarding.Member, error) {
	return onboarding.Member{}, onboarding.ErrNotFound
}
func (oneOffer) ReadPlaces(context.Context, onboarding.OrganizationID, onboarding.Placement) (onboarding.Places, error) {
	return onboarding.Places{}, nil
}
func (oneOffer) ReadFirms(context.Context, []string) (map[string]onboarding.Firm, error) {
	return nil, nil
}
func (oneOffer) ReadPartners(context.Context, onboarding.OrganizationID) (onboarding.Partners, error) {
	return onboarding.Partners{}, nil
}
func (oneOffer) ReadDepartments(context.Context, onboarding.OrganizationID) ([]onboarding.Department, error) {
	return nil, nil
}
func (oneOffer) Accept(context.Context, onboarding.Acceptance) error { return onboarding.ErrConflict }
func (oneOffer) Decline(context.Context, onboarding.OrganizationID, onboarding.Contact, time.Time) error {
	return onboarding.ErrConflict
}
func (oneOffer) AskForLink(context.Context, onboarding.OrganizationID, onboarding.Contact, onboarding.Message, time.Time) error {
	return onboarding.ErrConflict
}

func FuzzParseToken(f *testing.F) {
	keys := testKeys(f)
	f.Add(keys.Derive(onboarding.PurposeMailed, acme, subject, 1, nonce).Reveal())
	f.Add(strings.Repeat("a", 64))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		token, err := onboarding.ParseToken(s)
		if err != nil {
			return
		}
		if token.Reveal() != s {
			t.Fatalf("%q prints back as %q", s, token.Reveal())
		}
		fresh := make([]byte, 16) // nobody can have seen this nonce
		rand.Read(fresh)
		if keys.Opens(token, acme, fresh) {
			t.Fatalf("%q opens an item that it was not made for", s)
		}
	})
}

func FuzzParseSessionToken(f *testing.F) {
	w := newClock().world()
	f.Add(onboarding.NewSessionToken(w, acme, onboarding.NewMemberID(w)).Reveal())
	f.Add("lks.acme.00000000000000000000000000.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("lks...")
	f.Fuzz(func(t *testing.T, s string) {
		if token, err := onboarding.ParseSessionToken(s); err == nil && token.Reveal() != s {
			t.Fatalf("%q prints back as %q", s, token.Reveal())
		}
	})
}
