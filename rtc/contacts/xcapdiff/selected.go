package xcapdiff

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/contacts/xcap"
)

// maxNode is how many octets an element has at most that is told with its content;
// of a longer one, the entity tag of its document is told instead.
const maxNode = 32 << 10

// selected is an element or attribute that a client wants to hear of (RFC 5874 §3).
type selected struct {
	key    contacts.Key
	kind   string // "element" or "attribute"
	sel    string // as it stands in an attribute
	there  bool
	spaces string // that are in force at the element, as it declares them
	body   string // as it stands in the document
	long   bool   // it cannot be told
}

// selectorOf reads a node selector as the URI has it, percent-encoded.
func selectorOf(text string, u *xcap.Usage) (xcap.Selector, error) {
	path, query, _ := strings.Cut(text, "?")
	path, err := url.PathUnescape(path)
	if err != nil {
		return xcap.Selector{}, err
	}
	if query, err = url.PathUnescape(query); err != nil {
		return xcap.Selector{}, err
	}
	return xcap.ParseSelector(path, query, u.Space)
}

// nodes are those that a client wants to hear of, as they are now.
func (v view) nodes(b *contacts.Book, user rtc.AOR) (list []selected) {
	for line := range strings.SplitSeq(string(v), "\n") {
		path, selector, ok := strings.Cut(line, "\t")
		id, name, _ := strings.Cut(path, "/")
		if u := xcap.UsageOf(id); ok && u != nil {
			s, err := selectorOf(selector, u)
			if err != nil {
				continue // it was read when it came
			}
			n := selected{key: contacts.Key{User: user, Usage: id, Name: name}, kind: "element",
				sel: xcap.Escape(id + "/users/" + string(user) + "/" + name + "/~~/" + selector)}
			if s.Type() == xcap.AttributeType {
				n.kind = "attribute"
			}
			n.read(b, s)
			list = append(list, n)
		}
	}
	return list
}

// read finds the node in its document.
func (n *selected) read(b *contacts.Book, s xcap.Selector) {
	_, t, err := b.Tree(context.Background(), n.key)
	if err != nil {
		n.long = !errors.Is(err, contacts.ErrUnknown)
		return
	}
	root, err := t.Root()
	if err != nil {
		return
	}
	body, ok := t.Get(s)
	n.there, n.body, n.long = ok, string(body), len(body) > maxNode
	switch e := s.Find(root); {
	case n.kind == "attribute":
		n.body = strings.ReplaceAll(n.body, ">", "&gt;") // which a value may hold, and text may not always
	case e != nil:
		n.spaces, n.long = e.Declared(), n.long || e.Declares(prefix)
	}
}

// write tells what the node is now.
func (n *selected) write(b *strings.Builder) {
	b.WriteString(`<` + prefix + `:` + n.kind + ` sel="` + n.sel + `"` + n.spaces)
	if !n.there {
		b.WriteString(` exists="false"/>`)
		return
	}
	b.WriteString(`>` + n.body + `</` + prefix + `:` + n.kind + `>`)
}

// nodesChanged tells of the nodes that are not as they were.
func nodesChanged(b *strings.Builder, old, now []selected) {
	for i := range now {
		n := &now[i]
		was := selected{}
		for j := range old {
			if old[j].sel == n.sel {
				was = old[j]
			}
		}
		if !n.long && (n.there != was.there || n.body != was.body || n.spaces != was.spaces) {
			n.write(b)
		}
	}
}
