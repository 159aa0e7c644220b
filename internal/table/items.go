package table

import (
	"fmt"
	"strings"
	"time"

	"latchkey/internal/onboarding"
)

// The items as they lie in the table. Times are texts that sort; what no list may show (nonces, hashes, the outbox)
// stands beside the maps `invitation` and `member`, which the index by_status copies.

type organizationItem struct {
	PK, SK   string
	Name     string       `dynamodbav:"name"`
	Closed   bool         `dynamodbav:"closed,omitempty"`
	Salt     []byte       `dynamodbav:"salt"`
	Settings settingsItem `dynamodbav:"settings"`
	Version  int64        `dynamodbav:"version"`
}

// settingsItem is read in an organization that was founded before a setting existed as the stricter of its values: joining
// by link is off then, whoever joins waits, and nobody is texted.
type settingsItem struct {
	WhoCanInvite          string       `dynamodbav:"who_can_invite"`
	AllowLinkRegistration bool         `dynamodbav:"allow_link_registration"`
	NoApproval            bool         `dynamodbav:"no_approval"`
	ExemptDomains         []domainItem `dynamodbav:"exempt_domains,omitempty"`
	InvitationLifetime    int64        `dynamodbav:"invitation_lifetime"` // seconds
	LinkLifetime          int64        `dynamodbav:"link_lifetime"`       // seconds
	DefaultLocale         string       `dynamodbav:"default_locale"`
	DailySendLimit        int          `dynamodbav:"daily_send_limit"`
	Country               string       `dynamodbav:"country,omitempty"`
	TextCountries         []string     `dynamodbav:"text_countries,omitempty"`
	TextsPerDay           int          `dynamodbav:"texts_per_day"`
	TextBudget            int64        `dynamodbav:"text_budget"` // a millionth of a US dollar
	ForbidMailedPasswords bool         `dynamodbav:"forbid_mailed_passwords,omitempty"`
	Seats                 int          `dynamodbav:"seats,omitempty"`
}

type domainItem struct {
	Name       string `dynamodbav:"name"`
	Subdomains bool   `dynamodbav:"subdomains,omitempty"`
}

func newDomainItems(domains []onboarding.Domain) []domainItem {
	items := make([]domainItem, 0, len(domains))
	for _, d := range domains {
		items = append(items, domainItem(d))
	}
	return items
}

func domains(items []domainItem) []onboarding.Domain {
	var all []onboarding.Domain
	for _, i := range items {
		all = append(all, onboarding.Domain(i))
	}
	return all
}

func newOrganizationItem(o onboarding.Organization) organizationItem {
	k := organizationKey(o.ID)
	return organizationItem{PK: k.PK, SK: k.SK, Name: o.Name, Closed: o.Closed, Salt: o.Salt, Settings: newSettingsItem(o.Settings), Version: o.Version}
}

func newSettingsItem(s onboarding.Settings) settingsItem {
	return settingsItem{
		WhoCanInvite: string(s.WhoCanInvite), AllowLinkRegistration: s.AllowLinkRegistration, NoApproval: !s.RequestApproval,
		ExemptDomains:      newDomainItems(s.ExemptDomains),
		InvitationLifetime: int64(s.InvitationLifetime / time.Second), LinkLifetime: int64(s.LinkLifetime / time.Second),
		DefaultLocale: string(s.DefaultLocale), DailySendLimit: s.DailySendLimit,
		Country: s.Country, TextCountries: s.TextCountries, TextsPerDay: s.TextsPerDay, TextBudget: int64(s.TextBudget),
		ForbidMailedPasswords: s.ForbidMailedPasswords, Seats: s.Seats,
	}
}

func (i organizationItem) organization() onboarding.Organization {
	return onboarding.Organization{
		ID: key{PK: i.PK}.organization(), Name: i.Name, Closed: i.Closed, Salt: i.Salt, Version: i.Version,
		Settings: onboarding.Settings{
			WhoCanInvite:          onboarding.WhoCanInvite(i.Settings.WhoCanInvite),
			AllowLinkRegistration: i.Settings.AllowLinkRegistration,
			RequestApproval:       !i.Settings.NoApproval,
			ExemptDomains:         domains(i.Settings.ExemptDomains),
			InvitationLifetime:    time.Duration(i.Settings.InvitationLifetime) * time.Second,
			LinkLifetime:          time.Duration(i.Settings.LinkLifetime) * time.Second,
			DefaultLocale:         onboarding.Locale(i.Settings.DefaultLocale),
			DailySendLimit:        i.Settings.DailySendLimit,
			Country:               i.Settings.Country,
			TextCountries:         i.Settings.TextCountries,
			TextsPerDay:           i.Settings.TextsPerDay,
			TextBudget:            onboarding.Money(i.Settings.TextBudget),
			ForbidMailedPasswords: i.Settings.ForbidMailedPasswords,
			Seats:                 i.Settings.Seats,
		},
	}
}

type contactItem struct {
	PK, SK         string
	Kind           string          `dynamodbav:"kind"`
	Value          string          `dynamodbav:"value"`
	MemberID       string          `dynamodbav:"member_id,omitempty"`
	VerifiedAt     string          `dynamodbav:"verified_at,omitempty"`
	Invitation     *invitationItem `dynamodbav:"invitation,omitempty"`
	Nonce          []byte          `dynamodbav:"nonce,omitempty"`
	RequestID      string          `dynamodbav:"request_id,omitempty"`
	RequestVerdict string          `dynamodbav:"request_verdict,omitempty"`
	Version        int64           `dynamodbav:"version"`
	ByStatusPK     string          `dynamodbav:"by_status_pk,omitempty"`
	ByStatusSK     string          `dynamodbav:"by_status_sk,omitempty"`
	outboxItem
}

type invitationItem struct {
	Status     string `dynamodbav:"status"`
	Round      uint16 `dynamodbav:"round"`
	FirstName  string `dynamodbav:"first_name,omitempty"`
	LastName   string `dynamodbav:"last_name,omitempty"`
	MemberType string `dynamodbav:"member_type"`
	Role       string `dynamodbav:"role"`
	JobTitle   string `dynamodbav:"job_title,omitempty"`
	placementItem
	GuestUntil       string       `dynamodbav:"guest_until,omitempty"`
	FirmID           string       `dynamodbav:"firm_id,omitempty"`
	FirmName         string       `dynamodbav:"firm_name,omitempty"`
	Replaces         string       `dynamodbav:"replaces,omitempty"`
	Search           string       `dynamodbav:"search,omitempty"`
	Locale           string       `dynamodbav:"locale"`
	InviterID        string       `dynamodbav:"inviter_id"`
	InviterType      string       `dynamodbav:"inviter_type"`
	InviterRole      string       `dynamodbav:"inviter_role"`
	InviterName      string       `dynamodbav:"inviter_name"`
	AcceptedMemberID string       `dynamodbav:"accepted_member_id,omitempty"`
	Delivery         deliveryItem `dynamodbav:"delivery"`
	CreatedAt        string       `dynamodbav:"created_at"`
	UpdatedAt        string       `dynamodbav:"updated_at"`
	ExpiresAt        string       `dynamodbav:"expires_at"`
	LastSentAt       string       `dynamodbav:"last_sent_at,omitempty"`
	LinkAskedAt      string       `dynamodbav:"link_asked_at,omitempty"`
	SendCount        int          `dynamodbav:"send_count"`
}

// placementItem is where somebody stands, or is to stand. It is embedded where that is said.
type placementItem struct {
	Departments []string `dynamodbav:"departments,omitempty"`
	Groups      []string `dynamodbav:"groups,omitempty"`
}

func newPlacementItem(p onboarding.Placement) (i placementItem) {
	for _, id := range p.Departments {
		i.Departments = append(i.Departments, id.Key())
	}
	for _, id := range p.Groups {
		i.Groups = append(i.Groups, id.Key())
	}
	return i
}

func (r *reader) placement(i placementItem) (p onboarding.Placement) {
	for _, text := range i.Departments {
		id, err := onboarding.ParseDepartmentKey(text)
		r.note("stored department id", err)
		p.Departments = append(p.Departments, id)
	}
	for _, text := range i.Groups {
		id, err := onboarding.ParseGroupKey(text)
		r.note("stored group id", err)
		p.Groups = append(p.Groups, id)
	}
	return p
}

type deliveryItem struct {
	Status      string `dynamodbav:"status"`
	LastEventAt string `dynamodbav:"last_event_at,omitempty"`
	Attempts    int    `dynamodbav:"attempts"`
	Error       string `dynamodbav:"error,omitempty"`
}

func newContactItem(org onboarding.OrganizationID, c onboarding.Contact) contactItem {
	k := contactKey(org, c.ID)
	i := contactItem{PK: k.PK, SK: k.SK, Kind: string(c.Address.Kind), Value: c.Address.Value, MemberID: memberText(c.Member),
		VerifiedAt: timeText(c.VerifiedAt), Nonce: c.Nonce, RequestID: c.RequestID, RequestVerdict: string(c.RequestVerdict), Version: c.Version,
		outboxItem: newOutboxItem(k, c.Messages)}
	if c.Invited {
		invitation := newInvitationItem(c.Invitation)
		invitation.Search = c.SearchText()
		i.Invitation = &invitation
		i.ByStatusPK, i.ByStatusSK = invitationPlace(org, c.Invitation)
	}
	return i
}

// invitationPlace is where an invitation stands in by_status. A pending one is sorted by its expiry, so that one key
// condition tells the pending from the expired; the others by their last change.
func invitationPlace(org onboarding.OrganizationID, i onboarding.Invitation) (partition, sort string) {
	at := i.UpdatedAt
	if i.Status == onboarding.InvitationPending || i.Status == onboarding.InvitationSuspended {
		at = i.ExpiresAt
	}
	return statusPartition(org, invitations, string(i.Status)), onboarding.FormatTime(at)
}

func newInvitationItem(i onboarding.Invitation) invitationItem {
	return invitationItem{
		Status: string(i.Status), Round: i.Round, FirstName: i.FirstName, LastName: i.LastName,
		MemberType: string(i.MemberType), Role: string(i.Role), JobTitle: i.JobTitle, placementItem: newPlacementItem(i.Placement),
		GuestUntil: timeText(i.GuestUntil), FirmID: i.Firm.ID, FirmName: i.Firm.Name, Replaces: memberText(i.Replaces), Locale: string(i.Locale),
		InviterID: memberText(i.Inviter.ID), InviterType: string(i.Inviter.Type), InviterRole: string(i.Inviter.Role), InviterName: i.InviterName,
		AcceptedMemberID: memberText(i.AcceptedMember), Delivery: newDeliveryItem(i.Delivery),
		CreatedAt: timeText(i.CreatedAt), UpdatedAt: timeText(i.UpdatedAt), ExpiresAt: timeText(i.ExpiresAt),
		LastSentAt: timeText(i.LastSentAt), LinkAskedAt: timeText(i.LinkAskedAt), SendCount: i.SendCount,
	}
}

func newDeliveryItem(d onboarding.Delivery) deliveryItem {
	return deliveryItem{Status: string(d.Status), LastEventAt: timeText(d.LastEventAt), Attempts: d.Attempts, Error: d.Error}
}

// contact reads the item back. A stored text that does not parse is a fault of ours, and said so.
func (i contactItem) contact() (c onboarding.Contact, err error) {
	r := reader{}
	c = onboarding.Contact{Address: onboarding.Address{Kind: onboarding.Kind(i.Kind), Value: i.Value},
		Member: r.member(i.MemberID), VerifiedAt: r.time(i.VerifiedAt), Nonce: i.Nonce, RequestID: i.RequestID,
		RequestVerdict: onboarding.InviteVerdict(i.RequestVerdict), Version: i.Version}
	if c.ID, err = onboarding.ParseContactID(strings.TrimPrefix(i.SK, contactPrefix)); err != nil {
		return c, err
	}
	if i.Invitation != nil {
		c.Invited, c.Invitation = true, r.invitation(*i.Invitation)
	}
	return c, r.err
}

func (r *reader) invitation(i invitationItem) onboarding.Invitation {
	return onboarding.Invitation{
		Status: onboarding.InvitationStatus(i.Status), Round: i.Round, FirstName: i.FirstName, LastName: i.LastName,
		MemberType: onboarding.MemberType(i.MemberType), Role: onboarding.Role(i.Role), JobTitle: i.JobTitle, Locale: onboarding.Locale(i.Locale),
		Placement: r.placement(i.placementItem), GuestUntil: r.time(i.GuestUntil), Firm: onboarding.Firm{ID: i.FirmID, Name: i.FirmName},
		Replaces:    r.member(i.Replaces),
		Inviter:     onboarding.Actor{ID: r.member(i.InviterID), Active: true, Type: onboarding.MemberType(i.InviterType), Role: onboarding.Role(i.InviterRole)},
		InviterName: i.InviterName, AcceptedMember: r.member(i.AcceptedMemberID),
		Delivery: onboarding.Delivery{Status: onboarding.DeliveryStatus(i.Delivery.Status), LastEventAt: r.time(i.Delivery.LastEventAt),
			Attempts: i.Delivery.Attempts, Error: i.Delivery.Error},
		CreatedAt: r.time(i.CreatedAt), UpdatedAt: r.time(i.UpdatedAt), ExpiresAt: r.time(i.ExpiresAt),
		LastSentAt: r.time(i.LastSentAt), LinkAskedAt: r.time(i.LinkAskedAt), SendCount: i.SendCount,
	}
}

type memberItem struct {
	PK, SK             string
	Member             memberMap          `dynamodbav:"member"`
	PasswordHash       string             `dynamodbav:"password_hash,omitempty"`
	SessionEpoch       int64              `dynamodbav:"session_epoch"`
	ResetNonce         []byte             `dynamodbav:"reset_nonce,omitempty"`
	ResetRound         uint16             `dynamodbav:"reset_round"`
	ResetExpiresAt     string             `dynamodbav:"reset_expires_at,omitempty"`
	TemporaryNonce     []byte             `dynamodbav:"temporary_nonce,omitempty"`
	TemporaryRound     uint16             `dynamodbav:"temporary_round,omitempty"`
	TemporaryKey       byte               `dynamodbav:"temporary_key,omitempty"`
	TemporaryExpiresAt string             `dynamodbav:"temporary_expires_at,omitempty"`
	TemporaryUsedAt    string             `dynamodbav:"temporary_used_at,omitempty"`
	ContactChange      *contactChangeItem `dynamodbav:"contact_change,omitempty"`
	ContactRound       uint16             `dynamodbav:"contact_round,omitempty"`
	SentAt             string             `dynamodbav:"credentials_sent_at,omitempty"`
	Version            int64              `dynamodbav:"version"`
	ByStatusPK         string             `dynamodbav:"by_status_pk,omitempty"`
	ByStatusSK         string             `dynamodbav:"by_status_sk,omitempty"`
	ByNamePK           string             `dynamodbav:"by_name_pk,omitempty"`
	ByNameSK           string             `dynamodbav:"by_name_sk,omitempty"`
	RequestID          string             `dynamodbav:"request_id,omitempty"`
	KeyEpoch           int64              `dynamodbav:"key_epoch,omitempty"`
	outboxItem
}

type memberMap struct {
	Status        string `dynamodbav:"status"`
	Type          string `dynamodbav:"type"`
	Role          string `dynamodbav:"role"`
	FirstName     string `dynamodbav:"first_name,omitempty"`
	LastName      string `dynamodbav:"last_name,omitempty"`
	JobTitle      string `dynamodbav:"job_title,omitempty"`
	Email         string `dynamodbav:"email,omitempty"`
	EmailVerified bool   `dynamodbav:"email_verified"`
	Phone         string `dynamodbav:"phone,omitempty"`
	PhoneVerified bool   `dynamodbav:"phone_verified,omitempty"`
	Locale        string `dynamodbav:"locale"`
	placementItem
	EndsAt    string   `dynamodbav:"ends_at,omitempty"`
	FirmID    string   `dynamodbav:"firm_id,omitempty"`
	FirmName  string   `dynamodbav:"firm_name,omitempty"`
	Skipped   []string `dynamodbav:"skipped,omitempty"`
	Search    string   `dynamodbav:"search,omitempty"`
	Channel   string   `dynamodbav:"channel,omitempty"`
	LinkID    string   `dynamodbav:"link_id,omitempty"`
	InviterID string   `dynamodbav:"inviter_id,omitempty"`
	CreatedAt string   `dynamodbav:"created_at"`
	JoinedAt  string   `dynamodbav:"joined_at,omitempty"`
	UpdatedAt string   `dynamodbav:"updated_at"`

	Request *requestItem `dynamodbav:"request,omitempty"`
}

type requestItem struct {
	ID          string `dynamodbav:"id,omitempty"`
	At          string `dynamodbav:"at"`
	Rule        string `dynamodbav:"rule"`
	DecidedAt   string `dynamodbav:"decided_at,omitempty"`
	DecidedBy   string `dynamodbav:"decided_by,omitempty"`
	DeciderName string `dynamodbav:"decider_name,omitempty"`
	Reason      string `dynamodbav:"reason,omitempty"`
}

func newRequestItem(r onboarding.Request) *requestItem {
	if r.At.IsZero() {
		return nil
	}
	return &requestItem{ID: r.ID, At: timeText(r.At), Rule: r.Rule, DecidedAt: timeText(r.DecidedAt), DecidedBy: memberText(r.DecidedBy),
		DeciderName: r.DeciderName, Reason: r.Reason}
}

func (r *reader) request(i *requestItem) onboarding.Request {
	if i == nil {
		return onboarding.Request{}
	}
	return onboarding.Request{ID: i.ID, At: r.time(i.At), Rule: i.Rule, DecidedAt: r.time(i.DecidedAt), DecidedBy: r.member(i.DecidedBy),
		DeciderName: i.DeciderName, Reason: i.Reason}
}

func newMemberMap(m onboarding.Member) memberMap {
	i := memberMap{
		Status: string(m.Status), Type: string(m.Type), Role: string(m.Role), FirstName: m.FirstName, LastName: m.LastName,
		JobTitle: m.JobTitle, Email: m.Email, EmailVerified: m.EmailVerified, Phone: m.Phone, PhoneVerified: m.PhoneVerified, Locale: string(m.Locale),
		placementItem: newPlacementItem(m.Placement), EndsAt: timeText(m.EndsAt), FirmID: m.Firm.ID, FirmName: m.Firm.Name,
		Skipped: m.Skipped, Search: m.SearchText(),
		Channel: string(m.Entry.Channel), InviterID: memberText(m.Entry.Inviter),
		CreatedAt: timeText(m.CreatedAt), JoinedAt: timeText(m.JoinedAt), UpdatedAt: timeText(m.UpdatedAt),
		Request: newRequestItem(m.Request),
	}
	if m.Entry.Channel == onboarding.ChannelInviteLink {
		i.LinkID = m.Entry.Link.Key()
	}
	return i
}

// memberPlace is where a member stands in by_status. Applicants stand in the queue and in no list of members: who waits by
// when they began to, who was rejected by when they were.
func memberPlace(m onboarding.Member) (partition, sort string) {
	switch m.Status {
	case onboarding.MemberPendingApproval:
		return statusPartition(m.Organization, requests, string(m.Status)), timeText(m.Request.At)
	case onboarding.MemberRejected:
		return statusPartition(m.Organization, requests, string(m.Status)), timeText(m.Request.DecidedAt)
	}
	return statusPartition(m.Organization, members, string(m.Status)), timeText(m.CreatedAt)
}

// namePlace is where a member stands in by_name; applicants stand nowhere.
func namePlace(m onboarding.Member) (partition, sort string) {
	if m.Status.Applicant() {
		return "", ""
	}
	return statusPartition(m.Organization, members, string(m.Status)), m.SortName()
}

func newMemberItem(m onboarding.Member, c onboarding.Credentials, owed []onboarding.Message) memberItem {
	k := memberKey(m.Organization, m.ID)
	i := memberItem{
		PK: k.PK, SK: k.SK, Version: m.Version, Member: newMemberMap(m),
		PasswordHash: string(c.Password), SessionEpoch: c.Epoch,
		ResetNonce: c.Reset.Nonce, ResetRound: c.Reset.Round, ResetExpiresAt: timeText(c.Reset.ExpiresAt),
		TemporaryNonce: c.Temporary.Nonce, TemporaryRound: c.Temporary.Round, TemporaryKey: c.Temporary.Key,
		TemporaryExpiresAt: timeText(c.Temporary.ExpiresAt), TemporaryUsedAt: timeText(c.Temporary.UsedAt), SentAt: timeText(c.SentAt),
		outboxItem: newOutboxItem(k, owed),
	}
	i.ByStatusPK, i.ByStatusSK = memberPlace(m)
	i.ByNamePK, i.ByNameSK = namePlace(m)
	return i
}

func (i memberItem) member() (m onboarding.Member, err error) {
	r := reader{}
	k := key{i.PK, i.SK}
	m = onboarding.Member{
		Organization: k.organization(), Status: onboarding.MemberStatus(i.Member.Status),
		Type: onboarding.MemberType(i.Member.Type), Role: onboarding.Role(i.Member.Role),
		FirstName: i.Member.FirstName, LastName: i.Member.LastName, JobTitle: i.Member.JobTitle,
		Email: i.Member.Email, EmailVerified: i.Member.EmailVerified, Phone: i.Member.Phone, PhoneVerified: i.Member.PhoneVerified,
		Locale:    onboarding.Locale(i.Member.Locale),
		Placement: r.placement(i.Member.placementItem), EndsAt: r.time(i.Member.EndsAt),
		Firm: onboarding.Firm{ID: i.Member.FirmID, Name: i.Member.FirmName}, Skipped: i.Member.Skipped,
		Entry:     onboarding.Entry{Channel: onboarding.Channel(i.Member.Channel), Link: r.link(i.Member.LinkID), Inviter: r.member(i.Member.InviterID)},
		Request:   r.request(i.Member.Request),
		CreatedAt: r.time(i.Member.CreatedAt), JoinedAt: r.time(i.Member.JoinedAt), UpdatedAt: r.time(i.Member.UpdatedAt), Version: i.Version,
	}
	if m.ID, err = onboarding.ParseMemberKey(strings.TrimPrefix(i.SK, memberPrefix)); err != nil {
		return m, err
	}
	return m, r.err
}

func (i memberItem) credentials() (onboarding.Credentials, error) {
	r := reader{}
	return onboarding.Credentials{
		Password: onboarding.PasswordHash(i.PasswordHash), Epoch: i.SessionEpoch,
		Reset: onboarding.Reset{Nonce: i.ResetNonce, Round: i.ResetRound, ExpiresAt: r.time(i.ResetExpiresAt)},
		Temporary: onboarding.Temporary{Nonce: i.TemporaryNonce, Round: i.TemporaryRound, Key: i.TemporaryKey,
			ExpiresAt: r.time(i.TemporaryExpiresAt), UsedAt: r.time(i.TemporaryUsedAt)},
		SentAt: r.time(i.SentAt), Change: r.contactChange(i.ContactChange, i.ContactRound),
	}, r.err
}

// contactChangeItem is an address that is to be proven. Its round stays beside it.
type contactChangeItem struct {
	Kind   string `dynamodbav:"kind"`
	Value  string `dynamodbav:"value"`
	Nonce  []byte `dynamodbav:"nonce"`
	Key    byte   `dynamodbav:"key_number"`
	Tries  int    `dynamodbav:"tries"`
	SentAt string `dynamodbav:"sent_at"`
	EndsAt string `dynamodbav:"ends_at"`
}

func (r *reader) contactChange(i *contactChangeItem, round uint16) onboarding.ContactChange {
	if i == nil {
		return onboarding.ContactChange{Round: round}
	}
	return onboarding.ContactChange{Address: onboarding.Address{Kind: onboarding.Kind(i.Kind), Value: i.Value}, Nonce: i.Nonce, Key: i.Key, Round: round,
		Tries: i.Tries, SentAt: r.time(i.SentAt), EndsAt: r.time(i.EndsAt)}
}

type sessionItem struct {
	PK, SK       string
	MemberID     string `dynamodbav:"member_id"`
	Epoch        int64  `dynamodbav:"epoch"`
	CreatedAt    string `dynamodbav:"created_at"`
	ExpiresAt    string `dynamodbav:"expires_at"`
	ExpiresAtTTL int64  `dynamodbav:"expires_at_ttl"`
	MustChange   bool   `dynamodbav:"must_change,omitempty"`
}

func newSessionItem(org onboarding.OrganizationID, s onboarding.Session) sessionItem {
	k := sessionKey(org, s.Hash)
	return sessionItem{PK: k.PK, SK: k.SK, MemberID: memberText(s.Member), Epoch: s.Epoch,
		CreatedAt: timeText(s.CreatedAt), ExpiresAt: timeText(s.ExpiresAt), ExpiresAtTTL: s.ExpiresAt.Unix(), MustChange: s.MustChange}
}

func (i sessionItem) session() (onboarding.Session, error) {
	r := reader{}
	return onboarding.Session{Hash: strings.TrimPrefix(i.SK, "SESSION#"), Member: r.member(i.MemberID), Epoch: i.Epoch,
		CreatedAt: r.time(i.CreatedAt), ExpiresAt: r.time(i.ExpiresAt), MustChange: i.MustChange}, r.err
}

type joinItem struct {
	PK, SK       string
	LinkID       string `dynamodbav:"link_id"`
	LinkRound    uint16 `dynamodbav:"link_round"`
	Kind         string `dynamodbav:"kind"`
	Value        string `dynamodbav:"value"`
	FirstName    string `dynamodbav:"first_name"`
	LastName     string `dynamodbav:"last_name"`
	Locale       string `dynamodbav:"locale"`
	PasswordHash string `dynamodbav:"password_hash,omitempty"`
	Nonce        []byte `dynamodbav:"nonce"`
	KeyNumber    byte   `dynamodbav:"key_number"`
	Round        uint16 `dynamodbav:"round"`
	Tries        int    `dynamodbav:"tries"`
	CodeAt       string `dynamodbav:"code_at"`
	CodeEnds     string `dynamodbav:"code_ends"`
	SentAt       string `dynamodbav:"sent_at"`
	Sent         int    `dynamodbav:"sent"`
	MemberID     string `dynamodbav:"member_id,omitempty"`
	CreatedAt    string `dynamodbav:"created_at"`
	ExpiresAt    string `dynamodbav:"expires_at"`
	ExpiresAtTTL int64  `dynamodbav:"expires_at_ttl"`
	Version      int64  `dynamodbav:"version"`
	outboxItem
}

func newJoinItem(org onboarding.OrganizationID, j onboarding.Join) joinItem {
	k := joinKey(org, j.ID)
	return joinItem{PK: k.PK, SK: k.SK, LinkID: j.Link.Key(), LinkRound: j.LinkRound, Kind: string(j.Address.Kind), Value: j.Address.Value,
		FirstName: j.FirstName, LastName: j.LastName, Locale: string(j.Locale), PasswordHash: string(j.Password), Nonce: j.Nonce,
		KeyNumber: j.Key, Round: j.Round, Tries: j.Tries, CodeAt: timeText(j.CodeAt), CodeEnds: timeText(j.CodeEnds),
		SentAt: timeText(j.SentAt), Sent: j.Sent, MemberID: memberText(j.Member), CreatedAt: timeText(j.CreatedAt),
		ExpiresAt: timeText(j.ExpiresAt), ExpiresAtTTL: j.ExpiresAt.Unix(), Version: j.Version, outboxItem: newOutboxItem(k, j.Messages)}
}

func (i joinItem) join() (j onboarding.Join, err error) {
	r := reader{}
	j = onboarding.Join{Link: r.link(i.LinkID), LinkRound: i.LinkRound, Address: onboarding.Address{Kind: onboarding.Kind(i.Kind), Value: i.Value},
		FirstName: i.FirstName, LastName: i.LastName, Locale: onboarding.Locale(i.Locale), Password: onboarding.PasswordHash(i.PasswordHash),
		Nonce: i.Nonce, Key: i.KeyNumber, Round: i.Round, Tries: i.Tries, CodeAt: r.time(i.CodeAt), CodeEnds: r.time(i.CodeEnds),
		SentAt: r.time(i.SentAt), Sent: i.Sent, Member: r.member(i.MemberID), CreatedAt: r.time(i.CreatedAt),
		ExpiresAt: r.time(i.ExpiresAt), Version: i.Version}
	if j.ID, err = onboarding.ParseJoinKey(strings.TrimPrefix(i.SK, joinPrefix)); err != nil {
		return j, err
	}
	return j, r.err
}

// linkItem is an invite link. The default link's may hold nothing but how often it was used: nobody has changed it then.
type linkItem struct {
	PK, SK   string
	Label    string       `dynamodbav:"label"`
	Round    uint16       `dynamodbav:"round"`
	Nonce    []byte       `dynamodbav:"nonce"`
	Type     string       `dynamodbav:"type"`
	Role     string       `dynamodbav:"role"`
	Approval string       `dynamodbav:"approval"`
	Domains  []domainItem `dynamodbav:"domains"`
	placementItem
	MaxUses   int    `dynamodbav:"max_uses,omitempty"`
	UseCount  int    `dynamodbav:"use_count"`
	ExpiresAt string `dynamodbav:"expires_at,omitempty"`
	Disabled  bool   `dynamodbav:"disabled"`
	OwnerID   string `dynamodbav:"owner_id,omitempty"`
	OwnerType string `dynamodbav:"owner_type,omitempty"`
	OwnerRole string `dynamodbav:"owner_role,omitempty"`
	OwnerName string `dynamodbav:"owner_name,omitempty"`
	RequestID string `dynamodbav:"request_id"`
	CreatedAt string `dynamodbav:"created_at"`
	UpdatedAt string `dynamodbav:"updated_at"`
	UsedAt    string `dynamodbav:"used_at,omitempty"`
	Version   int64  `dynamodbav:"version"`
}

func newLinkItem(org onboarding.OrganizationID, l onboarding.InviteLink) linkItem {
	k := linkKey(org, l.ID)
	return linkItem{PK: k.PK, SK: k.SK, Label: l.Label, Round: l.Round, Nonce: l.Nonce, Type: string(l.Offer.Type), Role: string(l.Offer.Role),
		Approval: string(l.Terms.Approval), Domains: newDomainItems(l.Terms.Domains), placementItem: newPlacementItem(l.Placement), MaxUses: l.MaxUses, UseCount: l.Uses,
		ExpiresAt: timeText(l.ExpiresAt), Disabled: l.Disabled, OwnerID: memberText(l.Owner.ID), OwnerType: string(l.Owner.Type),
		OwnerRole: string(l.Owner.Role), OwnerName: l.OwnerName, RequestID: l.RequestID, CreatedAt: timeText(l.CreatedAt),
		UpdatedAt: timeText(l.UpdatedAt), UsedAt: timeText(l.UsedAt), Version: l.Version}
}

// link reads the item back. The default link of an organization is there where no item is.
func (i linkItem) link(o onboarding.Organization, id onboarding.LinkID) (onboarding.InviteLink, error) {
	r := reader{}
	l := onboarding.DefaultLink(o)
	if i.Version > 0 {
		l = onboarding.InviteLink{ID: id, Label: i.Label, Round: i.Round, Nonce: i.Nonce,
			Offer:     onboarding.Offer{Type: onboarding.MemberType(i.Type), Role: onboarding.Role(i.Role)},
			Terms:     onboarding.Terms{Approval: onboarding.ApprovalRule(i.Approval), Domains: domains(i.Domains)},
			Placement: r.placement(i.placementItem), MaxUses: i.MaxUses, ExpiresAt: r.time(i.ExpiresAt), Disabled: i.Disabled, OwnerName: i.OwnerName, RequestID: i.RequestID,
			CreatedAt: r.time(i.CreatedAt), UpdatedAt: r.time(i.UpdatedAt), Version: i.Version, Owner: onboarding.TheOrganization()}
		if !id.IsDefault() {
			l.Owner = onboarding.Actor{ID: r.member(i.OwnerID), Active: true, Type: onboarding.MemberType(i.OwnerType), Role: onboarding.Role(i.OwnerRole)}
		}
	}
	l.Uses, l.UsedAt = i.UseCount, r.time(i.UsedAt)
	return l, r.err
}

// noticeItem is a notice: the organization's gathers, an administrator's is sent.
type noticeItem struct {
	Gathered int64  `dynamodbav:"gathered"`
	ToldAt   string `dynamodbav:"told_at"`
}

// outboxItem is what an item owes. It is embedded where something can be owed.
type outboxItem struct {
	Outbox     map[string]messageItem `dynamodbav:"outbox,omitempty"`
	OutboxWake string                 `dynamodbav:"outbox_wake,omitempty"`
	ByOutboxPK string                 `dynamodbav:"by_outbox_pk,omitempty"`
	ByOutboxSK string                 `dynamodbav:"by_outbox_sk,omitempty"`
}

// wakeOwed brings the item to deliver: its stream's filter asks for it. wakeHeld does not.
const (
	wakeOwed = "owed"
	wakeHeld = "held"
)

type messageItem struct {
	Kind       string `dynamodbav:"kind"`
	Locale     string `dynamodbav:"locale"`
	Round      uint16 `dynamodbav:"round"`
	At         string `dynamodbav:"at"`
	Due        string `dynamodbav:"due"`
	Attempts   int    `dynamodbav:"attempts"`
	Unsent     int    `dynamodbav:"unsent,omitempty"` // of the attempts
	PaidAt     string `dynamodbav:"paid_at,omitempty"`
	Lease      string `dynamodbav:"lease,omitempty"`
	LeaseUntil string `dynamodbav:"lease_until,omitempty"`
}

func newOutboxItem(k key, owed []onboarding.Message) outboxItem {
	if len(owed) == 0 {
		return outboxItem{}
	}
	o := outboxItem{Outbox: map[string]messageItem{}, OutboxWake: wakeOwed, ByOutboxPK: outboxPartition(k)}
	for _, m := range owed {
		o.Outbox[m.ID] = messageItem{Kind: string(m.Kind), Locale: string(m.Locale), Round: m.Round, At: timeText(m.At), Due: timeText(m.At), PaidAt: timeText(m.PaidAt)}
		o.ByOutboxSK = timeText(m.At.Add(onboarding.RedriveAfter))
	}
	return o
}

func (r *reader) message(id string, i messageItem) onboarding.Message {
	return onboarding.Message{ID: id, Kind: onboarding.MessageKind(i.Kind), Locale: onboarding.Locale(i.Locale), At: r.time(i.At), Round: i.Round,
		PaidAt: r.time(i.PaidAt)}
}

func memberText(id onboarding.MemberID) string {
	if id.IsZero() {
		return ""
	}
	return id.Key()
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return onboarding.FormatTime(t)
}

// reader reads texts back and keeps the first fault, so that a dozen fields are read without a dozen checks.
type reader struct{ err error }

func (r *reader) time(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("stored time: %w", err)
	}
	return t
}

func (r *reader) note(what string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s: %w", what, err)
	}
}

func (r *reader) link(s string) onboarding.LinkID {
	if s == "" {
		return onboarding.LinkID{}
	}
	id, err := onboarding.ParseLinkKey(s)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("stored link id: %w", err)
	}
	return id
}

func (r *reader) member(s string) onboarding.MemberID {
	if s == "" {
		return onboarding.MemberID{}
	}
	id, err := onboarding.ParseMemberKey(s)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("stored member id: %w", err)
	}
	return id
}
