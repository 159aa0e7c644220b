package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// row is a line of the table: figures of one job, and the bound that one of them is held to.
type row struct {
	Name    string
	Medium  medium
	Figures []figure
	Bound   *bound // nil: none
	Quiet   bool   // whether the machine was, so that times mean something
}

type figure struct {
	Name  string
	Value float64
	Unit  string // "" for a plain number
}

type bound struct {
	Figure string // its name
	Exact  bool   // the value is to be it; else at most
	Value  float64
}

func atMost(figure string, value float64) *bound { return &bound{figure, false, value} }

func exactly(figure string, value float64) *bound { return &bound{figure, true, value} }

func (f figure) String() string { return strings.TrimSpace(f.Name + " " + f.value(f.Value)) }

// value shows a value in the figure's unit, with three digits that count.
func (f figure) value(v float64) string {
	digits := 2
	switch {
	case v == math.Trunc(v) && f.Unit == "", v >= 99.95:
		digits = 0
	case v >= 9.995:
		digits = 1
	}
	return strings.TrimSpace(strconv.FormatFloat(v, 'f', digits, 64) + " " + f.Unit)
}

// key is the name as JSON has it: floor_p50_ms.
func (f figure) key() string {
	key := strings.ReplaceAll(f.Name, " ", "_")
	if f.Unit != "" {
		key += "_" + strings.ToLower(f.Unit)
	}
	return key
}

// bounded is the figure that the bound speaks of. A row without it is a mistake of whoever wrote the row.
func (r row) bounded() figure {
	i := slices.IndexFunc(r.Figures, func(f figure) bool { return f.Name == r.Bound.Figure })
	return r.Figures[i]
}

func (r row) held() bool {
	if r.Bound == nil {
		return true
	}
	v := r.bounded().Value
	return v == r.Bound.Value || !r.Bound.Exact && v < r.Bound.Value
}

func (r row) bound() string {
	if r.Bound == nil {
		return ""
	}
	sign := "≤"
	if r.Bound.Exact {
		sign = "="
	}
	f := r.bounded()
	return f.Name + " " + sign + " " + strings.TrimSpace(strconv.FormatFloat(r.Bound.Value, 'f', -1, 64)+" "+f.Unit)
}

func (r row) verdict() string {
	verdict := "held"
	switch {
	case r.Bound == nil:
		verdict = ""
	case !r.held():
		verdict = "MISSED"
	}
	if !r.Quiet {
		verdict += " (busy machine)"
	}
	return strings.TrimSpace(verdict)
}

// MarshalJSON writes the figures as one object, and the bound as the table shows it.
func (r row) MarshalJSON() ([]byte, error) {
	line := struct {
		Row      string             `json:"row"`
		Database medium             `json:"database"`
		Figures  map[string]float64 `json:"figures"`
		Bound    string             `json:"bound,omitempty"`
		Held     *bool              `json:"held,omitempty"`
		Quiet    bool               `json:"quiet"`
	}{Row: r.Name, Database: r.Medium, Figures: map[string]float64{}, Bound: r.bound(), Quiet: r.Quiet}
	for _, f := range r.Figures {
		line.Figures[f.key()] = f.Value
	}
	if r.Bound != nil {
		held := r.held()
		line.Held = &held
	}
	return json.Marshal(line)
}

func missed(rows []row) []row {
	return slices.DeleteFunc(slices.Clone(rows), row.held)
}

// show prints the table to out, then the lines of JSON there or to a file, and last what was missed.
func show(rows []row, file string, out io.Writer) error {
	if err := writeTable(rows, out); err != nil {
		return err
	}
	var lines []byte
	for _, r := range rows {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	if file != "" {
		if err := os.WriteFile(file, lines, 0o644); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(out, "\n%s", lines)
	}
	for _, r := range missed(rows) {
		v := r.bounded()
		fmt.Fprintf(out, "\nMISSED: %s (%s): %s, and the bound is %s: %+.0f %%\n", r.Name, r.Medium, v, r.bound(),
			100*(v.Value/r.Bound.Value-1))
	}
	return nil
}

func writeTable(rows []row, out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ROW\tDATABASE\tFIGURES\tBOUND\tVERDICT")
	for _, r := range rows {
		figures := make([]string, len(r.Figures))
		for i, f := range r.Figures {
			figures[i] = f.String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Name, r.Medium, strings.Join(figures, ", "), r.bound(), r.verdict())
	}
	return w.Flush()
}
