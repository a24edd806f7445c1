package output

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	s, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if p := s.Of("cisco-7960"); p != (Policy{Plain, true, Remote}) {
		t.Errorf("cisco-7960 %+v", p)
	}
	if p := s.Of("never heard of"); p != (Policy{Full, false, Asserted}) || p != s.Of("yealink") {
		t.Errorf("default %+v", p)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "output.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("yealink: {mwi: plain}\n")
	if s, err = Load(dir); err != nil || s.Of("yealink") != (Policy{Plain, false, Asserted}) || s.Of("snom").MWI != Full {
		t.Errorf("changed without code: %+v, %v", s.Of("yealink"), err)
	}
	for _, wrong := range []string{"yealink: {mwi: maybe}", "yealink: {never: heard}", "yealink: [", "snom: {caller: 3}"} {
		write(wrong)
		if s, err := Load(dir); err == nil || s == nil || s.Of("yealink").MWI != Full || !strings.Contains(err.Error(), "stay in use") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
