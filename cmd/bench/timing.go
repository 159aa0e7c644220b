package main

import (
	"context"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// task is one run of what is timed. All that it needs has been prepared, and what it answered is checked afterwards.
type task struct {
	do    func(context.Context) error
	check func() error // nil: there is nothing to check
}

// prepare makes n tasks. It is not timed.
type prepare func(ctx context.Context, n int) ([]task, error)

// times is what tasks took: each of them, and all together.
type times struct {
	each  []time.Duration
	whole time.Duration
}

func (t *times) add(u times) {
	t.each = append(t.each, u.each...)
	t.whole += u.whole
}

func (t times) rate() float64 { return float64(len(t.each)) / t.whole.Seconds() }

func (t times) quantile(q float64) time.Duration { return quantile(t.each, q) }

// quantile is the smallest value that a share q of all values does not exceed.
func quantile[T int64 | float64 | time.Duration](values []T, q float64) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, min(len(sorted)-1, int(float64(len(sorted))*q+0.999999)-1))]
}

func median[T int64 | float64 | time.Duration](values []T) T { return quantile(values, 0.5) }

// plan says how two things are compared: in turns of so many tasks each, by so many workers, for about so long.
// Before the first turn comes a warm-up: the database compiles what it does only after it has done it some hundred
// times.
type plan struct {
	tasks, workers int
	warm, long     time.Duration
}

// minTurns makes a median of ratios worth its name.
const minTurns = 5

// comparison is a job beside its floor.
type comparison struct {
	job, floor times
	ratio      float64 // of their p50, turn by turn; the median
}

// compare runs job and floor in turns, and changes which goes first.
func compare(ctx context.Context, p plan, job, floor prepare) (c comparison, err error) {
	if err := p.warmUp(ctx, job); err != nil {
		return c, err
	}
	var ratios []float64
	for end := time.Now().Add(p.long); len(ratios) < minTurns || time.Now().Before(end); {
		var t [2]times
		for i := range t {
			side := (len(ratios) + i) % 2
			prepare, label := job, "job"
			if side == 1 {
				prepare, label = floor, "floor"
			}
			if t[side], err = run(ctx, p.tasks, p.workers, prepare, label); err != nil {
				return c, err
			}
		}
		c.job.add(t[0])
		c.floor.add(t[1])
		ratios = append(ratios, float64(t[0].quantile(0.5))/float64(t[1].quantile(0.5)))
	}
	c.ratio = median(ratios)
	return c, nil
}

func (p plan) warmUp(ctx context.Context, job prepare) error {
	for end := time.Now().Add(p.warm); time.Now().Before(end); {
		if _, err := run(ctx, p.tasks, max(4, p.workers), job, "warm-up"); err != nil {
			return err
		}
	}
	return nil
}

// run prepares so many tasks, and times them.
func run(ctx context.Context, tasks, workers int, prepare prepare, label string) (t times, err error) {
	prepared, err := prepare(ctx, tasks)
	if err != nil {
		return t, err
	}
	runtime.GC() // nobody pays for what another has left
	pprof.Do(ctx, pprof.Labels("side", label), func(ctx context.Context) { t, err = work(ctx, prepared, workers) })
	return t, err
}

func work(ctx context.Context, tasks []task, workers int) (times, error) {
	t := times{each: make([]time.Duration, len(tasks))}
	var taken atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for range workers {
		group.Go(func() error {
			for i := taken.Add(1) - 1; i < int64(len(tasks)); i = taken.Add(1) - 1 {
				start := time.Now()
				if err := tasks[i].do(ctx); err != nil {
					return err
				}
				t.each[i] = time.Since(start)
			}
			return nil
		})
	}
	err := group.Wait()
	t.whole = time.Since(begin)
	for _, task := range tasks {
		if err == nil && task.check != nil {
			err = task.check()
		}
	}
	return t, err
}

func milliseconds(name string, d time.Duration) figure {
	return figure{name, float64(d) / float64(time.Millisecond), "ms"}
}

// figures are those of a comparison, with what the floor is called.
func (c comparison) figures(floor string) []figure {
	return []figure{
		milliseconds("p50", c.job.quantile(0.5)), milliseconds("p99", c.job.quantile(0.99)),
		{"per second", c.job.rate(), ""},
		milliseconds(floor+" p50", c.floor.quantile(0.5)), milliseconds(floor+" p99", c.floor.quantile(0.99)),
		{"ratio", c.ratio, ""},
	}
}
