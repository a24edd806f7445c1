package rewrite

import (
	"encoding/binary"
	"testing"
	"time"

	"tandem/media/internal/rtptest"
)

var epoch = time.Unix(1_800_000_000, 0)

// out is what Apply made of a packet.
type out struct {
	ssrc   uint32
	seq    uint16
	ts     uint32
	pt     uint8
	marker bool
}

func apply(w *Stream, ssrc uint32, seq uint16, ts uint32, pt uint8, ms int) (out, bool) {
	b := rtptest.Packet(ssrc, seq, ts, pt)
	ok := w.Apply(b, epoch.Add(time.Duration(ms)*time.Millisecond))
	return out{
		ssrc: binary.BigEndian.Uint32(b[8:]), seq: binary.BigEndian.Uint16(b[2:]),
		ts: binary.BigEndian.Uint32(b[4:]), pt: b[1] & 0x7f, marker: b[1]&0x80 != 0,
	}, ok
}

// move is one packet in and what must come of it.
type move struct {
	ms   int
	ssrc uint32
	seq  uint16
	ts   uint32
	pt   uint8
	want out // zero: dropped
}

func TestRewrite(t *testing.T) {
	const us = 0xabcd
	for name, moves := range map[string][]move{
		"the first source keeps its numbers, over the wrap": {
			{0, 1, 65534, 0xffffff60, 0, out{us, 65534, 0xffffff60, 0, false}},
			{20, 1, 65535, 0, 0, out{us, 65535, 0, 0, false}},
			{40, 1, 0, 160, 0, out{us, 0, 160, 0, false}},
		},
		"gaps stay gaps and late packets keep their places": {
			{0, 1, 10, 1600, 0, out{us, 10, 1600, 0, false}},
			{60, 1, 13, 2080, 0, out{us, 13, 2080, 0, false}},
			{61, 1, 12, 1920, 0, out{us, 12, 1920, 0, false}},
			{62, 1, 9, 1440, 0, out{}}, // before the first
		},
		"types are mapped and dropped ones leave no gap": {
			{0, 1, 10, 0, 8, out{us, 10, 0, 118, false}},
			{20, 1, 11, 160, 13, out{}},
			{40, 1, 12, 320, 8, out{us, 11, 320, 118, false}},
			{60, 1, 13, 480, 13, out{}},
			{80, 1, 15, 800, 8, out{us, 13, 800, 118, false}},
			{81, 1, 14, 640, 8, out{us, 12, 640, 118, false}},
			{82, 1, 12, 320, 8, out{us, 11, 320, 118, false}}, // twice
			{83, 1, 10, 0, 8, out{us, 10, 0, 118, false}},
			{84, 1, 11, 160, 13, out{}},
		},
		"another stream is believed with its second packet": {
			{0, 1, 100, 16000, 0, out{us, 100, 16000, 0, false}},
			{20, 1, 101, 16160, 0, out{us, 101, 16160, 0, false}},
			{40, 2, 7000, 99, 0, out{}},
			{60, 2, 7001, 259, 0, out{us, 102, 16480, 0, true}},
			{80, 2, 7002, 419, 0, out{us, 103, 16640, 0, false}},
			{80, 2, 7004, 739, 0, out{us, 105, 16960, 0, false}},
		},
		"strays among the stream never get in": {
			{0, 1, 100, 16000, 0, out{us, 100, 16000, 0, false}},
			{10, 6, 1, 1, 0, out{}},
			{15, 6, 2, 161, 0, out{}},
			{20, 1, 101, 16160, 0, out{us, 101, 16160, 0, false}},
			{30, 6, 3, 321, 0, out{}},
			{35, 6, 4, 481, 0, out{}},
			{40, 1, 102, 16320, 0, out{us, 102, 16320, 0, false}},
			{41, 1, 30000, 16320, 0, out{}},
			{60, 1, 103, 16480, 0, out{us, 103, 16480, 0, false}},
		},
		"a restart of the same stream": {
			{0, 1, 100, 16000, 0, out{us, 100, 16000, 0, false}},
			{1000, 1, 40000, 5, 0, out{}},
			{1020, 1, 40001, 165, 0, out{us, 101, 24160, 0, true}},
			{1040, 1, 40002, 325, 0, out{us, 102, 24320, 0, false}},
			{1041, 1, 40000, 5, 0, out{}}, // before its first
		},
		"a clock that jumps is put right, a long key press is not": {
			{0, 1, 100, 16000, 0, out{us, 100, 16000, 0, false}},
			{20, 1, 101, 16160, 0, out{us, 101, 16160, 0, false}},
			{40, 1, 102, 16320, 101, out{us, 102, 16320, 101, false}},
			{8000, 1, 498, 16320, 101, out{us, 498, 16320, 101, false}},
			{8040, 1, 500, 80320, 0, out{us, 500, 80320, 0, false}},
			{8060, 1, 501, 900080480, 0, out{us, 501, 80480, 0, false}},
			{8080, 1, 502, 900080640, 0, out{us, 502, 80640, 0, false}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := New(us)
			w.Clock, w.Mark = 8000, true
			w.Types[8], w.Types[13] = 118, Drop
			for i, m := range moves {
				got, ok := apply(w, m.ssrc, m.seq, m.ts, m.pt, m.ms)
				if !ok {
					got = out{}
				}
				if got != m.want {
					t.Errorf("packet %d: %+v, want %+v", i, got, m.want)
				}
			}
		})
	}
}

func TestRewriteSwitch(t *testing.T) {
	w := New(9)
	w.Clock, w.Mark = 8000, true
	apply(w, 1, 65534, 0xffffff00, 0, 0)
	apply(w, 1, 65535, 0xffffffa0, 0, 20) // 160 ticks a packet
	w.Switch(8000)                        // an announcement
	if got, ok := apply(w, 1, 3, 1000, 8, 40); !ok || got != (out{9, 0, 0x40, 8, true}) {
		t.Errorf("announcement: %+v %v", got, ok)
	}
	if _, ok := w.Offsets(); !ok {
		t.Error("a running source has constant offsets")
	}
	w.Switch(48000) // converted to another clock
	if _, ok := w.Offsets(); ok {
		t.Error("a switched source has none")
	}
	if got, ok := apply(w, 5, 50, 960, 96, 140); !ok || got != (out{9, 1, 0x40 + 4800, 96, true}) {
		t.Errorf("converted: %+v %v", got, ok)
	}
	w.Switch(8000) // at once: a frame is put between at least
	if got, ok := apply(w, 1, 700, 0, 0, 140); !ok || got.ts <= 0x40+4800 || got.seq != 2 {
		t.Errorf("back: %+v %v", got, ok)
	}
	if got := w.Timestamp(160); got != 0x40+4800+160+160 {
		t.Errorf("timestamp maps to %#x", got)
	}
}

func TestRewriteResume(t *testing.T) {
	w := New(9)
	w.Clock = 8000
	apply(w, 1, 100, 16000, 0, 0)
	o, ok := w.Offsets()
	if !ok || o != (Offsets{In: 1, Out: 9}) {
		t.Fatalf("offsets %+v %v", o, ok)
	}
	// 10 000 packets go by in the kernel, more than may be missing here.
	w.Resume(10100, 16000+1_600_000, epoch.Add(200*time.Second))
	if got, ok := apply(w, 1, 10101, 16000+1_600_160, 0, 200_020); !ok || got != (out{9, 10101, 16000 + 1_600_160, 0, false}) {
		t.Errorf("after: %+v %v", got, ok)
	}
	w.Switch(8000)
	if got, _ := apply(w, 2, 1, 1, 0, 200_040); got.seq != 10102 || got.ts != 16000+1_600_320 {
		t.Errorf("the next source: %+v", got)
	}
}

func TestRewriteAllocates(t *testing.T) {
	w := New(9)
	b := rtptest.Packet(1, 1, 1, 0)
	seq := uint16(0)
	if n := testing.AllocsPerRun(100, func() {
		seq++
		binary.BigEndian.PutUint16(b[2:], seq)
		binary.BigEndian.PutUint32(b[8:], uint32(seq/50))
		w.Apply(b, epoch)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Whatever comes in, what goes out carries our SSRC and an allowed type, and a
// number is used twice only by a packet that came twice.
func FuzzRewrite(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 250, 0, 7, 7, 7})
	f.Fuzz(func(t *testing.T, script []byte) {
		w := New(9)
		w.Clock = 8000
		w.Types[13] = Drop
		type key struct {
			ssrc uint32
			seq  uint16
			gen  int
		}
		used := map[uint16]key{}
		seqs := [2]uint16{10, 50000}
		gen := 0
		for i, c := range script {
			if i > 2000 {
				return
			}
			if c == 255 {
				w.Switch(8000)
				gen++
				continue
			}
			who := int(c & 1)
			seqs[who] += uint16(c>>1&3) - 1
			if c>>3&7 == 7 {
				seqs[who] += 4000
			}
			pt := uint8(0)
			if c>>6 == 3 {
				pt = 13
			}
			before := w.in
			first := w.first
			got, ok := apply(w, uint32(who), seqs[who], uint32(i)*160, pt, i*20)
			if w.in != before || w.first != first {
				gen++
			}
			if !ok {
				continue
			}
			if got.ssrc != 9 || got.pt == 13 {
				t.Fatalf("packet %d: %+v", i, got)
			}
			k := key{uint32(who), seqs[who], gen}
			if old, twice := used[got.seq]; twice && old != k {
				t.Fatalf("packet %d: %d is used for %+v and %+v", i, got.seq, old, k)
			}
			used[got.seq] = k
		}
	})
}

func FuzzApply(f *testing.F) {
	f.Add(rtptest.Packet(1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		New(1).Apply(b, epoch)
	})
}

func BenchmarkRewrite(b *testing.B) {
	w := New(9)
	w.Clock = 8000
	p := rtptest.Packet(1, 1, 1, 0)
	b.ReportAllocs()
	seq := uint16(0)
	for b.Loop() {
		seq++
		binary.BigEndian.PutUint16(p[2:], seq)
		binary.BigEndian.PutUint32(p[8:], 1)
		w.Apply(p, epoch)
	}
}
