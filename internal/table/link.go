package table

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// ReadLink reads an organization and one of its links in one batch. The default link is there wherever the organization is.
func (t *Table) ReadLink(ctx context.Context, org onboarding.OrganizationID, id onboarding.LinkID) (
	onboarding.Organization, onboarding.InviteLink, error) {
	ok, lk := organizationKey(org), linkKey(org, id)
	found, err := t.batchGet(ctx, ok, lk)
	if err != nil {
		return onboarding.Organization{}, onboarding.InviteLink{}, err
	}
	return readLink(found[ok], found[lk], id)
}

func readLink(organization, link attributes, id onboarding.LinkID) (onboarding.Organization, onboarding.InviteLink, error) {
	if organization == nil || link == nil && !id.IsDefault() {
		return onboarding.Organization{}, onboarding.InviteLink{}, onboarding.ErrNotFound
	}
	o, err := readOrganization(organization)
	if err != nil {
		return o, onboarding.InviteLink{}, err
	}
	var i linkItem
	if link != nil {
		if err := decode(link, &i); err != nil {
			return o, onboarding.InviteLink{}, err
		}
	}
	l, err := i.link(o, id)
	return o, l, err
}

// CreateLink writes a link that does not exist. One that does may be the write of an earlier try of the same request.
func (t *Table) CreateLink(ctx context.Context, org onboarding.OrganizationID, l onboarding.InviteLink) error {
	item, err := encode(newLinkItem(org, l))
	if err != nil {
		return err
	}
	_, err = patiently(ctx, func() (*dynamodb.PutItemOutput, error) {
		return t.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.name, Item: item, ConditionExpression: aws.String("attribute_not_exists(PK)")})
	})
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		return onboarding.ErrConflict
	}
	if err != nil {
		return fault("put link", err)
	}
	return nil
}

// ReplaceLink writes all of a link but how often and when it was used, which joins count meanwhile.
func (t *Table) ReplaceLink(ctx context.Context, org onboarding.OrganizationID, l onboarding.InviteLink, version int64) error {
	i := newLinkItem(org, l)
	write := change{
		key: key{i.PK, i.SK},
		set: "SET #label = :label, #round = :round, #nonce = :nonce, #type = :type, #role = :role, #approval = :approval, #domains = :domains, " +
			"#disabled = :disabled, #request_id = :request, #created_at = :created, #updated_at = :updated, #version = :version, " +
			"#use_count = if_not_exists(#use_count, :none), #departments = :departments, #groups = :groups",
		condition: "#version = :seen",
		vals: map[string]any{":label": i.Label, ":round": i.Round, ":nonce": i.Nonce, ":type": i.Type, ":role": i.Role, ":approval": i.Approval,
			":domains": i.Domains, ":disabled": i.Disabled, ":request": i.RequestID, ":created": i.CreatedAt, ":updated": i.UpdatedAt,
			":version": i.Version, ":none": 0,
			":departments": i.Departments, ":groups": i.Groups},
	}
	if version == 0 {
		write.condition = "attribute_not_exists(#version)"
	} else {
		write.vals[":seen"] = version
	}
	var gone string
	for _, o := range []struct {
		attribute, value string
		given            bool
		store            any
	}{
		{"#max_uses", ":max", i.MaxUses > 0, i.MaxUses},
		{"#expires_at", ":expires", i.ExpiresAt != "", i.ExpiresAt},
		{"#owner_id", ":owner", i.OwnerID != "", i.OwnerID},
		{"#owner_type", ":owner_type", i.OwnerType != "", i.OwnerType},
		{"#owner_role", ":owner_role", i.OwnerRole != "", i.OwnerRole},
		{"#owner_name", ":owner_name", i.OwnerName != "", i.OwnerName},
	} {
		if o.given {
			write.set += ", " + o.attribute + " = " + o.value
			write.vals[o.value] = o.store
		} else {
			gone = join(gone, o.attribute)
		}
	}
	if gone != "" {
		write.set += " REMOVE " + gone
	}
	there, err := t.update(ctx, write, onboarding.ErrConflict, types.ReturnValueNone)
	if errors.Is(err, onboarding.ErrConflict) && textOf(there["request_id"]) == l.RequestID {
		return nil // written; the answer was lost
	}
	return err
}

// ListInviteLinks answers one page of an organization's links, the default one first and then the newest: all of them, or
// the default one and those of an owner.
func (t *Table) ListInviteLinks(ctx context.Context, o onboarding.Organization, owner onboarding.MemberID, after string, limit int) (
	[]onboarding.InviteLink, string, error) {
	input := &dynamodb.QueryInput{
		TableName: &t.name, ScanIndexForward: aws.Bool(false), ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("PK = :partition AND begins_with(SK, :link)"),
		ExpressionAttributeValues: attributes{":partition": text(partition(o.ID)), ":link": text(linkPrefix)},
	}
	if !owner.IsZero() {
		input.FilterExpression = aws.String("owner_id = :owner")
		input.ExpressionAttributeValues[":owner"] = text(memberText(owner))
	}
	// The default link is read by itself: it may not be stored, and its key sorts before all others this way around.
	first := linkKey(o.ID, onboarding.LinkID{})
	var page []onboarding.InviteLink
	if after == "" {
		_, l, err := t.ReadLink(ctx, o.ID, onboarding.LinkID{})
		if err != nil {
			return nil, "", err
		}
		page, after = append(page, l), first.SK
	}
	input.ExclusiveStartKey = key{first.PK, after}.attributes()
	for len(page) <= limit {
		got, err := t.db.Query(ctx, input)
		if err != nil {
			return nil, "", fault("query links", err)
		}
		for _, item := range got.Items {
			l, err := readListedLink(o, item)
			if err != nil {
				return nil, "", err
			}
			page = append(page, l)
		}
		if input.ExclusiveStartKey = got.LastEvaluatedKey; len(got.LastEvaluatedKey) == 0 {
			break
		}
	}
	if len(page) <= limit {
		return page, "", nil
	}
	page = page[:limit]
	return page, linkKey(o.ID, page[limit-1].ID).SK, nil
}

func readListedLink(o onboarding.Organization, item attributes) (onboarding.InviteLink, error) {
	var i linkItem
	if err := decode(item, &i); err != nil {
		return onboarding.InviteLink{}, err
	}
	id, err := onboarding.ParseLinkKey(i.SK[len(linkPrefix):])
	if err != nil {
		return onboarding.InviteLink{}, err
	}
	return i.link(o, id)
}
