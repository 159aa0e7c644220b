package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"latchkey/internal/onboarding"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxBody    = 1 << 20
	maxNesting = 32  // more than any of our bodies has, and little enough for any stack
	maxPointer = 200 // an unknown member's name is the client's, and comes back to it
)

// readJSON reads a body of up to 1 MiB into v: one JSON object, names in their exact case and each but once, no unknown
// members, valid UTF-8. Its errors point at the member and are fit to be shown.
func readJSON(r *http.Request, v any) error { return readJSONLimit(r, v, maxBody) }

// readOptionalJSON is readJSON, but an empty body leaves v as it is.
func readOptionalJSON(r *http.Request, v any) error {
	body, err := readBody(r, maxBody)
	if err != nil || len(body) == 0 {
		return err
	}
	return parseJSON(r, body, v)
}

// readJSONLimit is readJSON for bodies of up to limit bytes.
func readJSONLimit(r *http.Request, v any, limit int64) error {
	body, err := readBody(r, limit)
	if err != nil {
		return err
	}
	return parseJSON(r, body, v)
}

// readBody checks the size first: nothing is parsed that is too large.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	large := onboarding.Refuse(tooLarge, fmt.Sprintf("The body may have %d bytes.", limit))
	if r.ContentLength > limit {
		return nil, large
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, errors.Join(onboarding.Refuse(malformedRequest, "The body broke off."), err)
	}
	if int64(len(body)) > limit {
		return nil, large
	}
	return body, nil
}

func parseJSON(r *http.Request, body []byte, v any) error {
	if !isJSON(r.Header) {
		return onboarding.Refuse(unsupportedMediaType, "The body must be JSON, sent as application/json, not compressed.")
	}
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(trimmed) == 0:
		return onboarding.Refuse(malformedRequest, "The body is empty. It must be a JSON object.")
	case bytes.HasPrefix(trimmed, []byte("\ufeff")):
		return onboarding.Refuse(malformedRequest, "The body begins with a byte order mark, which JSON does not have.")
	case tooDeep(trimmed):
		return onboarding.Refuse(malformedRequest, fmt.Sprintf("The body is nested more than %d levels deep.", maxNesting))
	}
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true)); err != nil {
		return bodyError(err)
	}
	if trimmed[0] != '{' { // "null" would pass for an empty object
		return onboarding.Refuse(malformedRequest, "The body must be a JSON object.")
	}
	return refuseNull(body)
}

// refuseNull refuses the null that the decoder takes for a value that is not there. No field of ours may be null: what is
// not meant is left out. The body is known to be valid.
func refuseNull(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a body: %w", err)
		}
		if token.Kind() == 'n' {
			return onboarding.InvalidField(pointerText(d.StackPointer()), "wrong_type", "This must not be null. Leave it out instead.")
		}
	}
}

func isJSON(h http.Header) bool {
	types, encodings := h.Values("Content-Type"), h.Values("Content-Encoding")
	if len(types) != 1 || len(encodings) > 0 && !strings.EqualFold(strings.Join(encodings, ","), "identity") {
		return false
	}
	mediaType, params, err := mime.ParseMediaType(types[0])
	charset, named := params["charset"]
	return err == nil && mediaType == "application/json" && (!named || strings.EqualFold(charset, "utf-8"))
}

// tooDeep counts brackets outside texts, which is exact for JSON and harmless for what is none.
func tooDeep(b []byte) bool {
	depth, inText := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			if depth++; depth > maxNesting {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// bodyError says in plain words what is wrong with a body, and never what our types are called.
func bodyError(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return syntaxError(syntax)
	}
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		return fmt.Errorf("reading a body: %w", err) // a fault of ours
	}
	pointer := pointerText(semantic.JSONPointer)
	var own *onboarding.Error
	switch {
	case errors.Is(semantic.Err, json.ErrUnknownName):
		return onboarding.InvalidField(pointer, "unknown_field", "This field is not known here.")
	case errors.As(semantic.Err, &own) && len(own.Fields) == 0:
		return onboarding.InvalidField(pointer, string(own.Code), own.Message)
	case errors.Is(semantic.Err, strconv.ErrRange):
		return onboarding.InvalidField(pointer, "out_of_range", "This number is too large or too small.")
	case pointer == "":
		return onboarding.Refuse(malformedRequest, "The body must be a JSON object.")
	}
	return onboarding.InvalidField(pointer, "wrong_type", "This must be "+wanted(semantic.GoType)+".")
}

func syntaxError(e *jsontext.SyntacticError) error {
	pointer := pointerText(e.JSONPointer)
	refusal := onboarding.Refuse(malformedRequest, "The body is not valid JSON.")
	field := onboarding.Field{Pointer: pointer, Code: "malformed"}
	switch {
	case errors.Is(e.Err, jsontext.ErrDuplicateName):
		refusal.Message = "The body names a field twice."
		field.Code, field.Detail = "duplicate", "This field stands twice in the same object."
	case errors.Is(e.Err, io.ErrUnexpectedEOF):
		refusal.Message = fmt.Sprintf("The body is not valid JSON: it ends too early, after %d bytes.", e.ByteOffset)
		field.Detail = "The text breaks off here."
	default:
		reason := "it is not JSON"
		if e.Err != nil {
			reason = e.Err.Error()
		}
		refusal.Message = fmt.Sprintf("The body is not valid JSON: at byte %d, %s.", e.ByteOffset, reason)
		field.Detail = "The JSON is broken here."
	}
	if pointer != "" {
		refusal.Fields = []onboarding.Field{field}
	}
	return refusal
}

func pointerText(p jsontext.Pointer) string {
	s := string(p)
	if len(s) <= maxPointer {
		return s
	}
	s = s[:maxPointer]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}

func wanted(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "another kind of value"
	}
	if t == reflect.TypeFor[time.Time]() {
		return "a time such as 2026-11-22T09:30:00Z"
	}
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number, not negative"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "another kind of value"
}

// writeJSON answers v. It marshals before it writes, so an error is still free to become a problem.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("writing a body: %w", err)
	}
	send(w, status, "application/json", b)
	return nil
}

func send(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // whom this does not reach is gone
}
