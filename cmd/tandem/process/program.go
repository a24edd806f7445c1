package process

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// releaseProgram gives back the pages of the program itself: most of them serve the
// start, or a burst. Those that are used again are found in the cache of the kernel.
func releaseProgram() {
	name, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	for _, a := range unchanged(f, name) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, a.start, a.end-a.start, unix.MADV_DONTNEED) // what is refused stays
	}
}

// area is a part of the address space.
type area struct{ start, end uintptr }

// unchanged are the areas, as smaps lists them, where a file is mapped, not to be
// written, and where no page was changed: one that was (by the linker or a debugger)
// is nowhere else.
func unchanged(smaps io.Reader, file string) (list []area) {
	var a area
	for lines := bufio.NewScanner(smaps); lines.Scan(); {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) >= 5 && !strings.HasSuffix(f[0], ":"):
			a = area{}
			if len(f) > 5 && f[1][1] == '-' && f[1][3] == 'p' && strings.HasSuffix(lines.Text(), " "+file) {
				a = newArea(f[0])
			}
		case len(f) == 3 && f[0] == "Anonymous:" && f[1] == "0" && a.end > a.start:
			list = append(list, a)
		}
	}
	return list
}

// newArea reads an area, as in 00400000-0040b000; an empty one if it is none.
func newArea(s string) area {
	from, to, _ := strings.Cut(s, "-")
	start, err := strconv.ParseUint(from, 16, 64)
	if err != nil {
		return area{}
	}
	end, err := strconv.ParseUint(to, 16, 64)
	if err != nil {
		return area{}
	}
	return area{uintptr(start), uintptr(end)}
}
