package table_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

const source = "192.0.2.1"

func (s *stage) signIn(login, secret string) (onboarding.Caller, onboarding.SessionToken, error) {
	return s.signingIn(s.store).SignIn(s.t.Context(), acme, login, secret, source)
}

func (s *stage) authenticate(token onboarding.SessionToken) (onboarding.Caller, error) {
	return onboarding.Authenticate(s.t.Context(), s.store, s.world(), token.Reveal())
}

func TestSigningInBeginsASession(t *testing.T) {
	s := newStage(t)
	caller, token, err := s.signIn(" ADA@Example.com ", password)
	s.ok(err)
	if caller.Member.ID != s.admin.Member.ID || caller.Organization.Name != "Acme" || !caller.Rights().InviteAdmins {
		t.Errorf("%+v", caller)
	}
	me, err := s.authenticate(token)
	s.ok(err)
	if !reflect.DeepEqual(me.Member, caller.Member) || me.Session != caller.Session {
		t.Errorf("%+v, signed in as %+v", me, caller)
	}
	s.advance(14*24*time.Hour - time.Millisecond)
	_, err = s.authenticate(token)
	s.ok(err)
	s.advance(time.Millisecond)
	_, err = s.authenticate(token)
	s.refused(err, onboarding.Unauthenticated)
}

func TestWhoMayNotSignInGetsOneAnswer(t *testing.T) {
	s := newStage(t)
	gone := s.join("gone@example.com")
	s.dismiss(gone.Member.ID)
	s.invite("ann@example.com")
	var want string
	for name, c := range map[string]struct {
		org           onboarding.OrganizationID
		login, secret string
	}{
		"a wrong password":                  {acme, "ada@example.com", password + "!"},
		"no password":                       {acme, "ada@example.com", ""},
		"a password too long":               {acme, "ada@example.com", fmt.Sprintf("%2000s", password)},
		"nobody":                            {acme, "nobody@example.com", password},
		"somebody invited":                  {acme, "ann@example.com", password},
		"somebody dismissed":                {acme, "gone@example.com", password},
		"no address":                        {acme, "ada", password},
		"nothing":                           {acme, "", ""},
		"an organization that is not there": {"nowhere", "ada@example.com", password},
	} {
		_, token, err := s.signingIn(s.store).SignIn(t.Context(), c.org, c.login, c.secret, source)
		if codeOf(err) != onboarding.WrongCredentials || token != (onboarding.SessionToken{}) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want == "" {
			want = err.Error()
		}
		if err.Error() != want {
			t.Errorf("%s: %q, others get %q", name, err, want)
		}
	}
	if n := s.count("SESSION#"); n != 1 { // gone@'s, from joining
		t.Errorf("%d sessions", n)
	}
}

func TestASessionIsAsGoodAsItsMemberIsNow(t *testing.T) {
	s := newStage(t)
	_, token, err := s.signIn("ada@example.com", password)
	s.ok(err)
	s.demote(s.admin.Member.ID)
	me, err := s.authenticate(token)
	s.ok(err)
	if me.Rights().Invite {
		t.Error("a demotion does not count at once")
	}
	s.dismiss(s.admin.Member.ID)
	_, err = s.authenticate(token)
	s.refused(err, onboarding.Unauthenticated)
	s.poke(memberSK(s.admin.Member.ID), map[string]any{"member.status": onboarding.MemberActive})
	_, err = s.authenticate(token)
	s.ok(err)
	s.poke(memberSK(s.admin.Member.ID), map[string]any{"session_epoch": 2})
	_, err = s.authenticate(token)
	s.refused(err, onboarding.Unauthenticated)
}

func TestASessionTokenOpensNothingElse(t *testing.T) {
	s := newStage(t)
	bob := s.join("bob@example.com")
	_, token, err := s.signIn("ada@example.com", password)
	s.ok(err)
	other := token
	other.Member = bob.Member.ID
	elsewhere := token
	elsewhere.Organization = "other"
	for name, text := range map[string]string{
		"nothing": "", "rubbish": "rubbish", "one letter off": token.Reveal()[:len(token.Reveal())-1] + "_",
		"of another member": other.Reveal(), "of another organization": elsewhere.Reveal(),
		"that nobody got": onboarding.NewSessionToken(s.world(), acme, s.admin.Member.ID).Reveal(),
	} {
		if _, err := onboarding.Authenticate(t.Context(), s.store, s.world(), text); codeOf(err) != onboarding.Unauthenticated {
			t.Errorf("a token %s: %v", name, err)
		}
	}
}

func TestSigningOutEndsTheSession(t *testing.T) {
	s := newStage(t)
	_, token, err := s.signIn("ada@example.com", password)
	s.ok(err)
	_, another, err := s.signIn("ada@example.com", password)
	s.ok(err)
	me, err := s.authenticate(token)
	s.ok(err)
	for range 2 {
		s.ok(s.signingIn(s.store).SignOut(t.Context(), me))
	}
	_, err = s.authenticate(token)
	s.refused(err, onboarding.Unauthenticated)
	_, err = s.authenticate(another)
	s.ok(err)
}

func (s *stage) tooMany(err error, want time.Duration) {
	s.t.Helper()
	s.refused(err, onboarding.TooManyAttempts)
	if e := (*onboarding.Error)(nil); !errors.As(err, &e) || e.RetryAfter != want {
		s.t.Errorf("again in %v, want %v", e.RetryAfter, want)
	}
}

// guessed makes a counter of this quarter of an hour stand at n, without the hashes that n guesses cost.
func (s *stage) guessed(subject string, n int) {
	s.t.Helper()
	until := onboarding.FormatTime(s.Now().Truncate(15 * time.Minute).Add(15 * time.Minute))
	s.poke("ATTEMPTS#"+subject+"#"+until, map[string]any{"attempts": n})
}

func TestALoginIsGuessedTenTimes(t *testing.T) {
	s := newStage(t)
	s.advance(time.Minute)
	guess := func() error { _, _, err := s.signIn("ada@example.com", "wrong"); return err }
	s.refused(guess(), onboarding.WrongCredentials)
	s.guessed("sign-in#login#"+s.id("ada@example.com").String(), 9)
	s.refused(guess(), onboarding.WrongCredentials)
	_, _, err := s.signIn("Ada@Example.com", password)
	s.tooMany(err, 14*time.Minute)
	_, _, err = s.signIn("nobody@example.com", "wrong") // others are not held up
	s.refused(err, onboarding.WrongCredentials)
	s.advance(14 * time.Minute)
	_, _, err = s.signIn("ada@example.com", password)
	s.ok(err)
}

func TestASourceGuessesAHundredTimes(t *testing.T) {
	s := newStage(t)
	s.guessed("sign-in#source#"+source, 99)
	_, _, err := s.signIn("nobody@example.com", "wrong")
	s.refused(err, onboarding.WrongCredentials)
	_, _, err = s.signIn("ada@example.com", password)
	s.tooMany(err, 15*time.Minute)
	_, _, err = s.signingIn(s.store).SignIn(t.Context(), acme, "ada@example.com", password, "192.0.2.2")
	s.ok(err)
}

func TestACounterNeverPassesItsLimit(t *testing.T) {
	s := newStage(t)
	var counted, refused atomic.Int64
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			for range 5 {
				switch err := s.store.CountAttempt(context.Background(), acme, "guess", s.Now(), 30); {
				case err == nil:
					counted.Add(1)
				case errors.Is(err, onboarding.ErrLimit):
					refused.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if counted.Load() != 30 || refused.Load() != 70 {
		t.Errorf("%d counted and %d refused of 100, at a limit of 30", counted.Load(), refused.Load())
	}
	s.ok(s.store.CountAttempt(t.Context(), acme, "guess", s.Now().Add(time.Minute), 30))
	s.ok(s.store.CountAttempt(t.Context(), acme, "another", s.Now(), 30))
}

const another = "tractor umbrella violin"

func TestChangingThePasswordEndsEverySessionButOne(t *testing.T) {
	s := newStage(t)
	_, first, err := s.signIn("ada@example.com", password)
	s.ok(err)
	caller, second, err := s.signIn("ada@example.com", password)
	s.ok(err)
	s.ok(s.signingIn(s.store).RequestReset(t.Context(), acme, "ada@example.com", source))
	reset := tokenIn(s.mail()[0])
	for name, c := range map[string]struct {
		current, next, pointer string
	}{
		"a wrong current password": {"wrong", another, "/current_password"},
		"a next one too short":     {password, "short", "/new_password"},
		"a next one of one's name": {password, "ada.byron@example.com", "/new_password"},
	} {
		_, _, err := s.signingIn(s.store).ChangePassword(t.Context(), caller, c.current, c.next)
		if e := (*onboarding.Error)(nil); !errors.As(err, &e) || e.Code != onboarding.Invalid || e.Fields[0].Pointer != c.pointer {
			t.Errorf("%s: %v", name, err)
		}
	}
	changed, third, err := s.signingIn(s.store).ChangePassword(t.Context(), caller, password, another)
	s.ok(err)
	if changed.Member.ID != caller.Member.ID {
		t.Errorf("%+v", changed.Member)
	}
	for name, token := range map[string]onboarding.SessionToken{"another": first, "the one it was changed in": second} {
		if _, err := s.authenticate(token); codeOf(err) != onboarding.Unauthenticated {
			t.Errorf("%s session: %v", name, err)
		}
	}
	_, err = s.authenticate(third)
	s.ok(err)
	_, _, err = s.signIn("ada@example.com", password)
	s.refused(err, onboarding.WrongCredentials)
	_, _, err = s.signIn("ada@example.com", another)
	s.ok(err)
	_, _, err = s.signingIn(s.store).OpenReset(t.Context(), acme, reset)
	s.refused(err, onboarding.LinkInvalid)
	_, _, err = s.signingIn(s.store).ChangePassword(t.Context(), caller, another,
		"umbrella violin tractor") // in the session of before
	s.refused(err, onboarding.Unauthenticated)
}

func TestTheCurrentPasswordIsGuessedTenTimes(t *testing.T) {
	s := newStage(t)
	caller, _, err := s.signIn("ada@example.com", password)
	s.ok(err)
	guess := func() error {
		_, _, err := s.signingIn(s.store).ChangePassword(t.Context(), caller, "wrong", another)
		return err
	}
	s.refused(guess(), onboarding.Invalid)
	s.guessed("change#"+caller.Member.ID.Key(), 9)
	s.refused(guess(), onboarding.Invalid)
	_, _, err = s.signingIn(s.store).ChangePassword(t.Context(), caller, password, another)
	s.tooMany(err, 15*time.Minute)
}

func TestAForgottenPasswordIsSetByMailOnce(t *testing.T) {
	s := newStage(t)
	_, old, err := s.signIn("ada@example.com", password)
	s.ok(err)
	s.poke(memberSK(s.admin.Member.ID), map[string]any{"member.email_verified": false})
	s.ok(s.signingIn(s.store).RequestReset(t.Context(), acme, "Ada@example.com", source))
	letters := s.mail()
	if len(letters) != 1 || letters[0].Kind != onboarding.MessagePasswordReset || !letters[0].Until.Equal(s.Now().Add(time.Hour)) {
		t.Fatalf("%+v", letters)
	}
	token := tokenIn(letters[0])
	open, _, err := s.signingIn(s.store).OpenReset(t.Context(), acme, token)
	s.ok(err)
	if open.Member.ID != s.admin.Member.ID || open.First() {
		t.Errorf("%+v", open.Member)
	}
	_, _, err = s.signingIn(s.store).SetPassword(t.Context(), acme, token, "short")
	s.refused(err, onboarding.Invalid)
	caller, session, err := s.signingIn(s.store).SetPassword(t.Context(), acme, token, another)
	s.ok(err)
	stored, err := s.store.ReadMember(t.Context(), acme, s.admin.Member.ID)
	s.ok(err)
	if !reflect.DeepEqual(stored, caller.Member) || !stored.EmailVerified {
		t.Errorf("answered %+v, stored %+v", caller.Member, stored)
	}
	_, err = s.authenticate(session)
	s.ok(err)
	_, err = s.authenticate(old)
	s.refused(err, onboarding.Unauthenticated)
	_, _, err = s.signIn("ada@example.com", another)
	s.ok(err)
	_, _, err = s.signingIn(s.store).SetPassword(t.Context(), acme, token, "umbrella violin tractor")
	s.refused(err, onboarding.LinkInvalid)
	_, _, err = s.signingIn(s.store).OpenReset(t.Context(), acme, token)
	s.refused(err, onboarding.LinkInvalid)
}

func TestAResetThatCannotBeUsedIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(*stage)
		want    onboarding.Code
	}{
		"its hour is over":        {func(s *stage) { s.advance(time.Hour) }, onboarding.LinkExpired},
		"the member is dismissed": {func(s *stage) { s.dismiss(s.admin.Member.ID) }, onboarding.LinkInvalid},
		"the nonce is another": {func(s *stage) {
			s.poke(memberSK(s.admin.Member.ID), map[string]any{"reset_nonce": []byte("sixteen bytes 16")})
		}, onboarding.LinkInvalid},
		"the round is another": {func(s *stage) {
			s.poke(memberSK(s.admin.Member.ID), map[string]any{"reset_round": 2})
		}, onboarding.LinkInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.ok(s.signingIn(s.store).RequestReset(t.Context(), acme, "ada@example.com", source))
			token := tokenIn(s.mail()[0])
			c.happens(s)
			_, _, err := s.signingIn(s.store).OpenReset(t.Context(), acme, token)
			s.refused(err, c.want)
			_, _, err = s.signingIn(s.store).SetPassword(t.Context(), acme, token, another)
			s.refused(err, c.want)
		})
	}
	s := newStage(t)
	_, _, err := s.signingIn(s.store).OpenReset(t.Context(), acme, s.invited("ann@example.com"))
	s.refused(err, onboarding.LinkInvalid) // an invitation's link
}

func TestAskingForAResetTellsNothing(t *testing.T) {
	s := newStage(t)
	gone := s.join("gone@example.com")
	s.dismiss(gone.Member.ID)
	s.invite("ann@example.com")
	s.mail()
	for name, login := range map[string]string{"nobody": "nobody@example.com", "somebody dismissed": "gone@example.com",
		"somebody invited": "ann@example.com", "no address": "ada", "nothing": ""} {
		if err := s.signingIn(s.store).RequestReset(t.Context(), acme, login, source); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.ok(s.signingIn(s.store).RequestReset(t.Context(), "nowhere", "ada@example.com", source))
	if l := s.mail(); len(l) != 0 {
		t.Errorf("%d are mailed", len(l))
	}
	if n := s.count("MEMBER#"); n != 2 {
		t.Errorf("%d members: asking makes one", n)
	}
}

func TestAskingTwiceMailsTheSameLinkWhileItIsYoung(t *testing.T) {
	s := newStage(t)
	ask := func() onboarding.Letter {
		t.Helper()
		s.ok(s.signingIn(s.store).RequestReset(t.Context(), acme, "ada@example.com", source))
		l := s.mail()
		if len(l) != 1 {
			t.Fatalf("%d letters", len(l))
		}
		return l[0]
	}
	first := ask()
	s.advance(29 * time.Minute)
	if second := ask(); second.Link != first.Link || !second.Until.Equal(first.Until) {
		t.Error("a second request kills the mail that is under way")
	}
	s.advance(2 * time.Minute)
	third := ask()
	if third.Link == first.Link || !third.Until.Equal(s.Now().Add(time.Hour)) {
		t.Error("an old link is mailed again")
	}
	_, _, err := s.signingIn(s.store).OpenReset(t.Context(), acme, tokenIn(first))
	s.refused(err, onboarding.LinkInvalid)
	ask()
	ask()
	s.tooMany(s.signingIn(s.store).RequestReset(t.Context(), acme, "ada@example.com", source),
		s.Now().Truncate(24*time.Hour).Add(24*time.Hour).Sub(s.Now()))
}
