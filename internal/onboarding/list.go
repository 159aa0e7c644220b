package onboarding

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Ambiguous is the verdict on digits that are one number or several, as one reads them. Nobody guesses whom to write to.
const Ambiguous InviteVerdict = "ambiguous"

// List is what somebody pasted, read.
type List struct {
	Entries []ListEntry // in the order of the text
	Ignored []string    // columns of a table that hold something nobody asked for, by their heading, or as "column 3"
}

// ListEntry is one recipient, or what could not be read as one. One that is not good has only Input, Line, Verdict and Reason.
type ListEntry struct {
	Input      string // as pasted; of more than 200 bytes the beginning, and …
	Line       int    // where it begins, from 1
	Address    Address
	Other      Address // the phone number of a row whose address is an email address
	FirstName  string
	LastName   string
	JobTitle   string
	Department string
	Group      string
	Verdict    InviteVerdict // empty: good; InvalidAddress; Ambiguous
	Reason     string        // why it is not good; of a good one, what was left out
}

const maxInput = 200 // bytes

// ParseList reads recipients out of a list or a table that somebody pasted. What cannot be read has an entry too: nothing is
// left out but signs that hold no letter and no digit, the number before an item, a heading, and empty rows. It refuses only
// text that is not UTF-8. It takes time in proportion to the text, and about 250 bytes for each entry. That an address stands
// there twice is not its matter.
//
// In a list, commas, semicolons, tabs and line ends part the entries, and blanks do beside an address. A name stands before an
// address in angle brackets, or in parentheses behind an email address, in the same line. Its last word is the last name, with
// the words in lower case before it ("van Beethoven"); with a comma, what stands before that ("Lee, Ann"); a word alone is the
// first name. Other words side by side are one entry. Digits that blanks part are one number where there is no other reading.
//
// A text is a table where its first row has the heading of a column of addresses. It is one without a heading where two rows
// or more have the same number of cells, nearly all with one address or one number, or one of each, and mostly with some text.
// Then the columns of text are first name, last name, job title, department and group, in that order; one alone is the full
// name.
func ParseList(text, region string, n Numbers) (List, error) {
	if !utf8.ValidString(text) {
		return List{}, flaw{"invalid", "this is not UTF-8 text; a table is saved as “CSV UTF-8”"}
	}
	text = strings.TrimPrefix(text, "\ufeff")
	r := listReader{region, n}
	if t, ok := findTable(text, r); ok {
		return t.read(), nil
	}
	p := pile{listReader: r, text: text, line: 1}
	p.read()
	return List{Entries: p.entries}, nil
}

// listReader is what reading a list and reading a table have in common.
type listReader struct {
	region  string
	numbers Numbers
}

// address reads an address of either kind; what looks like neither is refused as one of the kind that is expected there.
func (r listReader) address(text string, expected Kind) (Address, error) {
	bare := bareAddress(text)
	if _, digits := dial(bare); strings.Contains(text, "@") || !digits && expected == Email {
		return ParseEmail(bare)
	}
	return ParsePhone(bare, r.region, r.numbers)
}

func badEntry(input string, line int, v InviteVerdict, reason string) ListEntry {
	return ListEntry{Input: excerpt(input), Line: line, Verdict: v, Reason: reason}
}

// excerpt is what an entry shows of its text.
func excerpt(s string) string {
	s = strings.TrimFunc(s, isBlank)
	if len(s) <= maxInput {
		return s
	}
	cut := maxInput
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// isBlank reports whether a character shows nothing: white space, and what only formats, such as zero-width characters and the
// marks that contacts on phones put around a number.
func isBlank(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

// bareAddress takes from an address what pasting leaves around it: blanks, quotes, brackets, bullets, full stops, mailto:. Of
// what can be mailed before an @ it takes the apostrophe alone.
func bareAddress(s string) string {
	const wrapping, ends = `"'<>()[]“”„‟«»‹›‘’‚•·‣◦▪●–—`, ".,:;!?…"
	trim := func(s string) string {
		s = strings.TrimLeftFunc(s, func(r rune) bool { return isBlank(r) || strings.ContainsRune(wrapping, r) })
		return strings.TrimRightFunc(s, func(r rune) bool { return isBlank(r) || strings.ContainsRune(wrapping+ends, r) })
	}
	s = trim(s)
	if n := len("mailto:"); len(s) > n && strings.EqualFold(s[:n], "mailto:") {
		s, _, _ = strings.Cut(s[n:], "?")
		if plain, err := url.PathUnescape(s); err == nil { // RFC 6068 §2
			s = plain
		}
		s = trim(s)
	}
	return s
}

// readName reads a full name.
func readName(s string) (first, last string, err error) {
	s = unquote(strings.TrimFunc(s, isBlank))
	last, first, found := strings.Cut(s, ",")
	if !found {
		first, last = splitName(strings.Fields(s))
	}
	if first, err = readWords(first); err == nil {
		last, err = readWords(last)
	}
	if err != nil {
		return "", "", err
	}
	return first, last, nil
}

// splitName finds the last name. "Ludwig van Beethoven" has two words of it; "ann lee" writes everything so.
func splitName(words []string) (first, last string) {
	if len(words) < 2 {
		return strings.Join(words, ""), ""
	}
	at := len(words) - 1
	for i := at - 1; i > 0 && !inLower(words[0]); i-- {
		if inLower(words[i]) {
			at = i
		}
	}
	return strings.Join(words[:at], " "), strings.Join(words[at:], " ")
}

func inLower(word string) bool {
	r, _ := utf8.DecodeRuneInString(word)
	return unicode.IsLower(r)
}

// readWords reads a name, a title or the like. A line end in it is a blank: cells of tables have some.
func readWords(s string) (string, error) {
	return ParseName(strings.Join(strings.Fields(strings.TrimFunc(s, isBlank)), " "))
}

// unquote takes off one pair of quotes around a name.
func unquote(s string) string {
	for _, pair := range []string{`""`, "''", "``", "“”", "„“", "‘’", "‚‘", "«»", "»«"} {
		_, size := utf8.DecodeRuneInString(pair)
		inner, opened := strings.CutPrefix(s, pair[:size])
		inner, closed := strings.CutSuffix(inner, pair[size:])
		if opened && closed && !strings.ContainsAny(inner, pair) {
			return strings.TrimFunc(inner, isBlank)
		}
	}
	return s
}

// lineEnd is how many bytes of a line end s begins with: LF, CR, CRLF, NEL, and the two separators of Unicode.
func lineEnd(s string) int {
	switch {
	case s == "":
		return 0
	case s[0] == '\n':
		return 1
	case s[0] == '\r':
		return len(s) - len(strings.TrimPrefix(s[1:], "\n")) // CRLF or CR
	case strings.HasPrefix(s, "\u0085"):
		return len("\u0085")
	case strings.HasPrefix(s, "\u2028"), strings.HasPrefix(s, "\u2029"):
		return len("\u2028")
	}
	return 0
}

// toLineEnd is how many bytes come before the first line end.
func toLineEnd(s string) int {
	for i := range len(s) {
		if lineEnd(s[i:]) > 0 {
			return i
		}
	}
	return len(s)
}

func countLines(s string) (n int) {
	for i := 0; i < len(s); {
		if size := lineEnd(s[i:]); size > 0 {
			n, i = n+1, i+size
		} else {
			i++
		}
	}
	return n
}

// String prints the good entries so that ParseList reads the very same in it: one a line, such as "Ann Lee" <ann@example.com>
// or +4915112345678, or as a table where they hold more than a line says. Input, Line and Reason are of the text they came
// from. It is no export: nothing in it is neutralised for a spreadsheet.
func (l List) String() string {
	var b strings.Builder
	for _, e := range l.Entries {
		if e.Verdict != "" {
			continue
		}
		line, ok := e.line()
		if !ok {
			return l.table()
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// line prints a good entry in one line, or reports that it cannot.
func (e ListEntry) line() (string, bool) {
	if e.Other != (Address{}) || e.JobTitle+e.Department+e.Group != "" {
		return "", false
	}
	if e.FirstName+e.LastName == "" {
		return e.Address.Value, true
	}
	for _, name := range []string{e.FirstName + " " + e.LastName, e.LastName + ", " + e.FirstName} {
		first, last, err := readName(name)
		if err == nil && first == e.FirstName && last == e.LastName &&
			!strings.ContainsAny(name, `"\`) && !namesItself(name, e.Address.Value) {
			return `"` + strings.TrimSpace(name) + `" <` + e.Address.Value + ">", true
		}
	}
	return "", false
}

// namesItself reports whether a name before an address is that address again, as many programs write it.
func namesItself(name, address string) bool {
	return strings.EqualFold(bareAddress(name), bareAddress(address))
}

func (l List) table() string {
	var b strings.Builder
	b.WriteString("email,phone,first_name,last_name,job_title,department,group\n")
	for _, e := range l.Entries {
		if e.Verdict != "" {
			continue
		}
		email, phone := e.Address.Value, e.Other.Value
		if e.Address.Kind == Phone {
			email, phone = "", e.Address.Value
		}
		for i, cell := range []string{email, phone, e.FirstName, e.LastName, e.JobTitle, e.Department, e.Group} {
			if i > 0 {
				b.WriteByte(',')
			}
			if strings.ContainsAny(cell, `,"`) {
				cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"` // RFC 4180 §2
			}
			b.WriteString(cell)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
