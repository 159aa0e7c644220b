package notify

import (
	"context"
	"errors"

	"latchkey/internal/locale"
	"latchkey/internal/onboarding"
)

// Mailer is the domain's sender: it puts a letter into words and hands it to SES, or to SNS where it goes to a phone.
type Mailer struct {
	Email *Email
	SMS   *SMS // nil where text messages are switched off
}

// Send returns an *onboarding.SendError where the letter was not taken, or where nobody knows.
func (m Mailer) Send(ctx context.Context, l onboarding.Letter) error {
	f := Facts{
		Kind: l.Kind, Locale: locale.Tag(l.Locale),
		Organization: l.Organization.Name, Handle: string(l.Organization.ID),
		Inviter: l.Inviter, Recipient: l.Recipient, Applicant: l.Applicant, Code: l.Code, Password: l.Password, Count: l.Count,
		Link: l.Link, Until: l.Until,
	}
	send := m.mail
	if l.To.Kind == onboarding.Phone {
		send = m.text
	}
	err := send(ctx, l, f)
	var failed *SendError
	if errors.As(err, &failed) {
		return &onboarding.SendError{
			Class: classes[failed.Class], Reason: failed.Reason, Unsent: failed.Unsent(), Err: err,
		}
	}
	return err
}

func (m Mailer) mail(ctx context.Context, l onboarding.Letter, f Facts) error {
	mail, err := Render(f)
	if err != nil {
		return unspeakable(err)
	}
	_, err = m.Email.Send(ctx, l.To.Value, l.Organization.Name, mail, map[string]string{
		"organization": string(l.Organization.ID), "kind": string(l.Kind), "message": l.ID,
	})
	return err
}

func (m Mailer) text(ctx context.Context, l onboarding.Letter, f Facts) error {
	if m.SMS == nil {
		return &SendError{
			Class: Paused, Reason: "Text messages are switched off here.", Err: errors.New("text messages are off"),
		}
	}
	text, err := RenderText(f)
	if err != nil {
		return unspeakable(err)
	}
	_, err = m.SMS.Send(ctx, l.To.Value, text)
	return err
}

func unspeakable(err error) error {
	return &SendError{Class: Refused, Reason: "The message cannot be put into words.", Err: err}
}

var classes = map[Class]onboarding.SendClass{
	Throttled: onboarding.SendLater,
	Temporary: onboarding.SendLater,
	Paused:    onboarding.SendPaused,
	Refused:   onboarding.SendRefused,
	OptedOut:  onboarding.SendOptedOut,
}
