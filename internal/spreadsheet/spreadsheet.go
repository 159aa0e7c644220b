// Package spreadsheet is about the programs that people open CSV files with.
package spreadsheet

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// begins is what a formula begins with, and what some programs pass over before one. Full-width signs count as well in some.
var begins = []rune("=+-@\t\r\n＝＋－＠")

// Neutral makes text of what would be taken for a formula, by an apostrophe. Where a comma is the decimal sign, cells are parted
// by semicolons, and quotes are no longer what they were.
func Neutral(cell string) string {
	parts := strings.Split(cell, ";")
	for i, part := range parts {
		if first, _ := utf8.DecodeRuneInString(strings.TrimLeft(part, "\" ")); slices.Contains(begins, first) {
			parts[i] = "'" + part
		}
	}
	return strings.Join(parts, ";")
}
