package main

// The words of the stories about mail: what was sent, what is still owed, and who drives it.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/rogpeppe/go-internal/testscript"

	"latchkey/internal/onboarding"
)

// patience is more than a lease of deliver, and enough for a thousand mails on a machine that has other things to do.
const patience = 3 * time.Minute

// await waits for what another process does in its own time. It leaves that process most of the machine.
func await(done func() bool) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		start := time.Now()
		if done() {
			return true
		}
		<-time.After(max(10*time.Millisecond, 4*time.Since(start)))
	}
	return false
}

// sent are the story's mails to the addresses that match, the oldest first.
func (s *story) sent(pattern string) []message {
	all, err := s.cloud.mailbox.find("", "")
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(m message) bool {
		ok, err := path.Match(pattern, m.Recipient)
		return err != nil || !ok || !strings.Contains(m.Text, s.tag)
	})
}

var tokenAlone = regexp.MustCompile(`^[a-z2-7]{64}$`)

var joinLink = regexp.MustCompile(`https?://\S+/join/\S+`)

var oneTimePassword = regexp.MustCompile(`(?m)^[a-z2-7]{6}(-[a-z2-7]{6}){3}$`)

func (s *story) mail(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	var got message
	if !await(func() bool {
		all := s.sent(args[0])
		i := slices.IndexFunc(all, func(m message) bool { return !s.read[m.ID] })
		if i >= 0 {
			got = all[i]
		}
		return i >= 0
	}) {
		ts.Fatalf("no mail to %s", args[0])
	}
	s.read[got.ID] = true
	if link := joinLink.FindString(got.Text); link != "" {
		s.link(ts, []string{link})
	}
	if code := codeLine.FindStringSubmatch(got.Text); code != nil {
		ts.Setenv("CODE", code[1])
	}
	if once := oneTimePassword.FindString(got.Text); once != "" {
		s.secrets = append(s.secrets, once)
		ts.Setenv("ONCE", once)
	}
	fmt.Fprintf(ts.Stdout(), "Subject: %s\n\n%s", got.Subject, got.Text)
}

func (s *story) link(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	token := path.Base(args[0])
	ts.Setenv("LINK", args[0])
	ts.Setenv("TOKEN", token)
	if tokenAlone.MatchString(token) {
		s.secrets = append(s.secrets, token)
	}
}

func (s *story) mails(ts *testscript.TestScript, args []string) {
	each := len(args) > 0 && args[0] == "-each"
	if each {
		args = args[1:]
	}
	need(ts, args, 2)
	if !await(func() bool { return s.owed() == 0 }) {
		ts.Fatalf("%d items still owe something", s.owed())
	}
	all := s.sent(args[0])
	addresses := map[string]int{}
	for _, m := range all {
		addresses[m.Recipient]++
	}
	if got := len(all); strconv.Itoa(got) != args[1] || each && got != len(addresses) {
		ts.Fatalf("%d mails to %d addresses: %v", got, len(addresses), addresses)
	}
}

func (s *story) cleanup(ts *testscript.TestScript, args []string) {
	once := len(args) > 0
	if !await(func() bool {
		if s.owed() == 0 && !once {
			return true
		}
		if _, fault, err := s.cloud.invoke(s.t.Context(), "cleanup", []byte("{}")); err != nil || fault != "" {
			ts.Fatalf("cleanup: %v %s", err, fault)
		}
		return once
	}) {
		ts.Fatalf("%d items still owe something", s.owed())
	}
}

func (s *story) rests(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	if !await(func() bool { return s.resting(ts, onboarding.OrganizationID(args[0])) }) {
		ts.Fatalf("deliver does not rest")
	}
}

// resting reports whether all that is owed was tried and put off.
func (s *story) resting(ts *testscript.TestScript, id onboarding.OrganizationID) bool {
	for _, item := range s.items(id) {
		var owing struct {
			Wake   string                    `dynamodbav:"outbox_wake"`
			Outbox map[string]map[string]any `dynamodbav:"outbox"`
		}
		ts.Check(attributevalue.UnmarshalMap(item, &owing))
		for _, m := range owing.Outbox {
			if owing.Wake != "held" || m["lease"] != nil {
				return false
			}
		}
	}
	return true
}

func (s *story) wake(ts *testscript.TestScript, args []string) {
	need(ts, args, 3)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	for range n {
		s.pass(ts, args[1:])
		s.cleanup(ts, []string{"once"})
		s.rests(ts, args[2:])
	}
}

func (s *story) deliver(ts *testscript.TestScript, args []string) {
	need(ts, args, 2)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	type key struct{ S string }
	var records []any
	for _, item := range s.items(onboarding.OrganizationID(args[1])) {
		owed, ok := item["outbox"].(*types.AttributeValueMemberM)
		if !ok {
			continue
		}
		messages := map[string]any{}
		for id := range owed.Value {
			messages[id] = struct{}{}
		}
		pk, sk := item["PK"].(*types.AttributeValueMemberS), item["SK"].(*types.AttributeValueMemberS)
		records = append(records, map[string]any{"eventName": "MODIFY", "dynamodb": map[string]any{
			"SequenceNumber": strconv.Itoa(len(records) + 1),
			"Keys":           map[string]key{"PK": {pk.Value}, "SK": {sk.Value}},
			"NewImage":       map[string]any{"outbox": map[string]any{"M": messages}},
		}})
	}
	event, err := json.Marshal(map[string]any{"Records": records})
	ts.Check(err)
	errs := make([]error, n)
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			answer, fault, err := s.cloud.invoke(s.t.Context(), "deliver", event)
			if errs[i] = err; fault != "" || bytes.Contains(answer, []byte("itemIdentifier")) {
				errs[i] = fmt.Errorf("deliver: %s %s", fault, answer)
			}
		})
	}
	running.Wait()
	ts.Check(errors.Join(errs...))
	fmt.Fprintf(ts.Stdout(), "%d events\n", len(records))
}

func (s *story) copies(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	mailed, copies := 0, 0
	for _, item := range s.items(onboarding.OrganizationID(args[0])) {
		var contact struct {
			Value      string
			Invitation struct {
				Delivery struct {
					Status   string
					Attempts int
				}
			}
		}
		ts.Check(attributevalue.UnmarshalMap(item, &contact))
		d, n := contact.Invitation.Delivery, len(s.sent(contact.Value))
		if d.Status == "" {
			continue // nobody who was invited
		}
		// Of every attempt but the last, nobody saw the end.
		if d.Status != "sent" || n < 1 || n > d.Attempts {
			ts.Fatalf("%s: %s, %d mails, %d attempts", contact.Value, d.Status, n, d.Attempts)
		}
		mailed, copies = mailed+1, copies+n-1
	}
	fmt.Fprintf(ts.Stdout(), "%d mailed, %d copies\n", mailed, copies)
}

// owed is how many items of the story's organizations owe a message.
func (s *story) owed() (n int) {
	for _, id := range s.ids {
		n += len(s.query(id, &dynamodb.QueryInput{
			FilterExpression: aws.String("attribute_exists(outbox)"), ProjectionExpression: aws.String("SK"),
		}))
	}
	return n
}
