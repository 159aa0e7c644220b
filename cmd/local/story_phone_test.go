package main

// The words of the stories about telephone numbers and pasted lists.

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// numberKey is the key of what is known of a number. It is worked out here, as it was documented.
func numberKey(number string) item {
	sum := sha256.Sum256([]byte("latchkey number 1\x00" + number))
	id := base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding).EncodeToString(sum[:16])
	return item{"PK": &types.AttributeValueMemberS{Value: "NUMBER#" + id}, "SK": &types.AttributeValueMemberS{Value: "TEXTS"}}
}

func (s *story) phoneRests(ts *testscript.TestScript, args []string) {
	need(ts, args, 2)
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	ts.Check(s.numberRests(args[1], d))
}

// numberRests makes what is known of a number older.
func (s *story) numberRests(number string, d time.Duration) error {
	got, err := s.cloud.db.GetItem(s.t.Context(), &dynamodb.GetItemInput{TableName: &s.cloud.table, Key: numberKey(number),
		ConsistentRead: aws.Bool(true)})
	if err != nil {
		return err
	}
	if got.Item == nil {
		return fmt.Errorf("nothing is known of %s", number)
	}
	after := older(&types.AttributeValueMemberM{Value: got.Item}, d).(*types.AttributeValueMemberM).Value
	_, err = s.cloud.db.PutItem(s.t.Context(), &dynamodb.PutItemInput{TableName: &s.cloud.table, Item: after})
	return err
}

func (s *story) optsOut(ts *testscript.TestScript, args []string) {
	need(ts, args, 1)
	answer, err := http.Post(s.cloud.baseURL+"/_local/opt-out", "application/json", strings.NewReader(fmt.Sprintf(`{"phone":%q}`, args[0])))
	ts.Check(err)
	answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		ts.Fatalf("opting out: %s", answer.Status)
	}
}

// partings part the entries of a text.
var partings = []string{", ", "; ", "\n", "\t", "\r\n", ";", " ,\n"}

// spelling is a new recipient in one of the ways in which people write them, and what it is.
func spelling(n int) string {
	address := fmt.Sprintf("p%d@crowd.example", n)
	switch n % 8 {
	case 1:
		return fmt.Sprintf("Ann Lee <%s>", address)
	case 2:
		return fmt.Sprintf("\"Kahn, Bob\" <%s>", address)
	case 3:
		return "mailto:" + address
	case 4:
		return strings.ToUpper(address[:1]) + address[1:]
	case 5:
		return "<" + address + ">"
	}
	return address
}

func (s *story) paste(ts *testscript.TestScript, args []string) {
	need(ts, args, 4)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	fresh := "created"
	if len(args) > 4 {
		fresh = strings.TrimPrefix(args[4], "again=")
	}
	var want, entries []string
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		verdict, entry, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok {
			ts.Fatalf("%s: %q is no verdict and entry", args[1], line)
		}
		for range (n - len(entries)) / 40 { // between two of the file's, some new ones
			want, entries = append(want, fresh), append(entries, spelling(len(entries)))
		}
		want, entries = append(want, verdict), append(entries, entry)
	}
	for len(entries) < n {
		want, entries = append(want, fresh), append(entries, spelling(len(entries)))
	}
	var text strings.Builder
	for i, entry := range entries {
		text.WriteString(entry + partings[i%len(partings)])
	}
	body, err := json.Marshal(text.String())
	ts.Check(err)
	type answer struct {
		Results []struct{ Input, Verdict string }
		Summary map[string]int
	}
	var before, got answer
	path := "/v1/organizations/" + s.homes[args[3]] + "/invitations"
	s.call(ts, []string{"POST", path + "/preview", "-as", args[3], "text:=" + string(body)})
	s.status(ts, []string{"200"})
	ts.Check(json.Unmarshal(s.last.body, &before))
	s.insist(ts, []string{"POST", path, "-as", args[3], "text:=" + string(body)})
	ts.Check(json.Unmarshal(s.last.body, &got))
	if !reflect.DeepEqual(before, got) {
		ts.Fatalf("the preview said %v, and it came to %v", before.Summary, got.Summary)
	}
	if len(got.Results) != n {
		ts.Fatalf("%d results of %d entries", len(got.Results), n)
	}
	counted := map[string]int{}
	for i, result := range got.Results {
		counted[result.Verdict]++
		if result.Verdict != want[i] {
			ts.Fatalf("%q is read as %q: %s, want %s", entries[i], result.Input, result.Verdict, want[i])
		}
	}
	if fmt.Sprint(counted) != fmt.Sprint(got.Summary) {
		ts.Fatalf("the summary is %v, and the results are %v", got.Summary, counted)
	}
	fmt.Fprintln(ts.Stdout(), got.Summary)
}

func (s *story) atOnce(ts *testscript.TestScript, args []string) {
	drafts := make([]draft, len(args))
	for i, name := range args {
		d, ok := s.drafts[name]
		if !ok {
			ts.Fatalf("%s is no request", name)
		}
		drafts[i] = d
	}
	answers, err := s.sendAtOnce(drafts)
	ts.Check(err)
	sum := map[string]int{}
	for i, a := range answers {
		if a.status == http.StatusServiceUnavailable { // of a machine that is too busy
			a = s.patiently(drafts[i])
		}
		var got struct{ Summary map[string]int }
		if err := json.Unmarshal(a.body, &got); err != nil || a.status != http.StatusOK {
			ts.Fatalf("%s: %s", a, a.body)
		}
		for verdict, n := range got.Summary {
			sum[verdict] += n
		}
	}
	fmt.Fprintln(ts.Stdout(), sum)
}
