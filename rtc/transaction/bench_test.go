package transaction

import (
	"bytes"
	"context"
	"testing"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// nowhere is a wire that takes everything and does nothing.
type nowhere struct{ sent int }

func (n *nowhere) Send(transport.Flow, []byte, transport.Failer) { n.sent++ }
func (n *nowhere) Flow(transport.Target) (transport.Flow, error) { return transport.Flow{}, nil }
func (n *nowhere) IsLocal([]byte, uint16) bool                   { return true }
func (n *nowhere) Proto(transport.Flow) transport.Proto          { return transport.UDP }
func (n *nowhere) Alive(transport.Flow) bool                     { return true }
func (n *nowhere) Listener(transport.Flow) *transport.Listener   { return nil }

// relay is the least a proxy does: one client for each server, responses back.
type relay struct {
	nowhere
	branch []byte
	last   *Client
	client bool // make a client transaction; else answer at once
	req    []byte
	resp   []byte
}

func (r *relay) Request(s *Server, m *sip.Message) {
	if !r.client {
		s.Respond(200, r.resp)
		return
	}
	c := s.Lane().Client(sip.MESSAGE, r)
	c.User = s
	r.last = c
	c.Send(s.Flow(), r.req)
}
func (r *relay) Cancel(*Server, *sip.Message)                             {}
func (r *relay) Stray(_ transport.Sink, _ transport.Flow, _ *sip.Message) {}
func (r *relay) Response(c *Client, m *sip.Message)                       { c.User.(*Server).Respond(m.StatusCode(), r.resp) }
func (r *relay) Failed(*Client, error)                                    {}

func newRelay(b *testing.B) (*Layer, *relay) {
	r := &relay{req: []byte(request("MESSAGE")), resp: reply(200)}
	l := New(Config{AbsorbBytes: 4 << 20})
	l.wire = &r.nowhere
	l.SetTU(r)
	ctx, stop := context.WithCancel(context.Background())
	go l.Run(ctx)
	b.Cleanup(stop)
	b.ReportAllocs()
	return l, r
}

// varied is one message with a number that can be changed in place.
type varied struct {
	b  []byte
	at int
	m  sip.Message
}

func vary(text string) *varied {
	b := []byte(text)
	return &varied{b: b, at: bytes.Index(b, []byte("00000000"))}
}

func (v *varied) set(n int) {
	for i := 7; i >= 0; i-- {
		v.b[v.at+i] = '0' + byte(n%10)
		n /= 10
	}
}

func (v *varied) parse(b *testing.B) {
	if err := v.m.Parse(v.b); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkServerNonInvite(b *testing.B) {
	l, r := newRelay(b)
	v := vary(request("MESSAGE", "Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK-bench-00000000;rport"))
	f := udp()
	for i := 0; b.Loop(); i++ {
		v.set(i)
		v.parse(b)
		l.Message(r, f, &v.m, nil)
	}
}

func BenchmarkRegisterStateless(b *testing.B) {
	l, r := newRelay(b)
	v := vary(request("REGISTER", "Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK-bench-00000000;rport"))
	f := udp()
	for i := 0; b.Loop(); i++ {
		v.set(i)
		v.parse(b)
		l.Message(r, f, &v.m, nil)
	}
}

// BenchmarkMessageRelay is a proxied MESSAGE: server and client transaction,
// request in, response back in, parsing included.
func BenchmarkMessageRelay(b *testing.B) {
	l, r := newRelay(b)
	r.client = true
	in := vary(request("MESSAGE", "Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK-bench-00000000;rport"))
	back := vary("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.1:5060;branch=00000000.....................;rport\r\n" +
		"From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>;tag=b\r\nCall-ID: call-1\r\nCSeq: 7 MESSAGE\r\nContent-Length: 0\r\n\r\n")
	f := udp()
	for i := 0; b.Loop(); i++ {
		in.set(i)
		in.parse(b)
		l.Message(r, f, &in.m, nil)
		r.branch = r.last.AppendBranch(r.branch[:0], nil)
		copy(back.b[back.at:], r.branch)
		back.parse(b)
		l.Message(r, f, &back.m, nil)
	}
	if s := l.Stats(); s.Client != 0 || s.Server != 0 || r.sent != 2*b.N {
		b.Fatalf("%+v after %d, %d sent", s, b.N, r.sent)
	}
}

func BenchmarkClientCycle(b *testing.B) {
	l, r := newRelay(b)
	back := vary("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.1:5060;branch=00000000.....................;rport\r\n" +
		"From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>;tag=b\r\nCall-ID: call-1\r\nCSeq: 7 MESSAGE\r\nContent-Length: 0\r\n\r\n")
	ln := l.Lane([]byte("call-1"))
	f := udp()
	s := &Server{ln: ln, flow: f, method: sip.MESSAGE}
	for b.Loop() {
		ln.Do(func() {
			c := ln.Client(sip.MESSAGE, r)
			s.final = false
			c.User = s
			r.branch = c.AppendBranch(r.branch[:0], nil)
			c.Send(f, r.req)
		})
		copy(back.b[back.at:], r.branch)
		back.parse(b)
		l.Message(r, f, &back.m, nil)
	}
}
