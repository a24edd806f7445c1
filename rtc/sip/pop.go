package sip

// window is what is left of a list header: the place of its first and the end
// of its last element, as line and offset in the line's value.
type window struct {
	set        bool
	loLine, lo int
	hiLine, hi int
}

// open sets the window to the whole list.
func (w *window) open(m *Message, id HeaderID) {
	if w.set {
		return
	}
	w.set = true
	w.loLine, w.lo = m.firstLine(id), 0
	w.hiLine = m.lastLine(id)
	if w.hiLine < 0 {
		w.loLine = 0 // nothing is left of nothing
		return
	}
	w.hi = len(m.at(m.lines[w.hiLine].value))
}

// part is what is left of line i, as offsets in its value.
func (w *window) part(m *Message, i int) (value []byte, from int) {
	value = m.at(m.lines[i].value)
	if i == w.hiLine {
		value = value[:w.hi]
	}
	if i == w.loLine {
		from = w.lo
	}
	return value, from
}

// below moves the start to the line after line i.
func (w *window) below(m *Message, id HeaderID, i int) {
	w.lo = 0
	if w.loLine = m.next(id, i+1); w.loLine < 0 {
		w.loLine = len(m.lines)
	}
}

// popFirst removes the first element that is left; a line that has no other is
// removed with it.
func (e *Edit) popFirst(id HeaderID, w *window) {
	w.open(e.m, id)
	for i := w.loLine; i >= 0 && i <= w.hiLine; i = e.m.next(id, i+1) {
		value, pos := w.part(e.m, i)
		found, pos := element(value, pos)
		if found.from == found.to {
			w.below(e.m, id, i)
			continue
		}
		rest, _ := element(value, pos)
		if rest.from == rest.to {
			e.DelAt(i)
			w.below(e.m, id, i)
			return
		}
		base := e.m.lines[i].value.from
		e.put(splice{from: base + found.from, to: base + rest.from, id: id})
		w.loLine, w.lo = i, int(rest.from)
		return
	}
}

// popLast removes the last element that is left.
func (e *Edit) popLast(id HeaderID, w *window) {
	w.open(e.m, id)
	for w.hiLine >= 0 && w.hiLine >= w.loLine {
		i := w.hiLine
		value, pos := w.part(e.m, i)
		var last, before span
		for pos < len(value) {
			var s span
			if s, pos = element(value, pos); s.from < s.to {
				before, last = last, s
			}
		}
		if before.to > 0 {
			base := e.m.lines[i].value.from
			e.put(splice{from: base + before.to, to: base + uint32(w.hi), id: id})
			w.hi = int(before.to)
			return
		}
		if last.to > 0 {
			e.DelAt(i)
		}
		w.hiLine = e.m.previous(id, i-1)
		if w.hiLine >= 0 {
			w.hi = len(e.m.at(e.m.lines[w.hiLine].value))
		}
		if last.to > 0 {
			return
		}
	}
}

// element is the first element from pos on that is not empty.
func element(v []byte, pos int) (span, int) {
	for pos < len(v) {
		var s span
		if s, pos = nextElement(v, pos); s.from < s.to {
			return s, pos
		}
	}
	return span{}, len(v)
}

// lastLine is the index of the last line with that id, -1 without one.
func (m *Message) lastLine(id HeaderID) int { return m.previous(id, len(m.lines)-1) }

// previous is the index of the last line with that id up to i, -1 without one.
func (m *Message) previous(id HeaderID, i int) int {
	for ; i >= 0; i-- {
		if m.lines[i].id == id {
			return i
		}
	}
	return -1
}
