package table

import (
	"slices"
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
	byName      = "by_name"
	byNamePK    = "by_name_pk"
	byNameSK    = "by_name_sk"
	organizedSK = "ORG"

	contactPrefix = "CONTACT#"
	memberPrefix  = "MEMBER#"
	joinPrefix    = "JOIN#"
	linkPrefix    = "LINK#"
	noticeSK      = "NOTICE"
	noticePrefix  = "NOTICE#"
	alertPrefix   = "ALERT#"
	textsSK       = "TEXTS"

	departmentPrefix = "DEPARTMENT#"
	groupPrefix      = "GROUP#"
	placePrefix      = "PLACE#"
	apiKeyPrefix     = "API_KEY#"
	firmPrefix       = "FIRM#"
	domainPrefix     = "DOMAIN#"
)

// outboxPrefixes begin the sort keys of what can owe a message.
var outboxPrefixes = []string{contactPrefix, memberPrefix, joinPrefix, noticeSK, alertPrefix}

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

func joinKey(org onboarding.OrganizationID, id onboarding.JoinID) key {
	return key{partition(org), joinPrefix + id.Key()}
}

func linkKey(org onboarding.OrganizationID, id onboarding.LinkID) key {
	return key{partition(org), linkPrefix + id.Key()}
}

// noticeKey is the notice of an administrator, or of nobody: the organization's own.
func noticeKey(org onboarding.OrganizationID, admin onboarding.MemberID) key {
	if admin.IsZero() {
		return key{partition(org), noticeSK}
	}
	return key{partition(org), noticePrefix + admin.Key()}
}

// alertKey is the alert that a message is of.
func alertKey(org onboarding.OrganizationID, message string) key {
	return key{partition(org), alertPrefix + message}
}

func sessionKey(org onboarding.OrganizationID, hash string) key {
	return key{partition(org), "SESSION#" + hash}
}

func usageKey(org onboarding.OrganizationID, day time.Time) key {
	return key{partition(org), "USAGE#" + day.UTC().Format("2006-01-02")}
}

// textsKey is what an organization has texted in a month.
func textsKey(org onboarding.OrganizationID, at time.Time) key {
	return key{partition(org), textsSK + "#" + at.UTC().Format("2006-01")}
}

// allTextsKey is what all have texted, and whether the operator has stopped it. It belongs to no organization, as a number and
// a block of them do.
func allTextsKey() key { return key{"ALL", textsSK} }

func numberKey(id onboarding.NumberID) key { return key{"NUMBER#" + id.String(), textsSK} }

func prefixKey(prefix string, until time.Time) key {
	return key{"PREFIX#" + prefix, textsSK + "#" + onboarding.FormatTime(until)}
}

func departmentKey(org onboarding.OrganizationID, id onboarding.DepartmentID) key {
	return key{partition(org), departmentPrefix + id.Key()}
}

func groupKey(org onboarding.OrganizationID, id onboarding.GroupID) key {
	return key{partition(org), groupPrefix + id.Key()}
}

// structureKey is the item whose version goes up with every change of the tree of departments, so that two changes which
// only together make a cycle do not both hold.
func structureKey(org onboarding.OrganizationID) key { return key{partition(org), "STRUCTURE"} }

// countersKey is how many members there are of each status, and what rules ask for.
func countersKey(org onboarding.OrganizationID) key { return key{partition(org), "COUNTERS"} }

// partnersKey is who the organization's active partners are.
func partnersKey(org onboarding.OrganizationID) key { return key{partition(org), "PARTNERS"} }

// atDepartment and atGroup begin the keys of those who stand in a place.
func atDepartment(id onboarding.DepartmentID) string {
	return placePrefix + departmentPrefix + id.Key() + "#"
}
func atGroup(id onboarding.GroupID) string { return placePrefix + groupPrefix + id.Key() + "#" }

// placedKey is a member in a place: those of one status stand together, by name.
func placedKey(place string, m onboarding.Member) key {
	return key{partition(m.Organization), place + string(m.Status) + "#" + m.SortName() + "#" + m.ID.Key()}
}

func apiKeyKey(org onboarding.OrganizationID, id onboarding.APIKeyID) key {
	return key{partition(org), apiKeyPrefix + id.Key()}
}

// The registry of certified partners belongs to no organization: its firms, and whose a domain is.
const registry = "PARTNERS"

func firmKey(id string) key { return key{registry, firmPrefix + id} }

func domainKey(domain string) key { return key{registry, domainPrefix + domain} }

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
	owes := slices.ContainsFunc(outboxPrefixes, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
	return key{p, s}, ok && owes && strings.HasPrefix(p, "ORG#")
}

func (k key) organization() onboarding.OrganizationID {
	return onboarding.OrganizationID(strings.TrimPrefix(k.PK, "ORG#"))
}
