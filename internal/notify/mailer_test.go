package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"latchkey/internal/onboarding"
)

var (
	byMail = onboarding.Address{Kind: onboarding.Email, Value: to}
	byText = onboarding.Address{Kind: onboarding.Phone, Value: number}
)

func TestALetterGoesTheWayOfItsAddress(t *testing.T) {
	var mailed []string
	ses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Destination struct{ ToAddresses []string }
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		mailed = append(mailed, in.Destination.ToAddresses...)
		accept(w)
	}))
	t.Cleanup(ses.Close)
	url, texted := serveSNS(t, "", nil)
	m := Mailer{Email: newEmail(ses.URL), SMS: newSMS(url)}

	if err := m.Send(t.Context(), letter(byMail)); err != nil {
		t.Fatal(err)
	}
	if len(texted.asked()) != 0 || fmt.Sprint(mailed) != fmt.Sprint([]string{to}) {
		t.Errorf("a mail went to %q, and SNS was asked %q", mailed, texted.asked())
	}
	if err := m.Send(t.Context(), letter(byText)); err != nil {
		t.Fatal(err)
	}
	if len(mailed) != 1 {
		t.Errorf("a text was mailed to %q", mailed)
	}
	texted.wantAsked(t, asking, saying)
	form := texted.requests[1]
	want := "Sie sind zu acme eingeladen. Der Link gilt bis 30.11., 14:00 UTC. " +
		"Er ist persönlich: Geben Sie ihn nicht weiter.\n" + link
	if form.Get("PhoneNumber") != number || form.Get("Message") != want {
		t.Errorf("to %s: %q", form.Get("PhoneNumber"), form.Get("Message"))
	}
}

// wantDomainError fails unless err is a *onboarding.SendError that tells no address and no name.
func wantDomainError(t *testing.T, err error, class onboarding.SendClass, unsent bool) *onboarding.SendError {
	t.Helper()
	var failed *onboarding.SendError
	if !errors.As(err, &failed) {
		t.Fatalf("want a *onboarding.SendError, got %#v", err)
	}
	if failed.Class != class || failed.Unsent != unsent {
		t.Errorf("class %d, unsent %t; want %d, %t", failed.Class, failed.Unsent, class, unsent)
	}
	if failed.Reason == "" {
		t.Error("no reason")
	}
	for _, secret := range []string{number[1:], to, "日本語", link, "Ann", "Grace"} {
		if strings.Contains(failed.Reason+failed.Error(), secret) {
			t.Errorf("tells %s: %v", secret, failed)
		}
	}
	return failed
}

func TestWhatBecameOfALetterIsToldTheDomain(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   string
		class  onboarding.SendClass
		unsent bool
	}{
		{429, "Throttled", onboarding.SendLater, true},
		{500, "InternalError", onboarding.SendLater, false},
		{408, "RequestTimeout", onboarding.SendLater, true},
		{403, "AuthorizationError", onboarding.SendPaused, true},
		{400, "InvalidParameter", onboarding.SendRefused, true},
		{400, "OptedOut", onboarding.SendOptedOut, true},
	} {
		t.Run(tt.code, func(t *testing.T) {
			url, _ := serveSNS(t, saying, failing(tt.status, tt.code, ""))
			wantDomainError(t, Mailer{SMS: newSMS(url)}.Send(t.Context(), letter(byText)), tt.class, tt.unsent)
			url, _ = serveSNS(t, asking, failing(tt.status, tt.code, ""))
			wantDomainError(t, Mailer{SMS: newSMS(url)}.Send(t.Context(), letter(byText)), tt.class, true)
		})
	}
	url, _ := serveSNS(t, asking, func(w http.ResponseWriter, _ *http.Request) { optOut(w, true) })
	wantDomainError(t, Mailer{SMS: newSMS(url)}.Send(t.Context(), letter(byText)), onboarding.SendOptedOut, true)

	for code, unsent := range map[string]bool{"TooManyRequestsException": true, "InternalFailure": false} {
		url, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, map[bool]int{true: 429, false: 500}[unsent], code, to)
		})
		wantDomainError(t, Mailer{Email: newEmail(url)}.Send(t.Context(), letter(byMail)), onboarding.SendLater, unsent)
	}
	// Each class has its own in the domain.
	for _, class := range []Class{Throttled, Temporary, Paused, Refused, OptedOut} {
		if _, ok := classes[class]; !ok {
			t.Errorf("the domain is told nothing of %s", class)
		}
	}
}

func TestTextsThatAreSwitchedOffWait(t *testing.T) {
	err := Mailer{Email: newEmail("http://127.0.0.1:1")}.Send(t.Context(), letter(byText))
	if failed := wantDomainError(t, err, onboarding.SendPaused, true); failed.Reason != "Text messages are switched off here." {
		t.Errorf("the reason is %q", failed.Reason)
	}
}

func TestALetterWithoutWordsIsRefused(t *testing.T) {
	url, server := serveSNS(t, "", nil)
	for _, to := range []onboarding.Address{byMail, byText} {
		l := letter(to)
		l.Link = ""
		err := Mailer{Email: newEmail(url), SMS: newSMS(url)}.Send(t.Context(), l)
		wantDomainError(t, err, onboarding.SendRefused, true)
	}
	if len(server.asked()) != 0 {
		t.Errorf("the provider was asked %q", server.asked())
	}
}
