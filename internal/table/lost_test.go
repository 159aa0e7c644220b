package table_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

// job is something that a use case does, on a stage that is prepared for it, through a store that may be spoiled. What it
// answers is checked when it is done, with the state it left.
type job func(s *stage) (do func(*table.Table) error, check func())

// want fails the test where what holds is not what should.
func (s *stage) want(what string, got, want any) {
	s.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// inviteJob invites addresses, which prepare has brought into some state, and wants each to get one verdict and one mail.
func inviteJob(addresses []string, verdict onboarding.InviteVerdict, prepare func(*stage),
	edits ...func(*onboarding.InviteCommand)) job {
	return func(s *stage) (func(*table.Table) error, func()) {
		prepare(s)
		before := len(s.box.all())
		return func(store *table.Table) error {
				results, err := s.inviting(store).Invite(s.t.Context(), s.admin, s.command(addresses, edits...))
				for _, r := range results {
					if r.Verdict != verdict || r.Contact == nil {
						s.t.Errorf("%s: %s (%s), want %s", r.Input, r.Verdict, r.Reason, verdict)
						break
					}
				}
				return err
			}, func() {
				s.mail()
				s.want("letters", len(s.box.all())-before, len(addresses))
				for _, l := range s.box.all()[before:] {
					if _, err := s.redeeming(s.store).Open(s.t.Context(), acme, tokenIn(l)); err != nil {
						s.t.Errorf("the link of %s: %v", l.To.Value, err)
					}
				}
				s.want("contacts", s.count("CONTACT#"), 1+len(addresses))
			}
	}
}

func revokeAll(addresses []string) func(*stage) {
	return func(s *stage) {
		_, err := s.inviting(s.store).Invite(s.t.Context(), s.admin, s.command(addresses))
		s.ok(err)
		for _, a := range addresses {
			_, err := s.update(a, revoking)
			s.ok(err)
		}
	}
}

func updateJob(do update, status onboarding.InvitationStatus, letters int) job {
	return func(s *stage) (func(*table.Table) error, func()) {
		s.invite("ann@example.com")
		s.mail()
		s.advance(time.Hour)
		id, request := s.id("ann@example.com"), s.request()
		return func(store *table.Table) error {
				c, err := do(s.updating(store), s.t.Context(), s.admin, id, anyVersion, request)
				if err == nil {
					s.want("answered", c.Invitation.Status, status)
				}
				return err
			}, func() {
				s.want("stored", s.contact("ann@example.com").Invitation.Status, status)
				s.want("letters", len(s.mail()), letters)
			}
	}
}

var jobs = map[string]job{
	"invite one":    inviteJob([]string{"ann@example.com"}, onboarding.Created, func(*stage) {}),
	"invite thirty": inviteJob(numbered("ann%d@example.com", 30), onboarding.Created, func(*stage) {}),
	"reopen one":    inviteJob([]string{"ann@example.com"}, onboarding.Reopened, revokeAll([]string{"ann@example.com"})),
	"reopen ten":    inviteJob(numbered("ann%d@example.com", 10), onboarding.Reopened, revokeAll(numbered("ann%d@example.com", 10))),
	"resend by inviting": inviteJob([]string{"ann@example.com"}, onboarding.Resent, func(s *stage) {
		s.invite("ann@example.com")
		s.mail()
		s.advance(time.Hour)
	}, resend),
	"resend what was reopened by inviting": inviteJob([]string{"ann@example.com"}, onboarding.Resent, func(s *stage) {
		revokeAll([]string{"ann@example.com"})(s)
		s.invite("ann@example.com")
		s.mail()
		s.advance(time.Hour)
	}, resend),
	"resend": updateJob(resending, onboarding.InvitationPending, 1),
	"revoke": updateJob(revoking, onboarding.InvitationRevoked, 0),
	"accept": func(s *stage) (func(*table.Table) error, func()) {
		token := s.invited("ann@example.com")
		var session onboarding.SessionToken
		return func(store *table.Table) (err error) {
				_, session, err = s.redeeming(store).Accept(s.t.Context(), acme, token, profile())
				return err
			}, func() {
				s.want("members", s.count("MEMBER#"), 2)
				s.want("sessions", s.count("SESSION#"), 1)
				_, err := s.authenticate(session)
				s.want("the session", err, nil)
				s.want("version", s.contact("ann@example.com").Version, 2)
			}
	},
	"decline": func(s *stage) (func(*table.Table) error, func()) {
		token := s.invited("ann@example.com")
		return func(store *table.Table) error {
				_, err := s.redeeming(store).Decline(s.t.Context(), acme, token)
				return err
			}, func() {
				s.want("status", s.contact("ann@example.com").Invitation.Status, onboarding.InvitationDeclined)
			}
	},
	"ask for a new link": func(s *stage) (func(*table.Table) error, func()) {
		token := s.invited("ann@example.com")
		s.advance(lifetime)
		return func(store *table.Table) error {
				_, err := s.redeeming(store).RequestNewLink(s.t.Context(), acme, token)
				return err
			}, func() {
				s.want("letters", len(s.mail()), 1)
			}
	},
	"sign in": func(s *stage) (func(*table.Table) error, func()) {
		var session onboarding.SessionToken
		return func(store *table.Table) (err error) {
				_, session, err = s.signingIn(store).SignIn(s.t.Context(), acme, "ada@example.com", password, source)
				return err
			}, func() {
				_, err := s.authenticate(session)
				s.want("the session", err, nil)
				s.want("sessions", s.count("SESSION#"), 1)
			}
	},
	"sign out": func(s *stage) (func(*table.Table) error, func()) {
		caller, _, err := s.signIn("ada@example.com", password)
		s.ok(err)
		return func(store *table.Table) error { return s.signingIn(store).SignOut(s.t.Context(), caller) },
			func() { s.want("sessions", s.count("SESSION#"), 0) }
	},
	"change the password": func(s *stage) (func(*table.Table) error, func()) {
		caller, _, err := s.signIn("ada@example.com", password)
		s.ok(err)
		var session onboarding.SessionToken
		return func(store *table.Table) (err error) {
				_, session, err = s.signingIn(store).ChangePassword(s.t.Context(), caller, password, another)
				return err
			}, func() {
				_, err := s.authenticate(session)
				s.want("the session", err, nil)
				_, _, err = s.signIn("ada@example.com", another)
				s.want("the new password", err, nil)
			}
	},
	"ask for a reset": func(s *stage) (func(*table.Table) error, func()) {
		return func(store *table.Table) error {
				return s.signingIn(store).RequestReset(s.t.Context(), acme, "ada@example.com", source)
			}, func() {
				letters := s.mail()
				s.want("letters", len(letters), 1)
				_, _, err := s.signingIn(s.store).OpenReset(s.t.Context(), acme, tokenIn(letters[0]))
				s.want("its link", err, nil)
			}
	},
	"set the password by mail": func(s *stage) (func(*table.Table) error, func()) {
		s.ok(s.signingIn(s.store).RequestReset(s.t.Context(), acme, "ada@example.com", source))
		token := tokenIn(s.mail()[0])
		var session onboarding.SessionToken
		return func(store *table.Table) (err error) {
				_, session, err = s.signingIn(store).SetPassword(s.t.Context(), acme, token, another)
				return err
			}, func() {
				_, err := s.authenticate(session)
				s.want("the session", err, nil)
				_, _, err = s.signIn("ada@example.com", another)
				s.want("the new password", err, nil)
			}
	},
	"found": func(s *stage) (func(*table.Table) error, func()) {
		cmd := foundCommand()
		cmd.ID = "acme-2"
		return func(store *table.Table) error {
				_, _, err := onboarding.Founding{World: s.world(), Store: store}.Found(s.t.Context(), cmd)
				return err
			}, func() {
				s.want("organizations", s.count("ORG"), 2)
				s.want("letters", len(s.mail()), 1)
			}
	},
	"change an organization": func(s *stage) (func(*table.Table) error, func()) {
		return func(store *table.Table) error {
				_, err := onboarding.Founding{World: s.world(), Store: store}.Change(s.t.Context(), acme,
					func(o *onboarding.Organization) { o.Settings.DailySendLimit++ })
				return err
			}, func() {
				s.want("limit", s.organization().Settings.DailySendLimit, 2001)
			}
	},
	"deliver": func(s *stage) (func(*table.Table) error, func()) {
		s.invite("ann@example.com")
		owed := s.owed()
		return func(store *table.Table) error { return s.deliverOver(store, owed) }, func() {
			s.want("letters", len(s.box.all()), 1)
			i := s.contact("ann@example.com").Invitation
			s.want("delivery", i.Delivery.Status, onboarding.DeliverySent)
			s.want("sent", i.SendCount, 1)
			s.advance(time.Hour)
			s.want("due", s.due(), []onboarding.DueItem{})
		}
	},
	"deliver what is to be sent later": func(s *stage) (func(*table.Table) error, func()) {
		s.invite("ann@example.com")
		owed := s.owed()
		s.box.failing(sendError(onboarding.SendLater))
		return func(store *table.Table) error { return s.deliverOver(store, owed) }, func() {
			s.box.failing(nil)
			s.want("delivery", s.contact("ann@example.com").Invitation.Delivery.Status, onboarding.DeliveryQueued)
			s.advance(time.Hour)
			s.want("due", len(s.due()), 1)
		}
	},
	"drive what is due": func(s *stage) (func(*table.Table) error, func()) {
		s.invite("ann@example.com")
		s.advance(time.Hour)
		return func(store *table.Table) error {
				n, err := onboarding.Redriving{World: s.world(), Store: store}.Redrive(s.t.Context(), 10)
				s.want("woken", n, 1)
				return err
			}, func() {
				s.want("due", len(s.due()), 0)
				s.want("letters", len(s.mail()), 1)
			}
	},
	"begin a request": requestJob(func(*stage) {}, func(s *stage, store *table.Table) error {
		id, status, _, err := store.BeginRequest(s.t.Context(), acme, s.admin.Member.ID, "key", "hash", "A", s.Now())
		s.want("told", fmt.Sprintf("%s %d", id, status), "A 0")
		return err
	}, onboarding.InProgress),
	"take over from a request that died": requestJob(func(s *stage) {
		_, err := s.begin("key", "hash", "dead")
		s.ok(err)
		s.advance(time.Minute)
	},
		func(s *stage, store *table.Table) error {
			id, status, _, err := store.BeginRequest(s.t.Context(), acme, s.admin.Member.ID, "key", "hash", "A", s.Now())
			s.want("told", fmt.Sprintf("%s %d", id, status), "dead 0")
			return err
		}, onboarding.InProgress),
	"end a request": requestJob(func(s *stage) { _, err := s.begin("key", "hash", "A"); s.ok(err) },
		func(s *stage, store *table.Table) error {
			return store.EndRequest(s.t.Context(), acme, s.admin.Member.ID, "key", "A", 201, []byte("the answer"))
		}, ""),
	"release a request": requestJob(func(s *stage) { _, err := s.begin("key", "hash", "A"); s.ok(err) },
		func(s *stage, store *table.Table) error {
			return store.ReleaseRequest(s.t.Context(), acme, s.admin.Member.ID, "key", "A", true)
		}, ""),
}

// requestJob does something to an idempotency key, and wants what the next to bring it is told.
func requestJob(prepare func(*stage), do func(*stage, *table.Table) error, next onboarding.Code) job {
	return func(s *stage) (func(*table.Table) error, func()) {
		prepare(s)
		return func(store *table.Table) error { return do(s, store) }, func() {
			_, err := s.begin("key", "hash", "NEXT")
			s.want("the next one", codeOf(err), next)
		}
	}
}

func (s *stage) deliverOver(store *table.Table, owed []onboarding.Owed) error {
	if failed := s.delivering(store).Deliver(s.t.Context(), owed); len(failed) > 0 {
		return errors.New("the outcome was not written down")
	}
	return nil
}

// each does the jobs of these names, or every one, over a spoiled wire. spoil makes the faults anew, as they count.
func each(t *testing.T, spoil func() []fault, names ...string) {
	t.Parallel()
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(jobs))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			do, check := jobs[name](s)
			store, _ := s.over(spoil()...)
			if err := do(store); err != nil {
				t.Fatal(err)
			}
			check()
		})
	}
}

func TestALostAnswerChangesNothing(t *testing.T) { each(t, func() []fault { return []fault{lost()} }) }

func TestThrottlingIsWaitedOut(t *testing.T) {
	each(t, func() (all []fault) {
		for _, operation := range append([]string{"GetItem", "BatchGetItem", "Query"}, writes...) {
			all = append(all, first(2, operation, refused("ProvisionedThroughputExceededException")))
		}
		return all
	}, "sign in", "invite one", "invite thirty", "resend", "accept", "set the password by mail", "deliver", "begin a request")
}

// Contacts and members stand in transactions, and so get into the way of each other and of single writes.
func TestATransactionInTheWayIsWaitedOut(t *testing.T) {
	each(t, func() []fault {
		single := first(1, "", refused("TransactionConflictException"))
		return []fault{first(1, "TransactWriteItems", conflict), func(c call) (*http.Response, bool, error) {
			if c.operation != "PutItem" && c.operation != "UpdateItem" ||
				!bytes.Contains(c.body, []byte(`"CONTACT#`)) && !bytes.Contains(c.body, []byte(`"MEMBER#`)) {
				return nil, false, nil
			}
			return single(c)
		}}
	}, "accept", "set the password by mail", "change the password", "found", "invite one", "reopen one", "resend",
		"revoke", "decline",
		"ask for a new link", "ask for a reset", "deliver", "deliver what is to be sent later", "drive what is due")
}

func TestHalfABatchIsReadAgain(t *testing.T) {
	each(t, func() []fault { return []fault{first(3, "BatchGetItem", unprocessed)} }, "accept", "reopen ten")
	t.Run("authenticate", func(t *testing.T) {
		s := newStage(t)
		_, token, err := s.signIn("ada@example.com", password)
		s.ok(err)
		store, w := s.over(first(2, "BatchGetItem", unprocessed))
		me, err := onboarding.Authenticate(t.Context(), store, s.world(), token.Reveal())
		s.ok(err)
		if me.Member != s.admin.Member || w.count("BatchGetItem") != 3 {
			t.Errorf("%+v after %d reads", me.Member, w.count("BatchGetItem"))
		}
	})
}

func TestHalfABatchIsWrittenAgain(t *testing.T) {
	s := newStage(t)
	s.invite("ann7@example.com")
	store, w := s.over(first(4, "BatchExecuteStatement", throttledStatements))
	results, err := s.inviting(store).Invite(t.Context(), s.admin, s.command(s.addresses(30)))
	s.ok(err)
	for _, r := range results {
		want := onboarding.Created
		if r.Input == "ann7@example.com" {
			want = onboarding.AlreadyInvited
		}
		if r.Verdict != want {
			t.Errorf("%s: %s", r.Input, r.Verdict)
		}
	}
	if w.count("BatchExecuteStatement") < 2+4 || len(s.owed()) != 30 {
		t.Errorf("%d batches, %d owed", w.count("BatchExecuteStatement"), len(s.owed()))
	}
}

func TestABatchThatIsThrottledAndLosesItsAnswers(t *testing.T) {
	s := newStage(t)
	store, _ := s.over(lost(), first(9, "BatchExecuteStatement", throttledStatements))
	results, err := s.inviting(store).Invite(t.Context(), s.admin, s.command(s.addresses(30)))
	s.ok(err)
	for _, r := range results {
		if r.Verdict != onboarding.Created {
			t.Errorf("%s: %s", r.Input, r.Verdict)
		}
	}
	if len(s.owed()) != 30 {
		t.Errorf("%d owed", len(s.owed()))
	}
}

func TestATransactionThatIsAlwaysInTheWayIsARefusal(t *testing.T) {
	s := newStage(t)
	token := s.invited("ann@example.com")
	store, w := s.over(first(1000, "TransactWriteItems", conflict))
	_, _, err := s.redeeming(store).Accept(t.Context(), acme, token, profile())
	s.refused(err, onboarding.Unavailable)
	if n := w.count("TransactWriteItems"); n < 3 || n > 10 || s.count("MEMBER#") != 1 {
		t.Errorf("%d attempts, %d members", n, s.count("MEMBER#"))
	}
}

func TestATableThatIsDownSaysNothingAboutAPassword(t *testing.T) {
	s := newStage(t)
	down := func(call) (*http.Response, bool, error) {
		return answer(500, map[string]any{"__type": "InternalServerError"})
	}
	for name, f := range map[string]fault{"an error of its own": down, "too much to do": refused("ThrottlingException")} {
		store, _ := s.over(f)
		_, _, err := s.signingIn(store).SignIn(t.Context(), acme, "ada@example.com", password, source)
		if codeOf(err) != onboarding.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is given back twice is taken from the limit.
func TestUnusedSendsAreGivenBackOnce(t *testing.T) {
	s := newStage(t, limit(10))
	s.invite("ann@example.com")
	s.invite("bob@example.com")
	s.mail()
	gives := false
	lose := lost()
	store, _ := s.over(func(c call) (*http.Response, bool, error) {
		if gives = gives || c.operation == "BatchGetItem"; !gives { // the reservation is behind us
			return nil, false, nil
		}
		return lose(c)
	})
	results, err := s.inviting(store).Invite(t.Context(), s.admin, s.command([]string{"ann@example.com", "bob@example.com"}))
	s.ok(err)
	if results[0].Verdict != onboarding.AlreadyInvited || results[1].Verdict != onboarding.AlreadyInvited {
		t.Fatalf("%+v", results)
	}
	if n := s.usage(); n < 2 {
		t.Errorf("%d counted, 2 were sent: the day's limit grows by what is given back twice", n)
	}
}

func TestTheAnswerStandsWhereTheUnusedCannotBeGivenBack(t *testing.T) {
	s := newStage(t)
	s.invite("bob@example.com")
	updates := 0
	store, _ := s.over(func(c call) (*http.Response, bool, error) {
		if c.operation == "UpdateItem" {
			updates++
		}
		if updates < 2 {
			return nil, false, nil
		}
		return answer(500, map[string]any{"__type": "InternalServerError"})
	})
	results, err := s.inviting(store).Invite(t.Context(), s.admin, s.command([]string{"ann@example.com", "bob@example.com"}))
	if err != nil {
		t.Fatalf("all was written, and the caller is told %v", err)
	}
	if results[0].Verdict != onboarding.Created {
		t.Error(results[0].Verdict)
	}
}

func TestARequestThatIsMadeAgainIsAnsweredAgain(t *testing.T) {
	s := newStage(t)
	s.invite("resent@example.com")
	revokeAll([]string{"reopened@example.com"})(s)
	s.mail()
	s.advance(time.Hour)
	cmd := s.command([]string{"created@example.com", "reopened@example.com", "resent@example.com", "rubbish"}, resend)
	var verdicts []string
	for _, repeated := range []bool{false, true, false} { // the last one does not know that it is
		cmd.Repeated = repeated
		used := s.usage()
		results, err := s.inviting(s.store).Invite(t.Context(), s.admin, cmd)
		s.ok(err)
		said := ""
		for _, r := range results {
			said += string(r.Verdict) + " "
		}
		verdicts = append(verdicts, said)
		if repeated && s.usage() != used {
			t.Errorf("%d more sends were counted for what was counted before", s.usage()-used)
		}
	}
	if verdicts[0] != "created reopened resent invalid " || verdicts[1] != verdicts[0] || verdicts[2] != verdicts[0] {
		t.Errorf("%q", verdicts)
	}
	if l := s.mail(); len(l) != 3 {
		t.Errorf("%d letters", len(l))
	}
}
