// Package openapi holds requests and answers against openapi.yaml, so that contract and code cannot drift apart.
// It serves tests; no function links it.
//
// It reads the part of OpenAPI 3.1 that our document uses: JSON bodies, response headers, and references within the
// document. Parameters are described there for people; it does not check them.
package openapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// Spec is an OpenAPI document, its schemas compiled. It may be used from several goroutines.
type Spec struct {
	operations []*operation
	examples   []example
}

type operation struct {
	method   string
	path     string // with {variables}
	segments []string
	scope    string               // x-scope: what an API key needs; empty where none is enough
	request  *body                // nil where it takes none
	answers  map[string]*response // by status, or "default"
}

// body is what may stand in a request or an answer: a schema for each media type.
type body struct {
	required bool
	schemas  map[string]*jsonschema.Schema
}

type response struct {
	headers []header
	body    *body // nil where there is none
}

type header struct {
	name     string
	required bool
	number   bool
	schema   *jsonschema.Schema
}

// example is a value of the document that must satisfy the schema beside it.
type example struct {
	at     string
	schema *jsonschema.Schema
	value  any
}

// Load reads an OpenAPI document from a file.
func Load(path string) (*Spec, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(text)
}

func parse(text []byte) (*Spec, error) {
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	// By way of JSON: the schemas want JSON's numbers, and a key that is no string is an error here.
	encoded, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	root, err := jsonschema.UnmarshalJSON(strings.NewReader(string(encoded)))
	if err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	d := &document{root: root, compiler: jsonschema.NewCompiler(), spec: &Spec{}}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(base, root); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	if err := d.read(); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	return d.spec, nil
}

// Operations lists every operation as "POST /v1/sessions", sorted by path and method.
func (s *Spec) Operations() []string {
	names := make([]string, len(s.operations))
	for i, op := range s.operations {
		names[i] = op.name()
	}
	return names
}

func (op *operation) name() string { return op.method + " " + op.path }

// Scope is what an API key needs for an operation, named as by Operations; empty where none is enough.
func (s *Spec) Scope(name string) string {
	for _, op := range s.operations {
		if op.name() == name {
			return op.scope
		}
	}
	return ""
}

// find returns the operation that a request's path belongs to, or nil. A literal segment is preferred to a variable.
func (s *Spec) find(method, path string) *operation {
	path, _, _ = strings.Cut(path, "?")
	segments := strings.Split(path, "/")
	var best *operation
	for _, op := range s.operations {
		if op.method == method && op.matches(segments) && (best == nil || op.variables() < best.variables()) {
			best = op
		}
	}
	return best
}

func (op *operation) matches(segments []string) bool {
	if len(segments) != len(op.segments) {
		return false
	}
	for i, want := range op.segments {
		got, err := url.PathUnescape(segments[i])
		if err != nil || got == "" && want != "" || !isVariable(want) && got != want {
			return false
		}
	}
	return true
}

func (op *operation) variables() (n int) {
	for _, segment := range op.segments {
		if isVariable(segment) {
			n++
		}
	}
	return n
}

func isVariable(segment string) bool { return strings.HasPrefix(segment, "{") }

// base names the document in the compiler's messages.
const base = "https://openapi.yaml"

// document is a document being read.
type document struct {
	root     any
	compiler *jsonschema.Compiler
	spec     *Spec
}

// node is an object of the document, and where it stands: a JSON pointer.
type node struct {
	at     string
	fields map[string]any
}

// object makes a node of a value, following its reference if it is one.
func (d *document) object(at string, value any) (node, error) {
	for range 8 {
		fields, ok := value.(map[string]any)
		if !ok {
			return node{}, fmt.Errorf("%s: not an object", at)
		}
		ref, ok := fields["$ref"].(string)
		if !ok {
			return node{at, fields}, nil
		}
		pointer, ok := strings.CutPrefix(ref, "#")
		if !ok {
			return node{}, fmt.Errorf("%s: %s leads out of the document", at, ref)
		}
		target, err := d.lookUp(pointer)
		if err != nil {
			return node{}, fmt.Errorf("%s: %w", at, err)
		}
		at, value = pointer, target
	}
	return node{}, fmt.Errorf("%s: references go round", at)
}

func (d *document) lookUp(pointer string) (any, error) {
	value := d.root
	for _, token := range strings.Split(pointer, "/")[1:] {
		fields, _ := value.(map[string]any)
		next, ok := fields[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
		if !ok {
			return nil, fmt.Errorf("there is no %s", pointer)
		}
		value = next
	}
	return value, nil
}

// child is the object below n by that name. It reports whether there is one.
func (d *document) child(n node, name string) (node, bool, error) {
	value, ok := n.fields[name]
	if !ok {
		return node{}, false, nil
	}
	c, err := d.object(n.at+"/"+escape(name), value)
	return c, true, err
}

// each calls f for every object below n by that name, in the order of their keys.
func (d *document) each(n node, name string, f func(key string, c node) error) error {
	parent, ok, err := d.child(n, name)
	if err != nil || !ok {
		return err
	}
	for _, key := range sortedKeys(parent.fields) {
		c, _, err := d.child(parent, key)
		if err != nil {
			return err
		}
		if err := f(key, c); err != nil {
			return err
		}
	}
	return nil
}

func (d *document) read() error {
	root, err := d.object("", d.root)
	if err != nil {
		return err
	}
	if version, _ := root.fields["openapi"].(string); !strings.HasPrefix(version, "3.1.") {
		return fmt.Errorf("this is version %q and not 3.1", version)
	}
	if err := d.each(root, "paths", d.readPath); err != nil {
		return err
	}
	slices.SortFunc(d.spec.operations, func(a, b *operation) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.method, b.method))
	})
	return nil
}

func (d *document) readPath(path string, item node) error {
	if err := d.readParameters(item); err != nil {
		return err
	}
	for _, key := range sortedKeys(item.fields) {
		if key == "parameters" {
			continue
		}
		if !slices.Contains([]string{"get", "put", "post", "patch", "delete"}, key) {
			return fmt.Errorf("%s: %s is not understood", item.at, key)
		}
		n, _, err := d.child(item, key)
		if err != nil {
			return err
		}
		op := &operation{method: strings.ToUpper(key), path: path, segments: strings.Split(path, "/")}
		op.scope, _ = n.fields["x-scope"].(string)
		if err := d.readOperation(op, n); err != nil {
			return err
		}
		d.spec.operations = append(d.spec.operations, op)
	}
	return nil
}

func (d *document) readOperation(op *operation, n node) error {
	if err := d.readParameters(n); err != nil {
		return err
	}
	request, ok, err := d.child(n, "requestBody")
	if err != nil {
		return err
	}
	if ok {
		if op.request, err = d.readBody(request); err != nil {
			return err
		}
		op.request.required = request.fields["required"] == true
	}
	op.answers = map[string]*response{}
	return d.each(n, "responses", func(status string, r node) (err error) {
		op.answers[status], err = d.readResponse(r)
		return err
	})
}

// readParameters compiles the schemas of parameters for the sake of their examples.
func (d *document) readParameters(n node) error {
	list, _ := n.fields["parameters"].([]any)
	for i, value := range list {
		p, err := d.object(fmt.Sprintf("%s/parameters/%d", n.at, i), value)
		if err != nil {
			return err
		}
		if _, err := d.readSchema(p); err != nil {
			return err
		}
	}
	return nil
}

func (d *document) readResponse(n node) (*response, error) {
	r := &response{}
	err := d.each(n, "headers", func(name string, h node) error {
		schema, err := d.readSchema(h)
		if err != nil {
			return err
		}
		raw, _, err := d.child(h, "schema")
		if err != nil {
			return err
		}
		r.headers = append(r.headers, header{name, h.fields["required"] == true, raw.fields["type"] == "integer", schema})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, ok := n.fields["content"]; !ok {
		return r, nil
	}
	r.body, err = d.readBody(n)
	return r, err
}

func (d *document) readBody(n node) (*body, error) {
	b := &body{schemas: map[string]*jsonschema.Schema{}}
	err := d.each(n, "content", func(mediaType string, c node) (err error) {
		b.schemas[mediaType], err = d.readSchema(c)
		return err
	})
	return b, err
}

// readSchema compiles the schema of a media type, header or parameter, and keeps its examples.
func (d *document) readSchema(n node) (*jsonschema.Schema, error) {
	if _, ok := n.fields["schema"]; !ok {
		return nil, fmt.Errorf("%s: there is no schema", n.at)
	}
	schema, err := d.compiler.Compile(base + "#" + n.at + "/schema")
	if err != nil {
		return nil, err
	}
	found := 0
	if value, ok := n.fields["example"]; ok {
		d.spec.examples = append(d.spec.examples, example{n.at + "/example", schema, value})
		found++
	}
	err = d.each(n, "examples", func(_ string, c node) error {
		d.spec.examples = append(d.spec.examples, example{c.at, schema, c.fields["value"]})
		found++
		return nil
	})
	if err == nil && found == 0 {
		err = fmt.Errorf("%s: there is no example", n.at)
	}
	return schema, err
}

func escape(token string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(token) }

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
