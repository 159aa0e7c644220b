package onboarding

import (
	"strings"
	"unicode/utf8"
)

// PhoneUse is what a number is for, as the plan of its country says.
type PhoneUse string

// Any other value counts as PhoneUnknown.
const (
	PhoneMobile        PhoneUse = "mobile"
	PhoneFixed         PhoneUse = "fixed"
	PhoneFixedOrMobile PhoneUse = "fixed_or_mobile" // countries such as the US do not tell them apart
	PhonePremium       PhoneUse = "premium"
	PhoneTollFree      PhoneUse = "toll_free"
	PhoneSharedCost    PhoneUse = "shared_cost"
	PhoneVoIP          PhoneUse = "voip"
	PhonePager         PhoneUse = "pager"
	PhoneShort         PhoneUse = "short"
	PhoneUnknown       PhoneUse = "unknown"
)

// Texts reports whether a number of this use receives text messages. Where some do and some do not, as with internet
// telephones, it does not: a message that is lost is worse than a number that is asked for again.
func (u PhoneUse) Texts() bool { return u == PhoneMobile || u == PhoneFixedOrMobile }

// refusal says why a number of this use cannot be written to.
func (u PhoneUse) refusal() string {
	switch u {
	case PhoneFixed:
		return "this is a fixed line, which receives no text messages"
	case PhonePremium:
		return "this is a premium-rate number, which receives no text messages"
	case PhoneTollFree:
		return "this is a toll-free number, which receives no text messages"
	case PhoneSharedCost:
		return "this is a shared-cost number, which receives no text messages"
	case PhoneVoIP:
		return "this is an internet telephone number, which may receive no text messages"
	case PhonePager:
		return "this is a pager, which receives no text messages"
	case PhoneShort:
		return "this is a short code, which is nobody's own number"
	}
	return "this number may receive no text messages"
}

// PhoneNumber is one number, and what is known of it.
type PhoneNumber struct {
	E164   string // empty for a short code, which has no such form
	Region string // ISO 3166-1; empty where the number belongs to none
	Use    PhoneUse
}

// Numbers knows telephone numbers. It is handed in, since its tables are large.
type Numbers interface {
	// Phone reads a number as somebody in region (ISO 3166-1, "DE"; empty: none) writes it. The text is up to 20 digits, with
	// a + before them where the country code comes first, and nothing between them. It answers an error for what is nobody's
	// number. What it answers as E.164, it reads as the same number again, in every region.
	Phone(text, region string) (PhoneNumber, error)
}

const (
	maxPhone       = 40 // characters, with what stands between the digits
	maxPhoneDigits = 20 // E.164 §6.2.1 has 15; a prefix for calling abroad comes before them
	minPhoneDigits = 3
)

// ParsePhone is the only way to a phone number. It takes digits of ASCII, spaces and the signs that people put between them,
// and refuses what no text message reaches. Nothing is mapped: a full-width digit is no digit.
func ParsePhone(text, region string, n Numbers) (Address, error) {
	number, err := readPhone(text, region, n)
	if err != nil {
		return Address{}, err
	}
	if !number.Use.Texts() {
		return Address{}, flaw{"cannot_receive_text", number.Use.refusal()}
	}
	return Address{Kind: Phone, Value: number.E164}, nil
}

// readPhone reads a number, whatever it is for.
func readPhone(text, region string, n Numbers) (PhoneNumber, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return PhoneNumber{}, flaw{"invalid", "a phone number is missing"}
	}
	if len(text) > maxPhone*utf8.UTFMax || utf8.RuneCountInString(text) > maxPhone {
		return PhoneNumber{}, flaw{"too_long", "a phone number has at most 40 characters"}
	}
	dialled, ok := dial(text)
	if !ok {
		return PhoneNumber{}, flaw{"invalid", "a phone number has only digits, a + before them, and spaces, hyphens, dots, slashes and parentheses"}
	}
	digits := strings.TrimPrefix(dialled, "+")
	switch {
	case len(digits) < minPhoneDigits:
		return PhoneNumber{}, flaw{"invalid", "this is too short for a phone number"}
	case region == "" && digits == dialled:
		return PhoneNumber{}, flaw{"country_code", "write the phone number with a + and its country code, such as +49 151 12345678"}
	case len(digits) > maxPhoneDigits:
		return PhoneNumber{}, flaw{"too_long", "this is too long for a phone number"}
	}
	number, err := n.Phone(dialled, region)
	if err != nil || number.Use != PhoneShort && !isE164(number.E164) {
		return PhoneNumber{}, flaw{"invalid", "this is not a phone number"}
	}
	return number, nil
}

// dial leaves of a number what is dialled: its digits, and the + before them. It reports whether nothing else stands there but
// what people write for the eye.
func dial(text string) (string, bool) {
	dialled := make([]byte, 0, maxPhone)
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9', r == '+' && len(dialled) == 0:
			dialled = append(dialled, byte(r))
		case !strings.ContainsRune(" -./()\u00a0\u202f\u2010\u2011", r): // with no-break spaces, the hyphen and its no-break twin
			return "", false
		}
	}
	return string(dialled), true
}

// isE164 reports whether a text has the form of E.164. The shortest number that is in use has seven digits.
func isE164(s string) bool {
	digits, plus := strings.CutPrefix(s, "+")
	return plus && len(digits) >= 7 && len(digits) <= 15 && digits[0] != '0' && strings.Trim(digits, "0123456789") == ""
}
