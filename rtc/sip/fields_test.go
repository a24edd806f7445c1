package sip

import (
	"bytes"
	"testing"

	"tandem/rtc/sip/torture"
)

// Field-level checks of the torture messages that hide something.

func TestTortureWsinv(t *testing.T) {
	m := parse(t, torture.Message("wsinv"))
	to, ok := m.To()
	equal(t, "to ok", ok, true)
	text(t, "to tag", to.Tag(), "to-8812")
	text(t, "to uri", to.URI, "sip:ada@example.com")
	from, _ := m.From()
	text(t, "from display", from.Display, `"Bert \\\""`)
	text(t, "from name", from.AppendDisplay(nil), `Bert \"`)
	text(t, "from tag", from.Tag(), "from-17")
	c, ok := m.FirstAddr(HdrContact)
	equal(t, "contact ok", ok, true)
	q, _ := c.Param("q")
	text(t, "q", q, "0.33")
	v, _ := c.Param("extra")
	text(t, "extra", v, "word")
	v, ok = c.Param("bare")
	if v != nil || !ok {
		t.Errorf("bare %q %v", v, ok)
	}
	n, _ := m.CSeq()
	equal(t, "cseq", n, 12)
	text(t, "cseq method", m.CSeqMethod(), "INVITE")
	f, _ := m.MaxForwards()
	equal(t, "max-forwards", f, 68)
	var hosts, branches []string
	for e := range m.Values(HdrVia) {
		v, err := ParseVia(e)
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, string(v.Transport)+" "+string(v.Host))
		branches = append(branches, string(v.Branch))
	}
	equal(t, "vias", len(hosts), 3)
	equal(t, "via 0", hosts[0]+" "+branches[0], "UDP 192.0.2.2 plain-old-branch")
	equal(t, "via 1", hosts[1]+" "+branches[1], "TCP first.example.com z9hG4bK-lower-1")
	equal(t, "via 2", hosts[2]+" "+branches[2], "UDP 198.51.100.7 z9hG4bK-lower-2")
	if s := m.Get(HdrSubject); s == nil || len(s) != 0 {
		t.Errorf("subject %q", s)
	}
	text(t, "folded", m.GetName("x-new-header"), "said on one line\r\n and on the next")
	text(t, "unusual", m.GetName("X-Odd-Value"), ";,;,,;;")
	r, _ := m.TopRoute()
	text(t, "route", r.URI, "sip:edge.example.com;lr;size=big;and-none")
	equal(t, "body", bytes.HasSuffix(m.Body(), []byte("LPC\r\n")), true)
}

func TestTortureEscapes(t *testing.T) {
	m := parse(t, torture.Message("esc01"))
	u, err := ParseURI(m.RequestURI())
	if err != nil {
		t.Fatal(err)
	}
	text(t, "user", u.User, "sips%3Aada%40example.com")
	text(t, "host", u.Host, "example.net")
	text(t, "aor", u.AppendAOR(nil), "sip:sips%3Aada%40example.com@example.net")
	a, _ := m.FirstAddr(HdrContact)
	c, err := ParseURI(a.URI)
	if err != nil {
		t.Fatal(err)
	}
	var names, values []string
	Params(c.Params, func(n, v []byte) bool {
		names = append(names, string(AppendUnescaped(nil, n)))
		values = append(values, string(AppendUnescaped(nil, v)))
		return true
	})
	if len(names) != 2 || names[0] != "lr" || names[1] != "key" || values[1] != "two%42" {
		t.Errorf("%q %q", names, values)
	}
	to, _ := m.To()
	u, _ = ParseURI(to.URI)
	text(t, "to", u.AppendAOR(nil), "sip:ada@example.com")

	m = parse(t, torture.Message("esc02"))
	equal(t, "method", m.Method(), MethodOther)
	text(t, "method", m.MethodName(), "%52EGISTE%52")
	equal(t, "contacts", m.Count(HdrContact), 2)
	text(t, "escaped name", m.GetName("%43ontact"), "<sip:second@h2.example.com>")

	m = parse(t, torture.Message("escnull"))
	var uris []URI
	for e := range m.Values(HdrContact) {
		a, _ := ParseNameAddr(e)
		u, err := ParseURI(a.URI)
		if err != nil {
			t.Fatal(err)
		}
		uris = append(uris, u)
	}
	if len(uris) != 2 || EqualURI(uris[0], uris[1]) {
		t.Error("two contacts that differ in NULs are one")
	}
	text(t, "user", AppendUnescaped(nil, uris[1].User), "\x00\x00")
}

func TestTortureFields(t *testing.T) {
	m := parse(t, torture.Message("longreq"))
	equal(t, "vias", count(m.Values(HdrVia)), 34)
	equal(t, "via lines", m.Count(HdrVia), 34)

	m = parse(t, torture.Message("semiuri"))
	u, _ := ParseURI(m.RequestURI())
	text(t, "user", AppendUnescaped(nil, u.User), "ada;dept=it@example.net")
	text(t, "host", u.Host, "example.com")
	equal(t, "accept", count(m.Values(HdrAccept)), 6)

	m = parse(t, torture.Message("cparam01"))
	a, _ := m.FirstAddr(HdrContact)
	_, ok := a.Param("unknownparam")
	equal(t, "contact parameter", ok, true)
	u, _ = ParseURI(a.URI)
	equal(t, "uri parameters", len(u.Params), 0)

	m = parse(t, torture.Message("cparam02"))
	a, _ = m.FirstAddr(HdrContact)
	_, ok = a.Param("unknownparam")
	equal(t, "contact parameter", ok, false)
	u, _ = ParseURI(a.URI)
	text(t, "uri parameters", u.Params, ";unknownparam")

	m = parse(t, torture.Message("noreason"))
	equal(t, "status", m.StatusCode(), 100)
	equal(t, "reason", len(m.ReasonPhrase()), 0)

	m = parse(t, torture.Message("unreason"))
	equal(t, "status", m.StatusCode(), 200)
	if !bytes.HasPrefix(m.ReasonPhrase(), []byte("= 7 + 14*14 \xd1\x87")) {
		t.Errorf("reason %q", m.ReasonPhrase())
	}

	m = parse(t, torture.Message("regescrt"))
	a, _ = m.FirstAddr(HdrContact)
	u, err := ParseURI(a.URI)
	if err != nil {
		t.Fatal(err)
	}
	text(t, "headers", u.Headers, "Route=%3Csip:edge.example.com%3E")

	m = parse(t, torture.Message("regbadct"))
	if _, err := ParseNameAddr(m.Get(HdrContact)); err == nil || err.Code != 400 {
		t.Errorf("a Contact with '?' outside brackets: %v", err)
	}

	m = parse(t, torture.Message("dblreq"))
	equal(t, "method", m.Method(), REGISTER)
	equal(t, "body", len(m.Body()), 0)
	if bytes.Contains(m.Bytes(), []byte("INVITE")) {
		t.Error("the second request is part of the first")
	}

	m = parse(t, torture.Message("lwsdisp"))
	f, _ := m.From()
	text(t, "display", f.Display, "bert")

	for name, scheme := range map[string]string{"unkscm": "carrierpigeon", "novelsc": "smoke.signal"} {
		m = parse(t, torture.Message(name))
		u, err := ParseURI(m.RequestURI())
		if err != nil || u.Kind != URIOther {
			t.Error(name, err, u.Kind)
		}
		text(t, "scheme", u.Scheme, scheme)
	}
}

func TestTortureIntmeth(t *testing.T) {
	m := parse(t, torture.Message("intmeth"))
	text(t, "method", m.MethodName(), "*Odd-Method.42_`+'~%!")
	equal(t, "method", m.Method(), MethodOther)
	u, err := ParseURI(m.RequestURI())
	if err != nil {
		t.Fatal(err)
	}
	text(t, "user", u.User, "ada.1_~(may-be!so)&or+not=$x?,/;;*")
	text(t, "password", u.Password, "&pa=1,ss!*w$o~r_d.(it's)")
	to, _ := m.To()
	text(t, "to", to.AppendDisplay(nil), "BEL:\a NUL:\x00 DEL:\x7f")
	from, _ := m.From()
	text(t, "from", from.Display, "one1~` two2'+_ three3*%!.-")
	text(t, "from tag", from.Tag(), "~t_1'`+*!-.%")
	p, _ := from.Param("fromParam''~+*_!.-%")
	if len(p) == 0 || p[0] != 0xd1 {
		t.Errorf("fromParam %q", p)
	}
	text(t, "extension", m.GetName("X-Odd-!.%*+_`'~"), "\ufeff你好")
}

func TestTortureIPv6(t *testing.T) {
	m := parse(t, torture.Message("port-ambiguous"))
	u, _ := ParseURI(m.RequestURI())
	text(t, "host", u.Host, "[2001:db8::10:5070]")
	equal(t, "port", u.Port, 0)

	m = parse(t, torture.Message("port-unambiguous"))
	u, _ = ParseURI(m.RequestURI())
	text(t, "host", u.Host, "[2001:db8::10]")
	equal(t, "port", u.Port, 5070)

	for name, want := range map[string]string{
		"via-received-param-with-delim": "[2001:db8::9:255]", "via-received-param-no-delim": "2001:db8::9:255",
	} {
		v, ok := parse(t, torture.Message(name)).TopVia()
		equal(t, name, ok, true)
		text(t, name, v.Received, want)
	}

	m = parse(t, torture.Message("ipv4-mapped-ipv6"))
	v, _ := m.TopVia()
	text(t, "host", v.Host, "[::ffff:192.0.2.10]")
	equal(t, "port", v.Port, 19823)

	m = parse(t, torture.Message("ipv6-bug-abnf-3-colons"))
	u, _ = ParseURI(m.RequestURI())
	three, ok := HostAddr(u.Host)
	m = parse(t, torture.Message("ipv6-correct-abnf-2-colons"))
	u, _ = ParseURI(m.RequestURI())
	if two, known := HostAddr(u.Host); !ok || !known || three != two {
		t.Errorf("with three colons %v, with two %v", three, two)
	}
}

func TestTortureMultipart(t *testing.T) {
	m := parse(t, torture.Message("mpart01"))
	var types []string
	for p := range m.parts() {
		types = append(types, string(p.Type().Value))
		switch len(types) {
		case 1:
			text(t, "first", p.Body, "Hello")
			text(t, "encoding", p.Get("content-transfer-encoding"), "binary")
		case 2:
			if bytes.IndexByte(p.Body, 0) < 0 || p.Body[0] != '0' || p.Body[1] != 0x82 {
				t.Errorf("second %q", p.Body)
			}
		}
	}
	if len(types) != 2 || types[0] != "text/plain" || types[1] != "application/octet-stream" {
		t.Errorf("%q", types)
	}
}
