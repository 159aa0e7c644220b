package main

import (
	"context"
	"path/filepath"
	"time"

	"latchkey/internal/sam"
)

// nowhere is an endpoint that nothing listens at: a start that called it would fail.
const nowhere = "http://127.0.0.1:1"

// initRows measures the start of each function against the bare one: from the start of the process to its first
// question for an event. Where the key comes from Secrets Manager, the call for it is on top.
func initRows(ctx context.Context, l *lab, _ *site) ([]row, error) {
	env := l.environment(sam.Function{Name: "bare", Memory: 128}, nowhere, nowhere)
	bare := starts(filepath.Join(l.native, "bare"), env)
	var rows []row
	for _, f := range l.functions {
		ours := starts(filepath.Join(l.native, f.Name), l.environment(f, nowhere, nowhere))
		var function, floor []time.Duration
		var ratios []float64
		for range l.few(60) {
			a, err := ours(ctx)
			if err != nil {
				return nil, err
			}
			b, err := bare(ctx)
			if err != nil {
				return nil, err
			}
			function, floor, ratios = append(function, a), append(floor, b), append(ratios, float64(a)/float64(b))
		}
		rows = append(rows, row{Name: "init " + f.Name, Bound: atMost("ratio", 1.3), Figures: []figure{
			milliseconds("p50", median(function)), milliseconds("bare p50", median(floor)), {"ratio", median(ratios), ""},
		}})
	}
	return rows, nil
}

// starts makes what starts a program once, and answers how long it took.
func starts(program string, env []string) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		b, took, err := startBootstrap(ctx, program, env)
		if err != nil {
			return 0, err
		}
		b.stop()
		return took, nil
	}
}
