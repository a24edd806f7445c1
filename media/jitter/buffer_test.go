package jitter

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const (
	ms   = time.Millisecond
	span = 160
)

// stream makes packets of 20 ms at 8000 Hz and asks for them every 20 ms.
type stream struct {
	t      testing.TB
	b      *Buffer
	seq    uint16
	stamp  uint32
	ssrc   uint32
	at     time.Duration // the sender's time
	way    []way
	now    time.Duration
	played []byte // first octets of what came out; '-' lost, '.' silence
}

type way struct {
	at time.Duration
	p  Packet
}

func newStream(t testing.TB, c Config) *stream {
	c.Clock = 8000
	return &stream{t: t, b: New(c), seq: 65530, stamp: 1<<32 - 1000, ssrc: 1}
}

// say sends a packet that takes so long.
func (s *stream) say(mark byte, takes time.Duration) {
	s.send(Packet{SSRC: s.ssrc, Seq: s.seq, Time: s.stamp, Span: span, Payload: []byte{mark}}, takes)
	s.lose()
}

// lose lets a packet's number and time pass.
func (s *stream) lose() {
	s.seq++
	s.wait()
}

func (s *stream) wait() {
	s.stamp += span
	s.at += 20 * ms
}

func (s *stream) send(p Packet, takes time.Duration) {
	s.way = append(s.way, way{s.at + takes, p})
	slices.SortStableFunc(s.way, func(a, b way) int { return int(a.at - b.at) })
}

// run plays until a time.
func (s *stream) run(until time.Duration) {
	for ; s.now <= until; s.now += 20 * ms {
		for len(s.way) > 0 && s.way[0].at <= s.now {
			s.b.Put(s.way[0].p, s.way[0].at)
			s.way = s.way[1:]
		}
		for want := span; want > 0; {
			i := s.b.Get(s.now, want)
			switch i.Verdict {
			case Empty:
				want = 0
			case Audio:
				mark := byte('#')
				if len(i.Payload) > 0 {
					mark = i.Payload[0]
				}
				s.played = append(s.played, mark)
				want -= i.Span
			case Repeated: // by the packet after it, whose letter in capitals stands for it
				s.played = append(s.played, i.Payload[0]-'a'+'A')
				want -= i.Span
			case Lost:
				s.played = append(s.played, '-')
				want -= i.Span
			case Silence:
				s.played = append(s.played, '.')
				want -= i.Span
			}
			if i.Verdict != Audio && i.Verdict != Repeated && i.Span > want+i.Span {
				s.t.Fatalf("%v for %d", i, want)
			}
		}
	}
}

func (s *stream) sounds(want string) {
	s.t.Helper()
	got := string(s.played)
	for len(got) > 0 && (got[len(got)-1] == '-' || got[len(got)-1] == '.') {
		got = got[:len(got)-1]
	}
	if got != want {
		s.t.Errorf("played %q, want %q; %+v", got, want, s.b.Stats(s.now))
	}
}

// TestOrder sends packets in all kinds of disorder. A letter is a packet; it is
// sent at its place in the alphabet and comes as many ms later as given.
func TestOrder(t *testing.T) {
	type late = map[byte]time.Duration
	for _, c := range []struct {
		name  string
		sent  string
		takes late
		lost  string
		twice string
		heard string
	}{
		{"as sent", "abcdefghij", nil, "", "", "abcdefghij"},
		{"reordered", "abcdefghij", late{'d': 25 * ms}, "", "", "abcdefghij"},
		{"reordered first", "abcdefghij", late{'a': 25 * ms}, "", "", "abcdefghij"},
		{"one lost", "abcdefghij", nil, "d", "", "abc-efghij"},
		{"three lost", "abcdefghij", nil, "def", "", "abc---ghij"},
		{"late for good", "abcdefghij", late{'d': 55 * ms}, "", "", "abc-efghij"},
		{"twice", "abcdefghij", nil, "", "bdh", "abcdefghij"},
		{"stalled", "abcdefghijklmnop", late{'d': 100 * ms, 'e': 80 * ms, 'f': 60 * ms, 'g': 40 * ms, 'h': 20 * ms}, "", "",
			"abc----defghijklmnop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStream(t, Config{})
			s.at = 5 * ms
			for i := range len(c.sent) {
				mark := c.sent[i]
				switch {
				case slices.Contains([]byte(c.lost), mark):
					s.lose()
					continue
				case slices.Contains([]byte(c.twice), mark):
					s.send(Packet{SSRC: 1, Seq: s.seq, Time: s.stamp, Span: span, Payload: []byte{mark}}, 12*ms)
				}
				s.say(mark, c.takes[mark])
			}
			s.run(600 * ms)
			s.sounds(c.heard)
			if st := s.b.Stats(s.now); int(st.Duplicate) != len(c.twice) {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestSilence has the sender say nothing, in the ways in which that is done.
func TestSilence(t *testing.T) {
	for _, c := range []struct {
		name  string
		make  func(s *stream)
		heard string
	}{
		{"comfort noise", func(s *stream) {
			s.send(Packet{SSRC: 1, Seq: s.seq, Time: s.stamp, Kind: Quiet, Payload: []byte{'n'}}, 0)
			s.seq++
			for range 4 {
				s.wait()
			}
		}, "abn....cd"},
		{"no word", func(s *stream) {
			for range 4 {
				s.wait()
			}
		}, "ab---.cd"}, // what it is shows when c is there
		{"key events", func(s *stream) {
			stamp := s.stamp
			for range 4 {
				s.send(Packet{SSRC: 1, Seq: s.seq, Time: stamp, Kind: Other}, 0)
				s.lose()
			}
		}, "ab....cd"},
		{"a quiet packet", func(s *stream) {
			s.send(Packet{SSRC: 1, Seq: s.seq, Time: s.stamp, Span: span, Kind: Quiet, Payload: []byte{'q'}}, 0)
			s.lose()
			for range 3 {
				s.wait()
			}
		}, "abq...cd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStream(t, Config{})
			s.at = 5 * ms
			s.say('a', 0)
			s.say('b', 0)
			c.make(s)
			s.say('c', 0)
			s.say('d', 0)
			s.run(500 * ms)
			s.sounds(c.heard)
			if st := s.b.Stats(s.now); st.Concealed != 0 || st.Late != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestStop checks that a stream that ended gives nothing, and begins anew.
func TestStop(t *testing.T) {
	s := newStream(t, Config{})
	s.say('a', 0)
	s.run(3 * time.Second)
	if i := s.b.Get(s.now, span); i.Verdict != Empty {
		t.Errorf("%v after 3 s of nothing", i)
	}
	s.at = 3 * time.Second // and its clock stood still
	s.played = nil
	s.say('b', 0)
	s.say('c', 0)
	s.run(3500 * ms)
	s.sounds("bc")
}

// TestRepeats has each packet repeat the one before it.
func TestRepeats(t *testing.T) {
	all := func([]byte) int { return span }
	for _, c := range []struct {
		name    string
		repeats func([]byte) int
		lost    string
		late    time.Duration // of the packet after the loss
		heard   string
		again   time.Duration
	}{
		{"one", all, "d", 0, "abcEefghij", 20 * ms},
		{"two", all, "de", 0, "abc-Ffghij", 20 * ms},
		{"three", all, "def", 0, "abc--Gghij", 20 * ms},
		{"two apart", all, "dg", 0, "abcEefHhij", 40 * ms},
		{"too late", all, "d", 15 * ms, "abc-efghij", 0},
		{"only some", func(p []byte) int { return span * int(p[0]&1) }, "dg", 0, "abcEef-hij", 20 * ms},
		{"none", nil, "d", 0, "abc-efghij", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStream(t, Config{Repeats: c.repeats})
			for i := range byte(10) {
				mark := 'a' + i
				switch {
				case slices.Contains([]byte(c.lost), mark):
					s.lose()
				case i > 0 && slices.Contains([]byte(c.lost), mark-1):
					s.say(mark, c.late)
				default:
					s.say(mark, 0)
				}
			}
			s.run(400 * ms)
			s.sounds(c.heard)
			st := s.b.Stats(s.now)
			if st.Repeated != c.again {
				t.Errorf("%v repeated, want %v", st.Repeated, c.again)
			}
			// The next time it shall not come too late.
			if waits := st.Target >= 25*ms; waits != (c.repeats != nil) {
				t.Errorf("the delay to keep is %v", st.Target)
			}
			if st := s.b.Stats(s.now + repeatTime); st.Target > 21*ms && c.late == 0 {
				t.Errorf("and still %v when nothing is lost any more", st.Target)
			}
		})
	}
}

// TestCounts counts what is lost, not what merely was late.
func TestCounts(t *testing.T) {
	s := newStream(t, Config{})
	random := rand.New(rand.NewPCG(1, 1))
	lost := 0
	for range 5000 {
		if random.Float64() < 0.1 {
			lost++
			s.lose()
		} else {
			s.say('x', time.Duration(random.IntN(15))*ms)
		}
	}
	s.run(101 * time.Second)
	st := s.b.Stats(s.now)
	if d := int(st.Concealed/(20*ms)) - lost; d < -1 || d > 2 {
		t.Errorf("%v concealed, %d packets lost; %+v", st.Concealed, lost, st)
	}
	if st.Late+st.Overflow+st.Stray+st.Duplicate > 0 {
		t.Errorf("%+v", st)
	}
}

// TestTarget compares the target with what delays were made.
func TestTarget(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		name     string
		takes    func() time.Duration
		min, max time.Duration
	}{
		{"even", func() time.Duration { return 30 * ms }, 5 * ms, 5 * ms},
		{"0 to 50 ms", func() time.Duration { return time.Duration(random.IntN(50)) * ms }, 47 * ms, 53 * ms},
		{"one of 10 by 80 ms", func() time.Duration {
			if random.IntN(10) == 0 {
				return 80 * ms
			}
			return 0
		}, 79 * ms, 84 * ms},
		{"one of 500 by 80 ms", func() time.Duration {
			if random.IntN(500) == 0 {
				return 80 * ms
			}
			return 0
		}, 5 * ms, 80 * ms},
		{"beyond all", func() time.Duration { return time.Duration(random.IntN(400)) * ms }, 200 * ms, 200 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStream(t, Config{Min: 5 * ms})
			for range 2000 {
				s.say('x', c.takes())
			}
			s.run(s.at - 500*ms)
			if st := s.b.Stats(s.now); st.Target < c.min || st.Target > c.max {
				t.Errorf("target is %v", st.Target)
			}
		})
	}
}

// TestStrangers sends numbers out of all order, which must not be believed at
// once.
func TestStrangers(t *testing.T) {
	s := newStream(t, Config{})
	for i := range 100 {
		if i%10 == 5 {
			s.send(Packet{SSRC: 1, Seq: s.seq + 30000, Time: 5, Span: span, Payload: []byte{'!'}}, 0)
		}
		s.say('x', 0)
	}
	s.run(3 * time.Second)
	for _, v := range s.played[:100] {
		if v != 'x' {
			t.Fatalf("played %q", s.played)
		}
	}
	if st := s.b.Stats(s.now); st.Stray != 10 || st.Concealed > 0 {
		t.Errorf("%+v", st)
	}
}

// TestOverflow puts without taking.
func TestOverflow(t *testing.T) {
	b := New(Config{Clock: 8000})
	for i := range 1000 {
		b.Put(Packet{Seq: uint16(i), Time: uint32(i * 160), Span: 160, Payload: []byte{1}}, time.Duration(i)*20*ms)
	}
	if st := b.Stats(20 * time.Second); st.Overflow != 1000-slots {
		t.Errorf("%+v", st)
	}
	if i := b.Get(20*time.Second, 160); i.Verdict != Audio {
		t.Errorf("%v", i)
	}
}

func TestNoAllocations(t *testing.T) {
	b := New(Config{Clock: 8000, Size: 160, Repeats: func([]byte) int { return 160 }})
	payload := make([]byte, 160)
	seq, now := uint16(0), time.Duration(0)
	turn := func() {
		if seq%7 > 0 {
			b.Put(Packet{Seq: seq, Time: uint32(seq) * 160, Span: 160, Payload: payload}, now)
		}
		seq++
		now += 20 * ms
		b.Get(now, 160)
		b.Stats(now)
	}
	if n := testing.AllocsPerRun(1000, turn); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPutGet(b *testing.B) {
	buffer := New(Config{Clock: 8000, Size: 160})
	payload := make([]byte, 160)
	seq, now := uint16(0), time.Duration(0)
	stamp := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		buffer.Put(Packet{Seq: seq, Time: stamp, Span: 160, Payload: payload}, now)
		seq++
		stamp += 160
		now += 20 * ms
		buffer.Get(now, 160)
	}
}

// FuzzBuffer feeds a buffer anything: what it gives must make sense.
func FuzzBuffer(f *testing.F) {
	f.Add([]byte{0, 1, 160, 10, 0, 1, 160, 10, 2, 1, 160, 10, 4, 0, 0, 40})
	f.Add([]byte{1, 200, 255, 3, 9, 128, 1, 200, 17, 3, 0, 250})
	f.Fuzz(func(t *testing.T, in []byte) {
		b := New(Config{Clock: 48000, Max: time.Duration(len(in)) * ms})
		var seq uint16
		var stamp uint32
		var at time.Duration
		for ; len(in) >= 4; in = in[4:] {
			p := Packet{SSRC: uint32(in[0] >> 6), Kind: Kind(in[0] >> 4 % 4 % 3), Span: int(in[2]) * 30, Payload: in[:2]}
			seq += uint16(int8(in[1]))
			stamp += uint32(int8(in[2])) << (in[0] % 25)
			at += time.Duration(in[3]) * ms
			p.Seq, p.Time = seq, stamp
			b.Put(p, at)
			for want := 960; want > 0; {
				i := b.Get(at, want)
				if i.Verdict == Empty {
					break
				}
				if i.Verdict != Audio && (i.Span <= 0 || i.Span > want) {
					t.Fatalf("%v when %d were wanted", i, want)
				}
				if i.Verdict == Audio && i.Span == 0 && i.Kind == Voice {
					want-- // no decoder gives such
				}
				want -= i.Span
			}
			b.Excess(at)
			if s := b.Stats(at); s.Target < 0 || s.Concealed < 0 {
				t.Fatalf("%+v", s)
			}
		}
	})
}

// TestSurprise has one packet come late: the target is up at once, and down
// again after some seconds.
func TestSurprise(t *testing.T) {
	s := newStream(t, Config{})
	for i := range 1000 {
		takes := time.Duration(0)
		if i == 300 {
			takes = 110 * ms
		}
		s.say('x', takes)
	}
	s.run(5900 * ms)
	if v := s.b.Stats(s.now).Target; v != 20*ms {
		t.Errorf("target is %v before", v)
	}
	s.run(6200 * ms)
	if v := s.b.Stats(s.now).Target; v < 100*ms || v > 110*ms {
		t.Errorf("target is %v after a packet was 110 ms late", v)
	}
	s.run(12 * time.Second)
	if v := s.b.Stats(s.now).Target; v != 20*ms {
		t.Errorf("target is %v six seconds later", v)
	}
}

// TestExcess shortens audio: what is told of it does not count twice.
func TestExcess(t *testing.T) {
	s := newStream(t, Config{})
	for range 50 {
		s.say('x', 40*ms) // all slow, so that the fastest is not known yet
	}
	for range 100 {
		s.say('x', 0)
	}
	s.run(2 * time.Second)
	before := s.b.Excess(s.now)
	if before < 35*ms || before > 45*ms {
		t.Fatalf("excess is %v", before)
	}
	s.b.Shorten(15 * ms)
	if d := before - s.b.Excess(s.now); d != 15*ms {
		t.Errorf("excess is %v less at once", d)
	}
	s.now -= 15 * ms
	s.run(2500 * ms)
	if d := before - s.b.Excess(s.now); d != 15*ms {
		t.Errorf("excess is %v less later", d)
	}
}
