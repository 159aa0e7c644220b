package api

import (
	"net/http"
	"testing"

	"latchkey/internal/onboarding"
)

func etagDoor(t *testing.T) *door {
	d := newDoor(t, nil)
	get := func(w http.ResponseWriter, r *http.Request) error { return writeVersioned(w, r, 200, 3, "body") }
	d.mux.handle("GET /x", get)
	d.mux.handle("POST /x", get)
	d.mux.handle("PATCH /x", func(w http.ResponseWriter, r *http.Request) error {
		p, err := ifMatch(r)
		if err != nil {
			return err
		}
		if !p.matches(etag(3)) {
			return onboarding.Refuse(onboarding.VersionMismatch, "")
		}
		return writeVersioned(w, r, 200, 4, "body")
	})
	return d
}

func TestIfMatch(t *testing.T) {
	d := etagDoor(t)
	for _, c := range []struct {
		header []string
		status int
	}{
		{nil, 200},
		{[]string{`"v3"`}, 200}, {[]string{`*`}, 200}, {[]string{` * `}, 200},
		{[]string{`"v1", "v3"`}, 200}, {[]string{`"v1","v3",`}, 200}, {[]string{`"v1"`, `"v3"`}, 200}, {[]string{`"a,b" , W/"x","v3"`}, 200},
		{[]string{`"v2"`}, 412}, {[]string{`W/"v3"`}, 412}, {[]string{`"v03"`}, 412}, {[]string{`"V3"`}, 412},
		{[]string{`""`}, 412}, {[]string{`"a,"`, `"v1"`}, 412}, {[]string{`",v3,"`}, 412},
		{[]string{``}, 400}, {[]string{`v3`}, 400}, {[]string{`"v3`}, 400}, {[]string{`"v1" "v3"`}, 400}, {[]string{`*, "v3"`}, 400},
		{[]string{`w/"v3"`}, 400}, {[]string{`,`}, 400}, {[]string{`"v 3"`}, 400}, {[]string{`'v3'`}, 400},
	} {
		var headers []string
		for _, h := range c.header {
			headers = append(headers, "If-Match", h)
		}
		res, body := d.ask(t, "PATCH", "/x", "", headers...)
		switch {
		case c.status == 200 && (res.StatusCode != 200 || res.Header.Get("ETag") != `"v4"`):
			t.Errorf("%q: %d %s %s", c.header, res.StatusCode, res.Header.Get("ETag"), body)
		case c.status == 412:
			wantProblem(t, res, body, 412, "version_mismatch")
		case c.status == 400:
			wantProblem(t, res, body, 400, "malformed_request")
		}
	}
}

func TestIfNoneMatch(t *testing.T) {
	d := etagDoor(t)
	for _, c := range []struct {
		method, header string
		status         int
	}{
		{"GET", `"v3"`, 304}, {"GET", `W/"v3"`, 304}, {"GET", `*`, 304}, {"GET", `"v1", "v3"`, 304}, {"HEAD", `"v3"`, 304},
		{"GET", `"v2"`, 200}, {"GET", `v3`, 200}, {"GET", ``, 200}, {"POST", `"v3"`, 200},
	} {
		res, body := d.ask(t, c.method, "/x", "", "If-None-Match", c.header)
		if res.StatusCode != c.status || res.Header.Get("ETag") != `"v3"` || c.status == 304 && body != "" {
			t.Errorf("%s %s: %d %s %q", c.method, c.header, res.StatusCode, res.Header.Get("ETag"), body)
		}
	}
	if res, body := d.ask(t, "GET", "/x", ""); res.StatusCode != 200 || body != `"body"` {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}
