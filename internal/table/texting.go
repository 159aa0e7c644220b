package table

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// What text messages cost is counted on a condition, before they are owed. A repeated update whose answer was lost counts twice,
// which errs on the side of sending less.

const (
	textsKept   = 70 * 24 * time.Hour // a month, and the one after it
	numbersKept = 2 * 24 * time.Hour
)

// dayOf is the counter of a day for a use: "invitations_26".
func dayOf(use onboarding.TextUse, at time.Time) string {
	return string(use) + "_" + at.UTC().Format("02")
}

// ReserveTexts counts the texts and their cost in one conditional update.
func (t *Table) ReserveTexts(ctx context.Context, org onboarding.OrganizationID, at time.Time, use onboarding.TextUse, costs []onboarding.Money,
	limits onboarding.TextLimits) (int, error) {
	day, share := dayOf(use, at), "spent_"+string(use)
	limits.Share = cmp.Or(limits.Share, limits.Budget)
	return takeFitting(costs, limits.PerDay, min(limits.Budget, limits.Share), func(n int, cost onboarding.Money) (int, onboarding.Money, error) {
		old, err := t.update(ctx, change{
			key: textsKey(org, at),
			set: "ADD #spent :cost, #share :cost, #day :n SET #expires_at_ttl = :ttl",
			condition: "(attribute_not_exists(#spent) OR #spent <= :left) AND (attribute_not_exists(#share) OR #share <= :left_of_share) AND " +
				"(attribute_not_exists(#day) OR #day <= :room)",
			vals: map[string]any{":n": n, ":cost": cost, ":room": limits.PerDay - n, ":left": limits.Budget - cost,
				":left_of_share": limits.Share - cost, ":ttl": at.Add(textsKept).Unix()},
			names: map[string]string{"#day": day, "#share": share},
		}, onboarding.ErrLimit, types.ReturnValueNone)
		left := min(limits.Budget-onboarding.Money(number(old["spent"])), limits.Share-onboarding.Money(number(old[share])))
		return number(old[day]), min(limits.Budget, limits.Share) - left, err
	})
}

// SpendOnTexts counts the cost of texts in the month of the deployment, unless the operator has stopped them.
func (t *Table) SpendOnTexts(ctx context.Context, at time.Time, costs []onboarding.Money, budget onboarding.Money) (int, error) {
	month := spentIn(at)
	return takeFitting(costs, len(costs), budget, func(n int, cost onboarding.Money) (int, onboarding.Money, error) {
		old, err := t.update(ctx, change{
			key:       allTextsKey(),
			set:       "ADD #month :cost",
			condition: "attribute_not_exists(#stopped_at) AND (attribute_not_exists(#month) OR #month <= :left)",
			vals:      map[string]any{":cost": cost, ":left": budget - cost},
			names:     map[string]string{"#month": month},
		}, onboarding.ErrLimit, types.ReturnValueNone)
		if errors.Is(err, onboarding.ErrLimit) && textOf(old["stopped_at"]) != "" {
			err = onboarding.ErrTextsStopped
		}
		return 0, onboarding.Money(number(old[month])), err
	})
}

// spentIn is the attribute of a month. The item has one for each, so that a stop outlasts them.
func spentIn(at time.Time) string { return "spent_" + at.UTC().Format("2006_01") }

// takeFitting takes as many of the costs as fit, and fewer where less is left than it knew: take answers ErrLimit then, and what
// is used already.
func takeFitting(costs []onboarding.Money, most int, budget onboarding.Money,
	take func(n int, cost onboarding.Money) (used int, spent onboarding.Money, err error)) (int, error) {
	n, cost := fitting(costs, most, budget)
	for n > 0 {
		used, spent, err := take(n, cost)
		if !errors.Is(err, onboarding.ErrLimit) {
			if err != nil {
				n = 0
			}
			return n, err
		}
		n, cost = fitting(costs[:n-1], most-used, budget-spent)
	}
	return 0, nil
}

// fitting is how many of the costs, in their order, fit into what is left.
func fitting(costs []onboarding.Money, most int, budget onboarding.Money) (n int, sum onboarding.Money) {
	for n < len(costs) && n < most && sum+costs[n] <= budget {
		sum += costs[n]
		n++
	}
	return n, sum
}

func sumOf(costs []onboarding.Money) (sum onboarding.Money) {
	for _, c := range costs {
		sum += c
	}
	return sum
}

// ReturnTexts gives back what was not used. It is tried once: a repeated update whose answer was lost would give it back twice.
func (t *Table) ReturnTexts(ctx context.Context, org onboarding.OrganizationID, at time.Time, use onboarding.TextUse, costs []onboarding.Money) error {
	_, err := t.update(ctx, change{
		key:   textsKey(org, at),
		set:   "ADD #spent :cost, #share :cost, #day :n",
		vals:  map[string]any{":n": -len(costs), ":cost": -sumOf(costs)},
		names: map[string]string{"#day": dayOf(use, at), "#share": "spent_" + string(use)},
	}, nil, types.ReturnValueNone, onlyOnce)
	return err
}

// UnspendOnTexts gives back what was not used; once, as ReturnTexts.
func (t *Table) UnspendOnTexts(ctx context.Context, at time.Time, costs []onboarding.Money) error {
	_, err := t.update(ctx, change{
		key:   allTextsKey(),
		set:   "ADD #month :cost",
		vals:  map[string]any{":cost": -sumOf(costs)},
		names: map[string]string{"#month": spentIn(at)},
	}, nil, types.ReturnValueNone, onlyOnce)
	return err
}

func onlyOnce(o *dynamodb.Options) { o.RetryMaxAttempts = 1 }

// CountPrefix counts texts to a block of numbers. Where less than want is left it takes what is left.
func (t *Table) CountPrefix(ctx context.Context, prefix string, until time.Time, want, limit int) (int, error) {
	return takeUpTo(want, limit, func(n int) (int, error) {
		old, err := t.update(ctx, change{
			key:       prefixKey(prefix, until),
			set:       "ADD #texts :n SET #expires_at_ttl = :ttl",
			condition: "attribute_not_exists(#texts) OR #texts <= :room",
			vals:      map[string]any{":n": n, ":room": limit - n, ":ttl": until.Unix()},
		}, onboarding.ErrLimit, types.ReturnValueNone)
		return number(old["texts"]), err
	})
}

// numberItem is what is known of a number: when it was last texted, and whether its owner has opted out.
type numberItem struct {
	Latest        string `dynamodbav:"latest"`
	Second        string `dynamodbav:"second"`
	Third         string `dynamodbav:"third"`
	OptedOutUntil string `dynamodbav:"opted_out_until"`
	Message       string `dynamodbav:"message"`
}

func readNumber(item attributes) (onboarding.NumberState, error) {
	var i numberItem
	if err := decode(item, &i); err != nil {
		return onboarding.NumberState{}, err
	}
	r := reader{}
	return onboarding.NumberState{Latest: [3]time.Time{r.time(i.Latest), r.time(i.Second), r.time(i.Third)}, OptedOutUntil: r.time(i.OptedOutUntil),
		Message: i.Message}, r.err
}

// CountNumber takes down that a number is texted. One that was counted for this very message is a repeated update.
func (t *Table) CountNumber(ctx context.Context, id onboarding.NumberID, message string, at, pause, window time.Time) (onboarding.NumberState, error) {
	old, err := t.update(ctx, change{
		key: numberKey(id),
		set: "SET #third = if_not_exists(#second, :never), #second = if_not_exists(#latest, :never), #latest = :at, #message = :message, " +
			"#expires_at_ttl = :ttl",
		condition: "(attribute_not_exists(#latest) OR #latest <= :pause AND #third <= :window) AND " +
			"(attribute_not_exists(#opted_out_until) OR #opted_out_until <= :at)",
		vals: map[string]any{":never": "", ":at": timeText(at), ":message": message, ":pause": timeText(pause), ":window": timeText(window),
			":ttl": at.Add(numbersKept).Unix()},
	}, onboarding.ErrLimit, types.ReturnValueNone)
	if !errors.Is(err, onboarding.ErrLimit) {
		return onboarding.NumberState{}, err
	}
	if textOf(old["message"]) == message {
		return onboarding.NumberState{}, nil
	}
	state, e := readNumber(old)
	return state, errors.Join(err, e)
}

// OptOut remembers that a number takes no texts.
func (t *Table) OptOut(ctx context.Context, id onboarding.NumberID, at, until time.Time) error {
	_, err := t.update(ctx, change{
		key:  numberKey(id),
		set:  "SET #opted_out_until = :until, #expires_at_ttl = :ttl",
		vals: map[string]any{":until": timeText(until), ":ttl": until.Unix()},
	}, nil, types.ReturnValueNone)
	return err
}

// ReadNumbers answers the state of those numbers that were ever texted.
func (t *Table) ReadNumbers(ctx context.Context, ids []onboarding.NumberID) (map[onboarding.NumberID]onboarding.NumberState, error) {
	states := make(map[onboarding.NumberID]onboarding.NumberState, len(ids))
	for chunk := range slices.Chunk(ids, getsPerBatch) {
		keys := make([]key, len(chunk))
		for i, id := range chunk {
			keys[i] = numberKey(id)
		}
		found, err := t.batchGet(ctx, keys...)
		if err != nil {
			return nil, err
		}
		for i, id := range chunk {
			item, ok := found[keys[i]]
			if !ok {
				continue
			}
			if states[id], err = readNumber(item); err != nil {
				return nil, err
			}
		}
	}
	return states, nil
}

// TextsStopped reports whether the operator has stopped all texts.
func (t *Table) TextsStopped(ctx context.Context) (bool, error) {
	var all struct {
		StoppedAt string `dynamodbav:"stopped_at"`
	}
	err := t.get(ctx, allTextsKey(), &all)
	if errors.Is(err, onboarding.ErrNotFound) {
		err = nil
	}
	return all.StoppedAt != "", err
}

// ReadTexts reads what is used of an organization's limits and of the deployment's, in one batch.
func (t *Table) ReadTexts(ctx context.Context, org onboarding.OrganizationID, at time.Time, use onboarding.TextUse) (onboarding.TextUsage, error) {
	ok, ak := textsKey(org, at), allTextsKey()
	found, err := t.batchGet(ctx, ok, ak)
	if err != nil {
		return onboarding.TextUsage{}, err
	}
	return onboarding.TextUsage{
		Today: number(found[ok][dayOf(use, at)]), Spent: onboarding.Money(number(found[ok]["spent"])),
		All: onboarding.Money(number(found[ak][spentIn(at)])), Stopped: textOf(found[ak]["stopped_at"]) != "",
	}, nil
}

// StopTexts stops all texts, or lets them go on, for every organization.
func (t *Table) StopTexts(ctx context.Context, at time.Time, stop bool) error {
	write := change{key: allTextsKey(), set: "REMOVE #stopped_at"}
	if stop {
		write.set, write.vals = "SET #stopped_at = :at", map[string]any{":at": timeText(at)}
	}
	_, err := t.update(ctx, write, nil, types.ReturnValueNone)
	return err
}

// number is the value of a counter; zero where there is none.
func number(v types.AttributeValue) int {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	i, _ := strconv.Atoi(n.Value)
	return i
}
