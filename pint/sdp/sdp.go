// Package sdp holds session descriptions as PINT writes them (RFC 2848 §3.4 and
// Appendix A): the media is a call in the telephone network, a connection is a
// telephone number.
//
// It reads leniently, since the examples of the RFC are loose (blanks after '=',
// folded lines, c= before or after m=), and writes strictly. Offer and answer (RFC
// 3264) do not apply: a description asks for something, and is given back with
// what is known. What a description asks for is judged by others.
package sdp

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Description is a session description.
type Description struct {
	Origin     Origin
	Name       string // s=
	Info       string // i=
	More       []Line // u=, e=, p=, b=, z=, k=, r=: kept as they are
	Address    *Address
	Start      uint64 // of t=, in seconds since 1900; 0: at once
	Stop       uint64 // 0: open
	Attributes []Attribute
	Media      []Media
}

// Line is a line of no meaning to PINT.
type Line struct {
	Type  byte
	Value string
}

// Origin is an o= line, which names a session for those who want its status.
type Origin struct {
	User, ID, Version, Net, Type, Host string
}

// Key is what of the origin names the session: its version may grow.
func (o Origin) Key() string {
	return strings.Join([]string{o.User, o.ID, o.Net, o.Type, o.Host}, " ")
}

// String is the value of the line.
func (o Origin) String() string {
	return strings.Join([]string{o.User, o.ID, o.Version, o.Net, o.Type, o.Host}, " ")
}

// Address is a c= line: network, kind of address, and the number.
type Address struct{ Net, Type, Value string }

// String is the value of the line.
func (a Address) String() string { return a.Net + " " + a.Type + " " + a.Value }

// Attribute is an a= line.
type Attribute struct{ Name, Value string }

// Media is an m= line and what belongs to it.
type Media struct {
	Type       string   // audio, image, text, application
	Port       int      // 1, or 0: held
	Proto      string   // voice, fax, pager
	Formats    []string // subtypes, most wanted first; none for "-"
	Info       string
	Address    *Address // its own, nil: that of the session
	Attributes []Attribute
}

// Source is where content comes from: "uri", "spr" (a part of the body) or "opr"
// (something the telephone side understands), with what it says.
type Source struct{ Kind, Value string }

// Of is the address of a medium, nil when none is named.
func (d *Description) Of(m *Media) *Address {
	if m.Address != nil {
		return m.Address
	}
	return d.Address
}

// Sources are those of a format: all are used, one after the other.
func (m *Media) Sources(format string) ([]Source, error) {
	for _, a := range m.Attributes {
		name, rest, _ := strings.Cut(a.Value, " ")
		if !strings.EqualFold(a.Name, "fmtp") || !strings.EqualFold(name, format) {
			continue
		}
		rest, _, _ = strings.Cut(rest, " ;") // what an opr: says may hold a ';'
		var list []Source
		for f := range strings.FieldsSeq(rest) {
			kind, value, ok := strings.Cut(f, ":")
			kind = strings.ToLower(kind)
			switch last := len(list) - 1; {
			case ok && (kind == "uri" || kind == "spr" || kind == "opr"):
				list = append(list, Source{kind, value})
			case last >= 0 && list[last].Kind == "opr": // opaque text with a blank, as example 4.11 of RFC 2848 prints it
				list[last].Value += " " + f
			default:
				return nil, fmt.Errorf("a=fmtp:%s: %.60q does not begin with uri:, spr: or opr: as a source does", format, f)
			}
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("a=fmtp:%s names no source", format)
		}
		return list, nil
	}
	return nil, fmt.Errorf("format %s has no a=fmtp", format)
}

// Find is the value of the first attribute of that name, of the medium or else the
// session.
func (d *Description) Find(m *Media, name string) (string, bool) {
	for _, list := range [][]Attribute{m.Attributes, d.Attributes} {
		for _, a := range list {
			if strings.EqualFold(a.Name, name) {
				return a.Value, true
			}
		}
	}
	return "", false
}

// Required are the attributes that must be understood (RFC 2848 §3.4.4).
func (d *Description) Required() (names []string) {
	each := func(list []Attribute) {
		for _, a := range list {
			if !strings.EqualFold(a.Name, "require") {
				continue
			}
			for n := range strings.SplitSeq(a.Value, ",") {
				if n = strings.TrimSpace(n); n != "" {
					names = append(names, n)
				}
			}
		}
	}
	each(d.Attributes)
	for i := range d.Media {
		each(d.Media[i].Attributes)
	}
	return names
}

// epoch is the difference of the years 1900 and 1970 in seconds.
const epoch = 2208988800

// StartTime is the time asked for; zero: at once. All examples of RFC 2848 have a
// time long ago, which means the same.
func (d *Description) StartTime() time.Time { return fromNTP(d.Start) }

// StopTime is when it is to have ended; zero: not said.
func (d *Description) StopTime() time.Time { return fromNTP(d.Stop) }

// SetTimes says when the service really began and ended.
func (d *Description) SetTimes(start, stop time.Time) { d.Start, d.Stop = toNTP(start), toNTP(stop) }

func fromNTP(s uint64) time.Time {
	if s < epoch {
		return time.Time{}
	}
	return time.Unix(int64(s-epoch), 0).UTC()
}

func toNTP(t time.Time) uint64 {
	if t.IsZero() || t.Unix() < 0 {
		return 0
	}
	return uint64(t.Unix()) + epoch
}

// Append writes the description.
func (d *Description) Append(b []byte) []byte {
	line := func(t byte, v string) { b = append(append(append(b, t, '='), v...), "\r\n"...) }
	list := func(attributes []Attribute) {
		for _, a := range attributes {
			v := a.Name
			if a.Value != "" {
				v += ":" + a.Value
			}
			line('a', v)
		}
	}
	line('v', "0")
	line('o', d.Origin.String())
	line('s', either(d.Name, "-"))
	if d.Info != "" {
		line('i', d.Info)
	}
	for _, l := range d.More {
		if strings.IndexByte("uepb", l.Type) >= 0 {
			line(l.Type, l.Value)
		}
	}
	if d.Address != nil {
		line('c', d.Address.String())
	}
	line('t', strconv.FormatUint(d.Start, 10)+" "+strconv.FormatUint(d.Stop, 10))
	list(d.Attributes)
	for i := range d.Media {
		m := &d.Media[i]
		line('m', m.Type+" "+strconv.Itoa(m.Port)+" "+m.Proto+" "+either(strings.Join(m.Formats, " "), "-"))
		if m.Info != "" {
			line('i', m.Info)
		}
		if m.Address != nil {
			line('c', m.Address.String())
		}
		list(m.Attributes)
	}
	return b
}

func either(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
