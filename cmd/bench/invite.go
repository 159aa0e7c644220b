package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"
)

// batchesAtOnce is how many batches the table writes at once.
const batchesAtOnce = 8

// inviteOne times one invitation beside its three calls alone.
func inviteOne(workers int) func(context.Context, *lab, *site) ([]row, error) {
	return func(ctx context.Context, l *lab, s *site) ([]row, error) {
		c, err := s.beside(ctx, inviteJob, l.plan(16+4*workers, workers), inOrder)
		if err != nil {
			return nil, err
		}
		return []row{{Name: named("invite one", workers), Bound: atMost("ratio", 1.6), Figures: c.figures("floor")}}, nil
	}
}

// inviteThousand times a request with 1,000 recipients beside its batches of inserts alone.
func inviteThousand(ctx context.Context, l *lab, s *site) ([]row, error) {
	c, err := s.beside(ctx, inviteThousandJob, l.plan(1, 1), batchesOnly)
	if err != nil {
		return nil, err
	}
	return []row{{Name: "invite 1,000", Bound: atMost("ratio", 1.5), Figures: []figure{
		{"p50", c.job.quantile(0.5).Seconds(), "s"}, {"floor p50", c.floor.quantile(0.5).Seconds(), "s"},
		{"ratio", c.ratio, ""},
	}}}, nil
}

// replay makes recorded requests again.
type replay func(context.Context, *dynamodb.Client, []any) error

// beside compares a job with its own requests, recorded once.
func (s *site) beside(ctx context.Context, j job, p plan, replay replay) (comparison, error) {
	inputs, err := s.record(ctx, j, 1)
	if err != nil {
		return comparison{}, err
	}
	handler, err := s.handler(j.function, s.db)
	if err != nil {
		return comparison{}, err
	}
	return compare(ctx, p, j.tasks(s, handler), func(_ context.Context, n int) ([]task, error) {
		tasks := make([]task, n)
		for i := range tasks {
			fresh, err := afreshAll(inputs)
			if err != nil {
				return nil, err
			}
			tasks[i].do = func(ctx context.Context) error { return replay(ctx, s.db, fresh) }
		}
		return tasks, nil
	})
}

func afreshAll(inputs []any) (fresh []any, err error) {
	fresh = make([]any, len(inputs))
	for i, input := range inputs {
		if fresh[i], err = afresh(input); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

func inOrder(ctx context.Context, db *dynamodb.Client, inputs []any) error {
	for _, input := range inputs {
		if err := repeatRequest(ctx, db, input); err != nil {
			return err
		}
	}
	return nil
}

func batchesOnly(ctx context.Context, db *dynamodb.Client, inputs []any) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(batchesAtOnce)
	for _, input := range inputs {
		if _, ok := input.(*dynamodb.BatchExecuteStatementInput); ok {
			group.Go(func() error { return repeatRequest(ctx, db, input) })
		}
	}
	return group.Wait()
}
