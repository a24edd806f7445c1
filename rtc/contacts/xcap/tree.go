package xcap

import (
	"bytes"
	"strings"
)

// Bounds of a document.
const (
	MaxOctets = 1 << 20
	maxDepth  = 48
	maxNodes  = 50_000
)

const xmlNS = "http://www.w3.org/XML/1998/namespace"

// Element is an element and where it stands in its document.
type Element struct {
	Space, Name string // expanded name
	Attrs       []Attr
	Children    []*Element
	Parent      *Element

	tag        string // as written, with its prefix
	start, end int    // of the whole element
	open       int    // behind its start tag
	shut       int    // before its end tag; open when it is empty
	empty      bool   // <x/>
	spaces     []binding
}

// Attr is an attribute, namespace declarations excluded.
type Attr struct {
	Space, Name, Value string
	tag                string
	// Counted from the start of the element:
	start, end int // with the blank before it
	from, to   int // of the value, without quotes
}

type binding struct{ prefix, uri string }

// Attr returns the value of an attribute without namespace.
func (e *Element) Attr(name string) (string, bool) {
	for i := range e.Attrs {
		if a := &e.Attrs[i]; a.Space == "" && a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// Text is the text directly within the element.
func (e *Element) Text(doc []byte) string {
	var out []byte
	at := e.open
	for _, c := range e.Children {
		out = append(out, doc[at:c.start]...)
		at = c.end
	}
	out = append(out, doc[at:e.shut]...)
	s, err := unescape(string(stripped(out)))
	if err != nil {
		return ""
	}
	return s
}

// stripped is text without comments, and with what CDATA sections hold escaped.
func stripped(b []byte) []byte {
	if !bytes.Contains(b, []byte("<")) {
		return b
	}
	var out []byte
	for len(b) > 0 {
		switch {
		case bytes.HasPrefix(b, []byte("<!--")):
			b = after(b, "-->")
		case bytes.HasPrefix(b, []byte("<![CDATA[")):
			n := bytes.Index(b, []byte("]]>"))
			if n < 0 {
				return out
			}
			out = append(out, Escape(string(b[9:n]))...)
			b = b[n+3:]
		case bytes.HasPrefix(b, []byte("<?")):
			b = after(b, "?>")
		default:
			out = append(out, b[0])
			b = b[1:]
		}
	}
	return out
}

func after(b []byte, end string) []byte {
	_, rest, _ := bytes.Cut(b, []byte(end))
	return rest
}

// Escape writes text as XML.
func Escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\r", "&#13;").Replace(s)
}

// declare enters the namespace that an attribute declares; false: it declares none.
func (e *Element) declare(a Attr) (bool, error) {
	if !strings.HasPrefix(a.tag, "xmlns") {
		return false, nil
	}
	prefix, isNS := strings.CutPrefix(a.tag, "xmlns:")
	if isNS || a.tag == "xmlns" {
		if !isNS {
			prefix = ""
		}
		for _, b := range e.spaces {
			if b.prefix == prefix {
				return false, malformed("namespace prefix %q is declared twice", prefix)
			}
		}
		if isNS && (a.Value == "" || prefix == "xmlns" || (prefix == "xml") != (a.Value == xmlNS)) {
			return false, malformed("namespace prefix %q cannot be declared so", prefix)
		}
		e.spaces = append(e.spaces, binding{prefix, a.Value})
		return true, nil
	}
	return false, nil
}

// space finds the namespace of a prefix.
func (e *Element) space(prefix string) (string, bool) {
	if prefix == "xml" {
		return xmlNS, true
	}
	for x := e; x != nil; x = x.Parent {
		for _, b := range x.spaces {
			if b.prefix == prefix {
				return b.uri, true
			}
		}
	}
	return "", prefix == ""
}

// expand finds the namespaces of the element and its attributes.
func (e *Element) expand() error {
	var ok bool
	prefix, local := cutPrefix(e.tag)
	if e.Space, ok = e.space(prefix); !ok {
		return malformed("namespace prefix %q is not declared", prefix)
	}
	e.Name = local
	for i := range e.Attrs {
		a := &e.Attrs[i]
		prefix, local := cutPrefix(a.tag)
		if prefix != "" { // an attribute without prefix is in no namespace
			if a.Space, ok = e.space(prefix); !ok {
				return malformed("namespace prefix %q is not declared", prefix)
			}
		}
		a.Name = local
		for _, b := range e.Attrs[:i] {
			if b.Space == a.Space && b.Name == a.Name {
				return malformed("attribute %s stands twice", a.tag)
			}
		}
	}
	return nil
}

func cutPrefix(tag string) (prefix, local string) {
	if p, l, ok := strings.Cut(tag, ":"); ok {
		return p, l
	}
	return "", tag
}

// Span is where the element stands in its document.
func (e *Element) Span() (from, to int) { return e.start, e.end }

// Inner is what stands between its tags.
func (e *Element) Inner() (from, to int) { return e.open, e.shut }

// Grown is what replaces a part of the document so that the element has more
// children, behind those it has.
func (e *Element) Grown(more []byte) (from, to int, text []byte) {
	if !e.empty {
		return e.shut, e.shut, more
	}
	return e.end - 2, e.end, append(append([]byte(">"), more...), "</"+e.tag+">"...)
}
