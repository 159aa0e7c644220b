package table_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/dynamolocal/bulk"
	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

// crowdSize is so small because DynamoDB Local takes longer than a test may to write ten thousand. Nothing depends on it: what
// is held is how many items the database reads for a page, and that is one more than stands on it, however many follow.
const crowdSize = 2000

// crowd is an organization of many members of all statuses, in two departments and the root, and in a group.
type crowd struct {
	*stage
	department onboarding.DepartmentID
	group      onboarding.GroupID
	members    []onboarding.Member
}

func newCrowd(t *testing.T) *crowd {
	c := &crowd{stage: newStage(t)}
	structuring := onboarding.Structuring{World: c.world(), Store: c.store}
	d, err := structuring.CreateDepartment(t.Context(), c.admin, onboarding.DepartmentChange{Name: new("Sales")}, c.request())
	c.ok(err)
	g, err := structuring.CreateGroup(t.Context(), c.admin, onboarding.GroupChange{Name: new("Fair"), Kind: new(onboarding.Project),
		AllowsGuests: new(true)}, c.request())
	c.ok(err)
	c.department, c.group, c.members = d.ID, g.ID, []onboarding.Member{c.admin.Member}
	w := bulk.New(c.db, func(item map[string]types.AttributeValue) {
		for _, owed := range []string{"outbox", "outbox_wake", "by_outbox_pk", "by_outbox_sk"} { // it was sent
			delete(item, owed)
		}
	})
	store := table.New(w.Client(), c.name)
	for i := range crowdSize {
		m := c.person(i)
		login := m.Login()
		c.ok(store.AddMember(t.Context(), onboarding.Addition{Member: m, Actor: c.admin.Member.Actor(), RequestID: c.request(),
			Contact: onboarding.Contact{ID: onboarding.NewContactID(c.admin.Organization.Salt, login), Address: login},
			Message: onboarding.Message{ID: "added", At: c.Now()}}))
		c.members = append(c.members, m)
	}
	c.ok(w.Write(t.Context()))
	return c
}

// person is the i-th of the crowd. Three are made in one instant, and many are called alike.
func (c *crowd) person(i int) onboarding.Member {
	if i%3 == 0 {
		c.advance(time.Second)
	}
	names := []string{"Ann", "Émile", "ann", "Łukasz", "Zoë", "Ada", "Björn", "李", "O'Neill", "van der Berg", "ß"}
	m := onboarding.Member{ID: onboarding.NewMemberID(c.world()), Organization: acme, Status: onboarding.MemberActive,
		Type: onboarding.Employee, Role: onboarding.RoleMember, FirstName: names[i%len(names)], LastName: names[i/7%len(names)],
		Email: fmt.Sprintf("ann%d@example.com", i), Locale: onboarding.English, Entry: onboarding.Entry{Channel: onboarding.ChannelDirect},
		CreatedAt: c.Now(), UpdatedAt: c.Now(), Version: 1}
	switch i % 16 {
	case 3:
		m.Type, m.EndsAt, m.Placement.Groups = onboarding.Guest, c.Now().AddDate(1, 0, 0), []onboarding.GroupID{c.group}
		return m
	case 5:
		m.Status = onboarding.MemberPendingActivation
	case 9:
		m.Status = onboarding.MemberDismissed
	}
	m.Placement.Departments = []onboarding.DepartmentID{{}}
	if i/16%2 == 0 {
		m.Placement.Departments = []onboarding.DepartmentID{c.department}
	}
	if i/32%2 == 0 {
		m.Placement.Groups = []onboarding.GroupID{c.group}
	}
	return m
}

// lists are the lists of members, by name: those that an index serves, and others that are read through.
func (c *crowd) lists() (served, other map[string]onboarding.PeopleFilter) {
	served, other = map[string]onboarding.PeopleFilter{}, map[string]onboarding.PeopleFilter{}
	for _, status := range []onboarding.MemberStatus{onboarding.MemberActive, onboarding.MemberPendingActivation, onboarding.MemberDismissed} {
		for _, sort := range []onboarding.PeopleSort{onboarding.NewestFirst, onboarding.OldestFirst, onboarding.ByName, onboarding.ByNameDown} {
			all := onboarding.PeopleFilter{Status: status, Sort: sort}
			there, grouped, typed, called := all, all, all, all
			there.Department, grouped.Group, typed.Type, called.Words = &c.department, &c.group, onboarding.Guest, []string{"zoe"}
			root := all
			root.Department = &onboarding.DepartmentID{}
			name := fmt.Sprint(status, " by ", sort)
			served[name] = all
			switch {
			case sort.Named() && status.Placed():
				served[name+", of a department"], served[name+", of the root"], served[name+", of a group"] = there, root, grouped
			case sort == onboarding.NewestFirst:
				other[name+", of a department"], other[name+", of a group"] = there, grouped
			}
			if sort.Rising() && status == onboarding.MemberActive {
				other[name+", guests"], other[name+", called Zoe"] = typed, called
			}
		}
	}
	plain := onboarding.Caller{Organization: c.admin.Organization, Member: c.members[1]}
	seen, _ := served["active by -created_at"].Narrowed(plain, c.Now())
	served["what a plain member sees"] = seen
	return served, other
}

func TestListsOfACrowd(t *testing.T) {
	c := newCrowd(t)
	t.Run("fifty cost two calls, however many there are", func(t *testing.T) { fiftyCostTwoCalls(t, c) })
	t.Run("cursors walk all members once, in their order", func(t *testing.T) { cursorsWalkAllOnce(t, c) })
}

func fiftyCostTwoCalls(t *testing.T, c *crowd) {
	c.t = t
	_, session, err := c.signIn("ada@example.com", password)
	c.ok(err)
	var read int
	store, w := c.over(func(call call) (*http.Response, bool, error) {
		answer, err := call.Do(call.Body)
		if err == nil && call.Operation == "Query" {
			read += scanned(t, answer)
		}
		return answer, true, err
	})
	served, _ := c.lists()
	for name, f := range served {
		read = 0
		w.reset()
		caller, err := onboarding.Authenticate(t.Context(), store, c.world(), session.Reveal())
		c.ok(err)
		page, next, err := store.ListMembers(t.Context(), caller.Organization.ID, f, "", 50)
		c.ok(err)
		if calls := w.reset(); !slices.Equal(calls, []string{"BatchGetItem", "Query"}) || read > 51 {
			t.Errorf("%s: %v, which read %d", name, calls, read)
		}
		if len(page) != 50 || next == "" {
			t.Errorf("%s: a page of %d, and then %q", name, len(page), next)
		}
	}
}

// scanned is how many items a query read, whatever its filter let through.
func scanned(t *testing.T, answer *http.Response) int {
	t.Helper()
	body, err := io.ReadAll(answer.Body)
	answer.Body = io.NopCloser(bytes.NewReader(body))
	var said struct{ ScannedCount int }
	if err == nil {
		err = json.Unmarshal(body, &said)
	}
	if err != nil {
		t.Error(err)
	}
	return said.ScannedCount
}

func cursorsWalkAllOnce(t *testing.T, c *crowd) {
	c.t = t
	served, other := c.lists()
	for _, lists := range []map[string]onboarding.PeopleFilter{served, other} {
		for name, f := range lists {
			want := map[onboarding.MemberID]bool{}
			for _, m := range c.members {
				if f.Matches(m) {
					want[m.ID] = true
				}
			}
			all := c.walk(f, 130)
			seen := map[onboarding.MemberID]bool{}
			for i, m := range all {
				if seen[m.ID] || !want[m.ID] {
					t.Errorf("%s: %s comes twice, or should not", name, m.Name())
				}
				seen[m.ID] = true
				if i > 0 && !inOrder(f.Sort, all[i-1], m) {
					t.Errorf("%s: %s of %v stands behind %s of %v", name, m.Name(), m.CreatedAt, all[i-1].Name(), all[i-1].CreatedAt)
				}
			}
			if len(seen) != len(want) {
				t.Errorf("%s: %d of %d", name, len(seen), len(want))
			}
		}
	}
}

// walk reads all pages of a list.
func (c *crowd) walk(f onboarding.PeopleFilter, limit int) (all []onboarding.Member) {
	c.t.Helper()
	for after := ""; ; {
		page, next, err := c.store.ListMembers(c.t.Context(), acme, f, after, limit)
		c.ok(err)
		if all = append(all, page...); next == "" {
			return all
		}
		after = next
	}
}

// inOrder reports whether two members may follow each other in a list.
func inOrder(sort onboarding.PeopleSort, a, b onboarding.Member) bool {
	if !sort.Rising() {
		a, b = b, a
	}
	if sort.Named() {
		return a.SortName() <= b.SortName()
	}
	return !b.CreatedAt.Before(a.CreatedAt)
}
