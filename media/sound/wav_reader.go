package sound

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"github.com/zaf/g711"
)

// WAV format codes.
const (
	formatPCM        = 1
	formatALaw       = 6
	formatULaw       = 7
	formatExtensible = 0xFFFE
)

// errWAV means that a file is not a WAV file, or is of a kind that cannot be played.
var errWAV = errors.New("not a WAV file of 16-bit PCM, A-law or µ-law; convert it: ffmpeg -i in.wav -ar 8000 -ac 1 -c:a pcm_s16le out.wav")

const (
	maxChannels = 8
	maxRate     = 192000
)

// Reader reads a WAV file as a stream: 16-bit PCM, A-law or µ-law at any rate.
// It needs a few kilobytes, however long the file is.
type Reader struct {
	r        *bufio.Reader
	format   int
	channels int
	rate     int
	left     int64 // octets of the data chunk, -1 to the end of the file
	frames   int64 // in all, -1 unknown
	err      error
	frame    [maxChannels]int16
}

// NewReader reads the header of a WAV file up to its sound.
func NewReader(r io.Reader) (*Reader, error) {
	w := &Reader{r: bufio.NewReader(r)}
	var head [12]byte
	if _, err := io.ReadFull(w.r, head[:]); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, errWAV
	}
	for {
		var chunk [8]byte
		if _, err := io.ReadFull(w.r, chunk[:]); err != nil {
			return nil, errWAV
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch string(chunk[:4]) {
		case "fmt ":
			if err := w.readFormat(size); err != nil {
				return nil, err
			}
		case "data":
			if w.channels == 0 {
				return nil, errWAV
			}
			w.left, w.frames = size, size/int64(w.block())
			// Programs that cannot seek, or died, leave all ones or nothing.
			if size == 0 || size == 0xFFFFFFFF {
				w.left, w.frames = -1, -1
			}
			return w, nil
		default:
			if _, err := io.CopyN(io.Discard, w.r, size+size&1); err != nil {
				return nil, errWAV
			}
		}
	}
}

func (w *Reader) readFormat(size int64) error {
	if size < 16 || size > 1024 {
		return errWAV
	}
	b := make([]byte, size+size&1)
	if _, err := io.ReadFull(w.r, b); err != nil {
		return errWAV
	}
	w.format = int(binary.LittleEndian.Uint16(b))
	w.channels = int(binary.LittleEndian.Uint16(b[2:]))
	w.rate = int(binary.LittleEndian.Uint32(b[4:]))
	bits := binary.LittleEndian.Uint16(b[14:])
	if w.format == formatExtensible {
		if size < 26 {
			return errWAV
		}
		w.format = int(binary.LittleEndian.Uint16(b[24:])) // the sub-format's first octets
	}
	want := uint16(16)
	switch w.format {
	case formatALaw, formatULaw:
		want = 8
	case formatPCM:
	default:
		return errWAV
	}
	if bits != want || w.channels < 1 || w.channels > maxChannels || w.rate < 1000 || w.rate > maxRate {
		return errWAV
	}
	return nil
}

// block returns the size of one sample of all channels, in octets.
func (w *Reader) block() int {
	if w.format == formatPCM {
		return 2 * w.channels
	}
	return w.channels
}

// Rate returns the rate of the file, in samples a second.
func (w *Reader) Rate() int { return w.rate }

// Frames returns how many samples each channel has by the header, or -1 when the header
// does not say. The file may be shorter.
func (w *Reader) Frames() int64 { return w.frames }

// Err returns the error that ended reading before the end, or nil.
func (w *Reader) Err() error { return w.err }

// Read implements Source at the file's rate; several channels are mixed.
func (w *Reader) Read(pcm []int16) int {
	for i := range pcm {
		if !w.next() {
			return i
		}
		sum := 0
		for _, v := range w.frame[:w.channels] {
			sum += int(v)
		}
		pcm[i] = int16(sum / w.channels)
	}
	return len(pcm)
}

// next reads one sample of each channel.
func (w *Reader) next() bool {
	size := w.block()
	if w.err != nil || w.left >= 0 && w.left < int64(size) {
		return false
	}
	b, err := w.r.Peek(size)
	if err != nil {
		if err != io.EOF {
			w.err = err
		}
		w.left = 0
		return false
	}
	for c := range w.channels {
		switch w.format {
		case formatALaw:
			w.frame[c] = g711.DecodeAlawFrame(b[c])
		case formatULaw:
			w.frame[c] = g711.DecodeUlawFrame(b[c])
		default:
			w.frame[c] = int16(binary.LittleEndian.Uint16(b[2*c:]))
		}
	}
	_, _ = w.r.Discard(size) // it was peeked
	if w.left > 0 {
		w.left -= int64(size)
	}
	return true
}
