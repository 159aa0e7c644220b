package config

import (
	"os"
	"regexp"
	"strings"

	"latchkey/internal/onboarding"
)

// texting reads what the operator has decided about text messages. Where they are off, the rest is not needed; but what
// is there must be right all the same, so that turning them on later brings no surprise.
func (r *reader) texting() onboarding.Texting {
	const enabled, budget, prices = "LATCHKEY_SMS_ENABLED", "LATCHKEY_SMS_MONTHLY_BUDGET", "LATCHKEY_SMS_PRICES"
	var t onboarding.Texting
	switch os.Getenv(enabled) {
	case "", "false":
	case "true":
		t.On = true
		r.need(budget)
		r.need(prices)
	default:
		r.fault(enabled + " is neither true nor false")
	}
	if v := os.Getenv(budget); strings.TrimSpace(v) != "" {
		var err error
		switch t.Budget, err = onboarding.ParseMoney(v); {
		case err != nil:
			r.fault(budget + " is no amount in US dollars such as 100 or 12.50")
		case t.On && t.Budget == 0:
			r.fault(budget + " must be above zero where " + enabled + " is true")
		}
	}
	if v := os.Getenv(prices); strings.TrimSpace(v) != "" {
		t.Prices = r.prices(prices, v)
	}
	return t
}

var region = regexp.MustCompile(`^([A-Z]{2}|\*)$`)

// prices reads US=0.0075,DE=0.11,*=0.20.
func (r *reader) prices(name, v string) map[string]onboarding.Money {
	found := make(map[string]onboarding.Money)
	for one := range strings.SplitSeq(v, ",") {
		of, amount, _ := strings.Cut(one, "=")
		if of = strings.TrimSpace(of); !region.MatchString(of) {
			r.fault(name + " is not written like US=0.0075,DE=0.11,*=0.20, with regions in upper case")
			continue
		}
		price, err := onboarding.ParseMoney(strings.TrimSpace(amount))
		switch _, twice := found[of]; {
		case twice:
			r.fault(name + " has two prices of " + of)
		case err != nil:
			r.fault(name + " has a price of " + of + " that is no amount in US dollars such as 0.0075")
		case price == 0:
			r.fault(name + " has a price of " + of + " that is not above zero")
		}
		found[of] = price
	}
	return found
}

var withLetter = regexp.MustCompile(`^[0-9]*[A-Za-z][A-Za-z0-9]*$`)

// senderID reads the name that a text message is from. Digits alone would be taken for a number.
func (r *reader) senderID(name string) string {
	v := os.Getenv(name)
	if v != "" && (len(v) > 11 || !withLetter.MatchString(v)) {
		r.fault(name + " is not 1 to 11 letters and digits, with one letter at least")
	}
	return v
}
