package test

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"tandem/rtc/sip"
)

// A server that is stopped and told to hand its subscribers over ends each
// subscription as deactivated, which has them subscribe elsewhere at once (RFC 6665
// §4.1.3), and takes no new ones meanwhile. It waits for their answers, and knows
// nothing of them when it comes back.
func TestStoppedServerHandsSubscriptionsOver(t *testing.T) {
	dir := t.TempDir()
	p := configure(t, dir, "events: {deactivate: true}\n")
	importUsers(t, p, dir)
	p.start()
	r, to := &rig{t: t}, netip.MustParseAddrPort(p.trusted)
	presence, first := r.watch(dialUDP(t, to), "u1", "u2", "presence")
	lamp, _ := r.watch(dialUDP(t, to), "u1", "u2", "dialog")
	slow, _ := r.watch(dialUDP(t, to), "u3", "u2", "presence")
	p.signal(syscall.SIGTERM)
	for _, k := range []*watcher{presence, lamp} {
		deactivated(t, k.notified())
	}
	n, err := slow.next(patience, func(m *sip.Message) bool { return m.Method() == sip.NOTIFY })
	if err != nil {
		t.Fatal(err)
	}
	deactivated(t, n)
	_, m := r.subscribes(dialUDP(t, to), "u4", "u2", "presence", "", "") // the server waits for an answer of slow
	wantCode(t, m, 503)
	if value(m, "Retry-After") == "" {
		t.Errorf("no Retry-After\n%s", m.Bytes())
	}
	slow.reply(n, 200, "", "", "")
	if code := p.wait(3 * patience); code != 0 {
		t.Errorf("it ended with %d\n%s", code, p.log)
	}
	p.start()
	wantCode(t, presence.again("Expires: 600"), 481)
	fresh, again := r.watch(dialUDP(t, to), "u1", "u2", "presence")
	if fresh.id == presence.id || value(again, "Subscription-State")[:6] != value(first, "Subscription-State")[:6] {
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
	dir := t.TempDir()
	p := configure(t, dir, "")
	importUsers(t, p, dir)
	p.start()
	r, to := &rig{t: t}, netip.MustParseAddrPort(p.trusted)
	k, before := r.watch(dialUDP(t, to), "u1", "u2", "presence")
	p.signal(syscall.SIGTERM)
	if code := p.wait(3 * patience); code != 0 {
		t.Errorf("it ended with %d\n%s", code, p.log)
	}
	p.start()
	after := k.notified()
	s1, _ := before.CSeq()
	s2, _ := after.CSeq()
	if s := value(after, "Subscription-State"); !strings.HasPrefix(s, "active;") || s2 <= s1 {
		t.Errorf("CSeq %d after %d, Subscription-State: %s", s2, s1, s)
	}
	wantCode(t, k.again("Expires: 600"), 200)
	k.notified()
}
