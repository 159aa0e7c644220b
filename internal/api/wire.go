package api

import (
	"errors"
	"fmt"
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
	ID             string `json:"id"`
	OrganizationID string `json:"organization_id"`
	Status         string `json:"status"`
	MemberType     string `json:"member_type"`
	Role           string `json:"role"`
	FirstName      string `json:"first_name"`
	LastName       string `json:"last_name"`
	JobTitle       string `json:"job_title"`
	placementJSON
	GuestUntil    *string   `json:"guest_until"`
	Firm          *firmJSON `json:"firm"`
	SkippedPlaces []string  `json:"skipped_place_ids"`
	Email         *string   `json:"email"`
	Phone         *string   `json:"phone"`
	EmailVerified bool      `json:"email_verified"`
	PhoneVerified bool      `json:"phone_verified"`
	Locale        string    `json:"locale"`
	Channel       *string   `json:"channel"`
	LinkID        *string   `json:"link_id"`
	CreatedAt     string    `json:"created_at"`
	JoinedAt      *string   `json:"joined_at"`
	UpdatedAt     string    `json:"updated_at"`
	Version       int64     `json:"version"`
}

// placementJSON is where somebody stands, or is to stand.
type placementJSON struct {
	DepartmentIDs []string `json:"department_ids"`
	GroupIDs      []string `json:"group_ids"`
}

func toPlacement(p onboarding.Placement) placementJSON {
	shown := placementJSON{make([]string, len(p.Departments)), make([]string, len(p.Groups))}
	for i, id := range p.Departments {
		shown.DepartmentIDs[i] = id.String()
	}
	for i, id := range p.Groups {
		shown.GroupIDs[i] = id.String()
	}
	return shown
}

type firmJSON struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func firmOrNull(f onboarding.Firm) *firmJSON {
	if f == (onboarding.Firm{}) {
		return nil
	}
	return &firmJSON{f.ID, f.Name}
}

func toMember(m onboarding.Member) memberJSON {
	return memberJSON{
		ID: m.ID.String(), OrganizationID: string(m.Organization), Status: string(m.Status), MemberType: string(m.Type), Role: string(m.Role),
		FirstName: m.FirstName, LastName: m.LastName, JobTitle: m.JobTitle, placementJSON: toPlacement(m.Placement), GuestUntil: timeOrNull(m.EndsAt),
		Firm: firmOrNull(m.Firm), SkippedPlaces: orEmpty(m.Skipped), Email: orNull(m.Email), EmailVerified: m.EmailVerified,
		Phone: orNull(m.Phone), PhoneVerified: m.PhoneVerified, Locale: string(m.Locale), Channel: orNull(string(m.Entry.Channel)), LinkID: linkOrNull(m.Entry),
		CreatedAt: onboarding.FormatTime(m.CreatedAt), JoinedAt: timeOrNull(m.JoinedAt), UpdatedAt: onboarding.FormatTime(m.UpdatedAt), Version: m.Version,
	}
}

type sessionJSON struct {
	Token     string     `json:"token"`
	ExpiresAt string     `json:"expires_at"`
	Member    memberJSON `json:"member"`

	MustChange bool `json:"must_change_password"`
}

func toSession(c onboarding.Caller, t onboarding.SessionToken) sessionJSON {
	return sessionJSON{Token: t.Reveal(), ExpiresAt: onboarding.FormatTime(c.Session.ExpiresAt), Member: toMember(c.Member),
		MustChange: c.Session.MustChange}
}

type invitationJSON struct {
	ID             string        `json:"id"`
	OrganizationID string        `json:"organization_id"`
	Recipient      recipientJSON `json:"recipient"`
	MemberType     string        `json:"member_type"`
	Role           string        `json:"role"`
	JobTitle       string        `json:"job_title"`
	placementJSON
	GuestUntil       *string      `json:"guest_until"`
	Firm             *firmJSON    `json:"firm"`
	Replaces         *string      `json:"replaces_member_id"`
	Status           string       `json:"status"`
	Round            uint16       `json:"round"`
	Delivery         deliveryJSON `json:"delivery"`
	Locale           string       `json:"locale"`
	InviterID        string       `json:"inviter_id"`
	InviterName      string       `json:"inviter_name"`
	AcceptedMemberID *string      `json:"accepted_member_id"`
	CreatedAt        string       `json:"created_at"`
	UpdatedAt        string       `json:"updated_at"`
	ExpiresAt        string       `json:"expires_at"`
	LastSentAt       *string      `json:"last_sent_at"`
	LinkAskedAt      *string      `json:"link_asked_at"`
	SendCount        int          `json:"send_count"`
	Version          int64        `json:"version"`
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
		MemberType: string(i.MemberType), Role: string(i.Role), JobTitle: i.JobTitle, placementJSON: toPlacement(i.Placement),
		GuestUntil: timeOrNull(i.GuestUntil), Firm: firmOrNull(i.Firm), Replaces: memberOrNull(i.Replaces), Status: string(i.Now(now)), Round: i.Round,
		Delivery: deliveryJSON{Channel: string(c.Address.Kind), Status: string(i.Delivery.Status), LastEventAt: timeOrNull(i.Delivery.LastEventAt),
			Attempts: i.Delivery.Attempts, Error: orNull(i.Delivery.Error)},
		Locale: string(i.Locale), InviterID: i.Inviter.ID.String(), InviterName: i.InviterName, AcceptedMemberID: memberOrNull(i.AcceptedMember),
		CreatedAt: onboarding.FormatTime(i.CreatedAt), UpdatedAt: onboarding.FormatTime(i.UpdatedAt), ExpiresAt: onboarding.FormatTime(i.ExpiresAt),
		LastSentAt: timeOrNull(i.LastSentAt), LinkAskedAt: timeOrNull(i.LinkAskedAt), SendCount: i.SendCount, Version: c.Version,
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

// joinRequestJSON is a member who waits for an administrator, or did.
type joinRequestJSON struct {
	ID             string  `json:"id"`
	OrganizationID string  `json:"organization_id"`
	Status         string  `json:"status"`
	FirstName      string  `json:"first_name"`
	LastName       string  `json:"last_name"`
	Email          *string `json:"email"`
	Phone          *string `json:"phone"`
	EmailVerified  bool    `json:"email_verified"`
	PhoneVerified  bool    `json:"phone_verified"`
	Locale         string  `json:"locale"`
	MemberType     string  `json:"member_type"`
	Role           string  `json:"role"`
	JobTitle       string  `json:"job_title"`
	placementJSON
	Channel        string  `json:"channel"`
	LinkID         *string `json:"link_id"`
	InviterID      *string `json:"inviter_id"`
	Rule           string  `json:"rule"`
	RequestedAt    string  `json:"requested_at"`
	WaitingSeconds int64   `json:"waiting_seconds"`
	DecidedAt      *string `json:"decided_at"`
	DecidedByID    *string `json:"decided_by_id"`
	DecidedByName  string  `json:"decided_by_name"`
	Reason         *string `json:"reason"`
	Version        int64   `json:"version"`
}

// toJoinRequest shows a request with how long it has waited at a time, or had when it was decided.
func toJoinRequest(m onboarding.Member, now time.Time) joinRequestJSON {
	q := m.Request
	if !q.DecidedAt.IsZero() {
		now = q.DecidedAt
	}
	return joinRequestJSON{
		ID: m.ID.String(), OrganizationID: string(m.Organization), Status: requestStatus(m), FirstName: m.FirstName, LastName: m.LastName,
		Email: orNull(m.Email), EmailVerified: m.EmailVerified, Phone: orNull(m.Phone), PhoneVerified: m.PhoneVerified, Locale: string(m.Locale),
		MemberType: string(m.Type), Role: string(m.Role), JobTitle: m.JobTitle, placementJSON: toPlacement(m.Placement),
		Channel: string(m.Entry.Channel), LinkID: linkOrNull(m.Entry), InviterID: memberOrNull(m.Entry.Inviter),
		Rule: q.Rule, RequestedAt: onboarding.FormatTime(q.At), WaitingSeconds: int64(max(now.Sub(q.At), 0) / time.Second),
		DecidedAt: timeOrNull(q.DecidedAt), DecidedByID: memberOrNull(q.DecidedBy), DecidedByName: q.DeciderName, Reason: orNull(q.Reason),
		Version: m.Version,
	}
}

// requestStatus is where a request stands: who was let in once is so for it, whatever has become of them as a member.
func requestStatus(m onboarding.Member) string {
	if !m.Status.Applicant() {
		return string(onboarding.MemberActive)
	}
	return string(m.Status)
}

type domainJSON struct {
	Domain            string `json:"domain"`
	IncludeSubdomains bool   `json:"include_subdomains"`
}

func toDomains(domains []onboarding.Domain) []domainJSON {
	shown := make([]domainJSON, len(domains))
	for i, d := range domains {
		shown[i] = domainJSON{d.Name, d.Subdomains}
	}
	return shown
}

type settingsJSON struct {
	WhoCanInvite           string       `json:"who_can_invite"`
	AllowLinkRegistration  bool         `json:"allow_link_registration"`
	RequestApproval        bool         `json:"request_approval"`
	ExemptDomains          []domainJSON `json:"exempt_domains"`
	InvitationLifetimeDays int          `json:"invitation_lifetime_days"`
	LinkLifetimeDays       int          `json:"link_lifetime_days"`
	DefaultLocale          string       `json:"default_locale"`
	MailedPasswords        bool         `json:"mailed_passwords"`
	Seats                  *int         `json:"seats"`
	DailySendLimit         int          `json:"daily_send_limit"`
	Country                *string      `json:"country"`
	SMSCountries           []string     `json:"sms_countries"`
	SMSDailyLimit          int          `json:"sms_daily_limit"`
	SMSMonthlyBudget       string       `json:"sms_monthly_budget"`
	Version                int64        `json:"version"`
}

func toSettings(o onboarding.Organization) settingsJSON {
	s := o.Settings
	return settingsJSON{
		WhoCanInvite: string(s.WhoCanInvite), AllowLinkRegistration: s.AllowLinkRegistration, RequestApproval: s.RequestApproval,
		ExemptDomains: toDomains(s.ExemptDomains), InvitationLifetimeDays: int(s.InvitationLifetime / day),
		LinkLifetimeDays: int(s.LinkLifetime / day), DefaultLocale: string(s.DefaultLocale), MailedPasswords: !s.ForbidMailedPasswords, Seats: countOrNull(s.Seats), DailySendLimit: s.DailySendLimit,
		Country: orNull(s.Country), SMSCountries: orEmpty(s.TextedCountries()), SMSDailyLimit: s.TextsPerDay, SMSMonthlyBudget: s.TextBudget.String(),
		Version: o.Version,
	}
}

// countOrNull is a limit, of which 0 is none.
func countOrNull(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

const day = 24 * time.Hour

type inviteLinkJSON struct {
	ID             string `json:"id"`
	OrganizationID string `json:"organization_id"`
	Label          string `json:"label"`
	MemberType     string `json:"member_type"`
	placementJSON
	Approval       string       `json:"approval"`
	AllowedDomains []domainJSON `json:"allowed_domains"`
	MaxUses        int          `json:"max_uses"`
	UseCount       int          `json:"use_count"`
	Status         string       `json:"status"`
	Usable         bool         `json:"usable"`
	ExpiresAt      *string      `json:"expires_at"`
	LastUsedAt     *string      `json:"last_used_at"`
	OwnerID        *string      `json:"owner_id"`
	OwnerName      string       `json:"owner_name"`
	URL            string       `json:"url,omitempty"`
	CreatedAt      *string      `json:"created_at"`
	UpdatedAt      *string      `json:"updated_at"`
	Version        int64        `json:"version"`
}

// toInviteLink shows a link as it is at a time, without its url.
func toInviteLink(o onboarding.Organization, l onboarding.InviteLink, now time.Time) inviteLinkJSON {
	return inviteLinkJSON{
		ID: l.ID.String(), OrganizationID: string(o.ID), Label: l.Label, MemberType: string(l.Offer.Type), placementJSON: toPlacement(l.Placement), Approval: string(l.Terms.Approval),
		AllowedDomains: toDomains(l.Terms.Domains), MaxUses: l.MaxUses, UseCount: l.Uses, Status: string(l.Now(now)),
		Usable: l.Usable(o.Settings, now), ExpiresAt: timeOrNull(l.ExpiresAt), LastUsedAt: timeOrNull(l.UsedAt),
		OwnerID: memberOrNull(l.Owner.ID), OwnerName: l.OwnerName, CreatedAt: timeOrNull(l.CreatedAt), UpdatedAt: timeOrNull(l.UpdatedAt),
		Version: l.Version,
	}
}

// linkTag is the entity tag of an invite link. It expires, is used, and is stopped by the settings without a new version.
func linkTag(o onboarding.Organization, l onboarding.InviteLink, now time.Time) string {
	state := string(l.Now(now))
	if !o.Settings.AllowLinkRegistration {
		state += "-closed"
	}
	return fmt.Sprintf(`"v%d-%d-%s"`, l.Version, l.Uses, state)
}

// joinJSON is an attempt to join, for whoever began it.
type joinJSON struct {
	Token         string      `json:"token"`
	Recipient     addressJSON `json:"recipient"`
	CodeSentAt    string      `json:"code_sent_at"`
	CodeExpiresAt string      `json:"code_expires_at"`
	ResendAt      string      `json:"resend_at"`
	TriesLeft     int         `json:"tries_left"`
	ExpiresAt     string      `json:"expires_at"`
}

type addressJSON struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

func toJoin(j onboarding.Join, token string) joinJSON {
	return joinJSON{
		Token: token, Recipient: addressJSON{string(j.Address.Kind), j.Address.Value}, CodeSentAt: onboarding.FormatTime(j.SentAt),
		CodeExpiresAt: onboarding.FormatTime(j.CodeEnds), ResendAt: onboarding.FormatTime(j.ResendAt()), TriesLeft: j.TriesLeft(),
		ExpiresAt: onboarding.FormatTime(j.ExpiresAt),
	}
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

// parseTime reads a time of RFC 3339. Its year has four digits in UTC too, as in keys and answers.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if t = t.UTC().Truncate(time.Millisecond); err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, errors.New("this must be a time such as 2026-11-22T09:30:00Z")
	}
	return t, nil
}

// parseChannel accepts one of the two.
func parseChannel(s string) (onboarding.Channel, bool) {
	c := onboarding.Channel(s)
	return c, c == onboarding.ChannelInvitation || c == onboarding.ChannelInviteLink
}

// linkOrNull is the link by which somebody came in.
func linkOrNull(e onboarding.Entry) *string {
	if e.Channel != onboarding.ChannelInviteLink {
		return nil
	}
	return orNull(e.Link.String())
}

// emptyJSON is the answer that says nothing but that the request was taken.
type emptyJSON struct{}
