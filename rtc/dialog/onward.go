package dialog

import (
	"strconv"

	"tandem/rtc"
	"tandem/rtc/internal/keyed"
	"tandem/rtc/sip"
)

// Onward is what an INVITE takes along when a call that came in is led on in a
// new dialog, so that a call that goes in a circle ends (RFC 7332).
type Onward struct {
	MaxForwards int    // hops that are left; 70 for a call that begins here
	MaxBreadth  int    // how many INVITEs may be made of this one at a time (RFC 5393 §5.3); 0 = not said
	led         bool   // it is of a call that came in
	marks       []byte // values of the header, of this server and of others
}

// markHeader names the servers like this one that a call came through. Where it
// is dropped on the way, Max-Forwards still ends a loop.
const markHeader = "Tandem-Passed"

// maxMarks bounds what is taken along of other servers' marks.
const maxMarks = 70

// Onward reads what the legs of a call take along from the INVITE that it came
// by. The error is a *rtc.Status: 483 when no hop is left, 482 when the call
// has come through this server more than Config.MaxPasses times.
func (ua *UA) Onward(m *sip.Message) (Onward, error) {
	o := Onward{MaxForwards: 70, led: true} // RFC 7332 §5: one that has none gets the usual value
	if m.Has(sip.HdrMaxForwards) {
		n, ok := m.MaxForwards()
		switch {
		case !ok:
			return o, &rtc.Status{Code: 400, Reason: "Bad Max-Forwards"}
		case n == 0:
			return o, &rtc.Status{Code: 483}
		}
		o.MaxForwards = min(n, 255) - 1
	}
	if v := m.GetName("Max-Breadth"); v != nil {
		n, ok := sip.ParseUint(v, 1<<31-1)
		switch {
		case !ok:
			return o, &rtc.Status{Code: 400, Reason: "Bad Max-Breadth"}
		case n == 0:
			return o, &rtc.Status{Code: 440} // RFC 5393 §5.3.3
		}
		o.MaxBreadth = int(n)
	}
	own := 0
	for i := range m.Len() {
		h := m.At(i)
		if h.ID != sip.HdrOther || !sip.EqualFold(h.Name, markHeader) || len(o.marks) >= maxMarks*tagCheck {
			continue
		}
		if string(h.Value) == ua.mark {
			own++
		}
		if len(h.Value) == tagCheck {
			o.marks = append(o.marks, h.Value...)
		}
	}
	if own > ua.cfg.MaxPasses {
		return o, &rtc.Status{Code: 482, Reason: "Call Goes in a Circle"}
	}
	return o, nil
}

// Share is the part of each of n INVITEs that are under way at the same time;
// false when so many are not allowed.
func (o Onward) Share(n int) (Onward, bool) {
	if o.MaxBreadth == 0 || n <= 1 {
		return o, true
	}
	o.MaxBreadth /= n
	return o, o.MaxBreadth > 0
}

// Next is what a further call of the same chain takes along, such as that to the target
// of a transfer; false when no hop is left for it.
func (o Onward) Next() (Onward, bool) {
	if !o.led {
		o.MaxForwards, o.led = 70, true
	}
	o.MaxForwards--
	return o, o.MaxForwards > 0
}

// append appends the header lines.
func (o Onward) append(dst []byte, own string) []byte {
	n := o.MaxForwards
	if !o.led {
		n = 70
	}
	dst = strconv.AppendInt(append(dst, "Max-Forwards: "...), int64(n), 10)
	dst = append(dst, "\r\n"...)
	if o.MaxBreadth > 0 {
		dst = strconv.AppendInt(append(dst, "Max-Breadth: "...), int64(o.MaxBreadth), 10)
		dst = append(dst, "\r\n"...)
	}
	for m := o.marks; len(m) >= tagCheck; m = m[tagCheck:] {
		dst = append(append(append(dst, markHeader+": "...), m[:tagCheck]...), "\r\n"...)
	}
	return append(append(append(dst, markHeader+": "...), own...), "\r\n"...)
}

// markOf names this server to itself, and to nobody else.
func markOf(key []byte) string {
	return string(appendTagDigits(nil, keyed.New(key, "loop mark").Uint64(), tagCheck))
}
