package onboarding

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// base32Lower writes bytes in letters that survive mail clients, SMS and being read aloud.
var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// OrganizationID is the handle of a tenant: 3 to 32 of a-z, 0-9 and inner hyphens.
type OrganizationID string

// ParseOrganizationID accepts a handle only in its one spelling.
func ParseOrganizationID(s string) (OrganizationID, error) {
	if len(s) < 3 || len(s) > 32 || s[0] == '-' || s[len(s)-1] == '-' {
		return "", fmt.Errorf("organization id %q: 3 to 32 characters of a-z, 0-9 and inner hyphens", s)
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return "", fmt.Errorf("organization id %q: only a-z, 0-9 and hyphens", s)
		}
	}
	return OrganizationID(s), nil
}

// ContactID names one address within one organization without showing it: 128 bits of HMAC-SHA256 under the
// organization's salt. It is the id of the address's invitation too.
type ContactID [16]byte

const invitationPrefix = "inv_"

// NewContactID derives the id of an address. The same address has another id in every organization.
func NewContactID(salt []byte, a Address) ContactID {
	mac := hmac.New(sha256.New, salt)
	io.WriteString(mac, string(a.Kind)+":"+a.Value)
	return ContactID(mac.Sum(nil)[:16])
}

// ParseInvitationID reads the public form, inv_ and 26 letters.
func ParseInvitationID(s string) (ContactID, error) {
	text, ok := strings.CutPrefix(s, invitationPrefix)
	if !ok {
		return ContactID{}, fmt.Errorf("an invitation id begins with %s", invitationPrefix)
	}
	return ParseContactID(text)
}

// ParseContactID reads the bare form that keys are made of.
func ParseContactID(s string) (ContactID, error) {
	raw, err := base32Lower.DecodeString(s)
	if err != nil || len(raw) != 16 {
		return ContactID{}, fmt.Errorf("a contact id has 26 letters of a-z and 2-7")
	}
	id := ContactID(raw)
	if id.String() != s {
		return ContactID{}, fmt.Errorf("contact id is not in its one spelling")
	}
	return id, nil
}

func (id ContactID) String() string { return base32Lower.EncodeToString(id[:]) }

// InvitationID is the id as the API shows it.
func (id ContactID) InvitationID() string { return invitationPrefix + id.String() }

// MemberID is a ULID; the zero value is nobody.
type MemberID ulid.ULID

const memberPrefix = "mem_"

// NewMemberID makes an id that sorts by time.
func NewMemberID(w World) MemberID { return MemberID(newULID(w)) }

// ParseMemberID reads mem_ and a ULID in upper case.
func ParseMemberID(s string) (MemberID, error) {
	text, ok := strings.CutPrefix(s, memberPrefix)
	if !ok {
		return MemberID{}, fmt.Errorf("a member id begins with %s", memberPrefix)
	}
	return ParseMemberKey(text)
}

// ParseMemberKey reads the bare ULID that keys and session tokens are made of.
func ParseMemberKey(s string) (MemberID, error) {
	u, err := ulid.ParseStrict(s)
	if err != nil || u.String() != s {
		return MemberID{}, fmt.Errorf("a member id is a ULID of 26 upper-case characters")
	}
	return MemberID(u), nil
}

// Key is the bare ULID.
func (id MemberID) Key() string { return ulid.ULID(id).String() }

func (id MemberID) String() string { return memberPrefix + id.Key() }

// IsZero reports whether the id names nobody.
func (id MemberID) IsZero() bool { return id == MemberID{} }

// LinkID names an invite link; the zero value is the link that every organization has from the start.
type LinkID ulid.ULID

const (
	linkPrefix    = "lnk_"
	defaultLinkID = "default"
)

// NewLinkID makes an id that sorts by time.
func NewLinkID(w World) LinkID { return LinkID(newULID(w)) }

// ParseLinkID reads default, or lnk_ and a ULID in upper case.
func ParseLinkID(s string) (LinkID, error) {
	text := strings.TrimPrefix(s, linkPrefix)
	id, err := ParseLinkKey(text)
	if err != nil || id.String() != s {
		return LinkID{}, fmt.Errorf("a link id is %s, or begins with %s", defaultLinkID, linkPrefix)
	}
	return id, nil
}

// ParseLinkKey reads the bare form that keys are made of.
func ParseLinkKey(s string) (LinkID, error) {
	if s == defaultLinkID {
		return LinkID{}, nil
	}
	u, err := ulid.ParseStrict(s)
	if err != nil || u.String() != s || u == (ulid.ULID{}) {
		return LinkID{}, fmt.Errorf("a link id is %s or a ULID of 26 upper-case characters", defaultLinkID)
	}
	return LinkID(u), nil
}

// Key is the bare form.
func (id LinkID) Key() string {
	if id.IsDefault() {
		return defaultLinkID
	}
	return ulid.ULID(id).String()
}

func (id LinkID) String() string {
	if id.IsDefault() {
		return defaultLinkID
	}
	return linkPrefix + id.Key()
}

// IsDefault reports whether this is the link that every organization has.
func (id LinkID) IsDefault() bool { return id == LinkID{} }

// DepartmentID names a department; the zero value is the root, which every organization has from the start.
type DepartmentID ulid.ULID

const (
	departmentPrefix = "dep_"
	rootDepartmentID = "root"
)

// ParseDepartmentID reads root, or dep_ and a ULID in upper case.
func ParseDepartmentID(s string) (DepartmentID, error) {
	id, err := ParseDepartmentKey(strings.TrimPrefix(s, departmentPrefix))
	if err != nil || id.String() != s {
		return DepartmentID{}, fmt.Errorf("a department id is %s, or begins with %s", rootDepartmentID, departmentPrefix)
	}
	return id, nil
}

// ParseDepartmentKey reads the bare form that keys are made of.
func ParseDepartmentKey(s string) (DepartmentID, error) {
	if s == rootDepartmentID {
		return DepartmentID{}, nil
	}
	u, err := ulid.ParseStrict(s)
	if err != nil || u.String() != s || u == (ulid.ULID{}) {
		return DepartmentID{}, fmt.Errorf("a department id is %s or a ULID of 26 upper-case characters", rootDepartmentID)
	}
	return DepartmentID(u), nil
}

// Key is the bare form.
func (id DepartmentID) Key() string {
	if id.IsRoot() {
		return rootDepartmentID
	}
	return ulid.ULID(id).String()
}

func (id DepartmentID) String() string {
	if id.IsRoot() {
		return rootDepartmentID
	}
	return departmentPrefix + id.Key()
}

// IsRoot reports whether this is the department that every organization has.
func (id DepartmentID) IsRoot() bool { return id == DepartmentID{} }

// GroupID is a ULID.
type GroupID ulid.ULID

const groupPrefix = "grp_"

// ParseGroupID reads grp_ and a ULID in upper case.
func ParseGroupID(s string) (GroupID, error) {
	text, ok := strings.CutPrefix(s, groupPrefix)
	if !ok {
		return GroupID{}, fmt.Errorf("a group id begins with %s", groupPrefix)
	}
	return ParseGroupKey(text)
}

// ParseGroupKey reads the bare ULID that keys are made of.
func ParseGroupKey(s string) (GroupID, error) {
	u, err := ulid.ParseStrict(s)
	if err != nil || u.String() != s || u == (ulid.ULID{}) {
		return GroupID{}, fmt.Errorf("a group id is a ULID of 26 upper-case characters")
	}
	return GroupID(u), nil
}

// Key is the bare ULID.
func (id GroupID) Key() string { return ulid.ULID(id).String() }

func (id GroupID) String() string { return groupPrefix + id.Key() }

// APIKeyID is a ULID.
type APIKeyID ulid.ULID

const apiKeyPrefix = "key_"

// ParseAPIKeyID reads key_ and a ULID in upper case.
func ParseAPIKeyID(s string) (APIKeyID, error) {
	text, ok := strings.CutPrefix(s, apiKeyPrefix)
	if !ok {
		return APIKeyID{}, fmt.Errorf("the id of an API key begins with %s", apiKeyPrefix)
	}
	return ParseAPIKeyKey(text)
}

// ParseAPIKeyKey reads the bare ULID that keys and tokens are made of.
func ParseAPIKeyKey(s string) (APIKeyID, error) {
	u, err := ulid.ParseStrict(s)
	if err != nil || u.String() != s || u == (ulid.ULID{}) {
		return APIKeyID{}, fmt.Errorf("the id of an API key is a ULID of 26 upper-case characters")
	}
	return APIKeyID(u), nil
}

// Key is the bare ULID.
func (id APIKeyID) Key() string { return ulid.ULID(id).String() }

func (id APIKeyID) String() string { return apiKeyPrefix + id.Key() }

// IsZero reports whether the id names no key.
func (id APIKeyID) IsZero() bool { return id == APIKeyID{} }

// JoinID names an attempt to join. It is never shown: a token stands for it.
type JoinID ulid.ULID

// NewJoinID makes an id that sorts by time.
func NewJoinID(w World) JoinID { return JoinID(newULID(w)) }

// ParseJoinKey reads the bare ULID that keys are made of.
func ParseJoinKey(s string) (JoinID, error) {
	u, err := ulid.ParseStrict(s)
	if err != nil || u.String() != s {
		return JoinID{}, fmt.Errorf("a join id is a ULID of 26 upper-case characters")
	}
	return JoinID(u), nil
}

// Key is the bare ULID.
func (id JoinID) Key() string { return ulid.ULID(id).String() }

func newULID(w World) ulid.ULID { return ulid.MustNew(ulid.Timestamp(w.Now()), w.Rand) }

// NewRequestID names one request where its caller gave no name, so that a write can recognise itself.
func NewRequestID(w World) string { return newULID(w).String() }

// FormatTime is the one spelling of a time in keys, cursors and answers. Its texts sort as the times do.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
