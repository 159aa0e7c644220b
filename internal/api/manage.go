package api

import (
	"context"
	"net/http"
	"time"

	"latchkey/internal/onboarding"
)

// UpdateUserStore is what the routes of update-user ask of the table.
type UpdateUserStore interface {
	onboarding.CallerStore
	onboarding.ManageStore
	RequestStore
}

// UpdateUser serves update-user.
func UpdateUser(e Edge, world onboarding.World, store UpdateUserStore) http.Handler {
	s := &managing{members(store, world), onboarding.Managing{World: world, Store: store}}
	m := NewMux(e)
	m.handle("PATCH /v1/organizations/{org}/members/{id}", s.change(s.edit))
	m.handle("POST /v1/organizations/{org}/members/{id}/dismiss", s.change(saying(s.useCase.Dismiss)))
	m.handle("POST /v1/organizations/{org}/members/{id}/rehire", s.change(s.rehire))
	m.handle("POST /v1/organizations/{org}/members/{id}/convert", s.change(s.conversion))
	return m
}

type managing struct {
	changing[onboarding.MemberID, onboarding.Member]
	useCase onboarding.Managing
}

type memberAct = act[onboarding.MemberID, onboarding.Member]

// members serves acts on members.
func members(store interface {
	onboarding.CallerStore
	RequestStore
}, world onboarding.World) changing[onboarding.MemberID, onboarding.Member] {
	return changing[onboarding.MemberID, onboarding.Member]{gate{store, world}, repeatable{store, world}, pathMember,
		memberTag, func(_ onboarding.Caller, m onboarding.Member, _ time.Time) any { return toMember(m) }}
}

func memberTag(m onboarding.Member, _ time.Time) string { return etag(m.Version) }

func pathMember(r *http.Request) (onboarding.MemberID, error) {
	id, err := onboarding.ParseMemberID(r.PathValue("id"))
	if err != nil {
		return id, onboarding.Refuse(onboarding.NotFound, "There is no such member.")
	}
	return id, nil
}

type memberRequest struct {
	FirstName  *string `json:"first_name,omitempty"`
	LastName   *string `json:"last_name,omitempty"`
	JobTitle   *string `json:"job_title,omitempty"`
	Locale     *string `json:"locale,omitempty"`
	Role       *string `json:"role,omitempty"`
	GuestUntil *string `json:"guest_until,omitempty"`
	placementRequest
}

func (b memberRequest) change() (c onboarding.MemberChange, err error) {
	if c.FirstName, err = optionalName("/first_name", b.FirstName); err != nil {
		return c, err
	}
	if c.LastName, err = optionalName("/last_name", b.LastName); err != nil {
		return c, err
	}
	if c.JobTitle, err = optionalName("/job_title", b.JobTitle); err != nil {
		return c, err
	}
	if c.Locale, err = optional("/locale", b.Locale, onboarding.ParseLocale, "This is en or de."); err != nil {
		return c, err
	}
	if c.Role, err = optional("/role", b.Role, onboarding.ParseRole, "This is member or admin."); err != nil {
		return c, err
	}
	if c.GuestUntil, err = optionalEnd("/guest_until", b.GuestUntil); err != nil {
		return c, err
	}
	c.Departments, c.Groups, err = b.placement("")
	return c, err
}

func (s *managing) edit(r *http.Request) (any, memberAct, error) {
	var body memberRequest
	if err := readJSON(r, &body); err != nil {
		return nil, nil, err
	}
	change, err := body.change()
	return body, func(ctx context.Context, caller onboarding.Caller, id onboarding.MemberID, match func(onboarding.Member) bool, requestID string) (
		onboarding.Member, error) {
		return s.useCase.Edit(ctx, caller, id, match, requestID, change)
	}, err
}

type rehireRequest struct {
	Role       *string `json:"role,omitempty"`
	ReplacesID string  `json:"replaces_member_id,omitempty"`
	GuestUntil *string `json:"guest_until,omitempty"`
	placementRequest
}

func (s *managing) rehire(r *http.Request) (any, memberAct, error) {
	var body rehireRequest
	if err := readOptionalJSON(r, &body); err != nil {
		return nil, nil, err
	}
	var again onboarding.Rehire
	role, err := optional("/role", body.Role, onboarding.ParseRole, "This is member or admin.")
	if err != nil {
		return nil, nil, err
	}
	if role != nil {
		again.Role = *role
	}
	if again.GuestUntil, err = optionalEnd("/guest_until", body.GuestUntil); err != nil {
		return nil, nil, err
	}
	if again.Replaces, err = replaced(body.ReplacesID); err != nil {
		return nil, nil, err
	}
	again.Departments, again.Groups, err = body.placement("")
	return body, func(ctx context.Context, caller onboarding.Caller, id onboarding.MemberID, match func(onboarding.Member) bool, requestID string) (
		onboarding.Member, error) {
		return s.useCase.Rehire(ctx, caller, id, match, requestID, again)
	}, err
}

type conversionRequest struct {
	MemberType string  `json:"member_type"`
	GuestUntil *string `json:"guest_until,omitempty"`
	placementRequest
}

func (s *managing) conversion(r *http.Request) (any, memberAct, error) {
	var body conversionRequest
	if err := readJSON(r, &body); err != nil {
		return nil, nil, err
	}
	var c onboarding.Conversion
	var ok bool
	if c.Type, ok = onboarding.ParseMemberType(body.MemberType); !ok {
		return nil, nil, onboarding.InvalidField("/member_type", "unknown", "This is employee or guest.")
	}
	var err error
	if c.GuestUntil, err = optionalEnd("/guest_until", body.GuestUntil); err != nil {
		return nil, nil, err
	}
	c.Departments, c.Groups, err = body.placement("")
	return body, func(ctx context.Context, caller onboarding.Caller, id onboarding.MemberID, match func(onboarding.Member) bool, requestID string) (
		onboarding.Member, error) {
		return s.useCase.Convert(ctx, caller, id, match, requestID, c)
	}, err
}
