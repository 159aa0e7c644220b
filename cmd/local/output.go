package main

// Small things about writing: lines of functions, JSON to clients, files that are never half written.

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"sync"
)

// lines hands on whole lines, each behind a prefix, so that what several processes print does not mix within a line.
type lines struct {
	to     io.Writer
	prefix string

	mu   sync.Mutex
	rest []byte
}

// A line longer than this is handed on in pieces.
const maxLine = 256 << 10

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 && len(l.rest) < maxLine {
			return len(p), nil
		}
		if i < 0 {
			i = len(l.rest) - 1
		}
		line := append([]byte(l.prefix), bytes.TrimRight(l.rest[:i+1], "\n")...)
		l.rest = l.rest[i+1:]
		if _, err := l.to.Write(append(line, '\n')); err != nil {
			return 0, err
		}
	}
}

// locked lets several goroutines write to one file.
type locked struct {
	mu sync.Mutex
	to io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // people read mails here, too
	if err := enc.Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// writeMessage refuses in the form that API Gateway has for it.
func writeMessage(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{"message": message})
}

// replaceFile writes a file whole or not at all, for its owner only.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(content); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func readCloser(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

// newLogger is for parts of the standard library that want one.
func newLogger(w io.Writer) *log.Logger { return log.New(w, "", log.LstdFlags) }
