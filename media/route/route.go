// Package route decides what happens to the packets of each payload number on their way
// from one side of a call to the other: they pass, are converted, or are dropped. It
// depends only on what both sides agreed to, keeps nothing and sends nothing.
package route

import "tandem/media/sdp"

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

// Table holds the routes from one side to another, by payload number.
type Table [128]Route

// Between makes the table for two sides: a format that both have passes, other formats
// are converted if possible, and dropped if not.
func Between(from, to *sdp.Agreed) (t Table) {
	if from.Kind != "audio" {
		return passing(from, to)
	}
	taken := make([]bool, len(to.Codecs))
	list := Plain(to.Codecs)
	out, canOut := Outgoing(to)
	for i, c := range from.Codecs {
		n := c.Receive & 0x7f
		in := Route{Codec: int16(i), Clock: uint32(c.ClockRate)}
		j := Counterpart(c.Codec, list, taken)
		switch {
		case c.Codec.Event():
			t[n] = in.key(to, j)
		case j >= 0:
			taken[j] = true
			t[n] = in.with(Pass, to.Codecs[j].Send)
		case c.Codec.Noise():
			t[n] = in.with(Drop, 0)
		default:
			_, ok := Convertible(c.Codec)
			if ok && canOut {
				t[n] = in.with(Convert, to.Codecs[out].Send)
			}
		}
	}
	tolerate(&t, from)
	return t
}

// tolerate lets a side use the numbers of its own description instead of those it was
// told (RFC 3264 §5.1): many devices do.
func tolerate(t *Table, from *sdp.Agreed) {
	for _, c := range from.Codecs {
		if own := &t[c.Send&0x7f]; own.Verb == Drop && t[c.Receive&0x7f].Verb != Drop {
			*own = t[c.Receive&0x7f]
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
func (r Route) key(to *sdp.Agreed, j int) Route {
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

// passing maps the numbers of media that is never converted; a number that neither side
// declared is kept.
func passing(from, to *sdp.Agreed) (t Table) {
	for n := range t {
		t[n] = Route{Verb: Pass, To: uint8(n)}
	}
	taken := make([]bool, len(to.Codecs))
	list := Plain(to.Codecs)
	for i, c := range from.Codecs {
		if j := Counterpart(c.Codec, list, taken); j >= 0 {
			taken[j] = true
			t[c.Receive&0x7f] = Route{Verb: Pass, To: to.Codecs[j].Send, Codec: int16(i), Clock: uint32(c.ClockRate)}
		}
	}
	return t
}

// Joins reports whether anything other than keys and comfort noise can go between two
// sides.
func Joins(a, b *sdp.Agreed) bool {
	if a.Kind != b.Kind || a.Media.RTP() != b.Media.RTP() {
		return false
	}
	if !a.Media.RTP() {
		return true
	}
	t := Between(a, b)
	for _, c := range a.Codecs {
		if !c.Codec.Main() {
			continue
		}
		if Counterpart(c.Codec, Plain(b.Codecs), nil) >= 0 || a.Kind == "audio" && t[c.Receive&0x7f].Verb == Convert {
			return true
		}
	}
	return false
}
