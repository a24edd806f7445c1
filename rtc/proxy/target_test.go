package proxy

import "testing"

func TestCutElement(t *testing.T) {
	for _, c := range []struct{ in, head, tail string }{
		{"<sip:a;lr>", "<sip:a;lr>", ""},
		{"<sip:a;lr>, <sip:b;lr>", "<sip:a;lr>", "<sip:b;lr>"},
		{`"x, \", y" <sip:a,b@c;lr> , <sip:b>`, `"x, \", y" <sip:a,b@c;lr>`, "<sip:b>"},
	} {
		if h, l := cutElement(c.in); h != c.head || l != c.tail {
			t.Errorf("%s: %q and %q", c.in, h, l)
		}
	}
}
