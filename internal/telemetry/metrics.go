package telemetry

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// Metric names.
const (
	Invited  = "Invited"  // invitations written
	Sent     = "Sent"     // messages taken by a provider
	Accepted = "Accepted" // people who became members
	Failed   = "Failed"   // messages given up
	Latency  = "Latency"  // of one request
)

// maxValues is the length of a list of values in the embedded metric format.
const maxValues = 100

// Metrics gathers the figures of one invocation and writes them as a line of CloudWatch's embedded metric format.
// A nil Metrics, and the zero value, take everything and write nothing.
type Metrics struct {
	w               io.Writer
	function, stage string
	now             func() time.Time

	mu        sync.Mutex
	counts    map[string]int
	durations map[string][]float64
}

// NewMetrics makes Metrics that write to w, which in a function is stdout.
func NewMetrics(w io.Writer, function, stage string) *Metrics {
	return &Metrics{w: w, function: function, stage: stage, now: time.Now}
}

// Count adds n to a count. Adding nothing makes no metric.
func (m *Metrics) Count(name string, n int) {
	if m == nil || m.w == nil || n == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = make(map[string]int)
	}
	m.counts[name] += n
}

// Duration adds a value to a metric in milliseconds.
func (m *Metrics) Duration(name string, d time.Duration) {
	if m == nil || m.w == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.durations[name]) == maxValues {
		m.flush()
	}
	if m.durations == nil {
		m.durations = make(map[string][]float64)
	}
	m.durations[name] = append(m.durations[name], Milliseconds(d))
}

// Flush writes what has been gathered, if anything has, as one line. Call it at the end of each invocation.
func (m *Metrics) Flush() {
	if m == nil || m.w == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flush()
}

type definition struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

func (m *Metrics) flush() {
	if len(m.counts) == 0 && len(m.durations) == 0 {
		return
	}
	var defined []definition
	line := map[string]any{"Function": m.function, "Stage": m.stage}
	for _, name := range slices.Sorted(maps.Keys(m.counts)) {
		line[name] = m.counts[name]
		defined = append(defined, definition{name, "Count"})
	}
	for _, name := range slices.Sorted(maps.Keys(m.durations)) {
		line[name] = m.durations[name]
		defined = append(defined, definition{name, "Milliseconds"})
	}
	line["_aws"] = map[string]any{
		"Timestamp": m.now().UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace":  "Latchkey",
			"Dimensions": [][]string{{"Function", "Stage"}},
			"Metrics":    defined,
		}},
	}
	m.counts, m.durations = nil, nil
	b, err := json.Marshal(line)
	if err != nil {
		return // figures, names and strings always marshal
	}
	m.w.Write(append(b, '\n')) // a figure that cannot be written is lost; the invocation is not
}
