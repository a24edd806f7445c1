package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/rtc/sip"
)

func TestSlowSenderIsClosed(t *testing.T) {
	e := &echo{}
	tr := start(t, Config{Handler: e, HeaderTimeout: 200 * time.Millisecond, Listen: []Listen{{Proto: TCP}}})
	c := dialTCP(t, tr.Listeners()[0].Addr())
	stop := make(chan struct{})
	defer close(stop)
	begun := time.Now()
	go func() { // never silent, never done
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				if _, err := c.Write([]byte("M")); err != nil {
					return
				}
			}
		}
	}()
	c.expectEnd()
	if d := time.Since(begun); d < 150*time.Millisecond || d > 30*time.Second {
		t.Errorf("closed after %v", d)
	}
}

// accepted is the peer's end of a connection in memory that tr has accepted. In a
// bubble its time is virtual.
func accepted(t *testing.T, tr *Transport, proto Proto) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	c, err := (&Listener{t: tr, proto: proto}).admit(near.LocalAddr())
	if err != nil {
		t.Fatal(err)
	}
	c.link = newLink(tr, near)
	tr.spawn(c.serve)
	return far
}

func TestIdleIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 10 * time.Minute
		e := &echo{}
		tr, err := New(Config{Handler: e, IdleTimeout: limit})
		if err != nil {
			t.Fatal(err)
		}
		c := &client{Conn: accepted(t, tr, TCP), t: t}
		// Whoever talks stays.
		for range 6 {
			time.Sleep(limit / 2)
			c.write(ping)
			c.readPong()
		}
		// Whoever is talked to stays, too.
		c.write(request("TCP", "x", ""))
		c.expect(200, "")
		f := e.lastFlow()
		for range 6 {
			time.Sleep(limit / 2)
			tr.Send(f, request("TCP", "y", "listen"), nil)
			if m, err := c.next(); err != nil || string(m.Body()) != "listen" {
				t.Fatalf("%v %v", m, err)
			}
		}
		begun := time.Now()
		if err := c.SetReadDeadline(begun.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		_, err = c.Read(make([]byte, 1))
		if d := time.Since(begun); err != io.EOF || d < limit || d > 2*limit {
			t.Errorf("after %v: %v", d, err)
		}
		tr.work.Wait()
	})
}

// At the limit the oldest connection without a registration makes room; when all must
// be kept the new one is refused.
func TestRegisteredConnectionsAreKept(t *testing.T) {
	e := &echo{}
	var kept []Flow
	var mu sync.Mutex
	tr := start(t, Config{Handler: e, MaxConns: 3, Listen: []Listen{{Proto: TCP}}, Keep: func(f Flow) bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Contains(kept, f)
	}})
	open := func() (*client, Flow) {
		c := dialTCP(t, tr.Listeners()[0].Addr())
		c.write(request("TCP", "x", ""))
		c.expect(200, "")
		return c, e.lastFlow()
	}
	keep := func(f Flow) { mu.Lock(); kept = append(kept, f); mu.Unlock() }
	first, f := open()
	keep(f)
	second, _ := open()
	_, f = open()
	keep(f)
	_, f = open()
	second.expectEnd()
	first.write(ping)
	first.readPong()
	keep(f)
	dialTCP(t, tr.Listeners()[0].Addr()).expectEnd()
	first.write(ping)
	first.readPong()
	if s := tr.Stats(); s.Conns != 3 || s.Refused != 1 {
		t.Errorf("%d connections, %d refused", s.Conns, s.Refused)
	}
}

func TestConnectionLimits(t *testing.T) {
	// Loopback is exempt from the limit per address; the table itself is asked.
	var tb table
	tb.init(Config{MaxConns: 10, MaxConnsPerIP: 2})
	addr := netip.MustParseAddr
	for i, tc := range []struct {
		a      string
		exempt bool
		want   error
	}{
		{"192.0.2.1", false, nil}, {"192.0.2.1", false, nil}, {"192.0.2.1", false, errMaxPerIP}, {"192.0.2.2", false, nil},
		{"192.0.2.1", true, nil},
		{"2001:db8::1", false, nil}, {"2001:db8::2", false, nil}, {"2001:db8::3", false, errMaxPerIP}, {"2001:db8:0:1::1", false, nil},
		{"127.0.0.1", true, nil}, {"127.0.0.1", true, nil}, {"127.0.0.1", true, nil}, {"127.0.0.1", true, errMaxConns},
	} {
		if err := tb.admit(addr(tc.a), tc.exempt); err != tc.want {
			t.Errorf("step %d, %s: %v, want %v", i, tc.a, err, tc.want)
		}
	}
	tb.leave(addr("192.0.2.1"), false)
	if err := tb.admit(addr("192.0.2.1"), false); err != nil {
		t.Errorf("after one has left: %v", err)
	}

	tr := start(t, Config{Handler: &echo{}, MaxConns: 3, Listen: []Listen{{Proto: TCP}}})
	to := tr.Listeners()[0].Addr()
	var open []*client
	for range 3 {
		c := dialTCP(t, to)
		c.write(request("TCP", "x", ""))
		c.expect(200, "")
		open = append(open, c)
	}
	over := dialTCP(t, to)
	over.expectEnd()
	if st := tr.Stats(); st.Conns != 3 || st.Refused != 1 {
		t.Errorf("stats %+v", st)
	}
	open[0].Close()
	eventually(t, "the place is free", func() bool { return tr.Stats().Conns == 2 })
	c := dialTCP(t, to)
	c.write(request("TCP", "x", ""))
	c.expect(200, "")
}

func TestConnectionLimitPerAddress(t *testing.T) {
	tr := start(t, Config{Handler: &echo{}, MaxConnsPerIP: 1, Listen: []Listen{{Proto: TCP}}})
	l := tr.Listeners()[0]
	a, err := l.admit(dialTCP(t, l.Addr()).LocalAddr())
	if err != nil || !a.exempt {
		t.Fatalf("loopback: %v, exempt %v", err, a != nil && a.exempt)
	}
	tr.conns.leave(a.remote.Addr(), a.exempt)
}

// A peer that never reads costs at most the queue, and not for long.
func TestPeerThatNeverReads(t *testing.T) {
	for _, tc := range []struct {
		name    string
		queue   int
		timeout time.Duration
	}{
		{"full queue", 256 << 10, time.Minute},
		{"write deadline", 64 << 20, 200 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &echo{}
			tr := start(t, Config{Handler: e, WriteQueue: tc.queue, WriteTimeout: tc.timeout, Listen: []Listen{{Proto: TCP}}})
			c := dialTCP(t, tr.Listeners()[0].Addr())
			c.write(request("TCP", "x", ""))
			c.expect(200, "")
			f := e.lastFlow()
			fail := newFailed()
			msg := request("TCP", "y", strings.Repeat("z", 8000))
			most := 0
			for i := 0; i < 4000 && f.Alive(); i++ { // 32 MB: more than socket buffers hold
				tr.Send(f, msg, fail)
				f.conn.link.mu.Lock()
				most = max(most, int(f.conn.link.queued-f.conn.link.sent))
				f.conn.link.mu.Unlock()
			}
			fail.wait(t)
			eventually(t, "the connection is closed", func() bool { return !f.Alive() && len(e.closedFlows()) == 1 })
			if most > tc.queue {
				t.Errorf("%d octets waited, limit %d", most, tc.queue)
			}
		})
	}
}

// A peer that reads late gets everything in order.
func TestPeerThatReadsLate(t *testing.T) {
	const n = 2000
	e := &echo{}
	tr := start(t, Config{Handler: e, WriteQueue: 64 << 20, Listen: []Listen{{Proto: TCP}}})
	c := dialTCP(t, tr.Listeners()[0].Addr())
	c.write(request("TCP", "x", ""))
	c.expect(200, "")
	f := e.lastFlow()
	fill := strings.Repeat("z", 8000)
	for i := range n {
		tr.Send(f, request("TCP", "y", fmt.Sprint(i, fill)), nil)
	}
	for i := range n {
		m, err := c.next()
		if err != nil || string(m.Body()) != fmt.Sprint(i, fill) {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	eventually(t, "the writer has ended", func() bool {
		f.conn.link.mu.Lock()
		defer f.conn.link.mu.Unlock()
		return !f.conn.link.writing && cap(f.conn.link.q) <= idleBuffer
	})
}

// Pings whose pongs nobody reads do not fill the memory.
func TestPingFlood(t *testing.T) {
	e := &echo{}
	tr := start(t, Config{Handler: e, WriteQueue: 4 << 10, Listen: []Listen{{Proto: TCP}}})
	c := accepted(t, tr, TCP) // no kernel keeps megabytes of pongs for the peer
	if err := c.SetWriteDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Write([]byte(strings.Repeat("\r\n", 1<<20)))
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("after %d octets: %v, want it closed", n, err)
	}
}

func TestSendAfterRun(t *testing.T) {
	e := &echo{onMsg: func(out Sink, f Flow, m *sip.Message, _ *sip.Error) bool { return false }}
	var f Flow
	var tr *Transport
	t.Run("run", func(t *testing.T) {
		tr = start(t, Config{Handler: e, Listen: []Listen{{Proto: TCP}, {Proto: UDP, Loops: 1}}})
		c := dialTCP(t, tr.Listeners()[0].Addr())
		c.write(request("TCP", "x", ""))
		c.expect(200, "")
		f = e.lastFlow()
	})
	tr.Send(f, []byte("x"), nil)
	tr.Send(Flow{l: tr.Listeners()[1], Remote: netip.MustParseAddrPort("127.0.0.1:9")}, []byte("x"), nil)
	if f, err := tr.Flow(Target{Proto: TCP, Addr: tr.Listeners()[0].Addr()}); err == nil {
		t.Errorf("a flow after the end: %v", f)
	}
	if len(e.closedFlows()) != 1 {
		t.Error("the handler was not told of the end")
	}
}
