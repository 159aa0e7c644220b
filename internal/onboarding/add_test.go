package onboarding_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

// aTemporary is a one-time password that is out, in its first round.
func aTemporary(edits ...func(*onboarding.Temporary)) onboarding.Temporary {
	t := onboarding.Temporary{Nonce: nonce, Round: 1, Key: 1, ExpiresAt: newClock().Now().Add(72 * time.Hour)}
	for _, edit := range edits {
		edit(&t)
	}
	return t
}

func TestAOneTimePasswordIsLongEnoughAndEasyToType(t *testing.T) {
	keys, seen := testKeys(t), map[string]bool{}
	shape := regexp.MustCompile(`^[a-z2-7]{6}(-[a-z2-7]{6}){3}$`) // 24 letters of 5 bits
	for i := range 1000 {
		once := keys.OneTimePassword(acme, subject, aTemporary(func(t *onboarding.Temporary) { t.Round = uint16(i) }))
		if !shape.MatchString(once.Reveal()) {
			t.Fatalf("%q is not four groups", once.Reveal())
		}
		seen[once.Reveal()] = true
	}
	if len(seen) != 1000 {
		t.Errorf("of 1000 passwords, %d are different", len(seen))
	}
}

func TestAOneTimePasswordIsOfItsMemberAndRoundAlone(t *testing.T) {
	one, two := []byte("the first master key of the tests"), []byte("the second master key of the tests")
	keys := mustKeys(t, 1, map[byte][]byte{1: one, 2: two})
	once := keys.OneTimePassword(acme, subject, aTemporary()).Reveal()
	neighbour := subject
	neighbour[15]++
	for name, other := range map[string]onboarding.OneTimePassword{
		"another organization": keys.OneTimePassword("acme-2", subject, aTemporary()),
		"another member":       keys.OneTimePassword(acme, neighbour, aTemporary()),
		"a later round":        keys.OneTimePassword(acme, subject, aTemporary(func(t *onboarding.Temporary) { t.Round++ })),
		"a round 256 later":    keys.OneTimePassword(acme, subject, aTemporary(func(t *onboarding.Temporary) { t.Round += 256 })),
		"another nonce": keys.OneTimePassword(acme, subject, aTemporary(func(t *onboarding.Temporary) {
			t.Nonce = []byte("another sixteen!")
		})),
		"another key":                    keys.OneTimePassword(acme, subject, aTemporary(func(t *onboarding.Temporary) { t.Key = 2 })),
		"another key of the same number": mustKeys(t, 1, map[byte][]byte{1: two}).OneTimePassword(acme, subject, aTemporary()),
	} {
		if other.Reveal() == once || other.Reveal() == "" {
			t.Errorf("%s has the password %q", name, other.Reveal())
		}
	}
	// A key that is no longer the current one keeps its passwords, for mails are under way.
	if later := mustKeys(t, 2, map[byte][]byte{1: one, 2: two}); later.OneTimePassword(acme, subject, aTemporary()).Reveal() != once {
		t.Error("a new key makes another password of one that is out")
	}
}

func TestAOneTimePasswordWhoseKeyHasGoneIsNone(t *testing.T) {
	for name, once := range map[string]onboarding.OneTimePassword{
		"a key that has gone": testKeys(t).OneTimePassword(acme, subject, aTemporary(func(t *onboarding.Temporary) { t.Key = 9 })),
		"none that is out":    testKeys(t).OneTimePassword(acme, subject, onboarding.Temporary{Round: 3, Key: 1}),
		"no keys":             onboarding.Keys{}.OneTimePassword(acme, subject, aTemporary()),
	} {
		if once.Reveal() != "" {
			t.Errorf("%s: %q", name, once.Reveal())
		}
	}
}

func TestAOneTimePasswordDoesNotPrint(t *testing.T) {
	once := testKeys(t).OneTimePassword(acme, subject, aTemporary())
	for name, v := range map[string]any{
		"one": once, "a pointer to one": &once, "a list": []onboarding.OneTimePassword{once}, "an any": []any{once},
		"a struct": struct{ Once onboarding.OneTimePassword }{once},
	} {
		for how, text := range printed(v) {
			if strings.Contains(text, once.Reveal()) || strings.Contains(text, once.Reveal()[:6]) {
				t.Errorf("%s shows itself by %s: %s", name, how, text)
			}
		}
	}
}

func TestAOneTimePasswordOpensUntilItIsUsedOrEnds(t *testing.T) {
	now := newClock().Now()
	for name, c := range map[string]struct {
		once       onboarding.Temporary
		now        time.Time
		out, opens bool
	}{
		"one that is out":       {aTemporary(), now, true, true},
		"in its last moment":    {aTemporary(), now.Add(72*time.Hour - time.Millisecond), true, true},
		"after three days":      {aTemporary(), now.Add(72 * time.Hour), true, false},
		"one that was used":     {aTemporary(func(t *onboarding.Temporary) { t.UsedAt = now }), now, true, false},
		"none":                  {onboarding.Temporary{}, now, false, false},
		"none after some round": {onboarding.Temporary{Round: 2}, now, false, false},
	} {
		if c.once.Out() != c.out || c.once.Opens(c.now) != c.opens {
			t.Errorf("%s: out %t, opens %t", name, c.once.Out(), c.once.Opens(c.now))
		}
	}
}

func TestASessionOfAOneTimePasswordChoosesAPasswordAndNothingElse(t *testing.T) {
	w := newClock().world()
	d := newDesk()
	_, token := d.signIn(w, onboarding.MemberActive)
	session := d.sessions[token.Hash()]
	session.MustChange = true
	d.sessions[token.Hash()] = session
	for name, c := range map[string]struct {
		authenticate func() (onboarding.Caller, error)
		want         onboarding.Code
	}{
		"a member's act": {func() (onboarding.Caller, error) {
			return onboarding.Authenticate(t.Context(), d, w, token.Reveal())
		}, onboarding.PasswordChange},
		"choosing a password": {func() (onboarding.Caller, error) {
			return onboarding.PasswordChooser(t.Context(), d, w, token.Reveal())
		}, ""},
		"seeing who one is": {func() (onboarding.Caller, error) {
			return onboarding.Visitor(t.Context(), d, w, token.Reveal())
		}, ""},
	} {
		if _, err := c.authenticate(); codeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
