package voice

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zaf/g711"

	"tandem/interop/wire"
	"tandem/media/sound"
)

// Sound is a device's sound: packets of 20 ms in G.711, and keys; in SRTP where it gives
// a key.
type Sound struct {
	conn  *wire.Media
	aim   atomic.Pointer[aim]
	hears int        // number of telephone-event this side has given
	key   string     // of what it sends, "" in clear
	seal  *wire.SRTP // with it

	theirs string     // key of what comes, as the reader knows it
	open   *wire.SRTP // with it

	sequence uint16
	stamp    uint32
}

// aim is where sound goes, and how.
type aim struct {
	far    netip.AddrPort
	codec  int    // 0 PCMU, 8 PCMA
	events int    // number of telephone-event the far side wants; 0: none
	key    string // of what comes from there, "" in clear
}

// usualEvents is the number of telephone-event most devices give.
const usualEvents = 101

// New is the sound at a port. Nothing is said before it is aimed.
func New(conn *wire.Media) *Sound {
	s := &Sound{conn: conn, hears: usualEvents, sequence: 100, stamp: 1000}
	s.aim.Store(&aim{})
	return s
}

// Listen is the sound at a free port.
func Listen(at netip.Addr) (*Sound, error) {
	c, err := wire.ListenMedia(at)
	if err != nil {
		return nil, err
	}
	return New(c), nil
}

// Port it is heard at.
func (s *Sound) Port() int { return s.conn.Port() }

// Codec is the number of the one it speaks, 0 (PCMU) or 8 (PCMA).
func (s *Sound) Codec() int { return s.aim.Load().codec }

// Offers notes the number of telephone-event in a description of its own.
func (s *Sound) Offers(description []byte) {
	if m := eventFormat.FindSubmatch(description); m != nil {
		s.hears, _ = strconv.Atoi(string(m[1]))
	}
}

// Hears sets the number of telephone-event this side has given.
func (s *Sound) Hears(number int) { s.hears = number }

// At is the same sound said from another port.
func (s *Sound) At(conn *wire.Media) *Sound {
	c := &Sound{conn: conn, hears: s.hears, sequence: s.sequence, stamp: s.stamp}
	c.aim.Store(s.aim.Load())
	return c
}

// Protect makes a description of its own one of SRTP, with a key for what it sends
// (RFC 4568).
func (s *Sound) Protect(description string) (string, error) {
	if s.key == "" {
		s.key = wire.NewKey()
		var err error
		if s.seal, err = wire.NewSRTP(s.key); err != nil {
			return "", err
		}
	}
	return strings.Replace(description, " RTP/AVP ", " RTP/SAVP ", 1) + wire.Crypto(s.key) + "\r\n", nil
}

var eventFormat = regexp.MustCompile(`(?mi)^a=rtpmap:(\d+) telephone-event/`)

// Aim has it say what it says to where a description wants it.
func (s *Sound) Aim(description []byte) error {
	far, codec, err := media(description)
	if err != nil {
		return err
	}
	a := &aim{far: far, codec: codec, key: wire.KeyOf(description)}
	if s.key != "" && a.key == "" {
		return fmt.Errorf("its description gives no key for SRTP: %q", description)
	}
	if m := eventFormat.FindSubmatch(description); m != nil {
		a.events, _ = strconv.Atoi(string(m[1]))
	}
	s.aim.Store(a)
	return nil
}

// receive is the next packet, nil for one that is not to be read.
func (s *Sound) receive(room []byte) ([]byte, error) {
	n, _, err := s.conn.ReadFromUDPAddrPort(room)
	if err != nil || s.key == "" {
		return room[:n], err
	}
	if key := s.aim.Load().key; key != s.theirs {
		s.theirs = key
		if s.open, err = wire.NewSRTP(key); err != nil {
			return nil, err
		}
	}
	if s.open == nil {
		return nil, nil
	}
	b, err := s.open.Open(room[:n])
	if err != nil {
		return nil, nil // heard as silence
	}
	return b, nil
}

// Close ends it.
func (s *Sound) Close() { _ = s.conn.Close() }

// Speech is what one side says.
type Speech struct {
	Tone    float64                     // Hz, 0 for none
	Key     string                      // "" for none
	Packets [][]byte                    // of RTP, sent as they are before all else
	Do      func(context.Context) error // what is done besides; nil for nothing
	Unheard bool                        // the other side is to hear nothing
}

// talking is for how long a device says its tone, and level how loud (dBFS). lull is
// how long nothing comes when all that was under way has come: on a busy machine
// packets stay with the server for long.
const (
	talking = 600 * time.Millisecond
	level   = -15.0
	lull    = 400 * time.Millisecond
	late    = 5 * time.Second // how much later the other side may begin
	frame   = 160             // samples of 20 ms
)

// Between has one side speak and the other hear. What came before is not heard.
func Between(ctx context.Context, from, to *Sound, s Speech) (Heard, error) {
	ear := to.listenFor()
	if err := from.speak(ctx, s); err != nil {
		return ear.end(lull), err
	}
	if s.Unheard {
		return ear.end(lull), nil
	}
	return ear.end(late), nil
}

// speak sends a speech.
func (s *Sound) speak(ctx context.Context, what Speech) error {
	for _, p := range what.Packets {
		if err := s.send(p); err != nil {
			return err
		}
	}
	if what.Tone != 0 {
		if err := s.say(ctx, sound.Tone(what.Tone, level, talking)); err != nil {
			return err
		}
	}
	if what.Key != "" {
		if err := s.press(ctx, what.Key); err != nil {
			return err
		}
	}
	if what.Do != nil {
		return what.Do(ctx)
	}
	return nil
}

// say sends samples, a packet each 20 ms.
func (s *Sound) say(ctx context.Context, samples []int16) error {
	beat := newBeat()
	for i := 0; (i+1)*frame <= len(samples); i++ {
		if err := s.utter(samples[i*frame : (i+1)*frame]); err != nil {
			return err
		}
		if err := beat.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// utter sends one packet of samples.
func (s *Sound) utter(samples []int16) error {
	codec := s.aim.Load().codec
	b := s.packet(codec, false)
	for _, v := range samples {
		if codec == 8 {
			b = append(b, g711.EncodeAlawFrame(v))
		} else {
			b = append(b, g711.EncodeUlawFrame(v))
		}
	}
	s.stamp += frame
	return s.send(b)
}

// packet begins one of RTP (RFC 3550 §5.1).
func (s *Sound) packet(kind int, mark bool) []byte {
	b := make([]byte, 12, 12+frame)
	b[0], b[1] = 0x80, byte(kind)
	if mark {
		b[1] |= 0x80
	}
	s.sequence++
	binary.BigEndian.PutUint16(b[2:], s.sequence)
	binary.BigEndian.PutUint32(b[4:], s.stamp)
	binary.BigEndian.PutUint32(b[8:], 0x5eed0001)
	return b
}

func (s *Sound) send(b []byte) error {
	far := s.aim.Load().far
	if s.seal != nil {
		b = s.seal.Seal(b)
	}
	if _, err := s.conn.WriteToUDPAddrPort(b, far); err != nil {
		return fmt.Errorf("sending sound to %s: %w", far, err)
	}
	return nil
}

// beat is the time of packets, one in 20 ms.
type beat struct {
	begun time.Time
	count int
}

func newBeat() *beat { return &beat{begun: time.Now()} }

func (t *beat) wait(ctx context.Context) error {
	t.count++
	select {
	case <-time.After(time.Until(t.begun.Add(time.Duration(t.count) * 20 * time.Millisecond))):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Heard is what a device heard.
type Heard struct {
	Freq   float64 // of the longest steady tone, Hz
	Level  float64 // dBFS
	Length time.Duration
	Packet int    // how many came
	Octets int    // of sound in each, when all are alike, else -1
	Keys   string // in their order, each once
	Marked bool   // the first packet of the last key had the marker bit
	Ends   int    // how often the end of the last key was told
}

func (h Heard) String() string {
	return fmt.Sprintf("%.0f Hz at %.1f dBFS for %.2f s in %d packets", h.Freq, h.Level, h.Length.Seconds(), h.Packet)
}

// Is says whether a tone was heard well enough: 1 % of its frequency, 2 dB of
// its level, a third of its length at least, as a busy machine may be late.
func (h Heard) Is(freq float64) bool {
	return math.Abs(h.Freq-freq) < freq/100 && math.Abs(h.Level-level) < 2 && h.Length > talking/3
}
