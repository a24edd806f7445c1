// Package xcapdiff is the event package "xcap-diff" (RFC 5875): a user's clients
// hear when one of the user's documents has changed (RFC 5874), so that a contact
// list is the same at all of them at once.
//
// The first NOTIFY tells the entity tags of all documents asked for. Later ones
// tell what has changed since the one before, with patches (RFC 5261) unless the
// client wants none. Patches are made when a document changes and somebody has
// subscribed; the last of each user are kept in memory until then. Where one is
// missing, and where it would be longer than the document, clients see by the
// entity tags that they must fetch it.
//
// Single elements and attributes are told with their content, where a list in the
// SUBSCRIBE asks for them by node selectors.
package xcapdiff

import (
	"slices"
	"strings"
	"sync"

	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/contacts/xcap"
	"tandem/rtc/event"
)

// Name of the package.
const Name = "xcap-diff"

// Type of its documents.
const Type = "application/xcap-diff+xml"

// prefix of the namespace of diff documents in them. The patches they hold have
// default namespaces of their own.
const prefix = "d"

// Package makes the package for n.Add, over the documents of a book. root is the
// XCAP root URI.
func Package(n *event.Notifier, b *contacts.Book, root string) event.Package {
	h := &history{steps: make(map[rtc.AOR][]step)}
	b.Watch(func(e contacts.Event) {
		if len(n.Watchers(e.User, Name)) == 0 {
			h.forget(e.User)
			return
		}
		h.add(e)
		n.Changed(e.User, Name)
	})
	return event.Package{Name: Name, Types: []string{Type}, OwnLists: true, Content: content, Authorise: authorise,
		Document: func(q event.Query) event.Document {
			v := view(q.View)
			s := &state{user: q.Resource, view: v, nodes: v.nodes(b, q.Resource)}
			for _, d := range b.Versions(q.Resource) {
				if v.shows(&d) || s.tooLong(d.Key) {
					s.list = append(s.list, d)
				}
			}
			return whole(root, s)
		},
		Difference: func(old, now event.Document) (event.Document, bool) {
			return h.difference(root, old.Source.(*state), now.Source.(*state)), true
		}}
}

// state is what a client knows of: versions of documents, by usage and name, and
// single nodes.
type state struct {
	user  rtc.AOR
	view  view
	list  []contacts.Document
	nodes []selected
}

// tooLong reports whether a node of a document cannot be told, and the document is.
func (s *state) tooLong(k contacts.Key) bool {
	return slices.ContainsFunc(s.nodes, func(n selected) bool { return n.long && n.key == k })
}

// selector of a document, below the root.
func (s *state) selector(k contacts.Key) string {
	return xcap.Escape(k.Usage + "/users/" + string(s.user) + "/" + k.Name)
}

// tag is an entity tag as it stands in an attribute.
func tag(version int64) string { return strings.Trim(contacts.ETag(version), `"`) }

func begin(root string) *strings.Builder {
	b := new(strings.Builder)
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<` + prefix + `:xcap-diff xmlns:` + prefix + `="urn:ietf:params:xml:ns:xcap-diff" xcap-root="` + xcap.Escape(root) + `">`)
	return b
}

func finish(b *strings.Builder, s *state) event.Document {
	b.WriteString(`</` + prefix + `:xcap-diff>`)
	return event.Document{Type: Type, Body: []byte(b.String()), Source: s}
}

// whole tells the present entity tags.
func whole(root string, s *state) event.Document {
	b := begin(root)
	for i := range s.list {
		d := &s.list[i]
		b.WriteString(`<` + prefix + `:document new-etag="` + tag(d.Version) + `" sel="` + s.selector(d.Key) + `"/>`)
	}
	nodesChanged(b, nil, s.nodes)
	return finish(b, s)
}

// Bounds of the patches kept for one user.
const (
	maxSteps  = 32
	maxOctets = 128 << 10
)

// step is one change of a document.
type step struct {
	key           contacts.Key
	before, after int64
	patch         []byte // nil: there is none
	same          bool   // it says what it said before
}

// history is the last changes of documents that somebody has subscribed to.
type history struct {
	mu    sync.Mutex
	steps map[rtc.AOR][]step // guarded by mu; lists are replaced, never changed
}

func (h *history) forget(user rtc.AOR) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.steps, user)
}

// add keeps a change, and forgets the oldest.
func (h *history) add(e contacts.Event) {
	s := step{key: e.Key, before: e.Before, after: e.After}
	if e.Old != nil && e.New != nil {
		if s.same = string(e.Old.Doc) == string(e.New.Doc); !s.same {
			s.patch, _ = patch(e.Old, e.New)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	list := append(slices.Clone(h.steps[e.User]), s)
	octets, from := 0, len(list)
	for from > 0 && len(list)-from < maxSteps {
		if octets += len(list[from-1].patch); octets > maxOctets {
			break
		}
		from--
	}
	h.steps[e.User] = list[from:]
}

// path is the changes that lead from one version of a document to another, nil
// when one of them is not known.
func (h *history) path(user rtc.AOR, k contacts.Key, from, to int64) (list []step) {
	h.mu.Lock()
	steps := h.steps[user]
	h.mu.Unlock()
	for i := range steps {
		s := &steps[i]
		if s.key != k || s.before != from {
			continue
		}
		if s.patch == nil && !s.same {
			return nil
		}
		list = append(list, *s)
		if from = s.after; from == to {
			return list
		}
	}
	return nil
}

// difference tells what has changed (RFC 5874 §3, figure 1).
func (h *history) difference(root string, old, now *state) event.Document {
	b := begin(root)
	open := func(k contacts.Key, attributes string) {
		b.WriteString(`<` + prefix + `:document` + attributes + ` sel="` + now.selector(k) + `"`)
	}
	for i := range old.list {
		d := &old.list[i]
		if find(now.list, d.Key) == nil {
			open(d.Key, ` previous-etag="`+tag(d.Version)+`"`)
			b.WriteString(`/>`)
		}
	}
	for i := range now.list {
		d := &now.list[i]
		was := find(old.list, d.Key)
		switch {
		case was == nil:
			open(d.Key, ` new-etag="`+tag(d.Version)+`"`)
			b.WriteString(`/>`)
		case was.Version != d.Version:
			h.changed(b, open, now, d.Key, was.Version, d.Version)
		}
	}
	nodesChanged(b, old.nodes, now.nodes)
	return finish(b, now)
}

// changed tells of a document that is there and was there.
func (h *history) changed(b *strings.Builder, open func(contacts.Key, string), now *state, k contacts.Key, from, to int64) {
	var steps []step
	if now.view.patches() {
		steps = h.path(now.user, k, from, to)
	}
	if steps == nil {
		open(k, ` previous-etag="`+tag(from)+`" new-etag="`+tag(to)+`"`)
		b.WriteString(`/>`)
		return
	}
	for i := range steps { // each with its entity tags: one after the other they lead there
		s := &steps[i]
		open(k, ` previous-etag="`+tag(s.before)+`" new-etag="`+tag(s.after)+`"`)
		b.WriteString(`>`)
		if s.same {
			b.WriteString(`<` + prefix + `:body-not-changed/>`)
		}
		b.Write(s.patch)
		b.WriteString(`</` + prefix + `:document>`)
	}
}

func find(list []contacts.Document, k contacts.Key) *contacts.Document {
	for i := range list {
		if list[i].Key == k {
			return &list[i]
		}
	}
	return nil
}
