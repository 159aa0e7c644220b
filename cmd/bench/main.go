// Bench counts and times the jobs that matter, each beside the floor that it stands on, and holds them to their bounds.
//
// A file a theme: counted.go, init.go, invite.go, accept.go, list.go, people.go, parse.go and size.go have the rows; the others what
// these need. DynamoDB Local is not DynamoDB: its times say what our own code adds, and nothing about AWS.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

const usage = `Usage: bench [flags]

Bench counts and times the jobs that matter: on DynamoDB Local in memory and on disk where time is the question, once
where the database makes no difference. It prints a table and then a line of JSON for each row.

It waits for a quiet machine before it times anything, and marks a row if the machine was busy before or after it.
What is compared runs in turns; p50 and p99 are of all runs, a ratio is the median of the ratios of the turns.
Both databases and every bootstrap are its own: endpoints in the environment are not used.

A bound that is missed is told at the end and is no error, unless -strict is given. Exit status: 0, 1 after an
error, 2 for a wrong flag, 3 for a missed bound with -strict. (go run makes 1 of all of these.)

`

// options are the flags.
type options struct {
	quick   bool
	strict  bool
	run     *regexp.Regexp
	wait    time.Duration
	json    string
	profile string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2)
	}
	rows, err := bench(ctx, o, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if o.strict && len(missed(rows)) > 0 {
		os.Exit(3)
	}
}

func parse(args []string, messages io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(messages)
	flags.Usage = func() {
		fmt.Fprint(messages, usage)
		flags.PrintDefaults()
	}
	flags.BoolVar(&o.quick, "quick", false, "measure little and wait for nothing: for trying, not for figures")
	flags.BoolVar(&o.strict, "strict", false, "exit with 3 if a bound is missed")
	flags.DurationVar(&o.wait, "wait", time.Minute, "wait so long for a quiet machine, in all")
	flags.StringVar(&o.json, "json", "", "write the lines of JSON to this `file`")
	flags.StringVar(&o.profile, "profile", "",
		"write a CPU profile of bench itself to this `file`; its label side tells job from floor")
	flags.Func("run", "run only what matches this `regexp`; the names are those on the left while it runs",
		func(s string) (err error) {
			o.run, err = regexp.Compile(s)
			return err
		})
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("no arguments are taken: %q", flags.Args())
		fmt.Fprintln(messages, err)
	}
	if o.quick {
		o.wait = 0
	}
	return o, err
}

// measure makes rows, with a database of its own where it asks for one.
type measure struct {
	name   string
	needs  needs
	medium medium
	rows   func(context.Context, *lab, *site) ([]row, error)
}

// needs are what a measure asks for. Without a stream a table is sooner full: DynamoDB Local takes the longer to write one the
// more there is of it.
type needs struct{ programs, calm, noStream bool }

func measures() []measure {
	all := []measure{
		{"init", needs{programs: true, calm: true}, none, initRows},
		{"zip", needs{programs: true}, none, zipRows},
		{"counted", needs{}, memory, countedRows},
		{"parse", needs{calm: true}, none, parseRows},
		{"resident", needs{programs: true}, memory, residentRows},
	}
	timed := needs{calm: true}
	all = append(all, measure{"people", needs{calm: true, noStream: true}, memory, peopleRows})
	for _, m := range []medium{memory, disk} {
		all = append(all,
			measure{"invite one, 1 worker, " + string(m), timed, m, inviteOne(1)},
			measure{"invite one, 16 workers, " + string(m), timed, m, inviteOne(16)},
			measure{"invite 1,000, " + string(m), timed, m, inviteThousand},
			measure{"accept, 1 worker, " + string(m), timed, m, accept(1)},
			measure{"accept, 16 workers, " + string(m), timed, m, accept(16)},
			measure{"list 50, " + string(m), timed, m, listFifty},
		)
	}
	return all
}

// bench runs what is asked for and prints it to out. What it is at goes to progress.
func bench(ctx context.Context, o options, out, progress io.Writer) (rows []row, err error) {
	l, err := openLab(o, progress)
	if err != nil {
		return nil, err
	}
	defer l.close()
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, err
		}
		defer pprof.StopCPUProfile()
	}
	for _, m := range measures() {
		if o.run != nil && !o.run.MatchString(m.name) {
			continue
		}
		made, err := l.measure(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		rows = append(rows, made...)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("nothing is called %v", o.run)
	}
	return rows, show(rows, o.json, out)
}

func (l *lab) measure(ctx context.Context, m measure) (rows []row, err error) {
	fmt.Fprintf(l.progress, "%-32s", m.name)
	defer fmt.Fprintln(l.progress)
	if m.needs.programs {
		if err := l.buildPrograms(ctx); err != nil {
			return nil, err
		}
	}
	s, err := l.site(ctx, m.medium, func(in *dynamodb.CreateTableInput) {
		if m.needs.noStream {
			in.StreamSpecification = nil
		}
	})
	if err != nil {
		return nil, err
	}
	defer s.close()
	calm := !m.needs.calm || l.quiet.wait(ctx)
	start := time.Now()
	rows, err = m.rows(ctx, l, s)
	fmt.Fprintf(l.progress, "%.1f s", time.Since(start).Seconds())
	if m.needs.calm && calm {
		calm = l.quiet.still(ctx)
	}
	if !calm {
		fmt.Fprint(l.progress, ", and the machine was not quiet")
	}
	for i := range rows {
		rows[i].Medium, rows[i].Quiet = m.medium, calm
	}
	return rows, err
}
