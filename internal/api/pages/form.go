package pages

import (
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
	Required  = "required"
	Invalid   = "invalid"
	TooShort  = "too_short"
	TooLong   = "too_long"
	TooCommon = "too_common"
)

// What can be wrong with a form.
const (
	WrongCredentials = "wrong_credentials"
	TooManyAttempts  = "too_many_attempts"
)

// A form is where it posts to, what it asks and what was wrong with the last answer.
type form struct {
	action  string
	submit  string // key
	account string // whose password this is, where no input asks for it
	inputs  []input
	faults  []Fault
}

// An input is a field as HTML has it. What a browser fills in by itself depends on autocomplete alone.
type input struct {
	Name         string // its id, too
	Value        string
	Type         string
	Autocomplete string
	Mode         string // inputmode: which keyboard a phone shows
	Capitals     string // autocapitalize
	MinLength    int
	label        string            // key
	hint         string            // key, or empty
	faults       map[string]string // code to key
}

// minPassword is the length of the shortest password, in code points. Browsers count UTF-16 units, never fewer.
const minPassword = 15

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
		}}
}

func (v Join) form() form {
	return form{action: v.Action, submit: "page.join.submit", account: v.Address, faults: v.Faults,
		inputs: []input{firstName(v.FirstName), lastName(v.LastName), newPassword()}}
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
	return form{action: v.Action, submit: "page.choose_password.submit", account: v.Login, faults: v.Faults,
		inputs: []input{newPassword()}}
}

// formText is a form in one language.
type formText struct {
	Action  string
	Submit  string
	Account string
	Inputs  []inputText
	Problem string // the heading of the summary
	Faults  []faultText
}

type inputText struct {
	input
	Label, Hint, Fault string
}

// DescribedBy lists the ids of what a screen reader says after the label.
func (i inputText) DescribedBy() string {
	var ids []string
	if i.Hint != "" {
		ids = append(ids, i.Name+"-hint")
	}
	if i.Fault != "" {
		ids = append(ids, i.Name+"-fault")
	}
	return strings.Join(ids, " ")
}

// faultText is a line of the summary. Field is the input it leads to, if any.
type faultText struct{ Field, Text string }

// in puts a form into words. Of several faults of a field, the first is shown: one thing at a time.
func (f form) in(say func(key string, args ...string) string) formText {
	said := formText{Action: f.action, Submit: say(f.submit), Account: f.account, Problem: say("page.fault.heading")}
	for _, i := range f.inputs {
		text := inputText{input: i, Label: say(i.label)}
		if i.hint != "" {
			text.Hint = say(i.hint)
		}
		if at := slices.IndexFunc(f.faults, i.blamedBy); at >= 0 {
			text.Fault = say(orOther(i.faults, f.faults[at].Code))
			said.Faults = append(said.Faults, faultText{i.Name, text.Fault})
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
	WrongCredentials: "page.fault.wrong_credentials",
	TooManyAttempts:  "page.fault.too_many_attempts",
}

func orOther(keys map[string]string, code string) string {
	if key, ok := keys[code]; ok {
		return key
	}
	return "page.fault.other"
}
