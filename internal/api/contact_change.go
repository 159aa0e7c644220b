package api

import (
	"net/http"

	"latchkey/internal/onboarding"
)

type changeContactRequest struct {
	Email           string `json:"email,omitempty"`
	Phone           string `json:"phone,omitempty"`
	CurrentPassword string `json:"current_password"`
}

type contactChangeJSON struct {
	Recipient addressJSON `json:"recipient"`
	ExpiresAt string      `json:"expires_at"`
	ResendAt  string      `json:"resend_at"`
	TriesLeft int         `json:"tries_left"`
}

func (b changeContactRequest) address() (email onboarding.Address, err error) {
	switch {
	case b.Email != "" && b.Phone != "":
		return email, onboarding.InvalidField("/phone", "not_applicable", "Name one address, by email or phone.")
	case b.Phone != "":
		return email, nil
	}
	return parseEmail(b.Email)
}

func (s *signingIn) changeContact(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	var body changeContactRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	email, err := body.address()
	if err != nil {
		return err
	}
	c, err := s.useCase.ChangeContact(r.Context(), caller, email, body.Phone, body.CurrentPassword)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, contactChangeJSON{Recipient: addressJSON{string(c.Address.Kind), c.Address.Value},
		ExpiresAt: onboarding.FormatTime(c.EndsAt), ResendAt: onboarding.FormatTime(c.ResendAt()), TriesLeft: c.TriesLeft()})
}

type verifyContactRequest struct {
	Code string `json:"code"`
}

func (s *signingIn) verifyContact(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	var body verifyContactRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	if err := checkCode(body.Code); err != nil {
		return err
	}
	changed, token, err := s.useCase.VerifyContact(r.Context(), caller, body.Code)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, toSession(changed, token))
}
