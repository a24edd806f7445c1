package softphone

import (
	"fmt"
	"strings"
	"time"

	"github.com/emiago/diago/media"

	"tandem/media/codec"
	"tandem/media/sound"
)

// voice is a codec as the phone speaks and hears it. The phone itself has all
// audio at sound.Rate.
type voice struct {
	media.Codec
	format codec.Format
	step   int // RTP clock units per sample of the phone's
}

// opus is under the dynamic number that most phones use.
var opus = media.Codec{PayloadType: 111, SampleRate: 48000, SampleDur: 20 * time.Millisecond, NumChannels: 2, Name: "opus"}

// eventsOfOpus are keys on the clock of Opus: all payloads of a stream that
// share its timestamps should share its clock (RFC 4733 §2.1).
var eventsOfOpus = media.Codec{PayloadType: 110, SampleRate: 48000, SampleDur: 20 * time.Millisecond, NumChannels: 1, Name: "telephone-event"}

// newVoice finds out how to convert a codec.
func newVoice(c media.Codec) (voice, error) {
	f, ok := codec.Find(c.Name, int(c.SampleRate), c.NumChannels)
	if !ok {
		return voice{}, fmt.Errorf("cannot encode codec %s", c.Name)
	}
	return voice{Codec: c, format: f, step: int(c.SampleRate) / sound.Rate}, nil
}

// codecs reads what the phone offers, in order of liking.
func codecs(names []string) ([]media.Codec, error) {
	out := []media.Codec{}
	narrow := false
	for _, name := range names {
		switch strings.ToUpper(name) {
		case "PCMU":
			out, narrow = append(out, media.CodecAudioUlaw), true
		case "PCMA":
			out, narrow = append(out, media.CodecAudioAlaw), true
		case "OPUS":
			if _, err := codec.Library(); err != nil {
				return nil, fmt.Errorf("opus: %w", err)
			}
			out = append(out, opus, eventsOfOpus)
		default:
			return nil, fmt.Errorf("codec %q is unknown; use PCMU, PCMA or opus", name)
		}
	}
	if len(out) == 0 {
		out, narrow = append(out, media.CodecAudioUlaw, media.CodecAudioAlaw), true
	}
	if narrow {
		out = append(out, media.CodecTelephoneEvent8000)
	}
	return out, nil
}
