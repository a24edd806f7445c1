package softphone

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/emiago/diago"
	"github.com/emiago/diago/media"

	"tandem/media/codec"
	"tandem/media/sound"
)

// markEvery is how often a mark is sent, and how long its echo may take.
const markEvery = time.Second

// markLevel is loud enough to stand out of G.711's quantisation, in dBFS.
const markLevel = -12

// mouth sends audio. It is used by one goroutine.
type mouth struct {
	writer  *media.RTPPacketWriter
	voice   voice
	encoder codec.Encoder
	payload []byte
	sent    int         // packets
	marks   []time.Time // when the first packet of each mark left
}

func newMouth(m *diago.DialogMedia) (*mouth, error) {
	var props diago.MediaProps
	if _, err := m.AudioWriter(diago.WithAudioWriterMediaProps(&props)); err != nil {
		return nil, fmt.Errorf("opening audio: %w", err)
	}
	v, err := newVoice(props.Codec)
	if err != nil {
		return nil, err
	}
	encoder, err := v.format.NewEncoder(sound.Rate, codec.Options{Ptime: int(packetTime / time.Millisecond)})
	if err != nil {
		return nil, err
	}
	return &mouth{writer: m.RTPPacketWriter, voice: v, encoder: encoder, payload: make([]byte, 1500)}, nil
}

func (s *mouth) close() { s.encoder.Close() }

// say encodes and sends one packet of audio.
func (s *mouth) say(frame []int16) error {
	n, err := s.encoder.Encode(s.payload, frame)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", s.voice.Name, err)
	}
	return s.send(s.payload[:n])
}

// send sends one packet of encoded audio.
func (s *mouth) send(payload []byte) error {
	_, err := s.writer.WriteSamples(payload, uint32(packetSamples*s.voice.step), s.sent == 0, s.voice.PayloadType)
	s.sent++
	return err
}

// speak sends a packet every 20 ms by its own clock: a late packet is followed
// by the next on time, so that the mean rate is kept.
func (s *mouth) speak(ctx context.Context, done <-chan struct{}, o TalkOptions) error {
	script := newScript(o)
	start := time.Now()
	frame := make([]int16, packetSamples)
	for i := 0; ; i++ {
		if wait := time.Until(start.Add(time.Duration(i) * packetTime)); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return nil
			case <-done:
				return nil
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		select {
		case r := <-o.Press:
			script.press(i, r)
		default:
		}
		if event, ok := script.event(i); ok {
			if err := s.event(event); err != nil {
				return quietEnd(done, err)
			}
			continue
		}
		if o.PlayOnce && script.said() {
			return nil
		}
		if script.next(frame) {
			s.marks = append(s.marks, time.Now())
		}
		if err := s.say(frame); err != nil {
			return quietEnd(done, err)
		}
	}
}

// quietEnd drops the error of a write that met the end of the call.
func quietEnd(done <-chan struct{}, err error) error {
	select {
	case <-done:
		return nil
	case <-time.After(100 * time.Millisecond):
		return fmt.Errorf("sending audio: %w", err)
	}
}

// event sends one packet of an RFC 4733 event. Its timestamp stays that of the
// event's start; the last packet moves the clock past the event.
func (s *mouth) event(e event) error {
	number := media.CodecTelephoneEvent8000.PayloadType
	if s.voice.step > 1 {
		number = eventsOfOpus.PayloadType
		e.Duration *= uint16(s.voice.step)
	}
	_, err := s.writer.WriteSamples(media.DTMFEncode(e.DTMFEvent), 0, e.first, number)
	if e.last {
		s.writer.DelayTimestamp(uint32(eventPackets * packetSamples * s.voice.step))
	}
	s.sent++
	return err
}

type event struct {
	media.DTMFEvent
	first, last bool
}

// eventPackets is how many packets diago makes of a digit; eventGap packets of
// audio follow it.
const (
	eventPackets = 7
	eventGap     = 5
)

// script decides what each packet carries.
type script struct {
	o      TalkOptions
	at     int // next sample of Play
	mark   []int16
	marked int // next sample of the mark
	pause  int // samples until the next mark
	digits []media.DTMFEvent
	from   int // packet of the first digit
}

func newScript(o TalkOptions) *script {
	s := &script{o: o, mark: sound.Mark(markLevel), from: int(o.DigitsAt / packetTime)}
	s.marked = len(s.mark)
	s.pause = sound.Samples(markEvery / 2)
	for _, r := range strings.ToUpper(o.Digits) {
		s.digits = append(s.digits, media.RTPDTMFEncode8000(r)...)
	}
	return s
}

// press sends a digit from packet i on. One that is being sent is cut short.
func (s *script) press(i int, r rune) {
	s.digits, s.from = media.RTPDTMFEncode8000(r), i
}

// event is the digit packet to be sent as packet i, if it is one.
func (s *script) event(i int) (event, bool) {
	k := i - s.from
	if k < 0 {
		return event{}, false
	}
	digit, part := k/(eventPackets+eventGap), k%(eventPackets+eventGap)
	if part >= eventPackets || digit*eventPackets+part >= len(s.digits) {
		return event{}, false
	}
	return event{s.digits[digit*eventPackets+part], part == 0, part == eventPackets-1}, true
}

func (s *script) said() bool { return s.at >= len(s.o.Play) && !s.o.Loop }

// next fills frame and tells whether a mark begins with its first sample.
func (s *script) next(frame []int16) (mark bool) {
	clear(frame)
	if s.at < len(s.o.Play) {
		n := copy(frame, s.o.Play[s.at:])
		s.at += n
		if s.o.Loop && s.at == len(s.o.Play) {
			s.at = copy(frame[n:], s.o.Play)
		}
		return false
	}
	if !s.o.Measure {
		return false
	}
	if s.marked == len(s.mark) {
		if s.pause -= len(frame); s.pause > 0 {
			return false
		}
		s.marked, s.pause = 0, sound.Samples(markEvery)-len(s.mark)
		mark = true
	}
	s.marked += copy(frame, s.mark[s.marked:])
	return mark
}
