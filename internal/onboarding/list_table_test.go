package onboarding_test

import (
	"strings"
	"testing"
)

func TestATableWithAHeadingIsReadByIt(t *testing.T) {
	for _, p := range []paste{
		{
			name: "German Excel, as CSV", region: "DE",
			text: "\ufeffVorname;Nachname;E-Mail-Adresse;Handy;Abteilung;Gruppe;Eintritt\r\n" +
				"Ann;Lee;ann@x.com;0151 12345678;Vertrieb;Nord;01.02.2024\r\n" +
				"Jürgen;Müller-Lüdenscheidt;juergen@x.com;030 1234567;;;\r\n" +
				";;;;;;\r\n" +
				"Cay;Ott;;0151 12345679;Einkauf;;\r\n" +
				"Dee;Fox;;;;;\r\n" +
				"Eve;Fox;eve@x;0151 12345670;;;\r\n",
			want: []string{"2 ann@x.com and +4915112345678 Ann|Lee [|Vertrieb|Nord]",
				"3 juergen@x.com Jürgen|Müller-Lüdenscheidt (the phone number is left out: " + fixed + ")",
				"5 +4915112345679 Cay|Ott [|Einkauf|]", "6 invalid Dee;Fox;;;;;" + nobody,
				"7 invalid Eve;Fox;eve@x;0151 12345670;;;: the domain has no dot"},
			ignored: []string{"Eintritt"},
		},
		{
			name: "German Excel, as copied", region: "DE",
			text: "Name\tVorname\tE-Mail (geschäftlich)\tPosition\r\nLee\tAnn\tann@x.com\tLeiterin Einkauf\r\nvan Beethoven\tLudwig\tlvb@x.com\t\r\n",
			want: []string{"2 ann@x.com Ann|Lee [Leiterin Einkauf||]", "3 lvb@x.com Ludwig|van Beethoven"},
		},
		{
			name: "Google Contacts",
			text: "First Name,Middle Name,Last Name,Organization Name,Organization Title,Organization Department,Notes,Labels," +
				"E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value,Phone 1 - Label,Phone 1 - Value\n" +
				"Ann,,Lee,\"Acme, Inc.\",Engineer,R&D,\"Met in \"\"Rome\"\",\ntwice\",* myContacts,Work,ann@x.com,,,Mobile,+49 151 12345678\n" +
				"Bob,B.,Kahn,,,,,* myContacts,* Work,bob@x.com,Home,bob@home.com,,\n",
			want: []string{"2 ann@x.com and +4915112345678 Ann|Lee [Engineer|R&D|]", "4 bob@x.com Bob|Kahn"},
			ignored: []string{"Middle Name", "Organization Name", "Notes", "Labels", "E-mail 1 - Label", "E-mail 2 - Label", "E-mail 2 - Value",
				"Phone 1 - Label"},
		},
		{
			name: "Outlook contacts", region: "US",
			text: `"Title","First Name","Last Name","Job Title","E-mail Address","Business Phone","Mobile Phone","Phone"` + "\r\n" +
				`"Dr.","Ann","Lee","Head of Sales","ann@x.com","+1 202 555 0100","(202) 555-0123","(800) 555-0100"` + "\r\n",
			want:    []string{"2 ann@x.com and +12025550123 Ann|Lee [Head of Sales||]"},
			ignored: []string{"Title", "Business Phone", "Phone"},
		},
		{
			name: "an HR tool",
			text: "Employee ID,Full Name,Work Email,TITLE,Dept.,Team,Start date\n" +
				"1001,\"Lee, Ann\",<ann@x.com>,\"Engineer, Senior\",R&D,Blue,2024-02-01\n1002,Bob Kahn,mailto:bob@x.com,,,,\n1003,Cay,cay@x.com,,,,,,\n" +
				"1004,Dee, Ott,dee@x.com,,,,\n\n1005,www.evil.com,eve@x.com,,,,\n1006,Fox,fox@x.com,go to evil.com,,,\n1007\n",
			want: []string{"2 ann@x.com Ann|Lee [Engineer, Senior|R&D|Blue]", "3 bob@x.com Bob|Kahn", "4 cay@x.com Cay|",
				"5 invalid 1004,Dee, Ott,dee@x.com,,,,: an email address has an @",
				"7 invalid 1005,www.evil.com,eve@x.com,,,,: name: this reads like a web or mail address; put a space after a dot",
				"8 invalid 1006,Fox,fox@x.com,go to evil.com,,,: job title: this reads like a web or mail address; put a space after a dot",
				"9 invalid 1007" + nobody},
			ignored: []string{"Employee ID", "Start date"},
		},
		{
			name: "names of columns as programs write them", region: "GB",
			text: "FIRST_NAME;last-name;Email:;mobile_phone;;jobTitle\nAnn;Lee;ann@x.com;07700 900123;x;Engineer",
			want: []string{"2 ann@x.com and +447700900123 Ann|Lee [Engineer||]"}, ignored: []string{"column 5"},
		},
		{
			name: "phone numbers alone", region: "DE", text: "Name,Telefon\nAnn Lee,0151 12345678\nBob,030 1234567\nCay,030 1234 56789\nDee,ask\n",
			want: []string{"2 +4915112345678 Ann|Lee", "3 invalid Bob,030 1234567: " + fixed, "4 invalid Cay,030 1234 56789: " + fixed,
				"5 invalid Dee,ask: a phone number has only digits, a + before them, and spaces, hyphens, dots, slashes and parentheses"},
		},
		{
			name: "rows too wide, and with too little", text: "email,name\nann@x.com,Lee, Ann\nbob@x.com,Bob,,\ncay@x.com\n,\n",
			want: []string{"2 invalid ann@x.com,Lee, Ann" + tooWide, "3 bob@x.com Bob|", "4 cay@x.com"},
		},
		{
			name: "a heading alone", text: "email,name\n",
		},
		{
			name: "quotes",
			text: "email,name,notes\n" +
				"ann@x.com,\"Ann \"\"Al\"\" Lee\",\"a\nb\r\nc\"\n" + // in cells of their own
				" \"bob@x.com\" , \"Kahn, Bob\" ,\n" + // with blanks around them
				"cay@x.com,\"Cay,lost\n" + // one that is not closed
				"dee@x.com,\"Dee\"\"\",\n" +
				"eve@x.com,\"Eve\" Fox,\n" + // one that is closed too early
				"fox@x.com,\"\",\"\"\n" +
				"gus@x.com,\"Gus\nOtt\",\"",
			want: []string{`2 ann@x.com Ann "Al"|Lee`, "5 bob@x.com Bob|Kahn", `6 cay@x.com "Cay|`, `7 dee@x.com Dee"|`, `8 eve@x.com "Eve"|Fox`,
				"9 fox@x.com", "10 gus@x.com Gus|Ott"},
			ignored: []string{"notes"},
		},
		{
			name: "every line end", text: "email;name\rann@x.com;Ann\r\nbob@x.com;Bob\u0085cay@x.com;Cay\u2028dee@x.com;Dee",
			want: []string{"2 ann@x.com Ann|", "3 bob@x.com Bob|", "4 cay@x.com Cay|", "5 dee@x.com Dee|"},
		},
	} {
		p.check(t)
	}
}

func TestATableWithoutAHeadingIsRecognised(t *testing.T) {
	for _, p := range []paste{
		{
			name: "Excel, as copied", region: "DE",
			text:    "Ann\tLee\tann@x.com\tEngineer\tR&D\tBlue\tBerlin\r\nBob\tKahn\tbob@x.com\tBuyer\t\tBlue\tBonn\r\nCay\tOtt\tcay@x.com\tBuyer\tR&D\t\tBonn\r\n",
			want:    []string{"1 ann@x.com Ann|Lee [Engineer|R&D|Blue]", "2 bob@x.com Bob|Kahn [Buyer||Blue]", "3 cay@x.com Cay|Ott [Buyer|R&D|]"},
			ignored: []string{"column 7"},
		},
		{
			name: "a full name", text: "Ann Lee, ann@x.com\n\"Kahn, Bob\", bob@x.com",
			want: []string{"1 ann@x.com Ann|Lee", "2 bob@x.com Bob|Kahn"},
		},
		{
			name: "numbers of rows", text: "1;ann@x.com;Ann Lee\n2;bob@x.com;Bob",
			want: []string{"1 ann@x.com Ann|Lee", "2 bob@x.com Bob|"}, ignored: []string{"column 1"},
		},
		{
			name: "phone numbers alone", region: "DE", text: "Ann;Lee;0151 12345678\nBob;Kahn;+49 151 12345679",
			want: []string{"1 +4915112345678 Ann|Lee", "2 +4915112345679 Bob|Kahn"},
		},
		{
			name: "addresses, numbers and text", region: "DE", text: "ann@x.com;Ann;0151 12345678\nbob@x.com;Bob;0151 12345679",
			want: []string{"1 ann@x.com and +4915112345678 Ann|", "2 bob@x.com and +4915112345679 Bob|"},
		},
		{
			name: "a mixed column", region: "DE", text: "ann@x.com;Ann\n0151 12345678;Bob",
			want: []string{"1 ann@x.com Ann|", "2 +4915112345678 Bob|"},
		},
		{
			name: "a mixed column and numbers", region: "DE", text: "ann@x.com;Ann;0151 12345678\n0151 12345670;Bob;0151 12345679",
			want: []string{"1 ann@x.com and +4915112345678 Ann|", "2 +4915112345670 Bob| (the phone number is left out: there is one already)"},
		},
		{
			name: "a heading that we do not know", text: "Wer;Wohin\nAnn;ann@x.com\nBob;bob@x.com\nCay;cay@x",
			want: []string{"1 invalid Wer;Wohin: an email address has an @", "2 ann@x.com Ann|", "3 bob@x.com Bob|", "4 invalid Cay;cay@x: the domain has no dot"},
		},
		{
			name: "one row of another width", text: "Ann;ann@x.com\nBob;bob@x.com\nCay;x;cay@x.com\nDee;dee@x.com",
			want: []string{"1 ann@x.com Ann|", "2 bob@x.com Bob|",
				"3 invalid Cay;x;cay@x.com" + tooWide, "4 dee@x.com Dee|"},
		},
		// What follows is no table.
		{
			name: "one row", text: "Ann;Lee;ann@x.com",
			want: []string{"1 invalid Ann" + neither, "1 invalid Lee" + neither, "1 ann@x.com"},
		},
		{
			name: "one column", text: "ann@x.com\nbob@x.com", want: []string{"1 ann@x.com", "2 bob@x.com"},
		},
		{
			name: "two addresses in a line", text: "ann@x.com, bob@x.com\ncay@x.com, dee@x.com",
			want: []string{"1 ann@x.com", "1 bob@x.com", "2 cay@x.com", "2 dee@x.com"},
		},
		{
			name: "addresses and numbers without text", region: "DE", text: "ann@x.com, 0151 12345678\nbob@x.com, 0151 12345679",
			want: []string{"1 ann@x.com", "1 +4915112345678", "2 bob@x.com", "2 +4915112345679"},
		},
		{
			name: "numbered addresses", text: "1.\tann@x.com\n2.\tbob@x.com", want: []string{"1 ann@x.com", "2 bob@x.com"},
		},
		{
			name: "mostly no address", text: "Ann, Lee\nBob, Kahn\nCay, cay@x.com",
			want: []string{"1 invalid Ann" + neither, "1 invalid Lee" + neither, "2 invalid Bob" + neither, "2 invalid Kahn" + neither,
				"3 invalid Cay" + neither, "3 cay@x.com"},
		},
		{
			name: "text in half of the rows", text: "ann@x.com, Ann\nbob@x.com,\ncay@x.com, Cay\ndee@x.com,",
			want: []string{"1 ann@x.com", "1 invalid Ann" + neither, "2 bob@x.com", "3 cay@x.com", "3 invalid Cay" + neither, "4 dee@x.com"},
		},
		{
			name: "a heading of nothing that we can write to", text: "Name, Group\nann@x.com\n",
			want: []string{"1 invalid Name" + neither, "1 invalid Group" + neither, "2 ann@x.com"},
		},
	} {
		p.check(t)
	}
}

func TestARowWithoutEndIsAList(t *testing.T) {
	for commas, table := range map[int]bool{499: true, 500: false} {
		wide := strings.Repeat(",", commas)
		for _, text := range []string{"email" + wide + "\nann@x.com,foo\n", "ann@x.com,foo" + wide[1:] + "\nbob@x.com,bar" + wide[1:]} {
			l := mustList(t, text, "")
			if got := strings.Contains(l.Entries[0].Input, ","); got != table {
				t.Errorf("%d commas: %.20q… gives %s", commas, text, shown(l.Entries[0]))
			}
		}
	}
}

// Of many rows, one in ten may be without an address.
func TestATableMayHaveGaps(t *testing.T) {
	row, gap := "Ann;ann@x.com\n", "Ann;\n"
	for _, c := range []struct {
		rows, gaps int
		table      bool
	}{{2, 0, true}, {1, 1, false}, {2, 1, true}, {2, 2, false}, {18, 2, true}, {17, 2, false}, {27, 3, true}} {
		l := mustList(t, strings.Repeat(row, c.rows)+strings.Repeat(gap, c.gaps), "")
		if got := l.Entries[0].FirstName == "Ann"; got != c.table || len(l.Entries) != c.rows+c.gaps && c.table {
			t.Errorf("%d rows and %d gaps: %d entries, the first %s", c.rows, c.gaps, len(l.Entries), shown(l.Entries[0]))
		}
	}
}
