package onboarding_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"latchkey/internal/onboarding"
)

// near is what lies near at hand for Ann Lee of Acme Widgets.
var near = []string{"ann.lee@example.com", "Ann", "Lee", "acme", "Acme Widgets"}

// story is a text of n bytes that does not repeat itself.
func story(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d turnips and ", i*i)
	}
	return b.String()[:n]
}

func TestAGoodPassphraseIsTaken(t *testing.T) {
	for name, s := range map[string]string{
		"English words":                "violin umbrella tractor",
		"English words in one":         "violinumbrellatractor",
		"a sentence":                   "My cat sleeps on the 3rd radiator.",
		"15 characters at random":      "kV7#qz!Lw92xBp&",
		"lower-case letters at random": "xkqvwzjhtbmrpnd",
		"digits at random":             "835192640718359",
		"German words":                 "Regenschirm Käse Fahrrad",
		"German with a sharp s":        "straßenbahnhaltestelle",
		"Chinese":                      "春眠不觉晓处处闻啼鸟夜来风雨声",
		"Japanese":                     "ふるいけやかわずとびこむみずのおと",
		"emoji":                        "🦊🌧️🚲🧀🎻☂️🐙🪁🍋🗿🛶🧭🎈🪴🦔",
		"a name among other words":     "ann eats purple turnips daily",
		"a common word among others":   "secret turnip parade at noon",
		"white space at the ends":      " umbrella tractor ",
		"the 1,024 bytes there may be": story(1024),
	} {
		if _, err := onboarding.NewPassword(s, near...); err != nil {
			t.Errorf("%s: %q: %v", name, s, err)
		}
	}
}

func TestAPasswordThatOthersWouldGuessIsRefused(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":                            "",
		"14 characters":                      "kV7#qz!Lw92xBp",
		"14 characters in many bytes":        "春眠不觉晓处处闻啼鸟夜来风雨",
		"15 characters that are 14 in NFC":   "kV7#qz!Lw92xBo\u0308",
		"one byte too many":                  story(1025),
		"a book":                             strings.Repeat("umbrella tractor ", 1<<16),
		"bytes that are no text":             "violin umbrella \xff\xfe",
		"a common word twice":                "passwordpassword",
		"a common word with digits":          "password12345678",
		"a common word in capitals":          "PASSWORD12345678",
		"a common word with a year":          "Password2026Password!",
		"common words":                       "welcomeletmeinsecret",
		"a German common word":               "willkommen1234567890",
		"keys in a row":                      "qwertyuiopasdfghjkl",
		"keys in a German row":               "qwertzuiopasdfghjkl",
		"digits in a row":                    "123456789012345",
		"digits down":                        "987654321098765",
		"letters in a row":                   "abcdefghijklmnopq",
		"letters down":                       "zyxwvutsrqponmlkj",
		"one character":                      "aaaaaaaaaaaaaaaaaaaa",
		"one character beyond ASCII":         "ääääääääääääääääää",
		"one emoji":                          "🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊",
		"two in turn":                        "abababababababababab",
		"a piece three times":                "turnip7turnip7turnip7",
		"a piece three times and a bit":      "turnip7turnip7turnip7tur",
		"a Chinese piece over and over":      "春眠不觉晓春眠不觉晓春眠不觉晓",
		"few characters":                     "aabbaabbabababbbaa",
		"one's own name":                     "annleeannleeannlee1",
		"the address":                        "ann.lee@example.com",
		"the organization":                   "AcmeWidgetsAcme2026",
		"the organization and a common word": "acmewidgetspassword1",
		"blanks":                             "                    ",
	} {
		if _, err := onboarding.NewPassword(s, near...); err == nil {
			t.Errorf("%s: %.60q is taken", name, s)
		} else if strings.Contains(err.Error(), s) && s != "" {
			t.Errorf("%s: %.60q stands in its refusal", name, s)
		}
	}
}

func TestOneWordMoreToAvoidNeverMakesAPasswordGood(t *testing.T) {
	for _, avoid := range []string{"", "Ann", "Swo"} {
		if _, err := onboarding.NewPassword("passwordpassword", avoid); err == nil {
			t.Errorf("passwordpassword is taken from somebody called %q", avoid)
		}
	}
}

func mustPassword(t testing.TB, s string) onboarding.Password {
	t.Helper()
	p, err := onboarding.NewPassword(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAHashKnowsItsPassword(t *testing.T) {
	w := newClock().world()
	typed := "Käse, Regenschirm und Fahrrad"
	hash := mustPassword(t, typed).Hash(w)
	if other := mustPassword(t, typed).Hash(w); other == hash {
		t.Error("two hashes of one password are the same: there is no salt")
	}
	if !strings.HasPrefix(string(hash), "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash does not tell its parameters: %s", hash)
	}
	for name, s := range map[string]string{"as typed": typed, "in NFC": norm.NFC.String(typed),
		"in NFD, as another keyboard types it": norm.NFD.String(typed)} {
		if !hash.Matches(s) {
			t.Errorf("%s it does not match", name)
		}
	}
	for name, s := range map[string]string{
		"nothing": "", "another case": strings.ToLower(typed), "one less": typed[:len(typed)-1], "one more": typed + " ",
		"with a NUL": typed + "\x00", "no text": typed + "\xff", "a book": strings.Repeat(typed, 100), "the hash": string(hash),
	} {
		if hash.Matches(s) {
			t.Errorf("%s matches", name)
		}
	}
}

func TestAHashWithOtherParametersStillMatches(t *testing.T) {
	// From the reference implementation: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32
	const reference onboarding.PasswordHash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if !reference.Matches("password") || reference.Matches("passwore") {
		t.Error("the hash of another parameter set is not understood")
	}
}

func TestAHashThatIsNoneMatchesNothing(t *testing.T) {
	typed := "violin umbrella tractor"
	good := string(mustPassword(t, typed).Hash(newClock().world()))
	part := strings.Split(good, "$")
	with := func(n int, s string) string {
		p := strings.Split(good, "$")
		p[n] = s
		return strings.Join(p, "$")
	}
	for name, h := range map[string]string{
		"empty": "", "a dollar": "$", "plain text": typed, "no parts": "$$$$$", "another algorithm": with(1, "argon2i"),
		"an algorithm of others": "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234", "another version": with(2, "v=16"),
		"no version": with(2, ""), "no parameters": with(3, ""), "parameters in words": with(3, "m=a,t=b,p=c"),
		"a time of zero": with(3, "m=19456,t=0,p=1"), "no threads": with(3, "m=19456,t=2,p=0"),
		"less than nothing": with(3, "m=-1,t=2,p=1"),
		"too many threads":  with(3, "m=19456,t=2,p=256"), "other parameters": with(3, "m=19456,t=1,p=1"),
		"a salt that is none": with(4, "!"),
		"another salt":        with(4, "AAAAAAAAAAAAAAAAAAAAAA"), "no key": with(5, ""), "a key that is none": with(5, "!"),
		"half a key": with(5, part[5][:22]), "a part too many": good + "$", "a part too few": strings.Join(part[:5], "$"),
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("%q makes it panic: %v", h, v)
				}
			}()
			if onboarding.PasswordHash(h).Matches(typed) {
				t.Errorf("%q matches", h)
			}
		})
	}
}

// What it costs is seen in the memory that argon2id takes, which does not depend on the machine's mood.
func TestNobodysPasswordCostsWhatEverybodysDoes(t *testing.T) {
	hash := mustPassword(t, "violin umbrella tractor").Hash(newClock().world())
	cost := func(h onboarding.PasswordHash) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if h.Matches("another password altogether") {
			t.Error("it matches")
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) >> 20
	}
	if nobody, somebody := cost(""), cost(hash); nobody < 19 || somebody < 19 {
		t.Errorf("nobody's costs %d MiB and somebody's %d, want 19 or more", nobody, somebody)
	}
}

func FuzzNewPassword(f *testing.F) {
	for _, s := range []string{"violin umbrella tractor", "Bjo\u0308rn violin tractor", "春眠不觉晓处处闻啼鸟夜来风雨声",
		"aaaaaaaaaaaaaaa", "\xff"} {
		f.Add(s, "Ann Lee")
	}
	f.Fuzz(func(t *testing.T, s, avoid string) {
		_, err := onboarding.NewPassword(s, avoid)
		if _, again := onboarding.NewPassword(norm.NFC.String(s), avoid); utf8.ValidString(s) && len(s) <= 300 &&
			(err == nil) != (again == nil) {
			t.Fatalf("%q: %v, and in NFC: %v", s, err, again)
		}
		if n := utf8.RuneCountInString(norm.NFC.String(s)); err == nil && (n < 15 || len(s) > 1024 || !utf8.ValidString(s)) {
			t.Fatalf("%q of %d characters is taken", s, n)
		}
		// To know one word more to avoid never makes a password better.
		if _, fewer := onboarding.NewPassword(s); err == nil && fewer != nil {
			t.Fatalf("%q is taken beside %q, and refused without it", s, avoid)
		}
	})
}
