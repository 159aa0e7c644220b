package onboarding_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"latchkey/internal/onboarding"
)

// shown prints an entry for comparison: line, address, name, then what a table adds; or line, verdict, input and reason.
func shown(e onboarding.ListEntry) string {
	if e.Verdict != "" {
		return fmt.Sprintf("%d %s %s: %s", e.Line, e.Verdict, e.Input, e.Reason)
	}
	s := fmt.Sprintf("%d %s", e.Line, e.Address.Value)
	if e.Other.Value != "" {
		s += " and " + e.Other.Value
	}
	if e.FirstName+e.LastName != "" {
		s += " " + e.FirstName + "|" + e.LastName
	}
	if e.JobTitle+e.Department+e.Group != "" {
		s += " [" + e.JobTitle + "|" + e.Department + "|" + e.Group + "]"
	}
	if e.Reason != "" {
		s += " (" + e.Reason + ")"
	}
	return s
}

func mustList(t testing.TB, text, region string) onboarding.List {
	t.Helper()
	l, err := onboarding.ParseList(text, region, &plans{})
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return l
}

const (
	neither   = ": this is neither an email address nor a phone number"
	nobody    = ": this row has neither an email address nor a phone number"
	several   = ": this is one phone number or several; write each in a line of its own, without blanks"
	noCountry = ": write the phone number with a + and its country code, such as +49 151 12345678"
	noNumber  = ": this is not a phone number"
	fixed     = "this is a fixed line, which receives no text messages"
	badLocal  = ": the part before the @ has a character that cannot be mailed"
	badDomain = ": the part behind the @ is not a domain name"
	tooWide   = ": this row has more cells than the table has columns; a separator in a cell needs quotes around the cell"
)

type paste struct {
	name, region, text string
	want               []string
	ignored            []string
}

func (p paste) check(t *testing.T) {
	t.Helper()
	l := mustList(t, p.text, p.region)
	var got []string
	for _, e := range l.Entries {
		got = append(got, shown(e))
		if e.Verdict != "" && e != (onboarding.ListEntry{Input: e.Input, Line: e.Line, Verdict: e.Verdict, Reason: e.Reason}) {
			t.Errorf("%s: an entry that is not good has more: %+v", p.name, e)
		}
	}
	if strings.Join(got, "\n") != strings.Join(p.want, "\n") {
		t.Errorf("%s: %q gives\n\t%s\nwant\n\t%s", p.name, p.text, strings.Join(got, "\n\t"), strings.Join(p.want, "\n\t"))
	}
	if strings.Join(l.Ignored, "|") != strings.Join(p.ignored, "|") {
		t.Errorf("%s: ignored %q, want %q", p.name, l.Ignored, p.ignored)
	}
	readsAgain(t, l, p.region)
}

// readsAgain holds what is printed against what is read in it.
func readsAgain(t *testing.T, l onboarding.List, region string) {
	t.Helper()
	var good []onboarding.ListEntry
	for _, e := range l.Entries {
		if e.Verdict == "" {
			e.Input, e.Line, e.Reason = "", 0, ""
			good = append(good, e)
		}
	}
	again, err := onboarding.ParseList(l.String(), region, &plans{})
	if err != nil || len(again.Entries) != len(good) || len(again.Ignored) > 0 || again.String() != l.String() {
		t.Fatalf("%d entries are printed as %q, and that is read as %+v, %v", len(good), l.String(), again, err)
	}
	for i, e := range again.Entries {
		e.Input, e.Line = "", 0
		if e != good[i] {
			t.Fatalf("%+v is printed in %q, and read as %+v", good[i], l.String(), e)
		}
	}
}

func TestAListIsReadAsPeopleKeepIt(t *testing.T) {
	for _, p := range []paste{
		{name: "nothing", text: ""},
		{name: "white space and a byte order mark", text: "\ufeff \r\n\t\u00a0\n"},
		{name: "one address", text: "Ann@Example.com", want: []string{"1 ann@example.com"}},
		{
			name: "every separator",
			text: "a@x.com,b@x.com; c@x.com d@x.com\te@x.com\nf@x.com\rg@x.com\r\nh@x.com\u0085i@x.com\u2028j@x.com\u2029k@x.com",
			want: []string{"1 a@x.com", "1 b@x.com", "1 c@x.com", "1 d@x.com", "1 e@x.com", "2 f@x.com", "3 g@x.com", "4 h@x.com",
				"5 i@x.com", "6 j@x.com", "7 k@x.com"},
		},
		{name: "separators in a row", text: ",;a@x.com,,;;\n\n;b@x.com,", want: []string{"1 a@x.com", "3 b@x.com"}},
		{
			name: "Outlook, last names first",
			text: "Lee, Ann <ann@x.com>; Kahn, Bob <bob@x.com>; van Beethoven, Ludwig <lvb@x.com>",
			want: []string{"1 ann@x.com Ann|Lee", "1 bob@x.com Bob|Kahn", "1 lvb@x.com Ludwig|van Beethoven"},
		},
		{
			name: "Outlook, one to a line",
			text: "Lee, Ann <ann@x.com>\r\nKahn, Bob (Sales) <bob@x.com>\r\n",
			want: []string{"1 ann@x.com Ann|Lee", "2 bob@x.com Bob (Sales)|Kahn"},
		},
		{
			name: "Outlook, separated by commas",
			text: "Lee, Ann <ann@x.com>, Kahn, Bob <bob@x.com>, cay@x.com, Dee <dee@x.com>",
			want: []string{"1 ann@x.com Ann|Lee", "1 bob@x.com Bob|Kahn", "1 cay@x.com", "1 dee@x.com Dee|"},
		},
		{
			name: "Outlook, with quotes of its own",
			text: `'Ann Lee' <ann@x.com>; 'bob@x.com' <bob@x.com>; "'Cay Ott'" <cay@x.com>`,
			want: []string{"1 ann@x.com Ann|Lee", "1 bob@x.com", "1 cay@x.com Cay|Ott"},
		},
		{
			name: "Outlook, as plain text",
			text: "Ann Lee <ann@x.com<mailto:ann@x.com>>; bob@x.com<mailto:bob@x.com>; Cay Ott<mailto:cay@x.com>",
			want: []string{"1 ann@x.com Ann|Lee", "1 bob@x.com", "1 cay@x.com Cay|Ott"},
		},
		{
			name: "Gmail",
			text: `"Lee, Ann" <ann@x.com>, Bob Kahn <bob@x.com>, "cay@x.com" <cay@x.com>, dee@x.com, "Eve \"Evi\" Fox" <eve@x.com>,`,
			want: []string{"1 ann@x.com Ann|Lee", "1 bob@x.com Bob|Kahn", "1 cay@x.com", "1 dee@x.com", `1 eve@x.com Eve "Evi"|Fox`},
		},
		{
			name: "Apple Mail",
			text: "Ann Lee <ann@x.com>, <bob@x.com>, cay@x.com <cay@x.com>, Dee<dee@x.com>",
			want: []string{"1 ann@x.com Ann|Lee", "1 bob@x.com", "1 cay@x.com", "1 dee@x.com Dee|"},
		},
		{
			name: "names of many kinds",
			text: "Ann <1@x.com>\nAnn Maria Lee <2@x.com>\nLudwig van Beethoven <3@x.com>\nUrsula von der Leyen <4@x.com>\n" +
				"ann maria lee <5@x.com>\n李小龍 <6@x.com>\nDr. Ann Lee <7@x.com>\nLee, <8@x.com>\n“Lee, Ann” <9@x.com>\n" +
				"„Lee, Ann“ <10@x.com>\nTeam 1 <11@x.com>\n🚀 Ann Lee 🚀 <12@x.com>\n\"Lee\", Ann <13@x.com>\n'Ann' 'Lee' <14@x.com>",
			want: []string{"1 1@x.com Ann|", "2 2@x.com Ann Maria|Lee", "3 3@x.com Ludwig|van Beethoven", "4 4@x.com Ursula|von der Leyen",
				"5 5@x.com ann maria|lee", "6 6@x.com 李小龍|", "7 7@x.com Dr. Ann|Lee", "8 invalid Lee" + neither, "8 8@x.com",
				"9 9@x.com Ann|Lee", "10 10@x.com Ann|Lee", "11 11@x.com Team|1", "12 12@x.com Ann|Lee", `13 13@x.com Ann|"Lee"`, "14 14@x.com 'Ann'|'Lee'"},
		},
		{
			name: "names behind addresses",
			text: "ann@x.com (Ann)\nbob@x.com (Bob Kahn), <cay@x.com> (Ott, Cay)\ndee@x.com\n(Dee)\n(eve@x.com) fox@x.com (gus@x.com)",
			want: []string{"1 ann@x.com Ann|", "2 bob@x.com Bob|Kahn", "2 cay@x.com Cay|Ott", "3 dee@x.com", "4 invalid (Dee)" + neither,
				"5 eve@x.com", "5 fox@x.com", "5 gus@x.com"},
		},
		{
			name: "links, brackets, quotes and full stops",
			text: `mailto:ann@x.com?subject=x, MAILTO:bob@x.com <cay@x.com> "dee@x.com", 'eve@x.com'. fox@x.com. (gus@x.com), “hal@x.com”; ` +
				`[ida@x.com] <mailto:jim@x.com> kim@x.com!! «lou@x.com» mailto:o%27brien@x.com mailto:%3Cliv@x.com%3E "moe@x.com; ned@x.com", < ott@x.com >`,
			want: []string{"1 ann@x.com", "1 bob@x.com", "1 cay@x.com", "1 dee@x.com", "1 eve@x.com", "1 fox@x.com", "1 gus@x.com",
				"1 hal@x.com", "1 ida@x.com", "1 jim@x.com", "1 kim@x.com", "1 lou@x.com", "1 o'brien@x.com", "1 liv@x.com", "1 moe@x.com", "1 ned@x.com",
				"1 ott@x.com"},
		},
		{
			name: "bullets and numbers",
			text: "- a@x.com\n* b@x.com\n• c@x.com\n1. d@x.com\n 12) e@x.com\n•\tf@x.com\n3.\tAnn Lee <g@x.com>\n•h@x.com\n– i@x.com\n" +
				"▪\ufe0f j@x.com\n1.k@x.com\n4. Lee, Ann <l@x.com>\n5. \n\n6. \n1234. m@x.com",
			want: []string{"1 a@x.com", "2 b@x.com", "3 c@x.com", "4 d@x.com", "5 e@x.com", "6 f@x.com", "7 g@x.com Ann|Lee", "8 h@x.com",
				"9 i@x.com", "10 j@x.com", "11 1.k@x.com", "12 l@x.com Ann|Lee",
				"13 invalid 5.: this is too short for a phone number", "15 invalid 6.: this is too short for a phone number",
				"16 invalid 1234." + noCountry, "16 m@x.com"},
		},
		{
			name: "what cannot be seen, at the edge and inside",
			text: "\ufeff1. ann@x.com\n\u200bbob@x.com\u200b\n\u202acay@x.com\u202c\ndee\u200b@x.com\nann@\u00adx.com\n\u200b\u2060\n\u200bEve\u200b <eve@x.com>",
			want: []string{"1 ann@x.com", "2 bob@x.com", "3 cay@x.com", "4 invalid dee\u200b@x.com" + badLocal,
				"5 invalid ann@\u00adx.com" + badDomain, "7 eve@x.com Eve|"},
		},
		{
			name: "a heading over one column", text: "\n\"E-Mail\"\r\nann@x.com\r\nLee, Bob <bob@x.com>\r\n",
			want: []string{"3 ann@x.com", "4 bob@x.com Bob|Lee"},
		},
		{
			name: "the head of a mail",
			text: "To: Ann Lee <ann@x.com>; bob@x.com\nCc: cay@x.com",
			want: []string{"1 invalid To:" + neither, "1 ann@x.com Ann|Lee", "1 bob@x.com", "2 invalid Cc:" + neither, "2 cay@x.com"},
		},
		{
			name: "every kind of trouble",
			text: "Please invite these people, soon:\nAnn Lee ann@x.com\nbob(at)x.com\ncay@x\ndee@@x.com\neve@x.com fox@x.com gus\n" +
				"St.John Lee <hal@x.com>\n<ida@x.com, Jim Ott <jim@x.com\n@kim\nlou @ x.com\nfoo, \"bar, baz\n\"\"\n-- \n***\nned@x.com/ott@x.com\n" +
				"a <b> c\n<>\n\x00",
			want: []string{"1 invalid Please invite these people" + neither, "1 invalid soon:" + neither,
				"2 invalid Ann Lee" + neither, "2 ann@x.com", "3 invalid bob(at)x.com" + neither, "4 invalid cay@x: the domain has no dot",
				"5 invalid dee@@x.com" + badLocal, "6 eve@x.com", "6 fox@x.com", "6 invalid gus" + neither,
				"7 invalid St.John Lee <hal@x.com>: name: this reads like a web or mail address; put a space after a dot",
				"8 ida@x.com", "8 jim@x.com Jim|Ott", "9 invalid @kim: the part before the @ has 1 to 64 characters",
				"10 invalid lou" + neither, "10 invalid @: the part before the @ has 1 to 64 characters", "10 invalid x.com" + neither,
				"11 invalid foo" + neither, "11 invalid \"bar" + neither, "11 invalid baz" + neither, "15 invalid ned@x.com/ott@x.com" + badLocal,
				"16 invalid a <b> c" + neither, "18 invalid \x00" + neither},
		},
		{
			name: "names that belong to somebody else",
			text: "\"boss@x.com\" <evil@y.com>; boss@x.com <evil@y.com>; foo, bar, Ann <ann@x.com>; \"Kahn, Bob\", \"Lee, Ann\" <ann@x.com>",
			want: []string{"1 invalid \"boss@x.com\" <evil@y.com>: name: this reads like a web or mail address; put a space after a dot",
				"1 boss@x.com", "1 evil@y.com", "1 invalid foo" + neither, "1 ann@x.com Ann|bar", "1 invalid \"Kahn" + neither,
				"1 invalid Bob\"" + neither, "1 ann@x.com Ann|Lee"},
		},
		{
			name: "brackets and quotes of no name",
			text: "I <3\n<Ann Lee ann@x.com>\n<ann@x.com> <ann@x.com>\nAnn \"Al\" <ann@x.com>\n\"Ann\\\nLee\" <ann@x.com>\n" +
				"ann@x.com (Ann) (Sales)\nAnn <ann@x.com> (Sales)\nann@x.com foo (Ann)\nann@x.com, (Ann)",
			want: []string{"1 invalid I <3" + neither, "2 invalid <Ann Lee" + neither, "2 ann@x.com", "3 ann@x.com", "3 ann@x.com",
				`4 ann@x.com Ann|"Al"`, `5 invalid "Ann\` + neither, `6 ann@x.com Lee"|`, "7 ann@x.com Ann|", "7 invalid (Sales)" + neither,
				"8 ann@x.com Ann|", "8 invalid (Sales)" + neither, "9 ann@x.com", "9 invalid foo (Ann)" + neither, "10 ann@x.com",
				"10 invalid (Ann)" + neither},
		},
		{
			name: "a name in another line", text: "Ann Lee\n<ann@x.com>\nLee,\nAnn <ann@x.com>",
			want: []string{"1 invalid Ann Lee" + neither, "2 ann@x.com", "3 invalid Lee" + neither, "4 ann@x.com Ann|"},
		},
	} {
		p.check(t)
	}
}

func TestPhoneNumbersAreFoundWhereTheyAreCertain(t *testing.T) {
	for _, p := range []paste{
		{name: "one number with spaces", region: "GB", text: "+44 7700 900 123", want: []string{"1 +447700900123"}},
		{name: "one number with all signs", region: "DE", text: "+49 (0)151 / 123 456-78.", want: []string{"1 +4915112345678"}},
		{name: "a zero that is no number of a line", region: "DE", text: "015. 112345678", want: []string{"1 +4915112345678"}},
		{name: "a space behind the plus", region: "DE", text: "+ 49 151 12345678", want: []string{"1 +4915112345678"}},
		{name: "a parenthesis before the plus", text: "(+49) 151 12345678 (+49) 151 12345679", want: []string{"1 +4915112345678", "1 +4915112345679"}},
		{
			name: "a fixed line", region: "GB", text: "+44 20 7946 0000",
			want: []string{"1 invalid +44 20 7946 0000: " + fixed},
		},
		{
			name: "a contact of a phone", region: "DE", text: "\u202a+49\u00a0151\u00a012345678\u202c\n\u20680151 12345678\u2069",
			want: []string{"1 +4915112345678", "2 +4915112345678"},
		},
		{
			name: "each with a plus", region: "DE", text: "+49 151 12345678 +44 7700 900123 +12025550123",
			want: []string{"1 +4915112345678", "1 +447700900123", "1 +12025550123"},
		},
		{
			name: "national numbers", region: "DE", text: "0151 12345678 0151 1234 5679 0151-12345670 / 0151/12345671",
			want: []string{"1 +4915112345678", "1 +4915112345679", "1 +4915112345670", "1 +4915112345671"},
		},
		{
			name: "American numbers", region: "US", text: "202 555 0123 (202) 555-0124 1 202 555 0125",
			want: []string{"1 +12025550123", "1 +12025550124", "1 +12025550125"},
		},
		{
			name: "mixed with addresses", region: "DE", text: "ann@x.com 0151 12345678 bob@x.com, +49 151 12345679; Cay <cay@x.com> 0151 12345670",
			want: []string{"1 ann@x.com", "1 +4915112345678", "1 bob@x.com", "1 +4915112345679", "1 cay@x.com Cay|", "1 +4915112345670"},
		},
		{
			name: "with names", region: "DE",
			text: "Ann Lee <+49 151 12345678>; \"Kahn, Bob\" <0151 12345679>\n0151 12345670 Cay Ott <cay@x.com>\nDee 4711 <dee@x.com>\n0151 12345671 <eve@x.com>",
			want: []string{"1 +4915112345678 Ann|Lee", "1 +4915112345679 Bob|Kahn", "2 +4915112345670", "2 cay@x.com Cay|Ott",
				"3 dee@x.com Dee|4711", "4 +4915112345671", "4 eve@x.com"},
		},
		{
			name: "among words", region: "DE", text: "Call 0151 12345678 or room 12, ask 2 people",
			want: []string{"1 invalid Call" + neither, "1 +4915112345678", "1 invalid or room 12" + neither, "1 invalid ask 2 people" + neither},
		},
		{
			name: "numbers between words", region: "DE",
			text: "foo, 0151 12345678 Ann <ann@x.com>\nAnn +49 15 <ann@x.com>\nann@x.com (0151) 12345678\n0151 12345678; (Ann)",
			want: []string{"1 invalid foo" + neither, "1 +4915112345678", "1 ann@x.com Ann|", "2 invalid Ann" + neither,
				"2 invalid +49 15" + noNumber, "2 ann@x.com", "3 ann@x.com", "3 +4915112345678", "4 +4915112345678", "4 invalid (Ann)" + neither},
		},
		{name: "of no region", text: "0151 12345678", want: []string{"1 invalid 0151 12345678" + noCountry}},
		{
			name: "of no region, and names", text: "0151 12345678 Ann <ann@x.com>\nAnn (004711) <ann@x.com>\n12345678 <ann@x.com>\n+49 15 <ann@x.com>",
			want: []string{"1 invalid 0151 12345678" + noCountry, "1 ann@x.com Ann|", "2 ann@x.com Ann|(004711)", "3 invalid 12345678" + noCountry,
				"3 ann@x.com", "4 invalid +49 15" + noNumber, "4 ann@x.com"},
		},
		{
			name: "groups that are left over", region: "DE",
			text: "7 +49 151 12345678\n+49 151 12345678 7\n7 0151 12345678\n+49 151 12 +49 151 12345678\n0151 12",
			want: []string{"1 invalid 7: this is too short for a phone number", "1 +4915112345678", "2 invalid +49 151 12345678 7" + noNumber,
				"3 invalid 7 0151 12345678" + noNumber, "4 invalid +49 151 12" + noNumber, "4 +4915112345678", "5 invalid 0151 12" + noNumber},
		},
		{
			name: "a country that is not one's own", region: "DE", text: "+44 151 12345678\n0044 151 12345678\n44 151 12345678",
			want: []string{"1 invalid +44 151 12345678" + noNumber, "2 invalid 0044 151 12345678" + noNumber, "3 invalid 44 151 12345678" + noNumber},
		},
		{
			name: "short codes", region: "DE", text: "110\n22000\n0151 12345678 110",
			want: []string{"1 invalid 110: this is a short code, which is nobody's own number",
				"2 invalid 22000: this is a short code, which is nobody's own number", "3 invalid 0151 12345678 110" + noNumber},
		},
		{
			name: "one or two", region: "DE", text: "030 1234 56789\n+49 30 1234 56789\n030 123456789\n+49 151 12345678 030 1234 56789 0151 12345679",
			want: []string{"1 ambiguous 030 1234 56789" + several, "2 ambiguous +49 30 1234 56789" + several, "3 invalid 030 123456789: " + fixed,
				"4 +4915112345678", "4 ambiguous 030 1234 56789" + several, "4 +4915112345679"},
		},
		{
			name: "eight groups and nine", region: "DE", text: "+49 151 1 2 3 4 5 678\n+49 151 1 2 3 4 5 6 78",
			want: []string{"1 +4915112345678", "2 invalid +49 151 1 2 3 4 5 6 78: this is not a phone number"},
		},
		{
			name: "far apart", region: "DE", text: "0151" + strings.Repeat(" ", 28) + "12345678\n0151" + strings.Repeat(" ", 29) + "12345678",
			want: []string{"1 +4915112345678", "2 invalid 0151" + strings.Repeat(" ", 29) + "12345678: a phone number has at most 40 characters"},
		},
		{
			name: "separators that end a number", region: "DE", text: "0151,12345678;0151\t12345678\n0151\n12345678",
			want: []string{"1 invalid 0151" + noNumber, "1 invalid 12345678" + noNumber, "1 invalid 0151" + noNumber, "1 invalid 12345678" + noNumber,
				"2 invalid 0151" + noNumber, "3 invalid 12345678" + noNumber},
		},
	} {
		p.check(t)
	}
}

func TestAListThatIsNoTextIsRefused(t *testing.T) {
	for _, in := range []string{"\xff", "ann@x.com\nM\xfcller;bob@x.com", "\xff\xfea\x00@\x00", "\xed\xa0\x80"} {
		if l, err := onboarding.ParseList(in, "DE", &plans{}); err == nil || len(l.Entries) > 0 || !strings.Contains(err.Error(), "UTF-8") {
			t.Errorf("%q: %+v, %v", in, l, err)
		}
	}
}

func TestAnEntryShowsNoMoreThanTheBeginningOfItsText(t *testing.T) {
	for in, want := range map[string]string{
		strings.Repeat("a", 200):                       strings.Repeat("a", 200),
		strings.Repeat("a", 201):                       strings.Repeat("a", 200) + "…",
		"a" + strings.Repeat("ü", 100):                 "a" + strings.Repeat("ü", 99) + "…",
		strings.Repeat("a ", 1<<15):                    strings.Repeat("a ", 100) + "…",
		"\u200b" + strings.Repeat("a", 200) + "\u200b": strings.Repeat("a", 200),
	} {
		l := mustList(t, in, "")
		if len(l.Entries) != 1 || l.Entries[0].Input != want {
			t.Errorf("%.40q…: %+v", in, l.Entries)
		}
	}
	l := mustList(t, "email,"+strings.Repeat("n", 201)+"\nann@x.com,"+strings.Repeat("x", 201)+"\n", "")
	if got := l.Entries[0].Input; got != "ann@x.com,"+strings.Repeat("x", 190)+"…" {
		t.Errorf("a row shows %q", got)
	}
	if got := l.Ignored[0]; got != strings.Repeat("n", 200)+"…" {
		t.Errorf("a heading shows %q", got)
	}
}

func TestAListIsPrintedInOneForm(t *testing.T) {
	for in, want := range map[string]string{
		"":                                       "",
		"foo":                                    "",
		"BOB@x.com, foo":                         "bob@x.com\n",
		"ann@x.com (Ann)":                        "\"Ann\" <ann@x.com>\n",
		"Lee, Ann <ann@x.com>; +49 151 12345678": "\"Ann Lee\" <ann@x.com>\n+4915112345678\n",
		"Ann Lee <0151 12345678>":                "\"Ann Lee\" <+4915112345678>\n",
		"Ludwig van Beethoven <lvb@x.com>":       "\"Ludwig van Beethoven\" <lvb@x.com>\n",
		"De La Cruz, Ann Maria <ann@x.com>":      "\"De La Cruz, Ann Maria\" <ann@x.com>\n",
		", Ann Maria <ann@x.com>":                "\"Ann Maria\" <ann@x.com>\n",
		"\", Ann Maria\" <ann@x.com>":            "\", Ann Maria\" <ann@x.com>\n",
		"\"Lee,\" <ann@x.com>":                   "\"Lee,\" <ann@x.com>\n",
		"phone,name\n0151 12345678,Ann Lee\n":    "\"Ann Lee\" <+4915112345678>\n",
		"email,first name,last name\nann@x.com,\"Ann, Dr.\",Lee\n": "\"Lee, Ann, Dr.\" <ann@x.com>\n",
		// What does not fit into a line makes a table of all.
		"email,first name,last name\nann@x.com,Ann,\"Lee, Dr.\"\nbob@x.com,,\n": "email,phone,first_name,last_name,job_title,department,group\n" +
			"ann@x.com,,Ann,\"Lee, Dr.\",,,\nbob@x.com,,,,,,\n",
		"Ann \"Al\" Lee <ann@x.com>": "email,phone,first_name,last_name,job_title,department,group\nann@x.com,,\"Ann \"\"Al\"\"\",Lee,,,\n",
		"email,phone,group\nann@x.com,0151 12345678,Nord\n,0151 12345679,\n": "email,phone,first_name,last_name,job_title,department,group\n" +
			"ann@x.com,+4915112345678,,,,,Nord\n,+4915112345679,,,,,\n",
	} {
		l := mustList(t, in, "DE")
		if got := l.String(); got != want {
			t.Errorf("%q is printed as %q, want %q", in, got, want)
		}
		readsAgain(t, l, "DE")
	}
}

// Names that are made to be read as something else.
func TestWhatIsPrintedIsReadAgain(t *testing.T) {
	names := []string{"", "Ann", "Lee", "Ann Maria", "van Lee", "ann", "'Ann", "Lee'", "'Ann'", "\"Ann\"", "“", "Ann,", ", Ann", "Email, Phone", "email",
		"+4915112345678", "0151 12345678", "Ann\\", "(Ann)", "1.", "-", "Ann;", "\u037e", "Ann:", "To:", "a\u200cb", "x,", "Ann (Sales), 2nd", "=1+1", "‚", "0"}
	for _, first := range names {
		for _, last := range names {
			for _, a := range []onboarding.Address{email("ann@x.com"), email("mailto@x.com"), phone("+4915112345678")} {
				e := onboarding.ListEntry{Address: a, FirstName: clean(t, first), LastName: clean(t, last)}
				readsAgain(t, onboarding.List{Entries: []onboarding.ListEntry{e}}, "DE")
				readsAgain(t, onboarding.List{Entries: []onboarding.ListEntry{e, e, e}}, "DE")
				e.Group = clean(t, last)
				readsAgain(t, onboarding.List{Entries: []onboarding.ListEntry{e, e}}, "DE")
			}
		}
	}
}

func clean(t *testing.T, name string) string {
	t.Helper()
	name, err := onboarding.ParseName(name)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// hard are texts that a careless reader reads again and again.
var hard = []string{"a", " ", "\"", "\"\"", "\"a ", " \"\\\" ", "\"\",", ",\"\"a", "\"\"\",", "<", "< ", "<a", "<a@b ", "a@b.c ", "a@b.c (", "a@b.c <", "(", "(a ",
	"1", "1 ", "1\u00a0", "12345 ", "0151 ", "0151 12345678 ", "030 1234 ", "+1 ", "+", ".", ") ", ",", ",,1", "a,", ";", "\t1", "a;b@c.de\n", "\n", "\r\n\n",
	"1. ", "Lee, Ann <ann@x.com>; ", "Lee, ", "a: ", "\u200b", "ü", "mailto:", "mailto:a@b.c?", "@", "a@", "-", "van "}

func TestAListTakesTimeAndMemoryInProportion(t *testing.T) {
	number := onboarding.PhoneNumber{E164: "+4915112345678", Use: onboarding.PhoneMobile}
	cost := func(text string, n says) (asked int, allocated uint64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := onboarding.ParseList(text, "DE", &n); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return n.asked, after.TotalAlloc - before.TotalAlloc
	}
	for i, unit := range hard {
		for _, before := range []string{"", "email,name\n", "Ann;ann@x.com\n", "\""} {
			n := []says{{number: number}, {err: errNoNumber}}[i%2]
			text, longer := before+strings.Repeat(unit, 1<<11/len(unit)), before+strings.Repeat(unit, 1<<14/len(unit))
			asked, allocated := cost(text, n)
			askedMore, allocatedMore := cost(longer, n)
			if askedMore > 8*asked+400 || asked > 8*len(text) {
				t.Errorf("%.20q… asks the library %d times, and %d times where it is eight times as long", text, asked, askedMore)
			}
			if allocatedMore > 16*allocated || allocatedMore > 1000*uint64(len(longer)) { // slices grow ahead
				t.Errorf("%.20q… takes %d bytes, and %d where it is eight times as long", text, allocated, allocatedMore)
			}
		}
	}
}

// A reader that went back and forth would take minutes for each of these. Nobody measures: the test would not end.
func TestAHardListIsRead(t *testing.T) {
	for _, unit := range hard {
		if _, err := onboarding.ParseList(strings.Repeat(unit, 1<<17/len(unit)), "DE", &says{err: errNoNumber}); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParseList(f *testing.F) {
	for _, s := range append(slices.Clone(hard),
		"Lee, Ann <ann@x.com>; \"Kahn, Bob\" <bob@x.com>, cay@x.com (Cay)\n+49 151 12345678 0151 12345678 030 1234 56789",
		"email;name;phone\r\nann@x.com;\"Lee, \"\"Ann\"\"\";0151 12345678\r\n;;\r\n", "Ann;ann@x.com\nBob;bob@x.com", "Email\nann@x.com",
		"Ann <ann@x.com<mailto:ann@x.com>> 'bob@x.com' <bob@x.com>", "\ufeff1.\tann@x.com\u2028To: (ann@x.com)", "a@b.cd,e@f.gh;i\tj\n") {
		f.Add(s, "DE")
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, s, region string) {
		n := &plans{}
		l, err := onboarding.ParseList(s, region, n)
		if utf8.ValidString(s) != (err == nil) || err != nil && len(l.Entries)+len(l.Ignored) > 0 {
			t.Fatalf("%q: %+v, %v", s, l, err)
		}
		if err != nil {
			return
		}
		if digits := strings.Count(strings.Map(oneDigit, s), "1"); n.asked > 8*digits+3*len(l.Entries) {
			t.Fatalf("%q asks the library %d times", s, n.asked)
		}
		rest, line := s, 1
		for _, e := range l.Entries {
			input := strings.TrimSuffix(e.Input, "…")
			if strings.HasSuffix(e.Input, "…") && strings.Contains(s, e.Input) {
				input = e.Input // it is the text's own
			}
			_, behind, there := strings.Cut(rest, input)
			if !there || input == "" || len(e.Input) > 200+len("…") || e.Line < line || e.Line > 1+strings.Count(lines.Replace(s), "\n") {
				t.Fatalf("%q gives %+v at %q", s, e, rest)
			}
			rest, line = behind, e.Line
			if e.Verdict != "" {
				if e != (onboarding.ListEntry{Input: e.Input, Line: e.Line, Verdict: e.Verdict, Reason: e.Reason}) || e.Reason == "" ||
					e.Verdict != onboarding.InvalidAddress && e.Verdict != onboarding.Ambiguous {
					t.Fatalf("%q gives %+v", s, e)
				}
				continue
			}
			for _, a := range []onboarding.Address{e.Address, e.Other} {
				again, err := a, error(nil)
				if a.Kind == onboarding.Email {
					again, err = onboarding.ParseEmail(a.Value)
				} else if a != (onboarding.Address{}) || a == e.Address {
					again, err = onboarding.ParsePhone(a.Value, "", n)
				}
				if err != nil || again != a {
					t.Fatalf("%q gives %+v, and that gives %+v, %v", s, e, again, err)
				}
			}
			for _, name := range []string{e.FirstName, e.LastName, e.JobTitle, e.Department, e.Group} {
				if again, err := onboarding.ParseName(name); err != nil || again != name {
					t.Fatalf("%q gives %+v, and %q gives %q, %v", s, e, name, again, err)
				}
			}
		}
		for _, signs := range []string{"ab1@.,;", "ab1@.\n"} {
			plain := respell(s, signs)
			if got, n := mustList(t, plain, region).Entries, countTokens(plain); n != len(got) {
				t.Fatalf("%q has %d tokens, and gives %d entries: %+v", plain, n, len(got), got)
			}
		}
		readsAgain(t, l, region)
	})
}

var lines = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

func oneDigit(r rune) rune {
	if r >= '0' && r <= '9' || r == '+' {
		return '1'
	}
	return r
}

// respell writes a text anew, with few signs: separators part it, and that is all there is to it. No blanks, which join; no
// names and no headings; and either one line, which is no table, or no separator but line ends.
func respell(s, signs string) string {
	b := []byte(s)
	for i := range b {
		b[i] = signs[int(b[i])%len(signs)]
	}
	return string(b)
}

// countTokens counts what separators part.
func countTokens(s string) (n int) {
	for _, token := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(",;\n", r) }) {
		if strings.ContainsAny(token, "ab1@") {
			n++
		}
	}
	return n
}
