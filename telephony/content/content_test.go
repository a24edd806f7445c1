package content

import (
	"bytes"
	"strings"
	"testing"

	"tandem/rtc/sip"
)

const (
	sound = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n"
	chat  = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=message 9000 TCP/MSRP *\r\n"
)

func invite(t *testing.T, lines, kind, body string) *sip.Message {
	t.Helper()
	b := sip.Builder{}
	b.Request("INVITE", []byte("sip:bob@example.com"))
	b.HeaderString(sip.HdrVia, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
	b.HeaderString(sip.HdrFrom, "<sip:alice@example.com>;tag=a")
	b.HeaderString(sip.HdrTo, "<sip:bob@example.com>")
	b.HeaderString(sip.HdrCallID, "1")
	b.HeaderString(sip.HdrCSeq, "1 INVITE")
	b.Raw([]byte(lines))
	m := new(sip.Message)
	if err := m.Parse(b.Finish(kind, []byte(body))); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestIsCall(t *testing.T) {
	for name, c := range map[string]struct {
		kind, body string
		call       bool
	}{
		"sound":         {"application/sdp", sound, true},
		"a late offer":  {"", "", true},
		"a chat":        {"application/sdp", chat, false},
		"something odd": {"text/plain", "m=audio", false},
	} {
		if got := IsCall(invite(t, "", c.kind, c.body)); got != c.call {
			t.Errorf("%s: a call: %v", name, got)
		}
	}
}

// Copy tells a message without a body from one whose body is no description.
func TestCopy(t *testing.T) {
	if got := Copy(invite(t, "", "", "")); got != nil {
		t.Errorf("no body: %q", got)
	}
	if got := Copy(invite(t, "", "text/plain", "hello")); got == nil || len(got) > 0 {
		t.Errorf("another body: %q", got)
	}
	m := invite(t, "", "application/sdp", sound)
	got := Copy(m)
	clear(m.Body())
	if string(got) != sound {
		t.Errorf("a description: %q", got)
	}
}

// What says something about the network, or has a phone answer, does not cross.
func TestPassed(t *testing.T) {
	got := string(Passed(invite(t, "Subject: lunch\r\nAlert-Info: <http://x>;info=alert-autoanswer\r\nRecord-Route: <sip:x;lr>\r\nPRIORITY: urgent\r\n", "", "")))
	if got != "Subject: lunch\r\nPRIORITY: urgent\r\n" {
		t.Errorf("passed: %q", got)
	}
	long := "Subject: " + strings.Repeat("x", maxPassed/2) + "\r\n"
	if got := Passed(invite(t, long+long+long, "", "")); len(got) == 0 || len(got) > maxPassed {
		t.Errorf("%d octets are passed", len(got))
	}
}

// The place of a caller goes beside the offer, as the part that Geolocation names.
func TestLocated(t *testing.T) {
	const place = "<presence>here</presence>"
	m := invite(t, "", "multipart/mixed;boundary=x",
		"--x\r\nContent-Type: application/sdp\r\n\r\n"+sound+"\r\n--x\r\nContent-Type: application/pidf+xml\r\nContent-ID: <me@x>\r\n\r\n"+place+"\r\n--x--\r\n")
	at := Place(m)
	if at == nil || string(at.Body) != place {
		t.Fatalf("the place is %v", at)
	}
	c := Located([]byte(sound), at)
	out := invite(t, "", c.Type, string(c.Body))
	part, ok := out.FindPart("application/pidf+xml")
	if !ok || string(part.Body) != place || string(part.Get("Content-ID")) != "<me@x>" {
		t.Errorf("the place arrives as %v in\n%s", part, c.Body)
	}
	if got := bytes.TrimSpace(Description(out)); string(got) != strings.TrimSpace(sound) {
		t.Errorf("the offer arrives as\n%s", got)
	}
	if c := Located([]byte(sound), nil); c.Type != "application/sdp" || string(c.Body) != sound {
		t.Errorf("without a place: %s\n%s", c.Type, c.Body)
	}
}

// Where a site is, is said only for who does not say it himself.
func TestGeolocation(t *testing.T) {
	const site = "https://example.com/berlin"
	if got := string(Geolocation(site, nil)); !strings.HasPrefix(got, "Geolocation: <"+site+">\r\n") {
		t.Errorf("%q", got)
	}
	if got := Geolocation(site, []byte("Subject: x\r\nGeolocation: <cid:me@x>\r\n")); got != nil {
		t.Errorf("the caller has said where he is, and we add %q", got)
	}
	if got := Geolocation("", nil); got != nil {
		t.Errorf("no site: %q", got)
	}
}
