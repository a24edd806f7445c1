package transport

import (
	"bytes"
	"crypto/tls"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem/rtc/sip"
)

// mirror sends each message back.
type mirror struct{}

func (mirror) Message(out Sink, f Flow, m *sip.Message, _ *sip.Error) { out.Send(f, m.Bytes(), nil) }
func (mirror) FlowClosed(Flow)                                        {}

// processCPU is the time all threads have used.
func processCPU() time.Duration {
	var ru unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &ru) // cannot fail with these arguments
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// echoLoad makes a server and returns a function that has n messages of about
// 600 octets echoed, 64 on their way at a time. The client receives and sends
// by the same calls as the server does.
func echoLoad(tb testing.TB) (run func(n int), size int) {
	const window = 64
	tr := start(tb, Config{Handler: mirror{}, Listen: []Listen{{Proto: UDP, Loops: 1}}})
	far, err := New(Config{Handler: mirror{}, Listen: []Listen{{Proto: UDP, Addr: anyV4, Loops: 1}}})
	if err != nil {
		tb.Fatal(err)
	}
	sock := far.listeners[0].socks[0] // driven by hand below
	tb.Cleanup(func() { sock.conn.Close() })
	in, out := newInbox(sock, 65535), newOutbox(far, sock)
	to := tr.listeners[0].addr
	msg := request("UDP", "bench", strings.Repeat("x", 330))
	give := func(n int) {
		for range n {
			out.add(to, msg, nil)
		}
		out.flush()
	}
	return func(n int) {
		sent, got := min(window, n), 0
		give(sent)
		for got < n {
			_ = sock.conn.SetReadDeadline(time.Now().Add(30 * time.Second)) // a closed socket fails below
			k, err := in.receive()
			if err != nil {
				tb.Fatalf("after %d of %d: %v", got, n, err)
			}
			got += k
			more := min(k, n-sent)
			give(more)
			sent += more
		}
	}, len(msg)
}

// BenchmarkUDPEcho reports the time of a message there and back, and as
// server-cpu-ns/pkt half of the processor time of both sides.
func BenchmarkUDPEcho(b *testing.B) {
	run, size := echoLoad(b)
	run(1000) // everything has grown to its size
	b.SetBytes(int64(size))
	b.ReportAllocs()
	cpu := processCPU()
	b.ResetTimer()
	run(b.N)
	b.StopTimer()
	b.ReportMetric(float64((processCPU()-cpu).Nanoseconds())/float64(b.N)/2, "server-cpu-ns/pkt")
}

// The way of a UDP message through the server allocates nothing.
func TestUDPDoesNotAllocate(t *testing.T) {
	run, _ := echoLoad(t)
	run(1000)
	const n = 5000
	if a := testing.AllocsPerRun(3, func() { run(n) }) / n; a > 0.01 {
		t.Errorf("%.3f allocations a message", a)
	}
}

// BenchmarkStreamEcho has messages of about 600 octets echoed over one
// connection, 16 in each write.
func BenchmarkStreamEcho(b *testing.B) {
	ca := newAuthority(b)
	for _, p := range []Proto{TCP, TLS} {
		b.Run(p.String(), func(b *testing.B) {
			l := Listen{Proto: p}
			if p == TLS {
				l.TLS = ca.server(b)
			}
			tr := start(b, Config{Handler: mirror{}, Listen: []Listen{l}})
			c := dialTCP(b, tr.Listeners()[0].Addr())
			if p == TLS {
				c, _ = dialTLS(b, tr.Listeners()[0].Addr(), &tls.Config{RootCAs: ca.pool, ServerName: "sip.example.com"})
			}
			const window = 16
			msg := request(p.String(), "bench", strings.Repeat("x", 330))
			all := bytes.Repeat(msg, window)
			back := make([]byte, len(all))
			b.SetBytes(int64(len(msg)))
			b.ReportAllocs()
			for n := 0; n < b.N; n += window {
				c.write(all)
				if _, err := io.ReadFull(c, back); err != nil {
					b.Fatal(err)
				}
			}
			if !bytes.Equal(all, back) {
				b.Fatal("the echo differs")
			}
		})
	}
}
