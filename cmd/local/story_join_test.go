package main

// The words of the stories about people who join by an invite link.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

var codeLine = regexp.MustCompile(`(?m)^\s*(\d{6})\b`)

// copyLink reads a link as the session of that name.
func (s *story) copyLink(ts *testscript.TestScript, args []string) {
	need(ts, args, 2)
	s.call(ts, []string{"GET", "/v1/organizations/" + s.homes[args[0]] + "/invite-links/" + args[1], "-as", args[0]})
	s.status(ts, []string{"200"})
	s.link(ts, []string{s.text(ts, ".url")})
}

// begin sends the form of a link.
func (s *story) begin(ts *testscript.TestScript, args []string) {
	need(ts, args, 3)
	kind := "email="
	if !strings.Contains(args[2], "@") {
		kind = "phone="
	}
	fields := []string{"POST", "/v1/public/" + args[0] + "/links/" + args[1] + "/join", kind + args[2], "first_name=Ann",
		"last_name=Lee", "password=" + secret}
	s.call(ts, append(fields, args[3:]...))
	if s.last.status == http.StatusAccepted {
		ts.Setenv("JOIN", s.text(ts, ".token"))
		s.secrets = append(s.secrets, s.text(ts, ".token"))
	}
}

// joinsBy goes the whole way: form, code, proof.
func (s *story) joinsBy(ts *testscript.TestScript, args []string) {
	s.begin(ts, args)
	s.status(ts, []string{"202"})
	s.mail(ts, args[2:3])
	s.call(ts, []string{"POST", "/v1/public/" + args[0] + "/joins/" + ts.Getenv("JOIN") + "/verify", "code=" + ts.Getenv("CODE")})
}

// joiners lets a crowd begin, and then prove their addresses all at once.
func (s *story) joiners(ts *testscript.TestScript, args []string) {
	need(ts, args, 3)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	proofs := make([]draft, n)
	for i := range n {
		address := fmt.Sprintf("p%d@crowd.example", i)
		s.begin(ts, append(slices.Clone(args[1:3]), address))
		s.status(ts, []string{"202"})
		s.mail(ts, []string{address})
		proofs[i] = s.draft(ts, []string{"POST", "/v1/public/" + args[1] + "/joins/" + ts.Getenv("JOIN") + "/verify", "code=" + ts.Getenv("CODE")})
	}
	answers, err := s.sendAtOnce(proofs)
	ts.Check(err)
	counts := map[string]int{}
	for _, answer := range answers {
		var session struct{ Member struct{ Status string } }
		ts.Check(json.Unmarshal(answer.body, &session))
		counts[answer.String()+" "+session.Member.Status]++
	}
	tell(ts, counts)
}
