package sip

import (
	"bytes"
	"strconv"
)

// Views of the values a server looks at in every message. They read on demand
// and do not allocate.

// TopVia is the first Via element.
func (m *Message) TopVia() (Via, bool) {
	if m.seen.checked {
		return m.seen.via, true
	}
	e := FirstElement(m.Get(HdrVia))
	if e == nil {
		return Via{}, false
	}
	v, err := ParseVia(e)
	return v, err == nil
}

// From is the From header; false when absent or bad.
func (m *Message) From() (NameAddr, bool) {
	if m.seen.checked {
		return m.seen.from, true
	}
	return m.address(HdrFrom)
}

// To is the To header; false when absent or bad.
func (m *Message) To() (NameAddr, bool) {
	if m.seen.checked {
		return m.seen.to, true
	}
	return m.address(HdrTo)
}

func (m *Message) address(id HeaderID) (NameAddr, bool) {
	v := m.Get(id)
	if v == nil {
		return NameAddr{}, false
	}
	a, err := ParseNameAddr(v)
	return a, err == nil
}

// TopRoute is the first Route element; false when absent or bad.
func (m *Message) TopRoute() (NameAddr, bool) { return m.FirstAddr(HdrRoute) }

// FirstAddr is the first element of a name-addr list: Contact, Record-Route,
// Path, P-Asserted-Identity and the like. False when absent or bad.
func (m *Message) FirstAddr(id HeaderID) (NameAddr, bool) {
	for e := range m.Values(id) {
		a, err := ParseNameAddr(e)
		return a, err == nil
	}
	return NameAddr{}, false
}

// FromTag is the tag of From, nil when absent.
func (m *Message) FromTag() []byte { a, _ := m.From(); return a.Tag() }

// ToTag is the tag of To, nil when absent.
func (m *Message) ToTag() []byte { a, _ := m.To(); return a.Tag() }

// CallID is the Call-ID.
func (m *Message) CallID() []byte { return m.Get(HdrCallID) }

// cseq splits the CSeq value into number and method.
func (m *Message) cseq() (number, method []byte) {
	v := m.Get(HdrCSeq)
	i := 0
	for i < len(v) && isDigit(v[i]) {
		i++
	}
	j := skipBlanks(v, i)
	if j == i {
		return v[:i:i], nil
	}
	return v[:i:i], v[j:]
}

// CSeq is the number of CSeq, below 2^31 (RFC 3261 §8.1.1.5); false when absent
// or bad.
func (m *Message) CSeq() (n uint32, ok bool) {
	number, _ := m.cseq()
	u, ok := ParseUint(number, 1<<31-1)
	return uint32(u), ok
}

// CSeqMethod is the method of CSeq, as spelled.
func (m *Message) CSeqMethod() []byte {
	_, method := m.cseq()
	return method
}

// MaxForwards is 0 to 255; false when absent or bad.
func (m *Message) MaxForwards() (int, bool) {
	n, ok := ParseUint(m.Get(HdrMaxForwards), 255)
	return int(n), ok
}

// Expires is in seconds; false when absent or bad (RFC 3261 §20.19: treat as 3600).
func (m *Message) Expires() (uint32, bool) {
	n, ok := ParseUint(m.Get(HdrExpires), 1<<32-1)
	return uint32(n), ok
}

// ContentLength is the Content-Length in octets; false when absent or bad.
func (m *Message) ContentLength() (int, bool) {
	n, ok := ParseUint(m.Get(HdrContentLength), 1<<31-1)
	return int(n), ok
}

// Parted is a value followed by parameters, such as Event, Content-Type,
// Session-Expires, Replaces, Subscription-State, Reason or Retry-After.
type Parted struct {
	Value  []byte // what stands before the first ';', without blanks
	Params []byte // with leading ';'
}

// ParseParted splits a value from its parameters.
func ParseParted(b []byte) Parted {
	i := 0
	for i < len(b) && b[i] != ';' && b[i] != '"' {
		i++
	}
	if i < len(b) && b[i] == '"' {
		return Parted{Value: trim(b)}
	}
	return Parted{Value: trim(b[:i]), Params: trim(b[i:])}
}

// Param returns a parameter without its quotes.
func (p Parted) Param(name string) ([]byte, bool) { return Param(p.Params, name) }

// Parted views the first value of a header; false when absent.
func (m *Message) Parted(id HeaderID) (Parted, bool) {
	v := m.Get(id)
	return ParseParted(v), v != nil
}

// IsPing says whether a request asks for nothing but an answer: OPTIONS, and the
// NOTIFY by which Linksys and Cisco SPA phones keep their NAT mapping open.
func (m *Message) IsPing() bool {
	if m.method == NOTIFY {
		pkg, _ := m.Event()
		return string(pkg) == "keep-alive"
	}
	return m.method == OPTIONS
}

// Event is the event package and its id (RFC 6665 §8.2.1), nil when absent.
func (m *Message) Event() (pkg, id []byte) {
	p := ParseParted(m.Get(HdrEvent))
	id, _ = p.Param("id")
	return p.Value, id
}

// SessionExpires is the interval in seconds and the refresher ("uac", "uas" or
// nil; RFC 4028 §4); false when absent or bad.
func (m *Message) SessionExpires() (seconds uint32, refresher []byte, ok bool) {
	p := ParseParted(m.Get(HdrSessionExpires))
	n, ok := ParseUint(p.Value, 1<<32-1)
	refresher, _ = p.Param("refresher")
	return uint32(n), refresher, ok
}

// RetryAfter is in seconds (RFC 3261 §20.33); false when absent or bad. A
// comment behind the number is ignored.
func (m *Message) RetryAfter() (seconds uint32, ok bool) {
	v := m.Get(HdrRetryAfter)
	i := 0
	for i < len(v) && isDigit(v[i]) {
		i++
	}
	n, ok := ParseUint(v[:i], 1<<32-1)
	return uint32(n), ok
}

// RAck is the response number, CSeq number and method that a PRACK answers
// (RFC 3262 §7.2); false when absent or bad.
func (m *Message) RAck() (rseq, cseq uint32, method []byte, ok bool) {
	v := m.Get(HdrRAck)
	var n [2]uint64
	for k := range n {
		i := 0
		for i < len(v) && isDigit(v[i]) {
			i++
		}
		if n[k], ok = ParseUint(v[:i], 1<<32-1); !ok || i == len(v) || !isBlank(v[i]) {
			return 0, 0, nil, false
		}
		v = v[skipBlanks(v, i):]
	}
	return uint32(n[0]), uint32(n[1]), v, isToken(v)
}

// Dialog names a dialog as Replaces, Join and Target-Dialog do (RFC 3891 §6.1,
// RFC 3911, RFC 4538).
type Dialog struct {
	CallID, ToTag, FromTag []byte
	EarlyOnly              bool
}

// Appearance is the place of a shared line that Call-Info names (appearance-index, as
// Broadsoft's servers and many phones have it), counted from 1; 0 for none.
func (m *Message) Appearance() int {
	for v := range m.Values(HdrCallInfo) {
		_, value, ok := bytes.Cut(v, []byte(";appearance-index="))
		if !ok {
			continue
		}
		end := 0
		for end < len(value) && end < 3 && value[end] >= '0' && value[end] <= '9' {
			end++
		}
		if n, err := strconv.Atoi(string(value[:end])); err == nil {
			return n
		}
	}
	return 0
}

// DialogOf views a Replaces, Join or Target-Dialog header; false when absent
// or without both tags.
func (m *Message) DialogOf(id HeaderID) (Dialog, bool) {
	p := ParseParted(m.Get(id))
	d := Dialog{CallID: p.Value}
	if d.ToTag, _ = p.Param("to-tag"); d.ToTag == nil {
		d.ToTag, _ = p.Param("remote-tag")
	}
	if d.FromTag, _ = p.Param("from-tag"); d.FromTag == nil {
		d.FromTag, _ = p.Param("local-tag")
	}
	_, d.EarlyOnly = p.Param("early-only")
	return d, len(d.CallID) > 0 && d.ToTag != nil && d.FromTag != nil
}
