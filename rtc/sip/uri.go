package sip

// URI is a parsed sip:, sips: or tel: URI (RFC 3261 §19.1, RFC 3966), or any
// other absolute URI of which only Scheme and Opaque are set. Slices point into
// the parsed bytes and are as spelled (escapes kept).
type URI struct {
	Scheme   []byte // as spelled, without ':'
	Kind     URIKind
	User     []byte // nil when absent; includes user parameters (";par=u"), for tel: the number
	Password []byte // nil when absent
	Host     []byte // IPv6 with its brackets
	Port     uint16 // 0 when absent
	Params   []byte // with leading ';'
	Headers  []byte // after '?'
	Opaque   []byte // of other schemes: everything after ':'
}

// URIKind is the scheme.
type URIKind uint8

// The schemes a SIP server routes.
const (
	URIOther URIKind = iota
	URISIP
	URISIPS
	URITel
)

// ParseURI reads a whole URI. The error's Code is 400 for bad syntax and 416
// is left to the caller (Kind == URIOther).
func ParseURI(b []byte) (URI, *Error) { panic("unwritten") }

// Param returns a URI parameter.
func (u URI) Param(name string) ([]byte, bool) { return Param(u.Params, name) }

// EqualURI compares by the rules of RFC 3261 §19.1.4 (and RFC 3966 §4 for tel:).
func EqualURI(a, b URI) bool { panic("unwritten") }

// AppendAOR appends the canonical address-of-record of a sip:, sips: or tel:
// URI as RFC 3261 §10.3 step 5 wants it: scheme "sip:" (sips is folded into sip), user
// unescaped where the escape was not needed, host in lower case, no parameters
// (so ";user=phone" is ignored), no headers, no password; the port is dropped
// when it is the default or 0. Example: "sip:alice@example.com".
func (u URI) AppendAOR(dst []byte) []byte { panic("unwritten") }

// AppendUnescaped appends b with %XX decoded once.
func AppendUnescaped(dst, b []byte) []byte { panic("unwritten") }
