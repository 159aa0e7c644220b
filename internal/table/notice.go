package table

import (
	"context"
	"errors"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// noticeStep adds somebody who waits to the organization's notice. One that is open already stays as it is, and due when it
// was. It does not wake deliver: cleanup does, when it is due.
func (t *Table) noticeStep(org onboarding.OrganizationID, m onboarding.Message) (step, error) {
	k := noticeKey(org, onboarding.MemberID{})
	o := newOutboxItem(k, []onboarding.Message{m})
	due := timeText(m.At.Add(onboarding.NoticeDelay))
	entry := o.Outbox[m.ID]
	entry.Due = due
	o.Outbox[m.ID] = entry
	return t.updateStep(change{
		key: k,
		set: "SET #outbox = if_not_exists(#outbox, :outbox), #outbox_wake = if_not_exists(#outbox_wake, :held), #by_outbox_pk = :shard, " +
			"#by_outbox_sk = if_not_exists(#by_outbox_sk, :due), #gathered = if_not_exists(#gathered, :none) + :one",
		vals: map[string]any{":outbox": o.Outbox, ":held": wakeHeld, ":shard": o.ByOutboxPK, ":due": due, ":none": 0, ":one": 1},
	}, nil)
}

// settleGathering closes the organization's notice, unless somebody was added to it meanwhile: then it is taken up again
// later, for whoever was not told of.
func (t *Table) settleGathering(ctx context.Context, told change, c onboarding.Claimed, out onboarding.Outcome) error {
	set := ""
	if out.Told {
		set = "#told_at = :at"
		told.vals[":at"] = timeText(out.At)
	}
	if out.Retry.IsZero() {
		done := change{key: told.key, vals: maps.Clone(told.vals), names: told.names}
		if set != "" {
			done.set = "SET " + set
		}
		done.condition = "#outbox.#m.#lease = :lease AND #gathered = :gathered"
		done.vals[":lease"], done.vals[":gathered"] = c.Lease, c.Notice.Gathered
		outboxItem{}.into(&done)
		if _, err := t.update(ctx, done, onboarding.ErrConflict, types.ReturnValueNone); !errors.Is(err, onboarding.ErrConflict) {
			return err
		}
		out.Retry, out.Spared = out.At.Add(onboarding.NoticeDelay), true
	}
	told.set = set
	return t.settleLater(ctx, told, c, out)
}

// Tell owes an administrator a notice, once for each gathering.
func (t *Table) Tell(ctx context.Context, org onboarding.OrganizationID, admin onboarding.MemberID, m onboarding.Message, gathering string) error {
	k := noticeKey(org, admin)
	write := change{
		key:       k,
		set:       "SET #gathering = :gathering",
		condition: "attribute_not_exists(#gathering) OR #gathering <> :gathering",
		vals:      map[string]any{":gathering": gathering},
	}
	newOutboxItem(k, []onboarding.Message{m}).into(&write)
	there, err := t.update(ctx, write, onboarding.ErrConflict, types.ReturnValueNone)
	if !errors.Is(err, onboarding.ErrConflict) {
		return err
	}
	var now outboxItem
	if e := decode(there, &now); e != nil {
		return e
	}
	if _, ours := now.Outbox[m.ID]; ours {
		return nil // written; the answer was lost
	}
	return err
}

// ListAdministrators answers active members with an administrator's rights, the longest there first. It reads the organization's active members: there
// is no index for it, since it is asked at most once in a quarter of an hour.
func (t *Table) ListAdministrators(ctx context.Context, org onboarding.OrganizationID, limit int) ([]onboarding.Member, error) {
	all, _, err := list(ctx, t, listing{
		org: org, place: statusPartition(org, members, string(onboarding.MemberActive)), limit: limit, oldest: true,
		filter: "#member.#type = :partner OR #member.#type = :employee AND #member.#role = :admin",
		vals: map[string]any{":partner": onboarding.Partner, ":employee": onboarding.Employee,
			":admin": onboarding.RoleAdmin},
	}, memberOf)
	return all, err
}

// CountWaiting answers how many wait for approval, at most limit.
func (t *Table) CountWaiting(ctx context.Context, org onboarding.OrganizationID, limit int) (int, error) {
	got, err := t.db.Query(ctx, &dynamodb.QueryInput{
		TableName: &t.name, IndexName: aws.String(byStatus), Limit: aws.Int32(int32(limit)), Select: types.SelectCount,
		KeyConditionExpression:    aws.String(byStatusPK + " = :partition"),
		ExpressionAttributeValues: attributes{":partition": text(statusPartition(org, requests, string(onboarding.MemberPendingApproval)))},
	})
	if err != nil {
		return 0, fault("count "+byStatus, err)
	}
	return int(got.Count), nil
}

func readNotice(k key, item attributes) (onboarding.Notice, error) {
	var i noticeItem
	if err := decode(item, &i); err != nil {
		return onboarding.Notice{}, err
	}
	r := reader{}
	n := onboarding.Notice{Gathered: i.Gathered, ToldAt: r.time(i.ToldAt)}
	if k.SK != noticeSK {
		n.Admin = r.member(k.SK[len(noticePrefix):])
	}
	return n, r.err
}
