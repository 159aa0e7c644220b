package notify

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"latchkey/internal/onboarding"
)

// RenderText writes the text message that f asks for: in the alphabet of GSM 03.38, and in no more segments than its
// kind has. It tells the organization and nothing else that a person typed. An error means that f lacks something the
// message must tell, has a link that it must not, or one that leaves no room; it holds no name, no link and no code.
func RenderText(f Facts) (string, error) {
	f = f.clean()
	err := f.check()
	var text string
	if err == nil {
		text, err = f.text()
	}
	if err != nil {
		return "", fmt.Errorf("notify: render text %q: %w", f.Kind, err)
	}
	return text, nil
}

// text gives way in this order: the sentence to spare, then the end of the name, then it is an error. The sentence to
// spare is not worth another segment either.
func (f Facts) text() (string, error) {
	if f.textWords(false) == "" {
		return "", errors.New("is not sent as a text message")
	}
	if strings.ContainsFunc(f.Link, func(r rune) bool { return r <= ' ' || r > '~' || !inGSM(r) }) {
		return "", errors.New("the link cannot be texted")
	}
	var err error
	if f.Organization, err = f.textName(); err != nil {
		return "", err
	}
	short, long := f.textWords(false), f.textWords(true)
	if f.fits(short) {
		n, _ := segments(short)
		if m, _ := segments(long); m == n {
			return long, nil
		}
		return short, nil
	}
	const recognizable = 8 // characters of a name
	name := []rune(f.Organization)
	for end := len(name) - 1; end >= recognizable; end-- {
		f.Organization = strings.TrimRight(string(name[:end]), " .,;:&-") + "..."
		if text := f.textWords(false); f.fits(text) {
			return text, nil
		}
	}
	return "", errors.New("the link leaves no room")
}

func (f Facts) fits(text string) bool {
	n, ok := segments(text)
	return ok && n <= f.Kind.Segments()
}

// textWords chooses the words, with a sentence to spare or without it; it returns none for a kind that is not texted. A
// code stands first and alone in its line: no digits of a name or of a time can be taken for it. A link stands last,
// where nothing can be taken for its end.
func (f Facts) textWords(spare bool) string {
	until := f.Locale.Brief(f.Until)
	switch f.Kind {
	case onboarding.MessageJoinCode, onboarding.MessagePasswordCode, onboarding.MessageContactCode:
		until = f.Until.UTC().Format("15:04 UTC") // in a few minutes
	}
	say := func(key string) string {
		return f.Locale.Text(key, "organization", f.Organization, "code", f.Code, "until", until)
	}
	var code, about, more, link string
	switch f.Kind {
	case onboarding.MessageInvitation:
		about, more, link = say("text.invitation"), say("text.invitation.personal"), "\n"+f.Link
	case onboarding.MessageJoinCode:
		code = say("text.code") + "\n"
		about, more = say("text.join_code")+" "+say("text.about_code"), say("text.ignore_code")
	case onboarding.MessagePasswordCode:
		code = say("text.code") + "\n"
		about, more = say("text.password_code")+" "+say("text.about_code"), say("text.ignore_code")
	case onboarding.MessageContactCode:
		code = say("text.code") + "\n"
		about, more = say("text.contact_code")+" "+say("text.about_code"), say("text.ignore_code")
	case onboarding.MessageJoinApproved:
		about, link = say("text.join_approved"), "\n"+f.Link
	case onboarding.MessageJoinRejected:
		about = say("text.join_rejected")
	}
	if spare && more != "" {
		about += " " + more
	}
	return code + about + link
}

// bait finds what onboarding.ParseName lets pass, and a phone may not: six digits in a row, which could be taken for a
// code; seven with something in between, which could be dialled; IP addresses; and whatever stands before a domain.
var bait = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`[0-9]{6}|(?:[0-9][^\pL0-9]{0,3}){7}|[0-9]\.[0-9]+\.[0-9]|\.\pL{2}`)
})

// textName is the organization's name in the alphabet, or its handle where the name cannot be written there or is not
// safe to. Folding can make a dot or an @ of other characters, so that the name is parsed once more.
func (f Facts) textName() (string, error) {
	if name, ok := fold(f.Organization); ok {
		if name, err := onboarding.ParseName(name); err == nil && !bait().MatchString(name) {
			return name, nil
		}
	}
	handle, err := onboarding.ParseOrganizationID(f.Handle)
	if err != nil {
		return "", errors.New("a name that cannot be texted, and no handle")
	}
	return string(handle), nil
}
