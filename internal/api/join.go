package api

import (
	"net/http"
	"strings"

	"latchkey/internal/onboarding"
)

type publicLinkJSON struct {
	Organization   organizationJSON `json:"organization"`
	MemberType     string           `json:"member_type"`
	AllowedDomains []domainJSON     `json:"allowed_domains"`
	TakesPhones    bool             `json:"takes_phones"`
	ExpiresAt      *string          `json:"expires_at"`
}

func (s *redeeming) previewLink(w http.ResponseWriter, r *http.Request) error {
	open, err := s.joining.Open(r.Context(), organization(r), r.PathValue("token"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, publicLinkJSON{
		Organization: toOrganization(open.Organization), MemberType: string(open.Link.Offer.Type),
		AllowedDomains: toDomains(open.Link.Terms.Domains), TakesPhones: s.joining.TakesPhones(open), ExpiresAt: timeOrNull(open.Link.ExpiresAt),
	})
}

type joinRequest struct {
	Email     string `json:"email,omitempty"`
	Phone     string `json:"phone,omitempty"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Password  string `json:"password"`
	Locale    string `json:"locale,omitempty"`
}

func (b joinRequest) profile() (onboarding.JoinProfile, error) {
	p := onboarding.JoinProfile{FirstName: b.FirstName, LastName: b.LastName, Password: b.Password}
	var err error
	switch p.Phone = b.Phone; {
	case b.Phone != "" && b.Email != "":
		return p, onboarding.InvalidField("/phone", "not_applicable", "Give one address, by email or phone.")
	case b.Phone == "":
		if p.Address, err = parseEmail(b.Email); err != nil {
			return p, err
		}
	}
	if b.Locale != "" {
		var ok bool
		if p.Locale, ok = onboarding.ParseLocale(b.Locale); !ok {
			return p, onboarding.InvalidField("/locale", "unknown", "This is en or de.")
		}
	}
	return p, nil
}

// parseEmail reads the field email of a body or of a form.
func parseEmail(s string) (onboarding.Address, error) {
	if s == "" {
		return onboarding.Address{}, onboarding.InvalidField("/email", "required", "This is required.")
	}
	a, err := onboarding.ParseEmail(s)
	if err != nil {
		return a, onboarding.InvalidValue("/email", err)
	}
	return a, nil
}

func (s *redeeming) joinByLink(w http.ResponseWriter, r *http.Request) error {
	var body joinRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	profile, err := body.profile()
	if err != nil {
		return err
	}
	j, token, err := s.joining.Begin(r.Context(), organization(r), r.PathValue("token"), profile, sourceAddress(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, toJoin(j, token.Reveal()))
}

func (s *redeeming) look(w http.ResponseWriter, r *http.Request) error {
	_, j, err := s.joining.Look(r.Context(), organization(r), r.PathValue("token"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, toJoin(j, r.PathValue("token")))
}

type verifyRequest struct {
	Code string `json:"code"`
}

func (s *redeeming) verify(w http.ResponseWriter, r *http.Request) error {
	var body verifyRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	caller, token, err := s.prove(r, body.Code)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, toSession(caller, token))
}

// prove verifies the join of the path for either twin. What cannot be a code costs no try.
func (s *redeeming) prove(r *http.Request, code string) (onboarding.Caller, onboarding.SessionToken, error) {
	if err := checkCode(code); err != nil {
		return onboarding.Caller{}, onboarding.SessionToken{}, err
	}
	caller, token, err := s.joining.Verify(r.Context(), organization(r), r.PathValue("token"), code)
	if err == nil {
		s.count(caller)
	}
	return caller, token, err
}

func checkCode(typed string) error {
	digits := strings.Join(strings.Fields(typed), "")
	switch {
	case digits == "":
		return onboarding.InvalidField("/code", "required", "This is required.")
	case len(digits) != 6 || strings.Trim(digits, "0123456789") != "":
		return onboarding.InvalidField("/code", "invalid", "A code has six digits.")
	}
	return nil
}

func (s *redeeming) resendCode(w http.ResponseWriter, r *http.Request) error {
	if err := readOptionalJSON(r, &emptyJSON{}); err != nil {
		return err
	}
	j, err := s.joining.SendCode(r.Context(), organization(r), r.PathValue("token"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, toJoin(j, r.PathValue("token")))
}
