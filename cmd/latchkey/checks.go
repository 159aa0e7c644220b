package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"latchkey/internal/config"
	"latchkey/internal/onboarding"
)

// Each check asks one question of the deployment. What the table must look like is what internal/table stands on; the
// stories run doctor on a table made from template.yaml, so that the three agree.

const (
	tableKey  = "PK (S), SK (S)"
	ttl       = "expires_at_ttl"
	redeploy  = "deploy template.yaml again: make deploy"
	seeTable  = "see to the table first"
	lookAgain = "wait a minute, and run latchkey doctor again"
)

// index is a secondary index that the table must have. copies are the attributes it must hold besides keys.
type index struct {
	name, key string
	copies    []string
}

var indexes = []index{
	{"by_status", "by_status_pk (S), by_status_sk (S)", []string{"kind", "value", "invitation", "member", "version"}},
	{"by_outbox", "by_outbox_pk (S), by_outbox_sk (S)", nil},
}

func (d *doctor) checkTable(context.Context) []finding {
	const check = "table"
	if d.table == "" {
		return []finding{unknown(check, "no table is named", nameTable)}
	}
	t, err := d.describe()
	var none *types.ResourceNotFoundException
	switch {
	case errors.As(err, &none):
		reason, remedy := d.explain(err)
		return []finding{missing(check, reason, remedy+"; if it was never made: make deploy")}
	case err != nil:
		return d.failed(err, check)
	case t.TableStatus != types.TableStatusActive && t.TableStatus != types.TableStatusUpdating:
		return []finding{missing(check, d.table+" is "+string(t.TableStatus), lookAgain)}
	}
	return []finding{fine(check, fmt.Sprintf("%s in %s", d.table, d.region))}
}

// onTable looks at the table, where it can be read.
func (d *doctor) onTable(look func(*types.TableDescription) []finding, checks ...string) []finding {
	if d.table == "" {
		return each(checks, func(check string) finding { return unknown(check, "no table is named", seeTable) })
	}
	t, err := d.describe()
	var none *types.ResourceNotFoundException
	switch {
	case errors.As(err, &none):
		return each(checks, func(check string) finding { return unknown(check, "there is no table", seeTable) })
	case err != nil:
		return d.failed(err, checks...)
	}
	return look(t)
}

func (d *doctor) checkSchema(context.Context) []finding {
	const key, stream, protection = "table key", "stream", "deletion protection"
	checks := []string{key}
	for _, i := range indexes {
		checks = append(checks, "index "+i.name)
	}
	return d.onTable(func(t *types.TableDescription) []finding {
		found := []finding{fine(key, tableKey)}
		if got := keyText(t.KeySchema, t.AttributeDefinitions); got != tableKey {
			found[0] = missing(key, got+", where Latchkey's is "+tableKey,
				"this is another table: "+nameTable)
		}
		for _, i := range indexes {
			found = append(found, i.check(t))
		}
		return append(found, d.stream(stream, t), d.protection(protection, t))
	}, append(checks, stream, protection)...)
}

func (i index) check(t *types.TableDescription) finding {
	check := "index " + i.name
	at := slices.IndexFunc(t.GlobalSecondaryIndexes, func(g types.GlobalSecondaryIndexDescription) bool {
		return aws.ToString(g.IndexName) == i.name
	})
	if at < 0 {
		return missing(check, "there is none", redeploy)
	}
	got := t.GlobalSecondaryIndexes[at]
	if key := keyText(got.KeySchema, t.AttributeDefinitions); key != i.key {
		return missing(check, "its key is "+key+", where Latchkey's is "+i.key, redeploy)
	}
	if p := got.Projection; p != nil && p.ProjectionType != types.ProjectionTypeAll {
		for _, name := range i.copies {
			if !slices.Contains(p.NonKeyAttributes, name) {
				return missing(check, "it does not hold the attribute "+name, redeploy)
			}
		}
	}
	if got.IndexStatus != types.IndexStatusActive && got.IndexStatus != types.IndexStatusUpdating {
		return missing(check, "it is "+string(got.IndexStatus), lookAgain)
	}
	return fine(check, i.key)
}

// keyText writes a key down: "PK (S), SK (S)".
func keyText(schema []types.KeySchemaElement, definitions []types.AttributeDefinition) string {
	var parts []string
	for _, role := range []types.KeyType{types.KeyTypeHash, types.KeyTypeRange} {
		for _, k := range schema {
			if k.KeyType != role {
				continue
			}
			for _, a := range definitions {
				if aws.ToString(a.AttributeName) == aws.ToString(k.AttributeName) {
					parts = append(parts, fmt.Sprintf("%s (%s)", *a.AttributeName, a.AttributeType))
				}
			}
		}
	}
	return strings.Join(parts, ", ")
}

func (d *doctor) stream(check string, t *types.TableDescription) finding {
	const both = types.StreamViewTypeNewAndOldImages
	switch s := t.StreamSpecification; {
	case s == nil || !aws.ToBool(s.StreamEnabled):
		return missing(check, "it is off, so no mail is sent until cleanup finds it",
			d.updateTable("--stream-specification StreamEnabled=true,StreamViewType="+string(both))+
				"; then make deploy, so that deliver reads the new stream")
	case s.StreamViewType != both:
		return missing(check, fmt.Sprintf("it carries %s, and not %s", s.StreamViewType, both),
			d.updateTable("--stream-specification StreamEnabled=false")+"; then run latchkey doctor again")
	}
	return fine(check, string(both))
}

func (d *doctor) updateTable(change string) string {
	return d.aws("dynamodb update-table --table-name %s %s", d.table, change)
}

// isLocal reports whether the table is DynamoDB Local's, which knows no backups and no protection, and whose TTL is not
// to be relied on. It gives itself away by its region.
func isLocal(t *types.TableDescription) bool {
	return strings.Contains(aws.ToString(t.TableArn), ":ddblocal:")
}

func local(check string) finding {
	return unknown(check, "DynamoDB Local has no such thing", "run latchkey doctor against AWS")
}

func (d *doctor) protection(check string, t *types.TableDescription) finding {
	switch {
	case isLocal(t):
		return local(check)
	case !aws.ToBool(t.DeletionProtectionEnabled):
		return missing(check, "the table can be deleted",
			"deploy with DeletionProtection=true, or "+d.updateTable("--deletion-protection-enabled"))
	}
	return fine(check, "on")
}

func (d *doctor) checkExpiry(ctx context.Context) []finding {
	const check = "expiry (TTL)"
	return d.onTable(func(t *types.TableDescription) []finding {
		if isLocal(t) {
			return []finding{local(check)}
		}
		out, err := d.db.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &d.table})
		if err != nil {
			return d.failed(err, check)
		}
		set := func(enabled bool, attribute string) string {
			return d.aws("dynamodb update-time-to-live --table-name %s --time-to-live-specification Enabled=%t,AttributeName=%s",
				d.table, enabled, attribute)
		}
		var status types.TimeToLiveStatus
		var attribute string
		if s := out.TimeToLiveDescription; s != nil {
			status, attribute = s.TimeToLiveStatus, aws.ToString(s.AttributeName)
		}
		switch on := status == types.TimeToLiveStatusEnabled || status == types.TimeToLiveStatusEnabling; {
		case !on:
			return []finding{missing(check, "it is off, so what has expired stays for ever", set(true, ttl))}
		case attribute != ttl:
			return []finding{missing(check, "it goes by "+attribute+", and not by "+ttl,
				set(false, attribute)+"; then run latchkey doctor again")}
		}
		return []finding{fine(check, "by "+ttl)}
	}, check)
}

func (d *doctor) checkRecovery(ctx context.Context) []finding {
	const check = "recovery (PITR)"
	return d.onTable(func(t *types.TableDescription) []finding {
		if isLocal(t) {
			return []finding{local(check)}
		}
		out, err := d.db.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &d.table})
		if err != nil {
			return d.failed(err, check)
		}
		b := out.ContinuousBackupsDescription
		if b == nil || b.PointInTimeRecoveryDescription == nil ||
			b.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus != types.PointInTimeRecoveryStatusEnabled {
			return []finding{missing(check, "it is off, so lost data is lost",
				d.aws("dynamodb update-continuous-backups --table-name %s --point-in-time-recovery-specification %s",
					d.table, "PointInTimeRecoveryEnabled=true"))}
		}
		return []finding{fine(check, "on")}
	}, check)
}

// checkMasterKey reads the keys and says nothing of them but whether they can be used.
func (d *doctor) checkMasterKey(ctx context.Context) []finding {
	const check = "master key"
	file := os.Getenv("LATCHKEY_MASTER_KEY_FILE")
	switch {
	case file != "" && d.masterKeySecret != "":
		return []finding{missing(check, "a secret and LATCHKEY_MASTER_KEY_FILE are both named; no function starts so",
			"unset LATCHKEY_MASTER_KEY_FILE, which is for the local cloud")}
	case file != "":
		if _, err := config.ReadKeyFile(file); err != nil {
			return []finding{missing(check, fault(err), "stop the local cloud, remove the file, and start it again")}
		}
		return []finding{fine(check, "in "+file+", as the local cloud has it")}
	case d.masterKeySecret == "":
		return []finding{unknown(check, "no secret is named",
			"name the stack's output MasterKeyArn with --master-key-secret or LATCHKEY_MASTER_KEY_SECRET")}
	}
	out, err := d.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &d.masterKeySecret})
	var none *secrettypes.ResourceNotFoundException
	var withheld *secrettypes.InvalidRequestException
	switch {
	case errors.As(err, &none):
		return []finding{missing(check, oneLine(none.ErrorMessage()),
			"name the stack's output MasterKeyArn with --master-key-secret; if it was never made: make deploy")}
	case errors.As(err, &withheld): // above all, because it is marked for deletion
		return []finding{missing(check, oneLine(withheld.ErrorMessage()),
			d.aws("secretsmanager restore-secret --secret-id %s", d.masterKeySecret))}
	case err != nil:
		return d.failed(err, check)
	}
	if _, err := config.ParseKeys([]byte(aws.ToString(out.SecretString))); err != nil {
		return []finding{missing(check, fault(err), "put its last good version back; its versions: "+
			d.aws("secretsmanager list-secret-version-ids --secret-id %s", d.masterKeySecret))}
	}
	return []finding{fine(check, "its current value can be used")}
}

func fault(err error) string { return oneLine(strings.TrimPrefix(err.Error(), "config: ")) }

func (d *doctor) checkBaseURL(context.Context) []finding {
	const check = "base URL"
	if d.baseURL == "" {
		return []finding{missing(check, "it is not set",
			"name the stack's parameter BaseUrl with --base-url or LATCHKEY_BASE_URL")}
	}
	do := "write it as https://join.example.com, in the stack's parameter BaseUrl too"
	u, err := url.Parse(d.baseURL)
	switch {
	case err != nil || u.Hostname() == "":
		return []finding{missing(check, "it is not a URL with a host", do)}
	case u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		return []finding{missing(check, "it has more than a host", do)}
	case u.Scheme == "http" && loopback(u.Hostname()):
		return []finding{unknown(check, d.baseURL+" is this machine, as in the local cloud", do)}
	case u.Scheme != "https":
		return []finding{missing(check, d.baseURL+" is not https: anybody on the way could read the links", do)}
	}
	return []finding{fine(check, d.baseURL)}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (d *doctor) checkMailAccount(ctx context.Context) []finding {
	const account, sending, quota = "mail account", "mail sending", "mail quota"
	out, err := d.ses.GetAccount(ctx, &sesv2.GetAccountInput{})
	if err != nil {
		return d.failed(err, account, sending, quota)
	}
	found := []finding{fine(account, "in production"), fine(sending, "on"), mailQuota(quota, out.SendQuota)}
	if !out.ProductionAccessEnabled {
		found[0] = missing(account, "in the sandbox: only addresses verified in SES get mail",
			"ask for production access: SES console in "+d.region+", Account dashboard, Request production access")
	}
	switch status := aws.ToString(out.EnforcementStatus); {
	case status == "SHUTDOWN":
		found[1] = missing(sending, "AWS has paused it over bounces or complaints",
			"see the SES console in "+d.region+", Reputation metrics, and answer the case in the AWS Support Center")
	case !out.SendingEnabled:
		found[1] = missing(sending, "it is off for the account",
			d.aws("sesv2 put-account-sending-attributes --sending-enabled"))
	case status == "PROBATION":
		found[1] = fine(sending, "on, but under review: see the SES console, Reputation metrics")
	}
	return found
}

func mailQuota(check string, q *sestypes.SendQuota) finding {
	if q == nil {
		return unknown(check, "SES does not say", "see the SES console, Account dashboard")
	}
	day := fmt.Sprintf("%.0f a day", q.Max24HourSend)
	if q.Max24HourSend < 0 {
		day = "any number a day"
	}
	detail := fmt.Sprintf("%s, %g a second; %.0f sent in 24 hours", day, q.MaxSendRate, q.SentLast24Hours)
	if q.Max24HourSend >= 0 && q.SentLast24Hours >= q.Max24HourSend {
		return missing(check, detail+": nothing is left", "ask for more: Service Quotas console, Amazon SES, Sending quota")
	}
	return fine(check, detail)
}

// checkSender looks for what lets the sender's address send: its own identity, or that of its domain or one above.
func (d *doctor) checkSender(ctx context.Context) []finding {
	const identity, dkim = "sender identity", "sender DKIM"
	if d.sender == "" {
		return each([]string{identity, dkim}, func(check string) finding {
			return unknown(check, "no sender is named",
				"name the stack's parameter SenderAddress with --sender or LATCHKEY_SENDER")
		})
	}
	address, err := onboarding.ParseEmail(d.sender)
	if err != nil {
		return each([]string{identity, dkim}, func(check string) finding {
			return missing(check, err.Error(), "write it as join@example.com, in the stack's parameter SenderAddress too")
		})
	}
	_, domain, _ := strings.Cut(address.Value, "@")
	var pending *sesv2.GetEmailIdentityOutput
	var pendingName string
	for _, name := range identities(address.Value) {
		out, err := d.ses.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: &name})
		var none *sestypes.NotFoundException
		switch {
		case errors.As(err, &none):
		case err != nil:
			return d.failed(err, identity, dkim)
		case out.VerifiedForSendingStatus:
			return []finding{fine(identity, name+" is verified"), d.signing(dkim, name, domain, out.DkimAttributes)}
		case pending == nil:
			pending, pendingName = out, name
		}
	}
	if pending == nil {
		return []finding{
			missing(identity, "SES does not know "+domain, d.aws("sesv2 create-email-identity --email-identity %s", domain)+
				"; then publish the DNS records that it answers"),
			missing(dkim, "SES does not know "+domain, "see to the sender identity first"),
		}
	}
	return []finding{d.unverified(identity, pendingName, pending.VerificationStatus),
		d.signing(dkim, pendingName, domain, pending.DkimAttributes)}
}

// identities are the names under which SES may have verified an address, the closest first.
func identities(address string) []string {
	_, domain, _ := strings.Cut(address, "@")
	names := []string{address}
	for strings.Contains(domain, ".") {
		names = append(names, domain)
		_, domain, _ = strings.Cut(domain, ".")
	}
	return names
}

func (d *doctor) unverified(check, name string, status sestypes.VerificationStatus) finding {
	if status == sestypes.VerificationStatusTemporaryFailure {
		return unknown(check, "SES cannot see the DNS records of "+name+" at the moment", lookAgain)
	}
	do := d.records(name)
	if strings.Contains(name, "@") {
		do = "open the link in the mail that SES sent to " + name
	}
	return missing(check, fmt.Sprintf("%s is not verified (%s)", name, status), do)
}

func (d *doctor) records(domain string) string {
	return "publish the DNS records in: " +
		d.aws("sesv2 get-email-identity --email-identity %s --query DkimAttributes", domain)
}

func (d *doctor) signing(check, name, domain string, k *sestypes.DkimAttributes) finding {
	if k == nil {
		k = &sestypes.DkimAttributes{Status: sestypes.DkimStatusNotStarted}
	}
	switch {
	case k.Status == sestypes.DkimStatusTemporaryFailure:
		return unknown(check, "SES cannot see the DNS records of "+name+" at the moment", lookAgain)
	case k.Status != sestypes.DkimStatusSuccess && strings.Contains(name, "@"):
		return missing(check, "an address by itself is not signed for", "verify its domain: "+
			d.aws("sesv2 create-email-identity --email-identity %s", domain))
	case k.Status != sestypes.DkimStatusSuccess:
		return missing(check, fmt.Sprintf("the keys of %s are not in its DNS (%s)", name, k.Status), d.records(name))
	case !k.SigningEnabled:
		return missing(check, "mail of "+name+" is not signed",
			d.aws("sesv2 put-email-identity-dkim-attributes --email-identity %s --signing-enabled", name))
	}
	return fine(check, "mail of "+name+" is signed")
}

func (d *doctor) checkConfigurationSet(ctx context.Context) []finding {
	const check = "configuration set"
	name := "name the stack's resource Mail with --configuration-set or LATCHKEY_CONFIGURATION_SET: " +
		d.aws("cloudformation describe-stack-resource --logical-resource-id Mail --stack-name STACK")
	if d.configurationSet == "" {
		return []finding{unknown(check, "none is named", name)}
	}
	out, err := d.ses.GetConfigurationSet(ctx, &sesv2.GetConfigurationSetInput{ConfigurationSetName: &d.configurationSet})
	var none *sestypes.NotFoundException
	switch {
	case errors.As(err, &none):
		return []finding{missing(check, "there is no "+d.configurationSet, name+"; if it was never made: make deploy")}
	case err != nil:
		return d.failed(err, check)
	case out.SendingOptions != nil && !out.SendingOptions.SendingEnabled:
		return []finding{missing(check, "sending with "+d.configurationSet+" is off",
			d.aws("sesv2 put-configuration-set-sending-options --configuration-set-name %s --sending-enabled",
				d.configurationSet))}
	}
	return []finding{fine(check, d.configurationSet)}
}

// smsOff is what both checks of SMS find where it is off; nil where it is on.
func (d *doctor) smsOff(check string) []finding {
	switch d.sms {
	case "true":
		return nil
	case "", "false":
		return []finding{fine(check, "off")}
	}
	return []finding{missing(check, "LATCHKEY_SMS_ENABLED is neither true nor false; no function starts so",
		"set the stack's parameter SmsEnabled")}
}

func (d *doctor) checkSMSSandbox(ctx context.Context) []finding {
	const check = "SMS account"
	if off := d.smsOff(check); off != nil {
		return off
	}
	out, err := d.sns.GetSMSSandboxAccountStatus(ctx, &sns.GetSMSSandboxAccountStatusInput{})
	switch {
	case err != nil:
		return d.failed(err, check)
	case out.IsInSandbox:
		return []finding{missing(check, "in the sandbox: only verified numbers get SMS",
			"SNS console in "+d.region+", Text messaging (SMS), Exit SMS sandbox")}
	}
	return []finding{fine(check, "in production")}
}

// checkSMSSpending holds the account's limit against the budget. Below it, SNS would take messages and drop them.
func (d *doctor) checkSMSSpending(ctx context.Context) []finding {
	const check, attribute = "SMS spend limit", "MonthlySpendLimit"
	if off := d.smsOff(check); off != nil {
		return off
	}
	const set = "set the stack's parameter SmsMonthlyBudget, and name it with --sms-budget or LATCHKEY_SMS_MONTHLY_BUDGET"
	if d.smsMonthlyBudget == "" {
		return []finding{missing(check, "no budget is named", set)}
	}
	budget, err := onboarding.ParseMoney(d.smsMonthlyBudget)
	if err != nil || budget == 0 {
		return []finding{missing(check, "the budget is no amount in US dollars above zero; no function starts so", set)}
	}
	out, err := d.sns.GetSMSAttributes(ctx, &sns.GetSMSAttributesInput{Attributes: []string{attribute}})
	if err != nil {
		return d.failed(err, check)
	}
	raise := d.aws("sns set-sms-attributes --attributes %s=%d", attribute, (budget+onboarding.Dollar-1)/onboarding.Dollar) +
		"; if AWS allows less, ask AWS Support for more"
	text := out.Attributes[attribute]
	if text == "" {
		return []finding{missing(check, "not set, so AWS's default holds: 1 USD a month for a new account", raise)}
	}
	limit, err := onboarding.ParseMoney(text)
	switch {
	case err != nil:
		return []finding{unknown(check, "SNS says "+oneLine(text)+", which is no amount", "see the SNS console, Text messaging (SMS)")}
	case limit < budget:
		return []finding{missing(check, fmt.Sprintf("%s USD a month, below the budget of %s", limit, budget), raise)}
	}
	return []finding{fine(check, fmt.Sprintf("%s USD a month, for a budget of %s", limit, budget))}
}
