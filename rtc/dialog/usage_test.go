package dialog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

func TestEffects(t *testing.T) {
	for _, c := range []struct {
		methods string
		codes   []int
		want    Effect
	}{
		{"INVITE UPDATE INFO REFER NOTIFY SUBSCRIBE OPTIONS MESSAGE X", []int{200, 202, 302, 400, 401, 403, 406, 407, 412, 415, 420, 422, 423, 429, 486, 487, 488, 491, 493, 499, 500, 503, 504, 505, 513, 580, 600, 603, 606}, OnTransaction},
		{"INVITE UPDATE INFO REFER NOTIFY SUBSCRIBE BYE", []int{408, 481}, OnUsage},
		{"NOTIFY SUBSCRIBE", []int{405, 480, 489, 501}, OnUsage},
		{"INVITE UPDATE INFO REFER", []int{405, 480, 489, 501}, OnTransaction},
		{"OPTIONS MESSAGE X", []int{405, 408, 480, 481, 501}, OnTransaction},
		{"INVITE INFO NOTIFY OPTIONS MESSAGE X", []int{404, 410, 416, 482, 483, 484, 485, 502, 604}, OnDialog},
	} {
		for method := range strings.FieldsSeq(c.methods) {
			for _, code := range c.codes {
				m := parsed(t, fmt.Sprintf("SIP/2.0 %d x\nCSeq: 1 %s\nContent-Length: 0\n\n", code, method))
				if got := EffectOf(method, m, nil); got != c.want {
					t.Errorf("%d to %s: %d, want %d", code, method, got, c.want)
				}
			}
		}
	}
	if EffectOf("INFO", nil, errors.New("timeout")) != OnUsage || EffectOf("MESSAGE", nil, errors.New("timeout")) != OnTransaction {
		t.Error("a timeout ends the usage of its request only")
	}
}

// beside is a usage that takes NOTIFY.
type beside struct {
	n    *node
	name string
}

func (b *beside) Takes(m *sip.Message) bool {
	_, id := m.Event()
	return m.Method() == sip.NOTIFY && string(id) == b.name
}

func (b *beside) Request(r *rtc.Request) {
	b.n.note("%s %s", b.name, r.MethodName())
	r.Respond(200, "", nil)
}

func (b *beside) Gone(m *sip.Message, err error) { b.n.note("%s gone", b.name) }

// A call and two other usages share a dialog: each ends by itself, the dialog
// with the last one.
func TestUsagesBesideTheCall(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		tag := string(answeredRaw(w, bob, raw).ToTag())
		one, two := &beside{bob, "1"}, &beside{bob, "2"}
		bob.do(func(s *Session) { s.Attach(one); s.Attach(two) })
		d := bob.last.Dialog
		say := func(method, branch, seq, want string, lines ...string) {
			t.Helper()
			raw.say(bob, inside(method, "c1", branch, tag, seq, lines...))
			raw.one(want + " " + method)
		}
		say("NOTIFY", "n1", "11", "200", "Event: x;id=1")
		say("NOTIFY", "n2", "12", "200", "Event: x;id=2")
		say("BYE", "b1", "13", "200") // RFC 5057 §5.5: only the call
		say("NOTIFY", "n3", "14", "200", "Event: x;id=1")
		say("NOTIFY", "n4", "15", "481", "Event: x;id=3")
		say("INFO", "i1", "16", "481")
		say("BYE", "b2", "17", "481")
		say("OPTIONS", "o1", "18", "200")
		bob.wantEvents("1 NOTIFY", "2 NOTIFY", "ended bye remote=true", "1 NOTIFY")
		d.Lane().Do(func() { d.Detach(one); d.Detach(one) })
		if d.State() != Confirmed {
			t.Errorf("the dialog is %v with a usage left", d.State())
		}
		d.Lane().Do(func() { d.Detach(two) })
		if d.State() != Terminated {
			t.Errorf("the dialog is %v without usages", d.State())
		}
		say("NOTIFY", "n5", "19", "481", "Event: x;id=2")
		w.sleep(40 * time.Second)
		if n := bob.ua.Table().Len(); n != 0 {
			t.Errorf("%d dialogs left", n)
		}
	})
}

// A response that says that a usage is gone ends that usage; one that says
// that the dialog is gone, all of them.
func TestFailureOfOneUsage(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		answeredRaw(w, bob, raw)
		one, two := &beside{bob, "1"}, &beside{bob, "2"}
		bob.do(func(s *Session) {
			s.Attach(one)
			s.Attach(two)
			s.Dialog.Send(one, "NOTIFY", Content{}, nil)
		})
		w.settle()
		notify := raw.one("NOTIFY")
		if !notify.Has(sip.HdrContact) {
			t.Error("NOTIFY without Contact")
		}
		raw.reply(bob, notify, 481, "", Content{})
		bob.wantEvents("1 gone")
		bob.do(func(s *Session) { bob.must(s.Send("INFO", Content{}, nil)) })
		w.settle()
		raw.reply(bob, raw.one("INFO"), 405, "", Content{})
		bob.wantEvents()
		bob.do(func(s *Session) { bob.must(s.Send("MESSAGE", Content{}, nil)) })
		w.settle()
		raw.reply(bob, raw.one("MESSAGE"), 481, "", Content{})
		bob.wantEvents()
		bob.do(func(s *Session) { bob.must(s.Send("INFO", Content{}, nil)) })
		w.settle()
		raw.reply(bob, raw.one("INFO"), 404, "", Content{})
		bob.wantEvents("ended lost remote=true", "1 gone", "2 gone")
		raw.one("BYE")
	})
}

// A NOTIFY that changes the target changes it for the call, too.
func TestTargetIsOfTheDialog(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw, moved := w.agent("bob", 2, Config{}), w.raw("raw", 9), w.raw("moved", 10)
		answeredRaw(w, bob, raw)
		one := &beside{bob, "1"}
		bob.do(func(s *Session) { s.Attach(one); s.Dialog.Send(one, "NOTIFY", Content{}, nil) })
		w.settle()
		raw.reply(bob, raw.one("NOTIFY"), 200, "", Content{Header: contactOf("10.0.0.10:5060")})
		bob.do(func(s *Session) { s.Bye(nil) })
		w.settle()
		moved.one("BYE")
	})
}

func TestStoredDialogGoesOn(t *testing.T) {
	bubble(t, func(w *world) {
		key := []byte("a key that survives the restart")
		bob, raw := w.agent("bob", 2, Config{Key: key}), w.raw("raw", 9)
		bob.how.User, bob.how.Peer = "line5", "gw"
		tag := string(answeredRaw(w, bob, raw, "Record-Route: <sip:10.0.0.9;lr>", "Record-Route: <sip:p2.example.com;lr>").ToTag())
		var st Stored
		bob.do(func(s *Session) {
			bob.must(s.Send("INFO", Content{}, nil))
			s.Focus("*677")
			st = s.Stored()
		})
		w.settle()
		before := raw.one("INFO")
		raw.reply(bob, before, 200, "", Content{})

		bob = w.agent("bob", 2, Config{Key: key, Permit: gateways{"10.0.0.9:5060": "gw"}.permit})
		s, err := bob.ua.RestoreCall(st, transport.Flow{Remote: raw.addr}, bob.sink())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bob.ua.Restore(st, s.flow); !errors.Is(err, ErrKnown) {
			t.Errorf("restored twice: %v", err)
		}
		var again Stored
		s.Do(func() { again = s.Stored() })
		if fmt.Sprint(again) != fmt.Sprint(st) {
			t.Errorf("stored %+v\nrestored %+v", st, again)
		}
		if contact := s.contact(); contact.User != "*677" || contact.Params != ";isfocus" {
			t.Errorf("the Contact of the conference is %+v", contact)
		}
		bob.last = s
		raw.say(bob, inside("INFO", "c1", "i", tag, "9")) // of before
		raw.one("500 INFO")
		bob.do(func(s *Session) { s.Bye(nil) })
		w.settle()
		bye := raw.one("BYE")
		if n, _ := bye.CSeq(); n != st.LocalSeq+1 {
			t.Errorf("BYE has CSeq %d after %d", n, st.LocalSeq)
		}
		for _, h := range []sip.HeaderID{sip.HdrFrom, sip.HdrTo, sip.HdrCallID} {
			if string(bye.Get(h)) != string(before.Get(h)) {
				t.Errorf("%s: %s, was %s", h, bye.Get(h), before.Get(h))
			}
		}
		if !slices.Equal(routes(bye), []string{"<sip:10.0.0.9;lr>", "<sip:p2.example.com;lr>"}) {
			t.Errorf("routes %q", routes(bye))
		}
		bob.wantEvents("ended bye remote=false")
	})
}
