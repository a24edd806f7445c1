package events

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// A server that is stopped and told to hand its subscribers over ends each
// subscription as deactivated, which has them subscribe elsewhere at once (RFC 6665
// §4.1.3), and takes no new ones meanwhile. It waits for their answers, and knows
// nothing of them when it comes back.
func TestStoppedServerHandsSubscriptionsOver(t *testing.T) {
	t.Parallel() // it waits for programs
	p, _ := harness.StartProcess(t, "events: {deactivate: true}\n")
	r, to := &harness.Rig{T: t}, netip.MustParseAddrPort(p.Trusted)
	presence, first := r.Watch(harness.DialUDP(t, to), "u1", "u2", "presence")
	lamp, _ := r.Watch(harness.DialUDP(t, to), "u1", "u2", "dialog")
	slow, _ := r.Watch(harness.DialUDP(t, to), "u3", "u2", "presence")
	p.Signal(syscall.SIGTERM)
	for _, k := range []*harness.Watcher{presence, lamp} {
		deactivated(t, k.Notified())
	}
	n, err := slow.Next(harness.Patience, func(m *sip.Message) bool { return m.Method() == sip.NOTIFY })
	if err != nil {
		t.Fatal(err)
	}
	deactivated(t, n)
	_, m := r.Subscribes(harness.DialUDP(t, to), "u4", "u2", "presence", "", "") // the server waits for an answer of slow
	wantCode(t, m, 503)
	if value(m, "Retry-After") == "" {
		t.Errorf("no Retry-After\n%s", m.Bytes())
	}
	slow.Reply(n, 200, "", "", "")
	if code := p.Wait(3 * harness.Patience); code != 0 {
		t.Errorf("it ended with %d\n%s", code, p.Log)
	}
	p.Start()
	wantCode(t, again(presence, "Expires: 600"), 481)
	fresh, again := r.Watch(harness.DialUDP(t, to), "u1", "u2", "presence")
	if fresh.ID == presence.ID || value(again, "Subscription-State")[:6] != value(first, "Subscription-State")[:6] {
		t.Errorf("subscribed anew\n%s", again.Bytes())
	}
}

func deactivated(t *testing.T, m *sip.Message) {
	t.Helper()
	if s := value(m, "Subscription-State"); !strings.HasPrefix(s, "terminated;reason=deactivated") {
		t.Errorf("Subscription-State: %s", s)
	}
}

// Otherwise subscriptions go on when the server is there again, and nobody hears
// that it was away.
func TestStoppedServerKeepsSubscriptions(t *testing.T) {
	t.Parallel() // it waits for programs
	p, _ := harness.StartProcess(t, "")
	r, to := &harness.Rig{T: t}, netip.MustParseAddrPort(p.Trusted)
	k, before := r.Watch(harness.DialUDP(t, to), "u1", "u2", "presence")
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(3 * harness.Patience); code != 0 {
		t.Errorf("it ended with %d\n%s", code, p.Log)
	}
	p.Start()
	after := k.Notified()
	s1, _ := before.CSeq()
	s2, _ := after.CSeq()
	if s := value(after, "Subscription-State"); !strings.HasPrefix(s, "active;") || s2 <= s1 {
		t.Errorf("CSeq %d after %d, Subscription-State: %s", s2, s1, s)
	}
	wantCode(t, again(k, "Expires: 600"), 200)
	k.Notified()
}
