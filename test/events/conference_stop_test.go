package events

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// A conference ends with the server, as calls do, and who watched it is told so: there is
// no such conference any more. A server that is stopped says BYE and tells it at once; one
// that was killed tells it when it is there again, and knows nothing of the calls.
func TestConferenceEndsWithServer(t *testing.T) {
	t.Parallel() // it waits for programs
	for _, c := range []struct {
		by     syscall.Signal
		hangUp int
	}{{syscall.SIGTERM, 0}, {syscall.SIGKILL, 481}} {
		t.Run(c.by.String(), func(t *testing.T) {
			t.Parallel()
			p, _ := harness.StartProcess(t, "limits: {drain: 100ms}\n")
			r, asked := &harness.Rig{T: t}, netip.MustParseAddrPort(p.Sip)
			w := harness.DialUDP(t, asked)
			w.Register("u1")
			a := r.Invites(w, "u1", "sip:*677@"+harness.Domain, 41000)
			a.Connected()
			var k *harness.Watcher
			harness.Wait(t, "u1 may watch", func() bool { // a moment after he is seated
				var m *sip.Message
				k, m = r.Subscribes(harness.DialUDP(t, netip.MustParseAddrPort(p.Trusted)), "u1", "*677", "conference", "", "")
				focus(t, m, m.StatusCode() == 200)
				return m.StatusCode() == 200
			})
			focus(t, k.Until("sip:u1@"), true)
			p.Signal(c.by)
			if c.hangUp == 0 {
				a.Ok("BYE", "", "")
			} else {
				p.Wait(harness.Patience)
				p.Start()
			}
			n := k.Notified()
			if s := value(n, "Subscription-State"); !strings.HasPrefix(s, "terminated;reason=noresource") || len(n.Body()) > 0 {
				t.Errorf("%v: the watcher is told\n%s", c.by, n.Bytes())
			}
			focus(t, n, true)
			if c.hangUp == 0 {
				p.Wait(3 * harness.Patience)
				p.Start()
			} else if m := a.Asks("BYE", "", ""); m.StatusCode() != c.hangUp {
				t.Errorf("%v: a BYE is answered\n%s", c.by, m.Bytes())
			}
			wantCode(t, again(k, "Expires: 600"), 481)
			_, m := r.Subscribes(harness.DialUDP(t, netip.MustParseAddrPort(p.Trusted)), "u1", "*677", "conference", "", "")
			wantCode(t, m, 403) // nobody is there
			p.Signal(syscall.SIGTERM)
			p.Wait(3 * harness.Patience)
		})
	}
}

// focus checks that our Contact says isfocus (RFC 4579 §5.1, F6 and F7).
func focus(t *testing.T, m *sip.Message, want bool) {
	t.Helper()
	if contact := value(m, "Contact"); strings.HasSuffix(contact, ";isfocus") != want {
		t.Errorf("Contact %s of a conference: %v", contact, want)
	}
}
