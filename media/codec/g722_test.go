package codec

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"testing"
)

// ffmpeg runs it on standard input. It is needed: a G.722 that only agrees
// with itself proves nothing.
func ffmpeg(t *testing.T, in []byte, arguments ...string) []byte {
	t.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-nostdin", "-hide_banner", "-loglevel", "error"}, arguments...)...)
	cmd.Stdin = bytes.NewReader(in)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg, which this test needs: %v\n%s", err, problem.String())
	}
	return out.Bytes()
}

func littleEndian(pcm []int16) []byte {
	b := make([]byte, 0, 2*len(pcm))
	for _, v := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

func samples(b []byte) []int16 {
	pcm := make([]int16, len(b)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return pcm
}

// TestG722AgainstFFmpeg compares octet by octet and sample by sample.
func TestG722AgainstFFmpeg(t *testing.T) {
	pcm := loud(16000, 4)
	encoder := newG722Encoder()
	ours := make([]byte, len(pcm)/2)
	encoder.encode(ours, pcm)

	theirs := ffmpeg(t, littleEndian(pcm), "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "pipe:0", "-c:a", "g722", "-f", "g722", "pipe:1")
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
	reference := samples(ffmpeg(t, ours, "-f", "g722", "-i", "pipe:0", "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1"))
	if len(reference) != len(decoded) {
		t.Fatalf("ffmpeg decoded %d samples, we %d", len(reference), len(decoded))
	}
	for i, v := range reference {
		if decoded[i] != v {
			t.Fatalf("sample %d is %d, ffmpeg's %d", i, decoded[i], v)
		}
	}
}
