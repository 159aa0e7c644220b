package notify

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"
)

// SNSClient is what SMS needs of *sns.Client. Make that client with RetryOnlyThrottledTexts.
type SNSClient interface {
	CheckIfPhoneNumberIsOptedOut(
		context.Context, *sns.CheckIfPhoneNumberIsOptedOutInput, ...func(*sns.Options),
	) (*sns.CheckIfPhoneNumberIsOptedOutOutput, error)
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// RetryOnlyThrottledTexts is an option of sns.NewFromConfig: see onlyThrottles.
func RetryOnlyThrottledTexts(o *sns.Options) { o.Retryer, o.RetryMaxAttempts = onlyThrottles() }

// SMS sends text messages through SNS.
type SMS struct {
	Client   SNSClient
	SenderID string // who stands there as the sender, where a country allows it; may be empty
}

// Send hands text to SNS once, for a number in E.164, and returns SNS's id of the message. Nothing is handed over
// unless SNS has said that the owner of the number did not opt out. Every error is a *SendError.
//
// An id means that SNS has taken the message. Publish names no error for the account's monthly spend limit, and what SNS
// does not deliver in the end only its delivery logs tell.
func (s *SMS) Send(ctx context.Context, to, text string) (id string, err error) {
	if failed := s.ask(ctx, to); failed != nil {
		return "", failed
	}
	in := &sns.PublishInput{
		PhoneNumber:       aws.String(to),
		Message:           aws.String(text),
		MessageAttributes: map[string]types.MessageAttributeValue{"AWS.SNS.SMS.SMSType": attribute("Transactional")},
	}
	if s.SenderID != "" {
		in.MessageAttributes["AWS.SNS.SMS.SenderID"] = attribute(s.SenderID)
	}
	var w watch
	out, err := s.Client.Publish(ctx, in, sns.WithAPIOptions(w.follow))
	if err != nil {
		return "", textProvider.classify(ctx, err, &w)
	}
	return aws.ToString(out.MessageId), nil
}

func attribute(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
}

const optedOut = "The owner of this number has asked for no text messages."

// ask returns why nothing may be sent to a number, or nil. Publish names no error for a number that opted out.
func (s *SMS) ask(ctx context.Context, to string) *SendError {
	var w watch
	in := &sns.CheckIfPhoneNumberIsOptedOutInput{PhoneNumber: aws.String(to)}
	out, err := s.Client.CheckIfPhoneNumberIsOptedOut(ctx, in, sns.WithAPIOptions(w.follow))
	switch {
	case err != nil:
		failed := textProvider.classify(ctx, err, &w)
		failed.Ambiguous = false // it was only a question
		return failed
	case out.IsOptedOut:
		return &SendError{Class: OptedOut, Reason: optedOut, Err: errors.New("the number is opted out")}
	}
	return nil
}

var textProvider = provider{"text message provider", "number", judgeSNS}

// judgeSNS reads what SNS alone answers. The codes are those of Publish and CheckIfPhoneNumberIsOptedOut.
func judgeSNS(answer smithy.APIError) (Class, string) {
	switch answer.ErrorCode() {
	case "OptedOut", "OptedOutException":
		return OptedOut, optedOut
	case "AuthorizationError", "AuthorizationErrorException", "InvalidSecurity", "InvalidSecurityException":
		return Paused, "The text message provider refuses our credentials."
	case "KMSAccessDenied", "KMSDisabled", "KMSInvalidState", "KMSNotFound", "KMSOptInRequired":
		return Paused, "The text message provider cannot use the key that it encrypts with."
	case "EndpointDisabled", "EndpointDisabledException":
		return Refused, "The text message provider has disabled the recipient."
	case "ParameterValueInvalid":
		return Refused, "The text message provider finds the message or the number invalid."
	}
	return "", ""
}
