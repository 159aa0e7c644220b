package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
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
	PeopleLister
	// ListInviteLinks lists all links, or where an owner is named, the default one and theirs.
	ListInviteLinks(ctx context.Context, o onboarding.Organization, owner onboarding.MemberID, after string, limit int) (
		page []onboarding.InviteLink, next string, err error)
	JoinRequestLister
	StructureReader
	onboarding.PartnerReader
	KeyLister
}

// JoinRequestLister lists who waits for an administrator, the longest waiting first, or who was rejected, the latest first.
type JoinRequestLister interface {
	ListJoinRequests(ctx context.Context, org onboarding.OrganizationID, status onboarding.MemberStatus, f onboarding.RequestFilter,
		after string, limit int) (page []onboarding.Member, next string, err error)
}

// Browse serves browse: every read of what an organization's members may see.
func Browse(e Edge, world onboarding.World, store BrowseStore) http.Handler {
	s := &browsing{gate{store, world}, store, e.BaseURL}
	m := NewMux(e)
	m.handle("GET /v1/organizations/{org}/invitations", s.invitations)
	m.handle("GET /v1/organizations/{org}/invitations/{id}", s.invitation)
	m.handle("GET /v1/organizations/{org}/members", s.members)
	m.handle("GET /v1/organizations/{org}/members/counts", s.counts)
	m.handle("GET /v1/organizations/{org}/members/export", s.export)
	m.handle("GET /v1/organizations/{org}/members/{id}", s.member)
	m.handle("GET /v1/organizations/{org}/settings", s.settings)
	m.handle("GET /v1/organizations/{org}/invite-links", s.inviteLinks)
	m.handle("GET /v1/organizations/{org}/join-requests", s.joinRequests)
	m.handle("GET /v1/organizations/{org}/join-requests/{id}", s.joinRequest)
	m.handle("GET /v1/organizations/{org}/api-keys", s.apiKeys)
	m.handle("GET /v1/organizations/{org}/partners", s.partners)
	m.handle("GET /v1/organizations/{org}/departments", s.departments)
	m.handle("GET /v1/organizations/{org}/departments/{id}", s.department)
	m.handle("GET /v1/organizations/{org}/groups", s.groups)
	m.handle("GET /v1/organizations/{org}/groups/{id}", s.group)
	return m
}

type browsing struct {
	gate
	store BrowseStore
	base  string // the origin of the links to further pages
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
	q, err := readPage(r, caller, "invitations", query{"status": string(onboarding.InvitationPending)})
	if err != nil {
		return err
	}
	status, ok := onboarding.ParseInvitationStatus(q.filter["status"])
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

func (s *browsing) settings(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	if !caller.Rights().Configure {
		return onboarding.Refuse(onboarding.Forbidden, "Only administrators see the settings.")
	}
	return writeVersioned(w, r, http.StatusOK, caller.Organization.Version, toSettings(caller.Organization))
}

func (s *browsing) inviteLinks(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	rights, owner, list := caller.Rights(), onboarding.MemberID{}, "invite-links"
	if !rights.Configure && !rights.Invite {
		return onboarding.Refuse(onboarding.Forbidden, "Only who may invite sees invite links.")
	}
	if !rights.Configure {
		owner, list = caller.Member.ID, "invite-links of one"
	}
	q, err := readPage(r, caller, list, nil)
	if err != nil {
		return err
	}
	found, next, err := s.store.ListInviteLinks(r.Context(), caller.Organization, owner, q.after, q.limit)
	if err != nil {
		return err
	}
	now := s.world.Instant()
	return writePage(w, q, next, found, func(l onboarding.InviteLink) inviteLinkJSON { return toInviteLink(caller.Organization, l, now) })
}

func (s *browsing) joinRequests(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	if !caller.Rights().Approve {
		return onboarding.Refuse(onboarding.Forbidden, "Only administrators see who waits.")
	}
	q, err := readPage(r, caller, "join-requests", query{"status": string(onboarding.MemberPendingApproval),
		"link_id": "", "channel": "", "requested_before": ""})
	if err != nil {
		return err
	}
	status, filter, err := q.filter.requests()
	if err != nil {
		return err
	}
	found, next, err := s.store.ListJoinRequests(r.Context(), caller.Organization.ID, status, filter, q.after, q.limit)
	if err != nil {
		return err
	}
	now := s.world.Instant()
	return writePage(w, q, next, found, func(m onboarding.Member) joinRequestJSON { return toJoinRequest(m, now) })
}

func (s *browsing) joinRequest(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	if !caller.Rights().Approve {
		return onboarding.Refuse(onboarding.Forbidden, "Only administrators see who waits.")
	}
	missing := onboarding.Refuse(onboarding.NotFound, "There is no such request to join.")
	id, err := onboarding.ParseMemberID(r.PathValue("id"))
	if err != nil {
		return missing
	}
	m, err := s.store.ReadMember(r.Context(), caller.Organization.ID, id)
	if errors.Is(err, onboarding.ErrNotFound) || err == nil && m.Request.At.IsZero() {
		return missing
	}
	if err != nil {
		return err
	}
	return writeVersioned(w, r, http.StatusOK, m.Version, toJoinRequest(m, s.world.Instant()))
}

// requests reads what the list of join requests is narrowed to.
func (q query) requests() (status onboarding.MemberStatus, f onboarding.RequestFilter, err error) {
	if status = onboarding.MemberStatus(q["status"]); !status.Applicant() {
		return status, f, onboarding.InvalidField("status", "unknown", "This is pending_approval or rejected.")
	}
	if f.Link, err = q.link(); err != nil {
		return status, f, err
	}
	if channel, given := q["channel"]; given {
		var ok bool
		if f.Channel, ok = parseChannel(channel); !ok {
			return status, f, onboarding.InvalidField("channel", "unknown", "This is invitation or invite_link.")
		}
	}
	if before, given := q["requested_before"]; given {
		if f.Before, err = parseTime(before); err != nil {
			return status, f, onboarding.InvalidValue("requested_before", err)
		}
	}
	return status, f, nil
}

// link reads the invite link that a list is narrowed to, if any.
func (q query) link() (*onboarding.LinkID, error) {
	text, given := q["link_id"]
	if !given {
		return nil, nil
	}
	id, err := onboarding.ParseLinkID(text)
	if err != nil {
		return nil, onboarding.InvalidValue("link_id", err)
	}
	return &id, nil
}

// pageQuery is which page of which list a caller asks for.
type pageQuery struct {
	filter query
	limit  int
	after  string
	scope  cursorScope
	key    []byte
}

// readPage reads the query of a list, which can be narrowed by the filters that are named here with what they are where nothing
// is said; empty for none. A cursor is good for the caller, the list and the filters that it was made for.
func readPage(r *http.Request, caller onboarding.Caller, list string, filters query) (pageQuery, error) {
	q, err := readQuery(r, append(slices.Collect(maps.Keys(filters)), "limit", "cursor")...)
	if err != nil {
		return pageQuery{}, err
	}
	p, narrowed := pageQuery{filter: query{}, key: caller.Organization.Salt}, url.Values{}
	for name, value := range filters {
		if given, ok := q[name]; ok {
			value = given
		} else if value == "" {
			continue
		}
		p.filter[name] = value
		narrowed.Set(name, value)
	}
	if p.limit, err = q.limit(); err != nil {
		return p, err
	}
	p.scope = cursorScope{string(caller.Organization.ID), caller.Member.ID.Key(), list + "?" + narrowed.Encode()}
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
