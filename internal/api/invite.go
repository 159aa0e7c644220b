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
func CreateInvite(e Edge, world onboarding.World, store InviteStore, keys onboarding.Keys, texts onboarding.Texts) http.Handler {
	s := &inviting{e, gate{store, world}, repeatable{store, world}, onboarding.Inviting{World: world, Store: store, Keys: keys, Texts: texts}}
	m := NewMux(e)
	m.handle("POST /v1/organizations/{org}/invitations", s.create)
	m.handle("POST /v1/organizations/{org}/invitations/preview", s.preview)
	return m
}

type inviting struct {
	Edge
	gate
	repeatable
	useCase onboarding.Inviting
}

type inviteRequest struct {
	Recipients []inviteeRequest `json:"recipients,omitempty"`
	Text       string           `json:"text,omitempty"`
	MemberType string           `json:"member_type,omitempty"`
	Role       string           `json:"role,omitempty"`
	JobTitle   string           `json:"job_title,omitempty"`
	GuestUntil string           `json:"guest_until,omitempty"`
	Locale     string           `json:"locale,omitempty"`
	Notify     *bool            `json:"notify,omitempty"`
	OnConflict string           `json:"on_conflict,omitempty"`

	DepartmentIDs []string `json:"department_ids,omitempty"`
	GroupIDs      []string `json:"group_ids,omitempty"`
	ReplacesID    string   `json:"replaces_member_id,omitempty"`
}

type inviteeRequest struct {
	Email     string `json:"email,omitempty"`
	Phone     string `json:"phone,omitempty"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	JobTitle  string `json:"job_title,omitempty"`
}

// command checks what is the same for all recipients. What is wrong with one of them is its own verdict. Numbers without a
// country code are read as somebody in region writes them.
func (b inviteRequest) command(region string, numbers onboarding.Numbers) (c onboarding.InviteCommand, err error) {
	c = onboarding.InviteCommand{Type: onboarding.Employee, Role: onboarding.RoleMember, Notify: b.Notify == nil || *b.Notify}
	var ok bool
	if c.Recipients, err = b.invitees(region, numbers); err != nil {
		return c, err
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
	if b.GuestUntil != "" {
		if c.GuestUntil, err = parseTime(b.GuestUntil); err != nil {
			return c, onboarding.InvalidValue("/guest_until", err)
		}
	}
	if c.Replaces, err = replaced(b.ReplacesID); err != nil {
		return c, err
	}
	c.Placement, err = parsePlacement("", b.DepartmentIDs, b.GroupIDs)
	return c, err
}

// invitees are the recipients, named one by one or as a list that somebody pasted.
func (b inviteRequest) invitees(region string, numbers onboarding.Numbers) ([]onboarding.Invitee, error) {
	pointer, all := "/recipients", make([]onboarding.Invitee, len(b.Recipients))
	for i, r := range b.Recipients {
		all[i] = onboarding.Invitee{Address: r.Email, FirstName: r.FirstName, LastName: r.LastName, JobTitle: r.JobTitle}
		if r.Phone != "" {
			all[i].Address, all[i].Kind, all[i].Other = r.Phone, onboarding.Phone, r.Email
		}
	}
	if b.Text != "" {
		if len(all) > 0 {
			return nil, onboarding.InvalidField("/text", "not_applicable", "Give either recipients or text.")
		}
		list, err := onboarding.ParseList(b.Text, region, numbers)
		if err != nil {
			return nil, onboarding.InvalidValue("/text", err)
		}
		pointer, all = "/text", list.Invitees()
	}
	switch {
	case len(all) == 0:
		return nil, onboarding.InvalidField(pointer, "required", "Name at least one recipient.")
	case len(all) > onboarding.MaxRecipients:
		return nil, onboarding.InvalidField(pointer, "too_many", "A request takes at most 1,000 recipients; this one has "+strconv.Itoa(len(all))+".")
	}
	return all, nil
}

func (s *inviting) command(caller onboarding.Caller, body inviteRequest) (onboarding.InviteCommand, error) {
	return body.command(caller.Organization.Settings.Country, s.useCase.Texts.Numbers)
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
	MemberID   *string         `json:"member_id,omitempty"`
	Partners   []partnerJSON   `json:"partners,omitempty"`
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
	command, err := s.command(caller, body)
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

// replaced reads whose place a partner takes.
func replaced(text string) (onboarding.MemberID, error) {
	if text == "" {
		return onboarding.MemberID{}, nil
	}
	id, err := onboarding.ParseMemberID(text)
	if err != nil {
		return id, onboarding.InvalidField("/replaces_member_id", "unknown", "There is no such partner.")
	}
	return id, nil
}

// partnerJSON is one of the active partners.
type partnerJSON struct {
	MemberID string `json:"member_id"`
	Name     string `json:"name"`
}

func toPartners(slots []onboarding.PartnerSlot) (shown []partnerJSON) {
	for _, s := range slots {
		shown = append(shown, partnerJSON{s.Member.String(), s.Name})
	}
	return shown
}

type previewAnswer struct {
	Results []previewResultJSON              `json:"results"`
	Summary map[onboarding.InviteVerdict]int `json:"summary"`
	Left    int                              `json:"left_today"`
	SMS     smsPreviewJSON                   `json:"sms"`
}

// smsPreviewJSON is what the text messages come to at most; money is in US dollars.
type smsPreviewJSON struct {
	Count      int    `json:"count"`
	Segments   int    `json:"segments"`
	Cost       string `json:"estimated_cost"`
	Left       int    `json:"left_today"`
	BudgetLeft string `json:"budget_left"`
}

type previewResultJSON struct {
	Input     string             `json:"input"`
	Verdict   string             `json:"verdict"`
	Reason    *string            `json:"reason"`
	Recipient *recipientOnlyJSON `json:"recipient"`
	Joins     *string            `json:"joins"`
}

// recipientOnlyJSON is an address in its one form.
type recipientOnlyJSON struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// preview says what create would, and writes nothing.
func (s *inviting) preview(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	var body inviteRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	command, err := s.command(caller, body)
	if err != nil {
		return err
	}
	preview, err := s.useCase.Preview(r.Context(), caller, command)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, toPreview(preview))
}

func toPreview(p onboarding.Preview) previewAnswer {
	answer := previewAnswer{Results: make([]previewResultJSON, len(p.Results)), Summary: map[onboarding.InviteVerdict]int{}, Left: p.Left,
		SMS: smsPreviewJSON{p.Texts.Count, p.Texts.Segments, p.Texts.Cost.String(), p.Texts.Left, p.Texts.Budget.String()}}
	for i, r := range p.Results {
		one := previewResultJSON{Input: r.Input, Verdict: string(r.Verdict), Reason: orNull(r.Reason), Joins: orNull(joins[r.Joins])}
		if r.Address != (onboarding.Address{}) {
			one.Recipient = &recipientOnlyJSON{string(r.Address.Kind), r.Address.Value}
		}
		answer.Results[i] = one
		answer.Summary[r.Verdict]++
	}
	return answer
}

// joins are the words for whether somebody would be in at once.
var joins = map[onboarding.Answer]string{onboarding.Allow: "at_once", onboarding.NeedsApproval: "waits"}

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
		one.MemberID, one.Partners = memberOrNull(result.Member), toPartners(result.Partners)
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
