package dialoginfo

import (
	"encoding/xml"
	"strings"
	"testing"

	"tandem/rtc"
)

func TestDocument(t *testing.T) {
	d := document("sip:bob@example.com", Call{ID: "1", CallID: `a"b`, State: Confirmed, Held: true, Remote: "sip:alice@example.com", Display: "<Älice>"})
	text := string(d.Body[:d.Count]) + "7" + string(d.Body[d.Count:])
	var got struct {
		Version string `xml:"version,attr"`
		Dialog  []struct {
			CallID    string `xml:"call-id,attr"`
			Direction string `xml:"direction,attr"`
			State     string `xml:"state"`
			Remote    struct {
				Identity struct {
					Display string `xml:"display,attr"`
					URI     string `xml:",chardata"`
				} `xml:"identity"`
			} `xml:"remote"`
		} `xml:"dialog"`
	}
	if err := xml.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	x := got.Dialog[0]
	if got.Version != "7" || len(got.Dialog) != 1 || x.CallID != `a"b` || x.Direction != "recipient" || x.State != "confirmed" ||
		x.Remote.Identity.Display != "<Älice>" || x.Remote.Identity.URI != "sip:alice@example.com" || !strings.Contains(text, `pname="+sip.rendering" pvalue="no"`) {
		t.Errorf("%+v\n%s", got, text)
	}
}

// The lamp tells the call that is furthest along, and a held one last.
func TestFurthest(t *testing.T) {
	b := &Board{m: map[rtc.AOR][]Call{"x": {{ID: "held", State: Confirmed, Held: true}, {ID: "rings", State: Early}, {ID: "talks", State: Confirmed}}}}
	if c := b.line("x"); c.ID != "talks" {
		t.Errorf("%+v", c)
	}
	if c := b.line("y"); c.State != Terminated {
		t.Errorf("%+v", c)
	}
}
