package main

// Schedules: rate(…) expressions of the template, as EventBridge runs them.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	"latchkey/internal/sam"
)

var rate = regexp.MustCompile(`^rate\(([1-9][0-9]*) (minute|hour|day)(s?)\)$`)

// parseRate reads rate(1 minute) and rate(5 minutes): the plural belongs to every number but one.
func parseRate(expression string) (time.Duration, error) {
	m := rate.FindStringSubmatch(expression)
	if m == nil || (m[1] == "1") != (m[3] == "") {
		return 0, fmt.Errorf("the schedule %q is not understood, only rate(…) is", expression)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, err
	}
	unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[m[2]]
	return time.Duration(n) * unit, nil
}

// runSchedule invokes the function at every interval, the first time after one. Runs do not overlap.
func runSchedule(ctx context.Context, function string, s sam.Schedule, invoke invoker, log io.Writer) error {
	every, err := parseRate(s.Expression)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			payload, err := scheduledEvent(function, s, now)
			if err != nil {
				return err
			}
			response, functionError, err := invoke(ctx, payload)
			if err != nil && ctx.Err() == nil {
				fmt.Fprintf(log, "%s: schedule: %v\n", function, err)
			} else if functionError != "" {
				fmt.Fprintf(log, "%s: schedule: %s\n", function, response)
			}
		}
	}
}

func scheduledEvent(function string, s sam.Schedule, now time.Time) ([]byte, error) {
	if s.Input != "" {
		return []byte(s.Input), nil
	}
	return json.Marshal(map[string]any{
		"version": "0", "id": uuid(), "detail-type": "Scheduled Event", "source": "aws.events",
		"account": sam.AccountID, "region": sam.Region, "time": now.UTC().Truncate(time.Second), "detail": struct{}{},
		"resources": []string{fmt.Sprintf("arn:aws:events:%s:%s:rule/%s-%s", sam.Region, sam.AccountID, function, s.Name)},
	})
}
