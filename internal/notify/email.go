package notify

import (
	"context"
	"maps"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

// SESClient is what Email needs of *sesv2.Client. Make that client with RetryOnlyThrottles.
type SESClient interface {
	SendEmail(context.Context, *sesv2.SendEmailInput, ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error)
}

// Email sends mails through SES.
type Email struct {
	Client           SESClient
	From             string // the bare address of the sender
	ConfigurationSet string // may be empty
}

// Send hands m to SES once and returns SES's id of the message. fromName, the organization's name, stands before
// the sender's address. tags come back with the delivery events; SES knows only [A-Za-z0-9_-] in them, and what
// holds anything else is left out. Every error is a *SendError.
func (e *Email) Send(ctx context.Context, to, fromName string, m Mail, tags map[string]string) (id string, err error) {
	in := &sesv2.SendEmailInput{
		FromEmailAddress: aws.String(sender(fromName, e.From)),
		Destination:      &types.Destination{ToAddresses: []string{to}},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: utf8Content(m.Subject),
			Body:    &types.Body{Text: utf8Content(m.Text), Html: utf8Content(m.HTML)},
			// Keeps out-of-office replies away (RFC 3834, section 5).
			Headers: []types.MessageHeader{{
				Name:  aws.String("Auto-Submitted"),
				Value: aws.String("auto-generated"),
			}},
		}},
		EmailTags: emailTags(tags),
	}
	if e.ConfigurationSet != "" {
		in.ConfigurationSetName = aws.String(e.ConfigurationSet)
	}
	var w watch
	out, err := e.Client.SendEmail(ctx, in, sesv2.WithAPIOptions(w.follow))
	if err != nil {
		return "", e.provider().classify(ctx, err, &w)
	}
	return aws.ToString(out.MessageId), nil
}

func utf8Content(s string) *types.Content {
	return &types.Content{Data: aws.String(s), Charset: aws.String("UTF-8")}
}

// sender writes the From header: name, quoted or as encoded words (RFC 2047), before the address.
func sender(name, address string) string {
	// SES refuses a longer From, and encoded words grow: fifty emoji are enough.
	const most = 320
	// Some mail programs decode an encoded word even inside quotes.
	runes := []rune(strings.ReplaceAll(oneLine(name), "=?", "= ?"))
	for runes = runes[:min(len(runes), most)]; ; runes = runes[:len(runes)-1] {
		if s := mailbox(strings.TrimSpace(string(runes)), address); len(s) <= most || len(runes) == 0 {
			return s
		}
	}
}

// mailbox is net/mail's Address.String, but for names outside of ASCII: there, String lets a backslash stand in an
// encoded word, and the outcome does not parse (RFC 2047, section 5.3).
func mailbox(name, address string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return mime.BEncoding.Encode("utf-8", name) + " " + mailbox("", address)
	}
	return (&mail.Address{Name: name, Address: address}).String()
}

func emailTags(tags map[string]string) []types.MessageTag {
	var list []types.MessageTag
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		if value := tags[name]; isTag(name) && isTag(value) {
			list = append(list, types.MessageTag{Name: aws.String(name), Value: aws.String(value)})
		}
	}
	return list
}

func isTag(s string) bool {
	outside := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}
	return s != "" && len(s) <= 256 && !strings.ContainsFunc(s, outside)
}

// RetryOnlyThrottles is an option of sesv2.NewFromConfig: see onlyThrottles.
func RetryOnlyThrottles(o *sesv2.Options) { o.Retryer, o.RetryMaxAttempts = onlyThrottles() }
