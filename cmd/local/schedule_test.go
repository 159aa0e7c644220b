package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/internal/sam"
)

func TestARateInvokesAtEveryIntervalUntilItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		var at []time.Duration
		var payload []byte
		var log bytes.Buffer
		invoke := func(_ context.Context, p []byte) ([]byte, string, error) {
			at, payload = append(at, time.Since(began)), p
			return []byte("out of order"), "Unhandled", nil
		}
		done := make(chan error)
		go func() {
			done <- runSchedule(ctx, "cleanup", sam.Schedule{Name: "EveryMinute", Expression: "rate(1 minute)"}, invoke, &log)
		}()
		time.Sleep(2*time.Minute + time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(at) != 2 || at[0] != time.Minute || at[1] != 2*time.Minute {
			t.Errorf("invoked at %v", at)
		}
		var event struct {
			Source     string   `json:"source"`
			DetailType string   `json:"detail-type"`
			ID         string   `json:"id"`
			Time       string   `json:"time"`
			Resources  []string `json:"resources"`
		}
		if err := json.Unmarshal(payload, &event); err != nil {
			t.Fatal(err)
		}
		if _, err := time.Parse("2006-01-02T15:04:05Z", event.Time); err != nil || event.Source != "aws.events" ||
			event.DetailType != "Scheduled Event" || len(event.ID) != 36 ||
			!strings.Contains(event.Resources[0], "cleanup-EveryMinute") {
			t.Errorf("event %s", payload)
		}
		if !strings.Contains(log.String(), "cleanup: schedule: out of order") {
			t.Errorf("log %q", log.String())
		}
	})
}

func TestAScheduleWithAnInputSendsIt(t *testing.T) {
	got, err := scheduledEvent("f", sam.Schedule{Input: `{"a":1}`}, time.Now())
	if err != nil || string(got) != `{"a":1}` {
		t.Errorf("%s %v", got, err)
	}
}

func TestRates(t *testing.T) {
	for expression, want := range map[string]time.Duration{
		"rate(1 minute)": time.Minute, "rate(5 minutes)": 5 * time.Minute, "rate(1 hour)": time.Hour,
		"rate(2 days)":    48 * time.Hour,
		"rate(1 minutes)": 0, "rate(5 minute)": 0, "rate(0 minutes)": 0, "rate(1 second)": 0, "cron(0 3 * * ? *)": 0, "": 0,
	} {
		got, err := parseRate(expression)
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %v %v", expression, got, err)
		}
	}
}
