package sip

import (
	"bytes"
	"testing"

	"tandem/rtc/sip/torture"
)

// seeds adds messages of all kinds, those of the torture RFCs too.
func seeds(f *testing.F) {
	f.Add(sampleINVITE)
	f.Add(sampleREGISTER)
	f.Add(request("Via: SIP/2.0/UDP a;rport, SIP/2.0/TCP b", "Route: <sip:1>,<sip:2>", "X:\r\n y"))
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nCSeq: 1 BYE\r\n\r\n"))
	f.Add([]byte("A b SIP/2.0\r\nv:\r\n\r\n"))
	for _, c := range oddCases {
		f.Add(c.text())
	}
	for _, c := range torture.All() {
		f.Add(c.Bytes())
	}
}

func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.Clone(b)
		m := new(Message)
		err := m.Parse(b)
		m.Source = source
		readAll(m)
		if !bytes.Equal(in, b) {
			t.Fatal("the input changed")
		}
		if err != nil && (err.Reason == "" || err.Code != 0 && !m.IsRequest()) {
			t.Fatalf("error %+v", err)
		}
		if m.IsRequest() && m.Has(HdrVia) {
			answerable(t, m, err == nil && m.Check() == nil)
		}
		if err == nil && m.Check() == nil {
			forwardable(t, m)
		}
	})
}

// readAll calls every view.
func readAll(m *Message) {
	for i := range m.Len() {
		h := m.At(i)
		m.Count(h.ID)
		m.GetName(string(h.Name))
		for v := range m.Values(h.ID) {
			if m.firstLine(h.ID) != i {
				break // once for each id is enough
			}
			a, _ := ParseNameAddr(v)
			u, _ := ParseURI(a.URI)
			u.AppendAOR(nil)
			a.AppendDisplay(nil)
			ParseVia(v)
			Params(v, func(n, v []byte) bool { return true })
		}
		c, _ := ParseCredentials(h.Value)
		c.Param("nonce")
		m.DialogOf(h.ID)
		m.HasToken(h.ID, "x")
	}
	m.TopVia()
	m.TopRoute()
	m.FromTag()
	m.ToTag()
	m.CSeq()
	m.MethodName()
	m.MaxForwards()
	m.Expires()
	m.Event()
	m.SessionExpires()
	m.RetryAfter()
	m.RAck()
	m.Clone()
	for p := range m.parts() {
		p.Type()
		p.Optional()
	}
	m.FindPart("application/sdp")
}

// answerable checks that a response has all Vias and, to a good request, can be
// read.
func answerable(t *testing.T, m *Message, good bool) {
	out := AppendResponse(nil, m, Response{Code: 200, ToTag: "tag", Body: []byte("x")})
	var r Message
	if err := r.Parse(out); err != nil {
		if good {
			t.Fatalf("response %v\n%q", err, out)
		}
		return
	}
	if r.Count(HdrVia) != m.Count(HdrVia) || string(r.Body()) != "x" {
		t.Fatalf("response\n%q", out)
	}
	if good && (!bytes.Equal(r.FromTag(), m.FromTag()) || r.ToTag() == nil || !bytes.Equal(r.CallID(), m.CallID())) {
		t.Fatalf("response\n%q", out)
	}
}

// forwardable checks what a proxy does to a message: everything it does not
// name comes out as it went in.
func forwardable(t *testing.T, m *Message) {
	var e Edit
	e.Start(m)
	e.PushVia([]byte("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK.1"))
	e.Set(HdrMaxForwards, []byte("5"))
	e.Prepend(HdrRecordRoute, []byte("<sip:me;lr=on>"))
	out := e.Append(nil)
	var f Message
	if err := f.Parse(out); err != nil {
		t.Fatalf("forwarded: %v\n%q", err, out)
	}
	if err := f.Check(); err != nil {
		t.Fatalf("forwarded: %v\n%q", err, out)
	}
	added := 2
	for _, id := range [...]HeaderID{HdrMaxForwards, HdrContentLength} {
		if !m.Has(id) {
			added++
		}
	}
	if f.Len() != m.Len()+added || f.Count(HdrVia) != m.Count(HdrVia)+1 || !bytes.Equal(f.Body(), m.Body()) {
		t.Fatalf("forwarded %d lines of %d\n%q", f.Len(), m.Len(), out)
	}
	j := 0
	for i := range m.Len() {
		h := m.At(i)
		if h.ID == HdrVia || h.ID == HdrMaxForwards || h.ID == HdrContentLength {
			continue
		}
		for j < f.Len() && (!bytes.Equal(f.At(j).Name, h.Name) || !bytes.Equal(f.At(j).Value, h.Value)) {
			j++
		}
		if j == f.Len() {
			t.Fatalf("line %d %q: %q is lost or out of order\n%q", i, h.Name, h.Value, out)
		}
		j++
	}
	popped(t, m)
}

// popped checks that popping one Via and one Route removes one element each.
func popped(t *testing.T, m *Message) {
	var e Edit
	e.Start(m)
	e.PopVia()
	e.PopRoute()
	e.DropLastRoute()
	out := e.Append(nil)
	var f Message
	if err := f.Parse(out); err != nil {
		t.Fatalf("popped: %v\n%q", err, out)
	}
	vias, routes := count(m.Values(HdrVia)), count(m.Values(HdrRoute))
	if count(f.Values(HdrVia)) != vias-1 || count(f.Values(HdrRoute)) != max(routes-2, 0) {
		t.Fatalf("popped of %d Vias and %d Routes\n%q", vias, routes, out)
	}
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{
		"sip:alice:pw@example.com:5060;transport=tcp?a=b&c=d", "sips:%61@[::1]:1", "tel:+1-2(3);ext=4;phone-context=+5",
		"urn:x", "sip:a?b;c@h;d", "sip:a@[2001:db8:::1.2.3.4]",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := ParseURI(b)
		if err != nil {
			return
		}
		if !EqualURI(u, u) {
			t.Fatalf("%q is not equal to itself", b)
		}
		aor := u.AppendAOR(nil)
		v, err := ParseURI(aor)
		if err != nil {
			t.Fatalf("address of record %q of %q: %v", aor, b, err)
		}
		if u.Kind != URIOther && !bytes.Equal(v.AppendAOR(nil), aor) {
			t.Fatalf("address of record of %q: %q, then %q", b, aor, v.AppendAOR(nil))
		}
		AppendUnescaped(nil, b)
		u.Param("transport")
	})
}

func FuzzNameAddr(f *testing.F) {
	for _, s := range []string{`"A \" B" <sip:a@b;c?d>;tag=x;q="1"`, "sip:a;tag=b", "*", "<sip:a>;;", "A B<tel:1>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseNameAddr(b)
		if err != nil || a.Star {
			return
		}
		// What was read, written again, is read the same.
		again := append(append([]byte(nil), a.Display...), '<')
		again = append(append(append(again, a.URI...), '>'), a.Params...)
		c, err := ParseNameAddr(again)
		if err != nil {
			t.Fatalf("%q from %q: %v", again, b, err)
		}
		if !bytes.Equal(a.URI, c.URI) || !bytes.Equal(a.Tag(), c.Tag()) || !bytes.Equal(a.Display, c.Display) {
			t.Fatalf("%q from %q differs", again, b)
		}
		a.AppendDisplay(nil)
	})
}

func FuzzVia(f *testing.F) {
	for _, s := range []string{"SIP/2.0/UDP h:1;branch=z9hG4bK;rport;received=1.2.3.4", "SIP / 2.0 / X [::1] : 5 ; a=\"b;\"", "SIP/2.0/UDP a, SIP/2.0/TCP b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := ParseVia(b); err != nil {
			return
		}
		m := new(Message)
		if m.Parse(append(append([]byte("BYE sip:b SIP/2.0\r\nVia: "), b...), "\r\n\r\n"...)) != nil || m.Len() != 1 {
			return
		}
		m.Source = source
		var r Message
		if err := r.Parse(AppendResponse(nil, m, Response{Code: 200})); err != nil {
			return // no CSeq is no fault of the grammar; a fault is the Via's own
		}
		w, ok := r.TopVia()
		if top, had := m.TopVia(); had && (!ok || !bytes.Equal(top.Branch, w.Branch) || !bytes.Equal(top.Host, w.Host) || w.RPort != top.RPort) {
			t.Fatalf("%q became %q", b, r.Get(HdrVia))
		} else if had && w.RPort && (w.RPortPort != 5062 || string(w.Received) != "192.0.2.99") {
			t.Fatalf("%q became %q", b, r.Get(HdrVia))
		}
	})
}

func FuzzFramer(f *testing.F) {
	f.Add(append(append([]byte("\r\n"), sampleINVITE...), sampleREGISTER...), uint8(7))
	f.Add(request("l : 0"), uint8(1))
	f.Add([]byte("\r\r\n\n\r\n"), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		var whole Framer
		want, wantErr := whole.Frame(b, 8192)
		var f Framer
		n, seen := 0, 0
		var err *Error
		for n == 0 && err == nil && seen < len(b) {
			seen = min(seen+int(step)+1, len(b))
			n, err = f.Frame(b[:seen], 8192)
		}
		if n != want || (err == nil) != (wantErr == nil) {
			t.Fatalf("in pieces %d %v, whole %d %v", n, err, want, wantErr)
		}
		if n > len(b) {
			t.Fatalf("%d of %d octets", n, len(b))
		}
		var m Message
		if n > 0 && m.Parse(b[:n]) == nil {
			if l, ok := m.ContentLength(); !ok || l != len(m.Body()) || len(m.Bytes()) > n {
				t.Fatalf("framed %d octets, body of %d: %d", n, l, len(m.Body()))
			}
			if rest := b[:n-len(m.Bytes())]; len(bytes.Trim(rest, "\r\n")) > 0 {
				t.Fatalf("%q before the message", rest)
			}
		}
	})
}

func FuzzCredentials(f *testing.F) {
	f.Add([]byte(`Digest username="a\"b", realm=r ,,nonce="n,1"`))
	f.Add([]byte("NTLM abc=="))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCredentials(b)
		if err != nil {
			return
		}
		n := 0
		c.Each(func(name, value []byte) bool {
			n++
			if c.Is("Digest") {
				if _, ok := c.Param(string(name)); !ok {
					t.Fatalf("%q: %q is not found", b, name)
				}
			}
			return n < 1000
		})
	})
}

func FuzzMultipart(f *testing.F) {
	f.Add([]byte("multipart/mixed;boundary=b"), []byte("--b\r\nc: x\r\n\r\nbody\r\n--b--\r\n"))
	f.Add([]byte("multipart/mixed;boundary=\"b\""), []byte("--b\n--b\n\n--b"))
	f.Fuzz(func(t *testing.T, contentType, body []byte) {
		n := 0
		for p := range Multipart(contentType, body) {
			n += len(p.Header) + len(p.Body)
			p.Type()
			p.Optional()
			p.find("application/sdp", maxNesting)
		}
		if n > len(body) {
			t.Fatalf("%d octets of parts in %d", n, len(body))
		}
	})
}
