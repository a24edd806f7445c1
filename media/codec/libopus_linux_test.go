//go:build linux && (amd64 || arm64) && !nolibopus

package codec

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"

	"tandem/media/codec/codectest"
	"tandem/media/sound"
	"tandem/test/hearing"
)

// reference are functions of libopus that only tests need.
type reference struct {
	lib    *libopus
	parse  uintptr // opus_packet_parse
	frames uintptr // opus_packet_get_nb_samples
}

func libopusReference(t *testing.T) reference {
	t.Helper()
	lib, err := openLibrary()
	if err != nil {
		t.Fatal(err)
	}
	handle, err := purego.Dlopen(lib.name, purego.RTLD_NOW)
	if err != nil {
		t.Fatal(err)
	}
	r := reference{lib: lib}
	for name, to := range map[string]*uintptr{
		"opus_packet_parse": &r.parse, "opus_packet_get_nb_samples": &r.frames,
	} {
		if *to, err = purego.Dlsym(handle, name); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// TestOpusPacketsAgainstLibopus parses 200,000 packets with both.
func TestOpusPacketsAgainstLibopus(t *testing.T) {
	r := libopusReference(t)
	random := rand.New(rand.NewPCG(8, 8))
	var p opusFrames
	sizes := new([48]int16)
	taken := 0
	for range 200_000 {
		payload := make([]byte, 1+random.IntN(40))
		if random.IntN(50) == 0 {
			payload = make([]byte, 1000+random.IntN(1700))
		}
		for i := range payload {
			payload[i] = byte(random.Uint32())
			if i > 0 && random.IntN(3) == 0 { // small numbers, that lengths fit
				payload[i] &= 3
			}
		}
		ok := p.parse(payload)
		result, _, _ := purego.SyscallN(r.parse, uintptr(unsafe.Pointer(&payload[0])), uintptr(len(payload)), 0, 0, uintptr(unsafe.Pointer(sizes)), 0)
		runtime.KeepAlive(payload)
		if theirs := int(int32(result)); ok != (theirs > 0) {
			t.Fatalf("%x: taken %v, libopus says %d", payload, ok, theirs)
		}
		if !ok {
			continue
		}
		taken++
		for i, f := range p.frames[:p.count] {
			if len(f) != int(sizes[i]) {
				t.Fatalf("%x: frame %d has %d octets, libopus says %d", payload, i, len(f), sizes[i])
			}
		}
		result, _, _ = purego.SyscallN(r.frames, uintptr(unsafe.Pointer(&payload[0])), uintptr(len(payload)), 48000)
		if int(int32(result)) != opusDuration(payload)*48/1000 {
			t.Fatalf("%x: %d µs, libopus says %d samples", payload, opusDuration(payload), int32(result))
		}
	}
	if taken < 20_000 {
		t.Errorf("only %d packets were lawful", taken)
	}
}

// play decodes packets of 20 ms with libopus, which fills what was lost itself.
func (r reference) play(t *testing.T, rate int, all [][]byte, lost []bool) []int16 {
	t.Helper()
	state, err := r.lib.decoder(rate)
	if err != nil {
		t.Fatal(err)
	}
	step := rate / 50
	out := make([]int16, len(all)*step)
	for i, p := range all {
		var at uintptr
		length := len(p)
		if lost != nil && lost[i] {
			length = 0
		} else {
			at = uintptr(unsafe.Pointer(&p[0]))
		}
		result, _, _ := purego.SyscallN(r.lib.hear, uintptr(unsafe.Pointer(&state[0])), at, uintptr(length),
			uintptr(unsafe.Pointer(&out[i*step])), uintptr(step), 0)
		if int(int32(result)) != step {
			t.Fatalf("libopus decoded %d samples", int32(result))
		}
	}
	runtime.KeepAlive(all)
	return out
}

// TestOpusAgainstLibopus compares what is decoded in Go with libopus, and what
// we fill losses with: libopus knows the inside of its codec, which we do not, so
// it may do a little better.
func TestOpusAgainstLibopus(t *testing.T) {
	r := libopusReference(t)
	f := opusFormat(t)
	f.InGo = true
	for _, c := range []struct {
		rate  int
		alike float64 // dB of SNR without loss
	}{{8000, 45}, {16000, 45}, {48000, 45}} {
		spoken := codectest.Speech(t, c.rate)
		spoken = spoken[:12*c.rate]
		all := packets(t, f, c.rate, Options{}, spoken)
		ours, err := play(mustDecoder(t, f, c.rate), c.rate, all, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		theirs := r.play(t, c.rate, all, nil)
		if snr := hearing.SNR(theirs, ours); snr < c.alike {
			t.Errorf("%d Hz: SNR against libopus %.1f dB, want %v", c.rate, snr, c.alike)
		}
		for _, bursts := range []bool{false, true} {
			lost := losses(len(all), 0.05, bursts, 1)
			d := mustDecoder(t, f, c.rate)
			filled, err := play(d, c.rate, all, lost, d.Conceal)
			if err != nil {
				t.Fatal(err)
			}
			we := hearing.Intelligibility(ours, filled, c.rate)
			they := hearing.Intelligibility(theirs, r.play(t, c.rate, all, lost), c.rate)
			t.Logf("%d Hz, 5 %% lost, bursts %v: intelligibility %.4f, libopus %.4f", c.rate, bursts, we, they)
			if we < they-0.015 {
				t.Errorf("%d Hz, bursts %v: intelligibility %.4f, libopus %.4f", c.rate, bursts, we, they)
			}
		}
	}
}

// TestOpusStereoBecomesMono encodes one ear louder than the other.
func TestOpusStereoBecomesMono(t *testing.T) {
	r := libopusReference(t)
	size, _, _ := purego.SyscallN(r.lib.size, 2)
	e := &opusEncoder{library: r.lib, state: make([]byte, int32(size)), rate: 48000}
	result, _, _ := purego.SyscallN(r.lib.init, uintptr(unsafe.Pointer(&e.state[0])), 48000, 2, opusApplicationVoIP)
	if err := r.lib.fail(result); err != nil {
		t.Fatal(err)
	}
	if err := r.lib.set(e.state, opusSetBitrate, 64000); err != nil {
		t.Fatal(err)
	}
	f := opusFormat(t)
	for i, rate := range append(rates, rates...) {
		f.InGo = i >= len(rates)
		d := mustDecoder(t, f, rate)
		in := codectest.Sine(48000, 1004, 8000, 1)
		var out []int16
		pcm := make([]int16, rate/50)
		for at := 0; at+960 <= len(in); at += 960 {
			for i, v := range in[at : at+960] {
				e.in[2*i], e.in[2*i+1] = v, v/2
			}
			n, err := r.lib.encode(e, 960, len(e.out))
			if err != nil {
				t.Fatal(err)
			}
			if e.out[0]&4 == 0 {
				t.Fatal("libopus made a mono packet")
			}
			if _, err := d.Decode(pcm, e.out[:n]); err != nil {
				t.Fatal(err)
			}
			out = append(out, pcm...)
		}
		want := sound.Level(codectest.Sine(rate, 1004, 6000, 1))
		if got := sound.Level(out[rate/5:]); got < want-0.5 || got > want+0.5 {
			t.Errorf("%d Hz: the two ears together are at %.2f dBFS, want %.2f", rate, got, want)
		}
	}
}

func TestLibraryNotThere(t *testing.T) {
	_, err := load("libopus.so.999", "nothing-of-the-kind.so")
	if err == nil || !strings.Contains(err.Error(), "not installed") || !strings.Contains(err.Error(), "nothing-of-the-kind.so") {
		t.Errorf("error %v", err)
	}
	// A library that is there but is another one.
	if _, err := load("libc.so.6"); err == nil || !strings.Contains(err.Error(), "libc.so.6") {
		t.Errorf("error %v", err)
	}
	lib, err := openLibrary()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lib.encoder(12345, opusApplicationVoIP); err == nil || errors.Is(err, ErrNoEncoder) || !strings.Contains(err.Error(), "invalid argument") {
		t.Errorf("an encoder at 12,345 Hz: %v", err)
	}
}
