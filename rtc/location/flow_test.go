package location_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/location/sqlstore"
	"tandem/rtc/sip"
	"tandem/rtc/store"
	"tandem/rtc/transport"
)

// flows is a transport's handler that hands over what it sees.
type flows struct {
	came   chan transport.Flow
	closed chan transport.Flow
}

func (f *flows) Message(_ transport.Sink, fl transport.Flow, _ *sip.Message, _ *sip.Error) {
	f.came <- fl
}
func (f *flows) FlowClosed(fl transport.Flow) { f.closed <- fl }

func listen(t *testing.T) (*transport.Transport, *flows) {
	t.Helper()
	local := netip.MustParseAddrPort("127.0.0.1:0")
	h := &flows{came: make(chan transport.Flow, 10), closed: make(chan transport.Flow, 10)}
	tr, err := transport.New(transport.Config{Handler: h, Log: slog.New(slog.DiscardHandler), Listen: []transport.Listen{
		{Proto: transport.UDP, Addr: local, Loops: 1}, {Proto: transport.TCP, Addr: local}, {Proto: transport.WS, Addr: local}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- tr.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return tr, h
}

const options = "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"

// connect opens a connection of proto and returns the flow at the server's end.
func connect(t *testing.T, tr *transport.Transport, h *flows, proto transport.Proto) (net.Conn, transport.Flow) {
	t.Helper()
	for _, l := range tr.Listeners() {
		if l.Proto() != proto {
			continue
		}
		network := "tcp"
		if proto == transport.UDP {
			network = "udp"
		}
		c, err := net.Dial(network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		message := []byte(options)
		if proto == transport.WS {
			fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n")
			r := bufio.NewReader(c)
			for line := "x"; strings.TrimSpace(line) != ""; {
				if line, err = r.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			message = append([]byte{0x81, 0x80 | 126, byte(len(options) >> 8), byte(len(options)), 0, 0, 0, 0}, options...)
		}
		if _, err := c.Write(message); err != nil {
			t.Fatal(err)
		}
		select {
		case f := <-h.came:
			return c, f
		case <-time.After(30 * time.Second):
			t.Fatalf("no message by %v", proto)
		}
	}
	t.Fatalf("no listener for %v", proto)
	return nil, transport.Flow{}
}

func bindBy(l *location.Location, aor rtc.AOR, name string, f transport.Flow, outbound bool) {
	d := location.Draft{Contact: []byte("<sip:" + name + "@192.0.2.1>"), URI: []byte("sip:" + name + "@192.0.2.1"),
		CallID: []byte("1"), Flow: f, Expires: time.Now().Add(time.Hour)}
	if outbound {
		d.RegID, d.Instance = 1, []byte("<urn:uuid:"+name+">")
	}
	l.Update(aor, func(old []location.Binding) ([]location.Binding, error) {
		return append([]location.Binding{d.Binding()}, old...), nil
	}, func([]location.Binding, error) {})
}

func names(list []location.Binding) string {
	s := ""
	for _, b := range list {
		user, _, _ := strings.Cut(strings.TrimPrefix(b.URI, "sip:"), "@")
		if b.Flow.IsZero() {
			user += "(no flow)"
			if b.Flow.Remote.IsValid() {
				user += "(but " + b.Flow.Remote.String() + ")" // would be taken for an address to send to
			}
		}
		s += user + " "
	}
	return strings.TrimSpace(s)
}

func TestClosedFlows(t *testing.T) {
	const aor rtc.AOR = "sip:alice@example.com"
	tr, h := listen(t)
	l := location.New(nil, slog.New(slog.DiscardHandler))
	udp, udpFlow := connect(t, tr, h, transport.UDP)
	tcp, tcpFlow := connect(t, tr, h, transport.TCP)
	ws, wsFlow := connect(t, tr, h, transport.WS)
	bindBy(l, aor, "udp", udpFlow, false)
	bindBy(l, aor, "plain", tcpFlow, false)
	bindBy(l, aor, "outbound", tcpFlow, true)
	bindBy(l, "sip:bob@example.com", "bob", tcpFlow, true)
	bindBy(l, aor, "web", wsFlow, false)
	udp.Close()
	end := func(c net.Conn, f transport.Flow) {
		t.Helper()
		c.Close()
		select {
		case got := <-h.closed:
			if got.ID() != f.ID() {
				t.Fatalf("closed %v, not %v", got, f)
			}
			l.FlowClosed(got)
		case <-time.After(30 * time.Second):
			t.Fatal("the close was not told")
		}
	}
	end(ws, wsFlow)
	if got := names(l.Bindings(aor)); got != "outbound plain udp" {
		t.Errorf("after the end of WebSocket: %s", got)
	}
	end(tcp, tcpFlow)
	if got := names(l.Bindings(aor)); got != "plain(no flow) udp" {
		t.Errorf("after the end of TCP: %s", got)
	}
	if got := l.Bindings("sip:bob@example.com"); len(got) != 0 {
		t.Errorf("bob still has %s", names(got))
	}
	// The connection may have gone before its REGISTER was through.
	bindBy(l, aor, "late", wsFlow, false)
	if got := names(l.Bindings(aor)); got != "plain(no flow) udp" {
		t.Errorf("bound to a dead flow: %s", got)
	}
	l.FlowClosed(udpFlow)
	l.FlowClosed(transport.Flow{})
	if l.Count() != 2 {
		t.Errorf("%d bindings", l.Count())
	}
}

// After a restart on the same address a binding has its UDP flow again, and a
// connection's binding has none; a refresh by the same flow needs no write.
func TestFlowsAfterRestart(t *testing.T) {
	const aor rtc.AOR = "sip:alice@example.com"
	tr, h := listen(t)
	path := "sqlite://" + filepath.Join(t.TempDir(), "t.db")
	open := func() (*store.DB, *location.Location) {
		t.Helper()
		db, err := store.Open(context.Background(), path, slog.New(slog.DiscardHandler), sqlstore.Migrations)
		if err != nil {
			t.Fatal(err)
		}
		l := location.New(sqlstore.New(db, slog.New(slog.DiscardHandler)), slog.New(slog.DiscardHandler))
		if _, err := l.Restore(tr.ParseFlow); err != nil {
			t.Fatal(err)
		}
		return db, l
	}
	_, udpFlow := connect(t, tr, h, transport.UDP)
	_, tcpFlow := connect(t, tr, h, transport.TCP)
	db, l := open()
	bindBy(l, aor, "udp", udpFlow, false)
	bindBy(l, "sip:bob@example.com", "tcp", tcpFlow, false)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db, l = open()
	defer db.Close()
	if list := l.Bindings(aor); len(list) != 1 || list[0].Flow != udpFlow || list[0].Flow.Remote != udpFlow.Remote {
		t.Errorf("restored %+v", list)
	}
	if list := l.Bindings("sip:bob@example.com"); len(list) != 1 || !list[0].Flow.IsZero() || list[0].Flow.Remote.IsValid() {
		t.Errorf("restored %+v", list)
	}
	rows := db.Stats().Rows
	for _, b := range []struct {
		aor rtc.AOR
		f   transport.Flow
	}{{aor, udpFlow}, {"sip:bob@example.com", tcpFlow}} {
		l.Update(b.aor, func(old []location.Binding) ([]location.Binding, error) {
			n := old[0]
			n.Flow, n.Expires = b.f, time.Now().Add(time.Hour)
			return []location.Binding{n}, nil
		}, func(list []location.Binding, err error) {
			if err != nil || list[0].Flow != b.f {
				t.Errorf("%v %v", list, err)
			}
		})
	}
	if got := db.Stats(); got.Rows != rows || got.Queued != 0 {
		t.Errorf("a refresh was written: %+v", got)
	}
}
