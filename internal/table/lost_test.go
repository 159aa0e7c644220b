package table_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/dynamolocal/faultproxy"
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
	"invite one by text":    inviteJob([]string{phone}, onboarding.Created, textsOn),
	"invite thirty by text": inviteJob(spread(30), onboarding.Created, textsOn),
	"resend by text, by inviting": inviteJob([]string{phone}, onboarding.Resent, func(s *stage) {
		textsOn(s)
		s.invite(phone)
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
	"set the password by text": func(s *stage) (func(*table.Table) error, func()) {
		textsOn(s)
		s.configure(func(o *onboarding.Settings) { o.RequestApproval = false })
		s.joins(s.defaultLink(), phone)
		code := s.resetCode(phone)
		var session onboarding.SessionToken
		return func(store *table.Table) (err error) {
				_, session, err = s.signingIn(store).SetPasswordByCode(s.t.Context(), acme, phone, code, another, source)
				return err
			}, func() {
				_, err := s.authenticate(session)
				s.want("the session", err, nil)
				_, _, err = s.signIn(phone, another)
				s.want("the new password", err, nil)
			}
	},
	"begin to join by phone": func(s *stage) (func(*table.Table) error, func()) {
		textsOn(s)
		var a attempt
		return func(store *table.Table) error {
				j, token, err := s.joining(store).Begin(s.t.Context(), acme, s.linkToken(s.defaultLink()), onboarding.JoinProfile{
					Phone: phone, FirstName: "Ann", LastName: "Lee", Password: password}, source)
				a = s.attempted(j)
				a.token = token.Reveal()
				return err
			}, func() {
				s.want("joins", s.count("JOIN#"), 1)
				letters := s.mail()
				s.want("letters", len(letters), 1)
				a.code = letters[0].Code
				s.want("their number", s.verified(a).Member.Phone, phone)
			}
	},
	"begin to join": func(s *stage) (func(*table.Table) error, func()) {
		var a attempt
		return func(store *table.Table) error {
				j, token, err := s.joining(store).Begin(s.t.Context(), acme, s.linkToken(s.defaultLink()), onboarding.JoinProfile{
					Address: s.address("ann@example.com"), FirstName: "Ann", LastName: "Lee", Password: password}, source)
				a = s.attempted(j)
				a.token = token.Reveal()
				return err
			}, func() {
				s.want("joins", s.count("JOIN#"), 1)
				letters := s.mail()
				s.want("letters", len(letters), 1)
				a.code = letters[0].Code
				s.verified(a)
			}
	},
	"send a code again":  codeJob(2*time.Minute, 1),
	"send another code":  codeJob(6*time.Minute, 2),
	"guess a code":       guessJob,
	"join, and wait":     joinJob(func(*stage) {}, onboarding.MemberPendingApproval, 1),
	"join, and be in":    joinJob(func(s *stage) { s.configure(func(o *onboarding.Settings) { o.RequestApproval = false }) }, onboarding.MemberActive, 1),
	"join where one was": joinJob(revokeAll([]string{"ann@example.com"}), onboarding.MemberPendingApproval, 1),
	"join as invited":    joinJob(func(s *stage) { s.invite("ann@example.com") }, onboarding.MemberActive, 0),
	"join again": func(s *stage) (func(*table.Table) error, func()) {
		id := s.applies("ann@example.com").Member.ID
		s.mail()
		s.advance(time.Second)
		a := s.attempt(s.defaultLink(), "ann@example.com", func(j *onboarding.Join) { j.Password = "another hash" })
		return func(store *table.Table) error {
				_, _, err := s.joining(store).Verify(s.t.Context(), acme, a.token, a.code)
				return err
			}, func() {
				m, c, err := s.store.ReadCredentials(s.t.Context(), acme, id)
				s.ok(err)
				s.want("password", c.Password, "another hash")
				s.want("epoch", c.Epoch, 2)
				s.want("version", m.Version, 2)
				s.want("address", s.contact("ann@example.com").Version, 2)
				s.want("sessions", s.count("SESSION#"), 2)
				s.want("members", s.count("MEMBER#"), 2)
			}
	},
	"approve": decisionJob(func(*stage, onboarding.MemberID) {}, func(u onboarding.Approving, s *stage, id onboarding.MemberID) (
		onboarding.Member, error) {
		return u.Decide(s.t.Context(), s.admin, onboarding.Decision{Applicant: id, Approve: true}, anyMember, s.request())
	}, onboarding.MemberActive, "[join_approved to ann@example.com]"),
	"reject": decisionJob(func(*stage, onboarding.MemberID) {}, func(u onboarding.Approving, s *stage, id onboarding.MemberID) (
		onboarding.Member, error) {
		return u.Decide(s.t.Context(), s.admin, onboarding.Decision{Applicant: id}, anyMember, s.request())
	}, onboarding.MemberRejected, "[join_rejected to ann@example.com]"),
	"reopen": decisionJob(func(s *stage, id onboarding.MemberID) { s.decides(id, false) },
		func(u onboarding.Approving, s *stage, id onboarding.MemberID) (onboarding.Member, error) {
			return u.Reopen(s.t.Context(), s.admin, id, anyMember, s.request())
		}, onboarding.MemberPendingApproval, "[]"),
	"decide several": func(s *stage) (func(*table.Table) error, func()) {
		ids := []onboarding.MemberID{s.applies("ann@example.com").Member.ID, s.applies("bob@example.com").Member.ID}
		s.mail()
		return func(store *table.Table) error {
				results, err := s.approving(store).DecideAll(s.t.Context(), s.admin,
					[]onboarding.Decision{{Applicant: ids[0], Approve: true}, {Applicant: ids[1]}}, s.request())
				s.want("verdicts", fmt.Sprint(results[0].Verdict, " ", results[1].Verdict), "approved rejected")
				return err
			}, func() {
				s.want("letters", s.letters(), "[join_approved to ann@example.com join_rejected to bob@example.com]")
			}
	},
	"make a link": func(s *stage) (func(*table.Table) error, func()) {
		var l onboarding.InviteLink
		return func(store *table.Table) (err error) {
				l, err = s.configuring(store).CreateLink(s.t.Context(), s.admin, onboarding.LinkChange{Label: new("Fair")},
					s.request())
				return err
			}, func() {
				s.want("links", s.count("LINK#"), 1)
				s.want("stored", s.link(l.ID), l)
				s.want("its link", s.opens(s.linkToken(l)), "")
			}
	},
	"rotate a link":           linkJob(rotating, func(s *stage) onboarding.InviteLink { return s.named(s.admin) }),
	"disable a link":          linkJob(disabling, func(s *stage) onboarding.InviteLink { return s.named(s.admin) }),
	"rotate the default link": linkJob(rotating, (*stage).defaultLink),
	"change the settings": func(s *stage) (func(*table.Table) error, func()) {
		return func(store *table.Table) error {
				o, err := s.configuring(store).ChangeSettings(s.t.Context(), s.admin,
					func(o onboarding.Organization) bool { return o.Version == 1 },
					func(o *onboarding.Settings) { o.LinkLifetime += time.Hour })
				s.want("answered", o.Settings.LinkLifetime, time.Hour)
				return err
			}, func() {
				s.want("lifetime", s.organization().Settings.LinkLifetime, time.Hour)
				s.want("version", s.organization().Version, 2)
			}
	},
	"tell the administrators": func(s *stage) (func(*table.Table) error, func()) {
		s.join("bob@example.com", asAnAdmin)
		s.applies("ann@example.com")
		s.mail()
		s.advance(time.Minute)
		_, err := s.redriving().Redrive(s.t.Context(), 100)
		s.ok(err)
		owed := s.owed()
		return func(store *table.Table) error { return s.deliverOver(store, owed) }, func() {
			s.want("letters", s.letters(), "[join_requests to ada@example.com join_requests to bob@example.com]")
			s.want("told", text(s.item("NOTICE")["told_at"]), onboarding.FormatTime(s.Now()))
			s.nobodyWillBeTold()
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
	"deliver a text": func(s *stage) (func(*table.Table) error, func()) {
		textsOn(s)
		s.invite(phone)
		owed := s.owed()
		return func(store *table.Table) error { return s.deliverOver(store, owed) }, func() {
			s.again(2 * time.Minute) // a claim that is counted twice may have been two, and the other one is paid for when it can be
			s.want("letters", len(s.box.all()), 1)
			s.want("delivery", s.contact(phone).Invitation.Delivery.Status, onboarding.DeliverySent)
			if got := s.sheet(); got.spent < british || got.all < british {
				s.t.Errorf("%+v", got)
			}
		}
	},
	"deliver a text to who has opted out": func(s *stage) (func(*table.Table) error, func()) {
		textsOn(s)
		s.invite(phone)
		owed := s.owed()
		s.box.failing(sendError(onboarding.SendOptedOut))
		return func(store *table.Table) error { return s.deliverOver(store, owed) }, func() {
			s.again(2 * time.Minute)
			s.box.failing(nil)
			s.want("delivery", s.contact(phone).Invitation.Delivery.Status, onboarding.DeliverySuppressed)
			s.advance(time.Hour)
			s.want("the next one", s.anew(phone).Verdict, onboarding.OptedOut)
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

func textsOn(s *stage) { s.configure(func(o *onboarding.Settings) { o.Country = "GB" }) }

// codeJob asks for another mail with a code, so long after the first.
func codeJob(after time.Duration, round uint16) job {
	return func(s *stage) (func(*table.Table) error, func()) {
		a := s.attempt(s.defaultLink(), "ann@example.com", func(j *onboarding.Join) { j.Tries = 3 })
		s.mail()
		s.advance(after)
		return func(store *table.Table) error {
				_, err := s.joining(store).SendCode(s.t.Context(), acme, a.token)
				return err
			}, func() {
				j := s.stored(a)
				s.want("round", j.Round, round)
				s.want("mails", j.Sent, 2)
				s.want("version", j.Version, 2)
				s.want("tries", j.Tries, map[uint16]int{1: 3, 2: 0}[round])
				letters := s.mail()
				s.want("letters", len(letters), 1)
				a.code = letters[0].Code
				s.verified(a)
			}
	}
}

// guessJob guesses wrong. What is counted twice is less to be guessed, and not more.
func guessJob(s *stage) (func(*table.Table) error, func()) {
	a := s.attempt(s.defaultLink(), "ann@example.com")
	return func(store *table.Table) error {
			_, _, err := s.joining(store).Verify(s.t.Context(), acme, a.token, a.wrong().code)
			s.want("told", fieldOf(err), "/code wrong")
			return nil
		}, func() {
			if tries := s.stored(a).Tries; tries < 1 || tries > 2 {
				s.t.Errorf("%d tries", tries)
			}
			s.verified(a)
		}
}

// joinJob verifies a join of an address, which prepare has brought into some state.
func joinJob(prepare func(*stage), status onboarding.MemberStatus, uses int) job {
	return func(s *stage) (func(*table.Table) error, func()) {
		prepare(s)
		a, version := s.attempt(s.defaultLink(), "ann@example.com"), int64(0)
		if s.count("CONTACT#") == 2 {
			version = s.contact("ann@example.com").Version
		}
		var session onboarding.SessionToken
		return func(store *table.Table) (err error) {
				_, session, err = s.joining(store).Verify(s.t.Context(), acme, a.token, a.code)
				return err
			}, func() {
				s.want("members", s.count("MEMBER#"), 2)
				s.want("sessions", s.count("SESSION#"), 1)
				s.want("status", s.statusOf("ann@example.com"), status)
				s.want("address", s.contact("ann@example.com").Version, version+1)
				s.want("uses", s.defaultLink().Uses, uses)
				_, err := onboarding.Visitor(s.t.Context(), s.store, s.world(), session.Reveal())
				s.want("the session", err, nil)
				if status == onboarding.MemberPendingApproval {
					s.want("gathered", s.item("NOTICE")["gathered"], &types.AttributeValueMemberN{Value: "1"})
				}
			}
	}
}

// decisionJob decides on an applicant, whom prepare has brought into some state.
func decisionJob(prepare func(*stage, onboarding.MemberID),
	do func(onboarding.Approving, *stage, onboarding.MemberID) (onboarding.Member, error),
	status onboarding.MemberStatus, letters string) job {
	return func(s *stage) (func(*table.Table) error, func()) {
		id := s.applies("ann@example.com").Member.ID
		prepare(s, id)
		s.mail()
		version := s.member(id).Version
		return func(store *table.Table) error {
				m, err := do(s.approving(store), s, id)
				s.want("answered", m, s.member(id))
				return err
			}, func() {
				s.want("status", s.member(id).Status, status)
				s.want("version", s.member(id).Version, version+1)
				s.want("letters", s.letters(), letters)
			}
	}
}

// linkJob does something to a link.
func linkJob(do linkAct, link func(*stage) onboarding.InviteLink) job {
	return func(s *stage) (func(*table.Table) error, func()) {
		l := link(s)
		var next onboarding.InviteLink
		return func(store *table.Table) (err error) {
				next, err = do(s.configuring(store), s.t.Context(), s.admin, l.ID,
					func(now onboarding.InviteLink) bool { return now.Version == l.Version },
					s.request())
				return err
			}, func() {
				s.want("stored", s.link(l.ID), next)
				s.want("version", next.Version, l.Version+1)
			}
	}
}

// What the use cases would find out by reading once more, the write itself tells.
func TestAWriteWhoseAnswerWasLostIsToldFromARefusal(t *testing.T) {
	s := newStage(t)
	l := s.named(s.admin)
	l.Label, l.RequestID, l.Version = "Spring", s.request(), 2
	for _, want := range []error{nil, onboarding.ErrConflict} { // and then another request's
		store, _ := s.over(lost())
		if err := store.ReplaceLink(t.Context(), acme, l, 1); !errors.Is(err, want) {
			t.Errorf("a link: %v, want %v", err, want)
		}
		l.RequestID = s.request()
	}
}

// The answer to beginning is lost, and deliver is quicker than the repetition.
func TestAJoinWrittenTwiceMailsOneCode(t *testing.T) {
	s := newStage(t)
	lose := lost()
	store, _ := s.over(func(c call) (*http.Response, bool, error) {
		if c.Operation != "PutItem" {
			return nil, false, nil
		}
		answer, done, err := lose(c)
		if c.Attempt == 1 {
			s.mail()
		}
		return answer, done, err
	})
	_, _, err := s.joining(store).Begin(t.Context(), acme, s.linkToken(s.defaultLink()), onboarding.JoinProfile{
		Address: s.address("ann@example.com"), FirstName: "Ann", LastName: "Lee", Password: password}, source)
	s.ok(err)
	s.mail()
	s.want("letters", s.lettersTo("ann@example.com"), 1)
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
	}, "sign in", "invite one", "invite thirty", "resend", "accept", "set the password by mail", "deliver",
		"begin a request",
		"begin to join", "join, and wait", "approve", "rotate a link", "invite thirty by text", "deliver a text")
}

// What stands in transactions gets into the way of each other and of single writes.
func TestATransactionInTheWayIsWaitedOut(t *testing.T) {
	each(t, func() []fault {
		single := first(1, "", refused("TransactionConflictException"))
		return []fault{first(1, "TransactWriteItems", conflict), func(c call) (*http.Response, bool, error) {
			if !slices.Contains([]string{"PutItem", "UpdateItem", "DeleteItem"}, c.Operation) ||
				!slices.ContainsFunc([]string{"CONTACT#", "MEMBER#", "SESSION#", "JOIN#", "LINK#", "NOTICE"}, func(sk string) bool {
					return bytes.Contains(c.Body, []byte(`"`+sk))
				}) {
				return nil, false, nil
			}
			return single(c)
		}}
	}, "accept", "set the password by mail", "change the password", "found", "invite one", "reopen one", "resend",
		"revoke", "decline",
		"sign in", "sign out", "begin to join",
		"ask for a new link", "ask for a reset", "deliver", "deliver what is to be sent later", "drive what is due",
		"send a code again", "guess a code", "join, and wait", "join as invited", "approve", "rotate a link",
		"tell the administrators")
}

func TestHalfABatchIsReadAgain(t *testing.T) {
	each(t, func() []fault { return []fault{first(3, "BatchGetItem", unprocessed)} }, "accept", "reopen ten",
		"join as invited")
	t.Run("authenticate", func(t *testing.T) {
		s := newStage(t)
		_, token, err := s.signIn("ada@example.com", password)
		s.ok(err)
		store, w := s.over(first(2, "BatchGetItem", unprocessed))
		me, err := onboarding.Authenticate(t.Context(), store, s.world(), token.Reveal())
		s.ok(err)
		if !reflect.DeepEqual(me.Member, s.admin.Member) || w.count("BatchGetItem") != 3 {
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
	for name, f := range map[string]fault{
		"an error of its own":           down,
		"too much to do":                refused("ThrottlingException"),
		"another server's error":        always(faultproxy.Refuse(http.StatusServiceUnavailable, "ServiceUnavailable")),
		"no connection":                 always(faultproxy.Drop),
		"a connection that always dies": always(faultproxy.Cut),
	} {
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
		if gives = gives || c.Operation == "BatchGetItem"; !gives { // the reservation is behind us
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
		if c.Operation == "UpdateItem" {
			updates++
		}
		if updates < 2 {
			return nil, false, nil
		}
		return down(c)
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
