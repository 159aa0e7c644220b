package api

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

var (
	cursorKey  = bytes.Repeat([]byte{7}, 32)
	cursorHere = cursorScope{"acme", "member", "status=pending"}
)

func TestACursorIsGoodForItsOwnListOnly(t *testing.T) {
	for _, body := range []string{"", "a", "ORG#acme#2026"} {
		text := encodeCursor(cursorKey, cursorHere, []byte(body))
		if got, err := decodeCursor(cursorKey, cursorHere, text); err != nil || string(got) != body {
			t.Errorf("%q came back as %q, %v", body, got, err)
		}
		for name, s := range map[string]cursorScope{
			"another organization": {"acm", "member", "status=pending"},
			"another caller":       {"acme", "other", "status=pending"},
			"another filter":       {"acme", "member", "status=accepted"},
			"a shifted border":     {"acmem", "ember", "status=pending"},
			"nothing":              {},
		} {
			if _, err := decodeCursor(cursorKey, s, text); problemOf(err).Status != 422 {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := decodeCursor([]byte("another key"), cursorHere, text); err == nil {
			t.Error("another key opens it")
		}
	}
}

func TestACursorIsNotRead(t *testing.T) {
	body := []byte("lovelace ada|MEMBER#01KARH2V5C7D9E1F3G5H7J9K1M")
	b, err := base64.RawURLEncoding.DecodeString(encodeCursor(cursorKey, cursorHere, body))
	if err != nil || bytes.Contains(b, body[:8]) || bytes.Contains(b, []byte("MEMBER")) {
		t.Errorf("%q, %v", b, err)
	}
}

func TestACursorHasOneSpelling(t *testing.T) {
	text := encodeCursor(cursorKey, cursorHere, []byte("body"))
	last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", text[len(text)-1])
	if len(text)%4 == 0 {
		t.Fatal("this body leaves no loose bits to test with")
	}
	loose := text[:len(text)-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last|1])
	for _, other := range []string{"", "A", text + "\n", "\r\n" + text, text[:9] + "\n" + text[9:], text + "=", text + "A", text[:len(text)-1], loose,
		base64.StdEncoding.EncodeToString([]byte("x")), strings.Repeat("A", 5000), "ſ" + text} {
		if got, err := decodeCursor(cursorKey, cursorHere, other); err == nil {
			t.Errorf("%q is a cursor for %q", other, got)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(encodeCursor(cursorKey, cursorHere, []byte("x")), []byte("x"), uint(3))
	f.Fuzz(func(t *testing.T, text string, body []byte, bit uint) {
		if b, err := decodeCursor(cursorKey, cursorHere, text); err == nil && encodeCursor(cursorKey, cursorHere, b) != text {
			t.Errorf("%q does not print back", text)
		}
		if len(body) > 512 {
			return
		}
		made := encodeCursor(cursorKey, cursorHere, body)
		if b, err := decodeCursor(cursorKey, cursorHere, made); err != nil || !bytes.Equal(b, body) {
			t.Errorf("%q came back as %q, %v", body, b, err)
		}
		raw, _ := base64.RawURLEncoding.DecodeString(made)
		raw[int(bit/8)%len(raw)] ^= 1 << (bit % 8)
		if _, err := decodeCursor(cursorKey, cursorHere, base64.RawURLEncoding.EncodeToString(raw)); err == nil {
			t.Errorf("a changed cursor is taken")
		}
	})
}

func TestQuery(t *testing.T) {
	d := newDoor(t, nil)
	d.mux.handle("GET /x", func(w http.ResponseWriter, r *http.Request) error {
		q, err := readQuery(r, "status", "cursor", "limit")
		if err != nil {
			return err
		}
		n, err := q.limit()
		if err != nil {
			return err
		}
		return writeJSON(w, 200, fmt.Sprint(q["status"], " ", n))
	})
	for query, want := range map[string]string{
		"": `" 50"`, "?limit=1": `" 1"`, "?limit=200&status=a%20b": `"a b 200"`, "?status=": `" 50"`,
	} {
		if res, body := d.ask(t, "GET", "/x"+query, ""); res.StatusCode != 200 || body != want {
			t.Errorf("%s: %d %s, want %s", query, res.StatusCode, body, want)
		}
	}
	for query, want := range map[string]string{ // pointer and code of each fault
		"limit=0": "limit out_of_range", "limit=201": "limit out_of_range", "limit=-1": "limit out_of_range",
		"limit=": "limit out_of_range", "limit=050": "limit out_of_range", "limit=%2B5": "limit out_of_range",
		"limit=1e1": "limit out_of_range", "limit=99999999999999999999": "limit out_of_range", "limit=%D9%A5": "limit out_of_range",
		"limit=1&limit=1": "limit repeated_parameter", "Status=a": "Status unknown_parameter",
		"b=1&a=2&status=a&status=b": "a unknown_parameter,b unknown_parameter,status repeated_parameter",
		"status=%ff":                "status invalid_text", "%ff=1": "\ufffd unknown_parameter", "=1": " unknown_parameter",
		strings.Repeat("x", 100) + "=1": strings.Repeat("x", 64) + "… unknown_parameter",
	} {
		res, body := d.ask(t, "GET", "/x?"+query, "")
		var got []string
		for _, e := range wantProblem(t, res, body, 422, "validation_failed").Errors {
			got = append(got, e.Pointer+" "+e.Code)
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	for _, query := range []string{"a=%zz", "a=1;b=2"} {
		res, body := d.ask(t, "GET", "/x?"+query, "")
		wantProblem(t, res, body, 400, "malformed_request")
	}
}
