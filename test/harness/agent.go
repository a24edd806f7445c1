package harness

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/emiago/diago"
	"github.com/emiago/sipgo"

	"tandem/rtc"
	"tandem/rtc/dialog"
	oursip "tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// Agent is a user agent of ours on a real socket.
type Agent struct {
	T    *testing.T
	UA   *dialog.UA
	Addr netip.AddrPort
	SDP  dialog.Content

	session chan *dialog.Session
	events  chan string
}

func StartAgent(t *testing.T) *Agent {
	t.Helper()
	a := &Agent{T: t, session: make(chan *dialog.Session, 1), events: make(chan string, 32), SDP: audio(t)}
	layer := transaction.New(transaction.Config{})
	tp, err := transport.New(transport.Config{Handler: layer, Listen: []transport.Listen{
		{Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")}}})
	if err != nil {
		t.Fatal(err)
	}
	a.Addr = tp.Listeners()[0].Addr()
	a.UA = dialog.New(dialog.Config{Layer: layer, Wire: dialog.Over(tp), User: "agent"})
	layer.SetTransport(tp)
	layer.SetTU(rtc.NewRouter(slog.New(slog.DiscardHandler), nil, a.UA, rtc.HandlerFunc(a.serve)))
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{tp.Run, layer.Run, a.UA.Run} {
		wg.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { stop(); wg.Wait() })
	return a
}

// audio is a session description with a socket behind its port.
func audio(t *testing.T) dialog.Content {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	body := fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n",
		pc.LocalAddr().(*net.UDPAddr).Port)
	return dialog.Content{Type: "application/sdp", Body: body}
}

// serve rings and accepts.
func (a *Agent) serve(r *rtc.Request) error {
	if r.Method() != oursip.INVITE {
		return rtc.Next
	}
	in, err := a.UA.Receive(r, dialog.Inbound{Events: a.Sink()})
	if err != nil {
		return err
	}
	s := in.Session
	if err := s.Ring(180, dialog.Content{}, true); err != nil {
		a.T.Error(err)
	}
	if err := s.Accept(a.SDP); err != nil {
		a.T.Error(err)
	}
	a.session <- s
	return nil
}

func (a *Agent) Sink() dialog.Events {
	return dialog.Events{
		Answered: func(s *dialog.Session, m *oursip.Message) { a.session <- s; a.events <- "answered" },
		Failed:   func(*dialog.Call, *oursip.Message, error) { a.events <- "failed" },
		Acked:    func(*dialog.Session, *oursip.Message) { a.events <- "acked" },
		Request: func(s *dialog.Session, in *dialog.Incoming) {
			a.events <- "request " + string(in.MethodName())
			in.Respond(200, a.SDP)
		},
		Ended: func(_ *dialog.Session, e dialog.End) {
			a.events <- fmt.Sprintf("ended %s remote=%v", e.Reason, e.Remote)
		},
	}
}

func (a *Agent) Want(event string) {
	a.T.Helper()
	select {
	case got := <-a.events:
		if got != event {
			a.T.Fatalf("our side was told %q, want %q", got, event)
		}
	case <-time.After(Patience):
		a.T.Fatalf("our side was not told %q", event)
	}
}

func (a *Agent) Its() *dialog.Session {
	a.T.Helper()
	select {
	case s := <-a.session:
		return s
	case <-time.After(Patience):
		a.T.Fatal("no session")
		return nil
	}
}

// foreign makes a diago endpoint on a free port.
func ForeignPhone(t *testing.T) (*diago.Diago, int) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := pc.LocalAddr().(*net.UDPAddr).Port
	_ = pc.Close()
	ua, err := sipgo.NewUA(sipgo.WithUserAgent("diago"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ua.Close() })
	return diago.NewDiago(ua, diago.WithTransport(diago.Transport{Transport: "udp", BindHost: "127.0.0.1", BindPort: port})), port
}

// Awake waits until an endpoint answers: diago says it serves a moment before
// it knows its socket, and a call made then would open a second one.
func Awake(t *testing.T, port int) {
	t.Helper()
	c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, end := 0, time.Now().Add(Patience); time.Now().Before(end); i++ {
		_, _ = fmt.Fprintf(c, "OPTIONS sip:127.0.0.1:%d SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%d\r\nMax-Forwards: 1\r\n"+
			"From: <sip:test@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1:%d>\r\nCall-ID: awake-%d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
			port, c.LocalAddr(), i, port, port)
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := c.Read(make([]byte, 2048)); err == nil {
			return
		}
	}
	t.Fatal("diago does not answer")
}
