package telephony

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/gateways"
	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/dialog/refer"
	"tandem/rtc/policy"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
	"tandem/telephony/cdr"
	"tandem/telephony/diversion"
	"tandem/telephony/identity"
	"tandem/telephony/routing"
)

// nowhere is a router whose calls ring nobody.
type nowhere struct{}

func (nowhere) Caller(*rtc.Request) (routing.Route, error) { return routing.Route{}, nil }

func (nowhere) Refer(_, _ rtc.AOR, _ refer.Target) (routing.Route, error) {
	return routing.Route{}, nil
}

func (nowhere) Route(*rtc.Request) (routing.Route, error) { return routing.Route{}, nil }

func (nowhere) Toward(rtc.AOR, string) (routing.Route, error) { return routing.Route{}, nil }

func (nowhere) May(rtc.AOR, policy.Question) bool { return false }

func (nowhere) MayPickUp(rtc.AOR, rtc.AOR) bool { return false }

func (nowhere) Redirect(r routing.Route, _ *gateways.Trunk, _ rtc.AOR, _, _ string) (routing.Route, error) {
	return r, &rtc.Status{Code: 404}
}
func (nowhere) By(rtc.AOR, string, string) (routing.Route, error) {
	return routing.Route{}, &rtc.Status{Code: 404}
}
func (nowhere) Elsewhere(_ context.Context, r routing.Route) (routing.Rounds, error) {
	return r.Rounds, nil
}
func (nowhere) Divert(r routing.Route, _ diversion.Reason, _ string) (routing.Route, error) {
	return r, rtc.Next
}

// full is a store that takes nothing, and says so at once, later, or never.
type full struct {
	*cdr.Memory
	says string
}

var whenFull = []string{"at once", "later", "never"}

func (f full) Put(_ cdr.Record, done func(error)) error {
	err := errors.New("the disk is full")
	switch f.says {
	case "at once":
		return err
	case "later":
		go done(err)
	}
	return nil
}

// earlier is a store in which a call begins while those of an earlier run are being
// marked.
type earlier struct {
	*cdr.Memory
	begin func()

	mu     sync.Mutex
	swept  bool
	opened []bool // records of calls under way: whether all of before had been marked
}

// Put implements cdr.Store.
func (e *earlier) Put(r cdr.Record, done func(error)) error {
	e.mu.Lock()
	if r.State == cdr.Open || !e.swept {
		e.opened = append(e.opened, e.swept || r.State != cdr.Open)
	}
	e.mu.Unlock()
	return e.Memory.Put(r, done)
}

// Interrupt implements cdr.Store.
func (e *earlier) Interrupt(ctx context.Context, at time.Time) (int, error) {
	e.begin()
	n, err := e.Memory.Interrupt(ctx, at)
	e.mu.Lock()
	e.swept = true
	e.mu.Unlock()
	return n, err
}

// A call that comes while the server is starting is none of those that its end has
// interrupted.
func TestCallWhileStarting(t *testing.T) {
	address := make(chan netip.AddrPort, 1)
	answered := make(chan string, 1)
	e := &earlier{Memory: cdr.NewMemory(), begin: func() { answered <- newCaller(t, <-address).invite() }}
	_, _, at := exchange(t, nowhere{}, e)
	address <- at
	if answer := <-answered; !strings.HasPrefix(answer, "SIP/2.0 480 ") {
		t.Errorf("the caller gets\n%s", answer)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if slices.Contains(e.opened, false) {
		t.Error("its record was open before those of before were marked")
	}
}

// A call that cannot be recorded is refused, and leaves nothing behind.
func TestUnrecordedCall(t *testing.T) {
	for _, says := range whenFull[:2] {
		t.Run(says, func(t *testing.T) {
			x, m, addr := exchange(t, nowhere{}, full{cdr.NewMemory(), says})
			settled(x)
			if answer := newCaller(t, addr).invite(); !strings.HasPrefix(answer, "SIP/2.0 503 ") || !strings.Contains(answer, "Retry-After:") {
				// The lack of anybody to ring may be known before the lack of room.
				if says != "later" || !strings.HasPrefix(answer, "SIP/2.0 480 ") {
					t.Errorf("the caller gets\n%s", answer)
				}
			}
			nothingLeft(t, x, m)
		})
	}
}

// settled waits until an exchange opens records.
func settled(x *Exchange) {
	for started := false; !started; time.Sleep(time.Millisecond) {
		x.mu.Lock()
		started = x.swept
		x.mu.Unlock()
	}
}

func nothingLeft(t *testing.T, x *Exchange, m *media.Server) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); x.Active() > 0 || len(m.Sessions()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d calls and %d media sessions are left", x.Active(), len(m.Sessions()))
		}
	}
}

// help is a router that leads every call to a gateway for calls for help.
type help struct {
	nowhere
	gateway net.Addr
}

func (h help) Route(*rtc.Request) (routing.Route, error) {
	to := routing.Destination{Way: dialog.Way{URI: "sip:112@" + h.gateway.String()}}
	return routing.Route{Caller: identity.Party{URI: "sip:a@example.com"}, Number: "+49112", Emergency: true, Rounds: routing.Rounds{{To: []routing.Destination{to}}}}, nil
}

// A call for help is answered although no record of it can be written, and also while
// the disk says nothing at all.
func TestHelpWithoutDisk(t *testing.T) {
	for _, says := range whenFull {
		t.Run(says, func(t *testing.T) {
			gateway, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = gateway.Close() })
			x, m, addr := exchange(t, help{gateway: gateway.LocalAddr()}, full{cdr.NewMemory(), says})
			settled(x)
			go answers(gateway)
			c := newCaller(t, addr)
			if answer := c.invite(); !strings.HasPrefix(answer, "SIP/2.0 200 ") {
				t.Fatalf("the caller gets\n%s", answer)
			}
			for _, call := range x.Calls() {
				call.Hangup("server")
			}
			nothingLeft(t, x, m)
		})
	}
}

// answers is a gateway that says 200 to every request but ACK.
func answers(c *net.UDPConn) {
	b := make([]byte, 4096)
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		var m sip.Message
		if m.Parse(b[:n]) != nil || !m.IsRequest() || m.Method() == sip.ACK {
			continue
		}
		m.Source = from
		r := sip.Response{Code: 200, ToTag: "help"}
		if m.Method() == sip.INVITE {
			r.Header, r.ContentType, r.Body = []byte("Contact: <sip:"+c.LocalAddr().String()+">\r\n"), "application/sdp", []byte(offer)
		}
		_, _ = c.WriteToUDPAddrPort(sip.AppendResponse(nil, &m, r), from)
	}
}

// exchange runs one until the test ends; addr is where it listens by UDP.
func exchange(t *testing.T, r Router, records cdr.Store) (x *Exchange, m *media.Server, addr netip.AddrPort) {
	t.Helper()
	m, err := media.New(media.Config{})
	if err != nil {
		t.Fatal(err)
	}
	layer := transaction.New(transaction.Config{})
	tp, err := transport.New(transport.Config{Handler: layer, Listen: []transport.Listen{
		{Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")}}})
	if err != nil {
		t.Fatal(err)
	}
	layer.SetTransport(tp)
	x = New(Config{Dialog: dialog.Config{Layer: layer, Wire: dialog.Over(tp)}, Media: m, Router: r, Records: records, Domain: "example.com"})
	layer.SetTU(rtc.NewRouter(slog.New(slog.DiscardHandler), nil, x))
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, run := range []func(context.Context) error{layer.Run, tp.Run, m.Run, x.Run} {
		all.Go(func() { _ = run(ctx) })
	}
	t.Cleanup(func() { stop(); all.Wait() })
	return x, m, tp.Listeners()[0].Addr()
}

// slow is a router whose DNS does not answer before it is told to stop.
type slow struct {
	nowhere
	asked, stopped chan struct{}
}

func (slow) Route(*rtc.Request) (routing.Route, error) {
	return routing.Route{Number: "+4930123456", Ask: true}, nil
}

func (s slow) Elsewhere(ctx context.Context, _ routing.Route) (routing.Rounds, error) {
	close(s.asked)
	<-ctx.Done()
	close(s.stopped)
	return nil, &rtc.Status{Code: 503}
}

// A caller can give up while DNS is asked for the number: the look-up does not hold up
// the call, and ends with it.
func TestLookUpDoesNotHoldTheCall(t *testing.T) {
	r := slow{asked: make(chan struct{}), stopped: make(chan struct{})}
	x, _, addr := exchange(t, r, cdr.NewMemory())
	c := newCaller(t, addr)
	c.send("INVITE", offer)
	<-r.asked
	c.send("CANCEL", "")
	for answer := c.final(); !strings.HasPrefix(answer, "SIP/2.0 487 "); answer = c.final() { // after the 200 to the CANCEL
		if !strings.HasPrefix(answer, "SIP/2.0 200 ") {
			t.Fatalf("the caller gets\n%s", answer)
		}
	}
	<-r.stopped
	for end := time.Now().Add(30 * time.Second); x.Active() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the call is left")
		}
	}
}

// noTrunk is a router that has nowhere to go once DNS was asked.
type noTrunk struct{ slow }

func (noTrunk) Elsewhere(context.Context, routing.Route) (routing.Rounds, error) {
	return nil, &rtc.Status{Code: 503, Err: errors.New("no trunk takes calls now")}
}

func TestNothingLeftAfterLookUp(t *testing.T) {
	_, _, addr := exchange(t, noTrunk{}, cdr.NewMemory())
	if answer := newCaller(t, addr).invite(); !strings.HasPrefix(answer, "SIP/2.0 503 ") || !strings.Contains(answer, "no trunk takes calls now") {
		t.Errorf("the caller gets\n%s", answer)
	}
}

// caller is a telephone that calls once.
type caller struct {
	t *testing.T
	*net.UDPConn
}

func newCaller(t *testing.T, to netip.AddrPort) caller {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return caller{t, c}
}

const offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n"

func (c caller) send(method, body string) {
	c.t.Helper()
	kind := ""
	if body != "" {
		kind = "Content-Type: application/sdp\r\n"
	}
	_, err := fmt.Fprintf(c, "%[1]s sip:x@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\n"+
		"To: <sip:x@example.com>\r\nCall-ID: once\r\nCSeq: 1 %[1]s\r\nContact: <sip:a@%[2]s>\r\n%[3]sContent-Length: %[4]d\r\n\r\n%[5]s",
		method, c.LocalAddr(), kind, len(body), body)
	if err != nil {
		c.t.Fatal(err)
	}
}

// final is the next response that is not provisional.
func (c caller) final() string {
	c.t.Helper()
	b := make([]byte, 4096)
	for {
		if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			c.t.Fatal(err)
		}
		n, err := c.Read(b)
		if err != nil {
			c.t.Fatal(err)
		}
		if answer := string(b[:n]); !strings.HasPrefix(answer, "SIP/2.0 1") {
			return answer
		}
	}
}

// invite calls and returns the final response.
func (c caller) invite() string {
	c.t.Helper()
	c.send("INVITE", offer)
	return c.final()
}
