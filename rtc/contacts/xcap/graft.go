package xcap

// edit is a part of a document and what takes its place.
type edit struct {
	from, to int
	text     []byte
	// in is the element among whose children the text is one, nil when the edit is
	// of another kind. gone is the child it takes the place of, nil when none goes.
	in, gone *Element
}

func (d *edit) apply(doc []byte) []byte { return splice(doc, d.from, d.to, d.text) }

// graft is the tree of a document that an edit has made, of the tree of the document
// before: only the text is read, all other elements are copied and moved. That costs
// a tenth of reading the document. nil: it must be read, to make a tree or to tell
// what is wrong with it.
func graft(root *Element, doc []byte, d *edit) *Element {
	if d.in == nil || len(doc) > MaxOctets {
		return nil
	}
	n, refs := 0, 1
	count(root, &n, &refs)
	g := grafter{edit: d, doc: doc, elements: make([]Element, 0, n), children: make([]*Element, 0, refs), nodes: n}
	if root = g.copy(root, nil); g.failed {
		return nil
	}
	return root
}

func count(e *Element, elements, children *int) {
	*elements++
	*children += len(e.Children)
	for _, c := range e.Children {
		count(c, elements, children)
	}
}

type grafter struct {
	*edit
	doc      []byte
	elements []Element  // memory for all copies
	children []*Element // and for their lists
	nodes    int        // of the document before
	depth    int
	failed   bool
}

// copy is an element as it stands in the new document, with all it holds.
func (g *grafter) copy(e, parent *Element) *Element {
	g.elements = append(g.elements, *e)
	c := &g.elements[len(g.elements)-1]
	c.Parent = parent
	delta := len(g.text) - (g.to - g.from)
	switch {
	case e.end <= g.from:
	case e.start >= g.to:
		c.move(delta)
	default: // the edit is in it
		c.shut += delta
		c.end += delta
	}
	from := len(g.children)
	g.children = g.children[:from+len(e.Children)]
	list := g.children[from:from:len(g.children)]
	if e == g.in {
		list = make([]*Element, 0, len(e.Children)+1)
	}
	g.depth++
	placed := e != g.in
	for _, x := range e.Children {
		if !placed && x.start >= g.from {
			list, placed = append(list, g.put(c)), true
		}
		if x != g.gone {
			list = append(list, g.copy(x, c))
		}
	}
	if !placed {
		list = append(list, g.put(c))
	}
	g.depth--
	c.Children = list
	return c
}

// put reads the text as a child of an element of the new document.
func (g *grafter) put(parent *Element) *Element {
	p := parser{b: g.text, s: string(g.text), depth: g.depth, nodes: g.nodes}
	e, err := p.element(parent)
	if err != nil || p.i != len(g.text) {
		g.failed = true
		return nil
	}
	e.shift(g.from)
	return e
}

func (e *Element) move(delta int) {
	e.start += delta
	e.open += delta
	e.shut += delta
	e.end += delta
}

// shift moves an element with all it holds.
func (e *Element) shift(delta int) {
	e.move(delta)
	for _, c := range e.Children {
		c.shift(delta)
	}
}
