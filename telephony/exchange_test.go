package telephony

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/gateways"
	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/policy"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
	"tandem/telephony/cdr"
	"tandem/telephony/diversion"
	"tandem/telephony/routing"
)

// nowhere is a router whose calls ring nobody.
type nowhere struct{}

func (nowhere) Caller(*rtc.Request) (routing.Route, error) { return routing.Route{}, nil }

func (nowhere) Refer(rtc.AOR, string) (routing.Route, error) { return routing.Route{}, nil }

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
func (nowhere) Elsewhere(r routing.Route) routing.Rounds { return r.Rounds }
func (nowhere) Divert(r routing.Route, _ diversion.Reason, _ string) (routing.Route, error) {
	return r, rtc.Next
}

// full is a store that takes nothing, at once or later.
type full struct {
	*cdr.Memory
	later bool
}

func (f full) Put(_ cdr.Record, done func(error)) error {
	err := errors.New("the disk is full")
	if !f.later {
		return err
	}
	go done(err)
	return nil
}

// A call that cannot be recorded is refused, and leaves nothing behind.
func TestUnrecordedCall(t *testing.T) {
	for _, later := range []bool{false, true} {
		t.Run(fmt.Sprintf("later=%v", later), func(t *testing.T) {
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
			x := New(Config{Dialog: dialog.Config{Layer: layer, Wire: dialog.Over(tp)}, Media: m, Router: nowhere{},
				Records: full{cdr.NewMemory(), later}, Domain: "example.com"})
			layer.SetTU(rtc.NewRouter(slog.New(slog.DiscardHandler), nil, x))
			ctx, stop := context.WithCancel(t.Context())
			var all sync.WaitGroup
			for _, run := range []func(context.Context) error{layer.Run, tp.Run, m.Run, x.Run} {
				all.Go(func() { _ = run(ctx) })
			}
			defer func() { stop(); all.Wait() }()
			if answer := invite(t, tp.Listeners()[0].Addr()); !strings.HasPrefix(answer, "SIP/2.0 503 ") || !strings.Contains(answer, "Retry-After:") {
				// The lack of anybody to ring may be known before the lack of room.
				if !later || !strings.HasPrefix(answer, "SIP/2.0 480 ") {
					t.Errorf("the caller gets\n%s", answer)
				}
			}
			for end := time.Now().Add(10 * time.Second); x.Active() > 0 || len(m.Sessions()) > 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d calls and %d media sessions are left", x.Active(), len(m.Sessions()))
				}
			}
		})
	}
}

// invite sends an INVITE and returns the final response to it.
func invite(t *testing.T, to netip.AddrPort) string {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n"
	_, err = fmt.Fprintf(c, "INVITE sip:x@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\n"+
		"To: <sip:x@example.com>\r\nCall-ID: unrecorded\r\nCSeq: 1 INVITE\r\nContact: <sip:a@%s>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		c.LocalAddr(), c.LocalAddr(), len(sdp), sdp)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	for {
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if answer := string(b[:n]); !strings.HasPrefix(answer, "SIP/2.0 1") {
			return answer
		}
	}
}
