package onboarding

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// Verify proves the address with the code, and brings its holder in, or into the queue. The policy is asked now, with the
// settings, the link and its owner as they are.
func (u Joining) Verify(ctx context.Context, org OrganizationID, text, code string) (Caller, SessionToken, error) {
	o, j, err := u.Look(ctx, org, text)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	if err := u.try(ctx, o, j, code); err != nil {
		return Caller{}, SessionToken{}, err
	}
	p := proof{Joining: u, join: j, contact: NewContactID(o.Salt, j.Address)}
	for range admitAttempts {
		caller, token, err := p.admit(ctx, org)
		switch {
		case errors.Is(err, ErrJoinUsed):
			return Caller{}, SessionToken{}, errJoined()
		case errors.Is(err, ErrConflict), errors.Is(err, ErrLinkChanged):
			continue
		case errors.Is(err, ErrInviterChanged), errors.Is(err, ErrPlaceGone), errors.Is(err, ErrPartnersChanged), errors.Is(err, errCopyDenies):
			p.reread = true
			continue
		case errors.Is(err, ErrSeatsFull):
			p.seatless = true
			continue
		}
		return caller, token, err
	}
	return Caller{}, SessionToken{}, errBusy()
}

// try counts the try before it looks at the code: of any number at once, only five are looked at. It counts it by the link as
// well, for whoever begins with many addresses would find that one code is right some day; what was right is taken off again.
// Rotating the link begins another count.
func (u Joining) try(ctx context.Context, o Organization, j Join, code string) error {
	now := u.World.Instant()
	if !now.Before(j.CodeEnds) || j.TriesLeft() == 0 {
		return errCodeExpired()
	}
	subject := wrongByLink + j.Link.Key() + "#" + strconv.Itoa(int(j.LinkRound))
	until, err := u.count(ctx, o.ID, subject, wrongWindow, wrongPerLink)
	if err != nil {
		return err
	}
	if err := u.Store.CountTry(ctx, o.ID, j, codeTries, now); errors.Is(err, ErrLimit) {
		return errCodeExpired()
	} else if err != nil {
		return err
	}
	if !u.Keys.ProofCode(o.ID, j).Matches(code) {
		return InvalidField("/code", "wrong", "This is not the code that was sent.")
	}
	// What cannot be taken off stays counted, and the code was right all the same.
	_ = u.Store.ReturnAttempt(ctx, o.ID, subject, until)
	return nil
}

// proof is a join whose mailbox has just been proven.
type proof struct {
	Joining
	join    Join
	contact ContactID
	reread  bool // whether the owner or the inviter has to be looked up: the copy of them that was read is outdated

	seatless bool // whether no seat was left: they wait then
}

// errCopyDenies says that a copy of somebody has not the rights: they themselves have to be looked up.
var errCopyDenies = errors.New("a copy denies")

// admit says whose the address is, and makes of it what can be made.
func (p *proof) admit(ctx context.Context, org OrganizationID) (Caller, SessionToken, error) {
	o, contact, link, err := p.Store.ReadClaim(ctx, org, p.contact, p.join.Link)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	// Proving an address ends every older attempt for it.
	if !contact.VerifiedAt.IsZero() && !p.join.CreatedAt.After(contact.VerifiedAt) {
		return Caller{}, SessionToken{}, errJoinExpired()
	}
	if !contact.Member.IsZero() {
		return p.again(ctx, o, contact)
	}
	if err := link.stillWorks(o, p.join, p.World.Instant()); err != nil {
		return Caller{}, SessionToken{}, err
	}
	offer := OpenOffer{Organization: o, Contact: contact, mailed: true}
	if contact.Invited && offer.state(p.World.Instant()) == nil {
		caller, token, err := p.accept(ctx, offer)
		if !errors.Is(err, &Error{Code: LinkRevoked}) {
			return caller, token, err
		}
	}
	return p.enter(ctx, OpenLink{Organization: o, Link: link}, contact)
}

// again answers whoever proves an address that somebody has already. It is the same person, or was the same mailbox. An
// applicant stays one: joining again decides nothing, and gives them a new way in to see where they stand.
func (p *proof) again(ctx context.Context, o Organization, contact Contact) (Caller, SessionToken, error) {
	m, credentials, err := p.Store.ReadCredentials(ctx, o.ID, contact.Member)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	if m.Status == MemberDismissed {
		return Caller{}, SessionToken{}, Refuse(DismissedBefore, "You were a member before. An administrator can let you in again.")
	}
	if !m.Status.Applicant() {
		return Caller{}, SessionToken{}, Refuse(IsMember, "You are a member already. Sign in, or ask for a new password.")
	}
	now := p.World.Instant()
	m.FirstName, m.LastName, m.UpdatedAt, m.Version = p.join.FirstName, p.join.LastName, now, m.Version+1
	m.own(p.join.Address, true)
	credentials.Password, credentials.Epoch = p.join.Password, credentials.Epoch+1
	session, token := NewSession(p.World, o.ID, m.ID, credentials.Epoch)
	a := Admission{Organization: o.ID, Join: p.join, Contact: contact, Member: m, Credentials: credentials, Session: session, At: now}
	return Caller{Organization: o, Member: m, Session: session}, token, p.Store.Readmit(ctx, a, m.Status)
}

// accept takes an invitation that waits for the address. Whoever proves the mailbox gets what was offered to it, as if they
// had opened the mail: they need not find out which of two links was the right one. Six digits do not make administrators,
// though: what a link of 160 bits was sent for is taken by that link alone.
func (p *proof) accept(ctx context.Context, offer OpenOffer) (Caller, SessionToken, error) {
	by, err := offer.weigh(ctx, p.Store, p.World.Instant(), p.reread)
	if err != nil {
		return Caller{}, SessionToken{}, err
	}
	if p.seatless {
		by.verdict = noSeat()
	}
	if offer.Contact.Invitation.Role != RoleMember && !p.reread {
		return Caller{}, SessionToken{}, errCopyDenies // nothing is written here that would hold the inviter as they are
	}
	if offer.Contact.Invitation.Role != RoleMember {
		return Caller{}, SessionToken{}, Refuse(InvitationWaits, "An invitation waits for you. Open the link that was sent to you.")
	}
	a, token := offer.acceptance(p.World, p.join.FirstName, p.join.LastName, p.join.Password)
	a.Join = &p.join
	a.admit(p.World, by)
	if err := p.Store.Accept(ctx, a); err != nil {
		return Caller{}, SessionToken{}, err
	}
	a.Partner.suspendReplaced(ctx, p.World, p.Store, offer.Organization)
	return Caller{Organization: offer.Organization, Member: a.Member, Session: a.Session}, token, nil
}

// enter makes a new member of the join, who is in or waits.
func (p *proof) enter(ctx context.Context, open OpenLink, contact Contact) (Caller, SessionToken, error) {
	o, l, now := open.Organization, open.Link, p.World.Instant()
	if err := open.judge(ctx, p.Store, p.reread); err != nil {
		return Caller{}, SessionToken{}, err
	}
	c := open.caseOf(p.join.Address)
	c.Proven = true
	verdict := Decide(o.Settings, c)
	if !verdict.Stands() && !p.reread && !open.owner.Itself {
		return Caller{}, SessionToken{}, errCopyDenies
	}
	if verdict.Stands() && p.seatless {
		verdict = noSeat()
	}
	if !verdict.Stands() {
		return Caller{}, SessionToken{}, errLinkDisabled() // maybe for this address alone, since it was begun with
	}
	m := Member{
		ID: NewMemberID(p.World), Organization: o.ID, Type: l.Offer.Type, Role: l.Offer.Role,
		FirstName: p.join.FirstName, LastName: p.join.LastName, Locale: p.join.Locale,
		Entry: Entry{Channel: ChannelInviteLink, Link: l.ID, Inviter: open.owner.ID}, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	m.own(p.join.Address, true)
	m.stand(open.standing)
	m.enter(verdict, now)
	credentials := Credentials{Password: p.join.Password, Epoch: 1}
	session, token := NewSession(p.World, o.ID, m.ID, credentials.Epoch)
	if contact.Version == 0 {
		contact = Contact{ID: p.contact, Address: p.join.Address}
	}
	a := Admission{Organization: o.ID, Join: p.join, Contact: contact, Link: l, Owner: open.owner, OwnerSeen: open.seen,
		Member: m, Credentials: credentials, Session: session, Notice: newNotice(p.World), Seats: o.Settings.Seats, At: now}
	return Caller{Organization: o, Member: m, Session: session}, token, p.Store.Admit(ctx, a)
}

// enter lets a member in, or makes them wait, as the policy said.
func (m *Member) enter(v Verdict, now time.Time) {
	m.Status, m.JoinedAt, m.Request = MemberActive, now, Request{}
	if v.Answer != Allow {
		m.Status, m.JoinedAt, m.Request = MemberPendingApproval, time.Time{}, Request{At: now, Rule: v.Rule}
	}
}
