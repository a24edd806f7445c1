package dialog

import (
	"slices"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// Usage is what a dialog is for: a call, a subscription. A dialog may have
// several at once (RFC 5057); it ends with the last one. The methods run on
// the dialog's lane.
type Usage interface {
	// Takes reports whether a request in the dialog belongs to the usage
	// (RFC 5057 §5.3). The usage that was attached last is asked first.
	Takes(m *sip.Message) bool
	// Request is a request that the usage takes, in order (RFC 3261 §12.2.2).
	// ACK comes here, too. OPTIONS does not: it belongs to none.
	Request(r *rtc.Request)
	// Gone tells that the peer does not know the usage any more, or not even the
	// dialog: a request of ours got the response m, or none, for the reason err.
	Gone(m *sip.Message, err error)
}

// FlowUser is a Usage that wants to hear that the connection has closed by which
// requests in the dialog went (Way.Flow, Inbound.Sticky). Further ones go where
// the target points, unless it calls Stick.
type FlowUser interface{ FlowClosed(f transport.Flow) }

// Attach adds a usage.
func (d *Dialog) Attach(u Usage) { d.usages = append(d.usages, u) }

// Detach ends a usage. With the last one the dialog ends; it lingers in the
// table so that what still comes in it is recognised.
func (d *Dialog) Detach(u Usage) {
	i := slices.Index(d.usages, u)
	if i < 0 {
		return
	}
	d.usages = slices.Delete(d.usages, i, i+1)
	if len(d.usages) == 0 && d.state.Swap(int32(Terminated)) != int32(Terminated) {
		d.lane.Start(&d.linger, 64*d.ua.cfg.T1, d.forget)
	}
}

// forget takes the dialog out of the table.
func (d *Dialog) forget() { d.ua.cfg.Table.Remove(d) }

// usageOf finds whose a request is.
func (d *Dialog) usageOf(m *sip.Message) Usage {
	for _, u := range slices.Backward(d.usages) {
		if u.Takes(m) {
			return u
		}
	}
	return nil
}

// Effect is how far a failure reaches (RFC 5057 §5.1).
type Effect uint8

// The effects.
const (
	OnTransaction Effect = iota // only the request failed
	OnUsage                     // its usage has ended
	OnDialog                    // the dialog has ended, with all its usages
)

// EffectOf is the effect of the final response m to a request of ours in a
// dialog, or of err when there was none.
func EffectOf(method string, m *sip.Message, err error) Effect {
	e := OnUsage // RFC 5057 §5.2
	if err == nil {
		e = effectOfCode(method, m.StatusCode())
	}
	if e == OnUsage && !belongs(method) { // RFC 5057 §5.3
		return OnTransaction
	}
	return e
}

func effectOfCode(method string, code int) Effect {
	switch code {
	case 408, 481:
		return OnUsage
	case 405, 480, 489, 501:
		// They end a subscription. A call goes on as if nothing had been asked
		// (RFC 3261 §14.1, RFC 5057 §5.1 note 3).
		if method == "SUBSCRIBE" || method == "NOTIFY" {
			return OnUsage
		}
	case 404, 410, 416, 482, 483, 484, 485, 502, 604:
		return OnDialog
	}
	return OnTransaction
}

// belongs reports whether requests of that method belong to a usage.
func belongs(method string) bool {
	switch method {
	case "OPTIONS", "MESSAGE":
		return false
	}
	return sip.MethodOf([]byte(method)) != sip.MethodOther
}

// judge does to the usage u of a request, or to the dialog, what its outcome says.
func (d *Dialog) judge(u Usage, method string, m *sip.Message, err error) {
	switch EffectOf(method, m, err) {
	case OnUsage:
		u.Gone(m, err)
	case OnDialog:
		for _, u := range slices.Clone(d.usages) {
			u.Gone(m, err)
		}
	}
}

// Send sends a request of a usage in the dialog, but for INVITE and ACK. done
// may be nil; it gets the final response or the error. After it the usage, or
// all of the dialog, may be told that they are gone.
func (d *Dialog) Send(u Usage, method string, c Content, done func(*sip.Message, error)) *uac.Sending {
	return d.send(method, nil, c, func(m *sip.Message, err error) {
		if err == nil && m.StatusCode() < 300 && refreshes(method) {
			d.retarget(m)
		}
		if done != nil {
			done(m, err)
		}
		d.judge(u, method, m, err)
	})
}

// Respond answers a request of a usage, but INVITE and UPDATE. A 2xx to one that
// may change the target says where we are and takes its Contact over.
func (d *Dialog) Respond(r *rtc.Request, code int, c Content) {
	header := c.Header
	if code/100 == 2 && refreshes(string(r.MethodName())) {
		d.retarget(r.Message)
		header = append(d.contact().Append(nil, d.ua.client.Wire(), r.Flow()), header...)
	}
	r.Tx.Respond(code, sip.AppendResponse(nil, r.Message, sip.Response{Code: code, ToTag: d.id.Local, Header: header, ContentType: c.Type, Body: c.Body}))
}

// refreshes reports whether a request of that method may change the target: it
// has a Contact (RFC 5057 §5.4).
func refreshes(method string) bool {
	switch method {
	case "INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER":
		return true
	}
	return false
}
