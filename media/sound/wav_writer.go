package sound

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

const headerSize = 44

// errFull means that a WAV file has reached the size that fits its header, 4 GiB.
var errFull = errors.New("the WAV file has reached 4 GiB")

// File is what a Writer writes to; *os.File is one.
type File interface {
	io.Writer
	io.WriterAt
}

// Writer writes a WAV file of 16-bit PCM as a stream. It writes the size into the header
// after each second of sound, so that the file can be played while it grows and after a
// crash.
type Writer struct {
	f        File
	rate     int
	channels int
	size     uint32 // octets of sound written
	told     uint32 // as the header says
	buffer   []byte
	err      error
}

// newWriter begins a file, which must be empty.
func newWriter(f File, rate, channels int) (*Writer, error) {
	if rate < 1000 || rate > maxRate || channels < 1 || channels > maxChannels {
		return nil, fmt.Errorf("writing audio: %d channels at %d Hz", channels, rate)
	}
	w := &Writer{f: f, rate: rate, channels: channels}
	le := binary.LittleEndian
	b := append(make([]byte, 0, headerSize), "RIFF\x00\x00\x00\x00WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, formatPCM)
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(2*rate*channels))
	b = le.AppendUint16(b, uint16(2*channels))
	b = le.AppendUint16(b, 16)
	b = append(b, "data\x00\x00\x00\x00"...)
	le.PutUint32(b[4:], headerSize-8)
	if _, err := f.Write(b); err != nil {
		return nil, err
	}
	return w, nil
}

// Write appends samples, those of several channels side by side, in whole
// frames. After an error nothing more is written.
func (w *Writer) Write(pcm []int16) error {
	if w.err != nil {
		return w.err
	}
	if len(pcm)%w.channels != 0 {
		return fmt.Errorf("writing audio: %d samples for %d channels", len(pcm), w.channels)
	}
	for len(pcm) > 0 && w.err == nil {
		n := min(len(pcm), 4096*w.channels)
		if uint64(w.size)+2*uint64(n) > math.MaxUint32-headerSize {
			w.err = errFull
			break
		}
		w.buffer = w.buffer[:0]
		for _, v := range pcm[:n] {
			w.buffer = binary.LittleEndian.AppendUint16(w.buffer, uint16(v))
		}
		done, err := w.f.Write(w.buffer)
		w.size += uint32(max(done, 0))
		w.err = err
		pcm = pcm[n:]
	}
	if w.err == nil && w.size-w.told >= uint32(2*w.rate*w.channels) {
		w.err = w.tell()
	}
	return w.err
}

// tell writes the size into the header.
func (w *Writer) tell() error {
	var b [4]byte
	size := w.size - w.size%uint32(2*w.channels) // a frame cut off by a full disk does not count
	binary.LittleEndian.PutUint32(b[:], headerSize-8+size)
	if _, err := w.f.WriteAt(b[:], 4); err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(b[:], size)
	if _, err := w.f.WriteAt(b[:], 40); err != nil {
		return err
	}
	w.told = w.size
	return nil
}

// Size returns how many octets of sound were written.
func (w *Writer) Size() int64 { return int64(w.size) }

// Close writes the size into the header, also after an error, and returns the first
// error. It leaves the file open.
func (w *Writer) Close() error {
	if err := w.tell(); err != nil && w.err == nil {
		w.err = err
	}
	return w.err
}
