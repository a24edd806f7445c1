package behaviour

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestKeysAreDocumented: docs/interop.md has a table for each type of a file, with
// every key of it, its type and whether it is required, and no other key.
func TestKeysAreDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "interop.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, doc, _ := strings.Cut(string(text), "\n### The keys of a file of behaviours\n")
	doc, _, _ = strings.Cut(doc, "\n### ")
	seen := map[reflect.Type]bool{}
	var visit func(reflect.Type)
	visit = func(s reflect.Type) {
		for s.Kind() == reflect.Pointer || s.Kind() == reflect.Slice {
			s = s.Elem()
		}
		if s.Kind() != reflect.Struct || s.Name() == "" || seen[s] {
			return
		}
		seen[s] = true
		_, table, found := strings.Cut(doc, "\n#### "+s.Name()+"\n")
		if !found {
			t.Errorf("docs/interop.md has no section for %s", s.Name())
		}
		table, _, _ = strings.Cut(table, "\n#### ")
		keys := 0
		for i := range s.NumField() {
			f := s.Field(i)
			key, rest, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if key == "-" {
				continue
			}
			keys++
			required := "yes"
			if rest == "omitempty" {
				required = ""
			}
			if row := "\n| `" + key + "` | " + kind(f.Type) + " | " + required + " | "; !strings.Contains(table, row) {
				t.Errorf("docs/interop.md, %s: no row begins %q", s.Name(), row)
			}
			visit(f.Type)
		}
		if n := strings.Count(table, "\n| `"); n != keys {
			t.Errorf("docs/interop.md, %s: %d rows for %d keys", s.Name(), n, keys)
		}
	}
	visit(reflect.TypeFor[Family]())
	if n := strings.Count(doc, "\n#### "); n != len(seen) {
		t.Errorf("docs/interop.md has sections for %d types, and there are %d", n, len(seen))
	}
}

// kind is what the documentation calls a type.
func kind(t reflect.Type) string {
	if t == reflect.TypeFor[time.Duration]() {
		return "time"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kind(t.Elem())
	case reflect.Bool:
		return "yes or no"
	case reflect.String:
		return "text"
	case reflect.Int, reflect.Float64:
		return "number"
	case reflect.Map:
		return "texts by name"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.String {
			return "list of texts"
		}
		return "list of " + t.Elem().Name()
	case reflect.Struct:
		if t.Name() == "" {
			return "{}"
		}
	}
	return t.Name()
}
