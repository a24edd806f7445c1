package lists

import "testing"

func TestListRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":     "",
		"no entries":  `<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list/></resource-lists>`,
		"entities":    `<!DOCTYPE x [<!ENTITY a "b">]><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="&a;"/></list></resource-lists>`,
		"another one": `<a xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="sip:a@b"/></list></a>`,
	} {
		if list, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: read %v", name, list)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="sip:bob@pbx.test"><display-name>Bob</display-name></entry><list><entry uri="sip:carol@pbx.test"/></list></list></resource-lists>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := Parse(b)
		if err == nil && (len(list) == 0 || len(list) > MaxEntries) {
			t.Errorf("%d entries", len(list))
		}
	})
}
