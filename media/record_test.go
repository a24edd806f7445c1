package media

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tandem/media/sound"
)

// tracks splits a stereo WAV file.
func tracks(t *testing.T, path string) (left, right []int16, rate int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := sound.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(b) % 4; i+3 < len(b); i += 4 { // frames end with the file
		left = append(left, int16(b[i])|int16(b[i+1])<<8)
		right = append(right, int16(b[i+2])|int16(b[i+3])<<8)
	}
	return left, right, r.Rate()
}

// A recording has each side on a channel of its own, whether the call is passed
// on or converted.
func TestRecording(t *testing.T) {
	for _, c := range []struct {
		name string
		b    string
	}{{"passed", "PCMU"}, {"converted", "G722"}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			codec := pcmu
			if c.b == "G722" {
				codec = g722
			}
			a, b := newPhone(t, pcmu, 440), newPhone(t, codec, 1000)
			session := call(t, s, a, b, Want{Codecs: []string{c.b}})
			path := filepath.Join(t.TempDir(), "call.wav")
			if err := session.Record(path); err != nil {
				t.Fatal(err)
			}
			if err := session.Record(path); err == nil {
				t.Error("a second recording of one session began")
			}
			converse(t, 2*time.Second, a, b)
			if p, ok := session.Recording(); !ok || p.Written < time.Second {
				t.Errorf("progress %+v, %v", p, ok)
			}
			if err := session.StopRecording(); err != nil {
				t.Fatal(err)
			}
			a.hears(1000)
			b.hears(440)
			left, right, rate := tracks(t, path)
			for _, side := range []struct {
				pcm  []int16
				freq float64
			}{{left, 440}, {right, 1000}} {
				middle := side.pcm[len(side.pcm)/2-rate/2 : len(side.pcm)/2+rate/4]
				freq, purity := sound.FrequencyAt(rate, middle)
				if math.Abs(freq-side.freq) > 5 || purity < 0.9 {
					t.Errorf("a channel has %.0f Hz (purity %.2f), want %.0f", freq, purity, side.freq)
				}
				if l := sound.Level(middle); math.Abs(l+12.2) > 0.7 {
					t.Errorf("a channel has %.1f dBFS, want -12.2", l)
				}
			}
		})
	}
}
