// Package onboarding is the domain of Latchkey: who may bring whom into an organization, what an invitation is,
// and what has to hold when it changes. It does no input or output; stores and senders are handed in.
//
// A file with a noun for a name holds a thing (address.go, invitation.go, member.go); a file with a verb holds a use
// case (invite.go, redeem.go, deliver.go) with the small interface it asks of its store.
package onboarding

import (
	"io"
	"time"
)

// World is what a use case takes from outside besides its store: the time, and chance.
type World struct {
	Now  func() time.Time
	Rand io.Reader
}

// Instant is the present in the resolution that is stored: UTC, milliseconds.
func (w World) Instant() time.Time { return w.Now().UTC().Truncate(time.Millisecond) }

// Nonce returns 16 random bytes. The reader must not fail: crypto/rand.Reader does not.
func (w World) Nonce() []byte {
	b := make([]byte, 16)
	if _, err := io.ReadFull(w.Rand, b); err != nil {
		panic("onboarding: no randomness: " + err.Error())
	}
	return b
}
