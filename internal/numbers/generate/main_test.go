package main

import (
	"os"
	"testing"
)

func TestTheTableIsWhatIsGeneratedNow(t *testing.T) {
	want, err := table()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../table.txt")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("table.txt is of another version of the port, or was edited by hand: run go generate ./internal/numbers")
	}
}
