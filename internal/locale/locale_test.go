package locale

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for s, want := range map[string]Tag{
		"en": English, "EN": English, "en-GB": English, "de": German, "De": German, "de-AT": German,
		"de-CH-1996": German, "de-Latn-DE": German,
	} {
		if got, ok := Parse(s); !ok || got != want {
			t.Errorf("Parse(%q) = %q, %t", s, got, ok)
		}
	}
	for _, s := range []string{
		"", "fr", "deu", "german", "de_DE", "de-", "de--AT", "-de", "de-AT\n", " de", "de-abcdefghi", "de-Ä", "d", "*",
	} {
		if got, ok := Parse(s); ok || got != "" {
			t.Errorf("Parse(%q) = %q, %t", s, got, ok)
		}
	}
}

func TestMatch(t *testing.T) {
	for header, want := range map[string]Tag{
		"":                                    English,
		"de":                                  German,
		"de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7": German,
		"en-US,en;q=0.9,de;q=0.8":             English,
		"en;q=0.3, de;q=0.7":                  German,
		"en;q=0.7 , de ; q = 0.3":             English,
		"de,en":                               German,
		"en,de":                               English,
		"de;q=0.5,en;q=0.5":                   German,
		"fr,de;q=0.2":                         German,
		"fr,it":                               English,
		"*":                                   English,
		"*;q=0.1,de;q=0.05":                   English,
		"*,en;q=0.5":                          German,
		"en;q=0,*":                            German,
		"en;q=0":                              English,
		"de;q=0":                              English,
		"de;q=0.0,en;q=0.1":                   English,
		"de;q=0,de-AT;q=0.4,en;q=0.3":         German,
		"de;q=0.123,en;q=0.12":                German,
		"DE-at;Q=1.000":                       German,
		// What cannot be read is passed over.
		"de;q=2,en;q=0.1":      English,
		"de;q=-1,en;q=0.1":     English,
		"de;q=NaN,en;q=0.1":    English,
		"de;q=1e0,en;q=0.1":    English,
		"de;q=0.1234,en;q=0.1": English,
		"de;q=,en;q=0.1":       English,
		"de;v=1,en;q=0.1":      English,
		",,;q=1,=;,de,":        German,
		"de_DE":                English,
	} {
		if got := Match(header); got != want {
			t.Errorf("Match(%q) = %q, want %q", header, got, want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, seed := range []string{"", "de", "de-DE,de;q=0.9,en;q=0.8", "*;q=0", ";;,,==", "de;q=0.5;q=1", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := Match(header)
		if !slices.Contains(Tags(), got) {
			t.Fatalf("Match(%q) = %q", header, got)
		}
		if got == German && !strings.ContainsAny(header, "dD*") {
			t.Fatalf("Match(%q) = %q, which nobody asked for", header, got)
		}
		// What comes first and is wanted fully wins.
		if got := Match("de," + header); got != German {
			t.Fatalf("Match(%q) = %q", "de,"+header, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "de", "EN-gb", "de-", "de-\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tag, ok := Parse(s)
		if ok != slices.Contains(Tags(), tag) {
			t.Fatalf("Parse(%q) = %q, %t", s, tag, ok)
		}
		if ok && !strings.EqualFold(s[:2], string(tag)) {
			t.Fatalf("Parse(%q) = %q", s, tag)
		}
	})
}

func TestDate(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for _, tt := range []struct {
		moment          time.Time
		english, german string
	}{
		{time.Date(2026, 11, 30, 15, 0, 0, 0, berlin),
			"Monday, 30 November 2026, 14:00 UTC", "Montag, 30. November 2026, 14:00 UTC"},
		{time.Date(2027, 3, 1, 0, 30, 59, 0, berlin),
			"Sunday, 28 February 2027, 23:30 UTC", "Sonntag, 28. Februar 2027, 23:30 UTC"},
		{time.Date(2027, 3, 6, 9, 5, 0, 0, time.UTC),
			"Saturday, 6 March 2027, 09:05 UTC", "Samstag, 6. März 2027, 09:05 UTC"},
		{time.Date(2028, 2, 29, 12, 0, 0, 0, time.UTC),
			"Tuesday, 29 February 2028, 12:00 UTC", "Dienstag, 29. Februar 2028, 12:00 UTC"},
	} {
		if got := English.Date(tt.moment); got != tt.english {
			t.Errorf("got %s, want %s", got, tt.english)
		}
		if got := German.Date(tt.moment); got != tt.german {
			t.Errorf("got %s, want %s", got, tt.german)
		}
		if got := Tag("").Date(tt.moment); got != tt.english {
			t.Errorf("the zero Tag says %s", got)
		}
	}
}

func TestBrief(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for _, tt := range []struct {
		moment          time.Time
		english, german string
	}{
		{time.Date(2026, 11, 30, 15, 0, 0, 0, berlin), "30 Nov, 14:00 UTC", "30.11., 14:00 UTC"},
		{time.Date(2027, 3, 1, 0, 30, 59, 0, berlin), "28 Feb, 23:30 UTC", "28.2., 23:30 UTC"},
		{time.Date(2027, 3, 6, 9, 5, 0, 0, time.UTC), "6 Mar, 09:05 UTC", "6.3., 09:05 UTC"},
	} {
		if got := English.Brief(tt.moment); got != tt.english {
			t.Errorf("got %s, want %s", got, tt.english)
		}
		if got := German.Brief(tt.moment); got != tt.german {
			t.Errorf("got %s, want %s", got, tt.german)
		}
		if got := Tag("").Brief(tt.moment); got != tt.english {
			t.Errorf("the zero Tag says %s", got)
		}
	}
}
