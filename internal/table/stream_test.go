package table_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

const streamRecord = `{"eventID":"e1","eventName":"MODIFY","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"eu-central-1",
	"dynamodb":{"ApproximateCreationDateTime":1.7E9,"SequenceNumber":"%s","SizeBytes":9,"StreamViewType":"NEW_AND_OLD_IMAGES",
	"Keys":{"PK":{"S":"ORG#acme"},"SK":{"S":"%s"}},
	"OldImage":{"outbox":{"M":{"OLD":{"M":{}}}}},
	"NewImage":{"PK":{"S":"ORG#acme"},"outbox_wake":{"S":"owed"},"version":{"N":"3"},"nonce":{"B":"AAAA"}%s}}}`

func TestAStreamEventSaysWhatIsOwed(t *testing.T) {
	t.Parallel()
	const outbox = `,"outbox":{"M":{"M1":{"M":{"kind":{"S":"invitation"},"round":{"N":"1"}}},"M2":{"M":{}}}}`
	event := `{"Records":[` + strings.Join([]string{
		fmt.Sprintf(streamRecord, "100", "CONTACT#a", outbox),
		fmt.Sprintf(streamRecord, "101", "MEMBER#B", `,"outbox":{"M":{"M3":{"M":{}}}}`),
		fmt.Sprintf(streamRecord, "102", "CONTACT#c", ``),     // owes nothing
		fmt.Sprintf(streamRecord, "103", "SESSION#d", outbox), // is of another kind
		fmt.Sprintf(streamRecord, "104", "ORG", outbox),       //
		fmt.Sprintf(streamRecord, "106", "LINK#e", outbox),    //
		fmt.Sprintf(streamRecord, "107", "JOIN#f", `,"outbox":{"M":{"M4":{"M":{}}}}`),
		fmt.Sprintf(streamRecord, "108", "NOTICE", `,"outbox":{"M":{"M5":{"M":{}}}}`),
		fmt.Sprintf(streamRecord, "109", "NOTICE#g", `,"outbox":{"M":{"M6":{"M":{}}}}`),
		`{"eventName":"REMOVE","dynamodb":{"SequenceNumber":"105","Keys":{}}}`, // has no keys
		`{"eventName":"REMOVE"}`,
	}, ",") + `]}`
	owed, err := table.ParseStream([]byte(event))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(owed, func(a, b onboarding.Owed) int { return strings.Compare(a.Message, b.Message) })
	want := []onboarding.Owed{{Item: "ORG#acme|CONTACT#a", Message: "M1", Record: "100"},
		{Item: "ORG#acme|CONTACT#a", Message: "M2", Record: "100"}, {Item: "ORG#acme|MEMBER#B", Message: "M3", Record: "101"},
		{Item: "ORG#acme|JOIN#f", Message: "M4", Record: "107"}, {Item: "ORG#acme|NOTICE", Message: "M5", Record: "108"},
		{Item: "ORG#acme|NOTICE#g", Message: "M6", Record: "109"}}
	if !slices.Equal(owed, want) {
		t.Errorf("%+v", owed)
	}
}

func TestAnEventThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	for _, event := range []string{"", "null and void", "[]", `{"Records":{}}`, `{"Records":[{"dynamodb":{"Keys":[]}}]}`} {
		if owed, err := table.ParseStream([]byte(event)); err == nil {
			t.Errorf("%q: %v", event, owed)
		}
	}
	if owed, err := table.ParseStream([]byte(`{"Records":[]}`)); err != nil || len(owed) != 0 {
		t.Errorf("%v, %v", owed, err)
	}
}

func FuzzParseStream(f *testing.F) {
	f.Add([]byte(`{"Records":[` + fmt.Sprintf(streamRecord, "100", "CONTACT#a", `,"outbox":{"M":{"M1":{"M":{}}}}`) + `]}`))
	f.Add([]byte(`{"Records":[` + fmt.Sprintf(streamRecord, "100", "MEMBER#a", `,"outbox":{"M":null}`) + `]}`))
	f.Add([]byte(`{"Records":[` + fmt.Sprintf(streamRecord, "100", "NOTICE", `,"outbox":{"M":{"M1":{"M":{}}}}`) + `]}`))
	f.Add([]byte(`{"Records":[null,{"dynamodb":null}]}`))
	f.Fuzz(func(t *testing.T, event []byte) {
		owed, err := table.ParseStream(event)
		if err != nil && owed != nil {
			t.Fatalf("%v beside %v", owed, err)
		}
		if err == nil && !json.Valid(event) {
			t.Fatal("what is no JSON is taken")
		}
		for _, o := range owed {
			pk, sk, found := strings.Cut(o.Item, "|")
			owes := slices.ContainsFunc([]string{"CONTACT#", "MEMBER#", "JOIN#", "NOTICE"}, func(kind string) bool { return strings.HasPrefix(sk, kind) })
			if !found || !strings.HasPrefix(pk, "ORG#") || !owes {
				t.Fatalf("%+v owes", o)
			}
		}
	})
}
