package output

import (
	"strconv"
	"strings"
	"testing"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

const grandstream = "v=0\r\no=u 1 1 IN IP4 192.0.2.1\r\ns= \r\nt=0 0\r\nc=IN IP4 192.0.2.1\r\na=group:x\r\nb=AS:64\r\nm=audio 5004 RTP/AVP 0 101\r\na=ptime:20\r\na=fmtp:101 0-15\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\nc=IN IP4 192.0.2.2\r\n"

func invite(supported, body string) string {
	return "INVITE sip:bob@192.0.2.9:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\n" +
		"Call-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:a@192.0.2.1>\r\n" + supported + "X-Odd:\r\n folded: value\r\nContent-Type: application/sdp\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

func TestStrip(t *testing.T) {
	p := Policy{Reliable: Strip}
	for _, c := range []struct{ supported, want string }{
		{"Supported: 100rel,replaces\r\n", "Supported: replaces\r\n"},
		{"Supported: timer\r\nk: 100REL\r\nSupported: gruu\r\n", "Supported: timer, gruu\r\n"},
		{"Supported: 100rel\r\n", ""},
		{"Supported: timer\r\n", "Supported: timer\r\n"},
		{"Supported: 100rel\r\nRequire: 100rel\r\n", "Supported: 100rel\r\nRequire: 100rel\r\n"}, // the caller insists: the phone may refuse it
	} {
		if got, want := string(p.Shape(transport.UDP, []byte(invite(c.supported, "")))), invite(c.want, ""); got != want {
			t.Errorf("%q:\n%s", c.supported, got)
		}
	}
}

// TestCaller: who calls stands where the family reads it.
func TestCaller(t *testing.T) {
	const (
		pai    = "P-Asserted-Identity: \"Eva, <of> Sales\" <sip:+4930@example.org;user=phone>, <tel:+4930>\r\n"
		bare   = "P-Asserted-Identity: sip:eva@example.org\r\n"
		rpid   = "Remote-Party-ID: <sip:+4930@example.org>;party=calling;privacy=full\r\n"
		params = ";party=calling;id-type=subscriber;privacy=off;screen=yes\r\n"
	)
	for _, c := range []struct {
		caller        Caller
		headers, want string
	}{
		{Remote, pai, "Remote-Party-ID: \"Eva, <of> Sales\" <sip:+4930@example.org;user=phone>" + params},
		{Remote, bare, "Remote-Party-ID: <sip:eva@example.org>" + params},
		{Remote, pai + rpid, rpid}, {Remote, rpid, rpid}, {Remote, "", ""},
		{From, pai + rpid, ""}, {Asserted, pai, pai},
	} {
		got := string(Policy{Caller: c.caller}.Shape(transport.UDP, []byte(invite(c.headers, ""))))
		m := new(sip.Message)
		if err := m.Parse([]byte(got)); err != nil {
			t.Fatal(err)
		}
		var kept string
		for i := range m.Len() {
			if h := m.At(i); h.ID == sip.HdrPAssertedIdentity || h.ID == sip.HdrRemotePartyID {
				kept += string(h.Name) + ": " + string(h.Value) + "\r\n"
			}
		}
		if kept != c.want {
			t.Errorf("%s of %q: %q, want %q", c.caller, c.headers, kept, c.want)
		}
	}
}

func TestOrdered(t *testing.T) {
	want := "v=0\r\no=u 1 1 IN IP4 192.0.2.1\r\ns= \r\nc=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=0 0\r\na=group:x\r\nm=audio 5004 RTP/AVP 0 101\r\nc=IN IP4 192.0.2.2\r\n" +
		"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
	got := string(Policy{SDP: Order}.Shape(transport.TCP, []byte(invite("", grandstream))))
	if got != invite("", want) {
		t.Errorf("%s", got)
	}
	if again := string(ordered([]byte(want))); again != want {
		t.Errorf("what is in order changes:\n%s", again)
	}
	if kept := string(Policy{SDP: Keep}.Shape(transport.UDP, []byte(invite("", grandstream)))); kept != invite("", grandstream) {
		t.Errorf("%s", kept)
	}
}

// TestNotices: a family gets summaries and dialog information without what it does not
// read, in lists, too; another gets them as they are.
func TestNotices(t *testing.T) {
	notify := func(kind, body string) string {
		return "NOTIFY sip:bob@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>;tag=2\r\nCall-ID: c\r\nCSeq: 1 NOTIFY\r\n" +
			"Content-Type: " + kind + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
	}
	const (
		idle = `<dialog-info version="1"><dialog id="a"><state>terminated</state></dialog></dialog-info>`
		bare = `<dialog-info version="1"></dialog-info>`
		busy = `<dialog-info version="1"><dialog id="a" direction="recipient"><state>early</state></dialog></dialog-info>`
		two  = `<dialog-info version="1"><dialog id="a" direction="recipient"><state>early</state></dialog><dialog id="b"><state>confirmed</state></dialog></dialog-info>`
		head = "Messages-Waiting: yes\r\nMessage-Account: sip:a(b)@example.com\r\n"
	)
	p := Policy{MWI: Plain, Lamp: Empty}
	for _, c := range []struct{ kind, body, want string }{
		{"application/simple-message-summary", head + "Voice-Message: 2/8 (1/0)\r\nFax-Message: 1/0 (0/0)\r\n", head + "Voice-Message: 2/8\r\nFax-Message: 1/0\r\n"},
		{"application/simple-message-summary", head + "Voice-Message: 2/8\r\n", head + "Voice-Message: 2/8\r\n"},
		{"application/dialog-info+xml", idle, bare}, {"application/dialog-info+xml", busy, busy}, {"application/dialog-info+xml", bare, bare},
		{`multipart/related;type="application/rlmi+xml";boundary=x`, "--x\r\n\r\n" + idle + "\r\n--x\r\n\r\n" + busy + "\r\n--x--", "--x\r\n\r\n" + bare + "\r\n--x\r\n\r\n" + busy + "\r\n--x--"},
		{"application/dialog-info+xml", two, two},
		{"text/plain", idle, idle},
	} {
		if got := string(p.Shape(transport.UDP, []byte(notify(c.kind, c.body)))); got != notify(c.kind, c.want) {
			t.Errorf("%s\n%s", c.kind, got)
		}
		if got := string(Policy{MWI: Full, Lamp: Always}.Shape(transport.UDP, []byte(notify(c.kind, c.body)))); got != notify(c.kind, c.body) {
			t.Errorf("another family, %s\n%s", c.kind, got)
		}
	}
}

// TestSingleLamp: a family that fails on several dialogs is shown the first of each line.
func TestSingleLamp(t *testing.T) {
	const (
		over = `<dialog id="c"><state>terminated</state></dialog>`
		ring = `<dialog id="a" direction="recipient"><state>early</state></dialog>`
		talk = `<dialog id="b"><state>confirmed</state></dialog>`
	)
	info := func(dialogs string) string { return `<dialog-info version="1">` + dialogs + `</dialog-info>` }
	for body, want := range map[string]string{
		info(ring + talk): info(ring), info(over): info(""), info(over + talk + ring): info(talk),
		"--x\r\n" + info(ring+talk) + "\r\n--x\r\n" + info(talk+talk) + "\r\n--x--": "--x\r\n" + info(ring) + "\r\n--x\r\n" + info(talk) + "\r\n--x--",
	} {
		if got := string(lampOf([]byte(body), true)); got != want {
			t.Errorf("%s\nis shown as %s", body, got)
		}
	}
}

func TestCompact(t *testing.T) {
	message := []byte(invite("Supported: timer\r\n", grandstream))
	p := Policy{CompactAbove: len(message) - 1}
	got := string(p.Shape(transport.UDP, message))
	for _, line := range []string{"\r\nv: SIP/2.0/UDP", "\r\nf: <sip:a", "\r\nt: <sip:b", "\r\ni: c\r\n", "\r\nm: <sip:a", "\r\nk: timer", "\r\nc: application/sdp", "\r\nl: ", "\r\nMax-Forwards: 70", "X-Odd:\r\n folded: value"} {
		if !strings.Contains(got, line) {
			t.Errorf("no %q in\n%s", line, got)
		}
	}
	m := new(sip.Message)
	if err := m.Parse([]byte(got)); err != nil || string(m.Body()) != grandstream || len(got) >= len(message) {
		t.Errorf("%v\n%s", err, got)
	}
	if s := string(p.Shape(transport.TCP, message)); s != string(message) {
		t.Error("over TCP nothing is too long")
	}
	if s := string(Policy{CompactAbove: len(message)}.Shape(transport.UDP, message)); s != string(message) {
		t.Error("what fits is not changed")
	}
}

// FuzzShape: whatever is shaped stays readable, with the same Call-ID and branch.
func FuzzShape(f *testing.F) {
	f.Add([]byte(invite("Supported: 100rel\r\n", grandstream)))
	f.Add([]byte("NOTIFY sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 NOTIFY\r\nContent-Type: application/dialog-info+xml\r\n\r\n<dialog ></dialog>"))
	p := Policy{Reliable: Strip, SDP: Order, MWI: Plain, Lamp: Empty, CompactAbove: 1}
	f.Fuzz(func(t *testing.T, b []byte) {
		before, after := new(sip.Message), new(sip.Message)
		if before.Parse(b) != nil || !before.IsRequest() {
			return
		}
		if err := after.Parse(p.Shape(transport.UDP, b)); err != nil {
			t.Fatalf("%v", err)
		}
		if string(before.CallID()) != string(after.CallID()) || string(before.Get(sip.HdrVia)) != string(after.Get(sip.HdrVia)) {
			t.Errorf("%q %q", before.Bytes(), after.Bytes())
		}
	})
}
