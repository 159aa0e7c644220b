package api

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"latchkey/internal/onboarding"

	"github.com/go-json-experiment/json"
)

// The codes that only the edge gives. The others are the domain's.
const (
	malformedRequest     onboarding.Code = "malformed_request"
	unsupportedMediaType onboarding.Code = "unsupported_media_type"
	tooLarge             onboarding.Code = "too_large"
	methodNotAllowed     onboarding.Code = "method_not_allowed"
	internalError        onboarding.Code = "internal"
)

// Problem is an RFC 9457 problem document, and what a page makes its own answer of.
type Problem struct {
	Type      string         `json:"type"`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail"`
	Code      string         `json:"code"`
	RequestID string         `json:"request_id"`
	Errors    []FieldProblem `json:"errors,omitempty"`

	retryAfter time.Duration
}

// FieldProblem is one fault of an input. Pointer is a JSON pointer into the body, or the name of a query parameter.
type FieldProblem struct {
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

type kind struct {
	status     int
	title      string
	retryAfter time.Duration // where the error itself does not say
}

// kinds is the one place where codes get a status.
var kinds = map[onboarding.Code]kind{
	malformedRequest:     {http.StatusBadRequest, "The request cannot be read", 0},
	unsupportedMediaType: {http.StatusUnsupportedMediaType, "The body is of another media type", 0},
	tooLarge:             {http.StatusRequestEntityTooLarge, "The body is too large", 0},
	methodNotAllowed:     {http.StatusMethodNotAllowed, "The method is not allowed here", 0},
	internalError:        {http.StatusInternalServerError, "Something went wrong on our side", 0},

	onboarding.Invalid:            {http.StatusUnprocessableEntity, "The request has a fault", 0},
	onboarding.Unauthenticated:    {http.StatusUnauthorized, "Sign in first", 0},
	onboarding.WrongCredentials:   {http.StatusUnauthorized, "The login or the password is wrong", 0},
	onboarding.Forbidden:          {http.StatusForbidden, "This is not allowed", 0},
	onboarding.NotFound:           {http.StatusNotFound, "There is nothing here", 0},
	onboarding.Conflict:           {http.StatusConflict, "The state does not allow this", 0},
	onboarding.VersionMismatch:    {http.StatusPreconditionFailed, "It has been changed meanwhile", 0},
	onboarding.LinkInvalid:        {http.StatusNotFound, "The link is not valid", 0},
	onboarding.LinkExpired:        {http.StatusGone, "The link has expired", 0},
	onboarding.LinkRevoked:        {http.StatusGone, "The invitation was withdrawn", 0},
	onboarding.AlreadyAccepted:    {http.StatusConflict, "The invitation was accepted already", 0},
	onboarding.AlreadyDeclined:    {http.StatusGone, "The invitation was declined", 0},
	onboarding.OrganizationClosed: {http.StatusForbidden, "The organization is closed", 0},
	onboarding.ApprovalPending:    {http.StatusForbidden, "The request to join waits for an administrator", 0},
	onboarding.RegistrationClosed: {http.StatusForbidden, "Joining by link is switched off", 0},
	onboarding.DismissedBefore:    {http.StatusForbidden, "This person was dismissed", 0},
	onboarding.IsMember:           {http.StatusConflict, "There is such a member already", 0},
	onboarding.InvitationWaits:    {http.StatusConflict, "An invitation waits for this person", 0},
	onboarding.AlreadyJoined:      {http.StatusConflict, "This has been done already", 0},
	onboarding.AlreadyProcessed:   {http.StatusConflict, "The request was decided already", 0},
	onboarding.LinkDisabled:       {http.StatusGone, "The link was switched off", 0},
	onboarding.LinkExhausted:      {http.StatusGone, "The link has been used up", 0},
	onboarding.JoinExpired:        {http.StatusGone, "The attempt to join has expired", 0},
	onboarding.CodeExpired:        {http.StatusGone, "The code has expired", 0},
	onboarding.LimitReached:       {http.StatusTooManyRequests, "A limit is reached", time.Hour},
	onboarding.SeatsFull:          {http.StatusConflict, "All seats are taken", 0},
	onboarding.PartnersFull:       {http.StatusConflict, "All places for partners are taken", 0},
	onboarding.LastAdministrator:  {http.StatusConflict, "The last administrator stays", 0},
	onboarding.PasswordChange:     {http.StatusForbidden, "The password must be changed first", 0},
	onboarding.ScopeMissing:       {http.StatusForbidden, "The API key is not for this", 0},
	onboarding.TooManyAttempts:    {http.StatusTooManyRequests, "Too many attempts", time.Minute},
	onboarding.KeyReused:          {http.StatusUnprocessableEntity, "The idempotency key was used for another request", 0},
	onboarding.InProgress:         {http.StatusConflict, "The same request is being worked on", time.Second},
	onboarding.Unavailable:        {http.StatusServiceUnavailable, "Not available right now", 5 * time.Second},
}

// problemOf makes the problem that the client sees. An error that is no refusal shows nothing of itself.
func problemOf(err error) *Problem {
	var e *onboarding.Error
	if !errors.As(err, &e) {
		e = onboarding.Refuse(internalError, "The fault is ours. Try again, and tell us the request id if it stays.")
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			e = onboarding.Refuse(onboarding.Unavailable, "This took too long. Try again.")
		}
	}
	k, ok := kinds[e.Code]
	if !ok { // a test holds that the domain has no such code
		e, k = onboarding.Refuse(internalError, ""), kinds[internalError]
	}
	p := &Problem{
		Type:  "urn:latchkey:problem:" + string(e.Code),
		Title: k.title, Status: k.status, Detail: e.Message, Code: string(e.Code), retryAfter: e.RetryAfter,
	}
	if p.retryAfter <= 0 {
		p.retryAfter = k.retryAfter
	}
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, FieldProblem(f))
	}
	return p
}

// RetryAfterSeconds is how long to wait before trying again, or 0 where trying again does not help.
func (p *Problem) RetryAfterSeconds() int { return int(math.Ceil(p.retryAfter.Seconds())) }

// setHeaders sets what belongs to the problem whatever it is rendered as.
func (p *Problem) setHeaders(h http.Header) {
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if s := p.RetryAfterSeconds(); s > 0 {
		h.Set("Retry-After", strconv.Itoa(s))
	}
}

// failure renders a problem. The headers that belong to the problem are set already.
type failure func(w http.ResponseWriter, r *http.Request, p *Problem)

// writeProblem is the failure of the JSON routes.
func writeProblem(w http.ResponseWriter, _ *http.Request, p *Problem) {
	b, err := json.Marshal(p)
	if err != nil { // a text that is not UTF-8
		b = []byte(`{"type":"urn:latchkey:problem:internal","title":"Something went wrong on our side","status":500,` +
			`"code":"internal"}`)
		p.Status = http.StatusInternalServerError
	}
	send(w, p.Status, "application/problem+json", b)
}
