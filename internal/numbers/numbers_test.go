package numbers_test

import (
	"maps"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"latchkey/internal/numbers"
	"latchkey/internal/onboarding"
)

// phone has a short name in this file, which is full of it.
type phone = onboarding.PhoneNumber

// uses are what the port calls them.
var uses = map[phonenumbers.PhoneNumberType]onboarding.PhoneUse{
	phonenumbers.FIXED_LINE:           onboarding.PhoneFixed,
	phonenumbers.MOBILE:               onboarding.PhoneMobile,
	phonenumbers.FIXED_LINE_OR_MOBILE: onboarding.PhoneFixedOrMobile,
	phonenumbers.TOLL_FREE:            onboarding.PhoneTollFree,
	phonenumbers.PREMIUM_RATE:         onboarding.PhonePremium,
	phonenumbers.SHARED_COST:          onboarding.PhoneSharedCost,
	phonenumbers.VOIP:                 onboarding.PhoneVoIP,
	phonenumbers.PERSONAL_NUMBER:      onboarding.PhoneUnknown,
	phonenumbers.PAGER:                onboarding.PhonePager,
	phonenumbers.UAN:                  onboarding.PhoneUnknown,
	phonenumbers.VOICEMAIL:            onboarding.PhoneUnknown,
}

// port answers what the port says; the zero value for nobody's number. There is one difference: what the port reads
// otherwise from its own E.164, we refuse.
func port(text, region string) phone {
	p := ask(text, region)
	if p.E164 != "" && ask(p.E164, "") != p {
		return phone{}
	}
	return p
}

func ask(text, region string) phone {
	if n, err := phonenumbers.Parse(text, region); err == nil && phonenumbers.IsValidNumber(n) {
		of := phonenumbers.GetRegionCodeForNumber(n)
		if of == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY {
			of = ""
		}
		e164, use := phonenumbers.Format(n, phonenumbers.E164), uses[phonenumbers.GetNumberType(n)]
		return phone{E164: e164, Region: of, Use: use}
	}
	// The port has no parser of its own for short codes. They have no prefix, so there is nothing to parse.
	if strings.Trim(text, "0123456789") == "" && phonenumbers.IsValidShortNumberForRegion(number(region, text), region) {
		return phone{Region: region, Use: onboarding.PhoneShort}
	}
	return phone{}
}

func number(region, national string) *phonenumbers.PhoneNumber {
	zeros := 0
	for zeros < len(national)-1 && national[zeros] == '0' {
		zeros++
	}
	value, _ := strconv.ParseUint(national, 10, 64)
	return &phonenumbers.PhoneNumber{
		CountryCode:          new(int32(phonenumbers.GetCountryCodeForRegion(region))),
		NationalNumber:       &value,
		ItalianLeadingZero:   new(zeros > 0),
		NumberOfLeadingZeros: new(int32(zeros)),
	}
}

func ours(text, region string) phone {
	n, err := numbers.Plan{}.Phone(text, region)
	if err != nil {
		return phone{}
	}
	return n
}

// dialled is what somebody in a region dials.
type dialled struct{ text, region string }

// known are numbers of every kind in every region: the port's examples, and some drawn from its patterns, each in every form
// that it is written in.
var known = sync.OnceValue(func() []dialled {
	ordinary, err := phonenumbers.MetadataCollection()
	if err != nil {
		panic(err)
	}
	short, err := phonenumbers.ShortNumberMetadataCollection()
	if err != nil {
		panic(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	var all []dialled
	for _, m := range slices.Concat(ordinary.GetMetadata(), short.GetMetadata()) {
		add := func(text string) {
			if len(strings.TrimPrefix(text, "+")) <= 20 {
				all = append(all, dialled{text, m.GetId()})
			}
		}
		code := strconv.Itoa(int(m.GetCountryCode()))
		for _, kind := range []*phonenumbers.PhoneNumberDesc{
			m.GetGeneralDesc(), m.GetPremiumRate(), m.GetTollFree(), m.GetSharedCost(), m.GetVoip(), m.GetPersonalNumber(),
			m.GetPager(), m.GetUan(), m.GetVoicemail(), m.GetFixedLine(), m.GetMobile(), m.GetShortCode(), m.GetEmergency(),
		} {
			pattern := kind.GetNationalNumberPattern()
			if pattern == "" || pattern == "NA" {
				continue
			}
			for _, national := range []string{kind.GetExampleNumber(), draw(r, pattern), draw(r, pattern)} {
				if national == "" {
					continue
				}
				add(national)
				add("+" + national)
				if code == "0" { // a short code
					continue
				}
				abroad, trunk := draw(r, m.GetInternationalPrefix()), draw(r, m.GetNationalPrefixForParsing())
				add(code + national)
				add("+" + code + national)
				add("+" + code + m.GetNationalPrefix() + national)
				add(m.GetNationalPrefix() + national)
				add("00" + code + national)
				add(abroad + code + national)
				add("+" + abroad + code + national)
				add(abroad + code + trunk + national)
				add(trunk + national)
				add("+" + code + trunk)
				add(trunk)
			}
		}
	}
	return all
})

// draw makes up a text that matches a pattern.
func draw(r *rand.Rand, pattern string) string {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		panic(err)
	}
	var write func(*syntax.Regexp) string
	write = func(re *syntax.Regexp) string {
		least, most := 1, 1
		switch re.Op {
		case syntax.OpEmptyMatch, syntax.OpEndText:
			return ""
		case syntax.OpLiteral:
			return string(re.Rune)
		case syntax.OpCharClass:
			i := 2 * r.IntN(len(re.Rune)/2)
			return string(re.Rune[i] + r.Int32N(re.Rune[i+1]-re.Rune[i]+1))
		case syntax.OpAlternate:
			return write(re.Sub[r.IntN(len(re.Sub))])
		case syntax.OpQuest:
			least = 0
		case syntax.OpRepeat:
			least, most = re.Min, re.Max
		case syntax.OpConcat, syntax.OpCapture:
		default:
			panic("a number's pattern has " + re.Op.String())
		}
		var s string
		for range least + r.IntN(most-least+1) {
			for _, sub := range re.Sub {
				s += write(sub)
			}
		}
		return s
	}
	return write(parsed)
}

var regions = slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions()))

// tally counts what was compared, for a comparison of refusals alone would prove nothing.
type tally map[onboarding.PhoneUse]int

func (c tally) compare(t *testing.T, d dialled) {
	t.Helper()
	want, got := port(d.text, d.region), ours(d.text, d.region)
	if got != want {
		t.Errorf("%q in %s: got %+v, and the port says %+v", d.text, d.region, got, want)
	}
	c[want.Use]++
}

func (c tally) atLeast(t *testing.T, n int) {
	t.Helper()
	t.Logf("compared %v", c)
	for _, use := range append(slices.Collect(maps.Values(uses)), onboarding.PhoneShort, "") {
		if c[use] < n {
			t.Errorf("compared only %d numbers of the use %q", c[use], use)
		}
	}
}

func TestEveryKindInEveryRegionIsReadAsThePortReadsIt(t *testing.T) {
	count := tally{}
	for _, d := range known() {
		count.compare(t, d)
	}
	count.atLeast(t, 200)
}

func TestWhatPeopleMistypeIsReadAsThePortReadsIt(t *testing.T) {
	count := tally{}
	r := rand.New(rand.NewPCG(2, 2))
	for range 200_000 {
		count.compare(t, mistyped(r, known()[r.IntN(len(known()))]))
	}
	count.atLeast(t, 200)
}

// mistyped changes a number in one to three places, or the region, or makes up all of it.
func mistyped(r *rand.Rand, d dialled) dialled {
	digits, plus := strings.CutPrefix(d.text, "+")
	b := []byte(digits)
	for range 1 + r.IntN(3) {
		i, digit := r.IntN(len(b)+1), '0'+byte(r.IntN(10))
		switch r.IntN(8) {
		case 0, 1:
			b = slices.Insert(b, i, digit)
		case 2, 3:
			b = slices.Delete(b, max(i-1, 0), i)
		case 4:
			d.region = regions[r.IntN(len(regions))]
		case 5:
			if plus = !plus; r.IntN(20) == 0 {
				d.region = ""
			}
		default:
			if i < len(b) {
				b[i] = digit
			}
		}
	}
	if r.IntN(20) == 0 {
		for i := range b {
			b[i] = '0' + byte(r.IntN(10))
		}
	}
	if d.text = string(b[:min(len(b), 20)]); plus {
		d.text = "+" + d.text
	}
	return d
}

func TestANumberIsTheSameInEveryRegion(t *testing.T) {
	read := 0
	for i, d := range known() {
		n := ours(d.text, d.region)
		if n.E164 == "" {
			continue
		}
		read++
		everywhere := regions[i%len(regions):][:1] // each number in one of them; the fuzz test asks all
		for _, region := range append(everywhere, d.region, "", "ZZ") {
			if again := ours(n.E164, region); again != n {
				t.Errorf("%q in %s is %+v, which in %q is %+v", d.text, d.region, n, region, again)
			}
		}
	}
	if read < 10_000 {
		t.Errorf("read only %d numbers", read)
	}
}

// What the port answers here, and reads otherwise from its own answer.
func TestANumberThatDoesNotStayWhatItIsIsRefused(t *testing.T) {
	for _, d := range []dialled{{"88106263323", "BY"}, {"0003768928340673", "JP"}} {
		if p := ask(d.text, d.region); p.E164 == "" || ask(p.E164, "") == p {
			t.Errorf("%q in %s: the port answers %+v, and means it", d.text, d.region, p)
		}
		if n := ours(d.text, d.region); n != (phone{}) {
			t.Errorf("%q in %s gives %+v", d.text, d.region, n)
		}
	}
}

func TestNumbersThatPeopleKnow(t *testing.T) {
	for _, tt := range []struct {
		name, text, region string
		e164, of           string
		use                onboarding.PhoneUse
	}{
		{"a mobile phone at home", "015123456789", "DE", "+4915123456789", "DE", onboarding.PhoneMobile},
		{"the same, called from New York", "0114915123456789", "US", "+4915123456789", "DE", onboarding.PhoneMobile},
		{"a country that does not tell them apart", "2015550123", "US", "+12015550123", "US", onboarding.PhoneFixedOrMobile},
		{"one code, another country", "+18765230123", "US", "+18765230123", "JM", onboarding.PhoneFixedOrMobile},
		{"a zero that belongs to the number", "0669812345", "VA", "+390669812345", "VA", onboarding.PhoneFixed},
		{"a mobile phone that is written with 15", "0111523456789", "AR", "+5491123456789", "AR", onboarding.PhoneMobile},
		{"a service of no country", "+80012345678", "", "+80012345678", "", onboarding.PhoneTollFree},
		{"a short code", "110", "DE", "", "DE", onboarding.PhoneShort},
		{"a short code is not called from abroad", "+49110", "DE", "", "", ""},
		{"no region, no code", "015123456789", "", "", "", ""},
		{"a code that there is not", "+999123456789", "DE", "", "", ""},
		{"nothing", "", "DE", "", "", ""},
		{"only a plus", "+", "DE", "", "", ""},
		{"signs", "+49 151 23456789", "DE", "", "", ""},
		{"digits of another script", "+٤٩١٥١٢٣٤٥٦٧٨٩", "DE", "", "", ""},
		{"too many digits", "000000000000000000000", "DE", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := phone{E164: tt.e164, Region: tt.of, Use: tt.use}
			if got := ours(tt.text, tt.region); got != want {
				t.Errorf("%q in %q: got %+v, want %+v", tt.text, tt.region, got, want)
			}
		})
	}
}

func TestACrowdAsksAtOnce(t *testing.T) {
	some := make([]dialled, 2000)
	want := make([]phone, len(some))
	r := rand.New(rand.NewPCG(3, 3))
	for i := range some {
		some[i] = known()[r.IntN(len(known()))]
		want[i] = ours(some[i].text, some[i].region)
	}
	numbers.Forget()
	var crowd sync.WaitGroup
	for range 8 {
		crowd.Go(func() {
			for i, d := range some {
				if got := ours(d.text, d.region); got != want[i] {
					t.Errorf("%q in %s: got %+v, want %+v", d.text, d.region, got, want[i])
				}
			}
		})
	}
	crowd.Wait()
}

func FuzzPhone(f *testing.F) {
	for _, d := range []dialled{
		{"+4915123456789", ""}, {"015123456789", "DE"}, {"0114915123456789", "US"}, {"110", "DE"}, {"88106263323", "BY"},
		{"0003768928340673", "JP"}, {"0111523456789", "AR"}, {"+0049151234567", "DE"}, {"+", ""}, {"", "001"},
	} {
		f.Add(d.text, d.region)
	}
	f.Fuzz(func(t *testing.T, text, region string) {
		n, err := numbers.Plan{}.Phone(text, region)
		if (err == nil) == (n == phone{}) {
			t.Fatalf("%q in %q gives %+v beside %v", text, region, n, err)
		}
		digits := strings.TrimPrefix(text, "+")
		if len(digits) <= 20 && strings.Trim(digits, "0123456789") == "" {
			tally{}.compare(t, dialled{text, region})
		} else if err == nil {
			t.Fatalf("%q in %q gives %+v", text, region, n)
		}
		if n.E164 == "" {
			return
		}
		for _, region := range append(regions, "") {
			if again := ours(n.E164, region); again != n {
				t.Fatalf("%q is %+v, which in %q is %+v", text, n, region, again)
			}
		}
	})
}

func BenchmarkPhone(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		d := known()[i%len(known())]
		numbers.Plan{}.Phone(d.text, d.region)
	}
}

func BenchmarkFirstPhone(b *testing.B) {
	for b.Loop() {
		numbers.Forget()
		numbers.Plan{}.Phone("+4915123456789", "")
	}
}
