package main

// A stream event source: reads the table's stream, picks what the filters of the template want, and hands it to the
// function in batches, one at a time from each shard. It keeps its place, repeats and bisects what fails, and gives up as
// the template says.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/internal/sam"
)

const pollEvery = 50 * time.Millisecond

// streamAPI asks DynamoDB Streams. Answers are taken as the JSON they are: it is the JSON that Lambda hands to
// functions, and a detour over the types of the SDK would lose that.
type streamAPI func(ctx context.Context, action string, in, out any) error

// streamError is a refusal of DynamoDB Streams.
type streamError struct{ code, message string }

func (e *streamError) Error() string { return e.code + ": " + e.message }

// streamsAt returns the DynamoDB Streams of the DynamoDB Local at url.
func streamsAt(url string) streamAPI {
	return func(ctx context.Context, action string, in, out any) error {
		body, err := json.Marshal(in)
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("X-Amz-Target", "DynamoDBStreams_20120810."+action)
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20200101/"+sam.Region+
			"/dynamodb/aws4_request, SignedHeaders=host, Signature=none")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			var e struct {
				Type    string `json:"__type"`
				Message string `json:"message"`
			}
			if err := json.Unmarshal(text, &e); err != nil {
				return fmt.Errorf("%s: status %d", action, answer.StatusCode)
			}
			return &streamError{e.Type[strings.LastIndex(e.Type, "#")+1:], e.Message}
		}
		return json.Unmarshal(text, out)
	}
}

// poller runs one event source.
type poller struct {
	source      sam.Stream
	function    string
	arn         string // of the stream
	ask         streamAPI
	invoke      invoker
	checkpoints *checkpoints
	onFailure   func(discarded) error // only where the source has such a destination
	log         io.Writer
}

type shard struct {
	ShardID       string `json:"ShardId"`
	ParentShardID string `json:"ParentShardId"`
}

// run reads until ctx ends. A shard waits for its parent, so that changes of one item stay in order.
func (p *poller) run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	started := map[string]chan struct{}{} // each closed when its shard is read to the end
	for first := true; ; first = false {
		shards, err := p.shards(ctx)
		if err != nil && ctx.Err() == nil {
			fmt.Fprintf(p.log, "%s: stream: %v\n", p.function, err)
		}
		shards = slices.DeleteFunc(shards, func(s shard) bool { return started[s.ShardID] != nil })
		for _, s := range shards {
			started[s.ShardID] = make(chan struct{})
		}
		for _, s := range shards {
			done, parent := started[s.ShardID], started[s.ParentShardID] // no parent where it is trimmed away already
			from := "TRIM_HORIZON"
			if first {
				from = p.source.StartingPosition
			}
			running.Go(func() {
				defer close(done)
				if parent != nil {
					select {
					case <-parent:
					case <-ctx.Done():
						return
					}
				}
				p.read(ctx, s.ShardID, from)
			})
		}
		if !sleep(ctx, time.Second) {
			return
		}
	}
}

// shards lists the stream's shards.
func (p *poller) shards(ctx context.Context) ([]shard, error) {
	var all []shard
	in := map[string]any{"StreamArn": p.arn}
	for {
		var out struct {
			StreamDescription struct {
				Shards               []shard
				LastEvaluatedShardID string `json:"LastEvaluatedShardId"`
			}
		}
		if err := p.ask(ctx, "DescribeStream", in, &out); err != nil {
			return nil, err
		}
		all = append(all, out.StreamDescription.Shards...)
		if out.StreamDescription.LastEvaluatedShardID == "" {
			return all, nil
		}
		in["ExclusiveStartShardId"] = out.StreamDescription.LastEvaluatedShardID
	}
}

// read hands on the records of one shard, until it is closed and read to its end.
func (p *poller) read(ctx context.Context, shard, from string) {
	place := p.checkpoints.get(p.arn, shard)
	if place.Done {
		return
	}
	r := &shardReader{poller: p, shard: shard, from: from, read: place.Sequence}
	for !r.closed {
		if err := r.step(ctx); err != nil && ctx.Err() == nil {
			fmt.Fprintf(p.log, "%s: stream: %v\n", p.function, err)
		}
		if ctx.Err() != nil {
			return
		}
		if !r.closed && !sleep(ctx, pollEvery) {
			return
		}
	}
	if err := p.checkpoints.put(p.arn, shard, checkpoint{Done: true}); err != nil {
		fmt.Fprintf(p.log, "%s: stream: %v\n", p.function, err)
	}
}

// shardReader is the way through one shard.
type shardReader struct {
	poller   *poller
	shard    string
	from     string // where to begin without a sequence number
	read     string // sequence number of the last record that was read; "" for none
	iterator string
	closed   bool

	waiting []record // wanted, and not handed on yet
	since   time.Time
}

// step reads one page and hands on the batches that are full or have waited long enough.
func (r *shardReader) step(ctx context.Context) error {
	p := r.poller
	page, err := r.page(ctx)
	if err != nil {
		return err
	}
	for _, one := range page {
		r.read = one.sequence
		if !p.source.Wants(one.json) {
			continue
		}
		if len(r.waiting) == 0 {
			r.since = time.Now()
		}
		r.waiting = append(r.waiting, one)
	}
	for len(r.waiting) >= p.source.BatchSize ||
		len(r.waiting) > 0 && (r.closed || time.Since(r.since) >= p.source.Window) {
		n := min(len(r.waiting), p.source.BatchSize)
		if !p.deliver(ctx, r.shard, r.waiting[:n]) {
			return ctx.Err()
		}
		last := r.waiting[n-1].sequence
		r.waiting = r.waiting[n:]
		if err := p.checkpoints.put(p.arn, r.shard, checkpoint{Sequence: last}); err != nil {
			return err
		}
	}
	if len(r.waiting) == 0 && len(page) > 0 {
		return p.checkpoints.put(p.arn, r.shard, checkpoint{Sequence: r.read})
	}
	return nil
}

// page reads on where the last page ended.
func (r *shardReader) page(ctx context.Context) ([]record, error) {
	p := r.poller
	if r.iterator == "" {
		in := map[string]any{"StreamArn": p.arn, "ShardId": r.shard, "ShardIteratorType": r.from}
		if r.read != "" {
			in["ShardIteratorType"], in["SequenceNumber"] = "AFTER_SEQUENCE_NUMBER", r.read
		}
		var out struct{ ShardIterator string }
		if err := p.ask(ctx, "GetShardIterator", in, &out); err != nil {
			return nil, r.lost(err)
		}
		r.iterator = out.ShardIterator
	}
	var out struct {
		Records           []json.RawMessage
		NextShardIterator string
	}
	if err := p.ask(ctx, "GetRecords", map[string]any{"ShardIterator": r.iterator}, &out); err != nil {
		return nil, r.lost(err)
	}
	r.iterator, r.closed = out.NextShardIterator, out.NextShardIterator == ""
	page := make([]record, 0, len(out.Records))
	for _, raw := range out.Records {
		one, err := parseRecord(raw, p.arn)
		if err != nil {
			return nil, err
		}
		page = append(page, one)
	}
	return page, nil
}

// lost deals with an iterator that the stream no longer takes. What was trimmed, after 24 hours, is gone: the oldest
// record that is left is next. After any other error the iterator is as good as before.
func (r *shardReader) lost(err error) error {
	e := (*streamError)(nil)
	if !errors.As(err, &e) {
		return err
	}
	switch e.code {
	case "ExpiredIteratorException":
		r.iterator = ""
	case "TrimmedDataAccessException":
		r.iterator, r.read, r.from = "", "", "TRIM_HORIZON"
	}
	return err
}

// record is one change, as the function will see it.
type record struct {
	json     json.RawMessage
	sequence string
	created  time.Time
}

func parseRecord(raw json.RawMessage, arn string) (record, error) {
	var known struct {
		DynamoDB struct {
			SequenceNumber              string
			ApproximateCreationDateTime float64
		} `json:"dynamodb"`
	}
	fields := map[string]json.RawMessage{}
	if err := errors.Join(json.Unmarshal(raw, &known), json.Unmarshal(raw, &fields)); err != nil {
		return record{}, fmt.Errorf("stream record: %w", err)
	}
	source, err := json.Marshal(arn)
	if err != nil {
		return record{}, err
	}
	fields["eventSourceARN"] = source
	whole, err := json.Marshal(fields)
	return record{
		json: whole, sequence: known.DynamoDB.SequenceNumber,
		created: time.UnixMilli(int64(known.DynamoDB.ApproximateCreationDateTime * 1000)),
	}, err
}

// sleep reports false where ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
