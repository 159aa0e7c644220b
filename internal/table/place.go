package table

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// placedItem is a member in a place. It holds what lists show, so that a list is one query; every change of a member writes
// it anew, in the same transaction.
type placedItem struct {
	PK, SK   string
	MemberID string    `dynamodbav:"member_id"`
	Member   memberMap `dynamodbav:"member"`
	Version  int64     `dynamodbav:"version"`
}

// places are the beginnings of the keys under which a member stands in their places.
func places(m onboarding.Member) (all []string) {
	if !m.Status.Placed() {
		return nil
	}
	for _, id := range m.Placement.Departments {
		all = append(all, atDepartment(id))
	}
	for _, id := range m.Placement.Groups {
		all = append(all, atGroup(id))
	}
	return all
}

// movement is how members go into places and out of them in one transaction, in which each place is written once.
type movement struct {
	org   onboarding.OrganizationID
	delta map[string]int
	new   map[string]bool    // places that somebody comes into
	led   map[string]textSet // who leads them no more
}

func newMovement(org onboarding.OrganizationID) *movement {
	return &movement{org: org, delta: map[string]int{}, new: map[string]bool{}, led: map[string]textSet{}}
}

// stand puts a member where they stand after a change, and takes them out of where they stood before it.
func (t *Table) stand(before, after onboarding.Member, moved *movement) (steps []step, err error) {
	left, entered := places(before), places(after)
	for _, place := range left {
		gone := placedKey(place, before)
		if !slices.Contains(entered, place) {
			moved.delta[place]--
			moved.led[place] = append(moved.led[place], after.ID.Key())
		} else {
			if after.Type == onboarding.Guest && before.Type != onboarding.Guest {
				moved.delta[place] += 0
				moved.led[place] = append(moved.led[place], after.ID.Key())
			}
			if placedKey(place, after) == gone {
				continue // written over below
			}
		}
		steps = append(steps, step{write: types.TransactWriteItem{Delete: &types.Delete{TableName: &t.name, Key: gone.attributes()}}})
	}
	for _, place := range entered {
		if !slices.Contains(left, place) {
			moved.delta[place]++
			moved.new[place] = true
		}
		k := placedKey(place, after)
		item, err := encode(placedItem{PK: k.PK, SK: k.SK, MemberID: after.ID.Key(), Member: newMemberMap(after), Version: after.Version})
		if err != nil {
			return nil, err
		}
		steps = append(steps, step{write: types.TransactWriteItem{Put: &types.Put{TableName: &t.name, Item: item}}})
	}
	return steps, nil
}

// count counts who came into each place and who left it. A place that has gone meanwhile, or is being removed, takes nobody
// in: ErrPlaceGone. The root department is there from the start. Whoever leaves a place, or becomes a guest, leads it no more.
func (t *Table) count(moved *movement) (steps []step, err error) {
	for _, place := range slices.Sorted(maps.Keys(moved.delta)) {
		write := change{key: placeItem(moved.org, place), set: "ADD #members :n", vals: map[string]any{":n": moved.delta[place]}}
		if moved.new[place] && place != atDepartment(onboarding.DepartmentID{}) {
			write.condition = "attribute_exists(#name) AND attribute_not_exists(#closing)"
		}
		if led := moved.led[place]; len(led) > 0 {
			write.set += " DELETE #leaders :led"
			write.vals[":led"] = led
		}
		s, err := t.updateStep(write, onboarding.ErrPlaceGone)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// placeItem is the key of the department or group that the keys of its people begin with.
func placeItem(org onboarding.OrganizationID, place string) key {
	return key{partition(org), place[len(placePrefix) : len(place)-1]}
}

// pair is a member before and after a change; before is zero for a new one.
type pair struct{ before, after onboarding.Member }

// memberSteps are what belongs to every change of a member, beside the member itself: the places, and the counters.
func (t *Table) memberSteps(seats int, changed ...pair) (steps []step, err error) {
	org := changed[0].after.Organization
	moved := newMovement(org)
	for _, p := range changed {
		stand, err := t.stand(p.before, p.after, moved)
		if err != nil {
			return nil, err
		}
		steps = append(steps, stand...)
	}
	places, err := t.count(moved)
	if err != nil {
		return nil, err
	}
	steps = append(steps, places...)
	count, counts, err := t.countStep(org, seats, changed...)
	if counts {
		steps = append(steps, count)
	}
	return steps, err
}

// writeMember writes a member as they are after a change over the member as they were read, with all that belongs to it;
// ErrConflict where they are otherwise by now. also says what else changes in the member's item; more are further items, whose
// refusals count before.
func (t *Table) writeMember(ctx context.Context, before, after onboarding.Member, seats int, also func(*change), more ...step) error {
	member, err := t.memberStep(before, after, also)
	if err != nil {
		return err
	}
	beside, err := t.memberSteps(seats, pair{before, after})
	if err != nil {
		return err
	}
	return t.transact(ctx, slices.Concat(more, []step{member}, beside)...)
}

// memberStep is the member's own part of writeMember.
func (t *Table) memberStep(before, after onboarding.Member, also func(*change)) (step, error) {
	partition, sort := memberPlace(after)
	write := change{
		key:       memberKey(after.Organization, after.ID),
		set:       "SET #member = :member, #version = :version, #by_status_pk = :partition, #by_status_sk = :sort",
		condition: "#version = :seen AND #member.#status = :from",
		vals: map[string]any{":member": newMemberMap(after), ":version": after.Version, ":partition": partition, ":sort": sort,
			":seen": before.Version, ":from": before.Status},
	}
	name, sorted := namePlace(after)
	if name != "" {
		write.set += ", #by_name_pk = :name_partition, #by_name_sk = :name_sort"
		write.vals[":name_partition"], write.vals[":name_sort"] = name, sorted
	}
	if also != nil {
		also(&write)
	}
	if name == "" {
		write.remove("#by_name_pk", "#by_name_sk")
	}
	return t.updateStep(write, onboarding.ErrConflict)
}

// textSet is stored as a set, which two can add to and take from at once. It is not empty.
type textSet []string

// MarshalDynamoDBAttributeValue makes a set of the texts.
func (s textSet) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	return &types.AttributeValueMemberSS{Value: s}, nil
}
