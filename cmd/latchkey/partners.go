package main

import (
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"latchkey/internal/onboarding"
)

const (
	importPatience = 10 * time.Minute
	maxFirmTable   = 8 << 20 // bytes
)

var firmColumns = []string{"id", "name", "domains"}

// certifying is the use case over the store that the flags name.
func (c *call) certifying(ctx context.Context) (onboarding.Certifying, error) {
	store, _, err := c.open(ctx)
	return onboarding.Certifying{World: onboarding.World{Now: time.Now, Rand: rand.Reader}, Store: store, Suffixes: publicsuffix.List}, err
}

func importPartners(ctx context.Context, c *call) error {
	rows, err := readFirms(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, importPatience)
	defer cancel()
	certifying, err := c.certifying(ctx)
	if err != nil {
		return err
	}
	refused := 0
	for i, row := range rows {
		if err := certifyRow(ctx, certifying, row); err != nil {
			refused++
			fmt.Fprintf(c.errs, "row %d: %v\n", i+2, err)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		}
		fmt.Fprintf(c.out, "%s is certified.\n", row[0])
	}
	fmt.Fprintf(c.out, "%d of %d firms are certified.\n", len(rows)-refused, len(rows))
	if refused > 0 {
		return errNotAll
	}
	return nil
}

func certifyRow(ctx context.Context, u onboarding.Certifying, row []string) error {
	f, err := u.ParseFirm(strings.TrimSpace(row[0]), row[1], strings.Fields(row[2]))
	if err != nil {
		return err
	}
	return u.Certify(ctx, f)
}

// readFirms reads the table that is named, in the order of firmColumns.
func readFirms(c *call) ([][]string, error) {
	in := c.in
	if c.operand != "-" {
		file, err := os.Open(c.operand)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxFirmTable+1))
	if err != nil {
		return nil, fmt.Errorf("read the table: %w", err)
	}
	if len(text) > maxFirmTable {
		return nil, fmt.Errorf("the table has more than %d bytes", maxFirmTable)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(text), "\ufeff"))).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the table: %w", err)
	}
	if len(rows) == 0 || !slices.EqualFunc(rows[0], firmColumns, func(a, b string) bool { return strings.EqualFold(strings.TrimSpace(a), b) }) {
		return nil, fmt.Errorf("the table begins with the columns %s", strings.Join(firmColumns, ","))
	}
	if len(rows) == 1 {
		return nil, errors.New("the table names no firm")
	}
	return rows[1:], nil
}

func listPartners(ctx context.Context, c *call) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	store, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	firms, err := store.ListFirms(ctx)
	if err != nil {
		return err
	}
	w := columns(c.out)
	for _, f := range firms {
		status := "certified"
		if !f.RevokedAt.IsZero() {
			status = "revoked " + f.RevokedAt.UTC().Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.ID, f.Name, strings.Join(f.Domains, " "), status)
	}
	return w.Flush()
}

func revokePartner(ctx context.Context, c *call) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	certifying, err := c.certifying(ctx)
	if err != nil {
		return err
	}
	if err := certifying.Revoke(ctx, c.operand); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s is not certified any more: nobody of it is invited or joins.\nPartners who are in stay until they are dismissed.\n", c.operand)
	return err
}
