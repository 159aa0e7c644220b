// Package project holds the repository together: it has tests only. They name what was forgotten when a function, a
// route or a package is added.
package project

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"latchkey/internal/dynamolocal/dynamotest"
	"latchkey/internal/sam"
)

const root = "../.."

// goPackage is what `go list` says of a package.
type goPackage struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string // direct and indirect
}

// list answers the module's packages as they are compiled for Lambda, by path without the module's name. Tests are not
// looked at: they may import what they like.
func list(t *testing.T) map[string]goPackage {
	t.Helper()
	packages, err := listed()
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 10 {
		t.Fatalf("go list found only %d packages", len(packages))
	}
	return packages
}

var listed = sync.OnceValues(func() (map[string]goPackage, error) {
	cmd := exec.Command("go", "list", "-tags=lambda.norpc", "-json=ImportPath,Dir,GoFiles,Imports,Deps", "./...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	var faults bytes.Buffer
	cmd.Stderr = &faults
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, faults.Bytes())
	}
	packages := map[string]goPackage{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages, nil
		case err != nil:
			return nil, err
		}
		packages[strings.TrimPrefix(p.ImportPath, "latchkey/")] = p
	}
})

// template is template.yaml with text messages on: so it holds all that it can.
func template(t *testing.T) *sam.Template {
	t.Helper()
	return templateWith(t, map[string]string{"SmsEnabled": "true"})
}

func templateWith(t *testing.T, changes map[string]string) *sam.Template {
	t.Helper()
	parameters := maps.Clone(dynamotest.Parameters)
	maps.Copy(parameters, changes)
	read, err := sam.Load(filepath.Join(root, "template.yaml"), sam.Options{Parameters: parameters})
	if err != nil {
		t.Fatal(err)
	}
	if len(read.Functions) < 7 {
		t.Fatalf("template.yaml has only %d functions", len(read.Functions))
	}
	return read
}

// folders are the names below functions/.
func folders(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "functions"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	if len(names) < 7 {
		t.Fatalf("functions/ has only %q", names)
	}
	return names
}

// oneSided says of each name that stands in a and not in b what is missing, and of the others likewise.
func oneSided(t *testing.T, a, b []string, missingInB, missingInA string) {
	t.Helper()
	for _, name := range a {
		if !slices.Contains(b, name) {
			t.Errorf("%s: %s", name, missingInB)
		}
	}
	for _, name := range b {
		if !slices.Contains(a, name) {
			t.Errorf("%s: %s", name, missingInA)
		}
	}
}
