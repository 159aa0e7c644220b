package lambdahttp_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"latchkey/internal/lambdahttp"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

type answer struct {
	StatusCode      int
	Headers         map[string]string
	Cookies         []string
	Body            string
	IsBase64Encoded bool
}

func invoke(t testing.TB, ctx context.Context, event []byte, h http.HandlerFunc) answer {
	t.Helper()
	out, err := lambdahttp.Handler(h).Invoke(ctx, event)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return a
}

// event is the least that API Gateway sends; change may add to it.
func event(method, path string, change func(map[string]any)) []byte {
	e := map[string]any{
		"version": "2.0", "rawPath": path,
		"requestContext": map[string]any{
			"requestId": "id", "domainName": "gateway.example",
			"http": map[string]any{"method": method, "sourceIp": "2001:db8::1"},
		},
	}
	if change != nil {
		change(e)
	}
	b, _ := json.Marshal(e)
	return b
}

func TestDocumentedEventBecomesTheRequestTheClientMade(t *testing.T) {
	doc, err := os.ReadFile("testdata/documented.json")
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	a := invoke(t, ctx, doc, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if d, ok := r.Context().Deadline(); !ok || !d.Before(deadline) || d.Before(deadline.Add(-time.Second)) {
			t.Errorf("deadline %v, want one a moment before %v", d, deadline)
		}
		c1, err1 := r.Cookie("cookie1")
		c2, err2 := r.Cookie("cookie2")
		if err1 != nil || err2 != nil || c1.Value != "a" || c2.Value != "b" {
			t.Errorf("cookies %q", r.Header["Cookie"])
		}
		for _, c := range []struct{ what, got, want string }{
			{"method", r.Method, "POST"},
			{"path", r.URL.Path, "/my/path"},
			{"request URI", r.RequestURI, "/my/path?parameter1=value1&parameter1=value2&parameter2=value"},
			{"query", strings.Join(r.URL.Query()["parameter1"], " "), "value1 value2"},
			{"header", r.Header.Get("Header2"), "value1,value2"},
			{"host", r.Host, "id.execute-api.us-east-1.amazonaws.com"},
			{"host among the headers", r.Header.Get("Host"), ""},
			{"remote address", r.RemoteAddr, "192.0.2.1:0"},
			{"body", string(body), "Hello from Lambda"},
			{"request id", lambdahttp.RequestID(r.Context()), "JKJaXmPLvHcESHA="},
		} {
			if c.got != c.want {
				t.Errorf("%s is %q, want %q", c.what, c.got, c.want)
			}
		}
		if r.ContentLength != int64(len(body)) {
			t.Errorf("ContentLength %d for %d bytes", r.ContentLength, len(body))
		}
	})
	if a.StatusCode != 200 {
		t.Errorf("status %d of a handler that wrote nothing, want 200", a.StatusCode)
	}
}

func TestPathsComeThroughEncodedOrDecoded(t *testing.T) {
	for raw, want := range map[string][2]string{ // the path, and the same escaped
		"/":                  {"/", "/"},
		"/join/acme/a.b-c_d": {"/join/acme/a.b-c_d", "/join/acme/a.b-c_d"},
		"/a%20b":             {"/a b", "/a%20b"},
		"/a b":               {"/a b", "/a%20b"},
		"/a%2Fb":             {"/a/b", "/a%2Fb"},
		"/ü":                 {"/ü", "/%C3%BC"},
		"/100%":              {"/100%", "/100%25"},
		"/%zz":               {"/%zz", "/%25zz"},
		"/a?b#c":             {"/a?b#c", "/a%3Fb%23c"},
		"//evil.example/x":   {"//evil.example/x", "//evil.example/x"},
		`/\evil`:             {`/\evil`, "/%5Cevil"},
		"/a\r\nb":            {"/a\r\nb", "/a%0D%0Ab"},
	} {
		invoke(t, t.Context(), event("GET", raw, nil), func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != want[0] || r.URL.EscapedPath() != want[1] || r.RequestURI != want[1] {
				t.Errorf("%q became %q, %q, %q", raw, r.URL.Path, r.URL.EscapedPath(), r.RequestURI)
			}
			if r.URL.Host != "" {
				t.Errorf("%q has the host %q", raw, r.URL.Host)
			}
		})
	}
}

func TestSourceAddressIsTheGatewaysAlone(t *testing.T) {
	e := event("GET", "/", func(e map[string]any) {
		e["headers"] = map[string]string{"x-forwarded-for": "198.51.100.7", "forwarded": "for=198.51.100.7"}
	})
	invoke(t, t.Context(), e, func(w http.ResponseWriter, r *http.Request) {
		if r.RemoteAddr != "[2001:db8::1]:0" {
			t.Errorf("RemoteAddr %q", r.RemoteAddr)
		}
		if r.Host != "gateway.example" {
			t.Errorf("Host %q, want the domain name where no header tells it", r.Host)
		}
	})
}

func TestRequestIDFallsBackToTheInvocations(t *testing.T) {
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "invocation"})
	e := event("GET", "/", func(e map[string]any) { delete(e["requestContext"].(map[string]any), "requestId") })
	invoke(t, ctx, e, func(w http.ResponseWriter, r *http.Request) {
		if got := lambdahttp.RequestID(r.Context()); got != "invocation" {
			t.Errorf("request id %q", got)
		}
	})
	if got := lambdahttp.RequestID(t.Context()); got != "" {
		t.Errorf("request id %q outside a request", got)
	}
}

func TestAnswers(t *testing.T) {
	png := "\x89PNG\r\n\x1a\n\x00"
	for name, c := range map[string]struct {
		method string
		h      http.HandlerFunc
		want   answer
	}{
		"text goes as text": {"GET", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(201)
			io.WriteString(w, "<p>ü</p>")
		}, answer{201, map[string]string{"content-type": "text/html; charset=utf-8"}, nil, "<p>ü</p>", false}},
		"bytes go as base64": {"GET", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, png) },
			answer{200, map[string]string{"content-type": "image/png"}, nil, base64.StdEncoding.EncodeToString([]byte(png)), true}},
		"cookies go apart": {"GET", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", "a=1; Secure")
			w.Header().Add("Set-Cookie", "b=2, c")
			w.WriteHeader(303)
		}, answer{303, map[string]string{}, []string{"a=1; Secure", "b=2, c"}, "", false}},
		"many values of one header are joined": {"GET", func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Vary"] = []string{"Accept", "Cookie"}
		}, answer{200, map[string]string{"vary": "Accept, Cookie"}, nil, "", false}},
		"the first status stands": {"GET", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(103)
			w.WriteHeader(404)
			w.Header().Set("X-Late", "1")
			w.WriteHeader(200)
		}, answer{404, map[string]string{}, nil, "", false}},
		"HEAD has no body": {"HEAD", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "text") },
			answer{200, map[string]string{"content-type": "text/plain; charset=utf-8"}, nil, "", false}},
		"304 has no body": {"GET", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(304)
			if _, err := io.WriteString(w, "text"); err != http.ErrBodyNotAllowed {
				t.Errorf("writing a body to 304: %v", err)
			}
		}, answer{304, map[string]string{}, nil, "", false}},
		"a value begins no other header": {"GET", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Name", "a\r\nSet-Cookie: b")
		}, answer{200, map[string]string{"x-name": "a  Set-Cookie: b"}, nil, "", false}},
	} {
		t.Run(name, func(t *testing.T) {
			got := invoke(t, t.Context(), event(c.method, "/", nil), c.h)
			if got.StatusCode != c.want.StatusCode || got.Body != c.want.Body || got.IsBase64Encoded != c.want.IsBase64Encoded ||
				!maps.Equal(got.Headers, c.want.Headers) || !slices.Equal(got.Cookies, c.want.Cookies) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestBadEventsAreErrors(t *testing.T) {
	h := lambdahttp.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") }))
	for name, e := range map[string]string{
		"nothing":          ``,
		"no JSON":          `{`,
		"another event":    `{"Records":[]}`,
		"a list":           `[]`,
		"payload 1.0":      `{"version":"1.0","path":"/","httpMethod":"GET"}`,
		"no method":        `{"version":"2.0","rawPath":"/"}`,
		"method of two":    `{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"GET /x"}}}`,
		"no path":          `{"version":"2.0","requestContext":{"http":{"method":"GET"}}}`,
		"path of no slash": `{"version":"2.0","rawPath":"x","requestContext":{"http":{"method":"GET"}}}`,
		"body no base64":   `{"version":"2.0","rawPath":"/","body":"?","isBase64Encoded":true,"requestContext":{"http":{"method":"GET"}}}`,
		"wrong types":      `{"version":"2.0","rawPath":1}`,
	} {
		if out, err := h.Invoke(t.Context(), []byte(e)); err == nil {
			t.Errorf("%s: answered %s", name, out)
		}
	}
}

func FuzzEventNeverPanics(f *testing.F) {
	doc, err := os.ReadFile("testdata/documented.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add(event("GET", "/%zz", nil))
	f.Add([]byte(`{"version":"2.0","headers":{"":"","a b":null},"cookies":[null],"rawPath":"/"}`))
	f.Fuzz(func(t *testing.T, e []byte) {
		h := lambdahttp.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if u, err := url.ParseRequestURI(r.RequestURI); err == nil && u.Host == "" && u.Path != r.URL.Path {
				t.Errorf("request URI %q is of another path than %q", r.RequestURI, r.URL.Path)
			}
			r.URL.Query()
			r.Cookies()
			io.Copy(w, r.Body)
		}))
		out, err := h.Invoke(t.Context(), e)
		if err == nil && !json.Valid(out) {
			t.Errorf("answered what is no JSON: %q", out)
		}
	})
}

func FuzzRequestSurvives(f *testing.F) {
	f.Add("GET", "/", []byte(nil))
	f.Add("POST", "/join/acme/a b", []byte("\x00\xff"))
	f.Add("PATCH", "/ü/%41/%", []byte(`{"a":"<&>"}`))
	f.Fuzz(func(t *testing.T, method, path string, body []byte) {
		valid := method != "" && !strings.ContainsFunc(method, func(c rune) bool { return c < 'A' || c > 'Z' })
		if !valid || !utf8.ValidString(path) {
			t.Skip()
		}
		path = "/" + path
		e := event(method, (&url.URL{Path: path}).EscapedPath(), func(e map[string]any) {
			e["body"], e["isBase64Encoded"] = string(body), false
			if !utf8.Valid(body) {
				e["body"], e["isBase64Encoded"] = base64.StdEncoding.EncodeToString(body), true
			}
		})
		a := invoke(t, t.Context(), e, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != method || r.URL.Path != path {
				t.Errorf("%s %q became %s %q", method, path, r.Method, r.URL.Path)
			}
			io.Copy(w, r.Body)
		})
		got := []byte(a.Body)
		if a.IsBase64Encoded {
			got, _ = base64.StdEncoding.DecodeString(a.Body)
		}
		if method != "HEAD" && !bytes.Equal(got, body) {
			t.Errorf("the body %q became %q", body, got)
		}
	})
}
