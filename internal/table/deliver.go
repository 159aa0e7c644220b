package table

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// Claim leases a message and reads its item, in one conditional update.
func (t *Table) Claim(ctx context.Context, o onboarding.Owed, lease string, now, until time.Time) (onboarding.Claimed, error) {
	k, ok := parseItem(o.Item)
	if !ok {
		return onboarding.Claimed{}, onboarding.ErrNotFound
	}
	item, err := t.update(ctx, change{
		key: k,
		set: "SET #outbox.#m.#lease = :lease, #outbox.#m.#lease_until = :until, #outbox.#m.#attempts = #outbox.#m.#attempts + :one, " +
			"#outbox_wake = :held, #by_outbox_sk = :until",
		condition: "attribute_exists(#outbox.#m) AND #outbox.#m.#due <= :now AND " +
			"(attribute_not_exists(#outbox.#m.#lease) OR #outbox.#m.#lease_until < :now)",
		vals:  map[string]any{":lease": lease, ":now": timeText(now), ":until": timeText(until), ":one": 1, ":held": wakeHeld},
		names: map[string]string{"#m": o.Message},
	}, onboarding.ErrNotFound, types.ReturnValueAllNew)
	if err != nil && !errors.Is(err, onboarding.ErrNotFound) {
		return onboarding.Claimed{}, err
	}
	claimed, e := readClaimed(k, o.Message, item)
	if err != nil && (e != nil || claimed.Lease != lease) {
		return onboarding.Claimed{}, err
	}
	return claimed, e // where it was refused under its own lease, it was claimed, and the answer was lost
}

func readClaimed(k key, message string, item attributes) (onboarding.Claimed, error) {
	var owed outboxItem
	if err := decode(item, &owed); err != nil {
		return onboarding.Claimed{}, err
	}
	r := reader{}
	c := onboarding.Claimed{Organization: k.organization(), Message: r.message(message, owed.Outbox[message]), Attempts: owed.Outbox[message].Attempts,
		Unsent: owed.Outbox[message].Unsent, Lease: owed.Outbox[message].Lease}
	var err error
	switch {
	case strings.HasPrefix(k.SK, memberPrefix):
		var m onboarding.Member
		var credentials onboarding.Credentials
		m, credentials, err = readMember(item)
		c.Member, c.Credentials = &m, credentials
	case strings.HasPrefix(k.SK, joinPrefix):
		var j onboarding.Join
		j, err = readJoin(item)
		c.Join = &j
	case strings.HasPrefix(k.SK, noticeSK):
		var n onboarding.Notice
		n, err = readNotice(k, item)
		c.Notice = &n
	case strings.HasPrefix(k.SK, alertPrefix):
		var a onboarding.Alert
		a, err = readAlert(item)
		c.Alert = &a
	default:
		var contact onboarding.Contact
		contact, err = readContact(item)
		c.Contact = &contact
	}
	return c, errors.Join(err, r.err)
}

// Settle takes a message out of its outbox, or gives it a time to be tried again, and writes the delivery down.
func (t *Table) Settle(ctx context.Context, o onboarding.Owed, c onboarding.Claimed, out onboarding.Outcome) error {
	k, _ := parseItem(o.Item)
	told := change{key: k, vals: map[string]any{}, names: map[string]string{"#m": o.Message}}
	if out.Status != "" && c.Message.Kind == onboarding.MessageInvitation {
		told.set = "#invitation.#delivery = :delivery, #version = #version + :one"
		told.vals[":one"] = 1
		told.vals[":delivery"] = deliveryItem{Status: string(out.Status), LastEventAt: timeText(out.At), Attempts: c.Attempts, Error: out.Error}
		if out.Status == onboarding.DeliverySent {
			told.set += ", #invitation.#last_sent_at = :at, #invitation.#send_count = #invitation.#send_count + :one"
			told.vals[":at"] = timeText(out.At)
		}
	}
	if c.Notice != nil && c.Notice.Admin.IsZero() {
		return t.settleGathering(ctx, told, c, out)
	}
	if !out.Retry.IsZero() {
		return t.settleLater(ctx, told, c, out)
	}
	return t.settleDone(ctx, told, c, out)
}

// settleLater gives up the lease and sets when the message is due again. The wake-up stays held: cleanup drives it then.
func (t *Table) settleLater(ctx context.Context, told change, c onboarding.Claimed, out onboarding.Outcome) error {
	attempts, unsent := c.Attempts, c.Unsent
	switch {
	case out.Spared:
		attempts--
	case out.Unsent:
		unsent++
	}
	told.set = "SET " + join(told.set, "#outbox.#m.#due = :due, #outbox.#m.#attempts = :attempts, #outbox.#m.#unsent = :unsent, "+
		"#outbox.#m.#paid_at = :paid, #by_outbox_sk = :due") +
		" REMOVE #outbox.#m.#lease, #outbox.#m.#lease_until"
	told.condition = "#outbox.#m.#lease = :lease"
	told.vals[":paid"] = timeText(c.Message.PaidAt)
	told.vals[":due"], told.vals[":attempts"], told.vals[":unsent"], told.vals[":lease"] = timeText(out.Retry), attempts, unsent, c.Lease
	_, err := t.update(ctx, told, nil, types.ReturnValueNone)
	return err
}

// settleDone removes the message, and with it all that wakes deliver and lists the item as owing: every write that owes a
// message replaces the outbox, so there is no other. One that has been replaced meanwhile is no longer ours to settle, nor,
// unless it is sent, one that somebody else has leased.
func (t *Table) settleDone(ctx context.Context, told change, c onboarding.Claimed, out onboarding.Outcome) error {
	if told.set != "" {
		told.set = "SET " + told.set
	}
	told.condition = "attribute_exists(#outbox.#m)"
	if out.Status != onboarding.DeliverySent {
		told.condition, told.vals[":lease"] = "#outbox.#m.#lease = :lease", c.Lease
	}
	outboxItem{}.into(&told)
	_, err := t.update(ctx, told, nil, types.ReturnValueNone)
	return err
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}

// ReadDue answers the items of one outbox shard that are due, oldest first.
func (t *Table) ReadDue(ctx context.Context, shard int, before time.Time, limit int) ([]onboarding.DueItem, error) {
	got, err := t.db.Query(ctx, &dynamodb.QueryInput{
		TableName: &t.name, IndexName: aws.String(byOutbox), Limit: aws.Int32(int32(limit)),
		KeyConditionExpression:   aws.String("#by_outbox_pk = :shard AND #by_outbox_sk <= :before"),
		ExpressionAttributeNames: map[string]string{"#by_outbox_pk": byOutboxPK, "#by_outbox_sk": byOutboxSK},
		ExpressionAttributeValues: attributes{":shard": &types.AttributeValueMemberS{Value: fmt.Sprintf("OUTBOX#%d", shard)},
			":before": &types.AttributeValueMemberS{Value: timeText(before)}},
	})
	if err != nil {
		return nil, fault("query due", err)
	}
	due := make([]onboarding.DueItem, 0, len(got.Items))
	for _, item := range got.Items {
		at, _ := item[byOutboxSK].(*types.AttributeValueMemberS)
		due = append(due, onboarding.DueItem{Item: keyOf(item).item(), Due: at.Value})
	}
	return due, nil
}

// Wake makes the stream bring the item to deliver, if its due time is still the one that was read.
func (t *Table) Wake(ctx context.Context, d onboarding.DueItem, next time.Time) error {
	k, ok := parseItem(d.Item)
	if !ok {
		return fmt.Errorf("the outbox lists an item of another kind: %s", k.kind())
	}
	_, err := t.update(ctx, change{
		key:       k,
		set:       "SET #outbox_wake = :owed, #by_outbox_sk = :next",
		condition: "#by_outbox_sk = :due",
		vals:      map[string]any{":owed": wakeOwed, ":next": timeText(next), ":due": d.Due},
	}, nil, types.ReturnValueNone)
	return err
}
