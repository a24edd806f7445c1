package features

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const ns = ` xmlns="http://www.ecma-international.org/standards/ecma-323/csta/ed3"`

func TestRead(t *testing.T) {
	on, off := true, false
	for body, want := range map[string]*Change{
		`<?xml version="1.0" encoding="ISO-8859-1"?><SetDoNotDisturb` + ns + `><device/><doNotDisturbOn>true</doNotDisturbOn></SetDoNotDisturb>`:                                                              {DoNotDisturb: &on},
		`<SetDoNotDisturb><device>alice</device><doNotDisturbOn>false</doNotDisturbOn></SetDoNotDisturb>`:                                                                                                     {DoNotDisturb: &off},
		`<SetForwarding` + ns + `><device/><forwardingType>forwardImmediate</forwardingType><activateForward>true</activateForward><forwardDN>100</forwardDN></SetForwarding>`:                                {Forward: Always, On: true, To: "100"},
		`<c:SetForwarding xmlns:c="x"><c:forwardingType>forwardNoAns</c:forwardingType><c:activateForward>true</c:activateForward><c:forwardDN>5</c:forwardDN><c:ringCount>3</c:ringCount></c:SetForwarding>`: {Forward: NoAnswer, On: true, To: "5", Rings: 3},
		`<SetForwarding><forwardingType>forwardBusy</forwardingType><activateForward>false</activateForward></SetForwarding>`:                                                                                 {Forward: Busy},
		`<SetForwarding><forwardingType>never</forwardingType></SetForwarding>`:                                                                                                                               nil,
		`<SetDoNotDisturb/>`: nil,
		`<Other><doNotDisturbOn>true</doNotDisturbOn></Other>`:                                                    nil,
		`<SetDoNotDisturb><doNotDisturbOn>true`:                                                                   nil,
		`<SetForwarding><forwardingType>forwardNoAns</forwardingType><ringCount>many</ringCount></SetForwarding>`: nil,
		strings.Repeat(" ", 5000):                                                                                 nil,
		"":                                                                                                        nil,
	} {
		got, err := read([]byte(body))
		if (err != nil) != (want == nil) || want != nil && !reflect.DeepEqual(got, *want) {
			t.Errorf("%.80s: %+v, %v", body, got, err)
		}
	}
}

// FuzzRead: whatever a phone sends is read or refused.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`<SetForwarding><forwardingType>forwardBusy</forwardingType><activateForward>true</activateForward></SetForwarding>`))
	f.Add([]byte(`<SetDoNotDisturb><doNotDisturbOn>1</doNotDisturbOn></SetDoNotDisturb>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if c, err := read(body); err == nil && c.DoNotDisturb == nil && c.Forward == "" {
			t.Errorf("%q changes nothing", body)
		}
	})
}

func TestDocument(t *testing.T) {
	d := document("sip:alice@example.com", State{DoNotDisturb: true, To: map[Forward]string{NoAnswer: "<100>"}, Rings: 4})
	for _, want := range []string{"<doNotDisturbOn>true<", "<forwardingType>forwardNoAns</forwardingType><forwardStatus>true</forwardStatus><forwardTo>&lt;100&gt;</forwardTo><ringCount>4</ringCount>",
		"<forwardingType>forwardBusy</forwardingType><forwardStatus>false</forwardStatus>", "<device>alice</device>"} {
		if !strings.Contains(string(d.Body), want) {
			t.Errorf("%s is not in\n%s", want, d.Body)
		}
	}
	if strings.Count(string(d.Body), "--"+boundary) != 5 {
		t.Errorf("parts:\n%s", d.Body)
	}
}

func TestReadPresence(t *testing.T) {
	for body, want := range map[string]string{
		`<presence xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid"><person><activities><ce:dnd/></activities></person></presence>`: "true",
		`<presence><person><activities/></person></presence>`:                                                                   "false",
		`<dnd/>`:          "error",
		`<presence><dnd>`: "error",
		"":                "error",
		"<presence>" + strings.Repeat(" ", maxBody) + "</presence>": "error",
	} {
		on, err := readPresence([]byte(body))
		if got := fmt.Sprint(on); err == nil && got != want || (err != nil) != (want == "error") {
			t.Errorf("%.80s: %v %v, want %s", body, on, err, want)
		}
	}
}

// FuzzReadPresence: whatever a phone publishes is read or refused.
func FuzzReadPresence(f *testing.F) {
	f.Add([]byte(`<presence><person><activities><dnd/></activities></person></presence>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if on, err := readPresence(body); on && err == nil && !strings.Contains(string(body), "dnd") {
			t.Errorf("%q has no dnd", body)
		}
	})
}
