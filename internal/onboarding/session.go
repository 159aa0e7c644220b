package onboarding

import (
	"context"
	"errors"
	"time"
)

// sessionLifetime is how long one sign-in lasts.
const (
	sessionLifetime = 14 * 24 * time.Hour
	changeLifetime  = time.Hour // of one that was begun with a one-time password
)

// Session is a sign-in. Its token is not kept; Hash finds it.
type Session struct {
	Hash      string
	Member    MemberID
	Epoch     int64 // the member's epoch when it began
	CreatedAt time.Time
	ExpiresAt time.Time

	MustChange bool // whether it was begun with a one-time password: it chooses a password, and does nothing else
}

// NewSession begins a session and answers its token, which is shown once.
func NewSession(w World, org OrganizationID, member MemberID, epoch int64) (Session, SessionToken) {
	token, now := NewSessionToken(w, org, member), w.Instant()
	return Session{Hash: token.Hash(), Member: member, Epoch: epoch, CreatedAt: now, ExpiresAt: now.Add(sessionLifetime)}, token
}

// Caller is who makes a request: a member of an organization with a session that holds, or an API key that acts for them.
type Caller struct {
	Organization Organization
	Member       Member
	Session      Session
	Key          *APIKey // nil: there is a session
	KeyEpoch     int64   // of the member: API keys of an older one are none
}

// Rights are what the caller may do.
func (c Caller) Rights() Rights { return RightsOf(c.Organization.Settings, c.Member.Actor()) }

// offers asks the policy whether the caller may invite somebody as what the offer says, into places, and of a firm.
func (c Caller) offers(o Offer, places []Place, f Firm) Verdict {
	return Decide(c.Organization.Settings, Case{Actor: c.Member.Actor(), Channel: ChannelInvitation, Offer: o,
		Places: c.Member.judged(o, places), Firm: f})
}

// offersAgain asks it about an offer that there is.
func (c Caller) offersAgain(ctx context.Context, store PlaceReader, i Invitation) (Verdict, error) {
	s, err := stand(ctx, store, c.Member, i.Placement)
	return c.offers(Offer{i.MemberType, i.Role}, s.Places, i.Firm), err
}

// CallerStore reads whom a token names.
type CallerStore interface {
	// ReadCaller reads organization, member, the member's epoch, and session or API key in one consistent read.
	// It returns ErrNotFound if any is missing.
	ReadCaller(ctx context.Context, t SessionToken) (c Caller, epoch int64, err error)
	// TouchAPIKey notes when a key was used, unless that was noted since before.
	TouchAPIKey(ctx context.Context, org OrganizationID, id APIKeyID, now, before time.Time) error
}

// Authenticate finds the caller that a token names, as they are now: a dismissal or a demotion counts at once. Somebody who
// waits for approval, or was rejected, is nobody's caller but Visitor's.
func Authenticate(ctx context.Context, store CallerStore, w World, text string) (Caller, error) {
	c, err := PasswordChooser(ctx, store, w, text)
	if err == nil && c.Session.MustChange {
		return Caller{}, Refuse(PasswordChange, "Choose a password of your own first.")
	}
	return c, err
}

// PasswordChooser is Authenticate for choosing a password, which whoever has signed in with a one-time password may too.
func PasswordChooser(ctx context.Context, store CallerStore, w World, text string) (Caller, error) {
	c, err := Visitor(ctx, store, w, text)
	if err == nil && c.Member.Status.Applicant() {
		return Caller{}, Refuse(ApprovalPending, "You are not a member yet. An administrator decides on your request to join.")
	}
	return c, err
}

// Visitor is Authenticate for the few places where applicants see where they stand.
func Visitor(ctx context.Context, store CallerStore, w World, text string) (Caller, error) {
	token, err := ParseSessionToken(text)
	if err != nil {
		return Caller{}, errSignIn()
	}
	c, epoch, err := store.ReadCaller(ctx, token)
	if errors.Is(err, ErrNotFound) {
		return Caller{}, errSignIn()
	}
	if err != nil {
		return Caller{}, err
	}
	if c.Key != nil {
		if !c.Key.holds(token, c.Member, c.KeyEpoch, w.Now()) || c.Member.Ended(w.Now()) {
			return Caller{}, errSignIn()
		}
		if now := w.Instant(); now.Sub(c.Key.UsedAt) > touchRest {
			// A note that fails is made the next time.
			_ = store.TouchAPIKey(ctx, c.Organization.ID, c.Key.ID, now, now.Add(-touchRest))
		}
		return c, nil
	}
	if c.Session.Member != c.Member.ID || c.Session.Epoch != epoch || !w.Now().Before(c.Session.ExpiresAt) {
		return Caller{}, errSignIn()
	}
	if c.Member.Status != MemberActive && !c.Member.Status.Applicant() || c.Member.Ended(w.Now()) {
		return Caller{}, errSignIn()
	}
	return c, nil
}

func errSignIn() *Error { return Refuse(Unauthenticated, "Sign in first.") }

// ErrNotFound is what a store answers where there is no such item.
var ErrNotFound = errors.New("not found")

// ErrPlaceGone is what a store answers where a department or a group is not there any more, or is being removed.
var ErrPlaceGone = errors.New("the place has gone")

// ErrSeatsFull is what a store answers where all seats of an organization are taken.
var ErrSeatsFull = errors.New("all seats are taken")

// ErrLastAdministrator is what a store answers where an organization would be left without an administrator.
var ErrLastAdministrator = errors.New("the last administrator")

// ErrConflict is what a store answers where an item changed between reading and writing. Read again.
var ErrConflict = errors.New("changed meanwhile")
