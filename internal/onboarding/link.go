package onboarding

import (
	"crypto/hmac"
	"crypto/sha256"
	"io"
	"time"
)

// InviteLinkStatus is where an invite link stands. Only disabled is stored; the rest is computed.
type InviteLinkStatus string

const (
	InviteLinkActive    InviteLinkStatus = "active"
	InviteLinkDisabled  InviteLinkStatus = "disabled"
	InviteLinkExpired   InviteLinkStatus = "expired"
	InviteLinkExhausted InviteLinkStatus = "exhausted"
)

// InviteLink is a reusable link that anyone holding it may use to join.
type InviteLink struct {
	ID        LinkID
	Label     string // for those who manage it; whoever opens the link does not see it
	Round     uint16 // goes up with each rotation; links of earlier rounds are dead
	Nonce     []byte // of the present round
	Offer     Offer
	Terms     Terms
	Placement Placement // of whoever joins by it
	MaxUses   int       // 0: no limit
	Uses      int       // how many have joined, those who wait included
	ExpiresAt time.Time // zero: never
	Disabled  bool
	Owner     Actor // who answers for it, as they were when they last changed it; judged again when somebody joins
	OwnerName string
	RequestID string // of the last change
	CreatedAt time.Time
	UpdatedAt time.Time
	UsedAt    time.Time // when somebody last joined by it
	Version   int64     // 0 for the default link while nobody has changed it
}

// DefaultLink is the link that an organization has from the start. It is not stored until somebody changes it or joins by it.
func DefaultLink(o Organization) InviteLink {
	mac := hmac.New(sha256.New, o.Salt)
	io.WriteString(mac, "latchkey default link 1")
	return InviteLink{Round: 1, Nonce: mac.Sum(nil)[:16], Offer: Offer{Employee, RoleMember}, Terms: Terms{Approval: InheritApproval},
		Owner: TheOrganization()}
}

// Now is the status at a time.
func (l InviteLink) Now(now time.Time) InviteLinkStatus {
	switch {
	case l.Disabled:
		return InviteLinkDisabled
	case !l.ExpiresAt.IsZero() && !now.Before(l.ExpiresAt):
		return InviteLinkExpired
	case l.MaxUses > 0 && l.Uses >= l.MaxUses:
		return InviteLinkExhausted
	}
	return InviteLinkActive
}

// Usable reports whether somebody could join by it now, as far as link and settings go.
func (l InviteLink) Usable(s Settings, now time.Time) bool {
	return s.AllowLinkRegistration && l.Now(now) == InviteLinkActive
}

// Token is what stands in the link.
func (l InviteLink) Token(k Keys, org OrganizationID) Token {
	return k.Derive(PurposeLink, org, l.ID, l.Round, l.Nonce)
}

// refusal is nil while somebody can join by the link.
func (l InviteLink) refusal(o Organization, now time.Time) error {
	if o.Closed {
		return errClosed()
	}
	if !o.Settings.AllowLinkRegistration {
		return errRegistration()
	}
	switch l.Now(now) {
	case InviteLinkDisabled:
		return errLinkDisabled()
	case InviteLinkExpired:
		return Refuse(LinkExpired, "This link has expired. Ask whoever gave it to you for a new one.")
	case InviteLinkExhausted:
		return Refuse(LinkExhausted, "This link has been used up. Ask whoever gave it to you for a new one.")
	}
	return nil
}

func errRegistration() *Error {
	return Refuse(RegistrationClosed, "Nobody can join by a link at the moment. Ask whoever gave it to you.")
}

func errLinkDisabled() *Error {
	return Refuse(LinkDisabled, "This link does not work any more. Ask whoever gave it to you for a new one.")
}
