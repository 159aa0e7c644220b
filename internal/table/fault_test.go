package table_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

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

// call is a request on its way.
type call struct {
	operation string // PutItem and the like
	attempt   int    // from 1; the SDK's repetitions count on
	body      []byte
	perform   func(body []byte) (*http.Response, error)
}

// fault answers a request in the table's place. done reports whether it did; else the next fault is asked.
type fault func(c call) (answer *http.Response, done bool, err error)

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
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	c := call{operation: operation, attempt: 1, body: body, perform: func(body []byte) (*http.Response, error) {
		again := r.Clone(r.Context())
		again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return w.next.RoundTrip(again)
	}}
	fmt.Sscanf(r.Header.Get("Amz-Sdk-Request"), "attempt=%d", &c.attempt)
	w.mu.Lock()
	w.calls = append(w.calls, operation)
	w.mu.Unlock()
	for _, f := range w.faults {
		if answer, done, err := f(c); done {
			return answer, err
		}
	}
	return c.perform(body)
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
		if c.attempt > 1 || !slices.Contains(writes, c.operation) {
			return nil, false, nil
		}
		answer, err := c.perform(c.body)
		if err != nil {
			return nil, true, err
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return nil, true, err
		}
		return nil, true, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
}

// first spoils the first n requests for an operation, or for any, the SDK's repetitions counted.
func first(n int, operation string, f fault) fault {
	var mu sync.Mutex
	return func(c call) (*http.Response, bool, error) {
		mu.Lock()
		spoil := n > 0 && (operation == "" || c.operation == operation)
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

// refused answers with an error of this name, and does nothing.
func refused(name string) fault {
	return func(call) (*http.Response, bool, error) {
		return answer(http.StatusBadRequest, map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#" + name,
			"message": "by the test"})
	}
}

// down answers that something is wrong with the table.
func down(call) (*http.Response, bool, error) {
	return answer(http.StatusInternalServerError, map[string]any{"__type": "InternalServerError"})
}

// conflict cancels a transaction as if another one was on its last item.
func conflict(c call) (*http.Response, bool, error) {
	var in struct{ TransactItems []json.RawMessage }
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, true, err
	}
	reasons := make([]map[string]string, len(in.TransactItems))
	for i := range reasons {
		reasons[i] = map[string]string{"Code": "None"}
	}
	reasons[len(reasons)-1] = map[string]string{"Code": "TransactionConflict", "Message": "by the test"}
	return answer(http.StatusBadRequest, map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
		"Message": "by the test", "CancellationReasons": reasons})
}

// unprocessed reads half of the keys of a batch, and gives the others back.
func unprocessed(c call) (*http.Response, bool, error) {
	type keys struct {
		Keys           []json.RawMessage
		ConsistentRead bool
	}
	var in struct{ RequestItems map[string]keys }
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, true, err
	}
	back := map[string]keys{}
	for name, k := range in.RequestItems {
		half := len(k.Keys) / 2
		back[name] = keys{k.Keys[half:], k.ConsistentRead}
		in.RequestItems[name] = keys{k.Keys[:half], k.ConsistentRead}
		if half == 0 {
			return answer(http.StatusOK, map[string]any{"Responses": map[string]any{name: []any{}}, "UnprocessedKeys": back})
		}
	}
	out, err := through(c, in)
	if err != nil {
		return nil, true, err
	}
	out["UnprocessedKeys"] = back
	return answer(http.StatusOK, out)
}

// throttledStatements does every second statement of a batch, and throttles the others.
func throttledStatements(c call) (*http.Response, bool, error) {
	var in struct{ Statements []json.RawMessage }
	if err := json.Unmarshal(c.body, &in); err != nil {
		return nil, true, err
	}
	all := in.Statements
	in.Statements = nil
	for i, s := range all {
		if i%2 == 1 {
			in.Statements = append(in.Statements, s)
		}
	}
	var done []any
	if len(in.Statements) > 0 {
		out, err := through(c, in)
		if err != nil {
			return nil, true, err
		}
		done = out["Responses"].([]any)
	}
	responses := make([]any, len(all))
	for i := range all {
		responses[i] = map[string]any{"Error": map[string]string{"Code": "ThrottlingError", "Message": "by the test"}}
		if i%2 == 1 {
			responses[i] = done[i/2]
		}
	}
	return answer(http.StatusOK, map[string]any{"Responses": responses})
}

// through performs a request with another body.
func through(c call, in any) (map[string]any, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	got, err := c.perform(body)
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(got.Body).Decode(&out); err != nil {
		return nil, err
	}
	if got.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d: %v", got.StatusCode, out)
	}
	return out, nil
}

func answer(status int, body any) (*http.Response, bool, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, true, err
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		ContentLength: int64(len(b)), Body: io.NopCloser(bytes.NewReader(b))}, true, nil
}
