package relay

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// crowd is sockets that are sent to in turn, thick enough for the clock.
type crowd struct {
	to   []netip.AddrPort
	from *net.UDPConn
	sent int
}

func newCrowd(t *testing.T, p *Plane, r Receiver) *crowd {
	c := &crowd{from: dial(t, loopback)}
	for range 64 {
		s, err := p.Single("", nil, r)
		if err != nil {
			t.Fatal(err)
		}
		c.to = append(c.to, s.Local())
	}
	return c
}

// send sends n packets, the next one every gap.
func (c *crowd) send(t *testing.T, n int, gap time.Duration) {
	for next := time.Now(); n > 0; n-- {
		for next = next.Add(gap); time.Now().Before(next); {
		}
		if _, err := c.from.WriteToUDPAddrPort([]byte("hello"), c.to[c.sent%len(c.to)]); err != nil {
			t.Fatal(err)
		}
		c.sent++
	}
}

func awaitAll(t *testing.T, came *atomic.Int64, sent int) {
	for deadline := time.Now().Add(30 * time.Second); came.Load() < int64(sent); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d packets came", came.Load(), sent)
		}
	}
}

// Packets that come thick are fetched together; when they come thin, each is served at
// once. None is forgotten at either change, whether it is the first one after a silence
// or the last one before.
func TestPace(t *testing.T) {
	for name, gap := range map[string]time.Duration{
		"500 calls on a core": 20 * time.Microsecond,
		"100 calls on a core": 100 * time.Microsecond,
	} {
		t.Run(name, func(t *testing.T) {
			if each := fetched(t, gap); each < 4 {
				t.Errorf("%.1f packets are fetched at a time, want 4 at least of the 8 or more that come in a pace", each)
			}
		})
	}
}

// fetched is how many packets are fetched at a time where they come so thick, with
// silences.
func fetched(t *testing.T, gap time.Duration) (each float64) {
	p := start(t, Config{Workers: 1})
	var looks, came atomic.Int64
	var last time.Time
	c := newCrowd(t, p, receive(func(_ *Socket, _ []byte, _ netip.AddrPort, at time.Time) {
		if !at.Equal(last) {
			looks.Add(1)
		}
		last = at
		came.Add(1)
	}))
	const rounds, thickly = 10, 4 * sample
	total := int64(0)
	for range rounds {
		before := looks.Load()
		c.send(t, thickly, gap)
		awaitAll(t, &came, c.sent)
		total += looks.Load() - before
		c.send(t, 3, 3*time.Millisecond)
		awaitAll(t, &came, c.sent)
	}
	return rounds * thickly / float64(total)
}

// The clock runs where packets wake the worker one by one, not where they come thin or
// together.
func TestPaceOfTraffic(t *testing.T) {
	for _, c := range []struct {
		name    string
		counted pacer
		want    time.Duration
	}{
		{"500 calls", pacer{ready: 50_000, waits: 30_000}, shortest},
		{"500 calls, by the clock", pacer{pace: shortest, ready: 50_000, waits: 2000}, shortest},
		{"100 calls", pacer{ready: 10_000, waits: 9_000}, 800 * time.Microsecond},
		{"100 calls, by the clock", pacer{pace: 800 * time.Microsecond, ready: 10_000, waits: 1250}, 800 * time.Microsecond},
		{"40 calls", pacer{ready: 4000, waits: 3900}, longest},
		{"40 calls, by the clock", pacer{pace: longest, ready: 4000, waits: 1000, silences: 20}, longest},
		{"15 calls", pacer{ready: 1500, waits: 1500}, 0},
		{"15 calls, by the clock", pacer{pace: longest, ready: 1500, waits: 1000, silences: 220}, 0},
		{"100 calls in bursts, every 5 ms", pacer{ready: 10_000, waits: 600}, 0},
		{"100 calls in bursts, by the clock", pacer{pace: 800 * time.Microsecond, ready: 10_000, waits: 600, silences: 200}, 0},
	} {
		if c.counted.judge(time.Second); c.counted.pace != c.want {
			t.Errorf("%s: a pace of %v, want %v", c.name, c.counted.pace, c.want)
		}
	}
}
