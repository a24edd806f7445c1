package trunks

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/gatewaysim"
	"tandem/cmd/tandem/softphone"
	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/media/sound"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/test/harness"
	"tandem/test/realtime"
)

// TestCallThroughTrunk: a phone that speaks only Opus calls a number behind a
// gateway that takes only PCMU. The sound is converted both ways, the record is
// complete, and either side may hang up.
func TestCallThroughTrunk(t *testing.T) {
	softphone.AllowLargeDatagrams()
	realtime.Measure(t, throughTrunk)
}

func throughTrunk(t *testing.T) (wrong []string) {
	fault := func(format string, a ...any) { wrong = append(wrong, fmt.Sprintf(format, a...)) }
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	r.Gateway(t, "berlin", nil)
	phone, err := softphone.New(softphone.Config{User: "alice", Domain: harness.Domain, Password: harness.Password, Server: r.Addr["udp"].String(), Codecs: []string{"opus"}})
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Close()
	call, report := harness.HearsAnnouncement(t, phone)
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
	list := r.Records(t, 1)
	if len(list) != 1 {
		t.Fatalf("%d records", len(list))
	}
	rec := list[0]
	if rec.State != cdr.Completed || rec.Trunk != "berlin" || rec.From != "sip:alice@"+harness.Domain || rec.Number != "+49301234567" ||
		rec.EndedBy != "caller" || rec.Code != 200 || rec.Cause != 16 || rec.Talked() < 3*time.Second || rec.CallIDs[0] != call.ID || rec.CallIDs[1] == "" {
		t.Errorf("record %+v", rec)
	}
	if s := rec.Sides; s[0].Codec != "opus" || s[1].Codec != "PCMU" || s[0].Packets < 100 || s[1].Packets < 100 || s[1].Lost > 0 {
		fault("sound %+v", rec.Sides)
	}
	return wrong
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
			r := harness.StartServer(t, harness.Exchange)
			r.User("alice")
			first, second := r.RawTrunk(t, "first", priority(1)), r.RawTrunk(t, "second", priority(2))
			alice := r.Dial(t, "udp")
			id := alice.DialNumber("alice", "+49301234567")
			invite := first.Request("INVITE")
			first.Reply(invite, code, "f", c.lines, "")
			first.Request("ACK")
			want := code
			if goesOn {
				second.Reply(second.Request("INVITE"), 486, "s", "", "")
				want = 486
			}
			if m := alice.Final(id, "INVITE"); m.StatusCode() != want {
				t.Errorf("the caller gets %d, want %d", m.StatusCode(), want)
			}
			rec := r.Records(t, 1)[0]
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
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	first, second := r.RawTrunk(t, "first", priority(1)), r.RawTrunk(t, "second", priority(2))
	alice := r.Dial(t, "udp")
	begun := time.Now()
	id := alice.DialNumber("alice", "+49301234567")
	invite := first.Request("INVITE")
	second.Answer(second.Request("INVITE"), 200, "s", 30002)
	took := time.Since(begun)
	alice.Final(id, "INVITE")
	if took < 3*time.Second {
		t.Errorf("the second trunk was tried after %s, want about 4 s", took)
	}
	first.Answer(invite, 180, "f", 0)
	first.Request("CANCEL")

	// The next caller does not wait: others are tried before a trunk that was silent.
	id = alice.DialNumber("alice", "+49301234567")
	second.Reply(second.Request("INVITE"), 486, "s", "", "")
	if m, err := first.Next(0, func(m *sip.Message) bool { return m.IsRequest() && m.Method() == sip.INVITE }); err == nil {
		t.Errorf("the first trunk, which is known not to answer, was tried before the second\n%s", m.Bytes())
	}
	alice.Final(id, "INVITE")
}

// TestTrunkIsProbed: a gateway is asked by OPTIONS, and by nothing else, whether
// it is there.
func TestTrunkIsProbed(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	gateway := r.RawTrunk(t, "berlin", func(t *gateways.Trunk) { t.Probe = dialect.ProbeOptions })
	m := gateway.Request("OPTIONS")
	if from, _ := m.From(); string(from.URI) != "sip:"+harness.Domain {
		t.Errorf("OPTIONS is from %s", from.URI)
	}
	gateway.Reply(m, 503, "x", "Retry-After: 60\n", "")
	trunk := r.S.Trunks().Table().ByName("berlin")
	for end := time.Now().Add(harness.Patience); trunk.State() != gateways.Down; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it asked for a minute of peace and is %s", trunk.State())
		}
	}
}

// TestCallerCancels while the gateway rings: it is told, and the record says who
// gave up.
func TestCallerCancels(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	gateway := r.RawTrunk(t, "berlin", nil)
	phone, err := softphone.New(softphone.Config{User: "alice", Domain: harness.Domain, Password: harness.Password, Server: r.Addr["udp"].String()})
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Close()
	ctx, hangUp := context.WithCancel(harness.Soon(t))
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
	invite := gateway.Request("INVITE")
	gateway.Answer(invite, 180, "g", 0)
	cancel := gateway.Request("CANCEL")
	gateway.Reply(cancel, 200, "g", "", "")
	gateway.Reply(invite, 487, "g", "", "")
	gateway.Request("ACK")
	if err := <-ended; err == nil {
		t.Error("the call was answered")
	}
	if rec := r.Records(t, 1)[0]; rec.State != cdr.Failed || rec.EndedBy != "caller" || rec.Code != 487 || rec.Ringing.IsZero() {
		t.Errorf("record %+v", rec)
	}
}

// TestEarlyMedia: what a gateway says before the answer reaches the caller in a
// 183, and the 200 repeats it.
func TestEarlyMedia(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	gateway := r.RawTrunk(t, "berlin", nil)
	alice := r.Dial(t, "udp")
	id := alice.DialNumber("alice", "+49301234567")
	invite := gateway.Request("INVITE")
	if offer := string(invite.Body()); !strings.Contains(offer, "RTP/AVP 0") || strings.Contains(offer, " 8\r\n") || strings.Contains(offer, "m=audio 30000") {
		t.Errorf("the gateway, which takes PCMU alone, was offered\n%s", offer)
	}
	gateway.Answer(invite, 183, "g", 30002)
	early := alice.Status(183, id)
	gateway.Answer(invite, 180, "g", 0)
	alice.Status(180, id)
	gateway.Answer(invite, 200, "g", 30002)
	gateway.Request("ACK")
	final := alice.Final(id, "INVITE")
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
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	gateway := r.RawTrunk(t, "world", func(t *gateways.Trunk) { t.Prefixes = []string{"*"} })
	alice := r.Dial(t, "udp")
	for number, class := range map[string]string{"+19005551234": "premium", "+442079460000": "international", "+8816123456789": "satellite",
		"09001234567": "premium", "0044 20 7946 0000": "international"} {
		id := alice.DialNumber("alice", strings.ReplaceAll(number, " ", "%20"))
		m := alice.Final(id, "INVITE")
		if m.StatusCode() != 403 || !strings.Contains(string(m.GetName("Warning")), class) {
			t.Errorf("%s: %d, Warning %s; want 403 that names %s", number, m.StatusCode(), m.GetName("Warning"), class)
		}
	}
	alice.DialNumber("alice", "0170-1234567")
	if m := gateway.Request("INVITE"); !strings.HasPrefix(string(m.RequestURI()), "sip:+491701234567@") {
		t.Errorf("a mobile number was called as %s", m.RequestURI())
	} else {
		gateway.Reply(m, 486, "g", "", "")
	}
	if n, err := gateway.Next(50*time.Millisecond, (*sip.Message).IsRequest); err == nil && n.Method() == sip.INVITE {
		t.Errorf("a refused call reached the gateway: %s", n.RequestURI())
	}
}

// TestGatewayCallsUser: a call from a gateway for a user's number rings all the
// user's devices, over three transports; one answers, and the others are told
// that the call was answered elsewhere.
func TestGatewayCallsUser(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	aor, err := r.S.Directory().ParseAOR("bob")
	if err != nil {
		t.Fatal(err)
	}
	number := rtc.AOR("tel:+49305550100")
	if _, err := r.S.Directory().Add(harness.Soon(t), directory.AddUser{AOR: aor, Password: harness.Password, Aliases: []rtc.AOR{number}}); err != nil {
		t.Fatal(err)
	}
	gateway := r.RawTrunk(t, "berlin", nil)
	devices := map[string]*harness.Wire{"udp": r.Dial(t, "udp"), "tcp": r.Dial(t, "tcp"), "tls": r.Dial(t, "tls")}
	for _, d := range devices {
		d.Register("bob")
	}
	id := gateway.CallIn("+491701234567", "+49305550100", "")
	invites := map[string]*sip.Message{}
	for name, d := range devices {
		m := d.Request("INVITE")
		invites[name] = m
		if from, _ := m.From(); !strings.HasPrefix(string(from.URI), "sip:+491701234567@"+harness.Domain) {
			t.Errorf("the phone over %s is shown %s", name, from.URI)
		}
		if secure := strings.Contains(string(m.Body()), "a=crypto"); secure != (name == "tls") {
			t.Errorf("the phone over %s is offered\n%s", name, m.Body())
		}
		d.Answer(m, 180, name, 0)
	}
	gateway.Status(180, id)
	devices["tcp"].Answer(invites["tcp"], 200, "tcp", 30006)
	ok := gateway.Final(id, "INVITE")
	if ok.StatusCode() != 200 || !strings.Contains(string(ok.Body()), "m=audio") {
		t.Fatalf("the gateway gets\n%s", ok.Bytes())
	}
	gateway.Ack(ok, "")
	devices["tcp"].Request("ACK")
	for _, name := range []string{"udp", "tls"} {
		cancel := devices[name].Request("CANCEL")
		if reason := string(cancel.Get(sip.HdrReason)); !strings.Contains(reason, "cause=200") {
			t.Errorf("the phone over %s is told %q", name, reason)
		}
		devices[name].Reply(cancel, 200, name, "", "")
		devices[name].Reply(invites[name], 487, name, "", "")
	}
	bye := strings.NewReplacer("\n", "\r\n").Replace(fmt.Sprintf("BYE %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: 1 BYE\nContent-Length: 0\n\n",
		contactOf(t, invites["tcp"]), devices["tcp"].Via(), "<sip:bob@"+harness.Domain+">;tag=tcp", invites["tcp"].Get(sip.HdrFrom), invites["tcp"].CallID()))
	devices["tcp"].Send(bye)
	devices["tcp"].Final(string(invites["tcp"].CallID()), "BYE")
	gateway.Reply(gateway.Request("BYE"), 200, "", "", "")
	rec := r.Records(t, 1)[0]
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
func wireOptions(w *harness.Wire) *sip.Message {
	w.T.Helper()
	id := harness.Unique()
	w.Send(strings.ReplaceAll(fmt.Sprintf("OPTIONS sip:%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:%s>;tag=%s\nTo: <sip:%s>\nCall-ID: %s\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n",
		w.To, w.Via(), w.Local, harness.Unique(), w.To, id), "\n", "\r\n"))
	return w.Final(id, "OPTIONS")
}

// TestBusyOut: a trunk that drains takes no new call in either direction, and its
// gateway is told so in answer to OPTIONS; the call under way goes on.
func TestBusyOut(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice", "bob")
	gateway := r.RawTrunk(t, "berlin", nil)
	bob, alice := r.Dial(t, "udp"), r.Dial(t, "udp")
	bob.Register("bob")
	draining := func(on bool) {
		t.Helper()
		if err := r.S.Trunks().Change(harness.Soon(t), "berlin", func(t *gateways.Trunk) error { t.Draining = on; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if m := wireOptions(gateway); m.StatusCode() != 200 {
		t.Fatalf("OPTIONS: %d", m.StatusCode())
	}
	id := gateway.CallIn("+491701234567", "bob", "")
	invite := bob.Request("INVITE")
	bob.Answer(invite, 200, "b", 30006)
	ok := gateway.Final(id, "INVITE")
	gateway.Ack(ok, "")
	bob.Request("ACK")

	draining(true)
	if m := wireOptions(gateway); m.StatusCode() != 503 || !m.Has(sip.HdrRetryAfter) {
		t.Errorf("OPTIONS are answered\n%s", m.Bytes())
	}
	if m := gateway.Final(gateway.CallIn("+491701234567", "bob", ""), "INVITE"); m.StatusCode() != 503 || !m.Has(sip.HdrRetryAfter) {
		t.Errorf("a new call in is answered\n%s", m.Bytes())
	}
	if m := alice.Final(alice.DialNumber("alice", "+4930123456"), "INVITE"); m.StatusCode() != 503 {
		t.Errorf("a new call out is answered %d", m.StatusCode())
	}
	bob.Inside(invite, "b", "BYE", 1, "", "")
	bye := gateway.Request("BYE") // no INVITE came before it
	gateway.Reply(bye, 200, "", "", "")

	draining(false)
	if m := wireOptions(gateway); m.StatusCode() != 200 {
		t.Errorf("OPTIONS: %d", m.StatusCode())
	}
	gateway.CallIn("+491701234567", "bob", "")
	bob.Reply(bob.Request("INVITE"), 486, "x", "", "")
}

// TestGatewayGoesNowhereElse: from a gateway calls go to users alone, and nobody
// learns there who exists.
func TestGatewayGoesNowhereElse(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("bob")
	gateway := r.RawTrunk(t, "berlin", func(t *gateways.Trunk) { t.Numbers = []string{"+49305550*"} })
	other := r.RawTrunk(t, "bonn", nil)
	for _, to := range []string{"+49301234567", "+49305550199", "nobody"} {
		id := gateway.CallIn("+491701234567", to, "")
		if m := gateway.Final(id, "INVITE"); m.StatusCode() != 404 {
			t.Errorf("%s: %d, want 404", to, m.StatusCode())
		}
	}
	stranger := harness.DialUDP(t, r.Addr["udp"])
	id := stranger.CallIn("+491701234567", "bob", "")
	if m := stranger.Final(id, "INVITE"); m.StatusCode() != 407 && m.StatusCode() != 403 {
		t.Errorf("a stranger gets %d", m.StatusCode())
	}
	if m, err := other.Next(50*time.Millisecond, (*sip.Message).IsRequest); err == nil {
		t.Errorf("a call went from gateway to gateway: %s", m.RequestURI())
	}
}
