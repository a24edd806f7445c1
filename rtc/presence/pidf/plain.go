package pidf

import (
	"encoding/xml"
	"slices"
	"strings"

	"tandem/rtc/strictxml"
)

// plain reads an XML document as nearly all devices write them: ASCII, with nothing but
// elements, attributes and text, and no references. It understands them as strictxml
// does. What is less plain, right or wrong, is left to strictxml: ok is false.
func plain(b []byte) (root Node, ok bool) {
	for _, c := range b {
		if c >= 0x7f || c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == '&' || c == ']' {
			return root, false
		}
	}
	r := plainReader{rest: string(b)}
	if rest, is := strings.CutPrefix(r.rest, "<?xml "); is {
		var head string
		if head, r.rest, is = strings.Cut(rest, "?>"); !is || !slices.Contains(heads, head) {
			return root, false
		}
	}
	r.space()
	return root, r.element(&root, 1) && r.space() && r.rest == ""
}

// heads are the usual declarations.
var heads = []string{`version="1.0" encoding="UTF-8"`, `version="1.0" encoding="utf-8"`, `version='1.0' encoding='UTF-8'`, `version="1.0"`}

const blanks = " \t\r\n"

// plainReader stands before what is left of a document. Its methods take the next part
// of it, and return false when it is not plain.
type plainReader struct {
	rest     string
	names    []xml.Attr // namespaces in force, the innermost last: prefix and name
	elements int
}

func (r *plainReader) space() bool {
	r.rest = strings.TrimLeft(r.rest, blanks)
	return true
}

func (r *plainReader) word(w string) (ok bool) {
	r.rest, ok = strings.CutPrefix(r.rest, w)
	return ok
}

// name reads a name with its prefix.
func (r *plainReader) name() (n xml.Name, ok bool) {
	first := r.part()
	if !r.word(":") {
		return xml.Name{Local: first}, first != ""
	}
	n = xml.Name{Space: first, Local: r.part()}
	return n, n.Space != "" && n.Local != "" && !strings.HasPrefix(r.rest, ":")
}

// part reads a name up to a colon, "" when there is none.
func (r *plainReader) part() string {
	i := 0
	for ; i < len(r.rest); i++ {
		c := r.rest[i]
		switch letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'; {
		case letter, i > 0 && (c >= '0' && c <= '9' || c == '-' || c == '.'):
			continue
		}
		break
	}
	var part string
	part, r.rest = r.rest[:i], r.rest[i:]
	return part
}

// element reads an element and all that is in it.
func (r *plainReader) element(n *Node, depth int) bool {
	if r.elements++; depth > strictxml.MaxDepth || r.elements > strictxml.MaxElements || !r.word("<") {
		return false
	}
	outside := len(r.names)
	tag, ok := r.name()
	if !ok || !r.attributes(n) {
		return false
	}
	if n.Name, ok = r.within(tag, true); !ok {
		return false
	}
	for i := range n.Attr {
		if n.Attr[i].Name, ok = r.within(n.Attr[i].Name, false); !ok {
			return false
		}
	}
	if !r.word("/>") && !(r.word(">") && r.content(n, depth) && r.end(tag)) {
		return false
	}
	r.names = r.names[:outside]
	return true
}

// end reads the end of an element.
func (r *plainReader) end(tag xml.Name) bool {
	n, ok := r.name()
	return ok && n == tag && r.space() && r.word(">")
}

// attributes reads those of an element, the namespaces among them.
func (r *plainReader) attributes(n *Node) bool {
	for {
		before := len(r.rest)
		r.space()
		apart := len(r.rest) < before
		if strings.HasPrefix(r.rest, ">") || strings.HasPrefix(r.rest, "/") {
			return true
		}
		name, ok := r.name()
		value, is := r.value()
		switch {
		case !ok, !is, !apart, name.Space != "" && name.Local == "xmlns", name.Space == "xmlns" && name.Local == "xml":
			return false
		case name.Space == "xmlns":
			r.names = append(r.names, xml.Attr{Name: xml.Name{Local: name.Local}, Value: value})
		case name.Local == "xmlns":
			r.names = append(r.names, xml.Attr{Value: value})
		default:
			n.Attr = append(n.Attr, xml.Attr{Name: name, Value: value})
		}
	}
}

// value reads the value of an attribute.
func (r *plainReader) value() (v string, ok bool) {
	if !r.word("=") {
		return "", false
	}
	quote := `"`
	if !r.word(quote) {
		if quote = "'"; !r.word(quote) {
			return "", false
		}
	}
	v, r.rest, ok = strings.Cut(r.rest, quote)
	return v, ok && !strings.ContainsAny(v, "<\r")
}

// within finds the namespace of a name.
func (r *plainReader) within(n xml.Name, element bool) (xml.Name, bool) {
	if n.Space == "" && !element {
		return n, true
	}
	if n.Space == "xml" {
		return xml.Name{Space: "http://www.w3.org/XML/1998/namespace", Local: n.Local}, true
	}
	for i := len(r.names) - 1; i >= 0; i-- {
		if r.names[i].Name.Local == n.Space {
			return xml.Name{Space: r.names[i].Value, Local: n.Local}, true
		}
	}
	return n, n.Space == "" // else nobody knows what the prefix means
}

// content reads text and elements up to the end of what they are in, and its "</".
func (r *plainReader) content(n *Node, depth int) bool {
	for {
		i := strings.IndexByte(r.rest, '<')
		if i < 0 {
			return false
		}
		if n.Text == "" {
			n.Text = strings.TrimLeft(r.rest[:i], blanks)
		} else {
			n.Text += r.rest[:i]
		}
		r.rest = r.rest[i:]
		if r.word("</") {
			n.Text = strings.TrimRight(n.Text, blanks)
			return !strings.Contains(n.Text, "\r")
		}
		n.Nodes = append(n.Nodes, Node{})
		if !r.element(&n.Nodes[len(n.Nodes)-1], depth+1) {
			return false
		}
	}
}
