package sip

import (
	"net/netip"
	"strings"
	"testing"
)

func crlf(s string) []byte {
	return []byte(strings.ReplaceAll(strings.TrimPrefix(s, "\n"), "\n", "\r\n"))
}

var sampleINVITE = crlf(`
INVITE sip:bob@192.0.2.44:5060;transport=udp SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK3841726055;rport
Route: <sip:proxy.example.com;lr>
From: "Alice Liddell" <sip:alice@example.com>;tag=1734621955
To: <sip:bob@example.com>
Call-ID: 0_2387463387@192.0.2.10
CSeq: 1 INVITE
Contact: <sip:alice@192.0.2.10:5060>
Max-Forwards: 70
User-Agent: Yealink SIP-T46S 66.85.0.5
Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, PUBLISH, UPDATE, MESSAGE
Supported: replaces, 100rel, timer
Allow-Events: talk,hold,conference,refer,check-sync
Session-Expires: 1800;refresher=uac
Content-Type: application/sdp
Content-Length: 255

v=0
o=- 20008 20008 IN IP4 192.0.2.10
s=SDP data
c=IN IP4 192.0.2.10
t=0 0
m=audio 11784 RTP/AVP 9 8 0 101
a=rtpmap:9 G722/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
`)

var sampleREGISTER = crlf(`
REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1594376227;rport
Max-Forwards: 70
From: <sip:alice@example.com>;tag=3318462290
To: <sip:alice@example.com>
Call-ID: 0_1298737463@192.0.2.10
CSeq: 2 REGISTER
Contact: <sip:alice@192.0.2.10:5060;transport=udp>;expires=3600;+sip.instance="<urn:uuid:00000000-0000-1000-8000-001565aabbcc>";reg-id=1
Authorization: Digest username="alice", realm="example.com", nonce="c2lwLW5vbmNlLTE3MzQ2MjE5NTU", uri="sip:example.com", response="6629fae49393a05397450978507c4ef1", algorithm=MD5, cnonce="0a4f113b", qop=auth, nc=00000001
Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY
User-Agent: Yealink SIP-T46S 66.85.0.5
Expires: 3600
Content-Length: 0

`)

var source = netip.MustParseAddrPort("192.0.2.99:5062")

func BenchmarkParseINVITE(b *testing.B) { benchParse(b, sampleINVITE) }

func BenchmarkParseREGISTER(b *testing.B) { benchParse(b, sampleREGISTER) }

func benchParse(b *testing.B, msg []byte) {
	var m Message
	b.ReportAllocs()
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		if m.Parse(msg) != nil {
			b.Fatal("refused")
		}
	}
}

func BenchmarkParseAndKey(b *testing.B) {
	var m Message
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		m.Parse(sampleINVITE)
		v, _ := m.TopVia()
		c, _ := m.CSeq()
		n += len(v.Branch) + len(m.FromTag()) + len(m.ToTag()) + len(m.CallID()) + int(c)
	}
	if n == 0 {
		b.Fatal("nothing read")
	}
}

func BenchmarkParseAndCheck(b *testing.B) {
	var m Message
	b.ReportAllocs()
	for b.Loop() {
		if m.Parse(sampleINVITE) != nil || m.Check() != nil {
			b.Fatal("refused")
		}
	}
}

func BenchmarkCredentials(b *testing.B) {
	var m Message
	m.Parse(sampleREGISTER)
	b.ReportAllocs()
	for b.Loop() {
		c, err := ParseCredentials(m.Get(HdrAuthorization))
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range [...]string{"username", "realm", "nonce", "uri", "response", "cnonce", "qop", "nc"} {
			if _, ok := c.Param(name); !ok {
				b.Fatal(name)
			}
		}
	}
}

func BenchmarkAppendResponse(b *testing.B) {
	var m Message
	m.Parse(sampleINVITE)
	m.Source = source
	buf := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendResponse(buf[:0], &m, Response{Code: 180, ToTag: "a6c85cf"})
	}
}

func BenchmarkForward(b *testing.B) {
	var m Message
	m.Parse(sampleINVITE)
	m.Source = source
	var e Edit
	buf := make([]byte, 0, 2048)
	target, via := []byte("sip:bob@192.0.2.77"), []byte("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK.1.2")
	rr, mf := []byte("<sip:192.0.2.1;lr=on>"), []byte("69")
	b.ReportAllocs()
	for b.Loop() {
		e.Start(&m)
		e.RequestURI(target)
		e.PushVia(via)
		e.PopRoute()
		e.Prepend(HdrRecordRoute, rr)
		e.Set(HdrMaxForwards, mf)
		buf = e.Append(buf[:0])
	}
}

func BenchmarkFrame(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var f Framer
		if n, err := f.Frame(sampleINVITE, 65536); n != len(sampleINVITE) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkParseURI(b *testing.B) {
	u := []byte("sip:alice@192.0.2.10:5060;transport=udp")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseURI(u); err != nil {
			b.Fatal(err)
		}
	}
}

// TestHotPathDoesNotAllocate holds the budget the benchmarks show.
func TestHotPathDoesNotAllocate(t *testing.T) {
	var m Message
	m.Source = source
	var e Edit
	buf := make([]byte, 0, 4096)
	via, body := []byte("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK.1.2"), []byte("v=0\r\n")
	n := testing.AllocsPerRun(100, func() {
		m.Parse(sampleINVITE)
		if m.Check() != nil {
			t.Fatal("refused")
		}
		v, _ := m.TopVia()
		if len(v.Branch) == 0 || m.FromTag() == nil || m.ToTag() != nil || !m.HasToken(HdrAllow, "update") {
			t.Fatal("not read")
		}
		for a := range m.Values(HdrRoute) {
			if _, err := ParseNameAddr(a); err != nil {
				t.Fatal(err)
			}
		}
		u, _ := ParseURI(m.RequestURI())
		if !EqualURI(u, u) {
			t.Fatal("not itself")
		}
		buf = u.AppendAOR(buf[:0])
		e.Start(&m)
		e.PushVia(via)
		e.PopRoute()
		e.Body("application/sdp", body)
		buf = e.Append(buf[:0])
		buf = AppendResponse(buf[:0], &m, Response{Code: 180, ToTag: "x"})
		m.Parse(sampleREGISTER)
		c, _ := ParseCredentials(m.Get(HdrAuthorization))
		if _, ok := c.Param("nonce"); !ok {
			t.Fatal("no nonce")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a message", n)
	}
}
