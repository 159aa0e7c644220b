package api

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"latchkey/internal/api/pages"
	"latchkey/internal/locale"
	"latchkey/internal/onboarding"
)

// maxForm is what a form may hold, in bytes.
const maxForm = 64 << 10

// writePageView answers a page in the language that the browser asks for.
func writePageView(w http.ResponseWriter, r *http.Request, status int, organization string, view pages.View) error {
	var page bytes.Buffer
	err := pages.Render(&page, pages.Page{Locale: locale.Match(r.Header.Get("Accept-Language")), Organization: organization, View: view})
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	w.Header().Set("Vary", "Accept-Language, Cookie")
	send(w, status, "text/html; charset=utf-8", page.Bytes())
	return nil
}

// errorPage shows what has no page of its own.
func errorPage(w http.ResponseWriter, r *http.Request, p *Problem) {
	if err := writePageView(w, r, p.Status, "", pages.Error{Status: p.Status, RequestID: p.RequestID}); err != nil {
		panic(err) // the Mux answers a problem document then
	}
}

// asset answers a file that pages refer to. Its name changes with its content, so it may be kept for good.
func asset(w http.ResponseWriter, r *http.Request) error {
	content, contentType, tag, ok := pages.Asset(r.PathValue("file"))
	if !ok {
		return onboarding.Refuse(onboarding.NotFound, "There is no such file.")
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("ETag", tag)
	send(w, http.StatusOK, contentType, content)
	return nil
}

// readForm reads the fields of a form, each of which may stand once. What else is in it is passed over: browsers and their
// extensions add things.
func readForm(r *http.Request, fields ...string) (map[string]string, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, onboarding.Refuse(unsupportedMediaType, "This takes a form, application/x-www-form-urlencoded.")
	}
	body, err := readBody(r, maxForm)
	if err != nil {
		return nil, err
	}
	r.Body = http.NoBody
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, onboarding.Refuse(malformedRequest, "The form cannot be read.")
	}
	form := map[string]string{}
	for _, field := range fields {
		if len(values[field]) > 1 {
			return nil, onboarding.Refuse(malformedRequest, "The form has a field twice.")
		}
		form[field] = values.Get(field)
	}
	return form, nil
}

// faults are a refusal's fields as a form shows them.
func faults(refusal *onboarding.Error) []pages.Fault {
	var all []pages.Fault
	for _, f := range refusal.Fields {
		all = append(all, pages.Fault{Field: strings.TrimPrefix(f.Pointer, "/"), Code: f.Code})
	}
	return all
}

// joinPath is the path of one of an organization's pages. What it is made of has one spelling, with nothing to escape.
func joinPath(r *http.Request, page string) string {
	return "/join/" + string(organization(r)) + "/" + page
}

// linkPath is the path of the link that is open.
func linkPath(r *http.Request) string { return joinPath(r, r.PathValue("token")) }
