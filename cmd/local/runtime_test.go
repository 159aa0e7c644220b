package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/sam"
)

// probe returns a pool of the function of testdata that does what it is told. log may be nil.
func probe(t *testing.T, log io.Writer) *pool {
	t.Helper()
	if log == nil {
		log = io.Discard
	}
	f := sam.Function{
		Name: "probe", Timeout: 10 * time.Second, Memory: 256,
		Environment: map[string]string{"LATCHKEY_MASTER_KEY_SECRET": "arn:secret", "LATCHKEY_STAGE": "local"},
	}
	p := newPool(f, bootstrapPath(bootstraps(t, app), "probe"), environment(f, "http://127.0.0.1:1", "/key.json"), log)
	t.Cleanup(p.stop)
	return p
}

func order(do, value string) []byte {
	text, err := json.Marshal(map[string]string{"do": do, "value": value})
	if err != nil {
		panic(err)
	}
	return text
}

// ask invokes and returns the response and the error's kind, "" for none.
func ask(t *testing.T, p *pool, do, value string) (response, kind, message string) {
	t.Helper()
	text, functionError, err := p.invoke(t.Context(), order(do, value))
	if err != nil {
		t.Fatal(err)
	}
	if functionError == "" {
		return string(text), "", ""
	}
	var e lambdaError
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return string(text), e.Type, e.Message
}

// pipe makes a named pipe. Once the probe waits at it, reached returns; closing what it returns lets the probe go.
func pipe(t *testing.T) (path string, reached func() *os.File) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, func() *os.File {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY, 0) // waits for the reader
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
}

func TestOneProcessServesOneInvocationAfterTheOther(t *testing.T) {
	p := probe(t, nil)
	for range 3 {
		if got, kind, _ := ask(t, p, "echo", "hello"); got != `"hello"` || kind != "" {
			t.Errorf("got %s %s", got, kind)
		}
	}
	if pids := p.pids(); len(pids) != 1 {
		t.Errorf("processes %v", pids)
	}
}

func TestASecondProcessStartsWhenNoneIsIdle(t *testing.T) {
	p := probe(t, nil)
	first, reachedFirst := pipe(t)
	second, reachedSecond := pipe(t)
	var both sync.WaitGroup
	answers := make([]string, 2)
	for i, path := range []string{first, second} {
		both.Go(func() { answers[i], _, _ = ask(t, p, "wait", path) })
	}
	one, two := reachedFirst(), reachedSecond()
	one.Close()
	two.Close()
	both.Wait()
	if answers[0] == answers[1] || len(p.pids()) != 2 {
		t.Errorf("processes %v, answers %v", p.pids(), answers)
	}
	ask(t, p, "echo", "again")
	if len(p.pids()) != 2 {
		t.Errorf("a third process, %v, with two idle", p.pids())
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct{ name, do, value, kind, message string }{
		{"an error that the handler returns", "fail", "no", "errorString", "failed: no"},
		{"a panic", "panic", "boom", "string", "boom"},
		{"an exit", "exit", "", "Runtime.ExitError", "Runtime exited with error: exit status 3"},
		{"a timeout", "hang", "", "Sandbox.Timedout", "Task timed out after 0.50 seconds"},
		{"a response over 6 MB", "large", "", "Function.ResponseSizeTooLarge", "exceeded maximum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := probe(t, nil)
			if c.do == "hang" {
				p.function.Timeout = 500 * time.Millisecond
			}
			if response, kind, message := ask(t, p, c.do, c.value); kind != c.kind || !strings.Contains(message, c.message) {
				t.Errorf("got %s", response)
			}
			if got, kind, _ := ask(t, p, "echo", "after"); got != `"after"` || kind != "" {
				t.Errorf("the next invocation got %s", got)
			}
		})
	}
}

func TestAProcessThatIsKilledFailsItsInvocationAndNoOther(t *testing.T) {
	p := probe(t, nil)
	path, reached := pipe(t)
	var kind, message string
	var done sync.WaitGroup
	done.Go(func() { _, kind, message = ask(t, p, "wait", path) })
	reached()
	for _, pid := range p.pids() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	done.Wait()
	if kind != "Runtime.ExitError" || !strings.Contains(message, "signal: killed") {
		t.Errorf("got %s: %s", kind, message)
	}
	if got, kind, _ := ask(t, p, "echo", "after"); got != `"after"` || kind != "" {
		t.Errorf("the next invocation got %s %s", got, kind)
	}
}

func TestAnIdleProcessThatIsKilledFailsNobody(t *testing.T) {
	p := probe(t, nil)
	ask(t, p, "echo", "before")
	for _, pid := range p.pids() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "its end", func() bool { return len(p.pids()) == 0 })
	if got, kind, _ := ask(t, p, "echo", "after"); got != `"after"` || kind != "" {
		t.Errorf("got %s %s", got, kind)
	}
}

func TestABootstrapThatGivesUpBeforeItAsks(t *testing.T) {
	p := probe(t, nil)
	p.bootstrap = bootstrapPath(bootstraps(t, app), "broken")
	_, kind, message := ask(t, p, "echo", "")
	if kind != "Runtime.ExitError" || !strings.Contains(message, "exit status 1") {
		t.Errorf("got %s: %s", kind, message)
	}
	p.bootstrap = "/nowhere/bootstrap"
	if _, _, err := p.invoke(t.Context(), order("echo", "")); err == nil || !strings.Contains(err.Error(), "start probe") {
		t.Errorf("got %v", err)
	}
}

func TestABootstrapThatNeverAsks(t *testing.T) {
	p := probe(t, nil)
	p.bootstrap, p.initLimit = filepath.Join(t.TempDir(), "bootstrap"), 50*time.Millisecond
	if err := os.WriteFile(p.bootstrap, []byte("#!/bin/sh\nexec sleep 300\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if response, kind, _ := ask(t, p, "echo", ""); kind != "Sandbox.Timedout" {
		t.Errorf("got %s", response)
	}
	eventually(t, "its end", func() bool { return len(p.pids()) == 0 })
}

func TestAPoolThatIsStoppedEndsItsProcessesAndTakesNothingMore(t *testing.T) {
	p := probe(t, nil)
	path, reached := pipe(t)
	var kind string
	var done sync.WaitGroup
	done.Go(func() { _, kind, _ = ask(t, p, "wait", path) })
	reached()
	p.stop()
	done.Wait()
	if kind != "Runtime.ExitError" {
		t.Errorf("got %s", kind)
	}
	eventually(t, "the end of all processes", func() bool { return len(p.pids()) == 0 })
	if _, _, err := p.invoke(t.Context(), order("echo", "")); err != errStopped {
		t.Errorf("got %v", err)
	}
}

func TestInvocationsBeyondTheLimitWait(t *testing.T) {
	p := probe(t, nil)
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.invoke(ctx, order("echo", "")); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	<-p.slots
	if got, _, _ := ask(t, p, "echo", "in"); got != `"in"` {
		t.Errorf("got %s", got)
	}
	if _, _, err := p.invoke(t.Context(), make([]byte, maxPayload+1)); err != errPayloadTooLarge {
		t.Errorf("an event of over 6 MB: %v", err)
	}
}

func TestAFunctionSeesLambdasEnvironmentAndNotTheDevelopers(t *testing.T) {
	t.Setenv("AWS_PROFILE", "mine")
	t.Setenv("AWS_CA_BUNDLE", "/mine.pem")
	t.Setenv("MINE", "mine")
	text, _, _ := ask(t, probe(t, nil), "environment", "")
	var env []string
	if err := json.Unmarshal([]byte(text), &env); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"LATCHKEY_STAGE=local", "LATCHKEY_MASTER_KEY_FILE=/key.json", "AWS_LAMBDA_FUNCTION_NAME=probe",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_ACCESS_KEY_ID=probe", "AWS_REGION=eu-central-1",
		"AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:1", "PATH=" + os.Getenv("PATH"),
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, entry := range env {
		if strings.Contains(entry, "mine") || strings.HasPrefix(entry, "LATCHKEY_MASTER_KEY_SECRET") {
			t.Errorf("%s is there", entry)
		}
	}
}

func TestWhatAFunctionPrintsIsKeptByTheLine(t *testing.T) {
	c := startCloud(t, options{})
	answer, text := do(t, "POST", c.baseURL+"/_local/invoke/probe", string(order("echo", "to the log")))
	if answer.StatusCode != http.StatusOK || text != `"to the log"` {
		t.Fatalf("%d %s", answer.StatusCode, text)
	}
	eventually(t, "the line", func() bool {
		log, err := os.ReadFile(filepath.Join(c.state, "functions.log"))
		return err == nil && strings.Contains(string(log), "probe echo to the log\n")
	})
}

func TestInvokeByHand(t *testing.T) {
	c := startCloud(t, options{})
	for _, one := range []struct {
		function, event string
		status          int
		answer          string
	}{
		{"probe", string(order("echo", "x")), 200, `"x"`},
		{"probe", string(order("fail", "x")), 502, "failed: x"},
		{"probe", "", 502, "do what?"},
		{"probe", "{", 400, "not JSON"},
		{"nobody", "{}", 404, "there is no function nobody"},
		{"broken", "{}", 502, "Runtime.ExitError"},
	} {
		answer, text := do(t, "POST", c.baseURL+"/_local/invoke/"+one.function, one.event)
		if answer.StatusCode != one.status || !strings.Contains(text, one.answer) {
			t.Errorf("%+v: %d %s", one, answer.StatusCode, text)
		}
	}
	var pids map[string][]int
	_, text := do(t, "GET", c.baseURL+"/_local/processes", "")
	if err := json.Unmarshal([]byte(text), &pids); err != nil || len(pids["probe"]) != 1 || pids["broken"] == nil {
		t.Errorf("processes %s: %v", text, err)
	}
}
