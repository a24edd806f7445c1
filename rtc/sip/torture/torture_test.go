package torture

import (
	"bytes"
	"strings"
	"testing"
)

// Each case has its message and each message its case: 49 of RFC 4475, 12 of RFC
// 5118. They are whole: no braces left, every line ends in CRLF.
func TestCases(t *testing.T) {
	of := map[int]int{}
	for _, c := range All() {
		of[c.RFC]++
		b := c.Bytes()
		if bytes.Contains(b, []byte("{length}")) || bytes.Contains(b, []byte("{sdp}")) || !bytes.HasSuffix(b, []byte("\r\n")) {
			t.Errorf("%s\n%q", c.Name, b)
		}
		if !bytes.Contains(b, []byte("\r\n\r\n")) {
			t.Errorf("%s has no end", c.Name)
		}
	}
	if of[4475] != 49 || of[5118] != 12 {
		t.Errorf("%v", of)
	}
	if n := strings.Count("\n"+texts, "\n== "); n != 61 {
		t.Errorf("%d messages", n)
	}
	if n := len(Message("longreq")); n < 3000 {
		t.Errorf("the long request has %d octets", n)
	}
}
