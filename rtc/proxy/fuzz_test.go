package proxy

import (
	"fmt"
	"testing"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// wellFormed is a sink that reads what is sent.
type wellFormed struct{ t *testing.T }

func (w wellFormed) Send(_ transport.Flow, b []byte, _ transport.Failer) {
	var m sip.Message
	if err := m.Parse(b); err != nil {
		w.t.Fatalf("%v in what is sent:\n%q", err, b)
	}
}

// Whatever comes in, what goes out is well-formed and nothing breaks.
func FuzzRequest(f *testing.F) {
	r := newRig(f, nil)
	u := r.udpUA("bob")
	r.book.user("bob", r.binding(u, ""))
	r.p.SetRoutes(routes(f, Route{Match: Match{Domain: "*.example"}, NextHop: Hops{"sip:127.0.0.1:9"}}))
	b := r.book.bindings["sip:bob@example.com"]
	flow := b[0].Flow
	from := "From: <sip:a@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\nCall-ID: c\r\nX-Is: alice\r\n"
	for _, s := range []string{
		"MESSAGE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n" + from + "CSeq: 1 MESSAGE\r\n\r\n",
		"INVITE sip:+49@example.com;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK2, SIP/2.0/TCP b:1;branch=z9hG4bK-0\r\nRoute: <sip:127.0.0.1;lr>, <sip:ft.AAAA@x>\r\n" + from + "Contact: <sip:a@10.0.0.1>\r\nCSeq: 1 INVITE\r\n\r\n",
		"ACK tel:+1 SIP/2.0\r\nv: SIP/2.0/UDP h\r\n" + from + "CSeq: 1 ACK\r\nRoute: <sip:a>\r\nRoute: <sip:127.0.0.1:5;lr;r2=on;did=x>\r\n\r\n",
		"BYE sip:x@127.0.0.1;maddr=127.0.0.1;lr SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK3\r\n" + from + "CSeq: 1 BYE\r\nMax-Breadth: 1\r\nProxy-Require: x\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m sip.Message
		if m.Parse(b) != nil {
			return
		}
		out := wellFormed{t}
		m.Source = flow.Remote
		r.layer.Message(out, flow, &m, nil)
		if !m.IsRequest() || !m.Has(sip.HdrVia) {
			return
		}
		var e sip.Edit // a transaction of its own, or it would pass for a retransmission
		e.Start(&m)
		e.PushVia(fmt.Appendf(nil, "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKfuzz%d", ids.Add(1)))
		var again sip.Message
		if again.Parse(e.Append(nil)) == nil {
			again.Source = flow.Remote
			r.layer.Message(out, flow, &again, nil)
		}
	})
}
