package sip

import (
	"strings"
	"testing"
)

func TestAppendResponse(t *testing.T) {
	m := parse(t, crlf(`
INVITE sip:b SIP/2.0
Record-Route: <sip:p2;lr>, <sip:p1;lr>
v: SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK2
f: sip:a@b;tag=1
To: sip:c@d
Via: SIP/2.0/TCP q;branch=z9hG4bK1
Call-ID: x
Timestamp: 54.1
CSeq: 0009
  INVITE
Subject: not copied
l: 0

`))
	m.Source = source
	const head = "Via: SIP/2.0/UDP 10.0.0.1;rport=5062;branch=z9hG4bK2;received=192.0.2.99\r\n"
	const tail = "Via: SIP/2.0/TCP q;branch=z9hG4bK1\r\nFrom: sip:a@b;tag=1\r\nTo: sip:c@d"
	const rest = "\r\nCall-ID: x\r\nCSeq: 0009\r\n  INVITE\r\nTimestamp: 54.1\r\n"
	const rr = "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\n"
	for _, c := range []struct {
		r    Response
		want string
	}{
		{Response{Code: 100}, "SIP/2.0 100 Trying\r\n" + head + tail + rest + "Content-Length: 0\r\n\r\n"},
		{Response{Code: 180, ToTag: "t"}, "SIP/2.0 180 Ringing\r\n" + rr + head + tail + ";tag=t" + rest + "Content-Length: 0\r\n\r\n"},
		{Response{Code: 404, ToTag: "t", Reason: "No\r\nEvil: x"}, "SIP/2.0 404 No  Evil: x\r\n" + head + tail + ";tag=t" + rest + "Content-Length: 0\r\n\r\n"},
		{Response{Code: 200, ToTag: "t", Header: []byte("Contact: <sip:me>\r\n"), ContentType: "application/sdp", Body: []byte("v=0\r\n")},
			"SIP/2.0 200 OK\r\n" + rr + head + tail + ";tag=t" + rest + "Contact: <sip:me>\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"},
	} {
		if got := string(AppendResponse([]byte("x"), m, c.r)); got != "x"+c.want {
			t.Errorf("%s\nwant\n%s", got, c.want)
		}
	}
}

func TestAppendResponseKeepsToTag(t *testing.T) {
	for _, to := range []string{"<sip:a>;tag=own", "sip:a ;\r\n tag = own", "\"a;tag=x\" <sip:a>;x;TAG=own"} {
		m := parse(t, []byte("BYE sip:b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nTo: "+to+"\r\n\r\n"))
		out := string(AppendResponse(nil, m, Response{Code: 200, ToTag: "new"}))
		if strings.Contains(out, "new") || !strings.Contains(out, "To: "+to+"\r\n") {
			t.Errorf("%q: %s", to, out)
		}
	}
}

func TestAppendResponseToHalfARequest(t *testing.T) {
	var m Message
	if m.Parse([]byte("INVITE  sip:b SIP/2.0\r\nBad\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nCSeq: 1 INVITE\r\nl: -1\r\n")) == nil {
		t.Fatal("accepted")
	}
	want := "SIP/2.0 400 Why\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
	if got := string(AppendResponse(nil, &m, Response{Code: 400, Reason: "Why", ToTag: "t"})); got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
	m.Parse(nil)
	if got := string(AppendResponse(nil, &m, Response{Code: 400})); got != "SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n" {
		t.Errorf("%q", got)
	}
}

func TestBuilder(t *testing.T) {
	b := Builder{Buf: []byte("0")}
	b.Request("NOTIFY", []byte("sip:a@b"))
	b.HeaderString(HdrVia, "SIP/2.0/UDP h")
	b.Header(HdrCSeq, []byte("1 NOTIFY"))
	b.HeaderString(HdrSubject, "a\r\nB: c\n")
	b.Raw([]byte("Event: dialog\r\n"))
	want := "0NOTIFY sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCSeq: 1 NOTIFY\r\nSubject: a  B: c \r\nEvent: dialog\r\nContent-Type: t/x\r\nContent-Length: 2\r\n\r\nhi"
	if got := string(b.Finish("t/x", []byte("hi"))); got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
	b = Builder{}
	b.Status(486, "")
	if got := string(b.Finish("", nil)); got != "SIP/2.0 486 Busy Here\r\nContent-Length: 0\r\n\r\n" {
		t.Errorf("%q", got)
	}
}
