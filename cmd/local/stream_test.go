package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/internal/sam"
)

// fakeStream is a stream in memory. Sequence numbers are positions in a shard, counted from 1.
type fakeStream struct {
	mu     sync.Mutex
	shards []*fakeShard
	fail   map[string][]error // answers to give first, by action
}

type fakeShard struct {
	id, parent string
	records    []string // JSON
	closed     bool
}

// add appends a record with the value v to a shard, as DynamoDB writes it.
func (f *fakeStream) add(shard int, v string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.shards[shard]
	s.records = append(s.records, fmt.Sprintf(
		`{"eventID":"e","eventName":"INSERT","dynamodb":{"SequenceNumber":"%d","ApproximateCreationDateTime":%d,`+
			`"NewImage":{"v":{"S":%q}}}}`,
		len(s.records)+1, time.Now().Unix(), v))
}

// ask is a streamAPI.
func (f *fakeStream) ask(ctx context.Context, action string, in, out any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if list := f.fail[action]; len(list) > 0 {
		f.fail[action] = list[1:]
		return list[0]
	}
	args := in.(map[string]any)
	var answer any
	switch action {
	case "DescribeStream":
		var list []shard
		for _, s := range f.shards {
			list = append(list, shard{s.id, s.parent})
		}
		answer = map[string]any{"StreamDescription": map[string]any{"Shards": list}}
	case "GetShardIterator":
		at := 0
		switch args["ShardIteratorType"] {
		case "LATEST":
			at = len(f.shard(args["ShardId"].(string)).records)
		case "AFTER_SEQUENCE_NUMBER":
			at, _ = strconv.Atoi(args["SequenceNumber"].(string))
		}
		answer = map[string]any{"ShardIterator": fmt.Sprintf("%s/%d", args["ShardId"], at)}
	case "GetRecords":
		id, place, _ := strings.Cut(args["ShardIterator"].(string), "/")
		at, _ := strconv.Atoi(place)
		s := f.shard(id)
		page := map[string]any{}
		var records []json.RawMessage
		for _, r := range s.records[at:] {
			records = append(records, json.RawMessage(r))
		}
		page["Records"] = records
		if !s.closed {
			page["NextShardIterator"] = fmt.Sprintf("%s/%d", id, len(s.records))
		}
		answer = page
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, out)
}

func (f *fakeStream) shard(id string) *fakeShard {
	return f.shards[slices.IndexFunc(f.shards, func(s *fakeShard) bool { return s.id == id })]
}

// consumer is a function that keeps what it was handed: the values of each batch, as one text.
type consumer struct {
	mu      sync.Mutex
	batches []string
	last    []byte // the last event
	respond func(values []string, numbers []string) (response, functionError string, err error)
}

func (c *consumer) invoke(_ context.Context, payload []byte) ([]byte, string, error) {
	var event struct {
		Records []struct {
			DynamoDB struct {
				SequenceNumber string
				NewImage       map[string]struct{ S string }
			} `json:"dynamodb"`
		}
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, "", err
	}
	var values, numbers []string
	for _, r := range event.Records {
		values = append(values, r.DynamoDB.NewImage["v"].S)
		numbers = append(numbers, r.DynamoDB.SequenceNumber)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batches = append(c.batches, strings.Join(values, ""))
	c.last = payload
	if c.respond == nil {
		return []byte(`{}`), "", nil
	}
	response, functionError, err := c.respond(values, numbers)
	return []byte(response), functionError, err
}

type rig struct {
	stream *fakeStream
	consumer
	*poller
	discarded []discarded
	log       bytes.Buffer
}

// newRig makes a poller of one shard with the records given, one a letter.
func newRig(t *testing.T, letters string) *rig {
	t.Helper()
	places, err := openCheckpoints(filepath.Join(t.TempDir(), "stream.json"))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{stream: &fakeStream{shards: []*fakeShard{{id: "s0"}}, fail: map[string][]error{}}}
	for _, v := range letters {
		r.stream.add(0, string(v))
	}
	r.poller = &poller{
		source: sam.Stream{
			StartingPosition: "TRIM_HORIZON", BatchSize: 4, Retries: 2, MaxAge: -1, OnFailure: "arn:queue",
			ReportsFailures: true,
		},
		function: "deliver", arn: "arn:stream", ask: r.stream.ask, invoke: r.consumer.invoke, checkpoints: places,
		log:       &locked{to: &r.log},
		onFailure: func(d discarded) error { r.discarded = append(r.discarded, d); return nil },
	}
	return r
}

// play runs the poller for a while of made-up time.
func (r *rig) play(t *testing.T, d time.Duration, during ...func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.run(ctx) }()
	for _, f := range during {
		time.Sleep(2 * time.Second)
		f()
	}
	time.Sleep(d)
	cancel()
	<-done
}

func (r *rig) want(t *testing.T, batches ...string) {
	t.Helper()
	r.consumer.mu.Lock()
	defer r.consumer.mu.Unlock()
	if !slices.Equal(r.batches, batches) {
		t.Errorf("batches %q, want %q\n%s", r.batches, batches, r.log.String())
	}
}

// bubble runs a test in made-up time, in which waiting takes none.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func TestBatches(t *testing.T) {
	bubble(t, "hold no more than the batch size, in order", func(t *testing.T) {
		r := newRig(t, "abcdefghij")
		r.play(t, time.Second)
		r.want(t, "abcd", "efgh", "ij")
		var event struct{ Records []map[string]any }
		if err := json.Unmarshal(r.last, &event); err != nil {
			t.Fatal(err)
		}
		one := event.Records[0]
		if one["eventSourceARN"] != "arn:stream" || one["eventName"] != "INSERT" || one["eventID"] != "e" {
			t.Errorf("record %v", one)
		}
	})
	bubble(t, "hold only what the filters want", func(t *testing.T) {
		r := newRig(t, "abcab")
		f, err := sam.ParseFilter(`{"dynamodb":{"NewImage":{"v":{"S":["a","c"]}}}}`)
		if err != nil {
			t.Fatal(err)
		}
		r.source.Filters = []sam.Filter{f}
		r.play(t, time.Second)
		r.want(t, "aca")
		if place := r.checkpoints.get("arn:stream", "s0"); place.Sequence != "5" {
			t.Errorf("the place is %+v: what is not wanted is passed over, too", place)
		}
	})
	bubble(t, "wait for more as long as the window says", func(t *testing.T) {
		r := newRig(t, "a")
		r.source.Window = 5 * time.Second
		r.play(t, 10*time.Second, func() { r.stream.add(0, "b") })
		r.want(t, "ab")
	})
	bubble(t, "do not wait when they are full", func(t *testing.T) {
		r := newRig(t, "abcde")
		r.source.Window = time.Minute
		r.play(t, 10*time.Second)
		r.want(t, "abcd")
		if place := r.checkpoints.get("arn:stream", "s0"); place.Sequence != "4" {
			t.Errorf("the place is %+v, and e is not handed on yet", place)
		}
	})
}

func TestThePlaceIsKept(t *testing.T) {
	bubble(t, "across a stop", func(t *testing.T) {
		r := newRig(t, "ab")
		r.play(t, time.Second)
		r.stream.add(0, "c")
		again, err := openCheckpoints(r.checkpoints.path)
		if err != nil {
			t.Fatal(err)
		}
		r.checkpoints = again
		r.play(t, time.Second)
		r.want(t, "ab", "c")
	})
	bubble(t, "and not moved by a batch that was broken off", func(t *testing.T) {
		r := newRig(t, "ab")
		ctx, cancel := context.WithCancel(t.Context())
		r.respond = func([]string, []string) (string, string, error) {
			cancel()
			return "", "", context.Canceled
		}
		r.run(ctx)
		r.respond = nil
		r.play(t, time.Second)
		r.want(t, "ab", "ab")
	})
	bubble(t, "but not in another stream", func(t *testing.T) {
		r := newRig(t, "ab")
		r.play(t, time.Second)
		r.arn = "arn:other"
		r.play(t, time.Second)
		r.want(t, "ab", "ab")
	})
}

func TestFailedBatches(t *testing.T) {
	poison := func(values, _ []string) (string, string, error) {
		if slices.Contains(values, "x") {
			return `{"errorType":"x"}`, "Unhandled", nil
		}
		return "", "", nil
	}
	bubble(t, "are tried again as often as the template says, then given up", func(t *testing.T) {
		r := newRig(t, "axb")
		r.respond = poison
		r.play(t, time.Minute, func() { r.stream.add(0, "c") })
		r.want(t, "axb", "axb", "axb", "c")
		if len(r.discarded) != 1 {
			t.Fatalf("given up %+v", r.discarded)
		}
		d := r.discarded[0]
		if d.BatchInfo.Start != "1" || d.BatchInfo.End != "3" || d.BatchInfo.BatchSize != 3 || d.BatchInfo.ShardID != "s0" ||
			d.BatchInfo.StreamARN != "arn:stream" || d.RequestContext.Condition != "RetryAttemptsExhausted" ||
			d.RequestContext.InvokeCount != 3 || !strings.HasSuffix(d.RequestContext.FunctionARN, ":deliver") {
			t.Errorf("given up %+v", d)
		}
	})
	bubble(t, "are bisected down to the poison record", func(t *testing.T) {
		r := newRig(t, "axbc")
		r.respond, r.source.Bisect, r.source.Retries = poison, true, 1
		r.play(t, time.Minute)
		r.want(t, "axbc", "ax", "a", "x", "x", "bc")
		if len(r.discarded) != 1 || r.discarded[0].BatchInfo.Start != "2" || r.discarded[0].BatchInfo.BatchSize != 1 {
			t.Errorf("given up %+v", r.discarded)
		}
	})
	bubble(t, "are tried until they succeed where there is no limit", func(t *testing.T) {
		r := newRig(t, "a")
		r.source.Retries = -1
		tries := 0
		r.respond = func([]string, []string) (string, string, error) {
			if tries++; tries < 20 {
				return "", "", errors.New("not now")
			}
			return "", "", nil
		}
		r.play(t, 5*time.Minute)
		if tries != 20 || len(r.discarded) != 0 {
			t.Errorf("%d tries, given up %v", tries, r.discarded)
		}
	})
	bubble(t, "are given up when they are too old", func(t *testing.T) {
		r := newRig(t, "x")
		time.Sleep(time.Minute)
		r.stream.add(0, "a")
		r.source.MaxAge, r.source.Retries, r.respond = 30*time.Second, -1, poison
		r.play(t, time.Second)
		r.want(t, "a")
		if len(r.discarded) != 1 || r.discarded[0].RequestContext.Condition != "RecordAgeExceeded" ||
			r.discarded[0].RequestContext.InvokeCount != 0 {
			t.Errorf("given up %+v", r.discarded)
		}
	})
	bubble(t, "grow too old while they are tried", func(t *testing.T) {
		r := newRig(t, "x")
		r.source.MaxAge, r.source.Retries, r.respond = 30*time.Second, -1, poison
		r.play(t, 2*time.Minute)
		if len(r.discarded) != 1 || len(r.batches) < 3 {
			t.Errorf("given up %+v after %q", r.discarded, r.batches)
		}
	})
	bubble(t, "are only logged where no destination is", func(t *testing.T) {
		r := newRig(t, "x")
		r.respond, r.source.OnFailure = poison, ""
		r.play(t, time.Minute)
		if len(r.discarded) != 0 || !strings.Contains(r.log.String(), "gave up 1 records from 1 on") {
			t.Errorf("given up %v; log %s", r.discarded, r.log.String())
		}
	})
}

func TestPartialFailures(t *testing.T) {
	// failOnce reports the records of these values as failed, each only the first time.
	failOnce := func(letters string) func(values, numbers []string) (string, string, error) {
		left := letters
		return func(values, numbers []string) (string, string, error) {
			var failed []string
			for i, v := range values {
				if strings.Contains(left, v) {
					failed = append(failed, fmt.Sprintf(`{"itemIdentifier":%q}`, numbers[i]))
					left = strings.ReplaceAll(left, v, "")
				}
			}
			return `{"batchItemFailures":[` + strings.Join(failed, ",") + `]}`, "", nil
		}
	}
	bubble(t, "repeat from the first that failed", func(t *testing.T) {
		r := newRig(t, "abcd")
		r.respond = failOnce("db")
		r.play(t, time.Minute)
		r.want(t, "abcd", "bcd")
	})
	bubble(t, "of the first record repeat, or bisect, the whole batch", func(t *testing.T) {
		r := newRig(t, "abcd")
		r.respond = failOnce("a")
		r.play(t, time.Minute)
		r.want(t, "abcd", "abcd")
		r = newRig(t, "abcd")
		r.respond, r.source.Bisect = failOnce("a"), true
		r.play(t, time.Minute)
		r.want(t, "abcd", "ab", "cd")
	})
	bubble(t, "count tries anew after progress", func(t *testing.T) {
		r := newRig(t, "abcd")
		r.source.Retries = 0
		r.respond = failOnce("bcd")
		r.play(t, time.Minute)
		if len(r.discarded) != 0 {
			t.Errorf("given up %+v", r.discarded)
		}
	})
	for _, response := range []string{
		`{"batchItemFailures":[{"itemIdentifier":"99"}]}`, `{"batchItemFailures":[{"itemIdentifier":""}]}`,
		`{"batchItemFailures":[{}]}`, `{"batchItemFailures":[{"itemIdentifier":null}]}`, `[]`, `{"batchItemFailures":1}`,
	} {
		bubble(t, "that make no sense fail the whole batch: "+response, func(t *testing.T) {
			r := newRig(t, "ab")
			r.respond = func([]string, []string) (string, string, error) { return response, "", nil }
			r.play(t, time.Minute)
			r.want(t, "ab", "ab", "ab")
		})
	}
	for _, response := range []string{``, `{}`, `null`, `{"batchItemFailures":[]}`, `{"batchItemFailures":null}`} {
		bubble(t, "that are none are success: "+response, func(t *testing.T) {
			r := newRig(t, "ab")
			r.respond = func([]string, []string) (string, string, error) { return response, "", nil }
			r.play(t, time.Minute)
			r.want(t, "ab")
		})
	}
	bubble(t, "are not looked for where the template does not say so", func(t *testing.T) {
		r := newRig(t, "ab")
		r.source.ReportsFailures, r.respond = false, failOnce("a")
		r.play(t, time.Minute)
		r.want(t, "ab")
	})
}

func TestShards(t *testing.T) {
	bubble(t, "a child waits for its parent", func(t *testing.T) {
		r := newRig(t, "ab")
		r.stream.shards = append([]*fakeShard{{id: "s1", parent: "s0"}}, r.stream.shards...)
		r.stream.add(0, "c")
		r.play(t, time.Second, func() {
			r.want(t, "ab")
			r.stream.mu.Lock()
			defer r.stream.mu.Unlock()
			r.stream.shards[1].closed = true
		})
		r.want(t, "ab", "c")
		r.play(t, time.Second)
		r.want(t, "ab", "c")
	})
	bubble(t, "a shard that comes later is read from its beginning", func(t *testing.T) {
		r := newRig(t, "ab")
		r.source.StartingPosition = "LATEST"
		r.play(t, 3*time.Second, func() {
			r.stream.add(0, "c")
			r.stream.mu.Lock()
			r.stream.shards = append(r.stream.shards, &fakeShard{id: "s1", parent: "gone"})
			r.stream.mu.Unlock()
			r.stream.add(1, "d")
		})
		slices.Sort(r.batches)
		r.want(t, "c", "d")
	})
}

func TestAStreamThatDoesNotAnswer(t *testing.T) {
	bubble(t, "is asked again", func(t *testing.T) {
		r := newRig(t, "ab")
		for _, action := range []string{"DescribeStream", "GetShardIterator", "GetRecords"} {
			r.stream.fail[action] = []error{errors.New("no connection"), errors.New("no connection")}
		}
		r.play(t, time.Minute)
		r.want(t, "ab")
	})
	bubble(t, "for longer than an iterator lives", func(t *testing.T) {
		r := newRig(t, "ab")
		r.play(t, time.Minute, func() {
			r.stream.mu.Lock()
			r.stream.fail["GetRecords"] = []error{&streamError{"ExpiredIteratorException", ""}}
			r.stream.mu.Unlock()
			r.stream.add(0, "c")
		})
		r.want(t, "ab", "c")
	})
	bubble(t, "for what was trimmed, goes on with the oldest that is left", func(t *testing.T) {
		r := newRig(t, "ab")
		if err := r.checkpoints.put("arn:stream", "s0", checkpoint{Sequence: "1"}); err != nil {
			t.Fatal(err)
		}
		r.stream.fail["GetShardIterator"] = []error{&streamError{"TrimmedDataAccessException", ""}}
		r.play(t, time.Minute)
		r.want(t, "ab")
	})
}
