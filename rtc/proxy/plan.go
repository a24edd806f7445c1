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

	maxForwards int    // of the copies
	breadth     int    // Max-Breadth (RFC 5393 §5) received, or 60
	hasBreadth  bool   // it was received
	loop        uint64 // what a loop would have in common with this request

	uri      sip.URI  // Request-URI to route by; dies with the message unless ruri is set
	ruri     string   // replaces the received Request-URI; "" keeps it
	pops     int      // own Routes to remove from the top
	dropLast bool     // the last Route has become the Request-URI (strict routing)
	next     []byte   // URI of the topmost Route that is not ours, nil when none; dies with the message
	ours     bool     // it came through a Route of ours
	mark     standing // what the mark in our Route grants

	flow     transport.Flow      // the Route's token names this way onward
	deadFlow bool                // the token's flow has gone
	via      *transport.Listener // the last Route of ours names it; nil when none does

	from *rtc.Identity // the sender, nil when not known
}

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
