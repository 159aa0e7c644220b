package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"latchkey/internal/onboarding"
)

const (
	maxIdempotencyKey = 255
	maxKeptAnswer     = 350 << 10 // bytes compressed; an item of the table holds 400 KB
	releaseTime       = 300 * time.Millisecond
)

// RequestStore keeps the answers of requests that bear an Idempotency-Key.
type RequestStore interface {
	// BeginRequest takes a key, or answers what was stored under it.
	BeginRequest(ctx context.Context, org onboarding.OrganizationID, caller onboarding.MemberID, name, requestHash, attempt string, now time.Time) (
		requestID string, status int, answer []byte, err error)
	// EndRequest stores an answer.
	EndRequest(ctx context.Context, org onboarding.OrganizationID, caller onboarding.MemberID, name, attempt string, status int, answer []byte) error
	// ReleaseRequest frees a key whose request failed.
	ReleaseRequest(ctx context.Context, org onboarding.OrganizationID, caller onboarding.MemberID, name, attempt string, refused bool) error
}

// repeatable runs requests once for each Idempotency-Key.
type repeatable struct {
	store RequestStore
	world onboarding.World
}

// outcome is an answer: what the caller gets now, and what is kept for a repetition, which holds no secret.
type outcome struct {
	tag  string // the entity tag; empty for none
	body any
	kept any
}

// action is what a request does. It writes under requestID; repeated says that an earlier try may have done so already.
type action func(requestID string, repeated bool) (outcome, error)

// run does act, or answers what it answered before. The key belongs to the caller, the method and the route, and is bound to
// what was asked for.
func (i repeatable) run(w http.ResponseWriter, r *http.Request, c onboarding.Caller, asked any, act action) error {
	attempt := onboarding.NewRequestID(i.world)
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		out, err := act(attempt, false)
		if err != nil {
			return err
		}
		return out.write(w, r)
	}
	if err := checkKey(keys); err != nil {
		return err
	}
	name := digest(r.Method, r.Pattern, keys[0])
	body, err := json.Marshal(asked)
	if err != nil {
		return fmt.Errorf("idempotency: %w", err)
	}
	hash := digest(r.URL.Path, r.Header.Get("If-Match"), string(body))
	requestID, status, kept, err := i.store.BeginRequest(r.Context(), c.Organization.ID, c.Member.ID, name, hash, attempt, i.world.Instant())
	if err != nil {
		return err
	}
	if kept != nil {
		return replay(w, status, kept)
	}
	out, err := act(requestID, requestID != attempt)
	if err != nil {
		return i.release(r, c, name, attempt, err)
	}
	if err := i.keep(r, c, name, attempt, out); err != nil {
		// All is done, and the caller hears so. A repetition recognises what was written.
		note(r.Context(), slog.Any("error", errors.Join(err, i.free(r, c, name, attempt, false))))
	}
	return out.write(w, r)
}

func checkKey(keys []string) error {
	key := keys[0]
	ok := len(keys) == 1 && key != "" && len(key) <= maxIdempotencyKey
	for _, c := range []byte(key) {
		ok = ok && c > ' ' && c < 0x7f
	}
	if !ok {
		return onboarding.InvalidField("Idempotency-Key", "invalid", "The Idempotency-Key header takes one key of 1 to 255 visible ASCII characters.")
	}
	return nil
}

// release frees the key. Where even that fails, the lease ends by itself.
func (i repeatable) release(r *http.Request, c onboarding.Caller, name, attempt string, cause error) error {
	var refusal *onboarding.Error
	refused := errors.As(cause, &refusal) && refusal.Code != onboarding.Unavailable
	if err := i.free(r, c, name, attempt, refused); err != nil {
		return errors.Join(cause, err)
	}
	return cause
}

func (i repeatable) free(r *http.Request, c onboarding.Caller, name, attempt string, refused bool) error {
	// The request may have used its time up; what is kept back for the answer is enough for this.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), releaseTime)
	defer cancel()
	return i.store.ReleaseRequest(ctx, c.Organization.ID, c.Member.ID, name, attempt, refused)
}

// keep stores the answer. One that is too large is not kept.
func (i repeatable) keep(r *http.Request, c onboarding.Caller, name, attempt string, out outcome) error {
	body, err := json.Marshal(out.kept)
	if err != nil {
		return fmt.Errorf("idempotency: %w", err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(body)
	z.Close()
	if packed.Len() > maxKeptAnswer {
		return i.free(r, c, name, attempt, false)
	}
	return i.store.EndRequest(r.Context(), c.Organization.ID, c.Member.ID, name, attempt, http.StatusOK, packed.Bytes())
}

func replay(w http.ResponseWriter, status int, kept []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(kept))
	if err != nil {
		return fmt.Errorf("idempotency: %w", err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		return fmt.Errorf("idempotency: %w", err)
	}
	w.Header().Set("Idempotency-Replayed", "true")
	send(w, status, "application/json", body)
	return nil
}

func (o outcome) write(w http.ResponseWriter, r *http.Request) error {
	if o.tag != "" {
		return writeTagged(w, r, http.StatusOK, o.tag, o.body)
	}
	return writeJSON(w, http.StatusOK, o.body)
}

// digest is a hash over texts, each with its length.
func digest(texts ...string) string {
	h := sha256.New()
	for _, s := range texts {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}
