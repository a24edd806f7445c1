package contacts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tandem/rtc/contacts/xcap"
)

const emptyLists = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<resource-lists xmlns="` + xcap.ListsSpace + `"></resource-lists>`

// edit sets and removes contacts in a document, which may be nil. What it does
// not concern stays as it is, octet by octet.
func edit(doc []byte, set []Contact, remove []string) ([]byte, error) {
	if doc == nil {
		doc = []byte(emptyLists)
	}
	root, err := xcap.Parse(doc)
	if err != nil {
		return nil, err
	}
	w := writer{doc: doc, set: make(map[string]*Contact, len(set)), gone: make(map[string]bool, len(remove)),
		found: make(map[string]bool), lists: make(map[string]*xcap.Element), more: make(map[string][]byte), in: make(map[[2]string]bool)}
	for i := range set {
		w.set[set[i].Address] = &set[i]
	}
	for _, uri := range remove {
		w.gone[uri] = true
	}
	for _, l := range root.Children {
		w.list(l, "")
	}
	for _, uri := range remove {
		if !w.found[uri] {
			return nil, fmt.Errorf("%w: %s is not a contact", ErrUnknown, uri)
		}
	}
	w.add(set)
	return w.finish(root), nil
}

// cut is a part of the document and what takes its place.
type cut struct {
	from, to int
	text     []byte
}

// writer collects what changes in a document.
type writer struct {
	doc   []byte
	set   map[string]*Contact
	gone  map[string]bool
	found map[string]bool          // of those to remove
	lists map[string]*xcap.Element // by name of the group
	more  map[string][]byte        // entries to add to a group
	in    map[[2]string]bool       // group and address of entries that stay
	cuts  []cut
}

// list goes through the entries of a list and of those in it.
func (w *writer) list(l *xcap.Element, above string) {
	if l.Space != xcap.ListsSpace || l.Name != "list" {
		return
	}
	name, _ := l.Attr("name")
	if above != "" {
		name = above + "/" + name
	}
	if w.lists[name] == nil {
		w.lists[name] = l
	}
	for _, e := range l.Children {
		w.list(e, name)
		uri, ok := e.Attr("uri")
		if e.Space != xcap.ListsSpace || e.Name != "entry" || !ok {
			continue
		}
		from, to := e.Span()
		c := w.set[uri]
		switch {
		case w.gone[uri]:
			w.found[uri] = true
			w.cuts = append(w.cuts, cut{from, to, nil})
		case c == nil:
		case slices.Contains(c.Groups, name):
			w.in[[2]string{name, uri}] = true
			w.cuts = append(w.cuts, cut{from, to, entry(c, w.foreign(e))})
		default:
			w.cuts = append(w.cuts, cut{from, to, nil})
		}
	}
}

// foreign is what others have put into an entry.
func (w *writer) foreign(e *xcap.Element) (out []byte) {
	for _, x := range e.Children {
		if x.Space == xcap.ListsSpace || x.Space == detailSpace {
			continue
		}
		from, to := x.Span()
		out = append(out, w.doc[from:to]...)
	}
	return out
}

// add puts contacts into the groups they are not in yet.
func (w *writer) add(set []Contact) {
	for i := range set {
		c := &set[i]
		for _, g := range c.Groups {
			if !w.in[[2]string{g, c.Address}] {
				w.in[[2]string{g, c.Address}] = true
				w.more[g] = append(w.more[g], entry(c, nil)...)
			}
		}
	}
}

// finish applies everything to the document.
func (w *writer) finish(root *xcap.Element) []byte {
	var fresh []byte
	for _, g := range slices.Sorted(maps.Keys(w.more)) {
		if l := w.lists[g]; l != nil {
			from, to, text := l.Grown(w.more[g])
			w.cuts = append(w.cuts, cut{from, to, text})
			continue
		}
		fresh = append(fresh, `<list xmlns="`+xcap.ListsSpace+`" name="`+xcap.Escape(g)+`"><display-name>`+xcap.Escape(g)+`</display-name>`...)
		fresh = append(append(fresh, w.more[g]...), "</list>\n"...)
	}
	if fresh != nil {
		from, to, text := root.Grown(fresh)
		w.cuts = append(w.cuts, cut{from, to, text})
	}
	slices.SortStableFunc(w.cuts, func(a, b cut) int { return a.from - b.from })
	out, at := make([]byte, 0, len(w.doc)+len(fresh)), 0
	for _, c := range w.cuts {
		out = append(append(out, w.doc[at:c.from]...), c.text...)
		at = c.to
	}
	return append(out, w.doc[at:]...)
}

// entry is a contact in XML. It declares its namespaces, so that it fits into
// any document.
func entry(c *Contact, foreign []byte) []byte {
	var b strings.Builder
	b.WriteString(`<entry xmlns="` + xcap.ListsSpace + `" uri="` + xcap.Escape(c.Address) + `">`)
	if c.Name != "" {
		b.WriteString(`<display-name>` + xcap.Escape(c.Name) + `</display-name>`)
	}
	if len(c.Numbers)+len(c.Settings) > 0 {
		b.WriteString(`<details xmlns="` + detailSpace + `">`)
		for _, n := range c.Numbers {
			b.WriteString(`<number>` + xcap.Escape(n) + `</number>`)
		}
		for _, k := range slices.Sorted(maps.Keys(c.Settings)) {
			b.WriteString(`<setting name="` + xcap.Escape(k) + `">` + xcap.Escape(c.Settings[k]) + `</setting>`)
		}
		b.WriteString(`</details>`)
	}
	b.Write(foreign)
	b.WriteString("</entry>")
	return []byte(b.String())
}
