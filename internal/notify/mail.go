// Package notify writes the mails and the text messages that Latchkey owes people, and hands them to the provider.
//
// The words stand in internal/locale, the shape in templates/. Nobody can edit either at run time.
// Names are data: they are escaped where they are shown, and never become a line, a header or a tag.
package notify

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	"strconv"
	"strings"
	"sync"
	texttemplate "text/template"
	"time"
	"unicode"

	"latchkey/internal/locale"
	"latchkey/internal/onboarding"
)

// Facts is what a message tells.
type Facts struct {
	Kind         onboarding.MessageKind
	Locale       locale.Tag
	Organization string    // name
	Handle       string    // of the organization: stands in a text message for a name that cannot
	Inviter      string    // name, may be empty
	Recipient    string    // first name, may be empty
	Link         string    // absolute; may be empty for onboarding.MessageLinkRequest; some kinds have none
	Until        time.Time // the last moment of a link that ends, or of the code
	Applicant    string    // name or address of who asks; for onboarding.MessageLinkRequest alone
	Code         string    // six digits; for onboarding.MessageJoinCode and onboarding.MessagePasswordCode alone
	Password     string    // a one-time password; for onboarding.MessageMemberAdded alone
	Count        int       // how many wait; for onboarding.MessageJoinRequests alone
}

// A Mail is one message as it is read.
type Mail struct {
	Subject string // one line, at most 150 characters
	Text    string
	HTML    string
}

// Render writes the mail that f asks for. An error means that f lacks something the mail must tell, or has a link
// that it must not; it holds no name, no address, no link and no code.
func Render(f Facts) (Mail, error) {
	f = f.clean()
	err := f.check()
	if f.Kind == onboarding.MessagePasswordCode {
		err = errors.New("is not sent as a mail") // a mailbox gets a link, which is more than six digits
	}
	if err != nil {
		return Mail{}, fmt.Errorf("notify: render %q: %w", f.Kind, err)
	}
	m := f.message()
	var text, html strings.Builder
	t := templates()
	if err := errors.Join(t.text.Execute(&text, m), t.html.Execute(&html, m)); err != nil {
		return Mail{}, fmt.Errorf("notify: render %q: %w", f.Kind, err)
	}
	return Mail{Subject: m.Subject, Text: text.String(), HTML: html.String()}, nil
}

// clean returns f in a language of ours, with names that are one line each.
func (f Facts) clean() Facts {
	f.Organization, f.Inviter = oneLine(f.Organization), oneLine(f.Inviter)
	f.Recipient, f.Applicant = oneLine(f.Recipient), oneLine(f.Applicant)
	if _, ok := locale.Parse(string(f.Locale)); !ok {
		f.Locale = locale.English
	}
	return f
}

func (f Facts) check() error {
	switch f.Kind {
	case onboarding.MessageInvitation, onboarding.MessagePasswordSet, onboarding.MessagePasswordReset:
		if f.Link == "" {
			return errors.New("no link")
		}
		if f.Until.IsZero() {
			return errors.New("no end of validity")
		}
	case onboarding.MessageRegistration, onboarding.MessageMemberAdded:
		if f.Link == "" {
			return errors.New("no link")
		}
		if f.Until.IsZero() {
			return errors.New("no end of validity")
		}
		if (f.Password == "") == (f.Kind == onboarding.MessageMemberAdded) {
			return errors.New("no password, or one too many")
		}
	case onboarding.MessageLinkRequest:
		if f.Applicant == "" {
			return errors.New("no applicant")
		}
	case onboarding.MessageJoinCode, onboarding.MessagePasswordCode, onboarding.MessageContactCode:
		if len(f.Code) != 6 || strings.Trim(f.Code, "0123456789") != "" {
			return errors.New("no code of six digits")
		}
		if f.Until.IsZero() {
			return errors.New("no end of validity")
		}
		// With a link, the owner of a mailbox would end what a stranger began in their name.
		if f.Link != "" {
			return errors.New("a link beside a code")
		}
	case onboarding.MessageJoinApproved:
		if f.Link == "" {
			return errors.New("no link")
		}
	case onboarding.MessageJoinRejected, onboarding.MessageContactChanged, onboarding.MessagePhoneSet:
		if f.Link != "" {
			return errors.New("a link that leads nowhere")
		}
	case onboarding.MessageJoinRequests:
		if f.Link == "" {
			return errors.New("no link")
		}
		if f.Count < 1 {
			return errors.New("nobody waits")
		}
	default:
		return errors.New("unknown kind")
	}
	if f.Organization == "" {
		return errors.New("no organization")
	}
	if f.Link != "" && !isLink(f.Link) {
		return errors.New("the link is no absolute http or https URL")
	}
	return nil
}

// isLink reports whether s is an absolute URL that prints back to the very same text: what the text part
// shows is then what the button opens.
func isLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.String() == s
}

// A message is the finished words of a mail, in the order in which they are read. Both templates print it.
type message struct {
	Lang         locale.Tag
	Subject      string
	Preheader    string // what a mailbox shows beside the subject
	Organization string
	Heading      string
	Greeting     string
	Body         []string
	Code         string
	Password     string
	Button       string
	Link         string // without one there is no button
	BareLink     string // introduces the link in the HTML part
	About        string
	Next         string
	Steps        []string
	Ignore       string
	Footer       string
}

// message chooses the words. Every key stands here as a literal, so that a test can tell unused from missing.
func (f Facts) message() message {
	say, subject := f.words(), f.shortened().words()
	m := message{
		Lang:         f.Locale,
		Organization: f.Organization,
		Greeting:     say("mail.greeting"),
		Link:         f.Link,
		BareLink:     say("mail.bare_link"),
		Footer:       say("mail.footer"),
	}
	// Nobody has confirmed the name that came with a code: it may be a stranger's message to the owner of the mailbox.
	if f.Recipient == "" || f.Kind == onboarding.MessageJoinCode {
		m.Greeting = say("mail.greeting.unnamed")
	}
	switch f.Kind {
	case onboarding.MessageInvitation:
		m.Subject = subject("mail.invitation.subject")
		m.Preheader = say("mail.invitation.preheader")
		m.Heading = say("mail.invitation.heading")
		m.Body = []string{say("mail.invitation.body")}
		if f.Inviter == "" {
			m.Subject = subject("mail.invitation.subject.unnamed")
			m.Body = []string{say("mail.invitation.body.unnamed")}
		}
		m.Button = say("mail.invitation.button")
		m.About = say("mail.about_link")
		m.Next = say("mail.invitation.next")
		m.Steps = []string{
			say("mail.invitation.next.open"),
			say("mail.invitation.next.password"),
			say("mail.invitation.next.done"),
		}
		m.Ignore = say("mail.invitation.ignore")
	case onboarding.MessagePasswordSet:
		m.Subject = subject("mail.password_set.subject")
		m.Preheader = say("mail.password_set.preheader")
		m.Heading = say("mail.password_set.heading")
		m.Body = []string{say("mail.password_set.body"), say("mail.password_set.how")}
		m.Button = say("mail.password_set.button")
		m.About = say("mail.about_link")
		m.Ignore = say("mail.password_set.ignore")
	case onboarding.MessageMemberAdded:
		m.Subject = subject("mail.member_added.subject")
		m.Preheader = say("mail.member_added.preheader")
		m.Heading = say("mail.member_added.heading")
		m.Body = []string{say("mail.member_added.body"), say("mail.member_added.how")}
		m.Password = f.Password
		m.About = say("mail.member_added.about")
		m.Button = say("mail.member_added.button")
		m.Ignore = say("mail.member_added.ignore")
	case onboarding.MessageRegistration:
		m.Subject = subject("mail.member_registration.subject")
		m.Preheader = say("mail.member_registration.preheader")
		m.Heading = say("mail.member_registration.heading")
		m.Body = []string{say("mail.member_registration.body"), say("mail.member_registration.how")}
		m.Button = say("mail.member_registration.button")
		m.About = say("mail.about_link")
		m.Ignore = say("mail.member_registration.ignore")
	case onboarding.MessagePasswordReset:
		m.Subject = subject("mail.password_reset.subject")
		m.Preheader = say("mail.password_reset.preheader")
		m.Heading = say("mail.password_reset.heading")
		m.Body = []string{say("mail.password_reset.body")}
		m.Button = say("mail.password_reset.button")
		m.About = say("mail.about_link")
		m.Ignore = say("mail.password_reset.ignore")
	case onboarding.MessageLinkRequest:
		m.Subject = subject("mail.link_request.subject")
		m.Preheader = say("mail.link_request.preheader")
		m.Heading = say("mail.link_request.heading")
		m.Body = []string{say("mail.link_request.body"), say("mail.link_request.how")}
		m.Button = say("mail.link_request.button")
		m.Ignore = say("mail.link_request.ignore")
	case onboarding.MessageJoinCode:
		m.Subject = subject("mail.join_code.subject")
		m.Preheader = say("mail.join_code.preheader")
		m.Heading = say("mail.join_code.heading")
		m.Body = []string{say("mail.join_code.body")}
		m.Code = f.Code
		m.About = say("mail.about_code")
		m.Ignore = say("mail.join_code.ignore")
	case onboarding.MessageContactCode:
		m.Subject = subject("mail.contact_code.subject")
		m.Preheader = say("mail.contact_code.preheader")
		m.Heading = say("mail.contact_code.heading")
		m.Body = []string{say("mail.contact_code.body")}
		m.Code = f.Code
		m.About = say("mail.about_code")
		m.Ignore = say("mail.contact_code.ignore")
	case onboarding.MessageContactChanged:
		m.Subject = subject("mail.contact_changed.subject")
		m.Preheader = say("mail.contact_changed.preheader")
		m.Heading = say("mail.contact_changed.heading")
		m.Body = []string{say("mail.contact_changed.body"), say("mail.contact_changed.how")}
		m.Ignore = say("mail.contact_changed.ignore")
	case onboarding.MessagePhoneSet:
		m.Subject = subject("mail.phone_set.subject")
		m.Preheader = say("mail.phone_set.preheader")
		m.Heading = say("mail.phone_set.heading")
		m.Body = []string{say("mail.phone_set.body"), say("mail.contact_changed.how")}
		m.Ignore = say("mail.contact_changed.ignore")
	case onboarding.MessageJoinApproved:
		m.Subject = subject("mail.join_approved.subject")
		m.Preheader = say("mail.join_approved.preheader")
		m.Heading = say("mail.join_approved.heading")
		m.Body = []string{say("mail.join_approved.body"), say("mail.join_approved.how")}
		m.Button = say("mail.join_approved.button")
		m.Ignore = say("mail.join_approved.ignore")
	case onboarding.MessageJoinRejected:
		m.Subject = subject("mail.join_rejected.subject")
		m.Preheader = say("mail.join_rejected.preheader")
		m.Heading = say("mail.join_rejected.heading")
		m.Body = []string{say("mail.join_rejected.body"), say("mail.join_rejected.how")}
		m.Ignore = say("mail.join_rejected.ignore")
	case onboarding.MessageJoinRequests:
		m.Subject = subject("mail.join_requests.subject")
		m.Preheader = say("mail.join_requests.preheader")
		m.Heading = say("mail.join_requests.heading")
		m.Body = []string{say("mail.join_requests.body"), say("mail.join_requests.how")}
		if f.Count == 1 {
			m.Subject = subject("mail.join_requests.subject.one")
			m.Body[0] = say("mail.join_requests.body.one")
		}
		m.Button = say("mail.join_requests.button")
		m.Ignore = say("mail.join_requests.ignore")
	}
	return m
}

// words returns the catalogue with the facts filled in.
func (f Facts) words() func(key string) string {
	facts := []string{
		"organization", f.Organization,
		"inviter", f.Inviter,
		"recipient", f.Recipient,
		"applicant", f.Applicant,
		"code", f.Code,
		"count", strconv.Itoa(f.Count),
		"until", f.Locale.Date(f.Until),
	}
	return func(key string) string { return f.Locale.Text(key, facts...) }
}

// shortened returns f with names that two of fit into a subject.
func (f Facts) shortened() Facts {
	f.Organization, f.Inviter, f.Applicant = shorten(f.Organization), shorten(f.Inviter), shorten(f.Applicant)
	return f
}

func shorten(name string) string {
	const most = 60
	runes := []rune(name)
	if len(runes) <= most {
		return name
	}
	return strings.TrimSpace(string(runes[:most-1])) + "…"
}

// oneLine returns a name with nothing in it that breaks a line or turns the text around. Names arrive validated;
// this is the second lock.
func oneLine(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	return strings.Join(strings.Fields(name), " ")
}

//go:embed templates
var files embed.FS

type parsed struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}

// templates parses once, when the first mail is written: start-up pays nothing.
var templates = sync.OnceValue(func() parsed {
	text := texttemplate.New("mail.txt").Funcs(texttemplate.FuncMap{
		"ordinal": func(index int) int { return index + 1 },
	})
	return parsed{
		text: texttemplate.Must(text.ParseFS(files, "templates/mail.txt")),
		html: htmltemplate.Must(htmltemplate.ParseFS(files, "templates/mail.html")),
	}
})
