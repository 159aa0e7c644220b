package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"latchkey/internal/onboarding"
	"latchkey/internal/spreadsheet"
)

// PeopleLister lists an organization's members, and whoever is to become one.
type PeopleLister interface {
	ListMembers(ctx context.Context, org onboarding.OrganizationID, f onboarding.PeopleFilter, after string, limit int) (
		page []onboarding.Member, next string, err error)
	ListInvited(ctx context.Context, org onboarding.OrganizationID, f onboarding.PeopleFilter, now time.Time, after string, limit int) (
		page []onboarding.Contact, next string, err error)
	ReadCounts(ctx context.Context, org onboarding.OrganizationID) (onboarding.Counts, error)
	CountInvited(ctx context.Context, org onboarding.OrganizationID, now time.Time) (n int, more bool, err error)
}

// The statuses of the list that are no status of a member.
const (
	statusInvited = "invited"
	statusWaiting = "waiting"
)

// people is a list of members that a caller asks for.
type people struct {
	pageQuery
	status string
	filter onboarding.PeopleFilter
	lookUp onboarding.Address // the whole address that is looked for; zero where words are
}

var peopleFilters = query{"status": string(onboarding.MemberActive), "member_type": "", "role": "", "department_id": "", "group_id": "",
	"link_id": "", "q": "", "sort": ""}

// people reads what is asked for, and refuses what the caller may not see.
func (s *browsing) people(r *http.Request, caller onboarding.Caller, list string) (p people, err error) {
	if p.pageQuery, err = readPage(r, caller, list, peopleFilters); err != nil {
		return p, err
	}
	if p.status, err = p.pageQuery.filter.peopleStatus(); err != nil {
		return p, err
	}
	if p.filter, err = p.pageQuery.filter.people(); err != nil {
		return p, err
	}
	p.filter.Status = onboarding.MemberStatus(p.status)
	if p.status == statusWaiting {
		p.filter.Status = onboarding.MemberPendingApproval
	}
	if words, given := p.pageQuery.filter["q"]; given {
		if address, err := onboarding.ParseEmail(words); err == nil {
			p.lookUp = address
		}
	}
	if err := p.sorted(); err != nil {
		return p, err
	}
	return p, p.permitted(caller)
}

func (q query) peopleStatus() (string, error) {
	status := q["status"]
	if _, ok := onboarding.ParseMemberStatus(status); !ok && status != statusInvited && status != statusWaiting {
		return status, onboarding.InvalidField("status", "unknown", "This is active, pending_activation, dismissed, invited or waiting.")
	}
	return status, nil
}

// people reads what a list is narrowed to.
func (q query) people() (f onboarding.PeopleFilter, err error) {
	var ok bool
	if text, given := q["member_type"]; given {
		if f.Type, ok = onboarding.ParseMemberType(text); !ok {
			return f, onboarding.InvalidField("member_type", "unknown", "This is employee, guest or partner.")
		}
	}
	if text, given := q["role"]; given {
		if f.Role, ok = onboarding.ParseRole(text); !ok {
			return f, onboarding.InvalidField("role", "unknown", "This is member or admin.")
		}
	}
	if text, given := q["department_id"]; given {
		id, err := onboarding.ParseDepartmentID(text)
		if err != nil {
			return f, onboarding.InvalidValue("department_id", err)
		}
		f.Department = &id
	}
	if text, given := q["group_id"]; given {
		id, err := onboarding.ParseGroupID(text)
		if err != nil {
			return f, onboarding.InvalidValue("group_id", err)
		}
		f.Group = &id
	}
	if f.Link, err = q.link(); err != nil {
		return f, err
	}
	if text, given := q["q"]; given {
		if f.Words, err = onboarding.ParseSearch(text); err != nil {
			return f, onboarding.InvalidValue("q", err)
		}
	}
	return f, nil
}

// sorted reads the order. Who stands in a place is sorted by name where nothing else is said: so they lie.
func (p *people) sorted() error {
	text, given := p.pageQuery.filter["sort"]
	p.filter.Sort = onboarding.NewestFirst
	if p.filter.Department != nil || p.filter.Group != nil {
		p.filter.Sort = onboarding.ByName
	}
	if p.status == statusWaiting {
		p.filter.Sort = onboarding.OldestFirst
	}
	if !given {
		return nil
	}
	var ok bool
	if p.filter.Sort, ok = onboarding.ParsePeopleSort(text); !ok {
		return onboarding.InvalidField("sort", "unknown", "This is created_at, -created_at, name or -name.")
	}
	if p.status == statusInvited || p.status == statusWaiting && p.filter.Sort.Named() {
		return onboarding.InvalidField("sort", "not_applicable", "Who is invited is sorted by when that ends, and who waits by how long.")
	}
	return nil
}

// permitted refuses what the caller may not see.
func (p people) permitted(caller onboarding.Caller) error {
	rights, f := caller.Rights(), p.filter
	refuse := func(sentence string) error { return onboarding.Refuse(onboarding.Forbidden, sentence) }
	switch {
	case p.status == statusInvited && !rights.SeeInvited:
		return refuse("Only administrators see who is invited.")
	case p.status == statusWaiting && !rights.Approve:
		return refuse("Only administrators see who waits.")
	case p.status == string(onboarding.MemberDismissed) && !rights.Manage:
		return refuse("Only administrators see who was dismissed.")
	case rights.SeeMembers:
		return nil
	case p.status != string(onboarding.MemberActive):
		return refuse("Guests see only the people of their groups.")
	case f.Department != nil || f.Link != nil:
		return refuse("Guests see no departments and no links.")
	case f.Group != nil && !slices.Contains(caller.Member.Placement.Groups, *f.Group):
		return refuse("Guests see only the people of their groups.") // whether or not there is such a group
	}
	return nil
}

// find answers a page of the list.
func (s *browsing) find(r *http.Request, caller onboarding.Caller, p people) (found []memberJSON, next string, err error) {
	org, now := caller.Organization.ID, s.world.Instant()
	if p.status == statusInvited {
		contacts, next, err := s.store.ListInvited(r.Context(), org, p.filter, now, p.after, p.limit)
		return showAll(contacts, func(c onboarding.Contact) memberJSON { return toInvited(org, c) }), next, err
	}
	members, next, err := s.findMembers(r, caller, p, now)
	return showAll(members, func(m onboarding.Member) memberJSON { return toMember(caller.Shown(m)) }), next, err
}

func showAll[T, J any](all []T, show func(T) J) []J {
	shown := make([]J, len(all))
	for i, one := range all {
		shown[i] = show(one)
	}
	return shown
}

func (s *browsing) findMembers(r *http.Request, caller onboarding.Caller, p people, now time.Time) ([]onboarding.Member, string, error) {
	org := caller.Organization
	f, more := p.filter.Narrowed(caller, now)
	if !more {
		if p.after == "" && f.Matches(caller.Member) {
			return []onboarding.Member{caller.Member}, "", nil
		}
		return nil, "", nil
	}
	// How long a look at one address takes would tell a guest whether it is somebody's: their groups are searched for it.
	if p.lookUp == (onboarding.Address{}) || !caller.Rights().SeeMembers {
		return s.store.ListMembers(r.Context(), org.ID, f, p.after, p.limit)
	}
	// A whole address is somebody's, and its contact says whose.
	c, err := s.store.ReadContact(r.Context(), org.ID, onboarding.NewContactID(org.Salt, p.lookUp))
	if errors.Is(err, onboarding.ErrNotFound) || err == nil && c.Member.IsZero() {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	m, err := s.store.ReadMember(r.Context(), org.ID, c.Member)
	if err != nil || !f.Matches(m) {
		return nil, "", err
	}
	return []onboarding.Member{m}, "", nil
}

// toInvited shows whom an invitation is for among the members that they may become.
func toInvited(org onboarding.OrganizationID, c onboarding.Contact) memberJSON {
	i := c.Invitation
	shown := memberJSON{
		ID: c.ID.InvitationID(), OrganizationID: string(org), Status: statusInvited, MemberType: string(i.MemberType), Role: string(i.Role),
		FirstName: i.FirstName, LastName: i.LastName, JobTitle: i.JobTitle, placementJSON: toPlacement(i.Placement), GuestUntil: timeOrNull(i.GuestUntil),
		Firm: firmOrNull(i.Firm), SkippedPlaces: []string{}, Locale: string(i.Locale), Channel: orNull(string(onboarding.ChannelInvitation)),
		CreatedAt: onboarding.FormatTime(i.CreatedAt), UpdatedAt: onboarding.FormatTime(i.UpdatedAt), Version: c.Version,
	}
	if c.Address.Kind == onboarding.Phone {
		shown.Phone = orNull(c.Address.Value)
	} else {
		shown.Email = orNull(c.Address.Value)
	}
	return shown
}

func (s *browsing) members(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	p, err := s.people(r, caller, "members")
	if err != nil {
		return err
	}
	found, next, err := s.find(r, caller, p)
	if err != nil {
		return err
	}
	return writePage(w, p.pageQuery, next, found, func(m memberJSON) memberJSON { return m })
}

func (s *browsing) member(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	id, err := pathMember(r)
	if err != nil {
		return err
	}
	m, err := s.store.ReadMember(r.Context(), caller.Organization.ID, id)
	if errors.Is(err, onboarding.ErrNotFound) || err == nil && !onboarding.MaySeeMember(caller, m, s.world.Instant()) {
		return onboarding.Refuse(onboarding.NotFound, "There is no such member.")
	}
	if err != nil {
		return err
	}
	return writeVersioned(w, r, http.StatusOK, m.Version, toMember(caller.Shown(m)))
}

type countsJSON struct {
	Active            int               `json:"active"`
	PendingActivation int               `json:"pending_activation"`
	Dismissed         *int              `json:"dismissed"`
	Waiting           *int              `json:"waiting"`
	Invited           *invitedCountJSON `json:"invited"`
	Seats             *seatsJSON        `json:"seats"`
}

// invitedCountJSON counts as far as one read goes.
type invitedCountJSON struct {
	Count int  `json:"count"`
	More  bool `json:"more"`
}

type seatsJSON struct {
	Used  int  `json:"used"`
	Limit *int `json:"limit"`
}

// counts tells how many there are of each status. Nobody is read for it.
func (s *browsing) counts(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	rights := caller.Rights()
	if !rights.SeeMembers {
		return onboarding.Refuse(onboarding.Forbidden, "Guests see only the people of their groups.")
	}
	if _, err := readQuery(r); err != nil {
		return err
	}
	c, err := s.store.ReadCounts(r.Context(), caller.Organization.ID)
	if err != nil {
		return err
	}
	shown := countsJSON{Active: c.Active, PendingActivation: c.PendingActivation}
	if rights.Manage {
		shown.Dismissed, shown.Waiting = &c.Dismissed, &c.Waiting
		shown.Seats = &seatsJSON{c.Seats, countOrNull(caller.Organization.Settings.Seats)}
		n, more, err := s.store.CountInvited(r.Context(), caller.Organization.ID, s.world.Instant())
		if err != nil {
			return err
		}
		shown.Invited = &invitedCountJSON{n, more}
	}
	return writeJSON(w, http.StatusOK, shown)
}

const exportAtOnce = 1000 // rows; each has at most some 2 KB, and Lambda takes 6 MB

var exportHead = []string{"id", "status", "member_type", "role", "first_name", "last_name", "email", "phone", "job_title", "department_ids",
	"group_ids", "created_at", "joined_at", "guest_until"}

// export answers a page of the list as CSV, and in the Link header where the next one is. Only the first has a head, so the pages
// one behind the other are one file.
func (s *browsing) export(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	if !caller.Rights().Manage {
		return onboarding.Refuse(onboarding.Forbidden, "Only administrators export members.")
	}
	p, err := s.people(r, caller, "export")
	if err != nil {
		return err
	}
	if r.URL.Query().Get("limit") == "" {
		p.limit = exportAtOnce
	}
	found, next, err := s.find(r, caller, p)
	if err != nil {
		return err
	}
	body, err := writeCSV(found, p.after == "")
	if err != nil {
		return err
	}
	if next != "" {
		again := r.URL.Query()
		again.Set("cursor", encodeCursor(p.key, p.scope, []byte(next)))
		w.Header().Set("Link", fmt.Sprintf("<%s%s?%s>; rel=\"next\"", s.base, r.URL.EscapedPath(), again.Encode()))
	}
	w.Header().Set("Content-Disposition", `attachment; filename="members.csv"`)
	send(w, http.StatusOK, "text/csv; charset=utf-8", body)
	return nil
}

// writeCSV writes rows by RFC 4180, each cell so that no spreadsheet computes it.
func writeCSV(all []memberJSON, head bool) ([]byte, error) {
	var b bytes.Buffer
	rows := csv.NewWriter(&b)
	rows.UseCRLF = true
	if head {
		rows.Write(exportHead)
	}
	for _, m := range all {
		cells := []string{m.ID, m.Status, m.MemberType, m.Role, m.FirstName, m.LastName, orBlank(m.Email), orBlank(m.Phone), m.JobTitle,
			strings.Join(m.DepartmentIDs, " "), strings.Join(m.GroupIDs, " "), m.CreatedAt, orBlank(m.JoinedAt), orBlank(m.GuestUntil)}
		for i := range cells {
			cells[i] = spreadsheet.Neutral(cells[i])
		}
		rows.Write(cells)
	}
	rows.Flush()
	return b.Bytes(), rows.Error()
}

func orBlank(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
