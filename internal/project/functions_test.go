package project

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"latchkey/internal/openapi"
	"latchkey/internal/sam"
)

func TestEveryFunctionIsInTheTemplateAndHasATrigger(t *testing.T) {
	var names []string
	for _, f := range template(t).Functions {
		names = append(names, f.Name)
		if want := camel(f.Name) + "Function"; f.LogicalID != want {
			t.Errorf("template.yaml calls functions/%s %s, and not %s", f.Name, f.LogicalID, want)
		}
		if len(f.Routes)+len(f.Streams)+len(f.Schedules) == 0 {
			t.Errorf("template.yaml: %s has neither a route nor another trigger", f.LogicalID)
		}
		if _, err := os.Stat(filepath.Join(root, "functions", f.Name, "main.go")); err != nil {
			t.Error(err)
		}
	}
	oneSided(t, folders(t), names,
		"this folder of functions/ is not in template.yaml", "template.yaml has this function, and functions/ has not")
}

// camel returns CreateInvite of create-invite.
func camel(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// resource is what this package asks of a resource in template.yaml beyond what package sam reads: roles, logs and
// alarms are nothing on one machine. Of `!Ref X` the decoder keeps the X, of `!GetAtt X.Arn` the X.Arn.
type resource struct {
	Type       string `yaml:"Type"`
	Properties struct {
		Role          string `yaml:"Role"`
		LoggingConfig struct {
			LogGroup string `yaml:"LogGroup"`
		} `yaml:"LoggingConfig"`
		RetentionInDays string `yaml:"RetentionInDays"`
		MetricName      string `yaml:"MetricName"`
		Dimensions      []struct {
			Value string `yaml:"Value"`
		} `yaml:"Dimensions"`
		AlarmActions []string `yaml:"AlarmActions"`
	} `yaml:"Properties"`
}

func resources(t *testing.T) map[string]resource {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Resources map[string]resource `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Resources
}

func TestEveryFunctionHasItsOwnRoleLogsAndAlarms(t *testing.T) {
	all := resources(t)
	var used []string // roles and log groups of functions
	for _, f := range template(t).Functions {
		p := all[f.LogicalID].Properties
		role, logs := strings.TrimSuffix(p.Role, ".Arn"), p.LoggingConfig.LogGroup
		if slices.Contains(used, role) || all[role].Type != "AWS::IAM::Role" {
			t.Errorf("%s has not a role of its own: %q", f.LogicalID, role)
		}
		if slices.Contains(used, logs) || all[logs].Type != "AWS::Logs::LogGroup" {
			t.Errorf("%s has not a log group of its own: %q", f.LogicalID, logs)
		}
		used = append(used, role, logs)

		metrics := []string{"Errors", "Throttles"}
		if len(f.Streams) > 0 {
			metrics = append(metrics, "IteratorAge")
		}
		for _, metric := range metrics {
			if !alarmed(all, f.LogicalID, metric) {
				t.Errorf("%s has no alarm on %s that tells anybody", f.LogicalID, metric)
			}
		}
	}
	queues := 0
	for id, r := range all {
		switch r.Type {
		case "AWS::Logs::LogGroup":
			if r.Properties.RetentionInDays == "" {
				t.Errorf("%s keeps its logs for ever", id)
			}
			if !slices.Contains(used, id) && id != "ApiLogs" {
				t.Errorf("%s is the log group of nothing", id)
			}
		case "AWS::IAM::Role":
			if !slices.Contains(used, id) {
				t.Errorf("%s is the role of no function", id)
			}
		case "AWS::SQS::Queue":
			queues++
			if !alarmed(all, id+".QueueName", "ApproximateNumberOfMessagesVisible") {
				t.Errorf("%s has no alarm on its depth", id)
			}
		case "AWS::CloudWatch::Alarm":
			for _, d := range r.Properties.Dimensions {
				if _, ok := all[strings.TrimSuffix(d.Value, ".QueueName")]; !ok {
					t.Errorf("%s watches %s, which does not exist", id, d.Value)
				}
			}
		}
	}
	if queues == 0 {
		t.Error("found no queue")
	}
}

// alarmed reports whether some alarm on that metric of that thing tells somebody.
func alarmed(all map[string]resource, value, metric string) bool {
	for _, r := range all {
		p := r.Properties
		if r.Type == "AWS::CloudWatch::Alarm" && p.MetricName == metric && len(p.AlarmActions) > 0 &&
			len(p.Dimensions) == 1 && p.Dimensions[0].Value == value {
			return true
		}
	}
	return false
}

// sample is what a file of events/ may be: a request of payload format 2.0, records of a stream, or a scheduled event.
type sample struct {
	Version        string            `json:"version"`
	RouteKey       string            `json:"routeKey"`
	RawPath        string            `json:"rawPath"`
	PathParameters map[string]string `json:"pathParameters"`
	RequestContext struct {
		HTTP struct{ Method, Path string } `json:"http"`
	} `json:"requestContext"`

	Records []json.RawMessage

	DetailType string `json:"detail-type"`
}

func TestEveryFunctionHasASampleEventThatWouldReachIt(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "events", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	functions := template(t).Functions
	seen := map[string]bool{}
	for _, path := range files {
		file := filepath.Base(path)
		// Of several samples for one function, the name goes on after a dot: browse.members.json.
		name, _, _ := strings.Cut(file, ".")
		i := slices.IndexFunc(functions, func(f sam.Function) bool { return f.Name == name })
		if i < 0 {
			t.Errorf("events/%s is for no function of template.yaml", file)
			continue
		}
		seen[name] = true
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var s sample
		if err := json.Unmarshal(text, &s); err != nil {
			t.Errorf("events/%s: %v", file, err)
		} else if !s.reaches(functions[i]) {
			t.Errorf("events/%s: nothing in template.yaml brings such an event to %s", file, name)
		}
	}
	for _, f := range functions {
		if !seen[f.Name] {
			t.Errorf("events/%s.json is missing", f.Name)
		}
	}
}

func (s sample) reaches(f sam.Function) bool {
	for _, r := range f.Routes {
		path := r.Path
		for name, value := range s.PathParameters {
			path = strings.ReplaceAll(path, "{"+name+"}", value)
		}
		http := s.RequestContext.HTTP
		if s.Version == "2.0" && s.RouteKey == r.Method+" "+r.Path && http.Method == r.Method &&
			s.RawPath == path && http.Path == path {
			return true
		}
	}
	for _, stream := range f.Streams {
		unwanted := func(record json.RawMessage) bool { return !stream.Wants(record) }
		if len(s.Records) > 0 && !slices.ContainsFunc(s.Records, unwanted) {
			return true
		}
	}
	return len(f.Schedules) > 0 && s.DetailType == "Scheduled Event"
}

func TestOpenAPIHasTheRoutesOfTheTemplate(t *testing.T) {
	spec, err := openapi.Load(filepath.Join(root, "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var routes []string
	for _, f := range template(t).Functions {
		for _, r := range f.Routes {
			// Pages are for browsers, and no part of the contract.
			if !strings.HasPrefix(r.Path, "/join/") && !strings.HasPrefix(r.Path, "/assets/") {
				routes = append(routes, r.Method+" "+r.Path)
			}
		}
	}
	if len(routes) == 0 || len(spec.Operations()) == 0 {
		t.Fatalf("found %d routes and %d operations", len(routes), len(spec.Operations()))
	}
	oneSided(t, routes, spec.Operations(),
		"openapi.yaml lacks this route of template.yaml", "template.yaml lacks this operation of openapi.yaml")
}

func TestNoRouteStandsTwice(t *testing.T) {
	owner := map[string]string{}
	for _, f := range template(t).Functions {
		for _, r := range f.Routes {
			key := r.Method + " " + r.Path
			if other, ok := owner[key]; ok {
				t.Errorf("%s goes to %s and to %s", key, other, f.Name)
			}
			owner[key] = f.Name
		}
	}
	if len(owner) < 10 {
		t.Errorf("found only %d routes", len(owner))
	}
}
