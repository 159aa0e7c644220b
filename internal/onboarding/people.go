package onboarding

import (
	"slices"
	"strings"
	"time"
)

// PeopleSort is the order of a list of members.
type PeopleSort string

const (
	NewestFirst PeopleSort = "-created_at"
	OldestFirst PeopleSort = "created_at"
	ByName      PeopleSort = "name"
	ByNameDown  PeopleSort = "-name"
)

// ParsePeopleSort accepts one of the four.
func ParsePeopleSort(s string) (PeopleSort, bool) {
	o := PeopleSort(s)
	return o, o == NewestFirst || o == OldestFirst || o == ByName || o == ByNameDown
}

// Named reports whether the order is that of the names.
func (o PeopleSort) Named() bool { return o == ByName || o == ByNameDown }

// Rising reports whether what is earlier, or smaller, comes first.
func (o PeopleSort) Rising() bool { return o == OldestFirst || o == ByName }

// PeopleFilter narrows a list of members. What is zero filters nothing.
type PeopleFilter struct {
	Status     MemberStatus // one; needed, but for a list of invitations
	Type       MemberType
	Role       Role
	Department *DepartmentID
	Group      *GroupID
	Link       *LinkID
	Words      []string  // each of them somewhere in the names or addresses, folded
	Within     []GroupID // of those who stand in one of these at least
	Current    time.Time // of guests, those whose time has not ended then
	Sort       PeopleSort
}

// Narrowed answers the filter of what the caller may see of what was asked for. A guest sees the people of their groups who are
// in; a group that is asked for is one of theirs by then. The answer is false where there is nobody to be seen but themselves.
func (f PeopleFilter) Narrowed(caller Caller, now time.Time) (PeopleFilter, bool) {
	rights := caller.Rights()
	if f.Status == MemberActive && !rights.Manage {
		f.Current = now
	}
	if !rights.SeeMembers && f.Group == nil {
		f.Within = caller.Member.Placement.Groups
		return f, len(f.Within) > 0
	}
	return f, true
}

// Matches reports whether a member is one of those that the filter asks for.
func (f PeopleFilter) Matches(m Member) bool {
	in := func(id GroupID) bool { return slices.Contains(m.Placement.Groups, id) }
	switch {
	case m.Status != f.Status,
		f.Type != "" && m.Type != f.Type,
		f.Role != "" && m.Role != f.Role,
		f.Department != nil && !slices.Contains(m.Placement.Departments, *f.Department),
		f.Group != nil && !in(*f.Group),
		f.Link != nil && (m.Entry.Channel != ChannelInviteLink || m.Entry.Link != *f.Link),
		len(f.Within) > 0 && !slices.ContainsFunc(f.Within, in),
		!f.Current.IsZero() && m.Ended(f.Current):
		return false
	}
	text := m.SearchText()
	return !slices.ContainsFunc(f.Words, func(word string) bool { return !strings.Contains(text, word) })
}

// MaySeeMember reports whether the caller may see a member: who is gone is for those who manage members; a guest sees
// themselves, and who is in and stands in one of their groups.
func MaySeeMember(caller Caller, m Member, now time.Time) bool {
	rights := caller.Rights()
	switch {
	case m.Status.Applicant():
		return false
	case m.ID == caller.Member.ID || rights.Manage:
		return true
	case m.Status == MemberDismissed || m.Ended(now):
		return false
	}
	return rights.SeeMembers || m.Status == MemberActive && shareGroup(caller.Member, m)
}

func shareGroup(a, b Member) bool {
	return slices.ContainsFunc(a.Placement.Groups, func(id GroupID) bool { return slices.Contains(b.Placement.Groups, id) })
}

// Shown is a member as the caller may see them: to a guest, only their own groups stand there, and nothing of how somebody came in.
func (c Caller) Shown(m Member) Member {
	if c.Rights().SeeMembers || m.ID == c.Member.ID {
		return m
	}
	groups := slices.DeleteFunc(slices.Clone(m.Placement.Groups), func(id GroupID) bool { return !slices.Contains(c.Member.Placement.Groups, id) })
	m.Placement, m.Skipped, m.Firm, m.Entry = Placement{Groups: groups}, nil, Firm{}, Entry{}
	return m
}

// Counts are how many an organization has of what lists show.
type Counts struct {
	Active, PendingActivation, Dismissed, Waiting, Rejected int
	Seats                                                   int // taken
}
