package main

// The Lambda service: every function is its real bootstrap, which asks for events at the Lambda Runtime API. A process
// handles one invocation at a time; a further one starts when none is idle. What becomes of a process that panics,
// hangs or dies is what becomes of it on Lambda.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"time"

	"latchkey/internal/child"
	"latchkey/internal/sam"
)

const (
	maxProcesses = 16 // of one function; further invocations wait
	initLimit    = 10 * time.Second
	maxPayload   = 6 << 20 // bytes, of an event and of a response
)

var (
	errStopped         = errors.New("the local cloud is stopping")
	errPayloadTooLarge = errors.New("the event is larger than 6 MB")
)

// pool runs one function.
type pool struct {
	function  sam.Function
	bootstrap string
	env       []string
	log       io.Writer     // what the processes print
	initLimit time.Duration // from the start of a process to its first question

	slots chan struct{}

	mu      sync.Mutex
	stopped bool
	idle    []*process
	all     map[*process]struct{}
}

func newPool(f sam.Function, bootstrap string, env []string, log io.Writer) *pool {
	return &pool{
		function: f, bootstrap: bootstrap, env: env, log: log, initLimit: initLimit,
		slots: make(chan struct{}, maxProcesses), all: map[*process]struct{}{},
	}
}

// invocation is one event on its way through a process.
type invocation struct {
	id      string
	payload []byte
	answer  chan answer // holds one
}

type answer struct {
	payload       []byte
	functionError string
}

// invoke hands the function an event and waits for what it makes of it. functionError is not empty where the function
// failed, and the response then says how, in Lambda's words; err is ours: nothing was invoked.
func (p *pool) invoke(ctx context.Context, payload []byte) (response []byte, functionError string, err error) {
	if len(payload) > maxPayload {
		return nil, "", errPayloadTooLarge
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
	inv := &invocation{id: uuid(), payload: payload, answer: make(chan answer, 1)}
	for {
		proc, fresh, err := p.take()
		if err != nil {
			return nil, "", err
		}
		a, begun := proc.run(inv, p.initLimit, p.function.Timeout)
		if begun || fresh {
			p.put(proc)
			return a.payload, a.functionError, nil
		}
		// It died while it was idle, and never saw the event: that is nobody's failure.
	}
}

// take returns an idle process, or else a fresh one.
func (p *pool) take() (proc *process, fresh bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil, false, errStopped
	}
	if n := len(p.idle); n > 0 {
		proc, p.idle = p.idle[n-1], p.idle[:n-1]
		return proc, false, nil
	}
	proc, err = startProcess(p.function, p.bootstrap, p.env, p.log)
	if err != nil {
		return nil, false, fmt.Errorf("start %s: %w", p.function.Name, err)
	}
	p.all[proc] = struct{}{}
	go func() {
		<-proc.child.Done()
		proc.server.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.all, proc)
		p.idle = slices.DeleteFunc(p.idle, func(other *process) bool { return other == proc })
	}()
	return proc, true, nil
}

func (p *pool) put(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, alive := p.all[proc]; alive {
		p.idle = append(p.idle, proc)
	}
}

// pids returns the processes of the function, idle and busy.
func (p *pool) pids() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	pids := []int{}
	for proc := range p.all {
		pids = append(pids, proc.child.Pid())
	}
	slices.Sort(pids)
	return pids
}

// stop kills every process, as Lambda does with an environment it no longer needs. What runs fails.
func (p *pool) stop() {
	p.mu.Lock()
	p.stopped = true
	all := slices.Collect(maps.Keys(p.all))
	p.mu.Unlock()
	for _, proc := range all {
		proc.child.Kill()
	}
}

// process is one bootstrap and the Runtime API that it alone talks to.
type process struct {
	function sam.Function
	child    *child.Process
	server   *http.Server
	work     chan *invocation

	mu        sync.Mutex
	current   *invocation
	initError []byte // what the bootstrap said before it gave up; nil if nothing
}

func startProcess(f sam.Function, bootstrap string, env []string, log io.Writer) (*process, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &process{function: f, work: make(chan *invocation)}
	mux := http.NewServeMux()
	const base = "/2018-06-01/runtime/"
	mux.HandleFunc("GET "+base+"invocation/next", p.next)
	mux.HandleFunc("POST "+base+"invocation/{id}/response", p.response)
	mux.HandleFunc("POST "+base+"invocation/{id}/error", p.failure)
	mux.HandleFunc("POST "+base+"init/error", p.initFailure)
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go p.server.Serve(l)

	cmd := exec.Command(bootstrap)
	cmd.Env = append(slices.Clone(env), "AWS_LAMBDA_RUNTIME_API="+l.Addr().String())
	cmd.Stdout = &lines{to: log, prefix: f.Name + " "}
	cmd.Stderr = cmd.Stdout
	if p.child, err = child.Start(cmd); err != nil {
		p.server.Close()
		return nil, err
	}
	return p, nil
}

// run hands the process an invocation and waits for its end. begun reports whether the process took it.
func (p *process) run(inv *invocation, initLimit, timeout time.Duration) (a answer, begun bool) {
	initTimer := time.NewTimer(initLimit)
	defer initTimer.Stop()
	select {
	case p.work <- inv:
	case <-p.child.Done():
		return p.died(inv), false
	case <-initTimer.C:
		p.child.Kill()
		return inv.timedOut(initLimit), false
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case a = <-inv.answer:
	case <-p.child.Done():
		select {
		case a = <-inv.answer: // it answered, and died of something else
		default:
			a = p.died(inv)
		}
	case <-timer.C:
		p.child.Kill()
		a = inv.timedOut(timeout)
	}
	return a, true
}

func (p *process) next(w http.ResponseWriter, r *http.Request) {
	select {
	case inv := <-p.work:
		p.mu.Lock()
		p.current = inv
		p.mu.Unlock()
		deadline := time.Now().Add(p.function.Timeout)
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", functionARN(p.function.Name))
		h.Set("Lambda-Runtime-Trace-Id", traceID())
		h.Set("Content-Type", "application/json")
		_, _ = w.Write(inv.payload)
	case <-r.Context().Done():
	}
}

func (p *process) response(w http.ResponseWriter, r *http.Request) { p.finish(w, r, "") }

func (p *process) failure(w http.ResponseWriter, r *http.Request) { p.finish(w, r, "Unhandled") }

func (p *process) finish(w http.ResponseWriter, r *http.Request, functionError string) {
	p.mu.Lock()
	inv := p.current
	p.mu.Unlock()
	if inv == nil || inv.id != r.PathValue("id") {
		writeJSON(w, http.StatusBadRequest, lambdaError{"InvalidRequestID", "Invalid request ID"})
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	if err != nil {
		return // the process died while it answered
	}
	a := answer{body, functionError}
	if len(body) > maxPayload {
		a = failed("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size.")
	}
	p.mu.Lock()
	p.current = nil
	p.mu.Unlock()
	inv.answer <- a
	writeJSON(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

func (p *process) initFailure(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload))
	if err != nil {
		return
	}
	p.mu.Lock()
	p.initError = body
	p.mu.Unlock()
	writeJSON(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

func (p *process) died(inv *invocation) answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.initError != nil {
		return answer{p.initError, "Unhandled"}
	}
	return failed("Runtime.ExitError",
		fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %v", inv.id, p.child.Err()))
}

func (inv *invocation) timedOut(after time.Duration) answer {
	return failed("Sandbox.Timedout",
		fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", inv.id, after.Seconds()))
}

// lambdaError is how Lambda tells of a failure.
type lambdaError struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func failed(kind, message string) answer {
	body, err := json.Marshal(lambdaError{kind, message})
	if err != nil {
		panic(err) // two texts always marshal
	}
	return answer{body, "Unhandled"}
}

func functionARN(name string) string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", sam.Region, sam.AccountID, name)
}

func traceID() string {
	var b [20]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("Root=1-%08x-%x;Parent=%x;Sampled=0", time.Now().Unix(), b[:12], b[12:])
}

// uuid returns a random identifier of the form that Lambda and EventBridge use.
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
