package onboarding

import "time"

// Organization is the tenant. Salt keys the ids of its contacts and the tags of its cursors; it is no secret of a person.
type Organization struct {
	ID       OrganizationID
	Name     string
	Closed   bool
	Salt     []byte
	Settings Settings
	Version  int64
}

// Settings are what an organization decides about joining.
type Settings struct {
	WhoCanInvite       WhoCanInvite
	InvitationLifetime time.Duration
	DefaultLocale      Locale
	DailySendLimit     int // invitations mailed in one UTC day; raised by the operator
}

// WhoCanInvite says whose invitations count besides administrators'.
type WhoCanInvite string

const (
	AdminsInvite   WhoCanInvite = "admins"
	EveryoneInvite WhoCanInvite = "everyone" // every active employee; never guests
)

// DefaultSettings are a new organization's.
func DefaultSettings() Settings {
	return Settings{
		WhoCanInvite:       AdminsInvite,
		InvitationLifetime: 7 * 24 * time.Hour,
		DefaultLocale:      English,
		DailySendLimit:     2000,
	}
}

// Locale is a language that messages and pages exist in.
type Locale string

const (
	English Locale = "en"
	German  Locale = "de"
)

// Locales lists them, the first one being the fallback.
var Locales = []Locale{English, German}

// ParseLocale accepts a language that Latchkey speaks.
func ParseLocale(s string) (Locale, bool) {
	for _, l := range Locales {
		if string(l) == s {
			return l, true
		}
	}
	return "", false
}

func errClosed() *Error {
	return Refuse(OrganizationClosed, "This organization does not take anybody in at the moment.")
}
