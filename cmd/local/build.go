package main

// The functions' bootstraps, built as for Lambda but for this machine.

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// buildFunctions builds functions/<name> of the repository at root into dir/<name>/bootstrap, all in one go.
// What is up to date is not linked again.
func buildFunctions(ctx context.Context, root, dir string, names []string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	// go build names a program after its folder, and Lambda wants it named bootstrap: so each has a link.
	built := filepath.Join(dir, ".built")
	if err := os.MkdirAll(built, 0o700); err != nil {
		return err
	}
	args := []string{"build", "-tags=lambda.norpc", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", built + "/"}
	for _, name := range names {
		args = append(args, "./functions/"+name)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the functions: %w\n%s", err, out)
	}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
		link := bootstrapPath(dir, name)
		if _, err := os.Lstat(link); err == nil {
			continue
		}
		if err := os.Symlink(filepath.Join("..", ".built", name), link); err != nil {
			return err
		}
	}
	return nil
}

func bootstrapPath(dir, name string) string { return filepath.Join(dir, name, "bootstrap") }
