package calls

import (
	"fmt"
	"testing"
	"time"

	"tandem/test/bubble"
)

// registers registers a device of bob's by one of its ways.
func registers(b *bubble.User, device int, q string) {
	b.W.T.Helper()
	b.Phone.Request("REGISTER", "bob", "bob", fmt.Sprintf("Contact: <sip:bob@%s>;q=%s;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-00000000000%d>\"", b.Flow.Remote, q, device), "Expires: 3600")
	b.Want("200 REGISTER")
}

// A device that can be reached by two ways rings by one alone. By the other it rings
// when nothing is heard of it by the first, and not when it has refused.
func TestSpareWays(t *testing.T) {
	for _, refuses := range []bool{false, true} {
		t.Run(fmt.Sprintf("it refuses %v", refuses), func(t *testing.T) {
			bubble.Led(t, nil, func(w *bubble.World, a, b *bubble.User) {
				b.Phone.Request("REGISTER", "bob", "bob", "Contact: *", "Expires: 0")
				one, two := &bubble.User{Phone: w.Phone(), Name: "bob"}, &bubble.User{Phone: w.Phone(), Name: "bob"}
				registers(one, 1, "0.5")
				registers(two, 1, "0.5") // later, and so the first that is tried
				a.Calls("sip:bob@time.test", "", a.SDP())
				m := two.Want("INVITE")
				if one.Came("INVITE") != nil {
					t.Error("the device rings by both ways")
				}
				if refuses {
					two.Reply(m, 486, "x", "", "")
					a.Want("486 INVITE")
					w.Pass(10 * time.Second)
					if one.Came("INVITE") != nil {
						t.Error("the device rings by the other way after it has refused")
					}
					return
				}
				w.Pass(5 * time.Second)
				one.Reply(one.Want("INVITE"), 200, "b", "", one.SDP())
				one.Want("ACK")
				a.Connected()
				bubble.Over(a, one)
			})
		})
	}
}

// Devices of a lower preference ring when those of a higher one have refused.
func TestPreferredDevices(t *testing.T) {
	bubble.Led(t, nil, func(w *bubble.World, a, b *bubble.User) {
		b.Phone.Request("REGISTER", "bob", "bob", "Contact: *", "Expires: 0")
		var devices []*bubble.User
		for i, q := range []string{"0.3", "0.9", "0.9"} {
			d := &bubble.User{Phone: w.Phone(), Name: "bob"}
			registers(d, i+1, q)
			devices = append(devices, d)
		}
		a.Calls("sip:bob@time.test", "", a.SDP())
		for _, d := range devices[1:] {
			m := d.Want("INVITE")
			if devices[0].Came("INVITE") != nil {
				t.Error("the device of the lower preference rings at once")
			}
			d.Reply(m, 480, "x", "", "")
		}
		devices[0].Reply(devices[0].Want("INVITE"), 200, "b", "", devices[0].SDP())
		devices[0].Want("ACK")
		a.Connected()
		bubble.Over(a, devices[0])
	})
}
