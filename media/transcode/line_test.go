package transcode

import (
	"math"
	"math/rand/v2"
	"sort"
	"testing"
	"time"

	"tandem/media/codec"
)

// find is a format by name, L16 with its clock.
func find(t testing.TB, name string, clock, channels int) codec.Format {
	t.Helper()
	f, ok := codec.Find(name, clock, channels)
	if !ok {
		t.Fatalf("no format %s/%d", name, clock)
	}
	return f
}

// shaper is a network: what it does to each packet.
type shaper struct {
	loss   float64       // share of packets lost
	burst  float64       // mean length of a loss; 0 or 1: each by itself
	jitter time.Duration // packets come 0 to jitter later
	twice  float64       // share of packets that come twice
	random *rand.Rand
	losing bool
}

// lose reports whether the next packet is lost (Gilbert's two states).
func (s *shaper) lose() bool {
	if s.loss == 0 {
		return false
	}
	burst := max(s.burst, 1/(1-s.loss))
	leave := 1 / burst
	enter := leave * s.loss / (1 - s.loss)
	if s.losing {
		s.losing = s.random.Float64() >= leave
	} else {
		s.losing = s.random.Float64() < enter
	}
	return s.losing
}

// arrival is a packet on its way.
type arrival struct {
	at time.Duration
	b  []byte
}

// line carries packets through a path in virtual time.
type line struct {
	t    testing.TB
	pool *Pool
	path *Path
	net  shaper
	way  []arrival // sorted by time from next on
	next int
	now  time.Duration
	out  [][]byte
	when []time.Duration // each of out was sent
}

// start is where virtual time begins.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newLine(t testing.TB, o Options, net shaper) *line {
	t.Helper()
	l := &line{t: t, pool: NewPool(1), net: net}
	l.pool.epoch = start
	if l.net.random == nil {
		l.net.random = rand.New(rand.NewPCG(7, 8))
	}
	if o.Out.Format.Name != "" && o.Out.Send == nil {
		o.Out.Send = func(b []byte) {
			if cap(b)-len(b) < spare {
				t.Errorf("%d octets of room behind a packet", cap(b)-len(b))
			}
			l.out = append(l.out, append([]byte(nil), b...))
			l.when = append(l.when, l.now)
		}
	}
	var err error
	if l.path, err = l.pool.Add(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.path.Close)
	return l
}

// send puts a packet on its way.
func (l *line) send(b []byte, at time.Duration) {
	if l.net.lose() {
		return
	}
	l.put(b, at)
	if l.net.twice > 0 && l.net.random.Float64() < l.net.twice {
		l.put(b, at)
	}
}

func (l *line) put(b []byte, at time.Duration) {
	if l.net.jitter > 0 {
		at += time.Duration(l.net.random.Int64N(int64(l.net.jitter) + 1))
	}
	l.way = append(l.way, arrival{at, append([]byte(nil), b...)})
}

// run lets time pass.
func (l *line) run(until time.Duration) {
	rest := l.way[l.next:]
	sort.SliceStable(rest, func(i, j int) bool { return rest[i].at < rest[j].at })
	w := l.pool.workers[0]
	for ; l.now <= until; l.now += grain {
		for ; l.next < len(l.way) && l.way[l.next].at <= l.now; l.next++ {
			if !l.path.Push(l.way[l.next].b, start.Add(l.way[l.next].at)) {
				l.t.Fatalf("queue full at %v", l.now)
			}
		}
		w.serve(l.now)
	}
}

// talker makes packets of audio.
type talker struct {
	format  codec.Format
	rate    int
	ptime   time.Duration
	encoder codec.Encoder
	head    packet
	at      time.Duration // when the next is sent
	drift   float64       // its clock is slow by so much
	mark    bool
}

func newTalker(t testing.TB, f codec.Format, rate int, ptime time.Duration, kind uint8) *talker {
	t.Helper()
	e, err := f.NewEncoder(rate, codec.Options{Ptime: int(ptime / time.Millisecond), Bitrate: 40000, Speech: true})
	if err != nil {
		t.Fatalf("%s cannot be spoken here: %v (make peers installs what tests need)", f.Name, err)
	}
	t.Cleanup(e.Close)
	return &talker{format: f, rate: rate, ptime: ptime, encoder: e, mark: true,
		head: packet{kind: kind, seq: 65500, time: 0xffffff00, ssrc: 77}, at: 100 * time.Millisecond}
}

// repeat has the talker repeat each packet with the next, for an ear that misses
// so many percent.
func (k *talker) repeat(t testing.TB, loss int) {
	t.Helper()
	k.encoder.Close()
	var err error
	o := codec.Options{Ptime: int(k.ptime / time.Millisecond), Bitrate: 40000, Fmtp: "useinbandfec=1"}
	if k.encoder, err = k.format.NewEncoder(k.rate, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.encoder.Close)
	if err := k.encoder.(codec.Repeater).Loss(loss); err != nil {
		t.Fatal(err)
	}
}

// pass lets a packet's time pass.
func (k *talker) pass() {
	k.head.time += uint32(k.ptime * time.Duration(k.format.Clock) / time.Second)
	k.at += k.ptime + time.Duration(float64(k.ptime)*k.drift)
}

// say sends pcm, whole packets of it.
func (k *talker) say(l *line, pcm []int16) {
	l.t.Helper()
	size := int(k.ptime * time.Duration(k.rate) / time.Second)
	b := make([]byte, 8000)
	for ; len(pcm) >= size; pcm = pcm[size:] {
		n, err := k.encoder.Encode(b[header:], pcm[:size])
		if err != nil {
			l.t.Fatal(err)
		}
		k.head.write(b, k.mark)
		k.mark = false
		l.send(b[:header+n], k.at+k.ptime) // it must have been spoken first
		k.head.seq++
		k.pass()
	}
}

// other sends a packet that is no audio, at the present time.
func (k *talker) other(l *line, kind uint8, stamp uint32, payload []byte, mark bool) {
	b := make([]byte, header+len(payload))
	h := packet{kind: kind, seq: k.head.seq, time: stamp, ssrc: k.head.ssrc}
	h.write(b, mark)
	copy(b[header:], payload)
	l.send(b, k.at+k.ptime)
	k.head.seq++
}

// listened is what came out of a path.
type listened struct {
	pcm     []int16 // by timestamp, nothing where nothing was sent
	packets int
	marks   int
	holes   int // times in which nothing was sent
	kinds   map[uint8]int
	rate    int
}

// listen decodes what a path sent, and checks its numbers.
func (l *line) listen(f codec.Format, rate int, kind uint8) listened {
	l.t.Helper()
	d, err := f.NewDecoder(rate)
	if err != nil {
		l.t.Fatal(err)
	}
	r := listened{kinds: map[uint8]int{}, rate: rate}
	buffer := make([]int16, rate*120/1000)
	var first, next uint32
	var seq uint16
	var voice bool
	for i, b := range l.out {
		var p packet
		if !p.parse(b) {
			l.t.Fatalf("packet %d is malformed", i)
		}
		if i > 0 && p.seq != seq+1 {
			l.t.Fatalf("sequence number %d follows %d", p.seq, seq)
		}
		seq = p.seq
		r.kinds[p.kind]++
		if p.kind != kind {
			continue
		}
		n, err := d.Decode(buffer, p.payload)
		if err != nil {
			l.t.Fatal(err)
		}
		if !voice {
			voice, first, next = true, p.time, p.time
		}
		gap := int32(p.time - next)
		mark := b[1]&0x80 != 0
		if gap < 0 || mark != (r.packets == 0 || gap > 0) && gap == 0 && r.packets > 0 && r.kinds[p.kind] == i+1 {
			l.t.Fatalf("packet %d: timestamp %+d off, marker %v", i, gap, mark)
		}
		if gap > 0 {
			r.holes++
			if !mark {
				l.t.Fatalf("packet %d: silence before it and no marker", i)
			}
		}
		if mark {
			r.marks++
		}
		place := int(int64(p.time-first) * int64(rate) / int64(f.Clock))
		for len(r.pcm) < place {
			r.pcm = append(r.pcm, 0)
		}
		r.pcm = append(r.pcm[:place], buffer[:n]...)
		next = p.time + uint32(n*f.Clock/rate)
		r.packets++
	}
	return r
}

// sine at a level in dBFS.
func sine(rate int, freq, level, seconds float64) []int16 {
	pcm := make([]int16, int(seconds*float64(rate)))
	a := 32767 * math.Pow(10, level/20)
	for i := range pcm {
		pcm[i] = int16(math.Round(a * math.Sin(2*math.Pi*freq*float64(i)/float64(rate))))
	}
	return pcm
}

// levelOf samples in dBFS.
func levelOf(pcm []int16) float64 {
	sum := 0.0
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(max(len(pcm), 1))*2/(32768*32768))
}

// ends are options from one format to another.
func ends(in, out codec.Format, ptime time.Duration) Options {
	return Options{
		In:  Input{Format: in, PayloadType: 96, CN: none, Event: none},
		Out: Output{Format: out, PayloadType: 97, CN: none, Event: none, Ptime: ptime, SSRC: 99, Opus: codec.Options{Bitrate: 40000}},
	}
}
