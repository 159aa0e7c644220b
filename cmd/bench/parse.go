package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"latchkey/internal/numbers"
	"latchkey/internal/onboarding"
)

// parseRows times reading a pasted list and a table, and what it takes of memory. Beside 10,000 lines stand 1,000: reading takes
// time in proportion, so ten times as many take ten times as long, and a little more: no cache holds them all.
func parseRows(ctx context.Context, l *lab, _ *site) ([]row, error) {
	var rows []row
	for _, kind := range []struct {
		name string
		text func(lines int) string
	}{{"a list", pastedList}, {"a table", pastedTable}} {
		many, few := kind.text(10_000), kind.text(1_000)
		c, err := compare(ctx, l.plan(1, 1), parsing(many, 10_000), parsing(few, 1_000))
		if err != nil {
			return nil, err
		}
		allocated, kept := parseMemory(many)
		rows = append(rows, row{Name: "parse 10,000 lines, " + kind.name, Bound: atMost("ratio to 10 × 1,000", 1.5), Figures: []figure{
			milliseconds("p50", c.job.quantile(0.5)), milliseconds("p99", c.job.quantile(0.99)),
			{"ratio to 10 × 1,000", c.ratio / 10, ""}, {"allocated", allocated, "MB"}, {"kept", kept, "MB"},
		}})
	}
	return rows, nil
}

func parsing(text string, entries int) prepare {
	return func(_ context.Context, n int) ([]task, error) {
		tasks := make([]task, n)
		for i := range tasks {
			var list onboarding.List
			tasks[i].do = func(context.Context) (err error) {
				list, err = onboarding.ParseList(text, "US", numbers.Plan{})
				return err
			}
			tasks[i].check = func() error {
				if len(list.Entries) != entries {
					return fmt.Errorf("%d entries, and not %d", len(list.Entries), entries)
				}
				return nil
			}
		}
		return tasks, nil
	}
}

// parseMemory is what reading a text allocates in all, and what its list keeps, in megabytes.
func parseMemory(text string) (allocated, kept float64) {
	const megabyte = 1 << 20
	var before, after, end runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	list, _ := onboarding.ParseList(text, "US", numbers.Plan{}) // it was read before
	runtime.ReadMemStats(&after)
	runtime.GC()
	runtime.ReadMemStats(&end)
	runtime.KeepAlive(list)
	return float64(after.TotalAlloc-before.TotalAlloc) / megabyte, float64(int64(end.HeapAlloc)-int64(before.HeapAlloc)) / megabyte
}

// pastedList is a list as people paste them: one in four is a phone number, one in ten cannot be read.
func pastedList(lines int) string {
	var b strings.Builder
	for i := range lines {
		switch {
		case i%10 == 9:
			fmt.Fprintf(&b, "nobody %d at example\n", i)
		case i%4 == 1:
			fmt.Fprintf(&b, "(202) 555-%04d\n", i%10_000)
		case i%4 == 2:
			fmt.Fprintf(&b, "\"Lovelace, Ada\" <p%d@people.example>\n", i)
		default:
			fmt.Fprintf(&b, "p%d@people.example\n", i)
		}
	}
	return b.String()
}

func pastedTable(lines int) string {
	var b strings.Builder
	b.WriteString("email;first_name;last_name;job_title;department\n")
	for i := range lines {
		fmt.Fprintf(&b, "p%d@people.example;Ada;Lovelace;\"Analyst; first class\";Engines\n", i)
	}
	return b.String()
}
