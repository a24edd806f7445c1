package event

import (
	"context"
	"strconv"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/event/lists"
	"tandem/rtc/sip"
)

// Lists finds lists of resources that are kept elsewhere. Package
// rtc/contacts/services has those that users keep.
type Lists interface {
	// Known reports whether a list for an event package has that address, and
	// that watcher may subscribe to it. It must not block.
	Known(address rtc.AOR, pkg string, watcher rtc.AOR) bool
	// Members reads a list that is known; it may block.
	Members(ctx context.Context, address rtc.AOR, watcher rtc.AOR) ([]lists.Entry, error)
}

// list is what a subscription to a list has besides (RFC 4662). The shard of the
// subscription guards it.
type list struct {
	uri      string        // as subscribed to
	resource rtc.AOR       // as it is kept
	given    []lists.Entry // that came with the SUBSCRIBE (RFC 5367), nil: it is kept elsewhere
	members  []*member     // replaced, never changed
	last     int           // ID given to a member
	gen      uint64        // of kept, before members were read
	whole    bool          // all members are to be told
	news     []*member     // whose state is to be told
	refusals uint8         // of NOTIFYs in a row
}

// member is one resource of a list, subscribed to inside the process.
type member struct {
	lists.Entry
	id     int           // see lists.Resource
	of     *subscription // to the list
	sub    *subscription // nil: there is none, for the reason
	state  State         // "" = not known yet
	reason string
	body   Document
	listed bool // in news
}

// part is what one NOTIFY of a list tells.
type part struct {
	whole   bool
	members []*member
}

func newList(uri string, resource rtc.AOR, given []lists.Entry) *list {
	return &list{uri: uri, resource: resource, given: given, whole: true}
}

// listOf finds out whether a SUBSCRIBE is about a list, and which.
func (n *Notifier) listOf(m *sip.Message, w *wish, address rtc.AOR) (err error) {
	kind := sip.ParseParted(m.Get(sip.HdrContentType)).Value
	switch {
	case len(m.Body()) > 0 && sip.EqualFold(kind, lists.Type) && !w.pkg.OwnLists: // RFC 5367 §4
		w.given, err = lists.Parse(m.Body())
		if err != nil {
			return &rtc.Status{Code: 400, Reason: "Bad Resource List", Err: err}
		}
		w.isList, w.resource = true, address
	case n.cfg.Lists != nil && w.proved && n.cfg.Lists.Known(address, w.pkg.Name, w.watcher):
		w.isList, w.resource = true, address
	default:
		return nil
	}
	switch {
	case !m.HasToken(sip.HdrSupported, "eventlist") && !m.HasToken(sip.HdrRequire, "eventlist"): // RFC 4662 §4.2
		return &rtc.Status{Code: 421, Header: []byte("Require: eventlist\r\n")}
	case len(w.given) > n.cfg.PerList:
		return &rtc.Status{Code: 413, Reason: "Too Many Members"}
	case m.Has(sip.HdrAccept) && !(accepts(m, lists.Related) && accepts(m, lists.Meta)): // RFC 4662 §4.3
		types := append([]string{lists.Related, lists.Meta}, w.pkg.Types...)
		return &rtc.Status{Code: 406, Header: []byte("Accept: " + strings.Join(types, ", ") + "\r\n")}
	}
	return nil
}

// accepts reports whether a media type is in the Accept lines, or a range that has it.
func accepts(m *sip.Message, mediaType string) bool {
	main, _, _ := strings.Cut(mediaType, "/")
	for v := range m.Values(sip.HdrAccept) {
		t := sip.ParseParted(v).Value
		if sip.EqualFold(t, mediaType) || sip.EqualFold(t, main+"/*") || string(t) == "*/*" {
			return true
		}
	}
	return false
}

// hand gives what a member's subscriber is to see to the list. On a lane, with
// no lock held.
func (n *Notifier) hand(x *notice) {
	s, to := x.sub, x.sub.parent
	now := time.Now().UnixMilli()
	sh := to.of.topic.shard
	sh.mu.Lock()
	to.state, to.reason, to.body = x.state, x.reason, x.doc.doc
	if x.state == Terminated {
		to.body = Document{}
	}
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

// refused counts a NOTIFY that was refused, and says in how many ms the next one is
// sent: a subscriber who refuses all of them is asked ever less often.
func (l *list) refused() int64 {
	wait := int64(again) << l.refusals
	l.refusals = min(l.refusals+1, 4)
	return wait
}

// Octets of a NOTIFY's body by how it is sent: a datagram is cut by the network
// into few pieces only.
const (
	pieceDatagram = 4 << 10
	pieceStream   = 48 << 10
	// nameDatagram bounds what names all members of a list, which must be told in
	// one (RFC 4662 §5.2): names are left out first, and of a list that is still
	// longer the rest is named with its states.
	nameDatagram = 48 << 10
)

// content fills a NOTIFY of a list: who is in it, and as many states as fit. The
// shard is locked.
func (s *subscription) content(x *notice) {
	l := s.list
	room, names := pieceDatagram, nameDatagram
	if x.flow.Proto().Stream() {
		room, names = pieceStream, 1<<30
	}
	x.part = &part{whole: l.whole || s.whole}
	var named []lists.Resource
	if x.part.whole {
		named = l.nameAll(names)
		for i := range named {
			room -= named[i].Named()
		}
	}
	for len(l.news) > 0 && (len(x.part.members) == 0 && !x.part.whole || room > 0) {
		m := l.news[0]
		if room -= len(m.body.Body) + lists.Overhead; room < 0 && (len(x.part.members) > 0 || x.part.whole) {
			break
		}
		m.listed = false
		l.news = l.news[1:]
		x.part.members = append(x.part.members, m)
	}
	body := l.compose(x, named)
	x.body = &body
}

// nameAll begins to tell all members anew: it names them, in at most that many
// octets, and has all that is known of them be told.
func (l *list) nameAll(octets int) []lists.Resource {
	l.whole = false
	l.news = l.news[:0]
	all := 0
	for _, m := range l.members {
		if m.listed = m.state != ""; m.listed {
			l.news = append(l.news, m)
		}
		all += m.Named()
	}
	named := make([]lists.Resource, 0, len(l.members))
	for _, m := range l.members {
		r := lists.Resource{Entry: m.Entry, ID: m.id}
		if all > octets {
			r.Name = ""
		}
		if octets -= r.Named(); octets < 0 {
			break
		}
		named = append(named, r)
	}
	return named
}

// compose writes what a NOTIFY tells: named are all members, nil when only those
// are named whose state is told.
func (l *list) compose(x *notice, named []lists.Resource) Document {
	at := make(map[int]int, len(named)) // by ID
	for i := range named {
		at[named[i].ID] = i
	}
	for _, m := range x.part.members {
		i, ok := at[m.id]
		if !ok {
			i = len(named)
			named = append(named, lists.Resource{Entry: m.Entry, ID: m.id})
		}
		r := &named[i]
		r.Told, r.State, r.Reason, r.Type = true, string(m.state), m.reason, m.body.Type
		if len(m.body.Body) > 0 {
			r.Body = m.body.numbered(x.count) // which grows over a restart, too
		}
	}
	d := lists.Document{URI: l.uri, Version: x.count, Whole: x.part.whole, Boundary: "b" + strconv.FormatUint(uint64(x.seq), 36) + "z" + x.sub.leg.local}
	kind, body := d.Write(named)
	return Document{Type: kind, Body: body}
}

// numbered is the body with the number of the NOTIFY in its place.
func (d *Document) numbered(count uint32) []byte {
	if d.Count == 0 {
		return d.Body
	}
	b := strconv.AppendUint(append(make([]byte, 0, len(d.Body)+10), d.Body[:d.Count]...), uint64(count+d.First), 10)
	return append(b, d.Body[d.Count:]...)
}
