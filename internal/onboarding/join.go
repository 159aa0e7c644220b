package onboarding

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Joining through an invite link has two steps. The first claims nothing: it keeps what somebody entered for an hour, and
// mails a code. The second proves the mailbox with that code, and only then does anybody look whose address it is.

const (
	joinLifetime = time.Hour
	codeLifetime = 10 * time.Minute
	codeTries    = 5
	codePause    = time.Minute // between two mails of one join
	codesPerJoin = 5

	joinWindow      = time.Hour
	joinsPerSource  = 300 // a hall full of people may have one address
	codesWindow     = day
	codesPerAddress = 10
	wrongWindow     = day
	wrongPerLink    = 300 // three in ten thousand that one of them is right

	admitAttempts = 4
)

// What is counted, by subject.
const (
	codesOfTheDay    = "codes"
	joinsOfTheSource = "join#source#"
	codesToAddress   = "join#to#"
	wrongByLink      = "wrong#"
)

// Join is an attempt to join through an invite link.
type Join struct {
	ID        JoinID
	Link      LinkID
	LinkRound uint16 // of the link that was opened
	Address   Address
	FirstName string
	LastName  string
	Locale    Locale
	Password  PasswordHash // gone once the join is verified
	Nonce     []byte
	Key       byte   // number of the master key that the present code is derived from
	Round     uint16 // of the present code
	Tries     int    // of the present code
	CodeAt    time.Time
	CodeEnds  time.Time
	SentAt    time.Time // when a mail was last owed
	Sent      int       // how many were
	Member    MemberID  // once it is verified
	CreatedAt time.Time
	ExpiresAt time.Time
	Messages  []Message
	Version   int64
}

// TriesLeft is how often the present code can still be tried.
func (j Join) TriesLeft() int { return max(codeTries-j.Tries, 0) }

// ResendAt is when another mail can be asked for.
func (j Join) ResendAt() time.Time { return j.SentAt.Add(codePause) }

// newCode begins a round.
func (j *Join) newCode(w World, keys Keys) {
	now := w.Instant()
	j.Key, j.Round, j.Tries, j.CodeAt, j.CodeEnds = keys.Current(), j.Round+1, 0, now, now.Add(codeLifetime)
	if j.CodeEnds.After(j.ExpiresAt) {
		j.CodeEnds = j.ExpiresAt // nothing is proven after that
	}
}

// owe owes the message with the present code. A text message has been paid for.
func (j *Join) owe(m Message) {
	if j.Address.Kind == Phone {
		m.PaidAt = m.At
	}
	j.Messages, j.SentAt, j.Sent = []Message{m}, m.At, j.Sent+1
}

// JoinStore is what joining through an invite link asks of the table.
type JoinStore interface {
	// ReadLink reads an organization and one of its links in one consistent read. It returns ErrNotFound if either is missing;
	// the default link never is.
	ReadLink(ctx context.Context, org OrganizationID, id LinkID) (Organization, InviteLink, error)
	// CountAttempt adds one to a counter that ends at until, and answers ErrLimit if it stood at limit already.
	CountAttempt(ctx context.Context, org OrganizationID, subject string, until time.Time, limit int) error
	// CreateJoin writes a join.
	CreateJoin(ctx context.Context, org OrganizationID, j Join) error
	// ReadJoin reads an organization and one of its joins in one consistent read. It returns ErrNotFound if either is missing.
	ReadJoin(ctx context.Context, org OrganizationID, id JoinID) (Organization, Join, error)
	// ReplaceCode writes the join's code and the mail that it owes, if the join is still as it was seen; else ErrConflict. The
	// tries that were made stay counted, unless the code is another one.
	ReplaceCode(ctx context.Context, org OrganizationID, j, seen Join) error
	// ReturnAttempt takes one off the counter again, at most once: less can be tried then, not more.
	ReturnAttempt(ctx context.Context, org OrganizationID, subject string, until time.Time) error
	// CountTry counts one try of the join's present code, if it has time and any left; else ErrLimit.
	CountTry(ctx context.Context, org OrganizationID, j Join, limit int, now time.Time) error
	// ReadClaim reads an address and a link in one consistent read, with the organization. An address that is unknown is a
	// Contact of version 0.
	ReadClaim(ctx context.Context, org OrganizationID, id ContactID, link LinkID) (Organization, Contact, InviteLink, error)
	// ReadMember returns ErrNotFound if there is none.
	ReadMember(ctx context.Context, org OrganizationID, id MemberID) (Member, error)
	// ReadCredentials returns ErrNotFound if there is no such member.
	ReadCredentials(ctx context.Context, org OrganizationID, id MemberID) (Member, Credentials, error)
	// Admit makes a member of a verified join in one transaction. It holds only if the join is not used yet (else
	// ErrJoinUsed), the contact is as it was read (else ErrConflict), the link is as it was read and has a use left (else
	// ErrLinkChanged), its owner is as they were judged (else ErrInviterChanged), the places that the member is put into are there
	// (else ErrPlaceGone), and there is a seat (else ErrSeatsFull).
	Admit(ctx context.Context, a Admission) error
	// Readmit gives an applicant who has joined again the password and the names of a.Member, and ends the sessions of before,
	// under the same conditions; the link does not count.
	Readmit(ctx context.Context, a Admission, status MemberStatus) error
	// Accept is RedeemStore's. Where the acceptance has a join, it is used up with it.
	Accept(ctx context.Context, a Acceptance) error
	PlaceReader
	PartnerReader
	SuspendStore
}

// ErrJoinUsed is what a store answers where a join was verified before.
var ErrJoinUsed = errors.New("the join was used")

// ErrLinkChanged is what a store answers where an invite link is no longer as it was read, or is used up.
var ErrLinkChanged = errors.New("the link has changed")

// Admission is all that changes when a join is verified.
type Admission struct {
	Organization OrganizationID
	Join         Join
	Contact      Contact // as it was read
	Link         InviteLink
	Owner        Actor // of the link, as they must still be
	OwnerSeen    int64 // their version, where it matters where they stand; else 0
	Member       Member
	Credentials  Credentials
	Session      Session
	Notice       Message // to the administrators, if the member waits
	Seats        int     // of the organization, if they are limited
	At           time.Time
}

// Joining is the use case: what the holder of an invite link can do.
type Joining struct {
	World World
	Store JoinStore
	Keys  Keys
	Texts Texts
}

// OpenLink is an invite link that its token opens, and the organization whose it is.
type OpenLink struct {
	Organization Organization
	Link         InviteLink
	owner        Actor // as whom the link was judged
	seen         int64 // their version, where it matters where they stand; else 0
	standing     Standing
}

// MayWait reports whether who joins by the link may have to wait for an administrator.
func (o OpenLink) MayWait() bool {
	c := o.caseOf(Address{})
	c.Proven = true
	return Decide(o.Organization.Settings, c).Answer == NeedsApproval
}

// caseOf is the case of somebody who joins by the link, with its owner and its places as they were judged.
func (o OpenLink) caseOf(a Address) Case { return o.Link.caseOf(o.owner, a, o.standing.Places) }

// caseOf is the case of somebody who joins by the link, with an owner, into places.
func (l InviteLink) caseOf(owner Actor, a Address, places []Place) Case {
	return Case{Actor: owner, Channel: ChannelInviteLink, Address: a, Offer: l.Offer, Terms: l.Terms, Places: places}
}

// judge reads who answers for the link, unless the link's copy of them will do, and its places. reread says that it will not.
func (o *OpenLink) judge(ctx context.Context, store offerReader, reread bool) (err error) {
	l, org := o.Link, o.Organization.ID
	owner := l.Owner.asMember(org)
	stands := l.Offer.stands(l.Placement)
	if o.owner = l.Owner; !l.Owner.Itself && (reread || stands && !l.Owner.admin()) {
		if owner, err = memberNow(ctx, store, org, l.Owner.ID); err != nil {
			return err
		}
		o.owner = owner.Actor()
	}
	if o.seen = 0; stands && !o.owner.admin() {
		o.seen = owner.Version
	}
	o.standing, err = stand(ctx, store, owner, l.Placement)
	o.standing = o.standing.settled(owner, l.Offer, l.Placement)
	return err
}

// Open says what an invite link leads to. One that nobody can join by is answered beside the refusal that says why, so that
// a page can name the organization; one that opens nothing answers nothing.
func (u Joining) Open(ctx context.Context, org OrganizationID, text string) (OpenLink, error) {
	token, err := ParseToken(text)
	if err != nil || token.Purpose != PurposeLink {
		return OpenLink{}, errLink()
	}
	o, l, err := u.Store.ReadLink(ctx, org, token.Subject)
	if errors.Is(err, ErrNotFound) {
		return OpenLink{}, errLink()
	}
	if err != nil {
		return OpenLink{}, err
	}
	if l.Round != token.Round || !u.Keys.Opens(token, org, l.Nonce) {
		return OpenLink{}, errLink()
	}
	open := OpenLink{Organization: o, Link: l}
	if err := open.judge(ctx, u.Store, false); err != nil {
		return OpenLink{}, err
	}
	err = u.refusal(ctx, &open, Address{})
	return open, err
}

// refusal is nil where somebody with the address can join by the link, or wait.
func (u Joining) refusal(ctx context.Context, open *OpenLink, a Address) error {
	o, l := open.Organization, open.Link
	if err := l.refusal(o, u.World.Instant()); err != nil {
		return err
	}
	err := errDenied(Decide(o.Settings, open.caseOf(a)), a)
	if err == nil || l.Owner.Itself {
		return err
	}
	// Whoever answers for the link may have more rights by now than when they last changed it.
	if err := open.judge(ctx, u.Store, true); err != nil {
		return err
	}
	return errDenied(Decide(o.Settings, open.caseOf(a)), a)
}

// memberReader reads a member, or answers ErrNotFound.
type memberReader interface {
	ReadMember(ctx context.Context, org OrganizationID, id MemberID) (Member, error)
}

// memberNow is a member as they are. Whoever is not there any more has no rights.
func memberNow(ctx context.Context, store memberReader, org OrganizationID, id MemberID) (Member, error) {
	m, err := store.ReadMember(ctx, org, id)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	m.Organization = org
	return m, err
}

// errDenied is what whoever joins is told of a verdict: nothing about the people behind the link.
func errDenied(v Verdict, a Address) error {
	switch {
	case v.Stands():
		return nil
	case v.Rule == "domain_not_allowed":
		return InvalidField("/"+string(a.Kind), "domain_not_allowed", v.Sentence)
	}
	return errLinkDisabled()
}

// JoinProfile is what somebody enters who joins by an invite link.
type JoinProfile struct {
	Address   Address
	Phone     string // in the place of Address, as it was typed: how it is read depends on the organization
	FirstName string
	LastName  string
	Password  string
	Locale    Locale // empty: the organization's
}

// Begin keeps what somebody entered, and owes a code to the address. It looks nobody up: its answer, and what it costs, are
// the same whether or not somebody has that address already.
func (u Joining) Begin(ctx context.Context, org OrganizationID, text string, p JoinProfile, source string) (Join, Token, error) {
	open, err := u.Open(ctx, org, text)
	if err != nil {
		return Join{}, Token{}, err
	}
	o := open.Organization
	if p.Phone != "" {
		if p.Address, err = u.phone(open, p.Phone); err != nil {
			return Join{}, Token{}, err
		}
	}
	first, err1 := requiredName("/first_name", p.FirstName)
	last, err2 := requiredName("/last_name", p.LastName)
	password, err3 := newPassword("/password", p.Password, o, p.Address.Value, p.FirstName, p.LastName)
	err4 := u.refusal(ctx, &open, p.Address)
	if err := joinFields(err4, err1, err2, err3); err != nil {
		return Join{}, Token{}, err
	}
	if _, err := u.count(ctx, org, joinsOfTheSource+source, joinWindow, joinsPerSource); err != nil {
		return Join{}, Token{}, err
	}
	if p.Locale == "" {
		p.Locale = o.Settings.DefaultLocale
	}
	code := newMessage(u.World, MessageJoinCode, p.Locale, 1)
	if err := u.countCode(ctx, o, p.Address, code); err != nil {
		return Join{}, Token{}, err
	}
	now := u.World.Instant()
	j := Join{ID: NewJoinID(u.World), Link: open.Link.ID, LinkRound: open.Link.Round, Address: p.Address, FirstName: first, LastName: last, Locale: p.Locale,
		Password: password.Hash(u.World), Nonce: u.World.Nonce(), CreatedAt: now, ExpiresAt: now.Add(joinLifetime), Version: 1}
	j.newCode(u.World, u.Keys)
	j.owe(code)
	if err := u.Store.CreateJoin(ctx, org, j); err != nil {
		return Join{}, Token{}, err
	}
	return j, u.token(org, j), nil
}

// TakesPhones reports whether somebody can join by the link with a phone number.
func (u Joining) TakesPhones(open OpenLink) bool {
	return u.Texts.Available(open.Organization) && len(open.Link.Terms.Domains) == 0
}

// phone reads a number that is typed where the link takes some.
func (u Joining) phone(open OpenLink, typed string) (Address, error) {
	if !u.Texts.Available(open.Organization) {
		return Address{}, errTextsOff.asError("/phone")
	}
	a, err := ParsePhone(typed, open.Organization.Settings.Country, u.Texts.Numbers)
	if err != nil {
		return a, InvalidValue("/phone", err)
	}
	return a, nil
}

func (u Joining) token(org OrganizationID, j Join) Token {
	return u.Keys.Derive(PurposeJoin, org, j.ID, 1, j.Nonce)
}

func (u Joining) count(ctx context.Context, org OrganizationID, subject string, window time.Duration, limit int) (until time.Time, err error) {
	return countAttempt(ctx, u.World, u.Store, org, subject, window, limit)
}

// attemptStore counts attempts.
type attemptStore interface {
	// CountAttempt adds one to a counter that ends at until, and answers ErrLimit if it stood at limit already.
	CountAttempt(ctx context.Context, org OrganizationID, subject string, until time.Time, limit int) error
}

// countAttempt counts an attempt in the window that now lies in, and answers when that ends. It fails closed.
func countAttempt(ctx context.Context, w World, store attemptStore, org OrganizationID, subject string, window time.Duration, limit int) (
	until time.Time, err error) {
	now := w.Now()
	until = now.Truncate(window).Add(window)
	err = store.CountAttempt(ctx, org, subject, until, limit)
	if errors.Is(err, ErrLimit) {
		err = &Error{Code: TooManyAttempts, Message: "Too many attempts. Wait a little.", RetryAfter: until.Sub(now)}
	}
	return until, err
}

// countCode counts a message with a code: by its mailbox or number, so that nobody's is flooded, and by the organization, apart
// from its invitations, so that a stranger with a link cannot use those up.
func (u Joining) countCode(ctx context.Context, o Organization, a Address, m Message) error {
	return countCode(ctx, u.World, u.Store, u.Texts, o, a, m)
}

func countCode(ctx context.Context, w World, store attemptStore, texts Texts, o Organization, a Address, m Message) error {
	if a.Kind == Phone {
		err := texts.reserveOne(ctx, o, TextCode, m.At, text{to: a, kind: m.Kind, id: m.ID})
		var refusal *TextRefusal
		if errors.As(err, &refusal) {
			return refusal.asError("/phone")
		}
		return err
	}
	// Many providers bring ann+x@ to ann@.
	local, _, _ := strings.Cut(a.Local(), "+")
	mailbox := Address{a.Kind, local + "@" + a.Domain()}
	if _, err := countAttempt(ctx, w, store, o.ID, codesToAddress+NewContactID(o.Salt, mailbox).String(), codesWindow, codesPerAddress); err != nil {
		return err
	}
	_, err := countAttempt(ctx, w, store, o.ID, codesOfTheDay, codesWindow, o.Settings.DailySendLimit)
	return err
}

// Look answers a join that its token opens. One that is over is answered beside the refusal that says so.
func (u Joining) Look(ctx context.Context, org OrganizationID, text string) (Organization, Join, error) {
	token, err := ParseToken(text)
	if err != nil || token.Purpose != PurposeJoin {
		return Organization{}, Join{}, errLink()
	}
	o, j, err := u.Store.ReadJoin(ctx, org, token.Subject)
	if errors.Is(err, ErrNotFound) {
		return Organization{}, Join{}, errLink()
	}
	if err != nil {
		return Organization{}, Join{}, err
	}
	if token.Round != 1 || !u.Keys.Opens(token, org, j.Nonce) {
		return Organization{}, Join{}, errLink()
	}
	switch {
	case !j.Member.IsZero():
		return o, j, errJoined()
	case o.Closed:
		return o, j, errClosed()
	case !u.World.Now().Before(j.ExpiresAt):
		return o, j, errJoinExpired()
	}
	return o, j, nil
}

// Again is the invite link that the join began with, to begin anew with another address. It reports whether that link is still
// the same: whoever has the join is not to learn of another.
func (u Joining) Again(ctx context.Context, org OrganizationID, j Join) (Token, bool, error) {
	_, l, err := u.Store.ReadLink(ctx, org, j.Link)
	if errors.Is(err, ErrNotFound) || err == nil && l.Round != j.LinkRound {
		return Token{}, false, nil
	}
	return l.Token(u.Keys, org), err == nil, err
}

func errJoined() *Error {
	return Refuse(AlreadyJoined, "This has been done already. Sign in instead.")
}

func errJoinExpired() *Error {
	return Refuse(JoinExpired, "This took too long, or was overtaken by a later attempt. Open the link again and start anew.")
}

func errCodeExpired() *Error {
	return Refuse(CodeExpired, "This code does not work any more. Ask for a new one.")
}

// SendCode sends the code again, while the link works. It is the same one while that has half of its time and a try left, so that a mail under way
// stays good; else a new one.
func (u Joining) SendCode(ctx context.Context, org OrganizationID, text string) (Join, error) {
	for range admitAttempts {
		o, j, err := u.Look(ctx, org, text)
		if err != nil {
			return j, err
		}
		if err := u.stillWorks(ctx, org, j); err != nil {
			return j, err
		}
		now := u.World.Instant()
		if wait := j.ResendAt().Sub(now); wait > 0 {
			return j, &Error{Code: TooManyAttempts, Message: "A code was sent within the last minute.", RetryAfter: wait}
		}
		if j.Sent >= codesPerJoin {
			return j, &Error{Code: TooManyAttempts, Message: "Too many codes were asked for. Open the link again and start anew.",
				RetryAfter: j.ExpiresAt.Sub(now)}
		}
		seen := j
		if j.Version++; j.TriesLeft() == 0 || now.Add(codeLifetime/2).After(j.CodeEnds) {
			j.newCode(u.World, u.Keys)
		}
		code := newMessage(u.World, MessageJoinCode, j.Locale, j.Round)
		if err := u.countCode(ctx, o, j.Address, code); errors.Is(err, &Error{Code: Invalid}) {
			return seen, Refuse(Conflict, "No code can be sent to this number any more. Open the link again and start anew.")
		} else if err != nil {
			return seen, err
		}
		j.owe(code)
		if err = u.Store.ReplaceCode(ctx, org, j, seen); !errors.Is(err, ErrConflict) {
			return j, err
		}
	}
	return Join{}, errBusy()
}

// stillWorks is nil while the link that the join began with can be joined by.
func (u Joining) stillWorks(ctx context.Context, org OrganizationID, j Join) error {
	o, l, err := u.Store.ReadLink(ctx, org, j.Link)
	if err != nil {
		return err
	}
	return l.stillWorks(o, j, u.World.Instant())
}

// stillWorks is nil while the link can be joined by and is the one that the join began with. Rotating is the answer to a link
// that got into the wrong hands: it ends what those have begun.
func (l InviteLink) stillWorks(o Organization, j Join, now time.Time) error {
	if l.Round != j.LinkRound {
		return errLinkDisabled()
	}
	return l.refusal(o, now)
}

func errBusy() *Error { return Refuse(Unavailable, "Others are changing the same thing. Try again.") }
