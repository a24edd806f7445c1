package location

import (
	"bytes"
	"strings"
	"time"
	"unique"

	"tandem/rtc/transport"
)

// Draft is a binding whose texts still point into a message. A registrar
// compares it with what is bound without allocating and makes a Binding of it
// only when it must.
type Draft struct {
	Contact, URI, CallID, Instance, Path, UserAgent []byte

	CSeq    uint32
	RegID   uint32
	Q       uint16
	Expires time.Time
	Flow    transport.Flow
	Device  string

	TempGRUU bool
}

// Binding copies the draft. Its texts share one backing string (URI and
// instance are parts of the Contact), and what many phones have in common
// exists once: 100,000 bindings have to fit.
func (d *Draft) Binding() Binding {
	b := Binding{CSeq: d.CSeq, RegID: d.RegID, Q: d.Q, Expires: d.Expires, Flow: d.Flow, TempGRUU: d.TempGRUU}
	uriAt := bytes.Index(d.Contact, d.URI)
	instanceAt := bytes.Index(d.Contact, d.Instance)
	var backing strings.Builder
	backing.Grow(len(d.Contact) + len(d.CallID) + len(d.Path) + max(0, -uriAt*len(d.URI)) + max(0, -instanceAt*len(d.Instance)))
	backing.Write(d.Contact)
	backing.Write(d.CallID)
	backing.Write(d.Path)
	if uriAt < 0 {
		uriAt = backing.Len()
		backing.Write(d.URI)
	}
	if instanceAt < 0 {
		instanceAt = backing.Len()
		backing.Write(d.Instance)
	}
	s := backing.String()
	c := len(d.Contact)
	b.Contact, b.CallID = s[:c], s[c:c+len(d.CallID)]
	c += len(d.CallID)
	b.Path = s[c : c+len(d.Path)]
	b.URI = s[uriAt : uriAt+len(d.URI)]
	b.Instance = s[instanceAt : instanceAt+len(d.Instance)]
	b.UserAgent = shared(d.UserAgent)
	if d.Device != "" {
		b.Device = unique.Make(d.Device).Value()
	}
	return b
}

// shared returns the one copy of a text that many bindings carry.
func shared(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unique.Make(string(b)).Value()
}

// Refreshes reports whether the draft differs from b in nothing but time:
// Call-ID, CSeq and expiry may be others, and whether temporary GRUUs are wanted.
func (d *Draft) Refreshes(b *Binding) bool {
	return string(d.Contact) == b.Contact && string(d.URI) == b.URI &&
		string(d.Instance) == b.Instance && string(d.Path) == b.Path &&
		string(d.UserAgent) == b.UserAgent && d.RegID == b.RegID && d.Q == b.Q &&
		d.Flow == b.Flow && d.Device == b.Device
}

// Refreshed is b with the draft's Call-ID, CSeq and expiry. Only for a draft
// that Refreshes b. Temporary GRUUs given out before are good while the Call-ID stays,
// whatever the phone says now.
func (d *Draft) Refreshed(b *Binding) Binding {
	n := *b
	n.CSeq, n.Expires, n.Restored = d.CSeq, d.Expires, false
	if string(d.CallID) != b.CallID {
		n.CallID, n.TempGRUU = string(d.CallID), false
	}
	n.TempGRUU = n.TempGRUU || d.TempGRUU
	return n
}
