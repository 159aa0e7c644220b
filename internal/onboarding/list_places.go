package onboarding

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// byNames finds the departments and groups that a list names. It is read once, where an entry names any.
type byNames struct {
	departments map[string][]DepartmentID
	groups      map[string][]GroupID
	standings   map[string]Standing // by the two names, for lists name the same again and again
}

func (b *batch) readNames(ctx context.Context) error {
	if b.names != nil {
		return nil
	}
	departments, err1 := b.Store.ReadDepartments(ctx, b.caller.Organization.ID)
	groups, err2 := b.Store.ReadGroups(ctx, b.caller.Organization.ID)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	b.names = &byNames{map[string][]DepartmentID{}, map[string][]GroupID{}, map[string]Standing{}}
	for id, d := range NewTree(departments) {
		if d.Name == "" && id.IsRoot() {
			d.Name = b.caller.Organization.Name
		}
		b.names.departments[fold(d.Name)] = append(b.names.departments[fold(d.Name)], id)
	}
	for _, g := range groups {
		b.names.groups[fold(g.Name)] = append(b.names.groups[fold(g.Name)], g.ID)
	}
	return nil
}

// place is where a recipient is to stand: where all are, and where their entry in a list says besides. A name that is not of
// exactly one place is told, and left out.
func (b *batch) place(ctx context.Context, i int, e *ListEntry) (Standing, error) {
	if e == nil || e.Department == "" && e.Group == "" {
		return b.standing, nil
	}
	if err := b.readNames(ctx); err != nil {
		return Standing{}, err
	}
	p := b.cmd.Placement
	if e.Department != "" {
		p.Departments = addNamed(p.Departments, b.names.departments[fold(e.Department)], &b.results[i], "department", e.Department)
	}
	if e.Group != "" {
		p.Groups = addNamed(p.Groups, b.names.groups[fold(e.Group)], &b.results[i], "group", e.Group)
	}
	both := fmt.Sprintf("%q %q", fold(e.Department), fold(e.Group))
	s, seen := b.names.standings[both]
	if !seen {
		var err error
		if s, err = stand(ctx, b.Store, b.caller.Member, p); err != nil {
			return s, err
		}
		b.names.standings[both] = s
	}
	return s, nil
}

// addNamed adds the one place that a name stands for to others, or tells that there is none such, or no room for it.
func addNamed[ID comparable](all, named []ID, r *InviteResult, kind, name string) []ID {
	full := len(named) == 1 && len(all) >= MaxPlaces && !slices.Contains(all, named[0])
	if len(named) != 1 || full {
		if r.Reason != "" {
			r.Reason += "; "
		}
		why := "is not known"
		if len(named) > 1 {
			why = "is the name of several"
		}
		if full {
			why = "would be one too many"
		}
		r.Reason += fmt.Sprintf("%s “%s” %s, and was left out", kind, excerpt(name), why)
		return all
	}
	if slices.Contains(all, named[0]) {
		return all
	}
	return append(all[:len(all):len(all)], named[0])
}
