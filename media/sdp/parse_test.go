package sdp

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// Every malformed description names its line, says what is wrong, and maps to
// 400 or 488.
func TestMalformed(t *testing.T) {
	const head = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\n"
	const full = head + "c=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\n" // 6 lines
	for _, c := range []struct {
		name, text   string
		line, status int
		reason       string
	}{
		{"empty", "", 0, 400, "begins with v=0"},
		{"blank", "\r\n\r\n", 0, 400, "begins with v=0"},
		{"no SDP at all", "hello\r\n", 1, 400, "is not a line of a description"},
		{"no v=", "o=- 1 1 IN IP4 10.0.0.9\r\n", 1, 400, "comes before v="},
		{"version 1", "v=1\r\n", 1, 400, "v=0 is the only one"},
		{"version of nothing", "v=\r\n", 1, 400, "v=0 is the only one"},
		{"two descriptions", full + full, 7, 400, "second v="},
		{"no o=", "v=0\r\ns=-\r\n", 0, 400, "no o= line"},
		{"short o=", "v=0\r\no=- 1 1\r\n", 2, 400, "3 of 6 parts"},
		{"empty t=", head + "t=\r\n", 4, 400, "t=0 0"},
		{"line without =", full + "a ptime 20\r\n", 7, 400, "is not a line of a description"},
		{"blank before =", full + "a =ptime:20\r\n", 7, 400, "is not a line of a description"},
		{"one letter", full + "a\r\n", 7, 400, "is not a line of a description"},
		{"folded", full + "=more\r\n", 7, 400, "is not a line of a description"},
		{"NUL", full + "a=x\x00y\r\n", 7, 400, "control character"},
		{"c= without address", head + "c=IN IP4\r\n", 4, 400, "2 of 3 parts"},
		{"c= empty", head + "c=\r\n", 4, 400, "0 of 3 parts"},
		{"c= with a bad address", head + "c=IN IP4 10.0.0.300\r\n", 4, 400, "neither an IP address nor a host name"},
		{"c= with a short address", head + "c=IN IP4 10.0.0\r\n", 4, 400, "neither"},
		{"c= with bad IPv6", head + "c=IN IP6 2001:db8:::1\r\n", 4, 400, "neither"},
		{"c= of IP5", head + "c=IN IP5 10.0.0.1\r\n", 4, 400, "use IP4 or IP6"},
		{"c= of telephone network", head + "c=TN RFC2543 +15551234\r\n", 4, 488, "use IN"},
		{"c= of ATM", head + "c=ATM NSAP 47.0091\r\n", 4, 488, "use IN"},
		{"no c= anywhere", head + "t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n", 5, 400, "add c=IN IP4"},
		{"m= too short", head + "m=audio 4000\r\n", 4, 400, "2 parts"},
		{"m= empty", head + "m=\r\n", 4, 400, "0 parts"},
		{"port of letters", head + "m=audio x RTP/AVP 0\r\n", 4, 400, "is not a number from 0 to 65535"},
		{"port too high", head + "m=audio 65536 RTP/AVP 0\r\n", 4, 400, "is not a number from 0 to 65535"},
		{"port negative", head + "m=audio -1 RTP/AVP 0\r\n", 4, 400, "is not a number from 0 to 65535"},
		{"port count", head + "m=audio 4000/x RTP/AVP 0\r\n", 4, 400, "count of ports"},
		{"port count 0", head + "m=audio 4000/0 RTP/AVP 0\r\n", 4, 400, "count of ports"},
		{"format of letters", head + "m=audio 4000 RTP/AVP 0 x\r\n", 4, 400, "payload number from 0 to 127"},
		{"format 128", head + "m=audio 4000 RTP/AVP 128\r\n", 4, 400, "payload number from 0 to 127"},
		{"33 m-lines", full + strings.Repeat("m=audio 0 RTP/AVP 0\r\n", 32), 38, 488, "more than 32"},
		{"too many lines", full + strings.Repeat("a=x\n", 4096), 4097, 488, "more than 4096 lines"},
		{"too long", full + "a=" + strings.Repeat("x", 64<<10), 0, 488, "too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Parse([]byte(c.text))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, %v; want an *Error", d, err)
			}
			if e.Line != c.line || e.Status != c.status || !strings.Contains(e.Reason, c.reason) {
				t.Errorf("got line %d, %d, %q; want line %d, %d, ...%s...", e.Line, e.Status, e.Reason, c.line, c.status, c.reason)
			}
			if strings.Contains(e.Error(), "SECRET") {
				t.Errorf("the error shows a key: %v", e)
			}
			if strings.ContainsAny(e.Error(), "\r\n\x00") || len(e.Error()) > 300 {
				t.Errorf("the error is not a good header or log line: %q", e.Error())
			}
		})
	}
}

func TestTolerated(t *testing.T) {
	const plain = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly"
	want := parsed(t, plain+"\r\n")
	for _, c := range []struct{ name, text string }{
		{"no last line end", plain},
		{"bare LF", strings.ReplaceAll(plain, "\r\n", "\n")},
		{"bare CR", strings.ReplaceAll(plain, "\r\n", "\r")},
		{"empty lines", strings.ReplaceAll(plain, "\r\n", "\r\n\r\n") + "\r\n\r\n"},
		{"trailing NUL", plain + "\r\n\x00"},
		{"byte order mark", "\ufeff" + plain},
		{"trailing blanks", strings.ReplaceAll(plain, "\r\n", "  \r\n")},
		{"leading blanks", strings.ReplaceAll(plain, "\r\n", "\r\n ")},
		{"t= before c=", strings.Replace(plain, "c=IN IP4 10.0.0.9\r\nt=0 0\r\n", "t=0 0\r\nc=IN IP4 10.0.0.9\r\n", 1)},
		{"o= after t=", strings.Replace(plain, "o=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n", "t=0 0\r\nc=IN IP4 10.0.0.9\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\n", 1)},
		{"unknown lines", strings.Replace(plain, "t=0 0\r\n", "i=a\r\nu=b\r\ne=c\r\np=d\r\nt=0 0\r\nr=7d\r\nz=0 0\r\nk=clear:x\r\nq=what\r\n", 1)},
		{"two t=", strings.Replace(plain, "t=0 0\r\n", "t=0 0\r\nt=1 2\r\n", 1)},
		{"second c=", strings.Replace(plain, "t=0 0\r\n", "c=IN IP4 10.0.0.7\r\nt=0 0\r\n", 1)},
		{"blank after rtpmap:", strings.Replace(plain, "rtpmap:101", "rtpmap: 101", 1)},
		{"two blanks in rtpmap", strings.Replace(plain, "rtpmap:101 ", "rtpmap:101  ", 1)},
		{"no clock", strings.Replace(plain, "event/8000", "event", 1)},
		{"two blanks in m=", strings.Replace(plain, "RTP/AVP 0 101", "RTP/AVP  0  101", 1)},
		{"rtpmap of a foreign number", plain + "\r\na=rtpmap:99 x/8000"},
		{"lower case c=", strings.Replace(plain, "c=IN IP4", "c=in ip4", 1)},
		{"direction in capitals", strings.Replace(plain, "a=sendonly", "a=SENDONLY", 1)},
		{"two directions", strings.Replace(plain, "a=sendonly", "a=sendrecv\r\na=sendonly", 1)},
		{"a number named twice", plain + "\r\na=rtpmap:101 x/8000"},
		{"empty attribute", plain + "\r\na="},
		{"IPv4 within IPv6", strings.Replace(plain, "c=IN IP4 10.0.0.9", "c=IN IP6 ::ffff:10.0.0.9", 1)},
		{"multicast TTL", strings.Replace(plain, "c=IN IP4 10.0.0.9", "c=IN IP4 10.0.0.9/127", 1)},
		{"ptime of nothing", plain + "\r\na=ptime:"},
		{"ptime of letters", plain + "\r\na=maxptime:long"},
		{"media c= wins", strings.Replace(strings.Replace(plain, "c=IN IP4 10.0.0.9\r\n", "c=IN IP4 10.0.0.1\r\n", 1), "101\r\n", "101\r\nc=IN IP4 10.0.0.9\r\n", 1)},
		{"media c= alone", strings.Replace(strings.Replace(plain, "c=IN IP4 10.0.0.9\r\n", "", 1), "101\r\n", "101\r\nc=IN IP4 10.0.0.9\r\nc=IN IP4 10.0.0.10\r\n", 1)},
		{"session direction", strings.Replace(strings.Replace(plain, "\r\na=sendonly", "", 1), "t=0 0\r\n", "t=0 0\r\na=sendonly\r\n", 1)},
		{"rtpmap without number", plain + "\r\na=rtpmap:x PCMU/8000"},
		{"rtpmap of 300", plain + "\r\na=rtpmap:300 PCMU/8000"},
		{"rtpmap without name", plain + "\r\na=rtpmap:0"},
		{"rtpmap without name but clock", plain + "\r\na=rtpmap:0 /8000"},
		{"rtpmap with a bad clock", plain + "\r\na=rtpmap:0 PCMU/fast"},
		{"rtpmap with clock 0", plain + "\r\na=rtpmap:0 PCMU/0"},
		{"rtcp without port", plain + "\r\na=rtcp:"},
		{"rtcp with a bad port", plain + "\r\na=rtcp:70000"},
		{"rtcp with a bad address", plain + "\r\na=rtcp:4001 IN IP4 1.2.3"},
		{"crypto too short", plain + "\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80"},
		{"crypto without tag", plain + "\r\na=crypto:x AES_CM_128_HMAC_SHA1_80 inline:SECRET"},
		{"fingerprint without value", plain + "\r\na=fingerprint:sha-256"},
		{"fingerprint of no hex", plain + "\r\na=fingerprint:sha-256 AB:CG"},
		{"session fingerprint", strings.Replace(plain, "t=0 0\r\n", "t=0 0\r\na=fingerprint:sha-256 AB:C\r\n", 1)},
		{"media direction wins", strings.Replace(plain, "t=0 0\r\n", "t=0 0\r\na=inactive\r\n", 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := parsed(t, c.text)
			if d.Origin != want.Origin || len(d.Media) != 1 || d.Name != "-" && strings.TrimSpace(d.Name) != "-" || d.Time != "0 0" {
				t.Fatalf("session: got %+v", d)
			}
			got, ref := d.Media[0], want.Media[0]
			got.Attributes, got.Line, ref.Attributes, ref.Line = nil, 0, nil, 0
			if !reflect.DeepEqual(got, ref) {
				t.Errorf("got  %+v\nwant %+v", got, ref)
			}
		})
	}
}

func TestOrigin(t *testing.T) {
	for _, c := range []struct {
		line string
		want Origin
	}{
		{"o=Cisco-SIPUA (null) (null) IN IP4 10.0.0.9", Origin{"Cisco-SIPUA", "(null)", "(null)", "10.0.0.9"}},
		{"o=My Desk Phone 1 2 IN IP4 10.0.0.9", Origin{"My Desk Phone", "1", "2", "10.0.0.9"}},
		{"o=1 2 IN IP4 10.0.0.9", Origin{"-", "1", "2", "10.0.0.9"}},
		{"o=- 99999999999999999999 -1 IN IP6 2001:db8::9", Origin{"-", "99999999999999999999", "-1", "2001:db8::9"}},
		{"o=jdoe 2890844526 2890842807 IN IP4 host.example.com", Origin{"jdoe", "2890844526", "2890842807", "host.example.com"}},
	} {
		if d := parsed(t, text("v=0", c.line, "s=-")); d.Origin != c.want {
			t.Errorf("%s: got %+v", c.line, d.Origin)
		}
	}
}

func TestMediaFields(t *testing.T) {
	d := parsed(t, call(
		"m=audio 49170/2 RTP/SAVPF 96 0 9",
		"b=AS:64", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 useinbandfec=1", "a=fmtp:96 stereo=0",
		"a=rtcp:53020 IN IP4 126.16.64.4", "a=ptime:30", "a=maxptime:60", "a=rtcp-fb:* nack", "a=rtcp-fb:96 transport-cc",
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^20|1:4 UNENCRYPTED_SRTCP",
		"a=fingerprint:sha-1 aa:bb", "a=fingerprint:sha-256 cc:dd", "a=setup:ACTPASS", "a=mid:a1",
		"a=ice-ufrag:ufr", "a=ice-pwd:pw",
		"a=candidate:1 1 UDP 2130706431 10.0.0.9 49170 typ host generation 0",
		"a=candidate:2 1 udp 2130706431 a-b-c.local 49170 typ host", "a=candidate:broken",
		"m=image 5000 udptl t38", "c=IN IP6 2001:db8::1",
		"m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
	))
	m := d.Media[0]
	if m.Port != 49170 || m.Ports != 2 || m.RTCPPort != 53020 || m.RTCPAddr != netip.MustParseAddr("126.16.64.4") {
		t.Errorf("ports: %+v", m)
	}
	if c := m.Codecs[0]; c.Name != "opus" || c.ClockRate != 48000 || c.Channels != 2 || c.Fmtp != "useinbandfec=1;stereo=0" ||
		!reflect.DeepEqual(c.Feedback, []string{"transport-cc", "nack"}) {
		t.Errorf("opus: %+v", c)
	}
	if c := m.Codecs[2]; c.Name != "G722" || c.ClockRate != 8000 {
		t.Errorf("static: %+v", c)
	}
	if m.Ptime != 30 || m.MaxPtime != 60 || m.MID != "a1" || m.Setup != "actpass" || m.Bandwidth[0] != "AS:64" {
		t.Errorf("attributes: %+v", m)
	}
	if m.Fingerprint != (Fingerprint{"sha-256", "CC:DD"}) {
		t.Errorf("fingerprint: %+v", m.Fingerprint)
	}
	if len(m.ICE.Candidates) != 1 || m.ICE.Candidates[0].Addr.String() != "10.0.0.9:49170" || m.ICE.Ufrag != "ufr" {
		t.Errorf("ice: %+v", m.ICE.Candidates)
	}
	if c := m.Crypto[0]; c.Tag != 1 || c.Key != "inline:abc|2^20|1:4" || c.Params != "UNENCRYPTED_SRTCP" {
		t.Errorf("crypto: %s %s", c.Suite, c.Params)
	}
	if f := d.Media[1]; f.Formats[0] != "t38" || f.Codecs != nil || f.Connection != netip.MustParseAddr("2001:db8::1") || f.RTP() {
		t.Errorf("image: %+v", f)
	}
	if f := d.Media[2]; f.Kind != "application" || f.Formats[0] != "webrtc-datachannel" {
		t.Errorf("data channel: %+v", f)
	}
}

// Session-level security and ICE count for every m-line that says nothing else.
func TestSessionLevel(t *testing.T) {
	d := parsed(t, text("v=0", "o=- 1 1 IN IP4 10.0.0.9", "s=-", "c=IN IP4 media.example.com", "t=0 0",
		"a=fingerprint:SHA-256 ab:cd", "a=setup:actpass", "a=ice-ufrag:u", "a=ice-pwd:p", "a=ice-lite", "a=inactive", "a=ptime:30",
		"m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 0", "a=ice-ufrag:x", "a=ice-pwd:y", "a=setup:passive", "a=recvonly"))
	a, b := d.Media[0], d.Media[1]
	if a.Fingerprint != (Fingerprint{"sha-256", "AB:CD"}) || a.Setup != "actpass" || a.ICE.Ufrag != "u" || !a.ICE.Lite ||
		a.Direction != Inactive || a.Ptime != 30 || a.ConnHost != "media.example.com" {
		t.Errorf("first: %+v", a)
	}
	if b.Setup != "passive" || b.ICE.Ufrag != "x" || b.ICE.Pwd != "y" || b.Direction != RecvOnly || b.Fingerprint != a.Fingerprint {
		t.Errorf("second: %+v", b)
	}
}

func TestHoldForms(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  bool
	}{
		{"none", []string{"c=IN IP4 10.0.0.1"}, false},
		{"sendonly", []string{"c=IN IP4 10.0.0.1", "a=sendonly"}, true},
		{"inactive", []string{"c=IN IP4 10.0.0.1", "a=inactive"}, true},
		{"recvonly is none", []string{"c=IN IP4 10.0.0.1", "a=recvonly"}, false},
		{"null address", []string{"c=IN IP4 0.0.0.0"}, true},
		{"null address and sendrecv", []string{"c=IN IP4 0.0.0.0", "a=sendrecv"}, true},
		{"null IPv6 address", []string{"c=IN IP6 ::"}, true},
		{"null IPv6 address in full", []string{"c=IN IP6 0:0:0:0:0:0:0:0"}, true},
		{"inactive in capitals", []string{"c=IN IP4 10.0.0.1", "a=INACTIVE"}, true},
		{"invalid name", []string{"c=IN IP6 hold.invalid"}, true},
		{"name", []string{"c=IN IP4 invalid.example.com"}, false},
		{"browser without address", []string{"c=IN IP4 0.0.0.0", "a=ice-ufrag:u", "a=ice-pwd:p"}, false},
		{"browser on hold", []string{"c=IN IP4 0.0.0.0", "a=ice-ufrag:u", "a=ice-pwd:p", "a=inactive"}, true},
	} {
		d := parsed(t, call(append([]string{"m=audio 4000 RTP/AVP 0"}, c.lines...)...))
		if got := d.Media[0].Hold(); got != c.want {
			t.Errorf("%s at the m-line: %v", c.name, got)
		}
		if whole := call(append([]string{"m=audio 4000 RTP/AVP 0"}, c.lines...)...); c.want && !MayHold([]byte(whole)) {
			t.Errorf("%s: %q need not be read", c.name, whole)
		}
		session := append(append([]string{"v=0", "o=- 1 1 IN IP4 10.0.0.9", "s=-", "t=0 0"}, c.lines...), "m=audio 4000 RTP/AVP 0")
		if got := parsed(t, text(session...)).Media[0].Hold(); got != c.want {
			t.Errorf("%s at the session: %v", c.name, got)
		}
	}
	if whole := call("c=IN IP4 10.0.0.1", "m=audio 4000 RTP/AVP 0", "a=recvonly"); MayHold([]byte(whole)) {
		t.Errorf("%q has to be read", whole)
	}
}

// No value can make a line of its own.
func TestWriterIsCareful(t *testing.T) {
	d := &Description{
		Origin: Origin{User: "x\r\na=evil", Host: "10.0.0.9"}, Name: "n\nb=evil", Connection: here, Bandwidth: []string{"AS:1\rm=evil"},
		Attributes: []Attribute{{"a\nm", "v\x00\r\nm=audio"}},
		Media:      []Media{{Kind: "audio\r\nm=x", Port: 1, Proto: "RTP/AVP\n", Formats: []string{"0\r\na=y"}}},
	}
	got := string(d.Append(nil))
	if n := strings.Count(got, "\n"); n != 8 || strings.Count(got, "\r\n") != n {
		t.Errorf("%d lines:\n%q", n, got)
	}
}
