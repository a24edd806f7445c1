package services

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/contacts/xcap"
	"tandem/rtc/event/lists"
)

// maxDocuments is how many documents one list may be made of.
const maxDocuments = 16

// reader collects the members of a list, with those of lists in it. What it has
// been at it does not enter again, so lists that contain each other end.
type reader struct {
	*Services
	ctx       context.Context
	user      rtc.AOR
	documents map[contacts.Key]*document
	seen      map[string]bool // lists, by where they are
	entries   []lists.Entry
}

type document struct {
	body []byte
	root *xcap.Element
}

// service adds the members of a service of the user.
func (r *reader) service(address rtc.AOR) error {
	x, ok := r.find(r.user, address)
	if !ok || r.again("service "+string(address)) {
		return nil
	}
	d, err := r.document(contacts.Key{User: r.user, Usage: xcap.Services.ID, Name: x.document})
	if d == nil {
		return err
	}
	for _, e := range d.root.Children {
		if uri, _ := e.Attr("uri"); e.Name != "service" || contacts.AORof(uri) != address {
			continue
		}
		for _, c := range e.Children {
			switch c.Name {
			case "list":
				err = errors.Join(err, r.list(d, c))
			case "resource-list": // RFC 4826 §4.1: an absolute URI
				err = errors.Join(err, r.refer(strings.TrimSpace(c.Text(d.body))))
			}
		}
	}
	return err
}

// again reports whether a list has been read, and notes that it has been.
func (r *reader) again(where string) bool {
	was := r.seen[where]
	r.seen[where] = true
	return was
}

// document is one of the user's, nil when there is none.
func (r *reader) document(k contacts.Key) (*document, error) {
	if d, ok := r.documents[k]; ok {
		return d, nil
	}
	if len(r.documents) == maxDocuments {
		return nil, nil
	}
	doc, err := r.book.Document(r.ctx, k)
	if errors.Is(err, contacts.ErrUnknown) {
		r.documents[k] = nil
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	root, err := xcap.Parse(doc.Body)
	if err != nil {
		return nil, err
	}
	d := &document{doc.Body, root}
	r.documents[k] = d
	return d, nil
}

// list adds the members of a list element.
func (r *reader) list(d *document, list *xcap.Element) (err error) {
	for _, e := range list.Children {
		if e.Space != xcap.ListsSpace {
			continue
		}
		switch e.Name {
		case "list":
			err = errors.Join(err, r.list(d, e))
		case "entry":
			err = errors.Join(err, r.entry(d, e))
		case "entry-ref": // RFC 4826 §3.1: relative to the XCAP root
			ref, _ := e.Attr("ref")
			err = errors.Join(err, r.refer(r.root+ref))
		case "external":
			anchor, _ := e.Attr("anchor")
			err = errors.Join(err, r.refer(anchor))
		}
	}
	return err
}

// entry adds one member, or those of a list that it names.
func (r *reader) entry(d *document, e *xcap.Element) error {
	uri, ok := e.Attr("uri")
	if !ok || len(r.entries) >= lists.MaxEntries {
		return nil
	}
	if _, ok := r.find(r.user, contacts.AORof(uri)); ok {
		return r.service(contacts.AORof(uri))
	}
	out := lists.Entry{URI: uri}
	for _, c := range e.Children {
		if c.Space == xcap.ListsSpace && c.Name == "display-name" {
			out.Name = strings.TrimSpace(c.Text(d.body))
		}
	}
	r.entries = append(r.entries, out)
	return nil
}

// refer adds what an XCAP URI names, if it is in a document of the user.
func (r *reader) refer(uri string) error {
	path, ok := strings.CutPrefix(uri, r.root)
	if !ok || r.again(uri) {
		return nil
	}
	path, query, _ := strings.Cut(path, "?")
	path, node, hasNode := strings.Cut(path, "/~~/")
	parts := strings.Split(path, "/")
	if len(parts) != 4 || parts[0] != xcap.ResourceLists.ID || parts[1] != "users" || !r.mine(parts[2]) {
		return nil
	}
	name, err1 := url.PathUnescape(parts[3])
	d, err := r.document(contacts.Key{User: r.user, Usage: xcap.ResourceLists.ID, Name: name})
	if err1 != nil || d == nil {
		return err
	}
	if !hasNode {
		return r.list(d, d.root)
	}
	node, err1 = url.PathUnescape(node)
	query, err2 := url.PathUnescape(query)
	selector, err3 := xcap.ParseSelector(node, query, xcap.ListsSpace)
	if errors.Join(err1, err2, err3) != nil {
		return nil // it names nothing
	}
	switch e := selector.Find(d.root); {
	case e == nil:
	case e.Name == "list":
		return r.list(d, e)
	case e.Name == "entry":
		return r.entry(d, e)
	}
	return nil
}

// mine reports whether a path's user is the one whose list it is.
func (r *reader) mine(xui string) bool {
	xui, err := url.PathUnescape(xui)
	if err != nil {
		return false
	}
	if !strings.Contains(xui, "@") {
		xui += "@" + r.user.Domain()
	}
	if !strings.HasPrefix(xui, "sip") {
		xui = "sip:" + xui
	}
	return contacts.AORof(xui) == r.user
}
