package dialog

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// named makes a resolver that knows pbx.test at 10.0.0.9 and 10.0.0.10.
func named(w *world) *resolve.Resolver {
	path := filepath.Join(w.t.TempDir(), "hosts")
	if err := os.WriteFile(path, []byte("10.0.0.9 pbx.test\n10.0.0.10 pbx.test\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	r := resolve.New(resolve.Config{Servers: []string{"10.0.0.1:53"}, Hosts: path, Workers: 2})
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.Run(ctx) })
	w.t.Cleanup(func() { stop(); wg.Wait() })
	return r
}

func dialName(w *world, alice *node, c Content) *Call {
	w.t.Helper()
	call, err := alice.ua.Invite(Invite{Way: Way{URI: "sip:bob@pbx.test"}, From: "<sip:alice@example.com>", Content: c, Events: alice.sink()})
	if err != nil {
		w.t.Fatal(err)
	}
	w.settle()
	return call
}

func TestNextPlaceAfter503(t *testing.T) {
	bubble(t, func(w *world) {
		alice := w.agent("alice", 1, Config{Resolver: named(w)})
		one, two := w.raw("one", 9), w.raw("two", 10)
		dialName(w, alice, sdp("offer"))
		first := one.one("INVITE")
		one.reply(alice, first, 503, "x", Content{Header: []byte("Retry-After: 60\r\n")})
		second := two.one("INVITE")
		v1, _ := first.TopVia()
		v2, _ := second.TopVia()
		if n, _ := second.CSeq(); n != 1 || string(v1.Branch) == string(v2.Branch) {
			t.Errorf("second try: CSeq %d, branches %s %s", n, v1.Branch, v2.Branch)
		}
		two.reply(alice, second, 486, "x", Content{})
		alice.wantEvents("failed 486")
		dialName(w, alice, sdp("offer")) // the first place is known to be bad
		two.one("INVITE")
		if n := len(one.received()); n > 1 { // the ACK to its 503
			t.Errorf("the failed place got %d more messages", n)
		}
	})
}

func TestUnknownName(t *testing.T) {
	bubble(t, func(w *world) {
		alice := w.agent("alice", 1, Config{Resolver: named(w)})
		for _, uri := range []string{"sip:x@pbx.test;transport=tls", "tel:+43", "sip:x@10.0.0.9;transport=tcp", "no uri"} {
			if _, err := alice.ua.Invite(Invite{Way: Way{URI: uri}, From: "<sip:alice@example.com>", Events: alice.sink()}); err != nil {
				t.Fatal(err)
			}
			w.settle()
			if len(alice.events) != 1 || !strings.HasPrefix(alice.events[0], "failed ") {
				t.Errorf("%s: events %v", uri, alice.events)
			}
			alice.events = nil
		}
		w.want()
	})
}

func TestCancelBeforeItLeaves(t *testing.T) {
	bubble(t, func(w *world) {
		alice := w.agent("alice", 1, Config{Resolver: named(w)})
		call, err := alice.ua.Invite(Invite{Way: Way{URI: "sip:bob@pbx.test"}, From: "<sip:alice@example.com>", Events: alice.sink()})
		if err != nil {
			t.Fatal(err)
		}
		call.Do(func() { call.Cancel(nil) })
		w.sleep(40 * time.Second)
		for _, l := range w.lines() {
			if !strings.Contains(l, "INVITE") && !strings.Contains(l, "CANCEL") {
				t.Errorf("sent %s", l)
			}
		}
		alice.wantEvents("failed canceled")
	})
}

// A large request is tried by TCP first; there is none here, so it goes by UDP.
func TestLargeRequest(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{}), w.agent("bob", 2, Config{})
		alice.dial(bob, sdp(strings.Repeat("x", 1500)))
		w.want("alice>bob INVITE")
	})
}

func TestPreloadedRoute(t *testing.T) {
	bubble(t, func(w *world) {
		alice, proxy := w.agent("alice", 1, Config{}), w.raw("proxy", 9)
		_, err := alice.ua.Invite(Invite{Way: Way{URI: "sip:bob@nowhere.test", Route: []string{"<sip:10.0.0.9;lr>"}}, From: "sip:alice@example.com", Events: alice.sink()})
		if err != nil {
			t.Fatal(err)
		}
		w.settle()
		inv := proxy.one("INVITE")
		if string(inv.RequestURI()) != "sip:bob@nowhere.test" || len(routes(inv)) != 1 {
			t.Errorf("sent\n%s", inv.Bytes())
		}
		if from := string(inv.Get(sip.HdrFrom)); !strings.HasPrefix(from, "<sip:alice@example.com>;tag=") {
			t.Errorf("From %s", from)
		}
	})
}

// In sticky agents requests go by the flow the peer was last heard on.
func TestSticky(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{Sticky: true}), w.raw("raw", 9)
		raw.say(bob, strings.Replace(invite("c1"), "sip:raw@10.0.0.9:5060", "sip:raw@a1b2.invalid;transport=ws", 1))
		bob.do(func(s *Session) { bob.must(s.Accept(sdp("answer"))) })
		w.settle()
		tag := string(raw.one("200 INVITE").ToTag())
		raw.say(bob, inside("ACK", "c1", "a", tag, "10"))
		bob.do(func(s *Session) { s.Bye(nil) })
		w.settle()
		if bye := raw.one("BYE"); string(bye.RequestURI()) != "sip:raw@a1b2.invalid;transport=ws" {
			t.Errorf("BYE for %s", bye.RequestURI())
		}
	})
}

type nowhere struct{}

func (nowhere) Send(transport.Flow, []byte, transport.Failer) {}

// FuzzInside throws bytes at an agent that is in a call and has another one
// ringing. TAG in the input becomes the agent's tag.
func FuzzInside(f *testing.F) {
	for _, m := range []string{"ACK", "BYE", "INVITE", "UPDATE", "PRACK", "INFO", "OPTIONS"} {
		f.Add(strings.ReplaceAll(inside(m, "c1", "f", "TAG", "11", "Contact: <sip:raw@10.0.0.9>", "RAck: 1 10 INVITE", "Session-Expires: 90", "Supported: timer, 100rel"), "\n", "\r\n") + "\r\n\r\nbody")
	}
	f.Add(strings.ReplaceAll(strings.TrimSpace(invite("c2", "Require: 100rel", "Content-Length: 5")), "\n", "\r\n"))
	f.Fuzz(func(t *testing.T, text string) {
		w := &world{t: t, nodes: nil, queue: make(chan packet, 10000)}
		n := &node{w: w}
		layer := transaction.New(transaction.Config{Lanes: 1})
		setWire(layer, n)
		var sessions []*Session
		ua := New(Config{Layer: layer, Wire: agentWire{n}})
		layer.SetTU(rtc.NewRouter(slog.New(slog.DiscardHandler), nil, ua, rtc.HandlerFunc(func(r *rtc.Request) error {
			if r.Method() != sip.INVITE {
				return rtc.Next
			}
			in, err := ua.Receive(r, Inbound{})
			if err != nil {
				return err
			}
			s := in.Session
			_ = s.Ring(183, sdp("answer"), true)
			if len(sessions) == 0 {
				_ = s.Accept(sdp("answer"))
			}
			s.Events.Request = func(_ *Session, in *Incoming) { in.Respond(200, sdp("answer")) }
			sessions = append(sessions, s)
			return nil
		})))
		take := func(b string) {
			m := new(sip.Message)
			err := m.Parse([]byte(b))
			layer.Message(nowhere{}, transport.Flow{Remote: n.addr}, m, err)
		}
		first := strings.ReplaceAll(strings.TrimSpace(strings.TrimSuffix(invite("c1"), "offer")), "\n", "\r\n") + "\r\nContent-Length: 5\r\n\r\noffer"
		take(first)
		if len(sessions) != 1 {
			t.Fatal("the call did not begin")
		}
		take(strings.ReplaceAll(text, "TAG", sessions[0].ID().Local))
		take(strings.ReplaceAll(text, "TAG", sessions[0].ID().Local))
		for _, s := range sessions {
			s.Do(func() { s.Bye(nil) })
		}
	})
}
