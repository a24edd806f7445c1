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
	plain := Policy{MWI: Full, Caller: Asserted, Reliable: Offer, Display: Reinvite, Lamp: Always, SDP: Keep, Digest: Any, Features: Subscribed}
	if p, want := s.Of("cisco-7960"), (Policy{Plain, true, Remote, Strip, Reinvite, Always, Order, 1300, MD5, Subscribed}); p != want {
		t.Errorf("cisco-7960 %+v", p)
	}
	if p := s.Of("never heard of"); p != plain || p != s.Of("yealink") {
		t.Errorf("default %+v", p)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "output.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("yealink: {mwi: plain, reliable: strip, compact_above: 900}\n")
	changed := plain
	changed.MWI, changed.Reliable, changed.CompactAbove = Plain, Strip, 900
	if s, err = Load(dir); err != nil || s.Of("yealink") != changed || s.Of("snom").MWI != Full {
		t.Errorf("changed without code: %+v, %v", s.Of("yealink"), err)
	}
	for _, wrong := range []string{"yealink: {mwi: maybe}", "yealink: {never: heard}", "yealink: [", "snom: {caller: 3}", "snom: {reliable: x}", "snom: {display: x}",
		"snom: {lamp: x}", "snom: {sdp: x}", "snom: {compact_above: -1}", "snom: {digest: sha1}", "snom: {features: x}"} {
		write(wrong)
		if s, err := Load(dir); err == nil || s == nil || s.Of("yealink").MWI != Full || !strings.Contains(err.Error(), "stay in use") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
