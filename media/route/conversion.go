package route

import (
	"time"

	"tandem/media/codec"
	"tandem/media/sdp/exchange"
	"tandem/media/transcode"
)

// Encoding is a codec as a side agreed to it, in a form that can be compared.
type Encoding struct {
	Name            string
	clock, channels int
	fmtp            string
	number          uint8 // what we send it under
}

func encodingOf(c exchange.AgreedCodec) Encoding {
	return Encoding{Name: c.Canonical(), clock: c.ClockRate, channels: c.Channels, fmtp: c.Fmtp, number: c.Send}
}

// Format is how it is coded here; the zero one when it is not known.
func (e Encoding) Format() codec.Format {
	f, _ := codec.Find(e.Name, e.clock, max(e.channels, 1))
	return f
}

// Heard describes how to decode what a side says.
type Heard struct {
	Encoding
	PT         uint8
	cn, Event  uint8 // none where it has none
	eventClock int
}

// Hearing returns how to decode the voice that a side sends with a number, or false
// when that is impossible.
func Hearing(a *exchange.Agreed, number uint8) (Heard, bool) {
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

// with adds the keys and the comfort noise on the clock of the voice.
func (h Heard) with(a *exchange.Agreed) Heard {
	h.Event, h.eventClock = EventOf(a, h.clock, Receiving)
	h.cn = NoiseOf(a, h.clock, Receiving)
	return h
}

// Input returns the input of a path that decodes it. inGo decodes Opus without libopus.
func (h Heard) Input(inGo bool) transcode.Input {
	in := transcode.Input{Format: h.Format(), PayloadType: h.PT, CN: h.cn, Event: h.Event, EventClock: h.eventClock}
	in.Format.InGo = inGo
	return in
}

// Said describes how to encode something for a side.
type Said struct {
	Encoding
	cn, event  uint8 // none where it takes none
	eventClock int
	ptime      int // ms
}

// Saying returns how to encode audio of our own for a side, or false when that is
// impossible.
func Saying(a *exchange.Agreed) (Said, bool) {
	n, ok := Outgoing(a)
	if !ok {
		return Said{}, false
	}
	s := Said{Encoding: encodingOf(a.Codecs[n]), ptime: a.Ptime, cn: None}
	s.event, s.eventClock = EventOf(a, s.clock, sending)
	return s, true
}

// Output returns the output of a path that encodes it.
func (s Said) Output(opus codec.Options, send func(b []byte)) transcode.Output {
	return transcode.Output{
		Format: s.Format(), PayloadType: s.number, CN: s.cn, Event: s.event, EventClock: s.eventClock,
		Ptime: time.Duration(s.ptime) * time.Millisecond, Fmtp: s.fmtp, Opus: opus, Send: send,
	}
}

// Conversion is everything a converting path depends on: if it stays the same across a
// re-INVITE, so does the path.
type Conversion struct {
	In     Heard
	Out    Said
	Inband bool // keys are detected in the audio
	Keys   bool // the path is made only for key events, and takes all voice
}

// Conversion returns what voice needs that one side sends to another with a number, or
// false when it needs none. pressed reports that it has sent key events, which become
// tones if the other side takes no events. inband asks to detect keys in the audio.
func (t *Table) Conversion(from, to *exchange.Agreed, number uint8, pressed, inband bool) (Conversion, bool) {
	if from.Kind != "audio" || number == None {
		return Conversion{}, false
	}
	r := t.Of(number)
	out, ok := Outgoing(to)
	if !ok || r.Verb != Pass && r.Verb != Convert {
		return Conversion{}, false
	}
	voice := from.Codecs[r.Codec]
	k := Conversion{In: Heard{Encoding: encodingOf(voice), PT: number}.with(from)}
	spoken := to.Codecs[out]
	if r.Verb == Pass {
		// Only for keys: the output format is the input format.
		if k.In.Event == None || !pressed {
			return Conversion{}, false
		}
		if keys := t.Of(k.In.Event); keys.Verb != Key || keys.ToClock != 0 {
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
