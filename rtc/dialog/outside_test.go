package dialog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/digest"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
)

// ask sends a request outside dialogs and notes what becomes of it.
func (n *node) ask(o uac.Outside) {
	n.w.t.Helper()
	err := n.ua.Send(o, func(r uac.Reply) {
		if r.Message == nil {
			n.note("%s lost: %v", o.Method, r.Err)
			return
		}
		n.note("%s %d seq=%d", o.Method, r.StatusCode(), r.Seq)
	})
	n.must(err)
	n.w.settle()
}

// A registration with a provider: challenged once, refreshed with the same
// Call-ID and the next numbers, never challenged again.
func TestRegisterAsClient(t *testing.T) {
	bubble(t, func(w *world) {
		alice, provider := w.agent("alice", 1, Config{}), w.raw("provider", 9)
		c := &challenger{t: t, realm: "provider.example"}
		o := uac.Outside{Method: "REGISTER", Way: Way{URI: "sip:provider.example", Route: []string{"<sip:10.0.0.9;lr>"}},
			From: "<sip:trunk@provider.example>;tag=kept", To: "<sip:trunk@provider.example>", CallID: "reg-1", Seq: 41,
			Contact: &uac.Contact{User: "line1", Params: ";expires=600"},
			Auth:    digest.One(digest.Login{User: "trunk", Password: "secret"}), Content: Content{Header: []byte("Supported: path\r\n")}}
		alice.ask(o)
		m := provider.one("REGISTER")
		for name, want := range map[string]string{"Contact": "<sip:line1@10.0.0.1:5060>;expires=600", "Route": "<sip:10.0.0.9;lr>",
			"From": "<sip:trunk@provider.example>;tag=kept", "Call-ID": "reg-1", "CSeq": "41 REGISTER", "Max-Forwards": "70", "Supported": "path"} {
			if got := lineOf(m, name); got != want {
				t.Errorf("%s %q, want %q", name, got, want)
			}
		}
		provider.reply(alice, m, 407, "p", c.challenge(""))
		m = provider.one("REGISTER")
		c.want(m, 1, 42)
		provider.reply(alice, m, 200, "p", Content{})
		o.Seq = 43
		alice.ask(o)
		m = provider.one("REGISTER")
		c.want(m, 2, 43)
		provider.reply(alice, m, 200, "p", Content{})
		alice.wantEvents("REGISTER 200 seq=42", "REGISTER 200 seq=43")
	})
}

func TestOutsideRequests(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{Permit: gateways{"10.0.0.10:5060": "gw"}.permit}), w.raw("bob", 9)
		alice.ask(uac.Outside{Method: "OPTIONS", Way: Way{URI: bob.uri()}, From: "<sip:alice@example.com>", MaxForwards: 5})
		m := bob.one("OPTIONS")
		if lineOf(m, "Max-Forwards") != "5" || len(m.FromTag()) == 0 || lineOf(m, "To") != "<"+bob.uri()+">" || m.Has(sip.HdrContact) || lineOf(m, "CSeq") != "1 OPTIONS" {
			t.Errorf("sent\n%s", m.Bytes())
		}
		bob.reply(alice, m, 404, "x", Content{})
		alice.ask(uac.Outside{Method: "MESSAGE", Way: Way{URI: bob.uri()}, From: "sip:alice@example.com", Content: Content{Type: "text/plain", Body: []byte("hello")}})
		m = bob.one("MESSAGE")
		if string(m.Body()) != "hello" || !strings.HasPrefix(lineOf(m, "From"), "<sip:alice@example.com>;tag=") {
			t.Errorf("sent\n%s", m.Bytes())
		}
		bob.reply(alice, m, 100, "", Content{})
		bob.reply(alice, m, 202, "x", Content{})
		alice.ask(uac.Outside{Method: "OPTIONS", Way: Way{URI: "sip:10.0.0.10"}, From: "<sip:alice@example.com>"})
		alice.ask(uac.Outside{Method: "OPTIONS", Way: Way{URI: "sip:10.0.0.9;transport=tcp"}, From: "<sip:alice@example.com>"})
		w.sleep(time.Second)
		alice.wantEvents("OPTIONS 404 seq=1", "MESSAGE 202 seq=1", "OPTIONS lost: 403 Forbidden: 10.0.0.10:5060 is the gateway gw",
			"OPTIONS lost: only UDP here")
	})
}

func TestOutsideRequestIsRefusedWith403(t *testing.T) {
	bubble(t, func(w *world) {
		alice := w.agent("alice", 1, Config{Permit: gateways{"10.0.0.9:5060": "gw"}.permit})
		var got *rtc.Status
		alice.must(alice.ua.Send(uac.Outside{Method: "OPTIONS", Way: Way{URI: "sip:10.0.0.9"}, From: "<sip:a@b>"}, func(r uac.Reply) {
			errors.As(r.Err, &got)
		}))
		w.settle()
		if got == nil || got.Code != 403 {
			t.Errorf("told %v", got)
		}
	})
}

// A ping gives up when its caller wants it to, and what comes later is of no
// interest.
func TestOutsideTimeout(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{}), w.raw("bob", 9)
		alice.ask(uac.Outside{Method: "OPTIONS", Way: Way{URI: bob.uri()}, From: "<sip:alice@example.com>", Timeout: 3 * time.Second})
		w.sleep(3 * time.Second)
		alice.wantEvents("OPTIONS lost: no final response within the time allowed")
		bob.reply(alice, bob.one("OPTIONS"), 200, "x", Content{})
		w.sleep(time.Minute)
		alice.wantEvents()
		if n := len(bob.received()); n != 0 {
			t.Errorf("%d more messages", n)
		}
	})
}

// The next place is asked when the first says nothing, and only then.
func TestOutsideSilence(t *testing.T) {
	bubble(t, func(w *world) {
		alice := w.agent("alice", 1, Config{Resolver: named(w)})
		one, two := w.raw("one", 9), w.raw("two", 10)
		alice.ask(uac.Outside{Method: "MESSAGE", Way: Way{URI: "sip:bob@pbx.test"}, From: "<sip:alice@example.com>"})
		first := one.one("MESSAGE")
		w.sleep(4 * time.Second)
		m := two.one("MESSAGE")
		one.received()
		one.reply(alice, first, 200, "one", Content{}) // it was left
		alice.wantEvents()
		w.sleep(6 * time.Second)
		two.reply(alice, m, 200, "two", Content{}) // the last one has the time of timer F
		alice.wantEvents("MESSAGE 200 seq=1")
	})
}

func TestTooManyWait(t *testing.T) {
	c := uac.New(uac.Config{Layer: layerOfNobody()})
	var err error
	for i := 0; err == nil && i < 100_000; i++ {
		err = c.Send(uac.Outside{Method: "OPTIONS", Way: Way{URI: "sip:x@y"}, From: "<sip:a@b>", CallID: fmt.Sprint(i)}, nil)
	}
	if !errors.Is(err, uac.ErrBusy) {
		t.Errorf("%v", err)
	}
}
