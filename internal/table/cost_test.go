package table_test

import (
	"slices"
	"testing"
	"time"

	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

func TestAJobCostsSoManyCalls(t *testing.T) {
	s := newStage(t)
	_, session, err := s.signIn("ada@example.com", password)
	s.ok(err)
	for _, a := range s.addresses(3) {
		s.invite(a)
	}
	token := s.mailedToken("ann0@example.com")
	s.advance(time.Hour)
	s.configure(func(o *onboarding.Settings) { o.LinkLifetime = time.Hour })
	fair := s.named(s.admin)
	waiting := s.joins(fair, "waiting@example.com").Member.ID
	s.joins(fair, "again@example.com")
	var several []onboarding.Decision
	for _, a := range numbered("several%d@example.com", 3) {
		several = append(several, onboarding.Decision{Applicant: s.applies(a).Member.ID, Approve: true})
	}
	old := s.attempt(fair, "old@example.com")
	s.mail()
	s.advance(2 * time.Minute)
	_, err = s.redriving().Redrive(t.Context(), 100)
	s.ok(err)
	gathering := s.owed()
	s.invite("invited@example.com")
	begun, again := s.attempt(fair, "new@example.com"), s.attempt(fair, "again@example.com")
	invited := s.attempt(fair, "invited@example.com")
	by := func(a attempt) func(*table.Table) error {
		return func(store *table.Table) error {
			_, _, err := s.joining(store).Verify(t.Context(), acme, a.token, a.code)
			return err
		}
	}
	s.costs(map[string]costing{
		"authenticate": {func(store *table.Table) error {
			_, err := onboarding.Authenticate(t.Context(), store, s.world(), session.Reveal())
			return err
		}, []string{"BatchGetItem"}},
		"invite one": {func(store *table.Table) error {
			_, err := s.inviting(store).Invite(t.Context(), s.admin, s.command([]string{"bob@example.com"}))
			return err
		}, []string{"UpdateItem", "PutItem"}},
		"invite one silently": {func(store *table.Table) error {
			_, err := s.inviting(store).Invite(t.Context(), s.admin, s.command([]string{"mia@example.com"}, silently))
			return err
		}, []string{"PutItem"}},
		"invite fifty": {func(store *table.Table) error {
			_, err := s.inviting(store).Invite(t.Context(), s.admin, s.command(numbered("bob%d@example.com", 50)))
			return err
		}, []string{"UpdateItem", "BatchExecuteStatement", "BatchExecuteStatement"}},
		"resend": {func(store *table.Table) error {
			_, err := s.updating(store).Resend(t.Context(), s.admin, s.id("ann1@example.com"), anyVersion, s.request())
			return err
		}, []string{"GetItem", "UpdateItem", "UpdateItem"}},
		"revoke": {func(store *table.Table) error {
			_, err := s.updating(store).Revoke(t.Context(), s.admin, s.id("ann2@example.com"), anyVersion, s.request())
			return err
		}, []string{"GetItem", "UpdateItem"}},
		"accept": {func(store *table.Table) error {
			_, _, err := s.redeeming(store).Accept(t.Context(), acme, token, profile())
			return err
		}, []string{"BatchGetItem", "TransactWriteItems"}},
		"open an invite link": {func(store *table.Table) error {
			_, err := s.joining(store).Open(t.Context(), acme, s.linkToken(fair))
			return err
		}, []string{"BatchGetItem"}},
		"begin to join": {func(store *table.Table) error {
			_, _, err := s.joining(store).Begin(t.Context(), acme, s.linkToken(fair),
				onboarding.JoinProfile{Address: s.address("begin@example.com"),
					FirstName: "Ann", LastName: "Lee", Password: password}, source)
			return err
		}, []string{"BatchGetItem", "UpdateItem", "UpdateItem", "UpdateItem", "PutItem"}},
		"look at a join": {func(store *table.Table) error {
			_, _, err := s.joining(store).Look(t.Context(), acme, old.token)
			return err
		}, []string{"BatchGetItem"}},
		"send a code again": {func(store *table.Table) error {
			_, err := s.joining(store).SendCode(t.Context(), acme, old.token)
			return err
		}, []string{"BatchGetItem", "BatchGetItem", "UpdateItem", "UpdateItem", "UpdateItem"}},
		"join": {by(begun), []string{"BatchGetItem", "UpdateItem", "UpdateItem", "UpdateItem", "BatchGetItem",
			"TransactWriteItems"}},
		"join as invited": {by(invited), []string{"BatchGetItem", "UpdateItem", "UpdateItem", "UpdateItem", "BatchGetItem",
			"TransactWriteItems"}},
		"join again": {by(again), []string{"BatchGetItem", "UpdateItem", "UpdateItem", "UpdateItem", "BatchGetItem",
			"GetItem", "TransactWriteItems"}},
		"approve": {func(store *table.Table) error {
			_, err := s.approving(store).Decide(t.Context(), s.admin, onboarding.Decision{Applicant: waiting, Approve: true},
				anyMember, s.request())
			return err
		}, []string{"GetItem", "TransactWriteItems"}},
		"approve three": {func(store *table.Table) error {
			_, err := s.approving(store).DecideAll(t.Context(), s.admin, several, s.request())
			return err
		}, []string{"GetItem", "GetItem", "GetItem", "TransactWriteItems", "TransactWriteItems", "TransactWriteItems"}},
		"list requests": {func(store *table.Table) error {
			_, _, err := store.ListJoinRequests(t.Context(), acme, onboarding.MemberPendingApproval, onboarding.RequestFilter{},
				"", 50)
			return err
		}, []string{"Query"}},
		"list the requests of a link": {func(store *table.Table) error {
			_, _, err := store.ListJoinRequests(t.Context(), acme, onboarding.MemberPendingApproval,
				onboarding.RequestFilter{Link: &fair.ID}, "", 50)
			return err
		}, []string{"Query"}},
		"list links": {func(store *table.Table) error {
			_, _, err := store.ListInviteLinks(t.Context(), s.admin.Organization, onboarding.MemberID{}, "", 50)
			return err
		}, []string{"BatchGetItem", "Query"}},
		"make a link": {func(store *table.Table) error {
			_, err := s.configuring(store).CreateLink(t.Context(), s.admin, onboarding.LinkChange{Label: new("Fair")},
				s.request())
			return err
		}, []string{"PutItem"}},
		"change a link": {func(store *table.Table) error {
			_, err := changing()(s.configuring(store), t.Context(), s.admin, fair.ID, anyLink, s.request())
			return err
		}, []string{"BatchGetItem", "UpdateItem"}},
		"change the settings": {func(store *table.Table) error {
			_, err := s.configuring(store).ChangeSettings(t.Context(), s.caller(s.admin.Member.ID), anyOrganization,
				func(*onboarding.Settings) {})
			return err
		}, []string{"UpdateItem"}},
		"gather, and tell one administrator": {func(store *table.Table) error { return s.deliverOver(store, gathering) },
			[]string{"UpdateItem", "GetItem", "Query", "Query", "UpdateItem", "UpdateItem"}},
		"list fifty": {func(store *table.Table) error {
			_, _, err := store.ListInvitations(t.Context(), acme, onboarding.InvitationPending, s.Now(), "", 50)
			return err
		}, []string{"Query"}},
	})
}

// costing is a job, and the calls that it is to cost.
type costing struct {
	do   func(*table.Table) error
	want []string
}

func (s *stage) costs(jobs map[string]costing) {
	s.t.Helper()
	store, w := s.over()
	for name, c := range jobs {
		w.reset()
		s.ok(c.do(store))
		got := w.reset()
		if name == "approve three" { // several at once
			slices.Sort(got)
		}
		if !slices.Equal(got, c.want) {
			s.t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestATextCostsSoManyCalls(t *testing.T) {
	s := newStage(t, inBritain, nobodyWaits)
	begun := s.attempt(s.defaultLink(), "+447700400001")
	s.joins(s.defaultLink(), "+447700300001")
	s.mail()
	s.invite("+447700500001")
	paid := s.owed()
	s.ok(s.signingIn(s.store).RequestReset(t.Context(), acme, "+447700300001", source))
	unpaid := slices.DeleteFunc(s.owed(), func(o onboarding.Owed) bool { return o.Item == paid[0].Item })
	s.costs(map[string]costing{
		"invite one by text": {func(store *table.Table) error {
			_, err := s.inviting(store).Invite(t.Context(), s.admin, s.command([]string{"+447700100001"}))
			return err
		}, []string{"BatchGetItem", "BatchGetItem", "UpdateItem", "UpdateItem", "UpdateItem", "UpdateItem", "PutItem"}},
		"begin to join by phone": {func(store *table.Table) error {
			_, _, err := s.joining(store).Begin(t.Context(), acme, s.linkToken(s.defaultLink()), onboarding.JoinProfile{Phone: "07700 200001",
				FirstName: "Ann", LastName: "Lee", Password: password}, source)
			return err
		}, []string{"BatchGetItem", "UpdateItem", "BatchGetItem", "UpdateItem", "UpdateItem", "UpdateItem", "UpdateItem", "PutItem"}},
		"join by phone": {func(store *table.Table) error {
			_, _, err := s.joining(store).Verify(t.Context(), acme, begun.token, begun.code)
			return err
		}, []string{"BatchGetItem", "UpdateItem", "UpdateItem", "UpdateItem", "BatchGetItem",
			"TransactWriteItems"}},
		"send one text that is paid for": {func(store *table.Table) error { return s.deliverOver(store, paid) },
			[]string{"UpdateItem", "GetItem", "GetItem", "UpdateItem"}},
		"send one text that is not": {func(store *table.Table) error { return s.deliverOver(store, unpaid) },
			[]string{"UpdateItem", "GetItem", "GetItem", "UpdateItem", "UpdateItem", "UpdateItem", "UpdateItem"}}, // its number was counted before
	})
}

// With more than a hundred people, what is done to one costs what it costs with none, and a list of fifty is one query.
func TestAJobCostsAsManyCallsWithACrowd(t *testing.T) {
	s := newStage(t)
	d, g := s.department("Sales", onboarding.DepartmentID{}), s.group("Fair", true)
	there := onboarding.Placement{Departments: []onboarding.DepartmentID{d.ID}, Groups: []onboarding.GroupID{g.ID}}
	crowd := s.crowd(120, there)
	into := func(c *onboarding.InviteCommand) { c.Placement = there }
	token, plain := s.invited("placed@example.com", into), s.invited("plain@example.com")
	several := s.invited("several@example.com", into, asAnAdmin)
	inviter := s.caller(crowd[3].ID)
	s.admin.Organization.Settings.WhoCanInvite = onboarding.EveryoneInvite
	inviter.Organization = s.admin.Organization
	s.inviteAs(inviter, "theirs@example.com", into)
	placed, elsewhere := s.addition("placed@example.org"), []onboarding.DepartmentID{{}}
	placed.Placement = there
	list := func(f onboarding.PeopleFilter) costing {
		f.Status = onboarding.MemberActive
		return costing{func(store *table.Table) error {
			all, next, err := store.ListMembers(t.Context(), acme, f, "", 50)
			s.want("on the page", len(all), 50)
			s.want("there is another", next != "", true)
			return err
		}, []string{"Query"}}
	}
	accept := func(token string) func(*table.Table) error {
		return func(store *table.Table) error {
			_, _, err := s.redeeming(store).Accept(t.Context(), acme, token, profile())
			return err
		}
	}
	s.costs(map[string]costing{
		"accept":                 {accept(plain), []string{"BatchGetItem", "TransactWriteItems"}},
		"accept into places":     {accept(token), []string{"BatchGetItem", "BatchGetItem", "TransactWriteItems"}},
		"accept an admin's role": {accept(several), []string{"BatchGetItem", "BatchGetItem", "TransactWriteItems"}},
		"add": {func(store *table.Table) error {
			_, err := s.adding(store).Add(t.Context(), s.admin, s.addition("added@example.com"))
			return err
		}, []string{"GetItem", "UpdateItem", "TransactWriteItems"}},
		"add into places": {func(store *table.Table) error {
			_, err := s.adding(store).Add(t.Context(), s.admin, placed)
			return err
		}, []string{"GetItem", "BatchGetItem", "UpdateItem", "TransactWriteItems"}},
		"edit": {func(store *table.Table) error {
			_, err := s.managing(store).Edit(t.Context(), s.admin, crowd[0].ID, anyMember, s.request(), onboarding.MemberChange{JobTitle: new("Engineer")})
			return err
		}, []string{"GetItem", "TransactWriteItems"}},
		"send elsewhere": {func(store *table.Table) error {
			_, err := s.managing(store).Edit(t.Context(), s.admin, crowd[1].ID, anyMember, s.request(), onboarding.MemberChange{Departments: &elsewhere})
			return err
		}, []string{"GetItem", "BatchGetItem", "TransactWriteItems"}},
		"dismiss": {func(store *table.Table) error {
			_, err := s.managing(store).Dismiss(t.Context(), s.admin, crowd[2].ID, anyMember, s.request())
			return err
		}, []string{"GetItem", "TransactWriteItems", "Query"}},
		"dismiss who invited one": {func(store *table.Table) error {
			_, err := s.managing(store).Dismiss(t.Context(), s.admin, crowd[3].ID, anyMember, s.request())
			return err
		}, []string{"GetItem", "TransactWriteItems", "Query", "GetItem", "UpdateItem"}},
		"list fifty, the newest":              list(onboarding.PeopleFilter{Sort: onboarding.NewestFirst}),
		"list fifty, the oldest":              list(onboarding.PeopleFilter{Sort: onboarding.OldestFirst}),
		"list fifty by name":                  list(onboarding.PeopleFilter{Sort: onboarding.ByName}),
		"list fifty by name down":             list(onboarding.PeopleFilter{Sort: onboarding.ByNameDown}),
		"list fifty of a department":          list(onboarding.PeopleFilter{Sort: onboarding.ByName, Department: &d.ID}),
		"list fifty of a department, newest":  list(onboarding.PeopleFilter{Sort: onboarding.NewestFirst, Department: &d.ID}),
		"list fifty of a group":               list(onboarding.PeopleFilter{Sort: onboarding.ByName, Group: &g.ID}),
		"list fifty of a department's group":  list(onboarding.PeopleFilter{Sort: onboarding.ByName, Department: &d.ID, Group: &g.ID}),
		"list fifty whom a guest sees":        list(onboarding.PeopleFilter{Sort: onboarding.ByName, Within: []onboarding.GroupID{g.ID}, Current: s.Now()}),
		"list fifty by their type":            list(onboarding.PeopleFilter{Sort: onboarding.ByName, Type: onboarding.Employee}),
		"list fifty of a department by words": list(onboarding.PeopleFilter{Sort: onboarding.ByName, Department: &d.ID, Words: []string{"lee"}}),
		"count": {func(store *table.Table) error {
			_, err := store.ReadCounts(t.Context(), acme)
			return err
		}, []string{"GetItem"}},
	})
	s.ok(s.tidy())
}
