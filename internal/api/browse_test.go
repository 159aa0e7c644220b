package api

import (
	"net/http"
	"net/url"
	"testing"

	"latchkey/internal/onboarding"
)

func TestAPageIsOfTheFiltersThatItWasAskedFor(t *testing.T) {
	caller := onboarding.Caller{Organization: onboarding.Organization{ID: "acme", Salt: cursorKey}}
	d := newDoor(t, nil)
	d.mux.handle("GET /x", func(w http.ResponseWriter, r *http.Request) error {
		q, err := readPage(r, caller, "list", query{"status": "pending", "link_id": "", "channel": ""})
		if err != nil {
			return err
		}
		return writePage(w, q, "next", []string{q.filter["status"], q.after}, func(s string) string { return s })
	})
	ask := func(query string) (*http.Response, string) { return d.ask(t, "GET", "/x?"+query, "") }
	cursor := func(query string) string {
		_, body := ask(query)
		return url.QueryEscape(body[len(`{"items":["pending",""],"next_cursor":"`) : len(body)-2])
	}
	plain, narrow := cursor(""), cursor("channel=invite_link&link_id=default")
	for query, want := range map[string]int{
		"cursor=" + plain: 200,
		"cursor=" + plain + "&status=pending&limit=7":                      200, // what stands there unsaid
		"cursor=" + plain + "&status=rejected":                             422,
		"cursor=" + plain + "&link_id=default":                             422,
		"cursor=" + plain + "&link_id=":                                    422,
		"cursor=" + narrow + "&link_id=default&channel=invite_link":        200,
		"cursor=" + narrow + "&link_id=default&channel=invitation":         422,
		"cursor=" + narrow + "&link_id=default":                            422,
		"cursor=" + narrow + "&link_id=default%26x&channel=invite_link":    422,
		"cursor=" + narrow + "&channel=invite_link%26link_id%3Ddefault":    422,
		"cursor=" + narrow + "&link_id=default&channel=invite_link&owner=": 422,
	} {
		if res, body := ask(query); res.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", query, res.StatusCode, body, want)
		}
	}
}

func TestRequestsAreNarrowedByWhatIsKnown(t *testing.T) {
	check := func(q query) error { _, _, err := q.requests(); return err }
	for name, c := range map[string]struct {
		q    query
		want string
	}{
		"who waits":         {query{"status": "pending_approval"}, ""},
		"all of it":         {query{"status": "rejected", "link_id": "default", "channel": "invite_link", "requested_before": "2026-11-22T09:30:00Z"}, ""},
		"members":           {query{"status": "active"}, "status unknown"},
		"nothing":           {query{"status": ""}, "status unknown"},
		"a link's bare key": {query{"status": "rejected", "link_id": "01KARG7M2N4P6Q8R0S2T4V6W8X"}, "link_id invalid"},
		"an empty link":     {query{"status": "rejected", "link_id": ""}, "link_id invalid"},
		"another channel":   {query{"status": "rejected", "channel": "import"}, "channel unknown"},
		"a day":             {query{"status": "rejected", "requested_before": "2026-11-22"}, "requested_before invalid"},
	} {
		wantFaults(t, name, check(c.q), c.want)
	}
}
