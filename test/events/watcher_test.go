package events

import (
	"fmt"
	"strings"
	"testing"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// again sends a SUBSCRIBE in the dialog and returns the answer.
func again(k *harness.Watcher, lines string) *sip.Message {
	k.T.Helper()
	return againAt(k, k.Contact(k.User), lines)
}

// againAt is again with a Contact.
func againAt(k *harness.Watcher, contact, lines string) *sip.Message {
	k.T.Helper()
	k.Seq++
	k.Send(strings.ReplaceAll(fmt.Sprintf("SUBSCRIBE %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %d SUBSCRIBE\nContact: %s\nEvent: %s\n%s\nContent-Length: 0\n\n",
		k.Target, k.Via(), k.From, k.To, k.ID, k.Seq, contact, k.Event, strings.TrimSpace(lines)), "\n", "\r\n"))
	return k.Final(k.ID, "SUBSCRIBE")
}

// publish has a user publish, and returns the answer.
func publish(w *harness.Wire, user, lines, body string) *sip.Message {
	w.T.Helper()
	if body != "" {
		lines += "\nContent-Type: application/pidf+xml"
	}
	return w.Final(w.Ask("PUBLISH", user, "sip:"+user+"@"+harness.Domain, harness.Filled("Event: presence\n"+lines), body), "PUBLISH")
}

// pidf is a document of a device: basic, and the activity of the person.
func pidfOf(user, basic, activity string) string {
	person := ""
	if activity != "" {
		person = `<dm:person id="p"><rpid:activities><rpid:` + activity + `/></rpid:activities></dm:person>`
	}
	return `<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:` +
		user + "@" + harness.Domain + `"><tuple id="t"><status><basic>` + basic + `</basic></status></tuple>` + person + `</presence>`
}

func wantCode(t testing.TB, m *sip.Message, code int) {
	t.Helper()
	if m.StatusCode() != code {
		t.Errorf("answered, want %d\n%s", code, m.Bytes())
	}
}

// value is that of a header line.
func value(m *sip.Message, name string) string {
	if id := sip.HeaderByName(name); id != sip.HdrOther {
		return string(m.Get(id))
	}
	return string(m.GetName(name))
}
