package notify

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"latchkey/internal/locale"
	"latchkey/internal/onboarding"
)

const (
	number = "+4915112345678"
	said   = "048213 is your code.\nIt lets you join Grüne & Söhne, until 14:00 UTC."
	asking = "CheckIfPhoneNumberIsOptedOut"
	saying = "Publish"
)

// newSMS returns an SMS whose client talks to url as it would to SNS, and waits for nobody between attempts.
func newSMS(url string, options ...func(*sns.Options)) *SMS {
	base := sns.Options{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(url),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	}
	hurry := func(o *sns.Options) { o.Retryer = retry.AddWithMaxBackoffDelay(o.Retryer, time.Millisecond) }
	options = append([]func(*sns.Options){RetryOnlyThrottledTexts, hurry}, options...)
	return &SMS{Client: sns.New(base, options...), SenderID: "Latchkey"}
}

// A localSNS speaks as much of SNS's query protocol as a text message takes. It takes every message and nobody has opted
// out, but where instead answers for an action.
type localSNS struct {
	instead map[string]http.HandlerFunc

	mu       sync.Mutex
	requests []url.Values
}

func (s *localSNS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		fail(w, http.StatusBadRequest, "InvalidParameter", "body")
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, form)
	s.mu.Unlock()
	action := form.Get("Action")
	switch answer := s.instead[action]; {
	case answer != nil:
		answer(w, r)
	case action == asking:
		optOut(w, false)
	case action == saying:
		publish(w)
	default:
		fail(w, http.StatusBadRequest, "InvalidAction", action)
	}
}

// asked returns what was asked of SNS, action by action.
func (s *localSNS) asked() (actions []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, form := range s.requests {
		actions = append(actions, form.Get("Action"))
	}
	return actions
}

func (s *localSNS) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	if got := s.asked(); !reflect.DeepEqual(got, want) {
		t.Errorf("SNS was asked %q, want %q", got, want)
	}
}

// serveSNS starts an SNS that takes everything, but answers an action with answer.
func serveSNS(t *testing.T, action string, answer http.HandlerFunc) (string, *localSNS) {
	t.Helper()
	s := &localSNS{instead: map[string]http.HandlerFunc{action: answer}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL, s
}

const snsNamespace = `xmlns="http://sns.amazonaws.com/doc/2010-03-31/"`

func publish(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, `<PublishResponse %s><PublishResult><MessageId>567910cd-1</MessageId></PublishResult>`+
		`<ResponseMetadata><RequestId>d74b8436-1</RequestId></ResponseMetadata></PublishResponse>`, snsNamespace)
}

func optOut(w http.ResponseWriter, is bool) {
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, `<%[1]sResponse %[2]s><%[1]sResult><isOptedOut>%[3]t</isOptedOut></%[1]sResult>`+
		`<ResponseMetadata><RequestId>d74b8436-2</RequestId></ResponseMetadata></%[1]sResponse>`, asking, snsNamespace, is)
}

// fail answers in SNS's form. It quotes the message and the number, as SNS may.
func fail(w http.ResponseWriter, status int, code, message string) {
	var quoted strings.Builder
	_ = xml.EscapeText(&quoted, []byte(message+" "+number+" "+said))
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<ErrorResponse %s><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error>`+
		`<RequestId>d74b8436-3</RequestId></ErrorResponse>`, snsNamespace, code, &quoted)
}

func failing(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fail(w, status, code, message) }
}

func text(ctx context.Context, s *SMS) error {
	_, err := s.Send(ctx, number, said)
	return err
}

// wantTextError fails unless err is a *SendError that tells no number, no name and no code.
func wantTextError(t *testing.T, err error, class Class, ambiguous bool) *SendError {
	t.Helper()
	failed := wantSendError(t, err, class, ambiguous)
	if failed.Unsent() == ambiguous {
		t.Errorf("surely not taken: %t; ambiguous: %t", failed.Unsent(), ambiguous)
	}
	for _, s := range []string{failed.Reason, failed.Error(), fmt.Sprint(failed), failed.Code} {
		for _, secret := range []string{"15112345678", "048213", "Söhne"} {
			if strings.Contains(s, secret) {
				t.Errorf("tells %s: %s", secret, s)
			}
		}
	}
	if strings.Contains(failed.Reason, "mail") {
		t.Errorf("speaks of mail: %s", failed.Reason)
	}
	return failed
}

// attributes reads the message attributes out of a query: name to type and value.
func attributes(form url.Values) map[string]string {
	found := map[string]string{}
	for i := 1; ; i++ {
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		if !form.Has(entry + "Name") {
			return found
		}
		found[form.Get(entry+"Name")] = form.Get(entry+"Value.DataType") + ":" + form.Get(entry+"Value.StringValue")
	}
}

func TestATextIsHandedOverOnceItsOwnerIsAsked(t *testing.T) {
	for senderID, want := range map[string]map[string]string{
		"":     {"AWS.SNS.SMS.SMSType": "String:Transactional"},
		"Acme": {"AWS.SNS.SMS.SMSType": "String:Transactional", "AWS.SNS.SMS.SenderID": "String:Acme"},
	} {
		url, server := serveSNS(t, "", nil)
		s := newSMS(url)
		s.SenderID = senderID
		id, err := s.Send(t.Context(), number, said)
		if err != nil || id != "567910cd-1" {
			t.Fatalf("got %q, %v", id, err)
		}
		server.wantAsked(t, asking, saying)
		if got := server.requests[0].Get("phoneNumber"); got != number {
			t.Errorf("asked for %q", got)
		}
		form := server.requests[1]
		if form.Get("PhoneNumber") != number || form.Get("Message") != said || form.Has("TopicArn") || form.Has("Subject") {
			t.Errorf("published %q", form)
		}
		if got := attributes(form); !reflect.DeepEqual(got, want) {
			t.Errorf("attributes %q, want %q", got, want)
		}
	}
}

func TestNothingIsPublishedToWhoOptedOut(t *testing.T) {
	url, server := serveSNS(t, asking, func(w http.ResponseWriter, _ *http.Request) { optOut(w, true) })
	failed := wantTextError(t, text(t.Context(), newSMS(url)), OptedOut, false)
	if failed.Reason != "The owner of this number has asked for no text messages." {
		t.Errorf("the reason is %q", failed.Reason)
	}
	server.wantAsked(t, asking)
}

func TestHalfAnAnswerIsNoLeave(t *testing.T) {
	whole := httptest.NewRecorder()
	optOut(whole, true)
	answer := whole.Body.String()
	for end := range len(answer) {
		url, server := serveSNS(t, asking, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer[:end]) })
		if err := text(t.Context(), newSMS(url)); err == nil {
			t.Errorf("took %q for leave to send", answer[:end])
		}
		server.wantAsked(t, asking)
	}
}

func TestAnswersOfTheTextProviderAreClassified(t *testing.T) {
	tests := []struct {
		name      string
		status    int
		code      string
		class     Class
		ambiguous bool // where it is said of Publish
		requests  int
	}{
		{"throttled", 429, "Throttled", Throttled, false, 3},
		{"throttled without the status", 400, "Throttled", Throttled, false, 3},
		{"throttled by the exception's name", 400, "ThrottledException", Throttled, false, 3},
		{"throttled by its key", 400, "KMSThrottling", Throttled, false, 3},
		{"common throttling", 400, "ThrottlingException", Throttled, false, 3},
		{"429 of something in between", 429, "", Throttled, false, 1},

		{"internal error", 500, "InternalError", Temporary, true, 1},
		{"internal failure", 500, "InternalFailure", Temporary, true, 1},
		{"service unavailable", 503, "ServiceUnavailable", Temporary, true, 1},
		{"gateway timeout", 504, "", Temporary, true, 1},
		{"request timed out", 408, "RequestTimeout", Temporary, false, 1},

		{"no permission", 403, "AuthorizationError", Paused, false, 1},
		{"no permission, whatever the status", 400, "AuthorizationError", Paused, false, 1},
		{"access denied", 400, "AccessDenied", Paused, false, 1},
		{"access denied by the exception's name", 400, "AccessDeniedException", Paused, false, 1},
		{"bad security", 400, "InvalidSecurity", Paused, false, 1},
		{"unknown key", 403, "InvalidClientTokenId", Paused, false, 1},
		{"expired token", 403, "ExpiredToken", Paused, false, 1},
		{"bad signature", 403, "SignatureDoesNotMatch", Paused, false, 1},
		{"unknown 403", 403, "SomethingNew", Paused, false, 1},
		{"its key denied", 400, "KMSAccessDenied", Paused, false, 1},
		{"its key disabled", 400, "KMSDisabled", Paused, false, 1},
		{"its key in a wrong state", 400, "KMSInvalidState", Paused, false, 1},
		{"its key unknown", 400, "KMSNotFound", Paused, false, 1},
		{"its key without an account", 400, "KMSOptInRequired", Paused, false, 1},
		{"not SNS at all", 404, "NotFound", Paused, false, 1},

		{"opted out", 400, "OptedOut", OptedOut, false, 1},
		{"opted out by the exception's name", 400, "OptedOutException", OptedOut, false, 1},

		{"invalid parameter", 400, "InvalidParameter", Refused, false, 1},
		{"invalid value", 400, "ParameterValueInvalid", Refused, false, 1},
		{"invalid value by the exception's name", 400, "InvalidParameterValue", Refused, false, 1},
		{"validation", 400, "ValidationException", Refused, false, 1},
		{"endpoint disabled", 400, "EndpointDisabled", Refused, false, 1},
		{"unknown 400", 400, "SomethingNew", Refused, false, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, server := serveSNS(t, saying, failing(tt.status, tt.code, "because of"))
			wantTextError(t, text(t.Context(), newSMS(url)), tt.class, tt.ambiguous)
			if n := len(server.asked()) - 1; n != tt.requests {
				t.Errorf("it was published %d times, want %d", n, tt.requests)
			}
			// Who cannot ask does not send, and is sure of it.
			url, server = serveSNS(t, asking, failing(tt.status, tt.code, "because of"))
			wantTextError(t, text(t.Context(), newSMS(url)), tt.class, false)
			actions := server.asked()
			if n := len(actions); n != tt.requests || actions[n-1] != asking {
				t.Errorf("SNS was asked %q, want %d questions", actions, tt.requests)
			}
		})
	}
}

func TestThrottledTextIsRepeated(t *testing.T) {
	for _, action := range []string{asking, saying} {
		var server *localSNS
		url, server := serveSNS(t, action, func(w http.ResponseWriter, _ *http.Request) {
			n := 0
			for _, asked := range server.asked() {
				if asked == action {
					n++
				}
			}
			switch {
			case n < 3:
				fail(w, 429, "Throttled", "Rate exceeded")
			case action == asking:
				optOut(w, false)
			default:
				publish(w)
			}
		})
		if err := text(t.Context(), newSMS(url)); err != nil {
			t.Errorf("%s: %v", action, err)
		}
		if n := len(server.asked()); n != 4 {
			t.Errorf("SNS was asked %q", server.asked())
		}
	}
}

func TestEnvironmentCannotRaiseTheAttemptsOfTexts(t *testing.T) {
	url, server := serveSNS(t, saying, failing(429, "Throttled", ""))
	// As AWS_MAX_ATTEMPTS=9 arrives.
	config := aws.Config{
		Region:           "eu-west-1",
		BaseEndpoint:     aws.String(url),
		Credentials:      credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		RetryMaxAttempts: 9,
	}
	hurry := func(o *sns.Options) { o.Retryer = retry.AddWithMaxBackoffDelay(o.Retryer, time.Millisecond) }
	s := &SMS{Client: sns.NewFromConfig(config, RetryOnlyThrottledTexts, hurry)}
	wantTextError(t, text(t.Context(), s), Throttled, false)
	server.wantAsked(t, asking, saying, saying, saying)
}

func TestLostAnswerOfATextIsAmbiguousAndNotRepeated(t *testing.T) {
	for name, lose := range map[string]http.HandlerFunc{
		"the connection breaks": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"the answer is cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprintf(w, "<PublishResponse %s><PublishResult>", snsNamespace)
		},
		"the answer is empty":       func(http.ResponseWriter, *http.Request) {},
		"the answer cannot be read": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"a fault cannot be read": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, "bad gateway")
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, server := serveSNS(t, saying, lose)
			wantTextError(t, text(t.Context(), newSMS(url)), Temporary, true)
			server.wantAsked(t, asking, saying)

			url, server = serveSNS(t, asking, lose)
			wantTextError(t, text(t.Context(), newSMS(url)), Temporary, false)
			server.wantAsked(t, asking)
		})
	}
}

func TestTimeoutOfATextIsAmbiguousOnceItIsOut(t *testing.T) {
	for action, ambiguous := range map[string]bool{asking: false, saying: true} {
		ctx, cancel := context.WithCancel(t.Context())
		url, server := serveSNS(t, action, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		})
		failed := wantTextError(t, text(ctx, newSMS(url)), Temporary, ambiguous)
		if !strings.Contains(failed.Reason, "in time") {
			t.Errorf("the reason is %q", failed.Reason)
		}
		before := len(server.asked())
		wantTextError(t, text(ctx, newSMS(url)), Temporary, false)
		if len(server.asked()) != before {
			t.Error("asked after the time was up")
		}
	}
}

func TestTimeEndsBetweenTheQuestionAndTheText(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url, server := serveSNS(t, "", nil)
	s := newSMS(url)
	s.Client = cancelingClient{s.Client, cancel}
	wantTextError(t, text(ctx, s), Temporary, false)
	server.wantAsked(t, asking)
}

// A cancelingClient ends the caller's time once a question is answered.
type cancelingClient struct {
	SNSClient
	cancel context.CancelFunc
}

func (c cancelingClient) CheckIfPhoneNumberIsOptedOut(
	ctx context.Context, in *sns.CheckIfPhoneNumberIsOptedOutInput, options ...func(*sns.Options),
) (*sns.CheckIfPhoneNumberIsOptedOutOutput, error) {
	defer c.cancel()
	return c.SNSClient.CheckIfPhoneNumberIsOptedOut(ctx, in, options...)
}

func TestTimeoutBetweenThrottledTextsIsNotAmbiguous(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url, server := serveSNS(t, saying, failing(429, "Throttled", ""))
	s := newSMS(url, func(o *sns.Options) { o.Retryer = cancelingRetryer{o.Retryer, cancel} })
	wantTextError(t, text(ctx, s), Temporary, false)
	server.wantAsked(t, asking, saying)
}

func TestRefusedConnectionOfATextIsNotAmbiguous(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	wantTextError(t, text(t.Context(), newSMS(server.URL)), Temporary, false)

	// The question is answered, and then nobody is there.
	url, asked := serveSNS(t, "", nil)
	s := newSMS(url)
	s.Client = splitClient{asks: s.Client, says: newSMS(server.URL).Client}
	wantTextError(t, text(t.Context(), s), Temporary, false)
	asked.wantAsked(t, asking)
}

// A splitClient asks one SNS and publishes at another.
type splitClient struct{ asks, says SNSClient }

func (c splitClient) CheckIfPhoneNumberIsOptedOut(
	ctx context.Context, in *sns.CheckIfPhoneNumberIsOptedOutInput, options ...func(*sns.Options),
) (*sns.CheckIfPhoneNumberIsOptedOutOutput, error) {
	return c.asks.CheckIfPhoneNumberIsOptedOut(ctx, in, options...)
}

func (c splitClient) Publish(
	ctx context.Context, in *sns.PublishInput, options ...func(*sns.Options),
) (*sns.PublishOutput, error) {
	return c.says.Publish(ctx, in, options...)
}

// A deafSNS applies no options, so nothing is known about its connection.
type deafSNS struct{ SNSClient }

func (deafSNS) Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error) {
	return nil, errors.New("something about " + number)
}

func TestUnknownFaultOfATextIsAmbiguous(t *testing.T) {
	url, _ := serveSNS(t, "", nil)
	s := newSMS(url)
	s.Client = deafSNS{s.Client}
	wantTextError(t, text(t.Context(), s), Temporary, true)
}

func TestMissingCredentialsPauseTexts(t *testing.T) {
	url, server := serveSNS(t, "", nil)
	none := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no credentials for " + number)
	})
	s := newSMS(url, func(o *sns.Options) { o.Credentials = none })
	wantTextError(t, text(t.Context(), s), Paused, false)
	if len(server.asked()) != 0 {
		t.Error("a request without a signature went out")
	}
	// They are gone when it comes to the text.
	s.Client = splitClient{asks: newSMS(url).Client, says: s.Client}
	wantTextError(t, text(t.Context(), s), Paused, false)
	server.wantAsked(t, asking)
}

func TestEveryTextIsTaken(t *testing.T) {
	url, server := serveSNS(t, "", nil)
	s := newSMS(url)
	for _, kind := range textKinds {
		for _, tag := range locale.Tags() {
			want := renderText(t, friendly(kind, tag))
			if _, err := s.Send(t.Context(), number, want); err != nil {
				t.Fatal(err)
			}
			if got := server.requests[len(server.requests)-1].Get("Message"); got != want {
				t.Errorf("arrived as %q, want %q", got, want)
			}
		}
	}
}

// letter is one that either way can carry.
func letter(to onboarding.Address) onboarding.Letter {
	return onboarding.Letter{
		Kind: onboarding.MessageInvitation, Locale: "de", To: to, ID: "01J9ZC",
		Organization: onboarding.Organization{ID: "acme", Name: "日本語"},
		Recipient:    "Ann", Inviter: "Grace", Link: link, Until: time.Date(2026, 11, 30, 14, 0, 0, 0, time.UTC),
	}
}
