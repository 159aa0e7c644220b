package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"

	"latchkey/internal/onboarding"
)

// job is something that a function is asked to do: events that ask for it, each with what it needs in the table, and
// what an answer must be.
type job struct {
	name     string
	function string
	events   func(ctx context.Context, s *site, n int) ([][]byte, error)
	check    func(answer []byte) error
}

var (
	inviteJob = job{"invite one", "create-invite", func(_ context.Context, s *site, n int) ([][]byte, error) {
		return repeat(n, func(int) []byte { return s.invitation(1) }), nil
	}, created(1)}

	inviteThousandJob = job{"invite 1,000", "create-invite", func(_ context.Context, s *site, n int) ([][]byte, error) {
		return repeat(n, func(int) []byte { return s.invitation(1000) }), nil
	}, created(1000)}

	inviteTextJob = job{"invite one by text", "create-invite", func(_ context.Context, s *site, n int) ([][]byte, error) {
		return repeat(n, func(int) []byte {
			return request{method: "POST", path: "/v1/organizations/" + organization + "/invitations", token: s.token,
				body: map[string]any{"recipients": []map[string]string{{"phone": phone()}}}}.event()
		}), nil
	}, created(1)}

	acceptJob = job{"accept", "redeem-link", forPending((*site).acceptance), status(http.StatusCreated)}

	declineJob = job{"decline", "redeem-link", forPending(func(s *site, c onboarding.Contact) []byte {
		return request{method: "POST", path: "/v1/public/" + organization + "/invitations/" + s.link(c) + "/decline"}.event()
	}), status(http.StatusNoContent)}

	resendJob = job{"resend", "update-invite", forPending(changing("resend")), status(http.StatusOK)}
	revokeJob = job{"revoke", "update-invite", forPending(changing("revoke")), status(http.StatusOK)}

	signInJob = job{"sign in", "sign-in", func(ctx context.Context, s *site, n int) ([][]byte, error) {
		if err := s.atLeast(ctx, min(n, 60), 0); err != nil { // a login may be tried only so often
			return nil, err
		}
		return repeat(n, func(i int) []byte {
			login := s.members[i%len(s.members)]
			return request{method: "POST", path: "/v1/sessions",
				body: map[string]string{"organization": organization, "login": login, "password": password}}.event()
		}), nil
	}, status(http.StatusCreated)}

	whoAmIJob = job{"authenticate", "sign-in", func(_ context.Context, s *site, n int) ([][]byte, error) {
		r := request{method: "GET", path: "/v1/sessions/current", token: s.token}
		return repeat(n, func(int) []byte { return r.event() }), nil
	}, status(http.StatusOK)}

	listInvitationsJob = job{"list 50 invitations", "browse", func(ctx context.Context, s *site, n int) ([][]byte, error) {
		return repeat(n, s.page("invitations")), s.atLeast(ctx, 0, 60)
	}, listed(50)}

	listMembersJob = job{"list 50 members", "browse", func(ctx context.Context, s *site, n int) ([][]byte, error) {
		return repeat(n, s.page("members")), s.atLeast(ctx, 60, 0)
	}, listed(50)}

	deliverJob = job{"deliver one", "deliver", owing, delivered}

	redriveJob = job{"re-drive", "cleanup", func(_ context.Context, _ *site, n int) ([][]byte, error) {
		tick := []byte(`{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}`)
		return repeat(n, func(int) []byte { return tick }), nil
	}, func([]byte) error { return nil }}
)

// invoke does the job once.
func (j job) invoke(ctx context.Context, h lambda.Handler, event []byte) error {
	answer, err := h.Invoke(ctx, event)
	if err != nil {
		return err
	}
	return j.check(answer)
}

// tasks prepares the job for a handler.
func (j job) tasks(s *site, h lambda.Handler) prepare {
	return func(ctx context.Context, n int) ([]task, error) {
		events, err := j.events(ctx, s, n)
		tasks := make([]task, len(events))
		for i, event := range events {
			var answer []byte
			tasks[i].do = func(ctx context.Context) (err error) {
				answer, err = h.Invoke(ctx, event)
				return err
			}
			tasks[i].check = func() error { return j.check(answer) }
		}
		return tasks, err
	}
}

func repeat(n int, event func(i int) []byte) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = event(i)
	}
	return all
}

// forPending makes an event for each of n invitations that are pending.
func forPending(event func(*site, onboarding.Contact) []byte) func(context.Context, *site, int) ([][]byte, error) {
	return func(ctx context.Context, s *site, n int) ([][]byte, error) {
		contacts, err := s.pend(ctx, n)
		return repeat(len(contacts), func(i int) []byte { return event(s, contacts[i]) }), err
	}
}

func (s *site) invitation(recipients int) []byte {
	people := make([]map[string]string, recipients)
	for i := range people {
		people[i] = map[string]string{"email": address(), "first_name": "Ada", "last_name": "Lovelace"}
	}
	return request{method: "POST", path: "/v1/organizations/" + organization + "/invitations", token: s.token,
		body: map[string]any{"recipients": people}}.event()
}

func (s *site) acceptance(c onboarding.Contact) []byte {
	return request{method: "POST", path: "/v1/public/" + organization + "/invitations/" + s.link(c) + "/accept",
		body: map[string]string{"first_name": "Ada", "last_name": "Lovelace", "password": password}}.event()
}

func changing(act string) func(*site, onboarding.Contact) []byte {
	return func(s *site, c onboarding.Contact) []byte {
		return request{method: "POST", token: s.token,
			path: "/v1/organizations/" + organization + "/invitations/" + c.ID.InvitationID() + "/" + act}.event()
	}
}

func (s *site) page(list string) func(int) []byte {
	r := request{method: "GET", path: "/v1/organizations/" + organization + "/" + list, query: "limit=50", token: s.token}
	return func(int) []byte { return r.event() }
}

// response is what a function answers to the gateway.
type response struct {
	StatusCode int    `json:"statusCode"`
	Body       string `json:"body"`
}

func status(want int) func([]byte) error {
	return func(answer []byte) error {
		var r response
		if err := json.Unmarshal(answer, &r); err != nil {
			return err
		}
		if r.StatusCode != want {
			return fmt.Errorf("answered %d, and not %d: %s", r.StatusCode, want, r.Body)
		}
		return nil
	}
}

// created wants everybody invited who was to be.
func created(n int) func([]byte) error {
	return func(answer []byte) error {
		var r response
		if err := json.Unmarshal(answer, &r); err != nil {
			return err
		}
		want := fmt.Sprintf(`"summary":{"created":%d}`, n)
		if r.StatusCode != http.StatusOK || !strings.Contains(r.Body, want) {
			return fmt.Errorf("answered %d without %s: %.300s", r.StatusCode, want, r.Body)
		}
		return nil
	}
}

// listed wants a full page.
func listed(n int) func([]byte) error {
	return func(answer []byte) error {
		var r response
		var page struct {
			Items []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(answer, &r); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(r.Body), &page); err != nil {
			return err
		}
		if len(page.Items) != n {
			return fmt.Errorf("answered %d, with %d items and not %d", r.StatusCode, len(page.Items), n)
		}
		return nil
	}
}
