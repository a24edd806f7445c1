package event

import (
	"bytes"
	"encoding/xml"
	"errors"
	"strconv"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// Entry is a member of a list of resources (RFC 4662).
type Entry struct {
	URI  string
	Name string // display name, "" none
}

// list is what a subscription to a list has besides (RFC 4662). The shard of the
// subscription guards it.
type list struct {
	uri      string  // as subscribed to
	resource rtc.AOR // as it is kept
	given    []Entry // that came with the SUBSCRIBE (RFC 5367), nil: it is kept elsewhere
	members  []*member
	whole    bool      // all members are to be told
	news     []*member // whose state is to be told
}

// member is one resource of a list, subscribed to inside the process.
type member struct {
	Entry
	of     *subscription // to the list
	sub    *subscription // nil: there is none, for the reason
	state  State         // "" = not known yet
	reason string
	body   Document
	count  uint32 // of documents, for those that are numbered
	mark   uint64
	listed bool // in news
}

// part is what one NOTIFY of a list tells.
type part struct {
	whole   bool
	members []*member
}

func newList(uri string, resource rtc.AOR, given []Entry) *list {
	return &list{uri: uri, resource: resource, given: given, whole: true}
}

// listOf finds the members when a SUBSCRIBE is about a list.
func (n *Notifier) listOf(m *sip.Message, w *wish, address rtc.AOR) (err error) {
	kind := sip.ParseParted(m.Get(sip.HdrContentType)).Value
	switch {
	case len(m.Body()) > 0 && sip.EqualFold(kind, ListType) && !w.pkg.OwnLists: // RFC 5367 §4
		w.list, err = ParseList(m.Body())
		if err != nil {
			return &rtc.Status{Code: 400, Reason: "Bad Resource List", Err: err}
		}
		w.given, w.isList, w.resource = w.list, true, address
	case n.cfg.Lists != nil:
		w.list, w.isList, err = n.cfg.Lists(address, w.pkg.Name, w.watcher)
		w.resource = address
	}
	if err != nil || !w.isList {
		return err
	}
	switch {
	case !m.HasToken(sip.HdrSupported, "eventlist") && !m.HasToken(sip.HdrRequire, "eventlist"): // RFC 4662 §4.2
		return &rtc.Status{Code: 421, Header: []byte("Require: eventlist\r\n")}
	case len(w.list) > n.cfg.PerList:
		return &rtc.Status{Code: 413, Reason: "Too Many Members"}
	}
	return nil
}

// fill makes the subscriptions to the members of a list.
func (n *Notifier) fill(sub *subscription, w wish) {
	resolve := w.pkg.Resource
	if resolve == nil {
		resolve = n.cfg.Users.Resolve
	}
	seen := make(map[string]bool)
	for _, e := range w.list {
		if seen[e.URI] {
			continue
		}
		seen[e.URI] = true
		x := &member{Entry: e, of: sub, state: Terminated, reason: "noresource"}
		sub.list.members = append(sub.list.members, x)
		u, perr := sip.ParseURI([]byte(e.URI))
		if perr != nil || !n.cfg.Users.Ours(u.Host, u.Port) {
			continue
		}
		resource, ok := resolve(rtc.AOR(u.AppendAOR(nil)))
		if !ok {
			continue
		}
		g, err := w.pkg.Authorise(Ask{Resource: resource, Watcher: w.watcher, Proved: w.proved, Type: w.pkg.Types[w.kind],
			ID: idOf(sub.leg, w.pkg.Name, w.id) + "/" + string(resource)})
		if err != nil {
			x.reason = "rejected"
			if st := (*rtc.Status)(nil); errors.As(err, &st) && st.Code == 404 {
				x.reason = "noresource"
			}
			continue
		}
		x.state, x.reason = "", ""
		s := newSubscription()
		s.parent, s.user, s.kind, s.proved, s.pending, s.view = x, sub.user, w.kind, w.proved, g.Pending, g.View
		s.interval = uint32(w.interval.Milliseconds())
		k := key{resource, w.pkg}
		sh := n.shardOf(k)
		sh.mu.Lock()
		s.topic = sh.topicOf(n, k)
		s.topic.coming++
		sh.mu.Unlock()
		x.sub = s
	}
}

// connect enters the subscriptions to the members.
func (n *Notifier) connect(sub *subscription) {
	now := time.Now().UnixMilli()
	for _, x := range sub.list.members {
		if x.sub == nil {
			continue
		}
		sh := x.sub.topic.shard
		sh.mu.Lock()
		x.sub.topic.coming--
		x.sub.topic.add(x.sub)
		x.sub.touch(now, true)
		info, wake := x.sub.info(), x.sub.topic.wake()
		sh.mu.Unlock()
		n.queue.put(wake)
		if !sub.fetch {
			n.tell(info, "subscribe")
		}
	}
}

// unfill ends the subscriptions to the members of a list that has ended.
func (n *Notifier) unfill(sub *subscription) {
	if sub.list == nil {
		return
	}
	for _, x := range sub.list.members {
		if x.sub == nil {
			continue
		}
		sh := x.sub.topic.shard
		sh.mu.Lock()
		info := x.sub.info()
		sh.mu.Unlock()
		n.forget(x.sub)
		if !sub.fetch && info.State != Terminated {
			info.State, info.Reason = Terminated, "timeout"
			n.tell(info, "timeout")
		}
	}
}

// hand gives what a member's subscriber is to see to the list. On a lane, with
// no lock held.
func (n *Notifier) hand(x *notice) {
	s, to := x.sub, x.sub.parent
	now := time.Now().UnixMilli()
	sh := to.of.topic.shard
	sh.mu.Lock()
	to.state, to.reason = x.state, x.reason
	to.body, to.mark = x.doc.doc, x.doc.mark
	if x.state == Terminated {
		to.body = Document{}
	}
	to.count++
	to.of.list.changed(to)
	to.of.touch(now, false)
	wake := to.of.topic.wake()
	sh.mu.Unlock()
	n.queue.put(wake)
	own := s.topic.shard
	own.mu.Lock()
	s.inflight, s.shown = false, x.doc.mark
	s.settle(now)
	own.mu.Unlock()
	if x.last {
		n.forget(s)
	}
}

func (l *list) changed(x *member) {
	if !x.listed {
		x.listed = true
		l.news = append(l.news, x)
	}
}

// has reports whether there is something to tell.
func (l *list) has() bool { return l.whole || len(l.news) > 0 }

// failed has what a NOTIFY told be told again.
func (l *list) failed(p *part) {
	l.whole = l.whole || p.whole
	for _, x := range p.members {
		l.changed(x)
	}
}

// Octets of a NOTIFY's body by how it is sent: a datagram is cut by the network
// into few pieces only.
const (
	pieceDatagram = 4 << 10
	pieceStream   = 48 << 10
)

// content fills a NOTIFY of a list: who is in it, and as many states as fit. The
// shard is locked.
func (s *subscription) content(n *Notifier, x *notice) {
	l := s.list
	room := pieceDatagram
	if x.flow.Proto().Stream() {
		room = pieceStream
	}
	x.part = &part{whole: l.whole || s.whole}
	if x.part.whole {
		l.whole = false
		l.news = l.news[:0]
		for _, m := range l.members { // all that is known is to be told anew
			m.listed = m.state != ""
			if m.listed {
				l.news = append(l.news, m)
			}
		}
		room -= 80 * len(l.members)
	}
	for len(l.news) > 0 && (len(x.part.members) == 0 && !x.part.whole || room > 0) {
		m := l.news[0]
		if room -= len(m.body.Body) + 400; room < 0 && (len(x.part.members) > 0 || x.part.whole) {
			break
		}
		m.listed = false
		l.news = l.news[1:]
		x.part.members = append(x.part.members, m)
	}
	x.body = l.compose(x)
}

// compose writes the multipart document (RFC 4662 §5).
func (l *list) compose(x *notice) Document {
	var rlmi, out bytes.Buffer
	told := make(map[*member]bool, len(x.part.members))
	for _, m := range x.part.members {
		told[m] = true
	}
	boundary := "b" + strconv.FormatUint(uint64(x.seq), 36) + "z" + x.sub.leg.local
	rlmi.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="`)
	_ = xml.EscapeText(&rlmi, []byte(l.uri)) // a buffer takes everything
	rlmi.WriteString(`" version="` + strconv.FormatUint(uint64(x.count), 10) + `" fullState="` + strconv.FormatBool(x.part.whole) + `">`)
	for i, m := range l.members {
		if told[m] || x.part.whole {
			m.describe(&rlmi, i, boundary, told[m])
		}
	}
	rlmi.WriteString("</list>")
	piece := func(id int, kind string, body []byte) {
		out.WriteString("--" + boundary + "\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <" + strconv.Itoa(id) + "@" + boundary + ">\r\nContent-Type: " + kind + "\r\n\r\n")
		out.Write(body)
		out.WriteString("\r\n")
	}
	piece(0, `application/rlmi+xml;charset="UTF-8"`, rlmi.Bytes())
	for i, m := range l.members {
		if told[m] && len(m.body.Body) > 0 {
			piece(i+1, m.body.Type, m.body.numbered(m.count-1))
		}
	}
	out.WriteString("--" + boundary + "--\r\n")
	return Document{Type: `multipart/related;type="application/rlmi+xml";start="<0@` + boundary + `>";boundary="` + boundary + `"`, Body: out.Bytes()}
}

// describe writes the resource element of a member; the state only when it is
// told now.
func (m *member) describe(b *bytes.Buffer, i int, boundary string, told bool) {
	b.WriteString(`<resource uri="`)
	_ = xml.EscapeText(b, []byte(m.URI))
	b.WriteString(`">`)
	if m.Name != "" {
		b.WriteString("<name>")
		_ = xml.EscapeText(b, []byte(m.Name))
		b.WriteString("</name>")
	}
	if told {
		b.WriteString(`<instance id="` + strconv.Itoa(i+1) + `" state="` + string(m.state) + `"`)
		if m.reason != "" {
			b.WriteString(` reason="` + m.reason + `"`)
		}
		if len(m.body.Body) > 0 {
			b.WriteString(` cid="` + strconv.Itoa(i+1) + "@" + boundary + `"`)
		}
		b.WriteString("/>")
	}
	b.WriteString("</resource>")
}

// numbered is the body with the number of the NOTIFY in its place.
func (d *Document) numbered(count uint32) []byte {
	if d.Count == 0 {
		return d.Body
	}
	b := strconv.AppendUint(bytes.Clone(d.Body[:d.Count]), uint64(count+d.First), 10)
	return append(b, d.Body[d.Count:]...)
}
