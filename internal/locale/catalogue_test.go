package locale

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

func TestTextFillsPlaceholdersOnce(t *testing.T) {
	const key = "mail.invitation.body"
	got := English.Text(key, "inviter", "{organization}", "organization", "{inviter}", "nobody", "x")
	if want := "{organization} invites you to join {inviter}."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := English.Text(key, "inviter", "Ann", "organization"); got != "Ann invites you to join {organization}." {
		t.Errorf("a name without a value: %q", got)
	}
	if German.Text(key) == English.Text(key) {
		t.Error("German speaks English")
	}
	if got := Tag("fr").Text(key); got != English.Text(key) {
		t.Errorf("an unknown language says %q", got)
	}
	if got := English.Text("mail.nothing"); got != "mail.nothing" {
		t.Errorf("an unknown key says %q", got)
	}
}

// The files, in pairs of English and its translation.
var pairs = map[string][2]string{
	"mail.": {"en.json", "de.json"},
	"page.": {"pages.en.json", "pages.de.json"},
	"text.": {"texts.en.json", "texts.de.json"},
}

var (
	wellNamed   = regexp.MustCompile(`^(mail|page|text)(\.[a-z0-9]+(_[a-z0-9]+)*)+$`)
	placeholder = regexp.MustCompile(`\{[^{}]*\}`)
	oneName     = regexp.MustCompile(`^\{[a-z]+(_[a-z]+)*\}$`)
)

func TestEveryFileBelongsToAPair(t *testing.T) {
	have, err := fs.Glob(files, "*.json")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, pair := range pairs {
		want = append(want, pair[:]...)
	}
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("files %q, want %q", have, want)
	}
}

func TestLanguagesHaveTheSameKeysAndPlaceholders(t *testing.T) {
	for _, pair := range pairs {
		english, german := readFile(t, pair[0]), readFile(t, pair[1])
		for key := range english {
			if _, ok := german[key]; !ok {
				t.Errorf("%s lacks %s", pair[1], key)
				continue
			}
			want, got := placeholders(english[key]), placeholders(german[key])
			if !slices.Equal(want, got) {
				t.Errorf("%s: English has %q, German %q", key, want, got)
			}
		}
		for key := range german {
			if _, ok := english[key]; !ok {
				t.Errorf("%s lacks %s", pair[0], key)
			}
		}
	}
}

func placeholders(text string) []string {
	return slices.Compact(slices.Sorted(slices.Values(placeholder.FindAllString(text, -1))))
}

func TestTextsArePlain(t *testing.T) {
	for prefix, pair := range pairs {
		for _, name := range pair {
			for key, text := range readFile(t, name) {
				if !wellNamed.MatchString(key) || !strings.HasPrefix(key, prefix) {
					t.Errorf("%s: %q is no key for this file", name, key)
				}
				if text == "" || text != strings.Join(strings.Fields(text), " ") {
					t.Errorf("%s: %s is empty or has white space to spare: %q", name, key, text)
				}
				// A text goes into HTML, plain text and subjects alike.
				if strings.ContainsAny(text, "<>&\\`") || strings.ContainsFunc(text, unicode.IsControl) {
					t.Errorf("%s: %s holds markup: %q", name, key, text)
				}
				if strings.ContainsAny(placeholder.ReplaceAllString(text, ""), "{}") {
					t.Errorf("%s: %s has a brace without its pair: %q", name, key, text)
				}
				for _, p := range placeholders(text) {
					if !oneName.MatchString(p) {
						t.Errorf("%s: %s has no good name for a placeholder: %s", name, key, p)
					}
				}
			}
		}
	}
}

// TestFilesAreFormatted keeps the files easy to compare: one key a line, sorted, none twice.
func TestFilesAreFormatted(t *testing.T) {
	for _, pair := range pairs {
		for _, name := range pair {
			raw, err := files.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var formatted bytes.Buffer
			encoder := json.NewEncoder(&formatted)
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", "  ")
			if err := encoder.Encode(readFile(t, name)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(raw, formatted.Bytes()) {
				t.Errorf("%s is not sorted and indented by two spaces, or has a key twice; want:\n%s", name, &formatted)
			}
		}
	}
}

// use finds keys, and beginnings of keys that are put together: "page.error" + ".text".
var use = regexp.MustCompile("[\"'`]((?:mail|page|text)(?:\\.[a-z0-9_]+)+)\\.?[\"'`]")

// TestKeysAreUsedAndThere reads every string in the sources and the templates that looks like a key.
func TestKeysAreUsedAndThere(t *testing.T) {
	texts := English.texts()
	unused := maps.Clone(texts)
	found := 0
	for path, source := range sources(t) {
		for _, match := range use.FindAllStringSubmatch(source, -1) {
			key := match[1]
			switch filepath.Ext(key) {
			case ".html", ".txt", ".css", ".json":
				continue // a file
			case ".com", ".de", ".ru":
				continue // a domain
			}
			found++
			if _, whole := texts[key]; whole {
				delete(unused, key)
				continue
			}
			begins := func(k, _ string) bool { return strings.HasPrefix(k, key+".") }
			rest := maps.Clone(texts)
			if maps.DeleteFunc(rest, begins); len(rest) == len(texts) {
				t.Errorf("%s: no text for %s", path, key)
			}
			maps.DeleteFunc(unused, begins)
		}
	}
	if found == 0 {
		t.Error("no source asks for a text: this test looks in the wrong place")
	}
	for _, key := range slices.Sorted(maps.Keys(unused)) {
		t.Errorf("nobody asks for %s", key)
	}
}

// sources returns what the programs are built from: Go files that are no tests, and templates.
func sources(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if path != root && (name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".")) {
				return fs.SkipDir
			}
			return nil
		case strings.HasSuffix(name, "_test.go"):
			return nil
		}
		switch filepath.Ext(name) {
		case ".go", ".html", ".txt":
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			found[path] = string(raw)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func readFile(t *testing.T, name string) map[string]string {
	t.Helper()
	raw, err := files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]string
	if err := json.Unmarshal(raw, &texts); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return texts
}
