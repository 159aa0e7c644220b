package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// A Class says what to do about a failed send.
type Class string

// The classes of a failed send.
const (
	Throttled Class = "throttled" // not sent: too much at once; send again later
	Temporary Class = "temporary" // send again later; see SendError.Ambiguous
	Paused    Class = "paused"    // not sent, and nothing else would be: an operator has to act; costs no attempt
	Refused   Class = "refused"   // not sent: this message never will be
	OptedOut  Class = "opted_out" // not sent: the owner of the number takes no text messages from us
)

// A SendError tells why a message was not sent, or why nobody knows.
type SendError struct {
	Class Class
	// Ambiguous reports whether the provider may have taken the message all the same. Only Temporary can be.
	Ambiguous bool
	// Code is the provider's own word, such as "MessageRejected", and empty where it gave none.
	Code string
	// Reason is a sentence for an administrator. It holds no address and no number.
	Reason string
	// Err is what the SDK returned. It may quote addresses and numbers: neither log nor show it.
	Err error
}

// Error is safe to log: it holds no address and no number.
func (e *SendError) Error() string {
	ambiguous, code := "", ""
	if e.Ambiguous {
		ambiguous = ", ambiguous"
	}
	if e.Code != "" {
		code = " (" + e.Code + ")"
	}
	return fmt.Sprintf("notify: send: %s%s%s: %s", e.Class, ambiguous, code, e.Reason)
}

// Unwrap returns Err.
func (e *SendError) Unwrap() error { return e.Err }

// Unsent reports whether the provider has surely not taken the message.
func (e *SendError) Unsent() bool { return !e.Ambiguous }

// A provider is what SES and SNS differ in where they fail.
type provider struct {
	name      string // as an administrator reads it
	recipient string // what an address is called there
	// own reads the answers that this provider alone gives. The class is empty for every other.
	own func(answer smithy.APIError) (Class, string)
}

// classify turns whatever the SDK returned into a *SendError.
func (p provider) classify(ctx context.Context, err error, w *watch) *SendError {
	failed := &SendError{Err: err}
	var answer smithy.APIError
	switch {
	case errors.As(err, &answer):
		failed.Class, failed.Reason = p.judge(answer, statusOf(err))
		if isTag(answer.ErrorCode()) {
			failed.Code = answer.ErrorCode()
		}
	case w.neverLeft() && ctx.Err() == nil:
		failed.Class = Paused
		failed.Reason = "The request to the " + p.name + " cannot be made. Its credentials or its region are missing."
	case ctx.Err() != nil:
		failed.Class, failed.Reason = Temporary, "The "+p.name+" did not answer in time."
	default:
		failed.Class, failed.Reason = Temporary, "The connection to the "+p.name+" failed."
	}
	failed.Ambiguous = failed.Class == Temporary && w.mayBeTaken()
	return failed
}

// judge reads the provider's answer. The codes are those of the common errors in the references of the SES API v2 and
// of the SNS API.
func (p provider) judge(answer smithy.APIError, status int) (Class, string) {
	if class, reason := p.own(answer); class != "" {
		return class, reason
	}
	code := answer.ErrorCode()
	if isThrottle(code) || status == http.StatusTooManyRequests {
		return Throttled, "The " + p.name + " takes no more messages at the moment."
	}
	switch code {
	case "AccessDenied", "AccessDeniedException", "NotAuthorized", "OptInRequired",
		"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId",
		"InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "IncompleteSignatureException",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException",
		"ExpiredToken", "ExpiredTokenException", "RequestExpired", "RequestTimeTooSkewed":
		return Paused, "The " + p.name + " refuses our credentials."
	case "BadRequestException", "ValidationException", "ValidationError",
		"InvalidParameter", "InvalidParameterValue", "InvalidParameterCombination", "MissingParameter":
		return Refused, "The " + p.name + " finds the message or the " + p.recipient + " invalid."
	case "ConcurrentModificationException", "ConflictException", "RequestTimeout", "RequestTimeoutException":
		return Temporary, "The " + p.name + " could not take the message just now."
	}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return Paused, "The " + p.name + " refuses our credentials."
	case status == http.StatusNotFound:
		return Paused, "The address of the " + p.name + " is wrong."
	case status == http.StatusRequestTimeout:
		return Temporary, "The " + p.name + " could not take the message just now."
	case status/100 == 4:
		return Refused, "The " + p.name + " refuses the message."
	}
	return Temporary, "The " + p.name + " has a fault."
}

func (e *Email) provider() provider { return provider{"mail provider", "address", e.judge} }

// judge reads what SES alone answers. The codes are those of SendEmail.
func (e *Email) judge(answer smithy.APIError) (Class, string) {
	if strings.Contains(answer.ErrorMessage(), "Daily message quota exceeded") {
		return Paused, "The daily quota of the account at the mail provider is used up."
	}
	switch answer.ErrorCode() {
	case "AccountSuspendedException":
		return Paused, "The account at the mail provider is suspended."
	case "SendingPausedException":
		return Paused, "Sending is paused at the mail provider."
	case "MailFromDomainNotVerifiedException":
		return Paused, "The MAIL FROM domain of the sender is not verified at the mail provider."
	case "NotFoundException":
		return Paused, "The mail provider does not know the sender or the configuration set."
	case "MessageRejected":
		unverified := unverifiedIdentities(answer.ErrorMessage())
		switch {
		case len(unverified) == 0:
			return Refused, "The mail provider refuses the message."
		case e.isSenderAmong(unverified):
			return Paused, "The sender is not verified at the mail provider."
		default:
			return Refused, "The recipient is not verified, and the account at the mail provider is in the sandbox."
		}
	}
	return "", ""
}

// statusOf returns the HTTP status of the provider's answer, or 0.
func statusOf(err error) int {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) {
		return 0
	}
	return response.HTTPStatusCode()
}

// unverifiedIdentities reads the list out of "Email address is not verified. The following identities failed the
// check in region EU-WEST-1: Acme <no-reply@acme.example>, ann@example.com". SES has no code that tells an
// unverified sender, which stops everything, from an unverified recipient in the sandbox.
func unverifiedIdentities(message string) []string {
	_, list, found := strings.Cut(message, "identities failed the check in region ")
	if !found {
		return nil
	}
	_, list, _ = strings.Cut(list, ": ")
	list = strings.TrimSuffix(list, "...") // SES does not list them all
	identities := strings.Split(list, ", ")
	for i, identity := range identities {
		if start := strings.LastIndexByte(identity, '<'); start >= 0 {
			identity = strings.TrimSuffix(identity[start+1:], ">")
		}
		identities[i] = strings.TrimSpace(identity)
	}
	return identities
}

// isSenderAmong compares whole identities: a recipient must not be able to look like the sender by holding its
// address.
func (e *Email) isSenderAmong(identities []string) bool {
	_, domain, _ := strings.Cut(e.From, "@")
	for _, identity := range identities {
		if strings.EqualFold(identity, e.From) || strings.EqualFold(identity, domain) {
			return true
		}
	}
	return false
}
