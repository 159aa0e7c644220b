package main

// What goes wrong between a function and AWS, on purpose.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// faults are those that are still to come. The kinds:
//
//	die       not made: its caller is killed (-9) before
//	kill      the call is made, and its caller killed before it hears the answer
//	lose      the call is made, and the connection breaks off before the answer
//	throttle  not made: too much at once
//	fail      not made: the service has a fault
//	refuse    not made: SES or SNS refuses the message for good
//	pause     not made: the account's sending is paused; of SNS, the account may not send
//	hold      made once it is let go
type faults struct {
	mu   sync.Mutex
	list []oneFault
}

type oneFault struct {
	function, action, kind string
	left                   int
	text                   string // that the call holds
	reached, release       chan struct{}
}

// take uses a fault up, if there is one for this call.
func (f *faults) take(c call) (one oneFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.list, func(one oneFault) bool {
		return one.left > 0 && one.function == c.function && one.action == c.action &&
			bytes.Contains(c.body, []byte(one.text))
	})
	if i < 0 {
		return oneFault{}
	}
	f.list[i].left--
	return f.list[i]
}

func (f *faults) add(one oneFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, one)
}

// left is how many have not happened.
func (f *faults) left() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.list {
		n += one.left
	}
	return n
}

// intercept is for options.intercept. kill ends the processes of a function.
func (f *faults) intercept(kill func(function string)) func(call, http.Handler) http.Handler {
	return func(c call, next http.Handler) http.Handler {
		one := f.take(c)
		if one.kind == "" {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if answer, ok := snsFaults[one.kind]; ok && c.service == "sns" {
				writeSNSError(w, answer.status, answer.code, answer.message)
				return
			}
			switch kind := one.kind; kind {
			case "die", "kill", "lose":
				if kind != "die" {
					// Another fault may kill the caller meanwhile: the call is made all the same.
					next.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
				}
				if kind != "lose" {
					kill(c.function)
					<-r.Context().Done() // its end closes the connection
				}
				panic(http.ErrAbortHandler)
			case "hold":
				close(one.reached)
				<-one.release
				next.ServeHTTP(w, r)
			case "throttle":
				reject(w, c, http.StatusTooManyRequests, "TooManyRequestsException", "ThrottlingException")
			case "fail":
				reject(w, c, http.StatusServiceUnavailable, "ServiceUnavailableException", "InternalServerError")
			case "refuse":
				reject(w, c, http.StatusBadRequest, "MessageRejected", "AccessDeniedException")
			case "pause":
				reject(w, c, http.StatusBadRequest, "SendingPausedException", "AccessDeniedException")
			}
		})
	}
}

// snsFaults are the answers of SNS: https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html and API_Publish.html.
var snsFaults = map[string]struct {
	status        int
	code, message string
}{
	"throttle": {http.StatusBadRequest, "Throttling", "Rate exceeded"},
	"fail":     {http.StatusInternalServerError, "InternalError", "on purpose"},
	"refuse":   {http.StatusBadRequest, invalidParameter, "Invalid parameter: PhoneNumber Reason: is not valid to publish to"},
	"pause":    {http.StatusForbidden, "AuthorizationError", "on purpose"},
}

// reject answers as SES or DynamoDB would. DynamoDB throttles with a 400.
func reject(w http.ResponseWriter, c call, status int, ses, dynamodb string) {
	if c.service == "ses" {
		w.Header().Set("X-Amzn-Errortype", ses)
		writeMessage(w, status, "on purpose")
		return
	}
	if status < http.StatusInternalServerError {
		status = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	writeJSON(w, status, map[string]string{
		"__type": "com.amazonaws.dynamodb.v20120810#" + dynamodb, "message": "on purpose",
	})
}

// own-cloud [PARAMETER=VALUE ...]
func (s *story) ownCloud(ts *testscript.TestScript, args []string) {
	parameters, still := map[string]string{}, len(args) > 0 && args[0] == "still"
	if still {
		args = args[1:]
	}
	for _, a := range args {
		name, value, ok := strings.Cut(a, "=")
		if !ok {
			ts.Fatalf("%q is not PARAMETER=VALUE", a)
		}
		parameters[name] = value
	}
	var c *cloud
	c = startCloud(s.t, options{root: repository, parameters: parameters, noStreams: still, intercept: s.faults.intercept(func(function string) {
		for _, pid := range c.functions[function].pids() {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
		}
	})})
	s.cloud = c
	s.t.Cleanup(func() { logHoldsNoSecret(s.t, c) })
}

// meanwhile FUNCTION ACTION[:TEXT] FIRST SECOND
func (s *story) meanwhile(ts *testscript.TestScript, args []string) {
	need(ts, args, 4)
	first, ok1 := s.drafts[args[2]]
	second, ok2 := s.drafts[args[3]]
	if !ok1 || !ok2 {
		ts.Fatalf("these are no requests: %s", args[2:])
	}
	action, text, _ := strings.Cut(args[1], ":")
	hold := oneFault{
		function: args[0], action: action, text: text, kind: "hold", left: 1,
		reached: make(chan struct{}), release: make(chan struct{}),
	}
	s.faults.add(hold)
	var answers [2]reply
	var errs [2]error
	done := make(chan struct{})
	go func() {
		defer close(done)
		answers[0], errs[0] = first.send(s.t.Context())
	}()
	select {
	case <-hold.reached:
		answers[1], errs[1] = second.send(s.t.Context())
	case <-done:
		errs[1] = errors.New("the first request does not make that call")
	}
	close(hold.release)
	<-done
	fmt.Fprintf(ts.Stdout(), "%s + %s\n%s\n%s\n", answers[0], answers[1], answers[0].body, answers[1].body)
	ts.Check(errors.Join(errs[:]...))
}

// fault FUNCTION ACTION KIND [N [TEXT]], or fault none: all must have happened.
func (s *story) fault(ts *testscript.TestScript, args []string) {
	if len(args) == 1 && args[0] == "none" {
		if n := s.faults.left(); n > 0 {
			ts.Fatalf("%d faults did not happen", n)
		}
		return
	}
	need(ts, args, 3)
	one := oneFault{function: args[0], action: args[1], kind: args[2], left: 1}
	if len(args) > 3 {
		var err error
		one.left, err = strconv.Atoi(args[3])
		ts.Check(err)
	}
	if len(args) > 4 {
		one.text = args[4]
	}
	s.faults.add(one)
}
