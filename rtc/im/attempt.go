package im

import (
	"errors"
	"slices"
	"time"

	"tandem/rtc"
	"tandem/rtc/im/kept"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// try is one device. It is the user of the transaction to it.
type try struct {
	f      *flight
	device string
	way    reach.Way
	spare  []reach.Way // tried when way fails
	state  tryState
}

type tryState uint8

const (
	waiting tryState = iota
	going
	took
	refused
	absent
)

// send sends by the way of a try. What comes of it is heard later, never before
// send returns.
func (f *flight) send(i int) {
	t, im := &f.tries[i], f.im
	peer := ""
	if !t.way.Flow.IsZero() {
		peer = im.cfg.PeerAt(t.way.From)
	}
	big := maybeLarge(&t.way, len(f.message().Bytes())) && large(f.write(t.way))
	if big || t.way.Flow == noFlow || !im.wire.Alive(t.way.Flow) {
		f.seek(t, big, peer)
		return
	}
	if im.cfg.Uac.Permit != nil {
		if err := im.cfg.Uac.Permit(peer, t.way.Flow.Remote); err != nil {
			im.log.Warn("message not sent to a device", "aor", string(f.to), "err", err)
			f.lane.After(0, func() { f.heard(t, 0, nil) })
			return
		}
	}
	// Nearly always, and past the client that finds and tries places: by the flow.
	tx := f.lane.Client(sip.MESSAGE, t)
	p, sentBy := im.wire.Local(t.way.Flow)
	buf := buffers.Get().(*[]byte)
	b := append(append(append(append((*buf)[:0], "MESSAGE "...), t.way.URI...), " SIP/2.0\r\nVia: SIP/2.0/"...), p.String()...)
	b = append(append(append(b, ' '), sentBy...), ";rport;branch="...)
	b = tx.AppendBranch(b, nil)
	b = f.appendRest(append(b, "\r\n"...), &t.way)
	if shape := f.im.shape(&t.way); shape != nil {
		tx.Send(t.way.Flow, shape(p, b))
	} else {
		tx.Send(t.way.Flow, b) // it copies b
	}
	if *buf = b; cap(b) <= 1<<16 {
		buffers.Put(buf)
	}
}

// seek sends by the way of a try whose next hop must be found.
func (f *flight) seek(t *try, big bool, peer string) {
	w := t.way
	f.im.attempt(f.lane, f.im.hop(&w, big, peer), &w, f.write(w), func(code int, m *sip.Message) { f.heard(t, code, m) })
}

// Response implements transaction.ClientTU.
func (t *try) Response(_ *transaction.Client, m *sip.Message) {
	if code := m.StatusCode(); code >= 200 {
		t.f.heard(t, code, m)
	}
}

// Failed implements transaction.ClientTU.
func (t *try) Failed(*transaction.Client, error) { t.f.heard(t, 0, nil) }

// appendRest appends what follows the Via.
func (f *flight) appendRest(dst []byte, w *reach.Way) []byte {
	dst = appendWay(dst, w, f.hops)
	if f.tx == nil {
		return append(dst, f.text...)
	}
	return kept.AppendText(dst, f.message(), f.asserts, time.Time{})
}

// write is the message as it goes by a way whose next hop must be found.
func (f *flight) write(w reach.Way) uac.Writer {
	return func(dst []byte, t uac.Try) []byte { return f.appendRest(appendHead(dst, &w, t), &w) }
}

// attempt sends a message to a next hop that must be found. done is told the
// code of the final response, 0 when there is none.
func (im *IM) attempt(lane *transaction.Lane, h uac.Hop, w *reach.Way, write uac.Writer, done func(code int, m *sip.Message)) {
	im.client.Start(uac.Request{
		Lane: lane, Method: "MESSAGE", URI: []byte(w.URI), Hop: h, Write: write,
		Heard: func(_ *uac.Sending, _ transport.Flow, m *sip.Message) {
			if m.StatusCode() >= 200 {
				done(m.StatusCode(), m)
			}
		},
		Lost: func(_ *uac.Sending, err error) {
			var st *rtc.Status
			if errors.As(err, &st) && st.Code == 403 { // it may not go there
				im.log.Warn("message not sent to a device", "err", err)
			}
			done(0, nil)
		},
	})
}

// transient reports whether a device that answers so may take the message later.
func transient(code int) bool {
	switch code {
	case 0, 401, 404, 407, 408, 410, 430, 480, 481, 483, 500, 502, 503, 504:
		return true
	}
	return false
}

// heard is a device's answer.
func (f *flight) heard(t *try, code int, m *sip.Message) {
	switch {
	case code/100 == 2, code == 482: // 482: it has it from before a crash, and the sender asked again
		t.state = took
		if f.accepted == 0 {
			f.accepted = 200
			if code/100 == 2 {
				f.accepted = code
			}
		}
		f.im.counts.delivered.Add(1)
	case transient(code) && len(t.spare) > 0: // another way to the device (RFC 5626 §7)
		t.way, t.spare = t.spare[0], t.spare[1:]
		f.send(slices.IndexFunc(f.tries, func(x try) bool { return x.device == t.device }))
		return
	case transient(code):
		t.state = absent
	default:
		t.state = refused
		if f.refusal == nil {
			f.refusal = refusalOf(m)
		}
	}
	f.open--
	f.landed(t.device, t.state != absent)
	f.advance()
}

// refusalOf is what the sender is told of a device's refusal.
func refusalOf(m *sip.Message) *rtc.Status {
	st := &rtc.Status{Code: m.StatusCode(), Reason: string(m.ReasonPhrase())}
	b := sip.Builder{}
	for _, id := range [...]sip.HeaderID{sip.HdrAccept, sip.HdrAcceptEncoding, sip.HdrAcceptLanguage, sip.HdrUnsupported, sip.HdrRetryAfter, sip.HdrWarning} {
		if v := m.Get(id); v != nil {
			b.Header(id, v)
		}
	}
	st.Header = b.Buf
	return st
}
