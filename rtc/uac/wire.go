package uac

import "tandem/rtc/transport"

// Wire is what a Client needs of the transport.
type Wire interface {
	// Flow finds or begins a way to a target.
	Flow(to transport.Target) (transport.Flow, error)
	// Local is the protocol of a flow and our host:port on it.
	Local(f transport.Flow) (p transport.Proto, sentBy []byte)
	// Alive reports whether a flow can still be used.
	Alive(f transport.Flow) bool
}

type over struct{ t *transport.Transport }

// Over is the Wire of a transport.
func Over(t *transport.Transport) Wire { return over{t} }

func (o over) Flow(to transport.Target) (transport.Flow, error) { return o.t.Flow(to) }
func (o over) Alive(f transport.Flow) bool                      { return f.Alive() }
func (o over) Local(f transport.Flow) (transport.Proto, []byte) {
	return f.Proto(), f.Listener().SentBy()
}

// AppendVia appends a Via value up to the "=" of its branch, which whoever
// knows it appends.
func AppendVia(dst []byte, p transport.Proto, sentBy []byte) []byte {
	dst = append(dst, "SIP/2.0/"...)
	dst = append(dst, p.String()...)
	dst = append(dst, ' ')
	dst = append(dst, sentBy...)
	return append(dst, ";rport;branch="...) // RFC 3581 §3
}

// Contact is our Contact in a request or response.
type Contact struct {
	User   string // "" none
	URI    string // parameters of the URI, each with its leading ';'
	Params string // header parameters, each with its leading ';'
	Secure bool   // sips
}

// Append appends the Contact line for a flow. Without one, for a message that is
// written only to learn its size, it appends as much of anything.
func (c Contact) Append(dst []byte, w Wire, f transport.Flow) []byte {
	if !f.Remote.IsValid() {
		return append(append(append(dst, make([]byte, 80)...), c.URI...), c.Params...)
	}
	p, sentBy := w.Local(f)
	dst = append(dst, "Contact: <sip"...)
	if c.Secure {
		dst = append(dst, 's')
	}
	dst = append(dst, ':')
	if c.User != "" {
		dst = append(append(dst, c.User...), '@')
	}
	dst = append(dst, sentBy...)
	if p != transport.UDP && !(c.Secure && p == transport.TLS) {
		dst = append(append(dst, ";transport="...), p.Param()...)
	}
	dst = append(append(append(dst, c.URI...), '>'), c.Params...)
	return append(dst, "\r\n"...)
}
