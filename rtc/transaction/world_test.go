package transaction

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// world is a layer with a wire and a user of test make, in virtual time. What
// leaves and what the user is told becomes one log: "500ms > INVITE" left,
// "1s < 486" came up.
type world struct {
	t     testing.TB
	l     *Layer
	start time.Time

	mu     sync.Mutex
	log    []string
	bytes  map[string][]byte // what left last, by its word in the log
	flows  []transport.Flow  // each message's, in order
	dead   map[transport.Flow]bool
	fail   error // every Send with a Failer fails at once, within Send
	dialed []transport.Target

	server    *Server // last request's
	client    *Client
	onRequest func(s *Server, m *sip.Message)
	onCancel  func(s *Server, m *sip.Message)
}

// udp and tcp are flows of the fake wire, which tells them by the port.
func udp() transport.Flow {
	return transport.Flow{Remote: netip.MustParseAddrPort("192.0.2.1:5070")}
}
func tcp() transport.Flow {
	return transport.Flow{Remote: netip.MustParseAddrPort("192.0.2.1:6070")}
}

func newWorld(t testing.TB, cfg Config) *world {
	w := &world{t: t, start: time.Now(), bytes: map[string][]byte{}, dead: map[transport.Flow]bool{}}
	w.l = New(cfg)
	w.l.wire = w
	w.l.SetTU(w)
	ctx, stop := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := w.l.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		run.Wait()
	})
	return w
}

// in runs f in a bubble of virtual time.
func in(t *testing.T, cfg Config, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t, cfg)) })
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, time.Since(w.start).String()+" "+fmt.Sprintf(format, args...))
}

// word is the method of a request, the code of a response.
func word(b []byte) string {
	f := strings.Fields(string(b[:min(40, len(b))]))
	if len(f) < 2 {
		return "?"
	}
	if f[0] == "SIP/2.0" {
		return f[1]
	}
	return f[0]
}

// The wire.

func (w *world) Send(f transport.Flow, b []byte, fail transport.Failer) {
	w.note("> %s", word(b))
	w.mu.Lock()
	w.bytes[word(b)] = slices.Clone(b)
	w.flows = append(w.flows, f)
	err := w.fail
	w.mu.Unlock()
	if err != nil && fail != nil {
		fail.SendFailed(err)
	}
}

func (w *world) Flow(to transport.Target) (transport.Flow, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dialed = append(w.dialed, to)
	return transport.Flow{Remote: netip.AddrPortFrom(to.Addr.Addr(), 6999)}, nil
}

func (w *world) IsLocal(host []byte, port uint16) bool { return string(host) == "198.51.100.1" }

func (w *world) Proto(f transport.Flow) transport.Proto {
	switch p := f.Remote.Port(); {
	case p >= 8000:
		return transport.WS
	case p >= 6000:
		return transport.TCP
	}
	return transport.UDP
}

func (w *world) Alive(f transport.Flow) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.dead[f]
}

func (w *world) Listener(transport.Flow) *transport.Listener { return nil }

// The user.

func (w *world) Request(s *Server, m *sip.Message) {
	w.note("< %s", m.MethodName())
	w.server = s
	if w.onRequest != nil {
		w.onRequest(s, m)
	}
}

func (w *world) Cancel(s *Server, m *sip.Message) {
	w.note("< cancel")
	if w.onCancel != nil {
		w.onCancel(s, m)
	}
}

func (w *world) Stray(_ transport.Sink, _ transport.Flow, m *sip.Message) {
	w.note("< stray %d", m.StatusCode())
}

func (w *world) Response(c *Client, m *sip.Message) { w.note("< %d", m.StatusCode()) }

func (w *world) Failed(c *Client, err error) {
	var te *TransportError
	switch {
	case errors.As(err, &te):
		w.note("< transport failed")
	case errors.Is(err, ErrCanceled):
		w.note("< cancelled")
	case errors.Is(err, ErrTimeout):
		w.note("< timeout")
	default:
		w.note("< %v", err)
	}
}

// Moves.

// step is a move at a moment; the log is read at the end.
type step struct {
	at time.Duration
	do func(w *world)
}

func (w *world) play(steps []step, until time.Duration) {
	for _, s := range steps {
		w.sleepTo(s.at)
		s.do(w)
	}
	w.sleepTo(until)
	synctest.Wait()
}

// sleepTo waits for a moment, and for all that happens up to and in it.
func (w *world) sleepTo(at time.Duration) {
	time.Sleep(at - time.Since(w.start))
	synctest.Wait()
}

func (w *world) want(log ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.Equal(w.log, log) {
		return
	}
	w.t.Errorf("log is\n\t%s\nwant\n\t%s", strings.Join(w.log, "\n\t"), strings.Join(log, "\n\t"))
}

// idle says that nothing is left of any transaction.
func (w *world) idle() {
	w.t.Helper()
	s := w.l.Stats()
	if s.Server != 0 || s.Client != 0 || w.l.Active() != 0 {
		w.t.Errorf("left over: %+v, active %d", s, w.l.Active())
	}
	for i := range w.l.lanes {
		ln := &w.l.lanes[i]
		ln.Do(func() {
			if ln.txs.size != 0 {
				w.t.Errorf("lane %d: %d server transactions", i, ln.txs.size)
			}
		})
	}
}

// take hands bytes to the layer as a reader loop does.
func (w *world) take(f transport.Flow, text string) {
	w.t.Helper()
	var m sip.Message
	m.Source = f.Remote
	err := m.Parse([]byte(text))
	w.l.Message(w, f, &m, err)
}

// start makes and sends a client transaction.
func (w *world) begin(method sip.Method, name string, f transport.Flow) {
	ln := w.l.Lane([]byte("call-1"))
	ln.Do(func() {
		w.client = ln.Client(method, w)
		b := fmt.Appendf(nil, "%s sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1:5060;branch=%s;rport, SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKup\r\n"+
			"Route: <sip:p1.example.com;lr>\r\nRoute: <sip:p2.example.com;lr>\r\nMax-Forwards: 69\r\nFrom: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\n"+
			"Call-ID: call-1\r\nCSeq: 7 %s\r\nContact: <sip:alice@192.0.2.1>\r\nContent-Length: 0\r\n\r\n", name, w.branch("-tail"), name)
		w.client.Send(f, b)
	})
}

func (w *world) branch(tail string) string {
	return string(w.client.AppendBranch(nil, []byte(tail)))
}

// response is a response to begin's request.
func (w *world) response(code int, method, branch string) string {
	return fmt.Sprintf("SIP/2.0 %d Phrase\r\nVia: SIP/2.0/UDP 198.51.100.1:5060;branch=%s;rport=5060\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKup\r\n"+
		"From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>;tag=b\r\nCall-ID: call-1\r\nCSeq: 7 %s\r\nContact: <sip:bob@192.0.2.2>\r\nContent-Length: 0\r\n\r\n",
		code, branch, method)
}

// back lets a response come.
func back(code int, method string) func(w *world) {
	return func(w *world) {
		w.take(w.client.Flow(), w.response(code, method, w.branch("-tail")))
	}
}

// request writes a request of the far side. lines replace or follow the standard ones.
func request(method string, lines ...string) string {
	std := []string{
		"Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKfar1;rport",
		"Max-Forwards: 70",
		"From: <sip:alice@example.com>;tag=a",
		"To: <sip:bob@example.com>",
		"Call-ID: call-1",
		"CSeq: 7 " + method,
		"Content-Length: 0",
	}
	if method == "INVITE" {
		std = append(std, "Contact: <sip:alice@192.0.2.1>")
	}
	for _, l := range lines {
		name, _, _ := strings.Cut(l, ":")
		at := slices.IndexFunc(std, func(s string) bool { return strings.HasPrefix(s, name+":") })
		switch {
		case at < 0:
			std = append(std, l)
		case strings.HasSuffix(l, ":"): // a bare name takes the line away
			std = slices.Delete(std, at, at+1)
		default:
			std[at] = l
		}
	}
	return method + " sip:bob@example.com SIP/2.0\r\n" + strings.Join(std, "\r\n") + "\r\n\r\n"
}

// come lets a request come.
func come(f transport.Flow, method string, lines ...string) func(w *world) {
	return func(w *world) { w.take(f, request(method, lines...)) }
}

// answer lets the user respond to the last request.
func answer(code int) func(w *world) {
	return func(w *world) {
		w.server.Lane().Do(func() { w.server.Respond(code, reply(code)) })
	}
}

func reply(code int) []byte {
	return fmt.Appendf(nil, "SIP/2.0 %d Phrase\r\nVia: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKfar1;rport=5070;received=192.0.2.1\r\nFrom: <sip:alice@example.com>;tag=a\r\n"+
		"To: <sip:bob@example.com>;tag=callee\r\nCall-ID: call-1\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n", code)
}
