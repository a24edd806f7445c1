package pidf

import (
	"reflect"
	"strings"
	"testing"

	"tandem/rtc/strictxml"
)

// What is plain is understood as strictxml understands it.
func same(t *testing.T, b []byte) (ok bool) {
	t.Helper()
	got, ok := plain(b)
	if !ok {
		return false
	}
	var want Node
	if err := strictxml.Decode(b, &want); err != nil {
		t.Fatalf("read, but it is wrong: %v\n%s", err, b)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s\n%+v, want\n%+v", b, got, want)
	}
	return true
}

// documents are a few of devices, then what only looks plain.
var plainly = []string{strings.ReplaceAll(linphone, "&amp;", "and"), strings.ReplaceAll(rich, "&amp;", "and"), published,
	"\r\n<a:b xmlns:a='x' xmlns='y' a:c='1' d=\"2\" >\r\n text <e xmlns='z' />\t<a:f></a:f> more\r\n</a:b >\n",
	`<a xmlns:p="x"><p:b xmlns:p="y" p:c="1"/><p:d/></a>`,
	`<a xmlns="x"><b xmlns=""><c/></b><d/></a>`,
	`<?xml version="1.0" encoding="UTF-8"?><a b='"' xml:lang="de">></a>`}

var notPlainly = []string{
	"", " ", "<", "<a", "<a>", "<a/><b/>", "<a></b>", "<a><b></a></b>", "x<a/>", "<a/>x", "<a b/>", `<a b=1/>`, `<a b""/>`, `<a b''/>`, `<a b="1"c="2"/>`, `<a b="1"p:c="2" xmlns:p="x"/>`,
	`<a b="<"/>`, `<a b="&lt;"/>`, "<a>&amp;</a>", "<a>]]></a>", "<a><![CDATA[x]]></a>", "<!DOCTYPE a><a/>", "<a><!-- x --></a>", "<a><?x y?></a>",
	`<?xml version="1.1"?><a/>`, `<?xml version="1.0" encoding="latin1"?><a/>`, "<p:a/>", "<:a/>", "<a:/>", "<a:b:c xmlns:a='x'/>", "<1/>", "<-a/>",
	`<a xmlns:xml="x"/>`, "<a>\x00</a>", "<a>b\rc</a>", "<a b='\r'/>", "<a>\u00e9</a>", "<a / >", "< a/>", "<a></ a>",
	strings.Repeat("<a>", strictxml.MaxDepth+1) + strings.Repeat("</a>", strictxml.MaxDepth+1)}

func TestPlain(t *testing.T) {
	for _, text := range plainly {
		if !same(t, []byte(text)) {
			t.Errorf("not read: %s", text)
		}
	}
	for _, text := range notPlainly {
		if _, ok := plain([]byte(text)); ok {
			t.Errorf("read: %q", text)
		}
	}
	most := strings.Repeat("<a>", strictxml.MaxDepth) + strings.Repeat("</a>", strictxml.MaxDepth)
	many := "<a>" + strings.Repeat("<b/>", strictxml.MaxElements-1) + "</a>"
	more := "<a>" + strings.Repeat("<b/>", strictxml.MaxElements) + "</a>"
	if _, ok := plain([]byte(more)); ok || !same(t, []byte(most)) || !same(t, []byte(many)) {
		t.Error("the bounds are others than those of strictxml")
	}
}

func FuzzPlain(f *testing.F) {
	for _, text := range append(plainly, notPlainly...) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) { same(t, b) })
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse([]byte(rich)); err != nil {
			b.Fatal(err)
		}
	}
}
