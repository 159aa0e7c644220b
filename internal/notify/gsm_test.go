package notify

import (
	"strings"
	"testing"
)

// The tables of 3GPP TS 23.038, section 6.2.1, sixteen characters a row; ␛ is the escape.
var gsmTable = []string{
	"@£$¥èéùìòÇ\nØø\rÅå",
	"Δ_ΦΓΛΩΠΨΣΘΞ␛ÆæßÉ",
	" !\"#¤%&'()*+,-./",
	"0123456789:;<=>?",
	"¡ABCDEFGHIJKLMNO",
	"PQRSTUVWXYZÄÖÑÜ§",
	"¿abcdefghijklmno",
	"pqrstuvwxyzäöñüà",
}

// septetsOf counts as a phone does; it fails for what the alphabet lacks.
func septetsOf(t testing.TB, text string) int {
	t.Helper()
	n := 0
	for _, r := range text {
		switch {
		case r != '␛' && strings.ContainsRune(strings.Join(gsmTable, ""), r):
			n++
		case strings.ContainsRune("\f^{}\\[~]|€", r):
			n += 2
		default:
			t.Fatalf("%q is not in the alphabet: %q", r, text)
		}
	}
	return n
}

func TestTheAlphabetIsTheStandards(t *testing.T) {
	for i, row := range gsmTable {
		if n := len([]rune(row)); n != 16 {
			t.Fatalf("row %d has %d characters", i, n)
		}
	}
	all := strings.ReplaceAll(strings.Join(gsmTable, ""), "␛", "")
	if gsmBasic != all {
		t.Errorf("got  %q\nwant %q", gsmBasic, all)
	}
	if n := len([]rune(gsmExtension)); n != 10 {
		t.Errorf("the extension has %d characters", n)
	}
}

func TestWhatStandsForACharacterIsInTheAlphabet(t *testing.T) {
	for r, s := range plain {
		if inGSM(r) {
			t.Errorf("%q needs no other", r)
		}
		septetsOf(t, s)
		if strings.ContainsAny(s, ".@<>\n") {
			t.Errorf("%q makes %q of a name", r, s)
		}
	}
}

func TestSegments(t *testing.T) {
	x := strings.Repeat
	for _, tt := range []struct {
		text string
		want int
	}{
		{"", 1},
		{x("x", 160), 1},
		{x("x", 161), 2},
		{x("€", 80), 1},
		{x("€", 80) + "x", 2},
		{x("ü", 160), 1},
		{x("x", 306), 2},
		{x("x", 307), 3},
		{x("x", 304) + "€", 2},
		{x("x", 305) + "€", 3},
		// An escape is not torn from its character: the last place of the first segment stays empty.
		{x("x", 152) + "€" + x("x", 151), 2},
		{x("x", 152) + "€" + x("x", 152), 3},
		{x("x", 151) + "€" + x("x", 153), 2},
	} {
		if n, ok := segments(tt.text); !ok || n != tt.want {
			t.Errorf("%d characters: %d segments, %t; want %d", len([]rune(tt.text)), n, ok, tt.want)
		}
	}
	for _, text := range []string{"ç", "ł", "“", "\t", "\x00", "🏢", "\xff", "\ufffd", "\x1b", "`"} {
		if n, ok := segments("x" + text); ok {
			t.Errorf("%q has %d segments", text, n)
		}
	}
}

func TestFold(t *testing.T) {
	for name, want := range map[string]string{
		"Acme":                             "Acme",
		"Bäckerei Müller & Söhne":          "Bäckerei Müller & Söhne",
		"Ba\u0308ckerei":                   "Bäckerei",
		"Łódź Ćwiczenia":                   "Lodz Cwiczenia",
		"Søren Ærø Å":                      "Søren Ærø Å",
		"Ǿrsted":                           "Ørsted",
		"Café à l’Ouest «Chez nous»":       `Café à l'Ouest "Chez nous"`,
		"Garçon – naïve — œuvre…":          "Garcon - naive - oeuvre...",
		"Đặng Thị Hồng":                    "Dang Thi Hong",
		"İstanbul Işık Kulübü":             "Istanbul Isik Kulübü",
		"Straße STRAẞE":                    "Straße STRASSE",
		"ﬁrm №1 ½":                         "firm No1 1/2",
		"Ａｃｍｅ　１":                           "Acme 1",
		"Rock★Star 🏢 GmbH":                 "Rock Star GmbH",
		"👩\u200d👩\u200d👧 Family":           "Family",
		"O\u200dK":                         "OK",
		"Acme™ ²":                          "AcmeTM 2",
		"Col·lectiu Al·legria":             "Col-lectiu Al-legria",
		"ΔΣΠ":                              "ΔΣΠ",
		"a [b] {c} ~ € ^|\\":               "a [b] {c} ~ € ^|\\",
		"e\u0301\u0323":                    "e",
		"1\ufe0f\u20e3 Place":              "1 Place",
		"evil。com":                         "evil com",
		"evil\u2024com":                    "evil.com", // which the caller refuses
		"Ken\u2019s \u201eBest\u201c Shop": `Ken's "Best" Shop`,
	} {
		if got, ok := fold(name); !ok || got != want {
			t.Errorf("fold(%q) = %q, %t; want %q", name, got, ok, want)
		}
	}
	for _, name := range []string{
		"", "!!!", "🏢", "★ ★", "日本語", "Яндекс", "Acme 日本", "Аcme", "αβγ", "العربية", "٠١٢", "한국", "ᚠ", "Acme ⲁ", "\ufdfa",
	} {
		if got, ok := fold(name); ok {
			t.Errorf("fold(%q) = %q", name, got)
		}
	}
}
