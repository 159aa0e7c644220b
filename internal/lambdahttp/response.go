package lambdahttp

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"
)

// response gathers an answer, which API Gateway takes whole.
type response struct {
	header http.Header
	sent   http.Header // header as it was when the status was written
	status int
	head   bool // the request was HEAD: the answer has no body
	body   bytes.Buffer
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if w.status != 0 || status < 200 { // 1xx has no place in one answer
		return
	}
	w.status, w.sent = status, w.header.Clone()
}

func (w *response) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	if len(b) > 0 && w.body.Len() == 0 && w.sent.Get("Content-Type") == "" && w.sent.Get("Content-Encoding") == "" {
		w.sent.Set("Content-Type", http.DetectContentType(b))
	}
	return w.body.Write(b)
}

type answer struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers,omitempty"`
	Cookies         []string          `json:"cookies,omitempty"`
	Body            string            `json:"body,omitempty"`
	IsBase64Encoded bool              `json:"isBase64Encoded,omitempty"`
}

func (w *response) payload() ([]byte, error) {
	w.WriteHeader(http.StatusOK)
	a := answer{StatusCode: w.status, Headers: make(map[string]string, len(w.sent))}
	for name, values := range w.sent {
		switch {
		case len(values) == 0 || !token(name):
		case name == "Set-Cookie":
			for _, v := range values {
				a.Cookies = append(a.Cookies, oneLine(v))
			}
		default:
			a.Headers[strings.ToLower(name)] = oneLine(strings.Join(values, ", "))
		}
	}
	switch body := w.body.Bytes(); {
	case w.head:
	case utf8.Valid(body):
		a.Body = string(body)
	default: // JSON carries no bytes that are not text
		a.Body, a.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // a page is full of angle brackets
	if err := enc.Encode(a); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// oneLine keeps a value from beginning another header, as net/http does.
func oneLine(v string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(v) }
