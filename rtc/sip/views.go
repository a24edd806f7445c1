package sip

import "unsafe"

// views are what every part of a server reads again: Check leaves here what it
// has parsed. Reading a message never writes to it.
type views struct {
	checked  bool // via, from and to are valid
	via      Via
	from, to NameAddr
	uris     uris
}

// uris are those of a message; one without Scheme has not been read.
type uris struct{ target, from, to URI }

// forget makes the views those of a message that has not been read.
func (v *views) forget() {
	v.checked = false
	v.uris.target.Scheme, v.uris.from.Scheme, v.uris.to.Scheme = nil, nil, nil
}

// assign takes over what was seen of a message whose octets, old, have been copied to
// buf. The URIs are left out: what is kept is seldom asked where it goes.
func (v *views) assign(from *views, old, buf []byte) {
	v.forget()
	if !from.checked {
		return
	}
	v.checked, v.via, v.from, v.to = true, from.via, from.from, from.to
	for _, part := range [...]*[]byte{
		&v.via.Transport, &v.via.Host, &v.via.Params, &v.via.Branch, &v.via.Received,
		&v.from.Display, &v.from.URI, &v.from.Params,
		&v.to.Display, &v.to.URI, &v.to.Params,
	} {
		*part = moved(*part, old, buf)
	}
}

// moved is the part of to that stands where part stands in from; nil stays nil.
func moved(part, from, to []byte) []byte {
	if part == nil {
		return nil
	}
	at := uintptr(unsafe.Pointer(unsafe.SliceData(part))) - uintptr(unsafe.Pointer(unsafe.SliceData(from)))
	end := at + uintptr(len(part))
	return to[at:end:end]
}

// Target is the Request-URI, read. After Check it costs nothing.
func (m *Message) Target() (URI, *Error) {
	if m.seen.uris.target.Scheme != nil {
		return m.seen.uris.target, nil
	}
	return ParseURI(m.RequestURI())
}

// FromURI is the URI in From, read. After Check it costs nothing.
func (m *Message) FromURI() (URI, *Error) {
	if m.seen.uris.from.Scheme != nil {
		return m.seen.uris.from, nil
	}
	a, _ := m.From()
	return ParseURI(a.URI)
}

// ToURI is the URI in To, read. After Check it costs nothing.
func (m *Message) ToURI() (URI, *Error) {
	if m.seen.uris.to.Scheme != nil {
		return m.seen.uris.to, nil
	}
	a, _ := m.To()
	return ParseURI(a.URI)
}
