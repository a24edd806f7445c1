package pidf

import (
	"bytes"
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"
)

const linphone = `<?xml version="1.0" encoding="UTF-8"?>
<presence entity="sip:bob@example.com" xmlns="urn:ietf:params:xml:ns:pidf" xmlns:pidfonline="http://www.linphone.org/xsds/pidfonline.xsd" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model">
 <tuple id="abc"><status><basic>open</basic><pidfonline:online/></status><contact priority="0.8">sip:bob@example.com</contact><timestamp>2026-05-04T12:00:00Z</timestamp></tuple>
 <dm:person id="p1"><rpid:activities><rpid:away/><rpid:note>lunch &amp; walk</rpid:note></rpid:activities><rpid:user-input last-input="2026-05-04T11:00:00Z">idle</rpid:user-input><dm:note xml:lang="en">back soon</dm:note></dm:person>
 <dm:device id="d1"><dm:deviceID>urn:uuid:1</dm:deviceID></dm:device>
</presence>`

func TestParse(t *testing.T) {
	d, err := Parse([]byte(linphone))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Tuples) != 1 || !d.Tuples[0].Open || d.Tuples[0].Contact != "sip:bob@example.com" || d.Tuples[0].Priority != "0.8" || d.Tuples[0].Since.IsZero() {
		t.Errorf("%+v", d.Tuples)
	}
	if d.Activity() != "away" || !d.Person.Idle || d.Person.LastInput.IsZero() || len(d.Person.Notes) != 2 || len(d.Devices) != 1 {
		t.Errorf("%+v", d.Person)
	}
	again, err := Parse(d.Bytes())
	if err != nil || string(again.Bytes()) != string(d.Bytes()) {
		t.Errorf("%v\n%s\n%s", err, d.Bytes(), again.Bytes())
	}
	if !strings.Contains(string(d.Bytes()), "pidfonline.xsd") {
		t.Error("what is not known was dropped")
	}
}

func TestRefused(t *testing.T) {
	entities := `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b"><note>&b;</note></presence>`
	deep := `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b">` + strings.Repeat("<x>", 1000) + strings.Repeat("</x>", 1000) + "</presence>"
	for name, text := range map[string]string{
		"entities": entities, "depth": deep, "nothing": "", "other": "<a/>", "no entity": `<presence xmlns="urn:ietf:params:xml:ns:pidf"/>`,
		"no namespace": `<presence entity="sip:a@b"/>`, "cut": linphone[:300],
		"many":  `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b">` + strings.Repeat("<x/>", 30000) + "</presence>",
		"twice": `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b"><tuple id="1"/><tuple id="1"/></presence>`,
	} {
		if d, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: read %+v", name, d)
		}
	}
}

func TestDiff(t *testing.T) {
	old := &Document{Entity: "sip:bob@example.com", Tuples: []Tuple{{ID: "a", Open: true}, {ID: "b"}}}
	now := &Document{Entity: "sip:bob@example.com", Tuples: []Tuple{{ID: "a", Open: true}, {ID: "c", Open: true}}, Person: &Person{Activities: []string{"busy"}}}
	b, count, ok := now.Diff(old)
	text := strings.ReplaceAll(string(b[:count])+"2"+string(b[count:]), "&#39;", "'")
	for _, want := range []string{`version="2">`, `<p:remove sel="*/tuple[@id='b']"/>`, `<p:add sel="*"><tuple id="c">`, `<p:add sel="*"><dm:person`} {
		if !ok || !strings.Contains(text, want) {
			t.Errorf("%q is missing: %s", want, text)
		}
	}
	if strings.Contains(text, `id="a"`) {
		t.Errorf("what did not change is told: %s", text)
	}
}

// rich has what RFC 4480 knows.
const rich = `<presence entity="pres:carol@example.com" xmlns="urn:ietf:params:xml:ns:pidf" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model">
 <tuple id="t"><status><basic>closed</basic></status><r:class>work</r:class><r:privacy><r:audio/></r:privacy><r:relationship><r:self/></r:relationship><r:service-class><r:electronic/></r:service-class><note>n</note></tuple>
 <dm:person id="p"><r:activities from="2026-05-04T12:00:00Z" until="2026-05-04T13:00:00+02:00"><r:meeting/><r:on-the-phone/></r:activities><r:mood><r:happy/></r:mood><r:place-is><r:audio><r:noisy/></r:audio></r:place-is><r:place-type><office/></r:place-type><r:sphere>home</r:sphere><r:status-icon>http://example.com/i.png</r:status-icon><r:time-offset>120</r:time-offset></dm:person>
</presence>`

// Whatever is published: what is written of it says the same when it is read again,
// and every form of it is XML.
func FuzzParse(f *testing.F) {
	f.Add([]byte(linphone))
	f.Add([]byte(rich))
	old, err := Parse([]byte(linphone))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			return
		}
		again, err := Parse(d.Bytes())
		if err != nil {
			t.Fatalf("%v: %s", err, d.Bytes())
		}
		if string(again.Bytes()) != string(d.Bytes()) {
			t.Fatalf("%s\n%s", d.Bytes(), again.Bytes())
		}
		wellFormed(t, d.XPIDF())
		full, count := d.Full()
		wellFormed(t, slices.Concat(full[:count], []byte("1"), full[count:]))
		if diff, count, ok := d.Diff(old); ok {
			wellFormed(t, slices.Concat(diff[:count], []byte("1"), diff[count:]))
		}
	})
}

func wellFormed(t *testing.T, b []byte) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(b)); ; {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%v: %s", err, b)
		}
	}
}

// What is written without asking whether it has to be escaped is what needs no escaping.
func TestTextIsEscaped(t *testing.T) {
	for c := range 256 {
		text := "a" + string([]byte{byte(c)}) + "b"
		var got writer
		var want bytes.Buffer
		got.text(text)
		if err := xml.EscapeText(&want, []byte(text)); err != nil || got.String() != want.String() {
			t.Errorf("%q is written %q, not %q (%v)", text, got.String(), want.String(), err)
		}
	}
}
