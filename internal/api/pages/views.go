package pages

import (
	"net/http"
	"time"
)

// In every view, the fields Action, Decline and SignOut are paths that a form posts to; SignIn, ForgottenPassword and
// Stay are paths that a link opens.

// Join shows a valid invitation. It posts first_name, last_name and password.
type Join struct {
	Action  string
	Decline string // posts nothing

	Inviter string // empty where nobody can be named
	Address string // whom the invitation is for
	Expires time.Time

	FirstName, LastName string
	Faults              []Fault
}

// LinkInvalid answers a link that is wrong, unknown or of an earlier round.
type LinkInvalid struct{}

// LinkExpired answers a link that came too late, and offers to ask the inviter for a new one. It posts nothing.
type LinkExpired struct{ Action string }

// NewLinkAsked confirms LinkExpired's request.
type NewLinkAsked struct{}

// LinkUsed answers a link whose invitation was accepted before.
type LinkUsed struct{ SignIn string }

// Revoked answers a link whose invitation was withdrawn.
type Revoked struct{}

// Declined confirms that the invitation has just been declined.
type Declined struct{}

// AlreadyDeclined answers a link whose invitation was declined before.
type AlreadyDeclined struct{}

// Closed answers a link whose invitation cannot be used for any other reason, such as an inviter who lost the right.
type Closed struct{}

// SignedInAsAnother answers a link that is for somebody else than the member signed in. It posts nothing.
type SignedInAsAnother struct {
	Name    string
	Login   string
	SignOut string // comes back to the invitation
	Stay    string // empty for no such link
}

// OrganizationClosed answers everything in an organization that is closed.
type OrganizationClosed struct{}

// SignIn posts login and password.
type SignIn struct {
	Action            string
	ForgottenPassword string
	Login             string
	Faults            []Fault
}

// ForgottenPassword posts login.
type ForgottenPassword struct {
	Action string
	SignIn string
	Login  string
	Faults []Fault
}

// PasswordLinkSent confirms ForgottenPassword's request. It reads the same whether or not there is such a member.
type PasswordLinkSent struct{ SignIn string }

// ChoosePassword shows a valid link to set or reset a password. It posts password.
type ChoosePassword struct {
	Action string
	First  bool   // the member never had a password
	Login  string // for the browser to remember with the password; may be empty
	Faults []Fault
}

// PasswordLinkInvalid answers a password link that is wrong, unknown or used.
type PasswordLinkInvalid struct{ ForgottenPassword string }

// PasswordLinkExpired answers a password link that came too late.
type PasswordLinkExpired struct{ ForgottenPassword string }

// Welcome shows who is signed in. It posts nothing.
type Welcome struct {
	FirstName, LastName string
	Login               string
	Admin               bool // the role: administrator rather than member
	Joined              bool // just now, with this visit
	SignOut             string
}

// Error answers what has no page of its own.
type Error struct {
	Status    int    // of HTTP
	RequestID string // may be empty
}

func (Join) page() (template, heading string) {
	return "join", "page.join.heading"
}

func (LinkInvalid) page() (template, heading string) {
	return "link_invalid", "page.link_invalid.heading"
}

func (LinkExpired) page() (template, heading string) {
	return "link_expired", "page.link_expired.heading"
}

func (NewLinkAsked) page() (template, heading string) {
	return "asked", "page.asked.heading"
}

func (LinkUsed) page() (template, heading string) {
	return "link_used", "page.link_used.heading"
}

func (Revoked) page() (template, heading string) {
	return "revoked", "page.revoked.heading"
}

func (Declined) page() (template, heading string) {
	return "declined", "page.declined.heading"
}

func (AlreadyDeclined) page() (template, heading string) {
	return "already_declined", "page.already_declined.heading"
}

func (Closed) page() (template, heading string) {
	return "closed", "page.closed.heading"
}

func (SignedInAsAnother) page() (template, heading string) {
	return "signed_in_as_another", "page.signed_in_as_another.heading"
}

func (OrganizationClosed) page() (template, heading string) {
	return "organization_closed", "page.organization_closed.heading"
}

func (SignIn) page() (template, heading string) {
	return "sign_in", "page.sign_in.heading"
}

func (ForgottenPassword) page() (template, heading string) {
	return "forgotten_password", "page.forgotten_password.heading"
}

func (PasswordLinkSent) page() (template, heading string) {
	return "password_link_sent", "page.password_link_sent.heading"
}

func (PasswordLinkInvalid) page() (template, heading string) {
	return "password_link_invalid", "page.password_link_invalid.heading"
}

func (PasswordLinkExpired) page() (template, heading string) {
	return "password_link_expired", "page.password_link_expired.heading"
}

func (v ChoosePassword) page() (template, heading string) {
	if v.First {
		return "choose_password", "page.choose_password.first"
	}
	return "choose_password", "page.choose_password.heading"
}

func (v Welcome) page() (template, heading string) {
	if v.Joined {
		return "welcome", "page.joined.heading"
	}
	return "welcome", "page.welcome.heading"
}

func (v Error) page() (template, heading string) { return "error", v.section() + ".heading" }

// section is the part of the catalogue that a status speaks from.
func (v Error) section() string {
	switch {
	case v.Status == http.StatusForbidden:
		return "page.error_forbidden"
	case v.Status == http.StatusNotFound:
		return "page.error_missing"
	case v.Status == http.StatusRequestEntityTooLarge:
		return "page.error_large"
	case v.Status == http.StatusTooManyRequests:
		return "page.error_often"
	case v.Status == http.StatusServiceUnavailable:
		return "page.error_busy"
	case v.Status >= 400 && v.Status < 500:
		return "page.error_refused"
	}
	return "page.error"
}

// Text is the key of the sentence below the heading.
func (v Error) Text() string { return v.section() + ".text" }
