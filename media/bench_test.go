package media

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"tandem/media/relay"
)

// cpu is the time all threads of this process have used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSession is what a call costs the media server besides its packets: open,
// offer, answer, close, with plain audio on both sides. Closed ports are in
// quarantine, as in a real server, and nobody sends. cpu-µs/op is that of all
// threads of the process, the median of batches of 50; best is that of the batch
// least disturbed by what else the machine does.
func BenchmarkSession(b *testing.B) {
	for _, mux := range []bool{false, true} {
		b.Run(map[bool]string{false: "two ports a side", true: "rtcp-mux"}[mux], func(b *testing.B) {
			s, err := New(Config{Kernel: "off", Interfaces: []relay.Interface{{Name: "lo", Bind: netip.MustParseAddr("127.0.0.1")}}})
			if err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			defer func() {
				stop()
				if err := <-done; err != nil {
					b.Error(err)
				}
			}()
			text, want := "v=0\r\no=- 7 7 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n", Want{}
			if mux {
				text, want = text+"a=rtcp-mux\r\n", Want{Mux: Yes}
			}
			offer, answer := fmt.Appendf(nil, text, 9000), fmt.Appendf(nil, text, 9002)
			one := func(i int) {
				session, err := s.Open(fmt.Sprint(i), Options{})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := session.Offer(A, offer, want); err != nil {
					b.Fatal(err)
				}
				if _, err := session.Answer(B, answer, want); err != nil {
					b.Fatal(err)
				}
				session.Close()
			}
			for i := range 100 {
				one(i)
			}
			const batch = 50
			var costs, lasted []time.Duration
			b.ReportAllocs()
			before, n := cpu(b), 0
			for b.Loop() {
				n++
				at := time.Now()
				one(n)
				lasted = append(lasted, time.Since(at))
				if n%batch == 0 {
					now := cpu(b)
					costs = append(costs, (now-before)/batch)
					before = now
				}
			}
			report := func(list []time.Duration, share float64, unit string) {
				if slices.Sort(list); len(list) > 0 {
					b.ReportMetric(float64(list[int(share*float64(len(list)-1))].Nanoseconds())/1e3, unit)
				}
			}
			report(costs, 0.5, "cpu-µs/op")
			report(costs, 0, "best-cpu-µs/op")
			report(lasted, 0.5, "p50-µs")
			report(lasted, 0.99, "p99-µs")
		})
	}
}
