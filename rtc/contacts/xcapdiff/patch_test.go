package xcapdiff

import (
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tandem/rtc/contacts/xcap"
)

// tree is an element as the XML decoder of the library sees it; a child is a *tree
// or text.
type tree struct {
	name  xml.Name
	attrs []string
	nodes []any
}

func treeOf(t testing.TB, doc string) *tree {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(doc))
	at := []*tree{{}}
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		top := at[len(at)-1]
		switch x := token.(type) {
		case xml.StartElement:
			e := &tree{name: x.Name}
			for _, a := range x.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					e.attrs = append(e.attrs, a.Name.Space+" "+a.Name.Local+"="+a.Value)
				}
			}
			slices.Sort(e.attrs)
			top.nodes = append(top.nodes, e)
			at = append(at, e)
		case xml.EndElement:
			at = at[:len(at)-1]
		case xml.CharData:
			if len(at) > 1 {
				top.text(string(x))
			}
		}
	}
	return at[0]
}

// text appends text; what stands side by side is one.
func (e *tree) text(s string) {
	if n := len(e.nodes); n > 0 {
		if last, ok := e.nodes[n-1].(string); ok {
			e.nodes[n-1] = last + s
			return
		}
	}
	e.nodes = append(e.nodes, s)
}

func (e *tree) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "{%v %q ", e.name, e.attrs)
	for _, n := range e.nodes {
		if s, ok := n.(string); ok {
			fmt.Fprintf(&b, "%q", s)
		} else {
			b.WriteString(n.(*tree).String())
		}
	}
	return b.String() + "}"
}

// join makes one of texts that came together.
func (e *tree) join() {
	list := e.nodes
	e.nodes = nil
	for _, n := range list {
		if s, ok := n.(string); ok {
			e.text(s)
		} else {
			e.nodes = append(e.nodes, n)
		}
	}
}

// find follows a selector of places to an element, its parent, and its place among
// the parent's nodes.
func (e *tree) find(t testing.TB, sel string) (parent *tree, at int, attr string) {
	t.Helper()
	parts := strings.Split(sel, "/")
	if last := parts[len(parts)-1]; strings.HasPrefix(last, "@") {
		attr, parts = last[1:], parts[:len(parts)-1]
	}
	x := e
	for i, p := range parts {
		n := 1
		if p != "*" {
			n, _ = strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(p, "*["), "]"))
		}
		parent, at = x, -1
		for j, c := range x.nodes {
			if c, ok := c.(*tree); ok {
				if n--; n == 0 {
					x, at = c, j
					break
				}
			}
		}
		if at < 0 {
			t.Fatalf("%s selects nothing at step %d", sel, i)
		}
	}
	return parent, at, attr
}

// apply does what a patch says, as RFC 5261 has it, without any of our code.
func apply(t testing.TB, doc, patch string) string {
	t.Helper()
	root := treeOf(t, doc)
	ops := treeOf(t, `<d:document xmlns:d="x">`+patch+`</d:document>`).nodes[0].(*tree)
	for _, o := range ops.nodes {
		op := o.(*tree)
		attr := func(name string) string {
			for _, a := range op.attrs {
				if v, ok := strings.CutPrefix(a, " "+name+"="); ok {
					return v
				}
			}
			return ""
		}
		parent, at, name := root.find(t, attr("sel"))
		e := parent.nodes[at].(*tree)
		value := ""
		if len(op.nodes) > 0 {
			value, _ = op.nodes[0].(string)
		}
		if kind, ok := strings.CutPrefix(attr("type"), "@"); ok {
			name = kind
		}
		switch {
		case name != "":
			e.attrs = slices.DeleteFunc(e.attrs, func(a string) bool { return strings.HasPrefix(a, " "+name+"=") })
			if op.name.Local != "remove" {
				e.attrs = append(e.attrs, " "+name+"="+value)
				slices.Sort(e.attrs)
			}
		case op.name.Local == "replace":
			parent.nodes[at] = op.nodes[0]
		case op.name.Local == "remove":
			from, to := at, at+1
			ws := attr("ws")
			if ws == "before" || ws == "both" {
				from--
			}
			if ws == "after" || ws == "both" {
				to++
			}
			for _, n := range parent.nodes[from:to] {
				if s, ok := n.(string); ok && strings.TrimSpace(s) != "" {
					t.Fatalf("%s: text that is not blank would go: %q", attr("sel"), s)
				}
			}
			parent.nodes = slices.Delete(parent.nodes, from, to)
			parent.join()
		case attr("pos") == "prepend":
			e.nodes = slices.Concat(op.nodes, e.nodes)
			e.join()
		case attr("pos") == "before":
			parent.nodes = slices.Insert(parent.nodes, at, op.nodes...)
			parent.join()
		case attr("pos") == "after":
			parent.nodes = slices.Insert(parent.nodes, at+1, op.nodes...)
			parent.join()
		default:
			e.nodes = append(e.nodes, op.nodes...)
			e.join()
		}
	}
	return root.String()
}

// check makes a patch, applies it, and returns it.
func check(t testing.TB, old, now string) string {
	t.Helper()
	b, ok := patch(&xcap.Tree{Doc: []byte(old)}, &xcap.Tree{Doc: []byte(now)})
	if !ok {
		return "none"
	}
	if got, want := apply(t, old, string(b)), treeOf(t, now).String(); got != want {
		t.Fatalf("the patch\n%s\nof\n%s\nmakes\n%s, want\n%s", b, old, got, want)
	}
	return string(b)
}

const head = `<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:x="urn:x">`

// What a change becomes, and that it leads from one document to the other.
func TestPatch(t *testing.T) {
	const a, b, c = `<entry uri="sip:a@x"/>`, `<entry uri="sip:b@x"><display-name>B</display-name></entry>`, `<entry uri="sip:c@x"/>`
	list := func(s string) string { return head + `<list name="l">` + s + `</list></resource-lists>` }
	declared := ` xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:x="urn:x"`
	for name, x := range map[string]struct{ old, now, want string }{
		"nothing":            {list(a), list(a), ""},
		"one more":           {list(a), list(a + b), `<d:add sel="*/*[1]"` + declared + `>` + b + `</d:add>`},
		"the first":          {list(""), list(b), `<d:add sel="*/*[1]"` + declared + `>` + b + `</d:add>`},
		"in the middle":      {list(a + c), list(a + b + c), `<d:add sel="*/*[1]/*[2]" pos="before"` + declared + `>` + b + `</d:add>`},
		"with blanks":        {list("\n  " + a + "\n"), list("\n  " + a + "\n  " + b + "\n"), `<d:add sel="*/*[1]/*[1]" pos="after"` + declared + ">\n  " + b + `</d:add>`},
		"one less":           {list(a + b + c), list(a + c), `<d:remove sel="*/*[1]/*[2]"/>`},
		"less with blanks":   {list("\n  " + a + "\n  " + b + "\n"), list("\n  " + a + "\n"), `<d:remove sel="*/*[1]/*[2]" ws="before"/>`},
		"two less":           {list("\n" + a + "\n" + b + "\n" + c + "\n"), list("\n" + c + "\n"), `<d:remove sel="*/*[1]/*[2]" ws="both"/><d:remove sel="*/*[1]/*[1]"/>`},
		"the last of blanks": {list("\n" + a + "\n"), list(""), `<d:remove sel="*/*[1]/*[1]" ws="both"/>`},
		"another name":       {list(a + b), list(a + strings.Replace(b, ">B<", ">Bob<", 1)), `<d:replace sel="*/*[1]/*[2]/*[1]"` + declared + `><display-name>Bob</display-name></d:replace>`},
		"an attribute":       {list(a), strings.Replace(list(a), `"l"`, `"&lt;&quot;"`, 1), `<d:replace sel="*/*[1]/@name">&lt;&quot;</d:replace>`},
		"a new attribute":    {list(a), strings.Replace(list(a), `"l"`, `"l" y="1"`, 1), `<d:add sel="*/*[1]" type="@y">1</d:add>`},
		"one attribute less": {strings.Replace(list(a), `"l"`, `"l" y="1"`, 1), list(a), `<d:remove sel="*/*[1]/@y"/>`},
		"another namespace":  {list(a), strings.Replace(list(a), `urn:x`, `urn:y`, 1), "none"},
		"our prefix is used": {strings.Replace(list(a), `xmlns:x`, `xmlns:d`, 1), strings.Replace(list(a+b), `xmlns:x`, `xmlns:d`, 1), "none"},
		"not XML":            {list(a), "<", "none"},
	} {
		if got := check(t, x.old, x.now); got != x.want {
			t.Errorf("%s:\n%s, want\n%s", name, got, x.want)
		}
	}
}

// Whatever changes, a patch leads from one document to the other.
func TestPatchesOfRandomChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	// A document is lists of pieces: text, and entries.
	piece := func() string {
		if r.IntN(2) == 0 {
			return pick("\n  ", "text", "<!-- c -->", "\n")
		}
		return fmt.Sprintf(`<entry uri="%d">%s</entry>`, r.IntN(20), pick("", "<display-name>x</display-name>", "<x:z>&lt;</x:z>", "\n"))
	}
	write := func(lists [][]string) string {
		out := head
		for i, l := range lists {
			out += fmt.Sprintf(`<list name="%s" x:y="%d">%s</list>`, l[0], i, strings.Join(l[1:], ""))
		}
		return out + "</resource-lists>"
	}
	patched := 0
	for range 300 {
		var lists [][]string
		for range 1 + r.IntN(3) {
			l := []string{pick("a", "b", "c")}
			for range r.IntN(12) {
				l = append(l, piece())
			}
			lists = append(lists, l)
		}
		old := write(lists)
		for range 1 + r.IntN(3) {
			l := &lists[r.IntN(len(lists))]
			switch at := r.IntN(len(*l)); {
			case at == 0:
				(*l)[0] = pick("a", "b", "c")
			case r.IntN(3) == 0:
				*l = slices.Delete(*l, at, at+1)
			case r.IntN(2) == 0:
				*l = slices.Insert(*l, at, piece())
			default:
				(*l)[at] = piece()
			}
		}
		if check(t, old, write(lists)) != "none" {
			patched++
		}
	}
	if patched < 150 {
		t.Errorf("%d of 300 had a patch", patched)
	}
}
