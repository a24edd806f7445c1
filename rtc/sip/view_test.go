package sip

import (
	"fmt"
	"testing"
)

func TestParseNameAddr(t *testing.T) {
	for _, c := range []struct{ in, display, uri, params, tag string }{
		{`<sip:a@b>`, "", "sip:a@b", "", ""},
		{` "A. G. Bell" <sip:agb@bell-telephone.com> ;tag=a48s `, `"A. G. Bell"`, "sip:agb@bell-telephone.com", ";tag=a48s", "a48s"},
		{`sip:+12125551212@server.phone2net.com;tag=887s`, "", "sip:+12125551212@server.phone2net.com", ";tag=887s", "887s"},
		{`Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8`, "Anonymous", "sip:c8oqz84zk7z@privacy.org", ";tag=hyh8", "hyh8"},
		{`"<sip:x>;tag=no" <sip:a?b;c>;a="<;tag=x>";tag=y`, `"<sip:x>;tag=no"`, "sip:a?b;c", `;a="<;tag=x>";tag=y`, "y"},
		{`sip:a;x="<sip:b>";tag="q"`, "", "sip:a", `;x="<sip:b>";tag="q"`, "q"},
		{`""<sip:a>`, `""`, "sip:a", "", ""},
		{`<sip:a>;;;;`, "", "sip:a", ";;;;", ""},
		{"\r\n <sip:a>\r\n ;\r\n tag\r\n =\r\n x", "", "sip:a", ";\r\n tag\r\n =\r\n x", "x"},
		{`sip:a  ;tag=1`, "", "sip:a", ";tag=1", "1"},
		{`<sip:a>;tags=1;tag`, "", "sip:a", ";tags=1;tag", ""},
	} {
		a, err := ParseNameAddr([]byte(c.in))
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		got := fmt.Sprintf("%q %q %q %q", a.Display, a.URI, a.Params, a.Tag())
		if want := fmt.Sprintf("%q %q %q %q", c.display, c.uri, c.params, c.tag); got != want {
			t.Errorf("%q: %s, want %s", c.in, got, want)
		}
	}
	if a, err := ParseNameAddr([]byte(" * ")); err != nil || !a.Star {
		t.Errorf("star: %+v %v", a, err)
	}
}

func TestRefusesNameAddr(t *testing.T) {
	for _, s := range []string{
		"", " ", "<>", "<sip:a", `"x`, `"x\" <sip:a>`, `"x" sip:a`, `"x"`, "< sip:a>", "<sip:a >", "<sip:a> x", "<sip:a>,<sip:b>",
		"a, b <sip:c>", "sip:a?b=c", "sip:a,b", "sip:a x", ";tag=x", `<sip:a>;x="y`, `sip:a"b"`, "x>",
	} {
		if a, err := ParseNameAddr([]byte(s)); err == nil || err.Code != 400 {
			t.Errorf("%q accepted: %q", s, a.URI)
		}
	}
}

func TestParseVia(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"SIP/2.0/UDP h", `"UDP" "h" 0 "" "" false 0`},
		{"SIP/2.0/TLS h:5061;branch=z9hG4bKx;received=1.2.3.4;rport=77", `"TLS" "h" 5061 "z9hG4bKx" "1.2.3.4" true 77`},
		{"sip/2.0/udp [::1]:1;RPORT", `"udp" "[::1]" 1 "" "" true 0`},
		{"SIP / 2.0 / X-Y h : 1 ; branch = \"q\"", `"X-Y" "h" 1 "q" "" false 0`},
		{"SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK56sdasks;x", `"WSS" "df7jal23ls0d.invalid" 0 "z9hG4bK56sdasks" "" false 0`},
		{"SIP/7.0/UDP h;rport=99999", `"UDP" "h" 0 "" "" true 0`},
	} {
		v, err := ParseVia([]byte(c.in))
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		got := fmt.Sprintf("%q %q %d %q %q %v %d", v.Transport, v.Host, v.Port, v.Branch, v.Received, v.RPort, v.RPortPort)
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
	for branch, modern := range map[string]bool{"z9hG4bKx": true, "z9hG4bK": false, "": false, "390skdjuw": false} {
		v, _ := ParseVia([]byte("SIP/2.0/UDP h;branch=" + branch))
		equal(t, branch, v.Modern(), modern)
	}
}

func TestRefusesVia(t *testing.T) {
	for _, s := range []string{
		"", "h", "SIP/2.0", "SIP/2.0/", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP//UDP h", "SIP/2.0/UDP h h", "SIP/2.0/UDP h:", "SIP/2.0/UDP h:x",
		"SIP/2.0/UDP h:99999", "SIP/2.0/UDP ;branch=x", "SIP/2.0/UDP h;;branch=x", "SIP/2.0/UDP h;=x", "SIP/2.0/UDP h;a=\"x", "SIP/2.0/UDP [::1", "SIP/2.0/UDP h,g",
	} {
		if v, err := ParseVia([]byte(s)); err == nil {
			t.Errorf("%q accepted: %+v", s, v)
		}
	}
}

func TestParams(t *testing.T) {
	const p = ` ; a = 1 ; B="x;\"y" ;c; ;d=` + "\r\n 2\r\n ;e=<f>;"
	var got string
	Params([]byte(p), func(n, v []byte) bool {
		got += fmt.Sprintf("%s:%s|", n, v)
		return string(n) != "e"
	})
	equal(t, "params", got, `a:1|B:"x;\"y"|c:|d:2|e:<f>|`)
	v, ok := Param([]byte(p), "b")
	equal(t, "b", ok, true)
	text(t, "b", AppendUnquoted(nil, v), `x;"y`)
	v, ok = Param([]byte(p), "c")
	equal(t, "c", ok && v == nil, true)
	_, ok = Param([]byte(p), "f")
	equal(t, "f", ok, false)
	_, ok = Param(nil, "f")
	equal(t, "none", ok, false)
}

func TestCredentials(t *testing.T) {
	c, err := ParseCredentials([]byte("DIGEST  username=\"sip:100@h\",realm = \"a, \\\"b\\\"\" ,\r\n\tqop=auth,nc=00000001,,URI=\"sip:h;x=y\",algorithm=md5,opaque=\"\","))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "digest", c.Is("Digest"), true)
	for name, want := range map[string]string{
		"username": "sip:100@h", "realm": `a, \"b\"`, "qop": "auth", "NC": "00000001", "uri": "sip:h;x=y", "algorithm": "md5", "opaque": "",
	} {
		v, ok := c.Param(name)
		equal(t, name, ok, true)
		text(t, name, v, want)
	}
	_, ok := c.Param("response")
	equal(t, "response", ok, false)
	n := 0
	c.Each(func(name, value []byte) bool { n++; return true })
	equal(t, "parameters", n, 7)

	c, err = ParseCredentials([]byte("NTLM TlRMTVNTUAAB=="))
	if err != nil || !c.Is("ntlm") || string(c.Params) != "TlRMTVNTUAAB==" {
		t.Errorf("%q %q %v", c.Scheme, c.Params, err)
	}
	for _, s := range []string{"", "@ x", "a\"b"} {
		if c, err := ParseCredentials([]byte(s)); err == nil || err.Code != 400 {
			t.Errorf("%q accepted: %q", s, c.Params)
		}
	}
	for _, s := range []string{"Digest x", "Digest a=\"b", "Digest a=\"b\"c", "Digest a b=c", "Digest =x", "Digest ok=1,x"} {
		c, err := ParseCredentials([]byte(s))
		if err == nil {
			err = c.Each(func(name, value []byte) bool { return true })
		}
		if err == nil || err.Code != 400 {
			t.Errorf("%q accepted: %q", s, c.Params)
		}
	}
	m := parse(t, []byte("BYE sip:b SIP/2.0\r\nAuthorization: Digest a=b, c=d\r\nAuthorization: X y\r\n\r\n"))
	equal(t, "lines", count(m.Lines(HdrAuthorization)), 2)
}

func TestMultipart(t *testing.T) {
	const inner = "--i\r\n\r\nplain\r\n--i\r\nc : Application/SDP; x=y\r\n\r\nv=0\r\n\r\n--i--"
	body := "preamble\r\n--b\r\nContent-Type: application/gtd\r\nContent-Disposition: signal;\r\n handling=optional\r\n\r\nIAM,\r\n--bx\r\n--b  \r\n" +
		"Content-Type: multipart/alternative;boundary=i\r\n\r\n" + inner + "\r\n--b\r\n\r\n\r\n--b--\r\nepilogue\r\n--b\r\n\r\nno"
	m := parse(t, append(request("Content-Type: multipart/mixed;boundary=\"b\"", fmt.Sprintf("Content-Length: %d", len(body))), body...))
	var got string
	for p := range m.parts() {
		got += fmt.Sprintf("%s %v %q|", p.Type().Value, p.Optional(), p.Body)
	}
	want := fmt.Sprintf("application/gtd true %q|multipart/alternative false %q|text/plain false \"\"|", "IAM,\r\n--bx", inner)
	equal(t, "parts", got, want)
	p, ok := m.FindPart("application/sdp")
	equal(t, "sdp", ok, true)
	text(t, "sdp", p.Body, "v=0\r\n")
	_, ok = m.FindPart("application/isup")
	equal(t, "isup", ok, false)

	m = parse(t, sampleINVITE)
	p, ok = m.FindPart("Application/sdp")
	equal(t, "alone", ok, true)
	equal(t, "alone", string(p.Body), string(m.Body()))
	m = parse(t, request())
	equal(t, "none", count(m.parts()), 0)

	for body, want := range map[string]int{"": 0, "--b": 1, "--b\r\n": 1, "--b--": 0, "--b\n\nx\n--b--": 1, "--b\r\n--b\r\n--b--": 2, "x--b\r\n\r\n": 0} {
		if n := count(Multipart([]byte("multipart/mixed; boundary=b"), []byte(body))); n != want {
			t.Errorf("%q: %d parts, want %d", body, n, want)
		}
	}
	equal(t, "no boundary", count(Multipart([]byte("multipart/mixed"), []byte("--\r\n\r\n--"))), 0)
}

// What is written twice counts once, and as the same everywhere: the rport we
// fill in is the one a response is sent by.
func TestViaParameterTwice(t *testing.T) {
	v, err := ParseVia([]byte("SIP/2.0/UDP h;rport=1;rport=2;branch=z9hG4bKa;branch=z9hG4bKb;received=192.0.2.1;received=192.0.2.2"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rport", v.RPortPort, uint16(1))
	text(t, "branch", v.Branch, "z9hG4bKa")
	text(t, "received", v.Received, "192.0.2.1")
	m := parse(t, []byte("BYE sip:b SIP/2.0\r\nVia: SIP/2.0/UDP h;rport;rport;branch=z9hG4bK1\r\nCSeq: 1 BYE\r\n\r\n"))
	m.Source = source
	r := parse(t, AppendResponse(nil, m, Response{Code: 200}))
	w, _ := r.TopVia()
	equal(t, "rport of the response", w.RPortPort, source.Port())
}
