package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"latchkey/internal/onboarding"
	"latchkey/internal/spreadsheet"
)

// report is the file that says what became of everybody in a list.
type report struct {
	path  string
	links bool // whether it has a column for them
}

const linkColumn = "accept_url"

func (r report) header() []string {
	columns := []string{"line", "input", "address", "verdict", "reason", "invitation_id"}
	if r.links {
		columns = append(columns, linkColumn)
	}
	return columns
}

// prepare makes sure that the report can be written before anybody is invited. It replaces an earlier report and no other
// file, and takes over the links that the earlier one holds, for no later answer does.
func (r report) prepare(list string, org onboarding.OrganizationID, people []*person) error {
	probe, err := r.create()
	if err != nil {
		return err
	}
	probe.Close()
	os.Remove(probe.Name())
	there, err := os.Stat(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if read, err := os.Stat(list); err == nil && os.SameFile(read, there) {
		return fmt.Errorf("%s is the list: name another file with --report", r.path)
	}
	foreign := fmt.Errorf("%s is there, and is no report that this one could replace: name another with --report", r.path)
	if !there.Mode().IsRegular() {
		return foreign
	}
	f, err := os.Open(r.path)
	if err != nil {
		return err
	}
	defer f.Close()
	rows := csv.NewReader(f)
	header, err := rows.Read()
	switch {
	case errors.Is(err, io.EOF): // an empty file
		return nil
	case err == nil && slices.Equal(header, report{links: false}.header()):
		return nil
	case err != nil || !slices.Equal(header, report{links: true}.header()):
		return foreign
	case !r.links:
		return fmt.Errorf("%s holds links, and this report would not: name another with --report", r.path)
	}
	return recall(rows, org, people)
}

// recall takes over the links of an earlier report, as long as the invitation is the same.
func recall(rows *csv.Reader, org onboarding.OrganizationID, people []*person) error {
	known := map[string]*person{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the earlier report: %w", err)
		}
		if strings.Contains(row[6], "/join/"+string(org)+"/") {
			known[row[2]] = &person{before: onboarding.InviteVerdict(row[3]), invitation: row[5], link: row[6]}
		}
	}
	for _, p := range people {
		if k := known[spreadsheet.Neutral(p.recipient.address())]; k != nil && p.verdict == "" {
			p.before, p.invitation, p.link = k.before, k.invitation, k.link
		}
	}
	return nil
}

// create opens a file beside the report that only its owner can read.
func (r report) create() (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(r.path), ".latchkey-*.csv")
	if err != nil {
		return nil, fmt.Errorf("the report: %w", err)
	}
	return f, nil
}

// write replaces the report, whole or not at all.
func (r report) write(people []*person) (err error) {
	f, err := r.create()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("the report: %w", err)
		}
	}()
	if err := errors.Join(r.encode(f, people), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), r.path)
}

func (r report) encode(out io.Writer, people []*person) error {
	w := csv.NewWriter(out)
	w.Write(r.header())
	for _, p := range people {
		row := []string{strconv.Itoa(p.line), p.input, p.recipient.address(), string(p.verdict), p.reason, p.invitation}
		if r.links {
			row = append(row, p.link)
		}
		for i := range row {
			row[i] = spreadsheet.Neutral(row[i])
		}
		w.Write(row)
	}
	w.Flush()
	return w.Error()
}
