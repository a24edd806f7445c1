package route

import (
	"time"

	"tandem/media/codec"
	"tandem/media/sdp"
	"tandem/media/transcode"
)

// Encoding is a codec as a side agreed to it, in a form that can be compared.
type Encoding struct {
	Name            string
	clock, channels int
	fmtp            string
	number          uint8 // what we send it under
}

func encodingOf(c sdp.AgreedCodec) Encoding {
	return Encoding{Name: c.Canonical(), clock: c.ClockRate, channels: c.Channels, fmtp: c.Fmtp, number: c.Send}
}

// Format is how it is coded here; the zero one when it is not known.
func (e Encoding) Format() codec.Format {
	f, _ := codec.Find(e.Name, e.clock, max(e.channels, 1))
	return f
}

// Heard is how what a side says is decoded.
type Heard struct {
	Encoding
	PT         uint8
	cn, Event  uint8 // none where it has none
	eventClock int
}

// Hearing is how to decode the voice a side sends under a number, false when it
// cannot be.
func Hearing(a *sdp.Agreed, number uint8) (Heard, bool) {
	h := Heard{PT: number}
	for _, c := range a.Codecs {
		if c.Receive&0x7f == number || c.Send&0x7f == number {
			h.Encoding = encodingOf(c)
			break
		}
	}
	if h.Format().Name == "" {
		return Heard{}, false
	}
	return h.with(a), true
}

// with adds the keys and the noise on the clock of the voice.
func (h Heard) with(a *sdp.Agreed) Heard {
	h.Event, h.eventClock = EventOf(a, h.clock, Receiving)
	h.cn = NoiseOf(a, h.clock, Receiving)
	return h
}

// Input is where a path begins that decodes it. Opus may be decoded in Go.
func (h Heard) Input(inGo bool) transcode.Input {
	in := transcode.Input{Format: h.Format(), PayloadType: h.PT, CN: h.cn, Event: h.Event, EventClock: h.eventClock}
	in.Format.InGo = inGo
	return in
}

// Said is how something is said to a side.
type Said struct {
	Encoding
	cn, event  uint8 // none where it takes none
	eventClock int
	ptime      int // ms
}

// Saying is how something of our own is said to a side, false when nothing can be.
func Saying(a *sdp.Agreed) (Said, bool) {
	n, ok := Outgoing(a)
	if !ok {
		return Said{}, false
	}
	s := Said{Encoding: encodingOf(a.Codecs[n]), ptime: a.Ptime, cn: None}
	s.event, s.eventClock = EventOf(a, s.clock, sending)
	return s, true
}

// Output is where a path ends that encodes it.
func (s Said) Output(opus codec.Options, send func(b []byte)) transcode.Output {
	return transcode.Output{
		Format: s.Format(), PayloadType: s.number, CN: s.cn, Event: s.event, EventClock: s.eventClock,
		Ptime: time.Duration(s.ptime) * time.Millisecond, Fmtp: s.fmtp, Opus: opus, Send: send,
	}
}

// Conversion is all a path that converts depends on: when it stays the same across
// a re-INVITE, so does the path.
type Conversion struct {
	In     Heard
	Out    Said
	Inband bool // keys are listened for in the sound
	Keys   bool // made for key events alone; all voice goes through
}

// Conversion is what voice needs that one side sends to another under a number,
// false when it needs none. pressed says that it has sent key events: where the
// other side has none they become tones. inband wants keys listened for.
func (t *Table) Conversion(from, to *sdp.Agreed, number uint8, pressed, inband bool) (Conversion, bool) {
	if from.Kind != "audio" || number == None {
		return Conversion{}, false
	}
	r := t[number]
	out, ok := Outgoing(to)
	if !ok || r.Verb != Pass && r.Verb != Convert {
		return Conversion{}, false
	}
	voice := from.Codecs[r.Codec]
	k := Conversion{In: Heard{Encoding: encodingOf(voice), PT: number}.with(from)}
	spoken := to.Codecs[out]
	if r.Verb == Pass {
		// Only for keys: to the same format it came in.
		if k.In.Event == None || t[k.In.Event].Verb != Key || t[k.In.Event].ToClock != 0 || !pressed {
			return Conversion{}, false
		}
		if _, ok := Convertible(voice.Codec); !ok {
			return Conversion{}, false
		}
		for _, c := range to.Codecs {
			if c.Send == r.To {
				spoken = c
			}
		}
		k.Keys = true
	}
	k.Out = Said{Encoding: encodingOf(spoken), ptime: to.Ptime}
	k.Out.event, k.Out.eventClock = EventOf(to, spoken.ClockRate, sending)
	k.Out.cn = NoiseOf(to, spoken.ClockRate, sending)
	k.Inband = inband && k.In.Event == None
	return k, true
}
