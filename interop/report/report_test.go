package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"tandem/interop/behaviour"
)

// failure is a report with one row that failed: a phone and a gateway, and bytes
// that would be markup if they were not escaped.
func failure() *Report {
	wire := []Packet{
		{After: 1500 * time.Microsecond, Device: "phone", Sent: true, Peer: "192.0.2.1:5060", Proto: "UDP", Bytes: []byte("REGISTER sip:<b>x</b> SIP/2.0\r\nX: \x01\r\n\r\n")},
		{After: 2 * time.Millisecond, Device: "phone", Peer: "192.0.2.1:5060", Proto: "UDP", Bytes: []byte("SIP/2.0 200 OK\r\n\r\n")},
		{After: 3 * time.Millisecond, Device: "gateway", Sent: true, Peer: "192.0.2.1:5060", Proto: "TCP", Bytes: []byte("INVITE sip:a SIP/2.0\r\n\r\n")},
	}
	return New("192.0.2.1", time.Now(), []Result{
		{ID: "x-one", Family: "x", Does: "Sends <script>", Evidence: []behaviour.Evidence{behaviour.Trace}, Outcome: Failed, Cases: []Case{{Fault: "wrong", Wire: wire}}},
		{ID: "x-two", Family: "x", Outcome: Passed},
		{ID: "y-one", Family: "y", Outcome: Unverified},
	})
}

// The page shows each message of a failure between its device and the server, and
// takes nothing that came from the wire for markup.
func TestPage(t *testing.T) {
	var b bytes.Buffer
	if err := failure().HTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"REGISTER sip:&lt;b&gt;x&lt;/b&gt; SIP/2.0", `X: \x01`, "Sends &lt;script&gt;", "1.5 ms",
		`class="rung right" style="grid-column: 2 / 5; margin: 0 calc(50% / 3)"`, `class="rung left" style="grid-column: 2 / 5;`, `class="rung right" style="grid-column: 3 / 5; margin: 0 calc(50% / 2)"`} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in\n%s", want, page)
		}
	}
	if strings.Contains(page, "<b>x") || strings.Contains(page, "<script") {
		t.Error("what came from the wire is markup")
	}
}

func TestMatrix(t *testing.T) {
	var b bytes.Buffer
	other := failure()
	other.Target, other.Results = "other", other.Results[1:]
	if err := Matrix(&b, failure(), other); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| x | 2 | 1 | | 1 | | 1 | | | |\n", "| y | 1 | | 1 | | | | 1 | | |\n", "192.0.2.1: passed", "other: passed"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}
