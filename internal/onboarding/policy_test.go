package onboarding_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/onboarding"
)

var (
	whoCanInvite = []onboarding.WhoCanInvite{"", onboarding.AdminsInvite, onboarding.EveryoneInvite, "nobody knows"}
	memberTypes  = []onboarding.MemberType{"", onboarding.Employee, onboarding.Guest, onboarding.Partner, "robot"}
	roles        = []onboarding.Role{"", onboarding.RoleMember, onboarding.RoleAdmin, "owner"}
	channels     = []onboarding.Channel{"", onboarding.ChannelInvitation, onboarding.ChannelInviteLink, "window"}
	approvals    = []onboarding.ApprovalRule{onboarding.InheritApproval, onboarding.NeverApprove, onboarding.AlwaysApprove, "", "often"}
	either       = []bool{false, true}
	asMember     = onboarding.Offer{Type: onboarding.Employee, Role: onboarding.RoleMember}
	asAdmin      = onboarding.Offer{Type: onboarding.Employee, Role: onboarding.RoleAdmin}
	ada          = onboarding.Actor{ID: onboarding.MemberID{1}, Active: true, Type: onboarding.Employee, Role: onboarding.RoleAdmin}
	emil         = onboarding.Actor{ID: onboarding.MemberID{2}, Active: true, Type: onboarding.Employee, Role: onboarding.RoleMember}
	pia          = onboarding.Actor{ID: onboarding.MemberID{3}, Active: true, Type: onboarding.Partner, Role: onboarding.RoleMember}
	gus          = onboarding.Actor{ID: onboarding.MemberID{4}, Active: true, Type: onboarding.Guest, Role: onboarding.RoleMember}
)

// What chance picks from, the likely ones first.
var (
	everyone = append([]onboarding.WhoCanInvite{onboarding.EveryoneInvite}, whoCanInvite...)
	actors   = append([]onboarding.Actor{ada, emil, pia, onboarding.TheOrganization(), gus}, everyActor()...)
	offers   = append([]onboarding.Offer{asMember, asAdmin}, everyOffer()...)
)

// everyActor is every actor there can be, and some that cannot.
func everyActor() (all []onboarding.Actor) {
	for _, active := range either {
		for _, itself := range either {
			for _, kind := range memberTypes {
				for _, role := range roles {
					all = append(all, onboarding.Actor{ID: onboarding.MemberID{9}, Active: active, Itself: itself, Type: kind, Role: role})
				}
			}
		}
	}
	return all
}

func everyOffer() (all []onboarding.Offer) {
	for _, kind := range memberTypes {
		for _, role := range roles {
			all = append(all, onboarding.Offer{Type: kind, Role: role})
		}
	}
	return all
}

func email(value string) onboarding.Address {
	return onboarding.Address{Kind: onboarding.Email, Value: value}
}

func phone(value string) onboarding.Address {
	return onboarding.Address{Kind: onboarding.Phone, Value: value}
}

// mailbox is an address with what the table knows of it, so that nobody has to ask the code.
type mailbox struct {
	address onboarding.Address
	at      string // corp, below corp, or neither
	shared  bool   // it stands for a role
}

var mailboxes = []mailbox{
	{},
	{address: email("ann@corp.com"), at: "corp"},
	{address: email("info@corp.com"), at: "corp", shared: true},
	{address: email("bob@sub.corp.com"), at: "below corp"},
	{address: email("sales@sub.corp.com"), at: "below corp", shared: true},
	{address: email("ann@evilcorp.com")},
	{address: email("ann@corp.com.evil.com")},
	{address: phone("+491701234567")},
	{address: phone("ann@corp.com")},
	{address: onboarding.Address{Kind: "fax", Value: "ann@corp.com"}},
}

// domainList is a list of domains with what of corp.com it takes in.
type domainList struct {
	domains []onboarding.Domain
	takes   []string
}

var domainLists = []domainList{
	{},
	{[]onboarding.Domain{{Name: "corp.com"}}, []string{"corp"}},
	{[]onboarding.Domain{{Name: "other.example"}, {Name: "corp.com", Subdomains: true}}, []string{"corp", "below corp"}},
	{[]onboarding.Domain{{Name: "other.example", Subdomains: true}}, nil},
}

func (l domainList) has(m mailbox) bool {
	return m.address.Kind == onboarding.Email && slices.Contains(l.takes, m.at)
}

// situation is one question to the policy, and what the table knows of its parts.
type situation struct {
	settings onboarding.Settings
	onboarding.Case
	holder mailbox
	exempt domainList
	fits   domainList // the link's own
}

// axes are the values of each input that are tried together.
type axes struct {
	who       []onboarding.WhoCanInvite
	open      []bool
	asks      []bool
	exempt    []domainList
	actors    []onboarding.Actor
	channels  []onboarding.Channel
	holders   []mailbox
	proven    []bool
	offers    []onboarding.Offer
	approvals []onboarding.ApprovalRule
	fits      []domainList
}

// each tries every combination, and answers how many there were.
func (x axes) each(do func(situation)) (n int) {
	size := len(x.who) * len(x.open) * len(x.asks) * len(x.exempt) * len(x.actors) * len(x.channels) * len(x.holders) *
		len(x.proven) * len(x.offers) * len(x.approvals) * len(x.fits)
	for n = range size {
		i := n
		digit := func(base int) int { d := i % base; i /= base; return d }
		var s situation
		s.settings.WhoCanInvite = x.who[digit(len(x.who))]
		s.settings.AllowLinkRegistration = x.open[digit(len(x.open))]
		s.settings.RequestApproval = x.asks[digit(len(x.asks))]
		s.exempt = x.exempt[digit(len(x.exempt))]
		s.settings.ExemptDomains = s.exempt.domains
		s.Actor = x.actors[digit(len(x.actors))]
		s.Channel = x.channels[digit(len(x.channels))]
		s.holder = x.holders[digit(len(x.holders))]
		s.Address = s.holder.address
		s.Proven = x.proven[digit(len(x.proven))]
		s.Offer = x.offers[digit(len(x.offers))]
		s.Terms.Approval = x.approvals[digit(len(x.approvals))]
		s.fits = x.fits[digit(len(x.fits))]
		s.Terms.Domains = s.fits.domains
		do(s)
	}
	return size
}

// policy is all that is allowed and all that waits. Everything else is denied. Never counts only on the word of an
// administrator or of the organization itself; on an employee's, it is as the settings say.
const policy = `
channel      on the word of                      as      asks  link            address           answer          rule
invitation   administrator|partner               member  any   any             any               allow           admin
invitation   administrator                       admin   any   any             any               allow           admin
invitation   employee                            member  no    any             any               allow           everyone
invitation   employee                            member  yes   any             exempt            allow           exempt_domain
invitation   employee                            member  yes   any             proven|unproven   needs_approval  approval_requested

invite_link  any                                 member  any   any             unproven          needs_approval  unproven
invite_link  any                                 member  any   always|unknown  exempt|proven     needs_approval  link_asks
invite_link  any                                 member  no    inherit         exempt|proven     allow           approval_off
invite_link  any                                 member  yes   inherit         exempt            allow           exempt_domain
invite_link  any                                 member  yes   inherit         proven            needs_approval  approval_requested
invite_link  administrator|partner|organization  member  any   never           exempt|proven     allow           link_admits
invite_link  employee                            member  no    never           exempt|proven     allow           approval_off
invite_link  employee                            member  yes   never           exempt            allow           exempt_domain
invite_link  employee                            member  yes   never           proven            needs_approval  approval_requested
`

// cells are a line of the table with one word in each of its first six columns.
type cells [6]string

const channelOf, by, as, asks, link, address = 0, 1, 2, 3, 4, 5

type outcome struct {
	answer onboarding.Answer
	rule   string
}

// written is the table by cells.
func written(t *testing.T) map[cells]outcome {
	t.Helper()
	table := map[cells]outcome{}
	all := [6]string{by: "administrator|partner|employee|organization", asks: "yes|no", link: "inherit|always|never|unknown",
		address: "exempt|proven|unproven"}
	var write func(cells, []string, outcome)
	write = func(line cells, columns []string, o outcome) {
		n := len(line) - len(columns)
		if len(columns) == 0 {
			if _, twice := table[line]; twice {
				t.Fatalf("the table says twice what becomes of %v", line)
			}
			table[line] = o
			return
		}
		for word := range strings.SplitSeq(strings.Replace(columns[0], "any", all[n], 1), "|") {
			line[n] = word
			write(line, columns[1:], o)
		}
	}
	lines := strings.Split(strings.TrimSpace(policy), "\n")
	for _, line := range lines[1:] {
		if f := strings.Fields(line); len(f) == 8 {
			write(cells{}, f[:6], outcome{onboarding.Answer(f[6]), f[7]})
		} else if len(f) != 0 {
			t.Fatalf("a line has %d columns: %s", len(f), line)
		}
	}
	return table
}

// cells finds the line of a situation. What stands in no line has an empty cell.
func (s situation) cells() (c cells) {
	c[channelOf] = string(s.Channel)
	switch a := s.Actor; {
	case !a.Active:
	case a.Itself:
		c[by] = "organization"
	case a.Type == onboarding.Partner:
		c[by] = "partner"
	case a.Type == onboarding.Employee && a.Role == onboarding.RoleAdmin:
		c[by] = "administrator"
	case a.Type == onboarding.Employee && s.settings.WhoCanInvite == onboarding.EveryoneInvite:
		c[by] = "employee"
	}
	switch s.Offer {
	case asMember:
		c[as] = "member"
	case asAdmin:
		c[as] = "admin"
	}
	c[asks] = map[bool]string{false: "no", true: "yes"}[s.settings.RequestApproval]
	c[link] = "unknown"
	if slices.Contains([]string{"inherit", "always", "never"}, string(s.Terms.Approval)) {
		c[link] = string(s.Terms.Approval)
	}
	somebody := s.Address != onboarding.Address{}
	byLink := s.Channel == onboarding.ChannelInviteLink
	switch {
	case byLink && !s.settings.AllowLinkRegistration:
	case byLink && somebody && len(s.fits.domains) > 0 && !s.fits.has(s.holder):
	case !s.Proven:
		c[address] = "unproven"
	case s.exempt.has(s.holder) && !s.holder.shared:
		c[address] = "exempt"
	default:
		c[address] = "proven"
	}
	return c
}

func TestThePolicyIsThisTable(t *testing.T) {
	table := written(t)
	seen := map[cells]bool{}
	faults := 0
	judge := func(s situation) {
		v, line := onboarding.Decide(s.settings, s.Case), s.cells()
		want, there := table[line]
		if !there {
			want.answer = onboarding.Deny
		}
		seen[line] = true
		if v.Answer != want.answer || there && v.Rule != want.rule {
			if faults++; faults < 20 {
				t.Errorf("%+v\n%+v\n%v: %s by %s, want %s by %q", s.settings, s.Case, line, v.Answer, v.Rule, want.answer, want.rule)
			}
		}
	}
	// On whose word, and as what: everybody and everything, what nothing can write too.
	axes{who: whoCanInvite, open: either, asks: either, exempt: domainLists[1:2], actors: everyActor(), channels: channels,
		holders: mailboxes[1:2], proven: either, offers: everyOffer(), approvals: approvals[:2], fits: domainLists[:1]}.each(judge)
	// Who: on the word of one of each kind.
	axes{who: whoCanInvite[1:3], open: either[1:], asks: either, exempt: domainLists,
		actors:   append(actors[:5:5], onboarding.Actor{Type: onboarding.Employee, Role: onboarding.RoleAdmin}),
		channels: channels[1:], holders: mailboxes, proven: either, offers: []onboarding.Offer{asMember, asAdmin},
		approvals: approvals, fits: domainLists}.each(judge)
	for line := range table {
		if !seen[line] {
			t.Errorf("nothing was tried of %v", line)
		}
	}
	if faults > 20 {
		t.Errorf("%d faults in all", faults)
	}
}

func TestADenialSaysWhy(t *testing.T) {
	open := onboarding.Settings{WhoCanInvite: onboarding.EveryoneInvite, AllowLinkRegistration: true}
	for want, c := range map[string]struct {
		settings onboarding.Settings
		ask      onboarding.Case
	}{
		"inviter_inactive": {open, onboarding.Case{Actor: onboarding.Actor{Type: onboarding.Employee, Role: onboarding.RoleAdmin},
			Channel: onboarding.ChannelInvitation, Offer: asMember}},
		"guests_do_not_invite": {open, onboarding.Case{Actor: gus, Channel: onboarding.ChannelInvitation, Offer: asMember}},
		"unknown_inviter": {open, onboarding.Case{Actor: onboarding.TheOrganization(), Channel: onboarding.ChannelInvitation,
			Offer: asMember}},
		"admins_invite": {onboarding.Settings{WhoCanInvite: onboarding.AdminsInvite},
			onboarding.Case{Actor: emil, Channel: onboarding.ChannelInvitation, Offer: asMember}},
		"registration_closed": {onboarding.Settings{},
			onboarding.Case{Actor: ada, Channel: onboarding.ChannelInviteLink, Offer: asMember}},
		"links_make_members": {open, onboarding.Case{Actor: ada, Channel: onboarding.ChannelInviteLink, Offer: asAdmin}},
		"domain_not_allowed": {open, onboarding.Case{Actor: ada, Channel: onboarding.ChannelInviteLink, Offer: asMember,
			Address: email("ann@corp.com"), Terms: onboarding.Terms{Domains: domainLists[3].domains}}},
		"unknown_role": {open, onboarding.Case{Actor: ada, Channel: onboarding.ChannelInvitation,
			Offer: onboarding.Offer{Type: onboarding.Employee, Role: "owner"}}},
		"role_ceiling": {open, onboarding.Case{Actor: emil, Channel: onboarding.ChannelInvitation, Offer: asAdmin}},
		"admins_are_employees": {open, onboarding.Case{Actor: ada, Channel: onboarding.ChannelInvitation,
			Offer: onboarding.Offer{Type: onboarding.Partner, Role: onboarding.RoleAdmin}}},
		"guest_needs_group": {open, onboarding.Case{Actor: ada, Channel: onboarding.ChannelInviteLink,
			Offer: onboarding.Offer{Type: onboarding.Guest, Role: onboarding.RoleMember}}},
		"partner_not_certified": {open, onboarding.Case{Actor: ada, Channel: onboarding.ChannelInvitation,
			Offer: onboarding.Offer{Type: onboarding.Partner, Role: onboarding.RoleMember}}},
		"unknown_member_type": {open, onboarding.Case{Actor: ada, Channel: onboarding.ChannelInvitation,
			Offer: onboarding.Offer{Type: "robot", Role: onboarding.RoleMember}}},
		"unknown_channel": {open, onboarding.Case{Actor: ada, Channel: "window", Offer: asMember}},
	} {
		if v := onboarding.Decide(c.settings, c.ask); v.Answer != onboarding.Deny || v.Rule != want {
			t.Errorf("%s by %s, want a denial by %s", v.Answer, v.Rule, want)
		}
	}
}

func TestAnExemptDomainExemptsNobodyElse(t *testing.T) {
	settings := onboarding.Settings{WhoCanInvite: onboarding.EveryoneInvite, AllowLinkRegistration: true, RequestApproval: true,
		ExemptDomains: []onboarding.Domain{{Name: "corp.com"}}}
	for name, c := range map[string]struct {
		address  onboarding.Address
		unproven bool
		want     onboarding.Answer
	}{
		"a proven mailbox":                        {address: email("ann@corp.com"), want: onboarding.Allow},
		"a proven mailbox with a tag":             {address: email("ann+news@corp.com"), want: onboarding.Allow},
		"a name that only begins like a role":     {address: email("information.desk@corp.com"), want: onboarding.Allow},
		"the same, not proven":                    {address: email("ann@corp.com"), unproven: true},
		"nobody in particular":                    {},
		"the name before another domain":          {address: email("a@corp.com.evil.com")},
		"a name that ends alike":                  {address: email("a@evilcorp.com")},
		"a quoted name with an at":                {address: email(`"a@corp.com"@evil.com`)},
		"a quoted name at the domain":             {address: email(`"a@evil.com"@corp.com`)},
		"two at signs":                            {address: email("a@evil.com@corp.com")},
		"a full-width twin":                       {address: email("ａ@ｃｏｒｐ.com")},
		"a full-width domain":                     {address: email("a@ｃｏｒｐ.com")},
		"a full-width name":                       {address: email("ａ@corp.com")},
		"a full-width at sign":                    {address: email("a＠corp.com")},
		"a full-width dot":                        {address: email("a@corp．com")},
		"a Cyrillic o":                            {address: email("a@cоrp.com")},
		"Punycode of the name":                    {address: email("a@xn--corp-.com")},
		"upper case, as no parser leaves it":      {address: email("a@CORP.COM")},
		"a blank before it":                       {address: email(" a@corp.com")},
		"a line feed behind it":                   {address: email("a@corp.com\n")},
		"a trailing dot":                          {address: email("a@corp.com.")},
		"a domain alone":                          {address: email("corp.com")},
		"an at sign alone":                        {address: email("@corp.com")},
		"a subdomain":                             {address: email("a@sub.corp.com")},
		"the role info":                           {address: email("info@corp.com")},
		"the role no-reply":                       {address: email("no-reply@corp.com")},
		"the role no_reply":                       {address: email("no_reply@corp.com")},
		"the role no.reply":                       {address: email("no.reply@corp.com")},
		"the role postmaster with a tag":          {address: email("postmaster+x@corp.com")},
		"the role postmaster":                     {address: email("postmaster@corp.com")},
		"the role postmaster with a hyphen":       {address: email("postmaster-x@corp.com")},
		"a role with a number":                    {address: email("info1@corp.com")},
		"a German role":                           {address: email("vertrieb.nord@corp.com")},
		"the role admin":                          {address: email("admin@corp.com")},
		"a phone number":                          {address: phone("+491701234567")},
		"a phone number that looks like one":      {address: phone("ann@corp.com")},
		"an address of no kind":                   {address: onboarding.Address{Value: "ann@corp.com"}},
		"an address of a kind that is not known":  {address: onboarding.Address{Kind: "EMAIL", Value: "ann@corp.com"}},
		"the domain behind a percent sign":        {address: email("a%corp.com@evil.com")},
		"the domain behind an exclamation mark":   {address: email("corp.com!a@evil.com")},
		"the domain as an address literal":        {address: email("a@[corp.com]")},
		"the domain with a zero-width joiner":     {address: email("a@corp\u200d.com")},
		"the domain behind a NUL":                 {address: email("a@evil.com\x00@corp.com")},
		"the top-level domain":                    {address: email("a@com")},
		"a subdomain that ends alike":             {address: email("a@corp.com.corp.com.evil.com")},
		"a proven mailbox of a role's namesake":   {address: email("hrvoje@corp.com"), want: onboarding.Allow},
		"a tag that is a role":                    {address: email("ann+info@corp.com"), want: onboarding.Allow},
		"a mailbox that was typed with a capital": {address: mustEmail(t, "Ann@Corp.COM"), want: onboarding.Allow},
	} {
		if c.want == "" {
			c.want = onboarding.NeedsApproval
		}
		for door, ask := range map[string]onboarding.Case{
			"the organization's link": {Actor: onboarding.TheOrganization(), Channel: onboarding.ChannelInviteLink,
				Terms: onboarding.Terms{Approval: onboarding.InheritApproval}},
			"an employee's link": {Actor: emil, Channel: onboarding.ChannelInviteLink,
				Terms: onboarding.Terms{Approval: onboarding.InheritApproval}},
			"an employee's invitation": {Actor: emil, Channel: onboarding.ChannelInvitation},
		} {
			ask.Offer, ask.Address, ask.Proven = asMember, c.address, !c.unproven
			if v := onboarding.Decide(settings, ask); v.Answer != c.want {
				t.Errorf("%s, by %s: %s by %s, want %s", name, door, v.Answer, v.Rule, c.want)
			}
		}
	}
}

// rank is what a type and role can do, as a number. What is not known counts as the most there is.
func rank(kind onboarding.MemberType, role onboarding.Role) int {
	switch {
	case kind == onboarding.Guest && role == onboarding.RoleMember:
		return 1
	case kind == onboarding.Employee && role == onboarding.RoleMember:
		return 2
	case kind == onboarding.Partner && role == onboarding.RoleMember:
		return 3
	case kind == onboarding.Employee && role == onboarding.RoleAdmin:
		return 4
	}
	return 5
}

// has is what an actor can do. Somebody of no known kind can do no more than a plain member, nor can the organization's link.
func has(a onboarding.Actor) int {
	r := rank(a.Type, a.Role)
	switch {
	case !a.Active || a.Type == onboarding.Guest && !a.Itself:
		return 0
	case a.Itself || r == 5 && a.Type != onboarding.Partner:
		return 2
	case a.Type == onboarding.Partner:
		return 3
	}
	return r
}

// degree is how far an answer lets somebody in.
func degree(v onboarding.Verdict) int {
	return slices.Index([]onboarding.Answer{onboarding.Deny, onboarding.NeedsApproval, onboarding.Allow}, v.Answer)
}

// lies reports whether an address lies in a domain, label by label.
func lies(a onboarding.Address, d onboarding.Domain) bool {
	theirs, ours := strings.Split(a.Value[strings.LastIndexByte(a.Value, '@')+1:], "."), strings.Split(d.Name, ".")
	if over := len(theirs) - len(ours); over > 0 && d.Subdomains {
		theirs = theirs[over:]
	}
	return a.Kind == onboarding.Email && slices.Equal(theirs, ours)
}

// laws hold for every input. Each says whether it has something to say of a case, and what is wrong, if anything.
var laws = map[string]func(onboarding.Settings, onboarding.Case) (concerned bool, wrong string){
	"a verdict is one of three, with a rule and a sentence": func(s onboarding.Settings, c onboarding.Case) (bool, string) {
		v := onboarding.Decide(s, c)
		if degree(v) < 0 || v.Rule == "" || v.Sentence == "" || v.Stands() != (v.Answer != onboarding.Deny) {
			return true, fmt.Sprintf("%+v", v)
		}
		return true, ""
	},
	"nobody grants more than they have": func(s onboarding.Settings, c onboarding.Case) (bool, string) {
		v := onboarding.Decide(s, c)
		if v.Stands() && rank(c.Offer.Type, c.Offer.Role) > has(c.Actor) {
			return true, v.Rule
		}
		return v.Stands(), ""
	},
	"an address that is not proven is never let in by a link, and a phone number only where nobody is asked": func(
		s onboarding.Settings, c onboarding.Case) (bool, string) {
		v := onboarding.Decide(s, c)
		asked := s.RequestApproval && c.Terms.Approval != onboarding.NeverApprove
		if c.Channel != onboarding.ChannelInviteLink || c.Proven && !(c.Address.Kind == onboarding.Phone && asked) || v.Answer == onboarding.Deny {
			return false, ""
		}
		if v.Answer == onboarding.Allow {
			return true, v.Rule
		}
		return true, ""
	},
	"a link never makes an administrator": func(s onboarding.Settings, c onboarding.Case) (bool, string) {
		c.Channel = onboarding.ChannelInviteLink
		if v := onboarding.Decide(s, c); v.Stands() && c.Offer.Role != onboarding.RoleMember {
			return true, v.Rule
		}
		return c.Offer.Role == onboarding.RoleAdmin, ""
	},
	"a link lets nobody in, nor into the queue, while that is off": func(s onboarding.Settings, c onboarding.Case) (bool, string) {
		c.Channel = onboarding.ChannelInviteLink
		s.AllowLinkRegistration = true
		concerned := onboarding.Decide(s, c).Stands()
		s.AllowLinkRegistration = false
		if v := onboarding.Decide(s, c); v.Stands() {
			return true, v.Rule
		}
		return concerned, ""
	},
	"asking for approval lets nobody in, and keeps nobody out": func(s onboarding.Settings, c onboarding.Case) (bool, string) {
		s.RequestApproval = false
		without := onboarding.Decide(s, c)
		s.RequestApproval = true
		with := onboarding.Decide(s, c)
		if degree(with) > degree(without) || with.Stands() != without.Stands() {
			return true, fmt.Sprintf("%s by %s becomes %s by %s", without.Answer, without.Rule, with.Answer, with.Rule)
		}
		return with.Answer != without.Answer, ""
	},
	"an exempt domain changes something only for its proven mailboxes": func(s onboarding.Settings, c onboarding.Case) (said bool, _ string) {
		without, before := onboarding.Decide(s, c), s.ExemptDomains
		for _, below := range either {
			d := onboarding.Domain{Name: "corp.com", Subdomains: below}
			s.ExemptDomains = append(slices.Clone(before), d)
			with := onboarding.Decide(s, c)
			if with == without {
				continue
			}
			if said = true; !c.Proven || !lies(c.Address, d) || without.Answer != onboarding.NeedsApproval || with.Answer != onboarding.Allow {
				return true, fmt.Sprintf("%s by %s becomes %s by %s", without.Answer, without.Rule, with.Answer, with.Rule)
			}
		}
		return said, ""
	},
	"who waits by an invitation was not invited by an administrator": func(s onboarding.Settings, c onboarding.Case) (bool, string) {
		v := onboarding.Decide(s, c)
		if v.Answer != onboarding.NeedsApproval || c.Channel != onboarding.ChannelInvitation {
			return false, ""
		}
		if onboarding.RightsOf(s, c.Actor).Approve {
			return true, v.Rule
		}
		return true, ""
	},
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// mostly is one of the first n as a rule, and now and then any of them.
func mostly[T any](r *rand.Rand, n int, from []T) T {
	if r.IntN(4) > 0 {
		from = from[:n]
	}
	return pick(r, from)
}

// someCase is a case made of chance, and likely enough to stand.
func someCase(r *rand.Rand) (onboarding.Settings, onboarding.Case) {
	s := onboarding.Settings{WhoCanInvite: mostly(r, 1, everyone), AllowLinkRegistration: r.IntN(4) > 0,
		RequestApproval: r.IntN(2) > 0, ExemptDomains: mostly(r, 1, domainLists).domains}
	c := onboarding.Case{Actor: mostly(r, 4, actors), Channel: mostly(r, 2, channels[1:]), Address: mostly(r, 5, mailboxes).address,
		Proven: r.IntN(3) > 0, Offer: mostly(r, 1, offers),
		Terms: onboarding.Terms{Approval: mostly(r, 1, approvals), Domains: mostly(r, 1, domainLists).domains}}
	return s, c
}

func TestThePolicyKeepsItsLaws(t *testing.T) {
	for name, law := range laws {
		t.Run(name, func(t *testing.T) {
			r, concerned := rand.New(rand.NewPCG(1, 2)), 0
			for range 5_000 {
				s, c := someCase(r)
				said, wrong := law(s, c)
				if wrong != "" {
					t.Fatalf("%+v\n%+v: %s", s, c, wrong)
				}
				if said {
					concerned++
				}
			}
			if concerned < 50 {
				t.Errorf("of 5,000 cases it has something to say of %d", concerned)
			}
		})
	}
}

// FuzzDecide tries the laws on addresses that no parser has seen.
func FuzzDecide(f *testing.F) {
	for i, value := range []string{"ann@corp.com", "a@corp.com.evil.com", "a@evilcorp.com", `"a@corp.com"@evil.com`, "a@ｃｏｒｐ.com",
		"a@sub.corp.com", "", "@", "corp.com", "a@CORP.COM", "a@corp.com.", "no-reply@corp.com", "a@.corp.com", "a@corp.com@"} {
		for seed := range uint64(20) {
			f.Add(uint64(i)<<8+seed, value)
		}
	}
	f.Fuzz(func(t *testing.T, seed uint64, value string) {
		s, c := someCase(rand.New(rand.NewPCG(seed, seed)))
		c.Address.Value = value
		for name, law := range laws {
			if _, wrong := law(s, c); wrong != "" {
				t.Errorf("%s: %+v\n%+v: %s", name, s, c, wrong)
			}
		}
	})
}

func TestOnlyAdministratorsDecideWhoJoins(t *testing.T) {
	// Who may let somebody in, and as what, to an employee; nobody themselves.
	may := map[onboarding.Actor][]onboarding.Offer{ada: {asMember, asAdmin}, pia: {asMember}}
	for _, role := range roles { // a certified partner has an administrator's rights whatever the role, but never to make one
		may[onboarding.Actor{ID: onboarding.MemberID{9}, Active: true, Type: onboarding.Partner, Role: role}] = []onboarding.Offer{asMember}
	}
	may[onboarding.Actor{ID: onboarding.MemberID{9}, Active: true, Type: onboarding.Employee, Role: onboarding.RoleAdmin}] =
		[]onboarding.Offer{asMember, asAdmin}
	for _, a := range actors {
		for _, o := range everyOffer() {
			v := onboarding.DecideRequest(onboarding.MemberID{7}, onboarding.Case{Actor: a, Offer: o})
			if want := slices.Contains(may[a], o); v.Stands() != want || want != (v.Answer == onboarding.Allow) {
				t.Errorf("%+v lets somebody in as %+v: %s by %s", a, o, v.Answer, v.Rule)
			}
			if v.Rule == "" || v.Sentence == "" {
				t.Errorf("%+v, %+v: no rule or no sentence", a, o)
			}
			if v := onboarding.DecideRequest(a.ID, onboarding.Case{Actor: a, Offer: o}); v.Answer != onboarding.Deny || v.Rule == "" || v.Sentence == "" {
				t.Errorf("%+v lets themselves in as %+v: %s by %s", a, o, v.Answer, v.Rule)
			}
		}
	}
	for want, v := range map[string]onboarding.Verdict{
		"admin":             onboarding.DecideRequest(emil.ID, onboarding.Case{Actor: ada, Offer: asAdmin}),
		"admins_decide":     onboarding.DecideRequest(gus.ID, onboarding.Case{Actor: emil, Offer: asMember}),
		"not_on_oneself":    onboarding.DecideRequest(ada.ID, onboarding.Case{Actor: ada, Offer: asMember}),
		"role_ceiling":      onboarding.DecideRequest(emil.ID, onboarding.Case{Actor: pia, Offer: asAdmin}),
		"guest_needs_group": onboarding.DecideRequest(emil.ID, onboarding.Case{Actor: ada, Offer: onboarding.Offer{Type: onboarding.Guest, Role: onboarding.RoleMember}}),
	} {
		if v.Rule != want {
			t.Errorf("%s by %s, want it by %s", v.Answer, v.Rule, want)
		}
	}
}

func TestRightsSayWhatThePolicySays(t *testing.T) {
	for _, who := range whoCanInvite {
		for _, asks := range either {
			for _, a := range everyActor() {
				s := onboarding.Settings{WhoCanInvite: who, RequestApproval: asks, AllowLinkRegistration: true}
				r := onboarding.RightsOf(s, a)
				may := func(channel onboarding.Channel, o onboarding.Offer) bool {
					return onboarding.Decide(s, onboarding.Case{Actor: a, Channel: channel, Offer: o}).Stands()
				}
				if r.Invite != may(onboarding.ChannelInvitation, asMember) || r.InviteAdmins != may(onboarding.ChannelInvitation, asAdmin) {
					t.Errorf("%q may invite: %+v has %+v", who, a, r)
				}
				if !a.Itself && r.Invite != may(onboarding.ChannelInviteLink, asMember) {
					t.Errorf("%q may invite: %+v has %+v, and the policy thinks otherwise of their link", who, a, r)
				}
				if r.Approve != onboarding.DecideRequest(onboarding.MemberID{7}, onboarding.Case{Actor: a, Offer: asMember}).Stands() {
					t.Errorf("%+v has %+v, and the policy thinks otherwise of who decides", a, r)
				}
				switch none := (onboarding.Rights{}); {
				case !a.Active && r != none:
					t.Errorf("%+v is not active and has %+v", a, r)
				case a.Type == onboarding.Guest && r != none:
					t.Errorf("%+v is a guest and has %+v", a, r)
				case r.InviteAdmins && !(r.Invite && r.SeeInvited && r.CopyLinks && r.Approve && r.Configure):
					t.Errorf("%+v makes administrators, and has less than one: %+v", a, r)
				case r.CopyLinks && !r.Invite:
					t.Errorf("%+v copies links and cannot invite: %+v", a, r)
				case a.Itself && (r.Invite || r.InviteAdmins || r.CopyLinks || r.SeeInvited || r.Approve || r.Configure):
					t.Errorf("the organization itself acts: %+v has %+v", a, r)
				}
			}
		}
	}
	administrator := onboarding.Rights{Invite: true, InviteAdmins: true, CopyLinks: true, SeeInvited: true, SeeMembers: true,
		SeeStructure: true, Manage: true, Approve: true, Configure: true}
	partner := administrator
	partner.InviteAdmins = false
	for name, c := range map[string]struct {
		who   onboarding.WhoCanInvite
		actor onboarding.Actor
		want  onboarding.Rights
	}{
		"an administrator":            {onboarding.AdminsInvite, ada, administrator},
		"a member":                    {onboarding.AdminsInvite, emil, onboarding.Rights{SeeMembers: true, SeeStructure: true}},
		"a member where everyone may": {onboarding.EveryoneInvite, emil, onboarding.Rights{Invite: true, SeeMembers: true, SeeStructure: true}},
		"a partner":                   {onboarding.AdminsInvite, pia, partner},
		"a guest where everyone may":  {onboarding.EveryoneInvite, gus, onboarding.Rights{}},
		"a guest with a role too large": {onboarding.EveryoneInvite,
			onboarding.Actor{Active: true, Type: onboarding.Guest, Role: onboarding.RoleAdmin}, onboarding.Rights{}},
	} {
		for _, asks := range either {
			if got := onboarding.RightsOf(onboarding.Settings{WhoCanInvite: c.who, RequestApproval: asks}, c.actor); got != c.want {
				t.Errorf("%s: %+v, want %+v", name, got, c.want)
			}
		}
	}
}

func TestAnApprovalRuleIsOneOfThree(t *testing.T) {
	for _, s := range []string{"inherit", "always", "never"} {
		if r, ok := onboarding.ParseApprovalRule(s); !ok || string(r) != s {
			t.Errorf("%q: %q, %t", s, r, ok)
		}
	}
	for _, s := range []string{"", "Never", "sometimes", "never "} {
		if r, ok := onboarding.ParseApprovalRule(s); ok {
			t.Errorf("%q is taken as %q", s, r)
		}
	}
}
