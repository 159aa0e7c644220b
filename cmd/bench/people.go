package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"latchkey/internal/onboarding"
)

// pendingInvitations are there beside the crowd: counting and dismissing read them.
const pendingInvitations = 1000

var (
	addJob = job{"add a member", "add-user", func(_ context.Context, s *site, n int) ([][]byte, error) {
		return repeat(n, func(i int) []byte {
			body := map[string]any{"email": address(), "first_name": "Ada", "last_name": "Lovelace"}
			if len(s.crowd.departments) > 0 {
				body["department_ids"] = []string{s.crowd.departments[i%departments].String()}
			}
			return request{method: "POST", path: "/v1/organizations/" + organization + "/members", token: s.token, body: body}.event()
		}), nil
	}, status(http.StatusOK)}

	dismissJob = job{"dismiss a member", "update-user", func(ctx context.Context, s *site, n int) ([][]byte, error) {
		hired, err := s.hire(ctx, n)
		return repeat(len(hired), func(i int) []byte {
			return request{method: "POST", token: s.token,
				path: "/v1/organizations/" + organization + "/members/" + hired[i].ID.String() + "/dismiss"}.event()
		}), err
	}, status(http.StatusOK)}

	countJob = job{"count by status", "browse", func(_ context.Context, s *site, n int) ([][]byte, error) {
		r := request{method: "GET", path: "/v1/organizations/" + organization + "/members/counts", token: s.token}
		return repeat(n, func(int) []byte { return r.event() }), nil
	}, status(http.StatusOK)}
)

// listOf lists the first page of members that a query asks for.
func listOf(what string, want int, query func(*site) url.Values) job {
	return job{"list " + what, "browse", func(_ context.Context, s *site, n int) ([][]byte, error) {
		r := request{method: "GET", path: "/v1/organizations/" + organization + "/members", query: query(s).Encode(), token: s.token}
		return repeat(n, func(int) []byte { return r.event() }), nil
	}, listed(want)}
}

func asking(pairs ...string) func(*site) url.Values {
	return func(*site) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
}

// peopleRows counts and times what is done with an organization of 10,000 members, each beside its own requests alone, and
// beside the hash of a password where the job makes one.
func peopleRows(ctx context.Context, l *lab, s *site) ([]row, error) {
	size := l.few(10_000)
	if _, err := s.hire(ctx, size); err != nil {
		return nil, err
	}
	if err := s.weigh(ctx); err != nil {
		return nil, err
	}
	if _, err := s.pend(ctx, l.few(pendingInvitations)); err != nil {
		return nil, err
	}
	department := func(s *site) url.Values { return url.Values{"department_id": {s.crowd.departments[0].String()}} }
	group := func(s *site) url.Values { return url.Values{"group_id": {s.crowd.groups[0].String()}} }
	newest := func(s *site) url.Values {
		v := department(s)
		v.Set("sort", string(onboarding.NewestFirst))
		return v
	}
	var rows []row
	for _, one := range []struct {
		job
		bound  *bound
		hashes bool
	}{
		{listOf("50, newest first", 50, asking()), atMost("calls", 2), false},
		{listOf("50 by name", 50, asking("sort", "name")), atMost("calls", 2), false},
		{listOf("50 of a department", 50, department), atMost("calls", 2), false},
		{listOf("50 of a group", 50, group), atMost("calls", 2), false},
		{listOf("50 guests", 50, asking("member_type", "guest")), nil, false},
		{listOf("50 of a department, newest first", 50, newest), nil, false},
		{listOf("whom a word finds once", 1, asking("q", rareName)), nil, false},
		{listOf("the one of an address", 1, func(s *site) url.Values { return url.Values{"q": {s.crowd.address}} }), exactly("calls", 3), false},
		{countJob, exactly("calls", 3), false},
		{addJob, exactly("calls", 5), true},
		{dismissJob, exactly("calls", 4), false},
		{acceptJob, exactly("calls", 2), true},
		{approveJob, exactly("calls", 3), false},
	} {
		n, err := s.count(ctx, one.job)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
		c, err := s.besideItself(ctx, one.job, l.turns(n), one.hashes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
		rows = append(rows, row{Name: fmt.Sprintf("of %d: %s", size, one.name), Bound: one.bound, Figures: []figure{
			{"calls", float64(n.calls), ""}, {"write units", n.writes, ""}, {"read units", n.reads, ""},
			milliseconds("p50", c.job.quantile(0.5)), milliseconds("floor p50", c.floor.quantile(0.5)), {"ratio", c.ratio, ""},
		}})
	}
	return rows, nil
}

// turns is the plan for one of many rows: the more a job reads, the fewer of it.
func (l *lab) turns(n counts) plan {
	p := plan{max(2, min(20, int(400/n.reads))), 1, time.Second, 4 * time.Second}
	if l.quick {
		p = plan{2, 1, 0, 0}
	}
	return p
}

// besideItself compares a job with its own requests for other people, which nothing else has made yet.
func (s *site) besideItself(ctx context.Context, j job, p plan, hashes bool) (comparison, error) {
	handler, err := s.handler(j.function, s.db)
	if err != nil {
		return comparison{}, err
	}
	chosen, err := onboarding.NewPassword(password)
	if err != nil {
		return comparison{}, err
	}
	return compare(ctx, p, j.tasks(s, handler), func(ctx context.Context, n int) ([]task, error) {
		requests, err := s.ahead(ctx, j, n)
		tasks := make([]task, len(requests))
		for i := range tasks {
			tasks[i].do = func(ctx context.Context) error {
				if hashes {
					chosen.Hash(s.world)
				}
				return inOrder(ctx, s.db, requests[i])
			}
		}
		return tasks, err
	})
}
