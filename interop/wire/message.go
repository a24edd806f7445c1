package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Message is a SIP message as it came: split, not interpreted.
type Message struct {
	Raw    []byte
	Start  string // the first line
	Fields []Field
	Body   []byte
	flow   flow // what it came by
}

// Field is one header field. Value is unfolded, without blanks around it.
type Field struct{ Name, Value string }

// compact names (RFC 3261 §7.3.3 and the registrations after it).
var compact = map[string]string{
	"a": "accept-contact", "b": "referred-by", "c": "content-type", "e": "content-encoding", "f": "from",
	"i": "call-id", "k": "supported", "l": "content-length", "m": "contact", "o": "event", "r": "refer-to",
	"s": "subject", "t": "to", "u": "allow-events", "v": "via", "x": "session-expires",
}

// Canonical is a header field's name in small letters, the long form of a
// compact one.
func Canonical(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if long, ok := compact[name]; ok {
		return long
	}
	return name
}

// Parse splits a message. It is as strict as a device has to be: a line without
// a colon, a missing end of the head or a Content-Length that does not fit is
// an error, because a device would not understand it.
func Parse(b []byte) (*Message, error) {
	m, err := Split(b)
	if err != nil {
		return nil, err
	}
	if n := m.Get("Content-Length"); n != "" {
		if v, err := strconv.Atoi(n); err != nil || v != len(m.Body) {
			return nil, fmt.Errorf("Content-Length is %s, the body has %d octets", n, len(m.Body))
		}
	}
	return m, nil
}

// Split is Parse without a look at Content-Length.
func Split(b []byte) (*Message, error) {
	head, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return nil, errors.New("the head of the message has no end (an empty line)")
	}
	lines := strings.Split(string(head), "\r\n")
	m := &Message{Raw: b, Start: lines[0], Body: body}
	if !strings.HasPrefix(m.Start, "SIP/2.0 ") && !strings.HasSuffix(m.Start, " SIP/2.0") {
		return nil, fmt.Errorf("the first line %q is neither a request nor a response", m.Start)
	}
	for _, l := range lines[1:] {
		if strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t") {
			if len(m.Fields) == 0 {
				return nil, fmt.Errorf("line %q continues nothing", l)
			}
			last := &m.Fields[len(m.Fields)-1]
			last.Value = strings.TrimSpace(last.Value + " " + strings.TrimSpace(l))
			continue
		}
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			return nil, fmt.Errorf("line %q has no colon", l)
		}
		m.Fields = append(m.Fields, Field{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	return m, nil
}

// IsRequest tells a request from a response.
func (m *Message) IsRequest() bool { return !strings.HasPrefix(m.Start, "SIP/2.0 ") }

// Method is that of a request, or that a response answers.
func (m *Message) Method() string {
	if m.IsRequest() {
		method, _, _ := strings.Cut(m.Start, " ")
		return method
	}
	_, method, _ := strings.Cut(strings.ReplaceAll(m.Get("CSeq"), "\t", " "), " ")
	return strings.TrimSpace(method)
}

// RequestURI is that of a request, "" for a response.
func (m *Message) RequestURI() string {
	if w := strings.Split(m.Start, " "); m.IsRequest() && len(w) == 3 {
		return w[1]
	}
	return ""
}

// Status is the code of a response, 0 for a request.
func (m *Message) Status() int {
	if w := strings.SplitN(m.Start, " ", 3); !m.IsRequest() && len(w) > 1 {
		n, _ := strconv.Atoi(w[1])
		return n
	}
	return 0
}

// Get is the value of the first field of a name, long or compact.
func (m *Message) Get(name string) string {
	for _, f := range m.Fields {
		if Canonical(f.Name) == Canonical(name) {
			return f.Value
		}
	}
	return ""
}

// Values are all values of a name; several on one line are taken apart.
func (m *Message) Values(name string) (list []string) {
	for _, f := range m.Fields {
		if Canonical(f.Name) == Canonical(name) {
			list = append(list, elements(f.Value)...)
		}
	}
	return list
}

// CSeq is the number of the CSeq, 0 when there is none.
func (m *Message) CSeq() int {
	n, _, _ := strings.Cut(strings.ReplaceAll(m.Get("CSeq"), "\t", " "), " ")
	v, _ := strconv.Atoi(n)
	return v
}

// elements splits at commas outside quotes and angle brackets.
func elements(value string) (list []string) {
	begin, quoted, angle := 0, false, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && c == '<':
			angle = true
		case !quoted && c == '>':
			angle = false
		case !quoted && !angle && c == ',':
			list = append(list, strings.TrimSpace(value[begin:i]))
			begin = i + 1
		}
	}
	return append(list, strings.TrimSpace(value[begin:]))
}

// URI is the address in a From, To, Contact or Route value.
func URI(value string) string {
	quoted := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && c == '<':
			uri, _, _ := strings.Cut(value[i+1:], ">")
			return uri
		}
	}
	uri, _, _ := strings.Cut(value, ";")
	return strings.TrimSpace(uri)
}

// Param is a parameter of a header value, outside its address and its quotes.
func Param(value, name string) (string, bool) {
	if i := strings.Index(value, "<"+URI(value)+">"); i >= 0 {
		value = value[i+len(URI(value))+2:]
	}
	for _, p := range split(value, ';') {
		k, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.Trim(strings.TrimSpace(v), `"`), true
		}
	}
	return "", false
}

// split splits at a separator outside quotes.
func split(s string, sep byte) (list []string) {
	begin, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && c == sep:
			list = append(list, s[begin:i])
			begin = i + 1
		}
	}
	return append(list, s[begin:])
}
