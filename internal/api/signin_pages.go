package api

import (
	"errors"
	"net/http"
	"strings"

	"latchkey/internal/api/pages"
	"latchkey/internal/onboarding"
)

func (s *signingIn) signInPage(w http.ResponseWriter, r *http.Request) error {
	if visitor, signedIn := s.visitor(r); signedIn {
		http.Redirect(w, r, joinPath(r, destination(r, visitor)), http.StatusSeeOther)
		return nil
	}
	return s.signInView(w, r, http.StatusOK, pages.SignIn{})
}

// returnsToQueue reports whether the query asks to go on to the queue. That is the one page that it can name.
func returnsToQueue(r *http.Request) bool { return r.URL.Query().Get("return") == queuePage }

// destination is the page that signing in leads to.
func destination(r *http.Request, caller onboarding.Caller) string {
	if caller.Session.MustChange {
		return "new-password"
	}
	if returnsToQueue(r) && !caller.Member.Status.Applicant() {
		return queuePage
	}
	return "welcome"
}

func (s *signingIn) signInView(w http.ResponseWriter, r *http.Request, status int, view pages.SignIn) error {
	view.Action, view.ForgottenPassword = joinPath(r, "sign-in"), joinPath(r, "forgotten-password")
	if returnsToQueue(r) {
		view.Action += "?return=" + queuePage
	}
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
	if fault, status, ok := formFault(w, err); ok {
		return s.signInView(w, r, status, pages.SignIn{Login: form["login"], Faults: fault})
	}
	if err != nil {
		return err
	}
	return enter(w, r, caller, token, destination(r, caller))
}

// formFault makes a fault of the whole form of what a form's sender can do something about. It sets the header
// that says when to try again.
func formFault(w http.ResponseWriter, err error) (fault []pages.Fault, status int, ok bool) {
	refusal, _ := asRefusal(err)
	if refusal == nil {
		return nil, 0, false
	}
	switch refusal.Code {
	case onboarding.Invalid:
		return faults(refusal), http.StatusUnprocessableEntity, true
	case onboarding.WrongCredentials:
		return []pages.Fault{{Code: pages.WrongCredentials}}, http.StatusUnprocessableEntity, true
	case onboarding.CodeExpired:
		return []pages.Fault{{Code: pages.CodeExpired}}, http.StatusGone, true
	case onboarding.TooManyAttempts:
		problemOf(err).setHeaders(w.Header())
		return []pages.Fault{{Code: pages.TooManyAttempts}}, http.StatusTooManyRequests, true
	}
	return nil, 0, false
}

// enter hands the browser its session and leads it to a page.
func enter(w http.ResponseWriter, r *http.Request, caller onboarding.Caller, token onboarding.SessionToken, page string) error {
	setSession(w, token.Reveal(), caller.Session.ExpiresAt)
	http.Redirect(w, r, joinPath(r, page), http.StatusSeeOther)
	return nil
}

// signOutForm ends the session and comes back to the link that was open, if any.
func (s *signingIn) signOutForm(w http.ResponseWriter, r *http.Request) error {
	if caller, err := s.bearer(r, onboarding.Visitor); err == nil { // of whichever organization
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
	return writePageView(w, r, http.StatusOK, visitor.Organization.Name, welcome(r, visitor))
}

// welcome shows a member who is signed in, and an applicant where they stand.
func welcome(r *http.Request, visitor onboarding.Caller) pages.View {
	m, signOut := visitor.Member, joinPath(r, "sign-out")
	switch m.Status {
	case onboarding.MemberPendingApproval:
		return pages.Waiting{FirstName: m.FirstName, Login: m.Login().Value, Since: m.Request.At, SignOut: signOut}
	case onboarding.MemberRejected:
		return pages.Rejected{SignOut: signOut}
	}
	requests := ""
	if visitor.Rights().Approve {
		requests = joinPath(r, "requests")
	}
	return pages.Welcome{FirstName: m.FirstName, LastName: m.LastName, Login: m.Login().Value, Admin: m.Role == onboarding.RoleAdmin,
		Joined: r.URL.Query().Get("joined") == "1", Requests: requests, SignOut: signOut}
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
	if fault, status, ok := formFault(w, err); ok {
		return s.forgottenView(w, r, status, pages.ForgottenPassword{Login: form["login"], Faults: fault})
	}
	if err != nil {
		return err
	}
	if !strings.Contains(form["login"], "@") {
		return s.passwordCodeView(w, r, http.StatusOK, form["login"], nil)
	}
	return s.write(w, r, http.StatusOK, pages.PasswordLinkSent{SignIn: joinPath(r, "sign-in")})
}

// passwordCodeView asks for the code that was texted. Like PasswordLinkSent it says nothing of whether there is such a member.
func (s *signingIn) passwordCodeView(w http.ResponseWriter, r *http.Request, status int, login string, faults []pages.Fault) error {
	return s.write(w, r, status, pages.ChoosePasswordByCode{Action: joinPath(r, "forgotten-password/code"), Again: joinPath(r, "forgotten-password"),
		Login: login, Faults: faults})
}

func (s *signingIn) passwordCodeForm(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r, "login", "code", "password")
	if err != nil {
		return err
	}
	caller, token, err := s.byCode(r, setPasswordByCodeRequest{form["login"], form["code"], form["password"]})
	if fault, status, ok := formFault(w, err); ok {
		return s.passwordCodeView(w, r, status, form["login"], fault)
	}
	if err != nil {
		return err
	}
	return enter(w, r, caller, token, "welcome")
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
		Action: joinPath(r, "password/"+r.PathValue("token")), First: open.First(), Login: open.Member.Login().Value, Faults: faults,
		Names: open.Registers(), FirstName: open.Member.FirstName, LastName: open.Member.LastName,
	})
}

func (s *signingIn) passwordForm(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r, "password", "first_name", "last_name")
	if err != nil {
		return err
	}
	caller, token, err := s.useCase.Register(r.Context(), organization(r), r.PathValue("token"), form["password"],
		form["first_name"], form["last_name"])
	if fault, status, ok := formFault(w, err); ok {
		open, _, err := s.useCase.OpenReset(r.Context(), organization(r), r.PathValue("token"))
		if err != nil {
			return s.refusedPage(w, r, err)
		}
		open.Member.FirstName, open.Member.LastName = form["first_name"], form["last_name"]
		return s.passwordView(w, r, status, open, fault)
	}
	if err != nil {
		return s.refusedPage(w, r, err)
	}
	return enter(w, r, caller, token, "welcome")
}

// chooser says who may choose a password in the browser, which no API key may, or leads to where one signs in.
func (s *signingIn) chooser(w http.ResponseWriter, r *http.Request) (onboarding.Caller, bool, error) {
	caller, err := s.bearer(r, onboarding.PasswordChooser)
	if refusal, _ := asRefusal(err); err != nil && refusal == nil {
		return caller, false, err
	}
	if err != nil || caller.Key != nil || string(caller.Organization.ID) != r.PathValue("org") {
		http.Redirect(w, r, joinPath(r, "sign-in"), http.StatusSeeOther)
		return caller, false, nil
	}
	return caller, true, nil
}

func (s *signingIn) newPasswordPage(w http.ResponseWriter, r *http.Request) error {
	caller, ok, err := s.chooser(w, r)
	if !ok {
		return err
	}
	return s.newPasswordView(w, r, http.StatusOK, caller, nil)
}

func (s *signingIn) newPasswordView(w http.ResponseWriter, r *http.Request, status int, caller onboarding.Caller, faults []pages.Fault) error {
	return writePageView(w, r, status, caller.Organization.Name, pages.NewPassword{Action: joinPath(r, "new-password"),
		Login: caller.Member.Login().Value, SignOut: joinPath(r, "sign-out"), Faults: faults})
}

func (s *signingIn) newPasswordForm(w http.ResponseWriter, r *http.Request) error {
	caller, ok, err := s.chooser(w, r)
	if !ok {
		return err
	}
	form, err := readForm(r, "current_password", "new_password")
	if err != nil {
		return err
	}
	changed, token, err := s.useCase.ChangePassword(r.Context(), caller, form["current_password"], form["new_password"])
	if fault, status, ok := formFault(w, err); ok {
		return s.newPasswordView(w, r, status, caller, fault)
	}
	if err != nil {
		return err
	}
	return enter(w, r, changed, token, "welcome")
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
