package sound

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestLevelAndFrequencyOfTones(t *testing.T) {
	for _, tone := range []struct{ freq, level float64 }{
		{300, -12}, {440, -15}, {1004, 0}, {1800, -30}, {3400, -6},
	} {
		s := Tone(tone.freq, tone.level, 400*time.Millisecond)
		if l := Level(s[100 : len(s)-100]); math.Abs(l-tone.level) > 0.1 {
			t.Errorf("%v Hz: level %.2f, want %v", tone.freq, l, tone.level)
		}
		for _, n := range []int{320, 1600, len(s)} {
			f, purity := Frequency(s[:n])
			if math.Abs(f-tone.freq) > 0.005*tone.freq || purity < 0.95 {
				t.Errorf("%v Hz over %d samples: found %.1f Hz, purity %.2f", tone.freq, n, f, purity)
			}
		}
	}
	if l := Level(Silence(time.Second)); !math.IsInf(l, -1) {
		t.Errorf("silence has level %v", l)
	}
	if f, p := Frequency(Silence(time.Second)); f != 0 || p != 0 {
		t.Errorf("silence has frequency %v, %v", f, p)
	}
}

// What a phone left out of a tone does not change its frequency.
func TestFrequencyAcrossAJump(t *testing.T) {
	whole := Tone(659.26, -15, 310*time.Millisecond)
	for cut := 1; cut < 80; cut++ {
		for _, at := range []int{800, 1200, 1700} {
			s := append(append([]int16(nil), whole[:at]...), whole[at+cut:]...)
			for _, g := range Segments(s) {
				if g.Length > 120*time.Millisecond && math.Abs(g.Freq-659.26) > 2 {
					t.Errorf("%d samples left out at %d: %.1f Hz for %v", cut, at, g.Freq, g.Length)
				}
			}
		}
	}
}

func TestSegmentsFindAToneSequence(t *testing.T) {
	var s []int16
	s = append(s, Silence(200*time.Millisecond)...)
	s = append(s, Tone(600, -15, 300*time.Millisecond)...)
	s = append(s, Tone(900, -15, 300*time.Millisecond)...)
	s = append(s, Silence(100*time.Millisecond)...)
	s = append(s, Tone(440, -20, time.Second)...)
	got := Segments(s)
	want := []Segment{{200 * time.Millisecond, 300 * time.Millisecond, 600, -15},
		{500 * time.Millisecond, 300 * time.Millisecond, 900, -15}, {900 * time.Millisecond, time.Second, 440, -20}}
	if len(got) != len(want) {
		t.Fatalf("found %v, want %v", got, want)
	}
	for i, w := range want {
		g := got[i]
		if (g.Start-w.Start).Abs() > 40*time.Millisecond || (g.Length-w.Length).Abs() > 60*time.Millisecond ||
			math.Abs(g.Freq-w.Freq) > 0.01*w.Freq || math.Abs(g.Level-w.Level) > 0.5 {
			t.Errorf("segment %d is %+v, want %+v", i, g, w)
		}
	}
}

func TestFindLocatesTheMarkToTheSample(t *testing.T) {
	mark := Mark(-12)
	rnd := rand.New(rand.NewPCG(1, 2))
	s := Silence(time.Second)
	for i := range s {
		s[i] = int16(rnd.IntN(400) - 200)
	}
	if _, likeness := Find(s, mark); likeness > 0.4 {
		t.Errorf("noise looks like the mark: %.2f", likeness)
	}
	const where = 2345
	for i, v := range mark {
		s[where+i] += v / 4
	}
	at, likeness := Find(s, mark)
	if at != where || likeness < 0.8 {
		t.Errorf("found at %d with %.2f, want %d", at, likeness, where)
	}
	if _, likeness := Find(Tone(1000, -10, time.Second), mark); likeness > 0.5 {
		t.Errorf("a tone looks like the mark: %.2f", likeness)
	}
}

func TestWAVRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	s := Tone(700, -9, 100*time.Millisecond)
	if err := WriteWAV(path, s); err != nil {
		t.Fatal(err)
	}
	got, err := ReadWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(s) || got[100] != s[100] {
		t.Fatalf("%d samples back, want %d", len(got), len(s))
	}
}

func FuzzDecodeWAV(f *testing.F) {
	path := filepath.Join(f.TempDir(), "a.wav")
	if err := WriteWAV(path, Tone(700, -9, 10*time.Millisecond)); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVE"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeWAV(bytes.NewReader(b))
		if err == nil && len(s) > maxWAV/2 {
			t.Fatalf("%d samples", len(s))
		}
	})
}
