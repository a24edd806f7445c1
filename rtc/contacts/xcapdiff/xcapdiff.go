// Package xcapdiff is the event package "xcap-diff" (RFC 5875): a user's clients
// hear when one of the user's documents has changed (RFC 5874), so that a contact
// list is the same at all of them at once. They are told the entity tags and fetch
// what they have not; patches are not sent.
package xcapdiff

import (
	"strings"

	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/contacts/xcap"
	"tandem/rtc/event"
	"tandem/rtc/event/lists"
	"tandem/rtc/sip"
)

// Name of the package.
const Name = "xcap-diff"

// Type of its documents.
const Type = "application/xcap-diff+xml"

// Package makes the package for n.Add, over the documents of a book. root is the
// XCAP root URI. What a SUBSCRIBE lists is taken for all documents of the user.
func Package(n *event.Notifier, b *contacts.Book, root string) event.Package {
	b.Watch(func(e contacts.Event) { n.Changed(e.User, Name) })
	return event.Package{Name: Name, Types: []string{Type}, OwnLists: true, Content: content,
		Document: func(q event.Query) event.Document { return document(root, q.Resource, b.Versions(q.Resource)) }}
}

// content accepts a list of documents, or none (RFC 5875 §4.2).
func content(m *sip.Message) error {
	if t := sip.ParseParted(m.Get(sip.HdrContentType)).Value; len(m.Body()) > 0 && !sip.EqualFold(t, lists.Type) {
		return &rtc.Status{Code: 415, Header: []byte("Accept: " + lists.Type + "\r\n")}
	}
	return nil
}

// document tells the present entity tags.
func document(root string, user rtc.AOR, list []contacts.Document) event.Document {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<xcap-diff xmlns="urn:ietf:params:xml:ns:xcap-diff" xcap-root="` + xcap.Escape(root) + `">`)
	for i := range list {
		d := &list[i]
		b.WriteString(`<document new-etag="` + strings.Trim(d.ETag(), `"`) + `" sel="` + xcap.Escape(d.Usage+"/users/"+string(user)+"/"+d.Name) + `"/>`)
	}
	b.WriteString(`</xcap-diff>`)
	return event.Document{Type: Type, Body: []byte(b.String())}
}
