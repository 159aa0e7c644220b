package table

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// departmentItem is a department. The root's may hold nothing but how many stand there: nobody has changed it then.
type departmentItem struct {
	PK, SK    string
	Name      string   `dynamodbav:"name,omitempty"`
	Parent    string   `dynamodbav:"parent,omitempty"`
	Leaders   []string `dynamodbav:"leaders,stringset,omitempty"`
	Members   int      `dynamodbav:"members"`
	Closing   bool     `dynamodbav:"closing,omitempty"`
	CreatedAt string   `dynamodbav:"created_at,omitempty"`
	UpdatedAt string   `dynamodbav:"updated_at,omitempty"`
	RequestID string   `dynamodbav:"request_id,omitempty"`
	Version   int64    `dynamodbav:"version"`
}

func newDepartmentItem(org onboarding.OrganizationID, d onboarding.Department) departmentItem {
	k := departmentKey(org, d.ID)
	i := departmentItem{PK: k.PK, SK: k.SK, Name: d.Name, Leaders: memberTexts(d.Heads), Members: d.Members, Closing: d.Closing,
		CreatedAt: timeText(d.CreatedAt), UpdatedAt: timeText(d.UpdatedAt), RequestID: d.RequestID, Version: d.Version}
	if !d.ID.IsRoot() {
		i.Parent = d.Parent.Key()
	}
	return i
}

func readDepartment(item attributes) (d onboarding.Department, err error) {
	var i departmentItem
	if err := decode(item, &i); err != nil {
		return d, err
	}
	r := reader{}
	d = onboarding.Department{Name: i.Name, Heads: r.members(i.Leaders), Members: i.Members, Closing: i.Closing,
		CreatedAt: r.time(i.CreatedAt), UpdatedAt: r.time(i.UpdatedAt), RequestID: i.RequestID, Version: i.Version}
	if i.Parent != "" {
		d.Parent, err = onboarding.ParseDepartmentKey(i.Parent)
		r.note("stored department id", err)
	}
	d.ID, err = onboarding.ParseDepartmentKey(strings.TrimPrefix(i.SK, departmentPrefix))
	r.note("stored department id", err)
	return d, r.err
}

type groupItem struct {
	PK, SK       string
	Name         string   `dynamodbav:"name"`
	Kind         string   `dynamodbav:"kind"`
	AllowsGuests bool     `dynamodbav:"allows_guests"`
	Leaders      []string `dynamodbav:"leaders,stringset,omitempty"`
	Members      int      `dynamodbav:"members"`
	Closing      bool     `dynamodbav:"closing,omitempty"`
	CreatedAt    string   `dynamodbav:"created_at"`
	UpdatedAt    string   `dynamodbav:"updated_at"`
	RequestID    string   `dynamodbav:"request_id,omitempty"`
	Version      int64    `dynamodbav:"version"`
}

func newGroupItem(org onboarding.OrganizationID, g onboarding.Group) groupItem {
	k := groupKey(org, g.ID)
	return groupItem{PK: k.PK, SK: k.SK, Name: g.Name, Kind: string(g.Kind), AllowsGuests: g.AllowsGuests, Leaders: memberTexts(g.Owners),
		Members: g.Members, Closing: g.Closing, CreatedAt: timeText(g.CreatedAt), UpdatedAt: timeText(g.UpdatedAt), RequestID: g.RequestID,
		Version: g.Version}
}

func readGroup(item attributes) (g onboarding.Group, err error) {
	var i groupItem
	if err := decode(item, &i); err != nil {
		return g, err
	}
	r := reader{}
	g = onboarding.Group{Name: i.Name, Kind: onboarding.GroupKind(i.Kind), AllowsGuests: i.AllowsGuests, Owners: r.members(i.Leaders),
		Members: i.Members, Closing: i.Closing, CreatedAt: r.time(i.CreatedAt), UpdatedAt: r.time(i.UpdatedAt), RequestID: i.RequestID,
		Version: i.Version}
	g.ID, err = onboarding.ParseGroupKey(strings.TrimPrefix(i.SK, groupPrefix))
	r.note("stored group id", err)
	return g, r.err
}

func memberTexts(ids []onboarding.MemberID) (texts []string) {
	for _, id := range ids {
		texts = append(texts, id.Key())
	}
	return texts
}

// members reads a set back, in the order of the ids.
func (r *reader) members(texts []string) (ids []onboarding.MemberID) {
	for _, text := range slices.Sorted(slices.Values(texts)) {
		ids = append(ids, r.member(text))
	}
	return ids
}

// ReadPlaces answers those places of a placement that exist. The root department always does.
func (t *Table) ReadPlaces(ctx context.Context, org onboarding.OrganizationID, p onboarding.Placement) (onboarding.Places, error) {
	places := onboarding.Places{Departments: map[onboarding.DepartmentID]onboarding.Department{{}: {}}, Groups: map[onboarding.GroupID]onboarding.Group{}}
	var keys []key
	for _, id := range p.Departments {
		keys = append(keys, departmentKey(org, id))
	}
	for _, id := range p.Groups {
		keys = append(keys, groupKey(org, id))
	}
	if len(keys) == 0 {
		return places, nil
	}
	found, err := t.batchGet(ctx, keys...)
	if err != nil {
		return places, err
	}
	for k, item := range found {
		if strings.HasPrefix(k.SK, departmentPrefix) {
			d, err := readDepartment(item)
			if err != nil {
				return places, err
			}
			places.Departments[d.ID] = d
			continue
		}
		g, err := readGroup(item)
		if err != nil {
			return places, err
		}
		places.Groups[g.ID] = g
	}
	return places, nil
}

// ReadDepartments answers all departments that are stored.
func (t *Table) ReadDepartments(ctx context.Context, org onboarding.OrganizationID) ([]onboarding.Department, error) {
	return readAll(ctx, t, org, departmentPrefix, readDepartment)
}

// ReadGroups answers all groups, in the order in which they were made.
func (t *Table) ReadGroups(ctx context.Context, org onboarding.OrganizationID) ([]onboarding.Group, error) {
	return readAll(ctx, t, org, groupPrefix, readGroup)
}

// readAll reads what there is few of: all items of an organization whose keys begin alike.
func readAll[T any](ctx context.Context, t *Table, org onboarding.OrganizationID, prefix string, read func(attributes) (T, error)) (all []T, err error) {
	pages := dynamodb.NewQueryPaginator(t.db, &dynamodb.QueryInput{
		TableName: &t.name, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("PK = :partition AND begins_with(SK, :prefix)"),
		ExpressionAttributeValues: attributes{":partition": text(partition(org)), ":prefix": text(prefix)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault("query "+prefix, err)
		}
		for _, item := range page.Items {
			one, err := read(item)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// ReadStructure reads the version before what it is the version of.
func (t *Table) ReadStructure(ctx context.Context, org onboarding.OrganizationID) (s onboarding.Structure, err error) {
	var i struct {
		Version int64 `dynamodbav:"version"`
	}
	if err = t.get(ctx, structureKey(org), &i); err != nil && !errors.Is(err, onboarding.ErrNotFound) {
		return s, err
	}
	departments, err := t.ReadDepartments(ctx, org)
	if err != nil {
		return s, err
	}
	groups, err := t.ReadGroups(ctx, org)
	s = onboarding.Structure{Version: i.Version, Departments: onboarding.NewTree(departments), Groups: map[onboarding.GroupID]onboarding.Group{}}
	for _, g := range groups {
		s.Groups[g.ID] = g
	}
	return s, err
}

// structureStep raises the version of the structure from the one that was read.
func (t *Table) structureStep(org onboarding.OrganizationID, seen int64) (step, error) {
	write := change{key: structureKey(org), set: "SET #version = :next", condition: "#version = :seen",
		vals: map[string]any{":next": seen + 1, ":seen": seen}}
	if seen == 0 {
		write.condition = "attribute_not_exists(#version)"
		delete(write.vals, ":seen")
	}
	return t.updateStep(write, onboarding.ErrConflict)
}

// leadSteps hold that those who lead a place stand there, and are no guests. list is the member's list that names it.
func (t *Table) leadSteps(org onboarding.OrganizationID, leaders []onboarding.MemberID, list, place string) (steps []func() (step, error)) {
	for _, id := range leaders {
		steps = append(steps, func() (step, error) {
			return t.checkStep(change{
				key:       memberKey(org, id),
				condition: "contains(#member." + list + ", :place) AND #member.#status IN (:active, :activating) AND #member.#type <> :guest",
				vals: map[string]any{":place": place, ":active": onboarding.MemberActive,
					":activating": onboarding.MemberPendingActivation, ":guest": onboarding.Guest},
			}, onboarding.ErrConflict)
		})
	}
	return steps
}

// leads makes a change write who leads: these, or nobody.
func leads(c *change, leaders []onboarding.MemberID) {
	if len(leaders) == 0 {
		c.remove("#leaders")
		return
	}
	c.set += ", #leaders = :leaders"
	c.vals[":leaders"] = textSet(memberTexts(leaders))
}

// seenAt is the condition that a department or group is still of the version that was seen, and not being removed.
func seenAt(c *change, version int64) {
	c.condition = "attribute_not_exists(#version)"
	if version > 0 {
		c.condition = "#version = :seen AND attribute_not_exists(#closing)"
		c.vals[":seen"] = version
	}
}

// WriteDepartment writes all of a department but how many stand there. The root may not be there yet but for that number.
func (t *Table) WriteDepartment(ctx context.Context, org onboarding.OrganizationID, d, seen onboarding.Department, structure int64) error {
	i := newDepartmentItem(org, d)
	write := change{
		key: key{i.PK, i.SK},
		set: "SET #name = :name, #created_at = :created, #updated_at = :updated, #request_id = :request, #version = :version, " +
			"#members = if_not_exists(#members, :none)",
		vals: map[string]any{":name": i.Name, ":created": i.CreatedAt, ":updated": i.UpdatedAt, ":request": i.RequestID, ":version": i.Version, ":none": 0},
	}
	if i.Parent != "" {
		write.set += ", #parent = :parent"
		write.vals[":parent"] = i.Parent
	}
	leads(&write, d.Heads)
	seenAt(&write, seen.Version)
	return t.transactAll(ctx, append([]func() (step, error){
		func() (step, error) { return t.structureStep(org, structure) },
		func() (step, error) { return t.updateStep(write, onboarding.ErrConflict) },
	}, t.leadSteps(org, d.Heads, "#departments", d.ID.Key())...)...)
}

// WriteGroup writes all of a group but how many stand there.
func (t *Table) WriteGroup(ctx context.Context, org onboarding.OrganizationID, g, seen onboarding.Group, structure int64) error {
	i := newGroupItem(org, g)
	write := change{
		key: key{i.PK, i.SK},
		set: "SET #name = :name, #kind = :kind, #allows_guests = :guests, #created_at = :created, #updated_at = :updated, " +
			"#request_id = :request, #version = :version, #members = if_not_exists(#members, :none)",
		vals: map[string]any{":name": i.Name, ":kind": i.Kind, ":guests": i.AllowsGuests, ":created": i.CreatedAt, ":updated": i.UpdatedAt,
			":request": i.RequestID, ":version": i.Version, ":none": 0},
	}
	leads(&write, g.Owners)
	seenAt(&write, seen.Version)
	return t.transactAll(ctx, append([]func() (step, error){
		func() (step, error) { return t.structureStep(org, structure) },
		func() (step, error) { return t.updateStep(write, onboarding.ErrConflict) },
	}, t.leadSteps(org, g.Owners, "#groups", g.ID.Key())...)...)
}

// closeStep marks a department or group as being removed.
func (t *Table) closeStep(k key, version int64) (step, error) {
	write := change{key: k, set: "SET #closing = :true, #version = #version + :one", vals: map[string]any{":true": true, ":one": 1}}
	seenAt(&write, version)
	return t.updateStep(write, onboarding.ErrConflict)
}

// CloseDepartment marks a department as being removed, and hangs its children elsewhere.
func (t *Table) CloseDepartment(ctx context.Context, org onboarding.OrganizationID, d onboarding.Department, children []onboarding.Department,
	structure int64) error {
	steps := []func() (step, error){
		func() (step, error) { return t.structureStep(org, structure) },
		func() (step, error) { return t.closeStep(departmentKey(org, d.ID), d.Version) },
	}
	for _, child := range children {
		steps = append(steps, func() (step, error) {
			return t.updateStep(change{key: departmentKey(org, child.ID), set: "SET #parent = :parent, #version = #version + :one",
				condition: "#version = :seen", vals: map[string]any{":parent": child.Parent.Key(), ":one": 1, ":seen": child.Version}}, onboarding.ErrConflict)
		})
	}
	return t.transactAll(ctx, steps...)
}

// CloseGroup marks a group as being removed.
func (t *Table) CloseGroup(ctx context.Context, org onboarding.OrganizationID, g onboarding.Group, structure int64) error {
	return t.transactAll(ctx,
		func() (step, error) { return t.structureStep(org, structure) },
		func() (step, error) { return t.closeStep(groupKey(org, g.ID), g.Version) },
	)
}

// onePlace is the one place of a placement: how the keys of its people begin, and its own key.
func onePlace(org onboarding.OrganizationID, p onboarding.Placement) (string, key) {
	if len(p.Departments) > 0 {
		return atDepartment(p.Departments[0]), departmentKey(org, p.Departments[0])
	}
	return atGroup(p.Groups[0]), groupKey(org, p.Groups[0])
}

// ReadPlaced answers some of those who stand in a place, as they are. Who has left it meanwhile is not among them.
func (t *Table) ReadPlaced(ctx context.Context, org onboarding.OrganizationID, place onboarding.Placement, limit int) (all []onboarding.Member, err error) {
	at, _ := onePlace(org, place)
	pages := dynamodb.NewQueryPaginator(t.db, &dynamodb.QueryInput{
		TableName: &t.name, ConsistentRead: aws.Bool(true), Limit: aws.Int32(int32(limit)), ProjectionExpression: aws.String("member_id"),
		KeyConditionExpression:    aws.String("PK = :partition AND begins_with(SK, :place)"),
		ExpressionAttributeValues: attributes{":partition": text(partition(org)), ":place": text(at)},
	})
	var keys []key
	seen := map[key]bool{}
	for pages.HasMorePages() && len(keys) < limit { // a page ends at 1 MB as well
		got, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault("query "+placePrefix, err)
		}
		for _, item := range got.Items {
			// Whoever gets another name between two pages stands on both.
			if k := (key{partition(org), memberPrefix + textOf(item["member_id"])}); !seen[k] {
				keys, seen[k] = append(keys, k), true
			}
		}
	}
	for chunk := range slices.Chunk(keys, getsPerBatch) {
		found, err := t.batchGet(ctx, chunk...)
		if err != nil {
			return nil, err
		}
		for _, k := range chunk { // in the order of the place
			m, _, err := readMember(found[k])
			if err != nil {
				return nil, err
			}
			if slices.Contains(places(m), at) {
				all = append(all, m)
			}
		}
	}
	return all, nil
}

// stepsAtOnce is what one transaction takes, less than the 100 of DynamoDB for what comes beside.
const stepsAtOnce = 90

// MoveMembers writes members under their versions, as many as one transaction takes.
func (t *Table) MoveMembers(ctx context.Context, before, after []onboarding.Member) (n int, err error) {
	if len(before) == 0 {
		return 0, nil
	}
	moved := newMovement(before[0].Organization)
	var steps []step
	for i := range before {
		member, err := t.memberStep(before[i], after[i], nil)
		if err != nil {
			return 0, err
		}
		next := newMovement(moved.org)
		stand, err := t.stand(before[i], after[i], next)
		if err != nil {
			return 0, err
		}
		if n > 0 && len(steps)+len(stand)+1 > stepsAtOnce-2*onboarding.MaxPlaces {
			break
		}
		moved.add(next)
		steps = append(append(steps, member), stand...)
		n++
	}
	places, err := t.count(moved)
	if err != nil {
		return 0, err
	}
	if err = t.transact(ctx, append(steps, places...)...); err != nil {
		return 0, err
	}
	return n, nil
}

// add makes one movement of two.
func (m *movement) add(other *movement) {
	for place, n := range other.delta {
		m.delta[place] += n
		m.new[place] = m.new[place] || other.new[place]
		m.led[place] = append(m.led[place], other.led[place]...)
	}
}

// RemovePlace removes a department or group that is being removed, once nobody is counted there.
func (t *Table) RemovePlace(ctx context.Context, org onboarding.OrganizationID, place onboarding.Placement) error {
	_, k := onePlace(org, place)
	write := change{condition: "attribute_not_exists(PK) OR #closing = :true AND #members <= :none", vals: map[string]any{":true": true, ":none": 0}}
	values, err := write.expressionValues()
	if err != nil {
		return err
	}
	_, err = patiently(ctx, func() (*dynamodb.DeleteItemOutput, error) {
		return t.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.name, Key: k.attributes(), ConditionExpression: &write.condition,
			ExpressionAttributeNames: write.expressionNames(), ExpressionAttributeValues: values})
	})
	if refused := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &refused) {
		return onboarding.ErrConflict
	}
	if err != nil {
		return fault("delete place", err)
	}
	return nil
}
