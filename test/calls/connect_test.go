package calls

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"tandem/cmd/tandem/gatewaysim"
	"tandem/cmd/tandem/softphone"
	"tandem/media/sound"
	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony"
	"tandem/telephony/cdr"
	"tandem/test/harness"
)

// TestConnect: the server calls a phone, lets it hear ringback, calls a number
// behind a gateway, and joins them.
func TestConnect(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	g, err := gatewaysim.Start(gatewaysim.Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Ring: 1500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	r.Trunk(t, "berlin", g.URI(), nil)
	alice := r.Endpoint(t, "alice", "tcp")
	s := new(harness.Seen)
	c := r.Connect(t, "alice", "+49301234567", telephony.Options{Watch: s.Watch})
	if rec, ok, err := r.S.Records().Record(harness.Soon(t), c.ID()); err != nil || !ok || rec.State != cdr.Open {
		t.Fatalf("on disk is %+v, %v, %v", rec, ok, err)
	}
	in := alice.Call(t)
	if err := in.Ring(harness.Soon(t), 10*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	call, err := in.Answer()
	if err != nil {
		t.Fatal(err)
	}
	announcement := sound.Duration(len(gatewaysim.Announcement()))
	report := harness.Listens(t, call, softphone.TalkOptions{Play: sound.Silence(announcement), Measure: true}, announcement+4*time.Second)
	ringback := sound.Segment{Freq: 425}
	for _, want := range append(sound.Segments(gatewaysim.Announcement()), ringback) {
		if !slices.ContainsFunc(report.Audio.Tones, func(h softphone.Heard) bool {
			return h.Frequency > 0.99*want.Freq && h.Frequency < 1.01*want.Freq
		}) {
			t.Errorf("the tone of %.0f Hz was not heard; heard were %+v", want.Freq, report.Audio.Tones)
		}
	}
	rec := r.Records(t, 1)[0]
	if rec.State != cdr.Completed || rec.From != "sip:alice@"+harness.Domain || rec.Number != "+49301234567" || rec.Payer != "sip:alice@"+harness.Domain ||
		rec.Trunk != "berlin" || rec.EndedBy != "caller" || rec.CallIDs[0] != call.ID || rec.CallIDs[1] == "" ||
		len(rec.Story) != 1 || rec.Story[0].What != cdr.CallerReached {
		t.Errorf("record %+v", rec)
	}
	want := []telephony.EventKind{telephony.Started, telephony.CallerRings, telephony.CallerReached, telephony.Ringing, telephony.Answered, telephony.Ended}
	harness.Wait(t, "the end is told", func() bool { return slices.Contains(s.All(), telephony.Ended) })
	if got := s.All(); !slices.Equal(got, want) {
		t.Errorf("told were %v, want %v", got, want)
	}
	r.NothingLeft(t)
}

// TestConnectEnds: whenever such a call is given up, and whoever does not answer,
// no leg is left, and the other party is told.
func TestConnectEnds(t *testing.T) {
	type stage struct {
		name string
		run  func(t *testing.T, r *harness.Rig, alice, gateway *harness.Wire, c *telephony.Call)
		code int
		talk time.Duration
	}
	answer := func(w *harness.Wire, port int) *sip.Message {
		m := w.Request("INVITE")
		w.Answer(m, 200, "x", port)
		w.Request("ACK")
		return m
	}
	for _, s := range []stage{
		{"A is busy", func(_ *testing.T, _ *harness.Rig, alice, _ *harness.Wire, _ *telephony.Call) {
			alice.Reply(alice.Request("INVITE"), 486, "a", "", "")
			alice.Request("ACK")
		}, 486, 0},
		{"given up while A rings", func(_ *testing.T, _ *harness.Rig, alice, _ *harness.Wire, c *telephony.Call) {
			m := alice.Request("INVITE")
			alice.Reply(m, 180, "a", "", "")
			c.Hangup("administrator")
			alice.Reply(alice.Request("CANCEL"), 200, "a", "", "")
			alice.Reply(m, 487, "a", "", "")
		}, 480, 0},
		{"B is busy", func(_ *testing.T, _ *harness.Rig, alice, gateway *harness.Wire, _ *telephony.Call) {
			answer(alice, 30000)
			gateway.Reply(gateway.Request("INVITE"), 486, "b", "", "")
			alice.Reply(alice.Request("BYE"), 200, "", "", "")
		}, 486, 0},
		{"A hangs up while B rings", func(t *testing.T, r *harness.Rig, alice, gateway *harness.Wire, _ *telephony.Call) {
			m := answer(alice, 30000)
			invite := gateway.Request("INVITE")
			gateway.Reply(invite, 180, "b", "", "")
			alice.Bye(m, "x")
			gateway.Reply(gateway.Request("CANCEL"), 200, "b", "", "")
			gateway.Reply(invite, 487, "b", "", "")
		}, 487, 0},
		{"given up while B rings", func(_ *testing.T, _ *harness.Rig, alice, gateway *harness.Wire, c *telephony.Call) {
			answer(alice, 30000)
			invite := gateway.Request("INVITE")
			gateway.Reply(invite, 183, "b", "Contact: "+gateway.Contact("b")+"\n"+harness.SDPType, harness.SDPOf(30002, "0"))
			c.Hangup("administrator")
			alice.Reply(alice.Request("BYE"), 200, "", "", "")
			gateway.Reply(gateway.Request("CANCEL"), 200, "b", "", "")
			gateway.Reply(invite, 487, "b", "", "")
		}, 480, 0},
		{"B hangs up", func(_ *testing.T, _ *harness.Rig, alice, gateway *harness.Wire, _ *telephony.Call) {
			answer(alice, 30000)
			gateway.Bye(answer(gateway, 30002), "x")
			alice.Reply(alice.Request("BYE"), 200, "", "", "")
		}, 200, 0},
		{"talked for too long", func(_ *testing.T, _ *harness.Rig, alice, gateway *harness.Wire, _ *telephony.Call) {
			answer(alice, 30000)
			answer(gateway, 30002)
			alice.Reply(alice.Request("BYE"), 200, "", "", "")
			gateway.Reply(gateway.Request("BYE"), 200, "", "", "")
		}, 200, 300 * time.Millisecond},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r := harness.StartServer(t, harness.Exchange)
			r.User("alice")
			gateway, alice := r.RawTrunk(t, "pstn", nil), r.Dial(t, "udp")
			alice.Register("alice")
			c := r.Connect(t, "alice", "+49301234567", telephony.Options{Talk: s.talk})
			s.run(t, r, alice, gateway, c)
			if rec := r.Records(t, 1)[0]; rec.Code != s.code {
				t.Errorf("record %+v", rec)
			}
			r.NothingLeft(t)
		})
	}
}

// TestConnectIdentity: A sees B as caller, and B sees A, unless somebody else is to
// be shown.
func TestConnectIdentity(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	gateway, alice := r.RawTrunk(t, "pstn", nil), r.Dial(t, "udp")
	alice.Register("alice")
	r.Connect(t, "alice", "0301234567", telephony.Options{ShowB: telephony.Shown{Name: "Sales", Number: "+4930999"}})
	m := alice.Request("INVITE")
	if from, _ := m.From(); string(from.URI) != "sip:+49301234567@"+harness.Domain {
		t.Errorf("A sees %s", from.URI)
	}
	alice.Answer(m, 200, "a", 30000)
	alice.Request("ACK")
	m = gateway.Request("INVITE")
	if from, _ := m.From(); string(from.URI) != "sip:+4930999@"+harness.Domain+";user=phone" || string(from.Display) != `"Sales"` {
		t.Errorf("B sees %s", m.Get(sip.HdrFrom))
	}
	gateway.Reply(m, 486, "b", "", "")
	alice.Reply(alice.Request("BYE"), 200, "", "", "")
	r.NothingLeft(t)
}

// TestConnectRefused: the payer's rights hold for both numbers, and nobody rings
// when one of them may not be called.
func TestConnectRefused(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice", "bob")
	r.RawTrunk(t, "pstn", nil)
	bob := r.Dial(t, "udp")
	bob.Register("bob")
	for _, c := range []struct {
		payer rtc.AOR
		a, b  string
		code  int
	}{
		{"sip:alice@" + harness.Domain, "bob", "+4490055501", 403}, // abroad
		{"sip:alice@" + harness.Domain, "00449005550100", "bob", 403},
		{"sip:alice@" + harness.Domain, "bob", "sip:x@elsewhere.test", 404},
		{"sip:alice@" + harness.Domain, "bob", "nobody", 404},
		{"sip:alice@" + harness.Domain, "bob", "", 404},
		{"sip:alice@" + harness.Domain, "alice", "bob", 480}, // she has no phone
		{"sip:nobody@" + harness.Domain, "bob", "+49301234567", 403},
		{"", "bob", "+49301234567", 403},
	} {
		_, err := r.S.Exchange().Connect(harness.Soon(t), c.a, c.b, telephony.Options{Payer: c.payer})
		var st *rtc.Status
		if !errors.As(err, &st) || st.Code != c.code {
			t.Errorf("%s calls %s and %s: %v, want %d", c.payer, c.a, c.b, err, c.code)
		}
	}
	if m, err := bob.Next(200*time.Millisecond, func(m *sip.Message) bool { return m.IsRequest() }); err == nil {
		t.Errorf("bob gets %s", m.MethodName())
	}
	r.NothingLeft(t)
}
