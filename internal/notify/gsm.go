package notify

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The alphabet of text messages, GSM 03.38 (3GPP TS 23.038, section 6.2.1), without its escape. A character outside of
// it would turn the whole message into UCS-2, which more than halves what a segment holds.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€" // an escape and one more septet each
)

const (
	oneSegment  = 160 // septets of a message that is alone
	eachSegment = 153 // septets of each segment where there are more
)

// segments counts the segments that a text is sent in. It is false for a text outside of the alphabet.
func segments(text string) (n int, ok bool) {
	septets, spread := 0, 0 // spread: with the gaps that stay where an escape would be torn from its character
	for _, r := range text {
		switch {
		case r == utf8.RuneError || !inGSM(r):
			return 0, false
		case !strings.ContainsRune(gsmExtension, r):
			septets++
			spread++
			continue
		case spread%eachSegment == eachSegment-1:
			spread++
		}
		septets += 2
		spread += 2
	}
	if septets <= oneSegment {
		return 1, true
	}
	return (spread + eachSegment - 1) / eachSegment, true
}

func inGSM(r rune) bool {
	return strings.ContainsRune(gsmBasic, r) || strings.ContainsRune(gsmExtension, r)
}

// plain has what stands for a character that is not in the alphabet, and that Unicode takes apart into nothing that is.
var plain = map[rune]string{
	'Ł': "L", 'ł': "l", 'Đ': "D", 'đ': "d", 'Ð': "D", 'ð': "d", 'Þ': "Th", 'þ': "th", 'Ħ': "H", 'ħ': "h", 'ı': "i",
	'Ŋ': "N", 'ŋ': "n", 'Œ': "OE", 'œ': "oe", 'Ŧ': "T", 'ŧ': "t", 'ĸ': "k", 'ẞ': "SS", 'Ə': "E", 'ə': "e", 'ƒ': "f",
	'Ɓ': "B", 'ɓ': "b", 'Ɗ': "D", 'ɗ': "d", 'Ƙ': "K", 'ƙ': "k", 'Ƴ': "Y", 'ƴ': "y", 'µ': "u",
	'‘': "'", '’': "'", '‚': "'", '‛': "'", '‹': "'", '›': "'", '`': "'", '´': "'", 'ʻ': "'", 'ʼ': "'", '′': "'",
	'“': `"`, '”': `"`, '„': `"`, '‟': `"`, '«': `"`, '»': `"`, '″': `"`,
	'‐': "-", '‑': "-", '‒': "-", '–': "-", '—': "-", '―': "-", '−': "-", '·': "-", '•': "-", '×': "x",
	'⁄': "/", '∕': "/",
}

// fold writes a name in the alphabet: what is not in it loses its marks, and a sign becomes a space. It is false where a
// letter or a digit would be lost, or where there is none: what is left would be another name, or none.
func fold(name string) (folded string, ok bool) {
	var b strings.Builder
	ok = true
	write := func(r rune) {
		switch {
		case inGSM(r):
			b.WriteRune(r)
		case plain[r] != "":
			b.WriteString(plain[r])
		case unicode.In(r, unicode.M, unicode.Cf):
		case unicode.IsLetter(r), unicode.IsNumber(r):
			ok = false
		default:
			b.WriteByte(' ')
		}
	}
	for _, r := range norm.NFC.String(name) {
		if inGSM(r) || plain[r] != "" {
			write(r)
			continue
		}
		for _, part := range norm.NFKD.String(string(r)) {
			write(part)
		}
	}
	folded = strings.Join(strings.Fields(b.String()), " ")
	seen := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }
	return folded, ok && strings.ContainsFunc(folded, seen)
}
