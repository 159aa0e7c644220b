package table_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

// beginsBy begins to join by a link with a phone number, as it is typed.
func (s *stage) beginsBy(l onboarding.InviteLink, typed string) (attempt, error) {
	s.t.Helper()
	j, token, err := s.joining(s.store).Begin(s.t.Context(), acme, s.linkToken(l),
		onboarding.JoinProfile{Phone: typed, FirstName: "Ann", LastName: "Lee", Password: password}, source)
	a := s.attempted(j)
	a.token = token.Reveal()
	return a, err
}

func TestJoiningByPhoneTakesTheCodeThatIsTexted(t *testing.T) {
	s := newStage(t, inBritain, nobodyWaits)
	a, err := s.beginsBy(s.defaultLink(), " 07700 900-123 ")
	s.ok(err)
	s.wantSheet("spent", sheet{codes: 1, spent: 5 * cent, all: 5 * cent})
	l := s.mail()
	if len(l) != 1 || l[0].Kind != onboarding.MessageJoinCode || l[0].To != s.address(phone) || l[0].Code != a.code || l[0].Link != "" {
		t.Fatalf("%+v", l)
	}
	s.wantSheet("spent", sheet{codes: 1, spent: 5 * cent, all: 5 * cent})
	if _, _, err := s.verify(a.wrong()); fieldOf(err) != "/code wrong" {
		t.Error(err)
	}
	caller, session, err := s.verify(a)
	s.ok(err)
	m := caller.Member
	if m.Phone != phone || !m.PhoneVerified || m.Email != "" || m.EmailVerified || m.Status != onboarding.MemberActive || m.Login() != s.address(phone) {
		t.Errorf("%+v", m)
	}
	s.want("stored", s.member(m.ID), m)
	me, err := s.authenticate(session)
	s.ok(err)
	s.want("signed in", me.Member.ID, m.ID)
	if c := s.contact(phone); c.Member != m.ID || c.VerifiedAt.IsZero() {
		t.Errorf("%+v", c)
	}
	for _, login := range []string{phone, "07700 900123", "+44 (7700) 900 123"} {
		caller, _, err := s.signIn(login, password)
		if err != nil || caller.Member.ID != m.ID {
			t.Errorf("%s: %v", login, err)
		}
	}
	_, _, err = s.signIn("+447700900124", password)
	s.refused(err, onboarding.WrongCredentials)
	s.advance(time.Hour)
	r := s.invite("07700900123")
	s.want("invited", r.Verdict, onboarding.AlreadyMember)
	s.wantSheet("spent", sheet{codes: 1, spent: 5 * cent, all: 5 * cent})
}

func TestACodeByTextIsSentAgainWhileTheNumberTakesOne(t *testing.T) {
	s := newStage(t, inBritain)
	a, err := s.beginsBy(s.defaultLink(), phone)
	s.ok(err)
	for range 2 {
		s.mail()
		s.advance(2 * time.Minute)
		_, err := s.sendCode(a)
		s.ok(err)
	}
	s.mail()
	s.advance(2 * time.Minute)
	_, err = s.sendCode(a)
	s.tooMany(err, 24*time.Hour-6*time.Minute)
	s.wantSheet("spent", sheet{codes: 3, spent: 15 * cent, all: 15 * cent})
	s.want("texts", len(s.box.all()), 3)
	s.verified(a)
}

func TestWhoEndedACodeTextsNoMore(t *testing.T) {
	s := newStage(t, inBritain)
	a, err := s.beginsBy(s.defaultLink(), phone)
	s.ok(err)
	s.advance(10 * time.Minute)
	_, _, err = s.verify(a)
	s.refused(err, onboarding.CodeExpired)
	s.want("a code that has ended is not sent", len(s.mail()), 0)
}

func TestALinkForDomainsTakesNoPhones(t *testing.T) {
	s := newStage(t, inBritain)
	l := s.named(s.admin, func(c *onboarding.LinkChange) { c.Domains = &[]onboarding.Domain{{Name: "example.com"}} })
	_, err := s.beginsBy(l, phone)
	s.want("refused", fieldOf(err), "/phone domain_not_allowed")
	s.wantSheet("spent", sheet{})
	takes := func(l onboarding.InviteLink) bool {
		open, err := s.joining(s.store).Open(t.Context(), acme, s.linkToken(l))
		s.ok(err)
		return s.joining(s.store).TakesPhones(open)
	}
	if takes(l) || !takes(s.defaultLink()) {
		t.Error("a page offers the wrong field")
	}
	s.texting.On = false
	if takes(s.defaultLink()) {
		t.Error("a page offers what is off")
	}
	_, err = s.beginsBy(s.defaultLink(), "no number")
	s.want("nothing is read then", fieldOf(err), "/phone texts_off")
}

func TestAPhoneIsOnNoExemptDomainAndWaits(t *testing.T) {
	s := newStage(t, inBritain, exempting("example.com"))
	a := s.attempt(s.defaultLink(), phone)
	caller := s.verified(a)
	s.want("status", caller.Member.Status, onboarding.MemberPendingApproval)
	s.mail()
	s.advance(time.Hour)
	before := s.sheet()
	// Joining again gives an applicant a new way in.
	again := s.attempt(s.defaultLink(), phone, func(j *onboarding.Join) { j.FirstName, j.Password = "Anna", "another hash" })
	back := s.verified(again)
	m, c, err := s.store.ReadCredentials(t.Context(), acme, caller.Member.ID)
	s.ok(err)
	if back.Member.ID != caller.Member.ID || c.Password != "another hash" || m.FirstName != "Anna" || m.Phone != phone || !m.PhoneVerified ||
		m.Status != onboarding.MemberPendingApproval {
		t.Errorf("%+v", m)
	}
	s.mail()
	s.decides(m.ID, true)
	s.advance(time.Hour)
	_, err = s.redriving().Redrive(t.Context(), 100)
	s.ok(err)
	n, paid := 0, onboarding.Money(0)
	for range 2 {
		for _, l := range s.mail() {
			if l.Kind == onboarding.MessageJoinApproved && l.To == s.address(phone) {
				n, paid = n+1, s.sheet().spent-before.spent
			}
		}
	}
	// The attempts were written past the guard; the approval of two segments is paid for when it is sent.
	if n != 1 || paid < british {
		t.Errorf("%d texts of the approval, paid %v", n, paid)
	}
}

func TestAnInvitationByTextProvesTheNumber(t *testing.T) {
	for name, c := range map[string]struct {
		edits  []func(*onboarding.InviteCommand)
		proven bool
	}{"texted": {nil, true}, "copied": {[]func(*onboarding.InviteCommand){silently}, false}} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, inBritain)
			r := s.invite(phone, c.edits...)
			token := ""
			if c.proven {
				token = tokenIn(s.mail()[0])
			} else {
				token = r.Link.Reveal()
			}
			caller, _, err := s.redeeming(s.store).Accept(t.Context(), acme, token, profile())
			s.ok(err)
			if m := s.member(caller.Member.ID); m.Phone != phone || m.PhoneVerified != c.proven || m.EmailVerified || m.Status != onboarding.MemberActive ||
				s.contact(phone).VerifiedAt.IsZero() == c.proven {
				t.Errorf("%+v", m)
			}
		})
	}
}

func TestWhoIsInvitedByTextAndJoinsByLinkTakesTheInvitation(t *testing.T) {
	s := newStage(t, inBritain)
	s.invite(phone, asAnEngineer)
	m := s.joins(s.defaultLink(), phone).Member
	if m.Status != onboarding.MemberActive || m.JobTitle != "Engineer" || m.Phone != phone || !m.PhoneVerified ||
		s.contact(phone).Invitation.Status != onboarding.InvitationAccepted {
		t.Errorf("%+v", m)
	}
	s.want("the invitation is not texted any more", len(s.mail()), 0)
}

func TestTwoWhoHaveTheCodeSetOnePassword(t *testing.T) {
	s := newStage(t, inBritain, nobodyWaits)
	s.joins(s.defaultLink(), phone)
	s.advance(2 * time.Minute)
	code := s.resetCode(phone)
	var group sync.WaitGroup
	var said [2]string
	for i := range said {
		group.Go(func() { said[i] = fieldOf(s.setByCode(phone, code)) })
	}
	group.Wait()
	slices.Sort(said[:])
	s.want("answers", said, [2]string{"/code wrong", "<nil>"})
}

// resetCode asks for a code and answers it as it is texted.
func (s *stage) resetCode(login string) string {
	s.t.Helper()
	s.ok(s.signingIn(s.store).RequestReset(s.t.Context(), acme, login, source))
	for _, l := range s.mail() {
		if l.Kind == onboarding.MessagePasswordCode {
			return l.Code
		}
	}
	s.t.Fatal("no code is texted")
	return ""
}

func (s *stage) setByCode(login, code string) error {
	_, _, err := s.signingIn(s.store).SetPasswordByCode(s.t.Context(), acme, login, code, another, source)
	return err
}

func otherCode(code string) string { return attempt{code: code}.wrong().code }

func TestACodeByTextSetsThePasswordOnce(t *testing.T) {
	s := newStage(t, inBritain, nobodyWaits)
	m := s.joins(s.defaultLink(), phone).Member
	s.advance(2 * time.Minute)
	before := s.sheet()
	code := s.resetCode("07700 900123")
	s.want("paid", s.sheet().spent-before.spent, 5*cent)
	s.want("codes to join with", s.sheet().codes-before.codes, 0)
	s.want("wrong", fieldOf(s.setByCode(phone, otherCode(code))), "/code wrong")
	caller, token, err := s.signingIn(s.store).SetPasswordByCode(t.Context(), acme, "07700900123", code[:3]+" "+code[3:], another, source)
	s.ok(err)
	if caller.Member.ID != m.ID || !caller.Member.PhoneVerified || caller.Member.Email != "" {
		t.Errorf("%+v", caller.Member)
	}
	_, err = s.authenticate(token)
	s.ok(err)
	s.want("twice", fieldOf(s.setByCode(phone, code)), "/code wrong")
	_, _, err = s.signIn(phone, another)
	s.ok(err)
	_, _, err = s.signIn(phone, password)
	s.refused(err, onboarding.WrongCredentials)
}

func TestACodeByTextEnds(t *testing.T) {
	s := newStage(t, inBritain, nobodyWaits)
	s.joins(s.defaultLink(), phone)
	s.advance(2 * time.Minute)
	code := s.resetCode(phone)
	s.advance(10 * time.Minute)
	s.want("late", fieldOf(s.setByCode(phone, code)), "/code wrong")
	_, _, err := s.signingIn(s.store).SetPasswordByCode(t.Context(), acme, phone, code, "short", source)
	s.want("late, with a password that is none", fieldOf(err), "/code wrong") // or it would say that the code was right
}

func TestWrongResetCodesAreCountedByTheLogin(t *testing.T) {
	for name, right := range map[string]int{"the tenth is looked at": 10, "the eleventh is not": 11} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, inBritain, nobodyWaits)
			s.joins(s.defaultLink(), phone)
			s.advance(2 * time.Minute)
			code := s.resetCode(phone)
			for n := 1; n < right; n++ {
				s.want("wrong", fieldOf(s.setByCode(phone, otherCode(code))), "/code wrong")
			}
			if err := s.setByCode(phone, code); right == 10 {
				s.ok(err)
			} else {
				s.tooMany(err, 15*time.Hour-2*time.Minute)
			}
		})
	}
}

func TestTheCodeOfAMailboxSetsNothing(t *testing.T) {
	s := newStage(t, inBritain)
	s.ok(s.signingIn(s.store).RequestReset(t.Context(), acme, "ada@example.com", source))
	_, c, err := s.store.ReadCredentials(t.Context(), acme, s.admin.Member.ID)
	s.ok(err)
	code := s.keys.ResetCode(acme, s.admin.Member.ID, c.Reset).Reveal()
	s.want("refused", fieldOf(s.setByCode("ada@example.com", code)), "/code wrong")
	l := s.mail()
	if len(l) != 1 || l[0].Code != "" || l[0].Kind != onboarding.MessagePasswordReset {
		t.Errorf("%+v", l)
	}
}

// Nobody finds out by the answer, or by what it costs, whose number is a member's.
func TestAnUnknownNumberIsAnsweredAndCostsTheSame(t *testing.T) {
	s := newStage(t, inBritain, nobodyWaits)
	s.joins(s.defaultLink(), phone)
	s.advance(2 * time.Minute)
	s.resetCode(phone)
	store, w := s.over()
	answers := map[string][]string{}
	for kind, logins := range map[string][]string{
		"number": {phone, "+447700900199", "07700900198"}, "other": {"0300", "nobody@example.com", "ada@example.com"},
	} {
		for _, login := range logins {
			w.reset()
			_, _, err := s.signingIn(store).SetPasswordByCode(t.Context(), acme, login, "0000", another, source)
			answers["a wrong code"] = append(answers["a wrong code"], fmt.Sprint(err, w.reset()))
			err = s.signingIn(store).RequestReset(t.Context(), acme, login, source)
			answers["asking for one: "+kind] = append(answers["asking for one: "+kind], fmt.Sprint(err, w.reset()))
			_, _, err = s.signingIn(store).SignIn(t.Context(), acme, login, "not the password", source)
			answers["signing in"] = append(answers["signing in"], fmt.Sprint(err, w.reset()))
		}
	}
	// And nobody sees it by what is told of the number afterwards.
	for _, number := range []string{phone, "+447700900199"} {
		_, _, err := s.joining(s.store).Begin(t.Context(), acme, s.linkToken(s.defaultLink()),
			onboarding.JoinProfile{Phone: number, FirstName: "Ann", LastName: "Lee", Password: password}, source)
		s.refused(err, onboarding.TooManyAttempts)
	}
	for what, all := range answers {
		if len(slices.Compact(all)) != 1 || !strings.Contains(all[0], "UpdateItem") {
			t.Errorf("%s: %v", what, all)
		}
	}
}
