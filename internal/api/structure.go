package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"latchkey/internal/onboarding"
)

type departmentJSON struct {
	ID             string   `json:"id"`
	OrganizationID string   `json:"organization_id"`
	Name           string   `json:"name"`
	ParentID       *string  `json:"parent_id"`
	HeadIDs        []string `json:"head_ids"`
	MemberCount    int      `json:"member_count"`
	Closing        bool     `json:"closing"`
	CreatedAt      *string  `json:"created_at"`
	UpdatedAt      *string  `json:"updated_at"`
	Version        int64    `json:"version"`
}

// toDepartment shows a department. The root is called as the organization is, until it gets a name.
func toDepartment(o onboarding.Organization, d onboarding.Department) departmentJSON {
	shown := departmentJSON{ID: d.ID.String(), OrganizationID: string(o.ID), Name: cmp.Or(d.Name, o.Name), HeadIDs: toMemberIDs(d.Heads),
		MemberCount: d.Members, Closing: d.Closing, CreatedAt: timeOrNull(d.CreatedAt), UpdatedAt: timeOrNull(d.UpdatedAt), Version: d.Version}
	if !d.ID.IsRoot() {
		shown.ParentID = orNull(d.Parent.String())
	}
	return shown
}

type groupJSON struct {
	ID             string   `json:"id"`
	OrganizationID string   `json:"organization_id"`
	Name           string   `json:"name"`
	Kind           string   `json:"kind"`
	AllowsGuests   bool     `json:"allows_guests"`
	OwnerIDs       []string `json:"owner_ids"`
	MemberCount    int      `json:"member_count"`
	Closing        bool     `json:"closing"`
	CreatedAt      string   `json:"created_at"`
	UpdatedAt      string   `json:"updated_at"`
	Version        int64    `json:"version"`
}

func toGroup(org onboarding.OrganizationID, g onboarding.Group) groupJSON {
	return groupJSON{ID: g.ID.String(), OrganizationID: string(org), Name: g.Name, Kind: string(g.Kind), AllowsGuests: g.AllowsGuests,
		OwnerIDs: toMemberIDs(g.Owners), MemberCount: g.Members, Closing: g.Closing, CreatedAt: onboarding.FormatTime(g.CreatedAt),
		UpdatedAt: onboarding.FormatTime(g.UpdatedAt), Version: g.Version}
}

func toMemberIDs(ids []onboarding.MemberID) []string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return texts
}

// departmentTag and groupTag are entity tags. How many stand there and who leads changes without a new version.
func departmentTag(d onboarding.Department) string {
	return fmt.Sprintf(`"v%d-%d-%d"`, d.Version, d.Members, len(d.Heads))
}

func groupTag(g onboarding.Group) string {
	return fmt.Sprintf(`"v%d-%d-%d"`, g.Version, g.Members, len(g.Owners))
}

type departmentRequest struct {
	Name     *string   `json:"name,omitempty"`
	ParentID *string   `json:"parent_id,omitempty"`
	HeadIDs  *[]string `json:"head_ids,omitempty"`
}

func readDepartment(r *http.Request) (asked any, c onboarding.DepartmentChange, err error) {
	var b departmentRequest
	if err := readJSON(r, &b); err != nil {
		return b, c, err
	}
	if c.Name, err = placeName(b.Name); err != nil {
		return b, c, err
	}
	if b.ParentID != nil {
		parent, err := onboarding.ParseDepartmentID(*b.ParentID)
		if err != nil {
			return b, c, onboarding.InvalidField("/parent_id", "unknown", "There is no such department.")
		}
		c.Parent = &parent
	}
	c.Heads, err = leaders("/head_ids", b.HeadIDs)
	return b, c, err
}

type groupRequest struct {
	Name         *string   `json:"name,omitempty"`
	Kind         *string   `json:"kind,omitempty"`
	AllowsGuests *bool     `json:"allows_guests,omitempty"`
	OwnerIDs     *[]string `json:"owner_ids,omitempty"`
}

func readGroup(r *http.Request) (asked any, c onboarding.GroupChange, err error) {
	var b groupRequest
	if err := readJSON(r, &b); err != nil {
		return b, c, err
	}
	if c.Name, err = placeName(b.Name); err != nil {
		return b, c, err
	}
	if b.Kind != nil {
		kind, ok := onboarding.ParseGroupKind(*b.Kind)
		if !ok {
			return b, c, onboarding.InvalidField("/kind", "unknown", "This is workgroup or project.")
		}
		c.Kind = &kind
	}
	c.AllowsGuests = b.AllowsGuests
	c.Owners, err = leaders("/owner_ids", b.OwnerIDs)
	return b, c, err
}

// placeName reads the name of a department or group, if there is one.
func placeName(text *string) (*string, error) {
	if text == nil {
		return nil, nil
	}
	name, err := onboarding.ParseName(*text)
	switch {
	case err != nil:
		return nil, onboarding.InvalidValue("/name", err)
	case name == "":
		return nil, onboarding.InvalidField("/name", "required", "This is required.")
	}
	return &name, nil
}

func leaders(pointer string, texts *[]string) (*[]onboarding.MemberID, error) {
	if texts == nil {
		return nil, nil
	}
	ids := make([]onboarding.MemberID, len(*texts))
	for i, text := range *texts {
		id, err := onboarding.ParseMemberID(text)
		if err != nil {
			return nil, onboarding.InvalidField(fmt.Sprintf("%s/%d", pointer, i), "not_there", "Only who stands there already can lead, and no guest.")
		}
		ids[i] = id
	}
	return &ids, nil
}

type removalJSON struct {
	Moved int  `json:"moved"`
	Done  bool `json:"done"`
}

func pathDepartment(r *http.Request) (onboarding.DepartmentID, error) {
	id, err := onboarding.ParseDepartmentID(r.PathValue("id"))
	if err != nil {
		return id, errNoDepartment()
	}
	return id, nil
}

func pathGroup(r *http.Request) (onboarding.GroupID, error) {
	id, err := onboarding.ParseGroupID(r.PathValue("id"))
	if err != nil {
		return id, errNoGroup()
	}
	return id, nil
}

func errNoDepartment() error {
	return onboarding.Refuse(onboarding.NotFound, "There is no such department.")
}

func errNoGroup() error { return onboarding.Refuse(onboarding.NotFound, "There is no such group.") }

// placing serves what changes one kind of place, departments or groups.
type placing[ID, T, C any] struct {
	changing[ID, T]
	read   func(*http.Request) (asked any, c C, err error)
	create func(ctx context.Context, caller onboarding.Caller, c C, requestID string) (T, error)
	edit   func(ctx context.Context, caller onboarding.Caller, id ID, match func(T) bool, requestID string, c C) (T, error)
	remove func(ctx context.Context, caller onboarding.Caller, id ID, match func(T) bool) (onboarding.Removal, error)
}

func mountStructure(m *Mux, g gate, once repeatable, u onboarding.Structuring) {
	placing[onboarding.DepartmentID, onboarding.Department, onboarding.DepartmentChange]{
		changing[onboarding.DepartmentID, onboarding.Department]{g, once, pathDepartment,
			func(d onboarding.Department, _ time.Time) string { return departmentTag(d) },
			func(c onboarding.Caller, d onboarding.Department, _ time.Time) any {
				return toDepartment(c.Organization, d)
			}},
		readDepartment, u.CreateDepartment, u.ChangeDepartment, u.RemoveDepartment,
	}.mount(m, "departments")
	placing[onboarding.GroupID, onboarding.Group, onboarding.GroupChange]{
		changing[onboarding.GroupID, onboarding.Group]{g, once, pathGroup,
			func(g onboarding.Group, _ time.Time) string { return groupTag(g) },
			func(c onboarding.Caller, g onboarding.Group, _ time.Time) any { return toGroup(c.Organization.ID, g) }},
		readGroup, u.CreateGroup, u.ChangeGroup, u.RemoveGroup,
	}.mount(m, "groups")
}

func (s placing[ID, T, C]) mount(m *Mux, name string) {
	m.handle("POST /v1/organizations/{org}/"+name, s.creation)
	m.handle("PATCH /v1/organizations/{org}/"+name+"/{id}", s.change(s.edition))
	m.handle("DELETE /v1/organizations/{org}/"+name+"/{id}", s.removal)
}

func (s placing[ID, T, C]) creation(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	asked, c, err := s.read(r)
	if err != nil {
		return err
	}
	return s.run(w, r, caller, asked, func(requestID string, _ bool) (outcome, error) {
		place, err := s.create(r.Context(), caller, c, requestID)
		return s.outcome(caller, place, s.now()), err
	})
}

func (s placing[ID, T, C]) edition(r *http.Request) (any, act[ID, T], error) {
	asked, c, err := s.read(r)
	return asked, func(ctx context.Context, caller onboarding.Caller, id ID, match func(T) bool, requestID string) (T, error) {
		return s.edit(ctx, caller, id, match, requestID, c)
	}, err
}

func (s placing[ID, T, C]) removal(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	id, err := s.id(r)
	if err != nil {
		return err
	}
	tags, err := ifMatch(r)
	if err != nil {
		return err
	}
	now := s.now()
	removal, err := s.remove(r.Context(), caller, id, func(place T) bool { return tags.matches(s.tag(place, now)) })
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, removalJSON(removal))
}

// StructureReader reads departments and groups for browse.
type StructureReader interface {
	onboarding.PlaceReader
	ReadGroups(ctx context.Context, org onboarding.OrganizationID) ([]onboarding.Group, error)
}

type treeJSON struct {
	Items []departmentJSON `json:"items"`
}

// departments answers the whole tree: the root, and behind each department what lies below it, by name.
func (s *browsing) departments(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.structureCaller(r)
	if err != nil {
		return err
	}
	all, err := s.store.ReadDepartments(r.Context(), caller.Organization.ID)
	if err != nil {
		return err
	}
	tree := treeJSON{Items: []departmentJSON{}}
	for _, d := range onboarding.NewTree(all).Ordered() {
		tree.Items = append(tree.Items, toDepartment(caller.Organization, d))
	}
	return writeJSON(w, http.StatusOK, tree)
}

func (s *browsing) structureCaller(r *http.Request) (onboarding.Caller, error) {
	caller, err := s.caller(r)
	if err == nil && !caller.Rights().SeeStructure {
		err = onboarding.Refuse(onboarding.Forbidden, "Guests see no departments and no partners.")
	}
	return caller, err
}

func (s *browsing) department(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.structureCaller(r)
	if err != nil {
		return err
	}
	id, err := pathDepartment(r)
	if err != nil {
		return err
	}
	found, err := s.store.ReadPlaces(r.Context(), caller.Organization.ID, onboarding.Placement{Departments: []onboarding.DepartmentID{id}})
	if err != nil {
		return err
	}
	d, ok := found.Departments[id]
	if !ok {
		return errNoDepartment()
	}
	return writeTagged(w, r, http.StatusOK, departmentTag(d), toDepartment(caller.Organization, d))
}

// groups answers every group, or a guest's own, in the order in which they were made.
func (s *browsing) groups(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	q, err := readPage(r, caller, "groups", nil)
	if err != nil {
		return err
	}
	all, err := s.store.ReadGroups(r.Context(), caller.Organization.ID)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(g onboarding.Group) bool { return !maySeeGroup(caller, g.ID) || g.ID.String() <= q.after })
	next := ""
	if len(all) > q.limit {
		all = all[:q.limit]
		next = all[q.limit-1].ID.String()
	}
	return writePage(w, q, next, all, func(g onboarding.Group) groupJSON { return toGroup(caller.Organization.ID, g) })
}

func (s *browsing) group(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	id, err := pathGroup(r)
	if err != nil {
		return err
	}
	if !maySeeGroup(caller, id) {
		return errNoGroup()
	}
	found, err := s.store.ReadPlaces(r.Context(), caller.Organization.ID, onboarding.Placement{Groups: []onboarding.GroupID{id}})
	if err != nil {
		return err
	}
	g, ok := found.Groups[id]
	if !ok {
		return errNoGroup()
	}
	return writeTagged(w, r, http.StatusOK, groupTag(g), toGroup(caller.Organization.ID, g))
}

type partnersJSON struct {
	Firm  *firmJSON     `json:"firm"`
	Items []partnerJSON `json:"items"`
	Limit int           `json:"limit"`
}

// partners answers who the active partners are, and of which firm.
func (s *browsing) partners(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.structureCaller(r)
	if err != nil {
		return err
	}
	p, err := s.store.ReadPartners(r.Context(), caller.Organization.ID)
	if err != nil {
		return err
	}
	shown := partnersJSON{Items: toPartners(p.Members), Limit: onboarding.MaxPartners}
	if len(p.Members) > 0 {
		shown.Firm = firmOrNull(p.Firm)
	} else {
		shown.Items = []partnerJSON{}
	}
	return writeJSON(w, http.StatusOK, shown)
}

// maySeeGroup reports whether the caller may see a group: guests only those in which they stand.
func maySeeGroup(caller onboarding.Caller, id onboarding.GroupID) bool {
	return caller.Rights().SeeStructure || slices.Contains(caller.Member.Placement.Groups, id)
}

// placementRequest is where somebody is to stand, in a body that says what is to be different.
type placementRequest struct {
	DepartmentIDs *[]string `json:"department_ids,omitempty"`
	GroupIDs      *[]string `json:"group_ids,omitempty"`
}

// placement reads it. What is not named is nil.
func (b placementRequest) placement(pointer string) (departments *[]onboarding.DepartmentID, groups *[]onboarding.GroupID, err error) {
	if b.DepartmentIDs != nil {
		ids, err := parsePlaces(pointer+"/department_ids", *b.DepartmentIDs, onboarding.ParseDepartmentID)
		if err != nil {
			return nil, nil, err
		}
		departments = &ids
	}
	if b.GroupIDs != nil {
		ids, err := parsePlaces(pointer+"/group_ids", *b.GroupIDs, onboarding.ParseGroupID)
		if err != nil {
			return nil, nil, err
		}
		groups = &ids
	}
	return departments, groups, nil
}

// parsePlacement reads the ids of places that stand in a body. What cannot be an id is a place that there is not.
func parsePlacement(pointer string, departments, groups []string) (p onboarding.Placement, err error) {
	if p.Departments, err = parsePlaces(pointer+"/department_ids", departments, onboarding.ParseDepartmentID); err != nil {
		return p, err
	}
	p.Groups, err = parsePlaces(pointer+"/group_ids", groups, onboarding.ParseGroupID)
	return p, err
}

func parsePlaces[ID comparable](pointer string, texts []string, parse func(string) (ID, error)) (ids []ID, err error) {
	if len(texts) > onboarding.MaxPlaces {
		return nil, onboarding.InvalidField(pointer, "too_many", fmt.Sprintf("Somebody stands in at most %d.", onboarding.MaxPlaces))
	}
	var faults []error
	for i, text := range texts {
		at := fmt.Sprintf("%s/%d", pointer, i)
		id, err := parse(text)
		switch {
		case err != nil:
			faults = append(faults, onboarding.InvalidField(at, "unknown", "There is no such place."))
		case slices.Contains(ids, id):
			faults = append(faults, onboarding.InvalidField(at, "duplicate", "This stands here before."))
		}
		ids = append(ids, id)
	}
	if len(faults) > 0 {
		return nil, firstOf(faults)
	}
	return ids, nil
}

// firstOf is the first fault, with the fields of the others.
func firstOf(faults []error) error {
	var all *onboarding.Error
	for _, fault := range faults {
		var e *onboarding.Error
		if errors.As(fault, &e) && all == nil {
			all = e
		} else if e != nil {
			all.Fields = append(all.Fields, e.Fields...)
		}
	}
	return all
}
