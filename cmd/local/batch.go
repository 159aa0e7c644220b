package main

// What becomes of a batch of stream records: handed to the function, repeated, bisected, given up.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// deliver hands a batch to the function until all of it is done or given up. It reports false where ctx ended first.
func (p *poller) deliver(ctx context.Context, shard string, batch []record) bool {
	for failures := 0; ; {
		if batch = p.dropOld(shard, batch); len(batch) == 0 {
			return true
		}
		done, reason := p.attempt(ctx, batch)
		if done == len(batch) {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if done > 0 {
			batch, failures = batch[done:], 0
			continue
		}
		fmt.Fprintf(p.log, "%s: stream: batch of %d failed: %s\n", p.function, len(batch), reason)
		if p.source.Bisect && len(batch) > 1 {
			// Halves are tried on their own, so that in the end one poison record is alone. This counts for no retry.
			half := len(batch) / 2
			return p.deliver(ctx, shard, batch[:half]) && p.deliver(ctx, shard, batch[half:])
		}
		failures++
		if p.source.Retries >= 0 && failures > p.source.Retries {
			p.discard(shard, batch, "RetryAttemptsExhausted", failures)
			return true
		}
		if !sleep(ctx, backoff(failures)) {
			return false
		}
	}
}

// attempt invokes the function once. done counts the records, from the front, that need not be tried again.
func (p *poller) attempt(ctx context.Context, batch []record) (done int, reason string) {
	event := struct {
		Records []json.RawMessage
	}{}
	for _, one := range batch {
		event.Records = append(event.Records, one.json)
	}
	payload, err := json.Marshal(event)
	if err != nil {
		return 0, err.Error()
	}
	response, functionError, err := p.invoke(ctx, payload)
	switch {
	case err != nil:
		return 0, err.Error()
	case functionError != "":
		return 0, string(response)
	case !p.source.ReportsFailures:
		return len(batch), ""
	}
	return reported(response, batch)
}

// reported reads which records the function says it failed. Everything from the first of them on is tried again. An
// answer that makes no sense, an unknown number too, fails the whole batch; an empty one is success.
func reported(response []byte, batch []record) (done int, reason string) {
	var out struct {
		Failures []struct {
			Item *string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if len(bytes.TrimSpace(response)) == 0 {
		return len(batch), ""
	}
	if err := json.Unmarshal(response, &out); err != nil {
		return 0, "the response is not of the form of batchItemFailures: " + err.Error()
	}
	done = len(batch)
	for _, f := range out.Failures {
		i := -1
		if f.Item != nil {
			i = slices.IndexFunc(batch, func(one record) bool { return one.sequence == *f.Item })
		}
		if i < 0 {
			return 0, "batchItemFailures names a record that is not in the batch"
		}
		done = min(done, i)
	}
	return done, "the function reports the failure"
}

// dropOld gives up the records at the front that are too old to be tried.
func (p *poller) dropOld(shard string, batch []record) []record {
	if p.source.MaxAge < 0 {
		return batch
	}
	n := slices.IndexFunc(batch, func(one record) bool { return time.Since(one.created) <= p.source.MaxAge })
	if n < 0 {
		n = len(batch)
	}
	if n > 0 {
		p.discard(shard, batch[:n], "RecordAgeExceeded", 0)
	}
	return batch[n:]
}

// discarded is what Lambda tells the on-failure destination: where the records stand in the stream, not what is in them.
type discarded struct {
	RequestContext struct {
		RequestID   string `json:"requestId"`
		FunctionARN string `json:"functionArn"`
		Condition   string `json:"condition"`
		InvokeCount int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	Version   string    `json:"version"`
	Timestamp time.Time `json:"timestamp"`
	BatchInfo struct {
		ShardID      string    `json:"shardId"`
		Start        string    `json:"startSequenceNumber"`
		End          string    `json:"endSequenceNumber"`
		FirstArrival time.Time `json:"approximateArrivalOfFirstRecord"`
		LastArrival  time.Time `json:"approximateArrivalOfLastRecord"`
		BatchSize    int       `json:"batchSize"`
		StreamARN    string    `json:"streamArn"`
	} `json:"DDBStreamBatchInfo"`
}

func (p *poller) discard(shard string, batch []record, condition string, invocations int) {
	first, last := batch[0], batch[len(batch)-1]
	var d discarded
	d.RequestContext.RequestID, d.RequestContext.FunctionARN = uuid(), functionARN(p.function)
	d.RequestContext.Condition, d.RequestContext.InvokeCount = condition, invocations
	d.Version, d.Timestamp = "1.0", time.Now().UTC()
	d.BatchInfo.ShardID, d.BatchInfo.StreamARN, d.BatchInfo.BatchSize = shard, p.arn, len(batch)
	d.BatchInfo.Start, d.BatchInfo.End = first.sequence, last.sequence
	d.BatchInfo.FirstArrival, d.BatchInfo.LastArrival = first.created.UTC(), last.created.UTC()
	fmt.Fprintf(p.log, "%s: stream: gave up %d records from %s on: %s\n", p.function, len(batch), first.sequence, condition)
	if p.source.OnFailure == "" {
		return
	}
	if err := p.onFailure(d); err != nil {
		fmt.Fprintf(p.log, "%s: stream: %v\n", p.function, err)
	}
}

// backoff is shorter than Lambda's: somebody is watching.
func backoff(failures int) time.Duration {
	limit := min(50*time.Millisecond<<min(failures, 10), 5*time.Second)
	return limit/2 + rand.N(limit/2)
}
