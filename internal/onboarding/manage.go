package onboarding

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const manageAttempts = 5

// ManageStore is what changing members asks of the table.
type ManageStore interface {
	PlaceReader
	// ReadManaged reads a member and the id of the request that changed them last. It returns ErrNotFound if there is none.
	ReadManaged(ctx context.Context, org OrganizationID, id MemberID) (m Member, requestID string, err error)
	// WriteManaged writes a member over the member as they were read, in one transaction with their places and the counters. It
	// answers ErrConflict where the member is otherwise by now, ErrInviterChanged where the actor is, ErrPlaceGone, ErrSeatsFull,
	// ErrPartnersChanged, and ErrLastAdministrator.
	WriteManaged(ctx context.Context, c MemberWrite) error
	// ReadMember returns ErrNotFound if there is none.
	ReadMember(ctx context.Context, org OrganizationID, id MemberID) (Member, error)
	PartnerReader
	SuspendStore
}

// MemberWrite is one change of a member.
type MemberWrite struct {
	Before, After Member
	Actor         Actor         // who changes them, as they must still be; not held where it is the member
	EndSessions   bool          // and with them the API keys that they own
	Forget        bool          // whatever opens a session besides their password: resets, codes, one-time passwords
	Partner       *PartnerEntry // of a partner who comes back: the place that they take
	Seats         int           // of the organization, if they are limited
	RequestID     string
}

// Managing is the use case: members are edited, dismissed, let in again and converted.
type Managing struct {
	World World
	Store ManageStore
}

// MemberMatch reports whether a member is still as the caller saw them.
type MemberMatch = func(Member) bool

// MemberChange is what is to be different about a member. What is nil stays.
type MemberChange struct {
	FirstName  *string
	LastName   *string
	JobTitle   *string
	Locale     *Locale
	Role       *Role
	GuestUntil *time.Time // zero: never

	Departments *[]DepartmentID
	Groups      *[]GroupID
}

// own reports whether it is a change that members make to themselves.
func (c MemberChange) own() bool {
	return c.JobTitle == nil && c.Role == nil && c.GuestUntil == nil && c.Departments == nil && c.Groups == nil
}

func errNoMember() *Error { return Refuse(NotFound, "There is no such member.") }

// errNobody is the refusal of whoever may not change members. They are told of nobody whom they do not see.
func errNobody() *Error { return Refuse(Forbidden, "Only administrators change members.") }

// Edit changes a member: administrators everybody, everybody their own names and language.
func (u Managing) Edit(ctx context.Context, caller Caller, id MemberID, match MemberMatch, requestID string, c MemberChange) (Member, error) {
	if own := id == caller.Member.ID && c.own(); !own && !caller.Rights().Manage {
		return Member{}, errNobody()
	}
	if err := joinFields(kept("/first_name", c.FirstName), kept("/last_name", c.LastName)); err != nil {
		return Member{}, err
	}
	return u.change(ctx, caller, id, match, requestID, func(caller Caller, m Member) (MemberWrite, error) {
		if m.Status == MemberDismissed {
			return MemberWrite{}, Refuse(Conflict, "This member was dismissed. Let them in again first.")
		}
		next := m
		set(&next.FirstName, c.FirstName)
		set(&next.LastName, c.LastName)
		set(&next.JobTitle, c.JobTitle)
		set(&next.Locale, c.Locale)
		set(&next.Role, c.Role)
		set(&next.EndsAt, c.GuestUntil)
		if c.GuestUntil != nil {
			if err := checkGuestUntil(m.Type, next.EndsAt, u.World.Instant()); err != nil {
				return MemberWrite{}, err
			}
		}
		if id == caller.Member.ID && c.own() {
			return MemberWrite{After: next}, nil
		}
		err := u.settle(ctx, caller, m, &next, c.Departments, c.Groups)
		return MemberWrite{After: next, EndSessions: next.Role != m.Role}, err
	})
}

// kept refuses to take a name away: everybody has both.
func kept(pointer string, name *string) error {
	if name != nil && *name == "" {
		return InvalidField(pointer, "required", "This is required.")
	}
	return nil
}

// settle puts a member where they are to stand, and asks the policy about all that they become. Where no place is named, they
// stay where they are, as far as that is there.
func (u Managing) settle(ctx context.Context, caller Caller, m Member, next *Member, departments *[]DepartmentID, groups *[]GroupID) error {
	places, named := changePlacement(next.Placement, departments, groups)
	s, err := places.asItIs(), error(nil)
	if departments != nil || groups != nil || next.Type != m.Type || !m.Status.Placed() {
		s, err = stand(ctx, u.Store, caller.Member, places)
	}
	if err != nil {
		return err
	}
	if err := s.known("", named); err != nil {
		return err
	}
	next.Placement = s.There.forType(next.Type)
	v := DecideMember(m.Actor(), Case{Actor: caller.Member.Actor(), Offer: Offer{next.Type, next.Role}, Places: s.Places, Firm: next.Firm})
	switch {
	case v.Stands():
		return nil
	case v.Rule == "guest_needs_group" || v.Rule == "group_admits_no_guests":
		return InvalidField("/group_ids", v.Rule, v.Sentence)
	case v.Rule == "guests_in_no_department":
		return InvalidField("/department_ids", v.Rule, v.Sentence)
	case v.Rule == "admins_are_employees":
		return InvalidField("/role", v.Rule, v.Sentence)
	}
	return Refuse(Forbidden, v.Sentence)
}

// Dismiss ends a membership, and with it every session, in one write. Then the invitations that they sent are suspended; doing
// it again goes on with that.
func (u Managing) Dismiss(ctx context.Context, caller Caller, id MemberID, match MemberMatch, requestID string) (Member, error) {
	if !caller.Rights().Manage {
		return Member{}, errNobody()
	}
	m, err := u.change(ctx, caller, id, match, requestID, func(caller Caller, m Member) (MemberWrite, error) {
		if m.Status == MemberDismissed {
			return MemberWrite{}, errUnchanged
		}
		if m.ID == caller.Member.ID {
			return MemberWrite{}, Refuse(Conflict, "Nobody dismisses themselves. Ask another administrator.")
		}
		if v := mayTouch(caller, m); !v.Stands() {
			return MemberWrite{}, Refuse(Forbidden, v.Sentence)
		}
		next := m
		next.Status = MemberDismissed
		return MemberWrite{After: next, EndSessions: true, Forget: true}, nil
	})
	if err != nil {
		return m, err
	}
	return m, suspend(ctx, u.World, u.Store, caller.Organization, m)
}

// mayTouch asks the policy whether the caller may do something to a member that gives them nothing.
func mayTouch(caller Caller, m Member) Verdict {
	return DecideMember(m.Actor(), Case{Actor: caller.Member.Actor(), Offer: Offer{Employee, RoleMember}})
}

// Rehire is who somebody is when they are let in again. What is nil is as it was, but for the role, which is named or none.
type Rehire struct {
	Departments *[]DepartmentID
	Groups      *[]GroupID
	Role        Role       // empty: a plain member
	GuestUntil  *time.Time // zero: never
	Replaces    MemberID   // of a partner: whose place they take; zero: nobody's
}

// Rehire lets a dismissed member in again. No role comes back by itself.
func (u Managing) Rehire(ctx context.Context, caller Caller, id MemberID, match MemberMatch, requestID string, r Rehire) (Member, error) {
	if !caller.Rights().Manage {
		return Member{}, errNobody()
	}
	return u.change(ctx, caller, id, match, requestID, func(caller Caller, m Member) (MemberWrite, error) {
		now := u.World.Instant()
		switch {
		case m.Status != MemberDismissed:
			return MemberWrite{}, Refuse(Conflict, "This member is not dismissed.")
		case caller.Organization.Closed:
			return MemberWrite{}, errClosed()
		case m.Type != Partner && !r.Replaces.IsZero():
			return MemberWrite{}, InvalidField("/replaces_member_id", "not_applicable", "One partner takes the place of one.")
		}
		next := m
		next.Status, next.Role = MemberActive, RoleMember
		if r.Role != "" {
			next.Role = r.Role
		}
		if next.Ended(now) {
			next.EndsAt = time.Time{}
		}
		if set(&next.EndsAt, r.GuestUntil); r.GuestUntil != nil {
			if err := checkGuestUntil(m.Type, next.EndsAt, now); err != nil {
				return MemberWrite{}, err
			}
		}
		if next.JoinedAt.IsZero() {
			next.JoinedAt = now
		}
		next.Skipped = nil
		entry, err := u.partnerAgain(ctx, m, r.Replaces)
		if err != nil {
			return MemberWrite{}, err
		}
		if entry != nil {
			next.Firm = entry.Firm
		}
		err = u.settle(ctx, caller, m, &next, r.Departments, r.Groups)
		return MemberWrite{After: next, Partner: entry}, err
	})
}

// partnerAgain judges whether a partner can come back; it answers nil for whoever is none.
func (u Managing) partnerAgain(ctx context.Context, m Member, replaces MemberID) (*PartnerEntry, error) {
	if m.Type != Partner {
		return nil, nil
	}
	e, err := enterPartners(ctx, u.Store, m.Organization, m.Login(), replaces)
	switch {
	case errors.Is(err, errNoPlace):
		full := errPartnersFull()
		full.Message = fmt.Sprintf("There are %d partners already. Name whom to replace.", MaxPartners)
		return nil, full
	case errors.Is(err, errOtherFirm):
		return nil, Refuse(Conflict, "Partners are all of one firm: "+e.Seen.Firm.Name+".")
	}
	return &e, err
}

// Conversion is what somebody becomes.
type Conversion struct {
	Type        MemberType // Employee or Guest
	Departments *[]DepartmentID
	Groups      *[]GroupID
	GuestUntil  *time.Time // zero: never
}

// Convert makes a guest of an employee, or an employee of a guest. A guest stands in no department and has no role.
func (u Managing) Convert(ctx context.Context, caller Caller, id MemberID, match MemberMatch, requestID string, c Conversion) (Member, error) {
	if !caller.Rights().Manage {
		return Member{}, errNobody()
	}
	if c.Type == Partner {
		return Member{}, InvalidField("/member_type", "not_applicable", "Nobody is converted to a partner. Invite them by an address of their firm.")
	}
	m, err := u.change(ctx, caller, id, match, requestID, func(caller Caller, m Member) (MemberWrite, error) {
		switch {
		case m.Type == Partner:
			return MemberWrite{}, Refuse(Conflict, "A partner is not converted.")
		case !m.Status.Placed():
			return MemberWrite{}, Refuse(Conflict, "This member is "+string(m.Status)+".")
		case m.Type == c.Type:
			return MemberWrite{}, errUnchanged
		}
		next := m
		next.Type, next.Role, next.EndsAt = c.Type, RoleMember, time.Time{}
		next.Placement.Departments = nil
		if set(&next.EndsAt, c.GuestUntil); c.GuestUntil != nil {
			if err := checkGuestUntil(c.Type, next.EndsAt, u.World.Instant()); err != nil {
				return MemberWrite{}, err
			}
		}
		if v := mayTouch(caller, m); !v.Stands() {
			return MemberWrite{}, Refuse(Forbidden, v.Sentence)
		}
		err := u.settle(ctx, caller, m, &next, c.Departments, c.Groups)
		return MemberWrite{After: next, EndSessions: true}, err
	})
	if err != nil {
		return m, err
	}
	return m, suspend(ctx, u.World, u.Store, caller.Organization, m)
}

// change reads, decides and writes over what was read, and begins again where somebody was faster. A repeated request that
// finds its own write answers it.
func (u Managing) change(ctx context.Context, caller Caller, id MemberID, match MemberMatch, requestID string,
	decide func(Caller, Member) (MemberWrite, error)) (Member, error) {
	org := caller.Organization
	for range manageAttempts {
		m, last, err := u.Store.ReadManaged(ctx, org.ID, id)
		if errors.Is(err, ErrNotFound) || err == nil && m.Status.Applicant() {
			return Member{}, errNoMember()
		}
		if err != nil {
			return Member{}, err
		}
		if last == requestID {
			return m, nil
		}
		if !match(m) {
			return Member{}, Refuse(VersionMismatch, "The member has changed since you read them.")
		}
		// Whoever changes themselves is held by no other item: they are judged as they were just read.
		as := caller
		if id == caller.Member.ID {
			as.Member = m
		}
		write, err := decide(as, m)
		if errors.Is(err, errUnchanged) {
			return m, nil
		}
		if err != nil {
			return Member{}, err
		}
		write.Before, write.Actor, write.Seats, write.RequestID = m, caller.Member.Actor(), org.Settings.Seats, requestID
		write.After.UpdatedAt, write.After.Version = u.World.Instant(), m.Version+1
		switch err = u.Store.WriteManaged(ctx, write); {
		case err == nil && write.Partner != nil:
			write.Partner.suspendReplaced(ctx, u.World, u.Store, org)
			return write.After, nil
		case err == nil && write.EndSessions && write.After.Status == MemberActive && write.After.Type == m.Type:
			return write.After, suspend(ctx, u.World, u.Store, org, write.After)
		case errors.Is(err, ErrInviterChanged):
			return Member{}, errNobody()
		case errors.Is(err, ErrLastAdministrator):
			return Member{}, Refuse(LastAdministrator, "This is the last administrator. Make somebody else one first.")
		case errors.Is(err, ErrSeatsFull):
			return Member{}, errSeatsFull()
		case !errors.Is(err, ErrConflict) && !errors.Is(err, ErrPlaceGone) && !errors.Is(err, ErrPartnersChanged):
			return write.After, err
		}
	}
	return Member{}, errBusy()
}
