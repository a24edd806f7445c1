package test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/cmd/tandem/gatewaysim"
	"tandem/cmd/tandem/softphone"
	"tandem/media/sound"
	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony"
	"tandem/telephony/cdr"
)

// seen keeps what happened to a call.
type seen struct {
	mu      sync.Mutex
	kinds   []telephony.EventKind
	parties [][]telephony.Party
}

func (s *seen) watch(e telephony.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parties = append(s.parties, e.Parties)
	if e.Kind != telephony.Changed {
		s.kinds = append(s.kinds, e.Kind)
	}
}

func (s *seen) all() []telephony.EventKind {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.kinds)
}

// connect has the server call two parties for alice.
func (r *rig) connect(t *testing.T, a, b string, o telephony.Options) *telephony.Call {
	t.Helper()
	o.Payer = "sip:alice@" + domain
	c, err := r.s.Exchange().Connect(soon(t), a, b, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// nothingLeft waits until no call and no media session is left.
func (r *rig) nothingLeft(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		calls, sessions := r.s.Exchange().Active(), len(r.s.Media().Sessions())
		if calls+sessions == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d calls and %d media sessions are left", calls, sessions)
		}
	}
}

// listens has a phone talk until it has heard so much, whatever that takes.
func listens(t *testing.T, call *softphone.Call, o softphone.TalkOptions, much time.Duration) *softphone.Report {
	t.Helper()
	ctx, enough := context.WithTimeout(context.Background(), much+patience)
	defer enough()
	o.OnSound = func(heard []int16) {
		if sound.Duration(len(heard)) >= much {
			enough()
		}
	}
	report, err := call.Talk(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// inside sends a request in the dialog of an INVITE that this agent has answered
// with a tag.
func (w *wire) inside(invite *sip.Message, tag, method string, seq int, lines, body string) {
	w.t.Helper()
	target, _ := invite.FirstAddr(sip.HdrContact)
	w.send(strings.ReplaceAll(fmt.Sprintf("%s %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s;tag=%s\nTo: %s\nCall-ID: %s\nCSeq: %d %s\nContact: %s\n%sContent-Length: %d\n\n",
		method, target.URI, w.via(), invite.Get(sip.HdrTo), tag, invite.Get(sip.HdrFrom), invite.CallID(), seq, method, w.contact("device"), lines, len(body)), "\n", "\r\n") + body)
}

func (w *wire) bye(invite *sip.Message, tag string) {
	w.t.Helper()
	w.inside(invite, tag, "BYE", 100, "", "")
}

// TestConnect: the server calls a phone, lets it hear ringback, calls a number
// behind a gateway, and joins them.
func TestConnect(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice")
	g, err := gatewaysim.Start(gatewaysim.Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Ring: 1500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	r.trunk(t, "berlin", g.URI(), nil)
	alice := r.endpoint(t, "alice", "tcp")
	s := new(seen)
	c := r.connect(t, "alice", "+49301234567", telephony.Options{Watch: s.watch})
	if rec, ok, err := r.s.Records().Record(soon(t), c.ID()); err != nil || !ok || rec.State != cdr.Open {
		t.Fatalf("on disk is %+v, %v, %v", rec, ok, err)
	}
	in := alice.call(t)
	if err := in.Ring(soon(t), 10*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	call, err := in.Answer()
	if err != nil {
		t.Fatal(err)
	}
	announcement := sound.Duration(len(gatewaysim.Announcement()))
	report := listens(t, call, softphone.TalkOptions{Play: sound.Silence(announcement), Measure: true}, announcement+4*time.Second)
	ringback := sound.Segment{Freq: 425}
	for _, want := range append(sound.Segments(gatewaysim.Announcement()), ringback) {
		if !slices.ContainsFunc(report.Audio.Tones, func(h softphone.Heard) bool {
			return h.Frequency > 0.99*want.Freq && h.Frequency < 1.01*want.Freq
		}) {
			t.Errorf("the tone of %.0f Hz was not heard; heard were %+v", want.Freq, report.Audio.Tones)
		}
	}
	rec := r.records(t, 1)[0]
	if rec.State != cdr.Completed || rec.From != "sip:alice@"+domain || rec.Number != "+49301234567" || rec.Payer != "sip:alice@"+domain ||
		rec.Trunk != "berlin" || rec.EndedBy != "caller" || rec.CallIDs[0] != call.ID || rec.CallIDs[1] == "" ||
		len(rec.Story) != 1 || rec.Story[0].What != cdr.CallerReached {
		t.Errorf("record %+v", rec)
	}
	want := []telephony.EventKind{telephony.Started, telephony.CallerRings, telephony.CallerReached, telephony.Ringing, telephony.Answered, telephony.Ended}
	wait(t, "the end is told", func() bool { return slices.Contains(s.all(), telephony.Ended) })
	if got := s.all(); !slices.Equal(got, want) {
		t.Errorf("told were %v, want %v", got, want)
	}
	r.nothingLeft(t)
}

// TestConnectEnds: whenever such a call is given up, and whoever does not answer,
// no leg is left, and the other party is told.
func TestConnectEnds(t *testing.T) {
	type stage struct {
		name string
		run  func(t *testing.T, r *rig, alice, gateway *wire, c *telephony.Call)
		code int
		talk time.Duration
	}
	answer := func(w *wire, port int) *sip.Message {
		m := w.request("INVITE")
		w.answer(m, 200, "x", port)
		w.request("ACK")
		return m
	}
	for _, s := range []stage{
		{"A is busy", func(_ *testing.T, _ *rig, alice, _ *wire, _ *telephony.Call) {
			alice.reply(alice.request("INVITE"), 486, "a", "", "")
			alice.request("ACK")
		}, 486, 0},
		{"given up while A rings", func(_ *testing.T, _ *rig, alice, _ *wire, c *telephony.Call) {
			m := alice.request("INVITE")
			alice.reply(m, 180, "a", "", "")
			c.Hangup("administrator")
			alice.reply(alice.request("CANCEL"), 200, "a", "", "")
			alice.reply(m, 487, "a", "", "")
		}, 480, 0},
		{"B is busy", func(_ *testing.T, _ *rig, alice, gateway *wire, _ *telephony.Call) {
			answer(alice, 30000)
			gateway.reply(gateway.request("INVITE"), 486, "b", "", "")
			alice.reply(alice.request("BYE"), 200, "", "", "")
		}, 486, 0},
		{"A hangs up while B rings", func(t *testing.T, r *rig, alice, gateway *wire, _ *telephony.Call) {
			m := answer(alice, 30000)
			invite := gateway.request("INVITE")
			gateway.reply(invite, 180, "b", "", "")
			alice.bye(m, "x")
			gateway.reply(gateway.request("CANCEL"), 200, "b", "", "")
			gateway.reply(invite, 487, "b", "", "")
		}, 487, 0},
		{"given up while B rings", func(_ *testing.T, _ *rig, alice, gateway *wire, c *telephony.Call) {
			answer(alice, 30000)
			invite := gateway.request("INVITE")
			gateway.reply(invite, 183, "b", "Contact: "+gateway.contact("b")+"\n"+sdpType, sdpOf(30002, "0"))
			c.Hangup("administrator")
			alice.reply(alice.request("BYE"), 200, "", "", "")
			gateway.reply(gateway.request("CANCEL"), 200, "b", "", "")
			gateway.reply(invite, 487, "b", "", "")
		}, 480, 0},
		{"B hangs up", func(_ *testing.T, _ *rig, alice, gateway *wire, _ *telephony.Call) {
			answer(alice, 30000)
			gateway.bye(answer(gateway, 30002), "x")
			alice.reply(alice.request("BYE"), 200, "", "", "")
		}, 200, 0},
		{"talked for too long", func(_ *testing.T, _ *rig, alice, gateway *wire, _ *telephony.Call) {
			answer(alice, 30000)
			answer(gateway, 30002)
			alice.reply(alice.request("BYE"), 200, "", "", "")
			gateway.reply(gateway.request("BYE"), 200, "", "", "")
		}, 200, 300 * time.Millisecond},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r := startServer(t, exchange)
			r.user("alice")
			gateway, alice := r.rawTrunk(t, "pstn", nil), r.dial(t, "udp")
			alice.register("alice")
			c := r.connect(t, "alice", "+49301234567", telephony.Options{Talk: s.talk})
			s.run(t, r, alice, gateway, c)
			if rec := r.records(t, 1)[0]; rec.Code != s.code {
				t.Errorf("record %+v", rec)
			}
			r.nothingLeft(t)
		})
	}
}

// TestConnectIdentity: A sees B as caller, and B sees A, unless somebody else is to
// be shown.
func TestConnectIdentity(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice")
	gateway, alice := r.rawTrunk(t, "pstn", nil), r.dial(t, "udp")
	alice.register("alice")
	r.connect(t, "alice", "0301234567", telephony.Options{ShowB: telephony.Shown{Name: "Sales", Number: "+4930999"}})
	m := alice.request("INVITE")
	if from, _ := m.From(); string(from.URI) != "sip:+49301234567@"+domain {
		t.Errorf("A sees %s", from.URI)
	}
	alice.answer(m, 200, "a", 30000)
	alice.request("ACK")
	m = gateway.request("INVITE")
	if from, _ := m.From(); string(from.URI) != "sip:+4930999@"+domain+";user=phone" || string(from.Display) != `"Sales"` {
		t.Errorf("B sees %s", m.Get(sip.HdrFrom))
	}
	gateway.reply(m, 486, "b", "", "")
	alice.reply(alice.request("BYE"), 200, "", "", "")
	r.nothingLeft(t)
}

// TestConnectRefused: the payer's rights hold for both numbers, and nobody rings
// when one of them may not be called.
func TestConnectRefused(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice", "bob")
	r.rawTrunk(t, "pstn", nil)
	bob := r.dial(t, "udp")
	bob.register("bob")
	for _, c := range []struct {
		payer rtc.AOR
		a, b  string
		code  int
	}{
		{"sip:alice@" + domain, "bob", "+4490055501", 403}, // abroad
		{"sip:alice@" + domain, "00449005550100", "bob", 403},
		{"sip:alice@" + domain, "bob", "sip:x@elsewhere.test", 404},
		{"sip:alice@" + domain, "bob", "nobody", 404},
		{"sip:alice@" + domain, "bob", "", 404},
		{"sip:alice@" + domain, "alice", "bob", 480}, // she has no phone
		{"sip:nobody@" + domain, "bob", "+49301234567", 403},
		{"", "bob", "+49301234567", 403},
	} {
		_, err := r.s.Exchange().Connect(soon(t), c.a, c.b, telephony.Options{Payer: c.payer})
		var st *rtc.Status
		if !errors.As(err, &st) || st.Code != c.code {
			t.Errorf("%s calls %s and %s: %v, want %d", c.payer, c.a, c.b, err, c.code)
		}
	}
	if m, err := bob.next(200*time.Millisecond, func(m *sip.Message) bool { return m.IsRequest() }); err == nil {
		t.Errorf("bob gets %s", m.MethodName())
	}
	r.nothingLeft(t)
}
