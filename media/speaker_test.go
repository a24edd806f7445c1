package media

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/media/codec"
	"tandem/media/dtmf"
	"tandem/media/sdp"
	"tandem/media/sound"
)

// speaker is a far end that says prepared packets at given times, through a
// network that loses and delays them, and keeps what comes with the time it
// came.
type speaker struct {
	*phone
	lines []uttered
	twice bool // with each packet of Opus the one before it is said again

	mu  sync.Mutex
	got []arrived
}

type uttered struct {
	at time.Duration // since the start of the talk
	b  []byte
}

type arrived struct {
	at time.Time
	b  []byte
}

// ptime is that of all speakers.
const ptime = 20 * time.Millisecond

func newSpeaker(t *testing.T, c sdp.Codec, event uint8) *speaker {
	p := newPhone(t, c, 0)
	p.event = event
	return &speaker{phone: p}
}

// network is what it does to packets.
type network struct {
	loss   float64
	burst  float64 // mean packets lost in a row; 0 or 1 each by itself
	jitter time.Duration
}

func (n network) String() string {
	return fmt.Sprintf("%.0f %% lost, bursts of %.0f, jitter %v", 100*n.loss, max(n.burst, 1), n.jitter)
}

// lost draws which of count packets are lost (Gilbert's two states).
func (n network) lost(count int, random *rand.Rand) []bool {
	out := make([]bool, count)
	leave := 1 / max(n.burst, 1/(1-n.loss))
	enter, losing := leave*n.loss/(1-n.loss), false
	for i := range out {
		if losing {
			losing = random.Float64() >= leave
		} else {
			losing = random.Float64() < enter
		}
		out[i] = losing && i > 10
	}
	return out
}

// prepare encodes what is said; which tells the packets the network loses.
func (s *speaker) prepare(pcm []int16, rate int, n network, seed uint64) (which []bool) {
	s.t.Helper()
	o := codec.Options{Ptime: 20, Bitrate: 40000}
	if s.twice {
		o.Fmtp = "useinbandfec=1"
	}
	enc, err := s.format.NewEncoder(rate, o)
	if err != nil {
		s.t.Fatal(err)
	}
	defer enc.Close()
	if s.twice {
		if err := enc.(codec.Repeater).Loss(10); err != nil {
			s.t.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(seed, 1))
	step := rate / 50
	which = n.lost(len(pcm)/step, random)
	for i := range which {
		b := make([]byte, 1500)
		b[0], b[1] = 0x80, s.codec.PayloadType
		size, err := enc.Encode(b[12:], pcm[i*step:(i+1)*step])
		if err != nil {
			s.t.Fatal(err)
		}
		s.number(b, i)
		at := time.Duration(i) * ptime
		if n.jitter > 0 {
			at += time.Duration(random.Int64N(int64(n.jitter)))
		}
		if !which[i] {
			s.lines = append(s.lines, uttered{at, b[:12+size]})
		}
	}
	slices.SortStableFunc(s.lines, func(a, b uttered) int { return int(a.at - b.at) })
	return which
}

// number writes sequence number, time and source of the i-th packet. Numbers
// pass their end on the way.
func (s *speaker) number(b []byte, i int) {
	binary.BigEndian.PutUint16(b[2:], uint16(65500+i))
	binary.BigEndian.PutUint32(b[4:], 0xffff0000+uint32(i*s.format.Clock/50))
	binary.BigEndian.PutUint32(b[8:], 0x5eed)
}

// press puts a key in place of the audio from the i-th packet on, for n
// packets and two more ends, on the clock of the events.
func (s *speaker) press(i, n int, code uint8, clock int) {
	s.lines = slices.DeleteFunc(s.lines, func(u uttered) bool {
		return u.at >= time.Duration(i)*ptime && u.at < time.Duration(i+n+2)*ptime
	})
	w := dtmf.NewWriter(clock, ptime)
	w.Start(dtmf.Event{Code: code, Duration: time.Duration(n) * ptime, Volume: 10})
	for k := range n + 2 {
		b := make([]byte, 16)
		b[0], b[1] = 0x80, s.event
		size, first, ok := w.Next(b[12:])
		if !ok {
			break
		}
		s.number(b, i+k)
		stamp := 0xffff0000 + uint32(i*s.format.Clock/50)
		binary.BigEndian.PutUint32(b[4:], stamp)
		if first {
			b[1] |= 0x80
		}
		s.lines = append(s.lines, uttered{time.Duration(i+k) * ptime, b[:12+size]})
	}
	slices.SortStableFunc(s.lines, func(a, b uttered) int { return int(a.at - b.at) })
}

// speak sends what was prepared, from a moment on.
func (s *speaker) speak(start time.Time) {
	for _, u := range s.lines {
		time.Sleep(time.Until(start.Add(u.at)))
		s.send(slices.Clone(u.b))
	}
}

// keep notes what comes until the port closes.
func (s *speaker) keep() {
	b := make([]byte, 2048)
	for {
		n, _, err := s.rtp.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		at := time.Now()
		if n < 12 || b[1] >= 192 && b[1] <= 223 {
			continue
		}
		s.mu.Lock()
		s.got = append(s.got, arrived{at, slices.Clone(b[:n])})
		s.mu.Unlock()
	}
}

func (s *speaker) arrived() []arrived {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// heard decodes what came; when[i] is the moment the i-th 20 ms came.
func (s *speaker) heard(rate int) (pcm []int16, when []time.Time) {
	s.t.Helper()
	dec, err := s.format.NewDecoder(rate)
	if err != nil {
		s.t.Fatal(err)
	}
	out := make([]int16, rate)
	for _, a := range s.arrived() {
		if a.b[1]&0x7f != s.codec.PayloadType {
			continue
		}
		n, err := dec.Decode(out, payload(a.b))
		if err != nil {
			s.t.Fatalf("undecodable: %v", err)
		}
		pcm = append(pcm, out[:n]...)
		for ; n > 0; n -= rate / 50 {
			when = append(when, a.at)
		}
	}
	return pcm, when
}

// numbered fails unless what came is one stream with continuous numbers and
// times that never go back.
func (s *speaker) numbered() {
	s.t.Helper()
	got := s.arrived()
	for i := 1; i < len(got); i++ {
		a, b := got[i-1].b, got[i].b
		if string(a[8:12]) != string(b[8:12]) {
			s.t.Errorf("another SSRC at packet %d of %d", i, len(got))
		}
		if d := binary.BigEndian.Uint16(b[2:]) - binary.BigEndian.Uint16(a[2:]); d != 1 {
			s.t.Errorf("packet %d is numbered %d after the one before", i, int16(d))
		}
		if d := int32(binary.BigEndian.Uint32(b[4:]) - binary.BigEndian.Uint32(a[4:])); d < 0 {
			s.t.Errorf("packet %d goes back %d in time", i, -d)
		}
	}
}

// dial joins two speakers.
func dial(t *testing.T, server *Server, a, b *speaker, want, back Want) (*Session, chan Event) {
	t.Helper()
	events := make(chan Event, 1000)
	session, err := server.Open(t.Name()+fmt.Sprint(a.addr()), Options{Handle: func(e Event) { events <- e }})
	if err != nil {
		t.Fatal(err)
	}
	offer, err := session.Offer(A, a.sdp(), want)
	if err != nil {
		t.Fatalf("offer: %v", err)
	}
	b.use(offer)
	answer, err := session.Answer(B, b.sdp(), back)
	if err != nil {
		t.Fatalf("answer: %v\noffer was:\n%s", err, offer)
	}
	a.use(answer)
	go a.keep()
	go b.keep()
	return session, events
}

// together lets speakers speak at once.
func together(speakers ...*speaker) (start time.Time) {
	start = time.Now().Add(50 * time.Millisecond)
	var wait sync.WaitGroup
	for _, s := range speakers {
		wait.Go(func() { s.speak(start) })
	}
	wait.Wait()
	time.Sleep(400 * time.Millisecond) // what is in buffers
	return start
}

// spoken is speech at 16000 Hz by espeak-ng, which these tests need.
var spoken = sync.OnceValues(func() ([]int16, error) {
	b, err := exec.Command("espeak-ng", "--stdout", "-s", "150", `The birch canoe slid on the smooth planks. Glue the sheet to the
		dark blue background. It is easy to tell the depth of a well. These days a chicken leg is a rare dish.`).Output()
	if err != nil {
		return nil, fmt.Errorf("espeak-ng, which this test needs: %w", err)
	}
	return sound.DecodeWAVAt(16000, strings.NewReader(string(b)))
})

// talkOf is what is spoken, of no more than a telephone band when narrow.
func talkOf(t *testing.T, narrow bool) []int16 {
	t.Helper()
	pcm, err := spoken()
	if err != nil {
		t.Fatal(err)
	}
	if !narrow {
		return pcm
	}
	down, up := sound.NewResampler(16000, 8000), sound.NewResampler(8000, 16000)
	low := down.Flush(down.Append(nil, pcm))
	return up.Flush(up.Append(nil, low))
}
