package pint

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// TestKilledServerKeepsPINT: the server is killed while a phone rings and a call is
// scheduled. After the restart nobody is called again for the first, the key of its
// request still answers, the scheduled call comes at its time, and a BYE in the
// dialog of before cancels the third, of which its watcher is told.
func TestKilledServerKeepsPINT(t *testing.T) {
	t.Parallel() // it waits for programs
	p, cfg, phone, _ := pintProcess(t)
	p.Run("pint", "numbers", "add", "alice", "+4417948331013")
	post := func(key, body string) map[string]any {
		t.Helper()
		code, out, _ := harness.OverSocket(t, cfg.Socket(), "POST", "/pint/calls", body, "Idempotency-Key", key)
		if code != 201 {
			t.Fatal(code, out)
		}
		return out
	}
	ringing := `{"user":"alice","a":"0345123456"}`
	first := post("k1", ringing)
	phone.Reply(phone.Request("INVITE"), 180, "a", "", "")
	q := &pintClient{harness.DialUDP(t, netip.MustParseAddrPort(p.Sip)), "alice"}
	text := q.example(t, "4.9", "t=2353687760", fmt.Sprint("t=", time.Now().Add(time.Hour).Unix()+2208988800))
	ok := q.invite(t, text)
	if ok.StatusCode() != 200 {
		t.Fatalf("answered\n%s", ok.Bytes())
	}
	_, body, _ := strings.Cut(text, "\r\n\r\n")
	q.within(ok, "SUBSCRIBE", "Content-Type: application/sdp\nExpires: 600\n", body)
	if m := q.Final(string(ok.CallID()), "SUBSCRIBE"); m.StatusCode() != 200 {
		t.Fatalf("SUBSCRIBE was answered\n%s", m.Bytes())
	}
	told := q.Request("NOTIFY")
	q.Reply(told, 200, "", "", "")
	q.plainAck(ok, text)
	q.Reply(q.Request("NOTIFY"), 200, "", "", "")
	at := time.Now().Add(15 * time.Second) // it takes less until the server is there again
	second := post("k2", fmt.Sprintf(`{"user":"alice","a":"0345123457","at":%q}`, at.Format(time.RFC3339Nano)))
	harness.Wait(t, "three requests are on disk", func() bool { return strings.Count(p.Run("pint", "list"), "\n") == 4 })
	p.Signal(os.Kill)
	p.Wait(harness.Patience)
	p.Start()
	phone.Register("alice")
	if again := post("k1", ringing); again["id"] != first["id"] {
		t.Errorf("the same key: %v, was %v", again["id"], first["id"])
	}
	show := p.Run("pint", "show", first["id"].(string))
	if !strings.Contains(show, "failed") || !strings.Contains(show, "the server ended during the call") {
		t.Errorf("the call that rang:\n%s", show)
	}
	q.within(ok, "BYE", "", "")
	if m := q.Final(string(ok.CallID()), "BYE"); m.StatusCode() != 200 {
		t.Errorf("BYE was answered\n%s", m.Bytes())
	}
	again := q.Request("NOTIFY") // the subscription has survived
	before, _ := told.CSeq()
	if n, _ := again.CSeq(); n <= before || info(t, again) != "cancelled by requester" {
		t.Errorf("told after the restart, CSeq %d before:\n%s", before, again.Bytes())
	}
	q.Reply(again, 200, "", "", "")
	harness.Wait(t, "it is cancelled", func() bool { return strings.Contains(p.Run("pint", "list", "--state", "cancelled"), "R2C") })
	m, err := phone.Next(time.Until(at)+harness.Patience, func(m *sip.Message) bool {
		return m.IsRequest() && string(m.MethodName()) == "INVITE" && strings.Contains(string(m.Get(sip.HdrFrom)), "345123457")
	})
	if late := time.Since(at); err != nil || late < 0 { // how late is BenchmarkScheduledStart's matter
		t.Fatalf("the scheduled call came %s after its time, %v", late, err)
	}
	phone.Reply(m, 603, "a", "", "")
	harness.Wait(t, "it has ended", func() bool { return strings.Contains(p.Run("pint", "show", second["id"].(string)), "603") })
	for _, m := range phone.Aside {
		if m.IsRequest() && strings.Contains(string(m.Get(sip.HdrFrom)), "345123456") && string(m.MethodName()) == "INVITE" {
			n, _ := m.CSeq()
			t.Logf("a repetition of before the kill: CSeq %d", n)
		}
	}
}

// pintProcess is a server as a process of its own, with alice's phone and a gateway to
// all numbers.
func pintProcess(t *testing.T) (p *harness.Process, cfg config.Config, phone, gateway *harness.Wire) {
	t.Helper()
	dir := t.TempDir()
	p = harness.Configure(t, dir, "numbers: {country: GB}\n")
	cfg = config.Default()
	cfg.Data = filepath.Join(dir, "data")
	p.Run("users", "add", "alice", "--password", harness.Password)
	p.Start()
	addr := netip.MustParseAddrPort(p.Sip)
	phone, gateway = harness.DialUDP(t, addr), harness.DialUDP(t, addr)
	phone.Register("alice")
	p.Run("trunks", "add", "pstn", "--address", "sip:"+gateway.Local.String(), "--prefix", "*", "--codec", "PCMU", "--probe", "off")
	return p, cfg, phone, gateway
}

// TestKilledServerCallsOnce: wherever a call is when the server is killed, no telephone is
// called a second time for it after the restart.
func TestKilledServerCallsOnce(t *testing.T) {
	t.Parallel() // it waits for programs
	for n, after := range []string{"the first INVITE", "the first rings", "the first has answered", "the second rings", "both talk"} {
		t.Run(after, func(t *testing.T) { t.Parallel(); killedAt(t, n+1) })
	}
}

// killedAt kills the server after as many steps of a call.
func killedAt(t *testing.T, steps int) {
	p, cfg, phone, gateway := pintProcess(t)
	code, asked, _ := harness.OverSocket(t, cfg.Socket(), "POST", "/pint/calls", aliceCalls)
	if code != 201 {
		t.Fatal(code, asked)
	}
	first := phone.Request("INVITE")
	var second *sip.Message
	for _, step := range []func(){
		func() { phone.Reply(first, 180, "a", "", "") },
		func() { phone.Answer(first, 200, "a", 30000); phone.Request("ACK") },
		func() { second = gateway.Request("INVITE"); gateway.Reply(second, 180, "b", "", "") },
		func() { gateway.Answer(second, 200, "b", 30002); gateway.Request("ACK") },
	}[:steps-1] {
		step()
	}
	p.Signal(os.Kill) // at once: what is not on disk is lost
	p.Wait(harness.Patience)
	p.Start()
	phone.Register("alice")
	id := asked["id"].(string)
	harness.Wait(t, "the session has ended", func() bool { return strings.Contains(p.Run("pint", "show", id), "the server ended during the call") })
	// A call of another request comes after any that a restart would have made.
	if code, out, _ := harness.OverSocket(t, cfg.Socket(), "POST", "/pint/calls", strings.Replace(aliceCalls, "123456", "123457", 1)); code != 201 {
		t.Fatal(code, out)
	}
	is := func(m *sip.Message) bool {
		return m.IsRequest() && m.Method() == sip.INVITE && string(m.CallID()) != string(first.CallID())
	}
	m, err := phone.Next(harness.Patience, is)
	if err != nil || !strings.Contains(string(m.Get(sip.HdrFrom)), "345123457") {
		t.Fatalf("%v, she is called again:\n%s", err, m.Bytes())
	}
	phone.Reply(m, 603, "a", "", "")
}

// TestKilledServerTakesReinvite: after a restart a client may change the time of what it
// has asked for before, in the dialog of before, whether it watches or not; that dialog
// goes on to the end.
func TestKilledServerTakesReinvite(t *testing.T) {
	t.Parallel() // it waits for programs
	for _, watched := range []bool{false, true} {
		t.Run(fmt.Sprint("watched ", watched), func(t *testing.T) {
			t.Parallel()
			p, _, _, gateway := pintProcess(t)
			p.Run("pint", "numbers", "add", "alice", "+4417948331013")
			ntp := func(d time.Duration) string { return fmt.Sprint("t=", time.Now().Add(d).Unix()+2208988800) }
			q := &pintClient{harness.DialUDP(t, netip.MustParseAddrPort(p.Sip)), "alice"}
			first, second := ntp(time.Hour), ntp(3*time.Hour)
			text := q.example(t, "4.9", "t=2353687760", first)
			ok := q.invite(t, text)
			if ok.StatusCode() != 200 {
				t.Fatalf("answered\n%s", ok.Bytes())
			}
			_, body, _ := strings.Cut(text, "\r\n\r\n")
			told := func(want string) {
				t.Helper()
				if !watched {
					return
				}
				m := q.Request("NOTIFY")
				if !strings.HasPrefix(info(t, m), want) {
					t.Errorf("told %q, want %q", info(t, m), want)
				}
				q.Reply(m, 200, "", "", "")
			}
			if watched {
				q.within(ok, "SUBSCRIBE", "Content-Type: application/sdp\nExpires: 600\n", body)
				if m := q.Final(string(ok.CallID()), "SUBSCRIBE"); m.StatusCode() != 200 {
					t.Fatalf("SUBSCRIBE was answered\n%s", m.Bytes())
				}
			}
			told("queued")
			q.plainAck(ok, text)
			told("scheduled for")
			id := sessionOf(t, ok)
			harness.Wait(t, "the request is on disk", func() bool { return strings.Contains(p.Run("pint", "list", "--state", "scheduled"), id[:8]) })
			p.Signal(os.Kill)
			p.Wait(harness.Patience)
			p.Start()
			m := q.reinvite(ok, 20, strings.Replace(body, first, second, 1))
			for n := 21; m.StatusCode() == 503 && m.Has(sip.HdrRetryAfter); n++ { // it still reads what was asked for
				m = q.reinvite(ok, n, strings.Replace(body, first, second, 1))
			}
			if m.StatusCode() != 200 || !strings.HasPrefix(info(t, m), "scheduled for") || !strings.Contains(string(m.Body()), second) {
				t.Errorf("a re-INVITE after the restart was answered\n%s", m.Bytes())
			}
			told("scheduled for")
			if m := q.reinvite(ok, 5000, strings.Replace(body, first, "t=0", 1)); m.StatusCode() != 200 {
				t.Errorf("a second one was answered\n%s", m.Bytes())
			}
			gateway.Reply(gateway.Request("INVITE"), 603, "a", "", "")
			m = q.Request("BYE")
			if why := string(m.GetName("Reason")); !strings.Contains(why, "SIP;cause=603") {
				t.Errorf("the client is told %q", why)
			}
			q.Reply(m, 200, "", "", "")
			if m := q.reinvite(ok, 5001, body); m.StatusCode() != 481 {
				t.Errorf("after the end a re-INVITE was answered\n%s", m.Bytes())
			}
		})
	}
}
