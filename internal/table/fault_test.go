package table_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"latchkey/internal/dynamolocal/faultproxy"
	"latchkey/internal/table"
)

// DynamoDB Local never throttles, never conflicts and never loses an answer. The wire does it in its place.

// wire stands between a client and the table. It remembers what went over it, and its faults may spoil it.
type wire struct {
	next   http.RoundTripper
	faults []fault

	mu    sync.Mutex
	calls []string
}

type call = faultproxy.Call

// fault may answer a request in the table's place. done reports whether it did; else the next fault is asked.
type fault func(c call) (answer *http.Response, done bool, err error)

// always makes a fault of one of faultproxy's.
func always(f faultproxy.Fault) fault {
	return func(c call) (*http.Response, bool, error) {
		answer, err := f(c)
		return answer, true, err
	}
}

// over is the store behind a wire with these faults. The SDK repeats without waiting.
func (s *stage) over(faults ...fault) (*table.Table, *wire) {
	w := &wire{next: transport, faults: faults}
	return table.New(dynamodb.New(s.db.Options(), func(o *dynamodb.Options) {
		o.HTTPClient = &http.Client{Transport: w}
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			o.RateLimiter = ratelimit.None
		})
	}), s.name), w
}

var transport = &http.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	c := faultproxy.NewCall(r, body, func(body []byte) (*http.Response, error) {
		again := r.Clone(r.Context())
		again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return w.next.RoundTrip(again)
	})
	w.mu.Lock()
	w.calls = append(w.calls, c.Operation)
	w.mu.Unlock()
	for _, f := range w.faults {
		if answer, done, err := f(c); done {
			return answer, err
		}
	}
	return c.Do(body)
}

// reset forgets what went over the wire, and answers it.
func (w *wire) reset() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

func (w *wire) count(operation string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.calls {
		if c == operation {
			n++
		}
	}
	return n
}

var writes = []string{"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchExecuteStatement"}

// lost does each write, and then breaks the connection before its answer comes through: the SDK repeats it.
func lost() fault {
	return func(c call) (*http.Response, bool, error) {
		if c.Attempt > 1 || !slices.Contains(writes, c.Operation) {
			return nil, false, nil
		}
		return always(faultproxy.Lose)(c)
	}
}

// first spoils the first n requests for an operation, or for any, the SDK's repetitions counted.
func first(n int, operation string, f fault) fault {
	var mu sync.Mutex
	return func(c call) (*http.Response, bool, error) {
		mu.Lock()
		spoil := n > 0 && (operation == "" || c.Operation == operation)
		if spoil {
			n--
		}
		mu.Unlock()
		if !spoil {
			return nil, false, nil
		}
		return f(c)
	}
}

// The faults of faultproxy, as these tests use them.
var (
	// down answers that something is wrong with the table.
	down = always(faultproxy.Refuse(http.StatusInternalServerError, "InternalServerError"))
	// conflict cancels a transaction as if another one was on its last item.
	conflict = always(faultproxy.Conflict(func(n int) int { return n - 1 }))
	// unprocessed reads half of the keys of a batch, and gives the others back.
	unprocessed = always(faultproxy.Partly(func(i, n int) string {
		if i < n/2 {
			return ""
		}
		return "ThrottlingError"
	}))
	// throttledStatements does every second statement of a batch, and throttles the others.
	throttledStatements = always(faultproxy.Partly(func(i, _ int) string {
		if i%2 == 1 {
			return ""
		}
		return "ThrottlingError"
	}))
)

// refused answers with an error of this name, and does nothing.
func refused(name string) fault { return always(faultproxy.Refuse(http.StatusBadRequest, name)) }
