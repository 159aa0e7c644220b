package main

// The HTTP API: routes of the template to events of payload format 2.0 and answers back, with the habits of API Gateway
// that a function can see.
//
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"latchkey/internal/sam"
)

const (
	maxBody            = 10 << 20
	integrationTimeout = 30 * time.Second
)

// invoker hands a function an event; see pool.invoke.
type invoker func(ctx context.Context, payload []byte) (response []byte, functionError string, err error)

// gateway is the HTTP API.
type gateway struct {
	routes []route
	cors   *sam.CORS
	// An invocation goes on when its client hangs up, so it runs in the context of the cloud, not of the request.
	ctx     context.Context
	timeout time.Duration
}

type route struct {
	method   string
	path     string
	segments []string
	invoke   invoker
}

func (r route) key() string { return r.method + " " + r.path }

// newGateway serves the routes of the functions that invoke finds.
func newGateway(ctx context.Context, t *sam.Template, invoke func(function string) invoker) *gateway {
	g := &gateway{cors: t.CORS, ctx: ctx, timeout: integrationTimeout}
	for _, f := range t.Functions {
		for _, r := range f.Routes {
			g.routes = append(g.routes, route{r.Method, r.Path, strings.Split(r.Path, "/"), invoke(f.Name)})
		}
	}
	// The most particular first: what stands there word for word wins over a variable, and a method over ANY.
	slices.SortStableFunc(g.routes, func(a, b route) int {
		for i := range min(len(a.segments), len(b.segments)) {
			if c := cmp.Compare(rank(a.segments[i]), rank(b.segments[i])); c != 0 {
				return c
			}
		}
		// Paths of two lengths never fit the same request. They must not count as alike, though: what is like both of two that
		// differ would leave those in any order.
		if c := cmp.Compare(len(a.segments), len(b.segments)); c != 0 {
			return c
		}
		return cmp.Compare(btoi(a.method == "ANY"), btoi(b.method == "ANY"))
	})
	return g
}

// rank orders segments of route paths: a word, a variable, a variable that takes all that follows.
func rank(segment string) int {
	switch {
	case !strings.HasPrefix(segment, "{"):
		return 0
	case !strings.HasSuffix(segment, "+}"):
		return 1
	}
	return 2
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// match returns the route's variables, and whether the route fits. The path is decoded, as API Gateway decodes it.
func (r route) match(method, path string) (map[string]string, bool) {
	if r.method != method && r.method != "ANY" {
		return nil, false
	}
	segments := strings.Split(path, "/")
	variables := map[string]string{}
	for i, want := range r.segments {
		if i >= len(segments) {
			return nil, false
		}
		switch rank(want) {
		case 0:
			if segments[i] != want {
				return nil, false
			}
		case 1:
			if segments[i] == "" {
				return nil, false
			}
			variables[want[1:len(want)-1]] = segments[i]
		case 2:
			variables[want[1:len(want)-2]] = strings.Join(segments[i:], "/")
			return variables, true
		}
	}
	return variables, len(segments) == len(r.segments)
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := base64.RawURLEncoding.EncodeToString([]byte(uuid())[:12])
	w.Header().Set("Apigw-Requestid", id)
	if g.preflight(w, r) {
		return
	}
	for _, rt := range g.routes {
		if variables, ok := rt.match(r.Method, r.URL.Path); ok {
			g.serve(w, r, rt, variables, id)
			return
		}
	}
	g.allowOrigin(w.Header(), r)
	writeMessage(w, http.StatusNotFound, "Not Found")
}

func (g *gateway) serve(w http.ResponseWriter, r *http.Request, rt route, variables map[string]string, id string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		g.allowOrigin(w.Header(), r)
		writeMessage(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	} else if err != nil {
		return // the client is gone
	}
	payload, err := json.Marshal(event(r, rt, variables, id, body))
	if err != nil {
		writeMessage(w, http.StatusInternalServerError, err.Error())
		return
	}
	type outcome struct {
		response      []byte
		functionError string
		err           error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		o.response, o.functionError, o.err = rt.invoke(g.ctx, payload)
		done <- o
	}()
	timer := time.NewTimer(g.timeout)
	defer timer.Stop()
	select {
	case o := <-done:
		switch {
		case errors.Is(o.err, errPayloadTooLarge):
			g.allowOrigin(w.Header(), r)
			writeMessage(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		case o.err != nil || o.functionError != "":
			g.allowOrigin(w.Header(), r)
			writeMessage(w, http.StatusInternalServerError, "Internal Server Error")
		default:
			g.answer(w, r, o.response)
		}
	case <-timer.C:
		g.allowOrigin(w.Header(), r)
		writeMessage(w, http.StatusServiceUnavailable, "Service Unavailable")
	}
}

// event makes what the function gets. The source address is the connection's: a forwarded header is anybody's word.
func event(
	r *http.Request, rt route, variables map[string]string, id string, body []byte,
) events.APIGatewayV2HTTPRequest {
	now := time.Now().UTC()
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	e := events.APIGatewayV2HTTPRequest{
		Version:        "2.0",
		RouteKey:       rt.key(),
		RawPath:        r.URL.Path,
		RawQueryString: r.URL.RawQuery,
		Headers:        map[string]string{"host": r.Host, "content-length": strconv.Itoa(len(body))},
		PathParameters: variables,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: rt.key(), AccountID: sam.AccountID, Stage: "$default", RequestID: id, APIID: "local",
			DomainName: r.Host, DomainPrefix: "local",
			Time: now.Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: ip, UserAgent: r.UserAgent(),
			},
		},
	}
	for name, values := range r.Header {
		if name == "Cookie" {
			for _, v := range values {
				for c := range strings.SplitSeq(v, ";") {
					e.Cookies = append(e.Cookies, strings.TrimSpace(c))
				}
			}
			continue
		}
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	// The gateway writes these three itself; what the client sent in the first is kept in front.
	forwarded := append(slices.Clone(r.Header["X-Forwarded-For"]), ip)
	e.Headers["x-forwarded-for"] = strings.Join(forwarded, ", ")
	_, port, _ := net.SplitHostPort(r.Host)
	e.Headers["x-forwarded-port"], e.Headers["x-forwarded-proto"] = cmp.Or(port, "80"), "http"
	if query, err := url.ParseQuery(r.URL.RawQuery); err == nil && len(query) > 0 {
		e.QueryStringParameters = map[string]string{}
		for name, values := range query {
			e.QueryStringParameters[name] = strings.Join(values, ",")
		}
	}
	e.Body = string(body)
	if len(body) > 0 && !isText(r.Header.Get("Content-Type"), body) {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return e
}

// isText reports whether API Gateway hands the body on as it is. Everything but these types is base64, forms too.
func isText(contentType string, body []byte) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || !utf8.Valid(body) {
		return false
	}
	switch kind {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(kind, "text/")
}

// answer writes what the function answered. JSON without a statusCode is taken for a body, as API Gateway does.
func (g *gateway) answer(w http.ResponseWriter, r *http.Request, response []byte) {
	var out struct {
		StatusCode      *int              `json:"statusCode"`
		Headers         map[string]string `json:"headers"`
		Cookies         []string          `json:"cookies"`
		Body            string            `json:"body"`
		IsBase64Encoded bool              `json:"isBase64Encoded"`
	}
	err := json.Unmarshal(response, &out)
	body := []byte(out.Body)
	status := http.StatusOK
	switch {
	case !json.Valid(response), out.StatusCode != nil && (err != nil || *out.StatusCode < 200 || *out.StatusCode > 599):
		g.allowOrigin(w.Header(), r)
		writeMessage(w, http.StatusInternalServerError, "Internal Server Error")
		return
	case out.StatusCode == nil:
		out.Headers, out.Cookies, body = map[string]string{"content-type": "application/json"}, nil, response
	default:
		status = *out.StatusCode
		if out.IsBase64Encoded {
			if body, err = base64.StdEncoding.DecodeString(out.Body); err != nil {
				g.allowOrigin(w.Header(), r)
				writeMessage(w, http.StatusInternalServerError, "Internal Server Error")
				return
			}
		}
	}
	h := w.Header()
	for name, value := range out.Headers {
		h.Set(name, value)
	}
	for _, cookie := range out.Cookies {
		h.Add("Set-Cookie", cookie)
	}
	if h.Get("Content-Type") == "" && len(body) > 0 {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	if status != http.StatusNoContent && status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	g.allowOrigin(h, r)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// preflight answers what a browser asks before it lets a page of another origin call. With CORS configured, the gateway
// does so on every path, whether it has a route or not.
func (g *gateway) preflight(w http.ResponseWriter, r *http.Request) bool {
	if g.cors == nil || r.Method != http.MethodOptions || r.Header.Get("Origin") == "" ||
		r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	if h := w.Header(); g.allowOrigin(h, r) {
		set := func(name string, values []string) {
			if len(values) > 0 {
				h.Set(name, strings.Join(values, ","))
			}
		}
		set("Access-Control-Allow-Methods", g.cors.AllowMethods)
		set("Access-Control-Allow-Headers", g.cors.AllowHeaders)
		if g.cors.MaxAge > 0 {
			h.Set("Access-Control-Max-Age", strconv.Itoa(g.cors.MaxAge))
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}

// allowOrigin replaces the function's CORS headers by the configured ones, and reports whether the origin is allowed.
func (g *gateway) allowOrigin(h http.Header, r *http.Request) bool {
	if g.cors == nil {
		return false
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			h.Del(name)
		}
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	switch {
	case slices.Contains(g.cors.AllowOrigins, origin):
		h.Set("Access-Control-Allow-Origin", origin)
	case slices.Contains(g.cors.AllowOrigins, "*"):
		h.Set("Access-Control-Allow-Origin", "*")
	default:
		return false
	}
	if g.cors.AllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(g.cors.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(g.cors.ExposeHeaders, ","))
	}
	return true
}
