package media

import (
	"bytes"
	"fmt"
	"os/exec"

	"tandem/media/codec"
	"tandem/media/sound"
)

const text = "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. " +
	"It is easy to tell the depth of a well. These days a chicken leg is a rare dish."

// speech is the same seconds of a voice in both codecs, packet by packet.
type speech struct{ pcmu, opus, narrow [][]byte }

// speak makes it: espeak-ng's voice, encoded once by our codecs. Opus is as a
// softphone sends it: 24 kbit/s of up to 20 kHz or, to who asks for no more, of
// up to 4 kHz (RFC 7587 §6.1, maxplaybackrate).
func speak() (*speech, error) {
	wav, err := exec.Command("espeak-ng", "--stdout", text).Output()
	if err != nil {
		return nil, fmt.Errorf("a voice to convert: %w; install it with: apt-get install espeak-ng", err)
	}
	var s speech
	if s.pcmu, err = encode(wav, "PCMU", 8000, 1, 8000); err == nil {
		s.opus, err = encode(wav, "opus", 48000, 2, 48000)
	}
	if err == nil {
		s.narrow, err = encode(wav, "opus", 48000, 2, 8000)
	}
	return &s, err
}

func encode(wav []byte, name string, clock, channels, rate int) ([][]byte, error) {
	pcm, err := sound.DecodeWAVAt(rate, bytes.NewReader(wav))
	if err != nil {
		return nil, err
	}
	f, _ := codec.Find(name, clock, channels)
	e, err := f.NewEncoder(rate, codec.Options{Bitrate: 24000, Complexity: 10, Ptime: 20})
	if err != nil {
		return nil, err
	}
	defer e.Close()
	var out [][]byte
	for n := rate / 50; len(pcm) >= n; pcm = pcm[n:] {
		b := make([]byte, maxSize)
		size, err := e.Encode(b, pcm[:n])
		if err != nil {
			return nil, err
		}
		if size > 0 {
			out = append(out, b[:size])
		}
	}
	return out, nil
}
