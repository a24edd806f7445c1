package number

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Site is how numbers are dialled at a place.
type Site struct {
	// Country is its ISO 3166-1 code, "DE". Without one only numbers with '+' or
	// 00 are global.
	Country string
	// Area is put before numbers of at least LocalDigits digits dialled without
	// any prefix: "30". Without one they are local.
	Area        string
	LocalDigits int // 0 = 5
	// Outside is dialled first to leave the house, "0" or "9"; "" for none.
	Outside string
	// Emergency are numbers of the site besides those of its country.
	Emergency []string
	// Domains are those whose phone-context is the site's (RFC 3966 §5.1.5).
	Domains []string
}

// Plan reads numbers as they are dialled at a Site. It does not change and may be
// used by all goroutines.
type Plan struct {
	site        Site
	world       *World
	country     *country // nil: none
	emergencies []string
}

// Plan makes the plan of a site. The error names the field and the remedy.
func (w *World) Plan(site Site) (*Plan, error) {
	p := &Plan{site: site, world: w, emergencies: site.Emergency}
	if p.site.LocalDigits == 0 {
		p.site.LocalDigits = 5
	}
	if site.Country == "" {
		p.emergencies = append([]string{"112", "911"}, site.Emergency...)
	} else if r := w.regions[strings.ToUpper(site.Country)]; r != nil {
		p.country = r.country()
	}
	if faults := w.faults(site); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return p, nil
}

// faults are all that is wrong with a site.
func (w *World) faults(site Site) (list []error) {
	bad := func(format string, args ...any) { list = append(list, fmt.Errorf(format, args...)) }
	if site.Country != "" && w.regions[strings.ToUpper(site.Country)] == nil {
		bad("country %q is unknown: give its two letters of ISO 3166-1, such as DE or US", site.Country)
	}
	for _, f := range []struct{ name, digits string }{{"area", site.Area}, {"outside", site.Outside}} {
		if !onlyDigits([]byte(f.digits)) || len(f.digits) > 6 {
			bad("%s %q: give digits alone, at most 6, such as 30", f.name, f.digits)
		}
	}
	if site.Area != "" && site.Country == "" {
		bad("area %q has no country: give that too, such as country: DE", site.Area)
	}
	for _, e := range site.Emergency {
		if e == "" || len(e) > 8 || !onlyDigits([]byte(e)) {
			bad("emergency number %q: give 1 to 8 digits, such as 112", e)
		}
	}
	return list
}

// Parse reads a number as it is dialled or written: "+49 (30) 123-4567",
// "0301234567", "00441632960001", "200". The result is global where the site's
// country tells; otherwise local. It allocates nothing but when a country is met for
// the first time, whose tables are then made in some milliseconds.
func (p *Plan) Parse(dialled string) (Number, error) {
	var in [2 * maxText]byte
	if len(dialled) > len(in) {
		return Number{}, ErrTooLong
	}
	return p.parse(in[:copy(in[:], dialled)])
}

func (p *Plan) parse(dialled []byte) (Number, error) {
	var buf [maxText]byte
	d, ok := compact(buf[:0], dialled)
	switch {
	case !ok && len(d) == maxText:
		return Number{}, ErrTooLong
	case !ok:
		return Number{}, ErrNotNumber
	case d[0] == '+' && onlyDigits(d[1:]):
		return p.prefixed(d[1:])
	case d[0] == '+':
		return Number{}, ErrNotNumber
	case !onlyDigits(d), p.emergency(d):
		return local(d)
	}
	if out := p.site.Outside; out != "" && len(d) > len(out) && string(d[:len(out)]) == out {
		d = d[len(out):]
		if p.emergency(d) {
			return local(d)
		}
	}
	return p.dialled(d)
}

// prefixed is a number that had '+'. What is dialled before numbers within their
// country does not belong there, as in "+49 (0) 30 …", but is often written.
func (p *Plan) prefixed(d []byte) (Number, error) {
	if code, rest, ok := p.world.split(d); ok {
		c := p.world.codes[code][0].country()
		if c.prefix != nil || len(c.national) > 0 && bytes.HasPrefix(rest, c.national) {
			var buf [maxText + maxDigits]byte
			if national, ok := p.world.within(c, buf[:0], rest); ok {
				return global(c.code, national)
			}
		}
	}
	return p.global(d)
}

// global is as the function, but for emergency numbers with the country's code
// or the prefix of national numbers in front, which some phones put there.
func (p *Plan) global(parts ...[]byte) (Number, error) {
	n, err := global(parts...)
	if p.country != nil && err == nil {
		if short, ok := bytes.CutPrefix(n.digits(), p.country.code); ok && p.emergency(short) {
			return local(short)
		}
	}
	return n, err
}

// dialled is a number of digits alone, without what leads outside.
func (p *Plan) dialled(d []byte) (Number, error) {
	c := p.country
	if c == nil {
		if len(d) > 2 && string(d[:2]) == "00" {
			return p.prefixed(d[2:])
		}
		return local(d)
	}
	if n := c.international.longest(d); n > 0 && n < len(d) && d[n] != '0' { // no country's code begins with 0
		return p.prefixed(d[n:])
	}
	var buf [maxText + maxDigits]byte
	if national, ok := p.world.within(c, buf[:0], d); ok {
		return global(c.code, national)
	}
	if rest, ok := bytes.CutPrefix(d, c.national); ok && len(c.national) > 0 && len(rest) > 0 {
		return p.global(c.code, rest)
	}
	if p.site.Area != "" && len(d) >= p.site.LocalDigits {
		if full, _ := c.short.run(d); full == 0 || full == 1<<listed && d[0] != '1' {
			return global(c.code, []byte(p.site.Area), d)
		}
	}
	return local(d)
}
