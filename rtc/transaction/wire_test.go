package transaction

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// onSockets is a layer over a real transport; its user tells what it hears.
type onSockets struct {
	l        *Layer
	t        *transport.Transport
	requests chan *Server
	heard    chan string // responses and failures of clients
	closed   chan transport.Flow
}

func (o *onSockets) Request(s *Server, m *sip.Message) {
	s.Keep()
	o.requests <- s
	if m.Method() == sip.MESSAGE {
		s.Respond(200, sip.AppendResponse(nil, m, sip.Response{Code: 200, ToTag: "x"}))
	}
}
func (o *onSockets) Cancel(*Server, *sip.Message)                             {}
func (o *onSockets) Stray(_ transport.Sink, _ transport.Flow, m *sip.Message) { o.heard <- "stray" }
func (o *onSockets) Response(c *Client, m *sip.Message)                       { o.heard <- string(m.ReasonPhrase()) }
func (o *onSockets) FlowClosed(f transport.Flow)                              { o.closed <- f }
func (o *onSockets) Failed(c *Client, err error) {
	var te *TransportError
	if errors.As(err, &te) {
		o.heard <- "transport failed"
		return
	}
	o.heard <- err.Error()
}

func startOnSockets(t *testing.T, cfg Config) *onSockets {
	t.Helper()
	o := &onSockets{requests: make(chan *Server, 10), heard: make(chan string, 10), closed: make(chan transport.Flow, 10)}
	o.l = New(cfg)
	local := netip.MustParseAddrPort("127.0.0.1:0")
	var err error
	o.t, err = transport.New(transport.Config{
		Listen:  []transport.Listen{{Proto: transport.UDP, Addr: local}, {Proto: transport.TCP, Addr: local}},
		Handler: o.l,
	})
	if err != nil {
		t.Fatal(err)
	}
	o.l.SetTransport(o.t)
	o.l.SetTU(o)
	ctx, stop := context.WithCancel(t.Context())
	var run sync.WaitGroup
	for _, f := range []func(context.Context) error{o.l.Run, o.t.Run} {
		run.Go(func() {
			if err := f(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { stop(); run.Wait() })
	return o
}

func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(30 * time.Second):
		t.Fatal("nothing came")
		panic("not reached")
	}
}

func read(t *testing.T, c net.Conn) string {
	t.Helper()
	b := make([]byte, 4096)
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestOnSocketsServer(t *testing.T) {
	o := startOnSockets(t, Config{})
	c, err := net.Dial("udp", o.t.Listeners()[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	text := []byte(request("MESSAGE", "Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKs1;rport"))
	var answers [2]string
	for i := range answers {
		c.Write(text)
		answers[i] = read(t, c)
	}
	if !strings.HasPrefix(answers[0], "SIP/2.0 200 ") || answers[0] != answers[1] {
		t.Errorf("answers differ:\n%s\n%s", answers[0], answers[1])
	}
	next(t, o.requests)
	for end := time.Now().Add(30 * time.Second); o.l.Stats().Retransmitted != 1 && time.Now().Before(end); time.Sleep(ms) {
	} // it is counted after it is sent
	if len(o.requests) != 0 || o.l.Stats().Retransmitted != 1 || o.l.Stats().Absorbing != 1 {
		t.Errorf("the copy came up: %+v", o.l.Stats())
	}
	c.Write([]byte(strings.Replace(string(text), "CSeq: 7 MESSAGE", "CSeq: 7 INFO", 1)))
	if b := read(t, c); !strings.HasPrefix(b, "SIP/2.0 400 ") {
		t.Errorf("malformed request answered:\n%s", b)
	}
}

func (o *onSockets) request(t *testing.T, p transport.Proto, to netip.AddrPort) {
	t.Helper()
	f, err := o.t.Flow(transport.Target{Proto: p, Addr: to})
	if err != nil {
		t.Fatal(err)
	}
	ln := o.l.Lane([]byte("call-1"))
	ln.Do(func() {
		c := ln.Client(sip.MESSAGE, o)
		via := fmt.Sprintf("Via: SIP/2.0/%s %s;branch=%s", p, f.Listener().SentBy(), c.AppendBranch(nil, []byte(".x")))
		c.Send(f, []byte(request("MESSAGE", via)))
	})
}

func TestOnSocketsClient(t *testing.T) {
	o := startOnSockets(t, Config{T1: 200 * ms})
	peer, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	o.request(t, transport.UDP, netip.MustParseAddrPort(peer.LocalAddr().String()))
	b := make([]byte, 4096)
	var n int
	var from net.Addr
	for range 3 { // two retransmissions
		peer.SetReadDeadline(time.Now().Add(30 * time.Second))
		if n, from, err = peer.ReadFrom(b); err != nil {
			t.Fatal(err)
		}
	}
	var m sip.Message
	if err := m.Parse(bytes.Clone(b[:n])); err != nil {
		t.Fatal(err)
	}
	resp := sip.AppendResponse(nil, &m, sip.Response{Code: 200, Reason: "Fine", ToTag: "x"})
	peer.WriteTo(resp, from)
	peer.WriteTo(resp, from)
	if got := next(t, o.heard); got != "Fine" {
		t.Errorf("heard %s", got)
	}
	// Proof that the copy was absorbed: what is sent after it comes next.
	stray := bytes.Replace(resp, []byte("branch="+cookie), []byte("branch="+cookie+"-"), 1)
	peer.WriteTo(stray, from)
	if got := next(t, o.heard); got != "stray" {
		t.Errorf("heard %s", got)
	}
	if s := o.l.Stats(); s.Client != 0 || s.Retransmitted < 2 {
		t.Errorf("%+v", s)
	}
}

func TestOnSocketsConnectionRefused(t *testing.T) {
	o := startOnSockets(t, Config{})
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := netip.MustParseAddrPort(gone.Addr().String())
	gone.Close()
	o.request(t, transport.TCP, to)
	if got := next(t, o.heard); got != "transport failed" {
		t.Errorf("heard %s", got)
	}
}

// A peer that closed its connection gets the response by a new one.
func TestOnSocketsReconnect(t *testing.T) {
	o := startOnSockets(t, Config{})
	peer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	c, err := net.Dial("tcp", o.t.Listeners()[1].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, request("INFO", "Via: SIP/2.0/TCP "+peer.Addr().String()+";branch=z9hG4bKs2"))
	s := next(t, o.requests)
	c.Close()
	next(t, o.closed)
	s.Lane().Do(func() {
		s.Respond(200, sip.AppendResponse(nil, s.Keep(), sip.Response{Code: 200, ToTag: "x"}))
	})
	back, err := peer.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if b := read(t, back); !strings.HasPrefix(b, "SIP/2.0 200 ") {
		t.Errorf("came back:\n%s", b)
	}
}
