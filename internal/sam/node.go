package sam

import (
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// readers say who reads which field of an object; nil is for a field that is known and has no effect here.
type readers map[string]func(*yaml.Node) error

// fields reads an object and refuses a field that nobody reads.
func (t *reader) fields(n *yaml.Node, what string, by readers) error {
	if n.Kind != yaml.MappingNode {
		return t.fault(n, "%s is not an object", what)
	}
	for key, value := range pairs(n) {
		read, known := by[key.Value]
		if !known {
			return t.fault(key, "%s: the property %s is not understood", what, key.Value)
		}
		if read == nil {
			continue
		}
		if err := read(value); err != nil {
			return err
		}
	}
	return nil
}

// pairs yields the keys and values of an object, and nothing of anything else.
func pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(*yaml.Node, *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// get returns a field of an object, nil where there is none.
func get(n *yaml.Node, name string) *yaml.Node {
	for key, value := range pairs(n) {
		if key.Value == name {
			return value
		}
	}
	return nil
}

func (t *reader) text(to *string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind != yaml.ScalarNode {
			return t.fault(n, "a text is wanted")
		}
		*to = n.Value
		return nil
	}
}

// isText refuses every value but one.
func (t *reader) isText(want string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Value != want {
			return t.fault(n, "%q is not understood, only %q is", n.Value, want)
		}
		return nil
	}
}

// texts reads a list of texts; one text is a list of one.
func (t *reader) texts(to *[]string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind == yaml.ScalarNode {
			*to = append(*to, n.Value)
			return nil
		}
		return t.each(func(n *yaml.Node) error {
			var s string
			err := t.text(&s)(n)
			*to = append(*to, s)
			return err
		})(n)
	}
}

func (t *reader) number(to *int) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		i, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			return t.fault(n, "a whole number is wanted, not %q", n.Value)
		}
		*to = i
		return nil
	}
}

// seconds reads a number of seconds; -1 stays -1, whatever the unit.
func (t *reader) seconds(to *time.Duration) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		var i int
		if err := t.number(&i)(n); err != nil {
			return err
		}
		*to = time.Duration(i) * time.Second
		if i < 0 {
			*to = -1
		}
		return nil
	}
}

func (t *reader) boolean(to *bool) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		b, err := strconv.ParseBool(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			return t.fault(n, "true or false is wanted, not %q", n.Value)
		}
		*to = b
		return nil
	}
}

func (t *reader) each(read func(*yaml.Node) error) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind != yaml.SequenceNode {
			return t.fault(n, "a list is wanted")
		}
		for _, c := range n.Content {
			if err := read(c); err != nil {
				return err
			}
		}
		return nil
	}
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
