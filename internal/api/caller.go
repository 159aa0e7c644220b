package api

import (
	"log/slog"
	"net/http"

	"latchkey/internal/onboarding"
)

// gate lets callers in.
type gate struct {
	store onboarding.CallerStore
	world onboarding.World
}

// bearer says whose session a request bears, of whichever organization.
func (g gate) bearer(r *http.Request) (onboarding.Caller, error) {
	token, _, err := presented(r)
	if err != nil {
		return onboarding.Caller{}, err
	}
	return onboarding.Authenticate(r.Context(), g.store, g.world, token)
}

// caller says who makes a request. Where the path names an organization, the session must be of that one.
func (g gate) caller(r *http.Request) (onboarding.Caller, error) {
	c, err := g.bearer(r)
	if err != nil {
		return c, err
	}
	note(r.Context(), slog.String("member_id", c.Member.ID.String()))
	if org := r.PathValue("org"); org != "" && org != string(c.Organization.ID) {
		return onboarding.Caller{}, onboarding.Refuse(onboarding.Forbidden, "This session belongs to another organization.")
	}
	return c, nil
}

// visitor says who is signed in in the browser that opens a page, or nobody.
func (g gate) visitor(r *http.Request) (c onboarding.Caller, signedIn bool) {
	c, err := g.bearer(r)
	return c, err == nil && string(c.Organization.ID) == r.PathValue("org")
}

// organization reads the organization of a public route. A handle that cannot be is an organization that there is not.
func organization(r *http.Request) onboarding.OrganizationID {
	org, err := onboarding.ParseOrganizationID(r.PathValue("org"))
	if err != nil {
		return ""
	}
	return org
}
