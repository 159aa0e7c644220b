package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

// wantFaults compares the fields that a refusal names, each as its pointer and code.
func wantFaults(t *testing.T, name string, err error, want string) {
	t.Helper()
	var refusal *onboarding.Error
	if err != nil && !errors.As(err, &refusal) {
		t.Errorf("%s: %v", name, err)
		return
	}
	var got []string
	if refusal != nil {
		for _, f := range refusal.Fields {
			got = append(got, f.Pointer+" "+f.Code)
			if f.Detail == "" || f.Detail[0] < 'A' || f.Detail[0] > 'Z' || !strings.HasSuffix(f.Detail, ".") {
				t.Errorf("%s: %q is no sentence", name, f.Detail)
			}
		}
	}
	if strings.Join(got, ", ") != want {
		t.Errorf("%s: got %q, want %q", name, strings.Join(got, ", "), want)
	}
}

// bodies reads each body into a T and compares what check says of it.
func bodies[T any](t *testing.T, check func(T) error, cases map[string]string) {
	t.Helper()
	for body, want := range cases {
		d := newDoor(t, nil)
		d.mux.handle("POST /x", func(w http.ResponseWriter, r *http.Request) error {
			var b T
			if err := readJSON(r, &b); err != nil {
				return err
			}
			wantFaults(t, body, check(b), want)
			return nil
		})
		if res, answer := d.ask(t, "POST", "/x", body, "Content-Type", "application/json"); res.StatusCode != 200 {
			t.Errorf("%s: %d %s", body, res.StatusCode, answer)
		}
	}
}

func TestSettingsOfAnOrganizationHaveBounds(t *testing.T) {
	check := func(b settingsRequest) error { _, err := b.edit(); return err }
	many := strings.TrimSuffix(strings.Repeat(`{"domain":"x"},`, 101), ",")
	bodies(t, check, map[string]string{
		`{}`: "",
		`{"who_can_invite":"everyone","allow_link_registration":false,"request_approval":true,"default_locale":"de"}`: "",
		`{"who_can_invite":"Everyone"}`:     "/who_can_invite unknown",
		`{"who_can_invite":""}`:             "/who_can_invite unknown",
		`{"default_locale":"fr"}`:           "/default_locale unknown",
		`{"invitation_lifetime_days":1}`:    "",
		`{"invitation_lifetime_days":90}`:   "",
		`{"invitation_lifetime_days":0}`:    "/invitation_lifetime_days out_of_range",
		`{"invitation_lifetime_days":91}`:   "/invitation_lifetime_days out_of_range",
		`{"link_lifetime_days":0}`:          "",
		`{"link_lifetime_days":365}`:        "",
		`{"link_lifetime_days":366}`:        "/link_lifetime_days out_of_range",
		`{"link_lifetime_days":-1}`:         "/link_lifetime_days out_of_range",
		`{"exempt_domains":[]}`:             "",
		`{"exempt_domains":[` + many + `]}`: "/exempt_domains too_many",
		`{"exempt_domains":[{"domain":"corp.com"},{"domain":"@Sub.Corp.com","include_subdomains":true}]}`: "",
		`{"exempt_domains":[{"domain":"corp.com"},{"domain":"co.uk"},{"domain":"gmail.com"},{"domain":"*.corp.com"},{}]}`: "/exempt_domains/1/domain public_suffix, " +
			"/exempt_domains/2/domain public_provider, /exempt_domains/3/domain invalid, /exempt_domains/4/domain invalid",
		`{"exempt_domains":[{"domain":"corp.com"},{"domain":"CORP.com","include_subdomains":true}]}`: "/exempt_domains/1/domain duplicate",
	})
}

func TestOnlyWhatIsNamedIsChanged(t *testing.T) {
	was := onboarding.DefaultSettings()
	was.ExemptDomains = []onboarding.Domain{{Name: "corp.com"}}
	same, days := was, 30
	edit, err := settingsRequest{}.edit()
	if err != nil {
		t.Fatal(err)
	}
	if edit(&same); fmt.Sprint(same) != fmt.Sprint(was) {
		t.Errorf("got %v", same)
	}
	edit, err = settingsRequest{InvitationLifetimeDays: &days, ExemptDomains: &[]domainJSON{}}.edit()
	if err != nil {
		t.Fatal(err)
	}
	edit(&same)
	was.InvitationLifetime, was.ExemptDomains = 30*24*time.Hour, nil
	if fmt.Sprint(same) != fmt.Sprint(was) {
		t.Errorf("got %v, want %v", same, was)
	}
}

func TestAnInviteLinkIsWhatItIsAskedToBe(t *testing.T) {
	check := func(b linkRequest) error { _, err := b.change(); return err }
	bodies(t, check, map[string]string{
		`{}`: "",
		`{"label":"Spring fair","member_type":"employee","approval":"always","max_uses":100000,"expires_at":"never"}`: "",
		`{"label":" "}`: "/label required",
		`{"label":"` + strings.Repeat("a", 101) + `"}`: "/label too_long",
		`{"label":"\u202e"}`:                           "/label invalid",
		`{"member_type":"owner"}`:                      "/member_type unknown",
		`{"approval":""}`:                              "/approval unknown",
		`{"max_uses":0}`:                               "",
		`{"max_uses":-1}`:                              "/max_uses out_of_range",
		`{"max_uses":100001}`:                          "/max_uses out_of_range",
		`{"allowed_domains":[]}`:                       "",
		`{"allowed_domains":[{"domain":"gmail.com"},{"domain":"localhost"}]}`: "/allowed_domains/1/domain invalid",
		`{"expires_at":"2026-12-31T23:00:00+01:00"}`:                          "",
		`{"expires_at":""}`:                          "/expires_at invalid",
		`{"expires_at":"Never"}`:                     "/expires_at invalid",
		`{"expires_at":"2026-12-31"}`:                "/expires_at invalid",
		`{"expires_at":"0001-01-01T00:00:00Z"}`:      "/expires_at invalid", // Go's zero time, which would be never
		`{"expires_at":"9999-12-31T23:59:59-01:00"}`: "/expires_at invalid",
	})
}

func TestTheDefaultLinkHasNoLabelAndIsForEmployees(t *testing.T) {
	id, err := onboarding.ParseLinkID("lnk_01KARG7M2N4P6Q8R0S2T4V6W8X")
	if err != nil {
		t.Fatal(err)
	}
	bodies(t, func(b linkRequest) error { return b.checkFor(onboarding.LinkID{}) }, map[string]string{
		`{"approval":"always","max_uses":1,"expires_at":"never","allowed_domains":[]}`: "",
		`{"label":"x"}`:              "/label not_applicable",
		`{"member_type":"employee"}`: "/member_type not_applicable",
	})
	bodies(t, func(b linkRequest) error { return b.checkFor(id) }, map[string]string{`{"label":"x","member_type":"employee"}`: ""})
}

func TestThePolicyIsAskedAboutOnePerson(t *testing.T) {
	check := func(b policyRequest) error { _, err := b.hypothesis(); return err }
	bodies(t, check, map[string]string{
		`{}`:                        "/channel unknown",
		`{"channel":"door"}`:        "/channel unknown",
		`{"channel":"invitation"}`:  "",
		`{"channel":"invite_link"}`: "",
		`{"channel":"invitation","email":"ada@example.com","verified":false,"member_type":"guest","role":"admin"}`: "",
		`{"channel":"invitation","email":"ada"}`:                                      "/email invalid",
		`{"channel":"invitation","phone":"+4915112345678"}`:                           "",
		`{"channel":"invitation","phone":"+0915112345678"}`:                           "/phone invalid",
		`{"channel":"invitation","phone":"4915112345678"}`:                            "/phone invalid",
		`{"channel":"invitation","phone":"+491511a345678"}`:                           "/phone invalid",
		`{"channel":"invitation","phone":"+"}`:                                        "/phone invalid",
		`{"channel":"invitation","phone":"+4915112345678","email":"ada@example.com"}`: "/phone not_applicable",
		`{"channel":"invitation","member_type":"owner"}`:                              "/member_type unknown",
		`{"channel":"invitation","role":"owner"}`:                                     "/role unknown",
		`{"channel":"invitation","inviter_id":"mem_01KARF7Q8X3M5N9P2R4T6V8W0Y"}`:      "",
		`{"channel":"invitation","inviter_id":"ada"}`:                                 "/inviter_id unknown",
		`{"channel":"invite_link","inviter_id":"mem_01KARF7Q8X3M5N9P2R4T6V8W0Y"}`:     "/inviter_id not_applicable",
		`{"channel":"invite_link","link_id":"default"}`:                               "",
		`{"channel":"invite_link","link_id":"lnk_x"}`:                                 "/link_id unknown",
		`{"channel":"invitation","link_id":"default"}`:                                "/link_id not_applicable",
	})
	if h, err := (policyRequest{Channel: "invitation"}).hypothesis(); err != nil || !h.Proven {
		t.Errorf("whoever is asked about has shown nothing: %v, %v", h, err)
	}
}
