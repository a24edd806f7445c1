package pint

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for path, want := range map[string]string{"/click-to-call": "text/html", "/click-to-call.js": "text/javascript", "/click-to-call.css": "text/css", "/click-to-call/": "", "/api/v1/calls": ""} {
		w := httptest.NewRecorder()
		Page(next).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if want == "" && w.Code != http.StatusTeapot || want != "" && (w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), want) || w.Body.Len() == 0) {
			t.Errorf("%s: %d %s", path, w.Code, w.Header())
		}
		if want != "" && !strings.HasPrefix(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %s", path, w.Header())
		}
	}
	if strings.Contains(string(pageHTML), "<style") || strings.Contains(string(pageHTML), "<script>") {
		t.Error("what stands in the page itself is not run")
	}
}
