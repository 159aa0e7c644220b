// Latchkey is the operator's command line: it founds organizations, changes what only the operator may change, says what
// a deployment lacks, and invites the people of a list. `latchkey help` lists the commands.
//
// It exits with 0 if it did what it was told, with 1 if that failed, doctor found something missing or somebody of a list
// could not be invited, and with 2 if the command line makes no sense.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"latchkey/internal/onboarding"
)

func main() { os.Exit(start(pause)) }

// start does what the process was told. A second Ctrl-C ends it at once.
func start(wait waiting) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, os.Args[1:], call{in: os.Stdin, out: os.Stdout, errs: os.Stderr, wait: wait})
}

// command is something that can be asked for.
type command struct {
	name    string // its words, as they are typed
	operand string // what is typed behind them, as help calls it; empty: nothing
	summary string
	text    string   // what help tells beyond the summary
	needs   []string // flags that must be given
	takes   []string // flags that may be given, besides those of every command
	remote  bool     // whether it speaks to the API, as anybody does, and not to AWS
	run     func(context.Context, *call) error
}

// everywhere are the flags of every command that is not remote.
var everywhere = []string{"table", "region"}

func (cmd command) flags() []string {
	if cmd.remote {
		return slices.Concat(cmd.needs, cmd.takes)
	}
	return slices.Concat(cmd.needs, cmd.takes, everywhere)
}

func commands() []command {
	return []command{
		{
			name: "organization create", summary: "found an organization with its first administrator",
			text: "The administrator is mailed a link to set a password, and is active once that is done.\n" +
				"With --password-stdin there is no mail: the password is the first line of standard input,\n" +
				"and the administrator is active at once.\n" +
				"Without --country a phone number needs its country code, and none is texted.",
			needs: []string{"id", "name", "admin-email"},
			takes: []string{"admin-first-name", "admin-last-name", "locale", "country", "daily-send-limit", "seats", "password-stdin", "base-url"},
			run:   createOrganization,
		},
		{
			name: "organization limits", summary: "set how much it may send, and to which countries",
			text: "What is not given stays. In a day, as many codes may be sent as invitations, beside them.\n" +
				"Text messages need a deployment that sends them, and a country: numbers of the --sms-countries are\n" +
				"texted, or of --country alone. Invitations and codes are paid for out of one budget.",
			needs: []string{"id"}, takes: limitFlags, run: limitOrganization,
		},
		{
			name: "organization recount", summary: "count its members anew",
			text: "Limits and counts go by counters that every change of a member keeps. This puts them right where they\n" +
				"are not, such as in an organization that is older than they are.",
			needs: []string{"id"}, run: recountOrganization,
		},
		{
			name: "organization close", summary: "let nobody in until it is opened again",
			text: "While it is closed nobody is invited, and no invitation is mailed or accepted.\n" +
				"Its members stay, and sign in as before.",
			needs: []string{"id"}, run: func(ctx context.Context, c *call) error { return closeOrganization(ctx, c, true) },
		},
		{
			name: "organization reopen", summary: "let people in again",
			text:  "Invitations that have not expired can be accepted again.",
			needs: []string{"id"}, run: func(ctx context.Context, c *call) error { return closeOrganization(ctx, c, false) },
		},
		{
			name: "organization show", summary: "show its settings, and what it has sent",
			needs: []string{"id"}, run: showOrganization,
		},
		{
			name: "partners import", operand: "FILE", summary: "certify the partner firms of a table",
			text: "FILE is CSV with the columns id, name and domains, in UTF-8; - is standard input. Domains are parted by\n" +
				"blanks. People whose mailbox is on one of them can be invited as partners, by any organization.\n" +
				"A firm that is there already is changed to what FILE says. Each row is done or refused by itself.",
			run: importPartners,
		},
		{
			name: "partners list", summary: "list the certified firms, and those that were",
			run: listPartners,
		},
		{
			name: "partners revoke", operand: "ID", summary: "let nobody of a firm be invited or join any more",
			text: "Partners who are in stay until their organization dismisses them.",
			run:  revokePartner,
		},
		{
			name: "sms stop", summary: "send no text message any more, for any organization",
			text: "It works at once. What is owed waits, and is sent if texts start again in time. Mail goes on.",
			run:  func(ctx context.Context, c *call) error { return stopTexts(ctx, c, true) },
		},
		{
			name: "sms start", summary: "send text messages again",
			run: func(ctx context.Context, c *call) error { return stopTexts(ctx, c, false) },
		},
		{
			name: "sms show", summary: "show whether text messages are stopped, and what this month's cost",
			run: showTexts,
		},
		{
			name: "invite", summary: "invite the people of a list", text: inviteText,
			needs:  []string{"csv", "url", "organization"},
			takes:  []string{"dry-run", "report", "country", "member-type", "role", "locale", "no-notify", "resend", "token-stdin", "quiet"},
			remote: true, run: runInvite,
		},
		{
			name: "doctor", summary: "say what a deployment lacks",
			text: "It looks at the table, the master key, the base URL, the mail account, the sender and SMS, and changes\n" +
				"nothing. It prints a line per check: ok, missing or cannot tell, and below it what to do. It exits with 1\n" +
				"if something is missing. Give it what the functions have in their environment, by the same variables or\n" +
				"by flags.",
			takes: []string{"base-url", "master-key-secret", "sender", "configuration-set", "sms", "sms-budget",
				"timeout", "json"},
			run: runDoctor,
		},
		{name: "help", summary: "explain a command: latchkey help organization create"},
		{name: "version", summary: "say which version this is", run: func(_ context.Context, c *call) error {
			_, err := fmt.Fprintln(c.out, version())
			return err
		}},
	}
}

// options are the flags of all commands.
type options struct {
	table, region                                      string
	id, name                                           string
	adminEmail, adminFirstName, adminLastName          string
	locale                                             onboarding.Locale
	dailySendLimit                                     int
	seats                                              *int
	operand                                            string
	country                                            string
	texts                                              textLimits
	passwordStdin                                      bool
	baseURL, masterKeySecret, sender, configurationSet string
	sms, smsMonthlyBudget                              string
	timeout                                            time.Duration
	json                                               bool
	invite                                             inviteOptions
}

func newFlags() (*flag.FlagSet, *options) {
	o := &options{}
	f := flag.NewFlagSet("latchkey", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.table, "table", os.Getenv("LATCHKEY_TABLE"), "`NAME` of the DynamoDB table (LATCHKEY_TABLE)")
	f.StringVar(&o.region, "region", "", "AWS `REGION` (AWS_REGION, or the profile's)")
	f.StringVar(&o.id, "id", "", "`HANDLE` of the organization: 3 to 32 of a-z, 0-9 and inner hyphens, chosen once")
	f.StringVar(&o.name, "name", "", "`NAME` of the organization, as mails and pages show it")
	f.StringVar(&o.adminEmail, "admin-email", "", "email `ADDRESS` of the first administrator")
	f.StringVar(&o.adminFirstName, "admin-first-name", "", "the administrator's first `NAME`")
	f.StringVar(&o.adminLastName, "admin-last-name", "", "the administrator's last `NAME`")
	f.Func("locale", "`LANGUAGE`, en or de: an organization's (en if not given), or an invitation's (its organization's)",
		func(s string) error {
			l, ok := onboarding.ParseLocale(s)
			if o.locale = l; !ok {
				return fmt.Errorf("the languages are %v", onboarding.Locales)
			}
			return nil
		})
	f.Func("daily-send-limit", "`NUMBER` of invitations that may be mailed in one UTC day", func(s string) (err error) {
		if o.dailySendLimit, err = strconv.Atoi(s); err != nil || o.dailySendLimit < 1 {
			return errors.New("a limit is a whole number from 1 up")
		}
		return nil
	})
	f.Func("seats", "`NUMBER` of employees and guests that there may be; 0 for no limit", func(s string) error {
		n, err := strconv.Atoi(s)
		if o.seats = &n; err != nil || n < 0 {
			return errors.New("a number of seats is a whole number from 0 up")
		}
		return nil
	})
	f.Func("country", "`CODE` of the country, such as DE, whose phone numbers are written without a country code",
		func(s string) (err error) {
			o.country, err = parseCountry(s)
			return err
		})
	o.texts.define(f)
	f.BoolVar(&o.passwordStdin, "password-stdin", false, "read the administrator's password from standard input")
	f.StringVar(&o.baseURL, "base-url", os.Getenv("LATCHKEY_BASE_URL"), "`URL` that links begin with (LATCHKEY_BASE_URL)")
	f.StringVar(&o.masterKeySecret, "master-key-secret", os.Getenv("LATCHKEY_MASTER_KEY_SECRET"),
		"`ARN` of the secret with the master keys (LATCHKEY_MASTER_KEY_SECRET)")
	f.StringVar(&o.sender, "sender", os.Getenv("LATCHKEY_SENDER"), "`ADDRESS` that mail comes from (LATCHKEY_SENDER)")
	f.StringVar(&o.configurationSet, "configuration-set", os.Getenv("LATCHKEY_CONFIGURATION_SET"),
		"`NAME` of the SES configuration set (LATCHKEY_CONFIGURATION_SET)")
	o.sms = os.Getenv("LATCHKEY_SMS_ENABLED")
	f.BoolFunc("sms", "SMS is on (LATCHKEY_SMS_ENABLED)", func(s string) error {
		o.sms = s
		return nil
	})
	f.StringVar(&o.smsMonthlyBudget, "sms-budget", os.Getenv("LATCHKEY_SMS_MONTHLY_BUDGET"),
		"`USD` that SMS may cost in a month (LATCHKEY_SMS_MONTHLY_BUDGET)")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "`TIME` that one check may take; 10s if not given")
	f.BoolVar(&o.json, "json", false, "print JSON, for programs")
	o.invite.define(f)
	return f, o
}

// call is a command under way.
type call struct {
	*options
	in   io.Reader
	out  io.Writer
	errs io.Writer
	wait waiting
}

// usageError is a command line that makes no sense.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// run does what the arguments ask for and returns the exit code.
func run(ctx context.Context, args []string, c call) int {
	flags, o := newFlags()
	c.options = o
	err := dispatch(ctx, args, flags, &c)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errMissing), errors.Is(err, errNotAll): // it has been said what, or who
		return 1
	case errors.As(err, &usage):
		fmt.Fprintln(c.errs, "latchkey:", usage)
		return 2
	}
	reason, remedy := o.explain(err)
	if remedy != "" {
		reason += ": " + remedy
	}
	fmt.Fprintln(c.errs, "latchkey:", reason)
	return 1
}

func dispatch(ctx context.Context, args []string, flags *flag.FlagSet, c *call) error {
	words, err := parse(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		return help(c.out, words)
	}
	if err != nil {
		return err
	}
	if len(words) == 0 {
		return usagef("what is to be done? see latchkey help")
	}
	if words[0] == "help" {
		return help(c.out, words[1:])
	}
	cmd, operand, err := find(words)
	if err != nil {
		return err
	}
	if err := cmd.check(flags); err != nil {
		return err
	}
	if c.operand = operand; (operand == "") != (cmd.operand == "") {
		return usagef("%s needs %s; see latchkey help %s", cmd.name, cmd.operand, cmd.name)
	}
	return cmd.run(ctx, c)
}

// parse reads flags and words in any order, and returns the words.
func parse(flags *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return words, err
		} else if err != nil {
			return nil, usagef("%v; see latchkey help%s", err, join(words))
		}
		if flags.NArg() == 0 {
			return words, nil
		}
		words, args = append(words, flags.Arg(0)), flags.Args()[1:]
	}
}

func join(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return " " + strings.Join(words, " ")
}

// find returns the command of these words, and what is typed behind them.
func find(words []string) (cmd command, operand string, err error) {
	given := strings.Join(words, " ")
	for _, cmd := range commands() {
		if rest, ok := strings.CutPrefix(given+" ", cmd.name+" "); ok {
			typed := words[len(strings.Fields(cmd.name)):]
			if len(typed) > 1 || len(typed) == 1 && cmd.operand == "" {
				return command{}, "", usagef("%s takes no %q; see latchkey help %s", cmd.name, strings.TrimSpace(rest), cmd.name)
			}
			return cmd, strings.Join(typed, ""), nil
		}
	}
	if more := under(words[0]); len(more) > 0 {
		var verbs []string
		for _, cmd := range more {
			verbs = append(verbs, strings.TrimPrefix(cmd.name, words[0]+" "))
		}
		return command{}, "", usagef("%s is followed by one of %s", words[0], strings.Join(verbs, ", "))
	}
	return command{}, "", usagef("there is no command %q; see latchkey help", given)
}

// under returns the commands that begin with a word and go on.
func under(word string) []command {
	return slices.DeleteFunc(commands(), func(cmd command) bool { return !strings.HasPrefix(cmd.name, word+" ") })
}

// check refuses flags that mean nothing to the command, and their absence where it needs them.
func (cmd command) check(flags *flag.FlagSet) (err error) {
	given := map[string]bool{}
	allowed := cmd.flags()
	flags.Visit(func(f *flag.Flag) {
		if given[f.Name] = true; !slices.Contains(allowed, f.Name) {
			err = usagef("%s takes no --%s; see latchkey help %s", cmd.name, f.Name, cmd.name)
		}
	})
	if err != nil {
		return err
	}
	for _, name := range cmd.needs {
		if !given[name] {
			return usagef("%s needs --%s; see latchkey help %s", cmd.name, name, cmd.name)
		}
	}
	return nil
}

// help explains the commands that begin with these words, or lists them all.
func help(out io.Writer, words []string) error {
	if len(words) == 0 {
		return overview(out)
	}
	topics := under(words[0])
	if len(topics) == 0 || len(words) > 1 {
		cmd, _, err := find(words)
		if err != nil {
			return err
		}
		topics = []command{cmd}
	}
	for i, cmd := range topics {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := cmd.help(out); err != nil {
			return err
		}
	}
	return nil
}

func overview(out io.Writer) error {
	fmt.Fprint(out, "The command line of Latchkey's operator.\n\nlatchkey COMMAND [flags]\n\n")
	w := columns(out)
	for _, cmd := range commands() {
		fmt.Fprintf(w, "  %s\t%s\n", cmd.name, cmd.summary)
	}
	fmt.Fprint(w, "\nEvery command but invite takes\n\n")
	flags, _ := newFlags()
	for _, name := range everywhere {
		fmt.Fprint(w, describe(flags, name))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(out, `
Credentials, profiles and endpoints (AWS_PROFILE, AWS_ENDPOINT_URL_DYNAMODB and so on) are taken from
where every AWS tool takes them. It exits with 0 if all went well, with 1 if not, and with 2 if the
command line makes no sense.
`)
	return err
}

func (cmd command) help(out io.Writer) error {
	flags, _ := newFlags()
	fmt.Fprint(out, "latchkey ", cmd.name, join(strings.Fields(cmd.operand)))
	for _, name := range cmd.needs {
		placeholder, _ := flag.UnquoteUsage(flags.Lookup(name))
		fmt.Fprintf(out, " --%s %s", name, placeholder)
	}
	if len(cmd.takes) > 0 {
		fmt.Fprint(out, " [flags]")
	}
	fmt.Fprintf(out, "\n\n%s%s.\n", strings.ToUpper(cmd.summary[:1]), cmd.summary[1:])
	if cmd.text != "" {
		fmt.Fprintln(out, cmd.text)
	}
	fmt.Fprintln(out)
	w := columns(out)
	for _, name := range cmd.flags() {
		fmt.Fprint(w, describe(flags, name))
	}
	return w.Flush()
}

func columns(out io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(out, 0, 0, 3, ' ', 0) }

// describe is the line of a flag in a help text.
func describe(flags *flag.FlagSet, name string) string {
	placeholder, usage := flag.UnquoteUsage(flags.Lookup(name))
	return fmt.Sprintf("  --%s\t%s\n", strings.TrimSpace(name+" "+placeholder), usage)
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "latchkey, built without a version"
	}
	return fmt.Sprintf("latchkey %s %s", info.Main.Version, info.GoVersion)
}
