package table

import (
	"strings"
	"time"

	"latchkey/internal/onboarding"
)

// keys.go is the map of the table: every key, index key and prefix is made here and nowhere else.
// All that belongs to an organization begins with its id, so no key reaches into another tenant.

const (
	pk          = "PK"
	sk          = "SK"
	byStatus    = "by_status"
	byStatusPK  = "by_status_pk"
	byStatusSK  = "by_status_sk"
	byOutbox    = "by_outbox"
	byOutboxPK  = "by_outbox_pk"
	byOutboxSK  = "by_outbox_sk"
	organizedSK = "ORG"

	contactPrefix = "CONTACT#"
	memberPrefix  = "MEMBER#"
)

// key is the primary key of an item.
type key struct{ PK, SK string }

func partition(org onboarding.OrganizationID) string { return "ORG#" + string(org) }

func organizationKey(org onboarding.OrganizationID) key { return key{partition(org), organizedSK} }

func contactKey(org onboarding.OrganizationID, id onboarding.ContactID) key {
	return key{partition(org), contactPrefix + id.String()}
}

func memberKey(org onboarding.OrganizationID, id onboarding.MemberID) key {
	return key{partition(org), memberPrefix + id.Key()}
}

func sessionKey(org onboarding.OrganizationID, hash string) key {
	return key{partition(org), "SESSION#" + hash}
}

func usageKey(org onboarding.OrganizationID, day time.Time) key {
	return key{partition(org), "USAGE#" + day.UTC().Format("2006-01-02")}
}

func attemptKey(org onboarding.OrganizationID, subject string, until time.Time) key {
	return key{partition(org), "ATTEMPTS#" + subject + "#" + onboarding.FormatTime(until)}
}

func idempotencyKey(org onboarding.OrganizationID, caller onboarding.MemberID, name string) key {
	return key{partition(org), "IDEMPOTENCY#" + caller.Key() + "#" + name}
}

// statusPartition is the index partition of one collection in one status.
func statusPartition(org onboarding.OrganizationID, collection, status string) string {
	return partition(org) + "#" + collection + "#" + status
}

func outboxPartition(k key) string { return "OUTBOX#" + onboarding.OutboxShard(k.SK) }

// item is the key as one text, for those above, who do not look into it.
func (k key) item() string { return k.PK + "|" + k.SK }

func parseItem(s string) (key, bool) {
	p, s, ok := strings.Cut(s, "|")
	return key{p, s}, ok && strings.HasPrefix(p, "ORG#") && (strings.HasPrefix(s, contactPrefix) || strings.HasPrefix(s, memberPrefix))
}

func (k key) organization() onboarding.OrganizationID {
	return onboarding.OrganizationID(strings.TrimPrefix(k.PK, "ORG#"))
}
