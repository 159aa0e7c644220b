// Package sam reads the repository's template.yaml into plain values, so that the local cloud, the tests and the
// benchmarks run on what is deployed. It understands what that template uses, and refuses the rest by name and line.
//
// AllowedPattern and its kin are left to CloudFormation: the local base URL, for one, is not https.
package sam

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// The account and region that pseudo-parameters and made-up ARNs name.
const (
	AccountID = "000000000000"
	Region    = "eu-central-1"
)

// Options give values to what the template leaves open.
type Options struct {
	// Parameters by name. A parameter that is not here has its default; one without a default is an error.
	Parameters map[string]string
	// Values of resources: "Table" for Ref, "Table.Arn" for GetAtt. What is not here is its logical id for Ref
	// and a made-up ARN for GetAtt of Arn and StreamArn.
	Values map[string]string
}

// Template is what the template says about things that exist on one machine.
type Template struct {
	Functions []Function // in the order of the file
	Table     Table
	CORS      *CORS // nil: the API answers no other origin
}

// Function is a function and everything that can invoke it.
type Function struct {
	Name        string // of its folder below functions/
	LogicalID   string
	Timeout     time.Duration
	Memory      int // MB
	Environment map[string]string
	Routes      []Route
	Streams     []Stream
	Schedules   []Schedule
	Policy      []Statement // what its role allows
}

// Route is a route of the HTTP API. Path may hold {variables}.
type Route struct {
	Method, Path string
}

// Stream is an event source of the table's stream.
type Stream struct {
	Name             string // of the event
	Source           string // the value of Stream
	StartingPosition string // TRIM_HORIZON or LATEST
	BatchSize        int
	Window           time.Duration // how long a batch waits for more
	Filters          []Filter      // one must match; none: every record does
	Retries          int           // -1: until the record is too old
	MaxAge           time.Duration // -1: as long as the stream keeps it
	Bisect           bool
	ReportsFailures  bool   // the function answers which records failed
	OnFailure        string // the destination for what is given up; "" for none
	Parallelization  int    // batches of one shard under way at once
}

// Wants reports whether a record, as JSON, passes the filters.
func (s Stream) Wants(record []byte) bool {
	return len(s.Filters) == 0 || slices.ContainsFunc(s.Filters, func(f Filter) bool { return f.Match(record) })
}

// Schedule invokes a function by the clock.
type Schedule struct {
	Name       string // of the event
	Expression string // rate(…) or cron(…)
	Input      string // the event's JSON; "" for the scheduled event of EventBridge
}

// Statement allows each of the actions on each of the resources, or on everything but NotResources; all may hold * and ?.
// It has either Resources or NotResources.
type Statement struct {
	Actions                 []string
	Resources, NotResources []string
	Conditions              []Condition
}

// Condition narrows a statement: the request's value of Key must be one of Values; where it has several, each of them.
type Condition struct {
	Key    string
	Values []string
}

// CORS is what the API answers to pages of other origins.
type CORS struct {
	AllowOrigins, AllowMethods, AllowHeaders, ExposeHeaders []string
	MaxAge                                                  int // seconds
	AllowCredentials                                        bool
}

// Function returns the function of that folder name.
func (t *Template) Function(name string) (Function, bool) {
	i := slices.IndexFunc(t.Functions, func(f Function) bool { return f.Name == name })
	if i < 0 {
		return Function{}, false
	}
	return t.Functions[i], true
}

// Load reads the template at path.
func Load(path string, o Options) (*Template, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(filepath.Base(path), data, o)
}

// Parse reads a template; name is what errors call it.
func Parse(name string, data []byte, o Options) (*Template, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: not an object", name)
	}
	t := &reader{file: name, root: doc.Content[0], options: o, parameters: map[string]string{}}
	return t.read()
}

// reader is a template on its way to values.
type reader struct {
	file       string
	root       *yaml.Node
	options    Options
	parameters map[string]string
	resources  []string // logical ids
	implied    []string // logical ids of what SAM makes of the events
}

func (t *reader) fault(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", t.file, n.Line, fmt.Sprintf(format, args...))
}

// section returns a top-level section; an empty object where there is none.
func (t *reader) section(name string) *yaml.Node {
	if n := get(t.root, name); n != nil {
		return n
	}
	return &yaml.Node{Kind: yaml.MappingNode}
}

func (t *reader) read() (*Template, error) {
	err := t.fields(t.root, "template", readers{
		"AWSTemplateFormatVersion": nil, "Transform": t.isText("AWS::Serverless-2016-10-31"), "Description": nil,
		"Parameters": nil, "Conditions": nil, "Globals": nil, "Resources": nil, "Outputs": nil, "Metadata": nil,
	})
	if err != nil {
		return nil, err
	}
	if err := t.readParameters(); err != nil {
		return nil, err
	}
	for id, n := range pairs(t.section("Resources")) {
		t.resources = append(t.resources, id.Value)
		for event := range pairs(get(get(n, "Properties"), "Events")) {
			t.implied = append(t.implied, id.Value+event.Value)
		}
	}
	for section, allowed := range map[string][]string{
		"Globals": understood, "Resources": understood, "Outputs": understood,
		"Conditions": append([]string{"Not", "And", "Or", "Equals", "Condition"}, understood...),
	} {
		if err := t.check(t.section(section), allowed); err != nil {
			return nil, err
		}
	}
	return t.readResources()
}

func (t *reader) readParameters() error {
	for name, n := range pairs(t.section("Parameters")) {
		if value, ok := t.options.Parameters[name.Value]; ok {
			t.parameters[name.Value] = value
		} else if def := get(n, "Default"); def != nil {
			t.parameters[name.Value] = def.Value
		} else {
			return t.fault(name, "the parameter %s has no default and was given no value", name.Value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.options.Parameters)) {
		if _, ok := t.parameters[name]; !ok {
			return fmt.Errorf("%s: there is no parameter %s", t.file, name)
		}
	}
	return nil
}

// withoutEffect are the types of resources that nothing on one machine depends on. A role is read with its function.
var withoutEffect = []string{
	"AWS::CloudWatch::Alarm", "AWS::IAM::Role", "AWS::Logs::LogGroup", "AWS::Logs::MetricFilter",
	"AWS::SES::ConfigurationSet", "AWS::SES::ConfigurationSetEventDestination",
	"AWS::SNS::Subscription", "AWS::SNS::Topic", "AWS::SNS::TopicPolicy",
	"AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::SecretsManager::Secret",
}

func (t *reader) readResources() (*Template, error) {
	out := &Template{}
	var tables, apis int
	for id, n := range pairs(t.section("Resources")) {
		err := t.fields(n, id.Value, readers{
			"Type": nil, "Properties": nil, "Condition": nil, "DependsOn": nil, "Metadata": nil,
			"DeletionPolicy": nil, "UpdateReplacePolicy": nil,
		})
		if err != nil {
			return nil, err
		}
		if c := get(n, "Condition"); c != nil {
			yes, err := t.named(c)
			if err != nil {
				return nil, err
			}
			if !yes {
				continue
			}
		}
		kind := get(n, "Type")
		if kind == nil {
			return nil, t.fault(n, "%s has no Type", id.Value)
		}
		switch kind.Value {
		case "AWS::Serverless::Function":
			var f Function
			if f, err = t.readFunction(id.Value, n); err == nil {
				out.Functions = append(out.Functions, f)
			}
		case "AWS::Serverless::HttpApi":
			apis++
			out.CORS, err = t.readAPI(n)
		case "AWS::DynamoDB::Table":
			tables++
			out.Table, err = t.readTable(n)
		default:
			if !slices.Contains(withoutEffect, kind.Value) {
				err = t.fault(kind, "the resource type %s is not understood", kind.Value)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if tables > 1 || apis > 1 {
		return nil, fmt.Errorf("%s: more than one table or API is not understood", t.file)
	}
	return out, nil
}

func (t *reader) readAPI(n *yaml.Node) (*CORS, error) {
	properties, err := t.properties(n)
	if err != nil {
		return nil, err
	}
	var cors *CORS
	return cors, t.fields(properties, "AWS::Serverless::HttpApi", readers{
		"Description": nil, "FailOnWarnings": nil, "DefaultRouteSettings": nil, "AccessLogSettings": nil,
		"Tags": nil, "StageName": t.isText("$default"),
		"CorsConfiguration": func(n *yaml.Node) error {
			cors = &CORS{}
			return t.fields(n, "CorsConfiguration", readers{
				"AllowOrigins": t.texts(&cors.AllowOrigins), "AllowMethods": t.texts(&cors.AllowMethods),
				"AllowHeaders": t.texts(&cors.AllowHeaders), "ExposeHeaders": t.texts(&cors.ExposeHeaders),
				"MaxAge": t.number(&cors.MaxAge), "AllowCredentials": t.boolean(&cors.AllowCredentials),
			})
		},
	})
}

// properties returns a resource's properties with every function in them replaced by its value.
func (t *reader) properties(n *yaml.Node) (*yaml.Node, error) {
	p := get(n, "Properties")
	if p == nil {
		return nil, t.fault(n, "no Properties")
	}
	return t.eval(p)
}

var errOutsideFunctions = errors.New("CodeUri is not a folder below functions/")

// folder returns "create-invite" of "functions/create-invite/".
func folder(codeURI string) (string, error) {
	name, ok := strings.CutPrefix(filepath.ToSlash(filepath.Clean(codeURI)), "functions/")
	if !ok || name == "" || strings.ContainsAny(name, "/.") {
		return "", errOutsideFunctions
	}
	return name, nil
}
