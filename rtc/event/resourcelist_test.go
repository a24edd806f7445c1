package event

import "testing"

func TestListRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":     "",
		"no entries":  `<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list/></resource-lists>`,
		"entities":    `<!DOCTYPE x [<!ENTITY a "b">]><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="&a;"/></list></resource-lists>`,
		"another one": `<a xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="sip:a@b"/></list></a>`,
	} {
		if list, err := ParseList([]byte(text)); err == nil {
			t.Errorf("%s: read %v", name, list)
		}
	}
}

func FuzzParseList(f *testing.F) {
	f.Add([]byte(listBody[len("body:"):]))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := ParseList(b)
		if err == nil && (len(list) == 0 || len(list) > maxEntries) {
			t.Errorf("%d entries", len(list))
		}
	})
}
