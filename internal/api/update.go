package api

import (
	"context"
	"net/http"

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
	s := &updating{gate{store, world}, repeatable{store, world}, world}
	m := NewMux(e)
	m.handle("POST /v1/organizations/{org}/invitations/{id}/resend", s.change(useCase.Resend))
	m.handle("POST /v1/organizations/{org}/invitations/{id}/revoke", s.change(useCase.Revoke))
	return m
}

type updating struct {
	gate
	repeatable
	now onboarding.World
}

// change serves one act on one invitation. Its body is empty.
func (s *updating) change(act changeInvitation) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		caller, err := s.caller(r)
		if err != nil {
			return err
		}
		id, err := onboarding.ParseInvitationID(r.PathValue("id"))
		if err != nil {
			return onboarding.Refuse(onboarding.NotFound, "There is no such invitation.")
		}
		if err := readOptionalJSON(r, &emptyJSON{}); err != nil {
			return err
		}
		match, err := ifMatch(r)
		if err != nil {
			return err
		}
		return s.run(w, r, caller, emptyJSON{}, func(requestID string, _ bool) (outcome, error) {
			now := s.now.Instant()
			c, err := act(r.Context(), caller, id, func(c onboarding.Contact) bool { return match.matches(invitationTag(c, now)) }, requestID)
			if err != nil {
				return outcome{}, err
			}
			shown := toInvitation(caller.Organization.ID, c, now)
			return outcome{tag: invitationTag(c, now), body: shown, kept: shown}, nil
		})
	}
}

type changeInvitation = func(ctx context.Context, caller onboarding.Caller, id onboarding.ContactID, match onboarding.Match, requestID string) (
	onboarding.Contact, error)
