package sdp

import (
	"fmt"
	"strconv"
	"strings"
)

// Bounds of a description.
const (
	maxOctets = 64 << 10
	maxMedia  = 16
	maxLines  = 512
)

// Parse reads a description. The error says which line is wrong, and how.
func Parse(b []byte) (*Description, error) {
	if len(b) > maxOctets {
		return nil, fmt.Errorf("the description has more than %d octets", maxOctets)
	}
	lines := unfolded(string(b))
	if len(lines) > maxLines {
		return nil, fmt.Errorf("the description has more than %d lines", maxLines)
	}
	r := reader{d: &Description{}}
	for _, l := range lines {
		if len(l) < 2 || l[1] != '=' {
			return nil, fmt.Errorf("line %.60q is not of the form x=value", l)
		}
		if err := r.line(l[0], strings.TrimSpace(l[2:])); err != nil {
			return nil, err
		}
	}
	switch {
	case !r.version:
		return nil, fmt.Errorf("line v=0 is missing")
	case r.d.Origin.ID == "":
		return nil, fmt.Errorf("line o= is missing")
	case len(r.d.Media) == 0:
		return nil, fmt.Errorf("line m= is missing")
	}
	return r.d, nil
}

// unfolded splits text into lines. One that begins with a blank continues the one
// before, as in example 4.10 of RFC 2848.
func unfolded(text string) (lines []string) {
	for l := range strings.SplitSeq(strings.ReplaceAll(text, "\r", "\n"), "\n") {
		trimmed := strings.TrimSpace(l)
		switch {
		case trimmed == "":
		case (l[0] == ' ' || l[0] == '\t') && len(lines) > 0 && (len(trimmed) < 2 || trimmed[1] != '='):
			lines[len(lines)-1] += " " + trimmed
		default:
			lines = append(lines, trimmed)
		}
	}
	return lines
}

type reader struct {
	d       *Description
	version bool
}

// medium is the one whose lines are being read, nil before the first.
func (r *reader) medium() *Media {
	if n := len(r.d.Media); n > 0 {
		return &r.d.Media[n-1]
	}
	return nil
}

func (r *reader) line(kind byte, value string) (err error) {
	m := r.medium()
	switch kind {
	case 'v':
		if value != "0" {
			return fmt.Errorf("v=%.20s is not a version known here", value)
		}
		r.version = true
	case 'o':
		r.d.Origin, err = origin(value)
	case 's':
		r.d.Name = value
	case 'i':
		if m != nil {
			m.Info = value
		} else {
			r.d.Info = value
		}
	case 'c':
		return r.address(m, value)
	case 't':
		r.d.Start, r.d.Stop, err = times(value)
	case 'm':
		return r.startMedium(value)
	case 'a':
		name, v, _ := strings.Cut(value, ":")
		if at := strings.IndexByte(value, '='); at >= 0 && (at < len(name)) { // Appendix A writes a=tsp=telco.com
			name, v = value[:at], value[at+1:]
		}
		a := Attribute{strings.TrimSpace(name), strings.Join(strings.Fields(v), " ")}
		if m != nil {
			m.Attributes = append(m.Attributes, a)
		} else {
			r.d.Attributes = append(r.d.Attributes, a)
		}
	case 'u', 'e', 'p', 'b', 'z', 'k', 'r':
		r.d.More = append(r.d.More, Line{kind, value})
	default:
		return fmt.Errorf("line %c= is not one of a description", kind)
	}
	return err
}

func origin(value string) (Origin, error) {
	f := strings.Fields(value)
	if len(f) != 6 || len(value) > 256 {
		return Origin{}, fmt.Errorf("o=%.60s has not the six fields of an origin", value)
	}
	return Origin{f[0], f[1], f[2], f[3], f[4], f[5]}, nil
}

func (r *reader) address(m *Media, value string) error {
	f := strings.Fields(value)
	if len(f) != 3 {
		return fmt.Errorf("c=%.60s has not the three fields of an address", value)
	}
	a := &Address{strings.ToUpper(f[0]), f[1], f[2]}
	if strings.EqualFold(a.Type, "RFC2543") {
		a.Type = "RFC2543"
	}
	if m != nil {
		m.Address = a
	} else {
		r.d.Address = a
	}
	return nil
}

func times(value string) (start, stop uint64, err error) {
	f := strings.Fields(value)
	if len(f) != 2 {
		return 0, 0, fmt.Errorf("t=%.60s has not two times", value)
	}
	start, err = strconv.ParseUint(f[0], 10, 40)
	if err == nil {
		stop, err = strconv.ParseUint(f[1], 10, 40)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("t=%.60s: times are seconds since 1900", value)
	}
	return start, stop, nil
}

func (r *reader) startMedium(value string) error {
	f := strings.Fields(value)
	if len(f) < 4 {
		return fmt.Errorf("m=%.60s has not medium, port, protocol and formats", value)
	}
	port, err := strconv.Atoi(f[1])
	if err != nil || port < 0 || port > 65535 {
		return fmt.Errorf("m=%.60s: the port is 1, or 0 to hold", value)
	}
	if len(r.d.Media) == maxMedia {
		return fmt.Errorf("there are more than %d m= lines", maxMedia)
	}
	m := Media{Type: strings.ToLower(f[0]), Port: port, Proto: strings.ToLower(f[2])}
	if len(f) != 4 || f[3] != "-" {
		m.Formats = f[3:]
	}
	r.d.Media = append(r.d.Media, m)
	return nil
}
