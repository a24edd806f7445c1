package softphone

import (
	"slices"
	"time"

	"github.com/emiago/diago/media"
	"github.com/pion/rtp"

	"tandem/media/codec"
	"tandem/media/sound"
)

// maxHeard bounds what is kept of a call: an hour. What follows is counted but
// not kept.
const maxHeard = 3600 * sound.Rate

// maxGap is the longest jump of timestamps taken for lost audio; a longer one
// is a new stream.
const maxGap = 10 * sound.Rate

// ear collects what is heard. It is used by one goroutine, and read when that
// has ended.
type ear struct {
	voice    voice
	decoders map[uint8]codec.Decoder // by payload number; PCMU and PCMA may take turns
	pcm      []int16

	heard    []int16   // by timestamp; what was lost is silence
	arrivals []arrival // rising in at
	digits   []rune
	onDigit  func(rune)

	received, duplicates, late int
	ssrc                       uint32
	base                       uint32 // timestamp of heard[offset]
	offset                     int
	first, top                 int64 // extended sequence numbers of this stream
	expected                   int   // packets of earlier streams
	transit                    float64
	jitter                     float64 // samples, RFC 3550 §6.4.1
	event                      uint32  // timestamp of the last event
	hadEvent                   bool
	started                    time.Time
	seen                       [64]int64 // the last sequence numbers, for duplicates
}

// arrival is when the packet came whose first sample is heard[at].
type arrival struct {
	at   int
	time time.Time
}

func newEar(v voice, onDigit func(rune)) *ear {
	return &ear{voice: v, onDigit: onDigit, decoders: make(map[uint8]codec.Decoder), pcm: make([]int16, sound.Samples(120*time.Millisecond))}
}

// decoder is that of a payload number, nil when it is no audio that the phone
// offered.
func (e *ear) decoder(number uint8) codec.Decoder {
	if d := e.decoders[number]; d != nil {
		return d
	}
	for _, c := range []media.Codec{e.voice.Codec, media.CodecAudioUlaw, media.CodecAudioAlaw} {
		if c.PayloadType != number || c.SampleRate != e.voice.SampleRate {
			continue
		}
		if v, err := newVoice(c); err == nil {
			if d, err := v.format.NewDecoder(sound.Rate); err == nil {
				e.decoders[number] = d
				return d
			}
		}
	}
	return nil
}

// isEvent reports whether a payload number is that of keys.
func (e *ear) isEvent(number uint8) bool {
	if e.voice.step > 1 {
		return number == eventsOfOpus.PayloadType
	}
	return number == media.CodecTelephoneEvent8000.PayloadType
}

// take notes a packet and tells whether it was audio.
func (e *ear) take(now time.Time, h *rtp.Header, payload []byte) bool {
	audio := e.decoder(h.PayloadType) != nil
	if !audio && !e.isEvent(h.PayloadType) {
		return false // comfort noise and the like
	}
	if e.received == 0 || h.SSRC != e.ssrc || e.jump(h.Timestamp) {
		e.restart(now, h)
	}
	if !e.count(h) {
		return false
	}
	if !audio {
		e.digit(h, payload)
		return false
	}
	e.clock(now, h)
	e.keep(now, h, payload)
	return true
}

// jump tells whether a timestamp is far from the end of what was heard.
func (e *ear) jump(timestamp uint32) bool {
	d := e.since(timestamp) - (len(e.heard) - e.offset)
	return d > maxGap || d < -maxGap
}

// since is the time from the stream's start to a timestamp, in samples.
func (e *ear) since(timestamp uint32) int { return int(int32(timestamp-e.base)) / e.voice.step }

// restart begins a stream behind what has been heard.
func (e *ear) restart(now time.Time, h *rtp.Header) {
	if e.received > 0 {
		e.expected += int(e.top - e.first + 1)
	} else {
		e.started = now
	}
	e.ssrc, e.base, e.offset = h.SSRC, h.Timestamp, len(e.heard)
	e.first = int64(h.SequenceNumber) + 1<<16
	e.top = e.first - 1
	e.transit = 0
	clear(e.seen[:])
}

// count keeps the sequence numbers and tells whether the packet is new.
func (e *ear) count(h *rtp.Header) bool {
	seq := e.top + int64(int16(h.SequenceNumber-uint16(e.top)))
	if e.seen[seq&63] == seq {
		e.duplicates++
		return false
	}
	e.seen[seq&63] = seq
	e.received++
	if seq < e.top {
		e.late++
		e.first = min(e.first, seq)
	}
	e.top = max(e.top, seq)
	return true
}

// clock updates the interarrival jitter.
func (e *ear) clock(now time.Time, h *rtp.Header) {
	transit := now.Sub(e.started).Seconds()*sound.Rate - float64(h.Timestamp-e.base)/float64(e.voice.step)
	if e.transit != 0 {
		d := transit - e.transit
		if d < 0 {
			d = -d
		}
		e.jitter += (d - e.jitter) / 16
	}
	e.transit = transit
}

// keep decodes the packet to its place.
func (e *ear) keep(now time.Time, h *rtp.Header, payload []byte) {
	n, err := e.decoder(h.PayloadType).Decode(e.pcm, payload)
	at := e.offset + e.since(h.Timestamp)
	if err != nil || at < 0 || at+n > maxHeard {
		return
	}
	if end := at + n; end > len(e.heard) {
		e.heard = slices.Grow(e.heard, end-len(e.heard))[:end]
	}
	copy(e.heard[at:], e.pcm[:n])
	if n := len(e.arrivals); n == 0 || e.arrivals[n-1].at < at {
		e.arrivals = append(e.arrivals, arrival{at, now})
	}
}

// digit notes an event once; its packets share one timestamp (RFC 4733 §2.5.1.2).
func (e *ear) digit(h *rtp.Header, payload []byte) {
	if len(payload) < 4 || e.hadEvent && e.event == h.Timestamp {
		return
	}
	e.hadEvent, e.event = true, h.Timestamp
	r := media.DTMFToRune(payload[0])
	if r == 0 {
		return // a flash or tone, no digit
	}
	e.digits = append(e.digits, r)
	if e.onDigit != nil {
		e.onDigit(r)
	}
}

// lost is the number of packets that were sent to us and never came.
func (e *ear) lost() int {
	if e.received == 0 {
		return 0
	}
	return max(0, e.expected+int(e.top-e.first+1)-e.received)
}

// roundTrips finds the echo of each mark: the time from the moment its first
// sample was sent until it was received.
func (e *ear) roundTrips(marks []time.Time) []time.Duration {
	mark := sound.Mark(markLevel)
	var out []time.Duration
	for _, sent := range marks {
		from, ok := e.index(sent)
		if !ok {
			continue
		}
		to := min(from+sound.Samples(markEvery)+len(mark), len(e.heard))
		at, likeness := sound.Find(e.heard[from:to], mark)
		if likeness < 0.6 {
			continue
		}
		if d := e.when(from + at).Sub(sent); d >= 0 {
			out = append(out, d)
		}
	}
	return out
}

// index is the first sample that came at or after t.
func (e *ear) index(t time.Time) (int, bool) {
	i, _ := slices.BinarySearchFunc(e.arrivals, t, func(a arrival, t time.Time) int { return a.time.Compare(t) })
	if i == len(e.arrivals) {
		return 0, false
	}
	return e.arrivals[i].at, true
}

// when is the time at which sample i was received: its packet's arrival and
// the time it then takes to play up to it.
func (e *ear) when(i int) time.Time {
	k, found := slices.BinarySearchFunc(e.arrivals, i, func(a arrival, i int) int { return a.at - i })
	if !found {
		k--
	}
	a := e.arrivals[max(k, 0)]
	return a.time.Add(sound.Duration(i - a.at))
}
