package api

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"latchkey/internal/onboarding"
)

// ConfigureStore is what the routes of configure ask of the table.
type ConfigureStore interface {
	onboarding.CallerStore
	onboarding.ConfigureStore
	onboarding.StructureStore
	onboarding.KeyStore
	RequestStore
}

// Configure serves configure: settings, invite links, departments and groups, and what the policy would say.
func Configure(e Edge, world onboarding.World, store ConfigureStore, keys onboarding.Keys) http.Handler {
	useCase := onboarding.Configuring{World: world, Store: store}
	g, once := gate{store, world}, repeatable{store, world}
	s := &configuring{e, g, once, useCase, keys}
	m := NewMux(e)
	m.handle("PATCH /v1/organizations/{org}/settings", s.changeSettings)
	m.handle("POST /v1/organizations/{org}/policy/evaluate", s.evaluate)
	m.handle("POST /v1/organizations/{org}/invite-links", s.createLink)
	m.handle("GET /v1/organizations/{org}/invite-links/{id}", s.link)
	m.handle("GET /v1/organizations/{org}/invite-links/{id}/qr", s.linkCode)
	m.handle("PATCH /v1/organizations/{org}/invite-links/{id}", s.change(s.linkChange, true))
	m.handle("POST /v1/organizations/{org}/invite-links/{id}/disable", s.change(bodiless(useCase.DisableLink), false))
	m.handle("POST /v1/organizations/{org}/invite-links/{id}/enable", s.change(bodiless(useCase.EnableLink), true))
	m.handle("POST /v1/organizations/{org}/invite-links/{id}/rotate", s.change(bodiless(useCase.RotateLink), true))
	mountStructure(m, g, once, onboarding.Structuring{World: world, Store: store})
	keying := keying{g, once, onboarding.Keying{World: world, Store: store}}
	keying.mount(m)
	return m
}

type configuring struct {
	Edge
	gate
	repeatable
	useCase onboarding.Configuring
	keys    onboarding.Keys
}

type settingsRequest struct {
	WhoCanInvite           *string       `json:"who_can_invite,omitempty"`
	AllowLinkRegistration  *bool         `json:"allow_link_registration,omitempty"`
	RequestApproval        *bool         `json:"request_approval,omitempty"`
	ExemptDomains          *[]domainJSON `json:"exempt_domains,omitempty"`
	InvitationLifetimeDays *int          `json:"invitation_lifetime_days,omitempty"`
	LinkLifetimeDays       *int          `json:"link_lifetime_days,omitempty"`
	DefaultLocale          *string       `json:"default_locale,omitempty"`
	MailedPasswords        *bool         `json:"mailed_passwords,omitempty"`
}

// edit checks what is to be different, and answers what makes it so. What is not named stays.
func (b settingsRequest) edit() (func(*onboarding.Settings), error) {
	var edits []func(*onboarding.Settings)
	edit := func(e func(*onboarding.Settings)) { edits = append(edits, e) }
	if b.WhoCanInvite != nil {
		who, ok := onboarding.ParseWhoCanInvite(*b.WhoCanInvite)
		if !ok {
			return nil, onboarding.InvalidField("/who_can_invite", "unknown", "This is admins or everyone.")
		}
		edit(func(s *onboarding.Settings) { s.WhoCanInvite = who })
	}
	if b.DefaultLocale != nil {
		l, ok := onboarding.ParseLocale(*b.DefaultLocale)
		if !ok {
			return nil, onboarding.InvalidField("/default_locale", "unknown", "This is en or de.")
		}
		edit(func(s *onboarding.Settings) { s.DefaultLocale = l })
	}
	if b.ExemptDomains != nil {
		domains, err := parseDomains("/exempt_domains", *b.ExemptDomains, onboarding.MaxDomains, parseExemptDomain)
		if err != nil {
			return nil, err
		}
		edit(func(s *onboarding.Settings) { s.ExemptDomains = domains })
	}
	if n := b.InvitationLifetimeDays; n != nil {
		if *n < 1 || *n > 90 {
			return nil, onboarding.InvalidField("/invitation_lifetime_days", "out_of_range", "This is 1 to 90 days.")
		}
		edit(func(s *onboarding.Settings) { s.InvitationLifetime = time.Duration(*n) * day })
	}
	if n := b.LinkLifetimeDays; n != nil {
		if *n < 0 || *n > 365 {
			return nil, onboarding.InvalidField("/link_lifetime_days", "out_of_range", "This is 0 to 365 days; 0 for no end.")
		}
		edit(func(s *onboarding.Settings) { s.LinkLifetime = time.Duration(*n) * day })
	}
	if b.AllowLinkRegistration != nil {
		edit(func(s *onboarding.Settings) { s.AllowLinkRegistration = *b.AllowLinkRegistration })
	}
	if b.MailedPasswords != nil {
		edit(func(s *onboarding.Settings) { s.ForbidMailedPasswords = !*b.MailedPasswords })
	}
	if b.RequestApproval != nil {
		edit(func(s *onboarding.Settings) { s.RequestApproval = *b.RequestApproval })
	}
	return func(s *onboarding.Settings) {
		for _, e := range edits {
			e(s)
		}
	}, nil
}

func parseExemptDomain(name string, subdomains bool) (onboarding.Domain, error) {
	return onboarding.ParseExemptDomain(name, subdomains, publicsuffix.List)
}

// parseDomains reads a list of domains, and reports every fault in it at once. A domain stands in it once: twice could say two
// things about its subdomains.
func parseDomains(pointer string, list []domainJSON, most int, parse func(string, bool) (onboarding.Domain, error)) (
	[]onboarding.Domain, error) {
	if len(list) > most {
		return nil, onboarding.InvalidField(pointer, "too_many", fmt.Sprintf("This takes at most %d domains.", most))
	}
	domains, seen := make([]onboarding.Domain, len(list)), map[string]bool{}
	refusal := onboarding.Refuse(onboarding.Invalid, "The list has a domain that cannot be accepted.")
	for i, one := range list {
		at := fmt.Sprintf("%s/%d/domain", pointer, i)
		d, err := parse(one.Domain, one.IncludeSubdomains)
		switch {
		case err != nil:
			refusal.Fields = append(refusal.Fields, onboarding.InvalidValue(at, err).Fields...)
		case seen[d.Name]:
			refusal.Fields = append(refusal.Fields, onboarding.Field{Pointer: at, Code: "duplicate", Detail: "This domain stands here before."})
		}
		domains[i], seen[d.Name] = d, true
	}
	if len(refusal.Fields) > 0 {
		return nil, refusal
	}
	return domains, nil
}

func (s *configuring) changeSettings(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	var body settingsRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	edit, err := body.edit()
	if err != nil {
		return err
	}
	match, err := ifMatch(r)
	if err != nil {
		return err
	}
	o, err := s.useCase.ChangeSettings(r.Context(), caller, func(o onboarding.Organization) bool { return match.matches(etag(o.Version)) }, edit)
	if err != nil {
		return err
	}
	return writeVersioned(w, r, http.StatusOK, o.Version, toSettings(o))
}

type policyRequest struct {
	Channel    string `json:"channel"`
	Email      string `json:"email,omitempty"`
	Phone      string `json:"phone,omitempty"`
	Verified   *bool  `json:"verified,omitempty"`
	MemberType string `json:"member_type,omitempty"`
	Role       string `json:"role,omitempty"`
	InviterID  string `json:"inviter_id,omitempty"`
	LinkID     string `json:"link_id,omitempty"`

	DepartmentIDs []string `json:"department_ids,omitempty"`
	GroupIDs      []string `json:"group_ids,omitempty"`
}

func (b policyRequest) hypothesis() (h onboarding.Hypothesis, err error) {
	var ok bool
	h.Proven = b.Verified == nil || *b.Verified
	if h.Channel, ok = parseChannel(b.Channel); !ok {
		return h, onboarding.InvalidField("/channel", "unknown", "This is invitation or invite_link.")
	}
	if h.Address, err = b.address(); err != nil {
		return h, err
	}
	if b.MemberType != "" {
		if h.Offer.Type, ok = onboarding.ParseMemberType(b.MemberType); !ok {
			return h, onboarding.InvalidField("/member_type", "unknown", "This is employee, guest or partner.")
		}
	}
	if b.Role != "" {
		if h.Offer.Role, ok = onboarding.ParseRole(b.Role); !ok {
			return h, onboarding.InvalidField("/role", "unknown", "This is member or admin.")
		}
	}
	if b.InviterID != "" {
		if h.Channel != onboarding.ChannelInvitation {
			return h, onboarding.InvalidField("/inviter_id", "not_applicable", "Nobody in particular invites here.")
		}
		if h.Inviter, err = onboarding.ParseMemberID(b.InviterID); err != nil {
			return h, onboarding.InvalidField("/inviter_id", "unknown", "There is no such member.")
		}
	}
	if h.Placement, err = parsePlacement("", b.DepartmentIDs, b.GroupIDs); err != nil {
		return h, err
	}
	if h.Channel == onboarding.ChannelInviteLink && !h.Placement.IsZero() {
		return h, onboarding.InvalidField("/department_ids", "not_applicable", "A link has places of its own.")
	}
	if b.LinkID != "" {
		if h.Channel != onboarding.ChannelInviteLink {
			return h, onboarding.InvalidField("/link_id", "not_applicable", "An invitation comes by no invite link.")
		}
		if h.Link, err = onboarding.ParseLinkID(b.LinkID); err != nil {
			return h, onboarding.InvalidField("/link_id", "unknown", "There is no such invite link.")
		}
	}
	return h, nil
}

func (b policyRequest) address() (onboarding.Address, error) {
	switch {
	case b.Email == "" && b.Phone == "":
		return onboarding.Address{}, nil
	case b.Phone == "":
		return parseEmail(b.Email)
	case b.Email != "":
		return onboarding.Address{}, onboarding.InvalidField("/phone", "not_applicable", "Name one address, by email or phone.")
	case !isPhone(b.Phone):
		return onboarding.Address{}, onboarding.InvalidField("/phone", "invalid", "This is not a phone number such as +4915112345678.")
	}
	return onboarding.Address{Kind: onboarding.Phone, Value: b.Phone}, nil
}

// isPhone reports whether a text has the form of a number, E.164. Nobody is called: the policy alone is asked about it.
func isPhone(s string) bool {
	digits, international := strings.CutPrefix(s, "+")
	return international && len(digits) >= 7 && len(digits) <= 15 && digits[0] != '0' && strings.Trim(digits, "0123456789") == ""
}

type verdictJSON struct {
	Verdict  string `json:"verdict"`
	Rule     string `json:"rule"`
	Sentence string `json:"sentence"`
}

func (s *configuring) evaluate(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	var body policyRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	hypothesis, err := body.hypothesis()
	if err != nil {
		return err
	}
	v, err := s.useCase.Evaluate(r.Context(), caller, hypothesis)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, verdictJSON{string(v.Answer), v.Rule, v.Sentence})
}
