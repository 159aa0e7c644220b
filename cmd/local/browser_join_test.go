package main

// What people see who come by an invite link, and what an administrator sees of them.

import (
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
)

// visitsByLink are the visits of TestInTheBrowser that begin with an invite link.
var visitsByLink = map[string]func(t *testing.T, w *world, b *tab){
	"somebody joins by link, waits and is let in":        joinsAndWaits,
	"somebody joins by link without JavaScript":          joinsByLinkWithoutScript,
	"somebody joins by link with a phone":                joinsWithAPhone,
	"somebody is invited by text and forgets":            invitedByTextForgets,
	"the form of a link says what is wrong":              linkFormSaysWhatIsWrong,
	"links that nobody joins by":                         deadInviteLinks,
	"codes and attempts that are over":                   deadCodes,
	"an administrator decides on a phone":                decidesOnThePhone,
	"whoever joins and reads German":                     joinsInGerman,
	"whoever is in already and opens the link once more": joinsTwice,
}

// copied is the path of the organization's default link.
func (w *world) copied() string {
	w.t.Helper()
	link := w.must(http.StatusOK, "GET", "/v1/organizations/"+string(w.acme)+"/invite-links/default", w.admin, "")
	return "/join/" + string(w.acme) + "/" + path.Base(link["url"].(string))
}

// set changes the settings.
func (w *world) set(settings string) {
	w.t.Helper()
	w.must(http.StatusOK, "PATCH", "/v1/organizations/"+string(w.acme)+"/settings", w.admin, settings)
}

// code is the code in the newest mail to an address that was not asked for before.
func (w *world) code(address string) string {
	w.t.Helper()
	w.newest(address)
	all := w.sent(address)
	found := codeLine.FindStringSubmatch(all[len(all)-1].Text)
	if found == nil {
		w.t.Fatalf("no code in %q", all[len(all)-1].Text)
	}
	return found[1]
}

// fillInAs fills in the form of an invite link.
func (b *tab) fillInAs(address string) {
	b.t.Helper()
	b.fillIn(secret)
	b.fill("contact", address)
}

func joinsAndWaits(t *testing.T, w *world, b *tab) {
	link := w.copied()
	b.open(link, http.StatusOK, "Join Acme")
	if text := b.text("main"); !strings.Contains(text, "An administrator may have to let you in") {
		t.Errorf("the page reads %q", text)
	}
	if width := evaluate[int](b, "document.documentElement.scrollWidth"); width > phoneWidth {
		t.Errorf("the page is %d wide", width)
	}
	b.fillInAs("Pat@Example.com")
	b.press("/join", http.StatusOK, "Check your email")
	if text := b.text("main"); !strings.Contains(text, "pat@example.com") {
		t.Errorf("the page reads %q", text)
	}
	code := w.code("pat@example.com")
	// Whoever is sent the address of this page cannot end what another has begun.
	other := w.visit(t, b.ctx, "")
	other.shots = 50
	other.open(b.path(), http.StatusForbidden, "Go on where you began")
	other.follow(path.Base(link), http.StatusOK, "Join Acme")
	b.fill("code", "12345")
	b.press("/verify", http.StatusUnprocessableEntity, "Check your email")
	b.fill("code", code[:3]+" "+code[3:])
	b.press("/verify", http.StatusOK, "Your request is in")
	if got := b.path(); got != b.join()+"/welcome" {
		t.Errorf("it ends at %s", got)
	}
	// They are remembered: by the link, and by their password.
	b.open(link, http.StatusOK, "Your request is in")
	b.press("/sign-out", http.StatusOK, "Sign in to Acme")
	b.signIn("pat@example.com", secret, http.StatusOK, "Your request is in")

	queue := w.must(http.StatusOK, "GET", "/v1/organizations/"+string(w.acme)+"/join-requests", w.admin, "")
	id := queue["items"].([]any)[0].(map[string]any)["id"].(string)
	w.must(http.StatusOK, "POST", "/v1/organizations/"+string(w.acme)+"/join-requests/"+id+"/approve", w.admin, "")
	if got := w.newest("pat@example.com"); got != "sign-in" {
		t.Errorf("the mail leads to %s", got)
	}
	// The status page has become the way in, and so has the page that the mail leads to.
	b.open(b.join()+"/welcome", http.StatusOK, "You’re signed in")
	b.press("/sign-out", http.StatusOK, "Sign in to Acme")
	b.signIn("pat@example.com", secret, http.StatusOK, "You’re signed in")
}

func joinsByLinkWithoutScript(t *testing.T, w *world, b *tab) {
	w.set(`{"request_approval":false}`)
	b.do(command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	b.open(w.copied(), http.StatusOK, "Join Acme")
	b.fillInAs("pat@example.com")
	b.press("/join", http.StatusOK, "Check your email")
	b.fill("code", w.code("pat@example.com"))
	b.press("/verify", http.StatusOK, "You’re in")
	if b.cookie() == nil {
		t.Error("there is no session")
	}
}

func joinsWithAPhone(t *testing.T, w *world, b *tab) {
	const phone = "+13035550101"
	w.set(`{"request_approval":false}`)
	b.open(w.copied(), http.StatusOK, "Join Acme")
	if text := b.text("main"); !strings.Contains(text, "Email address or mobile number") {
		t.Errorf("the page reads %q", text)
	}
	b.fillInAs("+44 20 7946 0000")
	b.press("/join", http.StatusUnprocessableEntity, "Join Acme")
	if text := b.text("#contact-fault"); !strings.Contains(text, "text messages") {
		t.Errorf("the fault reads %q", text)
	}
	b.fillInAs("(303) 555-0101")
	b.press("/join", http.StatusOK, "Check your phone")
	if text := b.text("main"); !strings.Contains(text, phone) {
		t.Errorf("the page reads %q", text)
	}
	if width := evaluate[int](b, "document.documentElement.scrollWidth"); width > phoneWidth {
		t.Errorf("the page is %d wide", width)
	}
	b.fill("code", w.code(phone))
	b.press("/verify", http.StatusOK, "You’re in")
	b.press("/sign-out", http.StatusOK, "Sign in to Acme")
	b.signIn("303 555 0101", secret, http.StatusOK, "You’re signed in")
}

func invitedByTextForgets(t *testing.T, w *world, b *tab) {
	const phone = "+13035550102"
	w.must(http.StatusOK, "POST", "/v1/organizations/"+string(w.acme)+"/invitations", w.admin, `{"recipients":[{"phone":"`+phone+`"}]}`)
	b.open(b.join()+"/"+w.newest(phone), http.StatusOK, "Join Acme")
	if text := b.text("main"); !strings.Contains(text, phone) {
		t.Errorf("the page reads %q", text)
	}
	b.fillIn(secret)
	b.press("/accept", http.StatusOK, "You’re in")
	b.press("/sign-out", http.StatusOK, "Sign in to Acme")
	b.follow("/forgotten-password", http.StatusOK, "Forgotten your password?")
	b.fill("login", "(303) 555-0199") // nobody's: the page is the same
	b.press("/forgotten-password", http.StatusOK, "Choose a new password")
	b.follow("/forgotten-password", http.StatusOK, "Forgotten your password?")
	if err := w.numberRests(phone, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	b.fill("login", "(303) 555-0102")
	b.press("/forgotten-password", http.StatusOK, "Choose a new password")
	b.fill("code", "000000")
	b.fill("password", "eleven green umbrellas")
	b.press("/forgotten-password/code", http.StatusUnprocessableEntity, "Choose a new password")
	b.fill("code", w.code(phone))
	b.fill("password", "eleven green umbrellas")
	b.press("/forgotten-password/code", http.StatusOK, "You’re signed in")
	b.press("/sign-out", http.StatusOK, "Sign in to Acme")
	b.signIn(phone, "eleven green umbrellas", http.StatusOK, "You’re signed in")
}

func linkFormSaysWhatIsWrong(t *testing.T, w *world, b *tab) {
	w.must(http.StatusOK, "PATCH", "/v1/organizations/"+string(w.acme)+"/invite-links/default", w.admin,
		`{"allowed_domains":[{"domain":"corp.com"}]}`)
	b.open(w.copied(), http.StatusOK, "Join Acme")
	post := func() { evaluate[bool](b, "document.querySelector('form[action$=\"/join\"]').noValidate = true") }
	post()
	b.fillInAs("pat@example.com")
	b.press("/join", http.StatusUnprocessableEntity, "Join Acme")
	if text := b.text("#contact-fault"); !strings.Contains(text, "isn’t for that address") {
		t.Errorf("the fault reads %q", text)
	}
	post()
	b.fillIn("short")
	b.fill("contact", "pat@corp.com")
	b.press("/join", http.StatusUnprocessableEntity, "Join Acme")
	if got := evaluate[string](b, "document.querySelector('#contact').value + document.querySelector('#password').value"); got != "pat@corp.com" {
		t.Errorf("the form keeps %q", got)
	}
	b.fill("password", secret)
	b.press("/join", http.StatusOK, "Check your email")
	// The wrong address? The link leads back.
	b.follow(path.Base(w.copied()), http.StatusOK, "Join Acme")
}

func deadInviteLinks(t *testing.T, w *world, b *tab) {
	link, acme := w.copied(), "/v1/organizations/"+string(w.acme)
	b.open(link[:len(link)-1], http.StatusNotFound, "This link doesn’t work")
	w.set(`{"allow_link_registration":false}`)
	b.open(link, http.StatusForbidden, "Nobody can join by link")
	w.set(`{"allow_link_registration":true}`)
	w.must(http.StatusOK, "POST", acme+"/invite-links/default/disable", w.admin, "")
	b.open(link, http.StatusGone, "This link was switched off")
	w.must(http.StatusOK, "POST", acme+"/invite-links/default/enable", w.admin, "")
	b.open(link, http.StatusOK, "Join Acme")
	w.must(http.StatusOK, "POST", acme+"/invite-links/default/rotate", w.admin, "")
	b.open(link, http.StatusNotFound, "This link doesn’t work")

	fair := w.must(http.StatusOK, "POST", acme+"/invite-links", w.admin, `{"label":"Fair","max_uses":1,"expires_at":"2099-01-01T00:00:00Z"}`)
	w.inviteLink, w.linkToken = fair["id"].(string), path.Base(fair["url"].(string))
	w.verified("pat@example.com")
	b.open(b.join()+"/"+w.linkToken, http.StatusGone, "This link has been used up")
	w.must(http.StatusOK, "PATCH", acme+"/invite-links/"+w.inviteLink, w.admin, `{"max_uses":0}`)
	b.open(b.join()+"/"+w.linkToken, http.StatusOK, "Join Acme")
	if err := w.age(w.acme, 100*365*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	b.open(b.join()+"/"+w.linkToken, http.StatusGone, "This link has expired")
	if err := w.cloud.operate(t.Context(), "", "organization", "close", "--id", string(w.acme)); err != nil {
		t.Fatal(err)
	}
	b.open(w.linkPath(), http.StatusForbidden, "This organization is closed")
}

func (w *world) linkPath() string { return "/join/" + string(w.acme) + "/" + w.linkToken }

func deadCodes(t *testing.T, w *world, b *tab) {
	b.open(w.copied(), http.StatusOK, "Join Acme")
	b.fillInAs("pat@example.com")
	b.press("/join", http.StatusOK, "Check your email")
	page := b.path()
	code := w.code("pat@example.com")
	b.press("/resend-code", http.StatusTooManyRequests, "Check your email")
	if text := b.text(".summary"); !strings.Contains(text, "There’s a problem") {
		t.Errorf("the summary reads %q", text)
	}
	wrong := map[bool]string{true: "000001", false: "000000"}[code == "000000"]
	for range 5 {
		b.fill("code", wrong)
		b.press("/verify", http.StatusUnprocessableEntity, "Check your email")
	}
	b.fill("code", code)
	b.press("/verify", http.StatusGone, "Check your email")
	if err := w.age(w.acme, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	b.press("/resend-code", http.StatusOK, "Check your email")
	if b.path() != page+"?sent=1" || b.text("[role=status]") == "" {
		t.Errorf("%s says %q", b.path(), b.text("main"))
	}
	again := w.code("pat@example.com")
	if err := w.age(w.acme, time.Hour); err != nil {
		t.Fatal(err)
	}
	b.fill("code", again)
	b.press("/verify", http.StatusGone, "This attempt has expired")
	b.open(page, http.StatusGone, "This attempt has expired")
}

func decidesOnThePhone(t *testing.T, w *world, b *tab) {
	w.withJoiners()
	w.verified("sue@example.com")
	// The mail's link leads by way of signing in.
	b.open(b.join()+"/requests", http.StatusOK, "Sign in to Acme")
	b.signIn("admin@acme.example", password, http.StatusOK, "Requests to join")
	text := b.text("main")
	if !strings.Contains(text, "pat@example.com") || !strings.Contains(text, "sue@example.com") || !strings.Contains(text, "Fair") {
		t.Errorf("the page reads %q", text)
	}
	if width := evaluate[int](b, "document.documentElement.scrollWidth"); width > phoneWidth {
		t.Errorf("the page is %d wide", width)
	}

	// Where all seats are taken, nobody is let in, and whoever comes then waits for one.
	limit := func(seats string) {
		if err := w.cloud.operate(t.Context(), "", "organization", "limits", "--id", string(w.acme), "--seats", seats); err != nil {
			t.Fatal(err)
		}
	}
	limit("1")
	b.press(w.applicant+"/approve", http.StatusOK, "Requests to join")
	if text := b.text("main"); !strings.Contains(text, "pat@example.com") || !strings.Contains(b.text("[role=status]"), "No seat is left") {
		t.Errorf("the page reads %q", text)
	}
	limit("0")
	b.press(w.applicant+"/approve", http.StatusOK, "Requests to join")
	if text := b.text("main"); strings.Contains(text, "pat@example.com") || !strings.Contains(b.text("[role=status]"), "Approved") {
		t.Errorf("the page reads %q", text)
	}
	evaluate[bool](b, "document.querySelector('details').open = true")
	evaluate[string](b, "document.querySelector('form[action$=\"/reject\"] input').value = 'Nobody knows them'")
	b.press("/reject", http.StatusOK, "Requests to join")
	if !strings.Contains(b.text("[role=status]"), "Rejected") {
		t.Errorf("the page reads %q", b.text("main"))
	}
	rejected := w.must(http.StatusOK, "GET", "/v1/organizations/"+string(w.acme)+"/join-requests?status=rejected", w.admin, "")
	if items := rejected["items"].([]any); len(items) != 1 || items[0].(map[string]any)["reason"] != "Nobody knows them" {
		t.Errorf("%v", rejected)
	}
	b.open(b.join()+"/welcome", http.StatusOK, "You’re signed in")
	b.follow("/requests", http.StatusOK, "Requests to join")

	// Nobody else sees it: not a member, and not somebody who waits.
	other := w.visit(t, b.ctx, "")
	other.shots = b.shots
	other.open(b.join()+"/requests", http.StatusOK, "Sign in to Acme")
	other.signIn("max@example.com", secret, http.StatusForbidden, "That isn’t allowed")
	w.verified("tim@example.com")
	third := w.visit(t, b.ctx, "")
	third.shots = other.shots
	third.open(b.join()+"/requests", http.StatusOK, "Sign in to Acme")
	third.signIn("tim@example.com", secret, http.StatusOK, "Your request is in")
	third.open(b.join()+"/requests", http.StatusForbidden, "That isn’t allowed")
}

func joinsInGerman(t *testing.T, w *world, b *tab) {
	b.open(w.copied(), http.StatusOK, "Acme")
	b.fillInAs("pat@example.com")
	b.press("/join", http.StatusOK, "Sehen Sie in Ihrem Postfach nach")
	code := w.code("pat@example.com")
	if mails := w.sent("pat@example.com"); !strings.Contains(mails[0].Subject, "Ihr Code") {
		t.Errorf("the mail is called %q", mails[0].Subject)
	}
	b.fill("code", code)
	b.press("/verify", http.StatusOK, "Ihre Anfrage ist eingegangen")
}

func joinsTwice(t *testing.T, w *world, b *tab) {
	w.set(`{"request_approval":false}`)
	link := w.copied()
	b.open(link, http.StatusOK, "Join Acme")
	b.fillInAs("pat@example.com")
	b.press("/join", http.StatusOK, "Check your email")
	page := b.path()
	b.fill("code", w.code("pat@example.com"))
	b.press("/verify", http.StatusOK, "You’re in")
	b.open(page, http.StatusOK, "You’re signed in")
	b.open(link, http.StatusConflict, "You’re signed in as somebody else")
	b.press("/sign-out", http.StatusOK, "Join Acme")
	if got := b.path(); got != link {
		t.Errorf("it comes back to %s", got)
	}
	b.open(page, http.StatusConflict, "You’ve already done this")
	b.open(link, http.StatusOK, "Join Acme")
	b.fillInAs("pat@example.com")
	b.press("/join", http.StatusOK, "Check your email")
	b.fill("code", w.code("pat@example.com"))
	b.press("/verify", http.StatusConflict, "You’re already a member")
	b.follow("/sign-in", http.StatusOK, "Sign in to Acme")
}
