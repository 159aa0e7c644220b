package onboarding

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Limits on guessing. Each is a conditional counter of a window; where the counter cannot be written, nobody gets in.
const (
	guessWindow      = 15 * time.Minute
	guessesPerLogin  = 10
	guessesPerSource = 100

	resetLifetime   = time.Hour
	setLifetime     = 7 * 24 * time.Hour // of the link that a new organization's administrator gets
	resetWindow     = 24 * time.Hour
	resetsPerLogin  = 5
	resetsPerSource = 50

	resetCodeLifetime  = 10 * time.Minute
	resetCodeGuesses   = 10 // of a login in a resetWindow: one in a hundred thousand that one of them is right
	resetCodePerSource = 50
)

// SignInStore is what signing in asks of the table.
type SignInStore interface {
	// ReadOrganization returns ErrNotFound if there is none.
	ReadOrganization(ctx context.Context, org OrganizationID) (Organization, error)
	// ReadContact returns ErrNotFound if the address is unknown.
	ReadContact(ctx context.Context, org OrganizationID, id ContactID) (Contact, error)
	// ReadCredentials returns ErrNotFound if there is no such member.
	ReadCredentials(ctx context.Context, org OrganizationID, id MemberID) (Member, Credentials, error)
	// CountAttempt adds one to a counter that ends at until, and answers ErrLimit if it stood at limit already.
	CountAttempt(ctx context.Context, org OrganizationID, subject string, until time.Time, limit int) error
	// BeginSession writes a session.
	BeginSession(ctx context.Context, org OrganizationID, s Session) error
	// BeginWithTemporary uses a one-time password up and writes the session and the member, whose mailbox it proves, in one
	// transaction, if it is not used yet; else ErrConflict.
	BeginWithTemporary(ctx context.Context, o Organization, before, after Member, t Temporary, s Session) error
	// EndSession removes it. Removing what is gone is no error.
	EndSession(ctx context.Context, org OrganizationID, hash string) error
	// ChangePassword sets a member's hash and writes the session of the next epoch in one transaction, which holds only if the
	// member is active and the epoch is still the one before; else ErrConflict.
	ChangePassword(ctx context.Context, org OrganizationID, m MemberID, hash PasswordHash, s Session) error
	// OweReset puts next in the place of the reset that was seen and owes its message, if the member is in this status and
	// that reset is still theirs; else ErrConflict.
	OweReset(ctx context.Context, org OrganizationID, m Member, seen, next Reset, msg Message) error
	// RedeemReset sets the hash, writes the member as they are after it over the member as they were read, and the session of the
	// next epoch, in one transaction which holds only if the reset is still open with this nonce at s.CreatedAt; else ErrConflict.
	RedeemReset(ctx context.Context, org Organization, before, after Member, r Reset, hash PasswordHash, s Session) error
	ContactStore
}

// ErrLimit is what a store answers where a counter is at its limit.
var ErrLimit = errors.New("limit reached")

// SigningIn is the use case: sessions and passwords.
type SigningIn struct {
	World World
	Store SignInStore
	Keys  Keys
	Texts Texts
}

// SignIn begins a session; an applicant's shows where they stand, and nothing else. Whoever may not sign in, for whatever
// reason, gets the same answer at the same cost. source is the network address that the gateway saw.
func (u SigningIn) SignIn(ctx context.Context, org OrganizationID, login, password, source string) (Caller, SessionToken, error) {
	o, _, m, credentials, err := u.find(ctx, org, login, source, "sign-in", guessWindow, guessesPerLogin, guessesPerSource)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	matches := credentials.Password.Matches(password)
	if !matches || m.Status != MemberActive && !m.Status.Applicant() || m.Ended(u.World.Now()) {
		return Caller{}, SessionToken{}, errCredentials()
	}
	if credentials.Temporary.Out() {
		return u.signInOnce(ctx, o, m, credentials)
	}
	session, token := NewSession(u.World, org, m.ID, credentials.Epoch)
	if err := u.Store.BeginSession(ctx, org, session); err != nil {
		return Caller{}, SessionToken{}, err
	}
	return Caller{Organization: o, Member: m, Session: session}, token, nil
}

func errCredentials() *Error {
	return Refuse(WrongCredentials, "This login and password do not belong together.")
}

// signInOnce signs somebody in with a one-time password, who has shown with it that they read their mail. Of two at once, one
// comes in.
func (u SigningIn) signInOnce(ctx context.Context, o Organization, m Member, c Credentials) (Caller, SessionToken, error) {
	if !c.Temporary.Opens(u.World.Now()) {
		return Caller{}, SessionToken{}, errCredentials()
	}
	session, token := NewSession(u.World, o.ID, m.ID, c.Epoch)
	session.MustChange, session.ExpiresAt = true, session.CreatedAt.Add(changeLifetime)
	before := m
	m.own(m.Login(), true)
	m.UpdatedAt, m.Version = session.CreatedAt, m.Version+1
	err := u.Store.BeginWithTemporary(ctx, o, before, m, c.Temporary, session)
	if errors.Is(err, ErrConflict) {
		err = errCredentials()
	}
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	return Caller{Organization: o, Member: m, Session: session}, token, nil
}

// find counts an attempt and looks a login up. Where there is nobody, or no such organization, it answers zero values after
// the same reads and writes.
func (u SigningIn) find(ctx context.Context, org OrganizationID, login, source, act string, window time.Duration, perLogin, perSource int) (
	o Organization, a Address, m Member, c Credentials, err error) {
	o, err = u.Store.ReadOrganization(ctx, org)
	if errors.Is(err, ErrNotFound) {
		org = "" // whoever makes handles up is counted in one place
	} else if err != nil {
		return o, a, m, c, err
	}
	a = ParseLogin(login, o.Settings.Country, u.Texts.Numbers)
	id := NewContactID(o.Salt, a)
	until := u.World.Now().Truncate(window).Add(window)
	for _, count := range []struct {
		subject string
		limit   int
	}{{act + "#source#" + source, perSource}, {act + "#login#" + id.String(), perLogin}} {
		if err = u.Store.CountAttempt(ctx, org, count.subject, until, count.limit); errors.Is(err, ErrLimit) {
			return o, a, m, c, &Error{Code: TooManyAttempts, Message: "Too many attempts. Wait a little.", RetryAfter: until.Sub(u.World.Now())}
		} else if err != nil {
			return o, a, m, c, err
		}
	}
	contact, err := u.Store.ReadContact(ctx, org, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return o, a, m, c, err
	}
	m, c, err = u.Store.ReadCredentials(ctx, org, contact.Member)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return o, a, m, c, err
}

// ParseLogin reads an email address, or a phone number as somebody in region writes it. What is neither answers an address that
// nobody has; it is counted and looked up all the same.
func ParseLogin(login, region string, n Numbers) Address {
	a, err := ParseEmail(login)
	if !strings.Contains(login, "@") {
		a, err = ParsePhone(login, region, n)
	}
	if err != nil {
		return Address{Kind: Email, Value: "?"}
	}
	return a
}

// SignOut ends the caller's session.
func (u SigningIn) SignOut(ctx context.Context, caller Caller) error {
	return u.Store.EndSession(ctx, caller.Organization.ID, caller.Session.Hash)
}

// ChangePassword ends every session of the caller, this one too, and begins a new one.
func (u SigningIn) ChangePassword(ctx context.Context, caller Caller, current, next string) (Caller, SessionToken, error) {
	o := caller.Organization
	m, credentials, err := u.prove(ctx, caller, current)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	password, err := newPassword("/new_password", next, o, m.Login().Value, m.FirstName, m.LastName)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	if credentials.Temporary.Out() && credentials.Password.Matches(next) {
		return Caller{}, SessionToken{}, InvalidField("/new_password", "same", "Choose another password than the one that was mailed.")
	}
	session, token := NewSession(u.World, o.ID, m.ID, caller.Session.Epoch+1)
	err = u.Store.ChangePassword(ctx, o.ID, m.ID, password.Hash(u.World), session)
	if errors.Is(err, ErrConflict) {
		return Caller{}, SessionToken{}, errSignIn()
	}
	return Caller{Organization: o, Member: m, Session: session}, token, err
}

// RequestReset sends a way to set the password to the address, a link to a mailbox and a code to a phone, if it is a member's
// who may sign in or is yet to be activated. The answer is the same for everybody.
func (u SigningIn) RequestReset(ctx context.Context, org OrganizationID, login, source string) error {
	o, a, m, credentials, err := u.find(ctx, org, login, source, "reset", resetWindow, resetsPerLogin, resetsPerSource)
	if err != nil {
		return err
	}
	reset, kind := u.nextReset(m, credentials.Reset), MessagePasswordReset
	switch {
	case m.Login().Kind == Phone:
		kind = MessagePasswordCode
	case m.Status == MemberPendingActivation && m.Entry.Channel == ChannelDirect:
		kind = MessageRegistration
	case m.Status == MemberPendingActivation:
		kind = MessagePasswordSet
	}
	msg, room := newMessage(u.World, kind, m.Locale, reset.Round), true
	if a.Kind == Phone {
		if room, err = u.Texts.countNumber(ctx, a, msg.ID, msg.At); err != nil {
			return err
		}
	}
	if !room || !m.Status.Placed() || m.Ended(msg.At) {
		m.ID = MemberID(NewContactID(o.Salt, a)) // nobody: the write below is made all the same, and refused
	}
	err = u.Store.OweReset(ctx, org, m, credentials.Reset, reset, msg)
	if errors.Is(err, ErrConflict) {
		err = nil
	}
	return err
}

// nextReset keeps a link that has most of its time left, so that asking twice does not kill the mail under way.
func (u SigningIn) nextReset(m Member, r Reset) Reset {
	now, life := u.World.Instant(), resetLifetime
	switch {
	case m.Login().Kind == Phone:
		life = resetCodeLifetime
	case m.Status == MemberPendingActivation:
		life = setLifetime
	}
	if r.Open(now.Add(life / 2)) {
		return r
	}
	return Reset{Nonce: u.World.Nonce(), Round: r.Round + 1, ExpiresAt: now.Add(life)}
}

// OpenReset is a reset that its link opens.
type OpenReset struct {
	Organization Organization
	Member       Member
	before       Member // as they were read
	reset        Reset
}

// First reports whether the member sets a password for the first time.
func (o OpenReset) First() bool { return o.Member.Status == MemberPendingActivation }

// Registers reports whether the member was added, and completes with this how they are called.
func (o OpenReset) Registers() bool { return o.First() && o.before.Entry.Channel == ChannelDirect }

// OpenReset says whom a link lets set their password.
func (u SigningIn) OpenReset(ctx context.Context, org OrganizationID, text string) (OpenReset, Credentials, error) {
	token, err := ParseToken(text)
	if err != nil || token.Purpose != PurposePassword {
		return OpenReset{}, Credentials{}, errLink()
	}
	o, err := u.Store.ReadOrganization(ctx, org)
	if errors.Is(err, ErrNotFound) {
		return OpenReset{}, Credentials{}, errLink()
	}
	if err != nil {
		return OpenReset{}, Credentials{}, err
	}
	m, c, err := u.Store.ReadCredentials(ctx, org, token.Subject)
	if errors.Is(err, ErrNotFound) {
		return OpenReset{}, Credentials{}, errLink()
	}
	if err != nil {
		return OpenReset{}, Credentials{}, err
	}
	if c.Reset.Round != token.Round || !u.Keys.Opens(token, org, c.Reset.Nonce) {
		return OpenReset{}, Credentials{}, errLink()
	}
	if !c.Reset.Open(u.World.Now()) {
		return OpenReset{Organization: o}, Credentials{}, Refuse(LinkExpired, "This link has expired. Ask for a new one.")
	}
	if !m.Status.Placed() || m.Ended(u.World.Now()) {
		return OpenReset{}, Credentials{}, errLink()
	}
	return OpenReset{Organization: o, Member: m, before: m, reset: c.Reset}, c, nil
}

// SetPassword sets the password by a mailed link, once. It ends every session and begins a new one.
func (u SigningIn) SetPassword(ctx context.Context, org OrganizationID, text, next string) (Caller, SessionToken, error) {
	return u.Register(ctx, org, text, next, "", "")
}

// Register is SetPassword for whoever sets their first one, and can put right how they are called; an empty name stays.
func (u SigningIn) Register(ctx context.Context, org OrganizationID, text, next, first, last string) (Caller, SessionToken, error) {
	open, credentials, err := u.OpenReset(ctx, org, text)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	if err := open.rename(first, last); err != nil {
		return Caller{}, SessionToken{}, err
	}
	return u.redeem(ctx, open, credentials.Epoch, next, errLink())
}

// rename puts right how somebody is called who sets their first password.
func (o *OpenReset) rename(first, last string) error {
	switch {
	case o.First():
	case first != "":
		return InvalidField("/first_name", "not_applicable", "Names are chosen with the first password.")
	case last != "":
		return InvalidField("/last_name", "not_applicable", "Names are chosen with the first password.")
	}
	o.before = o.Member
	var err1, err2 error
	if first != "" {
		o.Member.FirstName, err1 = requiredName("/first_name", first)
	}
	if last != "" {
		o.Member.LastName, err2 = requiredName("/last_name", last)
	}
	return joinFields(err1, err2)
}

// redeem sets the password of a reset that has been opened. used is the answer where somebody was faster.
func (u SigningIn) redeem(ctx context.Context, open OpenReset, epoch int64, next string, used error) (Caller, SessionToken, error) {
	o, m := open.Organization, open.Member
	password, err := newPassword("/password", next, o, m.Login().Value, m.FirstName, m.LastName)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	session, token := NewSession(u.World, o.ID, m.ID, epoch+1)
	if open.First() {
		m.JoinedAt = session.CreatedAt
	}
	m.own(m.Login(), true)
	m.Status, m.UpdatedAt, m.Version = MemberActive, session.CreatedAt, m.Version+1
	err = u.Store.RedeemReset(ctx, o, open.before, m, open.reset, password.Hash(u.World), session)
	if errors.Is(err, ErrConflict) {
		return Caller{}, SessionToken{}, used
	}
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	return Caller{Organization: o, Member: m, Session: session}, token, nil
}

// SetPasswordByCode sets the password of a member who signs in with a phone, by the code that was texted to it, once. Whether
// there is such a member, and whether their code has ended, the answer does not say.
func (u SigningIn) SetPasswordByCode(ctx context.Context, org OrganizationID, login, code, next, source string) (Caller, SessionToken, error) {
	o, _, m, c, err := u.find(ctx, org, login, source, "reset-code", resetWindow, resetCodeGuesses, resetCodePerSource)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	wrong := InvalidField("/code", "wrong", "This is not the code that was sent, or it has ended.")
	matches := u.Keys.MatchesReset(o.ID, m.ID, c.Reset, code)
	if !matches || m.Login().Kind != Phone || !c.Reset.Open(u.World.Now()) || !m.Status.Placed() || m.Ended(u.World.Now()) {
		return Caller{}, SessionToken{}, wrong
	}
	return u.redeem(ctx, OpenReset{Organization: o, Member: m, before: m, reset: c.Reset}, c.Epoch, next, wrong)
}
