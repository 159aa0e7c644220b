package onboarding_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"latchkey/internal/onboarding"
)

// plans knows enough of three countries' numbers for the tests, and counts how often it is asked.
type plans struct{ asked int }

// plan is a pattern of national numbers, without the digit for calling within the country, and what they are for.
type plan struct {
	pattern string
	use     onboarding.PhoneUse
}

type country struct{ code, abroad, trunk, short string }

var countries = map[string]country{
	"DE": {"49", "00", "0", `110|112|22000`},
	"GB": {"44", "00", "0", `999|6\d{4}`},
	"US": {"1", "011", "1", `911|2\d{4}`},
}

var numberPlans = map[string][]plan{
	"DE": {
		{`1[567]\d{8,9}`, onboarding.PhoneMobile}, {`800\d{7}`, onboarding.PhoneTollFree}, {`180\d{7}`, onboarding.PhoneSharedCost},
		{`900\d{7}`, onboarding.PhonePremium}, {`32\d{9}`, onboarding.PhoneVoIP}, {`700\d{8}`, onboarding.PhoneUnknown},
		{`[2-9]\d{4,10}`, onboarding.PhoneFixed},
	},
	"GB": {
		{`7[1-57-9]\d{8}`, onboarding.PhoneMobile}, {`76\d{8}`, onboarding.PhonePager}, {`56\d{8}`, onboarding.PhoneVoIP},
		{`80[08]\d{7}`, onboarding.PhoneTollFree}, {`8[47]\d{8}`, onboarding.PhoneSharedCost}, {`9[018]\d{8}`, onboarding.PhonePremium},
		{`[12]\d{9}`, onboarding.PhoneFixed},
	},
	"US": {
		{`8(00|88)[2-9]\d{6}`, onboarding.PhoneTollFree}, {`900[2-9]\d{6}`, onboarding.PhonePremium},
		{`[2-9]\d\d[2-9]\d{6}`, onboarding.PhoneFixedOrMobile},
	},
}

var errNoNumber = errors.New("no country has this number: 0171")

// Phone, as the real libraries, takes a national number with and without its trunk digit, and +49 (0)171 too.
func (p *plans) Phone(text, region string) (onboarding.PhoneNumber, error) {
	p.asked++
	digits, international := strings.CutPrefix(text, "+")
	if digits == "" || strings.Trim(digits, "0123456789") != "" || len(digits) > 20 || region == "" && !international {
		panic("asked for " + text) // the contract of Numbers
	}
	home := countries[region]
	if !international && home.code != "" {
		if whole(home.short, digits) {
			return onboarding.PhoneNumber{Region: region, Use: onboarding.PhoneShort}, nil
		}
		if rest, abroad := strings.CutPrefix(digits, home.abroad); abroad {
			digits, international = rest, true
		}
	}
	for name, c := range countries {
		national, here := strings.CutPrefix(digits, c.code)
		if !international {
			national, here = digits, name == region
		}
		if !here {
			continue
		}
		for _, n := range []string{national, strings.TrimPrefix(national, c.trunk)} {
			for _, plan := range numberPlans[name] {
				if whole(plan.pattern, n) {
					return onboarding.PhoneNumber{E164: "+" + c.code + n, Region: name, Use: plan.use}, nil
				}
			}
		}
	}
	return onboarding.PhoneNumber{}, errNoNumber
}

var compiled = map[string]*regexp.Regexp{}

func whole(pattern, s string) bool {
	if compiled[pattern] == nil {
		compiled[pattern] = regexp.MustCompile(`^(?:` + pattern + `)$`)
	}
	return compiled[pattern].MatchString(s)
}

func TestAPhoneNumberHasOneForm(t *testing.T) {
	for _, c := range []struct{ in, region, want string }{
		{"+4915112345678", "", "+4915112345678"},
		{"+49 151 12345678", "", "+4915112345678"},
		{"+49 151 12345678", "US", "+4915112345678"},
		{" \t+49 151 12345678\r\n", "", "+4915112345678"},
		{"+49 (0)151 / 123 456-78", "", "+4915112345678"},
		{"(+49) 151.1234.5678", "", "+4915112345678"},
		{"+ 49 151 12345678", "", "+4915112345678"},
		{"+49\u00a0151\u202f12345678", "", "+4915112345678"},
		{"+49\u2011151\u201012345678", "", "+4915112345678"},
		{"0151 12345678", "DE", "+4915112345678"},
		{"151 12345678", "DE", "+4915112345678"},
		{"0049 151 12345678", "DE", "+4915112345678"},
		{"011 49 151 12345678", "US", "+4915112345678"},
		{"07700 900123", "GB", "+447700900123"},
		{"(202) 555-0123", "US", "+12025550123"},
		{"1-202-555-0123", "US", "+12025550123"},
	} {
		got, err := onboarding.ParsePhone(c.in, c.region, &plans{})
		if err != nil || got != phone(c.want) {
			t.Errorf("%q in %q: %+v, %v; want %s", c.in, c.region, got, err, c.want)
		}
	}
}

func TestWhatNoTextMessageReachesIsRefusedByName(t *testing.T) {
	for _, c := range []struct{ in, region, want string }{
		{"+49 30 1234567", "", "a fixed line"},
		{"030 1234567", "DE", "a fixed line"},
		{"0900 1234567", "DE", "a premium-rate number"},
		{"0800 1234567", "DE", "a toll-free number"},
		{"0180 1234567", "DE", "a shared-cost number"},
		{"032 123456789", "DE", "an internet telephone number"},
		{"076 12345678", "GB", "a pager"},
		{"110", "DE", "a short code"},
		{"22000", "DE", "a short code"},
		{"0700 12345678", "DE", "may receive no text"},
	} {
		got, err := onboarding.ParsePhone(c.in, c.region, &plans{})
		if err == nil || got != (onboarding.Address{}) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q in %q: %+v, %v; want %s", c.in, c.region, got, err, c.want)
		}
	}
}

func TestOnlyWhatSurelyReceivesTextMessagesDoes(t *testing.T) {
	for use, want := range map[onboarding.PhoneUse]bool{
		onboarding.PhoneMobile: true, onboarding.PhoneFixedOrMobile: true, onboarding.PhoneFixed: false, onboarding.PhonePremium: false,
		onboarding.PhoneTollFree: false, onboarding.PhoneSharedCost: false, onboarding.PhoneVoIP: false, onboarding.PhonePager: false,
		onboarding.PhoneShort: false, onboarding.PhoneUnknown: false, "": false, "satellite": false,
	} {
		if use.Texts() != want {
			t.Errorf("%q: %t", use, !want)
		}
		_, err := onboarding.ParsePhone("+4915112345678", "", &says{number: onboarding.PhoneNumber{E164: "+4915112345678", Use: use}})
		if (err == nil) != want {
			t.Errorf("%q: %v", use, err)
		}
	}
}

// says answers the same to every question, and counts them.
type says struct {
	number onboarding.PhoneNumber
	err    error
	asked  int
}

func (s *says) Phone(string, string) (onboarding.PhoneNumber, error) {
	s.asked++
	return s.number, s.err
}

func TestWhatIsNotOnePhoneNumberIsRefused(t *testing.T) {
	const country, signs, short, long, none = "country code", "only digits", "too short", "too long", "not a phone number"
	for _, c := range []struct{ name, in, region, want string }{
		{"nothing", "", "DE", "missing"},
		{"white space", " \t\u00a0", "DE", "missing"},
		{"a national number of nowhere", "0151 12345678", "", country},
		{"a number for calling abroad from nowhere", "0049 151 12345678", "", country},
		{"many digits of nowhere", strings.Repeat("1", 25), "", country},
		{"full-width digits", "０１５１１２３４５６７８", "DE", signs},
		{"a full-width plus", "＋4915112345678", "DE", signs},
		{"Arabic digits", "+49 ١٥١ 12345678", "DE", signs},
		{"letters", "0800 FLOWERS", "US", signs},
		{"an extension", "+49 151 12345678 ext. 12", "DE", signs},
		{"parameters", "+4915112345678;ext=12", "DE", signs},
		{"a code of the network", "*100#", "DE", signs},
		{"a plus behind digits", "0049+151 12345678", "DE", signs},
		{"two pluses", "++4915112345678", "DE", signs},
		{"two numbers", "+4915112345678 +4915112345679", "DE", signs},
		{"a comma", "0151,12345678", "DE", signs},
		{"an en dash", "0151–12345678", "DE", signs},
		{"a tab inside", "0151\t12345678", "DE", signs},
		{"a line feed inside", "0151\n12345678", "DE", signs},
		{"a zero-width space", "0151\u200b12345678", "DE", signs},
		{"a right-to-left override", "\u202e0151 12345678", "DE", signs},
		{"a NUL", "0151\x0012345678", "DE", signs},
		{"bytes that are no text", "0151\xff12345678", "DE", signs},
		{"no digit", "+-()", "DE", short},
		{"two digits", "12", "DE", short},
		{"21 digits", strings.Repeat("1", 21), "DE", long},
		{"41 characters", "0151" + strings.Repeat(" ", 29) + "12345678", "DE", "at most 40"},
		{"a book", strings.Repeat("1", 1<<20), "DE", "at most 40"},
		{"a country that is none", "+999 151 12345678", "DE", none},
		{"a number of no country", "0151 1", "DE", none},
		{"a region that is none", "0151 12345678", "XX", none},
	} {
		got, err := onboarding.ParsePhone(c.in, c.region, &plans{})
		if err == nil || got != (onboarding.Address{}) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %.60q gives %+v, %v; want %q", c.name, c.in, got, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "0171") {
			t.Errorf("%s: the library speaks to people: %v", c.name, err)
		}
	}
	if _, err := onboarding.ParsePhone("0151"+strings.Repeat(" ", 28)+"12345678", "DE", &plans{}); err != nil {
		t.Errorf("40 characters: %v", err)
	}
}

// What the library answers is checked before it is believed.
func TestANumberThatIsNoE164IsRefused(t *testing.T) {
	for _, value := range []string{"", "+", "4915112345678", "+0151123456", "+123456", "+1234567890123456", "+49 151 123456", "+49151x123456"} {
		n := &says{number: onboarding.PhoneNumber{E164: value, Use: onboarding.PhoneMobile}}
		if got, err := onboarding.ParsePhone("+4915112345678", "", n); err == nil {
			t.Errorf("%q is taken as %+v", value, got)
		}
	}
	n := says{number: onboarding.PhoneNumber{E164: "+4915112345678", Use: onboarding.PhoneMobile}, err: errNoNumber}
	if got, err := onboarding.ParsePhone("+4915112345678", "", &n); err == nil {
		t.Errorf("what the library refuses is taken as %+v", got)
	}
	for _, value := range []string{"+1234567", "+123456789012345"} {
		n := &says{number: onboarding.PhoneNumber{E164: value, Use: onboarding.PhoneMobile}}
		if got, err := onboarding.ParsePhone("+4915112345678", "", n); err != nil || got != phone(value) {
			t.Errorf("%q: %+v, %v", value, got, err)
		}
	}
}

func FuzzParsePhone(f *testing.F) {
	for _, s := range []string{"+4915112345678", "0151 12345678", "(202) 555-0123", "+49 (0)151 / 123", "０１５１", "110", "+", "1 1 1 1",
		"0151\u00a012345678", "00491511234567", "\u2011+1"} {
		f.Add(s, "DE")
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, s, region string) {
		n := &plans{}
		a, err := onboarding.ParsePhone(s, region, n)
		if n.asked > 1 {
			t.Fatalf("%q: the library was asked %d times", s, n.asked)
		}
		if err != nil {
			if a != (onboarding.Address{}) || err.Error() == "" {
				t.Fatalf("%q is refused beside %+v: %v", s, a, err)
			}
			return
		}
		if a.Kind != onboarding.Phone || !whole(`\+[1-9]\d{6,14}`, a.Value) {
			t.Fatalf("%q gives %+v", s, a)
		}
		for _, where := range []string{"", "DE", "GB", "US", region} {
			if again, err := onboarding.ParsePhone(a.Value, where, n); err != nil || again != a {
				t.Fatalf("%q gives %q, and that gives %q, %v in %q", s, a.Value, again.Value, err, where)
			}
		}
		if strings.Trim(s, "+0123456789 -./()\u00a0\u202f\u2010\u2011\t\n\v\f\r\u0085\u2028\u2029\u1680\u3000\u205f"+
			"\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a") != "" {
			t.Fatalf("%q gives %q", s, a.Value)
		}
	})
}
