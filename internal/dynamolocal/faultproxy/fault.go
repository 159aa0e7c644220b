package faultproxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
)

// Call is a request to DynamoDB on its way.
type Call struct {
	Operation string // PutItem and the like
	Attempt   int    // from 1; the SDK's repetitions count on
	Body      []byte
	// Do hands a request with this body on, and answers what came back.
	Do func(body []byte) (*http.Response, error)
}

// Fault answers a call in DynamoDB's place. Where it answers an error the connection breaks.
type Fault func(Call) (*http.Response, error)

// errBroken is what is left of a connection that broke. The SDK repeats what this becomes of.
var errBroken = errors.New("connection reset by the fault proxy")

// Refuse answers with an error of this name, and does nothing.
func Refuse(status int, name string) Fault {
	return func(Call) (*http.Response, error) {
		return answer(status, map[string]string{"__type": errorType(name), "message": "on purpose"})
	}
}

func errorType(name string) string { return "com.amazonaws.dynamodb.v20120810#" + name }

// Drop breaks the connection before the call arrives: nothing is done.
func Drop(Call) (*http.Response, error) { return nil, errBroken }

// Lose lets the call be done, and breaks the connection before the answer.
func Lose(c Call) (*http.Response, error) {
	if _, _, err := read(c.Do(c.Body)); err != nil {
		return nil, err
	}
	return nil, errBroken
}

// Cut lets the call be done, and breaks the connection in the middle of the answer.
func Cut(c Call) (*http.Response, error) {
	got, text, err := read(c.Do(c.Body))
	if err != nil {
		return nil, err
	}
	got.ContentLength = int64(len(text))
	got.Body = io.NopCloser(io.MultiReader(bytes.NewReader(text[:len(text)/2]), broken{}))
	return got, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Conflict refuses a write as if a transaction was in its way: a transaction at one of its n items, that pick picks.
func Conflict(pick func(n int) int) Fault {
	return func(c Call) (*http.Response, error) {
		var in struct{ TransactItems []json.RawMessage }
		if err := json.Unmarshal(c.Body, &in); err != nil {
			return nil, err
		}
		if len(in.TransactItems) == 0 {
			return Refuse(http.StatusBadRequest, "TransactionConflictException")(c)
		}
		reasons := make([]map[string]string, len(in.TransactItems))
		for i := range reasons {
			reasons[i] = map[string]string{"Code": "None"}
		}
		reasons[pick(len(reasons))] = map[string]string{"Code": "TransactionConflict", "Message": "on purpose"}
		return answer(http.StatusBadRequest, map[string]any{
			"__type": errorType("TransactionCanceledException"), "Message": "on purpose", "CancellationReasons": reasons,
		})
	}
}

// Partly does a part of a batch. refused is asked of each of its n entries: "" is done; a statement is refused with the code
// that it answers, a key or an item handed back as unprocessed. Only what is to be done is sent on.
func Partly(refused func(i, n int) (code string)) Fault {
	return func(c Call) (*http.Response, error) {
		switch c.Operation {
		case "BatchExecuteStatement":
			return someStatements(c, refused)
		case "BatchGetItem":
			return someItems(c, refused, "UnprocessedKeys")
		case "BatchWriteItem":
			return someItems(c, refused, "UnprocessedItems")
		}
		return nil, fmt.Errorf("%s is no batch", c.Operation)
	}
}

type object = map[string]json.RawMessage

func someStatements(c Call, refused func(i, n int) string) (*http.Response, error) {
	var in object
	var all, some, answers []json.RawMessage
	if err := errors.Join(json.Unmarshal(c.Body, &in), json.Unmarshal(in["Statements"], &all)); err != nil {
		return nil, err
	}
	codes := make([]string, len(all))
	for i := range all {
		if codes[i] = refused(i, len(all)); codes[i] == "" {
			some = append(some, all[i])
		}
	}
	out := object{}
	if len(some) > 0 {
		in["Statements"] = raw(some)
		var failed *http.Response
		var err error
		if out, failed, err = through(c, in); err != nil || failed != nil {
			return failed, err
		}
		if err := json.Unmarshal(out["Responses"], &answers); err != nil {
			return nil, err
		}
	}
	merged := make([]json.RawMessage, len(all))
	for i, code := range codes {
		if code == "" {
			merged[i], answers = answers[0], answers[1:]
			continue
		}
		merged[i] = raw(map[string]any{"Error": map[string]string{"Code": code, "Message": "on purpose"}})
	}
	out["Responses"] = raw(merged)
	return answer(http.StatusOK, out)
}

// someItems does a part of a BatchGetItem or BatchWriteItem, and hands the rest back under that name.
func someItems(c Call, refused func(i, n int) string, unprocessed string) (*http.Response, error) {
	var in object
	var tables map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(c.Body, &in), json.Unmarshal(in["RequestItems"], &tables)); err != nil {
		return nil, err
	}
	entries, n := map[string][]json.RawMessage{}, 0
	for name, table := range tables {
		list, err := entriesOf(table, c.Operation)
		if err != nil {
			return nil, err
		}
		entries[name] = list
		n += len(list)
	}
	back, i := map[string]json.RawMessage{}, 0
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		var some, rest []json.RawMessage
		for _, e := range entries[name] {
			if refused(i, n) == "" {
				some = append(some, e)
			} else {
				rest = append(rest, e)
			}
			i++
		}
		table := tables[name]
		if tables[name] = withEntries(table, some); len(some) == 0 {
			delete(tables, name)
		}
		if len(rest) > 0 {
			back[name] = withEntries(table, rest)
		}
	}
	out := object{"Responses": raw(map[string]any{})}
	if len(tables) > 0 {
		in["RequestItems"] = raw(tables)
		var failed *http.Response
		var err error
		if out, failed, err = through(c, in); err != nil || failed != nil {
			return failed, err
		}
	}
	if own := string(out[unprocessed]); own != "" && own != "{}" {
		return nil, fmt.Errorf("DynamoDB Local has left something over by itself: %s", own)
	}
	out[unprocessed] = raw(back)
	return answer(http.StatusOK, out)
}

// entriesOf are the keys to read, or the items to write, of one table.
func entriesOf(table json.RawMessage, operation string) (list []json.RawMessage, err error) {
	if operation == "BatchWriteItem" {
		return list, json.Unmarshal(table, &list)
	}
	var get struct{ Keys []json.RawMessage }
	err = json.Unmarshal(table, &get)
	return get.Keys, err
}

// withEntries is what is asked of a table, with other entries.
func withEntries(table json.RawMessage, list []json.RawMessage) json.RawMessage {
	var get object
	if json.Unmarshal(table, &get) != nil { // a list: what to write
		return raw(list)
	}
	get["Keys"] = raw(list)
	return raw(get)
}

// through hands a request on with another body. An answer that is no success is failed.
func through(c Call, in object) (out object, failed *http.Response, err error) {
	got, text, err := read(c.Do(raw(in)))
	if err != nil {
		return nil, nil, err
	}
	if got.StatusCode != http.StatusOK {
		return nil, got, nil
	}
	return out, nil, json.Unmarshal(text, &out)
}

// read reads an answer whole; it can be read once more.
func read(got *http.Response, err error) (*http.Response, []byte, error) {
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(got.Body)
	got.Body.Close()
	got.Body = io.NopCloser(bytes.NewReader(text))
	return got, text, err
}

// raw is what is known to marshal, marshaled.
func raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func answer(status int, body any) (*http.Response, error) {
	b := raw(body)
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		ContentLength: int64(len(b)), Body: io.NopCloser(bytes.NewReader(b))}, nil
}
