package proxy

import (
	"bytes"
	"strconv"
	"strings"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// brancher makes the branch of a copy, as a client transaction does.
type brancher interface {
	AppendBranch(dst, tail []byte) []byte
}

// build makes the copy of a request for one target (RFC 3261 §16.6 steps 1 to 8). The
// result is in w and is valid until w is put back.
func (p *Proxy) build(w *work, m *sip.Message, pl *plan, t *target, most breadth, out transport.Flow, br brancher) []byte {
	e := &w.edit
	w.scratch = w.scratch[:0]
	e.Start(m)
	for range pl.pops {
		e.PopRoute()
	}
	if pl.dropLast {
		e.DropLastRoute()
	}
	p.setURI(w, m, pl, t)
	s := w.scratch
	at := len(s)
	s = strconv.AppendInt(s, int64(pl.maxForwards), 10) // step 3
	e.Set(sip.HdrMaxForwards, s[at:])
	if most != unsaid && pl.method != sip.ACK { // RFC 5393 §5.3.3
		at = len(s)
		s = strconv.AppendInt(s, int64(most), 10)
		e.DelName("Max-Breadth")
		e.AddName("Max-Breadth", s[at:])
	}
	w.scratch = s
	if pl.dialogMaking() {
		p.recordRoute(w, m, pl, t, out)
	}
	p.distrust(e, m, pl, t)
	if m.Has(sip.HdrProxyAuthorization) {
		p.consume(e, m)
	}
	l := out.Listener()
	s = w.scratch
	at = len(s)
	s = append(s, "SIP/2.0/"...)
	s = append(s, out.Proto().String()...)
	s = append(s, ' ')
	s = append(s, l.SentBy()...)
	s = append(s, ";branch="...)
	s = br.AppendBranch(s, appendLoop(w.tail[:0], pl.loop))
	e.PushVia(s[at:]) // step 8
	w.scratch = s
	w.out = e.Append(w.out[:0])
	if t.Device != "" && p.cfg.Shape != nil {
		w.out = p.cfg.Shape(t.Device, out.Proto(), w.out)
	}
	return w.out
}

// consume removes the credentials that were for us (RFC 3261 §22.3): the receiver of
// the copy could use them to guess passwords offline. Credentials for other proxies
// stay.
func (p *Proxy) consume(e *sip.Edit, m *sip.Message) {
	for i := range m.Len() {
		h := m.At(i)
		if h.ID != sip.HdrProxyAuthorization {
			continue
		}
		if keep := p.foreign(h.Value); len(keep) == 0 {
			e.DelAt(i)
		} else if len(keep) < len(h.Value) {
			e.SetAt(i, keep)
		}
	}
}

// foreign returns the part of a line of credentials that is for other proxies, or v
// itself when all of it is.
func (p *Proxy) foreign(v []byte) []byte {
	var keep [][]byte
	ours := false
	for one, rest := sip.CutCredentials(v); len(one) > 0; one, rest = sip.CutCredentials(rest) {
		c, err := sip.ParseCredentials(one)
		if realm, ok := c.Param("realm"); err != nil || !ok || p.users.Domain(realm) {
			ours = true
		} else {
			keep = append(keep, one)
		}
	}
	if !ours {
		return v
	}
	return bytes.Join(keep, []byte(", "))
}

// setURI sets the Request-URI and the Routes (steps 2 and 6).
func (p *Proxy) setURI(w *work, m *sip.Message, pl *plan, t *target) {
	e := &w.edit
	uri := t.URI
	if uri == "" {
		uri = pl.ruri
	}
	top, rest, strict := p.topRoute(m, pl, t)
	if strict { // the next hop is a strict router, which expects itself in the Request-URI
		last := []byte("<")
		if uri != "" {
			last = append(last, uri...)
		} else {
			last = append(last, m.RequestURI()...)
		}
		e.Add(sip.HdrRoute, append(last, '>'))
		uri = top
		if t.Path == "" {
			e.PopRoute()
		}
	}
	if rest != "" {
		e.Prepend(sip.HdrRoute, []byte(rest))
	}
	if uri != "" {
		at := len(w.scratch)
		w.scratch = append(w.scratch, uri...)
		e.RequestURI(w.scratch[at:])
	}
}

// topRoute reads the topmost Route of the copy: top is its URI, rest is the path to put
// in front of it, and strict reports that lr is missing.
func (p *Proxy) topRoute(m *sip.Message, pl *plan, t *target) (top, rest string, strict bool) {
	var first []byte
	switch {
	case t.Path != "":
		head, tail := cutElement(t.Path)
		first, rest = []byte(head), t.Path
		defer func() {
			if strict {
				rest = tail
			}
		}()
	case m.Count(sip.HdrRoute) == 0:
		return "", "", false
	default:
		n := 0
		for v := range m.Values(sip.HdrRoute) {
			if n == pl.pops {
				first = v
				break
			}
			n++
		}
		if pl.dropLast && n+1 == routeCount(m) {
			first = nil
		}
	}
	if first == nil {
		return "", rest, false
	}
	na, err := sip.ParseNameAddr(first)
	if err != nil {
		return "", rest, false
	}
	u, err := sip.ParseURI(na.URI)
	if err != nil || u.Kind != sip.URISIP && u.Kind != sip.URISIPS {
		return "", rest, false
	}
	if _, lr := u.Param("lr"); !lr {
		return string(na.URI), rest, true
	}
	return "", rest, false
}

func routeCount(m *sip.Message) int {
	n := 0
	for range m.Values(sip.HdrRoute) {
		n++
	}
	return n
}

// cutElement cuts the first element off a list of name-addrs.
func cutElement(s string) (head, tail string) {
	quoted, angle := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted:
			if c == '\\' {
				i++
			}
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '<' || c == '>':
			angle = c == '<'
		case c == ',' && !angle:
			return strings.TrimSpace(s[:i]), strings.TrimSpace(s[i+1:])
		}
	}
	return strings.TrimSpace(s), ""
}

// nextHop returns the URI that determines where a branch goes (steps 6 and 7): the next
// hop of the static route, the top of the path, the topmost Route, or the Request-URI.
// It may point into the request.
func (f *forward) nextHop(b *branch) (sip.URI, bool) {
	s := b.hop
	if s == "" && b.Path != "" {
		head, _ := cutElement(b.Path)
		na, err := sip.ParseNameAddr([]byte(head))
		if err != nil {
			return sip.URI{}, false
		}
		s = string(na.URI)
	}
	if s == "" {
		s = b.URI
	}
	if s == "" && f.plan.ruri == "" {
		u, err := sip.ParseURI(f.request().RequestURI())
		return u, err == nil
	}
	if s == "" {
		s = f.plan.ruri
	}
	u, err := sip.ParseURI([]byte(s))
	return u, err == nil
}

// size estimates the length of the copy in octets.
func (f *forward) size(b *branch) int {
	return len(f.request().Bytes()) + len(b.Path) + len(b.URI) + 200
}
