package table_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

// dial is the numbering plan of the tests.
type dial struct{}

var dialled = []struct {
	begins, region string
	use            onboarding.PhoneUse
	length         int
}{
	{"447", "GB", onboarding.PhoneMobile, 12}, {"4420", "GB", onboarding.PhoneFixed, 12},
	{"4915", "DE", onboarding.PhoneMobile, 13}, {"4916", "DE", onboarding.PhoneMobile, 13}, {"4917", "DE", onboarding.PhoneMobile, 13},
	{"1", "US", onboarding.PhoneFixedOrMobile, 11},
}

func (dial) Phone(text, region string) (onboarding.PhoneNumber, error) {
	digits, international := strings.CutPrefix(text, "+")
	if !international {
		digits = map[string]string{"GB": "44", "DE": "49", "US": "1"}[region] + strings.TrimPrefix(digits, "0")
	}
	for _, d := range dialled {
		if strings.HasPrefix(digits, d.begins) && len(digits) == d.length {
			return onboarding.PhoneNumber{E164: "+" + digits, Region: d.region, Use: d.use}, nil
		}
	}
	return onboarding.PhoneNumber{}, errors.New("nobody's number")
}

func isPhone(s string) bool {
	return strings.IndexAny(s, "+0123456789") == 0 && !strings.Contains(s, "@")
}

const (
	cent  = onboarding.Dollar / 100
	bolt  = onboarding.OrganizationID("bolt")
	phone = "+447700900123"

	british, german = 10 * cent, 20 * cent // of an invitation, which has two segments
)

func texting() onboarding.Texting {
	return onboarding.Texting{On: true, Budget: 100 * onboarding.Dollar, Prices: map[string]onboarding.Money{"GB": 5 * cent, "DE": 10 * cent}}
}

func inBritain(o *onboarding.Organization) { o.Settings.Country = "GB" }

func andGermany(o *onboarding.Organization) { o.Settings.TextCountries = []string{"GB", "DE"} }

func textsPerDay(n int) func(*onboarding.Organization) {
	return func(o *onboarding.Organization) { o.Settings.TextsPerDay = n }
}

func textBudget(m onboarding.Money) func(*onboarding.Organization) {
	return func(o *onboarding.Organization) { o.Settings.TextBudget = m }
}

// texts guards the money on a store.
func (s *stage) texts(store any) onboarding.Texts {
	counting, ok := store.(onboarding.TextStore)
	if !ok {
		counting = s.store
	}
	return onboarding.Texts{World: s.world(), Store: counting, Texting: s.texting, Numbers: dial{}}
}

// spread are numbers of as many blocks.
func spread(n int) []string { return numbered("+4477%04d0001", n) }

// sheet is what is spent.
type sheet struct {
	today          int
	spent, all     onboarding.Money
	codes, boltDay int
	bolt           onboarding.Money
}

func (s *stage) sheet() sheet {
	s.t.Helper()
	read := func(org onboarding.OrganizationID, use onboarding.TextUse) onboarding.TextUsage {
		used, err := s.store.ReadTexts(s.t.Context(), org, s.Now(), use)
		s.ok(err)
		return used
	}
	mine, codes, other := read(acme, onboarding.TextInvitation), read(acme, onboarding.TextCode), read(bolt, onboarding.TextInvitation)
	return sheet{today: mine.Today, spent: mine.Spent, all: mine.All, codes: codes.Today, boltDay: other.Today, bolt: other.Spent}
}

// wantSheet fails the test where something else is spent.
func (s *stage) wantSheet(what string, want sheet) {
	s.t.Helper()
	s.want(what, s.sheet(), want)
}

// bolt founds another organization, whose administrator is answered.
func (s *stage) bolt(edits ...func(*onboarding.Organization)) onboarding.Caller {
	s.t.Helper()
	o, m, err := s.founding().Found(s.t.Context(), onboarding.FoundCommand{ID: string(bolt), Name: "Bolt", Locale: onboarding.English,
		Country: "GB", Admin: onboarding.Invitee{Address: "bea@example.com", FirstName: "Bea"}})
	s.ok(err)
	if len(edits) > 0 {
		o, err = s.founding().Change(s.t.Context(), bolt, func(o *onboarding.Organization) {
			for _, edit := range edits {
				edit(o)
			}
		})
		s.ok(err)
	}
	m.Status = onboarding.MemberActive
	s.mail()
	return onboarding.Caller{Organization: o, Member: m}
}

func (s *stage) inviteAll(caller onboarding.Caller, addresses []string, edits ...func(*onboarding.InviteCommand)) []onboarding.InviteResult {
	s.t.Helper()
	results, err := s.inviting(s.store).Invite(s.t.Context(), caller, s.command(addresses, edits...))
	s.ok(err)
	return results
}

// verdicts are those of the results, the same ones behind each other counted.
func verdicts(results []onboarding.InviteResult) string {
	var all []onboarding.InviteVerdict
	for _, r := range results {
		all = append(all, r.Verdict)
	}
	return runs(all)
}

func runs[T ~string](all []T) string {
	var said []string
	for start := 0; start < len(all); {
		end := start
		for end < len(all) && all[end] == all[start] {
			end++
		}
		said = append(said, fmt.Sprintf("%d %s", end-start, all[start]))
		start = end
	}
	return strings.Join(said, ", ")
}

// anew takes a number's invitation back, if there is one, and invites it again.
func (s *stage) anew(number string) onboarding.InviteResult {
	s.t.Helper()
	if s.count(contactSK(onboarding.NewContactID(s.organization().Salt, s.address(number)))) > 0 {
		if _, err := s.update(number, revoking); err != nil && codeOf(err) != onboarding.Conflict {
			s.t.Fatal(err)
		}
	}
	return s.invite(number)
}

func TestANumberIsTextedThreeTimesADay(t *testing.T) {
	s := newStage(t, inBritain)
	other := s.bolt()
	got := func(r onboarding.InviteResult, want onboarding.InviteVerdict) {
		t.Helper()
		if r.Verdict != want {
			t.Errorf("at %v: %s (%s), want %s", s.Now(), r.Verdict, r.Reason, want)
		}
	}
	begin := s.Now()
	got(s.anew(phone), onboarding.Created)
	s.advance(time.Hour)
	got(s.inviteAs(other, phone), onboarding.Created) // the number is one, however many organizations there are
	s.advance(time.Hour)
	got(s.anew(phone), onboarding.Reopened)
	s.wantSheet("three texts", sheet{today: 2, spent: 2 * british, all: 3 * british, boltDay: 1, bolt: british})
	s.mail()
	s.advance(time.Hour)
	_, err := s.update(phone, resending)
	s.refused(err, onboarding.LimitReached)
	if e := (*onboarding.Error)(nil); !errors.As(err, &e) || e.RetryAfter != begin.Add(24*time.Hour).Sub(s.Now()) {
		t.Errorf("again in %v", e.RetryAfter)
	}
	s.advance(begin.Add(24*time.Hour - time.Millisecond).Sub(s.Now()))
	got(s.anew(phone), onboarding.OverLimit)
	s.wantSheet("what is refused costs nothing", sheet{spent: 2 * british, all: 3 * british, bolt: british})
	s.advance(time.Millisecond)
	got(s.anew(phone), onboarding.Reopened) // the first is a day ago
	s.advance(time.Minute)
	got(s.anew(phone), onboarding.OverLimit) // the second is not
	s.advance(59 * time.Minute)
	got(s.anew(phone), onboarding.Reopened)
	if text(s.item(contactSK(s.id(phone)))["value"]) != phone || s.contact(phone).Address.Kind != onboarding.Phone {
		t.Error("the contact is of another kind")
	}
}

func TestANumberIsTextedOnceAMinute(t *testing.T) {
	s := newStage(t, inBritain)
	other := s.bolt()
	s.invite(phone, silently)
	s.want("elsewhere", s.inviteAs(other, phone).Verdict, onboarding.Created)
	s.advance(30 * time.Second)
	_, err := s.update(phone, resending)
	s.refused(err, onboarding.LimitReached)
	if e := (*onboarding.Error)(nil); !errors.As(err, &e) || e.RetryAfter != 30*time.Second {
		t.Errorf("again in %v", e.RetryAfter)
	}
	s.advance(30*time.Second - time.Millisecond)
	s.want("a moment early", s.anew(phone).Verdict, onboarding.OverLimit)
	s.wantSheet("one text", sheet{all: british, boltDay: 1, bolt: british})
	s.advance(time.Millisecond)
	s.want("a minute later", s.anew(phone).Verdict, onboarding.Reopened)
}

func TestOfTwentyTextsToANumberAtOnceOneIsPaidFor(t *testing.T) {
	s := newStage(t, inBritain)
	other := s.bolt()
	var mu sync.Mutex
	created := 0
	var group sync.WaitGroup
	for i := range 20 {
		caller := s.admin
		if i%2 == 0 {
			caller = other
		}
		group.Go(func() {
			results, err := s.inviting(s.store).Invite(t.Context(), caller, s.command([]string{phone}))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			switch results[0].Verdict {
			case onboarding.Created:
				created++
			case onboarding.OverLimit, onboarding.AlreadyInvited:
			default:
				t.Errorf("%+v", results[0])
			}
		})
	}
	group.Wait()
	got := s.sheet()
	if created != 1 || got.today+got.boltDay != 1 || got.spent+got.bolt != british || got.all != british {
		t.Errorf("%d invited, %+v", created, got)
	}
	if l := s.mail(); len(l) != 1 {
		t.Errorf("%d texts", len(l))
	}
}

// whatIsThere is the table but for counters of attempts.
func (s *stage) whatIsThere() []string {
	s.t.Helper()
	var all []string
	for _, item := range s.items() {
		if !strings.HasPrefix(text(item["SK"]), "ATTEMPTS#") {
			all = append(all, fmt.Sprintln(text(item["PK"]), text(item["SK"]), len(item), item["version"], item["texts"], item["spent"]))
		}
	}
	slices.Sort(all)
	return all
}

func TestWhatTheOperatorDoesNotWantIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	type edits []func(*onboarding.Organization)
	germany := func(o *onboarding.Organization) { o.Settings.TextCountries = []string{"DE"} }
	const off, abroad, home = "switched off", "country of this number (DE)", "country of this number (GB)"
	for name, c := range map[string]struct {
		number  string
		edits   edits
		operate func(*stage)
		verdict onboarding.InviteVerdict
		reason  string
		join    string
	}{
		"texts are off": {phone, edits{inBritain}, func(s *stage) { s.texting.On = false },
			onboarding.Denied, off, "/phone texts_off"},
		"none a day":            {phone, edits{inBritain, textsPerDay(0)}, nil, onboarding.Denied, off, "/phone texts_off"},
		"no budget":             {phone, edits{inBritain, textBudget(0)}, nil, onboarding.Denied, off, "/phone texts_off"},
		"no country":            {phone, nil, nil, onboarding.Denied, off, "/phone texts_off"},
		"another country":       {"+4915112345678", edits{inBritain}, nil, onboarding.Denied, abroad, "/phone country_not_allowed"},
		"its own is not listed": {phone, edits{inBritain, germany}, nil, onboarding.Denied, home, "/phone country_not_allowed"},
		"no price": {phone, edits{inBritain}, func(s *stage) { delete(s.texting.Prices, "GB") },
			onboarding.Denied, home, "/phone country_not_allowed"},
		"no price at all": {phone, edits{inBritain}, func(s *stage) { s.texting.Prices["GB"] = 0 },
			onboarding.Denied, home, "/phone country_not_allowed"},
		"a landline": {"+442012345678", edits{inBritain}, nil,
			onboarding.InvalidAddress, "a fixed line", "/phone cannot_receive_text"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, c.edits...)
			if c.operate != nil {
				c.operate(s)
			}
			before := s.whatIsThere()
			if r := s.invite(c.number); r.Verdict != c.verdict || !strings.Contains(r.Reason, c.reason) {
				t.Errorf("%s (%s)", r.Verdict, r.Reason)
			}
			_, err := s.beginsBy(s.defaultLink(), c.number)
			s.want("joining", fieldOf(err), c.join)
			if after := s.whatIsThere(); !slices.Equal(after, before) {
				t.Errorf("%v, before %v", after, before)
			}
		})
	}
}

// The plan of a country changes now and then.
func TestANumberThatHasBecomeALandlineIsNotTexted(t *testing.T) {
	s := newStage(t, inBritain)
	s.invite(phone, silently)
	id := s.id(phone)
	s.poke(contactSK(id), map[string]any{"value": "+442012345678"})
	_, err := s.updating(s.store).Resend(t.Context(), s.admin, id, anyVersion, s.request())
	s.refused(err, onboarding.Conflict)
	s.wantSheet("spent", sheet{})
}

func TestEveryCountryCostsItsOwnOrWhatTheOthersDo(t *testing.T) {
	s := newStage(t, inBritain, func(o *onboarding.Organization) { o.Settings.TextCountries = []string{"GB", "DE", "US"} })
	s.texting.Prices["*"] = 7 * cent
	s.want("verdicts", verdicts(s.inviteAll(s.admin, []string{phone, "+4915112345678", "+12025550123"})), "3 created")
	s.wantSheet("spent", sheet{today: 3, spent: british + german + 14*cent, all: british + german + 14*cent})
	_, err := s.beginsBy(s.defaultLink(), "+447700800123")
	s.ok(err)
	got := s.sheet()
	s.want("a code is one segment", got.spent, british+german+14*cent+5*cent)
	s.want("codes", got.codes, 1)
}

func TestAnOrganizationTextsSoManyInvitationsADay(t *testing.T) {
	s := newStage(t, inBritain, textsPerDay(3))
	s.advance(15*time.Hour - time.Second - s.Now().Sub(s.Now().Truncate(time.Second)))
	numbers := spread(9)
	s.want("verdicts", verdicts(s.inviteAll(s.admin, numbers[:5])), "3 created, 2 limit_reached")
	s.wantSheet("spent", sheet{today: 3, spent: 3 * british, all: 3 * british})
	s.want("one more", s.invite(numbers[5]).Verdict, onboarding.OverLimit)
	for i, want := range []string{"<nil>", "<nil>", "<nil>", "too_many_attempts"} { // codes are counted apart
		_, err := s.beginsBy(s.defaultLink(), spread(20)[10+i])
		if got := codeOf(err); err != nil && string(got) != want || err == nil && want != "<nil>" {
			t.Errorf("code %d: %v, want %s", i, err, want)
		}
	}
	spent := 3*british + 15*cent
	s.wantSheet("with codes", sheet{today: 3, codes: 3, spent: spent, all: spent})
	s.advance(999 * time.Millisecond)
	s.want("before midnight", s.invite(numbers[6]).Verdict, onboarding.OverLimit)
	s.advance(time.Millisecond)
	s.want("at midnight", s.Now().Format("15:04:05.000"), "00:00:00.000")
	s.want("the next day", verdicts(s.inviteAll(s.admin, numbers[5:])), "3 created, 1 limit_reached")
	s.wantSheet("the next day", sheet{today: 3, spent: spent + 3*british, all: spent + 3*british})
}

func TestAMonthNeverCostsMoreThanItsBudget(t *testing.T) {
	s := newStage(t, inBritain, andGermany, textBudget(2*british+2*german-1))
	list := []string{"+447700100001", "+4915100000001", "+447700200001", "+4915200000001", "+447700300001"}
	results := s.inviteAll(s.admin, list)
	s.want("what fits, from the front", verdicts(results), "3 created, 2 limit_reached")
	s.want("the reason", results[3].Reason, "the organization's limit on text messages is reached")
	s.wantSheet("spent", sheet{today: 3, spent: 2*british + german, all: 2*british + german})
	s.want("what is cheaper", s.invite(list[4]).Verdict, onboarding.Created)
	s.want("nothing fits", s.invite("+447700400001").Verdict, onboarding.OverLimit)
	s.wantSheet("spent", sheet{today: 4, spent: 3*british + german, all: 3*british + german})
	s.ok(s.store.StopTexts(t.Context(), s.Now(), true))
	s.advance(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC).Add(-time.Millisecond).Sub(s.Now()))
	s.want("on the last day", s.invite("+447700400001").Verdict, onboarding.OverLimit)
	s.advance(time.Millisecond)
	s.want("the stop outlasts the month", s.invite("+447700400001").Verdict, onboarding.Denied)
	s.ok(s.store.StopTexts(t.Context(), s.Now(), false))
	s.want("a new month", verdicts(s.inviteAll(s.admin, list[3:])), "1 created, 1 reopened")
	s.wantSheet("a new month", sheet{today: 2, spent: british + german, all: british + german})
}

// inviteAtOnce lets workers invite their share of numbers, all at once, and answers how many were.
func (s *stage) inviteAtOnce(numbers []string, share int, caller func(worker int) onboarding.Caller) (created, refused int) {
	var group sync.WaitGroup
	var mu sync.Mutex
	worker := 0
	for chunk := range slices.Chunk(numbers, share) {
		by, cmd := caller(worker), s.command(chunk)
		worker++
		group.Go(func() {
			results, err := s.inviting(s.store).Invite(s.t.Context(), by, cmd)
			if err != nil {
				s.t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, r := range results {
				switch r.Verdict {
				case onboarding.Created:
					created++
				case onboarding.OverLimit:
					refused++
				}
			}
		})
	}
	group.Wait()
	return created, refused
}

func TestEightWhoSpendOneBudgetSpendItAndNoMore(t *testing.T) {
	for name, c := range map[string]func(*onboarding.Organization){
		"of the month": textBudget(23 * british),
		"of the day":   textsPerDay(23),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, inBritain, c)
			created, refused := s.inviteAtOnce(spread(40), 5, func(int) onboarding.Caller { return s.admin })
			s.want("created, refused", fmt.Sprint(created, refused), "23 17")
			s.wantSheet("spent", sheet{today: 23, spent: 23 * british, all: 23 * british})
			s.want("owed", len(s.owed()), 23)
		})
	}
}

func TestAllOrganizationsTogetherNeverSpendMoreThanTheDeploymentsBudget(t *testing.T) {
	s := newStage(t, inBritain)
	s.texting.Budget = 23*british + 1
	callers := []onboarding.Caller{s.admin, s.bolt()}
	created, refused := s.inviteAtOnce(spread(40), 5, func(i int) onboarding.Caller { return callers[i%2] })
	got := s.sheet()
	if created != 23 || refused != 17 || got.all != 23*british || got.spent+got.bolt != 23*british || got.today+got.boltDay != 23 {
		t.Errorf("%d created, %d refused, %+v", created, refused, got)
	}
	r := s.invite("+447799990001")
	s.want("one more", fmt.Sprint(r.Verdict, ": ", r.Reason), "limit_reached: no more text messages are sent from here this month")
	s.want("which costs", s.sheet(), got)
	s.want("owed", len(s.owed()), 23)
}

func TestAStopReservesNothingAndHoldsBackWhatIsOwed(t *testing.T) {
	s := newStage(t, inBritain)
	s.invite(phone)
	s.ok(s.store.StopTexts(t.Context(), s.Now(), true))
	before := s.sheet()
	results := s.inviteAll(s.admin, []string{"+447700800123", "ann@example.com"})
	s.want("after the stop", verdicts(results), "1 denied, 1 created")
	s.want("the reason", results[0].Reason, "text messages are switched off here")
	s.want("spent", s.sheet(), before)
	for range 12 {
		for _, l := range s.mail() {
			if l.To.Kind == onboarding.Phone {
				t.Fatalf("%+v", l)
			}
		}
		d := s.contact(phone).Invitation.Delivery
		if d.Status != onboarding.DeliveryQueued || d.Error != "Text messages are switched off here." {
			t.Fatalf("%+v", d)
		}
		s.advance(5 * time.Minute)
		_, err := s.redriving().Redrive(t.Context(), 100)
		s.ok(err)
	}
	s.texting.On = false // another way to stop
	s.ok(s.store.StopTexts(t.Context(), s.Now(), false))
	s.want("texts", len(s.mail()), 0)
	s.texting.On = true
	s.advance(5 * time.Minute)
	_, err := s.redriving().Redrive(t.Context(), 100)
	s.ok(err)
	if l := s.mail(); len(l) != 1 || l[0].To.Value != phone {
		t.Errorf("%+v", l)
	}
	if d := s.contact(phone).Invitation.Delivery; d.Status != onboarding.DeliverySent || d.Attempts != 1 {
		t.Errorf("%+v", d)
	}
	s.want("spent", s.sheet(), before)
	s.want("after it", s.invite("+447700800123").Verdict, onboarding.Created)
}

// block are numbers that differ in their last four digits.
func block(n int) []string { return numbered("+44770090%02d00", n) }

func TestFiftyNumbersOfABlockAreTextedInAnHour(t *testing.T) {
	s := newStage(t, inBritain)
	s.advance(20 * time.Minute)
	block := block(70)
	results := s.inviteAll(s.admin, append(block[:60:60], "+447700910000"))
	s.want("verdicts", verdicts(results), "50 created, 10 limit_reached, 1 created")
	s.want("the reason", results[59].Reason, "too many numbers that begin like this one were texted within an hour")
	s.wantSheet("spent", sheet{today: 51, spent: 51 * british, all: 51 * british})
	s.want("elsewhere", s.inviteAs(s.bolt(), block[60]).Verdict, onboarding.OverLimit)
	s.advance(40*time.Minute - time.Millisecond)
	s.want("in the same hour", s.invite(block[60]).Verdict, onboarding.OverLimit)
	s.wantSheet("spent", sheet{today: 51, spent: 51 * british, all: 51 * british})
	s.advance(time.Millisecond)
	s.want("in the next", verdicts(s.inviteAll(s.admin, block[50:])), "20 created") // whoever was refused was not counted
}

func TestWhatARefusedNumberLeavesIsForThoseBehindIt(t *testing.T) {
	s := newStage(t, inBritain, textsPerDay(3))
	people := spread(6)
	for _, a := range people[:2] {
		s.ok(s.store.OptOut(t.Context(), s.numberID(a), s.Now(), s.Now().Add(24*time.Hour)))
	}
	s.want("verdicts", verdicts(s.inviteAll(s.admin, people)), "2 opted_out, 3 created, 1 limit_reached")
	s.wantSheet("spent", sheet{today: 3, spent: 3 * british, all: 3 * british})
}

func TestABlockIsSharedOutExactly(t *testing.T) {
	s := newStage(t, inBritain)
	created, refused := s.inviteAtOnce(block(64), 8, func(int) onboarding.Caller { return s.admin })
	s.want("created, refused", fmt.Sprint(created, refused), "50 14")
	s.wantSheet("spent", sheet{today: 50, spent: 50 * british, all: 50 * british})
}

func TestWhoHasOptedOutIsNotTextedForThirtyDays(t *testing.T) {
	s := newStage(t, inBritain)
	other := s.bolt()
	s.invite(phone)
	s.inviteAs(other, phone, silently)
	s.box.failing(sendError(onboarding.SendOptedOut))
	s.mail()
	i := s.contact(phone).Invitation
	if i.Delivery.Status != onboarding.DeliverySuppressed || i.Status != onboarding.InvitationPending || i.SendCount != 0 || len(s.due()) != 0 ||
		i.Delivery.Error != "The provider says no." {
		t.Errorf("%+v", i)
	}
	s.box.failing(nil)
	out, spent := s.Now(), s.sheet()
	s.advance(time.Hour)
	s.want("anew", s.anew(phone).Verdict, onboarding.OptedOut)
	_, err := s.updating(s.store).Resend(t.Context(), other, onboarding.NewContactID(other.Organization.Salt, s.address(phone)), anyVersion, s.request())
	s.refused(err, onboarding.Conflict)
	s.advance(out.Add(30*24*time.Hour - time.Millisecond).Sub(s.Now()))
	s.want("still", s.anew(phone).Verdict, onboarding.OptedOut)
	if len(s.mail()) != 0 || s.sheet().all != 0 { // it is April
		t.Errorf("%+v, before %+v", s.sheet(), spent)
	}
	s.advance(time.Millisecond)
	s.want("in the end", s.anew(phone).Verdict, onboarding.Reopened)
	s.want("texts", len(s.mail()), 1)
}

// What is forgotten sooner than it counts is no limit.
func TestWhatIsCountedIsKeptAsLongAsItCounts(t *testing.T) {
	s := newStage(t, inBritain)
	kept := func(pk string) (d time.Duration) {
		for _, item := range s.items() {
			if ttl, ok := item["expires_at_ttl"].(*types.AttributeValueMemberN); ok && strings.HasPrefix(text(item["PK"])+text(item["SK"]), pk) {
				seconds, err := strconv.ParseInt(ttl.Value, 10, 64)
				s.ok(err)
				d = time.Unix(seconds, 0).Sub(s.Now())
			}
		}
		return d
	}
	s.invite(phone)
	s.want("a number", kept("NUMBER#"), 48*time.Hour)
	s.want("a block", kept("PREFIX#"), time.Hour)
	s.want("a month", kept("ORG#acmeTEXTS#"), 70*24*time.Hour)
	s.want("all", kept("ALL"), time.Duration(0)) // there is one, for ever
	s.box.failing(sendError(onboarding.SendOptedOut))
	s.mail()
	s.want("a number that has opted out", kept("NUMBER#"), 30*24*time.Hour)
}

// handed counts what a provider could have been given.
type handed struct {
	*stage
	texts int
	end   func() error
}

func (h *handed) send(onboarding.Letter) error {
	err := h.end()
	var e *onboarding.SendError
	if !errors.As(err, &e) || !e.Unsent && e.Class != onboarding.SendPaused {
		h.texts++
	}
	return err
}

func ambiguous() error {
	return &onboarding.SendError{Class: onboarding.SendLater, Reason: "The answer was lost.", Err: errKilled}
}

func throttled() error {
	return &onboarding.SendError{Class: onboarding.SendLater, Reason: "Too much.", Unsent: true, Err: errKilled}
}

// again lets time pass until the message is due, and brings it to deliver.
func (s *stage) again(d time.Duration) {
	s.t.Helper()
	s.advance(d)
	_, err := s.redriving().Redrive(s.t.Context(), 100)
	s.ok(err)
	s.mail()
}

func TestEachSendingThatMayBeAnotherOneIsPaidFor(t *testing.T) {
	s := newStage(t, inBritain)
	s.invite(phone)
	s.box.failing(func(onboarding.Letter) error { return throttled() })
	s.mail()
	s.again(2 * time.Hour)
	s.wantSheet("throttled twice", sheet{today: 1, spent: british, all: british})
	s.box.failing(func(onboarding.Letter) error { return ambiguous() })
	s.again(2 * time.Hour)
	s.wantSheet("sent once, perhaps", sheet{today: 1, spent: british, all: british})
	s.again(2 * time.Hour)
	s.wantSheet("sent twice, perhaps", sheet{today: 2, spent: 2 * british, all: 2 * british})
	s.box.failing(nil)
	s.again(2 * time.Hour)
	s.wantSheet("sent", sheet{today: 3, spent: 3 * british, all: 3 * british})
	s.want("delivery", s.contact(phone).Invitation.Delivery, onboarding.Delivery{Status: onboarding.DeliverySent, LastEventAt: s.Now(), Attempts: 5})
	s.want("the number has been texted three times", s.anew(phone).Verdict, onboarding.OverLimit)
}

func TestASecondSendingThatCannotBePaidForIsNotMade(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(*stage)
		status    onboarding.DeliveryStatus
		reason    string
	}{
		"the month's money is gone": {func(s *stage) { s.invite("+447700800123") }, onboarding.DeliveryFailed,
			"The organization's limit on text messages is reached."},
		"the deployment's is": {func(s *stage) { s.texting.Budget = british }, onboarding.DeliveryFailed,
			"No more text messages are sent from here this month."},
		"no price is named": {func(s *stage) { delete(s.texting.Prices, "GB") }, onboarding.DeliveryFailed,
			"Text messages are not sent to the country of this number (GB)."},
		"its owner has opted out": {func(s *stage) {
			s.ok(s.store.OptOut(s.t.Context(), s.numberID(phone), s.Now(), s.Now().Add(24*time.Hour)))
		}, onboarding.DeliverySuppressed, "The owner of this number has asked for no text messages."},
		"it was texted three times": {func(s *stage) {
			for n := range 2 {
				_, err := s.store.CountNumber(s.t.Context(), s.numberID(phone), fmt.Sprint(n), s.Now(), s.Now(), s.Now().Add(-24*time.Hour))
				s.ok(err)
			}
		}, onboarding.DeliveryFailed, "This number was texted within the last minute."},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, inBritain, textBudget(2*british))
			h := handed{stage: s, end: ambiguous}
			s.box.failing(h.send)
			s.invite(phone)
			s.mail()
			s.advance(time.Minute)
			c.meanwhile(s)
			s.again(0)
			d := s.contact(phone).Invitation.Delivery
			if strings.Contains(c.reason, "last minute") { // that passes
				s.want("delivery", d.Status, onboarding.DeliveryQueued)
				s.again(2 * time.Minute)
				d = s.contact(phone).Invitation.Delivery
				c.reason = "This number was texted three times within a day."
			}
			if d.Status != c.status || d.Error != c.reason || h.texts > 2 {
				t.Errorf("%+v, %d texts", d, h.texts)
			}
			s.want("due", len(s.dueOf(phone)), 0)
			if d := s.sheet(); onboarding.Money(h.texts)*british > d.spent {
				t.Errorf("%d texts, %+v", h.texts, d)
			}
		})
	}
}

// slow is a table whose claims take so long.
type slow struct {
	*stage
	*table.Table
	takes time.Duration
}

func (t slow) Claim(ctx context.Context, o onboarding.Owed, lease string, now, until time.Time) (onboarding.Claimed, error) {
	c, err := t.Table.Claim(ctx, o, lease, now, until)
	t.advance(t.takes)
	return c, err
}

func TestWhatWasNotHandedOverForWantOfTimeIsNotPaidForAgain(t *testing.T) {
	s := newStage(t, inBritain)
	s.invite(phone)
	s.delivering(slow{s, s.store, 12 * time.Second}).Deliver(t.Context(), s.owed())
	if d := s.contact(phone).Invitation.Delivery; len(s.box.all()) != 0 || d.Status != onboarding.DeliveryQueued || d.Error != "the table was too slow" {
		t.Errorf("%+v", d)
	}
	s.again(2 * time.Minute)
	s.want("texts", len(s.box.all()), 1)
	s.wantSheet("spent", sheet{today: 1, spent: british, all: british})
}

// dueOf is what an address's item still owes.
func (s *stage) dueOf(address string) (owed []string) {
	s.t.Helper()
	for name := range s.item(contactSK(s.id(address))) {
		if strings.HasPrefix(name, "outbox") {
			owed = append(owed, name)
		}
	}
	return owed
}

// numberID is what the table knows a number by, in every organization.
func (s *stage) numberID(number string) onboarding.NumberID {
	sum := sha256.Sum256([]byte("latchkey number 1\x00" + number))
	return onboarding.NumberID(sum[:16])
}

// Whatever becomes of the attempts, no more is handed over than was paid for.
func TestNothingIsHandedOverUnpaid(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newStage(t, inBritain)
			r := rand.New(rand.NewPCG(seed, 1))
			h := &handed{stage: s}
			s.box.failing(h.send)
			ends := []func() error{ambiguous, throttled, func() error { return nil }, sendErrorOf(onboarding.SendPaused)}
			s.invite(phone)
			var story []string
			for range 9 {
				end, crash := r.IntN(len(ends)), r.IntN(5)
				if h.end = ends[end]; end == 2 && crash > 1 {
					h.end = ambiguous
				}
				var store onboarding.OutboxStore = s.store
				switch crash {
				case 0:
					store = dying{s.store, false}
				case 1:
					store = dying{s.store, true}
				case 2:
					store, _ = s.over(lost())
				}
				story = append(story, fmt.Sprintf("%d/%d", end, crash))
				s.delivering(store).Deliver(t.Context(), s.owed())
				got := s.sheet()
				if paid := onboarding.Money(h.texts) * british; got.spent < paid || got.all < paid {
					t.Fatalf("after %v: %d texts, %+v", story, h.texts, got)
				}
				s.advance(9*time.Hour + time.Minute)
				_, err := s.redriving().Redrive(t.Context(), 100)
				s.ok(err)
			}
		})
	}
}

func sendErrorOf(class onboarding.SendClass) func() error {
	return func() error { return sendError(class)(onboarding.Letter{}) }
}

func TestEmailsAndPhonesAreInvitedInOneList(t *testing.T) {
	s := newStage(t, inBritain, limit(2), textBudget(2*british))
	list := []string{"ann@example.com", "+447700100001", "rubbish", "07700 200001", "bob@example.com", "+447700200001",
		"+447700300001", "eve@example.com"}
	results := s.inviteAll(s.admin, list)
	s.want("verdicts", verdicts(results), "2 created, 1 invalid, 2 created, 1 duplicate, 2 limit_reached")
	for i, r := range results {
		s.want("input", r.Input, list[i])
	}
	s.want("a number is kept in its one form", results[3].Contact.Address, onboarding.Address{Kind: onboarding.Phone, Value: "+447700200001"})
	s.wantSheet("spent", sheet{today: 2, spent: 2 * british, all: 2 * british})
	s.want("mails", s.usage(), 2)
	l := s.mail()
	s.want("letters", len(l), 4)
	for _, one := range l {
		if _, err := s.redeeming(s.store).Open(t.Context(), acme, tokenIn(one)); err != nil {
			t.Errorf("the link of %s: %v", one.To.Value, err)
		}
	}
}

func TestTheSameListAgainTextsNobody(t *testing.T) {
	s := newStage(t, inBritain)
	list := append(spread(3), "ann@example.com")
	s.want("first", verdicts(s.inviteAll(s.admin, list)), "4 created")
	s.mail()
	s.advance(time.Hour)
	before, numbers := s.sheet(), s.numberItems()
	s.want("again", verdicts(s.inviteAll(s.admin, list)), "4 already_invited")
	s.want("spent", s.sheet(), before)
	s.want("numbers", s.numberItems(), numbers)
	s.want("sent again", verdicts(s.inviteAll(s.admin, list, resend)), "4 resent")
	s.wantSheet("spent", sheet{today: 6, spent: 6 * british, all: 6 * british})
	s.want("letters", len(s.mail()), 4)
	s.want("too soon", verdicts(s.inviteAll(s.admin, list, resend)), "4 already_invited")
	s.wantSheet("spent", sheet{today: 6, spent: 6 * british, all: 6 * british})
}

// numberItems are the items of numbers and their blocks.
func (s *stage) numberItems() (all []string) {
	for _, item := range s.items() {
		if pk := text(item["PK"]); strings.HasPrefix(pk, "NUMBER#") || strings.HasPrefix(pk, "PREFIX#") {
			all = append(all, fmt.Sprint(pk, text(item["latest"]), text(item["second"]), item["texts"]))
		}
	}
	slices.Sort(all)
	return all
}

func TestWhoInvitesByTheirOwnMeansPaysNothing(t *testing.T) {
	s := newStage(t, inBritain, textBudget(1))
	r := s.invite(phone, silently)
	if r.Verdict != onboarding.Created || r.Link == nil || r.Contact.Invitation.Delivery.Status != onboarding.DeliveryNotRequested {
		t.Errorf("%+v", r)
	}
	s.wantSheet("spent", sheet{})
	if len(s.numberItems()) != 0 || len(s.owed()) != 0 {
		t.Errorf("%v, %v", s.numberItems(), s.owed())
	}
	s.texting.On = false
	s.want("where texts are off", s.invite("+447700800123", silently).Verdict, onboarding.Created)
}

func TestTwoWhoInviteTheSameNumbersTextEachOnce(t *testing.T) {
	s := newStage(t, inBritain)
	eve := s.join("eve@example.com", asAnAdmin)
	numbers := spread(30)
	var group sync.WaitGroup
	for i, by := range []onboarding.Caller{s.admin, eve} {
		cmd := s.command(numbers[i*10 : i*10+20])
		group.Go(func() {
			if _, err := s.inviting(s.store).Invite(t.Context(), by, cmd); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	s.wantSheet("spent", sheet{today: 30, spent: 30 * british, all: 30 * british})
	texted := map[string]int{}
	for _, l := range s.mail() {
		if l.To.Kind == onboarding.Phone {
			texted[l.To.Value]++
		}
	}
	for _, n := range numbers {
		if texted[n] != 1 {
			t.Errorf("%s: %d texts", n, texted[n])
		}
	}
}

// meddledText is a store in which somebody does something after the money is reserved, before the contacts are written.
type meddledText struct {
	*table.Table
	meddle func()
}

func (m meddledText) CreateContacts(ctx context.Context, org onboarding.OrganizationID, c []onboarding.Contact) ([]*onboarding.Contact, error) {
	m.meddle()
	return m.Table.CreateContacts(ctx, org, c)
}

func TestWhoTurnsOutToNeedNoTextIsGivenTheirMoneyBack(t *testing.T) {
	s := newStage(t, inBritain, andGermany)
	store := meddledText{s.store, func() { s.invite("+4915112345678", silently) }}
	results, err := s.inviting(store).Invite(t.Context(), s.admin, s.command([]string{phone, "+4915112345678"}))
	s.ok(err)
	s.want("verdicts", verdicts(results), "1 created, 1 already_invited")
	s.wantSheet("spent", sheet{today: 1, spent: british, all: british})
}

func TestARequestAboutNumbersThatIsMadeAgainIsAnsweredAgain(t *testing.T) {
	s := newStage(t, inBritain)
	numbers := spread(3)
	s.invite(numbers[0])
	s.mail()
	s.anew(numbers[1])
	s.mail()
	_, err := s.update(numbers[1], revoking)
	s.ok(err)
	s.advance(time.Hour)
	cmd := s.command(append(numbers, "+442012345678"), resend)
	var said []string
	for _, repeated := range []bool{false, true, false} {
		cmd.Repeated = repeated
		results, err := s.inviting(s.store).Invite(t.Context(), s.admin, cmd)
		s.ok(err)
		said = append(said, verdicts(results))
	}
	for _, one := range said {
		s.want("verdicts", one, "1 resent, 1 reopened, 1 created, 1 invalid")
	}
	s.wantSheet("spent", sheet{today: 5, spent: 5 * british, all: 5 * british})
	s.want("texts", len(s.mail()), 3)
}

// Whatever the limits are and whoever has been texted, what is foretold comes to pass.
func TestAPreviewSaysWhatInvitingThenDoes(t *testing.T) {
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			s := newStage(t, inBritain, andGermany, limit(1+r.IntN(8)), textsPerDay(1+r.IntN(9)),
				textBudget(onboarding.Money(r.IntN(12))*5*cent+5*cent))
			s.texting.Budget = onboarding.Money(2+r.IntN(14)) * british / 2
			var all []string
			for i := range 14 {
				switch r.IntN(6) {
				case 0:
					all = append(all, fmt.Sprintf("ann%d@example.com", i))
				case 1, 2:
					all = append(all, fmt.Sprintf("+49151%04d0001", i))
				default:
					all = append(all, fmt.Sprintf("+4477%04d0001", i))
				}
			}
			all = append(all, "+12025550123", "+442012345678", "rubbish", all[0])
			other := s.bolt()
			for _, a := range all[:14] {
				if !isPhone(a) {
					if r.IntN(2) == 0 {
						s.invite(a, silently)
					}
					continue
				}
				switch r.IntN(9) {
				case 0:
					s.ok(s.store.OptOut(t.Context(), s.numberID(a), s.Now(), s.Now().Add(time.Hour)))
				case 1, 2: // texted within the minute, perhaps
					s.inviteAs(other, a)
				case 3:
					s.invite(a, silently)
				case 4:
					s.anew(a)
				}
			}
			if r.IntN(2) == 0 {
				s.advance(time.Minute)
			}
			if r.IntN(8) == 0 {
				s.ok(s.store.StopTexts(t.Context(), s.Now(), true))
			}
			cmd := s.command(all, func(c *onboarding.InviteCommand) { c.Resend, c.Notify = r.IntN(2) == 0, r.IntN(8) > 0 })
			r.Shuffle(len(cmd.Recipients), func(i, j int) {
				cmd.Recipients[i], cmd.Recipients[j] = cmd.Recipients[j], cmd.Recipients[i]
			})
			before, sheetBefore := s.items(), s.sheet()
			p, err := s.inviting(s.store).Preview(t.Context(), s.admin, cmd)
			s.ok(err)
			if after := s.items(); !reflect.DeepEqual(after, before) {
				t.Error("a preview writes")
			}
			results, err := s.inviting(s.store).Invite(t.Context(), s.admin, cmd)
			s.ok(err)
			for i, one := range results {
				if foretold := p.Results[i]; foretold.Verdict != one.Verdict || foretold.Reason != one.Reason {
					t.Errorf("%s: %s (%s), foretold was %s (%s)", one.Input, one.Verdict, one.Reason, foretold.Verdict, foretold.Reason)
				}
			}
			spent := s.sheet()
			if p.Texts.Count != spent.today-sheetBefore.today || p.Texts.Cost != spent.spent-sheetBefore.spent || p.Texts.Segments != 2*p.Texts.Count {
				t.Errorf("foretold %+v; before %+v, after %+v", p.Texts, sheetBefore, spent)
			}
		})
	}
}

// Money is taken from the front: what is too dear holds up what is cheaper behind it.
func TestAPreviewTakesMoneyInTheOrderOfTheList(t *testing.T) {
	for name, edit := range map[string]func(*stage){
		"of the organization": func(s *stage) { s.configure(func(o *onboarding.Settings) { o.TextBudget = british + 1 }) },
		"of the deployment":   func(s *stage) { s.texting.Budget = british + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, inBritain, andGermany)
			edit(s)
			cmd := s.command([]string{"+4915112345678", phone})
			p, err := s.inviting(s.store).Preview(t.Context(), s.admin, cmd)
			s.ok(err)
			s.want("foretold", fmt.Sprint(p.Results[0].Verdict, " ", p.Results[1].Verdict), "limit_reached limit_reached")
			s.want("then", verdicts(s.inviteAll(s.admin, []string{"+4915112345678", phone})), "2 limit_reached")
		})
	}
}

func TestAPreviewTellsWhatIsLeft(t *testing.T) {
	s := newStage(t, inBritain, textsPerDay(5), textBudget(4*british+1))
	s.invite(phone)
	s.mail()
	preview := func() onboarding.TextPreview {
		p, err := s.inviting(s.store).Preview(t.Context(), s.admin, s.command(spread(2)))
		s.ok(err)
		return p.Texts
	}
	s.want("left", preview(), onboarding.TextPreview{Count: 2, Segments: 4, Cost: 2 * british, Left: 4, Budget: 3*british + 1})
	s.texting.On = false
	s.want("where texts are off", preview(), onboarding.TextPreview{})
}

func TestACountWhoseAnswerWasLostIsRecognised(t *testing.T) {
	s := newStage(t)
	store, _ := s.over(lost())
	count := func(store *table.Table, message string, ago time.Duration) error {
		_, err := store.CountNumber(t.Context(), s.numberID(phone), message, s.Now(), s.Now().Add(-ago), s.Now().Add(-24*time.Hour))
		return err
	}
	s.ok(count(store, "one", time.Minute))
	if err := count(s.store, "two", time.Minute); !errors.Is(err, onboarding.ErrLimit) {
		t.Errorf("another message: %v", err)
	}
	s.want("the very message again", count(s.store, "one", time.Minute), nil)
	states, err := s.store.ReadNumbers(t.Context(), []onboarding.NumberID{s.numberID(phone), s.numberID("+447700800123")})
	s.ok(err)
	if n := states[s.numberID(phone)]; len(states) != 1 || !n.Latest[0].Equal(s.Now()) || !n.Latest[1].IsZero() || !n.Latest[2].IsZero() {
		t.Errorf("%+v", states)
	}
}

// What is counted twice is less to be sent, and what is given back twice would be more.
func TestLostAnswersNeverMakeMoneyOfIt(t *testing.T) {
	s := newStage(t, inBritain, textsPerDay(12))
	store, _ := s.over(lost())
	results, err := s.inviting(store).Invite(t.Context(), s.admin, s.command(append(spread(3), "+442012345678")))
	s.ok(err)
	s.want("verdicts", verdicts(results), "3 created, 1 invalid")
	got := s.sheet()
	if got.today < 3 || got.spent < 3*british || got.all < 3*british {
		t.Errorf("%+v", got)
	}
	// The numbers were texted a moment ago: each is refused, and its money given back, once.
	for _, n := range spread(3) {
		_, err := s.update(n, revoking)
		s.ok(err)
	}
	before := s.sheet()
	results, err = s.inviting(store).Invite(t.Context(), s.admin, s.command(spread(3)))
	s.ok(err)
	s.want("verdicts", verdicts(results), "3 limit_reached")
	if after := s.sheet(); after.today < before.today || after.spent < before.spent || after.all < before.all {
		t.Errorf("%+v, before %+v", after, before)
	}
	s.want("texts", len(s.mail()), 0)
}

func TestMoneyIsGivenBackOnce(t *testing.T) {
	s := newStage(t, inBritain)
	people := block(51)
	s.texting.Budget = 60 * british
	s.inviteAs(s.bolt(textsPerDay(60)), phone)
	s.inviteAll(s.admin, people[:50])
	s.texting.Budget = 52 * british
	before, lose, returns := s.sheet(), lost(), 0
	store, _ := s.over(func(c call) (*http.Response, bool, error) {
		if !strings.Contains(string(c.Body), `"N":"-`) {
			return nil, false, nil
		}
		returns++
		return lose(c)
	})
	results, err := s.inviting(store).Invite(t.Context(), s.admin, s.command(people[50:])) // its block is full
	s.ok(err)
	s.want("verdicts", verdicts(results), "1 limit_reached")
	s.want("spent", s.sheet(), before)
	results, err = s.inviting(store).Invite(t.Context(), s.admin, s.command(spread(3))) // of which the deployment pays two
	s.ok(err)
	s.want("verdicts", verdicts(results), "2 created, 1 limit_reached")
	s.wantSheet("spent", sheet{today: 51, spent: 51 * british, all: 52 * british, boltDay: 1, bolt: british})
	s.want("returns", returns, 3)
}

func TestWhereLittleIsLeftThatIsFoundOutInTwoWrites(t *testing.T) {
	for name, c := range map[string]func(*onboarding.Organization){"of the month": textBudget(20 * british), "of the day": textsPerDay(20)} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, inBritain, c)
			_, err := s.store.ReserveTexts(t.Context(), acme, s.Now(), onboarding.TextInvitation, slices.Repeat([]onboarding.Money{british}, 17),
				onboarding.TextLimits{PerDay: 100, Budget: 100 * british})
			s.ok(err)
			store, w := s.over()
			limits := onboarding.TextLimits{PerDay: s.admin.Organization.Settings.TextsPerDay, Budget: s.admin.Organization.Settings.TextBudget}
			n, err := store.ReserveTexts(t.Context(), acme, s.Now(), onboarding.TextInvitation, slices.Repeat([]onboarding.Money{british}, 50), limits)
			s.ok(err)
			s.want("taken", n, 3)
			s.want("writes", w.count("UpdateItem"), 2)
			n, err = store.ReserveTexts(t.Context(), acme, s.Now(), onboarding.TextInvitation, []onboarding.Money{1}, limits)
			s.ok(err)
			s.want("taken of nothing", n, 0)
		})
	}
}

// at spoils what is written about an item whose key begins so.
func at(key string, f fault) fault {
	return func(c call) (*http.Response, bool, error) {
		if c.Operation != "UpdateItem" && c.Operation != "BatchGetItem" || !strings.Contains(string(c.Body), `"`+key) {
			return nil, false, nil
		}
		return f(c)
	}
}

func TestWhereACounterCannotBeWrittenNothingIsSent(t *testing.T) {
	for what, key := range map[string]string{"the organization's": "TEXTS#", "the deployment's": `ALL"`, "the block's": "PREFIX#",
		"the number's": "NUMBER#"} {
		for how, f := range map[string]fault{"down": down, "throttled": refused("ProvisionedThroughputExceededException")} {
			t.Run(what+" is "+how, func(t *testing.T) {
				s := newStage(t, inBritain)
				s.invite("+447700700123", silently)
				store, _ := s.over(at(key, f))
				_, err := s.inviting(store).Invite(t.Context(), s.admin, s.command([]string{phone}))
				s.refused(err, onboarding.Unavailable)
				_, err = s.updating(store).Resend(t.Context(), s.admin, s.id("+447700700123"), anyVersion, s.request())
				s.refused(err, onboarding.Unavailable)
				_, _, err = s.joining(store).Begin(t.Context(), acme, s.linkToken(s.defaultLink()), onboarding.JoinProfile{
					Phone: "+447700600123", FirstName: "Ann", LastName: "Lee", Password: password}, source)
				s.refused(err, onboarding.Unavailable)
				if len(s.mail()) != 0 || s.count("JOIN#") != 0 || s.count("CONTACT#") != 2 {
					t.Error("something is owed all the same")
				}
				// A sending that is to be paid for is not made either.
				s.invite("+447700500123")
				h := &handed{stage: s, end: ambiguous}
				s.box.failing(h.send)
				s.mail()
				s.advance(2 * time.Minute)
				_, err = s.redriving().Redrive(t.Context(), 100)
				s.ok(err)
				s.delivering(store).Deliver(t.Context(), s.owed())
				d := s.contact("+447700500123").Invitation.Delivery
				if h.texts != 1 || d.Status != onboarding.DeliveryQueued || d.Attempts != 2 ||
					!strings.HasPrefix(d.Error, "the limits on text messages could not be") {
					t.Errorf("%d texts, %+v", h.texts, d)
				}
			})
		}
	}
}

func TestWhatTheLimitsRefuseIsAnsweredWhereTheMoneyCannotBeGivenBack(t *testing.T) {
	s := newStage(t, inBritain)
	people := block(51)
	s.inviteAll(s.admin, people[:50])
	counted := false
	store, _ := s.over(func(c call) (*http.Response, bool, error) {
		if counted = counted || strings.Contains(string(c.Body), "PREFIX#"); counted && !strings.Contains(string(c.Body), "PREFIX#") {
			return down(c)
		}
		return nil, false, nil
	})
	results, err := s.inviting(store).Invite(t.Context(), s.admin, s.command(people[50:]))
	s.ok(err)
	s.want("verdict", results[0].Verdict, onboarding.OverLimit)
	s.wantSheet("it stays counted", sheet{today: 51, spent: 51 * british, all: 51 * british})
}

func TestAnOptOutThatCannotBeWrittenIsStillOne(t *testing.T) {
	s := newStage(t, inBritain)
	s.invite(phone)
	s.box.failing(sendError(onboarding.SendOptedOut))
	store, _ := s.over(at("NUMBER#", down))
	s.ok(s.deliverOver(store, s.owed()))
	s.want("delivery", s.contact(phone).Invitation.Delivery.Status, onboarding.DeliverySuppressed)
}

// A key that is used again for another write is no repetition: its text is counted.
func TestARequestThatIsMadeAnewCountsTheNumberAnew(t *testing.T) {
	s := newStage(t, inBritain)
	again := func(c *onboarding.InviteCommand) { c.RequestID, c.Repeated = "the same", true }
	s.want("first", s.invite(phone, again).Verdict, onboarding.Created)
	_, err := s.updating(s.store).Revoke(t.Context(), s.admin, s.contact(phone).ID, anyVersion, s.request())
	s.ok(err)
	s.want("within the minute", s.invite(phone, again).Verdict, onboarding.OverLimit)
	s.want("texts", len(s.mail()), 0)
}

// The operator has barred a country while messages to it were owed.
func TestWhatWasPaidForIsNotSentWhereItIsBarredMeanwhile(t *testing.T) {
	s := newStage(t, inBritain, andGermany)
	s.inviteAll(s.admin, []string{phone, "+4915112345678"})
	s.configure(func(o *onboarding.Settings) { o.TextCountries = []string{"GB"} })
	s.want("texts", len(s.mail()), 1)
	s.want("delivery", s.contact("+4915112345678").Invitation.Delivery.Status, onboarding.DeliveryFailed)
}

// Strangers with a link leave half of the month's money to invitations.
func TestCodesTakeHalfOfTheMonth(t *testing.T) {
	s := newStage(t, inBritain, textBudget(40*cent))
	began := 0
	for _, a := range spread(8) { // five cents each
		_, _, err := s.joining(s.store).Begin(t.Context(), acme, s.linkToken(s.defaultLink()),
			onboarding.JoinProfile{Phone: a, FirstName: "Ann", LastName: "Lee", Password: password}, source)
		if err == nil {
			began++
		} else {
			s.refused(err, onboarding.TooManyAttempts)
		}
	}
	s.want("began", began, 4)
	s.want("invited", verdicts(s.inviteAll(s.admin, numbered("+4478%04d0001", 3))), "2 created, 1 limit_reached")
}

// Nobody fills a block of numbers with one number.
func TestANumberThatIsRefusedDoesNotCountForItsBlock(t *testing.T) {
	s := newStage(t, inBritain)
	s.invite(phone)
	bea := s.bolt()
	for range 60 {
		s.want("again", s.inviteAs(bea, phone).Verdict, onboarding.OverLimit)
	}
	s.want("its neighbour", s.invite("+447700900999").Verdict, onboarding.Created)
}

// What was paid for and was surely not sent is not paid for again.
func TestAThrottledCodeIsPaidForOnce(t *testing.T) {
	s := newStage(t, inBritain, nobodyWaits)
	s.joins(s.defaultLink(), phone)
	s.advance(2 * time.Minute)
	s.mail()
	before := s.sheet()
	s.ok(s.signingIn(s.store).RequestReset(t.Context(), acme, phone, source))
	s.box.failing(func(onboarding.Letter) error {
		return &onboarding.SendError{Class: onboarding.SendLater, Reason: "throttled", Unsent: true, Err: errors.New("x")}
	})
	s.mail()
	for range 3 {
		s.advance(time.Minute)
		_, err := s.redriving().Redrive(t.Context(), 100)
		s.ok(err)
		s.delivering(s.store).Deliver(t.Context(), s.owed())
	}
	s.want("spent", s.sheet().spent-before.spent, 5*cent)
}
