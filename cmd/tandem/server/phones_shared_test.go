package server

import (
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/interop/wire"
	"tandem/sipphone"
)

// info waits for a NOTIFY of call-info in which a text stands, and answers it and
// those before.
func (d *desk) info(t *testing.T, want string) {
	t.Helper()
	for {
		m, err := d.next(func(m *wire.Message) bool {
			return m.IsRequest() && m.Method() == "NOTIFY" && (m.Get("Event") == "call-info" || m.Get("Event") == "line-seize")
		})
		if err != nil {
			t.Fatalf("%s waits for %q: %v", d.mac, want, err)
		}
		d.answer(m, "200 OK", "")
		if line := strings.Join(m.Values("Call-Info"), ","); strings.Contains(line, want) && len(m.Body) == 0 {
			return
		}
	}
}

// TestSharedLineAppearances: two phones share a line. One seizes an appearance: the
// other is shown that, and cannot have the same. It dials: progressing, then active,
// with whom; it hangs up: idle. A call from a phone that seized nothing shows, too, and
// so does one that rings.
func TestSharedLineAppearances(t *testing.T) {
	o := newOffice(t, func(c *config.Config) { overUDP(c); c.Telephony.AllCalls = true })
	for _, u := range []string{"sales", "bob"} {
		o.user(u)
	}
	one, two := o.place(t, "polycom", "0004f2000001", "sales"), o.place(t, "polycom", "0004f2000002", "sales")
	for _, mac := range []sipphone.MAC{"0004f2000001", "0004f2000002"} {
		if _, err := o.phones.inventory.Change(t.Context(), mac, func(p *sipphone.Phone) error {
			p.Lines[0].Shared = true
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	bob := o.place(t, "snom", "000413000001", "bob")
	for _, d := range []*desk{one, two} {
		if m := d.watch(t, "sales", "call-info", "message/sipfrag", ""); m.Get("Call-Info") != "<sip:sales@example.com>;appearance-index=*;appearance-state=idle" || len(m.Body) != 0 {
			t.Errorf("%q %s", m.Get("Call-Info"), m.Body)
		}
	}
	seize := func(d *desk, index string) *wire.Message {
		answer, err := d.Ask(t.Context(), "SUBSCRIBE", "sip:sales@example.com", "Event: line-seize\r\nExpires: 15\r\nCall-Info: <sip:sales@example.com>;appearance-index="+index+"\r\n", "")
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	if m := seize(one, "2"); m.Status() != 200 || m.Get("Expires") != "15" {
		t.Fatalf("%s, Expires %s", m.Start, m.Get("Expires"))
	}
	one.info(t, "appearance-index=2;appearance-state=seized")
	two.info(t, "appearance-index=2;appearance-state=seized")
	if m := seize(two, "2"); m.Status() != 480 {
		t.Errorf("the same appearance again: %s", m.Start)
	}
	near, far := o.connect(t, one.Device, bob, "sip:bob@example.com")
	two.info(t, `appearance-index=2;appearance-state=active;appearance-uri="<sip:bob@example.com>"`)
	hangUp(t, near, far)
	two.info(t, "<sip:sales@example.com>;appearance-index=*;appearance-state=idle")
	near, far = o.connect(t, one.Device, bob, "sip:bob@example.com")
	two.info(t, "appearance-index=1;appearance-state=active")
	hangUp(t, near, far)
	if m := seize(bob, "1"); m.Status() != 403 {
		t.Errorf("another user seizes the line: %s", m.Start)
	}
}
