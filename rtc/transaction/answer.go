package transaction

import (
	"math/rand/v2"
	"net/netip"
	"strconv"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// replyPort is the UDP port responses go to when it is not the request's source
// port: without rport it is that of the Via (RFC 3261 §18.2.2, RFC 3581 §4). On
// streams it is the port of a new connection, for when the old one has gone.
// The address is always the source's. maddr is not honoured: a response sent
// where the request says would make this server an amplifier.
func (l *Layer) replyPort(f transport.Flow, via *sip.Via) uint16 {
	if via.Host == nil {
		return 0
	}
	p := l.wire.Proto(f)
	switch {
	case via.RPort && !p.Stream():
		return 0
	case via.Port != 0:
		return via.Port
	case p.Secure():
		return 5061
	}
	return 5060
}

func toPort(f transport.Flow, port uint16) transport.Flow {
	if port != 0 {
		f.Remote = netip.AddrPortFrom(f.Remote.Addr(), port)
	}
	return f
}

// reply sends a response by the request's flow, or by a new connection when
// that one is gone.
func (ln *Lane) reply(f transport.Flow, port uint16, b []byte, fail transport.Failer) {
	w := ln.l.wire
	if !w.Proto(f).Stream() {
		f = toPort(f, port)
	} else if !w.Alive(f) {
		var ok bool
		if f, ok = ln.reconnect(f, port); !ok {
			return
		}
	}
	ln.send(f, b, fail)
}

// reconnect opens a connection to where the request came from, at the port of
// its sent-by (RFC 3261 §18.2.2). The Via of the response is not asked: it has
// been in others' hands. A browser's WebSocket cannot be called back.
func (ln *Lane) reconnect(f transport.Flow, port uint16) (transport.Flow, bool) {
	p := ln.l.wire.Proto(f)
	if p == transport.WS || p == transport.WSS || port == 0 {
		return f, false
	}
	to := transport.Target{Proto: p, Addr: netip.AddrPortFrom(f.Remote.Addr(), port), Via: ln.l.wire.Listener(f)}
	f, err := ln.l.wire.Flow(to)
	if err != nil {
		ln.l.log.Debug("no way back for a response", "peer", to.Addr, "err", err)
	}
	return f, err == nil
}

// refuse answers a malformed request without keeping anything; other malformed
// messages are discarded. It runs off the lanes: the Call-ID may be what is wrong.
func (l *Layer) refuse(out transport.Sink, f transport.Flow, m *sip.Message, err *sip.Error) {
	l.malformed.Add(1)
	l.log.Debug("malformed message", "peer", f.Remote, "code", err.Code, "err", err.Reason)
	if err.Code == 0 || !m.IsRequest() || m.Method() == sip.ACK {
		return
	}
	via, _ := m.TopVia() // none: answered where it came from
	b := l.buffers.get(2048)
	defer l.buffers.put(b)
	b.b = sip.AppendResponse(b.b, m, sip.Response{Code: err.Code, Reason: err.Reason, ToTag: l.tagOf(m)})
	if !l.wire.Proto(f).Stream() {
		f = toPort(f, l.replyPort(f, &via))
	}
	out.Send(f, b.b, nil)
}

// tagOf is the tag of an answer to m, which may lack anything.
func (l *Layer) tagOf(m *sip.Message) string {
	via, _ := m.TopVia()
	return l.tag(appendKey(nil, m, &via, folded(m.Method())))
}

func (l *Layer) tag(key []byte) string {
	var tag [16]byte
	return string(l.appendTag(tag[:0], key))
}

// refuseOwn answers a request that we sent and nobody has passed on since: it
// went in a circle, to an address of ours that the TU took for another's. The
// address it comes from, ours, says nothing of who wants it served, and may be
// trusted.
func (ln *Lane) refuseOwn(f transport.Flow, m *sip.Message, via *sip.Via) {
	ln.l.log.Warn("a request came back from ourselves; name the address it went to under domains or names",
		"call_id", string(m.CallID()), "method", string(m.MethodName()), "peer", f.Remote.String())
	if m.Method() == sip.ACK {
		return
	}
	ln.scratch = sip.AppendResponse(ln.scratch[:0], m, sip.Response{Code: 482, ToTag: ln.l.tagOf(m)})
	ln.reply(f, ln.l.replyPort(f, via), ln.scratch, nil)
}

// refuseLoad answers 503 to a request that was not admitted; ln.key is its key.
// Retry-After is spread, so that those refused together do not return together.
func (ln *Lane) refuseLoad(f transport.Flow, m *sip.Message, via *sip.Via) {
	ln.l.shed.Add(1)
	after := ln.l.cfg.RetryAfter
	after += rand.N(after + 1)
	var line [48]byte
	header := append(line[:0], "Retry-After: "...)
	header = strconv.AppendInt(header, int64(after.Seconds()+0.5), 10)
	header = append(header, "\r\n"...)
	ln.scratch = sip.AppendResponse(ln.scratch[:0], m, sip.Response{Code: 503, ToTag: ln.l.tag(ln.key), Header: header})
	ln.reply(f, ln.l.replyPort(f, via), ln.scratch, nil)
}
