package onboarding

import (
	"context"
	"errors"
	"time"
)

// sessionLifetime is how long one sign-in lasts.
const sessionLifetime = 14 * 24 * time.Hour

// Session is a sign-in. Its token is not kept; Hash finds it.
type Session struct {
	Hash      string
	Member    MemberID
	Epoch     int64 // the member's epoch when it began
	CreatedAt time.Time
	ExpiresAt time.Time
}

// NewSession begins a session and answers its token, which is shown once.
func NewSession(w World, org OrganizationID, member MemberID, epoch int64) (Session, SessionToken) {
	token, now := NewSessionToken(w, org, member), w.Instant()
	return Session{Hash: token.Hash(), Member: member, Epoch: epoch, CreatedAt: now, ExpiresAt: now.Add(sessionLifetime)}, token
}

// Caller is who makes a request: a member of an organization with a session that holds.
type Caller struct {
	Organization Organization
	Member       Member
	Session      Session
}

// Rights are what the caller may do.
func (c Caller) Rights() Rights { return RightsOf(c.Organization.Settings, c.Member.Actor()) }

// offers asks the policy whether the caller may invite somebody as what the offer says.
func (c Caller) offers(o Offer) Verdict {
	return Decide(c.Organization.Settings, Case{Actor: c.Member.Actor(), Channel: ChannelInvitation, Offer: o})
}

// CallerStore reads whom a token names.
type CallerStore interface {
	// ReadCaller reads organization, member, the member's epoch and session in one consistent read.
	// It returns ErrNotFound if any is missing.
	ReadCaller(ctx context.Context, t SessionToken) (c Caller, epoch int64, err error)
}

// Authenticate finds the caller that a token names, as they are now: a dismissal or a demotion counts at once. Somebody who
// waits for approval, or was rejected, is nobody's caller but Visitor's.
func Authenticate(ctx context.Context, store CallerStore, w World, text string) (Caller, error) {
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
	if c.Session.Member != c.Member.ID || c.Session.Epoch != epoch || !w.Now().Before(c.Session.ExpiresAt) {
		return Caller{}, errSignIn()
	}
	if c.Member.Status != MemberActive && !c.Member.Status.Applicant() {
		return Caller{}, errSignIn()
	}
	return c, nil
}

func errSignIn() *Error { return Refuse(Unauthenticated, "Sign in first.") }

// ErrNotFound is what a store answers where there is no such item.
var ErrNotFound = errors.New("not found")

// ErrConflict is what a store answers where an item changed between reading and writing. Read again.
var ErrConflict = errors.New("changed meanwhile")
