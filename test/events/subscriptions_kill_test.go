package events

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// A SUBSCRIBE that was answered 200 is known after kill -9 at any moment, also
// between the 200 and its NOTIFY: the NOTIFY comes when the server is there again,
// with a higher number than any before.
func TestKilledServerKeepsSubscriptions(t *testing.T) {
	t.Parallel() // it waits for programs
	p, _ := harness.StartProcess(t, "")
	w := harness.DialUDP(t, netip.MustParseAddrPort(p.Trusted))
	const n = 400
	for i := range n {
		w.Send(harness.CRLF(fmt.Sprintf("SUBSCRIBE sip:u%d@%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:u%d@%s>;tag=%d\nTo: <sip:u%d@%s>\nCall-ID: sub%d\nCSeq: 1 SUBSCRIBE\nContact: %s\nEvent: presence\nExpires: 600\nContent-Length: 0\n",
			i, harness.Domain, w.Via(), i+1, harness.Domain, i, i, harness.Domain, i, w.Contact("w"))))
	}
	promised, told := map[string]bool{}, map[string]uint32{}
	take := func(limit time.Duration) bool {
		m, err := w.Next(limit, func(*sip.Message) bool { return true })
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
	for len(promised) < n/2 && take(harness.Patience) {
	}
	p.Signal(syscall.SIGKILL)
	p.Wait(harness.Patience)
	for take(300 * time.Millisecond) { // what was sent before
	}
	before := len(told)
	clear(told)
	p.Start()
	lost := func() (ids []string) { // others may be told, too: their 200 was not sent
		for id := range promised {
			if told[id] == 0 {
				ids = append(ids, id)
			}
		}
		return ids
	}
	for end := time.Now().Add(2 * harness.Patience); len(lost()) > 0 && time.Now().Before(end); {
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
	t.Parallel() // it waits for programs
	p, _ := harness.StartProcess(t, "telephony: {all_calls: true}\n")
	r := &harness.Rig{T: t}
	to := netip.MustParseAddrPort(p.Trusted)
	asked := netip.MustParseAddrPort(p.Sip)
	a, b, c := harness.DialUDP(t, asked), harness.DialUDP(t, asked), harness.DialUDP(t, to)
	a.Register("u1")
	b.Register("u2")
	k, first := r.Watch(c, "u3", "u2", "dialog")
	if !strings.Contains(string(first.Body()), "terminated") {
		t.Errorf("%s", first.Body())
	}
	r.Call(a, b, "u1", "u2", 41000)
	lit := k.Until("<state>confirmed</state>")
	p.Signal(syscall.SIGKILL)
	p.Wait(harness.Patience)
	p.Start()
	dark := k.Until("<state>terminated</state>")
	s1, _ := lit.CSeq()
	s2, _ := dark.CSeq()
	if s2 <= s1 {
		t.Errorf("CSeq %d after %d", s2, s1)
	}
	wantCode(t, again(k, "Expires: 600"), 200) // the subscription goes on
	k.Notified()
}

// The lamps of a place to park and of a ring group are right again after a kill as well,
// and lit by the next call; one of a group that was removed meanwhile ends.
func TestLampsOfPlacesAndGroupsAfterKill(t *testing.T) {
	t.Parallel() // it waits for programs
	p, _ := harness.StartProcess(t, "telephony: {all_calls: true}\n")
	for _, group := range []string{"sales", "gone"} {
		p.Run("groups", "add", group, "--member", "u2")
	}
	r := &harness.Rig{T: t}
	to, asked := netip.MustParseAddrPort(p.Trusted), netip.MustParseAddrPort(p.Sip)
	a, b, d := harness.DialUDP(t, asked), harness.DialUDP(t, asked), harness.DialUDP(t, asked)
	a.Register("u1")
	b.Register("u2")
	d.Register("u4")
	slot, _ := r.Watch(harness.DialUDP(t, to), "u3", "*57", "dialog")
	group, _ := r.Watch(harness.DialUDP(t, to), "u3", "sales", "dialog")
	gone, _ := r.Watch(harness.DialUDP(t, to), "u3", "gone", "dialog")
	parks := func() {
		t.Helper()
		caller, callee := r.Call(a, b, "u1", "u2", 41000)
		a.Agrees.Store(true)
		wantCode(t, callee.Asks("REFER", "Refer-To: <sip:*57@"+harness.Domain+">\n", ""), 202)
		b.Agrees.Store(true)
		slot.Until("<state>confirmed</state>")
		a.Agrees.Store(false)
		b.Agrees.Store(false)
		_ = caller
	}
	parks()
	r.Call(d, b, "u4", "sales", 41020)
	group.Until("<state>confirmed</state>")
	p.Signal(syscall.SIGKILL)
	p.Wait(harness.Patience)
	p.Run("groups", "remove", "gone")
	p.Start()
	for _, k := range []*harness.Watcher{slot, group} {
		k.Until("<state>terminated</state>")
		wantCode(t, again(k, "Expires: 600"), 200)
		k.Notified()
	}
	if state := value(gone.Notified(), "Subscription-State"); !strings.HasPrefix(state, "terminated;reason=noresource") {
		t.Errorf("the lamp of a group that is gone is told %s", state)
	}
	parks()
	r.Call(d, b, "u4", "sales", 41020)
	group.Until("<state>confirmed</state>")
}
