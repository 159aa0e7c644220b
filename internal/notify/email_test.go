package notify

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"latchkey/internal/locale"
)

const (
	from = "no-reply@latchkey.example"
	to   = "ann@corp.example"
)

// newEmail returns an Email whose client talks to url as it would to SES, and waits for nobody between attempts.
func newEmail(url string, options ...func(*sesv2.Options)) *Email {
	base := sesv2.Options{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(url),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	}
	hurry := func(o *sesv2.Options) { o.Retryer = retry.AddWithMaxBackoffDelay(o.Retryer, time.Millisecond) }
	options = append([]func(*sesv2.Options){RetryOnlyThrottles, hurry}, options...)
	return &Email{Client: sesv2.New(base, options...), From: from, ConfigurationSet: "latchkey-test"}
}

// serve starts an SES that answers with handler, and counts the requests.
func serve(t *testing.T, handler http.HandlerFunc) (url string, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

// refuse answers in SES's form: the type in a header, the message in the body.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-ErrorType", code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"MessageId":"0102018f-1"}`)
}

func send(ctx context.Context, e *Email) (string, error) {
	return e.Send(ctx, to, "Acme", Mail{Subject: "s", Text: "t", HTML: "<p>h</p>"}, nil)
}

// wantSendError fails unless err is a *SendError that tells no address.
func wantSendError(t *testing.T, err error, class Class, ambiguous bool) *SendError {
	t.Helper()
	var failed *SendError
	if !errors.As(err, &failed) {
		t.Fatalf("want a *SendError, got %#v", err)
	}
	if failed.Class != class || failed.Ambiguous != ambiguous {
		t.Errorf("want %s, ambiguous %t; got %s, %t: %v", class, ambiguous, failed.Class, failed.Ambiguous, failed.Err)
	}
	if failed.Err == nil || failed.Reason == "" {
		t.Errorf("the error tells nothing: %#v", failed)
	}
	for _, s := range []string{failed.Reason, failed.Error(), fmt.Sprint(failed)} {
		if strings.Contains(s, "@") || strings.Contains(s, "127.0.0.1") {
			t.Errorf("tells an address: %s", s)
		}
	}
	return failed
}

func TestSendHandsOverTheWholeMail(t *testing.T) {
	var got map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v2/email/outbound-emails" {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		accept(w)
	}))
	t.Cleanup(server.Close)
	m := Mail{Subject: "Einladung zu Müller", Text: "Grüße", HTML: "<p>Grüße</p>"}
	id, err := newEmail(server.URL).Send(t.Context(), to, "Müller & Söhne", m, map[string]string{
		"organization": "acme",
		"entry":        "01J9ZC_a-b",
		"address":      "ann@corp.example",
		"na me":        "x",
		"empty":        "",
		"long":         strings.Repeat("x", 257),
	})
	if err != nil || id != "0102018f-1" {
		t.Fatalf("got %q, %v", id, err)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(`{
		"FromEmailAddress": "=?utf-8?b?TcO8bGxlciAmIFPDtmhuZQ==?= <no-reply@latchkey.example>",
		"Destination": {"ToAddresses": ["ann@corp.example"]},
		"ConfigurationSetName": "latchkey-test",
		"EmailTags": [{"Name": "entry", "Value": "01J9ZC_a-b"}, {"Name": "organization", "Value": "acme"}],
		"Content": {"Simple": {
			"Subject": {"Data": "Einladung zu Müller", "Charset": "UTF-8"},
			"Body": {
				"Text": {"Data": "Grüße", "Charset": "UTF-8"},
				"Html": {"Data": "<p>Grüße</p>", "Charset": "UTF-8"}
			},
			"Headers": [{"Name": "Auto-Submitted", "Value": "auto-generated"}]
		}}
	}`), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestAnswersOfTheProviderAreClassified(t *testing.T) {
	const unverified = "Email address is not verified. The following identities failed the check in region EU-WEST-1: "
	tests := []struct {
		name      string
		status    int
		code      string
		message   string
		class     Class
		ambiguous bool
		requests  int32
	}{
		{"too many requests", 429, "TooManyRequestsException", "Too many requests", Throttled, false, 3},
		{"the sending rate", 429, "TooManyRequestsException", "Maximum sending rate exceeded.", Throttled, false, 3},
		{"the daily quota", 400, "LimitExceededException", "Daily message quota exceeded.", Paused, false, 3},
		{"common throttling", 400, "ThrottlingException", "Rate exceeded", Throttled, false, 3},
		{"throttling by a namespaced type", 400, "com.amazon.coral.availability#ThrottlingException",
			"Rate exceeded", Throttled, false, 3},
		{"429 of something in between", 429, "", "slow down", Throttled, false, 1},

		{"internal failure", 500, "InternalFailure", "", Temporary, true, 1},
		{"internal service error", 500, "InternalServiceErrorException", "", Temporary, true, 1},
		{"service unavailable", 503, "ServiceUnavailable", "", Temporary, true, 1},
		{"gateway timeout of something in between", 504, "", "", Temporary, true, 1},
		{"request timed out", 408, "RequestTimeoutException", "", Temporary, false, 1},
		{"conflict", 409, "ConflictException", "", Temporary, false, 1},

		{"account suspended", 400, "AccountSuspendedException", "Account is suspended", Paused, false, 1},
		{"sending paused", 400, "SendingPausedException",
			"Sending paused for configuration set latchkey-test", Paused, false, 1},
		{"MAIL FROM not verified", 400, "MailFromDomainNotVerifiedException", "", Paused, false, 1},
		{"no configuration set", 404, "NotFoundException",
			"Configuration set <latchkey-test> does not exist.", Paused, false, 1},
		{"sender not verified", 400, "MessageRejected", unverified + from, Paused, false, 1},
		{"sender with a name not verified", 400, "MessageRejected",
			unverified + `"Acme, Inc." <No-Reply@latchkey.example>`, Paused, false, 1},
		{"domain of the sender not verified", 400, "MessageRejected",
			unverified + "latchkey.example, " + to, Paused, false, 1},
		{"sender and more not verified", 400, "MessageRejected", unverified + to + ", " + from + "...", Paused, false, 1},
		{"no permission", 403, "AccessDeniedException",
			"User: arn:aws:sts::1:assumed-role/deliver is not authorized to perform: ses:SendEmail", Paused, false, 1},
		{"unknown key", 403, "UnrecognizedClientException", "The security token is invalid.", Paused, false, 1},
		{"expired token", 403, "ExpiredTokenException", "", Paused, false, 1},
		{"bad signature", 403, "InvalidSignatureException", "", Paused, false, 1},
		{"unknown 403", 403, "SomethingNew", "", Paused, false, 1},
		{"not SES at all", 404, "", "no such page", Paused, false, 1},

		{"message rejected", 400, "MessageRejected", "Virus found", Refused, false, 1},
		{"recipient not verified in the sandbox", 400, "MessageRejected", unverified + to, Refused, false, 1},
		{"recipient that holds the sender's address", 400, "MessageRejected",
			unverified + "x" + from + ", " + from + ".evil.example", Refused, false, 1},
		{"bad request", 400, "BadRequestException", "Illegal address: ann@corp.example", Refused, false, 1},
		{"invalid parameter", 400, "InvalidParameterValue", "Missing final '@domain'", Refused, false, 1},
		{"unknown 400", 400, "SomethingNew", "", Refused, false, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, requests := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				refuse(w, tt.status, tt.code, tt.message)
			})
			_, err := send(t.Context(), newEmail(url))
			wantSendError(t, err, tt.class, tt.ambiguous)
			if n := requests.Load(); n != tt.requests {
				t.Errorf("the provider was asked %d times, want %d", n, tt.requests)
			}
		})
	}
}

func TestThrottledSendIsRepeated(t *testing.T) {
	var requests atomic.Int32
	url, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) < 3 {
			refuse(w, 429, "TooManyRequestsException", "Maximum sending rate exceeded.")
			return
		}
		accept(w)
	})
	if id, err := send(t.Context(), newEmail(url)); err != nil || id != "0102018f-1" {
		t.Errorf("got %q, %v", id, err)
	}
}

func TestEnvironmentCannotRaiseTheAttempts(t *testing.T) {
	url, requests := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, 429, "TooManyRequestsException", "")
	})
	// As AWS_MAX_ATTEMPTS=9 arrives.
	config := aws.Config{
		Region:           "eu-west-1",
		BaseEndpoint:     aws.String(url),
		Credentials:      credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		RetryMaxAttempts: 9,
	}
	hurry := func(o *sesv2.Options) { o.Retryer = retry.AddWithMaxBackoffDelay(o.Retryer, time.Millisecond) }
	e := &Email{Client: sesv2.NewFromConfig(config, RetryOnlyThrottles, hurry), From: from}
	_, err := send(t.Context(), e)
	wantSendError(t, err, Throttled, false)
	if n := requests.Load(); n != 3 {
		t.Errorf("the provider was asked %d times, want 3", n)
	}
}

func TestLostAnswerIsAmbiguousAndNotRepeated(t *testing.T) {
	for name, lose := range map[string]http.HandlerFunc{
		"the connection breaks": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"the answer is cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			accept(w)
		},
		"the answer is empty":       func(http.ResponseWriter, *http.Request) {},
		"the answer cannot be read": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
	} {
		t.Run(name, func(t *testing.T) {
			url, requests := serve(t, lose)
			_, err := send(t.Context(), newEmail(url))
			wantSendError(t, err, Temporary, true)
			if n := requests.Load(); n != 1 {
				t.Errorf("the provider was asked %d times, want once", n)
			}
		})
	}
}

func TestTimeoutIsAmbiguousOnceTheRequestIsOut(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := send(ctx, newEmail(url))
	wantSendError(t, err, Temporary, true)

	_, err = send(ctx, newEmail(url))
	wantSendError(t, err, Temporary, false)
}

func TestRefusedConnectionIsNotAmbiguous(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := send(t.Context(), newEmail(server.URL))
	wantSendError(t, err, Temporary, false)
}

// A cancelingRetryer ends the caller's time while the SDK waits to try again.
type cancelingRetryer struct {
	aws.Retryer
	cancel context.CancelFunc
}

func (r cancelingRetryer) RetryDelay(int, error) (time.Duration, error) {
	r.cancel()
	return time.Hour, nil
}

func TestTimeoutBetweenThrottlesIsNotAmbiguous(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url, requests := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, 429, "TooManyRequestsException", "")
	})
	_, err := send(ctx, newEmail(url, func(o *sesv2.Options) { o.Retryer = cancelingRetryer{o.Retryer, cancel} }))
	wantSendError(t, err, Temporary, false)
	if n := requests.Load(); n != 1 {
		t.Errorf("the provider was asked %d times, want once", n)
	}
}

func TestMissingCredentialsPause(t *testing.T) {
	url, requests := serve(t, func(w http.ResponseWriter, _ *http.Request) { accept(w) })
	none := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no credentials for ann@corp.example")
	})
	_, err := send(t.Context(), newEmail(url, func(o *sesv2.Options) { o.Credentials = none }))
	wantSendError(t, err, Paused, false)
	if requests.Load() != 0 {
		t.Error("a request without a signature went out")
	}
}

// A deafClient applies no options, so nothing is known about its connection.
type deafClient struct{ err error }

func (c deafClient) SendEmail(
	context.Context, *sesv2.SendEmailInput, ...func(*sesv2.Options),
) (*sesv2.SendEmailOutput, error) {
	return nil, c.err
}

func TestUnknownFaultIsAmbiguous(t *testing.T) {
	e := &Email{Client: deafClient{errors.New("something about ann@corp.example")}, From: from}
	_, err := send(t.Context(), e)
	wantSendError(t, err, Temporary, true)
}

func TestSenderIsWrittenSafely(t *testing.T) {
	for name, want := range map[string]string{
		"":                               `<no-reply@latchkey.example>`,
		"Acme":                           `"Acme" <no-reply@latchkey.example>`,
		`Acme "Best" \ Inc., <x@y>`:      `"Acme \"Best\" \\ Inc., <x@y>" <no-reply@latchkey.example>`,
		"Bäckerei":                       `=?utf-8?b?QsOkY2tlcmVp?= <no-reply@latchkey.example>`,
		"Acme\r\nBcc: eve@evil.test":     `"Acme Bcc: eve@evil.test" <no-reply@latchkey.example>`,
		"=?utf-8?q?support=40bank?=":     `"= ?utf-8?q?support=40bank?=" <no-reply@latchkey.example>`,
		"\u202eemcA \u2028\x00\tInc\x7f": `"emcA Inc" <no-reply@latchkey.example>`,
	} {
		if got := sender(name, from); got != want {
			t.Errorf("sender(%q) = %s, want %s", name, got, want)
		}
	}
}

func FuzzSenderParsesBack(f *testing.F) {
	for _, name := range []string{
		"Acme", "Bäckerei Müller & Söhne", "a\r\nBcc: b@c.d", `"\`, "=?utf-8?q?x?=", "\xff\xfe", "日本語", `Ǧ\`,
		strings.Repeat("🏢", 200), strings.Repeat("a ", 400), "\u202e\u2066\u200f", "a\u00a0\u3000b", "\ufffd",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		s := sender(name, from)
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("not printable ASCII: %q", s)
		}
		if len(s) > 320 {
			t.Fatalf("%d characters: %q", len(s), s)
		}
		parsed, err := mail.ParseAddress(s)
		if err != nil {
			t.Fatalf("%q does not parse: %v", s, err)
		}
		if parsed.Address != from {
			t.Fatalf("%q is from %s", s, parsed.Address)
		}
		whole := strings.ReplaceAll(oneLine(name), "=?", "= ?")
		if !strings.HasPrefix(whole, parsed.Name) {
			t.Fatalf("%q became %q", whole, parsed.Name)
		}
		if utf8.RuneCountInString(whole) <= 40 && whole != parsed.Name {
			t.Fatalf("%q is short and lost something: %q", whole, parsed.Name)
		}
		if strings.ContainsFunc(parsed.Name, unicode.IsControl) {
			t.Fatalf("control characters in %q", parsed.Name)
		}
	})
}

// TestLocalSESTakesTheMails sends every mail to the SES that the local cloud runs.
func TestLocalSESTakesTheMails(t *testing.T) {
	url := startLocalSES(t)
	e := newEmail(url)
	want := map[string]Mail{}
	for _, kind := range kinds {
		for _, tag := range locale.Tags() {
			m := render(t, friendly(kind, tag))
			id, err := e.Send(t.Context(), to, "Bäckerei Müller & Söhne", m, map[string]string{"kind": string(kind)})
			if err != nil {
				t.Fatal(err)
			}
			want[id] = m
		}
	}
	response, err := http.Get(url + "/store")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var store struct {
		Emails []struct {
			MessageID   string `json:"messageId"`
			From        string
			Destination struct{ To []string }
			Subject     string
			Body        struct{ Text, HTML string }
			Headers     []struct{ Name, Value string }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&store); err != nil {
		t.Fatal(err)
	}
	if len(store.Emails) != len(want) {
		t.Errorf("%d mails arrived, want %d", len(store.Emails), len(want))
	}
	for _, got := range store.Emails {
		if m := (Mail{got.Subject, got.Body.Text, got.Body.HTML}); m != want[got.MessageID] {
			t.Errorf("arrived as %q", m)
		}
		parsed, err := mail.ParseAddress(got.From)
		if err != nil || parsed.Name != "Bäckerei Müller & Söhne" || parsed.Address != from {
			t.Errorf("from %q: %v", got.From, err)
		}
		if len(got.Destination.To) != 1 || got.Destination.To[0] != to {
			t.Errorf("to %q", got.Destination.To)
		}
		if len(got.Headers) != 1 || got.Headers[0].Name != "Auto-Submitted" {
			t.Errorf("headers %v", got.Headers)
		}
	}
}

// startLocalSES starts aws-ses-v2-local from the repository's node_modules on a port of its own.
func startLocalSES(t *testing.T) (url string) {
	t.Helper()
	script := filepath.Join("..", "..", "node_modules", "aws-ses-v2-local", "dist", "cli.js")
	if _, err := os.Stat(script); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("aws-ses-v2-local is not installed: %v", err)
		}
		t.Skip("aws-ses-v2-local is not installed; run: npm ci")
	}
	server := exec.CommandContext(t.Context(), "node", script, "--host", "127.0.0.1", "--port", "0")
	server.Stderr = os.Stderr
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	// The test's context ends before this, and ends the server.
	t.Cleanup(func() { _ = server.Wait() })
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if _, port, ok := strings.Cut(lines.Text(), "server running at http://localhost:"); ok {
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return "http://127.0.0.1:" + port
		}
	}
	t.Fatal("aws-ses-v2-local did not start")
	return ""
}
