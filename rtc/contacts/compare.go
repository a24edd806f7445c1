package contacts

import (
	"bytes"

	"tandem/rtc/contacts/xcap"
)

// lists is what became of the contacts of a document.
type lists struct {
	changes []Change
	count   int // contacts now, more than there are when one is in several groups
}

// compare finds out what becomes of contacts when a document takes the place of
// another; either may be nil. Contacts that stand in what did not change are not
// read.
func compare(old, now *xcap.Tree, version int64) (l lists, err error) {
	t := touched{only: make(map[string]bool)}
	was, err := rootOf(old)
	if err != nil {
		was = nil // it was taken once; what it said counts as nothing
	}
	is, err := rootOf(now)
	if err != nil {
		return l, err
	}
	if was == nil || is == nil || !t.children(old.Doc, now.Doc, was, is) {
		t.only = nil // read all
	}
	before, _ := contactsOf(old.Body(), was, t.only)
	after, n := contactsOf(now.Body(), is, t.only)
	if n > MaxContacts && t.only != nil {
		all, _ := contactsOf(now.Body(), is, nil)
		n = len(all)
	}
	return lists{differences(before, after, version), n}, nil
}

func rootOf(t *xcap.Tree) (*xcap.Element, error) {
	if t == nil {
		return nil, nil
	}
	return t.Root()
}

// contactsOf reads the contacts in only, nil for all, and counts all entries, or
// when all are read the contacts.
func contactsOf(doc []byte, root *xcap.Element, only map[string]bool) ([]Contact, int) {
	if root == nil {
		return nil, 0
	}
	r := reader{doc: doc, at: make(map[string]int), only: only}
	list := r.read(root)
	if only == nil {
		return list, len(list)
	}
	return list, r.entries
}

// touched collects the addresses of entries that are not the same in two documents.
type touched struct{ only map[string]bool }

// children compares what two elements hold: false when more than entries differs.
func (t *touched) children(old, now []byte, was, is *xcap.Element) bool {
	if !bytes.Equal(startTag(old, was), startTag(now, is)) {
		return false
	}
	a, b := was.Children, is.Children
	same := func(x, y *xcap.Element) bool { return bytes.Equal(text(old, x), text(now, y)) }
	for len(a) > 0 && len(b) > 0 && same(a[0], b[0]) {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && same(a[len(a)-1], b[len(b)-1]) {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a) == 1 && len(b) == 1 && isList(a[0]) && isList(b[0]) {
		return t.children(old, now, a[0], b[0])
	}
	for _, list := range [][]*xcap.Element{a, b} {
		for _, e := range list {
			if isList(e) {
				return false
			}
			if uri, ok := e.Attr("uri"); ok {
				t.only[uri] = true
			}
		}
	}
	return true
}

func isList(e *xcap.Element) bool { return e.Space == xcap.ListsSpace && e.Name == "list" }

func text(doc []byte, e *xcap.Element) []byte {
	from, to := e.Span()
	return doc[from:to]
}

// startTag of an element, and of an empty one as if it were not.
func startTag(doc []byte, e *xcap.Element) []byte {
	from, _ := e.Span()
	to, _ := e.Inner()
	return bytes.TrimSuffix(bytes.TrimSuffix(doc[from:to], []byte(">")), []byte("/"))
}
