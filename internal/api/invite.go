package api

import (
	"net/http"
	"strconv"

	"latchkey/internal/onboarding"
	"latchkey/internal/telemetry"
)

// InviteStore is what the routes of create-invite ask of the table.
type InviteStore interface {
	onboarding.CallerStore
	onboarding.InviteStore
	RequestStore
}

// CreateInvite serves create-invite.
func CreateInvite(e Edge, world onboarding.World, store InviteStore, keys onboarding.Keys) http.Handler {
	s := &inviting{e, gate{store, world}, repeatable{store, world}, onboarding.Inviting{World: world, Store: store, Keys: keys}}
	m := NewMux(e)
	m.handle("POST /v1/organizations/{org}/invitations", s.create)
	return m
}

type inviting struct {
	Edge
	gate
	repeatable
	useCase onboarding.Inviting
}

type inviteRequest struct {
	Recipients []inviteeRequest `json:"recipients"`
	MemberType string           `json:"member_type,omitempty"`
	Role       string           `json:"role,omitempty"`
	JobTitle   string           `json:"job_title,omitempty"`
	Locale     string           `json:"locale,omitempty"`
	Notify     *bool            `json:"notify,omitempty"`
	OnConflict string           `json:"on_conflict,omitempty"`
}

type inviteeRequest struct {
	Email     string `json:"email"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
}

// command checks what is the same for all recipients. What is wrong with one of them is its own verdict.
func (b inviteRequest) command() (c onboarding.InviteCommand, err error) {
	c = onboarding.InviteCommand{Type: onboarding.Employee, Role: onboarding.RoleMember, Notify: b.Notify == nil || *b.Notify}
	var ok bool
	if len(b.Recipients) == 0 {
		return c, onboarding.InvalidField("/recipients", "required", "Name at least one recipient.")
	}
	if len(b.Recipients) > onboarding.MaxRecipients {
		return c, onboarding.InvalidField("/recipients", "too_many", "A request takes at most 1,000 recipients; this one has "+strconv.Itoa(len(b.Recipients))+".")
	}
	if b.MemberType != "" {
		if c.Type, ok = onboarding.ParseMemberType(b.MemberType); !ok {
			return c, onboarding.InvalidField("/member_type", "unknown", "This is employee, guest or partner.")
		}
	}
	if b.Role != "" {
		if c.Role, ok = onboarding.ParseRole(b.Role); !ok {
			return c, onboarding.InvalidField("/role", "unknown", "This is member or admin.")
		}
	}
	if b.Locale != "" {
		if c.Locale, ok = onboarding.ParseLocale(b.Locale); !ok {
			return c, onboarding.InvalidField("/locale", "unknown", "This is en or de.")
		}
	}
	switch b.OnConflict {
	case "", "skip":
	case "resend":
		c.Resend = true
	default:
		return c, onboarding.InvalidField("/on_conflict", "unknown", "This is skip or resend.")
	}
	if c.JobTitle, err = onboarding.ParseName(b.JobTitle); err != nil {
		return c, onboarding.InvalidField("/job_title", "invalid", err.Error())
	}
	for _, r := range b.Recipients {
		c.Recipients = append(c.Recipients, onboarding.Invitee{Address: r.Email, FirstName: r.FirstName, LastName: r.LastName})
	}
	return c, nil
}

type inviteAnswer struct {
	Results []inviteResultJSON               `json:"results"`
	Summary map[onboarding.InviteVerdict]int `json:"summary"`
}

type inviteResultJSON struct {
	Input      string          `json:"input"`
	Verdict    string          `json:"verdict"`
	Reason     *string         `json:"reason"`
	Invitation *invitationJSON `json:"invitation"`
	AcceptURL  string          `json:"accept_url,omitempty"`
}

func (s *inviting) create(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	var body inviteRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	command, err := body.command()
	if err != nil {
		return err
	}
	return s.run(w, r, caller, body, func(requestID string, repeated bool) (outcome, error) {
		command.RequestID, command.Repeated = requestID, repeated
		results, err := s.useCase.Invite(r.Context(), caller, command)
		if err != nil {
			return outcome{}, err
		}
		return s.answer(caller.Organization.ID, results), nil
	})
}

// answer shows the results. A link is shown once, and not kept.
func (s *inviting) answer(org onboarding.OrganizationID, results []onboarding.InviteResult) outcome {
	now := s.world().Instant()
	shown := inviteAnswer{Results: make([]inviteResultJSON, len(results)), Summary: map[onboarding.InviteVerdict]int{}}
	kept := inviteAnswer{Results: make([]inviteResultJSON, len(results)), Summary: shown.Summary}
	for i, result := range results {
		one := inviteResultJSON{Input: result.Input, Verdict: string(result.Verdict), Reason: orNull(result.Reason)}
		if result.Contact != nil {
			invitation := toInvitation(org, *result.Contact, now)
			one.Invitation = &invitation
		}
		kept.Results[i] = one
		if result.Link != nil {
			one.AcceptURL = s.BaseURL + "/join/" + string(org) + "/" + result.Link.Reveal()
		}
		shown.Results[i] = one
		shown.Summary[result.Verdict]++
	}
	s.Metrics.Count(telemetry.Invited, shown.Summary[onboarding.Created]+shown.Summary[onboarding.Reopened])
	return outcome{body: shown, kept: kept}
}

func (s *inviting) world() onboarding.World { return s.useCase.World }
