package table_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"

	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

// attempt is a join, with what its page and its mail know of it.
type attempt struct {
	onboarding.Join
	token, code string
}

func (s *stage) attempted(j onboarding.Join) attempt {
	return attempt{j, s.keys.Derive(onboarding.PurposeJoin, acme, j.ID, 1, j.Nonce).Reveal(),
		s.keys.ProofCode(acme, j).Reveal()}
}

// begins begins to join by a link, as its page does.
func (s *stage) begins(l onboarding.InviteLink, address string, edits ...func(*onboarding.JoinProfile)) (
	attempt, error) {
	s.t.Helper()
	p := onboarding.JoinProfile{Address: s.address(address), FirstName: "Ann", LastName: "Lee", Password: password}
	for _, edit := range edits {
		edit(&p)
	}
	j, token, err := s.joining(s.store).Begin(s.t.Context(), acme, s.linkToken(l), p, source)
	a := s.attempted(j)
	a.token = token.Reveal()
	return a, err
}

// attempt begins to join by a link: the store's write, without the wait for a hash. The password is the
// administrator's.
func (s *stage) attempt(l onboarding.InviteLink, address string, edits ...func(*onboarding.Join)) attempt {
	s.t.Helper()
	now, id := s.Now(), s.request()
	j := onboarding.Join{ID: onboarding.NewJoinID(s.world()), Link: l.ID, LinkRound: l.Round, Address: s.address(address),
		FirstName: "Ann", LastName: "Lee", Locale: onboarding.English, Password: founded.credentials.Password,
		Nonce: s.world().Nonce(), Key: s.keys.Current(), Round: 1,
		CodeAt: now, CodeEnds: now.Add(10 * time.Minute), SentAt: now, Sent: 1, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		Messages: []onboarding.Message{{ID: id, Kind: onboarding.MessageJoinCode, Locale: onboarding.English, At: now,
			Round: 1}},
		Version: 1}
	for _, edit := range edits {
		edit(&j)
	}
	s.ok(s.store.CreateJoin(s.t.Context(), acme, j))
	return s.attempted(j)
}

// address reads an email address, or a phone number where it begins like one.
func (s *stage) address(address string) onboarding.Address {
	s.t.Helper()
	a, err := onboarding.ParseEmail(address)
	if isPhone(address) {
		a, err = onboarding.ParsePhone(address, "GB", dial{})
	}
	s.ok(err)
	return a
}

func (s *stage) verify(a attempt) (onboarding.Caller, onboarding.SessionToken, error) {
	return s.joining(s.store).Verify(s.t.Context(), acme, a.token, a.code)
}

// verified proves the mailbox of an attempt, which must bring a member or an applicant in.
func (s *stage) verified(a attempt) onboarding.Caller {
	s.t.Helper()
	caller, _, err := s.verify(a)
	s.ok(err)
	return caller
}

// joins joins by a link.
func (s *stage) joins(l onboarding.InviteLink, address string) onboarding.Caller {
	s.t.Helper()
	return s.verified(s.attempt(l, address))
}

// applies joins by the link that every organization has.
func (s *stage) applies(address string) onboarding.Caller {
	s.t.Helper()
	return s.joins(onboarding.InviteLink{Round: 1}, address)
}

func (s *stage) sendCode(a attempt) (attempt, error) {
	j, err := s.joining(s.store).SendCode(s.t.Context(), acme, a.token)
	return s.attempted(j), err
}

// wrong is an attempt with another code than the one that was mailed.
func (a attempt) wrong() attempt {
	if a.code == "000000" {
		a.code = "111111"
	} else {
		a.code = "000000"
	}
	return a
}

// stored is the join as it lies.
func (s *stage) stored(a attempt) onboarding.Join {
	s.t.Helper()
	_, j, err := s.store.ReadJoin(s.t.Context(), acme, a.ID)
	s.ok(err)
	return j
}

// fieldOf is where the first fault of an invalid request is, and what it is.
func fieldOf(err error) string {
	if e, ok := err.(*onboarding.Error); ok && e.Code == onboarding.Invalid && len(e.Fields) > 0 {
		return e.Fields[0].Pointer + " " + e.Fields[0].Code
	}
	return fmt.Sprint(err)
}

func (s *stage) member(id onboarding.MemberID) onboarding.Member {
	s.t.Helper()
	m, err := s.store.ReadMember(s.t.Context(), acme, id)
	s.ok(err)
	return m
}

func TestJoiningByLinkTakesTheCodeThatIsMailed(t *testing.T) {
	s := newStage(t, nobodyWaits)
	a, err := s.begins(s.defaultLink(), "Ann@Example.com", func(p *onboarding.JoinProfile) {
		p.FirstName, p.Locale = " Ann ", onboarding.German
	})
	s.ok(err)
	letters := s.mail()
	if len(letters) != 1 {
		t.Fatalf("%d letters", len(letters))
	}
	if l := letters[0]; l.Kind != onboarding.MessageJoinCode || l.To.Value != "ann@example.com" || l.Code != a.code ||
		l.Recipient != "Ann" || l.Link != "" || l.Locale != onboarding.German || !l.Until.Equal(s.Now().Add(10*time.Minute)) ||
		l.Until != a.CodeEnds {
		t.Errorf("%+v", l)
	}
	_, open, err := s.joining(s.store).Look(t.Context(), acme, a.token)
	s.ok(err)
	if a.Messages = nil; !reflect.DeepEqual(open, a.Join) || open.TriesLeft() != 5 ||
		!open.ExpiresAt.Equal(s.Now().Add(time.Hour)) {
		t.Errorf("answered %+v, stored %+v", a.Join, open)
	}
	if s.count("CONTACT#") != 1 || s.count("MEMBER#") != 1 || s.count("SESSION#") != 0 || s.count("LINK#") != 0 {
		t.Error("an attempt claims something")
	}
	s.advance(9 * time.Minute)
	caller, session, err := s.verify(a)
	s.ok(err)
	m := caller.Member
	if m.Status != onboarding.MemberActive || m.Type != onboarding.Employee || m.Role != onboarding.RoleMember ||
		m.FirstName != "Ann" || m.LastName != "Lee" || m.Email != "ann@example.com" || !m.EmailVerified ||
		m.Locale != onboarding.German || !m.JoinedAt.Equal(s.Now()) || m.Request != (onboarding.Request{}) ||
		m.Entry != (onboarding.Entry{Channel: onboarding.ChannelInviteLink}) {
		t.Errorf("%+v", m)
	}
	if stored := s.member(m.ID); !reflect.DeepEqual(stored, m) {
		t.Errorf("answered %+v, stored %+v", m, stored)
	}
	me, err := s.authenticate(session)
	s.ok(err)
	if !reflect.DeepEqual(me.Member, m) || me.Organization.Name != "Acme" {
		t.Errorf("signed in as %+v", me.Member)
	}
	if c := s.contact("ann@example.com"); c.Member != m.ID || !c.VerifiedAt.Equal(s.Now()) || c.Invited || c.Version != 1 {
		t.Errorf("%+v", c)
	}
	if l := s.defaultLink(); l.Uses != 1 || !l.UsedAt.Equal(s.Now()) || l.Version != 0 {
		t.Errorf("%+v", l)
	}
	used := s.item(joinSK(a.ID))
	if used["password_hash"] != nil || text(used["member_id"]) != m.ID.Key() || used["outbox"] != nil ||
		used["outbox_wake"] != nil {
		t.Errorf("%v", used)
	}
	if s.item("NOTICE") != nil || len(s.owed()) != 0 {
		t.Error("the administrators are told of somebody who does not wait")
	}
	_, _, err = s.signIn("ann@example.com", password)
	s.ok(err)
	_, _, err = s.verify(a)
	s.refused(err, onboarding.AlreadyJoined)
	_, _, err = s.joining(s.store).Look(t.Context(), acme, a.token)
	s.refused(err, onboarding.AlreadyJoined)
	_, err = s.sendCode(a)
	s.refused(err, onboarding.AlreadyJoined)
	if s.count("MEMBER#") != 2 || s.defaultLink().Uses != 1 {
		t.Error("one join makes two members")
	}
}

func TestWhoWaitsSeesThatAndNothingElse(t *testing.T) {
	s := newStage(t)
	caller, session, err := s.verify(s.attempt(s.defaultLink(), "ann@example.com"))
	s.ok(err)
	m := caller.Member
	if m.Status != onboarding.MemberPendingApproval || !m.JoinedAt.IsZero() || !m.EmailVerified ||
		m.Request != (onboarding.Request{At: s.Now(), Rule: "approval_requested"}) || !reflect.DeepEqual(s.member(m.ID), m) {
		t.Errorf("answered %+v, stored %+v", m, s.member(m.ID))
	}
	if c := s.contact("ann@example.com"); c.Member != m.ID || c.VerifiedAt.IsZero() || s.defaultLink().Uses != 1 {
		t.Errorf("%+v", c)
	}
	_, again, err := s.signIn("ann@example.com", password)
	s.ok(err)
	for _, token := range []onboarding.SessionToken{session, again} {
		me, err := onboarding.Visitor(t.Context(), s.store, s.world(), token.Reveal())
		s.ok(err)
		if rights := me.Rights(); !reflect.DeepEqual(me.Member, m) || rights != (onboarding.Rights{}) {
			t.Errorf("%+v may %+v", me.Member, rights)
		}
		_, err = s.authenticate(token)
		s.refused(err, onboarding.ApprovalPending)
	}
	s.mail()
	s.ok(s.signingIn(s.store).RequestReset(t.Context(), acme, "ann@example.com", source))
	if len(s.owed()) != 0 {
		t.Error("an applicant is mailed a way to set a password")
	}
	if r := s.invite("ann@example.com"); r.Verdict != onboarding.AlreadyMember {
		t.Errorf("invited: %s", r.Verdict)
	}
}

func TestACodeIsTriedFiveTimes(t *testing.T) {
	s := newStage(t)
	a := s.attempt(s.defaultLink(), "ann@example.com")
	for n := range 5 {
		if left := s.stored(a).TriesLeft(); left != 5-n {
			t.Errorf("%d tries are left after %d", left, n)
		}
		if _, _, err := s.verify(a.wrong()); fieldOf(err) != "/code wrong" {
			t.Errorf("try %d: %v", n, err)
		}
	}
	_, _, err := s.verify(a)
	s.refused(err, onboarding.CodeExpired)
	if s.stored(a).Tries != 5 || s.count("MEMBER#") != 1 || s.count("CONTACT#") != 1 {
		t.Errorf("%+v", s.stored(a))
	}
	s.advance(time.Minute)
	next, err := s.sendCode(a)
	s.ok(err)
	if next.Round != 2 || next.TriesLeft() != 5 || next.token != a.token {
		t.Errorf("%+v", next)
	}
	if next.code != a.code { // one in a million
		if _, _, err := s.verify(a); fieldOf(err) != "/code wrong" {
			t.Errorf("the code of before: %v", err)
		}
	}
	s.verified(next)
}

func TestACodeWorksForTenMinutes(t *testing.T) {
	s := newStage(t)
	late, early := s.attempt(s.defaultLink(), "late@example.com"), s.attempt(s.defaultLink(), "early@example.com")
	s.advance(10*time.Minute - time.Millisecond)
	s.verified(early)
	s.advance(time.Millisecond)
	_, _, err := s.verify(late)
	s.refused(err, onboarding.CodeExpired)
	if s.stored(late).Tries != 0 {
		t.Error("what is not looked at is counted")
	}
	s.mail()
	next, err := s.sendCode(late)
	s.ok(err)
	if l := s.mail(); len(l) != 1 || l[0].Code != next.code || !l[0].Until.Equal(s.Now().Add(10*time.Minute)) {
		t.Errorf("%+v", l)
	}
	s.verified(next)
}

func TestACodeIsSentAgain(t *testing.T) {
	s := newStage(t)
	a := s.attempt(s.defaultLink(), "ann@example.com")
	first := s.mail()
	s.advance(59 * time.Second)
	_, err := s.sendCode(a)
	s.tooMany(err, time.Second)
	if len(s.mail()) != 0 {
		t.Error("a refused mail is sent")
	}
	_, _, err = s.verify(a.wrong())
	s.refused(err, onboarding.Invalid)
	s.advance(time.Second)
	again := func(until time.Time) attempt {
		t.Helper()
		next, err := s.sendCode(a)
		s.ok(err)
		letters := s.mail()
		if len(letters) != 1 || letters[0].Code != next.code || !letters[0].Until.Equal(until) {
			t.Fatalf("%+v", letters)
		}
		stored := s.stored(a)
		if next.Messages = nil; !reflect.DeepEqual(stored, next.Join) {
			t.Errorf("answered %+v, stored %+v", next.Join, stored)
		}
		_, err = s.sendCode(a)
		s.tooMany(err, time.Minute)
		return next
	}
	if next := again(first[0].Until); next.Round != 1 || next.code != a.code || next.TriesLeft() != 4 || next.Sent != 2 {
		t.Errorf("a mail under way is spoiled, or tries are gained: %+v", next)
	}
	s.advance(4 * time.Minute) // half of its time is left
	if next := again(first[0].Until); next.Round != 1 {
		t.Errorf("%+v", next)
	}
	s.advance(time.Minute)
	fresh := again(s.Now().Add(10 * time.Minute))
	if fresh.Round != 2 || fresh.TriesLeft() != 5 || !fresh.CodeAt.Equal(s.Now()) || fresh.Sent != 4 {
		t.Errorf("%+v", fresh)
	}
	s.advance(time.Minute)
	last := again(fresh.CodeEnds)
	if last.Round != 2 || last.Sent != 5 {
		t.Errorf("%+v", last)
	}
	s.advance(time.Minute)
	_, err = s.sendCode(a)
	s.tooMany(err, a.ExpiresAt.Sub(s.Now()))
	if len(s.mail()) != 0 {
		t.Error("a sixth mail is sent")
	}
	s.verified(last)
}

func TestAJoinLivesAnHour(t *testing.T) {
	s := newStage(t)
	a, late := s.attempt(s.defaultLink(), "ann@example.com"), s.attempt(s.defaultLink(), "late@example.com")
	s.advance(55 * time.Minute)
	a, err := s.sendCode(a)
	s.ok(err)
	late, err = s.sendCode(late)
	s.ok(err)
	if l := s.mail(); !late.CodeEnds.Equal(late.ExpiresAt) || len(l) != 2 || !l[0].Until.Equal(late.ExpiresAt) {
		t.Errorf("a code outlives its join: %+v", l)
	}
	s.advance(5*time.Minute - time.Millisecond)
	s.verified(a)
	s.advance(time.Millisecond)
	_, _, err = s.verify(late)
	s.refused(err, onboarding.JoinExpired)
	_, err = s.sendCode(late)
	s.refused(err, onboarding.JoinExpired)
	o, j, err := s.joining(s.store).Look(t.Context(), acme, late.token)
	s.refused(err, onboarding.JoinExpired)
	if o.Name != "Acme" || j.ID != late.ID {
		t.Error("the page cannot say what is over")
	}
	if text := s.item(joinSK(a.ID))["expires_at_ttl"]; text == nil || s.count("MEMBER#") != 2 {
		t.Errorf("%v, %d members", text, s.count("MEMBER#"))
	}
}

// counted makes the counter of the present window stand at n.
func (s *stage) counted(subject string, window time.Duration, n int) {
	s.t.Helper()
	s.poke("ATTEMPTS#"+subject+"#"+onboarding.FormatTime(s.Now().Truncate(window).Add(window)),
		map[string]any{"attempts": n})
}

func TestBeginningIsCounted(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		subject func(*stage) string
		window  time.Duration
		limit   int
		other   bool // whether another address gets through
	}{
		"by its source": {func(*stage) string { return "join#source#" + source }, time.Hour, 300, false},
		"by its address": {func(s *stage) string {
			return "join#to#" + onboarding.NewContactID(s.organization().Salt, s.address("ann@example.com")).String()
		}, day, 10, true},
		"by the day": {func(*stage) string { return "codes" }, day, 2000, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.advance(10 * time.Minute)
			rest := s.Now().Truncate(c.window).Add(c.window).Sub(s.Now())
			s.counted(c.subject(s), c.window, c.limit-1)
			a, err := s.begins(s.defaultLink(), "ann@example.com")
			s.ok(err)
			_, err = s.begins(s.defaultLink(), "ann+again@example.com") // is the same mailbox
			s.tooMany(err, rest)
			if _, err = s.begins(s.defaultLink(), "bob@example.com"); c.other {
				s.ok(err)
			} else {
				s.tooMany(err, rest)
			}
			want := 1
			if c.other {
				want = 2
			}
			if n := s.count("JOIN#"); n != want || s.usage() != 0 {
				t.Errorf("%d joins, and %d invitations of the day", n, s.usage())
			}
			s.advance(time.Minute)
			if _, err = s.sendCode(a); name == "by its source" {
				s.ok(err)
			} else {
				s.tooMany(err, rest-time.Minute) // a mail is a mail
			}
			s.advance(rest)
			_, err = s.begins(s.defaultLink(), "ann@example.com")
			s.ok(err)
		})
	}
}

// wrongs is how many wrong codes a link has counted today.
func (s *stage) wrongs(l onboarding.InviteLink) (n int) {
	s.t.Helper()
	sk := fmt.Sprintf("ATTEMPTS#wrong#%s#%d#%s", l.ID.Key(), l.Round,
		onboarding.FormatTime(s.Now().Truncate(24*time.Hour).Add(24*time.Hour)))
	s.ok(attributevalue.Unmarshal(s.item(sk)["attempts"], &n))
	return n
}

// Whoever begins with many addresses, and tries one code of each, finds one in the end.
func TestWrongCodesAreCountedByTheLink(t *testing.T) {
	s := newStage(t)
	link, fair := s.defaultLink(), s.named(s.admin)
	a, b := s.attempt(link, "ann@example.com"), s.attempt(link, "bob@example.com")
	_, _, err := s.verify(a.wrong())
	s.refused(err, onboarding.Invalid)
	s.verified(a)
	s.want("counted", s.wrongs(link), 1) // what was right is none
	s.counted("wrong#default#1", 24*time.Hour, 299)
	_, _, err = s.verify(b.wrong())
	s.refused(err, onboarding.Invalid)
	_, _, err = s.verify(b)
	s.tooMany(err, 15*time.Hour)
	if s.stored(b).Tries != 1 {
		t.Error("a try that is not looked at is counted")
	}
	s.joins(fair, "mia@example.com") // by another link
	s.doing(rotating)(link)
	s.joins(s.defaultLink(), "eve@example.com")
	s.want("counted", s.wrongs(s.defaultLink()), 0)
}

func TestACodeThatWasRightAndCannotBeTakenOffStaysRight(t *testing.T) {
	s := newStage(t)
	a := s.attempt(s.defaultLink(), "ann@example.com")
	updates := 0
	store, _ := s.over(func(c call) (*http.Response, bool, error) {
		if c.Operation == "UpdateItem" {
			updates++
		}
		if updates < 3 || c.Operation != "UpdateItem" {
			return nil, false, nil
		}
		return down(c)
	})
	_, _, err := s.joining(store).Verify(t.Context(), acme, a.token, a.code)
	s.ok(err)
	s.want("counted", s.wrongs(s.defaultLink()), 1)
	s.want("updates", updates, 3) // one that is repeated would take off two
}

func TestACounterIsTakenOffOnceAndNeverBelowNothing(t *testing.T) {
	s := newStage(t)
	until := s.Now().Add(time.Hour)
	s.ok(s.store.ReturnAttempt(t.Context(), acme, "guess", until))
	s.ok(s.store.CountAttempt(t.Context(), acme, "guess", until, 1))
	for range 2 {
		s.ok(s.store.ReturnAttempt(t.Context(), acme, "guess", until))
	}
	s.ok(s.store.CountAttempt(t.Context(), acme, "guess", until, 1))
	if err := s.store.CountAttempt(t.Context(), acme, "guess", until, 1); !errors.Is(err, onboarding.ErrLimit) {
		t.Errorf("%v: what was taken off twice lets one more through", err)
	}
}

func TestWhatCannotBeCountedIsNotDone(t *testing.T) {
	s := newStage(t)
	a := s.attempt(s.defaultLink(), "ann@example.com")
	s.advance(time.Minute)
	begin := func(store *table.Table) error {
		_, _, err := s.joining(store).Begin(t.Context(), acme, s.linkToken(s.defaultLink()), onboarding.JoinProfile{
			Address: s.address("bob@example.com"), FirstName: "Bob", LastName: "Lee", Password: password}, source)
		return err
	}
	verify := func(store *table.Table) error {
		_, _, err := s.joining(store).Verify(t.Context(), acme, a.token, a.code)
		return err
	}
	resend := func(store *table.Table) error {
		_, err := s.joining(store).SendCode(t.Context(), acme, a.token)
		return err
	}
	before := len(s.items())
	for name, c := range map[string]struct {
		counter string
		do      func(*table.Table) error
	}{
		"beginning, by source":  {"ATTEMPTS#join#source#", begin},
		"beginning, by address": {"ATTEMPTS#join#to#", begin},
		"beginning, by day":     {"ATTEMPTS#codes#", begin},
		"resending, by address": {"ATTEMPTS#join#to#", resend},
		"resending, by day":     {"ATTEMPTS#codes#", resend},
		"verifying, by link":    {"ATTEMPTS#wrong#", verify},
		"verifying, by join":    {"JOIN#", verify},
	} {
		store, _ := s.over(func(c2 call) (*http.Response, bool, error) {
			if c2.Operation != "UpdateItem" || !bytes.Contains(c2.Body, []byte(c.counter)) {
				return nil, false, nil
			}
			return down(c2)
		})
		if err := c.do(store); codeOf(err) != onboarding.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(s.items()) - before - s.count("ATTEMPTS#"); n != 0 || s.stored(a).Sent != 1 {
		t.Errorf("%d items were written; %+v", n, s.stored(a))
	}
}

func TestWhatSomebodyEntersWhoJoinsIsChecked(t *testing.T) {
	s := newStage(t)
	link := s.named(s.admin, func(c *onboarding.LinkChange) {
		c.Domains = &[]onboarding.Domain{{Name: "corp.com", Subdomains: true}}
	})
	for name, c := range map[string]struct {
		address string
		edit    func(*onboarding.JoinProfile)
		want    string
	}{
		"an address of another domain": {"ann@example.com", func(*onboarding.JoinProfile) {},
			"[{/email domain_not_allowed}]"},
		"a domain that ends alike": {"ann@evilcorp.com", func(*onboarding.JoinProfile) {},
			"[{/email domain_not_allowed}]"},
		"no names": {"ann@corp.com", func(p *onboarding.JoinProfile) {
			p.FirstName, p.LastName = "", " "
		}, "[{/first_name required} {/last_name required}]"},
		"a short password": {"ann@corp.com", func(p *onboarding.JoinProfile) { p.Password = "short" },
			"[{/password too_short}]"},
		"all of it": {"ann@example.com", func(p *onboarding.JoinProfile) {
			p.FirstName, p.LastName, p.Password = "evil.example", "", ""
		},
			"[{/email domain_not_allowed} {/first_name invalid} {/last_name required} {/password too_short}]"},
		"a password of the address": {"annabella.leefield@corp.com",
			func(p *onboarding.JoinProfile) { p.Password = "annabella leefield1" }, "[{/password too_common}]"},
	} {
		_, err := s.begins(link, c.address, c.edit)
		e, ok := err.(*onboarding.Error)
		if !ok || e.Code != onboarding.Invalid {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []struct{ Pointer, Code string }
		for _, f := range e.Fields {
			got = append(got, struct{ Pointer, Code string }{f.Pointer, f.Code})
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	if s.count("ATTEMPTS#") != 0 || s.count("JOIN#") != 0 {
		t.Error("what is refused is counted, or kept")
	}
	a, err := s.begins(link, "ann@berlin.corp.com")
	s.ok(err)
	s.verified(a)
}

func TestATokenThatOpensNoJoinTellsNothing(t *testing.T) {
	s := newStage(t)
	a, link := s.attempt(s.defaultLink(), "ann@example.com"), s.defaultLink()
	derive := func(p onboarding.Purpose, org onboarding.OrganizationID, id [16]byte, round uint16, nonce []byte) string {
		return s.keys.Derive(p, org, id, round, nonce).Reveal()
	}
	for name, token := range map[string]string{
		"nothing":            "",
		"rubbish":            "rubbish",
		"an invite link":     s.linkToken(link),
		"of another purpose": derive(onboarding.PurposeLink, acme, a.ID, 1, a.Nonce),
		"of another place":   derive(onboarding.PurposeJoin, "other", a.ID, 1, a.Nonce),
		"of another round":   derive(onboarding.PurposeJoin, acme, a.ID, 2, a.Nonce),
		"of another nonce":   derive(onboarding.PurposeJoin, acme, a.ID, 1, []byte("sixteen bytes 16")),
		"of a join that is not there": derive(onboarding.PurposeJoin, acme, onboarding.NewJoinID(s.world()), 1,
			a.Nonce),
	} {
		o, j, err := s.joining(s.store).Look(t.Context(), acme, token)
		if codeOf(err) != onboarding.LinkInvalid || o.Name != "" || !j.CreatedAt.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
		b := a
		b.token = token
		if _, _, err := s.verify(b); codeOf(err) != onboarding.LinkInvalid {
			t.Errorf("%s, with the code: %v", name, err)
		}
	}
	for name, token := range map[string]string{
		"nothing":            "",
		"a join":             a.token,
		"an invitation":      s.invited("bob@example.com"),
		"of another purpose": derive(onboarding.PurposeJoin, acme, link.ID, 1, link.Nonce),
		"of another place":   derive(onboarding.PurposeLink, "other", link.ID, 1, link.Nonce),
		"of another round":   derive(onboarding.PurposeLink, acme, link.ID, 2, link.Nonce),
		"of another nonce":   derive(onboarding.PurposeLink, acme, link.ID, 1, []byte("sixteen bytes 16")),
		"of a link that is not there": derive(onboarding.PurposeLink, acme, onboarding.NewLinkID(s.world()), 1,
			link.Nonce),
	} {
		if open, err := s.joining(s.store).Open(t.Context(), acme, token); codeOf(err) != onboarding.LinkInvalid ||
			open.Organization.Name != "" {
			t.Errorf("a link: %s: %v", name, err)
		}
	}
	_, err := s.joining(s.store).Open(t.Context(), "nowhere", s.linkToken(link))
	s.refused(err, onboarding.LinkInvalid)
	_, _, err = s.joining(s.store).Look(t.Context(), "nowhere", a.token)
	s.refused(err, onboarding.LinkInvalid)
}

// The code was mailed before the master key was changed.
func TestACodeOutlivesARotationOfTheMasterKey(t *testing.T) {
	s := newStage(t)
	a, b := s.attempt(s.defaultLink(), "ann@example.com"), s.attempt(s.defaultLink(), "bob@example.com")
	next := []byte("the second master key of the tests")
	keys, err := onboarding.NewKeys(2, map[byte][]byte{1: []byte("the first master key of the tests"), 2: next})
	s.ok(err)
	s.keys = keys
	s.verified(a)
	if l := s.mail(); len(l) != 1 || l[0].Code != b.code {
		t.Errorf("%+v", l)
	}
	s.advance(6 * time.Minute)
	fresh, err := s.sendCode(b)
	s.ok(err)
	if fresh.Key != 2 {
		t.Errorf("%+v", fresh)
	}
	fresh.token = b.token
	s.verified(fresh)
}

func TestAProvenAddressTakesTheInvitationThatWaitsForIt(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com", func(c *onboarding.InviteCommand) { c.JobTitle, c.Locale = "Engineer", onboarding.German })
	a := s.attempt(s.defaultLink(), "ann@example.com")
	s.advance(time.Minute)
	caller, session, err := s.verify(a)
	s.ok(err)
	m := caller.Member
	if m.Status != onboarding.MemberActive || m.Role != onboarding.RoleMember || m.JobTitle != "Engineer" ||
		m.Locale != onboarding.German || !m.EmailVerified || !reflect.DeepEqual(s.member(m.ID), m) ||
		m.Entry != (onboarding.Entry{Channel: onboarding.ChannelInvitation, Inviter: s.admin.Member.ID}) {
		t.Errorf("answered %+v, stored %+v", m, s.member(m.ID))
	}
	c := s.contact("ann@example.com")
	if c.Member != m.ID || c.Invitation.Status != onboarding.InvitationAccepted || c.Invitation.AcceptedMember != m.ID ||
		!c.VerifiedAt.Equal(s.Now()) {
		t.Errorf("%+v", c)
	}
	if s.defaultLink().Uses != 0 || s.item(joinSK(a.ID))["password_hash"] != nil || len(s.mail()) != 0 {
		t.Error("the link counts as used, the join keeps the password, or the invitation is mailed yet")
	}
	_, err = s.authenticate(session)
	s.ok(err)
	_, _, err = s.verify(a)
	s.refused(err, onboarding.AlreadyJoined)
}

// Six digits do not make an administrator: the link in the mail does.
func TestAnInvitationToBeAnAdministratorWaitsForItsOwnLink(t *testing.T) {
	s := newStage(t)
	token := s.invited("ann@example.com", asAnAdmin)
	a := s.attempt(s.defaultLink(), "ann@example.com")
	for range 2 {
		_, _, err := s.verify(a)
		s.refused(err, onboarding.InvitationWaits)
	}
	if j := s.stored(a); !j.Member.IsZero() || s.count("MEMBER#") != 1 || s.defaultLink().Uses != 0 ||
		s.contact("ann@example.com").Version != 1 {
		t.Errorf("%+v", j)
	}
	s.want("mailed", s.letters(), "[invitation to ann@example.com join_code to ann@example.com]")
	s.advance(time.Second)
	caller, _, err := s.redeeming(s.store).Accept(t.Context(), acme, token, profile())
	s.ok(err)
	s.want("the role", caller.Member.Role, onboarding.RoleAdmin)
	_, _, err = s.verify(a)
	s.refused(err, onboarding.JoinExpired)
}

func TestAnInvitationThatDoesNotHoldLeavesTheLinksTerms(t *testing.T) {
	s := newStage(t)
	inviter := s.join("bob@example.com", asAnAdmin)
	for name, end := range map[string]func(address string){
		"the inviter was demoted":         func(string) { s.demote(inviter.Member.ID) },
		"the inviter of more was demoted": func(string) { s.demote(inviter.Member.ID) },
		"it was revoked":                  func(address string) { _, err := s.update(address, revoking); s.ok(err) },
		"it was declined": func(address string) {
			_, err := s.redeeming(s.store).Decline(t.Context(), acme, s.mailedToken(address))
			s.ok(err)
		},
		"it has expired": func(string) { s.advance(lifetime) },
	} {
		address := onboarding.NewRequestID(s.world()) + "@example.com"
		s.poke(memberSK(inviter.Member.ID), map[string]any{"member.role": onboarding.RoleAdmin})
		s.inviteAs(inviter, address, func(c *onboarding.InviteCommand) {
			if c.JobTitle = "Engineer"; name == "the inviter of more was demoted" {
				c.Role = onboarding.RoleAdmin
			}
		})
		end(address)
		uses := s.defaultLink().Uses
		m := s.applies(address).Member
		if m.Status != onboarding.MemberPendingApproval || m.Role != onboarding.RoleMember || m.JobTitle != "" ||
			m.Entry.Channel != onboarding.ChannelInviteLink ||
			s.defaultLink().Uses != uses+1 || !reflect.DeepEqual(s.member(m.ID), m) {
			t.Errorf("%s: %+v", name, m)
		}
		c := s.contact(address)
		if s.item(contactSK(c.ID))["outbox"] != nil {
			t.Errorf("%s: its mail is owed yet", name)
		}
		want := onboarding.InvitationAccepted
		switch name {
		case "it was revoked":
			want = onboarding.InvitationRevoked
		case "it was declined":
			want = onboarding.InvitationDeclined
		}
		if c.Member != m.ID || c.Invitation.Status != want ||
			want == onboarding.InvitationAccepted && c.Invitation.AcceptedMember != m.ID {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if pending := s.list(onboarding.InvitationPending, 10); len(pending) != 0 {
		t.Errorf("%+v wait for somebody who is there", pending)
	}
	if s.mail(); s.count("MEMBER#") != 7 {
		t.Errorf("%d members", s.count("MEMBER#"))
	}
	for _, l := range s.box.all() {
		if l.Kind == onboarding.MessageInvitation {
			t.Errorf("%s is invited though they are there", l.To.Value)
		}
	}
}

// Joining asks as the mailed link does: a plain member's word does not spare the approval that is asked for.
func TestAProvenAddressTakesAPlainMembersInvitationOnItsTerms(t *testing.T) {
	s := newStage(t, everyoneInvites, exempting("corp.com"))
	inviter := s.join("bob@example.com")
	link := s.named(s.admin, func(c *onboarding.LinkChange) { c.Approval = new(onboarding.NeverApprove) })
	for address, want := range map[string]onboarding.MemberStatus{
		"ann@example.com": onboarding.MemberPendingApproval, "ann@corp.com": onboarding.MemberActive,
	} {
		s.inviteAs(inviter, address)
		m := s.joins(link, address).Member
		if m.Status != want || m.Entry.Channel != onboarding.ChannelInvitation || m.Entry.Inviter != inviter.Member.ID {
			t.Errorf("%s: %+v", address, m)
		}
	}
	if s.link(link.ID).Uses != 0 {
		t.Error("the link counts as used")
	}
}

func TestAMemberCannotJoinAgain(t *testing.T) {
	s := newStage(t, nobodyWaits)
	for name, c := range map[string]struct {
		status onboarding.MemberStatus
		want   onboarding.Code
	}{
		"a member":                            {onboarding.MemberActive, onboarding.IsMember},
		"a member who has not been activated": {onboarding.MemberPendingActivation, onboarding.IsMember},
		"somebody dismissed":                  {onboarding.MemberDismissed, onboarding.DismissedBefore},
	} {
		address := onboarding.NewRequestID(s.world()) + "@example.com"
		id := s.join(address).Member.ID
		s.advance(time.Second)
		s.poke(memberSK(id), map[string]any{"member.status": c.status})
		before, members, uses := s.item(memberSK(id)), s.count("MEMBER#"), s.defaultLink().Uses
		a := s.attempt(s.defaultLink(), address)
		if _, _, err := s.verify(a.wrong()); fieldOf(err) != "/code wrong" {
			t.Errorf("%s, with a wrong code: %v", name, err)
		}
		_, _, err := s.verify(a)
		if codeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(s.item(memberSK(id)), before) || s.count("MEMBER#") != members || s.defaultLink().Uses != uses {
			t.Errorf("%s: something has changed", name)
		}
	}
}

func TestAnApplicantWhoJoinsAgainGetsTheNewPasswordAndStaysOne(t *testing.T) {
	for _, status := range []onboarding.MemberStatus{onboarding.MemberPendingApproval, onboarding.MemberRejected} {
		t.Run(string(status), func(t *testing.T) {
			s := newStage(t)
			caller, old, err := s.verify(s.attempt(s.defaultLink(), "ann@example.com"))
			s.ok(err)
			before := caller.Member
			s.poke(memberSK(before.ID), map[string]any{"member.email_verified": false}) // as if by a copied link
			s.advance(time.Minute)
			if status == onboarding.MemberRejected {
				before = s.decides(before.ID, false)
				s.mail()
			}
			gathered := s.item("NOTICE")["gathered"]
			s.advance(time.Hour)
			s.configure(func(o *onboarding.Settings) { o.RequestApproval = false }) // decides nothing about who has asked before
			a, err := s.begins(s.defaultLink(), "ann@example.com", func(p *onboarding.JoinProfile) {
				p.FirstName, p.LastName, p.Password = "Anna", "Leigh", another
			})
			s.ok(err)
			again, session, err := s.verify(a)
			s.ok(err)
			want := before
			want.FirstName, want.LastName, want.EmailVerified = "Anna", "Leigh", true
			want.UpdatedAt, want.Version = s.Now(), before.Version+1
			if !reflect.DeepEqual(again.Member, want) || !reflect.DeepEqual(s.member(want.ID), want) {
				t.Errorf("answered %+v, stored %+v, want %+v", again.Member, s.member(want.ID), want)
			}
			_, err = onboarding.Visitor(t.Context(), s.store, s.world(), session.Reveal())
			s.ok(err)
			_, err = onboarding.Visitor(t.Context(), s.store, s.world(), old.Reveal())
			s.refused(err, onboarding.Unauthenticated)
			_, _, err = s.signIn("ann@example.com", another)
			s.ok(err)
			_, _, err = s.signIn("ann@example.com", password)
			s.refused(err, onboarding.WrongCredentials)
			if c := s.contact("ann@example.com"); c.Member != want.ID || !c.VerifiedAt.Equal(s.Now()) {
				t.Errorf("%+v", c)
			}
			if s.defaultLink().Uses != 1 || s.count("MEMBER#") != 2 || s.item(joinSK(a.ID))["password_hash"] != nil {
				t.Error("the link counts as used again, there is another member, or the join keeps the password")
			}
			if !reflect.DeepEqual(s.item("NOTICE")["gathered"], gathered) {
				t.Error("the administrators are told again")
			}
			_, _, err = s.verify(a)
			s.refused(err, onboarding.AlreadyJoined)
		})
	}
}

// Somebody begins in another's name, and learns the code in the end.
func TestAnAttemptInAnothersNameClaimsNothing(t *testing.T) {
	for name, settings := range map[string]func(*onboarding.Organization){"where nobody waits": nobodyWaits,
		"where they wait": limit(2000)} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, settings)
			link := s.defaultLink()
			eves := func(j *onboarding.Join) { j.FirstName, j.LastName, j.Password = "Eve", "Evil", "$argon2id$eve's" }
			before, tried := s.attempt(link, "ann@example.com", eves), s.attempt(link, "ann@example.com", eves)
			for range 5 {
				_, _, err := s.verify(tried.wrong())
				s.refused(err, onboarding.Invalid)
			}
			if r := s.invite("ann@example.com"); r.Verdict != onboarding.Created {
				t.Errorf("Ann cannot be invited: %s", r.Verdict)
			}
			_, err := s.update("ann@example.com", revoking)
			s.ok(err)
			s.advance(time.Second)
			anns := s.attempt(link, "ann@example.com")
			s.advance(time.Second)
			after := s.attempt(link, "ann@example.com", eves)
			s.advance(time.Second)
			ann := s.verified(anns).Member
			later := s.attempt(link, "ann@example.com", eves)
			s.advance(time.Second)
			was := s.item(memberSK(ann.ID))
			for when, a := range map[string]attempt{"before Ann's": before, "after Ann's": after,
				"when Ann's was proven": later} {
				_, _, err := s.verify(a)
				if codeOf(err) != onboarding.JoinExpired {
					t.Errorf("an attempt begun %s: %v", when, err)
				}
			}
			latest := s.attempt(link, "ann@example.com", eves)
			if _, _, err := s.verify(latest.wrong()); fieldOf(err) != "/code wrong" {
				t.Errorf("without the code: %v", err)
			}
			if ann.Status == onboarding.MemberActive {
				_, _, err := s.verify(latest)
				s.refused(err, onboarding.IsMember)
			}
			if !reflect.DeepEqual(s.item(memberSK(ann.ID)), was) || s.count("MEMBER#") != 2 {
				t.Error("it changes what is Ann's")
			}
			_, _, err = s.signIn("ann@example.com", password)
			s.ok(err)
		})
	}
}

// What an attempt was begun with does not count when its code is typed, but what there is then.
func TestTheRulesOfTheMomentCountWhenTheCodeIsTyped(t *testing.T) {
	s := newStage(t)
	base := s.organization().Settings
	registration := func(on bool) func(onboarding.InviteLink) {
		return func(onboarding.InviteLink) {
			s.configure(func(o *onboarding.Settings) { o.AllowLinkRegistration = on })
		}
	}
	waits := func(on bool) func(onboarding.InviteLink) {
		return func(onboarding.InviteLink) { s.configure(func(o *onboarding.Settings) { o.RequestApproval = on }) }
	}
	closed := func(is bool) func(onboarding.InviteLink) {
		return func(onboarding.InviteLink) { s.poke("ORG", map[string]any{"closed": is}) }
	}
	never := func(c *onboarding.LinkChange) { c.Approval = new(onboarding.NeverApprove) }
	everyone := func(o *onboarding.Settings) { o.WhoCanInvite = onboarding.EveryoneInvite }
	exempt := func(o *onboarding.Settings) { o.ExemptDomains = []onboarding.Domain{{Name: "example.com"}} }
	const in, queued = onboarding.Code(onboarding.MemberActive), onboarding.Code(onboarding.MemberPendingApproval)
	type step struct {
		do   func(onboarding.InviteLink)
		want onboarding.Code // a refusal, or a status
	}
	nothing := func(onboarding.InviteLink) {}
	for name, c := range map[string]struct {
		settings func(*onboarding.Settings)
		link     func(*onboarding.LinkChange)
		then     []step
	}{
		"the domain is exempt": {exempt, nil, []step{{nothing, in}}},
		"the domain is taken off the list": {exempt, nil,
			[]step{{func(onboarding.InviteLink) { s.configure(func(o *onboarding.Settings) { o.ExemptDomains = nil }) },
				queued}}},
		"the domain is put on the list": {nil, nil, []step{{func(onboarding.InviteLink) { s.configure(exempt) }, in}}},
		"approval is asked for": {func(o *onboarding.Settings) { o.RequestApproval = false }, nil,
			[]step{{waits(true), queued}}},
		"approval is not asked for any more": {nil, nil, []step{{waits(false), in}}},
		"joining by link is switched off": {nil, nil, []step{{registration(false), onboarding.RegistrationClosed},
			{registration(true), queued}}},
		"the organization is closed": {nil, nil, []step{{closed(true), onboarding.OrganizationClosed},
			{closed(false), queued}}},
		"the link is disabled": {nil, nil, []step{{s.doing(disabling), onboarding.LinkDisabled},
			{s.doing(enabling), queued}}},
		"the link lets in": {nil, never, []step{{nothing, in}}},
		"the link asks for approval now": {exempt, never,
			[]step{{s.changed(func(c *onboarding.LinkChange) { c.Approval = new(onboarding.AlwaysApprove) }), queued}}},
		"the link is for other addresses now": {nil, nil,
			[]step{{s.changed(func(c *onboarding.LinkChange) { c.Domains = &[]onboarding.Domain{{Name: "corp.com"}} }),
				onboarding.LinkDisabled}}},
		"the link has expired": {nil,
			func(c *onboarding.LinkChange) { c.ExpiresAt = new(s.Now().Add(time.Minute)) },
			[]step{{func(onboarding.InviteLink) { s.advance(time.Minute) }, onboarding.LinkExpired},
				{s.changed(func(c *onboarding.LinkChange) { c.ExpiresAt = &time.Time{} }), queued}}},
		"the link is used up": {nil, func(c *onboarding.LinkChange) { c.MaxUses = new(1) },
			[]step{{func(l onboarding.InviteLink) { s.joins(l, "first@example.com") }, onboarding.LinkExhausted},
				{s.changed(func(c *onboarding.LinkChange) { c.MaxUses = new(2) }), queued}}},
		"the owner is demoted": {nil, never, []step{{func(l onboarding.InviteLink) { s.demote(l.Owner.ID) },
			onboarding.LinkDisabled}}},
		"demoted where everyone invites": {everyone, never,
			[]step{{func(l onboarding.InviteLink) { s.demote(l.Owner.ID) }, queued}}},
		"the owner is dismissed": {nil, never, []step{{func(l onboarding.InviteLink) { s.dismiss(l.Owner.ID) },
			onboarding.LinkDisabled}}},
		"dismissed where everyone invites": {everyone, never,
			[]step{{func(l onboarding.InviteLink) { s.dismiss(l.Owner.ID) }, onboarding.LinkDisabled}}},
		"the owner becomes a guest": {everyone, never, []step{{func(l onboarding.InviteLink) {
			s.poke(memberSK(l.Owner.ID), map[string]any{"member.type": onboarding.Guest})
		}, onboarding.LinkDisabled}}},
		"demoted, and somebody else enables": {nil, never,
			[]step{{func(l onboarding.InviteLink) { s.demote(l.Owner.ID); s.doing(disabling)(l); s.doing(enabling)(l) }, in}}},
		"demoted, and the owner never offered": {nil, nil, []step{{func(l onboarding.InviteLink) { s.demote(l.Owner.ID) },
			onboarding.LinkDisabled}}},
	} {
		s.configure(func(o *onboarding.Settings) {
			if *o = base; c.settings != nil {
				c.settings(o)
			}
		})
		owner := s.admin
		if falls := strings.Contains(name, "owner") || strings.Contains(name, "demoted") ||
			strings.Contains(name, "dismissed"); falls {
			owner = s.join(s.request()+"@example.com", asAnAdmin)
			owner.Organization = s.admin.Organization
		}
		var edits []func(*onboarding.LinkChange)
		if c.link != nil {
			edits = append(edits, c.link)
		}
		link := s.named(owner, edits...)
		a := s.attempt(link, s.request()+"@example.com")
		for i, step := range c.then {
			step.do(link)
			caller, _, err := s.verify(a)
			switch got := codeOf(err); {
			case err == nil && onboarding.Code(caller.Member.Status) != step.want, err != nil && got != step.want:
				t.Errorf("%s, step %d: %v, %s; want %s", name, i, err, caller.Member.Status, step.want)
			case err != nil && (!s.stored(a).Member.IsZero() ||
				s.item(contactSK(onboarding.NewContactID(founded.o.Salt, a.Address))) != nil):
				t.Errorf("%s, step %d: a member is made of the refused", name, i)
			}
		}
	}
}

// Whoever answers for a link or an invitation may have more rights by now than they had then.
func TestWhoWasPromotedAnswersForWhatTheyOffered(t *testing.T) {
	s := newStage(t, everyoneInvites)
	bob := s.join("bob@example.com")
	link := s.named(bob)
	s.inviteAs(bob, "invited@example.com", asAnEngineer)
	s.inviteAs(bob, "mailed@example.com")
	token := s.mailedToken("mailed@example.com")
	a, b := s.attempt(link, "ann@example.com"), s.attempt(s.defaultLink(), "invited@example.com")
	s.configure(func(o *onboarding.Settings) { o.WhoCanInvite = onboarding.AdminsInvite })
	s.want("opened", s.opens(s.linkToken(link)), onboarding.LinkDisabled)
	_, err := s.begins(link, "mia@example.com")
	s.refused(err, onboarding.LinkDisabled)
	_, _, err = s.verify(a)
	s.refused(err, onboarding.LinkDisabled)
	_, _, err = s.redeeming(s.store).Accept(t.Context(), acme, token, profile())
	s.refused(err, onboarding.LinkRevoked)
	s.poke(memberSK(bob.Member.ID), map[string]any{"member.role": onboarding.RoleAdmin})
	s.want("opened", s.opens(s.linkToken(link)), "")
	_, err = s.begins(link, "mia@example.com")
	s.ok(err)
	s.want("their status", s.verified(a).Member.Status, onboarding.MemberPendingApproval)
	m := s.verified(b).Member
	if m.Status != onboarding.MemberActive || m.JobTitle != "Engineer" {
		t.Errorf("%+v", m)
	}
	caller, _, err := s.redeeming(s.store).Accept(t.Context(), acme, token, profile())
	s.ok(err)
	s.want("their status", caller.Member.Status, onboarding.MemberActive)
}

func TestACodeIsNotSentAgainWhereNobodyCanJoin(t *testing.T) {
	s := newStage(t)
	link := s.named(s.admin)
	a := s.attempt(link, "ann@example.com")
	s.advance(time.Minute)
	s.doing(disabling)(link)
	s.mail()
	_, err := s.sendCode(a)
	s.refused(err, onboarding.LinkDisabled)
	s.doing(enabling)(link)
	s.doing(rotating)(link)
	_, err = s.sendCode(a)
	s.refused(err, onboarding.LinkDisabled)
	if _, same, err := s.joining(s.store).Again(t.Context(), acme, a.Join); same || err != nil {
		t.Errorf("whoever has the join learns of the new link, %v", err)
	}
	b := s.attempt(s.link(link.ID), "bob@example.com")
	if token, same, err := s.joining(s.store).Again(t.Context(), acme, b.Join); !same || err != nil ||
		token.Reveal() != s.linkToken(s.link(link.ID)) {
		t.Errorf("%v, %v", same, err)
	}
	s.configure(func(o *onboarding.Settings) { o.AllowLinkRegistration = false })
	s.advance(time.Minute)
	_, err = s.sendCode(b)
	s.refused(err, onboarding.RegistrationClosed)
	s.want("mailed", s.letters(), "[]") // not even what was owed before
	if s.stored(a).Sent != 1 || s.stored(b).Sent != 1 {
		t.Error("a refused mail is counted")
	}
}

func TestWhoCannotFinishIsToldThatItIsBusy(t *testing.T) {
	s := newStage(t)
	a := s.attempt(s.defaultLink(), "ann@example.com")
	_, _, err := s.joining(overtaken{s.store}).Verify(t.Context(), acme, a.token, a.code)
	s.refused(err, onboarding.Unavailable)
	s.advance(time.Minute)
	_, err = s.joining(overtaken{s.store}).SendCode(t.Context(), acme, a.token)
	s.refused(err, onboarding.Unavailable)
	s.verified(a)
}
