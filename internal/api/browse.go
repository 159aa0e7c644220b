package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"latchkey/internal/onboarding"
)

// BrowseStore is what the routes of browse ask of the table. A page begins where after says, or at the beginning if it is
// empty; next is empty where there is no more.
type BrowseStore interface {
	onboarding.CallerStore
	ReadContact(ctx context.Context, org onboarding.OrganizationID, id onboarding.ContactID) (onboarding.Contact, error)
	ReadMember(ctx context.Context, org onboarding.OrganizationID, id onboarding.MemberID) (onboarding.Member, error)
	ListInvitations(ctx context.Context, org onboarding.OrganizationID, status onboarding.InvitationStatus, now time.Time, after string, limit int) (
		page []onboarding.Contact, next string, err error)
	ListMembers(ctx context.Context, org onboarding.OrganizationID, status onboarding.MemberStatus, after string, limit int) (
		page []onboarding.Member, next string, err error)
}

// Browse serves browse: every read of what an organization's members may see.
func Browse(e Edge, world onboarding.World, store BrowseStore) http.Handler {
	s := &browsing{gate{store, world}, store}
	m := NewMux(e)
	m.handle("GET /v1/organizations/{org}/invitations", s.invitations)
	m.handle("GET /v1/organizations/{org}/invitations/{id}", s.invitation)
	m.handle("GET /v1/organizations/{org}/members", s.members)
	m.handle("GET /v1/organizations/{org}/members/{id}", s.member)
	return m
}

type browsing struct {
	gate
	store BrowseStore
}

// pageJSON is one page of a list.
type pageJSON[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

func (s *browsing) invitations(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	if !caller.Rights().SeeInvited {
		return onboarding.Refuse(onboarding.Forbidden, "Only administrators see all invitations.")
	}
	q, err := readPage(r, caller, "invitations", string(onboarding.InvitationPending))
	if err != nil {
		return err
	}
	status, ok := onboarding.ParseInvitationStatus(q.status)
	if !ok {
		return onboarding.InvalidField("status", "unknown", "This is pending, accepted, declined, revoked or expired.")
	}
	now := s.world.Instant()
	found, next, err := s.store.ListInvitations(r.Context(), caller.Organization.ID, status, now, q.after, q.limit)
	if err != nil {
		return err
	}
	return writePage(w, q, next, found, func(c onboarding.Contact) invitationJSON { return toInvitation(caller.Organization.ID, c, now) })
}

func (s *browsing) invitation(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	missing := onboarding.Refuse(onboarding.NotFound, "There is no such invitation.")
	id, err := onboarding.ParseInvitationID(r.PathValue("id"))
	if err != nil {
		return missing
	}
	c, err := s.store.ReadContact(r.Context(), caller.Organization.ID, id)
	if errors.Is(err, onboarding.ErrNotFound) || err == nil && !(c.Invited && onboarding.MaySee(caller, c)) {
		return missing
	}
	if err != nil {
		return err
	}
	now := s.world.Instant()
	return writeTagged(w, r, http.StatusOK, invitationTag(c, now), toInvitation(caller.Organization.ID, c, now))
}

func (s *browsing) members(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	if !caller.Rights().SeeMembers {
		return onboarding.Refuse(onboarding.Forbidden, "Guests see only the people of their groups.")
	}
	q, err := readPage(r, caller, "members", string(onboarding.MemberActive))
	if err != nil {
		return err
	}
	status, ok := onboarding.ParseMemberStatus(q.status)
	if !ok {
		return onboarding.InvalidField("status", "unknown", "This is active, pending_activation or dismissed.")
	}
	found, next, err := s.store.ListMembers(r.Context(), caller.Organization.ID, status, q.after, q.limit)
	if err != nil {
		return err
	}
	return writePage(w, q, next, found, toMember)
}

func (s *browsing) member(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	missing := onboarding.Refuse(onboarding.NotFound, "There is no such member.")
	id, err := onboarding.ParseMemberID(r.PathValue("id"))
	if err != nil || id != caller.Member.ID && !caller.Rights().SeeMembers {
		return missing
	}
	m, err := s.store.ReadMember(r.Context(), caller.Organization.ID, id)
	if errors.Is(err, onboarding.ErrNotFound) {
		return missing
	}
	if err != nil {
		return err
	}
	return writeVersioned(w, r, http.StatusOK, m.Version, toMember(m))
}

// pageQuery is which page of which list a caller asks for.
type pageQuery struct {
	status string
	limit  int
	after  string
	scope  cursorScope
	key    []byte
}

// readPage reads the query of a list. A cursor is good for the caller, the list and the filter that it was made for.
func readPage(r *http.Request, caller onboarding.Caller, list, status string) (pageQuery, error) {
	q, err := readQuery(r, "status", "limit", "cursor")
	if err != nil {
		return pageQuery{}, err
	}
	p := pageQuery{status: status, key: caller.Organization.Salt}
	if given, ok := q["status"]; ok {
		p.status = given
	}
	if p.limit, err = q.limit(); err != nil {
		return p, err
	}
	p.scope = cursorScope{string(caller.Organization.ID), caller.Member.ID.Key(), list + "?status=" + p.status}
	if cursor, ok := q["cursor"]; ok {
		after, err := decodeCursor(p.key, p.scope, cursor)
		if err != nil {
			return p, err
		}
		p.after = string(after)
	}
	return p, nil
}

func writePage[T, J any](w http.ResponseWriter, q pageQuery, next string, found []T, show func(T) J) error {
	page := pageJSON[J]{Items: make([]J, len(found))}
	for i, one := range found {
		page.Items[i] = show(one)
	}
	if next != "" {
		cursor := encodeCursor(q.key, q.scope, []byte(next))
		page.NextCursor = &cursor
	}
	return writeJSON(w, http.StatusOK, page)
}
