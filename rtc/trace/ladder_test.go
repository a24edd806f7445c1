package trace

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func at(ms int, out bool, remote, start, cseq string, sdp bool) Entry {
	text := start + "\r\nCSeq: 1 " + cseq + "\r\n"
	if sdp {
		text += "Content-Type: application/sdp\r\n"
	}
	return Entry{Time: time.Unix(1, 0).Add(time.Duration(ms) * time.Millisecond), Out: out, Flow: "udp 127.0.0.1:5060 " + remote,
		Local: "127.0.0.1:5060", Remote: remote, Bytes: []byte(text + "\r\n")}
}

func unsent(ms int, remote, start, why string) Entry {
	e := at(ms, true, remote, start, "INVITE", false)
	e.Flow, e.Unsent = "tcp 127.0.0.1:5060 "+remote, why
	return e
}

func call() []Entry {
	const phone, gateway = "127.0.0.1:40000", "127.0.0.1:5080"
	invite := at(0, false, phone, "INVITE sip:+493012345678@example.com SIP/2.0", "INVITE", true)
	again := invite
	again.Time = again.Time.Add(3 * time.Millisecond)
	return []Entry{
		invite,
		at(1, true, phone, "SIP/2.0 407 Proxy Authentication Required", "INVITE", false),
		at(2, false, phone, "ACK sip:+493012345678@example.com SIP/2.0", "ACK", false),
		again,
		at(4, true, gateway, "INVITE sip:+493012345678@127.0.0.1:5080 SIP/2.0", "INVITE", true),
		{Time: time.Unix(1, 5e6), Remote: phone, Bytes: []byte("\r\n\r\n")},
		unsent(45, gateway, "INVITE sip:+493012345678@127.0.0.1:5080 SIP/2.0", "connection refused"),
		at(50, false, gateway, "SIP/2.0 180 Ringing", "INVITE", false),
		at(51, true, phone, "SIP/2.0 180 Ringing", "INVITE", false),
		at(450, false, gateway, "SIP/2.0 200 OK", "INVITE", true),
		at(451, true, phone, "SIP/2.0 200 OK", "INVITE", true),
		at(6000, false, phone, "BYE sip:gateway@127.0.0.1:5080\x1b[2J SIP/2.0", "BYE", false),
	}
}

func TestLadderGolden(t *testing.T) {
	for name, d := range map[string]Diagram{
		"named100.txt": {Width: 100, Order: []string{"127.0.0.1:40000"},
			Names: map[string]string{"127.0.0.1:40000": "phone", "127.0.0.1:5080": "gateway"}},
		"plain80.txt": {Width: 80},
		"list60.txt":  {Width: 60},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := d.Draw(&b, call()); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > d.Width {
					t.Errorf("%d characters: %s", n, line)
				}
			}
			path := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", b.String(), want)
			}
		})
	}
}
