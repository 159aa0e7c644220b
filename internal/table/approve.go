package table

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// WriteDecision writes what was decided about an applicant, and moves them to the list where they stand from then on. What
// the item still owed about the state before is dropped.
func (t *Table) WriteDecision(ctx context.Context, m onboarding.Member, from onboarding.MemberStatus, version int64, owed []onboarding.Message) error {
	k := memberKey(m.Organization, m.ID)
	partition, sort := memberPlace(m)
	write := change{
		key:       k,
		set:       "SET #member = :member, #version = :version, #by_status_pk = :partition, #by_status_sk = :sort",
		condition: "#version = :seen AND #member.#status = :from",
		vals: map[string]any{":member": newMemberMap(m), ":version": m.Version, ":partition": partition, ":sort": sort,
			":seen": version, ":from": from},
	}
	newOutboxItem(k, owed).into(&write)
	there, err := t.update(ctx, write, onboarding.ErrConflict, types.ReturnValueNone)
	if !errors.Is(err, onboarding.ErrConflict) {
		return err
	}
	if now, _, e := readMember(there); e == nil && now.Request.ID == m.Request.ID {
		return nil // written; the answer was lost
	}
	return err
}
