package api

import (
	"errors"
	"net/http"

	"latchkey/internal/onboarding"
	"latchkey/internal/telemetry"
)

// RedeemStore is what the routes of redeem-link ask of the table.
type RedeemStore interface {
	onboarding.CallerStore
	onboarding.RedeemStore
	onboarding.JoinStore
}

// RedeemLink serves redeem-link: what the holder of an invitation's link, or of an invite link, can do, as JSON and as pages.
func RedeemLink(e Edge, world onboarding.World, store RedeemStore, keys onboarding.Keys, texts onboarding.Texts) http.Handler {
	s := &redeeming{e, gate{store, world}, onboarding.Redeeming{World: world, Store: store, Keys: keys},
		onboarding.Joining{World: world, Store: store, Keys: keys, Texts: texts}}
	e.Page = errorPage
	m := NewMux(e)
	m.handle("GET /v1/public/{org}/invitations/{token}", s.preview)
	m.handle("POST /v1/public/{org}/invitations/{token}/accept", s.accept)
	m.handle("POST /v1/public/{org}/invitations/{token}/decline", s.decline)
	m.handle("POST /v1/public/{org}/invitations/{token}/request-new-link", s.requestNewLink)
	m.handle("GET /v1/public/{org}/links/{token}", s.previewLink)
	m.handle("POST /v1/public/{org}/links/{token}/join", s.joinByLink)
	m.handle("GET /v1/public/{org}/joins/{token}", s.look)
	m.handle("POST /v1/public/{org}/joins/{token}/verify", s.verify)
	m.handle("POST /v1/public/{org}/joins/{token}/resend-code", s.resendCode)
	m.page("GET /join/{org}/{token}", s.openPage, errorPage)
	m.page("POST /join/{org}/{token}/accept", s.acceptPage, errorPage)
	m.page("POST /join/{org}/{token}/decline", s.declinePage, errorPage)
	m.page("POST /join/{org}/{token}/request-new-link", s.requestNewLinkPage, errorPage)
	m.page("POST /join/{org}/{token}/join", s.joinByLinkPage, errorPage)
	m.page("POST /join/{org}/{token}/verify", s.begun(s.verifyPage), errorPage)
	m.page("POST /join/{org}/{token}/resend-code", s.begun(s.resendCodePage), errorPage)
	m.page("GET /assets/{file}", asset, errorPage)
	return m
}

type redeeming struct {
	Edge
	gate
	useCase onboarding.Redeeming
	joining onboarding.Joining
}

type publicInvitationJSON struct {
	Organization organizationJSON `json:"organization"`
	InviterName  string           `json:"inviter_name"`
	Recipient    recipientJSON    `json:"recipient"`
	MemberType   string           `json:"member_type"`
	Role         string           `json:"role"`
	ExpiresAt    string           `json:"expires_at"`
	Locale       string           `json:"locale"`
}

func (s *redeeming) preview(w http.ResponseWriter, r *http.Request) error {
	offer, err := s.useCase.Open(r.Context(), organization(r), r.PathValue("token"))
	if err != nil {
		return err
	}
	i := offer.Contact.Invitation
	return writeJSON(w, http.StatusOK, publicInvitationJSON{
		Organization: toOrganization(offer.Organization), InviterName: i.InviterName, Recipient: toRecipient(offer.Contact),
		MemberType: string(i.MemberType), Role: string(i.Role), ExpiresAt: onboarding.FormatTime(i.ExpiresAt), Locale: string(i.Locale),
	})
}

type acceptRequest struct {
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Password  string `json:"password"`
}

func (s *redeeming) accept(w http.ResponseWriter, r *http.Request) error {
	var body acceptRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	caller, token, err := s.join(r, onboarding.Profile(body))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, toSession(caller, token))
}

// join accepts the invitation of the path for either twin.
func (s *redeeming) join(r *http.Request, p onboarding.Profile) (onboarding.Caller, onboarding.SessionToken, error) {
	caller, token, err := s.useCase.Accept(r.Context(), organization(r), r.PathValue("token"), p)
	if err == nil {
		s.count(caller)
	}
	return caller, token, err
}

// count tells the metrics of whoever has come in. Who waits has not.
func (s *redeeming) count(caller onboarding.Caller) {
	if caller.Member.Status == onboarding.MemberActive {
		s.Metrics.Count(telemetry.Accepted, 1)
	}
}

func (s *redeeming) decline(w http.ResponseWriter, r *http.Request) error {
	if err := readOptionalJSON(r, &emptyJSON{}); err != nil {
		return err
	}
	if _, err := s.useCase.Decline(r.Context(), organization(r), r.PathValue("token")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *redeeming) requestNewLink(w http.ResponseWriter, r *http.Request) error {
	if err := readOptionalJSON(r, &emptyJSON{}); err != nil {
		return err
	}
	if _, err := s.useCase.RequestNewLink(r.Context(), organization(r), r.PathValue("token")); err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, emptyJSON{})
}

func asRefusal(err error) (*onboarding.Error, bool) {
	var refusal *onboarding.Error
	ok := errors.As(err, &refusal)
	return refusal, ok
}
