package quality

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// stream feeds packets of 20 ms in the order given by their numbers.
func stream(i *Inbound, numbers ...uint16) (verdicts []Verdict) {
	for n, seq := range numbers {
		at := start.Add(time.Duration(n) * 20 * time.Millisecond)
		verdicts = append(verdicts, i.Packet(1, seq, uint32(seq)*160, 172, at))
	}
	return verdicts
}

func TestPlacesOfPackets(t *testing.T) {
	for _, c := range []struct {
		name                   string
		in                     []uint16
		packets, lost, late, d uint64
	}{
		{"in order", []uint16{1, 2, 3, 4}, 4, 0, 0, 0},
		{"across the wrap", []uint16{65534, 65535, 0, 1}, 4, 0, 0, 0},
		{"one lost", []uint16{1, 2, 4, 5}, 4, 1, 0, 0},
		{"one lost at the wrap", []uint16{65534, 0, 1}, 3, 1, 0, 0},
		{"two swapped", []uint16{1, 3, 2, 4}, 4, 0, 1, 0},
		{"one twice at once", []uint16{1, 2, 2, 3}, 3, 0, 0, 1},
		{"one twice later", []uint16{1, 2, 3, 2, 4}, 4, 0, 0, 1},
		{"an old one before the wrap", []uint16{65535, 1, 0}, 3, 0, 1, 0},
		{"a jump that is confirmed", []uint16{1, 2, 30000, 30001, 30002}, 5, 0, 0, 0},
		{"a stray", []uint16{1, 2, 30000, 3, 4}, 4, 0, 0, 0},
	} {
		i := Inbound{Clock: 8000}
		stream(&i, c.in...)
		r := i.Report(start)
		if r.Packets != c.packets || r.Lost != c.lost || r.Late != c.late || r.Duplicates != c.d {
			t.Errorf("%s: %d packets, %d lost, %d late, %d twice; want %d, %d, %d, %d", c.name, r.Packets, r.Lost, r.Late, r.Duplicates, c.packets, c.lost, c.late, c.d)
		}
	}
}

func TestLossIsThatOfTheInterval(t *testing.T) {
	i := Inbound{Clock: 8000, Codec: "PCMU"}
	stream(&i, 1, 2, 3, 4, 6, 7, 8, 9, 10) // 1 of 10
	if r := i.Report(start); r.LossPercent != 10 || r.IntervalLost != 1 || r.MOS == nil {
		t.Errorf("first interval: %+v", r)
	}
	stream(&i, 11, 12, 13, 14)
	if r := i.Report(start); r.LossPercent != 0 || r.IntervalPackets != 4 || r.Lost != 1 {
		t.Errorf("second interval: %+v", r)
	}
	if r := i.Report(start); r.MOS != nil {
		t.Errorf("nothing came, yet MOS is %v", *r.MOS)
	}
}

func TestBurstsAreToldFromChance(t *testing.T) {
	chance, burst := Inbound{Clock: 8000}, Inbound{Clock: 8000}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 20000 {
		at := start.Add(time.Duration(n) * 20 * time.Millisecond)
		if r.Float64() >= 0.1 {
			chance.Packet(1, uint16(n), uint32(n)*160, 172, at)
		}
		if n%50 >= 5 {
			burst.Packet(1, uint16(n), uint32(n)*160, 172, at)
		}
	}
	c, b := chance.Report(start), burst.Report(start)
	if math.Abs(c.LossPercent-10) > 1 || math.Abs(c.BurstRatio-1) > 0.1 {
		t.Errorf("loss by chance: %.1f %%, burst ratio %.2f", c.LossPercent, c.BurstRatio)
	}
	if math.Abs(b.LossPercent-10) > 0.1 || math.Abs(b.BurstRatio-4.5) > 0.1 {
		t.Errorf("loss of five in a row: %.1f %%, burst ratio %.2f, want 4.5", b.LossPercent, b.BurstRatio)
	}
}

func TestJitter(t *testing.T) {
	i := Inbound{Clock: 8000}
	for n := range 1000 {
		at := start.Add(time.Duration(n) * 20 * time.Millisecond)
		if n%2 == 1 {
			at = at.Add(4 * time.Millisecond)
		}
		i.Packet(1, uint16(n), 7+uint32(n)*160, 172, at)
	}
	if j := i.Jitter(); j < 3900*time.Microsecond || j > 4100*time.Microsecond {
		t.Errorf("every other packet 4 ms late: jitter %v", j)
	}
}

func TestEModel(t *testing.T) {
	for _, c := range []struct {
		name        string
		delay       time.Duration
		loss, burst float64
		want        float64
	}{
		{"PCMU", 0, 0, 1, 4.41},                      // G.107: the default R of 93.2
		{"PCMU", 400 * time.Millisecond, 0, 1, 3.22}, // R 62.3, with G.107's default echo
		{"G729", 0, 0, 1, 4.15},                      // Ie 11
		{"PCMA", 0, 5, 1, 3.97},                      // with concealment, G.113
		{"PCMA", 0, 100, 1, 1.13},
	} {
		got, ok := MOS(c.name, c.delay, c.loss, c.burst)
		if !ok || math.Abs(got-c.want) > 0.06 {
			t.Errorf("%s, %v, %v %%: MOS %.2f, want %.2f", c.name, c.delay, c.loss, got, c.want)
		}
	}
	if _, ok := MOS("H264", 0, 0, 1); ok {
		t.Error("a codec nobody rated has a MOS")
	}
	steady, _ := MOS("opus", 0, 3, 1)
	bursty, _ := MOS("opus", 0, 3, 3)
	if bursty >= steady {
		t.Errorf("loss in bursts is not worse (%v) than by chance (%v)", bursty, steady)
	}
}

func TestReportsAreReadByOthers(t *testing.T) {
	in, out := Inbound{Clock: 8000, Codec: "PCMU"}, Outbound{Clock: 48000}
	stream(&in, 65534, 65535, 1, 2) // 0 lost
	for n := range 3 {
		out.Packet(77, uint16(n), uint32(1000+960*n), 112, start.Add(time.Duration(n)*20*time.Millisecond))
	}
	now := start.Add(140 * time.Millisecond)
	packets, err := rtcp.Unmarshal(AppendReport(nil, "somebody", 77, &out, &in, now))
	if err != nil {
		t.Fatal(err)
	}
	sr, ok := packets[0].(*rtcp.SenderReport)
	if !ok || sr.SSRC != 77 || sr.PacketCount != 3 || sr.OctetCount != 300 || sr.RTPTime != 2920+4800 {
		t.Errorf("sender report %+v", packets[0])
	}
	if r := sr.Reports[0]; r.SSRC != 1 || r.TotalLost != 1 || r.LastSequenceNumber != 1<<16|2 || r.FractionLost != 51 {
		t.Errorf("report block %+v", r)
	}
	if d, ok := packets[1].(*rtcp.SourceDescription); !ok || d.Chunks[0].Items[0].Text != "somebody" {
		t.Errorf("source description %+v", packets[1])
	}
	xr, ok := packets[2].(*rtcp.ExtendedReport)
	if !ok {
		t.Fatalf("extended report %+v", packets[2])
	}
	if v, ok := xr.Reports[0].(*rtcp.VoIPMetricsReportBlock); !ok || v.SSRC != 1 || v.LossRate != 51 {
		t.Errorf("VoIP metrics %+v", xr.Reports[0])
	}
	packets, err = rtcp.Unmarshal(AppendBye(nil, "somebody", 77, "over", now))
	if err != nil {
		t.Fatal(err)
	}
	if b, ok := packets[2].(*rtcp.Goodbye); !ok || b.Sources[0] != 77 || b.Reason != "over" {
		t.Errorf("bye %+v", packets[2])
	}
}

// Two ends with 30 ms between them find out.
func TestRoundTrip(t *testing.T) {
	const way = 30 * time.Millisecond
	var aIn, bIn Inbound
	aOut, bOut := Outbound{Clock: 8000}, Outbound{Clock: 8000}
	aIn.Clock, bIn.Clock = 8000, 8000
	aOut.Packet(10, 1, 160, 172, start)
	bIn.Packet(10, 1, 160, 172, start.Add(way))
	sr := AppendReport(nil, "a", 10, &aOut, nil, start)
	if _, err := Feedback(sr, &bOut, &bIn, start.Add(way)); err != nil {
		t.Fatal(err)
	}
	answered := start.Add(way + time.Second)
	rr := AppendReport(nil, "b", 20, nil, &bIn, answered)
	r, err := Feedback(rr, &aOut, &aIn, answered.Add(way))
	if err != nil || !r.Valid {
		t.Fatalf("%+v, %v", r, err)
	}
	if d := r.RoundTrip - 2*way; d < -time.Millisecond || d > time.Millisecond {
		t.Errorf("round trip %v, want %v", r.RoundTrip, 2*way)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	in, out := Inbound{Clock: 8000, Codec: "PCMU"}, Outbound{Clock: 8000}
	var seq uint16
	b := make([]byte, 0, 512)
	if n := testing.AllocsPerRun(1000, func() {
		seq++
		at := start.Add(time.Duration(seq) * 20 * time.Millisecond)
		in.Packet(1, seq, uint32(seq)*160, 172, at)
		out.Packet(2, seq, uint32(seq)*160, 172, at)
		b = AppendReport(b[:0], "name", 2, &out, &in, at)
		_, _ = Feedback(b, &out, &in, at)
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func FuzzFeedback(f *testing.F) {
	in, out := Inbound{Clock: 8000}, Outbound{Clock: 8000}
	stream(&in, 1, 2)
	out.Packet(77, 1, 160, 172, start)
	f.Add(AppendReport(nil, "x", 77, &out, &in, start))
	f.Add(AppendBye(nil, "x", 77, "over", start))
	f.Fuzz(func(t *testing.T, b []byte) {
		in, out := in, out
		r, err := Feedback(b, &out, &in, start.Add(time.Second))
		if err == nil && (r.LossPercent < 0 || r.LossPercent > 100 || r.RoundTrip < 0 || r.RoundTrip > time.Minute) {
			t.Errorf("%+v", r)
		}
	})
}

func BenchmarkInbound(b *testing.B) {
	b.ReportAllocs()
	i := Inbound{Clock: 8000}
	for n := range b.N {
		i.Packet(1, uint16(n), uint32(n)*160, 172, start.Add(time.Duration(n)*20*time.Millisecond))
	}
}
