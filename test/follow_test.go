package test

import (
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
)

// reconnects is a rig where a phone has some time to come back.
func reconnects(t *testing.T, within time.Duration) *rig {
	r := startServer(t, func(cfg *config.Config) { ledCalls(cfg); cfg.Telephony.Reconnect = within })
	r.user("alice", "bob")
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
				phone, browser := r.dial(t, "udp"), r.dial(t, "ws")
				phone.register("alice")
				browser.register("bob")
				var stays, gone *talker
				if side == "callee" {
					stays, gone = r.call(phone, browser, "alice", "bob", 31000)
				} else {
					gone, stays = r.call(browser, phone, "bob", "alice", 31000)
				}
				closed := time.Now()
				browser.close()
				if !back {
					m := stays.ok("BYE", "", "")
					if took := time.Since(closed); took < time.Second {
						t.Errorf("the call ends %v after the tab, want 2 s", took)
					}
					if !strings.Contains(string(m.GetName("Reason")), "Connection lost") {
						t.Errorf("the reason is %q", m.GetName("Reason"))
					}
				} else {
					again := r.dial(t, "ws")
					again.register("bob")
					time.Sleep(within + time.Second)
					gone.wire = again
					stays.say("BYE", "", "")
					gone.ok("BYE", "", "")
					stays.final(stays.id, "BYE")
				}
				r.nothingLeft(t)
			})
		}
	}
}

// The tab is closed while it rings: the caller is told.
func TestBrowserGoneWhileItRings(t *testing.T) {
	r := reconnects(t, 2*time.Second)
	phone, browser := r.dial(t, "udp"), r.dial(t, "ws")
	phone.register("alice")
	browser.register("bob")
	a := r.invites(phone, "alice", "sip:bob@"+domain, 31000)
	browser.answer(browser.request("INVITE"), 180, "b", 0)
	a.status(180, a.id)
	browser.close()
	if m := a.final(a.id, "INVITE"); m.StatusCode() != 480 {
		t.Errorf("alice is told %d", m.StatusCode())
	}
	r.nothingLeft(t)
}
