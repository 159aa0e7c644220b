package onboarding

import (
	"context"
	"fmt"
	"slices"
)

// PlaceReader is what judging a placement asks of the table.
type PlaceReader interface {
	// ReadPlaces answers those places of a placement that exist, in one consistent read. The root department always does.
	ReadPlaces(ctx context.Context, org OrganizationID, p Placement) (Places, error)
	// ReadDepartments answers all departments that are stored, in one consistent read; the root may not be.
	ReadDepartments(ctx context.Context, org OrganizationID) ([]Department, error)
}

// Standing is a placement as it is now, for somebody who would put others there.
type Standing struct {
	There  Placement
	Gone   []string // ids of what is not there any more, or is being removed
	Places []Place  // those of There, for the policy
}

// stand reads what there is of a placement, and what it is to the actor. It reads nothing of an empty one, and the whole tree
// only where it matters who leads.
func stand(ctx context.Context, store PlaceReader, actor Member, p Placement) (s Standing, err error) {
	if p.IsZero() {
		return s, nil
	}
	if actor.Actor().admin() && len(p.Groups) == 0 && len(p.Departments) == 1 && p.Departments[0].IsRoot() {
		return Standing{There: p, Places: []Place{{}}}, nil // it is there, and theirs to use
	}
	found, err := store.ReadPlaces(ctx, actor.Organization, p)
	if err != nil {
		return s, err
	}
	s.There, s.Gone = found.Of(p)
	var tree Tree
	for _, id := range s.There.Departments {
		own := slices.Contains(actor.Placement.Departments, id) || slices.Contains(found.Departments[id].Heads, actor.ID)
		if !own && !actor.Actor().admin() && !actor.ID.IsZero() {
			if tree == nil {
				departments, err := store.ReadDepartments(ctx, actor.Organization)
				if err != nil {
					return s, err
				}
				tree = NewTree(departments)
			}
			own = tree.Leads(actor.ID, id)
		}
		s.Places = append(s.Places, Place{Own: own})
	}
	for _, id := range s.There.Groups {
		g := found.Groups[id]
		own := slices.Contains(actor.Placement.Groups, id) || slices.Contains(g.Owners, actor.ID)
		s.Places = append(s.Places, Place{Group: true, Admits: g.AllowsGuests, Own: own})
	}
	return s, nil
}

// stands reports whether the offer puts anybody anywhere: an employee comes to the root where nothing is named.
func (o Offer) stands(p Placement) bool { return o.Type == Employee || !p.IsZero() }

// judged are the places of an offer that a member makes, as the policy judges them: an employee who is put into no department
// comes to the root. Whoever stands in none themselves is from before there were any.
func (m Member) judged(o Offer, places []Place) []Place {
	if o.Type != Employee || slices.ContainsFunc(places, func(p Place) bool { return !p.Group }) {
		return places
	}
	own := len(m.Placement.Departments) == 0 || slices.Contains(m.Placement.Departments, DepartmentID{})
	return append(slices.Clip(places), Place{Own: own})
}

// settled is where somebody comes by an offer that named places. Where all departments of it have gone, that is where the inviter
// stands now, whom such a removal has moved as well; of an administrator, the root.
func (s Standing) settled(inviter Member, o Offer, named Placement) Standing {
	switch own := inviter.Placement.Departments; {
	case len(named.Departments) == 0:
		s.Places = inviter.judged(o, s.Places)
	case o.Type == Employee && len(s.There.Departments) == 0 && !inviter.Actor().admin() && len(own) > 0:
		s.There.Departments, s.Places = own[:1:1], append(slices.Clip(s.Places), Place{Own: true})
	}
	return s
}

// asItIs is the standing of somebody who stays where they are: nobody asks whether they may.
func (p Placement) asItIs() Standing {
	s := Standing{There: p}
	for range p.Departments {
		s.Places = append(s.Places, Place{Own: true})
	}
	for range p.Groups {
		s.Places = append(s.Places, Place{Group: true, Admits: true, Own: true})
	}
	return s
}

// known is the refusal of a placement that names places which are not there, each by its pointer in the body, or nil.
func (s Standing) known(pointer string, named Placement) error {
	var faults []error
	for i, id := range named.Departments {
		if slices.Contains(s.Gone, id.String()) {
			faults = append(faults, InvalidField(fmt.Sprintf("%s/department_ids/%d", pointer, i), "unknown", "There is no such department."))
		}
	}
	for i, id := range named.Groups {
		if slices.Contains(s.Gone, id.String()) {
			faults = append(faults, InvalidField(fmt.Sprintf("%s/group_ids/%d", pointer, i), "unknown", "There is no such group."))
		}
	}
	return joinFields(faults...)
}

// asMember is an actor as whom a placement is judged. Where they stand it does not know.
func (a Actor) asMember(org OrganizationID) Member {
	m := Member{ID: a.ID, Organization: org, Type: a.Type, Role: a.Role}
	if a.Active {
		m.Status = MemberActive
	}
	return m
}
