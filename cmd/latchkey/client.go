package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"latchkey/internal/onboarding"
)

const (
	answerTime   = time.Minute // the gateway gives up after half of it
	maxAnswer    = 16 << 20    // bytes
	maxTries     = 8           // with the pauses between them, longer than a request that died blocks its repetition
	firstPause   = time.Second
	longestPause = time.Minute
)

// waiting waits for a time, or answers the error of a context that ends before.
type waiting func(context.Context, time.Duration) error

// pause waits up to a quarter longer: many that were turned away at once do not come back at once.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d + rand.N(d/4+1))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

const seeURL = "see that --url is right"

var errInterrupted = errors.New("interrupted")

// client speaks to an organization's invitations in the API. It repeats what may pass, and follows no redirect: the token
// is for one origin.
type client struct {
	http  *http.Client
	url   string
	token onboarding.SessionToken
	wait  waiting
	note  func(string)
}

func newClient(origin string, org onboarding.OrganizationID, token onboarding.SessionToken, wait waiting,
	note func(string)) *client {
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{
		http: &http.Client{Timeout: answerTime, CheckRedirect: stay},
		url:  origin + "/v1/organizations/" + string(org) + "/invitations", token: token, wait: wait, note: note,
	}
}

// failure is a request that came to nothing. Its text is for the reader.
type failure struct {
	text   string
	again  bool // whether another try may help
	wait   time.Duration
	worked bool // whether it may have done its work all the same
}

func (f *failure) Error() string { return f.text }

// post asks until there is an answer, and says how often it did. A request under way is not broken off when ctx ends; a
// pause is.
func (a *client) post(ctx context.Context, path, key string, body []byte, answer any) (http.Header, int, *failure) {
	worked := false
	for try := 1; ; try++ {
		header, f := a.try(context.WithoutCancel(ctx), path, key, body, answer)
		if f == nil {
			return header, try, nil
		}
		worked = worked || f.worked
		f.worked = worked
		switch {
		case !f.again:
			return nil, try, f
		case try == maxTries:
			f.text = fmt.Sprintf("%s; it was tried %d times", f.text, try)
			return nil, try, f
		}
		d := max(f.wait, min(firstPause<<(try-1), longestPause))
		a.note(fmt.Sprintf("%s; trying again in %s", f.text, d))
		if a.wait(ctx, d) != nil {
			return nil, try, &failure{text: errInterrupted.Error(), worked: worked}
		}
	}
}

func (a *client) try(ctx context.Context, path, key string, body []byte, answer any) (http.Header, *failure) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, &failure{text: err.Error()}
	}
	req.Header.Set("Authorization", "Bearer "+a.token.Reveal())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "latchkey")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, a.unreached(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, a.unreached(err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, a.refused(resp, text)
	}
	if json.Unmarshal(text, answer) != nil {
		return nil, &failure{text: "the answer is none of Latchkey's: " + seeURL, worked: true}
	}
	return resp.Header, nil
}

// unreached says that the network failed: before the request, or before its answer.
func (a *client) unreached(err error) *failure {
	var network *url.Error
	if errors.As(err, &network) {
		if network.Timeout() {
			return &failure{text: "there was no answer in time", again: true, worked: true}
		}
		err = network.Err
	}
	var certificate *tls.CertificateVerificationError
	may := !errors.As(err, &certificate) // then nothing was sent, and nothing will be
	return &failure{text: plain("cannot reach " + host(a.url) + ": " + err.Error()), again: may, worked: may}
}

// problem is RFC 9457's, as far as it is read.
type problem struct {
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Errors []struct {
		Pointer string `json:"pointer"`
		Detail  string `json:"detail"`
	} `json:"errors"`
}

// refused makes a failure of an answer that is none of 200: a problem of the API, or what stands in front of it says.
func (a *client) refused(resp *http.Response, text []byte) *failure {
	status := resp.StatusCode
	if status >= 300 && status < 400 {
		where := "elsewhere"
		if to, err := resp.Location(); err == nil {
			where = to.Scheme + "://" + to.Host
		}
		return &failure{text: plain(host(a.url) + " redirects to " + where + ", where the token does not go: " + seeURL)}
	}
	var p problem
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if mediaType != "application/problem+json" || json.Unmarshal(text, &p) != nil || p.Detail == "" {
		p = problem{Detail: fmt.Sprintf("%s answers with the HTTP status %d and says no more", host(a.url), status)}
	}
	f := &failure{text: plain(refusalOf(p)), wait: retryAfter(resp.Header), worked: status >= 500}
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		f.again = true
	case http.StatusConflict:
		f.again = p.Code == string(onboarding.InProgress)
		f.worked = f.again
	}
	if f.again && f.wait > longestPause {
		f.text, f.again = fmt.Sprintf("%s; try again in %s", f.text, f.wait), false
	}
	return f
}

// refusalOf puts a problem into words: what the API says of the whole, and of each field.
func refusalOf(p problem) string {
	words := lower(p.Detail)
	for _, e := range p.Errors {
		words += "; " + strings.TrimPrefix(e.Pointer, "/") + ": " + lower(e.Detail)
	}
	return words
}

// retryAfter is how long the answer asks to wait (RFC 9110 §10.2.3).
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), 1<<30)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0).Round(time.Second)
	}
	return 0
}

// plain is a text of others on one line, without what a terminal would obey.
func plain(s string) string {
	return oneLine(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s))
}
