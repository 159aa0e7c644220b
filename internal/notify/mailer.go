package notify

import (
	"context"
	"errors"

	"latchkey/internal/locale"
	"latchkey/internal/onboarding"
)

// Mailer is the domain's sender: it puts a letter into words and hands it to SES.
type Mailer struct{ Email *Email }

// Send returns an *onboarding.SendError where the letter was not taken, or where nobody knows.
func (m Mailer) Send(ctx context.Context, l onboarding.Letter) error {
	mail, err := Render(Facts{
		Kind: l.Kind, Locale: locale.Tag(l.Locale), Organization: l.Organization.Name,
		Inviter: l.Inviter, Recipient: l.Recipient, Applicant: l.Applicant, Code: l.Code, Count: l.Count,
		Link: l.Link, Until: l.Until,
	})
	if err != nil {
		return &onboarding.SendError{Class: onboarding.SendRefused, Reason: "The message cannot be put into words.", Err: err}
	}
	_, err = m.Email.Send(ctx, l.To.Value, l.Organization.Name, mail, map[string]string{
		"organization": string(l.Organization.ID), "kind": string(l.Kind), "message": l.ID,
	})
	var failed *SendError
	if errors.As(err, &failed) {
		return &onboarding.SendError{Class: classes[failed.Class], Reason: failed.Reason, Err: err}
	}
	return err
}

var classes = map[Class]onboarding.SendClass{
	Throttled: onboarding.SendLater,
	Temporary: onboarding.SendLater,
	Paused:    onboarding.SendPaused,
	Refused:   onboarding.SendRefused,
}
