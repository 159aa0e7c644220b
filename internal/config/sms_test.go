package config

import (
	"maps"
	"strings"
	"testing"

	"latchkey/internal/onboarding"
)

// on are the variables of a deployment that sends text messages.
func on(changes map[string]string) map[string]string {
	env := map[string]string{
		"LATCHKEY_SMS_ENABLED": "true", "LATCHKEY_SMS_MONTHLY_BUDGET": "100", "LATCHKEY_SMS_PRICES": "US=0.0075",
		"LATCHKEY_SMS_SENDER_ID": "Latchkey",
	}
	maps.Copy(env, changes)
	return env
}

func TestTextMessagesAreConfigured(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want onboarding.Texting
	}{
		{"on", on(nil), onboarding.Texting{On: true, Budget: 100 * onboarding.Dollar, Prices: map[string]onboarding.Money{"US": 7500}}},
		{"on, with many prices and spaces",
			on(map[string]string{"LATCHKEY_SMS_MONTHLY_BUDGET": "12.50", "LATCHKEY_SMS_PRICES": " US = 0.0075, DE=0.11 ,*=1"}),
			onboarding.Texting{On: true, Budget: 12_500_000,
				Prices: map[string]onboarding.Money{"US": 7500, "DE": 110_000, "*": 1_000_000}}},
		{"off by nothing", nil, onboarding.Texting{}},
		{"off as the template says by default",
			map[string]string{"LATCHKEY_SMS_ENABLED": "false", "LATCHKEY_SMS_MONTHLY_BUDGET": "0"}, onboarding.Texting{}},
		{"off, with the rest there", on(map[string]string{"LATCHKEY_SMS_ENABLED": "false"}),
			onboarding.Texting{Budget: 100 * onboarding.Dollar, Prices: map[string]onboarding.Money{"US": 7500}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			lambda(t, c.env)
			got, err := Load(Texting)
			if err != nil {
				t.Fatal(err)
			}
			if x := got.Texting; x.On != c.want.On || x.Budget != c.want.Budget || !maps.Equal(x.Prices, c.want.Prices) {
				t.Errorf("got %+v, want %+v", x, c.want)
			}
		})
	}
}

func TestFaultsOfTextMessages(t *testing.T) {
	const enabled, budget, prices = "LATCHKEY_SMS_ENABLED", "LATCHKEY_SMS_MONTHLY_BUDGET", "LATCHKEY_SMS_PRICES"
	for _, c := range []struct{ name, value, fault string }{
		{enabled, "TRUE", "neither true nor false"},
		{enabled, "1", "neither"},
		{enabled, " ", "neither"},
		{budget, "", "not set"},
		{budget, "0", "above zero"},
		{budget, "0.000000", "above zero"},
		{budget, "-1", "no amount"},
		{budget, "100 USD", "no amount"},
		{budget, "1e3", "no amount"},
		{prices, "", "not set"},
		{prices, "  ", "not set"},
		{prices, "0.01", "not written like"},
		{prices, "US=0.01,", "not written like"},
		{prices, "us=0.01", "not written like"},
		{prices, "USA=0.01", "not written like"},
		{prices, "**=0.01", "not written like"},
		{prices, "U S=0.01", "not written like"},
		{prices, "US=0.01;DE=0.1", "no amount"},
		{prices, "US=", "no amount"},
		{prices, "US", "no amount"},
		{prices, "US=0", "above zero"},
		{prices, "DE=1,US=0.01,US=0.01", "two prices"},
		{prices, "US=0.01, US=0.02", "two prices"},
		{prices, "US=-0.01", "no amount"},
		{prices, "US=0.01=0.02", "no amount"},
	} {
		t.Run(c.name+" "+c.value, func(t *testing.T) {
			lambda(t, on(map[string]string{c.name: c.value}))
			_, err := Load(Texting)
			if err == nil || strings.Count(err.Error(), ";") > 0 ||
				!strings.HasPrefix(err.Error(), "config: "+c.name) || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("Load: %v, want one fault of %s and %q", err, c.name, c.fault)
			}
			if c.value == "" || strings.TrimSpace(c.value) == "" || strings.Trim(c.value, "0.") == "" || c.name == enabled {
				return
			}
			// What is there must be right where text messages are off, too.
			lambda(t, on(map[string]string{enabled: "false", c.name: c.value}))
			if _, err := Load(Texting); err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("off: %v", err)
			}
			if _, err := Load(); err != nil {
				t.Errorf("a function that needs no text messages: %v", err)
			}
		})
	}
}

func TestEveryFaultOfTextMessagesIsReportedAtOnce(t *testing.T) {
	lambda(t, map[string]string{"LATCHKEY_SMS_ENABLED": "true", "LATCHKEY_STAGE": "", "LATCHKEY_SMS_SENDER_ID": "12345"})
	c, err := Load(Texting, SMSSender)
	if err == nil || c.Texting.On {
		t.Fatalf("loaded %+v, %v", c, err)
	}
	for _, fault := range []string{"LATCHKEY_STAGE is not set", "LATCHKEY_SMS_MONTHLY_BUDGET is not set",
		"LATCHKEY_SMS_PRICES is not set", "LATCHKEY_SMS_SENDER_ID is not"} {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("%q is missing in: %v", fault, err)
		}
	}
	lambda(t, on(map[string]string{"LATCHKEY_SMS_ENABLED": "yes", "LATCHKEY_SMS_MONTHLY_BUDGET": "x", "LATCHKEY_SMS_PRICES": "US=0,DE=x"}))
	_, err = Load(Texting)
	if err == nil || strings.Count(err.Error(), ";") != 3 {
		t.Errorf("want four faults: %v", err)
	}
}

func TestASenderID(t *testing.T) {
	for _, id := range []string{"", "A", "Latchkey", "1Latchkey1", "ABCDEFGHIJK"} {
		lambda(t, map[string]string{"LATCHKEY_SMS_SENDER_ID": id})
		if c, err := Load(SMSSender); err != nil || c.SMSSenderID != id {
			t.Errorf("%q: %q %v", id, c.SMSSenderID, err)
		}
	}
	for _, id := range []string{"123", "ABCDEFGHIJKL", "Latch key", "Latch-key", "Lätchkey", " ", "Latchkey\n"} {
		lambda(t, map[string]string{"LATCHKEY_SMS_SENDER_ID": id})
		if _, err := Load(SMSSender); err == nil || !strings.Contains(err.Error(), "LATCHKEY_SMS_SENDER_ID") {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func FuzzPrices(f *testing.F) {
	f.Add("US=0.0075,DE=0.11,*=0.20")
	f.Add(" * = 1 ,US=0")
	f.Fuzz(func(t *testing.T, s string) {
		r := reader{}
		found := r.prices("LATCHKEY_SMS_PRICES", s)
		if len(r.faults) > 0 {
			return
		}
		if len(found) != 1+strings.Count(s, ",") {
			t.Errorf("%q gives %d prices", s, len(found))
		}
		for of, price := range found {
			if !region.MatchString(of) || price <= 0 {
				t.Errorf("%q gives %q the price %s", s, of, price)
			}
		}
	})
}
