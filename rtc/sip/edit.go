package sip

// Edit turns a received message into the one to forward: a list of splices
// applied in one pass, so that every octet not named stays as it came. The
// zero value is ready; Start makes it ready again without allocating.
// Values given to it must stay unchanged until Append.
//
// The version is spelled in capitals, as whoever sends must (RFC 3261 §7.1). A
// Content-Length that is missing or does not fit the body (both are accepted
// on datagrams) is put right, so that the message can leave over a stream.
type Edit struct {
	m       *Message
	splices []splice // in the order they are applied
	seq     int16
	routes  window
	vias    window
	mark    viaMark
	marked  bool
	length  [20]byte // digits of a new Content-Length
}

// splice replaces buf[from:to] by a header line, when name is set, or by text.
type splice struct {
	from, to uint32
	order    int16 // among splices at the same place
	id       HeaderID
	name     string
	text     []byte
}

// What a splice is about beside headers, in place of their id.
const (
	partURI HeaderID = headerIDs + iota
	partVersion
	partBody
)

// Start begins editing m and forgets earlier splices.
func (e *Edit) Start(m *Message) {
	clear(e.splices) // holds on to no values of the message before
	e.m, e.splices, e.seq = m, e.splices[:0], 0
	e.routes, e.vias, e.marked = window{}, window{}, false
	if v := m.at(m.version); string(v) != version {
		e.put(splice{from: m.version.from, to: m.version.to, id: partVersion, text: raw(version)})
	}
	if n, ok := m.ContentLength(); !ok || n != len(m.Body()) {
		e.setLength(len(m.Body()))
	}
}

// put adds a splice in its place: by offset, then insertions by order, then
// what is replaced.
func (e *Edit) put(s splice) {
	i := len(e.splices)
	e.splices = append(e.splices, s)
	for ; i > 0 && before(&s, &e.splices[i-1]); i-- {
		e.splices[i] = e.splices[i-1]
	}
	e.splices[i] = s
}

func before(a, b *splice) bool {
	if a.from != b.from {
		return a.from < b.from
	}
	if (a.from == a.to) != (b.from == b.to) {
		return a.from == a.to
	}
	return a.order < b.order
}

// forget drops all splices of one header.
func (e *Edit) forget(id HeaderID) {
	keep := e.splices[:0]
	for _, s := range e.splices {
		if s.id != id {
			keep = append(keep, s)
		}
	}
	clear(e.splices[len(keep):])
	e.splices = keep
}

// RequestURI replaces the Request-URI.
func (e *Edit) RequestURI(uri []byte) {
	e.forget(partURI)
	e.put(splice{from: e.m.uri.from, to: e.m.uri.to, id: partURI, text: uri})
}

// PushVia puts a Via line above the first one and marks the former top Via
// with received and rport from m.Source where RFC 3261 §18.2.1 and RFC 3581 §4
// ask for it.
func (e *Edit) PushVia(value []byte) {
	e.Prepend(HdrVia, value)
	if e.marked || !e.m.Has(HdrVia) || !e.m.request {
		return
	}
	e.marked = true
	e.mark.of(e.m)
	for _, s := range e.mark.splices[:e.mark.n] {
		e.put(splice{from: s.from, to: s.to, id: HdrVia, text: e.mark.text[s.textFrom:s.textTo]})
	}
}

// PopVia removes the topmost Via element (its line when it was alone on it).
func (e *Edit) PopVia() { e.popFirst(HdrVia, &e.vias) }

// PopRoute removes the topmost Route element; may be called again to remove
// the next one.
func (e *Edit) PopRoute() { e.popFirst(HdrRoute, &e.routes) }

// DropLastRoute removes the last Route element (strict routing, §16.4).
func (e *Edit) DropLastRoute() { e.popLast(HdrRoute, &e.routes) }

// Prepend puts a line with value above the first line of that id (below the
// Vias when there is none). Several calls stack: the last one is topmost.
func (e *Edit) Prepend(id HeaderID, value []byte) {
	at := e.m.head
	if i := e.m.firstLine(id); i >= 0 {
		at = e.m.lines[i].start
	} else if i := e.m.lastLine(HdrVia); i >= 0 {
		at = e.m.lineEnd(i)
	}
	e.seq++
	e.put(splice{from: at, to: at, order: -e.seq, id: id, name: headerNames[id], text: value})
}

// Set replaces the first line's value and removes further lines of that id, or
// adds the line when there is none. Earlier edits of that header are forgotten.
func (e *Edit) Set(id HeaderID, value []byte) {
	e.forget(id)
	i := e.m.firstLine(id)
	if i < 0 {
		e.Add(id, value)
		return
	}
	l := &e.m.lines[i]
	e.put(splice{from: l.value.from, to: l.value.to, id: id, text: value})
	for i = e.m.next(id, i+1); i >= 0; i = e.m.next(id, i+1) {
		e.DelAt(i)
	}
}

// Add appends a line after the last header line.
func (e *Edit) Add(id HeaderID, value []byte) {
	e.seq++
	e.put(splice{from: e.m.head, to: e.m.head, order: e.seq, id: id, name: headerNames[id], text: value})
}

// AddName is Add for a header without an id.
func (e *Edit) AddName(name string, value []byte) {
	e.seq++
	e.put(splice{from: e.m.head, to: e.m.head, order: e.seq, name: name, text: value})
}

// Del removes all lines of that id. Earlier edits of that header are forgotten.
func (e *Edit) Del(id HeaderID) {
	e.forget(id)
	for i := e.m.firstLine(id); i >= 0; i = e.m.next(id, i+1) {
		e.DelAt(i)
	}
}

// DelAt removes line i.
func (e *Edit) DelAt(i int) {
	e.put(splice{from: e.m.lines[i].start, to: e.m.lineEnd(i), id: e.m.lines[i].id})
}

// SetAt replaces the value of line i.
func (e *Edit) SetAt(i int, value []byte) {
	l := &e.m.lines[i]
	e.put(splice{from: l.value.from, to: l.value.to, id: l.id, text: value})
}

// DelName removes all lines of that name.
func (e *Edit) DelName(name string) {
	if id := HeaderByName(name); id != HdrOther {
		e.Del(id)
		return
	}
	for i := range e.m.lines {
		l := &e.m.lines[i]
		if l.id == HdrOther && EqualFold(e.m.buf[l.start:l.nameEnd], name) {
			e.DelAt(i)
		}
	}
}

// Body replaces the body; Content-Length follows, contentType when not empty.
func (e *Edit) Body(contentType string, body []byte) {
	e.setLength(len(body))
	if contentType != "" {
		e.Set(HdrContentType, raw(contentType))
	}
	e.forget(partBody)
	e.put(splice{from: e.m.body, to: uint32(len(e.m.buf)), id: partBody, text: body})
}

func (e *Edit) setLength(n int) {
	e.Set(HdrContentLength, appendUint(e.length[:0], uint64(n)))
}

// Append appends the edited message to dst.
func (e *Edit) Append(dst []byte) []byte {
	b := e.m.buf
	at := uint32(0)
	for i := range e.splices {
		s := &e.splices[i]
		if s.from > at {
			dst = append(dst, b[at:s.from]...)
		}
		switch {
		case s.name != "":
			dst = appendLine(dst, s.name, s.text)
		case s.id == partBody:
			dst = append(dst, s.text...)
		default:
			dst = appendValue(dst, s.text)
		}
		at = max(at, s.to)
	}
	return append(dst, b[at:]...)
}
