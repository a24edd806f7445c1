package softphone

import (
	"math"
	"testing"
	"time"

	"github.com/emiago/diago/media"
	"github.com/pion/rtp"
	"github.com/zaf/g711"

	"tandem/media/sound"
)

// stream plays samples into an ear as 20 ms packets; drop and twice name the
// packets that are lost or doubled, delay is added to each arrival.
type stream struct {
	seq, ssrc   uint32
	timestamp   uint32
	drop, twice map[int]bool
	delay       func(i int) time.Duration
}

func (s stream) play(e *ear, start time.Time, samples []int16) {
	for i := 0; (i+1)*packetSamples <= len(samples); i++ {
		h := &rtp.Header{SequenceNumber: uint16(s.seq + uint32(i)), SSRC: s.ssrc,
			Timestamp: s.timestamp + uint32(i*packetSamples), PayloadType: 0}
		now := start.Add(time.Duration(i) * packetTime)
		if s.delay != nil {
			now = now.Add(s.delay(i))
		}
		if s.drop[i] {
			continue
		}
		payload := g711.EncodeUlaw(bytesOf(samples[i*packetSamples : (i+1)*packetSamples]))
		e.take(now, h, payload)
		if s.twice[i] {
			e.take(now, h, payload)
		}
	}
}

func pcmu() voice {
	v, err := newVoice(media.CodecAudioUlaw)
	if err != nil {
		panic(err)
	}
	return v
}

func bytesOf(s []int16) []byte {
	out := make([]byte, 0, 2*len(s))
	for _, v := range s {
		out = append(out, byte(v), byte(v>>8))
	}
	return out
}

func TestEarCountsLossAcrossTheWrap(t *testing.T) {
	e := newEar(pcmu(), nil)
	tone := sound.Tone(1000, -10, 2*time.Second)
	stream{seq: 65530, ssrc: 7, timestamp: math.MaxUint32 - 500,
		drop: map[int]bool{3: true, 50: true, 51: true}, twice: map[int]bool{8: true}}.play(e, time.Unix(1, 0), tone)
	if e.received != 97 || e.lost() != 3 || e.duplicates != 1 || e.late != 0 {
		t.Errorf("received %d, lost %d, duplicates %d, late %d", e.received, e.lost(), e.duplicates, e.late)
	}
	if len(e.heard) != len(tone) {
		t.Errorf("%d samples, want %d: what is lost is silence", len(e.heard), len(tone))
	}
	if e.jitter > 0.01 {
		t.Errorf("jitter %v of an even stream", e.jitter)
	}
}

func TestEarJoinsStreams(t *testing.T) {
	e := newEar(pcmu(), nil)
	tone := sound.Tone(500, -10, 200*time.Millisecond)
	stream{seq: 100, ssrc: 1, timestamp: 5}.play(e, time.Unix(1, 0), tone)
	stream{seq: 9, ssrc: 2, timestamp: 1 << 31, drop: map[int]bool{4: true}}.play(e, time.Unix(2, 0), tone)
	if e.received != 19 || e.lost() != 1 || len(e.heard) != 2*len(tone) {
		t.Errorf("received %d, lost %d, %d samples", e.received, e.lost(), len(e.heard))
	}
}

func TestEarMeasuresJitter(t *testing.T) {
	e := newEar(pcmu(), nil)
	stream{ssrc: 1, delay: func(i int) time.Duration { return time.Duration(i%2) * 10 * time.Millisecond }}.play(
		e, time.Unix(1, 0), sound.Tone(500, -10, 10*time.Second))
	if got := e.jitter * 1000 / sound.Rate; math.Abs(got-10) > 0.5 {
		t.Errorf("jitter %.2f ms, want 10: every other packet is 10 ms late", got)
	}
}

func TestEarMeasuresTheRoundTrip(t *testing.T) {
	e := newEar(pcmu(), nil)
	start := time.Unix(1, 0)
	const trip = 137 * time.Millisecond
	var heard []int16
	var marks []time.Time
	for k := range 3 {
		sent := time.Duration(k)*time.Second + 400*time.Millisecond
		marks = append(marks, start.Add(sent))
		heard = append(heard, sound.Silence(sent+trip-sound.Duration(len(heard)))...)
		heard = append(heard, sound.Mark(markLevel-20)...)
	}
	heard = append(heard, sound.Silence(time.Second)...)
	stream{ssrc: 1}.play(e, start, heard)
	trips := e.roundTrips(marks)
	if len(trips) != 3 {
		t.Fatalf("found %v", trips)
	}
	for _, d := range trips {
		if (d - trip).Abs() > time.Millisecond {
			t.Errorf("round trip %v, want %v", d, trip)
		}
	}
}

func TestEarHearsEachDigitOnce(t *testing.T) {
	var got []rune
	e := newEar(pcmu(), func(r rune) { got = append(got, r) })
	for digit, r := range []byte{1, 1, 10, 16} { // 16 is a flash
		for i := range 7 {
			h := &rtp.Header{PayloadType: 101, SequenceNumber: uint16(digit*7 + i), Timestamp: uint32(digit * 2000), SSRC: 1}
			e.take(time.Unix(1, 0), h, []byte{r, 10, 0, 160})
		}
	}
	e.take(time.Unix(1, 0), &rtp.Header{PayloadType: 101, SequenceNumber: 90, Timestamp: 90000}, []byte{1})
	if string(got) != "11*" || string(e.digits) != "11*" {
		t.Errorf("heard %q", string(got))
	}
}
