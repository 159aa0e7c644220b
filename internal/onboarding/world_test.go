package onboarding_test

import (
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

// clock is the time of a test. It stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) world() onboarding.World { return onboarding.World{Now: c.Now, Rand: rand.Reader} }

func testKeys(t testing.TB) onboarding.Keys {
	t.Helper()
	return mustKeys(t, 1, map[byte][]byte{1: []byte("the first master key of the tests")})
}

func mustKeys(t testing.TB, current byte, keys map[byte][]byte) onboarding.Keys {
	t.Helper()
	k, err := onboarding.NewKeys(current, keys)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustEmail(t testing.TB, s string) onboarding.Address {
	t.Helper()
	a, err := onboarding.ParseEmail(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return a
}
