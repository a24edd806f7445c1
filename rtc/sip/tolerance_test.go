package sip

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// Each tolerance has its test: what real devices send must pass Parse and
// Check, be read right, and be forwarded and answered octet by octet.

// tolerated accepts a message, forwards it and gives it back.
func tolerated(t *testing.T, in []byte) *Message {
	t.Helper()
	m := new(Message)
	if err := accept(m, in); err != nil {
		t.Fatalf("%d %s", err.Code, err.Reason)
	}
	m.Source = source
	var e Edit
	e.Start(m)
	e.PushVia([]byte("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK.1"))
	f := new(Message)
	if err := accept(f, e.Append(nil)); err != nil {
		t.Fatalf("forwarded: %d %s", err.Code, err.Reason)
	}
	r := new(Message)
	if err := accept(r, AppendResponse(nil, m, Response{Code: 200, ToTag: "t"})); err != nil {
		t.Fatalf("answered: %d %s", err.Code, err.Reason)
	}
	return m
}

// request is an OPTIONS with lines in place of or behind its own.
func request(lines ...string) []byte {
	own := []string{
		"Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1", "From: <sip:a@example.com>;tag=1",
		"To: <sip:b@example.com>", "Call-ID: 1@a", "CSeq: 1 OPTIONS", "Max-Forwards: 70", "Content-Length: 0",
	}
	for _, l := range lines {
		name, _, _ := strings.Cut(l, ":")
		replaced := false
		for i := range own {
			if n, _, _ := strings.Cut(own[i], ":"); HeaderByName(n) == HeaderByName(strings.TrimSpace(name)) {
				own[i], replaced = l, true
			}
		}
		if !replaced {
			own = append(own, l)
		}
	}
	return []byte("OPTIONS sip:b@example.com SIP/2.0\r\n" + strings.Join(own, "\r\n") + "\r\n\r\n")
}

func TestToleratesRFC2543(t *testing.T) {
	m := tolerated(t, crlf(`
REGISTER sip:rtc.test SIP/2.0
To: sip:100@rtc.test
From: <sip:100@rtc.test>
Call-ID: 000532ff-828108c2-79016ad7-69ac4815@127.0.0.1
CSeq: 102 REGISTER
Contact: sip:100@127.0.0.1:5060
Via: SIP/2.0/UDP 127.0.0.1:5060
Expires: 3600
User-Agent: CSCO/4
Content-Length: 0

`))
	v, _ := m.TopVia()
	if v.Branch != nil || v.Modern() || m.FromTag() != nil {
		t.Error("a branch or tag from nowhere")
	}
}

func TestToleratesTwoBlanksInVia(t *testing.T) {
	m := tolerated(t, request("Via: SIP/2.0/UDP  66.7.238.211:5060"))
	v, _ := m.TopVia()
	text(t, "host", v.Host, "66.7.238.211")
	equal(t, "port", v.Port, 5060)
}

func TestToleratesQuotedViaParameter(t *testing.T) {
	const via = `SIP/2.0/UDP 10.1.1.1:5060;x-ds0num="ISDN 0 / 0 / 1:15 0 / 0 / 1 : DS1; 9 : DS0,";branch=z9hG4bK1281B9C`
	m := tolerated(t, request("Via: "+via))
	v, _ := m.TopVia()
	text(t, "branch", v.Branch, "z9hG4bK1281B9C")
	out := AppendResponse(nil, m, Response{Code: 200})
	if !bytes.Contains(out, []byte("Via: "+via+";received=192.0.2.99\r\n")) {
		t.Errorf("response\n%s", out)
	}
}

func TestToleratesLeadingCRLF(t *testing.T) {
	m := tolerated(t, append([]byte("\r\n\r\n"), request()...))
	equal(t, "bytes", bytes.Equal(m.Bytes(), request()), true)
}

func TestToleratesShortBody(t *testing.T) {
	for missing := range 9 {
		in := append(request("Content-Length: 20"), strings.Repeat("x", 20-missing)...)
		var m Message
		err := accept(&m, in)
		if (err == nil) != (missing <= 6) {
			t.Errorf("%d missing: %v", missing, err)
		}
		if err == nil {
			equal(t, "body", len(m.Body()), 20-missing)
			var e Edit
			e.Start(&m)
			f := parse(t, e.Append(nil))
			n, _ := f.ContentLength()
			equal(t, "forwarded length", n, 20-missing)
		}
		var f Framer
		if n, err := f.Frame(in, 4096); err != nil || (n > 0) != (missing == 0) {
			t.Errorf("%d missing on a stream: framed %d %v", missing, n, err)
		}
	}
}

func TestToleratesFoldedCredentials(t *testing.T) {
	m := tolerated(t, request("Authorization: Digest username=\"a\",realm=\"r\",\r\n  nonce=\"n,1\",\r\n\turi=\"sip:r\" , response=00"))
	c, err := ParseCredentials(m.Get(HdrAuthorization))
	if err != nil {
		t.Fatal(err)
	}
	v, _ := c.Param("nonce")
	text(t, "nonce", v, "n,1")
	v, _ = c.Param("uri")
	text(t, "uri", v, "sip:r")
}

func TestToleratesTabInCSeq(t *testing.T) {
	m := tolerated(t, request("CSeq: 1\tOPTIONS"))
	text(t, "method", m.CSeqMethod(), "OPTIONS")
}

func TestToleratesLeadingZeroCSeq(t *testing.T) {
	m := tolerated(t, request("CSeq: 0000000000101 OPTIONS"))
	n, _ := m.CSeq()
	equal(t, "cseq", n, 101)
}

func TestToleratesSeveralContacts(t *testing.T) {
	in := bytes.Replace(request("Contact: <sip:a@1>;expires=60, <sip:a@2>"), []byte("\r\n\r\n"), []byte("\r\nm: sip:a@3;expires=0\r\n\r\n"), 1)
	m := tolerated(t, in)
	equal(t, "lines", m.Count(HdrContact), 2)
	var last NameAddr
	n := 0
	for v := range m.Values(HdrContact) {
		last, _ = ParseNameAddr(v)
		n++
	}
	equal(t, "contacts", n, 3)
	text(t, "last", last.URI, "sip:a@3")
}

func TestToleratesQuotedContactParameters(t *testing.T) {
	const contact = `<sip:a@1:5060;line=x>;methods="INVITE, ACK, BYE";+sip.instance="<urn:uuid:1>";+u.sip!model.ccm.cisco.com="7";reg-id=1`
	m := tolerated(t, request("Contact: "+contact))
	for v := range m.Values(HdrContact) {
		text(t, "contact", v, contact)
	}
	a, ok := m.FirstAddr(HdrContact)
	equal(t, "ok", ok, true)
	for name, want := range map[string]string{
		"methods": "INVITE, ACK, BYE", "+SIP.instance": "<urn:uuid:1>", "+u.sip!model.ccm.cisco.com": "7", "reg-id": "1",
	} {
		v, _ := a.Param(name)
		text(t, name, v, want)
	}
}

func TestToleratesNoBlankAfterColon(t *testing.T) {
	m := tolerated(t, request("Via:SIP/2.0/UDP h;branch=z9hG4bK1", "From:\"36602\" <sip:36602@127.0.0.1>;tag=3E948-4C5", "CSeq:101 OPTIONS", "Timestamp:1034372426"))
	text(t, "tag", m.FromTag(), "3E948-4C5")
	out := AppendResponse(nil, m, Response{Code: 100})
	if !bytes.Contains(out, []byte("\r\nTimestamp: 1034372426\r\n")) {
		t.Errorf("%s", out)
	}
}

func TestToleratesTrailingBlanks(t *testing.T) {
	m := tolerated(t, request("To: <sip:b@example.com>;tag=7B9DD228-940        ", "Server: Cisco-SIPGateway/IOS-12.x \t ", "Call-ID: 1@a  "))
	text(t, "tag", m.ToTag(), "7B9DD228-940")
	text(t, "call-id", m.CallID(), "1@a")
	text(t, "server", m.Get(HdrServer), "Cisco-SIPGateway/IOS-12.x")
	r := parse(t, AppendResponse(nil, m, Response{Code: 200, ToTag: "own"}))
	text(t, "answered tag", r.ToTag(), "7B9DD228-940")
}

func TestToleratesPaddedContentLength(t *testing.T) {
	m := tolerated(t, append(request("Content-Length:   003"), "abc"...))
	text(t, "body", m.Body(), "abc")
}

func TestToleratesMixedCaseAndCompactNames(t *testing.T) {
	m := tolerated(t, crlf(`
OPTIONS sip:b SIP/2.0
vIA: SIP/2.0/udp h;BRANCH=z9hG4bK1;RPort
F: sip:a@b;TAG=1
t :sip:c@d
call-id: 1
cseq: 1 OPTIONS
max-FORWARDS: 9
L:0

`))
	v, _ := m.TopVia()
	text(t, "branch", v.Branch, "z9hG4bK1")
	equal(t, "rport", v.RPort, true)
	text(t, "tag", m.FromTag(), "1")
}

func TestToleratesSeveralViasInOneLine(t *testing.T) {
	m := tolerated(t, request("Via: SIP/2.0/UDP a;branch=z9hG4bK1;rport , SIP/2.0/TCP b;branch=z9hG4bK2"))
	equal(t, "vias", count(m.Values(HdrVia)), 2)
	out := AppendResponse(nil, m, Response{Code: 200})
	want := "Via: SIP/2.0/UDP a;branch=z9hG4bK1;rport=5062;received=192.0.2.99 , SIP/2.0/TCP b;branch=z9hG4bK2\r\n"
	if !bytes.Contains(out, []byte(want)) {
		t.Errorf("%s", out)
	}
}

func TestToleratesNoMaxForwards(t *testing.T) {
	m := tolerated(t, bytes.Replace(request(), []byte("Max-Forwards: 70\r\n"), nil, 1))
	_, ok := m.MaxForwards()
	equal(t, "ok", ok, false)
}

func TestToleratesUnbracketedAddresses(t *testing.T) {
	m := tolerated(t, request("From: sip:a@b;tag=x", "To: tel:+1-201-555-0123"))
	a, _ := m.From()
	text(t, "uri", a.URI, "sip:a@b")
	text(t, "tag", a.Tag(), "x")
}

func TestToleratesUnknownBadIdentity(t *testing.T) {
	m := tolerated(t, request("P-Asserted-Identity: not an address", "P-Preferred-Identity: \"open"))
	_, ok := m.FirstAddr(HdrPAssertedIdentity)
	equal(t, "identity", ok, false)
}

func TestToleratesBlanksInViaParameters(t *testing.T) {
	m := tolerated(t, request("Via: SIP / 2.0 / UDP host : 5070 ; branch = z9hG4bK1 ;\r\n received = 1.2.3.4;"))
	v, _ := m.TopVia()
	text(t, "branch", v.Branch, "z9hG4bK1")
	text(t, "received", v.Received, "1.2.3.4")
	equal(t, "port", v.Port, 5070)
}

func TestToleratesNULInBody(t *testing.T) {
	m := tolerated(t, append(request("Content-Length: 4"), 7, 0, 7, 0xd0))
	text(t, "body", m.Body(), "\x07\x00\x07\xd0")
}

func TestToleratesTrailingOctets(t *testing.T) {
	m := tolerated(t, append(request(), "\x00\x00junk"...))
	equal(t, "body", len(m.Body()), 0)
}

func TestToleratesNoContentLength(t *testing.T) {
	in := bytes.Replace(request(), []byte("Content-Length: 0\r\n"), nil, 1)
	m := tolerated(t, append(in, "body"...))
	text(t, "body", m.Body(), "body")
	var e Edit
	e.Start(m)
	f := parse(t, e.Append(nil))
	n, _ := f.ContentLength()
	equal(t, "forwarded length", n, 4)
}

func TestToleratesUTF8AndUnquotedDisplay(t *testing.T) {
	m := tolerated(t, request("From: Jürgen K. (Büro) <sip:j@example.com>;tag=1", "To: Müller<sip:m%C3%BC@example.com>"))
	a, _ := m.From()
	text(t, "display", a.Display, "Jürgen K. (Büro)")
}

func TestToleratesHashInUser(t *testing.T) {
	m := tolerated(t, request("To: <sip:*21#@example.com>"))
	a, _ := m.To()
	u, err := ParseURI(a.URI)
	if err != nil || string(u.User) != "*21#" {
		t.Errorf("%q %v", u.User, err)
	}
}

func TestToleratesEmptyUserAndNoUser(t *testing.T) {
	tolerated(t, request("From: \"unknown\" <sip:1.2.3.4>;tag=1", "Contact: <sip:1.2.3.4:5060>", "Record-Route: <sip:@1.2.3.4;lr>"))
}

// A phone of 2001 writes the tag of To before there is one.
func TestToleratesEmptyTag(t *testing.T) {
	for line, answered := range map[string]string{
		"To: <sip:b@example.com>;tag=":             "To: <sip:b@example.com>;tag=own",
		"To: <sip:b@example.com>;tag":              "To: <sip:b@example.com>;tag=own",
		"To: <sip:b@example.com> ; tag= ; x=\"y\"": "To: <sip:b@example.com> ;x=\"y\";tag=own",
		"To: sip:b@example.com;x;TAG=":             "To: sip:b@example.com;x;tag=own",
	} {
		m := tolerated(t, request(line))
		if m.ToTag() != nil {
			t.Errorf("%s: tag %q", line, m.ToTag())
		}
		out := AppendResponse(nil, m, Response{Code: 200, ToTag: "own"})
		if !bytes.Contains(out, []byte("\r\n"+answered+"\r\n")) {
			t.Errorf("%s\n%s", line, out)
		}
	}
	m := tolerated(t, request("From: <sip:a@example.com>;tag="))
	equal(t, "no From tag", m.FromTag() == nil, true)
}

// The version has no case; what we forward has capitals (RFC 3261 §7.1).
func TestToleratesVersionInLowerCase(t *testing.T) {
	for _, in := range [][]byte{
		bytes.Replace(request(), []byte("SIP/2.0\r\n"), []byte("sip/2.0\r\n"), 1),
		bytes.Replace(request(), []byte("OPTIONS sip:b@example.com SIP/2.0"), []byte("sip/2.0 200 OK"), 1),
		bytes.Replace(request(), []byte("OPTIONS sip:b@example.com SIP/2.0"), []byte("Sip/2.0 200"), 1),
	} {
		var m Message
		if err := accept(&m, in); err != nil {
			t.Fatalf("%s: %+v", in, err)
		}
		var e Edit
		e.Start(&m)
		out := e.Append(nil)
		line, _, _ := bytes.Cut(out, []byte("\r\n"))
		if !bytes.Contains(line, []byte("SIP/2.0")) || len(out) != len(in) {
			t.Errorf("forwarded as %s", out)
		}
	}
}

func TestCutCredentials(t *testing.T) {
	for in, want := range map[string][]string{
		`Digest a="1", b=2`:                      {`Digest a="1", b=2`},
		`Digest a="1, Basic x", b = 2`:           {`Digest a="1, Basic x", b = 2`},
		`Digest a="1",b=2, Digest a="3"`:         {`Digest a="1",b=2`, `Digest a="3"`},
		`Basic QWxhZGRpbg==,Digest a=1,NTLM abc`: {`Basic QWxhZGRpbg==`, `Digest a=1`, `NTLM abc`},
		"Digest a=1,\r\n Digest b=2":             {`Digest a=1`, `Digest b=2`},
		`Digest a="open, Digest b=2`:             {`Digest a="open, Digest b=2`},
		`Digest a=1,,`:                           {`Digest a=1,,`},
	} {
		var got []string
		for rest := []byte(in); len(rest) > 0; {
			var one []byte
			one, rest = CutCredentials(rest)
			got = append(got, string(one))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", in, got)
		}
	}
}
