package api

import (
	"strings"
	"testing"
	"time"

	"latchkey/internal/onboarding"
)

func TestDecisionsSayWhatTheyMean(t *testing.T) {
	const one = `"id":"mem_01KARH2V5C7D9E1F3G5H7J9K1M"`
	many := strings.TrimSuffix(strings.Repeat(`{`+one+`,"decision":"reject"},`, 101), ",")
	check := func(b decisionsRequest) error { _, _, err := b.command(); return err }
	bodies(t, check, map[string]string{
		`{"decisions":[]}`:             "/decisions required",
		`{}`:                           "/decisions required",
		`{"decisions":[` + many + `]}`: "/decisions too_many",
		`{"decisions":[{` + one + `,"decision":"approve","member_type":"employee","role":"admin","job_title":""},{"id":"no id","decision":"reject","reason":"x"}]}`: "",
		`{"decisions":[{` + one + `}]}`:                                                                 "/decisions/0/decision unknown",
		`{"decisions":[{` + one + `,"decision":"Approve"}]}`:                                            "/decisions/0/decision unknown",
		`{"decisions":[{` + one + `,"decision":"approve","reason":"x"}]}`:                               "/decisions/0/reason not_applicable",
		`{"decisions":[{` + one + `,"decision":"reject","role":"admin"}]}`:                              "/decisions/0/decision not_applicable",
		`{"decisions":[{` + one + `,"decision":"reject"},{"decision":"approve","role":"boss"}]}`:        "/decisions/1/role unknown",
		`{"decisions":[{` + one + `,"decision":"approve","member_type":"owner"}]}`:                      "/decisions/0/member_type unknown",
		`{"decisions":[{` + one + `,"decision":"approve","job_title":"see www.x.com"}]}`:                "/decisions/0/job_title invalid",
		`{"decisions":[{` + one + `,"decision":"reject","reason":"` + strings.Repeat("a", 501) + `"}]}`: "/decisions/0/reason too_long",
	})
}

func TestResultsStandInThePlacesOfTheirDecisions(t *testing.T) {
	id, err := onboarding.ParseMemberID("mem_01KARH2V5C7D9E1F3G5H7J9K1M")
	if err != nil {
		t.Fatal(err)
	}
	body := decisionsRequest{Decisions: []decisionRequest{{ID: "no id", Decision: "approve"}, {ID: id.String(), Decision: "approve"},
		{ID: "no id", Decision: "reject"}}}
	decisions, places, err := body.command()
	if err != nil || len(decisions) != 1 || decisions[0].Applicant != id || !decisions[0].Approve {
		t.Fatalf("%v, %v", decisions, err)
	}
	s := &approving{useCase: onboarding.Approving{World: onboarding.World{Now: time.Now}}}
	a := s.answer(body, []onboarding.DecisionResult{{Applicant: id, Verdict: onboarding.DecisionApproved, Member: &onboarding.Member{ID: id}}}, places).body.(decisionsAnswer)
	if a.Results[0].Verdict != "not_found" || a.Results[0].ID != "no id" || a.Results[0].Reason == nil || a.Results[0].JoinRequest != nil ||
		a.Results[1].Verdict != "approved" || a.Results[1].JoinRequest.ID != id.String() || a.Results[1].Reason != nil ||
		a.Summary["not_found"] != 2 || a.Summary["approved"] != 1 {
		t.Errorf("%+v", a)
	}
}
