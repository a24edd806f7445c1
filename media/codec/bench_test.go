package codec

import (
	"fmt"
	"testing"

	"tandem/media/codec/codectest"
)

// packets encodes audio into 20 ms payloads.
func packets(t testing.TB, f Format, rate int, o Options, pcm []int16) [][]byte {
	t.Helper()
	e, err := f.NewEncoder(rate, o)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var all [][]byte
	buffer := make([]byte, 2000)
	for step := rate / 50; len(pcm) >= step; pcm = pcm[step:] {
		n, err := e.Encode(buffer, pcm[:step])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, append([]byte(nil), buffer[:n]...))
	}
	return all
}

// BenchmarkEncode is a frame of 20 ms.
func BenchmarkEncode(b *testing.B) {
	for _, f := range Formats() {
		for _, rate := range []int{8000, 16000, 48000} {
			b.Run(fmt.Sprintf("%s-%d/%d", f.Name, f.Native, rate), func(b *testing.B) {
				e, err := f.NewEncoder(rate, Options{})
				if err != nil {
					b.Fatal(err)
				}
				defer e.Close()
				pcm, dst, step := codectest.Loud(rate, 4), make([]byte, 2000), rate/50
				b.ReportAllocs()
				at := 0
				for b.Loop() {
					if _, err := e.Encode(dst, pcm[at:at+step]); err != nil {
						b.Fatal(err)
					}
					if at += step; at+step > len(pcm) {
						at = 0
					}
				}
			})
		}
	}
}

// BenchmarkDecode is a frame of 20 ms.
func BenchmarkDecode(b *testing.B) {
	for _, f := range heard() {
		for _, rate := range []int{8000, 16000, 48000} {
			b.Run(fmt.Sprintf("%s/%d", title(f), rate), func(b *testing.B) {
				all := packets(b, f, rate, Options{}, codectest.Loud(rate, 4))
				d, err := f.NewDecoder(rate)
				if err != nil {
					b.Fatal(err)
				}
				pcm := make([]int16, rate*maxPacket/1000)
				b.ReportAllocs()
				at := 0
				for b.Loop() {
					if _, err := d.Decode(pcm, all[at]); err != nil {
						b.Fatal(err)
					}
					at = (at + 1) % len(all)
				}
			})
		}
	}
}

// BenchmarkDecodeOpus is a frame of 20 ms as phones send it, by the rate they
// speak at and the rate that is wanted.
func BenchmarkDecodeOpus(b *testing.B) {
	for _, inGo := range []bool{false, true} {
		f := opusFormat(b)
		f.InGo = inGo
		for _, said := range []int{8000, 16000, 48000} {
			all := packets(b, f, said, Options{Bitrate: 24000, Complexity: 10}, codectest.Speech(b, said)[:8*said])
			for _, rate := range []int{8000, 16000, 48000} {
				b.Run(fmt.Sprintf("%s/%d-%d", title(f), said, rate), func(b *testing.B) {
					d, pcm := mustDecoder(b, f, rate), make([]int16, rate*maxPacket/1000)
					b.ReportAllocs()
					at := 0
					for b.Loop() {
						if _, err := d.Decode(pcm, all[at]); err != nil {
							b.Fatal(err)
						}
						at = (at + 1) % len(all)
					}
				})
			}
		}
	}
}

// BenchmarkEncodeOpus is a frame of 20 ms of speech by complexity.
func BenchmarkEncodeOpus(b *testing.B) {
	for _, rate := range []int{8000, 16000, 48000} {
		pcm, step := codectest.Speech(b, rate)[:8*rate], rate/50
		for complexity := 1; complexity <= 10; complexity++ {
			b.Run(fmt.Sprintf("%d/%d", rate, complexity), func(b *testing.B) {
				e := mustEncoder(b, opusFormat(b), rate, Options{Bitrate: 24000, Complexity: complexity})
				defer e.Close()
				dst, at := make([]byte, 2000), 0
				b.ReportAllocs()
				for b.Loop() {
					if _, err := e.Encode(dst, pcm[at:at+step]); err != nil {
						b.Fatal(err)
					}
					at = (at + step) % len(pcm)
				}
			})
		}
	}
}
