package onboarding

import (
	"context"
	"errors"
	"time"
)

const (
	changesPerDay  = 5
	changeTries    = 5
	changeAttempt  = "contact#" // what is counted, with the member
	contactRetries = 4
)

// ContactChange is an address that a member would have, and the state of the code that proves it. Its zero value is none.
type ContactChange struct {
	Address Address
	Nonce   []byte
	Key     byte // number of the master key that the code is derived from
	Round   uint16
	Tries   int
	SentAt  time.Time
	EndsAt  time.Time
}

// TriesLeft is how often the code can still be tried.
func (c ContactChange) TriesLeft() int { return max(changeTries-c.Tries, 0) }

// ResendAt is when another code can be asked for.
func (c ContactChange) ResendAt() time.Time { return c.SentAt.Add(codePause) }

// open reports whether the code can be tried.
func (c ContactChange) open(now time.Time) bool {
	return len(c.Nonce) > 0 && now.Before(c.EndsAt) && c.TriesLeft() > 0
}

// ContactStore is what changing one's own address asks of the table.
type ContactStore interface {
	PartnerReader
	// OweContactCode writes the change and owes its code, if the member is active and their last change was of round seen; else
	// ErrConflict.
	OweContactCode(ctx context.Context, org OrganizationID, m MemberID, seen uint16, c ContactChange, msg Message) error
	// CountContactTry counts one try of the code of a round, if it has time and any left; else ErrLimit.
	CountContactTry(ctx context.Context, org OrganizationID, m MemberID, round uint16, limit int, now time.Time) error
	// WriteContact gives a member their new address and takes the old one of its kind from them, in one transaction, if all is as
	// it was read; else ErrConflict.
	WriteContact(ctx context.Context, w ContactWrite) error
}

// Alert is word of a change that somebody else may have made in its recipient's name. What is owed later does not replace it.
type Alert struct {
	To        Address
	FirstName string
	Message   Message
}

// ContactWrite is all that changes when somebody has proven their new address.
type ContactWrite struct {
	Before, After Member
	Change        ContactChange
	New           Contact  // as it was read; of version 0 where the address is new
	Old           *Contact // as it was read; nil where they had none of its kind
	Alert         *Alert   // to the mailbox that they had, the old address or one beside it; nil where they had none
	Session       Session
}

// ChangeContact sends a code to the address that the caller would have in the place of theirs. It looks nobody up: its answer,
// and what it costs, are the same whoever has the address.
func (u SigningIn) ChangeContact(ctx context.Context, caller Caller, email Address, phone, password string) (ContactChange, error) {
	o := caller.Organization
	m, credentials, err := u.prove(ctx, caller, password)
	if err != nil {
		return ContactChange{}, err
	}
	address := email
	if phone != "" {
		if address, err = u.ownPhone(o, phone); err != nil {
			return ContactChange{}, err
		}
	}
	if address.Value == m.Email || address.Value == m.Phone {
		return ContactChange{}, InvalidField("/"+string(address.Kind), "same", "This is yours already.")
	}
	if err := u.keepsFirm(ctx, m, address); err != nil {
		return ContactChange{}, err
	}
	now, seen := u.World.Instant(), credentials.Change
	if wait := seen.ResendAt().Sub(now); wait > 0 {
		return ContactChange{}, &Error{Code: TooManyAttempts, Message: "A code was sent within the last minute.", RetryAfter: wait}
	}
	if _, err := countAttempt(ctx, u.World, u.Store, o.ID, changeAttempt+m.ID.Key(), day, changesPerDay); err != nil {
		return ContactChange{}, err
	}
	c := ContactChange{Address: address, Nonce: u.World.Nonce(), Key: u.Keys.Current(), Round: seen.Round + 1, SentAt: now, EndsAt: now.Add(codeLifetime)}
	msg := newMessage(u.World, MessageContactCode, m.Locale, c.Round)
	if err := countCode(ctx, u.World, u.Store, u.Texts, o, address, msg); err != nil {
		return ContactChange{}, err
	}
	if address.Kind == Phone {
		msg.PaidAt = msg.At
	}
	if err := u.Store.OweContactCode(ctx, o.ID, m.ID, seen.Round, c, msg); errors.Is(err, ErrConflict) {
		return ContactChange{}, errBusy()
	} else if err != nil {
		return ContactChange{}, err
	}
	return c, nil
}

// prove counts a try of the caller's password, and answers them as they are if it was right.
func (u SigningIn) prove(ctx context.Context, caller Caller, password string) (Member, Credentials, error) {
	o := caller.Organization.ID
	if _, err := countAttempt(ctx, u.World, u.Store, o, "change#"+caller.Member.ID.Key(), guessWindow, guessesPerLogin); err != nil {
		return Member{}, Credentials{}, err
	}
	m, c, err := u.Store.ReadCredentials(ctx, o, caller.Member.ID)
	if err == nil && !c.Password.Matches(password) {
		err = InvalidField("/current_password", "wrong", "This is not your current password.")
	}
	return m, c, err
}

// keepsFirm refuses to take a partner out of their firm's mailboxes: by those they are one.
func (u SigningIn) keepsFirm(ctx context.Context, m Member, a Address) error {
	if m.Type != Partner || a.Kind != Email {
		return nil
	}
	firms, err := u.Store.ReadFirms(ctx, []string{a.Domain()})
	if err == nil && firms[a.Domain()].ID != m.Firm.ID {
		err = InvalidField("/email", "not_certified", "A partner's address is one of their firm.")
	}
	return err
}

func (u SigningIn) ownPhone(o Organization, typed string) (Address, error) {
	if !u.Texts.Available(o) {
		return Address{}, errTextsOff.asError("/phone")
	}
	a, err := ParsePhone(typed, o.Settings.Country, u.Texts.Numbers)
	if err != nil {
		return a, InvalidValue("/phone", err)
	}
	return a, nil
}

// VerifyContact proves the new address with the code, and gives it to the caller. It ends every session of theirs, this one too,
// and begins a new one. Whose address it is otherwise, they are told: they read its mail. So is the mailbox that the caller had.
func (u SigningIn) VerifyContact(ctx context.Context, caller Caller, code string) (Caller, SessionToken, error) {
	o := caller.Organization
	m, credentials, err := u.Store.ReadCredentials(ctx, o.ID, caller.Member.ID)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	c, now := credentials.Change, u.World.Instant()
	if !c.open(now) {
		return Caller{}, SessionToken{}, errCodeExpired()
	}
	if err := u.Store.CountContactTry(ctx, o.ID, m.ID, c.Round, changeTries, now); errors.Is(err, ErrLimit) {
		return Caller{}, SessionToken{}, errCodeExpired()
	} else if err != nil {
		return Caller{}, SessionToken{}, err
	}
	if !u.Keys.ContactCode(o.ID, m.ID, c).Matches(code) {
		return Caller{}, SessionToken{}, InvalidField("/code", "wrong", "This is not the code that was sent.")
	}
	for range contactRetries {
		moved, token, err := u.moveContact(ctx, caller, c)
		if !errors.Is(err, ErrConflict) {
			return moved, token, err
		}
	}
	return Caller{}, SessionToken{}, errBusy()
}

// moveContact gives the caller the address that is proven, if the session that asks for it holds still.
func (u SigningIn) moveContact(ctx context.Context, caller Caller, c ContactChange) (Caller, SessionToken, error) {
	o, id := caller.Organization, caller.Member.ID
	m, credentials, err := u.Store.ReadCredentials(ctx, o.ID, id)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	if credentials.Epoch != caller.Session.Epoch {
		return Caller{}, SessionToken{}, errSignIn()
	}
	if credentials.Change.Round != c.Round || len(credentials.Change.Nonce) == 0 {
		return Caller{}, SessionToken{}, errCodeExpired()
	}
	w := ContactWrite{Before: m, Change: c}
	if w.New, err = u.contact(ctx, o, c.Address); err != nil {
		return Caller{}, SessionToken{}, err
	}
	if !w.New.Member.IsZero() && w.New.Member != id {
		return Caller{}, SessionToken{}, Refuse(Conflict, "This address belongs to another member.")
	}
	if old := m.addressOf(c.Address.Kind); old != (Address{}) {
		there, err := u.contact(ctx, o, old)
		if err != nil {
			return Caller{}, SessionToken{}, err
		}
		w.Old = &there
	}
	m.own(c.Address, true)
	session, token := NewSession(u.World, o.ID, id, credentials.Epoch+1)
	m.UpdatedAt, m.Version = session.CreatedAt, m.Version+1
	w.After, w.Session = m, session
	if w.Before.Email != "" {
		kind := MessageContactChanged
		if c.Address.Kind == Phone {
			kind = MessagePhoneSet
		}
		w.Alert = &Alert{Address{Email, w.Before.Email}, m.FirstName, newMessage(u.World, kind, m.Locale, 0)}
	}
	if err := u.Store.WriteContact(ctx, w); err != nil {
		return Caller{}, SessionToken{}, err
	}
	return Caller{Organization: o, Member: m, Session: session}, token, nil
}

// contact is what is known of an address; of version 0 where nothing is.
func (u SigningIn) contact(ctx context.Context, o Organization, a Address) (Contact, error) {
	id := NewContactID(o.Salt, a)
	c, err := u.Store.ReadContact(ctx, o.ID, id)
	if errors.Is(err, ErrNotFound) {
		return Contact{ID: id, Address: a}, nil
	}
	return c, err
}

// addressOf is the member's address of a kind; zero where they have none.
func (m Member) addressOf(k Kind) Address {
	value := m.Email
	if k == Phone {
		value = m.Phone
	}
	if value == "" {
		return Address{}
	}
	return Address{k, value}
}
