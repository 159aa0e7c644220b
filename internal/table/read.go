package table

import (
	"context"

	"latchkey/internal/onboarding"
)

// ReadCaller reads all that a request's authentication needs in one batch: the token names the three keys.
func (t *Table) ReadCaller(ctx context.Context, token onboarding.SessionToken) (onboarding.Caller, int64, error) {
	ok, mk, sk := organizationKey(token.Organization), memberKey(token.Organization, token.Member), sessionKey(token.Organization, token.Hash())
	if !token.Key.IsZero() {
		sk = apiKeyKey(token.Organization, token.Key)
	}
	found, err := t.batchGet(ctx, ok, mk, sk)
	if err != nil {
		return onboarding.Caller{}, 0, err
	}
	if len(found) < 3 {
		return onboarding.Caller{}, 0, onboarding.ErrNotFound
	}
	var c onboarding.Caller
	if c.Organization, err = readOrganization(found[ok]); err != nil {
		return c, 0, err
	}
	var member memberItem
	if err = decode(found[mk], &member); err != nil {
		return c, 0, err
	}
	var credentials onboarding.Credentials
	if c.Member, credentials, err = member.both(); err != nil {
		return c, 0, err
	}
	if c.KeyEpoch = member.KeyEpoch; !token.Key.IsZero() {
		k, err := readAPIKey(found[sk])
		c.Key = &k
		return c, credentials.Epoch, err
	}
	var session sessionItem
	if err = decode(found[sk], &session); err != nil {
		return c, 0, err
	}
	c.Session, err = session.session()
	return c, credentials.Epoch, err
}

// ReadOrganization returns ErrNotFound if there is none.
func (t *Table) ReadOrganization(ctx context.Context, org onboarding.OrganizationID) (onboarding.Organization, error) {
	var i organizationItem
	err := t.get(ctx, organizationKey(org), &i)
	return i.organization(), err
}

// ReadContact returns ErrNotFound if the address is unknown.
func (t *Table) ReadContact(ctx context.Context, org onboarding.OrganizationID, id onboarding.ContactID) (onboarding.Contact, error) {
	var i contactItem
	if err := t.get(ctx, contactKey(org, id), &i); err != nil {
		return onboarding.Contact{}, err
	}
	return i.contact()
}

// ReadMember returns ErrNotFound if there is none.
func (t *Table) ReadMember(ctx context.Context, org onboarding.OrganizationID, id onboarding.MemberID) (onboarding.Member, error) {
	m, _, err := t.ReadCredentials(ctx, org, id)
	return m, err
}

// ReadCredentials returns ErrNotFound if there is no such member.
func (t *Table) ReadCredentials(ctx context.Context, org onboarding.OrganizationID, id onboarding.MemberID) (
	onboarding.Member, onboarding.Credentials, error) {
	var i memberItem
	if err := t.get(ctx, memberKey(org, id), &i); err != nil {
		return onboarding.Member{}, onboarding.Credentials{}, err
	}
	return i.both()
}

func readOrganization(item attributes) (onboarding.Organization, error) {
	var i organizationItem
	err := decode(item, &i)
	return i.organization(), err
}

func readContact(item attributes) (onboarding.Contact, error) {
	var i contactItem
	if err := decode(item, &i); err != nil {
		return onboarding.Contact{}, err
	}
	return i.contact()
}

func readMember(item attributes) (onboarding.Member, onboarding.Credentials, error) {
	var i memberItem
	if err := decode(item, &i); err != nil {
		return onboarding.Member{}, onboarding.Credentials{}, err
	}
	return i.both()
}

func (i memberItem) both() (onboarding.Member, onboarding.Credentials, error) {
	m, err := i.member()
	if err != nil {
		return m, onboarding.Credentials{}, err
	}
	c, err := i.credentials()
	return m, c, err
}
