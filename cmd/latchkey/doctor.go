package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// errMissing is doctor's verdict where something is missing. What it is has been printed.
var errMissing = errors.New("something is missing")

// state is the outcome of a check.
type state string

const (
	stateOK      state = "ok"
	stateMissing state = "missing"
	stateUnknown state = "cannot_tell"
)

func (s state) String() string { return strings.ReplaceAll(string(s), "_", " ") }

// finding is what a check has found. Do says what to do about it; it stands wherever the state is not ok.
type finding struct {
	Check  string `json:"check"`
	State  state  `json:"state"`
	Detail string `json:"detail"`
	Do     string `json:"do,omitempty"`
}

func fine(check, detail string) finding { return finding{check, stateOK, detail, ""} }

func missing(check, detail, do string) finding { return finding{check, stateMissing, detail, do} }

func unknown(check, detail, do string) finding { return finding{check, stateUnknown, detail, do} }

// doctor looks and changes nothing. Its checks are in checks.go.
type doctor struct {
	*options
	secrets *secretsmanager.Client
	ses     *sesv2.Client
	sns     *sns.Client
	db      *dynamodb.Client

	describe func() (*types.TableDescription, error) // the table, read once
}

func runDoctor(ctx context.Context, c *call) error {
	cfg, err := c.connect(ctx)
	if err != nil {
		return err
	}
	d := &doctor{
		options: c.options, db: newDynamoDB(cfg), secrets: secretsmanager.NewFromConfig(cfg),
		ses: sesv2.NewFromConfig(cfg), sns: sns.NewFromConfig(cfg),
	}
	findings := d.examine(ctx)
	if c.json {
		err = printJSON(c.out, findings)
	} else {
		err = printText(c.out, findings)
	}
	if err == nil && count(findings, stateMissing) > 0 {
		err = errMissing
	}
	return err
}

// examine makes all checks at once, each with its own time. The findings come in the order of the checks.
func (d *doctor) examine(ctx context.Context) []finding {
	d.describe = sync.OnceValues(func() (*types.TableDescription, error) {
		ctx, cancel := context.WithTimeout(ctx, d.timeout)
		defer cancel()
		out, err := d.db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &d.table})
		if err != nil {
			return nil, err
		}
		return out.Table, nil
	})
	checks := []func(context.Context) []finding{
		d.checkTable, d.checkSchema, d.checkExpiry, d.checkRecovery, d.checkMasterKey, d.checkBaseURL,
		d.checkMailAccount, d.checkSender, d.checkConfigurationSet, d.checkSMSSandbox, d.checkSMSSpending,
	}
	found := make([][]finding, len(checks))
	var running sync.WaitGroup
	for i, check := range checks {
		running.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, d.timeout)
			defer cancel()
			found[i] = check(ctx)
		})
	}
	running.Wait()
	return slices.Concat(found...)
}

// failed are the findings of checks whose question was not answered.
func (d *doctor) failed(err error, checks ...string) []finding {
	reason, remedy := d.explain(err)
	if remedy == "" {
		remedy = "try again; if that does not help, see the AWS console"
	}
	return each(checks, func(check string) finding { return unknown(check, reason, remedy) })
}

func each(checks []string, f func(check string) finding) []finding {
	var all []finding
	for _, check := range checks {
		all = append(all, f(check))
	}
	return all
}

// aws is a command line of the AWS CLI, for the region that was looked at.
func (d *doctor) aws(format string, args ...any) string {
	return "aws " + fmt.Sprintf(format, args...) + " --region " + d.region
}

func count(findings []finding, s state) (n int) {
	for _, f := range findings {
		if f.State == s {
			n++
		}
	}
	return n
}

func printText(out io.Writer, findings []finding) error {
	for _, f := range findings {
		fmt.Fprintf(out, "%-11s  %-19s  %s\n", f.State, f.Check, f.Detail)
		if f.Do != "" {
			fmt.Fprintf(out, "%33s %s\n", "->", f.Do)
		}
	}
	_, err := fmt.Fprintf(out, "\n%d ok, %d missing, %d cannot tell\n",
		count(findings, stateOK), count(findings, stateMissing), count(findings, stateUnknown))
	return err
}

func printJSON(out io.Writer, findings []finding) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		OK         int       `json:"ok"`
		Missing    int       `json:"missing"`
		CannotTell int       `json:"cannot_tell"`
		Checks     []finding `json:"checks"`
	}{count(findings, stateOK), count(findings, stateMissing), count(findings, stateUnknown), findings})
}
