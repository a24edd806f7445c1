package xcap

import (
	"bytes"
	"slices"
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

// Get returns a node of a document as it stands there; false: nothing, or more
// than one, is selected.
func Get(doc []byte, s Selector) ([]byte, bool) {
	root, err := Parse(doc)
	if err != nil {
		return nil, false
	}
	return s.get(doc, root)
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
		return doc[a.from:a.to], true
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

// Tree is a document with its elements, which are read once. It is not changed, but
// its first reader must be alone.
type Tree struct {
	Doc  []byte
	root *Element
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
	if t.root == nil {
		root, err := Parse(t.Doc)
		if err != nil {
			return nil, err
		}
		t.root = root
	}
	return t.root, nil
}

// Tree checks a document as Validate does.
func (u *Usage) Tree(doc []byte) (*Tree, error) {
	root, err := u.read(doc)
	if err != nil {
		return nil, err
	}
	return &Tree{doc, root}, nil
}

// Put puts a node into a document of the usage, in place of the one that is
// selected or where it then is (RFC 4825 §8.2.3), and validates what becomes of
// it. created: there was none before.
func (u *Usage) Put(old *Tree, s Selector, node []byte) (now *Tree, created bool, err error) {
	root, err := old.Root()
	if err != nil {
		return nil, false, err
	}
	doc, changed := old.Doc, []byte(nil)
	if s.namespaces {
		return nil, false, &Fault{Kind: CannotInsert, Phrase: "namespaces cannot be put"}
	}
	if s.attr != "" {
		changed, created, err = putAttr(doc, root, &s, node)
	} else {
		changed, created, err = putElement(doc, root, &s, node)
	}
	if err != nil {
		return nil, false, err
	}
	if root, err = u.read(changed); err != nil {
		return nil, false, err
	}
	// A GET of the same node must now return what was put.
	if got, ok := s.get(changed, root); !ok || !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(node)) {
		return nil, false, &Fault{Kind: CannotInsert, Phrase: "the selector would not find what was put"}
	}
	return &Tree{changed, root}, created, nil
}

func noParent(s *Selector, depth int) *Fault {
	return &Fault{Kind: NoParent, Ancestor: s.prefix(depth)}
}

func putAttr(doc []byte, root *Element, s *Selector, value []byte) (changed []byte, created bool, err error) {
	e, depth := s.walk(root, len(s.steps))
	if depth < len(s.steps) {
		return nil, false, noParent(s, depth)
	}
	if _, err := unescape(string(value)); err != nil || bytes.ContainsAny(value, `<"`) || legal(value) != nil {
		return nil, false, &Fault{Kind: NotAttribute}
	}
	if a := s.attrOf(e, s.attr); a != nil {
		if doc[a.from-1] == '\'' && bytes.IndexByte(value, '\'') >= 0 { // with the quotes that fit
			return splice(doc, a.from-1, a.to+1, []byte(`"`+string(value)+`"`)), false, nil
		}
		return splice(doc, a.from, a.to, value), false, nil
	}
	name, ok := s.written(e, s.attr)
	if !ok {
		return nil, false, &Fault{Kind: CannotInsert, Phrase: "the prefix of the attribute is not declared in the document"}
	}
	at := e.open - 1 // before ">" or "/>"
	if e.empty {
		at = e.end - 2
	}
	return splice(doc, at, at, []byte(" "+name+`="`+string(value)+`"`)), true, nil
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

func putElement(doc []byte, root *Element, s *Selector, node []byte) (changed []byte, created bool, err error) {
	if err := fragment(node); err != nil {
		return nil, false, err
	}
	n := len(s.steps)
	at, depth := s.walk(root, n)
	if depth == n {
		return splice(doc, at.start, at.end, bytes.TrimSpace(node)), false, nil
	}
	if depth < n-1 || at == nil {
		return nil, false, noParent(s, depth)
	}
	where, ok := s.place(at, &s.steps[n-1])
	if !ok {
		return nil, false, &Fault{Kind: CannotInsert, Phrase: "there are too few elements before that place"}
	}
	if at.empty { // <x/> must be opened
		body := append([]byte(">"), bytes.TrimSpace(node)...)
		return splice(doc, at.end-2, at.end, append(body, "</"+at.tag+">"...)), true, nil
	}
	return splice(doc, where, where, bytes.TrimSpace(node)), true, nil
}

// place is where a new child goes (RFC 4825 §8.2.3): behind the last one of its
// name, or where its position says.
func (s *Selector) place(parent *Element, st *step) (where int, ok bool) {
	var same []*Element
	for _, c := range parent.Children {
		if s.named(c, st) {
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
	doc, changed := old.Doc, []byte(nil)
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
		changed = splice(doc, a.start, a.end, nil)
		now, err = u.Tree(changed)
		return now, true, err
	case e.Parent == nil:
		return nil, true, &Fault{Kind: CannotDelete, Phrase: "a document needs its root element: delete the document"}
	}
	changed = splice(doc, e.start, e.end, nil)
	if root, err = u.read(changed); err != nil {
		return nil, true, err
	}
	if _, still := s.get(changed, root); still {
		return nil, true, &Fault{Kind: CannotDelete, Phrase: "the selector would then find another element"}
	}
	return &Tree{changed, root}, true, nil
}

func splice(doc []byte, from, to int, b []byte) []byte {
	out := make([]byte, 0, len(doc)-(to-from)+len(b))
	out = append(append(append(out, doc[:from]...), b...), doc[to:]...)
	return out
}
