package api

import (
	"strings"
	"time"

	"latchkey/internal/onboarding"
)

// The shapes of the API, as openapi.yaml describes them. Requests have theirs beside their handlers.

type organizationJSON struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func toOrganization(o onboarding.Organization) organizationJSON {
	return organizationJSON{ID: string(o.ID), Name: o.Name}
}

type memberJSON struct {
	ID             string  `json:"id"`
	OrganizationID string  `json:"organization_id"`
	Status         string  `json:"status"`
	MemberType     string  `json:"member_type"`
	Role           string  `json:"role"`
	FirstName      string  `json:"first_name"`
	LastName       string  `json:"last_name"`
	JobTitle       string  `json:"job_title"`
	Email          *string `json:"email"`
	Phone          *string `json:"phone"`
	EmailVerified  bool    `json:"email_verified"`
	Locale         string  `json:"locale"`
	CreatedAt      string  `json:"created_at"`
	JoinedAt       *string `json:"joined_at"`
	UpdatedAt      string  `json:"updated_at"`
	Version        int64   `json:"version"`
}

func toMember(m onboarding.Member) memberJSON {
	return memberJSON{
		ID: m.ID.String(), OrganizationID: string(m.Organization), Status: string(m.Status), MemberType: string(m.Type), Role: string(m.Role),
		FirstName: m.FirstName, LastName: m.LastName, JobTitle: m.JobTitle, Email: orNull(m.Email), EmailVerified: m.EmailVerified,
		Locale: string(m.Locale), CreatedAt: onboarding.FormatTime(m.CreatedAt), JoinedAt: timeOrNull(m.JoinedAt),
		UpdatedAt: onboarding.FormatTime(m.UpdatedAt), Version: m.Version,
	}
}

type sessionJSON struct {
	Token     string     `json:"token"`
	ExpiresAt string     `json:"expires_at"`
	Member    memberJSON `json:"member"`
}

func toSession(c onboarding.Caller, t onboarding.SessionToken) sessionJSON {
	return sessionJSON{Token: t.Reveal(), ExpiresAt: onboarding.FormatTime(c.Session.ExpiresAt), Member: toMember(c.Member)}
}

type invitationJSON struct {
	ID               string        `json:"id"`
	OrganizationID   string        `json:"organization_id"`
	Recipient        recipientJSON `json:"recipient"`
	MemberType       string        `json:"member_type"`
	Role             string        `json:"role"`
	JobTitle         string        `json:"job_title"`
	Status           string        `json:"status"`
	Round            uint16        `json:"round"`
	Delivery         deliveryJSON  `json:"delivery"`
	Locale           string        `json:"locale"`
	InviterID        string        `json:"inviter_id"`
	InviterName      string        `json:"inviter_name"`
	AcceptedMemberID *string       `json:"accepted_member_id"`
	CreatedAt        string        `json:"created_at"`
	UpdatedAt        string        `json:"updated_at"`
	ExpiresAt        string        `json:"expires_at"`
	LastSentAt       *string       `json:"last_sent_at"`
	SendCount        int           `json:"send_count"`
	Version          int64         `json:"version"`
}

type recipientJSON struct {
	Type      string `json:"type"`
	Value     string `json:"value"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
}

type deliveryJSON struct {
	Channel     string  `json:"channel"`
	Status      string  `json:"status"`
	LastEventAt *string `json:"last_event_at"`
	Attempts    int     `json:"attempts"`
	Error       *string `json:"error"`
}

// toInvitation shows an invitation as it is at a time: a pending one whose time is over is expired.
func toInvitation(org onboarding.OrganizationID, c onboarding.Contact, now time.Time) invitationJSON {
	i := c.Invitation
	return invitationJSON{
		ID: c.ID.InvitationID(), OrganizationID: string(org), Recipient: toRecipient(c),
		MemberType: string(i.MemberType), Role: string(i.Role), JobTitle: i.JobTitle, Status: string(i.Now(now)), Round: i.Round,
		Delivery: deliveryJSON{Channel: string(c.Address.Kind), Status: string(i.Delivery.Status), LastEventAt: timeOrNull(i.Delivery.LastEventAt),
			Attempts: i.Delivery.Attempts, Error: orNull(i.Delivery.Error)},
		Locale: string(i.Locale), InviterID: i.Inviter.ID.String(), InviterName: i.InviterName, AcceptedMemberID: memberOrNull(i.AcceptedMember),
		CreatedAt: onboarding.FormatTime(i.CreatedAt), UpdatedAt: onboarding.FormatTime(i.UpdatedAt), ExpiresAt: onboarding.FormatTime(i.ExpiresAt),
		LastSentAt: timeOrNull(i.LastSentAt), SendCount: i.SendCount, Version: c.Version,
	}
}

// invitationTag is the entity tag of an invitation. A pending one expires without a new version, and is another one then.
func invitationTag(c onboarding.Contact, now time.Time) string {
	tag := etag(c.Version)
	if c.Invitation.Now(now) == onboarding.InvitationExpired {
		tag = strings.TrimSuffix(tag, `"`) + `-expired"`
	}
	return tag
}

func toRecipient(c onboarding.Contact) recipientJSON {
	return recipientJSON{Type: string(c.Address.Kind), Value: c.Address.Value, FirstName: c.Invitation.FirstName, LastName: c.Invitation.LastName}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func timeOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return orNull(onboarding.FormatTime(t))
}

func memberOrNull(id onboarding.MemberID) *string {
	if id.IsZero() {
		return nil
	}
	return orNull(id.String())
}

// emptyJSON is the answer that says nothing but that the request was taken.
type emptyJSON struct{}
