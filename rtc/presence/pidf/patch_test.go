package pidf

import (
	"errors"
	"strings"
	"testing"
)

const published = `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:bob@example.com"><tuple id="a"><status><basic>open</basic></status><note>here</note></tuple><tuple id="b"><status><basic>closed</basic></status></tuple><dm:person id="p"><rpid:activities><rpid:busy/></rpid:activities></dm:person></presence>`

func partial(ops string) string {
	return `<p:pidf-diff xmlns="urn:ietf:params:xml:ns:pidf" xmlns:p="urn:ietf:params:xml:ns:pidf-diff" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:bob@example.com" version="2">` + ops + `</p:pidf-diff>`
}

func TestRFC5264Section432Patch(t *testing.T) {
	for name, c := range map[string]struct{ ops, has, hasNot string }{
		"a text":             {`<p:replace sel="presence/tuple[@id='a']/status/basic/text()">closed</p:replace>`, `<tuple id="a"><status><basic>closed</basic>`, `<basic>open`},
		"an element":         {`<p:replace sel="*/tuple[@id='b']"><tuple id="b"><status><basic>open</basic></status></tuple></p:replace>`, `<tuple id="b"><status><basic>open</basic>`, ""},
		"one more":           {`<p:add sel="/presence"><tuple id="c"><status><basic>open</basic></status></tuple></p:add>`, `<tuple id="c">`, ""},
		"before":             {`<p:add sel="*/tuple[1]" pos="before"><tuple id="c"><status><basic>open</basic></status></tuple></p:add>`, `<tuple id="c"><status><basic>open</basic></status></tuple><tuple id="a">`, ""},
		"after":              {`<p:add sel="*/tuple[@id='a']" pos="after"><tuple id="c"/></p:add>`, `</tuple><tuple id="c"></tuple><tuple id="b">`, ""},
		"one less":           {`<p:remove sel="*/tuple[@id=&quot;a&quot;]"/>`, `<tuple id="b">`, `<tuple id="a">`},
		"an attribute":       {`<p:replace sel="*/tuple[2]/@id">z</p:replace>`, `<tuple id="z">`, `<tuple id="b">`},
		"a new attribute":    {`<p:add sel="*/tuple[@id='a']/note" type="@xml:lang">en</p:add>`, `lang="en"`, ""},
		"by what is in it":   {`<p:remove sel="*/tuple[note='here']"/>`, "", `<tuple id="a">`},
		"prefixes":           {`<p:replace sel="*/dm:person/rpid:activities"><rpid:activities><rpid:away/></rpid:activities></p:replace>`, `<rpid:away></rpid:away>`, `rpid:busy`},
		"several, in order":  {`<p:remove sel="*/tuple[@id='a']"/><p:remove sel="*/tuple[1]"/>`, "dm:person", `<tuple`},
		"a text taken away":  {`<p:remove sel="*/tuple[@id='a']/note/text()"/>`, `<note></note>`, "here"},
		"a text in addition": {`<p:add sel="*/tuple[@id='a']/note"> and there</p:add>`, `here`, ""},
	} {
		got, err := Patch([]byte(published), []byte(partial(c.ops)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if text := string(got); !strings.Contains(text, c.has) || c.hasNot != "" && strings.Contains(text, c.hasNot) {
			t.Errorf("%s: %s", name, text)
		}
		if _, err := Parse(got); err != nil {
			t.Errorf("%s: what came of it cannot be read: %v", name, err)
		}
	}
}

func TestRFC5264Refused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing there":       partial(`<p:remove sel="*/tuple[@id='x']"/>`),
		"more than one":       partial(`<p:remove sel="*/tuple"/>`),
		"the root":            partial(`<p:remove sel="presence"/>`),
		"not from the root":   partial(`<p:remove sel="tuple[@id='a']"/>`),
		"no selector":         partial(`<p:remove/>`),
		"no such operation":   partial(`<p:move sel="*/tuple[1]"/>`),
		"half a condition":    partial(`<p:remove sel="*/tuple[@id='a'"/>`),
		"somebody else":       strings.Replace(partial(""), "sip:bob", "sip:eve", 1),
		"another document":    published,
		"an entity":           `<!DOCTYPE x [<!ENTITY a "b">]>` + partial(""),
		"a position too many": partial(`<p:remove sel="*/tuple[3]"/>`),
	} {
		if got, err := Patch([]byte(published), []byte(text)); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, err := Patch(nil, []byte(partial(""))); !errors.Is(err, errNoBase) {
		t.Errorf("a difference from nothing: %v", err)
	}
	full := strings.NewReplacer("<presence", `<p:pidf-full xmlns:p="urn:ietf:params:xml:ns:pidf-diff" version="1"`, "</presence", "</p:pidf-full").Replace(published)
	if got, err := Patch(nil, []byte(full)); err != nil || !strings.Contains(string(got), `<presence`) || !strings.Contains(string(got), `entity="sip:bob@example.com"`) {
		t.Errorf("%v: %s", err, got)
	}
}

func FuzzPatch(f *testing.F) {
	f.Add([]byte(published), []byte(partial(`<p:replace sel="presence/tuple[@id='a']/status/basic/text()">closed</p:replace>`)))
	f.Add([]byte(published), []byte(partial(`<p:add sel="*/tuple[1]" pos="before"><note/></p:add>`)))
	f.Fuzz(func(t *testing.T, before, diff []byte) {
		if got, err := Patch(before, diff); err == nil {
			if _, err := Patch(got, diff); err != nil {
				return // it need not fit twice
			}
		}
	})
}
