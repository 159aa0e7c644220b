package main

import (
	"context"
	"fmt"
	"time"
)

// listFifty times the first page of the pending invitations, with 10,000 of them there.
func listFifty(ctx context.Context, l *lab, s *site) ([]row, error) {
	present := l.few(10_000)
	if err := s.atLeast(ctx, 0, present); err != nil {
		return nil, err
	}
	handler, err := s.handler(listInvitationsJob.function, s.db)
	if err != nil {
		return nil, err
	}
	lists, p := listInvitationsJob.tasks(s, handler), l.plan(100, 1)
	if err := p.warmUp(ctx, lists); err != nil {
		return nil, err
	}
	var t times
	for end := time.Now().Add(p.long / 2); len(t.each) == 0 || time.Now().Before(end); {
		some, err := run(ctx, p.tasks, p.workers, lists, "job")
		if err != nil {
			return nil, err
		}
		t.add(some)
	}
	return []row{{Name: fmt.Sprintf("list 50 of %d", present), Figures: []figure{
		milliseconds("p50", t.quantile(0.5)), milliseconds("p99", t.quantile(0.99)), {"per second", t.rate(), ""},
	}}}, nil
}
