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
	Placement     Placement
	EndsAt        time.Time // of a guest: from then on they are none; zero: without end
	Firm          Firm      // of a partner
	Skipped       []string  // ids of places that they were to be put into, and that were gone when they came
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

// Firm is a certified partner firm, by the operator's registry. Its zero value is none.
type Firm struct {
	ID   string
	Name string
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

// Seatless reports whether they wait for a seat.
func (r Request) Seatless() bool { return r.Rule == noSeat().Rule }

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

// stand puts a new member where they are to stand, and notes what is gone of that.
func (m *Member) stand(s Standing) {
	m.Placement, m.Skipped = s.There.forType(m.Type), s.Gone
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

// Ended reports whether a guest's time is over.
func (m Member) Ended(now time.Time) bool { return !m.EndsAt.IsZero() && !now.Before(m.EndsAt) }

// Placed reports whether the member stands in their places: they are on the lists of people there.
func (s MemberStatus) Placed() bool { return s == MemberActive || s == MemberPendingActivation }

// TakesSeat reports whether the member counts against the organization's limit of seats.
func (m Member) TakesSeat() bool { return m.Status.Placed() && m.Type != Partner }

// Rules reports whether the member is one of the administrators of whom one must always be left.
func (m Member) Rules() bool {
	return m.Status == MemberActive && m.Type == Employee && m.Role == RoleAdmin
}

// SortName is by what lists of people are sorted: the last name before the first, folded; where there is none, the address.
// It has at most 200 bytes.
func (m Member) SortName() string {
	name := fold(fullName(m.LastName, m.FirstName))
	if name == "" {
		name = fold(m.Login().Value)
	}
	return clip(name, maxSortName)
}

// SearchText is the folded text that a search looks in: names and addresses.
func (m Member) SearchText() string { return searchText(m.FirstName, m.LastName, m.Email, m.Phone) }

// Actor is the part of a member that the policy judges.
func (m Member) Actor() Actor {
	return Actor{ID: m.ID, Active: m.Status == MemberActive, Type: m.Type, Role: m.Role}
}

// Credentials are what a member signs in with. They are read only where they are checked.
type Credentials struct {
	Password PasswordHash
	Epoch    int64 // sessions of an older epoch are none
	Reset    Reset

	Temporary Temporary // while the password is a one-time password
	SentAt    time.Time // when an administrator last had a way in sent
	Change    ContactChange
}

// Reset is an open way to set one's password by mail. Its zero value is none.
type Reset struct {
	Nonce     []byte
	Round     uint16
	ExpiresAt time.Time
}

// Open reports whether a link of this reset still works.
func (r Reset) Open(now time.Time) bool { return len(r.Nonce) > 0 && now.Before(r.ExpiresAt) }
