package main

// The stories: what the product does, told from outside. Each script in testdata/stories is one. It speaks HTTP to the
// real gateway, bootstraps, stream and table, reads the mailbox, and every JSON answer is held against openapi.yaml.
// The map words lists the commands that the scripts are told in.

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"latchkey/internal/onboarding"
	"latchkey/internal/sam"
)

// repository is the root of the product that the stories are about.
const repository = "../.."

func TestStories(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/stories/*.txtar")
	if err != nil || len(scripts) < 15 {
		t.Fatalf("only %d stories: %v", len(scripts), err)
	}
	c := startCloud(t, options{root: repository})
	t.Cleanup(func() { logHoldsNoSecret(t, c) })
	// Those that break things wait longest, and begin.
	slices.SortStableFunc(scripts, func(a, b string) int { return cmp.Compare(breaks(t, b), breaks(t, a)) })
	all := atOnce{T: t, running: &sync.WaitGroup{}, slots: make(chan struct{}, 3)}
	testscript.RunT(all, testscript.Params{
		Files: scripts, Cmds: words, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			s := newStory(e.T().(testing.TB), c)
			e.Values[storyKey{}] = s
			e.Setenv("PASSWORD", password)
			e.Setenv("SECRET", secret)
			e.Setenv("TOMORROW", onboarding.FormatTime(time.Now().AddDate(0, 0, 1)))
			e.Defer(s.tableHoldsNoSecret)
			return nil
		},
	})
	all.running.Wait()
}

var ownClouds = regexp.MustCompile(`(?m)^own-cloud\b`)

// breaks is 1 for a story that has a cloud of its own, to break it, and 0 for the others.
func breaks(t *testing.T, script string) int {
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	return len(ownClouds.FindAll(text, -1))
}

// atOnce runs scripts side by side. It does so by itself, because go test runs as many as there are processors, and
// most of a story is waiting.
type atOnce struct {
	*testing.T
	running *sync.WaitGroup
	slots   chan struct{}
}

func (a atOnce) Run(name string, script func(testscript.T)) {
	a.slots <- struct{}{}
	a.running.Go(func() {
		defer func() { <-a.slots }()
		a.T.Run(name, func(t *testing.T) { script(atOnce{T: t}) })
	})
}

func (atOnce) Parallel()     {}
func (atOnce) Verbose() bool { return testing.Verbose() }

// Two passwords that are good enough: one that founders have, one for people who join.
const (
	password = "nine quiet lanterns"
	secret   = "seven loud umbrellas"
)

type storyKey struct{}

// words are the commands of the scripts. Fields of a body are written name=text or name:=json, and @file is a whole
// body; $variables count in all of them.
var words = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// organization NAME [password=TEXT] [limit=N] founds an organization; $NAME is its id, admin@NAME.example its
	// administrator. With an empty password they are owed a mail to set one.
	"organization": word((*story).organization),
	// sign-in NAME ORGANIZATION LOGIN PASSWORD begins a session that later commands use -as NAME.
	"sign-in": word((*story).signIn),
	// session NAME keeps the session that the last answer began.
	"session": word((*story).session),
	// key NAME ORGANIZATION keeps the API key that the last answer made.
	"key": word((*story).key),
	// call METHOD PATH [-as NAME] [-header NAME:VALUE] [-gateway] [field ...] sends a request and prints the answer.
	// With -gateway, the answer may be one of the gateway itself, which openapi.yaml does not describe.
	"call": word((*story).call),
	// invite NAME ADDRESS... [field ...] invites, as the session of that name.
	"invite": word((*story).invite),
	// race N call ... sends the same request N times at once, and prints how often came which answer.
	"race": word((*story).race),
	// request NAME METHOD PATH ... keeps a request for later, written as for call.
	"request": word((*story).request),
	// at-once NAME... sends kept requests, which have an idempotency key, at once, and prints the sum of their summaries.
	"at-once": word((*story).atOnce),
	// meanwhile FUNCTION ACTION[:TEXT] FIRST SECOND sends the first of two kept requests, holds that call of its function
	// to AWS, sends the second, and lets go when that is answered. Prints how both were answered.
	"meanwhile": word((*story).meanwhile),
	// until STATUS MAX call ... sends the same request until that answer comes, at most MAX times.
	"until": word((*story).until),
	// pages PATH -as NAME follows next_cursor to the end, and prints how many items and pages there are.
	"pages": word((*story).pages),
	// export PATH -as NAME follows the header Link to the end, and prints the pages one behind the other, and how many there are.
	"export": word((*story).export),
	// crowd N FILE -as NAME invites N people at once. Each line of FILE is a verdict and a recipient; the others are
	// p1@crowd.example and so on, and all new. Prints the summary.
	"crowd": word((*story).crowd),

	// paste N FILE -as NAME invites N entries of one pasted text, parted by all that parts entries. Each line of FILE is a verdict
	// and an entry, and stands somewhere in the text; the others are new addresses and numbers in many spellings. With
	// again=VERDICT the new ones get that. A preview must have said the same. Prints the summary.
	"paste": word((*story).paste),

	// status CODE [problem] is what the last answer must have.
	"status": word((*story).status),
	// [!] json PATH [VALUE] looks into the last answer: json .items[0].status active. [n] is the length of a list.
	"json": func(ts *testscript.TestScript, neg bool, args []string) { storyOf(ts).json(ts, neg, args) },
	// header NAME REGEXP is what a header of the last answer must match.
	"header": word((*story).header),
	// keep VARIABLE PATH|header:NAME takes a value out of the last answer.
	"keep": word((*story).keep),

	// copy-link NAME ID reads an invite link as the session of that name, and puts it into $LINK and $TOKEN.
	"copy-link": word((*story).copyLink),
	// begin ORGANIZATION TOKEN ADDRESS [field ...] sends the form of an invite link, and keeps the join as $JOIN.
	"begin": word((*story).begin),
	// joins ORGANIZATION TOKEN ADDRESS [field ...] begins, reads the code in the mail, and proves the address with it.
	"joins": word((*story).joinsBy),
	// joiners N ORGANIZATION TOKEN lets N people begin who then prove their addresses at once, and prints how often came which
	// answer.
	"joiners": word((*story).joiners),

	// mail ADDRESS waits for a mail that was not read yet, prints it, and puts its link into $LINK and $TOKEN, its code into
	// $CODE, and its one-time password into $ONCE.
	"mail": word((*story).mail),
	// link URL does the same with a link from elsewhere.
	"link": word((*story).link),
	// mails PATTERN N waits until nothing is owed. Then N mails must have gone to the addresses that match; with -each,
	// one to each of N addresses.
	"mails": word((*story).mails),
	// cleanup invokes the schedule's function until nothing is owed. cleanup once does it one time.
	"cleanup": word((*story).cleanup),

	// rests ORGANIZATION waits until deliver has put off all that is owed.
	"rests": word((*story).rests),
	// wake N DURATION ORGANIZATION lets time pass and invokes cleanup, N times over.
	"wake": word((*story).wake),
	// deliver N ORGANIZATION hands deliver the events of all that is owed, N times at once.
	"deliver": word((*story).deliver),
	// copies ORGANIZATION holds that every invitation was sent, and no oftener than attempts were made of which nobody saw
	// the end; prints how many were mailed, and how many mails there were besides.
	"copies": word((*story).copies),

	// phone-rests DURATION NUMBER lets time pass for a number: all that is known of it moves into the past.
	"phone-rests": word((*story).phoneRests),
	// opts-out NUMBER makes its owner ask SNS for no more text messages.
	"opts-out": word((*story).optsOut),
	// pass DURATION ORGANIZATION lets time pass: every time in the organization's items moves into the past.
	"pass": word((*story).pass),
	// who NAME ADDRESS looks for a member as the session of that name, and puts their id into $WHO.
	"who": word((*story).who),
	// operator WORDS... is the operator's command line, cmd/latchkey.
	"operator": word((*story).operator),
	// own-cloud [still] [PARAMETER=VALUE ...] gives the story a cloud that it may break, or that has other parameters of the
	// template: own-cloud SmsEnabled=false. In one that is still, nothing is sent.
	"own-cloud": word((*story).ownCloud),
	// fault FUNCTION ACTION KIND [N [TEXT]] makes the next N such calls to AWS, which hold that text, go wrong in one of
	// the ways that faults_test.go lists. fault none holds that all have.
	"fault": word((*story).fault),
}

// word makes a command of a method. Only json can be negated.
func word(f func(s *story, ts *testscript.TestScript, args []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command takes no !")
		}
		f(storyOf(ts), ts, args)
	}
}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

// story is what one script knows.
type story struct {
	t      testing.TB
	cloud  *cloud
	faults faults
	// tag stands in the id and in the name of each organization, and so in every mail.
	tag string
	ids []onboarding.OrganizationID

	tokens  map[string]string // of sessions
	homes   map[string]string // organizations of sessions
	drafts  map[string]draft  // requests kept for later
	read    map[string]bool   // mails
	secrets []string          // that must not be stored
	last    reply

	unserved atomic.Int32 // answers that there is too much going on
}

func newStory(t testing.TB, c *cloud) *story {
	return &story{t: t, cloud: c, tag: strings.ToLower(rand.Text()[:10]),
		tokens: map[string]string{}, homes: map[string]string{}, drafts: map[string]draft{}, read: map[string]bool{}}
}

// need ends the story where the number of arguments is wrong.
func need(ts *testscript.TestScript, args []string, n int) {
	if len(args) < n {
		ts.Fatalf("%d arguments are needed", n)
	}
}

// latchkey builds the operator's command line, once in a test process.
var latchkey = sync.OnceValues(func() (string, error) {
	path := filepath.Join(shared.scratch, "latchkey")
	out, err := exec.Command("go", "build", "-o", path, "latchkey/cmd/latchkey").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build latchkey: %w\n%s", err, out)
	}
	return path, err
})

// operate runs the operator's command line on a cloud.
func (c *cloud) operate(ctx context.Context, in string, args ...string) error {
	path, err := latchkey()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = strings.NewReader(in)
	cmd.Env = []string{
		"LATCHKEY_TABLE=" + c.table, "AWS_ENDPOINT_URL_DYNAMODB=" + c.dynamodbURL, "AWS_REGION=" + sam.Region,
		"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("latchkey %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func (s *story) operator(ts *testscript.TestScript, args []string) {
	ts.Check(s.cloud.operate(s.t.Context(), "", args...))
}

// found makes an organization with the administrator admin@<name>.example.
func (s *story) found(name, password string, limit int) (onboarding.OrganizationID, error) {
	id := name + "-" + s.tag
	args := []string{"organization", "create", "--id", id, "--name", strings.ToUpper(name[:1]) + name[1:] + " " + s.tag,
		"--admin-email", "admin@" + name + ".example", "--admin-first-name", "Grace", "--admin-last-name", "Hopper", "--country", "US"}
	if limit > 0 {
		args = append(args, "--daily-send-limit", strconv.Itoa(limit))
	}
	if password != "" {
		args = append(args, "--password-stdin")
	}
	s.ids = append(s.ids, onboarding.OrganizationID(id))
	return onboarding.OrganizationID(id), s.cloud.operate(s.t.Context(), password+"\n", args...)
}

func (s *story) organization(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	secret, limit := password, 0
	for _, option := range args[1:] {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "password":
			secret = value
		case "limit":
			var err error
			limit, err = strconv.Atoi(value)
			ts.Check(err)
		default:
			ts.Fatalf("unknown option %s", option)
		}
	}
	id, err := s.found(args[0], secret, limit)
	ts.Check(err)
	ts.Setenv(args[0], string(id))
}

func (s *story) who(ts *testscript.TestScript, args []string) {
	need(ts, args, 2)
	s.call(ts, []string{"GET", "/v1/organizations/" + s.homes[args[0]] + "/members?q=" + url.QueryEscape(args[1]), "-as", args[0]})
	s.status(ts, []string{"200"})
	ts.Setenv("WHO", s.text(ts, ".items[0].id"))
}
