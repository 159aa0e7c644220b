package pages

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"path"
	"strings"
	"sync"
)

//go:embed assets
var assetFiles embed.FS

type asset struct {
	content     []byte
	contentType string
	hash        string
}

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
}

// Both assets by their plain name, read with the first page.
var assets = sync.OnceValue(func() map[string]asset {
	all := map[string]asset{}
	for _, name := range []string{"icon.svg", "style.css"} {
		content, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			panic("pages: " + err.Error())
		}
		sum := sha256.Sum256(content)
		all[name] = asset{content, contentTypes[path.Ext(name)], hex.EncodeToString(sum[:8])}
	}
	return all
})

// AssetURL returns the path of style.css or icon.svg. It changes with the content, so what is there never does.
func AssetURL(name string) string {
	stem, ext := strings.TrimSuffix(name, path.Ext(name)), path.Ext(name)
	return "/assets/" + stem + "." + assets()[name].hash + ext
}

// Asset returns what stands at /assets/<file>. Only the names that AssetURL makes are there, so that every answer may
// be cached for good. The etag is quoted.
func Asset(file string) (content []byte, contentType, etag string, ok bool) {
	for name, a := range assets() {
		if "/assets/"+file == AssetURL(name) {
			return a.content, a.contentType, `"` + a.hash + `"`, true
		}
	}
	return nil, "", "", false
}
