// Package faultproxy stands between a client and DynamoDB, and spoils what goes through: DynamoDB Local itself never
// throttles, never conflicts and never loses an answer.
//
// A Fault spoils one call, and a test says which. A Proxy spoils calls by chance. It draws from the source that it is given,
// so the same source and the same order of calls give the same faults.
package faultproxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind is a way in which a call goes wrong.
type Kind string

const (
	Throttled  Kind = "throttled"  // refused: too much at once
	Down       Kind = "down"       // refused: InternalServerError, or 503
	Unarrived  Kind = "unarrived"  // the connection breaks before the call
	Lost       Kind = "lost"       // done; the connection breaks before the answer
	Shortened  Kind = "shortened"  // done; the connection breaks in the answer
	Conflicted Kind = "conflicted" // a write, refused: a transaction is in its way
	Partial    Kind = "partial"    // an entry of a batch, refused or handed back; the others are done
)

// whole are the kinds that befall a call as a whole, at the most one of them.
var whole = []Kind{Throttled, Down, Unarrived, Lost, Shortened, Conflicted}

// Rates are how often each kind happens, from 0 to 1: of calls, and Partial of a batch's entries, each on its own. A batch
// that is done in part can be lost besides.
type Rates map[Kind]float64

// Mixed spoils so many of the calls that can go wrong in all ways but one, in equal parts, and so many entries of batches.
// Writes, which can conflict too, go wrong a fifth oftener.
func Mixed(rate float64) Rates {
	r := Rates{Partial: rate}
	for _, k := range whole {
		r[k] = rate / float64(len(whole)-1)
	}
	return r
}

// Counts are how often something happened, by operation.
type Counts struct {
	Calls    map[string]int // that came
	Repeated map[string]int // of these, the SDK's repetitions
	Faults   map[Kind]map[string]int
}

// Of is how often a kind happened, in all operations.
func (c Counts) Of(k Kind) int { return sum(c.Faults[k]) }

func (c Counts) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d calls %v, %d of them repeated %v", sum(c.Calls), c.Calls, sum(c.Repeated), c.Repeated)
	for _, k := range slices.Sorted(maps.Keys(c.Faults)) {
		fmt.Fprintf(&b, "\n%s: %d %v", k, c.Of(k), c.Faults[k])
	}
	return b.String()
}

func sum(counts map[string]int) (n int) {
	for _, one := range counts {
		n += one
	}
	return n
}

// Proxy spoils calls by chance. It begins with spoiling none.
type Proxy struct {
	mu     sync.Mutex
	source rand.Source
	rates  Rates
	counts Counts
}

// New makes a proxy whose faults follow from the source, which is its own from now on.
func New(source rand.Source) *Proxy {
	p := &Proxy{source: source}
	p.Reset()
	return p
}

// Spoil sets the rates from now on.
func (p *Proxy) Spoil(r Rates) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rates = maps.Clone(r)
}

// Counts are what happened since the last Reset.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := Counts{maps.Clone(p.counts.Calls), maps.Clone(p.counts.Repeated), map[Kind]map[string]int{}}
	for k, operations := range p.counts.Faults {
		c.Faults[k] = maps.Clone(operations)
	}
	return c
}

// Reset forgets what happened.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts = Counts{map[string]int{}, map[string]int{}, map[Kind]map[string]int{}}
}

// operations are those that are spoiled, and whether a transaction can be in their way.
var operations = map[string]bool{
	"GetItem": false, "Query": false, "Scan": false, "BatchGetItem": false, "BatchWriteItem": false, "BatchExecuteStatement": false,
	"PutItem": true, "UpdateItem": true, "DeleteItem": true, "TransactWriteItems": true,
}

// Do makes a call, or spoils it. It is a Fault.
func (p *Proxy) Do(c Call) (*http.Response, error) {
	writes, spoiled := operations[c.Operation]
	if !spoiled {
		return c.Do(c.Body)
	}
	rates, r := p.begin(c)
	struck := func(k Kind) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.counts.Faults[k] == nil {
			p.counts.Faults[k] = map[string]int{}
		}
		p.counts.Faults[k][c.Operation]++
	}
	spoil := Fault(func(c Call) (*http.Response, error) { return c.Do(c.Body) })
	for chance, kinds := r.Float64(), whole; len(kinds) > 0; kinds = kinds[1:] {
		k := kinds[0]
		if k == Conflicted && !writes {
			continue
		}
		if chance < rates[k] {
			struck(k)
			spoil = one(k, r)
			break
		}
		chance -= rates[k]
	}
	if strings.HasPrefix(c.Operation, "Batch") && rates[Partial] > 0 {
		next := c
		c.Do = func(body []byte) (*http.Response, error) {
			next.Body = body
			return Partly(func(i, n int) string {
				// DynamoDB throttles the whole call rather than hand everything back.
				first := i == 0 && c.Operation != "BatchExecuteStatement"
				if r.Float64() >= rates[Partial] || first {
					return ""
				}
				struck(Partial)
				return pick(r, statementCodes)
			})(next)
		}
	}
	return spoil(c)
}

// begin counts a call, and draws what its faults are drawn from: so they do not depend on how long other calls take.
func (p *Proxy) begin(c Call) (Rates, *rand.Rand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Calls[c.Operation]++
	if c.Attempt > 1 {
		p.counts.Repeated[c.Operation]++
	}
	return p.rates, rand.New(rand.NewPCG(p.source.Uint64(), p.source.Uint64()))
}

var (
	throttles      = []string{"ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"}
	statementCodes = []string{"ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded", "TransactionConflict",
		"InternalServerError"}
)

func one(k Kind, r *rand.Rand) Fault {
	switch k {
	case Throttled:
		return Refuse(http.StatusBadRequest, pick(r, throttles))
	case Down:
		return pick(r, []Fault{Refuse(http.StatusInternalServerError, "InternalServerError"),
			Refuse(http.StatusServiceUnavailable, "ServiceUnavailable")})
	case Unarrived:
		return Drop
	case Lost:
		return Lose
	case Shortened:
		return Cut
	case Conflicted:
		return Conflict(r.IntN)
	}
	panic("no such kind: " + k)
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// Over is a handler that spoils what it hands on to next. A call that has arrived is done, whether its caller waits or not.
// What is no call to DynamoDB goes through.
func (p *Proxy) Over(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		service, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "_")
		if service != "DynamoDB" {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		got, err := p.Do(NewCall(r, body, func(body []byte) (*http.Response, error) {
			again, answer := withBody(r.WithContext(context.WithoutCancel(r.Context())), body), httptest.NewRecorder()
			next.ServeHTTP(answer, again)
			return answer.Result(), nil
		}))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), got.Header)
		if got.ContentLength >= 0 {
			w.Header().Set("Content-Length", fmt.Sprint(got.ContentLength))
		}
		w.WriteHeader(got.StatusCode)
		if _, err := io.Copy(w, got.Body); err != nil {
			_ = http.NewResponseController(w).Flush() // else what was written of it goes with the connection
			panic(http.ErrAbortHandler)
		}
	})
}

// NewCall is the call that a request with this body makes.
func NewCall(r *http.Request, body []byte, do func(body []byte) (*http.Response, error)) Call {
	c := Call{Attempt: 1, Body: body, Do: do}
	_, c.Operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	_, _ = fmt.Sscanf(r.Header.Get("Amz-Sdk-Request"), "attempt=%d", &c.Attempt) // absent with other clients
	return c
}

func withBody(r *http.Request, body []byte) *http.Request {
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r
}

// Start serves the proxy in front of the DynamoDB at target, on a free port of the loopback interface.
func (p *Proxy) Start(target string) (address string, stop func(), err error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	forward := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(u) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true},
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: p.Over(forward)}
	go server.Serve(l)
	return "http://" + l.Addr().String(), func() { server.Close() }, nil
}
