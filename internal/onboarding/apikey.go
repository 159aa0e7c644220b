package onboarding

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// MaxAPIKeys is how many an organization has.
	MaxAPIKeys = 100

	touchRest = 10 * time.Minute // between two notes of when a key was used
)

// Scope is what an API key reaches: one kind of thing, to read or to write. Writing is not reading.
type Scope string

// Scopes lists them all.
var Scopes = []Scope{
	"invitations:read", "invitations:write", "links:read", "links:write", "members:read", "members:write",
	"requests:read", "requests:write", "settings:read", "settings:write", "structure:read", "structure:write",
}

// ParseScope accepts one of the scopes.
func ParseScope(s string) (Scope, bool) { return Scope(s), slices.Contains(Scopes, Scope(s)) }

// APIKey lets a program do, within its scopes, what its owner may. Its token is not kept.
type APIKey struct {
	ID        APIKeyID
	Name      string
	Scopes    []Scope
	Owner     MemberID
	Hash      string // of the token
	Epoch     int64  // the owner's, which goes up where they lose a right
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	UsedAt    time.Time // zero: not yet; some minutes behind
}

// Reaches reports whether the key has a scope.
func (k APIKey) Reaches(s Scope) bool { return slices.Contains(k.Scopes, s) }

// holds reports whether a token is this key's, and the key is one still.
func (k APIKey) holds(t SessionToken, owner Member, epoch int64, now time.Time) bool {
	return subtle.ConstantTimeCompare([]byte(t.Hash()), []byte(k.Hash)) == 1 && k.Owner == owner.ID && k.Epoch == epoch &&
		(k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt)) && owner.Actor().admin()
}

// KeyStore is what keeping API keys asks of the table.
type KeyStore interface {
	// ListAPIKeys answers all keys of an organization, in the order in which they were made.
	ListAPIKeys(ctx context.Context, org OrganizationID) ([]APIKey, error)
	// CreateAPIKey writes a key that is not there; else ErrConflict.
	CreateAPIKey(ctx context.Context, org OrganizationID, k APIKey) error
	// DeleteAPIKey removes a key; ErrNotFound if there is none.
	DeleteAPIKey(ctx context.Context, org OrganizationID, id APIKeyID) error
}

// Keying is the use case: API keys are made and removed.
type Keying struct {
	World World
	Store KeyStore
}

// KeyCommand makes a key.
type KeyCommand struct {
	Name      string
	Scopes    []Scope
	ExpiresAt time.Time // zero: never
	RequestID string
}

func (c Caller) mayKey() error {
	if !c.Rights().Configure || c.Key != nil {
		return Refuse(Forbidden, "Only administrators make and remove API keys, and no API key does.")
	}
	return nil
}

// Create makes a key that the caller owns, and answers its token, which is shown once. A request that is repeated without its
// answer makes the key anew under the same id, and its token is another one.
func (u Keying) Create(ctx context.Context, caller Caller, cmd KeyCommand) (APIKey, SessionToken, error) {
	if err := caller.mayKey(); err != nil {
		return APIKey{}, SessionToken{}, err
	}
	now, org := u.World.Instant(), caller.Organization.ID
	if !cmd.ExpiresAt.IsZero() && !now.Before(cmd.ExpiresAt) {
		return APIKey{}, SessionToken{}, InvalidField("/expires_at", "past", "This must be in the future, or never.")
	}
	id, err := ParseAPIKeyKey(cmd.RequestID)
	if err != nil {
		return APIKey{}, SessionToken{}, err
	}
	there, err := u.Store.ListAPIKeys(ctx, org)
	if err != nil {
		return APIKey{}, SessionToken{}, err
	}
	if at := slices.IndexFunc(there, func(k APIKey) bool { return k.ID == id }); at >= 0 {
		// Nobody has seen its token: an answer that was given is repeated higher up.
		if err := u.Store.DeleteAPIKey(ctx, org, id); err != nil {
			return APIKey{}, SessionToken{}, err
		}
	} else if len(there) >= MaxAPIKeys {
		return APIKey{}, SessionToken{}, Refuse(LimitReached, fmt.Sprintf("An organization has at most %d API keys.", MaxAPIKeys))
	}
	token := NewSessionToken(u.World, org, caller.Member.ID)
	token.Key = id
	k := APIKey{ID: id, Name: cmd.Name, Scopes: cmd.Scopes, Owner: caller.Member.ID, Hash: token.Hash(), Epoch: caller.KeyEpoch, CreatedAt: now,
		ExpiresAt: cmd.ExpiresAt}
	if err := u.Store.CreateAPIKey(ctx, org, k); errors.Is(err, ErrConflict) {
		return APIKey{}, SessionToken{}, errBusy()
	} else if err != nil {
		return APIKey{}, SessionToken{}, err
	}
	return k, token, nil
}

// Delete ends a key for good.
func (u Keying) Delete(ctx context.Context, caller Caller, id APIKeyID) error {
	if err := caller.mayKey(); err != nil {
		return err
	}
	org := caller.Organization.ID
	if caller.Member.Type == Partner { // who has an administrator's rights, except over administrators
		there, err := u.Store.ListAPIKeys(ctx, org)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(there, func(k APIKey) bool { return k.ID == id && k.Owner != caller.Member.ID }) {
			return Refuse(Forbidden, "A certified partner removes their own API keys alone.")
		}
	}
	err := u.Store.DeleteAPIKey(ctx, org, id)
	if errors.Is(err, ErrNotFound) {
		return Refuse(NotFound, "There is no such API key.")
	}
	return err
}
