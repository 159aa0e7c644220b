package api

import (
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"latchkey/internal/onboarding"
)

const (
	jsonPolicy = "default-src 'none'; frame-ancestors 'none'"
	pagePolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; " +
		"frame-ancestors 'none'"
)

// securityHeaders sets what every answer carries. A handler may overwrite Cache-Control for what is no secret.
func securityHeaders(h http.Header, page bool) {
	policy := jsonPolicy
	if page {
		policy = pagePolicy
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Strict-Transport-Security", "max-age=63072000")
	h.Set("X-Content-Type-Options", "nosniff")
}

// sessionCookie has the prefix that makes browsers refuse it without Secure, with a Domain or with another path, so no
// neighbouring host can set it.
const sessionCookie = "__Host-latchkey"

// joinCookie binds an attempt to join to the browser that began it. Its address alone must not do: whoever is sent one would
// end with their code what the sender has begun with a password of their own.
const joinCookie = "__Host-latchkey-join"

// setSession hands a browser its session until it expires.
func setSession(w http.ResponseWriter, token string, expires time.Time) {
	http.SetCookie(w, cookie(sessionCookie, token, expires, 0))
}

// clearSession makes a browser forget its session.
func clearSession(w http.ResponseWriter) {
	http.SetCookie(w, cookie(sessionCookie, "", time.Time{}, -1))
}

// setJoin lets a browser go on with the join that it has begun.
func setJoin(w http.ResponseWriter, token string, expires time.Time) {
	http.SetCookie(w, cookie(joinCookie, token, expires, 0))
}

// beganHere reports whether the browser that asks is the one that began the join of the path.
func beganHere(r *http.Request) bool {
	cookies := r.CookiesNamed(joinCookie)
	return len(cookies) == 1 && subtle.ConstantTimeCompare([]byte(cookies[0].Value), []byte(r.PathValue("token"))) == 1
}

func cookie(name, value string, expires time.Time, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Expires: expires, MaxAge: maxAge,
		Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// presented finds the session token of a request, and whether a cookie bore it; a request without any has the token "".
// An Authorization header is the program's own word and wins over a cookie, which the browser adds unasked. So a header
// that cannot be read is refused, and never falls back to the cookie.
func presented(r *http.Request) (token string, byCookie bool, err error) {
	if values := r.Header.Values("Authorization"); len(values) > 0 {
		token, ok := bearer(values)
		if !ok {
			return "", false, onboarding.Refuse(onboarding.Unauthenticated, "The Authorization header must be one Bearer token.")
		}
		return token, false, nil
	}
	switch cookies := r.CookiesNamed(sessionCookie); {
	case len(cookies) == 0 || len(cookies) == 1 && cookies[0].Value == "":
		return "", false, nil
	case len(cookies) > 1:
		return "", true, onboarding.Refuse(onboarding.Unauthenticated, "There are two session cookies. Sign in again.")
	default:
		return cookies[0].Value, true, nil
	}
}

// bearer reads "Bearer <token68>", RFC 6750 and RFC 9110, section 11.2. A gateway joins repeated headers with commas,
// which no token holds.
func bearer(values []string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimLeft(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || strings.TrimRight(token, "=") == "" {
		return "", false
	}
	notToken68 := func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !letter && !strings.ContainsRune("-._~+/", c)
	}
	return token, !strings.ContainsFunc(strings.TrimRight(token, "="), notToken68)
}

var errOrigin = onboarding.Refuse(onboarding.Forbidden, "This came from another site. Open the page again and send it from there.")

// checkOrigin refuses writes that another site made a browser send: every write to a page, and every write that a cookie
// bears. The Host of the request is the gateway's, so the base URL's stands in for it.
func (m *Mux) checkOrigin(t *route, r *http.Request) error {
	cookieBorne := len(r.Header.Values("Authorization")) == 0 && len(r.CookiesNamed(sessionCookie)) > 0
	if !t.page && !cookieBorne {
		return nil
	}
	ours := *r
	ours.Host = m.host
	if err := m.origin.Check(&ours); err != nil {
		return errors.Join(errOrigin, err)
	}
	// Check compares hosts only. A browser that tells no Sec-Fetch-Site must come from our very scheme, too.
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	origin := r.Header.Get("Origin")
	if !safe && r.Header.Get("Sec-Fetch-Site") == "" && origin != "" && origin != m.edge.BaseURL {
		return errOrigin
	}
	return nil
}

// sourceAddress tells whom a request came from, for counting: an IPv4 address, or an IPv6 network of 64 bits, of which
// one subscriber has all addresses. It knows the connection only; forwarded headers say what the client likes.
// What cannot be told is "unknown", and counts together.
func sourceAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "unknown"
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	network, err := ip.Prefix(64)
	if err != nil {
		return "unknown"
	}
	return network.String()
}
