package onboarding

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// MaxRecipients is how many one request may invite.
	MaxRecipients = 1000

	resendPause    = time.Minute // between two mails of one invitation
	inviteAttempts = 4           // at one address that others write too
	inviteWorkers  = 16

	overLimit = "today's sending limit of the organization is reached"
)

// Invitee is one recipient as asked for. Address is as it was typed; Kind says what it is to be read as, an email address where
// it is empty.
type Invitee struct {
	Address   string
	Kind      Kind
	Other     string // a second address, which is one too many
	FirstName string
	LastName  string
	JobTitle  string     // empty: the command's
	Listed    *ListEntry // what it was read from, if it stood in a list
}

// Invitees are the recipients of a list, each entry one.
func (l List) Invitees() []Invitee {
	all := make([]Invitee, len(l.Entries))
	for i, e := range l.Entries {
		all[i] = Invitee{Address: e.Address.Value, Kind: e.Address.Kind, FirstName: e.FirstName, LastName: e.LastName, JobTitle: e.JobTitle, Listed: &l.Entries[i]}
	}
	return all
}

// InviteCommand invites up to MaxRecipients addresses alike.
type InviteCommand struct {
	Recipients []Invitee
	Type       MemberType
	Role       Role
	JobTitle   string
	Placement  Placement
	GuestUntil time.Time // of guests; zero: without end
	Replaces   MemberID  // of one partner: whose place they take; zero: nobody's
	Locale     Locale    // empty: the organization's
	Notify     bool      // whether Latchkey sends the link; else the caller gets it
	Resend     bool      // whether an invitation that is pending already is sent again
	RequestID  string    // the same for a repeated request, so that it recognises its own writes
	Repeated   bool      // whether an earlier try of this request may have written already
}

// InviteVerdict says what became of one recipient.
type InviteVerdict string

const (
	Created         InviteVerdict = "created"
	Reopened        InviteVerdict = "reopened"
	Resent          InviteVerdict = "resent"
	AlreadyInvited  InviteVerdict = "already_invited"
	AlreadyMember   InviteVerdict = "already_member"
	DismissedMember InviteVerdict = "member_dismissed"
	Duplicate       InviteVerdict = "duplicate"
	InvalidAddress  InviteVerdict = "invalid"
	OptedOut        InviteVerdict = "opted_out"
	Denied          InviteVerdict = "denied"
	OverLimit       InviteVerdict = "limit_reached"
)

// sends reports whether a message is owed to a recipient of this verdict, if anybody is to be notified.
func (v InviteVerdict) sends() bool { return v == Created || v == Reopened || v == Resent }

// InviteResult is the answer for one recipient. Contact is set where there is an invitation to show.
type InviteResult struct {
	Input   string
	Verdict InviteVerdict
	Reason  string
	Contact *Contact

	Member   MemberID      // who was dismissed, and can be let in again; for whoever may
	Partners []PartnerSlot // who takes the places, where none is left for a partner
	Link     *Token        // only for a new offer that nobody is notified of, to a caller who may copy links
}

// InviteStore is what inviting asks of the table.
type InviteStore interface {
	// ReserveSends takes up to want from the organization's limit of the day and answers how many it got. It fails closed.
	ReserveSends(ctx context.Context, org OrganizationID, day time.Time, inviter MemberID, want, limit int) (int, error)
	// ReturnSends gives back what was not used, at most once: less is sent then, not more.
	ReturnSends(ctx context.Context, org OrganizationID, day time.Time, inviter MemberID, unused int) error
	// CreateContacts writes each contact that does not exist. For each it answers nil, or what stands there already;
	// that may be the write of an earlier try of the same request.
	CreateContacts(ctx context.Context, org OrganizationID, contacts []Contact) ([]*Contact, error)
	// ReplaceOffer writes a contact's invitation anew on condition that the contact is still at version;
	// else it answers ErrConflict.
	ReplaceOffer(ctx context.Context, org OrganizationID, c Contact, version int64) error
	// ReadContacts answers those of the contacts that exist.
	ReadContacts(ctx context.Context, org OrganizationID, ids []ContactID) (map[ContactID]Contact, error)
	// ReadContact returns ErrNotFound if the address is unknown.
	ReadContact(ctx context.Context, org OrganizationID, id ContactID) (Contact, error)
	// ReadUsage answers how many sends the organization has used on a UTC day.
	ReadUsage(ctx context.Context, org OrganizationID, day time.Time) (int, error)
	// ReadMemberStatus answers the status of each member that exists.
	ReadMemberStatus(ctx context.Context, org OrganizationID, ids []MemberID) (map[MemberID]MemberStatus, error)
	// ReadGroups answers all groups.
	ReadGroups(ctx context.Context, org OrganizationID) ([]Group, error)
	PlaceReader
	PartnerReader
}

// Inviting is the use case: invitations by address, one or a thousand, each with its own verdict.
type Inviting struct {
	World World
	Store InviteStore
	Keys  Keys
	Texts Texts
}

// Invite answers a result for every recipient, in their order. A bad recipient never stops a good one. It refuses the
// whole request only where the caller may not invite at all.
func (u Inviting) Invite(ctx context.Context, caller Caller, cmd InviteCommand) ([]InviteResult, error) {
	b, err := u.begin(ctx, caller, cmd)
	if err != nil {
		return nil, err
	}
	waiting, err := b.sort(ctx)
	if err != nil {
		return nil, err
	}
	if cmd.Repeated {
		if waiting, err = b.recognise(ctx, waiting); err != nil {
			return nil, err
		}
	}
	if err := b.write(ctx, waiting); err != nil {
		return nil, err
	}
	return b.results, nil
}

func (u Inviting) begin(ctx context.Context, caller Caller, cmd InviteCommand) (*batch, error) {
	if !caller.Rights().Invite {
		return nil, Refuse(Forbidden, caller.offers(Offer{Employee, RoleMember}, nil, Firm{}).Sentence)
	}
	if caller.Organization.Closed {
		return nil, errClosed()
	}
	b := &batch{Inviting: u, caller: caller, cmd: cmd, now: u.World.Instant(), results: make([]InviteResult, len(cmd.Recipients))}
	if cmd.Locale == "" {
		b.cmd.Locale = caller.Organization.Settings.DefaultLocale
	}
	if err := checkGuestUntil(cmd.Type, cmd.GuestUntil, b.now); err != nil {
		return nil, err
	}
	var err error
	if b.standing, err = stand(ctx, u.Store, caller.Member, cmd.Placement); err != nil {
		return nil, err
	}
	if err := b.standing.known("", cmd.Placement); err != nil {
		return nil, err
	}
	return b, b.readPartners(ctx)
}

// readPartners reads who the partners are and whose the recipients' domains, if partners are invited.
func (b *batch) readPartners(ctx context.Context) (err error) {
	replaces := !b.cmd.Replaces.IsZero()
	switch {
	case b.cmd.Type != Partner && replaces, replaces && len(b.cmd.Recipients) > 1:
		return InvalidField("/replaces_member_id", "not_applicable", "One partner takes the place of one.")
	case b.cmd.Type != Partner:
		return nil
	case len(b.cmd.Recipients) > partnersAtOnce:
		return InvalidField("/recipients", "too_many", fmt.Sprintf("A request invites at most %d partners.", partnersAtOnce))
	}
	if b.partners, err = b.Store.ReadPartners(ctx, b.caller.Organization.ID); err != nil {
		return err
	}
	if replaces && !b.partners.Has(b.cmd.Replaces) {
		return InvalidField("/replaces_member_id", "unknown", "There is no such partner.")
	}
	var domains []string
	for _, r := range b.cmd.Recipients {
		if a, err := b.address(r); err == nil && a.Kind == Email && !slices.Contains(domains, a.Domain()) {
			domains = append(domains, a.Domain())
		}
	}
	b.firms, err = b.Store.ReadFirms(ctx, domains)
	return err
}

// firm is whose address it is, of a certified firm, if a partner is invited.
func (b *batch) firm(a Address) Firm {
	if b.cmd.Type != Partner || a.Kind != Email {
		return Firm{}
	}
	return b.firms[a.Domain()]
}

// full gives its verdict to a partner for whom there is no place, and reports whether there is none.
func (b *batch) full(i int, f Firm) bool {
	if b.cmd.Type != Partner {
		return false
	}
	r := &b.results[i]
	switch err := b.partners.admits(f, b.cmd.Replaces); err {
	case errOtherFirm:
		r.Verdict, r.Reason = Denied, "Partners are all of one firm: "+b.partners.Firm.Name+"."
		return true
	case errNoPlace:
		r.Verdict, r.Reason = OverLimit, fmt.Sprintf("there are %d partners already; name whom to replace", MaxPartners)
		r.Partners = b.partners.Members
		return true
	}
	return false
}

// checkGuestUntil holds that only a guest's time ends, and that it has not ended yet.
func checkGuestUntil(t MemberType, until, now time.Time) error {
	switch {
	case until.IsZero():
		return nil
	case t != Guest:
		return InvalidField("/guest_until", "not_applicable", "Only a guest's time ends.")
	case !now.Before(until):
		return InvalidField("/guest_until", "past", "This must be in the future.")
	}
	return nil
}

// batch is one request under way. results has a place for each recipient; each is filled once.
type batch struct {
	Inviting
	caller   Caller
	cmd      InviteCommand
	standing Standing // of the command's placement
	names    *byNames // what places lists name, once any does
	partners Partners
	firms    map[string]Firm // by domain, where partners are invited
	now      time.Time
	results  []InviteResult
}

// candidate is a recipient whose address can be invited, by its place in the request.
type candidate struct {
	place int
	offer Contact
	seen  int64 // version of the contact that is to be written over; 0: none is known
}

// sort gives its verdict to every recipient that needs no store, and returns the others.
func (b *batch) sort(ctx context.Context) ([]candidate, error) {
	seen := map[ContactID]bool{}
	var candidates []candidate
	for i, r := range b.cmd.Recipients {
		b.results[i].Input = r.Address
		if b.shown(i, r.Listed) {
			continue
		}
		address, err := b.address(r)
		if err != nil {
			b.results[i].Verdict, b.results[i].Reason = InvalidAddress, err.Error()
			continue
		}
		first, err1 := ParseName(r.FirstName)
		last, err2 := ParseName(r.LastName)
		if err := errors.Join(err1, err2); err != nil {
			b.results[i].Verdict, b.results[i].Reason = InvalidAddress, "name: "+err.Error()
			continue
		}
		title, err := ParseName(r.JobTitle)
		if err != nil {
			b.results[i].Verdict, b.results[i].Reason = InvalidAddress, "job title: "+err.Error()
			continue
		}
		id := NewContactID(b.caller.Organization.Salt, address)
		if seen[id] {
			b.results[i].Verdict, b.results[i].Reason = Duplicate, "the same address stands in this request before"
			continue
		}
		seen[id] = true
		standing, err := b.place(ctx, i, r.Listed)
		if err != nil {
			return nil, err
		}
		if verdict := b.caller.offers(Offer{b.cmd.Type, b.cmd.Role}, standing.Places, b.firm(address)); !verdict.Stands() {
			b.results[i].Verdict, b.results[i].Reason = Denied, verdict.Sentence
			continue
		}
		if b.full(i, b.firm(address)) {
			continue
		}
		offer := b.offer(id, address, first, last)
		offer.Invitation.Placement, offer.Invitation.Firm, offer.Invitation.Replaces = standing.There, b.firm(address), b.cmd.Replaces
		if title != "" {
			offer.Invitation.JobTitle = title
		}
		candidates = append(candidates, candidate{place: i, offer: offer})
	}
	return candidates, nil
}

// address reads a recipient's address as the kind that it is given as.
func (b *batch) address(r Invitee) (Address, error) {
	if r.Other != "" {
		return Address{}, errors.New("name one address, by email or phone")
	}
	if r.Kind == Phone {
		return ParsePhone(r.Address, b.caller.Organization.Settings.Country, b.Texts.Numbers)
	}
	return ParseEmail(r.Address)
}

// shown shows an entry of a list as it stood there, and reports whether it has its verdict already.
func (b *batch) shown(i int, e *ListEntry) bool {
	if e == nil {
		return false
	}
	r := &b.results[i]
	r.Input, r.Verdict, r.Reason = e.Input, e.Verdict, e.Reason
	switch {
	case e.Verdict != "":
		return true
	case e.Other != Address{}:
		r.Reason = "the phone number was left out"
	}
	return false
}

// offer is the contact as a new invitation makes it.
func (b *batch) offer(id ContactID, a Address, first, last string) Contact {
	c := Contact{ID: id, Address: a, Invited: true, Nonce: b.World.Nonce(), RequestID: b.cmd.RequestID, RequestVerdict: Created, Version: 1,
		Invitation: Invitation{
			Status: InvitationPending, Round: 1, FirstName: first, LastName: last,
			MemberType: b.cmd.Type, Role: b.cmd.Role, JobTitle: b.cmd.JobTitle, GuestUntil: b.cmd.GuestUntil, Locale: b.cmd.Locale,
			Inviter: b.caller.Member.Actor(), InviterName: b.caller.Member.Name(),
			Delivery:  Delivery{Status: DeliveryNotRequested},
			CreatedAt: b.now, UpdatedAt: b.now, ExpiresAt: b.now.Add(b.caller.Organization.Settings.InvitationLifetime),
		}}
	if b.cmd.Notify {
		c.owe(newMessage(b.World, MessageInvitation, b.cmd.Locale, 1))
	}
	return c
}

// owe adds a message about the invitation to what the contact owes. A text message is paid for before that is written.
func (c *Contact) owe(m Message) {
	if c.Address.Kind == Phone {
		m.PaidAt = m.At
	}
	c.Messages = append(c.Messages, m)
	c.Invitation.Delivery = Delivery{Status: DeliveryQueued, LastEventAt: m.At}
}

// recognise gives their verdict to the recipients that an earlier try of this request has invited, and returns the others.
func (b *batch) recognise(ctx context.Context, candidates []candidate) (others []candidate, err error) {
	ids := make([]ContactID, len(candidates))
	for i, c := range candidates {
		ids[i] = c.offer.ID
	}
	there, err := b.Store.ReadContacts(ctx, b.caller.Organization.ID, ids)
	for _, c := range candidates {
		if one := there[c.offer.ID]; b.ours(one) {
			b.settle(c.place, one.RequestVerdict, "", &one)
		} else {
			others = append(others, c)
		}
	}
	return others, err
}

// ours reports whether this request wrote the offer as it stands.
func (b *batch) ours(c Contact) bool {
	return c.Invited && c.RequestID == b.cmd.RequestID && c.Invitation.Status == InvitationPending
}

// write invites the candidates. Those who are to be texted go their own way, last: what their money does holds up no mail.
func (b *batch) write(ctx context.Context, waiting []candidate) error {
	if !b.cmd.Notify {
		return b.put(ctx, waiting)
	}
	mailed, texted := split(waiting)
	if err := b.mail(ctx, mailed); err != nil {
		return err
	}
	return b.text(ctx, texted)
}

// split parts the candidates who are to be mailed from those who are to be texted.
func split(all []candidate) (mailed, texted []candidate) {
	for _, c := range all {
		if c.offer.Address.Kind == Phone {
			texted = append(texted, c)
		} else {
			mailed = append(mailed, c)
		}
	}
	return mailed, texted
}

// mail invites the candidates, as many as today's limit lets be mailed. What an address that needs no mail leaves over
// goes to those behind it; what is left in the end goes back.
func (b *batch) mail(ctx context.Context, waiting []candidate) error {
	if len(waiting) == 0 {
		return nil
	}
	org, inviter := b.caller.Organization, b.caller.Member.ID
	allowance, err := b.Store.ReserveSends(ctx, org.ID, b.now, inviter, len(waiting), org.Settings.DailySendLimit)
	if err != nil {
		return err
	}
	for len(waiting) > 0 && allowance > 0 {
		n := min(allowance, len(waiting))
		if err := b.put(ctx, waiting[:n]); err != nil {
			return b.giveUp(ctx, waiting[:n], allowance, err)
		}
		allowance -= b.written(waiting[:n])
		waiting = waiting[n:]
	}
	for _, c := range waiting {
		b.results[c.place].Verdict, b.results[c.place].Reason = OverLimit, overLimit
	}
	if allowance > 0 {
		// All is written: what cannot be given back stays counted, and the request has not failed.
		_ = b.Store.ReturnSends(ctx, org.ID, b.now, inviter, allowance)
	}
	return nil
}

// written counts the candidates that a mail is owed to.
func (b *batch) written(candidates []candidate) (n int) {
	for _, c := range candidates {
		if b.results[c.place].Verdict.sends() {
			n++
		}
	}
	return n
}

// giveUp returns what a request that failed halfway has reserved and surely not used. Where even that cannot be found out,
// it stays counted: less is sent then, not more.
func (b *batch) giveUp(ctx context.Context, candidates []candidate, allowance int, cause error) error {
	if _, err := b.recognise(ctx, candidates); err != nil {
		return errors.Join(cause, err)
	}
	unused := allowance - b.written(candidates)
	return errors.Join(cause, b.Store.ReturnSends(ctx, b.caller.Organization.ID, b.now, b.caller.Member.ID, unused))
}

// text invites the candidates whose text message can be paid for. Who is judged to need none is not paid for: their number is
// texted three times a day, and no more.
func (b *batch) text(ctx context.Context, candidates []candidate) error {
	waiting, err := b.foresee(ctx, candidates)
	if err != nil || len(waiting) == 0 {
		return err
	}
	texts := make([]text, len(waiting))
	for i, c := range waiting {
		texts[i] = text{to: c.offer.Address, kind: MessageInvitation, id: textID(b.cmd.RequestID, c.seen)}
	}
	refused, err := b.Texts.reserve(ctx, b.caller.Organization, TextInvitation, b.now, texts)
	if err != nil {
		return err
	}
	var paid []candidate
	for i, c := range waiting {
		if refused[i] == nil {
			paid = append(paid, c)
		} else {
			b.refuse(c.place, refused[i])
		}
	}
	if err := b.put(ctx, paid); err != nil {
		return err
	}
	b.returnUnused(ctx, paid)
	return nil
}

// returnUnused gives back the money for those who turned out to need no text message: somebody else was faster.
func (b *batch) returnUnused(ctx context.Context, paid []candidate) {
	var unused []Money
	for _, c := range paid {
		if !b.results[c.place].Verdict.sends() {
			cost, _ := b.Texts.cost(b.caller.Organization, text{to: c.offer.Address, kind: MessageInvitation})
			unused = append(unused, cost)
		}
	}
	b.Texts.giveBack(ctx, b.caller.Organization.ID, b.now, TextInvitation, unused)
}

// refuse gives a recipient the verdict of a text message that is not sent.
func (b *batch) refuse(place int, why error) {
	r := &b.results[place]
	r.Verdict, r.Reason = Denied, why.Error()
	var refusal *TextRefusal
	if errors.As(why, &refusal) {
		r.Verdict = refusal.verdict()
	}
}

// foresee settles those whose address is known and who are not sent anything, and answers the others.
func (b *batch) foresee(ctx context.Context, candidates []candidate) (others []candidate, err error) {
	there, status, err := b.known(ctx, candidates)
	if err != nil {
		return nil, err
	}
	for _, c := range candidates {
		known, ok := there[c.offer.ID]
		if !ok {
			others = append(others, c)
			continue
		}
		next, verdict, reason, err := b.judge(ctx, c.offer, known, status)
		if err != nil {
			return nil, err
		}
		if next == nil {
			b.settle(c.place, verdict, reason, &known)
		} else {
			c.seen = known.Version
			others = append(others, c)
		}
	}
	return others, nil
}

// known reads what is known of the candidates' addresses, and where those stand whose they are.
func (b *batch) known(ctx context.Context, candidates []candidate) (map[ContactID]Contact, map[MemberID]MemberStatus, error) {
	ids := make([]ContactID, len(candidates))
	for i, c := range candidates {
		ids[i] = c.offer.ID
	}
	there, err := b.Store.ReadContacts(ctx, b.caller.Organization.ID, ids)
	if err != nil {
		return nil, nil, err
	}
	var members []MemberID
	for _, c := range there {
		if !c.Member.IsZero() {
			members = append(members, c.Member)
		}
	}
	status, err := b.Store.ReadMemberStatus(ctx, b.caller.Organization.ID, members)
	return there, status, err
}

// put writes the candidates: all that are new at once, then those whose address is known, each on its own.
func (b *batch) put(ctx context.Context, candidates []candidate) error {
	if len(candidates) == 0 {
		return nil
	}
	offers := make([]Contact, len(candidates))
	for i, c := range candidates {
		offers[i] = c.offer
	}
	there, err := b.Store.CreateContacts(ctx, b.caller.Organization.ID, offers)
	if err != nil {
		return err
	}
	var members []MemberID
	for i, c := range candidates {
		if there[i] == nil {
			b.settle(c.place, Created, "", &offers[i])
		} else if !there[i].Member.IsZero() {
			members = append(members, there[i].Member)
		}
	}
	status := map[MemberID]MemberStatus{}
	if len(members) > 0 {
		if status, err = b.Store.ReadMemberStatus(ctx, b.caller.Organization.ID, members); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inviteWorkers)
	for i, c := range candidates {
		if there[i] != nil {
			group.Go(func() error { return b.replace(ctx, c, *there[i], status) })
		}
	}
	return group.Wait()
}

// replace judges an address that is known already, and makes the offer anew where it may be made.
func (b *batch) replace(ctx context.Context, c candidate, there Contact, status map[MemberID]MemberStatus) error {
	for range inviteAttempts {
		next, verdict, reason, err := b.judge(ctx, c.offer, there, status)
		if err != nil {
			return err
		}
		if next == nil {
			b.settle(c.place, verdict, reason, &there)
			return nil
		}
		next.RequestVerdict = verdict
		err = b.Store.ReplaceOffer(ctx, b.caller.Organization.ID, *next, there.Version)
		if err == nil {
			b.settle(c.place, verdict, reason, next)
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if there, err = b.Store.ReadContact(ctx, b.caller.Organization.ID, c.offer.ID); err != nil {
			return err
		}
	}
	return Refuse(Unavailable, "Somebody else is changing the same invitations. Try again.")
}

// judge says what an invitation of an address that is known comes to, and what to write, if anything.
func (b *batch) judge(ctx context.Context, offer, there Contact, status map[MemberID]MemberStatus) (
	next *Contact, v InviteVerdict, reason string, err error) {
	i := there.Invitation
	switch {
	case b.ours(there): // an earlier try of this very request wrote it
		return nil, there.RequestVerdict, "", nil
	case !there.Member.IsZero() && status[there.Member] == MemberDismissed:
		return nil, DismissedMember, "this person was dismissed; rehire them instead", nil
	case !there.Member.IsZero() && status[there.Member].Applicant() && !b.caller.Rights().Approve:
		return nil, AlreadyMember, "this person is a member already", nil // who waits is for administrators to know
	case !there.Member.IsZero() && status[there.Member] == MemberPendingApproval:
		return nil, AlreadyMember, "this person has joined already and waits for approval; approve the request instead", nil
	case !there.Member.IsZero() && status[there.Member] == MemberRejected:
		return nil, Denied, "this person's request to join was rejected; reopen it instead", nil
	case !there.Member.IsZero():
		return nil, AlreadyMember, "this person is a member already", nil
	case there.Invited && i.Now(b.now) == InvitationPending:
		may := b.cmd.Resend && b.cmd.Notify
		if may {
			if may, err = b.mayResend(ctx, there); err != nil {
				return nil, "", "", err
			}
		}
		if !may {
			return nil, AlreadyInvited, "an invitation is pending", nil
		}
		again, err := there.resend(b.World, b.caller)
		if err != nil {
			return nil, AlreadyInvited, "an invitation was sent within the last minute", nil
		}
		again.RequestID = b.cmd.RequestID
		return &again, Resent, "", nil
	}
	offer.Version = there.Version + 1
	offer.Invitation.Round = i.Round + 1
	for m := range offer.Messages {
		offer.Messages[m].Round = offer.Invitation.Round
	}
	if there.Invited {
		offer.Invitation.CreatedAt = i.CreatedAt
		offer.Invitation.SendCount = i.SendCount
	}
	return &offer, Reopened, "", nil
}

// mayResend reports whether the caller could send this very offer again: it may be another one than they make.
func (b *batch) mayResend(ctx context.Context, c Contact) (bool, error) {
	if !MaySee(b.caller, c) {
		return false, nil
	}
	v, err := b.caller.offersAgain(ctx, b.Store, c.Invitation)
	return v.Stands(), err
}

// settle writes a recipient's result down. Somebody else's invitation is shown only to whom may see it.
func (b *batch) settle(place int, v InviteVerdict, reason string, c *Contact) {
	r := &b.results[place]
	if r.Verdict = v; reason != "" {
		r.Reason = reason
	}
	if v == DismissedMember && b.caller.Rights().Manage {
		r.Member = c.Member
	}
	if !c.Invited || !MaySee(b.caller, *c) {
		return
	}
	r.Contact = c
	if (v == Created || v == Reopened) && !b.cmd.Notify && b.caller.Rights().CopyLinks {
		t := b.Keys.Derive(PurposeCopied, b.caller.Organization.ID, c.ID, c.Invitation.Round, c.Nonce)
		r.Link = &t
	}
}
