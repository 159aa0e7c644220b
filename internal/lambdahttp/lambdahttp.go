// Package lambdahttp serves net/http handlers behind an API Gateway HTTP API, whose events are of payload format 2.0.
package lambdahttp

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// answerTime is kept back of an invocation's time: at its deadline Lambda ends the process, and nobody gets an answer.
const answerTime = 500 * time.Millisecond

// Start serves h to the Lambda runtime. It does not return.
func Start(h http.Handler) { lambda.Start(Handler(h)) }

// Handler makes a Lambda handler of h. An event that is no HTTP request of payload format 2.0 is an error.
// The stage must be $default: any other stands in the path as its first segment, and is left there.
func Handler(h http.Handler) lambda.Handler { return handler{h} }

type handler struct{ http http.Handler }

// Invoke takes and gives raw JSON, which spares the reflection that lambda.Start puts around ordinary functions.
func (h handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-answerTime))
		defer cancel()
	}
	r, err := request(ctx, payload)
	if err != nil {
		return nil, fmt.Errorf("lambdahttp: %w", err)
	}
	w := &response{header: make(http.Header), head: r.Method == http.MethodHead}
	h.http.ServeHTTP(w, r)
	return w.payload()
}

type requestIDKey struct{}

// RequestID tells the gateway's id of the request that ctx belongs to, or else the invocation's. It is empty outside both.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

type event struct {
	Version         string            `json:"version"`
	RawPath         string            `json:"rawPath"`
	RawQueryString  string            `json:"rawQueryString"`
	Cookies         []string          `json:"cookies"`
	Headers         map[string]string `json:"headers"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
	RequestContext  struct {
		RequestID  string `json:"requestId"`
		DomainName string `json:"domainName"`
		HTTP       struct {
			Method   string `json:"method"`
			SourceIP string `json:"sourceIp"`
		} `json:"http"`
	} `json:"requestContext"`
}

func request(ctx context.Context, payload []byte) (*http.Request, error) {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, fmt.Errorf("the event is not JSON of the expected shape: %w", err)
	}
	if e.Version != "2.0" {
		return nil, errors.New("the event is not of payload format 2.0")
	}
	method := e.RequestContext.HTTP.Method
	if !token(method) {
		return nil, errors.New("the event has no HTTP method")
	}
	if !strings.HasPrefix(e.RawPath, "/") {
		return nil, errors.New("the event's path does not begin with a slash")
	}
	body, err := e.body()
	if err != nil {
		return nil, err
	}

	u := location(e.RawPath)
	u.RawQuery = e.RawQueryString
	uri := u.EscapedPath()
	if u.RawQuery != "" {
		uri += "?" + u.RawQuery
	}
	header := e.header()
	host := header.Get("Host")
	if host == "" {
		host = e.RequestContext.DomainName
	}
	header.Del("Host") // as net/http has it

	id := e.RequestContext.RequestID
	if lc, ok := lambdacontext.FromContext(ctx); ok && id == "" {
		id = lc.AwsRequestID
	}
	r := &http.Request{
		Method: method, URL: u, RequestURI: uri, Host: host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: http.NoBody, ContentLength: int64(len(body)),
		RemoteAddr: remote(e.RequestContext.HTTP.SourceIP),
	}
	if len(body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return r.WithContext(context.WithValue(ctx, requestIDKey{}, id)), nil
}

func (e *event) body() ([]byte, error) {
	if !e.IsBase64Encoded {
		return []byte(e.Body), nil
	}
	b, err := base64.StdEncoding.DecodeString(e.Body)
	if err != nil {
		return nil, errors.New("the event's body is not base64")
	}
	return b, nil
}

func (e *event) header() http.Header {
	h := make(http.Header, len(e.Headers)+1)
	for name, value := range e.Headers {
		h.Set(name, value)
	}
	if len(e.Cookies) > 0 {
		h.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	return h
}

// location reads the path of an event. An HTTP API decodes it before it gets here, a function URL does not:
// so escapes are read as such, and whatever cannot stand in an encoded path, a lone % too, stands for itself.
func location(raw string) *url.URL {
	const hex = "0123456789ABCDEF"
	isHex := func(i int) bool {
		return i < len(raw) && strings.IndexByte("0123456789abcdefABCDEF", raw[i]) >= 0
	}
	var b strings.Builder
	for i := range len(raw) {
		c := raw[i]
		switch {
		case c == '%' && isHex(i+1) && isHex(i+2), c > ' ' && c < 0x7f && !strings.ContainsRune("%?#", rune(c)):
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	path, _ := url.PathUnescape(b.String()) // every % was seen to begin an escape
	u := &url.URL{Path: path}
	if encoded := b.String(); u.EscapedPath() != encoded {
		u.RawPath = encoded
	}
	return u
}

// remote makes the RemoteAddr of a source address. Forwarded headers are the client's own words and have no part in it.
func remote(ip string) string {
	if _, err := netip.ParseAddr(ip); err != nil {
		return ""
	}
	return net.JoinHostPort(ip, "0")
}

// token reports whether s is a token of RFC 9110, section 5.6.2.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
