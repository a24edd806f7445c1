package sip

import (
	"net/netip"
	"strings"
	"testing"
)

const editHead = "INVITE sip:b@x SIP/2.0\r\n"

// edited applies f to a request with these lines, parted by '|', and returns the
// lines that came out in the same notation, without the request line.
func edited(t *testing.T, lines string, f func(e *Edit)) string {
	t.Helper()
	m := parse(t, []byte(editHead+strings.ReplaceAll(lines, "|", "\r\n")+"\r\nContent-Length: 3\r\n\r\nabc"))
	m.Source = source
	var e Edit
	e.Start(m)
	f(&e)
	out := string(e.Append([]byte("kept")))
	head, found := strings.CutPrefix(out, "kept"+editHead)
	if !found {
		t.Fatalf("head changed: %q", out)
	}
	head, found = strings.CutSuffix(head, "\r\nContent-Length: 3\r\n\r\nabc")
	if !found {
		t.Fatalf("end changed: %q", out)
	}
	return strings.ReplaceAll(head, "\r\n", "|")
}

func TestEditLists(t *testing.T) {
	pop := func(n, drop int) func(*Edit) {
		return func(e *Edit) {
			for range n {
				e.PopRoute()
			}
			for range drop {
				e.DropLastRoute()
			}
		}
	}
	for _, c := range []struct {
		name, in, out string
		f             func(*Edit)
	}{
		{"nothing", "Via: a|X:  y |Route: <sip:1>", "Via: a|X:  y |Route: <sip:1>", func(*Edit) {}},
		{"pop a line", "Via: a|Route: <sip:1>|Route: <sip:2>|X: y", "Via: a|Route: <sip:2>|X: y", pop(1, 0)},
		{"pop two lines", "Route: <sip:1>|X: y|Route: <sip:2>|Z: y", "X: y|Z: y", pop(2, 0)},
		{"pop too many", "Route: <sip:1>|X: y", "X: y", pop(5, 0)},
		{"pop of none", "X: y", "X: y", pop(1, 1)},
		{"pop an element", "Route: <sip:1,a>;x=\",\" , <sip:2> ,<sip:3>|X: y", "Route: <sip:2> ,<sip:3>|X: y", pop(1, 0)},
		{"pop elements", "Route: <sip:1>, <sip:2> ,<sip:3>|Route: <sip:4>", "Route: <sip:3>|Route: <sip:4>", pop(2, 0)},
		{"pop a line by elements", "Route: <sip:1>, <sip:2>|Route: <sip:4>", "Route: <sip:4>", pop(2, 0)},
		{"pop across", "Route: <sip:1>, <sip:2>|Route: <sip:4>,<sip:5>", "Route: <sip:5>", pop(3, 0)},
		{"pop folded", "Route: <sip:1>,| <sip:2>|X: y", "Route: <sip:2>|X: y", pop(1, 0)},
		{"pop empty elements", "Route: ,,<sip:1>,, <sip:2>,|X: y", "Route: ,,<sip:2>,|X: y", pop(1, 0)},
		{"drop a line", "Route: <sip:1>|Route: <sip:2>|X: y", "Route: <sip:1>|X: y", pop(0, 1)},
		{"drop an element", "Route: <sip:1>, <sip:2> , <sip:3>|X: y", "Route: <sip:1>, <sip:2>|X: y", pop(0, 1)},
		{"drop elements", "Route: <sip:1>, <sip:2> , <sip:3>|X: y", "Route: <sip:1>|X: y", pop(0, 2)},
		{"drop a line by elements", "Route: <sip:0>|Route: <sip:1>, <sip:2>|X: y", "Route: <sip:0>|X: y", pop(0, 2)},
		{"pop and drop the same", "Route: <sip:1>|X: y", "X: y", pop(1, 1)},
		{"pop and drop both", "Route: <sip:1>, <sip:2>|X: y", "X: y", pop(1, 1)},
		{"pop and drop of three", "Route: <sip:1>, <sip:2>, <sip:3>|X: y", "Route: <sip:2>|X: y", pop(1, 1)},
		{"pop via line", "v: a|X: y|Via: b", "X: y|Via: b", func(e *Edit) { e.PopVia() }},
		{"pop via element", "v: SIP/2.0/UDP a, b|X: y", "v: b|X: y", func(e *Edit) { e.PopVia() }},
		{"del", "Via: a|X: 1|m: <sip:1>|x: 2|Contact: *", "Via: a|X: 1|x: 2", func(e *Edit) { e.Del(HdrContact) }},
		{"del name", "Via: a|X-Y: 1|Z: 3|x-y: 2", "Via: a|Z: 3", func(e *Edit) { e.DelName("x-Y") }},
		{"del known name", "Via: a|k: 1|Supported: 2", "Via: a", func(e *Edit) { e.DelName("supported") }},
		{"del at", "Via: a|X: 1|X: 2", "Via: a|X: 2", func(e *Edit) { e.DelAt(1) }},
		{"del folded", "Via: a|X: 1| 2|Y: 3", "Via: a|Y: 3", func(e *Edit) { e.DelAt(1) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := edited(t, c.in, c.f); got != c.out {
				t.Errorf("%s\nwant %s", got, c.out)
			}
		})
	}
}

func TestEditLines(t *testing.T) {
	b := func(s string) []byte { return []byte(s) }
	for _, c := range []struct {
		name, in, out string
		f             func(*Edit)
	}{
		{"set", "Via: a|max-forwards :  70 |X: y", "Via: a|max-forwards :  69 |X: y", func(e *Edit) { e.Set(HdrMaxForwards, b("69")) }},
		{"set one of many", "Contact: <sip:1>|X: y|m: <sip:2>", "Contact: <sip:n>|X: y", func(e *Edit) { e.Set(HdrContact, b("<sip:n>")) }},
		{"set twice", "Expires: 1|X: y", "Expires: 3|X: y", func(e *Edit) { e.Set(HdrExpires, b("2")); e.Set(HdrExpires, b("3")) }},
		{"set then del", "Expires: 1|X: y", "X: y", func(e *Edit) { e.Set(HdrExpires, b("2")); e.Del(HdrExpires) }},
		{"del then set", "Expires: 1|X: y", "Expires: 2|X: y", func(e *Edit) { e.Del(HdrExpires); e.Set(HdrExpires, b("2")) }},
		{"set empty", "Subject:|X: y", "Subject:new|X: y", func(e *Edit) { e.Set(HdrSubject, b("new")) }},
		{"prepend", "Via: a|X: y|Record-Route: <sip:1>", "Via: a|X: y|Record-Route: <sip:0>|Record-Route: <sip:1>",
			func(e *Edit) { e.Prepend(HdrRecordRoute, b("<sip:0>")) }},
		{"prepend below vias", "Via: a|Via: b|X: y", "Via: a|Via: b|Record-Route: <sip:2>|Record-Route: <sip:1>|X: y",
			func(e *Edit) { e.Prepend(HdrRecordRoute, b("<sip:1>")); e.Prepend(HdrRecordRoute, b("<sip:2>")) }},
		{"prepend above what is popped", "Via: a|Route: <sip:1>|X: y", "Via: a|Route: <sip:0>|X: y",
			func(e *Edit) { e.PopRoute(); e.Prepend(HdrRoute, b("<sip:0>")) }},
		{"set a header prepended to", "Via: a|Route: <sip:1>", "Via: a|Route: <sip:9>",
			func(e *Edit) { e.Prepend(HdrRoute, b("<sip:0>")); e.Set(HdrRoute, b("<sip:9>")) }},
		{"line breaks in values", "Via: a|Subject: x", "Via: a|Subject: a  Evil: b", func(e *Edit) { e.Set(HdrSubject, b("a\r\nEvil: b")) }},
		{"folds in values", "Via: a|Subject: x", "Via: a|Subject: a| b", func(e *Edit) { e.Set(HdrSubject, b("a\r\n b")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := edited(t, c.in, c.f); got != c.out {
				t.Errorf("%s\nwant %s", got, c.out)
			}
		})
	}
}

func TestEditVia(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("192.0.2.99:5062"), netip.MustParseAddrPort("[2001:db8::5]:5062")
	mapped := netip.MustParseAddrPort("[::ffff:192.0.2.99]:5062")
	for _, c := range []struct {
		name   string
		source netip.AddrPort
		in     string
		out    string
	}{
		{"same host", v4, "SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bK1"},
		{"same mapped", mapped, "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bK1"},
		{"other host", v4, "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=192.0.2.99"},
		{"name", v4, "SIP/2.0/UDP pc", "SIP/2.0/UDP pc;received=192.0.2.99"},
		{"rport", v4, "SIP/2.0/UDP 192.0.2.99;rport;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.99;rport=5062;branch=z9hG4bK1;received=192.0.2.99"},
		{"rport blanks", v4, "SIP/2.0/UDP h ; rport ; branch=z", "SIP/2.0/UDP h ; rport=5062 ; branch=z;received=192.0.2.99"},
		{"rport empty", v4, "SIP/2.0/UDP h;rport=", "SIP/2.0/UDP h;rport=5062;received=192.0.2.99"},
		{"rport filled", v4, "SIP/2.0/UDP h;rport=1;x", "SIP/2.0/UDP h;rport=5062;x;received=192.0.2.99"},
		{"received forged", v4, "SIP/2.0/UDP h;received=1.2.3.4;x", "SIP/2.0/UDP h;received=192.0.2.99;x"},
		{"received forged by the same host", v4, "SIP/2.0/UDP 192.0.2.99;received=1.2.3.4", "SIP/2.0/UDP 192.0.2.99;received=192.0.2.99"},
		{"received and rport", v4, "SIP/2.0/UDP h;received=1.2.3.4;rport;x=\"a;b\"", "SIP/2.0/UDP h;received=192.0.2.99;rport=5062;x=\"a;b\""},
		{"received empty", v4, "SIP/2.0/UDP h;branch=z;", "SIP/2.0/UDP h;branch=z;received=192.0.2.99;"},
		{"IPv6", v6, "SIP/2.0/UDP [2001:db8::5];branch=z", "SIP/2.0/UDP [2001:db8::5];branch=z"},
		{"IPv6 spelled out", v6, "SIP/2.0/UDP [2001:0DB8:0::5]", "SIP/2.0/UDP [2001:0DB8:0::5]"},
		{"IPv6 other", v6, "SIP/2.0/UDP [2001:db8::6];rport", "SIP/2.0/UDP [2001:db8::6];rport=5062;received=2001:db8::5"},
		{"IPv6 name", v6, "SIP/2.0/UDP h", "SIP/2.0/UDP h;received=2001:db8::5"},
		{"in a list", v4, "SIP/2.0/UDP h;rport , SIP/2.0/UDP g;rport", "SIP/2.0/UDP h;rport=5062;received=192.0.2.99 , SIP/2.0/UDP g;rport"},
		{"no source", netip.AddrPort{}, "SIP/2.0/UDP h;rport", "SIP/2.0/UDP h;rport"},
		{"bad", v4, "nonsense", "nonsense"},
	} {
		t.Run(c.name, func(t *testing.T) {
			const push = "SIP/2.0/UDP me;branch=z9hG4bK.1"
			m := parse(t, []byte(editHead+"To: <sip:x>\r\nv : "+c.in+"\r\nVia: z\r\nl: 0\r\n\r\n"))
			m.Source = c.source
			var e Edit
			e.Start(m)
			e.PushVia([]byte(push))
			got := string(e.Append(nil))
			want := editHead + "To: <sip:x>\r\nVia: " + push + "\r\nv : " + c.out + "\r\nVia: z\r\nl: 0\r\n\r\n"
			if got != want {
				t.Errorf("forwarded\n%s\nwant\n%s", got, want)
			}
			got = string(AppendResponse(nil, m, Response{Code: 100}))
			want = "SIP/2.0 100 Trying\r\nVia: " + c.out + "\r\nVia: z\r\nTo: <sip:x>\r\nContent-Length: 0\r\n\r\n"
			if got != want {
				t.Errorf("answered\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestEditForward(t *testing.T) {
	m := parse(t, sampleINVITE)
	m.Source = source
	var e Edit
	for range 2 { // the second time on what the first left behind
		e.Start(m)
		e.RequestURI([]byte("sip:wrong"))
		e.RequestURI([]byte("sip:bob@192.0.2.77"))
		e.PushVia([]byte("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK.1"))
		e.PopRoute()
		e.Prepend(HdrRecordRoute, []byte("<sip:192.0.2.1;lr=on>"))
		e.Set(HdrMaxForwards, []byte("69"))
		e.AddName("X-Trunk", []byte("a"))
		e.Add(HdrReason, []byte("SIP;cause=200"))
		e.Body("text/plain", []byte("unused"))
		e.Body("text/plain", []byte("hello"))
		got := string(e.Append(nil))
		want := string(sampleINVITE)
		i := strings.Index(want, "v=0\r\n")
		want = want[:i] + "hello"
		for _, r := range [][2]string{
			{"INVITE sip:bob@192.0.2.44:5060;transport=udp", "INVITE sip:bob@192.0.2.77"},
			{"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK3841726055;rport\r\n",
				"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK.1\r\n" +
					"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK3841726055;rport=5062;received=192.0.2.99\r\n" +
					"Record-Route: <sip:192.0.2.1;lr=on>\r\n"},
			{"Route: <sip:proxy.example.com;lr>\r\n", ""},
			{"Max-Forwards: 70", "Max-Forwards: 69"},
			{"application/sdp", "text/plain"},
			{want[strings.Index(want, "Content-Length: "):strings.Index(want, "hello")],
				"Content-Length: 5\r\nX-Trunk: a\r\nReason: SIP;cause=200\r\n\r\n"},
		} {
			if !strings.Contains(want, r[0]) {
				t.Fatalf("no %q", r[0])
			}
			want = strings.Replace(want, r[0], r[1], 1)
		}
		if got != want {
			t.Fatalf("forwarded\n%s\nwant\n%s", got, want)
		}
	}
}

func TestEditBodyAddsWhatIsMissing(t *testing.T) {
	m := parse(t, []byte(editHead+"Via: a\r\n\r\nold"))
	var e Edit
	e.Start(m)
	e.Body("a/b", []byte("newer"))
	want := editHead + "Via: a\r\nContent-Length: 5\r\nContent-Type: a/b\r\n\r\nnewer"
	if got := string(e.Append(nil)); got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
	e.Start(m)
	e.Body("", nil)
	want = editHead + "Via: a\r\nContent-Length: 0\r\n\r\n"
	if got := string(e.Append(nil)); got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestEditResponse(t *testing.T) {
	const rest = "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\nl: 0\r\n\r\n"
	m := parse(t, []byte("SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP me;branch=z9hG4bK.1, SIP/2.0/UDP h;rport=1\r\n"+rest))
	m.Source = source
	var e Edit
	e.Start(m)
	e.PopVia()
	if got, want := string(e.Append(nil)), "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP h;rport=1\r\n"+rest; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
