package api

import (
	"errors"
	"net/http"

	"latchkey/internal/api/pages"
	"latchkey/internal/onboarding"
)

const (
	queuePage   = "requests"
	queueLength = 50 // so many are on the page; the others move up
)

// queue shows an administrator who waits.
func (s *approving) queue(w http.ResponseWriter, r *http.Request) error {
	visitor, signedIn := s.visitor(r)
	if !signedIn {
		return signInForQueue(w, r)
	}
	if !visitor.Rights().Approve {
		return onboarding.Refuse(onboarding.Forbidden, "Only administrators see who waits.")
	}
	found, next, err := s.store.ListJoinRequests(r.Context(), visitor.Organization.ID, onboarding.MemberPendingApproval,
		onboarding.RequestFilter{}, "", queueLength)
	if err != nil {
		return err
	}
	items, err := s.items(r, found)
	if err != nil {
		return err
	}
	return writePageView(w, r, http.StatusOK, visitor.Organization.Name, pages.Requests{
		Items: items, More: next != "", Done: r.URL.Query().Get("done"), SignOut: joinPath(r, "sign-out"), Back: joinPath(r, "welcome"),
	})
}

func signInForQueue(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, joinPath(r, "sign-in")+"?return="+queuePage, http.StatusSeeOther)
	return nil
}

// items shows who waits, and by whose link or invitation they came. Each of these is read once.
func (s *approving) items(r *http.Request, waiting []onboarding.Member) ([]pages.RequestItem, error) {
	items, seen := make([]pages.RequestItem, len(waiting)), map[onboarding.Entry]string{}
	for i, m := range waiting {
		via, known := seen[m.Entry]
		if !known {
			var err error
			if via, err = s.via(r, m); err != nil {
				return nil, err
			}
			seen[m.Entry] = via
		}
		path := joinPath(r, queuePage+"/"+m.ID.String())
		items[i] = pages.RequestItem{Name: m.Name(), Address: m.Login().Value, Asked: m.Request.At, Via: via,
			ByLink: m.Entry.Channel == onboarding.ChannelInviteLink, Seatless: m.Request.Seatless(), Approve: path + "/approve", Reject: path + "/reject"}
	}
	return items, nil
}

// via is the label of the link, or the name of the inviter, by which somebody came; empty where there is none any more.
func (s *approving) via(r *http.Request, m onboarding.Member) (string, error) {
	if m.Entry.Channel == onboarding.ChannelInviteLink {
		_, l, err := s.store.ReadLink(r.Context(), m.Organization, m.Entry.Link)
		return l.Label, orNothing(err)
	}
	inviter, err := s.store.ReadMember(r.Context(), m.Organization, m.Entry.Inviter)
	return inviter.Name(), orNothing(err)
}

// orNothing makes nothing of an error that says that there is nothing.
func orNothing(err error) error {
	if errors.Is(err, onboarding.ErrNotFound) {
		return nil
	}
	return err
}

func (s *approving) approvePage(w http.ResponseWriter, r *http.Request) error {
	return s.decidePage(w, r, onboarding.Decision{Approve: true})
}

func (s *approving) rejectPage(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r, "reason")
	if err != nil {
		return err
	}
	d, err := rejectionRequest{Reason: form["reason"]}.decision("")
	if err != nil {
		return err
	}
	return s.decidePage(w, r, d)
}

// decidePage decides, and comes back to the queue. Whoever pressed twice is told of the first time.
func (s *approving) decidePage(w http.ResponseWriter, r *http.Request, d onboarding.Decision) error {
	visitor, signedIn := s.visitor(r)
	if !signedIn {
		return signInForQueue(w, r)
	}
	id, err := pathRequest(r)
	if err != nil {
		return err
	}
	asSeen := func(onboarding.Member) bool { return true } // the page shows no version
	m, err := s.decide(d)(r.Context(), visitor, id, asSeen, onboarding.NewRequestID(s.useCase.World))
	done := "rejected"
	if d.Approve {
		done = "approved"
	}
	switch {
	case errors.Is(err, &onboarding.Error{Code: onboarding.SeatsFull}):
		err, done = nil, "full"
	case errors.Is(err, &onboarding.Error{Code: onboarding.AlreadyProcessed}):
		err = nil
		if same := m.Request.DecidedBy == visitor.Member.ID && d.Approve == (m.Status == onboarding.MemberActive); !same {
			done = "already"
		}
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, joinPath(r, queuePage)+"?done="+done, http.StatusSeeOther)
	return nil
}
