package onboarding

import (
	"fmt"
	"strconv"
	"strings"
)

// Money is in millionths of a US dollar, in which text messages are priced.
type Money int64

// Dollar is one US dollar.
const Dollar Money = 1_000_000

// ParseMoney reads dollars, with up to six places behind the point: 0.00645.
func ParseMoney(s string) (Money, error) {
	whole, part, _ := strings.Cut(s, ".")
	dollars, err := strconv.ParseUint(whole, 10, 31)
	if err != nil || len(part) > 6 || strings.Trim(part, "0123456789") != "" || strings.HasSuffix(s, ".") {
		return 0, flaw{"invalid", "this is no amount in US dollars such as 0.0095"}
	}
	millionths, _ := strconv.Atoi((part + "000000")[:6])
	return Money(dollars)*Dollar + Money(millionths), nil
}

// String writes dollars as ParseMoney reads them, without needless zeros.
func (m Money) String() string {
	s := fmt.Sprintf("%d.%06d", m/Dollar, m%Dollar)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// Texting is what the operator has decided about text messages, for every organization. Its zero value: none is sent.
type Texting struct {
	On     bool
	Budget Money            // of a calendar month in UTC, for all organizations together
	Prices map[string]Money // of one segment, by region (ISO 3166-1, "DE"); "*" for every region that is not named
}

// Segments is how many segments a text message of a kind has at most: 160 characters of GSM 03.38 make one, 306 two.
// Whoever writes the message keeps to it, and whoever reserves money for it counts on it.
func (k MessageKind) Segments() int {
	switch k {
	case MessageJoinCode, MessagePasswordCode, MessageContactCode, MessageJoinRejected:
		return 1
	}
	return 2
}

// price is what a text of a kind to a region costs at most. It reports whether the operator has named a price.
func (t Texting) price(region string, k MessageKind) (Money, bool) {
	one, ok := t.Prices[region]
	if !ok {
		one, ok = t.Prices["*"]
	}
	return one * Money(k.Segments()), ok && one > 0
}

// TextLimits are an organization's. They are the operator's to set: it is their money.
type TextLimits struct {
	PerDay int   // of each use, in a UTC day
	Budget Money // of a calendar month in UTC
	Share  Money // of it, that the use may take; 0: all
}
