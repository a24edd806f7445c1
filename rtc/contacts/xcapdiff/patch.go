package xcapdiff

import (
	"bytes"
	"strconv"

	"tandem/rtc/contacts/xcap"
)

// patch is what turns one document into another, as the elements add, replace and
// remove of a diff document (RFC 5261). false: there is none that is worth it, and
// clients fetch the document. Elements are selected by their place alone, so that
// no selector needs a namespace.
func patch(before, after *xcap.Tree) ([]byte, bool) {
	old, now := before.Doc, after.Doc
	was, err := before.Root()
	if err != nil {
		return nil, false
	}
	is, err := after.Root()
	if err != nil {
		return nil, false
	}
	p := patcher{old: old, now: now}
	a, b := span(was), span(is)
	if !bytes.Equal(bytes.TrimSpace(old[:a.from]), bytes.TrimSpace(now[:b.from])) || !bytes.Equal(bytes.TrimSpace(old[a.to:]), bytes.TrimSpace(now[b.to:])) {
		return nil, false // what stands around the root is another
	}
	if !p.element("*", was, is) || p.conflict || p.out.Len() > len(now) {
		return nil, false
	}
	return p.out.Bytes(), true
}

// part is octets of a document.
type part struct{ from, to int }

func span(e *xcap.Element) (s part) {
	s.from, s.to = e.Span()
	return s
}

type patcher struct {
	old, now []byte
	out      bytes.Buffer
	conflict bool // the document uses our prefix for something else
}

// node is an element, or text between elements, which may hold comments.
type node struct {
	e    *xcap.Element // nil: text
	text []byte        // as it stands in the document
}

func (n *node) blank() bool { return n.e == nil && len(bytes.TrimSpace(n.text)) == 0 }

// nodes are the content of an element. Text and elements alternate.
func nodes(doc []byte, e *xcap.Element) (list []node) {
	at, end := e.Inner()
	text := func(to int) {
		if to > at {
			list = append(list, node{text: doc[at:to]})
		}
	}
	for _, c := range e.Children {
		s := span(c)
		text(s.from)
		list = append(list, node{c, doc[s.from:s.to]})
		at = s.to
	}
	text(end)
	return list
}

// element writes what turns an element into another that takes its place at path;
// false: nothing was written, since the element before it must be replaced.
func (p *patcher) element(path string, was, is *xcap.Element) bool {
	a, b := span(was), span(is)
	if bytes.Equal(p.old[a.from:a.to], p.now[b.from:b.to]) {
		return true
	}
	if p.tag(path, was, is) && p.content(path, was, is) {
		return true
	}
	p.begin("replace", path, "", is.Parent)
	p.out.Write(p.now[b.from:b.to])
	p.end("replace")
	return true
}

// tag writes how the start tag changes; false: by more than attributes.
func (p *patcher) tag(path string, was, is *xcap.Element) bool {
	if was.Name != is.Name || was.Space != is.Space || was.Declared() != is.Declared() {
		return false
	}
	for _, list := range [][]xcap.Attr{was.Attrs, is.Attrs} {
		for i := range list {
			if a, ok := other(was, &list[i]); list[i].Space != "" && (!ok || a != list[i].Value) {
				return false
			}
			if a, ok := other(is, &list[i]); list[i].Space != "" && (!ok || a != list[i].Value) {
				return false
			}
		}
	}
	mark := p.out.Len()
	for i := range is.Attrs {
		a := &is.Attrs[i]
		before, had := other(was, a)
		switch {
		case !had:
			p.begin("add", path, ` type="@`+a.Name+`"`, nil)
			p.out.WriteString(xcap.Escape(a.Value))
			p.end("add")
		case before != a.Value:
			p.begin("replace", path+"/@"+a.Name, "", nil)
			p.out.WriteString(xcap.Escape(a.Value))
			p.end("replace")
		}
	}
	for i := range was.Attrs {
		if _, has := other(is, &was.Attrs[i]); !has {
			p.remove(path+"/@"+was.Attrs[i].Name, "")
		}
	}
	if p.out.Len()-mark > 4096 {
		p.out.Truncate(mark)
		return false
	}
	return true
}

// other is the value of the same attribute in another element.
func other(e *xcap.Element, a *xcap.Attr) (string, bool) {
	for i := range e.Attrs {
		if e.Attrs[i].Space == a.Space && e.Attrs[i].Name == a.Name {
			return e.Attrs[i].Value, true
		}
	}
	return "", false
}

// content writes how what an element holds changes; false, and nothing written,
// when that is too much for a patch.
func (p *patcher) content(path string, was, is *xcap.Element) bool {
	old, now := nodes(p.old, was), nodes(p.now, is)
	first := 0
	for first < min(len(old), len(now)) && bytes.Equal(old[first].text, now[first].text) {
		first++
	}
	last := 0
	for last < min(len(old), len(now))-first && bytes.Equal(old[len(old)-1-last].text, now[len(now)-1-last].text) {
		last++
	}
	gone, come := old[first:len(old)-last], now[first:len(now)-last]
	before := elements(old[:first]) // elements that stay before the place
	switch {
	case len(gone)+len(come) == 0:
		return true
	case len(gone) == 0:
		p.insert(path, old, first, before, come, is)
		return true
	case len(come) == 0:
		return p.take(path, before, gone)
	}
	return p.each(path, before, gone, come)
}

func elements(list []node) (n int) {
	for i := range list {
		if list[i].e != nil {
			n++
		}
	}
	return n
}

// child is the path of a child element, counted from 1.
func child(path string, n int) string { return path + "/*[" + strconv.Itoa(n) + "]" }

// insert writes nodes that are new, before old[at], with so many elements before.
func (p *patcher) insert(path string, old []node, at, before int, list []node, in *xcap.Element) {
	switch {
	case at == len(old): // RFC 5261 §4.3: at the end
		p.begin("add", path, "", in)
	case old[at].e != nil:
		p.begin("add", child(path, before+1), ` pos="before"`, in)
	case before == 0:
		p.begin("add", path, ` pos="prepend"`, in)
	default:
		p.begin("add", child(path, before), ` pos="after"`, in)
	}
	for i := range list {
		p.out.Write(list[i].text)
	}
	p.end("add")
}

// take writes that nodes are gone, the last one first, blanks with the element
// they stand beside; false, and nothing written, when text is gone.
func (p *patcher) take(path string, before int, gone []node) bool {
	for i := range gone {
		if gone[i].e == nil && (!gone[i].blank() || len(gone) == 1) {
			return false
		}
	}
	n := before + elements(gone)
	for i := len(gone) - 1; i >= 0; i-- {
		ws := ""
		if gone[i].e == nil { // it follows an element
			ws = ` ws="after"`
			i--
		}
		if i > 0 && gone[i-1].e == nil {
			if i--; ws != "" {
				ws = ` ws="both"`
			} else {
				ws = ` ws="before"`
			}
		}
		p.remove(child(path, n), ws)
		n--
	}
	return true
}

// each writes the changes of elements that stay in their places; false, and
// nothing written, when others came or text changed.
func (p *patcher) each(path string, before int, gone, come []node) bool {
	if len(gone) != len(come) {
		return false
	}
	for i := range gone {
		if (gone[i].e == nil) != (come[i].e == nil) || gone[i].e == nil && !bytes.Equal(gone[i].text, come[i].text) {
			return false
		}
	}
	n := before
	for i := range gone {
		if gone[i].e != nil {
			n++
			p.element(child(path, n), gone[i].e, come[i].e)
		}
	}
	return true
}

// begin writes the start tag of an instruction whose content stands in an element
// of the new document: the namespaces in force there are declared.
func (p *patcher) begin(name, path, more string, in *xcap.Element) {
	p.out.WriteString("<" + prefix + ":" + name + ` sel="` + path + `"` + more)
	if in != nil {
		p.out.WriteString(in.Declared())
		p.conflict = p.conflict || in.Declares(prefix)
	}
	p.out.WriteString(">")
}

func (p *patcher) end(name string) { p.out.WriteString("</" + prefix + ":" + name + ">") }

func (p *patcher) remove(path, more string) {
	p.out.WriteString("<" + prefix + `:remove sel="` + path + `"` + more + "/>")
}
