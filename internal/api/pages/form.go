package pages

import (
	"fmt"
	"slices"
	"strings"
)

// A Fault is one thing that is wrong with a form.
type Fault struct {
	Field string // the name of the input; empty, or one the form does not have: the form as a whole
	Code  string // one of the codes below; any other reads "please check what you entered"
}

// What can be wrong with a field.
const (
	Required          = "required"
	Invalid           = "invalid"
	TooShort          = "too_short"
	TooLong           = "too_long"
	TooCommon         = "too_common"
	Same              = "same"                // a password, as the one before
	Wrong             = "wrong"               // a code
	DomainNotAllowed  = "domain_not_allowed"  // of an address, for this link
	CountryCode       = "country_code"        // missing from a number
	CannotReceiveText = "cannot_receive_text" // as a number of its kind, such as a fixed line
)

// What can be wrong with a number, and with a form that would have one texted.
const (
	TextsOff          = "texts_off"           // nobody is texted here
	CountryNotAllowed = "country_not_allowed" // nobody of that country is
	OptedOut          = "opted_out"           // its owner wants none
)

// What can be wrong with a form.
const (
	WrongCredentials = "wrong_credentials"
	TooManyAttempts  = "too_many_attempts"
	CodeExpired      = "code_expired" // too late, tried too often, or replaced by a newer one
)

// A form is where it posts to, what it asks and what was wrong with the last answer.
type form struct {
	action  string
	submit  string // key
	quiet   bool   // not what the page is for
	about   string // id of the heading that tells this form from others like it; empty for a form of its kind alone
	account string // whose password this is, where no input asks for it
	posts   bool   // the account too, as login
	inputs  []input
	faults  []Fault
}

// An input is a field as HTML has it. What a browser fills in by itself depends on autocomplete alone.
type input struct {
	Name         string
	ID           string // empty: its name
	Value        string
	Type         string
	Autocomplete string
	Mode         string // inputmode: which keyboard a phone shows
	Capitals     string // autocapitalize
	MinLength    int
	MaxLength    int
	Optional     bool
	label        string            // key
	hint         string            // key, or empty
	facts        []string          // what the hint tells
	faults       map[string]string // code to key
}

// minPassword is the length of the shortest password, in code points. Browsers count UTF-16 units, never fewer.
const minPassword = 15

// maxReason is the length of the longest reason, in code points. Browsers count UTF-16 units, never fewer.
const maxReason = 500

func firstName(value string) input {
	return input{Name: "first_name", Value: value, Type: "text", Autocomplete: "given-name",
		Capitals: "words", label: "page.field.first_name", faults: map[string]string{
			Required: "page.fault.first_name.required",
			Invalid:  "page.fault.first_name.invalid",
			TooLong:  "page.fault.first_name.too_long",
		}}
}

func lastName(value string) input {
	return input{Name: "last_name", Value: value, Type: "text", Autocomplete: "family-name",
		Capitals: "words", label: "page.field.last_name", faults: map[string]string{
			Required: "page.fault.last_name.required",
			Invalid:  "page.fault.last_name.invalid",
			TooLong:  "page.fault.last_name.too_long",
		}}
}

// login is of type text: type email would rewrite an international domain while the person is typing.
func login(value string) input {
	return input{Name: "login", Value: value, Type: "text", Autocomplete: "username", Mode: "email",
		Capitals: "none", label: "page.field.login", faults: map[string]string{
			Required: "page.fault.login.required",
			Invalid:  "page.fault.login.invalid",
		}}
}

// contact is of type text, as login is. It stands right before the password: there a password manager looks for the
// user name.
//
// HTML has no word for "email address or number" among what autocomplete fills in: "email" would bring addresses alone,
// and "tel" numbers alone. Either is what its owner signs in with from now on, which is what "username" says. The
// keyboard is that for addresses all the same: it has the @ and leads to the digits and the +, while that for numbers
// has no letters.
func contact(value string, domains []string, phones bool) input {
	i := input{Name: "contact", Value: value, Type: "text", Autocomplete: "email", Mode: "email",
		Capitals: "none", label: "page.field.contact", faults: map[string]string{
			Required:          "page.fault.contact.required",
			Invalid:           "page.fault.contact.invalid",
			TooLong:           "page.fault.contact.too_long",
			DomainNotAllowed:  "page.fault.contact.domain_not_allowed",
			CountryCode:       "page.fault.contact.country_code",
			CannotReceiveText: "page.fault.contact.cannot_receive_text",
			TextsOff:          "page.fault.contact.texts_off",
			CountryNotAllowed: "page.fault.contact.country_not_allowed",
			OptedOut:          "page.fault.contact.opted_out",
		}}
	if phones {
		i.Autocomplete, i.label, i.hint = "username", "page.field.contact_phones", "page.field.contact_phones.hint"
		i.faults[Required], i.faults[Invalid] = "page.fault.contact.required_phones", "page.fault.contact.invalid_phones"
	}
	if len(domains) > 0 {
		i.hint, i.facts = "page.field.contact.hint", []string{"domains", strings.Join(domains, ", ")}
	}
	return i
}

// mailedCode has neither a pattern nor a longest length: a browser would refuse or cut what is pasted with a space in it.
func mailedCode() input {
	return input{Name: "code", Type: "text", Autocomplete: "one-time-code", Mode: "numeric", Capitals: "none",
		label: "page.field.code", hint: "page.field.code.hint", faults: map[string]string{
			Required: "page.fault.code.required",
			Invalid:  "page.fault.code.invalid",
			Wrong:    "page.fault.code.wrong",
		}}
}

func textedCode() input {
	i := mailedCode()
	i.hint, i.faults = "page.field.code.hint_phone", map[string]string{
		Required: "page.fault.code.required_phone",
		Invalid:  "page.fault.code.invalid_phone",
		Wrong:    "page.fault.code.wrong_phone",
	}
	return i
}

// resetCode does not say that a code was sent.
func resetCode() input {
	i := textedCode()
	i.faults[Wrong] = "page.fault.code.wrong_or_ended"
	return i
}

func reason() input {
	return input{Name: "reason", Type: "text", Autocomplete: "off", Capitals: "sentences",
		MaxLength: maxReason, Optional: true, label: "page.field.reason", hint: "page.field.reason.hint"}
}

func password() input {
	return input{Name: "password", Type: "password", Autocomplete: "current-password",
		Capitals: "none", label: "page.field.password", faults: map[string]string{
			Required: "page.fault.password.required",
		}}
}

func newPassword() input {
	return input{Name: "password", Type: "password", Autocomplete: "new-password", Capitals: "none",
		MinLength: minPassword, label: "page.field.new_password", hint: "page.field.new_password.hint",
		faults: map[string]string{
			Required:  "page.fault.new_password.required",
			Invalid:   "page.fault.new_password.invalid",
			TooShort:  "page.fault.new_password.too_short",
			TooLong:   "page.fault.new_password.too_long",
			TooCommon: "page.fault.new_password.too_common",
			Same:      "page.fault.new_password.same",
		}}
}

func oneTimePassword() input {
	return input{Name: "current_password", Type: "password", Autocomplete: "current-password", Capitals: "none",
		label: "page.field.one_time_password", faults: map[string]string{
			Required: "page.fault.one_time_password.required",
			Wrong:    "page.fault.one_time_password.wrong",
		}}
}

func (v Join) form() form {
	return form{action: v.Action, submit: "page.join.submit", account: v.Address, faults: v.Faults,
		inputs: []input{firstName(v.FirstName), lastName(v.LastName), newPassword()}}
}

func (v JoinByLink) form() form {
	return form{action: v.Action, submit: "page.join_by_link.submit", faults: v.Faults,
		inputs: []input{firstName(v.FirstName), lastName(v.LastName),
			contact(v.Contact, v.Domains, v.Phones), newPassword()}}
}

func (v EnterCode) form() form {
	code := mailedCode()
	if v.ByPhone {
		code = textedCode()
	}
	return form{action: v.Action, submit: "page.enter_code.submit", faults: v.Faults, inputs: []input{code}}
}

// form tells its input by its place on the page from those of the others.
func (i RequestItem) form(place int) form {
	why := reason()
	why.ID = fmt.Sprintf("reason-%d", place)
	return form{action: i.Reject, submit: "page.requests.reject", quiet: true,
		about: fmt.Sprintf("request-%d", place), inputs: []input{why}}
}

func (v SignIn) form() form {
	return form{action: v.Action, submit: "page.sign_in.submit", faults: v.Faults,
		inputs: []input{login(v.Login), password()}}
}

func (v ForgottenPassword) form() form {
	return form{action: v.Action, submit: "page.forgotten_password.submit", faults: v.Faults,
		inputs: []input{login(v.Login)}}
}

func (v ChoosePassword) form() form {
	inputs := []input{newPassword()}
	if v.Names {
		inputs = []input{firstName(v.FirstName), lastName(v.LastName), newPassword()}
	}
	return form{action: v.Action, submit: "page.choose_password.submit", account: v.Login, faults: v.Faults, inputs: inputs}
}

func (v NewPassword) form() form {
	chosen := newPassword()
	chosen.Name = "new_password"
	return form{action: v.Action, submit: "page.choose_password.submit", account: v.Login, faults: v.Faults,
		inputs: []input{oneTimePassword(), chosen}}
}

func (v ChoosePasswordByCode) form() form {
	return form{action: v.Action, submit: "page.choose_password.submit", account: v.Login, posts: true, faults: v.Faults,
		inputs: []input{resetCode(), newPassword()}}
}

// formText is a form in one language.
type formText struct {
	Action  string
	Submit  string
	Quiet   bool
	About   string
	Account string
	Posts   bool
	Inputs  []inputText
	Problem string // the heading of the summary
	Faults  []faultText
}

type inputText struct {
	input
	Label, Hint, Fault string
	about              string
}

// DescribedBy lists the ids of what a screen reader says after the label.
func (i inputText) DescribedBy() string {
	var ids []string
	if i.about != "" {
		ids = append(ids, i.about)
	}
	if i.Hint != "" {
		ids = append(ids, i.ID+"-hint")
	}
	if i.Fault != "" {
		ids = append(ids, i.ID+"-fault")
	}
	return strings.Join(ids, " ")
}

// faultText is a line of the summary. Field is the id of the input it leads to, if any.
type faultText struct{ Field, Text string }

// in puts a form into words. Of several faults of a field, the first is shown: one thing at a time.
func (f form) in(say func(key string, args ...string) string) formText {
	said := formText{Action: f.action, Submit: say(f.submit), Quiet: f.quiet, About: f.about, Account: f.account,
		Posts: f.posts, Problem: say("page.fault.heading")}
	for _, i := range f.inputs {
		if i.ID == "" {
			i.ID = i.Name
		}
		text := inputText{input: i, Label: say(i.label), about: f.about}
		if i.hint != "" {
			text.Hint = say(i.hint, i.facts...)
		}
		if at := slices.IndexFunc(f.faults, i.blamedBy); at >= 0 {
			text.Fault = say(orOther(i.faults, f.faults[at].Code))
			said.Faults = append(said.Faults, faultText{i.ID, text.Fault})
		}
		said.Inputs = append(said.Inputs, text)
	}
	for _, fault := range f.faults {
		if slices.ContainsFunc(f.inputs, func(i input) bool { return i.blamedBy(fault) }) {
			continue
		}
		text := faultText{Text: say(orOther(formFaults, fault.Code))}
		if !slices.Contains(said.Faults, text) {
			said.Faults = append(said.Faults, text)
		}
	}
	return said
}

func (i input) blamedBy(fault Fault) bool { return i.Name == fault.Field }

var formFaults = map[string]string{
	WrongCredentials:  "page.fault.wrong_credentials",
	TooManyAttempts:   "page.fault.too_many_attempts",
	CodeExpired:       "page.fault.code_expired",
	TextsOff:          "page.fault.contact.texts_off",
	CountryNotAllowed: "page.fault.contact.country_not_allowed",
	OptedOut:          "page.fault.contact.opted_out",
}

func orOther(keys map[string]string, code string) string {
	if key, ok := keys[code]; ok {
		return key
	}
	return "page.fault.other"
}
