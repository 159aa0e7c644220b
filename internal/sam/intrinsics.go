package sam

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A function of CloudFormation is written as a tag (!Ref X) or as an object of one key ({Ref: X}, {"Fn::Sub": X}).
// intrinsic returns its name without "Fn::" and its argument; "" where n is plain.
func intrinsic(n *yaml.Node) (name string, argument *yaml.Node) {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		plain := *n
		plain.Tag = ""
		return n.Tag[1:], &plain
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		key := n.Content[0].Value
		if short, ok := strings.CutPrefix(key, "Fn::"); ok {
			return short, n.Content[1]
		}
		if key == "Ref" {
			return key, n.Content[1]
		}
	}
	return "", nil
}

// understood are the functions that eval can do. condition does those of Conditions.
var understood = []string{"Ref", "Sub", "GetAtt", "If"}

// eval returns n with every function in it replaced by its value, or nil for AWS::NoValue.
func (t *reader) eval(n *yaml.Node) (*yaml.Node, error) {
	name, argument := intrinsic(n)
	switch name {
	case "":
	case "Ref":
		if argument.Value == "AWS::NoValue" {
			return nil, nil
		}
		return t.scalar(n, argument.Value)
	case "GetAtt":
		return t.scalar(n, attribute(argument))
	case "Sub":
		return t.sub(n, argument)
	case "If":
		if argument.Kind != yaml.SequenceNode || len(argument.Content) != 3 {
			return nil, t.fault(n, "If wants a condition and two values")
		}
		yes, err := t.named(argument.Content[0])
		if err != nil {
			return nil, err
		}
		if yes {
			return t.eval(argument.Content[1])
		}
		return t.eval(argument.Content[2])
	default:
		return nil, t.fault(n, "the function %s is not understood", name)
	}
	out := *n
	out.Content = nil
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			value, err := t.eval(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			if value != nil {
				out.Content = append(out.Content, n.Content[i], value)
			}
		}
		return &out, nil
	}
	for _, c := range n.Content {
		value, err := t.eval(c)
		if err != nil {
			return nil, err
		}
		if value != nil {
			out.Content = append(out.Content, value)
		}
	}
	return &out, nil
}

// scalar makes the node that stands for the value of a name.
func (t *reader) scalar(n *yaml.Node, name string) (*yaml.Node, error) {
	value, ok := t.value(name)
	if !ok {
		return nil, t.fault(n, "%s has no value here", name)
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Line: n.Line, Column: n.Column}, nil
}

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

func (t *reader) sub(n, argument *yaml.Node) (*yaml.Node, error) {
	if argument.Kind != yaml.ScalarNode {
		return nil, t.fault(n, "Sub with a list of variables is not understood")
	}
	var fault error
	value := placeholder.ReplaceAllStringFunc(argument.Value, func(p string) string {
		name := p[2 : len(p)-1]
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		v, ok := t.value(name)
		if !ok {
			fault = t.fault(n, "%s has no value here", name)
		}
		return v
	})
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Line: n.Line, Column: n.Column}, fault
}

// attribute returns "Resource.Attribute" of GetAtt's argument, which may be a list of the two.
func attribute(argument *yaml.Node) string {
	if argument.Kind != yaml.SequenceNode {
		return argument.Value
	}
	parts := make([]string, len(argument.Content))
	for i, c := range argument.Content {
		parts[i] = c.Value
	}
	return strings.Join(parts, ".")
}

// pseudo are the parameters that CloudFormation brings.
var pseudo = map[string]string{
	"AWS::AccountId": AccountID,
	"AWS::Partition": "aws",
	"AWS::Region":    Region,
	"AWS::StackName": "latchkey-local",
	"AWS::URLSuffix": "amazonaws.com",
}

// value returns what Ref of a parameter or resource, or GetAtt of "Resource.Attribute", stands for.
func (t *reader) value(name string) (string, bool) {
	if v, ok := t.options.Values[name]; ok {
		return v, true
	}
	if v, ok := pseudo[name]; ok {
		return v, true
	}
	if v, ok := t.parameters[name]; ok {
		return v, true
	}
	if t.exists(name) {
		return name, true
	}
	resource, attr, _ := strings.Cut(name, ".")
	if (attr == "Arn" || attr == "StreamArn") && t.exists(resource) {
		return fmt.Sprintf("arn:aws:local:%s:%s:%s", Region, AccountID, resource), true
	}
	return "", false
}

func (t *reader) exists(resource string) bool { return slices.Contains(t.resources, resource) }

// condition evaluates an expression of the section Conditions.
func (t *reader) condition(n *yaml.Node) (bool, error) {
	name, argument := intrinsic(n)
	if name == "" && n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "Condition" {
		name, argument = "Condition", n.Content[1]
	}
	switch name {
	case "Condition":
		return t.named(argument)
	case "Equals":
		if len(argument.Content) != 2 {
			return false, t.fault(n, "Equals wants two values")
		}
		a, err := t.eval(argument.Content[0])
		if err != nil {
			return false, err
		}
		b, err := t.eval(argument.Content[1])
		if err != nil {
			return false, err
		}
		return a != nil && b != nil && a.Value == b.Value, nil
	case "Not", "And", "Or":
		if argument.Kind != yaml.SequenceNode || len(argument.Content) == 0 {
			return false, t.fault(n, "%s wants a list of conditions", name)
		}
		any, all := false, true
		for _, c := range argument.Content {
			yes, err := t.condition(c)
			if err != nil {
				return false, err
			}
			any, all = any || yes, all && yes
		}
		switch name {
		case "Not":
			return !all, nil
		case "And":
			return all, nil
		}
		return any, nil
	}
	return false, t.fault(n, "the condition %s is not understood", n.Tag)
}

// named evaluates the condition of that name.
func (t *reader) named(n *yaml.Node) (bool, error) {
	expression := get(t.section("Conditions"), n.Value)
	if expression == nil {
		return false, t.fault(n, "there is no condition %s", n.Value)
	}
	return t.condition(expression)
}

// check walks over everything, also what is of no effect here, and refuses a function or a name that is not known:
// a reference that leads nowhere is found before AWS finds it.
func (t *reader) check(n *yaml.Node, allowed []string) error {
	if n.Kind == yaml.AliasNode {
		return t.fault(n, "an alias (*%s) is not understood", n.Value)
	}
	name, argument := intrinsic(n)
	if name != "" && !slices.Contains(allowed, name) {
		return t.fault(n, "the function %s is not understood", name)
	}
	var names []string
	switch name {
	case "Ref":
		names = []string{argument.Value}
	case "GetAtt":
		names = []string{attribute(argument)}
	case "Sub":
		for _, m := range placeholder.FindAllStringSubmatch(argument.Value, -1) {
			if !strings.HasPrefix(m[1], "!") {
				names = append(names, m[1])
			}
		}
	}
	for _, name := range names {
		if !t.known(name) {
			return t.fault(n, "there is no %s", name)
		}
	}
	if n.Kind == yaml.MappingNode {
		seen := map[string]bool{}
		for i := 0; i < len(n.Content); i += 2 {
			if key := n.Content[i]; seen[key.Value] {
				return t.fault(key, "%s stands here twice", key.Value)
			}
			seen[n.Content[i].Value] = true
		}
	}
	for _, c := range n.Content {
		if err := t.check(c, allowed); err != nil {
			return err
		}
	}
	return nil
}

func (t *reader) known(name string) bool {
	if name == "AWS::NoValue" {
		return true
	}
	if _, ok := pseudo[name]; ok {
		return true
	}
	if _, ok := t.parameters[name]; ok {
		return true
	}
	resource, _, _ := strings.Cut(name, ".")
	return t.exists(resource) || slices.Contains(t.implied, resource)
}
