package dialoginfo

import (
	"encoding/xml"
	"strings"
	"testing"

	"tandem/rtc"
)

func TestDocument(t *testing.T) {
	d := document("sip:bob@example.com", []Call{{ID: "1", CallID: `a"b`, State: Confirmed, Held: true, Remote: "sip:alice@example.com", Display: "<Älice>"}})
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

// All calls of a line are told, the most urgent first, as many as a datagram takes well.
func TestCallsOfALine(t *testing.T) {
	b := &Board{m: map[rtc.AOR][]Call{"x": {{ID: "tries", Caller: true, State: Trying}, {ID: "held", State: Confirmed, Held: true},
		{ID: "rings", State: Early}, {ID: "calls", Caller: true, State: Early}, {ID: "talks", State: Confirmed}, {ID: "rings, too", State: Early}}}}
	var order []string
	for _, c := range b.line("x") {
		order = append(order, c.ID)
	}
	if got := strings.Join(order, "; "); got != "rings; rings, too; talks; held; calls; tries" {
		t.Error(got)
	}
	if got := b.line("y"); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	for range 1000 {
		b.m["x"] = append(b.m["x"], Call{ID: "another", State: Confirmed, Remote: "sip:alice@example.com"})
	}
	d := document("x", b.line("x"))
	if text := string(d.Body); len(text) > 3200 || !strings.HasSuffix(text, "</dialog></dialog-info>\n") || strings.Count(text, "<dialog ") < 5 ||
		strings.Index(text, id("rings")) > strings.Index(text, "confirmed") {
		t.Errorf("%d octets\n%s", len(text), text)
	}
	if text := string(document("x", []Call{{ID: "long", State: Early, Remote: strings.Repeat("x", 5000)}}).Body); !strings.Contains(text, "<state>early") {
		t.Errorf("one call is not told\n%s", text)
	}
}

func BenchmarkDocument(b *testing.B) {
	calls := []Call{{ID: "1", CallID: "ab8f3e", LocalTag: "x1", RemoteTag: "x2", State: Confirmed, Remote: "sip:alice@example.com", Display: "Alice"}}
	b.ReportAllocs()
	for b.Loop() {
		document("sip:bob@example.com", calls)
	}
}
