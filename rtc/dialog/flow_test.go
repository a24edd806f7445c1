package dialog

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// tcpAgent is a user agent on a real TCP listener.
func tcpAgent(t *testing.T, how Inbound, sessions chan *Session) (*UA, netip.AddrPort) {
	t.Helper()
	layer := transaction.New(transaction.Config{Lanes: 4})
	tp, err := transport.New(transport.Config{Handler: layer, Listen: []transport.Listen{{Proto: transport.TCP, Addr: netip.MustParseAddrPort("127.0.0.1:0")}}})
	if err != nil {
		t.Fatal(err)
	}
	layer.SetTransport(tp)
	ua := New(Config{Layer: layer, Wire: Over(tp)})
	layer.SetTU(rtc.NewRouter(slog.New(slog.DiscardHandler), nil, ua, rtc.HandlerFunc(func(r *rtc.Request) error {
		if r.Method() != sip.INVITE {
			return rtc.Next
		}
		in, err := ua.Receive(r, how)
		if err != nil {
			return err
		}
		sessions <- in.Session
		return in.Session.Accept(sdp("answer"))
	})))
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{tp.Run, layer.Run, ua.Run} {
		wg.Go(func() { _ = run(ctx) })
	}
	t.Cleanup(func() { stop(); wg.Wait() })
	return ua, tp.Listeners()[0].Addr()
}

// callByTCP makes calls over one raw connection.
func callByTCP(t *testing.T, to netip.AddrPort, calls int) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(c)
	for i := range calls {
		id := fmt.Sprintf("c%d-%d", c.LocalAddr().(*net.TCPAddr).Port, i)
		text := strings.NewReplacer("SIP/2.0/UDP 10.0.0.9:5060", "SIP/2.0/TCP "+c.LocalAddr().String(), "\n", "\r\n").Replace(
			strings.TrimSpace(strings.TrimSuffix(invite(id, "Content-Length: 5"), "offer"))) + "\r\n\r\noffer"
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		for ok, ours := false, false; !ok || !ours; { // a 200 to the one before may be repeated
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(line, "SIP/2.0 ") && !strings.HasPrefix(line, "Via:") { // behind the body of the one before
				ok, ours = strings.Contains(line, "SIP/2.0 200"), false
			}
			ours = ours || strings.TrimSpace(line) == "Call-ID: "+id
		}
	}
	return c
}

// When a connection closes, the calls that are stuck to it are told, and no others.
func TestClosedConnection(t *testing.T) {
	told := make(chan *Session, 16)
	sessions := make(chan *Session, 16)
	ua, addr := tcpAgent(t, Inbound{Sticky: true, Events: Events{FlowClosed: func(s *Session) { told <- s }}}, sessions)
	one, two := callByTCP(t, addr, 3), callByTCP(t, addr, 1)
	defer two.Close()
	want := map[*Session]bool{}
	for range 3 {
		want[<-sessions] = true
	}
	other := <-sessions
	// one of the three has ended, one has moved to the other connection
	var list []*Session
	for s := range want {
		list = append(list, s)
	}
	list[0].Do(func() { ua.Table().Remove(list[0].Dialog) })
	var flow transport.Flow
	other.Do(func() { flow = other.flow })
	list[1].Do(func() { list[1].Stick(flow) })
	_ = one.Close()
	select {
	case s := <-told:
		if s != list[2] {
			t.Error("another session was told")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("nobody was told")
	}
	_ = two.Close()
	for range 2 {
		select {
		case s := <-told:
			if s != list[1] && s != other {
				t.Error("another session was told")
			}
		case <-time.After(30 * time.Second):
			t.Fatal("not both were told")
		}
	}
	// who sticks to a connection that is gone is told at once
	other.Do(func() { other.Stick(transport.Flow{}); other.Stick(flow) })
	select {
	case <-told:
	case <-time.After(30 * time.Second):
		t.Fatal("not told of a connection that is gone")
	}
	if n := len(told); n != 0 {
		t.Errorf("%d more were told", n)
	}
}

// dialogAt is a dialog as a call behind two proxies makes it.
func dialogAt(ua *UA, i int) Stored {
	return Stored{
		CallID: fmt.Sprintf("%d-8f3a5c1e@192.0.2.17", i), Local: ua.sealTag([]byte("x"), uint64(i)), Remote: fmt.Sprintf("as%08x", i),
		From: fmt.Sprintf(`"Alice Example" <sip:alice%d@example.com>;tag=0123456789012345678901`, i), To: fmt.Sprintf("<sip:+4930123%06d@example.com;user=phone>;tag=as%08x", i, i),
		Target: fmt.Sprintf("sip:alice@10.1.%d.%d:5060;transport=tls;ob", i>>8&255, i&255), Routes: []string{"<sip:edge1.example.com;lr;transport=tls>", "<sip:edge2.example.com;lr>"},
		LocalSeq: 1, RemoteSeq: 1, RemoteKnown: true, Peer: "carrier",
	}
}

// BenchmarkHalfAMillion finds dialogs among 500,000 and says what one costs.
func BenchmarkHalfAMillion(b *testing.B) {
	const n = 500_000
	ua := New(Config{Layer: layerOfNobody()})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range n {
		if _, err := ua.RestoreCall(dialogAt(ua, i), transport.Flow{}, Events{}); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if _, err := ua.RestoreCall(dialogAt(ua, n), transport.Flow{}, Events{}); err != ErrFull {
		b.Fatalf("beyond the limit: %v", err)
	}
	var some []*sip.Message
	for i := 0; i < n; i += n / 1000 {
		st := dialogAt(ua, i)
		m := new(sip.Message)
		if err := m.Parse(fmt.Appendf(nil, "BYE sip:a@b SIP/2.0\r\nFrom: <sip:x@y>;tag=%s\r\nTo: <sip:a@b>;tag=%s\r\nCall-ID: %s\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n", st.Remote, st.Local, st.CallID)); err != nil {
			b.Fatal(err)
		}
		some = append(some, m)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if ua.Table().Find(some[i%len(some)]) == nil {
			b.Fatal("not found")
		}
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/dialog")
}
