package main

import (
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"time"

	"latchkey/internal/config"
	"latchkey/internal/dynamolocal"
	"latchkey/internal/onboarding"
	"latchkey/internal/sam"
)

const (
	tableName = "latchkey"
	baseURL   = "https://join.example.com"
)

// medium is where DynamoDB Local keeps its data.
type medium string

const (
	none   medium = "–" // no database takes part
	memory medium = "memory"
	disk   medium = "disk"
)

// lab is what the measures share.
type lab struct {
	quick    bool
	progress io.Writer
	root     string // of the repository
	dir      string // what is built stays here, for the next run
	scratch  string // gone with the lab
	keyFile  string
	keys     onboarding.Keys
	world    onboarding.World
	log      *os.File // where the functions' logs go: written as on Lambda, and not kept
	quiet    *quiet

	// What buildPrograms has built.
	functions        []sam.Function
	native, deployed string // folders with a program for each
}

func openLab(o options, progress io.Writer) (l *lab, err error) {
	// The databases are ours, and a bundle of certificates to read would be a part of every start.
	for _, name := range []string{dynamolocal.EndpointVariable, "AWS_CA_BUNDLE"} {
		if err := os.Unsetenv(name); err != nil {
			return nil, err
		}
	}
	l = &lab{quick: o.quick, progress: progress, world: onboarding.World{Now: time.Now, Rand: rand.Reader},
		quiet: &quiet{left: o.wait}}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.root, err = dynamolocal.Root(); err != nil {
		return nil, err
	}
	l.dir = filepath.Join(l.root, "dist", "bench")
	if err = os.MkdirAll(l.dir, 0o755); err != nil {
		return nil, err
	}
	if l.scratch, err = os.MkdirTemp(l.dir, "scratch-"); err != nil {
		return nil, err
	}
	if l.log, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
		return nil, err
	}
	l.keyFile = filepath.Join(l.scratch, "master-key.json")
	key := mustJSON(map[string]string{"current": "1", "1": rand.Text() + rand.Text() + rand.Text()})
	if err = os.WriteFile(l.keyFile, key, 0o600); err != nil {
		return nil, err
	}
	l.keys, err = config.ReadKeyFile(l.keyFile)
	return l, err
}

func (l *lab) close() {
	if l.log != nil {
		l.log.Close()
	}
	if l.scratch != "" {
		os.RemoveAll(l.scratch)
	}
}

// plan gives a comparison its time: enough for figures, or little where it is only tried.
func (l *lab) plan(tasks, workers int) plan {
	if l.quick {
		return plan{tasks, workers, 0, 0}
	}
	return plan{tasks, workers, 4 * time.Second, 10 * time.Second}
}

// few is n, or a tenth of it where it is only tried.
func (l *lab) few(n int) int {
	if l.quick {
		return n / 10
	}
	return n
}

// template reads template.yaml.
func (l *lab) template() (*sam.Template, error) {
	return sam.Load(filepath.Join(l.root, "template.yaml"), sam.Options{
		Parameters: map[string]string{
			"Stage": "bench", "BaseUrl": baseURL, "SenderIdentity": "example.com", "SenderAddress": "join@example.com",
		},
		Values: map[string]string{"Table": tableName},
	})
}
