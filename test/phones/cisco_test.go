package phones

import (
	"fmt"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/interop/wire"
	"tandem/telephony/settings"
)

// referred waits for a REFER, takes it, and returns its body.
func (d *desk) referred(t *testing.T) string {
	t.Helper()
	m, err := d.next(func(m *wire.Message) bool { return m.IsRequest() && m.Method() == "REFER" })
	if err != nil {
		t.Fatalf("%s waits for a REFER: %v", d.user, err)
	}
	d.answer(m, "202 Accepted", "")
	if !strings.HasPrefix(m.Get("Content-Type"), "multipart/mixed;boundary=") || !strings.HasPrefix(m.Get("Refer-To"), "<cid:") || m.Get("Require") != "norefersub" {
		t.Errorf("%s %s %s", m.Get("Content-Type"), m.Get("Refer-To"), m.Get("Require"))
	}
	return string(m.Body)
}

// TestCiscoFeatures: Cisco's enterprise firmware is told its settings when it has
// registered and whenever they change, in its own documents; what it publishes counts
// for the server. What another phone publishes is presence and no more.
func TestCiscoFeatures(t *testing.T) {
	o := newOffice(t, overUDP)
	for _, u := range []string{"alice", "bob"} {
		o.user(u)
	}
	cisco, other := o.place(t, "cisco-enterprise", "0004f2000001", "alice"), o.place(t, "yealink", "001565000002", "bob")
	if body := cisco.referred(t); !strings.Contains(body, "<dndupdate><state>disable</state><option>callreject</option></dndupdate>") || !strings.Contains(body, `<contact line="1"><mwi>no</mwi>`) ||
		!strings.Contains(body, "<fwdaddress></fwdaddress>") {
		t.Errorf("when it has registered, it is told\n%s", body)
	}
	if _, err := o.CallSettings().Change(t.Context(), "sip:alice@example.com", func(u *settings.User) error {
		u.DoNotDisturb, u.Always = true, "bob"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if body := cisco.referred(t); !strings.Contains(body, "<dndupdate><state>enable</state>") || !strings.Contains(body, "<fwdaddress>bob</fwdaddress>") {
		t.Errorf("when a setting changes, it is told\n%s", body)
	}
	pidf := func(activity string) string {
		return `<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:e="urn:ietf:params:xml:ns:pidf:status:rpid" ` +
			`xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid" entity="pres:x@example.com"><tuple id="1"><status><basic>open</basic></status></tuple><dm:person id="1"><e:activities>` + activity + `</e:activities></dm:person></presence>`
	}
	publish := func(d *desk, activity string) int {
		answer, err := d.Ask(t.Context(), "PUBLISH", "sip:"+d.user+"@example.com", "Event: presence\r\nExpires: 600\r\n", "application/pidf+xml", pidf(activity))
		if err != nil {
			t.Fatal(err)
		}
		return answer.Status()
	}
	if code := publish(cisco, ""); code != 200 || o.CallSettings().Of("sip:alice@example.com").DoNotDisturb {
		t.Errorf("its key is off: %d, %+v", code, o.CallSettings().Of("sip:alice@example.com"))
	}
	if body := cisco.referred(t); !strings.Contains(body, "<state>disable</state>") {
		t.Errorf("it is told\n%s", body)
	}
	if code := publish(cisco, "<ce:dnd/>"); code != 200 || !o.CallSettings().Of("sip:alice@example.com").DoNotDisturb {
		t.Errorf("its key is on: %d, %+v", code, o.CallSettings().Of("sip:alice@example.com"))
	}
	cisco.referred(t)
	if code := publish(other, "<ce:dnd/>"); code != 200 || o.CallSettings().Of("sip:bob@example.com").DoNotDisturb {
		t.Errorf("another phone: %d, %+v", code, o.CallSettings().Of("sip:bob@example.com"))
	}
}

// TestGreeting: a phone that subscribes to nothing is told of waiting messages when it
// has registered.
func TestGreeting(t *testing.T) {
	o := newOffice(t, overUDP)
	o.user("alice")
	o.do(t, "PUT", "/users/alice/waiting", `{"new":2,"old":8}`)
	old := o.place(t, "cisco-7960", "000532000001", "alice")
	if m := old.told("message-summary"); !strings.Contains(string(m.Body), "Voice-Message: 2/8\r\n") {
		t.Errorf("%s", m.Body)
	}
}

// TestErrands: what Cisco's enterprise firmware asks without being able to prove that it
// asks is answered where phones are, and nowhere else; other requests are not.
func TestErrands(t *testing.T) {
	near := newOffice(t, overUDP)
	far := newOffice(t, func(c *config.Config) { overUDP(c); c.Phones.Networks = []string{"192.0.2.0/24"} })
	for i, c := range []struct {
		o     *office
		lines string
		want  bool
	}{
		{near, "Refer-To: <urn:x-cisco-remotecc:token-registration>\r\n", true},
		{near, "Refer-To: <cid:1@x>\r\nContent-Type: application/x-cisco-alarm+xml\r\n", true},
		{near, "Refer-To: <sip:bob@example.com>\r\n", false},
		{far, "Refer-To: <urn:x-cisco-remotecc:token-registration>\r\n", false},
	} {
		d := c.o.plain(t)
		m := fmt.Sprintf("REFER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;branch=z9hG4bKe%[2]d\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:example.com>\r\n"+
			"Call-ID: errand%[2]d\r\nCSeq: 1 REFER\r\nContact: <sip:alice@%[1]s>\r\n%[3]sContent-Length: 0\r\n\r\n", d.end.Local, i, c.lines)
		if err := d.end.Send([]byte(m)); err != nil {
			t.Fatal(err)
		}
		answer, err := d.next(func(m *wire.Message) bool { return m.Status() >= 200 })
		if err != nil || (answer.Status() == 202) != c.want {
			t.Errorf("%s: %v, %v", c.lines, answer, err)
		}
	}
}
