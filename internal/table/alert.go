package table

import (
	"time"

	"latchkey/internal/onboarding"
)

const alertLifetime = 30 * 24 * time.Hour

// alertItem owes an alert, and is written once: whatever else a member or an address is owed replaces what it was owed before.
type alertItem struct {
	PK, SK       string
	Kind         string `dynamodbav:"kind"`
	Value        string `dynamodbav:"value"`
	FirstName    string `dynamodbav:"first_name,omitempty"`
	ExpiresAtTTL int64  `dynamodbav:"expires_at_ttl"`
	outboxItem
}

func (t *Table) alertStep(org onboarding.OrganizationID, a onboarding.Alert) (step, error) {
	k := alertKey(org, a.Message.ID)
	return t.putNew(alertItem{PK: k.PK, SK: k.SK, Kind: string(a.To.Kind), Value: a.To.Value, FirstName: a.FirstName,
		ExpiresAtTTL: a.Message.At.Add(alertLifetime).Unix(), outboxItem: newOutboxItem(k, []onboarding.Message{a.Message})}, onboarding.ErrConflict)
}

func readAlert(item attributes) (onboarding.Alert, error) {
	var i alertItem
	err := decode(item, &i)
	return onboarding.Alert{To: onboarding.Address{Kind: onboarding.Kind(i.Kind), Value: i.Value}, FirstName: i.FirstName}, err
}
