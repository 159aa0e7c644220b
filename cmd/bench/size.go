package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// typical is what each function is asked for while its memory is watched.
var typical = []job{inviteJob, resendJob, acceptJob, listInvitationsJob, approveJob, copyLinkJob, signInJob, deliverJob,
	redriveJob}

// hashing are the functions that compute argon2id, which takes 19 MiB at a time.
var hashing = []string{"redeem-link", "sign-in"}

// residentRows measures the memory of each function's bootstrap after 50 invocations.
func residentRows(ctx context.Context, l *lab, s *site) ([]row, error) {
	ses, stop, err := startMailDrop()
	if err != nil {
		return nil, err
	}
	defer stop()
	var rows []row
	for _, f := range l.functions {
		i := slices.IndexFunc(typical, func(j job) bool { return j.function == f.Name })
		if i < 0 {
			return nil, fmt.Errorf("nothing is known to ask of functions/%s", f.Name)
		}
		events, err := typical[i].events(ctx, s, 50)
		if err != nil {
			return nil, err
		}
		program, env := filepath.Join(l.native, f.Name), l.environment(f, s.server.URL, ses)
		figures, err := resident(ctx, typical[i], program, env, events)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		limit := 25.0
		if slices.Contains(hashing, f.Name) {
			limit = 64
		}
		rows = append(rows, row{Name: "memory " + f.Name, Bound: atMost("resident", limit), Figures: figures})
	}
	return rows, nil
}

func resident(ctx context.Context, j job, program string, env []string, events [][]byte) ([]figure, error) {
	b, _, err := startBootstrap(ctx, program, env)
	if err != nil {
		return nil, err
	}
	defer b.stop()
	for _, event := range events {
		if err := j.invoke(ctx, b, event); err != nil {
			return nil, err
		}
	}
	return memoryOf(b.process.Pid())
}

// memoryOf reads what the kernel says of a process: its memory now, and the most that it ever was.
func memoryOf(pid int) ([]figure, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	kilobytes := map[string]float64{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if number, ok := strings.CutSuffix(strings.TrimSpace(value), " kB"); ok {
			if kilobytes[name], err = strconv.ParseFloat(number, 64); err != nil {
				return nil, err
			}
		}
	}
	if kilobytes["VmRSS"] == 0 || kilobytes["VmHWM"] == 0 {
		return nil, fmt.Errorf("%s tells no memory: %w", f.Name(), lines.Err())
	}
	return []figure{
		{"resident", kilobytes["VmRSS"] / 1024, "MB"}, {"peak", kilobytes["VmHWM"] / 1024, "MB"},
	}, nil
}

// startMailDrop serves as much of SES v2 as takes a mail.
func startMailDrop() (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"MessageId":"bench"}`)
	})}
	go server.Serve(listener)
	return "http://" + listener.Addr().String(), func() { server.Close() }, nil
}

// zipRows measures what is deployed: each function for arm64, in its zip.
func zipRows(ctx context.Context, l *lab, _ *site) ([]row, error) {
	var rows []row
	for _, f := range l.functions {
		archive := filepath.Join(l.scratch, f.Name+".zip")
		zip := exec.CommandContext(ctx, filepath.Join(l.native, "zip"), archive, filepath.Join(l.deployed, f.Name))
		if out, err := zip.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("zip %s: %w\n%s", f.Name, err, out)
		}
		packed, err := os.Stat(archive)
		if err != nil {
			return nil, err
		}
		program, err := os.Stat(filepath.Join(l.deployed, f.Name))
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{Name: "zip " + f.Name, Bound: atMost("zip", 6), Figures: []figure{
			{"zip", float64(packed.Size()) / (1 << 20), "MB"}, {"program", float64(program.Size()) / (1 << 20), "MB"},
		}})
	}
	return rows, nil
}
