package format

import (
	"strings"
	"testing"
)

// Every format is found by each of its spellings, in any case, and no two share one.
func TestEachIsFoundByItsNames(t *testing.T) {
	seen := map[string]string{}
	for i := range formats {
		f := &formats[i]
		for _, name := range append([]string{f.Name}, f.Also...) {
			if Of(name) != f || Of(strings.ToLower(name)) != f || Of(strings.ToUpper(name)) != f {
				t.Errorf("%s is not found as %s", f.Name, name)
			}
			key := strings.ToUpper(name)
			if other := seen[key]; other != "" && other != f.Name {
				t.Errorf("%s is %s and %s", name, other, f.Name)
			}
			seen[key] = f.Name
		}
		if f.Clock == 0 {
			t.Errorf("%s has no clock", f.Name)
		}
	}
	for _, name := range []string{"", "G729X", "opus2"} {
		if f := Of(name); f != nil {
			t.Errorf("%q is %s", name, f.Name)
		}
	}
}

// The numbers of RFC 3551 §6.
func TestStaticNumbers(t *testing.T) {
	for pt, want := range map[uint8]struct {
		name     string
		clock    int
		channels int
	}{
		0: {"PCMU", 8000, 1}, 8: {"PCMA", 8000, 1}, 9: {"G722", 8000, 1}, 10: {"L16", 44100, 2}, 11: {"L16", 44100, 1},
		13: {"CN", 8000, 1}, 17: {"DVI4", 22050, 1}, 18: {"G729", 8000, 1}, 34: {"H263", 90000, 1},
	} {
		f, n := Static(pt)
		if f == nil || f.Name != want.name || n.Clock != want.clock || n.Channels != want.channels || n.PT != pt {
			t.Errorf("%d: %+v %+v", pt, f, n)
		}
	}
	for _, pt := range []uint8{1, 20, 35, 96, 127, 255} {
		if f, _ := Static(pt); f != nil {
			t.Errorf("%d is %s", pt, f.Name)
		}
	}
	count := 0
	for pt := range uint8(35) {
		if f, _ := Static(pt); f != nil {
			count++
		}
	}
	if count != 26 {
		t.Errorf("%d numbers have a format", count)
	}
}

// What most calls speak is found at the first look.
func TestUsualNamesAreApart(t *testing.T) {
	for _, name := range []string{"PCMU", "PCMA", "G722", "opus", "G729", "telephone-event", "CN", "H264", "VP8"} {
		if f := usual[place(name)]; f == nil || f.Name != name {
			t.Errorf("%s has not its place", name)
		}
	}
}

func TestFindingAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Of("PCMU"); Of("pcmu"); Of("telephone-event") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
