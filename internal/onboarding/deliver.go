package onboarding

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// The outbox: a write that owes somebody a message puts it into the very item that it writes. Delivering claims the
// message, sends it, and takes it out. A crash in between leaves it there, to be sent again: a message is sent at least
// once, and at most once more for each attempt whose end nobody saw.

const (
	leaseTime       = 15 * time.Second // of which a claim and a handing over take what they need
	leaseMargin     = 3 * time.Second  // a handing over is cut off that long before: whose lease has run out is not sending
	pausedRest      = 5 * time.Minute
	maxSendAttempts = 10
	deliverWorkers  = 8
	paidLasts       = day // what was paid for a text message
	decisionLasts   = day // word of it by text message
	backoffBase     = 30 * time.Second
	backoffCap      = time.Hour

	// RedriveAfter is when a message that the stream should have brought to deliver counts as stuck.
	RedriveAfter = 2 * time.Minute
)

// Owed names one message in the outbox of one item. Item is the store's own name for it.
type Owed struct {
	Item    string
	Message string
	Record  string // the stream record that brought it; empty if none did
}

// Claimed is a message with the item that owes it, as they are after the claim. One of Contact, Member, Join, Notice and Alert is set.
type Claimed struct {
	Organization OrganizationID
	Message      Message
	Attempts     int // with this one
	Unsent       int // of them, after which the provider surely had nothing
	Lease        string
	Contact      *Contact
	Member       *Member
	Credentials  Credentials // the member's
	Join         *Join
	Notice       *Notice
	Alert        *Alert // its Message is the one above
}

// Outcome is what became of a claimed message. Retry is zero where it is done with.
type Outcome struct {
	At     time.Time
	Status DeliveryStatus // empty: nothing to tell, because the message was not for sending any more
	Error  string
	Retry  time.Time
	Spared bool // whether the attempt does not count
	Unsent bool // whether the provider surely has nothing of it
	Told   bool // whether a gathering has told the administrators
}

// OutboxStore is what delivering asks of the table.
type OutboxStore interface {
	// Claim leases a message until a time and counts the attempt. It answers ErrNotFound if the message is not owed any more,
	// not due yet, or leased already. A claim whose answer was lost is repeated under the same lease.
	Claim(ctx context.Context, o Owed, lease string, now, until time.Time) (Claimed, error)
	// Settle writes down what became of a claimed message. A message that has gone meanwhile is no error, nor is one that is
	// to be tried again and that somebody else has leased.
	Settle(ctx context.Context, o Owed, c Claimed, out Outcome) error
	// ReadOrganization returns ErrNotFound if there is none.
	ReadOrganization(ctx context.Context, org OrganizationID) (Organization, error)
	// ReadMember returns ErrNotFound if there is none.
	ReadMember(ctx context.Context, org OrganizationID, id MemberID) (Member, error)
	NoticeStore
}

// Letter is a message ready to be put into words.
type Letter struct {
	Kind         MessageKind
	Locale       Locale
	To           Address
	Organization Organization
	Recipient    string // first name, may be empty
	Inviter      string
	Applicant    string // who asks for a new link
	Code         string // six digits; MessageJoinCode and MessagePasswordCode alone
	Password     string // MessageMemberAdded alone
	Count        int    // how many wait; MessageJoinRequests alone
	Link         string
	Until        time.Time
	ID           string // of the message, for the provider's tags
}

// Sender hands a letter to the provider. It returns a *SendError where it failed.
type Sender interface {
	Send(ctx context.Context, l Letter) error
}

// SendClass says what a failed sending means for the next one.
type SendClass int

const (
	SendLater    SendClass = iota // throttled, or the answer was lost: try again
	SendPaused                    // the account or the sender is at fault: wait, it is not this message's attempt
	SendRefused                   // this message, for good
	SendOptedOut                  // the number takes no text messages from us, on its owner's word
)

// SendError is a sending that failed. Reason is fit for an administrator and holds no address.
type SendError struct {
	Class  SendClass
	Reason string
	Unsent bool // whether the provider has surely not taken it: then it costs nothing
	Err    error
}

func (e *SendError) Error() string { return e.Reason + ": " + e.Err.Error() }
func (e *SendError) Unwrap() error { return e.Err }

// Delivering is the use case: sending what the outbox owes.
type Delivering struct {
	World   World
	Store   OutboxStore
	Keys    Keys
	Sender  Sender
	Texts   Texts
	BaseURL string
	Report  func(o Owed, out Outcome, err error) // told of each message that was claimed
}

// Deliver sends the messages, several at a time, each on its own lease. It answers those whose outcome could not even be
// written down; everything else is in the table.
func (u Delivering) Deliver(ctx context.Context, owed []Owed) (failed []Owed) {
	errs := make([]error, len(owed))
	r := round{u, newOnce(u.Store.ReadOrganization), sync.OnceValues(func() (bool, error) { return u.Texts.Store.TextsStopped(ctx) })}
	var group errgroup.Group
	group.SetLimit(deliverWorkers)
	for i, o := range owed {
		group.Go(func() error {
			errs[i] = r.deliver(ctx, o)
			return nil
		})
	}
	group.Wait()
	for i, err := range errs {
		if err != nil {
			failed = append(failed, owed[i])
		}
	}
	return failed
}

// round is one call of Deliver, in which some things are read once.
type round struct {
	Delivering
	organizations *once[OrganizationID, Organization]
	textsStopped  func() (bool, error)
}

func (u round) deliver(ctx context.Context, o Owed) error {
	now := u.World.Instant()
	lease := now.Add(leaseTime)
	c, err := u.Store.Claim(ctx, o, newULID(u.World).String(), now, lease)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		u.Report(o, Outcome{}, err)
		return err
	}
	org, err := u.organizations.get(ctx, c.Organization)
	if err != nil {
		u.Report(o, Outcome{}, err)
		return err
	}
	out, sendErr, err := u.handle(ctx, org, &c, lease)
	if err != nil {
		u.Report(o, Outcome{}, err)
		return err
	}
	err = u.Store.Settle(ctx, o, c, out)
	u.Report(o, out, errors.Join(sendErr, err))
	return err
}

// handle does with a claimed message what it is there for, and says what came of it. An error of its own means that the
// table could not be read: then the lease runs out.
func (u round) handle(ctx context.Context, org Organization, c *Claimed, lease time.Time) (out Outcome, sendErr, err error) {
	if c.Notice != nil && c.Notice.Admin.IsZero() {
		out, sendErr = u.gather(ctx, org, *c)
		return out, sendErr, nil
	}
	letter, unwanted, err := u.compose(ctx, org, *c)
	switch {
	case err != nil && c.Notice != nil:
		return noticeLater(u.World.Instant()), err, nil
	case err != nil || unwanted.silent:
		return Outcome{At: u.World.Instant()}, nil, err
	case unwanted.reason != "":
		return Outcome{At: u.World.Instant(), Status: DeliveryFailed, Error: unwanted.reason}, nil, nil
	}
	if letter.To.Kind == Phone {
		sendErr = u.sendText(ctx, c, letter, lease)
	} else {
		sendErr = u.send(ctx, *c, letter, lease)
	}
	return u.judge(*c, sendErr), sendErr, nil
}

// sendText sends a text message that is paid for. What was paid when the message was owed covers one sending; each that may be
// another one is paid for by itself, so that what is spent never goes above what was reserved.
func (u round) sendText(ctx context.Context, c *Claimed, l Letter, lease time.Time) error {
	stopped, err := u.textsStopped()
	if err != nil {
		return &SendError{Class: SendLater, Reason: "the limits on text messages could not be read", Unsent: true, Err: err}
	}
	if stopped || !u.Texts.Texting.On {
		return &SendError{Class: SendPaused, Reason: "Text messages are switched off here.", Unsent: true, Err: errTextsOff}
	}
	if _, err := u.Texts.cost(l.Organization, text{to: l.To, kind: l.Kind}); err != nil { // the operator may have barred it meanwhile
		return refusedText(err)
	}
	if maySent := c.Attempts - 1 - c.Unsent; maySent > 0 || !paidFor(c.Message.PaidAt, u.World.Now()) {
		if err := u.pay(ctx, *c, l); err != nil {
			return err
		}
		c.Message.PaidAt = u.World.Instant() // for the next attempt, if nothing is sent in this one
	}
	err = u.send(ctx, *c, l, lease)
	var e *SendError
	if errors.As(err, &e) && e.Class == SendOptedOut {
		// Where this cannot be written down, the provider says it again the next time.
		now := u.World.Instant()
		err = errors.Join(err, u.Texts.Store.OptOut(ctx, newNumberID(l.To), now, now.Add(optOutRemembers)))
	}
	return err
}

// paidFor reports whether what was paid at a time still covers a sending: it was for that day, and for that month's budget.
func paidFor(at, now time.Time) bool {
	return !at.IsZero() && now.Before(at.Add(paidLasts)) && now.UTC().Month() == at.UTC().Month()
}

// pay reserves the money for one text message. A code to reset a password has been counted by its number when it was asked for.
func (u round) pay(ctx context.Context, c Claimed, l Letter) error {
	t := text{to: l.To, kind: l.Kind, id: c.Lease, counted: l.Kind == MessagePasswordCode && c.Attempts == 1}
	return refusedText(u.Texts.reserveOne(ctx, l.Organization, l.Kind.use(), u.World.Instant(), t))
}

// refusedText is what a refusal of the guard means for a message; nil for none.
func refusedText(err error) error {
	var refusal *TextRefusal
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &refusal):
		return &SendError{Class: SendLater, Reason: "the limits on text messages could not be written", Unsent: true, Err: err}
	case refusal.verdict() == OptedOut:
		return &SendError{Class: SendOptedOut, Reason: sentence(refusal), Unsent: true, Err: err}
	case refusal.RetryAfter > 0 && refusal.RetryAfter <= textPause:
		return &SendError{Class: SendLater, Reason: sentence(refusal), Unsent: true, Err: err}
	}
	return &SendError{Class: SendRefused, Reason: sentence(refusal), Unsent: true, Err: err}
}

// send hands the letter over before the lease ends, however long the claim took. A message whose attempts all ended without
// a word is given up: something about it kills its sender.
func (u Delivering) send(ctx context.Context, c Claimed, l Letter, lease time.Time) error {
	if c.Attempts > maxSendAttempts {
		return &SendError{Class: SendRefused, Reason: "too many attempts ended unseen", Err: errors.New("given up")}
	}
	left := lease.Add(-leaseMargin).Sub(u.World.Now())
	if left <= 0 {
		return &SendError{Class: SendLater, Reason: "the table was too slow", Unsent: true, Err: errors.New("no time left to send in")}
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	return u.Sender.Send(ctx, l)
}

// judge says what an attempt's end means for the message.
func (u Delivering) judge(c Claimed, err error) Outcome {
	out := Outcome{At: u.World.Instant(), Status: DeliverySent}
	var e *SendError
	if err == nil {
		return out
	}
	if !errors.As(err, &e) {
		e = &SendError{Class: SendLater, Reason: "the message could not be handed over", Err: err}
	}
	out.Status, out.Error, out.Unsent = DeliveryQueued, e.Reason, e.Unsent
	switch {
	case e.Class == SendOptedOut:
		out.Status = DeliverySuppressed
	case e.Class == SendPaused:
		out.Retry, out.Spared = out.At.Add(pausedRest), true
	case e.Class == SendRefused || c.Attempts >= maxSendAttempts:
		out.Status = DeliveryFailed
	default:
		ceiling := min(backoffCap, backoffBase<<(c.Attempts-1))
		out.Retry = out.At.Add(time.Second + rand.N(ceiling)) // full jitter
	}
	return out
}

// unwanted says why a message is not for sending any more. Its zero value: it is. A silent reason is nothing to tell, for
// another change has told already.
type unwanted struct {
	reason string
	silent bool
}

// compose makes the letter of a message, if it is still wanted: nothing is sent for what was revoked, answered, replaced
// by a newer round or overtaken by time.
func (u Delivering) compose(ctx context.Context, org Organization, c Claimed) (Letter, unwanted, error) {
	l := Letter{Kind: c.Message.Kind, Locale: c.Message.Locale, Organization: org, ID: c.Message.ID}
	switch {
	case c.Member != nil:
		wanted := u.composeToMember(&l, c)
		return l, unwanted{silent: !wanted}, nil
	case c.Join != nil:
		wanted := u.composeCode(&l, *c.Join, c.Message)
		return l, unwanted{silent: !wanted}, nil
	case c.Notice != nil:
		wanted, err := u.composeNotice(ctx, &l, *c.Notice)
		return l, unwanted{silent: !wanted}, err
	case c.Alert != nil:
		l.To, l.Recipient = c.Alert.To, c.Alert.FirstName
		return l, unwanted{}, nil
	}
	return u.composeInvitation(ctx, l, c)
}

// page is the address of one of the organization's pages.
func (u Delivering) page(org OrganizationID, path string) string {
	return u.BaseURL + "/join/" + string(org) + "/" + path
}

// composeToMember reports whether a member, or an applicant, is still to be written to.
func (u Delivering) composeToMember(l *Letter, c Claimed) bool {
	m, org := c.Member, l.Organization.ID
	l.To, l.Recipient = m.Login(), m.FirstName
	stale := l.To.Kind == Phone && !u.World.Now().Before(c.Message.At.Add(decisionLasts)) // texts may be off for long
	switch l.Kind {
	case MessageJoinApproved:
		l.Link = u.page(org, "sign-in")
		return m.Status == MemberActive && !stale
	case MessageJoinRejected:
		return m.Status == MemberRejected && !stale
	}
	switch l.Kind {
	case MessageMemberAdded:
		return u.composeTemporary(l, c)
	case MessageContactCode:
		change := c.Credentials.Change
		l.To, l.Until, l.Code = change.Address, change.EndsAt, u.Keys.ContactCode(org, m.ID, change).Reveal()
		return l.Code != "" && change.open(u.World.Now()) && change.Round == c.Message.Round && m.Status == MemberActive
	}
	reset := c.Credentials.Reset
	l.Until = reset.ExpiresAt
	wanted := reset.Open(u.World.Now()) && reset.Round == c.Message.Round && m.Status.Placed()
	if l.Kind == MessagePasswordCode {
		l.Code = u.Keys.ResetCode(org, m.ID, reset).Reveal()
		return wanted && l.Code != ""
	}
	l.Link = u.page(org, "password/"+u.Keys.Derive(PurposePassword, org, m.ID, reset.Round, reset.Nonce).Reveal())
	return wanted
}

// composeTemporary reports whether a one-time password is still worth sending, and may be.
func (u Delivering) composeTemporary(l *Letter, c Claimed) bool {
	t, org := c.Credentials.Temporary, l.Organization
	l.Password, l.Until, l.Link = u.Keys.OneTimePassword(org.ID, c.Member.ID, t).Reveal(), t.ExpiresAt, u.page(org.ID, "sign-in")
	return l.Password != "" && t.Opens(u.World.Now()) && t.Round == c.Message.Round && c.Member.Status == MemberActive &&
		!org.Settings.ForbidMailedPasswords
}

// composeCode reports whether the code is still worth sending. There is no link in the letter: it would lead the owner of a
// mailbox to end what a stranger began in their name.
func (u Delivering) composeCode(l *Letter, j Join, m Message) bool {
	code := u.Keys.ProofCode(l.Organization.ID, j)
	l.To, l.Recipient, l.Code, l.Until = j.Address, j.FirstName, code.Reveal(), j.CodeEnds
	open := !l.Organization.Closed && l.Organization.Settings.AllowLinkRegistration
	return l.Code != "" && open && j.Member.IsZero() && j.Round == m.Round && j.TriesLeft() > 0 &&
		u.World.Now().Before(j.CodeEnds)
}

func (u Delivering) composeInvitation(ctx context.Context, l Letter, c Claimed) (Letter, unwanted, error) {
	i, org, now := c.Contact.Invitation, l.Organization, u.World.Now()
	l.To, l.Recipient, l.Inviter, l.Until = c.Contact.Address, i.FirstName, i.InviterName, i.ExpiresAt
	switch {
	case !c.Contact.Invited || i.Round != c.Message.Round || i.Status != InvitationPending:
		return l, unwanted{silent: true}, nil
	case org.Closed:
		return l, unwanted{reason: "Not sent: the organization was closed."}, nil
	case c.Message.Kind == MessageLinkRequest:
		return u.composeLinkRequest(ctx, l, c)
	case i.Now(now) != InvitationPending:
		return l, unwanted{reason: "Not sent: the invitation expired before it could be."}, nil
	}
	l.Link = u.page(org.ID, u.Keys.Derive(PurposeMailed, org.ID, c.Contact.ID, i.Round, c.Contact.Nonce).Reveal())
	return l, unwanted{}, nil
}

// composeLinkRequest addresses the letter to the inviter, in their language, if they are still there.
func (u Delivering) composeLinkRequest(ctx context.Context, l Letter, c Claimed) (Letter, unwanted, error) {
	inviter, err := u.Store.ReadMember(ctx, c.Organization, c.Contact.Invitation.Inviter.ID)
	// Nobody is texted for this: an inviter without a mailbox finds the request at the invitation.
	if errors.Is(err, ErrNotFound) || err == nil && (inviter.Status != MemberActive || inviter.Email == "") {
		return l, unwanted{silent: true}, nil
	}
	l.Applicant = c.Contact.Address.Value
	l.To, l.Recipient, l.Inviter, l.Locale = Address{Email, inviter.Email}, inviter.FirstName, "", inviter.Locale
	return l, unwanted{}, err
}

// RedriveStore is what driving stuck messages asks of the table.
type RedriveStore interface {
	// ReadDue answers up to limit items of an outbox shard that owe something since before a time, oldest first.
	ReadDue(ctx context.Context, shard int, before time.Time, limit int) ([]DueItem, error)
	// Wake brings an item to deliver again by way of the stream, and makes it due at next, if nobody else has touched its due
	// time; else it does nothing.
	Wake(ctx context.Context, d DueItem, next time.Time) error
}

// DueItem is an item that owes a message, and since when.
type DueItem struct {
	Item string
	Due  string
}

// OutboxShards is into how many parts what is owed is divided, so that it does not all hit one index partition.
const OutboxShards = 4

// Redriving is the use case: bringing what is stuck, or due again, back to deliver.
type Redriving struct {
	World World
	Store RedriveStore
}

// Redrive wakes what is due, up to limit items of each shard, and answers how many. What fails holds up nothing else.
func (u Redriving) Redrive(ctx context.Context, limit int) (int, error) {
	now := u.World.Instant()
	var woken atomic.Int64
	var all []error
	for shard := range OutboxShards {
		due, err := u.Store.ReadDue(ctx, shard, now, limit)
		errs := make([]error, len(due))
		var group errgroup.Group
		group.SetLimit(deliverWorkers)
		for i, d := range due {
			group.Go(func() error {
				if errs[i] = u.Store.Wake(ctx, d, now.Add(RedriveAfter)); errs[i] == nil {
					woken.Add(1)
				}
				return nil
			})
		}
		group.Wait()
		all = append(append(all, err), errs...)
	}
	return int(woken.Load()), errors.Join(all...)
}

// OutboxShard is the shard of an item.
func OutboxShard(item string) string {
	sum := 0
	for _, c := range []byte(item) {
		sum += int(c)
	}
	return strconv.Itoa(sum % OutboxShards)
}
