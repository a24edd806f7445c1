package transcode

import (
	"fmt"
	"math"
	"testing"
	"time"

	"tandem/media/codec"
	"tandem/test/hearing"
)

// TestPairs sends a tone from each format to each other.
func TestPairs(t *testing.T) {
	for _, in := range codec.Formats() {
		for _, out := range codec.Formats() {
			t.Run(fmt.Sprintf("%s-%d to %s-%d", in.Name, in.Native, out.Name, out.Native), func(t *testing.T) {
				pair(t, in, out, 20*time.Millisecond, 20*time.Millisecond)
			})
		}
	}
}

func pair(t *testing.T, in, out codec.Format, inTime, outTime time.Duration) {
	const freq, level = 997, -10
	rate := min(in.Native, 16000)
	heard := min(out.Native, 16000)
	k := newTalker(t, in, rate, inTime, 96)
	l := newLine(t, ends(in, out, outTime), shaper{})
	k.say(l, sine(rate, freq, level, 3))
	l.run(k.at + 2*time.Second)
	r := l.listen(out, heard, 97)
	if r.holes > 0 || r.marks != 1 {
		t.Errorf("%d holes, %d markers", r.holes, r.marks)
	}
	tone := r.pcm[heard/2 : heard*5/2]
	if d := levelOf(tone) - level; math.Abs(d) > 0.5 {
		t.Errorf("level is %+.2f dB off", d)
	}
	snr := hearing.SineSNR(heard, tone, freq)
	t.Logf("SNR %.1f dB, level %+.2f dB", snr, levelOf(tone)-level)
	if snr < 25 {
		t.Errorf("SNR is %.1f dB", snr)
	}
	s := l.path.Stats()
	if s.Concealed > 0 || s.Late+s.Overflow+s.DecodeErrors+s.EncodeErrors > 0 {
		t.Errorf("%+v", s)
	}
}

// TestPacketTimes converts each packet time into each other.
func TestPacketTimes(t *testing.T) {
	for _, in := range []int{10, 20, 30, 40, 60} {
		for _, out := range []int{10, 20, 30, 40, 60} {
			t.Run(fmt.Sprintf("%d to %d ms", in, out), func(t *testing.T) {
				from, to := time.Duration(in)*time.Millisecond, time.Duration(out)*time.Millisecond
				pair(t, find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1), from, to)
			})
		}
	}
}

// TestThereAndBack sends a tone and speech from PCMU to each format and back.
func TestThereAndBack(t *testing.T) {
	const freq, level = 997, -10
	pcmu := find(t, "PCMU", 8000, 1)
	for _, middle := range codec.Formats() {
		t.Run(fmt.Sprintf("%s-%d", middle.Name, middle.Native), func(t *testing.T) {
			there := ends(pcmu, middle, 20*time.Millisecond)
			there.Out.PayloadType = 96
			there.Out.Opus = codec.Options{} // as calls have it
			l := newLine(t, there, shaper{jitter: 5 * time.Millisecond})
			k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
			k.say(l, sine(8000, freq, level, 4))
			in := speak(t, "en-us")[:8000*10]
			k.say(l, in)
			l.run(k.at + 2*time.Second)
			back := newLine(t, ends(middle, pcmu, 20*time.Millisecond), shaper{jitter: 5 * time.Millisecond})
			for i, b := range l.out {
				back.send(b, l.when[i])
			}
			back.run(l.now + time.Second)
			r := back.listen(pcmu, 8000, 97)
			tone, speech := r.pcm[8000:8000*3], r.pcm[8000*4:8000*14]
			t.Logf("tone: level %+.2f dB, SNR %.1f dB; speech: level %+.2f dB", levelOf(tone)-level, hearing.SineSNR(8000, tone, freq), levelOf(speech)-levelOf(in))
			if d := levelOf(tone) - level; math.Abs(d) > 0.5 {
				t.Errorf("the tone's level is %+.2f dB off", d)
			}
			if d := levelOf(speech) - levelOf(in); math.Abs(d) > 1 {
				t.Errorf("the speech's level is %+.2f dB off", d)
			}
			if snr := hearing.SineSNR(8000, tone, freq); snr < 20 {
				t.Errorf("SNR is %.1f dB", snr)
			}
			if s := back.path.Stats(); r.holes > 0 || s.Concealed > 0 {
				t.Errorf("%d holes, %+v", r.holes, s)
			}
		})
	}
}
