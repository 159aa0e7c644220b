package masterkey_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/internal/config"
	"latchkey/internal/config/masterkey"
)

const (
	arn  = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key"
	keys = `{"current":"1","1":"0123456789abcdef0123456789abcdef"}`
)

func load(t *testing.T, endpoint, secret, file string) error {
	t.Helper()
	for name, value := range map[string]string{
		"LATCHKEY_TABLE": "latchkey", "LATCHKEY_STAGE": "test", "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session", "AWS_ENDPOINT_URL_SECRETS_MANAGER": endpoint,
		"LATCHKEY_MASTER_KEY_SECRET": secret, "LATCHKEY_MASTER_KEY_FILE": file,
	} {
		t.Setenv(name, value)
	}
	c, err := config.Load(config.MasterKey)
	if err != nil {
		t.Fatal(err)
	}
	_, err = masterkey.Load(t.Context(), c)
	return err
}

// manager is a Secrets Manager that answers each request with the next of its answers, the last one for ever.
func manager(t *testing.T, answers ...func(http.ResponseWriter)) (url string, asked *int) {
	asked = new(int)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != "POST" || r.URL.Path != "/" || r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" ||
			r.Header.Get("Content-Type") != "application/x-amz-json-1.1" || string(body) != `{"SecretId":"`+arn+`"}` {
			t.Errorf("asked %s %s %v %s", r.Method, r.URL, r.Header, body)
		}
		auth := r.Header.Get("Authorization")
		if !strings.Contains(auth, "AKIDEXAMPLE/") || !strings.Contains(auth, "/eu-central-1/secretsmanager/aws4_request") ||
			!strings.Contains(auth, "x-amz-target") || r.Header.Get("X-Amz-Security-Token") != "session" {
			t.Errorf("signed as %q", auth)
		}
		answer := answers[min(*asked, len(answers)-1)]
		*asked++
		answer(w)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, asked
}

func holds(text string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		json.NewEncoder(w).Encode(map[string]string{"ARN": arn, "SecretString": text})
	}
}

func refuses(status int, kind string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]string{"__type": kind, "Message": "why"})
	}
}

func TestKeysComeFromSecretsManager(t *testing.T) {
	url, asked := manager(t, holds(keys))
	if err := load(t, url, arn, ""); err != nil || *asked != 1 {
		t.Errorf("%v after %d calls", err, *asked)
	}
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	lost := func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }
	url, asked := manager(t, refuses(400, "com.amazon#ThrottlingException"), refuses(503, ""), lost, holds(keys))
	if err := load(t, url, arn, ""); err != nil || *asked != 4 {
		t.Errorf("%v after %d calls", err, *asked)
	}
	url, asked = manager(t, refuses(500, "InternalServiceError"))
	if err := load(t, url, arn, ""); err == nil || *asked != 4 {
		t.Errorf("%v after %d calls", err, *asked)
	}
}

func TestARefusalEndsItAndIsNamed(t *testing.T) {
	url, asked := manager(t, refuses(400, "ResourceNotFoundException"))
	err := load(t, url, arn, "")
	if err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") || *asked != 1 {
		t.Errorf("%v after %d calls", err, *asked)
	}
}

func TestWhatIsNoSecretIsNotShown(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"no keys": holds(`{"current":"1","1":"tooshort"}`),
		"no JSON": func(w http.ResponseWriter) { io.WriteString(w, "tooshort") },
		"binary":  func(w http.ResponseWriter) { io.WriteString(w, `{"SecretBinary":"tooshort"}`) },
	} {
		url, _ := manager(t, answer)
		if err := load(t, url, arn, ""); err == nil || strings.Contains(err.Error(), "tooshort") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysComeFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, []byte(keys), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := load(t, "", "", path); err != nil {
		t.Error(err)
	}
}

func TestCancellationEndsTheTries(t *testing.T) {
	url, asked := manager(t, refuses(503, ""))
	t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
	if err := load(t, url, arn, ""); err == nil {
		t.Fatal("loaded")
	}
	*asked = 0
	c, err := config.Load(config.MasterKey)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := masterkey.Load(ctx, c); err == nil || *asked != 0 {
		t.Errorf("%v after %d calls", err, *asked)
	}
}
