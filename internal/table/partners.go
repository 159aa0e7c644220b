package table

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// partnerSlot begins the attributes of the item PARTNERS that hold its partners' names, by their ids. There is no map around
// them: one that is not there cannot be taken away from.
const partnerSlot = "partner_"

// ReadPartners answers an organization's active partners, those who have been there longest first.
func (t *Table) ReadPartners(ctx context.Context, org onboarding.OrganizationID) (p onboarding.Partners, err error) {
	found, err := t.batchGet(ctx, partnersKey(org))
	if err != nil {
		return p, err
	}
	item := found[partnersKey(org)]
	p.Firm, p.Version = onboarding.Firm{ID: textOf(item["firm_id"]), Name: textOf(item["firm_name"])}, int64(number(item["version"]))
	r := reader{}
	for name, value := range item {
		if id, ok := strings.CutPrefix(name, partnerSlot); ok {
			p.Members = append(p.Members, onboarding.PartnerSlot{Member: r.member(id), Name: textOf(value)})
		}
	}
	slices.SortFunc(p.Members, func(a, b onboarding.PartnerSlot) int { return strings.Compare(a.Member.Key(), b.Member.Key()) })
	return p, r.err
}

// leavePartnersStep frees the place of a partner who goes.
func (t *Table) leavePartnersStep(m onboarding.Member) (step, error) {
	return t.updateStep(change{key: partnersKey(m.Organization), set: "ADD #version :one REMOVE #slot", vals: map[string]any{":one": 1},
		names: map[string]string{"#slot": partnerSlot + m.ID.Key()}}, onboarding.ErrConflict)
}

// partnerSteps give a member a place among the partners, if those and the firm's domain are as they were read. Whoever is
// replaced is dismissed with that; the pairs are for what else changes with them.
func (t *Table) partnerSteps(e onboarding.PartnerEntry, m onboarding.Member, at time.Time) (steps []step, replaced []pair, err error) {
	certified, err := t.checkStep(change{key: domainKey(e.Domain), condition: "#firm_id = :firm AND attribute_not_exists(#revoked)",
		vals: map[string]any{":firm": e.Firm.ID}}, onboarding.ErrPartnersChanged)
	if err != nil {
		return nil, nil, err
	}
	slots := change{key: partnersKey(m.Organization), set: "SET #version = :next, #firm_id = :firm, #firm_name = :firm_name, #slot = :name",
		condition: "#version = :seen", names: map[string]string{"#slot": partnerSlot + m.ID.Key()},
		vals: map[string]any{":next": e.Seen.Version + 1, ":seen": e.Seen.Version, ":firm": e.Firm.ID, ":firm_name": e.Firm.Name, ":name": m.Name()}}
	if e.Seen.Version == 0 {
		slots.condition = "attribute_not_exists(#version)"
		delete(slots.vals, ":seen")
	}
	if e.Replaced != nil {
		gone := e.Dismissed(at)
		slots.remove("#replaced")
		slots.names["#replaced"] = partnerSlot + gone.ID.Key()
		dismissal, err := t.memberStep(*e.Replaced, gone, func(write *change) {
			endSessions(write)
			forget(write, at)
		})
		if err != nil {
			return nil, nil, err
		}
		dismissal.refused = onboarding.ErrPartnersChanged
		steps, replaced = append(steps, dismissal), append(replaced, pair{*e.Replaced, gone})
	}
	place, err := t.updateStep(slots, onboarding.ErrPartnersChanged)
	return append(steps, certified, place), replaced, err
}

type firmItem struct {
	PK, SK      string
	Name        string   `dynamodbav:"name"`
	Domains     []string `dynamodbav:"domains"`
	CertifiedAt string   `dynamodbav:"certified_at"`
	RevokedAt   string   `dynamodbav:"revoked_at,omitempty"`
	Version     int64    `dynamodbav:"version"`
}

// domainItem of a firm says whose the domain is. A firm that was revoked keeps it.
type firmDomainItem struct {
	PK, SK   string
	FirmID   string `dynamodbav:"firm_id"`
	FirmName string `dynamodbav:"firm_name"`
	Revoked  bool   `dynamodbav:"revoked,omitempty"`
}

func (i firmItem) firm() (onboarding.CertifiedFirm, error) {
	r := reader{}
	return onboarding.CertifiedFirm{Firm: onboarding.Firm{ID: strings.TrimPrefix(i.SK, firmPrefix), Name: i.Name}, Domains: i.Domains,
		CertifiedAt: r.time(i.CertifiedAt), RevokedAt: r.time(i.RevokedAt), Version: i.Version}, r.err
}

// ReadFirms answers whose domains are, of those that are a certified firm's now.
func (t *Table) ReadFirms(ctx context.Context, domains []string) (map[string]onboarding.Firm, error) {
	firms := map[string]onboarding.Firm{}
	if len(domains) == 0 {
		return firms, nil
	}
	var keys []key
	for _, domain := range domains {
		keys = append(keys, domainKey(domain))
	}
	found, err := t.batchGet(ctx, keys...)
	if err != nil {
		return nil, err
	}
	for k, item := range found {
		var i firmDomainItem
		if err := decode(item, &i); err != nil {
			return nil, err
		}
		if !i.Revoked {
			firms[strings.TrimPrefix(k.SK, domainPrefix)] = onboarding.Firm{ID: i.FirmID, Name: i.FirmName}
		}
	}
	return firms, nil
}

// ReadFirm answers a firm, certified or not.
func (t *Table) ReadFirm(ctx context.Context, id string) (onboarding.CertifiedFirm, error) {
	var i firmItem
	if err := t.get(ctx, firmKey(id), &i); err != nil {
		return onboarding.CertifiedFirm{}, err
	}
	return i.firm()
}

// ListFirms answers all firms, by their ids.
func (t *Table) ListFirms(ctx context.Context) (all []onboarding.CertifiedFirm, err error) {
	pages := dynamodb.NewQueryPaginator(t.db, &dynamodb.QueryInput{
		TableName: &t.name, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("PK = :registry AND begins_with(SK, :firm)"),
		ExpressionAttributeValues: attributes{":registry": text(registry), ":firm": text(firmPrefix)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fault("query firms", err)
		}
		for _, item := range page.Items {
			var i firmItem
			if err := decode(item, &i); err != nil {
				return nil, err
			}
			f, err := i.firm()
			if err != nil {
				return nil, err
			}
			all = append(all, f)
		}
	}
	return all, nil
}

// WriteFirm writes a firm, and whose its domains are. Those that it has no more are nobody's.
func (t *Table) WriteFirm(ctx context.Context, before, after onboarding.CertifiedFirm) error {
	k := firmKey(after.ID)
	item, err := encode(firmItem{PK: k.PK, SK: k.SK, Name: after.Name, Domains: after.Domains, CertifiedAt: timeText(after.CertifiedAt),
		RevokedAt: timeText(after.RevokedAt), Version: after.Version})
	if err != nil {
		return err
	}
	put := &types.Put{TableName: &t.name, Item: item, ConditionExpression: aws.String("attribute_not_exists(PK)")}
	if before.Version > 0 {
		put.ConditionExpression = aws.String("version = :seen")
		if put.ExpressionAttributeValues, err = encode(map[string]any{":seen": before.Version}); err != nil {
			return err
		}
	}
	steps := []step{{types.TransactWriteItem{Put: put}, onboarding.ErrConflict}}
	own, err := encode(map[string]any{":firm": after.ID})
	if err != nil {
		return err
	}
	for _, domain := range after.Domains {
		k := domainKey(domain)
		item, err := encode(firmDomainItem{PK: k.PK, SK: k.SK, FirmID: after.ID, FirmName: after.Name, Revoked: !after.RevokedAt.IsZero()})
		if err != nil {
			return err
		}
		steps = append(steps, step{types.TransactWriteItem{Put: &types.Put{TableName: &t.name, Item: item,
			ConditionExpression: aws.String("attribute_not_exists(PK) OR firm_id = :firm"), ExpressionAttributeValues: own}}, onboarding.ErrDomainTaken})
	}
	for _, domain := range before.Domains {
		if slices.Contains(after.Domains, domain) {
			continue
		}
		steps = append(steps, step{types.TransactWriteItem{Delete: &types.Delete{TableName: &t.name, Key: domainKey(domain).attributes(),
			ConditionExpression: aws.String("firm_id = :firm"), ExpressionAttributeValues: own}}, onboarding.ErrConflict})
	}
	return t.transact(ctx, steps...)
}
