package table_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/onboarding"
)

func (s *stage) link(id onboarding.LinkID) onboarding.InviteLink {
	s.t.Helper()
	_, l, err := s.store.ReadLink(s.t.Context(), acme, id)
	s.ok(err)
	return l
}

func (s *stage) defaultLink() onboarding.InviteLink {
	s.t.Helper()
	return s.link(onboarding.LinkID{})
}

func (s *stage) linkToken(l onboarding.InviteLink) string { return l.Token(s.keys, acme).Reveal() }

// named makes an invite link, which the caller answers for.
func (s *stage) named(caller onboarding.Caller, edits ...func(*onboarding.LinkChange)) onboarding.InviteLink {
	s.t.Helper()
	c := onboarding.LinkChange{Label: new("Fair")}
	for _, edit := range edits {
		edit(&c)
	}
	l, err := s.configuring(s.store).CreateLink(s.t.Context(), caller, c, s.request())
	s.ok(err)
	return l
}

// linkAct disables, enables or rotates a link.
type linkAct func(u onboarding.Configuring, ctx context.Context, caller onboarding.Caller, id onboarding.LinkID,
	match onboarding.LinkMatch, requestID string) (onboarding.InviteLink, error)

var (
	disabling linkAct = onboarding.Configuring.DisableLink
	enabling  linkAct = onboarding.Configuring.EnableLink
	rotating  linkAct = onboarding.Configuring.RotateLink
)

// changing changes a link.
func changing(edits ...func(*onboarding.LinkChange)) linkAct {
	var c onboarding.LinkChange
	for _, edit := range edits {
		edit(&c)
	}
	return func(u onboarding.Configuring, ctx context.Context, caller onboarding.Caller, id onboarding.LinkID,
		match onboarding.LinkMatch, requestID string) (onboarding.InviteLink, error) {
		return u.ChangeLink(ctx, caller, id, match, requestID, c)
	}
}

func anyLink(onboarding.InviteLink) bool { return true }

// act does something to a link as the administrator.
func (s *stage) act(do linkAct, l onboarding.InviteLink) (onboarding.InviteLink, error) {
	return do(s.configuring(s.store), s.t.Context(), s.admin, l.ID, anyLink, s.request())
}

// doing is act where it must succeed.
func (s *stage) doing(do linkAct) func(onboarding.InviteLink) {
	return func(l onboarding.InviteLink) {
		s.t.Helper()
		_, err := s.act(do, l)
		s.ok(err)
	}
}

func (s *stage) changed(edits ...func(*onboarding.LinkChange)) func(onboarding.InviteLink) {
	return s.doing(changing(edits...))
}

func anyOrganization(onboarding.Organization) bool { return true }

// configure changes the settings as the administrator.
func (s *stage) configure(edit func(*onboarding.Settings)) {
	s.t.Helper()
	o, err := s.configuring(s.store).ChangeSettings(s.t.Context(), s.admin, anyOrganization, edit)
	s.ok(err)
	s.admin.Organization = o
}

// opens is what an invite link says to whoever opens it.
func (s *stage) opens(token string) onboarding.Code {
	_, err := s.joining(s.store).Open(s.t.Context(), acme, token)
	return codeOf(err)
}

func TestEveryOrganizationHasALinkThatNobodyMade(t *testing.T) {
	s := newStage(t, nobodyWaits)
	l := s.defaultLink()
	if s.item(linkSK(l.ID)) != nil || l.Version != 0 || !l.CreatedAt.IsZero() || l.Label != "" || l.OwnerName != "" ||
		!l.Owner.Itself || l.Now(s.Now()) != onboarding.InviteLinkActive || l.Offer.Role != onboarding.RoleMember {
		t.Errorf("%+v", l)
	}
	token := s.linkToken(l)
	s.want("opened", s.opens(token), "")
	s.joins(l, "ann@example.com")
	s.joins(l, "bob@example.com")
	if item := s.item(linkSK(l.ID)); len(item) != 4 || item["use_count"] == nil || item["used_at"] == nil { // and its key
		t.Errorf("being used makes more of it than a counter: %v", item)
	}
	s.want("opened after it was used", s.opens(token), "")
	s.advance(time.Minute)
	next, err := s.act(changing(func(c *onboarding.LinkChange) { c.Label, c.MaxUses = new("Everybody"), new(3) }), l)
	s.ok(err)
	stored := s.defaultLink()
	if !reflect.DeepEqual(next, stored) || stored.Version != 1 || stored.Label != "Everybody" || stored.Uses != 2 ||
		stored.MaxUses != 3 ||
		!stored.CreatedAt.Equal(s.Now()) || !stored.Owner.Itself || stored.OwnerName != "" || stored.Round != 1 {
		t.Errorf("answered %+v, stored %+v", next, stored)
	}
	s.want("opened after it was changed", s.opens(token), "")
	s.joins(stored, "mia@example.com")
	s.want("opened after it was used up", s.opens(token), onboarding.LinkExhausted)
	if stored = s.defaultLink(); stored.Uses != 3 || stored.Now(s.Now()) != onboarding.InviteLinkExhausted ||
		!stored.UsedAt.Equal(s.Now()) {
		t.Errorf("%+v", stored)
	}
	_, _, err = s.store.ReadLink(t.Context(), "nowhere", l.ID)
	if err != onboarding.ErrNotFound {
		t.Errorf("where there is no organization: %v", err)
	}
}

func TestALinkIsMadeAsItIsAskedFor(t *testing.T) {
	s := newStage(t, func(o *onboarding.Organization) { o.Settings.LinkLifetime = 30 * 24 * time.Hour })
	domains := []onboarding.Domain{{Name: "corp.com", Subdomains: true}, {Name: "example.com"}}
	request := s.request()
	create := func(edits ...func(*onboarding.LinkChange)) (onboarding.InviteLink, error) {
		c := onboarding.LinkChange{Label: new("Fair"), Approval: new(onboarding.NeverApprove), Domains: &domains,
			MaxUses: new(10)}
		for _, edit := range edits {
			edit(&c)
		}
		return s.configuring(s.store).CreateLink(t.Context(), s.admin, c, request)
	}
	l, err := create()
	s.ok(err)
	if l.ID.Key() != request || l.Label != "Fair" || l.Round != 1 || len(l.Nonce) == 0 || l.Version != 1 ||
		l.MaxUses != 10 || l.Uses != 0 ||
		!l.ExpiresAt.Equal(s.Now().Add(30*24*time.Hour)) || l.Owner != s.admin.Member.Actor() || l.OwnerName != "Ada Byron" ||
		l.Terms.Approval != onboarding.NeverApprove || !slices.Equal(l.Terms.Domains, domains) ||
		!l.CreatedAt.Equal(s.Now()) {
		t.Errorf("%+v", l)
	}
	if stored := s.link(l.ID); !reflect.DeepEqual(stored, l) {
		t.Errorf("answered %+v, stored %+v", l, stored)
	}
	s.want("opened", s.opens(s.linkToken(l)), "")
	s.doing(disabling)(l)
	again, err := create() // the same request, made again after something has become of it
	s.ok(err)
	if !again.Disabled || again.Version != 2 || !reflect.DeepEqual(again, s.link(l.ID)) || s.count("LINK#") != 1 {
		t.Errorf("%+v, and %d links", again, s.count("LINK#"))
	}
	request = s.request()
	l, err = create(func(c *onboarding.LinkChange) { c.ExpiresAt, c.MaxUses, c.Domains = &time.Time{}, nil, nil })
	s.ok(err)
	if stored := s.link(l.ID); !stored.ExpiresAt.IsZero() || stored.MaxUses != 0 || stored.Terms.Domains != nil {
		t.Errorf("%+v", stored)
	}
	for name, c := range map[string]struct {
		edit func(*onboarding.LinkChange)
		want string
	}{
		"no label":       {func(c *onboarding.LinkChange) { c.Label = nil }, "/label required"},
		"an empty label": {func(c *onboarding.LinkChange) { c.Label = new("") }, "/label required"},
		"an end that is past": {func(c *onboarding.LinkChange) { c.ExpiresAt = new(s.Now().Add(-time.Second)) },
			"/expires_at past"},
		"an end that is now": {func(c *onboarding.LinkChange) { c.ExpiresAt = new(s.Now()) }, "/expires_at past"},
		"guests without groups": {func(c *onboarding.LinkChange) { c.Type = new(onboarding.Guest) },
			"forbidden: A guest needs at least one group that admits guests."},
	} {
		request = s.request()
		if _, err := create(c.edit); fieldOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := s.count("LINK#"); n != 2 {
		t.Errorf("%d links", n)
	}
}

func TestAChangeChangesWhatItNames(t *testing.T) {
	s := newStage(t)
	end := s.Now().Add(time.Hour)
	l := s.named(s.admin, func(c *onboarding.LinkChange) { c.ExpiresAt = &end })
	s.joins(l, "ann@example.com")
	other := s.join("bob@example.com", asAnAdmin)
	l = s.link(l.ID)
	domains := []onboarding.Domain{{Name: "corp.com"}}
	for name, c := range map[string]struct {
		edit func(*onboarding.LinkChange)
		want func(*onboarding.InviteLink)
	}{
		"nothing": {func(*onboarding.LinkChange) {}, func(*onboarding.InviteLink) {}},
		"the label": {func(c *onboarding.LinkChange) { c.Label = new("Spring fair") },
			func(l *onboarding.InviteLink) { l.Label = "Spring fair" }},
		"approval": {func(c *onboarding.LinkChange) { c.Approval = new(onboarding.AlwaysApprove) },
			func(l *onboarding.InviteLink) { l.Terms.Approval = onboarding.AlwaysApprove }},
		"domains": {func(c *onboarding.LinkChange) { c.Domains = &domains },
			func(l *onboarding.InviteLink) { l.Terms.Domains = domains }},
		"no domains": {func(c *onboarding.LinkChange) { c.Domains = new([]onboarding.Domain(nil)) },
			func(l *onboarding.InviteLink) { l.Terms.Domains = nil }},
		"uses":    {func(c *onboarding.LinkChange) { c.MaxUses = new(7) }, func(l *onboarding.InviteLink) { l.MaxUses = 7 }},
		"no uses": {func(c *onboarding.LinkChange) { c.MaxUses = new(0) }, func(l *onboarding.InviteLink) { l.MaxUses = 0 }},
		"its end": {func(c *onboarding.LinkChange) { c.ExpiresAt = new(end.Add(time.Hour)) },
			func(l *onboarding.InviteLink) { l.ExpiresAt = end.Add(time.Hour) }},
		"no end": {func(c *onboarding.LinkChange) { c.ExpiresAt = &time.Time{} },
			func(l *onboarding.InviteLink) { l.ExpiresAt = time.Time{} }},
	} {
		s.advance(time.Second)
		want, caller := s.link(l.ID), s.admin
		if want.Owner.ID == s.admin.Member.ID {
			caller = other // whoever changes it answers for it
		}
		c.want(&want)
		want.Version, want.UpdatedAt, want.RequestID = want.Version+1, s.Now(), s.request()
		want.Owner, want.OwnerName = caller.Member.Actor(), caller.Member.Name()
		do := changing(c.edit)
		got, err := do(s.configuring(s.store), t.Context(), caller, l.ID, anyLink, want.RequestID)
		s.ok(err)
		if stored := s.link(l.ID); !reflect.DeepEqual(got, want) || !reflect.DeepEqual(stored, want) {
			t.Errorf("%s: answered %+v, stored %+v, want %+v", name, got, stored, want)
		}
		again, err := do(s.configuring(s.store), t.Context(), caller, l.ID,
			func(onboarding.InviteLink) bool { return false }, want.RequestID)
		if err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("%s, the same request again: %+v, %v", name, again, err)
		}
	}
	_, err := changing()(s.configuring(s.store), t.Context(), s.admin, l.ID,
		func(onboarding.InviteLink) bool { return false }, s.request())
	s.refused(err, onboarding.VersionMismatch)
	if stored := s.link(l.ID); stored.Uses != 1 || stored.Round != 1 || !reflect.DeepEqual(stored.Nonce, l.Nonce) {
		t.Errorf("%+v", stored)
	}
}

func TestALinkIsStoppedStartedAndMadeAnew(t *testing.T) {
	s := newStage(t)
	for name, l := range map[string]onboarding.InviteLink{"the default link": s.defaultLink(),
		"a link that was made": s.named(s.admin)} {
		token, version := s.linkToken(l), l.Version
		step := func(do linkAct, written bool, opened onboarding.Code) {
			t.Helper()
			s.advance(time.Second)
			got, err := s.act(do, l)
			s.ok(err)
			if written {
				version++
			}
			if stored := s.link(l.ID); !reflect.DeepEqual(got, stored) || stored.Version != version ||
				stored.UpdatedAt.Equal(s.Now()) != written {
				t.Errorf("%s: answered %+v, stored %+v", name, got, stored)
			}
			s.want(name, s.opens(token), opened)
		}
		s.want(name, s.opens(token), "")
		step(disabling, true, onboarding.LinkDisabled)
		step(disabling, false, onboarding.LinkDisabled)
		step(enabling, true, "")
		step(enabling, false, "")
		step(rotating, true, onboarding.LinkInvalid)
		if next := s.link(l.ID); next.Round != 2 || s.opens(s.linkToken(next)) != "" ||
			reflect.DeepEqual(next.Nonce, l.Nonce) {
			t.Errorf("%s: %+v", name, next)
		}
		step(disabling, true, onboarding.LinkInvalid) // the dead one does not even say that the new one is disabled
		s.want(name, s.opens(s.linkToken(s.link(l.ID))), onboarding.LinkDisabled)
		step(rotating, true, onboarding.LinkInvalid)
		s.want(name+" stays disabled", s.opens(s.linkToken(s.link(l.ID))), onboarding.LinkDisabled)
	}
	s.doing(enabling)(s.defaultLink()) // changed, and never used
	s.changed(func(c *onboarding.LinkChange) { c.MaxUses = new(1) })(s.defaultLink())
	s.joins(s.defaultLink(), "ann@example.com")
	s.want("used up", s.opens(s.linkToken(s.defaultLink())), onboarding.LinkExhausted)
	l := s.named(s.admin, func(c *onboarding.LinkChange) { c.ExpiresAt = new(s.Now().Add(time.Hour)) })
	s.advance(time.Hour - time.Millisecond)
	s.want("a moment before its end", s.opens(s.linkToken(l)), "")
	s.advance(time.Millisecond)
	s.want("at its end", s.opens(s.linkToken(l)), onboarding.LinkExpired)
	s.configure(func(o *onboarding.Settings) { o.AllowLinkRegistration = false })
	s.want("while joining by link is off", s.opens(s.linkToken(s.named(s.admin))), onboarding.RegistrationClosed)
}

func TestWhoMaySeeAndChangeALink(t *testing.T) {
	s := newStage(t, everyoneInvites)
	ann, bob := s.join("ann@example.com"), s.join("bob@example.com")
	guest := s.join("guest@example.com")
	guest.Member.Type = onboarding.Guest
	waiting := s.applies("mia@example.com")
	adas, anns, other := s.named(s.admin), s.named(ann), s.defaultLink()
	const none, ok = onboarding.NotFound, onboarding.Code("")
	for name, c := range map[string]struct {
		caller                     onboarding.Caller
		link                       onboarding.InviteLink
		seen, changed, rotated, on onboarding.Code
	}{
		"a member, their own":           {ann, anns, ok, ok, ok, ok},
		"a member, another's":           {bob, anns, none, none, none, none},
		"a member, an administrator's":  {ann, adas, none, none, none, none},
		"a member, the default one":     {ann, other, ok, onboarding.Forbidden, onboarding.Forbidden, onboarding.Forbidden},
		"a guest, the default one":      {guest, other, none, none, none, none},
		"an applicant, the default one": {waiting, other, none, none, none, none},
		"an administrator, the default": {s.admin, other, ok, ok, ok, ok},
		"an administrator, their own":   {s.admin, adas, ok, ok, ok, ok},
		"somebody, one that is not there": {s.admin, onboarding.InviteLink{ID: onboarding.NewLinkID(s.world())}, none, none,
			none, none},
	} {
		before := s.items()
		u := s.configuring(s.store)
		_, err := u.Link(t.Context(), c.caller, c.link.ID)
		s.want(name+" is seen", codeOf(err), c.seen)
		_, err = changing(func(c *onboarding.LinkChange) { c.Label = new("mine") })(u, t.Context(), c.caller, c.link.ID,
			anyLink, s.request())
		s.want(name+" is changed", codeOf(err), c.changed)
		_, err = u.RotateLink(t.Context(), c.caller, c.link.ID, anyLink, s.request())
		s.want(name+" is rotated", codeOf(err), c.rotated)
		_, err = u.DisableLink(t.Context(), c.caller, c.link.ID, anyLink, s.request())
		s.want(name+" is disabled", codeOf(err), c.on)
		_, err = u.EnableLink(t.Context(), c.caller, c.link.ID, anyLink, s.request())
		s.want(name+" is enabled", codeOf(err), c.on)
		if c.on != ok && !reflect.DeepEqual(s.items(), before) {
			t.Errorf("%s: something was written", name)
		}
	}
	for name, caller := range map[string]onboarding.Caller{"a guest": guest, "an applicant": waiting} {
		_, err := s.configuring(s.store).CreateLink(t.Context(), caller, onboarding.LinkChange{Label: new("mine")},
			s.request())
		s.want(name+" makes one", codeOf(err), onboarding.Forbidden)
	}
	_, err := s.configuring(s.store).CreateLink(t.Context(), ann, onboarding.LinkChange{Label: new("mine"),
		Approval: new(onboarding.NeverApprove)}, s.request())
	s.want("a member's that lets in", fieldOf(err), "/approval not_allowed")
	// What an administrator has changed is on their word, and no longer the member's.
	s.changed(func(c *onboarding.LinkChange) { c.Approval = new(onboarding.NeverApprove) })(anns)
	if l := s.link(anns.ID); l.Owner != s.admin.Member.Actor() || l.OwnerName != "Ada Byron" {
		t.Errorf("%+v", l)
	}
	_, err = s.configuring(s.store).Link(t.Context(), ann, anns.ID)
	s.refused(err, onboarding.NotFound)
	if m := s.joins(s.link(anns.ID), "new@example.com").Member; m.Status != onboarding.MemberActive ||
		m.Entry.Inviter != s.admin.Member.ID {
		t.Errorf("%+v", m)
	}
	s.configure(func(o *onboarding.Settings) { o.WhoCanInvite = onboarding.AdminsInvite })
	ann.Organization = s.admin.Organization
	_, err = s.configuring(s.store).Link(t.Context(), ann, other.ID)
	s.refused(err, onboarding.NotFound)
}

// links reads all pages of the links, and checks each as it comes.
func (s *stage) links(owner onboarding.MemberID, limit int) (ids []onboarding.LinkID) {
	s.t.Helper()
	for after := ""; ; {
		page, next, err := s.store.ListInviteLinks(s.t.Context(), s.organization(), owner, after, limit)
		s.ok(err)
		if len(page) > limit || len(page) == 0 || next != "" && len(page) != limit {
			s.t.Fatalf("a page of %d, of %d", len(page), limit)
		}
		for _, l := range page {
			ids = append(ids, l.ID)
			if limit < 100 {
				continue
			}
			if stored := s.link(l.ID); !reflect.DeepEqual(stored, l) {
				s.t.Errorf("listed %+v, stored %+v", l, stored)
			}
		}
		if next == "" {
			return ids
		}
		after = next
	}
}

func TestLinksAreListedPageByPage(t *testing.T) {
	s := newStage(t, everyoneInvites)
	ann := s.join("ann@example.com")
	adas := []onboarding.LinkID{{}} // the default one first, then the newest
	anns := []onboarding.LinkID{{}}
	want := func(when string) {
		t.Helper()
		for _, limit := range []int{1, 2, 200} {
			if got := s.links(onboarding.MemberID{}, limit); !slices.Equal(got, adas) {
				t.Errorf("%s, by %d: %v, want %v", when, limit, got, adas)
			}
			if got := s.links(ann.Member.ID, limit); !slices.Equal(got, anns) {
				t.Errorf("%s, a member's by %d: %v, want %v", when, limit, got, anns)
			}
		}
	}
	want("at first")
	for i := range 5 {
		s.advance(time.Second)
		caller := s.admin
		if i%2 == 0 {
			caller = ann
		}
		id := s.named(caller).ID
		adas = slices.Insert(adas, 1, id)
		if i%2 == 0 {
			anns = slices.Insert(anns, 1, id)
		}
	}
	s.joins(s.defaultLink(), "bob@example.com")
	want("with others, and a default one that was used")
	s.changed(func(c *onboarding.LinkChange) { c.Label = new("Everybody") })(s.defaultLink())
	want("with a default one that was changed")
}

func TestLinksOfTwoOrganizationsAreTwo(t *testing.T) {
	s := newStage(t)
	cmd := foundCommand()
	cmd.ID = "acme-2"
	other, m, err := s.founding().Found(t.Context(), cmd)
	s.ok(err)
	m.Status = onboarding.MemberActive
	theirs, err := s.configuring(s.store).CreateLink(t.Context(), onboarding.Caller{Organization: other, Member: m},
		onboarding.LinkChange{Label: new("theirs")}, s.request())
	s.ok(err)
	if got := s.links(onboarding.MemberID{}, 10); len(got) != 1 {
		t.Errorf("%v", got)
	}
	_, err = s.configuring(s.store).Link(t.Context(), s.admin, theirs.ID)
	s.refused(err, onboarding.NotFound)
	ours, theirs := s.defaultLink(), onboarding.DefaultLink(other)
	if slices.Equal(ours.Nonce, theirs.Nonce) {
		t.Error("the default links of two organizations are one")
	}
	s.want("their link, here", s.opens(theirs.Token(s.keys, "acme-2").Reveal()), onboarding.LinkInvalid)
	_, err = s.joining(s.store).Open(t.Context(), "acme-2", theirs.Token(s.keys, "acme-2").Reveal())
	s.ok(err)
}

// by reads who joined by a link, page by page.
func (s *stage) by(status onboarding.MemberStatus, link onboarding.LinkID, limit int) (ids []onboarding.MemberID) {
	s.t.Helper()
	for after := ""; ; {
		page, next, err := s.store.ListMembers(s.t.Context(), acme, onboarding.PeopleFilter{Status: status, Link: &link}, after, limit)
		s.ok(err)
		if len(page) > limit || next != "" && len(page) != limit || after != "" && len(page) == 0 {
			s.t.Fatalf("a page of %d, of %d", len(page), limit)
		}
		for _, m := range page {
			ids = append(ids, m.ID)
			if m.Entry.Channel != onboarding.ChannelInviteLink || m.Entry.Link != link || m.Status != status {
				s.t.Errorf("%+v", m)
			}
		}
		if next == "" {
			return ids
		}
		after = next
	}
}

func TestWhoJoinedByALinkIsListed(t *testing.T) {
	s := newStage(t)
	fair := s.named(s.admin, func(c *onboarding.LinkChange) { c.Approval = new(onboarding.NeverApprove) })
	want := map[onboarding.LinkID][]onboarding.MemberID{}
	for i := range 3 {
		s.advance(time.Second)
		for _, link := range []onboarding.InviteLink{fair, s.defaultLink()} {
			m := s.joins(link, fmt.Sprintf("m%d-%s@example.com", i, link.ID.Key())).Member
			if m.Status == onboarding.MemberPendingApproval && i > 0 { // one waits on
				s.decides(m.ID, true)
			}
			if link.ID == fair.ID || i > 0 {
				want[link.ID] = slices.Insert(want[link.ID], 0, m.ID)
			}
		}
		s.join(fmt.Sprintf("invited%d@example.com", i))
	}
	for _, limit := range []int{1, 2, 200} {
		for id, ids := range want {
			if got := s.by(onboarding.MemberActive, id, limit); !slices.Equal(got, ids) {
				t.Errorf("%s, by %d: %v, want %v", id, limit, got, ids)
			}
		}
	}
	if got := s.by(onboarding.MemberDismissed, fair.ID, 10); len(got) != 0 {
		t.Errorf("%v were dismissed", got)
	}
	if l := s.link(fair.ID); l.Uses != 3 || s.defaultLink().Uses != 3 {
		t.Errorf("%d and %d uses", l.Uses, s.defaultLink().Uses)
	}
}

func TestSettingsAreChanged(t *testing.T) {
	s := newStage(t)
	member := s.join("ann@example.com")
	want := onboarding.Settings{WhoCanInvite: onboarding.EveryoneInvite, AllowLinkRegistration: false,
		RequestApproval:    false,
		ExemptDomains:      []onboarding.Domain{{Name: "corp.com", Subdomains: true}, {Name: "example.com"}},
		InvitationLifetime: 24 * time.Hour, LinkLifetime: 48 * time.Hour, DefaultLocale: onboarding.German, DailySendLimit: 7}
	old, u := s.admin, s.configuring(s.store)
	o, err := u.ChangeSettings(t.Context(), s.admin, anyOrganization, func(o *onboarding.Settings) { *o = want })
	s.ok(err)
	if stored := s.organization(); !reflect.DeepEqual(stored, o) || !reflect.DeepEqual(stored.Settings, want) ||
		stored.Version != 2 {
		t.Errorf("answered %+v, stored %+v", o, stored)
	}
	// The caller was authenticated before that change: what it did is kept.
	o, err = u.ChangeSettings(t.Context(), old, anyOrganization, func(o *onboarding.Settings) { o.RequestApproval = true })
	s.ok(err)
	want.RequestApproval = true
	if stored := s.organization(); !reflect.DeepEqual(stored, o) || !reflect.DeepEqual(stored.Settings, want) ||
		stored.Version != 3 {
		t.Errorf("answered %+v, stored %+v", o, stored)
	}
	// They say what they saw: it is not that any more.
	_, err = u.ChangeSettings(t.Context(), old, func(o onboarding.Organization) bool { return o.Version == 1 },
		func(o *onboarding.Settings) { o.RequestApproval = false })
	s.refused(err, onboarding.VersionMismatch)
	_, err = u.ChangeSettings(t.Context(), member, anyOrganization,
		func(o *onboarding.Settings) { o.RequestApproval = false })
	s.refused(err, onboarding.Forbidden)
	if stored := s.organization(); !reflect.DeepEqual(stored, o) {
		t.Errorf("%+v", stored)
	}
}

// What an organization that is older than these settings has not said is read as the stricter.
func TestSettingsThatNobodyMadeAreStrict(t *testing.T) {
	s := newStage(t)
	s.poke("ORG", map[string]any{"settings": map[string]any{"who_can_invite": "admins", "invitation_lifetime": 604800,
		"default_locale": "en", "daily_send_limit": 2000}})
	want := onboarding.DefaultSettings()
	want.AllowLinkRegistration, want.TextsPerDay, want.TextBudget = false, 0, 0
	if got := s.organization().Settings; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	s.want("its link", s.opens(s.linkToken(s.defaultLink())), onboarding.RegistrationClosed)
}

func TestThePolicyIsAskedOfWhatIsStored(t *testing.T) {
	s := newStage(t, everyoneInvites, exempting("corp.com"))
	ann := s.join("ann@example.com")
	gone := s.join("gone@example.com")
	s.dismiss(gone.Member.ID)
	anns := s.named(ann)
	adas := s.named(s.admin, func(c *onboarding.LinkChange) { c.Approval = new(onboarding.NeverApprove) })
	off := s.named(s.admin)
	s.doing(disabling)(off)
	before := len(s.items())
	link := func(l onboarding.InviteLink, address string, proven bool) onboarding.Hypothesis {
		return onboarding.Hypothesis{Channel: onboarding.ChannelInviteLink, Link: l.ID, Address: s.address(address),
			Proven: proven}
	}
	by := func(id onboarding.MemberID, role onboarding.Role) onboarding.Hypothesis {
		return onboarding.Hypothesis{Channel: onboarding.ChannelInvitation, Inviter: id, Offer: onboarding.Offer{Role: role}}
	}
	for name, c := range map[string]struct {
		ask  onboarding.Hypothesis
		want string
	}{
		"the administrator invites":  {onboarding.Hypothesis{Channel: onboarding.ChannelInvitation}, "allow admin"},
		"a member invites":           {by(ann.Member.ID, ""), "needs_approval approval_requested"},
		"a member invites more":      {by(ann.Member.ID, onboarding.RoleAdmin), "deny role_ceiling"},
		"somebody dismissed invites": {by(gone.Member.ID, ""), "deny inviter_inactive"},
		"nobody invites":             {by(onboarding.NewMemberID(s.world()), ""), "/inviter_id unknown"},
		"by the default link": {link(s.defaultLink(), "bob@example.com", true),
			"needs_approval approval_requested"},
		"exempt":              {link(s.defaultLink(), "bob@corp.com", true), "allow exempt_domain"},
		"exempt and unproven": {link(s.defaultLink(), "bob@corp.com", false), "needs_approval unproven"},
		"a role mailbox": {link(s.defaultLink(), "info@corp.com", true),
			"needs_approval approval_requested"},
		"by a member's link":     {link(anns, "bob@corp.com", true), "allow exempt_domain"},
		"by a link that lets in": {link(adas, "bob@example.com", true), "allow link_admits"},
		"by a disabled link":     {link(off, "bob@example.com", true), "deny link_disabled"},
		"by a link that is not there": {link(onboarding.InviteLink{ID: onboarding.NewLinkID(s.world())},
			"bob@example.com", true), "/link_id unknown"},
		"by a link, as an administrator": {onboarding.Hypothesis{Channel: onboarding.ChannelInviteLink,
			Offer: onboarding.Offer{Role: onboarding.RoleAdmin}}, "deny links_make_members"},
		"by a way that there is not here": {onboarding.Hypothesis{Channel: "window"}, "deny unknown_channel"},
	} {
		v, err := s.configuring(s.store).Evaluate(t.Context(), s.admin, c.ask)
		if got := string(v.Answer) + " " + v.Rule; err == nil && got != c.want || err != nil && fieldOf(err) != c.want ||
			err == nil && v.Sentence == "" {
			t.Errorf("%s: %s, %v; want %s", name, got, err, c.want)
		}
	}
	s.demote(s.admin.Member.ID)
	v, err := s.configuring(s.store).Evaluate(t.Context(), s.admin, link(adas, "bob@example.com", true))
	if err != nil || v.Rule != "approval_requested" {
		t.Errorf("a link whose owner was demoted: %+v, %v", v, err)
	}
	_, err = s.configuring(s.store).Evaluate(t.Context(), ann, by(ann.Member.ID, ""))
	s.refused(err, onboarding.Forbidden)
	if n := len(s.items()); n != before {
		t.Errorf("%d items were written", n-before)
	}
}

// remove takes an item away, as TTL does.
func (s *stage) remove(sk string) {
	s.t.Helper()
	_, err := s.db.DeleteItem(s.t.Context(), &dynamodb.DeleteItemInput{TableName: &s.name, Key: itemKey(sk)})
	s.ok(err)
}
