package main

// The product in bad weather: one in five of what its functions ask of DynamoDB goes wrong.

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	urlpath "path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"latchkey/internal/dynamolocal/faultproxy"
	"latchkey/internal/onboarding"
)

// badWeather is a cloud whose functions reach DynamoDB through a proxy, which spoils nothing yet, with an organization acme
// and the session of its administrator.
func badWeather(t *testing.T, seed uint64, o options) (s *story, weather *faultproxy.Proxy, acme onboarding.OrganizationID) {
	weather = faultproxy.New(mathrand.NewPCG(seed, 0))
	o.root = repository
	o.intercept = func(c call, next http.Handler) http.Handler {
		if c.service != "dynamodb" {
			return next
		}
		return weather.Over(next)
	}
	c := startCloud(t, o)
	t.Cleanup(func() {
		logHoldsNoSecret(t, c)
		t.Logf("%v", weather.Counts())
	})
	s = newStory(t, c)
	acme, err := s.found("acme", password, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	answer := s.patiently(s.post("/v1/sessions", map[string]any{"organization": acme, "login": "admin@acme.example", "password": password}))
	s.tokens["grace"] = got[struct{ Token string }](t, answer, http.StatusCreated).Token
	return s, weather, acme
}

func (s *story) post(path string, body any) draft {
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	d := s.get(path)
	d.method, d.body = "POST", text
	d.header.Set("Content-Type", "application/json")
	return d
}

func (s *story) get(path string) draft {
	d := draft{method: "GET", url: s.cloud.baseURL + path, header: http.Header{}}
	if token := s.tokens["grace"]; token != "" && !strings.HasPrefix(path, "/v1/public/") {
		d.header.Set("Authorization", "Bearer "+token)
	}
	return d
}

// patiently sends a request, and sends it again where it is told to. That a slow machine has used a function's time up may
// happen; unserved counts where the function gave the table up.
func (s *story) patiently(d draft) reply {
	for range 10 {
		answer, err := d.send(s.t.Context())
		if err != nil {
			s.t.Error(err)
			return answer
		}
		if answer.status != http.StatusServiceUnavailable && answer.problem() != "request_in_progress" {
			return answer
		}
		s.t.Logf("again: %s\n%s", answer.body, s.logged(answer.header.Get("X-Request-Id")))
		if strings.Contains(string(answer.body), "too much going on") {
			s.unserved.Add(1)
		}
		seconds, err := strconv.Atoi(answer.header.Get("Retry-After"))
		if err != nil {
			s.t.Error(err)
		}
		<-time.After(time.Duration(seconds) * time.Second)
	}
	s.t.Error("ten times unavailable")
	return reply{}
}

// logged is what the functions have logged of a request.
func (s *story) logged(id string) (all string) {
	text, err := os.ReadFile(filepath.Join(s.cloud.state, "functions.log"))
	if err != nil {
		s.t.Error(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, id) {
			all += line
		}
	}
	return all
}

// served holds that the functions have never given the table up, or once: that happens in one of a thousand runs.
func (s *story) served() {
	if n := s.unserved.Load(); n > 1 {
		s.t.Errorf("%d times a caller had to ask again", n)
	}
}

// got is the body of an answer that has the status wanted.
func got[T any](t testing.TB, answer reply, status int) (body T) {
	t.Helper()
	if answer.status != status {
		t.Fatalf("%s, want %d: %s", answer, status, answer.body)
	}
	if err := json.Unmarshal(answer.body, &body); err != nil {
		t.Fatal(err)
	}
	return body
}

// entry is what a list shows of an invitation, a member or a request to join.
type entry struct {
	ID, Email string
	Recipient struct{ Value string }
}

// allPages follows a list to its end, and counts how often each address stands there.
func (s *story) allPages(path string) map[string]int {
	seen := map[string]int{}
	for cursor := ""; ; {
		page := got[struct {
			Items      []entry
			NextCursor *string `json:"next_cursor"`
		}](s.t, s.patiently(s.get(path+cursor)), http.StatusOK)
		for _, i := range page.Items {
			seen[i.Recipient.Value+i.Email]++
		}
		if page.NextCursor == nil {
			return seen
		}
		cursor = "&cursor=" + *page.NextCursor
	}
}

// Ten requests, of a hundred people each; make storm lets them be of a thousand.
func TestManyAreInvitedInBadWeather(t *testing.T) {
	requests, each := 10, 100
	if text := os.Getenv("LATCHKEY_CROWD"); text != "" {
		var err error
		if each, err = strconv.Atoi(text); err != nil || each < 1 || each > onboarding.MaxRecipients {
			t.Fatalf("LATCHKEY_CROWD is 1 to %d", onboarding.MaxRecipients)
		}
	}
	s, weather, acme := badWeather(t, 1, options{noStreams: true}) // what is owed stays owed
	weather.Spoil(faultproxy.Mixed(0.2))
	path := "/v1/organizations/" + string(acme) + "/invitations"
	var longest, all time.Duration
	for n := range requests {
		recipients := make([]map[string]string, each)
		for i := range recipients {
			recipients[i] = map[string]string{"email": fmt.Sprintf("p%d@crowd.example", n*each+i)}
		}
		request := s.post(path, map[string]any{"recipients": recipients})
		request.header.Set("Idempotency-Key", rand.Text())
		begun := time.Now()
		answer := s.patiently(request)
		took := time.Since(begun)
		longest, all = max(longest, took), all+took
		results := got[struct {
			Results []struct{ Input, Verdict string }
		}](t, answer, http.StatusOK).Results
		if len(results) != each {
			t.Fatalf("%d results", len(results))
		}
		for i, r := range results {
			if r.Input != recipients[i]["email"] || r.Verdict != "created" {
				t.Fatalf("%s: %s", r.Input, r.Verdict)
			}
		}
		if n == 0 { // to a caller who has not heard it, the same is said again
			if again := s.patiently(request); string(again.body) != string(answer.body) || again.header.Get("Idempotency-Replayed") == "" {
				t.Errorf("the repetition is answered otherwise: %s", again)
			}
		}
	}
	begun := time.Now()
	seen := s.allPages(path + "?limit=200")
	t.Logf("inviting took %v, the longest request %v; reading them %v", all, longest, time.Since(begun))
	s.served()
	weather.Spoil(nil)
	owing, used := map[string]int{}, 0
	for _, i := range s.items(acme) {
		sk := i["SK"].(*types.AttributeValueMemberS).Value
		switch {
		case strings.HasPrefix(sk, "USAGE#"):
			n, err := strconv.Atoi(i["email"].(*types.AttributeValueMemberN).Value)
			if err != nil {
				t.Fatal(err)
			}
			used += n
		case strings.HasPrefix(sk, "CONTACT#"):
			if outbox, ok := i["outbox"].(*types.AttributeValueMemberM); ok {
				owing[sk] = len(outbox.Value)
			}
		}
	}
	for n := range requests * each {
		if address := fmt.Sprintf("p%d@crowd.example", n); seen[address] != 1 {
			t.Fatalf("%s stands in the list %d times", address, seen[address])
		}
	}
	for sk, messages := range owing {
		if messages != 1 {
			t.Errorf("%s owes %d mails", sk, messages)
		}
	}
	if len(seen) != requests*each || len(owing) != requests*each {
		t.Errorf("%d in the list, %d owed a mail, want %d", len(seen), len(owing), requests*each)
	}
	// A reservation whose answer was lost is counted twice, never less than once.
	unheard := weather.Counts().Faults[faultproxy.Lost]["UpdateItem"] + weather.Counts().Faults[faultproxy.Shortened]["UpdateItem"]
	if used < requests*each || used > (requests+unheard)*each {
		t.Errorf("%d sends are counted, and %d answers were lost", used, unheard)
	}
	if each < onboarding.MaxRecipients {
		return // so few calls need not have met with every fault
	}
	for _, k := range []faultproxy.Kind{faultproxy.Throttled, faultproxy.Down, faultproxy.Unarrived, faultproxy.Lost,
		faultproxy.Shortened, faultproxy.Partial} {
		if n := weather.Counts().Faults[k]["BatchExecuteStatement"]; n < requests {
			t.Errorf("%s: only %d batches", k, n)
		}
	}
}

// fourAtATime does n things, four at a time.
func fourAtATime(n int, do func(i int)) {
	var group errgroup.Group
	group.SetLimit(4)
	for i := range n {
		group.Go(func() error { do(i); return nil })
	}
	_ = group.Wait() // none fails
}

// Whoever accepts, joins and is approved comes in once, and nobody hears that something went wrong.
func TestPeopleComeInInBadWeather(t *testing.T) {
	const invited, joining = 100, 20
	s, weather, acme := badWeather(t, 2, options{})
	path := "/v1/organizations/" + string(acme)
	public := "/v1/public/" + string(acme)
	var recipients []map[string]string
	for i := range invited {
		recipients = append(recipients, map[string]string{"email": fmt.Sprintf("p%d@crowd.example", i)})
	}
	offers := got[struct {
		Results []struct {
			AcceptURL string `json:"accept_url"`
		}
	}](t, s.patiently(s.post(path+"/invitations", map[string]any{"recipients": recipients, "notify": false})), http.StatusOK).Results
	link := got[struct{ URL string }](t, s.patiently(s.get(path+"/invite-links/default")), http.StatusOK).URL

	weather.Spoil(faultproxy.Mixed(0.2))
	sessions := make([]string, invited+joining)
	join := func(i int, answer reply) {
		if answer.status != http.StatusCreated {
			t.Errorf("%d: %s", i, answer)
			return
		}
		sessions[i] = got[struct{ Token string }](t, answer, http.StatusCreated).Token
	}
	fourAtATime(invited, func(i int) {
		join(i, s.patiently(s.post(public+"/invitations/"+urlpath.Base(offers[i].AcceptURL)+"/accept",
			map[string]string{"first_name": "Ann", "last_name": "Lee", "password": secret})))
	})
	fourAtATime(joining, func(i int) {
		address := fmt.Sprintf("j%d@crowd.example", i)
		begun := s.patiently(s.post(public+"/links/"+urlpath.Base(link)+"/join",
			map[string]string{"email": address, "first_name": "Ann", "last_name": "Lee", "password": secret}))
		if begun.status != http.StatusAccepted {
			t.Errorf("%s: %s", address, begun)
			return
		}
		token := got[struct{ Token string }](t, begun, http.StatusAccepted).Token
		for n := 1; ; n++ { // a form that was sent again has more than one mail, and the last one's code counts
			if !await(func() bool { return len(s.sent(address)) >= n }) {
				t.Errorf("%s: no code", address)
				return
			}
			code := codeLine.FindStringSubmatch(s.sent(address)[n-1].Text)
			answer := s.patiently(s.post(public+"/joins/"+token+"/verify", map[string]string{"code": code[1]}))
			if answer.problem() != "validation_failed" {
				join(invited+i, answer)
				return
			}
		}
	})
	waiting := got[struct{ Items []entry }](t, s.patiently(s.get(path+"/join-requests?limit=200")), http.StatusOK).Items
	if len(waiting) != joining {
		t.Errorf("%d wait for approval, want %d", len(waiting), joining)
	}
	fourAtATime(len(waiting), func(i int) {
		if answer := s.patiently(s.post(path+"/join-requests/"+waiting[i].ID+"/approve", struct{}{})); answer.status != http.StatusOK {
			t.Errorf("approving %s: %s", waiting[i].Email, answer)
		}
	})
	members := s.allPages(path + "/members?limit=50")
	s.served()
	weather.Spoil(nil)
	for address, n := range members {
		if n != 1 {
			t.Errorf("%s is %d members", address, n)
		}
	}
	stored := 0
	for _, i := range s.items(acme) {
		if strings.HasPrefix(i["SK"].(*types.AttributeValueMemberS).Value, "MEMBER#") {
			stored++
		}
	}
	if want := 1 + invited + joining; len(members) != want || stored != want {
		t.Errorf("%d members in the list, %d stored, want %d", len(members), stored, want)
	}
	// Every use of a link is counted once.
	if n := got[struct {
		Uses int `json:"use_count"`
	}](t, s.patiently(s.get(path+"/invite-links/default")), http.StatusOK).Uses; n != joining {
		t.Errorf("the link was used %d times, want %d", n, joining)
	}
	for i, token := range sessions {
		d := s.get("/v1/sessions/current")
		d.header.Set("Authorization", "Bearer "+token)
		if answer := s.patiently(d); answer.status != http.StatusOK {
			t.Errorf("the session of %d: %s", i, answer)
		}
	}
	if n := weather.Counts().Faults[faultproxy.Conflicted]["TransactWriteItems"]; n == 0 {
		t.Error("no transaction was in the way")
	}
}
