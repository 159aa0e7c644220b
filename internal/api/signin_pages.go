package api

import (
	"errors"
	"net/http"

	"latchkey/internal/api/pages"
	"latchkey/internal/onboarding"
)

func (s *signingIn) signInPage(w http.ResponseWriter, r *http.Request) error {
	if _, signedIn := s.visitor(r); signedIn {
		http.Redirect(w, r, joinPath(r, "welcome"), http.StatusSeeOther)
		return nil
	}
	return s.signInView(w, r, http.StatusOK, pages.SignIn{})
}

func (s *signingIn) signInView(w http.ResponseWriter, r *http.Request, status int, view pages.SignIn) error {
	view.Action, view.ForgottenPassword = joinPath(r, "sign-in"), joinPath(r, "forgotten-password")
	return s.write(w, r, status, view)
}

// write answers a page that bears the organization's name. Names of organizations are no secret; whoever asks for one that
// there is not gets the page all the same, under the handle.
func (s *signingIn) write(w http.ResponseWriter, r *http.Request, status int, view pages.View) error {
	if organization(r) == "" {
		return onboarding.Refuse(onboarding.NotFound, "There is no such page.")
	}
	o, err := s.store.ReadOrganization(r.Context(), organization(r))
	if errors.Is(err, onboarding.ErrNotFound) {
		o.Name = string(organization(r))
	} else if err != nil {
		return err
	}
	return writePageView(w, r, status, o.Name, view)
}

func (s *signingIn) signInForm(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r, "login", "password")
	if err != nil {
		return err
	}
	caller, token, err := s.useCase.SignIn(r.Context(), organization(r), form["login"], form["password"], sourceAddress(r))
	if fault, status, ok := formFault(err); ok {
		return s.signInView(w, r, status, pages.SignIn{Login: form["login"], Faults: fault})
	}
	if err != nil {
		return err
	}
	return enter(w, r, caller, token, "")
}

// formFault makes a fault of the whole form of what a form's sender can do something about.
func formFault(err error) (fault []pages.Fault, status int, ok bool) {
	refusal, _ := asRefusal(err)
	if refusal == nil {
		return nil, 0, false
	}
	switch refusal.Code {
	case onboarding.Invalid:
		return faults(refusal), http.StatusUnprocessableEntity, true
	case onboarding.WrongCredentials:
		return []pages.Fault{{Code: pages.WrongCredentials}}, http.StatusUnprocessableEntity, true
	case onboarding.TooManyAttempts:
		return []pages.Fault{{Code: pages.TooManyAttempts}}, http.StatusTooManyRequests, true
	}
	return nil, 0, false
}

// enter hands the browser its session and leads it in.
func enter(w http.ResponseWriter, r *http.Request, caller onboarding.Caller, token onboarding.SessionToken, query string) error {
	setSession(w, token.Reveal(), caller.Session.ExpiresAt)
	http.Redirect(w, r, joinPath(r, "welcome")+query, http.StatusSeeOther)
	return nil
}

// signOutForm ends the session and comes back to the invitation that was open, if any.
func (s *signingIn) signOutForm(w http.ResponseWriter, r *http.Request) error {
	if caller, err := s.bearer(r); err == nil { // of whichever organization
		if err := s.useCase.SignOut(r.Context(), caller); err != nil {
			return err
		}
	}
	clearSession(w)
	next := "sign-in"
	if token, err := onboarding.ParseToken(r.URL.Query().Get("return")); err == nil {
		next = token.Reveal()
	}
	http.Redirect(w, r, joinPath(r, next), http.StatusSeeOther)
	return nil
}

func (s *signingIn) welcomePage(w http.ResponseWriter, r *http.Request) error {
	visitor, signedIn := s.visitor(r)
	if !signedIn {
		http.Redirect(w, r, joinPath(r, "sign-in"), http.StatusSeeOther)
		return nil
	}
	m := visitor.Member
	return writePageView(w, r, http.StatusOK, visitor.Organization.Name, pages.Welcome{
		FirstName: m.FirstName, LastName: m.LastName, Login: m.Email, Admin: m.Role == onboarding.RoleAdmin,
		Joined: r.URL.Query().Get("joined") == "1", SignOut: joinPath(r, "sign-out"),
	})
}

func (s *signingIn) forgottenPage(w http.ResponseWriter, r *http.Request) error {
	return s.forgottenView(w, r, http.StatusOK, pages.ForgottenPassword{})
}

func (s *signingIn) forgottenView(w http.ResponseWriter, r *http.Request, status int, view pages.ForgottenPassword) error {
	view.Action, view.SignIn = joinPath(r, "forgotten-password"), joinPath(r, "sign-in")
	return s.write(w, r, status, view)
}

func (s *signingIn) forgottenForm(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r, "login")
	if err != nil {
		return err
	}
	err = s.useCase.RequestReset(r.Context(), organization(r), form["login"], sourceAddress(r))
	if fault, status, ok := formFault(err); ok {
		return s.forgottenView(w, r, status, pages.ForgottenPassword{Login: form["login"], Faults: fault})
	}
	if err != nil {
		return err
	}
	return s.write(w, r, http.StatusOK, pages.PasswordLinkSent{SignIn: joinPath(r, "sign-in")})
}

func (s *signingIn) passwordPage(w http.ResponseWriter, r *http.Request) error {
	open, _, err := s.useCase.OpenReset(r.Context(), organization(r), r.PathValue("token"))
	if err != nil {
		return s.refusedPage(w, r, err)
	}
	return s.passwordView(w, r, http.StatusOK, open, nil)
}

func (s *signingIn) passwordView(w http.ResponseWriter, r *http.Request, status int, open onboarding.OpenReset, faults []pages.Fault) error {
	return writePageView(w, r, status, open.Organization.Name, pages.ChoosePassword{
		Action: joinPath(r, "password/"+r.PathValue("token")), First: open.First(), Login: open.Member.Email, Faults: faults,
	})
}

func (s *signingIn) passwordForm(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r, "password")
	if err != nil {
		return err
	}
	caller, token, err := s.useCase.SetPassword(r.Context(), organization(r), r.PathValue("token"), form["password"])
	if fault, status, ok := formFault(err); ok {
		open, _, err := s.useCase.OpenReset(r.Context(), organization(r), r.PathValue("token"))
		if err != nil {
			return s.refusedPage(w, r, err)
		}
		return s.passwordView(w, r, status, open, fault)
	}
	if err != nil {
		return s.refusedPage(w, r, err)
	}
	return enter(w, r, caller, token, "")
}

// refusedPage shows why a password link cannot be used. Other errors are for errorPage.
func (s *signingIn) refusedPage(w http.ResponseWriter, r *http.Request, err error) error {
	switch refusal, _ := asRefusal(err); {
	case refusal == nil:
		return err
	case refusal.Code == onboarding.LinkInvalid:
		return s.write(w, r, http.StatusNotFound, pages.PasswordLinkInvalid{ForgottenPassword: joinPath(r, "forgotten-password")})
	case refusal.Code == onboarding.LinkExpired:
		return s.write(w, r, http.StatusGone, pages.PasswordLinkExpired{ForgottenPassword: joinPath(r, "forgotten-password")})
	}
	return err
}
