package onboarding

import (
	"strings"
	"time"
)

const day = 24 * time.Hour

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
	WhoCanInvite          WhoCanInvite
	AllowLinkRegistration bool     // off: every invite link stops at once, and works again when it is on again
	RequestApproval       bool     // whether who joins by link, or on a plain member's word, waits for an administrator
	ExemptDomains         []Domain // whose proven mailboxes do not wait; they exempt, and never restrict
	InvitationLifetime    time.Duration
	LinkLifetime          time.Duration // of an invite link that is made without saying; 0: it does not expire
	DefaultLocale         Locale
	ForbidMailedPasswords bool // whether nobody is mailed a password, but a link to set one
	DailySendLimit        int  // invitations mailed in one UTC day, and as many codes beside them; raised by the operator

	// The operator's to say, for it is their money.
	Country       string   // ISO 3166-1; of phone numbers without a country code; empty: those are refused
	TextCountries []string // whose numbers are texted; empty: Country's alone
	TextsPerDay   int      // invitations texted in one UTC day, and as many codes beside them
	TextBudget    Money    // of a calendar month
	Seats         int      // how many employees and guests there may be; 0: no limit
}

// TextedCountries are those whose numbers are texted.
func (s Settings) TextedCountries() []string {
	if len(s.TextCountries) == 0 && s.Country != "" {
		return []string{s.Country}
	}
	return s.TextCountries
}

// textLimits are the limits for a use. Whoever holds a link can cause codes, and leaves half of the month's money.
func (s Settings) textLimits(use TextUse) TextLimits {
	l := TextLimits{PerDay: s.TextsPerDay, Budget: s.TextBudget, Share: s.TextBudget}
	if use == TextCode {
		l.Share /= 2
	}
	return l
}

// ParseCountry accepts two letters, as ISO 3166-1 names countries. Whether there is one of that name, the numbers know.
func ParseCountry(s string) (string, bool) {
	return s, len(s) == 2 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// WhoCanInvite says whose invitations count besides administrators'.
type WhoCanInvite string

const (
	AdminsInvite   WhoCanInvite = "admins"
	EveryoneInvite WhoCanInvite = "everyone" // every active employee; never guests
)

// ParseWhoCanInvite accepts one of the two.
func ParseWhoCanInvite(s string) (WhoCanInvite, bool) {
	w := WhoCanInvite(s)
	return w, w == AdminsInvite || w == EveryoneInvite
}

// DefaultSettings are a new organization's: its link can be handed out, and an administrator sees who comes.
func DefaultSettings() Settings {
	return Settings{
		WhoCanInvite:          AdminsInvite,
		AllowLinkRegistration: true,
		RequestApproval:       true,
		InvitationLifetime:    7 * day,
		DefaultLocale:         English,
		DailySendLimit:        2000,
		TextsPerDay:           100,
		TextBudget:            10 * Dollar,
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
