package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"latchkey/internal/onboarding"
)

type apiKeyJSON struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Scopes     []string `json:"scopes"`
	OwnerID    string   `json:"owner_id"`
	CreatedAt  string   `json:"created_at"`
	ExpiresAt  *string  `json:"expires_at"`
	LastUsedAt *string  `json:"last_used_at"`
	Token      string   `json:"token,omitempty"`
}

func toAPIKey(k onboarding.APIKey) apiKeyJSON {
	shown := apiKeyJSON{ID: k.ID.String(), Name: k.Name, Scopes: make([]string, len(k.Scopes)), OwnerID: k.Owner.String(),
		CreatedAt: onboarding.FormatTime(k.CreatedAt), ExpiresAt: timeOrNull(k.ExpiresAt), LastUsedAt: timeOrNull(k.UsedAt)}
	for i, s := range k.Scopes {
		shown.Scopes[i] = string(s)
	}
	return shown
}

type apiKeyRequest struct {
	Name      string   `json:"name"`
	Scopes    []string `json:"scopes"`
	ExpiresAt *string  `json:"expires_at,omitempty"`
}

func (b apiKeyRequest) command() (c onboarding.KeyCommand, err error) {
	if c.Name, err = onboarding.ParseName(b.Name); err != nil {
		return c, onboarding.InvalidValue("/name", err)
	}
	if c.Name == "" {
		return c, onboarding.InvalidField("/name", "required", "This is required.")
	}
	if len(b.Scopes) == 0 {
		return c, onboarding.InvalidField("/scopes", "required", "Name at least one scope.")
	}
	for i, text := range b.Scopes {
		scope, ok := onboarding.ParseScope(text)
		switch at := fmt.Sprintf("/scopes/%d", i); {
		case !ok:
			return c, onboarding.InvalidField(at, "unknown", "There is no such scope.")
		case slices.Contains(c.Scopes, scope):
			return c, onboarding.InvalidField(at, "duplicate", "This stands here before.")
		}
		c.Scopes = append(c.Scopes, scope)
	}
	end, err := optionalEnd("/expires_at", b.ExpiresAt)
	if end != nil {
		c.ExpiresAt = *end
	}
	return c, err
}

// keying serves what makes and removes API keys.
type keying struct {
	gate
	repeatable
	useCase onboarding.Keying
}

func (s *keying) mount(m *Mux) {
	m.handle("POST /v1/organizations/{org}/api-keys", s.create)
	m.handle("DELETE /v1/organizations/{org}/api-keys/{id}", s.remove)
}

func (s *keying) create(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	var body apiKeyRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	command, err := body.command()
	if err != nil {
		return err
	}
	return s.run(w, r, caller, body, func(requestID string, _ bool) (outcome, error) {
		command.RequestID = requestID
		k, token, err := s.useCase.Create(r.Context(), caller, command)
		if err != nil {
			return outcome{}, err
		}
		kept := toAPIKey(k)
		shown := kept
		shown.Token = token.Reveal() // once, and not kept
		return outcome{body: shown, kept: kept}, nil
	})
}

func (s *keying) remove(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	id, err := onboarding.ParseAPIKeyID(r.PathValue("id"))
	if err != nil {
		return onboarding.Refuse(onboarding.NotFound, "There is no such API key.")
	}
	if err := s.useCase.Delete(r.Context(), caller, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// KeyLister lists API keys.
type KeyLister interface {
	ListAPIKeys(ctx context.Context, org onboarding.OrganizationID) ([]onboarding.APIKey, error)
}

func (s *browsing) apiKeys(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	if !caller.Rights().Configure {
		return onboarding.Refuse(onboarding.Forbidden, "Only administrators see API keys.")
	}
	if _, err := readQuery(r); err != nil {
		return err
	}
	all, err := s.store.ListAPIKeys(r.Context(), caller.Organization.ID)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Items []apiKeyJSON `json:"items"`
	}{showAll(all, toAPIKey)})
}
