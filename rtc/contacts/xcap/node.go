package xcap

import (
	"bytes"
	"slices"
	"sync/atomic"
)

// The media types of nodes (RFC 4825 §15.2).
const (
	ElementType    = "application/xcap-el+xml"
	AttributeType  = "application/xcap-att+xml"
	NamespacesType = "application/xcap-ns+xml"
)

// Type is the media type of what the selector names.
func (s *Selector) Type() string {
	switch {
	case s.namespaces:
		return NamespacesType
	case s.attr != "":
		return AttributeType
	}
	return ElementType
}

// Find returns the element that a selector names in a document, nil when that is
// none.
func (s *Selector) Find(root *Element) *Element {
	if s.namespaces || s.attr != "" {
		return nil
	}
	return s.element(root)
}

func (s *Selector) get(doc []byte, root *Element) ([]byte, bool) {
	e := s.element(root)
	switch {
	case e == nil:
		return nil, false
	case s.namespaces:
		return e.inScope(), true
	case s.attr != "":
		a := s.attrOf(e, s.attr)
		if a == nil {
			return nil, false
		}
		return doc[e.start+a.from : e.start+a.to], true
	}
	return doc[e.start:e.end], true
}

// inScope is the start tag of an element with the namespaces in force there
// (RFC 4825 §7.10), and nothing else.
func (e *Element) inScope() []byte {
	return append(append([]byte("<"+e.tag), e.Declared()...), "/>"...)
}

// Declared are the namespaces in force at an element, as attributes that declare
// them, each with a blank before it.
func (e *Element) Declared() string {
	var out []byte
	var seen []string
	for x := e; x != nil; x = x.Parent {
		for _, b := range x.spaces {
			if slices.Contains(seen, b.prefix) {
				continue
			}
			seen = append(seen, b.prefix)
			name := "xmlns"
			if b.prefix != "" {
				name += ":" + b.prefix
			}
			out = append(out, " "+name+`="`+Escape(b.uri)+`"`...)
		}
	}
	return string(out)
}

// Declares reports whether a prefix is in force at an element.
func (e *Element) Declares(prefix string) bool {
	_, ok := e.space(prefix)
	return ok
}

// Tree is a document with its elements, which are read once. It is not changed, and
// safe for concurrent use.
type Tree struct {
	Doc  []byte
	root atomic.Pointer[Element]
}

func newTree(doc []byte, root *Element) *Tree {
	t := &Tree{Doc: doc}
	t.root.Store(root)
	return t
}

// Body is the document, nil of a nil tree.
func (t *Tree) Body() []byte {
	if t == nil {
		return nil
	}
	return t.Doc
}

// Root reads the document. The error is a *Fault.
func (t *Tree) Root() (*Element, error) {
	if root := t.root.Load(); root != nil {
		return root, nil
	}
	root, err := Parse(t.Doc)
	if err != nil {
		return nil, err
	}
	t.root.Store(root)
	return root, nil
}

// Get returns a node of the document as it stands there; false: nothing, or more
// than one, is selected.
func (t *Tree) Get(s Selector) ([]byte, bool) {
	root, err := t.Root()
	if err != nil {
		return nil, false
	}
	return s.get(t.Doc, root)
}

// Tree checks a document as Validate does.
func (u *Usage) Tree(doc []byte) (*Tree, error) {
	root, err := u.read(doc)
	if err != nil {
		return nil, err
	}
	return newTree(doc, root), nil
}

// Put puts a node into a document of the usage, in place of the one that is
// selected or where it then is (RFC 4825 §8.2.3), and validates what becomes of
// it. created: there was none before.
func (u *Usage) Put(old *Tree, s Selector, node []byte) (now *Tree, created bool, err error) {
	root, err := old.Root()
	if err != nil {
		return nil, false, err
	}
	if s.namespaces {
		return nil, false, &Fault{Kind: CannotInsert, Phrase: "namespaces cannot be put"}
	}
	var d edit
	if s.attr != "" {
		d, created, err = putAttr(old.Doc, root, &s, node)
	} else {
		d, created, err = putElement(root, &s, node)
	}
	if err != nil {
		return nil, false, err
	}
	if now, err = u.edited(old.Doc, root, &d); err != nil {
		return nil, false, err
	}
	// A GET of the same node must now return what was put.
	if got, ok := now.Get(s); !ok || !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(node)) {
		return nil, false, &Fault{Kind: CannotInsert, Phrase: "the selector would not find what was put"}
	}
	return now, created, nil
}

// edited is a document behind an edit, validated.
func (u *Usage) edited(doc []byte, root *Element, d *edit) (*Tree, error) {
	doc = d.apply(doc)
	if root = graft(root, doc, d); root == nil {
		return u.Tree(doc)
	}
	if err := u.check(doc, root); err != nil {
		return nil, err
	}
	return newTree(doc, root), nil
}

func noParent(s *Selector, depth int) *Fault {
	return &Fault{Kind: NoParent, Ancestor: s.prefix(depth)}
}

func putAttr(doc []byte, root *Element, s *Selector, value []byte) (d edit, created bool, err error) {
	e, depth := s.walk(root, len(s.steps))
	if depth < len(s.steps) {
		return d, false, noParent(s, depth)
	}
	if _, err := unescape(string(value)); err != nil || bytes.ContainsAny(value, `<"`) || legal(value) != nil {
		return d, false, &Fault{Kind: NotAttribute}
	}
	if a := s.attrOf(e, s.attr); a != nil {
		from, to := e.start+a.from, e.start+a.to
		if doc[from-1] == '\'' && bytes.IndexByte(value, '\'') >= 0 { // with the quotes that fit
			return edit{from: from - 1, to: to + 1, text: []byte(`"` + string(value) + `"`)}, false, nil
		}
		return edit{from: from, to: to, text: value}, false, nil
	}
	name, ok := s.written(e, s.attr)
	if !ok {
		return d, false, &Fault{Kind: CannotInsert, Phrase: "the prefix of the attribute is not declared in the document"}
	}
	at := e.open - 1 // before ">" or "/>"
	if e.empty {
		at = e.end - 2
	}
	return edit{from: at, to: at, text: []byte(" " + name + `="` + string(value) + `"`)}, true, nil
}

// written is an attribute's name with the prefix that the document uses.
func (s *Selector) written(e *Element, name string) (string, bool) {
	space, local, ok := s.expand(name, true)
	if !ok || space == "" {
		return local, ok
	}
	for x := e; x != nil; x = x.Parent {
		for _, b := range x.spaces {
			if in, _ := e.space(b.prefix); b.uri == space && b.prefix != "" && in == space {
				return b.prefix + ":" + local, true
			}
		}
	}
	return "", false
}

func putElement(root *Element, s *Selector, node []byte) (d edit, created bool, err error) {
	if err := fragment(node); err != nil {
		return d, false, err
	}
	n := len(s.steps)
	at, depth := s.walk(root, n)
	if node = bytes.TrimSpace(node); depth == n {
		return edit{from: at.start, to: at.end, text: node, in: at.Parent, gone: at}, false, nil
	}
	if depth < n-1 || at == nil {
		return d, false, noParent(s, depth)
	}
	where, ok := s.place(at, &s.steps[n-1])
	if !ok {
		return d, false, &Fault{Kind: CannotInsert, Phrase: "there are too few elements before that place"}
	}
	if at.empty { // <x/> must be opened
		from, to, text := at.Grown(node)
		return edit{from: from, to: to, text: text}, true, nil
	}
	return edit{from: where, to: where, text: node, in: at}, true, nil
}

// place is where a new child goes (RFC 4825 §8.2.3): behind the last one of its
// name, or where its position says.
func (s *Selector) place(parent *Element, st *step) (where int, ok bool) {
	var same []*Element
	w := s.want(st)
	for _, c := range parent.Children {
		if w.is(c) {
			same = append(same, c)
		}
	}
	switch {
	case st.pos > len(same)+1, st.name == "*" && st.pos == 0 && st.attr == "":
		return 0, false
	case st.pos > 0 && st.pos <= len(same): // one stands there with another attribute: it moves on
		return same[st.pos-1].start, true
	case len(same) > 0:
		return same[len(same)-1].end, true
	}
	return parent.shut, true
}

// fragment checks that a body is one element, whose prefixes may be declared
// around it.
func fragment(node []byte) error {
	b := bytes.TrimSpace(node)
	if !bytes.HasPrefix(b, []byte("<")) || bytes.HasPrefix(b, []byte("<?")) || bytes.HasPrefix(b, []byte("<!")) {
		return &Fault{Kind: NotFragment}
	}
	wrapped := []byte("<x")
	for _, p := range prefixes(b) {
		wrapped = append(wrapped, " xmlns:"+p+`="urn:declared-elsewhere:`+p+`"`...)
	}
	wrapped = append(append(append(wrapped, '>'), b...), "</x>"...)
	root, err := Parse(wrapped)
	if err != nil {
		if f, ok := err.(*Fault); ok && f.Kind == NotUTF8 {
			return f
		}
		return &Fault{Kind: NotFragment, Phrase: err.Error()}
	}
	if len(root.Children) != 1 || root.Children[0].end != root.shut {
		return &Fault{Kind: NotFragment, Phrase: "the body is not one element"}
	}
	return nil
}

// prefixes are those that may be used in a fragment.
func prefixes(b []byte) (list []string) {
	for i := 0; i < len(b); i++ {
		if b[i] != ':' {
			continue
		}
		from := i
		for from > 0 && nameChar(b[from-1]) {
			from--
		}
		p := string(b[from:i])
		if qualified(p) && p != "xml" && p != "xmlns" && !slices.Contains(list, p) && len(list) < 64 {
			list = append(list, p)
		}
	}
	return list
}

// Delete takes a node out of a document of the usage (RFC 4825 §8.2.4), and
// validates what is left. found is false when nothing is selected.
func (u *Usage) Delete(old *Tree, s Selector) (now *Tree, found bool, err error) {
	root, err := old.Root()
	if err != nil {
		return nil, false, err
	}
	e := s.element(root)
	if e == nil {
		return nil, false, nil
	}
	switch {
	case s.namespaces:
		return nil, true, &Fault{Kind: CannotDelete, Phrase: "namespaces cannot be deleted"}
	case s.attr != "":
		a := s.attrOf(e, s.attr)
		if a == nil {
			return nil, false, nil
		}
		now, err = u.Tree(splice(old.Doc, e.start+a.start, e.start+a.end, nil))
		return now, true, err
	case e.Parent == nil:
		return nil, true, &Fault{Kind: CannotDelete, Phrase: "a document needs its root element: delete the document"}
	}
	if now, err = u.Tree(splice(old.Doc, e.start, e.end, nil)); err != nil {
		return nil, true, err
	}
	if _, still := now.Get(s); still {
		return nil, true, &Fault{Kind: CannotDelete, Phrase: "the selector would then find another element"}
	}
	return now, true, nil
}

func splice(doc []byte, from, to int, b []byte) []byte {
	out := make([]byte, 0, len(doc)-(to-from)+len(b))
	out = append(append(append(out, doc[:from]...), b...), doc[to:]...)
	return out
}
