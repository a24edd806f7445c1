package codectest

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"testing"
)

// FFmpeg runs it on standard input. It is needed: a G.722 that only agrees
// with itself proves nothing.
func FFmpeg(t *testing.T, in []byte, arguments ...string) []byte {
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

func LittleEndian(pcm []int16) []byte {
	b := make([]byte, 0, 2*len(pcm))
	for _, v := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

func Samples(b []byte) []int16 {
	pcm := make([]int16, len(b)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return pcm
}
