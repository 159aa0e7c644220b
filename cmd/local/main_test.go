package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The program itself, as `make run` starts it, on the product: from the first line that it prints to Ctrl-C.
func TestCtrlCEndsEveryChild(t *testing.T) {
	state := t.TempDir()
	// The functions are built already, and then up to date.
	if err := os.Symlink(bootstraps(t, repository), filepath.Join(state, "bin")); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "local")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "LATCHKEY_STATE="+state, "LATCHKEY_PORT=0",
		"AWS_ENDPOINT_URL_DYNAMODB=", "AWS_ENDPOINT_URL_SESV2=", "AWS_ENDPOINT_URL_SNS=")
	var printed strings.Builder // by functions
	cmd.Stderr = &printed
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	var said []string
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "Written") {
		said = append(said, lines.Text())
	}
	if len(said) == 0 || said[0] != "Latchkey is ready." {
		t.Fatalf("it said %q", said)
	}
	page, _, found := strings.Cut(strings.Join(said, "\n"), "/sign-in")
	page = page[strings.LastIndex(page, "http://"):] + "/sign-in"
	if answer, body := do(t, "GET", page, ""); !found || answer.StatusCode != 200 || !strings.Contains(body, "<form") {
		t.Errorf("%s: %d %s", page, answer.StatusCode, body)
	}
	family := childrenOf(t, cmd.Process.Pid)
	if len(family) != 3 {
		t.Errorf("children %v: DynamoDB Local, the SES capture and one function are expected", family)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v\n%s", err, printed.String())
	}
	for _, pid := range family {
		if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
			t.Errorf("the child %d: %v", pid, err)
		}
	}
}
