package dialog

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// callBy calls over a way.
func (n *node) callBy(way Way) {
	n.w.t.Helper()
	call, err := n.ua.Invite(Invite{Way: way, From: "<sip:" + n.name + "@example.com>", Content: sdp("offer"), Events: n.sink()})
	if err != nil {
		n.w.t.Fatal(err)
	}
	n.call = call
	n.w.settle()
}

// A phone behind a NAT: its URI leads nowhere, the flow does, for the whole call.
func TestInviteByFlow(t *testing.T) {
	bubble(t, func(w *world) {
		alice, phone, elsewhere := w.agent("alice", 1, Config{}), w.raw("phone", 9), w.raw("elsewhere", 10)
		alice.callBy(Way{URI: "sip:bob@10.0.0.10:5060", Flow: transport.Flow{Remote: phone.addr}})
		inv := phone.one("INVITE")
		if got := string(inv.RequestURI()); got != "sip:bob@10.0.0.10:5060" {
			t.Errorf("Request-URI %s", got)
		}
		phone.reply(alice, inv, 200, "p", Content{Header: contactOf("10.0.0.10:5060"), Type: "application/sdp", Body: []byte("answer")})
		phone.one("ACK")
		alice.do(func(s *Session) { alice.must(s.Send("INFO", Content{}, nil)) })
		w.settle()
		phone.reply(alice, phone.one("INFO"), 200, "", Content{})
		w.mu.Lock()
		w.dead[phone.addr] = true // now only the URI is left
		w.mu.Unlock()
		alice.do(func(s *Session) { s.Bye(nil) })
		w.settle()
		elsewhere.one("BYE")
	})
}

// Without a flow of its own a call follows the URIs, whatever others do.
func TestStickinessIsOfTheDialog(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw, contact := w.agent("bob", 2, Config{}), w.raw("raw", 9), w.raw("contact", 10)
		for i, sticky := range []bool{true, false} {
			bob.how.Sticky = sticky
			id := fmt.Sprint("c", i)
			raw.say(bob, strings.Replace(invite(id), "sip:raw@10.0.0.9:5060", "sip:raw@10.0.0.10:5060", 1))
			bob.do(func(s *Session) { bob.must(s.Accept(sdp("answer"))) })
			w.settle()
			raw.say(bob, inside("ACK", id, "a"+id, string(raw.one("200 INVITE").ToTag()), "10"))
			bob.do(func(s *Session) { s.Bye(nil) })
			w.settle()
			at := map[bool]*node{true: raw, false: contact}[sticky]
			at.reply(bob, at.one("BYE"), 200, "", Content{})
		}
	})
}

// gateways is a Permit that lets only the named peer reach an address.
type gateways map[string]string

func (g gateways) permit(peer string, to netip.AddrPort) error {
	if name, ok := g[to.String()]; ok && name != peer {
		return fmt.Errorf("%s is the gateway %s", to, name)
	}
	return nil
}

func TestPermitOfFirstRequest(t *testing.T) {
	flow := func(s string) transport.Flow { return transport.Flow{Remote: netip.MustParseAddrPort(s)} }
	for _, c := range []struct {
		name string
		way  Way
		want string // who gets the INVITE, "" nobody
	}{
		{"a gateway by its own name", Way{URI: "sip:1@10.0.0.9", Peer: "one"}, "one"},
		{"a gateway by its address", Way{URI: "sip:1@10.0.0.9"}, ""},
		{"by Route", Way{URI: "sip:1@example.com", Route: []string{"<sip:10.0.0.9;lr>"}}, ""},
		{"by Route, as its peer", Way{URI: "sip:1@10.0.0.10", Route: []string{"<sip:10.0.0.9;lr>"}, Peer: "one"}, "one"},
		{"by flow", Way{URI: "sip:1@10.0.0.10", Flow: flow("10.0.0.9:5060")}, ""},
		{"by flow, as its peer", Way{URI: "sip:1@10.0.0.10", Flow: flow("10.0.0.9:5060"), Peer: "one"}, "one"},
		{"by maddr", Way{URI: "sip:1@10.0.0.10;maddr=10.0.0.9"}, ""},
		{"as another gateway", Way{URI: "sip:1@10.0.0.9", Peer: "two"}, ""},
		{"by a name with a free place", Way{URI: "sip:1@pbx.test"}, "two"},
		{"elsewhere", Way{URI: "sip:1@10.0.0.10"}, "two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(w *world) {
				alice := w.agent("alice", 1, Config{Resolver: named(w), Permit: gateways{"10.0.0.9:5060": "one"}.permit})
				w.raw("one", 9)
				w.raw("two", 10)
				alice.callBy(c.way)
				if c.want == "" {
					w.want()
					alice.wantEvents("failed 403 Forbidden: 10.0.0.9:5060 is the gateway one")
					return
				}
				w.want("alice>" + c.want + " INVITE")
			})
		})
	}
}

// What is not permitted any more is not sent in a dialog either, ACK and BYE
// included.
func TestPermitWithinDialog(t *testing.T) {
	bubble(t, func(w *world) {
		var log bytes.Buffer
		var closed bool
		var asked []string
		alice := w.agent("alice", 1, Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Permit: func(peer string, to netip.AddrPort) error {
			asked = append(asked, peer+" "+to.String())
			if closed {
				return errors.New("trunk removed")
			}
			return nil
		}})
		gw := w.raw("gw", 9)
		alice.callBy(Way{URI: "sip:1@10.0.0.9", Peer: "gw"})
		inv := gw.one("INVITE")
		closed = true
		gw.reply(alice, inv, 200, "g", Content{Header: contactOf("10.0.0.9:5060"), Type: "application/sdp", Body: []byte("answer")})
		var code int
		alice.do(func(s *Session) {
			alice.must(s.Send("INFO", Content{}, func(_ *sip.Message, err error) {
				var st *rtc.Status
				if errors.As(err, &st) {
					code = st.Code
				}
			}))
		})
		w.settle()
		w.want("alice>gw INVITE", "gw>alice 200 INVITE")
		if code != 403 {
			t.Errorf("the sender of INFO was told %d", code)
		}
		alice.wantEvents("answered answer", "ended lost remote=true")
		for _, line := range []string{`msg="ACK not sent"`, `msg="BYE not sent"`, "trunk removed"} {
			if !strings.Contains(log.String(), line) {
				t.Errorf("no %s in the log:\n%s", line, log.String())
			}
		}
		if slices.ContainsFunc(asked, func(s string) bool { return s != "gw 10.0.0.9:5060" }) {
			t.Errorf("asked for %q", asked)
		}
	})
}

func TestPermitOfCalledDialog(t *testing.T) {
	bubble(t, func(w *world) {
		bob := w.agent("bob", 2, Config{Permit: gateways{"10.0.0.9:5060": "gw", "10.0.0.10:5060": "other"}.permit})
		gw := w.raw("gw", 9)
		bob.how.Peer = "gw"
		tag := string(answeredRaw(w, bob, gw).ToTag())
		// a Contact of another gateway opens no way to it
		w.raw("other", 10)
		gw.say(bob, inside("UPDATE", "c1", "u", tag, "11", "Contact: <sip:x@10.0.0.10>"))
		bob.do(func(s *Session) { s.Bye(nil) })
		w.settle()
		w.want("gw>bob UPDATE", "bob>gw 200 UPDATE")
	})
}

func TestContactUserOfTheCall(t *testing.T) {
	bubble(t, func(w *world) {
		alice, gw := w.agent("alice", 1, Config{}), w.raw("gw", 9)
		if _, err := alice.ua.Invite(Invite{Way: Way{URI: gw.uri()}, From: "<sip:a@b>", User: "trunk7", Events: alice.sink()}); err != nil {
			t.Fatal(err)
		}
		w.settle()
		if c := lineOf(gw.one("INVITE"), "Contact"); c != "<sip:trunk7@10.0.0.1:5060>" {
			t.Errorf("Contact %s", c)
		}
		alice.how.User = "line5"
		gw.say(alice, invite("c1"))
		alice.do(func(s *Session) { alice.must(s.Ring(180, Content{}, false)) })
		w.settle()
		if c := lineOf(gw.one("180 INVITE"), "Contact"); c != "<sip:line5@10.0.0.1:5060>" {
			t.Errorf("Contact %s", c)
		}
	})
}
