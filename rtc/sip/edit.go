package sip

// Edit turns a received message into the one to forward: a list of splices
// applied in one pass, so that every octet not named stays as it came. The
// zero value is ready; Start makes it ready again without allocating.
// Values given to it must stay unchanged until Append.
type Edit struct{ m *Message }

// Start begins editing m and forgets earlier splices.
func (e *Edit) Start(m *Message) { panic("unwritten") }

// RequestURI replaces the Request-URI.
func (e *Edit) RequestURI(uri []byte) { panic("unwritten") }

// PushVia puts a Via line above the first one and marks the former top Via
// with received and rport from m.Source where RFC 3261 §18.2.1 and RFC 3581 §4
// ask for it.
func (e *Edit) PushVia(value []byte) { panic("unwritten") }

// PopVia removes the topmost Via element (its line when it was alone on it).
func (e *Edit) PopVia() { panic("unwritten") }

// PopRoute removes the topmost Route element; may be called again to remove
// the next one.
func (e *Edit) PopRoute() { panic("unwritten") }

// DropLastRoute removes the last Route element (strict routing, §16.4).
func (e *Edit) DropLastRoute() { panic("unwritten") }

// Prepend puts a line with value above the first line of that id (below the
// Vias when there is none). Several calls stack: the last one is topmost.
func (e *Edit) Prepend(id HeaderID, value []byte) { panic("unwritten") }

// Set replaces the first line's value and removes further lines of that id, or
// adds the line when there is none.
func (e *Edit) Set(id HeaderID, value []byte) { panic("unwritten") }

// Add appends a line after the last header line.
func (e *Edit) Add(id HeaderID, value []byte) { panic("unwritten") }

// AddName is Add for a header without an id.
func (e *Edit) AddName(name string, value []byte) { panic("unwritten") }

// Del removes all lines of that id.
func (e *Edit) Del(id HeaderID) { panic("unwritten") }

// DelAt removes line i.
func (e *Edit) DelAt(i int) { panic("unwritten") }

// DelName removes all lines of that name.
func (e *Edit) DelName(name string) { panic("unwritten") }

// Body replaces the body; Content-Length follows, contentType when not empty.
func (e *Edit) Body(contentType string, body []byte) { panic("unwritten") }

// Append appends the edited message to dst.
func (e *Edit) Append(dst []byte) []byte { panic("unwritten") }
