package sound

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxWAV bounds what ReadWAV loads: an hour of telephone audio.
const maxWAV = 3600 * Rate * 2

// WAV format codes.
const (
	formatPCM        = 1
	formatExtensible = 0xFFFE
)

var errNotWAV = errors.New("not a WAV file of 16-bit PCM; convert it: sox in.wav -r 8000 -c 1 -b 16 out.wav")

// ReadWAV loads a 16-bit PCM file. Several channels are mixed to one; other
// rates are converted by linear interpolation, good enough for speech.
func ReadWAV(path string) ([]int16, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading audio: %w", err)
	}
	defer f.Close()
	s, err := DecodeWAV(f)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return s, nil
}

// DecodeWAV is ReadWAV from a stream.
func DecodeWAV(r io.Reader) ([]int16, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, errNotWAV
	}
	var channels, rate int
	for {
		var chunk [8]byte
		if _, err := io.ReadFull(r, chunk[:]); err != nil {
			return nil, errNotWAV
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch string(chunk[:4]) {
		case "fmt ":
			if size > 1024 {
				return nil, errNotWAV
			}
			b := make([]byte, size+size&1)
			if _, err := io.ReadFull(r, b); err != nil || size < 16 {
				return nil, errNotWAV
			}
			format := binary.LittleEndian.Uint16(b)
			channels = int(binary.LittleEndian.Uint16(b[2:]))
			rate = int(binary.LittleEndian.Uint32(b[4:]))
			bits := binary.LittleEndian.Uint16(b[14:])
			if format != formatPCM && format != formatExtensible || bits != 16 || channels < 1 || channels > 8 || rate < 1000 || rate > 192000 {
				return nil, errNotWAV
			}
		case "data":
			if channels == 0 {
				return nil, errNotWAV
			}
			// A size of all ones comes from programs that could not seek.
			b, err := io.ReadAll(io.LimitReader(r, min(size, maxWAV*24*8)))
			if err != nil {
				return nil, err
			}
			s := resample(mix(b, channels), rate)
			if len(s) > maxWAV/2 {
				s = s[:maxWAV/2]
			}
			return s, nil
		default:
			if _, err := io.CopyN(io.Discard, r, size+size&1); err != nil {
				return nil, errNotWAV
			}
		}
	}
}

func mix(b []byte, channels int) []int16 {
	out := make([]int16, len(b)/2/channels)
	for i := range out {
		sum := 0
		for c := range channels {
			sum += int(int16(binary.LittleEndian.Uint16(b[2*(i*channels+c):])))
		}
		out[i] = int16(sum / channels)
	}
	return out
}

func resample(s []int16, rate int) []int16 {
	if rate == Rate || len(s) < 2 {
		return s
	}
	out := make([]int16, int(int64(len(s))*Rate/int64(rate)))
	for i := range out {
		x := float64(i) * float64(rate) / Rate
		k := min(int(x), len(s)-2)
		part := x - float64(k)
		out[i] = int16(float64(s[k])*(1-part) + float64(s[k+1])*part)
	}
	return out
}

// WriteWAV saves s as 16-bit PCM.
func WriteWAV(path string, s []int16) error {
	var b bytes.Buffer
	size := uint32(2 * len(s))
	b.WriteString("RIFF")
	for _, v := range []any{36 + size, []byte("WAVEfmt "), uint32(16), uint16(formatPCM), uint16(1),
		uint32(Rate), uint32(2 * Rate), uint16(2), uint16(16), []byte("data"), size, s} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			return err
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing audio: %w", err)
	}
	return nil
}
