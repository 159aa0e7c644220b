package table_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"latchkey/internal/onboarding"
)

func (a *side) WriteDepartment(ctx context.Context, org onboarding.OrganizationID, d, seen onboarding.Department, structure int64) error {
	defer a.gate("WriteDepartment")()
	return a.Table.WriteDepartment(ctx, org, d, seen, structure)
}

func (a *side) CloseDepartment(ctx context.Context, org onboarding.OrganizationID, d onboarding.Department, children []onboarding.Department,
	structure int64) error {
	defer a.gate("CloseDepartment")()
	return a.Table.CloseDepartment(ctx, org, d, children, structure)
}

func (a *side) WriteGroup(ctx context.Context, org onboarding.OrganizationID, g, seen onboarding.Group, structure int64) error {
	defer a.gate("WriteGroup")()
	return a.Table.WriteGroup(ctx, org, g, seen, structure)
}

func (a *side) CloseGroup(ctx context.Context, org onboarding.OrganizationID, g onboarding.Group, structure int64) error {
	defer a.gate("CloseGroup")()
	return a.Table.CloseGroup(ctx, org, g, structure)
}

func (a *side) MoveMembers(ctx context.Context, before, after []onboarding.Member) (int, error) {
	defer a.gate("MoveMembers")()
	return a.Table.MoveMembers(ctx, before, after)
}

func (a *side) RemovePlace(ctx context.Context, org onboarding.OrganizationID, place onboarding.Placement) error {
	defer a.gate("RemovePlace")()
	return a.Table.RemovePlace(ctx, org, place)
}

func (s *stage) structuring(store onboarding.StructureStore) onboarding.Structuring {
	return onboarding.Structuring{World: s.world(), Store: store}
}

func anyDepartment(onboarding.Department) bool { return true }
func anyGroup(onboarding.Group) bool           { return true }

// department makes a department.
func (s *stage) department(name string, parent onboarding.DepartmentID) onboarding.Department {
	s.t.Helper()
	d, err := s.structuring(s.store).CreateDepartment(s.t.Context(), s.admin, onboarding.DepartmentChange{Name: &name, Parent: &parent}, s.request())
	s.ok(err)
	return d
}

// group makes a group.
func (s *stage) group(name string, guests bool) onboarding.Group {
	s.t.Helper()
	g, err := s.structuring(s.store).CreateGroup(s.t.Context(), s.admin, onboarding.GroupChange{Name: &name, AllowsGuests: &guests}, s.request())
	s.ok(err)
	return g
}

func (s *stage) creating(name string, parent onboarding.DepartmentID) move {
	request := s.request()
	return func(a *side) error {
		_, err := s.structuring(a).CreateDepartment(s.t.Context(), s.admin, onboarding.DepartmentChange{Name: &name, Parent: &parent}, request)
		return err
	}
}

func (s *stage) moving(id, parent onboarding.DepartmentID) move {
	request := s.request()
	return func(a *side) error {
		_, err := s.structuring(a).ChangeDepartment(s.t.Context(), s.admin, id, anyDepartment, request, onboarding.DepartmentChange{Parent: &parent})
		return err
	}
}

func (s *stage) heading(id onboarding.DepartmentID, heads ...onboarding.MemberID) move {
	request := s.request()
	return func(a *side) error {
		_, err := s.structuring(a).ChangeDepartment(s.t.Context(), s.admin, id, anyDepartment, request, onboarding.DepartmentChange{Heads: &heads})
		return err
	}
}

func (s *stage) owning(id onboarding.GroupID, owners ...onboarding.MemberID) move {
	request := s.request()
	return func(a *side) error {
		_, err := s.structuring(a).ChangeGroup(s.t.Context(), s.admin, id, anyGroup, request, onboarding.GroupChange{Owners: &owners})
		return err
	}
}

// removing removes a department, and wants that to be done.
func (s *stage) removing(id onboarding.DepartmentID) move {
	return func(a *side) error {
		r, err := s.structuring(a).RemoveDepartment(s.t.Context(), s.admin, id, anyDepartment)
		if err == nil && !r.Done {
			err = errors.New("not done")
		}
		return err
	}
}

// alone makes a move that races with nobody.
func (s *stage) alone(do move) error {
	a := &side{Table: s.store, done: make(chan struct{})}
	a.arrive.Do(func() {})
	return do(a)
}

// refusedWith checks that one of two got nil, and the other this fault of a field.
func refusedWith(first, second error, want string) error {
	if first != nil {
		first, second = second, first
	}
	if first != nil || fieldOf(second) != want {
		return fmt.Errorf("want one that wins, and for the other %q", want)
	}
	return nil
}

func TestTwoMovesAtOnceMakeNoCycle(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		a, b := s.department("a "+address, onboarding.DepartmentID{}), s.department("b "+address, onboarding.DepartmentID{})
		below := s.department("below b "+address, b.ID)
		return s.moving(a.ID, below.ID), s.moving(b.ID, a.ID), func(first, second error) error {
			return errors.Join(refusedWith(first, second, "/parent_id cycle"), s.tidy())
		}
	})
}

func TestTwoMovesAtOnceAreNotTooDeep(t *testing.T) {
	s := newStage(t)
	chain := func(name string, n int) (top, bottom onboarding.DepartmentID) {
		for i := range n {
			bottom = s.department(fmt.Sprintf("%s %d", name, i), bottom).ID
			if i == 0 {
				top = bottom
			}
		}
		return top, bottom
	}
	_, anchor := chain("anchor", 17)
	race(s, func(address string) (move, move, func(error, error) error) {
		a, end := chain("a "+address, 1)
		b, _ := chain("b "+address, 2)
		return s.moving(a, anchor), s.moving(b, end), func(first, second error) error {
			return errors.Join(refusedWith(first, second, "/parent_id too_deep"), s.tidy())
		}
	})
}

func TestTwoDepartmentsMadeAtOnceHaveTwoNames(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		return s.creating(address, onboarding.DepartmentID{}), s.creating(address, onboarding.DepartmentID{}), func(first, second error) error {
			return errors.Join(refusedWith(first, second, "/name duplicate"), s.tidy())
		}
	})
}

func TestTwoGroupsMadeAtOnceHaveTwoNames(t *testing.T) {
	s := newStage(t)
	creating := func(name string) move {
		request := s.request()
		return func(a *side) error {
			_, err := s.structuring(a).CreateGroup(s.t.Context(), s.admin, onboarding.GroupChange{Name: &name}, request)
			return err
		}
	}
	race(s, func(address string) (move, move, func(error, error) error) {
		return creating(address), creating(address), func(first, second error) error {
			return refusedWith(first, second, "/name duplicate")
		}
	})
}

func TestMovedBelowADepartmentThatIsRemovedIsNotLost(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		parent := s.department("above "+address, onboarding.DepartmentID{})
		d, moved := s.department("gone "+address, parent.ID), s.department("moved "+address, onboarding.DepartmentID{})
		return s.moving(moved.ID, d.ID), s.removing(d.ID), func(move, removed error) error {
			structure, err := s.store.ReadStructure(t.Context(), acme)
			want := parent.ID
			if move != nil {
				want, move = onboarding.DepartmentID{}, equal("moving", fieldOf(move), "/parent_id unknown")
			}
			return errors.Join(err, move, removed, s.tidy(), equal("lies below", structure.Departments[moved.ID].Parent, want))
		}
	})
}

func TestALeaderWhoLeavesAtOnceLeadsNothing(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		d := s.department(address, onboarding.DepartmentID{})
		id := s.crowd(1, in(d.ID))[0].ID
		return s.heading(d.ID, id), s.dismissing(s.admin, id), func(headed, dismissed error) error {
			structure, err := s.store.ReadStructure(t.Context(), acme)
			if headed != nil {
				headed = equal("heading", fieldOf(headed), "/head_ids/0 not_there")
			}
			return errors.Join(err, headed, dismissed, s.tidy(), equal("heads", len(structure.Departments[d.ID].Heads), 0))
		}
	})
}

func TestAGuestOwnsNoGroup(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		g := s.group(address, true)
		id := s.crowd(1, onboarding.Placement{Departments: []onboarding.DepartmentID{{}}, Groups: []onboarding.GroupID{g.ID}})[0].ID
		return s.owning(g.ID, id), s.converting(s.admin, id, g.ID), func(owned, converted error) error {
			structure, err := s.store.ReadStructure(t.Context(), acme)
			if owned != nil {
				owned = equal("owning", fieldOf(owned), "/owner_ids/0 not_there")
			}
			return errors.Join(err, owned, converted, s.tidy(), equal("owners", len(structure.Groups[g.ID].Owners), 0))
		}
	})
}

// people are the names of who stands in a department.
func (s *stage) people(d onboarding.DepartmentID) (names []string) {
	s.t.Helper()
	all, err := s.store.ReadPlaced(s.t.Context(), acme, in(d), 1000)
	s.ok(err)
	for _, m := range all {
		names = append(names, m.LastName)
	}
	slices.Sort(names)
	return names
}

// diesAt lets n transactions through, and then nothing more.
func diesAt(n int64) fault {
	var seen atomic.Int64
	return func(c call) (*http.Response, bool, error) {
		if c.Operation == "TransactWriteItems" {
			seen.Add(1)
		}
		if seen.Load() < n {
			return nil, false, nil
		}
		return down(c)
	}
}

func TestARemovalThatDiesGoesOnWhenAskedAgain(t *testing.T) {
	for name, dies := range map[string]struct {
		at     int64 // a transaction
		people int
	}{"before it is marked": {1, 5}, "when it is marked": {2, 5}, "when some are moved": {3, 60}, "when most are": {4, 60}} {
		t.Run(name, func(t *testing.T) {
			n, people := dies.at, dies.people
			s := newStage(t)
			parent := s.department("Sales", onboarding.DepartmentID{})
			d := s.department("Field", parent.ID)
			child := s.department("North", d.ID)
			crowd := s.crowd(people-2, in(d.ID))
			s.crowd(1, in(d.ID, parent.ID), func(m *onboarding.Member) { m.LastName = "Both" })
			s.crowd(1, in(child.ID, d.ID), func(m *onboarding.Member) { m.LastName = "Child" })
			s.ok(s.alone(s.heading(d.ID, crowd[2].ID)))
			before := s.people(d.ID)
			store, _ := s.over(diesAt(n))
			died, err := s.structuring(store).RemoveDepartment(t.Context(), s.admin, d.ID, anyDepartment)
			s.refused(err, onboarding.Unavailable)
			s.ok(s.tidy())
			s.want("are still there", len(s.people(d.ID)), people-died.Moved)
			r, err := s.structuring(s.store).RemoveDepartment(t.Context(), s.admin, d.ID, func(onboarding.Department) bool { return n == 1 })
			s.ok(err)
			s.ok(s.tidy())
			structure, err := s.store.ReadStructure(t.Context(), acme)
			s.ok(err)
			_, there := structure.Departments[d.ID]
			s.want("removed", fmt.Sprint(r.Done, there, died.Moved+r.Moved), fmt.Sprint("true false ", people))
			s.want("people of the parent", s.people(parent.ID), before)
			s.want("counted at the parent", structure.Departments[parent.ID].Members, people)
			s.want("the child's parent", structure.Departments[child.ID].Parent, parent.ID)
			s.want("heads of the parent", len(structure.Departments[parent.ID].Heads), 0)
			_, err = s.structuring(s.store).RemoveDepartment(t.Context(), s.admin, d.ID, anyDepartment)
			s.refused(err, onboarding.NotFound)
		})
	}
}

func TestARemovalThatLosesItsAnswersIsDone(t *testing.T) {
	s := newStage(t)
	d := s.department("Field", onboarding.DepartmentID{})
	s.crowd(30, in(d.ID))
	store, _ := s.over(lost())
	r, err := s.structuring(store).RemoveDepartment(t.Context(), s.admin, d.ID, anyDepartment)
	s.ok(err)
	s.ok(s.tidy())
	s.want("removed", fmt.Sprint(r.Done, r.Moved, len(s.people(d.ID)), len(s.people(onboarding.DepartmentID{}))), "true 30 0 31")
}

// Those who were found in a place may all have left it, and others stand there still.
func TestAPlaceIsNotRemovedUnderPeople(t *testing.T) {
	s := newStage(t)
	d := s.department("Field", onboarding.DepartmentID{})
	s.crowd(10, in(d.ID))
	r, err := s.structuring(&blind{StructureStore: s.store}).RemoveDepartment(t.Context(), s.admin, d.ID, anyDepartment)
	s.ok(err)
	s.ok(s.tidy())
	s.want("removed", fmt.Sprint(r.Done, r.Moved), "true 10")
}

// blind is a store that sees nobody in a place the first time.
type blind struct {
	onboarding.StructureStore
	seen bool
}

func (b *blind) ReadPlaced(ctx context.Context, org onboarding.OrganizationID, place onboarding.Placement, limit int) ([]onboarding.Member, error) {
	if !b.seen {
		b.seen = true
		return nil, nil
	}
	return b.StructureStore.ReadPlaced(ctx, org, place, limit)
}

func TestADepartmentRemovedTwiceAtOnceIsRemovedOnce(t *testing.T) {
	for gate, passes := range map[string][]string{"to be marked": nil, "marked": {"CloseDepartment"}} {
		t.Run(gate, func(t *testing.T) {
			s := newStage(t)
			race(s, func(address string) (move, move, func(error, error) error) {
				d := s.department(address, onboarding.DepartmentID{})
				s.crowd(6, in(d.ID))
				root := len(s.people(onboarding.DepartmentID{}))
				return s.removing(d.ID), s.removing(d.ID), func(first, second error) error {
					for _, err := range []error{first, second} {
						if err != nil && codeOf(err) != onboarding.NotFound {
							return fmt.Errorf("removing: %w", err)
						}
					}
					return errors.Join(s.tidy(), equal("the department", s.item("DEPARTMENT#"+d.ID.Key()) == nil, true),
						equal("came to the root", len(s.people(onboarding.DepartmentID{}))-root, 6))
				}
			}, passes...)
		})
	}
}

// removed asks for a removal again, which finds what is left to do, if anything is.
func (s *stage) removed(id onboarding.DepartmentID) error {
	_, err := s.structuring(s.store).RemoveDepartment(s.t.Context(), s.admin, id, anyDepartment)
	if codeOf(err) == onboarding.NotFound {
		return nil
	}
	return err
}

func TestADepartmentAndItsParentRemovedAtOnceLeaveThePeopleAbove(t *testing.T) {
	for gate, passes := range map[string][]string{"to be marked": nil, "marked": {"CloseDepartment"}} {
		t.Run(gate, func(t *testing.T) {
			s := newStage(t)
			race(s, func(address string) (move, move, func(error, error) error) {
				top := s.department("top "+address, onboarding.DepartmentID{})
				parent := s.department("parent "+address, top.ID)
				child := s.department("child "+address, parent.ID)
				s.crowd(3, in(parent.ID))
				s.crowd(3, in(child.ID))
				return s.removing(parent.ID), s.removing(child.ID), func(first, second error) error {
					for _, err := range []error{first, second} {
						if err != nil && codeOf(err) != onboarding.Unavailable {
							return fmt.Errorf("removing: %w", err)
						}
					}
					return errors.Join(s.removed(parent.ID), s.removed(child.ID), s.tidy(), equal("stand at the top", len(s.people(top.ID)), 6))
				}
			}, passes...)
		})
	}
}

func TestMovedOutWhileDismissedStaysDismissed(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		d := s.department(address, onboarding.DepartmentID{})
		id := s.crowd(3, in(d.ID))[1].ID
		return s.dismissing(s.admin, id), s.removing(d.ID), func(dismissed, removed error) error {
			return errors.Join(dismissed, removed, s.tidy(), equal("status", s.member(id).Status, onboarding.MemberDismissed))
		}
	}, "CloseDepartment")
}

// shortPages makes queries that have a limit end after so many items. Before each it does something.
func shortPages(limit int, before func() error) fault {
	return func(c call) (*http.Response, bool, error) {
		var in map[string]any
		if c.Operation != "Query" {
			return nil, false, nil
		}
		if err := json.Unmarshal(c.Body, &in); err != nil || in["Limit"] == nil {
			return nil, err != nil, err
		}
		if err := before(); err != nil {
			return nil, true, err
		}
		in["Limit"] = limit
		body, err := json.Marshal(in)
		if err != nil {
			return nil, true, err
		}
		answer, err := c.Do(body)
		return answer, true, err
	}
}

// What stands in a place is more than one read answers, where many do.
func TestTheLastOfManyInAGroupIsLookedAt(t *testing.T) {
	s := newStage(t)
	g := s.group("Fair", true)
	place := onboarding.Placement{Groups: []onboarding.GroupID{g.ID}}
	s.crowd(9, onboarding.Placement{Departments: []onboarding.DepartmentID{{}}, Groups: place.Groups})
	s.crowd(1, place, func(m *onboarding.Member) { m.Type, m.LastName = onboarding.Guest, "Zuse" })
	store, _ := s.over(shortPages(4, func() error { return nil }))
	_, err := s.structuring(store).RemoveGroup(t.Context(), s.admin, g.ID, anyGroup)
	s.refused(err, onboarding.Conflict)
	s.ok(s.tidy())
	s.want("still there", s.item("GROUP#"+g.ID.Key()) != nil, true)
	structure, err := s.store.ReadStructure(t.Context(), acme)
	s.ok(err)
	s.want("is being removed", structure.Groups[g.ID].Closing, false)
}

// Whoever gets another name while a place is read stands on two pages of it.
func TestAMemberWhoIsRenamedWhileAGroupIsRemovedIsReadOnce(t *testing.T) {
	s := newStage(t)
	g := s.group("Fair", true)
	all := s.crowd(9, onboarding.Placement{Departments: []onboarding.DepartmentID{{}}, Groups: []onboarding.GroupID{g.ID}})
	pages := 0
	store, _ := s.over(shortPages(4, func() error {
		if pages++; pages != 2 {
			return nil
		}
		return s.alone(s.editing(s.admin, all[0].ID, onboarding.MemberChange{LastName: new("Zuse")}))
	}))
	r, err := s.structuring(store).RemoveGroup(t.Context(), s.admin, g.ID, anyGroup)
	s.ok(err)
	s.ok(s.tidy())
	s.want("removed", fmt.Sprint(r.Done, r.Moved), "true 9")
}

// A guest is not left without a group, whoever comes while one is removed.
func TestAGuestWhoComesWhileTheirOnlyGroupIsRemovedKeepsIt(t *testing.T) {
	s := newStage(t)
	race(s, func(address string) (move, move, func(error, error) error) {
		g, other := s.group(address, true), s.group("other "+address, true)
		token := s.invited(address, func(c *onboarding.InviteCommand) {
			c.Type, c.Placement = onboarding.Guest, onboarding.Placement{Groups: []onboarding.GroupID{g.ID}}
		})
		remove := func(a *side) error {
			_, err := s.structuring(a).RemoveGroup(s.t.Context(), s.admin, g.ID, anyGroup)
			return err
		}
		return s.accepting(token), remove, func(accepted, removed error) error {
			m, there := s.who(address)
			if accepted != nil {
				return errors.Join(equal("accepting", codeOf(accepted), onboarding.LinkRevoked), equal("is in", there, false), removed, s.tidy())
			}
			err := errors.Join(equal("their groups", len(m.Placement.Groups), 1), equal("removing", codeOf(removed), onboarding.Conflict))
			_, put := s.managing(s.store).Edit(t.Context(), s.admin, m.ID, anyMember, s.request(),
				onboarding.MemberChange{Groups: &[]onboarding.GroupID{other.ID}})
			return errors.Join(err, put, s.alone(remove), s.tidy())
		}
	})
}
