package onboarding

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Places are where people stand: departments, which are a tree, and groups.

const (
	// MaxDepartments is how many departments an organization has; its tree is read as a whole.
	MaxDepartments = 1000
	// MaxDepth is how many departments lie on the way from the root to any one, both counted.
	MaxDepth = 20
	// MaxGroups is how many groups an organization has.
	MaxGroups = 1000
	// MaxLeaders is how many heads a department has, or owners a group.
	MaxLeaders = 10
	// MaxPlaces is in how many departments somebody stands, and in how many groups. Joining writes each of them.
	MaxPlaces = 10
)

// Department is a node of the company structure. The root is there from the start.
type Department struct {
	ID        DepartmentID
	Name      string // of the root: empty while it is called as the organization is
	Parent    DepartmentID
	Heads     []MemberID // who stand there and lead it, and what lies below
	Members   int        // who stand there
	Closing   bool       // it is being removed: nobody comes in any more, and who stands there is moved to Parent
	CreatedAt time.Time
	UpdatedAt time.Time
	RequestID string
	Version   int64 // 0 for the root while nobody has changed it
}

// Group is a workgroup or a project.
type Group struct {
	ID           GroupID
	Name         string
	Kind         GroupKind
	AllowsGuests bool
	Owners       []MemberID // who stand there and lead it
	Members      int        // who stand there
	Closing      bool       // it is being removed
	CreatedAt    time.Time
	UpdatedAt    time.Time
	RequestID    string
	Version      int64
}

// GroupKind is what a group is for.
type GroupKind string

const (
	Workgroup GroupKind = "workgroup"
	Project   GroupKind = "project"
)

// ParseGroupKind accepts one of the two.
func ParseGroupKind(s string) (GroupKind, bool) {
	k := GroupKind(s)
	return k, k == Workgroup || k == Project
}

// Placement is the departments and groups that somebody stands in, or is put into on joining. Each stands in it once.
type Placement struct {
	Departments []DepartmentID
	Groups      []GroupID
}

// IsZero reports whether it names no place.
func (p Placement) IsZero() bool { return len(p.Departments)+len(p.Groups) == 0 }

// Equal reports whether both name the same places in the same order.
func (p Placement) Equal(q Placement) bool {
	return slices.Equal(p.Departments, q.Departments) && slices.Equal(p.Groups, q.Groups)
}

// forType is the placement of somebody of a type who joins: an employee who is put nowhere stands at the root.
func (p Placement) forType(t MemberType) Placement {
	if t == Employee && len(p.Departments) == 0 {
		p.Departments = []DepartmentID{{}}
	}
	return p
}

// Place is one place of a placement as the policy judges it.
type Place struct {
	Group  bool
	Admits bool // guests; groups alone
	Own    bool // whether the actor stands there, or leads it
}

// Places are departments and groups that exist.
type Places struct {
	Departments map[DepartmentID]Department
	Groups      map[GroupID]Group
}

// Of parts a placement into what is there and the ids of what is gone, or is being removed.
func (p Places) Of(all Placement) (there Placement, gone []string) {
	for _, id := range all.Departments {
		if d, ok := p.Departments[id]; ok && !d.Closing {
			there.Departments = append(there.Departments, id)
		} else {
			gone = append(gone, id.String())
		}
	}
	for _, id := range all.Groups {
		if g, ok := p.Groups[id]; ok && !g.Closing {
			there.Groups = append(there.Groups, id)
		} else {
			gone = append(gone, id.String())
		}
	}
	return there, gone
}

// Tree is an organization's departments, the root among them.
type Tree map[DepartmentID]Department

// NewTree adds the root to departments, unless it is among them.
func NewTree(departments []Department) Tree {
	t := Tree{{}: Department{}}
	for _, d := range departments {
		t[d.ID] = d
	}
	return t
}

// Above answers the departments from a department up to the root, itself first. It ends where a parent is missing, and after
// as many steps as there are departments.
func (t Tree) Above(id DepartmentID) (path []DepartmentID) {
	for range len(t) {
		d, ok := t[id]
		if !ok {
			return path
		}
		path = append(path, id)
		if id.IsRoot() {
			return path
		}
		id = d.Parent
	}
	return path
}

// Ordered answers the departments from the root down, what lies below each one behind it, by name.
func (t Tree) Ordered() []Department {
	below := map[DepartmentID][]Department{}
	for id, d := range t {
		if !id.IsRoot() {
			below[d.Parent] = append(below[d.Parent], d)
		}
	}
	var all []Department
	var add func(d Department)
	add = func(d Department) {
		all = append(all, d)
		children := below[d.ID]
		delete(below, d.ID) // whatever stands in the table, nobody is added twice
		slices.SortFunc(children, func(a, b Department) int {
			return cmp.Or(strings.Compare(fold(a.Name), fold(b.Name)), strings.Compare(a.ID.Key(), b.ID.Key()))
		})
		for _, child := range children {
			add(child)
		}
	}
	add(t[DepartmentID{}])
	return all
}

// Leads reports whether somebody is a head of the department, or of one above it.
func (t Tree) Leads(m MemberID, id DepartmentID) bool {
	return slices.ContainsFunc(t.Above(id), func(above DepartmentID) bool { return slices.Contains(t[above].Heads, m) })
}
