package main

// A bootstrap is a function's real program under a Lambda Runtime API of the bench's own, which hands it one event
// after another.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"latchkey/internal/child"
	"latchkey/internal/sam"
)

const startLimit = 10 * time.Second // what Lambda allows

type bootstrap struct {
	process *child.Process
	server  *http.Server
	said    *bytes.Buffer // read it only when the process has ended
	asked   chan time.Time
	events  chan []byte
	answers chan answer
}

type answer struct {
	payload []byte
	failed  bool
}

// startBootstrap starts a program and waits until it asks for its first event. It answers how long that took.
func startBootstrap(ctx context.Context, program string, env []string) (*bootstrap, time.Duration, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	b := &bootstrap{
		said: &bytes.Buffer{}, asked: make(chan time.Time, 1), events: make(chan []byte), answers: make(chan answer, 1),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", b.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", b.finish(false))
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", b.finish(true))
	b.server = &http.Server{Handler: mux, ReadHeaderTimeout: startLimit}
	go b.server.Serve(listener)

	cmd := exec.Command(program)
	cmd.Env = append(slices.Clone(env), "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String())
	cmd.Stdout, cmd.Stderr = nil, b.said
	begin := time.Now()
	if b.process, err = child.Start(cmd); err != nil {
		b.server.Close()
		return nil, 0, err
	}
	select {
	case at := <-b.asked:
		return b, at.Sub(begin), nil
	case <-b.process.Done():
		err = fmt.Errorf("%s ended: %w\n%s", program, b.process.Err(), b.said)
	case <-time.After(startLimit):
		err = fmt.Errorf("%s does not ask for an event", program)
	case <-ctx.Done():
		err = ctx.Err()
	}
	b.stop()
	return nil, 0, err
}

func (b *bootstrap) stop() {
	b.process.Kill()
	b.server.Close()
}

func (b *bootstrap) next(w http.ResponseWriter, r *http.Request) {
	select {
	case b.asked <- time.Now():
	default: // only the first is waited for
	}
	select {
	case event := <-b.events:
		deadline := time.Now().Add(time.Minute)
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000000")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(deadline.UnixMilli(), 10))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn",
			"arn:aws:lambda:"+sam.Region+":"+sam.AccountID+":function:bench")
		_, _ = w.Write(event)
	case <-r.Context().Done():
	}
}

func (b *bootstrap) finish(failed bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(r.Body)
		if err != nil {
			return // it died while it answered, and Done says so
		}
		w.WriteHeader(http.StatusAccepted)
		b.answers <- answer{payload, failed}
	}
}

// Invoke is lambda.Handler: it hands the program one event and waits for what it makes of it.
func (b *bootstrap) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	select {
	case b.events <- event:
	case <-b.process.Done():
		return nil, errors.New("the bootstrap has ended")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case a := <-b.answers:
		if a.failed {
			return nil, fmt.Errorf("the function failed: %s", a.payload)
		}
		return a.payload, nil
	case <-b.process.Done():
		return nil, fmt.Errorf("the bootstrap died: %w", b.process.Err())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// environment is what a function finds on Lambda, with the key in a file. No file of the developer's counts.
func (l *lab) environment(f sam.Function, dynamodb, ses string) []string {
	env := []string{
		"AWS_REGION=" + sam.Region, "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "AWS_SESSION_TOKEN=bench",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_LAMBDA_FUNCTION_NAME=" + f.Name, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(f.Memory),
		"AWS_ENDPOINT_URL_DYNAMODB=" + dynamodb, "AWS_ENDPOINT_URL_SESV2=" + ses,
	}
	for name, value := range f.Environment {
		if name == "LATCHKEY_MASTER_KEY_SECRET" {
			name, value = "LATCHKEY_MASTER_KEY_FILE", l.keyFile
		}
		env = append(env, name+"="+value)
	}
	return env
}
