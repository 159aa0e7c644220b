package table_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"golang.org/x/sync/errgroup"

	"latchkey/internal/onboarding"
)

// crowd is people who stand in places: the store's write, without the wait for a hash. Their password is the administrator's.
func (s *stage) crowd(n int, p onboarding.Placement, edits ...func(*onboarding.Member)) (all []onboarding.Member) {
	s.t.Helper()
	s.crowds++
	var group errgroup.Group
	group.SetLimit(8)
	for i := range n {
		m := s.admin.Member
		m.ID, m.Role, m.Placement, m.Version = onboarding.NewMemberID(s.world()), onboarding.RoleMember, p, 1
		m.FirstName, m.LastName, m.Email = "Ann", fmt.Sprintf("Lee%03d", i), fmt.Sprintf("crowd%d-%d@example.com", s.crowds, i)
		m.CreatedAt, m.JoinedAt, m.UpdatedAt = s.Now(), s.Now(), s.Now()
		for _, edit := range edits {
			edit(&m)
		}
		all = append(all, m)
		a := s.address(m.Email)
		addition := onboarding.Addition{Member: m, Credentials: founded.credentials,
			Contact: onboarding.Contact{ID: onboarding.NewContactID(founded.o.Salt, a), Address: a}, Actor: s.admin.Member.Actor(),
			Message: onboarding.Message{ID: s.request(), Kind: onboarding.MessagePasswordReset, Locale: onboarding.English, At: s.Now()}, RequestID: s.request()}
		group.Go(func() error { return s.store.AddMember(s.t.Context(), addition) })
	}
	s.ok(group.Wait())
	return all
}

func administrator(m *onboarding.Member) { m.Role = onboarding.RoleAdmin }

func in(d ...onboarding.DepartmentID) onboarding.Placement {
	return onboarding.Placement{Departments: d}
}

// tidy says what is wrong with how the members, the places that they stand in, what these count, the tree, the partners and
// the counters agree, or nothing.
func (s *stage) tidy() error {
	s.t.Helper()
	type lying struct {
		SK       string
		MemberID string `dynamodbav:"member_id"`
		Member   struct {
			Status      onboarding.MemberStatus `dynamodbav:"status"`
			Type        onboarding.MemberType   `dynamodbav:"type"`
			Role        onboarding.Role         `dynamodbav:"role"`
			Departments []string                `dynamodbav:"departments"`
			Groups      []string                `dynamodbav:"groups"`
		} `dynamodbav:"member"`
		Name    string `dynamodbav:"name"`
		Parent  string `dynamodbav:"parent"`
		Members int    `dynamodbav:"members"`
	}
	stand, listed, counted, uncounted := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	parents, groups := map[string]string{"root": ""}, map[string]bool{}
	partners, slots := map[string]bool{}, map[string]bool{}
	for _, item := range s.items() {
		var i lying
		s.ok(attributevalue.UnmarshalMap(item, &i))
		kind, rest, _ := strings.Cut(i.SK, "#")
		switch m := (onboarding.Member{Status: i.Member.Status, Type: i.Member.Type, Role: i.Member.Role}); kind {
		case "MEMBER":
			uncounted["count_"+string(m.Status)]++
			if m.TakesSeat() {
				uncounted["seats"]++
			}
			if m.Rules() {
				uncounted["administrators"]++
			}
			if !m.Status.Placed() {
				continue
			}
			if m.Type == onboarding.Partner {
				partners[rest] = true
			}
			for _, id := range i.Member.Departments {
				stand["DEPARTMENT#"+id+"#"+string(m.Status)+" "+rest]++
			}
			for _, id := range i.Member.Groups {
				stand["GROUP#"+id+"#"+string(m.Status)+" "+rest]++
			}
		case "PLACE":
			at := strings.Split(rest, "#")
			listed[strings.Join(at[:3], "#")+" "+i.MemberID]++
			counted[strings.Join(at[:2], "#")]++
		case "DEPARTMENT":
			counted[i.SK] -= i.Members
			if i.Name == "" && rest != "root" {
				return fmt.Errorf("%s is no more than a number", i.SK)
			}
			parents[rest] = i.Parent
		case "GROUP":
			counted[i.SK] -= i.Members
			groups[rest] = i.Name != ""
		case "PARTNERS":
			for name := range item {
				if id, ok := strings.CutPrefix(name, "partner_"); ok {
					slots[id] = true
				}
			}
		case "COUNTERS":
			for name, value := range item {
				var n int
				if attributevalue.Unmarshal(value, &n) == nil {
					uncounted[name] -= n
				}
			}
		}
	}
	var err error
	if !maps.Equal(stand, listed) {
		err = fmt.Errorf("stand in places: %v, are listed there: %v", stand, listed)
	}
	if !maps.Equal(partners, slots) || len(slots) > onboarding.MaxPartners {
		err = errors.Join(err, fmt.Errorf("partners: %v, by their list: %v", partners, slots))
	}
	for place, n := range counted {
		kind, id, _ := strings.Cut(place, "#")
		if _, department := parents[id]; n != 0 || kind == "DEPARTMENT" && !department || kind == "GROUP" && !groups[id] {
			err = errors.Join(err, fmt.Errorf("%s: %+d people stand there and are not counted, or there is no such place", place, n))
		}
	}
	for counter, n := range uncounted {
		if n != 0 {
			err = errors.Join(err, fmt.Errorf("%s: %+d are not counted", counter, n))
		}
	}
	for id := range parents {
		at, there := id, true
		for range parents {
			if at != "root" && there {
				at = parents[at]
				_, there = parents[at]
			}
		}
		if at != "root" {
			err = errors.Join(err, fmt.Errorf("department %s does not lie below the root", id))
		}
	}
	return err
}

// recounted says what counting anew makes different, or nothing.
func (s *stage) recounted() error {
	before := s.item("COUNTERS")
	was, is, err := s.store.Recount(s.t.Context(), acme)
	for name, value := range s.item("COUNTERS") {
		var n, seen int
		if attributevalue.Unmarshal(value, &n) == nil && attributevalue.Unmarshal(before[name], &seen) == nil && n != seen {
			err = errors.Join(err, fmt.Errorf("%s: counted were %d, there are %d", name, seen, n))
		}
	}
	return errors.Join(err, equal("counted", was, is))
}

// comings are the ways into a department. Each is of a stage where nobody waits.
var comings = map[string]func(s *stage, address string, d onboarding.DepartmentID) move{
	"invited": func(s *stage, address string, d onboarding.DepartmentID) move {
		return s.accepting(s.invited(address, func(c *onboarding.InviteCommand) { c.Placement = in(d) }))
	},
	"by link": func(s *stage, address string, d onboarding.DepartmentID) move {
		l := s.named(s.admin, func(c *onboarding.LinkChange) { c.Departments = &[]onboarding.DepartmentID{d} })
		return s.verifying(s.attempt(l, address))
	},
	"approved": func(s *stage, address string, d onboarding.DepartmentID) move {
		always := onboarding.AlwaysApprove
		l := s.named(s.admin, func(c *onboarding.LinkChange) { c.Departments, c.Approval = &[]onboarding.DepartmentID{d}, &always })
		return s.deciding(s.joins(l, address).Member.ID, true)
	},
	"added": func(s *stage, address string, d onboarding.DepartmentID) move {
		cmd := s.addition(address)
		cmd.Placement = in(d)
		return func(a *side) error {
			_, err := s.adding(a).Add(s.t.Context(), s.admin, cmd)
			return err
		}
	},
	"sent there": func(s *stage, address string, d onboarding.DepartmentID) move {
		m := s.crowd(1, in(onboarding.DepartmentID{}), func(m *onboarding.Member) { m.Email = address })[0]
		return s.editing(s.admin, m.ID, onboarding.MemberChange{Departments: &[]onboarding.DepartmentID{d}})
	},
	"let in again": func(s *stage, address string, d onboarding.DepartmentID) move {
		m := s.crowd(1, in(d), func(m *onboarding.Member) { m.Email = address })[0]
		_, err := s.managing(s.store).Dismiss(s.t.Context(), s.admin, m.ID, anyMember, s.request())
		s.ok(err)
		request := s.request()
		return func(a *side) error {
			_, err := s.managing(a).Rehire(s.t.Context(), s.admin, m.ID, anyMember, request, onboarding.Rehire{})
			return err
		}
	},
}

// who is the member of an address, if there is one.
func (s *stage) who(address string) (onboarding.Member, bool) {
	s.t.Helper()
	c, err := s.store.ReadContact(s.t.Context(), acme, onboarding.NewContactID(s.admin.Organization.Salt, s.address(address)))
	if errors.Is(err, onboarding.ErrNotFound) || err == nil && c.Member.IsZero() {
		return onboarding.Member{}, false
	}
	s.ok(err)
	return s.member(c.Member), true
}

// Whoever comes before the department is marked goes with it to its parent. Whoever comes behind stands at the root, or is not
// put anywhere: they were told so, or it is noted.
func TestComingWhileTheDepartmentIsRemovedEndsSomewhere(t *testing.T) {
	for name, coming := range comings {
		for gate, passes := range map[string][]string{"to be marked": nil, "marked, and empty": {"CloseDepartment"}} {
			t.Run(name+", it is "+gate, func(t *testing.T) {
				s := newStage(t, nobodyWaits)
				race(s, func(address string) (move, move, func(error, error) error) {
					parent := s.department("above "+address, onboarding.DepartmentID{})
					d := s.department("below "+address, parent.ID)
					return coming(s, address, d.ID), s.removing(d.ID), func(came, removed error) error {
						m, there := s.who(address)
						late := there && slices.Contains(m.Placement.Departments, onboarding.DepartmentID{})
						if passes != nil || came != nil {
							came = errors.Join(equal("came too late", late || codeOf(came) == onboarding.Invalid, true),
								equal("noted", came != nil || name == "let in again" || slices.Equal(m.Skipped, []string{d.ID.String()}), true))
						} else if !late {
							came = equal("stands at the parent", slices.Equal(m.Placement.Departments, []onboarding.DepartmentID{parent.ID}), true)
						}
						return errors.Join(came, removed, s.tidy(), equal("the department", s.item("DEPARTMENT#"+d.ID.Key()) == nil, true))
					}
				}, passes...)
			})
		}
	}
}

// Somebody comes only when nothing is left of the department but its id.
func TestComingWhereTheDepartmentHasGoneLeavesNoTraceOfIt(t *testing.T) {
	for _, name := range []string{"invited", "by link", "sent there"} {
		t.Run(name, func(t *testing.T) {
			s, coming := newStage(t, nobodyWaits), comings[name]
			raceWhole(s, func(address string) (move, move, func(error, error) error) {
				d := s.department(address, onboarding.DepartmentID{})
				return coming(s, address, d.ID), s.removing(d.ID), func(_, removed error) error {
					return errors.Join(removed, s.tidy(), equal("the department", s.item("DEPARTMENT#"+d.ID.Key()) == nil, true))
				}
			})
		})
	}
}

// A member stands where they stand in all that is written of them, whatever is done to them.
func TestAMemberLeavesTheirPlacesAndComesBack(t *testing.T) {
	s := newStage(t, nobodyWaits)
	d, other, g := s.department("Sales", onboarding.DepartmentID{}), s.department("Marketing", onboarding.DepartmentID{}), s.group("Fair", true)
	p := in(d.ID)
	p.Groups = []onboarding.GroupID{g.ID}
	id := s.crowd(1, p)[0].ID
	lead := func(heads ...onboarding.MemberID) {
		_, err := s.structuring(s.store).ChangeDepartment(t.Context(), s.admin, d.ID, anyDepartment, s.request(), onboarding.DepartmentChange{Heads: &heads})
		s.ok(err)
	}
	lead(id)
	for _, step := range []struct {
		what string
		do   func(onboarding.Managing) (onboarding.Member, error)
		want onboarding.Placement
		head bool
	}{
		{"another name", func(u onboarding.Managing) (onboarding.Member, error) {
			return u.Edit(t.Context(), s.admin, id, anyMember, s.request(), onboarding.MemberChange{LastName: new("Adams")})
		}, p, true},
		{"dismissed", func(u onboarding.Managing) (onboarding.Member, error) {
			return u.Dismiss(t.Context(), s.admin, id, anyMember, s.request())
		}, p, false},
		{"let in again", func(u onboarding.Managing) (onboarding.Member, error) {
			return u.Rehire(t.Context(), s.admin, id, anyMember, s.request(), onboarding.Rehire{})
		}, p, false},
		{"elsewhere", func(u onboarding.Managing) (onboarding.Member, error) {
			return u.Edit(t.Context(), s.admin, id, anyMember, s.request(), onboarding.MemberChange{Departments: &[]onboarding.DepartmentID{other.ID}})
		}, onboarding.Placement{Departments: []onboarding.DepartmentID{other.ID}, Groups: p.Groups}, false},
		{"a guest", func(u onboarding.Managing) (onboarding.Member, error) {
			return u.Convert(t.Context(), s.admin, id, anyMember, s.request(), onboarding.Conversion{Type: onboarding.Guest})
		}, onboarding.Placement{Groups: p.Groups}, false},
		{"an employee", func(u onboarding.Managing) (onboarding.Member, error) {
			return u.Convert(t.Context(), s.admin, id, anyMember, s.request(), onboarding.Conversion{Type: onboarding.Employee})
		}, onboarding.Placement{Departments: []onboarding.DepartmentID{{}}, Groups: p.Groups}, false},
	} {
		m, err := step.do(s.managing(s.store))
		s.ok(err)
		structure, err := s.store.ReadStructure(t.Context(), acme)
		s.ok(err)
		if err := errors.Join(s.tidy(), equal("leads", slices.Contains(structure.Departments[d.ID].Heads, id), step.head)); err != nil ||
			!m.Placement.Equal(step.want) || !reflect.DeepEqual(s.member(id), m) {
			t.Errorf("%s: %v; answered %+v, stored %+v", step.what, err, m, s.member(id))
		}
	}
}

func (a *side) WriteManaged(ctx context.Context, c onboarding.MemberWrite) error {
	defer a.gate("WriteManaged")()
	return a.Table.WriteManaged(ctx, c)
}

func (s *stage) managing(store onboarding.ManageStore) onboarding.Managing {
	return onboarding.Managing{World: s.world(), Store: store}
}

func (s *stage) editing(caller onboarding.Caller, id onboarding.MemberID, c onboarding.MemberChange) move {
	request := s.request()
	return func(a *side) error {
		_, err := s.managing(a).Edit(s.t.Context(), caller, id, anyMember, request, c)
		return err
	}
}

func (s *stage) dismissing(caller onboarding.Caller, id onboarding.MemberID) move {
	request := s.request()
	return func(a *side) error {
		_, err := s.managing(a).Dismiss(s.t.Context(), caller, id, anyMember, request)
		return err
	}
}
