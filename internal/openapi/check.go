package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// CheckRequest reports what in the body of a request is not as the document has it. path is a request's, such as
// /v1/organizations/acme/members; its query is not looked at.
func (s *Spec) CheckRequest(method, path string, header http.Header, body []byte) error {
	op := s.find(method, path)
	switch {
	case op == nil:
		return fmt.Errorf("%s %s: there is no such operation", method, path)
	case op.request == nil && len(body) == 0, op.request != nil && !op.request.required && len(body) == 0:
		return nil
	case op.request == nil:
		return fmt.Errorf("%s: takes no body", op.name())
	}
	if _, err := op.request.check(header, body); err != nil {
		return fmt.Errorf("%s: %w", op.name(), err)
	}
	return nil
}

// CheckResponse reports what in an answer is not as the document has it: its status, a required header, the form of a
// header, the media type or the body. path is that of the request.
func (s *Spec) CheckResponse(method, path string, status int, header http.Header, body []byte) error {
	op := s.find(method, path)
	if op == nil {
		return fmt.Errorf("%s %s: there is no such operation", method, path)
	}
	if err := op.check(status, header, body); err != nil {
		return fmt.Errorf("%s: %d: %w", op.name(), status, err)
	}
	return nil
}

func (op *operation) check(status int, header http.Header, body []byte) error {
	r, ok := op.answers[strconv.Itoa(status)]
	if !ok {
		// The problem's schema says which statuses the default stands for.
		if r, ok = op.answers["default"]; !ok {
			return errors.New("this status is not declared")
		}
	}
	for _, h := range r.headers {
		if err := h.check(header); err != nil {
			return err
		}
	}
	if r.body == nil {
		if len(body) > 0 {
			return errors.New("there is a body where none is declared")
		}
		return nil
	}
	mediaType, err := r.body.check(header, body)
	if err != nil {
		return err
	}
	if mediaType == problemType {
		return checkProblem(status, header, body)
	}
	return nil
}

func (h header) check(header http.Header) error {
	values := header.Values(h.name)
	switch {
	case len(values) == 0 && !h.required:
		return nil
	case len(values) != 1:
		return fmt.Errorf("header %s: it stands there %d times", h.name, len(values))
	}
	var value any = values[0]
	if h.number {
		value = json.Number(values[0])
		if _, err := strconv.Atoi(values[0]); err != nil {
			return fmt.Errorf("header %s: %q is not a number", h.name, values[0])
		}
	}
	if err := h.schema.Validate(value); err != nil {
		return fmt.Errorf("header %s: %w", h.name, err)
	}
	return nil
}

// check validates a body and returns its media type.
func (b *body) check(header http.Header, text []byte) (string, error) {
	mediaType, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return "", fmt.Errorf("content type %q: %w", header.Get("Content-Type"), err)
	}
	schema, ok := b.schemas[mediaType]
	if !ok {
		return "", fmt.Errorf("content type %s is not declared", mediaType)
	}
	if charset, ok := parameters["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return "", fmt.Errorf("charset %s: texts are in UTF-8", charset)
	}
	if mediaType != "application/json" && !strings.HasSuffix(mediaType, "+json") {
		return mediaType, schema.Validate(string(text))
	}
	// encoding/json lets duplicate names and broken UTF-8 pass.
	if !jsontext.Value(text).IsValid() {
		return "", errors.New("the body is not one valid JSON document without duplicate names")
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return "", err
	}
	return mediaType, schema.Validate(value)
}

const problemType = "application/problem+json"

// checkProblem holds a problem document against the answer that carries it (RFC 9457 §3.1.3).
func checkProblem(status int, header http.Header, body []byte) error {
	var problem struct {
		Status    int    `json:"status"`
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal(body, &problem); err != nil {
		return err
	}
	if problem.Status != status {
		return fmt.Errorf("the problem names the status %d", problem.Status)
	}
	if id := header.Get("X-Request-Id"); problem.RequestID != id {
		return fmt.Errorf("the problem names the request %q, the header %q", problem.RequestID, id)
	}
	return nil
}

// Transport checks every answer under /v1/ that flows through it, hands what is wrong to report, and passes the answer
// on unchanged. It does not check pages, preflights, or the gateway's own 404 for a route that the document does not
// have either. A nil next is http.DefaultTransport. report may be called from several goroutines.
func (s *Spec) Transport(next http.RoundTripper, report func(error)) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &transport{s, next, report}
}

type transport struct {
	spec   *Spec
	next   http.RoundTripper
	report func(error)
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	path := req.URL.EscapedPath()
	if err != nil || !strings.HasPrefix(path, "/v1/") || req.Method == http.MethodOptions {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if t.spec.find(req.Method, path) == nil && isGateway404(resp, body) {
		return resp, nil
	}
	if err := t.spec.CheckResponse(req.Method, path, resp.StatusCode, resp.Header, body); err != nil {
		t.report(err)
	}
	return resp, nil
}

// isGateway404 reports whether API Gateway itself answered that there is no such route.
func isGateway404(resp *http.Response, body []byte) bool {
	var answer map[string]any
	return resp.StatusCode == http.StatusNotFound && json.Unmarshal(body, &answer) == nil &&
		len(answer) == 1 && answer["message"] == "Not Found"
}
