package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// request is an HTTP request on its way to a function.
type request struct {
	method, path, query, token string
	body                       any // nil: none
}

// event is the request as API Gateway hands it over, in payload format 2.0.
func (r request) event() []byte {
	headers := map[string]string{
		"accept": "application/json", "accept-encoding": "gzip", "content-length": "0", "host": "join.example.com",
		"user-agent": "latchkey-bench/1.0", "x-amzn-trace-id": "Root=1-69240a10-5f84c7a13c0e4d2b9a6f1e08",
		"x-forwarded-for": "203.0.113.7", "x-forwarded-port": "443", "x-forwarded-proto": "https",
	}
	if r.token != "" {
		headers["authorization"] = "Bearer " + r.token
	}
	body := ""
	if r.body != nil {
		body = string(mustJSON(r.body))
		headers["content-type"], headers["content-length"] = "application/json", strconv.Itoa(len(body))
	}
	return mustJSON(map[string]any{
		"version": "2.0", "routeKey": r.method + " " + r.path, "rawPath": r.path, "rawQueryString": r.query,
		"headers": headers, "body": body, "isBase64Encoded": false,
		"requestContext": map[string]any{
			"accountId": "123456789012", "apiId": "a1b2c3d4e5", "domainName": "join.example.com", "domainPrefix": "join",
			"http": map[string]string{"method": r.method, "path": r.path, "protocol": "HTTP/1.1",
				"sourceIp": "203.0.113.7", "userAgent": "latchkey-bench/1.0"},
			"requestId": "VhT2gjWzIAMEJ8w=", "stage": "$default",
			"time": "23/Nov/2026:09:31:12 +0000", "timeEpoch": 1795426272482,
		},
	})
}

// streamEvent is what the table's stream brings of an item that is new.
func streamEvent(item attributes) []byte {
	image := wire(&types.AttributeValueMemberM{Value: item}).(map[string]any)["M"].(map[string]any)
	return mustJSON(map[string]any{"Records": []any{map[string]any{
		"eventID": "7de3041dd709b024af6f29e4fa13d34c", "eventName": "INSERT", "eventVersion": "1.1",
		"eventSource": "aws:dynamodb",
		"dynamodb": map[string]any{
			"Keys":           map[string]any{"PK": image["PK"], "SK": image["SK"]},
			"NewImage":       image,
			"SequenceNumber": "111", "StreamViewType": "NEW_AND_OLD_IMAGES",
		},
	}}})
}

// wire is a value as DynamoDB writes it in JSON.
func wire(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return map[string]any{"S": v.Value}
	case *types.AttributeValueMemberN:
		return map[string]any{"N": v.Value}
	case *types.AttributeValueMemberB:
		return map[string]any{"B": base64.StdEncoding.EncodeToString(v.Value)}
	case *types.AttributeValueMemberBOOL:
		return map[string]any{"BOOL": v.Value}
	case *types.AttributeValueMemberM:
		m := map[string]any{}
		for name, value := range v.Value {
			m[name] = wire(value)
		}
		return map[string]any{"M": m}
	}
	panic(fmt.Sprintf("the table holds a %T, which wire does not know", v))
}

// mustJSON is for values that are made here, of texts and figures, which always marshal.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
