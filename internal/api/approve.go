package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"latchkey/internal/onboarding"
	"latchkey/internal/telemetry"
)

// ApproveStore is what the routes of approve ask of the table.
type ApproveStore interface {
	onboarding.CallerStore
	onboarding.ApproveStore
	RequestStore
	JoinRequestLister
	// ReadLink returns ErrNotFound if there is no such link.
	ReadLink(ctx context.Context, org onboarding.OrganizationID, id onboarding.LinkID) (onboarding.Organization, onboarding.InviteLink, error)
}

// Approve serves approve: administrators decide who waits, as JSON and as a page.
func Approve(e Edge, world onboarding.World, store ApproveStore) http.Handler {
	requests := changing[onboarding.MemberID, onboarding.Member]{gate{store, world}, repeatable{store, world}, pathRequest, memberTag,
		func(_ onboarding.Caller, m onboarding.Member, now time.Time) any { return toJoinRequest(m, now) }}
	s := &approving{e, requests, store, onboarding.Approving{World: world, Store: store}}
	e.Page = errorPage
	m := NewMux(e)
	m.handle("POST /v1/organizations/{org}/join-requests/{id}/approve", s.change(s.approval))
	m.handle("POST /v1/organizations/{org}/join-requests/{id}/reject", s.change(s.rejection))
	m.handle("POST /v1/organizations/{org}/join-requests/{id}/reopen", s.change(saying(s.useCase.Reopen)))
	m.handle("POST /v1/organizations/{org}/join-requests/decisions", s.decisions)
	m.page("GET /join/{org}/requests", s.queue, errorPage)
	m.page("POST /join/{org}/requests/{id}/approve", s.approvePage, errorPage)
	m.page("POST /join/{org}/requests/{id}/reject", s.rejectPage, errorPage)
	return m
}

type approving struct {
	Edge
	changing[onboarding.MemberID, onboarding.Member]
	store   ApproveStore
	useCase onboarding.Approving
}

func pathRequest(r *http.Request) (onboarding.MemberID, error) {
	id, err := onboarding.ParseMemberID(r.PathValue("id"))
	if err != nil {
		return id, onboarding.Refuse(onboarding.NotFound, "There is no such request to join.")
	}
	return id, nil
}

type approvalRequest struct {
	MemberType string  `json:"member_type,omitempty"`
	Role       string  `json:"role,omitempty"`
	JobTitle   *string `json:"job_title,omitempty"`
	placementRequest
}

// decision reads an approval that stands at pointer.
func (b approvalRequest) decision(pointer string) (d onboarding.Decision, err error) {
	var ok bool
	d.Approve = true
	if b.MemberType != "" {
		if d.Type, ok = onboarding.ParseMemberType(b.MemberType); !ok {
			return d, onboarding.InvalidField(pointer+"/member_type", "unknown", "This is employee, guest or partner.")
		}
	}
	if b.Role != "" {
		if d.Role, ok = onboarding.ParseRole(b.Role); !ok {
			return d, onboarding.InvalidField(pointer+"/role", "unknown", "This is member or admin.")
		}
	}
	if b.JobTitle != nil {
		title, err := onboarding.ParseName(*b.JobTitle)
		if err != nil {
			return d, onboarding.InvalidValue(pointer+"/job_title", err)
		}
		d.JobTitle = &title
	}
	d.Pointer = pointer
	d.Departments, d.Groups, err = b.placement(pointer)
	return d, err
}

type rejectionRequest struct {
	Reason string `json:"reason,omitempty"`
}

// decision reads a rejection that stands at pointer.
func (b rejectionRequest) decision(pointer string) (onboarding.Decision, error) {
	reason, err := onboarding.ParseNote(b.Reason)
	if err != nil {
		return onboarding.Decision{}, onboarding.InvalidValue(pointer+"/reason", err)
	}
	return onboarding.Decision{Reason: reason}, nil
}

func (s *approving) approval(r *http.Request) (any, memberAct, error) {
	var body approvalRequest
	if err := readOptionalJSON(r, &body); err != nil {
		return nil, nil, err
	}
	d, err := body.decision("")
	return body, s.decide(d), err
}

func (s *approving) rejection(r *http.Request) (any, memberAct, error) {
	var body rejectionRequest
	if err := readOptionalJSON(r, &body); err != nil {
		return nil, nil, err
	}
	d, err := body.decision("")
	return body, s.decide(d), err
}

// decide is the act of a decision, on whichever request.
func (s *approving) decide(d onboarding.Decision) memberAct {
	return func(ctx context.Context, caller onboarding.Caller, id onboarding.MemberID, match func(onboarding.Member) bool, requestID string) (
		onboarding.Member, error) {
		d.Applicant = id
		m, err := s.useCase.Decide(ctx, caller, d, match, requestID)
		if err == nil && d.Approve {
			s.Metrics.Count(telemetry.Accepted, 1)
		}
		return m, err
	}
}

type decisionsRequest struct {
	Decisions []decisionRequest `json:"decisions"`
}

type decisionRequest struct {
	ID       string `json:"id"`
	Decision string `json:"decision"`
	approvalRequest
	rejectionRequest
}

// decision reads one that stands at pointer. An id that cannot be is for the results.
func (b decisionRequest) decision(pointer string) (d onboarding.Decision, err error) {
	switch b.Decision {
	case "approve":
		if b.Reason != "" {
			return d, onboarding.InvalidField(pointer+"/reason", "not_applicable", "Only a rejection has a reason.")
		}
		return b.approvalRequest.decision(pointer)
	case "reject":
		if b.approvalRequest != (approvalRequest{}) {
			return d, onboarding.InvalidField(pointer+"/decision", "not_applicable", "Only an approval says what somebody becomes.")
		}
		return b.rejectionRequest.decision(pointer)
	}
	return d, onboarding.InvalidField(pointer+"/decision", "unknown", "This is approve or reject.")
}

// command checks what was decided. Places tells for each decision where it stands in the body; whatever has no id that can be
// is not among them.
func (b decisionsRequest) command() (decisions []onboarding.Decision, places []int, err error) {
	if len(b.Decisions) == 0 {
		return nil, nil, onboarding.InvalidField("/decisions", "required", "Name at least one decision.")
	}
	if len(b.Decisions) > onboarding.MaxDecisions {
		return nil, nil, onboarding.InvalidField("/decisions", "too_many", fmt.Sprintf("A request takes at most %d decisions.", onboarding.MaxDecisions))
	}
	for i, one := range b.Decisions {
		d, err := one.decision(fmt.Sprintf("/decisions/%d", i))
		if err != nil {
			return nil, nil, err
		}
		if d.Applicant, err = onboarding.ParseMemberID(one.ID); err != nil {
			continue
		}
		decisions, places = append(decisions, d), append(places, i)
	}
	return decisions, places, nil
}

type decisionsAnswer struct {
	Results []decisionResultJSON               `json:"results"`
	Summary map[onboarding.DecisionVerdict]int `json:"summary"`
}

type decisionResultJSON struct {
	ID          string                     `json:"id"`
	Verdict     onboarding.DecisionVerdict `json:"verdict"`
	Reason      *string                    `json:"reason"`
	JoinRequest *joinRequestJSON           `json:"join_request"`
}

func (s *approving) decisions(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	var body decisionsRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	decisions, places, err := body.command()
	if err != nil {
		return err
	}
	return s.run(w, r, caller, body, func(requestID string, _ bool) (outcome, error) {
		results, err := s.useCase.DecideAll(r.Context(), caller, decisions, requestID)
		if err != nil {
			return outcome{}, err
		}
		return s.answer(body, results, places), nil
	})
}

// answer shows the results in the places of their decisions.
func (s *approving) answer(body decisionsRequest, results []onboarding.DecisionResult, places []int) outcome {
	a := decisionsAnswer{Results: make([]decisionResultJSON, len(body.Decisions)), Summary: map[onboarding.DecisionVerdict]int{}}
	for i, one := range body.Decisions {
		a.Results[i] = decisionResultJSON{ID: one.ID, Verdict: onboarding.DecisionNotFound, Reason: orNull("This is no id of a request to join.")}
	}
	now := s.useCase.World.Instant()
	for i, result := range results {
		one := &a.Results[places[i]]
		one.Verdict, one.Reason = result.Verdict, orNull(result.Reason)
		if result.Member != nil {
			shown := toJoinRequest(*result.Member, now)
			one.JoinRequest = &shown
		}
	}
	for _, one := range a.Results {
		a.Summary[one.Verdict]++
	}
	s.Metrics.Count(telemetry.Accepted, a.Summary[onboarding.DecisionApproved])
	return outcome{body: a, kept: a}
}
