package table

import (
	"encoding/json"
	"fmt"

	"latchkey/internal/onboarding"
)

// streamEvent is as much of a DynamoDB stream event as says what is owed.
type streamEvent struct {
	Records []struct {
		EventID string `json:"eventID"`
		Change  struct {
			SequenceNumber string                       `json:"SequenceNumber"`
			Keys           map[string]map[string]string `json:"Keys"`
			NewImage       struct {
				Outbox struct {
					M map[string]json.RawMessage `json:"M"`
				} `json:"outbox"`
			} `json:"NewImage"`
		} `json:"dynamodb"`
	} `json:"Records"`
}

// ParseStream reads what a stream event's records say is owed. Record is the sequence number, by which a failed one is
// reported. A record that owes nothing, or is of another kind, is passed over.
func ParseStream(event []byte) ([]onboarding.Owed, error) {
	var e streamEvent
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, fmt.Errorf("stream event: %w", err)
	}
	var owed []onboarding.Owed
	for _, r := range e.Records {
		k := key{r.Change.Keys[pk]["S"], r.Change.Keys[sk]["S"]}
		if _, ok := parseItem(k.item()); !ok {
			continue
		}
		for message := range r.Change.NewImage.Outbox.M {
			owed = append(owed, onboarding.Owed{Item: k.item(), Message: message, Record: r.Change.SequenceNumber})
		}
	}
	return owed, nil
}
