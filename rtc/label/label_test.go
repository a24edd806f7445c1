package label

import "testing"

func TestSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"Berlin", "berlin", true}, {" BERLIN\t", "Berlin", true}, {"KÖLN", "Köln", true}, {"ΑΘΗΝΑΣ", "Αθηνας", true}, {"", "  ", true},
		{"Berlin", "Berlin 2", false}, {"Koln", "Köln", false}, {"a b", "ab", false}, {"", "Berlin", false},
	} {
		if Same(c.a, c.b) != c.same {
			t.Errorf("%q and %q: same is not %t", c.a, c.b, c.same)
		}
		for _, name := range []string{c.a, c.b} {
			if got := string(Append(nil, name)); got != Fold(name) {
				t.Errorf("%q: appended %q, folded %q", name, got, Fold(name))
			}
		}
	}
}

func TestFoldAllocates(t *testing.T) {
	var room [32]byte
	if n := testing.AllocsPerRun(100, func() {
		_ = Fold("köln")
		_ = Append(room[:0], " KÖLN")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
