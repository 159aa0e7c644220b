package main

// What a start leaves for people and programs to find: local.json, and in it the way into the organization demo.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// organization is the one that the first start makes.
const organization = "demo"

// localInfo is local.json.
type localInfo struct {
	BaseURL      string `json:"base_url"`
	Organization string `json:"organization"`
	Admin        struct {
		Login    string `json:"login"`
		Password string `json:"password"`
	} `json:"admin"`
	MailboxURL  string `json:"mailbox_url"`
	DynamoDBURL string `json:"dynamodb_url"`
	Table       string `json:"table"`
}

// remember seeds a new table and writes local.json. What was seeded earlier is kept.
func (c *cloud) remember(ctx context.Context, o options, fresh bool) error {
	path := filepath.Join(c.state, "local.json")
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &c.info)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", path, err)
	}
	c.info.BaseURL, c.info.MailboxURL = c.baseURL, c.baseURL+"/_local/mailbox"
	c.info.Organization, c.info.DynamoDBURL, c.info.Table = organization, c.dynamodbURL, c.table
	if o.seed != nil && (fresh || c.info.Admin.Login == "") {
		if c.info.Admin.Login, c.info.Admin.Password, err = o.seed(ctx, c); err != nil {
			return fmt.Errorf("make the organization %s: %w", organization, err)
		}
	}
	text, err = json.MarshalIndent(c.info, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(path, append(text, '\n'))
}
