package onboarding

import (
	"testing"
)

func TestMoneyIsReadAndWritten(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Money
		out  string
	}{
		{"0", 0, "0"},
		{"1", 1_000_000, "1"},
		{"100", 100_000_000, "100"},
		{"0.0075", 7500, "0.0075"},
		{"0.00645", 6450, "0.00645"},
		{"0.000001", 1, "0.000001"},
		{"12.50", 12_500_000, "12.5"},
		{"007", 7_000_000, "7"},
		{"2147483647.999999", 2_147_483_647_999_999, "2147483647.999999"},
	} {
		got, err := ParseMoney(c.in)
		if err != nil || got != c.want || got.String() != c.out {
			t.Errorf("%q is %d, written %q, %v; want %d and %q", c.in, got, got, err, c.want, c.out)
		}
	}
}

func TestWhatIsNoMoney(t *testing.T) {
	for _, s := range []string{"", ".", ".5", "5.", "-1", "+1", "1,5", "1.0000001", "1.5.0", "1.+5", "1.-5", "1e3", "0x10", "1_000",
		" 1", "1 ", "$1", "1.5 USD", "2147483648", "٣"} {
		if m, err := ParseMoney(s); err == nil || m != 0 {
			t.Errorf("%q is %s, %v", s, m, err)
		}
	}
}

func FuzzParseMoney(f *testing.F) {
	for _, s := range []string{"0", "0.00645", "12.50", "2147483647.999999", "5.", "1.0000001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMoney(s)
		if err != nil {
			return
		}
		if again, err := ParseMoney(m.String()); err != nil || again != m || m < 0 {
			t.Errorf("%q is %d, and what is written of that, %q, is %d, %v", s, m, m, again, err)
		}
	})
}
