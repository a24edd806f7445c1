// Package winfo tells a user who watches him: the watcher information template
// (RFC 3857) and its document (RFC 3858), for any event package. Those whom
// policy hides from him are hidden here as well.
package winfo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"slices"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/event"
)

// Type is the media type of the document.
const Type = "application/watcherinfo+xml"

// Of is the template package of an event package of n, for n.Add. Only the
// resource itself may subscribe (RFC 3857 §4.6). n tells it of changes from the
// first request on.
//
// The first document of a subscription, and of each refresh, has all watchers; later
// ones have those of whom something has changed (RFC 3858 §4.1).
//
// Who asked, and was not decided about while his subscription went on, is told of as
// waiting, for a week; the Store has him do so after a restart as well. decided says what
// came of him: "approved", "rejected", or "" for nothing yet; when that may be another, n
// is told that the package has changed. The error is that of the Store.
func Of(ctx context.Context, n *event.Notifier, pkg string, kept Store, decided func(resource, watcher rtc.AOR, proved bool) string) (event.Package, error) {
	name := pkg + ".winfo"
	e := event.NewEndings()
	w := waiters{store: kept, m: make(map[rtc.AOR][]Waiter), decided: decided}
	if err := w.load(ctx); err != nil {
		return event.Package{}, err
	}
	n.Watch(func(c event.Change) {
		if c.Package != pkg || c.List {
			return
		}
		if c.State == event.Terminated && len(n.Watchers(c.Resource, name)) > 0 {
			e.Add(c.Resource, c.ID, c.Event)
		}
		if c.Event == "giveup" {
			w.add(Waiter{c.Resource, c.Watcher, c.ID, c.Proved, time.Now()})
		}
		n.Changed(c.Resource, name)
	})
	return event.Package{Name: name, Types: []string{Type}, Interval: interval, Authorise: event.Owner,
		Document: func(q event.Query) event.Document {
			return whole(&state{q.Resource, pkg, watchers(q.Resource, n.Watchers(q.Resource, pkg), w.of(q.Resource, time.Now()))})
		},
		Difference: func(old, now event.Document) (event.Document, bool) {
			return partial(old.Source.(*state), now.Source.(*state), e, &w), true
		}}, nil
}

// interval is the least time between two NOTIFYs (RFC 3857 §4.10).
const interval = 5 * time.Second

// state is what a document was made of.
type state struct {
	resource rtc.AOR
	pkg      string
	list     []watcher // by ID
}

// watcher is one as it is told of.
type watcher struct {
	id     string
	aor    rtc.AOR
	status event.State
	event  string
}

// watchers are those who are told of: who watches, and who has waited since.
func watchers(resource rtc.AOR, subs []event.Subscription, since []Waiter) []watcher {
	list := make([]watcher, 0, len(subs))
	for i := range subs {
		s := &subs[i]
		if s.State == event.Terminated && (s.InList || s.Watcher == resource) {
			continue // a member of a list stays until its watcher leaves the list
		}
		w := watcher{s.ID, s.Watcher, s.State, "subscribe"}
		if s.State == event.Terminated {
			w.event = s.Reason
		}
		list = append(list, w)
	}
	for _, x := range since {
		again := func(s event.Subscription) bool {
			return s.Watcher == x.Watcher && (s.ID == x.ID || s.State != event.Terminated)
		}
		switch i := slices.IndexFunc(subs, again); {
		case i < 0:
			list = append(list, watcher{x.ID, x.Watcher, waiting, "timeout"})
		case subs[i].ID == x.ID: // its last NOTIFY is under way
			list = slices.DeleteFunc(list, func(w watcher) bool { return w.id == x.ID })
			list = append(list, watcher{x.ID, x.Watcher, waiting, "timeout"})
		}
	}
	slices.SortFunc(list, byID)
	return list
}

func byID(a, b watcher) int { return strings.Compare(a.id, b.id) }

// whole lists all that go on. Its version is that of the NOTIFY.
func whole(s *state) event.Document {
	return s.document("full", slices.DeleteFunc(slices.Clone(s.list), func(w watcher) bool { return w.status == event.Terminated }))
}

// partial lists those of whom something has changed, and those who are no more.
func partial(old, now *state, e *event.Endings, waits *waiters) event.Document {
	var list []watcher
	for _, w := range now.list {
		i, found := slices.BinarySearchFunc(old.list, w, byID)
		switch {
		case found && old.list[i] == w:
			continue
		case found && old.list[i].status == event.Pending && w.status == event.Active:
			w.event = "approved" // RFC 3857 §4.7.1
		}
		list = append(list, w)
	}
	for _, w := range old.list {
		if _, found := slices.BinarySearchFunc(now.list, w, byID); !found && w.status != event.Terminated {
			if w.status == waiting {
				w.event = waits.end(now.resource, w.id)
			} else {
				w.event = cmp.Or(e.Of(now.resource, w.id), "timeout")
			}
			w.status = event.Terminated
			list = append(list, w)
		}
	}
	return now.document("partial", list)
}

func (s *state) document(how string, list []watcher) event.Document {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="`)
	count := b.Len()
	b.WriteString(`" state="` + how + `"><watcher-list resource="`)
	_ = xml.EscapeText(&b, []byte(s.resource)) // a buffer takes everything
	b.WriteString(`" package="` + s.pkg + `">`)
	for i := range list {
		w := &list[i]
		b.WriteString(`<watcher id="` + name(w.id) + `" status="` + string(w.status) + `" event="` + w.event + `">`)
		_ = xml.EscapeText(&b, []byte(w.aor))
		b.WriteString(`</watcher>`)
	}
	b.WriteString(`</watcher-list></watcherinfo>`)
	return event.Document{Type: Type, Body: b.Bytes(), Count: count, Source: s}
}

// name is a name of XML: what stands behind '/' tells the members of one list.
func name(id string) string {
	return "w" + strings.NewReplacer("/", ".", ":", ".", "@", ".").Replace(id)
}
