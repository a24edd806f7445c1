package proxy

import (
	"bytes"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// plan holds what is the same for every copy of a forwarded request: the results of
// validation and route processing.
type plan struct {
	in     transport.Flow // by which the request came
	method sip.Method

	maxForwards int // value for the copies
	breadth     breadth
	loop        uint64 // hash by which a loop of this request is recognized

	uri      sip.URI  // Request-URI used for routing; points into the message unless ruri is set
	ruri     string   // replaces the received Request-URI; "" keeps it
	pops     int      // own Routes to remove from the top
	dropLast bool     // the last Route has become the Request-URI (strict routing)
	next     []byte   // URI of the topmost Route that is not ours, nil when none; points into the message
	mark     standing // granted by the mark in our Route

	guide guide
	flow  transport.Flow      // the way onward, from the token in our Route
	via   *transport.Listener // the listener that the last Route of ours names; nil when none does

	from *rtc.Identity // the sender, nil when unknown
}

// guide says which Route brought a request here, and whether that determines the way
// onward.
type guide uint8

const (
	byItself guide = iota // no Route of ours
	byRoute               // a Route without a flow token
	byToken               // a Route whose token names a live flow
	byLost                // a Route whose token names a flow that has gone
)

// asserts reports whether the sender's assertions about the caller are believed (RFC
// 3325).
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

// dialogMaking reports whether the proxy stays in the path of what the method begins.
func (pl *plan) dialogMaking() bool {
	switch pl.method {
	case sip.INVITE, sip.SUBSCRIBE, sip.NOTIFY, sip.REFER:
		return true
	}
	return false
}

// oneElement reports whether a list header has a single element. It may return false
// for one element that contains a comma.
func oneElement(m *sip.Message, id sip.HeaderID) bool {
	return m.Count(id) == 1 && bytes.IndexByte(m.Get(id), ',') < 0
}
