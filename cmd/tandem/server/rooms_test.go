package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each room that people meet has a page, which the README leads to.
func TestRoomsHavePages(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, r := range rooms() {
		if names[r.name] {
			t.Errorf("two rooms are called %s", r.name)
		}
		names[r.name] = true
		if r.page == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join("../../../docs", r.page)); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
		if !strings.Contains(string(readme), "(docs/"+r.page+")") {
			t.Errorf("%s: the README does not lead to docs/%s", r.name, r.page)
		}
	}
}
