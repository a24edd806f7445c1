package transcode

import (
	"fmt"
	"math"
	"testing"
	"time"

	"tandem/media/codec"
)

// pitchOf is the frequency of a tone by its zero crossings, rising ones, counted from the
// first to the last.
func pitchOf(pcm []int16, rate int) float64 {
	first, last, n := 0.0, 0.0, -1
	for i := 1; i < len(pcm); i++ {
		if a, b := float64(pcm[i-1]), float64(pcm[i]); a < 0 && b >= 0 {
			if last = float64(i-1) + a/(a-b); n < 0 {
				first = last
			}
			n++
		}
	}
	return float64(n) * float64(rate) / (last - first)
}

// TestPitch has a tone talk for minutes through a network with some jitter, by a clock
// that is slow or fast: what is put in or taken out for it are whole periods, so that no
// second is higher or lower than what was said.
func TestPitch(t *testing.T) {
	pcmu, pcma, opus := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1), find(t, "opus", 48000, 2)
	for _, drift := range []float64{-100e-6, 100e-6, -10e-3, 10e-3} {
		t.Run(fmt.Sprintf("%+.0f ppm", drift*1e6), func(t *testing.T) {
			t.Parallel()
			for _, out := range []struct {
				codec.Format
				rate int
			}{{pcma, 8000}, {opus, 48000}} {
				k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
				k.drift = drift
				l := newLine(t, ends(pcmu, out.Format, 20*time.Millisecond), shaper{jitter: 3 * time.Millisecond})
				k.say(l, sine(8000, 440, -15, 140))
				l.run(k.at - time.Second)
				heard, s := l.listen(out.Format, out.rate, 97), l.path.Stats()
				low, high := math.Inf(1), 0.0
				for at := 2 * out.rate; at+out.rate <= len(heard.pcm); at += out.rate / 2 {
					p := pitchOf(heard.pcm[at:at+out.rate], out.rate)
					low, high = min(low, p), max(high, p)
				}
				t.Logf("%s: %.3f to %.3f Hz; %+v", out.Name, low, high, s)
				if low < 439.5 || high > 440.5 {
					t.Errorf("%s: heard is %.2f to %.2f Hz, said was 440", out.Name, low, high)
				}
			}
		})
	}
}
