package api

import (
	"net/http"

	"latchkey/internal/onboarding"
)

// AddUserStore is what the routes of add-user ask of the table.
type AddUserStore interface {
	onboarding.CallerStore
	onboarding.AddStore
	RequestStore
}

// AddUser serves add-user.
func AddUser(e Edge, world onboarding.World, store AddUserStore, keys onboarding.Keys) http.Handler {
	s := &adding{members(store, world), onboarding.Adding{World: world, Store: store, Keys: keys}}
	m := NewMux(e)
	m.handle("POST /v1/organizations/{org}/members", s.add)
	m.handle("POST /v1/organizations/{org}/members/{id}/resend-credentials", s.change(saying(s.useCase.Resend)))
	return m
}

type adding struct {
	changing[onboarding.MemberID, onboarding.Member]
	useCase onboarding.Adding
}

type addRequest struct {
	Email               string   `json:"email"`
	FirstName           string   `json:"first_name"`
	LastName            string   `json:"last_name"`
	JobTitle            string   `json:"job_title,omitempty"`
	DepartmentIDs       []string `json:"department_ids,omitempty"`
	GroupIDs            []string `json:"group_ids,omitempty"`
	Locale              string   `json:"locale,omitempty"`
	WithoutConfirmation *bool    `json:"without_confirmation,omitempty"`
}

func (b addRequest) command() (c onboarding.AddCommand, err error) {
	c = onboarding.AddCommand{FirstName: b.FirstName, LastName: b.LastName, WithoutConfirmation: b.WithoutConfirmation}
	if c.Address, err = parseEmail(b.Email); err != nil {
		return c, err
	}
	if c.JobTitle, err = onboarding.ParseName(b.JobTitle); err != nil {
		return c, onboarding.InvalidValue("/job_title", err)
	}
	if b.Locale != "" {
		var ok bool
		if c.Locale, ok = onboarding.ParseLocale(b.Locale); !ok {
			return c, onboarding.InvalidField("/locale", "unknown", "This is en or de.")
		}
	}
	c.Placement, err = parsePlacement("", b.DepartmentIDs, b.GroupIDs)
	return c, err
}

func (s *adding) add(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	var body addRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	command, err := body.command()
	if err != nil {
		return err
	}
	return s.run(w, r, caller, body, func(requestID string, _ bool) (outcome, error) {
		command.RequestID = requestID
		m, err := s.useCase.Add(r.Context(), caller, command)
		return s.outcome(caller, m, s.now()), err
	})
}
