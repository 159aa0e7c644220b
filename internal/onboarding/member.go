package onboarding

import "time"

// MemberType says in what capacity somebody belongs.
type MemberType string

const (
	Employee MemberType = "employee"
	Guest    MemberType = "guest"
	Partner  MemberType = "partner"
)

// ParseMemberType accepts one of the three.
func ParseMemberType(s string) (MemberType, bool) {
	t := MemberType(s)
	return t, t == Employee || t == Guest || t == Partner
}

// Role says what a member may do.
type Role string

const (
	RoleMember Role = "member"
	RoleAdmin  Role = "admin"
)

// ParseRole accepts one of the two.
func ParseRole(s string) (Role, bool) {
	r := Role(s)
	return r, r == RoleMember || r == RoleAdmin
}

// MemberStatus is where a member stands. Only an active one can do anything: who waits or was rejected can sign in to see
// just that.
type MemberStatus string

const (
	MemberActive            MemberStatus = "active"
	MemberPendingActivation MemberStatus = "pending_activation"
	MemberDismissed         MemberStatus = "dismissed"
	MemberPendingApproval   MemberStatus = "pending_approval" // in no list but the queue of join requests
	MemberRejected          MemberStatus = "rejected"         // the same
)

// Applicant reports whether somebody of this status is not a member yet, and may never be.
func (s MemberStatus) Applicant() bool { return s == MemberPendingApproval || s == MemberRejected }

// ParseMemberStatus accepts a status that the list of members can ask for.
func ParseMemberStatus(s string) (MemberStatus, bool) {
	status := MemberStatus(s)
	return status, status == MemberActive || status == MemberPendingActivation || status == MemberDismissed
}

// Member is a person in an organization. Credentials live apart from it: see Credentials.
type Member struct {
	ID            MemberID
	Organization  OrganizationID
	Status        MemberStatus
	Type          MemberType
	Role          Role
	FirstName     string
	LastName      string
	JobTitle      string
	Email         string
	EmailVerified bool
	Phone         string // E.164
	PhoneVerified bool
	Locale        Locale
	Entry         Entry
	Request       Request
	CreatedAt     time.Time
	JoinedAt      time.Time // zero until active for the first time
	UpdatedAt     time.Time
	Version       int64
}

// Entry is how somebody came in. Its zero value: the operator made them.
type Entry struct {
	Channel Channel
	Link    LinkID   // where Channel is ChannelInviteLink
	Inviter MemberID // on whose word; zero for the organization's own
}

// Request is the request to join of somebody who had to wait. Its zero value is none.
type Request struct {
	ID          string // of the API request that decided last
	At          time.Time
	Rule        string // of the policy, which made them wait
	DecidedAt   time.Time
	DecidedBy   MemberID
	DeciderName string
	Reason      string // for administrators; the applicant's mail has fixed words
}

// Name is the name as others see it; the address stands in where there is none.
func (m Member) Name() string {
	if n := fullName(m.FirstName, m.LastName); n != "" {
		return n
	}
	return m.Login().Value
}

// Login is the address that the member signs in with, and is written to.
func (m Member) Login() Address {
	if m.Email == "" {
		return Address{Phone, m.Phone}
	}
	return Address{Email, m.Email}
}

// own gives the member an address to sign in with.
func (m *Member) own(a Address, proven bool) {
	switch a.Kind {
	case Email:
		m.Email, m.EmailVerified = a.Value, proven
	case Phone:
		m.Phone, m.PhoneVerified = a.Value, proven
	}
}

// Proven reports whether the member has shown that the address they sign in with is theirs.
func (m Member) Proven() bool {
	if m.Login().Kind == Phone {
		return m.PhoneVerified
	}
	return m.EmailVerified
}

// Actor is the part of a member that the policy judges.
func (m Member) Actor() Actor {
	return Actor{ID: m.ID, Active: m.Status == MemberActive, Type: m.Type, Role: m.Role}
}

// Credentials are what a member signs in with. They are read only where they are checked.
type Credentials struct {
	Password PasswordHash
	Epoch    int64 // sessions of an older epoch are none
	Reset    Reset
}

// Reset is an open way to set one's password by mail. Its zero value is none.
type Reset struct {
	Nonce     []byte
	Round     uint16
	ExpiresAt time.Time
}

// Open reports whether a link of this reset still works.
func (r Reset) Open(now time.Time) bool { return len(r.Nonce) > 0 && now.Before(r.ExpiresAt) }
