package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"latchkey/internal/onboarding"
)

// gate lets callers in.
type gate struct {
	store onboarding.CallerStore
	world onboarding.World
}

// authentication is onboarding.Authenticate, or onboarding.Visitor where applicants are welcome too.
type authentication = func(ctx context.Context, store onboarding.CallerStore, w onboarding.World, token string) (onboarding.Caller, error)

// bearer says whose session a request bears, of whichever organization.
func (g gate) bearer(r *http.Request, authenticate authentication) (onboarding.Caller, error) {
	token, byCookie, err := presented(r)
	if err != nil {
		return onboarding.Caller{}, err
	}
	if byCookie && strings.HasPrefix(token, "lkk.") {
		return onboarding.Caller{}, onboarding.Refuse(onboarding.Unauthenticated, "An API key is for programs, and stands in no cookie.")
	}
	return authenticate(r.Context(), g.store, g.world, token)
}

// caller says who makes a request; an applicant makes none.
func (g gate) caller(r *http.Request) (onboarding.Caller, error) {
	return g.identify(r, onboarding.Authenticate)
}

// identify notes who makes a request. Where the path names an organization, the session must be of that one.
func (g gate) identify(r *http.Request, authenticate authentication) (onboarding.Caller, error) {
	c, err := g.bearer(r, authenticate)
	if err != nil {
		return c, err
	}
	note(r.Context(), slog.String("member_id", c.Member.ID.String()))
	if err := reaches(r.Pattern, c.Key); err != nil {
		return onboarding.Caller{}, err
	}
	if org := r.PathValue("org"); org != "" && org != string(c.Organization.ID) {
		return onboarding.Caller{}, onboarding.Refuse(onboarding.Forbidden, "This session belongs to another organization.")
	}
	return c, nil
}

// visitor says who is signed in in the browser that opens a page, a member or an applicant, or nobody. Whoever has yet to choose
// a password of their own is nobody.
func (g gate) visitor(r *http.Request) (c onboarding.Caller, signedIn bool) {
	c, err := g.bearer(r, onboarding.Visitor)
	return c, err == nil && c.Key == nil && !c.Session.MustChange && string(c.Organization.ID) == r.PathValue("org")
}

// organization reads the organization of a public route. A handle that cannot be is an organization that there is not.
func organization(r *http.Request) onboarding.OrganizationID {
	org, err := onboarding.ParseOrganizationID(r.PathValue("org"))
	if err != nil {
		return ""
	}
	return org
}
