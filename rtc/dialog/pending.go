package dialog

import (
	"bytes"
	"crypto/rand"

	"tandem/rtc/digest"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// Outbound says how a dialog that is not a call begins on our side.
type Outbound struct {
	Way
	From, To string // name-addr without tag; To "" = <URI>
	CallID   string // "" = made up
	User     string // user part of our Contact, "" = the UA's
	Auth     *digest.Client
}

// NewPending makes a dialog that the peer has not confirmed and whose tag is
// not known, and enters it into the table. The first request of a usage, a
// SUBSCRIBE, is sent in it as any other. What makes it a dialog, a 2xx or a
// NOTIFY, is given to Establish (RFC 6665 §4.1.2.4). It may be called anywhere;
// what follows, only on its lane.
func (ua *UA) NewPending(o Outbound) (*Dialog, error) {
	if o.CallID == "" {
		o.CallID = rand.Text()
	}
	if o.To == "" {
		o.To = "<" + o.URI + ">"
	}
	if o.User == "" {
		o.User = ua.cfg.User
	}
	tag := ua.newTag(o.CallID)
	st := Stored{CallID: o.CallID, Local: tag, From: string(uac.Tagged([]byte(o.From), tag)), To: o.To, Target: o.URI, Routes: o.Route,
		ContactUser: o.User, Peer: o.Peer, Sticky: ua.cfg.Sticky || o.Flow != (transport.Flow{})}
	if u, err := sip.ParseURI([]byte(o.URI)); err == nil {
		st.Secure = u.Kind == sip.URISIPS
	}
	d := ua.revive(st, o.Flow)
	d.auth = o.Auth
	return d, ua.cfg.Table.Add(d)
}

// Pending reports whether the dialog waits for Establish.
func (d *Dialog) Pending() bool { return d.id.Remote == "" && !d.called }

// Establish makes a pending dialog of the first message of the peer that says
// who it is: a 2xx or a NOTIFY.
func (d *Dialog) Establish(m *sip.Message) error {
	target := contactURI(m)
	if target == nil {
		return errNoContact
	}
	d.table.Remove(d)
	d.target = target
	if m.IsRequest() {
		d.id.Remote, d.to = string(m.FromTag()), bytes.Clone(m.Get(sip.HdrFrom))
		d.routes = nil
		for r := range m.Values(sip.HdrRecordRoute) {
			d.routes = append(d.routes, bytes.Clone(r))
		}
	} else {
		d.id.Remote, d.to = string(m.ToTag()), bytes.Clone(m.Get(sip.HdrTo))
		d.routes = nil
		d.setRoutes(m)
	}
	d.Confirm()
	return d.table.Add(d)
}
