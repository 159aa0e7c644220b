package table_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

func anyMember(onboarding.Member) bool { return true }

func (s *stage) decide(caller onboarding.Caller, d onboarding.Decision) (onboarding.Member, error) {
	return s.approving(s.store).Decide(s.t.Context(), caller, d, anyMember, s.request())
}

// decides approves or rejects a request as the administrator.
func (s *stage) decides(id onboarding.MemberID, approve bool) onboarding.Member {
	s.t.Helper()
	m, err := s.decide(s.admin, onboarding.Decision{Applicant: id, Approve: approve})
	s.ok(err)
	return m
}

func (s *stage) reopens(id onboarding.MemberID) onboarding.Member {
	s.t.Helper()
	m, err := s.approving(s.store).Reopen(s.t.Context(), s.admin, id, anyMember, s.request())
	s.ok(err)
	return m
}

// queue reads all pages of the applicants of a status, and checks each as it comes.
func (s *stage) queue(status onboarding.MemberStatus, f onboarding.RequestFilter, limit int) (
	ids []onboarding.MemberID) {
	s.t.Helper()
	for after := ""; ; {
		page, next, err := s.store.ListJoinRequests(s.t.Context(), acme, status, f, after, limit)
		s.ok(err)
		if len(page) > limit || next != "" && len(page) != limit || after != "" && len(page) == 0 {
			s.t.Fatalf("a page of %d, of %d", len(page), limit)
		}
		for _, m := range page {
			ids = append(ids, m.ID)
		}
		if next == "" {
			return ids
		}
		after = next
	}
}

// standing is in which lists somebody is, of members and of requests.
func (s *stage) standing(id onboarding.MemberID) (lists []string) {
	s.t.Helper()
	all := []onboarding.MemberStatus{onboarding.MemberActive, onboarding.MemberPendingActivation,
		onboarding.MemberDismissed,
		onboarding.MemberPendingApproval, onboarding.MemberRejected}
	for _, status := range all {
		listed, _, err := s.store.ListMembers(s.t.Context(), acme, onboarding.PeopleFilter{Status: status}, "", 200)
		s.ok(err)
		if !status.Applicant() && slices.ContainsFunc(listed, func(m onboarding.Member) bool { return m.ID == id }) {
			lists = append(lists, "member "+string(status))
		}
		if slices.Contains(s.queue(status, onboarding.RequestFilter{}, 200), id) {
			lists = append(lists, "request "+string(status))
		}
	}
	return lists
}

// place is the one list that somebody stands in.
func (s *stage) place(id onboarding.MemberID) string {
	s.t.Helper()
	return strings.TrimPrefix(text(s.item(memberSK(id))["by_status_pk"]), "ORG#acme#")
}

// letters is what is mailed now, as kinds and addresses.
func (s *stage) letters() string {
	s.t.Helper()
	all := []string{}
	for _, l := range s.mail() {
		all = append(all, string(l.Kind)+" to "+l.To.Value)
	}
	slices.Sort(all)
	return fmt.Sprint(all)
}

func TestARequestIsRejectedReopenedAndApproved(t *testing.T) {
	s := newStage(t)
	caller, session, err := s.verify(s.attempt(s.defaultLink(), "ann@example.com",
		func(j *onboarding.Join) { j.Locale = onboarding.German }))
	s.ok(err)
	asked, id := s.Now(), caller.Member.ID
	s.mail()
	step := func(want onboarding.Member, list, letters string) {
		t.Helper()
		want.Version, want.UpdatedAt = caller.Member.Version+1, s.Now()
		want.Request.ID = caller.Member.Request.ID // new each time
		caller.Member = s.member(id)
		if caller.Member.Request.ID == want.Request.ID {
			t.Errorf("%+v has the request of before", caller.Member)
		}
		want.Request.ID = caller.Member.Request.ID
		if !reflect.DeepEqual(caller.Member, want) {
			t.Errorf("stored %+v, want %+v", caller.Member, want)
		}
		s.want("listed", s.standing(id), "["+list+"]")
		s.want("mailed", s.letters(), letters)
		me, err := onboarding.Visitor(t.Context(), s.store, s.world(), session.Reveal())
		if err != nil || !reflect.DeepEqual(me.Member, want) {
			t.Errorf("they see %+v, %v", me.Member, err)
		}
		_, err = s.authenticate(session)
		s.want("their session", codeOf(err),
			map[bool]onboarding.Code{false: onboarding.ApprovalPending}[want.Status == onboarding.MemberActive])
	}
	s.want("listed", s.standing(id), "[request pending_approval]")

	s.advance(time.Hour)
	rejected, err := s.decide(s.admin, onboarding.Decision{Applicant: id, Reason: "Nobody knows them"})
	s.ok(err)
	want := caller.Member
	want.Status = onboarding.MemberRejected
	want.Request = onboarding.Request{At: asked, Rule: "approval_requested", DecidedAt: s.Now(),
		DecidedBy: s.admin.Member.ID, DeciderName: "Ada Byron", Reason: "Nobody knows them"}
	step(want, "request rejected", "[join_rejected to ann@example.com]")
	if !reflect.DeepEqual(rejected, caller.Member) {
		t.Errorf("answered %+v", rejected)
	}
	for _, approve := range []bool{true, false} {
		m, err := s.decide(s.admin, onboarding.Decision{Applicant: id, Approve: approve})
		s.refused(err, onboarding.AlreadyProcessed)
		if !reflect.DeepEqual(m, rejected) {
			t.Errorf("answered %+v", m)
		}
	}

	s.advance(time.Hour)
	reopened := s.reopens(id)
	want.Status, want.Request = onboarding.MemberPendingApproval, onboarding.Request{At: asked, Rule: "approval_requested"}
	step(want, "request pending_approval", "[]")
	if !reflect.DeepEqual(reopened, caller.Member) {
		t.Errorf("answered %+v", reopened)
	}
	_, err = s.approving(s.store).Reopen(t.Context(), s.admin, id, anyMember, s.request())
	s.refused(err, onboarding.AlreadyProcessed)

	s.advance(time.Hour)
	approved := s.decides(id, true)
	want.Status, want.JoinedAt = onboarding.MemberActive, s.Now()
	want.Request = onboarding.Request{At: asked, Rule: "approval_requested", DecidedAt: s.Now(),
		DecidedBy: s.admin.Member.ID, DeciderName: "Ada Byron"}
	step(want, "member active", "[join_approved to ann@example.com]")
	if !reflect.DeepEqual(approved, caller.Member) {
		t.Errorf("answered %+v", approved)
	}
	if l := s.box.all(); l[len(l)-1].Locale != onboarding.German || l[len(l)-1].Link != baseURL+"/join/acme/sign-in" ||
		l[len(l)-1].Recipient != "Ann" {
		t.Errorf("%+v", l[len(l)-1])
	}
	for _, approve := range []bool{true, false} {
		_, err = s.decide(s.admin, onboarding.Decision{Applicant: id, Approve: approve})
		s.refused(err, onboarding.AlreadyProcessed)
	}
	_, err = s.approving(s.store).Reopen(t.Context(), s.admin, id, anyMember, s.request())
	s.refused(err, onboarding.AlreadyProcessed)
	if len(s.owed()) != 0 {
		t.Error("something is owed yet")
	}
}

func TestALetterOvertakenByADecisionIsNotMailed(t *testing.T) {
	s := newStage(t)
	id := s.applies("ann@example.com").Member.ID
	s.mail()
	s.decides(id, false)
	late := s.owed() // the stream had it before
	s.reopens(id)
	if failed := s.delivering(s.store).Deliver(t.Context(), late); len(failed) != 0 {
		t.Errorf("%v failed", failed)
	}
	s.decides(id, false)
	s.reopens(id)
	if s.item(memberSK(id))["outbox"] != nil {
		t.Error("the letter of a rejection that was taken back is owed yet")
	}
	s.decides(id, true)
	s.want("mailed", s.letters(), "[join_approved to ann@example.com]")
	s.want("in all", s.lettersTo("ann@example.com"), 1)
	s.decides(s.applies("bob@example.com").Member.ID, true)
	s.mail()
	mia := s.applies("mia@example.com").Member.ID
	s.decides(mia, true)
	s.dismiss(mia)
	s.want("to the dismissed", s.letters(), "[]")
}

func TestADecisionAdjustsWhatSomebodyBecomes(t *testing.T) {
	s := newStage(t)
	partner := s.join("partner@example.com")
	s.poke(memberSK(partner.Member.ID), map[string]any{"member.type": onboarding.Partner})
	partner = s.caller(partner.Member.ID)
	for name, c := range map[string]struct {
		caller onboarding.Caller
		edit   func(*onboarding.Decision)
		want   onboarding.Code
		role   onboarding.Role
		title  string
	}{
		"as it was asked": {s.admin, func(*onboarding.Decision) {}, "", onboarding.RoleMember, "Tester"},
		"as an administrator": {s.admin, func(d *onboarding.Decision) { d.Role = onboarding.RoleAdmin }, "",
			onboarding.RoleAdmin, "Tester"},
		"with a title": {s.admin, func(d *onboarding.Decision) { d.JobTitle = new("Engineer") }, "",
			onboarding.RoleMember, "Engineer"},
		"without a title": {s.admin, func(d *onboarding.Decision) { d.JobTitle = new("") }, "",
			onboarding.RoleMember, ""},
		"as a guest without groups": {s.admin, func(d *onboarding.Decision) { d.Type = onboarding.Guest },
			onboarding.Forbidden, "", ""},
		"as a partner of no firm": {s.admin, func(d *onboarding.Decision) { d.Type = onboarding.Partner },
			onboarding.Forbidden, "", ""},
		"as what is not known": {s.admin, func(d *onboarding.Decision) { d.Role = "owner" }, onboarding.Forbidden,
			"", ""},
		"by a partner": {partner, func(*onboarding.Decision) {}, "", onboarding.RoleMember, "Tester"},
		"by a partner, above them": {partner, func(d *onboarding.Decision) { d.Role = onboarding.RoleAdmin },
			onboarding.Forbidden, "", ""},
	} {
		id := s.applies(s.request() + "@example.com").Member.ID
		s.poke(memberSK(id), map[string]any{"member.job_title": "Tester"})
		d := onboarding.Decision{Applicant: id, Approve: true}
		c.edit(&d)
		m, err := s.decide(c.caller, d)
		if codeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
		stored := s.member(id)
		if err == nil && (!reflect.DeepEqual(stored, m) || m.Status != onboarding.MemberActive || m.Type != onboarding.Employee ||
			m.Role != c.role || m.JobTitle != c.title || m.Request.DecidedBy != c.caller.Member.ID) {
			t.Errorf("%s: answered %+v, stored %+v", name, m, stored)
		}
		if err != nil && (stored.Status != onboarding.MemberPendingApproval || stored.Version != 1) {
			t.Errorf("%s: %+v", name, stored)
		}
		if c.want != "" { // what cannot be granted can be rejected
			d.Approve = false
			_, err = s.decide(c.caller, d)
			s.ok(err)
		}
	}
}

// Who was invited to be an administrator, on the word of somebody who was one, asks for more than a partner may grant.
func TestAPartnerDoesNotGrantWhatARequestAsksFor(t *testing.T) {
	s := newStage(t)
	partner := s.join("partner@example.com")
	s.poke(memberSK(partner.Member.ID), map[string]any{"member.type": onboarding.Partner})
	id := s.applies("ann@example.com").Member.ID
	s.poke(memberSK(id), map[string]any{"member.role": onboarding.RoleAdmin})
	_, err := s.decide(s.caller(partner.Member.ID), onboarding.Decision{Applicant: id, Approve: true})
	s.refused(err, onboarding.Forbidden)
	m, err := s.decide(s.caller(partner.Member.ID), onboarding.Decision{Applicant: id, Approve: true,
		Role: onboarding.RoleMember})
	s.ok(err)
	if m.Role != onboarding.RoleMember || !reflect.DeepEqual(s.member(id), m) {
		t.Errorf("%+v", m)
	}
}

func TestOnlyAdministratorsDecide(t *testing.T) {
	s := newStage(t, everyoneInvites)
	member := s.join("bob@example.com")
	applicant := s.applies("ann@example.com")
	guest := s.join("guest@example.com")
	s.poke(memberSK(guest.Member.ID), map[string]any{"member.type": onboarding.Guest, "member.role": onboarding.RoleAdmin})
	dismissed := s.join("gone@example.com", asAnAdmin)
	s.dismiss(dismissed.Member.ID)
	closed := s.caller(s.admin.Member.ID)
	closed.Organization.Closed = true
	id := applicant.Member.ID
	before := s.item(memberSK(id))
	u := s.approving(s.store)
	for name, caller := range map[string]onboarding.Caller{"a member": member, "the applicant": applicant,
		"a guest": s.caller(guest.Member.ID), "a dismissed administrator": s.caller(dismissed.Member.ID)} {
		_, err := s.decide(caller, onboarding.Decision{Applicant: id, Approve: true})
		s.want(name+" approves", codeOf(err), onboarding.Forbidden)
		_, err = s.decide(caller, onboarding.Decision{Applicant: id})
		s.want(name+" rejects", codeOf(err), onboarding.Forbidden)
		_, err = u.DecideAll(t.Context(), caller, []onboarding.Decision{{Applicant: id}}, s.request())
		s.want(name+" decides on several", codeOf(err), onboarding.Forbidden)
		_, err = u.Reopen(t.Context(), caller, id, anyMember, s.request())
		s.want(name+" reopens", codeOf(err), onboarding.Forbidden)
	}
	_, err := s.decide(closed, onboarding.Decision{Applicant: id, Approve: true})
	s.want("approved where it is closed", codeOf(err), onboarding.OrganizationClosed)
	for name, who := range map[string]onboarding.MemberID{"a member": member.Member.ID,
		"nobody": onboarding.NewMemberID(s.world())} {
		_, err = s.decide(s.admin, onboarding.Decision{Applicant: who, Approve: true})
		s.want(name+" is approved", codeOf(err), onboarding.NotFound)
		_, err = u.Reopen(t.Context(), s.admin, who, anyMember, s.request())
		s.want(name+" is reopened", codeOf(err), onboarding.NotFound)
	}
	_, err = u.Decide(t.Context(), s.admin, onboarding.Decision{Applicant: id, Approve: true},
		func(m onboarding.Member) bool { return m.Version != 1 }, s.request())
	s.want("approved as it was not seen", codeOf(err), onboarding.VersionMismatch)
	if !reflect.DeepEqual(s.item(memberSK(id)), before) {
		t.Errorf("%v, before %v", s.item(memberSK(id)), before)
	}
	_, err = s.decide(closed, onboarding.Decision{Applicant: id})
	s.ok(err)
}

// An applicant who is made an administrator past every rule still does not decide on themselves.
func TestNobodyDecidesOnThemselves(t *testing.T) {
	s := newStage(t)
	applicant := s.applies("ann@example.com")
	applicant.Member.Status, applicant.Member.Role = onboarding.MemberActive, onboarding.RoleAdmin
	for _, approve := range []bool{true, false} {
		_, err := s.decide(applicant, onboarding.Decision{Applicant: applicant.Member.ID, Approve: approve})
		s.refused(err, onboarding.Forbidden)
	}
	s.decides(applicant.Member.ID, false)
	_, err := s.approving(s.store).Reopen(t.Context(), applicant, applicant.Member.ID, anyMember, s.request())
	s.refused(err, onboarding.Forbidden)
}

func TestADecisionMadeAgainIsAnsweredAgain(t *testing.T) {
	s := newStage(t)
	id, request := s.applies("ann@example.com").Member.ID, s.request()
	u := s.approving(s.store)
	var answers []onboarding.Member
	for range 2 {
		m, err := u.Decide(t.Context(), s.admin, onboarding.Decision{Applicant: id},
			func(m onboarding.Member) bool { return m.Version == 1 }, request)
		s.ok(err)
		answers = append(answers, m)
	}
	request = s.request()
	for range 2 {
		m, err := u.Reopen(t.Context(), s.admin, id, func(m onboarding.Member) bool { return m.Version == 2 }, request)
		s.ok(err)
		answers = append(answers, m)
	}
	if !reflect.DeepEqual(answers[0], answers[1]) || !reflect.DeepEqual(answers[2], answers[3]) || !reflect.DeepEqual(s.member(id), answers[3]) || answers[3].Version != 3 {
		t.Errorf("%+v", answers)
	}
}

func TestSeveralAreDecidedEachOnItsOwn(t *testing.T) {
	s := newStage(t)
	apply := func(address string) onboarding.MemberID { return s.applies(address).Member.ID }
	in, out := apply("in@example.com"), apply("out@example.com")
	late, above := apply("late@example.com"), apply("above@example.com")
	s.decides(late, true)
	bob := s.join("bob@example.com", asAnAdmin)
	s.mail()
	nobody := onboarding.NewMemberID(s.world())
	decisions := []onboarding.Decision{
		{Applicant: in, Approve: true, Role: onboarding.RoleAdmin, JobTitle: new("Engineer")},
		{Applicant: out, Reason: "Unknown"}, {Applicant: in},
		{Applicant: late}, {Applicant: nobody, Approve: true}, {Applicant: above, Approve: true, Type: onboarding.Guest},
	}
	want := []onboarding.DecisionVerdict{onboarding.DecisionApproved, onboarding.DecisionRejected,
		onboarding.DecisionDuplicate,
		onboarding.DecisionTooLate, onboarding.DecisionNotFound, onboarding.DecisionDenied}
	request := s.request()
	for _, when := range []string{"at first", "once more"} {
		results, err := s.approving(s.store).DecideAll(t.Context(), bob, decisions, request)
		s.ok(err)
		for i, r := range results {
			decided := r.Verdict == onboarding.DecisionApproved || r.Verdict == onboarding.DecisionRejected
			if r.Verdict != want[i] || r.Applicant != decisions[i].Applicant || (r.Reason == "") != decided ||
				(r.Member == nil) != (r.Verdict == onboarding.DecisionNotFound || r.Verdict == onboarding.DecisionDuplicate) {
				t.Errorf("%s, %d: %+v, want %s", when, i, r, want[i])
			}
			if r.Member != nil && !reflect.DeepEqual(*r.Member, s.member(r.Applicant)) {
				t.Errorf("%s, %d: answered %+v, stored %+v", when, i, *r.Member, s.member(r.Applicant))
			}
		}
	}
	if m := s.member(in); m.Role != onboarding.RoleAdmin || m.JobTitle != "Engineer" || m.Version != 2 ||
		m.Request.DecidedBy != bob.Member.ID {
		t.Errorf("%+v", m)
	}
	s.want("mailed", s.letters(), "[join_approved to in@example.com join_rejected to out@example.com]")

	s.poke("ORG", map[string]any{"closed": true})
	closed := s.caller(s.admin.Member.ID)
	closed.Organization = s.organization()
	results, err := s.approving(s.store).DecideAll(t.Context(), closed,
		[]onboarding.Decision{{Applicant: above, Approve: true}}, s.request())
	if err != nil || results[0].Verdict != onboarding.DecisionDenied ||
		s.member(above).Status != onboarding.MemberPendingApproval {
		t.Errorf("%+v, %v", results, err)
	}
}

// What cannot be found out fails the whole; what was decided stays so, and the same request finds it.
func TestSeveralDecisionsThatFailHalfwayAreFinishedByTheSameRequest(t *testing.T) {
	s := newStage(t)
	var decisions []onboarding.Decision
	for _, a := range s.addresses(6) {
		decisions = append(decisions, onboarding.Decision{Applicant: s.applies(a).Member.ID, Approve: true})
	}
	s.mail()
	store, _ := s.over(first(5, "TransactWriteItems", down))
	request := s.request()
	_, err := s.approving(store).DecideAll(t.Context(), s.admin, decisions, request)
	s.refused(err, onboarding.Unavailable)
	results, err := s.approving(s.store).DecideAll(t.Context(), s.admin, decisions, request)
	s.ok(err)
	for _, r := range results {
		if r.Verdict != onboarding.DecisionApproved || r.Member.Version != 2 {
			t.Errorf("%+v", r)
		}
	}
	if l := s.mail(); len(l) != 6 {
		t.Errorf("%d letters", len(l))
	}
}

func TestTheQueueIsSortedAndFiltered(t *testing.T) {
	s := newStage(t, everyoneInvites)
	bob := s.join("bob@example.com")
	fair := s.named(s.admin)
	start := s.Now()
	var all, fairs, defaults, invited []onboarding.MemberID // who waits longest first
	for i := range 2 {
		for _, list := range []*[]onboarding.MemberID{&fairs, &defaults, &invited} {
			s.advance(time.Minute)
			address := fmt.Sprintf("a%d-%d@example.com", i, len(all))
			var id onboarding.MemberID
			switch list {
			case &fairs:
				id = s.joins(fair, address).Member.ID
			case &defaults:
				id = s.applies(address).Member.ID
			default:
				s.inviteAs(bob, address)
				id = s.applies(address).Member.ID // takes the invitation
			}
			*list = append(*list, id)
			all = append(all, id)
		}
	}
	before := func(minutes int) onboarding.RequestFilter {
		return onboarding.RequestFilter{Before: start.Add(time.Duration(minutes) * time.Minute)}
	}
	inFair := before(5)
	inFair.Link, inFair.Channel = &fair.ID, onboarding.ChannelInviteLink
	byMail := onboarding.RequestFilter{Link: &fair.ID, Channel: onboarding.ChannelInvitation}
	for name, c := range map[string]struct {
		filter onboarding.RequestFilter
		want   []onboarding.MemberID
	}{
		"all":                       {onboarding.RequestFilter{}, all},
		"of a link":                 {onboarding.RequestFilter{Link: &fair.ID}, fairs},
		"of the default link":       {onboarding.RequestFilter{Link: &onboarding.LinkID{}}, defaults},
		"invited":                   {onboarding.RequestFilter{Channel: onboarding.ChannelInvitation}, invited},
		"of a time":                 {before(4), all[:3]}, // strictly
		"of none":                   {before(1), nil},
		"of a link and a time":      {inFair, fairs},
		"of a link, and invited":    {byMail, nil},
		"of a link that nobody has": {onboarding.RequestFilter{Link: new(onboarding.NewLinkID(s.world()))}, nil},
	} {
		for _, limit := range []int{1, 2, 200} {
			if got := s.queue(onboarding.MemberPendingApproval, c.filter, limit); !slices.Equal(got, c.want) {
				t.Errorf("%s, by %d: %v, want %v", name, limit, got, c.want)
			}
		}
	}
	page, _, err := s.store.ListJoinRequests(t.Context(), acme, onboarding.MemberPendingApproval,
		onboarding.RequestFilter{}, "", 200)
	s.ok(err)
	for _, m := range page {
		if stored := s.member(m.ID); !reflect.DeepEqual(m, stored) {
			t.Errorf("listed %+v, stored %+v", m, stored)
		}
	}
	// Rejected in another order: who was rejected last stands first.
	var rejected []onboarding.MemberID
	for _, id := range []onboarding.MemberID{all[4], all[0], all[1]} {
		s.advance(time.Minute)
		s.decides(id, false)
		rejected = slices.Insert(rejected, 0, id)
	}
	for _, limit := range []int{1, 3} {
		if got := s.queue(onboarding.MemberRejected, onboarding.RequestFilter{}, limit); !slices.Equal(got, rejected) {
			t.Errorf("rejected, by %d: %v, want %v", limit, got, rejected)
		}
	}
	got := s.queue(onboarding.MemberRejected, onboarding.RequestFilter{Link: &fair.ID}, 1)
	if !slices.Equal(got, []onboarding.MemberID{all[0]}) {
		t.Errorf("%v", got)
	}
	s.reopens(all[0]) // as old as it is
	want := []onboarding.MemberID{all[0], all[2], all[3], all[5]}
	if got := s.queue(onboarding.MemberPendingApproval, onboarding.RequestFilter{}, 2); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if n, err := s.store.CountWaiting(context.Background(), acme, 100); n != 4 || err != nil {
		t.Errorf("%d wait, %v", n, err)
	}
	if n, err := s.store.CountWaiting(context.Background(), acme, 3); n != 3 || err != nil {
		t.Errorf("%d of at most 3 wait, %v", n, err)
	}
}

// An employee has no end. One that was left to a guest locked them out on its day.
func TestAGuestWhoIsLetInAsAnEmployeeStays(t *testing.T) {
	s := newStage(t, everyoneInvites)
	g := s.group("Fair", true)
	bob := s.join("bob@example.com")
	_, err := s.edit(s.admin, bob.Member.ID, onboarding.MemberChange{Groups: &[]onboarding.GroupID{g.ID}})
	s.ok(err)
	bob = s.caller(bob.Member.ID)
	r := s.inviteAs(bob, "gil@example.com", func(c *onboarding.InviteCommand) {
		c.Type, c.GuestUntil, c.Placement.Groups = onboarding.Guest, s.Now().Add(time.Hour), []onboarding.GroupID{g.ID}
	})
	if r.Verdict != onboarding.Created {
		t.Fatalf("%s, %s", r.Verdict, r.Reason)
	}
	gil, _, err := s.redeeming(s.store).Accept(t.Context(), acme, s.mailedToken("gil@example.com"), profile())
	s.ok(err)
	_, err = s.decide(s.admin, onboarding.Decision{Applicant: gil.Member.ID, Approve: true, Type: onboarding.Employee, Role: onboarding.RoleAdmin})
	s.ok(err)
	s.advance(2 * time.Hour)
	_, _, err = s.signIn("gil@example.com", password)
	s.ok(err)
}

func TestAPlaceThatIsNotThereStopsNoOtherDecision(t *testing.T) {
	s := newStage(t)
	good, bad := s.applies("good@example.com").Member.ID, s.applies("bad@example.com").Member.ID
	nowhere, err := onboarding.ParseDepartmentKey(s.request())
	s.ok(err)
	results, err := s.approving(s.store).DecideAll(t.Context(), s.admin, []onboarding.Decision{{Applicant: good, Approve: true},
		{Applicant: bad, Approve: true, Departments: &[]onboarding.DepartmentID{nowhere}}}, s.request())
	s.ok(err)
	if results[0].Verdict != onboarding.DecisionApproved || results[1].Verdict != onboarding.DecisionDenied || results[1].Reason != "There is no such department." {
		t.Errorf("%+v", results)
	}
}

// A request can decide for a while. Who is dismissed meanwhile lets nobody in any more.
func TestWhoeverWasDismissedMeanwhileDecidesNothing(t *testing.T) {
	s := newStage(t)
	bob := s.join("bob@example.com", asAnAdmin)
	id := s.applies("ann@example.com").Member.ID
	_, err := s.managing(s.store).Dismiss(t.Context(), s.admin, bob.Member.ID, anyMember, s.request())
	s.ok(err)
	_, err = s.decide(bob, onboarding.Decision{Applicant: id, Approve: true, Role: onboarding.RoleAdmin})
	s.refused(err, onboarding.Forbidden)
	if m := s.member(id); m.Status != onboarding.MemberPendingApproval {
		t.Errorf("they are %s", m.Status)
	}
}

func TestAnApplicantForWhomThereIsNoSeatIsShownAsTheyAre(t *testing.T) {
	s := newStage(t)
	id := s.applies("ann@example.com").Member.ID
	s.admin.Organization.Settings.Seats = s.counts().Seats
	results, err := s.approving(s.store).DecideAll(t.Context(), s.admin, []onboarding.Decision{{Applicant: id, Approve: true}}, s.request())
	s.ok(err)
	if r := results[0]; r.Verdict != onboarding.DecisionDenied || r.Member.Status != onboarding.MemberPendingApproval {
		t.Errorf("%s, %s", r.Verdict, r.Member.Status)
	}
}
