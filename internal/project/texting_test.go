package project

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Text messages cost money. Nothing may send one before the operator says so.
func TestTextMessagesAreOffUntilTheyAreTurnedOn(t *testing.T) {
	for _, c := range []struct {
		parameters map[string]string
		may        []string // with sns, by deliver
	}{
		{nil, nil},
		{map[string]string{"SmsEnabled": "false", "SmsMonthlyBudget": "100", "SmsPrices": "*=0.1"}, nil},
		{map[string]string{"SmsEnabled": "true"}, []string{"sns:Publish", "sns:CheckIfPhoneNumberIsOptedOut"}},
	} {
		for _, f := range templateWith(t, c.parameters).Functions {
			var may []string
			for _, s := range f.Policy {
				for _, action := range s.Actions {
					if strings.HasPrefix(action, "sns:") {
						may = append(may, action)
					}
				}
			}
			var want []string
			if f.Name == "deliver" {
				want = c.may
			}
			if !slices.Equal(may, want) {
				t.Errorf("with %v, %s may %q, want %q", c.parameters, f.Name, may, want)
			}
			enabled, known := f.Environment["LATCHKEY_SMS_ENABLED"]
			if known && (enabled == "true") != (c.may != nil) {
				t.Errorf("with %v, %s has text messages %s", c.parameters, f.Name, enabled)
			}
		}
	}
	if alarm := resources(t)["SmsSpending"].Properties; alarm.MetricName != "SMSMonthToDateSpentUSD" || len(alarm.AlarmActions) == 0 {
		t.Error("no alarm on what text messages cost tells anybody")
	}
}

// Who decides whether a text message is owed needs to know the prices; who counts money needs to read and write it.
func TestWhoHasToDoWithTextMessagesKnowsWhatTheyCost(t *testing.T) {
	texting := []string{"create-invite", "update-invite", "redeem-link", "sign-in", "deliver"}
	for _, f := range template(t).Functions {
		for _, name := range []string{"LATCHKEY_SMS_ENABLED", "LATCHKEY_SMS_MONTHLY_BUDGET", "LATCHKEY_SMS_PRICES"} {
			if _, has := f.Environment[name]; has != slices.Contains(texting, f.Name) {
				t.Errorf("%s has %s: %v", f.Name, name, has)
			}
		}
		if _, has := f.Environment["LATCHKEY_SMS_SENDER_ID"]; has != (f.Name == "deliver") {
			t.Errorf("%s has LATCHKEY_SMS_SENDER_ID: %v", f.Name, has)
		}
		var may []string
		for _, s := range f.Policy {
			if slices.Equal(s.Resources, []string{"arn:aws:local:eu-central-1:000000000000:Table"}) {
				may = append(may, s.Actions...)
			}
		}
		for _, action := range []string{"dynamodb:GetItem", "dynamodb:UpdateItem"} {
			if slices.Contains(texting, f.Name) && !slices.Contains(may, action) {
				t.Errorf("%s may not %s: %q", f.Name, action, may)
			}
		}
	}
}

func TestTheReadmeNamesTheVariablesOfTheTemplate(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Configuration\n")
	section, _, _ = strings.Cut(section, "\n## ")
	named := regexp.MustCompile("`(LATCHKEY_[A-Z_]+)`").FindAllString(section, -1)
	seen := 0
	for _, f := range template(t).Functions {
		for name := range f.Environment {
			if seen++; !slices.Contains(named, "`"+name+"`") {
				t.Errorf("README.md, Configuration: %s of %s is missing", name, f.Name)
			}
		}
	}
	if seen < 20 {
		t.Errorf("found only %d variables", seen)
	}
}
