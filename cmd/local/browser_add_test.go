package main

// What people see who were added by an administrator.

import (
	"net/http"
	"strings"
	"testing"
)

// visitsByAdding are the visits of TestInTheBrowser that begin with that.
var visitsByAdding = map[string]func(t *testing.T, w *world, b *tab){
	"a one-time password is changed":   changesOneTimePassword,
	"somebody who was added registers": registers,
	"somebody added who speaks German": registersInGerman,
}

// add adds a member, and answers the token in their mail, if it has one, and its text.
func (w *world) add(address, more string) (token, text string) {
	w.t.Helper()
	w.must(http.StatusOK, "POST", "/v1/organizations/"+string(w.acme)+"/members", w.admin,
		`{"email":"`+address+`","first_name":"Bea","last_name":"Ray"`+more+`}`)
	token = w.newest(address)
	all := w.sent(address)
	return token, all[len(all)-1].Text
}

func changesOneTimePassword(t *testing.T, w *world, b *tab) {
	_, text := w.add("bea@example.com", "")
	once := oneTimePassword.FindString(text)
	b.open(b.join()+"/new-password", http.StatusOK, "Sign in to Acme") // nobody has signed in
	b.signIn("bea@example.com", once, http.StatusOK, "Choose your own password")
	if got := b.path(); got != b.join()+"/new-password" {
		t.Errorf("it ends at %s", got)
	}
	if page := evaluate[string](b, "document.documentElement.outerHTML"); strings.Contains(page, once) {
		t.Error("the page holds the password")
	}

	// Nothing else is open, and the way back leads here again.
	b.open(b.join()+"/welcome", http.StatusOK, "Sign in to Acme")
	b.open(b.join()+"/requests", http.StatusOK, "Sign in to Acme")
	b.open(b.join()+"/new-password", http.StatusOK, "Choose your own password")

	b.fill("current_password", "not the one of the mail")
	b.fill("new_password", secret)
	b.press("/new-password", http.StatusUnprocessableEntity, "Choose your own password")
	if text := b.text(".summary"); !strings.Contains(text, "isn’t the password from the mail") {
		t.Errorf("the summary reads %q", text)
	}
	b.fill("current_password", once)
	b.fill("new_password", once)
	b.press("/new-password", http.StatusUnprocessableEntity, "Choose your own password")
	if page := evaluate[string](b, "document.documentElement.outerHTML"); strings.Contains(page, once) {
		t.Error("the page gives the password back")
	}
	b.fill("current_password", once)
	b.fill("new_password", secret)
	b.press("/new-password", http.StatusOK, "You’re signed in")
	b.press("/sign-out", http.StatusOK, "Sign in to Acme")
	b.signIn("bea@example.com", once, http.StatusUnprocessableEntity, "Sign in to Acme")
	b.signIn("bea@example.com", secret, http.StatusOK, "You’re signed in")
}

func registers(t *testing.T, w *world, b *tab) {
	token, _ := w.add("bea@example.com", `,"without_confirmation":false`)
	link := b.join() + "/password/" + token
	b.open(link, http.StatusOK, "Choose a password")
	if width := evaluate[int](b, "document.documentElement.scrollWidth"); width > phoneWidth {
		t.Errorf("the page is %d wide", width)
	}
	for script, want := range map[string]string{
		"document.querySelector('#first_name').value":            "Bea",
		"document.querySelector('#last_name').value":             "Ray",
		"String(document.querySelector('#first_name').required)": "true",
		"String(document.querySelector('#last_name').required)":  "true",
	} {
		if got := evaluate[string](b, script); got != want {
			t.Errorf("%s is %q", script, got)
		}
	}
	b.fill("first_name", "Beatrice")
	b.fill("password", "short")
	evaluate[bool](b, "document.querySelector('form').noValidate = true")
	b.press("/password/", http.StatusUnprocessableEntity, "Choose a password")
	if got := evaluate[string](b, "document.querySelector('#first_name').value"); got != "Beatrice" {
		t.Errorf("what was entered has become %q", got)
	}
	b.fill("password", secret)
	b.press("/password/", http.StatusOK, "You’re signed in")
	if text := b.text("main"); !strings.Contains(text, "Beatrice Ray") {
		t.Errorf("the page reads %q", text)
	}
}

func registersInGerman(t *testing.T, w *world, b *tab) {
	token, _ := w.add("bea@example.com", `,"locale":"de","without_confirmation":false`)
	b.open(b.join()+"/password/"+token, http.StatusOK, "Passwort wählen")
	_, text := w.add("cem@example.com", `,"locale":"de"`)
	b.open(b.join()+"/sign-in", http.StatusOK, "Bei Acme")
	b.signIn("cem@example.com", oneTimePassword.FindString(text), http.StatusOK, "Wählen Sie Ihr eigenes Passwort")
}
