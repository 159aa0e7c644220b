package spreadsheet_test

import (
	"testing"

	"latchkey/internal/spreadsheet"
)

func TestNoCellBeginsAFormula(t *testing.T) {
	for typed, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "\nx": "'\nx",
		"x;=1+1": "x;'=1+1", `x;"=1+1;y`: `x;'"=1+1;y`, "x; =1": "x;' =1", "＝1;@x": "'＝1;'@x", "＋1": "'＋1", "－1": "'－1", "＠x": "'＠x",
		"Ann-Lee; Dr.": "Ann-Lee; Dr.", "李": "李", ";": ";", "": "", "\xff=": "\xff=",
	} {
		if got := spreadsheet.Neutral(typed); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}
