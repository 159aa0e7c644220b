package main

// The SMS capture: as much of SNS as sending a text to a phone number takes.

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
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

// serveSMS answers Publish as SNS does.
func serveSMS(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		writeSNSError(w, http.StatusBadRequest, "InvalidParameter", "Invalid parameter: body")
		return
	}
	number := form.Get("PhoneNumber")
	switch {
	case form.Get("Action") != "Publish":
		writeSNSError(w, http.StatusBadRequest, "InvalidAction", "the local cloud knows Publish only, not "+form.Get("Action"))
	case form.Has("TopicArn"), form.Has("TargetArn"):
		writeSNSError(w, http.StatusBadRequest, "InvalidParameter", "the local cloud publishes to phone numbers only")
	case !e164.MatchString(number):
		writeSNSError(w, http.StatusBadRequest, "InvalidParameter",
			"Invalid parameter: PhoneNumber Reason: "+number+" is not valid to publish to")
	case form.Get("Message") == "":
		writeSNSError(w, http.StatusBadRequest, "InvalidParameter", "Invalid parameter: Empty message")
	default:
		writeXML(w, http.StatusOK, publishResponse{Namespace: snsNamespace, MessageID: uuid(), RequestID: uuid()})
	}
}

func writeSNSError(w http.ResponseWriter, status int, code, message string) {
	writeXML(w, status, snsError{Namespace: snsNamespace, Type: "Sender", Code: code, Message: message, RequestID: uuid()})
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
