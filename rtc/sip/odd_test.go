package sip

import (
	"fmt"
	"strings"
	"testing"
)

// oddCase is a message with one peculiarity of RFC 4475 or RFC 5118, in words of
// our own: what else is in it is plain.
type oddCase struct {
	section string // of the RFC
	what    string
	start   string   // "" = an INVITE's first line
	lines   []string // replace those of a plain message, or come on top; "-Name" takes one away
	body    string
	code    int // it is refused with; -1 discarded, 0 taken
}

const bodyOfSix = "v=0\r\ns"

// oddCases are the cases of RFC 4475 and RFC 5118, so that they are tried wherever
// this project is.
var oddCases = []oddCase{
	{"4475 3.1.1.1", "blanks, folds and odd case wherever they may stand", "", []string{"VIA  : SIP  / 2.0\r\n /UDP\r\n    pc.test  ; branch =\t z9hG4bKodd", "FROM :\r\n \"A \\\\\\\" B\" <sip:a@test> ; tag = 1"}, "", 0},
	{"4475 3.1.1.2", "every character a token and a user may have", "!odd-Method0_*+`.%'~ sip:1_u.R~(to-be!)&i'+it$/x?,/;;*:&p+as=1@test SIP/2.0", []string{"CSeq: 1 !odd-Method0_*+`.%'~"}, "", 0},
	{"4475 3.1.1.3", "escapes that are to be undone once", "INVITE sip:sips%3Auser%40test@other.test SIP/2.0", []string{"Contact: <sip:a@test>;p=v%41"}, "", 0},
	{"4475 3.1.1.4", "an escaped NUL in a user", "REGISTER sip:test SIP/2.0", []string{"To: sip:null-%00-null@test", "Contact: <sip:%00@h.test>", "CSeq: 1 REGISTER"}, "", 0},
	{"4475 3.1.1.5", "% where nothing is escaped", "RE%47IST%45R sip:r.test SIP/2.0", []string{"CSeq: 1 RE%47IST%45R", "C%6Fntact: <sip:a@test>"}, "", 0},
	{"4475 3.1.1.6", "no blank between display name and <", "OPTIONS sip:a@test SIP/2.0", []string{"From: caller<sip:c@test>;tag=1", "CSeq: 1 OPTIONS"}, "", 0},
	{"4475 3.1.1.7", "long values, many Vias, some in short form", "", append(vias(33), "From: \""+strings.Repeat("long ", 60)+"\" <sip:"+strings.Repeat("u", 200)+"@test>;tag="+strings.Repeat("t", 200)), "", 0},
	{"4475 3.1.1.8", "another request behind the body", "REGISTER sip:test SIP/2.0", []string{"CSeq: 1 REGISTER"}, "INVITE sip:b@test SIP/2.0\r\n\r\n", 0},
	{"4475 3.1.1.9", "a semicolon in the user", "OPTIONS sip:user;par=u%40test@test SIP/2.0", []string{"CSeq: 1 OPTIONS"}, "", 0},
	{"4475 3.1.1.10", "transports nobody knows, below", "OPTIONS sip:a@test SIP/2.0", []string{"Via: SIP/2.0/UDP a.test;branch=z9hG4bK1, SIP/2.0/SCTP b.test, SIP/2.0/UNKNOWN c.test:9", "CSeq: 1 OPTIONS"}, "", 0},
	{"4475 3.1.1.11", "a body of many parts with a NUL", "MESSAGE sip:a@test SIP/2.0", []string{"CSeq: 1 MESSAGE", "Content-Type: multipart/mixed;boundary=7a"}, "--7a\r\n\r\nhi\r\n--7a\r\n\r\n\x00\x82\r\n--7a--\r\n", 0},
	{"4475 3.1.1.12", "a reason in another script", "SIP/2.0 200 = 2**3 \xd0\xbd\xd0\xbe", nil, "", 0},
	{"4475 3.1.1.13", "no reason", "SIP/2.0 100 ", nil, "", 0},

	{"4475 3.1.2.1", "separators too many in Via", "", []string{"Via: SIP/2.0/UDP 192.0.2.1;;,;,,"}, "", 400},
	{"4475 3.1.2.2", "more octets promised than sent", "", []string{"Content-Length: 9999"}, bodyOfSix, 400},
	{"4475 3.1.2.3", "a negative length", "", []string{"Content-Length: -999"}, "", 400},
	{"4475 3.1.2.4", "numbers too large, in a request", "REGISTER sip:test SIP/2.0", []string{"CSeq: 36893488147419103232 REGISTER", "Max-Forwards: 300"}, "", 400},
	{"4475 3.1.2.5", "numbers too large, in a response", "SIP/2.0 503 Busy", []string{"CSeq: 9292394834772304023312 OPTIONS"}, "", -1},
	{"4475 3.1.2.6", "a quote that does not close", "", []string{"To: \"Mr. J. User <sip:j@test>"}, "", 400},
	{"4475 3.1.2.7", "brackets around the Request-URI", "INVITE <sip:a@test> SIP/2.0", nil, "", 400},
	{"4475 3.1.2.8", "a blank in the Request-URI", "INVITE sip:a@test; lr SIP/2.0", nil, "", 400},
	{"4475 3.1.2.9", "two blanks in the request line", "INVITE  sip:a@test  SIP/2.0", nil, "", 400},
	{"4475 3.1.2.10", "blanks behind the version", "INVITE sip:a@test SIP/2.0  ", nil, "", 400},
	{"4475 3.1.2.11", "headers in the Request-URI", "INVITE sip:a@test?Route=%3Csip:b.test%3E SIP/2.0", nil, "", 400},
	{"4475 3.1.2.12", "a date of another zone", "", []string{"Date: Fri, 01 Jan 2010 16:00:00 EST"}, "", 0},
	{"4475 3.1.2.13", "a Contact that needs brackets", "REGISTER sip:test SIP/2.0", []string{"CSeq: 1 REGISTER", "Contact: sip:a@test?Route=%3Csip:b.test%3E"}, "", 0}, // the registrar refuses it
	{"4475 3.1.2.14", "blanks inside the brackets", "", []string{"To: \"J\" < sip:j@test >"}, "", 400},
	{"4475 3.1.2.15", "a display name that needs quotes", "", []string{"From: Bell, Alexander <sip:a@test>;tag=1"}, "", 400},
	{"4475 3.1.2.16", "a version of the future", "INVITE sip:a@test SIP/7.0", nil, "", 505},
	{"4475 3.1.2.17", "CSeq of another method", "INVITE sip:a@test SIP/2.0", []string{"CSeq: 8 OPTIONS"}, "", 400},
	{"4475 3.1.2.18", "the same of an unknown method", "NEWMETHOD sip:a@test SIP/2.0", []string{"CSeq: 8 INVITE"}, "", 501},
	{"4475 3.1.2.19", "a status code too large", "SIP/2.0 4294967301 better not", nil, "", -1},

	{"4475 3.2.1", "the cookie and nothing behind it", "", []string{"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"}, "", 400},
	{"4475 3.3.1", "what must be there is missing", "", []string{"-From", "-Call-ID"}, "", 400},
	{"4475 3.3.2", "a scheme nobody knows", "OPTIONS nobodyKnows:opaque SIP/2.0", []string{"CSeq: 1 OPTIONS"}, "", 0},
	{"4475 3.3.3", "one that is known but not SIP's", "OPTIONS soap.beep://192.0.2.1:3002 SIP/2.0", []string{"CSeq: 1 OPTIONS"}, "", 0},
	{"4475 3.3.4", "unknown schemes in To, From, Contact", "REGISTER sip:test SIP/2.0", []string{"To: isbn:2983792873", "From: <http://www.test>;tag=1", "Contact: <name:John>", "CSeq: 1 REGISTER"}, "", 0},
	{"4475 3.3.5", "extensions that are required", "OPTIONS sip:a@test SIP/2.0", []string{"Require: nothingSupportsThis", "Proxy-Require: norThis", "CSeq: 1 OPTIONS"}, "", 0},
	{"4475 3.3.6", "a body of an unknown type", "", []string{"Content-Type: application/unknown"}, "<x/>", 0},
	{"4475 3.3.7", "credentials of an unknown scheme", "REGISTER sip:test SIP/2.0", []string{"Authorization: NoOneKnows opaque-data=here", "CSeq: 1 REGISTER"}, "", 0},
	{"4475 3.3.8", "twice what may be there once", "", []string{"+CSeq: 2 INVITE", "+Call-ID: two", "+From: <sip:x@test>;tag=2"}, "", 400},
	{"4475 3.3.9", "two lengths", "OPTIONS sip:a@test SIP/2.0", []string{"CSeq: 1 OPTIONS", "Content-Length: 13", "+Content-Length: 5"}, "There is no way", 400},
	{"4475 3.3.10", "a response whose Via is a broadcast address", "SIP/2.0 200 OK", []string{"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1, SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK2"}, "", 0},
	{"4475 3.3.11", "no forwards left", "OPTIONS sip:a@test SIP/2.0", []string{"Max-Forwards: 0", "CSeq: 1 OPTIONS"}, "", 0},
	{"4475 3.3.12", "a Contact parameter nobody knows", "REGISTER sip:test SIP/2.0", []string{"Contact: sip:+19725550100@gw.test;unknown", "CSeq: 1 REGISTER"}, "", 0},
	{"4475 3.3.13", "a URI parameter nobody knows", "REGISTER sip:test SIP/2.0", []string{"Contact: <sip:+19725550100@gw.test;unknown>", "CSeq: 1 REGISTER"}, "", 0},
	{"4475 3.3.14", "headers in a Contact", "REGISTER sip:test SIP/2.0", []string{"Contact: <sip:a@test?Route=%3Csip:b.test%3E>", "CSeq: 1 REGISTER"}, "", 0},
	{"4475 3.3.15", "Accept in every form", "", []string{"Accept: text/plain, */*;q=0.1"}, "", 0},
	{"4475 3.4.1", "a request of 1999", "INVITE sip:a@test SIP/2.0", []string{"-Max-Forwards", "Via: SIP/2.0/UDP 192.0.2.1", "From: sip:a@test"}, "", 0},

	{"5118 4.1", "an IPv6 address in brackets", "REGISTER sip:[2001:db8::10] SIP/2.0", []string{"Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bK1", "CSeq: 1 REGISTER"}, "", 0},
	{"5118 4.2", "one without", "REGISTER sip:2001:db8::10 SIP/2.0", []string{"CSeq: 1 REGISTER"}, "", 400},
	{"5118 4.3", "a port that may be one", "REGISTER sip:[2001:db8::10:5070] SIP/2.0", []string{"CSeq: 1 REGISTER"}, "", 0},
	{"5118 4.4", "a port that is one", "REGISTER sip:[2001:db8::10]:5070 SIP/2.0", []string{"CSeq: 1 REGISTER"}, "", 0},
	{"5118 4.5", "received with brackets", "BYE sip:[2001:db8::10] SIP/2.0", []string{"Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bK1", "CSeq: 1 BYE"}, "", 0},
	{"5118 4.5", "received without", "OPTIONS sip:[2001:db8::10] SIP/2.0", []string{"Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bK1", "CSeq: 1 OPTIONS"}, "", 0},
	{"5118 4.6", "an IPv6 address in the description", "", []string{"Content-Type: application/sdp"}, "v=0\r\no=- 1 1 IN IP6 2001:db8::20\r\ns=-\r\nc=IN IP6 2001:db8::20\r\nt=0 0\r\n", 0},
	{"5118 4.7", "both versions in the header", "BYE sip:u@host.test SIP/2.0", []string{"Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bK1, SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2;received=2001:db8::9:255", "CSeq: 1 BYE"}, "", 0},
	{"5118 4.8", "both versions in the description", "", []string{"Content-Type: application/sdp"}, "v=0\r\nm=audio 1 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\nm=audio 3 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\n", 0},
	{"5118 4.9", "an IPv4 address in IPv6", "", []string{"Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bK1", "Contact: <sip:a@[::ffff:192.0.2.10]:19823>"}, "", 0},
	{"5118 4.10", "three colons", "OPTIONS sip:u@[2001:db8:::192.0.2.1] SIP/2.0", []string{"CSeq: 1 OPTIONS"}, "", 0},
	{"5118 4.10", "two colons", "OPTIONS sip:u@[2001:db8::192.0.2.1] SIP/2.0", []string{"CSeq: 1 OPTIONS"}, "", 0},
}

func vias(n int) (lines []string) {
	lines = append(lines, "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKtop")
	for i := range n {
		name := [...]string{"+v", "+VIA", "+Via", "+V"}[i%4]
		lines = append(lines, fmt.Sprintf("%s: SIP/2.0/TCP sip%d.test;branch=z9hG4bK%d", name, i, i))
	}
	return lines
}

// text writes the message down.
func (c oddCase) text() []byte {
	start := c.start
	if start == "" {
		start = "INVITE sip:b@test SIP/2.0"
	}
	head := []string{"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKplain", "Max-Forwards: 70", "From: <sip:a@test>;tag=1", "To: <sip:b@test>", "Call-ID: odd",
		"CSeq: 1 INVITE", fmt.Sprintf("Content-Length: %d", len(c.body))}
	if c.section == "4475 3.1.1.8" {
		head[len(head)-1] = "Content-Length: 0"
	}
	for _, l := range c.lines {
		name, _, _ := strings.Cut(strings.TrimLeft(l, "+-"), ":")
		at := -1
		for i, h := range head {
			if own, _, _ := strings.Cut(h, ":"); strings.EqualFold(own, strings.TrimSpace(name)) && l[0] != '+' {
				at = i
			}
		}
		switch {
		case l[0] == '-':
			head = append(head[:at], head[at+1:]...)
		case at >= 0:
			head[at] = l
		default:
			head = append(head, strings.TrimPrefix(l, "+"))
		}
	}
	return []byte(start + "\r\n" + strings.Join(head, "\r\n") + "\r\n\r\n" + c.body)
}

func TestOddMessages(t *testing.T) {
	for _, c := range oddCases {
		var m Message
		err := accept(&m, c.text())
		got := 0
		if err != nil {
			if got = err.Code; got == 0 {
				got = -1
			}
		}
		if got != c.code {
			t.Errorf("RFC %s, %s: %d (%v), want %d\n%s", c.section, c.what, got, err, c.code, c.text())
		}
		if got > 0 {
			answers(t, &m, err)
		}
	}
	if len(oddCases) != 49+12 {
		t.Errorf("%d cases, want 49 of RFC 4475 and 12 of RFC 5118", len(oddCases))
	}
}
