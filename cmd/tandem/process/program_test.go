package process

import (
	"bufio"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestUnchangedAreas(t *testing.T) {
	const smaps = `00400000-02a00000 r-xp 00000000 fe:00 77    /usr/bin/tandem
Rss:               21000 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
02a00000-05000000 r--p 02600000 fe:00 77    /usr/bin/tandem
Anonymous:             0 kB
05000000-05001000 r--p 04c00000 fe:00 77    /usr/bin/tandem
Anonymous:             4 kB
05001000-05100000 rw-p 04c01000 fe:00 77    /usr/bin/tandem
Anonymous:             0 kB
05100000-05200000 r--s 04c01000 fe:00 77    /usr/bin/tandem
Anonymous:             0 kB
05200000-05300000 r--p 00000000 fe:00 78    /other/usr/bin/tandem
Anonymous:             0 kB
c000000000-c000400000 rw-p 00000000 00:00 0
Anonymous:             0 kB
7f0000000000-7f0000001000 r--p 00000000 00:00 0
Anonymous:             0 kB
`
	got := unchanged(strings.NewReader(smaps), "/usr/bin/tandem")
	want := []area{{0x400000, 0x2a00000}, {0x2a00000, 0x5000000}}
	if !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestReleaseProgram(t *testing.T) {
	// All of it is in memory once it was read from there.
	touched := 0
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	name, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	areas := unchanged(f, name)
	_ = f.Close()
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mem.Close() }()
	for _, a := range areas {
		page := make([]byte, 1)
		for at := a.start; at < a.end; at += 4096 {
			if _, err := mem.ReadAt(page, int64(at)); err != nil {
				t.Fatal(err)
			}
			touched++
		}
	}
	before := fileRSS(t)
	releaseProgram()
	if after := fileRSS(t); after > before*3/4 {
		t.Errorf("%d KiB of files in memory, %d before; %d pages were read", after, before, touched)
	}
}

// fileRSS is how much of files is in memory, in KiB.
func fileRSS(t *testing.T) int {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), "RssFile:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(v, "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no RssFile")
	return 0
}
