package api

import (
	"net/http"

	"latchkey/internal/api/pages"
	"latchkey/internal/onboarding"
)

// joinPage shows what a link leads to. It changes nothing: mail scanners open links.
func (s *redeeming) joinPage(w http.ResponseWriter, r *http.Request) error {
	offer, err := s.useCase.Open(r.Context(), organization(r), r.PathValue("token"))
	if err != nil {
		return s.refusedPage(w, r, offer, err)
	}
	if page, ok := s.anotherPage(r); ok {
		return writePageView(w, r, http.StatusConflict, offer.Organization.Name, page)
	}
	i := offer.Contact.Invitation
	return s.formPage(w, r, http.StatusOK, offer, pages.Join{FirstName: i.FirstName, LastName: i.LastName})
}

// formPage shows the form of a valid invitation.
func (s *redeeming) formPage(w http.ResponseWriter, r *http.Request, status int, offer onboarding.OpenOffer, form pages.Join) error {
	i := offer.Contact.Invitation
	form.Action, form.Decline = linkPath(r)+"/accept", linkPath(r)+"/decline"
	form.Inviter, form.Address, form.Expires = i.InviterName, offer.Contact.Address.Value, i.ExpiresAt
	return writePageView(w, r, status, offer.Organization.Name, form)
}

// anotherPage is shown in a browser in which somebody is signed in already: whoever goes on would join as somebody else.
func (s *redeeming) anotherPage(r *http.Request) (pages.View, bool) {
	visitor, signedIn := s.visitor(r)
	if !signedIn {
		return nil, false
	}
	return signedInAs(r, visitor), true
}

func signedInAs(r *http.Request, visitor onboarding.Caller) pages.View {
	return pages.SignedInAsAnother{Name: visitor.Member.Name(), Login: visitor.Member.Login().Value,
		SignOut: joinPath(r, "sign-out") + "?return=" + r.PathValue("token"), Stay: joinPath(r, "welcome")}
}

func (s *redeeming) acceptPage(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r, "first_name", "last_name", "password")
	if err != nil {
		return err
	}
	offer, err := s.useCase.Open(r.Context(), organization(r), r.PathValue("token"))
	if err != nil {
		return s.refusedPage(w, r, offer, err)
	}
	if page, ok := s.anotherPage(r); ok {
		return writePageView(w, r, http.StatusConflict, offer.Organization.Name, page)
	}
	caller, token, err := s.join(r, onboarding.Profile{FirstName: form["first_name"], LastName: form["last_name"], Password: form["password"]})
	if refusal, ok := asRefusal(err); ok && refusal.Code == onboarding.Invalid {
		return s.formPage(w, r, http.StatusUnprocessableEntity, offer,
			pages.Join{FirstName: form["first_name"], LastName: form["last_name"], Faults: faults(refusal)})
	}
	if err != nil {
		return s.refusedPage(w, r, offer, err)
	}
	return enter(w, r, caller, token, arrival(caller))
}

// arrival is the page for whoever has just come in, or begun to wait.
func arrival(caller onboarding.Caller) string {
	if caller.Member.Status == onboarding.MemberActive {
		return "welcome?joined=1"
	}
	return "welcome"
}

func (s *redeeming) declinePage(w http.ResponseWriter, r *http.Request) error {
	offer, err := s.useCase.Decline(r.Context(), organization(r), r.PathValue("token"))
	if err != nil {
		return s.refusedPage(w, r, offer, err)
	}
	return writePageView(w, r, http.StatusOK, offer.Organization.Name, pages.Declined{})
}

func (s *redeeming) requestNewLinkPage(w http.ResponseWriter, r *http.Request) error {
	offer, err := s.useCase.RequestNewLink(r.Context(), organization(r), r.PathValue("token"))
	if err != nil {
		return s.refusedPage(w, r, offer, err)
	}
	return writePageView(w, r, http.StatusOK, offer.Organization.Name, pages.NewLinkAsked{})
}

// refusedPage shows why a link cannot be used, and what can be done about it. Other errors are for errorPage.
func (s *redeeming) refusedPage(w http.ResponseWriter, r *http.Request, offer onboarding.OpenOffer, err error) error {
	refusal, ok := asRefusal(err)
	if !ok {
		return err
	}
	var view pages.View
	switch refusal.Code {
	case onboarding.LinkInvalid:
		view = pages.LinkInvalid{}
	case onboarding.LinkExpired:
		view = pages.LinkExpired{Action: linkPath(r) + "/request-new-link"}
	case onboarding.LinkRevoked:
		view = pages.Revoked{}
		if offer.Contact.Invitation.Status != onboarding.InvitationRevoked {
			view = pages.Closed{}
		}
	case onboarding.PartnersFull:
		view = pages.Closed{}
	case onboarding.AlreadyAccepted:
		if visitor, signedIn := s.visitor(r); signedIn && visitor.Member.ID == offer.Contact.Member {
			http.Redirect(w, r, joinPath(r, "welcome"), http.StatusSeeOther)
			return nil
		}
		view = pages.LinkUsed{SignIn: joinPath(r, "sign-in")}
	case onboarding.AlreadyDeclined:
		view = pages.AlreadyDeclined{}
	case onboarding.OrganizationClosed:
		view = pages.OrganizationClosed{}
	default:
		return err
	}
	return writePageView(w, r, kinds[refusal.Code].status, offer.Organization.Name, view)
}
