package sam

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

func (t *reader) readFunction(id string, n *yaml.Node) (Function, error) {
	f := Function{LogicalID: id, Timeout: 3 * time.Second, Memory: 128, Environment: map[string]string{}}
	own, err := t.properties(n)
	if err != nil {
		return f, err
	}
	globals, err := t.globals()
	if err != nil {
		return f, err
	}
	role := get(get(n, "Properties"), "Role")
	err = t.fields(merge(globals, own), "AWS::Serverless::Function", readers{
		"CodeUri": func(n *yaml.Node) error {
			if f.Name, err = folder(n.Value); err != nil {
				return t.fault(n, "%s: %v", id, err)
			}
			return nil
		},
		"Runtime":       t.isText("provided.al2023"),
		"Handler":       t.isText("bootstrap"),
		"Architectures": nil,
		"Description":   nil,
		"LoggingConfig": nil,
		"Tags":          nil,
		"Tracing":       nil,
		// Who asks for what a failed asynchronous invocation left behind is AWS's; here the log says it.
		"EventInvokeConfig":            nil,
		"ReservedConcurrentExecutions": nil,
		"MemorySize":                   t.number(&f.Memory),
		"Timeout":                      t.seconds(&f.Timeout),
		"Environment": func(n *yaml.Node) error {
			return t.fields(n, "Environment", readers{"Variables": func(n *yaml.Node) error {
				for name, value := range pairs(n) {
					if value.Kind != yaml.ScalarNode {
						return t.fault(value, "the variable %s is not a text", name.Value)
					}
					f.Environment[name.Value] = value.Value
				}
				return nil
			}})
		},
		"Events": func(n *yaml.Node) error { return t.readEvents(&f, n) },
		"Role":   func(*yaml.Node) error { f.Policy, err = t.readRole(role); return err },
	})
	if err != nil {
		return f, err
	}
	if f.Name == "" {
		return f, t.fault(n, "%s has no CodeUri", id)
	}
	return f, nil
}

// globals returns the section Globals.Function, evaluated.
func (t *reader) globals() (*yaml.Node, error) {
	section := t.section("Globals")
	if err := t.fields(section, "Globals", readers{"Function": nil}); err != nil {
		return nil, err
	}
	n := get(section, "Function")
	if n == nil {
		return &yaml.Node{Kind: yaml.MappingNode}, nil
	}
	return t.eval(n)
}

// merge lays own over globals as SAM does: objects by key, lists one after the other, else own wins.
func merge(globals, own *yaml.Node) *yaml.Node {
	switch {
	case globals.Kind != own.Kind || own.Kind == yaml.ScalarNode:
		return own
	case own.Kind == yaml.SequenceNode:
		out := *own
		out.Content = slices.Concat(globals.Content, own.Content)
		return &out
	}
	out := *own
	out.Content = nil
	for key, value := range pairs(globals) {
		if mine := get(own, key.Value); mine != nil {
			value = merge(value, mine)
		}
		out.Content = append(out.Content, key, value)
	}
	for key, value := range pairs(own) {
		if get(globals, key.Value) == nil {
			out.Content = append(out.Content, key, value)
		}
	}
	return &out
}

func (t *reader) readEvents(f *Function, n *yaml.Node) error {
	for name, event := range pairs(n) {
		kind := get(event, "Type")
		properties := get(event, "Properties")
		if kind == nil || properties == nil {
			return t.fault(name, "the event %s wants Type and Properties", name.Value)
		}
		var err error
		switch kind.Value {
		case "HttpApi":
			var r Route
			err = t.fields(properties, "HttpApi", readers{
				"ApiId": nil, "Method": t.text(&r.Method), "Path": t.text(&r.Path),
				"PayloadFormatVersion": t.isText("2.0"),
			})
			r.Method = strings.ToUpper(r.Method)
			f.Routes = append(f.Routes, r)
		case "DynamoDB":
			s := Stream{Name: name.Value, BatchSize: 100, Retries: -1, MaxAge: -1, Parallelization: 1}
			err = t.readStream(&s, properties)
			f.Streams = append(f.Streams, s)
		case "Schedule":
			s := Schedule{Name: name.Value}
			err = t.fields(properties, "Schedule", readers{
				"Schedule": t.text(&s.Expression), "Input": t.text(&s.Input), "Enabled": t.isText("true"),
				"Name": nil, "Description": nil, "RetryPolicy": nil, "DeadLetterConfig": nil,
			})
			f.Schedules = append(f.Schedules, s)
		default:
			err = t.fault(kind, "the event type %s is not understood", kind.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *reader) readStream(s *Stream, n *yaml.Node) error {
	return t.fields(n, "DynamoDB", readers{
		"Stream":           t.text(&s.Source),
		"StartingPosition": t.text(&s.StartingPosition),
		"Enabled":          t.isText("true"),
		"FilterCriteria": func(n *yaml.Node) error {
			return t.fields(n, "FilterCriteria", readers{"Filters": t.each(func(n *yaml.Node) error {
				return t.fields(n, "Filters", readers{"Pattern": func(n *yaml.Node) error {
					f, err := ParseFilter(n.Value)
					if err != nil {
						return t.fault(n, "%v", err)
					}
					s.Filters = append(s.Filters, f)
					return nil
				}})
			})})
		},
		"BatchSize":                      t.number(&s.BatchSize),
		"MaximumBatchingWindowInSeconds": t.seconds(&s.Window),
		"MaximumRetryAttempts":           t.number(&s.Retries),
		"MaximumRecordAgeInSeconds":      t.seconds(&s.MaxAge),
		"BisectBatchOnFunctionError":     t.boolean(&s.Bisect),
		"ParallelizationFactor":          t.number(&s.Parallelization),
		"FunctionResponseTypes": t.each(func(n *yaml.Node) error {
			s.ReportsFailures = true
			return t.isText("ReportBatchItemFailures")(n)
		}),
		"DestinationConfig": func(n *yaml.Node) error {
			return t.fields(n, "DestinationConfig", readers{"OnFailure": func(n *yaml.Node) error {
				return t.fields(n, "OnFailure", readers{"Type": nil, "Destination": t.text(&s.OnFailure)})
			}})
		},
	})
}

// readRole reads what the role allows. A function names its role by GetAtt.
func (t *reader) readRole(ref *yaml.Node) ([]Statement, error) {
	name, argument := intrinsic(ref)
	if name != "GetAtt" {
		return nil, t.fault(ref, "Role wants GetAtt of a role in this template")
	}
	id := strings.TrimSuffix(attribute(argument), ".Arn")
	role := get(t.section("Resources"), id)
	if kind := get(role, "Type"); kind == nil || kind.Value != "AWS::IAM::Role" {
		return nil, t.fault(ref, "%s is not an AWS::IAM::Role", id)
	}
	properties, err := t.properties(role)
	if err != nil {
		return nil, err
	}
	var out []Statement
	return out, t.fields(properties, "AWS::IAM::Role", readers{
		"AssumeRolePolicyDocument": nil, "Description": nil, "Tags": nil,
		"Policies": t.each(func(n *yaml.Node) error {
			return t.fields(n, "Policies", readers{"PolicyName": nil, "PolicyDocument": func(n *yaml.Node) error {
				return t.fields(n, "PolicyDocument", readers{
					"Version": t.isText("2012-10-17"),
					"Statement": t.each(func(n *yaml.Node) error {
						s, err := t.readStatement(n)
						out = append(out, s)
						return err
					}),
				})
			}})
		}),
	})
}

func (t *reader) readStatement(n *yaml.Node) (Statement, error) {
	var s Statement
	err := t.fields(n, "Statement", readers{
		"Sid": nil, "Effect": t.isText("Allow"), "Action": t.texts(&s.Actions),
		"Resource": t.texts(&s.Resources), "NotResource": t.texts(&s.NotResources),
		"Condition": func(n *yaml.Node) error {
			equals := func(n *yaml.Node) error {
				for key, values := range pairs(n) {
					c := Condition{Key: key.Value}
					if err := t.texts(&c.Values)(values); err != nil {
						return err
					}
					s.Conditions = append(s.Conditions, c)
				}
				return nil
			}
			return t.fields(n, "Condition", readers{"StringEquals": equals, "ForAllValues:StringEquals": equals})
		},
	})
	if err == nil && (len(s.Resources) == 0) == (len(s.NotResources) == 0) {
		err = t.fault(n, "Statement wants either Resource or NotResource")
	}
	return s, err
}
