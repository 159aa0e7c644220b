package api

import (
	"net/http"

	"latchkey/internal/onboarding"
)

// SignInStore is what the routes of sign-in ask of the table.
type SignInStore interface {
	onboarding.CallerStore
	onboarding.SignInStore
}

// SignIn serves sign-in: sessions and passwords, as JSON and as pages.
func SignIn(e Edge, world onboarding.World, store SignInStore, keys onboarding.Keys, texts onboarding.Texts) http.Handler {
	s := &signingIn{e, gate{store, world}, store, onboarding.SigningIn{World: world, Store: store, Keys: keys, Texts: texts}}
	e.Page = errorPage
	m := NewMux(e)
	m.handle("POST /v1/sessions", s.signIn)
	m.handle("GET /v1/sessions/current", s.current)
	m.handle("DELETE /v1/sessions/current", s.signOut)
	m.handle("POST /v1/sessions/current/password", s.changePassword)
	m.handle("POST /v1/sessions/current/contact-changes", s.changeContact)
	m.handle("POST /v1/sessions/current/contact-changes/verify", s.verifyContact)
	m.handle("POST /v1/public/{org}/password-resets", s.requestReset)
	m.handle("POST /v1/public/{org}/password-resets/{token}", s.setPassword)
	m.handle("POST /v1/public/{org}/password-resets/by-code", s.setPasswordByCode)
	m.page("GET /join/{org}/sign-in", s.signInPage, errorPage)
	m.page("POST /join/{org}/sign-in", s.signInForm, errorPage)
	m.page("POST /join/{org}/sign-out", s.signOutForm, errorPage)
	m.page("GET /join/{org}/forgotten-password", s.forgottenPage, errorPage)
	m.page("POST /join/{org}/forgotten-password", s.forgottenForm, errorPage)
	m.page("POST /join/{org}/forgotten-password/code", s.passwordCodeForm, errorPage)
	m.page("GET /join/{org}/password/{token}", s.passwordPage, errorPage)
	m.page("POST /join/{org}/password/{token}", s.passwordForm, errorPage)
	m.page("GET /join/{org}/new-password", s.newPasswordPage, errorPage)
	m.page("POST /join/{org}/new-password", s.newPasswordForm, errorPage)
	m.page("GET /join/{org}/welcome", s.welcomePage, errorPage)
	return m
}

type signingIn struct {
	Edge
	gate
	store   SignInStore
	useCase onboarding.SigningIn
}

type signInRequest struct {
	Organization string `json:"organization"`
	Login        string `json:"login"`
	Password     string `json:"password"`
}

func (s *signingIn) signIn(w http.ResponseWriter, r *http.Request) error {
	var body signInRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	org, _ := onboarding.ParseOrganizationID(body.Organization)
	caller, token, err := s.useCase.SignIn(r.Context(), org, body.Login, body.Password, sourceAddress(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, toSession(caller, token))
}

type currentSessionJSON struct {
	Organization organizationJSON `json:"organization"`
	Member       memberJSON       `json:"member"`
	Rights       rightsJSON       `json:"rights"`
	ExpiresAt    string           `json:"expires_at"`
	MustChange   bool             `json:"must_change_password"`
}

type rightsJSON struct {
	Invite       bool `json:"invite"`
	InviteAdmins bool `json:"invite_admins"`
	CopyLinks    bool `json:"copy_links"`
	SeeMembers   bool `json:"see_members"`
	SeeStructure bool `json:"see_structure"`
	Manage       bool `json:"manage_members"`
	Approve      bool `json:"approve"`
	Configure    bool `json:"configure"`
}

func (s *signingIn) current(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.identify(r, onboarding.Visitor)
	if err != nil {
		return err
	}
	rights := caller.Rights()
	return writeJSON(w, http.StatusOK, currentSessionJSON{
		Organization: toOrganization(caller.Organization), Member: toMember(caller.Member),
		Rights: rightsJSON{Invite: rights.Invite, InviteAdmins: rights.InviteAdmins, CopyLinks: rights.CopyLinks,
			SeeMembers: rights.SeeMembers, SeeStructure: rights.SeeStructure, Manage: rights.Manage, Approve: rights.Approve, Configure: rights.Configure},
		ExpiresAt: onboarding.FormatTime(caller.Session.ExpiresAt), MustChange: caller.Session.MustChange,
	})
}

func (s *signingIn) signOut(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.identify(r, onboarding.Visitor)
	if err != nil {
		return err
	}
	if err := s.useCase.SignOut(r.Context(), caller); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type changePasswordRequest struct {
	CurrentPassword string `json:"current_password"`
	NewPassword     string `json:"new_password"`
}

func (s *signingIn) changePassword(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.identify(r, onboarding.PasswordChooser)
	if err != nil {
		return err
	}
	var body changePasswordRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	caller, token, err := s.useCase.ChangePassword(r.Context(), caller, body.CurrentPassword, body.NewPassword)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, toSession(caller, token))
}

type requestResetRequest struct {
	Login string `json:"login"`
}

func (s *signingIn) requestReset(w http.ResponseWriter, r *http.Request) error {
	var body requestResetRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	if body.Login == "" {
		return onboarding.InvalidField("/login", "required", "This is required.")
	}
	if err := s.useCase.RequestReset(r.Context(), organization(r), body.Login, sourceAddress(r)); err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, emptyJSON{})
}

type setPasswordRequest struct {
	Password  string `json:"password"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
}

func (s *signingIn) setPassword(w http.ResponseWriter, r *http.Request) error {
	var body setPasswordRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	caller, token, err := s.useCase.Register(r.Context(), organization(r), r.PathValue("token"), body.Password, body.FirstName, body.LastName)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, toSession(caller, token))
}

type setPasswordByCodeRequest struct {
	Login    string `json:"login"`
	Code     string `json:"code"`
	Password string `json:"password"`
}

func (s *signingIn) setPasswordByCode(w http.ResponseWriter, r *http.Request) error {
	var body setPasswordByCodeRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	caller, token, err := s.byCode(r, body)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, toSession(caller, token))
}

// byCode sets a password for either twin. What cannot be a code costs no try.
func (s *signingIn) byCode(r *http.Request, body setPasswordByCodeRequest) (onboarding.Caller, onboarding.SessionToken, error) {
	if body.Login == "" {
		return onboarding.Caller{}, onboarding.SessionToken{}, onboarding.InvalidField("/login", "required", "This is required.")
	}
	if err := checkCode(body.Code); err != nil {
		return onboarding.Caller{}, onboarding.SessionToken{}, err
	}
	return s.useCase.SetPasswordByCode(r.Context(), organization(r), body.Login, body.Code, body.Password, sourceAddress(r))
}
