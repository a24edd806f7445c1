package dtmf

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// sentPacket is an event packet on its way.
type sentPacket struct {
	event     int // which digit it is of
	timestamp uint32
	payload   [size]byte
	at        time.Duration
}

// send makes the packets of events, one behind the other, from a timestamp
// that wraps on the way.
func send(clock int, ptime time.Duration, events []Event) (all []sentPacket) {
	w := NewWriter(clock, ptime)
	timestamp := uint32(0xFFFF0000)
	n, at := -1, time.Duration(0)
	var start uint32
	for next := 0; next < len(events) || w.Busy(); {
		for next < len(events) && w.Start(events[next]) {
			next++
		}
		p := sentPacket{at: at}
		if _, first, ok := w.Next(p.payload[:]); ok {
			if first {
				n++
				start = timestamp
			}
			p.event, p.timestamp = n, start+w.Offset()
			all = append(all, p)
		}
		at += ptime
		timestamp += uint32(units(ptime, clock))
	}
	return all
}

// network is what happens to packets.
type network struct {
	name           string
	loss, twice    float64
	burst          int           // packets lost in a row
	late           time.Duration // at most
	clock, toClock int
	ptime          time.Duration
}

// carry returns the packets in the order of their arrival.
func (n network) carry(sent []sentPacket, rnd *rand.Rand) (got []sentPacket) {
	gone := 0
	for _, p := range sent {
		if gone > 0 {
			gone--
			continue
		}
		if rnd.Float64() < n.loss/float64(max(n.burst, 1)) {
			gone = max(n.burst, 1) - 1
			continue
		}
		copies := 1
		if rnd.Float64() < n.twice {
			copies = 2
		}
		for range copies {
			q := p
			if n.late > 0 {
				q.at += time.Duration(rnd.Int64N(int64(n.late)))
			}
			got = append(got, q)
		}
	}
	slices.SortStableFunc(got, func(a, b sentPacket) int { return int(a.at - b.at) })
	return got
}

// read gives packets to a Reader as a stream's owner does, asking Idle between.
func read(clock int, packets []sentPacket) (events []Event, starts int) {
	r := NewReader(clock)
	last := time.Duration(0)
	for _, p := range packets {
		for since := 20 * time.Millisecond; last+since < p.at && since < 2*time.Second; since += 20 * time.Millisecond {
			if e, ended := r.Idle(since); ended {
				events = append(events, e)
			}
		}
		last = p.at
		e, started, ended := r.Packet(p.timestamp, p.payload[:])
		if started {
			starts++
		}
		if ended {
			events = append(events, e)
		}
	}
	for range 2 * waiting {
		if e, ended := r.Idle(time.Second); ended {
			events = append(events, e)
		}
	}
	return events, starts
}

func TestTenThousandDigitsOverABadNetwork(t *testing.T) {
	const ms = time.Millisecond
	for _, n := range []network{
		{name: "good", clock: 8000, ptime: 20 * ms},
		{name: "good, 10 ms", clock: 8000, ptime: 10 * ms},
		{name: "good, 60 ms", clock: 8000, ptime: 60 * ms},
		{name: "48 kHz", clock: 48000, ptime: 20 * ms},
		{name: "48 to 8 kHz", clock: 48000, toClock: 8000, ptime: 20 * ms},
		{name: "1 % loss", loss: 0.01, clock: 8000, ptime: 20 * ms},
		{name: "10 % loss", loss: 0.1, clock: 8000, ptime: 20 * ms},
		{name: "30 % loss", loss: 0.3, clock: 48000, ptime: 20 * ms},
		{name: "10 % loss in fives", loss: 0.1, burst: 5, clock: 8000, ptime: 20 * ms},
		{name: "all twice", twice: 1, clock: 8000, ptime: 20 * ms},
		{name: "60 ms jitter", late: 60 * ms, clock: 8000, ptime: 20 * ms},
		{name: "all of it", loss: 0.1, burst: 3, twice: 0.3, late: 100 * ms, clock: 48000, ptime: 20 * ms},
	} {
		t.Run(n.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(7, uint64(len(n.name))))
			digits := make([]Event, 10000)
			for i := range digits {
				digits[i] = Event{Code: uint8(rnd.IntN(16)), Duration: 40*ms + time.Duration(rnd.Int64N(int64(200*ms))), Volume: 10}
			}
			sent := send(n.clock, n.ptime, digits)
			got := n.carry(sent, rnd)
			clock := n.clock
			for i := range got {
				if n.toClock > 0 { // a relay between; timestamps are its own
					Rescale(got[i].payload[:], n.clock, n.toClock)
					clock = n.toClock
				}
			}
			arrived := make(map[int]bool)
			for _, p := range got {
				arrived[p.event] = true
			}
			var want []byte
			for i, e := range digits {
				if arrived[i] {
					want = append(want, e.Digit())
				}
			}
			events, starts := read(clock, got)
			var have []byte
			for _, e := range events {
				have = append(have, e.Digit())
			}
			if n.late > 0 { // who comes late may stand one place further on
				slices.Sort(want)
				slices.Sort(have)
			}
			if string(have) != string(want) {
				t.Errorf("%d digits of %d that could be known; first difference at %d", len(have), len(want), differs(have, want))
			}
			if n.late == 0 && starts != len(want) {
				t.Errorf("%d starts of %d", starts, len(want))
			}
			t.Logf("%d of 10000 had a packet left, all of them read", len(want))
			if n.loss == 0 && n.late == 0 {
				for i, e := range events {
					if d := (e.Duration - digits[i].Duration).Abs(); d > ms {
						t.Fatalf("digit %d lasted %v, was sent with %v", i, e.Duration, digits[i].Duration)
					}
				}
			}
		})
	}
}

func differs(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func TestLongEventIsOne(t *testing.T) {
	for _, clock := range []int{8000, 48000} {
		for _, lost := range []uint16{0, 1, 150, 5000} { // units before each segment's end
			sent := send(clock, 20*time.Millisecond, []Event{{Code: 5, Duration: 20 * time.Second}, {Code: 5, Duration: 100 * time.Millisecond}})
			sent = slices.DeleteFunc(sent, func(p sentPacket) bool { return readBlock(p.payload[:]).duration > longest-lost })
			events, starts := read(clock, sent)
			// After a tenth of a second of loss it counts as ended, and stays ended.
			whole := lost == 5000 || len(events) > 0 && (events[0].Duration-20*time.Second).Abs() <= 20*time.Millisecond
			if len(events) != 2 || starts != 2 || !whole {
				t.Errorf("%d Hz, the last %d units of segments lost: %v", clock, lost, events)
			}
		}
	}
}

func TestOddSenders(t *testing.T) {
	packet := func(ts uint32, code, flags byte, duration int) sentPacket {
		return sentPacket{timestamp: ts, payload: [size]byte{code, flags, byte(duration >> 8), byte(duration)}}
	}
	for _, tt := range []struct {
		name string
		in   []sentPacket
		want string
	}{
		{"only the end", []sentPacket{packet(1000, 4, 0x8a, 800)}, "4"},
		{"no end", []sentPacket{packet(1000, 4, 10, 160), packet(1000, 4, 10, 320)}, "4"},
		{"the end of the last is lost", []sentPacket{packet(1000, 4, 10, 160), packet(3000, 5, 10, 160), packet(3000, 5, 0x8a, 800)}, "45"},
		{"both ends in one", []sentPacket{packet(1000, 4, 10, 160), packet(3000, 5, 0x8a, 800)}, "45"},
		{"the same key twice", []sentPacket{packet(1000, 4, 0x8a, 800), packet(3000, 4, 0x8a, 800)}, "44"},
		{"an end after the next began", []sentPacket{packet(1000, 4, 10, 160), packet(3000, 5, 10, 160), packet(1000, 4, 0x8a, 800), packet(3000, 5, 0x8a, 800)}, "45"},
		{"a key known only late", []sentPacket{packet(3000, 5, 10, 160), packet(1000, 4, 0x8a, 800), packet(1000, 4, 0x8a, 800), packet(3000, 5, 0x8a, 800)}, "45"},
		{"a timestamp that moves", []sentPacket{packet(1000, 4, 10, 160), packet(1160, 4, 10, 320), packet(1320, 4, 10, 480), packet(1480, 4, 0x8a, 640), packet(1480, 4, 0x8a, 640)}, "4"},
		{"a timestamp that never moves", []sentPacket{packet(0, 4, 0x8a, 640), packet(0, 5, 0x8a, 640), packet(0, 6, 0x8a, 640)}, "456"},
		{"begun anew", []sentPacket{packet(1<<30, 4, 0x8a, 640), packet(100, 4, 10, 160), packet(100, 4, 0x8a, 640)}, "44"},
		{"fax tones", []sentPacket{packet(1000, 36, 0x8a, 640)}, ""},
		{"flash", []sentPacket{packet(1000, 16, 0x8a, 640)}, "!"},
		{"cut off", []sentPacket{{timestamp: 1, payload: [size]byte{}}}, "0"},
	} {
		events, _ := read(8000, tt.in)
		var have []byte
		for _, e := range events {
			have = append(have, e.Digit())
		}
		slices.Sort(have)
		if string(have) != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, have, tt.want)
		}
	}
}

func TestSeveralEventsInOnePacket(t *testing.T) { // RFC 4733 §2.5.1.5
	r := NewReader(8000)
	var have []byte
	e, _, ended := r.Packet(1000, []byte{1, 0x8a, 3, 0x20, 2, 0x8a, 3, 0x20, 3, 10, 0, 0xa0})
	for ended {
		have = append(have, e.Digit())
		e, ended = r.Idle(0)
	}
	if now, open := r.Current(); string(have) != "12" || !open || now.Digit() != '3' {
		t.Errorf("%q, then %v %v", have, now, open)
	}
}

func TestRescale(t *testing.T) {
	for _, tt := range []struct{ from, to, in, want int }{
		{8000, 48000, 160, 960}, {48000, 8000, 960, 160}, {8000, 48000, 20000, longest}, {8000, 8000, 7, 7}, {8000, 0, 7, 7}, {48000, 8000, 3, 1},
	} {
		b := []byte{5, 0x8a, byte(tt.in >> 8), byte(tt.in), 9}
		Rescale(b, tt.from, tt.to)
		if got := int(readBlock(b).duration); got != tt.want || b[0] != 5 || b[1] != 0x8a || b[4] != 9 {
			t.Errorf("%d at %d is %d at %d, want %d", tt.in, tt.from, got, tt.to, tt.want)
		}
	}
}

func TestWriterBounds(t *testing.T) {
	w := NewWriter(8000, 20*time.Millisecond)
	if w.Start(Event{Code: 17}) {
		t.Error("took what is not a key")
	}
	for i := range queued {
		if !w.Start(Event{Code: 1}) {
			t.Fatalf("event %d refused", i)
		}
	}
	if w.Start(Event{Code: 1}) {
		t.Error("the queue has no end")
	}
	var b [size]byte
	w.Next(b[:])
	if !w.Start(Event{Code: 1}) {
		t.Error("no room after one was taken")
	}
}

func TestPacketsAllocateNothing(t *testing.T) {
	r, w := NewReader(8000), NewWriter(8000, 20*time.Millisecond)
	d := NewDetector(48000)
	pcm := make([]int16, 960)
	var b [size]byte
	ts := uint32(0)
	at := 0
	if n := testing.AllocsPerRun(1000, func() {
		w.Start(Event{Code: 5, Duration: 60 * time.Millisecond})
		if _, first, ok := w.Next(b[:]); ok {
			if first {
				ts += 4000
			}
			Rescale(b[:], 8000, 8000)
			r.Packet(ts+w.Offset(), b[:])
		}
		r.Idle(time.Second)
		if !Tone(pcm, 48000, Event{Code: 5, Duration: 100 * time.Millisecond}, at) {
			at = -960
		}
		at += 960
		d.Process(pcm, func(Event) {})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzPacket(f *testing.F) {
	f.Add(uint32(1000), []byte{5, 0x8a, 3, 0x20}, uint32(5000), []byte{5, 10, 0, 160, 6, 0, 0, 1})
	f.Fuzz(func(t *testing.T, ts1 uint32, p1 []byte, ts2 uint32, p2 []byte) {
		r := NewReader(8000)
		blocks := (len(p1) + len(p2)) / size
		told, began := 0, 0
		take := func(e Event, started, ended bool) {
			if ended {
				told++
				if e.Code > Flash || e.Duration < 0 || e.Volume > 63 {
					t.Fatalf("%+v", e)
				}
			}
			if started {
				began++
			}
		}
		take(r.Packet(ts1, p1))
		take(r.Packet(ts2, p2))
		take(r.Packet(ts2, p2))
		for range 2 * waiting {
			e, ended := r.Idle(time.Minute)
			take(e, false, ended)
		}
		if told > blocks {
			t.Fatalf("%d events of %d blocks", told, blocks)
		}
		if e, open := r.Current(); open {
			t.Fatalf("%+v never ends", e)
		}
	})
}

func ExampleWriter() {
	w := NewWriter(8000, 20*time.Millisecond)
	w.Start(Event{Code: 11, Duration: 40 * time.Millisecond, Volume: 10})
	for range 4 {
		b := make([]byte, 4)
		n, first, _ := w.Next(b)
		fmt.Printf("%x %v\n", b[:n], first)
	}
	// Output:
	// 0b0a00a0 true
	// 0b8a0140 false
	// 0b8a0140 false
	// 0b8a0140 false
}

// TestMissed loses the end of a key of 100 ms with more or less of what was before.
func TestMissed(t *testing.T) {
	for _, c := range []struct{ heard, missed, length int }{
		{4, 3, 100}, {2, 5, 100}, {1, 6, 100}, {3, 4, 100},
		{2, 9, 100},            // what came after the key is among them
		{3, 0, 60}, {3, 2, 60}, // packets of something else, or fewer than ends there are
	} {
		r := NewReader(8000)
		for n := range c.heard {
			b := make([]byte, size)
			writeBlock(b, block{code: 5, volume: 10, duration: uint16(160 * (n + 1))})
			r.Packet(1000, b)
		}
		r.Missed(c.missed)
		e, ended := r.Idle(time.Second)
		if want := time.Duration(c.length) * time.Millisecond; !ended || e.Duration != want {
			t.Errorf("%d heard, %d missed: %v, want %v", c.heard, c.missed, e.Duration, want)
		}
		r.Missed(5) // nothing is awaited any more
		if e, ended := r.Idle(time.Second); ended {
			t.Errorf("%+v once more", e)
		}
	}
}
