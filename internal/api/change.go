package api

import (
	"context"
	"net/http"

	"latchkey/internal/onboarding"
)

// act changes one thing, if match says that it is still as the caller saw it, and answers it as it is then.
type act[ID, T any] = func(ctx context.Context, caller onboarding.Caller, id ID, match func(T) bool, requestID string) (T, error)

// changing serves acts on one kind of thing.
type changing[ID, T any] struct {
	gate
	repeatable
	id   func(*http.Request) (ID, error) // of the path
	tag  func(T) string
	show func(onboarding.Caller, T) any
}

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
		match := func(thing T) bool { return tags.matches(c.tag(thing)) }
		return c.run(w, r, caller, asked, func(requestID string, _ bool) (outcome, error) {
			thing, err := do(r.Context(), caller, id, match, requestID)
			return c.outcome(caller, thing), err
		})
	}
}

func (c changing[ID, T]) outcome(caller onboarding.Caller, thing T) outcome {
	shown := c.show(caller, thing)
	return outcome{tag: c.tag(thing), body: shown, kept: shown}
}
