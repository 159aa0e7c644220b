package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

type revealing struct{ Email, Token string }

func (revealing) String() string { return "ann@example.com" }

type valuer struct{}

func (valuer) LogValue() slog.Value {
	return slog.GroupValue(slog.String("email", "ann@example.com"), slog.String("code", "sesame"))
}

func TestWhatIsNotPermittedNeverGetsIntoALine(t *testing.T) {
	const secret, unmasked = "ann@example.com", "sesame" // a mask would not notice the second
	for name, log := range map[string]func(*slog.Logger){
		"email":                func(l *slog.Logger) { l.Info("x", "email", secret) },
		"token":                func(l *slog.Logger) { l.Info("x", "token", secret) },
		"password":             func(l *slog.Logger) { l.Info("x", "password", secret) },
		"case":                 func(l *slog.Logger) { l.Info("x", "Code", secret) },
		"a field of With":      func(l *slog.Logger) { l.With("email", secret).Info("x") },
		"a group":              func(l *slog.Logger) { l.Info("x", slog.Group("g", "email", secret, "code", unmasked)) },
		"a permitted group":    func(l *slog.Logger) { l.Info("x", slog.Group("code", "email", secret, "code", unmasked)) },
		"a nameless group":     func(l *slog.Logger) { l.Info("x", slog.Group("", "email", secret)) },
		"groups in groups":     func(l *slog.Logger) { l.Info("x", slog.Group("g", slog.Group("h", "code", unmasked))) },
		"WithGroup":            func(l *slog.Logger) { l.WithGroup("g").With("code", unmasked).Info("x", "code", unmasked) },
		"WithGroup twice":      func(l *slog.Logger) { l.WithGroup("g").WithGroup(secret).Info("x", "code", 1) },
		"WithGroup by address": func(l *slog.Logger) { l.WithGroup(secret).Info("x", "code", 1) },
		"a struct":             func(l *slog.Logger) { l.Info("x", "error", revealing{secret, secret}) },
		"a pointer":            func(l *slog.Logger) { l.Info("x", "code", &revealing{secret, secret}) },
		"a map":                func(l *slog.Logger) { l.Info("x", "kind", map[string]string{"email": secret}) },
		"a LogValuer":          func(l *slog.Logger) { l.Info("x", "code", valuer{}) },
		"bytes":                func(l *slog.Logger) { l.Info("x", "error", []byte(secret)) },
		"the message":          func(l *slog.Logger) { l.Info("no mail for " + secret) },
		"the error":            func(l *slog.Logger) { l.Info("x", "error", errors.New("no mail for "+secret)) },
		"an error in code":     func(l *slog.Logger) { l.Info("x", "code", errors.New(secret)) },
		"an id":                func(l *slog.Logger) { l.Info("x", "member_id", secret) },
		"a stack":              func(l *slog.Logger) { l.Info("x", "stack", secret) },
		"an odd argument":      func(l *slog.Logger) { l.Info("x", []any{secret}...) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log(NewLogger(&out, "browse"))
			var line map[string]any
			if err := json.Unmarshal(out.Bytes(), &line); err != nil {
				t.Fatalf("%v: %s", err, out.Bytes())
			}
			if s := out.String(); strings.Contains(s, "ann") || strings.Contains(s, "example") || strings.Contains(s, unmasked) {
				t.Errorf("got through: %s", s)
			}
			if line["function"] != "browse" || line["msg"] == "" {
				t.Errorf("the line lost its own fields: %s", out.Bytes())
			}
		})
	}
}

func TestPermittedFieldsGetThrough(t *testing.T) {
	var out bytes.Buffer
	NewLogger(&out, "browse").With("request_id", "JKJaXmPLvHcESHA=").Warn("request",
		"invitation_id", "inv_0123456789abcdefghijklmnop", "status", 200, "duration_ms", 1.5, "cold_start", true,
		"retry_after_ms", 2*time.Second, "error", fmt.Errorf("put: %w", errors.New("ProvisionedThroughputExceededException")))
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	delete(line, "time")
	want := map[string]any{
		"level": "WARN", "msg": "request", "function": "browse", "request_id": "JKJaXmPLvHcESHA=",
		"invitation_id": "inv_0123456789abcdefghijklmnop", "status": 200.0, "duration_ms": 1.5, "cold_start": true,
		"retry_after_ms": 2000.0, "error": "put: ProvisionedThroughputExceededException",
	}
	if fmt.Sprint(line) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", line, want)
	}
}

func TestMask(t *testing.T) {
	token := "AQEAAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v"
	for in, want := range map[string]string{
		"":                                "",
		"nothing to hide":                 "nothing to hide",
		"to ann@example.com: refused":     "to [address] refused",
		`to "ann b"@example.com: refused`: "to [address] refused",
		"<mailto:ann@example.com>":        "[address]",
		"ann＠example.com":                 "[address]",
		"GET /x?q=ann%40example.com":      "GET [address]",
		"to +49 170 1234567 failed":       "to [number] failed",
		"to +49 (0)170/123-4567":          "to [number]",
		"to %2B491701234567":              "to [number]",
		"to 0170 1234567, twice":          "to [number], twice",
		"to +٤٩١٧٠١٢٣٤":                   "to [number]",
		"/join/acme/" + token:             "/join/acme/[token]",
		"Bearer " + token + "=":           "Bearer [token]",
		"key 01ARZ3NDEKTSV4RRFFQ69G5FAV":  "key [token]",
		"StatusCode: 400, RequestID: 52fdfc07-2182-654f-163f-5f0f9a621d72, ConditionalCheckFailedException: no": "StatusCode: 400, " +
			"RequestID: 52fdfc07-2182-654f-163f-5f0f9a621d72, ConditionalCheckFailedException: no",
		"idempotency_key_reused on 2026-11-22 after 5 attempts": "idempotency_key_reused on 2026-11-22 after 5 attempts",
	} {
		if got := Mask(in); got != want {
			t.Errorf("Mask(%q)\n got %q\nwant %q", in, got, want)
		}
	}
}

func FuzzMaskLeavesNoAddress(f *testing.F) {
	f.Add("to ann@example.com", "x")
	f.Add(`"a b"@c`, "@")
	f.Fuzz(func(t *testing.T, before, after string) {
		if got := Mask(before + "ann@example.com" + after); strings.ContainsAny(got, "@") {
			t.Errorf("Mask left %q", got)
		}
	})
}

func TestMetricsAreOneLineAnInvocation(t *testing.T) {
	var out bytes.Buffer
	m := NewMetrics(&out, "create-invite", "prod")
	m.now = func() time.Time { return time.UnixMilli(1763800000000) }
	m.Count(Invited, 2)
	m.Count(Invited, 3)
	m.Count(Failed, 0)
	m.Duration(Latency, 1500*time.Microsecond)
	m.Duration(Latency, 2*time.Second)
	m.Flush()
	m.Flush()
	const want = `{"Function":"create-invite","Invited":5,"Latency":[1.5,2000],"Stage":"prod","_aws":{"CloudWatchMetrics":` +
		`[{"Dimensions":[["Function","Stage"]],"Metrics":[{"Name":"Invited","Unit":"Count"},` +
		`{"Name":"Latency","Unit":"Milliseconds"}],"Namespace":"Latchkey"}],"Timestamp":1763800000000}}` + "\n"
	if got := out.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestMetricsHoldNoMoreThanAHundredValuesALine(t *testing.T) {
	var out bytes.Buffer
	m := NewMetrics(&out, "deliver", "prod")
	for range 250 {
		m.Duration(Latency, time.Millisecond)
	}
	m.Flush()
	values := 0
	for line := range bytes.Lines(out.Bytes()) {
		var l struct{ Latency []float64 }
		if err := json.Unmarshal(line, &l); err != nil || len(l.Latency) > 100 {
			t.Fatalf("%d values, %v", len(l.Latency), err)
		}
		values += len(l.Latency)
	}
	if values != 250 {
		t.Errorf("%d values, want 250", values)
	}
}

func TestNoMetricsAreHarmless(t *testing.T) {
	for _, m := range []*Metrics{nil, {}} {
		m.Count(Sent, 1)
		m.Duration(Latency, time.Second)
		m.Flush()
	}
}
