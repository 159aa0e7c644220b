package onboarding

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// column is what a column of a table is about.
type column int

const (
	emailColumn column = iota
	phoneColumn
	firstColumn
	lastColumn
	nameColumn
	titleColumn
	departmentColumn
	groupColumn
	columnKinds
	otherColumn column = -1
)

// headings are the headings of each kind of column, in letters and digits alone, in lower case. Of two columns of one kind the
// heading that stands first here is taken: whoever has a column for mobile phones has another for fixed lines.
var headings = [columnKinds][]string{
	emailColumn: {"email", "emailaddress", "emailadresse", "mail", "mailaddress", "mailadresse", "emails", "email1value",
		"email1", "primaryemail", "workemail", "emailwork", "businessemail", "companyemail"},
	phoneColumn: {"mobile", "mobilephone", "mobilenumber", "mobilephonenumber", "mobil", "mobiltelefon", "mobilnummer", "handy",
		"handynummer", "handynr", "mobilnr", "mobilfunk", "mobilfunknummer", "cell", "cellphone", "phone", "phonenumber", "telephone", "telephonenumber", "telefon", "telefonnummer",
		"telefonnr", "tel", "rufnummer", "phone1value", "phone1"},
	firstColumn: {"firstname", "vorname", "givenname", "forename", "vornamen", "first"},
	lastColumn:  {"lastname", "nachname", "surname", "familyname", "familienname", "last"},
	nameColumn:  {"name", "fullname", "displayname", "anzeigename", "vollständigername", "employeename"},
	titleColumn: {"jobtitle", "position", "jobtitel", "stellenbezeichnung", "berufsbezeichnung", "funktion",
		"organizationtitle", "organization1title", "job", "title"},
	departmentColumn: {"department", "abteilung", "dept", "organizationdepartment", "organization1department", "bereich"},
	groupColumn:      {"group", "gruppe", "groupname", "gruppenname", "team"},
}

// columnOf says what a column is about, by its heading, and the place of that heading among those of its kind. "E-Mail-Adresse
// (geschäftlich)" is "emailadresse".
func columnOf(heading string) (column, int) {
	if i := strings.IndexAny(heading, "(["); i >= 0 {
		heading = heading[:i]
	}
	if len(heading) > maxInput {
		return otherColumn, 0
	}
	key := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFC.String(heading))
	for c, names := range headings {
		if place := slices.Index(names, key); place >= 0 {
			return column(c), place
		}
	}
	return otherColumn, 0
}

// maxColumns is how many columns a table has. A longer row is a list.
const maxColumns = 500

// layout says where the columns of each kind are. A table has no more than one of a kind; -1 stands for none.
type layout [columnKinds]int

func noColumns() (l layout) {
	for c := range l {
		l[c] = -1
	}
	return l
}

// table is comma-separated values (RFC 4180) that are being read, row by row, with whatever separator they have.
type table struct {
	listReader
	text      string
	separator byte
	at        int // what is read so far
	next      int // the line there

	row   string // as it stands there
	line  int
	cells []string

	layout   layout
	width    int      // how many cells a row has
	headings []string // empty: it has none
}

// findTable recognises a table. Its heading, if it has one, is read already.
func findTable(text string, r listReader) (*table, bool) {
	var best *table
	most := 0
	for _, separator := range []byte("\t;,") {
		t := &table{listReader: r, text: text, separator: separator, next: 1}
		if known := t.readHeading(); known > most {
			best, most = t, known
		}
	}
	if best != nil {
		return best, true
	}
	for _, separator := range []byte("\t;,") {
		t := &table{listReader: r, text: text, separator: separator, next: 1}
		if t.guess() {
			t.at, t.next = 0, 1
			return t, true
		}
	}
	return nil, false
}

// readHeading reads the first row, and answers how many of its cells are headings that we know; 0 if it is no heading.
func (t *table) readHeading() (known int) {
	if !t.nextRow() || len(t.cells) < 2 || len(t.cells) > maxColumns || strings.ContainsAny(t.row, "@<") {
		return 0
	}
	t.layout, t.width = noColumns(), len(t.cells)
	var places [columnKinds]int
	for i, cell := range t.cells {
		c, place := columnOf(cell)
		if c == otherColumn {
			continue
		}
		known++
		if t.layout[c] < 0 || place < places[c] {
			t.layout[c], places[c] = i, place
		}
	}
	if t.layout[emailColumn] < 0 && t.layout[phoneColumn] < 0 {
		return 0
	}
	if t.layout[lastColumn] < 0 && t.layout[firstColumn] >= 0 {
		// "Vorname;Name": the name is the last name.
		t.layout[lastColumn], t.layout[nameColumn] = t.layout[nameColumn], -1
	}
	if t.layout[lastColumn] >= 0 {
		t.layout[nameColumn] = -1
	}
	t.headings = slices.Clone(t.cells)
	return known
}

// tally counts what the cells of a column hold.
type tally struct{ emails, phones, texts int }

// guess finds out whether the text is a table without a heading, and which column is which. See ParseList.
func (t *table) guess() bool {
	tallies, rows, even := t.count()
	nearly := func(n int) bool { return rows-n <= rows/10 || rows-n == 1 && rows > 2 }
	if rows < 2 || !nearly(even) {
		return false
	}
	t.layout = noColumns()
	var texts []int
	for i, c := range tallies {
		kind := emailColumn
		if c.emails == 0 {
			kind = phoneColumn
		}
		switch {
		case !nearly(c.emails + c.phones):
			if c.texts*2 > rows {
				texts = append(texts, i)
			}
		case t.layout[kind] >= 0:
			return false // two of them are a list of addresses
		default:
			t.layout[kind] = i
		}
	}
	if len(texts) == 0 || t.layout[emailColumn] < 0 && t.layout[phoneColumn] < 0 {
		return false
	}
	kinds := []column{firstColumn, lastColumn, titleColumn, departmentColumn, groupColumn}
	if len(texts) == 1 {
		kinds = []column{nameColumn}
	}
	for i, kind := range kinds[:min(len(kinds), len(texts))] {
		t.layout[kind] = texts[i]
	}
	return true
}

// count reads all rows: how many there are, how many of them are as wide as the first, and what the columns hold. It answers
// none where the first row is no row of a table.
func (t *table) count() (tallies []tally, rows, even int) {
	for t.nextRow() {
		if rows == 0 {
			if t.width = len(t.cells); t.width < 2 || t.width > maxColumns {
				return nil, 0, 0
			}
			tallies = make([]tally, t.width)
		}
		rows++
		if len(t.cells) == t.width {
			even++
		}
		for i, cell := range t.cells[:min(t.width, len(t.cells))] {
			if strings.Contains(cell, "@") {
				if !strings.ContainsAny(cell, " \"<") { // a name with an address is an item of a list
					tallies[i].emails++
				}
			} else if _, err := ParsePhone(cell, t.region, t.numbers); err == nil {
				tallies[i].phones++
			} else if strings.ContainsFunc(cell, unicode.IsLetter) {
				tallies[i].texts++
			}
		}
	}
	return tallies, rows, even
}

// nextRow reads the next row in which something stands.
func (t *table) nextRow() bool {
	for t.at < len(t.text) {
		start := t.at
		t.line, t.cells = t.next, t.cells[:0]
		for {
			t.cells = append(t.cells, t.cell())
			if t.at == len(t.text) || t.text[t.at] != t.separator {
				break
			}
			t.at++
		}
		t.row = t.text[start:t.at]
		t.next += countLines(t.row) + 1
		t.at += lineEnd(t.text[t.at:])
		if slices.ContainsFunc(t.cells, func(cell string) bool { return cell != "" }) {
			return true
		}
	}
	return false
}

// cell reads up to the next separator or line end.
func (t *table) cell() string {
	if cell, end, ok := t.quotedCell(); ok {
		t.at = end
		return strings.TrimFunc(cell, isBlank)
	}
	start := t.at
	for t.at < len(t.text) && t.text[t.at] != t.separator && lineEnd(t.text[t.at:]) == 0 {
		t.at++
	}
	return strings.TrimFunc(t.text[start:t.at], isBlank)
}

// quotedCell reads a cell in quotes, in which separators and line ends stand for themselves. A quote that is not closed right
// before a separator or line end is a sign like any other: a lost one does not swallow the rows behind it.
func (t *table) quotedCell() (cell string, end int, ok bool) {
	start := t.blanks(t.at)
	if start == len(t.text) || t.text[start] != '"' {
		return "", 0, false
	}
	start++
	doubled := false
	for end = start; ; end += 2 {
		n := strings.IndexByte(t.text[end:], '"')
		if n < 0 {
			return "", 0, false
		}
		if end += n; end+1 == len(t.text) || t.text[end+1] != '"' {
			break
		}
		doubled = true
	}
	cell = t.text[start:end]
	if doubled {
		cell = strings.ReplaceAll(cell, `""`, `"`)
	}
	end = t.blanks(end + 1)
	return cell, end, end == len(t.text) || t.text[end] == t.separator || lineEnd(t.text[end:]) > 0
}

func (t *table) blanks(i int) int {
	for i < len(t.text) && t.text[i] == ' ' {
		i++
	}
	return i
}

// read makes an entry of every row.
func (t *table) read() (l List) {
	ignored := make([]bool, t.width)
	for t.nextRow() {
		l.Entries = append(l.Entries, t.entry())
		for i, cell := range t.cells[:min(t.width, len(t.cells))] {
			if cell != "" && !slices.Contains(t.layout[:], i) {
				ignored[i] = true
			}
		}
	}
	for i, holds := range ignored {
		switch {
		case !holds:
		case len(t.headings) > 0 && t.headings[i] != "":
			l.Ignored = append(l.Ignored, excerpt(t.headings[i]))
		default:
			l.Ignored = append(l.Ignored, fmt.Sprintf("column %d", i+1))
		}
	}
	return l
}

// of answers the cell of a kind of column, or nothing.
func (t *table) of(c column) string {
	if i := t.layout[c]; i >= 0 && i < len(t.cells) {
		return t.cells[i]
	}
	return ""
}

func (t *table) entry() ListEntry {
	if slices.ContainsFunc(t.cells[min(t.width, len(t.cells)):], func(cell string) bool { return cell != "" }) {
		return t.bad("this row has more cells than the table has columns; a separator in a cell needs quotes around the cell")
	}
	e := ListEntry{Input: excerpt(t.row), Line: t.line}
	email, phone := t.of(emailColumn), t.of(phoneColumn)
	var err error
	switch {
	case email == "" && phone == "":
		return t.bad("this row has neither an email address nor a phone number")
	case email == "":
		e.Address, err = t.address(phone, Phone)
	default:
		e.Address, err = t.address(email, Email)
	}
	if err != nil {
		return t.bad(err.Error())
	}
	if email != "" && phone != "" {
		if e.Other, err = ParsePhone(bareAddress(phone), t.region, t.numbers); err == nil && e.Address.Kind == Phone {
			e.Other, err = Address{}, errors.New("there is one already")
		}
		if err != nil {
			e.Reason = "the phone number is left out: " + err.Error()
		}
	}
	if e.FirstName, e.LastName, err = t.name(); err != nil {
		return t.bad("name: " + err.Error())
	}
	for _, f := range []struct {
		name string
		of   column
		to   *string
	}{{"job title", titleColumn, &e.JobTitle}, {"department", departmentColumn, &e.Department}, {"group", groupColumn, &e.Group}} {
		if *f.to, err = readWords(t.of(f.of)); err != nil {
			return t.bad(f.name + ": " + err.Error())
		}
	}
	return e
}

func (t *table) bad(reason string) ListEntry { return badEntry(t.row, t.line, InvalidAddress, reason) }

func (t *table) name() (first, last string, err error) {
	if t.layout[nameColumn] >= 0 {
		return readName(t.of(nameColumn))
	}
	first, err1 := readWords(t.of(firstColumn))
	last, err2 := readWords(t.of(lastColumn))
	if err1 != nil {
		return "", "", err1
	}
	return first, last, err2
}
