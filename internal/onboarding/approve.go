package onboarding

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// MaxDecisions is how many join requests one request may decide.
	MaxDecisions = 100

	decideAttempts = 4
	decideWorkers  = 8
)

// ApproveStore is what deciding on join requests asks of the table.
type ApproveStore interface {
	// ReadMember returns ErrNotFound if there is none.
	ReadMember(ctx context.Context, org OrganizationID, id MemberID) (Member, error)
	// WriteDecision writes the member as decided in place of the member as they were read, and owes what is owed in place of
	// whatever was; else ErrConflict. It holds that whoever decides still is who they were; else ErrInviterChanged. ErrPlaceGone and
	// ErrSeatsFull are as of JoinStore's Admit.
	WriteDecision(ctx context.Context, before, after Member, owed []Message, by Actor, seats int) error
	PlaceReader
}

// Approving is the use case: administrators decide who waits.
type Approving struct {
	World World
	Store ApproveStore
}

// Decision is what an administrator says of one request. What is empty stays as the applicant's link or invitation had it.
type Decision struct {
	Applicant MemberID
	Approve   bool
	Type      MemberType
	Role      Role
	JobTitle  *string
	Reason    string // of a rejection

	Departments *[]DepartmentID
	Groups      *[]GroupID
	Pointer     string // where the decision stands in the request, for what is wrong with its places
}

// RequestFilter narrows a list of join requests. What is zero filters nothing.
type RequestFilter struct {
	Link    *LinkID
	Channel Channel
	Before  time.Time // of those who have waited longer than since then
}

// DecisionVerdict says what became of one decision.
type DecisionVerdict string

const (
	DecisionApproved  DecisionVerdict = "approved"
	DecisionRejected  DecisionVerdict = "rejected"
	DecisionTooLate   DecisionVerdict = "already_processed"
	DecisionNotFound  DecisionVerdict = "not_found"
	DecisionDenied    DecisionVerdict = "denied"
	DecisionDuplicate DecisionVerdict = "duplicate"
)

// DecisionResult is the answer for one decision. Member is set where there is a request to show.
type DecisionResult struct {
	Applicant MemberID
	Verdict   DecisionVerdict
	Reason    string
	Member    *Member
}

// Decide lets an applicant in, or rejects them. Of two who decide at once, one does; the other is told so.
func (u Approving) Decide(ctx context.Context, caller Caller, d Decision, match func(Member) bool, requestID string) (Member, error) {
	return u.change(ctx, caller, d.Applicant, match, requestID, MemberPendingApproval, func(m *Member) ([]Message, error) {
		offer := Offer{m.Type, m.Role}
		if d.Type != "" {
			offer.Type = d.Type
		}
		if d.Role != "" {
			offer.Role = d.Role
		}
		if !d.Approve {
			offer = Offer{Employee, RoleMember} // whatever they asked to be, it can be refused
		}
		var s Standing
		if d.Approve {
			next, named := changePlacement(m.Placement, d.Departments, d.Groups)
			var err error
			if s, err = stand(ctx, u.Store, caller.Member, next); err != nil {
				return nil, err
			}
			if err := s.known(d.Pointer, named); err != nil {
				return nil, err
			}
		}
		if v := DecideRequest(m.ID, Case{Actor: caller.Member.Actor(), Offer: offer, Places: s.Places, Firm: m.Firm}); !v.Stands() {
			return nil, Refuse(Forbidden, v.Sentence)
		}
		if d.Approve && caller.Organization.Closed {
			return nil, errClosed()
		}
		now := u.World.Instant()
		m.Request.DecidedAt, m.Request.DecidedBy, m.Request.DeciderName = now, caller.Member.ID, caller.Member.Name()
		if !d.Approve {
			m.Status, m.Request.Reason = MemberRejected, d.Reason
			return []Message{newMessage(u.World, MessageJoinRejected, m.Locale, 0)}, nil
		}
		m.Status, m.JoinedAt, m.Type, m.Role = MemberActive, now, offer.Type, offer.Role
		if m.Type != Guest {
			m.EndsAt = time.Time{}
		}
		gone := m.Skipped
		m.stand(s)
		m.Skipped = append(gone, m.Skipped...)
		if d.JobTitle != nil {
			m.JobTitle = *d.JobTitle
		}
		return []Message{newMessage(u.World, MessageJoinApproved, m.Locale, 0)}, nil
	})
}

// Reopen puts a rejected request back into the queue, as old as it is.
func (u Approving) Reopen(ctx context.Context, caller Caller, id MemberID, match func(Member) bool, requestID string) (Member, error) {
	return u.change(ctx, caller, id, match, requestID, MemberRejected, func(m *Member) ([]Message, error) {
		if v := DecideRequest(m.ID, Case{Actor: caller.Member.Actor(), Offer: Offer{Employee, RoleMember}}); !v.Stands() {
			return nil, Refuse(Forbidden, v.Sentence)
		}
		m.Status, m.Request = MemberPendingApproval, Request{At: m.Request.At, Rule: m.Request.Rule}
		return nil, nil
	})
}

// change reads, decides and writes under the version that was read, and begins again where somebody was faster.
// A repeated request that finds its own write answers it.
func (u Approving) change(ctx context.Context, caller Caller, id MemberID, match func(Member) bool, requestID string, from MemberStatus,
	decide func(*Member) ([]Message, error)) (Member, error) {
	if err := caller.mayApprove(); err != nil {
		return Member{}, err
	}
	for range decideAttempts {
		m, err := u.Store.ReadMember(ctx, caller.Organization.ID, id)
		if errors.Is(err, ErrNotFound) || err == nil && m.Request.At.IsZero() {
			return Member{}, errNoRequest()
		}
		if err != nil {
			return Member{}, err
		}
		if m.Request.ID == requestID {
			return m, nil
		}
		if m.Status != from {
			return m, Refuse(AlreadyProcessed, "This request is "+string(m.Status)+" already.")
		}
		if !match(m) {
			return Member{}, Refuse(VersionMismatch, "The request has changed since you read it.")
		}
		before := m
		owed, err := decide(&m)
		if err != nil {
			return m, err
		}
		m.UpdatedAt, m.Version, m.Request.ID = u.World.Instant(), before.Version+1, requestID
		switch err = u.Store.WriteDecision(ctx, before, m, owed, caller.Member.Actor(), caller.Organization.Settings.Seats); {
		case errors.Is(err, ErrInviterChanged):
			return before, Refuse(Forbidden, "Only administrators decide who joins.")
		case errors.Is(err, ErrSeatsFull):
			return before, errSeatsFull()
		case !errors.Is(err, ErrConflict) && !errors.Is(err, ErrPlaceGone):
			return m, err
		}
	}
	return Member{}, errBusy()
}

func errSeatsFull() *Error {
	return Refuse(SeatsFull, "All seats of the organization are taken. Dismiss somebody, or ask the operator for more.")
}

func (c Caller) mayApprove() error {
	if !c.Rights().Approve {
		return Refuse(Forbidden, "Only administrators decide who joins.")
	}
	return nil
}

func errNoRequest() *Error { return Refuse(NotFound, "There is no such request to join.") }

// DecideAll decides several requests, each on its own: one that cannot be decided never stops another. It refuses the whole
// only where the caller may decide nothing, and fails where the outcome of one is not known; what was decided stays decided,
// and the same request again finds it.
func (u Approving) DecideAll(ctx context.Context, caller Caller, decisions []Decision, requestID string) ([]DecisionResult, error) {
	if err := caller.mayApprove(); err != nil {
		return nil, err
	}
	results := make([]DecisionResult, len(decisions))
	seen := map[MemberID]bool{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(decideWorkers)
	for i, d := range decisions {
		results[i].Applicant = d.Applicant
		if seen[d.Applicant] {
			results[i].Verdict, results[i].Reason = DecisionDuplicate, "the same request stands here before"
			continue
		}
		seen[d.Applicant] = true
		group.Go(func() error { return u.decideOne(ctx, caller, d, requestID, &results[i]) })
	}
	return results, group.Wait()
}

func (u Approving) decideOne(ctx context.Context, caller Caller, d Decision, requestID string, r *DecisionResult) error {
	m, err := u.Decide(ctx, caller, d, func(Member) bool { return true }, requestID)
	var refusal *Error
	if !errors.As(err, &refusal) {
		r.Verdict, r.Member = DecisionRejected, &m
		if d.Approve {
			r.Verdict = DecisionApproved
		}
		return err
	}
	if r.Reason = refusal.Message; len(refusal.Fields) > 0 {
		r.Reason = refusal.Fields[0].Detail
	}
	switch refusal.Code {
	case NotFound:
		r.Verdict = DecisionNotFound
	case AlreadyProcessed:
		r.Verdict, r.Member = DecisionTooLate, &m
	case Forbidden, OrganizationClosed, SeatsFull, Invalid:
		r.Verdict, r.Member = DecisionDenied, &m
	default:
		return err
	}
	return nil
}
