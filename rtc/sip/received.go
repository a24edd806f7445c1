package sip

import (
	"bytes"
	"net/netip"
)

// viaMark is what a server writes into the top Via of a request it received:
// received (RFC 3261 §18.2.1) and the value of rport (RFC 3581 §4).
type viaMark struct {
	splices [2]markSplice // in the order of their places
	n       int
	text    [80]byte
	used    uint8
}

type markSplice struct {
	from, to         uint32 // what it replaces in Message.buf
	textFrom, textTo uint8
}

func (k *viaMark) of(m *Message) {
	k.n, k.used = 0, 0
	if !m.Source.IsValid() {
		return
	}
	l := m.lines[m.firstLine(HdrVia)]
	value := m.at(l.value)
	e, pos := nextElement(value, 0)
	for e.from == e.to && pos < len(value) {
		e, pos = nextElement(value, pos) // nothing between two commas
	}
	v, ok := m.TopVia()
	if !ok {
		return
	}
	addr := m.Source.Addr().Unmap().WithZone("")
	if !v.RPort && v.Received == nil && sameHost(v.Host, addr) {
		return // a received that came with the request is always put right: responses follow it
	}
	end := l.value.from + e.to
	params := end - uint32(len(v.Params)) // they reach to the end of the element
	received, rport := false, false
	for pos := 0; pos < len(v.Params); {
		name, value, next, _ := nextParam(v.Params, pos)
		from, to := valueSpan(v.Params, pos, next)
		switch {
		case EqualFold(name, "rport") && !rport:
			rport = true
			k.rport(params+from, params+to, value != nil, m.Source.Port())
		case EqualFold(name, "received") && !received && len(value) > 0:
			received = true
			k.add(params+from, params+to, "", addr)
		}
		pos = next
	}
	if !received {
		for m.buf[end-1] == ';' || isBlank(m.buf[end-1]) {
			end-- // a parameter list that ends in ';'
		}
		k.add(end, end, ";received=", addr)
	}
}

// valueSpan is where the value of the parameter in p[pos:next] stands; without
// one it is empty, at the end of the name.
func valueSpan(p []byte, pos, next int) (from, to uint32) {
	for next > pos && isBlank(p[next-1]) {
		next--
	}
	if i := bytes.IndexByte(p[pos:next], '='); i >= 0 {
		return uint32(skipBlanks(p[:next], pos+i+1)), uint32(next)
	}
	return uint32(next), uint32(next)
}

func (k *viaMark) rport(from, to uint32, equals bool, port uint16) {
	b := k.text[k.used:k.used]
	if !equals {
		b = append(b, '=')
	}
	k.splice(from, to, len(appendUint(b, uint64(port))))
}

func (k *viaMark) add(from, to uint32, name string, addr netip.Addr) {
	n := len(append(k.text[k.used:k.used], name...))
	k.splice(from, to, n+len(addr.AppendTo(k.text[int(k.used)+n:int(k.used)+n])))
}

// splice keeps the n octets just written to text.
func (k *viaMark) splice(from, to uint32, n int) {
	k.splices[k.n] = markSplice{from: from, to: to, textFrom: k.used, textTo: k.used + uint8(n)}
	k.used += uint8(n)
	k.n++
}

// sameHost reports whether a sent-by host is that address. A name never is.
func sameHost(host []byte, addr netip.Addr) bool {
	if len(host) > 2 && host[0] == '[' {
		a, ok := HostAddr(host)
		return ok && a == addr
	}
	if !addr.Is4() {
		return false
	}
	var text [15]byte
	return string(addr.AppendTo(text[:0])) == string(host)
}
