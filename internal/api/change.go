package api

import (
	"context"
	"net/http"
	"time"

	"latchkey/internal/onboarding"
)

// act changes one thing, if match says that it is still as the caller saw it, and answers it as it is then.
type act[ID, T any] = func(ctx context.Context, caller onboarding.Caller, id ID, match func(T) bool, requestID string) (T, error)

// changing serves acts on one kind of thing. What it is, and so its entity tag, may depend on the time.
type changing[ID, T any] struct {
	gate
	repeatable
	id   func(*http.Request) (ID, error) // of the path
	tag  func(T, time.Time) string
	show func(onboarding.Caller, T, time.Time) any
}

// saying reads an act of which there is nothing to say.
func saying[ID, T any](do act[ID, T]) func(*http.Request) (any, act[ID, T], error) {
	return func(r *http.Request) (any, act[ID, T], error) {
		return emptyJSON{}, do, readOptionalJSON(r, &emptyJSON{})
	}
}

func (c changing[ID, T]) now() time.Time { return c.gate.world.Instant() }

// change serves one act. read makes it of the body, and answers what the body asks for.
func (c changing[ID, T]) change(read func(*http.Request) (asked any, do act[ID, T], err error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		caller, err := c.caller(r)
		if err != nil {
			return err
		}
		id, err := c.id(r)
		if err != nil {
			return err
		}
		asked, do, err := read(r)
		if err != nil {
			return err
		}
		tags, err := ifMatch(r)
		if err != nil {
			return err
		}
		now := c.now()
		match := func(thing T) bool { return tags.matches(c.tag(thing, now)) }
		return c.run(w, r, caller, asked, func(requestID string, _ bool) (outcome, error) {
			thing, err := do(r.Context(), caller, id, match, requestID)
			return c.outcome(caller, thing, now), err
		})
	}
}

func (c changing[ID, T]) outcome(caller onboarding.Caller, thing T, now time.Time) outcome {
	shown := c.show(caller, thing, now)
	return outcome{tag: c.tag(thing, now), body: shown, kept: shown}
}
