package event

import (
	"strconv"
	"sync"

	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// notice is a NOTIFY on its way.
type notice struct {
	n       *Notifier
	sub     *subscription
	doc     *rendered // nil: of a list
	body    *Document // nil: none
	seq     uint32
	count   uint32
	state   State
	reason  string
	expires int64 // seconds
	target  string
	flow    transport.Flow
	last    bool
	bare    bool  // the subscriber has the document
	part    *part // of a list, what it tells
	rates   rates
	turn    uint32 // see queue.sent
	tx      transaction.Client
}

// notices are those that were answered.
var notices = sync.Pool{New: func() any { return new(notice) }}

func (x *notice) append(dst, via []byte, seq uint32, f transport.Flow) []byte {
	return x.appendVia(dst, via, seq, f, x.sub.leg.routes)
}

// appendVia writes the NOTIFY.
func (x *notice) appendVia(dst, via []byte, seq uint32, f transport.Flow, routes string) []byte {
	l := x.sub.leg
	p := x.sub.topic.pkg
	uri, routes := strict(x.target, routes)
	dst = append(append(append(dst, "NOTIFY "...), uri...), " SIP/2.0\r\nVia: "...)
	dst = append(append(dst, via...), "\r\n"...)
	if routes != "" {
		dst = append(append(append(dst, "Route: "...), routes...), "\r\n"...)
	}
	dst = append(append(append(dst, "Max-Forwards: 70\r\nFrom: "...), l.from...), "\r\nTo: "...)
	dst = append(append(append(dst, l.to...), "\r\nCall-ID: "...), l.callID...)
	dst = strconv.AppendUint(append(dst, "\r\nCSeq: "...), uint64(seq), 10)
	dst = append(dst, " NOTIFY\r\n"...)
	dst = x.sub.contact().Append(dst, x.n.cfg.Wire, f)
	dst = append(append(dst, "Event: "...), p.Name...)
	if x.sub.id != "" {
		dst = append(append(dst, ";id="...), x.sub.id...)
	}
	dst = append(append(dst, "\r\nSubscription-State: "...), x.state...)
	if x.reason != "" {
		dst = append(append(dst, ";reason="...), x.reason...)
	}
	if x.state != Terminated {
		dst = strconv.AppendInt(append(dst, ";expires="...), x.expires, 10)
	} else {
		dst = append(dst, ";expires=0"...)
	}
	if x.reason == "probation" {
		dst = append(dst, ";retry-after=60"...) // RFC 6665 §4.1.3
	}
	dst = x.rates.append(dst, p)
	dst = append(dst, "\r\nAllow-Events: "...)
	dst = append(append(dst, x.n.allow...), "\r\n"...)
	if x.part != nil {
		dst = append(dst, "Require: eventlist\r\n"...)
	}
	if x.doc != nil && x.body == &x.doc.doc && x.doc.rest != nil {
		return append(dst, x.doc.rest...)
	}
	if x.doc != nil && (x.bare || x.body != nil && x.body.Type != "") {
		dst = appendETag(dst, x.doc.mark)
	}
	if x.body == nil {
		return append(dst, "Content-Length: 0\r\n\r\n"...)
	}
	return x.body.append(dst, x.count)
}

// appendETag writes the entity tag of a document (RFC 5839 §6.2).
func appendETag(dst []byte, mark uint64) []byte {
	return append(strconv.AppendUint(append(dst, "SIP-ETag: "...), mark, 36), "\r\n"...)
}

// append writes a document as the end of a NOTIFY, of those that are counted the
// one of a number.
func (b *Document) append(dst []byte, number uint32) []byte {
	dst = append(dst, b.Header...)
	size := len(b.Body)
	var digits [10]byte
	var count []byte
	if b.Count > 0 {
		count = strconv.AppendUint(digits[:0], uint64(number+b.First), 10)
		size += len(count)
	}
	if b.Type != "" {
		dst = append(append(append(dst, "Content-Type: "...), b.Type...), "\r\n"...)
	}
	dst = strconv.AppendInt(append(dst, "Content-Length: "...), int64(size), 10)
	dst = append(dst, "\r\n\r\n"...)
	dst = append(dst, b.Body[:b.Count]...)
	dst = append(dst, count...)
	return append(dst, b.Body[b.Count:]...)
}

// strict is what a first route without lr makes of Request-URI and Route (RFC
// 3261 §12.2.1.1).
func strict(target, routes string) (uri, rest string) {
	if routes == "" {
		return target, ""
	}
	first := sip.FirstElement([]byte(routes))
	a, err := sip.ParseNameAddr(first)
	if err != nil {
		return target, routes
	}
	u, err := sip.ParseURI(a.URI)
	if err != nil {
		return target, routes
	}
	if _, loose := u.Param("lr"); loose {
		return target, routes
	}
	for v := range sip.Elements([]byte(routes)) {
		if rest != "" || string(v) != string(first) {
			rest += string(v) + ", "
		}
	}
	return string(u.RequestForm(a.URI)), rest + "<" + target + ">"
}

// transmit sends a NOTIFY: over the flow of its subscriber while that lives, else
// where its Contact leads, by our own location for a GRUU of ours.
func (n *Notifier) transmit(lane *transaction.Lane, x *notice) {
	x.turn = n.queue.sent()
	n.stats.notified.Add(1)
	buf := buffers.Get().(*[]byte)
	defer giveBack(buf)
	if x.flow != (transport.Flow{}) && n.cfg.Wire.Alive(x.flow) && (x.sub.leg.routes != "" || x.there(buf)) {
		if n.cfg.Permit == nil || n.cfg.Permit(x.sub.leg.peer, x.flow.Remote) == nil {
			n.overFlow(lane, x, buf)
			return
		}
	}
	n.byAddress(lane, x)
}

// there reports whether the flow leads where the Contact does, as far as can be seen.
func (x *notice) there(buf *[]byte) bool {
	*buf = append((*buf)[:0], x.target...)
	return reach.Compare(*buf, x.flow) != reach.OtherPort
}

func (n *Notifier) overFlow(lane *transaction.Lane, x *notice, buf *[]byte) {
	lane.Open(&x.tx, sip.NOTIFY, x)
	var via [160]byte
	p, sentBy := n.cfg.Wire.Local(x.flow)
	v := uac.AppendVia(via[:0], p, sentBy)
	v = x.tx.AppendBranch(v, nil)
	*buf = x.append((*buf)[:0], v, x.seq, x.flow)
	x.tx.Send(x.flow, x.shaped(x.flow, *buf)) // which keeps a copy
}

// byAddress finds where a NOTIFY goes by its route set or Contact.
func (n *Notifier) byAddress(lane *transaction.Lane, x *notice) {
	hop := uac.Hop{URI: []byte(x.target), Peer: x.sub.leg.peer}
	if hop.Peer == "" {
		hop.By = x.flow.Remote
	}
	routes := x.sub.leg.routes
	if routes == "" && n.cfg.GRUU != nil {
		if u, err := sip.ParseURI(hop.URI); err == nil {
			if aor, instance, ok := n.cfg.GRUU(u); ok {
				ways := n.cfg.Reach.Ways(aor, reach.Want{Instance: instance, Max: 1, Secure: x.sub.leg.secure})
				if len(ways) == 0 {
					lane.After(0, func() { x.Failed(nil, uac.ErrUnreachable) })
					return
				}
				x.target, routes, hop.URI, hop.Flow = ways[0].URI, ways[0].Path, []byte(ways[0].URI), ways[0].Flow
			}
		}
	}
	if routes != "" {
		if a, err := sip.ParseNameAddr(sip.FirstElement([]byte(routes))); err == nil {
			hop.URI = a.URI
		}
	}
	n.client.Start(uac.Request{Lane: lane, Method: "NOTIFY", URI: []byte(x.target), Hop: hop, Seq: x.seq,
		Next: func() uint32 { return x.seq },
		Write: func(dst []byte, t uac.Try) []byte {
			return x.shaped(t.Flow, x.appendVia(dst, t.Via, x.seq, t.Flow, routes))
		},
		Heard: func(_ *uac.Sending, _ transport.Flow, m *sip.Message) { x.Response(nil, m) },
		Lost:  func(_ *uac.Sending, err error) { x.outcome(nil, err) },
	})
}

// shaped is the NOTIFY as the watcher's phone needs it.
func (x *notice) shaped(f transport.Flow, message []byte) []byte {
	if x.n.cfg.Shape == nil || f == (transport.Flow{}) || !x.sub.proved {
		return message
	}
	return x.n.cfg.Shape(x.sub.user.aor, f, message)
}
