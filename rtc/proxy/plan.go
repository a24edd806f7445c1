package proxy

import (
	"bytes"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// plan is what holds for every copy of a request that is forwarded: what
// validation and route processing found out.
type plan struct {
	in     transport.Flow // the request came by
	method sip.Method

	maxForwards int // of the copies
	breadth     breadth
	loop        uint64 // what a loop would have in common with this request

	uri      sip.URI  // Request-URI to route by; dies with the message unless ruri is set
	ruri     string   // replaces the received Request-URI; "" keeps it
	pops     int      // own Routes to remove from the top
	dropLast bool     // the last Route has become the Request-URI (strict routing)
	next     []byte   // URI of the topmost Route that is not ours, nil when none; dies with the message
	mark     standing // what the mark in our Route grants

	guide guide
	flow  transport.Flow      // the way onward that the Route's token names
	via   *transport.Listener // the last Route of ours names it; nil when none does

	from *rtc.Identity // the sender, nil when not known
}

// guide is what brought a request here, and what that says about its way onward.
type guide uint8

const (
	byItself guide = iota // no Route of ours
	byRoute               // one, which names no flow
	byToken               // one whose token names the flow
	byLost                // one whose token names a flow that has gone
)

// asserts reports whether what the sender says of the caller is believed (RFC 3325).
func (pl *plan) asserts() bool {
	switch {
	case pl.from == nil:
		return false
	case pl.from.Peer != "":
		return pl.from.Rights.Has(rtc.Asserts)
	}
	return pl.from.Method == rtc.AuthTrusted || pl.from.Method == rtc.AuthTLS
}

// phone reports whether the sender is a user's device.
func (pl *plan) phone() bool { return pl.from != nil && pl.from.AOR != "" && pl.from.Peer == "" }

// dialogMaking reports whether we stay in the path of what the method begins.
func (pl *plan) dialogMaking() bool {
	switch pl.method {
	case sip.INVITE, sip.SUBSCRIBE, sip.NOTIFY, sip.REFER:
		return true
	}
	return false
}

// oneElement reports whether a list header has a single element. It may say no
// of one element that holds a comma.
func oneElement(m *sip.Message, id sip.HeaderID) bool {
	return m.Count(id) == 1 && bytes.IndexByte(m.Get(id), ',') < 0
}
