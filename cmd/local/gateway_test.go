package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/dynamolocal/dynamotest"
	"latchkey/internal/sam"
)

const (
	ourFault = "{\"message\":\"Internal Server Error\"}\n"
	tooSlow  = "{\"message\":\"Service Unavailable\"}\n"
)

// fakeFunction stands in for a function: it keeps the event and gives the answer that it was told.
type fakeFunction struct {
	event         events.APIGatewayV2HTTPRequest
	raw           []byte
	answer        string
	functionError string
	err           error
}

func (f *fakeFunction) invoke(_ context.Context, payload []byte) ([]byte, string, error) {
	f.raw = payload
	f.event = events.APIGatewayV2HTTPRequest{}
	if err := json.Unmarshal(payload, &f.event); err != nil {
		return nil, "", err
	}
	return []byte(f.answer), f.functionError, f.err
}

func serveGateway(
	t *testing.T, cors *sam.CORS, invoke func(function string) invoker, routes ...sam.Route,
) (*gateway, string) {
	t.Helper()
	var functions []sam.Function
	for _, r := range routes {
		functions = append(functions, sam.Function{Name: r.Method + " " + r.Path, Routes: []sam.Route{r}})
	}
	g := newGateway(t.Context(), &sam.Template{Functions: functions, CORS: cors}, invoke)
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	return g, server.URL
}

func (f *fakeFunction) serve(t *testing.T, cors *sam.CORS, routes ...sam.Route) string {
	t.Helper()
	_, url := serveGateway(t, cors, func(string) invoker { return f.invoke }, routes...)
	return url
}

func TestTheMostParticularRouteIsTaken(t *testing.T) {
	var took string
	_, url := serveGateway(t, nil, func(function string) invoker {
		return func(context.Context, []byte) ([]byte, string, error) {
			took = function
			return []byte(`{"statusCode":200}`), "", nil
		}
	},
		sam.Route{Method: "GET", Path: "/join/{org}/{token}"},
		sam.Route{Method: "GET", Path: "/join/{org}/sign-in"},
		sam.Route{Method: "GET", Path: "/join/{org}/password/{token}"},
		sam.Route{Method: "POST", Path: "/join/{org}/{token}/accept"},
		sam.Route{Method: "ANY", Path: "/any"},
		sam.Route{Method: "GET", Path: "/any"},
		sam.Route{Method: "GET", Path: "/deep/{rest+}"},
		sam.Route{Method: "GET", Path: "/deep/{one}"},
		sam.Route{Method: "GET", Path: "/deep/word/{rest+}"},
	)
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/join/acme/sign-in", "GET /join/{org}/sign-in"},
		{"GET", "/join/acme/Sign-In", "GET /join/{org}/{token}"},
		{"GET", "/join/acme/abc", "GET /join/{org}/{token}"},
		{"GET", "/join/acme/abc?x=1", "GET /join/{org}/{token}"},
		{"GET", "/join/acme/password/abc", "GET /join/{org}/password/{token}"},
		{"POST", "/join/acme/password/accept", "POST /join/{org}/{token}/accept"},
		{"GET", "/any", "GET /any"},
		{"PUT", "/any", "ANY /any"},
		{"GET", "/deep/one", "GET /deep/{one}"},
		{"GET", "/deep/one/two", "GET /deep/{rest+}"},
		{"GET", "/deep/word/two", "GET /deep/word/{rest+}"},
		{"POST", "/join/acme/abc", ""},
		{"HEAD", "/join/acme/abc", ""},
		{"GET", "/join/acme", ""},
		{"GET", "/join/acme/", ""},
		{"GET", "/join//abc", ""},
		{"GET", "/join/acme/abc/", ""},
		{"OPTIONS", "/join/acme/abc", ""},
		{"GET", "/", ""},
	} {
		took = ""
		answer, text := do(t, c.method, url+c.path, "")
		if took != c.want {
			t.Errorf("%s %s went to %q, want %q", c.method, c.path, took, c.want)
		}
		if c.want == "" && (answer.StatusCode != 404 || c.method != "HEAD" && text != "{\"message\":\"Not Found\"}\n") {
			t.Errorf("%s %s: %d %s", c.method, c.path, answer.StatusCode, text)
		}
	}
}

func TestAnEventIsAsAPIGatewayMakesIt(t *testing.T) {
	f := &fakeFunction{answer: `{"statusCode":200}`}
	url := f.serve(t, nil, sam.Route{Method: "POST", Path: "/v1/{org}/things/{id}"})
	host := strings.TrimPrefix(url, "http://")
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		t.Fatal(err)
	}
	do(t, "POST", url+"/v1/ac%20me/things/a%2Bb?x=1&x=2&y=%C3%A4", `{"a":1}`,
		"Content-Type", "application/json; charset=utf-8", "User-Agent", "test/1", "X-Many", "one", "X-Many", "two",
		"Cookie", "a=1; b=2", "Cookie", "c=3", "X-Forwarded-For", "6.6.6.6", "Accept-Encoding", "identity")
	got := f.event
	rc := got.RequestContext
	if rc.RequestID == "" || time.Since(time.UnixMilli(rc.TimeEpoch)) > time.Minute {
		t.Errorf("request context %+v", rc)
	}
	if _, err := time.Parse("02/Jan/2006:15:04:05 -0700", rc.Time); err != nil {
		t.Error(err)
	}
	want := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "POST /v1/{org}/things/{id}",
		RawPath: "/v1/ac me/things/a+b", RawQueryString: "x=1&x=2&y=%C3%A4",
		Cookies: []string{"a=1", "b=2", "c=3"},
		Headers: map[string]string{
			"content-type": "application/json; charset=utf-8", "content-length": "7", "user-agent": "test/1",
			"x-many": "one,two", "accept-encoding": "identity", "host": host,
			"x-forwarded-for": "6.6.6.6, 127.0.0.1", "x-forwarded-port": port, "x-forwarded-proto": "http",
		},
		QueryStringParameters: map[string]string{"x": "1,2", "y": "ä"},
		PathParameters:        map[string]string{"org": "ac me", "id": "a+b"},
		Body:                  `{"a":1}`,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: "POST /v1/{org}/things/{id}", AccountID: sam.AccountID, Stage: "$default", APIID: "local",
			DomainName: host, DomainPrefix: "local", RequestID: rc.RequestID, Time: rc.Time, TimeEpoch: rc.TimeEpoch,
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: "POST", Path: "/v1/ac me/things/a+b", Protocol: "HTTP/1.1", SourceIP: "127.0.0.1", UserAgent: "test/1",
			},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if bytes.Contains(f.raw, []byte("multiValueHeaders")) {
		t.Errorf("a field of payload format 1.0: %s", f.raw)
	}
}

func TestOnlyTextGoesThroughAsItIs(t *testing.T) {
	f := &fakeFunction{answer: `{"statusCode":200}`}
	url := f.serve(t, nil, sam.Route{Method: "POST", Path: "/"})
	for _, c := range []struct {
		contentType, body string
		encoded           bool
	}{
		{"application/json", "{}", false},
		{"text/csv; charset=utf-8", "a,b", false},
		{"application/xml", "<a/>", false},
		{"application/x-www-form-urlencoded", "a=1", true},
		{"application/octet-stream", "a", true},
		{"multipart/form-data; boundary=x", "a", true},
		{"", "a", true},
		{"nonsense/;;", "a", true},
		{"application/json", "\xff\xfe", true},
		{"application/octet-stream", "", false},
	} {
		do(t, "POST", url+"/", c.body, "Content-Type", c.contentType)
		body := f.event.Body
		if f.event.IsBase64Encoded {
			decoded, err := base64.StdEncoding.DecodeString(body)
			if err != nil {
				t.Fatal(err)
			}
			body = string(decoded)
		}
		if body != c.body || f.event.IsBase64Encoded != c.encoded {
			t.Errorf("%q: body %q, base64 %v", c.contentType, f.event.Body, f.event.IsBase64Encoded)
		}
	}
}

func TestAnswers(t *testing.T) {
	f := &fakeFunction{}
	url := f.serve(t, nil, sam.Route{Method: "GET", Path: "/"})
	for _, c := range []struct {
		name, answer string
		status       int
		body, kind   string
	}{
		{"plain", `{"statusCode":201,"body":"hello"}`, 201, "hello", "text/plain; charset=utf-8"},
		{"with headers", `{"statusCode":200,"headers":{"content-type":"text/html"},"body":"<p>"}`, 200, "<p>", "text/html"},
		{"base64", `{"statusCode":200,"isBase64Encoded":true,"body":"AAE="}`, 200, "\x00\x01", "text/plain; charset=utf-8"},
		{"nothing", `{"statusCode":204}`, 204, "", ""},
		{"JSON without a status is a body", `{"a":1}`, 200, `{"a":1}`, "application/json"},
		{"a text without a status is a body", `"a"`, 200, `"a"`, "application/json"},
		{"no JSON", `{`, 500, ourFault, "application/json"},
		{"no body that is a text", `{"statusCode":200,"body":{}}`, 500, ourFault, "application/json"},
		{"no such status", `{"statusCode":99}`, 500, ourFault, "application/json"},
		{"no base64", `{"statusCode":200,"isBase64Encoded":true,"body":"?"}`, 500, ourFault, "application/json"},
	} {
		f.answer = c.answer
		answer, body := do(t, "GET", url+"/", "")
		if answer.StatusCode != c.status || body != c.body || answer.Header.Get("Content-Type") != c.kind {
			t.Errorf("%s: %d %q %q", c.name, answer.StatusCode, body, answer.Header.Get("Content-Type"))
		}
		if answer.Header.Get("Apigw-Requestid") == "" {
			t.Errorf("%s: no request id", c.name)
		}
	}
	f.answer = `{"statusCode":303,"headers":{"location":"/x"},"cookies":["a=1; Secure","b=2"]}`
	r, err := http.NewRequestWithContext(t.Context(), "GET", url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if cookies := answer.Header.Values("Set-Cookie"); len(cookies) != 2 || cookies[0] != "a=1; Secure" ||
		answer.Header.Get("Location") != "/x" || answer.StatusCode != 303 {
		t.Errorf("%d %v", answer.StatusCode, answer.Header)
	}
}

func TestWhatGoesWrongInTheMiddle(t *testing.T) {
	f := &fakeFunction{answer: `{"errorType":"x"}`, functionError: "Unhandled"}
	url := f.serve(t, nil, sam.Route{Method: "POST", Path: "/"})
	if answer, body := do(t, "POST", url+"/", ""); answer.StatusCode != 500 || body != ourFault {
		t.Errorf("function error: %d %s", answer.StatusCode, body)
	}
	f.functionError, f.err = "", errors.New("no process")
	if answer, body := do(t, "POST", url+"/", ""); answer.StatusCode != 500 || strings.Contains(body, "process") {
		t.Errorf("our error: %d %s", answer.StatusCode, body)
	}
	f.err = errPayloadTooLarge
	if answer, _ := do(t, "POST", url+"/", ""); answer.StatusCode != 413 {
		t.Errorf("event too large: %d", answer.StatusCode)
	}
	f.raw = nil
	if answer, _ := do(t, "POST", url+"/", strings.Repeat("x", maxBody+1)); answer.StatusCode != 413 || f.raw != nil {
		t.Errorf("body too large: %d", answer.StatusCode)
	}
}

func TestAFunctionThatTakesLongerThanTheGatewayWaits(t *testing.T) {
	hold := make(chan struct{})
	g, url := serveGateway(t, nil, func(string) invoker {
		return func(context.Context, []byte) ([]byte, string, error) {
			<-hold
			return nil, "", nil
		}
	}, sam.Route{Method: "GET", Path: "/"})
	defer close(hold)
	g.timeout = 10 * time.Millisecond
	if answer, body := do(t, "GET", url+"/", ""); answer.StatusCode != 503 || body != tooSlow {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
}

func TestCORSIsTheGatewaysAndNotTheFunctions(t *testing.T) {
	f := &fakeFunction{answer: `{"statusCode":200,"headers":{"access-control-allow-origin":"*","x-a":"b"}}`}
	cors := &sam.CORS{
		AllowOrigins: []string{"https://console.example"}, AllowMethods: []string{"GET", "POST"},
		AllowHeaders: []string{"authorization"}, ExposeHeaders: []string{"etag"}, MaxAge: 600,
	}
	url := f.serve(t, cors, sam.Route{Method: "GET", Path: "/"})
	for _, c := range []struct {
		name, method, path, origin, asks string
		status                           int
		want                             map[string]string
	}{
		{"a preflight", "OPTIONS", "/", "https://console.example", "GET", 204, map[string]string{
			"Access-Control-Allow-Origin": "https://console.example", "Access-Control-Allow-Methods": "GET,POST",
			"Access-Control-Allow-Headers": "authorization", "Access-Control-Max-Age": "600",
			"Access-Control-Expose-Headers": "etag",
		}},
		{"a preflight where no route is", "OPTIONS", "/nowhere", "https://console.example", "GET", 204, map[string]string{
			"Access-Control-Allow-Origin": "https://console.example",
		}},
		{"a preflight from elsewhere", "OPTIONS", "/", "https://evil.example", "GET", 204, map[string]string{
			"Access-Control-Allow-Origin": "", "Access-Control-Allow-Methods": "",
		}},
		{"no preflight", "OPTIONS", "/", "", "", 404, nil},
		{"a call", "GET", "/", "https://console.example", "", 200, map[string]string{
			"Access-Control-Allow-Origin": "https://console.example", "Access-Control-Expose-Headers": "etag", "X-A": "b",
			"Access-Control-Max-Age": "",
		}},
		{"a call from elsewhere", "GET", "/", "https://evil.example", "", 200, map[string]string{
			"Access-Control-Allow-Origin": "", "X-A": "b",
		}},
		{"a call from nowhere", "GET", "/", "", "", 200, map[string]string{"Access-Control-Allow-Origin": ""}},
		{"not found", "GET", "/nowhere", "https://console.example", "", 404, map[string]string{
			"Access-Control-Allow-Origin": "https://console.example",
		}},
	} {
		var header []string
		if c.origin != "" {
			header = append(header, "Origin", c.origin)
		}
		if c.asks != "" {
			header = append(header, "Access-Control-Request-Method", c.asks)
		}
		answer, _ := do(t, c.method, url+c.path, "", header...)
		if answer.StatusCode != c.status {
			t.Errorf("%s: %d", c.name, answer.StatusCode)
		}
		for name, want := range c.want {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", c.name, name, got, want)
			}
		}
	}
	cors.AllowOrigins, cors.AllowCredentials = []string{"*"}, true
	answer, _ := do(t, "GET", url+"/", "", "Origin", "https://any.example")
	h := answer.Header
	if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("any origin: %v", h)
	}
}

func TestAFunctionIsReachedThroughItsRoute(t *testing.T) {
	c := startCloud(t, options{})
	answer, body := do(t, "GET", c.baseURL+"/things/7", "")
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal([]byte(body), &e); err != nil || answer.StatusCode != 200 || e.PathParameters["id"] != "7" {
		t.Errorf("%d %s %v", answer.StatusCode, body, err)
	}
	answer, body = do(t, "POST", c.baseURL+"/things/7", `{"statusCode":418}`, "Content-Type", "application/json")
	if answer.StatusCode != 418 {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
	for _, path := range []string{"/_local", "/_local/nothing", "//things/7", "/things/../things/7"} {
		if answer, body := do(t, "GET", c.baseURL+path, ""); answer.StatusCode != 404 {
			t.Errorf("%s: %d %s", path, answer.StatusCode, body)
		}
	}
}

// Whatever order the template names them in: with enough routes of several lengths, a sorting that calls some alike which
// are not puts a variable before a word.
func TestEveryRouteOfTheProductIsReachedInWhateverOrderTheyStand(t *testing.T) {
	template, err := sam.Load(filepath.Join(repository, "template.yaml"), sam.Options{Parameters: dynamotest.Parameters})
	if err != nil {
		t.Fatal(err)
	}
	var routes []sam.Route
	for _, f := range template.Functions {
		routes = append(routes, f.Routes...)
	}
	chance := rand.New(rand.NewPCG(20261126, 1))
	for range 200 {
		chance.Shuffle(len(routes), func(i, j int) { routes[i], routes[j] = routes[j], routes[i] })
		g := newGateway(t.Context(), &sam.Template{Functions: []sam.Function{{Name: "all", Routes: routes}}},
			func(string) invoker { return nil })
		for _, r := range routes {
			path := regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(r.Path, "x")
			i := slices.IndexFunc(g.routes, func(candidate route) bool {
				_, fits := candidate.match(r.Method, path)
				return fits
			})
			if g.routes[i].path != r.Path {
				t.Fatalf("%s %s is answered as %s", r.Method, r.Path, g.routes[i].path)
			}
		}
	}
}
