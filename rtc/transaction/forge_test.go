package transaction

import (
	"strings"
	"testing"

	"tandem/rtc/sip"
)

// Who has seen one branch of ours cannot name the next one.
func TestBranchCannotBeForged(t *testing.T) {
	l := New(Config{})
	mine := l.appendBranch(nil, 3, 7, 9)
	if ln, slot, gen, ok := l.readBranch(mine); !ok || ln != &l.lanes[3] || slot != 7 || gen != 9 {
		t.Fatalf("%s is not read back", mine)
	}
	check := len(cookie) + checkLen
	for i, other := range [][]byte{l.appendBranch(nil, 3, 7, 10), l.appendBranch(nil, 3, 8, 9), l.appendBranch(nil, 4, 7, 9)} {
		forged := append(append([]byte(nil), mine[:check]...), other[check:]...)
		if _, _, _, ok := l.readBranch(forged); ok {
			t.Errorf("%d: %s accepted with the check of %s", i, forged, mine)
		}
	}
	if _, _, _, ok := New(Config{}).readBranch(mine); ok {
		t.Error("a branch of another process is accepted")
	}
}

// What we sent and comes back from ourselves is nobody's request.
func TestOwnRequestComesBack(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		w.begin(sip.INVITE, "INVITE", udp())
		copied := string(w.bytes["INVITE"])
		w.take(udp(), copied)
		w.take(udp(), strings.NewReplacer("INVITE", "ACK").Replace(copied))
		w.want("0s > INVITE", "0s > 482")
		if !strings.Contains(string(w.bytes["482"]), w.branch("")) {
			t.Errorf("the answer is\n%s", w.bytes["482"])
		}
		passed := strings.Replace(copied, "Via: ", "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKother\r\nVia: ", 1)
		w.take(udp(), passed) // by somebody else: a spiral
		w.want("0s > INVITE", "0s > 482", "0s < INVITE")
	})
}
