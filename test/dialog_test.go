package test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/diago"
	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"tandem/rtc"
	"tandem/rtc/dialog"
	oursip "tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// agent is a user agent of ours on a real socket.
type agent struct {
	t    *testing.T
	ua   *dialog.UA
	addr netip.AddrPort
	sdp  dialog.Content

	session chan *dialog.Session
	events  chan string
}

func startAgent(t *testing.T) *agent {
	t.Helper()
	a := &agent{t: t, session: make(chan *dialog.Session, 1), events: make(chan string, 32), sdp: audio(t)}
	layer := transaction.New(transaction.Config{})
	tp, err := transport.New(transport.Config{Handler: layer, Listen: []transport.Listen{
		{Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")}}})
	if err != nil {
		t.Fatal(err)
	}
	a.addr = tp.Listeners()[0].Addr()
	a.ua = dialog.New(dialog.Config{Layer: layer, Wire: dialog.Over(tp), User: "agent"})
	layer.SetTransport(tp)
	layer.SetTU(rtc.NewRouter(slog.New(slog.DiscardHandler), nil, a.ua, rtc.HandlerFunc(a.serve)))
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{tp.Run, layer.Run, a.ua.Run} {
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
func (a *agent) serve(r *rtc.Request) error {
	if r.Method() != oursip.INVITE {
		return rtc.Next
	}
	in, err := a.ua.Receive(r, dialog.Inbound{Events: a.sink()})
	if err != nil {
		return err
	}
	s := in.Session
	if err := s.Ring(180, dialog.Content{}, true); err != nil {
		a.t.Error(err)
	}
	if err := s.Accept(a.sdp); err != nil {
		a.t.Error(err)
	}
	a.session <- s
	return nil
}

func (a *agent) sink() dialog.Events {
	return dialog.Events{
		Answered: func(s *dialog.Session, m *oursip.Message) { a.session <- s; a.events <- "answered" },
		Failed:   func(*dialog.Call, *oursip.Message, error) { a.events <- "failed" },
		Acked:    func(*dialog.Session, *oursip.Message) { a.events <- "acked" },
		Request: func(s *dialog.Session, in *dialog.Incoming) {
			a.events <- "request " + string(in.MethodName())
			in.Respond(200, a.sdp)
		},
		Ended: func(_ *dialog.Session, e dialog.End) {
			a.events <- fmt.Sprintf("ended %s remote=%v", e.Reason, e.Remote)
		},
	}
}

func (a *agent) want(event string) {
	a.t.Helper()
	select {
	case got := <-a.events:
		if got != event {
			a.t.Fatalf("our side was told %q, want %q", got, event)
		}
	case <-time.After(patience):
		a.t.Fatalf("our side was not told %q", event)
	}
}

func (a *agent) its() *dialog.Session {
	a.t.Helper()
	select {
	case s := <-a.session:
		return s
	case <-time.After(patience):
		a.t.Fatal("no session")
		return nil
	}
}

// foreign makes a diago endpoint on a free port.
func foreignPhone(t *testing.T) (*diago.Diago, int) {
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

// awake waits until an endpoint answers: diago says it serves a moment before
// it knows its socket, and a call made then would open a second one.
func awake(t *testing.T, port int) {
	t.Helper()
	c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, end := 0, time.Now().Add(patience); time.Now().Before(end); i++ {
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

// reinvite renegotiates from our side and wants a 200.
func (a *agent) reinvite(s *dialog.Session) {
	a.t.Helper()
	code := make(chan int, 1)
	s.Do(func() {
		if err := s.Reinvite(a.sdp, func(m *oursip.Message, err error) {
			if err != nil {
				a.t.Error(err)
				code <- 0
				return
			}
			code <- m.StatusCode()
		}); err != nil {
			a.t.Error(err)
			code <- 0
		}
	})
	select {
	case c := <-code:
		if c != 200 {
			a.t.Errorf("re-INVITE was answered %d", c)
		}
	case <-time.After(patience):
		a.t.Error("re-INVITE was not answered")
	}
}

func TestDialogCalledByDiago(t *testing.T) {
	for _, ours := range []bool{false, true} {
		t.Run(fmt.Sprintf("our BYE %v", ours), func(t *testing.T) {
			a := startAgent(t)
			dg, port := foreignPhone(t)
			ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
			defer cancel()
			if err := dg.ServeBackground(ctx, func(*diago.DialogServerSession) {}); err != nil {
				t.Fatal(err)
			}
			awake(t, port)
			d, err := dg.Invite(ctx, sip.Uri{Scheme: "sip", User: "agent", Host: "127.0.0.1", Port: int(a.addr.Port())},
				diago.InviteOptions{Headers: []sip.Header{
					sip.NewHeader("Supported", "timer"), sip.NewHeader("Session-Expires", "1800;refresher=uas")}})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			s := a.its()
			a.want("acked")
			if h := d.InviteResponse.GetHeader("Session-Expires"); h == nil || h.Value() != "1800;refresher=uas" {
				t.Errorf("Session-Expires in our 200: %v", h)
			}
			if err := d.ReInvite(ctx); err != nil {
				t.Fatalf("diago's re-INVITE: %v", err)
			}
			a.want("request INVITE")
			a.want("acked")
			a.reinvite(s) // as the refresh of the session timer does
			if ours {
				s.Do(func() { s.Bye(nil) })
				a.want("ended bye remote=false")
				select {
				case <-d.Context().Done():
				case <-ctx.Done():
					t.Error("diago did not hear our BYE")
				}
				return
			}
			if err := d.Hangup(ctx); err != nil {
				t.Errorf("diago's BYE: %v", err)
			}
			a.want("ended bye remote=true")
		})
	}
}

func TestDialogCallsDiago(t *testing.T) {
	for _, ours := range []bool{false, true} {
		t.Run(fmt.Sprintf("our BYE %v", ours), func(t *testing.T) {
			a := startAgent(t)
			dg, port := foreignPhone(t)
			ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
			defer cancel()
			up, hang, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			if err := dg.ServeBackground(ctx, func(d *diago.DialogServerSession) {
				if err := d.Answer(); err != nil {
					ended <- err
					return
				}
				close(up)
				select {
				case <-hang:
					ended <- d.Hangup(ctx)
				case <-d.Context().Done():
					ended <- nil
				case <-ctx.Done():
					ended <- ctx.Err()
				}
			}); err != nil {
				t.Fatal(err)
			}
			_, err := a.ua.Invite(dialog.Invite{Way: dialog.Way{URI: fmt.Sprintf("sip:diago@127.0.0.1:%d", port)}, From: "<sip:agent@127.0.0.1>",
				Content: a.sdp, Events: a.sink()})
			if err != nil {
				t.Fatal(err)
			}
			s := a.its()
			a.want("answered")
			if !strings.Contains(string(s.Target()), fmt.Sprint(port)) {
				t.Errorf("remote target %s", s.Target())
			}
			select { // diago sets up its media after our ACK and takes no re-INVITE before
			case <-up:
			case err := <-ended:
				t.Fatalf("diago's answer: %v", err)
			}
			a.reinvite(s)
			if ours {
				s.Do(func() { s.Bye(nil) })
				a.want("ended bye remote=false")
			} else {
				close(hang)
				a.want("ended bye remote=true")
			}
			if err := <-ended; err != nil {
				t.Errorf("diago: %v", err)
			}
		})
	}
}
