package conceal

import (
	"bytes"
	"math"
	"testing"

	"tandem/media/codec/codectest"
)

func TestComfortNoisePayload(t *testing.T) {
	for _, c := range []struct {
		payload string
		level   int
		k       []float64
	}{
		{"\x00", 0, nil},
		{"\x4E", -78, nil},
		{"\xFF", -127, nil}, // the top bit does not count
		{"\x32\x7F", -50, []float64{0}},
		{"\x32\x00\xFE", -50, []float64{-258 * 127. / 32768, 258 * 127. / 32768}},
		{"\x32\xFF", -50, []float64{258 * 127. / 32768}}, // reserved
	} {
		var n ComfortNoise
		if err := n.Parse([]byte(c.payload)); err != nil {
			t.Fatalf("%q: %v", c.payload, err)
		}
		if n.Level != c.level || n.Order != len(c.k) {
			t.Errorf("%q: level %d, order %d", c.payload, n.Level, n.Order)
		}
		for i, k := range c.k {
			if math.Abs(n.Reflection[i]-k) > 1e-9 {
				t.Errorf("%q: coefficient %d is %v, want %v", c.payload, i, n.Reflection[i], k)
			}
		}
		if c.payload[0]&0x80 == 0 && c.payload != "\x32\xFF" {
			if got := n.Append(nil); !bytes.Equal(got, []byte(c.payload)) {
				t.Errorf("%q came back as %q", c.payload, got)
			}
		}
	}
	var n ComfortNoise
	if err := n.Parse(nil); err == nil {
		t.Error("no payload was taken")
	}
	if err := n.Parse(make([]byte, 1500)); err != nil || n.Order != maxComfort {
		t.Errorf("a long payload: %v, order %d", err, n.Order)
	}
}

// TestComfortNoiseSoundsLikeTheNoise measures noise, sends it as a packet and
// compares what a filler makes of it.
func TestComfortNoiseSoundsLikeTheNoise(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, rms := range []float64{30, 300} {
			in := codectest.Hum(rate, rms, 4)
			var n ComfortNoise
			n.Measure(in[:rate/5], 10)
			var told ComfortNoise
			if err := told.Parse(n.Append(nil)); err != nil {
				t.Fatal(err)
			}
			f := New(rate)
			f.Comfort(&told)
			out := make([]int16, len(in))
			for i := 0; i < len(out); i += rate / 50 {
				f.Lost(out[i : i+rate/50])
			}
			out = out[rate/10:]
			if diff := decibel(meanSquare(out) / meanSquare(in)); math.Abs(diff) > 1.5 {
				t.Errorf("%d Hz, rms %v: noise is %.1f dB off", rate, rms, diff)
			}
			// The share of the power in the difference of neighbours tells a dull
			// noise from a bright one: within 2 dB.
			if diff := decibel(brightness(out) / brightness(in)); math.Abs(diff) > 2 {
				t.Errorf("%d Hz, rms %v: brightness is %.1f dB off", rate, rms, diff)
			}
		}
	}
}

func decibel(ratio float64) float64 { return 10 * math.Log10(ratio) }

func brightness(pcm []int16) float64 {
	sum := 0.0
	for i := 1; i < len(pcm); i++ {
		d := float64(pcm[i]) - float64(pcm[i-1])
		sum += d * d
	}
	return sum / float64(len(pcm)) / meanSquare(pcm)
}

// TestComfortNoiseAgainstFFmpeg lets ffmpeg read our packet and us its, so
// that the signs of coefficients and the level mean the same to both.
func TestComfortNoiseAgainstFFmpeg(t *testing.T) {
	const rate = 8000
	in := codectest.Hum(rate, 300, 1)
	raw := codectest.FFmpeg(t, codectest.LittleEndian(in), "-f", "s16le", "-ar", "8000", "-ac", "1", "-i", "pipe:0",
		"-map", "0:a", "-c:a", "comfortnoise", "-f", "data", "pipe:1")
	if len(raw) < 11 {
		t.Fatalf("ffmpeg made %d octets of comfort noise", len(raw))
	}
	var theirs, ours ComfortNoise
	if err := theirs.Parse(raw[:11]); err != nil {
		t.Fatal(err)
	}
	ours.Measure(in[:640], 10)
	t.Logf("ffmpeg %d dBov %.2f", theirs.Level, theirs.Reflection[:3])
	t.Logf("ours   %d dBov %.2f", ours.Level, ours.Reflection[:3])
	if theirs.Reflection[0]*ours.Reflection[0] <= 0 || math.Abs(theirs.Reflection[0]-ours.Reflection[0]) > 0.2 {
		t.Errorf("first coefficient is %.2f, ffmpeg's %.2f", ours.Reflection[0], theirs.Reflection[0])
	}
}

func FuzzComfortNoise(f *testing.F) {
	f.Add([]byte("\x32\x7F\x10\xF0"))
	f.Add([]byte("01\x04b\x04\x04\x05\x04\x04\x04\x04")) // rings for ever
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		var c ComfortNoise
		if c.Parse(payload) != nil {
			return
		}
		var again ComfortNoise
		if err := again.Parse(c.Append(nil)); err != nil || again.Level != c.Level || again.Order != c.Order {
			t.Fatalf("%+v came back as %+v: %v", c, again, err)
		}
		d := New(8000)
		d.Comfort(&c)
		pcm := make([]int16, 1600)
		d.Lost(pcm)
		// No packet makes noise louder than it says, but for chance and rounding.
		if power := meanSquare(pcm[800:]); decibel(power/(32768*32768)) > float64(c.Level)+15 && power > 4 {
			t.Fatalf("noise of %d dBov is at %.1f", c.Level, decibel(power/(32768*32768)))
		}
	})
}
