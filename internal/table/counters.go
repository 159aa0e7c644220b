package table

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// The counters of an organization are changed in the very transactions that change its members, so that a limit holds
// however many come at once, and counting reads nobody.

const (
	seatsTaken     = "seats"
	administrators = "administrators"
)

// countOf is the counter of a status.
func countOf(s onboarding.MemberStatus) string { return "count_" + string(s) }

// tally is what a member adds to the counters. Somebody without a status is nobody yet.
func tally(m onboarding.Member) map[string]int {
	counts := map[string]int{}
	if m.Status == "" {
		return counts
	}
	counts[countOf(m.Status)]++
	if m.TakesSeat() {
		counts[seatsTaken]++
	}
	if m.Rules() {
		counts[administrators]++
	}
	return counts
}

// countStep changes the counters by the difference between members before and after. It answers false where there is none. With a limit of seats, whoever takes one too many is refused with ErrSeatsFull; the last
// administrator cannot go, which is ErrLastAdministrator.
func (t *Table) countStep(org onboarding.OrganizationID, seats int, changed ...pair) (step, bool, error) {
	delta := map[string]int{}
	for _, p := range changed {
		for name, n := range tally(p.after) {
			delta[name] += n
		}
		for name, n := range tally(p.before) {
			delta[name] -= n
		}
	}
	write := change{key: countersKey(org), vals: map[string]any{}}
	for name, n := range delta {
		if n != 0 {
			write.set = join(write.set, "#"+name+" :"+name)
			write.vals[":"+name] = n
		}
	}
	if write.set == "" {
		return step{}, false, nil
	}
	write.set = "ADD " + write.set
	refused := onboarding.ErrSeatsFull
	if seats > 0 && delta[seatsTaken] > 0 {
		write.condition = "attribute_not_exists(#seats) OR #seats < :limit"
		write.vals[":limit"] = seats
	}
	if delta[administrators] < 0 {
		refused = onboarding.ErrLastAdministrator
		write.condition = "#administrators > :one"
		write.vals[":one"] = 1
	}
	s, err := t.updateStep(write, refused)
	return s, true, err
}

type countersItem struct {
	Active            int `dynamodbav:"count_active"`
	PendingActivation int `dynamodbav:"count_pending_activation"`
	Dismissed         int `dynamodbav:"count_dismissed"`
	Waiting           int `dynamodbav:"count_pending_approval"`
	Rejected          int `dynamodbav:"count_rejected"`
	Seats             int `dynamodbav:"seats"`
	Administrators    int `dynamodbav:"administrators"`
}

// ReadCounts reads how many an organization has of what lists show.
func (t *Table) ReadCounts(ctx context.Context, org onboarding.OrganizationID) (onboarding.Counts, error) {
	var i countersItem
	err := t.get(ctx, countersKey(org), &i)
	if errors.Is(err, onboarding.ErrNotFound) {
		err = nil
	}
	return i.counts(), err
}

func (i countersItem) counts() onboarding.Counts {
	return onboarding.Counts{Active: i.Active, PendingActivation: i.PendingActivation, Dismissed: i.Dismissed, Waiting: i.Waiting,
		Rejected: i.Rejected, Seats: i.Seats}
}

// CountInvited counts the pending invitations as far as one page of the index goes, some two thousand, and reports whether there
// are more.
func (t *Table) CountInvited(ctx context.Context, org onboarding.OrganizationID, now time.Time) (n int, more bool, err error) {
	got, err := t.db.Query(ctx, &dynamodb.QueryInput{
		TableName: &t.name, IndexName: aws.String(byStatus), Select: types.SelectCount,
		KeyConditionExpression: aws.String(byStatusPK + " = :partition AND " + byStatusSK + " > :now"),
		ExpressionAttributeValues: attributes{":now": text(timeText(now)),
			":partition": text(statusPartition(org, invitations, string(onboarding.InvitationPending)))},
	})
	if err != nil {
		return 0, false, fault("count "+byStatus, err)
	}
	return int(got.Count), len(got.LastEvaluatedKey) > 0, nil
}

const recountTries = 5

// Recount counts an organization's members anew, and answers what was counted before and what is now. It writes only where
// nothing was counted meanwhile.
func (t *Table) Recount(ctx context.Context, org onboarding.OrganizationID) (was, is onboarding.Counts, err error) {
	for range recountTries {
		var before countersItem
		if err = t.get(ctx, countersKey(org), &before); err != nil && !errors.Is(err, onboarding.ErrNotFound) {
			return was, is, err
		}
		all, err := readAll(ctx, t, org, memberPrefix, memberOf)
		if err != nil {
			return was, is, err
		}
		total := map[string]int{}
		for _, m := range all {
			for name, n := range tally(m) {
				total[name] += n
			}
		}
		if err = t.writeCounts(ctx, org, before, total); !errors.Is(err, onboarding.ErrConflict) {
			was = before.counts()
			is, e := t.ReadCounts(ctx, org)
			return was, is, errors.Join(err, e)
		}
	}
	return was, is, onboarding.ErrConflict
}

// writeCounts writes the counters, if they are as they were read.
func (t *Table) writeCounts(ctx context.Context, org onboarding.OrganizationID, before countersItem, total map[string]int) error {
	write := change{key: countersKey(org), vals: map[string]any{}}
	for name, seen := range map[string]int{
		countOf(onboarding.MemberActive): before.Active, countOf(onboarding.MemberPendingActivation): before.PendingActivation,
		countOf(onboarding.MemberDismissed): before.Dismissed, countOf(onboarding.MemberPendingApproval): before.Waiting,
		countOf(onboarding.MemberRejected): before.Rejected, seatsTaken: before.Seats, administrators: before.Administrators,
	} {
		write.set = join(write.set, "#"+name+" = :"+name)
		write.vals[":"+name], write.vals[":seen_"+name] = total[name], seen
		same := "#" + name + " = :seen_" + name
		if seen == 0 {
			same = "(attribute_not_exists(#" + name + ") OR " + same + ")"
		}
		write.condition = and(write.condition, same)
	}
	write.set = "SET " + write.set
	_, err := t.update(ctx, write, onboarding.ErrConflict, types.ReturnValueNone)
	return err
}
