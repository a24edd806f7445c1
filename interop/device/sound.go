package device

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zaf/g711"

	"tandem/interop/wire"
	"tandem/media/sound"
)

// Sound is a device's sound: packets of 20 ms in G.711.
type Sound struct {
	conn  *wire.Media
	far   netip.AddrPort
	codec int // 0 PCMU, 8 PCMA

	mu    sync.Mutex
	heard []int16
	done  sync.WaitGroup
	said  atomic.Bool // all is said; what is under way may still come
}

// Heard is what a device heard.
type Heard struct {
	Freq   float64 // of the longest steady tone, Hz
	Level  float64 // dBFS
	Length time.Duration
	Packet int // how many came
}

func (h Heard) String() string {
	return fmt.Sprintf("%.0f Hz at %.1f dBFS for %.2f s in %d packets", h.Freq, h.Level, h.Length.Seconds(), h.Packet)
}

func listen(at netip.Addr) (*Sound, error) {
	c, err := wire.ListenMedia(at)
	if err != nil {
		return nil, err
	}
	return &Sound{conn: c}, nil
}

// Port it is heard at.
func (s *Sound) Port() int { return s.conn.Port() }

func (s *Sound) aim(far netip.AddrPort, codec int) { s.far, s.codec = far, codec }

// Close ends it.
func (s *Sound) Close() {
	_ = s.conn.Close()
	s.done.Wait()
}

// talking is for how long a device says its tone, and level how loud (dBFS). lull is
// how long nothing comes when all that was under way has come: on a busy machine
// packets stay with the server for long.
const (
	talking = 900 * time.Millisecond
	level   = -15.0
	lull    = 200 * time.Millisecond
)

// talk says a tone and returns what was heard meanwhile.
func (s *Sound) talk(ctx context.Context, freq float64) (Heard, error) {
	packets := 0
	_ = s.conn.SetReadDeadline(time.Time{}) // that of the talk before
	s.done.Go(func() { packets = s.hear() })
	err := s.say(ctx, sound.Tone(freq, level, talking))
	s.said.Store(true)
	_ = s.conn.SetReadDeadline(time.Now().Add(lull))
	s.done.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	h := Heard{Packet: packets}
	for _, t := range sound.Segments(s.heard) {
		if t.Length > h.Length {
			h.Freq, h.Level, h.Length = t.Freq, t.Level, t.Length
		}
	}
	return h, err
}

// say sends samples, a packet each 20 ms.
func (s *Sound) say(ctx context.Context, samples []int16) error {
	const frame = 160
	begun := time.Now()
	for i := 0; (i+1)*frame <= len(samples); i++ {
		b := make([]byte, 12, 12+frame)
		b[0], b[1] = 0x80, byte(s.codec)
		binary.BigEndian.PutUint16(b[2:], uint16(100+i))
		binary.BigEndian.PutUint32(b[4:], uint32(1000+i*frame))
		binary.BigEndian.PutUint32(b[8:], 0x5eed0001)
		for _, v := range samples[i*frame : (i+1)*frame] {
			if s.codec == 8 {
				b = append(b, g711.EncodeAlawFrame(v))
			} else {
				b = append(b, g711.EncodeUlawFrame(v))
			}
		}
		if _, err := s.conn.WriteToUDPAddrPort(b, s.far); err != nil {
			return fmt.Errorf("sending sound to %s: %w", s.far, err)
		}
		select {
		case <-time.After(time.Until(begun.Add(time.Duration(i+1) * 20 * time.Millisecond))):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// hear keeps what comes until the deadline, which moves while something comes.
func (s *Sound) hear() (packets int) {
	room := make([]byte, 2048)
	for packets < 10*int(talking/(20*time.Millisecond)) {
		n, _, err := s.conn.ReadFromUDPAddrPort(room)
		if err != nil {
			return packets
		}
		if n <= 12 || room[0]>>6 != 2 {
			continue
		}
		packets++
		if s.said.Load() {
			_ = s.conn.SetReadDeadline(time.Now().Add(lull))
		}
		s.mu.Lock()
		for _, o := range room[12:n] {
			switch room[1] & 0x7f {
			case 0:
				s.heard = append(s.heard, g711.DecodeUlawFrame(o))
			case 8:
				s.heard = append(s.heard, g711.DecodeAlawFrame(o))
			}
		}
		s.mu.Unlock()
	}
	return packets
}

// Is says whether a tone was heard well enough: 1 % of its frequency, 2 dB of
// its level, a third of its length at least, as a busy machine may be late.
func (h Heard) Is(freq float64) bool {
	return math.Abs(h.Freq-freq) < freq/100 && math.Abs(h.Level-level) < 2 && h.Length > talking/3
}
