package table_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

func TestADeliveryIsWrittenDown(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	version := s.contact("ann@example.com").Version
	s.advance(time.Second)
	if l := s.mail(); len(l) != 1 {
		t.Fatalf("%d letters", len(l))
	}
	c := s.contact("ann@example.com")
	if i := c.Invitation; i.Delivery != (onboarding.Delivery{Status: onboarding.DeliverySent, LastEventAt: s.Now(), Attempts: 1}) ||
		!i.LastSentAt.Equal(s.Now()) || i.SendCount != 1 || c.Version != version+1 {
		t.Errorf("%+v, version %d", i, c.Version)
	}
	for _, attribute := range []string{"outbox", "outbox_wake", "by_outbox_pk", "by_outbox_sk"} {
		if _, there := s.item(contactSK(c.ID))[attribute]; there {
			t.Errorf("%s is left", attribute)
		}
	}
	if woken, err := s.redriving().Redrive(t.Context(), 100); woken != 0 || err != nil {
		t.Errorf("%d woken, %v", woken, err)
	}
}

func TestARecordThatComesTwiceMailsOnce(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	owed := s.owed()
	for range 3 {
		if failed := s.delivering(s.store).Deliver(t.Context(), owed); len(failed) != 0 {
			t.Errorf("%v failed", failed)
		}
	}
	if n := len(s.box.all()); n != 1 {
		t.Errorf("%d letters", n)
	}
}

func TestAFailedSendWaitsForItsTimeAndIsDrivenAgain(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	s.box.failing(sendError(onboarding.SendLater))
	s.mail()
	c := s.contact("ann@example.com")
	if d := c.Invitation.Delivery; d.Status != onboarding.DeliveryQueued || d.Attempts != 1 || d.Error != "The provider says no." {
		t.Errorf("%+v", d)
	}
	if len(s.owed()) != 0 {
		t.Error("its own settling wakes it")
	}
	s.box.failing(nil)
	for elapsed := time.Duration(0); len(s.box.all()) == 0; elapsed += time.Second {
		if elapsed > 31*time.Second {
			t.Fatal("it is not driven within the half minute of a first failure")
		}
		s.advance(time.Second)
		_, err := s.redriving().Redrive(t.Context(), 100)
		s.ok(err)
		s.mail()
	}
	if c := s.contact("ann@example.com"); c.Invitation.Delivery.Status != onboarding.DeliverySent ||
		c.Invitation.Delivery.Attempts != 2 {
		t.Errorf("%+v", c.Invitation.Delivery)
	}
}

func TestAPausedAccountBurnsNoAttemptsInTheTable(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	s.box.failing(sendError(onboarding.SendPaused))
	for range 12 {
		s.mail()
		s.advance(5 * time.Minute)
		woken, err := s.redriving().Redrive(t.Context(), 100)
		s.ok(err)
		if woken != 1 {
			t.Fatalf("%d woken", woken)
		}
	}
	s.box.failing(nil)
	if l := s.mail(); len(l) != 1 {
		t.Errorf("%d letters", len(l))
	}
	if d := s.contact("ann@example.com").Invitation.Delivery; d.Attempts != 1 {
		t.Errorf("%+v", d)
	}
}

func TestWhatTheProviderRefusesIsFailedAndOver(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	s.box.failing(sendError(onboarding.SendRefused))
	s.mail()
	i := s.contact("ann@example.com").Invitation
	if i.Delivery.Status != onboarding.DeliveryFailed || i.SendCount != 0 ||
		i.Status != onboarding.InvitationPending || len(s.due()) != 0 {
		t.Errorf("%+v", i)
	}
}

// due is what by_outbox lists now.
func (s *stage) due() []onboarding.DueItem {
	s.t.Helper()
	var all []onboarding.DueItem
	for shard := range onboarding.OutboxShards {
		due, err := s.store.ReadDue(s.t.Context(), shard, s.Now(), 1000)
		s.ok(err)
		all = append(all, due...)
	}
	return all
}

// dying is a store for a deliver that is killed at one of its writes.
type dying struct {
	*table.Table
	atSettle bool
}

var errKilled = errors.New("killed")

func (d dying) Claim(ctx context.Context, o onboarding.Owed, lease string, now, until time.Time) (onboarding.Claimed, error) {
	c, err := d.Table.Claim(ctx, o, lease, now, until)
	if err == nil && !d.atSettle {
		return c, errKilled
	}
	return c, err
}

func (d dying) Settle(context.Context, onboarding.Owed, onboarding.Claimed, onboarding.Outcome) error {
	return errKilled
}

func TestADeliverThatWasKilledLosesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		store  func(*table.Table) onboarding.OutboxStore
		copies int
	}{
		"between the claim and the send":           {func(t *table.Table) onboarding.OutboxStore { return dying{t, false} }, 1},
		"between the send and the write behind it": {func(t *table.Table) onboarding.OutboxStore { return dying{t, true} }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.invite("ann@example.com")
			owed := s.owed()
			if failed := s.delivering(c.store(s.store)).Deliver(t.Context(), owed); len(failed) != 1 {
				t.Fatalf("%v failed", failed)
			}
			// The stream brings it again while the lease still runs: whoever is dead cannot be told from whoever is sending.
			if failed := s.delivering(s.store).Deliver(t.Context(), owed); len(failed) != 0 || len(s.due()) != 0 {
				t.Errorf("%v failed, %v due", failed, s.due())
			}
			s.advance(15*time.Second + time.Millisecond)
			if woken, err := s.redriving().Redrive(t.Context(), 100); woken != 1 || err != nil {
				t.Fatalf("%d woken, %v", woken, err)
			}
			s.mail()
			letters := s.box.all()
			if len(letters) != c.copies {
				t.Errorf("%d copies, want %d", len(letters), c.copies)
			}
			for _, l := range letters {
				if _, err := s.redeeming(s.store).Open(t.Context(), acme, tokenIn(l)); err != nil {
					t.Errorf("a copy does not work: %v", err)
				}
			}
			if i := s.contact("ann@example.com").Invitation; i.Delivery.Status != onboarding.DeliverySent ||
				i.Delivery.Attempts != 2 {
				t.Errorf("%+v", i.Delivery)
			}
		})
	}
}

func TestWhatTheStreamNeverBroughtIsDriven(t *testing.T) {
	s := newStage(t)
	results, err := s.inviting(s.store).Invite(t.Context(), s.admin, s.command(s.addresses(16)))
	s.ok(err)
	if len(results) != 16 || len(s.due()) != 0 {
		t.Fatalf("%d are due at once", len(s.due()))
	}
	s.advance(onboarding.RedriveAfter)
	first, err := s.redriving().Redrive(t.Context(), 2) // of each shard
	s.ok(err)
	if first == 0 || first > 2*onboarding.OutboxShards {
		t.Errorf("%d woken", first)
	}
	rest, err := s.redriving().Redrive(t.Context(), 100)
	s.ok(err)
	if rest != 16-first {
		t.Errorf("%d and %d woken: what was woken already is woken again", first, rest)
	}
	if l := s.mail(); len(l) != 16 {
		t.Errorf("%d letters", len(l))
	}
}

func TestWakingComesTooLateForWhatSomebodyHas(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	owed := s.owed()
	s.advance(onboarding.RedriveAfter)
	due := s.due()
	if len(due) != 1 {
		t.Fatal(due)
	}
	_, err := s.store.Claim(t.Context(), owed[0], "lease", s.Now(), s.Now().Add(time.Minute))
	s.ok(err)
	s.ok(s.store.Wake(t.Context(), due[0], s.Now().Add(time.Hour)))
	if len(s.owed()) != 0 {
		t.Error("a message that is being sent is woken")
	}
	if err := s.store.Wake(t.Context(), onboarding.DueItem{Item: "ORG#acme|ORG", Due: due[0].Due}, s.Now()); err == nil {
		t.Error("an item that owes nothing can be woken")
	}
}

// A new message that is written while the old one is on its way is still owed when that one is settled.
func TestSettlingAnOldMessageLeavesANewOne(t *testing.T) {
	for name, fail := range map[string]error{
		"the old one was sent":            nil,
		"the old one was refused":         &onboarding.SendError{Class: onboarding.SendRefused, Reason: "no", Err: errKilled},
		"the old one is to be sent later": &onboarding.SendError{Class: onboarding.SendLater, Reason: "no", Err: errKilled},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.invite("ann@example.com")
			owed := s.owed()
			s.advance(time.Hour)
			var once sync.Once
			s.box.failing(func(onboarding.Letter) (err error) {
				once.Do(func() {
					if _, e := s.update("ann@example.com", resending); e != nil {
						t.Error(e)
					}
					err = fail
				})
				return err
			})
			if failed := s.delivering(s.store).Deliver(t.Context(), owed); len(failed) != 0 {
				t.Fatalf("%v failed", failed)
			}
			now := s.owed()
			if len(now) != 1 || now[0].Message == owed[0].Message {
				t.Fatalf("%v is owed, before it was %v", now, owed)
			}
			s.advance(time.Minute)
			if l := s.mail(); len(l) != 1 || len(s.owed()) != 0 || len(s.due()) != 0 {
				t.Errorf("%d letters, then %v owed and %v due", len(l), s.owed(), s.due())
			}
		})
	}
}

// Whoever held a message so long that another has it now does not give that one's lease away.
func TestALateComerDoesNotEndAnothersLease(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	owed := s.owed()[0]
	claim := func(lease string) (onboarding.Claimed, error) {
		return s.store.Claim(t.Context(), owed, lease, s.Now(), s.Now().Add(15*time.Second))
	}
	late, err := claim("first")
	s.ok(err)
	s.advance(16 * time.Second)
	_, err = claim("second")
	s.ok(err)
	s.ok(s.store.Settle(t.Context(), owed, late, onboarding.Outcome{At: s.Now(), Status: onboarding.DeliveryQueued,
		Retry: s.Now().Add(time.Second)}))
	s.advance(2 * time.Second)
	if c, err := claim("third"); !errors.Is(err, onboarding.ErrNotFound) {
		t.Errorf("two send it at once, and this is attempt %d of the third who tries: %v", c.Attempts, err)
	}
}

func TestNothingIsMailedForWhatWasTakenBack(t *testing.T) {
	for name, end := range map[string]func(*stage, string){
		"revoked": func(s *stage, _ string) { _, err := s.update("ann@example.com", revoking); s.ok(err) },
		"declined": func(s *stage, token string) {
			_, err := s.redeeming(s.store).Decline(s.t.Context(), acme, token)
			s.ok(err)
		},
		"accepted": func(s *stage, token string) {
			_, _, err := s.redeeming(s.store).Accept(s.t.Context(), acme, token, profile())
			s.ok(err)
		},
		"closed": func(s *stage, _ string) { s.poke("ORG", map[string]any{"closed": true}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			token := s.invited("ann@example.com")
			owed := s.owed() // the stream had it before
			end(s, token)
			if failed := s.delivering(s.store).Deliver(t.Context(), owed); len(failed) != 0 || len(s.box.all()) != 0 {
				t.Errorf("%v failed, %d letters", failed, len(s.box.all()))
			}
			s.advance(time.Hour)
			if len(s.owed()) != 0 || len(s.due()) != 0 {
				t.Errorf("%v owed, %v due", s.owed(), s.due())
			}
		})
	}
}

func TestAnItemOfAnotherKindIsNotDelivered(t *testing.T) {
	s := newStage(t)
	for _, item := range []string{"", "ORG#acme", "ORG#acme|ORG", "ORG#acme|SESSION#x", "PARTNERS|CONTACT#x",
		"ORG#acme|CONTACT#aaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		owed := onboarding.Owed{Item: item, Message: "M1"}
		if failed := s.delivering(s.store).Deliver(t.Context(), []onboarding.Owed{owed}); len(failed) != 0 {
			t.Errorf("%q holds up its shard", item)
		}
	}
}
