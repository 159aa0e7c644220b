package main

import (
	"context"
	"strconv"

	"latchkey/internal/onboarding"
)

// accept times an acceptance beside the hash of its password alone, by as many workers.
func accept(workers int) func(context.Context, *lab, *site) ([]row, error) {
	return func(ctx context.Context, l *lab, s *site) ([]row, error) {
		handler, err := s.handler(acceptJob.function, s.db)
		if err != nil {
			return nil, err
		}
		c, err := compare(ctx, l.plan(4+3*workers, workers), acceptJob.tasks(s, handler), s.hashes)
		if err != nil {
			return nil, err
		}
		return []row{{Name: named("accept", workers), Bound: atMost("ratio", 1.3), Figures: c.figures("hash")}}, nil
	}
}

func (s *site) hashes(_ context.Context, n int) ([]task, error) {
	chosen, err := onboarding.NewPassword(password)
	tasks := make([]task, n)
	for i := range tasks {
		tasks[i].do = func(context.Context) error {
			chosen.Hash(s.world)
			return nil
		}
	}
	return tasks, err
}

func named(job string, workers int) string {
	if workers == 1 {
		return job + ", 1 worker"
	}
	return job + ", " + strconv.Itoa(workers) + " workers"
}
