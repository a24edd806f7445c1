package sdp

import (
	"net/netip"
	"strings"
	"testing"
)

var here = netip.MustParseAddr("192.0.2.1")

// text makes a description of lines, each ended by CRLF.
func text(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

// call is a description with the usual session part and these m-lines.
func call(lines ...string) string {
	return text(append([]string{"v=0", "o=phone 7 1 IN IP4 10.0.0.9", "s=-", "c=IN IP4 10.0.0.9", "t=0 0"}, lines...)...)
}

func parsed(t testing.TB, s string) *Description {
	t.Helper()
	d, err := Parse([]byte(s))
	if err != nil {
		t.Fatalf("parsing: %v\n%s", err, s)
	}
	return d
}
