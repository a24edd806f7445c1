package sound

import (
	"fmt"
	"io"
	"os"
)

// maxWAV bounds what ReadWAV loads, in octets: an hour of telephone audio.
const maxWAV = 3600 * Rate * 2

// ReadWAV loads a file at Rate. Several channels are mixed to one.
func ReadWAV(path string) ([]int16, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading audio: %w", err)
	}
	defer f.Close()
	s, err := decodeWAV(f)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return s, nil
}

// decodeWAV is ReadWAV from a stream.
func decodeWAV(r io.Reader) ([]int16, error) { return DecodeWAVAt(Rate, r) }

// DecodeWAVAt is DecodeWAV to a rate; it loads no more than 28,800,000 samples.
func DecodeWAVAt(rate int, r io.Reader) ([]int16, error) {
	w, err := NewReader(r)
	if err != nil {
		return nil, err
	}
	convert := NewResampler(w.Rate(), rate)
	var out []int16
	part := make([]int16, 4096)
	for n := len(part); n == len(part) && len(out) < maxWAV/2; {
		n = w.Read(part)
		out = convert.Append(out, part[:n])
	}
	out = convert.Flush(out)
	return out[:min(len(out), maxWAV/2)], w.Err()
}

// WriteWAV saves s at Rate as 16-bit PCM.
func WriteWAV(path string, s []int16) error { return WriteWAVAt(path, Rate, s) }

// WriteWAVAt is WriteWAV at a rate.
func WriteWAVAt(path string, rate int, s []int16) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing audio: %w", err)
	}
	defer f.Close()
	w, err := newWriter(f, rate, 1)
	if err == nil {
		if err = w.Write(s); err == nil {
			err = w.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("writing audio: %w", err)
	}
	return f.Close()
}
