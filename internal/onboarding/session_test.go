package onboarding_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

// desk is a store of callers, in memory, by the hashes of their tokens.
type desk struct {
	organization onboarding.Organization
	members      map[onboarding.MemberID]onboarding.Member
	epochs       map[onboarding.MemberID]int64
	sessions     map[string]onboarding.Session
	broken       error
}

func (d *desk) ReadCaller(_ context.Context, t onboarding.SessionToken) (onboarding.Caller, int64, error) {
	if d.broken != nil {
		return onboarding.Caller{}, 0, d.broken
	}
	s, begun := d.sessions[t.Hash()]
	m, there := d.members[t.Member]
	if !begun || !there || t.Organization != d.organization.ID {
		return onboarding.Caller{}, 0, onboarding.ErrNotFound
	}
	return onboarding.Caller{Organization: d.organization, Member: m, Session: s}, d.epochs[m.ID], nil
}

func (d *desk) TouchAPIKey(context.Context, onboarding.OrganizationID, onboarding.APIKeyID, time.Time, time.Time) error {
	return d.broken
}

// signIn makes a member of a status, with a session.
func (d *desk) signIn(w onboarding.World, status onboarding.MemberStatus) (onboarding.Member, onboarding.SessionToken) {
	m := onboarding.Member{ID: onboarding.NewMemberID(w), Organization: d.organization.ID, Status: status, Type: onboarding.Employee,
		Role: onboarding.RoleMember}
	s, token := onboarding.NewSession(w, d.organization.ID, m.ID, 1)
	d.members[m.ID], d.epochs[m.ID], d.sessions[s.Hash] = m, 1, s
	return m, token
}

func newDesk() *desk {
	return &desk{organization: onboarding.Organization{ID: acme}, members: map[onboarding.MemberID]onboarding.Member{},
		epochs: map[onboarding.MemberID]int64{}, sessions: map[string]onboarding.Session{}}
}

func codeOf(err error) onboarding.Code {
	var e *onboarding.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestOnlyAnActiveMemberIsACaller(t *testing.T) {
	const nothing = onboarding.Code("")
	for status, want := range map[onboarding.MemberStatus]struct{ caller, visitor onboarding.Code }{
		onboarding.MemberActive:            {nothing, nothing},
		onboarding.MemberPendingApproval:   {onboarding.ApprovalPending, nothing}, // they see where they stand
		onboarding.MemberRejected:          {onboarding.ApprovalPending, nothing},
		onboarding.MemberPendingActivation: {onboarding.Unauthenticated, onboarding.Unauthenticated},
		onboarding.MemberDismissed:         {onboarding.Unauthenticated, onboarding.Unauthenticated},
		"":                                 {onboarding.Unauthenticated, onboarding.Unauthenticated},
		"unheard of":                       {onboarding.Unauthenticated, onboarding.Unauthenticated},
	} {
		c, d := newClock(), newDesk()
		m, token := d.signIn(c.world(), status)
		for name, door := range map[string]struct {
			enter func(context.Context, onboarding.CallerStore, onboarding.World, string) (onboarding.Caller, error)
			want  onboarding.Code
		}{
			"the caller's":  {onboarding.Authenticate, want.caller},
			"the visitor's": {onboarding.Visitor, want.visitor},
		} {
			got, err := door.enter(t.Context(), d, c.world(), token.Reveal())
			if codeOf(err) != door.want || (err == nil) != (door.want == nothing) {
				t.Errorf("%q by %s door: %v, want %q", status, name, err, door.want)
			}
			if err == nil && (!reflect.DeepEqual(got.Member, m) || got.Organization.ID != acme || got.Session.Member != m.ID) {
				t.Errorf("%q by %s door: %+v", status, name, got)
			}
			if err != nil && !reflect.DeepEqual(got.Member, (onboarding.Member{})) {
				t.Errorf("%q is refused by %s door beside %+v", status, name, got)
			}
		}
	}
}

func TestASessionEnds(t *testing.T) {
	broken, signIn := errors.New("no table"), &onboarding.Error{Code: onboarding.Unauthenticated}
	for name, c := range map[string]struct {
		end  func(*clock, *desk, *onboarding.SessionToken)
		want error
	}{
		"its time is over":      {func(c *clock, _ *desk, _ *onboarding.SessionToken) { c.advance(14 * 24 * time.Hour) }, signIn},
		"the epoch is another":  {func(_ *clock, d *desk, t *onboarding.SessionToken) { d.epochs[t.Member]++ }, signIn},
		"it was signed out of":  {func(_ *clock, d *desk, t *onboarding.SessionToken) { delete(d.sessions, t.Hash()) }, signIn},
		"the member has gone":   {func(_ *clock, d *desk, t *onboarding.SessionToken) { delete(d.members, t.Member) }, signIn},
		"the token names Acme2": {func(_ *clock, _ *desk, t *onboarding.SessionToken) { t.Organization = "acme-2" }, signIn},
		"it is somebody else's": {func(_ *clock, d *desk, t *onboarding.SessionToken) {
			s := d.sessions[t.Hash()]
			s.Member = onboarding.MemberID{9}
			d.sessions[t.Hash()] = s
		}, signIn},
		"the table is down, which is said as it is": {func(_ *clock, d *desk, _ *onboarding.SessionToken) { d.broken = broken }, broken},
	} {
		for _, status := range []onboarding.MemberStatus{onboarding.MemberActive, onboarding.MemberPendingApproval} {
			clock, d := newClock(), newDesk()
			_, token := d.signIn(clock.world(), status)
			clock.advance(14*24*time.Hour - time.Millisecond)
			if _, err := onboarding.Visitor(t.Context(), d, clock.world(), token.Reveal()); err != nil {
				t.Fatalf("%s, %s: it has ended before: %v", name, status, err)
			}
			clock.advance(time.Millisecond - 14*24*time.Hour)
			c.end(clock, d, &token)
			for _, door := range []func(context.Context, onboarding.CallerStore, onboarding.World, string) (onboarding.Caller, error){
				onboarding.Authenticate, onboarding.Visitor} {
				got, err := door(t.Context(), d, clock.world(), token.Reveal())
				if !errors.Is(err, c.want) || !reflect.DeepEqual(got.Member, (onboarding.Member{})) {
					t.Errorf("%s, %s: %+v, %v", name, status, got, err)
				}
			}
		}
	}
	for _, text := range []string{"", "lks", "lks.acme.00000000000000000000000000."} {
		if _, err := onboarding.Visitor(t.Context(), newDesk(), newClock().world(), text); codeOf(err) != onboarding.Unauthenticated {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestApplicantsAreInNoListOfMembers(t *testing.T) {
	for status, applies := range map[onboarding.MemberStatus]bool{
		onboarding.MemberActive: false, onboarding.MemberPendingActivation: false, onboarding.MemberDismissed: false,
		onboarding.MemberPendingApproval: true, onboarding.MemberRejected: true,
	} {
		if _, listed := onboarding.ParseMemberStatus(string(status)); listed == applies || status.Applicant() != applies {
			t.Errorf("%s: an applicant %t, can be asked for %t", status, status.Applicant(), listed)
		}
	}
	for _, s := range []string{"", "Active", "unheard of"} {
		if _, listed := onboarding.ParseMemberStatus(s); listed || onboarding.MemberStatus(s).Applicant() {
			t.Errorf("%q can be asked for", s)
		}
	}
}
