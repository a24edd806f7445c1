package provision

import (
	"path"
	"strings"
	"testing"
)

// FuzzClean: what passes is a plain path below its folder.
func FuzzClean(f *testing.F) {
	for _, p := range []string{"/a.cfg", "/../x", "/a/..%2fb", "//a", "/a//b", "/a\\b", "/" + strings.Repeat("a/", 20)} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		got, ok := clean(p)
		if ok && (path.Clean("/"+got) != "/"+got || strings.ContainsAny(got, "%\\\x00 \r\n") || len(got) > 200) {
			t.Errorf("%q passes as %q", p, got)
		}
	})
}

func TestDiff(t *testing.T) {
	for _, c := range []struct{ old, now, want string }{
		{"a\nb\nc\n", "a\nb\nc\n", ""},
		{"a\nb\nc\n", "a\nx\nc\n", "-b\n+x\n"},
		{"", "a\nb\n", "+a\n+b\n"},
		{"a\nb\nc\nd\n", "a\nc\nx\nd\n", "-b\n+x\n"},
	} {
		var b strings.Builder
		writeDiff(&b, lines(c.old), lines(c.now))
		if b.String() != c.want {
			t.Errorf("%q to %q: %q, want %q", c.old, c.now, b.String(), c.want)
		}
	}
}
