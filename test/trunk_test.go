package test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/gatewaysim"
	"tandem/cmd/tandem/softphone"
	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/media/sound"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/test/realtime"
)

// exchange is a house in Germany.
func exchange(cfg *config.Config) { cfg.Numbers.Country = "DE" }

// gateway starts an independent gateway, which takes G.711 alone, and a trunk
// to it that takes PCMU alone.
func (r *rig) gateway(t *testing.T, name string, change func(*gateways.Trunk)) *gatewaysim.Gateway {
	t.Helper()
	g, err := gatewaysim.Start(gatewaysim.Config{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Ring: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	r.trunk(t, name, g.URI(), change)
	return g
}

func (r *rig) trunk(t *testing.T, name, uri string, change func(*gateways.Trunk)) {
	t.Helper()
	trunk := gateways.Trunk{Name: name, Addresses: []string{uri}, Prefixes: []string{"+49"}, Codecs: []string{"PCMU"}}
	if change != nil {
		change(&trunk)
	}
	if err := r.s.Trunks().Add(soon(t), trunk); err != nil {
		t.Fatal(err)
	}
}

// records waits until n calls have ended, and returns their records, the latest
// first.
func (r *rig) records(t *testing.T, n int) []cdr.Record {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		list, err := r.s.Records().List(soon(t), cdr.Query{})
		if err != nil {
			t.Fatal(err)
		}
		open := r.s.Exchange().Active() + n - len(list)
		for _, rec := range list {
			if rec.State == cdr.Open {
				open++
			}
		}
		if open == 0 {
			return list
		}
		if time.Now().After(end) {
			t.Fatalf("%d calls do not end: %+v", open, list)
		}
	}
}

// TestCallThroughTrunk: a phone that speaks only Opus calls a number behind a
// gateway that takes only PCMU. The sound is converted both ways, the record is
// complete, and either side may hang up.
func TestCallThroughTrunk(t *testing.T) {
	softphone.AllowLargeDatagrams()
	realtime.Measure(t, throughTrunk)
}

func throughTrunk(t *testing.T) (wrong []string) {
	fault := func(format string, a ...any) { wrong = append(wrong, fmt.Sprintf(format, a...)) }
	r := startServer(t, exchange)
	r.user("alice")
	r.gateway(t, "berlin", nil)
	phone, err := softphone.New(softphone.Config{User: "alice", Domain: domain, Password: password, Server: r.addr["udp"].String(), Codecs: []string{"opus"}})
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Close()
	call, err := phone.Dial(soon(t), "+49301234567", softphone.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	announcement := sound.Duration(len(gatewaysim.Announcement()))
	report := listens(t, call, softphone.TalkOptions{Play: sound.Silence(announcement), Measure: true}, announcement+2*time.Second)
	a := report.Audio
	want := sound.Segments(gatewaysim.Announcement())
	if a.Codec != "opus" || a.Lost > 0 || len(a.Tones) < len(want) || a.Echoes == 0 {
		fault("heard %+v", a)
		return wrong
	}
	for i, w := range want {
		if h := a.Tones[i]; h.Frequency < 0.99*w.Freq || h.Frequency > 1.01*w.Freq || h.Level < w.Level-1 || h.Level > w.Level+1 {
			fault("tone %d is %.1f Hz at %.1f dBFS, want %.1f at %.1f", i, h.Frequency, h.Level, w.Freq, w.Level)
		}
	}
	list := r.records(t, 1)
	if len(list) != 1 {
		t.Fatalf("%d records", len(list))
	}
	rec := list[0]
	if rec.State != cdr.Completed || rec.Trunk != "berlin" || rec.From != "sip:alice@"+domain || rec.Number != "+49301234567" ||
		rec.EndedBy != "caller" || rec.Code != 200 || rec.Cause != 16 || rec.Talked() < 3*time.Second || rec.CallIDs[0] != call.ID || rec.CallIDs[1] == "" {
		t.Errorf("record %+v", rec)
	}
	if s := rec.Sides; s[0].Codec != "opus" || s[1].Codec != "PCMU" || s[0].Packets < 100 || s[1].Packets < 100 || s[1].Lost > 0 {
		fault("sound %+v", rec.Sides)
	}
	return wrong
}

// sdpOf describes one audio stream at a port of this machine.
func sdpOf(port int, formats string) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP %s\r\na=sendrecv\r\n", port, formats)
}

const sdpType = "Content-Type: application/sdp\n"

// answer answers an INVITE like a device does.
func (w *wire) answer(m *sip.Message, code int, tag string, port int) {
	w.t.Helper()
	body, lines := "", "Contact: "+w.contact("device")+"\n"
	if port != 0 {
		body, lines = sdpOf(port, "0"), lines+sdpType
	}
	w.reply(m, code, tag, lines, body)
}

// dialNumber sends the INVITE of a registered user for a number, with an offer.
func (w *wire) dialNumber(user, number string) (callID string) {
	w.t.Helper()
	return w.ask("INVITE", user, "sip:"+number+"@"+domain, sdpType, sdpOf(30000, "0 8"))
}

// rawTrunk is a trunk to a gateway that says what the test has it say.
func (r *rig) rawTrunk(t *testing.T, name string, change func(*gateways.Trunk)) *wire {
	t.Helper()
	w := dialUDP(t, r.addr["udp"])
	r.trunk(t, name, "sip:"+w.local.String(), func(trunk *gateways.Trunk) {
		trunk.Probe = dialect.ProbeOff // a test says itself what it answers
		if change != nil {
			change(trunk)
		}
	})
	return w
}

func priority(n int) func(*gateways.Trunk) {
	return func(t *gateways.Trunk) { t.Priority = n }
}

// TestNextTrunk: what a gateway's answer means for the trunk after it, and how it is
// recorded: with the cause that the gateway gave, else that of RFC 3398.
func TestNextTrunk(t *testing.T) {
	for code, c := range map[int]struct {
		goesOn bool
		lines  string
		cause  int
	}{503: {true, "Reason: Q.850;cause=34", 34}, 500: {true, "", 41}, 403: {false, "", 21}, 488: {true, "", 65},
		486: {false, "Reason: SIP;cause=486", 17}, 404: {false, "", 1}, 603: {false, "Reason: SIP;cause=603, q.850;cause=18", 18}} {
		goesOn := c.goesOn
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			r := startServer(t, exchange)
			r.user("alice")
			first, second := r.rawTrunk(t, "first", priority(1)), r.rawTrunk(t, "second", priority(2))
			alice := r.dial(t, "udp")
			id := alice.dialNumber("alice", "+49301234567")
			invite := first.request("INVITE")
			first.reply(invite, code, "f", c.lines, "")
			first.request("ACK")
			want := code
			if goesOn {
				second.reply(second.request("INVITE"), 486, "s", "", "")
				want = 486
			}
			if m := alice.final(id, "INVITE"); m.StatusCode() != want {
				t.Errorf("the caller gets %d, want %d", m.StatusCode(), want)
			}
			rec := r.records(t, 1)[0]
			tried := 1
			if goesOn {
				tried = 2
			}
			if rec.Tried[0].Cause != c.cause || goesOn && rec.Tried[1].Cause != 17 {
				t.Errorf("causes of %+v, want %d", rec.Tried, c.cause)
			}
			if len(rec.Tried) != tried || rec.Tried[0].Code != code || rec.State != cdr.Failed || rec.Code != want {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

// TestSilentTrunk: a gateway that says nothing at all is left after 4 seconds,
// and what it says later is not the caller's business any more.
func TestSilentTrunk(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice")
	first, second := r.rawTrunk(t, "first", priority(1)), r.rawTrunk(t, "second", priority(2))
	alice := r.dial(t, "udp")
	begun := time.Now()
	id := alice.dialNumber("alice", "+49301234567")
	invite := first.request("INVITE")
	second.answer(second.request("INVITE"), 200, "s", 30002)
	took := time.Since(begun)
	alice.final(id, "INVITE")
	if took < 3*time.Second {
		t.Errorf("the second trunk was tried after %s, want about 4 s", took)
	}
	first.answer(invite, 180, "f", 0)
	first.request("CANCEL")

	// The next caller does not wait: others are tried before a trunk that was silent.
	id = alice.dialNumber("alice", "+49301234567")
	second.reply(second.request("INVITE"), 486, "s", "", "")
	if m, err := first.next(0, func(m *sip.Message) bool { return m.IsRequest() && m.Method() == sip.INVITE }); err == nil {
		t.Errorf("the first trunk, which is known not to answer, was tried before the second\n%s", m.Bytes())
	}
	alice.final(id, "INVITE")
}

// TestTrunkIsProbed: a gateway is asked by OPTIONS, and by nothing else, whether
// it is there.
func TestTrunkIsProbed(t *testing.T) {
	r := startServer(t, exchange)
	gateway := r.rawTrunk(t, "berlin", func(t *gateways.Trunk) { t.Probe = dialect.ProbeOptions })
	m := gateway.request("OPTIONS")
	if from, _ := m.From(); string(from.URI) != "sip:"+domain {
		t.Errorf("OPTIONS is from %s", from.URI)
	}
	gateway.reply(m, 503, "x", "Retry-After: 60\n", "")
	trunk := r.s.Trunks().Table().ByName("berlin")
	for end := time.Now().Add(patience); trunk.State() != gateways.Down; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it asked for a minute of peace and is %s", trunk.State())
		}
	}
}

// TestCallerCancels while the gateway rings: it is told, and the record says who
// gave up.
func TestCallerCancels(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice")
	gateway := r.rawTrunk(t, "berlin", nil)
	phone, err := softphone.New(softphone.Config{User: "alice", Domain: domain, Password: password, Server: r.addr["udp"].String()})
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Close()
	ctx, hangUp := context.WithCancel(soon(t))
	defer hangUp()
	ended := make(chan error, 1)
	go func() {
		_, err := phone.Dial(ctx, "+49301234567", softphone.DialOptions{Progress: func(code int, _ string) {
			if code == 180 {
				hangUp()
			}
		}})
		ended <- err
	}()
	invite := gateway.request("INVITE")
	gateway.answer(invite, 180, "g", 0)
	cancel := gateway.request("CANCEL")
	gateway.reply(cancel, 200, "g", "", "")
	gateway.reply(invite, 487, "g", "", "")
	gateway.request("ACK")
	if err := <-ended; err == nil {
		t.Error("the call was answered")
	}
	if rec := r.records(t, 1)[0]; rec.State != cdr.Failed || rec.EndedBy != "caller" || rec.Code != 487 || rec.Ringing.IsZero() {
		t.Errorf("record %+v", rec)
	}
}

// TestEarlyMedia: what a gateway says before the answer reaches the caller in a
// 183, and the 200 repeats it.
func TestEarlyMedia(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice")
	gateway := r.rawTrunk(t, "berlin", nil)
	alice := r.dial(t, "udp")
	id := alice.dialNumber("alice", "+49301234567")
	invite := gateway.request("INVITE")
	if offer := string(invite.Body()); !strings.Contains(offer, "RTP/AVP 0") || strings.Contains(offer, " 8\r\n") || strings.Contains(offer, "m=audio 30000") {
		t.Errorf("the gateway, which takes PCMU alone, was offered\n%s", offer)
	}
	gateway.answer(invite, 183, "g", 30002)
	early := alice.status(183, id)
	gateway.answer(invite, 180, "g", 0)
	alice.status(180, id)
	gateway.answer(invite, 200, "g", 30002)
	gateway.request("ACK")
	final := alice.final(id, "INVITE")
	if len(early.Body()) == 0 || string(early.Body()) != string(final.Body()) {
		t.Errorf("183 had\n%s\n200 has\n%s", early.Body(), final.Body())
	}
	if strings.Contains(string(final.Body()), "30002") {
		t.Error("the caller was told the gateway's port")
	}
}

// TestPolicyRefuses: what an administrator has not allowed reaches no gateway,
// and the caller is told why.
func TestPolicyRefuses(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice")
	gateway := r.rawTrunk(t, "world", func(t *gateways.Trunk) { t.Prefixes = []string{"*"} })
	alice := r.dial(t, "udp")
	for number, class := range map[string]string{"+19005551234": "premium", "+442079460000": "international", "+8816123456789": "satellite",
		"09001234567": "premium", "0044 20 7946 0000": "international"} {
		id := alice.dialNumber("alice", strings.ReplaceAll(number, " ", "%20"))
		m := alice.final(id, "INVITE")
		if m.StatusCode() != 403 || !strings.Contains(string(m.GetName("Warning")), class) {
			t.Errorf("%s: %d, Warning %s; want 403 that names %s", number, m.StatusCode(), m.GetName("Warning"), class)
		}
	}
	alice.dialNumber("alice", "0170-1234567")
	if m := gateway.request("INVITE"); !strings.HasPrefix(string(m.RequestURI()), "sip:+491701234567@") {
		t.Errorf("a mobile number was called as %s", m.RequestURI())
	} else {
		gateway.reply(m, 486, "g", "", "")
	}
	if n, err := gateway.next(50*time.Millisecond, (*sip.Message).IsRequest); err == nil && n.Method() == sip.INVITE {
		t.Errorf("a refused call reached the gateway: %s", n.RequestURI())
	}
}

// callIn sends the INVITE of a gateway for a number or a user.
func (w *wire) callIn(from, to, lines string) (callID string) {
	w.t.Helper()
	id, body := unique(), sdpOf(30004, "0")
	w.send(strings.ReplaceAll(fmt.Sprintf("INVITE sip:%s@%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:%s@%s>;tag=%s\nTo: <sip:%s@%s>\nCall-ID: %s\nCSeq: 1 INVITE\nContact: %s\n%s%sContent-Length: %d\n\n",
		to, w.to, w.via(), from, w.local, unique(), to, w.to, id, w.contact(from), lines, sdpType, len(body)), "\n", "\r\n") + body)
	return id
}

// TestGatewayCallsUser: a call from a gateway for a user's number rings all the
// user's devices, over three transports; one answers, and the others are told
// that the call was answered elsewhere.
func TestGatewayCallsUser(t *testing.T) {
	r := startServer(t, exchange)
	aor, err := r.s.Directory().ParseAOR("bob")
	if err != nil {
		t.Fatal(err)
	}
	number := rtc.AOR("tel:+49305550100")
	if _, err := r.s.Directory().Add(soon(t), directory.AddUser{AOR: aor, Password: password, Aliases: []rtc.AOR{number}}); err != nil {
		t.Fatal(err)
	}
	gateway := r.rawTrunk(t, "berlin", nil)
	devices := map[string]*wire{"udp": r.dial(t, "udp"), "tcp": r.dial(t, "tcp"), "tls": r.dial(t, "tls")}
	for _, d := range devices {
		d.register("bob")
	}
	id := gateway.callIn("+491701234567", "+49305550100", "")
	invites := map[string]*sip.Message{}
	for name, d := range devices {
		m := d.request("INVITE")
		invites[name] = m
		if from, _ := m.From(); !strings.HasPrefix(string(from.URI), "sip:+491701234567@"+domain) {
			t.Errorf("the phone over %s is shown %s", name, from.URI)
		}
		if secure := strings.Contains(string(m.Body()), "a=crypto"); secure != (name == "tls") {
			t.Errorf("the phone over %s is offered\n%s", name, m.Body())
		}
		d.answer(m, 180, name, 0)
	}
	gateway.status(180, id)
	devices["tcp"].answer(invites["tcp"], 200, "tcp", 30006)
	ok := gateway.final(id, "INVITE")
	if ok.StatusCode() != 200 || !strings.Contains(string(ok.Body()), "m=audio") {
		t.Fatalf("the gateway gets\n%s", ok.Bytes())
	}
	gateway.ack(ok, "")
	devices["tcp"].request("ACK")
	for _, name := range []string{"udp", "tls"} {
		cancel := devices[name].request("CANCEL")
		if reason := string(cancel.Get(sip.HdrReason)); !strings.Contains(reason, "cause=200") {
			t.Errorf("the phone over %s is told %q", name, reason)
		}
		devices[name].reply(cancel, 200, name, "", "")
		devices[name].reply(invites[name], 487, name, "", "")
	}
	bye := strings.NewReplacer("\n", "\r\n").Replace(fmt.Sprintf("BYE %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: 1 BYE\nContent-Length: 0\n\n",
		contactOf(t, invites["tcp"]), devices["tcp"].via(), "<sip:bob@"+domain+">;tag=tcp", invites["tcp"].Get(sip.HdrFrom), invites["tcp"].CallID()))
	devices["tcp"].send(bye)
	devices["tcp"].final(string(invites["tcp"].CallID()), "BYE")
	gateway.reply(gateway.request("BYE"), 200, "", "", "")
	rec := r.records(t, 1)[0]
	if rec.State != cdr.Completed || rec.Called != aor || rec.Trunk != "berlin" || rec.From != "tel:+491701234567" || rec.EndedBy != "callee" || len(rec.Tried) != 3 {
		t.Errorf("record %+v", rec)
	}
}

func contactOf(t *testing.T, m *sip.Message) string {
	t.Helper()
	a, ok := m.FirstAddr(sip.HdrContact)
	if !ok {
		t.Fatalf("no Contact in\n%s", m.Bytes())
	}
	return string(a.URI)
}

// options is what an OPTIONS of a gateway is answered with.
func (w *wire) options() *sip.Message {
	w.t.Helper()
	id := unique()
	w.send(strings.ReplaceAll(fmt.Sprintf("OPTIONS sip:%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:%s>;tag=%s\nTo: <sip:%s>\nCall-ID: %s\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n",
		w.to, w.via(), w.local, unique(), w.to, id), "\n", "\r\n"))
	return w.final(id, "OPTIONS")
}

// TestBusyOut: a trunk that drains takes no new call in either direction, and its
// gateway is told so in answer to OPTIONS; the call under way goes on.
func TestBusyOut(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice", "bob")
	gateway := r.rawTrunk(t, "berlin", nil)
	bob, alice := r.dial(t, "udp"), r.dial(t, "udp")
	bob.register("bob")
	draining := func(on bool) {
		t.Helper()
		if err := r.s.Trunks().Change(soon(t), "berlin", func(t *gateways.Trunk) error { t.Draining = on; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if m := gateway.options(); m.StatusCode() != 200 {
		t.Fatalf("OPTIONS: %d", m.StatusCode())
	}
	id := gateway.callIn("+491701234567", "bob", "")
	invite := bob.request("INVITE")
	bob.answer(invite, 200, "b", 30006)
	ok := gateway.final(id, "INVITE")
	gateway.ack(ok, "")
	bob.request("ACK")

	draining(true)
	if m := gateway.options(); m.StatusCode() != 503 || !m.Has(sip.HdrRetryAfter) {
		t.Errorf("OPTIONS are answered\n%s", m.Bytes())
	}
	if m := gateway.final(gateway.callIn("+491701234567", "bob", ""), "INVITE"); m.StatusCode() != 503 || !m.Has(sip.HdrRetryAfter) {
		t.Errorf("a new call in is answered\n%s", m.Bytes())
	}
	if m := alice.final(alice.dialNumber("alice", "+4930123456"), "INVITE"); m.StatusCode() != 503 {
		t.Errorf("a new call out is answered %d", m.StatusCode())
	}
	bob.inside(invite, "b", "BYE", 1, "", "")
	bye := gateway.request("BYE") // no INVITE came before it
	gateway.reply(bye, 200, "", "", "")

	draining(false)
	if m := gateway.options(); m.StatusCode() != 200 {
		t.Errorf("OPTIONS: %d", m.StatusCode())
	}
	gateway.callIn("+491701234567", "bob", "")
	bob.reply(bob.request("INVITE"), 486, "x", "", "")
}

// TestGatewayGoesNowhereElse: from a gateway calls go to users alone, and nobody
// learns there who exists.
func TestGatewayGoesNowhereElse(t *testing.T) {
	r := startServer(t, exchange)
	r.user("bob")
	gateway := r.rawTrunk(t, "berlin", func(t *gateways.Trunk) { t.Numbers = []string{"+49305550*"} })
	other := r.rawTrunk(t, "bonn", nil)
	for _, to := range []string{"+49301234567", "+49305550199", "nobody"} {
		id := gateway.callIn("+491701234567", to, "")
		if m := gateway.final(id, "INVITE"); m.StatusCode() != 404 {
			t.Errorf("%s: %d, want 404", to, m.StatusCode())
		}
	}
	stranger := dialUDP(t, r.addr["udp"])
	id := stranger.callIn("+491701234567", "bob", "")
	if m := stranger.final(id, "INVITE"); m.StatusCode() != 407 && m.StatusCode() != 403 {
		t.Errorf("a stranger gets %d", m.StatusCode())
	}
	if m, err := other.next(50*time.Millisecond, (*sip.Message).IsRequest); err == nil {
		t.Errorf("a call went from gateway to gateway: %s", m.RequestURI())
	}
}
