package table

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// Found writes an organization, its first administrator and their contact together.
func (t *Table) Found(ctx context.Context, o onboarding.Organization, m onboarding.Member, c onboarding.Credentials, contact onboarding.Contact,
	owed []onboarding.Message) error {
	var steps []step
	for _, item := range []any{newOrganizationItem(o), newMemberItem(m, c, owed), newContactItem(o.ID, contact)} {
		s, err := t.putNew(item, onboarding.ErrConflict)
		if err != nil {
			return err
		}
		steps = append(steps, s)
	}
	beside, err := t.memberSteps(0, pair{after: m})
	if err != nil {
		return err
	}
	return t.transact(ctx, append(steps, beside...)...)
}

// UpdateOrganization writes what the operator may change.
func (t *Table) UpdateOrganization(ctx context.Context, o onboarding.Organization) error {
	own := rand.Text()
	there, err := t.update(ctx, change{
		key:       organizationKey(o.ID),
		set:       "SET #name = :name, #closed = :closed, #settings = :settings, #version = :next, #request_id = :own",
		condition: "#version = :seen",
		vals: map[string]any{":name": o.Name, ":closed": o.Closed, ":settings": newSettingsItem(o.Settings), ":seen": o.Version,
			":next": o.Version + 1, ":own": own},
	}, onboarding.ErrConflict, types.ReturnValueNone)
	if errors.Is(err, onboarding.ErrConflict) && textOf(there["request_id"]) == own {
		return nil // written; the answer was lost
	}
	return err
}

// ReadUsage reads how many sends the organization has used on a UTC day.
func (t *Table) ReadUsage(ctx context.Context, org onboarding.OrganizationID, day time.Time) (int, error) {
	var usage struct {
		Email int `dynamodbav:"email"`
	}
	err := t.get(ctx, usageKey(org, day), &usage)
	if errors.Is(err, onboarding.ErrNotFound) {
		err = nil
	}
	return usage.Email, err
}
