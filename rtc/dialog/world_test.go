package dialog

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

const latency = 10 * time.Millisecond

// world is a network in virtual time: user agents on real transaction layers,
// and peers that are only bytes.
type world struct {
	t     testing.TB
	start time.Time
	queue chan packet

	mu    sync.Mutex
	nodes map[netip.AddrPort]*node
	log   []string // "alice>bob INVITE"
	drop  func(line string) bool
	dead  map[netip.AddrPort]bool // flows to there are no more
}

type packet struct {
	at       time.Time
	from, to netip.AddrPort
	b        []byte
}

// node is one user agent, or a raw peer when it has no UA.
type node struct {
	w     *world
	name  string
	addr  netip.AddrPort
	layer *transaction.Layer
	ua    *UA

	mu     sync.Mutex
	got    []*sip.Message // raw: everything received
	events []string
	last   *Session
	in     *Incoming
	call   *Call

	incoming func(s *Session, in *Incoming) // instead of noting a call
	how      Inbound                        // for Receive
	identity *rtc.Identity                  // of whoever sends
}

// bubble runs f in virtual time.
func bubble(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, start: time.Now(), queue: make(chan packet, 10000), nodes: map[netip.AddrPort]*node{}}
		ctx, stop := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { w.carry(ctx) })
		t.Cleanup(func() { stop(); wg.Wait() })
		f(w)
	})
}

// carry delivers packets in order, each after the latency.
func (w *world) carry(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-w.queue:
			time.Sleep(time.Until(p.at))
			w.mu.Lock()
			n := w.nodes[p.to]
			w.mu.Unlock()
			if n != nil {
				n.take(p.from, p.b)
			}
		}
	}
}

// word names a message: the method, or code and method of a response.
func word(b []byte) string {
	var m sip.Message
	if m.Parse(b) != nil {
		return "?"
	}
	if m.IsRequest() {
		return string(m.MethodName())
	}
	return fmt.Sprintf("%d %s", m.StatusCode(), m.CSeqMethod())
}

func (w *world) send(from, to netip.AddrPort, b []byte) {
	w.mu.Lock()
	line := w.name(from) + ">" + w.name(to) + " " + word(b)
	w.log = append(w.log, line)
	dropped := w.drop != nil && w.drop(line)
	w.mu.Unlock()
	if !dropped {
		w.queue <- packet{time.Now().Add(latency), from, to, slices.Clone(b)}
	}
}

func (w *world) name(a netip.AddrPort) string {
	if n := w.nodes[a]; n != nil {
		return n.name
	}
	return a.String()
}

// lines of the log since the last call, 100 Trying left out.
func (w *world) lines() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := slices.DeleteFunc(w.log, func(l string) bool { return strings.Contains(l, " 100 ") })
	w.log = nil
	return list
}

func (w *world) want(lines ...string) {
	w.t.Helper()
	if got := w.lines(); !slices.Equal(got, lines) {
		w.t.Errorf("messages:\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
	}
}

// sleep lets time pass and everything that happens in it.
func (w *world) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// settle lets a few round trips pass.
func (w *world) settle() { w.sleep(400 * time.Millisecond) }

// raw adds a peer of bytes.
func (w *world) raw(name string, last byte) *node {
	n := &node{w: w, name: name, addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, last}), 5060)}
	w.mu.Lock()
	w.nodes[n.addr] = n
	w.mu.Unlock()
	return n
}

// agent adds a user agent.
func (w *world) agent(name string, last byte, cfg Config) *node {
	n := w.raw(name, last)
	n.layer = transaction.New(transaction.Config{Lanes: 2})
	w.mu.Lock()
	if w.dead == nil {
		w.dead = map[netip.AddrPort]bool{}
	}
	w.mu.Unlock()
	setWire(n.layer, n)
	cfg.Layer, cfg.Wire, cfg.User = n.layer, agentWire{n}, name
	n.ua = New(cfg)
	n.layer.SetTU(rtc.NewRouter(slog.New(slog.DiscardHandler), nil, rtc.HandlerFunc(n.gate), n.ua, rtc.HandlerFunc(n.serve)))
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = n.layer.Run(ctx) })
	wg.Go(func() { _ = n.ua.Run(ctx) })
	w.t.Cleanup(func() { stop(); wg.Wait() })
	return n
}

// gate stands in for the server's: it knows everybody by one identity.
func (n *node) gate(r *rtc.Request) error {
	r.Identity = n.identity
	return rtc.Next
}

// serve takes what is in no dialog.
func (n *node) serve(r *rtc.Request) error {
	switch {
	case r.Method() == sip.ACK || len(r.ToTag()) > 0:
		return &rtc.Status{Code: 404} // in the server the proxy decides
	case r.Method() != sip.INVITE:
		return &rtc.Status{Code: 405, Header: []byte("Allow: " + defaultAllow + "\r\n")}
	}
	how := n.how
	how.Events = n.sink()
	in, err := n.ua.Receive(r, how)
	if err != nil {
		return err
	}
	if n.incoming != nil {
		n.incoming(in.Session, in)
		return nil
	}
	n.note("incoming")
	n.last, n.in = in.Session, in
	return nil
}

// setWire puts the world under a layer. The layer's wire is not exported, and
// sockets do not live in virtual time.
func setWire(l *transaction.Layer, n *node) {
	field := reflect.ValueOf(l).Elem().FieldByName("wire")
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(layerWire{n}))
}

type layerWire struct{ n *node }

func (x layerWire) Send(f transport.Flow, b []byte, _ transport.Failer) {
	x.n.w.send(x.n.addr, f.Remote, b)
}
func (x layerWire) Flow(to transport.Target) (transport.Flow, error) {
	return transport.Flow{Remote: to.Addr}, nil
}
func (x layerWire) IsLocal(host []byte, _ uint16) bool {
	return string(host) == x.n.addr.Addr().String()
}
func (x layerWire) Proto(transport.Flow) transport.Proto        { return transport.UDP }
func (x layerWire) Alive(transport.Flow) bool                   { return true }
func (x layerWire) Listener(transport.Flow) *transport.Listener { return nil }

type agentWire struct{ n *node }

func (x agentWire) Flow(to transport.Target) (transport.Flow, error) {
	if to.Proto != transport.UDP {
		return transport.Flow{}, fmt.Errorf("only UDP here")
	}
	return transport.Flow{Remote: to.Addr}, nil
}
func (x agentWire) Local(transport.Flow) (transport.Proto, []byte) {
	return transport.UDP, []byte(x.n.addr.String())
}
func (x agentWire) Alive(f transport.Flow) bool {
	x.n.w.mu.Lock()
	defer x.n.w.mu.Unlock()
	return !x.n.w.dead[f.Remote]
}

type sinkOf struct{ n *node }

func (x sinkOf) Send(f transport.Flow, b []byte, _ transport.Failer) {
	x.n.w.send(x.n.addr, f.Remote, b)
}

// take is a message's arrival.
func (n *node) take(from netip.AddrPort, b []byte) {
	m := new(sip.Message)
	m.Source = from
	err := m.Parse(b)
	if n.layer == nil {
		n.mu.Lock()
		n.got = append(n.got, m)
		n.mu.Unlock()
		return
	}
	n.layer.Message(sinkOf{n}, transport.Flow{Remote: from}, m, err)
}

func (n *node) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, fmt.Sprintf(format, args...))
}

// sink is Events that note everything.
func (n *node) sink() Events {
	return Events{
		Progress: func(_ *Call, s *Session, m *sip.Message) {
			n.note("progress %d %s", m.StatusCode(), m.Body())
			n.keep(s)
		},
		Answered: func(s *Session, m *sip.Message) { n.note("answered %s", m.Body()); n.keep(s) },
		Failed: func(c *Call, m *sip.Message, err error) {
			if m != nil {
				n.note("failed %d", m.StatusCode())
			} else {
				n.note("failed %v", err)
			}
		},
		Request: func(s *Session, in *Incoming) { n.note("request %s %s", in.MethodName(), in.Body()); n.in = in },
		Acked:   func(s *Session, m *sip.Message) { n.note("acked %s", m.Body()) },
		Ended:   func(s *Session, e End) { n.note("ended %s remote=%v", e.Reason, e.Remote) },
	}
}

func (n *node) keep(s *Session) {
	if s != nil {
		n.last = s
	}
}

// wantEvents compares and clears what was told.
func (n *node) wantEvents(events ...string) {
	n.w.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.events {
		n.events[i] = strings.TrimSpace(n.events[i])
	}
	if !slices.Equal(n.events, events) {
		n.w.t.Errorf("%s was told\n\t%s\nwant\n\t%s", n.name, strings.Join(n.events, "\n\t"), strings.Join(events, "\n\t"))
	}
	n.events = nil
}

// sdp is a body; nothing here reads it.
func sdp(s string) Content { return Content{Type: "application/sdp", Body: []byte(s)} }

// uri of a node.
func (n *node) uri() string { return "sip:" + n.name + "@" + n.addr.String() }

// dial begins a call from a to b.
func (a *node) dial(to *node, c Content) {
	a.w.t.Helper()
	call, err := a.ua.Invite(Invite{Way: Way{URI: to.uri()}, From: "<sip:" + a.name + "@example.com>", Content: c, Events: a.sink()})
	if err != nil {
		a.w.t.Fatal(err)
	}
	a.call = call
	a.w.settle()
}

// do runs f on the lane of the node's session.
func (n *node) do(f func(s *Session)) {
	n.w.t.Helper()
	if n.last == nil {
		n.w.t.Fatalf("%s has no session", n.name)
	}
	n.last.Do(func() { f(n.last) })
}

func (n *node) must(err error) {
	n.w.t.Helper()
	if err != nil {
		n.w.t.Errorf("%s: %v", n.name, err)
	}
}

// talk makes two agents with a confirmed call, logs cleared.
func (w *world) talk(a, b Config) (alice, bob *node) {
	w.t.Helper()
	alice, bob = w.agent("alice", 1, a), w.agent("bob", 2, b)
	alice.dial(bob, sdp("offer"))
	bob.do(func(s *Session) { bob.must(s.Accept(sdp("answer"))) })
	w.settle()
	w.want("alice>bob INVITE", "bob>alice 200 INVITE", "alice>bob ACK")
	alice.wantEvents("answered answer")
	bob.wantEvents("incoming", "acked")
	return alice, bob
}

// raw peers

// messages a raw peer has received since the last call.
func (n *node) received() []*sip.Message {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.got
	n.got = nil
	return list
}

// one is the last message received of a word.
func (n *node) one(word1 string) *sip.Message {
	n.w.t.Helper()
	list := n.received()
	for _, m := range slices.Backward(list) {
		if word(m.Bytes()) == word1 {
			return m
		}
	}
	n.w.t.Fatalf("%s got no %s among %d messages", n.name, word1, len(list))
	return nil
}

// say sends text with line ends made CRLF; a missing Content-Length is added.
func (n *node) say(to *node, text string) {
	head, body, _ := strings.Cut(strings.TrimLeft(text, "\n"), "\n\n")
	head = strings.ReplaceAll(strings.TrimSpace(head), "\n", "\r\n")
	n.w.send(n.addr, to.addr, fmt.Appendf(nil, "%s\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body))
	n.w.settle()
}

// reply answers a request with further lines.
func (n *node) reply(to *node, req *sip.Message, code int, tag string, c Content) {
	b := sip.AppendResponse(nil, req, sip.Response{Code: code, ToTag: tag, Header: c.Header, ContentType: c.Type, Body: c.Body})
	n.w.send(n.addr, to.addr, b)
	n.w.settle()
}

func layerOfNobody() *transaction.Layer { return transaction.New(transaction.Config{Lanes: 1}) }
