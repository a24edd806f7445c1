package dialog

import (
	"cmp"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// Stored is what must be kept of a dialog for it to go on after a restart.
type Stored struct {
	CallID, Local, Remote string // its ID
	Called                bool   // the peer began it
	Secure                bool   // it began with a sips URI
	From, To              string // header values of our requests
	Target                string // URI
	Routes                []string
	// LocalSeq is the number of our last request. Numbers may be left out but
	// never go back (RFC 3261 §12.2.1.1): who does not store each may add as many
	// as it may have used.
	LocalSeq    uint32
	RemoteSeq   uint32
	RemoteKnown bool   // RemoteSeq is known
	ContactUser string // of our Contact
	Peer        string // the gateway it may reach
	Sticky      bool
	Focus       bool   `json:",omitempty"` // our end is a conference's
	Flow        string // by which the peer was last heard, for transport.ParseFlow
}

// Stored is the dialog's state as plain values. Only on its lane.
func (d *Dialog) Stored() Stored {
	st := Stored{
		CallID: d.id.CallID, Local: d.id.Local, Remote: d.id.Remote,
		Called: d.called, Secure: d.secure, From: string(d.from), To: string(d.to), Target: string(d.target),
		LocalSeq: d.localSeq, RemoteSeq: d.remoteSeq, RemoteKnown: d.remoteKnown,
		ContactUser: d.contactUser, Peer: d.peer, Sticky: d.sticky, Focus: d.focus, Flow: d.flow.String(),
	}
	for _, r := range d.routes {
		st.Routes = append(st.Routes, string(r))
	}
	return st
}

// Restore makes the confirmed dialog of stored state. flow is what has become of
// Stored.Flow, the zero Flow when it is gone. The error is ErrFull or ErrKnown.
// The dialog has no usage yet: Attach one on its lane. It may be called
// anywhere before the first request can come in the dialog, later on its lane.
func (ua *UA) Restore(st Stored, flow transport.Flow) (*Dialog, error) {
	d := ua.revive(st, flow)
	d.Confirm()
	if err := ua.cfg.Table.Add(d); err != nil {
		return nil, err
	}
	return d, nil
}

func (ua *UA) revive(st Stored, flow transport.Flow) *Dialog {
	d := &Dialog{
		ua: ua, id: ID{st.CallID, st.Local, st.Remote}, lane: ua.cfg.Layer.Lane([]byte(st.CallID)),
		called: st.Called, secure: st.Secure, from: []byte(st.From), to: []byte(st.To), target: []byte(st.Target),
		localSeq: st.LocalSeq, remoteSeq: st.RemoteSeq, remoteKnown: st.RemoteKnown,
		contactUser: st.ContactUser, peer: st.Peer, sticky: st.Sticky, focus: st.Focus, flow: flow,
	}
	for _, r := range st.Routes {
		d.routes = append(d.routes, []byte(r))
	}
	return d
}

// RestoreCall makes the session of a stored dialog that was a call. What was
// negotiated is not known any more: it can be ended, and renegotiated.
func (ua *UA) RestoreCall(st Stored, flow transport.Flow, e Events) (*Session, error) {
	d, err := ua.Restore(st, flow)
	if err != nil {
		return nil, err
	}
	return ua.Adopt(d, e), nil
}

// Adopt makes the session of a dialog that was a call, too: as RestoreCall, when the dialog
// is there already, for another of its usages.
func (ua *UA) Adopt(d *Dialog, e Events) *Session {
	s := &Session{Dialog: d, Events: e}
	d.Attach(s)
	return s
}

// isFocus is what the Contact of a conference says.
const isFocus = ";isfocus"

// contact is our Contact in the dialog.
func (d *Dialog) contact() uac.Contact {
	c := uac.Contact{User: d.contactUser, Secure: d.secure}
	if d.focus {
		c.Params = isFocus
	}
	return c
}

// Focus says that our end is the focus of the conference that user names here: our
// Contacts are its URI from then on (RFC 4579 §4.2). "" says that it is none any more.
// Only on its lane.
func (d *Dialog) Focus(user string) {
	d.contactUser, d.focus = cmp.Or(user, d.ua.cfg.User), user != ""
}
