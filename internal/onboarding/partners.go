package onboarding

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	// MaxPartners is how many active partners an organization has, all of one firm.
	MaxPartners = 3
	// MaxFirmDomains is how many domains a certified firm has.
	MaxFirmDomains = 20

	partnersAtOnce = 10 // who are invited by one request
	firmAttempts   = 4
)

// CertifiedFirm is a firm in the operator's registry.
type CertifiedFirm struct {
	Firm
	Domains     []string // whose mailboxes are its people's; in ASCII, exact
	CertifiedAt time.Time
	RevokedAt   time.Time // zero while it is certified
	Version     int64
}

// PartnerReader is what judging a partner asks of the table.
type PartnerReader interface {
	// ReadFirms answers whose domains are, of those that are a certified firm's now.
	ReadFirms(ctx context.Context, domains []string) (map[string]Firm, error)
	// ReadPartners answers an organization's active partners.
	ReadPartners(ctx context.Context, org OrganizationID) (Partners, error)
}

// Partners are the active partners of an organization.
type Partners struct {
	Firm    Firm
	Members []PartnerSlot // MaxPartners at most
	Version int64
}

// PartnerSlot is one of them.
type PartnerSlot struct {
	Member MemberID
	Name   string
}

// Has reports whether a member is one of them.
func (p Partners) Has(id MemberID) bool {
	return slices.ContainsFunc(p.Members, func(s PartnerSlot) bool { return s.Member == id })
}

// admits says why somebody of a firm cannot become one of them in the place of another, or nil. The zero id replaces nobody.
func (p Partners) admits(f Firm, replaced MemberID) error {
	left := slices.DeleteFunc(slices.Clone(p.Members), func(s PartnerSlot) bool { return s.Member == replaced })
	switch {
	case len(left) > 0 && p.Firm.ID != f.ID:
		return errOtherFirm
	case len(left) >= MaxPartners:
		return errNoPlace
	}
	return nil
}

var (
	errOtherFirm = errors.New("partners are all of one firm")
	errNoPlace   = errors.New("all places for partners are taken")
)

func errPartnersFull() *Error {
	return Refuse(PartnersFull, fmt.Sprintf("All %d places for partners are taken. Ask the organization.", MaxPartners))
}

// PartnerEntry is how somebody becomes one of the active partners.
type PartnerEntry struct {
	Seen     Partners // as they were read
	Firm     Firm     // as it is certified
	Domain   string   // of their address, which must still be the firm's
	Replaced *Member  // whose place they take, as they were read; dismissed with that
}

// enterPartners judges whether somebody of an address can become one of the active partners now, in the place of another if
// one is named. Whoever is named and gone already leaves their place free.
func enterPartners(ctx context.Context, store interface {
	PartnerReader
	memberReader
}, org OrganizationID, a Address, replaces MemberID) (e PartnerEntry, err error) {
	if a.Kind != Email {
		return e, errOtherFirm
	}
	e.Domain = a.Domain()
	firms, err := store.ReadFirms(ctx, []string{e.Domain})
	if err != nil {
		return e, err
	}
	e.Firm = firms[e.Domain]
	if e.Seen, err = store.ReadPartners(ctx, org); err != nil {
		return e, err
	}
	if e.Seen.Has(replaces) {
		m, err := store.ReadMember(ctx, org, replaces)
		if err != nil {
			return e, err
		}
		e.Replaced = &m
	}
	return e, e.Seen.admits(e.Firm, replaces)
}

// Holds reports whether the actor is who is replaced: they are held as they were judged by going.
func (e *PartnerEntry) Holds(a Actor) bool {
	return e != nil && e.Replaced != nil && e.Replaced.Actor() == a
}

// Dismissed is the partner who is replaced, as they are then.
func (e PartnerEntry) Dismissed(now time.Time) Member {
	m := *e.Replaced
	m.Status, m.UpdatedAt, m.Version = MemberDismissed, now, m.Version+1
	return m
}

// RegistryStore is what keeping the registry asks of the table.
type RegistryStore interface {
	// ReadFirm answers a firm, certified or not. It returns ErrNotFound if there is none.
	ReadFirm(ctx context.Context, id string) (CertifiedFirm, error)
	// ListFirms answers all firms, by their ids.
	ListFirms(ctx context.Context) ([]CertifiedFirm, error)
	// WriteFirm writes a firm over the firm as it was read, which is of version 0 where there is none, and with it whose its domains
	// are, in one transaction. It answers ErrConflict where the firm is otherwise by now, and ErrDomainTaken where a domain is
	// another firm's.
	WriteFirm(ctx context.Context, before, after CertifiedFirm) error
}

// ErrDomainTaken is what a store answers where a domain belongs to another firm.
var ErrDomainTaken = errors.New("a domain belongs to another firm")

// Certifying is the operator's use case: which firms are certified.
type Certifying struct {
	World    World
	Store    RegistryStore
	Suffixes SuffixList
}

var firmID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$`)

// ParseFirm reads a firm. Domains under which anybody can have one, or a mailbox, are nobody's.
func (u Certifying) ParseFirm(id, name string, domains []string) (f CertifiedFirm, err error) {
	if !firmID.MatchString(id) {
		return f, fmt.Errorf("the id %q: 2 to 40 characters of a-z, 0-9 and inner hyphens", id)
	}
	f.ID = id
	if f.Name, err = requiredName("name", name); err != nil {
		return f, fmt.Errorf("the name of %s: %w", id, err)
	}
	if len(domains) == 0 || len(domains) > MaxFirmDomains {
		return f, fmt.Errorf("%s: name 1 to %d domains", id, MaxFirmDomains)
	}
	for _, domain := range domains {
		d, err := ParseExemptDomain(domain, false, u.Suffixes)
		if err != nil {
			return f, fmt.Errorf("%s: the domain %q: %w", id, domain, err)
		}
		if !slices.Contains(f.Domains, d.Name) {
			f.Domains = append(f.Domains, d.Name)
		}
	}
	return f, nil
}

// Certify puts a firm into the registry, or changes it there. One that was revoked is certified again.
func (u Certifying) Certify(ctx context.Context, f CertifiedFirm) error {
	return u.change(ctx, f.ID, true, func(there *CertifiedFirm) {
		there.Firm, there.Domains, there.RevokedAt = f.Firm, f.Domains, time.Time{}
		if there.CertifiedAt.IsZero() {
			there.CertifiedAt = u.World.Instant()
		}
	})
}

// Revoke ends a firm's certification: nobody of it is invited or joins any more. Who is in stays until they are dismissed.
func (u Certifying) Revoke(ctx context.Context, id string) error {
	return u.change(ctx, id, false, func(there *CertifiedFirm) {
		if there.RevokedAt.IsZero() {
			there.RevokedAt = u.World.Instant()
		}
	})
}

func (u Certifying) change(ctx context.Context, id string, create bool, edit func(*CertifiedFirm)) error {
	for range firmAttempts {
		before, err := u.Store.ReadFirm(ctx, id)
		if errors.Is(err, ErrNotFound) && create {
			before, err = CertifiedFirm{}, nil
		}
		if errors.Is(err, ErrNotFound) {
			return fmt.Errorf("there is no firm %q", id)
		}
		if err != nil {
			return err
		}
		after := before
		edit(&after)
		after.Version = before.Version + 1
		switch err = u.Store.WriteFirm(ctx, before, after); {
		case errors.Is(err, ErrDomainTaken):
			return fmt.Errorf("%s: one of %s belongs to another firm", id, strings.Join(after.Domains, ", "))
		case !errors.Is(err, ErrConflict):
			return err
		}
	}
	return errBusy()
}
