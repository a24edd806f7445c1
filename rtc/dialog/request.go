package dialog

import (
	"strconv"

	"tandem/rtc/sip"
	"tandem/rtc/uac"
)

// Content is what the user of a dialog adds to a message.
type Content = uac.Content

// nextSeq takes the sequence number of a new request.
func (d *Dialog) nextSeq() uint32 {
	d.localSeq++
	return d.localSeq
}

// Hop is the URI that says where a request in the dialog is sent: the first
// route or the target (RFC 3261 §8.1.2, §12.2.1.1).
func (d *Dialog) Hop() []byte {
	if len(d.routes) > 0 {
		if a, err := sip.ParseNameAddr(d.routes[0]); err == nil {
			return a.URI
		}
	}
	return d.target
}

// hop is where requests in the dialog go.
func (d *Dialog) hop() uac.Hop {
	h := uac.Hop{URI: d.Hop(), Peer: d.peer, Shape: d.shape}
	if d.sticky {
		h.Flow = d.flow
	}
	if d.peer == "" {
		h.By = d.flow.Remote // its Contact leads there
	}
	return h
}

// path is the Request-URI and the Route values of a request (RFC 3261 §12.2.1.1).
func (d *Dialog) path() (uri []byte, routes [][]byte) {
	if len(d.routes) == 0 {
		return d.target, nil
	}
	a, err := sip.ParseNameAddr(d.routes[0])
	if err != nil {
		return d.target, d.routes
	}
	u, err := sip.ParseURI(a.URI)
	if err != nil {
		return d.target, d.routes
	}
	if _, loose := u.Param("lr"); loose {
		return d.target, d.routes
	}
	// A strict router wants to be the Request-URI; the target goes last.
	last := append(append([]byte{'<'}, d.target...), '>')
	return u.RequestForm(a.URI), append(append([][]byte(nil), d.routes[1:]...), last)
}

// appendRequest appends a request in the dialog; via is the value of its Via.
// extra are further header lines of ours, before those of c.
func (d *Dialog) appendRequest(dst []byte, method string, seq uint32, via, extra []byte, c Content) []byte {
	b := sip.Builder{Buf: dst}
	uri, routes := d.path()
	b.Request(method, uri)
	b.Header(sip.HdrVia, via)
	for _, r := range routes {
		b.Header(sip.HdrRoute, r)
	}
	b.HeaderString(sip.HdrMaxForwards, "70")
	b.Header(sip.HdrFrom, d.from)
	b.Header(sip.HdrTo, d.to)
	b.HeaderString(sip.HdrCallID, d.id.CallID)
	b.HeaderString(sip.HdrCSeq, strconv.FormatUint(uint64(seq), 10)+" "+method)
	b.Raw(extra)
	b.Raw(c.Header)
	return b.Finish(c.Type, c.Body)
}
