package events

import (
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"tandem/test/harness"
)

// What was published by a connection is not shown after a restart, as the connection is
// gone, until the device is there again: it registers, or refreshes what it published.
// That is so after kill -9, and when the server is stopped.
func TestPublicationsOfConnectionsOutliveKill(t *testing.T) {
	publicationsOfConnections(t, syscall.SIGKILL)
}

func TestPublicationsOfConnectionsOutliveStop(t *testing.T) {
	publicationsOfConnections(t, syscall.SIGTERM)
}

func publicationsOfConnections(t *testing.T, end syscall.Signal) {
	t.Parallel() // it waits for programs
	p, _ := harness.StartProcess(t, "presence: {interval: 0s}\n")
	r := &harness.Rig{T: t}
	to := netip.MustParseAddrPort(p.Sip)
	dial := func() *harness.Wire {
		c, err := net.Dial("tcp", p.Sip)
		if err != nil {
			t.Fatal(err)
		}
		return harness.OverStream(t, "TCP", c, to)
	}
	k1, _ := r.Watch(harness.DialUDP(t, netip.MustParseAddrPort(p.Trusted)), "u9", "u1", "presence")
	k2, _ := r.Watch(harness.DialUDP(t, netip.MustParseAddrPort(p.Trusted)), "u9", "u2", "presence")
	one, two := dial(), dial()
	const contact = "<sip:phone@192.0.2.7;transport=tcp>"
	body := func(user string) string {
		return strings.Replace(pidfOf(user, "open", "busy"), "</tuple>", "<contact>sip:phone@192.0.2.7;transport=tcp</contact></tuple>", 1)
	}
	m := publish(one, "u1", "Expires: 600", body("u1"))
	wantCode(t, m, 200)
	two.Register("u2", "Contact: "+contact, "Expires: 600")
	wantCode(t, publish(two, "u2", "Expires: 600", body("u2")), 200)
	k1.Until("busy")
	k2.Until("busy")
	p.Signal(end)
	p.Wait(3 * harness.Patience)
	p.Start()
	for _, k := range []*harness.Watcher{k1, k2} {
		if text := string(k.Notified().Body()); strings.Contains(text, "open") {
			t.Errorf("shown although the connection is gone\n%s", text)
		}
	}
	m = publish(dial(), "u1", "Expires: 600\nSIP-If-Match: "+value(m, "SIP-ETag"), "")
	wantCode(t, m, 200)
	k1.Until("busy")
	dial().Register("u2", "Contact: "+contact, "Expires: 600")
	k2.Until("busy")
}
