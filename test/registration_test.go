package test

import (
	"fmt"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// A registration that is not refreshed ends, and the phone is called no more.
func TestRegistrationExpires(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) { cfg.Registrar.MinExpires = time.Second })
	r.User("100")
	w, gw := r.Dial(t, "udp"), r.Dial(t, "trusted")
	w.Register("100", "Expires: 600")
	ask := func(id string) *sip.Message {
		gw.Send(fmt.Sprintf("MESSAGE sip:100@%s SIP/2.0\nVia: %s\nFrom: <sip:1@127.0.0.1>;tag=1\nTo: <sip:100@%s>\nCall-ID: %s\nCSeq: 1 MESSAGE\nContent-Length: 0\n", harness.Domain, gw.Via(), harness.Domain, id))
		if id == "before" {
			w.Reply(w.Request("MESSAGE"), 200, "x", "", "")
		}
		return gw.Final(id, "MESSAGE")
	}
	if m := ask("before"); m.StatusCode() != 200 {
		t.Errorf("at once: %d", m.StatusCode())
	}
	w.Register("100", "Expires: 1")
	time.Sleep(1500 * time.Millisecond)           // no clock of ours reaches real sockets
	if m := ask("after"); m.StatusCode() != 202 { // kept until he is back
		t.Errorf("when it has ended: %d", m.StatusCode())
	}
}
