// Package location holds the bindings of each address-of-record (RFC 3261
// §10): the working copy in memory, the durable one in a Store it names.
package location

import (
	"net/netip"
	"time"

	"tandem/rtc"
	"tandem/rtc/transport"
)

// Binding joins an address-of-record to one contact.
// Bindings are immutable once in a Location: an update replaces them.
type Binding struct {
	Contact   string // the whole Contact element as the phone sent it: display, URI, every parameter
	URI       string // the contact URI alone, what a request is sent to
	CallID    string
	CSeq      uint32
	Q         uint16 // 0..1000
	Expires   time.Time
	Instance  string // +sip.instance, without quotes, "" when none
	RegID     uint32 // reg-id (RFC 5626), 0 when none
	Path      string // Path values joined by ", " (RFC 3327), "" when none
	UserAgent string
	Flow      transport.Flow // the flow the REGISTER came by; zero when it did not survive a restart
	Received  netip.AddrPort // source of the REGISTER
	Device    string         // device secret used
}

// Lookup is what the proxy needs.
type Lookup interface {
	// Bindings returns the current, unexpired bindings, highest q first, newest first
	// within equal q. The slice must not be changed.
	Bindings(aor rtc.AOR) []Binding
}
