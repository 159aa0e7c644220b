package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	quietIdle   = 0.9 // the share of its processors that a quiet machine leaves idle
	quietMoment = 400 * time.Millisecond
)

// quiet waits for the machine to come to rest. What it may wait is one budget for the whole run.
type quiet struct{ left time.Duration }

// wait returns when the processors have been idle for a moment, and reports whether they have: when the budget is
// used up it looks once, and waits no longer. Where there is no /proc, nobody knows, and it does not wait.
func (q *quiet) wait(ctx context.Context) bool {
	for {
		idle, err := idleShare(ctx)
		if err != nil || idle >= quietIdle {
			return err == nil
		}
		if q.left -= quietMoment; q.left <= 0 {
			return false
		}
	}
}

// still reports whether the machine is at rest now that the bench is: it looks twice, for the database may tidy up.
func (q *quiet) still(ctx context.Context) bool {
	for range 2 {
		if idle, err := idleShare(ctx); err == nil && idle >= quietIdle {
			return true
		}
	}
	return false
}

// idleShare looks for a moment at how much of the processors is idle.
func idleShare(ctx context.Context) (float64, error) {
	before, err := cpuTimes()
	if err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(quietMoment):
	}
	after, err := cpuTimes()
	if err != nil {
		return 0, err
	}
	return float64(after.idle-before.idle) / max(1, float64(after.total-before.total)), nil
}

// cpu is how many ticks the processors have spent, and how many of them at rest.
type cpu struct{ idle, total int64 }

func cpuTimes() (c cpu, err error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return c, err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	fields := strings.Fields(string(line)) // cpu user nice system idle iowait irq softirq steal; guest time is in user
	if len(fields) < 9 || fields[0] != "cpu" {
		return c, fmt.Errorf("/proc/stat begins with %q", line)
	}
	for i, field := range fields[1:9] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return c, err
		}
		c.total += ticks
		if i == 3 || i == 4 {
			c.idle += ticks
		}
	}
	return c, nil
}
