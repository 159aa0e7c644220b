package onboarding_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

// outbox is a store that works, in memory, with one message to an item.
type outbox struct {
	mu            sync.Mutex
	organizations map[onboarding.OrganizationID]onboarding.Organization
	members       map[onboarding.MemberID]onboarding.Member
	owed          map[string]*entry
	settled       map[string][]onboarding.Outcome
	reads         int   // of organizations
	broken        error // what Settle answers
	unreadable    error // what ReadMember answers
	waiting       int   // applicants
	uncountable   error // what CountWaiting answers
	unlistable    error // what ListAdministrators answers
	untellable    map[onboarding.MemberID]error
	gathered      int64           // how many were ever added to the organization's notice
	toldAt        time.Time       // when the administrators were last told
	told          map[string]bool // by gathering and administrator
	onTell        func()
}

type entry struct {
	owed       onboarding.Owed
	claimed    onboarding.Claimed
	due        time.Time
	leaseUntil time.Time
	lease      string
}

// gathers reports whether it is the organization's own notice.
func gathers(c onboarding.Claimed) bool { return c.Notice != nil && c.Notice.Admin.IsZero() }

func (s *outbox) Claim(_ context.Context, o onboarding.Owed, lease string, now, until time.Time) (onboarding.Claimed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.owed[o.Item+o.Message]
	if !ok || now.Before(e.due) || e.lease != "" && !e.leaseUntil.Before(now) {
		return onboarding.Claimed{}, onboarding.ErrNotFound
	}
	e.lease, e.leaseUntil = lease, until
	e.claimed.Attempts++
	c := e.claimed
	if gathers(c) {
		c.Notice = &onboarding.Notice{Gathered: s.gathered, ToldAt: s.toldAt}
	}
	return c, nil
}

func (s *outbox) Settle(_ context.Context, o onboarding.Owed, c onboarding.Claimed, out onboarding.Outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	s.settled[o.Item] = append(s.settled[o.Item], out)
	if out.Told {
		s.toldAt = out.At
	}
	if gathers(c) && out.Retry.IsZero() && c.Notice.Gathered != s.gathered { // somebody was added meanwhile
		out.Retry, out.Spared = out.At.Add(onboarding.NoticeDelay), true
	}
	if out.Retry.IsZero() {
		delete(s.owed, o.Item+o.Message)
	} else if e, ok := s.owed[o.Item+o.Message]; ok {
		e.due, e.lease = out.Retry, ""
		if out.Spared {
			e.claimed.Attempts = c.Attempts - 1
		}
	}
	return nil
}

func (s *outbox) ReadOrganization(_ context.Context, id onboarding.OrganizationID) (onboarding.Organization, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	o, ok := s.organizations[id]
	if !ok {
		return o, onboarding.ErrNotFound
	}
	return o, nil
}

func (s *outbox) ReadMember(_ context.Context, _ onboarding.OrganizationID, id onboarding.MemberID) (onboarding.Member, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.members[id]
	if !ok {
		return m, errors.Join(onboarding.ErrNotFound, s.unreadable)
	}
	return m, s.unreadable
}

func (s *outbox) ListAdministrators(_ context.Context, org onboarding.OrganizationID, limit int) (
	all []onboarding.Member, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.members {
		if onboarding.RightsOf(onboarding.Settings{}, m.Actor()).Approve && m.Organization == org && len(all) < limit {
			all = append(all, m)
		}
	}
	return all, s.unlistable
}

func (s *outbox) CountWaiting(_ context.Context, _ onboarding.OrganizationID, limit int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return min(s.waiting, limit), s.uncountable
}

func (s *outbox) Tell(_ context.Context, org onboarding.OrganizationID, admin onboarding.MemberID, m onboarding.Message,
	gathering string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.untellable[admin]; err != nil {
		return err
	}
	if s.told[gathering+admin.Key()] {
		return onboarding.ErrConflict
	}
	s.told[gathering+admin.Key()] = true
	s.onTell()
	o := onboarding.Owed{Item: "notice of " + admin.Key(), Message: m.ID}
	s.owed[o.Item+o.Message] = &entry{owed: o, due: m.At,
		claimed: onboarding.Claimed{Organization: org, Message: m, Notice: &onboarding.Notice{Admin: admin}}}
	return nil
}

// postbox is a sender that keeps what it is handed, unless fail says otherwise.
type postbox struct {
	mu      sync.Mutex
	letters []onboarding.Letter
	handed  int // attempts
	fail    func(ctx context.Context, l onboarding.Letter) error
}

func (p *postbox) Send(ctx context.Context, l onboarding.Letter) error {
	p.mu.Lock()
	p.handed++
	fail := p.fail
	p.mu.Unlock()
	if fail != nil {
		if err := fail(ctx, l); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.letters = append(p.letters, l)
	return nil
}

// post is a delivery under test: acme, its administrator, and what they owe.
type post struct {
	*clock
	t        *testing.T
	store    *outbox
	box      *postbox
	use      onboarding.Delivering
	admin    onboarding.Member
	mu       sync.Mutex
	reported []error
}

func newPost(t *testing.T) *post {
	c := newClock()
	p := &post{clock: c, t: t, box: &postbox{}}
	p.admin = onboarding.Member{ID: onboarding.NewMemberID(c.world()), Organization: acme, Status: onboarding.MemberActive,
		Type: onboarding.Employee, Role: onboarding.RoleAdmin, FirstName: "Ada", Email: "ada@example.com", Locale: onboarding.German}
	p.store = &outbox{
		organizations: map[onboarding.OrganizationID]onboarding.Organization{acme: {ID: acme, Name: "Acme",
			Settings: onboarding.DefaultSettings()}},
		members: map[onboarding.MemberID]onboarding.Member{p.admin.ID: p.admin},
		owed:    map[string]*entry{}, settled: map[string][]onboarding.Outcome{},
		untellable: map[onboarding.MemberID]error{}, gathered: 1, told: map[string]bool{}, onTell: func() {},
	}
	p.use = onboarding.Delivering{World: c.world(), Store: p.store, Keys: testKeys(t), Sender: p.box,
		BaseURL: "https://join.example.com",
		Report: func(_ onboarding.Owed, _ onboarding.Outcome, err error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.reported = append(p.reported, err)
		}}
	return p
}

// owe puts a message about a pending invitation of an address into the outbox, changed by edits.
func (p *post) owe(address string, edits ...func(*onboarding.Claimed)) onboarding.Owed {
	p.t.Helper()
	a := mustEmail(p.t, address)
	c := onboarding.Claimed{Organization: acme,
		Message: onboarding.Message{ID: "M1", Kind: onboarding.MessageInvitation, Locale: onboarding.English, At: p.Now(), Round: 1},
		Contact: &onboarding.Contact{ID: onboarding.NewContactID(nil, a), Address: a, Invited: true, Nonce: nonce,
			Invitation: onboarding.Invitation{Status: onboarding.InvitationPending, Round: 1, FirstName: "Ann",
				Inviter:     p.admin.Actor(),
				InviterName: "Ada", ExpiresAt: p.Now().Add(7 * 24 * time.Hour)}}}
	for _, edit := range edits {
		edit(&c)
	}
	return p.oweAs(address, c)
}

// oweReset puts a message about a member's reset into the outbox.
func (p *post) oweReset(edits ...func(*onboarding.Claimed)) onboarding.Owed {
	m := p.admin
	c := onboarding.Claimed{Organization: acme, Member: &m,
		Credentials: onboarding.Credentials{Reset: onboarding.Reset{Nonce: nonce, Round: 3, ExpiresAt: p.Now().Add(time.Hour)}},
		Message: onboarding.Message{ID: "M1", Kind: onboarding.MessagePasswordReset, Locale: onboarding.German,
			At: p.Now(), Round: 3}}
	for _, edit := range edits {
		edit(&c)
	}
	return p.oweAs("reset", c)
}

// oweCode puts the code of an open join into the outbox.
func (p *post) oweCode(edits ...func(*onboarding.Claimed)) onboarding.Owed {
	c := onboarding.Claimed{Organization: acme,
		Message: onboarding.Message{ID: "M1", Kind: onboarding.MessageJoinCode, Locale: onboarding.German, At: p.Now(), Round: 2},
		Join: &onboarding.Join{ID: onboarding.NewJoinID(p.world()), Address: mustEmail(p.t, "ann@example.com"), FirstName: "Ann",
			Nonce: nonce, Key: 1, Round: 2, CodeAt: p.Now(), CodeEnds: p.Now().Add(10 * time.Minute), ExpiresAt: p.Now().Add(time.Hour)}}
	for _, edit := range edits {
		edit(&c)
	}
	return p.oweAs("join", c)
}

// oweDecision puts what an administrator has decided about an applicant into the outbox.
func (p *post) oweDecision(kind onboarding.MessageKind, now onboarding.MemberStatus) onboarding.Owed {
	return p.oweAs("applicant", onboarding.Claimed{Organization: acme,
		Message: onboarding.Message{ID: "M1", Kind: kind, Locale: onboarding.German, At: p.Now()},
		Member: &onboarding.Member{ID: onboarding.NewMemberID(p.world()), Organization: acme, Status: now, FirstName: "Ann",
			Email: "ann@example.com", Request: onboarding.Request{At: p.Now(), Reason: "nobody knows her"}}})
}

// oweNotice puts a notice to the administrator into the outbox.
func (p *post) oweNotice() onboarding.Owed {
	return p.oweAs("notice", onboarding.Claimed{Organization: acme, Notice: &onboarding.Notice{Admin: p.admin.ID},
		Message: onboarding.Message{ID: "M1", Kind: onboarding.MessageJoinRequests, Locale: onboarding.English, At: p.Now()}})
}

// oweGathering puts the organization's own notice into the outbox.
func (p *post) oweGathering(id string) onboarding.Owed {
	return p.oweAs("gathering", onboarding.Claimed{Organization: acme, Notice: &onboarding.Notice{},
		Message: onboarding.Message{ID: id, Kind: "gather", At: p.Now()}})
}

func (p *post) oweAs(item string, c onboarding.Claimed) onboarding.Owed {
	o := onboarding.Owed{Item: item, Message: c.Message.ID, Record: "1"}
	p.store.owed[o.Item+o.Message] = &entry{owed: o, claimed: c, due: c.Message.At}
	return o
}

// owed is all that there is in the outbox.
func (p *post) owed() (all []onboarding.Owed) {
	for _, e := range p.store.owed {
		all = append(all, e.owed)
	}
	return all
}

func (p *post) deliver(owed ...onboarding.Owed) (failed []onboarding.Owed) {
	return p.use.Deliver(p.t.Context(), owed)
}

// outcome is what was settled last for an item.
func (p *post) outcome(o onboarding.Owed) onboarding.Outcome {
	p.t.Helper()
	all := p.store.settled[o.Item]
	if len(all) == 0 {
		p.t.Fatalf("%s: nothing was settled", o.Item)
	}
	return all[len(all)-1]
}

func failing(class onboarding.SendClass) func(context.Context, onboarding.Letter) error {
	return func(context.Context, onboarding.Letter) error {
		return &onboarding.SendError{Class: class, Reason: "The provider says no.", Err: errors.New("no")}
	}
}

func TestAnInvitationIsMailedWithItsLink(t *testing.T) {
	p := newPost(t)
	o := p.owe("ann@example.com")
	if failed := p.deliver(o); failed != nil {
		t.Fatal(failed)
	}
	if len(p.box.letters) != 1 {
		t.Fatalf("%d letters", len(p.box.letters))
	}
	l := p.box.letters[0]
	token, prefixed := strings.CutPrefix(l.Link, "https://join.example.com/join/acme/")
	if !prefixed || !p.use.Keys.Opens(mustToken(t, token), acme, nonce) || mustToken(t, token).Purpose != onboarding.PurposeMailed {
		t.Errorf("link %s", l.Link)
	}
	if l.To.Value != "ann@example.com" || l.Recipient != "Ann" || l.Inviter != "Ada" || l.Locale != onboarding.English ||
		l.Organization.Name != "Acme" || !l.Until.Equal(p.Now().Add(7*24*time.Hour)) || l.ID != "M1" ||
		l.Kind != onboarding.MessageInvitation {
		t.Errorf("%+v", l)
	}
	if out := p.outcome(o); out.Status != onboarding.DeliverySent || !out.Retry.IsZero() || out.Error != "" ||
		!out.At.Equal(p.Now()) {
		t.Errorf("%+v", out)
	}
	if len(p.store.owed) != 0 || len(p.reported) != 1 || p.reported[0] != nil {
		t.Errorf("%v owed, %v reported", p.store.owed, p.reported)
	}
	if p.deliver(o); p.box.handed != 1 {
		t.Error("a stream record that comes twice mails twice")
	}
}

func TestAResetIsMailedToItsMember(t *testing.T) {
	for _, kind := range []onboarding.MessageKind{onboarding.MessagePasswordReset, onboarding.MessagePasswordSet} {
		p := newPost(t)
		p.deliver(p.oweReset(func(c *onboarding.Claimed) {
			c.Message.Kind = kind
			if kind == onboarding.MessagePasswordSet {
				c.Member.Status = onboarding.MemberPendingActivation
			}
		}))
		if len(p.box.letters) != 1 {
			t.Fatalf("%s: %d letters", kind, len(p.box.letters))
		}
		l := p.box.letters[0]
		token, prefixed := strings.CutPrefix(l.Link, "https://join.example.com/join/acme/password/")
		if !prefixed || !p.use.Keys.Opens(mustToken(t, token), acme, nonce) ||
			mustToken(t, token).Purpose != onboarding.PurposePassword ||
			mustToken(t, token).Round != 3 || mustToken(t, token).Subject != p.admin.ID {
			t.Errorf("link %s", l.Link)
		}
		if l.To.Value != "ada@example.com" || l.Recipient != "Ada" || l.Locale != onboarding.German || l.Kind != kind {
			t.Errorf("%+v", l)
		}
	}
}

func TestNothingIsMailedThatIsNotWantedAnyMore(t *testing.T) {
	contact := func(edit func(*onboarding.Contact)) func(*post) onboarding.Owed {
		return func(p *post) onboarding.Owed {
			return p.owe("ann@example.com", func(c *onboarding.Claimed) { edit(c.Contact) })
		}
	}
	status := func(s onboarding.InvitationStatus) func(*post) onboarding.Owed {
		return contact(func(c *onboarding.Contact) { c.Invitation.Status = s })
	}
	reset := func(edit func(*onboarding.Claimed)) func(*post) onboarding.Owed {
		return func(p *post) onboarding.Owed { return p.oweReset(edit) }
	}
	request := func(edit func(*onboarding.Member)) func(*post) onboarding.Owed {
		return func(p *post) onboarding.Owed {
			edit(&p.admin)
			p.store.members[p.admin.ID] = p.admin
			return p.owe("ann@example.com", func(c *onboarding.Claimed) { c.Message.Kind = onboarding.MessageLinkRequest })
		}
	}
	code := func(edit func(*onboarding.Claimed)) func(*post) onboarding.Owed {
		return func(p *post) onboarding.Owed { return p.oweCode(edit) }
	}
	decision := func(kind onboarding.MessageKind, now onboarding.MemberStatus) func(*post) onboarding.Owed {
		return func(p *post) onboarding.Owed { return p.oweDecision(kind, now) }
	}
	notice := func(waiting int, edit func(*onboarding.Member)) func(*post) onboarding.Owed {
		return func(p *post) onboarding.Owed {
			p.store.waiting = waiting
			edit(&p.admin)
			p.store.members[p.admin.ID] = p.admin
			return p.oweNotice()
		}
	}
	told := map[string]bool{"an invitation that has expired": true, "a closed organization": true} // nothing else says why
	for name, owe := range map[string]func(*post) onboarding.Owed{
		"an invitation that was revoked":  status(onboarding.InvitationRevoked),
		"an invitation that was declined": status(onboarding.InvitationDeclined),
		"an invitation that was accepted": status(onboarding.InvitationAccepted),
		"an invitation that has expired":  contact(func(c *onboarding.Contact) { c.Invitation.ExpiresAt = newClock().Now() }),
		"an invitation of a later round":  contact(func(c *onboarding.Contact) { c.Invitation.Round = 2 }),
		"an address without invitation":   contact(func(c *onboarding.Contact) { c.Invited = false }),
		"a closed organization": func(p *post) onboarding.Owed {
			p.store.organizations[acme] = onboarding.Organization{ID: acme, Closed: true}
			return p.owe("ann@example.com")
		},
		"a reset that has expired":        reset(func(c *onboarding.Claimed) { c.Credentials.Reset.ExpiresAt = newClock().Now() }),
		"a reset that was used":           reset(func(c *onboarding.Claimed) { c.Credentials.Reset.Nonce = nil }),
		"a reset of a later round":        reset(func(c *onboarding.Claimed) { c.Credentials.Reset.Round = 4 }),
		"a reset of a dismissed member":   reset(func(c *onboarding.Claimed) { c.Member.Status = onboarding.MemberDismissed }),
		"a request to somebody dismissed": request(func(m *onboarding.Member) { m.Status = onboarding.MemberDismissed }),
		"a request to nobody": func(p *post) onboarding.Owed {
			delete(p.store.members, p.admin.ID)
			return p.owe("ann@example.com", func(c *onboarding.Claimed) { c.Message.Kind = onboarding.MessageLinkRequest })
		},
		"a reset of an applicant":               reset(func(c *onboarding.Claimed) { c.Member.Status = onboarding.MemberPendingApproval }),
		"a code that has proven its address":    code(func(c *onboarding.Claimed) { c.Join.Member = onboarding.MemberID{1} }),
		"a code of a later round":               code(func(c *onboarding.Claimed) { c.Join.Round = 3 }),
		"a code of an earlier round":            code(func(c *onboarding.Claimed) { c.Join.Round = 1 }),
		"a code that is over":                   code(func(c *onboarding.Claimed) { c.Join.CodeEnds = newClock().Now() }),
		"a code whose master key has gone":      code(func(c *onboarding.Claimed) { c.Join.Key = 9 }),
		"a welcome to somebody dismissed":       decision(onboarding.MessageJoinApproved, onboarding.MemberDismissed),
		"a welcome to somebody who waits":       decision(onboarding.MessageJoinApproved, onboarding.MemberPendingApproval),
		"a welcome to somebody rejected":        decision(onboarding.MessageJoinApproved, onboarding.MemberRejected),
		"a rejection of somebody let in":        decision(onboarding.MessageJoinRejected, onboarding.MemberActive),
		"a rejection of who waits again":        decision(onboarding.MessageJoinRejected, onboarding.MemberPendingApproval),
		"a notice where nobody waits":           notice(0, func(*onboarding.Member) {}),
		"a notice to who administrates no more": notice(1, func(m *onboarding.Member) { m.Role = onboarding.RoleMember }),
		"a notice to somebody dismissed":        notice(1, func(m *onboarding.Member) { m.Status = onboarding.MemberDismissed }),
		"a code of a closed organization": func(p *post) onboarding.Owed {
			p.store.organizations[acme] = onboarding.Organization{ID: acme, Closed: true}
			return p.oweCode()
		},
		"a notice to nobody": func(p *post) onboarding.Owed {
			p.store.waiting = 1
			delete(p.store.members, p.admin.ID)
			return p.oweNotice()
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			o := owe(p)
			if failed := p.deliver(o); failed != nil || p.box.handed != 0 {
				t.Fatalf("%v failed, %d sent", failed, p.box.handed)
			}
			want := onboarding.DeliveryStatus("")
			if told[name] {
				want = onboarding.DeliveryFailed
			}
			if out := p.outcome(o); out.Status != want || (out.Error != "") != told[name] || !out.Retry.IsZero() ||
				len(p.store.owed) != 0 {
				t.Errorf("%+v, and %d still owed", out, len(p.store.owed))
			}
		})
	}
}

func TestAWishForANewLinkGoesToTheInviter(t *testing.T) {
	p := newPost(t)
	o := p.owe("ann@example.com", func(c *onboarding.Claimed) {
		c.Message.Kind = onboarding.MessageLinkRequest
		c.Contact.Invitation.ExpiresAt = p.Now().Add(-time.Hour) // it is about an expired one
	})
	if failed := p.deliver(o); failed != nil || len(p.box.letters) != 1 {
		t.Fatalf("%v failed, %d letters", failed, len(p.box.letters))
	}
	l := p.box.letters[0]
	if l.To.Value != "ada@example.com" || l.Applicant != "ann@example.com" || l.Recipient != "Ada" || l.Locale != onboarding.German ||
		l.Link != "" || l.Inviter != "" {
		t.Errorf("%+v", l)
	}
}

func TestACodeIsMailedWithoutALink(t *testing.T) {
	for _, current := range []byte{1, 2} { // the code stays what it is when another key becomes the current one
		p := newPost(t)
		p.use.Keys = mustKeys(t, current, map[byte][]byte{1: []byte("the first master key of the tests"),
			2: []byte("the second master key of the tests")})
		var join onboarding.Join
		o := p.oweCode(func(c *onboarding.Claimed) {
			c.Join.CodeEnds = p.Now().Add(time.Millisecond) // to its last
			join = *c.Join
		})
		if failed := p.deliver(o); failed != nil || len(p.box.letters) != 1 {
			t.Fatalf("%v failed, %d letters", failed, len(p.box.letters))
		}
		l := p.box.letters[0]
		if len(l.Code) != 6 || !testKeys(t).ProofCode(acme, join).Matches(l.Code) {
			t.Errorf("code %q", l.Code)
		}
		if l.Link != "" || strings.Contains(fmt.Sprintf("%+v", l), "://") {
			t.Errorf("there is a link in %+v", l)
		}
		if l.Kind != onboarding.MessageJoinCode || l.To.Value != "ann@example.com" || l.Recipient != "Ann" ||
			l.Locale != onboarding.German || !l.Until.Equal(join.CodeEnds) || l.Organization.Name != "Acme" ||
			l.Count != 0 || l.Inviter != "" {
			t.Errorf("%+v", l)
		}
		if out := p.outcome(o); out.Status != onboarding.DeliverySent || len(p.store.owed) != 0 {
			t.Errorf("%+v, and %d still owed", out, len(p.store.owed))
		}
	}
}

func TestAnApplicantHearsWhatWasDecided(t *testing.T) {
	for kind, c := range map[onboarding.MessageKind]struct {
		now      onboarding.MemberStatus
		wantLink string
	}{
		onboarding.MessageJoinApproved: {onboarding.MemberActive, "https://join.example.com/join/acme/sign-in"},
		onboarding.MessageJoinRejected: {onboarding.MemberRejected, ""},
	} {
		p := newPost(t)
		o := p.oweDecision(kind, c.now)
		if failed := p.deliver(o); failed != nil || len(p.box.letters) != 1 {
			t.Fatalf("%s: %v failed, %d letters", kind, failed, len(p.box.letters))
		}
		l := p.box.letters[0]
		if l.Kind != kind || l.To.Value != "ann@example.com" || l.Recipient != "Ann" || l.Locale != onboarding.German ||
			l.Link != c.wantLink || l.Code != "" || !l.Until.IsZero() {
			t.Errorf("%+v", l)
		}
		if strings.Contains(fmt.Sprintf("%+v", l), "nobody knows her") {
			t.Errorf("%s tells the reason, which is for administrators", kind)
		}
		if out := p.outcome(o); out.Status != onboarding.DeliverySent || len(p.store.owed) != 0 {
			t.Errorf("%+v, and %d still owed", out, len(p.store.owed))
		}
	}
}

func TestANoticeSaysHowManyWait(t *testing.T) {
	for waiting, want := range map[int]int{1: 1, 7: 7, 100: 100, 250: 100} { // more are not counted
		p := newPost(t)
		p.store.waiting = waiting
		if failed := p.deliver(p.oweNotice()); failed != nil || len(p.box.letters) != 1 {
			t.Fatalf("%v failed, %d letters", failed, len(p.box.letters))
		}
		if l := p.box.letters[0]; l.Count != want || l.Kind != onboarding.MessageJoinRequests || l.To.Value != "ada@example.com" ||
			l.Recipient != "Ada" || l.Locale != onboarding.German || l.Link != "https://join.example.com/join/acme/requests" ||
			l.Code != "" {
			t.Errorf("%d wait: %+v", waiting, l)
		}
	}
}

// crowd makes five more members of the organization, of whom one has an administrator's rights.
func (p *post) crowd() (bea onboarding.Member) {
	add := func(status onboarding.MemberStatus, kind onboarding.MemberType, role onboarding.Role, address string) onboarding.Member {
		m := onboarding.Member{ID: onboarding.NewMemberID(p.world()), Organization: acme, Status: status, Type: kind, Role: role,
			Email: address, Locale: onboarding.English}
		p.store.members[m.ID] = m
		return m
	}
	add(onboarding.MemberActive, onboarding.Employee, onboarding.RoleMember, "emil@example.com")
	add(onboarding.MemberDismissed, onboarding.Employee, onboarding.RoleAdmin, "dora@example.com")
	add(onboarding.MemberActive, onboarding.Guest, onboarding.RoleAdmin, "gus@example.com")
	add(onboarding.MemberPendingApproval, onboarding.Employee, onboarding.RoleMember, "ann@example.com")
	return add(onboarding.MemberActive, onboarding.Partner, onboarding.RoleMember, "bea@example.com")
}

func TestAdministratorsAreToldThatPeopleWait(t *testing.T) {
	p := newPost(t)
	p.crowd()
	p.store.waiting = 3
	o := p.oweGathering("G1")
	if failed := p.deliver(o); failed != nil || p.box.handed != 0 {
		t.Fatalf("%v failed, and the gathering itself was sent %d times", failed, p.box.handed)
	}
	if out := p.outcome(o); !out.Told || !out.Retry.IsZero() || out.Status != "" || out.Error != "" || !out.At.Equal(p.Now()) {
		t.Errorf("%+v", out)
	}
	if failed := p.deliver(p.owed()...); failed != nil || len(p.store.owed) != 0 {
		t.Fatalf("%v failed, %d still owed", failed, len(p.store.owed))
	}
	locales := map[string]onboarding.Locale{}
	for _, l := range p.box.letters {
		locales[l.To.Value] = l.Locale
		if l.Kind != onboarding.MessageJoinRequests || l.Count != 3 {
			t.Errorf("%+v", l)
		}
	}
	want := map[string]onboarding.Locale{"ada@example.com": onboarding.German, "bea@example.com": onboarding.English}
	if len(p.box.letters) != 2 || !maps.Equal(locales, want) {
		t.Errorf("%d letters to %v", len(p.box.letters), locales)
	}
}

func TestAGatheringTellsEachAdministratorOnce(t *testing.T) {
	p := newPost(t)
	p.crowd()
	p.store.waiting = 1
	o := p.oweGathering("G1")
	for range 3 { // each time, what came of it is lost
		p.store.broken = errors.New("no table")
		if failed := p.deliver(o); len(failed) != 1 {
			t.Fatalf("%v failed", failed)
		}
		p.store.broken = nil
		p.advance(time.Minute)
	}
	p.deliver(o)
	// Whoever has come since the first time is not known to them: it is taken up again, when it may be.
	if out := p.outcome(o); !out.Told || !out.Retry.Equal(p.Now().Add(15*time.Minute)) || !out.Spared {
		t.Errorf("%+v", out)
	}
	if p.deliver(p.owed()...); len(p.box.letters) != 2 {
		t.Errorf("%d letters to two administrators", len(p.box.letters))
	}
	p.store.waiting = 0
	p.advance(15 * time.Minute)
	if p.deliver(p.owed()...); len(p.box.letters) != 2 || len(p.store.owed) != 0 {
		t.Errorf("%d letters, %d owed, and nobody waits", len(p.box.letters), len(p.store.owed))
	}
	// The next gathering is another one.
	p.store.waiting = 1
	p.advance(time.Hour)
	p.deliver(p.oweGathering("G2"))
	if p.deliver(p.owed()...); len(p.box.letters) != 4 {
		t.Errorf("%d letters about two gatherings", len(p.box.letters))
	}
}

func TestWhoIsAddedMeanwhileIsToldOfLater(t *testing.T) {
	p := newPost(t)
	p.store.waiting = 1
	p.store.onTell = func() { p.store.gathered++ } // somebody begins to wait at that moment
	o := p.oweGathering("G1")
	p.deliver(o)
	told := p.store.toldAt
	p.store.onTell = func() {}
	for p.Now().Before(told.Add(15 * time.Minute)) {
		if p.deliver(p.owed()...); len(p.box.letters) != 1 {
			t.Fatalf("after %v there are %d letters", p.Now().Sub(told), len(p.box.letters))
		}
		p.advance(time.Minute)
	}
	p.deliver(o)
	if p.deliver(p.owed()...); len(p.box.letters) != 2 || len(p.store.owed) != 0 {
		t.Errorf("%d letters, %d owed", len(p.box.letters), len(p.store.owed))
	}
}

func TestNobodyIsToldThatNobodyWaits(t *testing.T) {
	p := newPost(t)
	o := p.oweGathering("G1")
	if failed := p.deliver(o); failed != nil || len(p.store.owed) != 0 || p.box.handed != 0 || !p.store.toldAt.IsZero() {
		t.Errorf("%v failed, %d owed, %d sent", failed, len(p.store.owed), p.box.handed)
	}
	if out := p.outcome(o); out.Told || !out.Retry.IsZero() || out.Status != "" || out.Error != "" {
		t.Errorf("%+v", out)
	}
}

func TestAdministratorsAreToldAtMostFourTimesAnHour(t *testing.T) {
	p := newPost(t)
	p.store.waiting = 1
	told := p.Now()
	p.store.toldAt = told
	p.advance(time.Minute)
	o := p.oweGathering("G1")
	for _, after := range []time.Duration{time.Minute, 8 * time.Minute, 15*time.Minute - time.Millisecond} {
		p.advance(told.Add(after).Sub(p.Now()))
		p.store.owed[o.Item+o.Message].due = p.Now() // it is looked at too early
		if failed := p.deliver(o); failed != nil || len(p.store.told) != 0 {
			t.Fatalf("%v failed, %v told", failed, p.store.told)
		}
		if out := p.outcome(o); !out.Retry.Equal(told.Add(15*time.Minute)) || !out.Spared || out.Told || out.Status != "" {
			t.Errorf("after %v: %+v", after, out)
		}
	}
	if attempts := p.store.owed[o.Item+o.Message].claimed.Attempts; attempts != 0 {
		t.Errorf("putting it off has cost %d attempts", attempts)
	}
	p.advance(time.Millisecond)
	if p.deliver(o); !p.outcome(o).Told || !p.store.toldAt.Equal(p.Now()) || len(p.store.told) != 1 {
		t.Errorf("after a quarter of an hour: %+v, %v told", p.outcome(o), p.store.told)
	}
}

func TestWhoCouldNotBeToldIsToldLater(t *testing.T) {
	p := newPost(t)
	bea := p.crowd()
	p.store.waiting = 1
	p.store.untellable[bea.ID] = errors.New("bea@example.com is busy")
	o := p.oweGathering("G1")
	for range 12 { // it is never given up
		if failed := p.deliver(o); failed != nil {
			t.Fatal(failed)
		}
		out := p.outcome(o)
		if out.Told || !out.Retry.Equal(p.Now().Add(time.Minute)) || out.Error == "" || strings.Contains(out.Error, "@") ||
			out.Status != "" {
			t.Fatalf("%+v", out)
		}
		p.advance(time.Minute)
	}
	delete(p.store.untellable, bea.ID)
	if p.deliver(o); !p.outcome(o).Told {
		t.Errorf("%+v", p.outcome(o))
	}
	if p.deliver(p.owed()...); len(p.box.letters) != 2 {
		t.Errorf("%d letters to two administrators", len(p.box.letters))
	}
}

func TestAHundredAdministratorsAreTold(t *testing.T) {
	p := newPost(t)
	p.store.waiting = 1
	for range 120 {
		m := p.admin
		m.ID = onboarding.NewMemberID(p.world())
		p.store.members[m.ID] = m
	}
	p.deliver(p.oweGathering("G1"))
	if len(p.store.told) != 100 {
		t.Errorf("%d of 121 are told", len(p.store.told))
	}
}

func TestAFailedSendIsTriedAgainLaterAndLater(t *testing.T) {
	for _, c := range []struct {
		attempt int
		ceiling time.Duration
	}{
		{1, 30 * time.Second}, {2, time.Minute}, {3, 2 * time.Minute}, {4, 4 * time.Minute}, {5, 8 * time.Minute},
		{6, 16 * time.Minute}, {7, 32 * time.Minute}, {8, time.Hour}, {9, time.Hour},
	} {
		spread := map[time.Duration]bool{}
		for range 40 {
			p := newPost(t)
			p.box.fail = failing(onboarding.SendLater)
			o := p.owe("ann@example.com", func(c2 *onboarding.Claimed) { c2.Attempts = c.attempt - 1 })
			if failed := p.deliver(o); failed != nil {
				t.Fatal(failed)
			}
			out := p.outcome(o)
			wait := out.Retry.Sub(p.Now())
			if wait < time.Second || wait >= c.ceiling+time.Second || out.Status != onboarding.DeliveryQueued || out.Spared ||
				out.Error != "The provider says no." {
				t.Errorf("attempt %d: again in %v, %+v; want within %v", c.attempt, wait, out, c.ceiling)
			}
			spread[wait] = true
		}
		if len(spread) < 20 {
			t.Errorf("attempt %d: 40 failures wait %d times: there is no jitter", c.attempt, len(spread))
		}
	}
}

func TestAnErrorOfNoKnownKindIsTriedAgain(t *testing.T) {
	p := newPost(t)
	p.box.fail = func(context.Context, onboarding.Letter) error {
		return errors.New("connection to ann@example.com lost")
	}
	o := p.owe("ann@example.com")
	p.deliver(o)
	if out := p.outcome(o); out.Retry.IsZero() || out.Status != onboarding.DeliveryQueued || strings.Contains(out.Error, "@") {
		t.Errorf("%+v", out)
	}
}

func TestAMessageIsGivenUpAfterTenAttempts(t *testing.T) {
	p := newPost(t)
	p.box.fail = failing(onboarding.SendLater)
	o := p.owe("ann@example.com")
	for range 20 {
		p.deliver(o)
		p.advance(2 * time.Hour)
	}
	if p.box.handed != 10 || len(p.store.owed) != 0 {
		t.Errorf("%d attempts, %d owed", p.box.handed, len(p.store.owed))
	}
	if out := p.outcome(o); out.Status != onboarding.DeliveryFailed || !out.Retry.IsZero() {
		t.Errorf("%+v", out)
	}
}

func TestAMessageWhoseAttemptsEndUnseenIsGivenUp(t *testing.T) {
	p := newPost(t)
	o := p.owe("ann@example.com", func(c *onboarding.Claimed) { c.Attempts = 10 })
	p.deliver(o)
	if out := p.outcome(o); p.box.handed != 0 || out.Status != onboarding.DeliveryFailed || !out.Retry.IsZero() {
		t.Errorf("%d sent, %+v", p.box.handed, out)
	}
}

func TestWhatIsRefusedFailsAtOnce(t *testing.T) {
	p := newPost(t)
	p.box.fail = failing(onboarding.SendRefused)
	o := p.owe("ann@example.com")
	if failed := p.deliver(o); failed != nil {
		t.Fatal(failed)
	}
	if out := p.outcome(o); out.Status != onboarding.DeliveryFailed || !out.Retry.IsZero() || out.Error != "The provider says no." {
		t.Errorf("%+v", out)
	}
	if len(p.store.owed) != 0 || len(p.reported) != 1 || p.reported[0] == nil {
		t.Errorf("%d owed, %v reported", len(p.store.owed), p.reported)
	}
}

func TestAPausedAccountBurnsNoAttempts(t *testing.T) {
	p := newPost(t)
	p.box.fail = failing(onboarding.SendPaused)
	o := p.owe("ann@example.com")
	for range 30 {
		p.deliver(o)
		out := p.outcome(o)
		if out.Status != onboarding.DeliveryQueued || !out.Spared || out.Retry.Sub(p.Now()) != 5*time.Minute {
			t.Fatalf("%+v", out)
		}
		p.advance(5 * time.Minute)
	}
	p.box.fail = nil
	p.deliver(o)
	if out := p.outcome(o); out.Status != onboarding.DeliverySent || len(p.box.letters) != 1 {
		t.Errorf("%+v", out)
	}
}

func TestAPauseAtTheLastAttemptIsStillAPause(t *testing.T) {
	p := newPost(t)
	p.box.fail = failing(onboarding.SendPaused)
	o := p.owe("ann@example.com", func(c *onboarding.Claimed) { c.Attempts = 9 })
	p.deliver(o)
	if out := p.outcome(o); out.Status != onboarding.DeliveryQueued || !out.Spared {
		t.Errorf("%+v", out)
	}
}

func TestASendIsCutOffBeforeItsLeaseEnds(t *testing.T) {
	p := newPost(t)
	var left time.Duration
	p.box.fail = func(ctx context.Context, _ onboarding.Letter) error {
		if deadline, ok := ctx.Deadline(); ok {
			left = time.Until(deadline)
		}
		return nil
	}
	o := p.owe("ann@example.com")
	e := p.store.owed[o.Item+o.Message]
	p.deliver(o)
	if lease := e.leaseUntil.Sub(p.Now()); left <= 0 || left >= lease {
		t.Errorf("a send may take %v of a lease of %v", left, lease)
	}
}

func TestAMessageThatIsLeasedIsLeftAlone(t *testing.T) {
	p := newPost(t)
	o := p.owe("ann@example.com")
	e := p.store.owed[o.Item+o.Message]
	e.lease, e.leaseUntil = "another", p.Now().Add(time.Second)
	if failed := p.deliver(o); failed != nil || p.box.handed != 0 || len(p.reported) != 0 {
		t.Errorf("%v failed, %d sent, %v reported", failed, p.box.handed, p.reported)
	}
	p.advance(2 * time.Second)
	if p.deliver(o); p.box.handed != 1 {
		t.Error("it is left alone for ever")
	}
}

func TestOneBadMessageHoldsUpNoOther(t *testing.T) {
	p := newPost(t)
	others := make(chan struct{}, 19)
	p.box.fail = func(ctx context.Context, l onboarding.Letter) error {
		if l.To.Value == "slow@example.com" { // it hangs until all others are through
			for range cap(others) {
				select {
				case <-others:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return failing(onboarding.SendRefused)(ctx, l)
		}
		others <- struct{}{}
		return nil
	}
	owed := []onboarding.Owed{p.owe("slow@example.com")}
	for i := range cap(others) {
		owed = append(owed, p.owe(fmt.Sprintf("ann%d@example.com", i)))
	}
	if failed := p.deliver(owed...); failed != nil || len(p.box.letters) != cap(others) {
		t.Errorf("%v failed, %d of %d sent", failed, len(p.box.letters), cap(others))
	}
	if p.store.reads != 1 {
		t.Errorf("the organization was read %d times for %d messages", p.store.reads, len(owed))
	}
}

func TestOnlyWhatCouldNotBeWrittenDownIsReportedAsFailed(t *testing.T) {
	for name, c := range map[string]struct {
		spoil    func(*post)
		wantSent int
	}{
		"the outcome":      {func(p *post) { p.store.broken = errors.New("no table") }, 1},
		"the organization": {func(p *post) { delete(p.store.organizations, acme) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			o := p.owe("ann@example.com")
			c.spoil(p)
			failed := p.deliver(o)
			if len(failed) != 1 || failed[0] != o || p.box.handed != c.wantSent || len(p.reported) != 1 || p.reported[0] == nil {
				t.Errorf("%v failed, %d sent, %v reported", failed, p.box.handed, p.reported)
			}
		})
	}
	down := errors.New("no table")
	for name, owe := range map[string]func(*post) onboarding.Owed{
		"the inviter": func(p *post) onboarding.Owed {
			p.store.unreadable = down
			return p.owe("ann@example.com", func(c *onboarding.Claimed) { c.Message.Kind = onboarding.MessageLinkRequest })
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			p.store.waiting = 1
			o := owe(p)
			if failed := p.deliver(o); len(failed) != 1 || failed[0] != o || p.box.handed != 0 || len(p.store.owed) != 1 ||
				len(p.store.settled) != 0 || len(p.reported) != 1 || !errors.Is(p.reported[0], down) {
				t.Errorf("%v failed, %d sent, %v settled, %v reported", failed, p.box.handed, p.store.settled, p.reported)
			}
		})
	}
}

// What an organization's lists do not tell just now must not hold up the mail of others.
func TestANoticeThatCannotBeReadIsPutOff(t *testing.T) {
	down := errors.New("no table")
	for name, owe := range map[string]func(*post) onboarding.Owed{
		"the administrator":                     func(p *post) onboarding.Owed { p.store.unreadable = down; return p.oweNotice() },
		"how many wait, to who is told":         func(p *post) onboarding.Owed { p.store.uncountable = down; return p.oweNotice() },
		"how many wait, where that is gathered": func(p *post) onboarding.Owed { p.store.uncountable = down; return p.oweGathering("G1") },
		"who administrates":                     func(p *post) onboarding.Owed { p.store.unlistable = down; return p.oweGathering("G1") },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			p.store.waiting = 1
			o := owe(p)
			failed := p.deliver(o)
			if out := p.outcome(o); failed != nil || p.box.handed != 0 || len(p.store.owed) != 1 || !out.Retry.After(p.Now()) ||
				len(p.reported) != 1 || !errors.Is(p.reported[0], down) {
				t.Errorf("%v failed, %d sent, %+v, %v reported", failed, p.box.handed, out, p.reported)
			}
		})
	}
}

func TestASendErrorSaysWhatItWraps(t *testing.T) {
	cause := errors.New("cause")
	err := error(&onboarding.SendError{Class: onboarding.SendRefused, Reason: "why", Err: cause})
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "why") {
		t.Error(err)
	}
}

func TestOutboxShardsAreUsedAlike(t *testing.T) {
	c := newClock()
	count := map[string]int{}
	for range 4000 {
		count[onboarding.OutboxShard("MEMBER#"+onboarding.NewMemberID(c.world()).Key())]++
	}
	for shard, n := range count {
		if n < 800 || n > 1200 {
			t.Errorf("shard %s has %d of 4000", shard, n)
		}
	}
	if len(count) != onboarding.OutboxShards {
		t.Errorf("%v", count)
	}
}
