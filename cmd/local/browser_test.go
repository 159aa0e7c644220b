package main

// What people see: the mailed link opened in a real browser, on a phone. With LATCHKEY_SCREENSHOTS set to a folder,
// every page that is looked at is put there, light and dark.

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// findBrowser returns the path of a browser. Where there is none the test ends: skipped at home, failed in CI.
func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("Chromium is missing: apt-get install chromium")
	}
	t.Skip("Chromium is missing: apt-get install chromium")
	return ""
}

// startBrowser starts a browser that knows no host but this machine. Its sandbox does not start for root, which is who
// runs tests in a container.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(findBrowser(t)), chromedp.NoSandbox,
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("no-pings", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// tab is one page of one visitor, who has cookies of their own.
type tab struct {
	*world
	t     *testing.T
	ctx   context.Context
	shots int
}

const phoneWidth, phoneHeight = 390, 844

// visit opens an empty tab. Languages are an Accept-Language; empty leaves the browser's.
func (w *world) visit(t *testing.T, browser context.Context, languages string) *tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	ctx, stop = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(stop)
	b := &tab{world: w, t: t, ctx: ctx}
	b.do(chromedp.EmulateViewport(phoneWidth, phoneHeight, chromedp.EmulateMobile))
	if languages != "" {
		b.do(command(network.Enable, network.EnableParams{}), command(network.SetExtraHTTPHeaders,
			network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": languages}}))
	}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if strings.Contains(m.String(), "Content Security Policy") {
				t.Errorf("the browser complains: %s", m)
			}
		}
	}()
	return b
}

// command is an action that gives the browser a command.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, c, params)
		return err
	})
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

func evaluate[T any](b *tab, script string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// load runs what leads to another page, waits for it, and holds its status and heading.
func (b *tab) load(action chromedp.Action[chromedp.Void], status int64, heading string) {
	b.t.Helper()
	answer, err := chromedp.RunResponse(b.ctx, action)
	if err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.WaitReady(chromedp.CSS("h1")))
	got := b.text("h1")
	b.shoot()
	if answer.Status != status || !strings.HasPrefix(got, heading) {
		b.t.Fatalf("%s: %d %q, want %d %q", answer.URL, answer.Status, got, status, heading)
	}
}

func (b *tab) open(path string, status int64, heading string) {
	b.t.Helper()
	b.load(chromedp.Navigate(b.cloud.baseURL+path), status, heading)
}

// press presses the button of the form that posts there.
func (b *tab) press(action string, status int64, heading string) {
	b.t.Helper()
	b.load(chromedp.Click(chromedp.CSS(`form[action*="`+action+`"] button`)), status, heading)
}

func (b *tab) follow(link string, status int64, heading string) {
	b.t.Helper()
	b.load(chromedp.Click(chromedp.CSS(`a[href*="`+link+`"]`)), status, heading)
}

func (b *tab) fill(field, text string) {
	b.t.Helper()
	b.do(chromedp.Clear(chromedp.CSS("#"+field)), chromedp.SendKeys(chromedp.CSS("#"+field), text))
}

func (b *tab) text(selector string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.TextContent(chromedp.CSS(selector)))
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(text)
}

// path is what the address bar shows.
func (b *tab) path() string {
	b.t.Helper()
	at, err := chromedp.Run(b.ctx, chromedp.Location())
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimPrefix(at, b.cloud.baseURL)
}

// cookie is the session cookie as the browser keeps it, or nil.
func (b *tab) cookie() *network.Cookie {
	b.t.Helper()
	got, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range got.Cookies {
		if c.Name == "__Host-latchkey" {
			return c
		}
	}
	return nil
}

// shoot takes pictures, if anybody wants some.
func (b *tab) shoot() {
	b.t.Helper()
	dir := os.Getenv("LATCHKEY_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.t.Fatal(err)
	}
	b.shots++
	name := strings.NewReplacer("/", "-", "_", "-").Replace(strings.TrimPrefix(b.t.Name(), "TestInTheBrowser/"))
	for _, scheme := range []string{"light", "dark"} {
		b.do(command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}))
		picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			b.t.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprintf("%s-%02d-%s.png", name, b.shots, scheme))
		if err := os.WriteFile(path, picture, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

func TestInTheBrowser(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	c := startCloud(t, options{root: repository})
	visits := map[string]func(t *testing.T, w *world, b *tab){
		"an invitee joins":                            joins,
		"an invitee joins without JavaScript":         joinsWithoutScript,
		"a form says what is wrong":                   formSaysWhatIsWrong,
		"an invitee declines":                         declines,
		"an expired link":                             expiredLink,
		"links that lead nowhere":                     deadLinks,
		"signed in as somebody else":                  signedInAsAnother,
		"signing in and out":                          signsInAndOut,
		"a forgotten password":                        forgetsPassword,
		"the first password":                          firstPassword,
		"an organization that is closed":              closedOrganization,
		"whoever reads German is spoken to in German": speaksGerman,
	}
	maps.Copy(visits, visitsByLink)
	maps.Copy(visits, visitsByAdding)
	for name, visit := range visits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c)
			languages := ""
			if strings.Contains(name, "German") {
				languages = "de-AT,de;q=0.9,en;q=0.5"
			}
			visit(t, w, w.visit(t, browser, languages))
		})
	}
}

func (b *tab) join() string { return "/join/" + string(b.acme) }

// fillIn fills in the form of an invitation.
func (b *tab) fillIn(password string) {
	b.t.Helper()
	b.fill("first_name", "Ann")
	b.fill("last_name", "Lee")
	b.fill("password", password)
}

func joins(t *testing.T, w *world, b *tab) {
	link := b.join() + "/" + w.link
	b.open(link, http.StatusOK, "Join Acme")
	for _, want := range []string{"Grace Hopper has invited you", "ann@example.com"} {
		if text := b.text("main"); !strings.Contains(text, want) {
			t.Errorf("the page reads %q", text)
		}
	}
	if width := evaluate[int](b, "document.documentElement.scrollWidth"); width > phoneWidth {
		t.Errorf("the page is %d wide", width)
	}
	b.fillIn(secret)
	b.press("/accept", http.StatusOK, "You’re in")
	if got := b.path(); got != b.join()+"/welcome?joined=1" {
		t.Errorf("it ends at %s", got)
	}
	if text := b.text("main"); !strings.Contains(text, "Ann Lee") || !strings.Contains(text, "ann@example.com") {
		t.Errorf("the page reads %q", text)
	}
	// A browser takes a __Host- cookie where it is Secure, for the whole host and for that host alone; and Secure counts
	// on this machine without TLS.
	cookie := b.cookie()
	if cookie == nil || !cookie.Secure || !cookie.HTTPOnly || cookie.Path != "/" ||
		cookie.SameSite != network.CookieSameSiteLax {
		t.Errorf("cookie %+v", cookie)
	}
	if script := evaluate[string](b, "document.cookie"); script != "" {
		t.Errorf("scripts see %s", script)
	}
	// The link again: for Ann herself it leads in; for anybody else it is used up.
	b.open(link, http.StatusOK, "You’re signed in")
	other := w.visit(t, b.ctx, "")
	other.shots = b.shots
	other.open(link, http.StatusConflict, "This invitation has been used")
	other.follow("/sign-in", http.StatusOK, "Sign in to Acme")
}

func joinsWithoutScript(t *testing.T, w *world, b *tab) {
	b.do(command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	link := b.join() + "/" + w.link
	b.open(link, http.StatusOK, "Join Acme")
	b.fillIn(secret)
	b.press("/accept", http.StatusOK, "You’re in")
	if b.cookie() == nil {
		t.Error("there is no session")
	}
	b.open(link, http.StatusOK, "You’re signed in")
	b.press("/sign-out", http.StatusOK, "Sign in to Acme")
	if b.cookie() != nil {
		t.Error("there is still a session")
	}
	b.open(link, http.StatusConflict, "This invitation has been used")
}

func formSaysWhatIsWrong(t *testing.T, w *world, b *tab) {
	b.open(b.join()+"/"+w.link, http.StatusOK, "Join Acme")
	// The browser itself would not send these.
	post := func() { evaluate[bool](b, "document.querySelector('form[action$=\"/accept\"]').noValidate = true") }
	post()
	b.fillIn("too short")
	b.press("/accept", http.StatusUnprocessableEntity, "Join Acme")
	if text := b.text(".summary"); !strings.Contains(text, "There is a problem") && !strings.Contains(text, "15") {
		t.Errorf("the summary reads %q", text)
	}
	title, err := chromedp.Run(b.ctx, chromedp.Title())
	if err != nil || !strings.HasPrefix(title, "Error: ") {
		t.Errorf("the title is %q: %v", title, err)
	}
	for script, want := range map[string]string{
		"document.querySelector('#first_name').value":                             "Ann",
		"document.querySelector('#last_name').value":                              "Lee",
		"document.querySelector('#password').value":                               "",
		"document.querySelector('#password').getAttribute('aria-invalid')":        "true",
		"document.querySelector('#password').getAttribute('aria-describedby')":    "password-hint password-fault",
		"document.querySelector('.summary a').getAttribute('href')":               "#password",
		"document.querySelector('#password-fault').textContent.includes('15')+''": "true",
	} {
		if got := evaluate[string](b, script); got != want {
			t.Errorf("%s is %q, want %q", script, got, want)
		}
	}
	b.do(chromedp.WaitReady(chromedp.CSS(".summary:focus")))
	post()
	b.fill("first_name", " ")
	b.fill("password", "acmeannleeacmeannlee")
	b.press("/accept", http.StatusUnprocessableEntity, "Join Acme")
	if n := evaluate[int](b, "document.querySelectorAll('.summary a').length"); n != 2 {
		t.Errorf("%d faults: %s", n, b.text(".summary"))
	}
	b.fillIn(secret)
	b.press("/accept", http.StatusOK, "You’re in")
}

func declines(t *testing.T, w *world, b *tab) {
	link := b.join() + "/" + w.link
	b.open(link, http.StatusOK, "Join Acme")
	b.press("/decline", http.StatusOK, "You’ve declined")
	b.open(link, http.StatusGone, "This invitation was declined")
	if got := w.standing(); got != "declined" {
		t.Errorf("the invitation is %s", got)
	}
}

func expiredLink(t *testing.T, w *world, b *tab) {
	if err := w.age(w.acme, 8*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	b.open(b.join()+"/"+w.link, http.StatusGone, "This invitation has expired")
	before := len(w.sent("ann@example.com"))
	b.press("/request-new-link", http.StatusOK, "We’ve passed it on")
	if !await(func() bool { return len(w.sent("admin@acme.example")) == 2 }) {
		t.Error("the inviter got no mail")
	}
	if after := len(w.sent("ann@example.com")); after != before {
		t.Error("the invitee got another mail")
	}
}

func deadLinks(t *testing.T, w *world, b *tab) {
	b.open(b.join()+"/"+unknownLink, http.StatusNotFound, "This link doesn’t work")
	b.open(b.join()+"/"+w.link[:40], http.StatusNotFound, "This link doesn’t work")
	b.open("/join/no-such-organization/"+w.link, http.StatusNotFound, "This link doesn’t work")
	b.open(b.join()+"/password/"+unknownLink, http.StatusNotFound, "This link doesn’t work")
	b.follow("/forgotten-password", http.StatusOK, "Forgotten your password?")
	b.open("/assets/nothing.css", http.StatusNotFound, "Page not found")
	revoke := "/v1/organizations/" + string(w.acme) + "/invitations/" + w.invitation + "/revoke"
	w.must(http.StatusOK, "POST", revoke, w.admin, "")
	b.open(b.join()+"/"+w.link, http.StatusGone, "This invitation was withdrawn")
	if err := w.age(w.acme, 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	b.open(b.join()+"/password/"+w.reset, http.StatusGone, "This link has expired")
}

// signIn signs in by the page that is open.
func (b *tab) signIn(login, password string, status int64, heading string) {
	b.t.Helper()
	b.fill("login", login)
	b.fill("password", password)
	b.press("/sign-in", status, heading)
}

func signedInAsAnother(t *testing.T, w *world, b *tab) {
	b.open(b.join()+"/sign-in", http.StatusOK, "Sign in to Acme")
	b.signIn("admin@acme.example", password, http.StatusOK, "You’re signed in")
	b.open(b.join()+"/"+w.link, http.StatusConflict, "You’re signed in as somebody else")
	if text := b.text("main"); !strings.Contains(text, "Grace Hopper") {
		t.Errorf("the page reads %q", text)
	}
	b.follow("/welcome", http.StatusOK, "You’re signed in")
	b.open(b.join()+"/"+w.link, http.StatusConflict, "You’re signed in as somebody else")
	b.press("/sign-out", http.StatusOK, "Join Acme")
	if got := b.path(); got != b.join()+"/"+w.link {
		t.Errorf("it comes back to %s", got)
	}
	b.fillIn(secret)
	b.press("/accept", http.StatusOK, "You’re in")
}

func signsInAndOut(t *testing.T, w *world, b *tab) {
	b.open(b.join()+"/welcome", http.StatusOK, "Sign in to Acme")
	b.signIn("admin@acme.example", secret, http.StatusUnprocessableEntity, "Sign in to Acme")
	login := evaluate[string](b, "document.querySelector('#login').value")
	if text := b.text(".summary"); !strings.Contains(text, "isn’t right") || login != "admin@acme.example" {
		t.Errorf("%q %q", text, login)
	}
	b.signIn("Admin@Acme.example", password, http.StatusOK, "You’re signed in")
	if text := b.text("main"); !strings.Contains(text, "Administrator") {
		t.Errorf("the page reads %q", text)
	}
	b.open(b.join()+"/sign-in", http.StatusOK, "You’re signed in")
	token := b.cookie().Value
	b.press("/sign-out", http.StatusOK, "Sign in to Acme")
	if b.cookie() != nil {
		t.Error("the cookie is still there")
	}
	if got := w.ask("GET", "/v1/sessions/current", token, ""); got.String() != "401 unauthenticated" {
		t.Errorf("the session: %s", got)
	}
	b.open(b.join()+"/welcome", http.StatusOK, "Sign in to Acme")
}

func forgetsPassword(t *testing.T, w *world, b *tab) {
	b.open(b.join()+"/sign-in", http.StatusOK, "Sign in to Acme")
	b.follow("/forgotten-password", http.StatusOK, "Forgotten your password?")
	b.fill("login", "max@example.com")
	b.press("/forgotten-password", http.StatusOK, "Check your messages")
	link := b.join() + "/password/" + w.newest("max@example.com")
	b.open(link, http.StatusOK, "Choose a new password")
	evaluate[bool](b, "document.querySelector('form').noValidate = true")
	b.fill("password", "short")
	b.press("/password/", http.StatusUnprocessableEntity, "Choose a new password")
	b.fill("password", "eleven green umbrellas")
	b.press("/password/", http.StatusOK, "You’re signed in")
	if b.cookie() == nil {
		t.Error("there is no session")
	}
	b.open(link, http.StatusNotFound, "This link doesn’t work")
	if got := w.ask("GET", "/v1/sessions/current", w.member, ""); got.String() != "401 unauthenticated" {
		t.Errorf("the session of before: %s", got)
	}
}

func firstPassword(t *testing.T, w *world, b *tab) {
	id, err := w.found("initech", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	b.open("/join/"+string(id)+"/password/"+w.newest("admin@initech.example"), http.StatusOK, "Choose a password")
	b.fill("password", secret)
	b.press("/password/", http.StatusOK, "You’re signed in")
}

func closedOrganization(t *testing.T, w *world, b *tab) {
	if err := w.cloud.operate(t.Context(), "", "organization", "close", "--id", string(w.acme)); err != nil {
		t.Fatal(err)
	}
	b.open(b.join()+"/"+w.link, http.StatusForbidden, "This organization is closed")
}

func speaksGerman(t *testing.T, w *world, b *tab) {
	b.open(b.join()+"/"+w.link, http.StatusOK, "Acme")
	language := evaluate[string](b, "document.documentElement.lang")
	if heading := b.text("h1"); !strings.HasSuffix(heading, "beitreten") || language != "de" {
		t.Errorf("%q in %q", heading, language)
	}
	evaluate[bool](b, "document.querySelector('form[action$=\"/accept\"]').noValidate = true")
	b.fillIn("zu kurz")
	b.press("/accept", http.StatusUnprocessableEntity, "Acme")
	b.fillIn(secret)
	b.press("/accept", http.StatusOK, "Sie sind dabei")
	b.press("/sign-out", http.StatusOK, "Bei Acme")
}
