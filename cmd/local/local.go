package main

// The cloud's own routes, for people and tests.

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

func (c *cloud) localRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /_local/mailbox", c.mailbox)
	mux.HandleFunc("POST /_local/invoke/{function}", c.serveInvoke)
	mux.HandleFunc("GET /_local/processes", c.serveProcesses)
	mux.HandleFunc("GET /_local/calls", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, c.calls.snapshot())
	})
	mux.HandleFunc("POST /_local/calls/reset", func(w http.ResponseWriter, r *http.Request) {
		c.calls.reset()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_local/on-failure", c.serveOnFailure)
	mux.HandleFunc("POST /_local/opt-out", func(w http.ResponseWriter, r *http.Request) { c.serveOptOut(w, r, true) })
	mux.HandleFunc("DELETE /_local/opt-out", func(w http.ResponseWriter, r *http.Request) { c.serveOptOut(w, r, false) })
	return mux
}

// serveInvoke hands a function the body as its event, {} where there is none, and answers with what the function answers.
func (c *cloud) serveInvoke(w http.ResponseWriter, r *http.Request) {
	p := c.functions[r.PathValue("function")]
	if p == nil {
		writeMessage(w, http.StatusNotFound, "there is no function "+r.PathValue("function"))
		return
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	if err != nil {
		writeMessage(w, http.StatusRequestEntityTooLarge, errPayloadTooLarge.Error())
		return
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	if !json.Valid(payload) {
		writeMessage(w, http.StatusBadRequest, "the event is not JSON")
		return
	}
	response, functionError, err := p.invoke(c.ctx, payload)
	if err != nil {
		writeMessage(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if functionError != "" {
		w.WriteHeader(http.StatusBadGateway)
	}
	_, _ = w.Write(response)
}

// serveProcesses answers with the process ids of each function.
func (c *cloud) serveProcesses(w http.ResponseWriter, r *http.Request) {
	out := map[string][]int{}
	for name, p := range c.functions {
		out[name] = p.pids()
	}
	writeJSON(w, http.StatusOK, out)
}

// serveOptOut makes a phone number one that wants no text messages, or one that takes them again.
func (c *cloud) serveOptOut(w http.ResponseWriter, r *http.Request, out bool) {
	var body struct{ Phone string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || !e164.MatchString(body.Phone) {
		writeMessage(w, http.StatusBadRequest, `the body is not {"phone": "+447700900123"}`)
		return
	}
	c.phones.optOut(body.Phone, out)
	w.WriteHeader(http.StatusNoContent)
}

// keepFailure is the on-failure destination of every event source.
func (c *cloud) keepFailure(d discarded) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(c.state, "on-failure.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Close())
}

func (c *cloud) serveOnFailure(w http.ResponseWriter, r *http.Request) {
	text, err := os.ReadFile(filepath.Join(c.state, "on-failure.jsonl"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		writeMessage(w, http.StatusInternalServerError, err.Error())
		return
	}
	out := []json.RawMessage{}
	for line := range strings.Lines(string(text)) {
		out = append(out, json.RawMessage(line))
	}
	writeJSON(w, http.StatusOK, out)
}
