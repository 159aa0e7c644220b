package numbers

import (
	_ "embed"
	"fmt"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"latchkey/internal/onboarding"
)

//go:generate go run ./generate

// A line of the table is a plan: the country code, the region, and words of the form key=value.
//
//go:embed table.txt
var table string

// plan is the numbering plan of a region, or of a service that belongs to none. The table is cut into lines when it is first
// asked, a line into words when its region is, and a word becomes a regular expression when a number is held against it.
type plan struct {
	code   string
	region string // empty for none
	words  string
	once   sync.Once
	read   *rules
}

func (p *plan) rules() *rules {
	p.once.Do(func() { p.read = parse(p.words) })
	return p.read
}

// atlas is all plans. Of those with the same code, the main one comes first, and then they come as the port asks them.
type atlas struct {
	regions map[string]*plan
	codes   map[string][]*plan
}

var world = sync.OnceValue(open)

func open() atlas {
	a := atlas{map[string]*plan{}, map[string][]*plan{}}
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		code, rest, _ := strings.Cut(line, " ")
		region, words, _ := strings.Cut(rest, " ")
		p := &plan{code: code, region: region, words: words}
		if region == "001" { // the world
			p.region = ""
		} else {
			a.regions[region] = p
		}
		a.codes[code] = append(a.codes[code], p)
	}
	return a
}

// rules are what the table says of a region.
type rules struct {
	abroad  pattern // what is dialled before a country code
	trunk   pattern // what is dialled before a number within the country
	becomes string  // what replaces the trunk prefix, where it is not just left out
	leading pattern // how all numbers of the region begin, where that tells them from others with the same code
	general kind    // what all numbers of the code have in common
	kinds   []kind  // the first that matches says what a number is for
	dialled kind    // what all short codes have in common
	short   kind
}

// kind is a kind of numbers.
type kind struct {
	use     onboarding.PhoneUse
	lengths lengths // none: those of all
	pattern pattern // nil: there are no such numbers
}

// parse reads the words of a line. They are part of the program, so one that it does not know is a bug.
func parse(words string) *rules {
	r := &rules{}
	for word := range strings.FieldsSeq(words) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "abroad":
			r.abroad = begins(value)
		case "trunk":
			r.trunk = begins(value)
		case "becomes":
			r.becomes = value
		case "leading":
			r.leading = begins(value)
		case "general":
			r.general = parseKind(value, "")
		case "dialled":
			r.dialled = parseKind(value, "")
		case "short":
			r.short = parseKind(value, onboarding.PhoneShort)
		case "personal", "uan", "voicemail":
			r.kinds = append(r.kinds, parseKind(value, onboarding.PhoneUnknown))
		case "premium", "toll_free", "shared_cost", "voip", "pager", "fixed_or_mobile", "fixed", "mobile":
			r.kinds = append(r.kinds, parseKind(value, onboarding.PhoneUse(key)))
		default:
			panic(fmt.Sprintf("numbers: the table has a word %q", key))
		}
	}
	return r
}

// parseKind reads "lengths:pattern".
func parseKind(value string, use onboarding.PhoneUse) kind {
	n, exp, _ := strings.Cut(value, ":")
	return kind{use, parseLengths(n), compile("^(?:" + exp + ")$")}
}

func (k kind) matches(n string) bool {
	return k.pattern != nil && (k.lengths == 0 || k.lengths.have(len(n))) && k.pattern().MatchString(n)
}

// use answers what a number is for; false if it is none.
func (r *rules) use(n string) (onboarding.PhoneUse, bool) {
	if !r.general.matches(n) {
		return "", false
	}
	for i, k := range r.kinds {
		if !k.matches(n) {
			continue
		}
		if k.use == onboarding.PhoneFixed && i+1 < len(r.kinds) && r.kinds[i+1].matches(n) { // mobile comes next
			return onboarding.PhoneFixedOrMobile, true
		}
		return k.use, true
	}
	return "", false
}

func (r *rules) isShort(n string) bool { return r.dialled.matches(n) && r.short.matches(n) }

// looksRight reports whether a number has the general form, whatever its length.
func (r *rules) looksRight(n string) bool { return r.general.pattern().MatchString(n) }

// tooLong reports whether every number here is shorter than n digits.
func (r *rules) tooLong(n int) bool { return n > r.general.lengths.longest() }

// bare takes the trunk prefix from a number, unless it leaves a length that there is not: then it was none.
func (r *rules) bare(n string) string {
	bare := r.cutTrunk(n)
	if r.general.lengths.have(len(bare)) || r.tooLong(len(bare)) {
		return bare
	}
	return n
}

// cutAbroad takes from a number what is dialled before a country code, which itself never begins with a zero.
func (r *rules) cutAbroad(n string) (string, bool) {
	if r.abroad == nil {
		return "", false
	}
	at := r.abroad().FindStringIndex(n)
	if at == nil || strings.HasPrefix(n[at[1]:], "0") {
		return "", false
	}
	return n[at[1]:], true
}

// cutTrunk takes the trunk prefix from a number, or replaces it by what it stands for, but never spoils a number by that.
func (r *rules) cutTrunk(n string) string {
	if r.trunk == nil {
		return n
	}
	at := r.trunk().FindStringSubmatchIndex(n)
	if at == nil {
		return n
	}
	bare := n[at[1]:]
	if r.becomes != "" && at[len(at)-2] >= 0 { // the last group took part
		bare = string(r.trunk().ExpandString(nil, r.becomes, n, at)) + bare
	}
	if r.looksRight(n) && !r.looksRight(bare) {
		return n
	}
	return bare
}

// pattern compiles a regular expression when it is first called.
type pattern func() *regexp.Regexp

func begins(exp string) pattern { return compile("^(?:" + exp + ")") }

func compile(exp string) pattern {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(exp) })
}

// lengths is a set of numbers of digits, a bit for each.
type lengths uint32

func (l lengths) have(n int) bool { return l>>n&1 == 1 }
func (l lengths) longest() int    { return bits.Len32(uint32(l)) - 1 }

func parseLengths(list string) lengths {
	var l lengths
	for digits := range strings.SplitSeq(list, ",") {
		if n, err := strconv.Atoi(digits); err == nil {
			l |= 1 << n
		}
	}
	return l
}
