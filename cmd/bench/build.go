package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// buildPrograms builds what is started here, for this machine, and the functions as they are deployed. Only the first
// call does.
func (l *lab) buildPrograms(ctx context.Context) error {
	if l.functions != nil {
		return nil
	}
	template, err := l.template()
	if err != nil {
		return err
	}
	var packages []string
	for _, f := range template.Functions {
		packages = append(packages, "./functions/"+f.Name)
	}
	if l.deployed, err = l.build(ctx, "arm64", packages); err != nil {
		return err
	}
	if l.native, err = l.build(ctx, runtime.GOARCH, append(packages, "./cmd/bench/bare", "./scripts/zip")); err != nil {
		return err
	}
	l.functions = template.Functions
	return nil
}

// build builds packages as make build does, all in one go, and answers the folder with a program named after each.
func (l *lab) build(ctx context.Context, arch string, packages []string) (dir string, err error) {
	dir = filepath.Join(l.dir, arch)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	args := []string{"build", "-tags=lambda.norpc", "-trimpath", "-ldflags=-s", "-buildvcs=false", "-o", dir + "/"}
	cmd := exec.CommandContext(ctx, "go", append(args, packages...)...)
	cmd.Dir = l.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS=linux", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
}
