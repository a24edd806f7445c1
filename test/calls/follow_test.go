package calls

import (
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/test/harness"
)

// reconnects is a rig where a phone has some time to come back.
func reconnects(t *testing.T, within time.Duration) *harness.Rig {
	r := harness.StartServer(t, func(cfg *config.Config) { harness.LedCalls(cfg); cfg.Telephony.Reconnect = within })
	r.User("alice", "bob")
	return r
}

// The tab of a browser is closed in a call: it ends within the time that a phone has
// to come back. When the browser does come back, on another connection, the call
// goes on over that one.
func TestBrowserGone(t *testing.T) {
	for _, side := range []string{"caller", "callee"} {
		for _, back := range []bool{false, true} {
			name := side + " is gone"
			if back {
				name = side + " comes back"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				within := 2 * time.Second
				if back {
					within = 8 * time.Second // it does come back in time
				}
				r := reconnects(t, within)
				phone, browser := r.Dial(t, "udp"), r.Dial(t, "ws")
				phone.Register("alice")
				browser.Register("bob")
				var stays, gone *harness.Talker
				if side == "callee" {
					stays, gone = r.Call(phone, browser, "alice", "bob", 31000)
				} else {
					gone, stays = r.Call(browser, phone, "bob", "alice", 31000)
				}
				closed := time.Now()
				browser.Close()
				if !back {
					m := stays.Ok("BYE", "", "")
					if took := time.Since(closed); took < time.Second {
						t.Errorf("the call ends %v after the tab, want 2 s", took)
					}
					if !strings.Contains(string(m.GetName("Reason")), "Connection lost") {
						t.Errorf("the reason is %q", m.GetName("Reason"))
					}
				} else {
					again := r.Dial(t, "ws")
					again.Register("bob")
					time.Sleep(within + time.Second)
					gone.Wire = again
					stays.Say("BYE", "", "")
					gone.Ok("BYE", "", "")
					stays.Final(stays.ID, "BYE")
				}
				r.NothingLeft(t)
			})
		}
	}
}

// The tab is closed while it rings: the caller is told.
func TestBrowserGoneWhileItRings(t *testing.T) {
	r := reconnects(t, 2*time.Second)
	phone, browser := r.Dial(t, "udp"), r.Dial(t, "ws")
	phone.Register("alice")
	browser.Register("bob")
	a := r.Invites(phone, "alice", "sip:bob@"+harness.Domain, 31000)
	browser.Answer(browser.Request("INVITE"), 180, "b", 0)
	a.Status(180, a.ID)
	browser.Close()
	if m := a.Final(a.ID, "INVITE"); m.StatusCode() != 480 {
		t.Errorf("alice is told %d", m.StatusCode())
	}
	r.NothingLeft(t)
}

// The connection of a phone on this machine is gone: its address is one that users may
// not reach, but that is no fault of the caller's.
func TestPhoneGone(t *testing.T) {
	r := reconnects(t, 2*time.Second)
	phone, gone := r.Dial(t, "udp"), r.Dial(t, "tcp")
	phone.Register("alice")
	gone.Register("bob")
	gone.Close()
	for range 2 { // by the second one the server has seen it
		a := r.Invites(phone, "alice", "sip:bob@"+harness.Domain, 31000)
		if m := a.Final(a.ID, "INVITE"); m.StatusCode() == 403 {
			t.Errorf("alice is told\n%s", m.Bytes())
		}
	}
	r.NothingLeft(t)
}
