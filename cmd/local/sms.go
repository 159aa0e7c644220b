package main

// The SMS capture: as much of SNS as sending texts to phone numbers takes.

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"unicode/utf8"
)

const snsNamespace = "http://sns.amazonaws.com/doc/2010-03-31/"

// e164 is a phone number as SNS wants it.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

type publishResponse struct {
	XMLName   xml.Name `xml:"PublishResponse"`
	Namespace string   `xml:"xmlns,attr"`
	MessageID string   `xml:"PublishResult>MessageId"`
	RequestID string   `xml:"ResponseMetadata>RequestId"`
}

type snsError struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

type optedOutResponse struct {
	XMLName    xml.Name `xml:"CheckIfPhoneNumberIsOptedOutResponse"`
	Namespace  string   `xml:"xmlns,attr"`
	IsOptedOut bool     `xml:"CheckIfPhoneNumberIsOptedOutResult>isOptedOut"`
	RequestID  string   `xml:"ResponseMetadata>RequestId"`
}

// phones is SNS as far as it speaks to phone numbers. It knows those that want no text messages, until the cloud stops.
type phones struct {
	mu  sync.Mutex
	out map[string]bool
}

// optOut makes a number one that wants no text messages, or one that takes them again.
func (p *phones) optOut(number string, out bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out == nil {
		p.out = map[string]bool{}
	}
	p.out[number] = out
}

func (p *phones) optedOut(number string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out[number]
}

func (p *phones) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		writeSNSError(w, http.StatusBadRequest, invalidParameter, "Invalid parameter: body")
		return
	}
	switch action := form.Get("Action"); action {
	case "Publish":
		if fault := publishFault(form); fault != "" {
			writeSNSError(w, http.StatusBadRequest, invalidParameter, fault)
			return
		}
		writeXML(w, http.StatusOK, publishResponse{Namespace: snsNamespace, MessageID: uuid(), RequestID: uuid()})
	case "CheckIfPhoneNumberIsOptedOut":
		number := form.Get("phoneNumber")
		if !e164.MatchString(number) {
			writeSNSError(w, http.StatusBadRequest, invalidParameter, "Invalid parameter: PhoneNumber Reason: input incorrectly formatted")
			return
		}
		writeXML(w, http.StatusOK, optedOutResponse{
			Namespace: snsNamespace, IsOptedOut: p.optedOut(number), RequestID: uuid(),
		})
	default:
		writeSNSError(w, http.StatusBadRequest, "InvalidAction",
			"the local cloud knows Publish and CheckIfPhoneNumberIsOptedOut only, not "+action)
	}
}

// maxText is how many characters one Publish to a phone may carry.
const maxText = 1600

const invalidParameter = "InvalidParameter"

// publishFault is what SNS has against a message to a phone number; "" for nothing.
func publishFault(form url.Values) string {
	number := form.Get("PhoneNumber")
	switch {
	case form.Has("TopicArn"), form.Has("TargetArn"):
		return "the local cloud publishes to phone numbers only"
	case !e164.MatchString(number):
		return "Invalid parameter: PhoneNumber Reason: " + number + " is not valid to publish to"
	case form.Get("Message") == "":
		return "Invalid parameter: Empty message"
	case utf8.RuneCountInString(form.Get("Message")) > maxText:
		return "Invalid parameter: Message too long"
	}
	for i := 1; ; i++ {
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		name, value := form.Get(entry+"Name"), form.Get(entry+"Value.StringValue")
		if name == "" {
			return ""
		}
		number := name == "AWS.SNS.SMS.MaxPrice" && form.Get(entry+"Value.DataType") == "Number"
		switch valid, known := smsAttributes[name]; {
		case !known:
			return "the local cloud does not know the message attribute " + name
		case form.Get(entry+"Value.DataType") != "String" && !number:
			return "Invalid parameter: MessageAttributes Reason: the DataType of " + name + " is not String"
		case !valid.MatchString(value), name == "AWS.SNS.SMS.SenderID" && len(value) > 11:
			return "Invalid parameter: MessageAttributes Reason: " + value + " is not valid for " + name
		}
	}
}

// smsAttributes are the message attributes that count for text messages, and what they may be.
var smsAttributes = map[string]*regexp.Regexp{
	"AWS.SNS.SMS.SMSType":  regexp.MustCompile(`^(Promotional|Transactional)$`),
	"AWS.SNS.SMS.SenderID": regexp.MustCompile(`^[0-9]*[A-Za-z][0-9A-Za-z]*$`), // and 11 characters at most
	"AWS.SNS.SMS.MaxPrice": regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`),
}

func writeSNSError(w http.ResponseWriter, status int, code, message string) {
	blame := "Sender"
	if status >= http.StatusInternalServerError {
		blame = "Receiver"
	}
	writeXML(w, status, snsError{Namespace: snsNamespace, Type: blame, Code: code, Message: message, RequestID: uuid()})
}

func writeXML(w http.ResponseWriter, status int, v any) {
	body, err := xml.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func snsMessageID(answer []byte) (string, error) {
	var out publishResponse
	if err := xml.Unmarshal(answer, &out); err != nil {
		return "", err
	}
	if out.MessageID == "" {
		return "", errors.New("SNS answered without a MessageId")
	}
	return out.MessageID, nil
}
