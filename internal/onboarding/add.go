package onboarding

import (
	"context"
	"errors"
	"time"
)

const (
	temporaryLifetime = 72 * time.Hour
	addAttempts       = 4
)

// Temporary is a one-time password that is out. Its zero value is none. It opens one session, in which its member chooses a
// password of their own and does nothing else.
type Temporary struct {
	Nonce     []byte
	Round     uint16
	Key       byte // number of the master key that it is derived from
	ExpiresAt time.Time
	UsedAt    time.Time // zero until somebody signs in with it
}

// Out reports whether the member's password is a one-time password, used or not.
func (t Temporary) Out() bool { return len(t.Nonce) > 0 }

// Opens reports whether somebody can sign in with it.
func (t Temporary) Opens(now time.Time) bool {
	return t.Out() && t.UsedAt.IsZero() && now.Before(t.ExpiresAt)
}

// next makes the next round.
func (t Temporary) next(w World, keys Keys) Temporary {
	return Temporary{Nonce: w.Nonce(), Round: t.Round + 1, Key: keys.Current(), ExpiresAt: w.Instant().Add(temporaryLifetime)}
}

// AddStore is what adding members asks of the table.
type AddStore interface {
	PlaceReader
	// ReadContact returns ErrNotFound if the address is unknown.
	ReadContact(ctx context.Context, org OrganizationID, id ContactID) (Contact, error)
	// ReadIssued reads a member, their credentials, and the id of the request that changed them last. It returns ErrNotFound if
	// there is none.
	ReadIssued(ctx context.Context, org OrganizationID, id MemberID) (Member, Credentials, string, error)
	// AddMember writes a new member and gives them their address, in one transaction with their places and the counters. It answers
	// ErrConflict where the address is otherwise by now, ErrInviterChanged where the actor is, ErrPlaceGone, and ErrSeatsFull.
	AddMember(ctx context.Context, a Addition) error
	// IssueCredentials writes a member's credentials and owes the message about them, if the member is still as they were read; else
	// ErrConflict.
	IssueCredentials(ctx context.Context, i Issue) error
	// ReserveSends takes up to want from the organization's limit of the day and answers how many it got. It fails closed.
	ReserveSends(ctx context.Context, org OrganizationID, day time.Time, inviter MemberID, want, limit int) (int, error)
	// ReturnSends gives back what was not used, at most once: less is sent then, not more.
	ReturnSends(ctx context.Context, org OrganizationID, day time.Time, inviter MemberID, unused int) error
}

// Addition is all that changes when a member is added.
type Addition struct {
	Member      Member
	Credentials Credentials
	Contact     Contact // as it was read; of version 0 where the address is new
	Actor       Actor   // who adds them, as they must still be
	Message     Message
	Seats       int // of the organization, if they are limited
	RequestID   string
}

// Issue is a way in that is sent to a member.
type Issue struct {
	Before, After Member
	Seen, Next    Credentials
	Message       Message
	RequestID     string
}

// Adding is the use case: members are registered directly, and sent a way in.
type Adding struct {
	World World
	Store AddStore
	Keys  Keys
}

// AddCommand registers one member.
type AddCommand struct {
	Address             Address
	FirstName           string
	LastName            string
	JobTitle            string
	Placement           Placement
	Locale              Locale // empty: the organization's
	WithoutConfirmation *bool  // nil: as far as the organization lets passwords be mailed
	RequestID           string
}

// Add makes somebody a member: active at once, with a one-time password by mail, or as soon as they have chosen a password by
// the link that is mailed. Either way they are in the member list and the structure at once, and take a seat.
func (u Adding) Add(ctx context.Context, caller Caller, cmd AddCommand) (Member, error) {
	o := caller.Organization
	if !caller.Rights().Manage {
		return Member{}, Refuse(Forbidden, "Only administrators add members.")
	}
	if o.Closed {
		return Member{}, errClosed()
	}
	first, err1 := requiredName("/first_name", cmd.FirstName)
	last, err2 := requiredName("/last_name", cmd.LastName)
	without, err3 := withoutConfirmation(o.Settings, cmd.WithoutConfirmation)
	if err := joinFields(err1, err2, err3); err != nil {
		return Member{}, err
	}
	id, err := ParseMemberKey(cmd.RequestID)
	if err != nil {
		return Member{}, err
	}
	if cmd.Locale == "" {
		cmd.Locale = o.Settings.DefaultLocale
	}
	now := u.World.Instant()
	a := Addition{Actor: caller.Member.Actor(), Seats: o.Settings.Seats, RequestID: cmd.RequestID, Member: Member{
		ID: id, Organization: o.ID, Status: MemberPendingActivation, Type: Employee, Role: RoleMember, FirstName: first, LastName: last,
		JobTitle: cmd.JobTitle, Email: cmd.Address.Value, Locale: cmd.Locale, Entry: Entry{Channel: ChannelDirect, Inviter: caller.Member.ID},
		CreatedAt: now, UpdatedAt: now, Version: 1}}
	if without {
		a.Member.Status, a.Member.JoinedAt = MemberActive, now
		a.Credentials = u.temporary(o.ID, id, Credentials{})
	} else {
		a.Credentials.Reset = Reset{Nonce: u.World.Nonce(), Round: 1, ExpiresAt: now.Add(setLifetime)}
	}
	a.Credentials.SentAt = now
	a.Message = u.message(a.Member, a.Credentials)
	return u.add(ctx, caller, cmd, a)
}

// withoutConfirmation says whether a one-time password is mailed.
func withoutConfirmation(s Settings, asked *bool) (bool, error) {
	switch {
	case asked == nil:
		return !s.ForbidMailedPasswords, nil
	case *asked && s.ForbidMailedPasswords:
		return false, InvalidField("/without_confirmation", "not_allowed", "This organization mails no passwords. Whoever is added gets a link.")
	}
	return *asked, nil
}

// temporary gives a member a one-time password in the place of whatever they had.
func (u Adding) temporary(org OrganizationID, id MemberID, c Credentials) Credentials {
	t := c.Temporary.next(u.World, u.Keys)
	return Credentials{Password: Password{u.Keys.OneTimePassword(org, id, t).Reveal()}.Hash(u.World), Epoch: c.Epoch + 1, Temporary: t, Reset: Reset{Round: c.Reset.Round}}
}

// message is what tells a member of their credentials.
func (u Adding) message(m Member, c Credentials) Message {
	switch {
	case c.Temporary.Out():
		return newMessage(u.World, MessageMemberAdded, m.Locale, c.Temporary.Round)
	case m.Status == MemberPendingActivation:
		return newMessage(u.World, MessageRegistration, m.Locale, c.Reset.Round)
	case c.Password == "": // there is nothing to reset, and no name to check
		return newMessage(u.World, MessagePasswordSet, m.Locale, c.Reset.Round)
	}
	return newMessage(u.World, MessagePasswordReset, m.Locale, c.Reset.Round)
}

// add reads, decides and writes, and begins again where somebody was faster.
func (u Adding) add(ctx context.Context, caller Caller, cmd AddCommand, a Addition) (Member, error) {
	o := caller.Organization
	contact := NewContactID(o.Salt, cmd.Address)
	reserved := false
	refuse := func(err error) (Member, error) { return Member{}, u.spare(ctx, caller, reserved, err) }
	for range addAttempts {
		c, err := u.Store.ReadContact(ctx, o.ID, contact)
		if errors.Is(err, ErrNotFound) {
			c, err = Contact{ID: contact, Address: cmd.Address}, nil
		}
		if err != nil {
			return Member{}, err
		}
		if c.Member == a.Member.ID { // an earlier try of this very request wrote it
			m, _, _, err := u.Store.ReadIssued(ctx, o.ID, c.Member)
			return m, err
		}
		if !c.Member.IsZero() {
			return refuse(u.taken(ctx, o.ID, c.Member))
		}
		if a.Member.Placement, err = u.mayAdd(ctx, caller, cmd.Placement); err != nil {
			return refuse(err)
		}
		if !reserved {
			if err := u.reserve(ctx, caller); err != nil {
				return Member{}, err
			}
			reserved = true
		}
		a.Contact = c
		switch err = u.Store.AddMember(ctx, a); {
		case err == nil:
			return a.Member, nil
		case errors.Is(err, ErrInviterChanged):
			return refuse(errNobody())
		case errors.Is(err, ErrSeatsFull):
			return refuse(errSeatsFull())
		case !errors.Is(err, ErrConflict) && !errors.Is(err, ErrPlaceGone):
			return Member{}, err
		}
	}
	return refuse(errBusy())
}

// taken is the refusal of an address that somebody has.
func (u Adding) taken(ctx context.Context, org OrganizationID, id MemberID) error {
	m, _, _, err := u.Store.ReadIssued(ctx, org, id)
	switch {
	case err != nil:
		return err
	case m.Status == MemberDismissed:
		return Refuse(DismissedBefore, "This person was dismissed. Let them in again instead, as "+m.ID.String()+".")
	case m.Status == MemberPendingApproval:
		return Refuse(IsMember, "This person has joined already and waits for approval. Approve the request instead.")
	case m.Status == MemberRejected:
		return Refuse(IsMember, "This person's request to join was rejected. Reopen it instead.")
	}
	return Refuse(IsMember, "There is a member of this address already.")
}

// mayAdd asks the policy, and answers where the member is to stand.
func (u Adding) mayAdd(ctx context.Context, caller Caller, p Placement) (Placement, error) {
	s, err := stand(ctx, u.Store, caller.Member, p)
	if err != nil {
		return p, err
	}
	if err := s.known("", p); err != nil {
		return p, err
	}
	if v := DecideMember(Actor{}, Case{Actor: caller.Member.Actor(), Offer: Offer{Employee, RoleMember}, Places: s.Places}); !v.Stands() {
		return p, Refuse(Forbidden, v.Sentence)
	}
	return s.There.forType(Employee), nil
}

// reserve takes one mail out of the organization's limit of the day.
func (u Adding) reserve(ctx context.Context, caller Caller) error {
	o, today := caller.Organization, u.World.Instant()
	n, err := u.Store.ReserveSends(ctx, o.ID, today, caller.Member.ID, 1, o.Settings.DailySendLimit)
	if err == nil && n == 0 {
		err = &Error{Code: LimitReached, Message: "Today's sending limit of the organization is reached.",
			RetryAfter: today.Truncate(day).Add(day).Sub(today)}
	}
	return err
}

// spare gives back the mail that was reserved, if one was, for what is refused after all.
func (u Adding) spare(ctx context.Context, caller Caller, reserved bool, refusal error) error {
	if !reserved {
		return refusal
	}
	return errors.Join(refusal, u.Store.ReturnSends(ctx, caller.Organization.ID, u.World.Instant(), caller.Member.ID, 1))
}

// Resend sends a member a way in that works: a new link to whoever has yet to choose a password, a new one-time password to
// whoever never changed theirs, and to everybody else a link to choose another password.
func (u Adding) Resend(ctx context.Context, caller Caller, id MemberID, match MemberMatch, requestID string) (Member, error) {
	if !caller.Rights().Manage {
		return Member{}, errNobody()
	}
	o, reserved := caller.Organization, false
	if o.Closed {
		return Member{}, errClosed()
	}
	refuse := func(err error) (Member, error) { return Member{}, u.spare(ctx, caller, reserved, err) }
	for range addAttempts {
		m, c, last, err := u.Store.ReadIssued(ctx, o.ID, id)
		if errors.Is(err, ErrNotFound) || err == nil && m.Status.Applicant() {
			return refuse(errNoMember())
		}
		if err != nil {
			return Member{}, err
		}
		if last == requestID {
			return m, nil
		}
		now := u.World.Instant()
		if err := u.mayResend(caller, m, c, match, now); err != nil {
			return refuse(err)
		}
		if !reserved {
			if err := u.reserve(ctx, caller); err != nil {
				return Member{}, err
			}
			reserved = true
		}
		i := Issue{Before: m, After: m, Seen: c, Next: u.issue(o, m, c), RequestID: requestID}
		i.After.UpdatedAt, i.After.Version = now, m.Version+1
		i.Next.SentAt = now
		i.Message = u.message(m, i.Next)
		if err = u.Store.IssueCredentials(ctx, i); !errors.Is(err, ErrConflict) {
			return i.After, err
		}
	}
	return refuse(errBusy())
}

func (u Adding) mayResend(caller Caller, m Member, c Credentials, match MemberMatch, now time.Time) error {
	switch v := mayTouch(caller, m); {
	case !match(m):
		return Refuse(VersionMismatch, "The member has changed since you read them.")
	case !v.Stands():
		return Refuse(Forbidden, v.Sentence)
	case !m.Status.Placed() || m.Ended(now):
		return Refuse(Conflict, "This member was dismissed. Let them in again first.")
	case m.Login().Kind == Phone:
		return Refuse(Conflict, "This member signs in with a phone number. They get a code where they sign in.")
	}
	if wait := c.SentAt.Add(resendPause).Sub(now); wait > 0 {
		return &Error{Code: TooManyAttempts, Message: "A way in was sent within the last minute.", RetryAfter: wait}
	}
	return nil
}

// issue makes the next way in. Where passwords are not mailed any more, a one-time password that is out ends with it.
func (u Adding) issue(o Organization, m Member, c Credentials) Credentials {
	if m.Status == MemberActive && c.Temporary.Out() && !o.Settings.ForbidMailedPasswords {
		return u.temporary(o.ID, m.ID, c)
	}
	life := resetLifetime
	if m.Status == MemberPendingActivation || c.Temporary.Out() || c.Password == "" {
		life = setLifetime
	}
	if c.Temporary.Out() {
		c.Password, c.Epoch, c.Temporary = "", c.Epoch+1, Temporary{Round: c.Temporary.Round}
	}
	c.Reset = Reset{Nonce: u.World.Nonce(), Round: c.Reset.Round + 1, ExpiresAt: u.World.Instant().Add(life)}
	return c
}
