package table_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"

	"latchkey/internal/onboarding"
)

func TestAcceptingMakesAMemberWhoIsSignedIn(t *testing.T) {
	s := newStage(t)
	s.invite("Ann@Example.com", func(c *onboarding.InviteCommand) { c.JobTitle, c.Locale = "Engineer", onboarding.German })
	letter := s.mail()[0]
	offer, err := s.redeeming(s.store).Open(t.Context(), acme, tokenIn(letter))
	s.ok(err)
	if offer.Organization.Name != "Acme" || offer.Contact.Invitation.InviterName != "Ada Byron" {
		t.Errorf("%+v", offer.Contact.Invitation)
	}
	s.advance(time.Hour)
	caller, token, err := s.redeeming(s.store).Accept(t.Context(), acme, tokenIn(letter),
		onboarding.Profile{FirstName: " Ann ", LastName: "Lee", Password: password})
	s.ok(err)
	m := caller.Member
	if m.Status != onboarding.MemberActive || m.Type != onboarding.Employee || m.Role != onboarding.RoleMember ||
		m.Email != "ann@example.com" ||
		!m.EmailVerified || m.FirstName != "Ann" || m.JobTitle != "Engineer" || m.Locale != onboarding.German ||
		!m.JoinedAt.Equal(s.Now()) {
		t.Errorf("%+v", m)
	}
	stored, err := s.store.ReadMember(t.Context(), acme, m.ID)
	s.ok(err)
	if !reflect.DeepEqual(stored, m) {
		t.Errorf("answered %+v, stored %+v", m, stored)
	}
	me, err := onboarding.Authenticate(t.Context(), s.store, s.world(), token.Reveal())
	s.ok(err)
	if !reflect.DeepEqual(me.Member, m) || me.Organization.Name != "Acme" {
		t.Errorf("signed in as %+v", me.Member)
	}
	c := s.contact("ann@example.com")
	if c.Member != m.ID || c.Invitation.Status != onboarding.InvitationAccepted || c.Invitation.AcceptedMember != m.ID {
		t.Errorf("%+v", c)
	}
	if text(s.item(contactSK(c.ID))["verified_at"]) == "" {
		t.Error("the address is not verified")
	}
	_, err = s.redeeming(s.store).Open(t.Context(), acme, tokenIn(letter))
	s.refused(err, onboarding.AlreadyAccepted)
	_, _, err = s.redeeming(s.store).Accept(t.Context(), acme, tokenIn(letter), profile())
	s.refused(err, onboarding.AlreadyAccepted)
	if _, _, err = s.signingIn(s.store).SignIn(t.Context(), acme, "ANN@example.com", password, "192.0.2.1"); err != nil {
		t.Error(err)
	}
}

func TestACopiedLinkVerifiesNoAddress(t *testing.T) {
	s := newStage(t)
	r := s.invite("ann@example.com", silently)
	caller, _, err := s.redeeming(s.store).Accept(t.Context(), acme, r.Link.Reveal(), profile())
	s.ok(err)
	if caller.Member.EmailVerified || text(s.item(contactSK(r.Contact.ID))["verified_at"]) != "" {
		t.Error("the address counts as verified")
	}
}

func TestALinkThatOpensNothingTellsNothing(t *testing.T) {
	s := newStage(t)
	s.invite("ann@example.com")
	c := s.contact("ann@example.com")
	derive := func(p onboarding.Purpose, org onboarding.OrganizationID, id onboarding.ContactID, round uint16, nonce []byte) string {
		return s.keys.Derive(p, org, id, round, nonce).Reveal()
	}
	good := derive(onboarding.PurposeMailed, acme, c.ID, 1, c.Nonce)
	for name, token := range map[string]string{
		"nothing":               "",
		"rubbish":               "rubbish",
		"in capitals":           strings.ToUpper(good),
		"for a password":        derive(onboarding.PurposePassword, acme, c.ID, 1, c.Nonce),
		"of another purpose":    derive(9, acme, c.ID, 1, c.Nonce),
		"of another place":      derive(onboarding.PurposeMailed, "other", c.ID, 1, c.Nonce),
		"of an unknown address": derive(onboarding.PurposeMailed, acme, onboarding.ContactID{1}, 1, c.Nonce),
		"of a member's address": derive(onboarding.PurposeMailed, acme, s.id("ada@example.com"), 0, nil),
		"of the next round":     derive(onboarding.PurposeMailed, acme, c.ID, 2, c.Nonce),
		"of another nonce":      derive(onboarding.PurposeMailed, acme, c.ID, 1, []byte("sixteen bytes 16")),
	} {
		offer, err := s.redeeming(s.store).Open(t.Context(), acme, token)
		if codeOf(err) != onboarding.LinkInvalid || offer.Organization.Name != "" || offer.Contact.Invited {
			t.Errorf("a link %s: %v, %q", name, err, offer.Organization.Name)
		}
	}
	if _, err := s.redeeming(s.store).Open(t.Context(), "nowhere", good); codeOf(err) != onboarding.LinkInvalid {
		t.Errorf("in an organization that is not there: %v", err)
	}
}

func TestAnOfferThatCannotBeTakenSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*stage)
		want onboarding.Code
	}{
		"expired": {func(s *stage) { s.advance(lifetime) }, onboarding.LinkExpired},
		"revoked": {func(s *stage) { _, err := s.update("ann@example.com", revoking); s.ok(err) }, onboarding.LinkRevoked},
		"declined": {func(s *stage) {
			_, err := s.redeeming(s.store).Decline(s.t.Context(), acme, s.mailedToken("ann@example.com"))
			s.ok(err)
		}, onboarding.AlreadyDeclined},
		"closed": {func(s *stage) { s.poke("ORG", map[string]any{"closed": true}) }, onboarding.OrganizationClosed},
		"accepted": {func(s *stage) {
			_, _, err := s.redeeming(s.store).Accept(s.t.Context(), acme, s.mailedToken("ann@example.com"), profile())
			s.ok(err)
		},
			onboarding.AlreadyAccepted},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			token := s.invited("ann@example.com")
			c.end(s)
			members := s.count("MEMBER#")
			offer, err := s.redeeming(s.store).Open(t.Context(), acme, token)
			s.refused(err, c.want)
			if offer.Organization.Name != "Acme" {
				t.Error("the page cannot name the organization")
			}
			_, _, err = s.redeeming(s.store).Accept(t.Context(), acme, token, profile())
			s.refused(err, c.want)
			if _, err = s.redeeming(s.store).Decline(t.Context(), acme, token); name != "declined" {
				s.refused(err, c.want)
			} else if err != nil {
				t.Errorf("declining twice: %v", err)
			}
			if n := s.count("MEMBER#"); n != members {
				t.Errorf("%d members became %d", members, n)
			}
		})
	}
}

// The instant of its expiry is the same for the reader, the page, the write and the list.
func TestAnInvitationEndsAtTheInstantItSays(t *testing.T) {
	s := newStage(t)
	token := s.invited("ann@example.com")
	s.advance(lifetime - time.Millisecond)
	_, err := s.redeeming(s.store).Open(t.Context(), acme, token)
	s.ok(err)
	s.advance(time.Millisecond)
	_, err = s.redeeming(s.store).Open(t.Context(), acme, token)
	s.refused(err, onboarding.LinkExpired)
	c := s.contact("ann@example.com")
	if err := s.store.Decline(t.Context(), acme, c, s.Now()); err != onboarding.ErrConflict {
		t.Errorf("the write of a decline: %v", err)
	}
	if err := s.store.Accept(t.Context(), onboarding.Acceptance{Organization: acme, Contact: c,
		Inviter: s.admin.Member.Actor(), At: s.Now(),
		Member:  onboarding.Member{ID: onboarding.NewMemberID(s.world()), Organization: acme},
		Session: onboarding.Session{Hash: "h"}}); err != onboarding.ErrConflict {
		t.Errorf("the write of an acceptance: %v", err)
	}
}

func TestWhatIsEnteredIsChecked(t *testing.T) {
	s := newStage(t)
	token := s.invited("ann@example.com")
	for name, c := range map[string]struct {
		profile onboarding.Profile
		want    []string
	}{
		"nothing":       {onboarding.Profile{}, []string{"/first_name", "/last_name", "/password"}},
		"no first name": {onboarding.Profile{LastName: "Lee", Password: password}, []string{"/first_name"}},
		"a first name of blanks": {onboarding.Profile{FirstName: "  ", LastName: "Lee", Password: password},
			[]string{"/first_name"}},
		"a last name with a link": {onboarding.Profile{FirstName: "Ann", LastName: "evil.example",
			Password: password}, []string{"/last_name"}},
		"a short password": {onboarding.Profile{FirstName: "Ann", LastName: "Lee", Password: "short"}, []string{"/password"}},
		"a password of one's own names": {onboarding.Profile{FirstName: "Annabella", LastName: "Leefield",
			Password: "AnnabellaLeefield1"},
			[]string{"/password"}},
		"a password of the organization's": {onboarding.Profile{FirstName: "Ann", LastName: "Lee",
			Password: "acme-Acme-acme-acme1"}, []string{"/password"}},
	} {
		_, _, err := s.redeeming(s.store).Accept(t.Context(), acme, token, c.profile)
		e, ok := err.(*onboarding.Error)
		if !ok || e.Code != onboarding.Invalid {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, f := range e.Fields {
			got = append(got, f.Pointer)
		}
		if strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: faults at %v, want %v", name, got, c.want)
		}
	}
}

func TestTheInvitersRightsCountWhenAnOfferIsTaken(t *testing.T) {
	for name, c := range map[string]struct {
		as      func(*onboarding.InviteCommand)
		edit    func(*onboarding.Organization)
		happens func(*stage, onboarding.MemberID)
		want    onboarding.Code
	}{
		"the inviter was dismissed": {nil, nil, func(s *stage, id onboarding.MemberID) { s.dismiss(id) }, onboarding.LinkRevoked},
		"the inviter was demoted":   {nil, nil, func(s *stage, id onboarding.MemberID) { s.demote(id) }, onboarding.LinkRevoked},
		"the inviter became a guest": {nil, everyoneInvites, func(s *stage, id onboarding.MemberID) {
			s.poke(memberSK(id), map[string]any{"member.type": onboarding.Guest})
		}, onboarding.LinkRevoked},
		"demoted where everyone may": {nil, everyoneInvites, func(s *stage, id onboarding.MemberID) { s.demote(id) }, ""},
		"demoted, offering more": {asAnAdmin, everyoneInvites,
			func(s *stage, id onboarding.MemberID) { s.demote(id) }, onboarding.LinkRevoked},
		"the inviter is as before": {asAnAdmin, nil, func(*stage, onboarding.MemberID) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var edits []func(*onboarding.Organization)
			if c.edit != nil {
				edits = append(edits, c.edit)
			}
			s := newStage(t, edits...)
			inviter := s.join("bob@example.com", asAnAdmin)
			var as []func(*onboarding.InviteCommand)
			if c.as != nil {
				as = append(as, c.as)
			}
			s.inviteAs(inviter, "ann@example.com", as...)
			c.happens(s, inviter.Member.ID)
			members := s.count("MEMBER#")
			_, _, err := s.redeeming(s.store).Accept(t.Context(), acme, s.mailedToken("ann@example.com"), profile())
			s.refused(err, c.want)
			if n := s.count("MEMBER#") - members; (n == 1) != (c.want == "") {
				t.Errorf("%d new members", n)
			}
		})
	}
	t.Run("the inviter is gone", func(t *testing.T) {
		s := newStage(t)
		token := s.invited("ann@example.com")
		s.poke(contactSK(s.id("ann@example.com")), map[string]any{"invitation.inviter_id": onboarding.NewMemberID(s.world()).Key()})
		_, _, err := s.redeeming(s.store).Accept(t.Context(), acme, token, profile())
		s.refused(err, onboarding.LinkRevoked)
	})
	t.Run("a member who was promoted offers what they may now", func(t *testing.T) {
		s := newStage(t, everyoneInvites)
		member := s.join("bob@example.com")
		s.inviteAs(member, "ann@example.com")
		s.poke(memberSK(member.Member.ID), map[string]any{"member.role": onboarding.RoleAdmin})
		_, _, err := s.redeeming(s.store).Accept(t.Context(), acme, s.mailedToken("ann@example.com"), profile())
		s.ok(err)
	})
}

func TestDecliningEndsTheOfferAndItsMail(t *testing.T) {
	s := newStage(t)
	token := s.invited("ann@example.com")
	for range 2 {
		_, err := s.redeeming(s.store).Decline(t.Context(), acme, token)
		s.ok(err)
	}
	c := s.contact("ann@example.com")
	if c.Invitation.Status != onboarding.InvitationDeclined || len(s.owed()) != 0 || !c.Member.IsZero() {
		t.Errorf("%+v, %d owed", c.Invitation, len(s.owed()))
	}
}

func TestANewLinkIsAskedForOnceADay(t *testing.T) {
	s := newStage(t)
	token := s.invited("ann@example.com")
	s.mail()
	_, err := s.redeeming(s.store).RequestNewLink(t.Context(), acme, token)
	s.refused(err, onboarding.Conflict)
	s.advance(lifetime)
	ask := func(want int) {
		t.Helper()
		_, err := s.redeeming(s.store).RequestNewLink(t.Context(), acme, token)
		s.ok(err)
		letters := s.mail()
		if len(letters) != want {
			t.Fatalf("%d letters, want %d", len(letters), want)
		}
		for _, l := range letters {
			if l.Kind != onboarding.MessageLinkRequest || l.To.Value != "ada@example.com" ||
				l.Applicant != "ann@example.com" || l.Link != "" {
				t.Errorf("%+v", l)
			}
		}
	}
	ask(1)
	ask(0)
	s.advance(24 * time.Hour)
	ask(0) // not before the day is over
	s.advance(time.Millisecond)
	ask(1)
	if c := s.contact("ann@example.com"); c.Invitation.SendCount != 1 || c.Invitation.Delivery.Status != onboarding.DeliverySent {
		t.Errorf("it counts as a mail to the invitee: %+v", c.Invitation)
	}
	_, err = s.update("ann@example.com", resending)
	s.ok(err)
	s.mail()
	_, err = s.redeeming(s.store).Open(t.Context(), acme, token)
	s.ok(err)
	s.advance(lifetime)
	ask(1) // the answer to a new wish does not wait for the old one's day
}

func TestAPlainMembersInvitationIsApprovedFirst(t *testing.T) {
	s := newStage(t, everyoneInvites, exempting("corp.com"))
	bob, eve := s.join("bob@example.com"), s.join("eve@example.com", asAnAdmin)
	const waits, in = onboarding.MemberPendingApproval, onboarding.MemberActive
	as := func(id onboarding.MemberID, role onboarding.Role) func() {
		return func() { s.poke(memberSK(id), map[string]any{"member.role": role}) }
	}
	stays := func() {}
	for name, c := range map[string]struct {
		inviter   onboarding.Caller
		address   string
		meanwhile func()
		copied    bool
		want      onboarding.MemberStatus // none: it does not hold
	}{
		"an administrator's":                  {eve, "a1@example.com", stays, false, in},
		"an administrator's, copied":          {eve, "a2@example.com", stays, true, in},
		"a member's":                          {bob, "a3@example.com", stays, false, waits},
		"a member's, of the domain":           {bob, "a4@corp.com", stays, false, in},
		"a member's, of the domain, copied":   {bob, "a5@corp.com", stays, true, ""}, // a copy is for administrators alone
		"a member's, to a role of the domain": {bob, "info@corp.com", stays, false, waits},
		"demoted meanwhile": {eve, "a6@example.com", as(eve.Member.ID, onboarding.RoleMember), false,
			waits},
		"demoted meanwhile, of the domain":       {eve, "a7@corp.com", as(eve.Member.ID, onboarding.RoleMember), false, in},
		"demoted meanwhile, the domain's copied": {eve, "a8@corp.com", as(eve.Member.ID, onboarding.RoleMember), true, ""},
		"promoted meanwhile":                     {bob, "a9@example.com", as(bob.Member.ID, onboarding.RoleAdmin), false, in},
	} {
		as(bob.Member.ID, onboarding.RoleMember)()
		as(eve.Member.ID, onboarding.RoleAdmin)()
		s.inviteAs(c.inviter, c.address)
		contact, purpose := s.contact(c.address), onboarding.PurposeMailed
		if c.copied {
			purpose = onboarding.PurposeCopied
		}
		c.meanwhile()
		caller, token, err := s.redeeming(s.store).Accept(t.Context(), acme,
			s.keys.Derive(purpose, acme, contact.ID, 1, contact.Nonce).Reveal(), profile())
		if c.want == "" {
			s.want(name, codeOf(err), onboarding.LinkRevoked)
			continue
		}
		s.ok(err)
		m := caller.Member
		if m.Status != c.want || m.JoinedAt.IsZero() != (c.want == waits) || m.Request.At.IsZero() != (c.want == in) ||
			m.EmailVerified == c.copied ||
			m.Entry != (onboarding.Entry{Channel: onboarding.ChannelInvitation, Inviter: c.inviter.Member.ID}) ||
			!reflect.DeepEqual(s.member(m.ID), m) {
			t.Errorf("%s: answered %+v, stored %+v", name, m, s.member(m.ID))
		}
		list := "member#active"
		if c.want == waits {
			list = "join_request#pending_approval"
		}
		s.want(name+" is listed", s.place(m.ID), list)
		after := s.contact(c.address)
		if after.Member != m.ID || after.Invitation.Status != onboarding.InvitationAccepted ||
			after.VerifiedAt.IsZero() != c.copied {
			t.Errorf("%s: %+v", name, after)
		}
		me, err := onboarding.Visitor(t.Context(), s.store, s.world(), token.Reveal())
		if err != nil || !reflect.DeepEqual(me.Member, m) {
			t.Errorf("%s: %+v, %v", name, me.Member, err)
		}
	}
	var notice struct {
		Gathered int `dynamodbav:"gathered"`
	}
	s.ok(attributevalue.UnmarshalMap(s.item("NOTICE"), &notice))
	s.want("gathered", notice.Gathered, 3)
}

func TestWhereNobodyWaitsAPlainMembersInvitationLetsIn(t *testing.T) {
	s := newStage(t, everyoneInvites, nobodyWaits)
	bob := s.join("bob@example.com")
	s.inviteAs(bob, "ann@example.com")
	token := s.mailedToken("ann@example.com")
	s.inviteAs(bob, "mia@example.com")
	caller, _, err := s.redeeming(s.store).Accept(t.Context(), acme, token, profile())
	s.ok(err)
	s.want("their status", caller.Member.Status, onboarding.MemberActive)
	s.configure(func(o *onboarding.Settings) { o.RequestApproval = true }) // between the invitation and its acceptance
	caller, _, err = s.redeeming(s.store).Accept(t.Context(), acme, s.mailedToken("mia@example.com"), profile())
	s.ok(err)
	s.want("their status", caller.Member.Status, onboarding.MemberPendingApproval)
}
