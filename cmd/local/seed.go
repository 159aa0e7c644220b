package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"os"
	"time"

	"latchkey/internal/onboarding"
	"latchkey/internal/table"
)

// seed makes the organization demo with its first administrator, and returns how to sign in. The password is derived from
// the cloud's own key, so a start that was broken off between the table and local.json seeds the same again.
func seed(ctx context.Context, c *cloud) (login, password string, err error) {
	key, err := os.ReadFile(c.masterKey)
	if err != nil {
		return "", "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("the administrator of " + organization))
	password = base32.StdEncoding.EncodeToString(mac.Sum(nil)[:15])
	founding := onboarding.Founding{
		World: onboarding.World{Now: time.Now, Rand: rand.Reader},
		Store: table.New(c.db, c.table),
	}
	login = "admin@" + organization + ".example"
	_, _, err = founding.Found(ctx, onboarding.FoundCommand{
		ID: organization, Name: "Demo", Locale: onboarding.English, Country: "US", DailySendLimit: 1_000_000, Password: password,
		Admin: onboarding.Invitee{Address: login, FirstName: "Dana", LastName: "Demo"},
	})
	if errors.Is(err, &onboarding.Error{Code: onboarding.Conflict}) {
		err = nil
	}
	return login, password, err
}
