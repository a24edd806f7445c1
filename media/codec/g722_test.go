package codec

import (
	"testing"

	"tandem/media/codec/codectest"
)

// TestG722AgainstFFmpeg compares octet by octet and sample by sample.
func TestG722AgainstFFmpeg(t *testing.T) {
	pcm := codectest.Loud(16000, 4)
	encoder := newG722Encoder()
	ours := make([]byte, len(pcm)/2)
	encoder.encode(ours, pcm)

	theirs := codectest.FFmpeg(t, codectest.LittleEndian(pcm), "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "pipe:0", "-c:a", "g722", "-f", "g722", "pipe:1")
	differ := 0
	for i := range min(len(ours), len(theirs)) {
		if ours[i] != theirs[i] {
			differ++
		}
	}
	if len(theirs) < len(ours) || differ != 0 {
		t.Errorf("%d of %d octets differ from ffmpeg's %d", differ, len(ours), len(theirs))
	}

	decoded := make([]int16, len(pcm))
	decoder := newG722Decoder()
	for at := 0; at < len(ours); at += 160 {
		decoder.decode(decoded[2*at:2*at+320], ours[at:at+160])
	}
	reference := codectest.Samples(codectest.FFmpeg(t, ours, "-f", "g722", "-i", "pipe:0", "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1"))
	if len(reference) != len(decoded) {
		t.Fatalf("ffmpeg decoded %d samples, we %d", len(reference), len(decoded))
	}
	for i, v := range reference {
		if decoded[i] != v {
			t.Fatalf("sample %d is %d, ffmpeg's %d", i, decoded[i], v)
		}
	}
}
