package onboarding

import "time"

// InvitationStatus is where an invitation stands. Expired is never stored: it is what a pending one is after its time.
type InvitationStatus string

const (
	InvitationPending  InvitationStatus = "pending"
	InvitationAccepted InvitationStatus = "accepted"
	InvitationDeclined InvitationStatus = "declined"
	InvitationRevoked  InvitationStatus = "revoked"
	InvitationExpired  InvitationStatus = "expired"

	// InvitationSuspended is one whose inviter has lost the right to it. Nobody joins by it, until somebody else takes it over.
	InvitationSuspended InvitationStatus = "suspended"
)

// ParseInvitationStatus accepts a status that a list can ask for.
func ParseInvitationStatus(s string) (InvitationStatus, bool) {
	switch status := InvitationStatus(s); status {
	case InvitationPending, InvitationAccepted, InvitationDeclined, InvitationRevoked, InvitationExpired, InvitationSuspended:
		return status, true
	}
	return "", false
}

// DeliveryStatus is where the latest message of an invitation stands, apart from the invitation itself.
type DeliveryStatus string

const (
	DeliveryNotRequested DeliveryStatus = "not_requested"
	DeliveryQueued       DeliveryStatus = "queued"
	DeliverySent         DeliveryStatus = "sent"
	DeliverySuppressed   DeliveryStatus = "suppressed" // not sent, because the number's owner has opted out
	DeliveryFailed       DeliveryStatus = "failed"
)

// Delivery tells how the latest message fared. Error is a reason fit for an administrator, without an address in it.
type Delivery struct {
	Status      DeliveryStatus
	LastEventAt time.Time
	Attempts    int
	Error       string
}

// Invitation is the organization's offer to one address, in its present round.
type Invitation struct {
	Status         InvitationStatus // as stored; Now tells what it is at a time
	Round          uint16           // goes up each time the offer is made anew; links of earlier rounds are dead
	FirstName      string
	LastName       string
	MemberType     MemberType
	Role           Role
	JobTitle       string
	Placement      Placement // empty: an employee comes to the root department
	GuestUntil     time.Time // of a guest: when their time ends; zero: never
	Firm           Firm      // of a partner, as it was when they were invited
	Replaces       MemberID  // of a partner: whose place they take
	Locale         Locale
	Inviter        Actor // as they were when they invited; checked again when it is accepted
	InviterName    string
	AcceptedMember MemberID
	Delivery       Delivery
	CreatedAt      time.Time
	UpdatedAt      time.Time
	ExpiresAt      time.Time
	LastSentAt     time.Time
	LinkAskedAt    time.Time // when somebody with an expired link last asked for a new one
	SendCount      int
}

// Now is the status at a time.
func (i Invitation) Now(now time.Time) InvitationStatus {
	if (i.Status == InvitationPending || i.Status == InvitationSuspended) && !now.Before(i.ExpiresAt) {
		return InvitationExpired
	}
	return i.Status
}

// Contact is all that an organization knows of one address: one item, so that uniqueness, "already a member" and
// "already invited" are one read, and an invitation is one conditional write.
type Contact struct {
	ID             ContactID
	Address        Address
	Member         MemberID  // zero while nobody
	VerifiedAt     time.Time // when somebody last proved that the address is theirs
	Invitation     Invitation
	Invited        bool   // whether there is an invitation
	Nonce          []byte // of the invitation's present round
	Messages       []Message
	RequestID      string        // of the last write that made or changed the offer
	RequestVerdict InviteVerdict // what that request said of it, if it invited
	Version        int64
}

// SearchText is the folded text that a search looks in: names and address.
func (c Contact) SearchText() string {
	return searchText(c.Invitation.FirstName, c.Invitation.LastName, c.Address.Value)
}

// Message is a mail or a text message that an item owes. It holds no secret: whoever sends it derives the link.
type Message struct {
	ID     string
	Kind   MessageKind
	Locale Locale
	At     time.Time
	Round  uint16    // of the invitation or the reset it speaks of
	PaidAt time.Time // when one sending of a text message was paid for; zero: it is yet to be
}

// MessageKind says what a message is about.
type MessageKind string

const (
	MessageInvitation     MessageKind = "invitation"
	MessagePasswordSet    MessageKind = "password_set"
	MessagePasswordReset  MessageKind = "password_reset"
	MessageLinkRequest    MessageKind = "link_request"        // to the inviter: somebody asks for a new link
	MessageJoinCode       MessageKind = "join_code"           // six digits, to the address that somebody joins with
	MessageJoinApproved   MessageKind = "join_approved"       // to the applicant
	MessageJoinRejected   MessageKind = "join_rejected"       // to the applicant
	MessageJoinRequests   MessageKind = "join_requests"       // to an administrator: people wait
	MessageMemberAdded    MessageKind = "member_added"        // with a one-time password
	MessageRegistration   MessageKind = "member_registration" // with a link to choose a password
	MessageContactCode    MessageKind = "contact_code"        // six digits, to the address that a member would have
	MessageContactChanged MessageKind = "contact_changed"     // to the address that a member had
	MessagePhoneSet       MessageKind = "phone_set"           // to the mailbox of a member who has another phone number
	MessagePasswordCode   MessageKind = "password_code"       // six digits, by text to a member who forgot their password
)

func newMessage(w World, kind MessageKind, locale Locale, round uint16) Message {
	return Message{ID: newULID(w).String(), Kind: kind, Locale: locale, At: w.Instant(), Round: round}
}
