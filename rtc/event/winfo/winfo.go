// Package winfo tells a user who watches him: the watcher information template
// (RFC 3857) and its document (RFC 3858), for any event package. Those whom
// policy hides from him are hidden here as well.
package winfo

import (
	"bytes"
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
func Of(n *event.Notifier, pkg string) event.Package {
	name := pkg + ".winfo"
	n.Watch(func(c event.Change) {
		if c.Package == pkg && !c.List {
			n.Changed(c.Resource, name)
		}
	})
	return event.Package{Name: name, Types: []string{Type}, Interval: interval, Authorise: event.Owner,
		Document: func(q event.Query) event.Document { return document(q.Resource, pkg, n.Watchers(q.Resource, pkg)) }}
}

// document lists watchers. Its version is that of the NOTIFY, and it is always
// whole.
func document(resource rtc.AOR, pkg string, list []event.Subscription) event.Document {
	slices.SortFunc(list, func(a, b event.Subscription) int { return strings.Compare(a.ID, b.ID) })
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="`)
	count := b.Len()
	b.WriteString(`" state="full"><watcher-list resource="`)
	_ = xml.EscapeText(&b, []byte(resource)) // a buffer takes everything
	b.WriteString(`" package="` + pkg + `">`)
	for _, s := range list {
		if s.State == event.Terminated && (s.InList || s.Watcher == resource) {
			continue // a member of a list stays until its watcher leaves the list
		}
		status, why := string(s.State), "subscribe"
		if s.State == event.Terminated {
			why = s.Reason
		}
		b.WriteString(`<watcher id="` + id(s.ID) + `" status="` + status + `" event="` + why + `">`)
		_ = xml.EscapeText(&b, []byte(s.Watcher))
		b.WriteString(`</watcher>`)
	}
	b.WriteString(`</watcher-list></watcherinfo>`)
	return event.Document{Type: Type, Body: b.Bytes(), Count: count}
}

// id is a name of XML: what stands behind '/' tells the members of one list.
func id(s string) string {
	return "w" + strings.NewReplacer("/", ".", ":", ".", "@", ".").Replace(s)
}

// interval is the least time between two NOTIFYs (RFC 3857 §4.10).
const interval = 5 * time.Second
