package test

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// anomalies stand in for an element of a message, one at a time: lengths,
// numbers at the edges of their types, control characters, broken quotes and
// encodings, addresses of every kind.
func anomalies() []string {
	list := []string{
		"", " ", "\t", "\x00", "\r", "\n", "\r\n", "\r\n\r\n", "\r\n ", "%n%s%x%n%n", "%00", "%", "%zz", "\xff\xfe", "\xc0\xaf", "\xed\xa0\x80", "\x7f\x1b[2J",
		`"`, `\"`, `"\`, `""`, "<", ">", "<<<>>>", "(", ")))", "(((", ";", ";;;;", ",", ",,,,", "=", "==", "@", "@@@", ":", "::::", "/", "?", "&", "*", "~", "\\",
		"0", "-1", "-0", "+1", "1.5", "1e9", "0x41", "00000000000000000000000001", "127", "128", "255", "256", "32767", "65535", "65536", "2147483647", "2147483648",
		"4294967295", "4294967296", "9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999999999999999",
		"127.1", "0.0.0.0", "999.999.999.999", "1.2.3", "1.2.3.4.5", "0x7f000001", "[::1]", "[::", "[::ffff:127.0.0.1]", "::1", "[::1%25lo]", "[]", "localhost", ".", "..", "a..b", "-a",
		"sip:", "sip:@", "sips:a@127.0.0.1", "tel:+1", "urn:service:sos", "SIP/2.0", "z9hG4bK", "/../../etc/passwd", "INVITE", "ACK", "CANCEL", "anonymous@anonymous.invalid",
	}
	for _, n := range []int{16, 127, 128, 256, 1024, 4096, 16384, 50000} {
		list = append(list, strings.Repeat("a", n))
	}
	for _, unit := range []string{" ", "\t", "<", "\"", "(", ";a=b", "a,", "%41", "\r\n ", "[", "9", "\x00", "é"} {
		list = append(list, strings.Repeat(unit, 700))
	}
	return list
}

var (
	tokens   = regexp.MustCompile(`[^\s;,:=<>"@/]+|"[^"]*"|<[^>]*>`)
	messages = []string{seedInvite, seedRegister, seedBye, seedMessage, seedResponse}
)

const (
	seedInvite = `INVITE sip:100@example.test:5060;transport=udp SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5070;ttl=16;maddr=127.0.0.1;branch=z9hG4bK87asdks7
Max-Forwards: 70
From: "Caller One" <sip:caller@elsewhere.test;user=phone>;tag=1928301774
To: "B" <sip:100@example.test>
Call-ID: a84b4c76e66710@127.0.0.1
CSeq: 314159 INVITE
Contact: <sip:caller@127.0.0.1:5070;transport=udp>;q=0.7;expires=60
Expires: 180
Date: Sat, 13 Nov 2010 23:29:00 GMT
Supported: timer, 100rel, replaces
Require: 
Session-Expires: 1800;refresher=uac
Timestamp: 54.2
Allow: INVITE, ACK, CANCEL, BYE
Accept: application/sdp;level=1, text/plain
Content-Disposition: session;handling=required
Content-Type: application/sdp
Content-Length: 139

v=0
o=user 53655765 2353687637 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 49170 RTP/AVP 0 101
a=rtpmap:101 telephone-event/8000
`
	seedRegister = `REGISTER sip:example.test SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5070;rport;branch=z9hG4bKnashds7
From: <sip:200@example.test>;tag=456248
To: <sip:200@example.test>
Call-ID: 843817637684230@127.0.0.1
CSeq: 1826 REGISTER
Contact: "A" <sip:200@127.0.0.1:5070;line=x>;q=0.5;expires=600;+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>";reg-id=1, <sip:200@127.0.0.1:5071>
Expires: 7200
Supported: path, outbound, gruu
Path: <sip:127.0.0.1:5099;lr;ob>
Authorization: Digest username="200", realm="example.test", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="sip:example.test", response="6629fae49393a05397450978507c4ef1", algorithm=MD5, cnonce="0a4f113b", opaque="5ccc069c403ebaf9f0171e9517f40e41", qop=auth, nc=00000001
User-Agent: fuzz/1.0 (none)
Content-Length: 0

`
	seedBye = `BYE sip:100@127.0.0.1:5070 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKnashds10
Route: <sip:127.0.0.1:5060;lr=on>, <sip:example.test;lr>
Record-Route: <sip:127.0.0.1:5098;lr>
From: <sip:caller@elsewhere.test>;tag=a6c85cf
To: <sip:100@example.test>;tag=1928301774
Call-ID: a84b4c76e66710
CSeq: 231 BYE
Reason: Q.850;cause=16;text="Terminated"
Max-Forwards: 70
Content-Length: 0

`
	seedMessage = `MESSAGE sip:100@example.test SIP/2.0
v: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK776sgdkse
f: sip:caller@elsewhere.test;tag=49583
t: sip:100@example.test
i: asd88asd77a@127.0.0.1
CSeq: 1 MESSAGE
Proxy-Authorization: Digest username="200",realm="example.test",nonce="0",uri="sip:100@example.test",response="00000000000000000000000000000000"
P-Preferred-Identity: "X" <sip:200@example.test>
Privacy: id;header
Subject: one,
 two
c: text/plain;charset=utf-8
l: 5

hello`
	seedResponse = `SIP/2.0 180 Ringing
Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK4b43c2ff8.1;received=127.0.0.1
Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKnashds8;rport=5070
From: <sip:caller@elsewhere.test>;tag=9fxced76sl
To: <sip:100@example.test>;tag=314159
Call-ID: 3848276298220188511@127.0.0.1
CSeq: 1 INVITE
Contact: <sip:100@127.0.0.1:5070>
Record-Route: <sip:127.0.0.1:5060;lr=on>
Require: 100rel
RSeq: 813520
Content-Length: 0

`
)

// anomalous makes every message in which one element of a seed has been
// replaced by one anomaly, or one line has been treated as a whole.
func anomalous(seed string) (cases [][]byte) {
	head, body, _ := strings.Cut(crlfAll(seed), "\r\n\r\n")
	for _, span := range elements(head) {
		for _, a := range anomalies() {
			cases = append(cases, []byte(head[:span[0]]+a+head[span[1]:]+"\r\n\r\n"+body))
		}
	}
	for _, span := range elements(body) {
		for _, a := range []string{"", "\x00", "-1", "18446744073709551616", "%n%s", strings.Repeat("a", 4096), "\r\n\r\n", "\xff\xfe"} {
			cases = append(cases, []byte(head+"\r\n\r\n"+body[:span[0]]+a+body[span[1]:]))
		}
	}
	lines := strings.Split(head, "\r\n")
	for i, l := range lines {
		for _, as := range []string{"", l + "\r\n" + l, strings.Repeat(l+"\r\n", 200) + l, strings.Replace(l, ":", "", 1), strings.ToLower(l), strings.ToUpper(l),
			strings.ReplaceAll(l, " ", "\r\n "), l + "\n", "X" + l, l + strings.Repeat(" ", 3000), ":" + l, " " + l} {
			all := append(append(append([]string(nil), lines[:i]...), as), lines[i+1:]...)
			cases = append(cases, []byte(strings.Join(all, "\r\n")+"\r\n\r\n"+body))
		}
	}
	return cases
}

func crlfAll(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// elements are the places of the parts of a text.
func elements(text string) [][]int { return tokens.FindAllStringIndex(text, -1) }

// protos is the fixed set of cases: a sample of all anomalous messages, the same
// in every run.
func protos(n int) [][]byte {
	var all [][]byte
	for _, m := range messages {
		all = append(all, anomalous(m)...)
	}
	r := rand.New(rand.NewPCG(20030217, 1))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(n, len(all))]
}

// mutate changes a message at random.
func mutate(r *rand.Rand, seeds [][]byte) []byte {
	b := bytes.Clone(seeds[r.IntN(len(seeds))])
	list := anomalies()
	for range 1 + r.IntN(4) {
		if len(b) == 0 {
			break
		}
		i := r.IntN(len(b))
		j := min(len(b), i+1+r.IntN(24))
		switch r.IntN(8) {
		case 0:
			b[i] ^= 1 << r.IntN(8)
		case 1:
			b = append(b[:i:i], b[j:]...)
		case 2:
			b = append(b[:j:j], b[i:]...)
		case 3:
			b = append(b[:i:i], append([]byte(list[r.IntN(len(list))]), b[j:]...)...)
		case 4:
			other := seeds[r.IntN(len(seeds))]
			b = append(b[:i:i], other[r.IntN(len(other)+1):]...)
		case 5:
			b[i] = byte(r.IntN(256))
		case 6:
			if spans := tokens.FindAllIndex(b, -1); len(spans) > 0 {
				s := spans[r.IntN(len(spans))]
				b = append(b[:s[0]:s[0]], append([]byte(list[r.IntN(len(list))]), b[s[1]:]...)...)
			}
		case 7:
			b = b[:i]
		}
	}
	if len(b) > 60000 {
		b = b[:60000]
	}
	return b
}

func TestGenerator(t *testing.T) {
	a, b := protos(4500), protos(4500)
	if len(a) != 4500 {
		t.Fatalf("%d cases", len(a))
	}
	distinct := make(map[string]bool)
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			t.Fatal("not the same in every run")
		}
		distinct[string(a[i])] = true
	}
	if len(distinct) < 4200 {
		t.Errorf("only %d of the cases differ", len(distinct))
	}
}
