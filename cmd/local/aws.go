package main

// The one endpoint at which functions find AWS. It knows the caller by its access key id, asks the policy of the template
// whether the call is allowed, counts it, and hands it on: to DynamoDB Local, to the SES capture or to the SMS capture.

import (
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"latchkey/internal/sam"
)

// call is one request to AWS.
type call struct {
	function string // "" for a caller that is no function
	service  string // as policies name it: dynamodb, ses, sns
	action   string // of the API: PutItem, TransactWriteItems, SendEmail, Publish
	body     []byte
}

// endpoint is http.Handler for everything that a function's AWS clients send.
type endpoint struct {
	template *sam.Template
	services map[string]http.Handler
	calls    *calls
	// intercept may be nil. A test wraps a call in it: to kill the caller between two of its calls, to lose an answer,
	// to throttle.
	intercept func(c call, next http.Handler) http.Handler
}

var credential = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/,]+)/[0-9]{8}/[^/,]+/([a-z0-9-]+)/aws4_request,`)

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := credential.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		writeMessage(w, http.StatusForbidden, "the request is not signed (AWS Signature Version 4)")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = readCloser(body)
	c := call{function: m[1], service: m[2], body: body, action: action(m[2], r, body)}
	service := e.services[c.service]
	if service == nil || c.action == "" {
		writeMessage(w, http.StatusBadRequest,
			"the local cloud does not know this call: "+c.service+" "+r.Method+" "+r.URL.Path)
		return
	}
	e.calls.add(c)
	f, ok := e.template.Function(c.function)
	if !ok {
		refuse(w, c.service, "UnrecognizedClientException", "the access key id is not the name of a function: "+c.function)
		return
	}
	for _, p := range permissions(c, e.template) {
		if !p.allowed(f.Policy) {
			refuse(w, c.service, "AccessDeniedException", p.refusal(c.function))
			return
		}
	}
	if e.intercept != nil {
		service = e.intercept(c, service)
	}
	service.ServeHTTP(w, r)
}

// action returns the name that the API has for the request.
func action(service string, r *http.Request, body []byte) string {
	switch service {
	case "dynamodb":
		_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		return name
	case "ses":
		if r.Method == http.MethodPost && r.URL.Path == "/v2/email/outbound-emails" {
			return "SendEmail"
		}
	case "sns":
		if form, err := url.ParseQuery(string(body)); err == nil {
			return form.Get("Action")
		}
	}
	return ""
}

// refuse says no in the words of the service, so that the SDK makes its typed error of it.
func refuse(w http.ResponseWriter, service, code, message string) {
	switch service {
	case "dynamodb":
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		writeJSON(w, http.StatusBadRequest, map[string]string{
			"__type": "com.amazon.coral.service#" + code, "message": message,
		})
	case "sns":
		writeSNSError(w, http.StatusForbidden, "AuthorizationError", message)
	default:
		w.Header().Set("X-Amzn-Errortype", code)
		writeMessage(w, http.StatusForbidden, message)
	}
}

// forward hands requests on to the service at target.
func forward(target string, log io.Writer) (http.Handler, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			// DynamoDB Local takes letters and digits only for an access key id, and checks no signature.
			h := r.Out.Header
			h.Set("Authorization", strings.Replace(h.Get("Authorization"),
				"Credential="+credential.FindStringSubmatch(h.Get("Authorization"))[1]+"/", "Credential=local/", 1))
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true},
		ErrorLog:  newLogger(log),
	}, nil
}

// calls counts what the functions ask of AWS.
type calls struct {
	mu    sync.Mutex
	count map[string]map[string]int
}

func (c *calls) add(one call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = map[string]map[string]int{}
	}
	if c.count[one.function] == nil {
		c.count[one.function] = map[string]int{}
	}
	c.count[one.function][one.service+":"+one.action]++
}

// snapshot returns the counts by function and by "service:Action".
func (c *calls) snapshot() map[string]map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]map[string]int{}
	for function, actions := range c.count {
		out[function] = maps.Clone(actions)
	}
	return out
}

func (c *calls) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count = nil
}
