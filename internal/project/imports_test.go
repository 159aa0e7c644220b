package project

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/sam"
)

// rooms are the rooms of the house, and for each the rooms that it may import. A package belongs to the room that its
// path begins with; within a room everything may import everything.
var rooms = map[string][]string{
	// What is deployed. Arrows point down, and the middle ones never import each other.
	"functions": {
		"internal/lambdahttp", "internal/api", "internal/table", "internal/notify", "internal/config", "internal/numbers",
		"internal/onboarding", "internal/locale", "internal/spreadsheet", "internal/telemetry",
	},
	"internal/lambdahttp":  {"internal/telemetry"},
	"internal/api":         {"internal/onboarding", "internal/locale", "internal/spreadsheet", "internal/telemetry"},
	"internal/table":       {"internal/onboarding", "internal/telemetry"},
	"internal/notify":      {"internal/onboarding", "internal/locale", "internal/telemetry"},
	"internal/numbers":     {"internal/onboarding"},
	"internal/config":      {"internal/onboarding"},
	"internal/onboarding":  {},
	"internal/locale":      {},
	"internal/spreadsheet": {},
	"internal/telemetry":   {},

	// What is for people who work on it or run it.
	"cmd/latchkey": {
		"internal/table", "internal/notify", "internal/numbers", "internal/config", "internal/onboarding", "internal/locale",
		"internal/spreadsheet",
	},
	"cmd/local": {
		"internal/sam", "internal/dynamolocal", "internal/child", "internal/config", "internal/table",
		"internal/onboarding", "internal/locale",
	},
	"cmd/bench": {
		"internal/sam", "internal/dynamolocal", "internal/child", "internal/config", "internal/table", "internal/api",
		"internal/lambdahttp", "internal/numbers", "internal/onboarding", "internal/telemetry",
	},
	"internal/sam":         {},
	"internal/openapi":     {},
	"internal/child":       {},
	"internal/dynamolocal": {"internal/sam", "internal/child"},
	"internal/project":     {},
	"scripts":              {},
}

// room returns the room of a package; "" for none.
func room(path string) string {
	for name := range rooms {
		if path == name || strings.HasPrefix(path, name+"/") {
			return name
		}
	}
	return ""
}

func TestImportsPointDown(t *testing.T) {
	packages := list(t)
	arrows, used := 0, map[string]bool{}
	for _, path := range slices.Sorted(maps.Keys(packages)) {
		from := room(path)
		if from == "" {
			t.Errorf("%s is in none of the rooms that this test knows", path)
			continue
		}
		used[from] = true
		for _, imported := range packages[path].Imports {
			imported, ours := strings.CutPrefix(imported, "latchkey/")
			if !ours || room(imported) == from {
				continue
			}
			arrows++
			if !slices.Contains(rooms[from], room(imported)) {
				t.Errorf("%s must not import %s", path, imported)
			}
		}
	}
	if arrows < 20 {
		t.Errorf("found only %d imports from one room into another", arrows)
	}
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		if !used[name] {
			t.Errorf("the room %s is empty", name)
		}
	}
}

// The domain speaks no protocol: it can be read, tested and kept while everything around it changes.
func TestTheDomainKnowsNoProtocol(t *testing.T) {
	domain, ok := list(t)["internal/onboarding"]
	if !ok {
		t.Fatal("there is no internal/onboarding")
	}
	// Of other modules, only those that compute values.
	pure := []string{"golang.org/x/crypto/", "golang.org/x/net/idna", "golang.org/x/net/publicsuffix",
		"golang.org/x/sync/", "golang.org/x/text/", "github.com/oklog/ulid/"}
	for _, imported := range domain.Imports {
		host, _, _ := strings.Cut(imported, "/")
		foreign := strings.Contains(host, ".")
		if foreign && !slices.ContainsFunc(pure, func(p string) bool { return strings.HasPrefix(imported, p) }) {
			t.Errorf("the domain imports %s", imported)
		}
		switch host {
		case "net":
			if imported != "net/netip" && imported != "net/url" {
				t.Errorf("the domain imports %s", imported)
			}
		case "os", "database", "embed", "html":
			t.Errorf("the domain imports %s", imported)
		case "encoding":
			if imported == "encoding/json" || strings.HasPrefix(imported, "encoding/json/") || imported == "encoding/xml" {
				t.Errorf("the domain imports %s", imported)
			}
		}
	}
	for _, linked := range domain.Deps {
		if linked == "net/http" || strings.HasPrefix(linked, "github.com/aws/") {
			t.Errorf("the domain links %s", linked)
		}
	}
	if tags := structTags(t, domain); len(tags) > 0 {
		t.Errorf("the domain's structs have tags: %q", tags)
	}
}

func structTags(t *testing.T, p goPackage) []string {
	t.Helper()
	var tags []string
	fields := 0
	for _, file := range p.GoFiles {
		tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if f, ok := n.(*ast.Field); ok {
				fields++
				if f.Tag != nil {
					tags = append(tags, f.Tag.Value)
				}
			}
			return true
		})
	}
	if fields < 50 {
		t.Errorf("found only %d fields in %s", fields, p.ImportPath)
	}
	return tags
}

// What a function does not need costs it start-up time and memory, and gives whoever breaks in one more tool.
func TestFunctionsLinkNothingOfTheWorkshop(t *testing.T) {
	packages := list(t)
	for _, name := range folders(t) {
		for _, linked := range packages["functions/"+name].Deps {
			ours, _ := strings.CutPrefix(linked, "latchkey/")
			switch {
			case linked == "testing", linked == "os/exec", linked == "net/http/httptest", linked == "net/http/pprof",
				strings.HasPrefix(linked, "go.yaml.in/"),
				strings.HasPrefix(linked, "github.com/aws/aws-sdk-go-v2/credentials"),
				linked == "github.com/aws/aws-sdk-go-v2/config",
				ours != linked && !slices.Contains(rooms["functions"], room(ours)):
				t.Errorf("functions/%s links %s", name, linked)
			}
		}
	}
}

// The port unpacks all its metadata whenever a program starts. Only what writes the table of internal/numbers may link it.
func TestNobodyLinksThePortOfLibphonenumber(t *testing.T) {
	const generator = "internal/numbers/generate"
	packages := list(t)
	for _, path := range slices.Sorted(maps.Keys(packages)) {
		links := slices.ContainsFunc(packages[path].Deps, func(linked string) bool {
			return strings.HasPrefix(linked, "github.com/nyaruka/") || strings.HasPrefix(linked, "google.golang.org/protobuf/")
		})
		if links != (path == generator) {
			t.Errorf("%s links the port: %t", path, links)
		}
	}
	if _, ok := packages[generator]; !ok {
		t.Errorf("there is no %s", generator)
	}
}

// clients are the SDK clients that permissions for a service are for. Some permissions are for Lambda itself, which acts
// with the function's role: it writes the logs and hands what failed to a queue.
var clients = map[string]string{
	"dynamodb": "dynamodb", "secretsmanager": "secretsmanager", "ses": "sesv2", "sns": "sns",
	"logs": "", "sqs": "",
}

var sdkClient = regexp.MustCompile(`^github\.com/aws/aws-sdk-go-v2/service/([a-z0-9]+)$`)

func TestAFunctionLinksTheClientsThatItMayUse(t *testing.T) {
	packages := list(t)
	for _, f := range template(t).Functions {
		may := clientsOf(t, f)
		var links []string
		for _, linked := range packages["functions/"+f.Name].Deps {
			if m := sdkClient.FindStringSubmatch(linked); m != nil {
				links = append(links, m[1])
			}
		}
		if len(may) == 0 || len(links) == 0 {
			t.Errorf("%s: found %d clients that it may use, and %d that it links", f.Name, len(may), len(links))
		}
		oneSided(t, links, may,
			"this SDK client is linked into "+f.Name+", whose policy allows nothing with it",
			f.Name+" has permissions for this, and links no client for it")
	}
}

// clientsOf are the clients that a function's policy is for.
func clientsOf(t *testing.T, f sam.Function) (may []string) {
	t.Helper()
	for _, s := range f.Policy {
		for _, action := range s.Actions {
			service, _, _ := strings.Cut(action, ":")
			client, known := clients[service]
			if !known {
				t.Errorf("%s: this test does not know what is the client for %s", f.Name, action)
			}
			if client != "" && !slices.Contains(may, client) {
				may = append(may, client)
			}
		}
	}
	return may
}

// A phone number is no resource in IAM, so what is done with one cannot be narrowed by name. These statements are the
// exceptions, and all of them.
var onPhones = []sam.Statement{
	{Actions: []string{"sns:Publish"}, NotResources: []string{"arn:aws:sns:*:*:*"}},
	{Actions: []string{"sns:CheckIfPhoneNumberIsOptedOut"}, Resources: []string{"*"}},
}

func TestPoliciesAreExact(t *testing.T) {
	statements := 0
	for _, f := range template(t).Functions {
		for _, s := range f.Policy {
			statements++
			if f.Name == "deliver" && slices.ContainsFunc(onPhones, func(p sam.Statement) bool { return reflect.DeepEqual(p, s) }) {
				continue
			}
			for _, text := range slices.Concat(s.Actions, s.Resources) {
				if strings.ContainsAny(text, "*?") {
					t.Errorf("%s: its policy has a wildcard: %s", f.Name, text)
				}
			}
			if len(s.NotResources) > 0 {
				t.Errorf("%s: its policy allows everything but %q", f.Name, s.NotResources)
			}
		}
	}
	if statements < 20 {
		t.Errorf("found only %d statements", statements)
	}
}
