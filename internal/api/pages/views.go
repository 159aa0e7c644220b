package pages

import (
	"net/http"
	"slices"
	"time"
)

// In every view, the fields Action, Decline, Resend, Approve, Reject and SignOut are paths that a form posts to; SignIn,
// ForgottenPassword, Stay, Again and Back are paths that a link opens.

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

// JoinByLink shows an invite link that can be used. It posts first_name, last_name, contact and password.
type JoinByLink struct {
	Action string

	Domains []string // "corp.com", or "*.corp.com" for those below it; empty: any address may join
	Phones  bool     // a mobile number will do for an email address; not with Domains
	MayWait bool     // an administrator may have to let the person in

	Contact, FirstName, LastName string
	Faults                       []Fault
}

// EnterCode asks for the code that was mailed or texted. It posts code.
type EnterCode struct {
	Action string
	Resend string // posts nothing
	Again  string // the invite link, to start over with another address or number; empty for no such link

	Address string // where the code is
	ByPhone bool   // the address is a number: the code came by text message
	Until   time.Time
	Sent    bool // a code has just been sent again
	Faults  []Fault
}

// LinkDisabled answers an invite link that was switched off.
type LinkDisabled struct{}

// LinkExhausted answers an invite link that as many people as it was for have used.
type LinkExhausted struct{}

// InviteLinkExpired answers an invite link that came too late.
type InviteLinkExpired struct{}

// RegistrationClosed answers every invite link of an organization that lets nobody join by link.
type RegistrationClosed struct{}

// JoinExpired answers a join whose time is over: no new code is sent for it.
type JoinExpired struct{}

// JoinElsewhere answers the page of a join in a browser that has not begun it: somebody was sent its address.
type JoinElsewhere struct{ Again string } // the invite link, to begin by oneself; empty for none

// InvitationWaiting answers a code where the address or number has an invitation that is taken by its own link alone.
type InvitationWaiting struct{}

// AlreadyMember, MemberWasDismissed and AlreadyJoined are for whoever has just proven to read the mailbox or the phone, or
// did so before: a stranger learns nothing of who is a member.

// AlreadyMember answers the code of a join with a member's address or number.
type AlreadyMember struct {
	SignIn            string
	ForgottenPassword string
}

// MemberWasDismissed answers the code of a join with the address or number of somebody who was dismissed.
type MemberWasDismissed struct{}

// AlreadyJoined answers the code of a join that was completed before.
type AlreadyJoined struct{ SignIn string }

// Waiting shows who is signed in that an administrator has yet to decide. It posts nothing.
type Waiting struct {
	FirstName string
	Login     string
	Since     time.Time
	SignOut   string
}

// Rejected shows that an administrator decided not to let the person in. It posts nothing.
type Rejected struct{ SignOut string }

// Requests shows an administrator who is waiting to join.
type Requests struct {
	Items   []RequestItem
	More    bool   // than Items
	Done    string // with this visit: approved, rejected, already (somebody else decided), full (no seat is left); anything else: nothing
	SignOut string
	Back    string
}

// RequestItem is one of those who wait. Reject posts reason, which may be empty; Approve posts nothing.
type RequestItem struct {
	Name, Address   string // an email address or a number
	Asked           time.Time
	Via             string // the link's label or the inviter's name; may be empty
	ByLink          bool   // rather than by invitation
	Seatless        bool   // whether they wait because no seat was left
	Approve, Reject string
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

// PasswordLinkSent confirms ForgottenPassword's request, save for a number. It reads the same whether or not there is
// such a member.
type PasswordLinkSent struct{ SignIn string }

// ChoosePasswordByCode answers ForgottenPassword's request for a number, to which a code is texted. It reads the same
// whether or not there is such a member. It posts login, code and password.
type ChoosePasswordByCode struct {
	Action string
	Again  string // where to ask for another code
	Login  string // the number
	Faults []Fault
}

// ChoosePassword shows a valid link to set or reset a password. It posts password.
type ChoosePassword struct {
	Action string
	First  bool   // the member never had a password
	Login  string // for the browser to remember with the password; may be empty
	Faults []Fault

	Names               bool // first_name and last_name are posted too
	FirstName, LastName string
}

// NewPassword asks whoever has signed in with a one-time password for one of their own. It posts current_password and new_password.
type NewPassword struct {
	Action  string
	Login   string
	SignOut string
	Faults  []Fault
}

// PasswordLinkInvalid answers a password link that is wrong, unknown or used.
type PasswordLinkInvalid struct{ ForgottenPassword string }

// PasswordLinkExpired answers a password link that came too late.
type PasswordLinkExpired struct{ ForgottenPassword string }

// Welcome shows who is signed in. It posts nothing.
type Welcome struct {
	FirstName, LastName string
	Login               string
	Admin               bool   // the role: administrator rather than member
	Joined              bool   // just now, with this visit
	Requests            string // the queue of who waits; empty for who may not see it
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

func (JoinByLink) page() (template, heading string) {
	return "join_by_link", "page.join.heading"
}

func (v EnterCode) page() (template, heading string) {
	if v.ByPhone {
		return "enter_code", "page.enter_code.heading_phone"
	}
	return "enter_code", "page.enter_code.heading"
}

func (LinkDisabled) page() (template, heading string) {
	return "link_disabled", "page.link_disabled.heading"
}

func (LinkExhausted) page() (template, heading string) {
	return "link_exhausted", "page.link_exhausted.heading"
}

func (InviteLinkExpired) page() (template, heading string) {
	return "invite_link_expired", "page.invite_link_expired.heading"
}

func (RegistrationClosed) page() (template, heading string) {
	return "registration_closed", "page.registration_closed.heading"
}

func (JoinExpired) page() (template, heading string) {
	return "join_expired", "page.join_expired.heading"
}

func (AlreadyMember) page() (template, heading string) {
	return "already_member", "page.already_member.heading"
}

func (MemberWasDismissed) page() (template, heading string) {
	return "member_dismissed", "page.member_dismissed.heading"
}

func (JoinElsewhere) page() (template, heading string) {
	return "join_elsewhere", "page.join_elsewhere.heading"
}

func (InvitationWaiting) page() (template, heading string) {
	return "invitation_waiting", "page.invitation_waiting.heading"
}

func (AlreadyJoined) page() (template, heading string) {
	return "already_joined", "page.already_joined.heading"
}

func (Waiting) page() (template, heading string) {
	return "waiting", "page.waiting.heading"
}

func (Rejected) page() (template, heading string) {
	return "rejected", "page.rejected.heading"
}

func (Requests) page() (template, heading string) {
	return "requests", "page.requests.heading"
}

// Expired reports whether the code has ended, be it before its time.
func (v EnterCode) Expired() bool {
	return slices.ContainsFunc(v.Faults, func(f Fault) bool { return f.Code == CodeExpired })
}

// note gives way to faults: they are of what was done later.
func (v EnterCode) note() string {
	switch {
	case !v.Sent || len(v.Faults) > 0:
		return ""
	case v.ByPhone:
		return "page.enter_code.sent_phone"
	}
	return "page.enter_code.sent"
}

func (v Requests) note() string {
	switch v.Done {
	case "approved":
		return "page.requests.approved"
	case "rejected":
		return "page.requests.rejected"
	case "already":
		return "page.requests.already"
	case "full":
		return "page.requests.full"
	}
	return ""
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

func (ChoosePasswordByCode) page() (template, heading string) {
	return "choose_password_by_code", "page.choose_password.heading"
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

func (NewPassword) page() (template, heading string) {
	return "new_password", "page.new_password.heading"
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
