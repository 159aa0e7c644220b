package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lambda sets the environment of a function, with changes; an empty value unsets.
func lambda(t *testing.T, changes map[string]string) {
	t.Helper()
	env := map[string]string{
		"LATCHKEY_TABLE": "latchkey", "LATCHKEY_STAGE": "test", "LATCHKEY_BASE_URL": "https://join.example.com",
		"LATCHKEY_MASTER_KEY_SECRET": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key", "LATCHKEY_MASTER_KEY_FILE": "",
		"LATCHKEY_SENDER": "no-reply@example.com", "LATCHKEY_CONFIGURATION_SET": "set",
		"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret-of-aws",
		"AWS_SESSION_TOKEN": "session-of-aws", "AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_ENDPOINT_URL_SESV2": "",
		"AWS_ENDPOINT_URL_SNS": "", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "",
		"LATCHKEY_SMS_ENABLED": "", "LATCHKEY_SMS_MONTHLY_BUDGET": "", "LATCHKEY_SMS_PRICES": "", "LATCHKEY_SMS_SENDER_ID": "",
	}
	for name, value := range changes {
		env[name] = value
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

func TestTheEnvironmentBecomesValues(t *testing.T) {
	lambda(t, nil)
	c, err := Load(BaseURL, MasterKey, Sender)
	if err != nil {
		t.Fatal(err)
	}
	if c.Table != "latchkey" || c.Stage != "test" || c.BaseURL != "https://join.example.com" || c.ConfigurationSet != "set" ||
		c.Sender != "no-reply@example.com" || !strings.HasPrefix(c.MasterKeySecret, "arn:") || c.MasterKeyFile != "" {
		t.Errorf("%+v", c)
	}
	if shown := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(shown, "of-aws") || strings.Contains(shown, "AKID") {
		t.Errorf("the configuration prints credentials: %s", shown)
	}
}

func TestOnlyWhatIsNeededIsAskedFor(t *testing.T) {
	lambda(t, map[string]string{"LATCHKEY_BASE_URL": "", "LATCHKEY_MASTER_KEY_SECRET": "", "LATCHKEY_SENDER": "", "LATCHKEY_CONFIGURATION_SET": ""})
	if _, err := Load(); err != nil {
		t.Error(err)
	}
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	none := map[string]string{}
	for _, name := range []string{"LATCHKEY_TABLE", "LATCHKEY_STAGE", "LATCHKEY_BASE_URL", "LATCHKEY_MASTER_KEY_SECRET", "LATCHKEY_SENDER",
		"LATCHKEY_CONFIGURATION_SET", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		none[name] = ""
	}
	lambda(t, none)
	c, err := Load(BaseURL, MasterKey, Sender)
	if err == nil || c.Table != "" {
		t.Fatalf("loaded %+v, %v", c, err)
	}
	for name := range none {
		if !strings.Contains(err.Error(), name+" is not set") {
			t.Errorf("%s is missing in: %v", name, err)
		}
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ name, value, fault string }{
		{"LATCHKEY_BASE_URL", "http://join.example.com", "https"},
		{"LATCHKEY_BASE_URL", "ftp://join.example.com", "https"},
		{"LATCHKEY_BASE_URL", "join.example.com", "host"},
		{"LATCHKEY_BASE_URL", "https://", "host"},
		{"LATCHKEY_BASE_URL", "https://:8080", "host"},
		{"LATCHKEY_BASE_URL", "https://join.example.com/", "slash"},
		{"LATCHKEY_BASE_URL", "https://join.example.com/app", "path"},
		{"LATCHKEY_BASE_URL", "https://join.example.com?", "query"},
		{"LATCHKEY_BASE_URL", "https://join.example.com#", "fragment"},
		{"LATCHKEY_BASE_URL", "https://ann:hidden@join.example.com", "user"},
		{"LATCHKEY_BASE_URL", "https://Join.example.com", "lower"},
		{"LATCHKEY_BASE_URL", "HTTPS://join.example.com", "lower"},
		{"LATCHKEY_BASE_URL", "https://join.example.com:443", "port"},
		{"LATCHKEY_BASE_URL", "https://join.example.com:", "port"},
		{"LATCHKEY_BASE_URL", "https://jöin.example.com", "host"},
		{"LATCHKEY_BASE_URL", "https://join.example.com\n", "host"},
		{"LATCHKEY_BASE_URL", "http://127.0.0.1.example.com", "https"},
		{"LATCHKEY_MASTER_KEY_FILE", "/somewhere", "both"},
		{"LATCHKEY_SENDER", "nobody", "address"},
		{"LATCHKEY_SENDER", "a@example.com\r\nBcc: b", "address"},
		{"LATCHKEY_STAGE", " ", "not set"},
		{"AWS_ENDPOINT_URL_DYNAMODB", "127.0.0.1:8100", "URL"},
		{"AWS_ENDPOINT_URL_SESV2", "file:///x", "URL"},
		{"AWS_ENDPOINT_URL_SNS", "http://ann:hidden@sns", "URL"},
	} {
		t.Run(c.name+" "+c.value, func(t *testing.T) {
			lambda(t, map[string]string{c.name: c.value})
			_, err := Load(BaseURL, MasterKey, Sender)
			if err == nil || !strings.Contains(err.Error(), c.name) || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("Load: %v, want one about %s and %q", err, c.name, c.fault)
			}
			if err != nil && (strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "example")) {
				t.Errorf("the error shows the value: %v", err)
			}
		})
	}
}

func TestBothKeySourcesAreRefusedEvenWhereNoneIsNeeded(t *testing.T) {
	lambda(t, map[string]string{"LATCHKEY_MASTER_KEY_FILE": "/somewhere"})
	if _, err := Load(); err == nil {
		t.Error("a function with both key sources started")
	}
}

func TestHTTPIsForThisMachineOnly(t *testing.T) {
	for _, u := range []string{"http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080", "http://127.0.0.2", "https://a.example:8443"} {
		lambda(t, map[string]string{"LATCHKEY_BASE_URL": u})
		if _, err := Load(BaseURL); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
}

const key1, key2 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-1", "abcdefghijklmnopqrstuvwxyz012345"

func TestKeysAreReadFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, []byte(`{"current":"2","1":"`+key1+`","2":"`+key2+`"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := ReadKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", k, k, k, k); strings.Contains(shown, key2) {
		t.Errorf("keys print: %s", shown)
	}
	if _, err := ReadKeyFile(path + ".none"); err == nil {
		t.Error("a missing file gave keys")
	}
}

func TestBadKeysAreRefusedAndNotShown(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":             ``,
		"no JSON":             key1,
		"a broken text":       `{"current":"1","1":"` + key1,
		"a list":              `["` + key1 + `"]`,
		"no current":          `{"1":"` + key1 + `"}`,
		"current as a number": `{"current":1,"1":"` + key1 + `"}`,
		"a current not there": `{"current":"2","1":"` + key1 + `"}`,
		"key 0":               `{"current":"0","0":"` + key1 + `"}`,
		"key 256":             `{"current":"1","1":"` + key1 + `","256":"` + key1 + `"}`,
		"key 01":              `{"current":"1","1":"` + key1 + `","01":"` + key1 + `"}`,
		"another member":      `{"current":"1","1":"` + key1 + `","` + key2 + `":"x"}`,
		"a short key":         `{"current":"1","1":"` + key1[:31] + `"}`,
		"a key twice":         `{"current":"1","1":"` + key1 + `","1":"` + key2 + `"}`,
		"a nested key":        `{"current":"1","1":{"1":"` + key1 + `"}}`,
		"two documents":       `{"current":"1","1":"` + key1 + `"}{}`,
		"text after it":       `{"current":"1","1":"` + key1 + `"} ` + key1,
		"no UTF-8":            `{"current":"1","1":"` + key1 + "\xff" + `"}`,
		"too long":            `{"current":"1","1":"` + strings.Repeat(key1, 2000) + `"}`,
	} {
		_, err := ParseKeys([]byte(text))
		if err == nil {
			t.Errorf("%s: gave keys", name)
			continue
		}
		for _, part := range []string{key1[:8], key2[:8]} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error shows a key: %v", name, err)
			}
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"current":"1","1":"` + key1 + `"}`))
	f.Add([]byte(`{"current":"1","1":}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if k, err := ParseKeys(data); err == nil && fmt.Sprint(k) != "[master keys]" {
			t.Errorf("keys print: %v", k)
		}
	})
}
