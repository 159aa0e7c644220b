package table_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

// begun is what a request that brings a key is told.
type begun struct {
	requestID string
	status    int
	answer    string
}

func (s *stage) begin(key, hash, attempt string) (begun, error) {
	id, status, answer, err := s.store.BeginRequest(context.WithoutCancel(s.t.Context()), acme, s.admin.Member.ID,
		key, hash, attempt, s.Now())
	return begun{id, status, string(answer)}, err
}

func (s *stage) end(key, attempt, answer string) {
	s.t.Helper()
	s.ok(s.store.EndRequest(s.t.Context(), acme, s.admin.Member.ID, key, attempt, 201, []byte(answer)))
}

func (s *stage) goesOn(got begun, err error, want string) {
	s.t.Helper()
	if err != nil || got != (begun{requestID: want}) {
		s.t.Errorf("%+v, %v; want it to go on as %s", got, err, want)
	}
}

func TestARequestThatEndedIsAnsweredAgain(t *testing.T) {
	s := newStage(t)
	got, err := s.begin("key", "hash", "A")
	s.goesOn(got, err, "A")
	s.end("key", "A", "the answer")
	for _, attempt := range []string{"B", "C"} {
		if got, err := s.begin("key", "hash", attempt); err != nil || got != (begun{"A", 201, "the answer"}) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	_, err = s.begin("key", "another hash", "D")
	s.refused(err, onboarding.KeyReused)
	got, err = s.begin("another key", "another hash", "E")
	s.goesOn(got, err, "E")
	id, _, _, err := s.store.BeginRequest(t.Context(), acme, onboarding.MemberID{1}, "key", "hash", "F", s.Now())
	if id != "F" || err != nil {
		t.Errorf("another caller's key is in the way: %s, %v", id, err)
	}
}

func TestARequestUnderWayIsNotBegunAgain(t *testing.T) {
	s := newStage(t)
	got, err := s.begin("key", "hash", "A")
	s.goesOn(got, err, "A")
	_, err = s.begin("key", "hash", "B")
	s.refused(err, onboarding.InProgress)
	if e := (*onboarding.Error)(nil); !errors.As(err, &e) || e.RetryAfter <= 0 {
		t.Error("it is not told when to come again")
	}
	_, err = s.begin("key", "another hash", "C")
	s.refused(err, onboarding.KeyReused)
	got, err = s.begin("key", "hash", "A") // the SDK's own repetition
	s.goesOn(got, err, "A")
}

func TestARequestThatDiedGoesOnUnderItsFirstID(t *testing.T) {
	s := newStage(t)
	_, err := s.begin("key", "hash", "A")
	s.ok(err)
	s.advance(45 * time.Second)
	_, err = s.begin("key", "hash", "B")
	s.refused(err, onboarding.InProgress)
	s.advance(time.Millisecond)
	_, err = s.begin("key", "another hash", "B")
	s.refused(err, onboarding.KeyReused)
	got, err := s.begin("key", "hash", "B")
	s.goesOn(got, err, "A")
	_, err = s.begin("key", "hash", "C")
	s.refused(err, onboarding.InProgress)
	s.end("key", "A", "from the dead") // it was only slow: its answer counts no more
	_, err = s.begin("key", "hash", "C")
	s.refused(err, onboarding.InProgress)
	s.end("key", "B", "the answer")
	if got, err := s.begin("key", "hash", "D"); err != nil || got != (begun{"A", 201, "the answer"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAReleasedKeyIsFree(t *testing.T) {
	s := newStage(t)
	release := func(key, attempt string, refused bool) {
		t.Helper()
		s.ok(s.store.ReleaseRequest(t.Context(), acme, s.admin.Member.ID, key, attempt, refused))
	}
	t.Run("for the same request where it failed", func(*testing.T) {
		_, err := s.begin("failed", "hash", "A")
		s.ok(err)
		release("failed", "B", false) // somebody else's
		_, err = s.begin("failed", "hash", "B")
		s.refused(err, onboarding.InProgress)
		release("failed", "A", false)
		_, err = s.begin("failed", "another hash", "B")
		s.refused(err, onboarding.KeyReused)
		got, err := s.begin("failed", "hash", "B")
		s.goesOn(got, err, "A")
		_, err = s.begin("failed", "hash", "C")
		s.refused(err, onboarding.InProgress)
	})
	t.Run("for any where it was refused", func(*testing.T) {
		_, err := s.begin("refused", "hash", "A")
		s.ok(err)
		release("refused", "A", true)
		got, err := s.begin("refused", "another hash", "B")
		s.goesOn(got, err, "B")
		_, err = s.begin("refused", "another hash", "C")
		s.refused(err, onboarding.InProgress)
	})
	t.Run("not where it has ended", func(*testing.T) {
		_, err := s.begin("ended", "hash", "A")
		s.ok(err)
		s.end("ended", "A", "the answer")
		release("ended", "A", true)
		if got, err := s.begin("ended", "hash", "B"); err != nil || got.answer != "the answer" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestAKeyIsForgottenAfterADay(t *testing.T) {
	s := newStage(t)
	_, err := s.begin("key", "hash", "A")
	s.ok(err)
	s.end("key", "A", "the answer")
	s.advance(24*time.Hour - time.Second)
	if got, err := s.begin("key", "hash", "B"); err != nil || got.answer != "the answer" {
		t.Errorf("%+v, %v", got, err)
	}
	s.advance(time.Second) // though the item is still there: TTL is only a broom
	got, err := s.begin("key", "another hash", "C")
	s.goesOn(got, err, "C")
	_, err = s.begin("key", "another hash", "D")
	s.refused(err, onboarding.InProgress)
}

func TestOneOfManyBeginsARequest(t *testing.T) {
	for name, prepare := range map[string]func(*stage){
		"with a key that is new": func(*stage) {},
		"with a key of the dead": func(s *stage) { _, err := s.begin("key", "hash", "dead"); s.ok(err); s.advance(time.Minute) },
		"with a key that was released": func(s *stage) {
			_, err := s.begin("key", "hash", "dead")
			s.ok(err)
			s.ok(s.store.ReleaseRequest(s.t.Context(), acme, s.admin.Member.ID, "key", "dead", true))
		},
		"with a key that is forgotten": func(s *stage) {
			_, err := s.begin("key", "hash", "old")
			s.ok(err)
			s.end("key", "old", "the answer")
			s.advance(24 * time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			for range 3 {
				prepare(s)
				var mu sync.Mutex
				won := 0
				var group sync.WaitGroup
				for i := range 8 {
					group.Go(func() {
						got, err := s.begin("key", "hash", string(rune('A'+i)))
						mu.Lock()
						defer mu.Unlock()
						switch {
						case err == nil && got.status == 0:
							won++
						case codeOf(err) != onboarding.InProgress:
							t.Errorf("%+v, %v", got, err)
						}
					})
				}
				group.Wait()
				if won != 1 {
					t.Fatalf("%d of 8 go on", won)
				}
				s.advance(48 * time.Hour)
			}
		})
	}
}
