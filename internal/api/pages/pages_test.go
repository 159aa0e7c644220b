package pages

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"latchkey/internal/locale"
)

// hostile ends every context that a name could stand in, and then tries to run.
const hostile = `"'><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}{organization}</title></textarea>`

func render(t *testing.T, p Page) string {
	t.Helper()
	var b strings.Builder
	if err := Render(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A document is a page as a browser understands it.
type document struct {
	t        *testing.T
	elements []*html.Node
	byID     map[string]*html.Node
}

func parse(t *testing.T, page string) document {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	d := document{t: t, byID: map[string]*html.Node{}}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		d.elements = append(d.elements, n)
		if id := attr(n, "id"); id != "" {
			if d.byID[id] != nil {
				t.Errorf("two elements have the id %q", id)
			}
			d.byID[id] = n
		}
	}
	return d
}

func (d document) all(tag string) []*html.Node {
	return slices.Collect(func(yield func(*html.Node) bool) {
		for _, n := range d.elements {
			if n.Data == tag && !yield(n) {
				return
			}
		}
	})
}

func (d document) one(tag string) *html.Node {
	d.t.Helper()
	found := d.all(tag)
	if len(found) != 1 {
		d.t.Fatalf("there are %d <%s>, want one", len(found), tag)
	}
	return found[0]
}

func lookup(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func attr(n *html.Node, name string) string {
	value, _ := lookup(n, name)
	return value
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

func TestEveryPageIsSoundInEveryLanguage(t *testing.T) {
	for _, tag := range locale.Tags() {
		for name, view := range samples(hostile) {
			t.Run(string(tag)+"/"+name, func(t *testing.T) {
				page := render(t, Page{Locale: tag, Organization: "Acme" + hostile, View: view})
				if !strings.HasPrefix(page, "<!doctype html>\n") {
					t.Error("the page does not begin with its doctype")
				}
				if strings.Contains(page, "ZgotmplZ") {
					t.Error("html/template refused a value")
				}
				d := parse(t, page)
				checkFrame(t, d, tag)
				checkNothingRuns(t, d)
				checkForms(t, d)
			})
		}
	}
}

func checkFrame(t *testing.T, d document, tag locale.Tag) {
	if lang := attr(d.one("html"), "lang"); lang != string(tag) {
		t.Errorf("the language is %q", lang)
	}
	d.one("main")
	d.one("header")
	if text(d.one("h1")) == "" {
		t.Error("the heading is empty")
	}
	title, faulty := text(d.one("title")), d.byID["summary"] != nil
	if !strings.Contains(title, text(d.one("h1"))) || !strings.Contains(title, "Acme") {
		t.Errorf("the title is %q", title)
	}
	prefix, _, _ := strings.Cut(tag.Text("page.error_title"), "{")
	if strings.HasPrefix(title, prefix) != faulty {
		t.Errorf("the title is %q, and a summary of faults shown: %v", title, faulty)
	}
	metas := map[string]string{}
	for _, m := range d.all("meta") {
		metas[attr(m, "name")] = attr(m, "content")
	}
	for name, want := range map[string]string{
		"viewport":     "width=device-width, initial-scale=1",
		"color-scheme": "light dark",
		"robots":       "noindex",
		"referrer":     "no-referrer",
	} {
		if metas[name] != want {
			t.Errorf("meta %s is %q, want %q", name, metas[name], want)
		}
	}
	said := strings.ReplaceAll(text(d.one("html")), hostile, "")
	if strings.Contains(said, "page.") || strings.ContainsAny(said, "{}") {
		t.Errorf("a text is missing or not filled in: %q", said)
	}
}

func checkNothingRuns(t *testing.T, d document) {
	known := []string{"html", "head", "meta", "title", "link", "body", "header", "img", "span", "main", "div", "h1", "h2",
		"p", "ul", "li", "a", "form", "label", "input", "button", "hr", "dl", "dt", "dd", "code", "details", "summary"}
	for _, n := range d.elements {
		if !slices.Contains(known, n.Data) {
			t.Errorf("there is a <%s>", n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
				t.Errorf("<%s> has %s", n.Data, a.Key)
			case slices.Contains([]string{"href", "src", "action"}, a.Key):
				if len(a.Val) < 2 || a.Val[0] != '/' && a.Val[0] != '#' || strings.HasPrefix(a.Val, "//") {
					t.Errorf("<%s> leads to %q", n.Data, a.Val)
				}
			}
		}
	}
}

func checkForms(t *testing.T, d document) {
	for _, form := range d.all("form") {
		if attr(form, "method") != "post" || attr(form, "action") == "" {
			t.Errorf("a form is sent by %q to %q", attr(form, "method"), attr(form, "action"))
		}
	}
	for _, n := range d.elements {
		for id := range strings.FieldsSeq(attr(n, "aria-describedby")) {
			if d.byID[id] == nil || text(d.byID[id]) == "" {
				t.Errorf("a <%s> is described by %q, which is not there", n.Data, id)
			}
		}
	}
	labelled := map[string]bool{}
	for _, label := range d.all("label") {
		labelled[attr(label, "for")] = text(label) != ""
	}
	faults := 0
	for _, input := range d.all("input") {
		name := attr(input, "name")
		if attr(input, "type") == "hidden" {
			if name == "" || attr(input, "value") == "" {
				t.Errorf("the hidden input %q posts %q", name, attr(input, "value"))
			}
			continue
		}
		if attr(input, "autocomplete") == "" {
			t.Errorf("the browser is not told what %q is for", name)
		}
		if attr(input, "type") == "password" && attr(input, "value") != "" {
			t.Error("a password came back")
		}
		if attr(input, "aria-hidden") == "true" {
			if name != "" || attr(input, "tabindex") != "-1" {
				t.Errorf("a hidden input is posted as %q, or can be reached", name)
			}
			continue
		}
		id := attr(input, "id")
		if name == "" || id == "" || !labelled[id] {
			t.Errorf("the input %q has no label", name)
		}
		invalid, described := attr(input, "aria-invalid") == "true", attr(input, "aria-describedby")
		if invalid != strings.Contains(described, id+"-fault") || invalid != (d.byID[id+"-fault"] != nil) {
			t.Errorf("%q: invalid is %v, described by %q", id, invalid, described)
		}
		if invalid {
			faults++
		}
	}
	links := 0
	for _, a := range d.all("a") {
		if id, ok := strings.CutPrefix(attr(a, "href"), "#"); ok {
			links++
			if d.byID[id] == nil || d.byID[id].Data != "input" || text(a) != text(d.byID[id+"-fault"]) {
				t.Errorf("the summary leads to %q and says %q", id, text(a))
			}
		}
	}
	if links != faults {
		t.Errorf("the summary has %d links to %d faulty fields", links, faults)
	}
}

func TestNamesAreShownAsTheyAre(t *testing.T) {
	for name, view := range samples(hostile) {
		if view, ok := view.(Welcome); ok {
			d := parse(t, render(t, Page{Locale: locale.English, Organization: "Acme", View: view}))
			if !strings.Contains(text(d.one("dl")), "Example"+hostile) {
				t.Errorf("%s: the name is shown as %q", name, text(d.one("dl")))
			}
		}
	}
}

func TestAFaultyFormKeepsWhatWasEntered(t *testing.T) {
	d := parse(t, render(t, Page{Locale: locale.English, Organization: "Acme", View: Join{Action: "/x", Decline: "/y",
		FirstName: `Ann "A"`, LastName: "O'Neill", Faults: []Fault{{"password", TooShort}}}}))
	if got := attr(d.byID["first_name"], "value") + " " + attr(d.byID["last_name"], "value"); got != `Ann "A" O'Neill` {
		t.Errorf("the name came back as %q", got)
	}
	if got := attr(d.byID["password"], "minlength"); got != "15" {
		t.Errorf("the shortest password has %q characters", got)
	}
}

func TestOnlyTheFirstFaultOfAFieldIsShown(t *testing.T) {
	d := parse(t, render(t, Page{Locale: locale.English, Organization: "Acme", View: ChoosePassword{Action: "/x",
		Faults: []Fault{{"password", TooCommon}, {"password", TooShort}, {"", "odd"}, {"elsewhere", Required}}}}))
	want := []string{locale.English.Text("page.fault.new_password.too_common"), "Please check what you entered."}
	var got []string
	for _, li := range d.all("li") {
		got = append(got, text(li))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the summary says %q, want %q", got, want)
	}
}

func TestOnlyWhatMustBeFilledInIsRequired(t *testing.T) {
	for name, view := range samples("") {
		d := parse(t, render(t, Page{Locale: locale.English, Organization: "Acme", View: view}))
		for _, input := range d.all("input") {
			_, required := lookup(input, "required")
			if field := attr(input, "name"); field != "" && attr(input, "type") != "hidden" && required == (field == "reason") {
				t.Errorf("%s: %q is required: %v", name, field, required)
			}
		}
	}
}

func TestEachRequestIsDecidedByFormsOfItsOwn(t *testing.T) {
	queue := samples("")["requests"].(Requests)
	d := parse(t, render(t, Page{Locale: locale.English, Organization: "Acme", View: queue}))
	decides := map[string]string{} // by path, the heading that its button is described by
	for _, form := range d.all("form") {
		for n := range form.Descendants() {
			if n.Data == "button" && attr(n, "aria-describedby") != "" {
				decides[attr(form, "action")] = text(d.byID[attr(n, "aria-describedby")])
			}
		}
	}
	want := map[string]string{}
	for _, item := range queue.Items {
		want[item.Approve], want[item.Reject] = item.Name, item.Name
	}
	if !maps.Equal(decides, want) {
		t.Errorf("the forms decide %q, want %q", decides, want)
	}
}

func TestWhoWaitsForASeatIsMarked(t *testing.T) {
	for _, seatless := range []bool{false, true} {
		page := render(t, Page{Locale: locale.English, Organization: "Acme", View: Requests{Items: []RequestItem{{Name: "Ann", Seatless: seatless}}}})
		if strings.Contains(page, "All seats were taken") != seatless {
			t.Errorf("seatless %t: %s", seatless, page)
		}
	}
}

func TestANoteTellsWhatHasJustBeenDone(t *testing.T) {
	for _, tt := range []struct {
		view View
		want string // key, or empty for no note
	}{
		{Requests{}, ""},
		{Requests{Done: "approved"}, "page.requests.approved"},
		{Requests{Done: "rejected"}, "page.requests.rejected"},
		{Requests{Done: "already"}, "page.requests.already"},
		{Requests{Done: "full"}, "page.requests.full"},
		{Requests{Done: hostile}, ""},
		{EnterCode{}, ""},
		{EnterCode{Sent: true}, "page.enter_code.sent"},
		{EnterCode{Sent: true, Faults: []Fault{{"code", Wrong}}}, ""},
		{EnterCode{ByPhone: true}, ""},
		{EnterCode{ByPhone: true, Sent: true}, "page.enter_code.sent_phone"},
		{EnterCode{ByPhone: true, Sent: true, Faults: []Fault{{"code", Wrong}}}, ""},
	} {
		d := parse(t, render(t, Page{Locale: locale.English, View: tt.view}))
		got := ""
		for _, n := range d.elements {
			if attr(n, "role") == "status" {
				got += text(n)
			}
		}
		want := ""
		if tt.want != "" {
			want = locale.English.Text(tt.want)
		}
		if got != want {
			t.Errorf("%+v says %q, want %q", tt.view, got, want)
		}
	}
}

func TestAnExpiredCodeIsNotSaidToBeValid(t *testing.T) {
	until := locale.English.Text("page.enter_code.until")
	for fault, want := range map[string]bool{Wrong: true, CodeExpired: false} {
		page := render(t, Page{Locale: locale.English, View: EnterCode{Faults: []Fault{{"", fault}}}})
		if strings.Contains(page, until) != want {
			t.Errorf("%s: the page says %q: %v", fault, until, !want)
		}
	}
}

func TestALinkSaysWhoseAddressesMayJoin(t *testing.T) {
	says := func(view JoinByLink) string {
		return text(parse(t, render(t, Page{Locale: locale.English, Organization: "Acme", View: view})).one("main"))
	}
	if got := says(JoinByLink{Domains: []string{"corp.com", "*.corp.com"}}); !strings.Contains(got, "corp.com, *.corp.com") {
		t.Errorf("the domains are missing: %q", got)
	}
	wait := locale.English.Text("page.join_by_link.may_wait")
	if got := says(JoinByLink{}); strings.Contains(got, "Only") || strings.Contains(got, wait) {
		t.Errorf("a link for everybody says %q", got)
	}
	if got := says(JoinByLink{MayWait: true}); !strings.Contains(got, wait) {
		t.Errorf("that one may have to wait is missing: %q", got)
	}
}

func TestALinkAsksForANumberOnlyWhereOneWillDo(t *testing.T) {
	hint := locale.English.Text("page.field.contact_phones.hint")
	for _, tt := range []struct {
		view                               JoinByLink
		label, autocomplete, hint, missing string
	}{
		{JoinByLink{}, "Email address", "email", "", "Enter your email address."},
		{JoinByLink{Phones: true}, "Email address or mobile number", "username", hint,
			"Enter your email address or mobile number."},
		{JoinByLink{Domains: []string{"corp.com"}}, "Email address", "email", "Only for addresses at: corp.com",
			"Enter your email address."},
	} {
		tt.view.Contact, tt.view.Faults = "+44 7700 900123", []Fault{{"contact", Required}}
		d := parse(t, render(t, Page{Locale: locale.English, Organization: "Acme", View: tt.view}))
		contact := d.byID["contact"]
		if contact == nil {
			t.Fatalf("%+v does not ask for a contact", tt.view)
		}
		if attr(contact, "value") != tt.view.Contact || attr(contact, "autocomplete") != tt.autocomplete {
			t.Errorf("%+v: the value is %q, autocomplete %q", tt.view, attr(contact, "value"), attr(contact, "autocomplete"))
		}
		// Of type tel or email, it would not take the other, or rewrite it.
		if attr(contact, "type") != "text" || attr(contact, "inputmode") != "email" {
			t.Errorf("%+v: type %q, inputmode %q", tt.view, attr(contact, "type"), attr(contact, "inputmode"))
		}
		label, said := "", ""
		for _, l := range d.all("label") {
			if attr(l, "for") == "contact" {
				label = text(l)
			}
		}
		if h := d.byID["contact-hint"]; h != nil {
			said = text(h)
		}
		if label != tt.label || said != tt.hint || text(d.byID["contact-fault"]) != tt.missing {
			t.Errorf("%+v asks for %q with the hint %q and the fault %q", tt.view, label, said, text(d.byID["contact-fault"]))
		}
	}
}

func TestPagesOfAJoinSayHowTheCodeComes(t *testing.T) {
	for _, tag := range locale.Tags() {
		says := func(view View, key string) bool {
			main := parse(t, render(t, Page{Locale: tag, Organization: "Acme", View: view})).one("main")
			return strings.Contains(text(main), tag.Text(key, "organization", "Acme"))
		}
		for mail, phone := range map[string]string{
			"page.enter_code.heading":     "page.enter_code.heading_phone",
			"page.enter_code.text":        "page.enter_code.text_phone",
			"page.enter_code.resend_text": "page.enter_code.resend_text_phone",
			"page.enter_code.again":       "page.enter_code.again_phone",
			"page.field.code.hint":        "page.field.code.hint_phone",
			"page.fault.code.wrong":       "page.fault.code.wrong_phone",
		} {
			for _, byPhone := range []bool{false, true} {
				view := EnterCode{Again: "/x", ByPhone: byPhone, Faults: []Fault{{"code", Wrong}}}
				if says(view, mail) == byPhone || says(view, phone) != byPhone {
					t.Errorf("%s: by phone %v, the page confuses %s and %s", tag, byPhone, mail, phone)
				}
			}
		}
		for _, phones := range []bool{false, true} {
			view := JoinByLink{Phones: phones}
			if says(view, "page.join_by_link.text") == phones || says(view, "page.join_by_link.text_phones") != phones {
				t.Errorf("%s: phones %v, the page announces another way", tag, phones)
			}
		}
		// It does not tell a wrong code from one that has ended, or that was never sent.
		if !says(ChoosePasswordByCode{Faults: []Fault{{"code", Wrong}}}, "page.fault.code.wrong_or_ended") {
			t.Errorf("%s: a code that sets no password is not said to be wrong or ended", tag)
		}
	}
}

func TestEveryFaultHasWordsOfItsOwn(t *testing.T) {
	for _, tag := range locale.Tags() {
		for _, tt := range []struct {
			field string
			codes []string
			view  func([]Fault) View
		}{
			{"contact", []string{"required", "invalid", "too_long", "domain_not_allowed", "country_code", "cannot_receive_text",
				"texts_off", "country_not_allowed", "opted_out"},
				func(f []Fault) View { return JoinByLink{Faults: f} }},
			{"contact", []string{"required", "invalid", "too_long", "domain_not_allowed", "country_code", "cannot_receive_text",
				"texts_off", "country_not_allowed", "opted_out"},
				func(f []Fault) View { return JoinByLink{Phones: true, Faults: f} }},
			{"login", []string{"required", "invalid"}, func(f []Fault) View { return SignIn{Faults: f} }},
			{"login", []string{"required", "invalid"}, func(f []Fault) View { return ForgottenPassword{Faults: f} }},
			{"code", []string{"required", "invalid", "wrong"}, func(f []Fault) View { return EnterCode{Faults: f} }},
			{"code", []string{"required", "invalid", "wrong"}, func(f []Fault) View { return EnterCode{ByPhone: true, Faults: f} }},
			{"code", []string{"required", "invalid", "wrong"}, func(f []Fault) View { return ChoosePasswordByCode{Faults: f} }},
			{"password", []string{"required", "invalid", "too_short", "too_long", "too_common"},
				func(f []Fault) View { return ChoosePasswordByCode{Faults: f} }},
			{"", []string{"wrong_credentials", "too_many_attempts", "code_expired", "texts_off", "country_not_allowed", "opted_out"},
				func(f []Fault) View { return EnterCode{ByPhone: true, Faults: f} }},
		} {
			said := map[string]string{tag.Text("page.fault.other"): "a fault without words"}
			for _, code := range tt.codes {
				view := tt.view([]Fault{{tt.field, code}})
				found := parse(t, render(t, Page{Locale: tag, Organization: "Acme", View: view})).all("li")
				if len(found) != 1 {
					t.Fatalf("%s: %T has %d faults for %s", tag, view, len(found), code)
				}
				words := text(found[0])
				if as, taken := said[words]; taken {
					t.Errorf("%s: %T says %q for %s, as for %s", tag, view, words, code, as)
				}
				said[words] = code
			}
		}
	}
}

// Words for one way to reach people, and for the other, in every language.
var (
	aboutMail = regexp.MustCompile(`(?i)e-?mail|spam|mailbox|postfach`)
	aboutText = regexp.MustCompile(`(?i)phone|number|text message|nummer|telefon|handy|sms`)
)

// TestNobodyIsToldOfMailAlone holds that a page that both may see speaks to both.
func TestNobodyIsToldOfMailAlone(t *testing.T) {
	for _, tag := range locale.Tags() {
		for name, view := range samples("") {
			said := text(parse(t, render(t, Page{Locale: tag, Organization: "Acme", View: view})).one("main"))
			mail, phone := aboutMail.FindString(said), aboutText.FindString(said)
			switch v := view.(type) {
			case EnterCode:
				// Whoever begins again may give an address, and so may whoever cannot be texted.
				mayMail := v.Again != "" || slices.Contains(v.Faults, Fault{"", OptedOut})
				if !v.ByPhone && (mail == "" || phone != "") || v.ByPhone && (phone == "" || mail != "" && !mayMail) {
					t.Errorf("%s: %s, by phone %v, speaks of %q and %q", tag, name, v.ByPhone, mail, phone)
				}
			case JoinByLink:
				if mail == "" || !v.Phones && len(v.Faults) == 0 && phone != "" {
					t.Errorf("%s: %s, phones %v, speaks of %q and %q", tag, name, v.Phones, mail, phone)
				}
			case ChoosePasswordByCode:
				if mail != "" || phone == "" {
					t.Errorf("%s: %s speaks of %q and %q", tag, name, mail, phone)
				}
			case NewPassword: // a one-time password is mailed
			default:
				if mail != "" && phone == "" {
					t.Errorf("%s: %s speaks of %q alone: %s", tag, name, mail, said)
				}
			}
		}
	}
}

func TestAPasswordByCodePostsWhoseItIs(t *testing.T) {
	const number = "+447700900123"
	d := parse(t, render(t, Page{Locale: locale.English, Organization: "Acme", View: ChoosePasswordByCode{Action: "/x",
		Again: "/y", Login: number, Faults: []Fault{{"code", Wrong}}}}))
	posted, filed := map[string]string{}, ""
	for n := range d.one("form").Descendants() {
		switch {
		case n.Data != "input":
		case attr(n, "name") != "":
			posted[attr(n, "name")] = attr(n, "value")
		case attr(n, "autocomplete") == "username":
			filed = attr(n, "value")
		}
	}
	if want := map[string]string{"login": number, "code": "", "password": ""}; !maps.Equal(posted, want) {
		t.Errorf("the form posts %q, want %q", posted, want)
	}
	if filed != number {
		t.Errorf("a password manager files the password under %q", filed)
	}
	if attr(d.byID["code"], "autocomplete") != "one-time-code" || attr(d.byID["password"], "autocomplete") != "new-password" {
		t.Error("the browser is told something else")
	}
	if said := text(d.one("main")); !strings.Contains(said, "If "+number+" is the number of a member of Acme") {
		t.Errorf("the page says %q", said)
	}
	// A link's password is nobody's to say: its form posts no login.
	other := parse(t, render(t, Page{View: ChoosePassword{Action: "/x", Login: number}}))
	for _, input := range other.all("input") {
		if attr(input, "name") == "login" {
			t.Error("the form of a link posts a login")
		}
	}
}

func TestAnUnknownOrganizationIsNotNamed(t *testing.T) {
	for _, view := range []View{LinkInvalid{}, OrganizationClosed{}, Error{Status: 404}} {
		d := parse(t, render(t, Page{View: view}))
		if text(d.one("header")) != "Latchkey" || text(d.one("title")) != text(d.one("h1")) {
			t.Errorf("%T: header %q, title %q", view, text(d.one("header")), text(d.one("title")))
		}
	}
}

func TestAnUnknownLanguageReadsEnglishAndSaysSo(t *testing.T) {
	for _, tag := range []locale.Tag{"", "fr", hostile} {
		d := parse(t, render(t, Page{Locale: tag, View: Revoked{}}))
		if lang := attr(d.one("html"), "lang"); lang != "en" || text(d.one("h1")) != "This invitation was withdrawn" {
			t.Errorf("%q: language %q, heading %q", tag, lang, text(d.one("h1")))
		}
	}
}

// A viewWithoutTemplate fails when it is drawn.
type viewWithoutTemplate struct{}

func (viewWithoutTemplate) page() (template, heading string) { return "nowhere", "page.brand" }

func TestAFailureWritesNothing(t *testing.T) {
	var b strings.Builder
	if err := Render(&b, Page{View: viewWithoutTemplate{}}); err == nil || b.Len() > 0 {
		t.Errorf("error %v after %q", err, b.String())
	}
	// Closed by its reader: the error of the writer is the error of Render.
	r, w := io.Pipe()
	r.Close()
	if err := Render(w, Page{View: Revoked{}}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v of a closed pipe", err)
	}
}

func TestEveryTextIsUsedAndEveryTextUsedIsThere(t *testing.T) {
	files := append(glob(t, "templates/*.html"), glob(t, "*.go")...)
	used := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(`"(page\.[a-z_.]+)"`).FindAllStringSubmatch(read(t, file), -1) {
			used[m[1]] = true
		}
	}
	// An Error speaks from a section.
	for _, status := range []int{400, 403, 404, 413, 429, 500, 503} {
		section := Error{Status: status}.section()
		delete(used, section)
		used[section+".heading"], used[section+".text"] = true, true
	}
	want := slices.Sorted(maps.Keys(used))
	for _, file := range glob(t, "../../locale/pages.*.json") {
		var texts map[string]string
		if err := json.Unmarshal([]byte(read(t, file)), &texts); err != nil {
			t.Fatal(err)
		}
		got := slices.Sorted(maps.Keys(texts))
		for _, key := range want {
			if texts[key] == "" {
				t.Errorf("%s lacks %s", file, key)
			}
		}
		for _, key := range got {
			if !used[key] {
				t.Errorf("%s has %s, which no page says", file, key)
			}
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	return files
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestAssetsAreThereUnderTheirOwnNameOnly(t *testing.T) {
	for name, contentType := range map[string]string{"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"} {
		url := AssetURL(name)
		content, gotType, etag, ok := Asset(strings.TrimPrefix(url, "/assets/"))
		if !ok || string(content) != read(t, "assets/"+name) || gotType != contentType {
			t.Errorf("%s: found %v, %d bytes of %s", url, ok, len(content), gotType)
		}
		if !regexp.MustCompile(`^"[0-9a-f]{16}"$`).MatchString(etag) || !strings.Contains(url, strings.Trim(etag, `"`)) {
			t.Errorf("%s has the etag %s", url, etag)
		}
	}
	for _, file := range []string{"", "style.css", "style.0000000000000000.css", "../pages.go", "style..css"} {
		if _, _, _, ok := Asset(file); ok {
			t.Errorf("%q is there", file)
		}
	}
}

func TestEveryColourCanBeReadOnItsGround(t *testing.T) {
	light, dark, ok := strings.Cut(read(t, "assets/style.css"), "prefers-color-scheme: dark")
	if !ok {
		t.Fatal("there is no dark scheme")
	}
	dark, _, _ = strings.Cut(dark, "*, *::before")
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
			colours[m[1]] = m[2]
		}
		for _, pair := range []struct {
			above, below string
			atLeast      float64
		}{
			{"text", "sheet", 4.5}, {"text", "ground", 4.5}, {"text", "fault-ground", 4.5}, {"soft", "sheet", 4.5},
			{"accent", "sheet", 4.5}, {"accent-strong", "sheet", 4.5}, {"on-accent", "accent", 4.5},
			{"on-accent", "accent-strong", 4.5}, {"fault", "sheet", 4.5}, {"fault", "fault-ground", 4.5}, {"edge", "sheet", 3},
		} {
			if got := contrast(t, colours[pair.above], colours[pair.below]); got < pair.atLeast {
				t.Errorf("%s: %s on %s has a contrast of %.2f", scheme, pair.above, pair.below, got)
			}
		}
	}
}

// contrast is the contrast ratio of WCAG 2.2 between two colours, rrggbb.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(colour string) float64 {
		rgb, err := strconv.ParseUint(colour, 16, 24)
		if err != nil {
			t.Fatal(err)
		}
		channel := func(shift int) float64 {
			c := float64(rgb>>shift&0xff) / 0xff
			if c <= 0.04045 {
				return c / 12.92
			}
			return math.Pow((c+0.055)/1.055, 2.4)
		}
		return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
	}
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}
