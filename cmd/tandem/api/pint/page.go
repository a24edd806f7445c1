package pint

import (
	_ "embed"
	"net/http"
)

// The page to try click-to-call with. It holds nothing of its own: who opens it gives
// it a token.
var (
	//go:embed page.html
	pageHTML []byte
	//go:embed page.css
	pageCSS []byte
	//go:embed page.js
	pageJS []byte
)

// pagePath is where the page stands.
const pagePath = "/click-to-call"

// Page serves the page beside what next serves. It asks for no token: there is
// nothing to be seen without one.
func Page(next http.Handler) http.Handler {
	files := map[string]struct {
		kind string
		text []byte
	}{
		pagePath:          {"text/html; charset=utf-8", pageHTML},
		pagePath + ".css": {"text/css; charset=utf-8", pageCSS},
		pagePath + ".js":  {"text/javascript; charset=utf-8", pageJS},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := files[r.URL.Path]
		if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		_, _ = w.Write(f.text) // the client may have gone
	})
}
