// Package locale holds the words that people read, in every language we speak.
//
// The texts stand in flat JSON files that a translator can open: en.json and de.json for mails,
// pages.en.json and pages.de.json for pages, texts.en.json and texts.de.json for text messages, which keep to the
// alphabet of GSM 03.38. A placeholder is a name in braces: {organization}.
package locale

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Tag names one of our languages. An unknown tag, and the zero Tag, speak English.
type Tag string

// The languages we speak.
const (
	English Tag = "en"
	German  Tag = "de"
)

// Tags lists our languages, English first.
func Tags() []Tag { return []Tag{English, German} }

// Parse reads a language tag such as "de" or "de-AT" (RFC 5646) and reports whether it names one of our
// languages. Case and everything after the primary subtag are ignored.
func Parse(s string) (Tag, bool) {
	primary, rest, regional := strings.Cut(s, "-")
	if regional && !wellFormed(rest) {
		return "", false
	}
	for _, t := range Tags() {
		if strings.EqualFold(primary, string(t)) {
			return t, true
		}
	}
	return "", false
}

// wellFormed reports whether s is a list of subtags: one to eight letters or digits each.
func wellFormed(s string) bool {
	for subtag := range strings.SplitSeq(s, "-") {
		if subtag == "" || len(subtag) > 8 {
			return false
		}
		for _, c := range []byte(subtag) {
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
				return false
			}
		}
	}
	return true
}

// Match returns the language that an Accept-Language header (RFC 9110, section 12.5.4) likes best. The first
// named wins among equals. English answers where nothing fits; what cannot be read is passed over.
func Match(acceptLanguage string) Tag {
	named := map[Tag]float64{}
	var order []Tag
	anyOther := 0.0
	for part := range strings.SplitSeq(acceptLanguage, ",") {
		name, params, _ := strings.Cut(part, ";")
		quality, ok := parseQuality(params)
		if !ok {
			continue
		}
		if name = strings.TrimSpace(name); name == "*" {
			anyOther = max(anyOther, quality)
			continue
		}
		tag, ok := Parse(name)
		if !ok {
			continue
		}
		if _, again := named[tag]; !again {
			order = append(order, tag)
		}
		named[tag] = max(named[tag], quality)
	}
	// "*" speaks for the languages that the header does not name.
	for _, tag := range Tags() {
		if _, ok := named[tag]; !ok {
			order = append(order, tag)
			named[tag] = anyOther
		}
	}
	best, bestQuality := English, 0.0
	for _, tag := range order {
		if named[tag] > bestQuality {
			best, bestQuality = tag, named[tag]
		}
	}
	return best
}

// parseQuality reads "q=0.8", 0 to 1 with up to three decimals. Without one, the quality is 1.
func parseQuality(params string) (quality float64, ok bool) {
	params = strings.TrimSpace(params)
	if params == "" {
		return 1, true
	}
	name, value, _ := strings.Cut(params, "=")
	value = strings.TrimSpace(value)
	if !strings.EqualFold(strings.TrimSpace(name), "q") || len(value) > len("0.123") {
		return 0, false
	}
	// ParseFloat also knows "NaN", "0x1" and "1e0".
	if strings.Trim(value, "0123456789.") != "" {
		return 0, false
	}
	quality, err := strconv.ParseFloat(value, 64)
	return quality, err == nil && quality <= 1
}

// Text returns the text of key with its placeholders filled in. args are pairs of name and value. A value is data:
// braces in it stay as they are. A key we do not have comes back as it is; a test finds it first.
func (t Tag) Text(key string, args ...string) string {
	text, ok := t.texts()[key]
	if !ok {
		return key
	}
	if len(args) == 0 {
		return text
	}
	var pairs []string
	for pair := range slices.Chunk(args, 2) {
		if len(pair) == 2 {
			pairs = append(pairs, "{"+pair[0]+"}", pair[1])
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Date writes a moment in words, in UTC: "Monday, 30 November 2026, 14:00 UTC".
func (t Tag) Date(moment time.Time) string {
	moment = moment.UTC()
	if t != German {
		return moment.Format("Monday, 2 January 2006, 15:04 UTC")
	}
	weekdays := [...]string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"}
	months := [...]string{"Januar", "Februar", "März", "April", "Mai", "Juni",
		"Juli", "August", "September", "Oktober", "November", "Dezember"}
	return weekdays[moment.Weekday()] + ", " + moment.Format("2. ") + months[moment.Month()-1] +
		moment.Format(" 2006, 15:04 UTC")
}

// Brief writes a moment of the next months as shortly as it can be told, in UTC: "30 Nov, 14:00 UTC".
func (t Tag) Brief(moment time.Time) string {
	if t != German {
		return moment.UTC().Format("2 Jan, 15:04 UTC")
	}
	return moment.UTC().Format("2.1., 15:04 UTC")
}
