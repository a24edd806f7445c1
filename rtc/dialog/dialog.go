package dialog

import (
	"bytes"
	"cmp"
	"errors"
	"math/rand/v2"
	"sync/atomic"

	"tandem/rtc"
	"tandem/rtc/digest"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// ID names a dialog as this side sees it (RFC 3261 §12).
type ID struct{ CallID, Local, Remote string }

// State of a dialog.
type State int32

// The states.
const (
	Early State = iota
	Confirmed
	Terminated
)

func (s State) String() string { return [...]string{"early", "confirmed", "terminated"}[s] }

// errNoContact says that a message that makes a dialog names no way back.
var errNoContact = errors.New("no usable Contact")

// Dialog is one dialog. All but ID, Lane and State belongs to its lane.
type Dialog struct {
	ua     *UA
	id     ID
	lane   *transaction.Lane
	usages []Usage
	state  atomic.Int32
	called bool // the other side sent the first request, and owns the Call-ID
	secure bool

	from, to    []byte // header values of our requests, with tags
	target      []byte // URI
	routes      [][]byte
	localSeq    uint32
	remoteSeq   uint32
	remoteKnown bool
	flow        transport.Flow // by which the peer was last heard
	sticky      bool           // requests go by the flow while it lives, not where the URI points
	peer        string         // the gateway that requests may reach, see Config.Permit
	shape       uac.Shape      // how requests to the peer are written, nil: as they are
	auth        *digest.Client // answers challenges, nil: nobody
	contactUser string
	focus       bool // see Focus

	linger        transaction.Timer // once it has ended
	table         *Table
	stuck         uint64  // the connection it is listed under there
	before, after *Dialog // in that list
}

// NewServer makes the dialog of a request that was sent to us (RFC 3261
// §12.1.1); Enter it. how.Events is not used. The error is a *rtc.Status.
func (ua *UA) NewServer(r *rtc.Request, how Inbound) (*Dialog, error) {
	m, tag := r.Message, ua.tagFor(r.Message)
	target := contactURI(m)
	if target == nil && how.Contactless && !m.Has(sip.HdrContact) {
		if from, ok := m.From(); ok {
			target, how.Sticky = bytes.Clone(from.URI), true
		}
	}
	if target == nil {
		return nil, &rtc.Status{Code: 400, Reason: "Missing or Bad Contact", Err: errNoContact}
	}
	seq, _ := m.CSeq()
	d := &Dialog{
		ua:          ua,
		id:          ID{string(m.CallID()), tag, string(m.FromTag())},
		lane:        r.Tx.Lane(),
		called:      true,
		from:        uac.Tagged(m.Get(sip.HdrTo), tag),
		to:          bytes.Clone(m.Get(sip.HdrFrom)),
		target:      target,
		localSeq:    rand.Uint32N(1 << 16), // may begin anywhere below 2^31
		remoteSeq:   seq,
		remoteKnown: true,
		flow:        r.Flow(),
		sticky:      how.Sticky || ua.cfg.Sticky,
		peer:        how.Peer,
		auth:        how.Auth,
		shape:       how.Shape,
		contactUser: cmp.Or(how.User, ua.cfg.User),
	}
	uri, err := sip.ParseURI(m.RequestURI())
	d.secure = err == nil && uri.Kind == sip.URISIPS
	for route := range m.Values(sip.HdrRecordRoute) { // in order
		d.routes = append(d.routes, bytes.Clone(route))
	}
	return d, nil
}

// newClient makes the dialog of a request of ours by a response to it
// (RFC 3261 §12.1.2). uri, from and seq are the request's Request-URI, From
// value and CSeq number.
func (ua *UA) newClient(lane *transaction.Lane, uri, from []byte, seq uint32, m *sip.Message) (*Dialog, error) {
	target := contactURI(m)
	if target == nil && m.StatusCode() >= 200 {
		target = bytes.Clone(uri) // old devices leave it out; who answered is on this way anyhow
	}
	if target == nil {
		return nil, errNoContact
	}
	d := &Dialog{
		ua:       ua,
		id:       ID{string(m.CallID()), string(m.FromTag()), string(m.ToTag())},
		lane:     lane,
		from:     bytes.Clone(from),
		to:       bytes.Clone(m.Get(sip.HdrTo)),
		target:   target,
		localSeq: seq,
	}
	u, err := sip.ParseURI(uri)
	d.secure = err == nil && u.Kind == sip.URISIPS
	d.setRoutes(m)
	return d, nil
}

// setRoutes takes the route set of a response: Record-Route, reversed.
func (d *Dialog) setRoutes(m *sip.Message) {
	d.routes = d.routes[:0]
	for r := range m.Values(sip.HdrRecordRoute) {
		d.routes = append(d.routes, bytes.Clone(r))
	}
	for i, j := 0, len(d.routes)-1; i < j; i, j = i+1, j-1 {
		d.routes[i], d.routes[j] = d.routes[j], d.routes[i]
	}
}

// ID of the dialog.
func (d *Dialog) ID() ID { return d.id }

// Lane of the dialog.
func (d *Dialog) Lane() *transaction.Lane { return d.lane }

// State of the dialog; may be asked from anywhere.
func (d *Dialog) State() State { return State(d.state.Load()) }

// Confirm ends the early state.
func (d *Dialog) Confirm() { d.state.CompareAndSwap(int32(Early), int32(Confirmed)) }

// Target is the URI requests go to, finally.
func (d *Dialog) Target() []byte { return d.target }

// Order checks the sequence number of a request in the dialog and takes it
// over; false means it comes too late and is answered 500 (RFC 3261 §12.2.2).
// ACK, which repeats an INVITE's number, is not checked.
func (d *Dialog) Order(r *rtc.Request) bool {
	if r.Method() != sip.ACK {
		seq, ok := r.CSeq()
		if !ok || (d.remoteKnown && seq < d.remoteSeq) {
			return false
		}
		d.remoteSeq, d.remoteKnown = seq, true
	}
	d.follow(r.Flow())
	return true
}

// retarget takes the Contact of a target refresh request or of a response to
// one (RFC 3261 §12.2).
func (d *Dialog) retarget(m *sip.Message) {
	t := contactURI(m)
	if t == nil {
		return
	}
	if u, err := sip.ParseURI(t); d.secure && (err != nil || u.Kind != sip.URISIPS) {
		return // a secure dialog is not talked down
	}
	d.target = t
}

// contactURI is a copy of the first Contact's URI, nil when there is none.
func contactURI(m *sip.Message) []byte {
	for v := range m.Values(sip.HdrContact) {
		a, err := sip.ParseNameAddr(v)
		if err != nil || a.Star || len(a.URI) == 0 {
			return nil
		}
		return bytes.Clone(a.URI)
	}
	return nil
}
