package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestWritesOfAnotherSiteAreRefused(t *testing.T) {
	d := newDoor(t, nil)
	ok := func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(204); return nil }
	d.mux.page("/page", ok, writeProblem)
	d.mux.handle("/json", ok)

	// The test server's Host is 127.0.0.1, as a gateway's would be another than the base URL's.
	own := strings.TrimPrefix(d.URL, "http://")
	cookie := []string{"Cookie", sessionCookie + "=token"}
	for _, c := range []struct {
		name    string
		headers []string
		refused bool
	}{
		{"no browser", nil, false},
		{"our page", []string{"Sec-Fetch-Site", "same-origin", "Origin", baseURL}, false},
		{"our page, under no-referrer", []string{"Sec-Fetch-Site", "same-origin", "Origin", "null"}, false},
		{"the address bar", []string{"Sec-Fetch-Site", "none"}, false},
		{"another site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, true},
		{"another site that hides", []string{"Sec-Fetch-Site", "cross-site", "Origin", "null"}, true},
		{"another site without Origin", []string{"Sec-Fetch-Site", "cross-site"}, true},
		{"a neighbouring host", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://www.example.com"}, true},
		{"an unknown word", []string{"Sec-Fetch-Site", "sesame"}, true},
		{"an old browser, our page", []string{"Origin", baseURL}, false},
		{"an old browser, another site", []string{"Origin", "https://evil.example"}, true},
		{"an old browser, another site that hides", []string{"Origin", "null"}, true},
		{"an old browser, our host without TLS", []string{"Origin", "http://join.example.com"}, true},
		{"an old browser, our host, another port", []string{"Origin", baseURL + ":8443"}, true},
		{"an old browser, the gateway's host", []string{"Origin", "http://" + own}, true},
		{"an old browser, a longer host", []string{"Origin", baseURL + ".evil.example"}, true},
		{"a forwarded host", []string{"Origin", "https://evil.example", "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			ask := func(method, path string, headers ...string) int {
				t.Helper()
				res, body := d.ask(t, method, path, "", append(headers, c.headers...)...)
				if res.StatusCode == 403 {
					wantProblem(t, res, body, 403, "forbidden")
				} else if res.StatusCode != 204 {
					t.Errorf("%s %s: %d %s", method, path, res.StatusCode, body)
				}
				return res.StatusCode
			}
			want := map[bool]int{true: 403, false: 204}[c.refused]
			if got := ask("POST", "/page"); got != want {
				t.Errorf("POST to a page: %d, want %d", got, want)
			}
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "SESAME"} {
				if got := ask(method, "/json", cookie...); got != want {
					t.Errorf("%s borne by a cookie: %d, want %d", method, got, want)
				}
			}
			for name, got := range map[string]int{
				"GET of a page":                     ask("GET", "/page", cookie...),
				"GET borne by a cookie":             ask("GET", "/json", cookie...),
				"POST of JSON without a cookie":     ask("POST", "/json"),
				"POST of JSON with a bearer":        ask("POST", "/json", "Authorization", "Bearer token"),
				"POST of JSON with both":            ask("POST", "/json", append(cookie, "Authorization", "Bearer token")...),
				"POST of JSON with another cookie":  ask("POST", "/json", "Cookie", "theme=dark"),
				"HEAD of a page borne by a cookie ": ask("HEAD", "/page", cookie...),
			} {
				if got != 204 {
					t.Errorf("%s: %d, want 204", name, got)
				}
			}
		})
	}
}

func TestSessionCookie(t *testing.T) {
	w := httptest.NewRecorder()
	setSession(w, "token", time.Date(2026, 12, 6, 9, 30, 0, 0, time.UTC))
	clearSession(w)
	want := []string{
		"__Host-latchkey=token; Path=/; Expires=Sun, 06 Dec 2026 09:30:00 GMT; HttpOnly; Secure; SameSite=Lax",
		"__Host-latchkey=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
	}
	for i, got := range w.Header()["Set-Cookie"] {
		if got != want[i] {
			t.Errorf("got  %s\nwant %s", got, want[i])
		}
	}
}

func TestPresentedToken(t *testing.T) {
	const cookie = "__Host-latchkey=of-the-cookie"
	for _, c := range []struct {
		name          string
		authorization []string
		cookies       []string
		token         string
		byCookie      bool
		refused       bool
	}{
		{name: "nothing"},
		{name: "a bearer", authorization: []string{"Bearer a-b._~+/c=="}, token: "a-b._~+/c=="},
		{name: "any case of the scheme", authorization: []string{"bEARER abc"}, token: "abc"},
		{name: "a cookie", cookies: []string{cookie}, token: "of-the-cookie", byCookie: true},
		{name: "a cookie among others", cookies: []string{"a=b; " + cookie + "; c=d"}, token: "of-the-cookie", byCookie: true},
		{name: "a bearer wins over a cookie", authorization: []string{"Bearer abc"}, cookies: []string{cookie}, token: "abc"},
		{name: "a broken header does not fall back", authorization: []string{"Bearer"}, cookies: []string{cookie}, refused: true},
		{name: "an empty header does not fall back", authorization: []string{""}, cookies: []string{cookie}, refused: true},
		{name: "two headers", authorization: []string{"Bearer a", "Bearer b"}, refused: true},
		{name: "two headers that a gateway joined", authorization: []string{"Bearer a,Bearer b"}, refused: true},
		{name: "two tokens", authorization: []string{"Bearer a b"}, refused: true},
		{name: "another scheme", authorization: []string{"Basic YTpi"}, refused: true},
		{name: "no token", authorization: []string{"Bearer "}, refused: true},
		{name: "only padding", authorization: []string{"Bearer =="}, refused: true},
		{name: "padding inside", authorization: []string{"Bearer a=b"}, refused: true},
		{name: "a quoted token", authorization: []string{`Bearer "abc"`}, refused: true},
		{name: "a token in no ASCII", authorization: []string{"Bearer ſ"}, refused: true},
		{name: "two cookies", cookies: []string{cookie + "; " + cookie}, refused: true},
		{name: "a cleared cookie", cookies: []string{"__Host-latchkey="}},
		{name: "a cookie without the prefix", cookies: []string{"latchkey=x; __host-latchkey=y"}},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"], r.Header["Cookie"] = c.authorization, c.cookies
		token, byCookie, err := presented(r)
		if (err != nil) != c.refused || !c.refused && (token != c.token || byCookie != c.byCookie) {
			t.Errorf("%s: %q, %v, %v", c.name, token, byCookie, err)
		}
		if err != nil && (problemOf(err).Status != 401 || token != "") {
			t.Errorf("%s: %q, %v", c.name, token, err)
		}
	}
}

func TestSourceAddress(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:80":                "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:0":    "2001:db8:1:2::/64",
		"[::ffff:192.0.2.1]:80":       "192.0.2.1",
		"[fe80::1%eth0]:80":           "fe80::/64",
		"":                            "unknown",
		"sesame:80":                   "unknown",
		"192.0.2.1":                   "unknown",
		"192.0.2.1, 198.51.100.7:443": "unknown",
	} {
		r := &http.Request{RemoteAddr: remote, Header: http.Header{
			"X-Forwarded-For": {"198.51.100.7"}, "X-Real-Ip": {"198.51.100.7"}, "Forwarded": {"for=198.51.100.7"}}}
		if got := sourceAddress(r); got != want {
			t.Errorf("%s: got %s, want %s", remote, got, want)
		}
	}
}
