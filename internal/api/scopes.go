package api

import "latchkey/internal/onboarding"

// scopes are what an API key needs for each route that is for keys at all. A route that does not stand here is for sessions.
var scopes = map[string]onboarding.Scope{
	"GET /v1/organizations/{org}/invitations":                      "invitations:read",
	"GET /v1/organizations/{org}/invitations/{id}":                 "invitations:read",
	"POST /v1/organizations/{org}/invitations/preview":             "invitations:read",
	"POST /v1/organizations/{org}/invitations":                     "invitations:write",
	"PATCH /v1/organizations/{org}/invitations/{id}":               "invitations:write",
	"POST /v1/organizations/{org}/invitations/{id}/resend":         "invitations:write",
	"POST /v1/organizations/{org}/invitations/{id}/revoke":         "invitations:write",
	"POST /v1/organizations/{org}/invitations/{id}/take-over":      "invitations:write",
	"GET /v1/organizations/{org}/invite-links":                     "links:read",
	"GET /v1/organizations/{org}/invite-links/{id}":                "links:read",
	"GET /v1/organizations/{org}/invite-links/{id}/qr":             "links:read",
	"POST /v1/organizations/{org}/invite-links":                    "links:write",
	"PATCH /v1/organizations/{org}/invite-links/{id}":              "links:write",
	"POST /v1/organizations/{org}/invite-links/{id}/disable":       "links:write",
	"POST /v1/organizations/{org}/invite-links/{id}/enable":        "links:write",
	"POST /v1/organizations/{org}/invite-links/{id}/rotate":        "links:write",
	"GET /v1/organizations/{org}/members":                          "members:read",
	"GET /v1/organizations/{org}/members/counts":                   "members:read",
	"GET /v1/organizations/{org}/members/export":                   "members:read",
	"GET /v1/organizations/{org}/members/{id}":                     "members:read",
	"GET /v1/organizations/{org}/partners":                         "members:read",
	"POST /v1/organizations/{org}/members":                         "members:write",
	"PATCH /v1/organizations/{org}/members/{id}":                   "members:write",
	"POST /v1/organizations/{org}/members/{id}/convert":            "members:write",
	"POST /v1/organizations/{org}/members/{id}/dismiss":            "members:write",
	"POST /v1/organizations/{org}/members/{id}/rehire":             "members:write",
	"POST /v1/organizations/{org}/members/{id}/resend-credentials": "members:write",
	"GET /v1/organizations/{org}/join-requests":                    "requests:read",
	"GET /v1/organizations/{org}/join-requests/{id}":               "requests:read",
	"POST /v1/organizations/{org}/join-requests/decisions":         "requests:write",
	"POST /v1/organizations/{org}/join-requests/{id}/approve":      "requests:write",
	"POST /v1/organizations/{org}/join-requests/{id}/reject":       "requests:write",
	"POST /v1/organizations/{org}/join-requests/{id}/reopen":       "requests:write",
	"GET /v1/organizations/{org}/settings":                         "settings:read",
	"POST /v1/organizations/{org}/policy/evaluate":                 "settings:read",
	"PATCH /v1/organizations/{org}/settings":                       "settings:write",
	"GET /v1/organizations/{org}/departments":                      "structure:read",
	"GET /v1/organizations/{org}/departments/{id}":                 "structure:read",
	"GET /v1/organizations/{org}/groups":                           "structure:read",
	"GET /v1/organizations/{org}/groups/{id}":                      "structure:read",
	"POST /v1/organizations/{org}/departments":                     "structure:write",
	"PATCH /v1/organizations/{org}/departments/{id}":               "structure:write",
	"DELETE /v1/organizations/{org}/departments/{id}":              "structure:write",
	"POST /v1/organizations/{org}/groups":                          "structure:write",
	"PATCH /v1/organizations/{org}/groups/{id}":                    "structure:write",
	"DELETE /v1/organizations/{org}/groups/{id}":                   "structure:write",
}

// reaches refuses an API key that is not for a route. A session reaches every one.
func reaches(pattern string, k *onboarding.APIKey) error {
	if k == nil {
		return nil
	}
	scope, ok := scopes[pattern]
	switch {
	case !ok:
		return onboarding.Refuse(onboarding.Forbidden, "No API key is for this.")
	case !k.Reaches(scope):
		return onboarding.Refuse(onboarding.ScopeMissing, "This needs an API key with the scope "+string(scope)+".")
	}
	return nil
}
