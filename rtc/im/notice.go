package im

import (
	"slices"
	"strings"

	"tandem/rtc"
	"tandem/rtc/im/imdn"
	"tandem/rtc/im/kept"
	"tandem/rtc/peers"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
)

// wishOf is what the sender of a message wants to be told of it.
func wishOf(m *sip.Message) imdn.Wish {
	t, _ := m.Parted(sip.HdrContentType)
	if !sip.EqualFold(t.Value, cpimType) {
		return imdn.Wish{}
	}
	head, err := kept.Decoded(m, maxHead)
	if err != nil {
		return imdn.Wish{}
	}
	return imdn.Read(head)
}

// tellPassed tells the sender that a message is kept, or was passed on, when he
// wants to know. To who is held or blocked nothing is told. On the lane.
func (im *IM) tellPassed(f *flight, s imdn.Status) {
	if f.kind != text || f.held || f.by != "" {
		return
	}
	if w := wishOf(f.message()); w.Processing {
		im.report(&w, f.from, f.to, imdn.Processing, s)
	}
}

// tellFailed tells the sender of a kept message that it was not delivered, unless a
// device has it already and it waited for others.
func (im *IM) tellFailed(m *kept.Message) {
	p, err := m.Parsed()
	if err != nil || !slices.Contains(m.Waiting, kept.Anyone) || m.Held || strings.HasSuffix(m.Key, " copy") || kindOf(p) != text {
		return
	}
	if w := wishOf(p); w.Failure && !slices.Contains([]Verdict{Refuse, Drop}, im.cfg.Rule(Ask{From: m.From, To: m.To, Proved: true})) {
		im.report(&w, m.From, m.To, imdn.Delivery, imdn.Failed)
	}
}

// self is the address of this server in notices.
func (im *IM) self() rtc.AOR { return rtc.AOR("sip:" + im.cfg.Domain) }

// report tells a sender of ours what became of his message, or that he may not
// know. It goes first to who has put himself on its way (RFC 5438 §7.2.1). To
// others than our users nothing is told: who they are is not known well enough.
func (im *IM) report(w *imdn.Wish, sender, receiver rtc.AOR, k imdn.Kind, s imdn.Status) {
	to, ok := im.cfg.Users.Resolve(sender)
	if !ok {
		return
	}
	if im.cfg.Report != nil && !im.cfg.Report(to, receiver) {
		s = imdn.Forbidden
	}
	d := Draft{From: im.self(), To: to, Type: cpimType, Body: w.Report(string(im.self()), string(to), k, s)}
	if len(w.Route) > 0 {
		if first, ok := im.user(w.Route[0]); ok {
			d.To = first
		} else {
			im.post(w.Route[0], d)
			return
		}
	}
	f, err := im.own(d)
	if err != nil || !im.client.Post(f.lane, f.beginFunc) {
		im.log.Warn("notice not sent", "aor", string(sender), "err", err)
	}
}

// user is the user of ours whom a URI means.
func (im *IM) user(uri string) (rtc.AOR, bool) {
	u, err := sip.ParseURI([]byte(uri))
	if err != nil {
		return "", false
	}
	return im.cfg.Users.Resolve(rtc.AOR(u.AppendAOR(nil)))
}

// post sends a notice once, where a URI of its receiver's choice leads.
func (im *IM) post(uri string, d Draft) {
	u, err := sip.ParseURI([]byte(uri))
	if err != nil || u.Kind != sip.URISIP && u.Kind != sip.URISIPS || im.cfg.Users.Ours(u.Host, u.Port) {
		return // nobody is there
	}
	f, broken := im.own(d)
	if broken != nil {
		return
	}
	w := reach.Way{URI: string(u.RequestForm([]byte(uri)))}
	im.client.Post(f.lane, func() {
		im.attempt(f.lane, uac.Hop{URI: []byte(uri), By: peers.Unknown}, &w, f.write(w), func(code int, _ *sip.Message) {
			im.log.Debug("notice sent on its route", "code", code)
			f.end()
		})
	})
}
