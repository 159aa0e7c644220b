package api

import (
	"net/http/httptest"
	"testing"

	"latchkey/internal/api/pages"
	"latchkey/internal/onboarding"
)

func TestSigningInLeadsToNoPageThatAClientNames(t *testing.T) {
	member := onboarding.Caller{Member: onboarding.Member{Status: onboarding.MemberActive}}
	applicant := onboarding.Caller{Member: onboarding.Member{Status: onboarding.MemberPendingApproval}}
	for query, want := range map[string]string{
		"":                                  "welcome",
		"?return=requests":                  "requests",
		"?return=":                          "welcome",
		"?return=Requests":                  "welcome",
		"?return=requests/":                 "welcome",
		"?return=/requests":                 "welcome",
		"?return=//evil.example":            "welcome",
		"?return=https://evil.example":      "welcome",
		"?return=%2F%5Cevil.example":        "welcome",
		"?return=requests%0d%0aX:%20y":      "welcome",
		"?return=x&return=requests":         "welcome",
		"?return=requests&return=//evil.ex": "requests",
	} {
		r := httptest.NewRequest("POST", "/join/acme/sign-in"+query, nil)
		if got := destination(r, member); got != want {
			t.Errorf("%s leads to %s, want %s", query, got, want)
		}
		if got := destination(r, applicant); got != "welcome" {
			t.Errorf("%s leads an applicant to %s", query, got)
		}
	}
}

func TestWelcomeShowsAnApplicantWhereTheyStand(t *testing.T) {
	r := httptest.NewRequest("GET", "/join/acme/welcome?joined=1", nil)
	r.SetPathValue("org", "acme")
	for status, want := range map[onboarding.MemberStatus]pages.View{
		onboarding.MemberActive:          pages.Welcome{FirstName: "Ann", Joined: true, SignOut: "/join/acme/sign-out"},
		onboarding.MemberPendingApproval: pages.Waiting{FirstName: "Ann", SignOut: "/join/acme/sign-out"},
		onboarding.MemberRejected:        pages.Rejected{SignOut: "/join/acme/sign-out"},
	} {
		if got := welcome(r, onboarding.Caller{Member: onboarding.Member{FirstName: "Ann", Status: status}}); got != want {
			t.Errorf("%s: %+v", status, got)
		}
	}
}
