package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"latchkey/internal/onboarding"
)

var (
	joinJob = job{"join by link", "redeem-link", func(_ context.Context, s *site, n int) ([][]byte, error) {
		path := "/v1/public/" + organization + "/links/" + onboarding.DefaultLink(s.org).Token(s.keys, s.org.ID).Reveal() + "/join"
		return repeat(n, func(int) []byte {
			return request{method: "POST", path: path, body: map[string]string{"email": address(), "first_name": "Ada",
				"last_name": "Lovelace", "password": password}}.event()
		}), nil
	}, status(http.StatusAccepted)}

	verifyJob = job{"verify", "redeem-link", func(ctx context.Context, s *site, n int) ([][]byte, error) {
		joins, err := s.begin(ctx, n)
		return repeat(len(joins), func(i int) []byte { return s.proof(joins[i]) }), err
	}, status(http.StatusCreated)}

	approveJob = job{"approve", "approve", func(ctx context.Context, s *site, n int) ([][]byte, error) {
		applicants, err := s.wait(ctx, n)
		return repeat(len(applicants), func(i int) []byte {
			return request{method: "POST", path: "/v1/organizations/" + organization + "/join-requests/" + applicants[i] + "/approve",
				token: s.token}.event()
		}), err
	}, status(http.StatusOK)}

	copyLinkJob = job{"copy a link", "configure", func(_ context.Context, s *site, n int) ([][]byte, error) {
		r := request{method: "GET", path: "/v1/organizations/" + organization + "/invite-links/default", token: s.token}
		return repeat(n, func(int) []byte { return r.event() }), nil
	}, status(http.StatusOK)}
)

// begin writes n joins whose code is on its way.
func (s *site) begin(ctx context.Context, n int) ([]onboarding.Join, error) {
	now := s.world.Instant()
	joins := make([]onboarding.Join, n)
	for i := range joins {
		joins[i] = onboarding.Join{
			ID: onboarding.NewJoinID(s.world), LinkRound: 1,
			Address: onboarding.Address{Kind: onboarding.Email, Value: address()}, FirstName: "Ada", LastName: "Lovelace", Locale: onboarding.English, Password: "$argon2id$", Nonce: s.world.Nonce(),
			Key: s.keys.Current(), Round: 1, CodeAt: now, CodeEnds: now.Add(10 * time.Minute), SentAt: now, Sent: 1,
			CreatedAt: now, ExpiresAt: now.Add(time.Hour), Version: 1,
		}
		if err := s.store(s.db).CreateJoin(ctx, s.org.ID, joins[i]); err != nil {
			return nil, err
		}
	}
	return joins, nil
}

// proof proves the address of a join.
func (s *site) proof(j onboarding.Join) []byte {
	token := s.keys.Derive(onboarding.PurposeJoin, s.org.ID, j.ID, 1, j.Nonce).Reveal()
	return request{method: "POST", path: "/v1/public/" + organization + "/joins/" + token + "/verify",
		body: map[string]string{"code": s.keys.ProofCode(s.org.ID, j).Reveal()}}.event()
}

// wait brings n people into the queue, and answers their ids.
func (s *site) wait(ctx context.Context, n int) ([]string, error) {
	proofs, err := verifyJob.events(ctx, s, n)
	if err != nil {
		return nil, err
	}
	handler, err := s.handler(verifyJob.function, s.db)
	if err != nil {
		return nil, err
	}
	ids := make([]string, n)
	for i, event := range proofs {
		answer, err := handler.Invoke(ctx, event)
		if err == nil {
			err = verifyJob.check(answer)
		}
		if err != nil {
			return nil, err
		}
		var r response
		var session struct{ Member struct{ ID string } }
		if err := json.Unmarshal(answer, &r); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(r.Body), &session); err != nil {
			return nil, err
		}
		ids[i] = session.Member.ID
	}
	return ids, nil
}
