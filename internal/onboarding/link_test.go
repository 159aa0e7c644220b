package onboarding_test

import (
	"bytes"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

func TestAnInviteLinkIsWhatItIsAtATime(t *testing.T) {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	const on, over, usedUp, off = onboarding.InviteLinkActive, onboarding.InviteLinkExpired, onboarding.InviteLinkExhausted,
		onboarding.InviteLinkDisabled
	ends := onboarding.InviteLink{ExpiresAt: noon}
	for name, c := range map[string]struct {
		link onboarding.InviteLink
		at   time.Time
		want onboarding.InviteLinkStatus
	}{
		"without any end":                      {onboarding.InviteLink{Uses: 1 << 30}, noon.AddDate(100, 0, 0), on},
		"long before its end":                  {ends, noon.Add(-time.Hour), on},
		"in its last millisecond":              {ends, noon.Add(-time.Millisecond), on},
		"at its end":                           {ends, noon, over},
		"a millisecond behind":                 {ends, noon.Add(time.Millisecond), over},
		"over, as another time zone writes it": {ends, noon.In(time.FixedZone("", 7200)), over},
		"with a use left":                      {onboarding.InviteLink{MaxUses: 3, Uses: 2}, noon, on},
		"with its last use gone":               {onboarding.InviteLink{MaxUses: 3, Uses: 3}, noon, usedUp},
		"with more uses than it has by now":    {onboarding.InviteLink{MaxUses: 3, Uses: 4}, noon, usedUp},
		"over and used up":                     {onboarding.InviteLink{ExpiresAt: noon, MaxUses: 1, Uses: 1}, noon, over},
		"switched off":                         {onboarding.InviteLink{Disabled: true}, noon, off},
		"switched off and over":                {onboarding.InviteLink{Disabled: true, ExpiresAt: noon}, noon, off},
		"switched off and used up":             {onboarding.InviteLink{Disabled: true, MaxUses: 1, Uses: 1}, noon, off},
	} {
		if got := c.link.Now(c.at); got != c.want {
			t.Errorf("%s it is %s, want %s", name, got, c.want)
		}
		if got := c.link.Usable(onboarding.Settings{AllowLinkRegistration: true}, c.at); got != (c.want == on) {
			t.Errorf("%s it is %s, and usable %t", name, c.want, got)
		}
		if c.link.Usable(onboarding.Settings{}, c.at) {
			t.Errorf("%s it is usable though joining by link is off", name)
		}
	}
}

func TestEveryOrganizationHasItsDefaultLink(t *testing.T) {
	o := onboarding.Organization{ID: acme, Salt: []byte("salt of one")}
	l := onboarding.DefaultLink(o)
	if !l.ID.IsDefault() || l.Round != 1 || len(l.Nonce) != 16 || l.Offer != asMember ||
		l.Terms.Approval != onboarding.InheritApproval || len(l.Terms.Domains) != 0 || l.Owner != onboarding.TheOrganization() ||
		l.Version != 0 || !l.CreatedAt.IsZero() || l.Now(time.Now()) != onboarding.InviteLinkActive {
		t.Errorf("%+v", l)
	}
	renamed := o
	renamed.Name, renamed.Version, renamed.Settings = "Another name", 9, onboarding.DefaultSettings()
	if again := onboarding.DefaultLink(renamed); !bytes.Equal(again.Nonce, l.Nonce) {
		t.Error("the link that was handed out is dead once the organization has changed")
	}
	keys := testKeys(t)
	token := mustToken(t, l.Token(keys, acme).Reveal())
	if token.Purpose != onboarding.PurposeLink || token.Subject != (onboarding.LinkID{}) || token.Round != 1 ||
		!keys.Opens(token, acme, l.Nonce) {
		t.Errorf("%d %v %d", token.Purpose, token.Subject, token.Round)
	}
	other := onboarding.DefaultLink(onboarding.Organization{ID: acme, Salt: []byte("salt of another")})
	if bytes.Equal(other.Nonce, l.Nonce) || keys.Opens(token, acme, other.Nonce) {
		t.Error("one organization's link opens another's of another salt")
	}
	if keys.Opens(token, "acme-2", l.Nonce) {
		t.Error("one organization's link opens another's of the same salt")
	}
	if bytes.Contains(l.Nonce, o.Salt) || bytes.Contains(o.Salt, l.Nonce[:4]) {
		t.Error("the nonce shows the salt")
	}
}

func TestARotatedLinkIsAnother(t *testing.T) {
	keys := testKeys(t)
	l := onboarding.InviteLink{ID: onboarding.LinkID{1}, Round: 1, Nonce: nonce}
	old := l.Token(keys, acme)
	l.Round, l.Nonce = 2, []byte("another sixteen!")
	if now := mustToken(t, l.Token(keys, acme).Reveal()); now.Round != 2 || now.Subject != l.ID {
		t.Errorf("it is of round %d", now.Round)
	}
	if l.Token(keys, acme) == old || keys.Opens(old, acme, l.Nonce) || !keys.Opens(l.Token(keys, acme), acme, l.Nonce) {
		t.Error("rotating leaves the old link alive")
	}
}
