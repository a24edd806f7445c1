// Package route decides what happens to the packets of each payload number on their way
// from one side of a call to the other: they pass, are converted, or are dropped. It
// depends only on what both sides agreed to, keeps nothing and sends nothing.
package route

import "tandem/media/sdp/exchange"

// None stands for "no payload number".
const None = 255

// Verb is what is done with packets of one payload number.
type Verb uint8

const (
	Drop    Verb = iota
	Pass         // to the other side, renumbered
	Convert      // by a path
	Key          // a key event: passed on, or given to the path if there is one
)

// Route is what happens to packets of one payload number from a leg. It is small and
// holds all that passing a packet needs: with thousands of calls each further access
// waits for memory.
type Route struct {
	Verb    Verb
	To      uint8  // number used toward the other side
	Codec   int16  // index in the leg's agreed codecs
	Clock   uint32 // RTP clock of incoming packets, Hz
	ToClock uint32 // for keys: clock of events toward the other side, Hz; 0 when it takes none
}

// Table holds the routes from one side to another, by payload number. Few of the numbers
// have one: the table knows at which place of a list.
type Table struct {
	places [128]uint8 // from 1; 0: the number has no route
	list   []Route    // of the codecs of the side from which packets come
	passes bool       // what has no route passes under its number
}

// Of returns the route of a payload number.
func (t *Table) Of(number uint8) Route {
	if i := t.places[number&0x7f]; i > 0 {
		return t.list[i-1]
	}
	if t.passes {
		return Route{Verb: Pass, To: number}
	}
	return Route{}
}

// maxListed is how many codecs of a side can have a place. There are fewer numbers.
const maxListed = 255

// Between makes the table for two sides: a format that both have passes, other formats
// are converted if possible, and dropped if not.
func Between(from, to *exchange.Agreed) (t Table) {
	codecs := from.Codecs[:min(len(from.Codecs), maxListed)]
	t.list = make([]Route, len(codecs))
	taken := make([]bool, len(to.Codecs))
	t.passes = from.Kind != "audio"
	out, canOut := Outgoing(to)
	for i, c := range codecs {
		in := Route{Codec: int16(i), Clock: uint32(c.ClockRate)}
		j := agreedCounterpart(c.Codec, to, taken)
		switch {
		case c.Codec.Event() && !t.passes:
			in = in.key(to, j)
		case j >= 0:
			taken[j] = true
			in = in.with(Pass, to.Codecs[j].Send)
		case t.passes: // never converted; a number that neither side declared is kept
			continue
		case c.Codec.Noise():
		default:
			if _, ok := Convertible(c.Codec); !ok || !canOut {
				continue
			}
			in = in.with(Convert, to.Codecs[out].Send)
		}
		t.list[i], t.places[c.Receive&0x7f] = in, uint8(i+1)
	}
	if !t.passes {
		t.tolerate(codecs)
	}
	return t
}

// tolerate lets a side use the numbers of its own description instead of those it was
// told (RFC 3264 §5.1): many devices do.
func (t *Table) tolerate(codecs []exchange.AgreedCodec) {
	for _, c := range codecs {
		if own, told := c.Send&0x7f, c.Receive&0x7f; t.Of(own).Verb == Drop && t.Of(told).Verb != Drop {
			t.places[own] = t.places[told]
		}
	}
}

// with returns a copy of the route with another verb and number.
func (r Route) with(v Verb, to uint8) Route {
	r.Verb, r.To = v, to
	return r
}

// key passes events to a format with the same clock, else to one with any clock and
// rescaled times. A side without events gets tones, by a path.
func (r Route) key(to *exchange.Agreed, j int) Route {
	r.Verb = Key
	if j < 0 {
		for n, t := range to.Codecs {
			if t.Codec.Event() {
				j = n
			}
		}
	}
	if j >= 0 {
		r.To, r.ToClock = to.Codecs[j].Send, uint32(to.Codecs[j].ClockRate)
	}
	return r
}

// Joins reports whether anything other than keys and comfort noise can go between two
// sides: what both have passes, and other audio is converted.
func Joins(a, b *exchange.Agreed) bool {
	if a.Kind != b.Kind || a.Media.RTP() != b.Media.RTP() {
		return false
	}
	if !a.Media.RTP() {
		return true
	}
	for _, c := range a.Codecs {
		if !c.Codec.Main() {
			continue
		}
		if agreedCounterpart(c.Codec, b, nil) >= 0 {
			return true
		}
		if _, ok := Convertible(c.Codec); ok && a.Kind == "audio" {
			if _, ok := Outgoing(b); ok {
				return true
			}
		}
	}
	return false
}
