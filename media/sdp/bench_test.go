package sdp

import (
	"os"
	"strings"
	"testing"
)

func BenchmarkParseAppend(b *testing.B) {
	for _, name := range []string{"ios2002-offer.sdp", "chromium-offer.sdp"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(strings.TrimSuffix(name, "-offer.sdp"), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			out := make([]byte, 0, 2*len(text))
			for b.Loop() {
				d, err := Parse(text)
				if err != nil {
					b.Fatal(err)
				}
				out = d.Append(out[:0])
			}
		})
	}
}

// What is read is not many times what was sent.
func TestHostileIsNotLarge(t *testing.T) {
	s := call("m=audio 4000 RTP/AVP 96 97 98 99") + strings.Repeat("a=rtcp-fb:* nack\r\n", 1500) + strings.Repeat("a=fmtp:96 abcdef\r\n", 1500)
	c := parsed(t, s).Media[0].Codecs[0]
	if len(c.Feedback) > 32 || len(c.Fmtp) > 4096 {
		t.Errorf("%d kinds of feedback, %d octets of fmtp", len(c.Feedback), len(c.Fmtp))
	}
}
