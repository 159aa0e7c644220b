package onboarding

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Administrators hear that people wait, and not once for each of them. Whoever begins to wait adds to the organization's
// notice, in the same transaction. A minute later deliver takes it up, unless it told the administrators within the last
// quarter of an hour: then when that is over. Telling means owing each administrator a notice of their own, which is sent
// as any other message is.

const (
	// NoticeDelay is how long an organization's notice gathers who comes before it is taken up.
	NoticeDelay = time.Minute

	noticePause   = 15 * time.Minute
	noticeMost    = 100 // so many administrators are told
	waitingMost   = 100 // so many are counted
	noticeRetry   = time.Minute
	noticeWorkers = 8
)

// messageGather is what an organization's own notice holds: it is never a letter.
const messageGather MessageKind = "gather"

func newNotice(w World) Message { return newMessage(w, messageGather, "", 0) }

// Notice is what an organization, or one of its administrators, is owed about people who wait.
type Notice struct {
	Admin    MemberID  // zero: the organization's own, which gathers
	Gathered int64     // how many have ever been added to it
	ToldAt   time.Time // when it last told the administrators
}

// NoticeStore is what telling administrators asks of the table.
type NoticeStore interface {
	// ListAdministrators answers active members with an administrator's rights, at most limit. It may be a moment behind.
	ListAdministrators(ctx context.Context, org OrganizationID, limit int) ([]Member, error)
	// CountWaiting answers how many wait for approval, at most limit. It may be a moment behind.
	CountWaiting(ctx context.Context, org OrganizationID, limit int) (int, error)
	// Tell owes an administrator a notice, unless this gathering has done so before: then ErrConflict.
	Tell(ctx context.Context, org OrganizationID, admin MemberID, m Message, gathering string) error
}

// gather tells the administrators that people wait, if there still are some. Its error is for the log: the outcome says what
// follows.
func (u Delivering) gather(ctx context.Context, org Organization, c Claimed) (Outcome, error) {
	now := u.World.Instant()
	if rest := c.Notice.ToldAt.Add(noticePause); now.Before(rest) {
		return Outcome{At: now, Retry: rest, Spared: true}, nil
	}
	n, err := u.Store.CountWaiting(ctx, org.ID, 1)
	if err != nil {
		return noticeLater(now), err
	}
	if n == 0 {
		return Outcome{At: now}, nil
	}
	admins, err := u.Store.ListAdministrators(ctx, org.ID, noticeMost)
	if err != nil {
		return noticeLater(now), err
	}
	// The same until all were told: whoever was, is not told again because somebody else could not be.
	gathering := c.Message.ID + "#" + FormatTime(c.Notice.ToldAt)
	var before atomic.Bool   // whether somebody was told of it before
	var group errgroup.Group // one that cannot be told holds up no other
	group.SetLimit(noticeWorkers)
	for _, admin := range admins {
		group.Go(func() error {
			err := u.Store.Tell(ctx, org.ID, admin.ID, newMessage(u.World, MessageJoinRequests, admin.Locale, 0), gathering)
			if errors.Is(err, ErrConflict) {
				before.Store(true)
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return noticeLater(now), err
	}
	if before.Load() { // of whoever has come since then, they know nothing: it is taken up again
		return Outcome{At: now, Told: true, Retry: now.Add(noticePause), Spared: true}, nil
	}
	return Outcome{At: now, Told: true}, nil
}

// noticeLater puts a notice off. An organization whose lists cannot be read is no reason to hold up the mail of others.
func noticeLater(now time.Time) Outcome {
	return Outcome{At: now, Error: "The administrators could not all be told.", Retry: now.Add(noticeRetry)}
}

// composeNotice reports whether an administrator is still to be told: they are one, and somebody waits.
func (u Delivering) composeNotice(ctx context.Context, l *Letter, n Notice) (bool, error) {
	m, err := u.Store.ReadMember(ctx, l.Organization.ID, n.Admin)
	// Nobody is texted for this: an administrator without a mailbox finds them in the queue.
	if errors.Is(err, ErrNotFound) || err == nil && (!m.Actor().admin() || m.Email == "") {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	l.To, l.Recipient, l.Locale, l.Link = Address{Email, m.Email}, m.FirstName, m.Locale, u.page(l.Organization.ID, "requests")
	l.Count, err = u.Store.CountWaiting(ctx, l.Organization.ID, waitingMost)
	return l.Count > 0, err
}
