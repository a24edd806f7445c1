package test

import (
	"testing"

	"tandem/rtc/sip"
)

// Keys that a phone says by INFO are heard as tones by a phone that knows no events,
// before the answer and after it.
func TestKeysByInfo(t *testing.T) {
	r, phones := house(t)
	ear := listen(t)
	a := r.invites(phones["alice"], "alice", "sip:bob@"+domain, 31000)
	invite := phones["bob"].request("INVITE")
	phones["bob"].answer(invite, 183, "b", ear.port)
	early := a.status(183, a.id)
	to, _ := early.FirstAddr(sip.HdrContact)
	a.from, a.to, a.target = string(early.Get(sip.HdrFrom)), string(early.Get(sip.HdrTo)), string(to.URI)
	press := func(when, key string, freq float64) {
		t.Helper()
		if m := a.asks("INFO", "Content-Type: application/dtmf-relay\n", "Signal="+key+"\r\nDuration=900\r\n"); m.StatusCode() != 200 {
			t.Errorf("INFO %s is answered %d", when, m.StatusCode())
		}
		if !ear.hearsFromStart(freq) {
			t.Errorf("bob does not hear the key %s", when)
		}
	}
	press("before the answer", "5", 770)
	phones["bob"].answer(invite, 200, "b", ear.port)
	phones["bob"].request("ACK")
	a.connected()
	press("in the call", "9", 852)
	a.hangsUp()
	phones["bob"].reply(phones["bob"].request("BYE"), 200, "", "", "")
	r.nothingLeft(t)
}
