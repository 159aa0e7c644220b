// Package config turns the environment of a function into values, and reports every fault of it at once.
package config

import (
	"errors"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"latchkey/internal/onboarding"
)

// Need is what a function asks of its environment beyond the table, the stage and AWS itself.
type Need int

const (
	BaseURL   Need = iota // LATCHKEY_BASE_URL
	MasterKey             // LATCHKEY_MASTER_KEY_SECRET, or locally LATCHKEY_MASTER_KEY_FILE
	Sender                // LATCHKEY_SENDER and LATCHKEY_CONFIGURATION_SET
	Texting               // LATCHKEY_SMS_ENABLED, LATCHKEY_SMS_MONTHLY_BUDGET and LATCHKEY_SMS_PRICES
	SMSSender             // LATCHKEY_SMS_SENDER_ID, which may be empty
)

// Config is the environment of a function. It holds no secret: credentials stay in the environment until AWS reads them,
// and of the master keys it only knows where they are.
type Config struct {
	Table            string
	Stage            string
	BaseURL          string // scheme and host, as a browser writes an origin
	MasterKeySecret  string // an ARN
	MasterKeyFile    string // a path, in the local cloud only
	Sender           string
	ConfigurationSet string
	Texting          onboarding.Texting
	SMSSenderID      string // "" for none: the message comes from a number

	region    string
	endpoints map[Service]string
}

// Load reads the environment. Its error names each variable that is missing or wrong, and shows no value.
func Load(needs ...Need) (Config, error) {
	r := reader{}
	c := Config{
		Table:           r.need("LATCHKEY_TABLE"),
		Stage:           r.need("LATCHKEY_STAGE"),
		MasterKeySecret: os.Getenv("LATCHKEY_MASTER_KEY_SECRET"),
		MasterKeyFile:   os.Getenv("LATCHKEY_MASTER_KEY_FILE"),
		region:          r.need("AWS_REGION"),
		endpoints:       r.endpoints(),
	}
	r.need("AWS_ACCESS_KEY_ID")
	r.need("AWS_SECRET_ACCESS_KEY")
	for _, n := range needs {
		switch n {
		case BaseURL:
			c.BaseURL = r.baseURL("LATCHKEY_BASE_URL")
		case MasterKey:
			if c.MasterKeySecret == "" && c.MasterKeyFile == "" {
				r.fault("LATCHKEY_MASTER_KEY_SECRET is not set, and LATCHKEY_MASTER_KEY_FILE is not either")
			}
		case Sender:
			c.Sender = r.sender("LATCHKEY_SENDER")
			c.ConfigurationSet = r.need("LATCHKEY_CONFIGURATION_SET")
		case Texting:
			c.Texting = r.texting()
		case SMSSender:
			c.SMSSenderID = r.senderID("LATCHKEY_SMS_SENDER_ID")
		}
	}
	// Whoever can set one variable of a deployed function must not be able to hand it a key of their own.
	if c.MasterKeySecret != "" && c.MasterKeyFile != "" {
		r.fault("LATCHKEY_MASTER_KEY_SECRET and LATCHKEY_MASTER_KEY_FILE are both set: only one may be")
	}
	if len(r.faults) > 0 {
		return Config{}, errors.New("config: " + strings.Join(r.faults, "; "))
	}
	return c, nil
}

type reader struct{ faults []string }

func (r *reader) fault(s string) { r.faults = append(r.faults, s) }

func (r *reader) need(name string) string {
	v := os.Getenv(name)
	if strings.TrimSpace(v) == "" {
		r.fault(name + " is not set")
	}
	return v
}

// baseURL wants an origin exactly as browsers write it, because it is compared with theirs.
func (r *reader) baseURL(name string) string {
	v := r.need(name)
	if v == "" {
		return v
	}
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || strings.ContainsFunc(v, unprintable):
		r.fault(name + " is not a URL with a host")
	case u.User != nil:
		r.fault(name + " must not hold a user name or a password")
	case u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(v, "#"):
		r.fault(name + " must end after the host: no slash, path, query or fragment")
	case u.Scheme != "https" && u.Scheme != "http":
		r.fault(name + " must begin with https://")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		r.fault(name + " must begin with https:// unless its host is this machine")
	case u.Scheme == "https" && u.Port() == "443", u.Scheme == "http" && u.Port() == "80", strings.HasSuffix(u.Host, ":"):
		r.fault(name + " must not name the default port")
	case v != u.Scheme+"://"+strings.ToLower(u.Host):
		r.fault(name + " must be in lower case")
	}
	return v
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (r *reader) sender(name string) string {
	v := r.need(name)
	if v == "" {
		return v
	}
	if _, err := onboarding.ParseEmail(v); err != nil {
		r.fault(name + " is not a bare address to send from")
	}
	return v
}

func unprintable(c rune) bool { return c <= ' ' || c >= 0x7f }
