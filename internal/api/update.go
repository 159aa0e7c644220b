package api

import (
	"context"
	"net/http"
	"time"

	"latchkey/internal/onboarding"
)

// UpdateStore is what the routes of update-invite ask of the table.
type UpdateStore interface {
	onboarding.CallerStore
	onboarding.UpdateStore
	RequestStore
}

// UpdateInvite serves update-invite.
func UpdateInvite(e Edge, world onboarding.World, store UpdateStore, texts onboarding.Texts) http.Handler {
	useCase := onboarding.Updating{World: world, Store: store, Texts: texts}
	s := &updating{changing[onboarding.ContactID, onboarding.Contact]{gate{store, world}, repeatable{store, world}, pathInvitation, invitationTag,
		func(caller onboarding.Caller, c onboarding.Contact, now time.Time) any {
			return toInvitation(caller.Organization.ID, c, now)
		}}, useCase}
	m := NewMux(e)
	m.handle("PATCH /v1/organizations/{org}/invitations/{id}", s.change(s.edit))
	m.handle("POST /v1/organizations/{org}/invitations/{id}/resend", s.change(saying(useCase.Resend)))
	m.handle("POST /v1/organizations/{org}/invitations/{id}/revoke", s.change(saying(useCase.Revoke)))
	m.handle("POST /v1/organizations/{org}/invitations/{id}/take-over", s.change(saying(useCase.TakeOver)))
	return m
}

type updating struct {
	changing[onboarding.ContactID, onboarding.Contact]
	useCase onboarding.Updating
}

func pathInvitation(r *http.Request) (onboarding.ContactID, error) {
	id, err := onboarding.ParseInvitationID(r.PathValue("id"))
	if err != nil {
		return id, onboarding.Refuse(onboarding.NotFound, "There is no such invitation.")
	}
	return id, nil
}

type invitationRequest struct {
	FirstName  *string `json:"first_name,omitempty"`
	LastName   *string `json:"last_name,omitempty"`
	JobTitle   *string `json:"job_title,omitempty"`
	MemberType *string `json:"member_type,omitempty"`
	Role       *string `json:"role,omitempty"`
	Locale     *string `json:"locale,omitempty"`
	GuestUntil *string `json:"guest_until,omitempty"`
	placementRequest
}

func (b invitationRequest) change() (c onboarding.InvitationChange, err error) {
	for _, name := range []struct {
		pointer string
		from    *string
		to      **string
	}{{"/first_name", b.FirstName, &c.FirstName}, {"/last_name", b.LastName, &c.LastName}, {"/job_title", b.JobTitle, &c.JobTitle}} {
		if *name.to, err = optionalName(name.pointer, name.from); err != nil {
			return c, err
		}
	}
	if c.Type, err = optional("/member_type", b.MemberType, onboarding.ParseMemberType, "This is employee, guest or partner."); err != nil {
		return c, err
	}
	if c.Role, err = optional("/role", b.Role, onboarding.ParseRole, "This is member or admin."); err != nil {
		return c, err
	}
	if c.Locale, err = optional("/locale", b.Locale, onboarding.ParseLocale, "This is en or de."); err != nil {
		return c, err
	}
	if c.GuestUntil, err = optionalEnd("/guest_until", b.GuestUntil); err != nil {
		return c, err
	}
	c.Departments, c.Groups, err = b.placement("")
	return c, err
}

// optionalName reads a name, if there is one in the body.
func optionalName(pointer string, text *string) (*string, error) {
	if text == nil {
		return nil, nil
	}
	name, err := onboarding.ParseName(*text)
	if err != nil {
		return nil, onboarding.InvalidValue(pointer, err)
	}
	return &name, nil
}

// optional reads a word, if there is one in the body; known says what the words are.
func optional[T any](pointer string, text *string, parse func(string) (T, bool), known string) (*T, error) {
	if text == nil {
		return nil, nil
	}
	word, ok := parse(*text)
	if !ok {
		return nil, onboarding.InvalidField(pointer, "unknown", known)
	}
	return &word, nil
}

// optionalEnd reads a time, or never, if there is one in the body.
func optionalEnd(pointer string, text *string) (*time.Time, error) {
	if text == nil {
		return nil, nil
	}
	var at time.Time
	if *text != never {
		var err error
		if at, err = parseTime(*text); err != nil {
			return nil, onboarding.InvalidField(pointer, "invalid", "This is a time such as 2026-11-22T09:30:00Z, or never.")
		}
	}
	return &at, nil
}

func (s *updating) edit(r *http.Request) (any, act[onboarding.ContactID, onboarding.Contact], error) {
	var body invitationRequest
	if err := readJSON(r, &body); err != nil {
		return nil, nil, err
	}
	change, err := body.change()
	return body, func(ctx context.Context, caller onboarding.Caller, id onboarding.ContactID, match func(onboarding.Contact) bool, requestID string) (
		onboarding.Contact, error) {
		return s.useCase.Edit(ctx, caller, id, match, requestID, change)
	}, err
}
