package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// progress tells how far a run is: on a terminal in one line that is drawn anew, elsewhere in a line for each tenth.
type progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time
	began    time.Time
	all      int

	mu   sync.Mutex // notes may come from elsewhere
	done int
	told int // tenths
}

func newProgress(out io.Writer, quiet bool, all int) *progress {
	if quiet {
		out = io.Discard
	}
	return &progress{out: out, terminal: isTerminal(out), now: time.Now, began: time.Now(), all: all}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (p *progress) advance(n int) {
	p.mu.Lock()
	p.done += n
	tenths := p.done * 10 / p.all
	tell := tenths > p.told && !p.terminal
	p.told = max(p.told, tenths)
	if tell {
		fmt.Fprintf(p.out, "%d of %d (%d %%)\n", p.done, p.all, p.done*100/p.all)
	}
	p.mu.Unlock()
	p.draw()
}

const clearLine = "\r\x1b[K"

// draw draws the line.
func (p *progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.terminal || p.all == 0 {
		return
	}
	const width = 30
	full := p.done * width / p.all
	bar := strings.Repeat("#", full) + strings.Repeat(".", width-full)
	fmt.Fprintf(p.out, "%s[%s] %d of %d", clearLine, bar, p.done, p.all)
	if took := p.now().Sub(p.began); p.done > 0 && took > 0 {
		rate := float64(p.done) / took.Seconds()
		left := time.Duration(float64(p.all-p.done) / rate * float64(time.Second))
		fmt.Fprintf(p.out, ", %.0f a second, %s left", rate, left.Round(time.Second))
	}
}

// end leaves the line as it is.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal && p.all > 0 {
		fmt.Fprintln(p.out)
	}
}

// note says something in between.
func (p *progress) note(text string) {
	p.mu.Lock()
	if p.terminal {
		fmt.Fprint(p.out, clearLine)
	}
	fmt.Fprintln(p.out, text)
	p.mu.Unlock()
	p.draw()
}
