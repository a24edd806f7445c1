package sip

// NameAddr is a name-addr or addr-spec with header parameters, as in From, To,
// Contact, Route, Record-Route, Path, Refer-To (RFC 3261 §20.10). Slices point
// into the parsed bytes.
type NameAddr struct {
	Display   []byte // as spelled, with its quotes; nil when absent
	URI       []byte // without angle brackets
	Params    []byte // header parameters with their leading ';', without surrounding blanks
	Bracketed bool   // URI stood in <>
	Star      bool   // Contact: *
}

// ParseNameAddr reads one element of a name-addr list.
func ParseNameAddr(b []byte) (NameAddr, *Error) { panic("unwritten") }

// Param returns a header parameter's value: unquoted token or the inside of a
// quoted string; nil,true for a parameter without value.
func (a NameAddr) Param(name string) ([]byte, bool) { panic("unwritten") }

// Via is one Via element (RFC 3261 §20.42).
type Via struct {
	Transport []byte // "UDP", as spelled
	Host      []byte // sent-by host; IPv6 with its brackets
	Port      uint16 // 0 when absent
	Params    []byte // with leading ';'
	Branch    []byte // nil when absent
	Received  []byte
	RPort     bool   // rport present
	RPortPort uint16 // its value, 0 when empty
}

// ParseVia reads one Via element.
func ParseVia(b []byte) (Via, *Error) { panic("unwritten") }

// Param finds name among ";a=b;c" parameters, quote-aware, blanks around ';'
// and '=' allowed, names case-insensitive.
func Param(params []byte, name string) ([]byte, bool) { panic("unwritten") }

// Params calls f for each parameter until it returns false.
func Params(params []byte, f func(name, value []byte) bool) { panic("unwritten") }

// EqualFold compares ASCII case-insensitively without allocating.
func EqualFold(b []byte, s string) bool { panic("unwritten") }
