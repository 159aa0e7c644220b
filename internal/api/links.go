package api

import (
	"context"
	"net/http"
	"time"

	"latchkey/internal/onboarding"
)

// linkRequest is what a new invite link is to be like, or what is to be different about one. What is not named is as it is.
type linkRequest struct {
	Label          *string       `json:"label,omitempty"`
	MemberType     *string       `json:"member_type,omitempty"`
	Approval       *string       `json:"approval,omitempty"`
	AllowedDomains *[]domainJSON `json:"allowed_domains,omitempty"`
	MaxUses        *int          `json:"max_uses,omitempty"`
	ExpiresAt      *string       `json:"expires_at,omitempty"`
	placementRequest
}

const (
	maxUses = 100_000
	never   = "never"
)

func (b linkRequest) change() (c onboarding.LinkChange, err error) {
	if b.Label != nil {
		label, err := onboarding.ParseName(*b.Label)
		if err != nil {
			return c, onboarding.InvalidValue("/label", err)
		}
		if label == "" {
			return c, onboarding.InvalidField("/label", "required", "This is required.")
		}
		c.Label = &label
	}
	if c.Departments, c.Groups, err = b.placement(""); err != nil {
		return c, err
	}
	if b.MemberType != nil {
		t, ok := onboarding.ParseMemberType(*b.MemberType)
		if !ok {
			return c, onboarding.InvalidField("/member_type", "unknown", "This is employee, guest or partner.")
		}
		c.Type = &t
	}
	if b.Approval != nil {
		rule, ok := onboarding.ParseApprovalRule(*b.Approval)
		if !ok {
			return c, onboarding.InvalidField("/approval", "unknown", "This is inherit, always or never.")
		}
		c.Approval = &rule
	}
	if b.AllowedDomains != nil {
		domains, err := parseDomains("/allowed_domains", *b.AllowedDomains, onboarding.MaxLinkDomains, onboarding.ParseDomain)
		if err != nil {
			return c, err
		}
		c.Domains = &domains
	}
	if c.MaxUses = b.MaxUses; c.MaxUses != nil && (*c.MaxUses < 0 || *c.MaxUses > maxUses) {
		return c, onboarding.InvalidField("/max_uses", "out_of_range", "This is 0 to 100,000; 0 for no limit.")
	}
	if b.ExpiresAt != nil {
		var at time.Time
		if *b.ExpiresAt != never {
			if at, err = parseTime(*b.ExpiresAt); err != nil {
				return c, onboarding.InvalidField("/expires_at", "invalid", "This is a time such as 2026-11-22T09:30:00Z, or never.")
			}
		}
		c.ExpiresAt = &at
	}
	return c, nil
}

// checkFor refuses what the link that every organization has does not take.
func (b linkRequest) checkFor(id onboarding.LinkID) error {
	switch {
	case id.IsDefault() && b.Label != nil:
		return onboarding.InvalidField("/label", "not_applicable", "The default link has no label.")
	case id.IsDefault() && b.MemberType != nil:
		return onboarding.InvalidField("/member_type", "not_applicable", "The default link is for employees.")
	}
	return nil
}

func (s *configuring) createLink(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	var body linkRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	change, err := body.change()
	if err != nil {
		return err
	}
	return s.run(w, r, caller, body, func(requestID string, _ bool) (outcome, error) {
		l, err := s.useCase.CreateLink(r.Context(), caller, change, requestID)
		if err != nil {
			return outcome{}, err
		}
		return s.answer(caller, l, true), nil
	})
}

// answer shows a link, with its url where it is to be copied. The url is shown once, and not kept.
func (s *configuring) answer(caller onboarding.Caller, l onboarding.InviteLink, copied bool) outcome {
	now := s.useCase.World.Instant()
	kept := toInviteLink(caller.Organization, l, now)
	shown := kept
	if copied {
		shown.URL = s.url(caller, l)
	}
	return outcome{tag: linkTag(caller.Organization, l, now), body: shown, kept: kept}
}

// url is the link itself, for whoever may see it.
func (s *configuring) url(caller onboarding.Caller, l onboarding.InviteLink) string {
	org := caller.Organization.ID
	return s.BaseURL + "/join/" + string(org) + "/" + l.Token(s.keys, org).Reveal()
}

// find answers the invite link of the path, if the caller may see it, and copy it.
func (s *configuring) find(r *http.Request) (onboarding.Caller, onboarding.InviteLink, error) {
	caller, err := s.caller(r)
	if err != nil {
		return caller, onboarding.InviteLink{}, err
	}
	id, err := pathLink(r)
	if err != nil {
		return caller, onboarding.InviteLink{}, err
	}
	l, err := s.useCase.Link(r.Context(), caller, id)
	return caller, l, err
}

func pathLink(r *http.Request) (onboarding.LinkID, error) {
	id, err := onboarding.ParseLinkID(r.PathValue("id"))
	if err != nil {
		return id, onboarding.Refuse(onboarding.NotFound, "There is no such invite link.")
	}
	return id, nil
}

func (s *configuring) link(w http.ResponseWriter, r *http.Request) error {
	caller, l, err := s.find(r)
	if err != nil {
		return err
	}
	return s.answer(caller, l, true).write(w, r)
}

func (s *configuring) linkCode(w http.ResponseWriter, r *http.Request) error {
	caller, l, err := s.find(r)
	if err != nil {
		return err
	}
	image, err := drawQR(s.url(caller, l))
	if err != nil {
		return err
	}
	send(w, http.StatusOK, "image/svg+xml", image)
	return nil
}

// change serves one act on one invite link. read makes it of the body, and answers what the body asks for.
func (s *configuring) change(read readLinkAct, copied bool) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		caller, err := s.caller(r)
		if err != nil {
			return err
		}
		id, err := pathLink(r)
		if err != nil {
			return err
		}
		asked, act, err := read(r, id)
		if err != nil {
			return err
		}
		tags, err := ifMatch(r)
		if err != nil {
			return err
		}
		now := s.useCase.World.Instant()
		match := func(l onboarding.InviteLink) bool { return tags.matches(linkTag(caller.Organization, l, now)) }
		return s.run(w, r, caller, asked, func(requestID string, _ bool) (outcome, error) {
			l, err := act(r.Context(), caller, id, match, requestID)
			if err != nil {
				return outcome{}, err
			}
			return s.answer(caller, l, copied), nil
		})
	}
}

type readLinkAct = func(*http.Request, onboarding.LinkID) (asked any, act linkAct, err error)

type linkAct = func(ctx context.Context, caller onboarding.Caller, id onboarding.LinkID, match onboarding.LinkMatch, requestID string) (
	onboarding.InviteLink, error)

// bodiless reads an act of which there is nothing to say.
func bodiless(act linkAct) readLinkAct {
	return func(r *http.Request, _ onboarding.LinkID) (any, linkAct, error) {
		return emptyJSON{}, act, readOptionalJSON(r, &emptyJSON{})
	}
}

func (s *configuring) linkChange(r *http.Request, id onboarding.LinkID) (any, linkAct, error) {
	var body linkRequest
	if err := readJSON(r, &body); err != nil {
		return nil, nil, err
	}
	if err := body.checkFor(id); err != nil {
		return nil, nil, err
	}
	change, err := body.change()
	return body, func(ctx context.Context, caller onboarding.Caller, id onboarding.LinkID, match onboarding.LinkMatch, requestID string) (
		onboarding.InviteLink, error) {
		return s.useCase.ChangeLink(ctx, caller, id, match, requestID, change)
	}, err
}
