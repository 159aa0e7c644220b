package notify

import (
	"context"
	"errors"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// snsThrottles are the codes by which SNS says what retry.DefaultThrottleErrorCodes say.
var snsThrottles = map[string]struct{}{"Throttled": {}, "KMSThrottling": {}}

// isThrottle reports whether a provider's code says that it took nothing, because it was too much at once.
func isThrottle(code string) bool {
	_, common := retry.DefaultThrottleErrorCodes[code]
	_, ofSNS := snsThrottles[code]
	return common || ofSNS
}

// onlyThrottles is how a client repeats. The SDK would by itself repeat a send whose answer was lost, and somebody
// would get the message twice without our knowing. Now it repeats only what the provider surely did not take: at most
// three attempts, a second or two apart. All else is for the caller to decide.
func onlyThrottles() (r aws.Retryer, attempts int) {
	attempts = 3 // also for the option of this name: AWS_MAX_ATTEMPTS would win otherwise
	return retry.NewStandard(func(so *retry.StandardOptions) {
		so.MaxAttempts = attempts
		so.MaxBackoff = 2 * time.Second
		so.Retryables = []retry.IsErrorRetryable{
			retry.NoRetryCanceledError{},
			retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes},
			retry.RetryableErrorCode{Codes: snsThrottles},
		}
	}), attempts
}

// A watch follows one call through the SDK, to tell afterwards whether the provider may have taken the message.
type watch struct {
	attached atomic.Bool // false with a client that does not apply options: nothing is known
	tried    atomic.Bool // the request was made and signed, and left for the network
	taken    atomic.Bool // the last attempt had a connection, and was not answered with a refusal
}

// follow is an API option of the call. It puts the watch next to the network, inside the retries.
func (w *watch) follow(stack *middleware.Stack) error {
	w.attached.Store(true)
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("Watch", w.attempt), middleware.After)
}

func (w *watch) attempt(
	ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
) (middleware.DeserializeOutput, middleware.Metadata, error) {
	w.tried.Store(true)
	w.taken.Store(false)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { w.taken.Store(true) },
	})
	out, metadata, err := next.HandleDeserialize(ctx, in)
	response, ok := out.RawResponse.(*smithyhttp.Response)
	switch {
	case !ok:
	case response.StatusCode/100 == 4:
		w.taken.Store(false)
	case response.StatusCode/100 == 2 && response.ContentLength == 0 && err == nil:
		err = errors.New("an empty answer") // the SDK would take it for success, and for a number that did not opt out
	}
	return out, metadata, err
}

// mayBeTaken reports whether the provider may have taken the message, though the call failed.
func (w *watch) mayBeTaken() bool { return w.taken.Load() || !w.attached.Load() }

// neverLeft reports whether the call failed before it came to the network.
func (w *watch) neverLeft() bool { return w.attached.Load() && !w.tried.Load() }
