package codec

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"tandem/media/codec/codectest"
	"tandem/media/codec/resample"
	"tandem/media/sound"
	"tandem/test/hearing"
)

var rates = []int{8000, 16000, 48000}

// everyWay runs a test for each format at each rate.
func everyWay(t *testing.T, test func(t *testing.T, f Format, rate int)) {
	for _, f := range heard() {
		for _, rate := range rates {
			t.Run(fmt.Sprintf("%s/%d", title(f), rate), func(t *testing.T) { test(t, f, rate) })
		}
	}
}

func mustEncoder(t testing.TB, f Format, rate int, o Options) Encoder {
	t.Helper()
	e, err := f.NewEncoder(rate, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// heard are all formats, and Opus once more as it is where there is no libopus.
func heard() []Format {
	all := Formats()
	inGo := all[0]
	inGo.InGo = true
	return append(all, inGo)
}

// title tells formats of one name apart.
func title(f Format) string {
	if f.InGo {
		return fmt.Sprintf("%s-%d-go", f.Name, f.Native)
	}
	return fmt.Sprintf("%s-%d", f.Name, f.Native)
}

func mustDecoder(t testing.TB, f Format, rate int) Decoder {
	t.Helper()
	d, err := f.NewDecoder(rate)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name            string
		clock, channels int
		want            string
	}{
		{"PCMU", 8000, 1, "PCMU"}, {"pcma", 8000, 0, "PCMA"}, {"G722", 8000, 0, "G722"}, {"OPUS", 48000, 2, "opus"},
		{"L16", 16000, 1, "L16"}, {"l16", 48000, 1, "L16"},
		{"G722", 16000, 1, ""}, {"opus", 48000, 1, ""}, {"PCMU", 16000, 1, ""}, {"PCMU", 8000, 2, ""}, {"L16", 44100, 2, ""}, {"", 0, 0, ""},
	} {
		f, ok := Find(c.name, c.clock, c.channels)
		if ok != (c.want != "") || f.Name != c.want {
			t.Errorf("%s/%d/%d: %+v, %v", c.name, c.clock, c.channels, f, ok)
		}
		if ok {
			if err := f.CanEncode(); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
	}
}

func TestUnknownFormatsAndRates(t *testing.T) {
	for _, f := range Formats() {
		for _, rate := range []int{0, -8000, 11025, 44100} {
			if _, err := f.NewDecoder(rate); !errors.Is(err, ErrFormat) {
				t.Errorf("decoder of %s at %d: %v", f.Name, rate, err)
			}
			if _, err := f.NewEncoder(rate, Options{}); !errors.Is(err, ErrFormat) {
				t.Errorf("encoder of %s at %d: %v", f.Name, rate, err)
			}
		}
	}
	for _, f := range []Format{{}, {Name: "G729", Clock: 8000, Channels: 1, Native: 8000}, {Name: "L16", Clock: 44100, Channels: 1, Native: 44100}} {
		_, dec := f.NewDecoder(8000)
		_, enc := f.NewEncoder(8000, Options{})
		if can := f.CanEncode(); !errors.Is(dec, ErrFormat) || !errors.Is(enc, ErrFormat) || !errors.Is(can, ErrFormat) {
			t.Errorf("%+v: %v, %v, %v", f, dec, enc, can)
		}
	}
}

func TestFit(t *testing.T) {
	for _, f := range Formats() {
		for ms := range 200 {
			fit := f.Fit(ms)
			if fit < 10 || fit > max(ms, 10) {
				t.Fatalf("%s: %d ms became %d", f.Name, ms, fit)
			}
			if ms >= 10 && ms <= 60 {
				e := mustEncoder(t, f, 8000, Options{})
				if _, err := e.Encode(make([]byte, 6000), make([]int16, fit*8)); err != nil {
					t.Errorf("%s: %d ms became %d, which gives %v", f.Name, ms, fit, err)
				}
				e.Close()
			}
		}
	}
}

// bar is what a codec must reach at its native rate, in dB.
type bar struct{ sine, chord, speech, distance float64 }

// bars are SNR for the codecs that keep the waveform, over sine and chord, and
// segmental SNR over speech. Opus shapes its noise and cuts the lowest tones, so
// its waveform says little; the bars hold it where it was measured. The distance
// is between the spectra of speech.
var bars = map[string]bar{
	"PCMU": {38, 36, 33, 0.5}, "PCMA": {38, 36, 33, 0.5}, "G722": {44, 33, 25, 1},
	"opus": {25, 9, 7, 2.3}, "L16": {75, 75, 25, 0.1},
}

// TestQuality measures tone, chord and speech through every codec at every rate.
func TestQuality(t *testing.T) {
	everyWay(t, func(t *testing.T, f Format, rate int) {
		t.Parallel()
		b := bars[f.Name]
		// Through a lower rate only what fits in it comes back.
		narrow := min(rate, f.Native) < rate && f.Name != "opus"
		for _, c := range []struct {
			name string
			in   []int16
			snr  func(ref, got []int16) float64
			bar  float64
		}{
			{"sine", codectest.Sine(rate, 1004, 8000, 3), hearing.SNR, b.sine},
			{"chord", codectest.Chord(rate, 3), hearing.SNR, b.chord},
			{"speech", codectest.Speech(t, rate), func(ref, got []int16) float64 { return hearing.SegmentalSNR(ref, got, rate) }, b.speech},
		} {
			got, err := play(mustDecoder(t, f, rate), rate, packets(t, f, rate, Options{}, c.in), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			ref, got, lag := align(c.in, got, rate)
			level, snr := sound.Level(got)-sound.Level(ref), c.snr(ref, got)
			distance := hearing.LogSpectralDistance(ref, got, rate, min(0.42*float64(min(rate, f.Native)), 7000))
			t.Logf("%-6s level %+.2f dB, SNR %.1f dB, spectral distance %.2f dB, delay %.2f ms",
				c.name, level, snr, distance, float64(lag)*1000/float64(rate))
			if math.Abs(level) > 0.5 {
				t.Errorf("%s: level is %+.2f dB off", c.name, level)
			}
			if c.name == "speech" && distance > b.distance {
				t.Errorf("speech: spectral distance %.2f dB, want at most %v", distance, b.distance)
			}
			if snr < c.bar && !(narrow && c.name == "speech") {
				t.Errorf("%s: SNR %.1f dB, want %v", c.name, snr, c.bar)
			}
			if c.name == "speech" && float64(lag)/float64(rate) > 0.008 {
				t.Errorf("delay %.2f ms, want at most 8", float64(lag)*1000/float64(rate))
			}
		}
	})
}

// align cuts off the delay and the start.
func align(in, got []int16, rate int) (ref, late []int16, lag int) {
	lag, _ = hearing.Lag(in[rate/2:rate], got[rate/2:rate*3/2], rate/50)
	late = got[lag:]
	ref = in[:len(late)]
	return ref[rate/5:], late[rate/5:], lag
}

// TestPacketLengths puts 10 to 60 ms through all and compares what is said of
// a payload with what comes out of it.
func TestPacketLengths(t *testing.T) {
	everyWay(t, func(t *testing.T, f Format, rate int) {
		t.Parallel()
		for _, ms := range []int{10, 20, 30, 40, 60} {
			if f.Fit(ms) != ms {
				continue
			}
			e, d := mustEncoder(t, f, rate, Options{Ptime: ms}), mustDecoder(t, f, rate)
			defer e.Close()
			in, out, payload := codectest.Loud(rate, 3), make([]int16, rate*maxPacket/1000), make([]byte, 12000)
			step := rate * ms / 1000
			for at := 0; at+step <= len(in); at += step {
				n, err := e.Encode(payload, in[at:at+step])
				if err != nil {
					t.Fatal(err)
				}
				if said := d.Samples(payload[:n]); said != step {
					t.Fatalf("%d ms: payload is said to hold %d samples, put in %d", ms, said, step)
				}
				got, err := d.Decode(out, payload[:n])
				if err != nil || got != step {
					t.Fatalf("%d ms: decoded %d samples, %v", ms, got, err)
				}
			}
		}
	})
}

// TestRefusals gives what cannot be: nothing, too much, and no room.
func TestRefusals(t *testing.T) {
	everyWay(t, func(t *testing.T, f Format, rate int) {
		e, d := mustEncoder(t, f, rate, Options{}), mustDecoder(t, f, rate)
		pcm, payload, out := make([]int16, rate/50), make([]byte, 2000), make([]int16, rate*maxPacket/1000)
		n, err := e.Encode(payload, pcm)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name != nameOpus { // which makes do with little room
			if _, err := e.Encode(payload[:n-1], pcm); !errors.Is(err, ErrShort) {
				t.Errorf("encoding to a short buffer: %v", err)
			}
		}
		if _, err := e.Encode(nil, pcm); !errors.Is(err, ErrShort) {
			t.Errorf("encoding to nothing: %v", err)
		}
		if _, err := e.Encode(payload, nil); !errors.Is(err, ErrFrame) {
			t.Errorf("encoding nothing: %v", err)
		}
		if _, err := e.Encode(make([]byte, 1<<20), make([]int16, 10*rate)); f.Name == nameOpus && !errors.Is(err, ErrFrame) {
			t.Errorf("encoding ten seconds: %v", err)
		}
		if _, err := d.Decode(out[:rate/50-1], payload[:n]); !errors.Is(err, ErrShort) {
			t.Errorf("decoding to a short buffer: %v", err)
		}
		if _, err := d.Decode(out, nil); !errors.Is(err, ErrPayload) || d.Samples(nil) != 0 {
			t.Errorf("decoding nothing: %v", err)
		}
		if _, err := d.Decode(make([]int16, 1<<20), make([]byte, 65000)); !errors.Is(err, ErrPayload) {
			t.Errorf("decoding 65,000 octets: %v", err)
		}
		if err := d.Comfort(nil); !errors.Is(err, ErrPayload) {
			t.Errorf("comfort noise of nothing: %v", err)
		}
		d.Conceal(nil)
		e.Close()
		e.Close()
		if _, err := e.Encode(payload, pcm); err == nil {
			t.Error("a closed encoder encodes")
		}
	})
}

// TestConcealAnyLength fills before anything came, in odd pieces, for long, and
// after comfort noise, and wants sound at first and then only what is quiet.
func TestConcealAnyLength(t *testing.T) {
	everyWay(t, func(t *testing.T, f Format, rate int) {
		d := mustDecoder(t, f, rate)
		silent := make([]int16, rate/10)
		d.Conceal(silent)
		if l := sound.Level(silent); l > sound.Quiet {
			t.Errorf("before anything came there is sound of %.1f dBFS", l)
		}
		all := packets(t, f, rate, Options{}, codectest.Chord(rate, 0.5))
		if _, err := play(d, rate, all, nil, nil); err != nil {
			t.Fatal(err)
		}
		fill := make([]int16, rate)
		for at, n := 0, 1; at < len(fill); at, n = at+n, n*5%397+1 {
			n = min(n, len(fill)-at)
			d.Conceal(fill[at : at+n])
		}
		if l := sound.Level(fill[:rate/100]); math.Abs(l+15) > 6 {
			t.Errorf("the first 10 ms of fill are at %.1f dBFS", l)
		}
		if l := sound.Level(fill[rate*15/100:]); l > sound.Quiet {
			t.Errorf("after 150 ms the fill is still at %.1f dBFS", l)
		}
		if _, err := play(d, rate, all, nil, nil); err != nil {
			t.Fatal(err)
		}
		if err := d.Comfort([]byte{60}); err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(fill); at += rate / 100 {
			d.Conceal(fill[at : at+rate/100])
		}
		// -60 dBov is -57 dBFS, since a sine has 3 dB less power than a square, and
		// of white noise at a high rate a lower one keeps its share.
		want := -57 + 10*math.Log10(min(1, float64(rate)/float64(f.Native)))
		if f.Name == "G722" || f.Name == nameOpus { // noise of 4 kHz, and made at the rate
			want = -57
		}
		if got := sound.Level(fill[rate/10:]); got > want+2 || got < want-2 {
			t.Errorf("comfort noise is at %.1f dBFS, want %.1f", got, want)
		}
	})
}

// TestAllocations wants none for any packet.
func TestAllocations(t *testing.T) {
	everyWay(t, func(t *testing.T, f Format, rate int) {
		in := codectest.Speech(t, rate)[:3*rate]
		all := packets(t, f, rate, Options{}, in)
		e, d := mustEncoder(t, f, rate, Options{}), mustDecoder(t, f, rate)
		defer e.Close()
		pcm, payload, step, at := make([]int16, rate*maxPacket/1000), make([]byte, 2000), rate/50, 0
		// The Opus decoder's buffers grow to the largest frame of each mode once.
		if _, err := play(d, rate, all, nil, d.Conceal); err != nil {
			t.Fatal(err)
		}
		noise := []byte{60, 120, 130}
		if n := testing.AllocsPerRun(100, func() {
			i := at % len(all)
			if _, err := e.Encode(payload, in[i*step:(i+1)*step]); err != nil {
				t.Fatal(err)
			}
			if d.Samples(all[i]) != step {
				t.Fatal("wrong length")
			}
			if _, err := d.Decode(pcm, all[i]); err != nil {
				t.Fatal(err)
			}
			d.Conceal(pcm[:step])
			if at%7 == 0 {
				if err := d.Comfort(noise); err != nil {
					t.Fatal(err)
				}
			}
			at++
		}); n != 0 {
			t.Errorf("%v allocations a packet", n)
		}
	})
}

// TestDelayIsSmall says what a codec's way there and back adds.
func TestDelayIsSmall(t *testing.T) {
	if d := resample.New(8000, 48000).Delay(); d != 2*time.Millisecond {
		t.Errorf("resampling 8 to 48 kHz delays by %v", d)
	}
	if d := resample.New(48000, 16000).Delay(); d != time.Millisecond {
		t.Errorf("resampling 48 to 16 kHz delays by %v", d)
	}
}
