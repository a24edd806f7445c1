package codec

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"tandem/media/codec/codectest"
	"tandem/media/sound"
	"tandem/test/hearing"
)

func opusFormat(t testing.TB) Format {
	t.Helper()
	f, ok := Find("opus", 48000, 2)
	if !ok {
		t.Fatal("no Opus")
	}
	return f
}

// TestOpusDurations is the table of RFC 6716 §3.1, in tenths of milliseconds.
func TestOpusDurations(t *testing.T) {
	spans := []int{100, 200, 400, 600, 100, 200, 400, 600, 100, 200, 400, 600, 100, 200, 100, 200,
		25, 50, 100, 200, 25, 50, 100, 200, 25, 50, 100, 200, 25, 50, 100, 200}
	for config, span := range spans {
		for _, c := range []struct {
			payload []byte
			frames  int
		}{
			{[]byte{0, 1, 2}, 1}, {[]byte{1, 1, 2}, 2}, {[]byte{2, 1, 2, 2}, 2},
			{[]byte{3, 1, 2}, 1}, {[]byte{3, 2, 2, 2}, 2}, {[]byte{3, 48, 2}, 48}, {[]byte{3, 0, 2}, 0}, {[]byte{3}, 0},
		} {
			c.payload[0] |= byte(config << 3)
			want := c.frames * span
			if want > 1200 {
				want = 0
			}
			if got := opusDuration(c.payload); got != want*100 {
				t.Errorf("config %d, %v: %d µs, want %d", config, c.payload, got, want*100)
			}
			for _, rate := range rates {
				if got := mustDecoder(t, opusFormat(t), rate).Samples(c.payload); got != want*rate/10000 {
					t.Errorf("config %d at %d, %v: %d samples, want %d", config, rate, c.payload, got, want*rate/10000)
				}
			}
		}
	}
}

func TestOpusPacketsTakenApart(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		packet string
		want   []string // nil when malformed
	}{
		{"", nil},
		{"\x08", []string{""}},
		{"\x08abc", []string{"abc"}},
		{"\x08" + strings.Repeat("x", 1275), []string{strings.Repeat("x", 1275)}},
		{"\x08" + strings.Repeat("x", 1276), nil},
		{"\x09abcd", []string{"ab", "cd"}},
		{"\x09abc", nil},
		{"\x0A\x01abc", []string{"a", "bc"}},
		{"\x0A\x04abc", nil},
		{"\x0A\xFC\x0C" + long + "y", []string{long, "y"}},
		{"\x0A\xFC", nil},
		{"\x0B", nil},
		{"\x0B\x00", nil},
		{"\x0B\x03aabbcc", []string{"aa", "bb", "cc"}},
		{"\x0B\x03aabbc", nil},
		{"\x0B\x83\x01\x02abbccc", []string{"a", "bb", "ccc"}},
		{"\x0B\x43\x02aabbcc\x00\x00", []string{"aa", "bb", "cc"}},
		{"\x0B\x41\xFF\x01a" + strings.Repeat("\x00", 255), []string{"a"}},
		{"\x0B\x41\xFF", nil},
		{"\x0B\x41\x05a", nil},
		{"\x1B\x03abc", nil}, // three of 60 ms
	} {
		var p opusFrames
		ok := p.parse([]byte(c.packet))
		if ok != (c.want != nil) {
			t.Errorf("%.20q: taken %v", c.packet, ok)
			continue
		}
		var got []string
		for _, f := range p.frames[:p.count] {
			if ok {
				got = append(got, string(f))
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%.20q: %q, want %q", c.packet, got, c.want)
		}
	}
}

func TestOpusFmtp(t *testing.T) {
	for _, c := range []struct {
		fmtp string
		want []setting
		not  []int
	}{
		{"", []setting{{opusSetBitrate, 32000}, {opusSetComplexity, 5}}, []int{opusSetMaxBandwidth, opusSetVBR, opusSetInbandFEC, opusSetDTX}},
		{"minptime=10;useinbandfec=1", []setting{{opusSetInbandFEC, 1}}, []int{opusSetDTX, opusSetPacketLossPerc}},
		{"useinbandfec=0; usedtx=0; cbr=0", nil, []int{opusSetInbandFEC, opusSetDTX, opusSetVBR}},
		{" usedtx=1 ; CBR=1", []setting{{opusSetDTX, 1}, {opusSetVBR, 0}}, nil},
		{"maxplaybackrate=8000", []setting{{opusSetMaxBandwidth, opusNarrowband}}, nil},
		{"maxplaybackrate=12000", []setting{{opusSetMaxBandwidth, opusMediumband}}, nil},
		{"maxplaybackrate=16000;stereo=1", []setting{{opusSetMaxBandwidth, opusWideband}}, nil},
		{"maxplaybackrate=24000", []setting{{opusSetMaxBandwidth, opusSuperwideband}}, nil},
		{"maxplaybackrate=48000", []setting{{opusSetMaxBandwidth, opusFullband}}, nil},
		{"maxplaybackrate=7999", nil, []int{opusSetMaxBandwidth}},
		{"maxaveragebitrate=16000", []setting{{opusSetBitrate, 16000}}, nil},
		{"maxaveragebitrate=64000", []setting{{opusSetBitrate, 32000}}, nil},
		{"maxaveragebitrate=99999999999999999999;;=;usedtx", []setting{{opusSetBitrate, 32000}}, []int{opusSetDTX}},
	} {
		got := settings(48000, Options{Fmtp: c.fmtp})
		for _, w := range c.want {
			if !slices.Contains(got, w) {
				t.Errorf("%q: %v lacks %v", c.fmtp, got, w)
			}
		}
		for _, request := range c.not {
			if slices.ContainsFunc(got, func(s setting) bool { return s.request == request }) {
				t.Errorf("%q: %v has %d", c.fmtp, got, request)
			}
		}
	}
	if got := settings(8000, Options{}); !slices.Contains(got, setting{opusSetBitrate, 32000}) || !slices.Contains(got, setting{opusSetComplexity, 3}) {
		t.Errorf("at 8 kHz: %v", got)
	}
	if got := settings(16000, Options{Bitrate: 1, Complexity: 99}); !slices.Contains(got, setting{opusSetBitrate, 6000}) || !slices.Contains(got, setting{opusSetComplexity, 10}) {
		t.Errorf("out of range: %v", got)
	}
}

// TestOpusObeysTheFarSide looks at the packets made.
func TestOpusObeysTheFarSide(t *testing.T) {
	f, pcm := opusFormat(t), codectest.Speech(t, 48000)[:5*48000]
	octets := func(all [][]byte) (n int) {
		for _, p := range all {
			n += len(p)
		}
		return n
	}
	for _, p := range packets(t, f, 48000, Options{Fmtp: "maxplaybackrate=8000"}, pcm) {
		// SILK at 8 kHz is configurations 0 to 3, CELT 16 to 19.
		if config := p[0] >> 3; config > 3 && config>>2 != 4 {
			t.Fatalf("to a far side that plays 8 kHz goes configuration %d", config)
		}
	}
	cbr := packets(t, f, 48000, Options{Fmtp: "cbr=1"}, pcm)
	for _, p := range cbr {
		if len(p) != len(cbr[0]) {
			t.Fatalf("constant rate gives packets of %d and %d octets", len(cbr[0]), len(p))
		}
	}
	if rate := float64(octets(cbr)) * 8 / 5; math.Abs(rate-32000) > 1000 {
		t.Errorf("32 kbit/s became %.0f", rate)
	}
	if rate := float64(octets(packets(t, f, 48000, Options{Fmtp: "maxaveragebitrate=12000"}, pcm))) * 8 / 5; rate > 14000 {
		t.Errorf("at most 12 kbit/s became %.0f", rate)
	}
	// Room for little is obeyed too.
	e := mustEncoder(t, f, 48000, Options{})
	defer e.Close()
	small := make([]byte, 40)
	for at := 0; at+960 <= len(pcm); at += 960 {
		if n, err := e.Encode(small, pcm[at:at+960]); err != nil || n > len(small) {
			t.Fatalf("%d octets into 40: %v", n, err)
		}
	}
}

// TestOpusSilence has the encoder send nothing in silence, and the decoder
// carry on with the noise it heard, told so or not.
func TestOpusSilence(t *testing.T) {
	f := opusFormat(t)
	for _, rate := range rates {
		talk, noise := codectest.Speech(t, rate)[:2*rate], codectest.Hum(rate, 40, 4)
		in := slices.Concat(talk, noise)
		all := packets(t, f, rate, Options{Fmtp: "usedtx=1"}, in)
		none := 0
		for _, p := range all[len(all)/2:] {
			if len(p) == 0 {
				none++
			}
		}
		if none < len(all)/6 {
			t.Errorf("%d Hz: only %d of %d packets were not sent", rate, none, len(all))
		}
		for _, way := range []string{"missing", "header", "two octets"} {
			d := mustDecoder(t, f, rate)
			var out []int16
			pcm := make([]int16, rate*maxPacket/1000)
			for _, p := range all {
				n := rate / 50
				switch {
				case len(p) > 0 || way == "header":
					if len(p) == 0 {
						p = []byte{1 << 3}
					}
					var err error
					if n, err = d.Decode(pcm, p); err != nil {
						t.Fatal(err)
					}
				case way == "missing":
					d.Conceal(pcm[:n])
				default:
					if got, err := d.Decode(pcm, []byte{1 << 3, 0}); err != nil || got != n {
						t.Fatalf("%d samples, %v", got, err)
					}
				}
				out = append(out, pcm[:n]...)
			}
			level := sound.Level(out[len(out)-2*rate:]) - sound.Level(noise)
			t.Logf("%d Hz, %s: noise %+.1f dB off", rate, way, level)
			if math.Abs(level) > 5 {
				t.Errorf("%d Hz, %s: noise is %+.1f dB off", rate, way, level)
			}
		}
	}
}

// TestOpusFirstPacketSilent gives a decoder that heard nothing a packet which
// says that there is nothing to hear.
func TestOpusFirstPacketSilent(t *testing.T) {
	d := mustDecoder(t, opusFormat(t), 8000)
	pcm := make([]int16, 160)
	if n, err := d.Decode(pcm, []byte{1 << 3}); err != nil || n != 160 || sound.Level(pcm) > sound.Quiet {
		t.Errorf("%d samples of %.1f dBFS, %v", n, sound.Level(pcm), err)
	}
}

// repeated encodes 12 s of speech for a far side that misses a tenth of it.
func repeated(t *testing.T, rate int, fmtp string) [][]byte {
	t.Helper()
	e := mustEncoder(t, opusFormat(t), rate, Options{Fmtp: fmtp})
	defer e.Close()
	if err := e.(Repeater).Loss(10); err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	pcm, step := codectest.Speech(t, rate)[:12*rate], rate/50
	for ; len(pcm) >= step; pcm = pcm[step:] {
		b := make([]byte, 1500)
		n, err := e.Encode(b, pcm[:step])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b[:n])
	}
	return all
}

// TestOpusRecovers loses packets and takes each from the one after it where that
// came; filling them instead is the measure. In Go nothing is recovered.
func TestOpusRecovers(t *testing.T) {
	f := opusFormat(t)
	for _, rate := range rates {
		all, step := repeated(t, rate, "useinbandfec=1"), rate/50
		lost := losses(len(all), 0.1, false, 1)
		lost[len(lost)-1] = false
		run := func(mend bool) (out []int16, taken int) {
			d := mustDecoder(t, f, rate)
			pcm := make([]int16, step)
			for i, p := range all {
				n := 0
				switch {
				case !lost[i]:
					if _, err := d.Decode(pcm, p); err != nil {
						t.Fatal(err)
					}
				case mend && !lost[i+1]:
					n = d.(Recoverer).Recovers(all[i+1])
					fallthrough
				default:
					if n == 0 {
						d.Conceal(pcm)
						break
					}
					if err := d.(Recoverer).Recover(pcm, all[i+1]); err != nil || n != step {
						t.Fatalf("%d samples, %v", n, err)
					}
					taken++
				}
				out = append(out, pcm...)
			}
			return out, taken
		}
		whole, err := play(mustDecoder(t, f, rate), rate, all, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		filled, _ := run(false)
		mended, taken := run(true)
		a, b := hearing.Intelligibility(whole, filled, rate), hearing.Intelligibility(whole, mended, rate)
		t.Logf("%d Hz: intelligibility %.4f filled, %.4f with %d packets recovered", rate, a, b, taken)
		if taken < 40 || 1-b > (1-a)/2 {
			t.Errorf("%d Hz: %d packets recovered; intelligibility %.4f, without %.4f", rate, taken, b, a)
		}
	}
	inGo := f
	inGo.InGo = true
	d := mustDecoder(t, inGo, 8000).(Recoverer)
	for _, p := range repeated(t, 8000, "useinbandfec=1") {
		if d.Recovers(p) != 0 || d.Recover(make([]int16, 160), p) == nil {
			t.Fatal("the decoder in Go recovers")
		}
	}
	d = mustDecoder(t, f, 8000).(Recoverer)
	for _, p := range repeated(t, 8000, "") {
		if d.Recovers(p) != 0 {
			t.Fatal("something is repeated to a far side that did not ask for it")
		}
	}
}

// TestOpusDecodersDoNotLeak has the collector free what libopus works in.
func TestOpusDecodersDoNotLeak(t *testing.T) {
	f := opusFormat(t)
	all := packets(t, f, 48000, Options{}, codectest.Loud(48000, 0.1))
	open := func(n int) {
		for range n {
			if _, err := play(mustDecoder(t, f, 48000), 48000, all, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	open(50)
	before, resident := memory(t)
	open(2000)
	after, residentAfter := memory(t)
	if after > before+1<<20 || residentAfter > resident+20<<20 {
		t.Errorf("2,000 decoders made and forgotten: heap %d to %d octets, process %d to %d", before, after, resident, residentAfter)
	}
}

func TestOpusEncodersDoNotLeak(t *testing.T) {
	f := opusFormat(t)
	pcm, payload := codectest.Loud(48000, 0.02), make([]byte, 1500)
	open := func(n int) {
		for range n {
			e := mustEncoder(t, f, 48000, Options{})
			if _, err := e.Encode(payload, pcm); err != nil {
				t.Fatal(err)
			}
			e.Close()
		}
	}
	open(50)
	before, resident := memory(t)
	open(3000)
	after, residentAfter := memory(t)
	if after > before+1<<20 || residentAfter > resident+20<<20 {
		t.Errorf("3,000 encoders opened and closed: heap %d to %d octets, process %d to %d", before, after, resident, residentAfter)
	}
}

// TestOpusTogether encodes in many goroutines, each its own encoder.
func TestOpusTogether(t *testing.T) {
	f := opusFormat(t)
	pcm := codectest.Speech(t, 8000)[:8000]
	want := packets(t, f, 8000, Options{}, pcm)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			got := packets(t, f, 8000, Options{}, pcm)
			for i := range want {
				if string(got[i]) != string(want[i]) {
					t.Errorf("packet %d differs when encoded at the same time as others", i)
					return
				}
			}
		})
		runtime.Gosched()
	}
	group.Wait()
}

func TestLibrary(t *testing.T) {
	version, err := Library()
	if err != nil || !strings.Contains(version, "libopus") {
		t.Errorf("library %q, %v", version, err)
	}
	e := &opusEncoder{}
	if err := e.Loss(5); !errors.Is(err, errClosed) {
		t.Errorf("telling a closed encoder of loss: %v", err)
	}
	open := mustEncoder(t, opusFormat(t), 8000, Options{Fmtp: "useinbandfec=1"})
	defer open.Close()
	if err := open.(Repeater).Loss(200); err != nil {
		t.Errorf("telling of loss: %v", err)
	}
}

// TestOpusKeepsTheShape encodes the telephone band as it is, which takes no more bits
// than asked for, and as speech only where that is said twice.
func TestOpusKeepsTheShape(t *testing.T) {
	const rate = 8000
	f, pcm := opusFormat(t), longSpeech(t, rate)
	all := packets(t, f, rate, Options{}, pcm)
	octets := 0
	for _, p := range all {
		octets += len(p)
	}
	got, err := play(mustDecoder(t, f, rate), rate, all, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	lag, _ := hearing.Lag(pcm, got, rate/20)
	snr, estoi := hearing.SegmentalSNR(pcm, got[lag:], rate), hearing.Intelligibility(pcm, got[lag:], rate)
	t.Logf("%d bit/s: segmental SNR %.1f dB, ESTOI %.4f", octets*8/30, snr, estoi)
	if snr < 18 || estoi < 0.992 || octets*8/30 > 32000 {
		t.Errorf("%d bit/s: segmental SNR %.1f dB, ESTOI %.4f", octets*8/30, snr, estoi)
	}
	e := mustEncoder(t, f, rate, Options{Fmtp: "useinbandfec=1"})
	defer e.Close()
	b := make([]byte, 1000)
	for _, loss := range []int{0, 10, 0} {
		if err := e.(Repeater).Loss(loss); err != nil {
			t.Fatal(err)
		}
		for n := range 10 { // it changes over within some packets
			size, err := e.Encode(b, pcm[rate+n*160:][:160])
			if err != nil {
				t.Fatal(err)
			}
			if speech := b[0]>>3 < 16; n > 5 && speech != (loss > 0) { // RFC 6716 §3.1
				t.Errorf("%d %% lost: packet %d of %d octets is of configuration %d", loss, n, size, b[0]>>3)
			}
		}
	}
}
