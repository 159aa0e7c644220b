// Package pages draws the pages that people see in a browser: joining, waiting to be let in and letting others in,
// signing in, choosing a password.
//
// Handlers decide what is true and hand over a View; this package decides how it reads and looks. The pages need no
// JavaScript and hold nothing inline, so that this policy fits them:
//
//	default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'
//
// Under the referrer policy no-referrer, browsers post forms with "Origin: null", even to ourselves (Fetch standard,
// "append a request Origin header"). Whoever checks a post must look at Sec-Fetch-Site first.
package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"

	"latchkey/internal/locale"
)

// A Page is one view in one language.
type Page struct {
	Locale       locale.Tag
	Organization string // its name; empty only where the organization is not known
	View         View
}

// A View is what one page has to say. The types of views.go are all there are.
type View interface {
	// page names the template and the key of the heading, which is the title too.
	page() (template, heading string)
}

// A formView is a view with fields to fill in.
type formView interface {
	form() form
}

// A notedView is a view that may tell first what has just been done.
type notedView interface {
	// note is a key, or empty.
	note() string
}

//go:embed templates/*.html
var templateFiles embed.FS

// Parsed with the first page: a function that answers only JSON pays nothing at start-up.
var templates = sync.OnceValues(func() (*template.Template, error) {
	return template.New("pages").Funcs(template.FuncMap{"asset": AssetURL}).ParseFS(templateFiles, "templates/*.html")
})

// Render writes a page to w. It writes the whole page or, if it returns an error of its own, nothing.
func Render(w io.Writer, p Page) error {
	all, err := templates()
	if err != nil {
		return err
	}
	name, heading := p.View.page()
	d := data{Page: p}
	d.Heading = d.T(heading)
	if v, ok := p.View.(formView); ok {
		d.Form = v.form().in(d.T)
	}
	if v, ok := p.View.(notedView); ok && v.note() != "" {
		d.Note = d.T(v.note())
	}
	var page bytes.Buffer
	if err := all.ExecuteTemplate(&page, name, d); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	_, err = w.Write(page.Bytes())
	return err
}

// data is what a template sees.
type data struct {
	Page
	Heading string
	Note    string
	Form    formText
}

// T returns a text in the language of the page. Every text may name the organization.
func (d data) T(key string, args ...string) string {
	return d.Locale.Text(key, append(args, "organization", d.Organization)...)
}

// Reject is the form that rejects one of several requests.
func (d data) Reject(place int, item RequestItem) formText { return item.form(place).in(d.T) }

// Language is the language that the page is really in.
func (d data) Language() locale.Tag {
	if tag, ok := locale.Parse(string(d.Locale)); ok {
		return tag
	}
	return locale.English
}

// Title is the heading with what a row of browser tabs needs besides it.
func (d data) Title() string {
	title := d.Heading
	if !strings.Contains(title, d.Organization) {
		title += " – " + d.Organization
	}
	if len(d.Form.Faults) > 0 {
		title = d.T("page.error_title", "title", title)
	}
	return title
}

// Brand is whose page it is.
func (d data) Brand() string {
	if d.Organization == "" {
		return d.T("page.brand")
	}
	return d.Organization
}
