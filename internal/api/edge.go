package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"latchkey/internal/onboarding"
	"latchkey/internal/telemetry"
)

// Edge is what every route shares. RequestID and Page may be nil.
type Edge struct {
	Log       *slog.Logger
	Metrics   *telemetry.Metrics
	BaseURL   string // the origin at which browsers see us, as config has checked it
	Now       func() time.Time
	RequestID func(context.Context) string // the gateway's id of a request
	Page      func(w http.ResponseWriter, r *http.Request, p *Problem)
}

// handler answers a request, or returns the error that tells why not, having written nothing.
type handler func(w http.ResponseWriter, r *http.Request) error

// Mux routes requests, each through the same steps: request id, security headers, cross-origin check, handler, problem,
// one log line, one metric.
type Mux struct {
	edge   Edge
	mux    *http.ServeMux
	origin *http.CrossOriginProtection
	host   string
	warm   atomic.Bool
}

// NewMux makes a Mux without routes. It panics on a base URL that is no origin, as ServeMux does on a bad pattern.
func NewMux(e Edge) *Mux {
	u, err := url.Parse(e.BaseURL)
	if err != nil {
		panic("api: base URL: " + err.Error())
	}
	m := &Mux{edge: e, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(), host: u.Host}
	if err := m.origin.AddTrustedOrigin(e.BaseURL); err != nil {
		panic("api: base URL: " + err.Error())
	}
	return m
}

// route is what the ServeMux finds.
type route struct {
	do   handler
	fail failure
	page bool
}

// ServeHTTP only tells the finder: what is to be done is done outside the ServeMux.
func (t *route) ServeHTTP(w http.ResponseWriter, _ *http.Request) { w.(*finder).route = t }

// finder lets a ServeMux look up a route, and hears what it would answer by itself: its 404, 405 or redirect.
type finder struct {
	route  *route
	header http.Header
	status int
}

func (f *finder) Header() http.Header         { return f.header }
func (f *finder) WriteHeader(status int)      { f.status = status }
func (f *finder) Write(b []byte) (int, error) { return len(b), nil }

// handle mounts a JSON route.
func (m *Mux) handle(pattern string, h handler) {
	m.mux.Handle(pattern, &route{do: h, fail: writeProblem})
}

// page mounts a route for browsers, whose errors fail renders.
func (m *Mux) page(pattern string, h handler, fail failure) {
	m.mux.Handle(pattern, &route{do: h, fail: fail, page: true})
}

// ServeHTTP answers every request, whatever happens in its handler.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := m.edge.Now()
	x := &exchange{ResponseWriter: w, id: m.requestID(r)}
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	t := m.find(r)
	x.reset(t.page)
	err := guard(func() error {
		if err := m.checkOrigin(t, r); err != nil {
			return err
		}
		return t.do(x, r)
	})
	var p *Problem
	if err != nil {
		p = problemOf(err)
		p.RequestID = x.id
		m.answer(t, x, r, p)
	}
	m.log(x, r, p, err, m.edge.Now().Sub(start))
}

// answer renders a problem. What the handler has prepared is thrown away: it belongs to an answer that there is not.
func (m *Mux) answer(t *route, x *exchange, r *http.Request, p *Problem) {
	if x.status != 0 {
		return // too late: only the log hears of it
	}
	allow := x.Header().Get("Allow")
	x.reset(t.page)
	if allow != "" && p.Status == http.StatusMethodNotAllowed {
		x.Header().Set("Allow", allow)
	}
	p.setHeaders(x.Header())
	err := guard(func() error { t.fail(x, r, p); return nil })
	if err == nil {
		return
	}
	m.edge.Log.Error("problem could not be rendered", "request_id", x.id, "error", err)
	if x.status == 0 {
		x.reset(false)
		p.setHeaders(x.Header())
		writeProblem(x, r, p)
	}
}

// find asks the ServeMux, which fills in r.Pattern and the path's values. A path that is not in its clean form leads
// nowhere: a redirect would repeat its secrets.
func (m *Mux) find(r *http.Request) *route {
	f := &finder{header: make(http.Header)}
	m.mux.ServeHTTP(f, r)
	if f.route != nil {
		return f.route
	}
	r.Pattern = ""
	t := &route{fail: writeProblem}
	if m.edge.Page != nil && strings.HasPrefix(r.URL.Path, "/join/") {
		t.fail, t.page = m.edge.Page, true
	}
	t.do = func(w http.ResponseWriter, _ *http.Request) error {
		if f.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", f.header.Get("Allow"))
			return onboarding.Refuse(methodNotAllowed, "This address takes other methods: see the Allow header.")
		}
		return onboarding.Refuse(onboarding.NotFound, "There is nothing at this address.")
	}
	return t
}

// panicked is an error that was a panic.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	return f()
}

func (m *Mux) requestID(r *http.Request) string {
	if m.edge.RequestID != nil {
		if id := m.edge.RequestID(r.Context()); id != "" {
			return id
		}
	}
	return rand.Text()
}

// log writes the one line of a request. The path is not in it: it may hold a token.
func (m *Mux) log(x *exchange, r *http.Request, p *Problem, err error, took time.Duration) {
	level, route, status := slog.LevelInfo, r.Pattern, max(x.status, http.StatusOK)
	if x.status == 0 && p != nil {
		status = p.Status
	}
	if route == "" {
		route = "none"
	}
	attrs := append(x.attrs, slog.String("request_id", x.id), slog.String("route", route), slog.Int("status", status),
		slog.Float64("duration_ms", telemetry.Milliseconds(took)))
	if m.warm.CompareAndSwap(false, true) {
		attrs = append(attrs, slog.Bool("cold_start", true))
	}
	if org, err := onboarding.ParseOrganizationID(r.PathValue("org")); err == nil {
		attrs = append(attrs, slog.String("organization", string(org)))
	}
	if p != nil {
		attrs = append(attrs, slog.String("code", p.Code), slog.Any("error", err))
		if p.Status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
	}
	if v, ok := err.(*panicked); ok {
		attrs = append(attrs, slog.String("stack", string(v.stack)))
	}
	m.edge.Log.LogAttrs(r.Context(), level, "request", attrs...)
	m.edge.Metrics.Duration(telemetry.Latency, took)
	m.edge.Metrics.Flush()
}

type exchangeKey struct{}

// exchange is one request and its answer on their way through the Mux.
type exchange struct {
	http.ResponseWriter
	id     string
	status int // 0 until the header is written
	attrs  []slog.Attr
}

// reset leaves the headers that every answer has.
func (x *exchange) reset(page bool) {
	clear(x.Header())
	securityHeaders(x.Header(), page)
	x.Header().Set("X-Request-Id", x.id)
}

func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
		x.ResponseWriter.WriteHeader(status)
	}
}

func (x *exchange) Write(b []byte) (int, error) {
	x.WriteHeader(http.StatusOK)
	return x.ResponseWriter.Write(b)
}

// requestID tells the id of the request that ctx belongs to.
func requestID(ctx context.Context) string {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x.id
	}
	return ""
}

// note adds fields to the log line of the request that ctx belongs to. What telemetry does not permit is dropped there.
func note(ctx context.Context, attrs ...slog.Attr) {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		x.attrs = append(x.attrs, attrs...)
	}
}
