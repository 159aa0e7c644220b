package onboarding

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	structureAttempts = 6
	moveAttempts      = 8  // at people whom others change too
	peopleAtOnce      = 50 // who are read to be moved
	removalMargin     = 5 * time.Second
	maxChildren       = 80 // that one transaction hangs elsewhere
)

// Structure is the departments and groups of an organization, and the version of them all.
type Structure struct {
	Version     int64
	Departments Tree
	Groups      map[GroupID]Group
}

// StructureStore is what changing departments and groups asks of the table.
type StructureStore interface {
	PlaceReader
	// ReadStructure reads the version before what it is the version of: what is read is never older.
	ReadStructure(ctx context.Context, org OrganizationID) (Structure, error)
	// WriteDepartment writes a department over the one that was seen, which is of version 0 where there is none, and raises the
	// structure's version. It holds only if that is still structure, and its heads stand there; else ErrConflict. How many stand
	// there is left alone.
	WriteDepartment(ctx context.Context, org OrganizationID, d, seen Department, structure int64) error
	// CloseDepartment marks a department as being removed, and hangs children under its parent, in one transaction; else
	// ErrConflict.
	CloseDepartment(ctx context.Context, org OrganizationID, d Department, children []Department, structure int64) error
	// WriteGroup is as WriteDepartment.
	WriteGroup(ctx context.Context, org OrganizationID, g, seen Group, structure int64) error
	// CloseGroup marks a group as being removed; else ErrConflict.
	CloseGroup(ctx context.Context, org OrganizationID, g Group, structure int64) error
	// ReadPlaced answers some of those who stand in the one place of a placement, at most limit, as they are.
	ReadPlaced(ctx context.Context, org OrganizationID, place Placement, limit int) ([]Member, error)
	// MoveMembers writes members after a change of their placement over those before, as many from the front as one transaction
	// takes, and answers how many; else ErrConflict, or ErrPlaceGone where they come to a place that has gone.
	MoveMembers(ctx context.Context, before, after []Member) (int, error)
	// RemovePlace removes the one place of a placement, if it is being removed and nobody stands there; else ErrConflict.
	RemovePlace(ctx context.Context, org OrganizationID, place Placement) error
	// ReadMember returns ErrNotFound if there is none.
	ReadMember(ctx context.Context, org OrganizationID, id MemberID) (Member, error)
}

// Structuring is the use case: the company structure, and groups.
type Structuring struct {
	World World
	Store StructureStore
}

// DepartmentChange is what is to be different about a department. What is nil stays.
type DepartmentChange struct {
	Name   *string
	Parent *DepartmentID
	Heads  *[]MemberID
}

// GroupChange is what is to be different about a group. What is nil stays.
type GroupChange struct {
	Name         *string
	Kind         *GroupKind
	AllowsGuests *bool
	Owners       *[]MemberID
}

// Removal is how far the removal of a place has come. One that is not done goes on when it is asked for again.
type Removal struct {
	Moved int
	Done  bool
}

func (c Caller) mayStructure() error {
	if !c.Rights().Manage {
		return Refuse(Forbidden, "Only administrators change departments and groups.")
	}
	return nil
}

func errNoDepartment() *Error { return Refuse(NotFound, "There is no such department.") }

func errNoGroup() *Error { return Refuse(NotFound, "There is no such group.") }

// CreateDepartment makes a department. Its id comes from the request's, so that a repeated request finds what it made.
func (u Structuring) CreateDepartment(ctx context.Context, caller Caller, c DepartmentChange, requestID string) (Department, error) {
	if c.Name == nil || *c.Name == "" {
		return Department{}, InvalidField("/name", "required", "This is required.")
	}
	id, err := ParseDepartmentKey(requestID)
	if err != nil {
		return Department{}, err
	}
	return u.changeDepartment(ctx, caller, requestID, func(s Structure) (d, seen Department, err error) {
		if there, ok := s.Departments[id]; ok {
			return there, there, errUnchanged
		}
		if len(s.Departments) >= MaxDepartments {
			return d, seen, Refuse(LimitReached, fmt.Sprintf("An organization has at most %d departments.", MaxDepartments))
		}
		d = Department{ID: id, CreatedAt: u.World.Instant()}
		return d, Department{ID: id}, u.applyDepartment(ctx, caller, &d, c, s)
	})
}

// ChangeDepartment renames or moves a department, or gives it other heads.
func (u Structuring) ChangeDepartment(ctx context.Context, caller Caller, id DepartmentID, match func(Department) bool, requestID string,
	c DepartmentChange) (Department, error) {
	return u.changeDepartment(ctx, caller, requestID, func(s Structure) (d, seen Department, err error) {
		seen, ok := s.Departments[id]
		switch {
		case !ok:
			return d, seen, errNoDepartment()
		case requestID != "" && seen.RequestID == requestID:
			return seen, seen, errUnchanged
		case !match(seen):
			return d, seen, Refuse(VersionMismatch, "The department has changed since you read it.")
		case seen.Closing:
			return d, seen, Refuse(Conflict, "This department is being removed.")
		}
		d = seen
		if d.CreatedAt.IsZero() {
			d.CreatedAt = u.World.Instant()
		}
		return d, seen, u.applyDepartment(ctx, caller, &d, c, s)
	})
}

// changeDepartment reads the structure, decides and writes under its version, and begins again where somebody was faster.
func (u Structuring) changeDepartment(ctx context.Context, caller Caller, requestID string,
	decide func(Structure) (d, seen Department, err error)) (Department, error) {
	if err := caller.mayStructure(); err != nil {
		return Department{}, err
	}
	org := caller.Organization.ID
	for range structureAttempts {
		s, err := u.Store.ReadStructure(ctx, org)
		if err != nil {
			return Department{}, err
		}
		d, seen, err := decide(s)
		if errors.Is(err, errUnchanged) {
			return d, nil
		}
		if err != nil {
			return Department{}, err
		}
		d.UpdatedAt, d.RequestID, d.Version = u.World.Instant(), requestID, seen.Version+1
		if err = u.Store.WriteDepartment(ctx, org, d, seen, s.Version); !errors.Is(err, ErrConflict) {
			return d, err
		}
	}
	return Department{}, errBusy()
}

// applyDepartment changes a department to what the change says, or tells every fault in it.
func (u Structuring) applyDepartment(ctx context.Context, caller Caller, d *Department, c DepartmentChange, s Structure) error {
	if c.Name != nil {
		d.Name = *c.Name
	}
	if d.Name == "" && !d.ID.IsRoot() {
		return InvalidField("/name", "required", "This is required.")
	}
	if c.Parent != nil {
		if d.ID.IsRoot() {
			return InvalidField("/parent_id", "not_applicable", "The root department lies below no other.")
		}
		d.Parent = *c.Parent
	}
	if err := checkPlaceInTree(*d, s.Departments); err != nil {
		return err
	}
	if c.Heads == nil {
		return nil
	}
	d.Heads = *c.Heads
	return u.checkLeaders(ctx, caller, "/head_ids", d.Heads, func(m Member) bool { return slices.Contains(m.Placement.Departments, d.ID) })
}

// checkPlaceInTree holds a department against the others: no cycle, not too deep, and no two beside each other of one name.
func checkPlaceInTree(d Department, tree Tree) error {
	if d.ID.IsRoot() {
		return nil
	}
	parent, ok := tree[d.Parent]
	if !ok || parent.Closing {
		return InvalidField("/parent_id", "unknown", "There is no such department.")
	}
	above := tree.Above(d.Parent)
	if slices.Contains(above, d.ID) {
		return InvalidField("/parent_id", "cycle", "A department cannot lie below itself.")
	}
	if len(above)+tree.height(d.ID) > MaxDepth {
		return InvalidField("/parent_id", "too_deep", fmt.Sprintf("Departments lie at most %d deep.", MaxDepth))
	}
	for id, other := range tree {
		if id != d.ID && !id.IsRoot() && other.Parent == d.Parent && fold(other.Name) == fold(d.Name) {
			return InvalidField("/name", "duplicate", "There is a department of this name beside it.")
		}
	}
	return nil
}

// height is how many departments lie on the longest way down from a department, itself counted; 1 for one that is not there.
func (t Tree) height(id DepartmentID) int {
	highest := 1
	for below := range t {
		if at := slices.Index(t.Above(below), id); at >= 0 {
			highest = max(highest, at+1)
		}
	}
	return highest
}

// checkLeaders holds those who are to lead a place: they stand there already, and are no guests.
func (u Structuring) checkLeaders(ctx context.Context, caller Caller, pointer string, ids []MemberID, stands func(Member) bool) error {
	if len(ids) > MaxLeaders {
		return InvalidField(pointer, "too_many", fmt.Sprintf("This takes at most %d people.", MaxLeaders))
	}
	for i, id := range ids {
		at := fmt.Sprintf("%s/%d", pointer, i)
		if slices.Contains(ids[:i], id) {
			return InvalidField(at, "duplicate", "They stand here before.")
		}
		m, err := u.Store.ReadMember(ctx, caller.Organization.ID, id)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err != nil || !m.Status.Placed() || m.Type == Guest || !stands(m) {
			return InvalidField(at, "not_there", "Only who stands there already can lead, and no guest.")
		}
	}
	return nil
}

// CreateGroup makes a group. Its id comes from the request's, so that a repeated request finds what it made.
func (u Structuring) CreateGroup(ctx context.Context, caller Caller, c GroupChange, requestID string) (Group, error) {
	if c.Name == nil || *c.Name == "" {
		return Group{}, InvalidField("/name", "required", "This is required.")
	}
	id, err := ParseGroupKey(requestID)
	if err != nil {
		return Group{}, err
	}
	return u.changeGroup(ctx, caller, requestID, func(s Structure) (g, seen Group, err error) {
		if there, ok := s.Groups[id]; ok {
			return there, there, errUnchanged
		}
		if len(s.Groups) >= MaxGroups {
			return g, seen, Refuse(LimitReached, fmt.Sprintf("An organization has at most %d groups.", MaxGroups))
		}
		g = Group{ID: id, Kind: Workgroup, CreatedAt: u.World.Instant()}
		return g, Group{ID: id}, u.applyGroup(ctx, caller, &g, c, s)
	})
}

// ChangeGroup changes a group.
func (u Structuring) ChangeGroup(ctx context.Context, caller Caller, id GroupID, match func(Group) bool, requestID string, c GroupChange) (Group, error) {
	return u.changeGroup(ctx, caller, requestID, func(s Structure) (g, seen Group, err error) {
		seen, ok := s.Groups[id]
		switch {
		case !ok:
			return g, seen, errNoGroup()
		case requestID != "" && seen.RequestID == requestID:
			return seen, seen, errUnchanged
		case !match(seen):
			return g, seen, Refuse(VersionMismatch, "The group has changed since you read it.")
		case seen.Closing:
			return g, seen, Refuse(Conflict, "This group is being removed.")
		}
		g = seen
		return g, seen, u.applyGroup(ctx, caller, &g, c, s)
	})
}

func (u Structuring) changeGroup(ctx context.Context, caller Caller, requestID string, decide func(Structure) (g, seen Group, err error)) (Group, error) {
	if err := caller.mayStructure(); err != nil {
		return Group{}, err
	}
	org := caller.Organization.ID
	for range structureAttempts {
		s, err := u.Store.ReadStructure(ctx, org)
		if err != nil {
			return Group{}, err
		}
		g, seen, err := decide(s)
		if errors.Is(err, errUnchanged) {
			return g, nil
		}
		if err != nil {
			return Group{}, err
		}
		g.UpdatedAt, g.RequestID, g.Version = u.World.Instant(), requestID, seen.Version+1
		if err = u.Store.WriteGroup(ctx, org, g, seen, s.Version); !errors.Is(err, ErrConflict) {
			return g, err
		}
	}
	return Group{}, errBusy()
}

func (u Structuring) applyGroup(ctx context.Context, caller Caller, g *Group, c GroupChange, s Structure) error {
	if c.Name != nil {
		g.Name = *c.Name
	}
	if g.Name == "" {
		return InvalidField("/name", "required", "This is required.")
	}
	for id, other := range s.Groups {
		if id != g.ID && fold(other.Name) == fold(g.Name) {
			return InvalidField("/name", "duplicate", "There is a group of this name.")
		}
	}
	if c.Kind != nil {
		g.Kind = *c.Kind
	}
	if c.AllowsGuests != nil {
		// Guests who stand there stay: it is said of whoever comes.
		g.AllowsGuests = *c.AllowsGuests
	}
	if c.Owners == nil {
		return nil
	}
	g.Owners = *c.Owners
	return u.checkLeaders(ctx, caller, "/owner_ids", g.Owners, func(m Member) bool { return slices.Contains(m.Placement.Groups, g.ID) })
}

// RemoveDepartment removes a department. Who stands there, and what lies below it, comes to its parent.
func (u Structuring) RemoveDepartment(ctx context.Context, caller Caller, id DepartmentID, match func(Department) bool) (Removal, error) {
	if err := caller.mayStructure(); err != nil {
		return Removal{}, err
	}
	if id.IsRoot() {
		return Removal{}, Refuse(Conflict, "The root department stays.")
	}
	org := caller.Organization.ID
	for range structureAttempts {
		s, err := u.Store.ReadStructure(ctx, org)
		if err != nil {
			return Removal{}, err
		}
		d, ok := s.Departments[id]
		if !ok {
			return Removal{}, errNoDepartment()
		}
		if d.Closing {
			return u.moveOut(ctx, org, Placement{Departments: []DepartmentID{id}}, d.Parent)
		}
		if !match(d) {
			return Removal{}, Refuse(VersionMismatch, "The department has changed since you read it.")
		}
		children, err := adopted(d, s.Departments)
		if err != nil {
			return Removal{}, err
		}
		err = u.Store.CloseDepartment(ctx, org, d, children, s.Version)
		if err == nil {
			return u.moveOut(ctx, org, Placement{Departments: []DepartmentID{id}}, d.Parent)
		}
		if !errors.Is(err, ErrConflict) {
			return Removal{}, err
		}
	}
	return Removal{}, errBusy()
}

// adopted are the departments right below one that is removed, with its parent for theirs. One whose name stands there
// already is a fault that somebody has to put right first.
func adopted(d Department, tree Tree) (children []Department, err error) {
	names := map[string]bool{}
	for _, other := range tree {
		if other.Parent == d.Parent && other.ID != d.ID && !other.ID.IsRoot() {
			names[fold(other.Name)] = true
		}
	}
	for _, child := range tree {
		if child.Parent != d.ID || child.ID.IsRoot() {
			continue
		}
		if names[fold(child.Name)] {
			return nil, Refuse(Conflict, fmt.Sprintf("There is a department “%s” above already. Rename one of the two first.", child.Name))
		}
		child.Parent = d.Parent
		children = append(children, child)
	}
	if len(children) > maxChildren {
		return nil, Refuse(Conflict, fmt.Sprintf("More than %d departments lie right below this one. Move some first.", maxChildren))
	}
	return children, nil
}

// RemoveGroup removes a group. Guests who stand in no other have to be taken care of first.
func (u Structuring) RemoveGroup(ctx context.Context, caller Caller, id GroupID, match func(Group) bool) (Removal, error) {
	if err := caller.mayStructure(); err != nil {
		return Removal{}, err
	}
	org, place := caller.Organization.ID, Placement{Groups: []GroupID{id}}
	for range structureAttempts {
		s, err := u.Store.ReadStructure(ctx, org)
		if err != nil {
			return Removal{}, err
		}
		g, ok := s.Groups[id]
		if !ok {
			return Removal{}, errNoGroup()
		}
		if g.Closing {
			return u.moveOut(ctx, org, place, DepartmentID{})
		}
		if !match(g) {
			return Removal{}, Refuse(VersionMismatch, "The group has changed since you read it.")
		}
		if err := u.holdsNoLoneGuest(ctx, org, place, g.Members); err != nil {
			return Removal{}, err
		}
		err = u.Store.CloseGroup(ctx, org, g, s.Version)
		if err == nil {
			return u.moveOut(ctx, org, place, DepartmentID{})
		}
		if !errors.Is(err, ErrConflict) {
			return Removal{}, err
		}
	}
	return Removal{}, errBusy()
}

// holdsNoLoneGuest refuses to take the only group from guests, before the group is marked.
func (u Structuring) holdsNoLoneGuest(ctx context.Context, org OrganizationID, place Placement, members int) error {
	there, err := u.Store.ReadPlaced(ctx, org, place, members+peopleAtOnce)
	if err != nil {
		return err
	}
	return refuseLoneGuests(there)
}

// refuseLoneGuests refuses where there are guests who stand in one group alone: without it, they would see nobody any more.
func refuseLoneGuests(there []Member) error {
	lone := 0
	for _, m := range there {
		if m.Type == Guest && len(m.Placement.Groups) == 1 {
			lone++
		}
	}
	if lone > 0 {
		return Refuse(Conflict, fmt.Sprintf("%d guests stand in no other group. Put them into another one, or dismiss them, first.", lone))
	}
	return nil
}

// moveOut moves everybody out of a place that is being removed: out of a department to its parent. It goes on until the
// place is empty, and then removes it, or until there is little time left, or a guest would be left without a group.
func (u Structuring) moveOut(ctx context.Context, org OrganizationID, place Placement, parent DepartmentID) (r Removal, err error) {
	for tries := 0; tries < moveAttempts; {
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < removalMargin {
			return r, nil
		}
		before, err := u.Store.ReadPlaced(ctx, org, place, peopleAtOnce)
		if err != nil {
			return r, err
		}
		if len(before) == 0 {
			err = u.Store.RemovePlace(ctx, org, place)
			if errors.Is(err, ErrConflict) { // somebody is just being moved by another request
				tries++
				continue
			}
			r.Done = err == nil
			return r, err
		}
		if len(place.Groups) > 0 { // one may have come before the group was marked, or left their other one since
			if err := refuseLoneGuests(before); err != nil {
				return r, err
			}
		}
		n, err := u.moveSome(ctx, before, place, parent)
		switch r.Moved += n; {
		case errors.Is(err, ErrConflict), errors.Is(err, ErrPlaceGone):
			tries++
		case err != nil:
			return r, err
		default:
			tries = 0
		}
	}
	return r, errBusy()
}

func (u Structuring) moveSome(ctx context.Context, before []Member, place Placement, parent DepartmentID) (int, error) {
	after := make([]Member, len(before))
	for i, m := range before {
		m.Placement = m.Placement.without(place)
		if len(place.Departments) > 0 && !slices.Contains(m.Placement.Departments, parent) {
			m.Placement.Departments = append(m.Placement.Departments, parent)
		}
		m.UpdatedAt, m.Version = u.World.Instant(), m.Version+1
		after[i] = m
	}
	return u.Store.MoveMembers(ctx, before, after)
}

// without is the placement without the places of another.
func (p Placement) without(other Placement) Placement {
	return Placement{
		Departments: slices.DeleteFunc(slices.Clone(p.Departments), func(id DepartmentID) bool { return slices.Contains(other.Departments, id) }),
		Groups:      slices.DeleteFunc(slices.Clone(p.Groups), func(id GroupID) bool { return slices.Contains(other.Groups, id) }),
	}
}
