// Package numbers reads telephone numbers by the rules of libphonenumber. Its table is written from the metadata of the
// library's Go port. The port itself is not linked: it unpacks its metadata whenever a program starts.
package numbers

import (
	"errors"
	"strings"

	"latchkey/internal/onboarding"
)

// Plan is the numbering plan of the world. It costs nothing until it is asked.
type Plan struct{}

var _ onboarding.Numbers = Plan{}

var errNobodys = errors.New("numbers: this is nobody's number")

const maxDigits = 20

// Phone implements [onboarding.Numbers].
func (Plan) Phone(text, region string) (onboarding.PhoneNumber, error) {
	digits, plus := strings.CutPrefix(text, "+")
	if len(digits) > maxDigits || strings.Trim(digits, "0123456789") != "" {
		return onboarding.PhoneNumber{}, errNobodys
	}
	home := world().regions[region]
	if number, ok := read(digits, plus, home); ok {
		return number, nil
	}
	// A short code is dialled as it is: nothing stands before it.
	if home != nil && !plus && home.rules().isShort(digits) {
		return onboarding.PhoneNumber{Region: region, Use: onboarding.PhoneShort}, nil
	}
	return onboarding.PhoneNumber{}, errNobodys
}

// Knows reports whether a region (ISO 3166-1) has numbers of its own.
func (Plan) Knows(region string) bool { return world().regions[region] != nil }

// read reads an ordinary number: one that can be called from everywhere. Whatever could be a short code as well is read so.
func read(digits string, plus bool, home *plan) (onboarding.PhoneNumber, bool) {
	by, national := divide(digits, plus, home)
	if by == nil {
		return onboarding.PhoneNumber{}, false
	}
	national = by.rules().bare(national)
	// A few numbers begin with what is a prefix there (Belarus 810, Japan 003768), so their own E.164 is read as another's or
	// as nobody's. The port answers them. Here they are refused: a number has to stay what it is.
	if main := world().codes[by.code][0]; main.rules().bare(national) != national {
		return onboarding.PhoneNumber{}, false
	}
	region, use, ok := find(by.code, national)
	return onboarding.PhoneNumber{E164: "+" + by.code + national, Region: region, Use: use}, ok
}

// divide takes the country code from a number, and what is dialled before it. It answers by whose plan to read the rest: by
// that of home, or of the main region with that code; nil for no number at all.
func divide(digits string, plus bool, home *plan) (by *plan, rest string) {
	if plus {
		if by, rest = cutCode(digits); by != nil || home == nil {
			return by, rest
		}
		// No such code: the + stands before a number as it is dialled at home.
	}
	if home == nil {
		return nil, ""
	}
	if abroad, ok := home.rules().cutAbroad(digits); ok {
		return cutCode(abroad)
	}
	// People leave out the +. It was so if the number is one only without the code.
	if rest, ok := strings.CutPrefix(digits, home.code); ok {
		r := home.rules()
		rest = r.cutTrunk(rest)
		if r.looksRight(rest) && !r.looksRight(digits) || r.tooLong(len(digits)) {
			return world().codes[home.code][0], rest
		}
	}
	if plus {
		return nil, ""
	}
	return home, digits
}

// cutCode takes the country code from a number. No code is the beginning of another.
func cutCode(digits string) (main *plan, rest string) {
	for n := 1; n <= 3 && n < len(digits); n++ {
		if sharing := world().codes[digits[:n]]; sharing != nil {
			return sharing[0], digits[n:]
		}
	}
	return nil, ""
}

// find answers which of the regions with a code a number belongs to, and its use there. Some regions are known by the digits
// that their numbers begin with; another has whatever is a number there.
func find(code, national string) (region string, use onboarding.PhoneUse, ok bool) {
	for _, p := range world().codes[code] {
		r := p.rules()
		if r.leading != nil && !r.leading().MatchString(national) {
			continue
		}
		if use, ok = r.use(national); ok || r.leading != nil {
			return p.region, use, ok
		}
	}
	return "", "", false
}
