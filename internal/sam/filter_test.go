package sam_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"latchkey/internal/sam"
)

func TestFilters(t *testing.T) {
	const event = `{"eventName":"MODIFY","n":3,"nil":null,"list":["a","b"],
		"dynamodb":{"NewImage":{"wake":{"S":"owed"}}}}`
	for _, c := range []struct {
		pattern string
		want    bool
	}{
		{`{"eventName":["MODIFY"]}`, true},
		{`{"eventName":["INSERT","MODIFY"]}`, true},
		{`{"eventName":["INSERT"]}`, false},
		{`{"eventName":["MODIFY"],"n":[4]}`, false},
		{`{"n":[3]}`, true},
		{`{"n":["3"]}`, false},
		{`{"nil":[null]}`, true},
		{`{"nothing":[null]}`, false},
		{`{"list":["b"]}`, true},
		{`{"list":["c"]}`, false},
		{`{"dynamodb":{"NewImage":{"wake":{"S":["owed"]}}}}`, true},
		{`{"dynamodb":{"NewImage":{"wake":{"S":["held"]}}}}`, false},
		{`{"dynamodb":{"OldImage":{"wake":{"S":["owed"]}}}}`, false},
		{`{"eventName":{"deeper":["MODIFY"]}}`, false},
		{`{"eventName":[{"prefix":"MOD"}]}`, true},
		{`{"eventName":[{"prefix":"INS"},"MODIFY"]}`, true},
		{`{"n":[{"prefix":"3"}]}`, false},
		{`{"eventName":[{"exists":true}]}`, true},
		{`{"eventName":[{"exists":false}]}`, false},
		{`{"nothing":[{"exists":false}]}`, true},
		{`{"nothing":[{"exists":true}]}`, false},
		{`{"dynamodb":{"OldImage":{"wake":{"S":[{"exists":false}]}}}}`, true},
		{`{"dynamodb":[{"exists":true}]}`, false},
		{`{"eventName":[{"anything-but":["REMOVE"]}]}`, true},
		{`{"eventName":[{"anything-but":"MODIFY"}]}`, false},
		{`{"nothing":[{"anything-but":"MODIFY"}]}`, false},
	} {
		f, err := sam.ParseFilter(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got := f.Match([]byte(event)); got != c.want {
			t.Errorf("%s: matched %v", c.pattern, got)
		}
	}
}

func TestFiltersRefuseByName(t *testing.T) {
	for pattern, want := range map[string]string{
		`{`:                                    "unexpected EOF",
		`[]`:                                   "not an object",
		`{}`:                                   "nothing is asked",
		`{"a":{}}`:                             `nothing is asked of "a"`,
		`{"a":[]}`:                             "a may be nothing at all",
		`{"a":"b"}`:                            "a is neither a list nor an object",
		`{"a":{"b":[["c"]]}}`:                  "a.b has a list within its list",
		`{"a":["b"]} {}`:                       "more than one document",
		`{"a":[{"numeric":[">",1]}]}`:          `the operator "numeric" is not understood`,
		`{"$or":[{"a":["b"]}]}`:                `the operator "a" is not understood`,
		`{"a":[{"prefix":"b","exists":true}]}`: "one operator at a time",
		`{"a":[{"prefix":1}]}`:                 "prefix of what?",
		`{"a":[{"exists":"yes"}]}`:             "exists of what?",
		`{"a":[{"anything-but":{"prefix":"b"}}]}`: "anything-but of what?",
		`{"a":[{"anything-but":[]}]}`:             "anything-but of what?",
	} {
		if _, err := sam.ParseFilter(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", pattern, err, want)
		}
	}
}

// Every pattern that is accepted matches an event made after it, and matching never fails on any event.
func FuzzFilter(f *testing.F) {
	for _, pattern := range []string{
		`{"eventName":["INSERT","MODIFY"],"dynamodb":{"NewImage":{"wake":{"S":["owed"]}}}}`,
		`{"a":[{"prefix":"b"}],"c":[{"exists":false}],"d":[{"anything-but":["e",1,null]}],"f":[{"exists":true}]}`,
		`{"a":[null,true,1.5]}`,
	} {
		f.Add(pattern, `{"a":[{},[],null],"eventName":{"x":1}}`)
	}
	f.Fuzz(func(t *testing.T, pattern, event string) {
		filter, err := sam.ParseFilter(pattern)
		if err != nil {
			return
		}
		filter.Match([]byte(event))
		var doc map[string]any
		if err := json.Unmarshal([]byte(pattern), &doc); err != nil {
			t.Fatalf("accepted what is not an object: %v", err)
		}
		made, err := json.Marshal(example(doc))
		if err != nil {
			t.Fatal(err)
		}
		if !filter.Match(made) {
			t.Errorf("%s does not match %s", pattern, made)
		}
	})
}

// example makes an event that the pattern must match, from the first alternative of each leaf.
func example(pattern map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range pattern {
		if sub, ok := v.(map[string]any); ok {
			out[name] = example(sub)
			continue
		}
		first := v.([]any)[0]
		operator, ok := first.(map[string]any)
		if !ok {
			out[name] = first
			continue
		}
		if prefix, ok := operator["prefix"]; ok {
			out[name] = prefix
		}
		if exists, ok := operator["exists"]; ok && exists == true {
			out[name] = "here"
		}
		if but, ok := operator["anything-but"]; ok {
			list, isList := but.([]any)
			if !isList {
				list = []any{but}
			}
			out[name] = other(list)
		}
	}
	return out
}

// other returns a text that is in no list.
func other(list []any) string {
	s := "other"
	for i := 0; i < len(list); i++ {
		if reflect.DeepEqual(list[i], s) {
			s, i = s+"!", -1
		}
	}
	return s
}
