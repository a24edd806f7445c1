package xcap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
)

const doc = `<?xml version="1.0" encoding="UTF-8"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:t="urn:test">
 <list name="friends"><!-- <entry uri="none"/> -->
  <entry uri="sip:bill@example.com"><display-name>Bill Doe</display-name></entry>
  <entry uri="sip:joe@example.com" t:mark='a&amp;b'/>
  <list name="close &quot;ones&quot;"><entry uri="sip:nancy@example.com"/></list>
 </list>
 <list name="empty"/>
</resource-lists>`

func selector(t testing.TB, path, query string) Selector {
	t.Helper()
	s, err := ParseSelector(path, query, ListsSpace)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return s
}

const friends = `resource-lists/list[@name="friends"]`

func TestGet(t *testing.T) {
	for _, c := range []struct{ path, query, want string }{
		{friends + `/entry[@uri="sip:bill@example.com"]/display-name`, "", "<display-name>Bill Doe</display-name>"},
		{friends + `/entry[2]`, "", `<entry uri="sip:joe@example.com" t:mark='a&amp;b'/>`},
		{friends + `/*[2]`, "", `<entry uri="sip:joe@example.com" t:mark='a&amp;b'/>`},
		{friends + `/entry[2][@uri="sip:joe@example.com"]/@uri`, "", "sip:joe@example.com"},
		{friends + `/entry[1][@uri="sip:joe@example.com"]`, "", "-"},
		{friends + `/entry[3]`, "", "-"},
		{friends + `/entry`, "", "-"}, // two
		{friends + `/list[@name='close "ones"']/entry/@uri`, "", "sip:nancy@example.com"},
		{`resource-lists/list[2]`, "", `<list name="empty"/>`},
		{`resource-lists/list/@name`, "", "-"},
		{`list`, "", "-"},
		{`r:resource-lists/r:list[2]`, "xmlns(r=urn:ietf:params:xml:ns:resource-lists)", `<list name="empty"/>`},
		{`r:resource-lists/r:list[2]`, "xmlns(r=urn:other)", "-"},
		{friends + `/entry[@m:mark="a&amp;b"]/@m:mark`, "xmlns(m=urn:test)", "a&amp;b"},
		{friends + `/entry[2]/@mark`, "", "-"},
		{`resource-lists/list[2]/namespace::*`, "", `<list xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:t="urn:test"/>`},
	} {
		got, ok := (&Tree{Doc: []byte(doc)}).Get(selector(t, c.path, c.query))
		if !ok {
			got = []byte("-")
		}
		if string(got) != c.want {
			t.Errorf("%s: %s, want %s", c.path, got, c.want)
		}
	}
}

func TestBadSelectors(t *testing.T) {
	for _, path := range []string{"", "/a", "a/", "a//b", "a[", "a[0]", "a[-1]", "a[1][2]", `a[@b]`, `a[@b=c]`, `a[@b="c]`, `a[@b="c"][1]`, `a["b"]`, "a[x]", "@a", "a/@b/c", "a/@", "a:b:c", "a b", "1a"} {
		if s, err := ParseSelector(path, "", ""); err == nil {
			t.Errorf("%q is read as %+v", path, s)
		}
	}
	for _, query := range []string{"x", "xmlns(a)", "xmlns(=b)", "xmlns(a=b", "xmlns(a:b=c)"} {
		if _, err := ParseSelector("a", query, ""); err == nil {
			t.Errorf("query %q is read", query)
		}
	}
}

func TestPut(t *testing.T) {
	anne := `<entry uri="sip:anne@example.com"/>`
	for _, c := range []struct{ path, node, want string }{ // want: what stands in the document then, or the kind of the fault
		{friends + `/entry[@uri="sip:anne@example.com"]`, anne, `t:mark='a&amp;b'/>` + anne + "\n"},
		{friends + `/entry[1][@uri="sip:anne@example.com"]`, anne, anne + `<entry uri="sip:bill@`},
		{friends + `/entry[3]`, anne, `t:mark='a&amp;b'/>` + anne},
		{friends + `/entry[4]`, anne, "!cannot-insert"},
		{friends + `/entry[1]`, anne, "\n  " + anne + "\n  <entry uri=\"sip:joe"},
		{friends + `/entry[@uri="sip:other@example.com"]`, anne, "!cannot-insert"},
		{friends + `/entry`, anne, "!cannot-insert"},
		{`resource-lists/list[@name="empty"]/entry[@uri="sip:anne@example.com"]`, anne, `<list name="empty">` + anne + `</list>`},
		{`resource-lists/list[@name="none"]/entry`, anne, "!no-parent"},
		{`lists/list`, anne, "!no-parent"},
		{friends + `/entry[1]/@uri`, "sip:b&amp;c@example.com", `<entry uri="sip:b&amp;c@example.com"><disp`},
		{friends + `/entry[2]/@x`, "1", `t:mark='a&amp;b' x="1"/>`},
		{friends + `/entry[1]/@x`, "1", `example.com" x="1"><disp`},
		{friends + `/entry[1]/@x`, "<", "!not-xml-att-value"},
		{friends + `/entry[1]/@x`, "a&b;", "!not-xml-att-value"},
		{friends + `/entry[1]/namespace::*`, "<a/>", "!cannot-insert"},
		{friends + `/entry[1]`, "<entry", "!not-xml-frag"},
		{friends + `/entry[1]`, "<entry/><entry/>", "!not-xml-frag"},
		{friends + `/entry[1]`, "text", "!not-xml-frag"},
		{friends + `/entry[1]`, "", "!not-xml-frag"},
		{friends + `/entry[1]`, "<entry>\xff</entry>", "!not-utf-8"},
	} {
		got, _, err := ResourceLists.Put(&Tree{Doc: []byte(doc)}, selector(t, c.path, ""), []byte(c.node))
		kind, fails := strings.CutPrefix(c.want, "!")
		var f *Fault
		switch {
		case fails && (!errors.As(err, &f) || string(f.Kind) != kind):
			t.Errorf("%s: %s, %v; want %s", c.path, got.Body(), err, kind)
		case !fails && (err != nil || !bytes.Contains(got.Body(), []byte(c.want))):
			t.Errorf("%s: %v\n%s\nwant %s", c.path, err, got.Body(), c.want)
		}
		if fails && len(f.Document()) > 0 {
			if err := xml.Unmarshal(f.Document(), new(struct{})); err != nil {
				t.Errorf("%s: %v", f.Document(), err)
			}
		}
	}
	_, _, err := ResourceLists.Put(&Tree{Doc: []byte(doc)}, selector(t, `resource-lists/list[@name="friends"]/list[@name="x"]/entry`, ""), []byte(anne))
	if f, ok := err.(*Fault); !ok || f.Ancestor != friends {
		t.Errorf("ancestor of %v", err)
	}
}

func TestDelete(t *testing.T) {
	for _, c := range []struct{ path, gone, kind string }{
		{friends + `/entry[@uri="sip:joe@example.com"]`, "sip:joe@", ""},
		{friends + `/entry[2]/@t:mark`, "", "missing"}, // the prefix is not declared in the query
		{friends + `/entry[1]/display-name`, "Bill Doe", ""},
		{friends + `/entry[1]`, "", "cannot-delete"}, // there would be another first one
		{friends + `/entry[9]`, "", "missing"},
		{`resource-lists`, "", "cannot-delete"},
		{friends + `/@name`, "friends", ""},
		{friends + `/namespace::*`, "", "cannot-delete"},
	} {
		got, found, err := ResourceLists.Delete(&Tree{Doc: []byte(doc)}, selector(t, c.path, ""))
		var f *Fault
		switch {
		case c.kind == "missing":
			if found || err != nil {
				t.Errorf("%s: found", c.path)
			}
		case c.kind != "":
			if !errors.As(err, &f) || string(f.Kind) != c.kind {
				t.Errorf("%s: %v", c.path, err)
			}
		case err != nil || !found || bytes.Contains(got.Body(), []byte(c.gone)):
			t.Errorf("%s: %v\n%s", c.path, err, got.Body())
		}
	}
}

func TestValidate(t *testing.T) {
	lists := func(s string) string { return `<resource-lists xmlns="` + ListsSpace + `">` + s + `</resource-lists>` }
	services := func(s string) string { return `<rls-services xmlns="` + servicesSpace + `">` + s + `</rls-services>` }
	rules := func(s string) string {
		return `<ruleset xmlns="` + PolicySpace + `" xmlns:pr="` + RulesSpace + `">` + s + `</ruleset>`
	}
	for _, c := range []struct {
		u         *Usage
		doc, kind string
	}{
		{ResourceLists, doc, ""},
		{ResourceLists, lists(`<list name="a"/><list name="a"/>`), "uniqueness-failure"},
		{ResourceLists, lists(`<list/><list/>`), ""},
		{ResourceLists, lists(`<list><entry uri="a"/><entry uri="a"/></list>`), "uniqueness-failure"},
		{ResourceLists, lists(`<list><list name="b"><entry uri="a"/><entry uri="a"/></list></list>`), "uniqueness-failure"},
		{ResourceLists, lists(`<list><entry uri="a"/></list><list><entry uri="a"/></list>`), "uniqueness-failure"[:0]},
		{ResourceLists, lists(`<list><entry/></list>`), "schema-validation-error"},
		{ResourceLists, lists(`<entry uri="a"/>`), "schema-validation-error"},
		{ResourceLists, lists(`<list><entry-ref ref="/absolute"/></list>`), "constraint-failure"},
		{ResourceLists, lists(`<list><x xmlns="urn:other"/></list>`), ""},
		{ResourceLists, services(""), "schema-validation-error"},
		{ResourceLists, "<a", "not-well-formed"},
		{ResourceLists, "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "not-well-formed"},
		{ResourceLists, "<a>&b;</a>", "not-well-formed"},
		{ResourceLists, "<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "not-utf-8"},
		{ResourceLists, strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100), "not-well-formed"},
		{Services, services(`<service uri="a"><list><entry uri="b"/></list><packages><package>presence</package></packages></service>`), ""},
		{Services, services(`<service uri="a"><list/></service><service uri="A"><list/></service>`), "uniqueness-failure"},
		{Services, services(`<service uri="a"/>`), "schema-validation-error"},
		{PresRules, rules(`<rule id="a"><conditions><identity><one id="sip:x"/></identity></conditions><actions><pr:sub-handling>allow</pr:sub-handling></actions><transformations/></rule>`), ""},
		{PresRules, rules(`<rule id="a"><actions><pr:sub-handling>maybe</pr:sub-handling></actions></rule>`), "schema-validation-error"},
		{PresRules, rules(`<rule id="a"/><rule id="a"/>`), "uniqueness-failure"},
		{PresRules, rules(`<rule/>`), "schema-validation-error"},
	} {
		err := c.u.Validate([]byte(c.doc))
		var f *Fault
		if got := errors.As(err, &f); got != (c.kind != "") || got && string(f.Kind) != c.kind {
			t.Errorf("%s %s: %v, want %q", c.u.ID, c.doc, err, c.kind)
		}
	}
	if err := Caps.Validate(CapsDocument()); err != nil {
		t.Error(err)
	}
}

// sameAsRead fails unless a tree is what reading its document makes.
func sameAsRead(t *testing.T, got *Tree) {
	t.Helper()
	want, err := Parse(got.Doc)
	if err != nil {
		t.Fatalf("%q: %v", got.Doc, err)
	}
	root, err := got.Root()
	if err != nil {
		t.Fatal(err)
	}
	var compare func(a, b, above *Element)
	compare = func(a, b, above *Element) {
		x, y := *a, *b
		x.Children, y.Children, x.Parent, y.Parent = nil, nil, nil, nil
		if !reflect.DeepEqual(x, y) || len(a.Children) != len(b.Children) || a.Parent != above {
			t.Fatalf("%+v\nis read as\n%+v in\n%s", a, b, got.Doc)
		}
		for i := range a.Children {
			compare(a.Children[i], b.Children[i], a)
		}
	}
	compare(root, want, nil)
}

// A document that grows by what is put into it is what it would be if it were read.
func TestPutMakesTheTree(t *testing.T) {
	was := &Tree{Doc: []byte(doc)}
	for _, c := range []struct{ path, node string }{
		{friends + `/entry[@uri="sip:bill@example.com"]`, `<entry uri="sip:bill@example.com" t:mark="x"><display-name>William</display-name></entry>`},
		{friends + `/entry[@uri="sip:anne@example.com"]`, `<entry uri="sip:anne@example.com"/>`},
		{friends + `/entry[1][@uri="sip:carl@example.com"]`, ` <entry uri="sip:carl@example.com"/> `},
		{friends + `/external[@anchor="http://x/y"]`, `<external anchor="http://x/y"><o:a xmlns:o="urn:o"><o:b c="d"/></o:a></external>`},
		{friends + `/list[1]/entry[2]`, `<entry uri="sip:zoe@example.com"/>`},
		{`resource-lists/list[@name="empty"]/entry[@uri="sip:ed@example.com"]`, `<entry uri="sip:ed@example.com"/>`},
		{`resource-lists/list[@name="empty"]/@x`, `1`},
		{`resource-lists/list[@name="new"]`, `<list name="new"><entry uri="sip:a@b"/></list>`},
		{`resource-lists/list[@name="new"]/entry[1]`, `<entry uri="sip:a@b"><display-name>A</display-name></entry>`},
		{friends + `/entry[2]/@uri`, `sip:longer.than.before@example.com`},
	} {
		now, _, err := ResourceLists.Put(was, selector(t, c.path, ""), []byte(c.node))
		if err != nil {
			t.Fatalf("%s: %v", c.path, err)
		}
		sameAsRead(t, now)
		sameAsRead(t, was) // others may be reading it
		was = now
	}
}

// What would be refused in a document that is read is refused in one that grows.
func TestPutRefuses(t *testing.T) {
	deep := strings.Repeat(`<x:a>`, maxDepth-3) + strings.Repeat(`</x:a>`, maxDepth-3)
	for node, kind := range map[string]Kind{
		`<entry uri="sip:a@b"><none:x/></entry>`:                               NotWellFormed, // a prefix that nobody declares
		`<entry uri="sip:a@b"><entry/></entry>`:                                Schema,
		`<entry uri="sip:a@b" xmlns:x="urn:x">` + deep + `</entry>`:            "",
		`<entry uri="sip:a@b" xmlns:x="urn:x"><x:b>` + deep + `</x:b></entry>`: NotWellFormed,
	} {
		_, _, err := ResourceLists.Put(&Tree{Doc: []byte(doc)}, selector(t, friends+`/entry[@uri="sip:a@b"]`, ""), []byte(node))
		var f *Fault
		if errors.As(err, &f) != (kind != "") || f != nil && f.Kind != kind {
			t.Errorf("%.60s: %v, want %s", node, err, kind)
		}
	}
}

// What we read as XML is XML to the standard library, too, with as many elements.
func FuzzParse(f *testing.F) {
	f.Add([]byte(doc))
	f.Add([]byte(`<a b="c"><![CDATA[x]]><?p q?><d/>&#x41;</a>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		root, err := Parse(b)
		if err != nil {
			return
		}
		n := 0
		var count func(e *Element)
		count = func(e *Element) {
			n++
			_ = e.Text(b)
			for _, c := range e.Children {
				if c.start < e.open || c.end > e.shut {
					t.Fatalf("child %d-%d outside %d-%d", c.start, c.end, e.open, e.shut)
				}
				count(c)
			}
		}
		count(root)
		d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))))
		d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
		std := 0
		for {
			tok, err := d.RawToken()
			if err == io.EOF {
				break
			}
			if err != nil {
				if strings.Contains(err.Error(), "version") || strings.Contains(err.Error(), "invalid XML name") || strings.Contains(err.Error(), "expected") {
					return // names beyond ASCII are not checked here
				}
				t.Fatalf("the library says %v to %q", err, b)
			}
			if _, ok := tok.(xml.StartElement); ok {
				std++
			}
		}
		if std != n {
			t.Fatalf("%d elements, the library finds %d in %q", n, std, b)
		}
	})
}

func FuzzSelector(f *testing.F) {
	f.Add(friends+`/entry[1][@uri="sip:a@b"]/@uri`, "xmlns(a=b)", `<entry uri="sip:a@b"/>`)
	f.Fuzz(func(t *testing.T, path, query, node string) {
		s, err := ParseSelector(path, query, ListsSpace)
		if err != nil {
			return
		}
		if changed, _, err := ResourceLists.Put(&Tree{Doc: []byte(doc)}, s, []byte(node)); err == nil {
			sameAsRead(t, changed)
		}
		if changed, found, err := ResourceLists.Delete(&Tree{Doc: []byte(doc)}, s); found && err == nil {
			if _, err := Parse(changed.Doc); err != nil {
				t.Fatalf("without %q it is %q: %v", path, changed.Doc, err)
			}
		}
	})
}

// Documents of users, whatever they hold: what is taken is well-formed, and its
// contacts, services and rules can be told apart.
func FuzzValidate(f *testing.F) {
	f.Add([]byte(doc))
	f.Add([]byte(`<rls-services xmlns="urn:ietf:params:xml:ns:rls-services"><service uri="sip:a@b"><list/></service></rls-services>`))
	f.Add([]byte(`<ruleset xmlns="urn:ietf:params:xml:ns:common-policy"><rule id="a"><actions/></rule></ruleset>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, u := range Usages() {
			err := u.Validate(b)
			var fault *Fault
			if err != nil {
				if !errors.As(err, &fault) || len(fault.Document()) == 0 {
					t.Fatalf("%v is no fault", err)
				}
				continue
			}
			root, err := Parse(b)
			if err != nil || root.Space != u.Space || root.Name != u.Root {
				t.Fatalf("%q is taken as %s: %v", b, u.ID, err)
			}
			seen := map[string]bool{}
			for _, c := range root.Children {
				id, has := c.Attr(map[*Usage]string{ResourceLists: "name", Services: "uri", PresRules: "id"}[u])
				if c.Space == u.Space && has && seen[id] {
					t.Fatalf("%q stands twice in %q", id, b)
				}
				seen[id] = seen[id] || c.Space == u.Space && has
			}
		}
	})
}

func thousand() []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><resource-lists xmlns="` + ListsSpace + `"><list name="all">`)
	for i := range 1000 {
		fmt.Fprintf(&b, `<entry uri="sip:user%d@example.com"><display-name>User Number %d</display-name></entry>`, i, i)
	}
	b.WriteString(`</list></resource-lists>`)
	return []byte(b.String())
}

// BenchmarkGet reads one node of it.
func BenchmarkGet(b *testing.B) {
	d := thousand()
	s := selector(b, `resource-lists/list[@name="all"]/entry[@uri="sip:user500@example.com"]`, "")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := (&Tree{Doc: d}).Get(s); !ok {
			b.Fatal("it is not there")
		}
	}
}

// BenchmarkPut changes one node of a list of 1,000 contacts and validates the
// document.
func BenchmarkPut(b *testing.B) {
	d := &Tree{Doc: thousand()}
	if _, err := d.Root(); err != nil {
		b.Fatal(err)
	}
	s := selector(b, `resource-lists/list[@name="all"]/entry[@uri="sip:user500@example.com"]`, "")
	b.ReportAllocs()
	for b.Loop() {
		_, _, err := ResourceLists.Put(d, s, []byte(`<entry uri="sip:user500@example.com"><display-name>Other</display-name></entry>`))
		if err != nil {
			b.Fatal(err)
		}
	}
}
