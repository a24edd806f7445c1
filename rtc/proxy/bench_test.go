package proxy

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// wireless is a sink that keeps what was sent last, without a kernel.
type wireless struct {
	last []byte
	flow transport.Flow
	sent int
}

func (w *wireless) Send(f transport.Flow, b []byte, _ transport.Failer) {
	w.last, w.flow, w.sent = append(w.last[:0], b...), f, w.sent+1
}

// bench drives transactions and proxy by calls alone: alice's flow and bob's.
type bench struct {
	r          *rig
	out        wireless
	alice, bob transport.Flow
	m, answer  sip.Message
	buf, reply []byte
}

func newBench(b testing.TB, r *rig) *bench {
	b.Helper()
	flow := func(addr string) transport.Flow {
		u := r.udpUA(addr)
		f, err := r.tr.Flow(transport.Target{Proto: transport.UDP, Addr: u.addr})
		if err != nil {
			b.Fatal(err)
		}
		return f
	}
	x := &bench{r: r, alice: flow("alice"), bob: flow("bob")}
	u := &ua{r: r, name: "bob", proto: "UDP", addr: x.bob.Remote}
	r.book.user("bob", r.binding(u, ""))
	return x
}

// in gives bytes to the layer as if they had come by f.
func (x *bench) in(f transport.Flow, b []byte) {
	if err := x.m.Parse(b); err != nil {
		panic(err)
	}
	x.m.Source = f.Remote
	x.r.layer.Message(&x.out, f, &x.m, nil)
}

// respond answers, as bob, the request sent last.
func (x *bench) respond(code int, header []byte) {
	if err := x.answer.Parse(x.out.last); err != nil || !x.answer.IsRequest() {
		panic(fmt.Sprintf("not a request: %s", x.out.last))
	}
	x.reply = sip.AppendResponse(x.reply[:0], &x.answer, sip.Response{Code: code, ToTag: "b", Header: header})
	x.in(x.bob, x.reply)
}

// text makes a request; %d is a running number.
func (x *bench) request(n int, method, uri, lines, tag string) {
	x.buf = append(x.buf[:0], method...)
	x.buf = append(x.buf, ' ')
	x.buf = append(x.buf, uri...)
	x.buf = append(x.buf, " SIP/2.0\r\nVia: SIP/2.0/UDP "...)
	x.buf = x.alice.Remote.AppendTo(x.buf)
	x.buf = append(x.buf, ";branch=z9hG4bK"...)
	if method == "CANCEL" {
		x.buf = append(x.buf, 'I') // that of its INVITE
	} else {
		x.buf = append(x.buf, method[0])
	}
	x.buf = strconv.AppendInt(x.buf, int64(n), 10)
	x.buf = append(x.buf, "\r\nMax-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>"...)
	x.buf = append(x.buf, tag...)
	x.buf = append(x.buf, "\r\nCall-ID: "...)
	x.buf = strconv.AppendInt(x.buf, int64(n), 10)
	x.buf = append(x.buf, "@bench\r\nCSeq: 1 "...)
	x.buf = append(x.buf, method...)
	x.buf = append(x.buf, "\r\n"...)
	x.buf = append(x.buf, lines...)
	x.buf = append(x.buf, "Content-Length: 0\r\n\r\n"...)
	x.in(x.alice, x.buf)
}

// One MESSAGE to its one binding and the 200 back: both transactions and the
// proxy, no sockets.
func BenchmarkMessage(b *testing.B) {
	x := newBench(b, newRig(b, nil))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		x.request(n, "MESSAGE", "sip:bob@example.com", "X-Is: alice\r\nContent-Type: text/plain\r\n", "")
		x.respond(200, nil)
	}
	if x.out.sent != 2*n {
		b.Fatalf("%d messages left for %d requests", x.out.sent, n)
	}
}

// A call: INVITE, 100, 180, 200, ACK, BYE, 200.
func BenchmarkCall(b *testing.B) {
	x := newBench(b, newRig(b, nil))
	contact := "Contact: <sip:alice@" + x.alice.Remote.String() + ">\r\n"
	target := "sip:bob@" + x.bob.Remote.String()
	x.r.p.cfg.LateTrying = false
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		x.request(n, "INVITE", "sip:bob@example.com", contact+"X-Is: alice\r\n", "")
		invite := append([]byte(nil), x.out.last...)
		x.respond(180, nil)
		x.out.last = append(x.out.last[:0], invite...)
		x.respond(200, []byte("Contact: <"+target+">\r\n"))
		if err := x.answer.Parse(invite); err != nil {
			b.Fatal(err)
		}
		route := "Route: " + string(x.answer.Get(sip.HdrRecordRoute)) + "\r\n"
		x.request(n, "ACK", target, route, ";tag=b")
		x.request(n, "BYE", target, route, ";tag=b")
		x.respond(200, nil)
	}
	if x.out.sent != 7*n {
		b.Fatalf("%d messages left for %d calls", x.out.sent, n)
	}
}

// Calls and messages from several loops at once, with the pools under -race.
func TestManyAtOnce(t *testing.T) {
	r := newRig(t, nil)
	var wg sync.WaitGroup
	for i := range 4 {
		x := newBench(t, r)
		wg.Go(func() {
			contact := "Contact: <sip:alice@" + x.alice.Remote.String() + ">\r\n"
			for j := range 300 {
				n := i*1000 + j
				x.request(n, "MESSAGE", "sip:bob@example.com", "", "")
				x.respond(200, nil)
				x.request(n, "INVITE", "sip:bob@example.com", contact, "")
				invite := bytes.Clone(x.out.last)
				x.respond(180, nil)
				if j%2 == 0 {
					x.request(n, "CANCEL", "sip:bob@example.com", "", "")
				}
				x.out.last = append(x.out.last[:0], invite...)
				x.respond(487-287*(j%2), nil)
			}
		})
	}
	wg.Wait()
	if s := r.p.Stats(); s.Requests != 2400 || s.Branches != 2400 {
		t.Errorf("counted %+v", s)
	}
	if s := r.p.Stats(); s.Cancelled != 600 {
		t.Errorf("%d calls cancelled", s.Cancelled)
	}
	if n := r.layer.Active(); n != 0 {
		t.Errorf("%d transactions have no final answer", n)
	}
}
