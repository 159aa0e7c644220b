package onboarding_test

import (
	"fmt"
	"testing"

	"latchkey/internal/onboarding"
)

var (
	whoCanInvite = []onboarding.WhoCanInvite{"", onboarding.AdminsInvite, onboarding.EveryoneInvite, "nobody knows"}
	memberTypes  = []onboarding.MemberType{"", onboarding.Employee, onboarding.Guest, onboarding.Partner, "robot"}
	roles        = []onboarding.Role{"", onboarding.RoleMember, onboarding.RoleAdmin, "owner"}
)

// eachActor calls do with every setting and every actor there can be, and with some that cannot.
func eachActor(do func(onboarding.Settings, onboarding.Actor)) {
	for _, who := range whoCanInvite {
		for _, active := range []bool{false, true} {
			for _, kind := range memberTypes {
				for _, role := range roles {
					do(onboarding.Settings{WhoCanInvite: who}, onboarding.Actor{Active: active, Type: kind, Role: role})
				}
			}
		}
	}
}

// TestThePolicyIsThisTable names all that is allowed, each to an active member; everything else there is must be refused,
// what nothing can write too.
func TestThePolicyIsThisTable(t *testing.T) {
	allowed := []struct {
		who    onboarding.WhoCanInvite
		kind   onboarding.MemberType
		role   onboarding.Role
		offers onboarding.Role // to an employee
		rule   string
	}{
		{"any", onboarding.Employee, onboarding.RoleAdmin, onboarding.RoleMember, "admin"},
		{"any", onboarding.Employee, onboarding.RoleAdmin, onboarding.RoleAdmin, "admin"},
		{"any", onboarding.Partner, "any", onboarding.RoleMember, "admin"}, // an administrator's rights, but never to make one
		{onboarding.EveryoneInvite, onboarding.Employee, "any", onboarding.RoleMember, "everyone"},
	}
	rule := func(s onboarding.Settings, a onboarding.Actor, o onboarding.Offer) string {
		for _, r := range allowed {
			if a.Active && o.Type == onboarding.Employee && o.Role == r.offers && a.Type == r.kind &&
				(r.who == "any" || s.WhoCanInvite == r.who) && (r.role == "any" || a.Role == r.role) {
				return r.rule
			}
		}
		return ""
	}
	eachActor(func(s onboarding.Settings, a onboarding.Actor) {
		for _, kind := range memberTypes {
			for _, role := range roles {
				o := onboarding.Offer{Type: kind, Role: role}
				v, want := onboarding.Decide(s, a, o), rule(s, a, o)
				if v.Allowed != (want != "") || v.Allowed && v.Rule != want {
					t.Errorf("%q may invite, %+v offers %+v: allowed %t by %q, want %q", s.WhoCanInvite, a, o,
						v.Allowed, v.Rule, want)
				}
				if v.Rule == "" || v.Sentence == "" {
					t.Errorf("%+v: no rule or no sentence", v)
				}
			}
		}
	})
}

func TestNobodyGrantsMoreThanTheyHave(t *testing.T) {
	// rank is what a type and role can do, as a number. What is not known counts as the most there is.
	rank := func(kind onboarding.MemberType, role onboarding.Role) int {
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
	eachActor(func(s onboarding.Settings, a onboarding.Actor) {
		has := rank(a.Type, a.Role)
		if a.Type == onboarding.Partner {
			has = 3
		}
		if has == 5 {
			has = 2 // somebody of no known kind can do no more than a plain member
		}
		for _, kind := range memberTypes {
			for _, role := range roles {
				v := onboarding.Decide(s, a, onboarding.Offer{Type: kind, Role: role})
				if v.Allowed && (!a.Active || a.Type == onboarding.Guest || rank(kind, role) > has) {
					t.Errorf("%q may invite: %+v grants %q as %q by %q", s.WhoCanInvite, a, role, kind, v.Rule)
				}
			}
		}
	})
}

func TestRightsSayWhatThePolicySays(t *testing.T) {
	eachActor(func(s onboarding.Settings, a onboarding.Actor) {
		r := onboarding.RightsOf(s, a)
		may := func(role onboarding.Role) bool {
			return onboarding.Decide(s, a, onboarding.Offer{Type: onboarding.Employee, Role: role}).Allowed
		}
		if r.Invite != may(onboarding.RoleMember) || r.InviteAdmins != may(onboarding.RoleAdmin) {
			t.Errorf("%q may invite: %+v has %+v", s.WhoCanInvite, a, r)
		}
		switch {
		case !a.Active && r != (onboarding.Rights{}):
			t.Errorf("%+v is not active and has %+v", a, r)
		case a.Type == onboarding.Guest && r != (onboarding.Rights{}):
			t.Errorf("%+v is a guest and has %+v", a, r)
		case r.InviteAdmins && !(r.Invite && r.SeeInvited && r.CopyLinks):
			t.Errorf("%+v makes administrators, and has less than one: %+v", a, r)
		case r.CopyLinks && !r.Invite:
			t.Errorf("%+v copies links and cannot invite: %+v", a, r)
		}
	})
	for name, c := range map[string]struct {
		who  onboarding.WhoCanInvite
		kind onboarding.MemberType
		role onboarding.Role
		want string
	}{
		"an administrator": {onboarding.AdminsInvite, onboarding.Employee, onboarding.RoleAdmin,
			"{true true true true true}"},
		"a member": {onboarding.AdminsInvite, onboarding.Employee, onboarding.RoleMember,
			"{false false false false true}"},
		"a member where everyone may": {onboarding.EveryoneInvite, onboarding.Employee, onboarding.RoleMember,
			"{true false false false true}"},
		"a partner": {onboarding.AdminsInvite, onboarding.Partner, onboarding.RoleMember,
			"{true false true true true}"},
		"a guest where everyone may": {onboarding.EveryoneInvite, onboarding.Guest, onboarding.RoleMember,
			"{false false false false false}"},
		"a guest with a role too large": {onboarding.EveryoneInvite, onboarding.Guest, onboarding.RoleAdmin,
			"{false false false false false}"},
	} {
		r := onboarding.RightsOf(onboarding.Settings{WhoCanInvite: c.who}, onboarding.Actor{Active: true, Type: c.kind, Role: c.role})
		if got := fmt.Sprint(r); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
