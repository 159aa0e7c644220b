package pages

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"latchkey/internal/locale"
)

// policy is what the package comment promises.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; " +
	"frame-ancestors 'none'"

// measure finds what a reader would stumble over. Browsers give the focus when they draw, so it waits for that. The
// size of the text stands for the %.
const measure = `(async () => {
await new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
document.documentElement.style.fontSize = '%';
const faults = [];
const name = e => e.tagName + ' ' + (e.id || e.className || e.textContent.trim());
if (document.documentElement.scrollWidth > innerWidth) faults.push('the page scrolls sideways');
if (getComputedStyle(document.body).marginTop !== '0px') faults.push('the style sheet was not applied');
for (const d of document.querySelectorAll('details')) d.open = true;
for (const e of document.querySelectorAll('input:not([aria-hidden], [type=hidden]), button, summary, .button, .way, .summary a')) {
  const box = e.getBoundingClientRect();
  if (box.height < 44) faults.push(name(e) + ' is ' + box.height + ' high');
  if (box.right > innerWidth || box.left < 0) faults.push(name(e) + ' is cut off');
  const size = parseFloat(getComputedStyle(e).fontSize);
  if (e.tagName === 'INPUT' && size < 16) faults.push(name(e) + ' makes Safari zoom in');
}
const hidden = document.querySelector('input[aria-hidden]');
if (hidden && hidden.getBoundingClientRect().width > 1) faults.push('the hidden user name shows');
if (hidden && !hidden.checkVisibility()) faults.push('password managers pass over the user name');
const first = document.querySelector('.summary, .note');
if (first && document.activeElement !== first) faults.push('the focus is not on the ' + first.className);
for (const scheme of ['light', 'dark']) if (matchMedia('(prefers-color-scheme: ' + scheme + ')').matches) {
  const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);
  if ((r + g + b > 384) !== (scheme === 'light')) faults.push('the ground is not ' + scheme);
}
return faults;
})()`

func TestInABrowser(t *testing.T) {
	if !chromiumIsHere() {
		if os.Getenv("CI") != "" {
			t.Fatal("Chromium is missing: apt-get install chromium")
		}
		t.Skip("Chromium is missing: apt-get install chromium")
	}
	views := samples("")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		if file, ok := strings.CutPrefix(r.URL.Path, "/assets/"); ok {
			content, contentType, _, _ := Asset(file)
			w.Header().Set("Content-Type", contentType)
			w.Write(content)
			return
		}
		query := r.URL.Query()
		p := Page{locale.Tag(query.Get("locale")), query.Get("organization"), views[query.Get("view")]}
		if err := Render(w, p); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()

	// Chromium's sandbox does not start for root, which is who runs tests in a container.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, stop = chromedp.NewContext(ctx)
	defer stop()

	for _, as := range []struct {
		name, scheme, organization string
		width                      int64
		textSize                   string
		locale                     locale.Tag
	}{
		{"on a phone", "light", "Acme", 390, "100%", locale.English},
		{"on a small phone with large text", "dark", "Donaudampfschifffahrtsgesellschaft", 320, "200%", locale.German},
	} {
		t.Run(as.name, func(t *testing.T) {
			scheme := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
				_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
					Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: as.scheme}}})
				return err
			})
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(as.width, 844), scheme); err != nil {
				t.Fatal(err)
			}
			for view := range views {
				query := url.Values{"locale": {string(as.locale)}, "organization": {as.organization}, "view": {view}}
				if err := chromedp.Do(ctx, chromedp.Navigate(server.URL+"/?"+query.Encode())); err != nil {
					t.Fatal(err)
				}
				script := strings.Replace(measure, "%", as.textSize, 1)
				faults, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](script, chromedp.EvalAwaitPromise))
				if err != nil {
					t.Fatal(err)
				}
				for _, fault := range faults {
					t.Errorf("%s: %s", view, fault)
				}
			}
		})
	}
}

func chromiumIsHere() bool {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
	}
	return false
}
