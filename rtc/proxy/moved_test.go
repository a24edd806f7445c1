package proxy

import (
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// A phone whose connection breaks during a call is found by its new registration: by
// its new Contact, by the user part of the old one, by its GRUU, and if necessary among
// all devices of its user.
func TestDeviceMoves(t *testing.T) {
	for _, c := range []struct {
		name   string
		target func(old, moved *ua) string // the far side's Request-URI
		gone   bool                        // it does not come back
		other  bool                        // its user has another phone
		stays  bool                        // so does its lost binding, which leads to this machine
		want   any                         // what the caller is told
	}{
		{name: "the new Contact", target: func(_, moved *ua) string { return strings.Trim(moved.contact(), "<>") }, other: true, want: 200},
		{name: "the old Contact", target: func(old, _ *ua) string { return strings.Trim(old.contact(), "<>") }, other: true, want: 200},
		{name: "a GRUU", target: func(*ua, *ua) string { return "sip:somebody@example.com;gr=urn:phone" }, other: true, want: 200},
		{name: "a GRUU, and the lost binding", target: func(*ua, *ua) string { return "sip:somebody@example.com;gr=urn:phone" }, stays: true, want: 200},
		{name: "another Contact", target: func(*ua, *ua) string { return "sip:1ab2@10.0.0.1;transport=tcp" }, other: true, want: 200},
		{name: "no device left", target: func(old, _ *ua) string { return strings.Trim(old.contact(), "<>") }, gone: true, want: 430},
		{name: "another device's GRUU", target: func(*ua, *ua) string { return "sip:somebody@example.com;gr=urn:x" }, want: 430},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { // as the server's
				c.Demand = func(*rtc.Request) *rtc.Status { return &rtc.Status{Code: 407, Header: []byte("X: asked\r\n")} }
			})
			alice, other := r.udpUA("alice"), r.udpUA("other")
			bind := func(u *ua) location.Binding {
				b := r.binding(u, "")
				b.RegID, b.Instance = 1, "<urn:phone>"
				return b
			}
			old, hangUp := r.tcpUA("somebody")
			r.book.user("somebody", bind(old))
			alice.ask(req{method: "INVITE", uri: "sip:somebody@example.com", is: "alice", id: "moving"})
			m := old.want("INVITE")
			route := reversed(routeValues(m, sip.HdrRecordRoute))
			old.accept(m)
			alice.want(200)
			gone := r.binding(old, "").Flow
			hangUp()
			waitFor(t, func() bool { return !gone.Alive() })
			moved, _ := r.tcpUA("somebody")
			list := []location.Binding{bind(moved)}
			if c.other {
				list = append([]location.Binding{r.binding(other, "")}, list...)
			}
			if c.stays {
				lost := bind(moved)
				lost.URI, lost.RegID, lost.Flow = strings.Trim(old.contact(), "<>"), 0, transport.Flow{}
				list = append([]location.Binding{lost}, list...)
			}
			if c.gone {
				list = nil
			}
			r.book.user("somebody", list...)
			alice.ask(req{method: "BYE", uri: c.target(old, moved), id: "moving", toTag: "somebody", route: route})
			if c.want == 200 {
				if c.name == "another Contact" {
					other.reply(other.want("BYE"), 481, "")
				}
				moved.reply(moved.want("BYE"), 200, "")
				other.quiet(shortly)
			}
			alice.want(c.want)
		})
	}
}

// A caller that uses the address-of-record within the call reaches the device that
// answered, whichever it was.
func TestDialogByAddressOfRecord(t *testing.T) {
	r := newRig(t, nil)
	alice, desk, mobile := r.udpUA("alice"), r.udpUA("desk"), r.udpUA("mobile")
	r.book.user("somebody", r.binding(desk, ""), r.binding(mobile, ""))
	alice.ask(req{method: "INVITE", uri: "sip:somebody@example.com", is: "alice", id: "by-aor"})
	m, n := desk.want("INVITE"), mobile.want("INVITE")
	route := reversed(routeValues(n, sip.HdrRecordRoute))
	desk.reply(m, 180, "")
	alice.want(180)
	mobile.accept(n)
	alice.want(200)
	desk.reply(desk.want("CANCEL"), 200, "")
	desk.refuse(m, 487, "")
	alice.ask(req{method: "ACK", uri: "sip:somebody@example.com", id: "by-aor", toTag: "mobile", route: route})
	mobile.want("ACK")
	desk.want("ACK") // which knows of no such call
	alice.ask(req{method: "BYE", uri: "sip:somebody@example.com", id: "by-aor", toTag: "mobile", route: route})
	desk.reply(desk.want("BYE"), 481, "")
	mobile.reply(mobile.want("BYE"), 200, "")
	alice.want(200)
}

// A phone whose connection has gone and that cannot be reached again counts as absent,
// not as a failure of ours.
func TestPhoneGone(t *testing.T) {
	r := newRig(t, nil)
	alice := r.udpUA("alice")
	phone, hangUp := r.tcpUA("bob")
	r.book.user("bob", r.binding(phone, ""))
	gone := r.binding(phone, "").Flow
	hangUp()
	waitFor(t, func() bool { return !gone.Alive() })
	invite := alice.ask(req{method: "INVITE", uri: "sip:bob@example.com"})
	alice.ackFor(invite, alice.want(480))
	// Nor is it the caller's fault that the address it had is one of this machine.
	r.book.user("bob", location.Binding{URI: strings.Trim(phone.contact(), "<>"), Q: 1000, Expires: time.Now().Add(time.Hour)})
	invite = alice.ask(req{method: "INVITE", uri: "sip:bob@example.com"})
	alice.ackFor(invite, alice.want(480))
}
