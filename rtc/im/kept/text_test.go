package kept

import (
	"testing"
	"time"

	"tandem/rtc/sip"
)

// What goes on is spelled as it came, folds and blanks included, in its order.
func TestAppendTextAsSpelled(t *testing.T) {
	const in = "MESSAGE sip:b@example.com SIP/2.0\r\n" +
		"Subject  :  two\r\n  lines\r\n" +
		"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n" +
		"f:<sip:a@example.com>;tag=1\r\n" +
		"To: <sip:b@example.com>\r\n" +
		"P-Charge: me\r\n" +
		"Max-Forwards: 70\r\n" +
		"i: 1\r\n" +
		"CSeq: 1 MESSAGE\r\n" +
		"X-Own:\r\n" +
		"l: 2\r\n\r\nhi"
	const want = "Subject  :  two\r\n  lines\r\n" +
		"f:<sip:a@example.com>;tag=1\r\n" +
		"To: <sip:b@example.com>\r\n" +
		"i: 1\r\n" +
		"CSeq: 1 MESSAGE\r\n" +
		"X-Own:\r\n" +
		"Content-Length: 2\r\n\r\nhi"
	var m sip.Message
	if err := m.Parse([]byte(in)); err != nil {
		t.Fatal(err)
	}
	if got := string(AppendText(nil, &m, false, time.Time{})); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
