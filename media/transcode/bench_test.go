package transcode

import (
	"testing"
	"time"

	"tandem/media/codec"
	"tandem/media/codec/resample"
)

// loop is a path in steady work: one packet in and one tick for each 20 ms.
type loop struct {
	path    *Path
	pool    *Pool
	packets [][]byte
	seq     uint16
	time    uint32
	units   uint32
	n       int
	now     time.Duration
}

func newLoop(t testing.TB, o Options) *loop {
	t.Helper()
	k := newTalker(t, o.In.Format, min(o.In.Format.Native, 16000), 20*time.Millisecond, 96)
	l := newLine(t, o, shaper{})
	pcm := speakOrSing(t, k.rate)
	k.say(l, pcm)
	b := &loop{path: l.path, pool: l.pool, units: uint32(o.In.Format.Clock / 50)}
	for _, a := range l.way {
		b.packets = append(b.packets, a.b)
	}
	for range 200 {
		b.turn()
	}
	return b
}

// speakOrSing is 5 s of speech, or of tones without espeak-ng.
func speakOrSing(t testing.TB, rate int) []int16 {
	pcm := speak(t, "en-us")[:8000*5]
	r := resample.New(8000, rate)
	out := make([]int16, r.Count(len(pcm)))
	return out[:r.Process(out, pcm)]
}

// turn is 20 ms.
func (b *loop) turn() {
	v := b.packets[b.n%len(b.packets)]
	b.n++
	b.seq++
	b.time += b.units
	p := packet{kind: 96, seq: b.seq, time: b.time, ssrc: 5}
	p.write(v, false)
	b.path.Push(v, start.Add(b.now))
	b.now += 20 * time.Millisecond
	b.pool.workers[0].serve(b.now)
}

func TestNoAllocations(t *testing.T) {
	for _, in := range codec.Formats() {
		for _, out := range codec.Formats() {
			o := ends(in, out, 20*time.Millisecond)
			o.Out.Send = func([]byte) {}
			o.Tap = func([]int16, int) {}
			o.Inband = true
			o.Out.Event, o.In.Event, o.In.CN, o.Out.CN = 102, 101, 13, 13
			b := newLoop(t, o)
			if n := testing.AllocsPerRun(300, b.turn); n != 0 {
				t.Errorf("%s-%d to %s-%d: %v allocations in 20 ms", in.Name, in.Native, out.Name, out.Native, n)
			}
			if s := b.path.Stats(); s.PacketsOut < 400 || s.Concealed > 0 {
				t.Errorf("%+v", s)
			}
		}
	}
}

func benchmark(b *testing.B, in, out codec.Format, change func(*Options)) {
	o := ends(in, out, 20*time.Millisecond)
	o.Out.Opus = codec.Options{}
	o.Out.Send = func([]byte) {}
	if change != nil {
		change(&o)
	}
	l := newLoop(b, o)
	b.ReportAllocs()
	for b.Loop() {
		l.turn()
	}
	us := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / 1000
	b.ReportMetric(us, "µs/frame")
	b.ReportMetric(20000/us, "directions/core")
}

func BenchmarkPathPCMUToOpus(b *testing.B) {
	benchmark(b, find(b, "PCMU", 8000, 1), find(b, "opus", 48000, 2), nil)
}

func BenchmarkPathOpusToPCMU(b *testing.B) {
	benchmark(b, find(b, "opus", 48000, 2), find(b, "PCMU", 8000, 1), nil)
}

// BenchmarkPathCallPCMUOpus is both directions of a call.
func BenchmarkPathCallPCMUOpus(b *testing.B) {
	pcmu, opus := find(b, "PCMU", 8000, 1), find(b, "opus", 48000, 2)
	there, back := ends(pcmu, opus, 20*time.Millisecond), ends(opus, pcmu, 20*time.Millisecond)
	there.Out.Opus = codec.Options{}
	there.Out.Send, back.Out.Send = func([]byte) {}, func([]byte) {}
	l, m := newLoop(b, there), newLoop(b, back)
	b.ReportAllocs()
	for b.Loop() {
		l.turn()
		m.turn()
	}
	us := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / 1000
	b.ReportMetric(us, "µs/frame")
	b.ReportMetric(20000/us, "calls/core")
}

func BenchmarkPathPCMUToPCMA(b *testing.B) {
	benchmark(b, find(b, "PCMU", 8000, 1), find(b, "PCMA", 8000, 1), nil)
}

func BenchmarkPathPCMUToG722(b *testing.B) {
	benchmark(b, find(b, "PCMU", 8000, 1), find(b, "G722", 8000, 1), nil)
}

func BenchmarkPathG722ToPCMU(b *testing.B) {
	benchmark(b, find(b, "G722", 8000, 1), find(b, "PCMU", 8000, 1), nil)
}

func BenchmarkPathG722ToOpus(b *testing.B) {
	benchmark(b, find(b, "G722", 8000, 1), find(b, "opus", 48000, 2), nil)
}

func BenchmarkPathOpusToG722(b *testing.B) {
	benchmark(b, find(b, "opus", 48000, 2), find(b, "G722", 8000, 1), nil)
}

// BenchmarkPathInband listens for keys as well.
func BenchmarkPathInband(b *testing.B) {
	benchmark(b, find(b, "PCMU", 8000, 1), find(b, "PCMA", 8000, 1), func(o *Options) { o.Inband, o.Out.Event = true, 102 })
}

// BenchmarkTapOpus decodes for recording alone.
func BenchmarkTapOpus(b *testing.B) {
	benchmark(b, find(b, "opus", 48000, 2), codec.Format{}, func(o *Options) { o.Tap = func([]int16, int) {} })
}
