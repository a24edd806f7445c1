package pidf

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tandem/rtc/strictxml"
)

// Errors of Patch.
var (
	// errNoBase says that a document tells only differences, and nothing is there
	// that they are differences from.
	errNoBase = errors.New("a new publication begins with pidf-full")
	errPatch  = errors.New("not a partial presence document")
)

// Patch is what a partial publication (RFC 5264) makes of the document published
// before, nil when there is none: a whole document, as octets. What it selects is
// found by local names; namespaces are not compared.
func Patch(before, partial []byte) ([]byte, error) {
	var diff Node
	if err := strictxml.Decode(partial, &diff); err != nil {
		return nil, err
	}
	switch {
	case diff.is(nsDiff, "pidf-full"): // RFC 5264 §4.3.1
		root := Node{Name: diff.Name, Nodes: diff.Nodes}
		return whole(&root, diff.attr("entity")), nil
	case !diff.is(nsDiff, "pidf-diff"):
		return nil, errPatch
	case before == nil:
		return nil, errNoBase
	}
	var root Node
	if err := strictxml.Decode(before, &root); err != nil {
		return nil, err
	}
	entity := root.attr("entity")
	if e := diff.attr("entity"); e != entity && e != "" {
		return nil, fmt.Errorf("the document is of %s, the difference of %s", entity, e)
	}
	for i := range diff.Nodes {
		if err := root.apply(&diff.Nodes[i]); err != nil {
			return nil, err
		}
	}
	return whole(&root, entity), nil
}

// whole writes a document whose root has these children.
func whole(root *Node, entity string) []byte {
	var w writer
	w.WriteString(head + `<presence` + spaces + ` entity="`)
	w.text(entity)
	w.WriteString(`">`)
	w.nodes(root.Nodes)
	w.WriteString("</presence>\n")
	return w.Bytes()
}

// place is what a selector of RFC 5261 §4 names.
type place struct {
	parent *Node // of node; nil: it is the root
	node   *Node
	at     int    // of node among parent's
	attr   string // of node, "" none
	text   bool   // of node
}

// apply carries out one operation (RFC 5261 §4.3 to 4.5).
func (n *Node) apply(op *Node) error {
	p, err := n.find(op.attr("sel"))
	if err != nil {
		return err
	}
	switch op.Name.Local {
	case "add":
		return p.add(op)
	case "replace":
		return p.replace(op)
	case "remove":
		return p.remove()
	}
	return fmt.Errorf("unknown operation %q", op.Name.Local)
}

func (p place) add(op *Node) error {
	if p.attr != "" || p.text {
		return errors.New("add selects an element")
	}
	if name, ok := strings.CutPrefix(op.attr("type"), "@"); ok {
		p.node.setAttr(name, op.Text)
		return nil
	}
	switch pos := op.attr("pos"); {
	case pos == "" && len(op.Nodes) == 0:
		p.node.Text += op.Text
	case pos == "":
		p.node.Nodes = append(p.node.Nodes, op.Nodes...)
	case pos == "prepend":
		p.node.Nodes = slices.Insert(p.node.Nodes, 0, op.Nodes...)
	case p.parent != nil && pos == "before":
		p.parent.Nodes = slices.Insert(p.parent.Nodes, p.at, op.Nodes...)
	case p.parent != nil && pos == "after":
		p.parent.Nodes = slices.Insert(p.parent.Nodes, p.at+1, op.Nodes...)
	default:
		return fmt.Errorf("nothing can be added at %q", pos)
	}
	return nil
}

func (p place) replace(op *Node) error {
	switch {
	case p.attr != "":
		p.node.setAttr(p.attr, op.Text)
	case p.text:
		p.node.Text = op.Text
	case p.parent == nil || len(op.Nodes) != 1:
		return errors.New("one element is replaced by one other, and the root by none")
	default:
		p.parent.Nodes[p.at] = op.Nodes[0]
	}
	return nil
}

func (p place) remove() error {
	switch {
	case p.attr != "":
		p.node.Attr = slices.DeleteFunc(p.node.Attr, named(p.attr))
	case p.text:
		p.node.Text = ""
	case p.parent == nil:
		return errors.New("the root stays")
	default:
		p.parent.Nodes = slices.Delete(p.parent.Nodes, p.at, p.at+1)
	}
	return nil
}

// maxSteps bounds a selector, and with it the work of finding a place.
const maxSteps = 32

// find finds what a selector names, which must be one thing.
func (n *Node) find(sel string) (place, error) {
	steps := steps(strings.TrimPrefix(sel, "/"))
	if len(steps) == 0 || len(steps) > maxSteps {
		return place{}, fmt.Errorf("the selector %q cannot be read", sel)
	}
	p := place{node: n}
	if first, _, _ := strings.Cut(steps[0], "["); local(first) != "*" && local(first) != "presence" {
		return p, fmt.Errorf("the selector %q does not begin at the root", sel)
	}
	for i, step := range steps[1:] {
		last := i == len(steps)-2
		switch name, isAttr := strings.CutPrefix(step, "@"); {
		case isAttr && last:
			p.attr = local(name)
			if !slices.ContainsFunc(p.node.Attr, named(p.attr)) {
				return p, fmt.Errorf("nothing is at %q", sel)
			}
		case step == "text()" && last:
			p.text = true
		default:
			at, ok := p.node.child(step)
			if !ok {
				return p, fmt.Errorf("not one thing is at %q", sel)
			}
			p = place{parent: p.node, node: &p.node.Nodes[at], at: at}
		}
	}
	return p, nil
}

// steps cuts a selector at slashes that are not in quotes.
func steps(sel string) (list []string) {
	quote, from := byte(0), 0
	for i := range len(sel) {
		switch c := sel[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '/':
			list, from = append(list, sel[from:i]), i+1
		}
	}
	if sel == "" || quote != 0 {
		return nil
	}
	return append(list, sel[from:])
}

// child finds the one child that a step names: a name or *, then conditions, each
// a position, an attribute or the text of a child.
func (n *Node) child(step string) (at int, ok bool) {
	name, rest, _ := strings.Cut(step, "[")
	var found []int
	for i := range n.Nodes {
		if local(name) == "*" || n.Nodes[i].Name.Local == local(name) {
			found = append(found, i)
		}
	}
	for rest != "" {
		condition, after, ok := cutCondition(rest)
		if !ok {
			return 0, false
		}
		if pos, err := strconv.Atoi(condition); err == nil {
			if pos < 1 || pos > len(found) {
				return 0, false
			}
			found = found[pos-1 : pos]
		} else {
			key, value, ok := strings.Cut(condition, "=")
			if !ok || len(value) < 2 {
				return 0, false
			}
			value = value[1 : len(value)-1]
			found = slices.DeleteFunc(found, func(i int) bool { return !n.Nodes[i].fits(key, value) })
		}
		rest = after
	}
	if len(found) != 1 {
		return 0, false
	}
	return found[0], true
}

// cutCondition cuts at the bracket that ends a condition, and the next begins.
func cutCondition(s string) (condition, rest string, ok bool) {
	quote := byte(0)
	for i := range len(s) {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ']':
			return s[:i], strings.TrimPrefix(s[i+1:], "["), true
		}
	}
	return "", "", false
}

func (n *Node) fits(key, value string) bool {
	if name, ok := strings.CutPrefix(key, "@"); ok {
		return slices.ContainsFunc(n.Attr, named(local(name))) && n.attr(local(name)) == value
	}
	if key == "." {
		return n.Text == value
	}
	return slices.ContainsFunc(n.Nodes, func(c Node) bool { return c.Name.Local == local(key) && c.Text == value })
}

// local is a name without its prefix.
func local(name string) string {
	_, after, ok := strings.Cut(name, ":")
	if ok {
		return after
	}
	return name
}

func named(name string) func(xml.Attr) bool {
	return func(a xml.Attr) bool { return a.Name.Local == name }
}

func (n *Node) setAttr(name, value string) {
	if i := slices.IndexFunc(n.Attr, named(local(name))); i >= 0 {
		n.Attr[i].Value = value
		return
	}
	n.Attr = append(n.Attr, xml.Attr{Name: xml.Name{Local: local(name)}, Value: value})
}
