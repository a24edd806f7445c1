package xcap

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Selector names a node of a document (RFC 4825 §6.3). The zero value names the
// document itself.
type Selector struct {
	steps []step
	attr  string // name as written, of the attribute, "" none
	// namespaces is the last step namespace::*.
	namespaces bool
	spaces     []binding // from the query: xmlns(p=uri)
	fallback   string    // namespace of names without prefix
}

// step names an element among the children of another.
type step struct {
	name  string // as written; "*" is any
	pos   int    // 1 and up, 0 none
	attr  string // of [@attr="value"], "" none
	value string
}

var errSelector = errors.New("node selector is malformed")

// ParseSelector reads what follows "~~/" in a path, percent-decoded, and the
// query, decoded. fallback is the namespace of names without prefix: the default
// document namespace of the application usage.
func ParseSelector(path, query, fallback string) (Selector, error) {
	s := Selector{fallback: fallback}
	if path == "" {
		return s, errSelector
	}
	parts, err := split(path)
	if err != nil {
		return s, err
	}
	for i, part := range parts {
		last := i == len(parts)-1 && i > 0
		switch {
		case last && part == "namespace::*":
			s.namespaces = true
		case last && strings.HasPrefix(part, "@"):
			if s.attr = part[1:]; !qualified(s.attr) {
				return s, errSelector
			}
		default:
			st, err := parseStep(part)
			if err != nil {
				return s, err
			}
			s.steps = append(s.steps, st)
		}
	}
	s.spaces, err = parseQuery(query)
	return s, err
}

// split cuts at slashes that are not in quotes.
func split(path string) (parts []string, err error) {
	quote, from := byte(0), 0
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '/':
			parts = append(parts, path[from:i])
			from = i + 1
		}
	}
	parts = append(parts, path[from:])
	if quote != 0 || len(parts) > maxDepth {
		return nil, errSelector
	}
	return parts, nil
}

func qualified(name string) bool {
	p := parser{b: []byte(name), s: name}
	n, err := p.name()
	return err == nil && n == name
}

func parseStep(s string) (st step, err error) {
	name, rest, more := strings.Cut(s, "[")
	if st.name = name; name != "*" && !qualified(name) {
		return st, errSelector
	}
	for more {
		// The value of a predicate may hold brackets.
		if q, ok := strings.CutPrefix(rest, "@"); ok {
			if st.attr != "" {
				return st, errSelector
			}
			name, value, ok := strings.Cut(q, "=")
			if !ok || !qualified(name) || len(value) < 2 || value[0] != '"' && value[0] != '\'' {
				return st, errSelector
			}
			end := strings.IndexByte(value[1:], value[0])
			if end < 0 || !strings.HasPrefix(value[end+2:], "]") {
				return st, errSelector
			}
			st.attr = name
			if st.value, err = unescape(value[1 : end+1]); err != nil {
				return st, errSelector
			}
			rest = value[end+3:]
		} else {
			digits, tail, ok := strings.Cut(rest, "]")
			n, err := strconv.ParseUint(digits, 10, 31)
			if !ok || err != nil || n == 0 || st.pos != 0 || st.attr != "" || digits[0] == '+' {
				return st, errSelector
			}
			st.pos, rest = int(n), tail
		}
		if rest == "" {
			return st, nil
		}
		if rest, more = strings.CutPrefix(rest, "["); !more {
			return st, errSelector
		}
	}
	return st, nil
}

// parseQuery reads xmlns(prefix=uri) pointers (RFC 4825 §6.4).
func parseQuery(q string) (list []binding, err error) {
	for q != "" {
		rest, ok := strings.CutPrefix(q, "xmlns(")
		inner, tail, ok2 := strings.Cut(rest, ")")
		prefix, uri, ok3 := strings.Cut(inner, "=")
		if !ok || !ok2 || !ok3 || !qualified(prefix) || strings.Contains(prefix, ":") {
			return nil, fmt.Errorf("%w: the query is not made of xmlns(prefix=URI)", errSelector)
		}
		list = append(list, binding{prefix, uri})
		q = strings.TrimLeft(tail, " ")
	}
	return list, nil
}

// String is the path as far as step n.
func (s *Selector) prefix(n int) string {
	var b strings.Builder
	for i, st := range s.steps[:n] {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(st.name)
		if st.pos > 0 {
			fmt.Fprintf(&b, "[%d]", st.pos)
		}
		if st.attr != "" {
			fmt.Fprintf(&b, `[@%s="%s"]`, st.attr, Escape(st.value))
		}
	}
	return b.String()
}

// expand finds the namespace of a name in the selector.
func (s *Selector) expand(name string, attr bool) (space, local string, ok bool) {
	prefix, local := cutPrefix(name)
	switch {
	case prefix == "" && attr:
		return "", local, true
	case prefix == "":
		return s.fallback, local, true
	case prefix == "xml":
		return xmlNS, local, true
	}
	for _, b := range s.spaces {
		if b.prefix == prefix {
			return b.uri, local, true
		}
	}
	return "", local, false
}

// wanted is a step with the namespaces of its names.
type wanted struct {
	*step
	any                  bool // by name
	space, local         string
	attrSpace, attrLocal string
	named, attributed    bool // the prefixes are known
}

func (s *Selector) want(st *step) (w wanted) {
	w.step, w.any = st, st.name == "*"
	w.space, w.local, w.named = s.expand(st.name, false)
	if st.attr != "" {
		w.attrSpace, w.attrLocal, w.attributed = s.expand(st.attr, true)
	}
	return w
}

// is reports whether an element has the name of the step.
func (w *wanted) is(e *Element) bool {
	return w.any || w.named && e.Name == w.local && e.Space == w.space
}

// has reports whether an element has the attribute that the step asks for.
func (w *wanted) has(e *Element) bool {
	if w.attr == "" {
		return true
	}
	if !w.attributed {
		return false
	}
	a := e.attr(w.attrSpace, w.attrLocal)
	return a != nil && a.Value == w.value
}

func (s *Selector) attrOf(e *Element, name string) *Attr {
	space, local, ok := s.expand(name, true)
	if !ok {
		return nil
	}
	return e.attr(space, local)
}

func (e *Element) attr(space, local string) *Attr {
	for i := range e.Attrs {
		if a := &e.Attrs[i]; a.Name == local && a.Space == space {
			return a
		}
	}
	return nil
}

// step returns the child that a step selects, nil unless it is exactly one.
func (s *Selector) step(children []*Element, st *step) (found *Element) {
	n, w := 0, s.want(st)
	for _, c := range children {
		if !w.is(c) {
			continue
		}
		n++
		if st.pos > 0 && n != st.pos || !w.has(c) {
			continue
		}
		if found != nil {
			return nil // RFC 4825 §6.3: several are none
		}
		found = c
	}
	return found
}

// walk follows the first n steps. When one selects nothing it returns the
// element before it and how many steps lead there.
func (s *Selector) walk(root *Element, n int) (at *Element, depth int) {
	for i := range s.steps[:n] {
		children := []*Element{root}
		if at != nil {
			children = at.Children
		}
		next := s.step(children, &s.steps[i])
		if next == nil {
			return at, i
		}
		at = next
	}
	return at, n
}

// element is what all steps select, nil when they select nothing.
func (s *Selector) element(root *Element) *Element {
	if e, n := s.walk(root, len(s.steps)); n == len(s.steps) {
		return e
	}
	return nil
}
