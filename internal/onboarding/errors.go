package onboarding

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code says which rule refused. It is part of the API: programs compare it, so a code never changes its meaning.
type Code string

const (
	Invalid            Code = "validation_failed"
	Unauthenticated    Code = "unauthenticated"
	WrongCredentials   Code = "wrong_credentials"
	Forbidden          Code = "forbidden"
	NotFound           Code = "not_found"
	Conflict           Code = "conflict"
	VersionMismatch    Code = "version_mismatch"
	LinkInvalid        Code = "link_invalid"
	LinkExpired        Code = "link_expired"
	LinkRevoked        Code = "link_revoked"
	AlreadyAccepted    Code = "already_accepted"
	AlreadyDeclined    Code = "already_declined"
	OrganizationClosed Code = "organization_closed"
	ApprovalPending    Code = "approval_pending"
	RegistrationClosed Code = "registration_closed"
	DismissedBefore    Code = "member_dismissed"
	IsMember           Code = "already_member"
	AlreadyJoined      Code = "already_joined"
	InvitationWaits    Code = "invitation_waiting"
	AlreadyProcessed   Code = "already_processed"
	LinkDisabled       Code = "link_disabled"
	LinkExhausted      Code = "link_exhausted"
	JoinExpired        Code = "join_expired"
	CodeExpired        Code = "code_expired"
	LimitReached       Code = "limit_reached"
	SeatsFull          Code = "seats_full"
	PartnersFull       Code = "partners_full"
	LastAdministrator  Code = "last_administrator"
	PasswordChange     Code = "password_change_required"
	ScopeMissing       Code = "insufficient_scope"
	TooManyAttempts    Code = "too_many_attempts"
	KeyReused          Code = "idempotency_key_reused"
	InProgress         Code = "request_in_progress"
	Unavailable        Code = "unavailable"
)

// Error is a refusal that its reader can act on. Message is for people and tells a stranger nothing;
// what is for the log is wrapped around it.
type Error struct {
	Code       Code
	Message    string
	Fields     []Field
	RetryAfter time.Duration // zero where trying again does not help
}

// Field is one fault of an input. Pointer is an RFC 6901 JSON pointer into the body, or the name of a query parameter.
type Field struct {
	Pointer string
	Code    string
	Detail  string
}

func (e *Error) Error() string {
	if len(e.Fields) == 0 {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("%s: %s (%s: %s)", e.Code, e.Message, e.Fields[0].Pointer, e.Fields[0].Detail)
}

// Is reports whether target is an Error of the same code, so that errors.Is(err, &Error{Code: c}) asks for a code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Refuse makes the refusal of a code.
func Refuse(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// InvalidField makes the refusal of one field.
func InvalidField(pointer, code, detail string) *Error {
	return &Error{Code: Invalid, Message: "The request has a field that cannot be accepted.",
		Fields: []Field{{Pointer: pointer, Code: code, Detail: detail}}}
}

// flaw is what is wrong with a value: a code that programs compare, and words.
type flaw struct{ code, text string }

func (f flaw) Error() string { return f.text }

// InvalidValue makes the refusal of a field from what its parser said.
func InvalidValue(pointer string, err error) *Error {
	code := "invalid"
	var f flaw
	if errors.As(err, &f) {
		code = f.code
	}
	return InvalidField(pointer, code, sentence(err))
}

// joinFields makes one refusal of several fields' refusals, or nil of none.
func joinFields(errs ...error) error {
	var all *Error
	for _, err := range errs {
		var e *Error
		switch {
		case err == nil:
		case !errors.As(err, &e):
			return err
		case all == nil:
			all = e
		default:
			all.Fields = append(all.Fields, e.Fields...)
		}
	}
	if all == nil {
		return nil
	}
	return all
}

// sentence makes a sentence of an error's text.
func sentence(err error) string {
	s := err.Error()
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
