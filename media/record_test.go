package media

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"syscall"
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
			inTime(t, func(t *testing.T) {
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
				if p, ok := session.Recording(); !ok || p.Written < 1600*time.Millisecond { // it lags by half a second
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
		})
	}
}

// smallDisk takes so much and no more.
type smallDisk struct {
	*os.File
	left int
}

func (d *smallDisk) Write(b []byte) (int, error) {
	if d.left -= len(b); d.left < 0 {
		return 0, syscall.ENOSPC
	}
	return d.File.Write(b)
}

// A recording that fills the disk stops decoding when it says so; then another
// may begin.
func TestFullDiskLetsGo(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session, events := open(t, s)
		if _, err := session.Offer(A, a.sdp(), Want{}); err != nil {
			t.Fatal(err)
		}
		if _, err := session.Answer(B, b.sdp(), Want{}); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		f, err := os.Create(filepath.Join(dir, "a.wav"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := session.record(func(failed func(error)) (*sound.Recorder, error) {
			return sound.RecordTo(&smallDisk{f, 2000}, recordRate, failed)
		}); err != nil {
			t.Fatal(err)
		}
		if n := s.plant.Pool.Stats().Paths; n != 2 {
			t.Fatalf("%d paths decode, want 2", n)
		}
		await(t, "the end of the recording", func() bool { return events(EventRecording) == 1 })
		if n := s.plant.Pool.Stats().Paths; n != 0 {
			t.Errorf("%d paths decode for a recording that has ended", n)
		}
		if err := session.StopRecording(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("stopped with %v", err)
		}
		for range 2 { // without being stopped first, the second time
			n := events(EventRecording)
			if err := session.record(func(failed func(error)) (*sound.Recorder, error) {
				return sound.RecordTo(&smallDisk{f, 100}, recordRate, failed)
			}); err != nil {
				t.Fatal(err)
			}
			await(t, "the end of another", func() bool { return events(EventRecording) > n })
		}
		if err := session.Record(filepath.Join(dir, "b.wav")); err != nil {
			t.Fatal(err)
		}
		if n := s.plant.Pool.Stats().Paths; n != 2 {
			t.Errorf("%d paths decode for the next, want 2", n)
		}
		if err := session.StopRecording(); err != nil {
			t.Error(err)
		}
	})
}
