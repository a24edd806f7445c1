package codec

import (
	"fmt"
	"testing"
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
				pcm, dst, step := loud(rate, 4), make([]byte, 2000), rate/50
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
				all := packets(b, f, rate, Options{}, loud(rate, 4))
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
			all := packets(b, f, said, Options{Bitrate: 24000, Complexity: 10}, speech(b, said)[:8*said])
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
		pcm, step := speech(b, rate)[:8*rate], rate/50
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

// BenchmarkConceal is a lost frame of 20 ms and the good one after it.
func BenchmarkConceal(b *testing.B) {
	for _, rate := range []int{8000, 16000, 48000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			c, pcm, step := newConcealer(rate), loud(rate, 4), rate/50
			frame := make([]int16, step)
			b.ReportAllocs()
			at := 0
			for b.Loop() {
				copy(frame, pcm[at:at+step])
				c.good(frame)
				c.lost(frame)
				if at += step; at+step > len(pcm) {
					at = 0
				}
			}
		})
	}
}

// BenchmarkResample is a frame of 20 ms.
func BenchmarkResample(b *testing.B) {
	for _, pair := range [][2]int{{8000, 16000}, {8000, 48000}, {16000, 48000}, {48000, 16000}, {48000, 8000}, {16000, 8000}} {
		b.Run(fmt.Sprintf("%d-%d", pair[0], pair[1]), func(b *testing.B) {
			r := NewResampler(pair[0], pair[1])
			in, out := loud(pair[0], 0.02), make([]int16, pair[1]/50)
			b.ReportAllocs()
			for b.Loop() {
				r.Process(out, in)
			}
		})
	}
}
