package dialog

import (
	"tandem/rtc/transport"
)

// Wire is what a UA needs of the transport.
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

// appendVia appends a Via value up to the "=" of its branch, which whoever
// knows it appends.
func appendVia(dst []byte, p transport.Proto, sentBy []byte) []byte {
	dst = append(dst, "SIP/2.0/"...)
	dst = append(dst, p.String()...)
	dst = append(dst, ' ')
	dst = append(dst, sentBy...)
	return append(dst, ";rport;branch="...) // RFC 3581 §3
}

// appendContact appends a Contact line for a flow.
func appendContact(dst []byte, user string, p transport.Proto, sentBy []byte, secure bool) []byte {
	dst = append(dst, "Contact: <sip"...)
	if secure {
		dst = append(dst, 's')
	}
	dst = append(dst, ':')
	if user != "" {
		dst = append(append(dst, user...), '@')
	}
	dst = append(dst, sentBy...)
	if p != transport.UDP && !(secure && p == transport.TLS) {
		dst = append(append(dst, ";transport="...), p.Param()...)
	}
	return append(dst, ">\r\n"...)
}
