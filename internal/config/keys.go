package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"unicode/utf8"

	"latchkey/internal/onboarding"
)

// maxKeys is far more than 255 keys of a reasonable length take.
const maxKeys = 64 << 10

// ParseKeys reads the master keys: {"current":"2","1":"…","2":"…"}, by number. A key's bytes are those of its text.
// Errors tell numbers, never a part of a key.
func ParseKeys(data []byte) (onboarding.Keys, error) {
	members, err := members(data)
	if err != nil {
		return onboarding.Keys{}, fmt.Errorf("config: master keys: %w", err)
	}
	current, err := keyNumber(members["current"])
	if err != nil {
		return onboarding.Keys{}, errors.New(`config: master keys: "current" is not the number of a key`)
	}
	delete(members, "current")
	keys := make(map[byte][]byte, len(members))
	for name, key := range members {
		number, err := keyNumber(name)
		if err != nil {
			return onboarding.Keys{}, errors.New("config: master keys: a member is neither \"current\" nor a number from 1 to 255")
		}
		keys[number] = []byte(key)
	}
	k, err := onboarding.NewKeys(current, keys)
	if err != nil {
		return onboarding.Keys{}, fmt.Errorf("config: master keys: %w", err)
	}
	return k, nil
}

// ReadKeyFile reads the master keys from a file, which only the local cloud has.
func ReadKeyFile(path string) (onboarding.Keys, error) {
	f, err := os.Open(path)
	if err != nil {
		return onboarding.Keys{}, fmt.Errorf("config: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKeys+1))
	if err != nil {
		return onboarding.Keys{}, fmt.Errorf("config: %w", err)
	}
	return ParseKeys(data)
}

// keyNumber reads a number in its one spelling, so that "1" and "01" are not two names of one key.
func keyNumber(s string) (byte, error) {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != s {
		return 0, errors.New("no key number")
	}
	return byte(n), nil
}

// members reads one flat JSON object of texts. encoding/json's own errors quote what they stumble over, which here
// may be a key; and of two keys under one number it would quietly keep the last.
func members(data []byte) (map[string]string, error) {
	if len(data) > maxKeys {
		return nil, errors.New("they are too long")
	}
	if !utf8.Valid(data) {
		return nil, errors.New("they are not UTF-8")
	}
	wrong := errors.New("they are not one JSON object whose members are texts")
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, wrong
	}
	m := make(map[string]string)
	for d.More() {
		name, _ := d.Token()
		value, err := d.Token()
		n, isName := name.(string)
		v, isText := value.(string)
		if err != nil || !isName || !isText {
			return nil, wrong
		}
		if _, twice := m[n]; twice {
			return nil, errors.New("a member stands twice")
		}
		m[n] = v
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return nil, wrong
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, wrong
	}
	return m, nil
}
