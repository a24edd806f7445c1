package quality

import (
	"math"
	"testing"
	"time"
)

func TestVerdicts(t *testing.T) {
	i := Inbound{Clock: 8000}
	for n, c := range []struct {
		ssrc uint32
		seq  uint16
		want Verdict
	}{
		{1, 100, Fresh}, {1, 101, Fresh}, {1, 99, Late}, {1, 99, Duplicate}, {1, 100, Duplicate}, {1, 3100, Fresh},
		{1, 3000, Late}, {1, 2999, Stray}, {1, 3101, Fresh}, {1, 40000, Stray}, {1, 20000, Stray}, {1, 20001, Restart},
		{1, 20000, Duplicate}, {1, 20002, Fresh}, {2, 7, Restart}, {2, 6, Late}, {2, 8, Fresh},
	} {
		if v := i.Packet(c.ssrc, c.seq, 0, 172, start); v != c.want {
			t.Errorf("packet %d, %d of %d: %d, want %d", n, c.seq, c.ssrc, v, c.want)
		}
	}
	// 99 to 3101, 20000 to 20002, 6 to 8.
	if r := i.Report(start); r.Packets != 5+3+3+1 || r.Packets+r.Lost != 3003+3+3 {
		t.Errorf("%+v", r)
	}
}

func TestManyCycles(t *testing.T) {
	i := Inbound{Clock: 8000}
	for n := range 4 * 65536 {
		if n%10 != 9 {
			i.Packet(1, uint16(n+5), uint32(n)*160, 172, start.Add(time.Duration(n)*20*ms))
		}
	}
	if r := i.Report(start); r.Packets+r.Lost != 4*65536 || math.Abs(r.LossPercent-10) > 0.01 {
		t.Errorf("%+v", r)
	}
}

// RFC 3550 A.8: the estimate moves by a sixteenth of each difference.
func TestJitterByHand(t *testing.T) {
	i := Inbound{Clock: 8000}
	want := 0.0
	arrivals := []time.Duration{0, 20, 47, 60, 95, 100, 120} // ms
	for n, at := range arrivals {
		feed(&i, uint16(n), at*ms)
		if n > 0 {
			d := math.Abs(float64(at-arrivals[n-1])*8 - 160)
			want += (d - want) / 16
		}
	}
	if math.Abs(i.timing.jitter-want) > 1e-9 {
		t.Errorf("%v, want %v", i.timing.jitter, want)
	}
}

func TestWhatIsNoJitter(t *testing.T) {
	for name, f := range map[string]func(i *Inbound, n int, at time.Time){
		"key events": func(i *Inbound, n int, at time.Time) {
			ts := uint32(n) * 160
			if k := n % 50; k > 40 {
				ts = uint32(n-k+40) * 160
			}
			i.Packet(1, uint16(n), ts, 172, at)
		},
		"timestamps that wrap": func(i *Inbound, n int, at time.Time) {
			i.Packet(1, uint16(n), math.MaxUint32-9000+uint32(n)*160, 172, at)
		},
		"timestamps that jump": func(i *Inbound, n int, at time.Time) {
			i.Packet(1, uint16(n), uint32(n)*160+uint32(n/100)*1e9, 172, at)
		},
		"a new source": func(i *Inbound, n int, at time.Time) {
			i.Packet(uint32(n/100), uint16(n), uint32(n)*160+uint32(n/100)*30000, 172, at)
		},
		"another clock": func(i *Inbound, n int, at time.Time) {
			if i.Clock = 8000; n > 100 {
				i.Clock = 48000
			}
			i.Packet(1, uint16(n), uint32(n)*uint32(i.Clock)/50, 172, at)
		},
	} {
		var i = Inbound{Clock: 8000}
		for n := range 300 {
			f(&i, n, start.Add(time.Duration(n)*20*ms))
		}
		if j := i.Jitter(); j > ms {
			t.Errorf("%s: jitter %v", name, j)
		}
	}
}

func TestKernelsCounts(t *testing.T) {
	i := Inbound{Clock: 8000, Codec: "PCMA"}
	stream(&i, 65000, 65001, 65002)
	i.Forwarded(990, 990*172, 65002+1000-65536+0, 16, start.Add(20*time.Second)) // 10 of 1000 lost
	r := i.Report(start)
	if r.Packets != 993 || r.Lost != 10 || r.Octets != 993*172 || r.Jitter != 2*ms || !r.LastPacket.Equal(start.Add(20*time.Second)) || r.MOS == nil {
		t.Errorf("%+v", r)
	}
	if v := feed(&i, 65003+1000-65536, 21*time.Second); v != Fresh {
		t.Errorf("the next one is %d", v)
	}
	if r := i.Report(start); r.IntervalLost != 0 || r.IntervalPackets != 1 {
		t.Errorf("%+v", r)
	}
}

func TestDiscardsAreHeard(t *testing.T) {
	i := Inbound{Clock: 8000, Codec: "PCMU"}
	stream(&i, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	clean := *i.Report(start).MOS
	stream(&i, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)
	i.Discarded = 1
	r := i.Report(start)
	want, _ := MOS("PCMU", i.delay(), 10, 1)
	if r.LossPercent != 0 || r.Discarded != 1 || *r.MOS != want || *r.MOS >= clean {
		t.Errorf("%+v, MOS %v, want %v", r, *r.MOS, want)
	}
}

// R by G.107's formulas with its Table 2, computed apart from this program.
func TestRating(t *testing.T) {
	for _, c := range []struct {
		ms   float64
		want float64
	}{
		{0, 93.2}, {50, 91.8}, {100, 90.7}, {150, 89.5}, {200, 85.8}, {300, 72.7}, {400, 62.2}, {500, 54.8},
	} {
		got := impairment{}.rating(time.Duration(c.ms*float64(ms)), 0, 1)
		if math.Abs(got-c.want) > 0.06 {
			t.Errorf("R after %v ms is %.2f, want %.1f", c.ms, got, c.want)
		}
	}
	// G.107 Annex B, Table B.1.
	for r, want := range map[float64]float64{90: 4.34, 80: 4.03, 70: 3.60, 60: 3.10, 50: 2.58, 93.2: 4.41, -5: 1, 0: 1, 3: 1, 100: 4.5, 120: 4.5} {
		if got := opinion(r); math.Abs(got-want) > 0.007 {
			t.Errorf("MOS of R %v is %.3f, want %v", r, got, want)
		}
	}
	// Ie,eff by hand: G.711 with and without concealment, G.729A, G.723.1.
	for _, c := range []struct{ ie, bpl, loss, burst, want float64 }{
		{0, 25.1, 2, 1, 7.01}, {0, 4.3, 2, 1, 30.16}, {11, 19, 2, 1, 19}, {15, 16.1, 5, 1, 33.96}, {0, 4.3, 2, 2, 35.85}, {0, 25.1, 0, 1, 0}, {11, 19, 100, 1, 81.59}, {0, 25.1, math.NaN(), 1, 0},
	} {
		if got := (impairment{c.ie, c.bpl}).effective(c.loss, c.burst); math.Abs(got-c.want) > 0.01 {
			t.Errorf("%+v: %.2f", c, got)
		}
	}
	if plain, concealed := unconcealedMOS(0, 3, 1), mos(t, "PCMU", 3); plain > concealed-0.8 {
		t.Errorf("3 %% loss: %.2f without concealment, %.2f with", plain, concealed)
	}
}

func mos(t *testing.T, codec string, loss float64) float64 {
	t.Helper()
	v, ok := MOS(codec, 0, loss, 1)
	if !ok {
		t.Fatalf("%s is not rated", codec)
	}
	return v
}

// unconcealedMOS is MOS for G.711 played by something that leaves
// silence where packets were lost.
func unconcealedMOS(delay time.Duration, loss, burst float64) float64 {
	return opinion(impairment{0, unconcealed}.rating(delay, loss, burst))
}
