// Package reach tells how the devices of an address-of-record are reached: it
// turns bindings into ways, each with the Request-URI, the route set (RFC 3327)
// and the flow (RFC 5626) that a request to that device needs.
//
// It owns nothing and sends nothing: location keeps the bindings, and whoever
// asks for ways (the proxy, the call layer, messages) sends and decides what to
// do when one of them fails. It does not say who may be called.
package reach

import (
	"net/netip"
	"strings"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/transport"
)

// Transport is what reach needs of the transport.
type Transport interface {
	Flow(to transport.Target) (transport.Flow, error)
}

// Reach finds ways. It is safe for concurrent use.
type Reach struct {
	location  location.Lookup
	transport Transport
}

// New makes a Reach over the bindings of l, with flows of t.
func New(l location.Lookup, t Transport) *Reach { return &Reach{l, t} }

// Way is one way to a device.
type Way struct {
	// URI is the Contact, fit for a Request-URI.
	URI string
	// Path holds the Route values to put in front (RFC 3327), joined by ", "; "" for none.
	Path string
	// Flow is what the request is sent by. With no flow it goes where Path, else URI, leads.
	Flow transport.Flow
	// Sticky ways reach the device by their flow alone, so requests in the dialog
	// must use it, too: a token of it belongs into Record-Route (RFC 5626 §5.2), or
	// it stands for the Contact that the device gives.
	Sticky bool
	// Q is the preference, 0 to 1000: all ways of the highest are tried first.
	Q uint16
	// Instance is +sip.instance, "" when the device gave none.
	Instance string
	// Spare ways lead to the instance of an earlier way. They are tried only when
	// that one fails (RFC 5626 §7: never two to one instance at a time).
	Spare bool
	// Device names the device secret it registered with, "" for the user's own
	// password.
	Device string
	// CallID is that of the REGISTER.
	CallID string
	// From is where the REGISTER came from.
	From netip.AddrPort
}

// Want narrows down which ways are wanted; the zero value wants all.
type Want struct {
	Secure   bool   // no hop in the clear: the request was for a sips URI (RFC 5630 §5.3)
	Instance string // those of one device (a GRUU, RFC 5627)
	Device   string // those registered with one device secret
	Max      int    // at most so many, 0 = no limit
}

// Ways returns the ways to the devices of aor: the highest q first, the newest
// binding first within it. None: no device can be reached now.
func (r *Reach) Ways(aor rtc.AOR, want Want) []Way { return r.Append(nil, aor, want) }

// Append is Ways with the memory of dst. What dst holds counts neither for Max
// nor for Spare.
func (r *Reach) Append(dst []Way, aor rtc.AOR, want Want) []Way {
	list, before := r.location.Bindings(aor), len(dst)
	for i := range list {
		b := &list[i]
		switch {
		case want.Instance != "" && !sameInstance(b.Instance, want.Instance):
			continue
		case want.Device != "" && b.Device != want.Device:
			continue
		case want.Secure && !secure(b):
			continue
		case want.Max > 0 && len(dst)-before >= want.Max:
			return dst
		}
		if w, ok := r.way(b); ok {
			w.Spare = known(dst[before:], w.Instance)
			dst = append(dst, w)
		}
	}
	return dst
}

// To is the way to one binding; not ok: there is none now.
func (r *Reach) To(b *location.Binding) (w Way, ok bool) { return r.way(b) }

// known reports whether one of the ways leads to the instance; nobody knows "".
func known(ways []Way, instance string) bool {
	if instance == "" {
		return false
	}
	for i := range ways {
		if ways[i].Instance == instance {
			return true
		}
	}
	return false
}

func secure(b *location.Binding) bool {
	return !b.Flow.IsZero() && b.Flow.Proto().Secure() || strings.HasPrefix(strings.ToLower(b.URI), "sips:")
}

func sameInstance(a, b string) bool {
	return strings.EqualFold(strings.Trim(a, "<>"), strings.Trim(b, "<>"))
}
