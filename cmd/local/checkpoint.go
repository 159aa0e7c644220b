package main

// Where each event source stands in its stream, kept across restarts.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// checkpoint is a place in a shard: everything up to the record of that sequence number was handed on.
type checkpoint struct {
	Sequence string `json:"sequence,omitempty"`
	Done     bool   `json:"done,omitempty"` // the shard is closed and read to its end
}

// checkpoints are the places of one event source, by stream and shard.
type checkpoints struct {
	path string

	mu sync.Mutex
	at map[string]map[string]checkpoint
}

func openCheckpoints(path string) (*checkpoints, error) {
	c := &checkpoints{path: path, at: map[string]map[string]checkpoint{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &c.at); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func (c *checkpoints) get(stream, shard string) checkpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at[stream][shard]
}

func (c *checkpoints) put(stream, shard string, place checkpoint) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at[stream] == nil {
		// Another stream means another table: the old one's places lead nowhere.
		c.at = map[string]map[string]checkpoint{stream: {}}
	}
	c.at[stream][shard] = place
	text, err := json.Marshal(c.at)
	if err != nil {
		return err
	}
	return replaceFile(c.path, text)
}
