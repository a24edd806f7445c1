package transaction

import (
	"testing"

	"tandem/rtc/sip"
	"tandem/rtc/sip/torture"
)

// FuzzMessage feeds bytes into a layer that holds live transactions: whatever
// comes, it must not fail, and what it knows must stay countable.
func FuzzMessage(f *testing.F) {
	for _, m := range []string{"INVITE", "ACK", "CANCEL", "MESSAGE", "REGISTER", "FOO"} {
		f.Add([]byte(request(m)), byte(0))
		f.Add([]byte(request(m, "Via: SIP/2.0/UDP 192.0.2.1")), byte(1))
	}
	f.Add(reply(200), byte(2))
	for _, c := range torture.All() {
		f.Add(c.Bytes(), byte(3))
	}
	l := New(Config{Lanes: 1, AbsorbBytes: 4096, MaxServer: 100})
	r := &relay{req: []byte(request("MESSAGE")), resp: reply(200)}
	l.wire = &r.nowhere
	l.SetTU(r)
	f.Fuzz(func(t *testing.T, b []byte, mode byte) {
		r.client = mode&1 != 0
		flow := udp()
		if mode&2 != 0 {
			flow = tcp()
		}
		var m sip.Message
		m.Source = flow.Remote
		err := m.Parse(b)
		l.Message(r, flow, &m, err)
		l.turn()
		if s := l.Stats(); s.Server < 0 || s.Client < 0 || s.Server > 100 || s.Absorbing < 0 || l.Active() < 0 {
			t.Fatalf("%+v, %d active", s, l.Active())
		}
	})
}

func FuzzBranch(f *testing.F) {
	l := New(Config{Lanes: 4})
	f.Add(string(l.appendBranch(nil, 3, 5, 7)))
	f.Add("z9hG4bK")
	f.Fuzz(func(t *testing.T, s string) {
		ln, slot, gen, ok := l.readBranch([]byte(s))
		if ok && string(l.appendBranch(nil, ln.index, slot, gen)) != s[:BranchLen] {
			t.Errorf("%q read as %d %d %d", s, ln.index, slot, gen)
		}
	})
}
