package xcap

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Parse reads a document. It accepts UTF-8 without document type declaration.
func Parse(doc []byte) (*Element, error) {
	if len(doc) > MaxOctets {
		return nil, malformed("the document has more than %d octets", MaxOctets)
	}
	if !utf8.Valid(doc) {
		return nil, &Fault{Kind: NotUTF8}
	}
	p := parser{b: doc, s: string(doc)}
	if bytes.HasPrefix(doc, []byte("\xef\xbb\xbf")) {
		p.i = 3
	}
	if p.has("<?xml") && p.i+5 < len(doc) && blank(doc[p.i+5]) {
		n := bytes.Index(doc[p.i:], []byte("?>"))
		if n < 0 {
			return nil, malformed("the XML declaration does not end")
		}
		if e := bytes.Index(doc[p.i:p.i+n], []byte("encoding")); e >= 0 && !bytes.Contains(bytes.ToLower(doc[p.i+e:p.i+n]), []byte("utf-8")) {
			return nil, &Fault{Kind: NotUTF8}
		}
		p.i += n + 2
	}
	if err := p.misc(); err != nil {
		return nil, err
	}
	root, err := p.element(nil)
	if err != nil {
		return nil, err
	}
	if err := p.misc(); err != nil {
		return nil, err
	}
	if p.i != len(doc) {
		return nil, malformed("something stands behind the root element")
	}
	return root, nil
}

func malformed(format string, args ...any) *Fault {
	return &Fault{Kind: NotWellFormed, Phrase: fmt.Sprintf(format, args...)}
}

// parser reads a document. Names and values are parts of one copy of it, and
// elements and attributes are made many at a time: lists have thousands.
type parser struct {
	b        []byte
	s        string // the same
	i        int
	depth    int
	nodes    int
	elements []Element
	attrs    []Attr
}

func (p *parser) make(parent *Element) *Element {
	if len(p.elements) == cap(p.elements) {
		p.elements = make([]Element, 0, min(512, max(16, len(p.b)/64)))
	}
	p.elements = append(p.elements, Element{Parent: parent, start: p.i})
	return &p.elements[len(p.elements)-1]
}

// keep adds an attribute to an element.
func (p *parser) keep(e *Element, a Attr) {
	a.start, a.end, a.from, a.to = a.start-e.start, a.end-e.start, a.from-e.start, a.to-e.start
	n := len(e.Attrs)
	if len(p.attrs) == cap(p.attrs) {
		p.attrs = append(make([]Attr, 0, max(2*n, 128)), e.Attrs...)
	}
	p.attrs = append(p.attrs, a)
	e.Attrs = p.attrs[len(p.attrs)-n-1 : len(p.attrs) : len(p.attrs)]
}

func (p *parser) has(s string) bool { return strings.HasPrefix(p.s[p.i:], s) }

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (p *parser) blanks() (some bool) {
	for p.i < len(p.b) && blank(p.b[p.i]) {
		p.i++
		some = true
	}
	return some
}

// misc skips blanks, comments and processing instructions.
func (p *parser) misc() error {
	for {
		p.blanks()
		if !p.has("<!--") && !p.has("<?") {
			return nil
		}
		if err := p.aside(); err != nil {
			return err
		}
	}
}

// aside skips a comment or a processing instruction.
func (p *parser) aside() error {
	switch {
	case p.has("<!--"):
		n := bytes.Index(p.b[p.i+4:], []byte("--"))
		if n < 0 || !bytes.HasPrefix(p.b[p.i+4+n:], []byte("-->")) {
			return malformed("a comment does not end, or holds --")
		}
		return p.skip(p.i + 4 + n + 3)
	default:
		n := bytes.Index(p.b[p.i+2:], []byte("?>"))
		if n < 0 {
			return malformed("a processing instruction does not end")
		}
		target := p.b[p.i+2 : p.i+2+n]
		if len(target) == 0 || !nameStart(target[0]) || len(target) >= 3 && strings.EqualFold(string(target[:3]), "xml") {
			return malformed("a processing instruction has no name, or a reserved one")
		}
		return p.skip(p.i + n + 4)
	}
}

// skip moves on, past characters that XML allows.
func (p *parser) skip(to int) error {
	if err := legal(p.b[p.i:to]); err != nil {
		return err
	}
	p.i = to
	return nil
}

// legal reports characters that XML 1.0 §2.2 does not allow.
func legal(b []byte) error {
	for i, c := range b {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0xef && i+2 < len(b) && b[i+1] == 0xbf && b[i+2] >= 0xbe {
			return malformed("a control character is not allowed in XML")
		}
	}
	return nil
}

func nameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func nameChar(c byte) bool { return nameStart(c) || c >= '0' && c <= '9' || c == '-' || c == '.' }

// name reads a qualified name.
func (p *parser) name() (string, error) {
	from := p.i
	for part := 0; ; part++ {
		if p.i >= len(p.b) || !nameStart(p.b[p.i]) {
			return "", malformed("a name is missing or begins wrongly at octet %d", p.i)
		}
		for p.i < len(p.b) && nameChar(p.b[p.i]) {
			p.i++
		}
		if part > 0 || p.i >= len(p.b) || p.b[p.i] != ':' {
			return p.s[from:p.i], nil
		}
		p.i++
	}
}

// element reads an element with all it holds.
func (p *parser) element(parent *Element) (*Element, error) {
	if !p.has("<") {
		return nil, malformed("an element is missing at octet %d", p.i)
	}
	if p.depth++; p.depth > maxDepth {
		return nil, malformed("elements are nested more than %d deep", maxDepth)
	}
	if p.nodes++; p.nodes > maxNodes {
		return nil, malformed("there are more than %d elements", maxNodes)
	}
	e := p.make(parent)
	p.i++
	var err error
	if e.tag, err = p.name(); err != nil {
		return nil, err
	}
	if err := p.attributes(e); err != nil {
		return nil, err
	}
	if err := e.expand(); err != nil {
		return nil, err
	}
	if e.empty {
		e.open, e.shut, e.end = p.i, p.i, p.i
	} else if err := p.content(e); err != nil {
		return nil, err
	}
	p.depth--
	return e, nil
}

// attributes reads up to the end of a start tag.
func (p *parser) attributes(e *Element) error {
	for {
		start := p.i
		some := p.blanks()
		switch {
		case p.has("/>"):
			e.empty = true
			p.i += 2
			return nil
		case p.has(">"):
			p.i++
			e.open = p.i
			return nil
		case !some:
			return malformed("an attribute must follow a blank at octet %d", p.i)
		}
		a := Attr{start: start}
		var err error
		if a.tag, err = p.name(); err != nil {
			return err
		}
		p.blanks()
		if !p.has("=") {
			return malformed("attribute %s has no value", a.tag)
		}
		p.i++
		p.blanks()
		if !p.has(`"`) && !p.has("'") {
			return malformed("the value of attribute %s is not in quotes", a.tag)
		}
		quote := p.b[p.i]
		n := bytes.IndexByte(p.b[p.i+1:], quote)
		if n < 0 {
			return malformed("the value of attribute %s does not end", a.tag)
		}
		a.from, a.to = p.i+1, p.i+1+n
		raw := p.b[a.from:a.to]
		if bytes.IndexByte(raw, '<') >= 0 {
			return malformed("the value of attribute %s holds <", a.tag)
		}
		if err := legal(raw); err != nil {
			return err
		}
		if a.Value, err = unescape(p.s[a.from:a.to]); err != nil {
			return err
		}
		p.i = a.to + 1
		a.end = p.i
		if declared, err := e.declare(a); err != nil {
			return err
		} else if !declared {
			p.keep(e, a)
		}
	}
}

// content reads up to the end tag.
func (p *parser) content(e *Element) error {
	for {
		n := bytes.IndexByte(p.b[p.i:], '<')
		if n < 0 {
			return malformed("element %s does not end", e.tag)
		}
		text := p.s[p.i : p.i+n]
		if strings.Contains(text, "]]>") {
			return malformed("text holds ]]>")
		}
		if _, err := unescape(text); err != nil {
			return err
		}
		if err := p.skip(p.i + n); err != nil {
			return err
		}
		switch {
		case p.has("</"):
			e.shut = p.i
			return p.endTag(e)
		case p.has("<!--"), p.has("<?"):
			if err := p.aside(); err != nil {
				return err
			}
		case p.has("<![CDATA["):
			n := bytes.Index(p.b[p.i:], []byte("]]>"))
			if n < 0 {
				return malformed("a CDATA section does not end")
			}
			if err := p.skip(p.i + n + 3); err != nil {
				return err
			}
		case p.has("<!"):
			return malformed("declarations are not accepted")
		default:
			c, err := p.element(e)
			if err != nil {
				return err
			}
			e.Children = append(e.Children, c)
		}
	}
}

func (p *parser) endTag(e *Element) error {
	p.i += 2
	if !p.has(e.tag) {
		return malformed("element %s is not ended by its own end tag", e.tag)
	}
	p.i += len(e.tag)
	p.blanks()
	if !p.has(">") {
		return malformed("element %s is not ended by its own end tag", e.tag)
	}
	p.i++
	e.end = p.i
	return nil
}

// unescape replaces references: those of XML itself, no others.
func unescape(s string) (string, error) {
	if strings.IndexByte(s, '&') < 0 {
		return s, nil
	}
	var b strings.Builder
	for s != "" {
		head, rest, found := strings.Cut(s, "&")
		b.WriteString(head)
		if !found {
			break
		}
		name, tail, ok := strings.Cut(rest, ";")
		if !ok {
			return "", malformed("a reference does not end")
		}
		r, ok := reference(name)
		if !ok {
			return "", malformed("reference &%.20s; is unknown", name)
		}
		b.WriteRune(r)
		s = tail
	}
	return b.String(), nil
}

func reference(name string) (rune, bool) {
	switch name {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, base := strings.TrimPrefix(name, "#"), 10
	if digits == name {
		return 0, false
	}
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	r := rune(n)
	if err != nil || digits[0] == '+' || n > utf8.MaxRune || !utf8.ValidRune(r) || r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
		return 0, false
	}
	return r, true
}
