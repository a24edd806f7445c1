package test

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
)

// TestKilledServerKeepsPINT: the server is killed while a phone rings and a call is
// scheduled. After the restart nobody is called again for the first, the key of its
// request still answers, the scheduled call comes at its time, and a BYE in the
// dialog of before cancels the third, of which its watcher is told.
func TestKilledServerKeepsPINT(t *testing.T) {
	p, cfg, phone, _ := pintProcess(t)
	p.run("pint", "numbers", "add", "alice", "+4417948331013")
	post := func(key, body string) map[string]any {
		t.Helper()
		code, out, _ := overSocket(t, cfg.Socket(), "POST", "/pint/calls", body, "Idempotency-Key", key)
		if code != 201 {
			t.Fatal(code, out)
		}
		return out
	}
	ringing := `{"user":"alice","a":"0345123456"}`
	first := post("k1", ringing)
	phone.reply(phone.request("INVITE"), 180, "a", "", "")
	q := &pintClient{dialUDP(t, netip.MustParseAddrPort(p.sip)), "alice"}
	text := q.example(t, "4.9", "t=2353687760", fmt.Sprint("t=", time.Now().Add(time.Hour).Unix()+2208988800))
	ok := q.invite(t, text)
	if ok.StatusCode() != 200 {
		t.Fatalf("answered\n%s", ok.Bytes())
	}
	_, body, _ := strings.Cut(text, "\r\n\r\n")
	q.within(ok, "SUBSCRIBE", "Content-Type: application/sdp\nExpires: 600\n", body)
	if m := q.final(string(ok.CallID()), "SUBSCRIBE"); m.StatusCode() != 200 {
		t.Fatalf("SUBSCRIBE was answered\n%s", m.Bytes())
	}
	told := q.request("NOTIFY")
	q.reply(told, 200, "", "", "")
	q.plainAck(ok, text)
	q.reply(q.request("NOTIFY"), 200, "", "", "")
	at := time.Now().Add(15 * time.Second) // it takes less until the server is there again
	second := post("k2", fmt.Sprintf(`{"user":"alice","a":"0345123457","at":%q}`, at.Format(time.RFC3339Nano)))
	wait(t, "three requests are on disk", func() bool { return strings.Count(p.run("pint", "list"), "\n") == 4 })
	p.signal(os.Kill)
	p.wait(patience)
	p.start()
	phone.register("alice")
	if again := post("k1", ringing); again["id"] != first["id"] {
		t.Errorf("the same key: %v, was %v", again["id"], first["id"])
	}
	show := p.run("pint", "show", first["id"].(string))
	if !strings.Contains(show, "failed") || !strings.Contains(show, "the server ended during the call") {
		t.Errorf("the call that rang:\n%s", show)
	}
	q.within(ok, "BYE", "", "")
	if m := q.final(string(ok.CallID()), "BYE"); m.StatusCode() != 200 {
		t.Errorf("BYE was answered\n%s", m.Bytes())
	}
	again := q.request("NOTIFY") // the subscription has survived
	before, _ := told.CSeq()
	if n, _ := again.CSeq(); n <= before || info(t, again) != "cancelled by requester" {
		t.Errorf("told after the restart, CSeq %d before:\n%s", before, again.Bytes())
	}
	q.reply(again, 200, "", "", "")
	wait(t, "it is cancelled", func() bool { return strings.Contains(p.run("pint", "list", "--state", "cancelled"), "R2C") })
	m, err := phone.next(time.Until(at)+patience, func(m *sip.Message) bool {
		return m.IsRequest() && string(m.MethodName()) == "INVITE" && strings.Contains(string(m.Get(sip.HdrFrom)), "345123457")
	})
	if late := time.Since(at); err != nil || late < 0 { // how late is BenchmarkScheduledStart's matter
		t.Fatalf("the scheduled call came %s after its time, %v", late, err)
	}
	phone.reply(m, 603, "a", "", "")
	wait(t, "it has ended", func() bool { return strings.Contains(p.run("pint", "show", second["id"].(string)), "603") })
	for _, m := range phone.aside {
		if m.IsRequest() && strings.Contains(string(m.Get(sip.HdrFrom)), "345123456") && string(m.MethodName()) == "INVITE" {
			n, _ := m.CSeq()
			t.Logf("a repetition of before the kill: CSeq %d", n)
		}
	}
}

// pintProcess is a server as a process of its own, with alice's phone and a gateway to
// all numbers.
func pintProcess(t *testing.T) (p *process, cfg config.Config, phone, gateway *wire) {
	t.Helper()
	dir := t.TempDir()
	p = configure(t, dir, "numbers: {country: GB}\n")
	cfg = config.Default()
	cfg.Data = filepath.Join(dir, "data")
	p.run("users", "add", "alice", "--password", password)
	p.start()
	addr := netip.MustParseAddrPort(p.sip)
	phone, gateway = dialUDP(t, addr), dialUDP(t, addr)
	phone.register("alice")
	p.run("trunks", "add", "pstn", "--address", "sip:"+gateway.local.String(), "--prefix", "*", "--codec", "PCMU", "--probe", "off")
	return p, cfg, phone, gateway
}

// TestKilledServerCallsOnce: wherever a call is when the server is killed, no telephone is
// called a second time for it after the restart.
func TestKilledServerCallsOnce(t *testing.T) {
	for n, after := range []string{"the first INVITE", "the first rings", "the first has answered", "the second rings", "both talk"} {
		t.Run(after, func(t *testing.T) { killedAt(t, n+1) })
	}
}

// killedAt kills the server after as many steps of a call.
func killedAt(t *testing.T, steps int) {
	p, cfg, phone, gateway := pintProcess(t)
	code, asked, _ := overSocket(t, cfg.Socket(), "POST", "/pint/calls", aliceCalls)
	if code != 201 {
		t.Fatal(code, asked)
	}
	first := phone.request("INVITE")
	var second *sip.Message
	for _, step := range []func(){
		func() { phone.reply(first, 180, "a", "", "") },
		func() { phone.answer(first, 200, "a", 30000); phone.request("ACK") },
		func() { second = gateway.request("INVITE"); gateway.reply(second, 180, "b", "", "") },
		func() { gateway.answer(second, 200, "b", 30002); gateway.request("ACK") },
	}[:steps-1] {
		step()
	}
	p.signal(os.Kill) // at once: what is not on disk is lost
	p.wait(patience)
	p.start()
	phone.register("alice")
	id := asked["id"].(string)
	wait(t, "the session has ended", func() bool { return strings.Contains(p.run("pint", "show", id), "the server ended during the call") })
	// A call of another request comes after any that a restart would have made.
	if code, out, _ := overSocket(t, cfg.Socket(), "POST", "/pint/calls", strings.Replace(aliceCalls, "123456", "123457", 1)); code != 201 {
		t.Fatal(code, out)
	}
	is := func(m *sip.Message) bool {
		return m.IsRequest() && m.Method() == sip.INVITE && string(m.CallID()) != string(first.CallID())
	}
	m, err := phone.next(patience, is)
	if err != nil || !strings.Contains(string(m.Get(sip.HdrFrom)), "345123457") {
		t.Fatalf("%v, she is called again:\n%s", err, m.Bytes())
	}
	phone.reply(m, 603, "a", "", "")
}

// TestKilledServerTakesReinvite: after a restart a client may change the time of what it
// has asked for before, in the dialog of before, whether it watches or not; that dialog
// goes on to the end.
func TestKilledServerTakesReinvite(t *testing.T) {
	for _, watched := range []bool{false, true} {
		t.Run(fmt.Sprint("watched ", watched), func(t *testing.T) {
			p, _, _, gateway := pintProcess(t)
			p.run("pint", "numbers", "add", "alice", "+4417948331013")
			ntp := func(d time.Duration) string { return fmt.Sprint("t=", time.Now().Add(d).Unix()+2208988800) }
			q := &pintClient{dialUDP(t, netip.MustParseAddrPort(p.sip)), "alice"}
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
				m := q.request("NOTIFY")
				if !strings.HasPrefix(info(t, m), want) {
					t.Errorf("told %q, want %q", info(t, m), want)
				}
				q.reply(m, 200, "", "", "")
			}
			if watched {
				q.within(ok, "SUBSCRIBE", "Content-Type: application/sdp\nExpires: 600\n", body)
				if m := q.final(string(ok.CallID()), "SUBSCRIBE"); m.StatusCode() != 200 {
					t.Fatalf("SUBSCRIBE was answered\n%s", m.Bytes())
				}
			}
			told("queued")
			q.plainAck(ok, text)
			told("scheduled for")
			id := sessionOf(t, ok)
			wait(t, "the request is on disk", func() bool { return strings.Contains(p.run("pint", "list", "--state", "scheduled"), id[:8]) })
			p.signal(os.Kill)
			p.wait(patience)
			p.start()
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
			gateway.reply(gateway.request("INVITE"), 603, "a", "", "")
			m = q.request("BYE")
			if why := string(m.GetName("Reason")); !strings.Contains(why, "SIP;cause=603") {
				t.Errorf("the client is told %q", why)
			}
			q.reply(m, 200, "", "", "")
			if m := q.reinvite(ok, 5001, body); m.StatusCode() != 481 {
				t.Errorf("after the end a re-INVITE was answered\n%s", m.Bytes())
			}
		})
	}
}
