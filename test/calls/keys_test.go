package calls

import (
	"testing"

	"tandem/rtc/sip"
	"tandem/test/harness"
	"tandem/test/house"
)

// Keys that a phone says by INFO are heard as tones by a phone that knows no events,
// before the answer and after it.
func TestKeysByInfo(t *testing.T) {
	r, phones := house.Start(t)
	ear := house.Listen(t)
	a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, 31000)
	invite := phones["bob"].Request("INVITE")
	phones["bob"].Answer(invite, 183, "b", ear.Port)
	early := a.Status(183, a.ID)
	to, _ := early.FirstAddr(sip.HdrContact)
	a.From, a.To, a.Target = string(early.Get(sip.HdrFrom)), string(early.Get(sip.HdrTo)), string(to.URI)
	press := func(when, key string, freq float64) {
		t.Helper()
		if m := a.Asks("INFO", "Content-Type: application/dtmf-relay\n", "Signal="+key+"\r\nDuration=900\r\n"); m.StatusCode() != 200 {
			t.Errorf("INFO %s is answered %d", when, m.StatusCode())
		}
		if !ear.HearsFromStart(freq) {
			t.Errorf("bob does not hear the key %s", when)
		}
	}
	press("before the answer", "5", 770)
	phones["bob"].Answer(invite, 200, "b", ear.Port)
	phones["bob"].Request("ACK")
	a.Connected()
	press("in the call", "9", 852)
	a.HangsUp()
	phones["bob"].Reply(phones["bob"].Request("BYE"), 200, "", "", "")
	r.NothingLeft(t)
}
