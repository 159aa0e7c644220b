package onboarding

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// pile is a list that is being read.
type pile struct {
	listReader
	text    string
	at      int // what is read so far
	line    int
	entries []ListEntry

	words  []word  // since the last comma, address or separator
	before []piece // and before that comma: of "Lee, Ann <ann@example.com>" the last name
	last   found   // the entry made last, while something right behind it may still belong to it
}

// word is a stretch of the text without a blank.
type word struct {
	start, end int
	digits     bool // it can be a part of a phone number
}

// piece is what words, or digits that blanks part, come to.
type piece struct {
	start, end int
	is         pieceKind
	slight     bool // so few digits that they may belong to the words beside them
}

type pieceKind byte

const (
	isWords pieceKind = iota
	isDigits
	isNumber
	isAmbiguous
)

// found is an address, and the name that goes with it. Its zero value is none.
type found struct {
	start, end    int
	address, name string
	bare          bool // the same address may follow it in brackets
}

func (p *pile) read() {
	p.heading()
	p.bullet()
	for p.at < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		switch n := lineEnd(p.text[p.at:]); {
		case n > 0:
			p.flush()
			p.at += n
			p.line++
			p.bullet()
		case r == ';' || r == '\t':
			p.flush()
			p.at += size
		case r == ',':
			p.comma()
			p.at += size
		case unicode.IsSpace(r):
			p.at += size
		case r == '"' && p.quoted():
		case r == '<' && p.angle():
		case r == '(' && p.comment():
		default:
			p.word()
		}
	}
	p.flush()
}

// heading steps over a first line that is the heading of a column of addresses. Where there are more columns, it is a table.
func (p *pile) heading() {
	rest := strings.TrimLeftFunc(p.text, isBlank)
	start := len(p.text) - len(rest)
	line := rest[:toLineEnd(rest)]
	if c, _ := columnOf(line); c != emailColumn && c != phoneColumn || strings.Contains(line, "<") {
		return
	}
	p.at, p.line = start+len(line), 1+countLines(p.text[:start])
}

// bullet steps over the number that a line of a list begins with, such as "1." or "12)". Other bullets are signs, and nothing
// comes of them anyway.
func (p *pile) bullet() {
	start := p.blanks(p.at)
	end := start
	for end < len(p.text) && end < start+3 && p.text[end] >= '0' && p.text[end] <= '9' {
		end++
	}
	if end == start || end == len(p.text) || p.text[start] == '0' || p.text[end] != '.' && p.text[end] != ')' {
		return
	}
	end++
	next := p.blanks(end)
	if next == len(p.text) || lineEnd(p.text[next:]) > 0 || next == end && p.text[next] != '\t' {
		return
	}
	p.at = next
}

// blanks is where the blanks at i end. Tabs and line ends are none.
func (p *pile) blanks(i int) int {
	for i < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[i:])
		if !unicode.IsSpace(r) || r == '\t' || lineEnd(p.text[i:]) > 0 {
			break
		}
		i += size
	}
	return i
}

// word reads up to a blank, a separator or an address in brackets, and says what it is.
func (p *pile) word() {
	start := p.at
	for p.at < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		if unicode.IsSpace(r) || r == ',' || r == ';' || lineEnd(p.text[p.at:]) > 0 {
			break
		}
		if r == '<' {
			if _, ok := p.bracketed(p.at); ok {
				break
			}
		}
		p.at += size
	}
	raw := p.text[start:p.at]
	dialled, digits := dial(bareAddress(raw))
	switch {
	case digits && dialled != "":
		p.words = append(p.words, word{start, p.at, true})
	case strings.Contains(raw, "@"):
		p.flush()
		p.add(found{start: start, end: p.at, address: raw, bare: true})
		return
	case isMark(raw):
	case len(p.words) > 0 && !p.words[len(p.words)-1].digits:
		p.words[len(p.words)-1].end = p.at
	default:
		p.words = append(p.words, word{start, p.at, false})
	}
	p.last = found{}
	if strings.HasSuffix(raw, ":") {
		p.flush() // a label, such as To: or Cc:, is no part of a name
	}
}

// isMark reports whether a word has nothing but signs.
func isMark(word string) bool {
	return !strings.ContainsFunc(word, func(r rune) bool {
		return r == utf8.RuneError || !unicode.In(r, unicode.P, unicode.S, unicode.M, unicode.Cf)
	})
}

// comma ends an item, unless what follows shows that it stood in a name.
func (p *pile) comma() {
	p.report(p.before)
	p.before = p.resolve()
	p.last = found{}
}

// flush ends an item.
func (p *pile) flush() {
	p.comma()
	p.report(p.before)
	p.before = nil
}

// bracketed reads an address in angle brackets. One that is not closed ends where its item does: pastes are cut off, and
// Outlook writes <ann@example.com<mailto:ann@example.com>>.
func (p *pile) bracketed(i int) (found, bool) {
	end := i + 1
	for end < len(p.text) && !strings.ContainsRune("<>,;\t", rune(p.text[end])) && lineEnd(p.text[end:]) == 0 {
		end++
	}
	inner := strings.TrimSpace(p.text[i+1 : end])
	closed := end < len(p.text) && p.text[end] == '>'
	dialled, digits := dial(bareAddress(inner))
	if !(strings.Contains(inner, "@") && !strings.ContainsFunc(inner, unicode.IsSpace) || closed && digits && dialled != "") {
		return found{}, false
	}
	f := found{start: i, end: end, address: inner, bare: end < len(p.text) && p.text[end] == '<'}
	if closed {
		f.end++
	}
	return f, true
}

// angle reads an address in angle brackets, with the words before it as its name.
func (p *pile) angle() bool {
	f, ok := p.bracketed(p.at)
	if !ok {
		return false
	}
	if p.last.bare && namesItself(p.last.address, f.address) {
		p.entries = p.entries[:len(p.entries)-1]
		f.start, f.name = p.last.start, p.last.name
		p.at = f.end
		p.add(f)
		return true
	}
	pieces := p.resolve()
	from := p.nameIn(pieces)
	name := pieces[from:]
	if len(name) > 0 {
		f.start, f.name = name[0].start, p.text[name[0].start:name[len(name)-1].end]
	}
	if from == 0 && len(name) > 0 {
		if i := p.nameIn(p.before); i < len(p.before) {
			f.start = p.before[i].start
			f.name = p.text[f.start:name[len(name)-1].end]
			p.before = p.before[:i]
		}
	}
	p.report(p.before)
	p.report(pieces[:from])
	p.before = nil
	p.at = f.end
	p.add(f)
	return true
}

// nameIn is where the name begins that the pieces end with: behind the last number, and with a word.
func (p *pile) nameIn(pieces []piece) int {
	from := len(pieces)
	for from > 0 && pieces[from-1].is <= isDigits && !strings.HasPrefix(bareAddress(p.text[pieces[from-1].start:pieces[from-1].end]), "+") {
		from--
	}
	for from < len(pieces) && pieces[from].is == isDigits {
		from++
	}
	return from
}

// quoted reads a name in quotes and the address in angle brackets behind it. Only there do quotes keep a comma from parting.
func (p *pile) quoted() bool {
	if len(p.words) > 0 {
		return false
	}
	end := p.at + 1
	for ; end < len(p.text) && p.text[end] != '"'; end++ {
		if lineEnd(p.text[end:]) > 0 {
			return false
		}
		if p.text[end] == '\\' && lineEnd(p.text[end+1:]) == 0 { // RFC 5322 §3.2.1
			end++
		}
	}
	if end >= len(p.text) {
		return false
	}
	next := p.blanks(end + 1)
	if next == len(p.text) || p.text[next] != '<' {
		return false
	}
	f, ok := p.bracketed(next)
	if !ok {
		return false
	}
	p.flush()
	f.start, f.name = p.at, unescape(p.text[p.at+1:end])
	p.at = f.end
	p.add(f)
	return true
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// comment reads a name in parentheses behind its address.
func (p *pile) comment() bool {
	if p.last.address == "" || p.last.name != "" {
		return false
	}
	inner := p.text[p.at+1:]
	end := strings.IndexAny(inner, "()<>@;\t\n\r\u0085\u2028\u2029")
	if end < 0 || inner[end] != ')' || !strings.ContainsFunc(inner[:end], unicode.IsLetter) {
		return false
	}
	f := p.last
	f.name, f.bare = inner[:end], false
	p.at += 1 + end + 1
	f.end = p.at
	p.entries = p.entries[:len(p.entries)-1]
	p.add(f)
	return true
}

// add makes the entry of an address.
func (p *pile) add(f found) {
	p.last = f
	input := p.text[f.start:f.end]
	address, err := p.address(f.address, Email)
	if err != nil {
		p.entries = append(p.entries, badEntry(input, p.line, InvalidAddress, err.Error()))
		return
	}
	e := ListEntry{Input: excerpt(input), Line: p.line, Address: address}
	if f.name != "" && !namesItself(f.name, f.address) {
		if e.FirstName, e.LastName, err = readName(f.name); err != nil {
			e = badEntry(input, p.line, InvalidAddress, "name: "+err.Error())
		}
	}
	p.entries = append(p.entries, e)
}

// report makes entries of what is in no name.
func (p *pile) report(pieces []piece) {
	for _, c := range pieces {
		text := p.text[c.start:c.end]
		verdict, reason := InvalidAddress, "this is neither an email address nor a phone number"
		switch c.is {
		case isNumber:
			p.add(found{start: c.start, end: c.end, address: text})
			p.last = found{}
			continue
		case isAmbiguous:
			verdict, reason = Ambiguous, "this is one phone number or several; write each in a line of its own, without blanks"
		case isDigits:
			reason = "this is not a phone number"
			if _, err := p.address(text, Phone); err != nil {
				reason = err.Error()
			}
		}
		p.entries = append(p.entries, badEntry(text, p.line, verdict, reason))
	}
}

// resolve takes the words, and makes pieces of them.
func (p *pile) resolve() (pieces []piece) {
	join := func(next piece) {
		if n := len(pieces); n > 0 {
			last := &pieces[n-1]
			if last.is == isWords && (next.is == isWords || next.slight) || last.slight && next.is == isWords {
				*last = piece{start: last.start, end: next.end, is: isWords}
				return
			}
		}
		pieces = append(pieces, next)
	}
	for i := 0; i < len(p.words); {
		if !p.words[i].digits {
			join(piece{start: p.words[i].start, end: p.words[i].end, is: isWords})
			i++
			continue
		}
		from := i
		for i++; i < len(p.words) && p.words[i].digits && !p.begins(p.words[i]); i++ {
		}
		for _, c := range p.numbersIn(p.words[from:i]) {
			join(c)
		}
	}
	p.words = p.words[:0]
	return pieces
}

// begins reports whether a word is the beginning of a number, whatever stands before it.
func (p *pile) begins(w word) bool { return strings.HasPrefix(bareAddress(p.text[w.start:w.end]), "+") }

// maxGroups is how many groups of digits one number can have.
const maxGroups = 8

// numbersIn finds the numbers in groups of digits that blanks part. A reading uses every group: one that is left over may be
// the country of the number beside it. Where all readings end a number at the same place, it ends there; what lies between two
// such places is one number, or ambiguous. Each group is looked at with at most seven behind it, so that a long row of them
// costs no more than many short ones.
func (p *pile) numbersIn(groups []word) (pieces []piece) {
	n := len(groups)
	valid := make([]byte, n) // bit k of valid[i] says that the groups i to i+k can be one number
	for i := range groups {
		for k := 0; k < maxGroups && i+k < n; k++ {
			number, err := readPhone(bareAddress(p.text[groups[i].start:groups[i+k].end]), p.region, p.numbers)
			if err == nil && number.Use != PhoneShort {
				valid[i] |= 1 << k
			}
		}
	}
	head, tail := make([]bool, n+1), make([]bool, n+1) // whether the groups before i, and from i on, have a reading
	head[0], tail[n] = true, true
	for i := range groups {
		for k := 0; head[i] && k < maxGroups && i+k < n; k++ {
			head[i+k+1] = head[i+k+1] || valid[i]>>k&1 == 1
		}
	}
	if !head[n] {
		c := piece{start: groups[0].start, end: groups[n-1].end, is: isDigits}
		c.slight = p.slight(c)
		return []piece{c}
	}
	for i := n - 1; i >= 0; i-- {
		for k := 0; k < maxGroups && i+k < n; k++ {
			tail[i] = tail[i] || tail[i+k+1] && valid[i]>>k&1 == 1
		}
	}
	from, end, numbers := 0, 0, 0 // of what begins at a place where all readings end a number
	for i := range groups {
		for k := 0; head[i] && k < maxGroups && i+k < n; k++ {
			if valid[i]>>k&1 == 1 && tail[i+k+1] {
				numbers++
				end = max(end, i+k+1)
			}
		}
		if end == i+1 {
			c := piece{start: groups[from].start, end: groups[i].end, is: isNumber}
			if numbers > 1 {
				c.is = isAmbiguous
			}
			pieces = append(pieces, c)
			from, numbers = end, 0
		}
	}
	return pieces
}

// slight reports whether the digits are too few for a number that anybody would write in a list.
func (p *pile) slight(c piece) bool {
	if c.end-c.start > maxPhone {
		return false
	}
	dialled, _ := dial(bareAddress(p.text[c.start:c.end]))
	return len(dialled) < 5 && !strings.HasPrefix(dialled, "+")
}
