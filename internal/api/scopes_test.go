package api

import (
	"slices"
	"strings"
	"testing"

	"latchkey/internal/onboarding"
	"latchkey/internal/openapi"
)

// What the contract promises for each operation is what the routes ask for, and every scope is good for something.
func TestEveryOperationHasTheScopeOfTheContract(t *testing.T) {
	spec, err := openapi.Load("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var used []onboarding.Scope
	for _, name := range spec.Operations() {
		scope := scopes[name]
		if got := spec.Scope(name); got != string(scope) {
			t.Errorf("%s: openapi.yaml says %q, and the route %q", name, got, scope)
		}
		if keyless := !strings.Contains(name, "/v1/organizations/") || strings.Contains(name, "/api-keys"); keyless != (scope == "") {
			t.Errorf("%s has the scope %q", name, scope)
		}
		if reads := strings.HasSuffix(string(scope), ":read"); reads && !strings.HasPrefix(name, "GET ") &&
			!strings.HasSuffix(name, "/preview") && !strings.HasSuffix(name, "/evaluate") || !reads && scope != "" && strings.HasPrefix(name, "GET ") {
			t.Errorf("%s has the scope %q", name, scope)
		}
		used = append(used, scope)
	}
	for name := range scopes {
		if !slices.Contains(spec.Operations(), name) {
			t.Errorf("there is no operation %s", name)
		}
	}
	for _, scope := range onboarding.Scopes {
		if !slices.Contains(used, scope) {
			t.Errorf("the scope %s is good for nothing", scope)
		}
	}
}

func TestAKeyReachesWhatItsScopesSay(t *testing.T) {
	const members, export, keys = "GET /v1/organizations/{org}/members", "GET /v1/organizations/{org}/members/export", "GET /v1/organizations/{org}/api-keys"
	reader, writer := &onboarding.APIKey{Scopes: []onboarding.Scope{"members:read"}}, &onboarding.APIKey{Scopes: []onboarding.Scope{"members:write"}}
	for _, c := range []struct {
		pattern string
		key     *onboarding.APIKey
		want    onboarding.Code
	}{
		{members, reader, ""}, {export, reader, ""}, {members, nil, ""}, {keys, nil, ""}, {"", nil, ""},
		{members, writer, onboarding.ScopeMissing}, {"POST /v1/organizations/{org}/members", reader, onboarding.ScopeMissing},
		{keys, reader, onboarding.Forbidden}, {"GET /v1/sessions/current", reader, onboarding.Forbidden}, {"", reader, onboarding.Forbidden},
		{members, &onboarding.APIKey{}, onboarding.ScopeMissing},
	} {
		var got onboarding.Code
		if refusal, _ := asRefusal(reaches(c.pattern, c.key)); refusal != nil {
			got = refusal.Code
		}
		if got != c.want {
			t.Errorf("%q with %+v: %q, want %q", c.pattern, c.key, got, c.want)
		}
	}
}
