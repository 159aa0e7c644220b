package onboarding

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
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

// Claimed is a message with the item that owes it, as they are after the claim. One of Contact, Member, Join and Notice is set.
type Claimed struct {
	Organization OrganizationID
	Message      Message
	Attempts     int // with this one
	Lease        string
	Contact      *Contact
	Member       *Member
	Reset        Reset // the member's
	Join         *Join
	Notice       *Notice
}

// Outcome is what became of a claimed message. Retry is zero where it is done with.
type Outcome struct {
	At     time.Time
	Status DeliveryStatus // empty: nothing to tell, because the message was not for sending any more
	Error  string
	Retry  time.Time
	Spared bool // whether the attempt does not count
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
	SendLater   SendClass = iota // throttled, or the answer was lost: try again
	SendPaused                   // the account or the sender is at fault: wait, it is not this message's attempt
	SendRefused                  // this message, for good
	SendOptedOut                 // the number takes no text messages from us, on its owner's word
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
	BaseURL string
	Report  func(o Owed, out Outcome, err error) // told of each message that was claimed
}

// Deliver sends the messages, several at a time, each on its own lease. It answers those whose outcome could not even be
// written down; everything else is in the table.
func (u Delivering) Deliver(ctx context.Context, owed []Owed) (failed []Owed) {
	errs := make([]error, len(owed))
	organizations := newOnce(u.Store.ReadOrganization)
	var group errgroup.Group
	group.SetLimit(deliverWorkers)
	for i, o := range owed {
		group.Go(func() error {
			errs[i] = u.deliver(ctx, o, organizations)
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

func (u Delivering) deliver(ctx context.Context, o Owed, organizations *once[OrganizationID, Organization]) error {
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
	org, err := organizations.get(ctx, c.Organization)
	if err != nil {
		u.Report(o, Outcome{}, err)
		return err
	}
	out, sendErr, err := u.handle(ctx, org, c, lease)
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
func (u Delivering) handle(ctx context.Context, org Organization, c Claimed, lease time.Time) (out Outcome, sendErr, err error) {
	if c.Notice != nil && c.Notice.Admin.IsZero() {
		out, sendErr = u.gather(ctx, org, c)
		return out, sendErr, nil
	}
	letter, unwanted, err := u.compose(ctx, org, c)
	switch {
	case err != nil && c.Notice != nil:
		return noticeLater(u.World.Instant()), err, nil
	case err != nil || unwanted.silent:
		return Outcome{At: u.World.Instant()}, nil, err
	case unwanted.reason != "":
		return Outcome{At: u.World.Instant(), Status: DeliveryFailed, Error: unwanted.reason}, nil, nil
	}
	sendErr = u.send(ctx, c, letter, lease)
	return u.judge(c, sendErr), sendErr, nil
}

// send hands the letter over before the lease ends, however long the claim took. A message whose attempts all ended without
// a word is given up: something about it kills its sender.
func (u Delivering) send(ctx context.Context, c Claimed, l Letter, lease time.Time) error {
	if c.Attempts > maxSendAttempts {
		return &SendError{Class: SendRefused, Reason: "too many attempts ended unseen", Err: errors.New("given up")}
	}
	left := lease.Add(-leaseMargin).Sub(u.World.Now())
	if left <= 0 {
		return &SendError{Class: SendLater, Reason: "the table was too slow", Err: errors.New("no time left to send in")}
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
		e = &SendError{Class: SendLater, Reason: "the mail could not be handed over", Err: err}
	}
	out.Status, out.Error = DeliveryQueued, e.Reason
	switch {
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
	l.To, l.Recipient = Address{Email, m.Email}, m.FirstName
	switch l.Kind {
	case MessageJoinApproved:
		l.Link = u.page(org, "sign-in")
		return m.Status == MemberActive
	case MessageJoinRejected:
		return m.Status == MemberRejected
	}
	l.Until = c.Reset.ExpiresAt
	l.Link = u.page(org, "password/"+u.Keys.Derive(PurposePassword, org, m.ID, c.Reset.Round, c.Reset.Nonce).Reveal())
	return c.Reset.Open(u.World.Now()) && c.Reset.Round == c.Message.Round && (m.Status == MemberActive || m.Status == MemberPendingActivation)
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
	if errors.Is(err, ErrNotFound) || err == nil && inviter.Status != MemberActive {
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
