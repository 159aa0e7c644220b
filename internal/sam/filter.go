package sam

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Filter is an event pattern of an event source: an object whose leaves list what a field may be. All fields must
// match, one of a leaf's alternatives suffices. It is a subset of what Lambda takes: exact values, exists, prefix
// and anything-but; ParseFilter refuses the rest by name.
type Filter struct {
	fields []field
}

type field struct {
	name string
	sub  *Filter // or
	any  []alternative
}

// alternative is one thing that a leaf may be.
type alternative struct {
	operator string // "" for an exact value, else the name of the operator
	values   []any  // scalars; of exists the one bool, of prefix the one string
}

// ParseFilter reads a pattern.
func ParseFilter(pattern string) (Filter, error) {
	d := json.NewDecoder(strings.NewReader(pattern))
	var doc any
	if err := d.Decode(&doc); err != nil {
		return Filter{}, fmt.Errorf("filter pattern: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Filter{}, errors.New("filter pattern: more than one document")
	}
	object, ok := doc.(map[string]any)
	if !ok {
		return Filter{}, errors.New("filter pattern: not an object")
	}
	return parseFields(object, "")
}

func parseFields(object map[string]any, path string) (Filter, error) {
	if len(object) == 0 {
		return Filter{}, fmt.Errorf("filter pattern: nothing is asked of %q", path)
	}
	var f Filter
	for _, name := range sortedKeys(object) {
		at := strings.TrimPrefix(path+"."+name, ".")
		next := field{name: name}
		switch v := object[name].(type) {
		case map[string]any:
			sub, err := parseFields(v, at)
			if err != nil {
				return Filter{}, err
			}
			next.sub = &sub
		case []any:
			if len(v) == 0 {
				return Filter{}, fmt.Errorf("filter pattern: %s may be nothing at all", at)
			}
			for _, one := range v {
				a, err := parseAlternative(one, at)
				if err != nil {
					return Filter{}, err
				}
				next.any = append(next.any, a)
			}
		default:
			return Filter{}, fmt.Errorf("filter pattern: %s is neither a list nor an object", at)
		}
		f.fields = append(f.fields, next)
	}
	return f, nil
}

func parseAlternative(v any, at string) (alternative, error) {
	object, ok := v.(map[string]any)
	if !ok {
		if _, list := v.([]any); list {
			return alternative{}, fmt.Errorf("filter pattern: %s has a list within its list", at)
		}
		return alternative{values: []any{v}}, nil
	}
	if len(object) != 1 {
		return alternative{}, fmt.Errorf("filter pattern: %s wants one operator at a time", at)
	}
	for operator, operand := range object {
		a := alternative{operator: operator, values: []any{operand}}
		switch operator {
		case "exists":
			_, ok = operand.(bool)
		case "prefix":
			_, ok = operand.(string)
		case "anything-but":
			if list, isList := operand.([]any); isList {
				a.values = list
			}
			ok = len(a.values) > 0 && !slices.ContainsFunc(a.values, func(v any) bool { return !scalar(v) })
		default:
			return alternative{}, fmt.Errorf("filter pattern: %s: the operator %q is not understood", at, operator)
		}
		if !ok {
			return alternative{}, fmt.Errorf("filter pattern: %s: %s of what?", at, operator)
		}
		return a, nil
	}
	panic("unreachable: an object of one key")
}

// Match reports whether the event, a JSON document, matches. What is not JSON matches nothing.
func (f Filter) Match(event []byte) bool {
	var doc any
	if err := json.NewDecoder(bytes.NewReader(event)).Decode(&doc); err != nil {
		return false
	}
	return f.match(doc)
}

func (f Filter) match(v any) bool {
	object, _ := v.(map[string]any) // of nil, every field is absent
	for _, want := range f.fields {
		got, present := object[want.name]
		if want.sub != nil {
			if !want.sub.match(got) {
				return false
			}
			continue
		}
		if !slices.ContainsFunc(want.any, func(a alternative) bool { return a.match(got, present) }) {
			return false
		}
	}
	return true
}

// match compares with a leaf. Of a list, one element that matches suffices. An object is no leaf: for
// exists, too, there is nothing at its path.
func (a alternative) match(got any, present bool) bool {
	if _, object := got.(map[string]any); object {
		present = false
	}
	if a.operator == "exists" {
		return present == a.values[0]
	}
	if !present {
		return false
	}
	if list, ok := got.([]any); ok {
		return slices.ContainsFunc(list, func(v any) bool { return a.match(v, true) })
	}
	switch a.operator {
	case "prefix":
		s, ok := got.(string)
		return ok && strings.HasPrefix(s, a.values[0].(string))
	case "anything-but":
		return !slices.Contains(a.values, got)
	}
	return got == a.values[0]
}

// scalar reports whether == may compare v.
func scalar(v any) bool {
	switch v.(type) {
	case nil, bool, float64, string:
		return true
	}
	return false
}
