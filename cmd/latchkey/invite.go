package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"latchkey/internal/numbers"
	"latchkey/internal/onboarding"
)

const inviteText = `The list is what an administrator exports or pastes: CSV with or without a header, or text with
addresses in it. It goes to the API in requests of up to 1,000 people. A run that stopped is taken up by
the same command, and within 24 hours the same command writes to nobody twice, not even with --resend.
Phone numbers are texted; those without a + are taken for numbers of --country, and refused without it.
LATCHKEY_TOKEN holds the session token of whoever invites; it is never a flag, which other processes see.
The report has a line for everybody in the list. With --no-notify it holds the links: each is shown once.
It exits with 0 only if everybody is invited, or was before, or is a member.`

const (
	maxList     = 16 << 20 // bytes
	maxRequest  = 1 << 20  // bytes, what the API reads of a body
	maxListed   = 20       // faults that a dry run lists
	notSent     = onboarding.InviteVerdict("not_sent")
	unknownSent = onboarding.InviteVerdict("unknown") // it was sent, and no answer came
)

// What a summary counts, in its order.
var (
	faultless = []onboarding.InviteVerdict{onboarding.Created, onboarding.Reopened, onboarding.Resent,
		onboarding.AlreadyInvited, onboarding.AlreadyMember, onboarding.Duplicate}
	faulty = []onboarding.InviteVerdict{onboarding.DismissedMember, onboarding.InvalidAddress, onboarding.Ambiguous,
		onboarding.OptedOut, onboarding.Denied}
	// There is nothing wrong with these people.
	unreached = []onboarding.InviteVerdict{onboarding.OverLimit, unknownSent, notSent}
	// Nothing was written for these, and another day or another setting may change that.
	passing = []onboarding.InviteVerdict{onboarding.DismissedMember, onboarding.OptedOut, onboarding.Denied, onboarding.OverLimit}
)

// errNotAll is invite's verdict where somebody of the list could not be invited. Who it is stands in the report.
var errNotAll = errors.New("not everybody is invited")

// inviteOptions are the flags of invite alone.
type inviteOptions struct {
	csv, url, organization, report              string
	memberType                                  onboarding.MemberType
	role                                        onboarding.Role
	dryRun, noNotify, resend, tokenStdin, quiet bool
}

func (o *inviteOptions) define(f *flag.FlagSet) {
	f.StringVar(&o.csv, "csv", "", "`FILE` with the list; - is standard input")
	f.StringVar(&o.url, "url", "", "`URL` of the API, such as https://join.example.com")
	f.StringVar(&o.organization, "organization", "", "`HANDLE` of the organization")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would become of everybody; write and send nothing")
	f.StringVar(&o.report, "report", "", "`FILE` for the report; the list's name and .report.csv if not given")
	f.Func("member-type", "`TYPE`: employee (default), guest or partner", func(s string) error {
		var ok bool
		if o.memberType, ok = onboarding.ParseMemberType(s); !ok {
			return errors.New("the types are employee, guest and partner")
		}
		return nil
	})
	f.Func("role", "`ROLE`: member (default) or admin", func(s string) error {
		var ok bool
		if o.role, ok = onboarding.ParseRole(s); !ok {
			return errors.New("the roles are member and admin")
		}
		return nil
	})
	f.BoolVar(&o.noNotify, "no-notify", false, "mail and text nobody; the report holds the links")
	f.BoolVar(&o.resend, "resend", false, "write again to those whose invitation is pending")
	f.BoolVar(&o.tokenStdin, "token-stdin", false, "read the session token from the first line of standard input")
	f.BoolVar(&o.quiet, "quiet", false, "write nothing but errors to standard error")
}

// check refuses what makes no sense together, and fills in what follows from the rest.
func (o *inviteOptions) check() error {
	switch {
	case o.resend && o.noNotify:
		return usagef("--resend writes to people, and --no-notify does not: give one of them")
	case o.dryRun && o.report != "":
		return usagef("--dry-run writes no report: give one of them")
	case o.tokenStdin && o.csv == "-":
		return usagef("standard input is the token's or the list's: give --csv a file, or set LATCHKEY_TOKEN")
	case o.csv == "-" && o.report == "" && !o.dryRun:
		return usagef("a list from standard input has no name: give --report as well")
	case o.report == "":
		o.report = o.csv + ".report.csv"
	}
	return nil
}

// parseOrigin reads where the API is. The token goes nowhere where it can be read on the way.
func parseOrigin(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return "", usagef("--url is not a URL with a host, such as https://join.example.com")
	case u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "", usagef("--url has more than a host: write it as https://join.example.com")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return "", usagef("--url is not https: anybody on the way could read the token")
	}
	return u.Scheme + "://" + u.Host, nil
}

// readToken reads the session token, and refuses another organization's before it is sent anywhere.
func (c *call) readToken(org onboarding.OrganizationID) (onboarding.SessionToken, error) {
	text, source := os.Getenv("LATCHKEY_TOKEN"), "LATCHKEY_TOKEN"
	if c.invite.tokenStdin {
		var err error
		if text, err = readSecret(c.in, "token"); err != nil {
			return onboarding.SessionToken{}, err
		}
		source = "the first line of standard input"
	}
	if text == "" {
		return onboarding.SessionToken{}, usagef("there is no session token: set LATCHKEY_TOKEN, or give --token-stdin")
	}
	token, err := onboarding.ParseSessionToken(strings.TrimSpace(text))
	if err != nil {
		return token, fmt.Errorf("%s is no session token", source)
	}
	if token.Organization != org {
		return token, fmt.Errorf("the session token is of the organization %s, and not of %s", token.Organization, org)
	}
	return token, nil
}

// person is an entry of the list, and what became of it.
type person struct {
	line       int
	input      string
	recipient  recipient
	verdict    onboarding.InviteVerdict
	reason     string
	remark     string // of the list's reader, on somebody who can be invited
	invitation string
	link       string
	before     onboarding.InviteVerdict // in the earlier report that the link is from
}

// recipient has either an email address or a phone number.
type recipient struct {
	Email     string `json:"email,omitempty"`
	Phone     string `json:"phone,omitempty"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	JobTitle  string `json:"job_title,omitempty"`
}

func newRecipient(e onboarding.ListEntry) recipient {
	r := recipient{Email: e.Address.Value, FirstName: e.FirstName, LastName: e.LastName, JobTitle: e.JobTitle}
	if e.Address.Kind == onboarding.Phone {
		r.Email, r.Phone = "", e.Address.Value
	}
	return r
}

func (r recipient) address() string { return cmp.Or(r.Email, r.Phone) }

// readPeople reads the list, and which of its columns nobody asked for.
func (c *call) readPeople() (people []*person, ignored []string, err error) {
	in := c.in
	if c.invite.csv != "-" {
		f, err := os.Open(c.invite.csv)
		if err != nil {
			return nil, nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxList+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read the list: %w", err)
	}
	if len(text) > maxList {
		return nil, nil, errors.New("the list has more than 16 MiB")
	}
	list, err := onboarding.ParseList(string(text), c.country, numbers.Plan{})
	if err != nil {
		return nil, nil, fmt.Errorf("the list: %w", err)
	}
	if len(list.Entries) == 0 {
		return nil, nil, errors.New("the list names nobody")
	}
	first := map[string]int{}
	for _, e := range list.Entries {
		people = append(people, newPerson(e, first))
	}
	return people, list.Ignored, nil
}

// newPerson makes a person of an entry, with a verdict where it need not be asked for. first has the line where each address
// stands for the first time.
func newPerson(e onboarding.ListEntry, first map[string]int) *person {
	p := &person{line: e.Line, input: e.Input}
	if e.Verdict != "" {
		p.verdict, p.reason = e.Verdict, e.Reason
		return p
	}
	p.recipient, p.remark = newRecipient(e), e.Reason
	switch {
	case e.Other != onboarding.Address{}:
		p.remark = "the phone number was left out"
	case e.Department != "" || e.Group != "":
		p.remark = "department and group were left out"
	}
	if line, ok := first[e.Address.Value]; ok {
		p.verdict, p.reason = onboarding.Duplicate, fmt.Sprintf("the same address stands in line %d", line)
		return p
	}
	first[e.Address.Value] = e.Line
	return p
}

func runInvite(ctx context.Context, c *call) error {
	o := &c.invite
	if err := o.check(); err != nil {
		return err
	}
	origin, err := parseOrigin(o.url)
	if err != nil {
		return err
	}
	org, err := onboarding.ParseOrganizationID(o.organization)
	if err != nil {
		return usagef("%v", err)
	}
	token, err := c.readToken(org)
	if err != nil {
		return err
	}
	people, ignored, err := c.readPeople()
	if err != nil {
		return err
	}
	out := report{path: o.report, links: o.noNotify}
	if !o.dryRun {
		if err := out.prepare(o.csv, org, people); err != nil {
			return err
		}
	}
	asked := slices.DeleteFunc(slices.Clone(people), func(p *person) bool { return p.verdict != "" })
	for _, p := range asked {
		p.verdict, p.reason = unknownSent, "no answer came; the same command finds out"
	}
	shown := newProgress(c.errs, o.quiet, len(asked))
	s := &sending{
		api: newClient(origin, org, token, c.wait, shown.note), org: org, ignored: ignored,
		body: inviteBody{MemberType: o.memberType, Role: o.role, Locale: c.locale, Notify: !o.noNotify, OnConflict: "skip"},
	}
	if o.resend {
		s.body.OnConflict = "resend"
	}
	step, save := s.invite, func() error { return out.write(people) }
	if o.dryRun {
		step, save = s.preview, func() error { return nil }
	}
	done, stopped := s.each(ctx, asked, shown, step, save)
	if err := save(); stopped == nil {
		stopped = err
	} else if err != nil {
		stopped = fmt.Errorf("%w; %w", stopped, err)
	}
	if err := s.summarize(c.out, people, o); err != nil {
		return err
	}
	switch {
	case stopped != nil && o.dryRun:
		return stopped
	case stopped != nil:
		return fmt.Errorf("%w; %d of %d are done, and the same command goes on from there", stopped, done, len(asked))
	case slices.ContainsFunc(people, (*person).failed):
		return errNotAll
	}
	return nil
}

func (p *person) failed() bool { return !slices.Contains(faultless, p.verdict) }

// sending is a run of invite.
type sending struct {
	api  *client
	org  onboarding.OrganizationID
	body inviteBody // but for the recipients

	ignored []string // columns of the list

	previewed     bool
	left, mails   int         // of today's limit; what would be mailed so far
	texts         textPreview // what would be texted so far
	atOnce, later int         // who would join so
}

type inviteBody struct {
	Recipients []recipient           `json:"recipients"`
	MemberType onboarding.MemberType `json:"member_type,omitempty"`
	Role       onboarding.Role       `json:"role,omitempty"`
	Locale     onboarding.Locale     `json:"locale,omitempty"`
	Notify     bool                  `json:"notify"`
	OnConflict string                `json:"on_conflict"`
}

// inviteAnswer is what is read of an answer: of inviting, or of its preview.
type inviteAnswer struct {
	Results []struct {
		Input      string                   `json:"input"`
		Verdict    onboarding.InviteVerdict `json:"verdict"`
		Reason     string                   `json:"reason"`
		Invitation struct {
			ID string `json:"id"`
		} `json:"invitation"`
		AcceptURL string `json:"accept_url"`
		Joins     string `json:"joins"`
	} `json:"results"`
	LeftToday int         `json:"left_today"`
	Texts     textPreview `json:"sms"`

	repeated bool // whether it was given before
	earlier  bool // whether to an earlier run
}

// textPreview is what text messages come to at most, and what is left for them before any is sent.
type textPreview struct {
	Count    int     `json:"count"`
	Segments int     `json:"segments"`
	Cost     dollars `json:"estimated_cost"`
	Left     int     `json:"left_today"`
	Budget   dollars `json:"budget_left"`
}

// dollars is money as the API writes it.
type dollars onboarding.Money

func (d *dollars) UnmarshalText(text []byte) error {
	m, err := onboarding.ParseMoney(string(text))
	*d = dollars(m)
	return err
}

func (d dollars) String() string { return onboarding.Money(d).String() + " US dollars" }

// each takes one step for each part of the people, until one fails or ctx ends, and answers how many are done. The
// report is saved after each: a run that is killed leaves what it knew.
func (s *sending) each(ctx context.Context, people []*person, shown *progress,
	step func(ctx context.Context, place string, part []*person) error, save func() error) (done int, err error) {
	shown.draw()
	defer shown.end()
	defer context.AfterFunc(ctx, func() { shown.note("the request under way is waited for; Ctrl-C again ends at once") })()
	rest := split(people)
	for place := 0; len(rest) > 0 && err == nil; place++ {
		if ctx.Err() != nil {
			err = errInterrupted
			break
		}
		part := rest[0]
		rest = rest[1:]
		if err = step(ctx, strconv.Itoa(place), part); err == nil {
			done += len(part)
			shown.advance(len(part))
			err = save()
		}
	}
	spare(slices.Concat(rest...))
	return done, err
}

// spare marks those who surely were not sent for.
func spare(people []*person) {
	for _, p := range people {
		if p.verdict == unknownSent {
			p.verdict, p.reason = notSent, "the run ended before"
		}
	}
}

// split makes parts that one request can hold, by their number and by their size.
func split(people []*person) [][]*person {
	const options = 1 << 10 // more than the rest of a body
	var parts [][]*person
	start, size := 0, options
	for i, p := range people {
		text, _ := json.Marshal(p.recipient) // of texts alone, which do not fail
		if n := i - start; n == onboarding.MaxRecipients || n > 0 && size+len(text)+1 > maxRequest {
			parts, start, size = append(parts, people[start:i]), i, options
		}
		size += len(text) + 1
	}
	if start < len(people) {
		parts = append(parts, people[start:])
	}
	return parts
}

// encode is the body for a part.
func (s *sending) encode(part []*person) ([]byte, error) {
	body := s.body
	for _, p := range part {
		body.Recipients = append(body.Recipients, p.recipient)
	}
	return json.Marshal(body)
}

// keyFor names a request by all that it asks for and by its place in the list, so that whoever asks for it again names it
// alike.
func (s *sending) keyFor(place string, body []byte) string {
	h := sha256.New()
	for _, text := range []string{"latchkey invite", string(s.org), place, string(body)} {
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// invite invites a part of the list. An earlier run's answer comes again under the same key, and with it the limit of that
// hour: whom it turned away is asked for anew, under a key that follows from that answer, so that the next run finds it too.
func (s *sending) invite(ctx context.Context, place string, part []*person) error {
	for len(part) > 0 {
		body, err := s.encode(part)
		if err != nil {
			return err
		}
		key := s.keyFor(place, body)
		answer, err := s.ask(ctx, "", key, body, part)
		if err != nil {
			return err
		}
		if !s.body.Notify && answer.repeated {
			explainLostLinks(part)
		}
		part = slices.DeleteFunc(slices.Clone(part), func(p *person) bool {
			return !answer.earlier || !slices.Contains(passing, p.verdict)
		})
		place = key
	}
	return nil
}

// ask sends a request and writes down what became of its part.
func (s *sending) ask(ctx context.Context, path, key string, body []byte, part []*person) (answer inviteAnswer, err error) {
	header, tries, f := s.api.post(ctx, path, key, body, &answer)
	if f == nil {
		f = settle(part, answer)
	}
	if f != nil {
		if !f.worked {
			spare(part)
		}
		return answer, f
	}
	answer.repeated = header.Get("Idempotency-Replayed") == "true"
	answer.earlier = answer.repeated && tries == 1
	return answer, nil
}

// settle writes down what became of a part.
func settle(part []*person, answer inviteAnswer) *failure {
	fits := len(answer.Results) == len(part)
	for i := 0; fits && i < len(part); i++ {
		fits = answer.Results[i].Input == part[i].recipient.address() && answer.Results[i].Verdict != ""
	}
	if !fits {
		return &failure{text: "the answer does not fit the request", worked: true}
	}
	for i, r := range answer.Results {
		p := part[i]
		anew := r.Verdict == onboarding.Reopened && p.before != r.Verdict // then older links are dead
		if r.AcceptURL != "" || r.Invitation.ID != p.invitation || anew {
			p.link = r.AcceptURL
		}
		p.verdict, p.reason, p.invitation = r.Verdict, cmp.Or(r.Reason, p.remark), r.Invitation.ID
	}
	return nil
}

// explainLostLinks says so where a link was in an answer that nobody has.
func explainLostLinks(part []*person) {
	for _, p := range part {
		if p.link == "" && (p.verdict == onboarding.Created || p.verdict == onboarding.Reopened) {
			p.reason = "a link is shown once, and this one was: revoke the invitation, and invite in another list"
		}
	}
}

// preview asks what would become of a part. Each answer counts the limits from where they stand; the parts before it would
// have used them up.
func (s *sending) preview(ctx context.Context, _ string, part []*person) error {
	body, err := s.encode(part)
	if err != nil {
		return err
	}
	answer, err := s.ask(ctx, "/preview", "", body, part)
	if err != nil {
		return err
	}
	s.previewed, s.left = true, answer.LeftToday
	mails, texts := s.left-s.mails, s.takeTexts(answer.Texts)
	for i, r := range answer.Results {
		switch r.Verdict {
		case onboarding.Created, onboarding.Reopened, onboarding.Resent:
		default:
			continue
		}
		room, reason := &mails, "today's sending limit of the organization is reached"
		if part[i].recipient.Phone != "" {
			room, reason = &texts, "the organization's limit on text messages is reached"
		}
		if *room--; s.body.Notify && *room < 0 {
			part[i].verdict, part[i].reason = onboarding.OverLimit, reason
			continue
		}
		if r.Joins == "at_once" {
			s.atOnce++
		} else {
			s.later++
		}
	}
	s.mails = s.left - mails
	return nil
}

// takeTexts counts what a part would text, as far as the parts before it leave room, and answers how many texts that are. An
// answer does not tell what each of them costs: where not all fit, each counts as their mean.
func (s *sending) takeTexts(p textPreview) int {
	s.texts.Left, s.texts.Budget = p.Left, p.Budget
	n := min(p.Count, p.Left-s.texts.Count)
	if p.Cost > 0 {
		n = min(n, int((p.Budget-s.texts.Cost)*dollars(p.Count)/p.Cost))
	}
	if n <= 0 {
		return 0
	}
	s.texts.Count += n
	s.texts.Segments += p.Segments * n / p.Count
	s.texts.Cost += p.Cost * dollars(n) / dollars(p.Count)
	return n
}

// summarize counts the people by their verdicts. A dry run, which leaves no report, lists some faults.
func (s *sending) summarize(out io.Writer, people []*person, o *inviteOptions) error {
	counts := map[onboarding.InviteVerdict]int{}
	var listed []*person
	for _, p := range people {
		if counts[p.verdict]++; slices.Contains(faulty, p.verdict) {
			listed = append(listed, p)
		}
	}
	w := columns(out)
	for _, v := range slices.Concat(faultless, faulty, unreached) {
		if counts[v] > 0 {
			fmt.Fprintf(w, "%s\t%d\n", v, counts[v])
		}
		delete(counts, v)
	}
	others := 0
	for _, n := range counts { // verdicts of an API that is newer
		others += n
	}
	if others > 0 {
		fmt.Fprintf(w, "others\t%d\n", others)
	}
	if len(s.ignored) > 0 {
		fmt.Fprintf(w, "ignored columns\t%s\n", plain(strings.Join(s.ignored, ", ")))
	}
	if !o.dryRun {
		fmt.Fprintf(w, "report\t%s\n", o.report)
		return w.Flush()
	}
	if s.previewed {
		fmt.Fprintf(w, "would join\t%d at once, %d after an administrator agrees\n", s.atOnce, s.later)
	}
	if s.previewed && s.body.Notify {
		s.summarizeLimits(w, people)
	}
	for i, p := range listed {
		if i == maxListed {
			fmt.Fprintf(w, "\t%d more\n", len(listed)-i)
			break
		}
		fmt.Fprintf(w, "line %d\t%s: %s\n", p.line, p.verdict, plain(p.reason))
	}
	return w.Flush()
}

// summarizeLimits says what is left of the limits on what the list needs.
func (s *sending) summarizeLimits(out io.Writer, people []*person) {
	if slices.ContainsFunc(people, func(p *person) bool { return p.recipient.Email != "" }) {
		fmt.Fprintf(out, "left today\t%d mails, before any of these\n", s.left)
	}
	if slices.ContainsFunc(people, func(p *person) bool { return p.recipient.Phone != "" }) {
		texts := "none"
		if s.texts.Count > 0 {
			texts = fmt.Sprintf("%d in at most %d segments, for about %s", s.texts.Count, s.texts.Segments, s.texts.Cost)
		}
		fmt.Fprintf(out, "texts\t%s\n", texts)
		fmt.Fprintf(out, "left for texts\t%d today and %s this month, before any of these\n", s.texts.Left, s.texts.Budget)
	}
}
