package test

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/rtc/sip"
)

// A SUBSCRIBE that was answered 200 is known after kill -9 at any moment, also
// between the 200 and its NOTIFY: the NOTIFY comes when the server is there again,
// with a higher number than any before.
func TestKilledServerKeepsSubscriptions(t *testing.T) {
	dir := t.TempDir()
	p := configure(t, dir, "")
	importUsers(t, p, dir)
	p.start()
	w := dialUDP(t, netip.MustParseAddrPort(p.trusted))
	const n = 400
	for i := range n {
		w.send(crlf(fmt.Sprintf("SUBSCRIBE sip:u%d@%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:u%d@%s>;tag=%d\nTo: <sip:u%d@%s>\nCall-ID: sub%d\nCSeq: 1 SUBSCRIBE\nContact: %s\nEvent: presence\nExpires: 600\nContent-Length: 0\n",
			i, domain, w.via(), i+1, domain, i, i, domain, i, w.contact("w"))))
	}
	promised, told := map[string]bool{}, map[string]uint32{}
	take := func(limit time.Duration) bool {
		m, err := w.next(limit, func(*sip.Message) bool { return true })
		if err != nil {
			return false
		}
		id := string(m.CallID())
		if m.IsRequest() {
			seq, _ := m.CSeq()
			if seq < told[id] {
				t.Errorf("CSeq of %s went from %d to %d", id, told[id], seq)
			}
			told[id] = seq // it is not answered: the number may come again, unanswered ones do
		} else if m.StatusCode() == 200 {
			promised[id] = true
		}
		return true
	}
	for len(promised) < n/2 && take(patience) {
	}
	p.signal(syscall.SIGKILL)
	p.wait(patience)
	for take(300 * time.Millisecond) { // what was sent before
	}
	before := len(told)
	clear(told)
	p.start()
	lost := func() (ids []string) { // others may be told, too: their 200 was not sent
		for id := range promised {
			if told[id] == 0 {
				ids = append(ids, id)
			}
		}
		return ids
	}
	for end := time.Now().Add(2 * patience); len(lost()) > 0 && time.Now().Before(end); {
		take(time.Second)
	}
	if ids := lost(); len(ids) > 0 {
		t.Errorf("answered 200 and lost: %v", ids)
	}
	t.Logf("%d answered, %d told before the kill, %d told after it", len(promised), before, len(told))
}

// When the server is killed in mid-call the lamp is right again once it is back:
// the call is gone, and so is the light.
func TestLampAfterKill(t *testing.T) {
	dir := t.TempDir()
	p := configure(t, dir, "telephony: {all_calls: true}\n")
	importUsers(t, p, dir)
	p.start()
	r := &rig{t: t}
	to := netip.MustParseAddrPort(p.trusted)
	asked := netip.MustParseAddrPort(p.sip)
	a, b, c := dialUDP(t, asked), dialUDP(t, asked), dialUDP(t, to)
	a.register("u1")
	b.register("u2")
	k, first := r.watch(c, "u3", "u2", "dialog")
	if !strings.Contains(string(first.Body()), "terminated") {
		t.Errorf("%s", first.Body())
	}
	r.call(a, b, "u1", "u2", 41000)
	lit := k.until("<state>confirmed</state>")
	p.signal(syscall.SIGKILL)
	p.wait(patience)
	p.start()
	dark := k.until("<state>terminated</state>")
	s1, _ := lit.CSeq()
	s2, _ := dark.CSeq()
	if s2 <= s1 {
		t.Errorf("CSeq %d after %d", s2, s1)
	}
	wantCode(t, k.again("Expires: 600"), 200) // the subscription goes on
	k.notified()
}
