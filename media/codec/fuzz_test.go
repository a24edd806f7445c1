package codec

import (
	"math/rand/v2"
	"testing"

	"tandem/media/codec/codectest"
)

// seeds are packets that codecs made, and some that nobody would.
func seeds(f *testing.F) {
	for _, format := range Formats() {
		for _, o := range []Options{{}, {Fmtp: "useinbandfec=1;usedtx=1"}, {Fmtp: "maxplaybackrate=8000"}, {Bitrate: 64000}} {
			for _, rate := range []int{8000, 48000} {
				for i, p := range packets(f, format, rate, o, codectest.Loud(rate, 1)) {
					if i%17 == 0 && len(p) < 1500 {
						f.Add(p)
					}
				}
			}
		}
	}
	for _, p := range []string{"", "\x00", "\xFF", "\x03", "\x1B\x30", "\x0B\x41\xFF\xFF\xFF", "\x0B\x83\xFC\xFF\x01ab"} {
		f.Add([]byte(p))
	}
}

// tryDecoder feeds what may be anything, between losses and comfort noise, and
// checks what is promised of every answer.
func tryDecoder(t *testing.T, d Decoder, rate int, payload []byte) {
	pcm := make([]int16, rate*maxPacket/1000)
	n := d.Samples(payload)
	if n < 0 || n > len(pcm) {
		t.Fatalf("%d samples", n)
	}
	got, err := d.Decode(pcm, payload)
	if err == nil && got != n {
		t.Fatalf("%d samples, said %d", got, n)
	}
	if err != nil && got != 0 {
		t.Fatalf("%d samples with %v", got, err)
	}
	d.Conceal(pcm[:rate/100])
	_ = d.Comfort(payload)
	d.Conceal(pcm[:rate/100])
	_, _ = d.Decode(pcm, payload)
	r, ok := d.(Recoverer)
	if !ok {
		return
	}
	before := r.Recovers(payload)
	if before != 0 && before != n {
		t.Fatalf("%d samples, and %d of the packet before", n, before)
	}
	if err := r.Recover(pcm, payload); before == 0 && err == nil {
		t.Fatal("recovered what is not there")
	}
}

func FuzzDecoders(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, format := range heard() {
			for _, rate := range rates {
				d, err := format.NewDecoder(rate)
				if err != nil {
					t.Fatal(err)
				}
				tryDecoder(t, d, rate, payload)
			}
		}
	})
}

// FuzzOpusStream keeps one decoder over a stream of packets of any kind, cut
// from the input by lengths in it, so that states meet that no encoder makes.
func FuzzOpusStream(f *testing.F) {
	format := Format{Name: nameOpus, Clock: 48000, Channels: 2, Native: 48000}
	for _, bitrate := range []int{8000, 24000, 64000} {
		var stream []byte
		for _, p := range packets(f, format, 48000, Options{Bitrate: bitrate, Fmtp: "useinbandfec=1"}, codectest.Loud(48000, 0.5)) {
			stream = append(append(stream, byte(min(len(p), 255))), p[:min(len(p), 255)]...)
		}
		f.Add(uint8(bitrate/8000), stream)
	}
	f.Fuzz(func(t *testing.T, at uint8, stream []byte) {
		rate := rates[int(at)%len(rates)]
		var both [2]Decoder
		for i := range both {
			format.InGo = i == 1
			var err error
			if both[i], err = format.NewDecoder(rate); err != nil {
				t.Fatal(err)
			}
		}
		for packet := 0; len(stream) > 0 && packet < 64; packet++ {
			n := min(int(stream[0]), len(stream)-1)
			payload := stream[1 : 1+n]
			tryDecoder(t, both[0], rate, payload)
			tryDecoder(t, both[1], rate, payload)
			if a, b := both[0].Samples(payload), both[1].Samples(payload); a != b {
				t.Fatalf("%x: %d samples, decoded in Go %d", payload, a, b)
			}
			stream = stream[1+n:]
		}
	})
}

func FuzzOpusPacket(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		var p opusFrames
		if !p.parse(payload) {
			return
		}
		if p.count*p.span != opusDuration(payload) {
			t.Fatalf("%d frames of %d µs are not %d", p.count, p.span, opusDuration(payload))
		}
		total := 0
		for _, frame := range p.frames[:p.count] {
			if total += len(frame); len(frame) > maxOpusFrame {
				t.Fatalf("a frame of %d octets", len(frame))
			}
		}
		if total >= len(payload) {
			t.Fatalf("frames of %d octets in a packet of %d", total, len(payload))
		}
	})
}

func FuzzFmtp(f *testing.F) {
	f.Add("maxplaybackrate=16000;usedtx=1; useinbandfec=1;cbr=0;maxaveragebitrate=20000")
	f.Fuzz(func(t *testing.T, s string) {
		for _, v := range settings(48000, Options{Fmtp: s}) {
			if v.request == opusSetBitrate && (v.value < 6000 || v.value > 510000) {
				t.Fatalf("%q: %v", s, v)
			}
		}
	})
}

// TestManyBrokenOpusPackets damages real packets in each way there is; it is
// what a fuzzing engine is slow at, since it starts anew each time.
func TestManyBrokenOpusPackets(t *testing.T) {
	for _, inGo := range []bool{false, true} {
		format := opusFormat(t)
		format.InGo = inGo
		t.Run(title(format), func(t *testing.T) {
			t.Parallel()
			breakPackets(t, format)
		})
	}
}

func breakPackets(t *testing.T, format Format) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, bitrate := range []int{8000, 20000, 32000, 96000} {
		for _, rate := range rates {
			all := packets(t, format, rate, Options{Bitrate: bitrate, Fmtp: "useinbandfec=1"}, codectest.Speech(t, rate)[:3*rate])
			d := mustDecoder(t, format, rate)
			refused := 0
			for i := range 1600 {
				p := append([]byte(nil), all[i%len(all)]...)
				switch i % 4 {
				case 0:
					p = p[:random.IntN(len(p)+1)]
				case 1:
					for range 1 + random.IntN(4) {
						p[random.IntN(len(p))] ^= 1 << random.IntN(8)
					}
				case 2:
					p[0] = byte(random.Uint32())
				case 3:
					for k := range p {
						p[k] = byte(random.Uint32())
					}
				}
				tryDecoder(t, d, rate, p)
				if d.Samples(p) == 0 {
					refused++
				}
			}
			if refused == 1600 {
				t.Fatal("nothing was taken")
			}
		}
	}
}
