package table_test

import (
	"bytes"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// cleans lets time go by and cleanup run, and answers to whom the administrators' letters go then.
func (s *stage) cleans(d time.Duration) (told []string) {
	s.t.Helper()
	s.advance(d)
	woken, err := s.redriving().Redrive(s.t.Context(), 100)
	s.ok(err)
	if woken == 0 {
		return nil
	}
	for _, l := range append(s.mail(), s.mail()...) { // what gathers comes first
		if l.Kind == onboarding.MessageJoinRequests {
			told = append(told, l.To.Value)
		}
	}
	slices.Sort(told)
	return told
}

// nobodyIsTold lets time go by minute by minute, in which no administrator gets a letter.
func (s *stage) nobodyIsTold(minutes int) {
	s.t.Helper()
	s.mail()
	for n := range minutes {
		if told := s.cleans(time.Minute); told != nil {
			s.t.Fatalf("in minute %d %v are told", n+1, told)
		}
	}
}

// nobodyWillBeTold checks that nothing is owed, nor will be.
func (s *stage) nobodyWillBeTold() {
	s.t.Helper()
	s.ok(s.nothingOwed())
}

func (s *stage) last() onboarding.Letter {
	all := s.box.all()
	return all[len(all)-1]
}

func TestAdministratorsHearOnceThatPeopleWait(t *testing.T) {
	s := newStage(t)
	bob := s.join("bob@example.com", asAnAdmin)
	partner, guest := s.join("partner@example.com"), s.join("guest@example.com", asAnAdmin)
	s.poke(memberSK(bob.Member.ID), map[string]any{"member.locale": onboarding.German, "member.first_name": "Bob"})
	s.poke(memberSK(partner.Member.ID), map[string]any{"member.type": onboarding.Partner})
	s.poke(memberSK(guest.Member.ID), map[string]any{"member.type": onboarding.Guest})
	s.join("mia@example.com")
	s.applies("ann0@example.com")
	s.cleans(30 * time.Second)
	s.applies("ann1@example.com")
	if told := s.cleans(30*time.Second - time.Millisecond); told != nil {
		t.Fatalf("%v are told within the minute", told)
	}
	s.applies("ann2@example.com")
	told := s.cleans(time.Millisecond)
	if !slices.Equal(told, []string{"ada@example.com", "bob@example.com", "partner@example.com"}) {
		t.Fatalf("%v are told", told)
	}
	for _, l := range s.box.all() {
		if l.Kind != onboarding.MessageJoinRequests {
			continue
		}
		if l.Count != 3 || l.Link != baseURL+"/join/acme/requests" || l.Organization.Name != "Acme" || l.Code != "" ||
			l.To.Value == "bob@example.com" && (l.Locale != onboarding.German || l.Recipient != "Bob") {
			t.Errorf("%+v", l)
		}
	}
	if s.item("NOTICE")["outbox"] != nil {
		t.Errorf("it goes on: %v", s.item("NOTICE"))
	}
	s.nobodyWillBeTold()

	s.applies("ann3@example.com") // the quarter of an hour is over
	if told := s.cleans(time.Minute); len(told) != 3 || s.last().Count != 4 {
		t.Fatalf("%v are told: %+v", told, s.last())
	}
}

func TestAdministratorsAreToldOnceInAQuarterOfAnHour(t *testing.T) {
	s := newStage(t)
	s.applies("ann@example.com")
	if told := s.cleans(time.Minute); len(told) != 1 {
		t.Fatalf("%v are told", told)
	}
	s.applies("bob@example.com")
	s.nobodyIsTold(13)
	s.applies("mia@example.com")
	s.nobodyIsTold(1)
	if told := s.cleans(time.Minute - time.Millisecond); told != nil {
		t.Fatalf("%v are told too early", told)
	}
	if told := s.cleans(time.Millisecond); len(told) != 1 || s.last().Count != 3 {
		t.Fatalf("%v are told: %+v", told, s.last())
	}
	s.nobodyWillBeTold()
	if n := s.lettersTo("ada@example.com"); n != 2 || len(s.due()) != 0 {
		t.Errorf("%d letters, %v due", n, s.due())
	}
}

func TestANoticeIsNotTakenUpBeforeItsTime(t *testing.T) {
	s := newStage(t)
	s.applies("ann@example.com")
	s.mail()
	var owed []onboarding.Owed
	for id := range s.item("NOTICE")["outbox"].(*types.AttributeValueMemberM).Value {
		owed = append(owed, onboarding.Owed{Item: "ORG#acme|NOTICE", Message: id})
	}
	s.advance(time.Minute - time.Millisecond)
	s.ok(s.deliverOver(s.store, owed))
	s.want("told", s.count("NOTICE#"), 0)
	s.advance(time.Millisecond)
	s.ok(s.deliverOver(s.store, owed))
	s.want("told", s.count("NOTICE#"), 1)
}

// Who begins to wait while the others' letters are on their way is told of later, whatever deliver does meanwhile.
func TestAddingToANoticeLeavesItAsItIs(t *testing.T) {
	for name, during := range map[string]func(*stage, func(address string)){
		"while cleanup has woken it": func(s *stage, apply func(string)) {
			_, err := s.redriving().Redrive(s.t.Context(), 100)
			s.ok(err)
			apply("bob@example.com")
		},
		"while deliver has it": func(s *stage, apply func(string)) {
			_, err := s.redriving().Redrive(s.t.Context(), 100)
			s.ok(err)
			owed := s.owed()
			if len(owed) != 1 {
				s.t.Fatalf("%v", owed)
			}
			c, err := s.store.Claim(s.t.Context(), owed[0], "somebody's", s.Now(), s.Now().Add(15*time.Second))
			s.ok(err)
			apply("bob@example.com")
			if got := len(s.owed()); got != 0 {
				s.t.Error("what is being told of is woken")
			}
			s.ok(s.store.Settle(s.t.Context(), owed[0], c, onboarding.Outcome{At: s.Now(), Retry: s.Now(), Spared: true}))
			_, err = s.redriving().Redrive(s.t.Context(), 100)
			s.ok(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.applies("ann@example.com")
			s.mail()
			s.advance(time.Minute)
			during(s, func(address string) { s.applies(address) })
			s.mail()
			if l := s.mail(); len(l) != 1 || l[0].Kind != onboarding.MessageJoinRequests || l[0].Count != 2 {
				t.Errorf("%+v", l)
			}
			s.nobodyWillBeTold()
		})
	}
}

func TestADeliverThatWasKilledWhileTellingTellsNobodyTwice(t *testing.T) {
	s := newStage(t)
	s.join("bob@example.com", asAnAdmin)
	ann := s.applies("ann@example.com")
	s.mail()
	s.advance(time.Minute)
	_, err := s.redriving().Redrive(t.Context(), 100)
	s.ok(err)
	if failed := s.delivering(dying{s.store, true}).Deliver(t.Context(), s.owed()); len(failed) != 1 {
		t.Fatalf("%v failed", failed)
	}
	s.want("mailed", s.letters(), "[join_requests to ada@example.com join_requests to bob@example.com]")
	s.nobodyIsTold(2)
	// It is taken up once more, for whoever may have come since; here nobody has, and Ann waits no longer.
	s.decides(ann.Member.ID, true)
	s.mail()
	if told := s.cleans(15 * time.Minute); told != nil {
		t.Errorf("%v are told", told)
	}
	s.nobodyWillBeTold()
	if len(s.due()) != 0 || s.item("NOTICE")["outbox"] != nil {
		t.Errorf("%v due", s.due())
	}
}

func TestWhoCouldNotBeToldIsToldAMinuteLater(t *testing.T) {
	s := newStage(t)
	bob := s.join("bob@example.com", asAnAdmin)
	ann := s.applies("ann@example.com")
	s.mail()
	s.advance(time.Minute)
	_, err := s.redriving().Redrive(t.Context(), 100)
	s.ok(err)
	store, _ := s.over(func(c call) (*http.Response, bool, error) {
		if !bytes.Contains(c.Body, []byte("NOTICE#"+bob.Member.ID.Key())) {
			return nil, false, nil
		}
		return down(c)
	})
	s.ok(s.deliverOver(store, s.owed()))
	s.want("mailed", s.letters(), "[join_requests to ada@example.com]")
	if told := s.cleans(time.Minute - time.Millisecond); told != nil {
		t.Errorf("%v are told", told)
	}
	if told := s.cleans(time.Millisecond); !slices.Equal(told, []string{"bob@example.com"}) {
		t.Errorf("%v are told", told)
	}
	// It is taken up once more, for whoever may have come since; here nobody has, and Ann waits no longer.
	s.decides(ann.Member.ID, true)
	s.mail()
	if told := s.cleans(15 * time.Minute); told != nil {
		t.Errorf("%v are told", told)
	}
	s.nobodyWillBeTold()
}

func TestNobodyIsToldOfWhoDoesNotWaitAnyMore(t *testing.T) {
	s := newStage(t)
	s.decides(s.applies("ann@example.com").Member.ID, true)
	s.decides(s.applies("bob@example.com").Member.ID, false)
	s.nobodyIsTold(3)
	if s.count("NOTICE#") != 0 || len(s.due()) != 0 || s.item("NOTICE")["told_at"] != nil {
		t.Errorf("%v, %v due", s.item("NOTICE"), s.due())
	}
	// Nobody was told, so nothing has to rest.
	id := s.applies("mia@example.com").Member.ID
	s.mail()
	s.advance(time.Minute)
	_, err := s.redriving().Redrive(t.Context(), 100)
	s.ok(err)
	s.mail()
	if s.count("NOTICE#") != 1 || len(s.owed()) != 1 {
		t.Fatalf("%v owed", s.owed())
	}
	s.decides(id, true) // between telling and mailing
	s.want("mailed", s.letters(), "[join_approved to mia@example.com]")
	s.nobodyIsTold(3)
}

func TestWhoIsNoAdministratorAnyMoreIsNotTold(t *testing.T) {
	for name, fall := range map[string]func(*stage, onboarding.MemberID){"demoted": (*stage).demote,
		"dismissed": (*stage).dismiss} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			before, after := s.join("bob@example.com", asAnAdmin), s.join("mia@example.com", asAnAdmin)
			s.applies("ann@example.com")
			s.mail()
			fall(s, before.Member.ID)
			s.advance(time.Minute)
			_, err := s.redriving().Redrive(t.Context(), 100)
			s.ok(err)
			if s.mail(); len(s.owed()) < 2 {
				t.Fatalf("%v owed", s.owed())
			}
			fall(s, after.Member.ID)
			s.want("mailed", s.letters(), "[join_requests to ada@example.com]")
			s.nobodyIsTold(3)
		})
	}
}

// An administrator's letter that cannot be sent just now is sent later, as any other is, and only once.
func TestAnAdministratorsLetterIsTriedAgain(t *testing.T) {
	s := newStage(t)
	s.applies("ann@example.com")
	s.mail()
	s.box.failing(sendError(onboarding.SendPaused))
	if told := s.cleans(time.Minute); told != nil {
		t.Fatal(told)
	}
	s.box.failing(nil)
	s.nobodyIsTold(4)
	if told := s.cleans(time.Minute); len(told) != 1 {
		t.Errorf("%v are told", told)
	}
	s.nobodyWillBeTold()
}

func TestWhoBeginsToWaitWhileTheAdministratorsAreToldIsNotLost(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		waiting := len(s.queue(onboarding.MemberPendingApproval, onboarding.RequestFilter{}, 100))
		s.applies("first-" + address)
		second, before := s.attempt(s.defaultLink(), address), s.lettersTo("ada@example.com")
		s.mail()
		s.advance(time.Minute)
		_, err := s.redriving().Redrive(t.Context(), 100)
		s.ok(err)
		return s.deliveringMove(s.owed()), s.verifying(second), func(delivered, verified error) error {
			s.mail()
			told := s.lettersTo("ada@example.com") - before
			s.cleans(time.Minute)
			s.cleans(16 * time.Minute)
			return errors.Join(delivered, verified, equal("told of the first", told, 1),
				equal("letters", s.lettersTo("ada@example.com")-before, 2),
				equal("they wait", s.last().Count, waiting+2), s.nothingOwed())
		}
	}, "Claim")
}

// Whoever gathered so long that another has it now neither closes the notice nor gives the lease away.
func TestALateComerDoesNotCloseANotice(t *testing.T) {
	for name, out := range map[string]onboarding.Outcome{"that told": {Told: true}, "that found nobody": {},
		"that rests": {Retry: time.Unix(2e9, 0), Spared: true}} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.applies("ann@example.com")
			s.mail()
			s.advance(time.Minute)
			_, err := s.redriving().Redrive(t.Context(), 100)
			s.ok(err)
			owed := s.owed()[0]
			claim := func(lease string) (onboarding.Claimed, error) {
				return s.store.Claim(t.Context(), owed, lease, s.Now(), s.Now().Add(15*time.Second))
			}
			late, err := claim("first")
			s.ok(err)
			s.advance(16 * time.Second)
			_, err = claim("second")
			s.ok(err)
			before := s.item("NOTICE")
			out.At = s.Now()
			s.ok(s.store.Settle(t.Context(), owed, late, out))
			if now := s.item("NOTICE"); !reflect.DeepEqual(now, before) {
				t.Errorf("%v, before %v", now, before)
			}
		})
	}
}

// Deliver told the administrators and was killed before it settled; somebody begins to wait before it is brought back.
func TestWhoBeginsToWaitBetweenACrashAndItsRepetitionIsNotLost(t *testing.T) {
	s := newStage(t)
	s.applies("ann@example.com")
	s.mail()
	s.advance(time.Minute)
	_, err := s.redriving().Redrive(t.Context(), 100)
	s.ok(err)
	if failed := s.delivering(dying{s.store, true}).Deliver(t.Context(), s.owed()); len(failed) != 1 {
		t.Fatalf("%v failed", failed)
	}
	s.want("mailed", s.letters(), "[join_requests to ada@example.com]")
	s.applies("bob@example.com")
	for range 17 {
		s.cleans(time.Minute)
	}
	if n := s.lettersTo("ada@example.com"); n != 2 || s.last().Count != 2 {
		t.Errorf("%d letters: nobody hears of who began to wait after the first", n)
	}
}
