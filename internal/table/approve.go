package table

import (
	"context"

	"latchkey/internal/onboarding"
)

// WriteDecision writes what was decided about an applicant, and moves them to the list where they stand from then on. What
// the item still owed about the state before is dropped.
func (t *Table) WriteDecision(ctx context.Context, before, after onboarding.Member, owed []onboarding.Message, by onboarding.Actor, seats int) error {
	actor, err := t.actorStep(after.Organization, by, 0)
	if err != nil {
		return err
	}
	return t.writeMember(ctx, before, after, seats, func(write *change) { newOutboxItem(write.key, owed).into(write) }, actor)
}
