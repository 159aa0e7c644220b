package main

// Least privilege, exercised daily: what a call needs by AWS's rules, and whether the function's policy in the template
// allows it.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/mail"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"latchkey/internal/sam"
)

// permission is one thing that a call needs: an action on any one of some names for the same resource.
type permission struct {
	action    string
	resources []string
	context   map[string][]string // condition keys of the request
}

// unknown is a permission that no policy has: what we cannot judge is refused, by name.
func unknown(what string) []permission {
	return []permission{{action: "unknown: " + what}}
}

func permissions(c call, t *sam.Template) []permission {
	switch c.service {
	case "dynamodb":
		return tablePermissions(c)
	case "ses":
		return mailPermissions(c.body)
	case "sns":
		return snsPermissions(c)
	}
	return unknown(c.service)
}

// tableRequest has the fields of all DynamoDB requests that say what is touched.
type tableRequest struct {
	TableName     string
	IndexName     string
	RequestItems  map[string]json.RawMessage
	TransactItems []map[string]struct{ TableName string }
	Statement     string
	// of UpdateItem
	Key                                   map[string]json.RawMessage
	ExpressionAttributeNames              map[string]string
	UpdateExpression, ConditionExpression string
	ReturnValues                          string
	Statements                            []struct{ Statement string }
	// of ExecuteTransaction
	TransactStatements []struct{ Statement string }
}

// attributes are those that an UpdateItem touches: of its key, and in its expressions. One that is written without a # cannot be
// told from a function's name, and returned old or new values are all of them: both count as an attribute that no policy names.
func (r tableRequest) attributes() (names []string) {
	for name := range r.Key {
		names = append(names, name)
	}
	for _, name := range r.ExpressionAttributeNames {
		names = append(names, name)
	}
	plain := strings.NewReplacer("SET", "", "attribute_exists", "", "attribute_not_exists", "", "AND", "", "OR", "")
	for _, word := range strings.FieldsFunc(plain.Replace(r.UpdateExpression+" "+r.ConditionExpression), func(c rune) bool {
		return strings.ContainsRune(" ,()=<>+-", c)
	}) {
		if word[0] != '#' && word[0] != ':' {
			names = append(names, "unknown: "+word)
		}
	}
	if r.ReturnValues != "" && r.ReturnValues != "NONE" {
		names = append(names, "unknown: all")
	}
	return names
}

func tablePermissions(c call) []permission {
	var r tableRequest
	if err := json.Unmarshal(c.body, &r); err != nil {
		return unknown(c.action)
	}
	on := func(action, table string) permission {
		return permission{action: "dynamodb:" + action, resources: []string{tableARN(table)}}
	}
	var out []permission
	switch c.action {
	case "UpdateItem":
		p := on(c.action, r.TableName)
		p.context = map[string][]string{"dynamodb:Attributes": r.attributes()}
		return []permission{p}
	case "GetItem", "PutItem", "DeleteItem", "DescribeTable":
		return []permission{on(c.action, r.TableName)}
	case "Query", "Scan":
		if r.IndexName != "" {
			r.TableName += "/index/" + r.IndexName
		}
		return []permission{on(c.action, r.TableName)}
	case "BatchGetItem", "BatchWriteItem":
		for table := range r.RequestItems {
			out = append(out, on(c.action, table))
		}
	case "TransactGetItems", "TransactWriteItems":
		// These are no actions of their own: each item needs what it would need alone.
		for _, item := range r.TransactItems {
			for operation, of := range item {
				action, ok := map[string]string{
					"Get": "GetItem", "Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem",
					"ConditionCheck": "ConditionCheckItem",
				}[operation]
				if !ok {
					return unknown(operation)
				}
				out = append(out, on(action, of.TableName))
			}
		}
	case "ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction":
		statements := slices.Concat(r.Statements, r.TransactStatements)
		if r.Statement != "" {
			statements = append(statements, struct{ Statement string }{r.Statement})
		}
		for _, s := range statements {
			action, resource, ok := partiQL(s.Statement)
			if !ok {
				return unknown("PartiQL statement")
			}
			out = append(out, on(action, resource))
		}
	}
	if len(out) == 0 {
		return unknown(c.action)
	}
	return slices.CompactFunc(out, func(a, b permission) bool {
		return a.action == b.action && slices.Equal(a.resources, b.resources)
	})
}

var statement = regexp.MustCompile(`(?is)^\s*(?:(INSERT)\s+INTO|(UPDATE)|(DELETE)\s+FROM|(SELECT)\s.*?\sFROM)\s+` +
	`"?([A-Za-z0-9_.-]+?)"?(?:\."?([A-Za-z0-9_.-]+)"?)?(?:\s|$)`)

// partiQL returns what a statement needs: the action and the table, or "table/index/name".
func partiQL(s string) (action, resource string, ok bool) {
	m := statement.FindStringSubmatch(s)
	if m == nil {
		return "", "", false
	}
	verb := strings.ToLower(m[1] + m[2] + m[3] + m[4])
	resource = m[5]
	if m[6] != "" {
		resource += "/index/" + m[6]
	}
	return "PartiQL" + strings.ToUpper(verb[:1]) + verb[1:], resource, true
}

// mailPermissions: SES asks for the identity that the mail is from, which may be its address or its domain, and for the
// configuration set.
func mailPermissions(body []byte) []permission {
	var r struct{ FromEmailAddress, ConfigurationSetName string }
	if err := json.Unmarshal(body, &r); err != nil {
		return unknown("SendEmail")
	}
	from, err := mail.ParseAddress(r.FromEmailAddress)
	if err != nil {
		return unknown("SendEmail without an address to send from")
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	context := map[string][]string{"ses:FromAddress": {from.Address}}
	out := []permission{{"ses:SendEmail", []string{sesARN("identity", from.Address), sesARN("identity", domain)}, context}}
	if r.ConfigurationSetName != "" {
		out = append(out, permission{"ses:SendEmail", []string{sesARN("configuration-set", r.ConfigurationSetName)}, context})
	}
	return out
}

// snsPermissions: a topic or an endpoint is a resource; a phone number has none of its own, and stands under "*" alone.
func snsPermissions(c call) []permission {
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return unknown(c.action)
	}
	p := permission{action: "sns:" + c.action, resources: []string{"*"}}
	if arn := cmp.Or(form.Get("TopicArn"), form.Get("TargetArn")); arn != "" {
		p.resources = []string{arn}
	}
	return []permission{p}
}

// allowed reports whether a statement of the policy covers the permission.
func (p permission) allowed(policy []sam.Statement) bool {
	return slices.ContainsFunc(policy, func(s sam.Statement) bool {
		named := func(a string) bool { return like(strings.ToLower(a), strings.ToLower(p.action)) }
		among := func(patterns []string) bool {
			return slices.ContainsFunc(p.resources, func(resource string) bool {
				return slices.ContainsFunc(patterns, func(r string) bool { return like(r, resource) })
			})
		}
		// Of NotResource, no name of the resource may fit.
		covered := among(s.Resources) || len(s.NotResources) > 0 && !among(s.NotResources)
		return slices.ContainsFunc(s.Actions, named) && covered &&
			!slices.ContainsFunc(s.Conditions, func(c sam.Condition) bool {
				values, ok := p.context[c.Key]
				return !ok || slices.ContainsFunc(values, func(v string) bool { return !slices.Contains(c.Values, v) })
			})
	})
}

func (p permission) refusal(function string) string {
	return fmt.Sprintf("User: arn:aws:sts::%s:assumed-role/%s/%s is not authorized to perform: %s on resource: %s "+
		"because no identity-based policy allows the %s action",
		sam.AccountID, function, function, p.action, strings.Join(p.resources, " or "), p.action)
}

// like reports whether the name fits a pattern of a policy, in which * stands for any text and ? for any one character.
func like(pattern, name string) bool {
	// In path.Match a * stops at a slash; policies know no such stop.
	const slash = "\x00"
	escaped := strings.NewReplacer("/", slash, `\`, `\\`, "[", `\[`).Replace(pattern)
	ok, err := path.Match(escaped, strings.ReplaceAll(name, "/", slash))
	return err == nil && ok
}

func tableARN(name string) string {
	return fmt.Sprintf("arn:aws:dynamodb:%s:%s:table/%s", sam.Region, sam.AccountID, name)
}

func sesARN(kind, name string) string {
	return fmt.Sprintf("arn:aws:ses:%s:%s:%s/%s", sam.Region, sam.AccountID, kind, name)
}
