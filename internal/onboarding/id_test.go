package onboarding_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

func TestAnOrganizationIDHasOneSpelling(t *testing.T) {
	for _, s := range []string{"abc", "acme", "acme-2", "123", strings.Repeat("a", 32)} {
		if id, err := onboarding.ParseOrganizationID(s); err != nil || string(id) != s {
			t.Errorf("%q: %q, %v", s, id, err)
		}
	}
	for _, s := range []string{"", "ab", "Acme", "ACME", "acme ", "ac me", "-acme", "acme-", "ac#me", "ac|me",
		"ac/me", "ac.me", "acmé",
		"ac\x00me", strings.Repeat("a", 33)} {
		if id, err := onboarding.ParseOrganizationID(s); err == nil || id != "" {
			t.Errorf("%q is taken as %q", s, id)
		}
	}
}

func TestAnAddressHasOneIDInEachOrganization(t *testing.T) {
	ann := mustEmail(t, "Ann@Example.com")
	id := onboarding.NewContactID([]byte("salt of one"), ann)
	if id != onboarding.NewContactID([]byte("salt of one"), mustEmail(t, "ann@example.COM")) {
		t.Error("two spellings of an address have two ids")
	}
	if id == onboarding.NewContactID([]byte("salt of another"), ann) {
		t.Error("an address can be recognised across organizations")
	}
	if id == onboarding.NewContactID([]byte("salt of one"), mustEmail(t, "ann@example.org")) {
		t.Error("two addresses have one id")
	}
	for _, s := range []string{id.String(), id.InvitationID()} {
		if strings.Contains(s, "ann") || strings.Contains(s, "example") {
			t.Errorf("%s shows the address", s)
		}
	}
	if got, err := onboarding.ParseInvitationID(id.InvitationID()); err != nil || got != id {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAnInvitationIDHasOneSpelling(t *testing.T) {
	good := onboarding.NewContactID([]byte("salt"), mustEmail(t, "ann@example.com")).InvitationID()
	last := good[:len(good)-1]
	for name, s := range map[string]string{
		"nothing": "", "no prefix": good[4:], "another prefix": "mem_" + good[4:], "upper case": strings.ToUpper(good),
		"upper-case letters": "inv_" + strings.ToUpper(good[4:]), "too short": last, "too long": good + "a",
		"padded":             good + "======",
		"a line feed inside": good[:10] + "\n" + good[10:], "a line feed behind": good + "\n", "a digit that is none": last + "1",
	} {
		if _, err := onboarding.ParseInvitationID(s); err == nil {
			t.Errorf("%s: %q is taken", name, s)
		}
	}
	// 26 letters hold 130 bits; the two that are over must be zero, or an id had four spellings.
	spellings := 0
	for _, c := range "abcdefghijklmnopqrstuvwxyz234567" {
		if _, err := onboarding.ParseInvitationID(last + string(c)); err == nil {
			spellings++
		}
	}
	if spellings != 8 {
		t.Errorf("%d of 32 last letters are taken, want 8", spellings)
	}
}

func TestMemberIDsSortByTime(t *testing.T) {
	c := newClock()
	var keys []string
	for range 5 {
		id := onboarding.NewMemberID(c.world())
		keys = append(keys, id.Key())
		if got, err := onboarding.ParseMemberID(id.String()); err != nil || got != id || id.IsZero() {
			t.Errorf("%v: %v, %v", id, got, err)
		}
		c.advance(time.Millisecond)
	}
	if !slices.IsSorted(keys) {
		t.Errorf("%v", keys)
	}
	if !(onboarding.MemberID{}).IsZero() {
		t.Error("the zero id is somebody")
	}
}

func TestAMemberIDHasOneSpelling(t *testing.T) {
	good := onboarding.NewMemberID(newClock().world()).String()
	for name, s := range map[string]string{
		"nothing": "", "no prefix": good[4:], "another prefix": "inv_" + good[4:], "lower case": strings.ToLower(good),
		"too short": good[:len(good)-1], "too long": good + "0", "an O for a 0": "mem_O" + good[5:],
		"an overflow":         "mem_8" + good[5:],
		"a letter of no ULID": good[:len(good)-1] + "U",
	} {
		if _, err := onboarding.ParseMemberID(s); err == nil {
			t.Errorf("%s: %q is taken", name, s)
		}
	}
}

func TestALinkIDHasOneSpelling(t *testing.T) {
	c := newClock()
	id := onboarding.NewLinkID(c.world())
	good := id.String()
	if got, err := onboarding.ParseLinkID(good); err != nil || got != id || !strings.HasPrefix(good, "lnk_") || id.IsDefault() {
		t.Errorf("%s: %v, %v", good, got, err)
	}
	if got, err := onboarding.ParseLinkKey(id.Key()); err != nil || got != id || "lnk_"+id.Key() != good {
		t.Errorf("%s: %v, %v", id.Key(), got, err)
	}
	if c.advance(time.Millisecond); onboarding.NewLinkID(c.world()).Key() <= id.Key() {
		t.Error("link ids do not sort by time")
	}
	zero := onboarding.LinkID{}
	if zero.String() != "default" || zero.Key() != "default" || !zero.IsDefault() {
		t.Errorf("the default link is %s, %s", zero, zero.Key())
	}
	if got, err := onboarding.ParseLinkID("default"); err != nil || !got.IsDefault() {
		t.Errorf("default: %v, %v", got, err)
	}
	if got, err := onboarding.ParseLinkKey("default"); err != nil || !got.IsDefault() {
		t.Errorf("default: %v, %v", got, err)
	}
	for name, s := range map[string]string{
		"nothing": "", "no prefix": good[4:], "another prefix": "mem_" + good[4:], "a prefix alone": "lnk_",
		"two prefixes": "lnk_" + good, "lower case": strings.ToLower(good), "too short": good[:len(good)-1], "too long": good + "0",
		"an O for a 0": "lnk_O" + good[5:], "an overflow": "lnk_8" + good[5:], "the default link with a prefix": "lnk_default",
		"the default link in capitals":   "DEFAULT",
		"the default link by its number": "lnk_00000000000000000000000000", "a blank": "default ",
	} {
		if got, err := onboarding.ParseLinkID(s); err == nil || got != zero {
			t.Errorf("%s: %q is taken as %v", name, s, got)
		}
	}
	for name, s := range map[string]string{
		"nothing": "", "a prefix": good, "lower case": strings.ToLower(good[4:]), "too long": good[4:] + "0",
		"the default link by its number": "00000000000000000000000000",
	} {
		if got, err := onboarding.ParseLinkKey(s); err == nil || got != zero {
			t.Errorf("%s: %q is taken as %v", name, s, got)
		}
	}
}

func TestAJoinIDHasOneSpelling(t *testing.T) {
	c := newClock()
	id := onboarding.NewJoinID(c.world())
	good := id.Key()
	if got, err := onboarding.ParseJoinKey(good); err != nil || got != id {
		t.Errorf("%s: %v, %v", good, got, err)
	}
	if c.advance(time.Millisecond); onboarding.NewJoinID(c.world()).Key() <= good {
		t.Error("join ids do not sort by time")
	}
	for name, s := range map[string]string{
		"nothing": "", "a prefix": "mem_" + good, "lower case": strings.ToLower(good), "too short": good[1:], "too long": good + "0",
		"an O for a 0": "O" + good[1:], "an overflow": "8" + good[1:], "a letter of no ULID": good[:25] + "U", "default": "default",
	} {
		if got, err := onboarding.ParseJoinKey(s); err == nil || got != (onboarding.JoinID{}) {
			t.Errorf("%s: %q is taken as %v", name, s, got.Key())
		}
	}
}

func TestTimesSortAsTheirTexts(t *testing.T) {
	at := time.Date(2026, 12, 31, 23, 59, 59, int(999*time.Millisecond), time.FixedZone("", 3600))
	if got := onboarding.FormatTime(at); got != "2026-12-31T22:59:59.999Z" {
		t.Error(got)
	}
	if a, b := onboarding.FormatTime(at), onboarding.FormatTime(at.Add(time.Millisecond)); a >= b {
		t.Errorf("%s is not before %s", a, b)
	}
}

func FuzzParseIDs(f *testing.F) {
	f.Add("acme")
	f.Add(onboarding.NewContactID(nil, onboarding.Address{}).InvitationID())
	f.Add(onboarding.ContactID{}.String())
	f.Add(onboarding.MemberID{1, 2, 3}.String())
	f.Add(onboarding.LinkID{1, 2, 3}.String())
	f.Add(onboarding.LinkID{1, 2, 3}.Key())
	f.Add("default")
	f.Add("lnk_default")
	f.Add("lnk_00000000000000000000000000")
	f.Add("lnk_01hzzzzzzzzzzzzzzzzzzzzzzz")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := onboarding.ParseOrganizationID(s); err == nil && string(id) != s {
			t.Errorf("organization %q prints back as %q", s, id)
		}
		if id, err := onboarding.ParseInvitationID(s); err == nil && id.InvitationID() != s {
			t.Errorf("invitation %q prints back as %q", s, id.InvitationID())
		}
		if id, err := onboarding.ParseContactID(s); err == nil && id.String() != s {
			t.Errorf("contact %q prints back as %q", s, id)
		}
		if id, err := onboarding.ParseMemberID(s); err == nil && id.String() != s {
			t.Errorf("member %q prints back as %q", s, id)
		}
		if id, err := onboarding.ParseLinkID(s); err == nil && (id.String() != s || id.IsDefault() != (s == "default")) {
			t.Errorf("link %q prints back as %q", s, id)
		}
		if id, err := onboarding.ParseLinkKey(s); err == nil && (id.Key() != s || id.IsDefault() != (s == "default")) {
			t.Errorf("link %q prints back as %q", s, id.Key())
		}
		if id, err := onboarding.ParseJoinKey(s); err == nil && id.Key() != s {
			t.Errorf("join %q prints back as %q", s, id.Key())
		}
	})
}
