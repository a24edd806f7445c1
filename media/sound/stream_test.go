package sound

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zaf/g711"
)

// loudness is a usual level of tones: -13 dBm0, within E.180's -10 ±5.
const loudness = -16.0

// wav builds a file of any format around data.
func wav(format, channels, rate, bits int, size uint32, data []byte) []byte {
	le := binary.LittleEndian
	b := []byte("RIFF\xff\xff\xff\xffWAVELIST\x03\x00\x00\x00abc\x00fmt ")
	ext := format == formatExtensible
	if ext {
		b = le.AppendUint32(b, 40)
	} else {
		b = le.AppendUint32(b, 16)
	}
	b = le.AppendUint16(b, uint16(format))
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*channels*bits/8))
	b = le.AppendUint16(b, uint16(channels*bits/8))
	b = le.AppendUint16(b, uint16(bits))
	if ext {
		b = append(b, make([]byte, 24)...)
		le.PutUint16(b[len(b)-24+8:], formatPCM)
	}
	b = append(b, "data"...)
	b = le.AppendUint32(b, size)
	return append(b, data...)
}

func octets(s []int16) (b []byte) {
	for _, v := range s {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

func TestReaderFormats(t *testing.T) {
	tone := ToneAt(16000, 500, -12, 400*time.Millisecond)
	stereo := make([]int16, 0, 2*len(tone))
	var u, a []byte
	for _, v := range tone {
		stereo = append(stereo, v, v)
		u, a = append(u, g711.EncodeUlawFrame(v)), append(a, g711.EncodeAlawFrame(v))
	}
	for _, c := range []struct {
		name string
		file []byte
		n    int
	}{
		{"PCM", wav(formatPCM, 1, 16000, 16, uint32(2*len(tone)), octets(tone)), len(tone)},
		{"extensible", wav(formatExtensible, 1, 16000, 16, uint32(2*len(tone)), octets(tone)), len(tone)},
		{"stereo", wav(formatPCM, 2, 16000, 16, uint32(4*len(tone)), octets(stereo)), len(tone)},
		{"µ-law", wav(formatULaw, 1, 16000, 8, uint32(len(u)), u), len(tone)},
		{"A-law", wav(formatALaw, 1, 16000, 8, uint32(len(a)), a), len(tone)},
		{"size not told", wav(formatPCM, 1, 16000, 16, 0xFFFFFFFF, octets(tone)), len(tone)},
		{"size 0", wav(formatPCM, 1, 16000, 16, 0, octets(tone)), len(tone)},
		{"cut off", wav(formatPCM, 1, 16000, 16, uint32(2*len(tone)), octets(tone)[:1001]), 500},
		{"more behind", wav(formatPCM, 1, 16000, 16, 1000, octets(tone)), 500},
	} {
		r, err := NewReader(bytes.NewReader(c.file))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := make([]int16, len(tone)+10)
		got = got[:r.Read(got)]
		if r.Rate() != 16000 || len(got) != c.n || r.Err() != nil {
			t.Errorf("%s: %d samples at %d, %v", c.name, len(got), r.Rate(), r.Err())
		} else if snr := snr(tone[:len(got)], got); snr < 30 {
			t.Errorf("%s: SNR %.1f dB", c.name, snr)
		}
	}
	for name, file := range map[string][]byte{
		"24 bits":     wav(formatPCM, 1, 16000, 24, 9, make([]byte, 9)),
		"float":       wav(3, 1, 16000, 32, 8, make([]byte, 8)),
		"no rate":     wav(formatPCM, 1, 0, 16, 8, make([]byte, 8)),
		"9 channels":  wav(formatPCM, 9, 16000, 16, 8, make([]byte, 8)),
		"no channels": wav(formatPCM, 0, 16000, 16, 8, make([]byte, 8)),
		"nothing":     nil,
		"no sound":    []byte("RIFF\x00\x00\x00\x00WAVE"),
	} {
		if _, err := NewReader(bytes.NewReader(file)); !errors.Is(err, errWAV) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFileIsWholeWhileItGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := newWriter(f, 16000, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(make([]int16, 3)); err == nil {
		t.Error("half a frame was written")
	}
	for range 35 {
		if err := w.Write(make([]int16, 2*1600)); err != nil {
			t.Fatal(err)
		}
	}
	if _, sides := channels(t, path); len(sides[0]) != 3*16000 {
		t.Errorf("after 3.5 s a reader finds %d samples", len(sides[0]))
	}
	if err := w.Close(); err != nil || w.Size() != 35*1600*4 {
		t.Errorf("%v, %d octets", err, w.Size())
	}
	if _, sides := channels(t, path); len(sides[0]) != 35*1600 {
		t.Errorf("at the end a reader finds %d samples", len(sides[0]))
	}
	w.size = math.MaxUint32 - headerSize - 3
	if err := w.Write(make([]int16, 2)); !errors.Is(err, errFull) {
		t.Errorf("beyond 4 GiB: %v", err)
	}
}

func TestResampler(t *testing.T) {
	for _, c := range []struct{ from, to int }{
		{8000, 16000}, {8000, 48000}, {16000, 8000}, {48000, 8000}, {44100, 8000}, {22050, 16000}, {11025, 48000}, {44100, 48000}, {16000, 16000},
	} {
		for _, freq := range []float64{100, 1000, 3000} {
			in := ToneAt(c.from, freq, -6, time.Second)
			r := NewResampler(c.from, c.to)
			var out []int16
			for part := range slices.Chunk(in, 333) {
				out = r.Append(out, part)
			}
			out = r.Flush(out)
			if d := len(out) - c.to; d < -2 || d > 2 {
				t.Errorf("%d to %d: %d samples of a second", c.from, c.to, len(out))
			}
			n := min(len(out), c.to)
			want := ToneAt(c.to, freq, -6, time.Second)
			if l := Level(out[n/4 : n/2]); math.Abs(l+6) > 0.1 {
				t.Errorf("%d to %d, %v Hz: level %.2f", c.from, c.to, freq, l)
			}
			if snr := snr(want[n/4:n/2], out[n/4:n/2]); snr < 55 {
				t.Errorf("%d to %d, %v Hz: SNR %.1f dB", c.from, c.to, freq, snr)
			}
		}
		if c.to < c.from {
			above := float64(c.to) * 0.62 // its image would fall into the band
			r := NewResampler(c.from, c.to)
			if l := Level(r.Append(nil, ToneAt(c.from, above, -6, time.Second))[200:]); l > -66 {
				t.Errorf("%d to %d: %v Hz comes back at %.1f dBFS", c.from, c.to, above, l)
			}
		}
	}
}

func TestAnnouncement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a.wav")
		const length = 3500 * time.Millisecond // longer than what is read ahead
		if err := WriteWAVAt(path, 16000, ToneAt(16000, 700, -9, length)); err != nil {
			t.Fatal(err)
		}
		for _, rate := range []int{8000, 48000} {
			a, err := OpenAnnouncement(path, rate, 3)
			if err != nil {
				t.Fatal(err)
			}
			var got []int16
			pcm := make([]int16, rate/50)
			for n := len(pcm); n == len(pcm) && len(got) < 20*rate; {
				time.Sleep(20 * time.Millisecond)
				n = a.Read(pcm)
				got = append(got, pcm[:n]...)
			}
			played, all := a.Progress()
			if want := samplesAt(3*length, rate); len(got) < want-10 || len(got) > want+10 || played != lasting(int64(len(got)), rate) || all != 3*length {
				t.Errorf("%d Hz: %d samples, want %d; progress %v of %v; missed %v", rate, len(got), want, played, all, a.Missed())
			}
			if f, purity := FrequencyAt(rate, got[len(got)-rate/4:]); math.Abs(f-700) > 2 || purity < 0.95 || a.Err() != nil {
				t.Errorf("%d Hz: ends in %.1f Hz, %.2f, %v", rate, f, purity, a.Err())
			}
			a.Close()
			a.Close()
		}
	})
}

func TestAnnouncementEnds(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.wav")
	if err := WriteWAV(empty, nil); err != nil {
		t.Fatal(err)
	}
	a, err := OpenAnnouncement(empty, 8000, 0) // over and over
	if err != nil {
		t.Fatal(err)
	}
	if n := a.Read(make([]int16, 160)); n != 0 {
		t.Errorf("a file without sound played %d samples", n)
	}
	a.Close()

	long := filepath.Join(dir, "long.wav")
	if err := WriteWAV(long, Tone(500, -12, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if a, err = OpenAnnouncement(long, 8000, 0); err != nil {
		t.Fatal(err)
	}
	a.Close()
	total := 0
	for pcm := make([]int16, 160); ; {
		n := a.Read(pcm)
		if total += n; n < 160 || total > 80000 {
			break
		}
	}
	if total < 8000 || total > 40000 {
		t.Errorf("after Close %d samples were left", total)
	}
	if _, err := OpenAnnouncement(filepath.Join(dir, "none.wav"), 8000, 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestTonesOfCountries(t *testing.T) {
	signals := []Signal{Dial, Ringback, Busy, Congestion, Waiting, Information}
	for _, country := range append(Countries(), "uk", "de") {
		for _, signal := range signals {
			c, ok := Tones(country, signal)
			if !ok || len(c.Steps) == 0 || c.Steps[0].Freqs[0] == 0 {
				t.Fatalf("%s %d: %v", country, signal, c)
			}
			for _, rate := range []int{8000, 48000} {
				s := c.Source(rate, loudness, 0)
				period := make([]int16, samplesAt(c.period(), rate))
				s.Read(make([]int16, len(period))) // the second time is like the first
				if n := s.Read(period); n != len(period) {
					t.Fatalf("%s %d ended", country, signal)
				}
				at := time.Duration(0)
				for _, step := range c.Steps {
					from, to := samplesAt(at, rate), samplesAt(at+step.Length, rate)
					at += step.Length
					edge := (to - from) / 8
					l := Level(period[from+edge : to-edge])
					switch {
					case step.Freqs[0] == 0 && !math.IsInf(l, -1):
						t.Errorf("%s %d: silence at %v has %.1f dBFS", country, signal, at, l)
					case step.Freqs[0] > 0 && math.Abs(l-loudness) > 0.7:
						t.Errorf("%s %d: tone at %v has %.1f dBFS", country, signal, at, l)
					}
				}
			}
		}
	}
	if _, ok := Tones("XX", Dial); ok {
		t.Error("a country nobody knows has a tone")
	}
	us, _ := Tones("US", Busy)
	if got := Segments(read(us.Source(8000, loudness, 0), 8000)); len(got) != 0 {
		t.Errorf("two tones at once look like one: %v", got)
	}
}

func read(s Source, n int) []int16 {
	pcm := make([]int16, n)
	return pcm[:s.Read(pcm)]
}

func TestCadenceEnds(t *testing.T) {
	once := Cadence{Steps: []Step{on(300, 600), off(100), on(300, 900)}}
	s := once.Source(8000, -12, 0)
	got := read(s, 8000)
	if len(got) != 5600 || s.Read(make([]int16, 10)) != 0 || s.Played() != 700*time.Millisecond {
		t.Fatalf("%d samples, %v", len(got), s.Played())
	}
	tones := Segments(got)
	if len(tones) != 2 || math.Abs(tones[0].Freq-600) > 3 || math.Abs(tones[1].Freq-900) > 3 {
		t.Errorf("%v", tones)
	}
	dial, _ := Tones("DE", Dial)
	got = read(dial.Source(8000, -12, 2500*time.Millisecond), 80000)
	if len(got) != 20000 {
		t.Fatalf("%d samples of 2.5 s", len(got))
	}
	most := 0 // a click is a jump between two samples
	for i := 1; i < len(got); i++ {
		most = max(most, int(math.Abs(float64(got[i])-float64(got[i-1]))))
	}
	if limit := int(32767 * math.Pow(10, -12.0/20) * 2 * math.Pi * 425 / 8000); most > limit+2 || got[len(got)-1] > 200 || got[len(got)-1] < -200 {
		t.Errorf("it clicks: %d between two samples, a sine has %d; ends with %d", most, limit, got[len(got)-1])
	}
	for _, empty := range []Cadence{{}, {Repeat: true}, {Steps: []Step{{}}, Repeat: true}} {
		if n := len(read(empty.Source(8000, -12, 0), 100)); n != 0 {
			t.Errorf("nothing played %d samples", n)
		}
	}
}

func TestPlayingAllocatesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	if err := WriteWAV(path, Tone(700, -9, time.Second)); err != nil {
		t.Fatal(err)
	}
	a, err := OpenAnnouncement(path, 8000, 1) // all of it is there at once
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ring, _ := Tones("GB", Ringback)
	s := ring.Source(48000, loudness, 0)
	pcm := make([]int16, 960)
	if n := testing.AllocsPerRun(20, func() { a.Read(pcm[:160]); s.Read(pcm) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCadence(b *testing.B) {
	ring, _ := Tones("US", Dial)
	s := ring.Source(48000, loudness, 0)
	pcm := make([]int16, 960)
	b.ReportAllocs()
	for b.Loop() {
		s.Read(pcm)
	}
}

func BenchmarkTap(b *testing.B) {
	t := newTrack(8000, time.Now())
	pcm := make([]int16, 160)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		t.push(pcm, 8000, time.Now())
		if n%100 == 99 {
			t.ring.read.Store(t.ring.write.Load())
			t.tail.Store(t.head.Load())
		}
	}
}

// snr is the power of want over that of what got differs by, in dB.
func snr(want, got []int16) float64 {
	var signal, noise float64
	for i := range want {
		d := float64(got[i]) - float64(want[i])
		signal, noise = signal+float64(want[i])*float64(want[i]), noise+d*d
	}
	return 10 * math.Log10(signal/noise)
}
