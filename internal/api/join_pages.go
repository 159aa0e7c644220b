package api

import (
	"net/http"
	"strings"

	"latchkey/internal/api/pages"
	"latchkey/internal/locale"
	"latchkey/internal/onboarding"
)

// openPage shows what a token leads to. What is none leads where a dead invitation does.
func (s *redeeming) openPage(w http.ResponseWriter, r *http.Request) error {
	token, err := onboarding.ParseToken(r.PathValue("token"))
	switch {
	case err == nil && token.Purpose == onboarding.PurposeLink:
		return s.linkPage(w, r)
	case err == nil && token.Purpose == onboarding.PurposeJoin:
		return s.begun(s.codePage)(w, r)
	}
	return s.joinPage(w, r)
}

func (s *redeeming) linkPage(w http.ResponseWriter, r *http.Request) error {
	open, err := s.joining.Open(r.Context(), organization(r), r.PathValue("token"))
	if err != nil {
		return s.deadEnd(w, r, open.Organization, err)
	}
	if answered, err := s.elsewhere(w, r, open.Organization); answered {
		return err
	}
	return s.linkForm(w, r, http.StatusOK, open, pages.JoinByLink{})
}

// linkForm shows the form of an invite link that works.
func (s *redeeming) linkForm(w http.ResponseWriter, r *http.Request, status int, open onboarding.OpenLink, form pages.JoinByLink) error {
	form.Action, form.MayWait, form.Phones = linkPath(r)+"/join", open.MayWait(), s.joining.TakesPhones(open)
	for _, d := range open.Link.Terms.Domains {
		form.Domains = append(form.Domains, d.Name)
		if d.Subdomains {
			form.Domains = append(form.Domains, "*."+d.Name)
		}
	}
	return writePageView(w, r, status, open.Organization.Name, form)
}

// elsewhere answers in a browser in which somebody is signed in: it leads an applicant to where they stand, and tells a
// member that they would join as somebody else.
func (s *redeeming) elsewhere(w http.ResponseWriter, r *http.Request, o onboarding.Organization) (answered bool, err error) {
	visitor, signedIn := s.visitor(r)
	switch {
	case !signedIn:
		return false, nil
	case visitor.Member.Status.Applicant():
		http.Redirect(w, r, joinPath(r, "welcome"), http.StatusSeeOther)
		return true, nil
	}
	return true, writePageView(w, r, http.StatusConflict, o.Name, signedInAs(r, visitor))
}

func (s *redeeming) joinByLinkPage(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r, "first_name", "last_name", "contact", "password")
	if err != nil {
		return err
	}
	open, err := s.joining.Open(r.Context(), organization(r), r.PathValue("token"))
	if err != nil {
		return s.deadEnd(w, r, open.Organization, err)
	}
	if answered, err := s.elsewhere(w, r, open.Organization); answered {
		return err
	}
	j, token, err := s.begin(r, form, s.joining.TakesPhones(open))
	if fault, status, ok := formFault(w, err); ok {
		for i, f := range fault {
			if f.Field == "email" || f.Field == "phone" {
				fault[i].Field = "contact" // the one input for either
			}
		}
		return s.linkForm(w, r, status, open,
			pages.JoinByLink{Contact: form["contact"], FirstName: form["first_name"], LastName: form["last_name"], Faults: fault})
	}
	if err != nil {
		return s.deadEnd(w, r, open.Organization, err)
	}
	setJoin(w, token.Reveal(), j.ExpiresAt)
	http.Redirect(w, r, joinPath(r, token.Reveal()), http.StatusSeeOther)
	return nil
}

// begin makes a join of what a form says, in the language of its page. What has no @ is a number where the link takes some.
func (s *redeeming) begin(r *http.Request, form map[string]string, takesPhones bool) (onboarding.Join, onboarding.Token, error) {
	body := joinRequest{Email: form["contact"], FirstName: form["first_name"], LastName: form["last_name"],
		Password: form["password"], Locale: string(locale.Match(r.Header.Get("Accept-Language")))}
	if takesPhones && !strings.Contains(body.Email, "@") {
		body.Email, body.Phone = "", strings.TrimSpace(body.Email)
	}
	profile, err := body.profile()
	if err != nil {
		return onboarding.Join{}, onboarding.Token{}, err
	}
	return s.joining.Begin(r.Context(), organization(r), r.PathValue("token"), profile, sourceAddress(r))
}

// begun serves a page of a join to the browser that began it, and to nobody who is signed in.
func (s *redeeming) begun(show func(http.ResponseWriter, *http.Request, onboarding.Organization, onboarding.Join) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		o, j, err := s.joining.Look(r.Context(), organization(r), r.PathValue("token"))
		if err != nil {
			return s.deadEnd(w, r, o, err)
		}
		if answered, err := s.elsewhere(w, r, o); answered {
			return err
		}
		if !beganHere(r) {
			again, err := s.again(r, j)
			if err != nil {
				return err
			}
			return writePageView(w, r, http.StatusForbidden, o.Name, pages.JoinElsewhere{Again: again})
		}
		return show(w, r, o, j)
	}
}

// again is the path of the invite link that a join began with; empty if that is another one by now.
func (s *redeeming) again(r *http.Request, j onboarding.Join) (string, error) {
	link, works, err := s.joining.Again(r.Context(), organization(r), j)
	if err != nil || !works {
		return "", err
	}
	return joinPath(r, link.Reveal()), nil
}

func (s *redeeming) codePage(w http.ResponseWriter, r *http.Request, o onboarding.Organization, j onboarding.Join) error {
	return s.codeForm(w, r, http.StatusOK, o, j, pages.EnterCode{Sent: r.URL.Query().Get("sent") == "1"})
}

// codeForm asks for the code of a join, and leads back to its invite link.
func (s *redeeming) codeForm(w http.ResponseWriter, r *http.Request, status int, o onboarding.Organization, j onboarding.Join, form pages.EnterCode) error {
	form.Action, form.Resend = linkPath(r)+"/verify", linkPath(r)+"/resend-code"
	form.Address, form.Until, form.ByPhone = j.Address.Value, j.CodeEnds, j.Address.Kind == onboarding.Phone
	var err error
	if form.Again, err = s.again(r, j); err != nil {
		return err
	}
	if len(form.Faults) == 0 && (j.TriesLeft() == 0 || !s.world.Now().Before(j.CodeEnds)) {
		form.Faults = []pages.Fault{{Code: pages.CodeExpired}}
	}
	return writePageView(w, r, status, o.Name, form)
}

func (s *redeeming) verifyPage(w http.ResponseWriter, r *http.Request, o onboarding.Organization, j onboarding.Join) error {
	form, err := readForm(r, "code")
	if err != nil {
		return err
	}
	caller, token, err := s.prove(r, form["code"])
	if fault, status, ok := formFault(w, err); ok {
		return s.codeForm(w, r, status, o, j, pages.EnterCode{Faults: fault})
	}
	if err != nil {
		return s.deadEnd(w, r, o, err)
	}
	return enter(w, r, caller, token, arrival(caller))
}

func (s *redeeming) resendCodePage(w http.ResponseWriter, r *http.Request, o onboarding.Organization, j onboarding.Join) error {
	_, err := s.joining.SendCode(r.Context(), organization(r), r.PathValue("token"))
	if fault, status, ok := formFault(w, err); ok {
		return s.codeForm(w, r, status, o, j, pages.EnterCode{Faults: fault})
	}
	if err != nil {
		return s.deadEnd(w, r, o, err)
	}
	http.Redirect(w, r, linkPath(r)+"?sent=1", http.StatusSeeOther)
	return nil
}

// deadEnd shows why nobody joins by a link, or with a code. Whoever has come in already, or waits, is led to where they
// stand. Other errors are for errorPage.
func (s *redeeming) deadEnd(w http.ResponseWriter, r *http.Request, o onboarding.Organization, err error) error {
	refusal, ok := asRefusal(err)
	if !ok {
		return err
	}
	view := deadEndView(r, refusal.Code)
	if view == nil {
		return err
	}
	if visitor, signedIn := s.visitor(r); signedIn && (visitor.Member.Status.Applicant() || refusal.Code == onboarding.AlreadyJoined) {
		http.Redirect(w, r, joinPath(r, "welcome"), http.StatusSeeOther)
		return nil
	}
	return writePageView(w, r, kinds[refusal.Code].status, o.Name, view)
}

func deadEndView(r *http.Request, code onboarding.Code) pages.View {
	switch code {
	case onboarding.LinkInvalid:
		return pages.LinkInvalid{}
	case onboarding.LinkExpired:
		return pages.InviteLinkExpired{}
	case onboarding.LinkDisabled:
		return pages.LinkDisabled{}
	case onboarding.LinkExhausted:
		return pages.LinkExhausted{}
	case onboarding.RegistrationClosed:
		return pages.RegistrationClosed{}
	case onboarding.OrganizationClosed:
		return pages.OrganizationClosed{}
	case onboarding.JoinExpired:
		return pages.JoinExpired{}
	case onboarding.AlreadyJoined:
		return pages.AlreadyJoined{SignIn: joinPath(r, "sign-in")}
	case onboarding.IsMember:
		return pages.AlreadyMember{SignIn: joinPath(r, "sign-in"), ForgottenPassword: joinPath(r, "forgotten-password")}
	case onboarding.InvitationWaits:
		return pages.InvitationWaiting{}
	case onboarding.DismissedBefore:
		return pages.MemberWasDismissed{}
	case onboarding.PartnersFull: // of an invitation that waited for the address
		return pages.Closed{}
	}
	return nil
}
