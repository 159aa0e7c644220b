package onboarding

import (
	"context"
	"errors"
	"fmt"
)

// FoundStore is what founding an organization asks of the table.
type FoundStore interface {
	// Found writes the organization, its first administrator and their contact in one transaction; ErrConflict if there is
	// an organization of this id.
	Found(ctx context.Context, o Organization, m Member, c Credentials, contact Contact, owed []Message) error
	// UpdateOrganization writes the name, the settings and whether it is closed, if the organization is still of o.Version;
	// else ErrConflict.
	UpdateOrganization(ctx context.Context, o Organization) error
	// ReadOrganization returns ErrNotFound if there is none.
	ReadOrganization(ctx context.Context, org OrganizationID) (Organization, error)
}

const changeAttempts = 5

// Founding is the operator's use case: organizations come and go by their hand alone.
type Founding struct {
	World World
	Store FoundStore
}

// FoundCommand founds an organization. Where Password is empty, the administrator is owed a mail to set one.
type FoundCommand struct {
	ID             string
	Name           string
	Admin          Invitee
	Locale         Locale
	DailySendLimit int    // 0: the default
	Seats          int    // 0: no limit
	Country        string // ISO 3166-1; may be empty
	Password       string
}

// Found makes the organization and its first administrator.
func (u Founding) Found(ctx context.Context, cmd FoundCommand) (Organization, Member, error) {
	id, err := ParseOrganizationID(cmd.ID)
	if err != nil {
		return Organization{}, Member{}, err
	}
	name, err := requiredName("name", cmd.Name)
	if err != nil {
		return Organization{}, Member{}, fmt.Errorf("the organization's name: %w", err)
	}
	address, err := ParseEmail(cmd.Admin.Address)
	if err != nil {
		return Organization{}, Member{}, fmt.Errorf("the administrator's address: %w", err)
	}
	first, err1 := ParseName(cmd.Admin.FirstName)
	last, err2 := ParseName(cmd.Admin.LastName)
	if err := errors.Join(err1, err2); err != nil {
		return Organization{}, Member{}, fmt.Errorf("the administrator's name: %w", err)
	}
	if cmd.DailySendLimit < 0 {
		return Organization{}, Member{}, errors.New("the daily sending limit cannot be negative")
	}
	o := Organization{ID: id, Name: name, Salt: append(u.World.Nonce(), u.World.Nonce()...), Settings: DefaultSettings(), Version: 1}
	o.Settings.DefaultLocale, o.Settings.Country = cmd.Locale, cmd.Country
	o.Settings.Seats = cmd.Seats
	if cmd.DailySendLimit > 0 {
		o.Settings.DailySendLimit = cmd.DailySendLimit
	}
	now := u.World.Instant()
	m := Member{ID: NewMemberID(u.World), Organization: id, Status: MemberPendingActivation, Type: Employee, Role: RoleAdmin,
		FirstName: first, LastName: last, Email: address.Value, Locale: cmd.Locale, Placement: Placement{}.forType(Employee), CreatedAt: now, UpdatedAt: now, Version: 1}
	var credentials Credentials
	var owed []Message
	if cmd.Password != "" {
		password, err := newPassword("password", cmd.Password, o, address.Value, first, last)
		if err != nil {
			return Organization{}, Member{}, err
		}
		m.Status, m.JoinedAt = MemberActive, now
		credentials = Credentials{Password: password.Hash(u.World), Epoch: 1}
	} else {
		credentials.Reset = Reset{Nonce: u.World.Nonce(), Round: 1, ExpiresAt: now.Add(setLifetime)}
		owed = []Message{newMessage(u.World, MessagePasswordSet, cmd.Locale, 1)}
	}
	contact := Contact{ID: NewContactID(o.Salt, address), Address: address, Member: m.ID, Version: 1}
	if err := u.Store.Found(ctx, o, m, credentials, contact, owed); errors.Is(err, ErrConflict) {
		return Organization{}, Member{}, Refuse(Conflict, fmt.Sprintf("There is an organization %q already.", id))
	} else if err != nil {
		return Organization{}, Member{}, err
	}
	return o, m, nil
}

// Change reads an organization, lets edit change it, and writes it back; again from the start where somebody was faster.
func (u Founding) Change(ctx context.Context, id OrganizationID, edit func(*Organization)) (Organization, error) {
	for range changeAttempts {
		o, err := u.Store.ReadOrganization(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return o, fmt.Errorf("there is no organization %q", id)
		}
		if err != nil {
			return o, err
		}
		edit(&o)
		if err = u.Store.UpdateOrganization(ctx, o); !errors.Is(err, ErrConflict) {
			return o, err
		}
	}
	return Organization{}, fmt.Errorf("organization %q is being changed by others; try again", id)
}
